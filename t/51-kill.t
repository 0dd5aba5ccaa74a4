# 1,000 webhooks, posted at the same time by many callers, while crm360d is killed with SIGKILL every
# second, the master alone or the whole process group, and started again: each has its effect once.
# Then the same with kills that hit a batch in the middle, for certain.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $DB = 'acme/prod';
my ($CALLERS, $EACH) = (20, 50);
my $TOTAL = $CALLERS * $EACH;

# A message whose worker was killed with it waits for its lease: short here, so that this ends.
my $site = Crm360::Test->new(settings => "Crm360HandlerTimeout 2s\nCrm360Lease 3s\n");
$site->start;
my $body = slurp(root() . '/t/fixtures/shopify/customer-insert.json');

# The customer's number, names, address and phone replaced by ones that nobody else has.
sub customer {
    my ($number) = @_;
    my $text = $body;
    my $tail = sprintf '%04d', $number;

    $text =~ s/731245981\d{4}/731245981$tail/g;
    $text =~ s/lea\.marchand/customer$tail/g;
    $text =~ s/Marchand/Number$tail/g;
    $text =~ s/\+3361234\d{4}/+3361234$tail/g;
    return $text;
}

# Posts customers $from to $to; returns the message ids, or what was answered instead.
sub post_customers {
    my ($from, $to, $pause) = @_;
    my @ids;

    for my $number ($from .. $to) {
        my $answer = $site->post($site->url('Shopify/Customer/Insert', SourceId => 1),
            customer($number));
        push @ids, $answer->{json}{MessageId} || "$answer->{status} $answer->{content}";
        sleep $pause if $pause;
    }
    return @ids;
}

# One caller, a process of its own. It pauses, so that the posts go on over several kills.
sub call {
    my ($caller) = @_;
    my @ids = post_customers($caller * $EACH, ($caller + 1) * $EACH - 1, 0.1);

    spew($site->dir . "/caller$caller", join '', map { "$_\n" } @ids);
    return;
}

my %callers;
for my $caller (0 .. $CALLERS - 1) {
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        POSIX::_exit(eval { call($caller); 1 } ? 0 : 1);
    }
    $callers{$pid} = 1;
}

my $until = time + 120;
my $kills = 0;
while (time < $until) {
    sleep 1;
    $site->kill_consumer(group => $kills++ % 2);
    $site->start_consumer;
    delete $callers{$_} for grep { waitpid($_, POSIX::WNOHANG()) == $_ } keys %callers;
    # A worker that outlived its master may hold the database a moment longer.
    last if !%callers && $kills >= 6;
}
ok !%callers, 'all callers have ended';
cmp_ok $kills, '>=', 6, "crm360d was killed $kills times";

wait_until { $site->redis('ZCARD', $site->key($DB, 'live')) == 0 } 60, 'the queue runs empty';

my @ids = map { split /\n/, slurp($site->dir . "/caller$_") } 0 .. $CALLERS - 1;
my %ids = map { $_ => 1 } @ids;
is @ids, $TOTAL, "$TOTAL answers";
is keys %ids, $TOTAL, 'with different message ids';
is scalar(grep { !/^[0-9A-Z]{26}-Shopify-Customer-Insert$/ } @ids), 0, 'all of them accepted';

is $site->value($DB, 'select count(*) from Contacts'), $TOTAL, 'each has its contact';
is $site->value($DB, 'select count(distinct LastName) from Contacts'), $TOTAL, 'one each';
is $site->value($DB, 'select count(*) from ContactIdentifiers'), $TOTAL, 'each its identifier';
is $site->value($DB, 'select count(*) from Addresses'), $TOTAL, 'each its address';
my @noted = map { $_->{MessageId} } $site->sql($DB, 'select MessageId from WebhookInbox');
is @noted, $TOTAL, 'the inbox has noted that many messages';
is scalar(grep { !$ids{$_} } @noted), 0, 'those that were accepted';

# ---- kills in the middle of a batch ----

my $MORE = 400;
my $claims = $site->key($DB, 'claims');
my $hits = 0;

$site->kill_consumer(group => 1);
push @ids, post_customers($TOTAL, $TOTAL + $MORE - 1);
for my $kill (1 .. 4) {
    my $before = $site->redis('HLEN', $claims);
    my $deadline = time + 4; # longer than the lease

    $site->start_consumer;
    # Messages are in a worker's hands from the claim to the acknowledgement.
    while ($site->redis('HLEN', $claims) == $before && time < $deadline) { }
    $site->kill_consumer(group => $kill % 2);
    $hits++ if $site->redis('HLEN', $claims) > 0;
}
cmp_ok $hits, '>=', 1, "$hits of 4 kills hit messages in the hands of a worker";
$site->start_consumer;
wait_until { $site->redis('ZCARD', $site->key($DB, 'live')) == 0 } 60, 'the queue runs empty again';
is $site->value($DB, 'select count(*) from Contacts'), $TOTAL + $MORE, 'each has its contact';
is $site->value($DB, 'select count(*) from ContactIdentifiers'), $TOTAL + $MORE, 'once';
is $site->value($DB, 'select count(*) from WebhookInbox'), $TOTAL + $MORE, 'and its note';

# ---- what is left ----

is $site->stop_consumer, 0, 'crm360d ends well';
my %kept = map { $_ => 1 } $site->key($DB, 'counters'), qw(crm360:1:consumers crm360:1:history); # beats of the killed
is_deeply [grep { !$kept{$_} } sort @{ $site->redis('KEYS', '*') }], [],
    'nothing is left in Redis but counters';
is $site->redis('HGET', $site->key($DB, 'counters'), 'received'), $TOTAL + $MORE,
    'the counters have counted them all in';
is $site->redis('HGET', $site->key($DB, 'counters'), 'dead') // 0, 0, 'none went to the dead letters';

$site->done;
