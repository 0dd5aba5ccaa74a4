# What a message has changed before it failed is undone, and nothing else of its batch; whether the batch had
# savepoints (after one has failed so, the next ones have) or not.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty',
    settings => "Crm360Workers live 1\nCrm360RetrySchedule 1h 1h\n");
my ($live, $dead, $claims) = map { $site->key($DB, $_) } qw(live dead claims);

sub effects {
    return $site->value($DB, "select group_concat(Serial, ' ') from (select Serial from Effects order by Serial + 0)");
}
sub noted { return $site->value($DB, 'select count(*) from WebhookInbox') }

# A batch of such orders; all that is not retried or refused leaves its effect.
sub batch {
    my ($what, $serials, $waiting, $died, $noted, @orders) = @_;

    $site->stop_consumer;
    $site->push_order($_) for @orders;
    $site->start_consumer;
    wait_until { !$site->redis('ZCOUNT', $live, '-inf', 1000 * ($site->redis('TIME')->[0] + 1)) && !$site->redis('HLEN', $claims) }
        10, "$what: all have been tried";
    is $site->redis('ZCARD', $live), $waiting, "$what: those that are to be tried again wait";
    is $site->redis('ZCARD', $dead), $died, "$what: those that are refused are dead letters";
    is effects(), $serials, "$what: what is done has left its effect, once; what failed has not";
    is noted(), $noted, "$what: and only what is done is noted as such";
    return;
}

$site->start_redis;
$site->migrate;
$site->value($DB, 'create table Effects (Serial text, MessageId text, RanAt text)');
$site->start_consumer;
$site->expect_log(qr/CRM031[01]/);

batch('failed without a change', '1 2 3', 1, 1, 3, 'done 1', 'reject', 'done 2', 'retry', 'done 3');
batch('failed with a change', '1 2 3 4 5 6 7', 2, 2, 7,
    'done 4', 'retry 100', 'done 5', 'reject', 'done 6', 'done 7');
batch('again, with savepoints', '1 2 3 4 5 6 7 8 9 10', 3, 4, 10,
    'reject 101', 'done 8', 'retry 102', 'done 9', 'reject', 'done 10');
batch('the only one', '1 2 3 4 5 6 7 8 9 10', 4, 4, 10, 'retry 103');
batch('fails with an error', '1 2 3 4 5 6 7 8 9 10 11', 5, 4, 11, 'fault 104', 'done 11');

$site->done;
