# crm360ctl status, queues, list, show: what an operator sees, as a table on a terminal, as lines in a pipe and
# as JSON; ids are found in whichever database they are; nothing of a message reaches the terminal unchecked; and
# with a million waiting they answer at once.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ctl;
use Crm360::Redis;
use Crm360::Spool;
use Crm360::Test;
use IO::Select;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my ($DB, $OTHER) = ('acme/prod', 'acme/other');
my $site = Crm360::Test->new(databases => { $DB => '', $OTHER => '' });
Crm360::Spool::make($site, '64M');
my $ctl = Crm360::Ctl->new($site);
my $spool = $site->{spool};
my @VERBS = ('status', 'queues', 'list', 'show', 'now', 'pause', 'resume', 'dead list', 'dead show', 'dead redrive',
    'dead drop');

# ---- words ----

for my $verb (@VERBS) {
    my ($status, $text) = do {
        my $out = `@{[$ctl->program]} -c /no/such/file $verb --help 2>&1`;
        ($? >> 8, $out);
    };
    is $status, 0, "$verb --help wants no configuration";
    like $text, qr/\Ausage: crm360ctl $verb .*^  --json .*^Examples:\n\n(?:  .*crm360ctl $verb .*\n)+\z/ms,
        '  says how it is used, and has examples';
}
for my $case (
    [qr/wants one customer\/alias/, 'list'],
    [qr/wants one customer\/alias/, 'list', $DB, $OTHER],
    [qr/acme is no customer\/alias/, 'list', 'acme'],
    [qr/no database acme\/none/, 'queues', 'acme/none'],
    [qr/--state wants due, waiting, leased or paused; crm360ctl dead list/, 'list', $DB, '--state', 'dead'],
    [qr/--lane wants live, batch or send/, 'list', $DB, '--lane', 'x'],
    [qr/--route wants a platform/, 'list', $DB, '--route', 'x'],
    [qr/--limit wants a whole number, 1 or more/, 'list', $DB, '--limit', '0'],
    [qr/--older-than wants a time/, 'list', $DB, '--older-than', '5'],
    [qr/--older-than is about those that are due or paused/, 'list', $DB, '--older-than', '5s', '--state', 'leased'],
    [qr/wants one message id/, 'show'],
    [qr/wants one message id/, 'show', 'A', 'B'],
    [qr/value that takes none: --json/, 'status', '--json=x'],
    )
{
    my ($pattern, @words) = @$case;
    my ($status, $output, $errors) = $ctl->run(@words);
    is "$status $output", '2 ', "@words: wrong usage";
    like $errors, $pattern, '  says what is wrong';
}

# ---- without Redis ----

{
    my ($status, $output, $errors) = $ctl->run('status', '--json');
    is $status, 4, 'status without Redis: exit status 4';
    my $shown = decode_json($output);
    is_deeply $shown->{redis}, { server => 'unix:' . $site->redis_socket, up => JSON::PP::false },
        '  says that it is away';
    is $shown->{spool}{folder}, $spool, '  and shows the spool all the same';
    is +($ctl->run(@$_))[0], 4, "$$_[0] without Redis: exit status 4"
        for ['queues'], ['list', $DB], ['show', 'x'];
}

# ---- messages in all states ----

$site->start_redis;
my $due = $ctl->wait_for('Shopify/Order/Insert', in => -3600, attempts => 3, reason => "no \e[31mhandler\n");
my $fresh = $ctl->wait_for('Zendesk/Ticket/Update', in => -2);
my $waiting = $ctl->wait_for('Shopify/Customer/Insert', in => 7200);
my $leased = $ctl->wait_for('Shopify/Order/Insert', in => 3600, worker => 'host/1.2/3');
my $batch = $ctl->wait_for('Shopify/Order/Insert', lane => 'batch', in => -1200);
my $parked = $ctl->wait_for('Tabology/Member/Insert', in => 100_000_000_000 - 1800);
my $elsewhere = $ctl->wait_for('Shopify/Order/Insert', database => $OTHER, in => 3600);
my $dead = $ctl->bury('Shopify/Order/Insert', ago => 90, attempts => 8, reason => 'timed out');
$site->redis('SADD', $site->key($DB, 'paused'), 'Tabology');

my $beat = sub { encode_json({ host => 'h', pid => 7, version => '0.1.0', at => $_[0], started => $_[0] - 60_000,
    workers => { live => 3, batch => 1, send => 2 }, busy => 2, messages => 12345 }) };
