# The queue's Lua scripts against a real Redis: each verb, its fencing, its memory of failures, and that
# all but push and split work at the memory limit. Also that each header comment matches what core/queue.c sends.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Scripts;
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

my $site = Crm360::Test->new;
$site->start_redis;
my $redis = Crm360::Redis->connect($site->redis_socket);
use_redis($redis);

subtest 'push' => sub {
    my $before = redis_ms();
    my $pushed = put('a', 5000);
    is $pushed->[1], 1, 'a new id is queued';
    cmp_ok $pushed->[0], '>=', $before + 5000, 'visible after its delay';
    cmp_ok $pushed->[0], '<=', redis_ms() + 5000, 'by the clock of Redis';
    is $redis->command('ZSCORE', $live, 'a'), $pushed->[0], 'and scored so';
    is_deeply put('a', 0, 'other'), [$pushed->[0], 0, 'a'], 'a repeated push changes nothing';
    is $redis->command('GET', message('a')), 'body of a', 'not even the message';
    is $redis->command('HGET', $counters, 'received'), 1, 'and is not counted';
    is_deeply put('staged', 0, '', 5), [0, 4, 'staged'], 'parts that are not there are asked for';
    is $redis->command('ZSCORE', $live, 'staged'), undef, 'and nothing is queued';
    $redis->command('SET', message('staged') . ':parts', 'parts', 'EX', 100);
    is_deeply put('staged', 9000, '', 6), [0, 4, 'staged'], 'too few parts as well';
    is $redis->command('EXISTS', message('staged') . ':parts'), 0, 'and dropped';
    $redis->command('SET', message('staged') . ':parts', 'parts', 'EX', 100);
    is put('staged', 9000, '', 5)->[1], 1, 'all parts make a message';
    is $redis->command('GET', message('staged')), 'parts', 'which is theirs';
    is $redis->command('TTL', message('staged')), -1, 'and lasts';
    $redis->command('SET', message('staged') . ':parts', 'again', 'EX', 100);
    is put('staged', 9000, '', 5)->[1], 0, 'parts of a repeated push are dropped';
    is $redis->command('GET', message('staged')), 'parts', 'the message stays';
    is $redis->command('TTL', message('staged')), -1, 'for good';
    is $redis->command('EXISTS', message('staged') . ':parts'), 0, 'and they do not';
    $redis->command('FLUSHALL');
};

subtest 'push of a delivery' => sub {
    my $seen = "${tag}seen:d";
    my $deliver = sub {
        my ($id, $content, %o) = @_;
        return push_as($id, seen => $seen, content => $content, window => 60000, %o);
    };
    my $first = $deliver->('a', 'aa', delay => 5000)->[0];
    is $redis->command('GET', $seen), "a aa $first", 'it is remembered: id, content, visible from';
    cmp_ok $redis->command('PTTL', $seen), '>', 50000, 'for its window';
    is_deeply $deliver->('b', 'aa'), [$first, 2, 'a'], 'it comes again: the first one is named';
    is_deeply $deliver->('b', 'aa', length => 9), [$first, 2, 'a'], 'of parts as well, and none is wanted';
    is_deeply $redis->command('ZRANGE', $live, 0, -1), ['a'], 'nothing is queued';
    is $redis->command('EXISTS', message('b')), 0, 'nor stored';
    is_deeply { @{ $redis->command('HGETALL', $counters) } }, { received => 1, duplicate => 2, 'waiting-bytes' => 9 }, 'but counted';
    is_deeply $deliver->('a', 'aa'), [$first, 0, 'a'], 'the same message again is no repetition';
    claim('t');
    $redis->command('ZADD', $live, 0, 'a');
    claim('t');
    ack('t', 'a');
    is_deeply $deliver->('a', 'aa'), [$first, 0, 'a'], 'nor when it is done already';
    is $redis->command('ZCARD', $live), 0, 'and it is not queued again';
    is_deeply $deliver->('c', 'bb', strict => 1), [$first, 3, 'a'], 'another content, strictly: refused';
    is $redis->command('ZCARD', $live), 0, 'nothing is queued';
    is $deliver->('c', 'bb')->[1], 1, 'else it is another one';
    $redis->command('SET', $live, 'wrong') if $redis->command('DEL', $live);
    $redis->command('DEL', $seen);
    eval { $deliver->('d', 'aa') };
    like $@, qr/WRONGTYPE/, 'a queue of the wrong type fails a push';
    is $redis->command('EXISTS', $seen), 0, 'and nothing is remembered of it';
    $redis->command('FLUSHALL');
};

