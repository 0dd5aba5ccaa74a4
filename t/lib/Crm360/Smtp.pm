# SMTP servers for tests, private instances on free ports of 127.0.0.1. Two that know nothing of each other or of ours: Exim, and Python's aiosmtpd, which also
# misbehaves.
#
#   my $tls = Crm360::Smtp::certificates($dir);        # { ca, other_ca, pem, other_pem }
#   my $exim = Crm360::Smtp->exim(dir => "$dir/exim", tls => $tls) or skip ...;
#   my $fake = Crm360::Smtp->fake(dir => "$dir/fake", tls => $tls, behaviour => {...}); # tls optional
#   $fake->url;                       # smtp://localhost:PORT, smtps:// with smtps => 1
#   $fake->behave(data => '451 4.3.0 later');          # in the place of what it was told before
#   $fake->events('data');            # what it has heard: a list of hashes, see t/lib/smtp_server.py
#   $fake->mails;                     # bytes of the mails
#   $exim->delivered;                 # the same of Exim: { to, bytes } each; lines end in LF
#   Crm360::Smtp::faults($bytes);     # what is wrong with the bytes of a mail; nothing, it is hoped
# Crm360::Mail reads them.
#
# A behaviour names what to say in the place of the usual reply: greeting, ehlo, mail, rcpt,
# rcpt:ADDRESS, body (to DATA), data (at its end), quit. A text is a reply; 'close' hangs up (RST),
# 'silence' says nothing any more, 'slow N' waits N s; body => 'cut' hangs up in the middle of the
# mail. Also: login => [name, password]: demands that login; most => N: says 421 to the next mail after N
# of a connection; leave => '421 ...': hangs up soon after each mail, with these words or without
# (undef), and notes it as `left`; idle => N: hangs up after N s without a command; no_login => 1:
# offers no AUTH.
package Crm360::Smtp;

use strict;
use warnings;

use File::Path qw(make_path);
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(sleep time);

use Crm360::Process;
use Crm360::Test;

my $OWNER = $$;
my @servers;
my $USER = 'crm';
my $PASSWORD = 'se"cr\\et %s';

sub _openssl {
    my (@words) = @_;
    open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', 'openssl', @words
        or die "openssl: $!\n";
    local $/;
    my $output = <$pipe>;

    close $pipe or die "openssl @words: $output\n";
    return;
}

# Two authorities, and of each a certificate (with its key, in one file) for localhost and 127.0.0.1.
sub certificates {
    my ($dir) = @_;
    my %files;

    make_path($dir);
    spew("$dir/names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    for my $which ('', 'other_') {
        my $base = "$dir/$which";
        my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);

        _openssl('req', '-x509', @key, '-days', 30, '-subj', "/CN=${which}ca",
            '-keyout', "${base}ca.key", '-out', "${base}ca.pem");
        _openssl('req', @key, '-subj', '/CN=localhost', '-keyout', "${base}server.key",
            '-out', "${base}server.csr");
        _openssl('x509', '-req', '-in', "${base}server.csr", '-CA', "${base}ca.pem",
            '-CAkey', "${base}ca.key", '-CAcreateserial', '-days', 30, '-extfile', "$dir/names",
            '-out', "${base}server.crt");
        spew("${base}server.pem", slurp("${base}server.key") . slurp("${base}server.crt"));
        $files{"${which}ca"} = "${base}ca.pem";
        $files{"${which}pem"} = "${base}server.pem";
    }
    return \%files;
}

# Options: dir, tls (of certificates()), pem (another certificate), smtps => 1, behaviour.
sub fake {
    my ($class, %option) = @_;
    my $self = bless { dir => $option{dir}, smtps => $option{smtps}, tls => $option{tls},
        port => free_port() }, $class;

    make_path($self->{dir});
    $self->behave(%{ $option{behaviour} || {} });
    spew("$self->{dir}/server.pem", slurp($option{pem} || $option{tls}{pem})) if $option{tls};
    $self->start;
    return $self;
}

# Starts it, again after a stop(): on the same port.
sub start {
    my ($self) = @_;

    unlink "$self->{dir}/ledger";
    $self->{process} = Crm360::Process->start(name => 'smtp', output => "$self->{dir}/out",
        command => [root() . '/t/lib/smtp_server.py', $self->{dir}, $self->{port},
            $self->{smtps} ? 'smtps' : ()]);
    push @servers, $self;
    $self->_wait(sub { $self->events('ready') });
    return;
}

