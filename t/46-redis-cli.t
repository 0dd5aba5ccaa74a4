# The redis-cli commands of doc/queue.txt, word for word as they are printed there: each works, and a dead
# letter is tried again or dropped by them.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 20s\n",
);
$site->start_redis;
$site->migrate;
$site->start_consumer;
$site->expect_log(qr/CRM0311/);

# Whole blocks, with the blanks in front of their lines; by the words in front of them.
my %command;
my $document = slurp(root() . '/doc/queue.txt');
while ($document =~ /^([A-Z][^\n]*(?:\n[^ \n][^\n]*)*):\n\n((?:  [^\n]*\n)+)/mg) {
    my ($words, $lines) = ($1, $2);
    $command{ (split /,/, $words)[0] } = $lines if $lines =~ /redis-cli/;
}
cmp_ok scalar keys %command, '>=', 11, 'the commands: ' . join '; ', sort keys %command;

# Runs what stands behind the words that begin so.
sub cli {
    my ($words, $id) = @_; # a message id, the hash of a delivery, or a key
    my ($name) = grep { /^\Q$words\E/ } keys %command or die "no such command: $words";
    my $socket = $site->redis_socket;
    my $text = $command{$name} =~ s/SOCKET/$socket/gr =~ s/<(?:id|hash|key)>/$id/gr;
    my $output = `$text`;

    is $?, 0, "$name: works";
    unlike $output, qr/^(?:\(error\)|ERR|WRONGTYPE|NOPERM)/m, '  and Redis agrees';
    return $output;
}

sub dead { return $site->redis('ZCARD', $site->key('acme/prod', 'dead')) }
sub keys_of { my ($id) = @_; return grep { /\Q$id\E/ } @{ $site->redis('KEYS', '*') } }

my $late = $site->push_order('done', delay => 600_000);
my ($again, $never) = map { $site->push_order('reject') } 1 .. 2;
wait_until { dead() == 2 } 5, 'two dead letters';
like cli('Waiting', 'x'), qr/^\Q$late\E\n\d+$/m, '  it shows a message and its time';
like cli('One message', $late), qr/^Crm360-Id: \Q$late\E\r\n.*\r\n\r\ndone/ms, '  it shows the message';
my $slow = $site->push_order('sleep 900');
wait_until { $site->redis('HEXISTS', $site->key('acme/prod', 'claims'), $slow) } 5, 'one is claimed';
like cli('Who holds', 'x'), qr/\Q$slow\E\n\{.*"worker"/, '  it shows the worker';
like cli('Dead letters', $again), qr/\Q$never\E\n.*"told to reject/s, '  it shows the reason';
like cli('Counts', 'x'), qr/^received\n4$/m, '  it shows the counts';

# The same order is told to succeed now.
my $message = $site->key('acme/prod', "message:$again");
$site->redis('SET', $message, $site->redis('GET', $message) =~ s/6(\r\n\r\n)reject\z/4$1done/r);
cli('To try', $again);
wait_until { $site->value('acme/prod',
    "select count(*) from WebhookInbox where MessageId = '$again'") } 5, '  it is tried again, at once';
wait_until { !keys_of($again) } 5, '  and nothing of it is left';
is dead(), 1, '  nor among the dead';
cli('To drop', $never);
$site->redis('SET', $site->key('acme/prod', 'live:aside:1795475344000'), 'x');
like cli('What was of another', 'x'), qr/^crm360:1:\{acme\/prod\}:live:aside:1795475344000$/m, '  it shows the key';
cli('What such a key has', $site->key('acme/prod', 'live:aside:1795475344000'));
is_deeply [grep { /aside/ } @{ $site->redis('KEYS', '*') }], [], '  it is dropped';
is dead(), 0, '  and so is the letter';
is_deeply [keys_of($never)], [], '  and nothing of it is left';
is $site->redis('HLEN', $site->key('acme/prod', 'failures')), 0, '  nor of its failures';
my %count = @{ $site->redis('HGETALL', $site->key('acme/prod', 'counters')) };
is_deeply [@count{qw(dead redriven dropped)}], [2, 1, 1], 'what died is redriven, dropped, or still dead';

my %seen = map { ($_ => $site->key('acme/prod', "seen:$_")) } qw(abc def);
$site->redis('SET', $seen{abc}, "$again 0f 1795475344000");
$site->redis('SET', $seen{def}, "$never 0f 1795475344000");
like cli('To find the name', $again), qr/\A\Q$seen{abc}\E \Q$again\E .*\n\z/, '  it shows one line';
like cli('To see what is remembered', 'abc'), qr/^\Q$again\E 0f/, '  it shows the delivery';
is $site->redis('EXISTS', $seen{abc}), 0, '  and forgets it';
is $site->redis('EXISTS', $seen{def}), 1, '  no other';
$site->done;