subtest 'push with a mail copy' => sub {
    my ($send, $seen) = ($lanes[2], "${tag}seen:d");
    my $both = sub {
        my ($id, %o) = @_;
        return push_as($id, seen => $seen, copy => "$id.mail", %o);
    };
    my $ear = Crm360::Redis->connect($site->redis_socket);
    $ear->command('SUBSCRIBE', 'crm360:1:wake');
    my $before = redis_ms();
    my $visible = $both->('a', delay => 60000)->[0];
    my $copied = $redis->command('ZSCORE', $send, 'a.mail');
    cmp_ok $visible, '>=', $before + 60000, 'the webhook waits';
    ok $copied >= $before && $copied <= redis_ms(), 'its copy does not';
    is join(' | ', map { $ear->reply->[2] } 1 .. 2), "$live $visible | $send $copied", 'which is said of both';
    is $redis->command('GET', message($_)), 'body of a', "$_ is stored" for 'a', 'a.mail';
    is $redis->command('HGET', $counters, 'received'), 2, 'both count';
    is $redis->command('EXISTS', $seen), 0, 'without a window nothing is remembered';
    $before = dump_all();
    is_deeply $both->('a'), [$visible, 0, 'a'], 'again: the webhook was pushed';
    is dump_all(), $before, 'and nothing is changed';
    $redis->command('ZREM', $live, 'a'); # done, and not remembered
    is $both->('a')->[1], 1, 'the same webhook again, when it is done';
    is $redis->command('ZSCORE', $send, 'a.mail'), $copied, 'a copy that waits stays where it is';
    is $redis->command('HGET', $counters, 'received'), 3, 'and is not counted again';
    $redis->command('ZREM', $_, 'a', 'a.mail') for $live, $send;
    $redis->command('ZADD', $dead, 5, 'a.mail');
    is $both->('a')->[1], 1, 'the same, when the copy is dead';
    is $redis->command('ZCARD', $send), 0, 'it stays dead';
    $redis->command('FLUSHALL');

    is $both->('a', content => 'aa', window => 60000)->[1], 1, 'a delivery that is remembered';
    $before = dump_all();
    is_deeply [@{ $both->('b', content => 'aa', window => 60000) }[1, 2]], [2, 'a'], 'a repetition of it';
    $redis->command('HDEL', $counters, 'duplicate');
    is dump_all(), $before, 'has neither message nor copy';
    $redis->command('FLUSHALL');

    my @parts = map { message($_) . ':parts' } 'l', 'l.mail';
    is $both->('l', length => 5)->[1], 4, 'the parts of a large one are asked for';
    $redis->command('SET', $parts[0], 'parts', 'EX', 100);
    is $both->('l', length => 5)->[1], 4, 'those of the copy, too';
    is $redis->command('EXISTS', @parts, $live, $send), 0, 'and neither is there without the other';
    $redis->command('SET', $_, 'parts', 'EX', 100) for @parts;
    is $both->('l', length => 5)->[1], 1, 'all parts make both';
    is_deeply [map { ($redis->command('GET', message($_)), $redis->command('TTL', message($_))) } 'l', 'l.mail'],
        ['parts', -1, 'parts', -1], 'which last';
    $redis->command('SET', $_, 'parts', 'EX', 100) for @parts;
    is $both->('l', length => 5)->[1], 0, 'again: nothing';
    is $redis->command('EXISTS', @parts), 0, 'and the parts are dropped';
    $redis->command('ZREM', $live, 'l');
    $redis->command('SET', $_, 'parts', 'EX', 100) for @parts;
    is $both->('l', length => 5)->[1], 1, 'once more, when the webhook is done';
    is $redis->command('EXISTS', @parts), 0, 'no part is left of a copy that is there';
    $redis->command('FLUSHALL');

    $redis->command('SET', $send, 'wrong');
    $before = dump_all();
    eval { $both->('a', content => 'aa', window => 60000) };
    like $@, qr/WRONGTYPE/, 'a lane of the wrong type fails both';
    cmp_ok $redis->command('TTL', $_), '>', 0, "what was written expires: $_" for @parts = map { message($_) . ':parts' } 'a', 'a.mail';
    $redis->command('DEL', @parts);
    is dump_all(), $before, 'and nothing is done';
    $redis->command('FLUSHALL');
};

subtest 'push within limits' => sub {
    my $push = sub {
        my ($id, %o) = @_;
        return push_as($id, seen => "${tag}seen:$id", text => 'x' x 10, content => 'aa', window => 60000, %o)->[1];
    };
    my $bytes = sub { return $redis->command('HGET', $counters, 'waiting-bytes') };
    my $refused = sub { return $redis->command('HGET', $counters, 'refused') };

    is $push->('a', most => 3), 1, 'the first';
    is $push->('b', most => 3, lane => 1), 1, 'the second, in another lane';
    is $push->('c', most => 3, lane => 2), 1, 'the third, which is the last';
    my $before = dump_all();
    is $push->('d', most => 3), 5, 'one more is too much';
    is $refused->(), 1, 'which is counted';
    $redis->command('HDEL', $counters, 'refused');
    is dump_all(), $before, 'and changes nothing';
    is $push->('a', most => 3), 0, 'what was stored before is known all the same';
    is $push->('d', most => 0), 1, 'without a limit it is taken';
    is $bytes->(), 40, 'their bytes are known';
    is $push->('e', bytes => 49), 5, 'one byte too much';
    is $push->('e', bytes => 50), 1, 'as many as may be';
    $redis->command('SET', message('f') . ':parts', 'y' x 10, 'EX', 100);
    is $push->('f', length => 10, bytes => 59), 5, 'parts are weighed too';
    is $redis->command('EXISTS', message('f') . ':parts'), 0, 'and dropped';
    is $push->('f', length => 10, bytes => 60), 4, 'or else wanted';
    $redis->command('FLUSHALL');
    is $push->('g', most => 1, bytes => 5), 1, 'one that waits alone may always';
    is $push->('h', lane => 1, bytes => 5), 5, 'but no second one, in any lane';
    $redis->command('HSET', $counters, 'waiting-bytes', $_), is $push->("i$_", bytes => 19), 1, "'$_' counts as nothing"
        for '-5', 'x';
    is $bytes->(), 10, 'and counting begins anew';
    $redis->command('HDEL', $counters, 'waiting-bytes');
    claim('t');
    ack('t', 'g');
    is $bytes->(), 0, 'what was not counted makes no debt';
    $redis->command('HSET', $counters, 'waiting-bytes', 99);
    ack('t', 'i-5', 'ix');
    is $push->('j'), 1, 'the first one again';
    is $bytes->(), 10, 'and whatever was there, now it is known';
    $redis->command('FLUSHALL');
    my $both = sub {
        my ($id, %o) = @_;
        return push_as($id, text => 'x' x 10, copy => "$id.mail", %o)->[1];
    };
    is $both->('a', most => 1), 1, 'a webhook and its copy, alone';
    is $both->('b', most => 3), 5, 'two more are too many';
    is $both->('b', most => 4), 1, 'or not';
    is $both->('c', bytes => 59), 5, 'both weigh';
    is $both->('c', bytes => 60), 1, 'the same';
    is $bytes->(), 60, 'and are counted';
    $redis->command('FLUSHALL');
};

