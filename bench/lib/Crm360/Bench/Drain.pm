# The part "drain": how many messages a second crm360d carries into a CRM database, by kind of message, with its
# default settings and every commit on the disk. Each round makes new persons, then reports about an SMS to each of
# them, then orders of twelve lines by them, into one database of SQLite, two of SQLite at once (each has one writer),
# and one of PostgreSQL, in turns. A round's messages are put into Redis first, while the lane is paused, so
# neither start nor stop of anything is in the figures.
package Crm360::Bench::Drain;

use strict;
use warnings;

use List::Util qw(max min sum);
use Time::HiRes qw(sleep time);

use Crm360::Bench::Fill qw(fill);
use Crm360::Bench::Messages qw(patterns);
use Crm360::Bench::Site;
use Crm360::Bench::Usage qw(processes name_of cpu_us);
use Crm360::Postgres;
use Crm360::Test;

my %DATABASES = (sqlite => ['acme/lite'], two => ['acme/first', 'acme/second'], pgsql => ['acme/pg']);
my @PLACES = qw(sqlite two pgsql);
my @KINDS = qw(customer sms order); # in this order: the later ones are about the persons of the first
my %TITLE = (customer => 'Shopify customer', sms => 'SMS callback', order => 'Shopify order of 12 lines');
my %PLACE = (sqlite => 'SQLite', two => 'two SQLite', pgsql => 'PostgreSQL');
my %LEAST = (sms => 30_000, customer => 15_000, order => 5_000); # messages a second into SQLite
my %WARM_UP = (customer => 2_000, sms => 2_000, order => 500);
my $MOST = 60_000; # messages of a kind in a round

sub settings {
    my ($option) = @_;
    return $option->{quick} ? (rounds => 1, seconds => 0)
        : (rounds => $option->{rounds} || 3, seconds => $option->{seconds} || 3);
}

sub about {
    my ($own) = @_;
    return "$own->{rounds} rounds, as many messages each time as take about $own->{seconds} s; 2 workers, "
        . 'synchronous commits';
}

sub _processes {
    my ($driver) = @_;
    return (qw(workers master keeper redis), $driver eq 'pgsql' ? 'postgres' : ());
}

sub figures {
    my @figures;

    for my $driver (@PLACES) {
        push @figures, map { {
            id => "$driver.$_.rate", title => "$TITLE{$_}, $PLACE{$driver}", unit => 'messages/s',
            $driver ne 'pgsql' ? (least => $LEAST{$_}) : () } } qw(sms customer order);
    }
    for my $driver (@PLACES) {
        for my $kind (qw(sms customer order)) {
            push @figures, map { { id => "$driver.$kind.$_", title => "$TITLE{$kind}, $PLACE{$driver}",
                column => $_, unit => 'us of CPU a message' } } _processes($driver);
        }
    }
    return @figures;
}

# Processor time of each process so far, microseconds; the workers together.
sub _cpu {
    my ($site, $pg) = @_;
    my $master = $site->{consumer}->pid;
    my %is = (workers => 0, keeper => 0, redis => cpu_us($site->{redis}->pid),
        postgres => cpu_us($pg->pid, all => 1));

    for my $pid (processes($master)) {
        my $name = $pid == $master ? 'master' : name_of($pid) =~ /keeper/ ? 'keeper' : 'workers';
        $is{$name} += cpu_us($pid);
    }
    return \%is;
}

# A counter of all databases of a place together.
sub _counter {
    my ($site, $driver, $name) = @_;
    return sum map { $site->redis('HGET', $site->key($_, 'counters'), $name) || 0 } @{ $DATABASES{$driver} };
}

# Waits until `count` more messages are done, looking often; messages a second from the first to the last that was
# seen.
sub _watch {
    my ($site, $driver, $before, $count) = @_;
    my ($first, $first_at, $done);
    my $until = time + 120;

    for (;;) {
        my $now = time;
        $done = _counter($site, $driver, 'done') - $before;
        ($first, $first_at) = ($done, $now) if $done && !defined $first;
        return ($done - $first || 1) / max($now - $first_at, 0.001) if $done >= $count;
        die "$driver: $done of $count messages are done\n" . $site->log_text('crm360d') if $now > $until;
        sleep 0.005;
    }
}

