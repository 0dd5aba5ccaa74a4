# What the forms of the status page do, and for whom they do nothing: without the directive, without a token of
# this caller, from another site. Each thing done is a line in the log; what nobody knows to have been sent is not
# sent again.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Operators qw(fill message_id);
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new(
    modules => [qw(authn_file auth_basic authz_user)],
    server => <<'END',
<Location /status>
    SetHandler crm360-status
    Crm360StatusActions On
</Location>
<Location /read>
    SetHandler crm360-status
</Location>
<Location /named>
    SetHandler crm360-status
    Crm360StatusActions On
    AuthType Basic
    AuthName operators
    AuthUserFile "DIR/users"
    Require valid-user
</Location>
END
);
$site->{server} =~ s/DIR/$site->dir/e;
# The password of both is "secret".
spew($site->dir . '/users', join '', map { "$_:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n" } qw(ann bob));
$site->start_redis;
$site->start_httpd;
my $PREFIX = $site->key('acme/prod', '');

# The headers of somebody who is known.
sub as {
    my ($name) = @_;
    return { Authorization => 'Basic ' . { ann => 'YW5uOnNlY3JldA==', bob => 'Ym9iOnNlY3JldA==' }->{$name} };
}

sub token {
    my ($where, $headers) = @_;
    my $page = $site->get("$where?show=acme/prod", $headers)->{content};
    return $page =~ /name="token" value="([0-9a-f]{64})"/ ? $1 : '';
}