subtest 'wake-ups' => sub {
    my $ear = Crm360::Redis->connect($site->redis_socket);
    $ear->command('SUBSCRIBE', 'crm360:1:wake');
    my $first = put('late', 60000)->[0];
    is $ear->reply->[2], "$live $first", 'the first message moves the head';
    put('later', 70000);
    my $early = put('early', 1000)->[0];
    is $ear->reply->[2], "$live $early", 'a later one says nothing, an earlier one does';
    $redis->command('FLUSHALL');
};

subtest 'claim and ack' => sub {
    put($_) for qw(a b c);
    put('future', 60000);
    is ids(claim('t1', most => 2)), 'a b', 'the oldest, as many as asked for';
    is "@bytes", '9 9', 'and how long the stored messages are';
    cmp_ok $waited[0], '>=', $waited[1], 'and for how long each has been visible';
    $redis->command('ZADD', $live, 0, 'by-hand');
    is ids(claim('t0', most => 1)) . " $waited[0]", 'by-hand 0', 'unless nobody knows';
    $redis->command('ZREM', $live, 'by-hand');
    $redis->command('HDEL', $claims, 'by-hand');
    my ($next, @pairs) = claim('t2');
    is ids($next, @pairs), 'c', 'then the rest that is due';
    cmp_ok $next, '>', 50000, 'and says when the next one is';
    cmp_ok $redis->command('ZSCORE', $live, 'a'), '>', redis_ms() + 50000,
        'a claim moves the score and keeps the entry';
    is_deeply [sort keys %{ decode_json($redis->command('HGET', $claims, 'a')) }],
        [qw(due since token worker)], 'the claim says who and since when';
    is ack('t2', 'a'), 0, 'another claim\'s token ends nothing';
    is $redis->command('GET', message('a')), 'body of a', 'the message is still there';
    is ack('t1', 'a', 'b', 'c'), 2, 'its own token ends its own';
    is ack('t1', 'a'), 0, 'once';
    is ack('t2', 'c'), 1, 'the other one as well';
    is $redis->command('ZCARD', $live), 1, 'only the future is left';
    is keys_left(), "$counters $live " . message('future'), 'and no trace of what was done';
    is $redis->command('HGET', $counters, 'done'), 3, 'but the count';
    $redis->command('FLUSHALL');
};

subtest 'an expired lease' => sub {
    put('a');
    is ids(claim('t1', lease => 1)), 'a', 'claimed for a millisecond';
    sleep 0.01;
    is ids(claim('t2', worker => 'w2', lease => 1)), 'a', 'and claimed again by somebody else';
    is ack('t1', 'a'), 0, 'the first one completes nothing any more';
    is retry('t1', 'a', 0, 'x'), 0, 'nor puts back';
    is bury('t1', 'a', 'x'), 0, 'nor buries';
    is release('token', 't1', 0, '', '', 'a'), 0, 'nor releases';
    is failure('a')->{expiries}, 1, 'the expiry is counted';
    is failure('a')->{attempts}, 0, 'and is no attempt';
    for (2 .. 9) { sleep 0.003; claim("x$_", lease => 1) }
    sleep 0.01;
    is ids(claim('last', lease => 1)), '', 'the tenth expiry ends it';
    is $redis->command('ZRANGE', $dead, 0, -1)->[0], 'a', 'as a dead letter';
    is $redis->command('GET', message('a')), 'body of a', 'whole';
    $redis->command('FLUSHALL');
};

