# The help page and its OpenAPI document: sound, without a script and without anything of a tenant, and
# true: each example is sent to the running server, is answered as the document says, and is processed.
use strict;
use warnings;

use lib 't/lib';
use Crm360::OpenApi;
use Crm360::Test;
use Digest::SHA qw(sha256_base64);
use JSON::PP;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(
    databases => {
        $DB => 'Crm360EmailAllow *@example.org',
        'zebra/hidden' => 'Crm360EmailAllow *@secret.example',
    },
    server => <<'END',
<Location /help>
    SetHandler crm360-help
</Location>
<Location /about/hooks>
    SetHandler crm360-help
    Crm360HelpMount /in/
</Location>
<Location /about/hooks/deeper>
    SetHandler none
</Location>
END
);
$site->start;

# ---- the page ----

my $answer = $site->get('/help');
my $page = $answer->{content};
my $headers = $answer->{headers};
is $answer->{status}, 200, 'the page is there';
is $headers->{'content-type'}, 'text/html; charset=utf-8', 'as HTML';
my ($style) = $page =~ m{<style>(.*?)</style>}s;
my $hash = sha256_base64($style) . '=';
is $headers->{'content-security-policy'}, "default-src 'none'; style-src 'sha256-$hash'; base-uri "
    . "'none'; form-action 'none'; frame-ancestors 'none'", 'its policy allows its own style alone';
