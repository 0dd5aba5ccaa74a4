# The corpus of each fuzz target, replayed: what libFuzzer once found, and what shows its targets the way
# (t/fuzz/README). One assertion a file.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

chdir root() or die;
my @targets = map { m{([^/]+)\.c$} } grep { slurp($_) =~ /^void fuzz_one\(/m } glob 't/fuzz/*.c';
cmp_ok scalar @targets, '>=', 7, "there are targets: @targets";

for my $target (@targets) {
    my $program = build() . "/t/replay_$target";
    my @files = sort grep { -f } glob "t/corpus/$target/*";

    ok @files > 0, "$target has a corpus: " . @files . ' files';
    # A file that ends the program is named by its absence; those behind it are tried all the same.
    while (@files) {
        my $output = `timeout 60 $program @files 2>&1`;
        my $ended = $?;
        my %stood = map { $_ => 1 } split /\n/, $output;

        while (@files && $stood{ $files[0] }) {
            pass shift @files;
        }
        @files ? fail shift @files : is $ended, 0, "$target: and the program ends well";
        diag "status $ended: ", substr $output, -3000 if $ended;
    }
}

done_testing;
