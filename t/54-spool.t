# The spool: while Redis cannot take webhooks callers hear 2xx all the same, and each has its effect once
# when it can; in order, not before its time, within the bound. Kills, broken files and a crm360d that comes
# later change nothing of that. How long callers wait while Redis stalls is in t/34-redis-down.t.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Check;
use Crm360::Httpd;
use Crm360::Load;
use Crm360::Spool;
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{CRM360_SEED} || 1 + int(time * 1000) % 1_000_000;
diag "CRM360_SEED=$seed";
srand $seed;

my $FREQUENT = qr/CRM0101|CRM0102|CRM0330/;
my $serial = 0;

sub site {
    my ($size, %option) = @_;
    my $site = Crm360::Test->new(
    redis_goes => 1,
        consumer_program => 't/crm360d_faulty',
        appendonly => 1,
        redis_settings => "enable-debug-command yes\nenable-protected-configs yes\n",
        %option,
    );

    Crm360::Spool::make($site, $size);
    $site->expect_log($FREQUENT);
    return $site;
}

# A webhook with a serial number of its own; its answer.
sub hook {
    my ($site, %o) = @_;
    my $path = $site->url('Adictiz/User/Participate', -database => $o{database} || 'acme/prod',
        SourceId => 1, $o{delay} ? (secondsOfInvisibility => $o{delay}) : ());

    $path =~ s{^\Q$Crm360::Test::MOUNT\E}{$o{mount}} if $o{mount};
    my $answer = $site->post($path, $o{body} // 'effect ' . ++$serial . ' 0 ' . ($o{ballast} || ''),
        $o{headers});
    $answer->{serial} = $serial;
    return $answer;
}

sub is_spooled {
    my ($name, @answers) = @_;
    my @other = grep { $_->{status} != 200 || $_->{json}{Durability} ne 'spool' } @answers;

    ok !@other, "$name: " . @answers . ' callers hear 2xx, from the spool';
    diag "$_->{status} $_->{content}" for @other;
    return @answers;
}

# Each of these webhooks has its effect, once, and the spool is empty and counts nothing.
sub are_done {
    my ($site, $name, @answers) = @_;
    my $missing = sub {
        my $effects = Crm360::Check::effects($site);
        return grep { !$effects->{ $_->{serial} } } @answers;
    };

    wait_until { !$missing->() } 20, "$name: all effects are there";
    my $effects = Crm360::Check::effects($site);
    is_deeply [grep { @{ $effects->{$_} } != 1 } keys %$effects], [], "$name: each of them once";
    wait_until { is_empty($site) } 5, "$name: the spool is empty";
    return;
}

sub is_empty {
    my ($site) = @_;

    return !Crm360::Spool::files($site)
        && slurp("$site->{spool}/usage") eq "crm360-usage 1\n" . '0' x 20 . "\n";
}

sub logged {
    my ($site, $log, $pattern) = @_;
    return scalar(() = $site->log_text($log) =~ /$pattern/g);
}

# ---- what Redis may have; and while all of it lasts, crm360d drains ----

my $site = site('64M', server => "<Location \"/safe\">\n    Crm360Webhook On\n"
    . "    Crm360Durability fsync\n</Location>\n");
$site->start_redis;
$site->migrate;
Crm360::Check::prepare($site);
$site->start_httpd;
$site->start_consumer;
is hook($site)->{json}{Durability}, 'memory', 'Redis is there: nothing is spooled';
is_deeply [Crm360::Spool::files($site)], [], 'and the spool is empty';

