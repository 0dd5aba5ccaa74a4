# Several redis-server processes on ports of 127.0.0.1 in a folder of their own, each with a name: what
# Crm360::Sentinel and Crm360::Cluster have in common. All are real servers; they end by their process ids,
# at the end of the test whatever happens.
#
#   $nodes->kill('n1'); $nodes->restart('n1');     # SIGKILL; the same port, folder and configuration
#   $nodes->freeze('n1'); $nodes->thaw('n1');      # SIGSTOP: connections stay open, nothing is answered
#   $nodes->ask('n1', 'INFO', 'replication');      # one command to that server
package Crm360::Nodes;

use strict;
use warnings;

use File::Path qw(remove_tree);
use POSIX ();
use Time::HiRes qw(sleep time);

use Test::More ();

use Crm360::Port qw(free_port);
use Crm360::Process;
use Crm360::Redis;
use Crm360::Scratch qw(scratch);
use Crm360::Test ();

my @sets;

# How long what normally takes some seconds may take.
sub patience { return Crm360::Test::timing() ? 30 : 90 }

# What the classes begin with. Options: settings => more lines of each redis.conf.
sub make {
    my ($class, %option) = @_;
    my $self = bless { owner => $$, dir => scratch('crm360-nodes-XXXXXX'), nodes => {}, clients => {},
        settings => '', %option }, $class;

    push @sets, $self;
    return $self;
}

# Adds a server that is not started yet; `kind` is redis or sentinel.
sub add {
    my ($self, $name, $kind) = @_;
    my $folder = "$self->{dir}/$name";

    mkdir $folder or die "$folder: $!\n";
    $self->{nodes}{$name} = { name => $name, folder => $folder, port => free_port('bus'),
        kind => $kind || 'redis' };
    return $self->{nodes}{$name};
}

# Writes its configuration; what a server writes into it later is kept over restarts.
sub configure {
    my ($self, $name, @lines) = @_;
    my $node = $self->node($name);

    Crm360::Test::spew("$node->{folder}/redis.conf", join "\n", "port $node->{port}", 'bind 127.0.0.1',
        "dir $node->{folder}", "logfile $node->{folder}/log", 'daemonize no', @lines, '');
    return;
}

# The lines of a server that keeps data.
sub data_lines {
    my ($self) = @_;
    return ('appendonly yes', 'appendfsync everysec', 'save ""', 'maxmemory 1gb',
        'maxmemory-policy noeviction', 'repl-diskless-sync-delay 0', 'repl-ping-replica-period 1',
        'shutdown-timeout 0', 'enable-debug-command yes', $self->{settings});
}

sub node { return $_[0]{nodes}{ $_[1] } || die "no node $_[1]\n" }
sub names {
    my ($self, $kind) = @_;
    return grep { !$kind || $self->node($_)->{kind} eq $kind } sort keys %{ $self->{nodes} };
}
sub port { return $_[0]->node($_[1])->{port} }
sub address { return '127.0.0.1:' . $_[0]->port($_[1]) }
sub log_text { return Crm360::Test::slurp($_[0]->node($_[1])->{folder} . '/log') }

# The name of who listens there.
sub at_port {
    my ($self, $port) = @_;
    my ($name) = grep { $self->port($_) == $port } $self->names;
    return $name;
}

# Whether it runs, and is not frozen.
sub lives {
    my ($self, $name) = @_;
    my $node = $self->node($name);
    return $node->{process} && !$node->{frozen} && !defined $node->{process}->status;
}

# ---- starting and ending ----

