# Faults that come with the messages: repetitions, news in the wrong order, and messages that their
# handlers do not survive.
package Messages;

use strict;
use warnings;

use Crm360::Chaos;
use Crm360::Check;
use Crm360::Test;
use JSON::PP;
use List::Util qw(shuffle);
use Processes;
use Test::More;
use Time::HiRes qw(sleep time);

# ---- repetitions ----

# Each delivery comes three times at the same moment, named by its platform or by an Idempotency-Key.
sub repeated {
    my ($serial) = @_;

    return {
        body => "effect $serial 0",
        database => rand() < 0.5 ? 'acme/prod' : 'beta/shop',
        delay => rand() < 0.2 ? 1 : 0,
        headers => { rand() < 0.5 ? ('Idempotency-Key' => $serial) : ('X-Delivery-Id' => $serial) },
        copies => 3,
    };
}

# Of the answers to one delivery all name one message, and all but one say that it is a repetition.
sub told_repeated {
    my ($phase, $tries) = @_;
    my (%ids, %first);

    for my $try (grep { $_->{status} =~ /^2/ } @$tries) {
        $ids{ $try->{serial} }{ $try->{id} } = 1;
        $first{ $try->{serial} } += !$try->{duplicate};
    }
    is scalar(grep { keys %$_ != 1 } values %ids), 0, 'repetitions are told the first message';
    is scalar(grep { $_ != 1 } values %first), 0, 'and that it was there before';
    return;
}

# ---- news in the wrong order ----

my ($CUSTOMERS, $VERSIONS) = (Crm360::Chaos::full() ? 150 : 40, 5);
my $CALLERS = 5;
my @news; # [customer, version], shuffled; each caller takes every fifth of them

sub reordered {
    my ($serial, $site) = @_;
    my ($caller, $turn) = $serial =~ /-(\d+)-(\d+)$/;
    my ($customer, $version) = @{ $news[($turn - 1) * $CALLERS + $caller - 1] };

    return {
        path => $site->url('Shopify/Customer/Update', SourceId => 1,
            rand() < 0.3 ? (secondsOfInvisibility => 1) : ()),
        headers => { 'X-Shopify-Webhook-Id' => $serial },
        body => encode_json({
            id => 731_000_000 + $customer, first_name => "Customer$customer",
            last_name => "Version$version", email => "customer$customer\@example.fr",
            created_at => '2026-03-02T10:00:00Z',
            updated_at => sprintf('2026-03-05T10:%02d:00Z', $version),
        }),
    };
}

# A customer whose last news is not what is there is lost, one who is there twice is duplicated.
sub judge_order {
    my ($phase, $tries) = @_;
    my $row = Crm360::Check::judge([], {});
    my %there;

    push @{ $there{ $_->{FirstName} } }, $_->{LastName}
        for $phase->site->sql('acme/prod', 'select FirstName, LastName from Contacts');
    for my $customer (map { "Customer$_" } 1 .. $CUSTOMERS) {
        my @names = @{ $there{$customer} || [] };
        my $wrong = @names > 1 ? 'duplicated' : "@names" ne "Version$VERSIONS" ? 'lost' : next;

        $row->{$wrong}++;
        push @{ $row->{examples} }, "$customer: $wrong: @names";
    }
    $row->{sent} = @news;
    $row->{good} = grep { $_->{status} =~ /^2/ } @$tries;
    is $row->{good}, $row->{sent}, 'all news were accepted';
    return $row;
}

sub until_told {
    my ($phase, $load) = @_;

    Processes::kill_workers($phase);
    wait_until { $load->ended } 30, 'all news are sent';
    return;
}

# ---- messages that nobody survives ----

# A handler that crashes, loops or takes all memory it can get, always in the database beta/shop: after
# three times its message is a dead letter, without effect.
sub poison {
    my ($order, $phase) = @_;
    my $site = $phase->site;
    my $dead = $site->key('beta/shop', 'dead');
    my $failures = $site->key('beta/shop', 'failures');
    my $rounds = 0;

    do {
        my $serial = 'poison-' . ++$rounds;
        my $id;

        $phase->pause(0.2, 0.4);
        $phase->broken(sub {
            my $answer = $site->post($site->url('Adictiz/User/Participate',
                -database => 'beta/shop', SourceId => 1), "$order $serial");

            $id = $answer->{json}{MessageId} or die "$answer->{status} $answer->{content}\n";
            wait_until { defined $site->redis('ZSCORE', $dead, $id) } 20,
                "$order: becomes a dead letter";
        });
        my $history = decode_json($site->redis('HGET', $failures, $id) // '{}');
        is $history->{crashes}, 3, "$order: after three times";
        is $site->value('beta/shop', "select count(*) from Effects where Serial = '$serial'"), 0,
            "$order: without effect";
        push @{ $phase->{poison} }, $id;
    } while ($phase->going);
    return;
}

# The other messages of its database have waited for it, those of the other database have not; and nobody
# else died.
sub harmless {
    my ($phase, $tries) = @_;
    my @others = grep { $_->{database} eq 'acme/prod' } @$tries;
    my $row = Crm360::Check::judge(\@others, Crm360::Check::effects($phase->site));

    is $row->{late}, 0, 'the other database did not wait';
    is_deeply [sort(Crm360::Chaos::dead($phase->site))], [sort @{ $phase->{poison} }],
        'no other message is a dead letter';
    return;
}

sub faults {
    my @killed = @Crm360::Chaos::KILLED;

    @news = shuffle(map { my $customer = $_; map { [$customer, $_] } 1 .. $VERSIONS } 1 .. $CUSTOMERS);
    return (
        { name => 'repetitions', act => \&Processes::kill_workers, expect => [@killed],
            settings => "Crm360DedupKey X-Delivery-Id Adictiz/User/Participate\n",
            load => { order => \&repeated, rate => 30 }, verify => \&told_repeated },
        { name => 'reorderings', act => \&until_told, expect => [@killed],
            site => { consumer_program => 'crm360d' }, judge => \&judge_order,
            load => { order => \&reordered, callers => $CALLERS, most => @news / $CALLERS } },
        (map {
            my $order = $_;
            { name => "handler-$order", act => sub { poison($order, @_) }, verify => \&harmless,
                seconds => [0, 20], expect => [@killed, qr/CRM0323/] };
        } qw(crash loop allocate)),
    );
}

1;
