# Redis Sentinel: the master is stopped (SIGSTOP) under a load of webhooks and goes on when another one has taken its
# place. For some seconds it still takes itself for the master, and it has connections of ours: it must not swallow
# what is acknowledged then.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Ledger;
use Crm360::Sentinel;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

diag 'CRM360_SEED=' . Crm360::Chaos::seed();

my $set = Crm360::Sentinel->new;
my $site = Crm360::Ledger::site($set, databases => { 'acme/prod' => '', 'beta/shop' => '' });
Crm360::Ledger::start_site($site);

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 120, safe => 0.5);
my (@gaps, @thawed);

# Stops the master; it goes on as soon as there is another one, or when crm360d has carried the spool into that.
sub replace_master {
    my ($when) = @_;
    my $old = $set->master;
    my $from = int(time * 1000);

    $set->freeze($old);
    my $new = $set->wait_failover($old);
    push @gaps, [$from, int(time * 1000)];
    diag sprintf '%s is stopped, %s is the master %.1f s later, %d in the spool', $old, $new,
        ($gaps[-1][1] - $from) / 1000, scalar Crm360::Spool::files($site);
    wait_until { Crm360::Spool::files($site) == 0 } 15, 'the spool is emptied into the new master' if $when eq 'later';
    $set->thaw($old);
    push @thawed, int(time * 1000);
    is $set->role($old), 'master', "the old master goes on $when and takes itself for the master";
    $set->wait_for("$old is a replica", sub { $set->role($old) eq 'slave' });
    diag sprintf '%s is a replica %.1f s later', $old, time - $thawed[-1] / 1000;
    $set->wait_in_sync;
    return;
}

sleep 1;
replace_master($_) for (qw(later at-once)) x (Crm360::Chaos::full() ? 4 : 1);
sleep 0.5;
$ledger->stop;
$ledger->settle;

my $account = $ledger->is_whole('masters stopped', gaps => [$set->gaps(@gaps)]);
sub after_a_thaw { my ($try) = @_; return grep { $try->{asked} > $_ && $try->{asked} < $_ + 8000 } @thawed }
is scalar(grep { after_a_thaw($_) } @{ $account->{lost} }), 0,
    'the old masters have swallowed nothing that was acknowledged';
cmp_ok scalar(grep { after_a_thaw($_) && $_->{durability} eq 'memory' } $ledger->good), '>', 50,
    'though there was a load';
cmp_ok $account->{levels}{$_} || 0, '>', 10, "some 2xx were of the level $_" for qw(memory replica spool);
is $account->{silent}, 0, 'every caller heard an answer';
is $account->{dead}, 0, 'no dead letter';
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
