# crm360ctl as an operator has it: in a pipe, and on a terminal.
#
#   my $ctl = Crm360::Ctl->new($site);
#   my ($status, $output, $errors) = $ctl->run('list', 'acme/prod');
#   my @objects = $ctl->json('list', 'acme/prod');          # dies unless it succeeds
#   my ($status, $screen) = $ctl->on_terminal(80, 'status'); # output and errors as they come
#   $ctl->when_it_looks(sub { ... });                        # starts a tail, see below
#   $ctl->bury('Shopify/Order/Insert', reason => 'no');      # makes messages, see below
package Crm360::Ctl;

use strict;
use warnings;

use Crm360::Test;
use JSON::PP;

my $HEAD = <<'END';
POST /ProcessManagement/Connector/Standard/QueueProcess/%s/%s?SourceId=12 HTTP/1.1
Crm360-Id: %s
Crm360-Received: 2026-11-23T15:58:00.123456Z
Crm360-Customer: %s
Crm360-Database: %s
Crm360-Route: %s
Crm360-Source-Id: 12
Crm360-Peer: 192.0.2.7
Crm360-Origin: none
Host: crm.example.com
Content-Type: application/json
Content-Length: %d

END

sub new {
    my ($class, $site) = @_;
    return bless { site => $site, program => build() . '/crm360ctl', number => 0 }, $class;
}

sub program { return $_[0]{program} }

# The command as a shell takes it.
sub line {
    my ($self, @words) = @_;
    return join ' ', map { "'" . s/'/'\\''/gr . "'" } $self->{program}, '-c', $self->{site}->conf, @words;
}

# Exit status, standard output, standard error. Neither is a terminal.
sub run {
    my ($self, @words) = @_;
    my $errors = $self->{site}->dir . '/errors';

    open my $out, '-|', $self->line(@words) . " 2>$errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp($errors));
}

# The objects that it prints, one a line.
sub json {
    my ($self, @words) = @_;
    my ($status, $text, $errors) = $self->run(@words, '--json');

    die "@words: exit status $status: $errors" if $status;
    return map { decode_json($_) } split /^/, $text;
}

# Exit status, and what a terminal of that many columns shows.
sub on_terminal {
    my ($self, $columns, @words) = @_;
    my $file = $self->{site}->dir . '/terminal';
    my $line = "stty columns $columns; TERM=xterm " . $self->line(@words);

    my ($status) = $self->{site}->run('script', '-qec', $line, $file);
    my $screen = slurp($file);
    $screen =~ s/\AScript started[^\n]*\n//;
    $screen =~ s/\n?Script done[^\n]*\n\z//;
    return ($status, $screen =~ s/\r\n/\n/gr);
}

# Calls start->(), which starts a tail, and returns what it does when that has looked for the first time. That look
# prints nothing; but in Redis there is a client more whose last question was the last one of a look.
sub when_it_looks {
    my ($self, $start) = @_;
    my $clients = sub { return $self->{site}->redis('CLIENT', 'LIST') =~ /^(id=\d+) .* cmd=hmget /mg };
    my %before = map { $_ => 1 } $clients->();
    my @started = $start->();

    wait_until { grep { !$before{$_} } $clients->() } 20, 'crm360ctl tail looks';
    return @started;
}

# ---- messages, straight into Redis ----

sub now_ms {
    my ($self) = @_;
    my ($seconds, $micro) = @{ $self->{site}->redis('TIME') };
    return $seconds * 1000 + int($micro / 1000);
}

# A stored message, in no queue yet. Returns its id.
sub store {
    my ($self, $route, %more) = @_;
    my $database = $more{database} // 'acme/prod';
    my ($customer, $alias) = split m{/}, $database;
    my $body = $more{body} // '{"id":1}';
    my $id = sprintf '01JDCW3T2XQ5M7V9K0C4%06d-%s', ++$self->{number}, $route =~ tr{/}{-}r;
    my $text = sprintf $HEAD, $database, $route, $id, $customer, $alias, $route, length $body;

    $text =~ s/\n/\r\n/g;
    $self->{site}->redis('SET', $self->{site}->key($database, "message:$id"), $text . $body);
    return $id;
}

# One that waits: visible in `in` seconds (0; less than 0 = since), in `lane`; `attempts` and `reason` are
# what it has been through; `worker` holds it.
sub wait_for {
    my ($self, $route, %more) = @_;
    my $id = $self->store($route, %more);
    my $now = $self->now_ms;
    my $key = sub { $self->{site}->key($more{database} // 'acme/prod', $_[0]) };
    my $lane = $key->($more{lane} // 'live');

    $self->{site}->redis('ZADD', $lane, $now + 1000 * ($more{in} // 0), $id);
    $self->remember($id, $now, %more) if $more{reason};
    $self->{site}->redis('HSET', $key->('claims'), $id, encode_json({
        token => 't1', worker => $more{worker}, since => $now - 5000, due => $now - 9000,
    })) if $more{worker};
    $self->{site}->redis('PUBLISH', 'crm360:1:wake', "$lane $now");
    return $id;
}

# A dead letter that died `ago` seconds ago of `reason`.
sub bury {
    my ($self, $route, %more) = @_;
    my $id = $self->store($route, %more);
    my $at = $self->now_ms - 1000 * ($more{ago} // 0);

    $self->{site}->redis('ZADD', $self->{site}->key($more{database} // 'acme/prod', 'dead'), $at, $id);
    $self->remember($id, $at, %more);
    return $id;
}

sub remember {
    my ($self, $id, $at, %more) = @_;

    $self->{site}->redis('HSET', $self->{site}->key($more{database} // 'acme/prod', 'failures'), $id,
        encode_json({
            attempts => $more{attempts} // 1, crashes => 0, expiries => 0, lane => $more{lane} // 'live',
            errors => [{ at => $at - 60_000, reason => 'an earlier one' },
                { at => $at, reason => $more{reason} // 'no' }],
        }));
    return;
}

1;
