# Mails to real SMTP servers, well-behaved ones and others: what arrives is what was meant, byte by byte,
# and of everything that goes wrong the right thing is said: sent, refused, failed, away, or nobody knows.
use strict;
use warnings;
use utf8;

use lib 't/lib';
use Crm360::Mail;
use Crm360::Smtp;
use Crm360::Test;
use Encode qw(encode_utf8);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use JSON::PP;
use Test::More;
use Time::HiRes ();

my $dir = tempdir('crm360-mail-XXXXXX', DIR => '/tmp');
chmod 0755, $dir;
my $tls = Crm360::Smtp::certificates("$dir/tls");
binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);

# ---- the sender ----

my $json = JSON::PP->new->utf8->canonical;
my $serial = 0;
my $SHORT = 3000; # ms of a call that has to wait for its end

# A worker with its kept connections; `most` ms a call.
sub sender {
    my ($most) = @_;
    my $pid = open2(my $out, my $in, build() . '/t/send_mail', "$dir/outbox", $most || 20_000);
    return { pid => $pid, in => $in, out => $out };
}

sub mail {
    return { id => sprintf('01JDCW3T2XQ5M7V9K0B4%06d-Crm360-Email-Send', ++$serial),
        from => 'boutique@example.fr', to => ['ann@example.org'], subject => 'Bonjour',
        text => 'Bonjour', @_ };
}

# Sends a mail to a server: outcome($sender, $server, { provider }, mail...).
sub outcome {
    my ($sender, $server, $provider, @mail) = @_;
    my $mail = ref $mail[0] ? $mail[0] : mail(@mail);
    my %to = (ca => $server && $server->ca, url => $server && $server->url, %{ $provider || {} });

    print { $sender->{in} } $json->encode({ provider => $server ? \%to : undef, mail => $mail }), "\n";
    $sender->{in}->flush;
    my $line = readline $sender->{out};
    return $line ? $json->decode($line) : { fate => 'none', reason => 'the sender has died' };
}

# Ends a sender; one assertion.
sub end {
    my ($sender, $what) = @_;
    my $from = Time::HiRes::time();

    close $sender->{in};
    waitpid $sender->{pid}, 0;
    is $?, 0, $what || 'the sender ends well';
    return Time::HiRes::time() - $from;
}

