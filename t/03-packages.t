# debian/ fits the rest: versions, the files of each package, build dependencies, users and folders, and maintainer
# scripts that are shell. Whether the packages work is tried by make packages.
# Plain builds only: no program of ours runs here.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Find qw(find);
use File::Temp qw(tempdir);
use Test::More;

chdir root() or die;

my $control = slurp('debian/control');
my @packages = $control =~ /^Package: (\S+)$/mg;
is_deeply [sort @packages], [qw(crm360-common crm360ctl crm360d libapache2-mod-crm360-webhook)],
    'the packages';

# ---- version ----

my ($version) = slurp('core/version.h') =~ /CRM360_VERSION "([\d.]+)"/;
my ($newest) = slurp('debian/changelog') =~ /\Acrm360 \(([^)]+)\)/;
is $newest, $version, 'debian/changelog and core/version.h are of one version';
like slurp('CHANGES.md'), qr/^## \Q$version\E /m, 'so is CHANGES.md';

# ---- files ----

my $stage = tempdir('crm360-XXXXXX', DIR => '/tmp', CLEANUP => 1);
my $output = `make -s -f debian/rules override_dh_auto_install BUILD=@{[build()]} DESTDIR=$stage 2>&1`;
is $?, 0, 'debian/rules installs' or diag $output;
my %made;
find({ no_chdir => 1, wanted => sub { $made{ s{^\Q$stage\E/}{}r } = [] if -f } }, $stage);
cmp_ok scalar keys %made, '>', 15, 'files: ' . keys %made;

for my $package (@packages) {
    my @entries = split /\n/, slurp("debian/$package.install");
    cmp_ok scalar @entries, '>', 1, "$package has files";
    for my $entry (@entries) {
        my @files = grep { m{^\Q$entry\E(?:/|\z)} } keys %made;
        ok scalar @files, "$package: make install makes $entry";
        push @{ $made{$_} }, $package for @files;
    }
}
is_deeply [grep { @{ $made{$_} } != 1 } sort keys %made], [], 'each file is in one package';
my %name = map { m{([^/]+)\z} ? ($1 => 1) : () } keys %made;
my @sources = grep { -f } glob 'conf/* conf/*/* doc/*.txt man/*.[1-9]';
# The name that the program that looks for it wants.
my %other_name = ('crm360.sysusers' => 'crm360.conf', 'crm360.tmpfiles' => 'crm360.conf',
    'crm360.logrotate' => 'crm360d', 'crm360ctl.bash-completion' => 'crm360ctl');
is_deeply [grep { my ($n) = m{([^/]+?)(?:\.in)?\z}; !$name{ $other_name{$n} // $n } } @sources], [],
    'each file of conf/, doc/ and man/ is installed: ' . @sources;
my $pages = slurp("$stage/usr/share/man/man8/crm360d.8");
like $pages, qr{/usr/share/doc/crm360/errors\.txt}, 'the manual names the documents where the package has them';
unlike $pages, qr{/usr/local/}, '  and not where make install has them by itself';
my ($configuration) = slurp('core/version.h') =~ /CRM360_CONFIG_FILE "\/(.*)"/;
is_deeply $made{$configuration}, ['crm360-common'], 'the configuration belongs to crm360-common';

# ---- what is needed to build ----

my ($needed) = $control =~ /^Build-Depends: (.*?)^\S/ms;
my %needed = map { $_ => 1 } $needed =~ /([a-z][\w.+-]+)/g;
my @asked = slurp('Makefile.apxs') =~ /^\$\(call need_\w+,[^)]*\)?,([\w-]+)\)$/mg;
cmp_ok scalar @asked, '>=', 9, 'packages that a build asks for: ' . @asked;
is_deeply [grep { $_ ne 'gcc' && !$needed{$_} } @asked], [], 'debian/control has them';

# ---- user and folders ----

my $unit = slurp('conf/crm360d.service.in');
my $users = slurp('conf/crm360.sysusers');
my $folders = slurp('conf/crm360.tmpfiles');
my ($user) = $unit =~ /^User=(\w+)$/m;
like $users, qr/^u \Q$user\E +-/m, 'the user of the unit is made';
like $folders, qr{^d /var/lib/crm360 +0750 \Q$user\E }m, 'so is its folder';
like $unit, qr{^StateDirectory=crm360$}m, '  which is the one of the unit';
my ($spool) = $unit =~ /^ReadWritePaths=-(\S+)$/m;
like $folders, qr{^d \Q$spool\E +2770 \Q$user\E crm360-spool }m, 'and the spool that the unit may write';
like $users, qr/^m \Q$_\E +crm360-spool$/m, "$_ may use the spool" for $user, 'www-data';

# ---- maintainer scripts ----

my @scripts = glob 'debian/*.postinst debian/*.postrm debian/*.prerm debian/*.preinst';
cmp_ok scalar @scripts, '>=', 4, 'maintainer scripts: ' . @scripts;
for my $script (@scripts) {
    my $text = slurp($script);
    is system('sh', '-n', $script), 0, "$script is shell";
    like $text, qr/\A#!\/bin\/sh\n# .*^set -e\n.*^#DEBHELPER#\n/ms, '  says what it is for, and stops at errors';
    unlike $text, qr/(?:systemctl|service|invoke-rc\.d) (?:\S+ )?restart|userdel|rm -rf/,
        '  restarts nothing, and clears nothing away';
}

done_testing;