$site->redis('HSET', 'crm360:1:consumers', 'host/1', $beat->($ctl->now_ms), 'host/2', $beat->($ctl->now_ms - 60_000),
    'host/3', 'no JSON');
{
    my ($shown) = $ctl->json('status');
    my %database = map { $_->{database} => $_ } @{ $shown->{databases} };
    my %consumer = map { $_->{name} => $_ } @{ $shown->{consumers} };

    is_deeply [@{ $database{$DB} }{qw(waiting due leased paused dead pausedNames)}], [1, 3, 1, 1, 1, 'Tabology'],
        'status: what is in which state';
    is_deeply [@{ $database{$OTHER} }{qw(waiting due leased paused dead oldestDueAt)}], [1, 0, 0, 0, 0, undef],
        '  in each database';
    like $database{$DB}{oldestDueAt}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, '  and since when the oldest is due';
    is_deeply [map { $consumer{$_}{state} } 'host/1', 'host/2', 'host/3'], ['runs', 'silent', undef],
        '  which crm360d runs, is silent, cannot be read';
    is_deeply [@{ $consumer{'host/1'} }{qw(workers busy messages)}], [6, 2, 12345], '  and what it does';
    is $shown->{redis}{up}, JSON::PP::true, '  Redis answers';
    is_deeply [@{ $shown->{spool} }{qw(spooled limitBytes)}], [0, 64 << 20], '  what lies in the spool';
    ($shown) = $ctl->json('status', $OTHER);
    is_deeply [map { $_->{database} } @{ $shown->{databases} }], [$OTHER], 'status of one database';
}
{
    my %lane = map { ("$_->{database} $_->{lane}" => $_) } $ctl->json('queues');
    is_deeply [@{ $lane{"$DB live"} }{qw(waiting due leased paused)}], [1, 2, 1, 1], 'queues: each lane';
    is_deeply [@{ $lane{"$DB batch"} }{qw(waiting due leased paused)}], [0, 1, 0, 0], '  by itself';
    is scalar(keys %lane), 6, '  of all databases';
    my ($status, $output) = $ctl->run('queues', $OTHER);
    is +(split /\n/, $output)[0] =~ s/\t\S+$/\tNEXT/r, "$OTHER\tlive\t1\t0\t0\t0\t\tNEXT", '  in lines';
    is_deeply [map { [@$_{qw(database worker messages)}] } $ctl->json('queues', '--holders')],
        [[$DB, 'host/1.2/3', 1]], '  who holds what';
}

# ---- list ----

for my $case (
    [[], [$due, $fresh, $leased, $waiting, $parked, $batch]],
    [['--lane', 'batch'], [$batch]],
    [['--route', 'shopify'], [$due, $leased, $waiting, $batch]],
    [['--route', 'Shopify/Order/Insert', '--lane', 'live'], [$due, $leased]],
    [['--due'], [$due, $fresh, $batch]],
    [['--state', 'waiting'], [$waiting]],
    [['--state', 'leased'], [$leased]],
    [['--state', 'leased', '--route', 'Zendesk'], []],
    [['--state', 'paused'], [$parked]],
    [['--older-than', '45m'], [$due]],
    [['--older-than', '15m'], [$due, $parked, $batch]],
    [['--older-than', '15m', '--due'], [$due, $batch]],
    [['--limit', '2'], [$due, $fresh]],
    [['--limit', '4', '--route', 'Shopify'], [$due, $leased, $waiting, $batch]],
    )
{
    my ($words, $want) = @$case;
    is_deeply [map { $_->{id} } $ctl->json('list', $DB, @$words)], $want, "list @$words";
}
{
    my %by_id = map { $_->{id} => $_ } $ctl->json('list', $DB);
    is_deeply [@{ $by_id{$leased} }{qw(lane state attempts worker)}], ['live', 'leased', 0, 'host/1.2/3'],
        'who holds it';
    is_deeply [@{ $by_id{$due} }{qw(lane state attempts worker)}], ['live', 'due', 3, undef], 'how often it has failed';
    my ($status, $output, $errors) = $ctl->run('list', $DB, '--due', '--limit', '1');
    like $output, qr/\A\Q$due\E\tlive\tdue\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\t3\t\n\z/,
        'fields are separated by tabs, no heading';
    is $errors, "$DB: 1 messages\n", 'how many is no part of the list';
    $site->redis('SADD', $site->key($DB, 'paused'), 'live');
    is_deeply [map { $_->{id} } $ctl->json('list', $DB, '--state', 'paused')], [$due, $fresh, $parked], 'a paused lane';
    is_deeply [map { $_->{id} } $ctl->json('list', $DB, '--due')], [$batch], '  has nothing that is due';
    $site->redis('SREM', $site->key($DB, 'paused'), 'live');
}

