# A load of several callers, each post with a serial number of its own, whose every 2xx is written down with its
# MessageId and Durability, and the account of what became of them: each acknowledged message is done exactly
# once, or still waits in a queue, or lies in the spool, or is a dead letter; or else it is lost.
#
#   Crm360::Ledger::prepare($site);                     # after the migration
#   my $ledger = Crm360::Ledger->start($site, rate => 100, safe => 0.5);
#   ...
#   $ledger->stop;                                      # ends the callers
#   $ledger->settle;                                    # one assertion: everything is worked off
#   my $account = $ledger->account;                     # { good, done, waiting, spooled, dead, lost => [...], ... }
#   $ledger->is_whole('a failover', gaps => [$set->gaps([$from, $to])]);   # assertions
#
# An effect is a row of the table Effects for each run, which build/t/crm360d_faulty leaves: nothing there
# recognises a second run but the queue and the inbox. With `gateway` the callers send SMS instead, and an
# effect is a request that this Crm360::Gateway has heard; crm360d is the real one then.
#
# Options of start, beside those of Crm360::Load: safe (share of posts to the location /safe, default 0), large
# (share of bodies of 300 kB, default 0.02), gateway.
package Crm360::Ledger;

use strict;
use warnings;

use JSON::PP;
use List::Util qw(sum0);
use Test::More;

use Crm360::Chaos;
use Crm360::Check;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;

# Warnings that any change of servers causes.
our @NODES_MOVE = (qr/CRM010[35-9]/, qr/CRM0110/, qr/CRM012[6-9]/, qr/CRM013\d/);

my $LARGE_BYTES = 300_000; # written to Redis in parts

# A location that demands a level, for the option `server` of Crm360::Test.
sub safe_location {
    my ($level) = @_;
    return "<Location \"/safe\">\n    Crm360Webhook On\n    Crm360Durability $level\n</Location>\n";
}

sub prepare { return Crm360::Check::prepare($_[0]) }

# A site on Crm360::Sentinel or Crm360::Cluster for such loads, with a spool and a location /safe that demands a
# replica; nothing is started yet. More options are those of Crm360::Test.
sub site {
    my ($set, %option) = @_;
    my $spool = exists $option{spool_size} ? delete $option{spool_size} : '64M';
    my $site = Crm360::Test->new(
        redis_set => $set,
        consumer_program => 't/crm360d_faulty',
        settings => "Crm360HandlerTimeout 1s\nCrm360Lease 3s\nCrm360Workers live 3\n"
            . "Crm360RetrySchedule 100ms 100ms 200ms 400ms\n",
        server => safe_location('replica') . "<Location \"/status\">\n    SetHandler crm360-status\n</Location>\n",
        loglevel => 'warn crm360_webhook:info',
        %option,
    );
    Crm360::Spool::make($site, $spool) if $spool;
    $site->expect_log(@Crm360::Chaos::REDIS_AWAY, @NODES_MOVE);
    return $site;
}

# Starts all of it; the servers of Redis when they do not run yet.
sub start_site {
    my ($site) = @_;

    $site->start_redis if !grep { $site->{redis_set}->lives($_) } $site->{redis_set}->names;
    $site->migrate;
    prepare($site) if $site->{consumer_program};
    $site->start_httpd;
    $site->start_consumer;
    # So that whoever looks next finds all of it.
    $site->{redis_set}->wait_for('crm360d is heard of', sub { $site->redis('HLEN', 'crm360:1:consumers') > 0 });
    return $site;
}

my $started = 0;

