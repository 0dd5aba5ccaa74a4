# One call of the system fails, at any place of a known sequence of pushes, claims, acknowledgements, exports and
# spooled messages (t/faulty/inject_run.c): nothing crashes or hangs, nothing that was said to be done is missing,
# nothing is there twice or in part, and what was not done is said not to be. Each call in turn, as far as there is
# time for it: CRM360_SEED repeats the choice.
#
# What is promised when memory ends: a pool of APR gets none, and the program says so and ends (httpd's children do
# that by httpd's own rule, workers with CRM0323); json-c, libcrypto and the program itself get none, and the call
# comes back as an error. hiredis does either: where it calls abort(), the process is gone as after a crash, and
# what it had acknowledged is there all the same.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use List::Util qw(shuffle);
use Test::More;

my $EACH = fast() ? 12 : 4; # most runs of one class and way
my $SECONDS = 20;             # that no run ever takes
my $seed = $ENV{CRM360_SEED} // int rand 1_000_000;
srand $seed;
note "CRM360_SEED=$seed";

my @ways = (
    ['memory', 'ENOMEM'], ['pool', 'ENOMEM'],
    ['read', 'short'], ['read', 'EINTR'], ['read', 'EIO'], ['read', 'ECONNRESET'],
    ['write', 'short'], ['write', 'EINTR'], ['write', 'ENOSPC'], ['write', 'ECONNRESET'],
    ['open', 'EMFILE'], ['open', 'EACCES'], ['sync', 'EIO'], ['rename', 'ENOSPC'], ['close', 'EIO'],
    ['connect', 'ECONNREFUSED'], ['connect', 'EINTR'], ['poll', 'EINTR'], ['poll', 'ENOMEM'],
    ['look', 'EIO'], ['change', 'EIO'],
);

my $site = Crm360::Test->new;
$site->start_redis;
my $dir = $site->dir . '/inject';
my $spool = "$dir/spool";
my $export = "$dir/export";
mkdir $dir;
mkdir $spool;
chmod 02770, $spool;
mkdir $export;
spew("$dir/password", "secret\n");
chmod 0600, "$dir/password";
spew("$dir/crm360.conf", 'Crm360Redis unix:' . $site->redis_socket . "\nCrm360CommandTimeout 2s\n"
    . "Crm360Spool $spool 100M\nCrm360DeadLetterExport $export\n<Crm360Database acme prod>\n"
    . "Crm360DBDriver pgsql\nCrm360DBParams \"host=/none dbname=x\"\nCrm360DBPasswordFile $dir/password\n"
    . "</Crm360Database>\n");

sub id { return "01JDCW3T2XQ5M7V9K0B4Z8R6A$_[0]-Shopify-Order-Insert" }

my @letters = qw(A B C D G S T);
my %whole; # letter => the message, as a run without a failure has stored it
my $runs = 0;

# Output and exit code of a program, 128 and the number of the signal that ended it; 137 = it was ended here.
sub run {
    my @command = @_;
    my $pid = open(my $from, '-|') // die "fork: $!";

    if (!$pid) {
        open STDERR, '>&', \*STDOUT or die;
        exec @command or die "$command[0]: $!";
    }
    local $SIG{ALRM} = sub { kill KILL => $pid };
    alarm $SECONDS;
    my $output = do { local $/; <$from> };
    close $from;
    alarm 0;
    return ($output, $? & 127 ? 128 + ($? & 127) : $? >> 8);
}

# Runs the sequence once. What it said is done and not done, its counts, and how it ended.
sub sequence {
    my ($what) = @_;
    my %said = (customer => 'i' . ++$runs, done => {}, not => {}, calls => {}, what => $what);
    my $program = build() . '/t/inject_run';

    unlink glob "$spool/* $spool/.new-*";
    # hiredis keeps some bytes when it gets no others.
    local $ENV{ASAN_OPTIONS} = join ':', $ENV{ASAN_OPTIONS} // (), 'detect_leaks=0' if $what =~ /^memory/;
    my ($output, $code) = run($program, "$dir/crm360.conf", $said{customer}, $what);
    @said{qw(output code)} = ($output, $code);
    for my $line (split /\n/, $output) {
        $said{done}{"$1 $2"}++ if $line =~ /^done (\w+) (\S)/;
        $said{not}{"$1 $2"}++ if $line =~ /^not (\w+) (\S)/;
        $said{calls}{$1} = $2 if $line =~ /^calls (\w+) (\d+)/;
        $said{failed} = $1 if $line =~ /^failed (\w+)/;
    }
    return \%said;
}

