# Bodies: limits by length and in chunks, bodies that are cut, late or broken, and what becomes of the
# connection afterwards. All on raw sockets: a client library would hide what is tested here.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Compress::Gzip qw(gzip);
use Test::More;
use Time::HiRes qw(time);

my $site = Crm360::Test->new(
    location => 'Crm360MaxBody 1000',
    modules => [qw(reqtimeout deflate)],
    server => <<"END",
RequestReadTimeout body=1
<Location "$Crm360::Test::MOUNT/small">
    Crm360Webhook On
    LimitRequestBody 100
</Location>
<Location "$Crm360::Test::MOUNT/inflate">
    Crm360Webhook On
    SetInputFilter DEFLATE
</Location>
END
);
$site->start_redis;
$site->start_httpd;

my $PATH = $site->url('Shopify/Order/Insert', SourceId => 1);
(my $SMALL = $PATH) =~ s{/QueueProcess}{/small/QueueProcess};
(my $INFLATE = $PATH) =~ s{/QueueProcess}{/inflate/QueueProcess};

sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }

# The stored message that an answer speaks of, as head and body.
sub stored {
    my ($answer) = @_;
    my ($id) = $answer->{body} =~ /"MessageId":"([^"]+)"/ or return ('', 'no MessageId');
    return split /(?<=\r\n)\r\n/, $site->redis('GET', $site->key('acme/prod', "message:$id")), 2;
}

# A request line and head; `head` are lines without their ends.
sub head {
    my ($path, @lines) = @_;
    return join "\r\n", "POST $path HTTP/1.1", 'Host: x', @lines, '', '';
}

sub chunked { return join '', (map { sprintf "%x\r\n%s\r\n", length $_, $_ } @_), "0\r\n\r\n" }

# Opens a connection, sends `bytes`, shuts the sending side down when `cut`, and returns the answers in
# order, each as { status, head, body }. Ends when the server closes or nothing comes for a while.
sub talk {
    my ($bytes, %option) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port})
        or die "cannot connect: $!";
    my ($text, $until, @answers) = ('', time + ($option{seconds} || 10));

    $socket->autoflush(1);
    syswrite $socket, $bytes;
    shutdown $socket, 1 if $option{cut};
    while (time < $until) {
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        next unless select $ready, undef, undef, 0.05;
        last unless sysread $socket, $text, 65536, length $text;
        last if $option{answers} && (() = $text =~ /^HTTP\/1/mg) >= $option{answers}
            && $text =~ /(?:OK|ERROR|\}\n)$/;
    }
    while ($text =~ s/^HTTP\/1\.\d (\d+)[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n//) {
        my ($status, $fields) = ($1, $2);
        my ($length) = $fields =~ /^Content-Length: (\d+)/mi;
        push @answers, { status => $status, head => $fields,
            body => substr $text, 0, $length || 0, '' };
    }
    return @answers;
}

sub statuses { return join ' ', map { $_->{status} } @_ }

# One exchange that must fail without anything being stored.
sub refused {
    my ($bytes, $status, $name, %option) = @_;
    my $before = queued();
    my @answers = talk($bytes, %option);

    is statuses(@answers), $status, "$name: $status" or diag map { $_->{body} } @answers;
    like $answers[-1]{head} // '', qr{^Content-Type: application/problem\+json}mi,
        '  as problem+json';
    like $answers[-1]{body} // '', qr/"type":"urn:crm360:problem:$option{type}"/, "  $option{type}"
        if $option{type};
    is queued(), $before, '  nothing is stored';
    return @answers;
}

# One exchange that must succeed.
sub taken {
    my ($bytes, $body, $name, %option) = @_;
    my $before = queued();
    my @answers = talk($bytes, answers => 1, %option);

    is statuses(@answers), $option{status} || '200', "$name: taken"
        or diag map { $_->{body} } @answers;
    is queued(), $before + 1, '  and stored';
    is +(stored($answers[-1]))[1], $body, '  whole';
    return @answers;
}

# ---- limits ----

