# A Redis Cluster of real servers: three masters (n1 to n3 at the start) and three replicas (n4 to n6). The
# slots are spread as redis-cli does it: a third for each master.
#
#   my $set = Crm360::Cluster->new;
#   my $site = Crm360::Test->new(redis_set => $set, databases => { Crm360::Cluster::database(1) => '', ... });
#   $set->start;                                     # or $site->start
#   $set->kill($set->owner($key)); $set->wait_ok;    # see Crm360::Nodes for freeze, thaw, restart
#   $set->command('ZCARD', $key);                    # to the node that has the key
#   $set->move_slot($slot, $name, half => sub {...}) # by hand; `half` runs while it is half moved
#   $set->reshard($from, $to, $count);               # by redis-cli
package Crm360::Cluster;

use strict;
use warnings;

use Crm360::Nodes;
use Crm360::Test ();

our @ISA = ('Crm360::Nodes');

my $SLOTS = 16_384;
my @FIRST = (0, 5461, 10_923, $SLOTS); # of each master at the start

# Options: settings => more lines of each redis.conf (such as cluster-require-full-coverage no: while a master is dead
# the others go on); node_timeout => ms (1500).
sub new {
    my ($class, %option) = @_;
    my $self = $class->make(node_timeout => 1500, %option);

    $self->_add_member("n$_") for 1 .. 6;
    return $self;
}

sub _add_member {
    my ($self, $name) = @_;

    $self->add($name);
    $self->configure($name, $self->data_lines, 'cluster-enabled yes', 'cluster-config-file nodes.conf',
        "cluster-node-timeout $self->{node_timeout}", 'cluster-replica-validity-factor 0',
        'cluster-allow-replica-migration no');
    return;
}

sub url {
    my ($self) = @_;
    return 'cluster://' . join ',', map { $self->address($_) } $self->names;
}

# ---- slots ----

my @crc = map {
    my $crc = $_ << 8;
    $crc = ($crc & 0x8000 ? $crc << 1 ^ 0x1021 : $crc << 1) & 0xffff for 1 .. 8;
    $crc;
} 0 .. 255;

# The slot of a key (CRC16 of its hash tag, as the cluster specification has it).
sub slot {
    my ($key) = @_;
    my $crc = 0;

    $key = $1 if $key =~ /\{([^{}]+)\}/;
    $crc = ($crc << 8 & 0xffff) ^ $crc[$crc >> 8 ^ $_] for unpack 'C*', $key;
    return $crc % $SLOTS;
}

# The name of a database, acme/..., whose keys lie with the master n<number> at the start; `nth` of several.
# With `below` its slot is one of that many first ones of this master: those that redis-cli moves first.
sub database {
    my ($number, %option) = @_;
    my ($from, $to) = @FIRST[$number - 1, $number];
    my $nth = $option{nth} || 1;

    $to = $from + $option{below} if $option{below};
    for my $try (1 .. 100_000) {
        my $slot = slot("{acme/p$try}");
        return "acme/p$try" if $slot >= $from && $slot < $to && !--$nth;
    }
    die "no such database\n";
}

# ---- the whole ----

sub start {
    my ($self) = @_;

    $self->launch($_) for $self->names;
    for my $name ($self->names) {
        $self->ask($name, 'CLUSTER', 'SET-CONFIG-EPOCH', substr $name, 1);
        $self->ask($name, 'CLUSTER', 'MEET', '127.0.0.1', $self->port('n1')) if $name ne 'n1';
    }
    $self->ask("n$_", 'CLUSTER', 'ADDSLOTSRANGE', $FIRST[$_ - 1], $FIRST[$_] - 1) for 1 .. 3;
    $self->wait_for('all know each other', sub {
        !grep { (() = $self->ask($_, 'CLUSTER', 'NODES') =~ /^\S+ 127\.0\.0\.1:.* connected/mg) < 6 }
            $self->names;
    });
    for my $number (4 .. 6) {
        my $master = $self->id('n' . ($number - 3));
        $self->wait_for("n$number is a replica",
            sub { $self->ask("n$number", 'CLUSTER', 'REPLICATE', $master) eq 'OK' });
    }
    $self->wait_ok;
    $self->wait_in_sync;
    return;
}

