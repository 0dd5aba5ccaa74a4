# CloudEvents over HTTP: what is stored and what is known again, what handlers get of an event in structured
# mode, with BatchMode and mail copies too, and the handshake by which a sender asks for permission.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;

my $DB = 'acme/prod';
my $INSERT = 'Shopify/Customer/Insert';
my $JSON = 'application/cloudevents+json';
my $site = Crm360::Test->new(
    redis_goes => 1,
    databases => { $DB => '    Crm360EmailAllow *@example.org', 'acme/test' => '' },
    settings => "Crm360Workers live 1\nCrm360DedupKey none Adictiz\nCrm360DedupWindow 0s Mailjet\n",
);
Crm360::Spool::make($site, '10M');
$site->expect_log(qr/CRM0101|CRM0102|CRM0330/);
$site->start_redis;
$site->migrate;
$site->start_httpd;

my $serial = 0;
sub key { return $site->key($DB, $_[0]) }
sub queued {
    my $sum = 0;
    $sum += $site->redis('ZCARD', key($_)) for qw(live batch send);
    return $sum;
}
# Head and body as they are stored.
sub stored { return split /(?<=\r\n)\r\n/, $site->redis('GET', key("message:$_[0]")) // '', 2 }

# Posts to a route; -query => [...] and -database are not header fields.
sub post {
    my ($route, $body, %headers) = @_;
    my @query = @{ delete $headers{-query} || [] };
    my $database = delete $headers{-database} || $DB;
    return $site->post($site->url($route, -database => $database, SourceId => 1, @query), $body, \%headers);
}
# An event in binary mode, and one in structured mode whose members, but for those given as raw JSON, are
# good ones.
sub binary {
    my ($route, $body, %attributes) = @_;
    my %headers = map { /^-|^[A-Z]/ ? ($_ => $attributes{$_}) : ("ce-$_" => $attributes{$_}) } keys %attributes;
    return post($route, $body, 'ce-specversion' => '1.0', 'ce-id' => ++$serial, 'ce-source' => '/t',
        'ce-type' => 'x', %headers);
}
sub envelope {
    my (%members) = @_;
    my %all = (specversion => '"1.0"', id => '"' . ++$serial . '"', source => '"/t"', type => '"x"', %members);
    return '{' . join(', ', map { defined $all{$_} ? qq("$_" :$all{$_}) : () } sort keys %all) . ' }';
}
sub structured {
    my ($route, $members, %headers) = @_;
    return post($route, envelope(%$members), 'Content-Type' => $JSON, %headers);
}
sub id_of { return $_[0]{json}{MessageId} // "status $_[0]{status}" }
sub is_new {
    my ($answer, $name) = @_;
    ok $answer->{status} == 200 && !$answer->{json}{Duplicate}, "$name: a message of its own" or diag $answer->{content};
    return id_of($answer);
}
sub is_repetition {
    my ($answer, $first, $name) = @_;
    return is id_of($answer) . ' ' . ($answer->{json}{Duplicate} ? 'dup' : 'new'), "$first dup", "$name: the first message";
}

# ---- stored as it came ----

{
    my $id = is_new(binary($INSERT, '{"id":1}', subject => 'Euro%20%E2%82%AC', time => '2026-11-23T15:58:00Z',
            anything => 'else'), 'binary mode');
    my ($head, $body) = stored($id);
    is $body, '{"id":1}', '  its body';
    like $head, qr/^\Q$_\E\r$/mi, "  $_" for 'ce-specversion: 1.0', 'ce-subject: Euro%20%E2%82%AC',
        'ce-time: 2026-11-23T15:58:00Z', 'ce-anything: else', 'Content-Type: application/json';
    my $text = envelope(subject => '"s"', data => '{"id":2}');
    $id = is_new(post($INSERT, $text, 'Content-Type' => "$JSON; charset=utf-8"), 'structured mode');
    ($head, $body) = stored($id);
    is $body, $text, '  its body is the event';
    like $head, qr{^Content-Type: \Q$JSON\E; charset=utf-8\r$}m, '  and its type that of one';
}

# ---- known again ----

{
    my %event = (id => 'A%2D1', source => '/shop/7');
    my $first = is_new(binary($INSERT, '{"id":1}', %event), 'an event');
    is_repetition(binary($INSERT, '{"id":1}', %event), $first, 'once more');
    is_repetition(binary($INSERT, '{"id":1}', %event, id => 'A-1'), $first, 'with its id written otherwise');
    is_repetition(binary($INSERT, '{"id":99}', %event, type => 'y'), $first, 'with another body and type');
    is_repetition(structured($INSERT, { id => '"A\u002d1"', source => '"/shop/7"', data => '{}' }), $first,
        'in structured mode');
    is_repetition(binary($INSERT, '{"id":1}', %event, 'X-Shopify-Webhook-Id' => 'other'), $first,
        'with another id of the platform');
    is_new(binary($INSERT, '{"id":1}', %event, id => 'A-2'), 'another id');
    is_new(binary($INSERT, '{"id":1}', %event, source => '/shop/8'), 'another source');
    is_new(binary('Shopify/Customer/Update', '{"id":1}', %event), 'on another route');
    is_new(binary('Tabology/Ticket/Update', '{"id":1}', %event), 'on another platform');
    is_new(binary($INSERT, '{"id":1}', %event, -query => [SourceId => 2])->{status} == 400
        ? $site->post($site->url($INSERT, SourceId => 2), '{"id":1}', { 'ce-specversion' => '1.0',
            'ce-id' => 'A-1', 'ce-source' => '/shop/7', 'ce-type' => 'x' }) : {}, 'from another SourceId');
    is binary($INSERT, '{"id":1}', %event, -database => 'acme/test')->{json}{Duplicate}, JSON::PP::false,
        'in another database it is another';
    my $mail = $site->post($site->url($INSERT, -process => 'EmailProcess', SourceId => 1, Email => 'a@example.org'),
        '{"id":1}', { 'ce-specversion' => '1.0', 'ce-id' => 'A-1', 'ce-source' => '/shop/7', 'ce-type' => 'x' });
    like is_new($mail, 'to be mailed'), qr/\.mail\z/, '  it is another';

    my %key = ('Idempotency-Key' => '"k 1"');
    $first = is_new(binary($INSERT, '{"id":5}', id => 'K1', %key), 'an event with a key');
    is_repetition(binary($INSERT, '{"id":5}', id => 'K2', %key), $first, '  the key counts more');
    is binary($INSERT, '{"id":6}', id => 'K1', %key)->{status}, 422, '  and refuses another content';
    $first = is_new(binary('Adictiz/User/Participate', '{}', id => 'n'), 'where the route has no key');
    is_repetition(binary('Adictiz/User/Participate', '{"a":1}', id => 'n'), $first, '  the event is one');
    is_new(binary('Mailjet/email/Callback', '[]', id => 'n'), 'where nothing is remembered') for 1, 2;
}

# ---- refused ----

{
    my $before = queued();
    for my $name (qw(specversion id source type)) {
        for my $answer (binary($INSERT, '{}', $name => '%zz'), structured($INSERT, { $name => '""' })) {
            is "$answer->{status} $answer->{json}{type} $answer->{json}{parameter}",
                "400 urn:crm360:problem:bad-event $name", "a wrong $name is named";
        }
    }
    is structured($INSERT, { $_->[0] => $_->[1] })->{json}{parameter}, $_->[0], "$_->[0] $_->[1]"
        for ['specversion', '"0.3"'], ['data_base64', '"?"'], ['datacontenttype', 7], ['id', 'null'];
    is post($INSERT, '{', 'Content-Type' => $JSON)->{json}{parameter}, undef, 'no JSON: nothing can be named';
    for my $type ('application/cloudevents-batch+json', 'application/cloudevents+xml', 'APPLICATION/CLOUDEVENTS+avro;x=y') {
        my $answer = post($INSERT, '[]', 'Content-Type' => $type);
        is "$answer->{status} $answer->{json}{type}", '415 urn:crm360:problem:unsupported-media-type', "$type is not taken";
        is $answer->{headers}{accept}, $JSON, '  and it is said what is';
    }
    is post('Smsbox/Sms/Callback', '', 'ce-specversion' => '1.0')->{content}, 'ERROR', 'Smsbox hears ERROR';
    my $sms = '{"Message":"x","MobilePhoneNumber":"none"}';
    for my $data ({ data => $sms }, { data_base64 => '"' . encode_base64($sms, '') . '"' },
        { data => JSON::PP->new->allow_nonref->encode($sms) }) {
        my $answer = structured('Crm360/Sms/Send', $data);
        is "$answer->{status} " . ($answer->{json}{parameter} // ''), '400 MobilePhoneNumber',
            'a command is looked at, whatever it is wrapped in';
    }
    is queued(), $before, 'nothing of it is queued';
}

# ---- the handshake ----

sub options {
    my ($path, %headers) = @_;
    my $answer = $site->request('OPTIONS', $path, headers => \%headers);
    return join ' ', $answer->{status}, map { $answer->{headers}{$_} // '-' } qw(allow webhook-allowed-origin
        webhook-allowed-rate);
}
{
    my $path = $site->url($INSERT);
    my $origin = 'eventemitter.example.com';
    is options($path), '204 GET, POST, OPTIONS - -', 'OPTIONS alone asks for no permission';
    is options($path, 'WebHook-Request-Origin' => $origin), "204 GET, POST, OPTIONS $origin *", 'a sender asks, and may';
    is options($path, 'WebHook-Request-Origin' => $origin, 'WebHook-Request-Rate' => 120),
        "204 GET, POST, OPTIONS $origin *", '  at any rate';
    is options($path, 'WebHook-Request-Origin' => $_), '204 GET, POST, OPTIONS - -', 'not a name: ' . substr $_, 0, 9
        for 'a b', 'a,b', 'x' x 254;
    like options($path =~ s/acme/nobody/r, 'WebHook-Request-Origin' => $origin), qr/^404 - - -/, 'nor for a database that is none';
    like options($path =~ s/Insert/Nothing/r, 'WebHook-Request-Origin' => $origin), qr/^404 - - -/, 'nor a route';
}

# ---- what handlers get ----

$site->redis('FLUSHALL');
$site->start_consumer;
sub contact { return $site->value($DB, "select LastName from Contacts where LastName = '$_[0]'") // '' }
sub customer {
    my ($name) = @_;
    return '{"id":' . (7_000_000_000_000 + ++$serial) . qq(,"email":"$name\@example.org","last_name":"$name",)
        . '"updated_at":"2026-03-02T10:15:27Z"}';
}
my $quote = JSON::PP->new->allow_nonref->latin1;
my %ways = (
    Object => sub { { data => $_[0], subject => '"in front"', time => '"2026-03-02T10:15:27Z"' } },
    Text => sub { { data => $quote->encode($_[0]) } },
    Base => sub { { data_base64 => $quote->encode(encode_base64($_[0], '')) =~ s{/}{\\/}gr } },
);
for my $way (sort keys %ways) {
    is_new(structured($INSERT, $ways{$way}->(customer("In$way"))), "data as $way");
    wait_until { contact("In$way") } 10, '  reaches its handler';
}
is_new(binary($INSERT, customer('InBinary')), 'data in binary mode');
wait_until { contact('InBinary') } 10, '  reaches its handler';

# The digits of a number that no floating point holds, and a form.
is_new(structured($INSERT, { data => '{"id":9007199254740993,"last_name":"Digits"}' }), 'a large number');
wait_until { contact('Digits') } 10, '  is taken';
is $site->value($DB, "select count(*) from ContactIdentifiers where Identifier = '9007199254740993'"), 1, '  digit by digit';
my $form = structured('Primotexto/Sms/Callback', { data => '"event=STOP&identifier=%2B33612345678&date=1772446527000"',
        datacontenttype => '"application/x-www-form-urlencoded"' });
is_new($form, 'a form');
wait_until { $site->value($DB, "select count(*) from WebhookInbox where MessageId = '" . id_of($form) . "'") } 10,
    '  is read as one';

# An array of many, whose elements live on their own, and the mail of it, which shows the whole.
my @names = map { "Many$_" } 'A' .. 'E';
my $text = envelope(data => '[' . join(",\n", map { customer($_) } @names) . ', {"id":[]}]', subject => '"batch"');
my $many = post($INSERT, $text, 'Content-Type' => $JSON, traceparent => '00-' . 'a' x 32 . '-' . 'b' x 16 . '-00',
    -query => [BatchMode => 'true', Email => 'a@example.org']);
my $id = is_new($many, 'a batch as data');
wait_until { !grep { !contact($_) } @names } 15, '  becomes one webhook for each element';
wait_until { defined $site->redis('ZSCORE', key('dead'), "$id.6") } 10, '  and one that is wrong dies alone';
my ($head, $body) = stored("$id.6");
is $body, '{"id":[]}', '  its message has the element for a body';
like $head, qr{^Content-Type: application/json\r$}m, '  of the type of the data';
is scalar(() = $head =~ /^Content-Type:/mgi), 1, '  and of no other';
like $head, qr/^Crm360-Trace: 00-a{32}-b{16}-00\r$/m, '  in the same trace';
my $mail = $site->outbox . "/$id.mail.eml";
wait_until { -e $mail } 10, '  the whole is mailed once';
my ($attached) = map { decode_base64($_) } slurp($mail) =~ /Content-Disposition: attachment.*?\r\n\r\n(.*?)\r\n--/s;
like $attached, qr/\Q$text\E\z/, '  as it came';

# What only Redis could have spoilt.
my $bad = structured($INSERT, { data => customer('Never') }, -query => [secondsOfInvisibility => 3600]);
(my $spoilt = $site->redis('GET', key('message:' . id_of($bad)))) =~ s/"1\.0"/"2.0"/;
$site->redis('SET', key('message:' . id_of($bad)), $spoilt);
$site->redis('ZADD', key('live'), 1, id_of($bad));
$site->redis('PUBLISH', 'crm360:1:wake', key('live') . ' 1');
$site->wait_log('crm360d', qr/CRM0311.*the attribute specversion of the event must be 1\.0/, 10,
    'an event that is none any more is a dead letter with the reason');
$site->expect_log(qr/CRM0311/);

# ---- in the spool ----

$site->stop_redis;
my @spooled = map { structured($INSERT, { id => '"spooled"', data => customer("Spool$_") }) } 1, 2;
is join(' ', map { "$_->{status} $_->{json}{Durability}" } @spooled), '200 spool 200 spool', 'Redis is away: both are kept';
$site->start_redis;
$site->expect_log(qr/CRM0362/);
wait_until {
    !Crm360::Spool::files($site) && !$site->redis('ZCARD', key('live'))
        && (contact('Spool1') || contact('Spool2'))
} 20, '  and come to Redis';
wait_until { ($site->redis('HGET', key('counters'), 'duplicate') // 0) == 1 } 10, '  where they are one event';
is length(contact('Spool1') . contact('Spool2')), 6, '  with one effect';

$site->done;
