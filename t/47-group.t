# Pushes that the threads of a process make at the same time go to Redis together (core/queue_group.c), with 32
# threads on two databases. What is said of each is true of it: it is stored once under its own id with its own
# content, also when Redis freezes, is killed or forgets the script in the middle of a group, and what is wrong with
# one database is no matter of the other. Nobody waits much longer than for his own command.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my ($THREADS, $PUSHES) = (32, 200);
my $TIMEOUT = 1; # seconds
my @DATABASES = qw(acme/prod acme/test);
my $OK = 'ok';

my $site = Crm360::Test->new(
    appendonly => 1,
    databases => { map { $_ => '' } @DATABASES },
    settings => "Crm360CommandTimeout ${TIMEOUT}s\n",
    redis_settings => "appendfsync everysec\nauto-aof-rewrite-percentage 0\n",
);
$site->start_redis;

# Pushes of all threads; `meanwhile` is done when so many lines have come. Returns the lines as [id, database, what,
# seconds].
sub push_all {
    my ($pushes, $after, $meanwhile) = @_;
    my @lines;

    open my $pipe, '-|', build() . '/t/push_together', $site->conf, $THREADS, $pushes or die "push_together: $!\n";
    while (my $line = <$pipe>) {
        my ($id, $database, $what, $us) = split ' ', $line;

        push @lines, [$id, "acme/$database", $what, $us / 1e6];
        $meanwhile->() if $meanwhile && @lines == $after;
    }
    ok close $pipe, 'the program ends well';
    is scalar @lines, $THREADS * $pushes, 'it has made all its pushes';
    return @lines;
}

# What is said to be stored is: once, and as it was.
sub ledger {
    my ($name, @lines) = @_;
    my ($wrong, $ok) = (0, 0);

    for my $database (@DATABASES) {
        my %queued = @{ $site->redis('ZRANGE', $site->key($database, 'live'), 0, -1, 'WITHSCORES') };

        for my $line (grep { $_->[1] eq $database && $_->[2] eq $OK } @lines) {
            my $text = $site->redis('GET', $site->key($database, "message:$line->[0]")) // '';

            $ok++;
            $wrong++ if !exists $queued{ $line->[0] } || length $text != 2000 || index($text, $line->[0]) != 0;
        }
    }
    is $wrong, 0, "$name: each of $ok that are said to be stored is, as it was";
    return;
}

sub stat_of {
    my ($section, $name) = @_;
    return $site->redis('INFO', $section) =~ /^$name(\d+)/m ? $1 : 0;
}

sub longest { return (sort { $b <=> $a } map { $_->[3] } @_)[0] }

subtest 'together' => sub {
    push_all(1); # Redis knows the script
    my $calls = stat_of('commandstats', 'cmdstat_evalsha:calls=');
    my $reads = stat_of('stats', 'total_reads_processed:');
    $site->redis('FLUSHDB');
    my @lines = push_all($PUSHES);

    $calls = stat_of('commandstats', 'cmdstat_evalsha:calls=') - $calls;
    $reads = stat_of('stats', 'total_reads_processed:') - $reads;
    is scalar(grep { $_->[2] ne $OK } @lines), 0, 'all are stored';
    ledger('together', @lines);
    is $site->redis('HGET', $site->key($_, 'counters'), 'received'), $THREADS * $PUSHES / 2, "and counted: $_"
        for @DATABASES;
    is $site->redis('ZCARD', $site->key($_, 'live')), $THREADS * $PUSHES / 2, "once: $_" for @DATABASES;
    cmp_ok $reads, '<', 0.8 * $calls, "in $reads reads, fewer than calls of the script";
    $site->redis('FLUSHDB');
};

subtest 'the script is forgotten' => sub {
    my @lines = push_all($PUSHES, 2000, sub { $site->redis('SCRIPT', 'FLUSH') });

    is scalar(grep { $_->[2] ne $OK } @lines), 0, 'all are stored';
    ledger('forgotten', @lines);
    $site->redis('FLUSHDB');
};

