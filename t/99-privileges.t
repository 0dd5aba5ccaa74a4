# Crm360User: root's crm360d becomes that user for good, with its groups and no others, master and workers alike;
# what the user cannot use is said at the start, and what it cannot read on HUP, while the old configuration
# goes on.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

plan skip_all => 'only root can become somebody else' if $>;
my ($USER) = Crm360::Httpd::unprivileged();
my (undef, undef, $UID, $GID) = getpwnam $USER;

my $site = Crm360::Test->new(env => { crm360d => {} });
my $dir = $site->dir;
my %conf = (user => $USER, more => '');

# The configuration anew, as %conf is.
sub configure {
    $site->{settings} = join "\n", $conf{user} ? "Crm360User $conf{user}" : '', "Crm360Spool $dir/spool 1M",
        "Crm360Outbox $dir/outbox", "Crm360DeadLetterExport $dir/dead", '';
    $site->{databases} = { 'acme/prod' => "Crm360DBParams \"$dir/db/prod.db\"\n$conf{more}" };
    $site->write_conf;
    return;
}
sub give { my ($uid, $gid, @names) = @_; chown $uid, $gid, map { "$dir/$_" } @names; return }

mkdir "$dir/$_", 0750 or die for qw(spool outbox dead db);
configure();
$site->start_redis;
$site->migrate;
my @ALL = qw(spool outbox dead db db/prod.db);

# ---- what the user cannot use is a fault of the configuration ----

sub test { return $site->run($site->consumer_command('-t')) }
sub refused {
    my ($pattern, $what) = @_;
    my ($code, $text) = test();
    is $code, 3, "$what: refused";
    like $text, $pattern, '  and named';
    return;
}

