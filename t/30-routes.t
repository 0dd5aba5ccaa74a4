# Every route takes GET and POST: the right answer, the right lane, and the request stored as it came.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(time);

my %LANE = (elfy76310 => 'batch', Crm360 => 'send', CaptainWallet => 'send');
my @ROUTES = (
    (map { my $entity = $_; map { "Shopify/$entity/$_" } qw(Insert Update Delete) }
        qw(Customer Product Order)),
    qw(Adictiz/User/Participate Primotexto/Sms/Callback Smsbox/Sms/Callback
        Smsbox/Sms/CallbackStop Mailjet/email/Callback elfy76310/process/Rnvp
        elfy76310/process/RnvpDedup Zendesk/Ticket/Update Tabology/Ticket/Create
        Tabology/Ticket/Update Crm360/Sms/Send Crm360/Email/Send
        CaptainWallet/LoyaltyCard/SendUpdate),
);

my $site = Crm360::Test->new(databases => { 'acme/prod' => '', 'Acme/Test.2' => '' });
$site->start_redis;
$site->start_httpd;

sub lane_of { my ($route) = @_; return $LANE{ (split m{/}, $route)[0] } || 'live' }

# The ids in a lane, as a hash of id => score.
sub queued {
    my ($lane, $database) = @_;
    return { @{ $site->redis('ZRANGE', $site->key($database || 'acme/prod', $lane), 0, -1,
        'WITHSCORES') } };
}

sub stored {
    my ($id, $database) = @_;
    return $site->redis('GET', $site->key($database || 'acme/prod', "message:$id"));
}

# The one id that is new in a lane, compared with what was there before.
sub new_id {
    my ($lane, $before, $database) = @_;
    my $now = queued($lane, $database);
    my @new = grep { !exists $before->{$_} } keys %$now;
    return @new == 1 ? $new[0] : scalar(@new) . ' new messages';
}