sub _wait {
    my ($self, $condition) = @_;
    my $until = time + 20;

    until ($condition->()) {
        my $output = "$self->{dir}/out";
        die "no SMTP server: " . (-e $output ? slurp($output) : 'nothing said') . "\n"
            if time > $until || defined $self->{process}->status;
        sleep 0.02;
    }
    return;
}

sub url { return ($_[0]{smtps} ? 'smtps' : 'smtp') . "://localhost:$_[0]{port}" }
sub user { return $USER }
sub password { return $PASSWORD }
sub ca { return $_[0]{tls} && $_[0]{tls}{ca} }
sub dir { return $_[0]{dir} }

sub behave {
    my ($self, %behaviour) = @_;

    spew("$self->{dir}/behaviour.new", JSON::PP->new->utf8->encode(\%behaviour));
    rename "$self->{dir}/behaviour.new", "$self->{dir}/behaviour.json" or die "behaviour: $!\n";
    return;
}

# What was heard, all of it or of one kind, since the last forget().
sub events {
    my ($self, $kind) = @_;
    my $ledger = "$self->{dir}/ledger";
    my @events = map { decode_json($_) } split /\n/, -e $ledger ? slurp($ledger) : '';

    return grep { !$kind || $_->{event} eq $kind } @events;
}

sub forget { return truncate "$_[0]{dir}/ledger", 0 }

sub mails {
    my ($self) = @_;
    return map { slurp("$self->{dir}/mail.$_->{number}") } $self->events('data');
}

sub stop {
    my ($self) = @_;
    return $self->{process} ? $self->{process}->stop(5) : undef;
}

# ---- Exim ----

# Exim lets only root and its own user run a daemon; as anybody else there is none, and undef is
# returned. STARTTLS is offered, and PLAIN and LOGIN behind it; nothing is taken without a login.
# Recipients whose address begins with "unknown" are refused, those with "busy" for now.
sub exim {
    my ($class, %option) = @_;
    my $dir = $option{dir};
    my $self = bless { dir => $dir, tls => $option{tls}, port => free_port(),
        user => $> == 0 ? 'Debian-exim' : undef }, $class;

    return if $> != 0 && ((getpwuid $>)[0] // '') ne 'Debian-exim';
    make_path($dir, map { "$dir/$_" } qw(spool log mail));
    chmod 0777, map { "$dir/$_" } qw(. spool log mail);
    spew("$dir/server.pem", slurp($option{tls}{pem}));
    spew("$dir/password", "$USER: $PASSWORD\n");
    spew("$dir/exim.conf", <<"END");
spool_directory = $dir/spool
log_file_path = $dir/log/%slog
log_selector = +smtp_connection
pid_file_path = $dir/log/pid
daemon_smtp_ports = $self->{port}
local_interfaces = 127.0.0.1
primary_hostname = mail.example.org
keep_environment =
deliver_drop_privilege = true
tls_advertise_hosts = *
tls_certificate = $dir/server.pem
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept verify = header_syntax
begin acl
check_rcpt:
  deny !authenticated = *
       message = log in first
  deny local_parts = ^unknown
       message = 5.1.1 no such person: \$local_part\@\$domain
  defer local_parts = ^busy
       message = 4.2.1 \$local_part is busy
  accept
begin routers
all:
  driver = accept
  transport = files
begin transports
files:
  driver = appendfile
  directory = $dir/mail
  maildir_format
  envelope_to_add
  delivery_date_add = false
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = \${if def:tls_in_cipher}
  server_condition = \${if and{{eq{\$auth2}{$USER}}{eq{\$auth3}{\${lookup{$USER}lsearch{$dir/password}}}}}}
  server_set_id = \$auth2
END
    $self->{process} = Crm360::Process->start(name => 'exim', output => "$dir/out",
        user => $self->{user}, command => ['/usr/sbin/exim4', '-C', "$dir/exim.conf", '-bdf']);
    push @servers, $self;
    $self->_wait(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port})
    });
    return $self;
}

# What Exim has delivered: { to => address, bytes => the mail, without what Exim wrote in front }.
sub delivered {
    my ($self) = @_;

    return map {
        my $bytes = slurp($_);
        my ($to) = $bytes =~ /^Envelope-to: (.*)$/m;
        $bytes =~ s/\A(?:(?:Envelope-to|Received|Return-path):.*\n(?:[ \t].*\n)*)*//i;
        +{ to => $to, bytes => $bytes };
    } glob "$self->{dir}/mail/new/*";
}

