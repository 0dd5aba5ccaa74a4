# A delivery that comes again is answered with success and the first message, and stored once: by the key of
# its route, by an Idempotency-Key, one after the other or twenty at once, for as long as its window lasts.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

# By what each route knows a repetition, and for how many hours.
my ($ID, $INVOCATION, $CONTENT, $NONE) = ('X-Shopify-Webhook-Id', 'X-Zendesk-Webhook-Invocation-Id', 'content', '');
my %ROUTES = (
    (map { my $entity = $_; map { ("Shopify/$entity/$_" => [$ID, 5]) } qw(Insert Update Delete) }
        qw(Customer Product Order)),
    'Zendesk/Ticket/Update' => [$INVOCATION, 5],
    'Mailjet/email/Callback' => [$CONTENT, 25],
    (map { ("Smsbox/Sms/$_" => [$CONTENT, 13]) } qw(Callback CallbackStop)),
    (map { ($_ => [$CONTENT, 25]) } qw(Adictiz/User/Participate Primotexto/Sms/Callback
        Tabology/Ticket/Create Tabology/Ticket/Update)),
    (map { ($_ => [$NONE, 25]) } qw(elfy76310/process/Rnvp elfy76310/process/RnvpDedup Crm360/Sms/Send
        Crm360/Email/Send CaptainWallet/LoyaltyCard/SendUpdate)),
);
is scalar keys %ROUTES, 22, 'every route';

my $site = Crm360::Test->new(databases => { 'acme/prod' => '    Crm360EmailAllow *@example.org', 'acme/test' => '' }, location => 'Crm360MaxBody 60M');
$site->start_redis;
$site->start_httpd;

my $serial = 0;
my $redis = Crm360::Redis->connect($site->redis_socket);

