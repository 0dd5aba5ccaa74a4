# Faults of what things are stored in: the CRM database, and the spool. And all faults together.
package Stores;

use strict;
use warnings;

use Crm360::Chaos;
use Crm360::Test;
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep time);

# Another program holds the lock of a SQLite file.
sub hold_lock {
    my ($site, $seconds) = @_;
    my $mark = $site->dir . '/locked';
    my $until = time + 20;

    unlink $mark;
    open my $pipe, '|-', 'sqlite3', '-cmd', '.timeout 15000', $site->database('acme/prod')
        or die "cannot run sqlite3: $!\n";
    syswrite $pipe, "begin immediate;\n.shell touch $mark\n";
    while (!-e $mark) {
        die "no lock of the database\n" if time > $until;
        sleep 0.01;
    }
    sleep $seconds;
    syswrite $pipe, "rollback;\n";
    close $pipe or die "sqlite3 failed\n";
    return;
}

sub lock_sqlite {
    my ($phase) = @_;
    my $most = Crm360::Chaos::full() ? 8 : 2;

    do {
        $phase->pause(0.2, 0.5);
        $phase->broken(sub { hold_lock($phase->site, 0.5 + rand $most) });
    } while ($phase->going);
    return;
}

# Redis is away for so long that the spool has no room left: callers hear 503, and send again.
sub fill_spool {
    my ($phase, $load) = @_;
    my $site = $phase->site;

    do {
        $phase->pause(0.2, 0.5);
        $phase->broken(sub {
            my $from = time * 1000;

            $site->stop_redis;
            wait_until {
                sleep 0.1;
                grep { $_->{status} == 503 && $_->{asked} > $from } $load->tries;
            } 20, 'the spool takes no more';
            $phase->pause(0.2, 0.4);
            $site->start_redis;
            wait_until { Crm360::Spool::files($site) == 0 } 20, 'and is emptied';
        });
    } while ($phase->going);
    $phase->pause(0.3, 0.4);
    return;
}

sub was_full {
    my ($phase, $tries) = @_;

    cmp_ok scalar(grep { $_->{status} == 503 } @$tries), '>', 0, 'some callers heard 503';
    cmp_ok scalar(grep { $_->{durability} eq 'spool' } @$tries), '>', 0, 'others were spooled';
    return;
}

# ---- a disk that is full ----

my $OWNER = $$;
my $disk;

# A file system of 256 kB; nothing where none may be mounted.
sub mount_disk {
    return $disk if $disk;
    return if $>;
    my $folder = tempdir('crm360-disk-XXXXXX', DIR => '/tmp', CLEANUP => 0);

    if (system "mount -t tmpfs -o size=256k,mode=0770 crm360-test $folder 2>/dev/null") {
        rmdir $folder;
        return;
    }
    return $disk = $folder;
}

END {
    my $status = $?;
    if ($disk && $$ == $OWNER) {
        system 'umount', '-l', $disk;
        rmdir $disk;
    }
    $? = $status;
}

# ---- everything together ----

my @TROUBLES = (
    sub { kill 'KILL', $_[0]->child($_[0]->site->{consumer}) },
    sub { kill 'KILL', $_[0]->child($_[0]->site->{httpd}) },
    sub { $_[0]->site->kill_consumer(group => rand() < 0.5); $_[0]->site->start_consumer },
    sub {
        $_[0]->site->kill_redis;
        sleep rand 0.5;
        # With Redis away: the spool and its drain are hit too.
        if (rand() < 0.5) {
            $_[0]->site->kill_consumer(group => 1);
            $_[0]->site->start_consumer;
        }
        $_[0]->site->start_redis;
    },
    sub { $_[0]->site->redis('SCRIPT', 'FLUSH') },
    sub { hold_lock($_[0]->site, rand 1) },
    sub { $_[0]->site->{httpd}->signal('USR1') },
);

sub storm {
    my ($phase) = @_;

    while ($phase->going) {
        $phase->pause(0.05, 0.4);
        $phase->broken(sub { $TROUBLES[rand @TROUBLES]->($phase) });
    }
    return;
}

sub faults {
    return (
        { name => 'sqlite-locked', act => \&lock_sqlite, expect => [qr/CRM0313/] },
        { name => 'spool-full', act => \&fill_spool, spool => '256K', verify => \&was_full,
            seconds => [0, 15], expect => [@Crm360::Chaos::REDIS_AWAY, qr/CRM0111/] },
        { name => 'spool-disk-full', act => \&fill_spool, spool_folder => \&mount_disk,
            verify => \&was_full, seconds => [0, 15],
            skip => sub { mount_disk() ? '' : 'no file system may be mounted here' },
            expect => [@Crm360::Chaos::REDIS_AWAY, qr/CRM0112/] },
        { name => 'everything', act => \&storm, seconds => [5, 60],
            expect => [@Crm360::Chaos::REDIS_AWAY, @Crm360::Chaos::KILLED, qr/AH00052|AH03490/,
                qr/CRM031[23]/] },
    );
}

1;
