# The build: what the module exports, what is compiled in, what install puts where, and what is said
# when something is missing.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir('crm360-XXXXXX', DIR => '/tmp', CLEANUP => 1);
my $root = root();

# Output and exit code of a shell command.
sub shell {
    my ($command) = @_;
    my $output = `cd $root && ($command) 2>&1`;
    return ($output, $? >> 8);
}

my $module = build() . '/mod_crm360_webhook.so';
my ($symbols) = shell("nm -D --defined-only $module");
# The sanitizers' own bookkeeping, there in an instrumented build only, is no export of ours.
my @symbols = grep { !/^__(?:asan|ubsan|odr_asan)/ } $symbols =~ /^\S+ \w (\S+)$/mg;
is_deeply \@symbols, ['crm360_webhook_module'], 'the module exports its record and nothing else';

my ($needed) = shell("objdump -p $module 2>/dev/null || readelf -d $module");
unlike $needed, qr/NEEDED.*lib(?:sqlite3|pq|curl)\b/, 'the module needs no database and no curl';
like $needed, qr/NEEDED.*libhiredis/, 'it needs hiredis';

# ---- texts compiled in ----

my $text = join '', map { chr } 1 .. 127;
$text .= qq{"quotes" \\back\\slash ??/ ??= é\n} . ('long ' x 20000);
spew("$dir/a.b.lua", $text);
spew("$dir/empty.lua", '');
spew("$dir/main.c", <<'END');
#include <stdio.h>
#include "core/embedded.h"
extern const crm360_embedded_t table[];
int main(void)
{
    fputs(table[0].text, stdout);
    return !(table[1].text[0] == '\0' && table[1].name[0] == 'e' && !table[2].name);
}
END
my ($output, $code) = shell("scripts/embed table $dir/a.b.lua $dir/empty.lua >$dir/table.c"
        . " && gcc -Wall -Wextra -Werror -I. -o $dir/table $dir/table.c $dir/main.c");
is $code, 0, 'embedded texts compile without a warning' or diag $output;
is `$dir/table`, $text, 'an embedded text comes back byte for byte';
is $?, 0, 'an empty text and the end of the table are right';
spew("$dir/nul.lua", "a\0b");
($output, $code) = shell("scripts/embed table $dir/nul.lua");
isnt $code, 0, 'a text with a NUL is refused';
($output, $code) = shell('scripts/embed table');
is $code, 0, 'a table of no files is one';

# ---- install and uninstall ----

my $make = 'make -s -f Makefile.apxs BUILD=' . build();
my $stage = "$dir/stage";
my @libexec = shell('apxs -q LIBEXECDIR');
chomp $libexec[0];

($output, $code) = shell("$make install DESTDIR=$stage PREFIX=/opt/crm");
is $code, 0, 'install' or diag $output;
for my $file ("$libexec[0]/mod_crm360_webhook.so", qw(/opt/crm/sbin/crm360d
    /opt/crm/bin/crm360ctl /etc/crm360/crm360.conf /opt/crm/share/man/man8/crm360d.8
    /opt/crm/share/man/man8/crm360ctl.8 /opt/crm/share/man/man5/crm360.conf.5
    /opt/crm/share/man/man7/mod_crm360_webhook.7 /opt/crm/share/doc/crm360/README.md
    /opt/crm/share/bash-completion/completions/crm360ctl)) {
    ok -s "$stage$file", "$file is installed";
}
my $documents = "$stage/opt/crm/share/doc/crm360";
like slurp("$documents/crm360_webhook.load"),
    qr{^LoadModule crm360_webhook_module \Q$libexec[0]\E/mod_crm360_webhook\.so$}m,
    'the file for a2enmod names the module where it is';
like slurp("$documents/crm360d.service"), qr{^ExecStart=/opt/crm/sbin/crm360d -f$}m,
    'and the one for systemd the daemon';
is system("grep -rE '\@[A-Z]+\@' $documents"), 256, 'no path is left out';
($output, $code) = shell("$stage/opt/crm/sbin/crm360d -V");
is $code, 0, 'the installed crm360d runs' or diag $output;
spew("$stage/etc/crm360/crm360.conf", "# mine\n");
shell("$make install DESTDIR=$stage PREFIX=/opt/crm");
is slurp("$stage/etc/crm360/crm360.conf"), "# mine\n", 'a configuration that is there stays';
($output, $code) = shell("$make uninstall DESTDIR=$stage PREFIX=/opt/crm");
is $code, 0, 'uninstall' or diag $output;
my ($left) = shell("cd $stage && find . -type f");
is $left, "./etc/crm360/crm360.conf\n", 'it takes everything away but an edited configuration';
shell("rm $stage/etc/crm360/crm360.conf; $make install uninstall DESTDIR=$stage PREFIX=/opt/crm");
($left) = shell("cd $stage && find . -type f");
is $left, '', 'an unedited configuration goes too';

# ---- packages ----

my @packages = slurp("$root/Makefile.apxs") =~ /^\$\(call need_\w+,[^)]*\)?,([\w-]+)\)$/mg;
cmp_ok scalar @packages, '>=', 9, 'packages that a build asks for: ' . @packages;
my ($listed) = slurp("$root/scripts/packages") =~ /^build="(.*?)"/ms;
my ($told) = slurp("$root/README.md") =~ /^ +apt-get install ((?:.*\\\n)*.*)/m;
for my $list (["scripts/packages", $listed], ["README.md's apt-get line", $told]) {
    my %there = map { $_ => 1 } split /[\s\\]+/, $list->[1];
    is_deeply [grep { !$there{$_} } @packages], [], "each stands in $list->[0]";
}

# ---- what is missing is named ----

($output, $code) = shell("$make all APXS=apxs-that-is-not-there");
isnt $code, 0, 'no apxs: no build';
like $output, qr/apxs-that-is-not-there is missing: install the Debian package apache2-dev/,
    'no apxs: the package is named';
($output, $code) = shell("$make all PKG_CONFIG=false");
like $output, qr/the library hiredis is missing: install the Debian package libhiredis-dev/,
    'no library: the package is named';
($output, $code) = shell("make -s -f Makefile.apxs clean APXS=no BUILD=$dir/none");
is $code, 0, 'clean needs nothing' or diag $output;
my %phony = map { $_ => 1 } map { split ' ' } slurp("$root/Makefile.apxs") =~ /^\.PHONY: (.+)$/mg;
is_deeply [grep { !$phony{$_} } qw(all unit-tests check bench chaos ui install uninstall clean)], [],
    'the targets are .PHONY';

done_testing;
