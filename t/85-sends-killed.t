# SMS through a gateway while workers, and now and then all of crm360d, are killed at random between any
# two steps: none is sent twice, none is lost, and each of which nobody knows is a dead letter that says
# so. CRM360_SENDS=10000 sends as many (default 800), CRM360_SEED repeats the choice of whom to kill.
# Plain builds only: its subject is chance; t/81 runs its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Test;
use JSON::PP;
use List::Util qw(sum0);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $count = $ENV{CRM360_SENDS} || (fast() ? 800 : 200);
my $callers = 4;
my $seed = $ENV{CRM360_SEED} ||= 1 + int(time * 1000) % 1_000_000;
srand $seed;
diag "CRM360_SEED=$seed";

my $site = Crm360::Test->new(
    appendonly => 1,
    settings => "Crm360Workers live 1\nCrm360Workers send 4\n"
        . 'Crm360RetrySchedule' . ' 100ms' x 20 . "\n",
);
spew($site->dir . '/key', "secret\n");
chmod 0640, $site->dir . '/key';
# Of a hundred calls one is heard and not answered, one is reset before it is read.
my $gateway = Crm360::Gateway->start(folder => $site->dir,
    answers => sub {
        my ($request) = @_;
        return { how => $request->{number} % 2 ? 'close' : 'reset' } if $request->{number} % 97 == 0;
        return { body => "OK 1$request->{number}" };
    },
    connect => sub { $_[0] % 101 == 0 });
$site->{databases}{'acme/prod'} = '    Crm360SmsGateway smsbox url=' . $gateway->url . ' secret='
    . $site->dir . "/key\n";
$site->write_conf;
$site->expect_log(qr/CRM0322/, qr/CRM0311: .*: uncertain: /, qr/CRM0380/, qr/CRM0310/);
$site->start;

# ---- the commands ----

# Each caller is a process; it prints the ids it was given.
sub send_some {
    my ($caller) = @_;
    my $pid = open my $pipe, '-|';

    die "cannot fork: $!\n" unless defined $pid;
    return $pipe if $pid;
    for my $serial (grep { $_ % $callers == $caller } 1 .. $count) {
        my $answer = $site->post($site->url('Crm360/Sms/Send', SourceId => 1), encode_json({
            MobilePhoneNumber => sprintf('06%08d', $serial), MobilePhoneCountryIso3 => 'FRA',
            Message => "Message $serial", Crm360EventChannelId => '1', Crm360EventCategoryId => '1',
        }));
        print $answer->{json}{MessageId} || 'refused', "\n";
    }
    close STDOUT;
    POSIX::_exit(0);
}

my @pipes = map { send_some($_) } 0 .. $callers - 1;

# ---- the killer ----

my ($killed, $restarts) = (0, 0);
sub workers {
    my $master = $site->{consumer}->pid;
    return split ' ', `pgrep -P $master`;
}

# How many are neither sent nor dead.
sub left {
    return sum0 map { $site->redis('ZCARD', $site->key('acme/prod', $_)) } qw(send live batch);
}

my (@ids, $until);
sub kill_somebody {
    sleep 0.1 + rand 0.4;
    if (rand() < 0.03) {
        $site->kill_consumer(group => rand() < 0.5);
        $site->start_consumer;
        $restarts++;
        return;
    }
    my @workers = workers() or return;
    kill 'KILL', rand() < 0.1 ? @workers : $workers[rand @workers];
    $killed++;
    return;
}

# Until the callers are done and the queue is empty; reading a pipe that is done costs nothing.
$until = time + 60 + $count / 20;
my %open = map { fileno($_) => $_ } @pipes;
while (time < $until && (%open || left() > 0)) {
    kill_somebody();
    for my $pipe (values %open) {
        my $bits = '';
        vec($bits, fileno $pipe, 1) = 1;
        while (select(my $ready = $bits, undef, undef, 0)) {
            my $got = sysread $pipe, my $text, 65536;
            push @ids, split /\n/, $text if $got;
            next if $got;
            delete $open{fileno $pipe};
            last;
        }
    }
}
wait_until { left() == 0 } 30, 'the queue is worked off';
note "$killed workers were killed, crm360d was ended $restarts times";
cmp_ok $killed, '>', 5, 'workers were killed';

