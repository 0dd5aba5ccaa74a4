# Hostile requests on raw sockets: each gets the answer that is expected of it or a closed connection, nothing
# is stored that should not be, what is stored is whole and has no field that its sender forged, and
# httpd serves on with the same processes. The requests are in t/lib/Crm360/Hostile.pm.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Hostile;
use Crm360::Test;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new(
    databases => { 'acme/prod' => "Crm360EmailAllow *\@example.com\nCrm360EmailFrom crm\@example.com" },
    settings => "Crm360DedupKey none\n", # each row counts, also when it looks like another
    location => 'Crm360MaxBody 200K',
    modules => ['reqtimeout'],
    server => <<'END',
RequestReadTimeout header=1 body=1
KeepAliveTimeout 1
<Location /beside>
    Require all granted
</Location>
<Location /busy>
    SetHandler server-status
</Location>
END
);
mkdir $site->dir . '/htdocs/beside' or die;
spew($site->dir . '/htdocs/beside/page.html', "the site itself\n");
$site->start_redis;
$site->start_httpd;

# ---- one exchange ----

sub connection {
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port})
        || die "cannot connect to httpd: $!\n";
}

# What comes until the server closes. All is sent first; a server that refuses early may reset the rest.
sub exchange {
    my ($bytes, $keep) = @_;
    my $socket = connection();
    my ($text, $until) = ('', time + (fast() ? 15 : 60));

    $socket->blocking(0);
    shutdown $socket, 1 if !length $bytes;
    while (time < $until) {
        my ($read, $write) = ('', '');
        vec($read, fileno $socket, 1) = 1;
        vec($write, fileno $socket, 1) = 1 if length $bytes;
        select $read, $write, undef, 1;
        if (length $bytes && vec($write, fileno $socket, 1)) {
            my $sent = syswrite $socket, $bytes, 65536;
            last if !defined $sent && !$!{EAGAIN} && !$!{EPIPE} && !$!{ECONNRESET};
            $bytes = defined $sent || $!{EAGAIN} ? substr $bytes, $sent || 0 : '';
            # No more will come: requests that are not whole end at once, and connections do not linger.
            shutdown $socket, 1 if !length $bytes && !$keep;
        }
        if (vec($read, fileno $socket, 1)) {
            my $got = sysread $socket, $text, 65536, length $text;
            last if defined $got ? !$got : !$!{EAGAIN};
        }
    }
    return $text;
}

# The answers as a text of their statuses, and those without a status line as '0.9'.
sub statuses {
    my ($text) = @_;
    return '' if $text eq '';
    my @found = $text =~ m{^HTTP/1\.[01] (\d{3}) }mg;
    return @found ? "@found" : '0.9';
}

# ---- what is stored ----

my $PREFIX = $site->key('acme/prod', '');
my %OWN = (Id => qr/\A[0-9A-Z]{26}-[A-Za-z0-9-]+\z/, Received => qr/\A\d{4}-\d\d-\d\dT[\d:.]{15}Z\z/,
    Customer => qr/\Aacme\z/, Database => qr/\Aprod\z/, Route => qr{\A\w+/\w+/\w+\z}, 'Source-Id' => qr/\A1\z/,
    'Zone-Id' => qr/\A\d+\z/, 'Brand-Id' => qr/\A\d+\z/, 'Contact-Address-Type-Id' => qr/\A\d+\z/,
    'Batch-Mode' => qr/\Atrue\z/, Email => qr/\A[\w.+@-]+\z/, Peer => qr/\A127\.0\.0\.1\z/,
    Origin => qr/\Anone\z/, 'Dedup-Key' => qr/\A[0-9a-f]+\z/, Trace => qr/\A00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d\z/);

sub messages { return grep { /\A\Q$PREFIX\Emessage:/ } @{ $site->redis('KEYS', '*') } }

