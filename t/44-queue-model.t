# The queue's scripts against a model: random traces of all verbs, with entries that are missing, extra or
# unreadable and keys of the wrong type. After each step the answer must be the model's, and every so often
# all of Redis. CRM360_SEED repeats a trace, CRM360_STEPS makes it longer.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;

my $seed = $ENV{CRM360_SEED} || time;
my $steps = $ENV{CRM360_STEPS} || 100_000;
my $COMPARE_EVERY = 20;
my $FAR = 1_000_000_000; # ms: beyond the end of this test
my ($EXPIRIES, $CRASHES, $ERRORS) = (3, 3, 20);

srand $seed;
diag "seed $seed, $steps steps";

my $site = Crm360::Test->new;
$site->start_redis;
my $redis = Crm360::Redis->connect($site->redis_socket);
my $json = JSON::PP->new;

my $tag = 'crm360:1:{acme/prod}:';
my ($live, $claims, $failures, $dead, $counters) =
    map {"$tag$_"} qw(live claims failures dead counters);
my %sha = map { $_ => $redis->command('SCRIPT', 'LOAD', lua($_)) }
    qw(push claim extend ack retry bury release);

my @ids = map { "id$_" } 1 .. 12;
my @workers = qw(w1 w2 w3);
my $serial = 0;
my @tokens = ('none');

# The model: per id whether it is queued and due, its claim and history, and what else is stored.
my (%queued, %due, %claim, %failure, %dead, %message, %count);

sub pick { return $_[rand @_] }
sub some { my %h = map { $_ => 1 } map { pick(@ids) } 1 .. 1 + rand 5; return sort keys %h }
sub message { return "${tag}message:$_[0]" }

sub call {
    my ($verb, $keys, @args) = @_;
    my $result = eval { $redis->command('EVALSHA', $sha{$verb}, scalar @$keys, @$keys, @args) };
    return defined $result ? $result : "error: $@";
}

sub note_error {
    my ($id, $count) = @_;
    my $f = $failure{$id} ||= { attempts => 0, crashes => 0, expiries => 0, errors => 0 };

    $f->{$count}++;
    $f->{errors}++ if $f->{errors} < $ERRORS;
    return $f;
}

sub bury_in_model {
    my ($id) = @_;

    delete $queued{$id};
    $dead{$id} = 1;
    $count{dead}++;
    return;
}

# ---- the verbs: each returns [what Redis said, what the model says] ----

sub do_push {
    my ($id, $far) = (pick(@ids), rand() < 0.3);
    my $new = $queued{$id} ? 0 : 1;
    my $said = call('push', [$live, message($id), $counters], $id, $far ? $FAR : 0, "body $id", 'wake');

    if ($new) {
        ($queued{$id}, $due{$id}, $message{$id}) = (1, !$far, 1);
        $count{received}++;
    }
    return [ref $said ? $said->[1] : $said, $new];
}

