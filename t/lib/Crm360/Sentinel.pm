# A Redis with Sentinel, of real servers: one master and two replicas (n1 to n3 at the start) and three
# sentinels (s1 to s3) of which two must agree. Who is what changes by failovers.
#
#   my $set = Crm360::Sentinel->new;
#   my $site = Crm360::Test->new(redis_set => $set, ...);
#   $set->start;                                     # or $site->start
#   my $old = $set->master;                          # the name of the server that the sentinels name
#   $set->kill($old); $set->wait_failover($old);     # see Crm360::Nodes for freeze, thaw, restart
#   $set->wait_in_sync;                              # both replicas have all that the master has
#   $set->command('ZCARD', $key);                    # to whoever is the master
package Crm360::Sentinel;

use strict;
use warnings;

use Crm360::Nodes;
use Crm360::Redis;
use Crm360::Test ();

our @ISA = ('Crm360::Nodes');

our $NAME = 'crm';

# Options: settings => more lines of each redis.conf; down_after => ms (1000), url_first => [addresses that
# stand before those of the sentinels in the URL].
sub new {
    my ($class, %option) = @_;
    my $self = $class->make(down_after => 1000, url_first => [], %option);

    $self->add("n$_") for 1 .. 3;
    $self->add("s$_", 'sentinel') for 1 .. 3;
    for my $name ($self->names('redis')) {
        $self->configure($name, $self->data_lines, 'repl-timeout 10',
            $name eq 'n1' ? () : 'replicaof 127.0.0.1 ' . $self->port('n1'));
    }
    for my $name ($self->names('sentinel')) {
        $self->configure($name, "sentinel monitor $NAME 127.0.0.1 " . $self->port('n1') . ' 2',
            "sentinel down-after-milliseconds $NAME $self->{down_after}",
            "sentinel failover-timeout $NAME 3000", "sentinel parallel-syncs $NAME 2");
    }
    return $self;
}

sub sentinels { return $_[0]->names('sentinel') }
sub servers { return $_[0]->names('redis') }

# What stands behind Crm360Redis.
sub url {
    my ($self) = @_;
    return 'sentinel://' . join(',', @{ $self->{url_first} }, map { $self->address($_) } $self->sentinels) . "/$NAME";
}

sub start {
    my ($self) = @_;

    $self->launch($_) for $self->names;
    $self->wait_in_sync;
    # A failover needs sentinels that know each other and the replicas.
    $self->wait_for('the sentinels agree', sub {
        !grep { $self->ask($_, 'SENTINEL', 'CKQUORUM', $NAME) !~ /^OK 3 /
            || @{ $self->ask($_, 'SENTINEL', 'REPLICAS', $NAME) } < 2 } $self->sentinels;
    });
    return;
}

# From now on, for how many ms a server must not answer until a sentinel takes it for dead.
sub down_after {
    my ($self, $ms) = @_;

    $self->ask($_, 'SENTINEL', 'SET', $NAME, 'down-after-milliseconds', $ms) for $self->sentinels;
    return;
}

# The name of the server that one sentinel takes for the master.
sub named_by {
    my ($self, $sentinel) = @_;
    my $address = $self->ask($sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', $NAME) or return;
    return $self->at_port($address->[1]);
}

# The same, asked of the first one that answers.
sub master {
    my ($self) = @_;

    for my $sentinel (grep { $self->lives($_) } $self->sentinels) {
        my $name = eval { $self->named_by($sentinel) };
        return $name if $name;
    }
    # All sentinels are dead: whoever says so of himself.
    for my $name (grep { $self->lives($_) } $self->servers) {
        return $name if $self->role($name) eq 'master';
    }
    die "no master\n";
}

sub role { my ($self, $name) = @_; return $self->ask($name, 'ROLE')->[0] }
sub replicas { my ($self) = @_; my $master = $self->master; return grep { $_ ne $master } $self->servers }

# When the sentinels have made another server the master, ms since 1970.
sub switches { my ($self) = @_; return $self->logged(qr/ \+promoted-slave /, $self->sentinels) }

# Waits until all sentinels that live name another server than `old`, and that one is the master; its name.
sub wait_failover {
    my ($self, $old) = @_;

    return $self->wait_for("failover from $old", sub {
        my %named = map { $self->named_by($_) => 1 } grep { $self->lives($_) } $self->sentinels;
        my ($name, @more) = keys %named;
        return !@more && $name && $name ne $old && $self->role($name) eq 'master' ? $name : undef;
    });
}

# Waits until `count` (2) replicas of the master have all that it had when this was called.
sub wait_in_sync {
    my ($self, $count) = @_;
    my $offset = $self->wait_for('a master', sub { $self->info($self->master, 'replication', 'master_repl_offset') });

    return $self->wait_for('replicas in sync', sub {
        my @online = $self->ask($self->master, 'INFO', 'replication') =~ /^slave\d+:.*state=online,offset=(\d+)/mg;
        return @online >= ($count // 2) && !grep { $_ < $offset } @online;
    });
}

# One command to the master. Soon after a failover the answer may still be missing: the caller asks again.
sub command {
    my ($self, @words) = @_;
    return $self->ask($self->master, @words);
}

1;
