# crm360ctl spool: list shows what lies there, without Redis; drain carries it into Redis, each message once, with
# and without a crm360d that does the same at the same time.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Spool;
use Crm360::Test;
use Fcntl qw(F_SETLK F_WRLCK SEEK_SET);
use JSON::PP;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(databases => { $DB => '', 'acme/other' => '' }, appendonly => 1);
Crm360::Spool::make($site, '64M');
$site->expect_log(qr/CRM010[12]/, qr/CRM0330/);
$site->start_redis;
$site->migrate;
$site->start_httpd;

# Exit status, standard output, standard error.
sub ctl {
    my (@words) = @_;
    my $errors = $site->dir . '/errors';

    open my $out, '-|', join ' ', build() . '/crm360ctl', '-c', $site->conf, @words, "2>$errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp($errors));
}
my $serial = 0;
sub hook {
    my (%o) = @_;
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1, %o), qq({"request_id":"r$serial","operation_id":"o","user_id":"u) . $serial++ . '"}');

    return $answer->{json}{MessageId} // die "$answer->{status} $answer->{content}";
}
sub received { return $site->redis('HGET', $site->key($_[0] // $DB, 'counters'), 'received') || 0 }

# ---- nothing there ----

{
    my ($status, $text, $errors) = ctl(qw(spool list));
    is $status, 0, 'an empty spool';
    is $text, '', '  has no messages';
    like $errors, qr/spool: 0 messages, 0 files set aside; 0 B of 64 MB/, '  and says so';
    ($status, $text) = ctl(qw(spool drain));
    is $status, 0, 'nothing to drain';
    like $text, qr/^carried\t0$/m, '  is fine';
}

# ---- Redis is away ----

$site->stop_redis;
my $first = hook();
my $late = hook(secondsOfInvisibility => 3600);
my $other = hook(-database => 'acme/other', BatchMode => 'true');
my $mail = slurp("$site->{spool}/$first.msg");
spew("$site->{spool}/broken.msg", "no message\n");
spew("$site->{spool}/01AAAAAAAAAAAAAAAAAAAAAAAA-Shopify-Order-Insert.msg.bad", 'half of one');
spew("$site->{spool}/$first.msg.bad", $mail);
{
    my ($status, $text, $errors) = ctl(qw(spool list --json));
    is $status, 0, 'Redis is away: the spool can be seen';
    my @rows = map { decode_json($_) } split /\n/, $text;
    my %row = map { $_->{id} => $_ } @rows;
    is_deeply [map { $_->{id} } @rows],
        [$first, $late, $other, 'broken.msg', '01AAAAAAAAAAAAAAAAAAAAAAAA-Shopify-Order-Insert.msg.bad', "$first.msg.bad"],
        '  messages in their order, and behind them what was set aside';
    is_deeply [@{ $row{$first} }{qw(database lane delayLeft fault)}], [$DB, 'live', undef, undef], '  a plain one';
    like $row{$late}{delayLeft}, qr/\A(?:60m|59m|1h)/, '  one with what is left of its delay';
    is_deeply [@{ $row{$other} }{qw(database lane)}], ['acme/other', 'batch'], '  one of another lane and database';
    ok $row{$first}{bytes} >= 4096 && $row{$first}{written}, '  its size and its age';
    ok $row{'broken.msg'}{fault}, '  what is no message says why';
    ok $row{'01AAAAAAAAAAAAAAAAAAAAAAAA-Shopify-Order-Insert.msg.bad'}{fault}, '  so does what was set aside';
    like $row{"$first.msg.bad"}{fault}, qr/rename it back/, '  and what is whole again says that';
    like $errors, qr/4 messages, 2 files set aside/, '  how many there are';
    ($status, $text) = ctl(qw(spool list));
    is scalar(() = $text =~ /\n/g), 6, 'without --json: a line for each';
    like $text, qr{^\Q$first\E\t\Q$DB\E\tlive\t}m, '  with its values';

    ($status, undef, $errors) = ctl(qw(spool drain));
    is $status, 4, 'it cannot be drained';
    like $errors, qr/Redis does not take them now; the rest stays in the spool/, '  and says why';
    is scalar(grep { /\.msg\z/ } Crm360::Spool::files($site)), 4, '  nothing was removed';
}
unlink "$site->{spool}/$first.msg.bad";

# ---- drained without crm360d ----

$site->start_redis;
{
    my ($status, $text, $errors) = ctl(qw(spool drain --json));
    is $status, 0, 'drained' or diag $errors;
    is_deeply decode_json($text), { carried => 3, duplicates => 0, setAside => 1, held => 0 }, '  all of it';
    like $errors, qr/CRM0351: broken.msg in the spool is no message/, '  what was set aside is said';
    is_deeply [sort(Crm360::Spool::files($site))],
        ['01AAAAAAAAAAAAAAAAAAAAAAAA-Shopify-Order-Insert.msg.bad', 'broken.msg.bad'], '  the spool is empty but for them';
    ok $site->redis('ZSCORE', $site->key($DB, 'live'), $first), '  the message is in its queue';
    my ($seconds) = @{ $site->redis('TIME') };
    cmp_ok $site->redis('ZSCORE', $site->key($DB, 'live'), $late) / 1000 - $seconds, '>', 3500,
        '  what is left of a delay holds';
    ok $site->redis('ZSCORE', $site->key('acme/other', 'batch'), $other), '  so it is for the other database';
    ctl(qw(spool drain));
    is received(), 2, 'once more: nothing twice';
}

# ---- another process has the lock ----

{
    $site->stop_redis;
    hook();
    open my $lock, '+<', "$site->{spool}/lock" or die $!;
    my $whole = pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0;
    fcntl($lock, F_SETLK, $whole) or die $!;
    $site->start_redis;
    my ($status, $text, $errors) = ctl(qw(spool drain));
    is $status, 1, 'a lock that does not become free ends it' or diag $errors;
    like $errors, qr/another process has held its lock for 10 s/, '  and that is said';
    like $text, qr/^carried\t0$/m, '  nothing was carried';
    close $lock;
    is +(ctl(qw(spool drain)))[0], 0, '  then it is';
}

# ---- beside crm360d ----

{
    my $many = 100;
    my $before = received();
    my @drains;

    $site->start_consumer;
    $site->stop_redis;
    hook() for 1 .. $many;
    $site->start_redis;
    for (1 .. 3) {
        open my $drain, '-|', build() . '/crm360ctl', '-c', $site->conf, qw(spool drain --json) or die $!;
        push @drains, $drain;
    }
    my $carried = 0;
    for my $drain (@drains) {
        $carried += decode_json(do { local $/; <$drain> })->{carried};
        ok close $drain, 'three at once, beside crm360d: fine';
    }
    wait_until { !grep { /\.msg\z/ } Crm360::Spool::files($site) } 20, '  the spool is empty';
    is received() - $before, $many, '  each message is received once';
    wait_until { $site->value($DB, 'select count(*) from WebhookInbox') == $many + 2 } 20, '  and done once';
    is $site->redis('HGET', $site->key($DB, 'counters'), 'dead') || 0, 0, '  none died';
    diag "carried by crm360ctl: $carried";
}

# ---- wrong ----

{
    my ($status, undef, $errors) = ctl(qw(spool list everything));
    is $status, 2, 'a word too many';
    like $errors, qr/wants no more words/, '  is said';
    $site->{settings} =~ s/^Crm360Spool.*\n//m;
    $site->write_conf;
    ($status, undef, $errors) = ctl(qw(spool list));
    is $status, 3, 'no spool';
    like $errors, qr/names no spool \(Crm360Spool\)/, '  is said';
}
$site->done;
