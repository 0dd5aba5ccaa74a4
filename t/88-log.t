# The log of crm360d: one line for each attempt that ends, with fields that grep can cut, and as JSON for programs; in
# the journal without a time, but with a priority. An outage is a line when it begins and one when it ends, however many
# messages and workers run into it. Nobody's text forges a line or a field.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP qw(decode_json);
use Test::More;

my $ROUTE = 'Adictiz/User/Participate';
my $MAILS = "Crm360EmailAllow *\@example.com\nCrm360EmailFrom crm\@example.com\n";
my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty', databases => { 'acme/prod' => $MAILS });
my $SETTINGS = "Crm360Workers live 3\nCrm360Workers send 2\nCrm360RetrySchedule 20ms\n";
$site->{settings} = $SETTINGS;
$site->write_conf;
my $log = $site->dir . '/log/crm360d.log';

# The lines that something is in.
sub lines { my ($what) = @_; return grep { /$what/ } split /\n/, $site->log_text('crm360d') }

# Those about a message: what stands behind the level, up to the words, as a hash.
sub fields {
    my ($id) = @_;
    return map {
        my ($level, $code, $fields, $words) =
            /\A[0-9T:.Z-]+ crm360d\[\d+\] (\w+): (?:(CRM\d{4}): )?((?:\w+=\S*[^\s:] ?)+)(?::? (.*))?\z/;
        +{ level => $level, code => $code, words => $words, map { split /=/, $_, 2 } split ' ', $fields // '' };
    } lines(qr/\bid=\Q$id\E /);
}

my $posts = 0; # so that none is a repetition
sub put {
    my ($body, %query) = @_;
    my $reply = $site->post($site->url($ROUTE, SourceId => 1, n => ++$posts, %query), $body);

    is $reply->{status}, 200, 'taken: ' . $body =~ s/\W.*//sr;
    return $reply->{json}{MessageId};
}

# Waits for so many lines about a message; as fields().
sub told {
    my ($id, $count) = @_;

    wait_until { fields($id) >= $count } 10, "$count lines";
    return fields($id);
}

$site->start_redis;
$site->migrate;
$site->start_httpd;
$site->start_consumer;

# ---- each attempt ----

$site->expect_log(qr/CRM0310: id=/, qr/CRM0311: id=/, qr/CRM0322: id=/);
my $id = put('done');
my ($line) = told($id, 1);
is_deeply [@$line{qw(level code words database route attempt outcome)}],
    ['info', undef, undef, 'acme/prod', $ROUTE, 1, 'done'], 'one that is done';
like $line->{ms}, qr/\A\d+\z/, 'has its time in the handler';
$id = put('sleep 120');
($line) = told($id, 1);
cmp_ok $line->{ms}, '>=', 120, 'which is how long it took';
$id = put('retry');
my @lines = told($id, 2);
is_deeply [map { join ' ', @$_{qw(level code attempt outcome)} } @lines],
    ['warning CRM0310 1 retry', 'error CRM0311 2 dead'], 'each attempt of one that fails';
like $lines[0]{words}, qr/\Afailed: told to retry; next in 0 s\z/, 'the reason stands behind it';
$id = put('crash');
wait_until { lines(qr/CRM0322: id=\Q$id\E database=acme\/prod route=$ROUTE outcome=crash: worker/) == 3 } 20,
    'each crash of one that crashes its worker';
$id = put('["done","done"]', BatchMode => 'true');
($line) = told($id, 1);
is "$line->{outcome} $line->{words}", 'split split into 2 messages', 'one that is split';
wait_until { fields("$id.1") == 1 && fields("$id.2") == 1 } 10, 'and its elements';
is_deeply [map { $_->{route} } fields("$id.1")], [$ROUTE], 'which have its route';

# ---- nobody forges one ----

my $forged = qq(x\n2026-11-30T00:00:00.000Z crm360d[1] info: id=forged outcome=done ms=1\r"},{"id":"forged"})
    . qq(\x1b[2J caf\xe9);
$id = put("quote $forged");
($line) = told($id, 1);
is_deeply [@$line{qw(level outcome)}], ['error', 'dead'], 'a reason with a line in it';
is scalar(lines(qr/^2026-11-30T00:00:00/)), 0, 'is no line';
is scalar(lines(qr/\e/)), 0, 'and moves no cursor';
my ($whole) = lines(qr/id=\Q$id\E/);
cmp_ok index($whole, 'outcome=dead'), '<', index($whole, 'outcome=done'), 'what it says of itself comes too late';

# ---- as JSON ----

spew($site->conf, slurp($site->conf) . "Crm360LogFormat json\n");
$site->{consumer}->signal('HUP');
wait_until { lines(qr/^\{.*"message":"serving 1 database/) } 10, 'HUP brings JSON';
my $others = lines(qr/^[^{]/);
my @ids = (put('done'), put("quote $forged"), put('retry'));
my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
my $reply = $site->post($site->url($ROUTE, SourceId => 1, n => 'trace'), 'done',
    { traceparent => "00-$trace-00f067aa0ba902b7-01" });
push @ids, $reply->{json}{MessageId};
wait_until { 5 == lines(qr/^\{.*"outcome":/) } 10, 'a line for each attempt';
my @objects = map { decode_json($_) } lines(qr/^\{/);
is scalar(lines(qr/^[^{]/)), $others, 'and no other lines';
my %by_id;
push @{ $by_id{ $_->{id} } }, $_ for grep { $_->{id} } @objects;
is_deeply [sort keys %by_id], [sort @ids], 'each is about one of ours';
my ($done) = @{ $by_id{ $ids[0] } };
like delete $done->{time}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/, 'a line has a time';
like delete $done->{$_}, qr/\A\d+\z/, "and $_" for qw(pid ms);
is_deeply $done, { level => 'info', id => $ids[0], database => 'acme/prod', route => $ROUTE, attempt => 1,
    outcome => 'done', message => 'done' }, 'and everything else';
my ($quoted) = @{ $by_id{ $ids[1] } };
is_deeply [@$quoted{qw(level code outcome)}], [qw(error CRM0311 dead)], 'a reason that is JSON forges no member';
(my $harmless = $forged) =~ s/[\x00-\x1f]/?/g;
$harmless =~ s/\xe9/\x{fffd}/;
is $quoted->{message}, "to the dead letters: $harmless", 'and is there as it was';
is join(' ', map { "$_->{attempt} $_->{outcome}" } @{ $by_id{ $ids[2] } }), '1 retry 2 dead', 'each attempt';
is $by_id{ $ids[3] }[0]{trace}, $trace, 'the trace is a member';
($whole) = $site->ctl('-t');
is $whole, 0, 'crm360ctl knows the directive';

# ---- outages ----

$site->{settings} = $SETTINGS;
$site->write_conf;
$site->{consumer}->signal('HUP');
wait_until { lines(qr/^[^{].*serving 1 database/) >= 2 } 10, 'text again';
my $db = $site->database('acme/prod');
$site->expect_log(qr/CRM0313/, qr/CRM0322/);
rename $_, "$_.away" for grep { -e } $db, "$db-wal", "$db-shm";
my $master = slurp($site->dir . '/crm360d.pid') + 0;
kill 'KILL', grep { $_ } split /\n/, `pgrep -P $master`; # who has it open does not notice
@ids = map { put('done') } 1 .. 30;
wait_until { lines(qr/CRM0313/) } 10, 'a database is away';
kill 'KILL', grep { $_ } split /\n/, `pgrep -P $master`; # and whoever has said it is gone
wait_until { lines(qr/CRM0322/) >= 8 } 10, 'with those who have found it';
rename "$_.away", $_ for grep { -e "$_.away" } $db, "$db-wal", "$db-shm";
wait_until { @ids == grep { fields($_) == 1 } @ids } 40, 'it is back: all are done';
is scalar(lines(qr/CRM0313/)), 1, 'that it was away is one line';
is scalar(lines(qr/works again/)), 1, 'and that it is back is one';

# The outbox takes nothing.
$site->{consumer_program} = 'crm360d';
is $site->stop_consumer, 0, 'the real one sends';
spew($site->outbox, 'no folder');
$site->start_consumer;
$site->expect_log(qr/CRM0384/);
@ids = map { put('{}', -process => 'EmailProcess', Email => 'a@example.com') } 1 .. 8;
wait_until { lines(qr/CRM0384/) } 10, 'the outbox takes nothing';
wait_until { $site->redis('ZCARD', $site->key('acme/prod', 'send')) == @ids } 5, 'mails wait';
unlink $site->outbox;
mkdir $site->outbox;
wait_until { @ids == grep { grep { $_->{outcome} eq 'done' } fields($_) } @ids } 60,
    'it takes them again: all are there';
is scalar(lines(qr/CRM0384/)), 1, 'that it took nothing was one line';
is scalar(lines(qr/not sent/)), 1, 'and one about the first of them';
is scalar(lines(qr/takes files again/)), 1, 'that it takes them again is one';
like +(map { $_->{words} // '' } grep { $_->{outcome} eq 'done' } fields($ids[0]))[0],
    qr/\Asent by outbox, reference /, 'and of each, where it is';
$site->stop_consumer;

# ---- in the journal ----

sub journal {
    my ($stream, $settings) = @_;
    my $out = $site->dir . '/log/crm360d.out';

    $site->{settings} = $SETTINGS . ($settings // '');
    $site->write_conf;
    spew($out, '');
    my ($device, $inode) = stat $out;
    local $site->{env} = { crm360d => { JOURNAL_STREAM => $stream // "$device:$inode" } };
    $site->{consumer} = $site->_spawn('crm360d', {}, $site->consumer_command('-f', '-p', $site->dir . '/crm360d.pid'));
    wait_until { slurp($out) =~ /started/ } 10, 'it has started';
    is $site->stop_consumer, 0, 'and ends';
    return split /\n/, slurp($out);
}
$site->expect_log(qr/CRM0390/);
is_deeply [grep { !/\A<[3-7]>\[\d+\] \w+: / } journal()], [], 'in the journal lines have a priority and no time';
ok +(grep { /\A<6>\[\d+\] info: crm360d \S+ started\z/ } journal()), 'that of their level';
is_deeply [grep { !/\A[0-9TZ:.-]+ crm360d\[\d+\] \w+: / } journal('1:1')], [], 'elsewhere not, whatever was inherited';
my @as_json = journal(undef, "Crm360LogFormat json\n");
is_deeply [grep { !/\A<\d>\{"time":/ || !eval { decode_json(s/\A<\d>//r) } } @as_json], [], 'JSON has a priority, too';
$site->finish;
done_testing;
