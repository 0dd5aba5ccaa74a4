# Settings of virtual hosts and nested locations, seen from outside: what is set there wins, what is not
# comes from the main server or the location around it, for each directive that httpd reads.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(time);

# A second Redis, as another site, with a password for its default user and one more user.
my $other = Crm360::Test->new(redis_goes => 1, mount => undef, redis_password => 'main-pass',
    redis_settings => 'user hooks on >hooks-pass ~* &* +@all');
my $site = Crm360::Test->new(redis_goes => 1, mount => undef);

# A secret of the configuration: a file that httpd's parent may read and others may not.
sub secret {
    my ($name, $text) = @_;
    my $file = spew($site->dir . "/$name", "$text\n");

    chmod 0600, $file;
    return $file;
}

my $REDIS2 = 'unix:' . $other->redis_socket;
my %HOST = (
    'plain' => '',
    'other' => "Crm360Redis $REDIS2\nCrm360RedisPasswordFile " . secret('main', 'main-pass'),
    'user' => "Crm360Redis $REDIS2\nCrm360RedisUser hooks\nCrm360RedisPasswordFile "
        . secret('hooks', 'hooks-pass'),
    'wrong' => "Crm360Redis $REDIS2\nCrm360RedisUser hooks\nCrm360RedisPasswordFile "
        . secret('wrong', 'main-pass'),
    'nobody' => "Crm360Redis $REDIS2",
    'quick' => 'Crm360ConnectTimeout 30ms' . "\n" . 'Crm360CommandTimeout 60ms',
    'slow' => 'Crm360CommandTimeout 1s',
);
my $LOCATIONS = <<'END';
<Location />
    Crm360MaxBody 300
</Location>
<Location /hooks>
    Crm360Webhook On
    <If "%{HTTP:X-Small} == 'yes'">
        Crm360MaxBody 50
    </If>
</Location>
<Location /hooks/less>
    Crm360MaxBody 100
</Location>
<Location /hooks/less/off>
    Crm360Webhook Off
</Location>
<Location /hooks/less/off/on>
    Crm360Webhook On
</Location>
<LocationMatch "/more/">
    Crm360MaxBody 500
</LocationMatch>
END
$site->{server} = $LOCATIONS . join '', "<VirtualHost *:*>\n    ServerName main.example\n"
    . "</VirtualHost>\n", map {
    "<VirtualHost *:*>\n    ServerName $_.example\n    $HOST{$_}\n"
        . "    <Location /own>\n        Crm360Webhook On\n        Crm360MaxBody 200\n"
        . "    </Location>\n</VirtualHost>\n"
    } sort keys %HOST;

$site->start_redis;
$site->start_httpd;

# A webhook with `bytes` of body to a host and location: its answer, with {seconds}.
sub hook {
    my ($host, $mount, $bytes, @fields) = @_;
    my $began = time;
    my $text = $site->raw(join "\r\n",
        "POST $mount/QueueProcess/acme/prod/Shopify/Order/Insert?SourceId=1 HTTP/1.1",
        "Host: $host.example", 'Connection: close', "Content-Length: $bytes", @fields, '',
        'x' x $bytes);

    return { status => $text =~ /^HTTP\/1\.1 (\d+)/ ? $1 : "no answer: $text", text => $text,
        seconds => time - $began };
}

# ---- Crm360Webhook and Crm360MaxBody, location in location ----

# [host, location, bytes, status, name]
for my $row (
    ['plain', '/hooks', 300, 200, 'Crm360MaxBody of the location around it'],
    ['plain', '/hooks', 301, 413, 'and not a byte more'],
    ['plain', '/hooks/x', 301, 413, 'a longer path is in the same location'],
    ['plain', '/hooks/less', 100, 200, 'Crm360MaxBody of the inner location'],
    ['plain', '/hooks/less', 101, 413, 'wins over the outer one'],
    ['plain', '/hooks/less/x', 101, 413, 'Crm360Webhook On comes from outside'],
    ['plain', '/hooks/less/off', 10, 404, 'Crm360Webhook Off wins over On outside'],
    ['plain', '/hooks/less/off/on', 100, 200, 'and On again inside it'],
    ['plain', '/hooks/less/off/on', 101, 413, 'with the limit of the location around'],
    ['plain', '/hooks/more/x', 500, 200, 'LocationMatch, later in the file, wins'],
    ['plain', '/hooks/more/x', 501, 413, 'with its own limit'],
    ['plain', '/own', 200, 200, 'a location of the virtual host'],
    ['plain', '/own', 201, 413, 'has its own limit'],
    ['main', '/own', 10, 404, 'which another host does not have'],
    ['main', '/hooks', 300, 200, 'while those of the main server are everywhere'],
    ['nowhere', '/hooks', 300, 200, 'also for a name that no host has'],
) {
    my ($host, $location, $bytes, $status, $name) = @$row;
    my $answer = hook($host, $location, $bytes);
    is $answer->{status}, $status, "$host $location $bytes: $name" or diag $answer->{text};
}
is hook('plain', '/hooks', 51, 'X-Small: yes')->{status}, 413, '<If> inside <Location>';
is hook('plain', '/hooks', 51)->{status}, 200, '  only where it applies';

