# httpd is stopped or restarted while a child waits for Redis: no child ends by a signal of its own making.
# prefork destroys the pool of a child in its signal handler, in the middle of a push.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use IO::Socket::INET;
use Test::More;

for my $how (qw(TERM HUP)) {
    my $site = Crm360::Test->new(mpm => 'prefork', settings => "Crm360CommandTimeout 2s\n");
    my $url = $site->url('Shopify/Order/Insert', SourceId => 1);

    $site->start_redis;
    $site->start_httpd;
    is $site->post($url, '{}')->{status}, 200, "$how: connected";
    my $redis = Crm360::Redis->connect($site->redis_socket);
    $redis->command('CLIENT', 'PAUSE', 60_000, 'WRITE');
    my $caller = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port})
        or die "no connection: $!\n";
    print $caller "POST $url HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
    wait_until { $redis->command('CLIENT', 'LIST') =~ /cmd=evalsha .*|flags=b|qbuf=[1-9]\d{2}/ } 5,
        "$how: a push is under way";
    $site->{httpd}->signal($how);
    if ($how eq 'HUP') {
        $site->wait_log('httpd-error', qr/resuming normal operations.*resuming normal operations/s, 10,
            'restarted');
    }
    $site->stop_httpd;
    unlike $site->log_text('httpd-error'), qr/exit signal/, "$how: no child has crashed";
    $redis->command('CLIENT', 'UNPAUSE');
    $site->expect_log(qr/AH00045|CRM0101/);
    $site->finish;
}
done_testing;