# Where everything is afterwards: letter => { live, dead, message, claim, file }.
sub places {
    my ($customer) = @_;
    my %key = map { $_ => "crm360:1:{$customer/prod}:$_" } qw(live dead claims);
    my %live = map { $_ => 1 } @{ $site->redis('ZRANGE', $key{live}, 0, -1) };
    my %dead = map { $_ => 1 } @{ $site->redis('ZRANGE', $key{dead}, 0, -1) };
    my %claim = map { $_ => 1 } @{ $site->redis('HKEYS', $key{claims}) };
    my $messages = $site->redis('MGET', map { "crm360:1:{$customer/prod}:message:" . id($_) } @letters);
    my %place;

    for my $i (0 .. $#letters) {
        my $id = id($letters[$i]);
        my $file = "$spool/$id.msg";
        $place{ $letters[$i] } = { live => $live{$id}, dead => $dead{$id}, claim => $claim{$id},
            message => $messages->[$i], file => -e $file ? slurp($file) : undef };
    }
    return \%place;
}

# What does not fit together, whoever said what.
sub misplaced {
    my ($place) = @_;
    my @wrong;

    for my $letter (@letters) {
        my %at = %{ $place->{$letter} };
        push @wrong, "$letter is alive and dead" if $at{live} && $at{dead};
        push @wrong, "$letter is queued without a message" if ($at{live} || $at{dead}) && !defined $at{message};
        push @wrong, "$letter is stored and in no queue" if defined $at{message} && !$at{live} && !$at{dead};
        push @wrong, "$letter is held and not in its queue" if $at{claim} && !$at{live};
        push @wrong, "$letter is not what was pushed" if defined $at{message} && $at{message} ne $whole{$letter};
        push @wrong, "$letter is spooled in part"
            if defined $at{file} && substr($at{file}, -length $whole{$letter}) ne $whole{$letter};
    }
    return @wrong;
}

# What was said to be done and is not.
sub untrue {
    my ($said, $place) = @_;
    my ($done, $not) = @{$said}{qw(done not)};
    my @wrong;

    for my $letter (qw(A B C D G)) {
        my %at = %{ $place->{$letter} };
        my $pushed = $done->{"push $letter"};
        # A program that ended between the last message that it read and the answer to its ack has acknowledged it.
        my $acked = $done->{"ack $letter"} || $not->{"ack $letter"} || ($said->{code} && $done->{'whole G'});
        push @wrong, "$letter was pushed and is lost" if $pushed && !$at{live} && !$at{dead} && !$acked;
        push @wrong, "$letter was given back and is held" if $done->{"release $letter"} && $at{claim};
    }
    push @wrong, 'A is done and there' if $done->{'ack A'} && grep { defined } @{ $place->{A} }{qw(live message claim)};
    push @wrong, 'B failed and its place is not the queue' if $done->{'retry B'} && !$place->{B}{live};
    push @wrong, 'C was buried and is not dead'
        if $done->{'bury C'} && !$place->{C}{dead} && !$done->{'redrive C'} && !$not->{'redrive C'};
    push @wrong, 'C was redriven and is not alive' if $done->{'redrive C'} && !$place->{C}{live};
    for my $letter (qw(S T)) {
        my %at = %{ $place->{$letter} };
        push @wrong, "$letter was spooled and is lost"
            if $done->{"spool $letter"} && !defined $at{file} && !$at{live};
        push @wrong, "$letter was carried and is not in Redis" if $done->{"carry $letter"} && !$at{live};
        push @wrong, "$letter was removed and lies in the spool" if $done->{"remove $letter"} && defined $at{file};
    }
    push @wrong, 'a message that was fetched is not the one that was pushed' if grep { /^whole/ } keys %$not;
    return @wrong;
}

