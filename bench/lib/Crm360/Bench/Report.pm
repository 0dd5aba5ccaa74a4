# What a run has found, as JSON and as the table that doc/performance.txt has: both from the same structure, so that
# a table can be printed again from a file of an earlier run.
package Crm360::Bench::Report;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

use Crm360::Test;

our @EXPORT_OK = qw(table write_report read_report missed);

my $FORMAT = 1; # of the JSON; changed when a member changes its meaning

sub write_report {
    my ($file, $report) = @_;

    spew($file, JSON::PP->new->utf8->canonical->pretty->encode({ format => $FORMAT, %$report }));
    return;
}

sub read_report {
    my ($file) = @_;
    my $report = decode_json(slurp($file));

    die "$file: no report of this bench\n" if ref $report ne 'HASH' || ($report->{format} // 0) != $FORMAT;
    return $report;
}

# The figures that are outside their limits.
sub missed {
    my ($report) = @_;
    return grep { defined $_->{met} && !$_->{met} } @{ $report->{figures} };
}

# A number as people read it: three digits at least, and commas above a thousand.
sub _number {
    my ($value) = @_;
    return '' if !defined $value;
    my $text = abs $value >= 100 ? sprintf('%.0f', $value) : abs $value >= 10 ? sprintf('%.1f', $value)
        : sprintf('%.2f', $value);

    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;
    return $text;
}

sub _limit {
    my ($figure) = @_;
    my $limit = defined $figure->{least} ? '>= ' . _number($figure->{least})
        : defined $figure->{most} ? '<= ' . _number($figure->{most}) : return '';

    return $limit . ($figure->{met} ? '' : '  MISSED');
}

# ---- the table ----

sub _row { return sprintf("  %-38s %-13s %9s %9s %9s  %s", @_) =~ s/\s+\z//r . "\n" }

sub _rows {
    my (@figures) = @_;
    return _row('', '', 'median', 'lowest', 'highest', 'limit') . join '', map {
        _row(@$_{qw(title unit)}, map({ _number($_) } @$_{qw(value lowest highest)}), _limit($_)) } @figures;
}

# Figures that have a column stand in a grid, a line for each title, the medians only.
sub _grid {
    my (@figures) = @_;
    my (@titles, @columns, %at);

    for my $figure (@figures) {
        my ($title, $column) = @$figure{qw(title column)};

        push @titles, $title if !grep { $_ eq $title } @titles;
        push @columns, $column if !grep { $_ eq $column } @columns;
        $at{$title}{$column} = $figure->{value};
    }
    my $line = sub {
        my ($first, @more) = @_;
        return sprintf("  %-38s", $first) . join('', map { sprintf ' %10s', $_ } @more) =~ s/\s+\z//r . "\n";
    };
    return join '', $line->($figures[0]{unit}, @columns),
        map { my $title = $_; $line->($title, map { _number($at{$title}{$_}) } @columns) } @titles;
}

sub _part {
    my (@figures) = @_;
    my @blocks;

    for my $figure (@figures) {
        my $kind = defined $figure->{column} ? $figure->{unit} : '';

        push @blocks, { kind => $kind, figures => [] } if !@blocks || $blocks[-1]{kind} ne $kind;
        push @{ $blocks[-1]{figures} }, $figure;
    }
    return join "\n", map { $_->{kind} ? _grid(@{ $_->{figures} }) : _rows(@{ $_->{figures} }) } @blocks;
}

sub _head {
    my ($report) = @_;
    my ($m, $v) = @$report{qw(machine versions)};
    my @lines = (
        $report->{command},
        "$report->{began}, $report->{took} s, commit $v->{commit}; load before it $report->{load_before}",
        "$m->{processors} x $m->{processor}, $m->{memory_mb} MB, $m->{system}, Linux $m->{kernel}",
        "files on $m->{file_system} ($m->{mount_options})",
        "httpd $v->{httpd}, Redis $v->{redis}, SQLite $v->{sqlite}, PostgreSQL $v->{postgresql}, wrk $v->{wrk}",
    );
    return join '', map { "  $_\n" } @lines;
}

# The table of a report, ready to stand in doc/performance.txt.
sub table {
    my ($report) = @_;
    my $text = _head($report);

    for my $part (@{ $report->{parts} }) {
        $text .= "\n  $part->{name}: $part->{about}\n\n"
            . _part(grep { $_->{part} eq $part->{name} } @{ $report->{figures} });
    }
    return $text;
}

1;
