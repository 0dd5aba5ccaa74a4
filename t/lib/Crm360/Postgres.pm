# A private PostgreSQL server for a test: a fresh cluster in a folder of its own, on a Unix socket
# only, stopped by its process id whatever happens. PostgreSQL refuses to run as root; then it runs
# as the user postgres, which Debian's package has made.
#
#   my $pg = Crm360::Postgres->new(password => 'secret');   # of the user crm360; durable => 1: with fsync
#   $pg->start;  $pg->create('prod');
#   $pg->params('prod')                  # a connection string without password
#   $pg->rows('prod', 'select ...')      # as the superuser; arrays of bytes, NULL is undef
#   $pg->stop;  $pg->start;
package Crm360::Postgres;

use strict;
use warnings;

use DBI;
use File::Path qw(remove_tree);
use Crm360::Scratch qw(scratch);
use Time::HiRes qw(sleep time);

use Crm360::Process;

my $OWNER = $$;
my @servers;

# The folder with the programs of the newest version that is installed.
sub bin {
    my @found = sort { ($b =~ /(\d+)/)[0] <=> ($a =~ /(\d+)/)[0] } glob '/usr/lib/postgresql/*/bin';
    my ($path) = grep { -x "$_/initdb" } @found, split /:/, $ENV{PATH};

    return $path || die "PostgreSQL is not installed\n";
}

sub _user { return $> == 0 ? 'postgres' : undef }

sub _spawn {
    my ($self, $name, @command) = @_;

    return Crm360::Process->start(
        name => $name,
        command => \@command,
        output => "$self->{dir}/$name.log",
        user => _user(),
        env => { LC_ALL => 'C' },
    );
}

sub new {
    my ($class, %option) = @_;
    my $dir = scratch('crm360-pg-XXXXXX');
    my $self = bless { dir => $dir, %option }, $class;
    my $init;

    push @servers, $self;
    chmod 0755, $dir;
    chown +(getpwnam _user())[2, 3], $dir if _user();
    $init = $self->_spawn('initdb', bin() . '/initdb', '-D', "$dir/data", '-U', 'postgres', '-A',
        'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync');
    ($init->wait_end(120) // 1) == 0 or die "initdb failed: see $dir/initdb.log\n";
    open my $hba, '>', "$dir/data/pg_hba.conf" or die "$dir/data/pg_hba.conf: $!\n";
    print $hba "local all postgres trust\nlocal all all scram-sha-256\n";
    close $hba or die "$dir/data/pg_hba.conf: $!\n";
    return $self;
}

sub dir { return $_[0]{dir} }

# Without fsync: what is tested is not whether the machine survives. A benchmark says durable => 1 to new().
sub start {
    my ($self) = @_;
    my $until = time + 60;

    $self->{process} = $self->_spawn('postgres', bin() . '/postgres', '-D', "$self->{dir}/data",
        '-k', $self->{dir}, '-c', 'listen_addresses=', '-c', 'fsync=' . ($self->{durable} ? 'on' : 'off'),
        '-c', 'max_connections=60');
    while (system(bin() . '/pg_isready', '-q', '-h', $self->{dir}, '-U', 'postgres')) {
        die "PostgreSQL ended: see $self->{dir}/postgres.log\n" if defined $self->{process}->status;
        die "PostgreSQL is not ready in time\n" if time > $until;
        sleep 0.05;
    }
    $self->_command('postgres', "create user crm360 password '$self->{password}'")
        if !$self->{user_made}++;
    return $self;
}

# Ends all sessions, also those in a transaction; INT is PostgreSQL's "fast shutdown".
sub stop {
    my ($self) = @_;
    my $process = $self->{process} or return;

    return $process->status if defined $process->status;
    $process->signal('INT');
    return $process->wait_end(30) // $process->kill_group;
}

sub pid { return $_[0]{process}->pid }

# A database that belongs to the user crm360.
sub create {
    my ($self, $name) = @_;

    $self->_command('postgres', "create database $name owner crm360");
    return;
}

sub params {
    my ($self, $name) = @_;
    return "host=$self->{dir} dbname=$name user=crm360";
}

# The connection string of the superuser.
sub superuser { return "host=$_[0]{dir} dbname=postgres user=postgres" }

# A connection of the superuser, kept: a psql for each question would keep the machine busier than what is tested. A
# forked process has its own.
sub _connection {
    my ($self, $name) = @_;
    my $kept = $self->{connections}{$$}{$name};

    return $kept if $kept && $kept->ping;
    return $self->{connections}{$$}{$name} = DBI->connect("dbi:Pg:host=$self->{dir};dbname=$name", 'postgres', '',
        { RaiseError => 1, PrintError => 0, AutoCommit => 1, AutoInactiveDestroy => 1, pg_server_prepare => 0,
        pg_enable_utf8 => 0, pg_expand_array => 0, pg_bool_tf => 1 });
}

sub _command { my ($self, $name, $sql) = @_; return $self->_connection($name)->do($sql) }

# Several statements may be given, which are one transaction; the rows are those of the last one.
sub rows {
    my ($self, $name, $query) = @_;
    my $statement = $self->_connection($name)->prepare($query, { pg_direct => 1 });

    $statement->execute;
    return $statement->{NUM_OF_FIELDS} ? @{ $statement->fetchall_arrayref } : ();
}

sub value {
    my ($self, $name, $query) = @_;
    return ($self->rows($name, $query))[0][0];
}

END {
    my $status = $?;
    if ($$ == $OWNER) {
        for my $server (@servers) {
            $server->stop;
            remove_tree($server->{dir}) if !$ENV{CRM360_KEEP};
        }
    }
    $? = $status;
}

1;
