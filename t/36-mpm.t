# The module under each MPM: webhooks one by one and at once, a graceful restart under load, a full
# restart, and the end.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(sleep time);

# Posts `count` webhooks each from `callers` processes; the number of answers that were 200.
sub load {
    my ($site, $callers, $count, $meanwhile) = @_;
    my $path = $site->url('Shopify/Order/Insert', SourceId => 1);
    my ($good, @pipes) = (0);

    for (1 .. $callers) {
        my $pid = open my $pipe, '-|';
        die "cannot fork: $!" unless defined $pid;
        if (!$pid) {
            my $mine = 0;
            delete $site->{http};
            for (1 .. $count) {
                my $answer = $site->request('POST', $path, content => 'x' x 200,
                    headers => { Connection => 'close' });
                $mine++ if $answer->{status} == 200;
                print STDERR "# $answer->{status} $answer->{content}\n" if $answer->{status} != 200;
            }
            print "$mine\n";
            close STDOUT;
            POSIX::_exit(0);
        }
        push @pipes, $pipe;
    }
    $meanwhile->() if $meanwhile;
    $good += readline $_ for @pipes;
    close $_ for @pipes;
    return $good;
}

sub generation { return scalar(() = $_[0]->log_text('httpd-error') =~ /resuming normal operations/g) }

for my $mpm (qw(event worker prefork)) {
    my $site = Crm360::Test->new(mpm => $mpm);
    my $queued = sub { $site->redis('ZCARD', $site->key('acme/prod', 'live')) };

    $site->start_redis;
    $site->start_httpd;
    is $site->post_fixture('shopify/customer-insert.json')->{status}, 200, "$mpm: takes a webhook";
    # The first children answer before their parent has said so.
    wait_until { $site->log_text('httpd-error') =~ /\[mpm_$mpm:notice\]/ } 10, "$mpm: is the MPM that runs";
    is load($site, 8, 20), 160, "$mpm: many at once";
    is $queued->(), 161, "$mpm: all are queued";

    # Graceful: the module is unloaded and loaded again, its shared memory made anew, no caller notices.
    my $before = generation($site);
    is load($site, 6, 60, sub {
        sleep 0.1;
        $site->{httpd}->signal('USR1');
    }), 360, "$mpm: a graceful restart under load: no caller notices";
    wait_until { generation($site) > $before } 10, "$mpm: it did restart";
    is $queued->(), 521, "$mpm: all are queued, once";

    # Full restart: connections are cut, httpd comes back and works.
    $before = generation($site);
    $site->{httpd}->signal('HUP');
    delete $site->{http};
    wait_until { generation($site) > $before } 10, "$mpm: a full restart";
    wait_until { $site->post_fixture('shopify/order-insert.json')->{status} == 200 } 10,
        "$mpm: works after it";

    # What the children know of Redis is shared and survives neither restart wrongly.
    $site->expect_log(qr/CRM0101/);
    $site->stop_redis;
    is load_status($site), '503', "$mpm: Redis away: 503";
    $before = generation($site);
    $site->{httpd}->signal('USR1');
    wait_until { generation($site) > $before } 10, "$mpm: a restart while Redis is away";
    is load_status($site), '503', "$mpm: still 503";
    $site->start_redis;
    wait_until { load_status($site) eq '200' } 3, "$mpm: Redis is back: 200";
    $site->finish;
}

sub load_status {
    my ($site) = @_;
    delete $site->{http};
    return $site->post($site->url('Shopify/Order/Insert', SourceId => 1), '{}')->{status};
}
done_testing;
