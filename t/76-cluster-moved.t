# Redis Cluster: a connection that was led to another node once is good for its own node afterwards, also when the
# other one has ended what it was led over.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Cluster;
use Crm360::Ledger;
use Crm360::Spool;
use Crm360::Test;
use Test::More;

# Both on the first node at first; one process of httpd hears all that is sent.
my ($stays, $moves) = map { Crm360::Cluster::database(1, nth => $_) } 1, 2;
my $set = Crm360::Cluster->new;
my $site = Crm360::Ledger::site($set, databases => { $stays => '', $moves => '' }, mpm => 'prefork',
    consumer_program => undef);
$site->start_redis;
$site->start_httpd;

my $number = 0;
sub durability {
    my ($database) = @_;
    my $url = $site->url('Adictiz/User/Participate', SourceId => 1, -database => $database);
    my $answer = $site->post($url, '{"n":' . ++$number . '}');
    return $answer->{content} =~ /"Durability":"(\w+)"/ ? $1 : "$answer->{status} $answer->{content}";
}

is durability($_), 'memory', "$_ is on the first node" for $stays, $moves;
$set->move_slot(Crm360::Cluster::slot($site->key($moves, '')), 'n2');
is durability($moves), 'memory', 'its slot is on the second one now';
for my $round (1 .. 3) {
    $set->ask('n2', 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    is durability($stays), 'memory', "round $round: the first node takes what is its own";
    is durability($moves), 'memory', '  and the second one, too';
}
is scalar(Crm360::Spool::files($site)), 0, 'nothing went to the spool';
$site->done;
