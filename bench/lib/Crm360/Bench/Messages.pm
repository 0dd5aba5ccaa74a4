# The webhooks that the benchmark drains, made from the samples of t/fixtures: customers of a shop, reports about an
# SMS to each of them, and orders of twelve lines by them. Message number N of each kind is about person number N.
package Crm360::Bench::Messages;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;

use Crm360::Bench::Fill qw(number_mark name_mark pattern);
use Crm360::Test;

our @EXPORT_OK = qw(patterns);

my $FIXTURES = root() . '/t/fixtures';
my $LINES = 12;
# The shop has so many sets of twelve goods; orders take turns.
my $SETS = 10;

my $json = JSON::PP->new->utf8->canonical;

# A sample with a person of its own.
sub _sample {
    my ($file) = @_;
    my ($number, $name) = (number_mark(), name_mark());
    my $text = slurp("$FIXTURES/$file");

    $text =~ s/7312459817263/73120$number/g; # the customer
    $text =~ s/8901234567001/89010$number/g; # the address
    $text =~ s/lea\.marchand\@/lea.$number\@/g;
    $text =~ s/\+33612345678/+336$number/g;
    $text =~ s/Marchand/$name/g;
    return $text;
}

sub _headers {
    my ($topic) = @_;
    return { 'X-Shopify-Topic' => $topic, 'X-Shopify-Webhook-Id' => 'b54557e4-bdd9-4b37-8a5f-0000' . number_mark(),
        'X-Shopify-Triggered-At' => '2026-03-02T09:15:27.118Z', 'X-Shopify-API-Version' => '2025-10',
        'User-Agent' => 'Shopify-Captain-Hook' };
}

sub _customer {
    my ($site, $database) = @_;
    return pattern($site, $database, 'Shopify/Customer/Insert', body => _sample('shopify/customer-insert.json'),
        headers => _headers('customers/create'));
}

# An order with twelve lines of set number $set; the two lines of the sample, again and again with other goods.
sub _order {
    my ($site, $database, $set) = @_;
    my $number = number_mark();
    my $order = $json->decode(_sample('shopify/order-insert.json') =~ s/5801234567890/5801$number/gr);
    my @lines = map { $json->encode($_) } @{ $order->{line_items} };

    $order->{line_items} = [];
    for my $at (1 .. $LINES) {
        my $line = $json->decode($lines[$at % @lines]);
        my $good = sprintf '%d%02d', $set, $at;

        $line->{id} = 0 + sprintf '14%s%02d', $number, $at;
        $line->{admin_graphql_api_id} = "gid://shopify/LineItem/$line->{id}";
        $line->{product_id} = 812_345_678_0000 + $good;
        $line->{variant_id} = 445_566_770_0000 + $good;
        $line->{sku} = "SKU-$good";
        $line->{title} = $line->{name} = "Article $good";
        push @{ $order->{line_items} }, $line;
    }
    $order->{number} = $order->{order_number} = 0 + $number;
    $order->{name} = "#$number";
    my $body = $json->encode($order);
    return pattern($site, $database, 'Shopify/Order/Insert', body => $body, headers => _headers('orders/create'));
}

sub _sms {
    my ($site, $database) = @_;
    my $number = number_mark();
    return pattern($site, $database, 'Smsbox/Sms/Callback', query => [numero => "336$number", reference => "7$number",
        accuse => 0, ts => 1_772_442_927, crmid => 42], headers => { 'User-Agent' => 'SMSBOX' });
}

# The patterns of a database, each kind a list whose members take turns: { customer => [...], sms => [...], order =>
# [...] }. Redis is empty afterwards; no crm360d may run meanwhile.
sub patterns {
    my ($site, $database) = @_;

    return { customer => [_customer($site, $database)], sms => [_sms($site, $database)],
        order => [map { _order($site, $database, $_) } 1 .. $SETS] };
}

1;
