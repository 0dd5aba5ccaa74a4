# Guards on the documents: each directive and option is described, each log code is explained, and the
# manual pages are well formed.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

chdir root() or die;

# Two sets of names are the same; one assertion that names the difference.
sub same_set {
    my ($got, $want, $what) = @_;
    my %got = map { $_ => 1 } @$got;
    my %want = map { $_ => 1 } @$want;
    my @difference = ((map { "$_: undocumented" } sort grep { !$got{$_} } keys %want),
        (map { "$_: not there any more" } sort grep { !$want{$_} } keys %got));

    ok !@difference && keys %want, "$what (" . keys(%want) . ')';
    diag "  $_" for @difference;
    return;
}

# ---- manual pages ----

my @pages = glob 'man/*.[1-9]';
is @pages, 4, 'there are the manual pages';
for my $page (@pages) {
    my $complaints = `mandoc -Tlint -W style $page 2>&1`;
    # Pages that are not installed here (and ours, before installation) cannot be looked up.
    $complaints = join '', grep { !/referenced manual not found/ } split /^/, $complaints;
    is $complaints, '', "mandoc has nothing to say about $page";
    my $text = slurp($page);
    like $text, qr/^\.Sh \Q$_\E$/m, "$page has $_" for 'NAME', 'DESCRIPTION', 'SEE ALSO';
}

# ---- the README ----

my @documents = glob 'doc/*.txt';
my $readme = slurp('README.md');
is_deeply [grep { $readme !~ /^\| .*`\Q$_\E`/m } @documents], [], 'README.md lists each of doc/: ' . @documents;

# ---- directives ----

my $help = `@{[build()]}/crm360d --help`;
is $?, 0, 'crm360d --help';
my @directives = $help =~ /^\s*(Crm360\w+)/mg;
my %is_directive = map { $_ => 1 } @directives;
my $conf_page = slurp('man/crm360.conf.5');
my $module_page = slurp('man/mod_crm360_webhook.7');
my @described = grep { $_ ne 'Crm360Database' }
    "$conf_page$module_page" =~ /^\.It Ic (Crm360\w+)/mg;
same_set(\@described, [keys %is_directive], 'each directive is described in a manual page');
like $conf_page, qr/^\.It Ic < ?Crm360Database/m, 'and the section is';

# ---- options ----

for my $program ([crm360d => 'man/crm360d.8'], [crm360ctl => 'man/crm360ctl.8']) {
    my ($name, $page) = @$program;
    my $text = `@{[build()]}/$name --help`;
    my @options = $text =~ /^\s+-(\w)\b/mg;
    my ($listed) = slurp($page) =~ /(^\.Bl .*?^\.El)/ms;
    my @described = ($listed // '') =~ /^\.It Fl (\w)\b/mg;

    same_set(\@described, \@options, "each option of $name is described");
}

# ---- verbs ----

{
    my $page = slurp('man/crm360ctl.8');
    my ($list) = `@{[build()]}/crm360ctl --help` =~ /^Verbs:\n(.*?)^\w/ms;
    my @verbs = map { s/(?: [\[{]| [a-zA-Z]+\/| ID| FILE| LANE).*//r } ($list // '') =~ /^  (\w.*)/mg;

    cmp_ok scalar @verbs, '>', 10, 'there are verbs: ' . @verbs;
    for my $verb (@verbs) {
        my ($text) = $page =~ /^(\.It Cm \Q$verb\E(?: [A-Z].*)?\n.*)/ms;
        ok $text, "$verb is described in crm360ctl(8)";
        my @options = grep { $_ ne 'help' } `@{[build()]}/crm360ctl $verb --help` =~ /^  --([\w-]+)/mg;
        is_deeply [grep { $page !~ /(?:Fl|\|) -\Q$_\E\b/ } @options], [], '  and its options are';
    }
}

# ---- log codes ----

my %used;
for my $file (grep { $_ ne 'core/log.h' } glob '*.[ch] */*.[ch]') {
    $used{"CRM$_"} = 1 for slurp($file) =~ /CRM360_LOGNO\(\s*(\d+)\s*\)/g;
}
my $errors = slurp('doc/errors.txt');
my @explained = $errors =~ /^(CRM\d+)  \S/mg;
my %times;
$times{$_}++ for @explained;
same_set(\@explained, [keys %used], 'each log code is explained in doc/errors.txt');
is_deeply [grep { $times{$_} > 1 } sort keys %times], [], 'no code is explained twice';
my @bare = grep { !/\A.*\n(?:[ \t].*\n|\n)*[ \t]+\S/ } split /^(?=CRM\d)/m,
    $errors =~ s/\A.*?^(?=CRM\d)//msr;
is_deeply [map { (split ' ')[0] } @bare], [], 'each says more than its text';

# ---- problems ----

my @problems = slurp('mod_crm360_reply.c') =~ /^ +\[PROBLEM_\w+\] = *\{\s*HTTP_\w+,\s*"([\w-]+)",/mg;
my ($answers) = $errors =~ /^Answers to callers\n=+\n(.*)/ms;
my @types = ($answers // '') =~ /^urn:crm360:problem:([\w-]+)  [45]\d\d\n {4}\S/mg;
same_set(\@types, \@problems, 'each type of problem is explained in doc/errors.txt');
my %type_times;
$type_times{$_}++ for @types;
is_deeply [grep { $type_times{$_} > 1 } sort keys %type_times], [], 'and none twice';
my ($listed_problems) = $module_page =~ /^\.Li urn:crm360:problem:NAME.*?^(\.Bl .*?^\.El)/ms;
same_set([map { split / , / } ($listed_problems // '') =~ /^\.It Li (.*)/mg], \@problems,
    'mod_crm360_webhook(7) lists them');

# ---- look-ups ----

# Table => "1 Label|2 Label" as a schema file fills it.
sub look_ups_of {
    my ($driver) = @_;
    my %labels;
    for my $file (glob "crm/schema/*-$driver.sql") {
        my $text = slurp($file);
        while ($text =~ /^INSERT INTO (\w+) \(\w+, Label(, Accountable)?\) VALUES(.*?);$/msg) {
            my ($table, $accountable, $rows) = ($1, $2, $3);
            $labels{$table} = join '|', map { /^(\d+)\W+(.*?)'(?:, (\d))?/ ? "$1 $2" . ($3 ? '*' : '') : () }
                $rows =~ /\((\d+, '[^']*'(?:, \d)?)\)/g;
        }
    }
    return \%labels;
}

my ($chapter) = slurp('doc/handlers.txt') =~ /^2\. Look-ups\n=+\n(.*?)^State and consent/ms;
my %listed;
for my $entry (split /\n(?=    \w)/, $chapter) {
    my ($table, $labels) = $entry =~ /\A\s*([A-Z]\w+) +(1 .*)/s or next;
    $labels =~ s/\s+\(.*//s;
    $listed{$table} = join '|', split /\s{2,}|\n\s*/, $labels;
}
is_deeply look_ups_of('pgsql'), look_ups_of('sqlite3'), 'both databases have the same look-ups';
is_deeply \%listed, look_ups_of('sqlite3'), 'doc/handlers.txt lists the look-ups as the schema has them';
cmp_ok scalar keys %listed, '>', 10, 'there are some: ' . keys %listed;

done_testing;
