# What crm360d owes a provider: no more calls than Crm360Rate allows, from all workers of two crm360d
# together; no calls, of either of them, while he is away, or has asked for patience (Retry-After); and what it owes
# the messages meanwhile: they wait, and lose no attempt.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Test;
use JSON::PP;
use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep time);

my $site = Crm360::Test->new(
    settings => "Crm360Workers live 1\nCrm360Workers send 3\nCrm360RetrySchedule 100ms 100ms 100ms\n",
);
spew($site->dir . '/key', "secret\n");
chmod 0640, $site->dir . '/key';
my $gateway = Crm360::Gateway->start(folder => $site->dir,
    answers => sub { return { body => "OK 1$_[0]{number}" } });

# Writes the section, and lets crm360d read it when it runs.
sub configure {
    my ($rate) = @_;

    $site->{databases}{'acme/prod'} = '    Crm360SmsGateway smsbox url=' . $gateway->url . ' secret='
        . $site->dir . "/key\n    $rate\n";
    $site->write_conf;
    return;
}

my $serial = 0;
sub command {
    my (%parameter) = @_;
    my $answer = $site->post($site->url('Crm360/Sms/Send', SourceId => 1, %parameter), encode_json({
        MobilePhoneNumber => sprintf('06%08d', ++$serial), MobilePhoneCountryIso3 => 'FRA',
        Message => "Message $serial", Crm360EventCategoryId => '1',
    }));
    return $answer->{json}{MessageId} // die "$answer->{status} $answer->{content}\n";
}

# What Redis keeps of the gateway: its account is the file with the key.
sub provider { return 'crm360:1:{provider/smsbox:' . $gateway->url . ':' . $site->dir . "/key}:$_[0]" }

sub sent { return $site->value('acme/prod', "select count(*) from WebhookSends where State = 'sent'") }
sub dead { return $site->redis('ZCARD', $site->key('acme/prod', 'dead')) }
sub attempts { return $site->redis('HLEN', $site->key('acme/prod', 'failures')) }

# ---- the rate, from two crm360d ----

my $rate = 20;
configure("Crm360Rate sms $rate/s");
$site->start;
my $second = $site->_spawn('second', {}, $site->consumer_command('-f', '-p', $site->dir . '/second.pid',
    '-l', $site->dir . '/log/second.log'));
$site->_ready($second, sub { -s $site->dir . '/second.pid' });

my $count = 50;
command() for 1 .. $count;
wait_until { sent() == $count } 30, "$count messages are sent";
my @at = map { $_->{at} } $gateway->requests;
is scalar @at, $count, 'each with one call';
my ($first, $last) = (min(@at), max(@at));
# Each call keeps its place in the row, so together they are never faster; one may be late, and the
# next one on time.
cmp_ok $last - $first, '>=', ($count - 3) / $rate, 'not faster than the rate';
my ($worker) = $site->redis('ZRANGE', provider('turns'), 0, -1);
is_deeply [sort @{ $worker || [] }], ['last', 'next'], 'nobody waits for a turn';
is attempts(), 0, 'waiting for a turn is no failure';

# ---- away, and back, for both of them ----

sub both { return $site->log_text('crm360d') . $site->log_text('second') }

configure('');
$_->signal('HUP') for $site->{consumer}, $second;
wait_until { 2 == (() = both() =~ /configuration read again/g) } 10, 'both have read the configuration again';
$site->expect_log(qr/CRM0380: smsbox at \S+ is not called/);
$gateway->down;
my @ids = map { command() } 1 .. 12;
wait_until { both() =~ /CRM0380/ } 40, 'after five failures, of whichever, nobody calls it any more';
is dead(), 0, 'no message is dead';
is attempts(), 0, 'none has lost an attempt';
my ($id) = @ids;
ok defined $site->redis('ZSCORE', $site->key('acme/prod', 'send'), $id), 'they wait in the lane send';
my $known = { @{ $site->redis('HGETALL', provider('breaker')) } };
like $known->{reason}, qr/connect/i, 'Redis says why';
cmp_ok $known->{failures}, '>=', 5, 'and how often';
$gateway->up;
wait_until { sent() == $count + 12 } 60, 'back again: all of them are sent';
is scalar(grep { $_->{whole} } $gateway->requests), $count + 12, 'each once';
wait_until { both() =~ /smsbox at \S+ answers again/ } 10, 'which is said';
is scalar(() = both() =~ /CRM0380/g), 1, 'the outage was said once, by one of them';
is $site->redis('EXISTS', provider('breaker')), 0,
    'nothing is left of it';
