# The unit tests of the handlers and of merging on PostgreSQL: the same messages, and the same rows, as
# on SQLite.
# Plain builds only: long; the same tests run on SQLite there, and t/53 on PostgreSQL.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use Test::More;

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;

for my $test (map { "${_}_test" } qw(shopify_product shopify_order mailjet gateways adictiz zendesk send
    crm360_email crm360_sms tabology rnvp merge loyalty)) {
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my $text = `@{[build()]}/t/$test 2>&1`;

    is $?, 0, "$test on PostgreSQL" or diag join '', grep { /^not ok|^#/ } split /^/, $text;
    cmp_ok scalar(() = $text =~ /^ok /mg), '>', 50, "$test has tested something";
}

done_testing;
