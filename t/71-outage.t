# Redis is away for a minute while 200 webhooks come in a second: every caller hears 2xx, because the spool
# takes them, and afterwards each has its effect once, none before its time, and the spool is empty.
# CRM360_OUTAGE_SECONDS sets another length.
# Plain builds only: its subject is time.
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

# No times are asserted: what the load and the waits may take is the business of their modules.
my $plain = !Crm360::Chaos::slow();
my $SECONDS = $ENV{CRM360_OUTAGE_SECONDS} || ($plain ? 60 : 10);
my $RATE = $plain ? 200 : 30;

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => '', 'beta/shop' => '' },
    appendonly => 1,
    settings => "Crm360Workers live 3\n",
    loglevel => 'warn crm360_webhook:info',
);
Crm360::Spool::make($site, '4G');
$site->start_redis;
$site->migrate;
Crm360::Check::prepare($site);
$site->start_httpd;
$site->start_consumer;

diag 'CRM360_SEED=' . Crm360::Chaos::seed();
my $load = Crm360::Load->start($site, name => 'outage', seed => Crm360::Chaos::seed(), rate => $RATE,
    callers => 10, longest => 5, attempts => 1);
my %processes = map { $_ => $site->{$_}->pid } qw(httpd consumer);

sleep 2;
$site->expect_log(@Crm360::Chaos::REDIS_AWAY);
my $from = time;
$site->stop_redis;
sleep $SECONDS;
my $spooled = Crm360::Spool::files($site);
$site->start_redis;
my $to = time;
sleep 2; # callers go on while the spool is carried into Redis
my @tries = $load->stop;

wait_until { Crm360::Spool::files($site) == 0 } 60 + $SECONDS / 2, 'Redis is back: the spool is emptied';
diag sprintf '%d messages lay in the spool after %.0f s; it was empty %.1f s later', $spooled,
    $to - $from, time - $to;
wait_until { Crm360::Chaos::waiting($site) == 0 } 120, 'and everything is worked off';

my $row = Crm360::Check::judge(\@tries, Crm360::Check::effects($site),
    broken => [[$from * 1000, time * 1000]]);
diag join ', ', map { "$_ $row->{$_}" } qw(sent good spooled failed lost duplicated early late);
cmp_ok $row->{sent}, '>', $RATE * $SECONDS * 0.8, 'the load was as wanted';
cmp_ok $spooled, '>', $RATE * $SECONDS * 0.7, 'the spool has taken it';
is $row->{failed}, 0, 'every caller heard 2xx';
is $row->{$_}, 0, $_ for qw(lost duplicated early);
diag $_ for @{ $row->{examples} }[0 .. ($#{ $row->{examples} } > 9 ? 9 : $#{ $row->{examples} })];
is join(' ', Crm360::Chaos::dead($site)), '', 'no dead letter';

like slurp("$site->{spool}/usage"), qr/^0+$/m, 'the spool counts nothing as its own';
is $site->{$_}->pid, $processes{$_}, "$_ is the same process" for sort keys %processes;
for my $log (qw(httpd-error crm360d)) {
    my @lines = $site->log_text($log) =~ /(CRM0101|Redis at .* answers again)/g;
    cmp_ok scalar(@lines), '<=', 2, "$log: one line a change of state";
}
$site->done;
