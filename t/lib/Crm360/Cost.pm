# What processes have taken and take, as the kernel counts it in /proc: CPU time, memory, open files. Of one
# process, or of all of a session (Crm360::Process starts each program in one of its own).
package Crm360::Cost;

use strict;
use warnings;

use Exporter qw(import);
use POSIX ();

our @EXPORT_OK = qw(cpu files memory members);

my $TICKS = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# The fields of /proc/PID/stat from the third on (proc(5)): the second, a name, may hold anything. Nothing when
# the process has gone.
sub _stat {
    my ($pid) = @_;

    open my $in, '<', "/proc/$pid/stat" or return;
    my $line = <$in> // return;
    return split ' ', $line =~ s/\A.*\) //sr;
}

# The processes of a session, its leader among them.
sub members {
    my ($session) = @_;

    return grep { my @stat = _stat($_); @stat && $stat[3] == $session } map { m{(\d+)\z} } glob '/proc/[0-9]*';
}

# Seconds of CPU that processes have taken, theirs alone (not of children that have ended).
sub cpu {
    my $ticks = 0;

    for my $pid (@_) {
        my @stat = _stat($pid) or next;
        $ticks += $stat[11] + $stat[12];
    }
    return $ticks / $TICKS;
}

# Memory of a process in MB: resident, and of that its own, shared with nobody.
sub memory {
    my ($pid) = @_;
    my %kb = (Rss => 0);

    open my $in, '<', "/proc/$pid/smaps_rollup" or return { resident => 0, own => 0 };
    for my $line (<$in>) {
        $kb{$1} = $2 if $line =~ /^(\w+):\s+(\d+) kB/;
    }
    return { resident => $kb{Rss} / 1024, own => (($kb{Private_Clean} // 0) + ($kb{Private_Dirty} // 0)) / 1024 };
}

# How many files a process has open.
sub files {
    my ($pid) = @_;

    return scalar(my @open = glob "/proc/$pid/fd/*");
}

1;
