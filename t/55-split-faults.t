# A split in the middle of which something goes wrong: workers and the whole of crm360d killed, Redis killed
# and started again, a lease lost, a stop, a worker that crashes each time, Redis full. A ledger says what
# became of each element: one effect, never none, never two. The moments are random: CRM360_SEED repeats them.
# A split waits before each of its calls, or it would be over on a fast machine before anything could go wrong.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $DB = 'acme/prod';
my $seed = $ENV{CRM360_SEED} || time % 1_000_000;
my $EACH = 2_500; # elements of a batch
my $BALLAST = 'x' x 1600; # in each: some 130 of them go into one call of the queue

srand $seed;
diag "seed $seed, $EACH elements a batch";

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    appendonly => 1,
    redis_settings => 'appendfsync always',
    settings => "Crm360CommandTimeout 1s\nCrm360HandlerTimeout 4s\nCrm360Lease 5s\nCrm360Workers batch 2\n",
);
my ($batch, $send, $claims, $splits, $dead, $failures, $counters) =
    map { $site->key($DB, $_) } qw(batch send claims splits dead failures counters);

$site->start_redis;
$site->migrate;
$site->value($DB, 'create table Effects (Serial text, MessageId text, RanAt text)');
$ENV{CRM360_TEST_SPLIT_PAUSE} = $site->dir . '/pause';
sub pause { return spew($ENV{CRM360_TEST_SPLIT_PAUSE}, "$_[0]\n") }
pause(80); # ms
$site->start_httpd;
$site->start_consumer;
$site->expect_log(qr/CRM0322/);

# ---- a batch and its ledger ----

my $serial = 0;

# Posts a batch of $EACH orders, each of which takes so many ms; returns it.
sub post_batch {
    my ($what, $takes) = (@_, 0);
    my ($first, $last) = ($serial + 1, $serial += $EACH);
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1, BatchMode => 'true'),
        '[' . join(',', map { qq{"done $_ $takes $BALLAST"} } $first .. $last) . ']');

    is $answer->{status}, 200, "$what: taken" or diag $answer->{content};
    return { what => $what, id => $answer->{json}{MessageId}, first => $first, last => $last };
}

# How many elements are queued already; undef before the first and after the last.
sub progress { my $next = $site->redis('HGET', $splits, $_[0]{id}); return defined $next ? $next - 1 : undef }

# Waits until at least so many elements are queued; what is queued then, or nothing when it was whole before.
sub reaches {
    my ($wanted, $many) = @_;
    my $until = time + 60;

    while (time < $until) {
        my $queued = progress($wanted);
        return $queued if defined $queued && $queued >= $many;
        return if !defined $queued && !$site->redis('ZSCORE', $batch, $wanted->{id});
    }
    return;
}

