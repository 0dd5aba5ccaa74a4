# The packages in the hands of an administrator, in a clean Debian that is booted: installed beside an httpd and a
# Redis that run, enabled, upgraded while webhooks come and wait, removed, purged, installed again. httpd is never
# restarted for it, every webhook is answered with 200, and nothing that was acknowledged is lost.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Crm360::Tree;
use Test::More;

my $tree = Crm360::Tree->boot($ENV{CRM360_PACKAGES} || build() . '/packages');
my $ROUTE = '/ProcessManagement/Connector/Standard/QueueProcess/acme/prod/Shopify/Customer/Insert';
my $DATABASE = '/var/lib/crm360/acme-prod.db';
my $CONF = '/etc/crm360/crm360.conf';

# One assertion: a command succeeds. What it printed.
sub works {
    my ($command, $what) = @_;
    my ($code, $output) = $tree->run($command);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $code, 0, $what || $command or diag $output;
    return $output;
}

sub value { return $tree->value(@_) }
sub quietly { return ($tree->run(@_))[1] }

# How many contacts came in.
sub contacts {
    return value("sqlite3 -cmd '.timeout 5000' $DATABASE 'select count(*) from ContactIdentifiers'");
}

sub main_pid { return value("systemctl show -P MainPID $_[0]") }
sub spooled { return value("find /var/spool/crm360 -name '*.msg' | wc -l") }

# Our own lines go behind those of the package, which are comments.
sub configure {
    spew($tree->path('/root/mine'), <<"END");
Crm360Spool /var/spool/crm360 64M
<Crm360Database acme prod>
    Crm360DBDriver sqlite3
    Crm360DBParams "$DATABASE"
    Crm360Origin * networks 127.0.0.1 ::1
</Crm360Database>
END
    works("cat /root/mine >>$CONF", 'the configuration is written');
    return;
}

# Sends customers, each a new one, until it is told to stop; a line of /root/answers each: status, durability.
spew($tree->path('/root/load'), <<"END");
#!/bin/sh
while [ ! -e /root/stop ]; do
    number=\$((\$(cat /root/number 2>/dev/null || echo 0) + 1))
    echo \$number >/root/number
    curl -s -w ' %{http_code}' -H 'Content-Type: application/json' \\
        -d "{\\"id\\": \$number, \\"email\\": \\"c\$number\@example.org\\",
            \\"updated_at\\": \\"2026-03-02T10:15:27+01:00\\"}" \\
        "http://127.0.0.1$ROUTE?SourceId=1\$1" | tr -d '\\n' >>/root/answers
    echo >>/root/answers
    [ "\$2" != once ] || exit 0
    sleep 0.1
done
END
chmod 0755, $tree->path('/root/load');

