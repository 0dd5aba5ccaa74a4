# The quickstart in a folder and on a port of its own: first run, second run, status, stop, and what it
# says when it cannot work.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP;
use Test::More;

plan skip_all => 'the quickstart runs its own build, which is not instrumented'
    if build() ne root() . '/build';

my $dir = tempdir('crm360-XXXXXX', DIR => '/tmp', CLEANUP => 1);
chmod 0755, $dir;
my $run = "$dir/run";
my $port = free_port();
$ENV{CRM360_RUN} = $run;
$ENV{CRM360_PORT} = $port;

# Output and exit code of ./quickstart WORDS.
sub quickstart {
    my ($words) = @_;
    my $output = `cd @{[root()]} && ./quickstart $words 2>&1 </dev/null`;
    return ($output, $? >> 8);
}

sub sql {
    my ($query) = @_;
    my $value = `sqlite3 -cmd '.timeout 5000' $run/acme-prod.db "$query"`;
    chomp $value;
    return $value;
}

# What README.md shows after the first run: commands, with this folder and port.
sub readme_commands {
    my ($shown) = slurp(root() . '/README.md') =~ /^.*Then, for\s+example:\n(.*?)^And\n/ms
        or die "README.md has no example\n";
    my $text = join '', $shown =~ /^    (.*\n)/mg;
    $text =~ s{127\.0\.0\.1:8360}{127.0.0.1:$port}g;
    $text =~ s{ run/}{ $run/}g;
    return $text =~ /^(\S(?:.*\\\n)*.*)\n/mg;
}