# The spool counts what lies in it, at the least when nothing does.
sub miscounted {
    my ($said) = @_;
    my ($usage) = -e "$spool/usage" ? slurp("$spool/usage") =~ /^(\d+)$/m : 0;
    my @left = glob "$spool/*.msg $spool/.new-*";

    return if !$said->{done}{'settle -'} || grep { -e } @left;
    return $usage == 0 ? () : "the spool is empty and counts $usage bytes";
}

# The export: whole lines, and those that were said to be there.
sub exported {
    my ($said) = @_;
    my ($file) = glob "$export/$said->{customer}\@*";
    my $text = $file ? slurp($file) : '';
    my @wrong;

    push @wrong, 'a line of the export is cut' if length $text && $text !~ /\A(?:\{.*\}\n)+\z/;
    push @wrong, 'C was exported and is in no file' if $said->{done}{'export C'} && $text !~ /\Q@{[id('C')]}\E/;
    push @wrong, 'C is exported twice' if ($text =~ tr/\n//) > 1;
    return @wrong;
}

# How it may end.
sub ended {
    my ($said, $class) = @_;
    my $code = $said->{code};

    return if $code == 0;
    return if $code == 3 && $said->{output} =~ /^configuration refused: \S/m;
    return if $code == 4 && $class eq 'pool' && $said->{output} =~ /^out of memory$/m;
    return if $code == 1 && $said->{output} =~ /^no access to the queue$/m;
    return if $code == 134 && $class eq 'memory' && $said->{output} !~ /AddressSanitizer|runtime error/;
    return $code == 137 ? "it hung for $SECONDS s" : "it ended with $code";
}

# A flush or rename that failed and was not told of is a promise that nobody keeps.
sub hidden {
    my ($said) = @_;

    return unless ($said->{failed} // '') =~ /^(?:fsync|fdatasync|rename|renameat|writev|ftruncate64)$/
        && $said->{what} !~ /:(?:EINTR|short)$/;
    return if %{ $said->{not} } || $said->{code};
    return "$said->{failed} failed and nobody was told";
}

# ---- without a failure ----

my $clean = sequence('');
is $clean->{code}, 0, 'without a failure the sequence goes to its end' or diag $clean->{output};
is_deeply [sort keys %{ $clean->{not} }], [], '  and every step is done';
is scalar(keys %{ $clean->{done} }), 33, '  all of them';
my $place = places($clean->{customer});
%whole = map { $_ => $place->{$_}{message} } @letters;
like $clean->{calls}{$_}, qr/^[1-9]/, "  it has calls of class $_: $clean->{calls}{$_}"
    for sort keys %{ { map { $_->[0] => 1 } @ways } };

# A is gone at the end; what it was like shows another, which differs from it by its letter.
$whole{A} = $whole{D} =~ s/\Q@{[id('D')]}\E/id('A')/er =~ s/X-Letter: D/X-Letter: A/r =~ s/D(?=D*\z)/A/gr;
is_deeply [misplaced($place), untrue($clean, $place), exported($clean)], [], '  and everything is where it belongs';

# ---- each in turn ----

for my $way (@ways) {
    my ($class, $how) = @$way;
    my $calls = $clean->{calls}{$class};
    my @turns = (shuffle 1 .. $calls)[0 .. ($calls < $EACH ? $calls : $EACH) - 1];
    my (@complaints, $told, $ended, $struck);

    for my $turn (sort { $a <=> $b } @turns) {
        my $said = sequence("$class:$turn:$how");
        my $place = places($said->{customer});
        my @wrong = (ended($said, $class), misplaced($place), untrue($said, $place), exported($said), miscounted($said),
            hidden($said));

        push @complaints, map { "$said->{what}" . ($said->{failed} ? " ($said->{failed})" : '') . ": $_" } @wrong;
        $told++ if %{ $said->{not} };
        $ended++ if $said->{code};
        $struck++ if $said->{failed} || $said->{code};
    }
    ok !@complaints && $struck, sprintf '%s, %s: %d of %d calls, %d told, %d ended the program, %d made good',
        $class, $how, scalar @turns, $calls, $told // 0, $ended // 0, @turns - ($told // 0) - ($ended // 0);
    diag "  $_" for @complaints[0 .. ($#complaints < 9 ? $#complaints : 9)];
}

$site->done;
