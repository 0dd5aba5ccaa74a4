# Proof of origin against a running httpd: each scheme with signatures made by `openssl dgst` on the command line
# (and by Digest::SHA, which must agree): valid, altered by a bit, with a wrong secret, old, from the future,
# sent twice, with the second secret, in other spellings. What is refused is not stored.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Digest::SHA qw(hmac_sha1 hmac_sha256 hmac_sha512);
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime);
use Test::More;

my %SECRET = (
    shopify => ['shopify-secret-of-now', 'shopify-secret-before'],
    zendesk => ['zendesk-secret-of-now==', 'zendesk-secret-before=='],
    tabology => ['tabology-secret-of-now', 'tabology-secret-before'],
    standard => ['0123456789abcdef01234567', 'fedcba9876543210fedcba98765432'],
    hmac => ['hmac secret of now', 'hmac secret before'],
    basic => ["mailjet:fixture-pass-41", "m\xc3\xa9lo:pass word \xe2\x82\xac"],
    token => ['token-of-now-0123', 'token-before-0123'],
);

my $site = Crm360::Test->new;
my $dir = $site->dir;
for my $name (sort keys %SECRET) {
    my @lines = @{ $SECRET{$name} };
    @lines = map { 'whsec_' . encode_base64($_, '') } @lines if $name eq 'standard';
    spew("$dir/$name.secret", join "\n", @lines, '');
    chmod 0600, "$dir/$name.secret";
}
my %ROUTE = (
    shopify => 'Shopify/Order/Insert', zendesk => 'Zendesk/Ticket/Update',
    tabology => 'Tabology/Ticket/Create', standard => 'Adictiz/User/Participate',
    hmac => 'elfy76310/process/Rnvp', basic => 'Mailjet/email/Callback',
    token => 'Primotexto/Sms/Callback', networks => 'Smsbox/Sms/Callback',
);
$site->{databases} = { 'acme/prod' => join "\n",
    "Crm360Origin Shopify shopify $dir/shopify.secret",
    "Crm360Origin Zendesk zendesk $dir/zendesk.secret",
    "Crm360Origin Tabology tabology $dir/tabology.secret",
    "Crm360Origin Adictiz standard-webhooks $dir/standard.secret window=2m",
    "Crm360Origin elfy76310 hmac $dir/hmac.secret header=X-Hub-Signature hash=sha512 prefix=sha512= encoding=hex",
    "Crm360Origin elfy76310 hmac $dir/hmac.secret header=X-Hub-Signature hash=sha1 encoding=hex",
    "Crm360Origin Mailjet basic $dir/basic.secret",
    "Crm360Origin Primotexto token $dir/token.secret",
    "Crm360Origin Smsbox networks 127.0.0.0/8",
};
$site->write_conf;
$site->start_redis;
$site->start_httpd;

# ---- signatures ----

# HMAC by openssl; the other implementation must agree.
my $disagreed = 0;
sub mac {
    my ($hash, $key, $data) = @_;
    my $file = spew("$dir/data", $data);
    my $made = { sha1 => \&hmac_sha1, sha256 => \&hmac_sha256, sha512 => \&hmac_sha512 }->{$hash}->($data, $key);

    open my $pipe, '-|:raw', 'openssl', 'dgst', "-$hash", '-hmac', $key, '-binary', $file
        or die "cannot run openssl: $!\n";
    local $/;
    my $mac = <$pipe>;
    close $pipe or die "openssl failed\n";
    $disagreed++ if $mac ne $made;
    return $mac;
}
sub base64 { return encode_base64($_[0], '') }
sub hex_of { return unpack 'H*', $_[0] }
sub now { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + ($_[0] || 0))) }

my $BODY = qq({"id":4711,"name":"L\xc3\xa9a","a":[1.50,null]}\r\n);
# The same fields that a scheme wants, for a body, a key and a time in seconds from now.
my %FIELDS = (
    shopify => sub { my ($body, $key) = @_; return ('X-Shopify-Hmac-Sha256' => base64(mac('sha256', $key, $body))) },
    zendesk => sub {
        my ($body, $key, $late) = @_;
        my $date = now($late);
        return ('X-Zendesk-Webhook-Signature' => base64(mac('sha256', $key, "$date$body")),
            'X-Zendesk-Webhook-Signature-Timestamp' => $date);
    },
    tabology => sub { my ($body, $key) = @_; return (Signature => hex_of(mac('sha256', $key, $body))) },
    standard => sub {
        my ($body, $key, $late) = @_;
        my $at = time + ($late || 0);
        return ('webhook-id' => 'msg_1', 'webhook-timestamp' => $at,
            'webhook-signature' => 'v1,' . base64(mac('sha256', $key, "msg_1.$at.$body")));
    },
    hmac => sub { my ($body, $key) = @_; return ('X-Hub-Signature' => 'sha512=' . hex_of(mac('sha512', $key, $body))) },
);

