# A webhook goes all the way: posted to httpd, held in Redis, carried by crm360d into the CRM table.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

my $DB = 'acme/prod';
my $site = Crm360::Test->new;
$site->start;

my $body = slurp(root() . '/t/fixtures/shopify/customer-insert.json');
my $url = $site->url('Shopify/Customer/Insert', SourceId => 1);

# Seconds since 1970 of a date-time with milliseconds, in UTC.
sub seconds {
    my ($text) = @_;
    $text =~ /^(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$/ or return 0;
    return timegm($6, $5, $4, $3, $2 - 1, $1) + $7 / 1000;
}

# ---- at once ----

my $posted = time;
my $answer = $site->post($url, $body);
is $answer->{status}, 200, 'a webhook is accepted' or diag $answer->{content};
my $id = $answer->{json}{MessageId};
like $id, qr/^[0-9A-HJKMNP-TV-Z]{26}-Shopify-Customer-Insert$/, 'with a message id';
is $answer->{json}{Durability}, 'memory', 'its durability is said';
ok !$answer->{json}{Duplicate}, 'it is no duplicate';

wait_until { $site->value($DB, 'select count(*) from Contacts') == 1 } 1, 'the row appears';
my $took = time - $posted;
ok $took < 1, 'within a second' or diag "$took s" if timing();
is_deeply [$site->sql($DB, 'select FirstName, LastName from Contacts')],
    [decode_json('{"FirstName":"Léa","LastName":"Marchand"}')], 'it is the customer';
is $site->value($DB, "select Route from WebhookInbox where MessageId = '$id'"),
    'Shopify/Customer/Insert', 'the inbox has noted the message';
wait_until { !$site->redis('EXISTS', $site->key($DB, "message:$id")) } 5, 'Redis has let it go';
is_deeply $site->redis('ZRANGE', $site->key($DB, 'live'), 0, -1), [], 'the queue is empty';
like $site->log_text('httpd-access'), qr/ 200 \d+ id=\Q$id\E queue=\S+:live push=\d+$/m,
    'the access log can show id, queue and push time';

# ---- later ----

(my $later = $body) =~ s/7312459817263/7312459817999/g;
$later =~ s/lea\.marchand/nina.roche/g;
$later =~ s/Marchand/Roche/g;
$later =~ s/\+33612345678/+33612345999/g;
$answer = $site->post("$url&secondsOfInvisibility=5", $later);
is $answer->{status}, 200, 'a webhook with secondsOfInvisibility is accepted';
my $later_id = $answer->{json}{MessageId};
my $visible = seconds($answer->{json}{VisibleAt});
cmp_ok abs($visible - time - 5), '<', 0.5, 'VisibleAt is five seconds ahead';

my ($member, $score) = @{ $site->redis('ZRANGE', $site->key($DB, 'live'), 0, -1, 'WITHSCORES') };
is $member, $later_id, 'the queue shows the id';
is $score, sprintf('%.0f', $visible * 1000), 'and its time';
my $stored = $site->redis('GET', $site->key($DB, "message:$later_id"));
like $stored, qr/^POST \Q$url\E&secondsOfInvisibility=5 HTTP\/1\.1\r\n/,
    'the stored message begins with the request line as it came';
my ($head, $content) = split /\r\n\r\n/, $stored, 2;
is $content, $later, 'and ends with the body byte for byte';
like $head, qr/^Crm360-Id: \Q$later_id\E\r?$/m, 'it carries its id';
like $head, qr/^Content-Type: application\/json\r?$/m, 'and the header fields of the caller';

my $early = 0;
while (time < $visible - 0.1) {
    $early++ if $site->value($DB, "select count(*) from Contacts where LastName = 'Roche'") > 0;
    sleep 0.1;
}
is $early, 0, 'before its time there is no row';
wait_until { $site->value($DB, "select count(*) from Contacts where LastName = 'Roche'") } 5,
    'then the row appears';
my $late = time - $visible;
ok $late >= 0 && $late <= 0.2, 'at most 200 ms late' or diag "$late s" if timing();

# ---- what cannot succeed ----

$answer = $site->post_fixture('captainwallet/loyaltycard-sendupdate.json', SourceId => 1);
is $answer->{status}, 200, 'a command about a card that nobody has is accepted';
my $lost = $answer->{json}{MessageId};
$site->expect_log(qr/CRM\d+: .*\Q$lost\E/);
wait_until { defined $site->redis('ZSCORE', $site->key($DB, 'dead'), $lost) } 5,
    'it goes to the dead letters';
my $history = decode_json($site->redis('HGET', $site->key($DB, 'failures'), $lost));
like $history->{errors}[-1]{reason}, qr/LoyaltyCardId 12345: there is none/, 'which say so';
ok $site->redis('EXISTS', $site->key($DB, "message:$lost")), 'and keep the message';

$site->done;