# One accepted request: answer, lane, id. Returns id and stored message.
sub accepted {
    my ($answer, $route, $before, $name) = @_;
    my $lane = lane_of($route);
    my $id = new_id($lane, $before);
    (my $suffix = $route) =~ tr{/}{-};

    is $answer->{status}, 200, "$name: 200" or diag $answer->{content};
    like $id, qr/^[0-9A-HJKMNP-TV-Z]{26}-\Q$suffix\E$/, "$name: queued in $lane";
    if ($route =~ /^Smsbox/) {
        is $answer->{content}, 'OK', "$name: the text OK";
        like $answer->{headers}{'content-type'}, qr{^text/plain}, "$name: as plain text";
    }
    else {
        is $answer->{headers}{'content-type'}, 'application/json', "$name: a JSON receipt";
        is $answer->{json}{MessageId}, $id, "$name: with the id";
        is $answer->{json}{Durability}, 'memory', "$name: and what is certain";
        is JSON::PP::encode_json([$answer->{json}{Duplicate}]), '[false]', "$name: no duplicate";
        like $answer->{json}{VisibleAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
            "$name: and its time";
    }
    return ($id, stored($id) // '');
}

is scalar @ROUTES, 22, 'the documented routes';
for my $route (@ROUTES) {
    for my $method (qw(GET POST)) {
        my $before = queued(lane_of($route));
        my $body = $method eq 'POST' ? "body of \0 $route\r\n\r\n" : '';
        my $answer = $site->request($method, $site->url($route, SourceId => 7),
            $body ne '' ? (content => $body) : ());
        my (undef, $message) = accepted($answer, $route, $before, "$method $route");
        my ($head, $rest) = split /\r\n\r\n/, $message, 2;

        is $rest, $body, "$method $route: the body byte for byte";
        like $head, qr/^$method \S+\?SourceId=7 HTTP\/1\.1\r\n/, "$method $route: the request line";
        like $head, qr{^Crm360-Route: \Q$route\E\r}m, "$method $route: the route";
    }
}

# ---- the fixtures, as the platforms send them ----

my $fixtures = Crm360::Fixtures::fixtures();
my %seen;
for my $file (sort keys %$fixtures) {
    my $fixture = $fixtures->{$file};
    my ($route) = $fixture->{target} =~ m{/acme/prod/([^?]+)};
    my $before = queued(lane_of($route));
    my $answer = $site->post_fixture($file);
    my ($id, $message) = accepted($answer, $route, $before, $file);
    my (undef, $body) = split /\r\n\r\n/, $message, 2;
    my $content = slurp(root() . "/t/fixtures/$file");

    is $body, $fixture->{kind} eq 'body' ? $content : '', "$file: the body byte for byte";
    my ($target) = $message =~ /^\S+ (\S+)/;
    is $target, $fixture->{target} . ($fixture->{kind} eq 'query' ? "&$content" : ''),
        "$file: the target as it came";
    $seen{$route}++;
}
is_deeply [sort keys %seen], [sort @ROUTES], 'every route has a fixture';

# ---- spelling ----

for my $case (
    ['queueprocess/ACME/Prod/shopify/CUSTOMER/insert', 'acme/prod', 'Shopify/Customer/Insert'],
    ['QUEUEPROCESS/acme/TEST.2/MAILJET/EMAIL/CALLBACK', 'Acme/Test.2', 'Mailjet/email/Callback'],
    ['QueueProcess/aCmE/prod/ELFY76310/Process/rnvpdedup/', 'acme/prod',
        'elfy76310/process/RnvpDedup'],
    ['%51ueueProcess/acme/prod/Zendesk/Ti%63ket/Update', 'acme/prod', 'Zendesk/Ticket/Update'],
) {
    my ($path, $database, $route) = @$case;
    my ($customer, $alias) = split m{/}, $database;
    my $before = queued(lane_of($route), $database);
    my $answer = $site->post("$site->{mount}/$path?SOURCEID=3", '{}');
    my $id = new_id(lane_of($route), $before, $database);
    (my $suffix = $route) =~ tr{/}{-};

    is $answer->{status}, 200, "$path is accepted" or diag $answer->{content};
    like $id, qr/-\Q$suffix\E$/, '  and the id spells the route as the table does';
    like stored($id, $database),
        qr{^Crm360-Customer: $customer\r\nCrm360-Database: \Q$alias\E\r\nCrm360-Route: $route\r}m,
        '  and the message spells the names as configuration and table do';
}

# ---- lanes, delays, what is written ----

for my $case (['Shopify/Order/Insert', 'batch'], ['elfy76310/process/Rnvp', 'batch'],
    ['Crm360/Sms/Send', 'send']) {
    my ($route, $lane) = @$case;
    my $before = queued($lane);

    is $site->post($site->url($route, SourceId => 1, BatchMode => 'true'), '{}')->{status}, 200,
        "$route with BatchMode";
    my $id = new_id($lane, $before);
    like $id, qr/-/, "  waits in $lane";
    like stored($id), qr/^Crm360-Batch-Mode: true\r/m, '  and the message says so';
}
{
    my $before = queued('live');
    my $answer = $site->post($site->url('Shopify/Order/Insert', SourceId => 1, BatchMode => 0), '');
    my $id = new_id('live', $before);

    unlike stored($id), qr/Batch-Mode/, 'BatchMode=0 stays in live and is not written';
    like stored($id), qr/\r\nContent-Length: 0\r\n\r\n$/, 'an empty body is fine';
}
for my $seconds (0, 1, 3600, 604800) {
    my $before = queued('live');
    my $answer = $site->post(
        $site->url('Shopify/Order/Insert', SourceId => 1, secondsOfInvisibility => $seconds), '{}');
    my $ms = queued('live')->{ new_id('live', $before) };
    my ($date, $fraction) = $answer->{json}{VisibleAt} =~ /^(.*)\.(\d{3})Z$/;
    my $received = time;

    cmp_ok abs($ms / 1000 - $received - $seconds), '<', timing() ? 2 : 30,
        "secondsOfInvisibility=$seconds: visible then";
    my @t = gmtime int($ms / 1000);
    is "$date.$fraction", sprintf('%04d-%02d-%02dT%02d:%02d:%02d.%03d', $t[5] + 1900, $t[4] + 1,
        @t[3, 2, 1, 0], $ms % 1000), '  and VisibleAt is the score of the queue';
}
{
    my $before = queued('live');
    my $path = $site->url('Shopify/Customer/Insert', SourceId => 12, ZoneId => 2147483647,
        BrandId => 4, ContactAddressTypeId => 5, store => 'L1 & co');
    my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

    $site->request('POST', "$path&token=secret-in-query", content => '{}', headers => {
        traceparent => $trace, Cookie => 'secret=1', Authorization => 'Basic secret',
        'X-Crm360Api-Token' => 'secret', 'X-Crm360Api-CustomerName' => 'acme',
        'Crm360-Origin' => 'forged', 'Crm360-Id' => 'forged', 'X-Own' => ['a', 'b'],
        'Keep-Alive' => 'timeout=5', 'X-Shopify-Hmac-Sha256' => 'abc=',
    });
    my $message = stored(new_id('live', $before));
    my ($head) = split /\r\n\r\n/, $message;

    like $head, qr/\r\n$_(?:\r|$)/, "stored: $_" for
        'Crm360-Source-Id: 12', 'Crm360-Zone-Id: 2147483647', 'Crm360-Brand-Id: 4',
        'Crm360-Contact-Address-Type-Id: 5', 'Crm360-Peer: 127\.0\.0\.1', 'Crm360-Origin: none',
        "Crm360-Trace: $trace", "Host: 127\\.0\\.0\\.1:$site->{port}", 'X-Own: a, b',
        'X-Crm360Api-CustomerName: acme', 'X-Shopify-Hmac-Sha256: abc=';
    unlike $message, qr/secret|forged|Keep-Alive|Connection/i, 'no credential, no forged field';
    like $head, qr/^POST \Q$path\E HTTP/, 'the target is raw, without the token';
    my ($date) = $head =~ /^Crm360-Received: (\S+)\r/m;
    like $date, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'and when it was received';
}
for my $bad ('00-' . '0' x 32 . '-00f067aa0ba902b7-01', 'x', '',
    'ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01') {
    my $before = queued('live');

    $site->post($site->url('Shopify/Order/Insert', SourceId => 1), '{}', { traceparent => $bad });
    unlike stored(new_id('live', $before)), qr/Crm360-Trace/, "no trace from '$bad'";
}
# A request target in absolute form: its authority wins over Host (RFC 9112 3.2.2).
{
    my $before = queued('live');
    my $path = $site->url('Shopify/Order/Insert', SourceId => 1);
    my $answer = $site->raw("POST http://localhost:8$path HTTP/1.1\r\n"
        . "Host: 127.0.0.1:$site->{port}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    like $answer, qr/^HTTP\/1\.1 200 /, 'a target in absolute form is taken';
    my $message = stored(new_id('live', $before));
    like $message, qr/^POST \Q$path\E HTTP/, '  and stored in origin form';
    like $message, qr/^Host: localhost:8\r/m, '  with its authority';
}
# A head that exceeds the room reserved for it, and a body that is larger than one part.
for my $size (0, 1, 100_000, 700_000) {
    my $before = queued('live');
    my $long = 'v' x 6000;
    my $body = join '', map { chr($_ * 7 % 256) } 1 .. $size;
    my $answer = $site->post($site->url('Shopify/Order/Update', SourceId => 1), $body,
        { 'X-Long' => $long });
    my ($head, $rest) = split /\r\n\r\n/, stored(new_id('live', $before)), 2;

    is $answer->{status}, 200, "a long head and $size bytes";
    like $head, qr/\r\nX-Long: $long\r\n/, '  head kept';
    ok $rest eq $body, '  body kept';
}

# ---- methods ----

my %before = map { $_ => queued($_) } qw(live batch send);
for my $method (qw(HEAD PUT DELETE PATCH TRACE CONNECTX PROPFIND get)) {
    my $answer = $site->request($method, $site->url('Shopify/Order/Insert', SourceId => 1));

    is $answer->{status}, 405, "$method: 405";
    is $answer->{headers}{allow}, 'GET, POST, OPTIONS', '  with Allow';
    is $answer->{json}{type}, 'urn:crm360:problem:method-not-allowed', '  as a problem'
        if $method ne 'HEAD';
}
{
    my $answer = $site->request('OPTIONS', $site->url('Shopify/Order/Insert'));

    is $answer->{status}, 204, 'OPTIONS: 204, without any parameter';
    is $answer->{headers}{allow}, 'GET, POST, OPTIONS', '  with Allow';
    is $answer->{content} // '', '', '  and nothing else';
}
is_deeply { map { $_ => queued($_) } qw(live batch send) }, \%before, 'none of them queued anything';

# ---- notes for LogFormat ----

{
    my $before = queued('send');

    $site->post($site->url('Crm360/Sms/Send', SourceId => 1), '{}');
    my $id = new_id('send', $before);
    wait_until { $site->log_text('httpd-access')
            =~ /200 \d+ id=\Q$id\E queue=crm360:1:\{acme\/prod\}:send push=\d+$/m } 5,
        'LogFormat can name id, queue and time of the push';
}
$site->done;
