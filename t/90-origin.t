# Proof of origin inside httpd: it fails closed, and before a body is read; what httpd itself does with a
# request (Require, AuthType, mod_remoteip, mod_ratelimit, mod_reqtimeout, virtual hosts) goes on working;
# tokens are not stored, and their rotation breaks no deduplication; the verdict goes along with copies.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Digest::SHA qw(hmac_sha256_base64 sha1_base64);
use MIME::Base64 qw(encode_base64);
use Test::More;

my ($KEY, $TOKEN, $OLD, $PAIR) = ('shopify-secret-1', 'token-of-now-0123', 'token-before-0123', 'mailjet:fixture-pass');
my $site = Crm360::Test->new(
    modules => [qw(auth_basic authn_file authz_user remoteip ratelimit reqtimeout)],
    location => '');
my $dir = $site->dir;
my %file = (shopify => "$KEY\n", other => "shopify-secret-2\n", token => "$TOKEN\n$OLD\n", basic => "$PAIR\n",
    bad => "one\ntwo\nthree\n", short => "hunter2\n");
for my $name (sort keys %file) {
    spew("$dir/$name.secret", $file{$name});
    chmod 0600, "$dir/$name.secret";
}
spew("$dir/users", 'mailjet:{SHA}' . sha1_base64('fixture-pass') . "=\n");
$site->{databases} = {
    'acme/prod' => "Crm360Origin Shopify shopify $dir/shopify.secret\nCrm360Origin Mailjet basic $dir/basic.secret\n"
        . "Crm360Origin Primotexto token $dir/token.secret\nCrm360Origin Smsbox networks 198.51.100.0/24\n"
        . "Crm360Origin Adictiz token $dir/token.secret in=url networks=198.51.100.0/24\n"
        . "Crm360EmailAllow *\@acme.example",
    'acme/other' => "Crm360Origin Shopify shopify $dir/other.secret\nCrm360Origin * none",
    'acme/bare' => '# This one has no Crm360Origin.',
};
# The same webhooks at further locations, each with something of httpd's own.
my $LOCATIONS = join '', map { "<Location \"/$_->[0]\">\n    Crm360Webhook On\n    $_->[1]\n</Location>\n" }
    ['elsewhere', 'Require ip 192.0.2.1'], ['denied', 'Require all denied'],
    ['users', "AuthType Basic\n    AuthName x\n    AuthUserFile $dir/users\n    Require valid-user"],
    ['slow', "SetOutputFilter RATE_LIMIT\n    SetEnv rate-limit 64"];
$site->{server} = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n"
    . "RequestReadTimeout header=10 body=10\n$LOCATIONS"
    . "<VirtualHost *:*>\n    ServerName shop.example\n</VirtualHost>\n";
$site->write_conf;

# ---- a broken rule ----

{
    local $site->{databases} = { 'acme/prod' => "Crm360Origin Shopify shopify $dir/bad.secret" };
    $site->write_conf;
    my ($code, $output) = $site->configtest;
    cmp_ok $code, '!=', 0, 'a broken rule stops configtest';
    like $output, qr/CRM0201: \S+crm360\.conf:\d+: Crm360Origin: "\S+bad\.secret" has more than two lines, /,
        '  naming file and line, and what is allowed';
    ($code) = $site->run($site->consumer_command('-t'));
    is $code, 0, '  and crm360d does not open that file';
    $site->{databases} = { 'acme/prod' => "Crm360Origin Shopify shopify $dir/short.secret" };
    $site->write_conf;
    ($code, $output) = $site->configtest;
    is $code, 0, 'a secret that can be guessed is taken';
    like $output, qr/CRM0212: \S+crm360\.conf:\d+: <Crm360Database acme prod>: the secret of Shopify for shopify can be guessed: line 1/,
        '  and warned of';
    unlike $output, qr/hunter2/, '  without showing it';
    $site->{databases} = { 'acme/prod' => "Crm360Origin Shopfy none" };
    $site->write_conf;
    ($code, $output) = $site->run($site->consumer_command('-t'));
    is $code, 3, 'what is wrong in the line itself stops crm360d, too';
    like $output, qr/Crm360Origin: "Shopfy" is no platform; allowed: \*, Shopify, Adictiz/, '  and is named';
}
$site->write_conf;
$site->start_redis;
$site->start_httpd;

