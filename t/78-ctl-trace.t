# crm360ctl trace: what it says of messages in each state, with their attempts, their mail copy and their elements,
# in the order of time; and of one that is done, when nothing of it is left in Redis. What cannot be asked is said.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360RetrySchedule 50ms 50ms\n",
    databases => { $DB => "Crm360EmailAllow *\@example.org\nCrm360EmailFrom crm\@example.org\n", 'acme/other' => '' },
);
Crm360::Spool::make($site, '64M');
$site->expect_log(qr/CRM03(?:10|11|14|22)/, qr/CRM0101|CRM0102|CRM0330/);
$site->start;

# Exit status, what --json says, standard error.
sub trace {
    my (@words) = @_;
    my $errors = $site->dir . '/errors';

    open my $out, '-|', join ' ', build() . '/crm360ctl', '-c', $site->conf, 'trace', @words, "--json 2>$errors"
        or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text ? decode_json($text) : undef, slurp($errors));
}
sub words_of { return join ' ', map { $_->{what} } @{ $_[0]{events} } }
sub event { my ($trace, $what) = @_; return (grep { $_->{what} eq $what } @{ $trace->{events} })[-1] // {} }
sub is_sorted {
    my ($trace) = @_;
    my @at = map { substr $_->{at}, 0, 19 } grep { $_->{at} } @{ $trace->{events} };
    is_deeply [sort @at], \@at, '  in the order of time';
    return;
}
sub hook {
    my ($body, %o) = @_;
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1, %o), $body);
    return $answer->{json}{MessageId} // die "$answer->{status} $answer->{content}";
}

sub in_inbox { return $site->value($DB, "select count(*) from WebhookInbox where MessageId = '$_[0]'") }

# ---- done ----

{
    my $id = hook('done');
    wait_until { in_inbox($id) } 10, 'done';
    wait_until { !$site->redis('EXISTS', $site->key($DB, "message:$id")) } 10, '  and acknowledged';
    for my $words ($id, "$DB $id", "$id.mail") {
        my ($status, $trace, $errors) = trace($words);
        is $status, 0, "trace $words" or diag $errors;
        is $trace->{id}, $id, '  the id';
        is $trace->{database}, $DB, '  where it was';
        is $trace->{state}, 'done', '  its state';
        is $trace->{mailState}, undef, '  it has no mail copy';
        like event($trace, 'done')->{text}, qr/nothing is left in Redis/, '  nothing is left';
        like words_of($trace), qr/\Areceived /, '  when it came, by its id';
        is_sorted($trace);
    }
    my ($status, $text) = $site->ctl('trace', $id);
    like $text, qr/^state\tdone\n/m, 'without --json';
    like $text, qr/^event\t\S+\tdone\tit had its effect/m, '  a line for each event';
}

# ---- failed, and dead ----

{
    my $id = hook('retry');
    wait_until { $site->redis('ZSCORE', $site->key($DB, 'dead'), $id) } 10, 'it fails until it is dead';
    my (undef, $trace) = trace($id);
    is $trace->{state}, 'dead', 'a dead letter';
    is words_of($trace), 'received failed failed failed dead', '  each attempt';
    like event($trace, 'received')->{text}, qr/\Afrom 127\.0\.0\.1, origin none/, '  from whom it came';
    is_sorted($trace);
    $site->stop_consumer;
    $site->ctl('dead', 'redrive', $DB, '--id', $id);
    (undef, $trace) = trace($id);
    is $trace->{state}, 'due', 'redriven';
    is words_of($trace), 'received failed failed failed redriven visible', '  it says so, and that it waits';
    $site->redis('ZADD', $site->key($DB, 'live'), 32503680000000, $id);
    (undef, $trace) = trace($id);
    is $trace->{state}, 'waiting', 'postponed';
    like event($trace, 'visible')->{at}, qr/\A3000-01-01/, '  until then';
    $site->redis('SADD', $site->key($DB, 'paused'), 'live');
    $site->redis('ZADD', $site->key($DB, 'live'), 1, $id);
    (undef, $trace) = trace($id);
    is $trace->{state}, 'paused', 'paused';
    $site->redis('DEL', $site->key($DB, 'paused'));
    $site->start_consumer;
}
{
    my $id = hook('crash');
    wait_until { $site->redis('ZSCORE', $site->key($DB, 'dead'), $id) } 20, 'it crashes its worker until it is dead';
    my (undef, $trace) = trace($id);
    is words_of($trace), 'received crashed crashed crashed dead', '  each crash';
}
{
    my $id = hook('sleep 100000');
    wait_until { $site->redis('HEXISTS', $site->key($DB, 'claims'), $id) } 10, 'held by a worker';
    my (undef, $trace) = trace($id);
    is $trace->{state}, 'leased', 'leased';
    like event($trace, 'claimed')->{text}, qr/\Aheld by \S+/, '  by whom';
    ok event($trace, 'lease ends')->{at}, '  and how long';
    $site->kill_consumer(group => 1);
    $site->redis('ZREM', $site->key($DB, 'live'), $id);
    $site->redis('HDEL', $site->key($DB, 'claims'), $id);
    $site->redis('DEL', $site->key($DB, "message:$id"));
    $site->start_consumer;
}

