# The quickstart in a folder and on a port of its own: first run, second run, status, stop, and what it
# says when it cannot work.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Temp qw(tempdir);
use IO::Socket::INET;
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
    quickstart('stop') if -d $run;
    $? = $status;
}

# ---- first run ----

my ($output, $code) = quickstart('');
is $code, 0, 'the first run' or diag $output;
like $output, qr{Shopify/Customer/Insert -> \S+-Shopify-Customer-Insert$}m, 'sends samples';
like $output, qr{-Shopify-Customer-Insert: done$}m, 'and says that one is done';
like $output, qr{-Shopify-Order-Insert: dead letter\n +\S.*handler}m,
    'and that one without handler is a dead letter, with the reason';
like $output, qr/Léa/, 'and shows the customer';
ok -e "$run/$_", "its folder has $_" for qw(crm360.conf httpd.conf redis.sock acme-prod.db log
    redis.pid httpd.pid crm360d.pid);
is sql('select count(*) from Contacts'), 1, 'two samples about one customer make one contact';
is redis('config', 'get', 'appendonly') =~ /yes/ ? 1 : 0, 1, 'Redis writes its file';
is redis('config', 'get', 'port'), "port\n0", 'Redis has no port';
like `curl -s -m 10 http://127.0.0.1:$port/nothing`, qr/404/, 'httpd listens on the port';

# The lines that it prints for the person do what they say.
my ($curl) = $output =~ /^  (curl .*SourceId=2')$/m;
ok $curl, 'it prints a curl line';
like `cd @{[root()]} && $curl 2>&1`, qr/"MessageId"/, 'which sends a webhook';
wait_until { sql('select count(*) from ContactIdentifiers') == 2 } 5, 'that arrives';
my ($look) = $output =~ /^  (redis-cli .*withscores)$/m;
ok $look, 'it prints a redis-cli line';
is system("$look >/dev/null"), 0, 'which works';

# ---- status, second run ----

($output, $code) = quickstart('status');
is $code, 0, 'status';
is scalar(() = $output =~ /^(?:redis|httpd|crm360d) runs \(process \d+\)$/mg), 3, 'all three run';

my ($pids, $received) = (pids(), redis('hget', "'crm360:1:{acme/prod}:counters'", 'received'));
($output, $code) = quickstart('');
is $code, 0, 'a second run' or diag $output;
is pids(), $pids, 'starts nothing again';
is redis('hget', "'crm360:1:{acme/prod}:counters'", 'received'), $received, 'and sends nothing again';

chomp(my $daemon = slurp("$run/crm360d.pid"));
kill 'KILL', $daemon;
wait_until { (quickstart('status'))[0] =~ /^crm360d does not run$/m } 10, 'status sees a killed part';
is +(quickstart('status'))[1], 1, 'and its exit code tells';
($output, $code) = quickstart('');
is $code, 0, 'a run after that' or diag $output;
isnt slurp("$run/crm360d.pid"), "$daemon\n", 'starts that part again';
is slurp("$run/redis.pid") =~ s/\s//gr, (split ' ', $pids)[0], 'and leaves the others alone';

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
close $taken;
quickstart('stop');

{
    local $ENV{CRM360_PORT} = 'eighty';
    ($output, $code) = quickstart('');
    is $code, 1, 'a port that is none is refused';
    like $output, qr/CRM360_PORT=eighty is no port/, 'by name';
}
($output, $code) = quickstart('begin');
is $code, 2, 'an unknown verb is wrong usage';

my $long = "$dir/" . 'long' x 30;
{
    local $ENV{CRM360_RUN} = $run = $long;
    ($output, $code) = quickstart('');
    is $code, 0, 'a folder whose path is too long for a socket' or diag $output;
    like $output, qr{cannot be used: the path of a socket.*\nUsing (/var/tmp/crm360-\S+) instead},
        'is replaced, and that is said';
    is sql('select count(*) from Contacts'), 1, 'a link stands in its place';
    ($output, $code) = quickstart('stop');
    is scalar(() = $output =~ / stopped$/mg), 3, 'stop finds it';
    my $moved = readlink $long;
    system 'rm', '-rf', $moved if $moved && $moved =~ m{^/var/tmp/crm360-};
}

done_testing;
