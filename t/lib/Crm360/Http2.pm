# A small client of HTTP/2 (RFC 9113) in clear text with prior knowledge, for what curl hides: many streams
# of one connection at once, and answers that come before a request is whole. Reads the status of an answer
# and its body, no other field; sends small bodies, within the first window.
#
#   my @answers = Crm360::Http2::talk($port, { method => 'POST', path => '/x', body => 'a=b' }, ...);
#
# In a request: method (GET), path, body (none), headers ({ name => value }), `length` (content-length, that
# of the body), `open` (the body does not end with what is sent). An answer is { status, body, reset }; reset
# is the code of a RST_STREAM, undef when the stream ended well.
package Crm360::Http2;

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(time);

my %TYPE = (data => 0, headers => 1, reset => 3, settings => 4, ping => 6, goaway => 7, continuation => 9);
my $END_STREAM = 1;
my $ACK = 1;
my $END_HEADERS = 4;
# What HPACK's static table has for :status (RFC 7541, appendix A).
my %STATUS = (8 => 200, 9 => 204, 10 => 206, 11 => 304, 12 => 400, 13 => 404, 14 => 500);

sub _frame {
    my ($type, $flags, $stream, $payload) = @_;
    my $length = length $payload;
    return pack('Cn', $length >> 16, $length & 0xffff) . pack('CCN', $TYPE{$type}, $flags, $stream) . $payload;
}

# A field as a literal that enters no table, without Huffman coding; shorter than 127 + 128 bytes.
sub _string {
    my ($text) = @_;
    my $length = length $text;
    return ($length < 127 ? chr $length : chr(127) . chr($length - 127)) . $text;
}
sub _field { return "\0" . _string($_[0]) . _string($_[1]) }

sub _head {
    my ($port, $request) = @_;
    my $length = $request->{length} // (defined $request->{body} ? length $request->{body} : undef);
    my %fields = %{ $request->{headers} || {} };

    $fields{'content-length'} = $length if defined $length;
    return join '', _field(':method', $request->{method} || 'GET'), _field(':scheme', 'http'),
        _field(':path', $request->{path}), _field(':authority', "127.0.0.1:$port"),
        map { _field($_, $fields{$_}) } sort keys %fields;
}

# The status in a block of fields: it is the first of them.
sub _status {
    my ($block) = @_;

    $block =~ s/^[\x20-\x3f]+//; # new sizes of the table, each below 31
    my $first = ord $block;
    return $STATUS{ $first & 0x7f } // 0 if $first & 0x80;
    return $1 if $block =~ /^[\x08\x48]\x03(\d{3})/;
    return 0;
}

sub _read {
    my ($socket, $bytes, $until) = @_;
    my $text = '';

    while (length $text < $bytes && time < $until) {
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        next unless select $ready, undef, undef, 0.2;
        last unless sysread $socket, $text, $bytes - length $text, length $text;
    }
    return length $text == $bytes ? $text : undef;
}

# Takes one frame; false when none comes any more.
sub _take {
    my ($socket, $answers, $until) = @_;
    my $head = _read($socket, 9, $until) // return 0;
    my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
    my $payload = _read($socket, ($high << 16) + $low, $until) // return 0;
    my $answer = $answers->{$stream};

    if ($type == $TYPE{settings} && !($flags & $ACK)) {
        syswrite $socket, _frame('settings', $ACK, 0, '');
    }
    elsif ($type == $TYPE{ping} && !($flags & $ACK)) {
        syswrite $socket, _frame('ping', $ACK, 0, $payload);
    }
    elsif ($type == $TYPE{headers} && $answer && !$answer->{status}) {
        $answer->{status} = _status($payload);
    }
    elsif ($type == $TYPE{data} && $answer) {
        $answer->{body} .= $payload;
    }
    elsif ($type == $TYPE{reset} && $answer) {
        $answer->{reset} = unpack 'N', $payload;
        $answer->{over} = 1;
    }
    if (($type == $TYPE{headers} || $type == $TYPE{data}) && ($flags & $END_STREAM) && $answer) {
        $answer->{over} = 1;
    }
    return 1;
}

# Sends all requests, the heads first, as streams of one connection. Returns their answers.
sub talk {
    my ($port, @requests) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "no connection: $!\n";
    my $until = time + 30;
    # No table of fields that the other side would have to be followed in.
    my $bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . _frame('settings', 0, 0, pack 'nN', 1, 0);
    my (%answers, $rest);

    for my $i (0 .. $#requests) {
        my $ends = defined $requests[$i]{body} ? 0 : $END_STREAM;
        $bytes .= _frame('headers', $END_HEADERS | $ends, 2 * $i + 1, _head($port, $requests[$i]));
        $rest .= _frame('data', $requests[$i]{open} ? 0 : $END_STREAM, 2 * $i + 1, $requests[$i]{body}) if !$ends;
        $answers{ 2 * $i + 1 } = { status => 0, body => '', reset => undef, over => 0 };
    }
    syswrite $socket, $bytes . ($rest // '');
    1 while (grep { !$_->{over} } values %answers) && _take($socket, \%answers, $until);
    close $socket;
    return map { $answers{ 2 * $_ + 1 } } 0 .. $#requests;
}

1;