subtest 'fence' => sub {
    put($_) for qw(a b c);
    claim('t', lease => 50_000);
    my $left = fence('t', 'a', 'c');
    cmp_ok $left, '<=', 50_000, 'the lease of a claim';
    cmp_ok $left, '>', 40_000, 'lasts';
    is fence('other', 'a', 'c'), undef, 'and is nobody else\'s';
    $redis->command('ZADD', $live, redis_ms() - 1000, 'c');
    my $over = fence('t', 'a', 'c');
    cmp_ok $over, '<=', -1000, 'the shorter one counts, which may be over';
    is ids(claim('t2')), 'c', 'somebody else takes it then';
    is fence('t', 'a', 'c'), undef, 'and the claim has lost it';
    cmp_ok fence('t', 'a', 'b'), '>', 40_000, 'what is not asked for does not matter';
    ack('t', 'a');
    is fence('t', 'a', 'b'), undef, 'what has ended is not held';
    is fence('t'), undef, 'nor is nothing';
    $redis->command('ZREM', $live, 'b');
    is fence('t', 'b', 'b'), undef, 'nor what is in no queue';
    $redis->command('FLUSHALL');
};

subtest 'extend' => sub {
    put($_) for qw(a b);
    claim('t', lease => 1000);
    is extend('t', 60000, 'a', 'b'), 2, 'both are still its own';
    cmp_ok $redis->command('ZSCORE', $live, $_), '>', redis_ms() + 50000, "$_ is leased for longer"
        for qw(a b);
    is ids(claim('t2')), '', 'nobody else gets them';
    ack('t', 'a');
    my $score = $redis->command('ZSCORE', $live, 'b');
    is extend('t', 90000, 'a', 'b'), 1, 'one of them was lost';
    is $redis->command('ZSCORE', $live, 'b'), $score, 'then none is prolonged';
    is extend('other', 90000, 'b'), 0, 'another token prolongs nothing';
    $redis->command('HSET', $claims, 'b', '{"worker":"w1","due":1,"since":2,"token":"t"}');
    is extend('t', 90000, 'b'), 1, 'a claim is known in whatever order its members stand';
    is ack('t', 'b'), 1, 'for an ack, too';
    $redis->command('FLUSHALL');
};

subtest 'retry and bury' => sub {
    put($_) for qw(a b);
    claim('t');
    for my $n (1 .. 25) {
        is retry('t', 'a', 0, "reason $n"), 1, "retry $n" if $n == 1 || $n == 25;
        retry('t', 'a', 0, "reason $n") if $n != 1 && $n != 25;
        claim('t');
    }
    my $a = failure('a');
    is $a->{attempts}, 25, 'attempts are counted';
    is @{ $a->{errors} }, 20, 'the last twenty reasons are kept';
    is $a->{errors}[-1]{reason}, 'reason 25', 'the last one last';
    ok $a->{errors}[-1]{at} > 1e12, 'with its time';
    retry('t', 'a', 30000, 'later');
    cmp_ok $redis->command('ZSCORE', $live, 'a'), '>', redis_ms() + 29000, 'the delay is kept';
    is bury('t', 'b', 'not readable'), 1, 'buried';
    is failure('b')->{errors}[0]{reason}, 'not readable', 'with the reason';
    is $redis->command('ZSCORE', $live, 'b'), undef, 'and out of the queue';
    is $redis->command('GET', message('b')), 'body of b', 'the message stays';
    $redis->command('FLUSHALL');
};

subtest 'release' => sub {
    put($_) for qw(a b c);
    my $due = $redis->command('ZSCORE', $live, 'a');
    my ($next, @pairs) = claim('t');
    is release('token', 't', 0, '', '', 'a'), 1, 'one of its own';
    is $redis->command('ZSCORE', $live, 'a'), $due, 'at the place it had';
    is release('worker', 'host/7/1.1', 0, 'b', 'signal 11'), 2, 'all of a worker that is gone';
    is failure('b')->{crashes}, 1, 'the one that ran is charged';
    is $redis->command('HGET', $failures, 'c'), undef, 'its neighbours are not';
    is ids(claim('t2')), 'a', 'what stands before a crasher runs';
    is ids(claim('t3')), 'b', 'the crasher runs alone';
    is ids(claim('t4')), 'c', 'then the rest';
    release('worker', 'host/7/1.1', 0, 'b', 'signal 11');
    ack('t', 'a');
    claim('t5', most => 1);
    claim('t6', most => 1);
    is release('worker', 'host/7/1.1', 0, 'b', 'signal 11'), 2, 'a third crash';
    is_deeply $redis->command('ZRANGE', $dead, 0, -1), ['b'], 'makes a dead letter';
    is release('worker', 'nobody', 0, '', ''), 0, 'nobody else\'s are touched';
    claim('t7');
    release('token', 't7', 20000, '', '', 'c');
    cmp_ok $redis->command('ZSCORE', $live, 'c'), '>', redis_ms() + 19000, 'a delay is kept';
    $redis->command('FLUSHALL');
};

subtest 'release of many' => sub {
    put("many$_") for 1 .. 130;
    claim($_) for qw(m1 m2);
    is release('worker', 'host/7/1.1', 0, '', ''), 100, 'at most 100 a call';
    is release('worker', 'host/7/1.1', 0, '', ''), 30, 'the rest by the next one';
    $redis->command('FLUSHALL');
};

