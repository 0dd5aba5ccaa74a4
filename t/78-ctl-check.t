# crm360ctl check: a site where all is well, and then each thing broken in turn: what the line of that thing says,
# that no other line changes, and the exit status. No check takes longer than its time.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Smtp;
use Crm360::Spool;
use Crm360::Test;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $DB = 'acme/prod';
my $site = Crm360::Test->new(
    redis_goes => 1,
    appendonly => 1,
    redis_settings => "maxmemory 100mb\nmaxmemory-policy noeviction\nappendfsync everysec\n",
    databases => { $DB => '', 'acme/other' => '' },
);
my $dir = $site->dir;
Crm360::Spool::make($site, '64M');
$site->{settings} .= "Crm360DeadLetterExport $dir/dead\nCrm360Outbox $dir/outbox\n";
mkdir "$dir/$_" for qw(dead outbox);
$site->write_conf;
$site->expect_log(qr/CRM0101|CRM0102|CRM0330|CRM0361|CRM0313/);
$site->start_redis;
$site->migrate;
$site->start_consumer;
wait_until { $site->redis('HLEN', 'crm360:1:consumers') } 10, 'crm360d runs';

# The exit status, the lines as [result, check, subject, text], and standard error.
sub check {
    my (@words) = @_;
    my $errors = "$dir/errors";

    open my $out, '-|', join ' ', build() . '/crm360ctl', '-c', $site->conf, 'check --json', @words, "2>$errors"
        or die $!;
    my @lines = map { my $line = decode_json($_); [@$line{qw(result check subject text)}] } <$out>;
    close $out;
    return ($? >> 8, \@lines, slurp($errors));
}
sub wrong { return [map { "$_->[0] $_->[1]" } grep { $_->[0] !~ /\A(?:ok|info)\z/ } @{ $_[0] }] }
sub text_of { my ($lines, $name) = @_; return join "\n", map { $_->[3] } grep { $_->[1] eq $name } @$lines }

# Exit status, and what is not fine: everything of it, with the text of the first.
sub finds {
    my ($name, $status, $wrong, $text, @words) = @_;
    my ($code, $lines, $errors) = check(@words);

    is $code, $status, "$name: exit status $status" or diag $errors;
    is_deeply wrong($lines), $wrong, '  what is not fine' or diag map { "@$_\n" } @$lines;
    like join("\n", map { $_->[3] } grep { $_->[0] !~ /\A(?:ok|info)\z/ } @$lines), $text, '  and what to do' if $text;
    return $lines;
}

# ---- all is well ----

