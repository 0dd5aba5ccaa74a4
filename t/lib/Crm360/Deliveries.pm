# Made-up deliveries of all inbound platforms about many things (customers, products, orders, mail
# addresses, phone numbers, tickets, receipts, players), several about each, in the order in which they
# happened. What becomes of them must not depend on the order in which they arrive.
#
#   my @deliveries = Crm360::Deliveries::make(seed => 1, each => 125);   # 8 kinds
#   my $failed = Crm360::Deliveries::post($site, 'acme/prod', @deliveries);
#
# A delivery: { route, source, method, query, headers, body }, as the platform would send it. The texts of
# one seed are always the same. Mail addresses and numbers are of one person each: whose a shared one
# becomes is decided by who comes first, and stays so.
package Crm360::Deliveries;

use strict;
use utf8;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use POSIX qw(strftime);

my $JSON = JSON::PP->new->canonical->utf8;
my $START = 1_772_323_200; # 2026-03-01T00:00:00Z
my @FIRST = ('Léa', 'Jean-Pierre', 'Anaïs', "N'Guessan", 'Zoë', 'Éric', 'Œdipe', 'Marie');
my @LAST = ('Marchand', "d'Artagnan", 'Le Goff', 'Lefèbvre', 'de la Tour', 'Ngô', 'Müller');
my @CITIES = (['06000', 'Nice'], ['69001', 'Lyon'], ['01000', 'Bourg-en-Bresse'], ['75008', 'Paris']);

