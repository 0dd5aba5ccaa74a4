# The harness of the tests: a private redis-server, httpd and crm360d in a fresh folder on free ports,
# spoken to, and stopped by their process ids whatever happens. Readiness is asked of the thing itself,
# never guessed by a time. done() fails the test when a log holds a warning that it did not announce.
#
#   use lib 't/lib';
#   use Crm360::Test;
#   my $site = Crm360::Test->new;                       # options: see new
#   $site->start;                                       # Redis, migrate, httpd, crm360d
#   my $r = $site->post($site->url('Shopify/Customer/Insert', SourceId => 1), $body);
#   is $r->{status}, 200;  is $r->{json}{Durability}, 'memory';
#   wait_until { $site->value('acme/prod', 'select count(*) from Contacts') == 1 } 5, 'the row';
#   $site->expect_log(qr/CRM0101/);                     # announced
#   $site->done;                                        # stops, looks at the logs, done_testing
#
# Environment: CRM360_BUILD (default build), CRM360_TIMING=0 (no timing assertions; waits are longer),
# CRM360_KEEP=1 (the folder stays).
package Crm360::Test;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Crm360::Fixtures;
use Crm360::Httpd;
use Crm360::Orders;
use Crm360::Port qw(free_port);
use Crm360::Process;
use Crm360::Redis;
use Crm360::Scratch qw(scratch);
use Crm360::Sqlite;

our @ISA = qw(Crm360::Fixtures Crm360::Orders Crm360::Sqlite);
our @EXPORT = qw(wait_until timing fast slurp spew root build free_port lua newest_schema);

our $MOUNT = '/ProcessManagement/Connector/Standard';

my $ROOT = abs_path(dirname(__FILE__) . '/../../..');
my $OWNER = $$;
my @sites;

$SIG{PIPE} = 'IGNORE';
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

# The checkout, and the folder of the build under test.
sub root { return $ROOT }
sub build { my $b = $ENV{CRM360_BUILD} || 'build'; return $b =~ m{^/} ? $b : "$ROOT/$b" }

