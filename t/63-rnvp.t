# Cleaning the addresses of a whole database while its workers are killed again and again: each address
# ends in a state, and was written once. Webhooks of the same database do not wait for it. On SQLite and
# on PostgreSQL, through httpd, Redis and crm360d. The delay of webhooks is asserted where times are.
# Plain builds only: long; rnvp_job_test runs its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my ($LITE, $DB) = ('acme/lite', 'acme/prod');
my %PEOPLE = ($LITE => 50_000, $DB => 5_000); # so many that there is a meanwhile
my $KILLS = 4;

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');
my $site = Crm360::Test->new(settings => 'Crm360Workers send 0');
my $password = spew($site->dir . '/password', "secret\n");
chmod 0600, $password;
$site->{databases} = {
    $LITE => '',
    $DB => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
        . "\"\nCrm360DBPasswordFile $password",
};
$site->write_conf;
$site->start;
# What a killed worker leaves in the log.
$site->expect_log(qr/CRM0322/);

sub value { my ($database, $query) = @_; return $database eq $DB ? $pg->value('prod', $query) : $site->value($database, $query) }

sub execute {
    my ($database, @statements) = @_;
    for my $statement (@statements) {
        $database eq $DB ? $pg->rows('prod', $statement) : $site->sql($database, $statement);
    }
    return;
}

# Every write of a state is noted by the database itself.
my %NOTE = (
    $LITE => ['create trigger Noted after update of AddressStateId on Addresses'
            . ' begin insert into TestWrites values (new.AddressId); end'],
    $DB => [
        "create function note() returns trigger language plpgsql as 'begin insert into TestWrites"
            . " values (new.AddressId); return new; end'",
        'create trigger Noted after update of AddressStateId on Addresses for each row execute function note()',
        'grant all on TestWrites to public',
    ],
);

sub fill {
    my ($database) = @_;
    my $count = $PEOPLE{$database};
    execute($database,
        "insert into Contacts (ContactId, LastName) with recursive n(i) as (select 1 union all"
            . " select i + 1 from n where i < $count) select i, 'P' from n",
        "insert into ContactIdentifiers select '51:p' || ContactId, 'p' || ContactId, ContactId, 51"
            . ' from Contacts',
        "insert into Addresses (AddressId, ContactId, Address4, PostCode, City) select ContactId,"
            . " ContactId, ContactId % 999 + 1 || ' bis, rue de la Paix', case ContactId % 3 when 0 then '6000'"
            . " when 1 then '69001' else '99999' end, case ContactId % 3 when 0 then 'Nice' when 1 then"
            . " 'LYON' else 'Nulle Part' end from Contacts",
        'create table TestWrites (AddressId integer)', @{ $NOTE{$database} });
    # The next contact gets a number behind these.
    execute($database, map { "select setval(pg_get_serial_sequence('$_->[0]', '$_->[1]'), $count)" }
        ['contacts', 'contactid'], ['addresses', 'addressid']) if $database eq $DB;
    return;
}

sub cursor {
    my ($database) = @_;
    return value($database, "select coalesce(max(Cursor), 0) from WebhookJobs where FinishedAt is null") || 0;
}
sub finished { return value($_[0], 'select count(*) from WebhookJobs where FinishedAt is not null') }
sub workers {
    my $master = slurp($site->dir . '/crm360d.pid') + 0;
    my %keeper = map { $_ => 1 } split ' ', `pgrep -P $master -x crm360d-keeper`;
    return grep { !$keeper{$_} } split ' ', `pgrep -P $master`;
}

# A webhook of the lane live; how long it took, in seconds.
my $customers = 0;
sub live {
    my ($database) = @_;
    my $number = ++$customers;
    my $begun = time;
    my $answer = $site->post($site->url('Shopify/Customer/Insert', SourceId => 1, -database => $database),
        qq({"id":$number,"updated_at":"2026-03-02T10:15:27Z","last_name":"Live$number"}));
    my $id = $answer->{json}{MessageId} or die "$answer->{status} $answer->{content}\n";

    for (;;) {
        my $done = value($database, "select count(*) from WebhookInbox where MessageId = '$id'");
        return time - $begun if $done;
        die "a webhook waits for more than 20 s\n" if time - $begun > 20;
        sleep 0.005;
    }
}

