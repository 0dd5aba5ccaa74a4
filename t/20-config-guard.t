# The annotated reference conf/crm360.conf lists exactly the directives of the table, each with the
# facts and the help of the table, set to its default where it has one; and what it shows can be read.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Temp qw(tempdir);
use Test::More;

my $program = build() . '/t/config_test';
my $reference = slurp(root() . '/conf/crm360.conf');

# ---- the table, as the programs list it with --help ----

my (@names, %row);
for (split /^(?=Crm360)/m, scalar `$program listing`) {
    my ($syntax, $facts, $help) = /^(.+)\n    (Stands: .+)\n    (.+)\n\z/
        or die("the listing has another form: $_");
    my ($name) = $syntax =~ /^(\w+)/;
    my ($default) = $facts =~ /Default: (.*?)\. (?:Range|Read)/;
    push @names, $name;
    $row{$name} = {syntax => $syntax, facts => $facts, help => $help, default => $default};
}
cmp_ok scalar @names, '>=', 18, 'the listing has directives';

# ---- the reference: blocks of comment lines with one or more settings behind ----

# Head of a block "# Name ...", its text "#     ...", a setting "#Name ..." or, in a section, "#    Name ...".
my $SETTING = qr/^#(?: {4})?(?=Crm360\w+ )/m;

my (@described, %block);
for (split /\n{2,}/, $reference) {
    next unless /^# (Crm360\w+)\b.*\n#     Stands: /;
    push @described, $1;
    $block{$1} = $_;
}
is_deeply \@described, \@names, 'the reference describes each directive, in the order of the table';
is_deeply [grep { !/^\s*(?:#|$)/ } split /\n/, $reference], [], 'it sets nothing by itself';
my %set = map { $_ => 1 } $reference =~ /$SETTING(\w+)/g;
is_deeply [sort keys %set], [sort @names], 'no directive is set without its description';

for my $name (@names) {
    my ($block, $row) = ($block{$name} // '', $row{$name});
    my ($syntax, $facts, @rest) = split /\n/, $block;
    my $text = join ' ', map { /^#     (.+)/ ? $1 : () } @rest;
    my @settings = map { /$SETTING$name (.+)/ ? $1 : () } @rest;

    is $syntax, "# $row->{syntax}", "$name: syntax";
    is $facts, "#     $row->{facts}", "$name: facts";
    is substr($text, 0, length $row->{help}), $row->{help}, "$name: meaning";
    if ($row->{default} =~ /^(?:none|by route|that of Crm360\w+)$/) {
        is scalar @settings, 1, "$name: an example";
    }
    else {
        is join(', ', @settings), $row->{default}, "$name: set to its default";
    }
}

# ---- what it shows can be read ----

my $dir = tempdir('crm360-XXXXXX', DIR => '/tmp', CLEANUP => 1);
my $live = $reference;
$live =~ s/^#<Location.*?^#<\/Location>\n//ms or die('the reference shows no <Location>');
$live =~ s/^#(?=<\/?Crm360)//mg;
$live =~ s/$SETTING//g;
$live =~ s{/etc/crm360/}{$dir/}g;
for my $secret ($live =~ /^(?:\w+PasswordFile |.*\bsecret=)(\S+)/mg) {
    spew($secret, "secret\n");
    chmod 0600, $secret;
}
spew("$dir/crm360.conf", $live);
is scalar `$program read $dir/crm360.conf`, '', 'every line of it, taken in, makes a good file';
is $?, 0, 'and the reader agrees';
my $lines = () = $live =~ /^Crm360/mg;
cmp_ok $lines, '>=', 18, "it was read with its $lines settings";
spew("$dir/crm360.conf", $reference);
is scalar `$program read $dir/crm360.conf`, '', 'as it stands it is a good file, too';

# ---- the files for a2enmod ----

my $site = slurp(root() . '/conf/crm360_webhook.conf');
my %known = map { lc($_) => 1 } @names;
my @used = $site =~ /^\s*#?(Crm360\w+)/mg;
cmp_ok scalar @used, '>=', 1, 'crm360_webhook.conf has directives of ours';
is_deeply [grep { !$known{lc $_} || $row{$_}{facts} !~ /<Location>/ } @used], [],
    'and all of them belong into a <Location>';
like slurp(root() . '/conf/crm360_webhook.load.in'),
    qr{^LoadModule crm360_webhook_module \@LIBEXECDIR\@/mod_crm360_webhook\.so$}m,
    'the module is loaded by name, from where make install puts it';

done_testing;
