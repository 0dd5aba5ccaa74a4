# Redis Cluster: a node and its replica hang, so that nobody takes their place. Whoever looks at many databases at once
# waits for them once, not for each hundred databases again.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Cluster;
use Crm360::Ledger;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(time);

my $TIMEOUT = 2; # seconds
my ($here, $gone) = map { Crm360::Cluster::database($_) } 1, 2;
my $set = Crm360::Cluster->new(settings => 'cluster-require-full-coverage no');
my $site = Crm360::Ledger::site(
    $set,
    databases => { map { $_ => '' } $here, $gone, map { sprintf 'many/n%04d', $_ } 1 .. 6000 },
    consumer_program => undef,
    settings => "Crm360CommandTimeout ${TIMEOUT}s\n",
);
$site->start_redis;
$site->start_httpd;
like $site->get('/status?format=prometheus')->{content}, qr/^crm360_done_total\{database="\Q$gone\E"/m, 'all is seen';

my $master = $set->owner($site->key($gone, ''));
my @hang = ($set->replica_of($master), $master);
$set->freeze(@hang);
my $begun = time;
my $metrics = $site->get('/status?format=prometheus')->{content};
my $took = time - $begun;
$set->thaw(@hang);
unlike $metrics, qr/^crm360_done_total\{database="\Q$gone\E"/m, 'the databases of a node that hangs are left out';
like $metrics, qr/^crm360_done_total\{database="\Q$here\E"/m, '  and others are there';
cmp_ok $took, '<', 12 * $TIMEOUT, '  in the time of a few commands, not of one for each hundred databases';
$site->done;
