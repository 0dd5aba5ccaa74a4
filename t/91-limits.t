# Limits of what comes in, each at its limit and one above: sizes by location, rates by database and platform,
# what may wait; and the page that shows all of it.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Spool;
use Crm360::Test;
use Digest::SHA qw(hmac_sha256_base64);
use Test::More;
use Time::HiRes qw(sleep time);

my $MOUNT = $Crm360::Test::MOUNT;
my $ROUTE = 'Shopify/Order/Insert';
my $site = Crm360::Test->new(
    redis_goes => 1,
    mpm => 'prefork',
    databases => {
        'acme/prod' => '',
        'acme/fast' => "Crm360Rate Shopify 3/s\nCrm360Rate Zendesk 2/h\nCrm360Rate * 1/m\nCrm360Rate mail 1/h",
        'acme/slow' => 'Crm360Rate Shopify 3/h',
        'acme/shut' => "Crm360Rate Shopify 2/h\nCrm360Origin Shopify shopify SECRET",
        'acme/few' => 'Crm360WaitingMost 3',
        'acme/small' => 'Crm360WaitingBytes 4K',
    },
    location => "Crm360MaxBody 1000\nCrm360MaxBatchBody 2000\nCrm360MaxHeaders 1K\nCrm360MaxParameters 5",
    server => <<"END",
<Location "$MOUNT/less">
    Crm360MaxBody 500
    Crm360MaxParameters 3
</Location>
<Location "$MOUNT/one">
    Crm360Webhook On
    Crm360MaxBatchBody 100
</Location>
<Location "/status">
    SetHandler crm360-status
</Location>
<VirtualHost *:*>
    ServerName main.example
</VirtualHost>
<VirtualHost *:*>
    ServerName other.example
    Crm360CommandTimeout 240ms
</VirtualHost>
END
);
my $SECRET = '0123456789abcdef';
$site->{databases}{'acme/shut'} =~ s{SECRET}{spew($site->dir . '/secret', "$SECRET\n")}e;
chmod 0640, $site->dir . '/secret';
$site->write_conf;
$site->start_redis;
$site->start_httpd;

# A path of a webhook below another mount.
sub path {
    my ($below, $database, @query) = @_;
    return $site->url($ROUTE, -database => $database, SourceId => 1, @query) =~ s{\Q$MOUNT\E}{$MOUNT$below}r;
}

# What an answer says, in one line: status, kind of problem.
sub said {
    my ($answer) = @_;
    my $type = ($answer->{json} || {})->{type} // '';
    return "$answer->{status}" . ($type =~ /problem:(.+)/ ? " $1" : '');
}

sub send_bytes { my ($path, $bytes, @more) = @_; return said($site->post($path, 'x' x $bytes, @more)) }

# The same in chunks, as a raw request; the status.
sub send_chunks {
    my ($path, $bytes) = @_;
    my $text = $site->raw(join "\r\n", "POST $path HTTP/1.1", 'Host: x', 'Connection: close',
        'Transfer-Encoding: chunked', '', sprintf('%x', $bytes - 10), 'x' x ($bytes - 10), 'a', 'x' x 10, '0', '', '');
    return $text =~ /^HTTP\/1\.1 (\d+)/ ? $1 : "no answer: $text";
}

sub status {
    my ($query) = @_;
    my $answer = $site->get('/status?format=json' . ($query ? "&$query" : ''));
    return $answer->{json} || { status => $answer->{status}, content => $answer->{content} };
}

# What the page says of one database.
sub shown { my ($alias) = @_; return status("database=acme/$alias")->{databases}[0] }

# ---- rates: who shares them ----

sub rate_of { my ($alias, $platform) = @_; return (grep { $_->{platform} eq $platform } @{ shown($alias)->{rates} })[0] }

# All children of an MPM share a rate; so do virtual hosts with settings of their own.
for my $mpm (qw(prefork event)) {
    my $path = path('', 'acme/slow');
    if ($mpm ne $site->{mpm}) {
        $site->stop_httpd;
        $site->{mpm} = $mpm;
        $site->start_httpd;
    }
    my %times;
    my @sockets = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port}) } 1 .. 12;
    for my $n (0 .. $#sockets) {
        print { $sockets[$n] } "POST $path HTTP/1.1\r\nHost: " . ($n % 2 ? 'main' : 'other')
            . ".example\r\nConnection: close\r\nContent-Length: 3\r\n\r\n" . (100 + $n);
    }
    for my $socket (@sockets) {
        local $/;
        $times{ (readline $socket) =~ /^HTTP\/1\.1 (\d+)/ ? $1 : 'none' }++;
    }
    is_deeply \%times, { 200 => 3, 429 => 9 }, "$mpm: of twelve at once so many as may come";
    is_deeply rate_of('slow', 'Shopify'),
        { platform => 'Shopify', number => 3, seconds => 3600, used => 3, refused => 9 }, "$mpm: as the page shows";
}

