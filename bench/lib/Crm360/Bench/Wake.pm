# The part "wake": how long it takes from a webhook that is sent to a crm360d with nothing else to do until its handler
# begins, and until the caller has his answer; and how long httpd and crm360d take to start.
package Crm360::Bench::Wake;

use strict;
use warnings;

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Crm360::Bench::Figures qw(median);
use Crm360::Bench::Site;
use Crm360::Bench::Usage qw(processes name_of memory_kb);
use Crm360::Process;
use Crm360::Test;

my $DATABASE = 'acme/prod';
my $ROUTE = 'Adictiz/User/Participate';
my $PATIENCE = 20; # for a start, s

sub settings {
    my ($option) = @_;
    return (rounds => 1, messages => 10) if $option->{quick};
    return (rounds => $option->{rounds} || 5, messages => 100);
}

sub about {
    my ($own) = @_;
    return "$own->{rounds} rounds of $own->{messages} webhooks, one after the other; and $own->{rounds} starts of each";
}

sub figures {
    return (
        { id => 'begins.p50', title => 'sent -> handler begins', column => 'p50', unit => 'ms' },
        { id => 'begins.p99', title => 'sent -> handler begins', column => 'p99', unit => 'ms' },
        { id => 'answer.p50', title => 'sent -> answer', column => 'p50', unit => 'ms' },
        { id => 'answer.p99', title => 'sent -> answer', column => 'p99', unit => 'ms' },
        { id => 'httpd.bare', title => 'httpd without the module: first answer', unit => 'ms' },
        { id => 'httpd.module', title => 'httpd with it: first answer', unit => 'ms' },
        { id => 'crm360d', title => 'crm360d: a waiting message is done', unit => 'ms' },
        (map { { id => "memory.$_", title => "crm360d after its start: $_", unit => 'MB resident' } }
            qw(master keeper worker)),
    );
}

# ---- wake-up ----

# One webhook over a kept connection; when it was sent and when it was answered.
sub _send {
    my ($site, $socket, $serial) = @_;
    my $body = "clock $serial 0";
    my $request = join "\r\n", 'POST ' . $site->url($ROUTE, SourceId => 1) . ' HTTP/1.1', 'Host: 127.0.0.1',
        'Content-Type: application/json', "Idempotency-Key: $serial", 'Content-Length: ' . length $body, '', $body;
    my ($answer, $sent) = ('', time);

    syswrite $socket, $request;
    sysread $socket, $answer, 65536 or die "httpd closed the connection\n";
    my $answered = time;
    die "no 200: $answer\n" if $answer !~ m{^HTTP/1.1 200 };
    return ($sent, $answered);
}

sub _percentile { my ($share, @values) = @_; return (sort { $a <=> $b } @values)[int($share * $#values + 0.5)] }

# Webhooks one after the other, each when the one before is done.
sub _wake {
    my ($site, $own, $round) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $site->{port}) or die "httpd: $!\n";
    my $done = sub { $site->redis('HGET', $site->key($DATABASE, 'counters'), 'done') || 0 };
    my $before = $done->();
    my (%sent, @answer);

    for my $number (1 .. $own->{messages}) {
        my ($sent, $answered) = _send($site, $socket, "$round-$number");
        $sent{"$round-$number"} = $sent;
        push @answer, 1000 * ($answered - $sent);
        $site->await("message $number", sub { $done->() >= $before + $number });
        sleep 0.002 + rand 0.01;
    }
    my @begins = map { $_->{RanAt} / 1000 - 1000 * $sent{ $_->{Serial} } }
        $site->sql($DATABASE, "select Serial, RanAt from Effects where Serial like '$round-%'");
    return map { my ($name, $values) = @$_;
        ("$name.p50" => _percentile(0.5, @$values), "$name.p99" => _percentile(0.99, @$values)) }
        [begins => \@begins], [answer => \@answer];
}

# ---- starts ----

# Milliseconds until the condition is true, from before the start of a program. Ends it.
sub _start {
    my ($site, $name, $command, $condition, $gently) = @_;
    my $began = time;
    my $process = Crm360::Process->start(name => $name, command => $command, gently => $gently,
        output => $site->dir . "/log/$name.out", env => { LC_ALL => 'C' });
    my ($took, $more);

    until ($more = $condition->($process)) {
        die "$name does not start:\n" . slurp($site->dir . "/log/$name.out")
            if time > $began + $PATIENCE || defined $process->status;
        sleep 0.0005;
    }
    $took = 1000 * (time - $began);
    $more->() if ref $more;
    $process->stop;
    return $took;
}

# Whether httpd answers.
sub _answers {
    my ($port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return 0;
    my $answer = '';

    syswrite $socket, "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    return sysread($socket, $answer, 65536) && $answer =~ m{^HTTP/1.1 200 };
}

# httpd with and without the module.
sub _start_httpd {
    my ($site, $with) = @_;
    my $port = free_port();
    local $site->{port} = $port;
    my $text = $site->httpd_conf;
    my $file = $site->dir . '/started.conf';

    if (!$with) {
        $text =~ s/^LoadModule crm360_webhook_module .*\n//m;
        $text =~ s/^Include .*\n//m;
        $text =~ s{^<Location.*?^</Location>\n}{}ms;
    }
    $text =~ s{httpd\.pid}{started.pid};
    spew($file, $text);
    return _start($site, 'started', [Crm360::Httpd::program(), '-f', $file, '-DFOREGROUND'],
        sub { _answers($port) }, 'WINCH');
}

# crm360d until a message that waited is done; and what its processes take then.
sub _start_consumer {
    my ($site, $memory) = @_;
    my $key = $site->key($DATABASE, 'counters');
    my $before = $site->redis('HGET', $key, 'done') || 0;

    $site->post($site->url($ROUTE, SourceId => 1), 'done', { 'Idempotency-Key' => 'start-' . time });
    return _start($site, 'crm360d', [$site->consumer_command('-f', '-l', $site->dir . '/log/crm360d.log')], sub {
        my ($process) = @_;
        return if ($site->redis('HGET', $key, 'done') || 0) == $before;
        return sub {
            for my $pid (processes($process->pid)) {
                my $name = $pid == $process->pid ? 'master' : name_of($pid) =~ /keeper/ ? 'keeper' : 'worker';
                my $mb = (memory_kb($pid) || 0) / 1024;
                $memory->{"memory.$name"} = $mb if $mb > ($memory->{"memory.$name"} || 0);
            }
        };
    });
}

sub measure {
    my ($figures, $own) = @_;
    my $site = Crm360::Bench::Site->new(consumer_program => 't/crm360d_faulty', server => $Crm360::Bench::Site::HTTPD);

    $site->start_redis;
    $site->migrate;
    $site->start_httpd;
    $site->sql($DATABASE, 'create table Effects (Serial, MessageId, RanAt)');
    $site->start_consumer;
    for my $round ($own->{first_round} .. $own->{rounds}) {
        my %is = _wake($site, $own, $round);
        $figures->add('wake', %is) if $round;
    }
    $site->stop_consumer;
    for my $round ($own->{first_round} .. $own->{rounds}) {
        my %is = ('httpd.bare' => _start_httpd($site, 0), 'httpd.module' => _start_httpd($site, 1));
        $is{crm360d} = _start_consumer($site, \%is);
        $figures->add('wake', %is) if $round;
    }
    $site->end;
    return;
}

1;
