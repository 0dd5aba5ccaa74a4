# Several hosts on one Redis, which know nothing of each other: two httpd with a spool each and three crm360d, each
# with a configuration file of its own. Under load over both httpd a crm360d is killed with all its processes, another
# one is frozen and thawed, and Redis is frozen: every 2xx has its effect once. One database is a SQLite file (hosts
# can share one only when they are the same machine, as here), the other one is in PostgreSQL.
# t/86 has the rate of a provider from two crm360d, t/41 what one crm360d owes the workers of another.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Check;
use Crm360::Cost qw(members);
use Crm360::Load;
use Crm360::Postgres;
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use Test::More;

my ($LITE, $PG) = ('acme/lite', 'acme/pg');
my $MOST = 5; # dead letters that may stay

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('shared');

# A host: its own folder, configuration, spool, outbox and exports. The first one has Redis and the SQLite file.
sub host {
    my ($first) = @_;
    my $site = Crm360::Test->new(
    redis_goes => 1,
        consumer_program => 't/crm360d_faulty',
        appendonly => 1,
        redis_settings => "appendfsync always\n",
        loglevel => 'warn crm360_webhook:info',
        databases => {},
        settings => "Crm360Workers live 2\nCrm360Lease 2s\nCrm360HandlerTimeout 1s\n"
            . "Crm360RetrySchedule 50ms 50ms\nCrm360DeadLetterMost $MOST\n",
    );
    my $dir = $site->dir;
    my $lite = $first || $site;

    mkdir "$dir/dead" or die "$dir/dead: $!\n";
    spew("$dir/password", "secret\n");
    chmod 0600, "$dir/password";
    $site->{settings} .= "Crm360DeadLetterExport $dir/dead\n";
    $site->{databases} = {
        $LITE => 'Crm360DBParams "' . $lite->database($LITE) . '"',
        $PG => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('shared')
            . "\"\nCrm360DBPasswordFile $dir/password",
    };
    Crm360::Spool::make($site, '64M');
    # What a host is told of Redis is where it is; nothing else.
    spew($site->conf, slurp($site->conf) =~ s/^Crm360Redis .*/'Crm360Redis unix:' . $lite->redis_socket/mer);
    # Death, silence of Redis and leases that have run out are the subject.
    $site->expect_log(qr/CRM03(?:12|2[0-9]|30|5[0-9])|CRM0313: database acme\/lite/, qr/CRM010[0-9]/, qr/CRM020[0-9]/);
    return $site;
}

my $first = host();
my @hosts = ($first, host($first), host($first));
my ($front, $other) = @hosts;

$first->start_redis;
$first->migrate;
$first->sql($LITE, 'create table Effects (Serial TEXT NOT NULL, MessageId TEXT NOT NULL, RanAt INTEGER NOT NULL)');
$pg->rows('shared', 'create table Effects (Serial TEXT NOT NULL, MessageId TEXT NOT NULL, RanAt TEXT NOT NULL);'
    . 'alter table Effects owner to crm360');
$_->start_httpd for $front, $other;
$_->start_consumer for @hosts;

sub effects {
    my %effects;

    push @{ $effects{ $_->{Serial} } }, $_->{RanAt} for $first->sql($LITE, 'select Serial, RanAt from Effects');
    push @{ $effects{ $_->[0] } }, $_->[1] for $pg->rows('shared', 'select Serial, RanAt from Effects');
    return \%effects;
}

# How many effects there are by now.
sub done {
    return $first->value($LITE, 'select count(*) from Effects') + $pg->value('shared', 'select count(*) from Effects');
}

# The processes that have a heartbeat.
sub beats { return sort map { decode_json($_)->{pid} } @{ $first->redis('HVALS', 'crm360:1:consumers') } }

sub queued {
    my $sum = 0;

    for my $database ($LITE, $PG) {
        $sum += $first->redis('ZCARD', $first->key($database, $_)) for qw(live batch send);
    }
    return $sum;
}
sub spooled { return map { scalar(Crm360::Spool::files($_)) } $front, $other }

