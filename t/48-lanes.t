# Databases, lanes and workers: that nobody who has much to do, or misbehaves, holds up the others. Backlogs of
# 100,000 messages, the limit of workers on one database, and a handler that takes memory without end.
# Plain builds only: its subject is time, and the memory that a worker may take.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $BACKLOG = timing() ? 100_000 : 5_000;
my ($BUSY, $FRESH, $PG) = ('acme/prod', 'acme/fresh', 'acme/pg');

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[@sorted / 2] }

sub queued { my ($site, $database, $lane) = @_; return $site->redis('ZCARD', $site->key($database, $lane || 'live')) }

# Pushes a message and returns how many ms it took until it was done and gone from its queue.
sub pushed_and_done {
    my ($site, $database, $order, %option) = @_;
    my $counters = $site->key($database, 'counters');
    my $done = $site->redis('HGET', $counters, 'done') // 0;
    my $from = time;

    $site->push_order($order, database => $database, %option);
    until (($site->redis('HGET', $counters, 'done') // 0) > $done) {
        die "not done in 30 s\n" if time - $from > 30;
        sleep 0.0005;
    }
    return 1000 * (time - $from);
}

# Pushes messages at random times, and says by how much a backlog delays them. `idle` are the times without it.
sub is_not_held_up {
    my ($site, $what, $idle, $database, $order, %option) = @_;
    my @took;

    for (1 .. (timing() ? 40 : 5)) {
        sleep rand 0.1;
        push @took, pushed_and_done($site, $database, $order, %option) - $idle;
    }
    @took = sort { $a <=> $b } @took;
    diag sprintf '%s: delayed by %.1f ms (median), %.1f ms (most)', $what, median(@took), $took[-1];
    cmp_ok $took[-1], '<', 100, "$what: a fresh message is delayed by less than 100 ms" if timing();
    return;
}

# ---- a backlog in one database, real customers, SQLite ----

{
    my $customer = slurp(root() . '/t/fixtures/shopify/customer-insert.json')
        =~ s/"id":7312459817263/"id":7NUMBER/r =~ s/lea\.marchand\@/lea.NUMBER\@/r
        =~ s/"phone":"\+\d+"/"phone":null/gr;
    my $route = 'Shopify/Customer/Insert';
    my $site = Crm360::Test->new(
        databases => { $BUSY => '', $FRESH => '' }, settings => 'Crm360Workers live 2');
    my @order = ($FRESH, slurp(root() . '/t/fixtures/shopify/customer-insert.json'), route => $route);

    $site->start_redis;
    $site->migrate;
    $site->start_consumer;
    my $idle = median(map { pushed_and_done($site, @order) } 1 .. 11);
    $site->fill_queue($BACKLOG, database => $BUSY, route => $route, body => $customer);
    is_not_held_up($site, 'customers on SQLite', $idle, @order);
    cmp_ok queued($site, $BUSY), '>', 0, 'the backlog is still there';
    wait_until { queued($site, $BUSY) < $BACKLOG / 2 } 60, 'and is being worked on';
    $site->finish;
}

# ---- a backlog that keeps all workers busy ----

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');

# A site with a database on PostgreSQL and others on SQLite.
sub site_with_postgresql {
    my ($settings) = @_;
    my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty', settings => $settings);
    my $file = spew($site->dir . '/password', "secret\n");

    chmod 0600, $file;
    $site->{databases} = { $BUSY => '', $FRESH => '',
        $PG => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
            . "\"\nCrm360DBPasswordFile $file" };
    $site->write_conf;
    $site->start_redis;
    $site->migrate;
    $site->start_consumer;
    return $site;
}

# The names of all who hold claims of a database now.
sub holders {
    my ($site, $database) = @_;
    my %name = map { decode_json($_)->{worker} => 1 } @{ $site->redis('HVALS', $site->key($database, 'claims')) };
    return keys %name;
}

{
    my $site = site_with_postgresql("Crm360Workers live 2\nCrm360Workers batch 2\n");
    my $idle = median(map { pushed_and_done($site, $FRESH, 'done') } 1 .. 11);

    $site->fill_queue($BACKLOG, database => $PG, body => 'sleep 5');
    wait_until { holders($site, $PG) == 2 } 5, 'both workers join a backlog';
    is_not_held_up($site, 'both workers at a backlog', $idle, $FRESH, 'done');
    wait_until { holders($site, $PG) == 2 } 5, 'both are still at it';

    # The other lanes have workers of their own; SQLite is held by one of all lanes.
    $site->fill_queue($BACKLOG, database => $BUSY, lane => 'batch', body => 'sleep 5');
    wait_until { holders($site, $BUSY) } 5, 'work on a backlog of the batch lane';
    is_not_held_up($site, 'one file, another lane', $idle, $BUSY, 'done');
    cmp_ok queued($site, $BUSY, 'batch'), '>', 0, 'that backlog is still there';
    cmp_ok $site->redis('HGET', $site->key($BUSY, 'counters'), 'released') // 0, '<', 1000,
        'claims are as large as a batch can be';
    $site->finish;
}

# ---- the limit of workers on one database ----

for my $most (1, 3) {
    my $site = site_with_postgresql("Crm360Workers live 4\nCrm360WorkersPerDatabase $most\n");
    my $seen = 0;

    $site->fill_queue(40, database => $PG, body => 'sleep 60');
    while (queued($site, $PG)) {
        my $now = holders($site, $PG);
        $seen = $now if $now > $seen;
        sleep 0.005;
    }
    is $seen, $most, "Crm360WorkersPerDatabase $most: so many of four work on a backlog";
    $site->finish;
}

# ---- memory ----

SKIP: {
    skip 'a sanitizer takes memory beyond every limit', 1 if build() =~ /asan/;

    my $site = Crm360::Test->new(
        consumer_program => 't/crm360d_faulty',
        settings => "Crm360WorkerMemory 64M\nCrm360Workers live 1\n",
    );
    my $failures = $site->key('acme/prod', 'failures');
    my $dead = $site->key('acme/prod', 'dead');
    sub history { return decode_json($_[0]->redis('HGET', $_[0]->key('acme/prod', 'failures'), $_[1])) }

    $site->start_redis;
    $site->migrate;
    $site->expect_log(qr/CRM0311/, qr/CRM0322/, qr/CRM0323: message \S*Participate/);
    $site->start_consumer;
    for my $how (qw(hoard allocate)) {
        my @ids = map { $site->push_order($_) } 'done', $how, 'done';

        wait_until { $site->redis('ZSCORE', $dead, $ids[1]) } 20,
            "$how: a handler that takes memory without end makes a dead letter";
        is history($site, $ids[1])->{crashes}, 3, "$how: after three crashes";
        like history($site, $ids[1])->{errors}[0]{reason},
            $how eq 'hoard' ? qr/used up Crm360WorkerMemory/ : qr/signal 11/, "$how: the reason";
        wait_until { queued($site, 'acme/prod') == 0 } 5, "$how: the others are done";
        is $site->redis('HLEN', $failures), $how eq 'hoard' ? 1 : 2, "$how: and charged with nothing";
    }
    my $large = $site->push_order('done ' . 'x' x (70 << 20));
    wait_until { $site->redis('ZSCORE', $dead, $large) } 30,
        'a message that is larger than the memory is a dead letter, too';
    like history($site, $large)->{errors}[0]{reason}, qr/used up Crm360WorkerMemory/,
        'for the same reason';
    is(() = $site->log_text('crm360d') =~ /CRM0323: message 01JDCW\S+ no memory is left/g, 6,
        'the log names the message each time');

    $site->push_order('crash') for 1 .. 5;
    my $began = time;
    wait_until { $site->redis('ZCARD', $dead) == 8 } 30,
        'five messages that crash a worker three times each';
    cmp_ok time - $began, '<', 5, 'do not make it start later and later' if timing();
    $site->finish;
}
done_testing;
