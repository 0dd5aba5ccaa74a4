# The CRM database on PostgreSQL: migrations, the same rows as on SQLite, many workers at once, and
# a server that goes away, is not there yet, or does not know the password.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my ($DB, $LITE) = ('acme/prod', 'acme/lite');
my $SECRET = "it's \\a secret";

my $pg = Crm360::Postgres->new(password => $SECRET =~ s/'/''/gr);
$pg->start;
$pg->create('prod');

my $site = Crm360::Test->new(settings => 'Crm360Workers live 8');
my $secret_file = $site->dir . '/prod.password';

sub set_password {
    my ($password) = @_;
    spew($secret_file, "$password\n");
    chmod 0600, $secret_file;
    return;
}

set_password($SECRET);
$site->{databases} = {
    $LITE => '',
    $DB => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
        . "\"\nCrm360DBPasswordFile $secret_file",
};
$site->write_conf;
$site->start_redis;

# How many rows of the inbox there are, of either database.
sub done_of {
    my ($database) = @_;
    my $query = 'select count(*) from WebhookInbox';
    return $database eq $DB ? $pg->value('prod', $query) : $site->value($database, $query);
}

sub post_to {
    my ($database, $action, $body, $source, $headers) = @_;
    my $url = $site->url("Shopify/Customer/$action", SourceId => $source, -database => $database);
    my $answer = $site->post($url, $body, $headers);

    return $answer->{status} == 200 || diag "$url: $answer->{status} $answer->{content}";
}

# Nothing waits, was lost, or was charged an attempt.
sub nothing_lost {
    my ($what) = @_;

    is $site->redis('ZCARD', $site->key($DB, 'live')), 0, "$what: the queue is empty";
    is $site->redis('ZCARD', $site->key($DB, 'dead')), 0, "$what: there is no dead letter";
    is $site->redis('HLEN', $site->key($DB, 'failures')), 0, "$what: no message lost an attempt";
    return;
}

# ---- migrations ----

my @migrations;
for my $i (1 .. 3) {
    my $pid = fork // die "cannot fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $site->dir . "/migrate$i" or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        exec build() . '/crm360ctl', '-c', $site->conf, 'migrate' or POSIX::_exit(98);
    }
    push @migrations, $pid;
}
for my $i (1 .. 3) {
    waitpid $migrations[$i - 1], 0;
    is $?, 0, "migration $i of three at once" or diag slurp($site->dir . "/migrate$i");
}
my $newest = newest_schema();
my ($code, $output) = $site->ctl('migrate');
is $code, 0, 'migrating again';
like $output, qr{^acme/prod: schema $newest, nothing to do$}m, 'there is nothing to do';
is $pg->value('prod', 'select count(*) from WebhookSchema'), $newest, 'it was done once';

# ---- the same rows ----

my @TABLES = qw(Contacts Addresses ContactIdentifiers WebhookInbox WebhookVersions WebhookMatches
    WebhookEvents WebhookSchema);