# ---- sizes ----

for my $case (['', '', 1000], ['', 'true', 2000], ['/less', '', 500], ['/less', 'true', 2000], ['/one', '', 1000],
    ['/one', '1', 100]) {
    my ($below, $batch, $most) = @$case;
    my $path = path($below, 'acme/prod', $batch ? (BatchMode => $batch) : ());
    my $what = ($below || 'the location') . ($batch ? ', BatchMode' : '');
    is send_bytes($path, $most), '200', "$what: $most bytes";
    is send_bytes($path, $most + 1), '413 body-too-large', "$what: one more";
    is send_chunks($path, $most), 200, "$what: $most bytes in chunks";
    is send_chunks($path, $most + 1), 413, "$what: one more in chunks";
}
is send_bytes(path('', 'acme/prod', BatchMode => 'false'), 1001), '413 body-too-large', 'BatchMode=false is none';
like $site->post(path('/one', 'acme/prod', BatchMode => 1), 'x' x 101)->{json}{detail},
    qr/Crm360MaxBatchBody is 100 bytes/, 'the answer names the limit';

for my $case (['', 5], ['/less', 3], ['/one', 5]) {
    my ($below, $most) = @$case;
    my @query = map { ("p$_" => 1) } 2 .. $most;
    is send_bytes(path($below, 'acme/prod', @query), 1), '200', "$below: $most parameters";
    is send_bytes(path($below, 'acme/prod', @query, more => 1), 1), '400 too-many-parameters', "$below: one more";
}
is send_bytes(path('', 'acme/prod') . '&' x 50, 1), '200', 'nothing between two & is none';

{
    # Of a raw request, so that all its fields are known.
    my $path = path('', 'acme/prod');
    my $ask = sub {
        my ($bytes) = @_;
        my @fields = (Host => 'x', Connection => 'close', 'Content-Length' => 1);
        $bytes -= length join '', @fields, 'X-More';
        return $site->raw(join "\r\n", "POST $path HTTP/1.1", map({ "$fields[$_]: $fields[$_ + 1]" } 0, 2, 4),
            'X-More: ' . 'y' x $bytes, '', 'x');
    };
    like $ask->(1024), qr{^HTTP/1.1 200 }, '1024 bytes of header fields';
    my $answer = $ask->(1025);
    like $answer, qr{^HTTP/1.1 431 Request Header Fields Too Large}, 'one more';
    like $answer, qr{"urn:crm360:problem:headers-too-large"}, 'is told';
}

# ---- rates: to whom what is said ----

{
    my $path = path('', 'acme/slow');
    my $answer = $site->post($path, 'x');
    is said($answer), '429 rate-limited', 'too fast';
    like $answer->{headers}{'retry-after'}, qr/^1[12]\d\d$/, 'the next one in twenty minutes';
    like $answer->{json}{detail}, qr/takes 3 requests of Shopify in an hour/, 'which the answer explains';
    is send_bytes(path('', 'acme/prod'), 1), '200', 'another database is not concerned';
    my $text = $site->raw("POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 900\r\n"
        . "Expect: 100-continue\r\n\r\n", 5);
    like $text, qr{^HTTP/1.1 429 }, 'it is said before the body is asked for';
    like $site->raw("POST $path HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n", 5),
        qr{^HTTP/1.1 429 .*^Connection: close\r$}ms, 'nor does it wait for one that never comes';
}

{
    my $path = path('', 'acme/shut');
    my $signed = sub { return { 'X-Shopify-Hmac-Sha256' => hmac_sha256_base64($_[0], $SECRET) . '=' } };
    is join(' ', map { said($site->post($path, $_)) } 1 .. 4), join(' ', ('401 bad-origin') x 4),
        'who proves nothing';
    is send_bytes($path, 7, { 'X-Shopify-Hmac-Sha256' => 'A' x 43 . '=' }), '401 bad-origin', 'or the wrong thing';
    is rate_of('shut', 'Shopify')->{used}, 0, 'uses nothing up';
    is join(' ', map { said($site->post($path, $_, $signed->($_))) } 'one', 'two', 'three'), '200 200 429 rate-limited',
        'of what others may send';
}

