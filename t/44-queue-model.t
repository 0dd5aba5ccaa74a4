# The queue's scripts against a model: random traces of all verbs, first undisturbed, then with entries that
# are missing, extra or unreadable and keys of the wrong type. After each step the answer must be the
# model's, and every so often all of Redis; after a reconcile the invariants of the state machine hold.
# CRM360_SEED repeats a trace, CRM360_STEPS makes it longer.
# Plain builds only: its subject is Lua, not C.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Scripts ();
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
Crm360::Scripts::use_redis($redis);
my $json = JSON::PP->new;

my $tag = 'crm360:1:{acme/prod}:';
my ($live, $batch, $send, $claims, $failures, $dead, $splits, $counters, $paused) =
    map {"$tag$_"} qw(live batch send claims failures dead splits counters paused);
my @verbs = qw(push claim extend ack retry bury release split redrive drop reconcile);
my %sha = map { $_ => $redis->command('SCRIPT', 'LOAD', lua($_)) } @verbs, 'heal';

my @deliveries = qw(d1 d2 k1 k2); # those with a k are strict
my @wholes = map { "id$_" } 1 .. 3; # are split sometimes, into so many elements each
my $ELEMENTS = 3;
my @copied = map { "id$_" } 4 .. 6; # are pushed with a mail copy sometimes
my @pushed = ((map { "id$_" } 1 .. 12), map { my $id = $_; map { "$id.$_" } 1 .. $ELEMENTS } @wholes);
my @ids = (@pushed, map { "$_.mail" } @copied);
my @workers = qw(w1 w2 w3);
my $serial = 0;
my @tokens = ('none');

my $clean = 1; # nobody else has changed anything so far

# Bytes of stored messages that are in a lane; kept while nobody else has changed anything.
my $weight = 0;

# The model: per id whether it is queued and due, or in another lane, its claim and history (undef =
# there, and unreadable), and what else is stored; by delivery what is remembered of it (id and content).
my (%seen, %queued, %due, %batch, %send, %claim, %failure, %dead, %message, %split, %count);

