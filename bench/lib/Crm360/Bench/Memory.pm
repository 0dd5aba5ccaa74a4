# The part "memory": what the processes of crm360d take after very many messages, and whether that grows. Of each
# hundred messages one is an order of twelve lines, nine are customers and ninety are reports about an SMS; they go
# into SQLite, one load after the other without a rest.
package Crm360::Bench::Memory;

use strict;
use warnings;

use List::Util qw(max);
use Time::HiRes qw(time);

use Crm360::Bench::Fill qw(fill);
use Crm360::Bench::Messages qw(patterns);
use Crm360::Bench::Site;
use Crm360::Bench::Usage qw(processes name_of memory_kb);
use Crm360::Test;

my $DATABASE = 'acme/prod';
my %SHARE = (order => 1, customer => 9, sms => 90);
my $LOADS = 30; # at as many points memory is looked at
my $PATIENCE = 120; # for a load, s
my @PROCESSES = qw(master keeper worker);

sub settings {
    my ($option) = @_;
    return (messages => 1_500, limit_seconds => 60) if $option->{quick};
    # Whoever asks for a number gets it, however long that takes.
    return $option->{messages} ? (messages => $option->{messages}, limit_seconds => 0)
        : (messages => 1_500_000, limit_seconds => 150);
}

sub about {
    my ($own) = @_;
    return "$own->{messages} messages" . ($own->{limit_seconds} ? ", or as many as $own->{limit_seconds} s allow" : '');
}

sub figures {
    my @points = (start => 'start', third => '1/3', thirds => '2/3', end => 'end');
    my @figures;

    for my $process (@PROCESSES) {
        for my $at (0 .. 3) {
            push @figures, { id => "$process.$points[2 * $at]", title => $process, column => $points[2 * $at + 1],
                unit => 'MB resident' };
        }
    }
    return (
        { id => 'messages', title => 'messages done', unit => 'messages' },
        @figures,
        { id => 'master', title => 'master, highest of the last third', unit => 'MB resident', most => 10 },
        { id => 'worker', title => 'worker, highest of the last third', unit => 'MB resident', most => 20 },
        { id => 'master.growth', title => 'master, more than in the one before', unit => 'MB', most => 0.5 },
        { id => 'worker.growth', title => 'worker, more than in the one before', unit => 'MB', most => 0.5 },
    );
}

# Resident memory of master, keeper and the largest worker, MB.
sub _memory {
    my ($site) = @_;
    my $master = $site->{consumer}->pid;
    my %is = map { $_ => 0 } @PROCESSES;

    for my $pid (processes($master)) {
        my $name = $pid == $master ? 'master' : name_of($pid) =~ /keeper/ ? 'keeper' : 'worker';
        my $mb = (memory_kb($pid) || 0) / 1024;
        $is{$name} = $mb if $mb > $is{$name};
    }
    return \%is;
}

# Puts a load in, as soon as the one before is nearly done.
sub _load {
    my ($site, $patterns, $load, $each) = @_;

    for my $kind (qw(customer order sms)) {
        my $count = $each * $SHARE{$kind} / 100;
        my $from = 1 + $load * $each * $SHARE{sms} / 100;
        my @patterns = @{ $patterns->{$kind} };

        fill($site, $patterns[$_], from => $from + $_, to => $from + $count - 1, step => scalar @patterns,
            visible => 1) for 0 .. $#patterns;
    }
    return;
}

sub measure {
    my ($figures, $own) = @_;
    my $site = Crm360::Bench::Site->new;
    my $each = 100 * (int($own->{messages} / $LOADS / 100) || 1);
    my ($until, @points) = ($own->{limit_seconds} ? time + $own->{limit_seconds} : undef);

    $site->start_redis;
    $site->start_httpd;
    $site->migrate;
    my $patterns = patterns($site, $DATABASE);
    $site->stop_httpd;
    $site->start_consumer;
    my $done = sub { $site->redis('HGET', $site->key($DATABASE, 'counters'), 'done') || 0 };
    $site->await('its processes', sub { my $is = _memory($site); !grep { !$is->{$_} } @PROCESSES });
    push @points, _memory($site);
    for my $load (0 .. $own->{messages} / $each - 1) {
        _load($site, $patterns, $load, $each);
        $site->await("load $load", sub { $done->() > ($load + 0.9) * $each }, $PATIENCE);
        push @points, _memory($site);
        $own->{say}->(sprintf '%d done: master %.1f MB, keeper %.1f MB, worker %.1f MB', $done->(),
            @{ $points[-1] }{@PROCESSES}) if $load % 5 == 4;
        last if defined $until && time > $until;
    }
    my $all = $#points * $each;
    $site->await('the last messages', sub { $done->() >= $all }, $PATIENCE);
    $points[-1] = _memory($site);

    my %at = (start => 0, third => int($#points / 3), thirds => int($#points * 2 / 3), end => $#points);
    for my $process (@PROCESSES) {
        $figures->add('memory', "$process.$_" => $points[ $at{$_} ]{$process}) for keys %at;
    }
    # Pages of a large batch come and go: the highest points are compared.
    my $highest = sub { my ($process, $from, $to) = @_; max(map { $_->{$process} } @points[$from .. $to]) };
    for my $process (qw(master worker)) {
        $figures->add('memory', $process => $highest->($process, $at{thirds}, $at{end}), "$process.growth" =>
            $highest->($process, $at{thirds}, $at{end}) - $highest->($process, $at{third}, $at{thirds}));
    }
    $figures->add('memory', messages => $all);
    $site->end;
    return;
}

1;
