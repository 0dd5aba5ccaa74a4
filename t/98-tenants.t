# Tenants: whatever a caller of acme/prod sends, nothing of another customer or of another database of the same
# customer can be read, counted or changed by it. All keys and all rows of the others are compared before and
# after everything that can be sent to acme/prod was sent, with their ids, keys and people in it, and after
# crm360ctl was used on acme/prod. A backlog of one does not hold up another.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Spool;
use Crm360::Test;
use Test::More;

# Names that begin like another, end like another, or would be the same but for where the slash is.
my $A = 'acme/prod';
my @OTHERS = qw(acme/pro acme/prod-2 acme/prod.x acme/prod_ acm/prod acme.x/prod acm-e/prod acme-/prod _acme/prod);
my $MAIL = "Crm360EmailAllow *\@example.fr\nCrm360EmailFrom crm\@example.com";
my $site = Crm360::Test->new(databases => { map { $_ => $MAIL } $A, @OTHERS });
my $dir = $site->dir;
Crm360::Spool::make($site, '64M');
$site->write_conf;

# Names that differ in case are one name: two sections of them are refused, and a caller may write either.
{
    local $site->{databases} = { %{ $site->{databases} }, 'ACME/Prod' => '' };
    $site->write_conf;
    my ($code, $text) = $site->run($site->consumer_command('-t'));
    is $code, 3, 'a section that differs in case only is refused';
    like $text, qr/acme/i, '  by name';
}
$site->write_conf;
$site->start;
$site->expect_log(qr/CRM03(?:10|11)/, qr/CRM04\d\d/, qr/CRM05\d\d/);

# ---- all that platforms send ----

my @files = grep { Crm360::Fixtures::fixtures()->{$_}{target} } sort keys %{ Crm360::Fixtures::fixtures() };
my %routes = map { (Crm360::Fixtures::fixtures()->{$_}{target} =~ m{/prod/(\w+/\w+/\w+)})[0] => 1 } @files;
my @commands = (
    ['Crm360/Email/Send', '{"EmailTo":"lea.marchand@example.fr","SenderEmail":"s@example.com",'
        . '"Subject":"s","TextMessage":"t"}'],
    ['Crm360/Sms/Send', '{"MobilePhoneNumber":"+33612345678","Message":"m"}'],
    ['CaptainWallet/LoyaltyCard/SendUpdate', '{"LoyaltyCardId":1}'],
);
$routes{ $_->[0] } = 1 for @commands;
is scalar keys %routes, 22, 'all 22 routes are sent';

# The header fields that come with a fixture.
sub fields_of {
    my ($file) = @_;
    my $text = slurp(root() . "/t/fixtures/$file" =~ s/\.\w+$/.headers/r);
    return map { /^([^:]+):\s*(.*?)\s*$/ ? ($1 => $2) : () } split /\n/, $text;
}

# Sends all of it to a database, as its platforms would; more header fields and parameters may follow.
sub send_all {
    my ($database, $headers, @query) = @_;
    my @answers;

    for my $file (@files) {
        my $fixture = Crm360::Fixtures::fixtures()->{$file};
        my $content = slurp(root() . "/t/fixtures/$file");
        my %headers = (fields_of($file), %$headers, Connection => 'close');
        my $target = join '&', $fixture->{target} =~ s{/acme/prod/}{/$database/}r, @query;
        push @answers, $fixture->{kind} eq 'query'
            ? $site->request('GET', "$target&$content", headers => \%headers)
            : $site->request($fixture->{method}, $target, content => $content, headers => \%headers);
    }
    for my $command (@commands) {
        my ($route, $body) = @$command;
        my $target = join '&', $site->url($route, SourceId => 9, -database => $database), @query;
        push @answers, $site->request('POST', $target, content => $body,
            headers => { 'Content-Type' => 'application/json', Connection => 'close', %$headers });
    }
    return @answers;
}

sub waiting {
    my ($database) = @_;
    my $sum = 0;
    $sum += $site->redis('ZCARD', $site->key($database, $_)) for qw(live batch send);
    return $sum;
}

# ---- the others have all of it: rows, dead letters, what waits, what is remembered ----

my $B = $OTHERS[1];
my @sent = send_all($B, {});
is_deeply [grep { $_->{status} != 200 } @sent], [], 'another tenant has sent all of it';
wait_until { waiting($B) == 0 } 30, '  which was worked on';
for my $other (@OTHERS) {
    my $url = sub { return $site->url('Shopify/Customer/Insert', SourceId => 12, -database => $other, @_) };
    my $person = slurp(root() . '/t/fixtures/shopify/customer-insert.json');
    my %names = ('X-Shopify-Webhook-Id' => 'd1', 'Idempotency-Key' => 'k1');
    is $site->post($url->(), $person, \%names)->{status}, 200, "$other: a person";
    is $site->post($url->(), '{"broken":')->{status}, 200, '  a dead letter';
    is $site->post($url->(secondsOfInvisibility => 9999), $person =~ s/marchand/roche/gr,
        { 'Idempotency-Key' => 'k2' })->{status}, 200, '  one that waits';
}
wait_until { !grep { waiting($_) != 1 } @OTHERS } 20, 'the others are at rest';
my @ids;
for my $other (@OTHERS) {
    push @ids, @{ $site->redis('ZRANGE', $site->key($other, $_), 0, -1) } for qw(live dead);
}

