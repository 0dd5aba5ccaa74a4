# Messages put straight into the queues, past httpd: one by the script that httpd uses, or very many at
# once. Part of Crm360::Test, whose methods these are.
package Crm360::Orders;

use strict;
use warnings;

# A stored message: its body is an order for a handler of t/faulty, or what its route expects.
sub stored_message {
    my ($self, $database, $route, $id, $body) = @_;
    my ($customer, $alias) = split m{/}, $database;

    return join "\r\n", 'POST /x?SourceId=1 HTTP/1.1', "Crm360-Id: $id",
        'Crm360-Received: 2026-11-23T15:58:00.000000Z', "Crm360-Customer: $customer",
        "Crm360-Database: $alias", "Crm360-Route: $route", 'Crm360-Source-Id: 1',
        'Crm360-Peer: 127.0.0.1', 'Crm360-Origin: none', 'Host: x',
        'Content-Length: ' . length $body, '', $body;
}

# Pushes a message straight into Redis, past httpd, whose body is an order for a handler of t/faulty;
# returns its id. Options: database, lane, route, delay (ms), text (the whole stored message).
sub push_order {
    my ($self, $order, %o) = @_;
    my $route = $o{route} || 'Adictiz/User/Participate';
    my $database = $o{database} || 'acme/prod';
    my $id = sprintf '01JDCW3T2XQ5M7V9K0B4%06d-%s', ++$self->{orders}, $route =~ tr{/}{-}r;
    my $text = $o{text} // $self->stored_message($database, $route, $id, $order);

    return $self->push_text($database, $o{lane} || 'live', $id, $text, $o{delay} // 0);
}

# Pushes a stored message as it stands; returns its id.
sub push_text {
    my ($self, $database, $lane, $id, $text, $delay) = @_;
    my $written = $self->key($database, "message:$id:parts");

    $self->redis('SET', $written, $text, 'EX', 120);
    $self->redis('EVAL', Crm360::Test::lua('push'), 9,
        map({ $self->key($database, $_) } $lane, "message:$id", 'counters', "message:$id:parts", 'dead', 'seen:none',
            qw(live batch send)),
        $id, $delay, 'crm360:1:wake', length $text);
    return $id;
}

# Fills a queue with `count` messages, fast, and then wakes the consumers. Options: database, lane, route, body
# (each NUMBER in it becomes that of the message, from 1), visible (of the first, ms since 1970, default
# long ago), apart (ms between two, default 1).
my $filled = 0;
my $FILL = <<'LUA';
local queue, prefix, first, last = KEYS[1], KEYS[2], tonumber(ARGV[1]), tonumber(ARGV[2])
local visible, apart, start, rest = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local pieces, places, numbers, scores = {unpack(ARGV, 7)}, {}, {}, {}
for at, piece in ipairs(pieces) do
    places[#places + 1] = piece == 'ITSELF' and at or nil
    numbers[#numbers + 1] = piece == 'NUMBER' and at or nil
end
for i = first, last do
    local number = string.format('%010d', i)
    local id = start .. number .. rest
    for _, at in ipairs(places) do pieces[at] = id end
    for _, at in ipairs(numbers) do pieces[at] = number end
    redis.call('SET', prefix .. id, table.concat(pieces))
    scores[#scores + 1] = string.format('%.0f', visible + apart * (i - 1))
    scores[#scores + 1] = id
    if #scores == 500 or i == last then
        redis.call('ZADD', queue, unpack(scores))
        scores = {}
    end
end
LUA
sub fill_queue {
    my ($self, $count, %o) = @_;
    my $route = $o{route} || 'Adictiz/User/Participate';
    my $database = $o{database} || 'acme/prod';
    my $body = $o{body} // 'done';
    my $length = length($body) + 4 * (() = $body =~ /NUMBER/g);
    my $text = $self->stored_message($database, $route, 'ITSELF', $body)
        =~ s/^Content-Length: \K\d+/$length/mr;

    $filled++;
    # Some at a time: others want to speak to this Redis too.
    for (my $from = 1; $from <= $count; $from += 1000) {
        $self->redis('EVAL', $FILL, 2, $self->key($database, $o{lane} || 'live'),
            $self->key($database, 'message:'), $from,
            $from + 999 < $count ? $from + 999 : $count, $o{visible} // 1, $o{apart} // 1,
            sprintf('01JDCW3T2X%06d', $filled), '-' . $route =~ tr{/}{-}r,
            split /(ITSELF|NUMBER)/, $text, -1);
    }
    $self->redis('PUBLISH', 'crm360:1:wake',
        $self->key($database, $o{lane} || 'live') . ' ' . ($o{visible} // 1));
    return;
}

1;
