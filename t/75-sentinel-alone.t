# Redis Sentinel: a master without replicas that is to take nothing then (min-replicas-to-write). That is said once when
# it begins and once when it ends, webhooks go to the spool, and all are done afterwards; and a master that was away and
# has been replaced is not an outage for ever in the log.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ledger;
use Crm360::Sentinel;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $set = Crm360::Sentinel->new(settings => "min-replicas-to-write 1\nmin-replicas-max-lag 2");
my $site = Crm360::Ledger::site($set);
Crm360::Ledger::start_site($site);

sub lines { my ($log, $what) = @_; return scalar(() = $site->log_text($log) =~ /$what/g) }

# ---- no replica ----

my @replicas = $set->replicas;
$set->kill(@replicas);
my $ledger = Crm360::Ledger->start($site, rate => 60, callers => 4, large => 0);
wait_until { lines('crm360d', qr/CRM0102: .* NOREPLICAS/) } 20, 'crm360d is told that there is no replica';
wait_until { Crm360::Spool::files($site) > 20 } 20, 'webhooks go to the spool';
# For some heartbeats, claims and looks.
my $until = time + 7;
sleep 0.1 while time < $until;
is lines('crm360d', qr/CRM0102/), 1, 'it is said once';
is lines('crm360d', qr/answers again/), 0, 'and not taken back';
$set->restart(@replicas);
$set->wait_in_sync(1);
wait_until { lines('crm360d', qr/answers again/) } 20, 'its end is said';
$ledger->stop;
$ledger->settle;
$ledger->is_whole('a master without replicas');

# ---- a master that is replaced ----

my $old = $set->master;
my $away = lines('crm360d', qr/CRM0101/);
$set->down_after(600_000); # so that nobody takes its place before it is missed
$set->kill($old);
wait_until { lines('crm360d', qr/CRM0101/) > $away } 20, 'the death of a master is said';
$set->down_after(1000);
$set->wait_failover($old);
my $address = $set->address($old);
wait_until { lines('crm360d', qr/Redis at \Q$address\E is asked no more: another server has its keys/) } 20,
    'and that another one has taken its place';
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
