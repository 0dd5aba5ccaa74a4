# Crm360/Sms/Send from the webhook to the gateway and back: what Smsbox and Primotexto are asked, and what
# becomes of a message by each kind of answer; consent as a shop and a STOP tell it; delivery reports that
# find the contact; values that would like to be something else; gateways behind TLS.
use strict;
use warnings;
use utf8;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Test;
use Encode qw(decode encode);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output todo_output);

my $tls_port = free_port();
my $site = Crm360::Test->new(
    settings => "Crm360Workers send 2\nCrm360HandlerTimeout 4s\nCrm360RetrySchedule 100ms 100ms 100ms\n",
    modules => [qw(ssl socache_shmcb proxy proxy_http)],
);
my $dir = $site->dir;
spew("$dir/key", "k3y\n");
chmod 0640, "$dir/key";

my $smsbox = Crm360::Gateway->start(folder => $dir, name => 'smsbox');
my $primo = Crm360::Gateway->start(folder => $dir, name => 'primotexto');

# A certificate for localhost, which signs itself.
is system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout $dir/tls.key"
    . " -addext subjectAltName=DNS:localhost -out $dir/tls.pem >$dir/log/openssl.out 2>&1"), 0,
    'there is a certificate';
$site->{server} = "LogLevel ssl:error\nListen 127.0.0.1:$tls_port\n<VirtualHost 127.0.0.1:$tls_port>\n    SSLEngine on\n"
    . "    SSLCertificateFile $dir/tls.pem\n    SSLCertificateKeyFile $dir/tls.key\n"
    . '    ProxyPass / ' . $primo->url . "/ disablereuse=on\n</VirtualHost>\n";

# A gateway in the section of a database; a path in its address gives it a breaker of its own.
sub gateway { my ($line) = @_; return "    Crm360SmsGateway $line secret=$dir/key\n" }
$site->{databases} = {
    'acme/prod' => gateway('smsbox sender=ACME url=' . $smsbox->url),
    'acme/away' => gateway('smsbox url=' . $smsbox->url . '/away'),
    'acme/primo' => gateway('primotexto url=' . $primo->url . '/p'),
    'acme/busy' => gateway('primotexto url=' . $primo->url . '/busy'),
    'acme/box' => '',
    'acme/tls' => gateway("primotexto url=https://localhost:$tls_port/tls ca=$dir/tls.pem"),
    'acme/other' => gateway("primotexto url=https://localhost:$tls_port/other"),
    'acme/name' => gateway("primotexto url=https://127.0.0.1:$tls_port/name ca=$dir/tls.pem"),
};
$site->write_conf;
$site->start;

# ---- tools ----

my %base = (MobilePhoneNumber => '0612345678', MobilePhoneCountryIso3 => 'FRA', Sender => 'CRM360',
    Message => 'Mon SMS', Crm360EventChannelId => '1', Crm360EventCategoryId => '1');

# Sends a command; its id.
sub command {
    my ($database, %fields) = @_;
    my @query = map { exists $fields{$_} ? ($_ => delete $fields{$_}) : () } qw(BrandId);
    my $answer = $site->post($site->url('Crm360/Sms/Send', -database => $database, SourceId => 1, @query),
        encode_json({ %base, %fields }));

    is $answer->{status}, 200, 'a command is accepted' or diag $answer->{content};
    return $answer->{json}{MessageId} || 'none';
}

# The row of WebhookSends; undef while there is none.
sub row { my ($database, $id) = @_; return ($site->sql($database, "select * from WebhookSends where MessageId = '$id'"))[0] }

