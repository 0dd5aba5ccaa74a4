# W3C Trace Context: what is taken for a traceparent, where it is kept, and that each call to a gateway, to
# Mailjet or to a wallet carries the trace of the message that it is made for, with a span of its own.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Gateway;
use Crm360::Test;
use JSON::PP;
use Test::More;

my $TRACE = '0af7651916cd43dd8448eb211c80319c';
my $SPAN = 'b7ad6b7169203331';
my $PARENT = "00-$TRACE-$SPAN-01";

my $site = Crm360::Test->new(settings => "Crm360Workers send 1\nCrm360RetrySchedule 100ms 100ms\n");
my $dir = $site->dir;
spew("$dir/key", "k3y\n");
chmod 0640, "$dir/key";
my %gateway = map { $_ => Crm360::Gateway->start(folder => $dir, name => $_) } qw(smsbox primotexto mailjet wallet);
my %url = map { $_ => $gateway{$_}->url } keys %gateway;
my %answer = (
    primotexto => sub { { body => qq({"snapshotId":"38$_[0]{number}"}) } },
    smsbox => sub { { body => $_[0]{number} == 1 ? 'ERROR 05' : 'OK 123456789012' } },
    mailjet => sub { { body => '{"Messages":[{"Status":"success","To":[{"MessageUUID":"u"}]}]}' } },
    wallet => sub { $_[0]{path} =~ m{/oauth/token$} ? { body => '{"access_token":"t","token_type":"Bearer","expires_in":3600}' }
        : { body => '{}' } },
);
$gateway{$_}->answers($answer{$_}) for keys %gateway;
$site->{databases} = {
    'acme/prod' => "    Crm360EmailAllow *\@example.org\n    Crm360EmailFrom a\@example.fr",
    'acme/smsbox' => "    Crm360SmsGateway smsbox sender=ACME url=$url{smsbox} secret=$dir/key",
    'acme/primo' => "    Crm360SmsGateway primotexto url=$url{primotexto} secret=$dir/key",
    'acme/jet' => "    Crm360Mailer mailjet user=public secret=$dir/key url=$url{mailjet}\n"
        . "    Crm360EmailFrom shop\@example.fr\n    Crm360EmailAllow *\@example.org",
    'acme/wallet' => "    Crm360Wallet captainwallet account=acme project=fr user=u secret=$dir/key url=$url{wallet}",
};
$site->{server} = qq(LogFormat "%{crm360-id}n %{crm360-trace}n" trace\nCustomLog "$dir/log/trace.log" trace\n);
$site->write_conf;
$site->start;

sub post {
    my ($route, $body, $headers, %query) = @_;
    my $answer = $site->post($site->url($route, SourceId => 1, %query), $body, $headers);
    is $answer->{status}, 200, "$route is taken" or diag $answer->{content};
    return $answer->{json}{MessageId} // 'none';
}
# What httpd's log has for the trace of a message.
sub noted {
    my ($id) = @_;
    my $text;
    wait_until { ($text) = slurp("$dir/log/trace.log") =~ /^\Q$id\E (\S+)$/m } 5, '  httpd logs it';
    return $text;
}

# ---- what is one ----

