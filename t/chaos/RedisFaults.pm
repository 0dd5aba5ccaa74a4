# Faults of Redis: it is restarted, stalls, loads, is full, cannot save, is read-only, and forgets its
# scripts and connections.
package RedisFaults;

use strict;
use warnings;

use Crm360::Chaos;
use Crm360::Redis;
use Crm360::Test;
use Time::HiRes qw(sleep time);

my @AWAY = @Crm360::Chaos::REDIS_AWAY;

# Repeats a fault of random length: breaks with `break`, mends with `mend`.
sub on_and_off {
    my ($phase, $break, $mend, $least, $most) = @_;

    do {
        $phase->pause(0.2, 0.6);
        $phase->broken(sub {
            $break->($phase->site);
            $phase->pause($least, $most);
            $mend->($phase->site);
        });
    } while ($phase->going);
    $phase->pause(0.3, 0.4);
    return;
}

sub restart {
    my ($phase) = @_;

    on_and_off($phase, sub { $_[0]->stop_redis }, sub { $_[0]->start_redis }, 0, 0.6);
    return;
}

# It answers nothing, and then everything at once.
sub stall {
    my ($phase) = @_;

    on_and_off($phase, sub {
        my $client = Crm360::Redis->connect($_[0]->redis_socket, 30);
        $client->command('DEBUG', 'SLEEP', 0.4 + rand 1);
    }, sub { }, 0, 0.01);
    return;
}

# It starts, and for about a second refuses everything, because it reads its file.
sub load {
    my ($phase) = @_;
    my $settings = $phase->site->{redis_settings};

    on_and_off($phase, sub {
        my ($site) = @_;
        my ($calls) = $site->redis('INFO', 'stats') =~ /^total_commands_processed:(\d+)/m;

        $site->stop_redis;
        $site->{redis_settings} = $settings . sprintf "key-load-delay %d\n"
            . "loading-process-events-interval-bytes 1024\n", 1 + 500_000 / ($calls || 1);
        $site->start_redis;
        $site->{redis_settings} = $settings;
        $site->redis('CONFIG', 'SET', 'key-load-delay', 0);
    }, sub { }, 0, 0.01);
    return;
}

sub setting { return $_[0]->redis('CONFIG', 'GET', $_[1])->[1] }

sub fill_memory {
    my ($phase) = @_;
    my $most = setting($phase->site, 'maxmemory');

    on_and_off($phase, sub { $_[0]->redis('CONFIG', 'SET', 'maxmemory', 1) },
        sub { $_[0]->redis('CONFIG', 'SET', 'maxmemory', $most) }, 0.3, 0.8);
    return;
}

# Saves now, and waits for what became of it.
sub save {
    my ($site, $outcome) = @_;
    my $until = time + 20;

    $site->redis('BGSAVE');
    while ($site->redis('INFO', 'persistence') !~ /rdb_last_bgsave_status:$outcome/
        || $site->redis('INFO', 'persistence') =~ /rdb_bgsave_in_progress:1/) {
        die "saving does not end as $outcome\n" if time > $until;
        sleep 0.02;
    }
    return;
}

# Its snapshots cannot be written (a folder is where the file should be): it refuses writes.
sub fail_to_save {
    my ($phase) = @_;
    my $file = $phase->site->dir . '/redis/dump.rdb';

    on_and_off($phase, sub {
        my ($site) = @_;
        unlink $file;
        mkdir $_ or die "$_: $!\n" for $file, "$file/x";
        $site->redis('CONFIG', 'SET', 'save', '3600 1000000');
        save($site, 'err');
    }, sub {
        my ($site) = @_;
        rmdir $_ or die "$_: $!\n" for "$file/x", $file;
        save($site, 'ok');
    }, 0.3, 0.8);
    return;
}

# It becomes the replica of a server that is not there.
sub read_only {
    my ($phase) = @_;

    on_and_off($phase, sub { $_[0]->redis('REPLICAOF', '127.0.0.1', 1) },
        sub { $_[0]->redis('REPLICAOF', 'NO', 'ONE') }, 0.3, 0.8);
    return;
}

# Operators do such things, and nobody should notice.
sub forget {
    my ($phase) = @_;

    on_and_off($phase, sub {
        my ($site) = @_;
        $site->redis('SCRIPT', 'FLUSH') if rand() < 0.7;
        $site->redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') if rand() < 0.5;
        $site->redis('CLIENT', 'KILL', 'TYPE', 'pubsub') if rand() < 0.5;
    }, sub { }, 0, 0.01);
    return;
}

sub faults {
    return (
        { name => 'restart-redis', act => \&restart, expect => [@AWAY], keeps => 1 },
        { name => 'stall-redis', act => \&stall, redis => "enable-debug-command yes\n",
            expect => [@AWAY], keeps => 1 },
        { name => 'loading-redis', act => \&load, expect => [@AWAY], keeps => 1 },
        { name => 'redis-maxmemory', act => \&fill_memory, keeps => 1,
            expect => [@AWAY, qr/WARNING: the new maxmemory value/, qr/CRM0365/] },
        { name => 'redis-misconf', act => \&fail_to_save, keeps => 1,
            expect => [@AWAY, qr/Background saving error|Error moving temp DB file|Failed.*rdb/] },
        { name => 'redis-read-only', act => \&read_only, keeps => 1,
            expect => [@AWAY, qr/CRM0366/, qr/^redis: .*(?:SYNC|MASTER|REPLICA|replica|master)/] },
        { name => 'redis-forgets', act => \&forget, expect => [@AWAY] },
    );
}

1;
