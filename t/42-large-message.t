# A message above 256 kB is written to Redis in parts and made visible last: it arrives whole, lasts, and a
# push that dies half way leaves nothing for good.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new(location => 'Crm360MaxBody 20M');
$site->start_redis;
$site->start_httpd;

my $redis = Crm360::Redis->connect($site->redis_socket);
for my $size (200_000, 262_144, 300_000, 524_288, 5_000_000) {
    my $body = join '', map { chr 32 + ($_ * 7919) % 90 } 1 .. $size;
    my $r = $site->post($site->url('Shopify/Order/Insert', SourceId => 1), $body);
    is $r->{status}, 200, "$size bytes are accepted";
    my $key = $site->key('acme/prod', "message:$r->{json}{MessageId}");
    my $stored = $redis->command('GET', $key);
    ok substr($stored, -$size) eq $body, 'and stored byte for byte';
    is $redis->command('TTL', $key), -1, 'for good';
    is $redis->command('ZSCORE', $site->key('acme/prod', 'live'), $r->{json}{MessageId}) > 0, 1, 'and queued';
}

# A CGI script that a child of httpd runs must not have the child's connections to Redis.
my ($sockets, @open) = (0);
for my $pid (split ' ', `pgrep -P @{[$site->{httpd}->pid]}`) {
    for my $fd (grep { (readlink // '') =~ /^socket:/ } glob "/proc/$pid/fd/*") {
        $sockets++;
        push @open, $fd if !(oct((slurp($fd =~ s/fd/fdinfo/r) =~ /^flags:\s*(\d+)/m)[0]) & 02000000);
    }
}
cmp_ok $sockets, '>', 0, 'httpd has sockets';
is_deeply \@open, [], '  and none of them goes on in a program that is run';

# The parts of a push that dies half way are under an expiry: Redis takes the first and no other.
my @before = @{ $redis->command('KEYS', '*:message:*') };
$redis->command('ACL', 'SETUSER', 'default', '-append');
my $r = $site->post($site->url('Shopify/Order/Insert', SourceId => 1), 'x' x 600_000);
is $r->{status}, 503, 'a push that cannot be finished is refused';
my %known = map { $_ => 1 } @before;
my ($left) = grep { !$known{$_} } @{ $redis->command('KEYS', '*:message:*') };
ok $left, 'its first part is there';
cmp_ok $redis->command('TTL', $left), '>', 0, 'but will be gone';
$site->expect_log(qr/CRM0102/);

# Two who drain one spool may write the same message at the same time, in turns.
$redis->command('ACL', 'SETUSER', 'default', '+append');
my ($code, $id) = $site->run(build() . '/t/stage_twice', $site->conf);
is $code, 0, 'two write the same message' or diag $id;
chomp $id;
ok $redis->command('GET', $site->key('acme/prod', "message:$id")) eq join('', map { $_ x 262_144 } 1 .. 6),
    '  and it is whole';
is_deeply [grep { /:parts\z/ && $_ ne $left } @{ $redis->command('KEYS', '*:message:*') }], [], '  and nothing is left of it';

$site->done;