sub fresh { return '{"n":' . ++$serial . '}' }
sub key { return $site->key('acme/prod', $_[0]) }
sub messages { return scalar @{ $redis->command('KEYS', '*:message:*') } }
sub counter { return $redis->command('HGET', key('counters'), $_[0]) // 0 }
# One webhook: body, then headers by name.
sub hook {
    my ($route, $body, %headers) = @_;
    my $source = delete $headers{-source} // 1;
    my @query = @{ delete $headers{-query} || [] };
    return $site->post($site->url($route, SourceId => $source, @query), $body, \%headers);
}
sub id_of { return $_[0]{json}{MessageId} // "status $_[0]{status}" }
# The last id in httpd's log, by what LogFormat shows.
sub logged_id { return ($site->log_text('httpd-access') =~ /id=(\S+)/g)[-1] }
# The one delivery that is remembered for a message.
sub seen_of {
    my ($id) = @_;
    my ($hash) = $redis->command('GET', key("message:$id")) =~ /^Crm360-Dedup-Key: (\S+)\r$/m;
    return $hash && key("seen:$hash");
}

sub is_new {
    my ($answer, $name) = @_;
    my $id = id_of($answer);

    ok $answer->{status} == 200 && $answer->{json} && !$answer->{json}{Duplicate}
        && defined $redis->command('GET', key("message:$id")), "$name: a message of its own"
        or diag "$answer->{status} $answer->{content}";
    return $id;
}
sub is_repetition {
    my ($answer, $first, $name) = @_;
    my $json = $answer->{json} || {};

    return is "$answer->{status} " . id_of($answer) . ' ' . ($json->{Duplicate} ? 'dup' : 'new'),
        "200 $first dup", "$name: the first message";
}

# ---- every route ----

for my $route (sort keys %ROUTES) {
    my ($by, $hours) = @{ $ROUTES{$route} };
    my @headers = $by =~ /^X-/ ? ($by => "delivery " . ++$serial) : ();
    my $body = fresh();
    my ($queued, $counted) = (messages(), counter('duplicate'));
    my @answers = map { hook($route, $body, @headers) } 1 .. 3;

    if ($route =~ /^Smsbox/) {
        is join(' ', map { "$_->{status} $_->{content}" } @answers), '200 OK 200 OK 200 OK', "$route hears OK";
        is messages(), $queued + 1, "$route: one message";
    }
    elsif (!$by) {
        is_new($_, $route) for @answers;
        is messages(), $queued + 3, "$route: a command may be given again";
        my $key = ++$serial;
        my $first = is_new(hook($route, $body, 'Idempotency-Key' => $key), "$route with a key");
        is_repetition(hook($route, $body, 'Idempotency-Key' => $key), $first, "$route with a key");
        next;
    }
    else {
        my $first = is_new($answers[0], $route);
        is_repetition($_, $first, $route) for @answers[1, 2];
        is $answers[2]{json}{VisibleAt}, $answers[0]{json}{VisibleAt}, '  and when that is visible';
        is $answers[2]{json}{Durability}, 'memory', '  and how safe it is';
        wait_until { logged_id() eq $first } 5, '  httpd logs its id';
        is messages(), $queued + 1, '  stored once';
        my $seen = seen_of($first);
        cmp_ok abs($redis->command('PTTL', $seen) / 3600_000 - $hours), '<', 0.1, "  remembered for $hours h";
        like $redis->command('GET', $seen), qr/^\Q$first\E [0-9a-f]{32} \d{13}$/, '  in words one can read';
        is_new(hook($route, $body, @headers, -source => 2), '  from another source');
    }
    is counter('duplicate'), $counted + 2, '  and the repetitions are counted';
    is_new(hook($route, $body), "$route without its id") if @headers;
}

# ---- an id of the platform ----

my $order = 'Shopify/Order/Insert';
{
    my ($one, $two) = (fresh(), fresh());
    my %id = ('X-Shopify-Webhook-Id' => 'b54557e4');
    my $first = is_new(hook($order, $one, %id), 'an id');
    my $second = is_new(hook($order, $two, %id), 'the same id with another body');
    is_repetition(hook($order, $one, %id), $first, 'the one again');
    is_repetition(hook($order, $two, %id), $second, 'the other again');
    is_repetition(hook($order, $one, %id, -query => [ZoneId => 3]), $first, 'with another query');
    is_new(hook('Shopify/Order/Update', $one, %id), 'of another route');
    my $path = $site->url($order, SourceId => 1, -database => 'acme/test');
    my $there = $site->post($path, $one, \%id);
    is $there->{json}{Duplicate}, JSON::PP::false, 'in another database: a message of its own';

    $redis->command('ZREM', key('live'), $first);
    $redis->command('DEL', key("message:$first"));
    is_repetition(hook($order, $one, %id), $first, 'when it is done already');
    is $redis->command('ZSCORE', key('live'), $first), undef, '  nothing is queued again';
}

# ---- content ----

{
    my $route = 'Primotexto/Sms/Callback';
    my $get = sub { $site->get($site->url($route, SourceId => 1, @_)) };
    my $first = is_new($get->(n => ++$serial, token => 'one'), 'a request without a body');
    is_repetition($get->(n => $serial, token => 'one'), $first, 'the same query');
    is_repetition($get->(n => $serial, token => 'two'), $first, 'the same but for the token');
    is_new($get->(n => ++$serial), 'another query');
    my $body = fresh();
    $first = is_new(hook($route, $body), 'a body');
    is_new(hook($route, $body, -query => [store => 7]), 'the same body, another query');
    is_new(hook($route, "$body "), 'another body, the same query');
    is_repetition(hook($route, $body), $first, 'both the same');
}

# ---- Idempotency-Key ----

{
    my $body = fresh();
    my %key = ('Idempotency-Key' => '8e03978e-40d5-43dd-bc93-6894a57f9324');
    my $first = is_new(hook($order, $body, %key, 'X-Shopify-Webhook-Id' => 'a'), 'a key');
    is_repetition(hook($order, $body, %key, 'X-Shopify-Webhook-Id' => 'b'), $first,
        'it counts more than the platform\'s id');
    is_repetition(hook($order, $body, 'idempotency-key' => qq{"$key{'Idempotency-Key'}"}), $first, 'in quotes');
    my $before = messages();
    for my $round (1 .. 2) {
        my $answer = hook($order, fresh(), %key);
        is $answer->{status}, 422, 'with another body: 422';
        is $answer->{headers}{'content-type'}, 'application/problem+json', '  as problem+json';
        is $answer->{json}{type}, 'urn:crm360:problem:idempotency-key-reused', '  saying what it is';
        is $answer->{json}{parameter}, 'Idempotency-Key', '  and naming the field';
    }
    is messages(), $before, '  and nothing is stored';
    is_repetition(hook($order, $body, %key), $first, 'the first body is still known');
    is_new(hook('Shopify/Order/Update', fresh(), %key), 'the same key on another route');
    my $sms = sub { $site->get($site->url('Smsbox/Sms/Callback', SourceId => 1, n => $_[0]), \%key) };
    is join(' ', map { "$_->{status} $_->{content}" } map { $sms->($_) } 1, 1, 2), '200 OK 200 OK 422 ERROR',
        'Smsbox hears OK, OK and ERROR';

    # A string of a structured field (the draft's own form), with blanks, escapes and parameters.
    $first = is_new(hook($order, $body, 'Idempotency-Key' => '"two words"'), 'a key with a blank');
    is_repetition(hook($order, $body, 'Idempotency-Key' => '"two words";v=1'), $first, '  with a parameter');
    $first = is_new(hook($order, $body, 'Idempotency-Key' => '"a\\"b"'), 'a key with an escape');
    is_new(hook($order, $body, 'Idempotency-Key' => '"a\\\\b"'), '  and another');

    # Where a key counts: route, database and process. Other parameters and fields are none of the content.
    my %again = ('Idempotency-Key' => 'again');
    $first = is_new(hook($order, $body, %again), 'a key again');
    is_repetition(hook($order, $body, %again, -query => [ZoneId => 7], 'X-Other' => 'field'), $first,
        '  with another query and field');
    is_new(hook('Zendesk/Ticket/Update', fresh(), %again), '  on another platform');
    my $elsewhere = $site->post($site->url($order, SourceId => 1, -database => 'acme/test'), fresh(), \%again);
    ok $elsewhere->{status} == 200 && !$elsewhere->{json}{Duplicate}, '  in another database';
    my $mail = sub { $site->post($site->url($order, SourceId => 1, -process => 'EmailProcess', Email => 'a@example.org'),
        $_[0], \%again) };
    $first = is_new($mail->($body), '  of EmailProcess');
    is_repetition($mail->($body), $first, '  which knows it too');
    is $mail->(fresh())->{status}, 422, '  and refuses another content';

    # The content of a GET is its query.
    my $get = sub { $site->get($site->url('Primotexto/Sms/Callback', SourceId => 1, @_), { 'Idempotency-Key' => 'get' }) };
    $first = is_new($get->(n => 1, token => 'one'), 'a GET with a key');
    is_repetition($get->(n => 1, token => 'two'), $first, '  once more, with another token');
    is $get->(n => 2)->{status}, 422, '  with another query: 422';

    $before = messages();
    for my $bad ('a b', '""', '"open', 'x' x 256, 'a"b') {
        my $answer = hook($order, $body, 'Idempotency-Key' => $bad);
        is "$answer->{status} $answer->{json}{type} $answer->{json}{parameter}",
            '400 urn:crm360:problem:bad-parameter Idempotency-Key', "no key: '" . substr($bad, 0, 10) . "'";
    }
    my $path = $site->url($order, SourceId => 1);
    for my $lines ("Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "Idempotency-Key:\r\n",
        "Idempotency-Key: caf\xe9\r\n") {
        like $site->raw("POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}Content-Length: 2\r\n\r\n{}"),
            qr{^HTTP/1\.1 400 }, 'nor two, nor an empty one, nor one beyond ASCII';
    }
    is messages(), $before, '  and nothing is stored';
    is_new(hook($order, $body, 'Idempotency-Key' => 'x' x 255), '255 characters');
}

# ---- at once ----

for my $round (1 .. 3) {
    my %headers = $round == 1 ? ('X-Shopify-Webhook-Id' => "at once $round") : ('Idempotency-Key' => "once-$round");
    my $body = $round == 3 ? fresh() . 'x' x 400_000 : fresh();
    my ($queued, $counted) = (messages(), counter('duplicate'));
    my (@pipes, %ids, %kinds);

    for (1 .. 20) {
        my $pid = open my $pipe, '-|';
        die "cannot fork: $!" unless defined $pid;
        if (!$pid) {
            delete $site->{http};
            my $answer = hook($order, $body, %headers);
            print id_of($answer), ' ', $answer->{json}{Duplicate} ? 'dup' : 'new', "\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        push @pipes, $pipe;
    }
    for my $pipe (@pipes) {
        my ($id, $kind) = split ' ', readline $pipe;
        $ids{$id}++;
        $kinds{$kind}++;
        close $pipe;
    }
    is_deeply [values %ids], [20], "twenty at once, round $round: all hear of one message" or diag explain \%ids;
    is_deeply \%kinds, { new => 1, dup => 19 }, '  which one of them made';
    is messages(), $queued + 1, '  stored once';
    is counter('duplicate'), $counted + 19, '  and counted';
}

# ---- large ----

{
    my $body = fresh() . 'x' x 3_000_000;
    my %id = ('X-Shopify-Webhook-Id' => 'large');
    my $bytes = sub { $redis->command('INFO', 'stats') =~ /^total_net_input_bytes:(\d+)/m ? $1 : 0 };
    my $first = is_new(hook($order, $body, %id), 'a message in parts');
    my $before = $bytes->();
    is_repetition(hook($order, $body, %id), $first, 'again');
    cmp_ok $bytes->() - $before, '<', 10_000, '  and it does not travel to Redis twice';
    is_deeply $redis->command('KEYS', '*:parts'), [], '  nothing is left of it';
}

# ---- what is remembered is spoilt ----

{
    my $body = fresh();
    my %id = ('X-Shopify-Webhook-Id' => 'spoilt');
    my $first = is_new(hook($order, $body, %id), 'a delivery');
    my $seen = seen_of($first);
    for my $bad (['SET', $seen, 'nonsense'], ['SET', $seen, ''], ['SET', $seen, "$first x 1"], ['DEL', $seen],
        ['LPUSH', $seen, 'a list'], ['SET', $seen, "other ffffffffffffffffffffffffffffffff 1"]) {
        $redis->command('DEL', $seen);
        $redis->command(@$bad);
        my $next = is_new(hook($order, $body, %id), "@$bad[0, 2 .. $#$bad]");
        is_repetition(hook($order, $body, %id), $next, '  and known again then');
    }
    $redis->command('DEL', key('counters'));
    $redis->command('SET', key('counters'), 'wrong');
    is hook($order, $body, %id)->{json}{Duplicate}, JSON::PP::true, 'a counter of the wrong type does not matter';
    $redis->command('DEL', key('counters'));
}

# ---- at the memory limit ----

{
    my $body = fresh();
    my %id = ('X-Shopify-Webhook-Id' => 'full');
    my $first = is_new(hook($order, $body, %id), 'a delivery');
    $site->expect_log(qr/CRM0102/, qr/new maxmemory value/);
    $redis->command('CONFIG', 'SET', 'maxmemory', 1);
    is_repetition(hook($order, $body, %id), $first, 'Redis is full, and it comes again');
    is hook($order, fresh(), %id)->{status}, 503, 'a new one is refused';
    is hook($order, fresh() . 'x' x 300_000, %id)->{status}, 503, 'a large new one as well';
    $redis->command('CONFIG', 'SET', 'maxmemory', '2gb');
    wait_until { hook($order, fresh())->{status} == 200 } 3, 'memory again';
    is_repetition(hook($order, $body, %id), $first, 'it is still known');
}
$site->stop_httpd;
$site->finish;

# ---- set otherwise ----

$site = Crm360::Test->new(settings => <<'END');
Crm360DedupWindow 1s Shopify
Crm360DedupWindow 30d Shopify/Product/Insert
Crm360DedupWindow 0s Mailjet
Crm360DedupKey content Shopify/Customer/Insert
Crm360DedupKey x-delivery Adictiz
Crm360DedupKey none Tabology/Ticket/Create
END
$site->start_redis;
$site->start_httpd;
$redis = Crm360::Redis->connect($site->redis_socket);
{
    my %id = ('X-Shopify-Webhook-Id' => 'soon');
    my $body = fresh();
    my $first = is_new(hook($order, $body, %id), 'a window of 1 s');
    my $seen = seen_of($first);
    is_repetition(hook($order, $body, %id), $first, 'within it');
    wait_until { !$redis->command('EXISTS', $seen) } 5, '  it passes';
    is_new(hook($order, $body, %id), 'after it');
    my $long = is_new(hook('Shopify/Product/Insert', $body, %id), 'a window of 30 d');
    cmp_ok $redis->command('PTTL', seen_of($long)), '>', 30 * 86_400_000 - 60_000, '  is one';

    for my $headers ([], ['Idempotency-Key' => 'k']) {
        is_new(hook('Mailjet/email/Callback', $body, @$headers), 'a window of 0s') for 1, 2;
    }
    is hook('Mailjet/email/Callback', $body, 'Idempotency-Key' => '"')->{status}, 400, '  a key must still be one';

    my $route = 'Shopify/Customer/Insert';
    $first = is_new(hook($route, $body, %id), 'content instead of the id');
    is_repetition(hook($route, $body, 'X-Shopify-Webhook-Id' => 'other'), $first, '  and another id');

    $route = 'Adictiz/User/Participate';
    is_new(hook($route, $body), 'a field instead of content, and it is not there') for 1, 2;
    $first = is_new(hook($route, $body, 'X-Delivery' => 'd'), '  and it is');
    is_repetition(hook($route, $body, 'X-DELIVERY' => 'd'), $first, '  again, in another case');
    is_new(hook($route, $body, 'X-Delivery' => 'D'), '  another value');

    $route = 'Tabology/Ticket/Create';
    is_new(hook($route, $body), 'no key') for 1, 2;
    is_new(hook($route, $body, 'Idempotency-Key' => 'k'), '  but the caller\'s');
    is hook($route, $body, 'Idempotency-Key' => 'k')->{json}{Duplicate}, JSON::PP::true, '  which counts';
    is hook('Tabology/Ticket/Update', $body)->{status}, 200, 'and the default';
    is hook('Tabology/Ticket/Update', $body)->{json}{Duplicate}, JSON::PP::true, '  where nothing is set';
}

# ---- the delay ----

{
    my $body = fresh();
    my @answers = map { hook($order, $body, 'Idempotency-Key' => 'later', -query => [secondsOfInvisibility => $_]) }
        3600, 0;
    is_repetition($answers[1], id_of($answers[0]), 'again, with another delay');
    is $answers[1]{json}{VisibleAt}, $answers[0]{json}{VisibleAt}, '  the first one counts';
}
$site->stop_httpd;
$site->done;