my $LINE = 0;
for (split /\n/, slurp($site->conf)) { $LINE++; last if /acme bare/ }
$site->wait_log('httpd-error', qr/CRM0211: \S+crm360\.conf:$LINE: <Crm360Database acme bare> has no Crm360Origin/, 5,
    'the start warns of a section without a rule, naming its line');
is scalar(() = $site->log_text('httpd-error') =~ /CRM0211/g), 1, '  and of no other';

# ---- it fails closed ----

my $BODY = '{"id":1}';
my %signed = ('X-Shopify-Hmac-Sha256' => hmac_sha256_base64($BODY, $KEY) . '=');
my $serial = 0;
sub url { my ($route, @query) = @_; return $site->url($route, SourceId => 1, n => ++$serial, @query) }

sub refused {
    my ($answer, $what, $challenge, $detail) = @_;
    is $answer->{status}, 401, $what or diag $answer->{content};
    is $answer->{headers}{'www-authenticate'}, $challenge, '  with a challenge';
    is $answer->{json}{type}, 'urn:crm360:problem:bad-origin', '  the type';
    is $answer->{json}{title}, 'The origin is not proven', '  the title';
    like $answer->{json}{detail}, $detail, '  what is expected';
    return;
}
refused($site->post(url('Zendesk/Ticket/Update'), $BODY), 'a platform without a rule', 'Signature realm="crm360"',
    qr/^This database takes nothing from Zendesk: no Crm360Origin says/);
refused($site->post(url('Shopify/Order/Insert'), $BODY), 'no signature', 'Signature realm="crm360"',
    qr/^Webhooks of Shopify prove here where they come from, by a signature of the body, in X-Shopify-Hmac-Sha256\.$/);
refused($site->post(url('Shopify/Order/Insert'), "$BODY ", \%signed), 'another body', 'Signature realm="crm360"',
    qr/X-Shopify-Hmac-Sha256/);
refused($site->post(url('Mailjet/email/Callback'), $BODY), 'no user', 'Basic realm="crm360", charset="UTF-8"',
    qr/Authorization: Basic/);
refused($site->post(url('Primotexto/Sms/Callback'), $BODY), 'no token', 'Bearer realm="crm360"', qr/X-Crm360Api-Token/);
refused($site->post(url('Shopify/Order/Insert', -database => 'acme/bare'), $BODY, \%signed),
    'a section without any rule', 'Signature realm="crm360"', qr/takes nothing from Shopify/);
refused($site->post(url('Shopify/Order/Insert', -database => 'acme/other'), $BODY, \%signed),
    'the secret of another database', 'Signature realm="crm360"', qr/X-Shopify-Hmac-Sha256/);
my $answer = $site->get(url('Smsbox/Sms/Callback'));
is $answer->{status}, 401, 'Smsbox from elsewhere';
is $answer->{content}, 'ERROR', '  hears its text';
is $answer->{headers}{'www-authenticate'}, 'Signature realm="crm360"', '  and a challenge';
is $site->request('OPTIONS', url('Shopify/Order/Insert'))->{status}, 204, 'OPTIONS needs no proof';
is $site->request('HEAD', url('Shopify/Order/Insert'))->{status}, 405, 'HEAD is refused as ever';
is $site->post($site->url('Shopify/Order/Insert'), $BODY)->{status}, 400, 'and so is a wrong parameter';
is $site->post(url('Shopify/Order/Insert', Email => 'a@evil.example'), $BODY)->{status}, 401,
    'whether a mail is allowed is told to those who have proven themselves';
is $site->post(url('Shopify/Order/Insert', Email => 'a@evil.example'), $BODY, \%signed)->{status}, 403, '  and to them';
is $site->redis('DBSIZE'), 0, 'nothing of it is stored, queued or counted';
for my $cause ('no rule', 'no proof', 'no secret fits', 'not from one of the networks') {
    like $site->log_text('httpd-error'), qr/:info\].*origin of \w+ for acme\/\w+ not proven: $cause/, "the log says: $cause";
}

