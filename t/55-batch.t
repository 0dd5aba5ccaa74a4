# BatchMode: an array, or newline-delimited JSON, is one receipt for the caller, and each of its elements is
# a message on its own afterwards. What is split and what is not, what becomes of elements that cannot
# succeed, and a load of 100,000 customers in one body: its time and what it takes of memory. There is
# plenty of that time: other tests may run beside it.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $DB = 'acme/prod';
my $CUSTOMERS = fast() ? 100_000 : 3_000;
my $MEMORY = 200; # MB that a worker may take

my $site = Crm360::Test->new(location => 'Crm360MaxBody 64M');
my ($batch, $dead, $splits, $claims, $counters) =
    map { $site->key($DB, $_) } qw(batch dead splits claims counters);
$site->start;

# A Shopify customer of about 500 bytes that nobody else is.
sub customer {
    my ($number) = @_;
    return sprintf '{"id":%d,"email":"c%d@example.com","created_at":"2026-11-20T10:00:00+01:00",'
        . '"updated_at":"2026-11-23T10:00:00+01:00","first_name":"First%d","last_name":"Last%d",'
        . '"state":"enabled","note":"%s","verified_email":true,"phone":"+336%08d","addresses":[],'
        . '"currency":"EUR","tags":"","tax_exempt":false}',
        7_000_000_000_000 + $number, $number, $number, $number, 'x' x 200, 10_000_000 + $number;
}

sub path { return $site->url('Shopify/Customer/Insert', SourceId => 1, BatchMode => 'true', @_) }

# Posts a body and returns its message id when all of it has been worked on.
sub post_all {
    my ($name, $body, $type) = @_;
    my $answer = $site->post(path(), $body, $type ? { 'Content-Type' => $type } : {});

    is $answer->{status}, 200, "$name: taken" or diag $answer->{content};
    wait_until { idle() } 20, "$name: worked on";
    return $answer->{json}{MessageId};
}

