# crm360d against faults of handlers, workers, Redis and the database: what becomes of each message, and
# that nothing but the guilty one pays. Handlers misbehave on demand (t/faulty); messages are pushed
# straight into Redis (push_order of the harness).
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new(
    redis_goes => 1,
    consumer_program => 't/crm360d_faulty',
    appendonly => 1,
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 20s\nCrm360RetrySchedule 50ms 50ms\n"
        . "Crm360Workers live 2\n",
);
sub put { return $site->push_order(@_) }
sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }
sub dead { return { @{ $site->redis('ZRANGE', $site->key('acme/prod', 'dead'), 0, -1, 'WITHSCORES') } } }
sub history { return decode_json($site->redis('HGET', $site->key('acme/prod', 'failures'), $_[0]) // '{}') }
sub done { return $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId = '$_[0]'") }
sub claimed { return $site->redis('HEXISTS', $site->key('acme/prod', 'claims'), $_[0]) }
sub workers {
    my $master = slurp($site->dir . '/crm360d.pid') + 0;
    my %keeper = map { $_ => 1 } split ' ', `pgrep -P $master -x crm360d-keeper`;
    return grep { !$keeper{$_} } split ' ', `pgrep -P $master`;
}

$site->start_redis;
$site->migrate;
$site->start_consumer;

{
    # What it tells about itself, and what nobody tells any more.
    my $key = 'crm360:1:consumers';
    my $master = slurp($site->dir . '/crm360d.pid') + 0;

    my $mine = sub {
        my %beats = @{ $site->redis('HGETALL', $key) };
        return grep { $_->{pid} == $master } map { decode_json($_) } values %beats;
    };
    wait_until { $mine->() } 10, 'crm360d tells about itself in Redis';
    my ($beat) = $mine->();
    is $beat->{workers}{live}, 2, 'how many workers it has';
    is $beat->{databases}, 1, 'for how many databases';
    cmp_ok abs($beat->{at} / 1000 - time), '<', 5, 'and when it said so';
    $site->redis('HSET', $key, 'silent', '{"at":1}', 'unreadable', 'x');
    wait_until { $site->redis('HLEN', $key) == 1 } 15, 'entries of others that are silent are removed';
}

{
    my @ids = map { put('done') } 1 .. 250;
    wait_until { queued() == 0 } 10, '250 messages are worked off';
    is $site->value('acme/prod', 'select count(*) from WebhookInbox'), 250, 'each has its inbox row';
    is_deeply $site->redis('KEYS', 'crm360:1:{*'), [$site->key('acme/prod', 'counters')],
        'only counters are left';
    my %count = @{ $site->redis('HGETALL', $site->key('acme/prod', 'counters')) };
    is $count{received}, 250, 'received';
    is $count{done}, 250, 'done';
}

{
    my $id = put('done', delay => 700);
    my $due = $site->redis('ZSCORE', $site->key('acme/prod', 'live'), $id) / 1000;
    sleep 0.3;
    is queued(), 1, 'a delayed message waits';
    wait_until { queued() == 0 } 5, 'and is done when its time has come';
    cmp_ok time - $due, '>=', 0, 'not before';
    cmp_ok time - $due, '<', 0.2, 'nor late' if timing();
}

$site->expect_log(qr/CRM0310/, qr/CRM0311/);
{
    my @good = map { put('done') } 1 .. 5;
    my ($reject, $retry, $fault, $conflict) = map { put($_) } qw(reject retry fault conflict);
    my @more = map { put('done') } 1 .. 5;
    wait_until { queued() == 0 && keys %{ dead() } == 4 } 10, 'four of a batch fail';
    is_deeply [map { done($_) } @good, @more], [(1) x 10], 'the others have their effect';
    is_deeply [map { done($_) } $reject, $retry, $fault, $conflict], [(0) x 4],
        'the failed ones have none';
    is history($reject)->{attempts}, 1, 'a rejected one is tried once';
    like history($reject)->{errors}[0]{reason}, qr/^told to reject/, 'and keeps the reason';
    is history($retry)->{attempts}, 3, 'a failing one as often as the schedule says';
    like history($retry)->{errors}[-1]{reason}, qr/^failed 3 times.*told to retry/, 'then says so';
    is history($fault)->{attempts}, 3, 'a handler that returns an error is retried like it';
    is history($conflict)->{attempts}, 3, 'and so is a conflict that never ends';
    my $collides = put('collide');
    wait_until { queued() == 0 && done($collides) } 10, 'one that others are in the way of twice';
    is_deeply history($collides), {}, 'loses no attempt';
    like $site->redis('GET', $site->key('acme/prod', "message:$reject")), qr/\r\n\r\nreject\z/,
        'a dead letter is kept whole';
}

{
    $site->value('acme/prod', 'create table Effects (Serial text, MessageId text, RanAt text)');
    my @steps = map { put("steps $_") } 1 .. 3;
    my @other = map { put('done') } 1 .. 3;
    wait_until { queued() == 0 } 10, 'messages of several steps, and others';
    is $site->value('acme/prod', 'select count(*) from Effects'), 15, 'every step has its effect';
    is_deeply [map { $site->value('acme/prod', "select count(*) from Effects where MessageId = '$_'") } @steps], [5, 5, 5], 'once';
    is_deeply [map { done($_) } @steps, @other], [(1) x 6], 'then they are done';
    is_deeply [map { history($_) } @steps], [{}, {}, {}], 'and no attempt was lost';
    my $busy = put('steps 4');
    wait_until { done($busy) } 5, 'a step follows at once';
    my ($first, $last) = map { $site->value('acme/prod', "select $_(cast(RanAt as integer)) from Effects where Serial = '4'") } qw(min max);
    cmp_ok $last - $first, '<', 1000, 'not when the queue is looked at the next time' if timing();
}

{
    my %bad = (
        'Shopify/Customer/Insert' => [put('x', route => 'Shopify/Customer/Insert'), qr{no handler for Shopify/Customer/Insert}],
        unreadable => [put('', text => "GET / HTTP/1.1\r\nBroken"), qr/cannot be read/],
    );
    my $missing = put('done', delay => 300);
    $site->redis('DEL', $site->key('acme/prod', "message:$missing"));
    $bad{missing} = [$missing, qr/stored message is missing/];
    my $after = put('done');
    wait_until { queued() == 0 } 5, 'messages nobody can work do not block';
    for my $what (sort keys %bad) {
        ok dead()->{ $bad{$what}[0] }, "$what: a dead letter";
        like history($bad{$what}[0])->{errors}[0]{reason}, $bad{$what}[1], "$what: saying why";
    }
    is done($after), 1, 'what came after is done';
}

$site->expect_log(qr/CRM0322/);
for my $how (qw(crash hang)) {
    my @before = map { put('done') } 1 .. 3;
    my $id = put($how);
    my @after = map { put('done') } 1 .. 3;
    wait_until { queued() == 0 && dead()->{$id} } 30, "$how: ends as a dead letter";
    is history($id)->{crashes}, 3, "$how: after three times";
    is history($id)->{attempts} // 0, 0, "$how: which are no attempts";
    like history($id)->{errors}[0]{reason}, $how eq 'crash' ? qr/signal 11/ : qr/HandlerTimeout/,
        "$how: the reason says what happened";
    is_deeply [map { done($_) } @before, @after], [(1) x 6], "$how: its batch is done";
    is_deeply [grep { defined $site->redis('HGET', $site->key('acme/prod', 'failures'), $_) } @before, @after],
        [], "$how: and charged with nothing";
}

{
    my $id = put('sleep 800');
    wait_until { claimed($id) } 5, 'a slow message is claimed';
    kill 'KILL', workers();
    my $killed = time;
    wait_until { done($id) } 10, 'workers killed from outside: the message runs again';
    is history($id)->{crashes} // 0, 0, 'charged with no crash';
    cmp_ok time - $killed, '<', 3, 'at once' if timing();
    wait_until { queued() == 0 } 5, 'and ends';
}

{
    my $slow = put('sleep 700');
    wait_until { claimed($slow) } 5, 'a slow message is claimed';
    my @rest = map { put('done') } 1 .. 3;
    my $started = time;
    is $site->stop_consumer, 0, 'TERM: exit code 0';
    is done($slow), 1, 'the message in hand is finished';
    is queued(), 3 - grep({ done($_) } @rest), 'the rest is where it was';
    is $site->redis('HLEN', $site->key('acme/prod', 'claims')), 0, 'nothing stays claimed';
    $site->start_consumer;
    wait_until { queued() == 0 } 5, 'and is done by the next life';
}

{
    my $id = put('sleep 900');
    wait_until { claimed($id) } 5, 'a slow message is claimed';
    $site->kill_consumer;
    put('done');
    $site->start_consumer;
    wait_until { queued() == 0 } 5, 'the master killed: the next one releases what its workers held';
    is done($id), 1, 'and the effect is there once';
}

$site->expect_log(qr/CRM0101/, qr/CRM0330/, qr/CRM0102/);
{
    my $pid = slurp($site->dir . '/crm360d.pid');
    put('done', delay => 1500);
    $site->stop_redis;
    $site->wait_log('crm360d', qr/CRM0330/, 5, 'the consumer notices that Redis is away');
    $site->start_redis;
    my $back = time;
    my $id = put('done');
    wait_until { done($id) } 5, 'Redis restarted: the next message is done';
    cmp_ok time - $back, '<', 1, 'within a second' if timing();
    wait_until { queued() == 0 } 5, 'and what waited is not forgotten';
    $site->redis('SCRIPT', 'FLUSH');
    $id = put('done');
    wait_until { done($id) } 5, 'SCRIPT FLUSH is survived';
    is slurp($site->dir . '/crm360d.pid'), $pid, 'by the same process';
}

{
    # Redis does not answer while a worker wants to acknowledge: what it holds is not left to its lease.
    my $id = put('sleep 500');
    wait_until { claimed($id) } 5, 'a slow message is claimed';
    $site->freeze_redis;
    sleep 1.2; # beyond the end of the handler and the time-out of the command
    $site->thaw_redis;
    my $thawed = time;
    wait_until { queued() == 0 } 15, 'Redis stalls at the acknowledgement: the message ends';
    cmp_ok time - $thawed, '<', 3, 'long before its lease' if timing();
    is done($id), 1, 'with one effect';
    is $site->redis('HLEN', $site->key('acme/prod', 'claims')), 0, 'and nothing stays claimed';
}

{
    # A Redis that refuses to be read is no empty Redis.
    $site->redis('ACL', 'SETUSER', 'default', '-get');
    my $id = put('done');
    $site->wait_log('crm360d', qr/CRM0102.*NOPERM/, 5, 'a refusal is reported');
    ok !dead()->{$id}, 'and is no reason to bury a message';
    my $lines = () = $site->log_text('crm360d') =~ /\n/g;
    sleep 1; # time for a storm
    my $more = (() = $site->log_text('crm360d') =~ /\n/g) - $lines;
    cmp_ok $more, '<', 20, "nor for a storm of lines ($more)";
    $site->redis('ACL', 'SETUSER', 'default', '+get', '-zrange');
    $site->stop_consumer;
    $site->start_consumer;
    $site->redis('ACL', 'SETUSER', 'default', '+zrange');
    my $back = time;
    wait_until { done($id) } 10, 'nor to believe that its queue is empty';
    cmp_ok time - $back, '<', 1.5, 'it goes on at once' if timing();
}

{
    # Redis answers and takes no writes: no storm of tries and lines.
    my $lines = () = $site->log_text('crm360d') =~ /\n/g;
    my $id = put('done', delay => 300);
    $site->redis('CONFIG', 'SET', 'min-replicas-to-write', 1);
    $site->wait_log('crm360d', qr/CRM0102.*NOREPLICAS/, 5, 'a Redis that takes no writes is reported');
    sleep 1.5; # time for a storm
    my $more = (() = $site->log_text('crm360d') =~ /\n/g) - $lines;
    cmp_ok $more, '<', 10, "and gives no storm of lines ($more)";
    $site->redis('CONFIG', 'SET', 'min-replicas-to-write', 0);
    wait_until { done($id) } 10, 'when it takes them again, the message is done';
}

{
    # A key of the wrong type holds nothing up.
    my $claims = $site->key('acme/prod', 'claims');
    $site->redis('SET', $claims, 'wrong');
    my $id = put('done');
    wait_until { done($id) } 5, 'a key of the wrong type stops no message';
    $site->wait_log('crm360d', qr/CRM0120: \Q$claims\E was of type string/, 5, 'and is reported');
    my ($aside) = $site->log_text('crm360d') =~ /CRM0120: .* set aside as (\S+)/;
    is $site->redis('GET', $aside), 'wrong', 'set aside, whole';
    $site->redis('DEL', $aside);
}

{
    # While one batch runs, another message of its queue becomes due.
    my $slow = put('sleep 700');
    my $next = put('done', delay => 300);
    wait_until { claimed($slow) } 5, 'a slow message is claimed';
    wait_until { done($slow) } 5, 'and done';
    my $ended = time;
    wait_until { done($next) } 5, 'what became due meanwhile follows';
    cmp_ok time - $ended, '<', 0.25, 'at once' if timing();
}

for my $signal (qw(TERM HUP)) {
    $site->stop_consumer;
    my $ended = 0;
    for (1 .. 8) {
        $site->start_consumer;
        $site->{consumer}->signal('HUP') if $signal eq 'HUP';
        $ended++ if $site->stop_consumer == 0;
    }
    is $ended, 8, "TERM right after " . ($signal eq 'HUP' ? 'HUP' : 'the start') . ' ends it well';
    $site->start_consumer;
}

$site->expect_log(qr/CRM0313/);
{
    my $db = $site->database('acme/prod');
    rename $db, "$db.away";
    rename "$db-wal", "$db.away-wal" if -e "$db-wal";
    kill 'KILL', workers();    # their open files would keep it in use
    my $id = put('done');
    $site->wait_log('crm360d', qr/CRM0313/, 10, 'a database that is away is reported');
    is history($id)->{attempts} // 0, 0, 'no attempt is lost';
    is queued(), 1, 'the message waits';
    rename "$db.away", $db;
    rename "$db.away-wal", "$db-wal" if -e "$db.away-wal";
    wait_until { done($id) } 10, 'the database is back: it is done';
}

{
    my $conf = slurp($site->conf);
    $site->expect_log(qr/CRM0340/);
    spew($site->conf, "Nonsense here\n$conf");
    $site->{consumer}->signal('HUP');
    $site->wait_log('crm360d', qr/CRM0340: \S+crm360\.conf:1: "?Nonsense/, 5, 'HUP with a bad file says where');
    my $id = put('done');
    wait_until { done($id) } 5, 'and goes on with the old one';
    spew($site->conf, $conf =~ s/live 2/live 1/r);
    $site->{consumer}->signal('HUP');
    wait_until { workers() == 3 } 10, 'HUP with a good file takes it';
    $id = put('done');
    wait_until { done($id) } 5, 'and goes on working';
}

{
    my ($code, $output) = $site->run($site->consumer_command('-f', '-p', $site->dir . '/crm360d.pid'));
    is $code, 1, 'a second daemon with the same pid file does not start';
    like $output, qr/crm360d\.pid belongs to a crm360d that is running/, 'and says why';
}

$site->done;