{
    my $zendesk = $site->url('Zendesk/Ticket/Update', -database => 'acme/fast', SourceId => 1);
    is send_bytes("$zendesk&ZoneId=x", 1), '400 bad-parameter', 'a request that is wrong' for 1 .. 5;
    is rate_of('fast', 'Zendesk')->{used}, 0, 'uses nothing up';
    is join(' ', map { said($site->post($zendesk, $_)) } 1 .. 3), '200 200 429 rate-limited', 'a platform has its own';
    my $smsbox = $site->url('Smsbox/Sms/Callback', -database => 'acme/fast', SourceId => 1, sms => 1);
    is $site->get($smsbox)->{status}, 200, 'one without a line has that of all';
    my $answer = $site->get("$smsbox&n=2");
    is "$answer->{status} $answer->{content}", '429 ERROR', 'Smsbox hears ERROR';
    like $answer->{headers}{'retry-after'}, qr/^(?:60|59|58|5\d)$/, 'and when it may come again';
    is said($site->get($site->url('Primotexto/Sms/Callback', -database => 'acme/fast', SourceId => 1))), '200',
        'each of these is counted by itself';
}

{
    my $path = path('', 'acme/fast');
    my (@said, $answer);
    for my $n (1 .. 40) {
        $answer = $site->post($path, "n$n");
        push @said, said($answer);
        last if $answer->{status} == 429;
    }
    is $said[-1], '429 rate-limited', 'after ' . $#said . ' of 3 a second';
    is $answer->{headers}{'retry-after'}, 1, 'part of a second is a second';
    sleep $answer->{headers}{'retry-after'};
    is send_bytes($path, 3), '200', 'after that time the next one passes';
}

# ---- what may wait ----

my $few = path('', 'acme/few');
is join(' ', map { said($site->post($few, "n$_")) } 1 .. 3), '200 200 200', 'as many as may wait';
{
    my $full = $site->post($few, 'n4');
    is said($full), '503 queue-full', 'one more';
    is $full->{headers}{'retry-after'}, 30, 'is told to come again';
    my $again = $site->post($few, 'n2', { 'X-Shopify-Webhook-Id' => 'w' });
    is said($again), '503 queue-full', 'another delivery of the same content, too';
}
{
    my $small = path('', 'acme/small');
    my ($taken, $bytes) = (0, 0);
    for (1 .. 20) {
        my $answer = $site->post($small, 'x' x 500 . $_);
        last if $answer->{status} != 200;
        $taken++;
        $bytes += $site->redis('STRLEN', $site->key('acme/small', "message:$answer->{json}{MessageId}"));
    }
    cmp_ok $bytes, '<=', 4096, "by bytes: $bytes in $taken messages";
    cmp_ok $bytes + $bytes / $taken, '>', 4096, 'one more would be too much';
    is shown('small')->{waitingBytes}, $bytes, 'the page shows as many';
    is shown('small')->{limits}{waitingBytes}, 4096, 'and how many there may be';
    is said($site->post($small, 'x')), '200', 'a smaller one still fits' if $bytes < 3600;
}
{
    my $key = { 'Idempotency-Key' => 'one' };
    my $path = path('', 'acme/few', ZoneId => 1);
    $site->redis('DEL', map { $site->key('acme/few', $_) } 'live');
    my $first = $site->post($path, 'a', $key);
    is said($site->post($few, "m$_")), '200', 'filled again' for 1 .. 2;
    my $again = $site->post($path, 'a', $key);
    is "$again->{status} $again->{json}{MessageId}", "200 $first->{json}{MessageId}", 'full: a repetition is known';
    is_deeply [@{ shown('few') }{qw(waiting limits)}],
        [{ live => 3, batch => 0, send => 0 }, { waiting => 3, waitingBytes => undef }], 'three of three, says the page';
    is shown('few')->{counters}{refused}, 2, 'and how many were refused';
}

# ---- the page ----

