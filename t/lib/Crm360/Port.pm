# Ports of 127.0.0.1 for the servers of tests, below those that the kernel gives to whoever connects somewhere
# (ip_local_port_range begins at 32768): nobody takes the port of a server that is down until it is up again.
package Crm360::Port;

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;

our @EXPORT_OK = qw(free_port);

my %given;

sub _is_free {
    my ($port) = @_;
    return defined IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port);
}

# A port that is free now, and was not given to this process before. Somebody else may take it: users try again. With
# `bus` one above 10000 for a server of a Redis Cluster: port + 10000, its bus, is free too.
sub free_port {
    my ($bus) = @_;

    for (1 .. 200) {
        my $port = $bus ? 10_000 + int rand 12_000 : 2000 + int rand 8000;

        next if $given{$port} || !_is_free($port) || $bus && !_is_free($port + 10_000);
        $given{$port} = 1;
        return $port;
    }
    die "no free port\n";
}

1;