sub start {
    my ($class, $site, %option) = @_;
    my $self = bless { site => $site, gateway => delete $option{gateway}, safe => delete $option{safe} // 0,
        large => delete $option{large} // 0.02 }, $class;

    $started++;
    $self->{load} = Crm360::Load->start($site, name => "l$started", attempts => 1, rate => 100, callers => 6,
        seed => Crm360::Chaos::seed() + $started, delayed => 0.1, longest => 1,
        order => sub { $self->_order(@_) }, %option);
    return $self;
}

sub _order {
    my ($self, $serial, $site) = @_;
    my @databases = sort keys %{ $site->{databases} };
    my $database = $databases[rand @databases];
    my $delay = rand() < 0.1 ? 1 : 0;
    my ($route, $body) = ('Adictiz/User/Participate', "effect $serial 0");

    $body .= ' ' . 'x' x $LARGE_BYTES if rand() < $self->{large};
    if ($self->{gateway}) {
        my ($caller, $number) = $serial =~ /-(\d+)-(\d+)$/;
        ($route, $body, $delay) = ('Crm360/Sms/Send', encode_json({
            MobilePhoneNumber => sprintf('06%02d%06d', $caller, $number), MobilePhoneCountryIso3 => 'FRA',
            Message => "Message $serial.", Crm360EventChannelId => '1', Crm360EventCategoryId => '1',
        }), 0);
    }
    my $path = $site->url($route, -database => $database, SourceId => 1,
        $delay ? (secondsOfInvisibility => $delay) : ());
    my $safe = rand() < $self->{safe};
    $path =~ s{^\Q$site->{mount}\E}{/safe} if $safe;
    return { body => $body, database => $database, path => $path, delay => $delay, mark => $safe ? 'safe' : '' };
}

sub stop {
    my ($self) = @_;
    $self->{tries} = [$self->{load}->stop];
    return;
}

# All posts so far, by time: see Crm360::Load.
sub tries { my ($self) = @_; return $self->{tries} ? @{ $self->{tries} } : $self->{load}->tries }

# Those that were answered with 2xx.
sub good { return grep { $_->{status} =~ /^2/ } $_[0]->tries }

# The messages of this load that still lie in the spool; only those that demand no replica with `plain`.
sub in_spool {
    my ($self, $plain) = @_;
    return grep { -e "$self->{site}{spool}/$_->{id}.msg" }
        grep { $_->{durability} eq 'spool' && !($plain && $_->{mark}) } $self->good;
}

# One assertion: nothing waits any more, in no queue and not in the spool.
sub settle {
    my ($self, $seconds, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return wait_until { Crm360::Chaos::waiting($self->{site}) == 0 } $seconds || 40,
        $name || 'everything is worked off';
}

# ---- the account ----

# ids that wait (id => 1), in the order in which messages travel: what moves on meanwhile is seen behind.
sub _places {
    my ($self) = @_;
    my $site = $self->{site};
    my %place = (spooled => { map { s/\.\w+$//r => 1 } $site->{spool} ? Crm360::Spool::files($site) : () });

    for my $database (sort keys %{ $site->{databases} }) {
        for my $queue (qw(live batch send dead)) {
            my $ids = $site->redis('ZRANGE', $site->key($database, $queue), 0, -1);
            # A queued id without its message is no message.
            $place{ $queue eq 'dead' ? 'dead' : 'waiting' }{$_} = 1
                for grep { $site->redis('EXISTS', $site->key($database, "message:$_")) } @$ids;
        }
    }
    return \%place;
}

# How often each id, and each serial number, had its effect.
sub _effects {
    my ($self) = @_;
    my (%by_id, %by_serial);

    if ($self->{gateway}) {
        for my $request (grep { $_->{whole} } $self->{gateway}->requests) {
            my ($id) = $request->{body} =~ /(\w{26}-Crm360-Sms-Send)/;
            my ($serial) = $request->{body} =~ /Message[ +]([\w-]+)\./;
            $by_id{ $id // 'without an id' }++;
            $by_serial{ $serial // 'without a serial number' }++;
        }
        return (\%by_id, \%by_serial);
    }
    for my $database (sort keys %{ $self->{site}{databases} }) {
        for ($self->{site}->sql($database, 'select Serial, MessageId from Effects')) {
            $by_id{ $_->{MessageId} }++;
            $by_serial{ $_->{Serial} }++;
        }
    }
    return (\%by_id, \%by_serial);
}

# What became of all that was acknowledged. Counts: sent, good, refused (other answers), silent (no answer),
# levels => { memory => ... }, done, waiting, spooled, dead. Lists: lost (tries), doubled (ids and serial numbers).
sub account {
    my ($self) = @_;
    my @tries = $self->tries;
    my @good = $self->good;
    my $place = $self->_places;
    my ($by_id, $by_serial) = $self->_effects;
    my %account = (sent => scalar @tries, good => scalar @good, levels => {}, lost => [], doubled => [],
        silent => scalar(grep { !$_->{status} } @tries), map { $_ => 0 } qw(done waiting spooled dead));

    $account{refused} = $account{sent} - $account{good} - $account{silent};
    for my $try (@good) {
        my ($where) = grep { $place->{$_}{ $try->{id} } } qw(spooled waiting dead);
        $where = 'done' if $by_id->{ $try->{id} };

        $account{levels}{ $try->{durability} }++;
        push @{ $account{lost} }, $try if !$where;
        $account{$where}++ if $where;
    }
    my %mine = map { $_->{id} => 1 } @good;
    my %serial = map { $_->{serial} => 1 } @tries;
    $account{doubled} = [
        (grep { $mine{$_} && $by_id->{$_} > 1 } sort keys %$by_id),
        (grep { $serial{$_} && $by_serial->{$_} > 1 } sort keys %$by_serial),
    ];
    return \%account;
}

sub _describe {
    my ($account) = @_;
    my $levels = join ' ', map { "$_ $account->{levels}{$_}" } sort keys %{ $account->{levels} };

    return join(', ', map { "$_ $account->{$_}" } qw(sent good refused silent done waiting spooled dead))
        . ', lost ' . @{ $account->{lost} } . ', doubled ' . @{ $account->{doubled} } . "; 2xx by level: $levels";
}

# Whether the level of a try lets it be lost: only the memory of one server had it, and it was answered in one of these
# intervals, [from, to] or [from, to, database] (Crm360::Nodes, gaps). What was spooled in the second before a server
# died may have been carried into its memory.
sub _may_be_lost {
    my ($try, @gaps) = @_;
    my $level = $try->{durability};

    return !$try->{mark} && grep { $try->{answered} >= $_->[0]
        && ($level eq 'memory' ? $try->{answered} <= $_->[1] : $level eq 'spool' && $try->{answered} <= $_->[0] + 1000)
        && (!defined $_->[2] || $_->[2] eq $try->{database}) } @gaps;
}

# Assertions: webhooks were accepted, nothing is lost and nothing is doubled. With `gaps`, [intervals in which what is
# only in memory may be lost], those are counted and printed. Returns the account.
sub is_whole {
    my ($self, $name, %option) = @_;
    my $account = $self->account;
    my @gaps = @{ $option{gaps} || [] };
    my @allowed = grep { _may_be_lost($_, @gaps) } @{ $account->{lost} };
    my @lost = grep { !_may_be_lost($_, @gaps) } @{ $account->{lost} };
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    diag "$name: " . _describe($account);
    diag "$name: " . @allowed . ' of what only the memory of one server had is lost' if @gaps;
    cmp_ok $account->{good}, '>', 0, "$name: webhooks were accepted";
    is scalar(grep { $_->{mark} && $_->{durability} eq 'memory' } $self->good), 0,
        "$name: none is in memory only where more was demanded";
    is scalar(@lost), 0, "$name: none is lost";
    diag "lost: $_->{serial} $_->{id} $_->{durability} asked $_->{asked} answered $_->{answered}"
        for @lost > 10 ? @lost[0 .. 9] : @lost;
    is scalar @{ $account->{doubled} }, 0, "$name: none is done twice";
    diag "doubled: $_" for @{ $account->{doubled} };
    return $account;
}

1;
