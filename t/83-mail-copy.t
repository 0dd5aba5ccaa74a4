# Mail copies: the content of a webhook goes to whom the section allows, by the parameter Email and by
# EmailProcess. The webhook and its copy are there both or neither; what becomes of one never repeats or
# delays the other; and what is only to be mailed never has an effect.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep time);

my $serial = 0;
my $TO = 'ops@acme.example';
my $ROUTE = 'Shopify/Customer/Insert';

# $option{send}: how many workers lane send has.
sub site {
    my (%option) = @_;
    my $send = delete $option{send} // 2;
    my $site = Crm360::Test->new(
        databases => { 'acme/prod' => "    Crm360EmailAllow *\@acme.example Boss\@Other.example\n",
            'acme/none' => '' },
        %option,
    );

    $site->{settings} .= "Crm360Workers send $send\n";
    $site->write_conf;
    return $site;
}

sub workers {
    my ($site, $lane, $count) = @_;

    $site->{settings} =~ s/^Crm360Workers $lane .*\n//m;
    $site->{settings} .= "Crm360Workers $lane $count\n";
    $site->write_conf;
    return;
}

# A webhook about a person of its own; its answer with the person's id.
sub hook {
    my ($site, %o) = @_;
    my $person = $o{person} // 7_000_000 + ++$serial;
    my $answer = $site->post(
        $site->url($ROUTE, %{ { SourceId => 12, Email => $TO, %{ $o{query} || {} } } }),
        $o{body} // qq({"id":$person,"first_name":"L\xc3\xa9a","updated_at":"2026-03-02T10:15:27Z")
            . (defined $o{ballast} ? qq(,"note":"$o{ballast}") : '') . '}',
        $o{headers});

    $answer->{person} = $person;
    $answer->{id} = ($answer->{json} || {})->{MessageId} // '';
    return $answer;
}

sub mails { my ($site) = @_; return map { m{([^/]+)\.eml$} } sort glob $site->outbox . "/*.eml" }
sub mail { my ($site, $id) = @_; my $file = $site->outbox . "/$id.eml"; return -e $file ? slurp($file) : '' }

# What is attached to a mail: the request.
sub attached {
    my ($site, $id) = @_;
    my $bytes = mail($site, $id);
    my $at = index $bytes, 'Content-Disposition: attachment';
    my $from = $at < 0 ? -1 : index $bytes, "\r\n\r\n", $at;

    return $from < 0 ? '' : decode_base64(substr $bytes, $from, index($bytes, "\r\n--", $from) - $from);
}

sub contacts { my ($site, $where) = @_; return $site->value('acme/prod', "select count(*) from Contacts $where") }
# Whose webhooks have had no effect.
sub not_done {
    my ($site, @answers) = @_;
    my %is = map { $_->{Identifier} => 1 } $site->sql('acme/prod', 'select Identifier from ContactIdentifiers');
    return grep { !$is{ $_->{person} } } @answers;
}
sub entries { my ($site, $lane) = @_; return @{ $site->redis('ZRANGE', $site->key('acme/prod', $lane), 0, -1) } }
sub stored { my ($site, $id) = @_; return $site->redis('GET', $site->key('acme/prod', "message:$id")) }
sub left { my ($site) = @_; return @{ $site->redis('KEYS', $site->key('acme/prod', 'message:*')) } }

# The end of a site; a connection that is kept would hold httpd up.
sub over { my ($site) = @_; delete $site->{http}; $site->finish; return }

# The sum that doc/queue.txt promises.
sub counts_fit {
    my ($site, $what) = @_;
    my %c = @{ $site->redis('HGETALL', $site->key('acme/prod', 'counters')) };
    my $ended = 0;

    $ended += $c{$_} || 0 for qw(done split dead erased);
    $ended += entries($site, $_) for qw(live batch send);
    is $c{received} + ($c{redriven} || 0), $ended, "$what: what was received is done, dead or waits";
    return;
}

sub is_there_in_time {
    my ($site, $what, @answers) = @_;

    wait_until { !not_done($site, @answers) && !grep { !mail($site, "$_->{id}.mail") } @answers } 20,
        "$what: both are done";
    return;
}

my $site = site();
$site->start;

# ---- who may be mailed to ----

