# What crm360d leaves in Redis for those who look on: a line a minute of what all databases held (crm360:1:history), and
# heartbeats with how long messages took (crm360:1:consumers). Written as doc/queue.txt says, and read back by the
# functions that the status page uses (t/looking/look_on.c).
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(sleep);

my $HISTORY = 'crm360:1:history';
my $CONSUMERS = 'crm360:1:consumers';
my $ROUTE = 'Adictiz/User/Participate';
# More than are looked at in one go.
my @others = map { "many/d$_" } 1 .. 130;
my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => '', 'acme/test' => '', map { $_ => '' } @others },
    settings => join "\n", map { "Crm360Workers $_ 0" } qw(live batch send));
$site->start_redis;

sub minute { return int($site->redis('TIME')->[0] / 60) }
sub look_on {
    my ($code, $text) = $site->run(build() . '/t/look_on', $site->conf, @_);
    return ($code, split /\n/, $text);
}

# One line of the reader, by its minute.
sub read_minutes {
    my ($count) = @_;
    my ($code, $now, @lines) = look_on('history', $count);
    my %of = map { /^(\d+) (.*)/ ? ($1 => $2) : () } @lines;

    is $code, 0, "the last $count are read";
    is join(' ', map { /^(\d+)/ } @lines), join(' ', ($now =~ /(\d+)/)[0] - $count + 1 .. ($now =~ /(\d+)/)[0]),
        'one after the other, up to the one that runs';
    return \%of;
}

# ---- a line ----

sub put_in {
    my ($database, $lane, $id, $score) = @_;
    $site->redis('ZADD', $site->key($database, $lane), $score, "01JDCW3T2XQ5M7V9K0B4Z8R$id-Adictiz-User-Participate");
    return;
}
my $now = $site->redis('TIME')->[0];
put_in('acme/prod', 'live', "A0$_", ($now - 100) * 1000) for 1 .. 3;
put_in('acme/test', 'live', "B0$_", ($now - 10 * $_) * 1000) for 1 .. 2;
put_in('acme/test', 'batch', 'B11', ($now + 1000) * 1000);
put_in($_, 'send', 'C11', ($now + 1000) * 1000) for @others;
put_in('acme/prod', 'dead', 'D11', $now * 1000);
put_in($others[129], 'dead', 'D12', $now * 1000);
$site->redis('SADD', $site->key('acme/test', 'paused'), 'send');
put_in('acme/test', 'send', 'E11', ($now - 5) * 1000);
put_in('acme/prod', 'batch', 'F11', ($now + 500) * 1000);
$site->redis('HSET', $site->key('acme/prod', 'claims'), '01JDCW3T2XQ5M7V9K0B4Z8RF11-Adictiz-User-Participate',
    encode_json({ token => 't', worker => 'elsewhere/1/1.1', since => $now * 1000, due => $now * 1000 }));
$site->redis('HSET', $site->key($_->[0], 'counters'), received => $_->[1], done => $_->[2], dead => $_->[3])
    for ['acme/prod', 10, 5, 2], ['acme/test', 3, 1, 0], [$others[120], 100, 99, 1];

# What stands there already: minutes of yesterday and before, of a clock that was ahead, and something else.
my $began = minute();
my %old = (map({ $began - $_ => '{"dead":1}' } 2, 3, 5, 1439), map({ $began - $_ => '{"dead":2}' } 1440, 1441, 5000),
    $began + 2000 => '{"dead":3}', note => 'mine', $began - 7 => 'no JSON', $began - 8 => '[1,2]',
    $began - 9 => '{"live":7,"batch":{"due":-5,"waiting":"x"},"dead":99999999999999999999,"counters":[]}');
$site->redis('HSET', $HISTORY, %old);
my %wrong = (text => 'no JSON', list => '[]',
    odd => '{"pid":"x","workers":7,"handler":{"live":{"us":-1,"upto":[1,2]}}}');
$site->redis('HSET', $CONSUMERS, %wrong);
$site->expect_log(qr/CRM012[0-5]/);
$site->start_consumer;
my $written;
wait_until {
    ($written) = grep { /^\d+$/ && $_ >= $began && $_ <= $began + 1 } @{ $site->redis('HKEYS', $HISTORY) };
} 20, 'a minute is written';
my $line = decode_json($site->redis('HGET', $HISTORY, $written));
my $oldest = delete $line->{live}{oldest};
ok $oldest >= 100 && $oldest < 200, "the oldest was due $oldest s ago";
is_deeply $line, {
    live => { waiting => 0, due => 5, leased => 0, paused => 0 },
    batch => { waiting => 1, due => 0, leased => 1, paused => 0, oldest => 0 },
    send => { waiting => 130, due => 0, leased => 0, paused => 1, oldest => 0 },
    dead => 2, counters => { received => 113, done => 105, dead => 3 },
}, 'the line has what all of them hold';
wait_until { !$site->redis('HEXISTS', $HISTORY, $began - 5000) } 5, 'what is old is removed';
is_deeply [sort @{ $site->redis('HKEYS', $HISTORY) }],
    [sort $written, 'note', map { $began - $_ } 2, 3, 5, 7, 8, 9, $written == $began ? 1439 : ()],
    'a day stays, and what is no minute';

