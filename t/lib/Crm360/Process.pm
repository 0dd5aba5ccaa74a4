# A child process of a test: started in a session of its own with its output in a file, watched, and
# stopped by its own process id. Never signals anything that it did not start.
package Crm360::Process;

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

# Becomes another user, for good.
sub _become {
    my ($name) = @_;
    my (undef, undef, $uid, $gid) = getpwnam $name;

    $( = $gid;
    $) = "$gid $gid";
    POSIX::setuid($uid) if defined $uid;
    return if defined $uid && $> == $uid && $< == $uid;
    print STDERR "cannot become $name\n";
    POSIX::_exit(127);
}

# start(command => [...], output => FILE, env => {...}, name => TEXT, user => NAME)
sub start {
    my ($class, %option) = @_;
    my $pid = fork;

    die "cannot fork: $!\n" unless defined $pid;
    if (!$pid) {
        POSIX::setsid();
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE CHLD);
        open STDIN,  '<',  '/dev/null'     or POSIX::_exit(127);
        open STDOUT, '>>', $option{output} or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT        or POSIX::_exit(127);
        $ENV{$_} = $option{env}{$_} for keys %{ $option{env} || {} };
        _become($option{user}) if $option{user};
        { no warnings 'exec'; exec { $option{command}[0] } @{ $option{command} }; }
        print STDERR "cannot run $option{command}[0]: $!\n";
        POSIX::_exit(127);
    }
    return bless { pid => $pid, owner => $$, name => $option{name}, output => $option{output},
        gently => $option{gently} }, $class;
}

sub pid  { return $_[0]{pid} }
sub name { return $_[0]{name} }

# The wait status once it has ended, undef while it runs.
sub status {
    my ($self) = @_;

    if (!defined $self->{status} && waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid}) {
        $self->{status} = $?;
    }
    return $self->{status};
}

# Waits for its end; the wait status, or undef when `seconds` have passed.
sub wait_end {
    my ($self, $seconds) = @_;
    my $until = time + $seconds;

    local $?;
    while (!defined $self->status) {
        return undef if time > $until;
        sleep 0.01;
    }
    return $self->{status};
}

# Whether it has ended without having been told to.
sub ended_by_itself {
    my ($self) = @_;

    return defined $self->status && !$self->{told};
}

sub signal {
    my ($self, $signal) = @_;

    $self->{told} = 1 if $signal =~ /^(?:TERM|KILL|WINCH)$/;
    return defined $self->status ? 0 : kill $signal, $self->{pid};
}

# Kills it and everything in its session's first process group.
sub kill_group {
    my ($self) = @_;

    $self->{told} = 1;
    kill 'KILL', -$self->{pid} if $self->{owner} == $$;
    return $self->wait_end(60);
}

# Lets it and its children run for so long, and stops them where they are: for a test that must act in the middle
# of something, however seldom it gets to look. run_group() lets them run again.
sub run_group_for {
    my ($self, $seconds) = @_;

    $self->run_group;
    sleep $seconds;
    kill 'STOP', -$self->{pid};
    return;
}

sub run_group { return kill 'CONT', -$_[0]{pid} }

# TERM (for httpd a graceful stop first), and KILL when that did not help in `seconds`. The wait status; 9 after a KILL.
sub stop {
    my ($self, $seconds) = @_;
    my $status;

    return $self->status if defined $self->status || $self->{owner} != $$;
    $self->signal('CONT');
    if ($self->{gently}) {
        $self->signal($self->{gently});
        $status = $self->wait_end(3);
        return $status if defined $status;
    }
    $self->signal('TERM');
    $status = $self->wait_end($seconds || 60);
    return defined $status ? $status : $self->kill_group;
}

1;
