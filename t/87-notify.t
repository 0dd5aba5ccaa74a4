# What crm360d tells a service manager (sd_notify): that it is ready, reads its configuration again, ends, how it does,
# and that its master gets on. A stopped master says nothing, nor does one whose worker does not end.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Select;
use IO::Socket::UNIX;
use Socket qw(SOCK_DGRAM);
use Test::More;

plan skip_all => 'built without libsystemd' if `ldd @{[build()]}/crm360d` !~ /libsystemd/;

my $site = Crm360::Test->new(redis_goes => 1, consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 2s\nCrm360Lease 5s\n");
my $path = $site->dir . '/notify';
my $manager = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $path) or die "$path: $!\n";
my $ready = IO::Select->new($manager);
$site->{env} = { crm360d => { NOTIFY_SOCKET => $path, WATCHDOG_USEC => 600_000 } };

my @said; # the assignments that have come, in their order
sub listen_for {
    my ($seconds) = @_;

    for (1 .. 1000) { # one that says more is not waited for
        last if !$ready->can_read($seconds);
        $manager->recv(my $text, 4096);
        push @said, split /\n/, $text;
        $seconds = 0;
    }
    return;
}

# Whether something like it has been said by now; what was said up to it is forgotten.
sub says {
    my ($what) = @_;

    listen_for(0);
    my ($at) = grep { $said[$_] =~ $what } 0 .. $#said;
    splice @said, 0, $at + 1 if defined $at;
    return defined $at;
}

# What it says in so many seconds from now on.
sub all_in {
    my ($seconds) = @_;
    my $until = time + $seconds;

    @said = ();
    listen_for(0.02) while time < $until;
    return @said;
}

$site->start_redis;
$site->migrate;
$site->start_httpd;
$site->start_consumer;
wait_until { says(qr/^READY=1$/) } 10, 'it says that it is ready';
wait_until { says(qr/^STATUS=Serving 1 database, 0 messages worked on$/) } 10, 'and what it does';
wait_until { says(qr/^WATCHDOG=1$/) } 5, 'that it gets on' for 1 .. 3;

# Often enough, and no more than that.
if (timing()) {
    my $times = grep { /^WATCHDOG/ } all_in(1.5);
    ok $times >= 3 && $times <= 7, "said every 300 ms, $times times in 1.5 s";
}

# A master that stands still says nothing; it goes on where it was.
$site->{consumer}->signal('STOP');
listen_for(0.3) while says(qr/WATCHDOG/);
is_deeply [grep { /WATCHDOG/ } all_in(1)], [], 'a stopped master does not say that it gets on';
$site->{consumer}->signal('CONT');
wait_until { says(qr/^WATCHDOG=1$/) } 5, 'one that goes on does';

# A handler that takes its time, and one that overruns its deadline, are no fault of the master.
my $url = $site->url('Adictiz/User/Participate', SourceId => 1);
$site->expect_log(qr/CRM0322/, qr/CRM0310/);
is $site->post($url, 'hang')->{status}, 200, 'a handler that hangs';
wait_until { $site->log_text('crm360d') =~ /CRM0322.*overran/ } 15, 'is ended';
ok says(qr/WATCHDOG/), 'and the master has said meanwhile that it gets on';
my $others = () = $site->log_text('crm360d') =~ /CRM0322/g;
is $others, 1, 'one worker was ended';

# Redis goes away.
$site->expect_log(qr/CRM0101|CRM0102|CRM0330/);
$site->stop_redis;
wait_until { says(qr/^STATUS=Redis cannot be used/) } 10, 'that Redis is away is in its status';
wait_until { says(qr/^WATCHDOG=1$/) } 5, 'which is no reason not to get on';
$site->start_redis;
wait_until { says(qr/^STATUS=Serving 1 database/) } 10, 'and that it is back';

# So does a database.
$site->expect_log(qr/CRM0313/);
my $db = $site->database('acme/prod');
rename $_, "$_.away" for grep { -e } $db, "$db-wal", "$db-shm";
kill 'KILL', grep { $_ } split /\n/, `pgrep -P @{[$site->{consumer}->pid]}`; # who has it open does not notice
is $site->post($url, 'done')->{status}, 200, 'a message for a database';
wait_until { says(qr/^STATUS=.*; 1 cannot be used, whose messages wait$/) } 10, 'that is away, which the status says';
rename "$_.away", $_ for grep { -e "$_.away" } $db, "$db-wal", "$db-shm";
wait_until { says(qr/^STATUS=.*worked on$/) } 20, 'until it is back';

# The configuration is read again.
listen_for(0);
@said = ();
$site->{consumer}->signal('HUP');
wait_until { grep { /^READY=1$/ } (listen_for(0), @said) } 10, 'ready again after HUP';
my ($reloading) = grep { $said[$_] eq 'RELOADING=1' } 0 .. $#said;
my ($again) = grep { $said[$_] eq 'READY=1' } 0 .. $#said;
ok defined $reloading && $reloading < $again, 'after it said that it reloads';
my ($monotonic) = map { /^MONOTONIC_USEC=(\d+)$/ } @said[$reloading .. $again];
my ($uptime) = slurp('/proc/uptime') =~ /^([\d.]+)/;
ok $monotonic && abs($monotonic / 1e6 - $uptime) < 60, 'at the time of the monotonic clock';
$site->expect_log(qr/CRM0340/);
my $good = slurp($site->conf);
spew($site->conf, "$good\nNonsense\n");
@said = ();
$site->{consumer}->signal('HUP');
wait_until { join(' ', (listen_for(0), @said)) =~ /RELOADING=1 .*READY=1/ } 10, 'a wrong one is no end of it';
spew($site->conf, $good);

# Its end.
listen_for(0);
@said = ();
is $site->stop_consumer, 0, 'it ends';
ok says(qr/^STOPPING=1$/), 'and has said so';

$site->finish;
done_testing;
