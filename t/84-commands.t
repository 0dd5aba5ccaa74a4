# Commands from the caller to the outbox: the samples of the API's page as they stand there, what is
# refused at once and by which name, what ends in the dead letters and by which name, and that nothing
# that a caller writes into a field of a mail leaves its place.
use strict;
use warnings;
use utf8;

use lib 't/lib';
use Crm360::Mail;
use Crm360::Test;
use Encode qw(encode_utf8);
use JSON::PP;
use Test::More;

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $MAIL = 'Crm360/Email/Send';
my $SMS = 'Crm360/Sms/Send';
my $CARD = 'CaptainWallet/LoyaltyCard/SendUpdate';

# The other database has a mailer, which nothing reaches: what it may send in whose name is decided
# before.
my $site = Crm360::Test->new(databases => {
    'acme/prod' => '    Crm360EmailFrom shop@example.com',
    'acme/real' => "    Crm360Mailer smtp://127.0.0.1:9 tls=none\n"
        . '    Crm360EmailSender *@shop.example.com',
});
$site->expect_log(qr/CRM0440/, qr/CRM0311/);
$site->start;

my $json = JSON::PP->new->utf8->canonical;

sub command {
    my ($route, $body, %option) = @_;
    my @query = (SourceId => 1, $option{database} ? (-database => $option{database}) : ());

    return $site->post($site->url($route, @query), $body,
        { 'Content-Type' => $option{type} || 'application/json' });
}

# A mail with these fields in the place of, or beside, those that are needed.
sub mail_body {
    my (%fields) = @_;
    return $json->encode({ EmailTo => 'lea@example.fr', SenderEmail => 'shop@example.com',
        Subject => 'Subject', TextMessage => 'Text', %fields });
}