# ---- sending ----

my ($stored, $sent) = (0, 0);
# Sends a body (by itself one that was never sent); one assertion on the status, and nil on the rest.
sub sends {
    my ($scheme, $status, $what, $fields, $body, @query) = @_;
    my $answer = $site->post($site->url($ROUTE{$scheme}, SourceId => 1, n => ++$sent, @query), $body // $BODY, $fields);

    is $answer->{status}, $status, "$scheme: $what" or diag $answer->{content};
    $stored++ if $status == 200;
    return $answer;
}

# Flips one bit of a text.
sub flip { my ($text, $at, $bit) = @_; substr($text, $at, 1) ^= chr(1 << $bit); return $text }

for my $scheme (qw(shopify zendesk tabology standard hmac)) {
    my ($key, $before) = @{ $SECRET{$scheme} };
    my $fields = $FIELDS{$scheme};
    my %good = $fields->($BODY, $key);
    my ($name) = grep { !/Timestamp$|-id$|-timestamp$/ } sort keys %good;
    my $value = $good{$name};
    my $answer = sends($scheme, 200, 'valid', \%good);

    my $message = $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}"));
    my $called = $scheme eq 'standard' ? 'standard-webhooks' : $scheme;
    like $message, qr/^Crm360-Origin: \Q$called\E; key=1\r$/m, '  the verdict is stored';
    like $message, qr/^\Q$name\E: \Q$value\E\r$/mi, '  and the signature';
    $answer = sends($scheme, 200, 'the secret before', { $fields->($BODY, $before) });
    like $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}")),
        qr/^Crm360-Origin: \Q$called\E; key=2\r$/m, '  which is told';
    sends($scheme, 200, 'an empty body', { $fields->('', $key) }, '');
    sends($scheme, 200, 'every byte there is', { $fields->(join('', map { chr } 0 .. 255), $key) },
        join '', map { chr } 0 .. 255);
    sends($scheme, 200, 'names in another case', { map { lc($_) => $good{$_} } keys %good });
    sends($scheme, 401, 'another secret', { $fields->($BODY, "$key.") });
    sends($scheme, 401, 'no fields', {});
    sends($scheme, 401, 'an empty one', { %good, $name => '' });
    sends($scheme, 401, 'sent twice', { %good, $name => [$value, $value] });
    sends($scheme, 401, 'sent twice, one wrong', { %good, $name => [flip($value, -2, 0), $value] });
    sends($scheme, 401, 'another body', \%good, "$BODY ");
    sends($scheme, 401, 'no body', \%good, '');
    for (my $at = 0; $at < length $BODY; $at += 9) {
        sends($scheme, 401, "bit flipped in byte $at of the body", \%good, flip($BODY, $at, $at % 8));
    }
    # Characters that a field can have, and not a digit in the other case.
    for (my $at = 0; $at < length $value; $at += 5) {
        my ($bit) = grep { my $c = substr flip($value, $at, $_), $at, 1;
            $c =~ /[!-~]/ && lc $c ne lc substr $value, $at, 1 } map { ($_ + $at) % 7 } 0 .. 6;
        sends($scheme, 401, "bit $bit flipped in character $at of $name",
            { %good, $name => flip($value, $at, $bit) });
    }
}
is $disagreed, 0, 'openssl and Digest::SHA have made the same signatures';

# ---- time ----

for my $scheme ('zendesk', 'standard') {
    my $fields = $FIELDS{$scheme};
    my $window = $scheme eq 'zendesk' ? 300 : 120;
    my $key = $SECRET{$scheme}[0];
    my ($date) = grep { /timestamp$/i } my %good = $fields->($BODY, $key);

    sends($scheme, 200, 'some time ago', { $fields->($BODY, $key, -($window - 30)) });
    sends($scheme, 200, 'a clock that is fast', { $fields->($BODY, $key, $window - 30) });
    sends($scheme, 401, 'too long ago', { $fields->($BODY, $key, -($window + 2)) });
    sends($scheme, 401, 'too far in the future', { $fields->($BODY, $key, $window + 30) });
    sends($scheme, 401, 'no timestamp', { map { $_ => $good{$_} } grep { $_ ne $date } keys %good });
    sends($scheme, 401, 'another timestamp', { %good, $date => { $fields->($BODY, $key, 5) }->{$date} });
    sends($scheme, 401, 'two of them', { %good, $date => [$good{$date}, $good{$date}] });
}
like $site->log_text('httpd-error'), qr/origin of Zendesk for acme\/prod not proven: timestamp outside the window/,
    'the log says why';

# ---- spellings ----

