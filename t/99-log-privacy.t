# No log holds what webhooks are about or what opens doors: secrets, names, addresses, numbers and texts are
# planted in requests of all 22 routes, good and failing, in what providers and mail servers answer, in what
# the operator asks; then every log is searched for them, at the levels that are the default. Beside it: tokens
# in URLs are not in the site's own logs, nor on the page of the server's status.
use strict;
use warnings;
use utf8;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Smtp;
use Crm360::Spool;
use Crm360::Test;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

# What is planted has one of these in it; each kind of secret is another one.
my $PERSON = qr/Wolfram|W%6Flfram|planted\.example|655577431|6 ?55 ?57 ?74 ?31/i;
my %SECRET = (
    token => 'urltoken7c22',
    field => 'fieldtoken9f31',
    basic => 'basicword5d13',
    cookie => 'cookie8e44',
    redis => 'redisword55cc',
    gate => 'gateword44bb',
    bearer => 'bearer66dd',
);
my $BASIC = encode_base64("someone:$SECRET{basic}", '');
my $HIDDEN = join '|', map { quotemeta } values %SECRET, $BASIC;
$HIDDEN = qr/$HIDDEN/;

my ($our_format) = slurp(root() . '/conf/crm360_webhook.conf') =~ /^\s*(LogFormat .* crm360)$/m;
ok $our_format, 'a LogFormat ships with the module';
my $site = Crm360::Test->new(redis_password => $SECRET{redis});
my $dir = $site->dir;
my %file = map { $_ => "$dir/$_.secret" } qw(redis gate);
for my $name (sort keys %file) {
    spew($file{$name}, "$SECRET{$name}\n");
    chmod 0600, $file{$name};
}
$site->{server} = <<"END";
$our_format
CustomLog "$dir/log/httpd-crm360.log" crm360 "expr=-n note('crm360-target')"
LogFormat "%h %l %u %t \\"%r\\" %>s %O %q \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog "$dir/log/httpd-combined.log" combined
CustomLog "$dir/log/httpd-others.log" combined "expr=-z note('crm360-target')"
ExtendedStatus On
<Location /server-status>
    SetHandler server-status
</Location>
<Location /w>
    Crm360Webhook On
</Location>
<Location "$Crm360::Test::MOUNT/closed">
    Crm360Webhook On
    Require all denied
</Location>
END

