# Redis Cluster: a node is gone for good, its replica takes its place, the others forget it, and a new server becomes
# the replica of that one; then a third of the slots is served by nobody, and at last the whole cluster is down
# (CLUSTERDOWN). Callers hear 2xx from the spool, or 503 where there is none, and all goes on when it is back.
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
my $set = Crm360::Cluster->new;
my $site = Crm360::Ledger::site($set, databases => { map { $_ => '' } @DATABASES });
Crm360::Ledger::start_site($site);

my $serial = 0;
sub hook {
    my ($database, $where) = @_;
    my $answer = ($where || $site)->post(($where || $site)->url('Adictiz/User/Participate', -database => $database,
        SourceId => 1), 'effect x' . ++$serial . ' 0');
    return $answer->{status} == 200 ? $answer->{json}{Durability} : $answer->{status};
}

# ---- one node is gone for good ----

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 150, safe => 0.5);
sleep 0.5;
my $gone = $set->owner($site->key($DATABASES[0], ''));
my $heir = $set->replica_of($gone);
my $from = int(time * 1000);
$set->kill($gone);
$set->wait_ok;
my $to = int(time * 1000);
is $set->owner($site->key($DATABASES[0], '')), $heir, 'the replica has taken the place of its master';
$set->forget($gone);
is scalar(grep { ($_->{name} // '') eq $gone } map { $set->view($_) } $set->living), 0,
    'all have forgotten the old one';
wait_until { !$ledger->in_spool('plain') } 15, 'what needs no replica is carried from the spool';
$set->join_replica('n7', $heir);
wait_until { Crm360::Spool::files($site) == 0 } 15, 'a new server is the replica of the heir: the spool is emptied';
sleep 0.5;
$ledger->stop;
$ledger->settle;
my $account = $ledger->is_whole('a node gone for good', gaps => [$set->gaps([$from, $to, $DATABASES[0]])]);
is $account->{silent}, 0, 'every caller heard an answer';
# Whoever is started now finds a node that is not there in its configuration, and goes on to the next.
is +($site->ctl('status'))[0], 0, 'crm360ctl status goes on to the nodes that live' or diag +($site->ctl('status'))[1];
$site->stop_httpd;
$site->stop_consumer;
$site->start_httpd;
$site->start_consumer;
wait_until { hook($DATABASES[0]) eq 'memory' } 10, 'so does an httpd that is started now';
$ledger->settle(20, 'and crm360d');

# ---- a third of the slots is served by nobody ----

$set->kill($heir, 'n7');
$set->wait_for('the cluster is down', sub {
    !grep { $set->ask($_, 'CLUSTER', 'INFO') !~ /^cluster_state:fail/m } $set->living;
});
is hook($_), 'spool', "$_: the spool takes it while the cluster is down" for @DATABASES, @DATABASES;
isnt +($site->ctl('status'))[0], 0, 'crm360ctl status says that it is not well';
$set->restart($heir, 'n7');
$set->wait_ok;
$ledger->settle(20, 'the node is back: what was spooled is done');
wait_until { hook($_) eq 'memory' } 10, "$_: Redis takes it again" for @DATABASES;

# ---- the whole cluster is down, with load ----

my $other = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 100, safe => 0.5);
sleep 1;
my @masters = $set->masters;
my @living = $set->living;
$set->kill(@living);
sleep 1.5;
$set->restart(@masters, grep { my $name = $_; !grep { $_ eq $name } @masters } @living);
$set->wait_ok;
wait_until { Crm360::Spool::files($site) == 0 } 20, 'the cluster is back: the spool is emptied';
$other->stop;
$other->settle;
# All were killed in one moment: with appendfsync everysec the kernel has what they had confirmed.
$account = $other->is_whole('the whole cluster down');
cmp_ok $account->{levels}{spool} || 0, '>', 50, 'the spool has bridged it';
is $account->{silent}, 0, 'every caller heard an answer';

# ---- without a spool ----

my $bare = Crm360::Ledger::site($set, databases => $site->{databases}, spool_size => undef);
$bare->start_httpd;
wait_until { hook($_, $bare) eq 'memory' } 10, "$_: a site without a spool" for @DATABASES;
@living = $set->living;
$set->kill(@living);
$site->stop_httpd;
for my $database (@DATABASES) {
    my $began = time;
    is hook($database, $bare), 503, "$database: 503 while the cluster is down";
    cmp_ok time - $began, '<', 2, '  soon' if timing();
}
$set->restart(@living);
$set->wait_ok;
wait_until { hook($_, $bare) eq 'memory' } 10, "$_: it takes webhooks again" for @DATABASES;
$site->start_httpd;
$other->settle(20, 'all of it is done');
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$bare->finish;
$site->done;