sub waiting { return $site->redis('ZCARD', $site->key($_[0] // 'acme/prod', 'send')) }
sub dead { return $site->redis('ZSCORE', $site->key($_[1] // 'acme/prod', 'dead'), $_[0]) }

# Why a message is a dead letter.
sub reason {
    my ($id, $database) = @_;
    my $failures = $site->redis('HGET', $site->key($database // 'acme/prod', 'failures'), $id);
    return $failures ? decode_json($failures)->{errors}[-1]{reason} : undef;
}

sub sent_row {
    my ($id) = @_;
    return ($site->sql('acme/prod', "select * from WebhookSends where MessageId = '$id'"))[0];
}

sub outbox_file { return $site->outbox . "/$_[0]" }
sub read_outbox { return (read_mails(outbox_file("$_[0].eml")))[0] }

# ---- the samples ----

$site->sql('acme/prod', 'insert into LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, SourceId) '
    . "values (12345, '2990000012345', 81)");
my %prepared = (
    'crm360/sms-send' => sub {
        my ($id, $strict) = @_;
        my $sms = decode_json(slurp(outbox_file("$id.json")));

        is $sms->{number}, $strict ? '+33612345678' : '+33600000000', 'MobilePhoneNumber';
        is $sms->{sender}, 'CRM360', 'Sender';
        is $sms->{text}, $strict ? 'Votre commande est prête : à bientôt !' : 'Mon SMS', 'Message';
    },
    'captainwallet/loyaltycard-sendupdate' => sub {
        my ($id) = @_;
        is decode_json(slurp(outbox_file("$id.json")))->{body}{identifier}, '2990000012345', 'LoyaltyCardId';
    },
    'crm360/email-send' => sub {
        my ($id, $strict) = @_;
        my $mail = read_outbox($id);
        my ($text, $html) = @{ $mail->{parts} };

        is $mail->{header}{subject}, 'Bonjour Léa', 'Subject';
        is $mail->{header}{to}, 'lea.marchand@example.fr', 'To';
        is $mail->{header}{from}, 'CRM360 <contact@example.com>', 'From';
        is lc $mail->{header}{'reply-to'}, 'support@example.com', 'Reply-To';
        is $mail->{type}, 'multipart/alternative', 'both texts';
        like $text->{text}, $strict ? qr/\ABonjour Léa Marchand\R?\z/ : qr/\ABonjour Léa\R?\z/, 'TextMessage';
        like $html->{text}, $strict ? qr{\A<p>Bonjour Léa Marchand</p>\R?\z} : qr/\ABonjour Léa\R?\z/,
            'HtmlMessage';
        is_deeply $mail->{defects}, [], 'the parser has nothing to say';
    },
);

for my $sample (sort keys %prepared) {
    for my $form ('.json', '-lenient.txt') {
        my $answer = $site->post_fixture("$sample$form");
        my $id = $answer->{json}{MessageId};

        is $answer->{status}, 200, "$sample$form is taken";
        wait_until { ((sent_row($id) || {})->{State} // '') eq 'sent' } 10, 'and sent';
        $prepared{$sample}->($id, $form eq '.json');
    }
}

# ---- refused at once ----

my @refused = (
    [$SMS, '{"Message":"x"}', 'MobilePhoneNumber', qr/missing or empty/],
    [$SMS, '{MobilePhoneNumber : "0600000000"}', 'Message', qr/missing or empty/],
    [$SMS, '{"MobilePhoneNumber":"call me","Message":"x"}', 'MobilePhoneNumber', qr/phone number/],
    [$SMS, '{"MobilePhoneNumber":"' . '1' x 21 . '","Message":"x"}', 'MobilePhoneNumber', qr/phone number/],
    [$SMS, '{"mobilephonenumber":"06","Message":" "}', 'Message', qr/missing or empty/],
    [$SMS, '{"MobilePhoneNumber":"06","Message":"x","Crm360EventCategoryId":"x"}', 'Crm360EventCategoryId',
        qr/from 1 to 32767/],
    [$CARD, '{"LoyaltyCardId":""}', 'LoyaltyCardId', qr/missing or empty/],
    [$CARD, '{LoyaltyCardId: "12-34"}', 'LoyaltyCardId', qr/from 1 to 2147483647/],
    [$MAIL, '{"Subject":"x"}', 'EmailTo', qr/missing or empty/],
    [$MAIL, mail_body(EmailTo => 'lea@example'), 'EmailTo', qr/mail address/],
    [$MAIL, mail_body(EmailTo => "lea\@example.fr\r\nBcc: x\@example.fr"), 'EmailTo', qr/mail address/],
    [$MAIL, mail_body(EmailTo => 'lea@example.fr;'), undef],
    [$MAIL, mail_body(SenderEmail => 'shop'), 'SenderEmail', qr/mail address/],
    [$MAIL, mail_body(SenderEmail => undef), undef],
    [$MAIL, mail_body(SenderEmail => ''), 'SenderEmail', qr/missing or empty/, 'acme/real'],
    [$MAIL, mail_body(ReplyTo => 'shop@@example.com'), 'ReplyTo', qr/mail address/],
    [$MAIL, mail_body(Subject => "\n"), 'Subject', qr/missing or empty/],
    [$MAIL, mail_body(TextMessage => undef), 'HtmlMessage', qr/or TextMessage is missing/],
    [$MAIL, mail_body(VariablePersoJson => '[1]'), 'VariablePersoJson', qr/object/],
);
for my $case (@refused) {
    my ($route, $body, $field, $detail, $database) = @$case;
    my $answer = command($route, $body, database => $database);
    my $shown = $body =~ s/[\r\n]/ /gr;

    is $answer->{status}, $field ? 400 : 200, "$route: " . substr $shown, 0, 70;
    next unless $field;
    is $answer->{headers}{'content-type'}, 'application/problem+json', 'problem+json';
    is $answer->{json}{parameter}, $field, "names $field";
    is $answer->{json}{type}, 'urn:crm360:problem:bad-field', 'of its type';
    like $answer->{json}{detail}, qr/\A$field\b.*$detail.*\.\z/, 'says what it must be';
}
my $stored = grep { !$_->[2] } @refused;
is $site->redis('HGET', $site->key('acme/prod', 'counters'), 'received'), 6 + $stored, 'nothing of it was stored';
is $site->redis('HGET', $site->key('acme/real', 'counters'), 'received'), undef, 'nor in the other database';

# ---- taken, and found wrong by the handler ----

my $large = mail_body(EmailTo => 'nobody', HtmlMessage => 'x' x 66_000);
my @dead = (
    [$MAIL, '', qr/\Athere is no body: expected a command /],
    [$MAIL, '{}', qr/\AEmailTo is missing or empty; /],
    [$MAIL, '{"other":1}', qr/\AEmailTo is missing or empty; /],
    [$MAIL, "{\n EmailTo: lea\@example.fr}", qr/\Athe body is not JSON: line 2, column 11: expected a JSON value/],
    [$MAIL, '[]', qr/\Athe body is an array of several objects, or of none: expected one command/],
    [$MAIL, 'EmailTo=nobody&Subject=x', qr/\AEmailTo must be a mail address /, 'application/x-www-form-urlencoded'],
    [$MAIL, $large, qr/\AEmailTo must be a mail address /],
    [$MAIL, mail_body(EmailTo => "a\@\x{2026}.fr"), qr/\AEmailTo is no list of mail addresses: the domain /],
    [$MAIL, mail_body(EmailTo => join ',', map { "a$_\@example.fr" } 1 .. 51),
        qr/\AEmailTo is no list of mail addresses: there are more than 50 addresses/],
    [$MAIL, mail_body(Subject => 'x' x 256), qr/\ASubject must have at most 255 characters/],
    [$MAIL, mail_body(TextMessage => '{{var:X}}'), qr/\AHtmlMessage or TextMessage is empty with /],
);
for my $case (@dead) {
    my ($route, $body, $reason, $type) = @$case;
    my $answer = command($route, $body, type => $type);
    my $id = $answer->{json}{MessageId} // '';

    is $answer->{status}, 200, 'taken: ' . substr $body =~ s/[\r\n]/ /gr, 0, 60;
    wait_until { dead($id) } 10, 'and buried';
    like reason($id), $reason, 'which names the field';
    is sent_row($id), undef, 'nothing was called';
}

for my $case (['shop@example.com', qr/\ASenderEmail is none of those that Crm360EmailSender allows/],
    ['x@shop.example.com.evil.example', qr/\ASenderEmail is none of those/]) {
    my $answer = command($MAIL, mail_body(SenderEmail => $case->[0]), database => 'acme/real');

    wait_until { dead($answer->{json}{MessageId}, 'acme/real') } 10, "$case->[0] may not send";
    like reason($answer->{json}{MessageId}, 'acme/real'), $case->[1], 'which names the directive';
}

# ---- templates ----

# Sends a mail to its file. The mail as it is read back, and its id.
sub send_mail {
    my (%fields) = @_;
    my $id = command($MAIL, mail_body(%fields))->{json}{MessageId} or return;
    my $row;

    wait_until { ($row = sent_row($id) || {})->{State} // dead($id) } 10, 'is done';
    return (read_outbox($id), $id, $row);
}

my $evil = "<b>L\x{e9}a</b> & \"O'Brien\"\r\nBcc: x\@example.fr\x{2028}\x{1F600}";
my ($mail, $id, $row) = send_mail(
    Subject => 'Cher {{var:Nom}}, {{ var:Points : 0 }} points{{var:Rien}}',
    TextMessage => "{{var:Nom}}\r\n{{var:Total.TTC}} {{var:Code:\"aucun\"}}\r\n.\r\n..",
    HtmlMessage => '<a title="{{var:Nom}}">{{var:Nom}}</a>{{var:Boucle}}',
    SenderAlias => "L\x{e9}a, la \"patronne\"",
    VariablePersoJson => { Nom => $evil, Points => 120, Total => { TTC => '12,50' }, Boucle => '{{var:Nom}}' },
);
my ($text, $html) = map { $_->{text} } @{ $mail->{parts} };
is $mail->{header}{subject}, "Cher <b>L\x{e9}a</b> & \"O'Brien\"  Bcc: x\@example.fr \x{1F600}, 120 points",
    'the subject is one line';
s/\r\n/\n/g for $text, $html, my $wanted = $evil;
like $text, qr/\A\Q$wanted\E\n12,50 aucun\n\.\n\.\.\n?\z/, 'the text, exactly';
my $escaped = $wanted =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&quot;/gr =~ s/'/&#39;/gr;
like $html, qr{\A<a title="\Q$escaped\E">\Q$escaped\E</a>\{\{var:Nom\}\}\n?\z}, 'HTML with values that are text';
is $mail->{header}{from}, "\"L\x{e9}a, la \\\"patronne\\\"\" <shop\@example.com>", 'the alias';
is_deeply decode_json($row->{Detail}), { recipients => 1, unknown => ['Rien'] }, 'the unknown one is noted';
like $site->log_text('crm360d'), qr/CRM0440: \Q$id\E: .*: 1 \(Rien\)/, 'and told';
unlike $site->log_text('crm360d'), qr/Brien|example\.fr/, 'no value is';

($mail, $id) = send_mail(EmailTo => 'Lea@example.fr; max@example.fr', TextMessage => undef,
    HtmlMessage => '<h1>Hello</h1>');
is $mail->{header}{to}, 'Lea@example.fr, max@example.fr', 'two recipients';
is_deeply [map { $_->{type} } @{ $mail->{parts} }], ['text/plain', 'text/html'], 'a text is made of HTML';
is_deeply [$site->sql('acme/prod', 'select Kind, EventChannelId, EventCategoryId, Address from WebhookEvents '
        . "where MessageId = '$id' order by Address")],
    [map { { Kind => 'email.sent', EventChannelId => 2, EventCategoryId => 1, Address => $_ } }
        qw(lea@example.fr max@example.fr)], 'the timeline has both';

# ---- nothing leaves its place ----

my %hostile = (
    'a line feed' => "x\nBcc: evil\@example.fr\n\nx", 'CR LF' => "x\r\nBcc: evil\@example.fr\r\n\r\nx",
    'a CR' => "x\rBcc: evil\@example.fr\rx", 'NUL' => "x\0\r\nBcc: evil\@example.fr", 'quotes' => '"x" <evil@example.fr>',
    'escapes' => 'x%0aBcc: evil@example.fr%0d%0a', 'a dot on its line' => "x\r\n.\r\nQUIT\r\n",
    'separators' => "x\x{2028}Bcc: evil\@example.fr\x{85}\x{2029}x", 'angles' => 'x>,<evil@example.fr',
    'an encoded word' => '=?utf-8?q?x=0d=0aBcc:_evil=40example.fr?=', 'a boundary' => "x\r\n--\r\n--x--\r\n",
    'length' => 'x' x 100_000, 'long words' => "\x{e9}" x 5_000,
);
my %expected = map { $_ => 1 }
    qw(from to reply-to subject date message-id mime-version content-type auto-submitted);
my %outcome;
for my $field (qw(EmailTo SenderEmail SenderAlias ReplyTo Subject HtmlMessage TextMessage VariablePersoJson)) {
    for my $name (sort keys %hostile) {
        my $value = $hostile{$name};
        my @more = $field eq 'VariablePersoJson' ? (VariablePersoJson => { x => $value },
            map { $_ => "a{{var:x}}z" } qw(Subject HtmlMessage TextMessage)) : ($field => $value);
        my $answer = command($MAIL, mail_body(ReplyTo => 'reply@example.fr', @more));
        my $found = $answer->{json}{MessageId};

        push @{ $outcome{ $answer->{status} } }, [$field, $name, $found, $answer->{json}{parameter}];
    }
}
is_deeply [sort keys %outcome], [200, 400], 'hostile fields are refused or taken';
is_deeply [grep { $_->[3] ne $_->[0] } @{ $outcome{400} }], [], 'refused by the name of the field';
is_deeply [grep { $_->[0] !~ /\A(?:EmailTo|SenderEmail|ReplyTo)\z/ } @{ $outcome{400} }], [],
    'only addresses are refused at once';
wait_until { waiting() == 0 } 30, 'all are done';

my (@strange, $mails, %read);
@read{ map { $_->[2] } @{ $outcome{200} } } =
    read_mails(map { outbox_file("$_->[2].eml") } @{ $outcome{200} });
for my $case (@{ $outcome{200} }) {
    my ($field, $name, $found) = @$case;
    my $what = "$field, $name";

    if (dead($found)) {
        push @strange, "$what: " . reason($found) unless reason($found) =~ /\A$field |\ASubject must have at most/;
        next;
    }
    my $read = $read{$found};
    push @strange, "$what: no mail" and next unless $read;
    $mails++;
    push @strange, map { "$what: header field $_->[0]" } grep { !$expected{ lc $_->[0] } } @{ $read->{headers} };
    push @strange, "$what: $_ is $read->{header}{$_}" for
        grep { ($read->{header}{$_} // '') =~ /evil\@example\.fr/ && !/\A(?:subject|from)\z/ } keys %{ $read->{header} };
    push @strange, "$what: from $read->{header}{from}" if $read->{header}{from} !~ /<?shop\@example\.com>?\z/;
    push @strange, "$what: to $read->{header}{to}" if $read->{header}{to} ne 'lea@example.fr';
    push @strange, "$what: parts" if @{ $read->{parts} } > 2;
    push @strange, "$what: @{ $read->{defects} }" if @{ $read->{defects} };
    my ($first, $second) = map { ($_->{text} // '') =~ s/\r\n?/\n/gr } @{ $read->{parts} };
    my $value = $hostile{$name} =~ s/\0//gr =~ s/\r\n?/\n/gr;
    push @strange, "$what: the text is not the same" if $field eq 'TextMessage' && $first !~ /\A\Q$value\E\n?\z/;
}
is_deeply \@strange, [], 'nothing leaves its place';
cmp_ok $mails, '>', 40, "$mails mails were looked at";
unlike $site->log_text($_), qr/evil\@example/, "nothing of it is in the log of $_" for qw(crm360d httpd-error);

# ---- an outbox that takes nothing ----

rename $site->outbox, $site->outbox . '.away';
spew($site->outbox, "no folder\n");
my $sms = command($SMS, $json->encode({ MobilePhoneNumber => '+33612345678', Message => 'Text',
    Crm360EventCategoryId => '1' }))->{json}{MessageId};
$site->wait_log('crm360d', qr/CRM0384: the outbox: /, 10, 'an outbox that takes nothing is told');
$site->wait_log('crm360d', qr/id=\Q$sms\E .* outcome=wait ms=\d+: not sent: the outbox: /, 10, 'and of which message');
is sent_row($sms)->{Reference}, undef, 'no file is named that is not there';
unlink $site->outbox;
rename $site->outbox . '.away', $site->outbox;
wait_until { -e outbox_file("$sms.json") } 15, 'the message waits for it';
wait_until { $site->log_text('crm360d') =~ /the outbox takes files again/ } 10, 'and that it is over';

$site->done;
