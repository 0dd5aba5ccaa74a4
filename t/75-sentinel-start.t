# Redis Sentinel where something is away from the start: httpd and crm360d are started while the master is dead and
# nobody has taken its place; all sentinels die while the master lives; a sentinel tells a stale address.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ctl;
use Crm360::Ledger;
use Crm360::Process;
use Crm360::Sentinel;
use Crm360::Spool;
use Crm360::Test;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

# A sentinel that has heard of no failover: it always tells the same address.
sub stale {
    my ($port) = @_;
    my $array = sub { return '*' . @_ . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @_ };
    my $place = $array->('127.0.0.1', $port);
    my $master = $array->(name => 'crm', ip => '127.0.0.1', port => $port, 'config-epoch' => 0);
    my $listen = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no port: $!";
    my ($parent, $select) = ($$, IO::Select->new($listen));
    my $pid = fork // die "cannot fork: $!";

    return { pid => $pid, address => '127.0.0.1:' . $listen->sockport } if $pid;
    $SIG{CHLD} = 'IGNORE';
    while (getppid == $parent) {
        my $client = $select->can_read(0.1) ? $listen->accept : next;
        next if fork;
        alarm 60;
        while (sysread $client, my $text, 65536) {
            syswrite $client, join '', map { /^GET-/i ? $place : $master } $text =~ /^(GET-MASTER-\S+|MASTER)\r$/mgi;
        }
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

my $serial = 0;
sub hook {
    my ($site) = @_;
    my $began = time;
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1), 'effect ' . ++$serial . ' 0');
    $answer->{seconds} = time - $began;
    return $answer->{status} == 200 ? $answer->{json}{Durability} : $answer->{status};
}

# crm360ctl check: its exit status, and the lines that concern Redis as "result check subject: text". A `url` stands
# in for that of the site.
my $ctl;
sub check {
    my ($url) = @_;
    my $conf = slurp($ctl->{site}->conf);

    spew($ctl->{site}->conf, $conf =~ s/^Crm360Redis \K.*$/$url/mr) if $url;
    my ($code, $text) = $ctl->run('check', '--json');
    spew($ctl->{site}->conf, $conf) if $url;
    return ($code, join '', map { "$_->{result} $_->{check} $_->{subject}: $_->{text}\n" }
        grep { $_->{check} =~ /redis|sentinel|cluster|rights|scripts/ } map { decode_json($_) } split /^/, $text);
}
sub lines_of { my ($pattern, $text) = @_; return scalar(() = $text =~ /$pattern/g) }
sub effects { return $_[0]->value('acme/prod', 'select count(*) from Effects') }

# ---- the master is dead, and nobody has taken its place ----

my $set = Crm360::Sentinel->new(down_after => 600_000); # no failover before it is allowed
my $site = Crm360::Ledger::site($set);
$ctl = Crm360::Ctl->new($site);
$set->start;
$site->migrate;
Crm360::Ledger::prepare($site);
my $old = $set->master;
$set->kill($old);
my $died = time;
$site->start_httpd;
$site->start_consumer;
is hook($site), 'spool', 'httpd is started without a master: webhooks go to the spool' for 1 .. 5;
my ($code, $text) = $site->ctl('status');
isnt $code, 0, "crm360ctl status says that Redis is away (exit code $code)";
($code, $text) = $site->ctl('check');
isnt $code, 0, "so does crm360ctl check (exit code $code)";
is $set->master, $old, 'all of that before the failover';
$set->down_after(1000);
$set->wait_failover($old);
$set->down_after(600_000); # and none after it: a machine that stands still for a second would be one
my $new = $set->wait_failover($old);
diag sprintf '%s has taken the place of %s %.1f s after its end', $new, $old, time - $died;
wait_until { effects($site) == 5 } 20, 'then crm360d carries them into Redis and does them';
wait_until { hook($site) eq 'memory' } 10, 'httpd has found the new master';
wait_until { effects($site) == $serial } 10, 'so has crm360d';
is scalar(Crm360::Spool::files($site)), 0, 'the spool is empty';

# ---- what crm360ctl check says of sentinels and replicas ----

