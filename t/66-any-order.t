# Deliveries of all inbound platforms about a thousand things, shuffled, a third of them twice, with four
# workers at once, end on SQLite and on PostgreSQL in the same rows as in their order, once and with one
# worker. The seed is printed; CRM360_SEED gives another.
# Plain builds only: long; the tests of the handlers run its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Deliveries;
use Crm360::Postgres;
use Crm360::Rows;
use Crm360::Test;
use List::Util qw(first);
use Test::More;

my $SEED = $ENV{CRM360_SEED} || 1 + int rand 1_000_000;
my $EACH = fast() ? 125 : 20;
my $WAIT = fast() ? 120 : 400;

diag "CRM360_SEED=$SEED";
my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;

my $site = Crm360::Test->new(settings => "Crm360Workers live 4\nCrm360DedupKey none");
my $secret = spew($site->dir . '/pg.password', "secret\n");
chmod 0600, $secret;
my %rows;
$site->{databases} = {};
for my $name (qw(ordered-lite shuffled-lite shuffled-pg)) {
    my $database = "acme/$name";
    if ($name =~ /pg/) {
        (my $on_server = $name) =~ tr/-/_/;
        $pg->create($on_server);
        $site->{databases}{$database} = "Crm360DBDriver pgsql\nCrm360DBParams \""
            . $pg->params($on_server) . "\"\nCrm360DBPasswordFile $secret";
        $rows{$name} = Crm360::Rows->new(sub { return $pg->rows($on_server, $_[0]) });
    }
    else {
        $site->{databases}{$database} = '';
        $rows{$name} = Crm360::Rows->new(sub { return $site->rows($database, $_[0]) });
    }
}
$site->write_conf;
$site->start;
$site->stop_consumer;

sub send_all {
    my ($name, @deliveries) = @_;
    is Crm360::Deliveries::post($site, "acme/$name", @deliveries), 0,
        "$name: all " . @deliveries . ' are taken in';
    return;
}

sub wait_done {
    my (@names) = @_;
    for my $name (@names) {
        wait_until { !$site->redis('ZCARD', $site->key("acme/$name", 'live')) } $WAIT, "$name: all are done";
        is $site->redis('ZCARD', $site->key("acme/$name", 'dead')), 0, "$name: no dead letter";
    }
    return;
}

my @deliveries = Crm360::Deliveries::make(seed => $SEED, each => $EACH);
my @shuffled = Crm360::Deliveries::shuffled($SEED + 1, @deliveries);
ok @deliveries > 8 * $EACH * 4, 'there are deliveries: ' . @deliveries . ', shuffled ' . @shuffled;

# In order: one worker a database, so that they do not overtake each other.
$site->{settings} = "Crm360Workers live 4\nCrm360WorkersPerDatabase 1\nCrm360DedupKey none";
$site->write_conf;
send_all('ordered-lite', @deliveries);
$site->start_consumer;
wait_done('ordered-lite');
$site->stop_consumer;

$site->{settings} = "Crm360Workers live 4\nCrm360DedupKey none";
$site->write_conf;
send_all($_, @shuffled) for qw(shuffled-lite shuffled-pg);
$site->start_consumer;
wait_done(qw(shuffled-lite shuffled-pg));

my %natural = map { $_ => [$rows{$_}->natural] } keys %rows;
my $wanted = $natural{'ordered-lite'};
ok @$wanted > 8 * $EACH, 'there are rows: ' . @$wanted;
for my $name (qw(shuffled-lite shuffled-pg)) {
    my (%wanted, %got);
    $wanted{$_}++ for @$wanted;
    $got{$_}++ for @{ $natural{$name} };
    my @difference = ((map { "- $_" } grep { ($got{$_} // 0) < $wanted{$_} } sort keys %wanted),
        (map { "+ $_" } grep { ($wanted{$_} // 0) < $got{$_} } sort keys %got));
    ok !@difference, "$name: the same rows as in order";
    diag $_ for first { defined } join "\n", @difference > 20 ? @difference[0 .. 19] : @difference;
}
my %tables = map { /^(\w+):/ ? ($1 => 1) : () } @$wanted;
ok $tables{$_}, "rows of $_ were compared" for qw(Contacts Addresses ContactIdentifiers PurchaseGoods
    PurchaseGoodCategories PurchaseHeaders PurchaseDetails Vouchers Stores Cases CaseCategories
    ContactInterests ContactInterestCategories WebhookEvents WebhookPoints);

$site->done;
