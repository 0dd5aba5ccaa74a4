# What somebody else has broken in Redis: entries that do not fit together, keys of the wrong type, all of
# it gone. The keeper of crm360d and the verbs themselves put it right, lose no message that was
# acknowledged, say each thing once, and hold up nothing.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $FAR = 3_600_000; # ms
my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 20s\nCrm360RetrySchedule 50ms\n",
    databases => { 'acme/prod' => '', 'other/one' => '' },
);
sub key { return $site->key('acme/prod', $_[0]) }
sub put { return $site->push_order(@_) }
sub later { return put('done', delay => $FAR, @_) }
sub done { return $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId = '$_[0]'") }
sub dead { return $site->redis('ZSCORE', key('dead'), $_[0]) }
sub history { return decode_json($site->redis('HGET', key('failures'), $_[0]) // '{}') }
sub master { return slurp($site->dir . '/crm360d.pid') + 0 }
sub keeper { my $master = master(); return (`pgrep -P $master -x crm360d-keeper` || 0) + 0 }
sub lines { my ($pattern) = @_; return scalar(() = $site->log_text('crm360d') =~ /$pattern/g) }

# All of Redis as text.
sub everything {
    return join "\n", map {
        my $type = $site->redis('TYPE', $_);
        "$_ " . ($type eq 'zset' ? "@{ $site->redis('ZRANGE', $_, 0, -1, 'WITHSCORES') }"
            : $type eq 'hash' ? do { my %h = @{ $site->redis('HGETALL', $_) }; join ' ', map { "$_=$h{$_}" } sort keys %h }
            : $type eq 'string' ? $site->redis('GET', $_) : $type);
    } grep { !/(?:consumers|history)$/ } sort @{ $site->redis('KEYS', '*') };
}

$site->start_redis;
$site->migrate;
$site->start_consumer;
wait_until { keeper() } 5, 'the keeper runs';

# ---- entries that do not fit together ----

{
    my ($fine, $lost, $loose, $both, $noted) = map { later() } 1 .. 5;
    my $send = later(route => 'Crm360/Sms/Send', lane => 'send');
    my $batch = later(lane => 'batch');
    $site->redis('DEL', key("message:$lost"));
    $site->redis('ZREM', key('live'), $loose);
    $site->redis('ZADD', key('dead'), 5, $both);
    $site->redis('HSET', key('claims'), 'nobody', '{"token":"x"}', $noted, 'no claim');
    $site->redis('HSET', key('failures'), 'nothing', '{"attempts":1}', $noted, '{"attempts"');
    $site->redis('HSET', key('splits'), 'no-batch', 7);
    # What is none of ours: another version, another database, parts on their way.
    my %other = ('crm360:2:{acme/prod}:message:x' => 'x', 'crm360:1:{else/where}:message:x' => 'x',
        'crm360:2:{acme/prod}:live' => 'of another type', key("message:$fine:parts") => 'x');
    $site->redis('SET', $_, $other{$_}) for keys %other;

    $site->expect_log(qr/CRM012[1-5]/);
    $site->keep_house;
    ok dead($_), 'what has lost its other half is a dead letter' for $lost, $loose;
    is history($lost)->{errors}[0]{reason}, 'its stored message is missing', 'which says why';
    is history($loose)->{errors}[0]{reason}, 'its queue entry was gone', 'each';
    ok !dead($both), 'one in two places is where it was queued';
    ok $site->redis('ZSCORE', key('live'), $_), 'still queued' for $fine, $both, $noted;
    is_deeply [sort @{ $site->redis('HKEYS', key('failures')) }], [sort $lost, $loose], 'no history of nothing';
    is $site->redis('EXISTS', key($_)), 0, "no $_ of nothing" for qw(claims splits);
    ok $site->redis('ZSCORE', key('send'), $send), 'other lanes are as they were';
    ok $site->redis('ZSCORE', key('batch'), $batch), 'all of them';
    is $site->redis('GET', $_), $other{$_}, "$_ was not touched" for sort keys %other;

    is lines(qr/CRM0121: \Q$lost\E of acme\/prod/), 1, 'one line says what was done to the one';
    is lines(qr/CRM0122: \Q$loose\E of acme\/prod/), 1, 'one to the other';
    is lines(qr/CRM0123: \Q$both\E of acme\/prod/), 1, 'one to the third';
    is lines(qr/CRM0124: \Q$noted\E of acme\/prod: its (?:claim|failure)/), 2, 'and two notes of one';
    is lines(qr/CRM0124: (?:nobody|nothing|no-batch) of acme\/prod/), 3, 'the others';
    is lines(qr/CRM012[1-4]/), 8, 'and no more lines';
    like $site->log_text('crm360d'), qr/kept house: looked at \d+ entries of 2 databases, put 8 right/,
        'and one says that it is done';

    like $site->log_text('crm360d'), qr/CRM0125: Redis holds messages of 1 databases .* the first is else\/where;/,
        'messages that no section names are told';

    my $before = everything();
    $site->keep_house;
    is everything(), $before, 'another time changes nothing';
    is lines(qr/CRM012[1-4]/), 8, 'and says nothing';
    is lines(qr/CRM0125/), 1, 'those of another database are told once';
    $site->redis('DEL', keys %other);

    $site->redis('ZADD', key('live'), 1, $_) for $fine, $both, $noted;
    $site->redis('ZADD', key('batch'), 1, $batch);
    $site->redis('PUBLISH', 'crm360:1:wake', key($_) . ' 1') for qw(live batch);
    wait_until { !grep { !done($_) } $fine, $both, $noted, $batch } 10, 'those that were left are done';
    is $site->redis('ZCARD', key('live')), 0, 'and nothing blocks';
    $site->redis('FLUSHALL');
}

# ---- keys of the wrong type ----

$site->expect_log(qr/CRM0120/);
my $waits = later(lane => 'batch');
$site->start_httpd;
my $path = $site->url('Adictiz/User/Participate', SourceId => 1);
for my $name (qw(live send claims failures dead splits counters)) {
    my $said = sub { return scalar(() = ($site->log_text('crm360d') . $site->log_text('httpd-error')) =~ /CRM0120/g) };
    my $before = $said->();
    $site->redis('DEL', key($name));
    $site->redis('LPUSH', key($name), 'something', 'else');
    my $answer = $site->post($path, 'done');
    is $answer->{status}, 200, "$name of the wrong type: a webhook is taken";
    wait_until { done($answer->{json}{MessageId}) } 10, 'and nothing holds it up';
    $site->keep_house;
    is $said->(), $before + 1, 'said once';
    my ($aside) = grep { /:\Q$name\E:aside:\d+$/ } @{ $site->redis('KEYS', '*') };
    is_deeply $site->redis('LRANGE', $aside // 'none', 0, -1), ['else', 'something'], 'and set aside, whole';
}
{
    my $id = later();
    my $gone = later();
    $site->redis('DEL', map { key("message:$_") } $id, $gone);
    $site->redis('LPUSH', key("message:$_"), 'x') for $id, $gone;
    $site->keep_house;
    ok dead($id), 'a message of the wrong type counts as missing';
    is scalar @{ $site->redis('KEYS', key("message:$id:aside:*")) }, 1, 'it is set aside, too';
    $site->expect_log(qr/CRM0311/);
    $gone = put('done', delay => 200);
    $site->redis('DEL', key("message:$gone"));
    $site->redis('LPUSH', key("message:$gone"), 'x');
    my $after = put('done', delay => 200);
    wait_until { dead($gone) && done($after) } 10, 'also when a worker meets it first';
    is scalar @{ $site->redis('KEYS', key("message:$gone:aside:*")) }, 1, 'set aside by him';
    $site->redis('FLUSHALL');
}

# ---- a newer version beside this one ----

{
    $site->expect_log(qr/CRM0310/);
    my $id = put('retry', delay => $FAR);
    my $text = $site->redis('GET', key("message:$id"));
    $site->redis('SET', key("message:$id"), $text =~ s/^Crm360-Received/Crm360-Later: x\r\nCrm360-Received/mr);
    $site->redis('HSET', key('failures'), $id, '{"attempts":0,"later":{"a":[1,"x"]}}');
    $site->redis('ZADD', key('live'), 1, $id);
    $site->redis('PUBLISH', 'crm360:1:wake', key('live') . ' 1');
    wait_until { dead($id) } 10, 'a message with fields of a newer version is worked on';
    is history($id)->{attempts}, 2, 'as any';
    is_deeply history($id)->{later}, { a => [1, 'x'] }, 'what it has noted beside is kept';
    $site->keep_house;
    is_deeply history($id)->{later}, { a => [1, 'x'] }, 'by the keeper, too';
    $site->redis('FLUSHALL');
}

# ---- Redis loses everything, or its scripts, or is configured anew ----

{
    my @before = map { put('sleep 20') } 1 .. 40;
    my $started = time;
    my (@after, $flushed);
    while (time < $started + 3) {
        my $id = put('done');
        push @after, $id if $flushed;
        if (!$flushed && time > $started + 1) {
            $site->redis('FLUSHALL');
            $flushed = time;
        }
        sleep 0.02;
    }
    wait_until { !grep { !done($_) } @after } 10, 'after FLUSHALL under load each new message is done';
    my $first = time;
    my $id = put('done');
    wait_until { done($id) } 5, 'and another';
    cmp_ok time - $first, '<', 1, 'at once' if timing();
    is $site->redis('HLEN', key('claims')), 0, 'nothing stays claimed';
    $site->expect_log(qr/CRM0312/); # a batch that was in hand when its claims went
    $site->wait_log('crm360d', qr/CRM0104: Redis at \S+ has been emptied/, 10, 'that Redis was emptied is said');
    cmp_ok lines(qr/CRM0312/), '<=', 2, 'at most one batch of each worker is said to be lost';
    $site->keep_house;
}
{
    $site->redis('SCRIPT', 'FLUSH');
    my $id = put('done');
    wait_until { done($id) } 5, 'without its scripts';
    $site->redis('SCRIPT', 'FLUSH');
    $site->keep_house;
    $site->expect_log(qr/new maxmemory value/, qr/CRM0102.*OOM/);
    my $small = put('done', delay => 300);
    $site->redis('CONFIG', 'SET', 'maxmemory', 1);
    wait_until { done($small) } 5, 'at the memory limit';
    $site->keep_house;
    $site->redis('CONFIG', 'SET', 'maxmemory', 0);
    $site->redis('CONFIG', 'SET', 'appendonly', 'yes');
    $id = put('done');
    wait_until { done($id) } 5, 'with another configuration';
    wait_until { $site->redis('INFO', 'persistence') =~ /aof_rewrite_in_progress:0/ } 10, 'which is in force';
    $site->expect_log(qr/CRM0101/, qr/CRM0330/);
    $site->stop_redis;
    $site->start_redis;
    $id = put('done');
    wait_until { done($id) } 5, 'and after a restart';
    $site->keep_house;
}
is master(), $site->{consumer}->pid, 'it is still the same crm360d';

# ---- many databases ----

{
    my $many = Crm360::Test->new(databases => { map { (sprintf('c%03d/x', $_) => '') } 0 .. 449 });
    my @some = map { sprintf 'c%03d/x', $_ } 0, 199, 200, 399, 400, 449;
    $many->start_redis;
    $many->start_consumer;
    my %lost = map { $_ => $many->push_order('done', database => $_, delay => $FAR) } @some;
    $many->redis('DEL', $many->key($_, "message:$lost{$_}")) for @some;
    $many->expect_log(qr/CRM0121/);
    $many->keep_house;
    is_deeply [grep { !$many->redis('ZSCORE', $many->key($_, 'dead'), $lost{$_}) } @some], [],
        'of 450 databases none is left out';
    $many->finish;
}

# ---- the keeper's own life ----

{
    my $keeper = keeper();
    kill 'KILL', $keeper;
    $site->wait_log('crm360d', qr/CRM0322: the keeper $keeper ended \(signal 9\)/, 5, 'its end is noticed');
    wait_until { keeper() && keeper() != $keeper } 5, 'another one is started';
    $site->keep_house;
    $keeper = keeper();
    $site->{consumer}->signal('HUP');
    wait_until { keeper() && keeper() != $keeper } 10, 'HUP gives it the new configuration';
    $site->keep_house;
    $keeper = keeper();
    $site->kill_consumer;
    wait_until { !kill 0, $keeper } 5, 'it ends when the master is gone';
    $site->start_consumer;
    $site->keep_house;
    $keeper = keeper();
    my $asked = time;
    is $site->stop_consumer, 0, 'TERM';
    cmp_ok time - $asked, '<', 2, 'does not wait for it' if timing();
    ok !kill(0, $keeper), 'and it has ended';
}
$site->done;
