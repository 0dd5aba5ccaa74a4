# The frame of the fault suite: each fault is a phase of its own with fresh servers, a load of webhooks,
# somebody who breaks things meanwhile, and a check of every 2xx at the end. A fault is a hash:
#
#   name     => what it is called in the table
#   act      => sub ($phase, $load) that breaks and mends until $phase->going is false; everything is mended
#               when it returns
#   site     => { options of Crm360::Test }, settings => more lines of crm360.conf, redis => of redis.conf
#   load     => { options of Crm360::Load }
#   seconds  => [cut, full]: how long it goes on (default 2.5 and 20)
#   expect   => [patterns of the warnings that it causes]
#   keeps    => 1: every caller hears 2xx at once, whatever happens
#   spool    => size of the spool (default 64M); spool_folder => sub that returns where it is to be
#   verify   => sub ($phase, $tries): more assertions, before the servers are stopped
#   judge    => sub ($phase, $tries) that returns what Crm360::Check::judge would, instead of it
#   skip     => sub that returns a reason to leave it out, or nothing
#
# Environment: CRM360_SEED repeats a run, CRM360_CHAOS=full runs at full length, CRM360_FAULT=name,name
# runs some phases only, a single one with all it has to say.
package Crm360::Chaos;

use strict;
use warnings;

