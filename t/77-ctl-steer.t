# crm360ctl now, pause, resume and dead drop: they do what they say to what was named and to nothing else, refuse
# what is dangerous without --yes, and show how far they are on a terminal only.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ctl;
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my ($DB, $OTHER) = ('acme/prod', 'acme/other');
my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty', databases => { $DB => '', $OTHER => '' });
my $ctl = Crm360::Ctl->new($site);

for my $case (
    [qr/wants a message id/, 'now'],
    [qr/wants a message id/, 'now', $DB],
    [qr/--in wants a time/, 'now', '--in', 'tomorrow', 'x'],
    [qr/wants a lane \(live, batch, send\), a platform/, 'pause'],
    [qr/wants a lane/, 'pause', $DB],
    [qr/wants a lane/, 'pause', $DB, 'Shopify/Order'],
    [qr/wants one lane or route/, 'pause', $DB, 'live', 'send'],
    [qr/wants to be told where \(or --all\): acme\/other, acme\/prod/, 'pause', 'live'],
    [qr/wants to be told where/, 'resume', 'Shopify'],
    [qr/wants customer\/alias or --all, not both/, 'pause', $DB, 'live', '--all', '--yes'],
    [qr/live of 2 databases would be paused; --yes does it/, 'pause', '--all', 'live'],
    [qr/live of 2 databases would be resumed; --yes does it/, 'resume', '--all', 'live'],
    [qr/wants one customer\/alias/, 'dead', 'drop', '--all'],
    [qr/wants to be told which; --all means all/, 'dead', 'drop', $DB, '--yes'],
    [qr/wants --dry-run or --yes, not both/, 'dead', 'drop', $DB, '--all', '--yes', '--dry-run'],
    )
{
    my ($pattern, @words) = @$case;
    my ($status, $output, $errors) = $ctl->run(@words);
    is "$status $output", '2 ', "@words: refused";
    like $errors, $pattern, '  says why';
}
is +($ctl->run(@$_))[0], 4, "@$_ without Redis: exit status 4"
    for ['now', 'x'], ['pause', $DB, 'live'], ['resume', $DB, 'live'], ['dead', 'drop', $DB, '--all'];
like +($ctl->run('pause', '--all', '--yes', 'live'))[2], qr/^crm360ctl: 1 databases behind it were not tried/m,
    'one that fails on the only server: the rest is not tried, and that is said';

$site->start_redis;
sub score { return $site->redis('ZSCORE', $site->key($_[0], $_[1]), $_[2]) }
sub members { return @{ $site->redis('ZRANGE', $site->key($DB, $_[0]), 0, -1) } }
sub paused { return join ' ', sort @{ $site->redis('SMEMBERS', $site->key($_[0], 'paused')) } }

# ---- now ----

my $retry = $ctl->wait_for('Shopify/Order/Insert', in => 600, attempts => 5, reason => 'no');
my $elsewhere = $ctl->wait_for('Zendesk/Ticket/Update', in => 900, database => $OTHER, lane => 'batch');
my $held = $ctl->wait_for('Shopify/Order/Insert', in => 50, worker => 'host/1');
my $dead = $ctl->bury('Shopify/Order/Insert');
{
    my $began = $ctl->now_ms;
    my @rows = $ctl->json('now', $retry, $elsewhere);
    is_deeply [map { [@$_{qw(id database state)}] } @rows], [[$retry, $DB, 'due'], [$elsewhere, $OTHER, 'due']],
        'now: each is found in its database';
    cmp_ok abs($_ - $began), '<', 5000, '  visible at once'
        for score($DB, 'live', $retry), score($OTHER, 'batch', $elsewhere);
    my ($record) = $ctl->json('show', $retry);
    is $record->{attempts}, 5, '  its history stays';

    my ($row) = $ctl->json('now', $DB, $retry, '--in', '10m');
    is $row->{state}, 'waiting', '--in postpones';
    cmp_ok abs(score($DB, 'live', $retry) - $began - 600_000), '<', 5000, '  by as much';

    my $lease = score($DB, 'live', $held);
    my ($status, $output, $errors) = $ctl->run('now', $held, $dead, 'not-there', $retry);
    is $status, 1, 'now of what cannot be made visible: exit status 1';
    like $errors, qr/\Q$held\E is held by host\/1: nothing was changed$/m, '  one that is held';
    like $errors, qr/\Q$dead\E is a dead letter: crm360ctl dead redrive/, '  a dead letter';
    like $errors, qr/^crm360ctl: not-there is no message in Redis/m, '  one that is nowhere';
    like $output, qr/\A\Q$retry\E\t$DB\tdue\t\S+\n\z/, '  the others are done';
    is score($DB, 'live', $held), $lease, '  a lease is left alone';
}

# ---- pause, resume ----

{
    my ($row) = $ctl->json('pause', $DB, 'LIVE');
    is_deeply $row, { database => $DB, what => 'live', paused => JSON::PP::true, changed => JSON::PP::true },
        'pause of a lane';
    is paused($DB) . '|' . paused($OTHER), 'live|', '  in this database';
    ($row) = $ctl->json('pause', 'live', $DB);
    ok !$row->{changed}, '  again: nothing changes';
    $ctl->json('pause', $DB, $OTHER, 'shopify/order/insert');
    is paused($OTHER), 'Shopify/Order/Insert', 'pause of a route in two databases';
    like +($ctl->json('list', $DB, '--state', 'paused'))[0]{id}, qr/\A\Q$retry\E/, '  what is due is paused';
    is +($ctl->json('now', $retry))[0]{state}, 'paused', '  now leaves it paused';
    ($row) = $ctl->json('resume', $DB, 'live');
    is_deeply [@$row{qw(paused changed)}], [JSON::PP::false, JSON::PP::true], 'resume';
    my ($status, $output) = $ctl->run('resume', '--all', '--yes', 'Shopify/Order/Insert');
    is $output, "$OTHER\tShopify/Order/Insert\tno\tyes\t0\n$DB\tShopify/Order/Insert\tno\tyes\t0\n",
        'resume everywhere';
    is paused($DB) . '|' . paused($OTHER), '|', '  nothing is paused';
}

