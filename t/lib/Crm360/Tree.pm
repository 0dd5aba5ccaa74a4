# A clean Debian of a test, booted: its own systemd is process 1, with process ids, mounts and a network (127.0.0.1
# only) of its own. Needs root. What runs in it ends with it; nothing of the machine around is touched.
#
#   my $tree = Crm360::Tree->boot('build/packages');      # of the folder that t/packages/build and base filled
#   my ($code, $output) = $tree->run('apt-get install -y /root/new/*.deb');
#   $tree->stop;
package Crm360::Tree;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

use Crm360::Process;
use Crm360::Scratch qw(scratch);

my $OWNER = $$;
my $BOOT_SECONDS = 60;
my $COMMAND_SECONDS = 180;

my @trees;

# Unpacks the tree, puts the packages into its /root/new and /root/older, and boots it.
sub boot {
    my ($class, $folder) = @_;
    my ($tarball) = glob "$folder/base-*.tar" or die "no tree in $folder: t/packages/base makes it\n";
    my $dir = scratch('crm360-tree-XXXXXX');
    my $self = bless { dir => $dir, root => "$dir/root" }, $class;

    push @trees, $self;
    mkdir $self->{root} or die "$self->{root}: $!\n";
    system('tar', '-C', $self->{root}, '-xf', $tarball) == 0 or die "cannot unpack $tarball\n";
    for my $version (qw(new older)) {
        mkdir "$self->{root}/root/$version" or die "$version: $!\n";
        system("cp $folder/$version/*.deb $self->{root}/root/$version/") == 0
            or die "no packages in $folder/$version: t/packages/build makes them\n";
    }
    $self->{process} = Crm360::Process->start(
        name => 'systemd-nspawn',
        command => ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--private-network',
            '--console=read-only', "--directory=$self->{root}", '--boot'],
        output => "$dir/console",
    );
    $self->_wait_for_boot;
    return $self;
}

# The process outside that is process 1 inside; undef before there is one.
sub _first_process {
    my ($self) = @_;
    my $pid = $self->{process}->pid;

    open my $in, '<', "/proc/$pid/task/$pid/children" or return undef;
    my ($child) = split ' ', <$in> // '';
    return $child;
}

sub _wait_for_boot {
    my ($self) = @_;
    my $until = time + $BOOT_SECONDS;

    for (;;) {
        if (defined $self->{process}->status || time > $until) {
            open my $in, '<', "$self->{dir}/console" or die "$self->{dir}/console: $!\n";
            die "systemd does not boot in a tree here:\n", <$in>;
        }
        $self->{first} = $self->_first_process;
        last if $self->{first} && ($self->run('systemctl is-system-running'))[1] =~ /^(?:running|degraded)$/m;
        sleep 0.1;
    }
    return;
}

# Runs a shell command in the tree as root. Its exit code (124 when it took too long), and what it printed.
sub run {
    my ($self, $command) = @_;
    my @enter = ('timeout', $COMMAND_SECONDS, 'nsenter', '-t', $self->{first}, qw(-m -u -i -n -p -C -r -w),
        'env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME=/root', 'LC_ALL=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'sh', '-c', "cd && $command");
    my $pid = open my $pipe, '-|';

    die "cannot fork: $!\n" if !defined $pid;
    if (!$pid) {
        open STDIN, '<', '/dev/null' or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        exec { $enter[0] } @enter or POSIX::_exit(127);
    }
    my $output = do { local $/; <$pipe> } // '';
    close $pipe;
    return ($? >> 8, $output);
}

# What a command prints, without the line end; dies when it fails.
sub value {
    my ($self, $command) = @_;
    my ($code, $output) = $self->run($command);

    die "$command: exit code $code\n$output" if $code;
    chomp $output;
    return $output;
}

# A file of the tree, from outside.
sub path { return "$_[0]{root}$_[1]" }

# Shuts it down in order, and removes it.
sub stop {
    my ($self) = @_;

    return if $self->{stopped}++;
    $self->{process}->stop(30) if $self->{process};
    if ($ENV{CRM360_KEEP}) {
        print STDERR "# kept: $self->{root}\n";
        return;
    }
    system 'rm', '-rf', '--one-file-system', $self->{dir};
    return;
}

END {
    my $status = $?;
    if ($$ == $OWNER) {
        $_->stop for @trees;
    }
    $? = $status;
}

1;
