# Redis is restarted fifty times while webhooks come in: no process of ours is restarted, each change of
# state is one line in a log, and everything that was acknowledged has its effect once.
# Plain builds only: long; t/34 runs its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Check;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUNDS = Crm360::Chaos::slow() ? 10 : 50;

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => '', 'beta/shop' => '' },
    appendonly => 1,
    redis_settings => "appendfsync always\n",
    settings => "Crm360Workers live 3\n",
    loglevel => 'warn crm360_webhook:info',
);
Crm360::Spool::make($site, '256M');
$site->start_redis;
$site->migrate;
Crm360::Check::prepare($site);
$site->start_httpd;
$site->start_consumer;
$site->expect_log(@Crm360::Chaos::REDIS_AWAY);

diag 'CRM360_SEED=' . Crm360::Chaos::seed();
srand Crm360::Chaos::seed();

# The master, its children, and httpd's parent.
sub processes {
    my $master = $site->{consumer}->pid;
    return join ' ', $site->{httpd}->pid, $master, sort split ' ', `pgrep -P $master`;
}

my $load = Crm360::Load->start($site, name => 'restarts', seed => Crm360::Chaos::seed(),
    rate => Crm360::Chaos::slow() ? 20 : 100, callers => 6, attempts => 1);
sleep 1;
my $before = processes();
my @broken;
for (1 .. $ROUNDS) {
    my $from = int(time * 1000);

    $site->stop_redis;
    sleep rand 0.3;
    $site->start_redis;
    push @broken, [$from, int(time * 1000)];
    sleep 0.1 + rand 0.5;
}
my @tries = $load->stop;

wait_until { Crm360::Chaos::waiting($site) == 0 } 60, 'everything is worked off';
is processes(), $before, 'all processes are those of the beginning';

my $row = Crm360::Check::judge(\@tries, Crm360::Check::effects($site), broken => \@broken);
diag join ', ', map { "$_ $row->{$_}" } qw(sent good spooled failed lost duplicated early late);
cmp_ok $row->{sent}, '>', 2 * $ROUNDS, 'there was a load';
is $row->{failed}, 0, 'every caller heard 2xx';
is $row->{$_}, 0, $_ for qw(lost duplicated early late);
diag $_ for @{ $row->{examples} };
is join(' ', Crm360::Chaos::dead($site)), '', 'no dead letter';

# Lines about the state of a connection: none says again what the one before it has said.
my %states = (
    'of Redis' => [qr/CRM0101/, qr/CRM0102/, qr/Redis at \S+ answers again/],
    'of the subscription' => [qr/CRM0330/, qr/listening to Redis at \S+ again/],
);
for my $log (qw(httpd-error crm360d)) {
    my @lines = split /\n/, $site->log_text($log);

    for my $of (sort keys %states) {
        my @patterns = @{ $states{$of} };
        my ($count, $last, @twice) = (0, -1);

        for my $line (@lines) {
            my ($state) = grep { $line =~ $patterns[$_] } 0 .. $#patterns;
            next if !defined $state;
            push @twice, $line if $state == $last;
            $count++ if $state == 0;
            $last = $state;
        }
        is @twice, 0, "$log: one line a change of the state $of";
        diag $_ for @twice > 5 ? @twice[0 .. 4] : @twice;
        cmp_ok $count, '<=', $ROUNDS, "$log: at most one failure $of a restart: $count";
    }
}
$site->done;
