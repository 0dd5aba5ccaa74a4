# The scripts by which an operator steers (pause, resume, visible), and what claim and reconcile make of what is
# paused, against a real Redis.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Scripts;
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new;
$site->start_redis;
my $redis = Crm360::Redis->connect($site->redis_socket);
use_redis($redis);

subtest 'pause and resume' => sub {
    my @shop = map { "A$_-Shopify-Order-Insert" } 1 .. 3;
    my @other = ('B1-Shopify-Customer-Insert', 'B2-Mailjet-email-Callback', 'C-Shopify-Order-Insert.7');
    my $score = sub { my $at = $redis->command('ZSCORE', $live, $_[0]); return defined $at ? sprintf '%.0f', $at : undef };

    put($_) for @shop, @other;
    my %at = map { $_ => $score->($_) } @shop, @other;
    is pause('live'), 1, 'a lane is paused';
    is pause('live'), 0, 'once';
    is_deeply [claim('t')], [-1], 'nothing of it is claimed';
    is_deeply resume('live'), [1, 0, 0], 'it goes on';
    is_deeply resume('live'), [0, 0, 0], 'once';

    is pause('Shopify/Order/Insert'), 1, 'a route is paused';
    is ids(claim('t')), "@other[0, 1]", 'what is claimed is of others, an element counts with its route';
    is release('token', 't', 0, '', '', @other[0, 1]), 2, 'they are given back';
    is $score->($_), 1e14 + $at{$_}, "$_ keeps its time and is not in the way" for @shop, $other[2];
    is +(claim('t', most => 0))[0], 0, 'the next is due at once';
    is pause('Shopify'), 1, 'its platform is paused as well';
    is ids(claim('t')), $other[1], 'and then another one only';
    is_deeply reconcile(@shop, @other), [0], 'the keeper leaves all that as it is';
    is_deeply resume('Shopify/Order/Insert'), [1, 0, 5], 'the platform is paused still';
    is_deeply resume('Shopify', 1, 3), [1, 2, 0], 'those that are passed over stay';
    is_deeply resume('Shopify'), [0, 3, 0], 'the rest';
    is_deeply [map { $score->($_) } @shop, @other[0, 2]], [map { $at{$_} } @shop, @other[0, 2]], 'their times are as they were';

    is pause('Shopify'), 1, 'again';
    claim('u');
    $redis->command('SREM', $paused, 'Shopify');
    is_deeply reconcile(@shop, @other), [0], 'resumed by hand: no fault';
    is $score->($shop[0]), $at{$shop[0]}, 'and the keeper lets them go on';

    is pause('Shopify'), 1, 'again';
    is ids(claim('v', lease => 0, most => 1)), '', 'parked';
    is_deeply visible(0, $shop[0], $other[1], 'nowhere'), [1, -1, 0], 'now: done, held by a worker, nowhere';
    cmp_ok $score->($shop[0]), '>=', 1e14 + redis_ms() - 5000, 'what is parked stays so, with its new time';
    resume('Shopify');
    is_deeply visible(60_000, $shop[1]), [1], 'postponed';
    cmp_ok $score->($shop[1]), '>', redis_ms() + 50_000, 'by a minute';
    is ids(claim('w', most => 1)), $shop[2], 'the others go on';
    is_deeply visible(0, $shop[1]), [1], 'now';
    cmp_ok $score->($shop[1]), '<=', redis_ms(), 'it is due';

    # A claim whose lease has run out counts against a message that is parked, too.
    is ack('t', $other[1]), 1, 'one is done';
    is ack('w', $shop[2]), 1, 'another';
    is ids(claim('x', lease => 0, most => 2)), "@other[0, 2]", 'two are held, for no time';
    pause('Shopify');
    claim('y');
    is failure($other[2])->{expiries}, 1, 'its worker is gone: noted';
    is $redis->command('HLEN', $claims), 0, 'and nobody holds it';

    $redis->command('CONFIG', 'SET', 'maxmemory', 1);
    is pause('Mailjet'), 1, 'paused at the memory limit';
    is_deeply resume('Shopify')->[0], 1, 'resumed, too';
    is_deeply visible(0, $shop[1]), [1], 'and made visible';
    $redis->command('CONFIG', 'SET', 'maxmemory', 0);

    $redis->command('SET', $paused, 'x');
    like +(eval { pause('live') } // $@), qr/WRONGTYPE/, 'a key of another type fails';
    like +(eval { join ' ', claim('z') } // $@), qr/WRONGTYPE/, 'the claim as well';
    is $redis->command('HLEN', $claims), 0, 'before anything is written';
    $redis->command('FLUSHALL');
};

# Whoever is paused with a lease that has run out, or is made visible later, is held by nobody.
subtest 'leases that have run out' => sub {
    my $id = 'A-Shopify-Order-Insert';
    my $score = sub { return sprintf '%.0f', $redis->command('ZSCORE', $live, $id) };

    put($id);
    my $due = sprintf '%.0f', redis_ms() - 5000;
    $redis->command('ZADD', $live, $due, $id);
    is ids(claim('t', lease => 0)), $id, 'held, for no time';
    pause('Shopify');
    claim('u');
    is $score->(), 1e14 + $due, 'parked with the time from which it was due, not with the end of the lease';
    resume('Shopify');
    is $score->(), $due, 'which it has again';

    is ids(claim('v', lease => 0)), $id, 'held, for no time';
    is_deeply visible(60_000, $id), [1], 'postponed';
    is $redis->command('HEXISTS', $claims, $id), 0, 'nobody holds it';
    is failure($id)->{expiries}, 2, 'that its worker was gone is noted';
    is_deeply visible(0, $id), [1], 'so it can be taken back at once';

    $redis->command('ZADD', $live, -5, $id);
    pause('Shopify');
    claim('w');
    is $score->(), sprintf('%.0f', 1e14), 'a time before all times is parked where it is found again';
    is_deeply resume('Shopify'), [1, 1, 0], 'by resume';
    $redis->command('FLUSHALL');
};

# More than one call handles, of two routes that are paused; calls as core/queue_steer.c makes them.
subtest 'many' => sub {
    my @routes = ('Shopify-Order-Insert', 'Mailjet-email-Callback');
    my $parked = sub { return $redis->command('ZCOUNT', $live, '1e14', '+inf') };
    my ($over, $restored, $calls) = (0, 0, 0);

    $redis->command('ZADD', $live, map { ($_, sprintf 'A%03d-%s', $_, $routes[$_ % 2]) } 1 .. 500);
    pause($_) for 'Shopify', 'Mailjet';
    claim("t$_") for 1 .. 5;
    is $parked->(), 500, 'all are parked';
    $redis->command('ZADD', $live, 2e15, 'never-Shopify-Order-Insert');
    for (1 .. 20) {
        my (undef, $back, $stay) = @{ resume('Shopify', 1, $over) };
        last if $back + $stay == 0;
        $calls++;
        $restored += $back;
        $over += $stay;
    }
    is $restored, 250, 'those of the one have their times back';
    is $parked->(), 251, 'those of the other stay, and what is never visible';
    is $calls, 6, 'each was looked at once';
    is_deeply resume('Mailjet'), [1, 100, 0], 'the other: the first of them';
};

$site->expect_log(qr/new maxmemory value/);
$site->done;