# What belongs to root instead, with its mode where that matters, and what is said of it.
my @ROOTS = (
    { file => 'spool', says => qr{Crm360Spool:\ \Q$dir\E/spool\ cannot\ be\ written\ by\ the\ user
        \ crm360d\ runs\ as,\ $UID\ \(Permission\ denied\);\ allowed:\ }x },
    { file => 'outbox', says => qr{Crm360Outbox: \Q$dir\E/outbox cannot be written} },
    { file => 'dead', says => qr{Crm360DeadLetterExport: \Q$dir\E/dead cannot be written} },
    { file => 'db', mode => 0755,
        says => qr{<Crm360Database acme prod>: Crm360DBParams: \Q$dir\E/db/prod\.db has a folder} },
    { file => 'db/prod.db', says => qr{Crm360DBParams: \Q$dir\E/db/prod\.db cannot be written} },
);
for my $case (@ROOTS) {
    give($UID, $GID, @ALL);
    give(0, 0, $case->{file});
    chmod $case->{mode}, "$dir/$case->{file}" if $case->{mode};
    refused($case->{says}, $case->{file});
}
give($UID, $GID, @ALL);
rmdir "$dir/outbox";
chmod 0755, $dir;
refused(qr{Crm360Outbox: \Q$dir\E/outbox cannot be made}, 'an outbox that is not there');
mkdir "$dir/outbox", 0750;
give($UID, $GID, @ALL);
my @NOBODY = (
    ['nobody-of-that-name', qr/there is no user nobody-of-that-name; allowed: /],
    ['#4294967', qr/there is no user #4294967; /],
    ["$USER no-such-group", qr/there is no group no-such-group; /],
    ["$USER root", qr/"root" is no group to become/],
    ['root', qr/no user to become/],
);
for my $case (@NOBODY) {
    my ($user, $says) = @$case;

    $conf{user} = $user;
    configure();
    refused($says, "Crm360User $user");
}
$conf{user} = $USER;
configure();
like +(test())[1], qr/: fine$/, 'with all of it in place the configuration is fine';

# ---- who runs ----

sub pids {
    my $master = slurp("$dir/crm360d.pid") + 0;
    return ($master, split ' ', slurp("/proc/$master/task/$master/children"));
}

sub is_user {
    my ($uid, $gid, $what) = @_;
    my (@pids, %text, %owner);

    # Read at once: after a reload those of before are about to end.
    wait_until {
        @pids = pids();
        %text = map { $_ => slurp("/proc/$_/status") } @pids;
        %owner = map { $_ => (stat "/proc/$_/mem")[4] } @pids;
        @pids >= 5;
    } 10, "$what: master, four workers and the keeper";
    for my $pid (@pids) {
        my %status = map { /^(\w+):\s*(.*?)\s*$/ ? ($1 => $2) : () } split /\n/, $text{$pid};
        my $who = $pid == $pids[0] ? 'master' : 'child';

        is $status{Uid}, join("\t", ($uid) x 4), "  $who: the user, real, effective, saved and of files";
        is $status{Gid}, join("\t", ($gid) x 4), '  its group';
        is $status{Groups}, $gid, '  and no group of root';
        is $status{NoNewPrivs}, 1, '  nothing it starts gets more';
        is $status{CapEff} . $status{CapPrm}, '0' x 32, '  no capability';
        is $owner{$pid}, 0, '  its memory is closed to others of its user';
    }
    return;
}

sub done {
    my ($what) = @_;
    my $count = $site->redis('HGET', $site->key('acme/prod', 'counters'), 'done') || 0;

    is $site->post($site->url('Adictiz/User/Participate', SourceId => 1), qq({"email":"$what\@example.com"}))->{status},
        200, "$what: taken";
    wait_until { ($site->redis('HGET', $site->key('acme/prod', 'counters'), 'done') || 0) + dead() > $count } 10, '  and worked on';
    return;
}
sub dead { return $site->redis('ZCARD', $site->key('acme/prod', 'dead')) }

# HUP, and what the log says then.
sub hup {
    my ($pattern, $what) = @_;
    my $before = () = $site->log_text('crm360d') =~ /$pattern/g;

    kill 'HUP', +(pids())[0];
    wait_until { (() = $site->log_text('crm360d') =~ /$pattern/g) > $before } 10, $what;
    return;
}

# The leak checker traces its process, which is what the kernel now refuses.
$site->{env}{crm360d} = { ASAN_OPTIONS => "log_path=$dir/sanitizer/report:detect_leaks=0" };
$site->expect_log(qr/CRM0342/); # the log is root's
$site->start_httpd;
$site->start_consumer;
is_user($UID, $GID, 'started as root');
done('first');
$site->expect_log(qr/CRM03(?:10|11|22)/);
my $mail = '{"EmailTo":"a@example.com","SenderEmail":"b@example.com","Subject":"s","TextMessage":"t"}';
is $site->post($site->url('Crm360/Email/Send', SourceId => 1), $mail)->{status}, 200, 'a mail is taken';
my @files;
wait_until { @files = glob "$dir/outbox/*"; scalar @files } 10, '  and in the outbox';
is +(stat $files[0])[4], $UID, '  a file of the user';
$site->keep_house;
pass 'the keeper works';

# ---- HUP ----

hup(qr/configuration read again/, 'HUP reads the configuration again');
is_user($UID, $GID, 'after HUP');
spew("$dir/secret", "hush\n");
chmod 0600, "$dir/secret";
$conf{more} = "Crm360DBPasswordFile $dir/secret";
configure();
hup(qr{CRM0340: .*Crm360DBPasswordFile: "\Q$dir\E/secret" cannot be read \(Permission denied\); .*going on with the old configuration},
    'HUP: a secret that only root can read is named');
done('second');
$conf{more} = '';
$conf{user} = 'nobody';
configure();
hup(qr/CRM0340: Crm360User: .*another one needs a restart; going on/, 'HUP: another user needs a restart');
$site->expect_log(qr/CRM0340/);
done('third');
is $site->stop_consumer, 0, 'it ends well';
is -s "$dir/crm360d.pid", 0, 'the pid file in a folder of root stays, and names no process any more';

# ---- other starts ----

$conf{user} = $USER;
$conf{more} = "Crm360DBPasswordFile $dir/secret";
configure();
$site->start_consumer;
$site->wait_log('crm360d', qr/CRM0392: .*secret" cannot be read/, 10, 'such a secret at the start: a warning');
done('fourth');
$site->stop_consumer;
$conf{more} = '';
$conf{user} = "#$UID #12346";
configure();
give($UID, 12346, @ALL);
$site->start_consumer;
is_user($UID, 12346, 'numbers');
$conf{user} = "#$UID #12347";
configure();
hup(qr/CRM0340: Crm360User: .*another one needs a restart; going on/, 'HUP: so does another group');
$site->stop_consumer;

$conf{user} = '';
configure();
$site->start_consumer;
$site->wait_log('crm360d', qr/CRM0390: crm360d runs as root/, 10, 'root that stays root is warned of');
done('fifth');
is $site->stop_consumer, 0, 'it ends well';

# Somebody else cannot start it as that user, but as himself where he is meant.
sub start_as {
    my ($name) = @_;
    my $process = Crm360::Process->start(name => 'other', user => $name, output => "$dir/log/other.out",
        command => [$site->consumer_command('-f')], env => $site->_env);
    return $process;
}
$conf{user} = 'daemon';
configure();
my $other = start_as($USER);
is +($other->wait_end(20) // 0) >> 8, 3, 'started by another user: refused';
like slurp("$dir/log/other.out"), qr/Crm360User: crm360d runs as user $UID of group \d+ and cannot become user \d+ of group \d+; allowed: a start by root/, '  with a reason';
$site->done;