for my $process (qw(QueueProcess EmailProcess)) {
    my $try = sub {
        my ($database, @email) = @_;
        return $site->post($site->url($ROUTE, -process => $process, -database => $database,
            SourceId => 1, @email), '{"id":1}');
    };
    for my $row (['acme/none', $TO, 'nobody by default'], ['acme/prod', 'x@evil.example', 'not who does not fit'],
        ['acme/prod', 'ops@acme.example.evil.example', 'nor who only begins so']) {
        my $answer = $try->($row->[0], Email => $row->[1]);

        is $answer->{status}, 403, "$process: $row->[2]";
        is $answer->{json}{parameter}, 'Email', '  which names the parameter';
        like $answer->{json}{detail}, qr/Crm360EmailAllow/, '  and the directive';
        unlike $answer->{content}, qr/acme\.example/, '  but no address';
    }
    # However it is written, it is refused, or it is one address that fits.
    for my $address ("$TO\r\nBcc: x\@evil.example", "x\@evil.example,$TO", "x\@evil.example\0$TO",
        "x\@evil.example $TO", "<x\@evil.example>$TO", "\"x\@evil.example\"\@acme.example", "$TO ",
        "ops\@[127.0.0.1]\@acme.example", "\xc3\xa9\@acme.example", ('a' x 70) . '@acme.example',
        "a\@$TO", '@acme.example', "ops\@-acme.example", "ops;rm\@acme.example", "a\\\@acme.example") {
        my $answer = $try->('acme/prod', Email => $address);
        (my $shown = $address) =~ s/[^ -~]/?/g;

        is $answer->{status}, 400, "$process: refused: " . substr $shown, 0, 40;
    }
    is $try->('acme/prod', Email => $TO, email => $TO)->{status}, 400, "$process: nor two of them";
}
is $site->post($site->url($ROUTE, -process => 'EmailProcess', SourceId => 1), '{}')->{json}{parameter},
    'Email', 'EmailProcess wants to know who is mailed to';
is $site->redis('DBSIZE') - @{ $site->redis('KEYS', 'crm360:1:[ch][oi]*') }, 0, 'nothing of that was stored';

# ---- both happen ----

{
    my @answers = (hook($site), hook($site, query => { Email => 'BOSS@other.example' }));
    is $_->{status}, 200, 'a webhook with an allowed recipient' for @answers;
    like $answers[0]{id}, qr/^[0-9A-Z]{26}-Shopify-Customer-Insert$/, 'has the id of a webhook';
    is_there_in_time($site, 'Email', @answers);
    like mail($site, "$answers[0]{id}.mail"), qr/^To: <?\Q$TO\E>?\r?$/m, 'it goes to the recipient';
    like mail($site, "$answers[1]{id}.mail"), qr/^To: <?BOSS\@other\.example>?\r?$/m, 'whose case is his own';
    like mail($site, "$answers[0]{id}.mail"), qr/Shopify\/Customer\/Insert/, 'and says what came';
    my $request = attached($site, "$answers[0]{id}.mail");
    like $request, qr{\APOST /\S+/QueueProcess/acme/prod/$ROUTE\?\S+ HTTP/1\.1\r\n}, 'the request is attached';
    like $request, qr/"id":$answers[0]{person},"first_name":"L\xc3\xa9a"/, 'whole';
    unlike $request, qr/^Crm360-/m, 'without fields of ours';

    my $only = $site->post($site->url($ROUTE, -process => 'EmailProcess', SourceId => 12, Email => $TO),
        '{"id":8000001}');
    like $only->{json}{MessageId}, qr/^[0-9A-Z]{26}-Shopify-Customer-Insert\.mail$/,
        'EmailProcess: the id says that it is a mail';
    wait_until { mail($site, $only->{json}{MessageId}) } 10, 'which is sent';
    wait_until { !left($site) } 10, 'and nothing is left of any of them';
    is scalar not_done($site, { person => 8000001 }), 1, 'it has no other effect';
    counts_fit($site, 'after that');
    my @rows = $site->sql('acme/prod', 'select MessageId, Kind, State from WebhookSends order by 1');
    is scalar @rows, 3, 'what was sent is noted';
    is_deeply [grep { $_->{MessageId} !~ /\.mail$/ || $_->{Kind} ne 'mail' } @rows], [], 'as mails';
    is $site->value('acme/prod', 'select count(*) from WebhookEvents where MessageId like \'%.mail\''), 0,
        'and is no event';
}

# ---- a repetition has no second copy ----

