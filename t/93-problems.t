# Each type of problem that the module knows, reached by a real request: its body is a problem of RFC 9457,
# says what doc/errors.txt says, and has the fields that its status wants. A type is added by a row.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $ORDER = 'Shopify/Order/Insert';
my $site = Crm360::Test->new(
    databases => { 'acme/prod' => '', 'acme/shut' => '    Crm360Origin Shopify shopify SECRET',
        'acme/slow' => '    Crm360Rate * 1/h', 'acme/tiny' => '    Crm360WaitingMost 1' },
    location => "Crm360MaxBody 1000\nCrm360MaxHeaders 2000\nCrm360MaxParameters 20",
    modules => ['reqtimeout'],
    server => <<"END",
RequestReadTimeout body=1
<Location "$Crm360::Test::MOUNT/fsync">
    Crm360Webhook On
    Crm360Durability fsync
</Location>
END
);
$site->{databases}{'acme/shut'} =~ s{SECRET}{spew($site->dir . '/secret', "0123456789abcdef\n")}e;
chmod 0640, $site->dir . '/secret';
$site->write_conf;
$site->start_redis;
$site->start_httpd;

# One webhook: route, parameters of the URL, and body and header fields as { body => ..., ... }.
sub hook {
    my ($route, $query, $headers) = @_;
    my $body = delete $headers->{body} // '{}';
    return $site->post($site->url($route, @$query), $body, $headers);
}
sub order { return hook($ORDER, [SourceId => 1], {@_}) }
sub get { return $site->get("$Crm360::Test::MOUNT/$_[0]?SourceId=1") }

# A request in raw bytes, answered like those of HTTP::Tiny.
sub raw {
    my ($fields, $body) = @_;
    my $path = $site->url($ORDER, SourceId => 1);
    my ($head, $content) = split /\r\n\r\n/,
        $site->raw("POST $path HTTP/1.1\r\nHost: x\r\n$fields\r\n\r\n$body"), 2;
    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
    my %headers = map { /^([^:]+): (.*)/ ? (lc $1 => $2) : () } split /\r\n/, $head;
    return { status => $status, headers => \%headers, content => $content,
        json => eval { JSON::PP::decode_json($content) } };
}

# Type, status, parameter where one is at fault, and how it comes about. `fields`: header fields that the
# answer must have besides those of its status; `text`: what its detail says.
my @CASES = (
    { type => 'unknown-path', status => 404, send => sub { get('QueueProcess/acme/prod/Shopify/Order') } },
    { type => 'unknown-customer', status => 404, parameter => 'CustomerName',
        send => sub { get("QueueProcess/nobody/prod/$ORDER") } },
    { type => 'unknown-database', status => 404, parameter => 'DatabaseAlias',
        send => sub { get("QueueProcess/acme/none/$ORDER") } },
    { type => 'unknown-route', status => 404, parameter => 'ExternalEntity', text => qr{Shopify/Order/Insert},
        send => sub { get('QueueProcess/acme/prod/Shopify/Nothing/Insert') } },
    { type => 'method-not-allowed', status => 405,
        send => sub { $site->request('PUT', $site->url($ORDER, SourceId => 1), content => '{}') } },
    { type => 'bad-parameter', status => 400, parameter => 'SourceId',
        send => sub { hook($ORDER, [SourceId => 'x'], {}) } },
    { type => 'bad-parameter', status => 400, parameter => 'CustomerName',
        send => sub { get("QueueProcess/a*b/prod/$ORDER") } },
    { type => 'bad-parameter', status => 400, parameter => 'Idempotency-Key',
        send => sub { order('Idempotency-Key' => 'a b') } },
    { type => 'bad-field', status => 400, parameter => 'MobilePhoneNumber',
        send => sub { hook('Crm360/Sms/Send', [SourceId => 1], { body => '{"Message":"x"}' }) } },
    { type => 'bad-origin', status => 401, text => qr/X-Shopify-Hmac-Sha256/,
        send => sub { $site->post($site->url($ORDER, SourceId => 1) =~ s{acme/prod}{acme/shut}r, '{}') } },
    { type => 'mail-not-allowed', status => 403, parameter => 'Email',
        send => sub { hook($ORDER, [SourceId => 1, Email => 'a@example.org'], {}) } },
    { type => 'body-too-large', status => 413, send => sub { order(body => 'x' x 1001) } },
    { type => 'body-timeout', status => 408, send => sub { raw('Content-Length: 10', '{') } },
    { type => 'body-broken', status => 400,
        send => sub { raw("Transfer-Encoding: chunked", "zz\r\n") } },
    { type => 'unsupported-encoding', status => 415, parameter => 'Content-Encoding',
        fields => { 'accept-encoding' => 'identity' }, text => qr/SetInputFilter DEFLATE/,
        send => sub { order('Content-Encoding' => 'gzip') } },
    { type => 'unsupported-media-type', status => 415, parameter => 'Content-Type',
        fields => { accept => 'application/cloudevents+json' }, text => qr{application/cloudevents\+json},
        send => sub { order('Content-Type' => 'application/cloudevents-batch+json', body => '[]') } },
    { type => 'bad-event', status => 400, parameter => 'id', send => sub { order('ce-specversion' => '1.0') } },
    { type => 'bad-event', status => 400, text => qr/line 1, column 1: expected/,
        send => sub { order('Content-Type' => 'application/cloudevents+json', body => '[]') } },
    { type => 'headers-too-large', status => 431, text => qr/Crm360MaxHeaders is 2000\b/,
        send => sub { order('X-Long' => 'x' x 2000) } },
    { type => 'too-many-parameters', status => 400, text => qr/Crm360MaxParameters is 20\b/,
        send => sub { hook($ORDER, [SourceId => 1, map { ("p$_" => 1) } 1 .. 20], {}) } },
    { type => 'rate-limited', status => 429, expect => qr/CRM0220: .*acme.slow/, send => sub {
        my $path = $site->url($ORDER, SourceId => 1) =~ s{acme/prod}{acme/slow}r;
        return (map { $site->post($path, $_) } '{"id":1}', '{"id":2}')[1];
    } },
    { type => 'queue-full', status => 503, expect => qr/CRM0220: .*acme.tiny/, send => sub {
        my $path = $site->url($ORDER, SourceId => 1) =~ s{acme/prod}{acme/tiny}r;
        return (map { $site->post($path, $_) } '{"id":1}', '{"id":2}')[1];
    } },
    { type => 'idempotency-key-reused', status => 422, parameter => 'Idempotency-Key',
        send => sub { (map { order('Idempotency-Key' => 'k', body => $_) } 1, 2)[1] } },
    { type => 'durability-not-reached', status => 503, expect => qr/CRM0103/, send => sub {
        (my $path = $site->url($ORDER, SourceId => 1)) =~ s{/QueueProcess}{/fsync/QueueProcess};
        $site->post($path, '{}');
    } },
    # Redis ends with this one.
    { type => 'queue-away', status => 503, expect => qr/CRM0101/,
        send => sub { $site->stop_redis; order() } },
);

