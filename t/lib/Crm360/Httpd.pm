# Writes the httpd.conf of a test and knows how to call httpd. Which modules are built in and where the
# others are is asked of httpd and apxs.
package Crm360::Httpd;

use strict;
use warnings;

our @MODULES = qw(unixd log_config authz_core authz_host authn_core alias dir headers rewrite env
    setenvif status info);

my %asked;

# One value of `apxs -q`.
sub apxs {
    my ($name) = @_;

    if (!defined $asked{$name}) {
        open my $pipe, '-|', ($ENV{APXS} || 'apxs'), '-q', $name or die "cannot run apxs: $!\n";
        chomp($asked{$name} = <$pipe> // '');
        close $pipe or die "apxs -q $name failed\n";
    }
    return $asked{$name};
}

sub program { return apxs('SBINDIR') . '/' . apxs('PROGNAME') }

# LoadModule lines for those of @names that are not built in and exist.
sub load_modules {
    my (@names) = @_;
    my $folder = apxs('LIBEXECDIR');

    if (!$asked{built_in}) {
        open my $pipe, '-|', program(), '-l' or die "cannot run httpd: $!\n";
        $asked{built_in} = { map { /^\s+(?:mod_)?(\w+)\.c/ ? ($1 => 1) : () } <$pipe> };
        close $pipe;
    }
    return join '', map { "LoadModule ${_}_module $folder/mod_$_.so\n" }
        grep { !$asked{built_in}{$_} && -e "$folder/mod_$_.so" } @names;
}

# Whom the children run as when the test runs as root: user and group, or nothing.
sub unprivileged {
    return () if $>;
    for my $user (qw(www-data nobody)) {
        my (undef, undef, undef, $gid) = getpwnam $user;
        return ($user, scalar getgrgid $gid) if defined $gid;
    }
    die "neither www-data nor nobody exists to run httpd's children\n";
}

my %MPM_LIMITS = (
    prefork => "StartServers 4\nMinSpareServers 2\nMaxSpareServers 8\nServerLimit 32\n"
        . "MaxRequestWorkers 32\n",
    threads => "StartServers 2\nThreadsPerChild 16\nThreadLimit 16\nServerLimit 4\n"
        . "MinSpareThreads 8\nMaxSpareThreads 64\nMaxRequestWorkers 64\n",
);

# The text of a httpd.conf. Options: dir, port, docroot, module (path of the .so), conf (crm360.conf),
# mount, location (text inside it), server (text at server level), mpm, loglevel, preload (text before
# the module is loaded), modules (more module names).
sub conf {
    my (%o) = @_;
    my $mpm = $o{mpm} || 'event';
    my ($user, $group) = unprivileged();
    my $limits = $MPM_LIMITS{ $mpm eq 'prefork' ? 'prefork' : 'threads' };

    return join '',
        "ServerRoot \"$o{dir}\"\nDefaultRuntimeDir \"$o{dir}\"\nPidFile \"$o{dir}/httpd.pid\"\n",
        "Listen 127.0.0.1:$o{port}\nServerName 127.0.0.1:$o{port}\nListenBackLog 1024\n",
        load_modules("mpm_$mpm", @MODULES, @{ $o{modules} || [] }),
        ($user ? "User $user\nGroup $group\n" : ''),
        $limits,
        "ErrorLog \"$o{dir}/log/httpd-error.log\"\nLogLevel ", $o{loglevel} || 'info', "\n",
        "LogFormat \"%a \\\"%r\\\" %>s %D id=%{crm360-id}n queue=%{crm360-queue}n ",
        "push=%{crm360-push-us}n\" test\n",
        "CustomLog \"$o{dir}/log/httpd-access.log\" test\n",
        "DocumentRoot \"$o{docroot}\"\n<Directory \"$o{docroot}\">\n    AllowOverride All\n",
        "    Options FollowSymLinks\n    Require all granted\n</Directory>\n",
        "LoadModule crm360_webhook_module \"$o{module}\"\n",
        ($o{conf} ? "Include \"$o{conf}\"\n" : ''),
        (defined $o{mount}
            ? "<Location \"$o{mount}\">\n    Crm360Webhook On\n" . ($o{location} || '')
                . "\n</Location>\n"
            : ''),
        $o{server} || '', "\n";
}

1;
