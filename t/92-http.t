# HTTP itself: methods, Expect: 100-continue, HTTP/1.0, HTTP/2 and bodies in gzip, on raw sockets and with curl.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Http2;
use Crm360::Test;
use IO::Compress::Gzip qw(gzip);
use Test::More;
use Time::HiRes qw(time);

my $M = $Crm360::Test::MOUNT;
my $site = Crm360::Test->new(
    location => 'Crm360MaxBody 1M',
    modules => [qw(deflate http2)],
    server => <<"END",
Protocols h2c http/1.1
<Location "$M/gzip">
    Crm360Webhook On
    SetInputFilter DEFLATE
    Crm360MaxBody 1M
</Location>
<Location "$M/bomb">
    Crm360Webhook On
    SetInputFilter DEFLATE
    DeflateInflateRatioLimit 1000000
    Crm360MaxBody 1M
</Location>
END
);
$site->start_redis;
$site->start_httpd;

my $ROUTE = 'Adictiz/User/Participate';
my $PATH = $site->url($ROUTE, SourceId => 1);
sub below { return $PATH =~ s{\Q$M\E}{$M/$_[0]}r }

my $serial = 0;
sub fresh { return '{"n":' . ++$serial . '}' }
sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }
sub zip { my ($plain) = @_; gzip(\$plain, \my $zipped) or die 'gzip'; return $zipped }

# The stored message that an answer speaks of, as head and body.
sub stored {
    my ($text) = @_;
    my ($id) = $text =~ /"MessageId":"([^"]+)"/ or return ('', 'no MessageId');
    return split /(?<=\r\n)\r\n/, $site->redis('GET', $site->key('acme/prod', "message:$id")), 2;
}

# ---- a connection, step by step ----

sub connection {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port})
        or die "cannot connect: $!";
    $socket->autoflush(1);
    return { socket => $socket, text => '' };
}
sub say_to { return syswrite $_[0]{socket}, $_[1] }
# Reads until the text matches, or the server closes, or nothing came for long. What was matched is
# taken off; undef when it never came.
sub hear {
    my ($c, $pattern) = @_;
    my $until = time + 20;

    while (time < $until) {
        return $& if $c->{text} =~ s/\A.*?$pattern//s;
        my $ready = '';
        vec($ready, fileno $c->{socket}, 1) = 1;
        next unless select $ready, undef, undef, 0.5;
        last unless sysread $c->{socket}, $c->{text}, 65536, length $c->{text};
    }
    return;
}
sub head { return join "\r\n", @_, 'Host: x', 'Connection: close', '', '' }
sub say_and_hear { my $c = connection(); say_to($c, $_[0]); hear($c, qr/\z(?!)/); return $c->{text} }

# ---- methods ----

{
    my $text = say_and_hear(head("HEAD $PATH HTTP/1.1"));
    like $text, qr{\AHTTP/1\.1 405 .*\r\nAllow: GET, POST, OPTIONS\r\n}s, 'HEAD is refused, with what is allowed';
    like $text, qr/\r\n\r\n\z/, '  without a body';
    is queued(), 0, '  and queues nothing';
    $text = say_and_hear(head("OPTIONS $PATH HTTP/1.1"));
    like $text, qr{\AHTTP/1\.1 204 .*\r\nAllow: GET, POST, OPTIONS\r\n}s, 'OPTIONS says what is allowed';
    unlike $text, qr/WebHook/i, '  and nothing that was not asked';
    like say_and_hear(head('OPTIONS ' . $PATH =~ s/Adictiz/Nobody/r . ' HTTP/1.1')), qr{\AHTTP/1\.1 404 },
        'OPTIONS of a route that is none';
    like say_and_hear(head("TRACE $PATH HTTP/1.1")), qr{\AHTTP/1\.1 405 }, 'TRACE is no method of a webhook';
    is queued(), 0, 'nothing of it is queued';
}

# ---- Expect: 100-continue ----