# Providers that repeat what they are told, with a refusal.
my $gateway = Crm360::Gateway->start(folder => $dir, answers => sub {
    my ($request) = @_;
    my $said = JSON::PP->new->encode(($request->{body} // '') . " Wolfram $request->{path}");
    my $error = qq({"ErrorCode":"mj-$said","ErrorMessage":$said});
    return {
        status => 400,
        headers => { 'Content-Type' => 'application/json' },
        body => qq({"code":99,"error":$said,"message":$said,"ErrorMessage":$said,)
            . qq("Messages":[{"Status":"error","Errors":[$error]}]}),
    };
});
my $smtp = Crm360::Smtp->fake(dir => "$dir/smtp", behaviour => {
    rcpt => '550 5.1.1 <wolfram@planted.example>: Recipient Zephyrine Wolfram, 17 rue Wolfram, '
        . 'unknown (+33655577431)',
});
my $url = $gateway->url;
my $allow = <<'END';
Crm360EmailAllow *@planted.example
Crm360EmailFrom crm@example.com
Crm360EmailSender *@planted.example
END
$site->{databases} = {
    'acme/prod' => $allow,
    'acme/smtp' => $allow . 'Crm360Mailer ' . $smtp->url . ' tls=none',
    'acme/gate' => $allow . "Crm360Mailer mailjet user=public secret=$file{gate} url=$url/mj\n"
        . "Crm360SmsGateway smsbox secret=$file{gate} url=$url/box sender=ACME\n"
        . "Crm360Wallet captainwallet account=a project=p user=u secret=$file{gate} url=$url/cw\n",
    'acme/prim' => $allow . "Crm360SmsGateway primotexto secret=$file{gate} url=$url/pt",
    'acme/away' => $allow . 'Crm360Mailer smtp://127.0.0.1:9 tls=none',
};
$site->{settings} = <<"END";
Crm360RedisPasswordFile $file{redis}
Crm360HandlerTimeout 5s
Crm360RetrySchedule 100ms
Crm360DedupKey none
END
Crm360::Spool::make($site, '64M');
$site->write_conf;
$site->start;
$site->expect_log(qr/CRM\d{4}/, qr/AH\d{5}/);

# ---- what is planted ----

my $count = 0;
# A value in the place of another one, by the name of its field.
sub plant {
    my ($name) = @_;
    $count++;
    return "zephyrine.$count\@planted.example" if $name =~ /mail|recipient|\Afrom|\Ato\z/i;
    return '+33655577431' if $name =~ /phone|mobile|number|identifier/i;
    return "Wolfram-$count rue des Tamarins";
}

# Names of fields that are about somebody.
my $ABOUT = qr/mail|name|phone|mobile|address|street|city|text|body|message|comment|note|subject|desc|title
    |content|recipient|first|last|company/ix;
# What else each text of a body may become.
my %WRONG = (text => 'Wolfram', object => { Wolfram => 'Wolfram' }, bytes => "Wolfram\x{1}\x{fffd}\n");

# The texts of a body planted: those that are about somebody, or all of them with one of %WRONG.
sub planted {
    my ($value, $wrong, $name) = @_;
    return { map { $_ => planted($value->{$_}, $wrong, $_) } keys %$value } if ref $value eq 'HASH';
    return [map { planted($_, $wrong, $name) } @$value] if ref $value eq 'ARRAY';
    return $value if ref $value || !defined $value;
    return $WRONG{$wrong} if $wrong;
    return ($name // '') =~ $ABOUT && $value !~ /\A[\d.]*\z/ ? plant($name) : $value;
}

my %CREDENTIALS = (
    Connection => 'close',
    Authorization => "Basic $BASIC",
    Cookie => "session=$SECRET{cookie}",
    'X-Crm360Api-Token' => $SECRET{field},
    'Proxy-Authorization' => "Bearer $SECRET{bearer}",
    Referer => "http://x.example/?token=$SECRET{token}&n=1",
);
my $TOKEN = "t%6Fken=$SECRET{token}&TOKEN=$SECRET{token}";
my (%sent, %status);

sub post {
    my ($target, $body, %headers) = @_;
    my $answer = $site->request('POST', "$target&$TOKEN", content => $body,
        headers => { 'Content-Type' => 'application/json', %CREDENTIALS, %headers });
    $status{ $answer->{status} }++;
    return $answer;
}

# A query with the value of each parameter replaced that is about somebody.
sub planted_query {
    my ($query) = @_;
    my $number = qr/num|phone|from|dest/i;
    my $text = qr/[A-Za-z]*(?:$number|text|msg|message)[A-Za-z]*/i;

    return $query =~ s/(^|&)($text)=[^&]*/"$1$2=" . ($2 =~ $number ? '33655577431' : 'W%6Flfram')/ger;
}

# ---- all routes ----

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $fixtures = Crm360::Fixtures::fixtures();
for my $file (sort keys %$fixtures) {
    my $fixture = $fixtures->{$file};
    my $target = $fixture->{target};
    my $content = slurp(root() . "/t/fixtures/$file");
    my ($route) = $target =~ m{/prod/(\w+/\w+/\w+)};
    my $again = $sent{$route}++;

    if ($fixture->{kind} eq 'query') {
        my $query = planted_query($content);
        for my $text ($query, "$query&x=Wolfram%zz&Wolfram&=Wolfram", $query =~ s/=[^&]+/=Wolfram/gr) {
            my $answer = $site->request('GET', "$target&$text&$TOKEN", headers => \%CREDENTIALS);
            $status{ $answer->{status} }++;
        }
        next;
    }
    my $value = eval { $json->decode($content) };
    if (!$value) {
        post($target, $_) for $content =~ s/=[^&]+/=Wolfram/gr, "Wolfram\xff";
        next;
    }
    my $good = $json->encode(planted($value));
    post($target, $good);
    next if $again > 1;
    post($target, $json->encode(planted($value, $_))) for sort keys %WRONG;
    post($target, $_) for substr($good, 0, length($good) / 2), 'Wolfram {',
        qq({"Wolfram":"zephyrine\@planted.example\xff"});
    post("$target&BatchMode=true", qq([$good,{"Wolfram":"Wolfram"},$good));
}
my %COMMAND = (
    'Crm360/Email/Send' => '{"EmailTo":"zephyrine@planted.example;other@planted.example",'
        . '"SenderEmail":"wolfram@planted.example","SenderAlias":"Wolfram",'
        . '"Subject":"Wolfram {{var:Greeting}}","TextMessage":"Wolfram +33655577431"}',
    'Crm360/Sms/Send' => '{"MobilePhoneNumber":"+33655577431","Sender":"Wolfram",'
        . '"Message":"Wolfram, 17 rue Wolfram"}',
    'CaptainWallet/LoyaltyCard/SendUpdate' => '{"LoyaltyCardId":12345}',
);
my $person = '{"email":"zephyrine@planted.example","firstName":"Wolfram"}';
for my $database (sort keys %{ $site->{databases} }) {
    for my $route (sort keys %COMMAND) {
        my $target = $site->url($route, SourceId => 9, -database => $database);
        my $body = $COMMAND{$route};

        $sent{$route}++;
        post($target, $_) for $body, $body =~ s/:"[^"]*"/:"Wolfram"/gr, substr($body, 0, 40), "[$body",
            'Wolfram';
    }
    for my $process (qw(QueueProcess EmailProcess)) {
        post($site->url('Adictiz/User/Participate', SourceId => 1, -process => $process,
            -database => $database, Email => 'zephyrine@planted.example'), $person);
    }
}
is scalar keys %sent, 22, 'all 22 routes were sent';

# ---- requests that are refused ----

my $good = $site->url('Adictiz/User/Participate', SourceId => 1);
(my $closed = $good) =~ s{/QueueProcess}{/closed/QueueProcess};
post("$good&$_", $person) for qw(ZoneId=Wolfram Email=Wolfram Email=zephyrine@evil.planted.example.org
    BatchMode=Wolfram SourceId=33655577431 Email=%zzWolfram secondsOfInvisibility=655577431);
post($_, $person) for $good =~ s/Participate/Nothing/r, $good =~ s{acme/prod}{acme/nothing}r,
    $good =~ s{acme/prod}{a%20b/prod}r, $closed;
post($good, $person, 'Idempotency-Key' => "Wolfram $SECRET{field}");
post($good, 'Wolfram' x 2_000_000);
my $head = "POST $good&$TOKEN HTTP/1.1\r\nHost: x\r\n";
$site->raw("${head}X-Wolfram: Wolfram\r\nTransfer-Encoding: chunked\r\n\r\nWolfram\r\n", 2);
$site->raw("${head}Content-Length: 99\r\nConnection: close\r\n\r\nWolfram", 0.3);
$status{ $site->request('PUT', "$good&$TOKEN", content => 'Wolfram')->{status} }++;
cmp_ok $status{$_} || 0, '>', 0, "some were answered with $_" for 200, 400, 403, 404, 405, 413;

# ---- worked on, the spool, and the operator ----

my @databases = sort keys %{ $site->{databases} };
sub waiting {
    my $sum = 0;
    for my $database (@databases) {
        $sum += $site->redis('ZCARD', $site->key($database, $_)) for qw(live batch);
    }
    return $sum;
}
wait_until { waiting() == 0 } 30, 'all of it was worked on';
for my $database (qw(acme/gate acme/smtp acme/prim)) {
    wait_until { $site->redis('ZCARD', $site->key($database, 'dead')) > 3 } 20, "dead letters of $database";
}
wait_until { $site->log_text('crm360d') =~ /CRM0380/ } 10, 'a provider was given up for a while';
my $reasons = join "\n", map { values %{ { @{ $site->redis('HGETALL', $site->key($_, 'failures')) } } } } @databases;
note "of the reasons, which are data: " . (() = $reasons =~ /$PERSON/g) . ' with something planted';
$site->stop_redis;
is post($good, $person)->{json}{Durability}, 'spool', 'Redis is away: into the spool';
$site->start_redis;
wait_until { waiting() == 0 && !grep { /Adictiz/ } glob "$dir/spool/*" } 20, '  and carried on';
my @errors;
my @verbs = (
    ['erase', 'acme/prod', '--email', 'zephyrine@planted.example', '--dry-run'],
    (map { ['erase', 'acme/prod', @$_, '--yes'] } ['--phone', '+33655577431'], ['--email', 'Wolfram'],
        ['--identifier', 'Wolfram']),
    ['erase', 'acme/nothing', '--email', 'zephyrine@planted.example', '--yes'],
    ['dead', 'redrive', 'acme/gate', '--all'],
    ['dead', 'redrive', 'acme/prod', '--id', '01M8N54M79J9QVG56T700XMN7M-Adictiz-User-Participate'],
    ['migrate'],
);
for my $verb (@verbs) {
    my $errors = "$dir/errors";
    my @words = map { "'$_'" } build() . '/crm360ctl', '-c', $site->conf, @$verb;

    system "@words >/dev/null 2>$errors";
    push @errors, map { "@$verb: $_" } grep { /$PERSON|$HIDDEN/ } split /\n/, slurp($errors);
}
is_deeply \@errors, [], 'what crm360ctl says beside its data is clean';
$site->keep_house;

# ---- the logs ----

# It shows 63 bytes of the request line that a thread works on. One that still waits for its body keeps its thread; that
# of a request which has been answered may be taken by the next one, even by the one that looks.
my $slow = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port}) or die "cannot connect: $!";
print {$slow} "POST /w/QueueProcess/acme/prod/Smsbox/Sms/Callback?token=tk7c22&SourceId=1 HTTP/1.1\r\nHost: localhost\r\n",
    "Content-Length: 20\r\n\r\nhalf";
my $page = '';
wait_until { ($page = $site->get('/server-status')->{content}) =~ /Smsbox.Sms.Callback/ } 10, 'the request is begun';
like $page, qr/Apache Server Status/, 'the status of the server';
like $page, qr/Smsbox\/Sms\/Callback\?token=\*\*\*/, '  shows the request';
unlike $page, qr/tk7c|$HIDDEN/, '  and no secret';
close $slow;
$site->stop_consumer;
$site->stop_httpd;
for my $log (qw(httpd-error httpd-crm360 crm360d redis)) {
    my @lines = split /\n/, $site->log_text($log);
    my @bad = grep { $_ =~ /$PERSON|$HIDDEN/ } @lines;

    cmp_ok scalar @lines, '>', 5, "$log: " . @lines . ' lines';
    diag substr $_, 0, 400 for @bad > 40 ? @bad[0 .. 39] : @bad;
    is scalar @bad, 0, '  with nothing of what was planted';
}
for my $log (qw(httpd-access httpd-combined)) {
    unlike $site->log_text($log), qr/$HIDDEN/, "$log: no token of a URL and no other secret";
    like $site->log_text($log), qr/TOKEN=\*\*\*/, '  but what stands in its place';
}
like $site->log_text('httpd-crm360'),
    qr{ "POST \Q$good\E\S*&TOKEN=\*\*\* HTTP/1\.1" 200 .* id=\w{26}-Adictiz-User-Participate },
    'our format shows the rest';
unlike $site->log_text('httpd-others'), qr/QueueProcess/, 'the site can keep webhooks out of its own log';
like $site->log_text('httpd-others'), qr/server-status/, '  which has all others';
for my $out (grep { -s } glob "$dir/log/*.out") {
    next if $out =~ /run\.out/;
    unlike slurp($out), qr/$PERSON|$HIDDEN/, "$out: nothing either";
}
$site->done;
