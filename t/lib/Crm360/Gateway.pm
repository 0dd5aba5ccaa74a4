# A fake HTTP gateway on a free port of 127.0.0.1: writes each request into a ledger before it answers,
# and answers as the test says. One process a connection, so answers may take as long as they like.
# The ledger is exact whatever comes at once: it is what proves that nothing was sent twice.
#
#   my $gateway = Crm360::Gateway->start(folder => $dir, answers => [{ status => 503 }, { body => '{}' }]);
#   $gateway->url;                     # http://127.0.0.1:PORT
#   $gateway->requests;                # list of { number, connection, at, method, path, headers, body, whole }
#   $gateway->answers(sub { my ($request) = @_; return { status => 200, body => '...' } });
#   $gateway->down; $gateway->up;      # nobody listens; somebody does again, on the same port
#
# `answers` is one answer, a list (the n-th request gets the n-th, later ones the last), or a sub that
# makes one of a request; the sub runs in a process of its own, so what it changes is forgotten. In an
# answer, all optional:
#   status (200), headers ({ name => value }), body (''), delay (seconds before anything is said)
#   how => 'answer'   all is well, and the connection is kept
#          'close'    closed without an answer
#          'cut'      closed in the middle of the body, or of the status line when there is no body
#          'reset'    RST instead of an answer
#          'cut-reset' RST in the middle of the body
#          'garbage'  bytes that are no HTTP
#          'drip'     a byte each 50 ms
#          'endless'  a body that does not end
#          'never'    silence, until the caller goes
# With `connect => sub { my ($connection_number) = @_; ... }` a connection whose number it returns
# true for is reset before its request is read; the ledger has it without method, {whole} 0.
package Crm360::Gateway;

use strict;
use warnings;

use Fcntl qw(:flock);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER TCP_NODELAY IPPROTO_TCP);
use Time::HiRes qw(sleep time);

use Crm360::Port qw(free_port);

my $LONGEST = 120; # no connection lives longer
my %REASON = (200 => 'OK', 201 => 'Created', 204 => 'No Content', 302 => 'Found',
    400 => 'Bad Request', 401 => 'Unauthorized', 403 => 'Forbidden', 404 => 'Not Found',
    429 => 'Too Many Requests', 500 => 'Internal Server Error', 503 => 'Service Unavailable');
my @gateways;

# start(folder => DIR, name => 'gateway', answers => ..., connect => sub)
sub start {
    my ($class, %option) = @_;
    my $name = $option{name} || 'gateway';
    my $self = bless {
        owner => $$, ledger => "$option{folder}/$name.ledger", answers => $option{answers} || {},
        connect => $option{connect}, port => free_port(),
    }, $class;

    for my $file ($self->{ledger}, "$self->{ledger}.numbers", "$self->{ledger}.connections") {
        open my $fresh, '>', $file or die "$file: $!\n";
    }
    $self->up;
    push @gateways, $self;
    return $self;
}

sub port { return $_[0]{port} }
sub url  { return "http://127.0.0.1:$_[0]{port}" }

# Changes what is answered from now on. Requests that came before keep their answer.
sub answers {
    my ($self, $answers) = @_;

    $self->_end_listener;
    $self->{answers} = $answers;
    $self->_begin_listener if $self->{socket};
    return;
}

# All requests so far, in the order in which they were read.
sub requests {
    my ($self) = @_;

    open my $in, '<:raw', $self->{ledger} or die "$self->{ledger}: $!\n";
    flock $in, LOCK_SH;
    return map { decode_json($_) } <$in>;
}

sub count { return scalar(my @all = $_[0]->requests) }

# Forgets what the ledger holds; numbers begin at 1 again.
sub forget {
    my ($self) = @_;

    open my $out, '+<', $self->{ledger} or die "$self->{ledger}: $!\n";
    flock $out, LOCK_EX;
    truncate $out, 0;
    truncate "$self->{ledger}.numbers", 0;
    return;
}

sub up {
    my ($self) = @_;

    return if $self->{socket};
    $self->{socket} = IO::Socket::INET->new(Listen => 128, LocalAddr => '127.0.0.1',
        LocalPort => $self->{port}, ReuseAddr => 1) or die "port $self->{port} of a gateway: $!\n";
    $self->_begin_listener;
    return;
}