# ---- Crm360Redis, Crm360RedisUser, Crm360RedisPasswordFile ----

$site->expect_log(qr/CRM0101|CRM0102/);
is hook('other', '/own', 10)->{status}, 503, 'a host whose own Redis is away: 503';
is hook('plain', '/own', 10)->{status}, 200, '  while the Redis of the main server works on';
$other->start_redis;
my %count = (one => sub { $site->redis('ZCARD', $site->key('acme/prod', 'live')) },
    two => sub { $other->redis('ZCARD', $other->key('acme/prod', 'live')) });

# [host, the Redis that gets it, name]
for my $row (
    ['plain', 'one', 'a host that sets nothing uses the Redis of the main server'],
    ['main', 'one', 'the main server uses its own'],
    ['other', 'two', 'Crm360Redis and Crm360RedisPasswordFile of a host'],
    ['user', 'two', 'Crm360RedisUser of a host'],
    ['quick', 'one', 'a host that sets a timeout only has the Redis of the main server'],
) {
    my ($host, $where, $name) = @$row;
    my ($else) = grep { $_ ne $where } keys %count;

    wait_until { hook($host, '/hooks', 10)->{status} == 200 } 3, "$name: taken";
    my %before = map { $_ => $count{$_}->() } keys %count;
    is hook($host, '/hooks', 10)->{status}, 200, '  and again';
    is $count{$where}->(), $before{$where} + 1, '  by that Redis';
    is $count{$else}->(), $before{$else}, '  and not by the other one';
}
for my $host (qw(wrong nobody)) {
    my $before = $count{two}->();
    is hook($host, '/hooks', 10)->{status}, 503, "host $host: a wrong login is a 503";
    is $count{two}->(), $before, '  and stores nothing';
}
is hook('user', '/hooks', 10)->{status}, 200, 'one host\'s wrong login is no other host\'s trouble';
unlike $site->log_text('httpd-error') . $site->log_text('httpd-access'),
    qr/main-pass|hooks-pass/, 'no password in a log';

# ---- Crm360ConnectTimeout and Crm360CommandTimeout ----

if (timing()) {
    my %took;

    is hook($_, '/hooks', 10)->{status}, 200, "host $_ is connected" for qw(quick slow plain);
    $site->freeze_redis;
    for my $host (qw(quick slow plain)) {
        my $answer = hook($host, '/hooks', 10);
        is $answer->{status}, 503, "frozen, host $host: 503";
        $took{$host} = $answer->{seconds};
    }
    $site->thaw_redis;
    cmp_ok $took{quick}, '<', 0.2, 'Crm360CommandTimeout of a host: shorter';
    cmp_ok $took{slow}, '>', 0.9, 'Crm360CommandTimeout of a host: longer';
    cmp_ok $took{plain}, '>', 0.2, 'that of the main server lies between';
    cmp_ok $took{plain}, '<', 0.9, 'that of the main server lies between';
}
$site->finish;
$other->finish;

# ---- limits that fit in each file and not together ----

for my $case (
    ['', 'Crm360ConnectTimeout 300ms', 'the host\'s Crm360ConnectTimeout against the default'],
    ['Crm360ConnectTimeout 220ms', 'Crm360CommandTimeout 210ms', 'main server against host'],
    ['Crm360CommandTimeout 1s', 'Crm360ConnectTimeout 999ms', undef],
    ['Crm360ConnectTimeout 500ms' . "\n" . 'Crm360CommandTimeout 1s', 'Crm360CommandTimeout 600ms', undef],
) {
    my ($settings, $host, $wrong) = @$case;
    my $tested = Crm360::Test->new(redis_goes => 1, settings => $settings,
        server => "<VirtualHost *:*>\n    ServerName tight.example\n    $host\n</VirtualHost>\n");
    my ($code, $output) = $tested->configtest;

    if ($wrong) {
        isnt $code, 0, "configtest: $wrong";
        like $output, qr/CRM0202: \S+httpd\.conf:\d+: virtual host tight\.example: /, '  names the host';
        like $output, qr/Crm360ConnectTimeout.*Crm360CommandTimeout|Crm360CommandTimeout.*Crm360ConnectTimeout/,
            '  and both directives';
    }
    else {
        is $code, 0, "configtest: $host fits with the main server's" or diag $output;
    }
}
done_testing;