# ---- show ----

sub stored { return $site->redis('GET', $site->key($_[0], "message:$_[1]")) }
{
    my ($shown) = $ctl->json('show', $elsewhere);
    is_deeply [@$shown{qw(id database lane state worker)}], [$elsewhere, $OTHER, 'live', 'waiting', undef],
        'show finds the database by itself';
    is_deeply [@{ $shown->{request} }{qw(method route sourceId body)}],
        ['POST', 'Shopify/Order/Insert', 12, '{"id":1}'], '  and has the request';
    ($shown) = $ctl->json('show', $leased);
    is_deeply [@$shown{qw(state worker)}], ['leased', 'host/1.2/3'], 'who holds it';
    ok $shown->{leaseUntil} && !$shown->{visibleAt}, '  until when';
    ($shown) = $ctl->json('show', $dead);
    is_deeply [@$shown{qw(state attempts lastError)}], ['dead', 8, 'timed out'], 'what it died of';
    is_deeply [map { $_->{reason} } @{ $shown->{events} }], ['an earlier one', 'timed out'], '  and its history';
    is_deeply [$ctl->json('dead', 'show', $dead)], [$shown], 'dead show shows the same';
    is +($ctl->run('show', $DB, $due, '--raw'))[1], stored($DB, $due), '--raw gives the stored bytes';
}
for my $case (
    ['no/such', 2, qr/no customer no/, 'show', 'no/such', $dead],
    ['an id that is nowhere', 1, qr/\Anot-there is no message in Redis: it is done, dropped, or was never there;/m,
        'show', 'not-there'],
    ['  in the database that is named', 1, qr/\Q$dead\E is no message in Redis of $OTHER/, 'show', $OTHER, $dead],
    ['a dead letter that is none', 1, qr/\Q$waiting\E is no dead letter, but waiting/, 'dead', 'show', $waiting],
    ['an id that would write on the terminal', 1, qr/\Ax\?\[31my is no message/, 'show', "x\e[31my"],
    )
{
    my ($name, $want, $pattern, @words) = @$case;
    my ($status, $output, $errors) = $ctl->run(@words);
    is "$status $output", "$want ", "$name: exit status $want";
    like $errors =~ s/^crm360ctl: //r, $pattern, '  and says so';
}
$site->redis('SET', $site->key($OTHER, "message:$dead"), stored($DB, $dead));
like +($ctl->run('show', $dead))[2], qr{\Q$dead\E is in (?:$DB and $OTHER|$OTHER and $DB): say which is meant},
    'an id in two databases';
is +($ctl->run('show', $DB, $dead))[0], 0, '  one of them is named';
$site->redis('DEL', $site->key($OTHER, "message:$dead"));

my $odd = $ctl->wait_for('Shopify/Order/Insert',
    body => qq({"a":"\e[2J","b":"\x{c2}\x{9b}1A \x{e2}\x{80}\x{ae}x \x{c3}\x{a9} \xff"}));
{
    my ($status, $output) = $ctl->run('show', $odd);
    like $output, qr/"a":"\?\[2J","b":"\?1A \?x \x{c3}\x{a9} \x{ef}\x{bf}\x{bd}"/, 'nothing in a body moves the cursor';
    is +($ctl->run('show', $odd, '--raw'))[1], stored($DB, $odd), '  --raw changes nothing';
    ($status, $output) = $ctl->run('show', $odd, '--json');
    unlike $output, qr/[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xae/, '  nor in one as JSON';
    is decode_json($output)->{request}{body}, qq({"a":"\e[2J","b":"\x{9b}1A \x{202e}x \x{e9} \x{fffd}"}),
        '  which is the same to a program';
    ($status, $output) = $ctl->run('show', $due);
    like $output, qr/^lastError\tno \?\[31mhandler\?$/m, '  nor in a reason';
    my $none = $ctl->wait_for('Shopify/Order/Insert');
    $site->redis('DEL', $site->key($DB, "message:$none"));
    ($status, $output, my $errors) = $ctl->run('show', $none);
    is $status, 1, 'a stored message that is missing: exit status 1';
    like $errors, qr/the stored message of \Q$none\E is missing/, '  it is said';
    $site->redis('SET', $site->key($DB, "message:$none"), "no request\n");
    ($status, $output) = $ctl->run('show', $none);
    like $output, qr/^fault\t.+^no request$/ms, 'what is stored and no request is shown as it is';
    $site->redis('ZREM', $site->key($DB, 'live'), $none, $odd);
}

# ---- one that goes while it is read ----

# Runs the command with a Redis behind a program that removes the message before it passes on question number `turn`
# for a part of it.
sub run_as_it_goes {
    my ($turn, $id, @words) = @_;
    my $dir = $site->dir;
    my $listen = IO::Socket::UNIX->new(Local => "$dir/between.sock", Listen => 1) or die $!;
    my $pid = fork // die $!;

    if (!$pid) {
        delete @$site{qw(client http)};
        my $parts = 0;
        my $redis = Crm360::Redis->connect($site->redis_socket);
        my $here = $listen->accept or POSIX::_exit(1);
        my $there = IO::Socket::UNIX->new(Peer => $site->redis_socket) or POSIX::_exit(1);
        my $both = IO::Select->new($here, $there);
        while (my @ready = $both->can_read) {
            for my $from (@ready) {
                sysread $from, my $bytes, 65536 or POSIX::_exit(0);
                $redis->command('DEL', $site->key($DB, "message:$id"))
                    if $from == $here && $bytes =~ /GETRANGE/i && ++$parts == $turn;
                my $to = $from == $here ? $there : $here;
                while (length $bytes) {
                    my $sent = syswrite $to, $bytes or POSIX::_exit(0);
                    substr $bytes, 0, $sent, '';
                }
            }
        }
    }
    spew("$dir/between.conf", slurp($site->conf) =~ s/\Q@{[$site->redis_socket]}\E/$dir\/between.sock/r);
    chmod 0600, "$dir/between.conf";
    my $text = `@{[$ctl->program]} -c $dir/between.conf show $id @words 2>$dir/errors`;
    my $status = $? >> 8;
    close $listen;
    unlink "$dir/between.sock";
    kill TERM => $pid;
    waitpid $pid, 0;
    return ($status, $text, slurp("$dir/errors"));
}
for my $case (['--raw'], [], ['--json']) {
    my $large = $ctl->wait_for('Shopify/Order/Insert', body => 'x' x 600_000);
    my ($status, $text, $errors) = run_as_it_goes(2, $large, @$case);
    is $status, 1, "a large message that goes while it is read: show @$case";
    like $errors, qr/^crm360ctl: $DB: \Q$large\E became shorter while it was read/, '  says that this is not all'
        if @$case && $$case[0] eq '--raw';
    is $errors, "crm360ctl: $DB: the stored message of $large is missing\n", '  says that it is missing'
        if !@$case || $$case[0] ne '--raw';
    $site->redis('ZREM', $site->key($DB, 'live'), $large);
}

# ---- on a terminal ----

{
    my ($status, $screen) = $ctl->on_terminal(120, 'list', $DB, '--lane', 'live');
    my @lines = split /\n/, $screen;
    is $status, 0, 'list on a terminal';
    like $lines[0], qr/\A\e\[1mID +LANE +STATE +VISIBLE +ATTEMPTS +WORKER\e\[0m\z/, '  has a heading';
    like $lines[1], qr/\A\Q$due\E +live +due +(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d, 60m ago +3\z/,
        '  and local times with their age';
    my $end = length($lines[0] =~ s/\e\[\d+m//gr =~ s/ATTEMPTS\K.*//r);
    is_deeply [map { substr $_, $end - 2, 2 } @lines[1 .. 4]], [' 3', ' 0', ' 0', ' 0'], '  numbers stand right';

    ($status, $screen) = $ctl->on_terminal(70, 'list', $DB);
    unlike $screen, qr/ATTEMPTS|VISIBLE/, 'on a narrow one columns are left out';
    is_deeply [grep { length > 70 } split /\n/, $screen =~ s/\e\[\d+m//gr], [], '  no line is longer';
    ($status, $screen) = $ctl->on_terminal(100, 'dead', 'list', $DB);
    like $screen, qr/^\Q$dead\E .* timed out$/m, 'dead list';
    local $ENV{NO_COLOR} = '1';
    unlike +($ctl->on_terminal(100, 'queues'))[1], qr/\e/, 'NO_COLOR is heeded';
}
{
    my $long = $ctl->wait_for('Shopify/Order/Insert', body => encode_json({ lines => [1 .. 500] }), in => 3600);
    my ($status, $screen) = $ctl->on_terminal(80, 'show', $long);
    like $screen, qr/^\{\n  "lines": \[\n    1,\n    2,\n/m, 'a JSON body is laid out';
    like $screen, qr/^\.\.\. .* in all; --full shows it/m, '  and cut';
    unlike $screen, qr/^    500$/m, '  where a screen is full';
    ($status, $screen) = $ctl->on_terminal(80, 'show', $long, '--full');
    like $screen, qr/^    500$/m, '--full shows all of it';
    like +($ctl->run('show', $long))[1], qr/,499,500\]/, 'in a pipe nothing is cut or laid out';
}

# ---- where the output goes ----

# Runs a list whose output goes somewhere; exit status and errors.
sub list_into {
    my ($where) = @_;
    my $line = 'env --default-signal=PIPE ' . $ctl->line('list', $DB) . ' 2>' . $site->dir . '/errors';

    system 'bash', '-c', "set -o pipefail; $line $where >/dev/null";
    return ($? >> 8, slurp($site->dir . '/errors'));
}
{
    my ($status, $errors) = list_into('>/dev/full | cat');
    is $status, 1, 'a disk that is full: exit status 1';
    like $errors, qr/^crm360ctl: standard output: No space left/m, '  and says so';
}

# ---- many ----

my $FILL = <<'LUA';
local from, key, at, by = tonumber(ARGV[1]), KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for i = from, from + 9999 do
    redis.call('ZADD', key, at + i * by, string.format('01JDCW3T2XQ5M7V9K0D%07d-Shopify-%s-Insert', i,
        i % 4 == 0 and 'Order' or 'Customer'))
end
LUA
my $many = timing() ? 1_000_000 : 20_000;
$site->redis('FLUSHALL');
my $last = $ctl->wait_for('Zendesk/Ticket/Update', in => 10 * 86400);
my $now = $ctl->now_ms;
for (my $i = 0; $i < $many; $i += 10_000) {
    $site->redis('EVAL', $FILL, 1, $site->key($DB, 'live'), $i, $now - 3_000_000, 6);
    $site->redis('EVAL', $FILL, 1, $site->key($DB, 'dead'), $i, $now - 9_000_000, 6) if $i < 100_000;
}
for my $case (
    ['status'], ['queues'], ['show', $last], ['list', $DB, '--limit', '20'],
    ['list', $DB, '--state', 'waiting', '--limit', '20'],
    ['list', $DB, '--state', 'leased'], ['list', $DB, '--state', 'paused'], ['dead', 'list', $DB, '--older', '30d'],
    )
{
    my $began = time;
    my ($status) = $ctl->run(@$case);
    my $took = time - $began;
    is $status, 0, "@$case with $many waiting";
    cmp_ok $took, '<', $$case[0] eq 'dead' ? 5 : 1, sprintf '  in %.2f s', $took if timing();
}
is_deeply [list_into('| head -n 1')], [0, ''], 'a reader that goes is no failure, and the list ends';
{
    my $began = time;
    # As much memory as a command may need that has some pages of them at a time.
    my $limit = timing() ? 'ulimit -v 150000;' : '';
    my $count = `$limit @{[$ctl->line('list', $DB, '--route', 'Shopify/Order/Insert')]} 2>/dev/null | wc -l`;
    is $count + 0, $many / 4, 'a quarter of all listed, in little memory';
    diag sprintf '%d looked at in %.1f s', $many, time - $began;
}

# ---- a key of another type ----

{
    $site->redis('SET', $site->key($OTHER, 'batch'), 'a key of another type');
    my ($shown) = $ctl->json('status', $OTHER);
    is_deeply [@{ $shown->{databases}[0] }{qw(waiting due leased paused)}], [-1, -1, -1, -1],
        'status: what cannot be counted is -1, and not left out of a sum';
    $site->redis('DEL', $site->key($OTHER, 'batch'));
}
$site->done;
