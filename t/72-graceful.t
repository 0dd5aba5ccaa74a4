# httpd is restarted gracefully a hundred times while webhooks come in: no request on a new connection
# fails, one on a kept connection fails at most before its first byte (and is then sent again), each has its
# effect once, and nothing piles up in the parent: descriptors, shared memory, memory.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Chaos;
use Crm360::Check;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $ROUNDS = Crm360::Chaos::slow() ? 15 : 100;
my $WARM = 5;

diag 'CRM360_SEED=' . Crm360::Chaos::seed();

my $site;
sub parent { return $site->{httpd}->pid }

# What a process holds: open descriptors by kind, shared memory, and how much memory is its own.
sub holdings {
    my ($pid) = @_;
    my (%count, $resident);

    for my $file (glob "/proc/$pid/fd/*") {
        my $to = readlink $file // next;
        $to =~ s/\[\d+\]|\d+$//;
        $count{$to}++;
        $count{descriptors}++;
    }
    my $maps = slurp("/proc/$pid/maps");
    $count{shared} = () = $maps =~ m{^\S+ \S{3}s .*}mg;
    ($count{kilobytes}) = slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
    return \%count;
}

# Segments of System V that the parent has made.
sub segments {
    my $pid = parent();
    my (undef, @rows) = split /\n/, slurp('/proc/sysvipc/shm');

    return scalar grep { (split ' ')[4] == $pid } @rows;
}

# The most descriptors that a child holds.
sub most_of_a_child {
    my ($most) = sort { $b <=> $a } map { eval { holdings($_)->{descriptors} } // 0 }
        split ' ', `pgrep -P @{[parent()]}`;
    return $most;
}

# One graceful restart, to its end: the log says so, and children of the new generation answer.
sub restart {
    my $lines = sub { scalar(() = $site->log_text('httpd-error') =~ /resuming normal operations/g) };
    my $before = $lines->();
    my $until = time + (Crm360::Chaos::slow() ? 60 : 20);

    $site->{httpd}->signal('USR1');
    while ($lines->() == $before) {
        die "no graceful restart in time\n" if time > $until;
        sleep 0.01;
    }
    return;
}

for my $mpm (qw(event prefork)) {
    my $rounds = $mpm eq 'event' ? $ROUNDS : int $ROUNDS / 4;

    $site = Crm360::Test->new(
        consumer_program => 't/crm360d_faulty',
        databases => { 'acme/prod' => '', 'beta/shop' => '' },
        mpm => $mpm,
        # httpd says that children of several generations are at work at once.
        loglevel => 'notice crm360_webhook:warn',
    );
    $site->expect_log(qr/AH03490/);
    Crm360::Spool::make($site, '64M');
    $site->start_redis;
    $site->migrate;
    Crm360::Check::prepare($site);
    $site->start_httpd;
    $site->start_consumer;

    my $load = Crm360::Load->start($site, name => $mpm, seed => Crm360::Chaos::seed(),
        rate => Crm360::Chaos::slow() ? 30 : 120, callers => 6, longest => 1);
    restart() for 1 .. $WARM;
    my ($before, $segments, $most) = (holdings(parent()), segments(), most_of_a_child());
    my $began = time;
    for (1 .. $rounds) {
        restart();
        sleep rand 0.25;
    }
    diag sprintf '%s: %d graceful restarts in %.1f s', $mpm, $rounds, time - $began;
    my $after = holdings(parent());
    my @tries = $load->stop;

    my @failed = grep { $_->{status} != 200 } @tries;
    my @fresh = grep { $_->{link} eq 'fresh' } @failed;
    cmp_ok scalar(@tries), '>', $rounds, "$mpm: there was a load of " . @tries;
    is @fresh, 0, "$mpm: no request on a new connection failed";
    is scalar(grep { $_->{note} ne 'closed without answer' } @failed), 0,
        "$mpm: one on a kept connection was at most not begun";
    diag "$_->{serial} $_->{link} $_->{status} $_->{note}" for @failed > 10 ? @failed[0 .. 9] : @failed;

    is_deeply { %$after, kilobytes => 0 }, { %$before, kilobytes => 0 },
        "$mpm: the parent holds what it held before";
    # A sanitizer keeps what was freed.
    cmp_ok $after->{kilobytes}, '<', $before->{kilobytes} + 2000, "$mpm: and its memory does not grow"
        if !Crm360::Chaos::slow();
    diag "$mpm: parent: $before->{kilobytes} kB, then $after->{kilobytes} kB";
    is segments(), $segments, "$mpm: no shared memory of System V is left behind";

    wait_until { Crm360::Chaos::waiting($site) == 0 } 30, "$mpm: everything is worked off";
    my $row = Crm360::Check::judge(\@tries, Crm360::Check::effects($site));
    is $row->{$_}, 0, "$mpm: $_" for qw(lost duplicated early late);
    diag $_ for @{ $row->{examples} };

    # A child may have a connection to Redis for each of its 16 threads.
    cmp_ok most_of_a_child(), '<=', $most + 20, "$mpm: no child inherits what others have left";
    wait_until { (() = `pgrep -P @{[parent()]}` =~ /\n/g) <= 16 } 30, "$mpm: the old children have ended";
    $site->finish;
}
done_testing;