subtest 'one queue is broken' => sub {
    my $key = $site->key('acme/test', 'live');

    $site->redis('SET', $key, 'of another type');
    my @lines = push_all(20);
    is scalar(grep { $_->[2] ne $OK } @lines), 0, 'it is set aside, and all are stored';
    ledger('broken', @lines);
    $site->redis('FLUSHDB');
};

subtest 'no memory' => sub {
    $site->expect_log(qr/new maxmemory value/);
    my @lines = push_all($PUSHES, 2000, sub { $site->redis('CONFIG', 'SET', 'maxmemory', 1) });

    cmp_ok scalar(grep { $_->[2] eq $OK } @lines), '>=', 1999, 'what was stored before is';
    cmp_ok scalar(grep { $_->[2] ne $OK } @lines), '>', 0, 'the rest is refused';
    ledger('no memory', @lines);
    $site->redis('CONFIG', 'SET', 'maxmemory', 0);
    $site->redis('FLUSHDB');
    is scalar(grep { $_->[2] ne $OK } push_all(5)), 0, 'and taken when there is some again';
    $site->redis('FLUSHDB');
};

subtest 'frozen' => sub {
    my @lines = push_all($PUSHES, 2000, sub { $site->freeze_redis });
    my @failed = grep { $_->[2] ne $OK } @lines;

    $site->thaw_redis;
    cmp_ok scalar @failed, '>', 0, 'it was in the middle';
    ledger('frozen', @lines);
    if (timing()) {
        cmp_ok longest(@lines), '<', $TIMEOUT + 0.6, 'nobody waits much longer than for his command';
        cmp_ok scalar(grep { $_->[3] > 0.5 } @lines), '<', 2 * $THREADS + 40, 'and once only';
    }
    $site->redis('FLUSHDB');
};

subtest 'killed' => sub {
    $site->redis('CONFIG', 'SET', 'appendfsync', 'always');
    push_all(1) for 1 .. 2; # each asks how safe it is
    my @lines = push_all($PUSHES, 2000, sub { $site->kill_redis });

    cmp_ok scalar(grep { $_->[2] ne $OK } @lines), '>', 0, 'it was in the middle';
    $site->start_redis;
    ledger('killed', @lines);
};

# A server whose answers drip from some time on, each just in time: one waits for another's with his own.
my $slow = $site->dir . '/slow';
sub serve_slowly {
    my ($client) = @_;
    my %is = (SET => "+OK\r\n", PING => "+PONG\r\n", CONFIG => "*0\r\n", INFO => "\$0\r\n\r\n");

    while (defined(my $line = <$client>)) {
        my @words = map { my ($length) = <$client> =~ /(\d+)/; read $client, my $word, $length + 2;
            substr $word, 0, $length } 1 .. substr $line, 1;
        my $answer = $is{ uc $words[0] };

        $answer //= sprintf "*3\r\n:1\r\n:1\r\n\$%d\r\n%s\r\n", length $words[3 + $words[2]], $words[3 + $words[2]];
        sleep 0.3 if -e $slow && ($words[0] eq 'SET' || $words[0] =~ /EVAL/);
        print {$client} $answer or last;
    }
    return;
}

subtest 'answers that drip in' => sub {
    my $socket = $site->dir . '/slow.sock';
    my $server = IO::Socket::UNIX->new(Local => $socket, Listen => 50) or die "$socket: $!\n";
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        local $SIG{CHLD} = 'IGNORE';
        while (my $client = $server->accept) {
            next if fork;
            $client->autoflush(1);
            serve_slowly($client);
            POSIX::_exit(0);
        }
        POSIX::_exit(0);
    }
    close $server;
    my $conf = slurp($site->conf);
    spew($site->conf, $conf =~ s{^Crm360Redis .*}{Crm360Redis unix:$socket}mr);
    my @lines = push_all(20, 100, sub { spew($slow, '') });
    kill 'KILL', $pid;
    waitpid $pid, 0;
    spew($site->conf, $conf);
    cmp_ok scalar(grep { $_->[2] eq $OK } @lines), '>', 0, 'some are stored';
    cmp_ok longest(@lines), '<', 2 * $TIMEOUT + 0.6, 'nobody waits for the answers of all' if timing();
};

$site->done;