# Sends a form: pairs of names and values; -where, -headers and -token (a wrong one) are of the request.
sub act {
    my (@pairs) = @_;
    my %with = (-where => '/status', -headers => {});
    my @form;

    while (my ($name, $value) = splice @pairs, 0, 2) {
        if ($name =~ /^-/) { $with{$name} = $value; next }
        $value =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
        push @form, "$name=$value";
    }
    my $token = $with{-token} // token($with{-where}, $with{-headers});
    return $site->request('POST', $with{-where}, content => join('&', "token=$token", 'database=acme/prod', @form),
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded', %{ $with{-headers} } });
}

# What the page says to which an answer leads.
sub told {
    my ($answer, $headers) = @_;
    return "status $answer->{status}: $answer->{content}" if $answer->{status} != 303;
    my $page = $site->get($answer->{headers}{location}, $headers)->{content};
    return $page =~ m{role="status">([^<]*)<} ? $1 : 'nothing';
}

sub dead { return $site->redis('ZCARD', "${PREFIX}dead") }
sub lines { return [$site->log_text('httpd-error') =~ /status page: (\S+ at 127.0.0.1: .*)/g] }

fill($site, 'acme/prod', waiting => 5, dead => 12, reasons => ['HTTP 503']);
my @dead = map { message_id('D', $_) } 1 .. 12;
my @waiting = map { message_id('W', $_) } 1 .. 5;

# ---- who may not ----

is act(action => 'redrive', id => $dead[0], -where => '/read', -token => token('/status'))->{status}, 403,
    'a location that does not act';
unlike $site->get('/read?show=acme/prod')->{content}, qr/method="post"|type="checkbox"/, 'has no form';
unlike $site->get("/read?show=acme/prod&id=$dead[0]")->{content}, qr/method="post"/, 'nowhere';
for my $case (['no token', -token => ''], ['a wrong one', -token => '0' x 64], ['a short one', -token => 'ab'],
    ['a form of another site', -headers => { 'Sec-Fetch-Site' => 'cross-site' }],
    ['one of a neighbour', -headers => { 'Sec-Fetch-Site' => 'same-site' }],
    ['another origin', -headers => { Origin => 'https://evil.example' }],
    ['an origin that is hidden', -headers => { Origin => 'null' }],
    ['an origin that only begins so', -headers => { Origin => $site->base . '.evil.example' }]) {
    my ($what, @with) = @$case;
    my $answer = act(action => 'redrive', id => $dead[0], @with);
    is $answer->{status}, 403, $what;
    like $answer->{content}, qr/^Nothing was done: /, '  is told so';
}
for my $case (['evil.example', 421], ['localhost', 200], ['127.0.0.1', 200], ['[::1]', 200]) {
    my ($name, $status) = @$case;
    my $answer = $site->raw("GET /status?show=acme/prod HTTP/1.0\r\nHost: $name\r\n\r\n");
    like $answer, qr/^HTTP\S+ $status /, "asked for as $name";
    is $answer =~ /name="token"/ ? 200 : 421, $status, '  with a form or not at all';
}
my $anns = token('/named', as('ann'));
is act(action => 'redrive', id => $dead[0], -where => '/named', -headers => as('bob'), -token => $anns)->{status},
    403, 'the token of somebody else';
is act(action => 'redrive', id => $dead[0], -where => '/named', -token => $anns)->{status}, 401, 'nobody';
isnt $anns, token('/named', as('bob')), 'each has another token';
is act(action => 'redrive', id => $dead[0], -headers => { 'Content-Type' => 'text/plain' })->{status}, 415,
    'no form';
is act(action => 'redrive', id => 'x' x 70_000)->{status}, 413, 'a large one';
for my $case (['no action', id => $dead[0]], ['an unknown one', action => 'erase', id => $dead[0]],
    ['no message', action => 'redrive'], ['no lane', action => 'pause'],
        ['none that there is', action => 'pause', what => 'x'],
    ['too many', action => 'redrive', map { (id => "x$_") } 1 .. 101]) {
    my ($what, @form) = @$case;
    is act(@form)->{status}, 400, $what;
}
is dead(), 12, 'nothing was done';
is_deeply lines(), [], 'and no line says that something was';

# ---- redrive ----

my $answer = act(action => 'redrive', id => $dead[0], id => $dead[1], id => $dead[0], id => 'gone',
    -headers => { Origin => $site->base, 'Sec-Fetch-Site' => 'same-origin' });
is $answer->{status}, 303, 'redrive leads back';
like $answer->{headers}{location}, qr{\A/status\?show=acme%2fprod&did=redrive&}, '  to the page of the database';
is told($answer), '2 dead letters redriven; 1 not: gone, held by a worker, or changed meanwhile.',
    '  which says what happened';
ok $site->redis('ZSCORE', "${PREFIX}live", $dead[0]), '  they are in their lane again';
is lines()->[0], "somebody at 127.0.0.1: redrive of acme/prod: 2 done, 1 not, 0 uncertain: $dead[0], $dead[1], gone",
    '  and the log says who did it';
{
    my $forged = $answer->{headers}{location} =~ s/n=2/n=9/r;
    unlike $site->get($forged)->{content}, qr/role="status"/, 'a page does not say what nobody did';
    unlike $site->get("/status?show=acme/prod&did=drop&n=5")->{content}, qr/role="status"/, '  not without a seal';
}
is told(act(action => 'redrive', id => $dead[2], back => 'message', -where => '/named', -headers => as('ann')),
    as('ann')),
    '1 dead letter redriven.', 'somebody who is known, from the page of the message';
like lines()->[-1], qr/^ann at /, '  is named';
$site->redis('HSET', "${PREFIX}failures", $dead[3],
    '{"attempts":1,"errors":[{"at":1,"reason":"uncertain: the worker ended"}]}');
like told(act(action => 'redrive', id => $dead[3])), qr/^0 dead letters redriven; 1 not, because nobody knows/,
    'what may have been sent is not sent again';
ok $site->redis('ZSCORE', "${PREFIX}dead", $dead[3]), '  it stays a dead letter';
is lines()->[-1], "somebody at 127.0.0.1: redrive of acme/prod: 0 done, 0 not, 1 uncertain: $dead[3]",
    '  and the log names it';
is told(act(action => 'redrive', id => $dead[8],
    -headers => { Origin => 'https://crm.example', 'Sec-Fetch-Site' => 'same-origin' })), '1 dead letter redriven.',
    'behind a proxy that changes Host the verdict of the browser counts';
is act(action => 'redrive', id => $dead[9],
    -headers => { Origin => $site->base, 'Sec-Fetch-Site' => 'cross-site' })->{status}, 403, '  also against the form';
$site->redis('ZADD', "${PREFIX}dead", 1000, $dead[8]);
$site->redis('ZREM', "${PREFIX}live", $dead[8]);

# ---- drop ----

$answer = act(action => 'drop', id => $dead[4], id => $dead[5], id => 'gone');
is $answer->{status}, 200, 'drop asks first';
like $answer->{content}, qr/gone for good.*<button name="action" value="drop" class="danger">Drop 2 for good</s,
    '  by a page';
is dead(), 9, '  and drops nothing';
{
    my $none = act(action => 'drop', id => 'gone')->{content};
    like $none, qr/None of them is a dead letter any more/, '  where there is nothing to drop it says so';
    unlike $none, qr/Drop 0|value="drop"|gone for good/, '  and asks nothing';
}
my @died = $answer->{content} =~ /name="died" value="(\d+)"/g;
$site->redis('ZADD', "${PREFIX}dead", $died[1] + 1, $dead[5]);
is told(act(action => 'drop', confirm => 'yes', id => $dead[4], died => $died[0], id => $dead[5], died => $died[1])),
    '1 dead letter dropped; 1 not: gone, held by a worker, or changed meanwhile.', 'then it drops those that were seen';
is $site->redis('EXISTS', "${PREFIX}message:$dead[4]"), 0, '  for good';
is told(act(action => 'drop', confirm => 'yes', id => $dead[6])),
    '0 dead letters dropped; 1 not: gone, held by a worker, or changed meanwhile.', 'not what was not shown';

# ---- now, pause, resume ----

is told(act(action => 'now', id => $waiting[0], id => $dead[6])),
    '1 message made visible; 1 not: gone, held by a worker, or changed meanwhile.', 'now';
like $site->get("/status?show=acme/prod&id=$waiting[0]")->{content}, qr{<strong>due</strong>}, '  it is due';
like $site->get("/status?show=acme/prod&id=$waiting[1]")->{content}, qr{value="now">}, 'one that waits has that button';
is told(act(action => 'pause', what => 'shopify/order/insert')), 'Shopify/Order/Insert is paused.', 'pause a route';
is told(act(action => 'pause', what => 'Shopify/Order/Insert')), 'Shopify/Order/Insert is already paused.', '  once';
is told(act(action => 'pause', what => 'send')), 'send is paused.', 'pause a lane';
is_deeply [sort @{ $site->redis('SMEMBERS', "${PREFIX}paused") }], ['Shopify/Order/Insert', 'send'], '  it is';
like $site->get('/status?show=acme/prod')->{content}, qr{aria-label="Resume send"}, '  and can be resumed';
is told(act(action => 'resume', what => 'send')), 'send is resumed.', 'resume';
is_deeply $site->redis('SMEMBERS', "${PREFIX}paused"), ['Shopify/Order/Insert'], '  it goes on';
is lines()->[-1], 'somebody at 127.0.0.1: resume of acme/prod: 1 done, 0 not, 0 uncertain: send', '  and is logged';

# ---- a token ends with its httpd; a page of before a graceful restart says so ----

my $old = token('/status');
kill 'USR1', slurp($site->dir . '/httpd.pid') + 0;
wait_until { act(action => 'now', id => $waiting[1], -token => $old)->{status} == 403 } 10,
    'a token of before a restart';
is told(act(action => 'now', id => $waiting[1])), '1 message made visible.', 'a new one is taken';

$site->expect_log(qr/CRM0101|AH01630|AH01617/);
my $token = token('/status');
$site->stop_redis;
is act(action => 'now', id => $waiting[2], -token => $token)->{status}, 503, 'without Redis';
like lines()->[-1], qr/now of acme.*more may be done: \S+/, '  which the log says, and why';
unlike $site->log_text('httpd-error'), qr/APR does not understand/, '  in words';
$site->done;
