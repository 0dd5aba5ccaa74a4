# A broken configuration stops `apachectl configtest` and `crm360d -t` alike: with file and line, the
# directive, what is wrong and what is allowed. And what only httpd can have wrong stops it too.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $site = Crm360::Test->new;
my $conf = $site->conf;
my $dir = $site->dir;
my $DB = "Crm360DBDriver sqlite3\n    Crm360DBParams \"$dir/acme-prod.db\"";

spew("$dir/readable", "secret\n");
chmod 0644, "$dir/readable";
spew("$dir/two-lines", "secret\nmore\n");
spew("$dir/good-secret", "s3cr3t-text\n");
chmod 0600, "$dir/two-lines", "$dir/good-secret";

# Lines before the section, lines in it, lines behind it; the marked line "-->" is the one at fault.
sub both {
    my ($name, $lines, $directive, $allowed, %option) = @_;
    my @lines = split /\n/, $lines;
    my ($at) = grep { $lines[$_ - 1] =~ s/^\s*--> ?// } 1 .. @lines;
    my ($httpd_code, $httpd) = do {
        spew($conf, join "\n", @lines, '');
        $site->configtest;
    };
    my ($daemon_code, $daemon) = $site->run($site->consumer_command('-t'));

    for my $case (['httpd', $httpd_code, $httpd], ['crm360d', $daemon_code, $daemon]) {
        my ($program, $code, $output) = @$case;
        next if $option{only} && $option{only} ne $program;

        if ($program eq 'httpd') {
            cmp_ok $code, '!=', 0, "$name: $program stops" or diag $output;
        }
        else {
            is $code, 3, "$name: $program stops with exit code 3" or diag $output;
        }
        like $output, qr/\Q$conf\E:$at\b|line $at of \Q$conf\E:/, "$name: $program names file and line";
        like $output, $directive, "$name: $program names the directive";
        like $output, $allowed, "$name: $program says what is allowed";
        unlike $output, qr/s3cr3t-text/, "$name: $program shows no secret";
    }
    return;
}

sub section { return "<Crm360Database acme prod>\n    $DB\n$_[0]\n</Crm360Database>" }
my $GOOD = section('');

# The harness' own configuration is fine.
is +($site->configtest)[0], 0, 'httpd: a good configuration passes';
is +($site->run($site->consumer_command('-t')))[0], 0, 'crm360d: a good configuration passes';

# ---- names and places ----

both('unknown name', "--> Crm360Rediss unix:/x\n$GOOD", qr/Crm360Rediss/, qr/Crm360Redis\b/);
both('unknown name in a section', section('--> Crm360Driver sqlite3'), qr/Crm360Driver/,
    qr/Crm360DBDriver/);
both('server directive in a section', section('--> Crm360Lease 60s'), qr/Crm360Lease/,
    qr/at server level/);
both('database directive outside', "--> Crm360DBDriver sqlite3\n$GOOD", qr/Crm360DBDriver/,
    qr/inside <Crm360Database>/);
both('location directive', "--> Crm360Webhook On\n$GOOD", qr/Crm360Webhook/, qr/<Location>/);
both('foreign directive', "--> ServerTokens Prod\n$GOOD", qr/ServerTokens/, qr/allowed/);
both('foreign directive in a section', section('--> Timeout 10'), qr/Timeout/, qr/allowed/);
both('Include', "--> Include /etc/hostname\n$GOOD", qr/Include/, qr/allowed/);
both('Include in a section', section('--> Include /etc/hostname'), qr/Include/, qr/allowed/);
both('IfModule', "--> <IfModule mod_alias.c>\nCrm360Lease 60s\n</IfModule>\n$GOOD", qr/IfModule/,
    qr/allowed/);
both('IfDefine that is not defined', "--> <IfDefine NEVER>\nNonsense\n</IfDefine>\n$GOOD",
    qr/IfDefine/, qr/allowed/);
both('Define', "--> Define lease 60s\n$GOOD", qr/Define/, qr/allowed/);
both('${}', "--> Crm360Redis unix:\${PATH}\n$GOOD", qr/Crm360Redis/, qr/\$\{/);
both('another section', "--> <VirtualHost *>\n</VirtualHost>\n$GOOD", qr/VirtualHost/, qr/allowed/);

# ---- counts ----

both('no argument', "--> Crm360Redis\n$GOOD", qr/Crm360Redis/, qr/takes 1 argument/);
both('too many', "--> Crm360Lease 60s 70s\n$GOOD", qr/Crm360Lease/, qr/takes 1 argument/);
both('one of two', "--> Crm360Workers live\n$GOOD", qr/Crm360Workers/, qr/takes 2 arguments/);
both('twice', "Crm360Lease 60s\n--> Crm360Lease 61s\n$GOOD", qr/Crm360Lease/, qr/once/);
both('twice in a section', section("    --> Crm360DBDriver sqlite3"), qr/Crm360DBDriver/, qr/once/);
both('an open quote', "--> Crm360Redis \"unix:/x\n$GOOD", qr/Crm360Redis/, qr/quot/);

# ---- values ----

for my $row (
    ['Crm360Redis', 'http://localhost', qr{unix:/path}],
    ['Crm360Redis', 'unix:relative', qr{unix:/path}],
    ['Crm360Redis', 'redis://localhost:99999', qr/65535/],
    ['Crm360ConnectTimeout', '0', qr/1ms to 10s/],
    ['Crm360ConnectTimeout', '11s', qr/1ms to 10s/],
    ['Crm360ConnectTimeout', 'soon', qr/1ms to 10s/],
    ['Crm360CommandTimeout', '-1s', qr/1ms to 1m/],
    ['Crm360HandlerTimeout', '10ms', qr/1s to 1h/],
    ['Crm360Lease', '1s', qr/2s to 12h/],
    ['Crm360InboxKeep', '1 day', qr/takes 1 argument/],
    ['Crm360Workers', 'fast 2', qr/live/],
    ['Crm360Workers', 'live 65', qr/0 to 64/],
    ['Crm360Workers', 'live two', qr/0 to 64/],
    ['Crm360RetrySchedule', '10s never', qr/1ms to 30d/],
    ['Crm360RedisPasswordFile', 'relative', qr/absolute|begin/],
    ['Crm360RedisPasswordFile', "$dir/nowhere", qr/nowhere/],
    ['Crm360RedisPasswordFile', "$dir/readable", qr/06[04]0/],
    ['Crm360RedisPasswordFile', "$dir/two-lines", qr/line/],
) {
    my ($name, $value, $allowed) = @$row;
    both("$name $value", "# first\n--> $name $value\n$GOOD", qr/$name/, $allowed);
}
for my $row (
    ['Crm360DefaultZoneId', '0', qr/1 to 2147483647/],
    ['Crm360DefaultBrandId', 'x', qr/1 to 2147483647/],
    ['Crm360DefaultContactAddressTypeId', '32768', qr/1 to 32767/],
) {
    my ($name, $value, $allowed) = @$row;
    both("$name $value", section("    --> $name $value"), qr/$name/, $allowed);
}
both('a driver that is none', "<Crm360Database acme prod>\n--> Crm360DBDriver mysql\n</Crm360Database>",
    qr/Crm360DBDriver/, qr/sqlite3.*pgsql/);

# ---- sections ----

both('a section without names', "--> <Crm360Database>\n$DB\n</Crm360Database>", qr/Crm360Database/,
    qr/customer/);
both('a section with one name', "--> <Crm360Database acme>\n$DB\n</Crm360Database>",
    qr/Crm360Database/, qr/alias/);
both('a section with a bad name', "--> <Crm360Database acme pr/od>\n$DB\n</Crm360Database>",
    qr/Crm360Database/, qr/1 to 64/);
both('a duplicate', "$GOOD\n--> <Crm360Database ACME Prod>\n$DB\n</Crm360Database>",
    qr/Crm360Database/, qr/\Q$conf\E:1\b/);
both('a section that nobody ends', "# first\n--> <Crm360Database acme prod>\n$DB",
    qr/Crm360Database/, qr/<\/Crm360Database>|was not closed/);
both('an end without a section', "$GOOD\n--> </Crm360Database>", qr/Crm360Database/,
    qr/without|no section|begin/);
both('a section without a driver', "--> <Crm360Database acme prod>\n</Crm360Database>",
    qr/Crm360DBDriver/, qr/sqlite3/, only => 'crm360d');

# ---- limits that nest ----

for my $case (
    ["Crm360ConnectTimeout 300ms", 'Crm360ConnectTimeout', 'Crm360CommandTimeout', undef],
    ["Crm360HandlerTimeout 60s", 'Crm360HandlerTimeout', 'Crm360Lease', 'crm360d'],
) {
    my ($lines, $one, $two, $only) = @$case;
    spew($conf, "$lines\n$GOOD\n");
    my ($httpd_code, $httpd) = $site->configtest;
    my ($daemon_code, $daemon) = $site->run($site->consumer_command('-t'));

    is $daemon_code, 3, "$lines: crm360d stops";
    like $daemon, qr/$one.*$two/s, '  naming both';
    cmp_ok $httpd_code, '!=', 0, "$lines: httpd stops" unless $only;
    like $httpd, qr/$one.*$two/s, '  naming both' unless $only;
}

# ---- what only httpd can have wrong ----

# Each text stands in httpd.conf itself, whose lines it is told by.
sub httpd_only {
    my ($name, $lines, $directive, $allowed) = @_;
    local $site->{server} = $lines;
    $site->write_conf;
    my ($code, $output) = $site->configtest;
    my @text = split /\n/, slurp("$dir/httpd.conf");
    my ($at) = grep { $text[$_ - 1] =~ /#HERE/ } 1 .. @text;

    cmp_ok $code, '!=', 0, "$name: httpd stops";
    $at++;
    like $output, qr/line $at of \S*httpd\.conf:/, "$name: names file and line" or diag $output;
    like $output, $directive, "$name: names the directive";
    like $output, $allowed, "$name: says what is allowed" or diag $output;
    return;
}
httpd_only('Crm360Webhook at server level', "#HERE\nCrm360Webhook On", qr/Crm360Webhook/,
    qr/inside <Location>/);
httpd_only('Crm360Webhook in a directory', "<Directory /tmp>\n#HERE\nCrm360Webhook On\n</Directory>",
    qr/Crm360Webhook/, qr/allowed: <Location>/);
httpd_only('Crm360MaxBody in Files', "<Files x>\n#HERE\nCrm360MaxBody 1M\n</Files>",
    qr/Crm360MaxBody/, qr/allowed: <Location>/);
httpd_only('Crm360Webhook with another word', "<Location /x>\n#HERE\nCrm360Webhook Yes\n</Location>",
    qr/Crm360Webhook/, qr/On/);
httpd_only('Crm360Webhook twice', "<Location /x>\nCrm360Webhook On\n#HERE\nCrm360Webhook On\n</Location>",
    qr/Crm360Webhook/, qr/once/);
for my $size ('0', '2G', '10X', '-1') {
    httpd_only("Crm360MaxBody $size", "<Location /x>\n#HERE\nCrm360MaxBody $size\n</Location>",
        qr/Crm360MaxBody/, qr/1\b.*128M/);
}
httpd_only('a server directive in a location', "<Location /x>\n#HERE\nCrm360Lease 60s\n</Location>",
    qr/Crm360Lease/, qr/at server level/);
httpd_only('a database directive at server level', "#HERE\nCrm360DBDriver sqlite3",
    qr/Crm360DBDriver/, qr/inside <Crm360Database>/);

# A <Crm360Database> section belongs into a file of its own: httpd.conf is none that crm360d can read.
{
    local $site->{server} = "<VirtualHost *:*>\n<Crm360Database acme other>\n    $DB\n"
        . "</Crm360Database>\n</VirtualHost>";
    $site->write_conf;
    my ($code, $output) = $site->configtest;
    cmp_ok $code, '!=', 0, 'a section inside httpd.conf: httpd stops';
    like $output, qr/CRM0201: \S+httpd\.conf:\d+: /, '  naming file and line';
    like $output, qr/allowed/, '  and what is allowed';
}
# .htaccess: httpd refuses it, and the request with it.
{
    $site->write_conf;
    $site->start_redis;
    spew("$dir/htdocs/.htaccess", "Crm360Webhook On\n");
    $site->start_httpd;
    $site->expect_log(qr/\.htaccess: Crm360Webhook not allowed here/);
    is $site->get('/index.html')->{status}, 500, 'Crm360Webhook in .htaccess is refused';
    like $site->log_text('httpd-error'), qr/Crm360Webhook not allowed here/, '  and the log says so';
    is $site->post($site->url('Shopify/Order/Insert', SourceId => 1), '{}')->{status}, 200,
        '  and does not reach the webhooks';
}

# httpd reads no secret of the databases: the file may be out of its reach, crm360d needs it.
{
    my $lines = section("    Crm360DBPasswordFile $dir/nowhere");
    spew($conf, "$lines\n");
    is +($site->configtest)[0], 0, 'httpd does not open Crm360DBPasswordFile';
    my ($code, $output) = $site->run($site->consumer_command('-t'));
    is $code, 3, 'crm360d does';
    like $output, qr/Crm360DBPasswordFile.*nowhere/, '  and names it';
}
$site->done;
