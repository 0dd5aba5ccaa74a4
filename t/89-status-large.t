# The status pages with many messages: each within its limit, whatever waits. A short run of bench/operators, which has
# the limits; its full length has a million.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

plan skip_all => 'a build that is slow on purpose' if !timing();
my $output = `@{[root()]}/bench/operators 60000 12000 5 2>&1`;
is $?, 0, 'no page is slower than its limit' or diag $output;
is scalar(() = $output =~ /^.+ +[\d.]+ ms \(limit 200\), \d{4,} bytes$/mg), 10, 'ten pages were measured';
like $output, qr/^60000 waiting, 12000 dead/m, 'with as many as were asked for';
done_testing;
