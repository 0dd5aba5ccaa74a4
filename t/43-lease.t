# Leases: a batch that takes longer than its lease keeps it by extending, and a worker that was stopped past
# its lease completes nothing.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 2s\n",
);
$site->start_redis;
$site->migrate;

sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }
sub history { return decode_json($site->redis('HGET', $site->key('acme/prod', 'failures'), $_[0]) // '{}') }
sub done { return $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId = '$_[0]'") }

{
    my @ids = map { $site->push_order('sleep 700') } 1 .. 5;
    $site->start_consumer;
    wait_until { queued() == 0 } 20, 'a batch of 3.5 s under a lease of 2 s ends';
    is_deeply [map { done($_) } @ids], [(1) x 5], 'each message has its effect';
    is_deeply $site->redis('KEYS', 'crm360:1:{*'), [$site->key('acme/prod', 'counters')],
        'no lease expired: no failure was recorded';
}

{
    # The worker is stopped in its handler for longer than lease and deadline. The master ends it; the
    # message runs again.
    my $id = $site->push_order('sleep 500');
    my $claims = $site->key('acme/prod', 'claims');
    $site->expect_log(qr/CRM0322/, qr/CRM0313/);
    wait_until { $site->redis('HEXISTS', $claims, $id) } 5, 'claimed';
    my ($worker) = decode_json($site->redis('HGET', $claims, $id))->{worker} =~ m{/(\d+)\.\d+$};
    kill 'STOP', $worker;
    wait_until { done($id) } 20, 'a worker that was stopped: its message is done by another';
    wait_until { queued() == 0 } 5, 'and leaves the queue';
    ok !kill(0, $worker), 'the stopped one is gone';
}

$site->done;