is $headers->{'x-content-type-options'}, 'nosniff', 'nobody may guess its type';
is $headers->{'cache-control'}, 'no-cache', 'a cache has to ask';
unlike $page, qr/<script|<link|<img|<iframe|<object|\bsrc=|\bstyle=|\bon\w+=|url\(|\@import/i,
    'it needs no script and nothing from elsewhere';

my @ids = $page =~ /\bid="([^"]+)"/g;
my %ids;
$ids{$_}++ for @ids;
is_deeply [grep { $ids{$_} > 1 } sort keys %ids], [], 'no id is there twice';
my @links = $page =~ /\bhref="([^"]+)"/g;
cmp_ok scalar @links, '>', 40, 'it has links: ' . @links;
is_deeply [grep { !/^#(.+)/ || !$ids{$1} } grep { $_ ne '/help/openapi.json' } @links], [],
    'which lead to places in it, and to the document';

my @STANDARDS = qw(Idempotency-Key ce-specversion application/cloudevents+json WebHook-Request-Origin
    traceparent Content-Encoding Retry-After 401 413 429 431);
is_deeply [grep { $page !~ /\Q$_\E/ } @STANDARDS], [], 'it tells of the standards, and of the limits';

# What a screen reader goes by.
like $page, qr/\A<!DOCTYPE html>\n<html lang="en">/, 'it says its language';
like $page, qr/<body>\s*<a class="skip" href="#content">/, 'a link leads past its head';
my $level = 0;
my @skipped = grep { my $jump = $_ > $level + 1; $level = $_; $jump } $page =~ /<h([1-6])[ >]/g;
is_deeply \@skipped, [], 'no level of headings is skipped';
is scalar(() = $page =~ /<h1>/g), 1, 'one heading of all';
my $cells = () = $page =~ /<th[ >]/g;
is scalar(() = $page =~ /<th scope="(?:col|row|rowgroup)"/g), $cells, "each of $cells heads has its scope";
is scalar(() = $page =~ /<table/g), scalar(() = $page =~ /<div class="box"[^>]*>\s*<table/g),
    'each table has a box to scroll in';
is_deeply [grep { !/"group" tabindex="0" aria-label="/ } $page =~ /<div class="box"( role[^>]*)>/g], [],
    'those that may need it can be scrolled with the keys';

# Elements are closed in their order.
my @open;
my @unbalanced;
while ($page =~ m{<(/?)(\w+)[^>]*>}g) {
    my ($closing, $name) = ($1, $2);
    next if $name =~ /^(?:meta|wbr|DOCTYPE)$/;
    if (!$closing) { push @open, $name; next }
    my $last = pop(@open) // 'nothing';
    push @unbalanced, "$last ended by $name" if $last ne $name;
}
is_deeply [@unbalanced, @open], [], 'its elements are balanced';

# Contrast by WCAG 2.1, level AA, in both schemes.
sub luminance {
    my @rgb = map { my $c = hex($_) / 255; $c <= 0.04045 ? $c / 12.92 : (($c + 0.055) / 1.055)**2.4 }
        $_[0] =~ /([0-9a-f]{2})/g;
    return 0.2126 * $rgb[0] + 0.7152 * $rgb[1] + 0.0722 * $rgb[2];
}
my @schemes = map { { /--(\w+): (#[0-9a-f]{6})/g } } $style =~ /:root \{(.*?)\}/sg;
is @schemes, 2, 'it has a light and a dark scheme';
for my $scheme (@schemes) {
    my @faint;
    for my $front (qw(text soft link mark)) {
        for my $back (qw(back box)) {
            my ($less, $more) = sort { $a <=> $b } map { luminance($scheme->{$_}) } $front, $back;
            push @faint, "$front on $back" if ($more + 0.05) / ($less + 0.05) < 4.5;
        }
    }
    is_deeply \@faint, [], 'all that is written can be read';
}

# ---- HTTP ----

is $site->get('/help/')->{content}, $page, 'a slash at the end changes nothing';
my $head = $site->request('HEAD', '/help');
is_deeply [@{ $head->{headers} }{qw(content-length etag content-type)}],
    [length $page, @$headers{qw(etag content-type)}], 'HEAD says what GET would';
is $site->get('/help', { 'If-None-Match' => $headers->{etag} })->{status}, 304,
    'who has it hears that it is the same';
for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND BREW)) {
    my $refused = $site->request($method, '/help');
    is $refused->{status}, 405, "$method is refused";
    my @allowed = sort grep { $_ ne 'TRACE' } split /\s*,\s*/, $refused->{headers}{allow} // '';
    is_deeply \@allowed, [qw(GET HEAD)], '  with what is allowed';
}
is $site->get('/about/hooks/deeper')->{status}, 404, 'elsewhere it does not answer';

sub with_host {
    my ($path, $host) = @_;
    return $site->raw("GET $path HTTP/1.1\r\nHost: $host\r\nConnection: close\r\n\r\n");
}
my $other = with_host('/about/hooks', 'hooks.example.net:8443') =~ s/<wbr>//gr;
like $other, qr{href="/about/hooks/openapi\.json"}, 'its document is below it, wherever it is';
like $other, qr{http://hooks\.example\.net:8443/in/QueueProcess/acme/prod/},
    'its examples go to Crm360HelpMount of the server that was asked';
unlike $other, qr{/ProcessManagement}, 'and nowhere else';

# ---- the document ----

$answer = $site->get('/help/openapi.json');
my $text = $answer->{content};
is $answer->{status}, 200, 'the document is there';
is $answer->{headers}{'content-type'}, 'application/json', 'as JSON';
my $api = Crm360::OpenApi->new($text);
is_deeply [$api->faults], [], 'it is sound, and its examples fit its schemas';
is $api->document->{servers}[0]{url}, $site->base . $site->{mount}, 'it says where webhooks go';
for my $secret (qw(zebra hidden secret.example redis.sock sqlite), $site->dir) {
    unlike $page . $text, qr/\Q$secret\E/i, "nobody learns of $secret";
}

# The routes are those of the fixtures, each with both processes and both methods.
my %documented = map { $_->{target} =~ m{/acme/prod/(\w+/\w+/\w+)\?} ? ($1 => 1) : () }
    values %{ Crm360::Fixtures::fixtures() };
is scalar keys %documented, 22, 'there are 22 routes';
my @wanted = map { my $route = $_;
    map { ("GET /$_/{CustomerName}/{DatabaseAlias}/$route", "POST /$_/{CustomerName}/{DatabaseAlias}/$route") }
        qw(QueueProcess EmailProcess) } keys %documented;
is_deeply [sort map { "$_->{method} $_->{path}" } $api->operations], [sort @wanted],
    'each has an operation for each process and method';
is_deeply [sort map { m{([^/]+)\.http$} ? $1 =~ tr{-}{/}r : () } glob root() . '/examples/*'],
    [sort keys %documented], 'and a file of examples/';
is_deeply [grep { !$ids{ $_ =~ tr{/}{-}r } } sort keys %documented], [], 'and a place on the page';
my ($first) = grep { $_->{path} =~ m{/QueueProcess/.*Tabology/Ticket/Create} } $api->operations;
for my $name (map { $_->{name} } grep { $_->{in} ne 'header' } @{ $first->{parameters} }) {
    like $page, qr/<code>\Q$name\E<\/code>/, "$name is in a table of the page";
}

# ---- every example is sent ----

# What no webhook brings: the card that one of them is about.
$site->rows($DB, <<'END');
insert into Contacts (ContactId, FirstName, LastName) values (9001, 'Ida', 'Holm');
insert into LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId)
    values (12345, '2990000012345', 9001, 9);
END

# Sends one; an assertion about its answer.
sub send_request {
    my ($request) = @_;
    my $got = $site->request($request->{method}, $request->{url}, headers => $request->{headers},
        defined $request->{content} ? (content => $request->{content}) : ());
    my @faults = $api->answer_faults($request, $got->{status}, $got->{headers}{'content-type'},
        $got->{content});
    my $name = $request->{operation}{operationId};

    push @faults, "status $got->{status}" if $got->{status} != 200;
    is_deeply \@faults, [], $name . ($request->{example} ? ', with a body' : '') or diag $got->{content};
    return $got->{json} ? $got->{json}{MessageId} : undef;
}

sub lanes_empty { return !grep { $site->redis('ZCARD', $site->key($DB, $_)) } qw(live batch send) }

my @requests = $api->requests;
cmp_ok scalar @requests, '>=', 88, 'requests of the document: ' . @requests;
my (@queued, @mailed, @bare);
for my $request (@requests) {
    # Smsbox puts its data into the query.
    my $whole = defined $request->{example} || $request->{url} =~ /[?&]numero=/;
    push @{ $request->{url} =~ m{/EmailProcess/} ? \@mailed : $whole ? \@queued : \@bare }, $request;
}
is scalar @queued, 24, '20 bodies, and 2 queries that may be forms, are for QueueProcess';

my @known = grep { defined } map { send_request($_) } @queued;
wait_until { $site->value($DB, 'select count(*) from WebhookInbox') == @queued } 20,
    'all of them are processed';
is_deeply [grep { !$site->value($DB, "select count(*) from WebhookInbox where MessageId = '$_'") } @known],
    [], 'by the ids of their receipts';
is_deeply [sort $site->value($DB, 'select group_concat(distinct Route) from WebhookInbox')
        =~ m{([\w/]+)}g], [sort keys %documented], 'one of each route at least';
wait_until { lanes_empty() } 10, 'nothing waits';
is $site->redis('ZCARD', $site->key($DB, 'dead')), 0, 'no dead letter';
my %effect = (
    'an order' => "select count(*) from PurchaseHeaders where PurchaseNumber = '#2001'",
    'a case' => "select count(*) from Cases where CaseIdentifier = '5101'",
    'a till sale' => "select count(*) from PurchaseHeaders where PurchaseIdentifier = 'LYO-01/61001'",
    'a participation' => "select count(*) from ContactInterests",
    'a STOP' => "select count(*) from WebhookEvents where Address = '+33639981203'",
    'a wallet update' => "select count(*) from WebhookSends where MessageId like '%-CaptainWallet-%'",
);
for my $what (sort keys %effect) {
    cmp_ok eval { $site->value($DB, $effect{$what}) } // -1, '>=', 1, "$what is in the database";
}

my @mails = glob $site->outbox . '/*.eml';
send_request($_) for @mailed;
cmp_ok scalar @mailed, '>=', 44, 'and those of EmailProcess: ' . @mailed;
wait_until { lanes_empty() && (my @now = glob $site->outbox . '/*.eml') == @mails + @mailed } 20,
    'each became a mail';
is $site->redis('ZCARD', $site->key($DB, 'dead')), 0, 'and again no dead letter';

# A GET without data is taken; that nothing can come of it is another matter.
$site->stop_consumer;
send_request($_) for @bare;
is scalar @bare, 20, 'the other method of each';

# ---- refusals are answered as the document says ----

my ($shown) = $page =~ m{<pre><code>(\{"type.*?)</code></pre>}s;
$shown =~ s/<wbr>//g;
my $refused = $site->post($site->url('Shopify/Customer/Insert'), '{}');
is_deeply $refused->{json}, JSON::PP->new->utf8->decode($shown),
    'the error that the page shows is the one that is given';

for my $request (grep { $_->{method} eq 'POST' } @queued[0 .. 3], @mailed[0 .. 3],
    grep { $_->{url} =~ /Smsbox/ } @queued) {
    my %wrong = (400 => $request->{url} =~ s/SourceId=\d+/SourceId=0/r,
        404 => $request->{url} =~ s{/acme/}{/nobody/}r,
        403 => $request->{url} =~ s/(?:&Email=[^&]+)?\z/&Email=a%40b.example/r);
    for my $status (sort keys %wrong) {
        my $got = $site->post($wrong{$status}, $request->{content}, $request->{headers});
        is $got->{status}, $status, "$request->{operation}{operationId}, made wrong: $status";
        is_deeply [$api->answer_faults($request, $got->{status}, $got->{headers}{'content-type'},
            $got->{content})], [], '  as it is described';
    }
}

# ---- lines to paste ----

my @lines = $page =~ m{<pre class="curl"><code>(.*?)</code></pre>}sg;
is @lines, 23, 'each route, and EmailProcess, has a line for a shell';
my %entity = (lt => '<', gt => '>', amp => '&', quot => '"', '#39' => "'");
spew($site->dir . '/.curlrc', "silent\nshow-error\nwrite-out = \" %{http_code}\"\n");
my @failed;
for my $line (@lines) {
    $line =~ s/<wbr>//g; # where a browser may break a line
    $line =~ s/&([^;]+);/$entity{$1}/g;
    my $script = spew($site->dir . '/line.sh', "$line\n");
    my ($code, $output) = $site->run('env', 'CURL_HOME=' . $site->dir, 'sh', $script);
    push @failed, "$line\n$output" if $code || $output !~ / 200\z/;
}
is_deeply \@failed, [], 'and each of them works as it is pasted';

$site->done;
