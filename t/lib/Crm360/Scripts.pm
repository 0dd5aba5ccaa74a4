# The scripts of lua/, each as a Perl function with the keys and words that core/ gives it, on one database of a
# Redis that its user has connected: use_redis() first.
package Crm360::Scripts;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

use Crm360::Test qw(lua);

our @EXPORT = qw(use_redis verbs $tag @lanes $live $claims $failures $dead $splits $counters $paused @waited @bytes
    call message push_as put claim ids ack retry bury fence extend release split_off redrive drop pause
    resume visible reconcile blank heal failure dump_all keys_left redis_ms);

our ($tag, $live, $claims, $failures, $dead, $splits, $counters, $paused, @lanes, @waited, @bytes);
my $redis;

# A connection (Crm360::Redis) for all that follows.
sub use_redis { ($redis) = @_; return }

$tag = 'crm360:1:{acme/prod}:';
($live, $claims, $failures, $dead, $splits, $counters, $paused) =
    map {"$tag$_"} qw(live claims failures dead splits counters paused);
@lanes = map {"$tag$_"} qw(live batch send);
my %lua = map { $_ => lua($_) } qw(push claim fence extend ack retry bury release redrive drop reconcile heal blank split
    permit verdict pause resume visible);

sub verbs { return sort keys %lua }

sub call {
    my ($verb, $keys, @args) = @_;
    return $redis->command('EVAL', $lua{$verb}, scalar @$keys, @$keys, @args);
}
sub message { return "${tag}message:$_[0]" }
# A push as core/queue_push.c makes it: what is written whole stands there before. Options: lane (0), delay, text,
# length (it was written in parts before, if at all), seen (key), content, window, strict, most, bytes, copy (id).
sub push_as {
    my ($id, %o) = @_;
    my @ids = ($id, $o{copy} // ());
    my $text = $o{text} // "body of $id";
    my ($written, @copy) = map { (message($_) . ':parts') } @ids;
    my @args = ($id, $o{delay} // 0, 'crm360:1:wake', $o{length} // length $text, $o{content} // '', $o{window} // 0);

    if (!defined $o{length}) { $redis->command('SET', $_, $text, 'EX', 120) for $written, @copy }
    push @args, map { $o{$_} // 0 } qw(strict most bytes) if grep { $o{$_} } qw(strict most bytes copy);
    push @args, $o{copy} // ();
    return call('push', [$lanes[$o{lane} // 0], message($id), $counters, $written, $dead, $o{seen} // "${tag}seen:none",
        @lanes, @copy ? (message($o{copy}), @copy) : ()], @args);
}
sub put {
    my ($id, $delay, $text, $length) = @_;
    return push_as($id, delay => $delay, text => $text, length => $length);
}
# @waited: for how long what was claimed last had been visible, ms; @bytes: of its stored messages.
sub claim {
    my ($token, %o) = @_;
    my ($next, @taken) = @{ call('claim', [$live, $claims, $failures, $dead, $counters, message(''), $paused],
        $o{most} // 100, $o{lease} // 60000, $token, $o{worker} // 'host/7/1.1', $o{expiries} // 10) };
    my @pairs;
    @waited = @bytes = ();
    while (my ($id, $attempts, $waited, $bytes) = splice @taken, 0, 4) {
        push @pairs, $id, $attempts;
        push @waited, $waited;
        push @bytes, $bytes;
    }
    return ($next, @pairs);
}
sub ids { my ($next, @pairs) = @_; return join ' ', @pairs[grep { !($_ % 2) } 0 .. $#pairs] }
sub ack {
    my ($token, @ids) = @_;
    return call('ack', [$live, $claims, $failures, $counters, map { message($_) } @ids], $token, @ids);
}
sub retry { return call('retry', [$live, $claims, $failures, $counters], @_, 'crm360:1:wake') }
sub bury { return call('bury', [$live, $claims, $failures, $dead, $counters, message($_[1])], @_) }
# For how many ms more a lease lasts; undef when it was lost.
sub fence { return call('fence', [$live, $claims], @_) }
sub extend { return call('extend', [$live, $claims], @_) }
sub release {
    my ($field, $holder, $delay, $crashed, $what, @ids) = @_;
    return call('release', [$live, $claims, $failures, $dead, $counters, $crashed eq '' ? () : message($crashed)],
        $field, $holder, $delay, $crashed, $what, 'crashes', 3, 'crm360:1:wake', @ids);
}
sub split_off {
    my ($token, $id, $first, $last, @texts) = @_; # [parts, length] in the place of texts
    my $parts = @texts && ref $texts[0] ? shift @texts : undef;
    my @keys = $parts ? (message("$id.$first"), $parts->[0]) : map { message("$id." . ($first + $_)) } 0 .. $#texts;
    return call('split', [$live, $claims, $failures, $counters, $splits, message($id), @keys],
        $token, $id, $first, $last, 'crm360:1:wake', $parts ? $parts->[1] : 0, @texts);
}
sub redrive {
    my ($first, $spacing, @ids) = @_; # ms from now; id, or [id, lane]
    my @pairs = map { ref $_ ? $_ : [$_, 'live'] } @ids;
    my $said = call('redrive', [$dead, $failures, $claims, $counters, @lanes, map { message($_->[0]) } @pairs],
        $first ? redis_ms() + $first : 0, $spacing, 'crm360:1:wake', map { @$_ } @pairs);
    my $next = pop @$said;
    return wantarray ? ($said, $next) : $said;
}
sub drop {
    my ($which, @ids) = @_; # id, or [id, score]
    my @pairs = map { ref $_ ? $_ : [$_, ''] } @ids;
    return call('drop', [$dead, $failures, $claims, $splits, $counters, @lanes, map { message($_->[0]) } @pairs],
        $which, map { @$_ } @pairs);
}
sub pause { return call('pause', [$paused, $claims], @_) }
sub resume {
    my ($what, $lane, $over) = @_;
    return call('resume', [$paused, $claims, @lanes], $what, $lane // 1, $over // 0, 'crm360:1:wake');
}
sub visible {
    my ($delay, @ids) = @_;
    return call('visible', [@lanes, $claims, $paused, $failures], $delay, 'crm360:1:wake', @ids);
}
sub reconcile {
    my @pairs = map { ref $_ ? $_ : [$_, 'live'] } @_; # id, or [id, lane of its route]
    return call('reconcile', [@lanes, $claims, $failures, $dead, $splits, $counters, $paused, map { message($_->[0]) } @pairs],
        'crm360:1:wake', map { @$_ } @pairs);
}
sub blank { my $id = shift; return call('blank', [$claims, message($id)], $id, @_) }
# Names for what is set aside are keys, too.
sub heal {
    my ($keys, @types) = @_;
    my $ms = redis_ms();
    return call('heal', [@$keys, map { my $key = $_; map { "$key:aside:" . ($ms + $_) } 0 .. 2 } @$keys], @types);
}
sub failure { return decode_json($redis->command('HGET', $failures, $_[0]) // '{}') }
sub dump_all { return join "\n", map { ($_, $redis->command('DUMP', $_)) } sort @{ $redis->command('KEYS', '*') } }
sub keys_left { return join ' ', sort @{ $redis->command('KEYS', '*') } }
sub redis_ms { my $t = $redis->command('TIME'); return $t->[0] * 1000 + int($t->[1] / 1000) }

1;
