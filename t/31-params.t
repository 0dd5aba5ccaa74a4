# Every fault of a path value or query parameter: the right status, the right `parameter`, a problem
# document that is valid JSON, and nothing stored.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new(databases => { 'acme/prod' => '', 'beta/prod' => '',
    'acme/test' => '    Crm360EmailAllow "b*@example.org" boss@example.com' });
$site->start_redis;
$site->start_httpd;

my $ROUTE = 'QueueProcess/acme/prod/Shopify/Order/Insert';
my $LONG = 'x' x 65;

# [path below the mount, query, status, type, parameter (undef = none), text in the detail]
my @ROWS = (
    # The path: shape.
    ['QueueProcess', 'SourceId=1', 404, 'unknown-path', undef, qr/\{CustomerName\}/],
    ['QueueProcess/', 'SourceId=1', 404, 'unknown-path', undef, qr/\{CustomerName\}/],
    ['QueueProcess/acme/prod/Shopify/Order', 'SourceId=1', 404, 'unknown-path', undef, qr/EmailProcess/],
    ["$ROUTE/More", 'SourceId=1', 404, 'unknown-path', undef, qr/QueueProcess/],
    ["$ROUTE/a/b/c/d/e/f", 'SourceId=1', 404, 'unknown-path', undef, qr/QueueProcess/],
    ['QueueProcess//prod/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-path', undef, qr/QueueProcess/],
    ['EmailProcess/acme/prod', 'SourceId=1', 404, 'unknown-path', undef, qr/QueueProcess/],
    # The path: values.
    ['QueueProcess/ac%20me/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/1 to 64/],
    ["QueueProcess/$LONG/prod/Shopify/Order/Insert", 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/1 to 64/],
    ['QueueProcess/acme%7D/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/A-Z/],
    ['QueueProcess/acme;v=1/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/A-Z/],
    ['QueueProcess/%E9/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/A-Z/],
    ['QueueProcess/acme%0D%0AX:y/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'CustomerName', qr/A-Z/],
    ['QueueProcess/acme/pr:od/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'DatabaseAlias', qr/A-Z/],
    ["QueueProcess/acme/$LONG/Shopify/Order/Insert", 'SourceId=1', 400, 'bad-parameter', 'DatabaseAlias', qr/1 to 64/],
    ['QueueProcess/acme/prod/Sho%22pify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'ExternalPlatform', qr/A-Z/],
    ['QueueProcess/acme/prod/Shopify/Or+der/Insert', 'SourceId=1', 400, 'bad-parameter', 'ExternalEntity', qr/A-Z/],
    ['QueueProcess/acme/prod/Shopify/Order/Insert%3Cb%3E', 'SourceId=1', 400, 'bad-parameter', 'ExternalAction', qr/A-Z/],
    ['QueueProcess/acme/prod/Shopify/Order/%25', 'SourceId=1', 400, 'bad-parameter', 'ExternalAction', qr/A-Z/],
    # The path: unknown.
    ['QueueProcess/nobody/prod/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-customer', 'CustomerName', qr/nobody/],
    ['QueueProcess/acm/prod/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-customer', 'CustomerName', qr/acm/],
    ['QueueProcess/acme/nothing/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-database', 'DatabaseAlias', qr/acme.*nothing/],
    ['QueueProcess/beta/test/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-database', 'DatabaseAlias', qr/beta.*test/],
    ['QueueProcess/acme/prod/Shopware/Order/Insert', 'SourceId=1', 404, 'unknown-route', 'ExternalPlatform', qr/Shopify, Adictiz, .*CaptainWallet\./],
    ['QueueProcess/acme/prod/Shopify/Basket/Insert', 'SourceId=1', 404, 'unknown-route', 'ExternalEntity', qr{Shopify/Order/Delete}],
    ['QueueProcess/acme/prod/Shopify/Order/Updated', 'SourceId=1', 404, 'unknown-route', 'ExternalAction', qr{Shopify/Order/Update,}],
    ['QueueProcess/acme/prod/Zendesk/Ticket/Create', 'SourceId=1', 404, 'unknown-route', 'ExternalAction', qr{: Zendesk/Ticket/Update\.$}],
    # SourceId.
    [$ROUTE, undef, 400, 'bad-parameter', 'SourceId', qr/missing/],
    [$ROUTE, '', 400, 'bad-parameter', 'SourceId', qr/missing/],
    [$ROUTE, 'ZoneId=1', 400, 'bad-parameter', 'SourceId', qr/missing/],
    [$ROUTE, 'Source=1', 400, 'bad-parameter', 'SourceId', qr/missing/],
    [$ROUTE, 'SourceId', 400, 'bad-parameter', 'SourceId', qr/empty/],
    [$ROUTE, 'SourceId=', 400, 'bad-parameter', 'SourceId', qr/empty/],
    [$ROUTE, 'SourceId=0', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=-5', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=%2B5', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=5.0', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=five', 400, 'bad-parameter', 'SourceId', qr/"five"/],
    [$ROUTE, 'SourceId=0x5', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=1%20', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=1%00', 400, 'bad-parameter', 'SourceId', qr/percent/],
    [$ROUTE, 'SourceId=%zz', 400, 'bad-parameter', 'SourceId', qr/percent/],
    [$ROUTE, 'SourceId=32768', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=4294967297', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=' . '9' x 3000, 400, 'bad-parameter', 'SourceId', qr/9\.\.\."/],
    [$ROUTE, 'SourceId=%22%5C%E9%0D%0A%1B', 400, 'bad-parameter', 'SourceId', qr/"%22%5C%E9%0D%0A%1B"/],
    [$ROUTE, 'SourceId=1&SourceId=1', 400, 'bad-parameter', 'SourceId', qr/more than once/],
    [$ROUTE, 'SourceId=1&sourceid=2', 400, 'bad-parameter', 'SourceId', qr/more than once/],
    [$ROUTE, 'SourceId=1&%73ourceId', 400, 'bad-parameter', 'SourceId', qr/more than once/],
    [$ROUTE, 'SourceId=1;ZoneId=2', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    # The other ids.
    [$ROUTE, 'SourceId=1&ZoneId=0', 400, 'bad-parameter', 'ZoneId', qr/1 to 2147483647/],
    [$ROUTE, 'SourceId=1&ZoneId=2147483648', 400, 'bad-parameter', 'ZoneId', qr/1 to 2147483647/],
    [$ROUTE, 'SourceId=1&zoneid=x', 400, 'bad-parameter', 'ZoneId', qr/1 to 2147483647/],
    [$ROUTE, 'SourceId=1&ZoneId=&ZoneId=', 400, 'bad-parameter', 'ZoneId', qr/more than once/],
    [$ROUTE, 'SourceId=1&BrandId=-1', 400, 'bad-parameter', 'BrandId', qr/1 to 2147483647/],
    [$ROUTE, 'SourceId=1&BrandId=2147483648', 400, 'bad-parameter', 'BrandId', qr/1 to 2147483647/],
    [$ROUTE, 'SourceId=1&BrandId=1&BRANDID=1', 400, 'bad-parameter', 'BrandId', qr/more than once/],
    [$ROUTE, 'SourceId=1&ContactAddressTypeId=0', 400, 'bad-parameter', 'ContactAddressTypeId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=1&ContactAddressTypeId=32768', 400, 'bad-parameter', 'ContactAddressTypeId', qr/1 to 32767/],
    [$ROUTE, 'SourceId=1&ContactAddressTypeId=%', 400, 'bad-parameter', 'ContactAddressTypeId', qr/percent/],
    # BatchMode.
    [$ROUTE, 'SourceId=1&BatchMode=yes', 400, 'bad-parameter', 'BatchMode', qr/true, false, 1 or 0/],
    [$ROUTE, 'SourceId=1&BatchMode=2', 400, 'bad-parameter', 'BatchMode', qr/true, false, 1 or 0/],
    [$ROUTE, 'SourceId=1&BatchMode=on', 400, 'bad-parameter', 'BatchMode', qr/true, false, 1 or 0/],
    [$ROUTE, 'SourceId=1&BatchMode=true&batchmode=true', 400, 'bad-parameter', 'BatchMode', qr/more than once/],
    # secondsOfInvisibility.
    [$ROUTE, 'SourceId=1&secondsOfInvisibility=-1', 400, 'bad-parameter', 'secondsOfInvisibility', qr/0 to 604800/],
    [$ROUTE, 'SourceId=1&secondsOfInvisibility=604801', 400, 'bad-parameter', 'secondsOfInvisibility', qr/0 to 604800/],
    [$ROUTE, 'SourceId=1&secondsOfInvisibility=1h', 400, 'bad-parameter', 'secondsOfInvisibility', qr/0 to 604800/],
    [$ROUTE, 'SourceId=1&SECONDSOFINVISIBILITY=0.5', 400, 'bad-parameter', 'secondsOfInvisibility', qr/0 to 604800/],
    [$ROUTE, 'SourceId=1&secondsOfInvisibility=1&secondsOfInvisibility=2', 400, 'bad-parameter', 'secondsOfInvisibility', qr/more than once/],
    # Email, which no section allows by itself.
    [$ROUTE, 'SourceId=1&Email=nobody', 400, 'bad-parameter', 'Email', qr/mail address/],
    [$ROUTE, 'SourceId=1&Email=a@b@example.org', 400, 'bad-parameter', 'Email', qr/mail address/],
    [$ROUTE, 'SourceId=1&Email=a@example.org%0D%0ABcc:%20b@example.org', 400, 'bad-parameter', 'Email', qr/%0D%0A/],
    [$ROUTE, 'SourceId=1&Email=a@example.org,b@example.org', 400, 'bad-parameter', 'Email', qr/one mail address/],
    [$ROUTE, 'SourceId=1&Email=a@example.org&email=', 400, 'bad-parameter', 'Email', qr/more than once/],
    [$ROUTE, 'SourceId=1&Email=a@example.org', 403, 'mail-not-allowed', 'Email', qr/Crm360EmailAllow/],
    ['EmailProcess/acme/prod/Shopify/Order/Insert', 'SourceId=1&Email=a@example.org', 403, 'mail-not-allowed', 'Email', qr/Crm360EmailAllow/],
    ['emailprocess/acme/test/Shopify/Order/Insert', 'SourceId=1&Email=a@example.org', 403, 'mail-not-allowed', 'Email', qr/Crm360EmailAllow/],
    ['EmailProcess/acme/test/Shopify/Order/Insert', 'SourceId=1&Email=a@example.com', 403, 'mail-not-allowed', 'Email', qr/Crm360EmailAllow/],
    ['QueueProcess/acme/test/Shopify/Order/Insert', 'SourceId=1&Email=a@x.example.org', 403, 'mail-not-allowed', 'Email', qr/Crm360EmailAllow/],
    ['EmailProcess/acme/prod/Shopify/Order/Insert', 'SourceId=1', 400, 'bad-parameter', 'Email', qr/missing/],
    ['EmailProcess/acme/prod/Shopify/Order/Insert', 'SourceId=1&email=', 400, 'bad-parameter', 'Email', qr/empty/],
    ['EmailProcess/acme/prod/Shopify/Order/Insert', 'Email=a@example.org', 400, 'bad-parameter', 'SourceId', qr/missing/],
    ['EmailProcess/acme/prod/Shopify/Order/Insert', 'SourceId=x', 400, 'bad-parameter', 'SourceId', qr/1 to 32767/],
    ['EmailProcess/acme/nothing/Shopify/Order/Insert', 'SourceId=1', 404, 'unknown-database', 'DatabaseAlias', qr/nothing/],
    # A path is told before a parameter, the first parameter before the second.
    ['QueueProcess/nobody/prod/Shopify/Order/Insert', 'SourceId=x', 404, 'unknown-customer', 'CustomerName', qr/nobody/],
    [$ROUTE, 'BrandId=x&SourceId=x', 400, 'bad-parameter', 'BrandId', qr/1 to/],
);

cmp_ok scalar @ROWS, '>=', 60, 'enough rows';
my %types;
for my $row (@ROWS) {
    my ($path, $query, $status, $type, $parameter, $says) = @$row;
    my $target = "$site->{mount}/$path" . (defined $query ? "?$query" : '');
    my $name = substr($path, 0, 60) . (defined $query ? '?' . substr $query, 0, 60 : '');

    for my $method (qw(POST GET)) {
        my $answer = $site->request($method, $target,
            $method eq 'POST' ? (content => '{}') : ());
        my $problem = $answer->{json} || {};

        is $answer->{status}, $status, "$method $name: $status";
        is $answer->{headers}{'content-type'}, 'application/problem+json', '  problem+json';
        is $problem->{parameter}, $parameter, '  the parameter at fault';
        is $problem->{type}, "urn:crm360:problem:$type", '  the type';
        is $problem->{status}, $status, '  the status again';
        like $problem->{detail}, $says, '  what is allowed';
        ok length $problem->{title}, '  a title';
        is $problem->{instance} && index($target, substr $problem->{instance}, 0, 30), 0,
            '  which request';
        unlike $problem->{instance} // '?', qr/\?/, '  without its query';
        is $answer->{headers}{'cache-control'}, 'no-store', '  not to be cached';
        is $answer->{headers}{'x-content-type-options'}, 'nosniff', '  nor guessed at';
        cmp_ok length $answer->{content}, '<', 4096, '  short';
    }
    $types{$type} = 1;
}
is $site->redis('DBSIZE'), 0, 'nothing of it is stored, queued or counted';

# What httpd itself refuses in a path, and logs (AH10244), never reaches the module, and is not stored either.
$site->expect_log(qr/AH10244: invalid URI path/);
for my $case (['QueueProcess/acme%2Fx/prod/Shopify/Order/Insert', 404],
    ['QueueProcess/acme%00/prod/Shopify/Order/Insert', qr/^40[04]$/],
    ['QueueProcess/acme%zz/prod/Shopify/Order/Insert', 400],
    ['../../../../QueueProcess/acme/prod/Shopify/Order/Insert', 400]) {
    my $answer = $site->post("$site->{mount}/$case->[0]?SourceId=1", '{}');
    like $answer->{status}, ref $case->[1] ? $case->[1] : qr/^$case->[1]$/, "$case->[0] is refused";
}

# Smsbox wants a text, whatever is wrong.
for my $case (
    ['Smsbox/Sms/Callback', '', 400], ['smsbox/sms/callbackstop', 'SourceId=0', 400],
    ['Smsbox/Sms/Nothing', 'SourceId=1', 404], ['Smsbox/Mail/Callback', 'SourceId=1', 404],
    ['Smsbox/Sms/Callback', 'SourceId=1&Email=a@example.org', 403],
    ['Smsbox/Sms/Call%20back', 'SourceId=1', 400]) {
    my ($route, $query, $status) = @$case;
    my $answer = $site->get($site->url($route) . "?$query");

    is $answer->{status}, $status, "$route?$query: $status";
    is $answer->{content}, 'ERROR', '  ERROR';
    like $answer->{headers}{'content-type'}, qr{^text/plain}, '  as plain text';
}
is $site->request('PUT', $site->url('Smsbox/Sms/Callback', SourceId => 1))->{content}, 'ERROR',
    'a wrong method of Smsbox: ERROR';
is $site->get("$site->{mount}/QueueProcess/nobody/prod/Smsbox/Sms/Callback")->{content}, 'ERROR',
    'an unknown customer of Smsbox: ERROR';
is $site->redis('DBSIZE'), 0, 'nothing of that is stored either';

# What is fine: empty optional ones, parameters of the platform, odd ones.
for my $query ('SourceId=1&ZoneId=&BrandId&Email=&BatchMode=&secondsOfInvisibility=',
    'store=LDN-01&currency=GBP&SourceId=1', 'SourceId=1&texte=%E9t%E9&x=%zz&%zz&store=a&store=b',
    '&SourceId=1&', 'SourceId=0001') {
    my $answer = $site->post("$site->{mount}/$ROUTE?$query", '{}');
    is $answer->{status}, 200, "$query is fine" or diag $answer->{content};
}
is $site->redis('ZCARD', $site->key('acme/prod', 'live')), 5, 'and is stored';

my %in_code = map { $_ => 1 } slurp(root() . '/mod_crm360_reply.c') =~ /\{\s*HTTP_\w+,\s*"([a-z-]+)"/g;
ok $in_code{$_}, "$_ was seen by a row and is in the code" for sort keys %types;

# No address of a caller in the log at its usual level.
unlike $site->log_text('httpd-error'), qr/\@example\.org/, 'no mail address in the error log';
$site->done;
