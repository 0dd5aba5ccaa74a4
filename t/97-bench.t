# The benchmark does not rot: it runs through in its quick form, and what it writes is complete. Its figures say nothing
# there, so none is held against its limit.
# Plain builds only: it measures, and the null handler is no program of ours.
use strict;
use warnings;

use lib 't/lib', 'bench/lib';
use Crm360::Bench::Report qw(read_report table);
use Crm360::Scratch qw(scratch);
use Crm360::Test;
use Test::More;

my $folder = scratch('crm360-bench-XXXXXX', CLEANUP => 1);
chmod 0755, $folder; # httpd's children are somebody else
my $bench = root() . '/bench/run';

my $help = `$bench --help`;
is $?, 0, 'bench/run --help';
my ($listed) = $help =~ /or those: (\w[\w ]*)$/m;
my @parts = split ' ', $listed // '';
cmp_ok scalar @parts, '>=', 5, 'it has parts: ' . @parts;
like slurp(root() . '/bench/README'), qr/^$_ /m, "bench/README describes the part $_" for @parts;
`$bench drains 2>&1`;
is $? >> 8, 2, 'a part that is not there is refused';

my $output = `CRM360_BUILD=@{[build()]} $bench --quick --folder $folder --json $folder/report.json 2>&1`;
is $?, 0, 'all of it runs through' or diag $output;
my $report = read_report("$folder/report.json");
is_deeply [map { $_->{name} } @{ $report->{parts} }], \@parts, 'each part is in its report';
for my $part (@parts) {
    my @figures = grep { $_->{part} eq $part } @{ $report->{figures} };

    cmp_ok scalar @figures, '>', 5, "$part has figures: " . @figures;
    # Of processor time and growth there may be none in so short a time.
    my @wrong = grep { my $least = $_->{unit} =~ /CPU|^MB$|late/ ? -100 : 1e-9;
        grep { ($_ // 'none') !~ /^-?\d/ || $_ < $least } @$_{qw(value lowest highest)}, @{ $_->{rounds} } } @figures;
    ok !@wrong, '  each was measured' or diag join "\n", map { "$_->{id}: $_->{value}" } @wrong;
}
my @limited = grep { defined $_->{met} } @{ $report->{figures} };
cmp_ok scalar @limited, '>=', 12, 'figures have limits: ' . @limited;
for my $member ([machine => qw(processor processors memory_mb kernel system file_system)],
    [versions => qw(crm360 httpd redis sqlite postgresql wrk)]) {
    my ($name, @members) = @$member;
    is_deeply [grep { ($report->{$name}{$_} // 'unknown') eq 'unknown' } @members], [], "the report says its $name";
}
ok defined $report->{$_}, "and $_" for qw(command began took load_before load_after);
is $report->{quick}, 1, 'and that it was a quick one';

my $table = `$bench --table $folder/report.json`;
is $table, table($report), 'its table can be printed again';
is scalar(() = $output =~ /\Q$table\E/), 1, 'as it was printed';

# The table in the documents is one of these.
my ($shown) = slurp(root() . '/doc/performance.txt') =~ m{^A run\n-+\n\n(  bench/run .*?)^\S}ms;
ok $shown, 'doc/performance.txt has a table';
for my $figure (grep { $_->{part} =~ /^(?:intake|drain)$/ } @{ $report->{figures} }) {
    like $shown, qr/^  \Q$figure->{title}\E /m, "it has a line: $figure->{title}";
}

done_testing;