sub launch {
    my ($self, $name) = @_;
    my $node = $self->node($name);
    my $until = time + patience();

    $node->{process} = Crm360::Process->start(name => "redis-$name", output => "$node->{folder}/out",
        command => ['redis-server', "$node->{folder}/redis.conf", $node->{kind} eq 'sentinel' ? '--sentinel' : ()],
        env => { LC_ALL => 'C' });
    delete @$self{qw(masters)};
    delete $self->{clients}{$name};
    while ((eval { $self->ask($name, 'PING') } // '') ne 'PONG') {
        if (defined $node->{process}->status || time > $until) {
            die "$name does not start:\n" . join '', map { -e ? Crm360::Test::slurp($_) : () } "$node->{folder}/out",
                "$node->{folder}/log";
        }
        sleep 0.02;
    }
    return;
}

sub kill {
    my ($self, @names) = @_;

    for my $name (@names) {
        $self->node($name)->{process}->signal('KILL');
        delete $self->{clients}{$name};
    }
    for my $name (@names) {
        $self->node($name)->{process}->wait_end(10) // die "$name survives SIGKILL\n";
        delete $self->node($name)->{frozen};
    }
    return;
}

sub restart {
    my ($self, @names) = @_;
    $self->launch($_) for @names;
    return;
}

sub freeze {
    my ($self, @names) = @_;

    for my $name (@names) {
        $self->node($name)->{process}->signal('STOP');
        $self->node($name)->{frozen} = 1;
        delete $self->{clients}{$name};
    }
    return;
}

sub thaw {
    my ($self, @names) = @_;

    for my $name (@names) {
        $self->node($name)->{process}->signal('CONT');
        delete $self->node($name)->{frozen};
    }
    return;
}

# The names of servers that have ended without having been told to.
sub fallen {
    my ($self) = @_;
    return grep { $self->node($_)->{process} && $self->node($_)->{process}->ended_by_itself } $self->names;
}

# Ends all at once: nobody needs what they hold.
sub stop {
    my ($self) = @_;

    return if $self->{owner} != $$;
    my @running = grep { $self->node($_)->{process} && !defined $self->node($_)->{process}->status } $self->names;
    $self->kill(@running) if @running;
    return;
}

# ---- asking ----

# One command to one server, over a connection that is kept (a failover closes those to the new master). Dies with the
# server's error.
sub ask {
    my ($self, $name, @words) = @_;
    # A forked process must not read from its parent's connection.
    my $clients = $self->{clients};
    delete @$clients{ keys %$clients } if ($self->{asker} // $$) != $$;
    $self->{asker} = $$;
    delete $clients->{$name} if $clients->{$name} && $clients->{$name}->was_closed;
    my $client = $clients->{$name} ||= Crm360::Redis->connect($self->address($name), 5);
    my $reply = eval { $client->command(@words) };

    if ($@) {
        delete $clients->{$name} if $@ !~ /^redis: [A-Z]+ /;
        die $@;
    }
    return $reply;
}

sub info {
    my ($self, $name, $section, $field) = @_;
    return $self->ask($name, 'INFO', $section) =~ /^$field:([^\r\n]*)/m ? $1 : undef;
}

# When lines of this pattern were written to the logs of these servers, ms since 1970, in their order.
my %MONTH = do { my $n = 0; map { $_ => $n++ } qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec) };
sub logged {
    my ($self, $pattern, @names) = @_;
    my @times;

    for my $line (map { split /\n/, $self->log_text($_) } @names) {
        next if $line !~ $pattern || $line !~ /^\d+:\w (\d+) (\w{3}) (\d{4}) (\d+):(\d+):(\d+)\.(\d{3}) /;
        push @times, 1000 * POSIX::mktime($6, $5, $4, $1, $MONTH{$2}, $3 - 1900, 0, 0, -1) + $7;
    }
    return sort { $a <=> $b } @times;
}

# Whatever made another server the master, whether a test wanted it or a busy machine brought it about, as intervals of
# ms in which what only the memory of one server had may be lost: those that the test knows ([from, to, ...]), a moment
# before each included, and those that the servers have logged beside them.
sub gaps {
    my ($self, @known) = @_;
    my @gaps = map { my ($from, $to, @more) = @$_; [$from - 1000, $to + 1000, @more] } @known;

    for my $at ($self->switches) {
        next if grep { $at >= $_->[0] && $at <= $_->[1] } @gaps;
        Test::More::diag('a failover that nobody has asked for, at ' . $at);
        push @gaps, [$at - 4000, $at + 1000];
    }
    return @gaps;
}

# Polls until the block is true, and dies in the end; its value.
sub wait_for {
    my ($self, $what, $condition, $seconds) = @_;
    my $until = time + ($seconds || patience());
    my $value;

    until ($value = eval { $condition->() }) {
        die "$what: not in time" . ($@ ? ": $@" : '') . "\n" if time > $until;
        sleep 0.02;
    }
    return $value;
}

# redis-cli with these words; its output. Dies when it fails.
sub cli {
    my ($self, @words) = @_;

    open my $pipe, '-|', 'timeout', 60, 'redis-cli', @words or die "cannot run redis-cli: $!\n";
    my $text = do { local $/; <$pipe> } // '';
    close $pipe or die "redis-cli @words: exit code " . ($? >> 8) . "\n$text";
    return $text;
}

END {
    my $status = $?;
    for my $set (grep { $_->{owner} == $$ } @sets) {
        $set->stop;
        remove_tree($set->{dir}) if !$ENV{CRM360_KEEP};
    }
    $? = $status;
}

1;
