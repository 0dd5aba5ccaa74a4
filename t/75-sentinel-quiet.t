# Redis Sentinel: the master is stopped and replaced while no webhook comes, so that nobody has noticed when it goes on.
# With min-replicas-to-write it refuses what it would swallow, and nothing is lost at any level.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ledger;
use Crm360::Sentinel;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $set = Crm360::Sentinel->new(settings => "min-replicas-to-write 1\nmin-replicas-max-lag 2");
my $site = Crm360::Ledger::site($set);
Crm360::Ledger::start_site($site);

# The first of an httpd come at once, and it has yet to ask where the master is.
my $first = Crm360::Ledger->start($site, most => 2, callers => 20, rate => 400, large => 0);
wait_until { $first->{load}->ended } 20, 'some webhooks before';
$first->stop;
is join(' ', map { $_->{durability} } grep { $_->{durability} ne 'memory' } $first->good), '', 'Redis has taken them all';
$first->settle;
my $old = $set->master;
$set->freeze($old);
my $new = $set->wait_failover($old);
# Longer than any replica may lag behind: the old master has none by now, and will know it.
$set->wait_in_sync(1);
sleep 2.5;
$set->thaw($old);
is $set->role($old), 'master', 'the old master takes itself for the master';
my $second = Crm360::Ledger->start($site, most => 25, callers => 4, safe => 0.5);
wait_until { $second->{load}->ended } 30, 'webhooks at once';
$second->stop;
$second->settle;
$second->is_whole('a master that nobody has missed');
$set->wait_for("$old is a replica", sub { $set->role($old) eq 'slave' });
$first->is_whole('those of before');
$second->is_whole('those of after, when the old master has forgotten what it had');
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
