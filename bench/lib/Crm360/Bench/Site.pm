# The servers of a benchmark: those of the tests (Crm360::Test), but with their files on a disk, with a Redis that
# keeps what it gets and disturbs nobody while something is measured, and without a word of TAP.
#
#   my $site = Crm360::Bench::Site->new(server => '...');     # options as of Crm360::Test
#   ...
#   $site->end;              # stops all of them; dies when a log holds a warning, or a server ended badly
package Crm360::Bench::Site;

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Crm360::Bench::Usage qw(cpu_us);
use Crm360::Test;

our @ISA = qw(Crm360::Test);

# How long is waited for anything, s.
my $PATIENCE = 60;

# What tests would have printed.
my $tap = '';
my $builder = Test::More->builder;
open my $out, '>', \$tap or die "$!\n";
$builder->$_($out) for qw(output failure_output todo_output);
$builder->no_ending(1);

# The append-only file as it is recommended, but no rewrite of it and no snapshot: they come when they like, and
# would be measured in one round and not in the next.
our $KEEPING = <<'END';
appendonly yes
appendfsync everysec
auto-aof-rewrite-percentage 0
maxmemory 12gb
END
# Where the file is not what matters.
our $NOT_KEEPING = "appendonly no\nmaxmemory 12gb\n";

# For httpd: two children from beginning to end, each with more threads than the sender has connections (a child whose
# threads are all busy closes those that are kept), and a connection is kept for as long as the sender keeps it.
our $HTTPD = <<'END';
ThreadLimit 64
ThreadsPerChild 64
ServerLimit 2
StartServers 2
MinSpareThreads 1
MaxSpareThreads 128
MaxRequestWorkers 128
MaxKeepAliveRequests 0
END

sub new {
    my ($class, %o) = @_;

    # A machine that is busy for a moment is measured, and does not end the run.
    return $class->SUPER::new(loglevel => 'warn', appendonly => 1, redis_settings => $KEEPING,
        settings => "Crm360CommandTimeout 2s\n", %o);
}

# Waits until the block is true; dies when that takes too long. Returns its value.
sub await {
    my ($self, $what, $condition, $seconds) = @_;
    my $until = time + ($seconds || $PATIENCE);

    for (;;) {
        my $value = $condition->();
        return $value if $value;
        die "$what: not in time\n" . substr($self->log_text('crm360d'), -2000) . "\n" if time > $until;
        sleep 0.01;
    }
}

# An empty Redis with an empty file, as the next round wants it.
sub empty_redis {
    my ($self) = @_;

    $self->redis('FLUSHALL');
    return if !$self->persistence('aof_enabled');
    $self->redis('BGREWRITEAOF');
    $self->await('rewriting the append-only file', sub {
        !$self->persistence('aof_rewrite_in_progress') && !$self->persistence('aof_rewrite_scheduled');
    });
    return;
}

# A number of INFO persistence.
sub persistence {
    my ($self, $name) = @_;
    return $self->redis('INFO', 'persistence') =~ /^$name:(\d+)/m ? $1 : die "INFO has no $name\n";
}

# appendfsync, and waits until httpd has noticed: `path` is where a webhook may be posted.
sub set_fsync {
    my ($self, $how, $path) = @_;
    my $level = $how eq 'always' ? 'fsync' : 'memory';

    $self->redis('CONFIG', 'SET', 'appendfsync', $how);
    $self->await("receipts that say $level", sub {
        my $answer = $self->post($path, '{}');
        ($answer->{json}{Durability} // '') eq $level;
    });
    delete $self->{http}; # its connection would hold a thread of httpd
    return;
}

# Processor time of servers ('httpd', 'redis', 'consumer') so far, microseconds: { httpd => ..., redis => ... }.
sub cpu_of {
    my ($self, @names) = @_;
    return { map { $_ => cpu_us($self->{$_}->pid, all => 1) } @names };
}

sub end {
    my ($self) = @_;

    $self->finish;
    die "the servers did not end well:\n$tap" if !$builder->is_passing;
    return;
}

1;