# All keys and rows of a tenant, as one text.
sub snapshot {
    my ($database) = @_;
    my $prefix = $site->key($database, '');
    my @keys = sort grep { index($_, $prefix) == 0 } @{ $site->redis('KEYS', '*') };

    return join "\n", (map { "$_ " . unpack 'H*', $site->redis('DUMP', $_) } @keys),
        $site->dump($database);
}
my %before = map { $_ => snapshot($_) } @OTHERS;
cmp_ok length $before{$B}, '>', 20_000, 'there is something to lose';

# ---- everything at acme/prod ----

my @answers = send_all($A, {});
is_deeply [grep { $_->{status} != 200 } @answers], [], 'the same to acme/prod';
is_deeply [grep { ($_->{json} || {})->{Duplicate} } @answers], [], '  is not known from the others';
for my $key ('k1', 'k2', @ids) {
    my $answer = $site->post($site->url('Shopify/Customer/Insert', SourceId => 12),
        qq({"id":1,"email":"$key\@example.com"}),
        { 'Idempotency-Key' => $key, 'X-Shopify-Webhook-Id' => 'd1' });
    is "$answer->{status} " . ($answer->{json}{Duplicate} ? 'known' : 'new'), '200 new',
        "Idempotency-Key $key of another tenant says nothing";
}
# Addressing somebody else from there.
my $mount = $Crm360::Test::MOUNT;
my $triple = 'Shopify/Customer/Insert?SourceId=12';
for my $other (@OTHERS[0 .. 4]) {
    my ($customer, $alias) = split m{/}, $other;
    my %headers = map { $_ => $alias } qw(X-Crm360Api-DatabaseAlias Crm360-Database);
    $headers{$_} = $customer for qw(X-Crm360Api-CustomerName Crm360-Customer);
    my $answer = $site->post("$mount/QueueProcess/acme/prod/$triple&CustomerName=$customer"
            . "&DatabaseAlias=$alias&customer=$customer&database=$alias",
        qq({"id":2,"Customer":"$customer"}), \%headers);
    is $answer->{status}, 200, "names of $other in parameters, fields and body";
    my $stored = $site->redis('GET', $site->key($A, "message:$answer->{json}{MessageId}")) // 'done already';
    unlike $stored, qr/^Crm360-(?:Customer|Database): (?!acme\r|prod\r)/m, '  change nothing';
}
for my $path (qw(acme/prod%7d:live acme/prod%2f..%2fpro acme/prod%00-2 acme%2fprod acme/* acme/pro?
    acme/{prod} acme/pro[dx] */prod)) {
    my $answer = $site->post("$mount/QueueProcess/$path/$triple", '{}');
    like $answer->{status}, qr/^4/, "path $path: $answer->{status}";
}
is $site->post("$mount/QueueProcess/ACME/PROD/$triple", '{"id":3}')->{status}, 200, 'in other letters it is the same tenant';
send_all($A, { 'Idempotency-Key' => $ids[0] }, 'Email=lea.marchand@example.fr', 'BatchMode=true');
wait_until { waiting($A) == 0 } 30, 'acme/prod has worked on all of it';

# ---- the operator of acme/prod ----

sub operate {
    my (@words) = @_;
    my ($code, $text) = $site->ctl(@words);

    is_deeply [grep { $text =~ /\Q$_\E/ && "@words" !~ /\Q$_\E/ } @ids], [],
        "crm360ctl @words tells nothing of the others";
    return $code;
}
cmp_ok operate(@$_), '<', 2, '  and ends' for ['dead', 'list', $A], ['dead', 'redrive', $A, '--all'],
    ['dead', 'redrive', $A, '--id', $ids[-1]];
# What a worker holds of a person cannot be erased yet: erase says so, and is to be run again.
wait_until { waiting($A) == 0 } 20, 'what was redriven is worked on';
is operate('erase', $A, @$_, '--yes'), 0, '  and all is erased' for ['--email', 'lea.marchand@example.fr'],
    ['--phone', '+33612345678'], ['--identifier', '12:7312459817263'];
is operate('migrate', $A), 0, '  and it is as new as it was';
unlike $site->dump($A), qr/lea\.marchand\@example\.fr/, 'she is erased there';
$site->keep_house;
for my $other (@OTHERS) {
    ok snapshot($other) eq $before{$other}, "$other: not a byte of its keys and rows has changed";
}

# ---- files that are shared, and who waits for whom ----

$site->expect_log(qr/CRM0101/);
$site->stop_consumer;
$site->stop_redis;
for my $database ($A, $B) {
    my $url = $site->url('Adictiz/User/Participate', SourceId => 1, -database => $database);
    is $site->post($url, '{"x":1}')->{json}{Durability}, 'spool', "$database: spooled";
}
my @spooled = map { slurp($_) } grep { !/lock|usage/ && -s > 100 } glob "$dir/spool/*";
is_deeply [sort map { join '/', /^Crm360-Customer: (\S+)\r.*^Crm360-Database: (\S+)\r/ms } @spooled],
    [sort $A, $B], 'each file in the spool says whose it is';
$site->start_redis;
$site->start_consumer;
wait_until { waiting($A) == 0 && waiting($B) == 0 && !grep { /Adictiz/ } glob "$dir/spool/*" }
    20, 'both have got theirs';

$site->fill_queue(2000, database => $A, body => '{"email":"pNUMBER@example.com"}');
my $fresh = $site->url('Adictiz/User/Participate', SourceId => 1, -database => $B);
is $site->post($fresh, '{"email":"b@example.com"}')->{status}, 200, 'behind 2,000 of acme/prod';
my $left;
wait_until { $left = waiting($A); waiting($B) == 0 } 20, '  another tenant is served';
cmp_ok $left, '>', 0, "  while acme/prod has $left left";
$site->done;
