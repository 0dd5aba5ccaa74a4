# A load of webhooks with serial numbers: callers, each a process, post at a steady rate over fresh and
# kept connections, and write a line into a ledger for every try: what was asked, what was answered, and
# when. Whatever fails is told in the ledger; it is for the reader to judge.
#
#   my $load = Crm360::Load->start($site, name => 'kill', rate => 100, callers => 6, seed => 1);
#   ...
#   my @tries = $load->stop;    # ends the callers after their last answer; all tries, by time
#
# Options of start: rate (posts a second, all callers together), callers, seed, kept (share of posts over
# a kept connection, default 0.5), delayed (share with secondsOfInvisibility, default 0.2), longest
# (seconds of that, default 2), databases (names; default all of the site), attempts (how often a post is
# sent until it hears 2xx, as platforms do; default 4), most (posts a caller sends, then it ends), order
# (sub that takes a serial number and the site, and returns { body => ..., path => ..., headers => {...},
# delay => seconds, mark => text, copies => how many are sent at once }; default: an effect for t/faulty).
#
# A try: serial, word, database, asked, answered (ms since 1970), status (0 = no answer), id, visible (ms),
# durability, duplicate, delay (ms), link (fresh or kept), note, mark (that of the order).
package Crm360::Load;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use List::Util qw(max);
use POSIX ();
use Time::HiRes qw(sleep time);
use Time::Local qw(timegm);

use Crm360::Test;

our @FIELDS = qw(serial word database asked answered status id visible durability duplicate delay link note mark);

# How long a caller waits for an answer.
my $PATIENCE = timing() ? 20 : 90;
# Some messages are larger than what is written to Redis in one piece.
my $LARGE_BYTES = 300_000;

sub _ms { return int(time * 1000) }

# "2026-11-23T15:58:00.123Z" as ms since 1970.
sub _date_ms {
    my ($text) = @_;
    my @part = ($text // '') =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{3})Z$/ or return '';
    return timegm(@part[5, 4, 3, 2], $part[1] - 1, $part[0]) * 1000 + $part[6];
}

# ---- one caller ----

# What a post is, when the test does not say otherwise: an order to leave an effect, now and then a large
# or a slow one, for one of the site's databases.
sub _effect {
    my ($self, $serial) = @_;
    my @databases = @{ $self->{databases} };
    my $takes = rand() < 0.05 ? int rand 50 : 0;

    return {
        body => "effect $serial $takes" . (rand() < 0.01 ? ' ' . 'x' x $LARGE_BYTES : ''),
        database => $databases[rand @databases],
        delay => rand() < $self->{delayed} ? 1 + int rand $self->{longest} : 0,
    };
}

sub _request {
    my ($self, $order, $kept) = @_;
    my $path = $order->{path} // $self->{site}->url('Adictiz/User/Participate',
        -database => $order->{database}, SourceId => 1,
        $order->{delay} ? (secondsOfInvisibility => $order->{delay}) : ());
    my %headers = ('Content-Type' => 'application/json', %{ $order->{headers} || {} });

    return join "\r\n", "POST $path HTTP/1.1", "Host: 127.0.0.1:$self->{site}{port}",
        map({ "$_: $headers{$_}" } sort keys %headers), 'Content-Length: ' . length $order->{body},
        ($kept ? () : 'Connection: close'), '', $order->{body};
}

sub _connect {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{site}{port},
        Timeout => $PATIENCE);
}

# The connection of an earlier post; nothing when httpd has closed it since.
sub _kept {
    my ($self) = @_;
    my $ready = '';

    return if !$self->{link};
    vec($ready, fileno $self->{link}, 1) = 1;
    delete $self->{link} if select $ready, undef, undef, 0;
    return $self->{link};
}

# Sends all of it; whether that went well is seen by the answer.
sub _write {
    my ($socket, $bytes) = @_;

    while (length $bytes) {
        my $sent = syswrite $socket, $bytes;
        return if !$sent;
        substr $bytes, 0, $sent, '';
    }
    return;
}

