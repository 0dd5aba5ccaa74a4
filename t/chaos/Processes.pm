# Faults of processes: SIGKILL and SIGSTOP for workers, masters, httpd's children and Redis.
package Processes;

use strict;
use warnings;

use Crm360::Chaos;
use Crm360::Test;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

# SIGKILL for any of the workers, now and then for all of them. Not so often that all of them die within a
# second of their start, again and again: the master takes that for something that keeps them from
# starting, and waits longer each time.
sub kill_workers {
    my ($phase) = @_;

    while ($phase->going) {
        $phase->pause(0.2, 1);
        my @workers = $phase->children($phase->site->{consumer}) or next;
        $phase->broken(sub { kill 'KILL', rand() < 0.15 ? @workers : $phase->any(@workers) });
    }
    return;
}

# SIGKILL for the master, alone or with its workers; the next one is started at once.
sub kill_master {
    my ($phase) = @_;
    my $site = $phase->site;

    while ($phase->going) {
        $phase->pause(0.2, 0.8);
        $phase->broken(sub {
            $site->kill_consumer(group => rand() < 0.5);
            $site->start_consumer;
        });
    }
    return;
}

sub kill_httpd_children {
    my ($phase) = @_;

    while ($phase->going) {
        $phase->pause(0.2, 0.6);
        my @children = $phase->children($phase->site->{httpd}) or next;
        $phase->broken(sub { kill 'KILL', rand() < 0.2 ? @children : $phase->any(@children) });
    }
    return;
}

sub kill_redis {
    my ($phase) = @_;
    my $site = $phase->site;

    while ($phase->going) {
        $phase->pause(0.2, 0.8);
        $phase->broken(sub {
            $site->kill_redis;
            sleep rand 0.3;
            $site->start_redis;
        });
    }
    return;
}

# A worker stands still for longer than its lease, and its master notices.
sub stop_worker {
    my ($phase) = @_;

    do {
        my $worker = $phase->child($phase->site->{consumer});

        $phase->broken(sub {
            kill 'STOP', $worker;
            sleep 3.5; # the lease is 3 s
            kill 'CONT', $worker;
        });
        $phase->pause(0.3, 0.6);
    } while ($phase->going);
    return;
}

# A second crm360d beside that of the site, as on another host.
sub second_consumer {
    my ($site) = @_;
    my $pidfile = $site->dir . '/second.pid';
    my $second = $site->_spawn('second', {},
        $site->consumer_command('-f', '-p', $pidfile, '-l', $site->dir . '/log/second.log'));

    $site->_ready($second, sub { -s $pidfile });
    return $second;
}

# Who holds a message: the process id in the name of the worker.
sub holder {
    my ($site, $id) = @_;
    my $claim = $site->redis('HGET', $site->key('acme/prod', 'claims'), $id) or return 0;
    return decode_json($claim)->{worker} =~ m{/(\d+)\.\d+$} ? $1 : 0;
}

# A whole crm360d stands still in the middle of a handler for longer than its lease, and another one takes
# over. When the worker of the first goes on, before its master can notice, the effect is no longer its to
# commit.
sub stop_consumer {
    my ($phase) = @_;
    my $site = $phase->site;
    my $rounds = 0;

    do {
        my $serial = 'stopped-' . ++$rounds;
        my ($id, $worker, $second);

        $phase->broken(sub {
            $id = $site->push_order("effect $serial 600");
            wait_until { $worker = holder($site, $id) } 10, 'a slow message is claimed';
            return if !$worker;
            kill 'STOP', $site->{consumer}->pid, $worker;
            $second = second_consumer($site);
            wait_until { my $now = holder($site, $id); $now && $now != $worker } 15,
                'its lease expires, and another crm360d has it';
            kill 'CONT', $worker;
            $site->wait_log('crm360d', qr/CRM0312/, 10, 'the first may not commit');
            kill 'CONT', $site->{consumer}->pid;
            wait_until { $site->value('acme/prod',
                "select count(*) from Effects where Serial = '$serial'") } 15, 'it is done';
        });
        wait_until { !defined $site->redis('ZSCORE', $site->key('acme/prod', 'live'), $id) } 15,
            'and leaves the queue';
        is $second->stop, 0, 'the second crm360d ends well';
        is $site->value('acme/prod', "select count(*) from Effects where Serial = '$serial'"), 1,
            'once';
    } while ($phase->going);
    return;
}

sub faults {
    return (
        { name => 'kill-workers', act => \&kill_workers, expect => \@Crm360::Chaos::KILLED },
        { name => 'kill-master', act => \&kill_master, expect => \@Crm360::Chaos::KILLED },
        { name => 'kill-httpd-children', act => \&kill_httpd_children, expect => [qr/AH00052/] },
        { name => 'kill-redis', act => \&kill_redis, expect => \@Crm360::Chaos::REDIS_AWAY,
            keeps => 1 },
        { name => 'stop-worker', act => \&stop_worker, seconds => [1, 15],
            expect => [@Crm360::Chaos::KILLED, qr/CRM0312/, qr/CRM0313/] },
        { name => 'stop-crm360d', act => \&stop_consumer, seconds => [0, 15],
            load => { databases => ['beta/shop'] },
            expect => [@Crm360::Chaos::KILLED, qr/CRM0312/, qr/CRM0313/] },
    );
}

1;
