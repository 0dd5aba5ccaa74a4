# Holds the ledger of a load (Crm360::Load) against the effects in the databases, and counts what was
# promised and not kept:
#
#   lost        a 2xx without effect
#   duplicated  a serial number with a second effect
#   early       an effect before the message was visible
#   late        an effect more than `limit` after it was due, or after what was broken was mended
#
# The effects are the rows of the table Effects that t/faulty leaves; all times are of this machine's one
# clock, in ms.
package Crm360::Check;

use strict;
use warnings;

use List::Util qw(max min);

use Crm360::Test;

# How late is late: far beyond what a busy machine does by itself.
my $LIMIT_MS = timing() ? 5_000 : 30_000;

# Makes the table in every database of a site; after the migration.
sub prepare {
    my ($site) = @_;

    for my $name (sort keys %{ $site->{databases} }) {
        $site->sql($name, 'create table if not exists Effects '
            . '(Serial TEXT NOT NULL, MessageId TEXT NOT NULL, RanAt INTEGER NOT NULL)');
    }
    return;
}

# All effects: serial => [times at which it ran].
sub effects {
    my ($site) = @_;
    my %effects;

    for my $name (sort keys %{ $site->{databases} }) {
        push @{ $effects{ $_->{Serial} } }, $_->{RanAt}
            for $site->sql($name, 'select Serial, RanAt from Effects');
    }
    return \%effects;
}

# When a message that was visible at $due must have run: while something is broken nobody can do it.
sub _until {
    my ($due, $limit, $broken) = @_;

    for my $interval (sort { $a->[0] <=> $b->[0] } @$broken) {
        my ($from, $to) = @$interval;
        $due = max($due, $to) if $from <= $due + $limit;
    }
    return $due + $limit;
}

# From when on the message may run. What the caller was told counts; where a try was not answered, or
# went into the spool (Redis may have got it all the same, a moment before), what he asked for.
sub _not_before {
    my (@tries) = @_;
    my ($only) = @tries;

    return $only->{visible} if @tries == 1 && $only->{visible} && $only->{durability} ne 'spool';
    return min map { $_->{asked} + $_->{delay} } @tries;
}

# Judges tries against effects. Options: broken => [[from, to], ...] in ms, limit (ms). Returns the counts
# sent, good (2xx), spooled, failed, lost, duplicated, early, late; `examples` are sentences about some of
# those that are wrong.
sub judge {
    my ($tries, $effects, %option) = @_;
    my $limit = $option{limit} || $LIMIT_MS;
    my %count = map { $_ => 0 } qw(sent good spooled failed lost duplicated early late);
    my (%by_serial, @examples);

    push @{ $by_serial{ $_->{serial} } }, $_ for @$tries;
    for my $serial (sort keys %by_serial) {
        my @tries = @{ $by_serial{$serial} };
        my @good = grep { $_->{status} =~ /^2/ } @tries;
        my @ran = @{ $effects->{$serial} || [] };
        my @wrong;

        $count{sent}++;
        $count{good}++ if @good;
        $count{failed} += @tries - @good;
        $count{spooled}++ if grep { $_->{durability} eq 'spool' } @good;
        push @wrong, 'lost' if @good && !@ran;
        push @wrong, 'duplicated' if @ran > 1;
        push @wrong, 'early' if @ran && min(@ran) < _not_before(@tries);
        push @wrong, 'late' if @good && @ran && min(@ran)
            > _until(max(map { $_->{visible} || $_->{answered} } @good), $limit, $option{broken} || []);
        $count{$_}++ for @wrong;
        push @examples, "$serial: @wrong; ran " . (join(' ', @ran) || 'never') . '; '
            . join '; ', map { "asked $_->{asked} delay $_->{delay} status $_->{status} "
                . "visible $_->{visible} $_->{durability} $_->{id} $_->{note}" } @tries if @wrong;
    }
    return { %count, examples => \@examples };
}

1;