# ---- how it is read ----

my $of = read_minutes(10);
is $of->{$written}, "known 0/5/0/0/$oldest 1/0/1/0/0 130/0/0/1/0 dead 2 received 113 done 105 died 3", 'the line';
my $nothing = '0/0/0/0/0 ' x 3;
is $of->{ $began - 2 }, "known ${nothing}dead 1 received 0 done 0 died 0", 'one of another release';
is $of->{ $began - 4 }, "gap ${nothing}dead 0 received 0 done 0 died 0", 'one that nobody wrote';
like $of->{ $began - $_ }, qr/^gap/, 'what is no line is a gap' for 7, 8;
like $of->{ $began - 9 }, qr/^known $nothing/, 'what is no count is 0' if $of->{ $began - 9 };
my ($code, @all) = look_on('history', 1440);
is scalar(@all), 1441, 'a whole day';

# ---- several hosts, and keys of another type ----

is $site->stop_consumer, 0, 'crm360d ends';
my $mine = '{"dead":77}';
$site->redis('HSET', $HISTORY, $_, $mine) for $written, $written + 1, $written + 2;
$site->start_consumer;
$site->keep_house;
is $site->redis('HGET', $HISTORY, $_), $mine, 'a minute that somebody else wrote stays' for $written, $written + 1;
$site->stop_consumer;
my $next = minute() + 3;
is +(look_on('write', $next))[1], 'written', 'one that comes later';
is +(look_on('write', $next))[1], 'there already', 'and one that comes at the same time';
is +(look_on('write', $written))[1], 'there already', 'to a minute of somebody else';
is $site->redis('HGET', $HISTORY, $written), $mine, 'which stays as it is';
$site->redis('DEL', $HISTORY);
$site->redis('SET', $HISTORY, 'a text');
like +(look_on('history', 5))[1], qr/^failed: .*WRONGTYPE/, 'who looks on says that the key has another type';
$site->start_consumer;
wait_until { $site->redis('TYPE', $HISTORY) eq 'hash' } 20, 'crm360d sets it aside';

# ---- heartbeats ----

$site->stop_consumer;
$site->redis('FLUSHALL');
$site->redis('HSET', $CONSUMERS, %wrong);
$site->{settings} = "Crm360Workers live 2\nCrm360RetrySchedule 20ms\n";
$site->{databases} = { 'acme/prod' => '' };
$site->write_conf;
$site->migrate;
$site->expect_log(qr/CRM0310/, qr/CRM0311/);
$site->start_httpd;
is $site->post($site->url($ROUTE, SourceId => 1, n => $_->[0]), $_->[1])->{status}, 200, "taken: $_->[1]"
    for [1, 'done'], [2, 'sleep 120'], [3, 'retry'], [4, 'reject'];
sleep 0.3; # which is how long they have been due
my %beat;
my $read = sub {
    my (undef, @beats) = look_on('consumers');
    %beat = map {
        /^(\S+) host (.*?) pid (\d+) (.*?);(.*)/ ? ($1 => { pid => $3, rest => $4, all => $5 }) : ()
    } @beats;
    return (grep { $_->{pid} } values %beat)[0];
};
$read->();
is_deeply [map { "$_ $beat{$_}{pid}" } keys %beat], ['odd 0'], 'what is no heartbeat is left out';
like $beat{odd}{all}, qr/handler live 0 us( 0){18};/, 'and what is no histogram';
$site->start_consumer;
my $beat;
wait_until { $beat = $read->(); $beat && $beat->{rest} =~ /messages 5\b/ } 20, 'a heartbeat tells of 5 attempts';
is $beat->{pid}, slurp($site->dir . '/crm360d.pid') + 0, 'it has the process id';
like $beat->{rest}, qr{^version \S+ age \d+ up \d+ databases 1 workers 2/1/1 busy 0 messages 5$}, 'and what is running';
my ($us, @handler) = $beat->{all} =~ /handler live (\d+) us ([\d ]+);/ ? ($1, split ' ', $2) : ();
my ($delay_us, @delay) = $beat->{all} =~ /delay live (\d+) us ([\d ]+);/ ? ($1, split ' ', $2) : ();
is scalar(@handler), 18, 'buckets';
is $handler[17], 5, 'each attempt is in the histogram of handlers';
ok $us >= 120_000 && $handler[6] == 4 || !timing(), "of which one took its time: $us us, @handler";
is $delay[17], 2, 'what is done is in that of delays';
is $delay[6], 0, 'which count from when they were due';
cmp_ok $delay_us, '>=', 600_000, 'each of them';
like $beat->{all}, qr/handler batch 0 us( 0){18};/, 'nothing was in the others';
my ($json) = grep { /"host"/ } map { $site->redis('HGET', $CONSUMERS, $_) } @{ $site->redis('HKEYS', $CONSUMERS) };
my $told = decode_json($json);
is_deeply [sort keys %$told], [sort qw(host pid version at started databases workers busy messages handler delay)],
    'a heartbeat has what doc/queue.txt says';
is scalar @{ $told->{handler}{send}{upto} }, 18, 'and histograms of each lane';
$site->finish;
done_testing;