# The three process ids.
sub pids {
    return join ' ', map { s/\s//gr } map { slurp("$run/$_.pid") } qw(redis httpd crm360d);
}

sub redis {
    my $value = `redis-cli -s $run/redis.sock @_`;
    chomp $value;
    return $value;
}

END {
    my $status = $?;
    quickstart('stop') if defined $run && -d $run;
    $? = $status;
}

# ---- first run ----

my ($output, $code) = quickstart('');
is $code, 0, 'the first run' or diag $output;

# Of each route: what quickstart shows of its effect, and how that is seen in the database. An entry of
# the outbox: the end of its file's name, and what stands in it.
my $contact = 'select %s from ContactIdentifiers join Contacts using (ContactId)'
    . " join Addresses using (ContactId) where Identifier = '97312459817263'";
my $good = "select %s from PurchaseGoods where ParentIdentifier = '98123456789012'";
my $purchase = "select %s from PurchaseHeaders where PurchaseNumber = '%s'";
my $event = "select Address || ' ' || ContactId from WebhookEvents where MessageId = '%s'";
my %effects = (
    'Shopify/Customer/Insert' => ['contact 1: Camille Bernard, Nice',
        sprintf($contact, 'AdvertiserCreationDate'), '2026-03-02T09:15:27'],
    'Shopify/Customer/Update' => ['contact 1: Camille Bernard-Petit, Saint-Étienne',
        sprintf($contact, "LastName || ', ' || City"), 'Bernard-Petit, Saint-Étienne'],
    'Shopify/Customer/Delete' => ['contact 1: deleted',
        sprintf($contact, 'Contacts.DeletionFlag + Addresses.DeletionFlag'), 2],
    'Shopify/Product/Insert' => ['good 1: Tee-shirt marin - S / Marine, 24.90 EUR, active',
        sprintf($good, 'group_concat(distinct Vendor)'), 'Maison Demo'],
    'Shopify/Product/Update' => ['good 1: Tee-shirt marin - S / Marine, 22.50 EUR, draft',
        sprintf($good, 'max(ComparePrice) || count(*)'), '29.9003'],
    'Shopify/Product/Delete' => ['goods 1, 2, 3: deleted', sprintf($good, 'sum(DeletionFlag)'), 3],
    'Shopify/Order/Insert' => ['purchase #1042: 120.82 EUR, 2 lines, pending, of contact 1',
        sprintf($purchase, 'OriginalAmountTaxIncluded', '#1042'), '120.820'],
    'Shopify/Order/Update' => ['purchase #1042: 98.41 EUR, 2 lines, partially refunded, of contact 1',
        sprintf($purchase, 'RefundAmount', '#1042'), '22.410'],
    'Shopify/Order/Delete' => ['purchase #1042: deleted',
        sprintf($purchase, 'DeletionFlag', '#1042'), 1],
    'Adictiz/User/Participate' => ['contact 2: Emma Garnier, plays Jeu de printemps',
        'select ContactId from ContactInterests', 2],
    'Primotexto/Sms/Callback' => ['event sms.delivered of +33687654321, contact 2',
        $event, '+33687654321 2'],
    'Smsbox/Sms/Callback' => ['event sms.delivered of +33687654321, contact 2',
        $event, '+33687654321 2'],
    'Smsbox/Sms/CallbackStop' => ['event sms.stop: contact 2 wants no more SMS to +33687654321',
        'select Optin from WebhookPoints', 0],
    'Mailjet/email/Callback' => ['event email.click of emma.garnier@example.fr, contact 2',
        $event, 'emma.garnier@example.fr 2'],
    'Zendesk/Ticket/Update' => ['case 4711: Colis non reçu, open, of contact 2',
        "select CaseIdentifier || ' ' || ContactId from Cases", '4711 2'],
    'Tabology/Ticket/Create' => ['purchase 4712: 14.80 GBP, 2 lines, open',
        sprintf($purchase, 'PurchaseDate', '4712'), '2026-03-02T12:41:09'],
    'Tabology/Ticket/Update' => ['purchase 4712: 14.80 GBP, 2 lines, paid, of contact 3',
        sprintf($purchase, 'StatusText', '4712'), 'SETTLED'],
    'elfy76310/process/Rnvp' => ['address of contact 2: corrected, 15 B AVENUE DU GENERAL DE GAULLE,'
        . ' 06000 NICE', "select count(*) from WebhookJobs where MessageId = '%s' and Corrected = 1", 1],
    'elfy76310/process/RnvpDedup' => ['contact 4 merged into contact 2, by name+address',
        "select KeptContactId || MergedContactId from WebhookMerges where MessageId = '%s'", 24],
    'Crm360/Sms/Send' => ['SMS in outbox/%s.json: +33687654321, 1 segment (transactional)',
        '.json', qr/"number":"\+33687654321",.*"text":"Votre commande est prête/s],
    'Crm360/Email/Send' => ['mail in outbox/%s.eml: Bonjour Emma',
        '.eml', qr/^To: emma\.garnier\@example\.fr\r\n.*^Bonjour Emma Garnier\r$/ms],
    'CaptainWallet/LoyaltyCard/SendUpdate' => ['wallet update in outbox/%s.json: 120 points of Emma',
        '.json', qr/"2990000012345".*"points":120\b/s],
);
my @routes = map { "$_->[0]/$_->[1]/$_->[2]" } map { [/"(\w+)", "(\w+)", "(\w+)"/] }
    grep { /^    ROUTE\(/ } split /\n/, slurp(root() . '/core/route.c');
is_deeply [sort keys %effects], [sort @routes], 'this test knows all routes';
my %row = map { /^  (\S+) +(\d+) +(.*)$/ ? ($1 => [$2, $3]) : () } split /\n/, $output;
is_deeply [sort keys %row], [sort @routes], 'one sample of each is shown';
is scalar(() = $output =~ m{^  \w+/\w+/\w+ }mg), 22, 'once';
my %id = map { split ' ' } split /\n/, slurp("$run/samples");
for my $route (@routes) {
    my ($shown, $where, $expected) = @{ $effects{$route} };
    my $id = $id{$route} // 'none';
    $shown =~ s/%s/$id/;
    $where =~ s/%s/$id/;
    is_deeply $row{$route}, [200, $shown], "$route: answer and effect";
    if (ref $expected) {
        my $file = "$run/outbox/$id$where";
        like -e $file ? slurp($file) : 'no file', $expected, "$route: in the outbox";
    }
    else {
        is sql($where), $expected, "$route: in the database";
    }
}
is sql('select count(*) from WebhookInbox'), 22, 'each was done once';
my @outbox = glob "$run/outbox/*";
is @outbox, 3, 'three would have left';

# Whoever sends a fixture himself sees its own customer.
my $dump = `sqlite3 $run/acme-prod.db .dump`;
like $dump, qr/Garnier/, 'what the samples have left';
unlike $dump, qr/Marchand|lea\b|612345678|\b7312459817263|\b5801234567890|\b8123456789012|inconnu/i,
    'is about other people and things than the fixtures';
ok -e "$run/$_", "its folder has $_" for qw(crm360.conf httpd.conf redis.sock acme-prod.db log
    redis.pid httpd.pid crm360d.pid outbox);
is redis('config', 'get', 'appendonly') =~ /yes/ ? 1 : 0, 1, 'Redis writes its file';
is redis('config', 'get', 'port'), "port\n0", 'Redis has no port';
unlike slurp("$run/log/crm360d.log"), qr/CRM036\d/, 'crm360d finds nothing amiss in how Redis is set up';
like `curl -s -m 10 http://127.0.0.1:$port/nothing`, qr/404/, 'httpd listens on the port';

# The help page.
like $output, qr{^  http://127\.0\.0\.1:$port/help$}m, 'it prints where the help page is';
like `curl -s -m 10 http://127.0.0.1:$port/help`, qr{<h1>CRM360 webhooks</h1>}, 'which is there';
my ($document) = map { JSON::PP->new->utf8->decode($_) }
    `curl -s -m 10 http://127.0.0.1:$port/help/openapi.json`;
is $document->{servers}[0]{url}, "http://127.0.0.1:$port/ProcessManagement/Connector/Standard",
    'and its document says where webhooks go';

# The status page.
like $output, qr{^  http://127\.0\.0\.1:$port/crm360-status$}m, 'it prints where the status page is';
like `curl -s -m 10 http://127.0.0.1:$port/crm360-status`, qr{acme/prod}, 'which shows the database';
like `curl -s -m 10 'http://127.0.0.1:$port/crm360-status?show=acme/prod'`, qr{value="pause">Pause<}, 'and may act';

# The lines that it prints for the person do what they say.
my ($curl) = $output =~ /^  (curl .*SourceId=1')$/m;
ok $curl, 'it prints a curl line';
like `cd @{[root()]} && $curl 2>&1`, qr/"MessageId"/, 'which sends a webhook';
wait_until { sql('select count(*) from WebhookInbox') == 23 } 5, 'that arrives';
is sql("select count(*) from Contacts where LastName = 'Marchand' and DeletionFlag = 0"), 1,
    'and makes another customer than the samples';
like $output, qr{Stop: CRM360_RUN=\Q$run\E \./quickstart stop$}m, 'it says how to stop this one';
like slurp("$run/log/httpd-access.log"), qr{"POST /ProcessManagement/\S+/Insert HTTP/1\.1" 200 },
    'the access log has the webhook';
unlike slurp("$run/log/httpd-access.log"), qr/SourceId/, 'and no query string';
is +(stat "$run/log")[2] & 07777, 0750, 'logs are not for everybody';

my @commands = readme_commands();
is @commands, 2, 'README.md shows two commands';
like `cd @{[root()]} && $commands[0] 2>/dev/null`, qr/"MessageId"/, 'a webhook of README.md is taken';
wait_until { `$commands[1]` =~ /^Léa\|Marchand$/m } 1, 'its customer is shown';
wait_until { sql('select count(*) from WebhookInbox') == 24 } 5, 'and it was processed';
my ($look) = $output =~ /^  (redis-cli .*withscores)$/m;
ok $look, 'it prints a redis-cli line';
is system("$look >/dev/null"), 0, 'which works';

my ($dead_list) = $output =~ m{^  (build/crm360ctl .*)$}m;
ok $dead_list, 'it prints a crm360ctl line';
is `cd @{[root()]} && $dead_list 2>/dev/null`, '', 'which shows no dead letter, as there is none';
is $?, 0, 'and works';

# ---- status, second run ----

($output, $code) = quickstart('status');
is $code, 0, 'status';
is scalar(() = $output =~ /^(?:redis|httpd|crm360d) runs \(process \d+\)$/mg), 3, 'all three run';

my ($pids, $received) = (pids(), redis('hget', "'crm360:1:{acme/prod}:counters'", 'received'));
($output, $code) = quickstart('');
is $code, 0, 'a second run' or diag $output;
is pids(), $pids, 'starts nothing again';
chmod 0700, "$run/redis.sock";
chown 0, 0, "$run/redis.sock" if !$>; # as after a restart by hand
my $group = (stat "$run/spool")[5];
($output, $code) = quickstart('');
is $code, 0, 'a run after that' or diag $output;
is +(stat "$run/redis.sock")[2] & 0777, 0770, 'lets the group at the socket of Redis';
is +(stat "$run/redis.sock")[5], $group, 'which is that of httpd' if !$>;
is redis('hget', "'crm360:1:{acme/prod}:counters'", 'received'), $received, 'and sends nothing again';

chomp(my $daemon = slurp("$run/crm360d.pid"));
kill 'KILL', $daemon;
wait_until { (quickstart('status'))[0] =~ /^crm360d does not run$/m } 10, 'status sees a killed part';
is +(quickstart('status'))[1], 1, 'and its exit code tells';
($output, $code) = quickstart('');
is $code, 0, 'a run after that' or diag $output;
isnt slurp("$run/crm360d.pid"), "$daemon\n", 'starts that part again';
is slurp("$run/redis.pid") =~ s/\s//gr, (split ' ', $pids)[0], 'and leaves the others alone';

# ---- Redis goes, and comes back ----

is +(stat "$run/spool")[2] & 07777, 02770, 'there is a spool';
kill 'TERM', slurp("$run/redis.pid") =~ s/\s//gr;
wait_until { (quickstart('status'))[0] =~ /^redis does not run$/m } 10, 'Redis is stopped';
my $customer = slurp(root() . '/t/fixtures/shopify/customer-insert.json');
$customer =~ s/$_->[0]/$_->[1]/g for [7312459817263, 7312459820002], ['lea\.marchand', 'zoe.petit'],
    ['Marchand', 'Petit'], ['\+33612345678', '+33611223344'];
spew("$dir/customer.json", $customer);
like `curl -s -m 10 --data-binary \@$dir/customer.json 'http://127.0.0.1:$port$Crm360::Test::MOUNT/QueueProcess/acme/prod/Shopify/Customer/Insert?SourceId=1'`,
    qr/"Durability":"spool"/, 'a webhook is spooled';
($output, $code) = quickstart('');
is $code, 0, 'Redis is started again' or diag $output;
wait_until { sql("select count(*) from Contacts where LastName = 'Petit'") == 1 } 10,
    'and the webhook has its effect';
wait_until { my @left = glob "$run/spool/*.msg"; !@left } 5, 'the spool is empty';

# ---- stop ----

($output, $code) = quickstart('stop');
is $code, 0, 'stop' or diag $output;
is scalar(() = $output =~ / stopped$/mg), 3, 'stops all three';
($output, $code) = quickstart('status');
is scalar(() = $output =~ / does not run$/mg), 3, 'status says so';
($output, $code) = quickstart('stop');
is $code, 0, 'a second stop is no error';

# ---- what cannot work ----

my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port,
    ReuseAddr => 1) or die "port $port: $!\n";
($output, $code) = quickstart('');
is $code, 1, 'a port in use ends it';
like $output, qr/port $port of 127\.0\.0\.1 is in use/, 'and is named';
like $output, qr{ CRM360_RUN=\Q$run\E CRM360_PORT=\d+ \./quickstart}, 'with a way out for this folder';
is scalar(() = (quickstart('status'))[0] =~ / does not run$/mg), 3, 'before anything is started';
close $taken;

{
    local $ENV{CRM360_PORT} = 'eighty';
    ($output, $code) = quickstart('');
    is $code, 1, 'a port that is none is refused';
    like $output, qr/CRM360_PORT=eighty is no port/, 'by name';
}
for my $case (["$dir/with blank", qr{must not have a blank.*: \Q$dir\E/with blank}],
    ["$dir/file", qr{\Q$dir\E/file is there, and is no folder}]) {
    spew("$dir/file", '');
    local $ENV{CRM360_RUN} = $case->[0];
    ($output, $code) = quickstart('');
    is $code, 1, 'a folder that cannot be one is refused';
    like $output, $case->[1], 'by name';
}
for my $verb (qw(stop status)) {
    local $ENV{CRM360_RUN} = "$dir/none";
    ($output, $code) = quickstart($verb);
    is $code, 1, "$verb without a folder fails";
    like $output, qr{there is no folder \Q$dir\E/none}, 'and names it';
}
($output, $code) = quickstart('begin');
is $code, 2, 'an unknown verb is wrong usage';

# A sample that comes to nothing.
{
    local $ENV{CRM360_RUN} = $run = "$dir/strict";
    mkdir $run;
    spew("$run/crm360.conf", slurp("$dir/run/crm360.conf") =~ s{\Q$dir\E/run\b}{$run}gr
        =~ s{^(?=</)}{    Crm360EmailSender *\@nowhere.example\n}mr);
    for my $time ('first', 'second') {
        ($output, $code) = quickstart('');
        is $code, 1, "a dead letter makes the $time run fail";
        like $output, qr{^  Crm360/Email/Send +200 +dead letter: SenderEmail .*Crm360EmailSender}m,
            'its reason is shown' or diag $output;
        is scalar(() = $output =~ m{^  \w+/\w+/\w+ }mg), 22, 'with all others';
        like $output, qr{^quickstart: 1 of the samples came to nothing}m, 'and that is said';
    }
    is redis('hget', "'crm360:1:{acme/prod}:counters'", 'received'), 22, 'nothing is sent twice';
    quickstart('stop');
}

# With room for a link in its place, and without.
my $long = "$dir/" . 'long' x 30;
for my $full (0, 1) {
    local $ENV{CRM360_RUN} = $run = $long . $full;
    mkdir $run and spew("$run/file", '') if $full;
    ($output, $code) = quickstart('');
    is $code, 0, 'a folder whose path is too long for a socket' or diag $output;
    like $output, qr{cannot be used: the path of a socket.*\nUsing (/var/tmp/crm360-\S+) instead},
        'is replaced, and that is said';
    my ($moved) = $output =~ m{Using (/var/tmp/crm360-\S+) instead};
    is readlink $run, $full ? undef : $moved, 'a link stands in its place, where that can be';
    $run = $moved;
    is sql('select count(*) from WebhookInbox'), 22, 'it works';
    ($output, $code) = quickstart('status');
    is scalar(() = $output =~ / runs /g), 3, 'status finds it';
    ($output, $code) = quickstart('stop');
    is scalar(() = $output =~ / stopped$/mg), 3, 'stop finds it';
    system 'rm', '-rf', $moved if $moved && $moved =~ m{^/var/tmp/crm360-};
}

# ---- root, and who is not ----

SKIP: {
    skip 'only root can be somebody else', 7 if $>;
    my $copy = "$dir/copy";
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
    mkdir $copy;
    # A checkout of somebody else's, built already.
    system "cd @{[root()]} && tar -cf - --exclude=.git --exclude=build-asan --exclude=./run ."
        . " | tar -xf - -C $copy && chown -R $uid:$gid $copy";
    local $ENV{CRM360_RUN} = $run = "$copy/run";
    local $ENV{SUDO_USER} = 'nobody';
    local $ENV{SUDO_UID} = $uid;
    $output = `cd $copy && ./quickstart 2>&1 </dev/null`;
    is $? >> 8, 0, 'called with sudo' or diag $output;
    is `find $copy ! -user nobody`, '', 'everything belongs to the caller of sudo';
    is join(' ', map { (stat "/proc/$_")[4] } split ' ', pids()), "$uid $uid $uid", 'all programs too';
    delete local @ENV{qw(SUDO_USER SUDO_UID)};
    my ($name) = grep { my $id = getpwnam $_; defined $id && $id != $uid } qw(daemon bin);
    $output = `cd $copy && setpriv --reuid=$name --clear-groups ./quickstart stop 2>&1 </dev/null`;
    is $? >> 8, 1, 'somebody else cannot stop it';
    is scalar(() = $output =~ /^\w+ \(process \d+\) belongs to nobody: stop it as that user$/mg), 3,
        'and is told who can' or diag $output;
    $output = `cd $copy && ./quickstart stop 2>&1 </dev/null`;
    is $? >> 8, 0, 'root can' or diag $output;
    is scalar(() = $output =~ / stopped$/mg), 3, 'stop all three';
}

done_testing;