# ---- before the body ----

# A request whose body never comes.
sub bodiless {
    my ($route, @fields) = @_;
    return $site->raw(join "\r\n", "POST @{[url($route)]} HTTP/1.1", 'Host: x', 'Content-Type: application/json',
        @fields, '', '');
}
for my $case (['no signature', 'Content-Length: 1000000'], ['a chunked body', 'Transfer-Encoding: chunked'],
    ['a malformed signature', 'Content-Length: 1000000', 'X-Shopify-Hmac-Sha256: x'],
    ['who waits to be asked', 'Content-Length: 1000000', 'Expect: 100-continue']) {
    my ($what, @fields) = @$case;
    my $text = bodiless('Shopify/Order/Insert', @fields);

    like $text, qr/\AHTTP\/1\.1 401 .*bad-origin/s, "$what: 401 before the body";
    like $text, qr/^Connection: close\r$/m, '  and the connection ends';
}
like bodiless('Zendesk/Ticket/Update', 'Content-Length: 1000000', 'X-Zendesk-Webhook-Signature: x'), qr/\AHTTP\/1\.1 401 /,
    'no rule: 401 before the body';
like bodiless('Primotexto/Sms/Callback', 'Content-Length: 1000000', 'X-Crm360Api-Token: x'), qr/\AHTTP\/1\.1 401 /,
    'a wrong token: 401 before the body';
like $site->raw(join("\r\n", "POST @{[url('Shopify/Order/Insert')]} HTTP/1.1", 'Host: x', 'Connection: close',
    'Content-Length: 8', 'Expect: 100-continue', "X-Shopify-Hmac-Sha256: $signed{'X-Shopify-Hmac-Sha256'}", '', $BODY)),
    qr/\AHTTP\/1\.1 100 .*^HTTP\/1\.1 200 /ms, 'a good signature is asked for its body';

# ---- what httpd does by itself ----

$site->expect_log(qr/AH01630: client denied by server configuration/);
my %basic = (Authorization => 'Basic ' . encode_base64($PAIR, ''));
sub at { my ($location, $route, @query) = @_; return url($route, @query) =~ s{^\Q$site->{mount}\E}{/$location}r }
is $site->post(at('elsewhere', 'Shopify/Order/Insert'), $BODY, \%signed)->{status}, 403, 'Require ip keeps a good signature out';
is $site->post(at('denied', 'Shopify/Order/Insert'), $BODY, \%signed)->{status}, 403, 'Require all denied, too';
$answer = $site->post(at('users', 'Mailjet/email/Callback'), $BODY);
is $answer->{status}, 401, 'AuthType Basic asks for a user';
is $answer->{headers}{'www-authenticate'}, 'Basic realm="x"', '  by itself';
$site->expect_log(qr/AH01618: user nobody not found/);
is $site->post(at('users', 'Mailjet/email/Callback'), $BODY, { Authorization => 'Basic ' . encode_base64('nobody:x', '') })
    ->{status}, 401, '  and takes not every one';
is $site->post(at('users', 'Mailjet/email/Callback'), $BODY, \%basic)->{status}, 200,
    '  and the same field proves the origin to us';
is $site->post(at('users', 'Shopify/Order/Insert'), $BODY, \%basic)->{status}, 401, 'but a user of httpd is no signature';
is $site->post(at('users', 'Shopify/Order/Insert'), $BODY, { %basic, %signed })->{status}, 200, '  both are';
is $site->post(at('users', 'Primotexto/Sms/Callback'), $BODY, { %basic, 'X-Crm360Api-Token' => $TOKEN })->{status}, 200,
    '  or a token beside';
is $site->post(at('slow', 'Shopify/Order/Insert'), $BODY, \%signed)->{status}, 200, 'mod_ratelimit: 200';
is $site->post(at('slow', 'Shopify/Order/Insert'), $BODY)->{json}{status}, 401, '  401, whole';

