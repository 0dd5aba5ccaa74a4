# bench/databases at work, with few databases: each figure is there, and nothing is lost or goes wrong on the way.
# No figure is judged: that needs 10,000 databases and a quiet machine.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Scratch qw(scratch);
use Crm360::Test;
use JSON::PP;
use Test::More;

my $COUNT = timing() ? 200 : 60;
my $dir = scratch('crm360-figures-XXXXXX', CLEANUP => 1);
my $output = `$^X @{[root()]}/bench/databases -j $dir/figures.json $COUNT 1 2>&1`;

is $?, 0, 'bench/databases goes through' or diag $output;
my $said = eval { decode_json(slurp("$dir/figures.json")) } || {};
is $said->{databases}, $COUNT, 'as many databases as were asked for';
my %figure = map { $_->{name} => $_ } @{ $said->{figures} };
cmp_ok scalar(keys %figure), '>', 50, 'many figures';
for my $name ('crm360ctl migrate, all new, each', 'httpd, start until its first answer', 'crm360ctl queues',
    'crm360d, start until the first message is done', 'crm360d worker, resident, after work',
    'a message for one that slept, until it is done, p99', 'one message for each, all done after') {
    cmp_ok $figure{$name}{value} // 0, '>', 0, $name;
    like $output, qr/^\Q$name\E +[\d.]+ \S+/m, "$name: in the table, too";
}
is scalar(grep { !defined $_->{unit} || $_->{over} } values %figure), 0, 'each with its unit, none judged';
done_testing;