use IO::Select;
use JSON::PP;
use List::Util qw(sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Crm360::Check;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;

my $DATABASES = { 'acme/prod' => '', 'beta/shop' => '' };
my $SETTINGS = "Crm360HandlerTimeout 1s\nCrm360Lease 3s\nCrm360Workers live 3\n"
    . "Crm360RetrySchedule 100ms 100ms 200ms 400ms\n";
my @COLUMNS = qw(sent good spooled failed lost duplicated early late);
my %TITLES = (good => '2xx');

# Warnings that any trouble with Redis, and any death of a process of ours, causes.
our @REDIS_AWAY = (qr/CRM0101/, qr/CRM0102/, qr/CRM0330/);
our @KILLED = (qr/CRM0322/);

sub full { return ($ENV{CRM360_CHAOS} // '') eq 'full' }

# Whether everything takes longer here: under sanitizers.
sub slow { return !timing() }

sub seed {
    $ENV{CRM360_SEED} ||= 1 + int(time * 1000) % 1_000_000;
    return $ENV{CRM360_SEED};
}

# ---- for the one who breaks things ----

sub site { return $_[0]{site} }
sub name { return $_[0]{name} }
sub going { return time < $_[0]{until} }

# Does nothing for a random time.
sub pause {
    my ($self, $least, $most) = @_;
    sleep $least + rand($most - $least);
    return;
}

# What is done here is a fault: nothing is late while it lasts.
sub broken {
    my ($self, $what) = @_;
    my $from = int(time * 1000);

    $what->();
    push @{ $self->{broken} }, [$from, int(time * 1000) + 1];
    $self->{hits}++;
    return;
}

# The process ids of the workers of crm360d, and of httpd's children.
sub children {
    my ($self, $process) = @_;
    my $pid = $process->pid;
    return split ' ', `pgrep -P $pid`;
}

sub any { return $_[1 + int rand(@_ - 1)] }

# The process id of any of them. The last one may just have been killed: waits until there is another.
sub child {
    my ($self, $process) = @_;
    my $until = time + 20;
    my @children;

    until (@children = $self->children($process)) {
        die $process->name . " has no child\n" if time > $until;
        sleep 0.02;
    }
    return $self->any(@children);
}

# ---- a phase ----

sub _site {
    my ($fault) = @_;
    my %option = %{ $fault->{site} || {} };

    my $site = Crm360::Test->new(
        consumer_program => 't/crm360d_faulty',
        databases => $DATABASES,
        appendonly => 1,
        redis_settings => "appendfsync always\n" . ($fault->{redis} || ''),
        settings => $SETTINGS . ($fault->{settings} || ''),
        loglevel => 'warn crm360_webhook:info',
        %option,
    );
    Crm360::Spool::make($site, $fault->{spool} || '64M',
        $fault->{spool_folder} ? $fault->{spool_folder}->() : undef);
    return $site;
}

# How many messages wait, in Redis or in the spool, and how many somebody holds.
sub waiting {
    my ($site) = @_;

    return sum0 scalar(Crm360::Spool::files($site)), map {
        my $database = $_;
        $site->redis('HLEN', $site->key($database, 'claims')),
            map { $site->redis('ZCARD', $site->key($database, $_)) } qw(live batch send);
    } sort keys %{ $site->{databases} };
}

sub dead {
    my ($site) = @_;
    return map { @{ $site->redis('ZRANGE', $site->key($_, 'dead'), 0, -1) } }
        sort keys %{ $site->{databases} };
}

# Runs one fault; its row of the table.
sub run {
    my ($fault) = @_;
    my $self = bless { name => $fault->{name}, broken => [], hits => 0 }, __PACKAGE__;
    my $seconds = ($fault->{seconds} || [2.5, 20])->[full() ? 1 : 0] * (timing() ? 1 : 2);
    my $seed = seed() + unpack '%16C*', $fault->{name};
    my ($site, $load, @tries, $row);

    my $reason = $fault->{skip} && $fault->{skip}->();
    if ($reason) {
        pass "$fault->{name}: left out: $reason";
        return { name => "$fault->{name}: left out: $reason" };
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    srand $seed;
    $site = $self->{site} = _site($fault);
    $site->expect_log(@{ $fault->{expect} || [] });
    $site->start_redis;
    $site->migrate;
    Crm360::Check::prepare($site);
    $site->start_httpd;
    $site->start_consumer;
    $load = Crm360::Load->start($site, name => $fault->{name}, seed => $seed,
        rate => timing() ? 80 : 25, callers => 6, %{ $fault->{load} || {} });
    $self->{until} = time + $seconds;
    $fault->{act}->($self, $load);
    sleep 0.3; # some more, after everything was mended
    @tries = $load->stop;

    wait_until { waiting($site) == 0 } 30, "$fault->{name}: everything is worked off";
    $row = $fault->{judge} ? $fault->{judge}->($self, \@tries)
        : Crm360::Check::judge(\@tries, Crm360::Check::effects($site), broken => $self->{broken});
    cmp_ok $row->{good}, '>', 0, "$fault->{name}: webhooks were accepted";
    cmp_ok $self->{hits}, '>', 0, "$fault->{name}: something was broken ($self->{hits} times)";
    is $row->{$_}, 0, "$fault->{name}: $_" for qw(lost duplicated early late);
    is $row->{failed}, 0, "$fault->{name}: all were accepted at once" if $fault->{keeps};
    $fault->{verify}->($self, \@tries) if $fault->{verify};
    my @examples = @{ $row->{examples} };
    diag $_ for @examples > 10 ? @examples[0 .. 9] : @examples;
    $site->finish;
    return { %$row, name => $fault->{name} };
}

# ---- all phases ----

my $OWNER = $$;
my %running; # process id => the phase that it runs

# A process of its own for a phase: this program again, told to run that one.
sub _spawn {
    my ($fault) = @_;
    my $pid = open my $pipe, '-|';

    die "cannot fork: $!\n" unless defined $pid;
    if (!$pid) {
        $ENV{CRM360_FAULT} = $fault->{name};
        exec $^X, (map { "-I$_" } @INC), $0 or POSIX::_exit(127);
    }
    $running{$pid} = { name => $fault->{name}, pipe => $pipe, text => '' };
    return;
}

# Waits until a phase has ended; its name, its wait status and what it has printed.
sub _ended {
    my $select = IO::Select->new(map { $_->{pipe} } values %running);

    for my $pipe ($select->can_read(1)) {
        my ($pid) = grep { $running{$_}{pipe} == $pipe } keys %running;
        my $phase = $running{$pid};

        next if sysread $pipe, $phase->{text}, 65536, length $phase->{text};
        delete $running{$pid};
        close $pipe;
        return ($phase->{name}, $?, $phase->{text});
    }
    return;
}

# Takes over the assertions of a phase; its row of the table.
sub _adopt {
    my ($name, $status, $text) = @_;
    my $failed = 0;
    my $row;

    for my $line (split /\n/, $text) {
        if ($line =~ /^(not )?ok \d+(?: - (.*))?/) {
            ok !$1, $2 // $name;
            $failed++ if $1;
        }
        $row = decode_json($1) if $line =~ /^# row (.*)/;
    }
    is $status, 0, "$name: the phase has ended well" if !$failed;
    return $row || { name => "$name: has not come to its end" };
}

sub _print_table {
    my (@rows) = @_;

    diag sprintf '%-22s' . ' %10s' x @COLUMNS, 'fault', map { $TITLES{$_} || $_ } @COLUMNS;
    for my $row (@rows) {
        diag defined $row->{sent}
            ? sprintf '%-22s' . ' %10d' x @COLUMNS, @$row{'name', @COLUMNS} : $row->{name};
    }
    return;
}

# Runs the faults, two at a time: most of a phase is waiting. Prints the table.
sub run_all {
    my (@faults) = @_;
    my %wanted = map { $_ => 1 } split /,/, $ENV{CRM360_FAULT} // '';
    my (@rows, %row);

    @faults = grep { $wanted{ $_->{name} } } @faults if %wanted;
    diag 'CRM360_SEED=' . seed() if @faults != 1;
    my @waiting = @faults;
    while (@faults > 1 && (@waiting || %running)) {
        _spawn(shift @waiting) while @waiting && keys %running < 2;
        my ($name, @outcome) = _ended() or next;
        $row{$name} = _adopt($name, @outcome);
    }
    if (@faults == 1) {
        my $row = $row{ $faults[0]{name} } = run($faults[0]);
        delete $row->{examples};
        note 'row ' . encode_json($row);
    }
    _print_table(map { $row{ $_->{name} } } @faults) if @faults > 1;
    return;
}

END {
    my $status = $?;
    kill 'TERM', keys %running if $$ == $OWNER;
    $? = $status;
}

1;
