# Redis Cluster: the slots of busy databases are moved under a load of webhooks, by redis-cli to and fro, and by hand so
# that a slot stays half moved for seconds (ASK, TRYAGAIN). No server dies, so nothing is lost and nothing is done twice
# at any level.
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

# Two whose slots redis-cli moves first, and one that stays where it is.
my @BUSY = (Crm360::Cluster::database(1, below => 300), Crm360::Cluster::database(1, below => 300, nth => 2));
my $QUIET = Crm360::Cluster::database(3);
my $set = Crm360::Cluster->new;
my $site = Crm360::Ledger::site($set, databases => { map { $_ => '' } @BUSY, $QUIET });
Crm360::Ledger::start_site($site);

sub owner { return $set->owner($site->key($_[0], '')) }
sub redirections {
    my ($kind) = @_;
    my $sum = 0;
    $sum += $set->info($_, 'errorstats', "errorstat_$kind") =~ /count=(\d+)/ ? $1 : 0 for grep {
        defined $set->info($_, 'errorstats', "errorstat_$kind") } $set->living;
    return $sum;
}

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 150, safe => 0.3);
sleep 1;

# ---- by redis-cli, under load ----

my $before = redirections('MOVED');
for my $round (1 .. (Crm360::Chaos::full() ? 15 : 3)) {
    my ($from, $to) = $round % 2 ? qw(n1 n2) : qw(n2 n1);
    my $count = 0;

    # Back again: those that came last are the first of n2's.
    $set->reshard($from, $to, 300);
    $set->wait_ok;
    is_deeply [map { owner($_) } @BUSY], [$to, $to], "round $round: the busy slots have moved to $to";
    sleep 0.5;
}
cmp_ok redirections('MOVED'), '>', $before, 'somebody was told MOVED';

# ---- half moved for seconds ----

my ($asks, $again) = map { redirections($_) } qw(ASK TRYAGAIN);
my $held = int(time * 1000);
my $moved = $set->move_slot(Crm360::Cluster::slot($site->key($BUSY[0], '')), 'n3', half => sub { sleep 3 });
my $free = int(time * 1000);
cmp_ok $moved, '>', 2, "a slot of $moved keys was moved by hand";
is owner($BUSY[0]), 'n3', '  to n3';
cmp_ok redirections('ASK') + redirections('TRYAGAIN'), '>', $asks + $again, 'somebody was told ASK or TRYAGAIN';
diag sprintf 'ASK %d, TRYAGAIN %d', redirections('ASK') - $asks, redirections('TRYAGAIN') - $again;
wait_until { Crm360::Spool::files($site) == 0 } 20, 'what was spooled meanwhile is in Redis';
sleep 1;

# And with messages that wait in it, which nobody touches meanwhile.
my $id = $site->post($site->url('Adictiz/User/Participate', -database => $BUSY[0], SourceId => 1,
    secondsOfInvisibility => 3000), 'done')->{json}{MessageId};
$set->move_slot(Crm360::Cluster::slot($site->key($BUSY[0], '')), 'n1', half => sub { sleep 0.5 });
ok defined $site->redis('ZSCORE', $site->key($BUSY[0], 'live'), $id), 'one that waits has moved with its slot';
is +($site->ctl('now', $id))[0], 0, '  and crm360ctl finds it';

$ledger->stop;
$ledger->settle;
my $account = $ledger->is_whole('slots moved');
is $account->{silent}, 0, 'every caller heard an answer';
is $account->{dead}, 0, 'no dead letter';
is scalar(grep { $_->{status} != 200 && !($_->{answered} >= $held && $_->{asked} <= $free + 2000) } $ledger->tries), 0,
    'no caller was refused but while a slot was half moved';
my @quiet = grep { $_->{database} eq $QUIET } $ledger->good;
cmp_ok scalar(grep { $_->{durability} eq 'spool' } @quiet), '<', @quiet / 20,
    'the database that stayed was not spooled (or hardly, on a busy machine)';
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