# Whether timing may be asserted: not under sanitizers. A test that asks runs alone.
sub timing { return ($ENV{CRM360_TIMING} // 1) ne '0' }

# Whether the build is a fast one, so that counts may be large.
sub fast { return timing() }

sub slurp {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!\n";
    local $/;
    return scalar <$in> // '';
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return $file;
}

# The number of the newest schema file.
sub newest_schema { return scalar(my @files = glob "$ROOT/crm/schema/*-sqlite3.sql") }

# A script of the queue as it is sent to Redis.
sub lua { return slurp("$ROOT/lua/common.lua") . slurp("$ROOT/lua/$_[0].lua") }

# Calls the block until it is true; one assertion. Returns the block's value, or nothing when several times the
# `seconds` that it should take have passed: nobody is blamed for a busy machine, nor for one that stood still, so
# that the block was hardly called. An exception in the block counts as not yet.
sub wait_until (&$$) {
    my ($condition, $seconds, $what) = @_;
    my $most = $seconds * (timing() ? 3 : 6);
    my $until = time + $most;
    my ($value, $error, $asked);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for (my $calls = 1; ; $calls++) {
        $asked = time;
        $value = eval { $condition->() };
        $error = $@;
        if ($value) {
            pass $what;
            return $value;
        }
        last if time > $until && $calls > 20;
        # To ask must not be what keeps the machine from what is waited for.
        my $took = time - $asked;
        sleep($took < 0.02 ? 0.02 : $took > 0.5 ? 0.5 : $took);
    }
    fail "$what within $most s";
    diag $error if $error;
    return;
}

# Options, all optional:
#   databases => { 'acme/prod' => 'extra lines of its section', ... }   default: acme/prod; a section
#                without Crm360Origin gets "Crm360Origin * none"
#   settings  => server-level directives of crm360.conf
#   location  => directives inside the mounted <Location>
#   server    => any httpd configuration at server level (virtual hosts, other locations)
#   modules   => [names of further httpd modules]
#   mount     => path; undef = no location of ours
#   mpm       => event (default), worker or prefork
#   loglevel  => httpd's LogLevel (default info)
#   appendonly => 1: Redis keeps its data over a restart
#   consumer_program => another daemon of the build, such as t/crm360d_faulty
#   redis_goes => 1: the times in which Redis must answer are as short as usual, as it is frozen, or these times are
#                what is tested. One that is stopped refuses connections at once, whatever the times.
#   redis_password => password of Redis' default user; redis_settings => more lines of redis.conf
#   env => { httpd => {...}, crm360d => {...} }: more environment of these programs
#   redis_tcp => 1: Redis listens on $site->{redis_port} too
#   redis_set => Crm360::Sentinel or Crm360::Cluster: its servers are the Redis of this site
sub new {
    my ($class, %option) = @_;
    my $dir = scratch('crm360-XXXXXX');
    my $self = bless {
        dir => $dir,
        databases => { 'acme/prod' => '' },
        settings => '',
        mount => $MOUNT,
        %option,
        # A server that keeps nothing suits a test, and crm360d says what it thinks of it.
        # So does one that runs as whoever runs the test.
        expected => [$option{appendonly} || $option{redis_set} ? () : qr/CRM0362/, $> ? () : qr/CRM0390/],
    }, $class;

    # httpd's children are somebody else when the test runs as root.
    chmod 0755, $dir;
    mkdir "$dir/$_" or die "$dir/$_: $!\n" for qw(log htdocs redis sanitizer);
    chmod 01777, "$dir/sanitizer";
    spew("$dir/htdocs/index.html", "hello\n");
    $self->{redis_port} = free_port() if $self->{redis_tcp};
    $self->write_conf;
    push @sites, $self;
    return $self;
}

# ---- files ----

sub dir { return $_[0]{dir} }
sub conf { return "$_[0]{dir}/crm360.conf" }
sub redis_socket { return "$_[0]{dir}/redis.sock" }

# The folder of what is sent where no provider is configured.
sub outbox { return "$_[0]{dir}/outbox" }

# The SQLite file of a database, 'acme/prod'.
sub database {
    my ($self, $name) = @_;
    $name =~ tr{/}{-};
    return "$self->{dir}/$name.db";
}

# Writes crm360.conf anew from the options.
sub write_conf {
    my ($self) = @_;
    my $set = $self->{redis_set};
    my $text = 'Crm360Redis ' . ($set ? $set->url : 'unix:' . $self->redis_socket) . "\n$self->{settings}\n";

    # A machine that runs several tests may keep Redis from answering for longer than the usual half a second.
    $text .= "Crm360ConnectTimeout 5s\nCrm360CommandTimeout 10s\n"
        if !$set && !$self->{redis_goes} && $self->{settings} !~ /Crm360(?:\w+Timeout|Lease)/i;
    $text .= 'Crm360Outbox ' . $self->outbox . "\n" if $self->{settings} !~ /Crm360Outbox/i;
    for my $name (sort keys %{ $self->{databases} }) {
        my ($customer, $alias) = split m{/}, $name;
        my $extra = $self->{databases}{$name};

        $text .= "<Crm360Database $customer $alias>\n";
        $text .= "    Crm360DBDriver sqlite3\n" if $extra !~ /Crm360DBDriver/i;
        $text .= '    Crm360DBParams "' . $self->database($name) . "\"\n"
            if $extra !~ /Crm360DBParams/i;
        # A section that says nothing takes nothing. Most tests are about something else than who
        # sends, and httpd listens on 127.0.0.1; those of the origin have lines of their own.
        $text .= "    Crm360Origin * none\n" if $extra !~ /Crm360Origin/i;
        $text .= "$extra\n</Crm360Database>\n";
    }
    return spew($self->conf, $text);
}

# ---- running ----

# Environment of a program of ours, of httpd with `httpd => 1`.
sub _env {
    my ($self, %kind) = @_;
    my $log = "log_path=$self->{dir}/sanitizer/report";
    my %env = (
        LC_ALL => 'C',
        ASAN_OPTIONS => "$log:abort_on_error=0:detect_leaks=" . ($kind{httpd} ? 0 : 1),
        UBSAN_OPTIONS => "$log:print_stacktrace=1",
    );

    # httpd itself is not instrumented: the runtime must be there before our module is.
    $env{LD_PRELOAD} = _libasan() if $kind{httpd} && build() =~ /asan/;
    return \%env;
}

my $libasan;
sub _libasan {
    if (!defined $libasan) {
        open my $pipe, '-|', 'gcc', '-print-file-name=libasan.so' or die "cannot run gcc: $!\n";
        chomp($libasan = <$pipe> // '');
        close $pipe;
        $libasan = abs_path($libasan) or die "libasan.so not found\n";
    }
    return $libasan;
}

sub _spawn {
    my ($self, $name, $kind, @command) = @_;

    return Crm360::Process->start(
        name => $name,
        command => \@command,
        output => "$self->{dir}/log/$name.out",
        env => { %{ $self->_env(%$kind) }, %{ $self->{env}{$name} || {} } },
        # A graceful stop: told to stop at once, the event MPM itself may crash while it closes the
        # connections of its busy threads (seen without any module of ours).
        gently => $kind->{httpd} && ($self->{mpm} || 'event') eq 'event' ? 'WINCH' : undef,
    );
}

# Runs a program to its end. Returns its exit code (128 + signal when killed; 124 when it took longer
# than 60 s) and, as one text, its standard output and error.
sub run {
    my ($self, @command) = @_;
    my $kind = @command && ref $command[0] ? shift @command : {};
    my $file = "$self->{dir}/log/run.out";
    my ($process, $status);

    unlink $file;
    $process = $self->_spawn('run', $kind, @command);
    $status = $process->wait_end(timing() ? 60 : 180);
    $process->kill_group unless defined $status;
    return (!defined $status ? 124 : $status & 127 ? 128 + ($status & 127) : $status >> 8,
        slurp($file));
}

# Polls until `condition` is true; dies with the process' output when it ends before, or in a minute.
sub _ready {
    my ($self, $process, $condition) = @_;
    my $until = time + 60;

    while (!eval { $condition->() }) {
        if (defined $process->status) {
            die $process->name . ' ended with wait status ' . $process->status . ":\n"
                . slurp($process->{output});
        }
        if (time > $until) {
            $process->kill_group;
            die $process->name . " is not ready in time:\n" . slurp($process->{output});
        }
        sleep 0.02;
    }
    return;
}

# Everything a message needs.
sub start {
    my ($self) = @_;

    $self->start_redis;
    $self->migrate;
    $self->start_httpd;
    $self->start_consumer;
    return $self;
}

# ---- Redis ----

sub _redis_client {
    my ($self) = @_;
    my $client = Crm360::Redis->connect($self->redis_socket);

    $client->command('AUTH', $self->{redis_password}) if $self->{redis_password};
    return $client;
}

sub start_redis {
    my ($self) = @_;
    my $dir = $self->{dir};

    return $self->{redis_set}->start if $self->{redis_set};
    $self->expect_log(qr/CRM0104/) if $self->{redis}; # it comes back without its data
    spew("$dir/redis.conf", join "\n",
        'port ' . ($self->{redis_port} || 0), 'bind 127.0.0.1',
        "unixsocket $dir/redis.sock", 'unixsocketperm 777',
        "dir $dir/redis", "logfile $dir/log/redis.log", 'daemonize no', 'save ""',
        'maxmemory 2gb', 'maxmemory-policy noeviction',
        'appendonly ' . ($self->{appendonly} ? 'yes' : 'no'), $self->{redis_settings} || '',
        ($self->{redis_password} ? "requirepass $self->{redis_password}" : ''), '');
    $self->{redis} = $self->_spawn('redis', {}, 'redis-server', "$dir/redis.conf");
    delete $self->{client};
    $self->_ready($self->{redis}, sub {
        $self->{client} = $self->_redis_client;
        $self->{client}->command('PING') eq 'PONG';
    });
    return;
}

sub stop_redis {
    my ($self) = @_;
    my $status = $self->{redis} ? $self->{redis}->stop : undef;

    delete $self->{client};
    unlink $self->redis_socket;
    return $status;
}

# SIGKILL, for start_redis() behind it. It may come in the middle of a write to the append-only file, of which nothing
# has been said to anybody; the next start says that it cuts it off.
sub kill_redis {
    my ($self) = @_;

    $self->expect_log(qr/short read while loading the AOF|Truncating the AOF|AOF .* loaded anyway|AOF-loading-client/);
    $self->{redis}->signal('KILL');
    return $self->stop_redis;
}

# A frozen Redis: connections are accepted and nothing is answered. `thaw_redis` ends it.
sub freeze_redis { return $_[0]{redis}->signal('STOP') }
sub thaw_redis { return $_[0]{redis}->signal('CONT') }

# One command: $site->redis('ZRANGE', $key, 0, -1).
sub redis {
    my ($self, @words) = @_;
    return $self->{redis_set}->command(@words) if $self->{redis_set};
    my $client = $self->{client} ||= $self->_redis_client;
    $self->expect_log(qr/CRM0104/) if $words[0] =~ /\AFLUSH(?:ALL|DB)\z/;
    my @result = eval { $client->command(@words) };

    if ($@) {
        delete $self->{client} if $@ !~ /^redis: [A-Z]+ /;
        die $@;
    }
    return $result[0];
}

# The name of a key of a database: key('acme/prod', 'live').
sub key {
    my ($self, $database, $rest) = @_;
    return "crm360:1:{$database}:$rest";
}

# ---- httpd ----

sub httpd_conf {
    my ($self) = @_;

    return Crm360::Httpd::conf(
        (map { $_ => $self->{$_} } qw(dir port mount location server mpm loglevel modules)),
        docroot => "$self->{dir}/htdocs",
        module => build() . '/mod_crm360_webhook.so',
        conf => $self->conf,
    );
}

sub _httpd_command {
    my ($self, @more) = @_;
    return (Crm360::Httpd::program(), '-f', "$self->{dir}/httpd.conf", @more);
}

sub start_httpd {
    my ($self) = @_;
    my $fixed = $self->{port};

    for my $try (1 .. 5) {
        $self->{port} = $fixed || free_port();
        spew("$self->{dir}/httpd.conf", $self->httpd_conf);
        $self->{httpd} = $self->_spawn('httpd', { httpd => 1 },
            $self->_httpd_command('-DFOREGROUND'));
        return if eval {
            $self->_ready($self->{httpd}, sub {
                IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port})
                    && -s "$self->{dir}/httpd.pid"
            });
            1;
        };
        die $@ if $try == 5 || $fixed || $@ !~ /Address already in use/;
    }
    return;
}

sub stop_httpd {
    my ($self) = @_;

    delete $self->{http}; # closes the connection that it keeps
    return $self->{httpd} ? $self->{httpd}->stop : undef;
}

# apachectl configtest: exit code and output, for the configuration as the options are now.
sub configtest {
    my ($self) = @_;

    local $self->{port} = $self->{port} || 1;
    spew("$self->{dir}/httpd.conf", $self->httpd_conf) unless $self->{httpd};
    return $self->run({ httpd => 1 }, $self->_httpd_command('-t'));
}

# ---- crm360d and crm360ctl ----

sub consumer_command {
    my ($self, @more) = @_;
    return (build() . '/' . ($self->{consumer_program} || 'crm360d'), '-c', $self->conf, @more);
}

sub start_consumer {
    my ($self) = @_;
    my $pidfile = "$self->{dir}/crm360d.pid";

    unlink $pidfile;
    $self->{consumer} = $self->_spawn('crm360d', {},
        $self->consumer_command('-f', '-p', $pidfile, '-l', "$self->{dir}/log/crm360d.log"));
    $self->_ready($self->{consumer}, sub { -s $pidfile });
    return;
}

# Ends it gracefully; the wait status, 0 when all is well.
sub stop_consumer {
    my ($self) = @_;
    return $self->{consumer} ? $self->{consumer}->stop : undef;
}

# SIGKILL to the master, or to the whole process group with `group => 1`.
sub kill_consumer {
    my ($self, %option) = @_;

    return $self->{consumer}->kill_group if $option{group};
    $self->{consumer}->signal('KILL');
    return $self->{consumer}->wait_end(10);
}

# Has crm360d keep house, and waits until it has.
sub keep_house {
    my ($self) = @_;
    my $times = sub { return scalar(() = $self->log_text('crm360d') =~ /: kept house: /g) };
    my $before = $times->();
    my $until = time + 120;

    kill 'USR1', slurp("$self->{dir}/crm360d.pid") + 0;
    while ($times->() == $before) {
        die "crm360d does not keep house\n" if time > $until;
        sleep 0.02;
    }
    return;
}

sub ctl {
    my ($self, @words) = @_;
    return $self->run(build() . '/crm360ctl', '-c', $self->conf, @words);
}

sub migrate {
    my ($self) = @_;
    my ($code, $output) = $self->ctl('migrate');

    die "crm360ctl migrate: exit code $code\n$output" if $code;
    return $output;
}

# ---- HTTP ----

sub base { return "http://127.0.0.1:$_[0]{port}" }

# The path of a webhook: url('Shopify/Customer/Insert', SourceId => 1). `-database => 'acme/prod'` and
# `-process => 'EmailProcess'` may be among the parameters. Values are escaped.
sub url {
    my ($self, $route, @query) = @_;
    my ($database, $process) = ('acme/prod', 'QueueProcess');
    my @pairs;

    while (my ($name, $value) = splice @query, 0, 2) {
        if ($name eq '-database') { $database = $value; next }
        if ($name eq '-process') { $process = $value; next }
        $value =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
        push @pairs, "$name=$value";
    }
    return "$self->{mount}/$process/$database/$route" . (@pairs ? '?' . join '&', @pairs : '');
}

# One request: request('POST', $path, content => BYTES, headers => {...}). HTTP::Tiny's answer, with
# {json} where the body is JSON.
sub request {
    my ($self, $method, $path, %option) = @_;

    # httpd closes an idle connection after 5 s; what is sent just then gets no answer, and no POST is repeated.
    delete $self->{http} if time - ($self->{answered} || 0) > 2;
    my $http = $self->{http} ||= HTTP::Tiny->new(timeout => 60, max_redirect => 0);
    my $answer = $http->request($method, $path =~ /^http:/ ? $path : $self->base . $path, \%option);
    $self->{answered} = time;

    $answer->{json} = eval { decode_json($answer->{content}) }
        if ($answer->{headers}{'content-type'} || '') =~ m{^application/(?:\w+\+)?json};
    return $answer;
}

sub get {
    my ($self, $path, $headers) = @_;
    return $self->request('GET', $path, headers => $headers || {});
}

sub post {
    my ($self, $path, $content, $headers) = @_;
    return $self->request('POST', $path, content => $content,
        headers => { 'Content-Type' => 'application/json', %{ $headers || {} } });
}

# Sends bytes as they are and returns what comes until the server closes or `seconds` have passed.
sub raw {
    my ($self, $bytes, $seconds) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port})
        or die "cannot connect to httpd: $!\n";
    my ($answer, $until) = ('', time + ($seconds || 10));

    $socket->autoflush(1);
    print $socket $bytes;
    while (time < $until) {
        my $ready = '';
        vec($ready, fileno $socket, 1) = 1;
        next unless select $ready, undef, undef, 0.1;
        last unless sysread $socket, $answer, 65536, length $answer;
    }
    return $answer;
}