# From now on connections are refused; those that are open go on.
sub down {
    my ($self) = @_;

    $self->_end_listener;
    delete $self->{socket};
    return;
}

sub stop { return $_[0]->down }

# For programs that are not Perl (t/unit/gateway_tools.h): a gateway that prints its port and then takes
# orders, one a line, and answers each with a line. "answers JSON" and "answers_by_path JSON" (an object
# of path => answer), "requests", "down", "up". Ends with its standard input.
sub serve {
    my ($class, $folder) = @_;
    my $self = $class->start(folder => $folder);

    $| = 1;
    print $self->port, "\n";
    while (my $line = <STDIN>) {
        my ($order, $json) = $line =~ /^(\w+)(?: (.*))?$/ or die "gateway: what is $line";
        my $value = defined $json ? JSON::PP->new->decode($json) : undef; # bytes stay bytes

        if ($order eq 'answers') { $self->answers($value) }
        elsif ($order eq 'answers_by_path') { $self->answers(sub { $value->{ $_[0]{path} } }) }
        elsif ($order eq 'down' || $order eq 'up') { $self->$order }
        print $order eq 'requests'
            ? JSON::PP->new->ascii->canonical->encode([$self->requests]) : 'done', "\n";
    }
    return;
}

# ---- the listener ----

sub _begin_listener {
    my ($self) = @_;
    my $parent = $$;
    my $pid = fork;

    die "cannot fork: $!\n" unless defined $pid;
    if ($pid) {
        $self->{pid} = $pid;
        return;
    }
    # Never back into the test: its END blocks are not ours.
    eval { $self->_listen($parent) };
    print STDERR "gateway: $@" if $@;
    POSIX::_exit(0);
}

sub _end_listener {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    return if $self->{owner} != $$;
    local $?;
    kill 'TERM', $pid; # it does not leave between accepting a connection and serving it
    waitpid $pid, 0;
    return;
}

sub _listen {
    my ($self, $parent) = @_;
    my $waiting = IO::Select->new($self->{socket});
    my $ended = 0;

    open STDOUT, '>', '/dev/null' or die "/dev/null: $!\n";
    $SIG{$_} = 'DEFAULT' for qw(INT HUP);
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = sub { $ended = 1 };
    while (!$ended && getppid == $parent) {
        next unless $waiting->can_read(0.1);
        my $client = $self->{socket}->accept or next;
        my $pid = fork;
        if (defined $pid && !$pid) {
            close $self->{socket};
            $SIG{PIPE} = 'IGNORE';
            $SIG{$_} = 'DEFAULT' for qw(TERM ALRM);
            alarm $LONGEST;
            eval { $self->_serve($client) };
            print STDERR "gateway: $@" if $@;
            POSIX::_exit(0);
        }
    }
    return;
}

# ---- the ledger ----

# Adds a request: with its number it is there before anything is answered.
sub _note {
    my ($self, $request) = @_;
    my $line;

    open my $out, '>>:raw', $self->{ledger} or die "$self->{ledger}: $!\n";
    flock $out, LOCK_EX or die "$self->{ledger}: $!\n";
    $request->{number} = _next("$self->{ledger}.numbers");
    $request->{at} = time;
    # Bytes stay bytes: each is a character up to U+00FF, escaped where it is not ASCII.
    $line = JSON::PP->new->ascii->canonical->encode($request) . "\n";
    syswrite($out, $line) == length $line or die "$self->{ledger}: $!\n";
    close $out;
    return $request;
}

# Counts in a file: its size is the number.
sub _next {
    my ($file) = @_;

    open my $out, '>>', $file or die "$file: $!\n";
    flock $out, LOCK_EX or die "$file: $!\n";
    syswrite $out, '.';
    return -s $out;
}

# ---- one connection ----

