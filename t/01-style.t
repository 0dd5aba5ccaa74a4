# Guards on the sources: sizes, forbidden calls, who may include what. Each says how much it looked at,
# and fails when that was nothing.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Find qw(find);
use Test::More;

my $LINES_A_FILE = 700;
my $LINES_A_FUNCTION = 60;
my $LEVELS = 4;
my $COLUMNS = 100;

chdir root() or die;
my @all;
find({ no_chdir => 1, wanted => sub {
    $File::Find::prune = 1, return if m{^\./(?:build.*|run|\.git)$};
    push @all, s{^\./}{}r if -f;
} }, '.');

my @c_files = sort grep { /\.[ch]$/ } @all;
my @shipped = grep { !m{^t/} } @c_files;
my @lua = sort grep { /\.lua$/ } @all;
my @sql = sort grep { /\.sql$/ } @all;
my @scripts = sort grep { m{\.(?:t|pm)$|^(?:check|quickstart|scripts/[\w-]+|bench/[a-z]+|\.ci/run)$} }
    @all;
my %text = map { $_ => slurp($_) } @c_files, @lua, @sql, @scripts;

ok @shipped > 10, 'there are C sources to look at: ' . @shipped;
ok @lua > 3, 'there are Lua scripts to look at: ' . @lua;
ok @sql > 1, 'there are SQL files to look at: ' . @sql;
ok @scripts > 5, 'there are other scripts to look at: ' . @scripts;

# One assertion for a list of complaints.
sub none {
    my ($what, @complaints) = @_;
    ok !@complaints, $what;
    diag "  $_" for @complaints;
    return;
}