{
    my $page = $site->get('/status');
    is $page->{status}, 200, 'the page';
    is $page->{headers}{'content-type'}, 'text/html; charset=utf-8', 'is HTML';
    is $page->{headers}{'cache-control'}, 'no-store', 'that nobody keeps';
    like $page->{content}, qr{acme/few</a></th><td>3 of 3 <meter }, 'what waits';
    like $page->{content}, qr{acme/fast</a></th><td class="t">Zendesk</td><td>2/h</td><td>2 of 2 }, 'rates';
    like $page->{content}, qr{\Q$MOUNT\E/less</th><td>500</td><td>2\.0K</td><td>1\.0K</td><td>3</td>}, 'locations';
    unlike $page->{content}, qr/<script|(?:src|href)="[^?#]/, 'no script, and nothing from elsewhere';
    my $evil = $site->get('/status?database=%22%3E%3Cscript%3E')->{content};
    like $evil, qr/value="&quot;&gt;&lt;script&gt;"/, 'what is asked for is shown escaped';
    unlike $evil, qr/<script/, 'everywhere';
    is status('database=ACME/f')->{matching}, 2, 'databases by their beginning, in any case';
    is status('database=nobody')->{matching}, 0, 'or none';
    is_deeply [map { $_->{path} } grep { $_->{maxBatchBody} == 100 } @{ status()->{locations} }], ["$MOUNT/one"],
        'limits of locations in JSON';
    is $site->request('HEAD', '/status')->{status}, 200, 'HEAD';
    my $post = $site->post('/status', 'x');
    is $post->{status}, 403, 'nothing is done with it';
    like $site->request('PUT', '/status')->{headers}{allow}, qr/^(?=.*\bGET\b)(?!.*POST)/, 'it is only read';
    is $site->get('/status?format=xml')->{status}, 400, 'no other format';
    $site->redis('DEL', $site->key('acme/prod', 'send'));
    $site->redis('SET', $site->key('acme/prod', 'send'), 'wrong');
    is shown('prod')->{waiting}{send}, -1, 'a key of another type is told';
    is $site->redis('GET', $site->key('acme/prod', 'send')), 'wrong', 'and left as it is';
}
is $site->get('/crm360-status')->{status}, 404, 'there is no such page where none is set';

# Of each database and reason one line in each life of httpd, however many were refused.
{
    my @lines = $site->log_text('httpd-error') =~ /CRM0220: webhooks of (\S+) are refused: (?:some|as many)/g;
    my %count;
    $count{$_}++ for @lines;
    is $count{'acme/slow'}, 2, 'the log says when it begins, once in each life';
    is $count{$_}, 1, "  of $_" for qw(acme/fast acme/shut acme/few acme/small);
    is $count{'acme/prod'}, undef, '  and not of who is not held back';
}

$site->expect_log(qr/CRM0101/, qr/CRM0220/, qr/AH01630/);
$site->stop_redis;
{
    my $page = $site->get('/status');
    is $page->{status}, 503, 'without Redis';
    like $page->{content}, qr/Redis is out of reach/, 'the page says so';
    like $page->{content}, qr{Zendesk</td><td>2/h}, 'and shows the rates';
    my $json = status();
    ok !$json->{redisAnswers} && @{ $json->{databases} } == 6 && !exists $json->{databases}[0]{waiting},
        'as JSON, too';
}
$site->finish;

# ---- a full database and the spool ----

my $spooling = Crm360::Test->new(
    redis_goes => 1,
    databases => { 'acme/prod' => 'Crm360WaitingMost 2' },
    consumer_program => 't/crm360d_faulty',
    appendonly => 1,
);
Crm360::Spool::make($spooling, '1M');
$spooling->expect_log(qr/CRM0101|CRM0102|CRM0330|CRM0220/);
$spooling->start_redis;
$spooling->migrate;
$spooling->value('acme/prod', 'create table Effects (Serial text, MessageId text, RanAt text)');
$spooling->start_httpd;

sub spooled { return scalar(() = Crm360::Spool::files($spooling)) }

my $path = $spooling->url('Adictiz/User/Participate', SourceId => 1);
is join(' ', map { $spooling->post("$path&secondsOfInvisibility=600", "later $_")->{status} } 1 .. 3), '200 200 503',
    'full';
is spooled(), 0, 'the spool is for Redis, not for this';
$spooling->stop_redis;
is $spooling->post($path, "effect $_ 0")->{json}{Durability}, 'spool', "Redis is away: $_ goes to the spool" for 4 .. 7;
is spooled(), 4, 'four of them';
$spooling->start_redis;
wait_until { $spooling->post($path, 'done 8')->{status} == 503 } 5, 'Redis is back: still full';
my $spooled = spooled();
$spooling->start_consumer;
wait_until { spooled() == 0 && $spooling->value('acme/prod', 'select count(*) from WebhookInbox') == $spooled } 15,
    'what was acknowledged goes in, limit or not, and is done';
is said($spooling->post($path, 'done 9')), '503 queue-full', 'and it is as full as before';
$spooling->redis('ZREM', $spooling->key('acme/prod', 'live'),
    $spooling->redis('ZRANGE', $spooling->key('acme/prod', 'live'), 0, 0)->[0]);
is said($spooling->post($path, 'done 10')), '200', 'until there is room again';
$spooling->done;