# ---- the account ----

my %known = map { $_ => 1 } grep { $_ ne 'refused' } @ids;
is scalar keys %known, $count, 'all commands were accepted';

my %heard; # message id => how often the gateway has heard it
for my $request (grep { $_->{whole} } $gateway->requests) {
    my ($id) = $request->{body} =~ /(\w{26}-Crm360-Sms-Send)/;
    $heard{ $id // 'without an id' }++;
}
is scalar(grep { !$known{$_} } keys %heard), 0, 'the gateway heard of no other message';
my @twice = grep { $heard{$_} > 1 } keys %heard;
is scalar @twice, 0, 'none was sent twice' or diag join "\n", @twice[0 .. (@twice > 5 ? 4 : $#twice)];

my %state = map { $_->{MessageId} => $_ } $site->sql('acme/prod', 'select MessageId, State, Reference from WebhookSends');
my %dead = map { $_ => 1 } @{ $site->redis('ZRANGE', $site->key('acme/prod', 'dead'), 0, -1) };
my ($code, $listed) = $site->run(build() . '/crm360ctl', '-c', $site->conf, 'dead', 'list', 'acme/prod',
    '--reason', 'uncertain: ');
my %listed = map { /^(\S+)\t/ ? ($1 => 1) : () } split /\n/, $listed;

my @lost = grep { !$heard{$_} && !$listed{$_} } keys %known;
is scalar @lost, 0, 'none is lost: the gateway has heard it, or it is listed as uncertain'
    or diag join "\n", map { "$_ " . ($state{$_}{State} // 'no row') } @lost[0 .. (@lost > 5 ? 4 : $#lost)];
is_deeply [sort keys %listed], [sort keys %dead], 'each uncertain one is listed, and nothing else is dead';
is scalar(grep { $state{$_}{State} ne ($listed{$_} ? 'uncertain' : 'sent') } keys %known), 0,
    'and the table says the same of each';
is scalar(grep { !$listed{$_} && !$state{$_}{Reference} } keys %known), 0, 'each sent one has its reference';
is $site->value('acme/prod', 'select count(*) from WebhookInbox'), $count - keys %listed,
    'and is in the inbox';
cmp_ok scalar keys %listed, '>', 0, 'some were uncertain: ' . keys(%listed) . " of $count";
my $unheard = grep { !$heard{$_} } keys %listed;
note "of the uncertain ones the gateway has heard " . (keys(%listed) - $unheard) . ", not $unheard";

# ---- a person decides ----

my ($one) = sort keys %listed;
my $before = $heard{$one} // 0;
my @redrive = (build() . '/crm360ctl', '-c', $site->conf, 'dead', 'redrive', 'acme/prod');
($code, my $said) = $site->run(@redrive, '--all');
is $code, 0, 'redriving all';
like $said, qr/ 0 of \d+ dead letters redriven; ${\ scalar keys %listed} may have been sent and stay/,
    'leaves what may have been sent';
($code, $said) = $site->run(@redrive, '--id', $one);
is $code, 1, 'also when it is named';
like $said, qr/\Q$one\E may have been sent; --resend sends it again/, 'and says how it is sent again';
# Well again: the one sending that is looked at must not be among those it resets.
delete $gateway->{connect};
$gateway->answers({ body => 'OK 77' });
($code, $said) = $site->run(@redrive, '--id', $one, '--resend');
is $code, 0, 'with --resend' or diag $said;
wait_until { $site->value('acme/prod', "select State from WebhookSends where MessageId = '$one'") eq 'sent' } 20,
    'it is sent';
is scalar(grep { $_->{whole} && $_->{body} =~ /\Q$one\E/ } $gateway->requests), $before + 1, 'once more';
$site->done;
