# The metrics of the status page as Prometheus reads them: promtool finds no fault, names and labels are those of the
# manual, all databases are there, and the scrape works without Redis. What httpd counts itself outlives a graceful
# restart; mod_status shows it, too.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Operators qw(fill message_id);
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use Test::More;

my %databases = map { sprintf('many/n%03d', $_) => '' } 1 .. 230;
my $site = Crm360::Test->new(
    databases => { %databases, 'acme/prod' => "Crm360WaitingMost 500\nCrm360WaitingBytes 1M\nCrm360Rate Shopify 1/h" },
    server => <<'END',
<Location /status>
    SetHandler crm360-status
</Location>
<Location /server-status>
    SetHandler server-status
</Location>
<Location /ProcessManagement/Connector/Standard/closed>
    Crm360Webhook On
    Require all denied
</Location>
END
);
Crm360::Spool::make($site, '64M');
$site->start_redis;
$site->start_httpd;
my $PREFIX = $site->key('acme/prod', '');

# name{labels} => value, of a scrape; promtool's verdict beside it.
sub scrape {
    my ($query) = @_;
    my $answer = $site->get('/status?format=prometheus' . ($query ? "&$query" : ''));
    my $file = spew($site->dir . '/metrics', $answer->{content});
    my $verdict = `promtool check metrics <$file 2>&1`;

    is "$? $verdict", '0 ', 'promtool finds no fault in ' . ($query // 'all');
    $answer->{value} = { map { /^(\S+(?:\{.*\})?) (\S+)$/ ? ($1 => $2) : () } split /\n/, $answer->{content} };
    return $answer;
}

sub auto {
    my @lines = split /\n/, $site->get('/server-status?auto')->{content};
    return { map { /^(Crm360\w+): (\S+)$/ ? ($1 => $2) : () } @lines };
}

fill($site, 'acme/prod', due => 3, waiting => 5, retried => 2, dead => 4);
$site->redis('SADD', "${PREFIX}paused", 'send', 'Shopify');
$site->redis('HSET', "${PREFIX}counters", received => 7, duplicate => 2, 'waiting-bytes' => 123);
my $path = $site->url('Shopify/Order/Insert', SourceId => 1);
is join(' ', map { $site->post($path, "n$_")->{status} } 1 .. 3), '200 429 429', 'webhooks';
is $site->post($path =~ s{Standard}{Standard/closed}r, 'x')->{status}, 403, 'one that httpd itself refuses';
is $site->get('/status/nothing')->{status}, 200, 'and other requests';

my $first = scrape();
my $is = $first->{value};
is $first->{status}, 200, 'a scrape';
is $first->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'its type';
my %wanted = (
    'crm360_redis_up' => 1,
    'crm360_messages{database="acme/prod",lane="live",state="waiting"}' => 7,
    'crm360_messages{database="acme/prod",lane="live",state="due"}' => 4,
    'crm360_messages{database="acme/prod",lane="live",state="leased"}' => 0,
    'crm360_messages{database="acme/prod",lane="send",state="paused"}' => 0,
    'crm360_messages{database="acme/prod",state="dead"}' => 4,
    'crm360_messages{database="many/n230",lane="batch",state="due"}' => 0,
    'crm360_oldest_due_age_seconds{database="acme/prod",lane="batch"}' => '0.000000',
    'crm360_waiting_limit_messages{database="acme/prod"}' => 500,
    'crm360_waiting_limit_bytes{database="acme/prod"}' => 1_048_576,
    'crm360_received_total{database="acme/prod"}' => 8,
    'crm360_duplicates_total{database="acme/prod"}' => 2,
    (map { ("crm360_${_}_total{database=\"acme/prod\"}" => 0) }
        qw(refused done split retried released dead erased dropped redriven)),
    'crm360_paused{database="acme/prod",what="Shopify"}' => 1,
    'crm360_paused{database="acme/prod",what="send"}' => 1,
    'crm360_consumers' => 0,
    'crm360_requests_total{code="200"}' => 1,
    'crm360_requests_total{code="429"}' => 2,
    'crm360_requests_total{code="403"}' => 1,
    'crm360_requests_total{code="503"}' => 0,
    'crm360_push_duration_seconds_bucket{le="+Inf"}' => 1,
    'crm360_push_duration_seconds_count' => 1,
    'crm360_spooled_total' => 0,
    'crm360_spool_files' => 0,
    'crm360_spool_bytes' => 0,
    'crm360_spool_limit_bytes' => 67_108_864,
    'crm360_redis_memory_limit_bytes' => 2_147_483_648,
    'crm360_redis_audit{check="appendonly"}' => 1,
    'crm360_redis_audit{check="maxmemory"}' => 0,
    'crm360_rate_refused_total{database="acme/prod",platform="Shopify"}' => 2,
    'crm360_build_info{version="0.1.0"}' => 1,
);
is $is->{$_}, $wanted{$_}, $_ for sort keys %wanted;
cmp_ok $is->{'crm360_oldest_due_age_seconds{database="acme/prod",lane="live"}'}, '>=', 600, 'the age of the oldest';
cmp_ok $is->{'crm360_waiting_bytes{database="acme/prod"}'}, '>', 123, 'bytes that wait';
cmp_ok $is->{crm360_redis_memory_used_bytes}, '>', 100_000, 'memory of Redis';
is scalar(() = $first->{content} =~ /^crm360_messages\{database="many\/n\d+",lane="live",state="due"\} 0$/mg), 230,
    'all databases, however many there are';
is_deeply [sort { $a <=> $b } map { /^crm360_push_duration_seconds_bucket\{le="([\d.]+)"\}/ ? $1 : () } keys %$is],
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300], 'the buckets';

