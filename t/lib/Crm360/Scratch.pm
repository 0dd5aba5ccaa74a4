# Where tests put their servers' files: in memory where there is enough of it, for Redis, SQLite and
# PostgreSQL flush at each commit, and a thousand flushes of a slow disk are most of a test's time. What a
# kill leaves behind is the same there. CRM360_SCRATCH names another folder.
package Crm360::Scratch;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(scratch);

my $ENOUGH_KB = 4 * 1024 * 1024;

# The folder that all others are made in.
sub _place {
    return $ENV{CRM360_SCRATCH} if $ENV{CRM360_SCRATCH};
    my @line = split ' ', (split /\n/, `df -Pk -t tmpfs /dev/shm 2>/dev/null`)[1] // '';
    return @line && $line[3] >= $ENOUGH_KB && -w '/dev/shm' ? '/dev/shm' : '/tmp';
}

# A fresh folder of that name; the X at its end are replaced. More arguments are for tempdir.
sub scratch {
    my ($template, @option) = @_;
    $ENV{CRM360_SCRATCH} ||= _place(); # for the programs of a test too
    return tempdir($template, DIR => $ENV{CRM360_SCRATCH}, @option);
}

1;