# ---- out of reach ----

{
    my $id = hook('done');
    wait_until { in_inbox($id) } 10, 'one that is done';
    my $late = hook('done', secondsOfInvisibility => 3600);
    rename $site->database($DB), $site->database($DB) . '.away' or die;
    my ($status, $trace) = trace($late);
    is $status, 0, 'without the database';
    is $trace->{state}, 'waiting', '  what Redis knows is said';
    like $trace->{databaseFault}, qr/acme\/prod/, '  and that the database was not asked';
    ($status, undef, my $errors) = trace($id);
    is $status, 4, '  of one that is done nothing can be said';
    like $errors, qr/a database could not be asked/, '  and why';
    rename $site->database($DB) . '.away', $site->database($DB) or die;
    $site->sql($DB, 'alter table WebhookInbox rename to Elsewhere');
    ($status, undef, $errors) = trace($id);
    is $status, 4, 'a question that fails: exit status 4';
    like $errors, qr/nothing is known; a database could not be asked: acme\/prod: .*WebhookInbox/, '  and why';
    $site->sql($DB, 'alter table Elsewhere rename to WebhookInbox');
    $site->stop_consumer;
    $site->stop_redis;
    ($status, $trace) = trace($id);
    is $status, 0, 'without Redis';
    is $trace->{state}, 'done', '  what the database knows is said';
    ok $trace->{redisFault}, '  and that Redis was not asked';
    my $spooled = hook('done');
    ($status, $trace) = trace($spooled);
    is $trace->{state}, 'spooled', 'one in the spool';
    is words_of($trace), 'received spooled', '  waits there';
    ($status, undef, $errors) = trace('01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert');
    is $status, 4, 'without Redis, one that is not known';
}
$site->start_redis;
{
    my ($status, undef, $errors) = trace('01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert');
    is $status, 1, 'one that nobody knows';
    like $errors, qr/of 01JDCW\S+ nothing is known$/m, '  is said';
    is +(trace($DB))[0], 2, 'no id: usage';
    is +(trace('a', 'b'))[0], 2, 'two ids: usage';
    is +(trace('nobody/prod', 'a'))[0], 2, 'a database that is not there: usage';
}
# ---- what the real crm360d does: a batch, a mail copy ----

$site->{consumer_program} = 'crm360d';
$site->start_consumer;
{
    my @people = map { { request_id => "r$_", operation_id => 'o', user_id => "u$_" } } 1, 2;
    my $id = hook(encode_json([@people, { x => 1 }]), BatchMode => 'true');
    wait_until { in_inbox("$id.2") && $site->redis('ZSCORE', $site->key($DB, 'dead'), "$id.3") } 10, 'a batch is worked on';
    my ($status, $trace) = trace($id);
    is $status, 0, 'trace of a batch';
    is $trace->{state}, 'split', '  it was split';
    is_deeply [map { $_->{state} } @{ $trace->{elements} }], [qw(done done dead)], '  its elements';
    is $trace->{elementStates}, '2 done, 1 dead', '  how many of each';
    ok $trace->{elements}[2]{reason}, '  and why one died';
    is $trace->{route}, 'Adictiz/User/Participate', '  its route, by its id';
    like event($trace, 'split')->{text}, qr/into elements: 2 done, 1 dead/, '  and that it was split';
    (undef, $trace) = trace("$id.3");
    is $trace->{state}, 'dead', 'trace of an element';
}
{
    my $id = hook(encode_json({ request_id => 'r9', operation_id => 'o', user_id => 'u9' }), Email => 'a@example.org');
    wait_until { in_inbox($id) && in_inbox("$id.mail") } 10, 'a webhook and its mail copy are done';
    my (undef, $trace) = trace($id);
    is $trace->{mailState}, 'done', 'the state of the mail copy';
    my @mail = grep { $_->{id} eq "$id.mail" } @{ $trace->{events} };
    is join(' ', map { $_->{what} } @mail), 'calling sent done', '  what was sent';
    like $mail[0]{text}, qr/\Amail by outbox, call number 1\z/, '  by whom';
    is_sorted($trace);
}
$site->done;