my @pids = sort map { slurp($_->dir . '/crm360d.pid') + 0 } @hosts;
wait_until { join(' ', beats()) eq "@pids" } 20, 'each crm360d tells about itself in Redis';
my ($code, $text) = $other->ctl('status');
is $code, 0, 'crm360ctl status, on another host';
like $text, qr/\b$_\b/, "it shows crm360d $_" for @pids;

# ---- faults, under load from both sides ----

my @loads = map { Crm360::Load->start($hosts[$_], name => "host$_", seed => 7 + $_, callers => 3,
    rate => timing() ? 60 : 20) } 0, 1;

# Waits until as many more effects are there: that much has gone on since.
sub go_on {
    my ($more, $what) = @_;
    my $from = done();

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_until { done() >= $from + $more } 60, $what;
}

go_on(60, 'all of them work');

my $killed = $hosts[2]{consumer}->pid;
$hosts[2]->kill_consumer(group => 1);
go_on(60, 'one was killed: the others go on');
$hosts[2]->start_consumer;
go_on(30, 'it is back');

# What the workers of a crm360d hold: id and token of each claim.
sub held {
    my ($master) = @_;
    my %workers = map { $_ => 1 } members($master);
    my @held;

    for my $database ($LITE, $PG) {
        my %claims = @{ $first->redis('HGETALL', $first->key($database, 'claims')) };
        push @held, map { "$database $_ $claims{$_}" }
            grep { decode_json($claims{$_})->{worker} =~ /(\d+)\.\d+\z/ && $workers{$1} } keys %claims;
    }
    return @held;
}

# In the middle of something.
my $frozen = $hosts[1]{consumer}->pid;
my %held;
wait_until {
    kill 'STOP', -$frozen;
    %held = map { $_ => 1 } held($frozen);
    kill 'CONT', -$frozen if !%held;
    %held;
} 30, 'one is frozen while it holds messages';
wait_until { !grep { $held{$_} } held($frozen) } 30, 'its leases end, and others take them';
go_on(60, 'and go on');
kill 'CONT', -$frozen;
go_on(30, 'it is thawed');

$first->freeze_redis;
wait_until { (grep { $_ > 0 } spooled()) == 2 } 30, 'Redis is frozen: both httpd spool';
$first->thaw_redis;
go_on(60, 'and back');

my @tries = map { $_->stop } @loads;
wait_until { queued() == 0 && !grep { $_ } spooled() } 60, 'everything is worked off, and both spools are empty';
# Nobody can be on time while whoever holds it is frozen.
my $all = Crm360::Check::judge(\@tries, effects(), limit => 60_000);
is $all->{$_}, 0, "$_: none of $all->{good}" for qw(lost duplicated early);
cmp_ok $all->{spooled}, '>=', 2, "$all->{spooled} of them came through a spool";
diag $_ for grep { defined } @{ $all->{examples} }[0 .. 9];
cmp_ok $all->{good}, '>', 200, 'there were enough of them';

# ---- what each of them would do alone ----

$_->expect_log(qr/CRM0311/) for @hosts;
my @rejected = map { $first->push_order('reject', database => $PG) } 1 .. 4 * $MOST;
wait_until { queued() == 0 && $first->redis('ZCARD', $first->key($PG, 'dead')) >= $MOST } 20, 'dead letters';
$_->{consumer}->signal('USR1') for @hosts;
wait_until { $first->redis('ZCARD', $first->key($PG, 'dead')) == $MOST } 30,
    'three keepers at the same time leave as many dead letters as may stay';
my %exported;
for my $host (@hosts) {
    for my $file (glob $host->dir . '/dead/*') {
        $exported{ decode_json($_)->{id} }++ for split /\n/, slurp($file);
    }
}
my %stays = map { $_ => 1 } @{ $first->redis('ZRANGE', $first->key($PG, 'dead'), 0, -1) };
is_deeply [sort keys %exported], [sort grep { !$stays{$_} } @rejected], 'all others are in their files';
is $first->redis('HGET', $first->key($PG, 'counters'), 'dropped'), 3 * $MOST, 'and each was dropped once';

my %counters = @{ $first->redis('HGETALL', $first->key($PG, 'counters')) };
is $counters{received}, $counters{done} + $counters{dropped} + $MOST, 'the counters add up';

$_->finish for reverse @hosts;
$pg->stop;
done_testing;