# ---- the table is whole ----

my %known = map { $_ => 1 }
    slurp(root() . '/mod_crm360_reply.c') =~ /^ +\[PROBLEM_\w+\] = *\{\s*HTTP_\w+,\s*"([\w-]+)",/mg;
my %cases = map { $_->{type} => 1 } @CASES;
is join(' ', grep { !$cases{$_} } sort keys %known), '', 'each type of the module has a row here';
is join(' ', grep { !$known{$_} } sort keys %cases), '', 'and each row a type of the module';
cmp_ok scalar keys %known, '>=', 17, 'there are some: ' . keys %known;
my %told = slurp(root() . '/doc/errors.txt') =~ /^urn:crm360:problem:([\w-]+)  (\d{3})$/mg;

# ---- each of them ----

my (%title, %instances);
for my $case (@CASES) {
    my ($type, $status) = @$case{qw(type status)};
    my $name = $type . ($case->{parameter} ? " of $case->{parameter}" : '');

    $site->expect_log($case->{expect}) if $case->{expect};
    my $answer = $case->{send}->();
    my $json = $answer->{json} || {};
    my %fields = %{ $case->{fields} || {} };

    is $answer->{status}, $status, "$name: status" or diag $answer->{content};
    is $answer->{headers}{'content-type'}, 'application/problem+json', '  its media type';
    is_deeply [sort keys %$json],
        [sort qw(type title status detail instance), $case->{parameter} ? 'parameter' : ()], '  its members';
    is $json->{type}, "urn:crm360:problem:$type", '  its type';
    is $json->{status}, $status, '  its status, that of HTTP';
    is $told{$type}, $status, '  and that of doc/errors.txt';
    is $json->{parameter}, $case->{parameter}, '  the parameter at fault';
    like $json->{title}, qr/^[A-Z].{8,}[^.]$/, '  a title';
    is $json->{title}, $title{$type} //= $json->{title}, '  which is that of the type';
    like $json->{detail}, qr/^[A-Z].{10,}\.$/, '  a sentence';
    like $json->{detail}, $case->{text}, '  that says what to do' if $case->{text};
    like $json->{instance}, qr{^/ProcessManagement/[^?#]+$}, '  the path, without its query';
    $fields{allow} = 'GET, POST, OPTIONS' if $status == 405;
    ok $answer->{headers}{'www-authenticate'}, '  how it could be proven' if $status == 401;
    is $answer->{headers}{$_}, $fields{$_}, "  $_" for sort keys %fields;
    if ($status == 503 || $status == 429) {
        like $answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/, '  when to try again';
    }
    else {
        is $answer->{headers}{'retry-after'}, undef, '  trying again would not help';
    }
    is $answer->{headers}{'cache-control'}, 'no-store', '  nobody keeps it';
}

# ---- a platform that wants text ----

my $answer = hook('Smsbox/Sms/Callback', [SourceId => 'x'], {});
is "$answer->{status} $answer->{headers}{'content-type'} $answer->{content}", '400 text/plain ERROR',
    'Smsbox gets its word for each of them';
$answer = hook('Smsbox/Sms/Callback', [SourceId => 1], { 'Content-Encoding' => 'br' });
is "$answer->{status} $answer->{content} $answer->{headers}{'accept-encoding'}", '415 ERROR identity',
    '  with the same status and fields';

$site->stop_httpd;
$site->done;