{
    my %id = (headers => { 'X-Shopify-Webhook-Id' => 'w1' }, person => 7_900_001);
    my @answers = map { hook($site, %id) } 1 .. 3;
    is join(' ', map { $_->{json}{Duplicate} ? 1 : 0 } @answers), '0 1 1', 'a delivery that comes again';
    is_deeply [map { $_->{id} } @answers], [($answers[0]{id}) x 3], 'is the first one';
    my @only = map {
        $site->post($site->url($ROUTE, -process => 'EmailProcess', SourceId => 12, Email => $TO),
            '{"id":7900001}', $id{headers})->{json}
    } 1 .. 2;
    isnt $only[0]{MessageId}, $answers[0]{id}, 'to mail it is something else';
    is $only[1]{MessageId}, $only[0]{MessageId}, 'which is done once, too';
    is_there_in_time($site, 'repetitions', $answers[0]);
    wait_until { mail($site, $only[0]{MessageId}) && !left($site) } 10, 'all is done';
    is scalar mails($site), 5, 'and nothing twice';
}

# ---- the webhook waits, its copy does not ----

{
    my $later = hook($site, query => { secondsOfInvisibility => 3600 });
    wait_until { mail($site, "$later->{id}.mail") } 10, 'the copy of a webhook that waits is sent at once';
    is_deeply [entries($site, 'live')], [$later->{id}], 'while it waits';
    is scalar not_done($site, $later), 1, 'and is not done';
    $site->redis('ZADD', $site->key('acme/prod', 'live'), 0, $later->{id});
    $site->redis('PUBLISH', 'crm360:1:wake', $site->key('acme/prod', 'live') . ' 0');
    is_there_in_time($site, 'later', $later);
}

# ---- large ones ----

for my $size (1_000_000, 10_000_000) {
    my $text = join '', map { chr 33 + $_ % 89 } 1 .. 997;
    $text =~ tr/"\\//d;
    my $answer = hook($site, ballast => substr $text x ($size / length($text) + 1), 0, $size);

    is $answer->{status}, 200, "$size bytes are taken";
    is_there_in_time($site, "$size bytes", $answer);
    my $request = attached($site, "$answer->{id}.mail");
    cmp_ok length $request, '>', $size, 'the whole is attached';
    like $request, qr/"\}\z/, 'to its end';
    ok index(mail($site, "$answer->{id}.mail"), '[cut here; there is more]') > 0, 'the text is a part of it';
}
is_deeply [left($site)], [], 'nothing is left of them';
is $site->redis('DBSIZE'), scalar(@{ $site->redis('KEYS', 'crm360:1:*:seen:*') })
    + @{ $site->redis('KEYS', 'crm360:1:[ch][oi]*') } + 1,
    'but what is remembered, and counted';

# ---- a batch ----

{
    my $batch = hook($site, query => { BatchMode => 'true' },
        body => '[' . join(',', map { qq({"id":$_,"first_name":"B"}) } 9_000_001 .. 9_000_150) . ']');
    is $batch->{status}, 200, 'a batch';
    wait_until { contacts($site, "where FirstName = 'B'") == 150 } 20, 'is split';
    wait_until { mail($site, "$batch->{id}.mail") && !left($site) } 10, 'and mailed';
    is_deeply [grep { /\.\d+\.mail$|\.mail\.\d+$/ } mails($site)], [], 'as a whole';
    like attached($site, "$batch->{id}.mail"), qr/\[\{"id":9000001,.*"id":9000150,"first_name":"B"\}\]\z/,
        'which is attached';
}
counts_fit($site, 'then');
is_deeply [entries($site, 'dead')], [], 'nothing has died';

# ---- workers that are killed ----

{
    my @answers;
    for (1 .. 5) {
        push @answers, map { hook($site) } 1 .. 10;
        $site->kill_consumer(group => 1);
        $site->start_consumer;
    }
    wait_until { !left($site) } 60, 'killed again and again: all is done';
    is scalar not_done($site, @answers), 0, 'each webhook';
    is scalar(grep { !mail($site, "$_->{id}.mail") } @answers), 0, 'and each copy';
    is $site->value('acme/prod', "select count(*) from WebhookSends where State <> 'sent'"), 0,
        'all of them are noted as sent' or diag explain [$site->sql('acme/prod', 'select State, count(*) from WebhookSends group by 1')];
}
for my $log (qw(httpd-error crm360d)) {
    unlike $site->log_text($log), qr/acme\.example/, "no recipient is in the log of $log";
}
over($site);

# ---- a mailer that is away, and one that is slow ----