sub id { my ($self, $name) = @_; return $self->{ids}{$name} ||= $self->ask($name, 'CLUSTER', 'MYID') }

# The name of a node by its id.
sub named {
    my ($self, $id) = @_;
    my ($name) = grep { $self->id($_) eq $id } $self->names;
    return $name;
}

sub living { my ($self) = @_; return grep { $self->lives($_) } $self->names }

# [{ name, flags, master, slots }] as one node sees it.
sub view {
    my ($self, $name) = @_;
    my @nodes;

    for my $line (split /\n/, $self->ask($name, 'CLUSTER', 'NODES')) {
        my ($id, $address, $flags, $master, undef, undef, undef, undef, @slots) = split ' ', $line;
        push @nodes, { id => $id, name => $self->at_port($address =~ /:(\d+)@/ ? $1 : 0), flags => $flags,
            master => $master, slots => [map { /^(\d+)(?:-(\d+))?$/ ? [$1, $2 // $1] : () } @slots] };
    }
    return @nodes;
}

sub _owner_seen_by {
    my ($self, $name, $slot) = @_;
    my ($node) = grep { grep { $slot >= $_->[0] && $slot <= $_->[1] } @{ $_->{slots} } } $self->view($name);
    return $node && $node->{name};
}

# The name of the master that has a slot, or a key.
sub owner {
    my ($self, $what) = @_;
    my $slot = $what =~ /^\d+$/ ? $what : slot($what);

    for my $name ($self->living) {
        my $owner = eval { $self->_owner_seen_by($name, $slot) };
        return $owner if $owner;
    }
    die "nobody has slot $slot\n";
}

sub masters {
    my ($self) = @_;
    my ($name) = $self->living or die "no node lives\n";
    return map { $_->{name} } grep { $_->{flags} =~ /master/ && $_->{flags} !~ /fail|noaddr/ && @{ $_->{slots} } }
        $self->view($name);
}

sub replica_of {
    my ($self, $master) = @_;
    my ($name) = $self->living;
    my $id = $self->id($master);
    my ($replica) = grep { $_->{master} eq $id && $_->{flags} !~ /fail/ } $self->view($name);
    return $replica && $replica->{name};
}

# When a replica has taken the place of its master, ms since 1970.
sub switches { my ($self) = @_; return $self->logged(qr/ Failover election won/, $self->names) }

# Waits until every node that lives says that all slots are served, and that they are served by the living.
sub wait_ok {
    my ($self, $seconds) = @_;

    return $self->wait_for('the cluster is whole', sub {
        my @owners;
        for my $name ($self->living) {
            return 0 if $self->info($name, 'cluster', 'cluster_enabled') ne '1'
                || $self->ask($name, 'CLUSTER', 'INFO') !~ /^cluster_state:ok/m;
            my %slots = map { map { join('-', @$_) => 1 } @{ $_->{slots} } } $self->view($name);
            my @served = sort map { my $node = $_; map { join('-', @$_) . "=$node->{name}" } @{ $node->{slots} } }
                $self->view($name);
            push @owners, "@served";
            return 0 if grep { @{ $_->{slots} } && !$self->lives($_->{name}) } $self->view($name);
        }
        return !grep { $_ ne $owners[0] } @owners;
    }, $seconds);
}

# Waits until each replica that lives has what its master had when this was called.
sub wait_in_sync {
    my ($self) = @_;
    my %offset = map { $_ => $self->info($_, 'replication', 'master_repl_offset') } $self->masters;

    return $self->wait_for('replicas in sync', sub {
        for my $name ($self->living) {
            my $text = $self->ask($name, 'INFO', 'replication');
            return 0 if $text =~ /^role:slave/m && $text !~ /^master_link_status:up/m;
            return 0 if $offset{$name}
                && grep { $_ < $offset{$name} } $text =~ /^slave\d+:.*state=online,offset=(\d+)/mg;
        }
        return 1;
    });
}

# ---- commands ----

my %KEYLESS = map { $_ => 1 } qw(PING INFO CONFIG TIME PUBLISH ACL CLIENT SCRIPT);
my %KEY_AT = (EVAL => 3, EVALSHA => 3);

# One command to the node that has its key; follows redirections. KEYS, FLUSHALL and DBSIZE go to all masters
# (what they answer is joined or added), what has no key to the first one.
sub command {
    my ($self, @words) = @_;
    my $verb = uc $words[0];

    return [map { @{ $self->ask($_, @words) } } $self->masters] if $verb eq 'KEYS';
    if ($verb eq 'FLUSHALL' || $verb eq 'DBSIZE') {
        my ($sum, $reply) = (0);
        for ($self->masters) { $reply = $self->ask($_, @words); $sum += $reply if $verb eq 'DBSIZE' }
        return $verb eq 'DBSIZE' ? $sum : $reply;
    }
    my $name = $KEYLESS{$verb} ? ($self->masters)[0] : $self->owner($words[$KEY_AT{$verb} || 1] . '');
    for (1 .. 50) {
        my $reply = eval { $self->ask($name, @words) };
        return $reply if !$@;
        if ($@ =~ /^redis: MOVED \d+ \S*:(\d+)/) { $name = $self->at_port($1) }
        elsif ($@ =~ /^redis: ASK \d+ \S*:(\d+)/) {
            my $other = $self->at_port($1);
            $self->ask($other, 'ASKING');
            $reply = eval { $self->ask($other, @words) };
            return $reply if !$@;
            die $@ if $@ !~ /^redis: TRYAGAIN/;
        }
        elsif ($@ !~ /^redis: TRYAGAIN/) { die $@ }
        select undef, undef, undef, 0.05;
    }
    die "redis: no end of redirections\n";
}

# ---- moving ----

sub _move_keys {
    my ($self, $slot, $from, $to, $count) = @_;
    my $keys = $self->ask($from, 'CLUSTER', 'GETKEYSINSLOT', $slot, $count);

    return 0 if !@$keys;
    $self->ask($from, 'MIGRATE', '127.0.0.1', $self->port($to), '', 0, 5000, 'KEYS', @$keys);
    return scalar @$keys;
}

# Moves a slot to another master. `half` runs when about half of its keys are moved: until it returns, requests
# for the slot meet ASK and TRYAGAIN. Returns how many keys were moved.
sub move_slot {
    my ($self, $slot, $to, %option) = @_;
    my $from = $self->owner($slot);
    my $moved = 0;

    $self->ask($to, 'CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $self->id($from));
    $self->ask($from, 'CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $self->id($to));
    if ($option{half}) {
        my $count = $self->ask($from, 'CLUSTER', 'COUNTKEYSINSLOT', $slot);
        $moved += $self->_move_keys($slot, $from, $to, int(($count + 1) / 2)) if $count;
        $option{half}->();
    }
    while (my $count = $self->_move_keys($slot, $from, $to, 50)) { $moved += $count }
    # The new owner first: should it stop here, nobody has the slot twice.
    $self->ask($_, 'CLUSTER', 'SETSLOT', $slot, 'NODE', $self->id($to)) for $to, $from;
    for my $other (grep { $_ ne $to && $_ ne $from } $self->masters) {
        $self->ask($other, 'CLUSTER', 'SETSLOT', $slot, 'NODE', $self->id($to));
    }
    return $moved;
}

# Moves the first `count` slots of one master to another, by redis-cli.
sub reshard {
    my ($self, $from, $to, $count) = @_;

    return $self->cli('--cluster', 'reshard', $self->address($from), '--cluster-from', $self->id($from),
        '--cluster-to', $self->id($to), '--cluster-slots', $count, '--cluster-yes', '--cluster-timeout', 5000);
}

# A new server that becomes a replica of this master.
sub join_replica {
    my ($self, $name, $master) = @_;

    $self->_add_member($name);
    $self->launch($name);
    $self->ask($name, 'CLUSTER', 'MEET', '127.0.0.1', $self->port($master));
    $self->wait_for("$name knows $master",
        sub { $self->ask($name, 'CLUSTER', 'REPLICATE', $self->id($master)) eq 'OK' });
    $self->wait_for("all know $name", sub {
        !grep { !grep { ($_->{name} // '') eq $name && $_->{flags} =~ /slave/ } $self->view($_) } $self->living;
    });
    $self->wait_ok;
    $self->wait_in_sync;
    return;
}

# All others forget a node that is dead for good.
sub forget {
    my ($self, $name) = @_;
    my $id = $self->id($name);

    $self->ask($_, 'CLUSTER', 'FORGET', $id) for $self->living;
    return;
}

1;
