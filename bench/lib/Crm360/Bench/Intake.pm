# The part "intake": how many webhooks a second httpd takes in, against a handler in the same httpd that only reads
# the body (bench/mod_bench_null.c), and how long callers wait. In turns: the null handler; appendfsync everysec;
# always; always at a location that demands it.
package Crm360::Bench::Intake;

use strict;
use warnings;

use List::Util qw(max);

use Crm360::Bench::Sender qw(send_posts);
use Crm360::Bench::Site;
use Crm360::Bench::Usage qw(processes memory_kb);
use Crm360::Test;

my $CONNECTIONS = 32;
my $BODY = 't/fixtures/shopify/customer-update-2024-10.json';
my $ROUTE = 'Shopify/Customer/Update';
my @TURNS = qw(null everysec always demanded);
my %TITLE = (null => 'null handler', everysec => 'intake, everysec', always => 'intake, always',
    demanded => 'intake, always, demanded');

sub settings {
    my ($option) = @_;
    return $option->{quick} ? (rounds => 1, seconds => 1)
        : (rounds => $option->{rounds} || 5, seconds => $option->{seconds} || 3);
}

sub about {
    my ($own) = @_;
    return sprintf '%d rounds of %d s, %d kept connections, bodies of %d bytes', @$own{qw(rounds seconds)},
        $CONNECTIONS, -s root() . "/$BODY";
}

# Each turn has some figures of the same kind.
sub _grid {
    my ($unit, @kinds) = @_;
    my @figures;

    for my $turn (@TURNS) {
        push @figures, map { { id => "$turn.$_", title => $TITLE{$turn}, column => $_, unit => $unit } }
            grep { $turn ne 'null' || $_ ne 'redis' } @kinds;
    }
    return @figures;
}

sub figures {
    return (
        (map { { id => "$_.rate", title => $TITLE{$_}, unit => 'requests/s' } } @TURNS),
        { id => 'ratio', title => 'intake / null handler', unit => 'ratio', least => 0.70 },
        { id => 'always.ratio', title => 'always / everysec', unit => 'ratio', least => 0.70 },
        { id => 'demanded.ratio', title => 'always, demanded / everysec', unit => 'ratio', least => 0.70 },
        { id => 'p99.ratio', title => 'p99, intake / null handler', unit => 'ratio', most => 2 },
        _grid('ms until the answer', qw(p50 p99)),
        _grid('us of CPU a request', qw(httpd redis)),
        { id => 'child', title => 'resident memory of an httpd child', unit => 'MB' },
    );
}

my $SERVER = $Crm360::Bench::Site::HTTPD . <<'END';
LoadModule bench_null_module "%s"
<Location "/null">
    SetHandler bench-null
</Location>
<Location "/demanded">
    Crm360Webhook On
    Crm360Durability fsync
</Location>
END

sub _path {
    my ($site, $turn) = @_;
    my $path = $site->url($ROUTE, SourceId => 1);

    return '/null' if $turn eq 'null';
    $path =~ s{^\Q$Crm360::Test::MOUNT\E}{/demanded} if $turn eq 'demanded';
    return $path;
}

# One turn: what was measured, by the name of its figure.
sub _turn {
    my ($site, $turn, $seconds) = @_;
    my @servers = $turn eq 'null' ? 'httpd' : qw(httpd redis);

    if ($turn ne 'null') {
        # In this order: while the file is rewritten nothing is said to be on the disk.
        $site->empty_redis;
        $site->set_fsync($turn eq 'everysec' ? 'everysec' : 'always', _path($site, $turn));
    }
    my $before = $site->cpu_of(@servers);
    my $sent = send_posts($site, path => _path($site, $turn), file => root() . "/$BODY", seconds => $seconds,
        connections => $CONNECTIONS);
    my $after = $site->cpu_of(@servers);
    if ($turn ne 'null') {
        my $stored = $site->redis('ZCARD', $site->key('acme/prod', 'live'));
        die "$turn: $sent->{requests} answered, $stored stored\n" if $stored <= $sent->{requests};
    }
    return (
        (map { ("$turn.$_" => $sent->{$_}) } qw(rate p50 p99)),
        (map { ("$turn.$_" => ($after->{$_} - $before->{$_}) / $sent->{requests}) } @servers),
    );
}

# Adds what it measures to the figures; `own` is what settings() returned, and say.
sub measure {
    my ($figures, $own) = @_;
    my $site = Crm360::Bench::Site->new(
        server => sprintf($SERVER, build() . '/bench/mod_bench_null.so'));

    $site->start_redis;
    $site->start_httpd;
    for my $round ($own->{first_round} .. $own->{rounds}) {
        my %is = map { _turn($site, $_, $round ? $own->{seconds} : 1) } @TURNS;

        next if !$round; # for warming up
        $is{ratio} = $is{'everysec.rate'} / $is{'null.rate'};
        $is{"$_.ratio"} = $is{"$_.rate"} / $is{'everysec.rate'} for qw(always demanded);
        $is{child} = max(map { (memory_kb($_) || 0) / 1024 } processes($site->{httpd}->pid));
        $is{'p99.ratio'} = $is{'everysec.p99'} / $is{'null.p99'};
        $figures->add('intake', %is);
        $own->{say}->(sprintf 'round %d: null %.0f/s, everysec %.0f/s (%.2f), always %.0f/s, demanded %.0f/s', $round,
            @is{qw(null.rate everysec.rate ratio always.rate demanded.rate)});
    }
    $site->end;
    return;
}

1;