sub pick { return $_[rand @_] }
sub some { my %h = map { $_ => 1 } map { pick(@ids) } 1 .. 1 + rand 5; return sort keys %h }
sub bytes { my $n = 0; $n += length 'body ' . s/\.mail$//r for @_; return $n }
sub message { return "${tag}message:$_[0]" }
sub seen { return "${tag}seen:$_[0]" }

sub call {
    my ($verb, $keys, @args) = @_;
    my $result = eval { $redis->command('EVALSHA', $sha{$verb}, scalar @$keys, @$keys, @args) };
    return defined $result ? $result : "error: $@";
}

# A push, with what is written before it.
sub put_in {
    my ($id, %o) = @_;
    my $result = eval { Crm360::Scripts::push_as($id, %o) };
    return $result // "error: $@";
}

sub note_error {
    my ($id, $count, $lane) = @_;
    my $f = $failure{$id} ||= { attempts => 0, crashes => 0, expiries => 0, errors => 0, lane => '' };

    $f->{$count}++ if $count;
    $f->{errors}++ if $f->{errors} < $ERRORS;
    $f->{lane} = $lane if $lane;
    return $f;
}

sub bury_in_model {
    my ($id) = @_;

    $weight -= bytes($id);
    delete $queued{$id};
    $dead{$id} = 1;
    $count{dead}++;
    return;
}

# ---- the verbs: each returns [what Redis said, what the model says] ----

sub do_push {
    # An id is made once: what is dead is not pushed again, unless somebody repeats a lost answer.
    my ($id, $far) = (pick($clean ? grep({ !$dead{$_} } @pushed) : (), $clean ? () : @pushed), rand() < 0.3);
    return ['', ''] if !$id;
    my $copy = (grep { $_ eq $id } @copied) && rand() < 0.7 ? "$id.mail" : '';
    my ($of, $content) = rand() < 0.5 ? (pick(@deliveries), pick(qw(aa bb))) : ('', '');
    if ($of && rand() < 0.2) { # it is forgotten, or nobody can read it
        $redis->command(@{ pick(['DEL', seen($of)], ['SET', seen($of), 'x'], ['HSET', seen($of), 'x', 'y']) })
            if $redis->command('DEL', seen($of));
        delete $seen{$of};
    }
    my $known = $of && $seen{$of};
    my $waiting = keys(%queued) + keys(%batch) + keys(%send);
    my @new = ($id, $copy && !$send{$copy} && !$dead{$copy} ? $copy : ());
    my ($most, $most_bytes) = $clean && rand() < 0.3 ? (int rand 16, int rand 100) : (0, 0);
    my $full = $waiting && (($most && $waiting + @new > $most)
        || ($most_bytes && $weight + bytes(@new) > $most_bytes));
    my ($outcome, $counts) = $queued{$id} || $dead{$id} ? (0, $id)
        : !$known ? ($full ? 5 : 1, $id)
        : $known->[0] eq $id ? (0, $id)
        : $known->[1] eq $content ? (2, $known->[0])
        : $of =~ /^k/ ? (3, $known->[0])
        : ($full ? 5 : 1, $id);
    my $said = put_in($id, delay => $far ? $FAR : 0, text => "body $id", seen => seen($of || 'none'),
        ($of ? (content => $content, window => $FAR, strict => $of =~ /^k/ ? 1 : 0) : ()),
        most => $most, bytes => $most_bytes, copy => $copy || undef);

    $count{duplicate}++ if $outcome == 2;
    $count{refused}++ if $outcome == 5;
    if ($outcome == 1) {
        $weight += bytes(@new);
        ($queued{$id}, $due{$id}, $message{$id}) = (1, !$far, 1);
        $seen{$of} = [$id, $content] if $of;
        $count{received}++;
        if ($copy && !$send{$copy} && !$dead{$copy}) {
            ($send{$copy}, $message{$copy}) = (1, 1);
            $count{received}++;
        }
    }
    return [ref $said ? "@$said[1, 2]" : $said, "$outcome $counts"];
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
        my $expired = $held && note_error($id, 'expiries', 'live')->{expiries} >= $EXPIRIES;
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
    my $said = call('claim', [$live, $claims, $failures, $dead, $counters, message(''), $paused],
        $most, $short ? 0 : $FAR, $token, $worker, $EXPIRIES);
    my $next = ref $said ? shift @$said : '';
    $said = [@$said[grep { $_ % 4 < 2 } 0 .. $#$said]] if ref $said; # without how long each was visible, and its bytes
    my $left = !%queued ? -1 : (grep { $due{$_} } keys %queued) ? 0 : 1;
    return [join(' ', ref $said ? @$said : $said, $next > 1 ? 1 : $next), join(' ', @expect, $left)];
}

# Which of the ids are held under the token, as the caller may believe or not.
sub held { my ($token, @of) = @_; return grep { $claim{$_} && $claim{$_}{token} eq $token } @of }

sub do_ack {
    my ($token, @of) = (pick(@tokens), some());
    my @ours = held($token, @of);
    my $said = call('ack', [$live, $claims, $failures, $counters, map { message($_) } @of], $token, @of);

    $weight -= bytes(@ours);
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
        note_error($id, 'attempts', 'live');
        ($queued{$id}, $due{$id}) = (1, !$far);
        $count{retried}++;
    }
    return [$said, $ours];
}

sub do_bury {
    my ($token, $id) = (pick(@tokens), pick(@ids));
    my $ours = held($token, $id);
    my $said = call('bury', [$live, $claims, $failures, $dead, $counters, message($id)], $token, $id, 'why');

    if ($ours) {
        delete $claim{$id};
        note_error($id, 'attempts', 'live');
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
    my $said = call('release', [$live, $claims, $failures, $dead, $counters, $crashed ? message($crashed) : ()],
        $by, $holder, $far ? $FAR : 0, $crashed, 'crash', 'crashes', $CRASHES, 'wake', @named);

    for my $id (@ours) {
        delete $claim{$id};
        $due{$id} = !$far;
        bury_in_model($id) if $id eq $crashed && note_error($id, 'crashes', 'live')->{crashes} >= $CRASHES;
    }
    $count{released} += @ours if @ours;
    return [$said, scalar @ours];
}

sub do_split {
    my $id = pick(@wholes);
    my $token = $claim{$id} && rand() < 0.8 ? $claim{$id}{token} : pick(@tokens);
    my $progress = ($split{$id} // '') =~ /^([1-9]\d*)$/ ? $1 : 1;
    my $first = rand() < 0.7 ? $progress : int rand $ELEMENTS + 2; # 0 asks only
    my $count = $first < 1 || $first > $ELEMENTS ? 0 : 1 + int rand $ELEMENTS - $first + 1;
    my $last = $first + $count > $ELEMENTS ? 1 : 0;
    my @new = map { "$id.$_" } $first .. $first + $count - 1;
    return ['', ''] if $clean && grep { $dead{$_} } @new; # they come from a whole of that id before
    my $expect = held($token, $id) ? $progress : exists $claim{$id} && $claim{$id} || $queued{$id} ? -1 : 0;
    my $said = call('split', [$live, $claims, $failures, $counters, $splits, map { message($_) } $id, @new],
        $token, $id, $first, $last, 'wake', 0, map {"body $_"} @new);

    if ($expect > 0 && $first == $progress) {
        for my $element (@new) {
            $message{$element} = 1;
            next if $queued{$element};
            $weight += bytes($element);
            ($queued{$element}, $due{$element}) = (1, 1);
            $count{received}++;
        }
        $expect = $last ? 0 : $first + $count;
        $split{$id} = $expect;
        if ($last) {
            $weight -= bytes($id);
            delete $_->{$id} for \(%claim, %queued, %failure, %message, %split);
            $count{split}++;
        }
    }
    return [$said, $expect];
}

sub do_redrive {
    my @of = some();
    my ($far, $lane) = (rand() < 0.3, pick(qw(live batch send)));
    my $said = call('redrive', [$dead, $failures, $claims, $counters, $live, $batch, $send, map { message($_) } @of],
        $far ? 1000 * time + $FAR : 0, 0, 'wake', map { ($_, $lane) } @of);
    my @expect;

    pop @$said if ref $said; # when the next may be visible
    for my $id (@of) {
        my $queued = $queued{$id} || $batch{$id} || $send{$id};
        my $died = delete $dead{$id};
        push @expect, !$died || $queued ? 0 : $message{$id} ? 1 : -1;
        $dead{$id} = 1 if $expect[-1] < 0;
        next if $expect[-1] <= 0;
        delete $claim{$id};
        $weight += bytes($id);
        @{ note_error($id) }{qw(attempts crashes expiries)} = (0, 0, 0);
        my $goes = $failure{$id}{lane} || $lane;
        if ($goes eq 'live') { ($queued{$id}, $due{$id}) = (1, !$far) }
        elsif ($goes eq 'batch') { $batch{$id} = 1 }
        else { $send{$id} = 1 }
        $count{redriven}++;
    }
    return [ref $said ? "@$said" : $said, "@expect"];
}

sub do_drop {
    my ($which, @of) = (pick(qw(dead any)), some());
    my %score = map { $_ => $redis->command('ZSCORE', $dead, $_) // '' } @of;
    my %seen = map { $_ => $which eq 'any' ? '' : pick($score{$_}, $score{$_}, '', '17') } @of;
    my $said = call('drop', [$dead, $failures, $claims, $splits, $counters, $live, $batch, $send,
        map { message($_) } @of], $which, map { ($_, $seen{$_}) } @of);
    my @expect;

    for my $id (@of) {
        my $queued = $queued{$id} || $batch{$id} || $send{$id};
        my $died = $dead{$id} && ($seen{$id} eq '' || $seen{$id} eq $score{$id});
        if ($which eq 'any' && $claim{$id} && $queued{$id} && !$due{$id}) { # a lease that is over holds nothing
            push @expect, -1;
        }
        elsif ($which eq 'any' || ($died && !$queued)) {
            push @expect, $queued || $dead{$id} || $message{$id} ? 1 : 0;
            $count{ $queued ? 'erased' : 'dropped' }++ if $expect[-1];
            $weight -= bytes($id) if $queued;
            delete $_->{$id} for \(%queued, %batch, %send, %dead, %claim, %failure, %split, %message);
        }
        else {
            push @expect, 0;
        }
    }
    return [ref $said ? "@$said" : $said, "@expect"];
}

# What is done to one message, in the order in which it is said.
sub reconcile_in_model {
    my ($id) = @_;
    my @done;
    my $note = exists $failure{$id};
    my $to_dead = sub { $dead{$id} = 1; $count{dead}++; note_error($id, undef, $_[0]); return };

    my %lane = (live => \%queued, batch => \%batch, send => \%send);
    my ($lane, @more) = grep { $lane{$_}{$id} } qw(live batch send);

    $lane //= '';
    if (exists $claim{$id} && !($claim{$id} && $lane)) {
        push @done, 'claim';
        delete $claim{$id};
    }
    for my $other ($claim{$id} ? () : @more) {
        push @done, 'places';
        delete $lane{$other}{$id};
    }
    my $leave = sub { delete $lane{$lane}{$id} };
    if ($note && !$failure{$id}) {
        push @done, 'failure';
        delete $failure{$id};
        note_error($id) if $dead{$id};
        $note = 0;
    }
    if ($lane && !$message{$id} && !$claim{$id}) {
        push @done, $dead{$id} ? 'places' : 'no-message';
        $leave->();
        $to_dead->($lane) if !$dead{$id};
        return @done;
    }
    push @done, 'places' if $lane && delete $dead{$id};
    return @done if $lane || $dead{$id};
    if ($message{$id}) {
        $to_dead->('live');
        return (@done, 'no-entry');
    }
    push @done, 'failure' if $note && (delete $failure{$id}, 1);
    push @done, 'split' if defined delete $split{$id};
    return @done;
}

sub do_reconcile {
    my @of = rand() < 0.5 ? @ids : some();
    my $said = call('reconcile', [$live, $batch, $send, $claims, $failures, $dead, $splits, $counters,
        $paused, map { message($_) } @of], 'wake', map { ($_, 'live') } @of);
    my @expect = map { my $id = $_; map { ($id, $_) } reconcile_in_model($id) } @of;
    my @dead = grep { $dead{$_} && !$queued{$_} && !$batch{$_} && !$send{$_} } @of;
    my $bytes = 0;

    if (@dead) {
        $bytes += length($_ // '') for @{ $redis->command('HMGET', $failures, @dead) };
        $bytes += length 'body ' . s/\.mail$//r for grep { $message{$_} } @dead;
    }
    push @expect, invariants() if @of == @ids;
    return [ref $said ? "@$said" : $said, "$bytes @expect" =~ s/ $//r];
}

# What holds in Redis after a reconcile of all; nothing, or what does not.
sub invariants {
    my $is = state_in_redis();
    my %in = map { my $set = $_; ($set => { map { $_ => 1 } @{ $is->{$set} } }) } qw(queued batch send dead messages);
    my @broken;

    for my $id (@ids) {
        my $places = grep { $in{$_}{$id} } qw(queued batch send dead);
        my $waits = $in{queued}{$id} || $in{batch}{$id} || $in{send}{$id};
        my $held = exists $is->{claims}{$id};
        push @broken, "$id: in $places places" if $places > 1 && !$held;
        push @broken, "$id: held and not queued" if $held && !$waits;
        push @broken, "$id: stored and nowhere" if $in{messages}{$id} && !$places;
        push @broken, "$id: waits without a message" if $waits && !$in{messages}{$id} && !$held;
        push @broken, "$id: history of nothing" if exists $is->{failures}{$id} && !$places;
        push @broken, "$id: split of nothing" if exists $is->{splits}{$id} && !$places;
        push @broken, "$id: unreadable" if grep { ($is->{$_}{$id} // '') eq 'unreadable' } qw(claims failures);
    }
    return @broken;
}

# The counters of an undisturbed trace; nothing, or which do not add up.
sub sums {
    my $is = state_in_redis();
    my %c = map { $_ => $is->{counters}{$_} || 0 } qw(received done split erased dead redriven dropped);
    my $waiting = @{ $is->{queued} } + @{ $is->{batch} } + @{ $is->{send} };

    return (
        $c{received} + $c{redriven} == $c{done} + $c{split} + $c{erased} + $c{dead} + $waiting
            ? () : 'received',
        $c{dead} == $c{redriven} + $c{dropped} + @{ $is->{dead} } ? () : 'dead',
    );
}

# ---- what should not be ----

# Entries vanish, appear or become unreadable. The model follows; the scripts have to cope.
sub spoil {
    my $id = pick(@ids);
    my @ways = (
        sub { $redis->command('DEL', message($id)); delete $message{$id} },
        sub { $redis->command('SET', message($id), 'body ' . $id =~ s/\.mail$//r); $message{$id} = 1 },
        sub { $redis->command('HDEL', $claims, $id); delete $claim{$id} },
        sub { $redis->command('HSET', $claims, $id, pick('{"token":', '7', '[]', '')); $claim{$id} = undef },
        sub { $redis->command('ZADD', $live, 1, $id); ($queued{$id}, $due{$id}) = (1, 1) },
        sub { $redis->command('ZADD', $batch, 1, $id); $batch{$id} = 1 },
        sub { $redis->command('ZADD', $send, 1, $id); $send{$id} = 1 },
        sub { $redis->command('ZREM', $send, $id); delete $send{$id} },
        sub { $redis->command('ZREM', $live, $id); delete $queued{$id} },
        sub { $redis->command('ZADD', $dead, 5, $id); $dead{$id} = 1 },
        sub { $redis->command('ZREM', $dead, $id); delete $dead{$id} },
        sub { $redis->command('HSET', $failures, $id, pick('{"attempts":', '7', '"x"', '')); $failure{$id} = undef },
        sub { $redis->command('HDEL', $failures, $id); delete $failure{$id} },
        sub { $redis->command('HSET', $splits, $id, $split{$id} = pick('7', '2', '0', 'x', '1e9999')) },
    );
    pick(@ways)->();
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

# A key of the wrong type: a verb changes nothing: it fails, or it had nothing to do. And the key is set
# aside as it is.
sub wrong_type {
    my $key = pick($live, $claims, $failures, $dead, $batch, $send, $splits);
    my $kept = $redis->command('EXISTS', $key) && $redis->command('RENAME', $key, 'kept');

    $redis->command('SET', $key, 'wrong');
    my $before = dump_all();
    my $verb = pick(@verbs);
    my ($id) = ((grep { $claim{$_} && $queued{$_} } @ids), pick(@ids));
    my $token = $claim{$id} ? $claim{$id}{token} : 'none';
    my @all = ($live, $claims, $failures, $dead, $counters);
    my %use = (
        push => [[$live, message($id), $counters, message('p'), $dead, seen('other'), $live, $batch, $send, message('m'), message('q')],
            $id, 0, 'wake', 1, 'aa', 9, 0, 1000, 100000, 'm'],
        claim => [[@all, message('')], 5, $FAR, 'wt', 'w1', 3],
        extend => [[$live, $claims], $token, $FAR, $id],
        ack => [[$live, $claims, $failures, $counters, message($id)], $token, $id],
        retry => [[$live, $claims, $failures, $counters], $token, $id, 0, 'why', 'wake'],
        bury => [[@all, message($id)], $token, $id, 'why'],
        release => [[@all, message($id)], 'token', $token, 0, $id, 'crash', 'crashes', 3, 'wake'],
        split => [[$live, $claims, $failures, $counters, $splits, message($id), message("$id.1")],
            $token, $id, 1, 0, 'wake', 0, 'x'],
        redrive => [[$dead, $failures, $claims, $counters, $live, $batch, $send, message($id)], 0, 0, 'wake', $id, 'live'],
        drop => [[$dead, $failures, $claims, $splits, $counters, $live, $batch, $send, message($id)], 'any', $id, ''],
        reconcile => [[$live, $batch, $send, $claims, $failures, $dead, $splits, $counters, message($id)], 'wake', $id, 'live'],
    );
    my ($keys, @args) = @{ $use{$verb} };
    my $said = grep({ $_ eq $key } @$keys) ? call($verb, $keys, @args) : 'does not need it';
    my $after = dump_all();
    my $healed = call('heal', [$live, $key, $dead, map { "$_:aside:1795475344000" } $live, $key, $dead], 'zset', $key =~ /claims|failures|splits/ ? 'hash' : 'zset', 'zset');
    my $aside = ref $healed && @$healed == 3 && $healed->[0] eq $key ? $healed->[1] : 'nowhere';
    $after = 'not set aside' if ($redis->command('GET', $aside) // '') ne 'wrong' || $redis->command('EXISTS', $key);
    $redis->command('DEL', $aside);
    $redis->command('RENAME', 'kept', $key) if $kept;
    return [$after eq $before ? 'unchanged' : "$verb with a wrong $key: $said $after", 'unchanged'];
}

# ---- comparing ----

# What can be read of the deliveries.
sub remembered {
    my %now;

    for my $of (@deliveries) {
        my $text = eval { $redis->command('GET', seen($of)) } // '';
        $now{$of} = $1 if $text =~ /^(\S+ \w+) \d+$/;
    }
    return \%now;
}

sub state_in_redis {
    my %h = @{ $redis->command('HGETALL', $claims) };
    my %f = @{ $redis->command('HGETALL', $failures) };
    my %c = @{ $redis->command('HGETALL', $counters) };
    my %claims_now = map {
        my $c = eval { $json->decode($h{$_}) };
        ($_ => ref $c eq 'HASH' ? "$c->{token} $c->{worker}" : 'unreadable');
    } keys %h;
    my %failures_now = map {
        my $f = eval { $json->decode($f{$_}) };
        ($_ => ref $f eq 'HASH' ? join ' ', (map { $f->{$_} // 0 } qw(attempts crashes expiries)),
            scalar @{ $f->{errors} }, $f->{lane} // '' : 'unreadable');
    } keys %f;
    return {
        queued => [sort @{ $redis->command('ZRANGE', $live, 0, -1) }],
        batch => [sort @{ $redis->command('ZRANGE', $batch, 0, -1) }],
        send => [sort @{ $redis->command('ZRANGE', $send, 0, -1) }],
        dead => [sort @{ $redis->command('ZRANGE', $dead, 0, -1) }],
        messages => [sort map { s/.*message://r } @{ $redis->command('KEYS', '*:message:*') }],
        claims => \%claims_now, failures => \%failures_now,
        splits => { @{ $redis->command('HGETALL', $splits) } }, seen => remembered(),
        counters => { map { $_ => $c{$_} + 0 } grep { $clean || $_ ne 'waiting-bytes' } keys %c },
    };
}

sub state_in_model {
    return {
        queued => [sort keys %queued], batch => [sort keys %batch], send => [sort keys %send],
        dead => [sort keys %dead],
        messages => [sort keys %message], splits => { map { $_ => "$split{$_}" } keys %split },
        seen => { map { $_ => "@{ $seen{$_} }" } keys %seen },
        claims => {
            map { ($_ => $claim{$_} ? "$claim{$_}{token} $claim{$_}{worker}" : 'unreadable') } keys %claim
        },
        failures => {
            map {
                my $f = $failure{$_};
                ($_ => $f ? join ' ', @$f{qw(attempts crashes expiries errors lane)} : 'unreadable');
            } keys %failure
        },
        counters => { %count, $clean && $count{received} ? ('waiting-bytes' => $weight) : () },
    };
}

my %verbs = (
    push => [\&do_push, 6], claim => [\&do_claim, 6], ack => [\&do_ack, 4], extend => [\&do_extend, 3],
    retry => [\&do_retry, 4], bury => [\&do_bury, 1], release => [\&do_release, 3],
    split => [\&do_split, 3],
    redrive => [\&do_redrive, 1], drop => [\&do_drop, 0.5], reconcile => [\&do_reconcile, 1],
    wrong_type => [\&wrong_type, 0.5],
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
    if ($clean && $count{received} && (my $is = $redis->command('HGET', $counters, 'waiting-bytes')) ne $weight) {
        $bad = "step $step, $verb: $is bytes wait, in the model $weight";
    }
    $clean = 0 if $step > $steps / 5;
    spoil() if !$clean && rand() < 0.05;
    # Dead letters and unqueued leftovers start anew, so that the trace goes on.
    if (!$clean && rand() < 0.01) {
        $redis->command('DEL', $dead);
        %dead = ();
    }
    last if $bad;
    if ($step % $COMPARE_EVERY == 0) {
        my ($is, $should) = (state_in_redis(), state_in_model());
        if ($clean && (my @wrong = sums())) {
            $bad = "step $step: the counters do not add up: @wrong";
            last;
        }
        if ($json->canonical->encode($is) ne $json->canonical->encode($should)) {
            is_deeply $is, $should, "step $step: all of Redis is as the model has it";
            $bad = "after step $step, $verb";
            last;
        }
    }
}
ok !$bad, "$steps steps as the model has them" or diag $bad;
# Whatever the sum of bytes has become: it is right again with the first message that waits alone.
$redis->command('DEL', $live, $batch, $send, $dead, message('last'));
put_in('last', text => 'xyz');
is $redis->command('HGET', $counters, 'waiting-bytes'), 3, 'bytes are counted anew when nothing else waits';
cmp_ok $done{$_} || 0, '>', $steps / 200, "$_ was tried often" for sort keys %verbs;
$site->done;
