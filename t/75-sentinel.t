# Redis Sentinel: under a load of webhooks the master is killed, comes back as a replica, and the one that took its
# place is killed in turn. httpd and crm360d find the new master by themselves, the spool bridges the gap and is
# emptied afterwards. Of what a replica had to confirm nothing is lost, and nothing is done twice; of the rest only
# what was acknowledged about when the master died may be, and it is counted.
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

my $ROUNDS = Crm360::Chaos::full() ? 8 : 2;
my $set = Crm360::Sentinel->new;
my $site = Crm360::Ledger::site($set, databases => { 'acme/prod' => '', 'beta/shop' => '' });
Crm360::Ledger::start_site($site);
my %processes = map { $_ => $site->{$_}->pid } qw(httpd consumer);

sub status { my ($code, $text) = $site->ctl('status'); return "$code: $text" }

like status(), qr/^0: /, 'crm360ctl status: all is well';
all_is_well();

sub all_is_well {
    my ($code, $text) = $site->ctl('check');
    is $code, 0, 'crm360ctl check: all is well' or diag $text;
    return;
}

my $ledger = Crm360::Ledger->start($site, rate => Crm360::Chaos::slow() ? 30 : 120, safe => 0.5);
my @gaps; # [from, to] in ms: what was acknowledged in between may be lost where no replica was demanded

# Kills the master; the name of the new one.
sub fail_over {
    my ($round) = @_;
    my $old = $set->master;
    my $from = int(time * 1000);

    $set->kill($old);
    my ($code) = $site->ctl('status');
    isnt $code, 0, "round $round: crm360ctl status without a master: exit code $code";
    my $new = $set->wait_failover($old);
    push @gaps, [$from, int(time * 1000)];
    diag sprintf 'round %d: %s is killed, %s is the master %.1f s later, %d in the spool', $round, $old, $new,
        ($gaps[-1][1] - $from) / 1000, scalar Crm360::Spool::files($site);
    wait_until { Crm360::Spool::files($site) == 0 } 15, "round $round: the spool is emptied into the new master";
    wait_until { status() =~ /^0: / } 10, "round $round: crm360ctl status: all is well";
    # It asks the sentinels to make it a replica again, which takes some ten seconds.
    $set->restart($old);
    $set->wait_for("$old is a replica", sub { $set->role($old) eq 'slave' });
    $set->wait_in_sync;
    return $new;
}

sleep 1;
isnt fail_over($_), undef, "failover $_" for 1 .. $ROUNDS;
sleep 1;
$ledger->stop;
$ledger->settle;

my $account = $ledger->is_whole("$ROUNDS masters killed", gaps => [$set->gaps(@gaps)]);
cmp_ok $account->{levels}{$_} || 0, '>', 10, "some 2xx were of the level $_" for qw(memory replica spool);
is $account->{silent}, 0, 'every caller heard an answer';
is $account->{dead}, 0, 'no dead letter';
is $site->{$_}->pid, $processes{$_}, "$_ is the same process" for sort keys %processes;
all_is_well();
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