sub log { return slurp("$_[0]{dir}/log/mainlog") }

# ---- the bytes of mails ----

my $ATEXT = q{[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]};
my $ADDRESS = qr/$ATEXT+(?:\.$ATEXT+)*\@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+/;
my $CODED = qr/=\?UTF-8\?Q\?((?:[A-Za-z0-9!*+\/_-]|=[0-9A-F]{2})+)\?=/;
my $CODED_TEXT = qr/$CODED(?:\ $CODED)*/;
my %FIELD = ( # unfolded values
    'content-type' => qr{\Amultipart/(?:mixed|alternative);\ boundary=-{24}[0-9a-f]{16}\z},
    date => qr/\A(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\ \d\d\ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov
        |Dec)\ 20\d\d\ \d\d:\d\d:\d\d\ \+0000\z/x,
    from => qr/\A(?:(?:"(?:[ !#-\[\]-~]|\\[\\"])*"|$CODED_TEXT)\ <$ADDRESS>|$ADDRESS)\z/,
    to => qr/\A$ADDRESS(?:,\ $ADDRESS)*\z/,
    'reply-to' => qr/\A$ADDRESS\z/,
    subject => qr/\A(?:$CODED_TEXT|[!-~](?:[ -~]*[!-~])?|)\z/,
    'message-id' => qr/\A<[A-Za-z0-9._-]+\@[A-Za-z0-9.-]+>\z/,
    'auto-submitted' => qr/\Aauto-generated\z/,
    'mime-version' => qr/\A1\.0\z/,
);

sub _coded_faults {
    my ($line) = @_;
    my @faults;

    while ($line =~ /($CODED)/g) {
        my ($word, $text) = ($1, $2);
        push @faults, 'an encoded word of ' . length($word) if length $word > 75;
        push @faults, 'a line with an encoded word of ' . length($line) if length $line > 76;
        $text =~ s/=(..)/chr hex $1/ge;
        push @faults, 'half a character' if !utf8::decode($text);
    }
    return @faults;
}

# Every rule that a mail of ours must keep (RFC 5322, 2045, 2047), by the bytes: what is broken.
sub faults {
    my ($bytes) = @_;
    my ($head, $body) = $bytes =~ /\A(.*?\r\n)\r\n(.*)\z/s or return 'no header';
    my (@faults, %seen);

    push @faults, 'a bare CR or LF' if $bytes =~ /\r(?!\n)|(?<!\r)\n/;
    push @faults, 'a byte that is no printable ASCII' if $bytes =~ /[^\x20-\x7e\r\n\t]/;
    push @faults, 'a line above 998 bytes' if $bytes =~ /[^\n]{1000}/;
    push @faults, 'no CRLF at the end' if $bytes !~ /\r\n\z/;
    push @faults, 'a body line above 76' if $body =~ /^[^\r]{77}/m;
    # RFC 2045 6.7 (4): in a text that is CRLF.
    push @faults, 'an encoded line break' if $body =~ /=0[AD]/;
    for my $field (split /\r\n(?![ \t])/, $head) {
        my ($name, $value) = $field =~ /\A([A-Za-z-]+):(?: (.*))?\z/s;
        my @lines = split /\r\n/, $field;

        if (!$name || !$FIELD{ lc $name }) { push @faults, "field: $field"; next }
        $value //= '';
        push @faults, "$name twice" if $seen{ lc $name }++;
        push @faults, "$name has an empty line" if grep { !/\S/ } @lines;
        # libcurl writes Content-Type in one line.
        push @faults, "$name has a line above 78 that could be folded"
            if $name ne 'Content-Type' && grep { length > 78 && /\A\s*\S+ +\S+ / } @lines;
        push @faults, map { "$name: $_" } map { _coded_faults($_) } @lines;
        $value =~ s/\r\n(?=[ \t])//g;
        push @faults, "$name: $value" if $value !~ $FIELD{ lc $name };
    }
    push @faults, map { "no $_" } grep { !$seen{$_} }
        qw(content-type date from to subject message-id mime-version);
    return @faults;
}

END {
    my $status = $?;
    if ($$ == $OWNER) {
        $_->stop for @servers;
    }
    $? = $status;
}

1;
