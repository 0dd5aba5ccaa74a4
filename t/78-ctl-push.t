# crm360ctl push: a webhook from a file is stored as httpd stores it (the same fields, lane, delay, mail copy),
# known again by the same name, and refused for the same reasons in the same words. A stored message can be
# pushed again.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $DB = 'acme/prod';
my $site = Crm360::Test->new(redis_goes => 1, databases => {
    $DB => "Crm360EmailAllow *\@example.org\nCrm360EmailFrom crm\@example.org\n",
    'acme/other' => '',
    'acme/small' => "Crm360WaitingMost 1\n",
});
$site->start_redis;
$site->migrate;
$site->start_httpd;

# Exit status, standard output, standard error; of what is read as JSON, the object.
sub push_it {
    my (@words) = @_;
    my @quoted = map { my $word = $_ =~ s/'/'\\''/gr; "'$word'" }
        build() . '/crm360ctl', '-c', $site->conf, 'push', @words;
    my $errors = $site->dir . '/errors';

    open my $out, '-|', "@quoted 2>$errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp($errors));
}
sub pushed {
    my ($status, $text, $errors) = push_it(@_, '--json');
    is $status, 0, "push @_" or diag $errors;
    return decode_json($text || '{}');
}
sub stored { return $site->redis('GET', $site->key($DB, "message:$_[0]")) // '' }
sub file {
    my ($name, $text) = @_;
    spew($site->dir . "/$name", $text);
    return $site->dir . "/$name";
}

# ---- a body ----

my $BODY = '{"Email":"a@example.org","LastName":"Marin"}';
my $body = file('body.json', $BODY);
my $ROUTE = 'Adictiz/User/Participate';
{
    my $r = pushed($DB, lc $ROUTE, $body, '--source-id', 12);
    like $r->{id}, qr/\A[0-9A-Z]{26}-Adictiz-User-Participate\z/, 'a message id';
    is_deeply [@$r{qw(database route lane durability)}], [$DB, $ROUTE, 'live', 'memory'], 'the receipt';
    ok !$r->{duplicate} && $r->{stored}, '  stored, no duplicate';
    my $stored = stored($r->{id});
    like $stored, qr{\APOST /ProcessManagement/Connector/Standard/QueueProcess/acme/prod/$ROUTE\?SourceId=12 HTTP/1.1\r\n},
        'the first line is that of a webhook';
    like $stored, qr/^Crm360-Origin: operator\r$/m, '  who brought it';
    like $stored, qr/^Crm360-Source-Id: 12\r$/m, '  its source';
    like $stored, qr/\r\n\r\n\Q$BODY\E\z/, '  the body';
    ok $site->redis('ZSCORE', $site->key($DB, 'live'), $r->{id}), '  it is in its lane';

    # The same name as that of a webhook that came through httpd.
    my $answer = $site->post($site->url($ROUTE, SourceId => 12), $BODY);
    ok $answer->{json}{Duplicate}, 'httpd knows it again';
    is $answer->{json}{MessageId}, $r->{id}, '  by its id';
    my $again = pushed($DB, $ROUTE, $body, '--source-id', 12);
    ok $again->{duplicate} && $again->{id} eq $r->{id}, 'and push says that it is a duplicate';
    my $other = pushed($DB, $ROUTE, $body, '--source-id', 12, '--header', 'Idempotency-Key: again-1');
    ok !$other->{duplicate}, 'an Idempotency-Key makes it another delivery';
    my ($status, undef, $errors) = push_it($DB, $ROUTE, file('other.json', '{}'), '--source-id', 12,
        '--header', 'Idempotency-Key: again-1');
    is $status, 1, 'the key with another content is refused';
    like $errors, qr/Idempotency-Key: This key came before with another content/, '  and says so';
}
{
    my ($status, $text) = push_it($DB, $ROUTE, $body, '--source-id', 13);
    is $status, 0, 'without --json';
    like $text, qr/^id\t.*-Adictiz-User-Participate$/m, '  a line for each value';
    like $text, qr/^duplicate\tno$/m, '  no duplicate';
}

# ---- lane, delay, mail copy ----

{
    my $r = pushed($DB, $ROUTE, $body, '--source-id', 14, '--batch', '--invisible', '2h',
        '--query', 'Email=b@example.org', '--query', 'store=Paris Nord');
    is $r->{lane}, 'batch', 'BatchMode';
    ok $r->{mailCopy}, '  with a mail copy';
    ok $site->redis('ZSCORE', $site->key($DB, 'send'), "$r->{id}.mail"), '  in lane send';
    my $score = $site->redis('ZSCORE', $site->key($DB, 'batch'), $r->{id});
    cmp_ok abs($score / 1000 - time - 7200), '<', 60, '  visible in two hours';
    like stored($r->{id}), qr{store=Paris(?:\+|%20)Nord}, '  other parameters are kept';
}
{
    my $r = pushed($DB, 'Smsbox/Sms/Callback', '/dev/null', '--source-id', 14, '--dry-run');
    ok !$r->{stored} && !defined $r->{id}, '--dry-run';
    my ($status, undef, $errors) = push_it($DB, $ROUTE, $body, '--dry-run');
    is $status, 1, '  of a wrong one';
    like $errors, qr/SourceId/, '  says what is missing';
}

# ---- whole requests ----

{
    my $answer = $site->request('POST', $site->url($ROUTE, SourceId => 20, ZoneId => 3),
        content => "{\"x\":\"\xc3\xa9\"}\n", headers => { 'Content-Type' => 'application/json', 'X-Trace-Of' => 'me' });
    my $stored = stored($answer->{json}{MessageId});
    my $saved = file('saved', $stored);
    my $r = pushed($DB, $saved);
    ok $r->{duplicate}, 'a stored message is known again';
    $r = pushed('acme/small', $saved);
    ok !$r->{duplicate}, 'another database: no duplicate';
    my $copy = $site->redis('GET', $site->key('acme/small', "message:$r->{id}"));
    like $copy, qr{\APOST /ProcessManagement/Connector/Standard/QueueProcess/acme/small/$ROUTE\?SourceId=20&ZoneId=3 },
        '  its target is of that database';
    like $copy, qr/^Crm360-Database: small\r$/m, '  and its fields';
    like $copy, qr/^X-Trace-Of: me\r$/m, '  with the header fields of the caller';
    is((split /\r\n\r\n/, $copy, 2)[1], "{\"x\":\"\xc3\xa9\"}\n", '  and every byte of the body');
    is scalar(() = $copy =~ /^Crm360-Id:/mg), 1, '  its own fields are not those of the first one';

    my ($status, undef, $errors) = push_it('acme/small', $saved, '--query', 'SourceId=21');
    is $status, 1, 'Crm360WaitingMost holds for an operator, too';
    like $errors, qr/As many webhooks of this database wait/, '  and it says so';

    # As redis-cli --raw prints it, with a line feed behind it; and a parameter of the file changed.
    my $cli = file('cli', "$stored\n");
    $r = pushed($DB, $cli, '--query', 'sourceid=22');
    like stored($r->{id}), qr/^Crm360-Source-Id: 22\r$/m, 'a parameter in the place of that of the file';
    is scalar(() = stored($r->{id}) =~ /sourceid=/gi), 1, '  not beside it';
    for my $case (
        [substr($stored, 0, -2), qr/shorter than its Content-Length/],
        ["${stored}more", qr/longer than its Content-Length/],
        ["nothing of the kind\n\n", qr/first line/],
        ["POST /somewhere/else?SourceId=1 HTTP/1.1\r\n\r\n{}", qr/not that of a webhook: name its route/],
        )
    {
        my ($code, undef, $why) = push_it($DB, file('bad', $case->[0]));
        is $code, 1, 'a request that is none';
        like $why, $case->[1], '  what is wrong with it';
    }
}
for my $example (glob root() . '/examples/*.http') {
    my ($route) = $example =~ m{([^/]+)\.http\z};
    $route =~ s{-}{/}g;
    my ($status, $text, $errors) = push_it($DB, $route, $example, '--request', '--dry-run', '--json');
    is $status, 0, "the example of $route is taken" or diag $errors;
}

# ---- refused as httpd refuses ----

for my $case (
    ['{}', $ROUTE, [SourceId => 0]],
    ['{}', $ROUTE, [SourceId => 1, Email => 'x@elsewhere.example']],
    ['{}', $ROUTE, [SourceId => 1, Email => 'nobody']],
    ['{}', 'Nobody/User/Participate', [SourceId => 1]],
    ['{}', 'Shopify/Nothing/Insert', [SourceId => 1]],
    ['{}', 'Shopify/Order/Nothing', [SourceId => 1]],
    ['{"EmailTo":"nobody"}', 'Crm360/Email/Send', [SourceId => 1]],
    ['{"id":1}', $ROUTE, [SourceId => 1], 'Content-Type' => 'application/cloudevents+json'],
    ['{"id":1}', $ROUTE, [SourceId => 1], 'Content-Type' => 'application/cloudevents+xml'],
    ['{}', $ROUTE, [SourceId => 1], 'Idempotency-Key' => '"half'],
    )
{
    my ($text, $route, $query, %headers) = @$case;
    my $answer = $site->request('POST', $site->url($route, @$query), content => $text,
        headers => { 'Content-Type' => 'application/json', %headers });
    my @words = ($DB, $route, file('refused', $text));
    my @pairs = @$query;

    push @words, '--query', join '=', splice @pairs, 0, 2 while @pairs;
    push @words, map { ('--header', "$_: $headers{$_}") } keys %headers;
    my ($status, $out, $errors) = push_it(@words);
    cmp_ok $answer->{status}, '>=', 400, "$route @$query: httpd refuses";
    is $status, 1, '  so does push' or diag $out;
    like $errors, qr/\Q$answer->{json}{detail}\E/, '  in the same words';
    like $errors, qr/not stored: \Q@{[$answer->{json}{parameter} \/\/ '']}\E/, '  by the same name';
}
{
    my ($status, undef, $errors) = push_it($DB, $ROUTE, $body, '--source-id', 1, '--header',
        'Content-Encoding: gzip');
    is $status, 1, 'a content coding is refused';
    like $errors, qr/Content-Encoding/, '  by name';
}

# ---- standard input ----

{
    my $ctl = join ' ', build() . '/crm360ctl', '-c', $site->conf;
    my $piped = sub { my $text = `$_[0] 2>&1`; return ($? >> 8, $text) };
    my ($status, $text) = $piped->("cat $body | $ctl push $DB $ROUTE - --source-id 40 --json");

    is $status, 0, 'a body through a pipe' or diag $text;
    my $id = $status ? '' : decode_json($text)->{id};
    like stored($id), qr/\r\n\r\n\Q$BODY\E\z/, '  is stored';
    ($status, $text) = $piped->("$ctl show $DB $id --raw | $ctl push acme/other --json -");
    is $status, 0, 'a stored message from database to database' or diag $text;
    $text = $site->redis('GET', $site->key('acme/other', 'message:' . ($status ? '' : decode_json($text)->{id})));
    like $text // '', qr/\r\n\r\n\Q$BODY\E\z/, '  is stored there';
    ($status, $text) = $piped->("$ctl push $DB $ROUTE $body --source-id - --dry-run");
    like $text, qr{SourceId is "-"}, 'as the value of an option it is what it is';
}

# ---- words ----

for my $case (
    [2, qr/wants customer\/alias, a route, and a file/, $DB],
    [2, qr/no customer nobody/, 'nobody/prod', $ROUTE, $body],
    [2, qr/--query wants NAME=VALUE/, $DB, $ROUTE, $body, '--query', 'x'],
    [2, qr/--header wants/, $DB, $ROUTE, $body, '--header', 'x'],
    [2, qr/--header wants/, $DB, $ROUTE, $body, '--header', "x: a\nb"],
    [2, qr/--invisible wants whole seconds/, $DB, $ROUTE, $body, '--invisible', '10ms'],
    [1, qr/no-such-file: It cannot be read/, $DB, $ROUTE, '/no-such-file', '--source-id', 1],
    )
{
    my ($status, $errors, @words) = @$case;
    my @got = push_it(@words);
    is $got[0], $status, "push @words: exit status";
    like $got[2], $errors, '  why';
}

# A large body, in parts; and Redis away.
{
    my $large = '{"x":"' . 'y' x 600_000 . '"}';
    my $r = pushed($DB, $ROUTE, file('large', $large), '--source-id', 30);
    is((split /\r\n\r\n/, stored($r->{id}), 2)[1], $large, 'a large body is stored whole');
    $site->expect_log(qr/CRM010\d/);
    $site->freeze_redis;
    my ($unsure, undef, $said) = push_it($DB, $ROUTE, $body, '--source-id', 32);
    $site->thaw_redis;
    is $unsure, 4, 'Redis does not answer in time: exit status 4';
    like $said, qr{it may be stored or not: crm360ctl show $DB \S+-Adictiz-User-Participate tells}, '  and says how to know'
        or diag $said;
    my ($id) = $said =~ /show $DB (\S+)/;
    is +($site->ctl('show', $DB, $id))[0], stored($id) ? 0 : 1, '  which is so';
    $site->stop_redis;
    my ($status, undef, $errors) = push_it($DB, $ROUTE, $body, '--source-id', 31);
    is $status, 4, 'Redis is away: exit status 4';
}
$site->done;
