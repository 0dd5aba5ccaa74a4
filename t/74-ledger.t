# The ledger that proves that nothing is lost or done twice (Crm360::Ledger) can see both: it is held against a
# Redis that is killed with SIGKILL again and again and flushes each write, which loses nothing; then a message
# is taken away by hand, one is done twice by hand, and each is named.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Gateway;
use Crm360::Ledger;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

diag 'CRM360_SEED=' . Crm360::Chaos::seed();

sub kill_redis {
    my ($site) = @_;

    $site->kill_redis;
    $site->start_redis;
    return;
}

# ---- effects in the CRM database ----

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => '', 'beta/shop' => '' },
    appendonly => 1,
    redis_settings => "appendfsync always\n",
    server => Crm360::Ledger::safe_location('fsync'),
);
Crm360::Spool::make($site, '64M');
$site->expect_log(@Crm360::Chaos::REDIS_AWAY, qr/CRM0103/);
$site->start_redis;
$site->migrate;
Crm360::Ledger::prepare($site);
$site->start_httpd;
$site->start_consumer;

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 25 : 120, safe => 0.3);
for my $round (1 .. 4) {
    sleep 0.5;
    kill_redis($site);
}
sleep 0.5;
$ledger->stop;
$ledger->settle;
my $account = $ledger->is_whole('SIGKILL of Redis');
is $account->{done}, $account->{good}, 'each 2xx has its effect';
cmp_ok $account->{levels}{fsync} || 0, '>', 0, 'some were on the disk of Redis';
cmp_ok $account->{levels}{spool} || 0, '>', 0, 'some were in the spool';

# What waits is no loss, wherever it is.
$site->stop_consumer;
delete $site->{consumer};
my $waiting = Crm360::Ledger->start($site, most => 5, callers => 2, large => 0);
wait_until { $waiting->{load}->ended } 20, 'ten more webhooks, and nobody who works on them';
$waiting->stop;
$site->stop_redis;
my $spooled = Crm360::Ledger->start($site, most => 5, callers => 2, large => 0);
wait_until { $spooled->{load}->ended } 20, 'ten more while Redis is away';
$spooled->stop;
$site->start_redis;
is $waiting->is_whole('without crm360d')->{waiting}, 10, 'all of them wait in their queues';
is $spooled->is_whole('without Redis')->{spooled}, 10, 'all of them lie in the spool';

# One is taken away: its queue entry, or the message itself.
my ($one, $other) = $waiting->good;
$site->redis('ZREM', $site->key($one->{database}, 'live'), $one->{id});
$site->redis('DEL', $site->key($other->{database}, "message:$other->{id}"));
is_deeply [sort map { $_->{id} } @{ $waiting->account->{lost} }], [sort $one->{id}, $other->{id}],
    'what is taken away is reported as lost, and nothing else';
my ($gone) = $spooled->good;
unlink "$site->{spool}/$gone->{id}.msg" or die "$gone->{id}: $!";
is_deeply [map { $_->{id} } @{ $spooled->account->{lost} }], [$gone->{id}], 'so is what is taken out of the spool';

# One is done twice: by its id, and under another id by its serial number.
my ($twice, $again) = $ledger->good;
$site->sql($twice->{database}, "insert into Effects select * from Effects where MessageId = '$twice->{id}'");
$site->sql($again->{database}, "insert into Effects values ('$again->{serial}', 'another', 1)");
is_deeply [sort @{ $ledger->account->{doubled} }], [sort $twice->{id}, $twice->{serial}, $again->{serial}],
    'what is done twice is reported as doubled, and nothing else';
is scalar @{ $ledger->account->{lost} }, 0, 'and nothing is lost by that';
$site->stop_httpd;
$site->finish;

# ---- what is sent ----

my $sends = Crm360::Test->new(appendonly => 1, redis_settings => "appendfsync always\n");
my $gateway = Crm360::Gateway->start(folder => $sends->dir, answers => { body => 'OK 77' });
spew($sends->dir . '/key', "secret\n");
chmod 0640, $sends->dir . '/key';
$sends->{databases}{'acme/prod'} = '    Crm360SmsGateway smsbox url=' . $gateway->url . ' secret=' . $sends->dir
    . "/key\n";
Crm360::Spool::make($sends, '64M');
$sends->expect_log(@Crm360::Chaos::REDIS_AWAY);
$sends->start;
my $sent = Crm360::Ledger->start($sends, gateway => $gateway, rate => 40, callers => 4);
for my $round (1 .. 3) {
    sleep 0.5;
    kill_redis($sends);
}
sleep 0.3;
$sent->stop;
$sent->settle;
$account = $sent->is_whole('SIGKILL of Redis, SMS');
is $account->{done}, $account->{good}, 'the gateway has heard of each of them';
my ($sms) = $sent->good;
$gateway->_note({ whole => 1, body => "$sms->{id} Message $sms->{serial}." });
is_deeply [sort @{ $sent->account->{doubled} }], [sort $sms->{id}, $sms->{serial}],
    'one that is sent twice is reported as doubled';
$sends->done;