subtest 'split' => sub {
    put($_) for qw(w x);
    claim('t', most => 1);
    my $before = dump_all();
    is split_off('other', 'w', 1, 0, 'one'), -1, 'another token splits nothing';
    is split_off('t', 'x', 1, 0, 'one'), -1, 'nor does one that does not hold it';
    is split_off('t', 'nobody', 1, 0, 'one'), 0, 'what is not there has ended';
    is split_off('t', 'w', 0, 0), 1, 'the place is asked for';
    is split_off('t', 'w', 2, 0, 'two'), 1, 'the second is not the first';
    is dump_all(), $before, 'nothing has changed';
    my $ear = Crm360::Redis->connect($site->redis_socket);
    $ear->command('SUBSCRIBE', 'crm360:1:wake');
    $redis->command('ZADD', $live, redis_ms() + 60000, 'x');
    my $now = redis_ms();
    is split_off('t', 'w', 1, 0, 'one', 'two'), 3, 'two of them: the third is next';
    is $redis->command('GET', message("w.$_->[0]")), $_->[1], "number $_->[0] is stored"
        for [1, 'one'], [2, 'two'];
    my $score = $redis->command('ZSCORE', $live, 'w.2');
    ok $score >= $now && $score <= redis_ms(), 'and visible now';
    is $ear->reply->[2], "$live $score", 'which is said';
    is $redis->command('GET', message('w')), 'body of w', 'the whole is still there';
    is ids(claim('t2', most => 1)), 'w.1', 'an element is claimed like any message';
    is ack('t2', 'w.1'), 1, 'and done';
    $before = dump_all();
    is split_off('t', 'w', 1, 0, 'one', 'two'), 3, 'a repeated call says what is next';
    is split_off('t', 'w', 1, 1, 'one', 'two'), 3, 'whatever else it says';
    is dump_all(), $before, 'and does nothing, though one is done already';
    is split_off('t', 'w', 3, 1, 'three'), 0, 'the last of them ends the whole';
    is ids(claim('t3')), 'w.2 w.3', 'they are there';
    is $redis->command('EXISTS', message('w'), $splits), 0, 'nothing of the whole is';
    is split_off('t', 'w', 3, 1, 'three'), 0, 'again: it has ended';
    is ack('t3', 'w.2', 'w.3'), 2, 'all are done';
    is keys_left(), join(' ', sort $counters, $live, message('x')), 'no trace remains';
    my %count = @{ $redis->command('HGETALL', $counters) };
    is_deeply \%count, { received => 5, split => 1, done => 3, 'waiting-bytes' => 9 }, 'but the counts';
    $redis->command('FLUSHALL');
};

subtest 'split: nothing, much, and spoilt notes' => sub {
    put($_) for qw(none large note lost);
    claim('t');
    is split_off('t', 'none', 1, 1), 0, 'a whole without elements ends';
    is $redis->command('EXISTS', message('none')), 0, 'and is gone';
    my $parts = message('large.1') . ':parts';
    is split_off('t', 'large', 1, 0, [$parts, 5]), 1, 'parts that are gone: nothing is done';
    $redis->command('SET', $parts, 'part', 'EX', 100);
    is split_off('t', 'large', 1, 0, [$parts, 5]), 1, 'nor with some of them';
    $redis->command('SET', $parts, 'parts', 'EX', 100);
    is split_off('t', 'large', 1, 0, [$parts, 5]), 2, 'all of them make an element';
    is $redis->command('GET', message('large.1')), 'parts', 'which is theirs';
    is $redis->command('TTL', message('large.1')), -1, 'and lasts';
    for my $note ('', 'x', '0', '-3', '1e400', 'nan', '3000000000') {
        $redis->command('HSET', $splits, 'note', $note);
        is split_off('t', 'note', 0, 0), 1, "'$note' is no place: it begins at 1";
    }
    is split_off('t', 'lost', 1, 0, 'one'), 2, 'one element';
    claim('t2', worker => 'w2');
    $redis->command('HDEL', $splits, 'lost');
    my $score = $redis->command('ZSCORE', $live, 'lost.1');
    is split_off('t', 'lost', 1, 0, 'one', 'two'), 3, 'a note that was lost: it is queued again';
    is $redis->command('ZSCORE', $live, 'lost.1'), $score, 'but stays with whoever holds it';
    is $redis->command('HGET', $counters, 'received'), 7, 'and counts once';
    $redis->command('FLUSHALL');
};