sub do_claim {
    my ($most, $token, $worker) = (1 + int rand 6, 't' . ++$serial, pick(@workers));
    my $short = rand() < 0.3; # a lease that has passed when the next step comes
    my @order = grep { $due{$_} } @{ $redis->command('ZRANGE', $live, 0, -1) };
    my (@expect, $alone);

    push @tokens, $token;
    shift @tokens if @tokens > 10;
    for my $id (@order[0 .. ($#order < $most - 1 ? $#order : $most - 1)]) {
        my $held = $claim{$id};
        $alone = ($failure{$id} || {})->{crashes};
        last if $alone && @expect;
        my $expired = $held && note_error($id, 'expiries')->{expiries} >= $EXPIRIES;
        delete $claim{$id};
        if ($expired) {
            bury_in_model($id);
        }
        else {
            push @expect, $id, ($failure{$id} || {})->{attempts} || 0;
            $claim{$id} = { token => $token, worker => $worker };
            $due{$id} = $short;
        }
        last if $alone;
    }
    my $said = call('claim', [$live, $claims, $failures, $dead, $counters],
        $most, $short ? 0 : $FAR, $token, $worker, $EXPIRIES);
    my $next = ref $said ? shift @$said : '';
    my $left = !%queued ? -1 : (grep { $due{$_} } keys %queued) ? 0 : 1;
    return [join(' ', ref $said ? @$said : $said, $next > 1 ? 1 : $next), join(' ', @expect, $left)];
}

# Which of the ids are held under the token, as the caller may believe or not.
sub held { my ($token, @of) = @_; return grep { $claim{$_} && $claim{$_}{token} eq $token } @of }

sub do_ack {
    my ($token, @of) = (pick(@tokens), some());
    my @ours = held($token, @of);
    my $said = call('ack', [$live, $claims, $failures, $counters, map { message($_) } @of], $token, @of);

    delete @$_{@ours} for \(%claim, %queued, %failure, %message);
    $count{done} += @ours if @ours;
    return [$said, scalar @ours];
}

sub do_extend {
    my ($token, @of) = (pick(@tokens), some());
    my @ours = grep { $queued{$_} } held($token, @of);
    my $said = call('extend', [$live, $claims], $token, $FAR, @of);

    if (@ours == @of) {
        $due{$_} = 0 for @ours;
    }
    return [$said, scalar @ours];
}

sub do_retry {
    my ($token, $id, $far) = (pick(@tokens), pick(@ids), rand() < 0.2);
    my $ours = held($token, $id);
    my $said = call('retry', [$live, $claims, $failures, $counters], $token, $id, $far ? $FAR : 0,
        'why', 'wake');

    if ($ours) {
        delete $claim{$id};
        note_error($id, 'attempts');
        ($queued{$id}, $due{$id}) = (1, !$far);
        $count{retried}++;
    }
    return [$said, $ours];
}

sub do_bury {
    my ($token, $id) = (pick(@tokens), pick(@ids));
    my $ours = held($token, $id);
    my $said = call('bury', [$live, $claims, $failures, $dead, $counters], $token, $id, 'why');

    if ($ours) {
        delete $claim{$id};
        note_error($id, 'attempts');
        bury_in_model($id);
    }
    return [$said, $ours];
}

sub do_release {
    my $by = pick(qw(token worker));
    my $holder = $by eq 'token' ? pick(@tokens) : pick(@workers);
    my @named = rand() < 0.5 ? some() : ();
    my $far = rand() < 0.2;
    my @ours = grep { $claim{$_} && $claim{$_}{$by} eq $holder && $queued{$_} } @named ? @named : @ids;
    my $crashed = @ours && rand() < 0.5 ? pick(@ours) : rand() < 0.1 ? pick(@ids) : '';
    my $said = call('release', [$live, $claims, $failures, $dead, $counters],
        $by, $holder, $far ? $FAR : 0, $crashed, 'crash', 'crashes', $CRASHES, 'wake', @named);

    for my $id (@ours) {
        delete $claim{$id};
        $due{$id} = !$far;
        bury_in_model($id) if $id eq $crashed && note_error($id, 'crashes')->{crashes} >= $CRASHES;
    }
    $count{released} += @ours if @ours;
    return [$said, scalar @ours];
}

# ---- what should not be ----

# Entries vanish, appear or become unreadable. The model follows; the scripts have to cope.
sub spoil {
    my $id = pick(@ids);
    my $how = int rand 5;

    if ($how == 0) {
        $redis->command('DEL', message($id));
        delete $message{$id};
    }
    elsif ($how == 1) {
        $redis->command('HDEL', $claims, $id);
        delete $claim{$id};
    }
    elsif ($how == 2) {
        $redis->command('ZADD', $live, 1, $id);
        ($queued{$id}, $due{$id}) = (1, 1);
    }
    elsif ($how == 3) {
        $redis->command('HSET', $failures, $id, pick('{"attempts":', '7', '"x"', ''));
        delete $failure{$id};
        $failure{$id} = undef; # there, and unreadable
    }
    else {
        $redis->command('ZREM', $live, $id);
        delete $queued{$id};
    }
    delete $failure{$id} if exists $failure{$id} && !defined $failure{$id}
        && $redis->command('HDEL', $failures, $id);
    return;
}

# All of Redis as text.
sub dump_all {
    my @keys = sort @{ $redis->command('KEYS', '*') };
    return join "\n", map {
        my $type = $redis->command('TYPE', $_);
        my $value = $type eq 'zset' ? $redis->command('ZRANGE', $_, 0, -1, 'WITHSCORES')
            : $type eq 'hash' ? do { my %h = @{ $redis->command('HGETALL', $_) }; [map { ($_, $h{$_}) } sort keys %h] }
            : [$redis->command('GET', $_)];
        "$_: @$value";
    } @keys;
}

# A key of the wrong type: a verb changes nothing: it fails, or it had nothing to do.
sub wrong_type {
    my $key = pick($live, $claims, $failures, $dead);
    my $kept = $redis->command('EXISTS', $key) && $redis->command('RENAME', $key, 'kept');

    $redis->command('SET', $key, 'wrong');
    my $before = dump_all();
    my $verb = pick(qw(push claim extend ack retry bury release));
    my ($id) = ((grep { $claim{$_} && $queued{$_} } @ids), pick(@ids));
    my $token = $claim{$id} ? $claim{$id}{token} : 'none';
    my @all = ($live, $claims, $failures, $dead, $counters);
    my %use = (
        push => [[$live, message($id), $counters], $id, 0, 'x', 'wake'],
        claim => [\@all, 5, $FAR, 'wt', 'w1', 3],
        extend => [[$live, $claims], $token, $FAR, $id],
        ack => [[$live, $claims, $failures, $counters, message($id)], $token, $id],
        retry => [[$live, $claims, $failures, $counters], $token, $id, 0, 'why', 'wake'],
        bury => [\@all, $token, $id, 'why'],
        release => [\@all, 'token', $token, 0, $id, 'crash', 'crashes', 3, 'wake'],
    );
    my ($keys, @args) = @{ $use{$verb} };
    my $said = grep({ $_ eq $key } @$keys) ? call($verb, $keys, @args) : 'does not need it';
    my $after = dump_all();
    $redis->command('DEL', $key);
    $redis->command('RENAME', 'kept', $key) if $kept;
    return [$after eq $before ? 'unchanged' : "$verb with a wrong $key: $said", 'unchanged'];
}

# ---- comparing ----

sub state_in_redis {
    my %h = @{ $redis->command('HGETALL', $claims) };
    my %f = @{ $redis->command('HGETALL', $failures) };
    my %c = @{ $redis->command('HGETALL', $counters) };
    my %claims_now = map { my $c = $json->decode($h{$_}); ($_ => "$c->{token} $c->{worker}") } keys %h;
    my %failures_now = map {
        my $f = $json->decode($f{$_});
        ($_ => join ' ', (map { $f->{$_} // 0 } qw(attempts crashes expiries)), scalar @{ $f->{errors} });
    } keys %f;
    return {
        queued => [sort @{ $redis->command('ZRANGE', $live, 0, -1) }],
        dead => [sort @{ $redis->command('ZRANGE', $dead, 0, -1) }],
        messages => [sort map { s/.*message://r } @{ $redis->command('KEYS', '*:message:*') }],
        claims => \%claims_now, failures => \%failures_now,
        counters => { map { $_ => $c{$_} + 0 } keys %c },
    };
}

sub state_in_model {
    return {
        queued => [sort keys %queued], dead => [sort keys %dead], messages => [sort keys %message],
        claims => { map { $_ => "$claim{$_}{token} $claim{$_}{worker}" } keys %claim },
        failures => {
            map { my $f = $failure{$_}; ($_ => join ' ', @$f{qw(attempts crashes expiries errors)}) }
                keys %failure
        },
        counters => {%count},
    };
}

my %verbs = (
    push => [\&do_push, 6], claim => [\&do_claim, 6], ack => [\&do_ack, 4], extend => [\&do_extend, 3],
    retry => [\&do_retry, 4], bury => [\&do_bury, 1], release => [\&do_release, 3],
    wrong_type => [\&wrong_type, 0.6],
);
my @deck = map { my $v = $_; ($v) x ($verbs{$v}[1] * 10) } sort keys %verbs;
my (%done, $bad);

for my $step (1 .. $steps) {
    my $verb = pick(@deck);
    my $result = $verbs{$verb}[0]->();
    $done{$verb}++;
    if ("$result->[0]" ne "$result->[1]") {
        $bad = "step $step, $verb: Redis said '$result->[0]', the model '$result->[1]'";
    }
    spoil() if rand() < 0.02;
    # Dead letters and unqueued leftovers start anew, so that the trace goes on.
    if (rand() < 0.01) {
        $redis->command('DEL', $dead);
        %dead = ();
    }
    last if $bad;
    if ($step % $COMPARE_EVERY == 0) {
        my ($is, $should) = (state_in_redis(), state_in_model());
        if ($json->canonical->encode($is) ne $json->canonical->encode($should)) {
            is_deeply $is, $should, "step $step: all of Redis is as the model has it";
            last;
        }
    }
}
ok !$bad, "$steps steps as the model has them" or diag $bad;
cmp_ok $done{$_} || 0, '>', $steps / 200, "$_ was tried often" for sort keys %verbs;
$site->done;
