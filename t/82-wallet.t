# CaptainWallet/LoyaltyCard/SendUpdate, all the way: from httpd through crm360d to a wallet provider that
# answers as Captain Wallet does, and as nobody should, or into a file of the outbox. Nothing is
# uncertain, for an update says how things are; and the newest state is what the provider has in the end.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUTE = 'CaptainWallet/LoyaltyCard/SendUpdate';
my $json = JSON::PP->new->utf8->canonical;

my $site = Crm360::Test->new(
    settings => "Crm360Workers live 1\nCrm360Workers send 2\nCrm360RetrySchedule 100ms 100ms 100ms 100ms\n",
);
my $secret = 'not for logs & others';
spew($site->dir . '/wallet.secret', "$secret\n");
chmod 0640, $site->dir . '/wallet.secret';
my $template = $site->dir . '/wallet.json';
spew($template, '{"who":"{{var:FirstName}} {{var:LastName}}","points":"{{var:Points}}","stamps":"{{var:Points9:0}}"'
    . ',"vouchers":{"{{each:Vouchers}}":"{{var:VoucherCode}}"},"tier":"{{var:CardType}}"}');

# What the gateway answers to updates; tokens are there for the asking.
my $token = sub { return { body => qq({"access_token":"$_[0]","token_type":"Bearer","expires_in":3600}) } };
sub answers {
    my ($gateway, $to_update, $to_token) = @_;

    $gateway->answers(sub {
        my ($request) = @_;
        return $to_token ? $to_token->($request) : $token->('t1') if $request->{path} =~ m{/oauth/token$};
        return $to_update->($request);
    });
    return;
}
my $taken = sub { return { body => '{}' } };
my $gateway = Crm360::Gateway->start(folder => $site->dir);
answers($gateway, $taken);

my $provider = 'captainwallet account=acme&co project=fr_FR user=client secret=' . $site->dir
    . '/wallet.secret url=' . $gateway->url;
$site->{databases} = {
    'acme/prod' => "Crm360Wallet $provider",
    'acme/own' => "Crm360Wallet $provider/own identifier=contact template=$template",
    'acme/box' => '',
};
$site->write_conf;
$site->start;

# Léa, and a card of hers with 120 points.
sub fill {
    my ($database, $card) = @_;

    $site->value($database, $_) for (
        "insert into Contacts (ContactId, FirstName, LastName) values (7, 'Léa', 'Marchand')"
            . ' on conflict do nothing returning 1',
        "insert into Addresses (AddressId, ContactId, Email) values (7, 7, 'lea.marchand\@example.fr')"
            . ' on conflict do nothing returning 1',
        'insert into LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId, LoyaltyCardTypeId)'
            . " values ($card, '29900000$card', 7, 12, 1) returning 1",
        'insert into LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId, PointAmount)'
            . " values ('p$card', $card, 12, '120.000') returning 1",
    );
    return;
}

# Posts a command; its id.
sub command {
    my ($database, $card) = @_;
    my $answer = $site->post($site->url($ROUTE, SourceId => 81, -database => $database), qq({"LoyaltyCardId":"$card"}));
    return $answer->{json}{MessageId} // die "$answer->{status} $answer->{content}\n";
}