# The answer on a socket: { status, body, close }, or { status => 0, note => why }.
sub _read {
    my ($socket) = @_;
    my ($text, $until) = ('', time + $PATIENCE);

    for (;;) {
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        return { status => 0, note => 'no answer in time' }
            if !select $ready, undef, undef, max(0, $until - time);
        if (!sysread $socket, $text, 65536, length $text) {
            return { status => 0, note => length $text ? 'answer cut off' : 'closed without answer' };
        }
        my $end = index $text, "\r\n\r\n";
        next if $end < 0;
        my $head = substr $text, 0, $end;
        my ($status) = $head =~ m{^HTTP/1\.\d (\d{3})} or return { status => 0, note => 'no HTTP' };
        my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
        next if length($text) < $end + 4 + ($length // 0);
        return { status => $status, body => substr($text, $end + 4, $length // 0),
            close => !defined $length || scalar($head =~ /^connection:\s*close/mi) };
    }
}

sub _enter {
    my ($self, $out, %try) = @_;

    print $out join("\t", map { my $v = $try{$_} // ''; $v =~ s/[\t\n\r]/ /g; $v } @FIELDS), "\n";
    return;
}

# One post, or several copies of it at once: 1 when all of them heard 2xx.
sub _post {
    my ($self, $out, $serial, $order) = @_;
    my $kept = !($order->{copies}) && rand() < $self->{kept};
    my $request = $self->_request($order, $kept);
    my ($word) = $order->{body} =~ /^(\w*)/;
    my ($asked, $good) = (_ms(), 1);
    my @links;

    for (1 .. $order->{copies} || 1) {
        my $reused = $kept && $self->_kept;
        my $socket = $reused || $self->_connect;
        _write($socket, $request) if $socket;
        push @links, [$socket, $reused ? 'kept' : 'fresh'];
    }
    for (@links) {
        my ($socket, $link) = @$_;
        my $answer = $socket ? _read($socket) : { status => 0, note => "cannot connect: $!" };
        my $json = $answer->{status} == 200 && eval { decode_json($answer->{body}) } || {};
        $self->_enter($out, serial => $serial, word => $word,
            database => $order->{database}, asked => $asked, answered => _ms(),
            status => $answer->{status}, id => $json->{MessageId},
            visible => _date_ms($json->{VisibleAt}), durability => $json->{Durability},
            duplicate => $json->{Duplicate} ? 1 : 0, delay => 1000 * ($order->{delay} || 0),
            link => $link, note => $answer->{note}, mark => $order->{mark});
        $good &&= $answer->{status} == 200;
        $self->{link} = $answer->{status} && !$answer->{close} ? $socket : undef if $kept;
    }
    return $good;
}

# The life of a caller, in its own process, until it is told to stop or the test has died.
sub _call {
    my ($self, $number) = @_;
    my $interval = $self->{callers} / $self->{rate};
    my $stop = 0;
    my ($next, $count) = (time + rand $interval, 0);

    local $SIG{TERM} = sub { $stop = 1 };
    srand $self->{seed} * 100 + $number;
    open my $out, '>>', "$self->{folder}/$number" or die "$self->{folder}/$number: $!\n";
    $out->autoflush(1);
    while (!$stop && getppid == $self->{parent} && (!$self->{most} || $count < $self->{most})) {
        my $rest = $next - time;
        sleep $rest if $rest > 0;
        last if $stop;
        $next += $interval * (0.5 + rand);
        my $serial = "$self->{name}-$number-" . ++$count;
        my $order = $self->{order} ? $self->{order}->($serial, $self->{site}) : $self->_effect($serial);
        for my $attempt (1 .. $self->{attempts}) {
            last if $self->_post($out, $serial, $order) || $stop;
            sleep 0.1 + rand 0.3 if $attempt < $self->{attempts};
        }
    }
    close $out;
    return;
}

# ---- all of them ----

my $loads = 0;

sub start {
    my ($class, $site, %option) = @_;
    my $self = bless { site => $site, name => 'load', rate => 100, callers => 4, seed => 1,
        kept => 0.5, delayed => 0.2, longest => 2, attempts => 4,
        databases => [sort keys %{ $site->{databases} }], %option, pids => [], parent => $$ }, $class;

    $self->{folder} = $site->dir . '/ledger' . ++$loads;
    mkdir $self->{folder} or die "$self->{folder}: $!\n";
    for my $number (1 .. $self->{callers}) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            my $good = eval { $self->_call($number); 1 };
            print STDERR "caller $number: $@" if !$good;
            POSIX::_exit($good ? 0 : 1);
        }
        push @{ $self->{pids} }, $pid;
    }
    return $self;
}

# Whether all callers have ended by themselves (option `most`).
sub ended {
    my ($self) = @_;

    local $?;
    for my $pid (splice @{ $self->{pids} }) {
        my $got = waitpid $pid, POSIX::WNOHANG();
        push @{ $self->{pids} }, $pid if $got == 0;
        $self->{failed}++ if $got == $pid && $?;
    }
    return !@{ $self->{pids} };
}

# Tells the callers to stop and waits for their last answers. All tries, by the time of asking.
sub stop {
    my ($self) = @_;

    kill 'TERM', @{ $self->{pids} } if @{ $self->{pids} };
    sleep 0.01 while !$self->ended;
    die "$self->{failed} callers failed\n" if $self->{failed};
    return $self->tries;
}

# What is in the ledger by now.
sub tries {
    my ($self) = @_;
    my @tries;

    for my $file (glob "$self->{folder}/*") {
        for my $line (split /\n/, slurp($file)) {
            my %try;
            @try{@FIELDS} = split /\t/, $line, -1;
            push @tries, \%try;
        }
    }
    return sort { $a->{asked} <=> $b->{asked} } @tries;
}

1;