sub is_state {
    my ($database, $id, $state, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_until { ((row($database, $id) || {})->{State} // '') eq $state } 15, "$what: $state";
}

# Why a message is dead; undef while it is not.
sub death {
    my ($database, $id) = @_;
    return undef unless defined $site->redis('ZSCORE', $site->key($database, 'dead'), $id);
    return decode_json($site->redis('HGET', $site->key($database, 'failures'), $id))->{errors}[-1]{reason};
}

sub is_dead {
    my ($database, $id, $reason, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until { defined death($database, $id) } 15, "$what: it is dead";
    return like death($database, $id) // '', $reason, '  with the reason';
}

# The requests about a message.
sub told { my ($gateway, $id) = @_; return grep { $_->{body} =~ /\Q$id\E/ } $gateway->requests }

# A form that was sent, as the receiver reads it: names and values, as they came.
sub form {
    my ($body) = @_;
    return map { my ($name, $value) = split /=/, $_, 2;
        s/\+/ /g, s/%([0-9A-Fa-f]{2})/chr hex $1/ge for $name, $value; [$name, decode('UTF-8', $value)] }
        split /&/, $body;
}
sub form_value { my ($body, $name) = @_; return join '|', map { $_->[1] } grep { $_->[0] eq $name } form($body) }

# ---- Smsbox: one message all the way, and its report ----

# Answers by the word behind "case": what is said of each try.
my %answers = (
    good => [{ body => 'OK 123456789012' }],
    plain => [{ body => "OK\n" }],
    slow => [{ body => 'OK 123456789013', delay => 1.5 }],
    retry => [{ body => 'ERROR 05' }, { body => 'ERROR 05' }, { body => 'OK 123456789014' }],
    gives_up => [{ body => 'ERROR 05' }],
    refused_01 => [{ body => 'ERROR 01' }],
    refused_04 => [{ body => 'ERROR 04' }],
    refused => [{ body => 'ERROR' }],
    reset => [{ how => 'reset' }],
    closed => [{ how => 'close' }],
    garbage => [{ how => 'garbage' }],
    half => [{ body => 'OK 123456789015', how => 'cut' }],
    html => [{ body => '<html>Bienvenue</html>' }],
    broken => [{ status => 500, body => 'oops' }],
    never => [{ how => 'never' }],
    password => [{ body => 'ERROR 02' }],
);
$smsbox->answers(sub {
    my ($request) = @_;
    my $case = $request->{body} =~ /case\+(\w+)/ ? $1 : 'good';
    my $answers = $answers{$case};
    my $tries = grep { ($_->{body} // '') =~ /case\+$case\b/ } $smsbox->requests;

    return $answers->[$tries <= @$answers ? $tries - 1 : -1];
});

# The customer of the shop, who wants SMS.
sub shop {
    my ($database, $phone, $consent, $serial) = @_;
    my $customer = decode_json(slurp(root() . '/t/fixtures/shopify/customer-insert.json'));

    $customer->{updated_at} = "2026-03-0${serial}T10:15:27+01:00";
    $customer->{phone} = $customer->{default_address}{phone} = $phone;
    $customer->{sms_marketing_consent} = { state => $consent, consent_updated_at => $customer->{updated_at} };
    $site->post($site->url('Shopify/Customer/Update', -database => $database, SourceId => 7, BrandId => 3),
        encode_json($customer));
    my $is = "select count(*) from Addresses where MobilePhoneNumber = '$phone' and MobilePhoneOptin = ";
    wait_until { $site->value($database, $is . ($consent eq 'subscribed' ? 1 : 0)) == 1 } 10, "the shop says $consent";
    return;
}
shop('acme/prod', '+33612345678', 'unsubscribed', 2);

my $id = command('acme/prod', Message => 'case good');
is_state('acme/prod', $id, 'sent', 'a message');
my ($request) = told($smsbox, $id);
is_deeply [map { $_->[0] } form($request->{body})],
    [qw(dest msg charset coding mode origine strategy id callback cvar)], 'what Smsbox is told';
is form_value($request->{body}, 'dest'), '33612345678', '  to whom';
is form_value($request->{body}, 'cvar'), "crm360=$id", '  what comes back';
is $request->{headers}{authorization}, 'App k3y', '  who asks';
my $row = row('acme/prod', $id);
is join('|', @$row{qw(Kind Provider Recipient ContactId Reference)}), 'sms|smsbox|+33612345678|1|123456789012',
    '  what is noted';
is_deeply decode_json($row->{Detail}), { encoding => 'GSM-7', units => 9, segments => 1, sender => 'CRM360' },
    '  how long it was';
is_deeply [map { "@$_{qw(Kind ContactId Address Reference EventIdentifier)}" } $site->sql('acme/prod',
    'select * from WebhookEvents')], ["sms.sent 1 +33612345678 123456789012 $id"], '  the timeline';
my $answer = $site->get($site->url('Smsbox/Sms/Callback', -database => 'acme/prod', SourceId => 8)
    . "&numero=33699999999&reference=123456789012&accuse=0&ts=1772442927&crm360=$id");
is $answer->{content}, "OK", 'Smsbox reports the delivery, of a number that nobody has';
wait_until { $site->value('acme/prod', "select count(*) from WebhookEvents where Kind = 'sms.delivered' and ContactId = 1") == 1 } 10,
    'and the report finds the contact';

# ---- Smsbox: what its answers make of a message ----

my %case = map { $_ => command('acme/prod', Message => "case $_") }
    qw(plain slow retry gives_up refused_01 refused_04 refused);
is_state('acme/prod', $case{$_}, 'sent', $_) for qw(plain slow retry);
is row('acme/prod', $case{retry})->{Attempt}, 3, '  at the third try';
is row('acme/prod', $case{plain})->{Reference}, undef, '  an answer without a number';
is_dead('acme/prod', $case{gives_up}, qr/^failed 4 times, the last time: Smsbox: ERROR 05: /, 'what fails again and again');
is_dead('acme/prod', $case{refused_01}, qr/^Smsbox: ERROR 01: /, 'wrong parameters');
is_dead('acme/prod', $case{refused_04}, qr/^Smsbox: ERROR 04: /, 'a wrong number');
is_dead('acme/prod', $case{refused}, qr/^Smsbox: ERROR: /, 'another error');
is $site->value('acme/prod', "select MobilePhoneStateId from Addresses where MobilePhoneNumber = '+33612345678'"), 2,
    'the number that is wrong is noted as invalid';
$site->expect_log(qr/CRM0310: .*Smsbox: ERROR 05/, qr/CRM0311: .*Smsbox: ERROR/);

# Five in a row would open the breaker.
for my $sent (map { [$_, command('acme/prod', Message => "case $_ $$")] }
    qw(never reset good closed garbage good half html good broken)) {
    my ($name, $id) = @$sent;
    if ($name eq 'good') { is_state('acme/prod', $id, 'sent', 'one between'); next }
    is_dead('acme/prod', $id, qr/^uncertain: /, $name);
    is row('acme/prod', $id)->{State}, 'uncertain', '  and noted';
    is scalar(told($smsbox, $id)), 1, '  it was said once';
}
$site->expect_log(qr/CRM0311: .*: uncertain: /);

# ---- the gateway lets nobody in: no message is to blame ----

$id = command('acme/away', Message => 'case password');
is_state('acme/away', $id, 'failed', 'a wrong key');
my $waits = sub { return ($site->redis('ZSCORE', $site->key('acme/away', 'send'), $id) // 0) / 1000 - time };
wait_until { $waits->() > 20 } 10, 'the message waits, and asks again within half a minute';
is $site->redis('HGET', $site->key('acme/away', 'failures'), $id), undef, '  and loses no attempt';
$site->wait_log('crm360d', qr{CRM0380: smsbox at \S+/away is not called for \d+ s: Smsbox: ERROR 02: .*needs a person});
unlike $site->log_text('crm360d'), qr/k3y/, 'no log tells the key';
unlike $site->log_text('crm360d'), qr/612345678/, 'nor a number';

# ---- Primotexto ----

my $taken = sub { return { body => encode_json({ snapshotId => "38$_[0]{number}", creditsUsed => 1.0 }) } };
sub code { my ($code) = @_; return { status => 400, body => encode_json({ code => $code, message => 'x' }) } }
$primo->answers($taken);
shop('acme/primo', '+33612345678', 'subscribed', 2);
$id = command('acme/primo', Sender => 'ACME');
is_state('acme/primo', $id, 'sent', 'Primotexto: a message');
($request) = told($primo, $id);
is "$request->{method} $request->{path}", 'POST /p/v2/notification/messages/send', '  where it goes';
is $request->{headers}{'x-primotexto-apikey'}, 'k3y', '  who asks';
is_deeply decode_json($request->{body}), { number => '+33612345678', message => 'Mon SMS', sender => 'ACME',
    campaignName => $id, category => 'crm360-transactional' }, '  what it is told';
is row('acme/primo', $id)->{Reference}, "38$request->{number}", '  the id it is known by';
$site->post($site->url('Primotexto/Sms/Callback', -database => 'acme/primo', SourceId => 9),
    encode_json({ event => 'delivered', snapshotId => "38$request->{number}" }));
wait_until { $site->value('acme/primo', "select count(*) from WebhookEvents where Kind = 'sms.delivered'"
    . " and ContactId = 1 and Address = '+33612345678'") == 1 } 10, 'a report without a number finds contact and number';

my $marketing = command('acme/primo', Crm360EventCategoryId => 2, Message => 'Soldes');
is_state('acme/primo', $marketing, 'sent', 'marketing to who wants it');
($request) = told($primo, $marketing);
is $request->{path}, '/p/v2/marketing/messages/send', '  goes elsewhere';

# Code 12: the person has sent STOP to the provider. The next is not even sent.
$primo->answers(code(12));
$id = command('acme/primo', Message => 'again');
is_dead('acme/primo', $id, qr/^Primotexto: code 12: /, 'a person who is unsubscribed');
is $site->value('acme/primo', 'select MobilePhoneOptin from Addresses'), 0, '  wants no SMS any more';
$primo->answers($taken);
$site->expect_log(qr/CRM0311: .*Primotexto: code 12/);

# ---- a gateway that is busy ----

my $began = time;
$primo->answers(sub {
    my $tries = grep { $_->{path} =~ m{^/busy} } $primo->requests;
    return $_[0]{path} =~ m{^/busy} && $tries == 1 ? { status => 429, headers => { 'Retry-After' => 3 } } : $taken->($_[0]);
});
my $busy = command('acme/busy');
is_state('acme/busy', $busy, 'failed', 'a gateway that is busy');

# ---- meanwhile: consent ----

my $no_consent = qr/^consent is missing: Crm360EventCategoryId is (?:not 1 \(transactional\)|missing), and no one/;
for my $case (['nobody has the number', MobilePhoneNumber => '0611111111', Crm360EventCategoryId => 2],
    ['the person is unsubscribed', Crm360EventCategoryId => 2],
    ['no category', Crm360EventCategoryId => undef]) {
    my ($name, %fields) = @$case;
    is_dead('acme/primo', command('acme/primo', %fields), $no_consent, $name);
}
shop('acme/primo', '+33612345678', 'unsubscribed', 3);
shop('acme/box', '+33612345678', 'subscribed', 2);
is_dead('acme/box', command('acme/box', Crm360EventCategoryId => 2, BrandId => 4), qr/an address of BrandId 4 /,
    'consent of another brand');
my $wanted = command('acme/box', Crm360EventCategoryId => 2, BrandId => 3, Message => "Été : -50 % sur l'€uro");
is_state('acme/box', $wanted, 'sent', 'consent of this brand');
$site->get($site->url('Smsbox/Sms/CallbackStop', -database => 'acme/box', SourceId => 8)
    . '&numero=33612345678&reference=5&keyword=STOP&message=STOP&ts=' . int time);
wait_until { $site->value('acme/box', 'select MobilePhoneOptin from Addresses') == 0 } 10, 'a STOP';
is_dead('acme/box', command('acme/box', Crm360EventCategoryId => 2, BrandId => 3), $no_consent, 'after it');
is scalar(told($primo, 'Soldes')), 1, 'none of these left';
$site->expect_log(qr/CRM0311: .*consent is missing/);

# ---- no gateway: the outbox ----

my $file = decode_json(slurp($site->outbox . "/$wanted.json"));
is_deeply $file, { number => '+33612345678', sender => 'CRM360', text => "Été : -50 % sur l'€uro",
    encoding => 'GSM-7', units => 23, segments => 1 }, 'the file of the outbox';
is row('acme/box', $wanted)->{Reference}, "$wanted.json", '  is what is noted';
is row('acme/box', $wanted)->{Provider}, 'outbox', '  as the provider too';

# ---- values that would like to be something else ----

my @hostile = ("a\r\nb: c", "a&dest=33600000000&msg=b", 'a%0d%0a%00b', "\"},\"number\":\"+33600000000\",\"a\":{\"b\":\"",
    "a\x{0}b", "'; DROP TABLE WebhookSends; --", '<b>%s%n</b>', "\x{1F600} \x{202E}abc", '{{var:Prenom}}',
    'x' x 1000, "\\u0022\\\\", "a;b,c|d=e#f?g/h");
my @wanted = @hostile;
@wanted[0, 4] = ("a\nb: c", 'ab');
my @ids = map { (command('acme/prod', Message => $_), command('acme/primo', Message => $_)) } @hostile;
for my $i (0 .. $#hostile) {
    my ($form, $json) = @ids[2 * $i, 2 * $i + 1];
    is_state('acme/prod', $form, 'sent', "text $i");
    is_state('acme/primo', $json, 'sent', "text $i");
    my ($said) = told($smsbox, $form);
    is join(' ', map { $_->[0] } form($said->{body})),
        'dest msg charset coding mode origine strategy id callback cvar', '  the form has its names';
    is form_value($said->{body}, 'msg'), $wanted[$i], '  and the text';
    is form_value($said->{body}, 'dest'), '33612345678', '  and the number';
    ($said) = told($primo, $json);
    is_deeply decode_json($said->{body}), { number => '+33612345678', message => $wanted[$i], sender => 'CRM360',
        campaignName => $json, category => 'crm360-transactional' }, '  the object has its members';
}
# In other fields they are refused, by name; what is seen at once is not even accepted.
for my $name (qw(MobilePhoneNumber MobilePhoneCountryIso3 Sender Crm360EventChannelId Crm360EventCategoryId)) {
    for my $value ("0612345678\r\nX: y", '0612345678&dest=33600000000', 'a%0ab', '"', "1\x{1}2", '1' x 5000) {
        my $answer = $site->post($site->url('Crm360/Sms/Send', SourceId => 1), encode_json({ %base, $name => $value }));
        if ($answer->{status} == 400) { like $answer->{content}, qr/$name/, "$name is refused by name"; next }
        my $id = $answer->{json}{MessageId};
        wait_until { return defined death('acme/prod', $id) || row('acme/prod', $id) } 15, "$name is looked at";
        like death('acme/prod', $id) // 'sent', qr/$name/, '  and rejected by name';
    }
}
$site->expect_log(qr/CRM0311: .*: (?:MobilePhone|Sender|Crm360Event)\w* /);
ok !(grep { ($_->{body} // '') =~ /dest=33600000000/ } $smsbox->requests), 'nobody else was written to';

# ---- TLS ----

$id = command('acme/tls');
is_state('acme/tls', $id, 'sent', 'a gateway behind TLS');
is scalar(told($primo, $id)), 1, '  it was said once';
for my $case (['acme/other', qr/certificate/i], ['acme/name', qr/certificate/i]) {
    my ($database, $reason) = @$case;
    my $id = command($database);
    is_state($database, $id, 'failed', "$database: a certificate that is not to be trusted");
    like row($database, $id)->{Reason}, $reason, '  the reason';
    like row($database, $id)->{Reason}, qr/nothing was sent/, '  nothing was sent';
    is scalar(told($primo, $id)), 0, '  nothing was heard';
}

# ---- the busy one ----

is_state('acme/busy', $busy, 'sent', 'the gateway that was busy');
my @tries = grep { $_->{path} =~ m{^/busy} } $primo->requests;
is scalar @tries, 2, '  at the second try';
cmp_ok $tries[1]{at} - $tries[0]{at}, '>=', 3, '  not before it wanted';
$site->expect_log(qr/CRM0380: primotexto at \S+busy/);

# ---- the account ----

for my $gateway ($smsbox, $primo) {
    my %heard;
    for my $request ($gateway->requests) {
        $heard{$1}++ if $request->{body} =~ /(\w{26}-Crm360-Sms-Send)/;
    }
    cmp_ok scalar keys %heard, '>', 10, 'the gateway has heard of messages: ' . keys %heard;
    ok !(grep { $heard{$_} > 1 && $_ ne $case{retry} && $_ ne $case{gives_up} && $_ ne $busy } keys %heard),
        'and of none twice that had not failed';
}
$site->done;