# Drains messages number `from` to `to` of a kind, in each database of a place; what was measured, by the end of the
# figures' names. The lane is paused while they are put in.
sub _drain {
    my ($site, $pg, $driver, $patterns, $from, $to) = @_;
    my @databases = @{ $DATABASES{$driver} };
    my $count = ($to - $from + 1) * @databases;
    my $before = _counter($site, $driver, 'done');

    $site->redis('SADD', $site->key($_, 'paused'), 'live') for @databases;
    for my $these (map { $patterns->{$_} } @databases) {
        fill($site, $these->[$_], from => $from + $_, to => $to, step => scalar @$these, visible => 1)
            for 0 .. $#$these;
    }
    my $cpu = _cpu($site, $pg);
    for my $database (@databases) {
        $site->redis('SREM', $site->key($database, 'paused'), 'live');
        $site->redis('PUBLISH', 'crm360:1:wake', $site->key($database, 'live') . ' 1');
    }
    my $rate = _watch($site, $driver, $before, $count);
    my $after = _cpu($site, $pg);
    my $dead = _counter($site, $driver, 'dead');
    die "$driver: $dead messages are dead\n" . $site->log_text('crm360d') if $dead;
    return { rate => $rate, map { $_ => ($after->{$_} - $cpu->{$_}) / $count } _processes($driver) };
}

sub _site {
    my ($own) = @_;
    my $pg = Crm360::Postgres->new(password => 'secret', durable => 1)->start;
    my $secret = spew($pg->dir . '/password', "secret\n");

    chmod 0600, $secret;
    $pg->create('bench');
    my $site = Crm360::Bench::Site->new(databases => {
        (map { $_ => '' } map { @{ $DATABASES{$_} } } qw(sqlite two)),
        $DATABASES{pgsql}[0] => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('bench')
            . "\"\nCrm360DBPasswordFile $secret" });
    $site->start_redis;
    $site->start_httpd;
    $site->migrate;
    return ($site, $pg);
}

# What was to be done was done: a contact for each customer, twelve lines for each order, a report for each SMS.
sub _verify {
    my ($site, $pg, %made) = @_;
    my %query = (customer => 'select count(*) from Contacts', order => 'select count(*) / 12 from PurchaseDetails',
        sms => 'select count(*) from WebhookEvents where ContactId is not null');

    for my $kind (@KINDS) {
        my %has = ((map { $_ => $site->value($_, $query{$kind}) } map { @{ $DATABASES{$_} } } qw(sqlite two)),
            $DATABASES{pgsql}[0] => $pg->value('bench', $query{$kind}));
        $has{$_} == $made{$kind} or die "$kind: $made{$kind} were drained, $_ has $has{$_}\n" for sort keys %has;
    }
    return;
}

sub measure {
    my ($figures, $own) = @_;
    my ($site, $pg) = _site($own);
    my %patterns = map { $_ => patterns($site, $_) } map { @{ $DATABASES{$_} } } @PLACES;
    my %count = map { $_ => $WARM_UP{$_} / ($own->{quick} ? 5 : 1) } @KINDS;
    my ($from, %made) = (1);

    $site->stop_httpd;
    $site->start_consumer;
    for my $round ($own->{first_round} .. $own->{rounds}) {
        my (%is, %slowest);

        for my $kind (@KINDS) {
            for my $driver (@PLACES) {
                my $got = _drain($site, $pg, $driver, { map { $_ => $patterns{$_}{$kind} } keys %patterns }, $from,
                    $from + $count{$kind} - 1);
                $is{"$driver.$kind.$_"} = $got->{$_} for keys %$got;
                $slowest{$kind} = min($slowest{$kind} // $got->{rate}, $got->{rate});
            }
        }
        $from += $count{customer};
        $made{$_} += $count{$_} for @KINDS;
        if ($round) {
            $figures->add('drain', %is);
            $own->{say}->("round $round: " . join ', ', map { my $driver = $_;
                map { sprintf '%s %s %.0f/s', $driver, $_, $is{"$driver.$_.rate"} } @KINDS } @PLACES);
        }
        elsif ($own->{seconds}) {
            $count{$_} = min($MOST, int $slowest{$_} * $own->{seconds}) for @KINDS;
            # Reports and orders are about customers that are there.
            $count{customer} = max(@count{qw(customer order)});
            $count{sms} = min(@count{qw(customer sms)});
        }
    }
    _verify($site, $pg, %made);
    $site->end;
    $pg->stop;
    return;
}

1;
