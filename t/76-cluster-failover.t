# Redis Cluster: under a load of webhooks to all nodes one master is killed, and one is stopped (SIGSTOP) and goes
# on when its replica has taken its place. The databases of the other nodes do not notice; the spool bridges the gap;
# of what a replica had to confirm nothing is lost, and nothing is done twice.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Cluster;
use Crm360::Ledger;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

diag 'CRM360_SEED=' . Crm360::Chaos::seed();

my @DATABASES = map { Crm360::Cluster::database($_) } 1 .. 3;
my $set = Crm360::Cluster->new(settings => 'cluster-require-full-coverage no');
my $site = Crm360::Ledger::site($set, databases => { map { $_ => '' } @DATABASES });
Crm360::Ledger::start_site($site);

sub all_is_well {
    my ($code, $text) = $site->ctl('check');
    is $code, 0, 'crm360ctl check: all is well' or diag $text;
    return;
}

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 150, safe => 0.5);
my @gaps; # [from, to, database] in ms

# Breaks the master of a database and waits until its replica has taken its place.
sub break_master {
    my ($how, $database) = @_;
    my $old = $set->owner($site->key($database, ''));
    my $from = int(time * 1000);

    $set->$how($old);
    $set->wait_ok;
    push @gaps, [$from, int(time * 1000), $database];
    diag sprintf '%s of %s: %s has its slots %.1f s later, %d in the spool', $how, $old,
        $set->owner($site->key($database, '')), ($gaps[-1][1] - $from) / 1000, scalar Crm360::Spool::files($site);
    wait_until { !$ledger->in_spool('plain') } 15, "$how: what needs no replica is carried from the spool";
    # The new master has no replica until then.
    $how eq 'kill' ? $set->restart($old) : $set->thaw($old);
    my $back = int(time * 1000);
    $set->wait_for("$old is a replica", sub { $set->info($old, 'replication', 'role') eq 'slave' });
    $set->wait_in_sync;
    wait_until { Crm360::Spool::files($site) == 0 } 15, "$how: the old master is its replica: the spool is emptied";
    return $back;
}

sleep 1;
my $thawed;
for my $round (1 .. (Crm360::Chaos::full() ? 4 : 1)) {
    break_master('kill', $DATABASES[0]);
    $thawed = break_master('freeze', $DATABASES[1]);
}
sleep 0.5;
$ledger->stop;
$ledger->settle;

my $account = $ledger->is_whole('masters broken', gaps => [$set->gaps(@gaps)]);
is scalar(grep { $_->{asked} > $thawed } @{ $account->{lost} }), 0,
    'the one that was stopped has swallowed nothing that was acknowledged';
cmp_ok $account->{levels}{$_} || 0, '>', 10, "some 2xx were of the level $_" for qw(memory replica spool);
my @third = grep { $_->{database} eq $DATABASES[2] } $ledger->good;
cmp_ok scalar(grep { $_->{durability} eq 'spool' } @third), '<', @third / 20,
    'the database of the third node was not spooled (or hardly, on a busy machine)';
is $account->{silent}, 0, 'every caller heard an answer';
is $account->{dead}, 0, 'no dead letter';
all_is_well();
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