my $dir = $site->dir;
my %trouble = (
    'stopped' => [sub { $site->stop_redis }, sub { $site->start_redis }],
    'frozen' => [sub { $site->freeze_redis }, sub { $site->thaw_redis }],
    'out of memory' => [sub { $site->redis('CONFIG', 'SET', 'maxmemory', 1) },
        sub { $site->redis('CONFIG', 'SET', 'maxmemory', 0) }],
    'a read-only replica' => [sub { $site->redis('REPLICAOF', '127.0.0.1', 1) },
        sub { $site->redis('REPLICAOF', 'NO', 'ONE') }],
    'a disk that fails' => [
        sub {
            mkdir "$dir/gone";
            $site->redis('CONFIG', 'SET', 'dir', "$dir/gone");
            rmdir "$dir/gone";
            $site->redis('CONFIG', 'SET', 'save', '3600 1');
            eval { $site->redis('BGSAVE') };
            wait_until { $site->redis('INFO', 'persistence') =~ /last_bgsave_status:err/ } 10,
                'saving fails';
        },
        sub {
            $site->redis('CONFIG', 'SET', 'dir', "$dir/redis");
            $site->redis('CONFIG', 'SET', 'save', '');
            $site->redis('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
        }],
    # Each key takes 0.1 s to load.
    'loading' => [
        sub {
            no warnings qw(redefine once);
            local $site->{redis_settings} = "key-load-delay 100000\n"
                . "loading-process-events-interval-bytes 1024\n$site->{redis_settings}";
            $site->redis('SET', "filler:$_", 'x' x 2000) for 1 .. 30;
            $site->redis('BGREWRITEAOF');
            wait_until { $site->redis('INFO', 'persistence') =~ /aof_rewrite_in_progress:0/ } 10,
                'all is in one file';
            $site->stop_redis;
            local *Crm360::Test::_ready = sub { };
            $site->start_redis;
            wait_until { eval { $site->redis('PING') }; $@ =~ /LOADING/ } 5, 'it is loading';
        },
        sub {
            wait_until { eval { $site->redis('PING') } } 30, 'it has loaded';
            $site->redis('CONFIG', 'SET', 'key-load-delay', 0);
        }],
);
$site->expect_log(qr/CRM036\d/, qr/ # /); # Redis says a lot about all that
for my $name (sort keys %trouble) {
    my ($begin, $end) = @{ $trouble{$name} };

    $begin->();
    my @answers = is_spooled($name, map { hook($site) } 1 .. 5);
    is scalar(Crm360::Spool::files($site)), 5, "$name: they lie in the spool";
    $end->();
    are_done($site, $name, @answers);
}
is logged($site, 'crm360d', 'CRM03[25]'), 0, 'no trouble in crm360d';

# ---- a delay ----

{
    my $began = time;
    $site->stop_redis;
    my ($short, $long) = is_spooled('with a delay', hook($site, delay => 1), hook($site, delay => 4));
    my ($h, $m, $s) = $long->{json}{VisibleAt} =~ /T(\d+):(\d+):([\d.]+)Z$/;
    my $told = $h * 3600 + $m * 60 + $s - ($began + 4 - 86400 * int($began / 86400));
    cmp_ok abs($told - 86400 * int($told / 86400 + 0.5)), '<', 2, 'VisibleAt is in 4 s';
    sleep 1.5;
    $site->start_redis;
    are_done($site, 'with a delay', $short, $long);
    my $effects = Crm360::Check::effects($site);
    cmp_ok $effects->{ $long->{serial} }[0] / 1000, '>=', $began + 4, 'the longer one was not early';
    cmp_ok $effects->{ $short->{serial} }[0] / 1000, '<', $effects->{ $long->{serial} }[0] / 1000,
        'and the shorter one was before it';
    cmp_ok $effects->{ $long->{serial} }[0] / 1000, '<', $began + 5.5 + (timed() ? 0 : 20),
        'what was over of the delay counts';
}
sub timed { return build() !~ /asan/ }

# ---- repetitions, large ones, and a location that demands fsync ----

$site->stop_redis;
{
    my @same = map { hook($site, body => 'effect same', headers => { 'Idempotency-Key' => 'one' }) } 1 .. 2;
    my @other = map { hook($site, body => "effect other$_", headers => { 'Idempotency-Key' => 'two' }) }
        1 .. 2;
    my $large = hook($site, ballast => 'x' x 3_000_000);
    is_spooled('repetitions', @same, @other, $large);
    isnt $same[0]{json}{MessageId}, $same[1]{json}{MessageId}, 'nobody knows of a repetition yet';
    $site->start_redis;
    are_done($site, 'repetitions', $large, map { { serial => $_ } } qw(same other1 other2));
}
{
    my $unsafe = hook($site, mount => '/safe');
    is $unsafe->{status}, 503, 'fsync is demanded and Redis gives memory: 503';
    is_deeply [Crm360::Spool::files($site)], [], 'and nothing is spooled';
    $site->stop_redis;
    my ($safe, $plain) = is_spooled('fsync demanded, Redis away', hook($site, mount => '/safe'),
        hook($site));
    $site->start_redis;
    wait_until { Crm360::Check::effects($site)->{ $plain->{serial} } } 10, 'what demands nothing goes on';
    $site->wait_log('crm360d', qr/CRM0353\D.*acme\/prod/, 5, 'what demands fsync stays, and the log says so');
    is scalar(Crm360::Spool::files($site)), 1, 'where it is safe';
    $site->expect_log(qr/CRM0103/);
    $site->redis('CONFIG', 'SET', 'appendfsync', 'always');
    are_done($site, 'until Redis is safe', $safe);
}

# ---- files that are none ----

{
    my $spool = $site->{spool};
    $site->stop_redis;
    my @answers = map { hook($site) } 1 .. 3;
    my ($first) = sort(Crm360::Spool::files($site));
    my $whole = slurp("$spool/$first");
    rename "$spool/$first", "$dir/$first"; # somebody takes one out
    spew("$spool/00-garbage.msg", 'garbage');
    spew("$spool/01-torn.msg", substr $whole, 0, -1);
    spew("$spool/02-another.msg", $whole);
    system 'mkfifo', "$spool/03-pipe.msg";
    mkdir "$spool/04-folder.msg";
    symlink '/etc/passwd', "$spool/05-link.msg";
    spew("$spool/06-empty.msg", '');
    spew("$spool/README", 'not ours');
    spew("$spool/.new-old", 'half');
    utime time - 100, time - 100, "$spool/.new-old";
    $site->start_redis;
    $site->expect_log(qr/CRM0351/);
    wait_until { !grep { !/\.bad$/ } Crm360::Spool::files($site) } 10, 'none of them blocks the way';
    my @aside = Crm360::Spool::files($site);
    is join(' ', map { /^(\d\d)/ } @aside), '00 01 02 03 04 05 06', 'each is set aside';
    is logged($site, 'crm360d', 'CRM0351'), 7, 'and named in the log';
    ok -e "$spool/README", 'what is called otherwise is left alone';
    wait_until { !-e "$spool/.new-old" } 5, 'what a dead writer has left is removed';
    system 'rm', '-rf', map { "$spool/$_" } @aside;
    are_done($site, 'broken files', grep { "$_->{json}{MessageId}.msg" ne $first } @answers);
    sleep 2.5; # it is at rest

    rename "$dir/$first", "$spool/$first";
    are_done($site, 'put back by hand', @answers);
}

# ---- at rest ----

sleep 2.5;
{
    my $touched = (stat "$site->{spool}/lock")[9];
    sleep 2.2;
    is +(stat "$site->{spool}/lock")[9], $touched, 'a spool at rest is not walked through';
}

$site->finish;

# ---- a bound, and the order ----

$site = site('64K', mpm => 'prefork', settings => "Crm360Workers live 0\n");
$site->start_redis;
$site->migrate;
$site->start_httpd;
$site->stop_redis;
{
    my (@good, $full);
    $site->expect_log(qr/CRM0111/);
    for (1 .. 40) {
        my $answer = hook($site);
        if ($answer->{status} == 503) { $full = $answer; last }
        push @good, $answer;
    }
    is scalar(@good), 16, 'a spool of 64K takes so many blocks';
    is $full->{status}, 503, 'then callers hear 503';
    is $full->{json}{type}, 'urn:crm360:problem:queue-away', 'that the queue is away';
    like $full->{json}{detail}, qr/spool is full/, 'and the spool full';
    unlike $full->{content}, qr/\/tmp|redis|usage/i, 'and nothing of our inside';
    is $full->{headers}{'retry-after'}, 30, 'and when to come again';
    is hook($site)->{status}, 503, 'the next one too' for 1 .. 3;
    is logged($site, 'httpd-error', 'CRM0111'), 1, 'it is logged once';
    is scalar(Crm360::Spool::files($site)), 16, 'nothing of them is left';
    is hook($site, ballast => 'x' x 100_000)->{status}, 503, 'one larger than the spool: 503';

    $site->start_consumer; # which was not there at all
    $site->start_redis;
    wait_until { is_empty($site) } 20, 'crm360d comes later, and empties it';
    my @ids = map { $_->{json}{MessageId} } @good;
    is_deeply $site->redis('ZRANGE', $site->key('acme/prod', 'live'), 0, -1), [sort @ids],
        'all are queued, in the order in which they came';
    wait_until { hook($site)->{status} == 200 } 5, 'Redis takes messages again';
    $site->stop_redis;
    is_spooled('room again', hook($site));
    like $site->log_text('httpd-error'), qr/takes messages again/, 'and the log says so';

    # Nobody who was killed may leave it full for ever.
    spew("$site->{spool}/usage", "crm360-usage 1\n" . sprintf("%020d\n", 65536));
    is hook($site)->{status}, 503, 'a usage that is too high: full';
    $site->start_redis;
    wait_until { is_empty($site) } 20, 'is set right when the spool is empty';
}
$site->finish;

# ---- kills, and another life of everything ----

$site = site('64M', mpm => 'event');
$site->start_redis;
$site->migrate;
Crm360::Check::prepare($site);
$site->start_httpd;
{
    my ($load, @tries, $result);

    $site->expect_log(qr/exit signal Killed/);
    $load = Crm360::Load->start($site, name => 'kills', rate => 120, callers => 6, seed => $seed);
    sleep 0.5;
    $site->stop_redis;
    for (1 .. 6) {
        sleep 0.3 + rand 0.3;
        my @children = split ' ', `pgrep -P @{[$site->{httpd}->pid]}`;
        kill 'KILL', $children[rand @children] if @children;
    }
    @tries = $load->stop;
    $site->stop_httpd;
    my $spooled = grep { $_->{durability} eq 'spool' } @tries;
    cmp_ok $spooled, '>', 50, "webhooks were spooled while children were killed: $spooled";
    cmp_ok scalar(Crm360::Spool::files($site)), '>=', $spooled, 'each of them is there';

    # All that is left is the folder. A crm360d is killed again and again while it drains.
    $site->start_redis;
    for (1 .. 5) {
        $site->start_consumer;
        sleep rand 0.15;
        $site->kill_consumer(group => 1);
    }
    $site->start_consumer;
    my $mended = int(time * 1000);
    $site->start_httpd;
    wait_until { !Crm360::Spool::files($site) } 20, 'it is carried into Redis all the same';
    wait_until {
        !grep { $_ } map { $site->redis('ZCARD', $site->key('acme/prod', $_)) } qw(live batch send)
    } 90, 'and done'; # claims of killed workers run out
    $result = Crm360::Check::judge(\@tries, Crm360::Check::effects($site),
        broken => [[$tries[0]{asked}, $mended + 60_000]]);
    is $result->{$_}, 0, "killed while writing and draining: $_" for qw(lost duplicated early);
    diag $_ for @{ $result->{examples} }[0 .. 4] ? grep { defined } @{ $result->{examples} }[0 .. 4] : ();
}
$site->finish;

# ---- clocks that are an hour wrong ----

# The environment of a program whose clocks are wrong by so many seconds.
sub wrong_by {
    my ($library, $seconds, $monotonic_too) = @_;

    return { LD_PRELOAD => $library, FAKETIME => sprintf('%+d', $seconds),
        map { $_ => $monotonic_too ? 0 : 1 } qw(DONT_FAKE_MONOTONIC FAKETIME_DONT_FAKE_MONOTONIC) };
}

SKIP: {
    my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
    my @cases = ([3600, 0, 0], [0, -3600, 0], [-1800, 0, 1], [0, 1800, 1]);
    my ($uptime) = slurp('/proc/uptime') =~ /^(\d+)/;

    skip 'libfaketime and a sanitizer do not go together', 1 if !timed() || !$library;
    for my $case (@cases) {
        my ($httpd, $crm360d, $too) = @$case;
        my $what = sprintf 'httpd %+d s, crm360d %+d s%s', $httpd, $crm360d, $too ? ', both clocks' : '';

        next if $too && $uptime < 3600; # no monotonic clock is below 0
        $site = site('1M', settings => "Crm360Workers live 0\n", env => {
            httpd => wrong_by($library, $httpd, $too), crm360d => wrong_by($library, $crm360d, $too) });
        $site->start_redis;
        $site->migrate;
        $site->start_httpd;
        $site->start_consumer;
        $site->stop_redis;
        my $asked = time;
        is_spooled($what, hook($site, delay => 5));
        my $answered = time;
        sleep 1;
        $site->start_redis;
        my $queue = $site->key('acme/prod', 'live');
        wait_until { $site->redis('ZCARD', $queue) } 10, "$what: carried into Redis";
        my $due = $site->redis('ZRANGE', $queue, 0, 0, 'WITHSCORES')->[1] / 1000;
        cmp_ok $due, '>=', $asked + 5, "$what: what is left of the delay is not too short";
        cmp_ok $due, '<', $answered + 5 + 0.5, "$what: nor too long";
        $site->finish;
    }
}

# ---- a folder that cannot be used ----

$site = site('1M');
{
    my $spool = $site->{spool};
    my $says = sub {
        my ($name, $pattern) = @_;
        for my $case ([httpd => $site->configtest], [crm360d => $site->run($site->consumer_command('-t'))]) {
            my ($program, $code, $output) = @$case;
            cmp_ok $code, '!=', 0, "$name: $program refuses it";
            like $output, qr/Crm360Spool: \Q$spool\E: $pattern/, '  and says why' or diag $output;
        }
    };

    chmod 0777, $spool;
    $says->('open to everybody', qr/everybody may write/);
    rmdir $spool;
    $says->('missing', qr/there is no such folder/);
    spew($spool, '');
    $says->('a file', qr/it is no folder/);
    unlink $spool;
    mkdir $spool;
    chmod 0700, $spool;
}
SKIP: {
    skip 'only root can make a folder for root alone', 4 if $>;
    $site->expect_log(qr/CRM0112/);
    $site->start_httpd;
    $site->wait_log('httpd-error', qr/CRM0112/, 5, 'children that may not write there say so at the start');
    is hook($site)->{status}, 503, 'and callers hear 503' for 1 .. 2;
    is logged($site, 'httpd-error', 'CRM0112'), 1, 'logged once';
}
$site->finish;
done_testing;