$site = site(send => 4);
{
    my $gateway = Crm360::Gateway->start(folder => $site->dir, answers => { delay => 0.3,
        body => '{"Messages":[{"Status":"success","To":[{"MessageUUID":"1ab23cd4"}]}]}' });
    my $is_quick = sub {
        my ($what) = @_;
        my @answers = map { hook($site) } 1 .. 12;

        wait_until { !not_done($site, @answers) } 10, "$what: webhooks have their effect";
        return @answers;
    };

    $gateway->down;
    spew($site->dir . '/secret', "secret\n");
    chmod 0600, $site->dir . '/secret';
    $site->{databases}{'acme/prod'} .= "    Crm360EmailFrom crm\@acme.example\n    Crm360Mailer mailjet user=key "
        . 'secret=' . $site->dir . '/secret url=' . $gateway->url . "\n";
    $site->write_conf;
    $site->start;
    $site->expect_log(qr/CRM0380/);
    my @answers = $is_quick->('a mailer that is away');
    is_deeply [sort(entries($site, 'send'))], [sort map {"$_->{id}.mail"} @answers], 'the copies wait';
    is_deeply [entries($site, 'dead')], [], 'and do not die of it';

    # It is back, and nobody is left to wait for that.
    $site->stop_consumer;
    $gateway->up;
    $site->redis('DEL', $_) for @{ $site->redis('KEYS', 'crm360:1:{provider/*') }; # there may be none any more
    $site->redis('ZADD', $site->key('acme/prod', 'send'), map { (0, "$_->{id}.mail") } @answers);
    $site->start_consumer;
    push @answers, $is_quick->('a mailer that is slow');
    wait_until { !left($site) } 20, 'all is done';
    my @sent = map { decode_json($_->{body})->{Messages}[0] } $gateway->requests;
    is_deeply [sort map { $_->{CustomID} } @sent], [sort map {"$_->{id}.mail"} @answers], 'each copy was sent once';
    is_deeply [grep { $_->{To}[0]{Email} ne $TO || $_->{From}{Email} ne 'crm@acme.example' } @sent], [],
        'to whom it was for';
    is contacts($site, "where FirstName = 'L\xc3\xa9a'"), scalar @answers, 'and each webhook was done once';
    counts_fit($site, 'in the end');
}
over($site);

# ---- Redis is away ----

$site = site();
Crm360::Spool::make($site, '64M');
$site->expect_log(qr/CRM010[12]|CRM0330/);
$site->start;
$site->stop_redis;
{
    my @answers = (hook($site), hook($site, query => { secondsOfInvisibility => 3600 }),
        hook($site, ballast => 'x' x 1_000_000));
    is join(' ', map { $_->{json}{Durability} } @answers), 'spool spool spool', 'spooled';
    my $only = $site->post($site->url($ROUTE, -process => 'EmailProcess', SourceId => 12, Email => $TO),
        '{"id":8000002}');
    is join(' ', sort(Crm360::Spool::files($site))),
        join(' ', sort map {"$_.msg"} $only->{json}{MessageId}, map { $_->{id} } @answers),
        'webhook and copy are one file';
    $site->start_redis;
    is_there_in_time($site, 'from the spool', @answers[0, 2]);
    wait_until { mail($site, "$answers[1]{id}.mail") && mail($site, $only->{json}{MessageId}) } 10,
        'the others are mailed';
    is_deeply [entries($site, 'live')], [$answers[1]{id}], 'and what was to wait waits';
    is scalar not_done($site, { person => 8000002 }), 1, 'what was only to be mailed is nothing else';
    like attached($site, "$answers[2]{id}.mail"), qr/x"\}\z/, 'a large one is whole';
    counts_fit($site, 'from the spool');
}
over($site);

# ---- what is only to be mailed has no effect, whatever happens to it ----

$site = site(send => 0);
$site->start;
my $fixtures = Crm360::Fixtures::fixtures();
my (%routes, %ids);
for my $file (sort keys %$fixtures) {
    my $fixture = $fixtures->{$file};
    (my $target = $fixture->{target}) =~ s/QueueProcess/EmailProcess/;
    my $content = slurp(root() . "/t/fixtures/$file");
    my ($route) = $target =~ m{acme/prod/([^?]+)};
    my $answer = $site->request($fixture->{method},
        "$target&Email=$TO" . ($fixture->{kind} eq 'query' ? "&$content" : ''),
        $fixture->{kind} eq 'query' ? () : (content => $content));

    is $answer->{status}, 200, "EmailProcess: $file" or diag $answer->{content};
    $routes{$route} = 1;
}
is scalar keys %routes, 22, 'of all routes';
my @waiting = entries($site, 'send');
is scalar @waiting, scalar keys %$fixtures, 'all wait in lane send';
is_deeply [map { entries($site, $_) } qw(live batch)], [], 'and nowhere else';
is_deeply [grep { !/\.mail$/ } @waiting], [], 'each is a mail';

