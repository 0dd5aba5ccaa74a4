# A message that the queue delivers again after its effect was committed (its worker died before it could
# acknowledge) changes nothing: the inbox knows it.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $DB = 'acme/prod';
my @TABLES = qw(Contacts Addresses ContactIdentifiers WebhookVersions WebhookMatches);
my $site = Crm360::Test->new;
$site->start;

my $live = $site->key($DB, 'live');
my $answer = $site->post_fixture('shopify/customer-insert.json', secondsOfInvisibility => 1);
my $id = $answer->{json}{MessageId};
my $key = $site->key($DB, "message:$id");
my $stored = $site->redis('GET', $key);
ok length $stored, 'the message as it is stored';
wait_until { !$site->redis('EXISTS', $key) } 10, 'it is done';
is $site->value($DB, 'select count(*) from Contacts'), 1, 'with its effect';

# All traces of the effect go, so that doing it again could not hide behind what is there already.
my $foreign_keys_off = 'pragma foreign_keys = off;';
$site->value($DB, join ' ', $foreign_keys_off, map { "delete from $_;" } @TABLES);
is $site->value($DB, 'select count(*) from Contacts'), 0, 'the effect is taken away by hand';

# As after a lease that ran out: the message is there, and visible.
my ($now) = @{ $site->redis('TIME') };
$site->redis('SET', $key, $stored);
$site->redis('ZADD', $live, "${now}000", $id);
$site->redis('PUBLISH', 'crm360:1:wake', "$live ${now}000");

wait_until { $site->redis('ZCARD', $live) == 0 } 10, 'the second delivery is acknowledged';
ok !$site->redis('EXISTS', $key), 'and Redis has let it go';
is $site->value($DB, "select count(*) from $_"), 0, "nothing was done again: $_" for @TABLES;
is $site->value($DB, "select count(*) from WebhookInbox where MessageId = '$id'"), 1,
    'the inbox has one note';
is $site->redis('ZCARD', $site->key($DB, 'dead')), 0, 'no dead letter';

$site->done;
