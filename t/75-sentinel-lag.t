# Redis Sentinel: what the levels of durability are worth when the replicas have not got all that the master has, and it
# dies: what its memory alone had is lost, what a replica had to confirm is not, and the ledger tells which is which.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ledger;
use Crm360::Sentinel;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $set = Crm360::Sentinel->new;
my $site = Crm360::Ledger::site($set);
Crm360::Ledger::start_site($site);

sub some {
    my ($what, $safe) = @_;
    my $ledger = Crm360::Ledger->start($site, most => 5, callers => 8, rate => 200, safe => $safe, large => 0);

    wait_until { $ledger->{load}->ended } 30, $what;
    $ledger->stop;
    return $ledger;
}
# How many were of a level; on a busy machine some may have come too late for it, and gone to the spool.
sub of_level { my ($ledger, $level) = @_; return scalar grep { $_->{durability} eq $level } $ledger->good }

# Nobody works on them: what is in Redis only is there.
$site->stop_consumer;
my $confirmed = some('forty webhooks that a replica confirms', 1);
cmp_ok of_level($confirmed, 'replica'), '>', 20, '  and their receipts say so';
my @replicas = $set->replicas;
# Stopped ones would find in their sockets what they have missed.
$set->kill(@replicas);
my $memory = some('forty that only the master has', 0);
cmp_ok of_level($memory, 'memory'), '>', 20, '  and their receipts say so';
my $unconfirmed = some('forty that no replica confirms, as is demanded', 1);
is of_level($unconfirmed, 'spool'), 40, '  lie in the spool';
my $old = $set->master;
my $from = int(time * 1000);
$set->kill($old);
$set->restart(@replicas);
$set->wait_failover($old);
my $to = int(time * 1000);
$site->start_consumer;
$_->settle for $confirmed, $memory, $unconfirmed;

is scalar @{ $memory->account->{lost} }, of_level($memory, 'memory'), 'what only the master had is lost';
$memory->is_whole('memory', gaps => [$set->gaps([$from - 60_000, $to])]);
is $confirmed->is_whole('confirmed')->{done}, 40, 'what was confirmed is done';
is $unconfirmed->is_whole('unconfirmed')->{done}, 40, 'what was not confirmed is done, from the spool';
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