# All rows of a table as sorted texts, column by column; of times and ids only the form.
sub table {
    my ($database, $table, @columns) = @_;
    my $query = 'select ' . join(', ', @columns) . " from $table";
    my @rows = $database eq $DB ? $pg->rows('prod', $query)
        : map { my $row = $_; [@{$row}{@columns}] } $site->sql($database, $query);

    for my $row (@rows) {
        for my $i (0 .. $#columns) {
            $row->[$i] = 'a time' if $columns[$i] =~ /^(?:Applied|Processed)At$/
                && $row->[$i] =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/;
            $row->[$i] = 'an id' if $columns[$i] eq 'MessageId';
            utf8::encode($row->[$i]) if defined $row->[$i] && utf8::is_utf8($row->[$i]);
        }
    }
    return [sort map { join '|', map { $_ // 'NULL' } @$_ } @rows];
}

$site->start_httpd;
$site->start_consumer;
my $files = 0;
for my $file (sort grep { m{^shopify/customer-.*\.json$} } keys %{ $site->fixtures }) {
    my $body = slurp(root() . "/t/fixtures/$file");
    my ($action) = $file =~ /customer-(\w+)/;
    my %headers = map { /^([^:]+):\s*(.*?)\s*$/ ? ($1 => $2) : () }
        split /\n/, slurp(root() . "/t/fixtures/$file" =~ s/json$/headers/r);

    post_to($_, ucfirst $action, $body, 12, \%headers) for $DB, $LITE;
    $files++;
    wait_until { done_of($DB) == $files && done_of($LITE) == $files } 5,
        "$file is in both databases";
}
cmp_ok $files, '>=', 4, 'there are fixtures';
# No handler of this version writes events.
my $event = "insert into WebhookEvents (MessageId, ContactId, Kind, At)"
    . " values ('x', 1, 'open', '2026-11-23T15:58:00') returning EventId";
is $_, 1, 'an event' for $pg->value('prod', $event), $site->value($LITE, $event);
for my $table (@TABLES) {
    my @columns = map { $_->{name} }
        $site->sql($LITE, "select name from pragma_table_info('$table')");
    my @there = map { $_->[0] } $pg->rows('prod', 'select column_name from'
            . " information_schema.columns where table_name = '" . lc($table)
            . "' order by ordinal_position");
    my $rows = table($LITE, $table, @columns);

    is_deeply \@there, [map { lc } @columns], "$table has the same columns";
    cmp_ok scalar @$rows, '>', 0, "$table has rows";
    is_deeply table($DB, $table, @columns), $rows, "$table shows the same";
}
$pg->value('prod', "insert into WebhookEvents (MessageId, Kind, At) values ('x', 'open', '2001-01-01T00:00:00')"
    . ' returning EventId');
$site->keep_house;
is $pg->value('prod', 'select count(*) from WebhookEvents'), 1, 'old events are deleted, young ones stay';
is $pg->value('prod', "select data_type from information_schema.columns"
        . " where table_name = 'contacts' and column_name = 'freefieldnumber1'"), 'numeric',
    'numbers are exact';

# ---- the unit tests of the database and of Shopify, in every order of their messages ----

for my $test (map { "${_}_test" } qw(crm entity point event place identity shopify_customer
    shopify_sequence shopify_broken)) {
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my ($status, $text) = $site->run(build() . "/t/$test");

    is $status, 0, "$test against PostgreSQL"
        or diag join '', grep { /^not ok|^#/ } split /^/, $text;
    cmp_ok scalar(() = $text =~ /^ok /mg), '>', 5, "$test has tested something";
}

# ---- many workers and one person ----

sub person {
    my ($number, $mail) = @_;
    return qq({"id":$number,"updated_at":"2026-03-02T10:15:27Z","first_name":"One",)
        . qq("last_name":"Person","email":"$mail"});
}

# Posts `count` messages from four processes at once, whose ids are returned; `make` gives body and
# source of one.
sub post_at_once {
    my ($count, $make) = @_;
    my @callers;

    for my $caller (0 .. 3) {
        my $pid = fork // die "cannot fork: $!\n";
        if (!$pid) {
            delete $site->{http};
            my $good = eval {
                for (my $i = $caller; $i < $count; $i += 4) {
                    my ($body, $source) = $make->($i);
                    post_to($DB, 'Insert', $body, $source) or die "not accepted\n";
                }
                1;
            };
            POSIX::_exit($good ? 0 : 1);
        }
        push @callers, $pid;
    }
    return @callers;
}

sub callers_end {
    for my $pid (@_) {
        waitpid $pid, 0;
        is $?, 0, 'a caller was heard';
    }
    return;
}

my $before = done_of($DB);
callers_end(post_at_once(200, sub {
    my ($i) = @_;
    return (person(1000 + $i, 'one@example.fr'), 100 + $i);
}));
wait_until { done_of($DB) == $before + 200 } 30, '200 messages of 200 sources about one person';
is $pg->value('prod', "select count(*) from Contacts where FirstName = 'One'"), 1, 'one contact';
is $pg->value('prod', "select count(*) from Addresses where Email = 'one\@example.fr'"), 1,
    'with one address';
is $pg->value('prod', 'select count(*) from ContactIdentifiers i join Contacts c'
        . " on c.ContactId = i.ContactId where FirstName = 'One'"), 200, 'and 200 identifiers';
wait_until { $site->redis('HLEN', $site->key($DB, 'claims')) == 0 } 5, 'all are acknowledged';
nothing_lost('one person');

# ---- the server goes away ----

# Codes that an outage brings. Worker by worker, for each has a connection of its own.
# A worker may be pruning just when the server is stopped.
$site->expect_log(qr/CRM0314/);
$site->expect_log(qr/CRM0313: database acme\/prod cannot be used/);

$before = done_of($DB);
my @callers = post_at_once(300, sub {
    my ($i) = @_;
    return (person(5000 + $i, "p$i\@example.fr"), 7);
});
wait_until { done_of($DB) > $before } 5, 'work has begun';
is $pg->stop, 0, 'PostgreSQL stops under load';
callers_end(@callers);
$site->wait_log('crm360d', qr/CRM0313: database acme\/prod cannot be used/, 10, 'it is noticed');
$pg->start;
# Within the longest pause of a database, and not only when a lease has run out.
wait_until { done_of($DB) == $before + 300 } 35, 'it goes on by itself';
wait_until { $site->redis('HLEN', $site->key($DB, 'claims')) == 0 } 5, 'all are acknowledged';
is $pg->value('prod', 'select count(*) from ContactIdentifiers where SourceId = 7'), 300,
    'each effect is there once';
nothing_lost('restart');

# ---- restarted while nothing happens ----

my $said = () = $site->log_text('crm360d') =~ /CRM0313/g;
$pg->stop;
$pg->start;
for my $i (1 .. 20) {
    post_to($DB, 'Insert', person(6000 + $i, "q$i\@example.fr"), 8);
}
wait_until { done_of($DB) == $before + 320 } 5, 'a restart while nothing happens';
is(() = $site->log_text('crm360d') =~ /CRM0313/g, $said, 'goes unnoticed');

# ---- not there at the start ----

$site->stop_consumer;
$pg->stop;
$site->start_consumer;
post_to($DB, 'Insert', person(8000, 'early@example.fr'), 9);
$site->wait_log('crm360d', qr/CRM0313: database acme\/prod cannot be used: .*No such file/, 10,
    'a server that is not there yet is named');
post_to($LITE, 'Insert', person(8000, 'early@example.fr'), 9);
wait_until { done_of($LITE) == $files + 1 } 5, 'the other database does not suffer';
($code, $output) = $site->ctl('migrate', $DB);
is $code, 4, 'crm360ctl says that it is out of reach';
$pg->start;
wait_until { done_of($DB) == $before + 321 } 40, 'when it comes up, work begins';
nothing_lost('early');

# ---- a wrong password ----

$site->stop_consumer;
set_password("wrong $SECRET");
$site->start_consumer;
post_to($DB, 'Insert', person(8001, 'wrong@example.fr'), 9);
$site->wait_log('crm360d', qr/CRM0313: .*password authentication failed for user "crm360"/, 10,
    'a wrong password is told');
($code, $output) = $site->ctl('migrate', $DB);
like $output, qr/password authentication failed/, 'by crm360ctl too';
unlike $output . $site->log_text('crm360d'), qr/secret/, 'and not shown';
$site->stop_consumer;
set_password($SECRET);
$site->start_consumer;
wait_until { done_of($DB) == $before + 322 } 10, 'with the right one the message is carried';
nothing_lost('password');

$site->done;
