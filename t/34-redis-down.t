# Redis away, back, restarted, frozen, full. Without a spool callers get a quick 503 that says when to come
# again, and never a success that is none; with one they hear 2xx, as quickly. The rest of httpd does not
# notice. What becomes of spooled messages is in t/54-spool.t.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Check;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new(redis_goes => 1, appendonly => 1);
$site->start_redis;
$site->start_httpd;

my $PATH = $site->url('Shopify/Order/Insert', SourceId => 1);
my $LIMIT = timing() ? 0.3 : 5;

sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }

# A webhook: its answer, with {seconds}.
sub hook {
    my ($path) = @_;
    my $began = time;
    my $answer = $site->post($path || $PATH, '{"id":1}');

    $answer->{seconds} = time - $began;
    return $answer;
}

sub takes {
    my ($name) = @_;
    my $answer = hook();
    return is $answer->{status}, 200, $name || diag $answer->{content};
}

# All are 503; their median is quick enough. (The machine that runs tests may be busy once.)
sub unavailable {
    my ($name, @answers) = @_;
    my $limit = ref $answers[0] ? $LIMIT : shift @answers;
    my $median = (sort { $a <=> $b } map { $_->{seconds} } @answers)[$#answers / 2];

    cmp_ok $median, '<', $limit, "$name: answers in less than $limit s";
    for my $answer (@answers) {
        is $answer->{status}, 503, "$name: 503";
        is $answer->{headers}{'retry-after'}, 30, '  with Retry-After';
        is $answer->{headers}{'content-type'}, 'application/problem+json', '  as problem+json';
        is $answer->{json}{type}, 'urn:crm360:problem:queue-away', '  saying what it is';
        unlike $answer->{content}, qr/redis|\.sock|refused|\/tmp/i, '  and nothing of our inside';
    }
    return;
}

# The site itself answers as ever.
sub site_lives {
    my ($name) = @_;
    my $began = time;

    is $site->get('/index.html')->{content}, "hello\n", "$name: the site lives";
    cmp_ok time - $began, '<', $LIMIT, '  and is quick';
    return;
}

# Many webhooks at once, from processes of their own: all answers as "status seconds".
sub at_once {
    my ($count) = @_;
    my (@pipes, @answers);

    for (1 .. $count) {
        my $pid = open my $pipe, '-|';
        die "cannot fork: $!" unless defined $pid;
        if (!$pid) {
            delete $site->{http};
            my $answer = hook();
            print "$answer->{status} $answer->{seconds}\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        push @pipes, $pipe;
    }
    for my $pipe (@pipes) {
        push @answers, { status => $1, seconds => $2 } if readline($pipe) =~ /^(\d+) (\S+)/;
        close $pipe;
    }
    return @answers;
}

takes('Redis is there');

# ---- SCRIPT FLUSH ----

$site->redis('SCRIPT', 'FLUSH');
takes('the scripts are gone from Redis: loaded again') for 1 .. 3;

# ---- a restart, with connections open on our side ----

is scalar(grep { $_->{status} == 200 } at_once(8)), 8, 'connections are warm';
for my $round (1 .. 2) {
    my $before = queued();

    $site->stop_redis;
    $site->start_redis;
    is queued(), $before, "restart $round: Redis kept its data";
    my @answers = map { hook() } 1 .. 12;
    is join(' ', map { $_->{status} } @answers), join(' ', (200) x 12),
        "restart $round: no caller notices";
    is queued(), $before + 12, "restart $round: all are stored, once";
}

# ---- connections closed by Redis ----

{
    my $before = queued();
    $site->redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    is join(' ', map { hook()->{status} } 1 .. 6), join(' ', (200) x 6),
        'connections killed on the other side: no caller notices';
    is queued(), $before + 6, '  all are stored, once';
}

# ---- stopped ----

$site->expect_log(qr/CRM0101/);
my $stored = queued();
$site->stop_redis;
unavailable('stopped', map { hook() } 1 .. 4);
site_lives('stopped');
{
    my @answers = at_once(8);
    is scalar(grep { $_->{status} == 503 && $_->{seconds} < ($LIMIT * 3) } @answers), 8,
        'stopped, many at once: all are told quickly';
    is $site->get($site->url('Smsbox/Sms/Callback', SourceId => 1))->{content}, 'ERROR',
        'stopped: Smsbox hears ERROR';
    is $site->get($site->url('Shopify/Order/Insert', SourceId => 0))->{status}, 400,
        'stopped: a wrong request is still told what is wrong';
    is $site->request('OPTIONS', $PATH)->{status}, 204, 'stopped: OPTIONS answers';
}
{
    my @lines = $site->log_text('httpd-error') =~ /(CRM0101)/g;
    is scalar @lines, 1, 'it is logged once, not per request';
}
$site->start_redis;
my $back = time;
wait_until { hook()->{status} == 200 } timing() ? 1 : 3, 'back: works within 1 s';
like $site->log_text('httpd-error'), qr/answers again/, 'and the log says so';
is queued(), $stored + 1, 'nothing was stored while callers heard 503';
is scalar(grep { $_->{status} == 200 } at_once(8)), 8, 'all children know';

# ---- frozen: accepts connections and answers nothing ----

my @first;
for my $round (1 .. 3) {
    $stored = queued();
    $site->freeze_redis;
    push @first, hook();
    unavailable("frozen, round $round: others, without waiting themselves", map { hook() } 1 .. 3);
    site_lives('frozen') if $round == 1;
    $site->thaw_redis;
    wait_until { hook()->{status} == 200 } timing() ? 1.5 : 5, 'thawed: works again';
    # What was pushed into the frozen Redis may have arrived: the callers heard 503 and repeat.
    cmp_ok queued(), '>=', $stored + 1, 'nothing is lost';
}
# This one has waited for Crm360CommandTimeout, 250ms, and a kernel's timers may be 50 ms late.
unavailable('frozen, the first caller', $LIMIT, @first);

# ---- there, and refusing ----

$site->expect_log(qr/CRM0102/, qr/WARNING: the new maxmemory value/);
$stored = queued();
$site->redis('CONFIG', 'SET', 'maxmemory', '1');
unavailable('out of memory', hook(), hook());
site_lives('out of memory');
is queued(), $stored, 'nothing is stored';
$site->redis('CONFIG', 'SET', 'maxmemory', '0');
wait_until { hook()->{status} == 200 } timing() ? 1.5 : 5, 'memory again: works';

# ---- not ours: no Redis of ours could be reached from the start ----

my $lost = Crm360::Test->new(redis_goes => 1);
$lost->expect_log(qr/CRM0101/);
$lost->start_httpd;
is $lost->post($PATH, '{}')->{status}, 503, 'httpd starts without Redis, and answers 503';
$lost->start_redis;
wait_until { $lost->post($PATH, '{}')->{status} == 200 } timing() ? 1.5 : 5,
    'Redis comes later: works';
$lost->finish;

# ---- something at the address that is no Redis ----

my $stranger = Crm360::Test->new(redis_goes => 1);
$stranger->expect_log(qr/CRM0101|CRM0102|CRM0206/);
{
    require IO::Socket::UNIX;
    my $listen = IO::Socket::UNIX->new(Local => $stranger->redis_socket, Listen => 5)
        or die "cannot listen: $!";
    chmod 0777, $stranger->redis_socket;
    my $pid = fork // die "cannot fork: $!";
    if (!$pid) {
        while (my $client = $listen->accept) {
            my $request;
            sysread $client, $request, 65536;
            syswrite $client, "HTTP/1.1 400 Bad Request\r\n\r\n";
        }
        POSIX::_exit(0);
    }
    close $listen;
    $stranger->start_httpd;
    is $stranger->post($PATH, '{}')->{status}, 503, 'no Redis at the address: 503';
    is $stranger->get('/')->{content}, "hello\n", '  and the site lives';
    kill 'KILL', $pid;
    waitpid $pid, 0;
    unlink $stranger->redis_socket;
}
$stranger->finish;
$site->finish;

# ---- with a spool: a Redis that stalls does not hold httpd's workers ----

my $ORDER = $site->url('Adictiz/User/Participate', SourceId => 1);
my $CALLERS = 50;
my $TIMEOUT = 0.25; # Crm360CommandTimeout
my $MARGIN = timing() ? 0.35 : 10;

$site = Crm360::Test->new(redis_goes => 1, appendonly => 1, consumer_program => 't/crm360d_faulty',
    loglevel => 'warn crm360_webhook:notice', redis_settings => 'enable-debug-command yes');
Crm360::Spool::make($site, '256M');
$site->expect_log(qr/CRM0101|CRM0102|CRM0330/);
$site->start_redis;
$site->migrate;
Crm360::Check::prepare($site);
$site->start_httpd;

# Callers, all in this process: each sends a webhook over a connection of its own, waits for the answer, and
# for 50 ms more. `events` are subs by the second in which they are called. Returns [began, seconds, text]
# of each answer, times since the beginning.
my $round = 0;
sub callers {
    my ($seconds, %events) = @_;
    my (@callers, @answers);
    my @due = sort { $a <=> $b } keys %events;
    my $start = time;

    $round++;
    @callers = map { { number => $_, next => $start + rand 0.05, count => 0 } } 1 .. $CALLERS;
    while (grep { $_->{socket} || time < $start + $seconds } @callers) {
        my ($bits, $now) = ('', time);

        (delete $events{ shift @due })->() if @due && $now - $start >= $due[0];
        for my $caller (@callers) {
            if (!$caller->{socket} && $caller->{next} <= $now && $now < $start + $seconds) {
                my $body = "effect $round-$caller->{number}-" . ++$caller->{count};
                @$caller{qw(began text)} = (time, '');
                $caller->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                    PeerPort => $site->{port}) or die "cannot connect: $!\n";
                syswrite $caller->{socket}, "POST $ORDER HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
            }
            vec($bits, fileno $caller->{socket}, 1) = 1 if $caller->{socket};
        }
        select my $ready = $bits, undef, undef, 0.005;
        for my $caller (grep { $_->{socket} && vec $ready, fileno $_->{socket}, 1 } @callers) {
            next if sysread $caller->{socket}, $caller->{text}, 65536, length $caller->{text};
            push @answers, [$caller->{began} - $start, time - $caller->{began}, $caller->{text}];
            $caller->{next} = time + 0.05;
            delete $caller->{socket};
        }
    }
    return @answers;
}

for my $case (
    ['frozen', 5, sub { $site->freeze_redis }, sub { $site->thaw_redis }],
    ['busy', 2, sub { $site->{client}->send('DEBUG', 'SLEEP', 2) }, sub { $site->{client}->reply }]) {
    my ($name, $seconds, $begin, $end) = @$case;
    my ($static, $page);
    $site->redis('PING');
    my @answers = callers($seconds + 1, 0.5 => $begin, $seconds / 2 => sub {
        my $began = time;
        $page = $site->get('/index.html')->{content};
        $static = time - $began;
    }, $seconds + 0.5 => $end);
    my @longest = sort { $b <=> $a } map { $_->[1] } @answers;
    my @late = grep { $_->[0] > 0.5 + $TIMEOUT + 0.1 && $_->[1] > 0.8 * $TIMEOUT } @answers;

    diag sprintf '%s: %d webhooks, the longest %.3f s; %d waited, %d of them after the first wave', $name,
        scalar @answers, $longest[0], scalar(grep { $_ > 0.8 * $TIMEOUT } @longest), scalar @late;
    is scalar(grep { $_->[2] !~ m{^HTTP/1\.1 200 } } @answers), 0, "$name: $CALLERS callers at once all hear 2xx";
    cmp_ok scalar(grep { $_->[2] =~ /"spool"/ } @answers), '>', $CALLERS, "$name: from the spool";
    cmp_ok $longest[0], '<', $TIMEOUT + $MARGIN, "$name: nobody waits much longer than for one command";
    cmp_ok scalar(@late), '<=', 2 * $seconds / $TIMEOUT + (timing() ? 0 : 1000),
        "$name: after the first only those wait who ask whether Redis is back";
    is $page, "hello\n", "$name: the site lives";
    cmp_ok $static, '<', $LIMIT, '  and is quick';
    wait_until { $site->post($ORDER, "effect back-$name")->{json}{Durability} eq 'memory' }
        timing() ? 2 : 10, "$name: Redis is back";
}

# ---- a delay holds, to the moment ----

$site->start_consumer;
wait_until { !Crm360::Spool::files($site) } 60, 'what was spooled is carried into Redis';
$site->stop_redis;
{
    my $answer = $site->post("$ORDER&secondsOfInvisibility=3", 'effect delayed');
    my $ran;

    is $answer->{json}{Durability}, 'spool', 'a delayed one is spooled';
    sleep 0.3;
    $site->start_redis;
    $ran = wait_until { Crm360::Check::effects($site)->{delayed} } 10, 'it has its effect';
    my $due = Crm360::Load::_date_ms($answer->{json}{VisibleAt});
    cmp_ok $ran->[0], '>=', $due, 'not early';
    cmp_ok $ran->[0] - $due, '<', timing() ? 100 : 5000, 'and not late: ' . ($ran->[0] - $due) . ' ms';
}
$site->done;
