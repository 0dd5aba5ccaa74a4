# Identity on PostgreSQL: bursts about the same people at the same moment, from several sources and
# under several names, worked on by eight workers. One contact per person, whatever the order was; a
# family that shares a phone stays two.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use List::Util qw(shuffle);
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $DB = 'acme/prod';
my $PEOPLE = fast() ? 200 : 60;
my $SEED = $ENV{CRM360_SEED} // 20261123;
my $CALLERS = 4;

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');
my $site = Crm360::Test->new(settings => 'Crm360Workers live 8');
my $password = $site->dir . '/password';
spew($password, "secret\n");
chmod 0600, $password;
$site->{databases} = { $DB => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
        . "\"\nCrm360DBPasswordFile $password" };
$site->write_conf;
$site->start_redis;
$site->migrate;
$site->start_httpd;

diag "seed $SEED (CRM360_SEED)";
srand $SEED;

sub value { return $pg->value('prod', $_[0]) }

# ---- who there is, and what is told of them ----

sub customer {
    my ($id, %o) = @_;
    my $text = join ',', qq("id":$id), map { qq("$_":"$o{$_}") } sort keys %o;
    return "{$text}";
}

# A mail address and a number as different systems write them.
sub mails {
    my ($n) = @_;
    return ("p$n\@example.fr", "P$n\@Example.FR", "p$n\@EXAMPLE.fr", "P$n\@example.Fr");
}

sub phones {
    my ($n) = @_;
    my $tail = sprintf '6%08d', 10_000_000 + $n;
    return ("+33$tail", "0$tail", "0033$tail", "+33 $tail");
}

# Each message: [source, action, body]. Sources 21 to 24; the number of a customer tells the person.
my (@messages, %told);

sub add_message {
    my ($person, $source, $body) = @_;
    my ($id) = $body =~ /"id":(\d+)/;

    push @messages, [$source, $_, $body =~ s/\}$/,"updated_at":"2026-03-0@{[1 + int rand 9]}T10:00:00Z"}/r]
        for (qw(Insert Update))[0 .. int rand 2];
    $told{"$source:$id"} = $person;
    return;
}

for my $n (1 .. $PEOPLE) {
    my @mails = shuffle mails($n);
    my @phones = shuffle phones($n);

    for my $i (0 .. 3) {
        my $id = 1_000_000 * $n + $i;
        add_message($n, 21 + $i, customer($id, first_name => "One$i", last_name => "Person$n", $n % 3 != 1 ? (email => $mails[$i]) : (),
                $n % 3 != 0 ? (phone => $phones[$i]) : ()));
    }
}

# Two customers of one shop with one phone, and no mail address or one of their own.
my $FAMILIES = $PEOPLE / 4;
for my $n (1 .. $FAMILIES) {
    my @phones = shuffle phones(500_000 + $n);
    for my $i (0, 1) {
        add_message("family $n.$i", 21, customer(1_000_000 * $n + 100 + $i, first_name => "Two$i", last_name => "Family$n", phone => $phones[$i],
                $n % 2 ? (email => "family$n.$i\@example.fr") : ()));
    }
}

# The messages of one person come close together, so that several workers have them at once.
sub near { my %at = map { $_ => rand } @_; return sort { $at{$a} <=> $at{$b} } @_ }
my %place;
for my $message (@messages) {
    my ($id) = $message->[2] =~ /"id":(\d+)/;
    push @{ $place{ int($id / 1_000_000 / 20) } }, $message;
}
@messages = map { shuffle @{ $place{$_} } } near(keys %place);

# ---- bursts ----

sub post_all {
    my (@list) = @_;
    my @callers;

    for my $caller (0 .. $CALLERS - 1) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            delete @$site{qw(http client)};
            my $good = eval {
                for (my $i = $caller; $i < @list; $i += $CALLERS) {
                    my ($source, $action, $body) = @{ $list[$i] };
                    my $answer = $site->post($site->url("Shopify/Customer/$action", SourceId => $source, -database => $DB), $body);
                    die "$answer->{status} $answer->{content}\n" if $answer->{status} != 200;
                }
                1;
            };
            warn $@ if !$good;
            POSIX::_exit($good ? 0 : 1);
        }
        push @callers, $pid;
    }
    return @callers;
}

