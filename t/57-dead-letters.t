# Dead letters within their limits: the oldest beyond the number, the age or the bytes are written to a file
# of their database and day, and dropped only when they are on the disk. Each line can be read, whatever
# the message holds, and a large one takes no memory.
# Plain builds only: long; t/59 runs most of its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new;
my $folder = $site->dir . '/dead';

sub key { return $site->key('acme/prod', $_[0]) }
sub master { my $file = $site->dir . '/crm360d.pid'; return -e $file ? slurp($file) + 0 : 0 }
sub keeper { my $master = master() or return 0; return (`pgrep -P $master -x crm360d-keeper` || 0) + 0 }
sub dead { return join ' ', @{ $site->redis('ZRANGE', key('dead'), 0, -1) } }
sub files { return sort glob "$folder/*" }

# The exported letters, in the order of the lines.
sub letters { return map { decode_json($_) } split /\n/, join '', map { slurp($_) } files() }
sub ids { return join ' ', map { $_->{id} } @_ }

# A dead letter that died `age` seconds ago.
my $serial = 0;
sub letter {
    my ($age, $message, $history) = @_;
    my $id = sprintf '01JDCW3T2XQ5M7V9K0B4%06d-Adictiz-User-Participate', ++$serial;

    $site->redis('SET', key("message:$id"), $message) if defined $message;
    $site->redis('HSET', key('failures'), $id, $history) if $history;
    $site->redis('ZADD', key('dead'), int((time - $age) * 1000), $id);
    return $id;
}

# Other limits: HUP takes them.
sub limits {
    my ($settings) = @_;
    my $keeper = keeper();

    $site->{settings} = "Crm360DeadLetterExport $folder\n$settings\n";
    $site->write_conf;
    if ($keeper) {
        $site->{consumer}->signal('HUP');
        my $until = time + 30;
        sleep 0.02 while keeper() == $keeper || !keeper() and time < $until;
    }
    return;
}

$site->start_redis;
$site->migrate;
limits('Crm360DeadLetterMost 3');
$site->start_consumer;

# ---- by number; what a line holds ----

