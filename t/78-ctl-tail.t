# crm360ctl tail: it sees messages come, being claimed, done, retried and dying; what it misses is in the counters.
# It lives through a restart of Redis, and ends when it is interrupted or nobody reads any more.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ctl;
use Crm360::Test;
use JSON::PP;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    appendonly => 1,
    settings => "Crm360RetrySchedule 300ms 300ms\n",
    databases => { $DB => '', 'acme/other' => '' },
);
$site->expect_log(qr/CRM03(?:10|11|14|22|30)/, qr/CRM0101|CRM0102/);
$site->start;
my $ctl = Crm360::Ctl->new($site);
my @tails;

# Starts one that writes to a file; its process id and the file.
sub tail {
    my (@words) = @_;
    my $file = $site->dir . '/tail.' . @tails;
    my $start = sub {
        my $pid = fork // die $!;
        return $pid if $pid;
        open STDOUT, '>', $file or die $!;
        open STDERR, '>', "$file.errors" or die $!;
        exec build() . '/crm360ctl', '-c', $site->conf, 'tail', '--every', '100ms', @words or die $!;
    };
    push @tails, $ctl->when_it_looks($start);
    return ($tails[-1], $file);
}
sub ends {
    my ($pid, $name) = @_;
    my $status;

    wait_until { waitpid($pid, 1) == $pid and $status = $?, 1 } 10, $name;
    is $status, 0, '  with exit status 0';
    return;
}
sub events {
    my ($file, $id) = @_;
    my @all = grep { $_ } map { eval { decode_json($_) } } split /\n/, slurp($file);
    return join ' ', map { $_->{event} } grep { !defined $id || ($_->{id} // '') eq $id } @all;
}
sub hook {
    my ($body, %o) = @_;
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1, %o), $body);
    return $answer->{json}{MessageId} // die "$answer->{status} $answer->{content}";
}

my ($pid, $file) = tail('--json');
{
    my $id = hook('sleep 2500');
    wait_until { events($file, $id) eq 'received claimed done' } 10, 'received, claimed, done' or diag slurp($file);
    my ($line) = grep { $_->{id} && $_->{id} eq $id && $_->{event} eq 'claimed' }
        map { decode_json($_) } split /\n/, slurp($file);
    is $line->{database}, $DB, '  in which database';
    ok $line->{text}, '  by whom';
}
{
    my $id = hook('retry', -database => 'acme/other');
    wait_until { events($file, $id) =~ /\bdead\b/ } 10, 'one that fails and dies' or diag slurp($file);
    is scalar(() = events($file, $id) =~ /dead/g), 1, '  which is told once';
    like slurp($file), qr/"event":"retried"|\d retried/, '  and that it was tried again';
}
{
    my $before = slurp($file) =~ tr/\n//;
    hook('done', n => $_) for 1 .. 30;
    my $received = 0;
    wait_until {
        my @all = map { decode_json($_) } split /\n/, slurp($file);
        splice @all, 0, $before;
        $received = grep { $_->{event} eq 'received' } @all;
        $received += $_ for map { $_->{text} =~ /(\d+) received/ ? $1 : 0 } grep { $_->{event} eq 'more' } @all;
        $received == 30;
    } 10, 'of those that came and went the number is told' or diag $received;
}

# ---- chosen ----

{
    my ($chosen, $of_lane) = tail('--json', '--lane', 'batch', 'acme/prod');
    my ($batch, $live) = (hook('sleep 2500', BatchMode => 'true'), hook('sleep 2500', n => 2));
    wait_until { events($of_lane, $batch) =~ /received|claimed/ } 10, 'one of lane batch';
    wait_until { events($file, $live) =~ /done/ } 10, 'one of lane live is done';
    is events($of_lane, $live), '', '  and not told where only batch is asked for';
    kill INT => $chosen;
    ends($chosen, 'SIGINT ends it');
}

# ---- Redis restarts ----

$site->stop_redis;
wait_until { slurp("$file.errors") =~ /^crm360ctl: Redis does not answer: .+; looking again until it does$/m } 10, 'Redis is away';
$site->start_redis;
wait_until { slurp("$file.errors") =~ /Redis answers again/ } 10, 'and back';
{
    my $id;
    wait_until { $id = eval { hook('sleep 2500') } } 10, 'webhooks are taken again';
    wait_until { events($file, $id) =~ /received.*done/ } 20, '  and seen' or diag slurp($file);
}

# ---- a right is taken away ----

$site->redis('ACL', 'SETUSER', 'default', '-hgetall');
wait_until { slurp("$file.errors") =~ /^crm360ctl: Redis does not let it look: NOPERM .*hgetall/m } 10,
    'a right that is missing is named, not an outage';
$site->redis('ACL', 'SETUSER', 'default', '+hgetall');
wait_until { 2 == (() = slurp("$file.errors") =~ /Redis answers again/g) } 10, '  and that it is there again';
is slurp("$file.errors") =~ tr/\n//, 4, '  each is said once';
$site->redis('ACL', 'SETUSER', 'default', 'resetkeys', '~crm360:1:{acme/prod}:*', '~crm360:1:[a-z]*');
wait_until { slurp("$file.errors") =~ m{^crm360ctl: 1 of 2 databases cannot be followed \(acme/other\.\.\.\): NOPERM}m } 10,
    'one database that may not be looked at does not hide the other';
$site->redis('ACL', 'SETUSER', 'default', 'resetkeys', '~*');
wait_until { 3 == (() = slurp("$file.errors") =~ /Redis answers again/g) } 10, '  which is told, too, when it is over';
kill TERM => $pid;
ends($pid, 'SIGTERM ends it');

# ---- nobody reads ----

{
    my $out;
    my ($quiet) = $ctl->when_it_looks(sub {
        return open($out, '-|', build() . '/crm360ctl', '-c', $site->conf, 'tail', 'acme/other') || die $!;
    });
    kill 0 => $quiet or die 'it has ended already';
    # close() would wait for its end: that is what is tried.
    my $ended = eval { local $SIG{ALRM} = sub { die }; alarm 20; close $out; alarm 0; 1 };
    ok $ended, 'it ends when nobody reads any more, also when there is nothing to say';
    is $?, 0, '  with exit status 0';
}
is +($site->ctl('tail', 'nobody/prod'))[0], 2, 'a database that is not there: usage';
is +($site->ctl('tail', '--every', '10ms'))[0], 2, 'too often: usage';
$site->done;
