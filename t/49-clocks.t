# Clocks that are an hour wrong, of httpd or of crm360d, in either direction: no message starts before its
# time, and none late, because only the clock of Redis counts. Made by libfaketime, with the monotonic
# clock of crm360d, by which it waits, wrong by as much or right.
# Plain builds only: its subject is time.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);

plan skip_all => 'libfaketime and a sanitizer do not go together' if build() =~ /asan/;

my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
my $HOUR = 3600;
my ($uptime) = slurp('/proc/uptime') =~ /^(\d+)/;

# The environment of a program whose clock is wrong by so many seconds.
sub wrong_by {
    my ($seconds, $monotonic_too) = @_;

    return { LD_PRELOAD => $library, FAKETIME => sprintf('%+d', $seconds),
        map { $_ => $monotonic_too ? 0 : 1 } qw(DONT_FAKE_MONOTONIC FAKETIME_DONT_FAKE_MONOTONIC) };
}

# A time of ours, such as 2026-11-23T15:58:00.123Z, as seconds since 1970.
sub seconds {
    my ($year, $month, $day, $hour, $minute, $second) = split /[-T:Z]/, $_[0];
    return timegm(0, $minute, $hour, $day, $month - 1, $year) + $second;
}

sub check_clocks {
    my ($producer, $consumer, $monotonic_too) = @_;
    my $what = sprintf 'httpd %+d h, crm360d %+d h%s', $producer / $HOUR, $consumer / $HOUR,
        $monotonic_too ? ', its monotonic clock too' : '';
    my $site = Crm360::Test->new(
        consumer_program => 't/crm360d_faulty',
        env => { httpd => wrong_by($producer, 0), crm360d => wrong_by($consumer, $monotonic_too) },
    );
    my (%due, $stored);

    $site->start_redis;
    $site->migrate;
    $site->value('acme/prod', 'create table Effects (Serial text, MessageId text, RanAt text)');
    $site->start_httpd;
    $site->start_consumer;
    for my $serial (1 .. 12) {
        my $delay = $serial % 3;
        my $asked = time;
        my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1,
            secondsOfInvisibility => $delay), "done $serial");

        $due{$serial} = seconds($answer->{json}{VisibleAt});
        cmp_ok abs($due{$serial} - $asked - $delay), '<', 1,
            "$what: message $serial is visible when it was asked to be";
        $stored = $site->redis('GET', $site->key('acme/prod', "message:$answer->{json}{MessageId}"))
            if $delay;
    }
    wait_until { $site->value('acme/prod', 'select count(*) from WebhookInbox') == 12 } 10,
        "$what: all have run";
    my @late = sort { $a <=> $b } map { $_->{RanAt} / 1000 - $consumer - $due{ $_->{Serial} } }
        $site->sql('acme/prod', 'select * from Effects');
    diag sprintf '%s: started %.0f to %.0f ms after the due time', $what,
        map { 1000 * $_ } @late[0, -1];
    is scalar @late, 12, "$what: each once";
    cmp_ok $late[0], '>=', 0, "$what: none starts before its time";
    cmp_ok $late[-1], '<', 0.1, "$what: none starts 100 ms late" if timing();

    # That the clocks were wrong indeed.
    my ($received) = $stored =~ /^Crm360-Received: (\S+)/m;
    my $processed = $site->value('acme/prod', 'select max(ProcessedAt) from WebhookInbox');
    cmp_ok abs(seconds($received) - time - $producer), '<', 60, "$what: that of httpd was wrong";
    cmp_ok abs(seconds($processed) - time - $consumer), '<', 60, "$what: that of crm360d was wrong";
    $site->finish;
    return;
}

ok $library, 'libfaketime is there' or BAIL_OUT('scripts/packages test installs it');
for my $monotonic_too (0, 1) {
    check_clocks(-$HOUR, $HOUR, $monotonic_too);
    # The monotonic clock counts from the start of the machine, and is never below 0.
    check_clocks($HOUR, -$HOUR, $monotonic_too && $uptime > 2 * $HOUR);
}
done_testing;
