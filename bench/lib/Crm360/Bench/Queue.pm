# The part "queue": whether a queue gets slower as it gets longer, and what a waiting message takes of Redis. Four
# databases of one Redis hold 0, 1,000, 100,000 and 1,000,000 messages that wait for another day. In turns, webhooks
# are pushed to each through httpd, and a crm360d whose handler does nothing (build/t/crm360d_faulty) works them off.
# Then messages become due, one each 2 ms, in the empty database and in the one with the million: how late they run.
# Redis writes no file here: that costs the same at any length, and would hide what length costs.
package Crm360::Bench::Queue;

use strict;
use warnings;

use Time::HiRes qw(sleep time);

use Crm360::Bench::Fill qw(fill number_mark pattern);
use Crm360::Bench::Sender qw(send_posts);
use Crm360::Bench::Site;
use Crm360::Bench::Usage qw(cpu_us);
use Crm360::Test;

my $CONNECTIONS = 32;
my $ROUTE = 'Adictiz/User/Participate';
my $BODY_BYTES = 1_680; # with its head a request of 1.9 kB
my $DAY_MS = 86_400_000;
# Numbers of messages: those that wait begin at 1.
my $STREAM_FROM = 10_000_001;
my $APART_MS = 2;

sub settings {
    my ($option) = @_;
    return (rounds => 1, seconds => 1, lengths => [0, 100, 1_000, 10_000], stream => 200) if $option->{quick};
    return (rounds => $option->{rounds} || 5, seconds => $option->{seconds} || 1,
        lengths => [0, 1_000, 100_000, 1_000_000], stream => 2_000);
}

sub about {
    my ($own) = @_;
    return "$own->{rounds} rounds of $own->{seconds} s, $CONNECTIONS kept connections, bodies of $BODY_BYTES bytes";
}

sub _count { my ($n) = @_; 1 while $n =~ s/^(\d+)(\d{3})/$1,$2/; return $n }

sub figures {
    my ($own) = @_;
    my @lengths = @{ $own->{lengths} };
    my ($most, @figures) = ($lengths[-1]);

    for my $what (['push', 'requests/s'], ['claim', 'messages/s']) {
        push @figures, map { { id => "$what->[0].$_.rate", title => _count($_) . ' waiting',
            column => "$what->[0] $what->[1]", unit => 'rate' } } @lengths;
    }
    for my $what (qw(push claim)) {
        push @figures, map { { id => "$what.$_.redis", title => _count($_) . ' waiting',
            column => "$what: redis", unit => 'us of CPU a message' } } @lengths;
    }
    return (
        @figures,
        { id => 'push.ratio', title => 'push at ' . _count($most) . ' / empty', unit => 'ratio', least => 0.9 },
        { id => 'claim.ratio', title => 'claim at ' . _count($most) . ' / empty', unit => 'ratio' },
        (map { my $length = $_; map { { id => "late.$length.$_", title => _count($length) . ' waiting', column => $_,
            unit => 'ms late' } } qw(p50 p99 most) } @lengths[0, -1]),
        { id => 'overhead', title => 'memory beyond the stored message', unit => 'bytes', most => 500 },
        { id => 'overhead.request', title => 'memory beyond the request', unit => 'bytes' },
        { id => 'overhead.seen', title => 'of it: the name of the delivery', unit => 'bytes' },
        { id => 'stored', title => 'the stored message', unit => 'bytes' },
    );
}

sub _database { return "acme/q$_[0]" }

# Webhooks to one database for some seconds.
sub _push {
    my ($site, $own, $length) = @_;
    my $path = $site->url($ROUTE, -database => _database($length), SourceId => 1);
    my $before = cpu_us($site->{redis}->pid);
    my $sent = send_posts($site, path => $path, file => $site->dir . '/body', seconds => $own->{seconds},
        connections => $CONNECTIONS, field => 'Idempotency-Key');
    my $redis = (cpu_us($site->{redis}->pid) - $before) / $sent->{requests};

    return { rate => $sent->{rate}, redis => $redis, path => $path,
        there => $site->redis('ZCARD', $site->key(_database($length), 'live')) - $length };
}

sub _done { return $_[0]->redis('HGET', $_[0]->key($_[1], 'counters'), 'done') || 0 }

# A crm360d works off what was pushed.
sub _claim {
    my ($site, $length, $count) = @_;
    my $database = _database($length);
    my $before = _done($site, $database);
    my ($first, $first_at, $cpu, $done);

    $site->start_consumer;
    $site->await("$database: working off $count messages", sub {
        $done = _done($site, $database) - $before;
        ($first, $first_at, $cpu) = ($done, time, cpu_us($site->{redis}->pid)) if $done && !$first;
        return $done >= $count;
    });
    my $took = time - $first_at || 0.01;
    my $redis = cpu_us($site->{redis}->pid) - $cpu;
    $site->stop_consumer;
    my $of = $done - $first || 1;
    return { rate => $of / $took, redis => $redis / $of };
}