sub _serve {
    my ($self, $client) = @_;
    my $connection = _next("$self->{ledger}.connections");
    my $buffer = '';

    setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
    if ($self->{connect} && $self->{connect}->($connection)) {
        $self->_note({ connection => $connection, whole => 0 });
        return _reset($client);
    }
    while (my $request = _read_request($client, \$buffer)) {
        $request->{connection} = $connection;
        $self->_note($request);
        last unless $request->{whole};
        _answer($client, $self->_answer_for($request)) or last;
    }
    return;
}

# One request, undef when the caller has closed. {headers} has lower-case names; of a name that comes
# twice both values, joined by ", ".
sub _read_request {
    my ($client, $buffer) = @_;
    my %request = (whole => 0, body => '', headers => {});

    while ($$buffer !~ /\r\n\r\n/) {
        if (!sysread $client, $$buffer, 65536, length $$buffer) {
            return length $$buffer ? { %request, body => $$buffer } : undef;
        }
    }
    (my $head, $$buffer) = split /\r\n\r\n/, $$buffer, 2;
    my ($first, @lines) = split /\r\n/, $head;
    @request{qw(method path)} = split / /, $first;
    for my $line (@lines) {
        my ($name, $value) = split /:\s*/, $line, 2;
        $name = lc $name;
        $request{headers}{$name} = exists $request{headers}{$name}
            ? "$request{headers}{$name}, $value" : $value;
    }
    my $length = $request{headers}{'content-length'} || 0;
    while (length $$buffer < $length) {
        last unless sysread $client, $$buffer, 65536, length $$buffer;
    }
    $request{whole} = length $$buffer >= $length ? 1 : 0;
    $request{body} = substr $$buffer, 0, $length, '';
    return \%request;
}

sub _answer_for {
    my ($self, $request) = @_;
    my $answers = $self->{answers};

    return $answers->($request) || {} if ref $answers eq 'CODE';
    return $answers if ref $answers eq 'HASH';
    return $answers->[$request->{number} <= @$answers ? $request->{number} - 1 : -1];
}

sub _write {
    my ($client, $bytes) = @_;

    while (length $bytes) {
        my $sent = syswrite $client, $bytes;
        return 0 unless $sent;
        substr $bytes, 0, $sent, '';
    }
    return 1;
}

# Closes so that the caller sees a reset.
sub _reset {
    my ($client) = @_;

    setsockopt $client, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $client;
    return 0;
}

# Gives one answer; false when the connection ends with it.
sub _answer {
    my ($client, $answer) = @_;
    my $how = $answer->{how} || 'answer';
    my $status = $answer->{status} || 200;
    my $body = $answer->{body} // '';
    my %headers = ('Content-Type' => 'application/json', 'Content-Length' => length $body,
        %{ $answer->{headers} || {} });
    my $head = "HTTP/1.1 $status " . ($REASON{$status} || 'Status') . "\r\n"
        . join('', map { defined $headers{$_} ? "$_: $headers{$_}\r\n" : () } sort keys %headers) . "\r\n";

    sleep $answer->{delay} if $answer->{delay};
    return 0 if $how eq 'close';
    return _reset($client) if $how eq 'reset';
    if ($how eq 'never') {
        sysread $client, my $more, 1; # until the caller goes
        return 0;
    }
    if ($how eq 'garbage') {
        _write($client, "\0\1\2 this is no HTTP \xff\xfe\r\n\r\n");
        return 0;
    }
    if ($how =~ /^cut/) {
        _write($client, length $body ? $head . substr $body, 0, length($body) / 2 : 'HTTP/1.');
        return 0 if $how eq 'cut';
        sleep 0.1; # a reset takes along what was not read yet
        return _reset($client);
    }
    if ($how eq 'drip') {
        for my $byte (split //, "$head$body") {
            _write($client, $byte) or return 0;
            sleep 0.05;
        }
        return 1;
    }
    if ($how eq 'endless') {
        delete $headers{'Content-Length'};
        _write($client, "HTTP/1.1 $status OK\r\nContent-Type: application/json\r\n\r\n") or return 0;
        1 while _write($client, ' ' x 65536);
        return 0;
    }
    return _write($client, "$head$body");
}

END {
    my $status = $?;
    for my $gateway (@gateways) {
        $gateway->down if $gateway->{owner} == $$;
    }
    $? = $status;
}

1;