# One outcome as asserted: fate, code, whether it needs a person, and words of the reason.
sub is_fate {
    my ($got, $fate, $code, $alarm, $reason, $what) = @_;
    my $good = $got->{fate} eq $fate && ($got->{code} // '') eq ($code // '')
        && $got->{alarm} == $alarm && ($reason ? ($got->{reason} // '') =~ $reason : !$got->{reason});

    ok $good, $what;
    diag explain $got if !$good;
    return;
}

my @samples = (
    mail(subject => 'Your order', text => "Hello\nAnn"),
    mail(subject => 'Votre commande n° 12 est prête — à très bientôt ! œ€😀 ' . 'é' x 80,
        from_name => 'Léa d\'Été, "B" <x@y.fr>', reply_to => 'aide@example.fr',
        to => ['ann@example.org', 'bob.o\'neil+x@mail.example.org'],
        html => "<p>Bonjour <b>Zoé</b>,</p>\n<p>Merci &amp; à bientôt\x{a0}!</p>\n",
        text => "Bonjour Zoé,\n\n.un point\n..deux\n.\nFrom ici\ntab\t \nfin de ligne  \n=égal= 😀"),
    mail(subject => '=?UTF-8?Q?pas_un?= mot', html => "<p>Seul\r\n.\r\n</p>", from_name => 'Boutique'),
    mail(subject => ' espaces  ', text => join('', map { "." x ($_ % 5) . "ligne $_\n" } 1 .. 8_000),
        attachment => "POST / HTTP/1.1\r\nX: é\r\n\r\n.\r\n{\"a\":1}", attachment_name => 'request.http',
        attachment_type => 'application/octet-stream'),
    mail(subject => 'long', html => '<p>' . ('mot à mot ' x 8_000) . '</p>', text => 'x' x 70_000,
        to => [map { "person-number-$_\@example.org" } 1 .. 50]),
);

sub lines { my $text = $_[0] // ''; $text =~ s/\r\n?/\n/g; return $text }

# Two texts are the same; many are too long to be shown.
sub same {
    my ($got, $want, $what) = @_;

    return if ok $got eq $want, $what;
    my $at = 0;
    $at++ while $at < length $got && substr($got, $at, 1) eq substr $want, $at, 1;
    diag "from $at: got ", $json->ascii->encode([substr $got, $at, 60]), ', expected ',
        $json->encode([substr $want, $at, 60]);
    return;
}

# What a parser made of a mail is what was sent.
sub is_read {
    my ($read, $mail, $what) = @_;
    my ($text, $html) = map { my $type = $_; grep { $_->{type} eq $type && !$_->{name} } @{ $read->{parts} } }
        qw(text/plain text/html);

    same $read->{header}{subject}, $mail->{subject}, "$what: the subject";
    is_deeply $read->{mailboxes}{from}, [[$mail->{from_name} // '', $mail->{from}]], "$what: the sender";
    is_deeply $read->{mailboxes}{to}, [map { ['', $_] } @{ $mail->{to} }], "$what: the recipients";
    is_deeply $read->{mailboxes}{'reply-to'}, $mail->{reply_to} && [['', $mail->{reply_to}]],
        "$what: where to reply";
    same lines($text->{text}), lines($mail->{text} // 'Seul .'), "$what: the text";
    same lines($html && $html->{text}), lines($mail->{html}), "$what: the HTML";
    is_deeply [map { [@$_{qw(name type bytes)}] } grep { $_->{name} } @{ $read->{parts} }],
        [$mail->{attachment} ? [@$mail{qw(attachment_name attachment_type)}, encode_utf8($mail->{attachment})] : ()],
        "$what: what is attached";
    is_deeply $read->{defects}, [], "$what: the parser has nothing to complain of";
    return;
}

# Bytes of mails, read.
sub read_bytes {
    my (@bytes) = @_;
    return read_mails(map { spew("$dir/read." . ++$serial, $_) } @bytes);
}

# ---- Exim: STARTTLS and AUTH ----

SKIP: {
    my $exim = Crm360::Smtp->exim(dir => "$dir/exim", tls => $tls)
        or skip 'Exim runs as root or Debian-exim only', 1;
    my %login = (user => $exim->user, secret => $exim->password);
    my $sender = sender();
    my (@sent, %mail);

    for my $mail (@samples) {
        my $got = outcome($sender, $exim, \%login, $mail);
        is_fate($got, 'sent', '250', 0, undef, "Exim takes '$mail->{subject}'");
        is $got->{reference}, "<$mail->{id}\@example.fr>", 'its Message-ID is told';
    }
    my $copies = 0;
    $copies += @{ $_->{to} } for @samples;
    wait_until { $exim->delivered == $copies } 20, "Exim has delivered $copies copies";
    # Another one was start()'s, to see whether it is there.
    is scalar(() = $exim->log =~ /TCP\/IP connection count/g), 2, 'over one connection';
    is scalar(() = $exim->log =~ /<= .* P=esmtpsa .* A=plain:crm /g), scalar @samples,
        'with TLS and a login';
    my @delivered = map { $_->{bytes} =~ s/\n/\r\n/gr } $exim->delivered;
    my @copy = map { my $mail = $_; (grep { /^Message-ID: <\Q$mail->{id}\E\@/m } @delivered)[0] } @samples;
    my @read = read_bytes(@copy);
    for my $i (0 .. $#samples) {
        is_read($read[$i], $samples[$i], "Exim, '" . substr($samples[$i]{subject}, 0, 20) . "'");
    }
    is_fate(outcome($sender, $exim, \%login, to => ['ann@example.org', 'unknown.bob@example.org']),
        'refused', '550 5.1.1', 0, qr/\(such person\)\z/, 'a recipient that Exim does not know');
    is_fate(outcome($sender, $exim, \%login, to => ['busy.bob@example.org']),
        'failed', '451 4.2.1', 0, qr/\(is\)\z/, 'one whose box is busy: no name in the reason');
    is_fate(outcome($sender, $exim, { %login, secret => 'wrong' }),
        'away', '535', 1, qr/let us in/, 'a wrong password');
    is_fate(outcome($sender, $exim, {}), 'refused', '550', 0, qr/log in first/, 'no login');
    is_fate(outcome($sender, $exim, { %login, ca => $tls->{other_ca} }),
        'away', undef, 1, qr/certificate/, 'a certificate of somebody else');
    is_fate(outcome($sender, $exim, \%login), 'sent', '250', 0, undef, 'and all is well again');
    end($sender);
    wait_until { $exim->log =~ /closed by QUIT\n.*closed by QUIT\n/s } 5, 'it hears QUIT at the end';
    wait_until { $exim->delivered == $copies + 1 } 20, 'nothing but that has come meanwhile';
    unlike $exim->log, qr/(?:unexpected disconnection|SMTP protocol error)/, 'Exim complains of nothing';
}

# ---- aiosmtpd: the bytes, and the file of the outbox ----

my $fake = Crm360::Smtp->fake(dir => "$dir/fake", tls => $tls,
    behaviour => { login => [Crm360::Smtp->user, Crm360::Smtp->password] });
my %login = (user => $fake->user, secret => $fake->password);
{
    my $sender = sender();
    my @filed;

    for my $mail (@samples) {
        is_fate(outcome($sender, $fake, \%login, $mail), 'sent', '250 2.0.0', 0, undef,
            "aiosmtpd takes '" . substr($mail->{subject}, 0, 20) . "'");
        my $got = outcome($sender, undef, undef, $mail);
        is_fate($got, 'sent', undef, 0, undef, 'and the outbox does');
        push @filed, slurp("$dir/outbox/$got->{reference}");
    }
    is scalar(my @connects = $fake->events('connect')), 1, 'one connection for all';
    is scalar(my @logins = $fake->events('auth')), 1, 'one login';
    my @mails = $fake->mails;
    my @read = read_bytes(@mails);
    for my $i (0 .. $#samples) {
        my $what = "aiosmtpd, '" . substr($samples[$i]{subject}, 0, 20) . "'";
        is_deeply [Crm360::Smtp::faults($mails[$i])], [], "$what: no rule is broken";
        is_read($read[$i], $samples[$i], $what);
        is_deeply [($fake->events('data'))[$i]{recipients}], [$samples[$i]{to}], "$what: the envelope";
        # Boundaries are random, and a second may have passed.
        same map({ s/-{24}[0-9a-f]{16}/-/gr =~ s/^Date: .*\r\n//mr } $filed[$i], $mails[$i]),
            "$what: the file is what the server got";
    }
    is_deeply [map { join ' ', $_->{type}, map { $_->{type} } @{ $_->{parts} } } @read],
        ['multipart/mixed text/plain', ('multipart/alternative text/plain text/html') x 2,
        'multipart/mixed text/plain application/octet-stream', 'multipart/alternative text/plain text/html'],
        'their parts';
    ok !(grep { !$_->{tls} || $_->{user} ne $fake->user } $fake->events('data')), 'all with TLS and login';
    my $again = { %{ $samples[0] }, text => 'else' };
    outcome($sender, undef, undef, $again);
    is slurp("$dir/outbox/$again->{id}.eml"), $filed[0], 'a file that is there is left as it is';
    end($sender);
}

# ---- what servers say no to, one by one ----

sub fresh_fake {
    my ($behaviour, %option) = @_;
    my $server = Crm360::Smtp->fake(dir => "$dir/fake" . ++$serial, tls => $tls,
        behaviour => $behaviour, %option);
    return $server;
}

my $server = fresh_fake({});
my @cases = ( # behaviour, fate, code, alarm, reason, how many mails it heard
    ['greeting: busy', { greeting => '421 4.3.2 busy' }, 'away', '421 4.3.2', 0, qr/serve us/, 0],
    ['greeting: never', { greeting => '554 no service' }, 'away', '554', 1, qr/serve us/, 0],
    ['greeting: hangs up', { greeting => 'close' }, 'away', undef, 0, qr/cannot be used/, 0],
    ['EHLO: no', { ehlo => '550 not you' }, 'away', '550', 1, qr/serve us/, 0],
    ['MAIL: later', { mail => '451 4.3.0 later' }, 'failed', '451 4.3.0', 0, qr/for now/, 0],
    ['MAIL: busy', { mail => '421 4.3.2 busy' }, 'away', '421 4.3.2', 0, qr/serve us/, 0],
    ['MAIL: no', { mail => '550 5.7.1 not this sender' }, 'refused', '550 5.7.1', 0, qr/this sender/, 0],
    ['MAIL: log in', { mail => '530 5.7.0 log in' }, 'away', '530 5.7.0', 1, qr/let us in/, 0],
    ['MAIL: hangs up', { mail => 'close' }, 'away', undef, 0, qr/cannot be used/, 0],
    ['RCPT: later', { rcpt => '450 4.2.0 grey' }, 'failed', '450 4.2.0', 0, qr/for now/, 0],
    ['RCPT: one of two', { 'rcpt:bob@example.org' => '550 5.1.1 <bob@example.org> unknown' },
        'refused', '550 5.1.1', 0, qr/550 5.1.1 \(unknown\)\z/, 0],
    ['RCPT: hangs up', { rcpt => 'close' }, 'away', undef, 0, qr/cannot be used/, 0],
    ['DATA: no', { body => '554 5.5.1 no' }, 'refused', '554 5.5.1', 0, qr/refuses/, 0],
    ['DATA: later', { body => '451 4.3.0 later' }, 'failed', '451 4.3.0', 0, qr/for now/, 0],
    ['at the end: later', { data => '452 4.3.1 full' }, 'failed', '452 4.3.1', 0, qr/\(full\)/, 1],
    ['at the end: busy', { data => '421 4.3.0 down' }, 'away', '421 4.3.0', 0, qr/serve us/, 1],
    ['at the end: no', { data => "554-5.7.1 spam\r\n554 5.7.1 see http://x.fr/ann" }, 'refused',
        '554 5.7.1', 0, qr/\(spam\)\z/, 1],
    ['at the end: hangs up', { data => 'close' }, 'uncertain', undef, 0, qr/did not say/, 1],
    ['at the end: another yes', { data => '251 else' }, 'uncertain', '251', 0, qr/did not say/, 1],
    ['at the end: no SMTP', { data => 'HTTP/1.1 200 OK' }, 'uncertain', undef, 0, qr/did not say/, 1],
);
my ($long, $short) = (sender(), sender($SHORT));
for my $case (@cases) {
    my ($what, $behaviour, $fate, $code, $alarm, $reason, $heard) = @$case;

    # On a fresh connection, and on a kept one.
    for my $kept (0, 1) {
        my $most = $what =~ /no SMTP/ ? $SHORT : 20_000; # that one waits for what never comes
        my $sender = $kept ? sender($most) : $most == $SHORT ? $short : $long;
        $server->behave;
        outcome($sender, $server, {}) if $kept;
        $server->behave(%$behaviour);
        $server->forget;
        next if $kept && ($what =~ /greeting|EHLO/);
        is_fate(outcome($sender, $server, {}, to => ['ann@example.org', 'bob@example.org']),
            $fate, $code, $alarm, $reason, "$what" . ($kept ? ', on a kept connection' : ''));
        is scalar(my @mails = $server->mails), $heard, $heard ? '  it was heard once' : '  nothing was heard';
        end($sender, '  the sender ends well') if $kept;
    }
}

end($long);

# ---- silence: each call ends in its time ----

for my $case (['greeting', 'away', 0], ['mail', 'away', 0], ['rcpt', 'away', 0], ['data', 'uncertain', 1]) {
    my ($where, $fate, $heard) = @$case;

    $server->behave($where => 'silence');
    $server->forget;
    my $got = outcome($short, $server, {});
    is_fate($got, $fate, undef, 0, qr/\S/, "silence after $where: $fate");
    cmp_ok $got->{ms}, '<', 6000, "  in its time: $got->{ms} ms";
    is scalar(my @mails = $server->mails), $heard, '  heard as often as it was said';
}
$server->behave(rcpt => '550 5.1.1 no', quit => 'silence');
my $got = outcome($short, $server, {});
is_fate($got, 'refused', '550 5.1.1', 0, qr/refuses/, 'a refusal counts, though QUIT is not answered');
cmp_ok $got->{ms}, '<', 6000, "  in its time: $got->{ms} ms";
end($short);
$long = sender();
$server->behave(quit => 'silence');
is_fate(outcome($long, $server, {}), 'sent', '250 2.0.0', 0, undef, 'a kept connection');
cmp_ok end($long, '  is closed at the end'), '<', 10, '  without waiting for an answer to QUIT';

# ---- a mail that is cut in the middle was not taken ----

{
    my $sender = sender();
    $server->behave(body => 'cut');
    is_fate(outcome($sender, $server, {}, text => 'word ' x 2_000_000), 'failed', undef, 0, qr/middle of the mail/,
        'a server that hangs up in the middle of a large mail has not taken it');
    $server->behave;
    is_fate(outcome($sender, $server, {}), 'sent', '250 2.0.0', 0, undef, 'the next one goes');
    end($sender);
}

# ---- kept connections, and how they end ----

{
    my $sender = sender();
    my $say = sub {
        my ($what, $mails, $connects) = @_;
        is scalar(my @mails = $server->mails), $mails, "$what: $mails mails heard";
        is scalar(my @connects = $server->events('connect')), $connects, "  over $connects connections";
        $server->forget;
    };

    $server->forget;
    is outcome($sender, $server, {})->{fate}, 'sent', 'sent' for 1 .. 20;
    $say->('kept', 20, 1);

    # A connection may be older than a call may take.
    my $brief = sender($SHORT);
    outcome($brief, $server, {});
    Time::HiRes::sleep($SHORT / 1000 + 0.2);
    is outcome($brief, $server, {})->{fate}, 'sent', 'sent later';
    end($brief);
    $say->('kept for longer than a call may take', 2, 1);

    # Told that it is over, with and without a word, right after each mail.
    for my $words ('421 4.4.2 idle', undef) {
        end($sender);
        $server->forget;
        $sender = sender();
        $server->behave(leave => $words);
        for my $times (1 .. 5) {
            is outcome($sender, $server, {})->{fate}, 'sent', 'sent';
            wait_until { (my @left = $server->events('left')) == $times } 10, '  the server has hung up';
        }
        $say->($words ? 'a server that says 421' : 'a server that hangs up', 5, 5);
    }

    # It hangs up when the next mail begins.
    $server->behave(most => 2);
    for (1 .. 6) { is outcome($sender, $server, {})->{fate}, 'sent', 'sent' }
    $say->('two mails a connection', 6, 3);

    # "Enough on this connection", said to MAIL, holds for this connection only.
    $server->behave;
    outcome($sender, $server, {});
    $server->forget;
    $server->behave(mail => '452 4.5.3 too many');
    is outcome($sender, $server, {})->{fate}, 'failed', 'a server that is full everywhere';
    is scalar(my @asked = $server->events('mail')), 2, '  is asked once more on a fresh connection';

    # Restarted: the connection is gone.
    $server->behave;
    outcome($sender, $server, {});
    $server->stop;
    is_fate(outcome($sender, $server, {}), 'away', undef, 0, qr/cannot be used/, 'a server that is down');
    $server->start;
    is outcome($sender, $server, {})->{fate}, 'sent', 'and up again';

    # Another account is another connection.
    my $other = fresh_fake({ login => ['a', 'b'] });
    is_fate(outcome($sender, $other, { user => 'a', secret => 'b' }), 'sent', '250 2.0.0', 0, undef, 'one login');
    is_fate(outcome($sender, $other, { user => 'a', secret => 'c' }), 'away', '535 5.7.8', 1, qr/let us in/,
        'another password does not ride on it');
    is_fate(outcome($sender, $other, {}), 'away', '530 5.7.0', 1, qr/let us in/, 'nor does none');
    is_fate(outcome($sender, $other, { user => 'a', secret => 'b', ca => $tls->{other_ca} }), 'away', undef, 1,
        qr/certificate/, 'nor somebody who does not trust it');
    is scalar(my @mails = $other->mails), 1, 'one mail was heard';
    end($sender);
}

# ---- TLS: never without it where it is required, never with a stranger ----

{
    my $sender = sender($SHORT);
    my $clear = Crm360::Smtp->fake(dir => "$dir/clear", behaviour => {});
    my $stranger = fresh_fake({ login => ['a', 'b'] }, pem => $tls->{other_pem});
    my $direct = fresh_fake({ login => ['a', 'b'] }, smtps => 1);
    my $strange = fresh_fake({}, smtps => 1, pem => $tls->{other_pem});
    my %who = (user => 'a', secret => 'b');

    is_fate(outcome($sender, $clear, \%who), 'away', undef, 1, qr/STARTTLS/, 'no STARTTLS, and it is required');
    is_fate(outcome($sender, $clear, { %who, tls => 'required' }), 'away', undef, 1, qr/STARTTLS/,
        'said in words');
    is_deeply [map { $_->{event} } grep { $_->{event} =~ /auth|mail|data/ } $clear->events], [],
        '  neither password nor mail was said';
    is_fate(outcome($sender, $clear, { tls => 'offered' }), 'sent', '250 2.0.0', 0, undef, 'TLS where it is offered');
    is_fate(outcome($sender, $clear, { tls => 'none' }), 'sent', '250 2.0.0', 0, undef, 'no TLS');
    is_fate(outcome($sender, $clear), 'away', undef, 1, qr/STARTTLS/,
        'a connection without TLS is not kept for somebody who requires it');

    for my $tls_word (undef, 'offered') {
        is_fate(outcome($sender, $stranger, { %who, tls => $tls_word }), 'away', undef, 1, qr/certificate/,
            'a stranger, TLS ' . ($tls_word // 'required'));
    }
    (my $address = $server->url) =~ s/localhost/127.0.0.2/;
    is_fate(outcome($sender, $stranger, { %who, ca => undef }), 'away', undef, 1, qr/certificate/,
        'the authorities of the system do not know it');
    is_fate(outcome($sender, $strange, {}), 'away', undef, 1, qr/certificate/, 'a stranger behind smtps://');
    is_deeply [map { $_->{event} } grep { $_->{event} =~ /auth|mail|data/ } $stranger->events, $strange->events],
        [], '  heard neither password nor mail';
    is_fate(outcome($sender, $direct, \%who), 'sent', '250 2.0.0', 0, undef, 'smtps://');
    ok +($direct->events('data'))[0]{tls}, '  with TLS';
    my $open = Crm360::Smtp->fake(dir => "$dir/open", behaviour => { no_login => 1 });
    is_fate(outcome($sender, $open, { %who, tls => 'none' }), 'away', undef, 1, qr/offers no login/,
        'a server that lets everybody in, and a user is configured');
    is scalar(my @none = $open->mails), 0, '  got no mail';
    is_fate(outcome($sender, $open, { tls => 'none' }), 'sent', '250 2.0.0', 0, undef, '  without a user it does');
    is_fate(outcome($sender, $direct, { %who, url => $direct->url =~ s/smtps/smtp/r }), 'away', undef, 0,
        qr/cannot be used/, 'smtp:// to such a server');
    end($sender);
}

is_fate(outcome(my $last = sender($SHORT), undef, undef), 'sent', undef, 0, undef, 'the outbox needs no server');
is_fate(outcome($last, $server, { url => 'smtp://localhost:1' }), 'away', undef, 0, qr/cannot be used/,
    'nobody listens');
is_fate(outcome($last, $server, { url => 'smtp://no-such-host.invalid' }), 'away', undef, 0, qr/cannot be used/,
    'no such host');
is_fate(outcome($last, $server, {}, from => "a\@b.fr>\r\nRCPT TO:<c\@d.fr"), 'refused', undef, 0, qr/sender/,
    'a hostile sender reaches no server');
end($last);
done_testing;

END {
    local $?;
    $_->stop for grep { $_ } $fake, $server;
    remove_tree($dir) if $dir && !$ENV{CRM360_KEEP};
}
