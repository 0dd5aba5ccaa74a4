# doc/tutorial.txt, word for word: its commands are typed, one after the other, on a terminal in a clean Debian that is
# booted, and what they print is compared with what is printed there.
#
# In what is printed there, "..." stands for anything within a line, and alone on a line for any lines. Times and ages
# are any; a message id is another one each run, but the same wherever it stands. Blanks count as one. A command that
# only looks is repeated for some time, as a reader would.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Crm360::Tree;
use Test::More;
use Time::HiRes qw(sleep time);

my $PATIENCE_SECONDS = 40;
my $ULID = qr/01[0-9A-HJKMNP-TV-Z]{24}/;
my $LOOKS = qr/\A(?:sqlite3 \S+ 'select|curl|journalctl|redis-cli|crm360ctl (?:list|dead list|trace)|ls|systemctl is-)/;

# What differs, where the tutorial has an example of it.
my @ANY = (
    [qr/\.\.\./, '[^\n]*'],
    [qr/\d\d:\d\d:\d\d(?=, )/, '\d\d:\d\d:\d\d'],
    [qr/\d+ ?s ago/, '\d+ ?(?:ms|s|min|m) ago'],
);

# The commands, each with what it prints: [line number, command, [lines]].
sub commands_of {
    my (@lines) = split /\n/, slurp(root() . '/doc/tutorial.txt');
    my ($command, $number, @commands) = (undef, 0);

    while (defined(my $line = shift @lines)) {
        $number++;
        next if $line eq '';
        if ($line =~ /^    # (.*)/) {
            my $text = $1;
            push @commands, [$number, undef, []];
            # As the shell reads on: a document, a backslash, an open quotation mark.
            while ($text =~ /<<'END'/ ? $text !~ /\nEND\z/
                : $text =~ /\\\z/ || ($text =~ tr/"//) % 2) {
                $text .= "\n" . (shift(@lines) =~ s/^ {4}//r);
                $number++;
            }
            $commands[-1][1] = $text;
        }
        elsif ($line =~ /^    (.*)/) {
            push @{ $commands[-1][2] }, $1;
        }
    }
    return @commands;
}

# What a terminal shows of it in the end: no colours, lines that were written over, or blanks at their ends.
sub as_shown {
    my ($text) = @_;

    $text =~ s/\r+\n/\n/g;
    $text =~ s/\e\][^\a\e]*(?:\a|\e\\)|\e\[[\d;?]*[A-Za-z]//g;
    $text = join "\n", map { s/\A.*\r//sr =~ s/\s+/ /gr =~ s/ \z//r } split /\n/, $text;
    return $text =~ s/\n*\z/\n/r;
}

my %actual; # id in the tutorial => id of this run

# A pattern for what is printed there, and the ids in it that are met for the first time.
sub pattern_of {
    my ($lines) = @_;
    my ($pattern, @new) = ('');

    for my $line (@$lines) {
        if ($line eq '...') { $pattern .= '(?:[^\n]*\n)*?'; next }
        my $rest = $line =~ s/\s+/ /gr;
        PIECE: while ($rest ne '') {
            for my $any (@ANY) {
                if ($rest =~ s/\A$any->[0]//) { $pattern .= $any->[1]; next PIECE }
            }
            if ($rest =~ s/\A($ULID)//) {
                my $id = $1;
                if ($actual{$id}) { $pattern .= $actual{$id}; next }
                if (grep { $_ eq $id } @new) { $pattern .= "\\g{id$id}"; next }
                push @new, $id;
                $pattern .= "(?<id$id>$ULID)";
                next;
            }
            $rest =~ s/\A(.)//s;
            $pattern .= quotemeta $1;
        }
        $pattern .= '\n';
    }
    return (qr/\A$pattern\n?\z/, @new);
}

my $tree = Crm360::Tree->boot($ENV{CRM360_PACKAGES} || build() . '/packages');
symlink 'older', $tree->path('/root/packages') or die "packages: $!\n";
symlink 'new', $tree->path('/root/packages-new') or die "packages-new: $!\n";
# A terminal of that size; nothing waits for a key in it.
spew($tree->path('/root/.terminal'), "stty cols 130 rows 50\nexec sh /root/.command\n");

sub type {
    my ($command) = @_;

    spew($tree->path('/root/.command'), "$command\n");
    my ($code, $output) =
        $tree->run("TERM=xterm SYSTEMD_PAGER= script -qec 'sh /root/.terminal' /dev/null </dev/null");
    return ($code, as_shown($output));
}

my @commands = commands_of();
cmp_ok scalar @commands, '>', 30, 'commands: ' . @commands;
for my $command (@commands) {
    my ($number, $text, $lines) = @$command;
    my $until = time + ($text =~ $LOOKS ? $PATIENCE_SECONDS : 0);
    my ($pattern, @new) = pattern_of($lines);
    my ($code, $output, $fits, %met);

    $text =~ s/($ULID)/$actual{$1} || $1/ge;
    for (;;) {
        ($code, $output) = type($text);
        $fits = ($output eq "\n" ? '' : $output) =~ $pattern;
        %met = %+ if $fits;
        last if $fits && !$code || time > $until;
        sleep 0.3;
    }
    $actual{$_} = $met{"id$_"} for $fits ? @new : ();
    ok $fits && !$code, "line $number: " . (split /\n/, $text)[0];
    if (!$fits || $code) {
        diag "exit code $code\nprinted:\n$output\nin the tutorial:\n" . join "\n", @$lines;
        last;
    }
}
is keys(%actual), 5, 'messages whose ids were followed: ' . keys %actual;
$tree->stop;
done_testing;
