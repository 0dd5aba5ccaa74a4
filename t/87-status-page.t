# The status pages: overview, a database, a message; what each shows, that nothing from elsewhere reaches a page
# unescaped, what is shown only where the location says so, and how they are without Redis or without rights.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Operators qw(fill fill_history message_id);
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use Test::More;

my $site = Crm360::Test->new(
    databases => { 'acme/prod' => "Crm360WaitingMost 500\nCrm360Rate Shopify 50/s", 'acme/shop' => '' },
    server => <<'END',
<Location /status>
    SetHandler crm360-status
</Location>
<Location /open>
    SetHandler crm360-status
    Crm360StatusActions On
    Crm360StatusMessages On
</Location>
END
);
Crm360::Spool::make($site, '64M');
$site->start_redis;
$site->start_httpd;
my $PREFIX = $site->key('acme/prod', '');

# The content of a page that is there.
sub page {
    my ($query, $where) = @_;
    my $answer = $site->get(($where || '/status') . "?$query");
    return $answer->{status} == 200 ? $answer->{content} : "status $answer->{status}";
}
sub one {
    my ($id, $where) = @_;
    return page('show=acme/prod&id=' . ($id =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ger), $where);
}
sub json { return $site->get('/status?format=json')->{json} }

# What a table row says: the row whose header is $name, its cells without markup.
sub row {
    my ($page, $name) = @_;
    my ($row) = $page =~ m{<tr><th scope="row"[^>]*>(?:<[^>]*>|\s)*\Q$name\E(?:</a>)?</th>(.*?)</tr>}s;
    return join ' ', map { s/<[^>]*>//gr =~ s/^\s+|\s+$//gr } ($row // '') =~ m{<td[^>]*>(.*?)</td>}gs;
}

# ---- what is there ----

is $site->post($site->url('Shopify/Order/Insert', SourceId => 1), '{}')->{status}, 200, 'a webhook';
my $reasons = ['HTTP 503 from the provider, after %d ms', "contact %d: 'ann\@example.com' is not allowed"];
fill($site, 'acme/prod', due => 3, waiting => 70, retried => 10, dead => 60, reasons => $reasons);
fill_history($site);
my $held = message_id('W', 1);
$site->redis('HSET', "${PREFIX}claims", $held, encode_json({ token => 't', worker => 'host-1:live:3',
    since => int(time) * 1000 - 5000, due => int(time) * 1000 - 9000 }));
$site->redis('ZADD', "${PREFIX}batch", 100_000_000_000_000 + time * 1000, message_id('P', 1));
$site->redis('SADD', "${PREFIX}paused", 'Shopify/Order/Insert', 'send');

{
    my $answer = $site->get('/status');
    my $page = $answer->{content};
    is $answer->{status}, 200, 'the overview';
    like $answer->{headers}{'content-security-policy'},
        qr/\Adefault-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-anc\w+ 'none'\z/,
        'its policy: nothing from elsewhere, one style, forms of its own';
    is $answer->{headers}{'referrer-policy'}, 'same-origin', 'and no referrer for others';
    is $answer->{headers}{'cache-control'}, 'no-store', 'nobody keeps it';
    like row($page, 'live'), qr/\A79 4 1 0 10 min ago\z/, 'a lane: waiting, due, in flight, paused, oldest due';
    is row($page, 'batch') =~ s/ &ndash;//r, '0 0 0 1', 'paused by its route';
    like row($page, 'acme/prod'), qr/\A85 of 500 79 4 1 1 10 min ago \S+ 60\z/, 'a database';
    like row($page, 'host-1:live:3'), qr{\Aacme/prod 1 \d+ s ago\z}, 'who holds what';
    like $page, qr{<td>30</td><td>5</td><td class="wide">HTTP 503 from the provider, after N ms<}, 'failures by reason';
    like $page, qr{<td>30</td><td>5</td><td class="wide">contact N: &quot;\.\.\.&quot; is not allowed<},
        'without values';
    like $page, qr{<svg role="img" aria-labelledby="messages-title".*<path class="one" d="M0 [\d.]+h1L2 }s, 'charts';
    like $page, qr{<summary>The numbers of these charts</summary>}, 'and the same as a table';
    like row($page, 'appendonly'), qr/\Awrong CRM0362/, 'how Redis is set up';
    like $page, qr{No crm360d runs}, 'that nothing works it off';
    like $page, qr{<td>0</td><td>0 of 64M <meter}, 'the spool';
    is row($page, 200), 1, 'webhooks by status';
    unlike $page, qr/<script|<form method="post"|(?:src|href)="[^?#]/,
        'no script, no form that acts, nothing from elsewhere';
    like page('hours=24'), qr{<strong>24 hours</strong>}, 'another span of time';
    like page('database=acme&hours=24'), qr{<a href="\?database=acme&amp;hours=6\#time">}, '  of the same databases';
}
{
    my $json = json();
    my ($prod) = grep { $_->{database} eq 'prod' } @{ $json->{databases} };
    is_deeply [map { $prod->{lanes}{live}{$_} } qw(waiting due leased paused)], [79, 4, 1, 0], 'JSON: lanes by state';
    is $prod->{waiting}{live}, 84, '  all of a lane, as before';
    is_deeply [sort @{ $prod->{paused} }], ['Shopify/Order/Insert', 'send'], '  what is paused';
    is $prod->{holders}[0]{worker}, 'host-1:live:3', '  who holds what';
    is $json->{failures}[0]{dead}, 30, '  failures';
    is $json->{redis}{audit}[2]{check}, 'appendonly', '  the audit';
    cmp_ok @{ $json->{history} }, '>', 300, '  the last hours';
    is_deeply $json->{requests}, { 200 => 1 }, '  requests';
    is $json->{spool}{files}, 0, '  the spool';
}

# What is made visible at once, as doc/queue.txt has it, does not hide for how long others have been due.
$site->redis('ZADD', "${PREFIX}live", 0, message_id('Z', 1));
like row(page(''), 'live'), qr/\A79 5 1 0 10 min ago\z/, 'a score of 0 is no time, and hides none';
$site->redis('ZREM', "${PREFIX}live", message_id('Z', 1));

# ---- a database ----

{
    my $page = page('show=acme/prod');
    like $page, qr{<h1>acme/prod</h1>}, 'the page of a database';
    like $page, qr{<caption>dead, newest first: 1 to 50 of 60</caption>}, 'its newest dead letters';
    my @ids = $page =~ m{<th scope="row" class="id"><a [^>]*>([^<]+)</a>}g;
    is_deeply \@ids, [map { message_id('D', $_) } reverse 11 .. 60], '  fifty on a page';
    ok $page =~ m{<a href="(\?[^"]*from=50)#messages">next</a>}, '  and a link to the next';
    my $next = page(substr $1 =~ s/&amp;/&/gr, 1);
    like $next, qr{51 to 60 of 60}, '  which has the rest';
    unlike $next, qr{>next</a>}, '  and is the last';
    like page('show=acme/prod&list=live'), qr{<caption>live, the soonest first: 1 to 50 of 84</caption>}, 'a lane';
    like page('show=acme/prod&list=live&state=due'), qr{live, due, the oldest first: 1 to 4 of 4<}, 'what is due';
    like page('show=acme/prod&list=live&state=waiting'), qr{1 to 50 of 80<}, 'what waits';
    like page('show=acme/prod&list=live&state=leased&from=10'), qr{held by host-1:live:3}, 'what is held';
    like page('show=acme/prod&list=batch&state=paused'), qr{1 to 1 of 1<.*>paused<}s, 'what is paused';
    like page('show=acme/prod&list=send&state=paused'), qr{There is none}, 'a lane that is paused and empty';
    $site->redis('SADD', "${PREFIX}paused", 'live');
    $site->redis('ZADD', "${PREFIX}live", 100_000_000_000_000 + time * 1000, message_id('P', 2));
    my $paused = page('show=acme/prod&list=live&state=paused');
    like $paused, qr{<caption>live, paused: 1 to 5 of 5</caption>}, 'all that is paused of a lane that is';
    like $paused, qr{aria-label="live, paused: 5"}, '  as many as are counted';
    is scalar(() = $paused =~ m{<td class="t">paused</td>}g), 5, '  and nothing else';
    like page('show=acme/prod&list=live&state=paused&from=4'), qr{5 to 5 of 5<.*\Q@{[message_id('P', 2)]}\E}s,
        '  from any on';
    $site->redis('SREM', "${PREFIX}paused", 'live');
    $site->redis('ZREM', "${PREFIX}live", message_id('P', 2));
    like page('show=acme/prod&list=live&from=9999'), qr{There is none on this page}, 'a page behind the end';
    like page('show=acme/prod&list=nothing&from=-1&state=x'), qr{1 to 50 of 60<}, 'what is no list, state or number';
    like page('show=ACME/Prod'), qr{<h1>acme/prod</h1>}, 'its name in any case';
    is page('show=acme/none'), 'status 404', 'no such database';
    is page('show=nonsense'), 'status 404', 'no name of one';
    is page('show=acme/prod&format=json'), 'status 400', 'JSON is of the overview';
}

# ---- a message, and what is shown of it ----

{
    my $id = message_id('D', 8);
    my $page = one($id);
    like $page, qr{<dt>state</dt><dd><strong>dead</strong></dd>.*<dt>route</dt><dd>Shopify/Order/Insert</dd>}s,
        'a dead letter';
    like $page, qr{<dt>attempts</dt><dd>2, of which 0 crashed}, '  its attempts';
    like $page, qr{after N ms<}, '  its history';
    like $page, qr{holds personal data, and is not shown here}, '  and not what it holds';
    unlike $page, qr{ann\@example}, '  not a word of it';
    $page = one($id, '/open');
    like $page, qr{after 8 ms<}, 'where it may be shown: the reason';
    like $page, qr{<pre tabindex="0">POST /x HTTP/1.1\nCrm360-Id: $id.*\{&quot;email&quot;:&quot;ann\@example.com}s,
        '  and the request';
    like one($held), qr{<strong>leased</strong>.*<dt>held by</dt><dd>host-1:live:3</dd>}s, 'one that is held';
    like one(message_id('W', 2)), qr{<strong>waiting</strong>.*<dt>visible</dt><dd><time [^>]*>in 59 min<}s,
        'one that waits';
    like one(message_id('P', 1)), qr{<strong>paused</strong>}, 'one that is paused';
    like one('nothing'), qr{<strong>gone</strong>}, 'one that is gone';
    $site->redis('SET', "${PREFIX}message:$id", "POST / HTTP/1.1\r\n\r\n" . "\xe2\x82\xac" x 20_000);
    like one($id, '/open'), qr{\xe2\x82\xac(?:\xef\xbf\xbd)*</pre>\n<p>The first 16,384 of 60,019 bytes},
        'a large one is cut';
}

# ---- hostile ids and reasons ----

my $evil = qq{<script>alert("1")</script>'&\x01\xff\xe2\x80\xae};
{
    my $now = int(time) * 1000;
    $site->redis('ZADD', "${PREFIX}dead", $now, $evil);
    $site->redis('SET', "${PREFIX}message:$evil", "x\0y $evil");
    $site->redis('HSET', "${PREFIX}failures", $evil,
        '{"attempts":1,"errors":[{"at":1,"reason":"<script>x</script>\u0001\u202e' . "\xff" . '"}]}');
    $site->redis('HSET', "${PREFIX}claims", $held,
        encode_json({ token => 't', worker => $evil, since => 1, due => 1 }));
    $site->redis('SADD', "${PREFIX}paused", $evil);
    $site->redis('HSET', 'crm360:1:consumers', $evil, encode_json({ host => $evil, version => $evil, at => $now,
        started => $now, pid => 1, workers => { live => 1 } }));
    $site->redis('HSET', 'crm360:1:history', int(time / 60), '{"live":"' . $evil . '"}');
    for my $where ('/status', '/open') {
        for my $page ($site->get($where)->{content}, page('show=acme/prod', $where), one($evil, $where)) {
            like $page, qr/&lt;script&gt;/, "$where: it is shown";
            unlike $page, qr/<script|\x01|\xff|\xe2\x80\xae/, '  escaped, and no byte that HTML does not allow';
            ok utf8::decode(my $copy = $page), '  in valid UTF-8';
        }
    }
    my $answer = $site->get('/status?format=json');
    ok $answer->{json} && utf8::decode(my $copy = $answer->{content}), 'JSON with it is JSON';
    my ($reason) = grep { $_->{reason} =~ /script/ } @{ $answer->{json}{failures} };
    like $reason->{example}{id}, qr/\A<script>alert\("1"\)/, '  that says it';
    my $metrics = $site->get('/status?format=prometheus')->{content};
    unlike $metrics, qr/script/, 'and no label has it';
    is page('show=%3Cscript%3E/x'), 'status 404', 'and a name';
    unlike $site->get('/status?show=%3Cscript%3E/x')->{content}, qr/<script/, '  is not repeated';
    like one($evil, '/open'), qr{Its id has bytes that no form can carry}, 'nothing can be done to such an id';
    unlike one($evil, '/open') . page('show=acme/prod', '/open'), qr{name="id" value="&lt;script}, '  by no form';
    $site->redis('ZREM', "${PREFIX}dead", $evil);
    $site->redis('DEL', 'crm360:1:consumers', "${PREFIX}message:$evil");
    $site->redis('SREM', "${PREFIX}paused", $evil);
}

# ---- what is wrong ----

$site->redis('RENAME', "${PREFIX}batch", 'elsewhere');
$site->redis('SET', "${PREFIX}batch", 'wrong');
is row(page(''), 'acme/prod') =~ s/ \S+ 60\z//r, '? ? ? ? ? &ndash;', 'a lane of another type does not count as empty';
{
    my ($prod) = grep { $_->{database} eq 'prod' } @{ json()->{databases} };
    is_deeply $prod->{lanes}{batch},
        { waiting => -1, due => -1, leased => -1, paused => -1, oldestDue => undef, next => undef }, '  nor in JSON';
}
$site->redis('RENAME', 'elsewhere', "${PREFIX}batch");

$site->redis('RENAME', "${PREFIX}dead", 'elsewhere');
$site->redis('SET', "${PREFIX}dead", 'wrong');
$site->redis('SET', 'crm360:1:history', 'wrong') if $site->redis('DEL', 'crm360:1:history');
like page('show=acme/prod'), qr{dead letters are a key of another type.*There is none}s,
    'a key of another type is told';
like page(''), qr{A key of another type}, '  on both pages';
like page(''), qr{<h2 id="time">(?:(?!<h2).)*It cannot be read}s, 'a history that cannot be read is told so';
is $site->redis('GET', "${PREFIX}dead"), 'wrong', '  and left as it is';

is $site->request('HEAD', '/status')->{content} // '', '', 'HEAD has no content';
for my $method (qw(PUT DELETE PATCH)) {
    my $answer = $site->request($method, '/open');
    is $answer->{status}, 405, "$method is not allowed";
    like $answer->{headers}{allow}, qr/^(?=.*\bGET\b)(?=.*\bHEAD\b)(?=.*\bPOST\b)/, '  and what is';
}
unlike $site->request('PUT', '/status')->{headers}{allow}, qr/POST/, 'where nothing may be done, no POST';

# Where Redis does not let the queues be looked at.
$site->expect_log(qr/CRM0221/);
$site->redis('ACL', 'SETUSER', 'default', '-hgetall');
for my $query ('', 'show=acme/prod') {
    my $answer = $site->get("/status?$query");
    is $answer->{status}, 503, "refused: ?$query";
    like $answer->{content}, qr{Redis answers, and refuses to let the queues be looked at}, '  says so';
    unlike $answer->{content}, qr{Redis is out of reach}, '  and nothing else';
}
{
    my $metrics = $site->get('/status?format=prometheus')->{content};
    like $metrics, qr/^crm360_redis_up 1$/m, '  for Prometheus Redis is up';
    like $metrics, qr/^crm360_redis_refuses 1$/m, '  and refuses';
    ok $site->get('/status?format=json')->{json}{redisRefuses}, '  JSON says it';
}
$site->redis('ACL', 'SETUSER', 'default', '+hgetall');
is $site->get('/status')->{status}, 200, '  and when it does again';
like $site->get('/status?format=prometheus')->{content}, qr/^crm360_redis_refuses 0$/m, '  nothing is left of it';
is scalar(() = $site->log_text('httpd-error') =~ /CRM0221: the queues cannot be looked at: NOPERM/g), 1,
    '  one line of the log when it begins';
is scalar(() = $site->log_text('httpd-error') =~ /the queues can be looked at again/g), 1, '  and one when it ends';

# Without Redis.
$site->expect_log(qr/CRM0101/);
$site->stop_redis;
for my $query ('', 'show=acme/prod', 'show=acme/prod&id=x') {
    my $answer = $site->get("/status?$query");
    is $answer->{status}, 503, "without Redis: ?$query";
    like $answer->{content}, qr{Redis is out of reach}, '  says so';
}
like $site->get('/status')->{content}, qr{<td>0</td><td>0 of 64M }, 'and what this host knows';
$site->done;