# Beside a daemon: what is paused is not worked on, and goes on when it is resumed.
$site->redis('FLUSHALL');
$site->migrate;
$ctl->json('pause', $DB, 'Shopify/Order/Insert');
$site->start_consumer;
my @orders = map { $ctl->wait_for('Shopify/Order/Insert', body => 'reject') } 1 .. 3;
my $free = $ctl->wait_for('Shopify/Customer/Insert', body => 'reject');
$site->expect_log(qr/CRM0311/);
wait_until { score($DB, 'dead', $free) } 10, 'another route is worked on';
is_deeply [map { score($DB, 'dead', $_) } @orders], [undef, undef, undef], '  the paused one is not';
is_deeply [map { $_->{state} } $ctl->json('list', $DB)], [('paused') x 3], '  and is shown as paused';
$ctl->json('resume', $DB, 'Shopify/Order/Insert');
wait_until { 3 == grep { score($DB, 'dead', $_) } @orders } 10, 'resumed: it is worked on';
$site->stop_consumer;

# ---- dead drop ----

my $BURY = <<'LUA';
local from, count, prefix, at = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
for i = from, math.min(from + 4999, count) do
    local id = string.format('01JDCW3T2XQ5M7V9K0D%07d-Shopify-%s-Insert', i, i % 4 == 0 and 'Order' or 'Customer')
    redis.call('ZADD', prefix .. 'dead', at + math.floor(i / 10), id)
    redis.call('SET', prefix .. 'message:' .. id, 'x')
    redis.call('HSET', prefix .. 'failures', id, cjson.encode({attempts = i % 8, errors = {{at = at, reason = 'no'}}}))
end
LUA
my $many = timing() ? 100_000 : 10_000;
$site->redis('FLUSHALL');
for (my $from = 1; $from <= $many; $from += 5000) {
    $site->redis('EVAL', $BURY, 0, $from, $many, $site->key($DB, ''), $ctl->now_ms - 3_600_000);
}
my $waits = $ctl->wait_for('Shopify/Order/Insert', in => 60);
{
    my ($status, $output, $errors) = $ctl->run('dead', 'drop', $DB, '--route', 'Shopify/Order/Insert');
    is "$status $output", '2 ', 'drop without --yes is refused';
    like $errors, qr{@{[$many / 4]} of $many dead letters of $DB would be dropped for good; --yes does it},
        '  says how many';
    ($status, $output) = $ctl->run('dead', 'drop', $DB, '--route', 'Shopify/Order/Insert', '--dry-run');
    is $status, 0, '--dry-run';
    is scalar(() = $output =~ /-Shopify-Order-Insert$/mg), $many / 4, '  names them';
    is $site->redis('ZCARD', $site->key($DB, 'dead')), $many, '  none is gone';
    ($status, $output, $errors) = $ctl->run('dead', 'drop', $DB, '--id', 'not-there', '--yes');
    is $status, 1, 'an id that is none: exit status 1';
    like $errors, qr/not-there is no dead letter/, '  it is named';

    my $began = time;
    ($status, $output, $errors) = $ctl->run('dead', 'drop', $DB, '--route', 'Shopify/Order/Insert', '--yes');
    is $output, "$DB: @{[$many / 4]} of $many dead letters dropped\n", 'drop of a quarter';
    is $errors, '', '  no bar where no terminal is';
    is +(grep { /-Order-/ } members('dead')), 0, '  they are gone';
    is $site->redis('ZCARD', $site->key($DB, 'dead')), $many * 3 / 4, '  the others stay';
    my ($row) = $ctl->json('dead', 'drop', $DB, '--all', '--yes');
    cmp_ok time - $began, '<', 20, sprintf '  all dropped in %.1f s', time - $began if timing();
    is_deeply [@$row{qw(dropped lookedAt)}], [($many * 3 / 4) x 2], 'drop of all, as JSON';
    is $site->redis('DBSIZE'), 3, 'nothing is left of them' or diag join ' ', @{ $site->redis('KEYS', '*') };
    is_deeply [members('live')], [$waits], '  and what waits was not touched';
    is $site->redis('HGET', $site->key($DB, 'counters'), 'dropped'), $many, '  they are counted';
}

# ---- on a terminal ----

for my $case (['redrive', 'redriven'], ['drop', 'dropped']) {
    my ($verb, $done) = @$case;
    $ctl->bury('Shopify/Order/Insert') for 1 .. 3;
    my ($status, $screen) = $ctl->on_terminal(100, 'dead', $verb, $DB, '--all', $verb eq 'drop' ? '--yes' : ());
    is $status, 0, "$verb on a terminal";
    like $screen, qr{\r$DB: $verb \[#+\] 100%, 3 of 3\e\[K.*\r\e\[K$DB: 3 of 3 dead letters $done\n}s,
        '  shows how far it is, and cleans up';
}
$site->done;