for my $database ($LITE, $DB) {
    my ($code, $output) = $site->ctl('import-postcodes', $database,
        root() . '/t/fixtures/postcodes/laposte_hexasmal.csv');
    is $code, 0, "$database: post codes" or diag $output;
    fill($database);

    my $count = $PEOPLE{$database};
    my $url = $site->url('elfy76310/process/Rnvp', SourceId => 51, BatchMode => 'true', -database => $database);
    my $answer = $site->post($url, '', {});
    my $id = $answer->{json}{MessageId};
    is $answer->{status}, 200, 'an empty body is taken' or diag $answer->{content};

    # Killed in its first half, which runs in slices so that it is not over before it is looked at; webhooks in the
    # second.
    my ($kills, $next, $longest, $during) = (0, $count / 20, 0, 0);
    my $until = time + (timing() ? 120 : 400);
    while ($kills < $KILLS && time < $until) {
        $site->{consumer}->run_group_for(0.01);
        last if eval { finished($database) };
        # Who was stopped while he recovered the file keeps everybody out of it: on with him.
        my $cursor = eval { cursor($database) } // ($@ =~ /lock/ ? next : die $@);
        next if $cursor < $next;
        kill 'KILL', workers();
        $kills++;
        $next = $cursor + $count / 20;
    }
    $site->{consumer}->run_group;
    while (!finished($database) && time < $until) {
        my $delay = live($database);
        next if finished($database);
        $during++;
        $longest = $delay if $delay > $longest;
    }
    is $kills, $KILLS, 'workers were killed in the middle';
    cmp_ok $during, '>', 0, "$during webhooks were worked on meanwhile";
    SKIP: {
        skip 'no timing', 1 if !timing();
        cmp_ok $longest, '<', 1.5, sprintf 'none of them waited long (%d ms)', 1000 * $longest;
    }

    is value($database, "select Cursor || ' ' || Done || ' ' || Changed || ' ' || Corrected || ' ' || Rejected"
            . " from WebhookJobs where MessageId = '$id'"),
        join(' ', $count, $count, $count, $count - int(($count + 1) / 3), int(($count + 1) / 3)),
        'it ends, and has counted each address once';
    is value($database, "select count(*) from Addresses where AddressId <= $count and AddressStateId is null"), 0,
        'every address has a state';
    is value($database, 'select count(*) from WebhookAddressChecks'), $count, 'and a check';
    is value($database, 'select count(*) from TestWrites'), $count, 'each was written';
    is value($database, 'select count(distinct AddressId) from TestWrites'), $count, 'once';
    is value($database, "select count(*) from Addresses where AddressStateId = 2 and Address4 ="
            . " AddressId % 999 + 1 || ' B RUE DE LA PAIX' and PostCode in ('06000', '69001') and City in ('NICE', 'LYON')"),
        $count - int(($count + 1) / 3), 'as it should be';
    wait_until { $site->redis('ZCARD', $site->key($database, 'batch')) == 0 } 5, 'the message is gone';
    is value($database, "select count(*) from WebhookInbox where MessageId = '$id'"), 1, 'and noted';
    is $site->redis('ZCARD', $site->key($database, 'dead')), 0, 'nothing went to the dead letters';
    is value($database, "select count(*) from Contacts where LastName like 'Live%'"), $customers,
        'the webhooks meanwhile had their effect';
    $customers = 0;

    # A second run changes nothing; an array is split.
    $answer = $site->post($url, '', { 'Idempotency-Key' => 'another' });
    wait_until { finished($database) == 2 } 60, 'another run';
    is value($database, 'select count(*) from TestWrites'), $count, 'changes nothing';
    is value($database, "select Done || ' ' || Changed from WebhookJobs where MessageId = '"
            . $answer->{json}{MessageId} . "'"), "$count 0", 'and says so';
    $answer = $site->post($url, '[{"AddressId":2,"PostCode":"06000","City":"Nice"},{"AddressId":999999},'
        . '{"AddressId":5,"PostCode":"06000","City":"Nice"}]');
    my $key = $site->key($database, 'dead');
    $site->expect_log(qr/CRM0311/);
    wait_until { $site->redis('ZCARD', $key) == 1 && !$site->redis('ZCARD', $site->key($database, 'batch')) } 10,
        'an array with BatchMode is split, and what is not known is a dead letter of its own';
    is value($database, 'select count(*) from Addresses where AddressId in (2, 5) and AddressStateId = 2'), 2,
        'the others are done';
}

for my $test (qw(rnvp_test rnvp_job_test)) {
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my $text = qx(@{[build()]}/t/$test 2>&1); # a connection for each look: it takes its time
    is $?, 0, "$test against PostgreSQL" or diag join '', grep { /^not ok|^#/ } split /^/, $text;
    cmp_ok scalar(() = $text =~ /^ok /mg), '>', 40, "$test has tested something";
}

my $log = $site->log_text('crm360d');
like $log, qr/info: \S+-Rnvp: AddressId \d+ of $PEOPLE{$LITE}; \d+ addresses, \d+ rows changed$/m, 'the log says how far it is';
like $log, qr/info: \S+-Rnvp: $PEOPLE{$LITE} addresses: 0 valid, \d+ corrected, 0 ambiguous, \d+ rejected; $PEOPLE{$LITE} rows changed/,
    'and what came of it';
unlike $log, qr/Paix|PAIX|Nulle Part/, 'and nothing of anybody';

$site->done;