subtest 'redrive' => sub {
    put($_) for qw(a b c d);
    claim('t');
    bury('t', $_, "why $_") for qw(a b c);
    is failure('a')->{lane}, 'live', 'the history names the lane';
    $redis->command('DEL', message('c'));
    my $kept = decode_json($redis->command('HGET', $failures, 'b'));
    $redis->command('HSET', $failures, 'b', encode_json({ %$kept, lane => 'send', later => [1, { x => 'y' }] }));
    my $before = redis_ms();
    my ($said, $next) = redrive(1000, 0.5, qw(d a b c x b));
    is_deeply $said, [0, 1, 1, -1, 0, 0], 'the dead with a message are redriven, once';
    is_deeply $redis->command('ZRANGE', $dead, 0, -1), ['c'], 'one without stays dead';
    my ($first, $second) = ($redis->command('ZSCORE', $live, 'a'), $redis->command('ZSCORE', $lanes[2], 'b'));
    cmp_ok $first, '>=', $before + 1000, 'the first after its offset';
    cmp_ok $first, '<=', redis_ms() + 1000, 'and no later';
    cmp_ok abs($second - $first - 0.5), '<=', 0.5, 'the next after the spacing, in the lane it died in';
    is $next, $first + 1 . '.000', 'and it says when another one may follow';
    is_deeply [@{ failure('a') }{qw(attempts crashes expiries)}], [0, 0, 0], 'attempts begin again';
    is join(',', map { $_->{reason} } @{ failure('a')->{errors} }), 'why a,redriven',
        'what it died of is remembered';
    is_deeply failure('b')->{later}, [1, { x => 'y' }], 'and what a newer version has noted';
    ($said, $next) = redrive(0, 20, qw(a b));
    is_deeply $said, [0, 0], 'again: nothing';
    is $next, '0.000', 'and another one has to wait for none of them';
    is $redis->command('ZSCORE', $live, 'a'), $first, 'is changed';
    is $redis->command('HGET', $counters, 'redriven'), 2, 'counted';
    $redis->command('FLUSHALL');

    put($_) for qw(a b);
    $redis->command('ZADD', $dead, 1, $_) for qw(a b e);
    $redis->command('SET', message('e'), 'x');
    is_deeply scalar(redrive(0, 0, 'a', ['e', 'batch'])), [0, 1], 'who is in a lane is not dead';
    is_deeply $redis->command('ZRANGE', $dead, 0, -1), ['b'], 'and leaves the dead';
    ok $redis->command('ZSCORE', $lanes[1], 'e'), 'without a history the caller says the lane';
    my $ear = Crm360::Redis->connect($site->redis_socket);
    $ear->command('SUBSCRIBE', 'crm360:1:wake');
    $redis->command('ZADD', $dead, 1, 'f');
    $redis->command('SET', message('f'), 'x');
    redrive(0, 0, ['f', 'send']);
    is $ear->reply->[2], "$lanes[2] " . $redis->command('ZSCORE', $lanes[2], 'f'), 'and its lane is woken';
    $redis->command('FLUSHALL');
};

subtest 'drop' => sub {
    put($_) for qw(a b c d);
    claim('t', most => 3);
    bury('t', $_, 'why') for qw(a b);
    my $died = $redis->command('ZSCORE', $dead, 'a');
    $redis->command('HSET', $splits, 'a', 7);
    is_deeply drop('dead', ['a', $died], ['b', $died + 99_999], 'c', 'd', 'x'), [1, 0, 0, 0, 0],
        'only a dead letter that is as it was seen';
    is_deeply [map { $redis->command('EXISTS', message($_)) } qw(a b c d)], [0, 1, 1, 1], 'its message is gone';
    is_deeply [map { $redis->command('HEXISTS', $_, 'a') } $failures, $splits], [0, 0], 'its notes too';
    is_deeply drop('any', qw(b c d x)), [1, -1, 1, 0], 'any: the dead and the waiting, not what is held';
    is $redis->command('GET', message('c')), 'body of c', 'that one stays';
    is ack('t', 'c'), 1, 'and ends as if nothing had been';
    my %count = @{ $redis->command('HGETALL', $counters) };
    is_deeply \%count, { received => 4, dead => 2, dropped => 2, erased => 1, done => 1, 'waiting-bytes' => 0 },
        'all is counted';
    is keys_left(), $counters, 'and nothing else is left';
    $redis->command('FLUSHALL');
};

subtest 'blank' => sub {
    my $text = qq(head\r\n\r\n[{"a":1},{"ann":2},"\\u00e9",7]);
    my $length = length $text;

    put('a', 0, $text);
    is blank('a', $length, 17, 9, $length - 2, 1), 1, 'two elements';
    is $redis->command('GET', message('a')), qq(head\r\n\r\n[{"a":1},null     ,"\\u00e9",0]),
        'are null, or 0 where there is no room; nothing else has moved';
    is blank('a', $length, 17, 9), 1, 'once more is harmless';
    is blank('a', $length + 1, 1, 4), 0, 'another message is left alone';
    is blank('a', $length, $length - 3, 4, -1, 4, 3, 0), 1, 'as is what is no place';
    is $redis->command('GET', message('a')), qq(head\r\n\r\n[{"a":1},null     ,"\\u00e9",0]), 'in any message';
    is blank('x', 5, 1, 4), 0, 'there is no such message';
    is $redis->command('EXISTS', message('x')), 0, 'nor afterwards';
    claim('t');
    is blank('a', $length, 0, 4), -1, 'somebody holds it';
    is ack('t', 'a'), 1, 'who may end it';
    is keys_left(), $counters, 'nothing else is left';
    $redis->command('FLUSHALL');
};