sub all_heard {
    my $good = 0;
    $good += waitpid($_, 0) == $_ && $? == 0 for @_;
    is $good, scalar(@_), 'all callers were heard';
    return;
}

# One in six is delivered twice, as another message.
my @first = @messages[0 .. $#messages / 2];
my @second = @messages[$#messages / 2 + 1 .. $#messages];
push @second, map { [$_->[0], $_->[1], $_->[2] =~ s/^\{/{ /r] } grep { rand() < 1 / 6 } @messages;
@second = shuffle @second;

# A conflict may cost a message an attempt; it is worked on again.
$site->expect_log(qr/CRM0310/);
all_heard(post_all(@first));
is $site->redis('ZCARD', $site->key($DB, 'live')), scalar(@first), 'a burst waits';
my $began = time;
$site->start_consumer;
my @callers = post_all(@second); # and another one comes while it is worked on
all_heard(@callers);
my $count = @first + @second;
wait_until { value('select count(*) from WebhookInbox') == $count } 120, "$count messages are done";
diag sprintf '%d messages about %d people in %.1f s', $count, $PEOPLE + 2 * $FAMILIES, time - $began;
wait_until { $site->redis('HLEN', $site->key($DB, 'claims')) == 0 } 10, 'and acknowledged';

# ---- who is there now ----

is $site->redis('ZCARD', $site->key($DB, 'live')), 0, 'nothing waits';
is $site->redis('ZCARD', $site->key($DB, 'dead')), 0, 'there is no dead letter';
my %contacts; # person -> ContactId -> 1
my %people;   # ContactId -> person -> 1
my $identifiers = 0;
for my $row ($pg->rows('prod', 'select SourceId, Identifier, ContactId from ContactIdentifiers')) {
    my ($source, $identifier, $contact) = @$row;
    my $person = $told{"$source:$identifier"};

    defined $person or fail "nobody told of $source:$identifier";
    $contacts{$person}{$contact} = $people{$contact}{$person} = 1;
    $identifiers++;
}
is $identifiers, scalar(keys %told), 'every identifier is there once';
is_deeply [grep { keys %{ $contacts{$_} } != 1 } sort keys %contacts], [], 'everybody is one contact';
is_deeply [grep { keys %{ $people{$_} } != 1 } sort keys %people], [], 'and no contact is two people, nor are the families one';
my $there = keys %contacts;
is $there, $PEOPLE + 2 * $FAMILIES, 'all of them';
is value('select count(*) from Contacts'), $there, 'no contact is left over';
is value('select count(*) from Contacts where DeletionFlag <> 0'), 0, 'or flagged';
is value('select count(*) from Addresses'), $there, 'each has one address';
is value('select count(distinct ContactId) from Addresses'), $there, 'of its own';
is value('select count(*) - count(distinct lower(MatchKey)) from WebhookMatches'), 0, 'no match key is there twice';
is value('select count(*) from WebhookMatches where ContactId not in (select ContactId from Contacts)'), 0, 'or is nobody\'s';
is value(q{select count(*) from Addresses a where MobilePhoneNumber is not null and not exists
        (select 1 from WebhookMatches m where m.MatchKey = 'phone:' || a.MobilePhoneNumber)}), 0, 'every number has its key';
is value(q{select count(*) from Addresses a where Email is not null and not exists
        (select 1 from WebhookMatches m where m.MatchKey = 'email:' || lower(a.Email))}), 0, 'and every mail address';
# ---- all that handlers write, by eight processes ----

{
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my ($status, $text) = $site->run(build() . '/t/parallel_test');
    is $status, 0, 'parallel_test against PostgreSQL' or diag join '', grep { /^not ok|^#/ } split /^/, $text;
    is scalar(() = $text =~ /^ok /mg), 4, 'it has tested something';
}

diag 'attempts lost to conflicts: ' . $site->redis('HLEN', $site->key($DB, 'failures'));
$site->done;