sub idle { return !$site->redis('ZCARD', $batch) && !$site->redis('HLEN', $claims) }
sub count { return $site->redis('HGET', $counters, $_[0]) // 0 }
sub contacts { return $site->value($DB, 'select count(*) from Contacts') }
sub noted { return map { $_->{MessageId} } $site->sql($DB, "select MessageId from WebhookInbox where MessageId like '$_[0]%'") }
sub dead { return map { s/^\Q$_[0]\E//r } sort @{ $site->redis('ZRANGE', $dead, 0, -1) } }
sub reason { return decode_json($site->redis('HGET', $site->key($DB, 'failures'), $_[0]) // '{}')->{errors}[-1]{reason} // '' }

# Drops the dead letters.
sub forget {
    my @dead = @{ $site->redis('ZRANGE', $dead, 0, -1) };
    $site->redis('DEL', $dead, $site->key($DB, 'failures'), map { $site->key($DB, "message:$_") } @dead);
    return;
}

# What was received, elements included, has become something.
sub adds_up {
    my ($what) = @_;
    is count('received'), count('done') + count('split') + count('dead') + $site->redis('ZCARD', $batch),
        "$what: the counters add up";
    return;
}

# ---- what is split ----

my $next = 1; # number of the next customer

sub customers { my ($many) = @_; my $from = $next; $next += $many; return map { customer($_) } $from .. $next - 1 }

{
    my $before = contacts();
    my $id = post_all('array', '[' . join(",\n", customers(250)) . ']');
    is contacts(), $before + 250, 'each element has its effect';
    is_deeply [sort { $a <=> $b } map { s/^\Q$id\E\.//r } noted($id)], [1 .. 250],
        'as a message of its own, numbered from 1';
    is count('split'), 1, 'the whole has been split';
    $site->wait_log('crm360d', qr/info: id=\Q$id\E .* outcome=split ms=\d+: split into 250 messages/, 5, 'which the log says');
    adds_up('array');

    $before = contacts();
    $id = post_all('lines', join("\r\n", customers(3), ''), 'application/x-ndjson');
    is contacts(), $before + 3, 'newline-delimited JSON is split too';
    is count('split'), 2, 'by its content type';
    post_all('one line', join("\n", customers(1), ''), 'application/x-ndjson');
    is count('split'), 3, 'be it one line only';
    post_all('lines', join "\n", customers(2));
    is contacts(), $before + 6, 'or because there is more than one value';
    is count('split'), 4, 'which counts';

    $id = post_all('one object', customers(1));
    is contacts(), $before + 7, 'a single object is delivered as it is';
    is_deeply [noted($id)], [$id], 'under the id of the receipt';
    is count('split'), 4, 'and not split';

    my $received = count('received');
    post_all('nothing', " [ \n]");
    is count('received'), $received + 1, 'an empty array is done at once';
    is count('split'), 5, 'as a split into nothing';
    adds_up('all of them');
    is_deeply [dead('')], [], 'no dead letter so far';
    is_deeply $site->redis('HGETALL', $splits), [], 'and no note about a split';
}

{
    # Without BatchMode an array is nobody's.
    $site->expect_log(qr/CRM0311/);
    my $answer = $site->post($site->url('Shopify/Customer/Insert', SourceId => 1), '[]');
    my $id = $answer->{json}{MessageId};
    wait_until { defined $site->redis('ZSCORE', $dead, $id) } 5, 'without BatchMode no array is split';
    like reason($id), qr/object/, 'it is a dead letter';
    forget();
}

# ---- elements that cannot succeed ----

{
    my $before = contacts();
    my @good = customers(120);
    my $large = '[' . join(',', ('0') x 200_001) . ']'; # above 256 kB: it travels in parts
    my $id = post_all('good and bad', '[' . join(',', @good[0 .. 59], '17', $large, "[\n[]]", '{"id":"no"}',
        @good[60 .. 119]) . ']');
    is contacts(), $before + 120, 'the good ones have their effect';
    is_deeply [dead("$id.")], [61 .. 64], 'the bad ones are dead letters on their own';
    like reason("$id.61"), qr/object/, 'a number: why';
    like reason("$id.62"), qr/^\D+line 1, column 400000: expected at most 200000 values/,
        'a value of too many: why, and where in it';
    like reason("$id.63"), qr/object/, 'an array goes to the handler as it is';
    like reason("$id.64"), qr/\bid\b/, 'an object without sense: why';
    my $stored = $site->redis('GET', $site->key($DB, "message:$id.62"));
    is +(split /\r\n\r\n/, $stored, 2)[1], $large, 'a dead letter holds its element';
    like $stored, qr/^Crm360-Batch-Mode: true\r$/m, 'under the head of the whole';
    is $site->redis('TTL', $site->key($DB, "message:$id.62")), -1, 'for good';
    is scalar(grep { /message:/ } @{ $site->redis('KEYS', '*') }), 4, 'nothing else is left';
    adds_up('good and bad');
    forget();
}

{
    # A body that is not whole is refused as a whole, wherever it is wrong.
    my $before = contacts();
    my @all = customers(300);
    my $id = post_all('not whole', '[' . join(",\n", @all[0 .. 298], substr $all[299], 0, -1) . ']');
    is_deeply [dead($id)], [''], 'an array with a fault at its end is one dead letter';
    like reason($id), qr/no whole JSON array: line 300, column \d+: expected , or \} in an object/,
        'which says where, and what was expected';
    unlike reason($id), qr/example/, 'and quotes nothing';
    is contacts(), $before, 'none of its elements is done';
    forget();
    $id = post_all('cut lines', join "\n", @all[0 .. 5], '{"id":');
    like reason($id), qr/not newline-delimited JSON: line 7, column 7: .*end of the text/,
        'lines that are cut: where';
    forget();
    $id = post_all('text', '[Hello');
    like reason($id), qr/line 1, column 2: expected a JSON value/, 'no JSON: where';
    is contacts(), $before, 'and nothing is done';
    forget();
}
is $site->stop_consumer, 0, 'crm360d ends well';

# ---- a large load ----

# What /proc tells of a process, in MB.
sub memory { my ($pid, $what) = @_; return slurp("/proc/$pid/status") =~ /^$what:\s+(\d+)/m ? $1 / 1024 : 0 }

# The highest memory of httpd's children above what they had, during a post, in MB. The largest counts.
sub growth {
    my ($post) = @_;
    my @children = split ' ', `pgrep -P $site->{httpd}{pid}`;
    my %had = map { ($_ => memory($_, 'VmRSS')) } @children;
    my $most = 0;

    for my $pid (@children) { # the peak is that since now
        open my $reset, '>', "/proc/$pid/clear_refs" or next;
        print $reset "5\n";
    }
    $post->();
    for my $pid (@children) {
        my $more = memory($pid, 'VmHWM') - $had{$pid};
        $most = $more if $more > $most;
    }
    return $most;
}

# Sends a body in chunks, as it would come over a network.
sub post_chunked {
    my ($path, $body) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port}) or die "no httpd: $!";
    my ($at, $answer) = (0, '');

    print $socket "POST $path HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    for (my $size = 30_000; $at < length $body; $at += $size) {
        my $chunk = substr $body, $at, $size;
        printf $socket "%x\r\n%s\r\n", length $chunk, $chunk;
    }
    print $socket "0\r\n\r\n";
    $socket->flush;
    $answer .= $_ while <$socket>;
    return $answer;
}

{
    my $before = contacts();
    my $body = '[' . join(",\n", customers($CUSTOMERS)) . ']';
    my $mb = length($body) / 1024 / 1024;
    my $began = time;
    my ($answer, $id, $more);

    diag sprintf '%d customers, %.1f MB', $CUSTOMERS, $mb;
    # Memory of an address sanitizer is its own affair.
    my $told = $ENV{CRM360_BUILD} && $ENV{CRM360_BUILD} =~ /asan/ ? 0 : 1;
    $more = growth(sub { $answer = $site->post(path(), $body) });
    is $answer->{status}, 200, 'a large array is taken' or diag $answer->{content};
    $id = $answer->{json}{MessageId};
    diag sprintf 'Content-Length: the httpd child took %.1f MB, %.2f times the body', $more, $more / $mb;
    cmp_ok $more, '<=', 3 * $mb + 2, 'with at most 3 times the body in an httpd child' if $told;
    $more = growth(sub { $answer = post_chunked(path(secondsOfInvisibility => 600_000), $body) });
    like $answer, qr{^HTTP/1.1 200 }, 'and in chunks';
    diag sprintf 'chunked: the httpd child took %.1f MB, %.2f times the body', $more, $more / $mb;
    cmp_ok $more, '<=', 3 * $mb + 2, 'likewise' if $told;
    diag sprintf 'taken twice in %.1f s', time - $began;
    undef $body;

    my ($most, $splitting, $split) = (0, 0, 0);
    my $until = time + (fast() ? 200 : 500);
    $began = time;
    $site->start_consumer;
    while (time < $until && ($site->redis('ZCARD', $batch) > 1 || $site->redis('HLEN', $claims))) {
        for my $pid (split ' ', `pgrep -P $site->{consumer}{pid}`) {
            my $now = eval { memory($pid, 'VmHWM') } // 0;
            $most = $now if $now > $most;
        }
        my $now = $site->redis('HLEN', $splits);
        $split = time - $began if $splitting && !$now;
        $splitting = $now;
        sleep 0.02;
    }
    my $took = time - $began;
    is contacts(), $before + $CUSTOMERS, 'each of the customers has its contact';
    is scalar(noted("$id.")), $CUSTOMERS, 'and its note';
    is_deeply [dead('')], [], 'none is a dead letter';
    diag sprintf 'split in %.1f s, all done in %.1f s, %.0f/s; a worker took %.0f MB at most', $split, $took,
        $CUSTOMERS / $took, $most;
    cmp_ok $most, '<=', $MEMORY, "with at most $MEMORY MB in a worker" if $told;
    cmp_ok $took, '<', 90, 'in less than 90 s' if fast();
    is $site->redis('ZCARD', $batch), 1, 'the other one waits for its time';
    adds_up('the load');
}
$site->done;