{
    my $address = $set->address($new);
    $set->wait_for('a replica', sub { $set->info($new, 'replication', 'connected_slaves') == 1 });
    my ($code, $text) = check();
    is $code, 0, 'crm360ctl check: all is well' or diag $text;
    is lines_of(qr/^ok sentinel \S+: names \Q$address\E as the master$/m, $text), 3, '  a line for each sentinel' or diag $text;
    like $text, qr/^ok redis role \Q$address\E: is no replica, and has 1 replica$/m, '  and how many replicas there are';
    is +($ctl->run('list', 'acme/prod'))[2] =~ /master/, '', '  who is the master is no news on standard error';

    my ($replica) = grep { $set->lives($_) } $set->replicas;
    $set->kill($replica);
    $set->wait_for('no replica', sub { $set->info($new, 'replication', 'connected_slaves') == 0 });
    ($code, $text) = check();
    is $code, 0, 'no replica is left: exit status 0' or diag $text;
    like $text, qr/^warn redis replicas \Q$address\E: has no replica: no failover is possible/m, '  and a warning' or diag $text;
    $set->restart($replica);
    $set->wait_for('a replica', sub { $set->info($new, 'replication', 'connected_slaves') == 1 });

    my ($first, @others) = $set->sentinels;
    $set->kill($first);
    ($code, $text) = check();
    is $code, 4, 'a sentinel is away: exit status 4';
    like $text, qr/^away sentinel \Q@{[$set->address($first)]}\E: .*Connection refused/m, '  that is said' or diag $text;
    unlike $text, qr/^(?:warn|fail) sentinels/m, '  and the two others are enough';
    $set->kill($others[0]);
    ($code, $text) = check();
    like $text, qr/^warn sentinels .*: 1 of 3 name a master: no failover is possible$/m, 'two are away: a warning' or diag $text;
    $set->restart($first, $others[0]);
    wait_until { +(check())[0] == 0 } 10, 'they are back';

    my $other = $set->url =~ s{/crm$}{/other}r;
    ($code, $text) = check($other);
    is $code, 1, 'a name that no sentinel knows: exit status 1';
    is lines_of(qr/^fail sentinel \S+: knows no master that is called other$/m, $text), 3, '  each says so' or diag $text;
    like $text, qr/^fail redis \Q$other\E: nobody tells where Redis is: .*: knows no master/m, '  and that is why' or diag $text;
    ($code, $text) = check('cluster://' . $set->address($new));
    is $code, 1, 'a server that is none of a cluster: exit status 1';
    like $text, qr/^fail redis cluster\S+: nobody tells where Redis is: .*cluster support disabled/m, '  is said' or diag $text;
    ($code, $text) = check('cluster://127.0.0.1:' . free_port());
    is $code, 4, 'no server at all: exit status 4' or diag $text;
    like $text, qr/^away redis cluster\S+: nobody tells where Redis is: .*Connection refused/m, '  is said' or diag $text;
    spew($site->dir . '/sentinel.password', "wrong\n");
    chmod 0600, $site->dir . '/sentinel.password';
    ($code, $text) = check($set->url . "\nCrm360SentinelPasswordFile " . $site->dir . '/sentinel.password');
    is $code, 1, 'a password that sentinels refuse: exit status 1';
    like $text, qr/^fail redis sentinel\S+: nobody tells where Redis is: \S+ ERR AUTH/m, '  is said' or diag $text;
}

# ---- all sentinels are dead, and the master lives ----

$set->kill($set->sentinels);
is hook($site), 'memory', 'without sentinels: what knows the master goes on' for 1 .. 20;
wait_until { effects($site) == $serial } 10, 'crm360d too';
$site->redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
$site->redis('CLIENT', 'KILL', 'TYPE', 'pubsub');
wait_until { hook($site) eq 'memory' } 10, 'also when the master has closed all connections';
wait_until { effects($site) == $serial } 20, 'crm360d too';
{
    my ($code, $text) = check();
    is $code, 4, 'crm360ctl check without sentinels: exit status 4';
    like $text, qr/^away redis sentinel\S+: nobody tells where Redis is: (?:\S+ connecting: Connection refused(?:; |$)){3}/m,
        '  and why' or diag $text;
}
# Who is started now knows nobody.
$site->stop_httpd;
$site->stop_consumer;
$site->start_httpd;
$site->start_consumer;
is hook($site), 'spool', 'who is started now knows no master: the spool' for 1 .. 3;
$set->restart($set->sentinels);
wait_until { effects($site) == $serial } 30, 'a sentinel answers again: all is done';
wait_until { hook($site) eq 'memory' } 10, 'and httpd knows the master';

# ---- a sentinel that tells what was true once ----

$site->stop_httpd;
$site->stop_consumer;
$set->restart($old);
$set->wait_for("$old is a replica", sub { $set->role($old) eq 'slave' });
my $dead = stale(free_port());
my $replica = stale($set->port($old));
for my $case ([$dead, 'a dead server'], [$replica, 'a replica']) {
    my ($sentinel, $what) = @$case;

    $set->{url_first} = [$sentinel->{address}];
    $site->write_conf;
    $site->start_httpd;
    $site->start_consumer;
    wait_until { hook($site) eq 'memory' } 10, "a sentinel that names $what: the others are asked";
    is hook($site), 'memory', '  and from then on' for 1 .. 3;
    wait_until { effects($site) == $serial } 20, '  crm360d has found the master, too';
    is +($site->ctl('status'))[0], 0, '  so has crm360ctl';
    my ($code, $text) = check();
    is $code, 1, '  crm360ctl check fails';
    like $text, qr/^fail sentinels .*: they name different masters/m, '  because the sentinels disagree' or diag $text;
    $site->stop_httpd;
    $site->stop_consumer;
}
for my $sentinel ($dead, $replica) {
    kill 'KILL', $sentinel->{pid};
    waitpid $sentinel->{pid}, 0;
}
is join(' ', $set->fallen), '', 'no server of Redis has ended by itself';
$site->done;
