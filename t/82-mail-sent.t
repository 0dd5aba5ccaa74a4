# Crm360/Email/Send from the webhook to real mail servers and to Mailjet: what the caller wrote arrives, once;
# what each kind of refusal makes of the message; and that an unknown outcome stays with a person.
use strict;
use warnings;
use utf8;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Mail;
use Crm360::Smtp;
use Crm360::Test;
use JSON::PP;
use Test::More;

binmode $_, ':utf8' for map { Test::More->builder->$_ } qw(output failure_output todo_output);

my $site = Crm360::Test->new(
    settings => "Crm360Workers send 1\nCrm360HandlerTimeout 4s\nCrm360RetrySchedule 100ms 100ms 100ms\n");
my $dir = $site->dir;
my $tls = Crm360::Smtp::certificates("$dir/tls");
my $exim = Crm360::Smtp->exim(dir => "$dir/exim", tls => $tls);
my $fake = Crm360::Smtp->fake(dir => "$dir/fake", tls => $tls,
    behaviour => { login => [Crm360::Smtp->user, Crm360::Smtp->password] });
my %login = (login => [$fake->user, $fake->password]);
my $jet = Crm360::Gateway->start(folder => $dir, name => 'mailjet');
my $clear = Crm360::Smtp->fake(dir => "$dir/clear");

spew("$dir/password", $fake->password . "\n");
spew("$dir/wrong", "wrong\n");
chmod 0640, "$dir/password", "$dir/wrong";

sub mailer {
    my ($server, $password) = @_;
    return sprintf "    Crm360Mailer %s user=%s secret=%s ca=%s\n    Crm360EmailSender *\@example.fr\n",
        $server->url, $server->user, $password || "$dir/password", $tls->{ca};
}
$site->{databases} = {
    'acme/prod' => mailer($fake),
    'acme/wrong' => mailer($fake, "$dir/wrong"),
    'acme/clear' => '    Crm360Mailer ' . $clear->url . " ca=$tls->{ca}\n    Crm360EmailSender *\@example.fr\n",
    'acme/jet' => "    Crm360Mailer mailjet user=public secret=$dir/password url=" . $jet->url
        . "\n    Crm360EmailSender *\@example.fr\n",
    $exim ? ('acme/exim' => mailer($exim)) : (),
};
$site->write_conf;
$site->start;

# ---- tools ----

my %base = (EmailTo => 'lea@example.org', SenderEmail => 'boutique@example.fr', Subject => 'Bonjour',
    TextMessage => 'Bonjour');

sub command {
    my ($database, %fields) = @_;
    my $answer = $site->post($site->url('Crm360/Email/Send', -database => $database, SourceId => 1),
        JSON::PP->new->utf8->encode({ %base, %fields }));

    is $answer->{status}, 200, 'a command is accepted' or diag $answer->{content};
    return $answer->{json}{MessageId} || 'none';
}

sub row {
    my ($database, $id) = @_;
    return ($site->sql($database, "select * from WebhookSends where MessageId = '$id'"))[0] || { State => '' };
}

