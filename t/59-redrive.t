# crm360ctl dead: which dead letters its options choose, what redrive does with them, at what rate, and that
# nothing but the chosen ones is touched.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

my $DB = 'acme/prod';
my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { $DB => '', 'acme/other' => '' },
);

our @conf = ('-c', $site->conf);
my $program = build() . '/crm360ctl';

# Exit status, standard output, standard error.
sub ctl {
    my (@words) = @_;
    my @quoted = map { my $word = $_ =~ s/'/'\\''/gr; "'$word'" } $program, @conf, @words;
    my $errors = $site->dir . '/errors';

    open my $out, '-|', "@quoted 2>$errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp($errors));
}

# ---- words ----

for my $case (
    [qr/dead is followed by one of: list, show, redrive, drop/, 'dead'],
    [qr/dead is followed by one of: list, show, redrive, drop/, 'dead', 'letters'],
    [qr/wants one customer\/alias/, 'dead', 'list'],
    [qr/wants one customer\/alias/, 'dead', 'list', $DB, 'acme/other'],
    [qr/acme is no customer\/alias/, 'dead', 'list', 'acme'],
    [qr/no database acme\/none/, 'dead', 'list', 'acme/none'],
    [qr/no customer nobody/, 'dead', 'redrive', 'nobody/prod', '--all'],
    [qr/wants to be told which; --all means all/, 'dead', 'redrive', $DB],
    [qr/wants to be told which/, 'dead', 'redrive', $DB, '--dry-run', '--rate', '5'],
    [qr/--older wants a time/, 'dead', 'redrive', $DB, '--older', '2'],
    [qr/--older wants a time/, 'dead', 'redrive', $DB, '--older', '4000d'],
    [qr/--older wants a time/, 'dead', 'redrive', $DB, '--older', '99999999999999999999999s'],
    [qr/--younger wants a time/, 'dead', 'list', $DB, '--younger', '-2h'],
    [qr/--rate wants a whole number/, 'dead', 'redrive', $DB, '--all', '--rate', '0'],
    [qr/--rate wants a whole number/, 'dead', 'redrive', $DB, '--all', '--rate', '1.5'],
    [qr/--rate wants a whole number/, 'dead', 'redrive', $DB, '--all', '--rate', '10/m'],
    [qr/--lane wants live, batch or send/, 'dead', 'redrive', $DB, '--lane', 'slow'],
    [qr/--route wants a platform/, 'dead', 'redrive', $DB, '--route', 'Shopify/Order'],
    [qr/--reason wants/, 'dead', 'redrive', $DB, '--reason', ''],
    [qr/--id wants/, 'dead', 'redrive', $DB, '--id', ''],
    [qr/value is missing: --id$/m, 'dead', 'redrive', $DB, '--id'],
    [qr/wrong option: --force$/m, 'dead', 'redrive', $DB, '--force'],
    [qr/wrong option: --rate$/m, 'dead', 'list', $DB, '--rate', '5'],
    [qr/wrong option: -x$/m, 'dead', 'list', $DB, '-x'],
    [qr/takes none: --all$/m, 'dead', 'redrive', $DB, '--all=acme'],
    [qr/--older is given twice$/m, 'dead', 'drop', $DB, '--older', '30d', '--older', '1d', '--yes'],
    [qr/--all is given twice$/m, 'dead', 'drop', $DB, '--all', '--all', '--yes'],
    )
{
    my ($pattern, @words) = @$case;
    my ($status, $output, $errors) = ctl(@words);

    is $status, 2, "@words: wrong usage";
    is $output, '', '  prints nothing';
    like $errors, $pattern, '  and says what is wrong';
}
for my $verb ('list', 'redrive') {
    my ($status, $output) = ctl('dead', $verb, '--help');
    is $status, 0, "dead $verb --help";
    like $output, qr/^usage: crm360ctl dead $verb customer\/alias .*--reason TEXT .*--help/s, '  explains it';
    like $output, qr/^  --id ID \.\.\. .*^  --older TIME  /ms, '  says which option may repeat';
    is scalar($output =~ /--rate/), scalar($verb eq 'redrive'), '  has the options of this verb';
}
{
    my ($status, $output) = ctl('dead', '--help');
    is $status, 0, 'dead --help';
    like $output, qr/^usage: crm360ctl dead list .*^usage: crm360ctl dead redrive /ms, '  explains both';
}
{
    local @conf = ('-c', '/no/such/file');
    is +(ctl('dead', 'list', $DB))[0], 3, 'no configuration: exit status 3';
}
{
    my ($status, $output, $errors) = ctl('dead', 'list', $DB);
    is $status, 4, 'no Redis: exit status 4';
    like $errors, qr{crm360ctl: $DB: out of reach}, '  and says so';
}

