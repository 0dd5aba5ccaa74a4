# What the tables and logs forget in time: the inbox and the events of each database, those included that
# nothing happens to; the log file, by the settings for logrotate that are installed.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use POSIX qw(strftime);
use Test::More;

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360InboxKeep 2h\nCrm360EventKeep 3h\nCrm360Workers batch 0\nCrm360Workers send 0\n",
    databases => { map { ("acme/$_" => '') } qw(prod idle away) },
);
sub at { return strftime '%Y-%m-%dT%H:%M:%S', gmtime(time - 3600 * $_[0]) }
sub keeper { my $master = slurp($site->dir . '/crm360d.pid') + 0; return (`pgrep -P $master -x crm360d-keeper` || 0) + 0 }
sub left { my ($db, $table) = @_; return join ' ', map { $_->{MessageId} } $site->sql($db, "select MessageId from $table order by 1") }

# Rows of different age, in hours, named by it; many of the oldest.
sub fill {
    my ($db) = @_;
    my $rows = sub { my ($form) = @_; return join ',', map { sprintf $form, "h$_", at($_) } 1, 2.5, 4 };

    $site->sql($db, "insert into WebhookInbox values " . $rows->("('%s', 'r', '%s')"));
    $site->sql($db, "insert into WebhookEvents (MessageId, ContactId, Kind, At) values " . $rows->("('%s', 7, 'open', '%s')"));
    $site->sql($db, 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500)'
        . " insert into WebhookInbox select 'old' || i, 'r', '2020-01-01T00:00:00' from n");
    return;
}

$site->start_redis;
$site->migrate;
fill("acme/$_") for qw(prod idle);
unlink $site->database('acme/away');
$site->start_consumer;

# ---- tables ----

is left('acme/idle', 'WebhookEvents'), 'h1 h2.5 h4', 'at first all is there';
$site->keep_house;
for my $db (qw(acme/prod acme/idle)) {
    is left($db, 'WebhookInbox'), 'h1', "$db: the inbox forgets what is older than its time, all of it";
    is left($db, 'WebhookEvents'), 'h1 h2.5', "$db: and so do the events, after a time of their own";
}
my $log = $site->log_text('crm360d');
like $log, qr/info: old rows of acme\/idle deleted: 2502 of WebhookInbox, 1 of WebhookEvents/, 'which is said';
like $log, qr/info: old rows of acme\/away are not deleted \(.*does not exist/, 'one that is away is left for later';
is scalar(grep { (readlink || '') =~ /\.db/ } glob '/proc/' . keeper() . '/fd/*'), 0, 'none is kept open';
$site->keep_house;
unlike substr($site->log_text('crm360d'), length $log), qr/ deleted: /, 'another time there is nothing to forget';

$site->sql('acme/prod', "insert into WebhookInbox values ('late', 'r', '2020-01-01T00:00:00')");
my $id = $site->push_order('done');
wait_until { $site->value('acme/prod', "select count(*) from WebhookInbox where MessageId = '$id'") } 5,
    'a message is worked on';
wait_until { left('acme/prod', 'WebhookInbox') !~ /late/ } 5, 'its worker forgets, too';

# ---- the log ----

SKIP: {
    skip 'logrotate is not installed', 7 if !grep { -x "$_/logrotate" } '/usr/sbin', split /:/, $ENV{PATH};
    local $ENV{PATH} = "$ENV{PATH}:/usr/sbin";
    my $dir = $site->dir;
    my ($user, $group) = (scalar getpwuid $>, scalar getgrgid((split ' ', $))[0]));
    my $conf = slurp(root() . '/conf/crm360.logrotate');
    ok $conf =~ s{/var/lib/crm360/log\b}{$dir/log/crm360d.log}g && $conf =~ s{/var/lib/crm360/pid\b}{$dir/crm360d.pid}g,
        'the settings name the log and the pid file';
    $conf =~ s/crm360 crm360$/$user $group/mg;
    chmod 0644, spew("$dir/logrotate.conf", $conf);
    my $said = `logrotate -d -s $dir/state $dir/logrotate.conf 2>&1`;
    is $?, 0, 'logrotate takes them';
    unlike $said, qr/^error|unknown option/m, 'and complains of nothing';
    like $said, qr/after 1 days \(14 rotations\)|14 rotations/, 'two weeks are kept';
    # What the test looks at in the end is in the file that is moved away.
    my $before = $site->log_text('crm360d');
    is system("logrotate -f -s $dir/state $dir/logrotate.conf"), 0, 'a rotation';
    wait_until { $site->log_text('crm360d') =~ /configuration read again/ } 10, 'crm360d writes to the new file';
    is slurp("$dir/log/crm360d.log.1"), $before, 'the old one is whole';
}
$site->done;
