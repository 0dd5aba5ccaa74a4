# What processes have used, from /proc: processor time and memory. Whatever the harness starts is the leader of
# a session, so a server with all its processes is named by one process id; those that have ended count too.
package Crm360::Bench::Usage;

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();

our @EXPORT_OK = qw(processes name_of cpu_us memory_kb);

my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# The fields of /proc/PID/stat behind the name, from `state` on, and the name in front of them.
sub _stat {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return;
    my ($name, $rest) = (<$in> // '') =~ /^\d+ \((.*)\) (.*)/s or return;
    return ($name, split ' ', $rest);
}

# The process ids of a server: its leader first, then who else is in its session, and what these have started.
sub processes {
    my ($leader) = @_;
    my (%is_member, %parent);

    opendir my $proc, '/proc' or die "/proc: $!\n";
    for my $pid (grep { /^\d+$/ } readdir $proc) {
        my @stat = _stat($pid) or next;
        $is_member{$pid} = 1 if $stat[4] == $leader;
        $parent{$pid} = $stat[2];
    }
    for my $found (1 .. 3) { # as deep as servers go
        $is_member{$_} ||= $is_member{ $parent{$_} } for keys %parent;
    }
    my @members = sort { ($b == $leader) <=> ($a == $leader) || $a <=> $b } grep { $is_member{$_} } keys %is_member;
    return @members;
}

# The name of a process, as it has given itself one; '' when it is gone.
sub name_of { return (_stat($_[0]))[0] // '' }

# Processor time, user and system together, in microseconds: of one process, or with `all => 1` of all its
# processes.
sub cpu_us {
    my ($pid, %o) = @_;
    my $ticks = 0;

    for my $member ($o{all} ? processes($pid) : $pid) {
        my @stat = _stat($member) or next;
        # utime, stime, and those of its children that have ended
        $ticks += $_ for @stat[12, 13, 14, 15];
    }
    return $ticks * 1e6 / $TICKS;
}

# Resident memory of one process, kB; undef when it is gone. Pages that it shares with others are in it.
sub memory_kb {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/status" or return undef;
    my ($kb) = join('', <$in>) =~ /^VmRSS:\s*(\d+) kB/m;
    return $kb;
}

1;
