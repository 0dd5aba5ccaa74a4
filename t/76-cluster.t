# Redis Cluster: three databases, each on another node. Webhooks to each are stored where their slot is and done; large
# ones, too, which are written in parts; a push wakes crm360d whichever node it went to; crm360ctl, the status page and
# the metrics see all of them as one.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Cluster;
use Crm360::Ctl;
use Crm360::Ledger;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my @DATABASES = map { Crm360::Cluster::database($_) } 1 .. 3;
my $set = Crm360::Cluster->new;
my $site = Crm360::Ledger::site($set, databases => { map { $_ => '' } @DATABASES });
my $ctl = Crm360::Ctl->new($site);
$site->expect_log(qr/CRM0311: .*told to reject/);
Crm360::Ledger::start_site($site);

my $serial = 0;
sub hook {
    my ($database, %o) = @_;
    my $order = $o{order} || 'effect';
    my $path = $site->url('Adictiz/User/Participate', -database => $database, SourceId => 1,
        $o{delay} ? (secondsOfInvisibility => $o{delay}) : ());

    $path =~ s{^\Q$Crm360::Test::MOUNT\E}{/safe} if $o{safe};
    return $site->post($path, "$order " . ++$serial . ' 0 ' . 'x' x ($o{bytes} || 0));
}

# The same in one piece: in two, the second would wait for the kernel to confirm the first.
sub hook_at_once {
    my ($database) = @_;
    my $path = $site->url('Adictiz/User/Participate', -database => $database, SourceId => 1);
    my $order = 'effect ' . ++$serial;
    return $site->raw(join "\r\n", "POST $path HTTP/1.1", 'Host: x', 'Connection: close',
        'Content-Length: ' . length $order, '', $order);
}
sub effects { return $site->value($_[0], 'select count(*) from Effects') }
sub shown { my ($status, $text, $errors) = $ctl->run(@_); return $text . $errors }

is join(' ', map { $set->owner($site->key($_, 'live')) } @DATABASES), 'n1 n2 n3', 'each database is on another node';

# ---- stored and done ----

for my $database (@DATABASES) {
    my $answer = hook($database);
    is "$answer->{status} $answer->{json}{Durability}", '200 memory', "$database: a webhook";
    $answer = hook($database, safe => 1);
    is "$answer->{status} $answer->{json}{Durability}", '200 replica', '  one of which a replica has a copy';
    for my $bytes (300_000, 2_000_000) {
        is hook($database, bytes => $bytes)->{status}, 200, "  one of $bytes bytes, written in parts";
    }
    my $waiting = hook($database, delay => 3000)->{json};
    is $set->ask($set->owner($site->key($database, '')), 'EXISTS',
        $site->key($database, "message:$waiting->{MessageId}")), 1, '  one that waits lies on the node of its slot';
    wait_until { effects($database) == 4 } 20, '  all but that are done';
    $answer = hook($database, bytes => 10);
    my $again = $site->post($site->url('Adictiz/User/Participate', -database => $database, SourceId => 1),
        "effect $serial 0 xxxxxxxxxx");
    is_deeply [@{ $again->{json} }{qw(MessageId Duplicate)}], [$answer->{json}{MessageId}, JSON::PP::true],
        '  one that comes again is recognised';
    wait_until { effects($database) == 5 } 20, '  and done once';
}

# ---- wake-ups ----

# The channel is one for the whole cluster. (The look at the clock that follows a missed one takes seconds.)
{
    my %late;
    for my $round (1 .. 20) {
        for my $database (@DATABASES) {
            sleep 0.02 + rand 0.03;
            my $asked = time;
            hook_at_once($database);
            my $number = $serial;
            my $ran = $site->{redis_set}->wait_for('effect', sub {
                $site->value($database, "select RanAt from Effects where Serial = '$number'")
            });
            push @{ $late{$database} }, $ran + 0.5 - 1000 * $asked;
        }
    }
    for my $database (@DATABASES) {
        my @sorted = sort { $a <=> $b } @{ $late{$database} };
        diag sprintf '%s: from the request to the start %.1f ms (median), %.1f ms (most)', $database,
            $sorted[@sorted / 2], $sorted[-1];
        cmp_ok $sorted[@sorted / 2], '<', 100, "$database: a push wakes crm360d" if timing();
    }
}

# ---- crm360ctl ----