# ---- dead letters ----

$site->start_redis;

sub now_ms {
    my ($seconds, $micro) = @{ $site->redis('TIME') };
    return $seconds * 1000 + int($micro / 1000);
}

# Makes a dead letter: route, reason of its death, how long ago (s), and more of its record.
my $made = 0;
sub bury {
    my ($route, $reason, $ago, %more) = @_;
    my $id = sprintf '01JDCW3T2XQ5M7V9K0C4%06d-%s', ++$made, $route =~ tr{/}{-}r;
    my $at = now_ms() - $ago * 1000;
    my %record = (attempts => 8, crashes => 1, expiries => 0, lane => 'live',
        errors => [{ at => $at - 5, reason => 'an earlier one' }, { at => $at, reason => $reason }], %more);

    $site->redis('ZADD', $site->key($DB, 'dead'), $at, $id);
    $site->redis('SET', $site->key($DB, "message:$id"), "the message $id");
    $site->redis('HSET', $site->key($DB, 'failures'), $id, encode_json(\%record));
    return $id;
}

sub members { return @{ $site->redis('ZRANGE', $site->key($DB, $_[0]), 0, -1) } }
sub score { return $site->redis('ZSCORE', $site->key($DB, $_[0]), $_[1]) }

my $order = bury('Shopify/Order/Insert', 'no handler for Shopify/Order/Insert', 7200);
my $customer = bury('Shopify/Customer/Insert', 'the customer has no ID', 90);
my $ticket = bury('Zendesk/Ticket/Update', "no \e[31mhandler\nat all", 86400 * 3);
my $element = bury('Shopify/Customer/Insert', 'the customer has no id', 30, lane => 'batch');
my $bare = bury('Adictiz/User/Participate', '', 10);
$site->redis('HDEL', $site->key($DB, 'failures'), $bare);

sub listed {
    my ($status, $output, $errors) = ctl('dead', 'list', $DB, @_);
    is $status, 0, "dead list @_";
    return map { [split /\t/] } split /\n/, $output;
}

my @rows = listed();
is_deeply [map { $_->[0] } @rows], [$ticket, $order, $customer, $element, $bare], '  shows all, oldest first';
is_deeply [@{ $rows[0] }[2, 3]], [8, 'no ?[31mhandler?at all'], '  attempts and reason, harmless to a terminal';
is_deeply [@{ $rows[4] }[2, 3]], [0, undef], '  also of one without a record';
$rows[1][1] =~ /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/ or fail 'the time has its form';
cmp_ok abs(timegm($6, $5, $4, $3, $2 - 1, $1) * 1000 - score('dead', $order)), '<', 1000, '  and when it died';