my @later = (secondsOfInvisibility => 3600);
for my $case ([$PARENT, $PARENT], ["00-$TRACE-$SPAN-00", "00-$TRACE-$SPAN-00"], ["cc-$TRACE-$SPAN-01-more", $PARENT],
    ["$PARENT-more", undef], ["ff-$TRACE-$SPAN-01", undef], ['00-' . '0' x 32 . "-$SPAN-01", undef],
    ["00-$TRACE-" . '0' x 16 . '-01', undef], [uc $PARENT, undef], ['nonsense', undef], [undef, undef]) {
    my ($given, $kept) = @$case;
    my $id = post('Adictiz/User/Participate', '{"n":"' . ($given // '') . '"}', { traceparent => $given // '' }, @later);
    my ($stored) = $site->redis('GET', $site->key('acme/prod', "message:$id")) =~ /^Crm360-Trace: (.*)\r$/m;
    is $stored, $kept, '  kept of ' . ($given // 'nothing');
    is noted($id), $kept ? $TRACE : '-', '  with its trace id, or none';
}
my $path = $site->url('Adictiz/User/Participate', SourceId => 1, @later);
my ($id) = $site->raw("POST $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\ntraceparent: $PARENT\r\nTraceparent: $PARENT\r\n"
        . "Content-Length: 2\r\n\r\n{}") =~ /"MessageId":"([^"]+)"/;
unlike $site->redis('GET', $site->key('acme/prod', "message:$id")), qr/^Crm360-Trace/m, 'one that came twice is none';

is $site->post($path =~ s/SourceId=1/SourceId=x/r, '{}', { traceparent => $PARENT })->{status}, 400, 'a request that is refused';
wait_until { slurp("$dir/log/trace.log") =~ /^- $TRACE$/m } 5, '  is found by its trace';

# ---- what leaves ----

# Each request of a gateway carries the trace, and no two of them the same span.
my %spans = ($SPAN => 1);
sub carries {
    my ($name, $count, $state) = @_;
    my @requests;
    wait_until { (@requests = $gateway{$name}->requests) >= $count } 15, "$name is called, $count time(s)";
    for my $request (@requests) {
        my ($trace, $span) = ($request->{headers}{traceparent} // '') =~ /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/;
        is $trace, $TRACE, "  in the trace ($request->{path})";
        ok !$spans{ $span // $SPAN }++, '  with a span of its own';
        is $request->{headers}{tracestate}, $state, '  and its state';
    }
    return;
}

my %with = (traceparent => $PARENT, tracestate => 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE');
my $sms = '{"MobilePhoneNumber":"0612345678","MobilePhoneCountryIso3":"FRA","Message":"x","Crm360EventCategoryId":1}';
my $done = post('Crm360/Sms/Send', $sms, \%with, -database => 'acme/primo');
carries('primotexto', 1, $with{tracestate});
$site->wait_log('crm360d', qr/: id=\Q$done\E .* outcome=done ms=\d+ trace=$TRACE: sent by /, 10, 'crm360d logs the trace of what is done');
post('Crm360/Sms/Send', $sms, \%with, -database => 'acme/smsbox');
carries('smsbox', 2, $with{tracestate});
$site->expect_log(qr/CRM0310/);

my $mail = '{"EmailTo":"lea@example.org","Subject":"s","TextMessage":"t"}';
my $long = 'a=' . 'x' x 255 . ',b=' . 'y' x 255; # 515 characters
post('Crm360/Email/Send', $mail, { %with, tracestate => $long }, -database => 'acme/jet');
carries('mailjet', 1, undef);
$gateway{mailjet}->forget;
post('Adictiz/User/Participate', '{}', \%with, -database => 'acme/jet', -process => 'EmailProcess', Email => 'a@example.org');
carries('mailjet', 1, $with{tracestate});

$site->value('acme/wallet', $_) for
    "insert into Contacts (ContactId, LastName) values (7, 'Marchand') returning 1",
    "insert into LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId, LoyaltyCardTypeId)"
        . " values (5, '29', 7, 12, 1) returning 1";
post('CaptainWallet/LoyaltyCard/SendUpdate', '{"LoyaltyCardId":5}', \%with, -database => 'acme/wallet');
carries('wallet', 2, $with{tracestate});

# ---- and what does not ----

$gateway{primotexto}->forget;
$done = post('Crm360/Sms/Send', $sms, { tracestate => 'a=1' }, -database => 'acme/primo');
wait_until { $gateway{primotexto}->count } 15, 'a message of no trace';
my ($request) = $gateway{primotexto}->requests;
is_deeply [grep { /^trace/ } keys %{ $request->{headers} }], [], '  carries none, nor a state alone';
$site->wait_log('crm360d', qr/: id=\Q$done\E .* outcome=done ms=\d+: sent by /, 10, '  and is logged without');

$done = post('Crm360/Email/Send', $mail, \%with);
wait_until { -e $site->outbox . "/$done.eml" } 15, 'a mail that people read';
unlike slurp($site->outbox . "/$done.eml"), qr/$TRACE/, '  does not say it';

$site->done;
