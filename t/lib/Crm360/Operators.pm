# Fills queues with what an operator looks at, inside Redis, so that a million of them take seconds:
# messages that are due, wait, were tried before, or are dead; and a day's history. For the status page,
# its benchmark and its pictures.
package Crm360::Operators;

use strict;
use warnings;

use Exporter qw(import);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(fill fill_history message_id);

my $EACH = 20_000; # in one script call: Redis does nothing else meanwhile

# The id of message number $n of a kind ('A' ... 'Z').
sub message_id {
    my ($kind, $n, $suffix) = @_;
    return sprintf '01JDCW3T2XQ5M%s%012d-%s', $kind, $n, $suffix || 'Shopify-Order-Insert';
}

my $SCRIPT = <<'END';
-- KEYS: sorted set, failures; ARGV: prefix of messages, kind, from, to, score of the first, step, lane, reasons ...
for n = tonumber(ARGV[3]), tonumber(ARGV[4]) do
    local id = string.format('01JDCW3T2XQ5M%s%012d-Shopify-Order-Insert', ARGV[2], n)
    local score = string.format('%.0f', ARGV[5] + (n - ARGV[3]) * ARGV[6])
    redis.call('ZADD', KEYS[1], score, id)
    redis.call('SET', ARGV[1] .. id, 'POST /x HTTP/1.1\r\nCrm360-Id: ' .. id .. '\r\n\r\n{"email":"ann@example.com"}')
    if #ARGV > 7 then
        local reason = string.gsub(ARGV[8 + n % (#ARGV - 7)], '%%d', tostring(n))
        redis.call('HSET', KEYS[2], id, cjson.encode({attempts = n % 7 + 1, crashes = 0, expiries = 0,
            lane = ARGV[7], errors = {{at = tonumber(ARGV[5]), reason = reason}}}))
    end
end
return 1
END

# fill($site, 'acme/prod', due => 10, waiting => 20, retried => 5, dead => 7, reasons => [...]): in lane live; a
# %d in a reason becomes a number.
sub fill {
    my ($site, $database, %count) = @_;
    my $now = int(time * 1000);
    my @reasons = @{ $count{reasons} || ['HTTP 503 from the provider, after %d ms'] };
    my $put = sub {
        my ($kind, $key, $first, $step, @why) = @_;
        my $all = $count{$kind} || 0;

        for (my $from = 1; $from <= $all; $from += $EACH) {
            my $to = $from + $EACH - 1 < $all ? $from + $EACH - 1 : $all;
            $site->redis('EVAL', $SCRIPT, 2, $site->key($database, $key), $site->key($database, 'failures'),
                $site->key($database, 'message:'), uc substr($kind, 0, 1), $from, $to,
                $first + ($from - 1) * $step, $step, 'live', @why);
        }
    };

    $put->('due', 'live', $now - 600_000, 0);
    $put->('waiting', 'live', $now + 3_600_000, 1);
    $put->('retried', 'live', $now + 600_000, 1, @reasons);
    $put->('dead', 'dead', $now - 3_600_000, 1, @reasons);
    return;
}

# A day's history, as crm360d writes it, with a gap of half an hour.
sub fill_history {
    my ($site) = @_;
    my $minute = int(time / 60);

    for my $ago (0 .. 1439) {
        next if $ago > 100 && $ago < 130;
        my $lane = sprintf '{"waiting":%d,"due":%d,"leased":4,"paused":0,"oldest":3}',
            500 + 400 * sin($ago / 40), $ago < 30 ? 10 * (30 - $ago) : $ago % 20;
        $site->redis('HSET', 'crm360:1:history', $minute - $ago,
            sprintf '{"live":%s,"batch":%s,"send":%s,"dead":%d,"counters":{"received":%d,"done":%d,"dead":%d}}',
            $lane, $lane, $lane, 500 - $ago / 3, 900_000 - $ago * 50, 890_000 - $ago * 48, 1500 - $ago);
    }
    return;
}

1;