is $second->stop, 0, 'the second crm360d ends well';

# ---- patience ----

$gateway->answers(sub {
    my ($request) = @_;
    return { status => 503, headers => { 'Retry-After' => 2 } } if $request->{number} == $count + 13;
    return { body => "OK 1$request->{number}" };
});
command();
wait_until { $gateway->count == $count + 13 } 20, 'he asks for patience';
my $since = time;
command() for 1 .. 3;
wait_until { sent() == $count + 16 } 30, 'then all are sent';
my @calls = map { $_->{at} } $gateway->requests;
cmp_ok $calls[-4] - $calls[-5], '>=', 1.9, 'nobody called him before the time';
is attempts(), 0, 'and nobody lost an attempt';

# ---- back, and the one that tries is put off: the others need not wait for him ----

my $put_off = $site->dir . '/put-off';
$gateway->answers(sub {
    my ($request) = @_;
    return { body => "OK 1$request->{number}" } if -e $put_off;
    spew($put_off, '');
    return { body => 'ERROR 05' };
});
$gateway->down;
command() for 1 .. 6;
wait_until { ($site->redis('HGET', provider('breaker'), 'failures') || 0) >= 5 } 20, 'away once more';
$gateway->up;
$site->expect_log(qr/CRM0310/);
wait_until { sent() == $count + 22 } 30, 'all are sent';
ok -e $put_off, 'though the first answer was none';

# ---- what lasts, and what a person must mend ----

$gateway->answers({ body => 'ERROR 05' });
$id = command();
wait_until { dead() == 1 } 30, 'a fault that does not end: a dead letter after the last attempt';
$site->expect_log(qr/CRM0310/, qr/CRM0311/);
my $letter = decode_json($site->redis('HGET', $site->key('acme/prod', 'failures'), $id));
is $letter->{attempts}, 4, 'as many as Crm360RetrySchedule allows';
$gateway->answers({ body => 'ERROR 02' });
$id = command();
wait_until { ($site->log_text('crm360d') =~ /CRM0380.*needs a person/) } 30, 'a wrong key: a person is needed';
ok defined $site->redis('ZSCORE', $site->key('acme/prod', 'send'), $id), 'the message waits';
my ($score) = $site->redis('ZSCORE', $site->key('acme/prod', 'send'), $id);
cmp_ok $score / 1000 - time, '<=', 31, 'and asks again soon';
$gateway->answers({ body => 'OK 99' });
$site->{consumer}->signal('HUP');
wait_until { !$site->redis('EXISTS', provider('breaker')) } 20, 'mended, and HUP: he may be called again';
# It would ask by itself, in half a minute.
$site->redis('ZADD', $site->key('acme/prod', 'send'), 1, $id);
$site->redis('PUBLISH', 'crm360:1:wake', $site->key('acme/prod', 'send') . ' 1');
wait_until { sent() == $count + 23 } 60, 'it is sent';

# ---- whom a lost call has reached is asked of the row, not of the settings of today ----

$gateway->answers({ body => 'OK 100', delay => 20 });
my $calls = $gateway->count;
$id = command();
wait_until { $gateway->count > $calls } 20, 'he is being called';
$site->kill_consumer(group => 1);
$site->{databases}{'acme/prod'} = '';
$site->write_conf;
$site->start_consumer;
wait_until { defined $site->redis('ZSCORE', $site->key('acme/prod', 'dead'), $id) } 30,
    'without a provider now, it is a dead letter';
is $site->value('acme/prod', "select State || ' ' || Provider from WebhookSends where MessageId = '$id'"),
    'uncertain smsbox', 'for it may have been sent';
ok !-e $site->outbox . "/$id.json", 'and no file says otherwise';
$site->done;