# ---- the end ----

# Announces warnings and errors: lines that match do not fail the test.
sub expect_log {
    my ($self, @patterns) = @_;

    push @{ $self->{expected} }, @patterns;
    return;
}

# The text of a log: httpd-error, httpd-access, crm360d, redis.
sub log_text {
    my ($self, $name) = @_;
    my $file = "$self->{dir}/log/$name.log";
    return -e $file ? slurp($file) : '';
}

# One assertion: a line that matches is, or within `seconds` will be, in a log. Announces it too.
sub wait_log {
    my ($self, $name, $pattern, $seconds, $what) = @_;

    $self->expect_log($pattern);
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    return wait_until { $self->log_text($name) =~ $pattern } $seconds || 10,
        $what || "$name log says $pattern";
}

# What counts as a warning. Redis marks such lines with '#', and writes some of them at each start.
my $SANITIZER = qr/AddressSanitizer|LeakSanitizer|runtime error:/;
my %SUSPICIOUS = (
    'httpd-error' => qr/\[\w+:(?:warn|error|crit|alert|emerg)\]|exit signal|$SANITIZER/,
    'crm360d' => qr/CRM\d{4}:|\b(?:error|warning): |$SANITIZER/,
    'redis' => qr/\ \#\ (?!oO0Oo|Redis\ version|Configuration\ loaded|Server\ initialized
        |WARNING\ Memory\ overcommit|WARNING\ .*Transparent\ Huge|WARNING:?\ The\ TCP\ backlog
        |User\ requested\ shutdown|Redis\ is\ now\ ready\ to\ exit|You\ requested\ maxclients
        |Server\ can't\ set\ maximum\ open\ files|Current\ maximum\ open\ files)/x,
);