subtest 'reconcile' => sub {
    put($_) for qw(fine held lost loose);
    claim('t', most => 2);
    is release('token', 't', 0, '', '', 'fine'), 1, 'one waits, one is held';
    $redis->command('DEL', message('lost'));
    $redis->command('ZREM', $live, 'loose');
    is_deeply [@{ reconcile(qw(fine held lost loose nowhere)) }[1 .. 4]], [qw(lost no-message loose no-entry)],
        'what has lost its other half becomes a dead letter';
    is join(' ', sort @{ $redis->command('ZRANGE', $dead, 0, -1) }), 'loose lost', 'both of them';
    is failure('lost')->{lane}, 'live', 'and where it was is known';
    like failure('loose')->{errors}[0]{reason}, qr/queue entry was gone/, 'why, too';
    is $redis->command('HGET', $counters, 'dead'), 2, 'and it counts';
    is_deeply reconcile(qw(fine held nowhere)), [0], 'the others are left alone';
    my $bytes = reconcile(qw(fine lost loose))->[0];
    is $bytes, length(join '', 'body of loose', map { $redis->command('HGET', $failures, $_) } qw(lost loose)),
        'the bytes of dead letters are told';
    $redis->command('DEL', message('held'));
    is_deeply reconcile('held'), [0], 'what a worker holds is left to him';
    is ack('t', 'held'), 1, 'he ends it';

    $redis->command('ZADD', $dead, 5, 'fine');
    $redis->command('ZADD', $lanes[2], 5, 'fine');
    is_deeply reconcile('fine'), [0, qw(fine places fine places)], 'in three places';
    ok $redis->command('ZSCORE', $live, 'fine'), 'the queue has it';
    $redis->command('ZADD', $live, '+inf', 'fine');
    my $woken = sub { $redis->command('INFO', 'commandstats') =~ /cmdstat_publish:calls=(\d+)/ ? $1 : 0 };
    my $before = $woken->();
    is_deeply reconcile('fine'), [0, qw(fine score)], 'never visible';
    is $woken->(), $before + 1, 'who waits for work is told';
    is ids(claim('t2', most => 1)), 'fine', 'visible now';
    $redis->command('HSET', $claims, 'gone', '{"token":"x"}', 'fine', '{}');
    $redis->command('HSET', $failures, 'gone', '{"attempts":1}', 'fine', '[', 'lost', '"');
    $redis->command('HSET', $splits, 'gone', 7);
    is_deeply [@{ reconcile(qw(gone fine lost)) }[1 .. 12]],
        [qw(gone claim gone failure gone split fine claim fine failure lost failure)], 'notes about nothing, and unreadable ones';
    like failure('lost')->{errors}[0]{reason}, qr/could not be read/, 'a dead letter keeps one';
    is_deeply reconcile(qw(gone fine)), [0], 'and all is well';
    $redis->command('FLUSHALL');

    # The lane of one that has lost its entry: its head says whether it is a batch, its body does not.
    my %is = (whole => ["POST /x HTTP/1.1\r\nCrm360-Batch-Mode: true\r\nHost: x\r\n\r\n[]", 'live', 'batch'],
        single => ["POST /x HTTP/1.1\r\nHost: x\r\n\r\nCrm360-Batch-Mode: true\r\n", 'live', 'live'],
        mail => ["POST /x HTTP/1.1\r\nCrm360-Batch-Mode: true\r\n\r\n", 'send', 'send']);
    $redis->command('SET', message($_), $is{$_}[0]) for keys %is;
    reconcile(map { [$_, $is{$_}[1]] } keys %is);
    is failure($_)->{lane}, $is{$_}[2], "$_: it is redriven into its lane" for sort keys %is;
    $redis->command('FLUSHALL');
};

subtest 'heal' => sub {
    my %type = ($live => 'zset', $claims => 'hash', message('a') => 'string', message('b') => 'string');
    put('a');
    $redis->command('SET', $claims, 'wrong');
    $redis->command('LPUSH', message('b'), 'x');
    my @keys = sort keys %type;
    my %moved;
    $redis->command('SET', "$claims:aside:" . (redis_ms() + $_), 'of another one') for 0 .. 1;
    my @said = @{ heal(\@keys, map { $type{$_} } @keys) };
    while (my ($key, $aside, $was) = splice @said, 0, 3) { $moved{$key} = [$aside, $was] }
    is_deeply [sort keys %moved], [sort $claims, message('b')], 'those of the wrong type';
    like $moved{$claims}[0], qr/^\Q$claims\E:aside:\d{13}$/, 'are set aside';
    is $redis->command('GET', $moved{$claims}[0]), 'wrong', 'whole';
    is $moved{ message('b') }[1], 'list', 'and their type is told';
    is_deeply heal(\@keys, map { $type{$_} } @keys), [], 'once';
    is ids(claim('t')), 'a', 'and work goes on';
    $redis->command('FLUSHALL');
};

subtest 'broken entries never block' => sub {
    put('a');
    $redis->command('HSET', $claims, 'a', 'not json');
    $redis->command('HSET', $failures, 'a', '[1');
    is ids(claim('t')), 'a', 'claimed in spite of an unreadable claim and history';
    is retry('t', 'a', 0, 'why'), 1, 'and retried';
    is failure('a')->{attempts}, 1, 'with a new history';
    $redis->command('HSET', $failures, 'a', '{"attempts":1e999,"x":1e999}');
    $redis->command('ZADD', $live, '-inf', 'a');
    claim('t');
    is retry('t', 'a', 0, 'why'), 1, 'numbers that JSON cannot write stop nothing';
    is failure('a')->{errors}[0]{reason}, 'why', 'and the history begins anew';
    $redis->command('SET', "${tag}counters2", 'x');
    $redis->command('FLUSHALL');
    $redis->command('SET', $counters, 'wrong type');
    is put('b')->[1], 1, 'a counter of the wrong type does not fail a push';
    $redis->command('SET', $lanes[2], 'wrong type');
    is put('c', -1)->[1], 1, 'nor does another lane, when the message is stored already';
    $redis->command('ZREM', $live, 'c');
    claim('t');
    is ack('t', 'b'), 1, 'nor an ack';
    $redis->command('FLUSHALL');
};

