# Redis Cluster: a node and its replica are gone for good, and the others go on (cluster-require-full-coverage no). What
# they have is seen by the commands, the page, its JSON and the metrics, and what is not seen is named.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Cluster;
use Crm360::Ledger;
use Crm360::Test;
use JSON::PP;
use Test::More;

my ($here, $gone, $third) = map { Crm360::Cluster::database($_) } 1 .. 3;
my $set = Crm360::Cluster->new(settings => 'cluster-require-full-coverage no');
my $site = Crm360::Ledger::site($set, databases => { map { $_ => '' } $here, $gone, $third }, consumer_program => undef,
    server => join '', map { "<Location /$_>\n    SetHandler $_\n</Location>\n" } qw(crm360-status server-status));
$site->start_redis;
$site->start_httpd;

sub push_to {
    my ($database, $body) = @_;
    my $answer = $site->post($site->url('Adictiz/User/Participate', SourceId => 1, -database => $database), $body);
    return decode_json($answer->{content});
}
my $id = push_to($here, '{"n":1}')->{MessageId};
is $site->get('/crm360-status')->{status}, 200, 'all is seen';
push_to($gone, '{"n":2}');
my $master = $set->owner($site->key($gone, ''));
$set->kill($_) for $set->replica_of($master), $master;
wait_until { push_to($gone, '{"n":3}')->{Durability} eq 'spool' } 20, 'what is for the dead node goes to the spool';
is push_to($here, '{"n":4}')->{Durability}, 'memory', 'what is for another one does not';

my ($code, $text) = $site->ctl('queues', '--json');
my %waits;
for (grep { /^\{/ } split /\n/, $text) {
    my $row = decode_json($_);
    $waits{ $row->{database} } += $row->{due} if $row->{lane} eq 'live';
}
is $code, 4, 'crm360ctl queues: a server is out of reach';
is_deeply \%waits, { $here => 2, $gone => -1, $third => 0 }, '  and the other databases are seen' or diag $text;
like $text, qr/1 of 3 databases cannot be seen \(\Q$gone\E/, '  and the one that is not, is named';
($code, $text) = $site->ctl('spool', 'drain');
is $code, 4, 'crm360ctl spool drain: its node does not take it' or diag $text;
like $text, qr/Redis does not take all of them now/, '  and that is said';
($code, $text) = $site->ctl('status');
like $text, qr/^database\t\Q$here\E\t0\t2\t/m, 'crm360ctl status: the same' or diag $text;
is +($site->ctl('show', $here, $id))[0], 0, 'a message there is shown';

# ---- what looks for an id, or works on all databases ----

($code, $text) = $site->ctl('show', $id);
is $code, 0, '  without its database, too' or diag $text;
($code, $text) = $site->ctl('show', 'not-there');
is $code, 4, 'one that is nowhere: it may be where nobody can look';
like $text, qr/not-there is in none of the databases that can be seen; 1 of 3 cannot be \(\Q$gone\E\.\.\.\)/,
    '  and where that is';
($code, $text) = $site->ctl('trace', $id);
is $code, 0, 'trace finds it' or diag $text;
is +($site->ctl('trace', 'not-there'))[0], 4, '  and knows what it could not ask';
($code, $text) = $site->ctl('now', 'not-there', $id);
is $code, 4, 'now';
like $text, qr/^\Q$id\E\t\Q$here\E\tdue\t/m, '  goes on behind one that it cannot find';
for my $verb (qw(pause resume)) {
    ($code, $text) = $site->ctl($verb, $gone, $here, $third, 'batch');
    is $code, 4, "$verb, the one that is away first";
    like $text, qr/^crm360ctl: \Q$gone\E: /m, '  names the one that is not reached';
    like $text, qr/^\Q$_\E\tbatch\t/m, "  and reaches $_" for $here, $third;
}

# ---- tail ----

{
    my $file = $site->dir . '/tail';
    my $pid = fork // die $!;
    if (!$pid) {
        open STDOUT, '>', $file or die $!;
        open STDERR, '>', "$file.errors" or die $!;
        exec build() . '/crm360ctl', '-c', $site->conf, 'tail', '--json', $gone, $here, $third or die $!;
    }
    my @ids;
    wait_until {
        push @ids, push_to($here, '{"n":' . (5 + @ids) . '}')->{MessageId};
        my $seen = slurp($file);
        grep { $seen =~ /"received","id":"\Q$_\E"/ } @ids;
    } 30, 'tail follows what can be followed' or diag slurp($file), slurp("$file.errors");
    like slurp("$file.errors"), qr/\Acrm360ctl: 1 of 3 databases cannot be followed \(\Q$gone\E\.\.\.\): .+\n\z/,
        '  and says what cannot, once';
    kill TERM => $pid;
    waitpid $pid, 0;
    is $?, 0, '  until it is ended';
}

my $page = $site->get('/crm360-status')->{content};
like $page, qr/1 of these databases cannot be seen/, 'the status page says so';
{
    my @rows = $page =~ m{<tr><th scope="row"><a [^>]*>\Q$gone\E</a></th>(.*?)</tr>}gs;
    is_deeply [grep { !m{\A<td colspan="\d+" class="bad">its node of the cluster does not answer</td>\z} } @rows], [],
        '  in each of its rows, without a number';
    is scalar(@rows), 2, '  of what waits, and of the counters';
}
my $json = decode_json($site->get('/crm360-status?format=json')->{content});
is_deeply [map { $_->{away} ? 1 : 0 } sort { "$a->{customer}/$a->{database}" cmp "$b->{customer}/$b->{database}" }
    @{ $json->{databases} }], [map { $_ eq $gone ? 1 : 0 } sort $here, $gone, $third], '  and its JSON';
my $metrics = $site->get('/crm360-status?format=prometheus')->{content};
my ($customer, $alias) = split m{/}, $gone;
unlike $metrics, qr/^crm360_waiting_bytes\{[^}]*"\Q$alias\E"/m, '  and the metrics of what is not seen are left out';
like $metrics, qr/^crm360_redis_up(?:\{[^}]*\})? 1$/m, '  while Redis is up';
# Only a look at all of them is told to the page of mod_status.
like $site->get('/server-status?auto')->{content}, qr/^Crm360Due: 1$/m, '  and mod_status has no sums of a part';
$site->done;
