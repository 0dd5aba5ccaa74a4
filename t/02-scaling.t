# The reckonings of doc/scaling.txt: each value follows from the inputs that stand before it, and each alert that it
# names is there.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $text = slurp(root() . '/doc/scaling.txt');
my (%value, $reckoned);

for my $line (grep { /^  [a-z]\w* = / } split /\n/, $text) {
    my ($name, $rest) = $line =~ /^  (\w+) = (.*)/;

    next if $rest =~ /^a reckoning/; # how such a line looks
    if ($rest =~ /^([\d.]+)(?: {2,}|\z)/) {
        $value{$name} = $1;
        next;
    }
    my ($reckoning, $told) = $rest =~ /^(.*?) = ([\d.]+)(?: {2,}|\z)/ or do { fail "$name: cannot be read"; next };
    my @unknown = grep { !defined $value{$_} } $reckoning =~ /\b([a-z]\w*)\b/g;
    is "@unknown", '', "$name: all of it is known" or next;
    my $code = $reckoning =~ s/\b([a-z]\w*)\b/$value{$1}/gr;
    $code =~ m{\A[-+*/(). \de]+\z} or do { fail "$name: $code"; next };
    my $is = eval $code; ## no critic: digits and operators only
    my ($digits) = $told =~ /\.(\d+)\z/;
    is sprintf('%.' . length($digits // '') . 'f', $is), $told, "$name = $reckoning";
    $value{$name} = $is;
    $reckoned++;
}
cmp_ok $reckoned, '>=', 20, 'many values';

my $rules = slurp(root() . '/conf/prometheus/crm360.rules.yml');
my %alert = map { $_ => 1 } $rules =~ /alert: (\w+)/g;
my $pages = slurp(root() . '/man/crm360.conf.5') . slurp(root() . '/man/mod_crm360_webhook.7');
my %setting = map { $_ => 1 } $pages =~ /\b(Crm360\w+)/g;
my @named = $text =~ /\b(Crm360[A-Z]\w+)/g;
is_deeply [grep { !$alert{$_} && !$setting{$_} } @named], [], 'what it names is an alert or a directive';
cmp_ok scalar(grep { $alert{$_} } @named), '>', 5, 'alerts among them';
my %metric = map { $_ => 1 } slurp(root() . '/mod_crm360_status_metrics.c') =~ /"(crm360_\w+)"/g;
is_deeply [grep { !$metric{$_} } $text =~ /\b(crm360_\w+)/g], [], 'metrics that there are';
done_testing;