sub state_of {
    my ($database, $id) = @_;
    return $site->value($database, "select State from WebhookSends where MessageId = '$id'") // 'no row';
}
sub sent_well {
    my ($database, $id, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return wait_until { state_of($database, $id) eq 'sent' } 20, $what;
}
sub reason_of {
    my ($database, $id) = @_;
    my $letter = $site->redis('HGET', $site->key($database, 'failures'), $id);
    return $letter ? decode_json($letter)->{errors}[-1]{reason} : '';
}
sub is_dead { return defined $site->redis('ZSCORE', $site->key($_[0], 'dead'), $_[1]) }

sub workers {
    my $master = $site->{consumer}->pid;
    return split ' ', `pgrep -P $master`;
}

# Other workers, which have read the configuration and know nothing else.
sub reload {
    my %old = map { $_ => 1 } workers();
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $site->{consumer}->signal('HUP');
    return wait_until { my @now = workers(); @now && !grep { $old{$_} } @now } 20, 'crm360d begins anew';
}

# A message that waits is due now.
sub hurry {
    my ($database, $message) = @_;
    my $queue = $site->key($database, 'send');

    $site->redis('ZADD', $queue, 'XX', 1, $message);
    $site->redis('PUBLISH', 'crm360:1:wake', "$queue 1");
    return;
}

# The updates since the ledger was forgotten, and "token" for each token.
sub asked { return map { $_->{path} =~ m{/oauth/token$} ? 'token' : $_->{method} } $gateway->requests }
sub body_of { return decode_json($_[0]{body}) }

# ---- the outbox ----

my $wanted = decode_json(slurp(root() . '/t/fixtures/captainwallet/expected-update-request.json'));
fill('acme/box', 12345);
for my $file ('loyaltycard-sendupdate.json', 'loyaltycard-sendupdate-lenient.txt') {
    my $answer = $site->request('POST', $site->url($ROUTE, SourceId => 81, -database => 'acme/box'),
        content => slurp(root() . "/t/fixtures/captainwallet/$file"), headers => { 'Content-Type' => 'application/json' });
    my $id = $answer->{json}{MessageId};

    is $answer->{status}, 200, "$file is accepted";
    sent_well('acme/box', $id, '  and carried out');
    my $file_text = slurp($site->outbox . "/$id.json");
    my $written = decode_json($file_text);
    is_deeply [sort keys %$written], [qw(body method path)], '  its file says what would be sent';
    is $written->{method}, $wanted->{method}, '  how';
    is $written->{path}, $wanted->{path} =~ s/\{identifier\}/2990000012345/r, '  where';
    is_deeply $written->{body}, $wanted->{body}, '  and what, as expected';
    unlike $file_text, qr/\Q$secret\E/, '  without a secret';
}

# ---- a provider ----

fill('acme/prod', 12345);
my $id = command('acme/prod', 12345);
sent_well('acme/prod', $id, 'an update for a provider is sent');
my ($asked_token, $update) = $gateway->requests;
is $asked_token->{path}, '/oauth/token', 'first a token';
is $asked_token->{body}, 'client_id=client&client_secret=not%20for%20logs%20%26%20others&grant_type=client_credentials'
    . '&scope=pass-owner%20webhooks', '  by a form';
is $update->{method}, 'PUT', 'then the update';
is $update->{path}, '/v1/acme%26co/fr_FR/pass-owners/2990000012345', '  to its place';
is $update->{headers}{authorization}, 'Bearer t1', '  with the token';
is_deeply body_of($update), $wanted->{body}, '  as expected';
is_deeply [$site->sql('acme/prod', 'select Kind, ContactId, EventChannelId, Detail from WebhookEvents')],
    [{ Kind => 'wallet.update', ContactId => 7, EventChannelId => 6, Detail => '{"LoyaltyCardId":12345}' }], 'an event';
is_deeply [$site->sql('acme/prod', 'select LoyaltyCardActionIdentifier, LoyaltyCardId, SourceId,'
        . ' LoyaltyCardActionTypeId from LoyaltyCardActions')],
    [{ LoyaltyCardActionIdentifier => $id, LoyaltyCardId => 12345, SourceId => 81, LoyaltyCardActionTypeId => 1 }],
    'an action of the card';
is_deeply [$site->sql('acme/prod', 'select Kind, Provider, State, Attempt, ContactId, Code, Detail from WebhookSends')],
    [{ Kind => 'wallet', Provider => 'captainwallet', State => 'sent', Attempt => 1, ContactId => 7, Code => 'HTTP 200',
        Detail => '{"LoyaltyCardId":12345}' }], 'and what was sent';

sent_well('acme/prod', command('acme/prod', 12345), 'another one') for 1 .. 4;
cmp_ok scalar(grep { $_ eq 'token' } asked()), '<=', 2, 'each worker keeps its token';
is scalar(grep { $_ eq 'PUT' } asked()), 5, 'and sends each update once';

# ---- tokens that end, cards that nobody has ----

answers($gateway, sub {
    my ($request) = @_;
    return $request->{headers}{authorization} eq 'Bearer t1' ? { status => 401 } : { body => '{}' };
}, sub { return $token->('t2') });
$gateway->forget;
sent_well('acme/prod', command('acme/prod', 12345), 'a token has ended before its time');
is join(' ', asked()), 'PUT token PUT', '  it is renewed, once';
answers($gateway, sub { return { status => 404, body => '{"code":"ER1"}' } });
$id = command('acme/prod', 12345);
sent_well('acme/prod', $id, 'nobody has this card in a phone');
is $site->value('acme/prod', "select Kind from WebhookEvents where MessageId = '$id'"), 'wallet.no-pass', '  an event says so';
is $site->value('acme/prod', 'select LoyaltyCardActionTypeId from LoyaltyCardActions where'
        . " LoyaltyCardActionIdentifier = '$id'"), 2, '  and an action';
is $site->value('acme/prod', "select Code from WebhookSends where MessageId = '$id'"), 'no pass', '  and what was sent';

# ---- weaknesses of a provider ----

# All but the first update since now are taken.
sub first_fails {
    my ($answer, $what) = @_;
    my $number = 0;

    $gateway->forget;
    answers($gateway, sub { return $_[0]{number} == 1 ? $answer : { body => '{}' } });
    my $message = command('acme/prod', 12345);
    if ($answer->{status} && $answer->{status} == 429) {
        wait_until { $site->redis('KEYS', 'crm360:1:{provider/*:breaker')->[0] } 20, 'nobody is to call';
        hurry('acme/prod', $message); # the provider's time, not the pause of crm360d
    }
    sent_well('acme/prod', $message, $what);
    is scalar(grep { $_ eq 'PUT' } asked()), 2, '  on the second try';
    ok !is_dead('acme/prod', $message), '  and nobody is bothered';
    return $message;
}

$site->expect_log(qr/CRM0310: .*HTTP 500/, qr/CRM0310: .*no whole answer came/);
# Both workers have a token by now, or the first request would be for one.
sent_well('acme/prod', command('acme/prod', 12345), 'before that') for 1 .. 4;
for my $case ([{ status => 500 }, 'a fault of its own'], [{ how => 'reset' }, 'a reset'],
    [{ how => 'close' }, 'no answer'], [{ how => 'garbage' }, 'no HTTP']) {
    my $message = first_fails(@$case);
    is $site->value('acme/prod', "select Attempt from WebhookSends where MessageId = '$message'"), 2, '  which is counted';
}
$site->expect_log(qr/CRM0380: captainwallet at \S+ is not called for 1 s/);
my $since = time;
$id = first_fails({ status => 429, headers => { 'Retry-After' => 1 } }, 'too many at once');
cmp_ok time - $since, '>=', 1, '  after the time that it asks for';
is $site->redis('HEXISTS', $site->key('acme/prod', 'failures'), $id), 0, '  and no attempt was lost';

$gateway->forget;
answers($gateway, sub { return { status => 422, body => '{"error":{"code":"ER2","message":"of Léa"}}' } });
$site->expect_log(qr/CRM0311: .*HTTP 422, ER2/);
$id = command('acme/prod', 12345);
wait_until { is_dead('acme/prod', $id) } 20, 'what it refuses is a dead letter';
is reason_of('acme/prod', $id), 'the provider answers HTTP 422, ER2', '  with its code, and no more of what it says';
is_deeply [$site->sql('acme/prod', "select State, Code from WebhookSends where MessageId = '$id'")],
    [{ State => 'refused', Code => 'ER2' }], '  in the table as well';
is scalar(grep { $_ eq 'PUT' } asked()), 1, '  it is not tried again';

# ---- no token ----

reload(); # new workers, which have no token
$gateway->forget;
answers($gateway, $taken, sub { return { body => '<html>Service temporarily unavailable</html>' } });
$id = command('acme/prod', 12345);
wait_until { grep { $_ eq 'token' } asked() } 20, 'a page instead of a token';
ok !is_dead('acme/prod', $id), '  the update waits';
answers($gateway, $taken);
hurry('acme/prod', $id);
sent_well('acme/prod', $id, '  until there is one');
is $site->redis('HEXISTS', $site->key('acme/prod', 'failures'), $id), 0, '  and no attempt was lost';

# ---- cards that are not there ----

$site->expect_log(qr/CRM0311: .*LoyaltyCardId \d+: /);
$id = command('acme/prod', 777);
wait_until { is_dead('acme/prod', $id) } 20, 'a card that there is not';
is reason_of('acme/prod', $id), 'LoyaltyCardId 777: there is none in this database', '  which is said';
is state_of('acme/prod', $id), 'no row', '  nobody was called';
fill('acme/prod', 55555);
$site->value('acme/prod', 'update LoyaltyCards set DeletionFlag = 1 where LoyaltyCardId = 55555 returning 1');
$id = command('acme/prod', 55555);
wait_until { is_dead('acme/prod', $id) } 20, 'a card that is deleted';
is reason_of('acme/prod', $id), 'LoyaltyCardId 55555: it is deleted', '  which is said';

# ---- the newest state is the last ----

# The first update is held up at the provider; meanwhile things change, and another one passes it.
fill('acme/prod', 66666);
answers($gateway, sub { return $_[0]{body} =~ /"points":120/ ? { delay => 1.5, body => '{}' } : { body => '{}' } });
$gateway->forget;
my $slow = command('acme/prod', 66666);
wait_until { grep { $_ eq 'PUT' } asked() } 20, 'an update that is slow';
$site->value('acme/prod', "update LoyaltyPoints set PointUsedAmount = '20.500' where LoyaltyCardId = 66666 returning 1");
my $fast = command('acme/prod', 66666);
sent_well('acme/prod', $fast, 'things change, and another one overtakes it');
is state_of('acme/prod', $slow), 'calling', '  while it is under way still';
sent_well('acme/prod', $slow, 'it arrives after that');
my @points = map { body_of($_)->{counters}{points} } grep { $_->{method} eq 'PUT' } $gateway->requests;
is_deeply \@points, [120, 99.5, 99.5], '  and is sent once more, as things are now';
is $site->value('acme/prod', "select Attempt from WebhookSends where MessageId = '$slow'"), 2, '  which is counted';
is $site->value('acme/prod', "select count(*) from LoyaltyCardActions where LoyaltyCardActionIdentifier = '$slow'"), 1,
    '  it is one action';
like $site->log_text('crm360d'), qr/\Q$slow\E: LoyaltyCardId 66666 has changed during the call, and is sent again/,
    '  and the log says why';

# ---- a worker dies ----

$gateway->forget;
answers($gateway, sub { return $_[0]{number} == 1 ? { how => 'never' } : { body => '{}' } });
$id = command('acme/prod', 66666);
wait_until { grep { $_ eq 'PUT' } asked() } 20, 'a call under way';
$site->expect_log(qr/CRM0322/);
kill 'KILL', workers();
sent_well('acme/prod', $id, 'its worker is killed: it is sent again');
ok !is_dead('acme/prod', $id), '  and nothing is uncertain';

# ---- a template and an identifier of one's own ----

fill('acme/own', 12345);
$site->value('acme/own', "insert into Vouchers (VoucherIdentifier, VoucherCode, ContactId, SourceId, UseDate)"
    . " values ('v1', 'TEN', 7, 12, NULL), ('v2', 'USED', 7, 12, '2026-01-01T00:00:00') returning 1");
answers($gateway, $taken);
$gateway->forget;
sent_well('acme/own', command('acme/own', 12345), 'an update by another template');
($update) = grep { $_->{method} eq 'PUT' } $gateway->requests;
is $update->{path}, '/own/v1/acme%26co/fr_FR/pass-owners/7', '  to the number of the contact';
is_deeply body_of($update), { who => "L\x{e9}a Marchand", points => 120, stamps => 0, vouchers => ['TEN'],
    tier => 'Standard' }, '  with what it names';
like $update->{body}, qr/"points":120,"stamps":0,/, '  numbers are numbers';

my $good = slurp($template);
spew($template, $good =~ s/FirstName/Vorname/r);
my ($code, $said) = $site->run($site->consumer_command('-t'));
is $code, 3, 'a template with a fault';
like $said, qr/crm360\.conf:\d+: <Crm360Database acme own>: Crm360Wallet: template=: \{\{var:Vorname\}\} names no value/,
    '  is found by the test of the configuration';
$site->{consumer}->signal('HUP');
$site->wait_log('crm360d', qr/CRM0340: .*Vorname.*going on with the old configuration/, 20, '  and HUP goes on without it');
sent_well('acme/own', command('acme/own', 12345), '  as before');
spew($template, $good);

# ---- and nothing is told ----

unlike $site->log_text('crm360d'), qr/\Q$secret\E|t1\b|Bearer|Marchand|lea\.marchand|299000/, 'the log holds no secret and nobody';
$site->done;
