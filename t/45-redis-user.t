# A Redis user with the rights that crm360.conf(5) names, and no others: httpd and crm360d do everything with
# it, and need every one of them.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my ($setuser) = slurp(root() . '/man/crm360.conf.5') =~ /^# redis-cli (acl setuser (?:.*\\e\n)*.*)$/m;
ok $setuser, 'the manual page has the command';
my @words = map { s/^'|'$//gr } split ' ', $setuser =~ s/\\e\n//gr;
my %granted = map { /^\+(\w+)(?:\|\w+)?$/ ? ($1 => 1) : () } @words;

# ---- what the sources ask for ----

my %used;
for my $file (glob root() . '/lua/*.lua') {
    $used{ lc $_ } = 1 for slurp($file) =~ /redis\.p?call\('(\w+)'/g;
}
for my $file (glob join ' ', map { root() . "/$_" } qw(core/queue*.c core/redis.c consumer/listen.c
    consumer/audit.c)) {
    $used{ lc $_ } = 1 for slurp($file) =~ /(?:_add\(|argv\[0\] = |[?:] )[^"\n]*"([A-Z]{3,})"/g;
}
# Logging in needs no right; the others are words behind a command.
delete @used{qw(auth count match withscores)};
cmp_ok scalar keys %used, '>', 20, 'commands in the sources: ' . keys %used;
is join(' ', sort keys %granted), join(' ', sort keys %used), 'the page grants these';

# ---- at work ----

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    settings => "Crm360HandlerTimeout 1s\nCrm360Lease 2s\nCrm360RetrySchedule 50ms\n"
        . "Crm360RedisUser crm360\n",
);
spew($site->dir . '/password', "secret\n");
chmod 0600, $site->dir . '/password';
$site->{settings} .= 'Crm360RedisPasswordFile ' . $site->dir . "/password\n";
$site->write_conf;
$site->start_redis;
is $site->redis(map { s/^>PASSWORD$/>secret/r } @words), 'OK', 'Redis takes the command';
$site->migrate;
$site->start_httpd;
$site->start_consumer;

sub queued { return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }
sub dead { return $site->redis('ZCARD', $site->key('acme/prod', 'dead')) }

my $path = $site->url('Adictiz/User/Participate', SourceId => 1);
$site->expect_log(qr/CRM0310/, qr/CRM0311/, qr/CRM0322/);
for my $order ('done', 'retry', 'reject', 'sleep 900', 'x' x 3_000_000) {
    is $site->post($path, $order)->{status}, 200, 'taken: ' . substr $order, 0, 10;
}
wait_until { queued() == 0 && dead() == 2 } 15, 'done, tried again, buried and extended';
is $site->post("$path&BatchMode=true", '["done","done"]')->{status}, 200, 'taken: a batch';
wait_until { $site->redis('HGET', $site->key('acme/prod', 'counters'), 'split') } 15, 'and split';
is $site->post($path, 'crash')->{status}, 200, 'taken: crash';
wait_until { queued() == 0 && dead() == 3 } 20, 'given back for a worker that crashed';
$site->redis('ZREM', $site->key('acme/prod', 'dead'), @{ $site->redis('ZRANGE', $site->key('acme/prod', 'dead'), 0, 0) });
$site->redis('LPUSH', $site->key('acme/prod', 'splits'), 'of another type');
$site->expect_log(qr/CRM0120/, qr/CRM0122/);
$site->keep_house;
is dead(), 3, 'what somebody else has broken is put right';
is_deeply $site->redis('ACL', 'LOG'), [], 'Redis has refused nothing';
$site->done;
