# On what a run was made: the machine, the versions of everything, and how busy it was.
package Crm360::Bench::Machine;

use strict;
use warnings;

use Exporter qw(import);

use Crm360::Httpd;
use Crm360::Test;

our @EXPORT_OK = qw(machine versions load_average);

# The first match in what a command prints, or 'unknown'.
sub _ask {
    my ($pattern, @command) = @_;

    my $pid = open my $pipe, '-|';
    die "cannot fork: $!\n" if !defined $pid;
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    my $text = do { local $/; <$pipe> } // '';
    close $pipe;
    return $text =~ $pattern ? $1 : 'unknown';
}

sub _read {
    my ($file, $pattern) = @_;
    my $text = eval { slurp($file) } // '';
    return $text =~ $pattern ? $1 : 'unknown';
}

# The machine, and the file system that the files of the run were on.
sub machine {
    my ($folder) = @_;
    my $processors = () = (eval { slurp('/proc/cpuinfo') } // '') =~ /^processor\s*:/mg;

    return {
        processor => _read('/proc/cpuinfo', qr/^model name\s*:\s*(.+?)\s*$/m),
        processors => $processors,
        memory_mb => int(_read('/proc/meminfo', qr/^MemTotal:\s*(\d+)/m) / 1024),
        kernel => _ask(qr/^([\d.]+)/, 'uname', '-r'),
        system => _read('/etc/os-release', qr/^PRETTY_NAME="?([^"\n]+)/m),
        folder => $folder,
        file_system => _ask(qr/^(\S+)/m, 'findmnt', '-no', 'FSTYPE', '--target', $folder),
        mount_options => _ask(qr/^(\S+)/m, 'findmnt', '-no', 'OPTIONS', '--target', $folder),
    };
}

sub versions {
    return {
        crm360 => _ask(qr/([\d.]+)/, build() . '/crm360d', '-V'),
        commit => _ask(qr/^([0-9a-f]{7,})$/m, 'git', '-C', root(), 'rev-parse', '--short', 'HEAD'),
        httpd => _ask(qr{Apache/([\d.]+)}, Crm360::Httpd::program(), '-v'),
        redis => _ask(qr/v=([\d.]+)/, 'redis-server', '--version'),
        sqlite => _ask(qr/^([\d.]+)/, 'sqlite3', '--version'),
        postgresql => _ask(qr/([\d.]+)/, 'psql', '--version'),
        wrk => _ask(qr{wrk \w*/?([\d.]+)}, 'wrk', '-v'),
    };
}

# How many processes wanted to run in the last minute; without ours this is what disturbs a run.
sub load_average { return _read('/proc/loadavg', qr/^(\S+)/) + 0 }

1;