is +($ctl->run('status'))[0], 0, 'crm360ctl status: all is well' or diag shown('status');
is +($ctl->run('check'))[0], 0, 'crm360ctl check: all is well' or diag shown('check');
{
    my ($status, $text) = $ctl->run('check');
    is scalar(() = $text =~ /^ok\tredis role\t\S+\tis no replica, and has 1 replica$/mg), 3, '  each master has a replica'
        or diag $text;
    # The heartbeats are on n1.
    local $site->{databases} = { $DATABASES[2] => '' };
    $site->write_conf;
    ($status, $text) = $ctl->run('check');
    like $text, qr/^ok\trights\t/m, '  rights are asked for on the nodes that have the keys' or diag $text;
    is $status, 0, '  all is well';
}
$site->write_conf;
my ($overview) = $ctl->json('status');
is_deeply { map { ($_->{database} => $_->{waiting}) } @{ $overview->{databases} } }, { map { ($_ => 1) } @DATABASES },
    'crm360ctl status sees the databases of all nodes';
is scalar @{ $overview->{consumers} }, 1, '  and the heartbeat of crm360d';
my %dead;
for my $database (@DATABASES) {
    my ($waiting, @more) = $ctl->json('list', $database);
    is scalar(@more), 0, "crm360ctl list $database: the one that waits";
    my ($shown) = $ctl->json('show', $waiting->{id});
    is $shown->{database}, $database, '  crm360ctl show finds it by its id alone';
    is +($ctl->run('now', $waiting->{id}))[0], 0, '  crm360ctl now hurries it';
    wait_until { $site->redis('ZCARD', $site->key($database, 'live')) == 0 } 10, '  which is done then';
    $dead{$database} = hook($database, order => 'reject')->{json}{MessageId};
    wait_until { defined $site->redis('ZSCORE', $site->key($database, 'dead'), $dead{$database}) } 10,
        '  one that fails is a dead letter';
    is_deeply [map { $_->{id} } $ctl->json('dead', 'list', $database)], [$dead{$database}], '  crm360ctl dead list';
    like shown('dead', 'show', $dead{$database}), qr/told to reject/, '  crm360ctl dead show';
    is +($ctl->run('dead', 'redrive', $database, '--all'))[0], 0, '  crm360ctl dead redrive' or diag shown('status');
    wait_until { $site->redis('HGET', $site->key($database, 'counters'), 'redriven') == 1
        && $site->redis('ZCARD', $site->key($database, 'dead')) == 1 } 10, '  it fails again';
    is +($ctl->run('pause', $database, 'live'))[0], 0, '  crm360ctl pause';
    my $before = effects($database);
    hook($database);
    is_deeply $site->redis('SMEMBERS', $site->key($database, 'paused')), ['live'], '  it is paused';
    is +($ctl->run('resume', $database, 'live'))[0], 0, '  crm360ctl resume';
    wait_until { effects($database) == $before + 1 } 10, '  and goes on';
}

# ---- the status page and the metrics ----

my $json = $site->get('/status?format=json')->{json};
is_deeply { map { ("$_->{customer}/$_->{database}" => 1) } @{ $json->{databases} } }, { map { ($_ => 1) } @DATABASES },
    'the status page has the databases of all nodes' or diag explain $json;
my $metrics = $site->get('/status?format=prometheus')->{content};
is $metrics =~ /^crm360_redis_up (\d)/m ? $1 : 'missing', 1, 'metrics: Redis is up';
for my $database (@DATABASES) {
    is $metrics =~ /^crm360_messages\{database="\Q$database\E",state="dead"\} (\d+)/m ? $1 : 'missing', 1,
        "metrics: the dead letter of $database";
}
is $metrics =~ /^crm360_consumers (\d+)/m ? $1 : 'missing', 1, 'metrics: a crm360d runs';
is $site->get('/status')->{status}, 200, 'the page for people';

# ---- crm360ctl check while a slot is being moved, and with a password that nodes refuse ----

$site->stop_httpd;
$site->stop_consumer;
{
    my ($status, $text);
    my $slot = Crm360::Cluster::slot($site->key($DATABASES[0], 'dead'));

    $set->move_slot($slot, 'n3', half => sub { ($status, $text) = $ctl->run('check') });
    like $text, qr/^warn\tscripts\t\S+\ta slot is being moved to another node, .*: TRYAGAIN /m, 'a slot is being moved'
        or diag $text;
    ($status, $text) = $ctl->run('check');
    like $text, qr/^ok\tscripts\t/m, 'it is there' or diag $text;
    spew($site->dir . '/redis.password', "wrong\n");
    chmod 0600, $site->dir . '/redis.password';
    local $site->{settings} = $site->{settings} . "Crm360RedisPasswordFile " . $site->dir . "/redis.password\n";
    $site->write_conf;
    ($status, $text) = $ctl->run('check');
    is $status, 1, 'a password that nodes refuse: exit status 1';
    is scalar(() = $text =~ /^FAIL\tcluster node\t\S+\tERR AUTH/mgi), 6, '  each says so' or diag $text;
    like $text, qr/^FAIL\tredis\tcluster\S+\tnobody tells where Redis is: \S+ ERR AUTH/mi, '  and that is why';
}
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
