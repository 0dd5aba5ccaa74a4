# The fault suite: servers are killed, stopped, stalled, filled up and locked while webhooks with serial
# numbers come in; every 2xx has its effect once, not early, and not late. Here each fault has a short
# time; `make -f Makefile.apxs chaos` gives it more. The faults are in t/chaos.
# Plain builds only: its subject is what ends well, and t/41, t/51 and t/54 run the same code.
use strict;
use warnings;

use lib 't/lib', 't/chaos';
use Crm360::Chaos;
use Crm360::Test;
use Test::More;

use Messages;
use Processes;
use RedisFaults;
use Stores;

Crm360::Chaos::run_all(Processes::faults(), RedisFaults::faults(), Stores::faults(),
    Messages::faults());
done_testing;