# Messages become due one after the other; how late each runs, ms, the least first.
sub _lateness {
    my ($site, $own, $length, $pattern) = @_;
    my $database = _database($length);
    my $before = _done($site, $database);
    my $begin = int(time * 1000) + 1_500;
    my $visible = $begin - $APART_MS * $STREAM_FROM;
    my $last = $STREAM_FROM + $own->{stream} - 1;

    $site->sql($database, 'create table if not exists Effects (Serial, MessageId, RanAt)');
    $site->start_consumer;
    fill($site, $pattern, from => $STREAM_FROM, to => $last, visible => $visible, apart => $APART_MS);
    die "filling $database took too long\n" if time * 1000 > $begin;
    $site->await("$database: what becomes due", sub { _done($site, $database) - $before >= $own->{stream} });
    $site->stop_consumer;
    return sort { $a <=> $b } map { $_->{RanAt} / 1000 - ($visible + $APART_MS * ($_->{Serial} - 10_000_000)) }
        $site->sql($database, 'select Serial, RanAt from Effects');
}

sub _percentile { my ($share, @sorted) = @_; return $sorted[int($share * $#sorted + 0.5)] }

# Memory of Redis without what its connections take, when it has come to rest: tables grow for a moment.
sub _used {
    my ($site) = @_;
    my ($last, $used) = (0, 0);

    $site->await('a steady used_memory', sub {
        my %is = $site->redis('INFO', 'memory') =~ /^(used_memory|mem_clients_normal):(\d+)/mg;
        ($last, $used) = ($used, $is{used_memory} - $is{mem_clients_normal});
        sleep 0.1;
        return abs($last - $used) < 2_000;
    });
    return $used;
}

# What a waiting message takes of Redis, measured by as many as httpd can push in a round.
sub _overhead {
    my ($site, $own) = @_;
    my $database = _database(0);
    my $before = _used($site);
    my $pushed = _push($site, { seconds => ($own->{quick} ? 1 : 2) * $own->{seconds} }, 0);
    my $after = _used($site);
    my $stored = $site->redis('HGET', $site->key($database, 'counters'), 'waiting-bytes') / $pushed->{there};
    my $head = join "\r\n", "POST $pushed->{path} HTTP/1.1", "Host: 127.0.0.1:$site->{port}",
        'Content-Type: application/json', 'Idempotency-Key: 01234567-12345', "Content-Length: $BODY_BYTES", '', '';
    my $each = ($after - $before) / $pushed->{there};
    # What remains of a message when it is done, until its window is over.
    $site->redis('EVAL', <<'END', 0, $site->key($database, 'seen:*'));
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
    redis.call('DEL', key)
end
END
    my $seen = ($after - _used($site)) / $pushed->{there};
    $site->redis('FLUSHALL');
    return (overhead => $each - $stored, 'overhead.request' => $each - length($head) - $BODY_BYTES,
        'overhead.seen' => $seen, stored => $stored);
}

sub measure {
    my ($figures, $own) = @_;
    my @lengths = @{ $own->{lengths} };
    my $site = Crm360::Bench::Site->new(consumer_program => 't/crm360d_faulty', appendonly => 0,
        redis_settings => $Crm360::Bench::Site::NOT_KEEPING,
        databases => { map { _database($_) => '' } @lengths },
        server => $Crm360::Bench::Site::HTTPD);

    $site->start_redis;
    $site->migrate;
    $site->start_httpd;
    spew($site->dir . '/body', 'x' x $BODY_BYTES); # no order that the handler knows: it does nothing
    my $clock = 'clock ' . number_mark() . ' 0 ';
    $clock .= 'x' x ($BODY_BYTES - length $clock);
    my %stream = map { $_ => pattern($site, _database($_), $ROUTE, body => $clock) } @lengths[0, -1];
    # Small ones: their number is what matters.
    my %waiting = map { $_ => pattern($site, _database($_), $ROUTE, body => 'x') } @lengths;
    $figures->add('queue', _overhead($site, $own)) for 1 .. $own->{rounds};

    my $tomorrow = int(time * 1000) + $DAY_MS;
    for my $length (@lengths) {
        my $began = time;

        fill($site, $waiting{$length}, from => 1, to => $length, visible => $tomorrow, apart => 1);
        $own->{say}->(sprintf '%s waiting, filled in %.1f s', _count($length), time - $began);
    }
    for my $round ($own->{first_round} .. $own->{rounds}) {
        my %is;

        for my $length ($round % 2 ? reverse @lengths : @lengths) {
            my $pushed = _push($site, $own, $length);
            my $claimed = _claim($site, $length, $pushed->{there});
            $is{"push.$length.$_"} = $pushed->{$_} for qw(rate redis);
            $is{"claim.$length.$_"} = $claimed->{$_} for qw(rate redis);
        }
        next if !$round;
        $is{"$_.ratio"} = $is{"$_.$lengths[-1].rate"} / $is{"$_.0.rate"} for qw(push claim);
        $figures->add('queue', %is);
        $own->{say}->(sprintf "round %d: push %s, claim %s", $round, map { my $what = $_;
            join '/', map { sprintf '%.0f', $is{"$what.$_.rate"} } @lengths } qw(push claim));
    }
    for my $length (@lengths[0, -1]) {
        my @late = _lateness($site, $own, $length, $stream{$length});
        $figures->add('queue', "late.$length.p50" => _percentile(0.5, @late),
            "late.$length.p99" => _percentile(0.99, @late), "late.$length.most" => $late[-1]);
    }
    $site->end;
    return;
}

1;
