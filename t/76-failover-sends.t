# What leaves (SMS through a gateway) while a master dies, on Redis Sentinel and on Redis Cluster: whatever the new
# master has not heard of, nothing is sent twice, and nothing that a replica had to confirm is not sent.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Cluster;
use Crm360::Gateway;
use Crm360::Ledger;
use Crm360::Sentinel;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

diag 'CRM360_SEED=' . Crm360::Chaos::seed();

# The master of the first database.
sub master {
    my ($set, $site) = @_;
    my ($database) = sort keys %{ $site->{databases} };
    return $set->isa('Crm360::Sentinel') ? $set->master : $set->owner($site->key($database, ''));
}

sub wait_for_another {
    my ($set, $old) = @_;
    return $set->isa('Crm360::Sentinel') ? $set->wait_failover($old) : $set->wait_ok;
}

sub kill_master {
    my ($set, $site) = @_;
    my $old = master($set, $site);

    $set->kill($old);
    wait_for_another($set, $old);
    # A master of the cluster has one replica: without it nothing is safe enough for those that demand one.
    $set->restart($old) if $set->isa('Crm360::Cluster');
    return;
}

sub freeze_master {
    my ($set, $site) = @_;
    my $old = master($set, $site);

    $set->freeze($old);
    wait_for_another($set, $old);
    $set->thaw($old);
    return;
}

for my $case (
    [Crm360::Sentinel->new, \&kill_master, 'Sentinel, the master killed', 'acme/prod'],
    [Crm360::Sentinel->new, \&freeze_master, 'Sentinel, the master stopped', 'acme/prod'],
    [Crm360::Cluster->new, \&kill_master, 'Cluster, a master killed', map { Crm360::Cluster::database($_) } 1 .. 3],
    [Crm360::Cluster->new, \&freeze_master, 'Cluster, a master stopped', map { Crm360::Cluster::database($_) } 1 .. 3],
    )
{
    my ($set, $break, $name, @databases) = @$case;
    my $site = Crm360::Ledger::site($set, consumer_program => undef,
        settings => "Crm360Workers send 4\nCrm360RetrySchedule" . ' 200ms' x 20 . "\n");
    my $gateway = Crm360::Gateway->start(folder => $site->dir, answers => { body => 'OK 77', delay => 0.02 });

    spew($site->dir . '/key', "secret\n");
    chmod 0640, $site->dir . '/key';
    $site->{databases} = { map { $_ => '    Crm360SmsGateway smsbox url=' . $gateway->url . ' secret=' . $site->dir
        . "/key\n" } @databases };
    $site->write_conf;
    # Nobody knows of a message whether it was sent that was being sent when its lease was lost.
    $site->expect_log(qr/CRM0311: .*: uncertain: /, qr/CRM0380/, qr/CRM0310/);
    Crm360::Ledger::start_site($site);
    my $ledger = Crm360::Ledger->start($site, gateway => $gateway, rate => 60, callers => 4, safe => 0.5);
    sleep 0.8;
    my $from = int(time * 1000);
    $break->($set, $site);
    my $to = int(time * 1000);
    $set->wait_in_sync if $set->isa('Crm360::Cluster');
    sleep 0.8;
    $ledger->stop;
    $ledger->settle;
    my $account = $ledger->is_whole($name, gaps => [$set->gaps([$from, $to])]);
    cmp_ok $account->{levels}{$_} || 0, '>', 0, "$name: some 2xx were of the level $_" for qw(memory replica spool);
    cmp_ok $account->{dead}, '<=', 4, "$name: no more are uncertain than were being sent";
    is join(' ', $set->fallen), '', "$name: no server of Redis has ended by itself";
    $site->finish;
    $set->stop;
}
done_testing;
