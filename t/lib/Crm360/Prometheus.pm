# A Prometheus server of a test, with the rules of conf/prometheus and a look at the site every second; asked through
# its HTTP API. What the rules wait for, and the windows of their rates, are made short in a copy; nothing else is.
#
#   my $prometheus = Crm360::Prometheus->start($site, '/crm360-status');
#   $prometheus->firing                              # names of the alerts that fire
#   $prometheus->query('crm360_redis_up')            # the samples of now
#   $prometheus->stop
package Crm360::Prometheus;

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(sleep time);

use Crm360::Port qw(free_port);
use Crm360::Process;
use Crm360::Test ();

my $WINDOW = '12s'; # a crm360d tells its own numbers every 5 s

# The rules as they stand in the tree.
sub rules { return Crm360::Test::slurp(Crm360::Test::root() . '/conf/prometheus/crm360.rules.yml') }

# [ { alert => NAME, expr => TEXT, text => all of the rule }, ... ]. The file is ours, so lines are enough.
sub alerts {
    my @alerts;

    for my $text (split /^ +- (?=alert: )/m, rules()) {
        my ($name) = $text =~ /\Aalert: (\w+)$/m or next;
        my ($expr) = $text =~ /^ +expr: (?:>-\n)?(.*?)(?=^ +(?:for|labels):)/ms or die "$name has no expr\n";
        push @alerts, { alert => $name, expr => $expr, text => $text };
    }
    return @alerts;
}

sub start {
    my ($class, $site, $path) = @_;
    my $dir = $site->dir . '/prometheus';
    my $self = bless { dir => $dir, http => HTTP::Tiny->new(timeout => 10), since => time }, $class;

    mkdir $dir or die "$dir: $!\n";
    Crm360::Test::spew("$dir/crm360.rules.yml",
        rules() =~ s/^( +for:) .*/$1 1s/mgr =~ s/\[\d+[smh]\]/[$WINDOW]/gr);
    for my $try (1 .. 5) {
        my $port = free_port();
        Crm360::Test::spew("$dir/prometheus.yml", <<"END");
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [$dir/crm360.rules.yml]
scrape_configs:
  - job_name: crm360
    metrics_path: $path
    params: {format: [prometheus]}
    static_configs: [{targets: ['127.0.0.1:$site->{port}']}]
END
        $self->{base} = "http://127.0.0.1:$port";
        $self->{process} = Crm360::Process->start(name => 'prometheus', output => "$dir/out", command => [
            'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data",
            "--web.listen-address=127.0.0.1:$port", '--log.level=warn']);
        return $self if $self->_is_ready;
    }
    die "prometheus does not start:\n" . Crm360::Test::slurp("$dir/out");
}

sub _is_ready {
    my ($self) = @_;
    my $until = time + 30;

    while (time < $until && !defined $self->{process}->status) {
        return 1 if $self->{http}->get("$self->{base}/-/ready")->{success};
        sleep 0.05;
    }
    $self->{process}->stop;
    return 0;
}

# What the API answers under a path; dies with its error text.
sub _ask {
    my ($self, $path, %parameter) = @_;
    my $answer = $self->{http}->get("$self->{base}/api/v1/$path?"
            . $self->{http}->www_form_urlencode(\%parameter));
    my $json = eval { decode_json($answer->{content}) } || {};

    die "prometheus: $path: " . ($json->{error} || "$answer->{status} $answer->{reason}") . "\n"
        if ($json->{status} || '') ne 'success';
    return $json->{data};
}

sub firing {
    my ($self) = @_;
    my %names = map { ($_->{labels}{alertname} => 1) } grep { $_->{state} eq 'firing' }
        @{ $self->_ask('alerts')->{alerts} };
    return sort keys %names;
}

# The alert of that name that fires, with labels and annotations.
sub fires {
    my ($self, $name) = @_;
    my ($alert) = grep { $_->{state} eq 'firing' && $_->{labels}{alertname} eq $name }
        @{ $self->_ask('alerts')->{alerts} };
    return $alert;
}

# The samples of an expression: those of now, or all of a second each since the start.
sub query { my ($self, $expr) = @_; return $self->_ask('query', query => $expr)->{result} }

sub history {
    my ($self, $expr) = @_;
    return $self->_ask('query_range', query => $expr, start => $self->{since}, end => time, step => 1)->{result};
}

sub window { return $WINDOW }

sub stop { my ($self) = @_; return $self->{process}->stop(20) }

1;