my $forwarded = sub { return { 'X-Forwarded-For' => $_[0] } };
is $site->get(url('Smsbox/Sms/Callback'), $forwarded->('198.51.100.7'))->{content}, 'OK',
    'mod_remoteip: who the trusted proxy says is in the network';
is $site->get(url('Smsbox/Sms/Callback'), $forwarded->('203.0.113.9'))->{content}, 'ERROR', '  or is not';
is $site->get(url('Smsbox/Sms/Callback'), $forwarded->('198.51.100.7, 203.0.113.9'))->{content}, 'ERROR',
    '  and a caller cannot say it for himself';
is $site->post(url('Adictiz/User/Participate', token => $TOKEN), $BODY, $forwarded->('198.51.100.7'))->{status}, 200,
    'networks= and a token together';
is $site->post(url('Adictiz/User/Participate', token => $TOKEN), $BODY)->{status}, 401, '  not the token alone';
is $site->post(url('Adictiz/User/Participate', token => 'x'), $BODY, $forwarded->('198.51.100.7'))->{status}, 401,
    '  not the network alone';
for my $case (["X-Shopify-Hmac-Sha256: $signed{'X-Shopify-Hmac-Sha256'}", 200], ['X-None: x', 401]) {
    like $site->raw(join "\r\n", "POST @{[url('Shopify/Order/Insert')]} HTTP/1.1", 'Host: shop.example', 'Connection: close',
        'Content-Length: 8', $case->[0], '', $BODY), qr/\AHTTP\/1\.1 $case->[1] /, "a virtual host has the rules: $case->[1]";
}

# ---- tokens ----

sub callback { my ($place, $body, $token) = @_; return $site->post($site->url('Primotexto/Sms/Callback', SourceId => 2,
    $place eq 'url' ? (token => $token) : ()), $body, $place eq 'url' ? {} : { 'X-Crm360Api-Token' => $token }) }
my @answers = map { callback(@$_) } ['url', '{"a":1}', $OLD], ['url', '{"a":1}', $TOKEN], ['header', '{"a":1}', $TOKEN];
is_deeply [map { $_->{status} } @answers], [200, 200, 200], 'the same content with an old token, a new one, and in a field';
is_deeply [map { $_->{json}{Duplicate} ? 1 : 0 } @answers], [0, 1, 1], '  is the same delivery';
my $message = $site->redis('GET', $site->key('acme/prod', "message:$answers[0]{json}{MessageId}"));
like $message, qr{^POST \S+Primotexto/Sms/Callback\?SourceId=2 HTTP/1\.1\r$}m, '  and stored without the token';
like $message, qr/^Crm360-Origin: token; key=2\r$/m, '  with its verdict';

# ---- copies ----

$answer = $site->post(url('Shopify/Order/Insert', Email => 'ops@acme.example'), $BODY, \%signed);
is $answer->{status}, 200, 'a webhook with a mail copy';
like $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}$_")), qr/^Crm360-Origin: shopify; key=1\r$/m,
    '  its verdict' . ($_ ? ' in the copy' : '') for '', '.mail';
is $site->post(url('Shopify/Order/Insert', -process => 'EmailProcess', Email => 'ops@acme.example'), $BODY)->{status}, 401,
    'EmailProcess needs the same proof';

# ---- a new secret ----

my %new = ('X-Shopify-Hmac-Sha256' => hmac_sha256_base64($BODY, 'shopify-secret-9') . '=');
is $site->post(url('Shopify/Order/Insert'), $BODY, \%new)->{status}, 401, 'a secret that is not there yet';
spew("$dir/shopify.secret", "shopify-secret-9\n$KEY\n");
kill 'USR1', slurp("$dir/httpd.pid") + 0;
wait_until { $site->post(url('Shopify/Order/Insert'), $BODY, \%new)->{status} == 200 } 10, '  is good after a graceful restart';
is $site->post(url('Shopify/Order/Insert'), $BODY, \%signed)->{status}, 200, '  and so is the one before';

my $log = $site->log_text('httpd-error');
unlike $log, qr/\Q$_\E/, 'no secret in the log' for $KEY, $TOKEN, $OLD, $PAIR, encode_base64($PAIR, '');
$site->done;