taken(head($PATH, 'Content-Length: 1000') . 'x' x 1000, 'x' x 1000, 'as large as allowed');
{
    my @answers = refused(head($PATH, 'Content-Length: 1001') . 'x' x 1001, 413, 'one byte more',
        type => 'body-too-large');
    like $answers[0]{head}, qr/^Connection: close/mi, '  and the connection ends';
    like $answers[0]{body}, qr/Crm360MaxBody is 1000/, '  naming the limit';
}
refused(head($PATH, 'Content-Length: 5000000000'), 413, 'a body that is only told, not sent',
    type => 'body-too-large');
refused(head($PATH, 'Content-Length: 9223372036854775807'), 413, 'the largest length there is',
    type => 'body-too-large');
taken(head($PATH, 'Transfer-Encoding: chunked') . chunked('x' x 600, 'y' x 400),
    'x' x 600 . 'y' x 400, 'chunks, as large as allowed');
refused(head($PATH, 'Transfer-Encoding: chunked') . chunked('x' x 600, 'y' x 401), 413,
    'chunks, one byte more', type => 'body-too-large');
refused(head($SMALL, 'Content-Length: 101') . 'x' x 101, 413, 'LimitRequestBody of httpd',
    type => 'body-too-large');
refused(head($SMALL, 'Transfer-Encoding: chunked') . chunked('x' x 101), 413,
    'LimitRequestBody of httpd, in chunks', type => 'body-too-large');
taken(head($SMALL, 'Content-Length: 100') . 'x' x 100, 'x' x 100, 'just within LimitRequestBody');

# ---- bodies that do not come whole ----

refused(head($PATH, 'Content-Length: 10') . 'short', 400, 'a body that is cut', cut => 1,
    type => 'body-broken');
refused(head($PATH, 'Transfer-Encoding: chunked') . "5\r\nhello\r\n", 400,
    'chunks that are cut between two', cut => 1, type => 'body-broken');
refused(head($PATH, 'Transfer-Encoding: chunked') . "5\r\nhel", 400, 'a chunk that is cut',
    cut => 1, type => 'body-broken');
{
    my $began = time;
    refused(head($PATH, 'Content-Length: 10') . 'short', 408, 'a body that is late',
        type => 'body-timeout');
    cmp_ok time - $began, '<', 8, '  within RequestReadTimeout' if timing();
}

# ---- bodies that are wrong ----

for my $chunks ("zz\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhelloworld\r\n0\r\n\r\n", "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", "\r\n\r\n") {
    (my $shown = $chunks) =~ s/\r\n/|/g;
    my $before = queued();
    my @answers = talk(head($PATH, 'Transfer-Encoding: chunked') . $chunks);
    like statuses(@answers), qr/^4(?:00|13)$/, "broken chunks $shown are refused";
    like $answers[0]{head} // '', qr{^Content-Type: application/problem\+json}mi,
        '  as problem+json';
    like $answers[0]{head} // '', qr/^Connection: close/mi, '  and the connection ends';
    is queued(), $before, '  nothing is stored';
}
for my $case (['Content-Length: -1'], ['Content-Length: 1x'], ['Content-Length: 2, 3'],
    ['Transfer-Encoding: gzip'], ['Transfer-Encoding: gzip, chunked', 'Content-Length: 2']) {
    my $before = queued();
    my @answers = talk(head($PATH, @$case) . '{}', cut => 1);
    like statuses(@answers), qr/^(?:4\d\d|501)$/, "@$case is refused";
    is queued(), $before, '  nothing is stored';
}
# Both fields: chunks win, the length is dropped (RFC 9112 6.3), and nothing is smuggled behind.
{
    my $before = queued();
    my @answers = talk(head($PATH, 'Content-Length: 3', 'Transfer-Encoding: chunked')
        . chunked('hello'));
    is queued(), $before + 1, 'a length beside chunks: one message';
    is +(stored($answers[0]))[1], 'hello', '  with the body of the chunks';
}

# ---- ways to send one ----

taken(head($PATH, 'Content-Length: 5', 'Expect: 100-continue') . 'hello', 'hello',
    'Expect: 100-continue', answers => 2, status => '100 200');