# How many webhooks were answered, by status and durability: '200 memory' => 3.
sub answers {
    my %count;
    for (split /\n/, slurp($tree->path('/root/answers'))) {
        my ($status) = / (\d+)$/;
        my ($durability) = /"Durability":"(\w+)"/;
        $count{"$status " . ($durability // 'none')}++;
    }
    return \%count;
}

sub total { my ($count) = @_; my $sum = 0; $sum += $_ for values %$count; return $sum }

# ---- an httpd and a Redis that are there ----

works('apt-get -q -y install apache2 redis-server sqlite3 curl', 'httpd and Redis are installed, and run');
my $httpd = main_pid('apache2');
cmp_ok $httpd, '>', 1, 'httpd runs';

# ---- installation ----

my $output = works('apt-get -q -y install /root/older/*.deb', 'the packages are installed');
unlike $output, qr/warning|error/i, '  and nobody complains';
is value('systemctl is-active crm360d'), 'active', 'crm360d runs, without a database yet';
is value('systemctl is-enabled crm360d'), 'enabled', '  and will after the next boot';
is value('systemctl show -P Type crm360d'), 'notify', '  it says itself that it is ready';
is quietly('a2query -q -m crm360_webhook || echo no'), "no\n", 'the module is not enabled by itself';
is main_pid('apache2'), $httpd, 'httpd was not restarted';
is value("stat -c '%a %U:%G' $_->[0]"), $_->[1], "$_->[0]: $_->[1]"
    for ['/etc/crm360', '755 root:root'], [$CONF, '644 root:root'], ['/var/lib/crm360', '750 crm360:crm360'],
    ['/var/spool/crm360', '2770 crm360:crm360-spool'];
is value('id -Gn www-data'), 'www-data crm360-spool', "httpd's children may write the spool";
is value('getent passwd crm360 | cut -d: -f 6-'), '/var/lib/crm360:/usr/sbin/nologin', 'nobody logs in as crm360';
works('zcat $(dpkg -L crm360-common | grep crm360.conf.5) | grep -q /usr/share/doc/crm360/security.txt',
    'the manual names the documents where they are');
works("ls $_", "$_ is there") for map { "/usr/share/doc/crm360/$_" } qw(queue.txt errors.txt README.md crm360.conf);

# The unit: no complaint, and how exposed systemd finds it, of 10.
is quietly('systemd-analyze verify --man=no crm360d.service'), '', 'systemd-analyze verify has nothing to say';
my ($exposure) = quietly('systemd-analyze security --no-pager crm360d.service') =~ /exposure level .*?: ([\d.]+)/;
cmp_ok $exposure, '<=', 2, "systemd-analyze security: exposure $exposure of 10";

# ---- configured and enabled ----

configure();
works('runuser -u crm360 -- crm360d -t', 'crm360d -t');
works('runuser -u crm360 -- crm360ctl migrate', 'the database is made');
works('a2enmod crm360_webhook && apachectl configtest && apachectl graceful',
    'the module is enabled in an httpd that runs without it');
works('systemctl reload crm360d', 'crm360d reads the configuration again');
# httpd takes a moment: the old children answer 404 meanwhile.
wait_until {
    $tree->value("curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1$ROUTE'") == 400
} 10, 'the module answers';
is main_pid('apache2'), $httpd, 'httpd is the same';
works('/root/load "" once', 'a webhook');
is_deeply answers(), { '200 memory' => 1 }, '  gets its 200';
wait_until { contacts() == 1 } 10, '  and is worked off';
is value("stat -c '%a %U' $DATABASE"), '640 crm360', '  into a file that nobody else reads';

# ---- upgrade ----

works('for i in 1 2 3 4 5; do /root/load "&secondsOfInvisibility=20" once; done', 'five webhooks wait');
works('systemctl stop redis-server', 'Redis is stopped');
works('for i in 1 2 3; do /root/load "" once; done', 'three go to the spool');
is_deeply answers(), { '200 memory' => 6, '200 spool' => 3 }, '  and are acknowledged';
cmp_ok spooled(), '>=', 3, '  as files';
works('systemd-run --quiet --unit=load /root/load', 'and webhooks go on coming');

my $daemon = main_pid('crm360d');
$output = works('apt-get -q -y -o Dpkg::Options::=--force-confold install /root/new/*.deb',
    'the packages are upgraded');
is value('dpkg-query -W -f "\${Version} " crm360d crm360ctl crm360-common libapache2-mod-crm360-webhook'),
    '0.1.0 ' x 4, '  all of them';
is main_pid('apache2'), $httpd, '  httpd is the same';
isnt main_pid('crm360d'), $daemon, '  crm360d is another one';
is value('systemctl is-active crm360d'), 'active', '  and active, without Redis';
my $edited = value("tail -n 6 $CONF");
is $edited, value('tail -n 6 /root/mine'), '  the edited configuration is kept';
works("test -e $CONF.dpkg-dist", '  and the one of the package beside it');
wait_until { value("grep -c 'mod_crm360_webhook.so (deleted)' /proc/$httpd/maps || true") == 0 } 10,
    '  httpd has the new module';
my $before = total(answers());
wait_until { total(answers()) > $before + 5 } 10, 'webhooks still come';
works('systemctl start redis-server', 'Redis is back');
wait_until { spooled() == 0 } 20, 'the spool runs empty';
works('touch /root/stop', 'no more webhooks');
wait_until { value('systemctl is-active load || true') ne 'active' } 10, '  at all';
my $answers = answers();
is_deeply [grep { !/^200 (?:memory|spool)$/ } keys %$answers], [], 'every webhook was answered with 200';
wait_until { contacts() == total($answers) } 40, 'and each is in the database: ' . total($answers);

# ---- removal, purge ----

works('rm /root/stop /root/answers; systemctl stop redis-server', 'Redis is stopped again');
works('/root/load "" once; /root/load "" once', 'two webhooks');
is_deeply answers(), { '200 spool' => 2 }, '  are in the spool';
$output = works('apt-get -q -y remove libapache2-mod-crm360-webhook crm360d crm360ctl crm360-common',
    'the packages are removed');
is main_pid('apache2'), $httpd, '  httpd is the same';
is value("curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1$ROUTE'"), 404, '  and has no such module';
works('apachectl configtest', '  nor misses it');
is value('systemctl is-active crm360d || true'), 'inactive', '  crm360d has ended';
is value("tail -n 6 $CONF"), $edited, '  the configuration is there';
works("cp $CONF /root/kept", '  and is kept elsewhere');

works('mv /var/spool/crm360 /srv/spool && ln -s /srv/spool /var/spool/crm360', 'the spool is a link to elsewhere');
works('rm -rf /var/lib/crm360/outbox && ln -s /srv /var/lib/crm360/outbox', '  and so is the outbox');
$output = works('dpkg --purge libapache2-mod-crm360-webhook crm360d crm360ctl crm360-common', 'they are purged');
works('rm /var/spool/crm360 /var/lib/crm360/outbox && mv /srv/spool /var/spool/crm360', '  the spool is back');
like $output, qr{^/var/spool/crm360 is left: 2 messages that were acknowledged, and 0 set aside, are in it\.$}m,
    '  what was acknowledged is left, and said so';
like $output, qr{^/var/lib/crm360 is left.*\n(?:  outbox\n)?  acme-prod\.db$}m, '  and so is the database';
is spooled(), 2, '  the two files';
works("test ! -e /etc/crm360 && test ! -e /etc/apache2/mods-available/crm360_webhook.load", '  the rest is gone');
works('! ls /etc/apache2/mods-enabled | grep crm360', '  nothing of it is enabled');

# ---- and back ----

works('apt-get -q -y install /root/new/*.deb', 'they are installed again');
works("cp /root/kept $CONF && a2enmod crm360_webhook && apachectl configtest && apachectl graceful",
    'configured and enabled');
works('systemctl restart crm360d && systemctl start redis-server', 'and started');
wait_until { contacts() == total($answers) + 2 } 30, 'the two messages of before the purge are worked off';

# Removed and installed without a purge between: as before.
works('apt-get -q -y remove libapache2-mod-crm360-webhook', 'the module is removed');
works('apt-get -q -y install /root/new/libapache2-mod-crm360-webhook_*.deb', '  and comes back');
works('a2query -q -m crm360_webhook', '  enabled as it was');
wait_until {
    value("curl -s -o /dev/null -w '%{http_code}' 'http://127.0.0.1$ROUTE'") == 400
} 10, '  and answers';
is main_pid('apache2'), $httpd, '  httpd is still the same';

# With nothing left that anybody may miss, nothing is left.
works("systemctl stop crm360d && rm $DATABASE*", 'the administrator takes the database away');
$output = works('apt-get -q -y purge libapache2-mod-crm360-webhook crm360d crm360ctl crm360-common',
    'the packages are purged once more');
unlike $output, qr/is left/, '  and leave nothing';
is value('find /etc /var/lib /var/spool /usr /lib /run -path /var/lib/apt -prune -o -iname "*crm360*" -print'), '',
    '  anywhere';

my $errors = quietly('journalctl --no-pager -b -p err -u crm360d -u apache2 -o cat');
is join("\n", grep { !/CRM\d{4}/ } split /\n/, $errors), '', 'the journal holds no error without a code';
$tree->stop;
done_testing;
