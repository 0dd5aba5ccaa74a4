# RnvpDedup through the real daemon, on SQLite and on PostgreSQL with four workers: people who are there
# twice become one each while the shop goes on telling of both of them, and crm360d is killed in the
# middle. Nothing is lost, and nobody writes to a contact that was merged.
# Plain builds only: long; the tests of merging run its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $PEOPLE = fast() ? 80 : 30;
my $ROUNDS = fast() ? 4 : 2;
my $WAIT = fast() ? 60 : 300;

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');

my $site = Crm360::Test->new(settings => "Crm360Workers live 4\nCrm360Workers batch 2\n"
    . "Crm360DedupKey none\n");
my $secret = spew($site->dir . '/pg.password', "secret\n");
chmod 0600, $secret;
$site->{databases} = {
    'acme/lite' => '',
    'acme/prod' => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
        . "\"\nCrm360DBPasswordFile $secret",
};
$site->write_conf;
$site->expect_log(qr/CRM0310/); # a message that was in the way of a merge runs again
# Whoever is stopped while it connects is too late when it goes on; that costs no attempt.
$site->expect_log(qr/CRM0313: database acme\/prod cannot be used: .*timeout expired/);
$site->start;

my %value = (
    'acme/lite' => sub { return $site->value('acme/lite', $_[0]) },
    'acme/prod' => sub { return $pg->value('prod', $_[0]) },
);
my %execute = (
    'acme/lite' => sub { return $site->sql('acme/lite', $_[0]) },
    'acme/prod' => sub { return $pg->rows('prod', $_[0]) },
);

# ---- messages ----

# Customer number $number: two of them, 2n and 2n + 1, are one person.
sub customer {
    my ($number, $round) = @_;
    my $person = int $number / 2;
    my $name = 'N' . join '', map { chr(97 + $_) . 'a' } split //, sprintf '%03d', $person;
    my $first = $number % 2 ? 'Zoe' : 'Zoé';
    my $city = 'Ville ' . chr(65 + $round); # nothing that could make two people of them meanwhile

    return sprintf '{"id":%d,"updated_at":"2026-03-01T00:%02d:%02dZ","first_name":"%s","last_name":"%s",'
        . '"email":"person%d@example.org","default_address":{"address1":"%d rue Haute","zip":"%05d",'
        . '"city":"%s","country_code":"FR","phone":"+336%08d"}}', 1000 + $number, $round, $number % 2,
        $first, $name, $person, 1 + $person, 10_000 + $person, $city, $number;
}

sub tell_of {
    my ($database, $number, $round) = @_;
    my $url = $site->url('Shopify/Customer/Update', SourceId => 12, -database => $database);
    my $answer;
    for (1 .. 10) { # as the shop does it, when a machine is too busy for Redis
        $answer = $site->post($url, customer($number, $round));
        return 1 if $answer->{status} == 200;
        sleep 0.5;
    }
    diag "$url: $answer->{status} $answer->{content}";
    return 0;
}

sub dedup {
    my ($database) = @_;
    my $url = $site->url('elfy76310/process/RnvpDedup', SourceId => 12, BatchMode => 'true',
        -database => $database);
    my $answer = $site->post($url, '');
    return is $answer->{status}, 200, "$database: RnvpDedup is taken in";
}

sub wait_idle {
    my ($database, $what) = @_;
    my @lanes = map { $site->key($database, $_) } qw(live batch);
    return wait_until { !grep { $site->redis('ZCARD', $_) } @lanes } $WAIT, "$database: $what";
}

# Tells of everybody, several times, from several processes, while the rest goes on.
sub tell_meanwhile {
    my ($database) = @_;
    my @callers;

    for my $caller (0 .. 3) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            my $failed = 0;
            for my $round (1 .. $ROUNDS) {
                for my $number (grep { $_ % 4 == $caller } 0 .. 2 * $PEOPLE - 1) {
                    tell_of($database, $number, $round) or $failed = 1;
                }
            }
            POSIX::_exit($failed);
        }
        push @callers, $pid;
    }
    return @callers;
}

