# The figures of a run: declared with their limits by the parts that measure them, filled round by round, and judged
# by the median. A figure that was declared and never measured is an error of the benchmark.
package Crm360::Bench::Figures;

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(median);

sub new { return bless { figures => [], by_id => {} }, $_[0] }

# declare('intake', { id => 'null.rate', title => 'null handler', unit => 'requests/s', least => 1, most => 2 }, ...):
# least and most are limits, both optional.
sub declare {
    my ($self, $part, @figures) = @_;

    for my $figure (@figures) {
        my $own = { %$figure, id => "$part.$figure->{id}", part => $part, rounds => [] };

        die "$own->{id} is declared twice\n" if $self->{by_id}{ $own->{id} };
        push @{ $self->{figures} }, $self->{by_id}{ $own->{id} } = $own;
    }
    return;
}

# What one round measured: add('intake', 'null.rate' => 24000, ...).
sub add {
    my ($self, $part, %value) = @_;

    for my $id (sort keys %value) {
        my $figure = $self->{by_id}{"$part.$id"} or die "$part.$id is not declared\n";
        push @{ $figure->{rounds} }, $value{$id};
    }
    return;
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $half = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$half] : ($sorted[$half - 1] + $sorted[$half]) / 2;
}

# All figures, in the order of their declaration, each with value, lowest, highest, and met (1 or 0; undef where there
# is no limit).
sub all {
    my ($self) = @_;
    my @all;

    for my $figure (@{ $self->{figures} }) {
        my @rounds = sort { $a <=> $b } @{ $figure->{rounds} };
        die "$figure->{id} was not measured\n" if !@rounds;
        my $value = median(@rounds);
        my $met = !defined $figure->{least} && !defined $figure->{most} ? undef
            : $value >= ($figure->{least} // $value) && $value <= ($figure->{most} // $value) ? 1 : 0;
        push @all, { %$figure, value => $value, lowest => $rounds[0], highest => $rounds[-1], met => $met };
    }
    return @all;
}

1;
