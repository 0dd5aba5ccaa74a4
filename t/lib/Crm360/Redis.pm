# A small Redis client (RESP2) for tests: one connection over a Unix socket (/path) or TCP (host:port),
# replies as plain Perl values (nil = undef, arrays = references). An error reply dies with its text.
package Crm360::Redis;

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;

sub connect {
    my ($class, $path, $timeout) = @_;
    my $socket = ($path =~ m{^/} ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path)
        : IO::Socket::INET->new(PeerAddr => $path, Timeout => $timeout || 60))
        or die "cannot connect to $path: $!\n";

    return bless { socket => $socket, buffer => '', timeout => $timeout || 60 }, $class;
}

# Whether the server has closed the connection: nothing else makes it readable while nothing was asked.
sub was_closed { return !length $_[0]{buffer} && scalar IO::Select->new($_[0]{socket})->can_read(0) }

# Sends one command and returns its reply.
sub command {
    my ($self, @words) = @_;

    $self->send(@words);
    return $self->reply;
}

sub send {
    my ($self, @words) = @_;
    my $out = '*' . @words . "\r\n";

    for my $word (@words) {
        utf8::encode($word) if utf8::is_utf8($word);
        $out .= '$' . length($word) . "\r\n$word\r\n";
    }
    local $SIG{PIPE} = 'IGNORE';
    while (length $out) {
        my $sent = syswrite $self->{socket}, $out;
        die "redis: $!\n" unless defined $sent;
        substr $out, 0, $sent, '';
    }
    return;
}

# The next reply, also of a subscription.
sub reply {
    my ($self) = @_;
    my $line = $self->_line;
    my $kind = substr $line, 0, 1, '';

    return $line if $kind eq '+' || $kind eq ':';
    die "redis: $line\n" if $kind eq '-';
    return undef if $line == -1;
    return $self->_bytes($line) if $kind eq '$';
    return [map { $self->reply } 1 .. $line] if $kind eq '*';
    die "redis: reply of unknown kind '$kind'\n";
}

sub _fill {
    my ($self) = @_;
    my $got;

    IO::Select->new($self->{socket})->can_read($self->{timeout}) or die "redis: no reply in time\n";
    $got = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    die "redis: connection lost\n" unless $got;
    return;
}

sub _line {
    my ($self) = @_;

    $self->_fill while index($self->{buffer}, "\r\n") < 0;
    my $line = substr $self->{buffer}, 0, index($self->{buffer}, "\r\n") + 2, '';
    return substr $line, 0, -2;
}

sub _bytes {
    my ($self, $length) = @_;

    $self->_fill while length $self->{buffer} < $length + 2;
    my $bytes = substr $self->{buffer}, 0, $length + 2, '';
    return substr $bytes, 0, -2;
}

1;
