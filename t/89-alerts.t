# Each alert of conf/prometheus/crm360.rules.yml fires in a real Prometheus when its fault is there, and none does while
# all is well. The faults are made on one site; what an alert waits for, and the windows of rates, are seconds here.
# Plain builds only: it is about files that are no program.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Prometheus;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $ADICTIZ = 'Adictiz/User/Participate';
my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    appendonly => 1,
    databases => {
        'acme/prod' => "Crm360Rate Zendesk 1/h\n",
        'acme/full' => "Crm360WaitingMost 2\nCrm360WaitingBytes 1M\n",
        'acme/late' => '',
        'acme/dead' => '',
        'acme/slow' => '',
        'acme/shut' => "Crm360Origin * networks 192.0.2.1\n",
    },
    settings => <<'END',
Crm360ConnectTimeout 1s
Crm360CommandTimeout 2s
Crm360HandlerTimeout 30s
Crm360Lease 60s
Crm360RetrySchedule 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 100ms 1h
END
    server => "<Location /crm360-status>\n    SetHandler crm360-status\n</Location>\n",
);
Crm360::Spool::make($site, '64K');
$site->start;
# What takes longest is begun first: in a lane without others, so that it is the slowest hundredth there, and in a
# database without others, whom it would hold up.
$site->push_order('sleep 10500', lane => 'batch', database => 'acme/slow');
# Redis and databases away, limits, retries, dead letters: all of that is done on purpose.
$site->expect_log(qr/CRM0(?:101|102|220|221|310|311|312|313|330)/);
my $prometheus = Crm360::Prometheus->start($site, '/crm360-status');
my %left = map { ($_->{alert} => 1) } Crm360::Prometheus::alerts();

# One webhook of a database; its status.
my $serial = 0;
sub send_one {
    my ($database, $body, $route) = @_;
    return $site->post($site->url($route || $ADICTIZ, SourceId => 1, -database => $database, n => ++$serial),
        $body)->{status};
}

# What makes an alert fire that asks for a rate: it has to see a counter rise. All of them are done twice a second until
# they have fired.
my (%provoke, $provoked);
sub provoke {
    return if $provoked && time < $provoked + 0.5;
    $_->() for @provoke{ sort keys %provoke };
    $provoked = time;
    return;
}

# One assertion: the alert fires, and its texts have their values.
sub fires {
    my ($name) = @_;

    delete $left{$name};
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $alert = wait_until {
        provoke();
        sleep 0.1;
        $prometheus->fires($name);
    } 20, "$name fires";
    delete $provoke{$name};
    my $text = $alert ? join ' ', %{ $alert->{annotations} } : '';
    fail "$name: its text has a hole: $text" if $text =~ /<no value>|\{\{|error expanding/;
    return;
}

# ---- all is well ----

wait_until { @{ $prometheus->query('rate(crm360_done_total[5s])') } } 20, 'Prometheus looks at the site';
send_one('acme/prod', 'done') for 1 .. 3;
sleep 2; # two rounds: `for` is a second
# On a machine that is busy with other tests a push may take long.
is_deeply [grep { $_ ne 'Crm360PushSlow' } $prometheus->firing], [], 'while all is well nothing fires';

# ---- faults ----

$site->fill_queue(10_001, database => 'acme/dead', lane => 'dead', visible => int 1000 * time, apart => 0);
for my $name (qw(full late)) {
    my $file = $site->database("acme/$name");
    rename $file, "$file.away" or die;
    mkdir $file or die;
}
send_one('acme/full', 'done') for 1 .. 2;
$site->fill_queue(1, database => 'acme/late', lane => $_) for qw(live batch send);
$site->redis('SADD', $site->key('acme/prod', 'paused'), 'Shopify');
$site->redis('CONFIG', 'SET', 'appendfsync', 'no');

%provoke = (
    Crm360RetriesStorm => sub { send_one('acme/prod', 'retry') for 1 .. 2 },
    Crm360DeadLettersAppear => sub { send_one('acme/prod', 'reject') },
    Crm360QueueFull => sub { send_one('acme/full', 'done') },
    Crm360Unavailable => sub { send_one('acme/full', 'done') },
    Crm360RateLimited => sub { send_one('acme/prod', '{}', 'Zendesk/Ticket/Update') },
    Crm360OriginRefused => sub { send_one('acme/shut', 'done') for 1 .. 5 },
);
fires($_) for qw(Crm360DueTooOldLive Crm360DueTooOldBatch Crm360DueTooOldSend Crm360WaitingNearLimit Crm360PausedLong
    Crm360RedisAudit Crm360DeadLettersMany), sort keys %provoke;
fires('Crm360HandlerSlow');
$provoke{Crm360PushSlow} = sub {
    my $redis = $site->{redis}->pid;
    $site->freeze_redis;
    system "(sleep 0.3; kill -CONT $redis) &";
    send_one('acme/prod', 'done') for 1 .. 3;
};
fires('Crm360PushSlow');

# ---- crm360d is killed, Redis ends, and comes back ----

$site->kill_consumer(group => 1);
my ($instance, $heartbeat) = @{ $site->redis('HGETALL', 'crm360:1:consumers') };
$site->redis('HSET', 'crm360:1:consumers', $instance, $heartbeat =~ s/("at":\s*)\d+/$1 . int 1000 * (time - 60)/er);
fires('Crm360NoConsumer');
fires('Crm360HeartbeatStale');
$site->redis('ACL', 'SETUSER', 'default', '-smembers');
fires('Crm360QueuesUnseen');
$site->redis('ACL', 'SETUSER', 'default', '+smembers');
my ($used) = $site->redis('INFO', 'memory') =~ /^used_memory:(\d+)/m;
$site->redis('CONFIG', 'SET', 'maxmemory', int $used * 1.1);
fires('Crm360RedisMemory');
$site->redis('CONFIG', 'SET', 'maxmemory', '2gb');
$site->stop_redis;
fires('Crm360RedisDown');
is send_one('acme/prod', 'x' x 11_000), 200, 'spooled' for 1 .. 3;
fires('Crm360SpoolFilling');
$site->start_redis;
fires('Crm360SpoolStays');
ok !$prometheus->fires('Crm360RedisDown'), 'and the alert about Redis has ended';
$site->stop_httpd;
fires('Crm360NotWatched');

is_deeply [sort keys %left], [], 'each alert has fired';

# ---- the dashboard asks in a way that Prometheus understands, and was answered ----

my $dashboard = JSON::PP::decode_json(slurp(root() . '/conf/grafana/crm360.json'));
my @silent;
for my $panel (@{ $dashboard->{panels} }) {
    for my $target (@{ $panel->{targets} || [] }) {
        my $expr = $target->{expr} =~ s/\$__rate_interval/Crm360::Prometheus::window()/gre
            =~ s/\$(?:job|instance|database|lane)\b/.*/gr;
        push @silent, "$panel->{title}: $expr" if !eval { @{ $prometheus->history($expr) } };
        diag $@ if $@;
    }
}
is_deeply \@silent, [], 'each panel of the dashboard had something to show';
is $prometheus->stop, 0, 'prometheus ends';
$site->done;