{
    my $lines = finds('all is well', 0, []);
    my %seen = map { $_->[1] => $_->[0] } @$lines;
    is_deeply [grep { ($seen{$_} // '') ne 'ok' }
        ('secrets', 'folders', 'spool', 'redis', 'clock', 'rights', 'scripts', 'crm360d', 'database', 'redis appendonly',
        'redis appendfsync', 'redis maxmemory', 'redis maxmemory-policy', 'redis memory', 'redis role', 'redis version')],
        [], '  there is a line for each';
    is $seen{'post codes'}, 'info', '  post codes: none yet, which is no fault';
    is scalar(grep { $_->[1] eq 'database' } @$lines), 2, '  each database';
    my ($status, $text) = $site->ctl('check', 'acme/other');
    like $text, qr{^ok\tdatabase\tacme/other\t}m, 'one database';
    unlike $text, qr{acme/prod}, '  and no other';
    like $text, qr/\d+ ok, 0 warnings, 0 failed, 0 out of reach/, '  a line at the end';
}

# ---- Redis ----

$site->redis('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
finds('a Redis that drops messages', 1, ['fail redis maxmemory-policy'], qr/set maxmemory-policy noeviction \(CRM0361\)/);
$site->redis('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$site->redis('CONFIG', 'SET', 'appendonly', 'no');
finds('a Redis that writes nothing', 0, ['warn redis appendonly'], qr/set appendonly yes/);
$site->redis('CONFIG', 'SET', 'appendonly', 'yes');
wait_until { $site->redis('INFO', 'persistence') =~ /aof_rewrite_in_progress:0/ } 10, 'the file is there again';
$site->redis('CONFIG', 'SET', 'min-replicas-to-write', 2);
{
    my $lines = finds('a Redis that lacks replicas', 4, ['warn redis replicas', 'away rights'],
        qr/^0 of the 2 replicas that min-replicas-to-write demands/);
    like text_of($lines, 'rights'), qr/^not known: NOREPLICAS /, '  which says nothing of rights';
}
$site->redis('CONFIG', 'SET', 'min-replicas-to-write', 0);

# ---- crm360d ----

my ($now) = @{ $site->redis('TIME') };
$site->redis('HSET', 'crm360:1:consumers', 'other', encode_json(
    { host => 'web2', pid => 7, version => '0.0.1', at => $now * 1000, started => 1, databases => 1, workers => {}, busy => 0, messages => 0 }));
finds('another version', 0, ['warn crm360d'], qr/version 0\.0\.1.*install the same everywhere/);
$site->redis('HSET', 'crm360:1:consumers', 'other', encode_json(
    { host => 'web2', pid => 7, version => '0.0.1', at => ($now - 100) * 1000 }));
finds('one that is silent', 0, ['warn crm360d'], qr/has been silent for/);
$site->redis('HDEL', 'crm360:1:consumers', 'other');

# ---- files ----

spew("$site->{spool}/x.msg.bad", 'half of one');
finds('a file set aside', 0, ['warn spool'], qr/1 files were set aside: crm360ctl spool list says why/);
unlink "$site->{spool}/x.msg.bad";
{
    local $site->{settings} = $site->{settings};
    my $secret = "$dir/origin.secret";

    spew($secret, "0123456789abcdef\n");
    chmod 0644, $secret;
    $site->{databases}{$DB} = "Crm360Origin Shopify shopify $secret\n";
    $site->write_conf;
    finds('a secret that is open to all', 1, ['fail secrets'], qr/origin\.secret.*has mode 0644.*0640 or less/) if $> == 0;
    $site->{databases}{$DB} = '';
    SKIP: {
        skip 'only root can try the rights of another user', 3 if $> != 0;
        chmod 0755, $dir;
        chmod 0700, "$dir/outbox";
        chmod 0777 & ~0002, "$dir/dead";
        $site->{settings} =~ s/^Crm360Spool.*\n//m;
        $site->{settings} .= "Crm360User nobody\n";
        $site->write_conf;
        my ($code, $lines) = check();
        is $code, 1, 'folders that the user of crm360d cannot write: exit status 1';
        my %text = map { $_->[2] => "$_->[0] $_->[3]" } grep { $_->[1] eq 'folders' } @$lines;
        like $text{"$dir/outbox"}, qr/\Afail Crm360Outbox: .*cannot be written by the user crm360d runs as/, '  the outbox';
        like $text{"$dir/acme-prod.db"}, qr/\Afail .*Crm360DBParams: .*cannot be written by the user/, '  an SQLite file';
        chmod 0700, $dir;
    }
}
$site->write_conf;

# ---- databases ----

{
    local $site->{databases}{'acme/new'} = '';
    $site->write_conf;
    finds('a database that is not there', 1, ['fail database'], qr/migrate/);
    my ($code) = check($DB);
    is $code, 0, '  which is none of those that are named';
}
$site->write_conf;
$site->sql('acme/other', 'update WebhookSchema set Version = Version + 1 where Version = (select max(Version) from WebhookSchema)');
finds('a newer schema', 1, ['fail database'], qr/install the newer program/);
$site->sql('acme/other', 'update WebhookSchema set Version = Version - 1 where Version = (select max(Version) from WebhookSchema)');

# ---- providers ----

my $tls = Crm360::Smtp::certificates($dir);
my $server = Crm360::Smtp->fake(dir => "$dir/smtp", tls => $tls);
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
my $silent_port = $silent->sockport;
sub provider {
    my ($name, $line, @rest) = @_;

    $site->{databases}{$DB} = "Crm360EmailFrom crm\@example.org\n$line\n";
    $site->write_conf;
    return finds($name, @rest);
}
{
    my $lines = provider('a mail server', 'Crm360Mailer ' . $server->url . ' ca=' . $server->ca, 0, []);
    like text_of($lines, 'provider'), qr/smtp can be reached; nobody logged in/, '  can be reached';
    is scalar($server->mails), 0, '  and was sent nothing';
    provider('a certificate that nobody trusts', 'Crm360Mailer ' . $server->url, 1, ['fail provider'], qr/certificate/);
    my $clear = Crm360::Smtp->fake(dir => "$dir/clear");
    provider('a mail server without STARTTLS', 'Crm360Mailer ' . $clear->url, 1, ['fail provider'], qr/TLS|SSL/i);
    provider('  that need not have it', 'Crm360Mailer ' . $clear->url . ' tls=none', 0, []);
    provider('no mail server', 'Crm360Mailer smtp://127.0.0.1:' . free_port(), 4, ['away provider'], qr/Failed to connect|refused/);
    my $began = time;
    provider('one that says nothing', "Crm360Mailer smtp://127.0.0.1:$silent_port", 4, ['away provider'], qr/./,
        '--timeout', '1s');
    cmp_ok time - $began, '<', 8, '  ends in its time' if timing();
    provider('a gateway', "Crm360SmsGateway primotexto url=http://127.0.0.1:$silent_port secret=" . do {
        spew("$dir/key", "key\n"); chmod 0600, "$dir/key"; "$dir/key" }, 0, []);
}
$site->{databases}{$DB} = '';
{
    local $site->{settings} = $site->{settings} . "<Crm360Database acme hangs>\nCrm360DBDriver pgsql\n"
        . "Crm360DBParams \"host=127.0.0.1 port=$silent_port dbname=x\"\n</Crm360Database>\n";
    my $began = time;

    $site->write_conf;
    finds('a database that says nothing', 4, ['away database'], qr/no answer within 1s/, '--timeout', '1s');
    cmp_ok time - $began, '<', 5, '  is given up in its time' if timing();
}
$site->write_conf;

# ---- many findings ----

{
    my $many = 1500;
    local $site->{settings} = $site->{settings} . join '', map {
        "<Crm360Database many n$_>\nCrm360DBDriver sqlite3\nCrm360DBParams \"$dir/many-$_.db\"\n</Crm360Database>\n"
    } 1 .. $many;
    spew("$dir/many-$_.db", '') for 1 .. $many;
    $site->write_conf;
    my ($code, $lines) = check($DB);
    is $code, 0, "one database, in a configuration of $many others" or diag map { "@$_\n" } @{$lines}[0 .. 5];
    is scalar(grep { $_->[1] eq 'folders' && $_->[2] =~ /many-\d+\.db\z/ } @$lines), $many, '  each file has its line';
    unlink map { "$dir/many-$_.db" } 1 .. $many;
}
$site->write_conf;

# ---- rights: each command of the recipe is asked for ----

{
    my ($recipe) = slurp(root() . '/man/crm360.conf.5') =~ /^# redis-cli acl setuser crm360ctl reset on ((?:.*\\e\n)*.*)$/m;
    open my $shell, '-|', 'sh', '-c', "printf '%s\\0' " . $recipe =~ s/\\e\n/\\\n/gr or die;
    my @words = grep { !/PASSWORD/ } split /\0/, do { local $/; <$shell> };
    my @missed;

    spew("$dir/redis.password", "secret\n");
    chmod 0600, "$dir/redis.password";
    $site->{settings} .= "Crm360RedisUser crm360ctl crm360ctl\nCrm360RedisPasswordFile $dir/redis.password crm360ctl\n";
    $site->write_conf;
    $site->redis('ACL', 'SETUSER', 'crm360ctl', 'reset', 'on', '>secret', @words);
    finds('the user of crm360.conf(5)', 0, []);
    # EXEC cannot be asked for without doing it; without CONFIG and INFO the settings are not known.
    for my $word (grep { /\A\+/ && !/\A\+(?:exec|info|config\|get)\z/ } @words) {
        $site->redis('ACL', 'SETUSER', 'crm360ctl', '-' . substr $word, 1);
        my (undef, $lines) = check('acme/other');
        push @missed, $word if text_of($lines, 'rights') !~ /needs: ?(?:.* )?\U@{[substr $word, 1]}\E\b/;
        $site->redis('ACL', 'SETUSER', 'crm360ctl', $word);
    }
    is_deeply \@missed, [], 'a right that is missing is named, each of ' . @words;
    $site->redis('ACL', 'SETUSER', 'crm360ctl', '>other', '<secret');
    my ($code, $lines) = check();
    is $code, 1, 'a wrong password';
    like text_of($lines, 'redis'), qr/WRONGPASS|password/, '  is said';
    $site->{settings} =~ s/^Crm360Redis(?:User|PasswordFile).*\n//mg;
    $site->write_conf;
}

# ---- Redis frozen, Redis away, crm360d away ----

$site->freeze_redis;
finds('Redis frozen', 4, ['away redis'], qr/no answer in time|timed out/);
$site->thaw_redis;
# Only a crm360d that knows that Redis is back withdraws its heartbeat when it ends.
my $beats = sub { return join "\n", @{ $site->redis('HVALS', 'crm360:1:consumers') } };
my $frozen = $beats->();
wait_until { $beats->() ne $frozen } 10, 'crm360d beats again';
$site->stop_consumer;
finds('no crm360d', 1, ['fail crm360d'], qr/none runs/);
$site->stop_redis;
finds('Redis away', 4, ['away redis'], qr/./);
{
    my ($status, $text) = $site->ctl('status');
    is $status, 4, 'crm360ctl status: exit status 4';
    like $text, qr{^error: CRM0101: Redis at .*: out of reach or no answer in time$}m, '  says why, in words';
    unlike $text, qr/\(\d{4,}\)/, '  and has no number of a status';
}

# ---- words ----

is +(check('nobody/prod'))[0], 2, 'a database that is not there: usage';
is +(check('--timeout', '10ms'))[0], 2, 'a time too short: usage';
$site->done;
