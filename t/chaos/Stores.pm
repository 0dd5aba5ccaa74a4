# Faults of what things are stored in: the CRM database, and the spool.
package Stores;

use strict;
use warnings;

use Crm360::Chaos;
use Crm360::Test;
use Time::HiRes qw(sleep time);

# Another program holds the lock of a SQLite file.
sub lock_sqlite {
    my ($phase) = @_;
    my $site = $phase->site;

    do {
        $phase->pause(0.2, 0.5);
        $phase->broken(sub {
            my $mark = $site->dir . '/locked';

            unlink $mark;
            open my $pipe, '|-', 'sqlite3', '-cmd', '.timeout 10000', $site->database('acme/prod')
                or die "cannot run sqlite3: $!\n";
            syswrite $pipe, "begin immediate;\n.shell touch $mark\n";
            my $until = time + 15;
            while (!-e $mark) {
                die "no lock of the database\n" if time > $until;
                sleep 0.01;
            }
            $phase->pause(0.5, Crm360::Chaos::full() ? 8 : 2.5);
            syswrite $pipe, "rollback;\n";
            close $pipe or die "sqlite3 failed\n";
        });
    } while ($phase->going);
    return;
}

sub faults {
    return (
        { name => 'sqlite-locked', act => \&lock_sqlite, expect => [qr/CRM0313/] },
    );
}

1;