sub _suspicious_lines {
    my ($self) = @_;
    my @lines;

    for my $name (sort keys %SUSPICIOUS) {
        push @lines, map { "$name: $_" } grep { $_ =~ $SUSPICIOUS{$name} }
            split /\n/, $self->log_text($name);
    }
    for my $name (qw(httpd crm360d redis)) {
        my $file = "$self->{dir}/log/$name.out";
        push @lines, map { "$name.out: $_" } grep { /$SUSPICIOUS{crm360d}/ }
            split /\n/, -e $file ? slurp($file) : '';
    }
    @lines = grep { my $line = $_; !grep { $line =~ $_ } @{ $self->{expected} } } @lines;
    # No test announces a report of a sanitizer.
    return (@lines, map { split /\n/, slurp($_) } glob "$self->{dir}/sanitizer/report*");
}

# Stops everything; asserts that crm360d and httpd ended well and that the logs hold nothing
# unannounced.
sub finish {
    my ($self) = @_;
    my @bad;
    local $Test::Builder::Level = $Test::Builder::Level + 2;

    delete $self->{http}; # httpd waits for a connection that is kept
    for my $name (qw(consumer httpd redis)) {
        my $process = $self->{$name} or next;
        ok !$process->ended_by_itself, $process->name . ' has not ended by itself';
        next if defined $process->status;
        my $status = $process->stop(timing() ? 15 : 60);
        is $status, 0, $process->name . ' ends well when told to';
    }
    @bad = $self->_suspicious_lines;
    # The first one is part of the name: often the only thing that is kept of a run.
    ok !@bad, 'the logs hold no unannounced warning or error' . (@bad ? ": $bad[0]" : '');
    diag $_ for @bad > 40 ? @bad[0 .. 39] : @bad;
    $self->{finished} = 1;
    return;
}

sub done {
    my ($self) = @_;

    $self->finish;
    done_testing;
    return;
}

sub _clean_up {
    my ($self, $failed) = @_;

    for my $name (qw(consumer httpd redis)) {
        $self->{$name}->stop(5) if $self->{$name};
    }
    if ($failed && !$self->{finished}) {
        for my $file (grep { -s } glob "$self->{dir}/log/*") {
            my @lines = split /\n/, slurp($file);
            diag "$file:\n", join "\n", @lines > 15 ? @lines[-15 .. -1] : @lines;
        }
    }
    if ($ENV{CRM360_KEEP}) {
        diag "kept: $self->{dir}";
        return;
    }
    remove_tree($self->{dir});
    return;
}

END {
    my $status = $?;
    if ($$ == $OWNER) {
        $_->_clean_up($status || !Test::More->builder->is_passing) for @sites;
    }
    $? = $status;
}

1;
