# The numbers that the status page gives to Prometheus are well formed, and each metric and label in the rules and the
# dashboard under conf/ is one of them.
# Plain builds only: it is about files that are no program.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Prometheus;
use Crm360::Spool;
use Crm360::Test;
use JSON::PP;
use Test::More;

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => "Crm360WaitingMost 50\nCrm360WaitingBytes 1M\nCrm360Rate Zendesk 1/h\n" },
    server => "<Location /crm360-status>\n    SetHandler crm360-status\n</Location>\n",
);
Crm360::Spool::make($site, '64M');
$site->start;
$site->expect_log(qr/CRM0311/, qr/CRM0220/);

# ---- what there is ----

# Something of everything: done, dead, paused, refused.
is $site->post($site->url('Adictiz/User/Participate', SourceId => 1), $_)->{status}, 200, "taken: $_"
    for 'done', 'reject';
$site->post($site->url('Zendesk/Ticket/Update', SourceId => 1), '{}') for 1 .. 2;
wait_until { $site->redis('ZCARD', $site->key('acme/prod', 'dead')) } 10, 'one is dead';
$site->redis('SADD', $site->key('acme/prod', 'paused'), 'batch');
my $PATH = '/crm360-status?format=prometheus';
wait_until { $site->get($PATH)->{content} =~ /^crm360_consumers 1$/m } 10, 'crm360d is there';
my $answer = $site->get($PATH);
is $answer->{status}, 200, 'the page has numbers';
like $answer->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, '  of the type that Prometheus reads';
spew($site->dir . '/metrics', $answer->{content});
is scalar `promtool check metrics <@{[$site->dir]}/metrics 2>&1`, '', 'promtool has nothing to say about them';
is $?, 0, '  and agrees';

# Name => { label => { value => 1 } }; of a histogram also its _bucket, _sum and _count.
my %metric;
for my $line (grep { !/^#/ } split /\n/, $answer->{content}) {
    my ($name, $labels) = $line =~ /^(\w+)(?:\{(.*)\})? \S+$/ or fail("no sample: $line"), next;
    $metric{$name} ||= {};
    $metric{$name}{$1}{$2} = 1 while ($labels // '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
}
cmp_ok scalar keys %metric, '>=', 30, 'there are metrics: ' . keys %metric;
# Prometheus adds these itself.
my %ADDED = map { $_ => 1 } qw(job instance);

# ---- what is asked for ----

# What is wrong with the metrics and labels of an expression.
sub faults {
    my ($where, $expr) = @_;
    my (@faults, %label);

    for my $name ($expr =~ /\b(crm360_\w+)/g) {
        push @faults, "$where: no metric $name" if !$metric{$name};
        $label{$_} = 1 for keys %{ $metric{$name} || {} };
    }
    while ($expr =~ /\b(crm360_\w+)\{([^}]*)\}/g) {
        my ($name, $selectors) = ($1, $2);
        while ($selectors =~ /(\w+)\s*(=|!=|=~|!~)\s*"([^"]*)"/g) {
            push @faults, "$where: $name has no label $1" if !$metric{$name}{$1} && !$ADDED{$1};
            push @faults, "$where: $name is never $1=$3"
                if $2 eq '=' && $1 ne 'code' && $metric{$name}{$1} && !$metric{$name}{$1}{$3};
        }
    }
    for my $list ($expr =~ /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g) {
        push @faults, map { "$where: nothing has a label $_" } grep { !$label{$_} && !$ADDED{$_} } $list =~ /\w+/g;
    }
    return @faults;
}

my @alerts = Crm360::Prometheus::alerts();
cmp_ok scalar @alerts, '>=', 15, 'there are alerts: ' . @alerts;
is scalar `promtool check rules @{[root()]}/conf/prometheus/crm360.rules.yml 2>&1 >/dev/null`, '',
    'promtool has nothing to say about them';
is $?, 0, '  and agrees';
is_deeply [map { faults($_->{alert}, $_->{expr}) } @alerts], [], 'what they ask for is there';
my $codes = slurp(root() . '/doc/errors.txt');
for my $alert (@alerts) {
    my ($name, $text) = @$alert{qw(alert text)};

    like $text, qr/^ +severity: (?:critical|warning|info)$/m, "$name: has a severity";
    like $text, qr/^ +summary: \S/m, '  says what it is in one line';
    like $text, qr/^ +description: >-\n.*(?:CRM\d{4}|doc\/|mod_crm360_webhook\(7\))/ms, '  and where to read on';
    is_deeply [grep { $codes !~ /^$_  /m } $text =~ /(CRM\d{4})/g], [], '  in codes that are explained';
    my %shown = map { $_ => 1 } $text =~ /\$labels\.(\w+)/g;
    is_deeply [grep { $alert->{expr} !~ /\b$_\b/ } sort keys %shown], [], '  with labels that it keeps';
}

# ---- the dashboard ----

my $dashboard = decode_json(slurp(root() . '/conf/grafana/crm360.json'));
my %variable = map { ($_->{name} => $_) } @{ $dashboard->{templating}{list} };
is $variable{datasource}{type}, 'datasource', 'the dashboard asks which Prometheus';
is_deeply [grep { !$variable{$_} } qw(job instance database lane)], [], '  and what to show';
my (%asked, %ids, @places);
for my $panel (grep { $_->{type} ne 'row' } @{ $dashboard->{panels} }) {
    ok !$ids{ $panel->{id} }++, "panel $panel->{title}: has an id of its own";
    for my $target (@{ $panel->{targets} }) {
        my $expr = $target->{expr};
        my %used = map { $_ => 1 } $expr =~ /\$(?!__)(\w+)/g;

        $asked{$_} = 1 for $expr =~ /\b(crm360_\w+)/g;
        is_deeply [faults($panel->{title}, $expr), grep { !$variable{$_} } keys %used], [], '  asks for what is there';
        is $target->{datasource}{uid}, '${datasource}', '  of the chosen Prometheus';
    }
    push @places, $panel;
}
is_deeply [map { faults($_->{name}, $_->{query}{query}) } grep { $_->{type} eq 'query' } values %variable], [],
    'and so do the variables';
my @overlap = grep {
    my $p = $_->{gridPos};
    grep { my $q = $_->{gridPos}; $p != $q && $p->{x} < $q->{x} + $q->{w} && $q->{x} < $p->{x} + $p->{w}
            && $p->{y} < $q->{y} + $q->{h} && $q->{y} < $p->{y} + $p->{h} } @places
} @places;
is_deeply [map { $_->{title} } @overlap], [], 'no panel covers another one';
my %unseen = map { (s/_(?:bucket|sum|count)\z//r => 1) } keys %metric;
delete $unseen{ s/_bucket\z//r } for keys %asked;
is_deeply [sort keys %unseen], [], 'and each number that there is has its place on it';
$site->done;