# What is wrong with a stored message; nothing when it is as it should be.
sub fault {
    my ($text) = @_;
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($line, @fields) = split /\r\n/, $head;
    my %seen;

    return 'no end of the head' unless defined $body;
    return 'a control character in the head' if $head =~ s/\r\n//gr =~ /[\0\r\n]/;
    return "request line: $line" if $line !~ m{\A(?:GET|POST) /[^\0-\x20\x7f]* HTTP/1\.1\z};
    for (@fields) {
        my ($name, $value) = /\A([!#\$%&'*+\-.^_`|~A-Za-z0-9]+): (.*)\z/s or return "no field: $_";
        $seen{ lc $name }++;
        return "forbidden: $_" if $name =~ /\A(?:Authorization|Cookie|Transfer-Encoding|Connection|Upgrade)\z/i;
        next unless $name =~ /\ACrm360-(.*)/i;
        return "forged: $_" if !$OWN{$1} || $value !~ $OWN{$1};
    }
    for (grep { /^(?:crm360-|host$|content-length$)/ } keys %seen) {
        return "$_ is there $seen{$_} times" if $seen{$_} > 1;
    }
    return 'fields of ours are missing' if grep { !$seen{"crm360-$_"} } qw(id received customer database route origin);
    return 'the length is wrong' if $head !~ /^Content-Length: ${\ length $body}\r?$/m;
    return '';
}

my %known;
sub new_messages {
    my @new = grep { !$known{$_}++ } messages();
    return map { $site->redis('GET', $_) } @new;
}

# Nothing but the queues of this database, and what they are made of.
sub strange_keys {
    return grep { !/\A\Q$PREFIX\E(?:live|batch|send|counters|message:[\w.-]+|seen:[0-9a-f]+)\z/ }
        @{ $site->redis('KEYS', '*') };
}

# ---- httpd itself ----

sub children {
    my $master = slurp($site->dir . '/httpd.pid') + 0;
    return join ' ', sort split ' ', slurp("/proc/$master/task/$master/children");
}

# What httpd says of paths and methods it does not take.
$site->expect_log(qr/AH10244: invalid URI path/, qr/AH00135: Invalid method/);
# The master listens before it has any.
my $CHILDREN;
wait_until { ($CHILDREN = children()) =~ /^\d+ \d+$/ } 10, 'httpd has its two children';
sub alive {
    my ($block) = @_;

    is children(), $CHILDREN, "$block: the same processes serve";
    unlike $site->log_text('httpd-error'), qr/exit signal|core dump|Sanitizer|CRM02\d\d:/, "$block: nothing crashed";
    is $site->get('/beside/page.html')->{content}, "the site itself\n", "$block: another location serves";
    is_deeply [strange_keys()], [], "$block: no key that should not be";
    return;
}

# ---- the table ----

my $rows = 0;
for my $block (Crm360::Hostile::blocks($site->url('Adictiz/User/Participate', SourceId => 1), $site->{port})) {
    my ($title, @table) = @$block;

    for my $row (@table) {
        my ($name, $bytes, $expected, $stored, $check) = @$row;
        my $text = exchange($bytes);
        my @new = new_messages();
        my @bad = grep { $_ } map { fault($_) } @new;
        push @bad, 'lacks what it should have' if $check && @new && $new[0] !~ $check;
        my $got = statuses($text);

        $rows++;
        ok $got =~ /\A(?:$expected)\z/ && scalar(@new) =~ /\A(?:${\ ($stored || 0)})\z/ && !@bad, "$title: $name: $expected"
            or diag "got '$got', stored " . @new . " @bad\n", substr($text, 0, 600), "\n", substr $new[0] // '', 0, 1500;
    }
    alive($title);
}
cmp_ok $rows, '>=', 150, "hostile requests: $rows";

# ---- slow ones, side by side ----

my $good = Crm360::Hostile::good($site->url('Adictiz/User/Participate', SourceId => 1));
my ($head) = $good =~ /\A(.*\r\n\r\n)/s;
my @slow = (
    ['half a request line', [substr $good, 0, 10], '408|'],
    ['a head that does not end', [$head =~ s/\r\n\z//r], '408|'],
    ['a head byte by byte', [split //, substr $head, 0, 40], '408|'],
    ['header fields for ever', ["POST / HTTP/1.1\r\nHost: x\r\n", map { "X-$_: y\r\n" } 1 .. 30], '408|'],
    ['no body', [$head], '408'],
    ['half a body', [substr $good, 0, -2], '408'],
    ['a body byte by byte', [$head =~ s/(Content-Length): \d+/$1: 100/r, split //, 'x' x 40], '408'],
    ['no chunk', [$head =~ s/Content-Length: \d+/Transfer-Encoding: chunked/r], '408'],
    ['half a chunk', [$head =~ s/Content-Length: \d+/Transfer-Encoding: chunked/r . "5\r\nhe"], '408'],
    ['chunks byte by byte', [$head =~ s/Content-Length: \d+/Transfer-Encoding: chunked/r, ("1\r\nx\r\n") x 40], '408'],
    ['Expect and no body', [$head =~ s/\r\n\z/Expect: 100-continue\r\n\r\n/r], '100 408'],
);
{
    my @open = map { { row => $_, socket => connection(), left => [@{ $_->[1] }], text => '' } } @slow;
    my $until = time + (fast() ? 12 : 60);

    $_->{socket}->blocking(0) for @open;
    while ((my @waiting = grep { !$_->{closed} } @open) && time < $until) {
        for my $one (@waiting) {
            my $part = shift @{ $one->{left} };
            syswrite $one->{socket}, $part if defined $part;
            my $got = sysread $one->{socket}, $one->{text}, 65536, length $one->{text};
            $one->{closed} = 1 if defined $got ? !$got : !$!{EAGAIN};
        }
        sleep 0.08;
    }
    for my $one (@open) {
        my ($name, undef, $expected) = @{ $one->{row} };
        ok $one->{closed}, "slow: $name: the connection ends";
        like statuses($one->{text}), qr/\A(?:$expected)\z/, "  with $expected";
    }
    is_deeply [new_messages()], [], 'slow: nothing is stored';
    alive('slow');
}

# Connections that are reset in the middle of anything.
for my $length (map { int($_ * length($good) / 12) } 0 .. 12) {
    my $socket = connection();
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    syswrite $socket, substr $good, 0, $length;
    close $socket;
}
wait_until { $site->get('/beside/page.html')->{status} == 200 } 5, 'reset: httpd serves on';
# The whole one may be on its way to Redis until the worker of this very question is the only busy one.
wait_until { $site->get('/busy?auto')->{content} =~ /^BusyWorkers: 1$/m } 10, 'reset: nobody is busy with them';
{
    my @new = new_messages();
    cmp_ok scalar @new, '<=', 1, 'reset: only the whole one may be stored';
    is_deeply [grep { $_ } map { fault($_) } @new], [], '  and it is whole';
    alive('reset');
}

# ---- a good request, broken at random ----

my $seed = $ENV{CRM360_SEED} || time * 1000 % 2**31;
srand $seed;
diag "CRM360_SEED=$seed" if $ENV{CRM360_SEED};
my ($bad, $taken) = ('', 0);
my $mutants = fast() ? 400 : 150;
for my $turn (1 .. $mutants) {
    my $bytes = Crm360::Hostile::mutant($good);
    my $text = exchange($bytes);
    my @new = new_messages();
    my $receipts = () = $text =~ /"Duplicate":false/g;
    my @faults = grep { $_ } map { fault($_) =~ s/^forged: Crm360-Source-Id: \d+$//ir } @new;

    $taken += @new;
    next if @new == $receipts && !@faults && statuses($text) !~ /\b5(?!0[15])\d\d\b/;
    $bad = sprintf "turn %d: stored %d, receipts %d, %s, %s: %s", $turn, scalar @new, $receipts, statuses($text),
        join(', ', @faults), $bytes =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
    last;
}
is $bad, '', "$mutants mutants of a good request ($taken of them taken), seed $seed";
alive('mutants');

# ---- crm360d can read all of it ----

$site->migrate;
$site->expect_log(qr/CRM03\d\d/, qr/CRM05\d\d/);
$site->start_consumer;
wait_until { !$site->redis('ZCARD', $PREFIX . 'live') && !$site->redis('ZCARD', $PREFIX . 'batch') } 20,
    'crm360d has worked on all that was stored';
my %failures = @{ $site->redis('HGETALL', $PREFIX . 'failures') };
is_deeply [grep { /The head|request line|first line|Crm360-|Content-Length/ } values %failures], [],
    'and none was unreadable';
$site->done;