# Numbers of a sequence of our own: those of rand() differ from one perl to another.
my $state;
sub _random {
    my ($below) = @_;
    $state = ($state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return int($state / 65_536) % $below;
}
sub _one_of { return $_[_random(scalar @_)] }
sub _chance { return _random(100) < $_[0] }

sub _iso { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }
sub _amount { return sprintf '%d.%02d', _random(500), _random(100) }
# The moment of event number `k` of something: minutes or days behind the one before.
sub _when { return $START + $_[0] * 86_400 + _random(80_000) }

sub _email { return "person$_[0]\@example.fr" }
sub _mobile { return sprintf '+336%08d', 10_000_000 + $_[0] }

my $delivery = 0;
sub _shopify {
    my ($entity, $action, $at, $body) = @_;
    return {
        route => "Shopify/$entity/$action", source => 12, method => 'POST', body => $JSON->encode($body),
        headers => {
            'X-Shopify-Triggered-At' => _iso($at + 1),
            'X-Shopify-Webhook-Id' => 'delivery-' . ++$delivery,
        },
    };
}

# ---- a person, and what a shop says ----

sub _customer_id { return 9_007_199_254_740_993 + $_[0] }

sub _customer {
    my ($n, $at) = @_;
    my ($code, $city) = @{ _one_of(@CITIES) };
    my %customer = (id => _customer_id($n), email => _email($n), updated_at => _iso($at));

    $customer{first_name} = _one_of(@FIRST, undef) if _chance(80);
    $customer{last_name} = _one_of(@LAST) if _chance(80);
    $customer{phone} = _mobile($n) if _chance(70);
    $customer{default_address} = _chance(20) ? undef : {
        address1 => (1 + _random(200)) . ' rue des Écoles', zip => $code, city => $city,
        country_code => 'FR', company => _one_of('', 'Demo SARL'),
    } if _chance(60);
    $customer{email_marketing_consent} = {
        state => _one_of('subscribed', 'unsubscribed', 'pending'), consent_updated_at => _iso($at - 60),
    } if _chance(50);
    $customer{sms_marketing_consent} =
        { state => _one_of('subscribed', 'not_subscribed'), consent_updated_at => _iso($at - 30) }
        if _chance(40);
    return \%customer;
}

sub customers {
    my ($n) = @_;
    my @events = map { my $at = _when($_); _shopify('Customer', $_ ? 'Update' : 'Insert', $at, _customer($n, $at)) }
        0 .. 3;
    push @events, _shopify('Customer', 'Delete', _when(2), { id => _customer_id($n) }) if _chance(20);
    return @events;
}

sub _product_id { return 8_000_000_000_000 + $_[0] }
sub _variant_id { return 44_000_000_000_000 + 10 * $_[0] + $_[1] }

sub products {
    my ($n) = @_;
    my @events = map {
        my $at = _when($_);
        my @variants = grep { _chance(70) } 0 .. 4;
        my %product = (
            id => _product_id($n), title => _one_of('Tee-shirt', 'Sac', 'Écharpe') . " $n",
            product_type => _one_of('Mode', 'Maison', ''), vendor => _one_of('Demo', ''),
            status => _one_of('active', 'draft'), updated_at => _iso($at),
            variants => [map { {
                id => _variant_id($n, $_), product_id => _product_id($n), price => _amount(),
                title => _one_of('S', 'M', 'Default Title'), sku => _one_of("SKU-$n-$_", '', undef),
                compare_at_price => _one_of(undef, _amount()), updated_at => _iso($at - _random(9)),
            } } @variants],
        );
        $product{variant_gids} =
            [map { { admin_graphql_api_id => 'gid://shopify/ProductVariant/' . _variant_id($n, $_) } } @variants, 5]
            if _chance(50);
        _shopify('Product', $_ ? 'Update' : 'Insert', $at, \%product);
    } 0 .. 3;
    push @events, _shopify('Product', 'Delete', _when(3), { id => _product_id($n) }) if _chance(20);
    return @events;
}

sub orders {
    my ($n) = @_;
    my $id = 5_800_000_000_000 + $n;
    my @events = map {
        my $at = _when($_);
        my @lines = grep { _chance(70) } 0 .. 3;
        my $total = _amount();
        my %order = (
            id => $id, name => "#$n", currency => 'EUR', created_at => _iso($START), updated_at => _iso($at),
            financial_status => _one_of(qw(pending paid partially_refunded refunded)), test => JSON::PP::false,
            total_price => $total, current_total_price => $total, total_tax => '1.00',
            current_total_tax => '1.00', taxes_included => JSON::PP::true, source_name => 'web',
            cancelled_at => _chance(10) ? _iso($at) : undef, refunds => [],
            discount_codes => [_chance(30) ? { code => 'HELLO', amount => '1.00', type => 'percentage' } : ()],
            line_items => [map { {
                id => $id * 10 + $_, product_id => _product_id($n), variant_id => _variant_id($n, $_),
                title => "Line $_", sku => "SKU-$n-$_", price => _amount(), quantity => 1 + _random(3),
                tax_lines => [{ price => '0.20', rate => 0.2 }], discount_allocations => [],
            } } @lines],
        );
        # At the till nobody is asked who he is.
        @order{qw(customer email)} = _chance(90) ? (_customer($n, $at - 100), _email($n)) : (undef, '');
        _shopify('Order', $_ ? 'Update' : 'Insert', $at, \%order);
    } 0 .. 3;
    push @events, _shopify('Order', 'Delete', _when(3), { id => $id }) if _chance(15);
    return @events;
}

# ---- mail and SMS ----

sub mails {
    my ($n) = @_;
    return map {
        my $at = _when($_);
        my %event = (
            event => _one_of(qw(sent open click bounce spam blocked unsub)), time => $at,
            MessageID => 576_460_777_283_914_763 + $n * 10 + $_, email => _email($n), CustomID => "c-$n-$_",
        );
        $event{hard_bounce} = _one_of(JSON::PP::true, JSON::PP::false) if $event{event} eq 'bounce';
        $event{url} = "https://example.fr/$_" if $event{event} eq 'click';
        @event{qw(error_related_to error)} = @{ _one_of(['recipient', 'user unknown'],
                ['mailjet', 'preblocked'], ['system', 'connection issue']) }
            if $event{event} =~ /bounce|blocked/;
        { route => 'Mailjet/email/Callback', source => 41, method => 'POST', body => $JSON->encode(\%event),
            query => [_chance(30) ? (BrandId => 2) : ()] };
    } 0 .. 4;
}

sub messages {
    my ($n) = @_;
    my $number = _mobile($n);
    return map {
        my $at = _when($_);
        my $kind = _random(3);
        $kind == 0 ? {
            route => 'Primotexto/Sms/Callback', source => 31, method => 'POST',
            body => $JSON->encode({
                event => _one_of(qw(sent delivered bounced unsubscribed error)), snapshotId => "s-$n-$_",
                contact => { identifier => $number }, date => $at * 1000,
            }),
        } : {
            route => $kind == 1 ? 'Smsbox/Sms/Callback' : 'Smsbox/Sms/CallbackStop', source => 32,
            method => 'GET', body => '',
            query => [numero => substr($number, 1), reference => 1000 * $n + $_, ts => $at,
                $kind == 1 ? (accuse => _one_of(-3, -1, 0, 1, 3, 7, 9, 10)) : (keyword => _one_of('STOP', 'MERCI'))],
        };
    } 0 .. 4;
}

# ---- desk, till, games: people of their own ----

sub tickets {
    my ($n) = @_;
    return map {
        my $at = _when($_);
        {
            route => 'Zendesk/Ticket/Update', source => 61, method => 'POST',
            headers => { 'X-Zendesk-Webhook-Signature-Timestamp' => _iso($at) },
            body => $JSON->encode({
                id => 40_000 + $n . '', title => _one_of('Colis', 'Retour'), status => _one_of(qw(Nouveau Ouvert Résolu Clos)),
                type => _one_of('Incident', 'Question', '-'), comments => "Bonjour\n$_", via => 'Mail',
                link => "https://demo.example/tickets/$n",
                requester => { first_name => _one_of(@FIRST), last_name => _one_of(@LAST, ''),
                    email => "desk$n\@example.fr", phone => _one_of('', sprintf '+337%08d', 10_000_000 + $n) },
            }),
        };
    } 0 .. 4;
}

sub receipts {
    my ($n) = @_;
    my $opened = strftime('%Y-%m-%d %H:%M:%S', gmtime $START + $n);
    return map {
        my $step = $_;
        my $then = strftime('%Y-%m-%d %H:%M:%S', gmtime $START + $n + 600 * $step);
        {
            route => 'Tabology/Ticket/' . ($step ? 'Update' : 'Create'), source => 71, method => 'POST',
            query => [store => 'LDN-0' . (1 + $n % 3), currency => 'GBP'],
            body => $JSON->encode({
                id => 30_000 + $n, member_id => '0', name => "Table $n", time_opened => $opened,
                status => $step < 3 ? 'OPEN' : 'SETTLED', time_closed => $step < 3 ? undef : $then,
                time_paid => $step < 3 ? undef : $then, grand_total => 3.9 * ($step + 1), sales_tax => 0.65 * ($step + 1),
                items => [map { {
                    id => 80_000 + 10 * $n + $_, item_id => 5000 + $_, item_name => "Item $_", item_category => 'DRINKS',
                    quantity => '1.000', quantity_multiplier => '1.00', item_price => '3.900', total_price => 3.9,
                    tax_item_price => 3.25, tax_rate => '20.00', active => 'Y', time_ordered =>
                        strftime('%Y-%m-%d %H:%M:%S', gmtime $START + $n + 600 * $_),
                } } 0 .. $step],
                payments => [], discounts => [],
            }),
        };
    } 0 .. 4;
}

sub players {
    my ($n) = @_;
    return map {
        my $at = _when($_);
        {
            route => 'Adictiz/User/Participate', source => 21, method => 'POST',
            body => $JSON->encode({
                timestamp => $at, request_id => "r-$n-$_", event_type => 'FormSubscribe', data => {
                    user_id => "u$n", operation_id => '65e2f0a1b4c7d8e9f0a1b2c' . $_ % 2, operation_name => "Jeu " . $_ % 2,
                    firstname => _one_of('', @FIRST), lastname => _one_of('', @LAST), email => "player$n\@example.fr",
                    mobilePhone => _one_of('', sprintf '076%07d', 1_000_000 + $n), newsletter => _one_of('', '0', '1'),
                    optin_partner => _one_of('', '0', '1'), custom_1 => _one_of('', 'Bleu', 'Rouge'),
                    zipCode => _one_of('', '06000'), city => _one_of('', 'Nice'),
                },
            }),
        };
    } 0 .. 4;
}

# All kinds, `each` things of each; in the order in which things happened.
sub make {
    my (%option) = @_;
    my @deliveries;

    $state = $option{seed};
    for my $kind (\&customers, \&products, \&orders, \&mails, \&messages, \&tickets, \&receipts, \&players) {
        push @deliveries, $kind->($_) for 1 .. $option{each};
    }
    return @deliveries;
}

# One request in one piece: in two, the second would wait for the first to be acknowledged.
sub _request {
    my ($site, $database, $delivery) = @_;
    my $path = $site->url($delivery->{route}, -database => $database, SourceId => $delivery->{source},
        @{ $delivery->{query} || [] });
    my %headers = (
        Host => '127.0.0.1', 'Content-Type' => 'application/json',
        'Content-Length' => length $delivery->{body}, %{ $delivery->{headers} || {} },
    );

    return join "\r\n", "$delivery->{method} $path HTTP/1.1",
        (map { "$_: $headers{$_}" } sort keys %headers), '', $delivery->{body};
}

# Sends all, one after the other over one connection as long as httpd keeps it. Returns how many were not
# answered with 200.
sub post {
    my ($site, $database, @deliveries) = @_;
    my ($failed, $socket) = (0);

    for my $delivery (@deliveries) {
        $socket ||= IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port}, Timeout => 30)
            or die "cannot connect to httpd: $!\n";
        print $socket _request($site, $database, $delivery);
        my $head = '';
        while (defined(my $line = <$socket>)) {
            $head .= $line;
            last if $line eq "\r\n";
        }
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        read $socket, my $body, $length || 0;
        $failed++ if $head !~ m{\AHTTP/1.1 200 };
        undef $socket if !$head || $head =~ /^Connection: close/mi;
    }
    return $failed;
}

# Shuffles, and adds every third once more.
sub shuffled {
    my ($seed, @deliveries) = @_;

    $state = $seed;
    push @deliveries, grep { _chance(33) } @deliveries;
    for my $i (reverse 1 .. $#deliveries) {
        my $k = _random($i + 1);
        @deliveries[$i, $k] = @deliveries[$k, $i];
    }
    return @deliveries;
}

1;