{
    my $body = fresh();
    my $c = connection();
    say_to($c, head("POST $PATH HTTP/1.1", 'Content-Length: ' . length $body, 'Expect: 100-continue'));
    is hear($c, qr/\r\n\r\n/), "HTTP/1.1 100 Continue\r\n\r\n", '100 comes before the body';
    say_to($c, $body);
    my ($head) = (hear($c, qr/\r\n\r\n/), hear($c, qr/\z(?!)/));
    like $head, qr{\AHTTP/1\.1 200 }, '  and 200 behind it';
    my ($stored_head, $stored) = stored($c->{text});
    is $stored, $body, '  stored whole';
    unlike $stored_head, qr/^Expect/mi, '  without that field';

    my $before = queued();
    my @refused = (
        ['an unknown route', 404, "POST " . $PATH =~ s/Adictiz/Nobody/r . " HTTP/1.1", 'Content-Length: 9'],
        ['a bad parameter', 400, "POST $PATH&ZoneId=x HTTP/1.1", 'Content-Length: 9'],
        ['a mail that is not allowed', 403, "POST $PATH&Email=a\@b.fr HTTP/1.1", 'Content-Length: 9'],
        ['another method', 405, "PUT $PATH HTTP/1.1", 'Content-Length: 9'],
        ['a body too large', 413, "POST $PATH HTTP/1.1", 'Content-Length: 1048577'],
        ['a coding that nobody undoes', 415, "POST $PATH HTTP/1.1", 'Content-Length: 9', 'Content-Encoding: gzip'],
    );
    for my $case (@refused) {
        my ($name, $status, @lines) = @$case;
        my $text = say_and_hear(head(@lines, 'Expect: 100-continue'));
        like $text, qr{\AHTTP/1\.1 $status .*\r\n\r\n\{.*"status":$status}s, "$name: $status at once";
        unlike $text, qr/ 100 /, '  without asking for the body';
    }
    like say_and_hear(head("POST $PATH HTTP/1.1", 'Content-Length: 1', 'Expect: a miracle') . 'x'),
        qr{\AHTTP/1\.1 417 }, 'another expectation is not met';
    is queued(), $before, 'none of them is queued';
}

# ---- a body that nobody wants ----

# It is announced and never comes: the answer does not wait for it, and the connection ends.
for my $case (['404', 'POST', $PATH =~ s{/acme/}{/nobody/}r], ['405', 'PUT', $PATH], ['204', 'OPTIONS', $PATH],
    ['415', 'POST', $PATH, 'Content-Encoding: br'], ['403', 'POST', "$PATH&Email=a%40example.org"]) {
    my ($status, $method, $path, @fields) = @$case;
    for my $length ('Content-Length: 16385', 'Transfer-Encoding: chunked') {
        my $text = $site->raw(head("$method $path HTTP/1.1", $length, @fields), 5);
        like $text, qr{\AHTTP/1\.1 $status .*^Connection: (?:Upgrade, )?close\r$}ms, "$status before the body, $length";
    }
}

# ---- HTTP/1.0 ----

{
    my $body = fresh();
    my $text = say_and_hear("POST $PATH HTTP/1.0\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
    like $text, qr{\AHTTP/1\.\d 200 .*\r\nConnection: (?:Upgrade, )?close}s, 'HTTP/1.0, without Host';
    unlike $text, qr/^Transfer-Encoding/mi, '  is not answered in chunks';
    my ($head, $stored) = stored($text);
    is $stored, $body, '  stored whole';
    like $head, qr{\APOST \S+ HTTP/1\.1\r\n}, '  as a message of HTTP/1.1';
    unlike $head, qr/^Host:/mi, '  with no host that nobody named';

    my $c = connection();
    for my $round (1, 2) {
        $body = fresh();
        say_to($c, "POST $PATH HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\nContent-Length: "
                . length($body) . "\r\n\r\n$body");
        $text = hear($c, qr/\r\n\r\n\{.*?\}\n/);
        like $text, qr{\AHTTP/1\.\d 200 .*\r\nConnection: (?:Upgrade, )?Keep-Alive}si, "HTTP/1.0 that keeps its connection ($round)";
        ($head, $stored) = stored($text);
        is $stored, $body, '  stored whole';
        like $head, qr/^Host: shop\.example\r$/m, '  with its host';
        unlike $head, qr/^(?:Connection|Keep-Alive):/mi, '  and nothing of the connection';
    }
    like say_and_hear("GET $PATH&id=1 HTTP/1.0\r\n\r\n"), qr{\AHTTP/1\.\d 200 }, 'a GET of HTTP/1.0';
}

# ---- HTTP/2 ----

# Runs curl; its output, and its exit code in $?.
sub curl {
    my (@words) = @_;
    my ($code, $output) = $site->run('curl', '-sS', '--noproxy', '*', '-m', 30, @words);
    is $code, 0, "curl $words[0]" or diag $output;
    return $output;
}

{
    my $url = $site->base . $PATH;
    my $before = queued();
    my $body = fresh();
    my @h2 = ('--http2-prior-knowledge', '-w', '\n%{http_version} %{http_code}\n');
    my $text = curl(@h2, '-d', $body, '-H', 'Content-Type: application/json', '-H', 'X-One: a', '-H', 'X-One: b', $url);
    like $text, qr/^2 200$/m, 'HTTP/2 with prior knowledge';
    my ($head, $stored) = stored($text);
    is $stored, $body, '  stored whole';
    like $head, qr{\APOST \Q$PATH\E HTTP/1\.1\r\n}, '  as a message of HTTP/1.1';
    like $head, qr/^Host: 127\.0\.0\.1:$site->{port}\r$/m, '  with the authority for a host';
    is scalar(() = $head =~ /^X-One: /mgi) && join(' ', $head =~ /^X-One: (.*)\r$/mgi), 'a, b', '  and repeated fields';
    unlike $head, qr/^:/m, '  no pseudo field is stored';
    like curl(@h2, '-I', $url), qr/^2 405$/m, 'HEAD by HTTP/2';
    like curl(@h2, '-X', 'OPTIONS', $url), qr/^2 204$/m, 'OPTIONS by HTTP/2';
    spew("$site->{dir}/zipped", zip($body = fresh()));
    $text = curl(@h2, '--data-binary', "\@$site->{dir}/zipped", '-H', 'Content-Encoding: gzip',
        $site->base . below('gzip'));
    is((stored($text))[1], $body, 'gzip by HTTP/2');
    is queued(), $before + 2, 'what was refused is not queued';

    # Thirty streams of one connection, the last of which is the first once more.
    my @post = (method => 'POST', path => $PATH, headers => { 'content-type' => 'application/json' });
    my @bodies = map { qq({"stream":$_}) } 1 .. 29, 1;
    $before = queued();
    my @answers = Crm360::Http2::talk($site->{port}, map { { @post, body => $_ } } @bodies);
    is join(' ', map { $_->{status} } @answers), join(' ', (200) x 30), 'thirty streams at once are answered';
    my %of = map { ($answers[$_]{body} =~ /"MessageId":"([^"]+)"/ ? $1 : $_) => $bodies[$_] } 0 .. 29;
    is scalar keys %of, 29, '  with as many messages as there are contents';
    is queued(), $before + 29, '  each stored once';
    is_deeply [map { (split /\r\n\r\n/, $site->redis('GET', $site->key('acme/prod', "message:$_")) // '', 2)[1] }
            sort keys %of], [map { $of{$_} } sort keys %of], '  none mixed with another';

    # Refused while the body is still on its way, beside one that is not.
    @answers = Crm360::Http2::talk($site->{port},
        { @post, body => 'x' x 1000, length => 1_048_577, open => 1 },
        { @post, body => 'x', open => 1, path => "$PATH&ZoneId=x" }, { @post, body => fresh() });
    is join(' ', map { $_->{status} } @answers), '413 400 200', 'refused by HTTP/2 before the body is there';
    like $answers[0]{body}, qr/"urn:crm360:problem:body-too-large"/, '  with a problem';
    like $answers[1]{body}, qr/"urn:crm360:problem:bad-parameter"/, '  each with its own';
    is queued(), $before + 30, '  one of three is queued';
    @answers = Crm360::Http2::talk($site->{port}, { @post, body => '{"short":1}', length => 12 });
    isnt $answers[0]{status}, 200, 'a body shorter than its length';
    is queued(), $before + 30, '  is not queued';
}

# ---- gzip ----

# POSTs bytes; answer as HTTP::Tiny's, which takes "Connection: Upgrade, close" for a connection that stays.
sub post {
    my ($path, $body, %headers) = @_;
    delete $site->{http};
    return $site->post($path, $body, \%headers);
}
sub refused {
    my ($answer, $status, $type, $name) = @_;
    return is "$answer->{status} " . ($answer->{json}{type} // ''), "$status urn:crm360:problem:$type", $name;
}

{
    my $gzip = below('gzip');
    my @coded = ('Content-Encoding' => 'gzip');
    my $body = '{"name":"Andr' . "\xc3\xa9" . '","pad":"' . 'x' x 5000 . '"}';
    my $answer = post($gzip, zip($body), @coded, 'X-Kept' => 'yes');
    is $answer->{status}, 200, 'a body in gzip';
    my ($head, $stored) = stored($answer->{content});
    is $stored, $body, '  is stored as it was before';
    my $length = length $body;
    like $head, qr/^Content-Length: $length\r$/m, '  with its own length';
    unlike $head, qr/^Content-Encoding/mi, '  and no coding';
    like $head, qr/^X-Kept: yes\r$/m, '  and the other fields';
    is post($gzip, $body)->{json}{MessageId}, $answer->{json}{MessageId}, 'plain it is the same delivery';
    my %key = ('Idempotency-Key' => 'zipped');
    $answer = post($gzip, zip('{"k":1}'), @coded, %key);
    is post($gzip, '{"k":1}', %key)->{json}{MessageId}, $answer->{json}{MessageId}, '  with a key as well';
    refused(post($gzip, zip('{"k":2}'), @coded, %key), 422, 'idempotency-key-reused', '  with another content it is not');
    is post($gzip, zip(fresh()), 'Content-Encoding' => 'GZIP')->{status}, 200, 'the name of a coding in any case';
    for my $path ($PATH, $gzip) {
        is post($path, fresh(), 'Content-Encoding' => 'identity')->{status}, 200, 'identity is no coding';
    }
    my $spread = zip('{"c":1}' . ' ' x 9000);
    my @parts = $spread =~ /(.{1,10})/sg;
    $answer = $site->request('POST', $gzip, headers => {@coded}, content => sub { shift @parts });
    is((stored($answer->{content}))[1], '{"c":1}' . ' ' x 9000, 'gzip in chunks');

    my $before = queued();
    for my $coding ('gzip', 'deflate', 'br', 'zstd', 'identity, gzip', 'x') {
        my $none = post($PATH, zip(fresh()), 'Content-Encoding' => $coding);
        refused($none, 415, 'unsupported-encoding', "$coding where nothing undoes it");
        is $none->{headers}{'accept-encoding'}, 'identity', '  says what is taken';
    }
    refused(post($gzip, 'x', 'Content-Encoding' => $_), 415, 'unsupported-encoding', "$_ where gzip is undone")
        for 'br', 'gzip, br';
    my $whole = zip('{"w":1}' . 'y' x 3000);
    refused(post($gzip, substr($whole, 0, -12), @coded), 400, 'body-broken', 'gzip that ends early');
    refused(post($gzip, 'no gzip at all', @coded), 400, 'body-broken', 'no gzip at all');
    my $altered = $whole;
    substr $altered, -6, 1, chr(255 - ord substr $altered, -6, 1);
    refused(post($gzip, $altered, @coded), 400, 'body-broken', 'gzip whose sum is wrong');
    like post($gzip, $altered, @coded)->{json}{detail}, qr/content coding/, '  and it is said what is broken';
    $site->expect_log(qr/deflate:(?:error|warn)/); # httpd's own words about these

    # ---- bombs ----

    # The most memory, in kB, that a child of httpd ever had.
    my $parent = slurp("$site->{dir}/httpd.pid") + 0;
    my @children = map { m{/(\d+)/} } grep { (eval { slurp($_) } // '') =~ /^PPid:\s+$parent$/m }
        glob '/proc/[0-9]*/status';
    my $peak = sub {
        my @all = map { (eval { slurp("/proc/$_/status") } // '') =~ /^VmHWM:\s+(\d+)/m ? $1 : 0 } @children;
        return (sort { $b <=> $a } @all)[0];
    };
    gzip(\('0' x (48 * 1024 * 1024)), \my $bomb, -Level => 9) or die 'gzip';
    my $at_rest = $peak->();
    ok @children && $at_rest > 0, 'children of httpd can be looked at: ' . @children;
    cmp_ok length $bomb, '<', 1024 * 1024, '48 MB of zeros are ' . length($bomb) . ' bytes';
    refused(post(below('bomb'), $bomb, @coded), 413, 'body-too-large', '  and too large, whatever they are in gzip');
    my $answer_default = post($gzip, $bomb, @coded);
    refused($answer_default, 413, 'body-too-large', '  also where mod_deflate stops it first');
    like $answer_default->{json}{detail}, qr/mod_deflate/, '  which is said';
    refused(post(below('bomb'), zip('z' x 1_048_577), @coded), 413, 'body-too-large', 'one byte too many after decoding');
    is post(below('bomb'), zip('z' x 1_048_576), @coded)->{status}, 200, '  one less is not';
    my $grown = $peak->() - $at_rest;
    if (fast()) { cmp_ok $grown, '<', 24 * 1024, "httpd grew by $grown kB at most" }
    is queued(), $before + 1, 'nothing of it is queued';
}

$site->stop_httpd;
$site->done;
