# Fills a queue with very many messages, each stored exactly as httpd stores it: one webhook goes through httpd and is
# taken for the pattern; inside Redis it is multiplied, each with its own message id, delivery and number.
#
#   my $pattern = pattern($site, 'acme/prod', 'Shopify/Customer/Insert', body => '{"id":7312' . number_mark() . '}');
#   fill($site, $pattern, from => 1, to => 10_000, visible => $ms, apart => 0);
#
# Wherever the marks stand in the query, a field or the body, a message has a number of its own: of eight digits, from
# 10,000,001 on, or as eight letters.
package Crm360::Bench::Fill;

use strict;
use warnings;

use Exporter qw(import);

use Crm360::Test;

our @EXPORT_OK = qw(number_mark name_mark pattern fill);

my ($NUMBER, $NAME) = ('97531864', 'Xqzwkvjy');
# Messages a script call: Redis does nothing else meanwhile.
my $EACH = 2_000;

sub number_mark { return $NUMBER }
sub name_mark { return $NAME }

# A pattern, with query => [NAME => VALUE, ...], headers => {...}, and body (undef: a GET). Redis is empty afterwards;
# no crm360d may run meanwhile.
sub pattern {
    my ($site, $database, $route, %o) = @_;
    my $path = $site->url($route, -database => $database, SourceId => 1, @{ $o{query} || [] });
    my $answer = defined $o{body} ? $site->post($path, $o{body}, $o{headers}) : $site->get($path, $o{headers});

    die "$route: status $answer->{status}\n$answer->{content}\n" if $answer->{status} != 200;
    # Some platforms hear no id.
    my ($id, @others) = @{ $site->redis('ZRANGE', $site->key($database, 'live'), 0, -1) };
    die "$route: one message was to be there\n" if !$id || @others;
    my $text = $site->redis('GET', $site->key($database, "message:$id"));
    my ($start, $rest) = $id =~ /^(\w{16})\w{10}(-.+)/ or die "$id: no message id\n";
    my %is = ($id => "\1id", $NUMBER => "\1number", $NAME => "\1name");
    # The name by which a delivery is remembered ends in its number, too.
    $is{ substr $1, -10 } = "\1ten" if $text =~ /^Crm360-Dedup-Key:\s*(\S+)/mi;
    my $marks = join '|', map { quotemeta } sort { length $b <=> length $a } keys %is;

    $site->redis('FLUSHALL');
    return { database => $database, start => $start, rest => $rest, bytes => length $text,
        pieces => [map { $is{$_} // $_ } split /($marks)/, $text, -1] };
}

my $SCRIPT = <<'END';
-- KEYS: lane, counters, prefix of messages; ARGV: first number, last, step, visible, apart, start and rest of ids,
-- pieces of the pattern, of which those that begin with \1 become what they name
local lane, counters, prefix = KEYS[1], KEYS[2], KEYS[3]
local from, to, step, visible, apart = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local start, rest, pieces = ARGV[6], ARGV[7], {unpack(ARGV, 8)}
local letters = {['0'] = 'a', ['1'] = 'e', ['2'] = 'i', ['3'] = 'l', ['4'] = 'm', ['5'] = 'n', ['6'] = 'o',
    ['7'] = 'r', ['8'] = 's', ['9'] = 't'}
local places, is, scores, bytes, count, named = {}, {}, {}, 0, 0, false
for at, piece in ipairs(pieces) do
    if string.sub(piece, 1, 1) == '\1' then places[at] = string.sub(piece, 2) end
    named = named or piece == '\1name'
end
for number = from, to, step do
    is.ten = string.format('%010d', number)
    is.number = string.format('%d', 10000000 + number)
    if named then is.name = 'M' .. string.gsub(string.sub(is.number, 2), '%d', letters) end
    is.id = start .. is.ten .. rest
    for at, name in pairs(places) do pieces[at] = is[name] end
    local text = table.concat(pieces)
    redis.call('SET', prefix .. is.id, text)
    bytes, count = bytes + #text, count + 1
    scores[#scores + 1] = string.format('%.0f', visible + apart * number)
    scores[#scores + 1] = is.id
    if #scores == 500 then
        redis.call('ZADD', lane, unpack(scores))
        scores = {}
    end
end
if #scores > 0 then redis.call('ZADD', lane, unpack(scores)) end
redis.call('HINCRBY', counters, 'received', count)
redis.call('HINCRBY', counters, 'waiting-bytes', bytes)
return count
END

# Messages number `from` to `to`, every `step` of them (default 1), visible at `visible` (ms since 1970) plus `apart`
# ms (default 0) times the number. Wakes the consumers. Returns how many.
sub fill {
    my ($site, $pattern, %o) = @_;
    my ($database, $step, $count) = ($pattern->{database}, $o{step} || 1, 0);

    for (my $from = $o{from}; $from <= $o{to}; $from += $EACH * $step) {
        my $to = $from + $EACH * $step - 1;
        $count += $site->redis('EVAL', $SCRIPT, 3, map({ $site->key($database, $_) } qw(live counters message:)), $from,
            $to < $o{to} ? $to : $o{to}, $step, $o{visible}, $o{apart} // 0, @$pattern{qw(start rest)},
            @{ $pattern->{pieces} });
    }
    $site->redis('PUBLISH', 'crm360:1:wake', $site->key($database, 'live') . " $o{visible}");
    return $count;
}

1;
