# Every fixture of an inbound platform, posted through httpd, ends in the right rows, on SQLite and on
# PostgreSQL: what each message adds, takes away and changes, column by column, is compared with
# t/fixtures/rows.txt.
#
# To write that file anew: CRM360_WRITE_ROWS=1 ./check t/65-fixtures.t, and then read the difference.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Rows;
use Crm360::Test;
use Test::More;

my $EXPECTED = root() . '/t/fixtures/rows.txt';
my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('pg');

my $site = Crm360::Test->new;
my $secret = spew($site->dir . '/pg.password', "secret\n");
chmod 0600, $secret;
$site->{databases} = {
    'acme/prod' => '',
    'acme/pg' => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('pg')
        . "\"\nCrm360DBPasswordFile $secret",
};
$site->write_conf;
$site->start;
for my $database ('acme/prod', 'acme/pg') {
    my ($code, $output) = $site->ctl('import-postcodes', $database,
        root() . '/t/fixtures/postcodes/laposte_hexasmal.csv');
    is $code, 0, "$database knows some post codes" or diag $output;
}

my %rows = (
    'acme/prod' => Crm360::Rows->new(sub { return $site->rows('acme/prod', $_[0]) }),
    'acme/pg' => Crm360::Rows->new(sub { return $pg->rows('pg', $_[0]) }),
);

# A time of today is that of the arrival.
my $today = substr ${[$site->sql('acme/prod', "select strftime('%Y-%m-%d', 'now') as d")]}[0]{d}, 0, 10;
sub lines_of {
    my ($database) = @_;
    return map { s/\b\Q$today\ET[0-9:]{8}/TODAY/gr } $rows{$database}->lines;
}

# What a message did: lines that are gone, then lines that are new.
sub difference {
    my ($before, $after) = @_;
    my (%before, %after);
    $before{$_}++ for @$before;
    $after{$_}++ for @$after;
    return ((map { "- $_" } grep { !$after{$_} } @$before), (map { "+ $_" } grep { !$before{$_} } @$after));
}

my $fixtures = Crm360::Fixtures::fixtures();
open my $index, '<', root() . '/t/fixtures/index.tsv' or die $!;
my @files = grep { $_ ne 'file' } map { (split /\t/)[0] } <$index>;
@files = grep { !m{^(?:crm360|captainwallet)/} } @files;
ok @files > 35, 'there are fixtures: ' . @files;

# Runs statements in both databases.
sub execute {
    my ($sql, $more) = @_;
    $site->rows('acme/prod', $sql);
    $pg->rows('pg', "$sql; $more");
    return;
}

# The contacts and addresses that the fixtures of elfy76310 name.
sub add_known {
    execute(<<'END', <<'MORE');
insert into Contacts (ContactId, FirstName, LastName) values (132, 'Léa', 'Marchand'), (977, 'Lea', 'MARCHAND');
insert into Addresses (AddressId, ContactId, Address4, PostCode, City) values
    (5501, 132, '1 rue du Port', '6000', 'Nice'), (5502, 977, '3 quai Perrache', '69001', 'Lyon');
insert into ContactIdentifiers (ContactIdentifierId, Identifier, ContactId, SourceId) values
    ('51:a', 'a', 132, 51), ('51:b', 'b', 977, 51);
update Contacts set ZoneId = 3 where ContactId in (132, 977)
END
select setval(pg_get_serial_sequence('contacts', 'contactid'), 977);
select setval(pg_get_serial_sequence('addresses', 'addressid'), 5502)
MORE
    return;
}

my %before = map { $_ => [] } keys %rows;
my $actual = '';
my $known = 0;
for my $file (@files) {
    my %did;
    if ($file =~ /^elfy/ && !$known++) {
        add_known();
        $before{$_} = [lines_of($_)] for keys %rows;
    }
    for my $database (sort keys %rows) {
        my $target = $fixtures->{$file}{target};
        local $fixtures->{$file}{target} = $target =~ s{/acme/prod/}{/$database/}r;
        my $answer = $site->post_fixture($file);
        is $answer->{status}, 200, "$file to $database" or diag $answer->{content};
    }
    for my $database (sort keys %rows) {
        my @lanes = map { $site->key($database, $_) } qw(live batch send);
        wait_until { !grep { $site->redis('ZCARD', $_) } @lanes } 20, "$file is done in $database";
        my @after = lines_of($database);
        $did{$database} = [difference($before{$database}, \@after)];
        $before{$database} = \@after;
    }
    is_deeply $did{'acme/pg'}, $did{'acme/prod'}, "$file: the same rows on both databases";
    $actual .= join("\n", "== $file", @{ $did{'acme/prod'} }) . "\n\n";
}
is $site->redis('ZCARD', $site->key($_, 'dead')), 0, "$_: no dead letter" for sort keys %rows;

spew($EXPECTED, $actual) if $ENV{CRM360_WRITE_ROWS};
my %expected = map { /^(\S+)\n(.*)/s ? ($1 => $2) : () } split /^== /m, slurp($EXPECTED);
my %actual = map { /^(\S+)\n(.*)/s ? ($1 => $2) : () } split /^== /m, $actual;
is $actual{$_}, $expected{$_}, "$_: the rows of t/fixtures/rows.txt" for @files;
is_deeply [sort keys %expected], [sort @files], 'and of no other file';

$site->done;