refused(head($PATH, 'Content-Length: 1001', 'Expect: 100-continue'), 413,
    'Expect: 100-continue of a body that is too large: no 100', type => 'body-too-large');
{
    (my $bad = $PATH) =~ s/SourceId=1/SourceId=0/;
    refused(head($bad, 'Content-Length: 5', 'Expect: 100-continue'), 400,
        'Expect: 100-continue of a request that is refused: no 100', type => 'bad-parameter');
}
taken("POST $PATH HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 'hello', 'HTTP/1.0');
taken("GET $PATH HTTP/1.0\r\n\r\n", '', 'HTTP/1.0 without a body');
taken(head($PATH), '', 'a POST without length has no body');
taken("GET $PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 'hello',
    'a GET with a body');
taken(head($PATH, 'Transfer-Encoding: chunked') . "5;ext=1\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n",
    'hello', 'chunks with extension and trailer');
taken(head($PATH, 'Content-Length: 0'), '', 'a length of 0');
{
    my @answers = taken(head($PATH, 'Transfer-Encoding: chunked') . "0\r\n\r\n", '',
        'no chunk but the last');
    my ($head) = stored($answers[0]);
    like $head, qr/\r\nContent-Length: 0\r\n$/, '  is stored with a length';
    unlike $head, qr/Transfer-Encoding/i, '  and not in chunks';
}
# A filter of the site may unpack the body: what is stored is what came out of it, with its length.
{
    my ($packed, $plain) = ('', "hello\n" x 50);

    gzip(\$plain => \$packed) or die "gzip failed\n";
    taken(head($INFLATE, 'Content-Length: ' . length $packed, 'Content-Encoding: gzip') . $packed,
        $plain, 'a body that a filter unpacks');
}

# ---- the connection afterwards ----

my $GOOD = head($PATH, 'Content-Length: 5') . 'hello';
{
    my $before = queued();
    my @answers = talk($GOOD x 3, answers => 3);
    is statuses(@answers), '200 200 200', 'three in a row on one connection, sent at once';
    is queued(), $before + 3, '  are three messages';
}
# A refusal that httpd keeps the connection after: the body of the refused one is skipped.
{
    my $before = queued();
    (my $unknown = $GOOD) =~ s{Shopify/Order}{Shopify/Basket};
    (my $mail = $GOOD) =~ s{SourceId=1}{SourceId=1&Email=a\@example.org};
    (my $method = $GOOD) =~ s{^POST}{PUT};
    my @answers = talk("$unknown$mail$method$GOOD", answers => 4);
    is statuses(@answers), '404 403 405 200', 'after 404, 403 and 405 the connection goes on';
    is queued(), $before + 1, '  and one message is stored';
    is +(stored($answers[-1]))[1], 'hello', '  the right one';
}
# After a 400 httpd closes: what follows is not read as a request.
{
    my $before = queued();
    (my $bad = $GOOD) =~ s{SourceId=1}{SourceId=0};
    my @answers = talk("$bad$GOOD");
    is statuses(@answers), '400', 'after 400 the connection ends';
    is queued(), $before, '  and nothing behind it is taken';
}
{
    my $before = queued();
    my @answers = talk(head($PATH, 'Transfer-Encoding: chunked') . "zz\r\n$GOOD");
    is statuses(@answers), '400', 'what stands behind a broken chunk';
    is queued(), $before, '  is no request';
}
{
    my $before = queued();
    my @answers = talk("POST $PATH HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"
        . "hello$GOOD", answers => 2);
    is statuses(@answers), '200 200', 'keep-alive of HTTP/1.0';
    is queued(), $before + 2, '  two messages';
}
{
    (my $close = $GOOD) =~ s{Host: x}{Host: x\r\nConnection: close};
    my @answers = talk("$close$GOOD");
    is statuses(@answers), '200', 'Connection: close is obeyed';
}
# HEAD: an answer without a body, and the next one is read right.
{
    my $before = queued();
    my @answers = talk("HEAD $PATH HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    is $answers[0]{status}, 405, 'HEAD: 405';
    is $answers[0]{body}, '', '  without a body';
    is queued(), $before, '  queues nothing';
}
$site->done;