my $text = "POST /x HTTP/1.1\r\n\r\n\"Zo\xC3\xAB\" \\ \x01 \xF0\x9F\x98\x80\tend\n";
my $history = encode_json({ attempts => 2, crashes => 1, expiries => 0, lane => 'send', later => 1,
    errors => [{ at => 1795475344000, reason => "why \"x\"" }] });
{
    my @old = (letter(500, $text, $history), letter(400, "bytes \xFF\x00 end"), letter(300));
    my @young = map { letter($_, 'x') } 3 .. 5;
    $site->keep_house;
    is dead(), join(' ', reverse @young), 'the oldest beyond the number are dropped';
    is $site->redis('EXISTS', key('failures')), 0, 'with their histories';
    is_deeply [sort map { s/.*message://r } @{ $site->redis('KEYS', key('message:*')) }], [sort @young],
        'and their messages';
    is_deeply [files()], ["$folder/acme\@prod-" . strftime('%Y-%m-%d', gmtime) . '.jsonl'],
        'they are in the file of their database and day';
    is sprintf('%o', (stat $folder)[2] & 07777), '750', 'the folder was made, for its owner and group';
    is sprintf('%o', (stat((files())[0]))[2] & 07777), '640', 'the file as well';

    my @lines = letters();
    is ids(@lines), "@old", 'one line each, the oldest first';
    my ($first, $second, $third) = @lines;
    is_deeply [@$first{qw(customer database lane route attempts crashes expiries encoding)}],
        ['acme', 'prod', 'send', 'Adictiz/User/Participate', 2, 1, 0, 'utf-8'], 'all that is known of it';
    is_deeply $first->{errors}, [{ at => 1795475344000, reason => 'why "x"' }], 'why it died';
    like $first->{died_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'when';
    is $first->{died_at}, strftime('%Y-%m-%dT%H:%M:%S', gmtime $first->{died_at_ms} / 1000)
        . sprintf('.%03dZ', $first->{died_at_ms} % 1000), 'in both ways';
    utf8::encode(my $message = $first->{message});
    is $message, $text, 'a text, byte for byte';
    is_deeply [$second->{encoding}, decode_base64($second->{message})], ['base64', "bytes \xFF\x00 end"],
        'other bytes in base64';
    is $second->{lane}, 'live', 'the lane of its route where none is noted';
    ok exists $third->{message} && !defined $third->{message} && !defined $third->{encoding},
        'a letter without its message';
    like $site->log_text('crm360d'), qr/info: 3 dead letters of acme\/prod were beyond/, 'said once';
    is $site->redis('HGET', key('counters'), 'dropped'), 3, 'and counted';
    $site->keep_house;
    is scalar(letters()), 3, 'another time nothing is beyond';
}

# ---- by age and by bytes ----

{
    limits('Crm360DeadLetterKeep 1h');
    $site->redis('FLUSHALL');
    my @old = map { letter(3600 + $_, 'x') } 300, 200, 100;
    my @young = map { letter(3600 - $_, 'x') } 100, 200;
    $site->keep_house;
    is dead(), "@young", 'those above the age are dropped';
    is ids((letters())[3 .. 5]), "@old", 'and exported, behind the others';

    limits('Crm360DeadLetterBytes 64K');
    $site->redis('FLUSHALL');
    my @ids = map { letter(1000 - $_, 'x' x 20_000) } 1 .. 5;
    $site->keep_house;
    is dead(), "@ids[2 .. 4]", 'those above the bytes are dropped, and no more';
    is ids((letters())[6 .. 7]), "@ids[0 .. 1]", 'and exported';
    my $large = letter(100, 'y' x 70_000);
    $site->keep_house;
    is dead(), '', 'one that is too large alone goes as well';
    is((letters())[11]{message}, 'y' x 70_000, 'but is in the file');
}

# ---- large messages ----

SKIP: {
    limits('Crm360DeadLetterMost 1');
    $site->redis('FLUSHALL');
    unlink files();
    $site->keep_house; # it has all its code in memory now
    # A character across the border between two parts.
    my $long = 'x' . "\xC3\xA9" x 4_000_000;
    my $binary = "\xFF" . 'z' x 3_000_000;
    letter(30, $long);
    letter(20, $binary);
    letter(10, 'x');
    my $peak = sub { return slurp('/proc/' . keeper() . '/status') =~ /^VmHWM:\s+(\d+)/m ? $1 : 0 };
    my $before = $peak->();
    $site->keep_house;
    my ($first, $second) = split /\n/, slurp((files())[0]);
    ok index($first, qq(,"encoding":"utf-8","message":"$long"})) > 0, 'a text of 8 MB is whole';
    my ($base64) = $second =~ /,"encoding":"base64","message":"([^"]*)"\}\z/;
    ok decode_base64($base64) eq $binary, 'and so are 3 MB of bytes';
    skip 'memory is another one under a sanitizer', 1 if build() =~ /asan/;
    my $more = $peak->() - $before;
    cmp_ok $more, '<', 5000, "the keeper has not held them in memory ($more kB more)";
}

# ---- when nothing can be written ----

sub lines { my ($pattern) = @_; return scalar(() = $site->log_text('crm360d') =~ /$pattern/g) }
{
    $site->redis('FLUSHALL');
    unlink files();
    rmdir $folder;
    spew($folder, 'not a folder');
    my @ids = map { letter(100 - $_, 'x') } 1 .. 5;
    $site->expect_log(qr/CRM0370/);
    $site->keep_house for 1 .. 2;
    is dead(), "@ids", 'where nothing can be written nothing is dropped';
    is lines(qr/CRM0370: dead letters of acme\/prod .*\Q$folder\E/), 1, 'and it is said once';
    unlink $folder;
    mkdir $folder;
    my $file = "$folder/acme\@prod-" . strftime('%Y-%m-%d', gmtime) . '.jsonl';
    symlink '/dev/full', $file;
    $site->keep_house;
    is dead(), "@ids", 'no link is followed';
    unlink $file;
    spew($file, '{"id":"half a li');
    $site->keep_house;
    is dead(), $ids[4], 'when it can be written they are dropped';
    is lines(qr/dead letters are exported again/), 1, 'which is said, too';
    is ids(letters()), "@ids[0 .. 3]", 'half a line of one that was killed is cut off';
}