# The process that splits it.
sub splitter {
    my $claim = decode_json($site->redis('HGET', $claims, $_[0]{id}) // 'null') or return;
    return ($claim->{worker} =~ m{/(\d+)\.\d+$})[0];
}

sub history { return decode_json($site->redis('HGET', $failures, $_[0]{id}) // '{}') }
sub idle { return !$site->redis('ZCARD', $batch) && !$site->redis('HLEN', $claims) }

# All is done, each once.
sub settled {
    my ($of) = @_;
    my $what = $of->{what};
    my $query = "from Effects where cast(Serial as integer) between $of->{first} and $of->{last}";

    wait_until { idle() } 60, "$what: all is worked on";
    is $site->value($DB, "select count(distinct Serial) $query"), $EACH, "$what: each element has its effect";
    is $site->value($DB, "select count(*) $query"), $EACH, "$what: once";
    is $site->value($DB, "select count(distinct MessageId) $query"), $EACH, "$what: as a message of its own";
    is $site->value($DB, "select count(*) from WebhookInbox where MessageId like '$of->{id}%'"), $EACH,
        "$what: noted";
    is_deeply [grep { /message:|splits$|failures$|dead$|claims$/ } @{ $site->redis('KEYS', "crm360:1:{$DB}:*") }],
        [], "$what: nothing is left in Redis";
    my %count = @{ $site->redis('HGETALL', $counters) };
    is $count{received}, $count{done} + $count{split} + ($count{dead} // 0) - ($count{redriven} // 0),
        "$what: the counters add up";
    return;
}

# ---- kills ----

{
    my $of = post_batch('workers are killed');
    my ($hits, $queued) = (0, 0);

    for my $kill (1 .. 6) {
        $queued = reaches($of, $queued + 1 + int rand $EACH / 6) // last;
        my $pid = splitter($of) // next;
        $hits += kill 'KILL', $pid;
        wait_until { (splitter($of) // 0) != $pid } 10, "$of->{what}: kill $kill at $queued is noticed";
    }
    cmp_ok $hits, '>=', 2, "$of->{what}: $hits kills hit the split";
    settled($of);
}

{
    my $of = post_batch('all is killed');
    my ($hits, $queued) = (0, 0);

    for my $kill (1 .. 3) {
        $queued = reaches($of, $queued + 1 + int rand $EACH / 4) // last;
        $site->kill_consumer(group => $kill != 2);
        $hits++ if defined progress($of);
        $site->start_consumer;
    }
    cmp_ok $hits, '>=', 1, "$of->{what}: $hits kills hit the split";
    settled($of);
}

{
    # A worker that crashes whenever it comes to this message: after three times it is a dead letter, like
    # any other, and what was queued of it is done. Another life begins where this one ended.
    my $of = post_batch('a worker crashes');
    my ($crashes, $queued) = (0, 0);

    # It must have begun: between the claim and its first step nobody is charged.
    while ($crashes < 3 && defined(my $now = reaches($of, $queued + 1))) {
        my $pid = splitter($of) // next;
        $crashes += kill 'ABRT', $pid;
        wait_until { (history($of)->{crashes} // 0) == $crashes } 10, "$of->{what}: crash $crashes is counted";
        $queued = progress($of) // $now;
    }
    wait_until { defined $site->redis('ZSCORE', $dead, $of->{id}) } 10, "$of->{what}: it is a dead letter";
    $queued = progress($of) // 0;
    ok $queued > 0 && $queued < $EACH, "$of->{what}: with $queued elements queued";
    wait_until { idle() } 60, "$of->{what}: which are worked on";
    is $site->value($DB, "select count(*) from WebhookInbox where MessageId like '$of->{id}%'"), $queued,
        "$of->{what}: those and no others";
    my ($code, $output) = $site->ctl('dead', 'redrive', $DB, "--id=$of->{id}");
    is $code, 0, "$of->{what}: redriven" or diag $output;
    settled($of);
}

# ---- Redis ----

{
    my $of = post_batch('Redis is killed');
    my $hits = 0;

    $site->expect_log(qr/CRM0101/, qr/CRM0102/, qr/CRM0330/);
    for my $kill (1 .. 2) {
        my $queued = reaches($of, (progress($of) // 0) + 1 + int rand $EACH / 3) // last;
        $site->kill_redis;
        $site->start_redis;
        my $now = progress($of);
        ok !defined $now || $now >= $queued, "$of->{what}: it keeps what it has said" or diag "$now < $queued";
        $hits++ if defined $now;
    }
    cmp_ok $hits, '>=', 1, "$of->{what}: $hits kills hit the split";
    settled($of);
}

{
    # At its memory limit Redis takes no more elements, and work goes on with those that are there.
    $site->stop_consumer;
    my $of = post_batch('Redis is full', 4); # so that they are not done as fast as they come
    my $memory = sub { return $site->redis('INFO', 'memory') =~ /^\Q$_[0]\E:(\d+)/m ? $1 : die };
    # The buffer through which the body came is given back only after a while, and would be room.
    wait_until { $memory->('mem_clients_normal') < 500_000 } 30, "$of->{what}: Redis is at rest";
    my $used = $memory->('used_memory');

    $site->expect_log(qr/CRM0317/, qr/CRM036\d/, qr/new maxmemory value/);
    $site->redis('CONFIG', 'SET', 'maxmemory', $used + 1000 * $EACH); # room for some of them
    $site->start_consumer;
    $site->wait_log('crm360d', qr/CRM0317: \Q$of->{id}\E cannot be split now: .*OOM/, 20, "$of->{what}: it is said");
    my $queued = progress($of);
    ok $queued > 0 && $queued < $EACH, "$of->{what}: $queued are queued";
    wait_until { $site->redis('ZCARD', $batch) <= 1 } 60, "$of->{what}: which are worked on";
    is_deeply history($of), {}, "$of->{what}: the message is charged with nothing";
    $site->redis('CONFIG', 'SET', 'maxmemory', 0);
    settled($of);
}

# ---- leases and stops ----

{
    # Redis is slow, and the split takes longer than a handler may, and than a lease lasts.
    pause(350);
    my $of = post_batch('a long split');
    my $deaths = () = $site->log_text('crm360d') =~ /CRM0322/g;
    my ($charged, $lapsed) = ('', 0);
    my $began = time;

    reaches($of, 1);
    while (defined progress($of) && time - $began < 60) {
        my $leased = $site->redis('ZSCORE', $batch, $of->{id});
        $lapsed++ if defined $leased && $leased < 1000 * $site->redis('TIME')->[0];
        $charged ||= $site->redis('HGET', $failures, $of->{id}) // '';
        $site->freeze_redis;
        sleep 0.4;
        $site->thaw_redis;
        sleep 0.1;
    }
    pause(80);
    my $took = time - $began;
    diag sprintf '%s: %.1f s', $of->{what}, $took;
    cmp_ok $took, '>', 5, "$of->{what}: took longer than its lease";
    is $lapsed, 0, "$of->{what}: which was always extended";
    is $charged, '', "$of->{what}: and was charged with nothing";
    is scalar(() = $site->log_text('crm360d') =~ /CRM0322/g), $deaths, "$of->{what}: no worker was killed";
    settled($of);
}

{
    my $of = post_batch('a lease is lost');
    my $queued = reaches($of, 1 + int rand $EACH / 2);
    my $theirs = encode_json({ token => 'other', worker => 'elsewhere/1/1.1', since => 1, due => 1 });

    $site->expect_log(qr/CRM0318/);
    $site->redis('EVAL', q{redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        redis.call('ZADD', KEYS[2], 9999999999999, ARGV[1])}, 2, $claims, $batch, $of->{id}, $theirs);
    $queued = progress($of);
    $site->wait_log('crm360d', qr/CRM0318: id=\Q$of->{id}\E /, 10, "$of->{what}: the worker notices");
    is progress($of), $queued, "$of->{what}: it queues nothing more";
    is $site->redis('HGET', $claims, $of->{id}), $theirs, "$of->{what}: and leaves it to whoever has it";
    wait_until { $site->redis('ZCARD', $batch) == 1 } 60, "$of->{what}: what is queued is worked on";
    $site->redis('HDEL', $claims, $of->{id});
    $site->redis('ZADD', $batch, 1, $of->{id});
    $site->redis('PUBLISH', 'crm360:1:wake', "$batch 1");
    settled($of);
}

{
    my $of = post_batch('a stop');
    my $queued = 0;

    for my $stop (1 .. 3) {
        $queued = reaches($of, $queued + 1 + int rand $EACH / 4) // last;
        is $site->stop_consumer, 0, "$of->{what}: $stop ends crm360d well";
        is $site->redis('HLEN', $claims), 0, "$of->{what}: and everything is given back";
        $site->start_consumer;
    }
    cmp_ok $queued, '>', 0, "$of->{what}: hit the split";
    settled($of);
}

# ---- other lanes ----

{
    # A splitter needs no database: while it is at it, somebody else may have that, though SQLite has but one
    # writer.
    my $of = post_batch('live meanwhile');
    reaches($of, 1);
    my $pid = splitter($of);
    kill 'STOP', $pid;
    my $id = $site->push_order('done');
    wait_until { $site->value($DB, "select count(*) from WebhookInbox where MessageId = '$id'") } 4,
        "$of->{what}: a message is done";
    is splitter($of), $pid, "$of->{what}: while the other is still being split";
    kill 'CONT', $pid;
    $site->value($DB, "delete from WebhookInbox where MessageId = '$id'");
    settled($of);
}

{
    # What leaves keeps its lane, in pieces too.
    my $of = post_batch('lane send');
    wait_until { idle() } 60, "$of->{what}: done in its own";
    my $id = 'x-Crm360-Email-Send';
    my $body = join "\n", map { qq{"done s$_ 0"} } 1 .. 3;
    my $text = join "\r\n", 'POST /x?SourceId=1 HTTP/1.1', "Crm360-Id: $id",
        'Crm360-Received: 2026-11-23T15:58:00.000000Z', 'Crm360-Customer: acme', 'Crm360-Database: prod',
        'Crm360-Route: Adictiz/User/Participate', 'Crm360-Source-Id: 1', 'Crm360-Batch-Mode: true',
        'Crm360-Origin: none', 'Content-Length: ' . length $body, '', $body;
    $site->push_text($DB, 'send', $id, $text, 0);
    wait_until { $site->value($DB, "select count(*) from WebhookInbox where MessageId like '$id.%'") == 3 } 10,
        "$of->{what}: a message there is split there";
    wait_until { !$site->redis('ZCARD', $send) } 10, "$of->{what}: and done";
}

$site->done;
