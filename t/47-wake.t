# Wake-ups, with 1,000,000 messages waiting for a time to come: how soon an idle system starts a message
# after its push and after its due time (never before), and what waiting costs. A message starts when its
# handler runs; the handler of t/faulty notes the time in the row that it leaves.
# Plain builds only: its subject is time.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $WAITING = timing() ? 1_000_000 : 20_000;
my $COUNT = timing() ? 200 : 20;

my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty');
my $live = $site->key('acme/prod', 'live');

$site->start_redis;
$site->migrate;
$site->value('acme/prod', 'create table Effects (Serial text, MessageId text, RanAt text)');
$site->start_httpd;
$site->start_consumer;

# The master and its workers.
sub processes {
    my $master = slurp($site->dir . '/crm360d.pid') + 0;
    return $master, split ' ', `pgrep -P $master`;
}

# Seconds of processor time that they have used: to the nanosecond where the kernel tells it (schedstat),
# else in ticks (proc(5): utime and stime).
sub processor_time {
    my $seconds = 0;

    for my $pid (processes()) {
        if (-r "/proc/$pid/schedstat") {
            $seconds += (split ' ', slurp("/proc/$pid/schedstat"))[0] / 1e9;
            next;
        }
        my @field = split ' ', slurp("/proc/$pid/stat") =~ s/^.*\) //sr;
        $seconds += ($field[11] + $field[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
    }
    return $seconds;
}

# Posts an order in one piece (in two, the second would wait for the kernel to confirm the first).
sub post_at_once {
    my ($order) = @_;
    my $path = $site->url('Adictiz/User/Participate', SourceId => 1);
    my $answer = $site->raw(join "\r\n", "POST $path HTTP/1.1", 'Host: x', 'Connection: close',
        'Content-Length: ' . length $order, '', $order);

    return $answer =~ m{^HTTP/1.1 200 } || diag $answer;
}

# When the handlers of these messages ran, in seconds since 1970; waits until all are through.
sub started {
    my ($what, $first, $last) = @_;
    my $query = "from Effects where cast(Serial as integer) between $first and $last";

    wait_until { $site->value('acme/prod', "select count(*) $query") == $last - $first + 1 } 20,
        "$what: all have run";
    return map { $_->{Serial} => $_->{RanAt} / 1000 }
        $site->sql('acme/prod', "select Serial, RanAt $query");
}

# Tells median, 99th percentile and most, in ms; returns them.
sub spread {
    my ($what, @seconds) = @_;
    my @sorted = sort { $a <=> $b } map { 1000 * $_ } @seconds;
    my @told = ($sorted[@sorted / 2], $sorted[0.99 * $#sorted], $sorted[-1]);

    diag sprintf "$what: %.1f ms (median), %.1f ms (p99), %.1f ms (most)", @told;
    return @told;
}

# ---- waiting ----

my ($seconds) = @{ $site->redis('TIME') };
my $filled = time;
$site->fill_queue($WAITING, visible => 1000 * ($seconds + 7200), body => 'done NUMBER');
diag sprintf '%d messages put into the queue in %.1f s', $WAITING, time - $filled;
is $site->redis('ZCARD', $live), $WAITING, "$WAITING messages wait";
sleep 1; # the wake-up of the filling is worked off
{
    my ($used, $from, $span) = (processor_time(), time, timing() ? 20 : 1);
    sleep $span;
    my $share = 100 * (processor_time() - $used) / (time - $from);

    diag sprintf 'idle, crm360d uses %.3f %% of a core', $share;
    cmp_ok $share, '<', 0.5, 'an idle crm360d uses less than 0.5 % of a core' if timing();
}

# ---- from the push to the start ----

{
    my %pushed;
    for my $serial (1 .. $COUNT) {
        sleep 0.02 + rand 0.03;
        $pushed{$serial} = time;
        post_at_once("done $serial");
    }
    my %started = started('pushed', 1, $COUNT);
    # The handler's note is cut to whole milliseconds: half of one is added. The whole request is
    # part of the time.
    my ($median) = spread('from the request to the start',
        map { $started{$_} + 0.0005 - $pushed{$_} } keys %pushed);
    cmp_ok $median, '<=', 5, 'half of all messages start within 5 ms of their push' if timing();
}

# ---- from the due time to the start ----

{
    my (%due, $last);
    for my $number (1 .. $COUNT) {
        my $serial = 1000 + $number;
        my $id = $site->push_order("done $serial", delay => 500 + 40 * $number + int rand 30);
        $due{$serial} = $last = $site->redis('ZSCORE', $live, $id) / 1000;
    }
    sleep $last - time if $last > time;
    my %started = started('due', 1001, 1000 + $COUNT);
    my @late = map { $started{$_} - $due{$_} } keys %due;
    my @early = grep { $_ < 0 } @late;
    is scalar @early, 0, 'none starts before its time' or diag "@early";
    my (undef, $p99) = spread('from the due time to the start', map { $_ + 0.0005 } @late);
    cmp_ok $p99, '<=', 20, '99 % start within 20 ms of their due time' if timing();
}
is $site->redis('ZCARD', $live), $WAITING, 'the others still wait';

$site->done;