subtest 'at the memory limit' => sub {
    put($_) for qw(a b c d);
    claim('t0', most => 1);
    $site->expect_log(qr/new maxmemory value/);
    $redis->command('CONFIG', 'SET', 'maxmemory', '1');
    eval { put('e') };
    like $@, qr/OOM/, 'a push is refused';
    is $redis->command('ZSCORE', $live, 'e'), undef, 'and leaves nothing';
    eval { push_as('e', seen => "${tag}seen:e", content => 'aa', window => 9000) };
    like $@, qr/OOM/, 'that of a delivery as well';
    is push_as('e', length => 9, seen => "${tag}seen:e", content => 'aa', window => 9000)->[1], 4,
        'the script alone finds that nothing was written';
    is $redis->command('EXISTS', "${tag}seen:e"), 0, 'which is not remembered then';
    eval { push_as('e', copy => 'e.mail') };
    like $@, qr/OOM/, 'that with a mail copy, too';
    is $redis->command('EXISTS', $lanes[2], map { message($_) } 'e', 'e.mail'), 0, 'and there is neither';
    is ids(claim('t', most => 2)), 'b c', 'a claim works';
    is extend('t', 60000, 'b', 'c'), 2, 'an extension';
    my $before = dump_all();
    eval { split_off('t0', 'a', 1, 0, 'one') };
    like $@, qr/OOM/, 'a split is refused';
    is dump_all(), $before, 'and changes nothing';
    is split_off('t0', 'a', 0, 0), 1, 'though its place can be asked for';
    is ack('t0', 'a'), 1, 'an ack';
    is retry('t', 'b', 60000, 'x'), 1, 'a retry';
    is bury('t', 'c', 'x'), 1, 'a bury';
    is_deeply scalar(redrive(60000, 0, 'c')), [1], 'a redrive';
    is blank('c', length 'body of c', 0, 4), 1, 'a blank';
    is_deeply drop('any', 'c'), [1], 'a drop';
    $redis->command('ZREM', $live, 'b');
    is reconcile('b')->[2], 'no-entry', 'a reconcile';
    is_deeply scalar(redrive(60000, 0, 'b')), [1], 'a redrive of that';
    $redis->command('RENAME', $failures, $claims . 'x');
    is scalar @{ heal([$live, $counters], 'hash', 'hash') }, 3, 'a heal';
    $redis->command('RENAME', heal([$claims . 'x'], 'zset')->[1], $failures);
    $redis->command('RENAME', $redis->command('KEYS', "$live:aside:*")->[0], $live);
    is ids(claim('t9')), 'd', 'another claim';
    is release('token', 't9', 0, '', '', 'd'), 1, 'and a release';
    $redis->command('CONFIG', 'SET', 'maxmemory', '0');
    $redis->command('FLUSHALL');
};

subtest 'headers say what the code sends' => sub {
    my $c = slurp(root() . '/core/queue.c');
    my $seen = 0;

    for my $verb (verbs()) {
        my $file = slurp(root() . "/lua/$verb.lua");
        my ($header) = $file =~ /\A((?:--.*\n)+)/;
        my $body = substr $file, length $header;
        for my $kind (qw(KEYS ARGV)) {
            my %said = map { $_ => 1 } $header =~ /\b$kind\[(\d+)/g;
            my %used = map { $_ => 1 } $body =~ /\b$kind\[(\d+)\]/g;
            $seen += keys %used;
            delete $said{$_} for grep { !$used{$_} && $header =~ /$kind\[$_\.\.\.\]/ } keys %said;
            is_deeply [sort keys %used], [sort keys %said], "$verb: $kind of the header are used";
        }
        like $header, qr/^-- Returns /m, "$verb: the header says what it returns";
        like $c, qr/"\Q$verb\E"/, "$verb: core/queue.c runs it";
    }
    cmp_ok $seen, '>', 30, 'something was compared';
};

subtest 'a right is missing' => sub {
    # Nothing that fails half way may be remembered as a delivery that is there: the next push of it would be
    # acknowledged, and not stored.
    my $less = Crm360::Redis->connect($site->redis_socket);
    my %o = (seen => "${tag}seen:x", content => 'aa', window => 60000);

    for my $command (qw(rename persist zadd)) {
        for my $more ([], [copy => 'a.mail'], [most => 5]) {
            $redis->command('FLUSHALL');
            $redis->command('ACL', 'SETUSER', 'less', 'reset', 'on', 'nopass', '~*', '&*', '+@all', "-$command");
            $less->command('AUTH', 'less', '');
            use_redis($less);
            ok !eval { push_as('a', %o, @$more); 1 }, "without $command, @$more: fails";
            like $@, qr/NOPERM|ACL failure|can't run this command/, '  as Redis says';
            use_redis($redis);
            is push_as('a', %o, @$more)->[1], 1, '  and the same push is stored when the right is there';
            is $redis->command('GET', message('a')), 'body of a', '  all of it';
            is $redis->command('TTL', message('a')), -1, '  for good';
            is push_as('b', %o)->[1], 2, '  and remembered';
        }
    }
    $redis->command('FLUSHALL');
};

$site->done;
