# What a receipt says of durability is true: asked of Redis, noticed when it changes, proved by kill -9; a
# location can demand it. And what crm360d says about a Redis that is set up badly.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Select;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(sleep time);

my $SAFE = <<'END';
<Location "/safe">
    Crm360Webhook On
    Crm360Durability fsync
</Location>
END

my $serial = 0;

# A webhook to a location that demands nothing, or to /safe.
sub plain { my ($site, $route) = @_; return $site->post(path($site, $route), 'body ' . ++$serial) }
sub safe {
    my ($site, $route) = @_;
    my $path = path($site, $route);
    $path =~ s{^\Q$Crm360::Test::MOUNT\E}{/safe} or die 'no mount';
    return $site->post($path, 'body ' . ++$serial);
}
sub path { my ($site, $route) = @_; return $site->url($route || 'Adictiz/User/Participate', SourceId => 1) }
sub level { return plain($_[0])->{json}{Durability} // 'none' }
sub stored { return scalar @{ $_[0]->redis('KEYS', '*:message:*') } }
sub info { my ($site, $name) = @_; return $site->redis('INFO', 'persistence') =~ /^$name:(\S*)/m ? $1 : '' }
sub set { my ($site, @pairs) = @_; return $site->redis('CONFIG', 'SET', @pairs) }

sub is_unsafe {
    my ($site, $name) = @_;
    my $before = stored($site);
    my $answer = safe($site);

    is $answer->{status}, 503, "$name: 503 where fsync is demanded";
    is $answer->{json}{type}, 'urn:crm360:problem:durability-not-reached', '  which says why';
    is $answer->{headers}{'retry-after'}, 30, '  and when to come again';
    like $answer->{json}{detail}, qr/fsync.*memory/, '  naming both levels';
    return is stored($site), $before, '  and nothing is stored';
}

# ---- told ----

my $site = Crm360::Test->new(server => $SAFE);
$site->expect_log(qr/CRM0103/);
$site->start_redis;
$site->start_httpd;

is level($site), 'memory', 'a Redis without a file: memory';
is_unsafe($site, 'without a file') for 1 .. 2;
is safe($site, 'Smsbox/Sms/Callback')->{content}, 'ERROR', 'Smsbox hears ERROR then';
is plain($site)->{status}, 200, 'a location that demands nothing is not concerned';
is scalar(() = $site->log_text('httpd-error') =~ /CRM0103/g), 1, 'the log says it once';

# ---- set at run time ----

set($site, qw(appendfsync everysec appendonly yes));
wait_until { info($site, 'aof_rewrite_in_progress') eq '0' } 10, 'Redis writes a file';
sleep 1.2;
is level($site), 'memory', 'a file that is flushed each second: memory';
is_unsafe($site, 'each second');
set($site, qw(appendfsync always));
wait_until { level($site) eq 'fsync' } 5, 'flushed each time: fsync, without a restart of ours';
is safe($site)->{json}{Durability}, 'fsync', '  and the demand is met';
like $site->log_text('httpd-error'), qr/keeps messages on its disk, as is demanded/, '  the log says so';

set($site, qw(appendfsync everysec));
is level($site), 'memory', 'no longer: the very next receipt says memory';
is_unsafe($site, 'no longer');
set($site, qw(appendfsync always));
wait_until { level($site) eq 'fsync' } 5, 'fsync again';
set($site, qw(no-appendfsync-on-rewrite yes));
is level($site), 'memory', 'not flushed while the file is rewritten: memory';
set($site, qw(no-appendfsync-on-rewrite no));
wait_until { level($site) eq 'fsync' } 5, 'fsync again';

# The demand is not met any more between the look and the push: 503, whatever was stored.
set($site, qw(appendfsync everysec));
is safe($site)->{status}, 503, 'the demand is checked after the push as well';
set($site, qw(appendfsync always));
wait_until { level($site) eq 'fsync' } 5, 'fsync again';

# ---- while the file is rewritten ----

# Saving takes at least this long then.
plain($site) for 1 .. 10;
set($site, 'rdb-key-save-delay', 30_000);
$site->redis('BGREWRITEAOF');
is info($site, 'aof_rewrite_in_progress'), 1, 'the file is being rewritten';
is level($site), 'fsync', '  a message is in the old one: fsync';
is info($site, 'aof_rewrite_in_progress'), 1, '  still';
set($site, qw(appendonly no));
wait_until { level($site) eq 'memory' } 5, 'no file: memory';
set($site, qw(appendonly yes));
{
    my %during;
    my $until = time + 60;
    while (time < $until && info($site, 'aof_rewrite_in_progress') eq '1') {
        my $level = level($site);
        $during{$level}++ if info($site, 'aof_rewrite_in_progress') eq '1';
        sleep 0.02;
    }
    is join(' ', keys %during), 'memory', 'a new file counts when it is whole, not before';
    cmp_ok $during{memory} || 0, '>', 5, '  which was looked at';
}
set($site, 'rdb-key-save-delay', 0);
wait_until { level($site) eq 'fsync' } 10, 'it is whole: fsync';

# ---- not told ----

$site->redis('ACL', 'SETUSER', 'default', '-config');
is level($site), 'memory', 'CONFIG is forbidden: memory, and the webhook is taken';
is_unsafe($site, 'CONFIG is forbidden');
$site->redis('ACL', 'SETUSER', 'default', '+config', '-info');
sleep 1.2;
is level($site), 'memory', 'INFO is forbidden: memory';
$site->redis('ACL', 'SETUSER', 'default', '+info');
wait_until { level($site) eq 'fsync' } 5, 'both allowed: fsync';
unlike $site->log_text('httpd-error'), qr/CRM0102/, 'that is no refusal of Redis';
is scalar(() = $site->log_text('httpd-error') =~ /as is demanded/g),
    scalar(() = $site->log_text('httpd-error') =~ /CRM0103/g) - 1, 'each change was logged once';
$site->stop_httpd;
$site->finish;

# ---- proved ----

my $sure = Crm360::Test->new(server => $SAFE, appendonly => 1, redis_settings => 'appendfsync always');
$sure->start_redis;
$sure->start_httpd;
is safe($sure)->{json}{Durability}, 'fsync', 'set from the start: the first message is safe';
for my $round (1 .. 3) {
    my @ids = map { my $r = plain($sure); $r->{json}{Durability} eq 'fsync' ? $r->{json}{MessageId} : () } 1 .. 20;
    $sure->kill_redis;
    $sure->start_redis;
    is scalar(@ids), 20, "round $round: all were called safe";
    is scalar(grep { defined $sure->redis('ZSCORE', $sure->key('acme/prod', 'live'), $_)
        && defined $sure->redis('GET', $sure->key('acme/prod', "message:$_")) } @ids), 20,
        '  and outlive a kill -9 of Redis';
}
$sure->stop_httpd;
$sure->finish;

# ---- what it costs ----

my $quick = Crm360::Test->new(redis_goes => 1);
$quick->start_redis;
$quick->start_httpd;
plain($quick);
my ($asked) = $quick->redis('INFO', 'commandstats') =~ /^cmdstat_config\|get:calls=(\d+)/m;
my $began = time;
plain($quick) for 1 .. 40;
my ($later) = $quick->redis('INFO', 'commandstats') =~ /^cmdstat_config\|get:calls=(\d+)/m;
cmp_ok $later - $asked, '<=', time - $began + 1, 'Redis is asked once a second, not for each message';
$quick->stop_httpd;
$quick->finish;

# ---- the audit ----

# Starts Redis with these settings and crm360d; the codes of the audit that it logs, in their order.
sub audit {
    my ($settings, %o) = @_;
    my $site = Crm360::Test->new(redis_settings => $settings, %o);

    # The last two are about a replica that finds no primary.
    $site->expect_log(qr/CRM036\d/, qr/CRM0102/, qr/Error condition on socket for SYNC/);
    $site->start_redis;
    $o{before}->($site) if $o{before};
    $site->migrate;
    $site->start_consumer;
    return $site;
}
sub codes { return join ' ', $_[0]->log_text('crm360d') =~ /(CRM036\d)/g }
sub warns {
    my ($name, $codes, $text, $settings, %o) = @_;
    my $site = audit($settings, %o);

    wait_until { $site->log_text('crm360d') =~ $text } 10, "$name: said";
    # Whatever else there is to say is said in the same moment.
    sleep 0.1;
    is codes($site), $codes, "$name: $codes, once, and nothing else";
    $site->finish;
    return;
}

my $good = "appendonly yes\nappendfsync everysec\n";
warns('dropping', 'CRM0361', qr/maxmemory-policy allkeys-lru.*set maxmemory-policy noeviction/,
    "$good\nmaxmemory-policy allkeys-lru");
warns('no file', 'CRM0362', qr/nothing to a disk.*set appendonly yes/, '');
warns('snapshots', 'CRM0362', qr/snapshots at most \(save 3600 1\).*set appendonly yes/, 'save 3600 1');
warns('not flushed', 'CRM0363', qr/set appendfsync everysec/, "appendonly yes\nappendfsync no");
warns('no limit', 'CRM0364', qr/no memory limit.*set maxmemory/, "$good\nmaxmemory 0");
warns('nearly full', 'CRM0365', qr/uses \d+ of \d+ MB.*larger maxmemory/, $good, before => sub {
    my ($site) = @_;
    $site->redis('SETRANGE', 'large', 30_000_000, 'x');
    my ($used) = $site->redis('INFO', 'memory') =~ /^used_memory:(\d+)/m;
    $site->redis('CONFIG', 'SET', 'maxmemory', int $used * 1.06);
});
warns('a replica', 'CRM0366', qr/a replica of 127\.0\.0\.1:1 .*name the primary/,
    "$good\nreplicaof 127.0.0.1 1");
warns('three at once', 'CRM0362 CRM0361 CRM0364', qr/CRM0364/,
    "maxmemory 0\nmaxmemory-policy volatile-ttl");

{
    my $hidden = audit('', before => sub { $_[0]->redis('ACL', 'SETUSER', 'default', '-config', '-info') });
    wait_until { $hidden->log_text('crm360d') =~ /does not let us read INFO/ } 10,
        'settings that cannot be read: said at info';
    is codes($hidden), '', '  and nothing is guessed';
    $hidden->finish;
}

{
    my $renamed = audit("appendonly yes\nappendfsync always\nrename-command CONFIG \"\"");
    wait_until { $renamed->log_text('crm360d') =~ /does not let us read CONFIG GET/ } 10,
        'a CONFIG that has another name: said at info';
    is codes($renamed), '', '  and what INFO tells is fine';
    $renamed->stop_consumer;
    $renamed->start_httpd;
    is level($renamed), 'memory', '  no receipt says fsync then';
    $renamed->stop_httpd;
    $renamed->finish;
}

# A good Redis: nothing. Then it is made worse, and what counts is when it was started.
{
    my $changing = audit($good, appendonly => 1);
    sleep 0.5;
    is codes($changing), '', 'a Redis that is set up well: nothing to say';
    $changing->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random');
    $changing->expect_log(qr/CRM0330|CRM0101/);
    for my $round (1 .. 2) {
        my $heard = () = $changing->log_text('crm360d') =~ /listening to Redis at .* again/g;
        $changing->redis('CLIENT', 'KILL', 'TYPE', 'pubsub');
        wait_until { (() = $changing->log_text('crm360d') =~ /listening to Redis at .* again/g) > $heard } 10,
            "reconnected, round $round";
    }
    sleep 0.2;
    is codes($changing), '', '  a connection made anew is no reason to look again';
    $changing->{redis_settings} .= "\nmaxmemory-policy allkeys-random";
    for my $round (1 .. 2) {
        $changing->stop_redis;
        $changing->start_redis;
        wait_until { codes($changing) eq join ' ', ('CRM0361') x $round } 10,
            "  Redis started again is, round $round";
    }
    $changing->finish;
}

# An old version: everything is passed on, but for the number.
{
    my $old = Crm360::Test->new(redis_settings => $good);
    my ($front, $behind) = ($old->dir . '/front.sock', $old->redis_socket);
    $old->expect_log(qr/CRM0360/);
    $old->start_redis;
    spew($old->conf, slurp($old->conf) =~ s/\Q$behind\E/$front/r);
    my $listen = IO::Socket::UNIX->new(Local => $front, Listen => 20) or die "cannot listen: $!";
    my $pid = fork // die "cannot fork: $!";
    if (!$pid) {
        my $select = IO::Select->new($listen);
        my (%other, %from_server);
        for (;;) {
            for my $ready ($select->can_read) {
                if ($ready == $listen) {
                    my $client = $listen->accept or next;
                    my $server = IO::Socket::UNIX->new(Peer => $behind) or do { close $client; next };
                    ($other{$client}, $other{$server}) = ($server, $client);
                    $from_server{$server} = 1;
                    $select->add($client, $server);
                    next;
                }
                if (!sysread $ready, my $bytes, 65536) {
                    $select->remove($ready, $other{$ready});
                    close $other{$ready};
                    close $ready;
                    last;
                }
                else {
                    $bytes =~ s/^redis_version:\K\d(?=[\d.]+\r$)/5/m if $from_server{$ready};
                    syswrite $other{$ready}, $bytes;
                }
            }
        }
    }
    close $listen;
    $old->migrate;
    $old->start_consumer;
    wait_until { $old->log_text('crm360d') =~ /CRM0360: .* is version 5\.\S+: install version 6 or later/ } 10,
        'an old version: said';
    is codes($old), 'CRM0360', '  once, and nothing else';
    $old->stop_consumer;
    kill 'KILL', $pid;
    waitpid $pid, 0;
    $old->finish;
}
done_testing;