# Their entries are lost, they are found, and redriven.
$site->redis('DEL', $site->key('acme/prod', 'send'));
$site->expect_log(qr/CRM0122|CRM0311\D.*Crm360EmailAllow/);
$site->keep_house;
is scalar entries($site, 'dead'), scalar @waiting, 'without their entries they are dead letters';
my ($code, $output) = $site->ctl('dead', 'redrive', 'acme/prod', '--all');
is $code, 0, 'redriven' or diag $output;
is_deeply [sort(entries($site, 'send'))], [sort @waiting], 'into their lane';

# Somebody has put one where it does not belong.
my $astray = $waiting[0];
$site->redis('ZREM', $site->key('acme/prod', 'send'), $astray);
$site->redis('ZADD', $site->key('acme/prod', 'live'), 0, $astray);
$site->redis('PUBLISH', 'crm360:1:wake', $site->key('acme/prod', 'live') . ' 0');
$site->wait_log('crm360d', qr/CRM0311\D.*lane send/, 10, 'one in another lane is not worked on');

# The section allows nobody any more.
my $allowed = $site->{databases}{'acme/prod'};
$site->{databases}{'acme/prod'} = '';
workers($site, send => 2);
$site->stop_consumer;
$site->start_consumer;
wait_until { !entries($site, 'send') } 10, 'a recipient who is not allowed any more';
is scalar entries($site, 'dead'), scalar @waiting, 'gets nothing';
like $site->log_text('crm360d'), qr/CRM0311\D.*Crm360EmailAllow/, 'and the log names the directive';
$site->{databases}{'acme/prod'} = $allowed;
$site->write_conf;
$site->stop_consumer;
$site->start_consumer;
$site->redis('HDEL', $site->key('acme/prod', 'failures'), $astray); # it died in another lane
($code, $output) = $site->ctl('dead', 'redrive', 'acme/prod', '--all');
is $code, 0, 'redriven when he is' or diag $output;
wait_until { mails($site) == @waiting } 20, 'all are mailed';
wait_until { !left($site) } 10, 'and done';
is_deeply [sort(mails($site))], [sort @waiting], 'each once';
is $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId not like '%.mail'"), 0,
    'no webhook was processed';
is contacts($site, ''), 0, 'nobody is there';
is $site->value('acme/prod', "select count(*) from $_"), 0, "nothing in $_"
    for qw(Addresses PurchaseHeaders PurchaseGoods Cases WebhookEvents WebhookJobs WebhookPoints);
is_deeply [grep { !/\.mail\.eml$/ } map { m{([^/]+)$} } glob $site->outbox . "/*"], [],
    'and no command was carried out';

# ---- a person who is erased is erased from copies as well ----

workers($site, $_ => 0) for qw(live batch send);
$site->stop_consumer;
$site->start_consumer;
{
    my $body = '{"id":7700001,"email":"ann@example.org","first_name":"Ann"}';
    my $answer = hook($site, body => $body);
    my $other = hook($site);
    my $batch = hook($site, query => { BatchMode => 'true' }, body => "[$body,{\"id\":7700002}]");
    ($code, $output) = $site->ctl('erase', 'acme/prod', '--email', 'ann@example.org', '--dry-run');
    like $output, qr/\bsend\b.*\Q$answer->{id}\E\.mail/, 'a copy is found' or diag $output;
    like $output, qr/\bsend\b.*\Q$batch->{id}\E\.mail/, 'and that of a batch';
    ($code, $output) = $site->ctl('erase', 'acme/prod', '--email', 'ann@example.org', '--yes');
    is $code, 0, 'erased' or diag $output;
    is_deeply [sort(entries($site, 'send'))], [sort map {"$_->{id}.mail"} $other, $batch], 'the copy is gone';
    is_deeply [entries($site, 'live')], [$other->{id}], 'with its webhook';
    is stored($site, "$batch->{id}.mail"), stored($site, $batch->{id}), 'what is left of a batch is the same';
    unlike stored($site, "$batch->{id}.mail"), qr/ann\@example/, 'and without her';
}
over($site);
done_testing;
