# Pausing, seen from outside: crm360d leaves what is paused alone and works on the rest, and goes on where it is
# told to, also by hand and after somebody who resumed was killed half way.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty');
$site->start_redis;
$site->migrate;
$site->start_consumer;

my $paused = $site->key($DB, 'paused');
my $live = $site->key($DB, 'live');

sub done { return $site->value($DB, "select count(*) from WebhookInbox where MessageId = '$_[0]'") }
sub wake { return $site->redis('PUBLISH', 'crm360:1:wake', "$live 0") }

$site->redis('SADD', $paused, 'live');
my @held = map { $site->push_order('done') } 1 .. 3;
my $other = $site->push_order('done', lane => 'batch');
wait_until { done($other) } 5, 'another lane is worked on';
is $site->redis('ZCARD', $live), 3, 'all of a paused lane wait';
is $site->redis('HLEN', $site->key($DB, 'claims')), 0, 'nobody has taken them';
$site->redis('SREM', $paused, 'live');
wake();
wait_until { !$site->redis('ZCARD', $live) } 5, 'it goes on at once when it is told so';
is +(grep { !done($_) } @held), 0, 'and all are done';

$site->redis('SADD', $paused, 'Adictiz/User/Participate');
@held = map { $site->push_order('done') } 1 .. 3;
wait_until { 3 == $site->redis('ZCOUNT', $live, '1e14', '+inf') } 5, 'those of a paused route are parked';

# The keeper finds out what somebody has resumed by hand.
$site->redis('SREM', $paused, 'Adictiz/User/Participate');
$site->{consumer}->signal('USR1');
wait_until { !$site->redis('ZCARD', $live) } 10, 'the keeper lets them go on';
is +(grep { !done($_) } @held), 0, 'and all are done';
$site->done;
