# Requests that no honest caller sends, for t/97-hostile.t: blocks of rows, each row a name, the bytes, the
# statuses that may answer it (a pattern; empty = the connection is closed without an answer), how many
# messages are stored of it, and a pattern that the first of them must match.
package Crm360::Hostile;

use strict;
use warnings;

our ($PATH, $PORT);

# A request with these header lines and this body, as long as it is.
sub post {
    my ($body, @lines) = @_;
    return join "\r\n", "POST $PATH HTTP/1.1", 'Host: x', @lines, 'Content-Length: ' . length $body, '', $body;
}

# The same with lines instead of a length, and with another first line.
sub raw { my ($body, @lines) = @_; return join "\r\n", "POST $PATH HTTP/1.1", 'Host: x', @lines, '', $body }
sub first { my ($line, @lines) = @_; return join "\r\n", $line, 'Host: x', @lines, 'Content-Length: 2', '', '{}' }
sub to { my ($target) = @_; return first("POST $target HTTP/1.1") }
sub chunked { my ($bytes, @lines) = @_; return raw($bytes, @lines, 'Transfer-Encoding: chunked') }
sub query { my ($more) = @_; return to(index($more, '?') == 0 ? $PATH =~ s/\?.*//r . $more : "$PATH&$more") }

# The path with another value in it: 0 customer ... 4 action.
sub value {
    my ($at, $value) = @_;
    my ($path, $query) = split /\?/, $PATH, 2;
    my @parts = split m{/}, $path;
    $parts[-5 + $at] = $value;
    return to(join('/', @parts) . "?$query");
}

# A request that is taken, for what stands behind a bad one.
sub good { my ($path) = @_; local $PATH = $path if $path; return post('{"email":"a@example.com"}', 'Content-Type: application/json') }

sub chunks {
    my $END = "0\r\n\r\n";
    my $ONE = "5\r\nhello\r\n";
    return (
        (map { my ($name, $size) = @$_; ["the size is $name", chunked("$size\r\nhello\r\n$END"), '400|413'] }
            ['no number', 'zz'], ['negative', '-5'], ['signed', '+5'], ['written 0x5', '0x5'],
            ['64 bits', 'ffffffffffffffff'], ['the largest', '7fffffffffffffff'], ['beyond', '1' . '0' x 40],
            ['empty', ''], ['behind a blank', ' 5'], ['two numbers', '5 5'], ['with a comma', '5,5'],
            ['too small', '2'], ['one too small', '4'], ['behind a tab', "\t5"], ['behind a NUL', "\x005"],
            ['followed by a NUL', "5\x00"], ['in other digits', "\xd9\xa5"]),
        ['one too large', chunked("6\r\nhello\r\n$END"), '400'],
        ['leading zeros', chunked("005\r\nhello\r\n$END"), '200', 1],
        ['twenty leading zeros', chunked('0' x 20 . "5\r\nhello\r\n$END"), '200|400', '0|1'],
        ['a blank behind the size', chunked("5 \r\nhello\r\n$END"), '200', 1],
        ['an extension', chunked("5;a=b\r\nhello\r\n$END"), '200', 1],
        ['an extension in quotes', chunked("5;a=\"b;c\"\r\nhello\r\n$END"), '200', 1],
        ['an extension of 10 kB', chunked('5;' . 'a' x 10240 . "\r\nhello\r\n$END"), '400|413'],
        ['an extension with a NUL', chunked("5;a\0b\r\nhello\r\n$END"), '400'],
        ['an extension with a line feed', chunked("5;a\nb\r\nhello\r\n$END"), '400'],
        ['bare line feeds', chunked("5\nhello\n0\n\n"), '400'],
        ['bare carriage returns', chunked("5\rhello\r0\r\r"), '400'],
        ['no line end behind the data', chunked("5\r\nhello$END"), '400'],
        ['no last chunk', chunked($ONE), '400'],
        ['no end behind the last', chunked("${ONE}0\r\n"), '200|400', '0|1'],
        ['nothing at all', chunked(''), '400'],
        ['a trailer of ours', chunked("${ONE}0\r\nCrm360-Origin: forged\r\nCrm360-Id: x\r\n\r\n"), '200', 1],
        ['a trailer Content-Length', chunked("${ONE}0\r\nContent-Length: 99\r\n\r\n"), '200', 1],
        ['a trailer Transfer-Encoding', chunked("${ONE}0\r\nTransfer-Encoding: gzip\r\n\r\n"), '200', 1],
        ['a trailer Host', chunked("${ONE}0\r\nHost: evil\r\n\r\n"), '200', 1, qr/^Host: x\r$/m],
        ['a trailer without a colon', chunked("${ONE}0\r\nnonsense\r\n\r\n"), '200|400', '0|1'],
        ['a trailer of 100 kB', chunked("${ONE}0\r\nX: " . 'a' x 102400 . "\r\n\r\n"), '400'],
        ['1,000 trailers', chunked("${ONE}0\r\n" . join('', map { "X-$_: y\r\n" } 1 .. 1000) . "\r\n"), '400'],
        ['5,000 chunks of a byte', chunked("1\r\nx\r\n" x 5000 . $END), '200', 1, qr/\r\n\r\nx{5000}\z/],
        ['too many chunks', chunked(("3e8\r\n" . 'x' x 1000 . "\r\n") x 300 . $END), '413'],
    );
}

sub lengths {
    my $inner = good();
    return (
        (map { ["the length is '$_'", raw('hello', "Content-Length: $_"), '400|413'] }
            qw(-1 +5 5x 0x5 1e1 5.0 99999999999999999999 9223372036854775808 18446744073709551621), '5,5', '5 5', '5, 6',
            "5\0", "5\t5", '"5"', "\xd9\xa5"),
        ['an empty length', raw('hello', 'Content-Length:'), '400'],
        ['a huge length', raw('hello', 'Content-Length: 9223372036854775807'), '413'],
        ['more than comes', raw('hello', 'Content-Length: 6'), '400'],
        ['less than comes', raw('helloworld', 'Content-Length: 5'), '200(?: 400)?', 1, qr/\r\n\r\nhello\z/],
        ['two lengths', raw('hello!', 'Content-Length: 5', 'Content-Length: 6'), '400'],
        ['the same length twice', raw('hello', 'Content-Length: 5', 'Content-Length: 5'), '400'],
        ['chunks and a length: chunks count, and nothing is read behind them',
            chunked("5\r\nhello\r\n0\r\n\r\n$inner", 'Content-Length: 4'), '200', 1, qr/\r\n\r\nhello\z/],
        ['a length and chunks, in the other order',
            raw("0\r\n\r\n$inner", 'Transfer-Encoding: chunked', 'Content-Length: 300'), '200', 1, qr/\r\n\r\n\z/],
        (map { ["Transfer-Encoding is '" . s/([^ -~])/sprintf '\\x%02x', ord $1/ger . "'",
            raw("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: $_"), '400|501'] }
            'xchunked', 'chunked, identity', 'identity', 'gzip', 'gzip, chunked', 'identity, chunked',
            "chunked\0", "\x0bchunked", "chunked\x0b", '"chunked"', 'chunked;q=1', 'chunke', "chunked\xa0"),
        ['chunked twice', raw("5\r\nhello\r\n0\r\n\r\n", 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), '400|501'],
        ['chunked, then identity', raw("5\r\nhello\r\n0\r\n\r\n", 'Transfer-Encoding: chunked',
            'Transfer-Encoding: identity', 'Content-Length: 5'), '400|501'],
        ['a blank in front of the colon', raw("0\r\n\r\n$inner", 'Transfer-Encoding : chunked', 'Content-Length: 5'), '400'],
        ['a field that only looks like it', raw('hello', 'Transfer_Encoding: chunked', 'Content-Length: 5'), '200', 1, qr/\r\n\r\nhello\z/],
        ['chunked on a continued line', raw("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding:\r\n chunked", 'Content-Length: 4'), '200|400', '0|1'],
        ['chunked behind a bare line feed', raw("0\r\n\r\n$inner", "X: y\nTransfer-Encoding: chunked", 'Content-Length: 5'), '400'],
        ['chunked in HTTP/1.0', "POST $PATH HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", '200|400', '0|1'],
        ['chunks of a GET', "GET $PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", '200', 1, qr/\r\n\r\nhello\z/],
    );
}

sub heads {
    my $PLAIN = $PATH =~ s/\?.*//r;
    my $body = "Content-Length: 2\r\n\r\n{}";
    return (
        ['nothing', '', ''],
        ['an empty line', "\r\n", ''],
        ['empty lines in front', "\r\n\r\n" . good(), '200', 1],
        ['a hundred empty lines in front', "\r\n" x 100 . good(), '400|', 0],
        ['zeros', "\0" x 200, '400|'],
        ['a greeting of TLS', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\x5a" x 300, '400|'],
        ['a greeting of HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", '400'],
        ['a greeting of Redis', "*1\r\n\$8\r\nFLUSHALL\r\n", '400'],
        ['inline commands of Redis', "FLUSHALL\r\nKEYS *\r\n", '0.9|400'],
        ['HTTP/0.9', "GET $PATH\r\n", '0.9|400', '0|1'],
        ['HTTP/0.9 with POST', "POST $PATH\r\n", '0.9|400'],
        ['no version behind the blank', "GET $PATH \r\nHost: x\r\n\r\n", '0.9|400', '0|1'],
        (map { ["version $_", first("POST $PATH $_"), '400|505'] }
            'HTTP/0.9', 'HTTP/1', 'http/1.1', 'HTTP/1.1 x', 'HTTP/01.1', 'HTTP/1.1.1',
            'ICAP/1.0', 'HTTP/-1.1', 'HTTP/1,1', "HTTP/1.1\0", 'HTTP/99999999999.1'),
        # Later versions look like this one to httpd, and are answered as it.
        (map { ["version $_", first("POST $PATH $_"), '200|400|505', '0|1'] } 'HTTP/1.2', 'HTTP/2.0', 'HTTP/9.9'),
        (map { ["method $_", first("$_ $PATH HTTP/1.1"), '400|405|501'] }
            qw(post pOST FOO PUT DELETE PATCH TRACE PROPFIND MOVE MKCOL QUERY BREW POST@ POST:), 'P(ST', 'POST,GET', "PO\0ST", "P\xd6ST", "\"POST\""),
        ['HEAD', first("HEAD $PATH HTTP/1.1"), '405'],
        ['a method of 8,000 letters', first('P' x 8000 . " $PATH HTTP/1.1"), '400|405|414|501'],
        ['CONNECT to another host', "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", '400|405'],
        ['CONNECT to a webhook', first("CONNECT $PATH HTTP/1.1"), '400|405'],
        ['OPTIONS of everything', "OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", '200'],
        ['POST to everything', first('POST * HTTP/1.1'), '400|404'],
        ['a blank in front of the method', first(" POST $PATH HTTP/1.1"), '400'],
        ['two blanks', first("POST  $PATH  HTTP/1.1"), '400'],
        ['tabs for blanks', first("POST\t$PATH\tHTTP/1.1"), '400'],
        ['no target', first('POST HTTP/1.1'), '0.9|400'],
        ['a carriage return in the first line', first("POST $PATH\rX HTTP/1.1"), '400'],
        ['a line feed in the first line', first("POST $PATH\nX: y HTTP/1.1"), '0.9|400'],
        ['only line feeds', "POST $PATH HTTP/1.1\nHost: x\n\n", '400'],
        ['a field without a colon', raw($body =~ s/.*\r\n\r\n//sr, 'nonsense', 'Content-Length: 2'), '400'],
        ['a field without a name', raw('{}', ': x', 'Content-Length: 2'), '400'],
        ['a blank in a name', raw('{}', 'X Y: z', 'Content-Length: 2'), '400'],
        ['a blank behind a name', raw('{}', 'X : z', 'Content-Length: 2'), '400'],
        ['a NUL in a name', raw('{}', "X\0Y: z", 'Content-Length: 2'), '400'],
        ['bytes above 127 in a name', raw('{}', "X\xe9: z", 'Content-Length: 2'), '400'],
        ['a NUL in a value', raw('{}', "X: a\0b", 'Content-Length: 2'), '400'],
        ['a carriage return in a value', raw('{}', "X: a\rCrm360-Id: b", 'Content-Length: 2'), '400'],
        ['a line feed in a value', raw('{}', "X: a\nCrm360-Id: b", 'Content-Length: 2'), '400', 0],
        ['a vertical tab in a value', raw('{}', "X: a\x0bb", 'Content-Length: 2'), '400'],
        ['an escape in a value', raw('{}', "X: \x1b[31mred", 'Content-Length: 2'), '400'],
        ['DEL in a value', raw('{}', "X: a\x7fb", 'Content-Length: 2'), '400'],
        ['bytes above 127 in a value', raw('{}', "X: caf\xe9", 'Content-Length: 2'), '200', 1, qr/^X: caf\xe9\r$/m],
        ['a continued field', raw('{}', "X: a\r\n\tCrm360-Id: b", 'Content-Length: 2'), '200|400', '0|1'],
        ['a continued first field', "POST $PATH HTTP/1.1\r\n Host: x\r\n$body", '400'],
        ['a head that ends with a continued line', raw('{}', "X: a\r\n ", 'Content-Length: 2'), '200|400', '0|1'],
        ['a field of 9 kB', raw('{}', 'X: ' . 'a' x 9216, 'Content-Length: 2'), '400'],
        ['a field of 1 MB', raw('{}', 'X: ' . 'a' x 1_048_576, 'Content-Length: 2'), '400'],
        ['10,000 fields', raw('{}', (map { "X-$_: y" } 1 .. 10_000), 'Content-Length: 2'), '400'],
        ['120 fields', raw('{}', (map { "X-$_: y" } 1 .. 120), 'Content-Length: 2'), '400'],
        ['90 fields of 8 kB', raw('{}', (map { "X-$_: " . 'z' x 8000 } 1 .. 90), 'Content-Length: 2'), '200|400|431', '0|1'],
        ['a name of 8,000 letters', raw('{}', 'X' x 8000 . ': y', 'Content-Length: 2'), '200', 1],
        ['a head that is cut', substr(good(), 0, 40), '408|400|'],
        ['a head that is cut in front of its empty line', "POST $PATH HTTP/1.1\r\nHost: x\r\n", '408|400|'],
        ['a query of 7 kB', first("POST $PATH&x=" . 'a' x 7000 . ' HTTP/1.1'), '200', 1],
        ['a query of 9 kB', first("POST $PATH&x=" . 'a' x 9000 . ' HTTP/1.1'), '414'],
        ['a query of 1 MB', first("POST $PATH&x=" . 'a' x 1_048_576 . ' HTTP/1.1'), '414'],
        ['a path of 7 kB', first('POST ' . $PLAIN =~ s{/QueueProcess}{'/' . 'a' x 7000 . '/QueueProcess'}er . '?SourceId=1 HTTP/1.1'), '200', 1],
        ['a path of 100 kB', first('POST ' . '/a' x 50_000 . ' HTTP/1.1'), '414'],
        ['a path of 3,000 slashes', first('POST ' . '/' x 3000 . substr($PATH, 1) . ' HTTP/1.1'), '200|404', '0|1'],
    );
}

sub targets {
    my ($plain, $query) = split /\?/, $PATH, 2;
    my $end = $plain =~ s{.*/QueueProcess}{/QueueProcess}r;
    my $mount = $plain =~ s{/QueueProcess.*}{}r;
    my $in = sub { my ($between) = @_; return to("$mount$between$end?$query") };
    return (
        ['a raw NUL in the path', $in->("/a\0b"), '400'],
        ['%00 in the path', $in->('/a%00b'), '400|404'],
        ['%0d%0a in the path', $in->('/a%0d%0aCrm360-Id:%20x'), '200', 1],
        ['a raw line end in the path', $in->("/a\r\nCrm360-Id: x"), '0.9|400'],
        ['an escape that is cut', $in->('/a%'), '400'],
        ['an escape that is none', $in->('/a%g1'), '400'],
        ['an escape of a kind that never was', $in->('/a%u002f'), '400'],
        ['a control character', $in->("/a\x01b"), '400'],
        ['DEL', $in->("/a\x7fb"), '400'],
        ['a blank', $in->('/a b'), '400'],
        ['%2f for a slash', to($plain =~ s{acme/prod}{acme%2fprod}r . "?$query"), '404'],
        ['%5c for a slash', to($plain =~ s{acme/prod}{acme%5cprod}r . "?$query"), '400|404'],
        ['a backslash for a slash', to($plain =~ s{acme/prod}{acme\\prod}r . "?$query"), '400|404'],
        ['%252f for a slash', to($plain =~ s{acme/prod}{acme%252fprod}r . "?$query"), '400|404'],
        ['%ef%bc%8f for a slash', to($plain =~ s{acme/prod}{acme%ef%bc%8fprod}r . "?$query"), '400|404'],
        ['%c0%af for a slash', to($plain =~ s{acme/prod}{acme%c0%afprod}r . "?$query"), '400|404'],
        ['%e0%80%af for a slash', to($plain =~ s{acme/prod}{acme%e0%80%afprod}r . "?$query"), '400|404'],
        ['raw c0 af for a slash', to($plain =~ s{acme/prod}{acme\xc0\xafprod}r . "?$query"), '400|404'],
        ['%c0%80 in a value', value(0, 'acme%c0%80'), '400|404'],
        ['dot segments that stay', $in->('/a/..'), '200', 1],
        ['dots that are encoded', $in->('/a/%2e%2e'), '200', 1],
        ['dots that are encoded twice', $in->('/a/%252e%252e'), '200', 1],
        ['dots in overlong UTF-8', $in->('/a/%c0%ae%c0%ae'), '200', 1],
        ['out of the root', to("/../../..$plain?$query"), '200|400', '0|1'],
        ['out of the mount', to("$mount/../../../..$end?$query"), '400|404'],
        ['out of the mount to a file', to("$mount$end/../../../../../../../../beside/page.html"), '200|404'],
        ['out of the mount to a secret', to("$mount/../../../../../etc/passwd"), '400|404'],
        ['a dot for a value', value(1, '.'), '400|404'],
        ['two dots for a value', value(1, '..'), '400|404'],
        ['an empty value', value(1, ''), '404'],
        ['a path parameter', value(1, 'prod;x=1'), '400'],
        ['two slashes', to($plain =~ s{/}{//}gr . "?$query"), '200', 1],
        ['a fragment', to("$PATH#x"), '400|200', '0|1'],
        ['no slash in front', to(substr $PATH, 1), '400'],
        ['two slashes in front', to("/$PATH"), '200|404', '0|1'],
        ['absolute', to("http://x$PATH"), '200', 1],
        ['absolute, of another authority', to("http://evil.example$PATH"), '200', 1, qr/^Host: evil\.example\r$/m],
        ['absolute, with a user', to("http://user:password\@x$PATH"), '200|400', '0|1', qr/^(?!.*password)/s],
        ['absolute, with https', to("https://x$PATH"), '200|400', '0|1'],
        ['absolute, with ftp', to("ftp://x$PATH"), '200|400|403|404', '0|1'],
        ['absolute, with a port that is none', to("http://x:99999999$PATH"), '200|400', '0|1'],
        ['absolute, without a path', to('http://x'), '200|404|405'],
        ['absolute, without a host', to("http://$PATH"), '200|400', '0|1'],
        ['absolute, with a file', to("file://$PATH"), '200|400|403|404', '0|1'],
        ['the authority of a socket', to("unix:/tmp/x.sock|http://x$PATH"), '400|403|404'],
        (map { my $bad = $_; map { ["value $_ is $bad", value($_, $bad), '400|404'] } 0 .. 4 }
            '*', '%7bacme/prod%7d', 'a%7d:live', "'%22", '%25s%25n', '$(id)', '%60id%60', 'a%0d%0aDEL%20x%0d%0a',
            '%22..redis.call(%22FLUSHALL%22)..%22', 'a' x 65, "\xc3\xa9", '%ff'),
        ['another customer that looks the same', value(0, 'acm%D0%B5'), '400'],
        ['a database of Redis itself', value(1, 'prod%7d:seen'), '400'],
    );
}

sub queries {
    return (
        (map { ["?$_", query("?$_"), '400'] }
            '', 'x=1', 'SourceId', 'SourceId=', 'SourceId=0', 'SourceId=-1', 'SourceId=1.5', 'SourceId=0x1', 'SourceId=1e2',
            'SourceId=99999999999999999999', 'SourceId=%00', 'SourceId=1%00', 'SourceId=%31%', 'SourceId=+1', 'SourceId=1%0a',
            'SourceId=1%0d%0aZoneId:2', 'SourceId=%C2%B9', 'SourceId=%EF%BC%91', 'SourceId[]=1', 'SourceId=1;SourceId=2', 'SourceId=1&SourceId=1',
            'SourceId=1&sourceid=2', 'SourceId=1&Source%49d=2', 'SourceId=1,2', 'SourceId=*', 'SourceId={1}',
            "SourceId='%20OR%201=1--", 'SourceId=%25s', 'SourceId=NaN', 'SourceId=null', 'SourceId=true'),
        (map { ['&' . substr($_, 0, 60), query($_), '400'] }
            'ZoneId=x', 'ZoneId=-1', 'ZoneId=2147483648', 'BrandId=1&BrandId=2', 'ContactAddressTypeId=99999',
            'BatchMode=yes', 'BatchMode=2', 'BatchMode=true&batchmode=false', 'secondsOfInvisibility=-1',
            'secondsOfInvisibility=604801', 'secondsOfInvisibility=99999999999999', 'Email=nobody', 'Email=a@example.com&Email=b@example.com',
            'Email=a@example.com%0d%0aBcc:b@evil.example', 'Email=a@example.com%00', 'Email=a@example.com,b@evil.example',
            'Email=%3Ca@example.com%3E', 'Email=a@example.com%20-f', 'Email=' . 'a' x 400 . '@example.com'),
        ['Email of somebody else', query('Email=a@evil.example'), '403'],
        ['Email that looks allowed', query('Email=a@example.com.evil.example'), '403'],
        ['Email, allowed', query('Email=a@example.com'), '200', 2, qr/^Crm360-Email: a\@example\.com\r$/m],
        ['a token', query('token=hush'), '200', 1, qr/\A(?!.*hush)/s],
        ['a token twice, and encoded', query('TOKEN=hush&%74oken=hush'), '200', 1, qr/\A(?!.*hush)/s],
        ['line ends, encoded', query('x=1%0d%0aCrm360-Id:%20x%0d%0a%0d%0a'), '200', 1],
        ['a raw blank', query('x=a b'), '400'],
        ['a raw NUL', query("x=a\0b"), '400'],
        ['raw bytes above 127', query("x=\xff\xfe"), '200|400', '0|1'],
        ['escapes that are none', query('x=%&y=%zz&%=1'), '200', 1],
        ['overlong UTF-8', query('x=%c0%af%f8%88%80%80%80'), '200', 1],
        ['a command of Redis', query('x=%0d%0aFLUSHALL%0d%0a'), '200', 1],
        ['Lua', query('x=redis.call(%22FLUSHALL%22)'), '200', 1],
        ['a format', query('x=%25s%25n%25p&y=%s%n%p'), '200', 1],
        ['a charset that is none', query('charset=../../etc/passwd'), '200', 1],
        ['1,500 parameters', query(join '&', map { "a$_" } 1 .. 1500), '400', '0|1'],
        ['3,000 ampersands', query('&' x 3000), '200', 1],
        ['own names as parameters', query('Crm360-Id=x&Crm360-Origin=forged&id=x&customer=other'), '200', 1],
    );
}

sub fields {
    my $hash = "\$(id);'\"{acme/prod}:*%s%n";
    return (
        ['no Host', join("\r\n", "POST $PATH HTTP/1.1", 'Content-Length: 2', '', '{}'), '400'],
        ['an empty Host', join("\r\n", "POST $PATH HTTP/1.1", 'Host:', 'Content-Length: 2', '', '{}'), '200|400', '0|1'],
        ['two Hosts', raw('{}', 'Host: y', 'Content-Length: 2'), '400'],
        ['the same Host twice', raw('{}', 'Host: x', 'Content-Length: 2'), '400'],
        (map { ["Host $_", post('{}') =~ s/Host: x/Host: $_/r, '400'] }
            'a b', 'a/b', 'user@x', 'x:port', 'x:99999999', 'a,b', "a\0b", '[::1', 'x?y', 'x#y', '<x>'),
        ['two Content-Types', post('{}', 'Content-Type: application/json', 'Content-Type: text/html'), '200', 1],
        ['a Content-Type that is none', post('{}', 'Content-Type: ' . '/;=' x 100), '200', 1],
        ['a multipart without parts', post('--x', 'Content-Type: multipart/form-data; boundary=' . 'x' x 5000), '200', 1],
        ['fields of ours', post('{}', 'Crm360-Id: x', 'Crm360-Origin: forged', 'CRM360-CUSTOMER: other', 'crm360-source-id: 99',
            'Crm360-Received: now', 'Crm360-Route: x', 'Crm360-Peer: 10.0.0.1', 'Crm360-New: x'), '200', 1],
        ['fields of ours, but for a letter', post('{}', 'Crm360_Origin: x', 'XCrm360-Origin: x'), '200', 1],
        ['a field of ours that Connection names', post('{}', 'Connection: Crm360-Origin, Crm360-Id, Host, Content-Length'), '200', 1, qr/^Host: x\r$/m],
        ['who the proxy says it is', post('{}', 'X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Host: evil', 'X-Real-IP: 10.0.0.1',
            'Forwarded: for=10.0.0.1;host=evil;proto=https', 'X-Forwarded-Proto: https'), '200', 1, qr/^Crm360-Peer: 127\.0\.0\.1\r$/m],
        ['another method in a field', post('{}', 'X-HTTP-Method-Override: DELETE', 'X-Method-Override: GET', 'X-HTTP-Method: PUT'), '200', 1, qr/\APOST /],
        ['another URL in a field', post('{}', 'X-Original-URL: /admin', 'X-Rewrite-URL: /admin'), '200', 1, qr/\APOST \Q$PATH\E HTTP/],
        ['a variable of the proxy', post('{}', 'Proxy: http://evil/'), '200', 1],
        ['Upgrade to h2c', post('{}', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'), '200', 1],
        ['Upgrade to websocket', post('{}', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: eA=='), '200', 1],
        ['Upgrade to TLS', post('{}', 'Connection: Upgrade', 'Upgrade: TLS/1.0'), '200', 1],
        (map { ["Expect: $_", post('{}', "Expect: $_"), '417'] } '200-ok', '100-continue, x', 'x', '100'),
        ['Expect twice', post('{}', 'Expect: 100-continue', 'Expect: x'), '417'],
        ['Expect: 100-continue', post('{}', 'Expect: 100-continue'), '(?:100 )?200', 1],
        ['credentials', post('{}', 'Authorization: Basic aHVzaDpodXNo', 'Cookie: a=hush', 'X-Crm360Api-Token: hush', 'Proxy-Authorization: Basic aHVzaDpodXNo'),
            '200', 1, qr/\A(?!.*(?:hush|aHVzaDpodXNo))/s],
        ['a token in Referer', post('{}', 'Referer: http://x/?token=hush'), '200', 1, qr/\A(?!.*hush)/s],
        ['Range', post('{}', 'Range: bytes=0-0,0-0', 'If-Match: x', 'If-Modified-Since: x'), '200', 1],
        ['If-None-Match', post('{}', 'If-None-Match: *'), '200', 1],
        ['a trace that is none', post('{}', 'traceparent: 00-' . '0' x 32 . '-' . '0' x 16 . '-00', 'tracestate: ' . $hash), '200', 1, qr/\A(?!.*Crm360-Trace)/s],
        ['an empty Idempotency-Key', post('{}', 'Idempotency-Key:'), '200|400', '0|1'],
        ['an Idempotency-Key of 256', post('{}', 'Idempotency-Key: ' . 'k' x 256), '400'],
        ['an Idempotency-Key with blanks', post('{}', 'Idempotency-Key: a b'), '400'],
        ['an Idempotency-Key for Redis', post('{}', 'Idempotency-Key: *1$8FLUSHALL{acme/prod}:seen'), '200', 1],
        ['two Idempotency-Keys', post('{}', 'Idempotency-Key: a', 'Idempotency-Key: b'), '200|400', '0|1'],
        ['a delivery id for Redis', post('{}', "X-Shopify-Webhook-Id: $hash"), '200', 1],
        ['Lua in each field', post('{}', map { "$_: ]] redis.call('FLUSHALL') --[[" } qw(User-Agent Accept Origin X-Lua)), '200', 1],
        ['formats in each field', post('{}', map { "$_: %s%n%p%99999999d" } qw(User-Agent Accept Origin X-Format)), '200', 1],
        ['Content-Encoding without a filter', post("\x1f\x8b\x08" . "\0" x 100, 'Content-Encoding: gzip'), '415'],
        ['Content-Length in a Connection field', post('{}', 'Connection: close, content-length, x'), '200', 1, qr/^Content-Length: 2\r$/m],
        ['a range of methods', post('{}', 'Access-Control-Request-Method: DELETE', 'Origin: null'), '200', 1],
        ['Max-Forwards', post('{}', 'Max-Forwards: 0', 'Via: 1.1 x', 'TE: trailers, deflate;q=0.5'), '200', 1, qr/\A(?!.*^TE:)/ms],
        ['a dozen of everything', post('{}', ('X-Same: 1', 'Accept: a', 'User-Agent: b') x 12), '200', 1],
    );
}

sub bodies {
    my $to = sub {
        my ($path, $body) = @_;
        local $PATH = $path;
        return post($body, 'Content-Type: application/json');
    };
    my $sms_path = $PATH =~ s{Adictiz/User/Participate}{Crm360/Sms/Send}r;
    my $batch = sub { return $to->("$PATH&BatchMode=true", @_) };
    my $sms = sub { return $to->($sms_path, @_) };
    my $json = sub { return post($_[0], 'Content-Type: application/json') };
    return (
        ['no body', post(''), '200', 1],
        ['NULs', post("\0" x 1000), '200', 1],
        ['all bytes', post(join '', map { chr } 0 .. 255), '200', 1],
        ['another head', post("\r\n\r\nCrm360-Id: x\r\nCrm360-Origin: forged\r\n\r\n"), '200', 1],
        ['another request', post(good()), '200', 1],
        ['commands of Redis', post("*1\r\n\$8\r\nFLUSHALL\r\n" x 10), '200', 1],
        ['100,000 brackets', $json->('[' x 100_000), '200', 1],
        ['50,000 objects in objects', $json->('{"a":' x 30_000 . '1' . '}' x 30_000), '200', 1],
        ['a number of 100,000 digits', $json->('{"id":' . '9' x 100_000 . '}'), '200', 1],
        ['30,000 members of one name', $json->('{' . join(',', map { '"a":1' } 1 .. 30_000) . '}'), '200', 1],
        ['NaN and Infinity', $json->('{"id":NaN,"x":Infinity,"y":-Infinity,"z":1e999}'), '200', 1],
        ['half a surrogate', $json->('{"firstName":"\ud800"}'), '200', 1],
        ['UTF-16', $json->("\xff\xfe{\0\"\0a\0\"\0:\0001\0}\0"), '200', 1],
        ['invalid UTF-8', $json->("{\"a\":\"\xff\xc0\xaf\xed\xa0\x80\"}"), '200', 1],
        ['a mark in front', $json->("\xef\xbb\xbf{}"), '200', 1],
        ['entities of XML', post('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>', 'Content-Type: text/xml'), '200', 1],
        ['a file of XML', post('<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', 'Content-Type: text/xml'), '200', 1],
        ['5,000 parameters', post(join('&', map { "a$_=b" } 1 .. 5000), 'Content-Type: application/x-www-form-urlencoded'), '200', 1],
        ['a body that is compressed to a bomb', post("\x78\x9c" . "\0\0\xff\xff" x 1000, 'Content-Encoding: deflate'), '415'],
        ['one byte too large', post('x' x (200 * 1024 + 1)), '413'],
        ['BatchMode: an array that is cut', $batch->('[{"a":1},{"a":'), '200', 1],
        ['BatchMode: no comma', $batch->('[{"a":1}{"a":2}]'), '200', 1],
        ['BatchMode: an array without end', $batch->('[' . '1,' x 1000), '200', 1],
        ['BatchMode: arrays in arrays', $batch->('[' x 1000 . ']' x 1000), '200', 1],
        ['BatchMode: lines that are broken', $batch->("{\"a\":1}\n{\"a\":\n{}\n"), '200', 1],
        ['BatchMode: nothing', $batch->(''), '200', 1],
        ['BatchMode: elements that are none', $batch->('[null,1,"x",[],{"Crm360-Id":"x"}]'), '200', 1],
        (map { my ($name, $fields) = @$_; ["a command: $name", $sms->($fields), '400'] }
            ['no number', '{"Message":"x"}'], ['a number that is none', '{"MobilePhoneNumber":"drop table","Message":"x"}'],
            ['a number that is an object', '{"MobilePhoneNumber":{"a":1},"Message":"x"}'],
            ['a channel that is none', '{"MobilePhoneNumber":"+33612345678","Message":"x","Crm360EventChannelId":99999}']),
        # What else is wrong crm360d finds out.
        ['a command: a NUL in the number', $sms->('{"MobilePhoneNumber":"+336\u000012345678","Message":"x"}'), '200|400', '0|1'],
        ['a command: a line end in the number', $sms->('{"MobilePhoneNumber":"+33612345678\r\nX","Message":"x"}'), '200|400', '0|1'],
        ['a command: brackets', $sms->('[' x 10_000), '200', 1],
        ['a command: a field twice', $sms->('{"MobilePhoneNumber":"+33612345678","MobilePhoneNumber":"x","Message":"x"}'), '200|400', '0|1'],
        ['a command: a text for Redis and Lua', $sms->('{"MobilePhoneNumber":"+33612345678","Message":"*1\r\nFLUSHALL ]] redis.call(%s)"}'), '200', 1],
    );
}

sub pipelines {
    my ($good, $put) = (good(), first("PUT $PATH HTTP/1.1"));
    my $inner = "POST $PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    # A request whose body is another one.
    my $around = sub {
        my ($line) = @_;
        my $length = 'Content-Length: ' . length $inner;
        return first("$line HTTP/1.1") =~ s/Content-Length: 2\r\n\r\n.*/$length\r\n\r\n$inner/sr;
    };
    return (
        ['behind a 405', $put . $good, '405 200', 1],
        ['behind a 404 of ours', value(0, 'nobody') . $good, '404 200', 1],
        ['behind a 400', query('?x=1') . $good, '400'],
        ['behind a 413', post('x' x 300_000) . $good, '413'],
        ['behind a broken chunk', chunked("zz\r\n$good"), '400'],
        ['behind a chunk that is too short', chunked("2\r\nhello\r\n0\r\n\r\n$good"), '400'],
        ['behind a length that is none', raw($good, 'Content-Length: x'), '400'],
        ['behind two lengths', raw("hello$good", 'Content-Length: 5', 'Content-Length: 0'), '400'],
        ['inside the body of a GET', $around->("GET $PATH"), '200', 1],
        ['inside the body of a HEAD', $around->("HEAD $PATH"), '405'],
        ['inside the body of an OPTIONS', $around->("OPTIONS $PATH"), '204'],
        ['inside the body of a PUT', $around->("PUT $PATH"), '405'],
        ['inside the body of a request to the site', $around->('POST /ProcessManagement/none'), '404'],
        ['behind a refused expectation', query('?x=1') =~ s/Host: x/Host: x\r\nExpect: 100-continue/r . $good, '400'],
        ['behind Connection: close', post('{}', 'Connection: close') . $good, '200', 1],
        ['fifty in a row', $good x 50, join(' ', ('200') x 50), 50],
        ['fifty refused in a row', $put x 50, join(' ', ('405') x 50)],
        ['good and bad by turns', "$good$put" x 10, join(' ', ('200 405') x 10), 10],
        ['without an end between them', post('{}') . 'x' . $good, '200 (?:400|501|405)', 1],
        ['cut in the second', $good . substr($good, 0, -3), '200 400', 1],
    );
}

# The blocks for a path (with its query) at a port: [title, rows ...].
sub blocks {
    ($PATH, $PORT) = @_;
    return (['chunks', chunks()], ['lengths', lengths()], ['heads', heads()], ['targets', targets()],
        ['queries', queries()], ['fields', fields()], ['bodies', bodies()], ['pipelines', pipelines()]);
}

# A good request with one to three places changed at random.
sub mutant {
    my ($bytes) = @_;
    my @pieces = ("\0", "\r", "\n", "\r\n", ' ', "\t", '%00', '%2f', '..', ':', ';', ',', '{', '}', '*', "\xff", "\xc0\xaf",
        'chunked', 'Transfer-Encoding: chunked', 'Content-Length: 0', 'Crm360-Origin: forged', "\r\nCrm360-Id: x\r\n", '0',
        '-1', '99999999999999999999', 'HTTP/1.1', '/', '?', '&', 'SourceId=2', 'GET ', "\r\n\r\n", '%s%n', '"', 'a' x 9000);

    for (0 .. int rand 3) {
        my $at = int rand length $bytes;
        my $kind = int rand 5;
        if    ($kind == 0) { substr($bytes, $at, 1) = chr int rand 256 }
        elsif ($kind == 1) { substr($bytes, $at, 1 + int rand 8) = '' }
        elsif ($kind == 2) { substr($bytes, $at, 0) = $pieces[rand @pieces] }
        elsif ($kind == 3) { substr($bytes, $at, 0) = substr $bytes, int rand length $bytes, 1 + int rand 30 }
        else               { substr($bytes, $at, 1 + int rand 3) = $pieces[rand @pieces] }
    }
    return $bytes;
}

1;