for my $case (
    ['--id', $customer, [$customer]],
    ['--id', $customer, '--id', $bare, [$customer, $bare]],
    ['--route', 'shopify', [$order, $customer, $element]],
    ['--route', 'shopify/customer/insert', [$customer, $element]],
    ['--reason', 'NO Handler', [$order]],
    ['--reason', 'has no id', [$customer, $element]],
    ['--reason', 'an earlier one', []],
    ['--older', '1h', [$ticket, $order]],
    ['--older', '2d', [$ticket]],
    ['--younger', '1h', [$customer, $element, $bare]],
    ['--older', '1h', '--younger', '1d', [$order]],
    ['--lane', 'batch', [$element]],
    ['--lane', 'live', [$ticket, $order, $customer, $bare]],
    ['--route', 'Shopify', '--reason', 'id', '--younger', '60s', [$element]],
    ['--route', 'Shopify', '--reason', 'id', '--lane', 'send', []],
    ['--all', [$ticket, $order, $customer, $element, $bare]],
    )
{
    my @words = @$case;
    my $want = pop @words;
    is_deeply [map { $_->[0] } listed(@words)], $want, '  chooses the right ones';
}
is +(ctl('dead', 'list', 'acme/other'))[1], '', 'another database has none';
{
    my $odd = bury('Shopify/Order/Insert', 'somebody has written its score', 0);
    $site->redis('ZADD', $site->key($DB, 'dead'), '1e17', $odd);
    is_deeply [map { $_->[0] } listed('--older', '1h')], [$ticket, $order], '  a score beyond all times is no old one';
    $site->redis($_->[0], $site->key($DB, $_->[1]), @$_[2 .. $#$_])
        for ['ZREM', 'dead', $odd], ['HDEL', 'failures', $odd], ['DEL', "message:$odd"];
}

# ---- what would happen, and what happens ----

my $before = $site->redis('DUMP', $site->key($DB, 'dead'));
my ($status, $output, $errors) = ctl('dead', 'redrive', $DB, '--route', 'Shopify', '--rate', '2/s', '--dry-run');
is $status, 0, 'redrive --dry-run';
is $output, "$order\n$customer\n$element\n$DB: 3 of 5 dead letters would be redriven, over 1 s\n",
    '  says what would happen';
is $site->redis('DUMP', $site->key($DB, 'dead')), $before, '  and nothing does';
is_deeply [members('live')], [], '  nothing waits';

my $called = now_ms();
($status, $output, $errors) = ctl('dead', 'redrive', $DB, '--id', $element, '--reason', 'has no id');
is $status, 0, 'redrive of one';
is $output, "$DB: 1 of 5 dead letters redriven\n", '  says so';
is_deeply [members('batch')], [$element], '  it waits in the lane in which it died';
cmp_ok score('batch', $element), '<=', now_ms(), '  at once';
cmp_ok score('batch', $element), '>=', $called, '  and not before';
is score('dead', $element), undef, '  it is dead no more';
is $site->redis('GET', $site->key($DB, "message:$element")), "the message $element", '  its message is there';
my $record = decode_json($site->redis('HGET', $site->key($DB, 'failures'), $element));
is $record->{attempts} + $record->{crashes}, 0, '  all its attempts are before it';
is_deeply [sort(members('dead'))], [sort $order, $customer, $ticket, $bare], '  the others stay';

($status, $output, $errors) = ctl('dead', 'redrive', $DB, '--id', $element, '--id', $customer);
is $status, 1, 'an id that is no dead letter: exit status 1';
like $errors, qr/\Q$element\E is no dead letter that the options choose/, '  it is named';
is $output, "$DB: 1 of 4 dead letters redriven\n", '  the other one is redriven';

$site->redis('DEL', $site->key($DB, "message:$order"));
($status, $output, $errors) = ctl('dead', 'redrive', $DB, '--all');
is $status, 1, 'one without a stored message: exit status 1';
like $errors, qr/\Q$order\E has no stored message and stays a dead letter/, '  it is named';
is $output, "$DB: 2 of 3 dead letters redriven; 1 without a stored message stay\n", '  and counted';
is_deeply [members('dead')], [$order], '  it stays, alone';

# ---- rate ----

$site->redis('FLUSHALL');
my @letters = map { bury('Shopify/Order/Insert', 'gone', 1000 - $_) } 1 .. 250;
# The first page waits for Redis, the next one does not: that must not come off the time between them.
$site->redis('CLIENT', 'PAUSE', 1000, 'WRITE');
$called = now_ms();
my $began = time;
($status, $output) = ctl('dead', 'redrive', $DB, '--all', '--rate', '50/s');
my $took = time - $began;
is $status, 0, 'redrive at a rate';
cmp_ok $took, '<', 3, '  ends at once' or diag $took if timing();
my @scores = map { score('live', $_) } @letters;
is_deeply [@scores], [sort { $a <=> $b } @scores], '  the oldest comes first';
my @close = grep { $scores[$_] - $scores[$_ - 1] < 19 } 1 .. $#scores;
is "@close", '', '  nowhere are two closer than the rate says';
cmp_ok $scores[-1] - $scores[0], '<', 249 * 20 + 2000, '  and not much slower than it' if timing();
cmp_ok $scores[0], '<', $called + 2000, '  the first comes at once' if timing();
my ($until) = $output =~ /^$DB: 250 of 250 dead letters redriven, the last is visible at (\S+)Z\n\z/;
ok $until, '  it says until when' or diag $output;
is $until, POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime(int($scores[-1] / 1000))), '  rightly'
    if abs($scores[-1] % 1000 - 500) < 400;

# ---- many, and two at once ----

# Rows straight into Redis, by a script: 100,000 of them one by one would take long. Some at a time: a
# machine with much to do would take Redis' five seconds for one script.
my $BURY = <<'LUA';
local from, count, prefix, at = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
for i = from, math.min(from + 4999, count) do
    local id = string.format('01JDCW3T2XQ5M7V9K0D%07d-Shopify-%s-Insert', i, i % 4 == 0 and 'Order' or 'Customer')
    redis.call('ZADD', prefix .. 'dead', at + math.floor(i / 10), id)
    redis.call('SET', prefix .. 'message:' .. id, 'x')
    redis.call('HSET', prefix .. 'failures', id, cjson.encode({attempts = i % 8, errors = {{at = at, reason = 'no'}}}))
end
LUA

sub bury_many {
    my ($count) = @_;
    my $at = now_ms() - 3_600_000;
    $site->redis('FLUSHALL');
    for (my $from = 1; $from <= $count; $from += 5000) {
        $site->redis('EVAL', $BURY, 0, $from, $count, $site->key($DB, ''), $at);
    }
    return;
}

my $many = timing() ? 100_000 : 10_000;
bury_many($many);
$site->redis('CONFIG', 'RESETSTAT');
$began = time;
{
    # As much memory as a command may need that has one page of them at a time.
    my $limit = timing() ? 'ulimit -v 150000;' : '';
    my $text = `$limit '$program' -c '@{[$site->conf]}' dead redrive $DB --route Shopify/Order/Insert 2>&1`;
    is $?, 0, "redrive of a quarter of $many";
    is $text, "$DB: @{[$many / 4]} of $many dead letters redriven\n", '  all of them';
}
diag sprintf '%d looked at, a quarter redriven, in %.1f s', $many, time - $began;
is $site->redis('ZCARD', $site->key($DB, 'live')), $many / 4, '  they wait';
is $site->redis('ZCARD', $site->key($DB, 'dead')), $many * 3 / 4, '  the others are dead';
is +(grep { !/-Order-/ } members('live')), 0, '  not one of the others was taken';
my ($calls) = $site->redis('INFO', 'commandstats') =~ /^cmdstat_evalsha:calls=(\d+)/m;
cmp_ok $calls, '>=', $many / 100, '  in small bites';

# A rate that is kept over all of them: Redis holds the rest, the command ends as soon as it can.
bury_many($many);
$began = time;
($status, $output) = ctl('dead', 'redrive', $DB, '--all', '--rate', '1000');
is $status, 0, "redrive of all $many, 1000 a second";
diag sprintf '%d redriven at a rate in %.1f s', $many, time - $began;
{
    my %pairs = @{ $site->redis('ZRANGE', $site->key($DB, 'live'), 0, -1, 'WITHSCORES') };
    my @visible = sort { $a <=> $b } values %pairs;
    my %second;

    $second{ int(($_ - $visible[0]) / 1000) }++ for @visible;
    my $whole = int(($visible[-1] - $visible[0]) / 1000); # the last one is not whole
    my @wrong = grep { ($second{$_} // 0) < 900 || $second{$_} > 1100 } 0 .. $whole - 1;
    is scalar(@visible), $many, '  all wait';
    is join(' ', map { "$_: " . ($second{$_} // 0) } @wrong), '', '  each second has its 1000, within 10 %';
    cmp_ok abs($visible[-1] - $visible[0] - $many), '<', $many / 10, '  and so have all of them together';
}

# Several commands at once, one for each argument; what they print together.
sub at_once {
    my @pids;
    my $file = $site->dir . '/both';

    for my $i (0 .. $#_) {
        my $pid = fork // die $!;
        exec "'$program' -c '@{[$site->conf]}' dead redrive $DB $_[$i] >$file$i 2>&1" or die $!
            unless $pid;
        push @pids, $pid;
    }
    is_deeply [map { waitpid $_, 0; $? } @pids], [map { 0 } @pids], @pids . ' at once succeed';
    return join '', map { slurp("$file$_") } 0 .. $#_;
}

bury_many(5000);
$output = at_once(('--all') x 3);
my $sum = 0;
$sum += $_ for $output =~ /: (\d+) of \d+ dead letters redriven/g;
is $sum, 5000, '  each dead letter was redriven by one of them';
is $site->redis('ZCARD', $site->key($DB, 'live')), 5000, '  all wait';
is $site->redis('HGET', $site->key($DB, 'counters'), 'redriven'), 5000, '  and are counted once';

# Each leaves what the other takes away from before it.
bury_many(20_000);
at_once('--route Shopify/Order/Insert', '--route Shopify/Customer/Insert');
is_deeply [members('dead')], [], '  two that share them between them pass nothing over';

# ---- beside a daemon ----

$site->redis('FLUSHALL');
$site->migrate;
$site->expect_log(qr/CRM0311/);
$site->start_consumer;
my @again = map { $site->push_order('reject') } 1 .. 330;
wait_until { $site->redis('ZCARD', $site->key($DB, 'dead')) == 330 } 10, '330 dead letters';
($status, $output) = ctl('dead', 'redrive', $DB, '--all');
is $output, "$DB: 330 of 330 dead letters redriven\n", 'what dies again meanwhile is not redriven in a circle';
wait_until { $site->redis('ZCARD', $site->key($DB, 'dead')) == 330 } 10, 'they died again';
is $site->redis('HGET', $site->key($DB, 'counters'), 'dead'), 660, 'each once';
my $mend = $site->key($DB, "message:$again[7]");
$site->redis('SET', $mend, $site->redis('GET', $mend) =~ s/6(\r\n\r\n)reject\z/4$1done/r);
($status, $output) = ctl('dead', 'redrive', $DB, '--id', $again[7]);
wait_until { !$site->redis('EXISTS', $mend) } 5, 'what was mended is done';
is $site->redis('ZCARD', $site->key($DB, 'dead')), 329, 'and no dead letter any more';
$site->done;