sub merged { return $value{ $_[0] }->('select count(*) from WebhookMerges') }

# ---- the same on both ----

for my $database ('acme/lite', 'acme/prod') {
    my ($value, $execute) = ($value{$database}, $execute{$database});

    tell_of($database, $_, 0) for 0 .. 2 * $PEOPLE - 1;
    wait_idle($database, 'everybody is there');
    is $value->('select count(*) from Contacts'), 2 * $PEOPLE, '  twice';
    # Each contact has bought twice.
    $execute->("insert into PurchaseHeaders (PurchaseIdentifier, ContactId, SourceId)"
        . " select cast(ContactId as text) || '/$_', ContactId, 12 from Contacts") for 1, 2;

    $site->{consumer}->run_group_for(0); # from now on in slices, so that nothing is over before it is looked at
    my @callers = tell_meanwhile($database);
    dedup($database);
    for my $kill (1 .. 2) {
        my $at = merged($database) + $PEOPLE / 8; # early, for some more are done until it is killed
        wait_until { $site->{consumer}->run_group_for(0.005); merged($database) >= $at }
            $WAIT, "$database: $at are merged";
        $site->kill_consumer(group => 1);
        my $then = merged($database);
        cmp_ok $then, '<', $PEOPLE, "$database: crm360d is killed after $then merges" if fast();
        $site->start_consumer;
    }
    my $failed = 0;
    waitpid($_, 0), $failed ||= $? for @callers;
    is $failed, 0, "$database: all that was told was taken in";
    wait_idle($database, 'everything is done');

    is $value->('select count(*) from Contacts where DeletionFlag = 0'), $PEOPLE, "$database: each is one";
    is merged($database), $PEOPLE, '  by as many merges';
    is $value->('select count(distinct LastName) from Contacts where DeletionFlag = 0'), $PEOPLE,
        '  different people';
    is $value->('select count(*) from ContactIdentifiers i join Contacts c on c.ContactId = i.ContactId'
            . ' where c.DeletionFlag = 0'), 2 * $PEOPLE, '  with both identifiers';
    is $value->('select count(*) from (select ContactId from PurchaseHeaders group by ContactId'
            . ' having count(*) = 4) x'), $PEOPLE, '  and all that was bought';
    my $city = 'ville ' . chr(97 + $ROUNDS); # in capitals where the address was cleaned
    is $value->('select count(*) from Addresses a join Contacts c on c.ContactId = a.ContactId'
            . " where c.DeletionFlag = 0 and lower(a.City) = '$city'"), $PEOPLE,
        '  the last that was told is what counts';
    is $value->('select count(*) from Addresses a join Contacts c on c.ContactId = a.ContactId'
            . ' where c.DeletionFlag = 1 and a.DeletionFlag = 0'), 0, '  nothing was written to the others';
    is $value->('select count(*) from Addresses a join Contacts c on c.ContactId = a.ContactId'
            . ' where c.DeletionFlag = 0'), $PEOPLE, '  one address each';
    is $value->('select count(*) from WebhookMatches m join Contacts c on c.ContactId = m.ContactId'
            . ' where c.DeletionFlag = 1'), 0, '  they are found by what they were known by';
    is $site->redis('ZCARD', $site->key($database, 'dead')), 0, '  no dead letter';
    is $value->('select count(*) from WebhookDuplicateTasks'), 0, '  nothing is left to do';
    is $value->("select Changed from WebhookJobs where Kind = 'dedup'"), $PEOPLE,
        '  the job has counted right';

    dedup($database);
    wait_idle($database, 'once more');
    is merged($database), $PEOPLE, '  nobody is merged';
    is $value->('select count(*) from WebhookReviews'), 0, '  and nobody to be looked at';
}

# ---- the unit tests of merges against PostgreSQL ----

for my $test (map { "${_}_test" } qw(merge_undo merge_run merge_many rnvp_dedup erase)) {
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my $text = `@{[build()]}/t/$test 2>&1`; # however long a busy machine takes

    is $?, 0, "$test against PostgreSQL" or diag join '', grep { /^not ok|^#/ } split /^/, $text;
}

$site->done;
