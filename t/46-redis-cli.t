# The redis-cli commands of doc/queue.txt, word for word as they are printed there: each is run by bash and shows or
# does what it says, of a database with something in it.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(time);

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 20s\nCrm360RetrySchedule 1h\n",
);
$site->start_redis;
$site->migrate;
$site->start_consumer;
$site->expect_log(qr/CRM031[01]/, qr/CRM0125/);

# Whole blocks, with the blanks in front of their lines; by the words in front of them.
my (%command, @names);
my $document = slurp(root() . '/doc/queue.txt');
while ($document =~ /^([A-Z][^\n]*(?:\n[^ \n][^\n]*)*):\n\n((?:  [^\n]*\n)+)/mg) {
    my ($words, $lines) = ($1, $2);
    next if $lines !~ /redis-cli|FOLDER/;
    push @names, my $name = (split /[,:]/, $words)[0];
    $command{$name} = $lines;
}
cmp_ok scalar @names, '>=', 35, 'the commands: ' . join '; ', @names;
my ($list) = $document =~ /^Looking at it\n-+\n.*?\n\n((?:  [^\n]*\n)+)/ms or die 'the list of names';
my @listed = map { split /;\s*/ } map { s/\n {16}/ /gr } $list =~ /^  \S.{13}(.*(?:\n {16}.*)*)/mg;
my ($first) = grep { $names[$_] eq $listed[0] } 0 .. $#names;
# That of a mended message ends in a full stop, and is no line to paste.
is_deeply [grep { $_ ne 'Send a mended message' } @listed], [@names[$first .. $#names]],
    'the list at the top names them, in their order';

# Runs what stands behind these words.
my %ran;
sub cli {
    my ($name, $id) = @_; # a message id, the hash of a delivery, or a key
    my %place = (SOCKET => $site->redis_socket, FOLDER => $site->{folder});
    my $text = $command{$name} or die "no such command: $name";
    $text =~ s/\b(SOCKET|FOLDER)\b/$place{$1}/g;
    $text =~ s/<(?:id|hash|key)>/$id/g;
    $ran{$name}++;
    open my $shell, '-|', 'bash', '-o', 'pipefail', '-c', "exec 2>&1; $text" or die;
    my $output = do { local $/; <$shell> } // '';
    # `grep` finds nothing where there is nothing: what is printed is looked at.
    ok close $shell || $? == 256, "$name: works";
    unlike $output, qr/^(?:\(error\)|ERR|WRONGTYPE|NOPERM|bash: |\w+: .*(?:rror|invalid))/m, '  and nobody complains'
        or diag $output;
    return $output;
}

my $PREFIX = $site->key('acme/prod', '');
sub zcard { return $site->redis('ZCARD', $PREFIX . $_[0]) }
sub dead { return zcard('dead') }
sub score { my ($id, $lane) = @_; return $site->redis('ZSCORE', $PREFIX . ($lane || 'live'), $id) }
sub is_held { return $site->redis('HEXISTS', "${PREFIX}claims", $_[0]) }
sub keys_of { my ($id) = @_; return grep { /\Q$id\E/ } @{ $site->redis('KEYS', '*') } }
sub is_done {
    my ($id) = @_;
    return $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId = '$id'");
}

# ---- something to look at ----

my ($again, $never) = map { $site->push_order('reject') } 1 .. 2;
wait_until { dead() == 2 } 5, 'two dead letters';
my $order = $site->push_order('{"email":"ann@example.com"}', route => 'Shopify/Order/Insert', delay => 600_000);
my $late = $site->push_order('done', delay => 900_000);
my $retried = $site->push_order('retry');
wait_until { (score($retried) || 0) > 1000 * time && !is_held($retried) } 5, 'one is to be tried again';
$site->redis('ZADD', "${PREFIX}live", 1000 * (time + 800), $retried); # at a time that is not drawn by lot
# One is held for as long as this test wants: by the claim that a worker had of another one.
my ($short, $claim) = $site->push_order('sleep 900');
wait_until { $claim = $site->redis('HGET', "${PREFIX}claims", $short) } 5, 'one is held';
my $slow = $site->push_order('done', delay => 600_000);
$site->redis('HSET', "${PREFIX}claims", $slow, $claim);
$site->redis('ZADD', "${PREFIX}live", 1000 * (time + 120), $slow);
wait_until { is_done($short) && !is_held($short) } 5, '  and done, and another is held';
$site->fill_queue(2, route => 'Shopify/Customer/Insert', visible => int 1000 * (time + 7200), body => 'x' x 5000);
$site->fill_queue(1, database => 'acme/test', visible => int 1000 * (time + 7200));

# ---- what waits ----

is cli('How many'), "live 6\ndue 0\nheld 1\ndead 2\n", '  it shows the four numbers';
is cli('Every database'), "crm360:1:{acme/prod}:live 6\ncrm360:1:{acme/test}:live 1\n", '  it shows both';
my @next = split /\n/, cli('Next due');
is scalar @next, 6, '  it shows all six';
like $next[0], qr/^\+(?:\d\d|1[012]\d) \Q$slow\E$/, '  first that which is held, with its lease';
like $next[1], qr/^\+(?:5\d\d|60[01]) \Q$order\E$/, '  then that which is due next';
is cli('Oldest'), (sort @{ $site->redis('ZRANGE', "${PREFIX}live", 0, -1) })[0] . "\n", '  it shows the first id';
like cli('Every message of a lane'), qr/^\Q$late\E\n\d{13}$/m, '  it shows a message and its time';
like cli('By route'), qr/\A +3 Adictiz-User-Participate\n +2 Shopify-Customer-Insert\n +1 Shopify-Order-Insert\n\z/,
    '  it shows three routes';
is cli('Bytes') + 0, $site->redis('HGET', "${PREFIX}counters", 'waiting-bytes'), '  it shows the sum';
like cli('Largest'), qr/\A\Q$PREFIX\Emessage:\S+-Shopify-Customer-Insert 5\d\d\d\n/, '  the largest comes first';

# ---- one message ----

is cli('State', $late), "live " . score($late) . "\nbatch \nsend \ndead \n", '  it waits';
is cli('State', $never), "live \nbatch \nsend \ndead " . score($never, 'dead') . "\n", '  another is dead';
like cli('As it came', $late), qr/^Crm360-Id: \Q$late\E\r\n.*\r\n\r\ndone/ms, '  it shows the message';
is cli('Its body', $order), qq({\n   "email" : "ann\@example.com"\n}\n), '  it shows the JSON';
like cli('Its history', $retried), qr/"reason" : "told to retry"/, '  it shows the reason';
like cli('Who holds it', $slow), qr/"worker"/, '  it shows the worker';
is cli('Who holds it', $late), "\n", '  of another nobody';
like cli('All that is held'), qr/\A\Q$slow\E\n\{.*"worker".*\n\z/, '  it shows one';
is cli('Search'), "$order\n", '  it finds one';

# ---- dead letters ----

is cli('Oldest dead letters'),
    join('', map { "$_\n" } @{ $site->redis('ZRANGE', "${PREFIX}dead", 0, 9, 'WITHSCORES') }), '  it shows both';
$site->redis('ZADD', "${PREFIX}dead", 1000 * (time - 7200), 'long-ago-Shopify-Order-Insert');
$site->redis('HSET', "${PREFIX}failures", 'long-ago-Shopify-Order-Insert',
    '{"attempts":1,"errors":[{"at":1,"reason":"first"},{"reason":"line 7, \"x\\\\\": no order 42","at":2}]}');
is cli('Died lately'), "2\n", '  it counts two';
like cli('Dead by reason'), qr/\A +2 .*told to reject\n +1 line N, \\"x\\\\\\": no order N\n\z/,
    '  it counts the reasons';
is cli('Dead of one route'), "long-ago-Shopify-Order-Insert\n", '  it shows one';
like cli('Why one died', $never), qr/"told to reject/, '  it shows the reason';
$site->redis($_->[0], $PREFIX . $_->[1], 'long-ago-Shopify-Order-Insert') for ['ZREM', 'dead'], ['HDEL', 'failures'];

# ---- steering ----

is cli('Retry now', $slow), "\n", '  not while it is held';
is cli('Postpone', $slow), "\n", '  nor that';
is cli('Retry now', $late), "1\n", '  one crm360d hears it';
wait_until { is_done($late) } 5, '  and does it';
is cli('Retry now', $late), "\n", '  one that is not there stays away';
is cli('Postpone', $late), "0\n", '  and is not postponed';
is score($late), undef, '  and did not come back';
is cli('Postpone', $order), "1\n", '  one is changed';
cmp_ok abs(score($order) / 1000 - time - 3600), '<', 5, '  by an hour';

is cli('Pause a lane'), "1\n", '  it is now';
is cli('Paused'), "live\n", '  it is shown';
my $held_up = $site->push_order('done');
my $sent = $site->push_order('done', lane => 'batch');
wait_until { is_done($sent) } 5, '  another lane goes on';
ok !is_done($held_up) && score($held_up), '  this one does not';
like cli('Resume a lane'), qr/\A1\n\d\n\z/, '  it goes on';
wait_until { is_done($held_up) } 5, '  and the message is done';
$site->redis('SADD', "${PREFIX}paused", 'Shopify/Order/Insert');
my $shop = $site->push_order('{}', route => 'Shopify/Order/Insert');
wait_until { (score($shop) || 0) > 1e14 } 5, '  a message of the paused route is moved out of the way';
like cli('Resume a route'), qr/\A1\n\d+\n1\n\z/, '  it is moved back';
wait_until { dead() == 3 } 5, '  and tried';
is cli('Paused'), "\n", '  nothing is paused any more';

# ---- mending ----

# The same order is told to succeed now.
my $message = "${PREFIX}message:$again";
$site->redis('SET', $message, $site->redis('GET', $message) =~ s/6(\r\n\r\n)reject\z/4$1done/r);
cli('Try a dead letter again', $again);
wait_until { is_done($again) } 5, '  it is tried again, at once';
wait_until { !keys_of($again) } 5, '  and nothing of it is left';
cli('Drop a dead letter', $never);
is_deeply [keys_of($never)], [], '  nothing of it is left';
is $site->redis('HEXISTS', "${PREFIX}failures", $never), 0, '  nor of its failures';
is_deeply [score($again, 'dead'), score($never, 'dead')], [undef, undef], '  nor are they dead';
my %count = @{ $site->redis('HGETALL', "${PREFIX}counters") };
is_deeply [@count{qw(dead redriven dropped)}], [3, 1, 1], 'what died is redriven, dropped, or still dead';

my $breaker = 'crm360:1:{provider/smtp:smtp://mail.example.com:587:acme}:breaker';
$site->redis('HSET', $breaker, 'reason', 'no answer');
is cli('Providers'), "$breaker\nreason\nno answer\n", '  it shows one, and why';
is cli('Let a provider be called'), "1\n", '  it goes';
is $site->redis('EXISTS', $breaker), 0, '  and is gone';
my $aside = "${PREFIX}live:aside:1795475344000";
$site->redis('SET', $aside, 'x');
is cli('Set aside'), "$aside\n", '  it shows the key';
is cli('What was set aside', $aside), "string\n1\n", '  it shows its type, and drops it';
is_deeply [keys_of('aside')], [], '  it is gone';

my %seen = map { ($_ => "${PREFIX}seen:$_") } qw(abc def);
$site->redis('SET', $seen{abc}, "$again 0f 1795475344000");
$site->redis('SET', $seen{def}, "$never 0f 1795475344000");
like cli('To find the name of a message that is done', $again), qr/\A\Q$seen{abc}\E \Q$again\E .*\n\z/,
    '  it shows one line';
like cli('To see what is remembered of a delivery', 'abc'), qr/^\Q$again\E 0f/, '  it shows the delivery';
is $site->redis('EXISTS', $seen{abc}), 0, '  and forgets it';
is $site->redis('EXISTS', $seen{def}), 1, '  no other';

# ---- the system ----

like cli('Which crm360d run'), qr/^\{.*"host":.*"workers":/m, '  it shows one';
like cli('Counts'), qr/^received\n\d+$/m, '  it shows the counts';
like cli('Memory of Redis'), qr/\Aused_memory_human:.*^maxmemory_human:2.00G.*^maxmemory_policy:noeviction/ms,
    '  it shows both';
# Another folder than the one that crm360d empties.
$site->{folder} = $site->dir . '/looked-at';
mkdir $site->{folder} or die;
spew("$site->{folder}/$_.msg", '') for 'b', 'a';
spew("$site->{folder}/usage", "crm360-usage 1\n00000000000000008192\n");
is cli('In the spool'), "2\n00000000000000008192\na.msg\n", '  it shows count, bytes and the oldest';
is cli('To see what lies there'), "a.msg\nb.msg\nusage\ncrm360-usage 1\n00000000000000008192\n", '  and all of it';

# ---- the last one ----

$site->redis($_->[0], $PREFIX . $_->[1], $slow) for ['HDEL', 'claims'], ['ZREM', 'live'];
like cli('Purge one database'), qr/\A\d+\n\z/, '  it says how many keys';
is_deeply [grep { /acme\/prod/ } @{ $site->redis('KEYS', '*') }], [], '  nothing of it is left';
is $site->redis('ZCARD', $site->key('acme/test', 'live')), 1, '  another database is as it was';
$site->keep_house;
my $after = $site->push_order('done');
wait_until { is_done($after) } 5, '  what comes then is done';
%count = @{ $site->redis('HGETALL', "${PREFIX}counters") };
is_deeply [@count{qw(received done dead)}], [1, 1, undef], '  and the counters begin anew, and add up';

is_deeply [grep { !$ran{$_} } @names], [], 'each command of the page was run';
$site->done;