# What the manual names is what there is.
{
    my ($section) = slurp(root() . '/man/mod_crm360_webhook.7') =~ /^\.Ss Metrics\n(.*?)^\.S[sh] /ms;
    my %named = map { $_ => 1 } ($section // '') =~ /\b(crm360_[a-z_]+)/g;
    my %shown = map { s/_(?:bucket|sum|count)\z//r => 1 } map { s/\{.*//r } keys %$is;
    is_deeply [grep { !$named{$_} } sort keys %shown], [], 'each metric is in the manual';
}

{
    my $some = scrape('database=MANY/n1');
    is_deeply [sort map { /^crm360_done_total\{database="([^"]+)"/ ? $1 : () } keys %{ $some->{value} }],
        [map { sprintf 'many/n%03d', $_ } 100 .. 199], 'databases by their beginning';
}

{
    my $page = $site->get('/status?page=1000')->{content};
    like $page, qr{and none on page 1000\. <a href="\?page=3\#databases">The last page</a>}, 'a page behind the last';
}

# ---- heartbeats ----

{
    my $now = int(time) * 1000;
    my $beat = sub { return encode_json({ host => 'h', pid => 1, version => '0.1.0', started => $now - 60_000,
        databases => 1,
        workers => { live => 4, batch => 2, send => 1 }, busy => 3, messages => 10, @_ }) };
    $site->redis('HSET', 'crm360:1:consumers', 'one', $beat->(at => $now), 'silent', $beat->(at => $now - 20_000),
        ('x' x 250) . 1, $beat->(at => 1), ('x' x 250) . 2, $beat->(at => 1), "\xff", $beat->(at => 1),
        "\xfe", $beat->(at => 1), 'beyond', $beat->(at => '9223372036854775807', started => 9_223_372_036_854_775_807),
        'broken', '{', 'odd "name"', $beat->(at => 'x', workers => 7));
    $site->redis('SADD', "${PREFIX}paused", map { ('x' x 250) . $_ } 1, 2);
    $site->redis('SADD', "${PREFIX}paused", 'SHOPIFY', "send\0");
    my $scrape = scrape();
    my %times;
    $times{ s/ \S+\z//r }++ for grep { !/^#/ } split /\n/, $scrape->{content};
    is_deeply [grep { $times{$_} > 1 } sort keys %times], [], 'no sample is there twice, whatever names Redis has';
    is_deeply [map { /^crm360_paused\{.*what="(.*)"/ ? $1 : () } sort keys %times], ['Shopify', 'send'],
        '  and what holds nothing up is left out';
    $is = $scrape->{value};
    is $is->{'crm360_consumer_start_time_seconds{consumer="beyond"}'}, '0.000000', 'a time that is none';
    is $is->{crm360_consumers}, 1, 'a crm360d that was heard of';
    is $is->{'crm360_workers{consumer="one",lane="live"}'}, 4, 'its workers';
    is $is->{'crm360_workers_busy{consumer="one"}'}, 3, 'those at work';
    is $is->{'crm360_consumer_start_time_seconds{consumer="one"}'}, ($now - 60_000) / 1000 . '.000000', 'its start';
    cmp_ok $is->{'crm360_consumer_heartbeat_age_seconds{consumer="silent"}'}, '>=', 20, 'one that is silent';
}

# ---- what is counted here ----

kill 'USR1', slurp($site->dir . '/httpd.pid') + 0;
my $limited = 0; # by children of before, whose rate is used up; the new ones begin anew
wait_until {
    return 0 if $site->log_text('httpd-error') !~ /AH00493|SIGUSR1 received/;
    my $status = $site->post($path, 'again')->{status};
    $limited++ if $status == 429;
    return $status == 200;
} 20, 'a graceful restart';
$is = scrape()->{value};
is $is->{'crm360_requests_total{code="200"}'}, 2, 'what was counted goes on';
is $is->{'crm360_push_duration_seconds_count'}, 2, 'durations, too';

$site->expect_log(qr/CRM0101|CRM0220|AH01630/);
$site->stop_redis;
is $site->post($site->url('Adictiz/User/Participate', SourceId => 1), 'x')->{json}{Durability}, 'spool',
    'without Redis';
my $away = scrape();
is $away->{status}, 200, 'the scrape works all the same';
is $away->{value}{crm360_redis_up}, 0, 'and says so';
is $away->{value}{crm360_spooled_total}, 1, 'one went to the spool';
is $away->{value}{crm360_spool_files}, 1, 'where it is';
cmp_ok $away->{value}{crm360_spool_bytes}, '>', 0, 'in bytes';
is $away->{value}{'crm360_waiting_limit_messages{database="acme/prod"}'}, 500, 'limits are known';
unlike $away->{content}, qr/^crm360_(?:messages|done_total|redis_memory|redis_audit|consumers)/m,
    'nothing that only Redis knows';

# ---- mod_status ----

{
    my $is = auto();
    is $is->{Crm360RedisUp}, 0, 'mod_status, for programs';
    is $is->{Crm360Requests2xx}, 3, '  webhooks with 2xx';
    is $is->{Crm360Requests4xx}, 3 + $limited, '  and 4xx';
    is $is->{Crm360Spooled}, 1, '  one in the spool';
    is_deeply [map { $is->{"Crm360$_"} } qw(Waiting Due InFlight Paused Dead)], [7, 5, 0, 0, 4],
        '  what was seen of the queues last';
    cmp_ok $is->{Crm360OldestDueSeconds}, '>=', 600, '  and how old the oldest was';
    ok exists $is->{Crm360SeenSecondsAgo}, '  when that was';
    my $page = $site->get('/server-status')->{content};
    my $answered = 6 + $limited;
    like $page, qr{<h2>CRM360 webhooks</h2>.*$answered webhooks answered: 3 with 2xx}s, '  for people';
    like $page, qr{Redis was out of reach}, '  who are told of Redis';
    like $page, qr{s ago: 7 waiting, 5 due, 0 in flight, 0 paused, 4 dead letters}, '  and of the queues';
    $site->start_redis;
    $site->get('/status');
    wait_until { $site->get('/status')->{status} == 200 && auto()->{Crm360RedisUp} } 5, '  it is back';
}
$site->done;
