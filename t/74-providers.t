# What all workers share of a provider, in Redis: its rate (lua/permit.lua) and its breaker
# (lua/verdict.lua), on Redis' own clock.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new;
$site->start_redis;
my $redis = Crm360::Redis->connect($site->redis_socket);
my ($breaker, $turns) = map {"crm360:1:{provider/test}:$_"} qw(breaker turns);
my %lua = map { $_ => lua($_) } qw(permit verdict);

# Microseconds to wait for a permit, and why.
sub permit {
    my ($id, $spacing) = @_;
    my $answer = $redis->command('EVAL', $lua{permit}, 2, $breaker, $turns, $id, $spacing // 0, 5, 60_000_000);
    return wantarray ? @$answer : $answer->[0];
}

# [what has changed, microseconds until the next try]
sub verdict {
    my ($good, %o) = @_;
    return $redis->command('EVAL', $lua{verdict}, 1, $breaker, $good ? 'good' : 'bad', $o{hold} // 0, 5,
        $o{first} // 5_000_000, 300_000_000, $o{why} // 'no reason');
}
sub forget { $redis->command('FLUSHALL') }

sub redis_now { my $time = $redis->command('TIME'); return $time->[0] * 1e6 + $time->[1] }

# ---- the rate ----

is permit("m$_"), 0, 'without a rate everybody may call' for 1 .. 3;
is $redis->command('EXISTS', $breaker, $turns), 0, 'and nothing is remembered';

my $spacing = 200_000;
is permit('first', $spacing), 0, 'the first may call';
my @waits = map { scalar permit("w$_", $spacing) } 1 .. 50;
my @turns = map { $redis->command('ZSCORE', $turns, "w$_") } 1 .. 50;
is_deeply [map { int(($turns[$_] - $turns[0]) / $spacing + 0.5) } 1 .. 49], [1 .. 49],
    'a backlog gets turns, one after the other';
cmp_ok $waits[0], '<=', $spacing, 'the second comes one spacing after the first';
my ($again, $why) = permit('w10', $spacing);
is $redis->command('ZSCORE', $turns, 'w10'), $turns[9], 'who comes too early keeps his turn';
cmp_ok $again, '<=', $waits[9], 'and waits for what is left';
is $why, 'rate', 'and hears that it is the rate';
permit('late', $spacing);
cmp_ok $redis->command('ZSCORE', $turns, 'late'), '>', $turns[-1], 'who comes later does not overtake';

# Played through: 30 messages, each asks when its turn has come.
forget();
$spacing = 20_000;
my %due = map { ("p$_" => 0) } 1 .. 30;
my ($asked, @called) = (0);
my $until = time + 20;
while (%due && time < $until) {
    my $now = redis_now();
    for my $id (grep { $due{$_} <= $now } sort keys %due) {
        $asked++;
        my $wait = permit($id, $spacing);
        push @called, redis_now() if !$wait;
        $wait ? ($due{$id} = redis_now() + $wait) : delete $due{$id};
    }
    sleep 0.001;
}
is scalar @called, 30, 'all have called';
cmp_ok $asked, '<=', 120, "each asked about twice ($asked)"; # more where this program is held up
cmp_ok $called[-1] - $called[0], '>=', 28 * $spacing, 'not faster than the rate';
is $redis->command('ZCARD', $turns), 2, 'no turn is left behind';

# ---- the breaker ----

forget();
is_deeply verdict(1), [0, 0], 'a good call changes nothing';
is $redis->command('EXISTS', $breaker), 0, 'and leaves nothing';
is verdict(0)->[0], 0, 'a bad one opens nothing yet' for 1 .. 4;
is permit('m'), 0, 'it is still called';
is_deeply verdict(1), [0, 0], 'a good one ends the row';
is verdict(0)->[0], 0, 'the row begins again' for 1 .. 4;
my ($change, $left) = @{ verdict(0, first => 100_000, why => 'it is on fire') };
is $change, 1, 'the fifth opens it';
cmp_ok $left, '<=', 100_000, 'for the time that was given';
($left, $why) = permit('m');
cmp_ok $left, '>', 0, 'nobody calls meanwhile';
is $why, 'it is on fire', 'and hears why';
is_deeply verdict(1), [0, 0], 'an answer to a call from before does not close it';
wait_until { permit('trial') == 0 } 10, 'then one tries';
cmp_ok scalar permit('other'), '>', 1_000_000, 'and only one';
is verdict(0, first => 50_000)->[0], 0, 'it fails: open as before';
cmp_ok scalar permit('other'), '>', 50_000, 'for longer';
wait_until { permit('trial') == 0 } 10, 'the next one tries';
is_deeply verdict(1), [2, 0], 'it answers: closed, which is news';
is permit('m'), 0, 'everybody calls again';

($change, $left) = @{ verdict(0, hold => 3_000_000) };
is $change, 1, 'Retry-After opens it at once';
cmp_ok scalar permit('m'), '>', 2_000_000, 'for as long as it says';
cmp_ok verdict(0, hold => 1_000)->[1], '>', 1_000_000, 'a shorter one does not shorten it';
verdict(0) for 1 .. 40;
forget();
my @open = map { my $answer = verdict(0, first => 1_000_000_000); $answer->[1] } 1 .. 8;
is max(@open), 300_000_000, 'never longer than the most';

# Who may not call yet does not try for the others.
forget();
is permit('before', 500_000), 0, 'a call before the outage';
verdict(0, first => 1000) for 1 .. 5;
wait_until { $redis->command('HGET', $breaker, 'open_until') < redis_now() } 10, 'it may be tried again';
($left, $why) = permit('trial', 500_000);
is $why, 'rate', 'the rate puts the one off that comes first' if timing();
wait_until { permit('trial', 500_000) == 0 } 2, 'he tries when it is his turn';
is permit('other', 500_000) > 0, 1, 'he alone';

# ---- a full Redis, and keys of another type ----

forget();
$redis->command('CONFIG', 'SET', 'maxmemory', 1);
is verdict(0)->[0], 0, 'at the memory limit: a verdict' for 1 .. 2;
is permit('m', 1000), 0, 'and a permit';
$redis->command('CONFIG', 'SET', 'maxmemory', 0);
for my $key ($breaker, $turns) {
    forget();
    $redis->command('SET', $key, 'x');
    ok !eval { permit('m', 1000); 1 }, "$key of another type: an error";
    is $redis->command('GET', $key), 'x', 'and nothing is changed';
}
$site->expect_log(qr/maxmemory/);
$site->done;