sub is_state {
    my ($database, $id, $state, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_until { row($database, $id)->{State} eq $state } 15, "$what: $state";
}

sub is_dead {
    my ($database, $id, $reason, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    wait_until { defined $site->redis('ZSCORE', $site->key($database, 'dead'), $id) } 15, "$what: it is dead";
    my $failures = decode_json($site->redis('HGET', $site->key($database, 'failures'), $id) || '{}');
    return like $failures->{errors}[-1]{reason} // '', $reason, '  with the reason';
}

# How often a server has heard a mail.
sub heard { my ($server, $id) = @_; return scalar(my @mails = grep { /^Message-ID: <\Q$id\E\@/m } $server->mails) }

# ---- what arrives ----

my %mail = (SenderAlias => 'Léa, "la patronne"', ReplyTo => 'aide@bücher.example', Subject => 'Prête, {{var:Nom}} !',
    EmailTo => 'lea@Example.org; Max@münchen.example', VariablePersoJson => { Nom => 'Zoé <b> & Cie' },
    HtmlMessage => "<p>Bonjour {{var:Nom}}</p>\n<p>.</p>", TextMessage => "Bonjour {{var:Nom}}\n.\n");

for my $case (['acme/prod', $fake], $exim ? ['acme/exim', $exim] : ()) {
    my ($database, $server) = @$case;
    my $id = command($database, %mail);

    is_state($database, $id, 'sent', 'a mail');
    my $row = row($database, $id);
    is join('|', map { $_ // '' } @$row{qw(Kind Provider Recipient Reference Reason Attempt)}),
        "mail|smtp|lea\@example.org|<$id\@example.fr>||1", '  what is noted';
    my @bytes = $server == $fake ? $fake->mails : do {
        wait_until { $exim->delivered == 2 } 10, '  Exim delivers it to both';
        map { $_->{bytes} =~ s/\n/\r\n/gr } ($exim->delivered)[0];
    };
    is scalar @bytes, 1, '  it was heard once';
    is_deeply [Crm360::Smtp::faults($bytes[0])], [], '  no rule is broken';
    my ($read) = read_mails(spew("$dir/read", $bytes[0]));
    is $read->{header}{subject}, 'Prête, Zoé <b> & Cie !', '  the subject';
    is_deeply $read->{mailboxes}, { from => [['Léa, "la patronne"', 'boutique@example.fr']],
        to => [['', 'lea@example.org'], ['', 'Max@xn--mnchen-3ya.example']],
        'reply-to' => [['', 'aide@xn--bcher-kva.example']] }, '  who';
    is_deeply [map { $_->{text} =~ s/\r\n/\n/gr } @{ $read->{parts} }],
        ["Bonjour Zoé <b> & Cie\n.\n", "<p>Bonjour Zoé &lt;b&gt; &amp; Cie</p>\n<p>.</p>"], '  the texts';
}
is_deeply [($fake->events('data'))[0]{recipients}], [['lea@example.org', 'Max@xn--mnchen-3ya.example']],
    'the envelope has both';

# One worker, one connection.
$fake->forget;
my @ids = map { command('acme/prod', Subject => $_) } 1 .. 30;
is_state('acme/prod', $_, 'sent', 'one of 30') for @ids;
is scalar(my @mails = $fake->mails), 30, 'each was heard once';
cmp_ok scalar(my @connects = $fake->events('connect')), '<=', 1, 'over the kept connection, or one more';

# ---- what servers say no to ----

$fake->behave(%login, rcpt => '550 5.1.1 <lea@example.org>: no such user here');
my $id = command('acme/prod');
is_dead('acme/prod', $id, qr/\Athe mail server refuses the mail: 550 5\.1\.1 \(no such user here\)\z/, 'a refusal');
is row('acme/prod', $id)->{State}, 'refused', '  and noted';
is row('acme/prod', $id)->{Code}, '550 5.1.1', '  with the code';

$fake->behave(%login, data => '451 4.3.0 later');
$id = command('acme/prod', Subject => 'later');
wait_until { (row('acme/prod', $id)->{Attempt} // 0) >= 2 } 15, 'a mail that is not taken for now is tried again';
$fake->behave(%login);
is_state('acme/prod', $id, 'sent', '  and taken then');

$fake->behave(%login, data => 'close');
$fake->forget;
$id = command('acme/prod', Subject => 'uncertain');
is_dead('acme/prod', $id, qr/\Auncertain: the mail server has the whole mail/, 'no answer at the end');
is row('acme/prod', $id)->{State}, 'uncertain', '  and noted';
$fake->behave(%login);
$site->ctl('dead', 'redrive', 'acme/prod', '--id', $id);
is_dead('acme/prod', $id, qr/\Auncertain: /, 'given back without --resend');
is heard($fake, $id), 1, '  it is not sent again';
$site->ctl('dead', 'redrive', 'acme/prod', '--id', $id, '--resend');
is_state('acme/prod', $id, 'sent', 'a person says: again');
is heard($fake, $id), 2, '  and so it is';

$fake->stop;
$id = command('acme/prod', Subject => 'down');
wait_until { row('acme/prod', $id)->{State} eq 'failed' } 15, 'a server that is down';
like row('acme/prod', $id)->{Reason}, qr/cannot be used/, '  is told of';
$fake->start;
is_state('acme/prod', $id, 'sent', 'and up again');
is heard($fake, $id), 1, '  heard once';
$site->expect_log(qr/CRM0310: .*the mail server/, qr/CRM0311: .*(?:the mail server|uncertain)/, qr/CRM0380: smtp at/);

# ---- nobody is let in, or nothing may be said ----

$id = command('acme/wrong');
wait_until { row('acme/wrong', $id)->{State} eq 'failed' } 15, 'a wrong password: the mail waits';
like row('acme/wrong', $id)->{Reason}, qr/let us in: 535/, '  and it is said why';
$id = command('acme/clear');
wait_until { row('acme/clear', $id)->{State} eq 'failed' } 15, 'no STARTTLS: the mail waits';
like row('acme/clear', $id)->{Reason}, qr/STARTTLS/, '  and it is said why';
is_deeply [$clear->events('mail'), $clear->events('data')], [], '  nothing of it was said';

# ---- Mailjet ----

my $uuid = '1ab23cd4-e567-8901-2345-6789f0gh1i2j';
$jet->answers({ body => encode_json({ Messages => [{ Status => 'success',
    To => [{ Email => 'lea@example.org', MessageUUID => $uuid }] }] }) });
$id = command('acme/jet', %mail);
is_state('acme/jet', $id, 'sent', 'a mail by Mailjet');
is join('|', @{ row('acme/jet', $id) }{qw(Kind Provider Reference)}), "mail|mailjet|$uuid", '  what is noted';
my ($request) = $jet->requests;
is_deeply decode_json($request->{body}), { Messages => [{ CustomID => $id,
    From => { Email => 'boutique@example.fr', Name => 'Léa, "la patronne"' },
    To => [{ Email => 'lea@example.org' }, { Email => 'Max@xn--mnchen-3ya.example' }],
    ReplyTo => { Email => 'aide@xn--bcher-kva.example' }, Subject => 'Prête, Zoé <b> & Cie !',
    TextPart => "Bonjour Zoé <b> & Cie\n.\n",
    HTMLPart => "<p>Bonjour Zoé &lt;b&gt; &amp; Cie</p>\n<p>.</p>" }] }, '  what Mailjet is told';
$jet->answers({ status => 400, body => encode_json({ Messages => [{ Status => 'error', Errors => [
    { ErrorCode => 'mj-0013', StatusCode => 400, ErrorMessage => '"lea@example.org" is wrong' }] }] }) });
is_dead('acme/jet', command('acme/jet'), qr/\AMailjet answers mj-0013: an address is not valid\z/, 'an error');
$jet->answers({ body => 'OK' });
is_dead('acme/jet', command('acme/jet'), qr/\Auncertain: Mailjet answers HTTP 200/, 'an answer that says nothing');
is scalar(my @requests = $jet->requests), 3, 'each was asked for once';
$site->expect_log(qr/CRM0311: .*Mailjet/);

unlike $site->log_text('crm360d'), qr/lea\@|Max\@|patronne|Zoé|Prête/, 'no address and no text is in the log';
$site->done;