my $mounted;
sub unmount { system("umount $folder") if $mounted; undef $mounted; return }
END { unmount() }
SKIP: {
    skip 'no file system of its own without root', 4 if $> != 0;
    unlink files();
    skip 'nothing can be mounted here', 4 if system("mount -t tmpfs -o size=16k none $folder 2>/dev/null");
    $mounted = 1;
    $site->redis('FLUSHALL');
    my @ids = map { letter(100 - $_, 'x' x 3000) } 1 .. 20;
    $site->keep_house;
    my $kept = dead();
    is $kept, "@ids", 'a full disk: nothing is dropped';
    is join('', map { slurp($_) } files()), '', 'and nothing is left half written';
    my $said = lines(qr/CRM0370/);
    system("mount -o remount,size=1m $folder");
    $site->keep_house;
    is dead(), $ids[19], 'with room they are';
    is ids(letters()), "@ids[0 .. 18]", 'and all are in the file';
    unmount();
}

# ---- a folder that cannot be one ----

{
    my $other = $site->dir . '/other';
    my $says = sub {
        $site->{settings} = "Crm360DeadLetterExport $other\n";
        $site->write_conf;
        return $site->run($site->consumer_command('-t'));
    };
    is(($says->())[0], 0, 'a folder that is missing is made later');
    mkdir $other;
    chmod 0777, $other;
    my ($code, $output) = $says->();
    cmp_ok $code, '!=', 0, 'one that is open to everybody is refused';
    like $output, qr/Crm360DeadLetterExport: \Q$other\E: everybody may write/, '  which says why';
    rmdir $other;
    spew($other, '');
    ($code, $output) = $says->();
    cmp_ok $code, '!=', 0, 'and so is a file';
    like $output, qr/Crm360DeadLetterExport: \Q$other\E: it is no folder/, '  which says why';
    unlink $other;

    my $deep = "$other/deep";
    $site->redis('FLUSHALL');
    letter(100 - $_, 'x') for 1 .. 5;
    $site->{settings} = "Crm360DeadLetterExport $deep\nCrm360DeadLetterMost 1\n";
    $site->write_conf;
    my $keeper = keeper();
    $site->{consumer}->signal('HUP');
    wait_until { keeper() && keeper() != $keeper } 30, 'another folder';
    $site->keep_house;
    $site->wait_log('crm360d', qr/CRM0370: .*making \Q$deep\E: the folder in which it is to stand is missing/, 5,
        'one below a folder that is missing cannot be made');
    limits('Crm360DeadLetterMost 1');
}

# ---- killed in the middle ----

{
    $site->redis('FLUSHALL');
    unlink files();
    $site->expect_log(qr/CRM0322/);
    my @ids = map { letter(10_000 - $_, 'x' x 20_000) } 1 .. 500;
    for my $round (1 .. 4) {
        my $keeper = keeper();
        kill 'USR1', master();
        sleep 0.01 + rand 0.1;
        kill 'KILL', $keeper;
        my $until = time + 30;
        sleep 0.02 while keeper() == $keeper || !keeper() and time < $until;
    }
    $site->keep_house;
    is dead(), $ids[-1], 'the keeper was killed again and again, and in the end all is done';
    my %seen;
    my @lines = split /\n/, join '', map { slurp($_) } files();
    is scalar(grep { !eval { decode_json($_) } } @lines), 0, 'no line is torn';
    $seen{ $_->{id} }++ for letters();
    is scalar(grep { !$seen{$_} } @ids[0 .. $#ids - 1]), 0, 'each letter that was dropped is in the file';
    diag sprintf '%d letters are there more than once', scalar grep { $_ > 1 } values %seen;
}
$site->done;