# C without comments, and with empty strings, line by line as before.
sub code {
    my ($text) = @_;
    $text =~ s{("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)*')|(/\*.*?\*/)|(//[^\n]*)}
        { defined $1 ? '""' : defined $2 ? "' '" : "\n" x (($3 // '') =~ tr/\n//) }gse;
    return $text;
}
my %code = map { $_ => code($text{$_}) } @c_files;

# ---- sizes ----

none("no file has more than $LINES_A_FILE lines",
    map { my $n = $text{$_} =~ tr/\n//; $n > $LINES_A_FILE ? "$_: $n lines" : () } @c_files, @lua,
    @scripts);

none("no line of C, Lua or SQL is longer than $COLUMNS columns", map {
    my ($file, $number) = ($_, 0);
    map { $number++; utf8::decode(my $line = $_); length $line > $COLUMNS ? "$file:$number" : () }
        split /\n/, $text{$file};
} @c_files, @lua, @sql);

my ($functions, @long, @deep) = (0);
for my $file (grep { /\.c$/ } @shipped) {
    my ($start, $name, $depth, $number) = (0, '', 0, 0);
    for my $line (split /\n/, $code{$file}) {
        $number++;
        $name = $1 if $line =~ /^\w.*?(\w+)\(/;
        if ($line =~ /^\{/) { ($start, $depth) = ($number, 0) }
        next unless $start;
        $depth += ($line =~ tr/{//) - ($line =~ tr/}//);
        push @deep, "$file:$number: $name" if $depth > $LEVELS + 1 && $line =~ /\{\s*$/;
        if ($line =~ /^\}/) {
            $functions++;
            push @long, "$file: $name: " . ($number - $start + 1) . ' lines'
                if $number - $start + 1 > $LINES_A_FUNCTION;
            $start = 0;
        }
    }
}
ok $functions > 50, "there are functions to measure: $functions";
none("no function has more than $LINES_A_FUNCTION lines", @long);
none("no function nests deeper than $LEVELS levels", @deep);

# ---- form ----

none('every source begins with a comment',
    grep { $text{$_} !~ m{\A(?:#!.*\n)?(?:/\*|--|#)} } @c_files, @lua, @sql, @scripts);
# What clang-format makes of a comment that is too long for its place.
none('no comment ends in a line without words',
    grep { $text{$_} =~ m{^ *\* \*/$}m } @c_files);
none('a comment behind code ends on its line',
    grep { $text{$_} =~ m{^[ \t]*[^\s/*].*/\*(?!.*\*/)(?!.*\\$)}m } @c_files);
none('no tab in a C source', grep { $text{$_} =~ /\t/ } @c_files);
none('every header has its guard', grep { /\.h$/ && $text{$_} !~ /^#ifndef (\w+_H)\n#define \1\n/m }
        @c_files);
# Spelt in halves, so that this file does not complain about itself.
my $unfinished = join '|', 'TO' . 'DO\b', 'FIX' . 'ME\b', 'XX' . 'X\b', 'HA' . 'CK\b';
none('nothing is left unfinished', grep { $text{$_} =~ /\b(?:$unfinished)/ } keys %text);

my @calls = qw(atoi atol atoll atof sprintf vsprintf strcpy strcat gets strtok system popen alloca
    tmpnam mktemp apr_dbd_transaction_start ap_args_to_table);
my $calls = join '|', @calls;
none('no forbidden call', map {
        my $file = $_;
        map { "$file: $_" } $code{$file} =~ /(?<![\w.>])($calls)\s*\(/g
    } @shipped);

# ---- who may include what ----

# An include of a header that matches may stand only in files that match.
my @belongs = (
    [qr{^hiredis}, qr{^core/redis_(?:private\.h|connection\.c)$}, 'hiredis'],
    [qr{^(?:httpd|http_\w+|ap_\w+|util_\w+|scoreboard|mod_\w+)\.h$}, qr{^(?:mod_crm360_|bench/mod_bench_)}, 'httpd'],
    [qr{^(?:apr_dbd|sqlite3|libpq-fe)\.h$}, qr{^crm/}, 'a database driver'],
    [qr{^curl/}, qr{^outbound/}, 'curl'],
    # Statements and rows: nobody but crm/ writes SQL.
    [qr{^crm/db_private\.h$}, qr{^crm/}, 'SQL'],
    [qr{^json-c/|^json\.h$}, qr{^(?:core|crm|handlers|outbound|consumer|ctl|mod_crm360_)}, 'json-c'],
);
# Arrows point one way: a folder may use itself and those named.
my %may_use = (
    core => [], crm => ['core'], outbound => ['core'], handlers => [qw(crm outbound core)],
    consumer => [qw(handlers crm outbound core)], ctl => [qw(crm outbound core)],
    'mod_crm360_*' => ['core'], bench => [],
);
my ($includes, @misplaced, @backwards, %seen) = (0);
for my $file (@shipped) {
    my $folder = $file =~ m{^(\w+)/} ? $1 : 'mod_crm360_*';
    my %may = map { $_ => 1 } $folder, @{ $may_use{$folder} || [] };

    fail "$file: a folder that no rule knows" if !$may_use{$folder};
    while ($text{$file} =~ /^\s*#\s*include\s+["<]([^">]+)[">]/mg) {
        my $header = $1;
        $includes++;
        for my $rule (@belongs) {
            next if $header !~ $rule->[0];
            # Our own header of that name (mod_crm360_webhook.h) belongs to us.
            next if $header =~ /^mod_crm360_/ && $file =~ /^mod_crm360_/;
            $seen{ $rule->[2] } = 1;
            push @misplaced, "$file includes $header" if $file !~ $rule->[1];
        }
        next if $header !~ m{^(\w+)/} || !$may_use{$1};
        push @backwards, "$file includes $header" if !$may{$1};
    }
}
ok $includes > 50, "there are includes to look at: $includes";
ok $seen{$_}, "$_ is included somewhere, so its rule was tried" for qw(hiredis httpd),
    'a database driver', 'json-c', 'SQL';
none('foreign headers are included where they belong', @misplaced);
none('arrows between the folders point one way', @backwards);

done_testing;