my $mac = mac('sha256', $SECRET{tabology}[0], $BODY);
for my $good (hex_of($mac), uc hex_of($mac), base64($mac)) {
    sends('tabology', 200, "$_$good", { Signature => "$_$good" }) for '', 'sha256=';
}
sends('tabology', 401, $_, { Signature => $_ }) for 'sha256=', 'sha1=' . hex_of($mac), '0x' . hex_of($mac),
    base64($mac) =~ tr{+/=}{-_}dr, base64($mac) . '=', hex_of($mac) . '00';
sends('hmac', 200, 'the alternative', { 'X-Hub-Signature' => hex_of(mac('sha1', $SECRET{hmac}[0], $BODY)) });
sends('hmac', 401, 'of another hash', { 'X-Hub-Signature' => 'sha512=' . hex_of(mac('sha256', $SECRET{hmac}[0], $BODY)) });
{
    my %good = $FIELDS{standard}->($BODY, $SECRET{standard}[0]);
    my ($right, $wrong) = ($good{'webhook-signature'}, 'v1,' . 'A' x 43 . '=');
    my $sends = sub { sends('standard', $_[0], $_[1], { %good, 'webhook-signature' => $_[2] }) };

    $sends->(200, 'after a wrong one', "$wrong $right");
    $sends->(200, 'before a wrong one', "$right $wrong");
    $sends->(200, 'beside one of another version', "v1a,AAAA $right");
    $sends->(401, 'as another version', $right =~ s/v1/v2/r);
    $sends->(401, 'two wrong ones', "$wrong $wrong");
    $sends->(401, 'separated by a comma', "$wrong, $right");
    sends('standard', 401, 'another id', { %good, 'webhook-id' => 'msg_2' });
    sends('standard', 401, 'two ids', { %good, 'webhook-id' => ['msg_1', 'msg_1'] });
}

# ---- credentials ----

for my $n (0, 1) {
    my $pair = $SECRET{basic}[$n];
    my $answer = sends('basic', 200, $pair, { Authorization => 'Basic ' . base64($pair) });
    my $message = $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}"));
    like $message, qr/^Crm360-Origin: basic; key=@{[$n + 1]}\r$/m, '  the verdict is stored';
    unlike $message, qr/Authorization/i, '  and the credentials are not';
}
sends('basic', 401, "\"$_\"", { Authorization => $_ }) for 'Basic ' . base64('mailjet:fixture-pass-42'),
    'Basic ' . base64('mailjet:'), 'Basic', 'Basic ' . base64($SECRET{basic}[0]) =~ s/=+$//r,
    'Basic ' . $SECRET{basic}[0], 'Bearer ' . base64($SECRET{basic}[0]), 'Basic ' . base64("$SECRET{basic}[0] ");
sends('basic', 401, 'twice', { Authorization => [('Basic ' . base64($SECRET{basic}[0])) x 2] });

for my $n (0, 1) {
    my $token = $SECRET{token}[$n];
    for my $case (['X-Crm360Api-Token', { 'X-Crm360Api-Token' => $token }],
        ['Bearer', { Authorization => "Bearer $token" }], ['the URL', {}, token => $token]) {
        my ($place, $fields, @query) = @$case;
        my $answer = sends('token', 200, "in $place", $fields, undef, @query);
        my $message = $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}"));
        like $message, qr/^Crm360-Origin: token; key=@{[$n + 1]}\r$/m, '  the verdict is stored';
        unlike $message, qr/\Q$token\E/, '  and the token is not';
    }
}
my $token = $SECRET{token}[0];
sends('token', 401, 'too short', { 'X-Crm360Api-Token' => substr $token, 0, -1 });
sends('token', 401, 'too long', {}, undef, token => "$token ");
sends('token', 401, 'in another case', { Authorization => 'Bearer ' . ucfirst $token });
sends('token', 401, 'twice in a field', { 'X-Crm360Api-Token' => [$token, $token] });
sends('token', 401, 'twice in the URL', {}, undef, token => $token, Token => $token);
sends('token', 401, 'in the body', {}, "token=$token");
sends('token', 401, 'in another field', { 'X-Token' => $token });
for (my $at = 0; $at < length $token; $at++) {
    my $changed = flip($token, $at, $at % 5);
    sends('token', 401, "bit flipped in character $at", {}, undef, token => $changed);
}

# ---- what was refused ----

is $site->redis('ZCARD', $site->key('acme/prod', 'live')) + $site->redis('ZCARD', $site->key('acme/prod', 'batch')),
    $stored, "what proved its origin is stored, and nothing else ($stored of $sent)";
my $log = $site->log_text('httpd-error');
for my $name (sort keys %SECRET) {
    unlike $log, qr/\Q$_\E/, "the log does not hold a secret of $name" for @{ $SECRET{$name} },
        map { base64($_) } @{ $SECRET{$name} };
}
$site->done;
