# The manual pages describe exactly the directives of the table in core/config_table.c, each once, on the page of its
# context and with the facts of the table; what its syntax says about the number of arguments is what the reader of
# the file says; and each example is read without complaint by the real parsers, that of crm360d and that of httpd.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $PAGE = 'man/crm360.conf.5';
my %PAGE_OF = ('inside <Location> of httpd' => 'man/mod_crm360_webhook.7'); # of all other contexts the first
chdir root() or die;

# ---- the table, as --help lists it ----

my (%table, @names);
for (split /^(?=Crm360)/m, `@{[build()]}/crm360d --help` =~ /^(Crm360.*)/ms ? $1 : '') {
    my ($syntax, $context, $default, $range, $readers) =
        /^(.+)\n    Stands: (.+?)\. Default: (.+?)\.(?: Range: (.+?)\.)? Read by: (.+)\.\n/
        or die "the listing has another form: $_";
    my ($name) = $syntax =~ /^(\w+)/;
    push @names, $name;
    $table{$name} = { Syntax => $syntax, Context => $context, Default => $default, 'Read by' => $readers,
        ($range ? (Range => $range) : ()) };
}
cmp_ok scalar @names, '>=', 45, 'there is a table: ' . @names;

# ---- the pages ----

# A value as it is printed: "\(dq" is a quotation mark, \e a backslash.
sub printed {
    my ($text) = @_;
    $text =~ s/^\.Li "(.*)"$/$1/;
    return $text =~ s/\\\(dq/"/gr =~ s/\\e/\\/gr;
}

my (%described, %example, %times);
for my $page ($PAGE, values %PAGE_OF) {
    my $source = slurp($page);
    while ($source =~ /^\.It Ic (Crm360\w+)$(.*?)(?=^\.It Ic <?Crm360|^\.S[sh] |\z)/msg) {
        my ($name, $text) = ($1, $2);
        my ($list, $meaning) = $text =~ /\A\n\.Bl -tag -width "Context:" -compact\n(.*?)^\.El\n\.Pp\n(.*)/ms
            or fail("$page, $name: another form"), next;
        my ($facts, $example) = $list =~ /\A(.*)^\.It Example:\n\.Bd -literal -compact\n(.+)^\.Ed\n\z/ms
            or fail("$page, $name: no example"), next;
        my %facts = map { printed($_) } $facts =~ /^\.It (.+):\n(.+)$/mg;
        $times{$name}++;
        $described{$name} = { page => $page, facts => \%facts, meaning => $meaning,
            order => join ' ', $facts =~ /^\.It (.+):$/mg };
        $example{$name} = printed($example);
    }
}
is_deeply [sort keys %described], [sort @names], 'the pages describe the directives of the table';
is_deeply [grep { $times{$_} != 1 } sort keys %times], [], 'each of them once';
for my $name (grep { $described{$_} } @names) {
    my ($entry, $row) = ($described{$name}, $table{$name});

    is_deeply $entry->{facts}, $row, "$name: syntax, default, context, readers and range are those of the table";
    is $entry->{page}, $PAGE_OF{ $row->{Context} } || $PAGE, "$name: it stands on the page of its context";
    is $entry->{order}, join(' ', 'Syntax', 'Default', $row->{Range} ? 'Range' : (), 'Context', 'Read by'),
        "$name: in the order of all";
    like $entry->{meaning}, qr/\A[^.\n][^\n]*\w/, "$name: it says what it is for";
    like $example{$name}, qr/\A(?:$name .+\n)+\z/, "$name: its example is about it";
}

# ---- arguments ----

my $site = Crm360::Test->new;
my $dir = $site->dir;

# How many arguments a syntax asks for: [at least, at most], without the second where it has "...".
sub arguments {
    my ($syntax) = @_;
    my ($least, $most) = (0, 0);

    $syntax =~ s/^\w+ //;
    $syntax =~ s/ \| /|/g; # alternatives are one argument
    while ($syntax =~ /\G\s*(\[?)(\S+?(?:\[[^\]\s]*\])?\S*)/g) {
        my ($optional, $word) = ($1, $2);
        $word eq '...' || $word eq '...]' ? undef $most : $most++;
        $least++ if !$optional && $word !~ /\A\.\.\./;
    }
    return [$least, $most];
}

# What a program says of a file with this text: exit code and output.
sub test_file {
    my ($text) = @_;

    spew($site->conf, "Crm360Redis unix:$dir/redis.sock\n" x ($text !~ /^\s*Crm360Redis /m) . $text);
    return $site->run(build() . '/crm360d', '-t', '-c', $site->conf);
}

sub section { return "<Crm360Database acme prod>\n$_[0]</Crm360Database>\n" }

# What the reader of a place says about a text in it; that of <Location> is httpd. Exit code and output.
sub read_in {
    my ($context, $text) = @_;

    return test_file($context =~ /Database/ ? section($text) : $text) if $context !~ /Location/;
    test_file('');
    $site->{server} = "<Location /example>\n$text</Location>\n";
    my @result = $site->configtest;
    $site->{server} = '';
    return @result;
}

for my $name (@names) {
    my $context = $table{$name}{Context};
    my ($code, $output) = read_in($context, "$name\n");
    my ($takes) = $output =~ /takes (.*?) arguments?, 0 given/;
    my ($least, $most) = ($takes // '') =~ /^(\d+)(?: to (\d+))?/;
    my ($says_least, $says_most) = @{ arguments($table{$name}{Syntax}) };

    $most //= $least;
    is $least, $says_least, "$name: its syntax says how many arguments it needs";
    defined $says_most
        ? is $most, $says_most, "$name: and how many it may have"
        : cmp_ok $most // 0, '>', 5, "$name: and that there may be many";
    # One of the two places of the file where it does not belong.
    my $elsewhere = $context =~ /Database/ ? 'at server level' : 'inside <Crm360Database>';
    ($code, $output) = read_in($elsewhere, "$name x\n");
    like $output, qr/\b$name: belongs \Q$context\E/, "$name: and where it stands";
}

# ---- examples ----

# What an example needs beside it, so that crm360d is content.
my $SQLITE = qq(Crm360DBDriver sqlite3\nCrm360DBParams "$dir/x.db"\n);
my %needs = (
    Crm360DBDriver => "Crm360DBParams \"host=127.0.0.1 dbname=acme user=crm360\"\n",
    Crm360DBParams => "Crm360DBDriver sqlite3\n",
    Crm360DBPasswordFile => "Crm360DBDriver pgsql\nCrm360DBParams \"host=127.0.0.1 dbname=acme user=crm360\"\n",
    Crm360SentinelUser => "Crm360SentinelPasswordFile $dir/sentinel\n",
    Crm360Mailer => "${SQLITE}Crm360EmailFrom crm360\@example.com\n",
);

# The example with the folders and files of this test, all of which are there.
sub here {
    my ($text) = @_;

    $text =~ s{/(?:etc|var/lib|var/spool)/crm360\b}{$dir/site}g;
    $text =~ s/^Crm360User \Kcrm360$/nobody/m;
    return $text;
}

# Whole files at the end of the page, and lines for each platform in its middle.
my ($end, @blocks) = (slurp($PAGE) =~ /^\.Sh EXAMPLES$(.*)/ms)[0];
push @blocks, printed($1) while $end =~ /^\.Bd -literal\n(.*?)^\.Ed/msg;
is scalar @blocks, 2, 'there are examples of whole files';
my @lines = slurp($PAGE) =~ /^\.Dl (Crm360Origin .*)/mg;
cmp_ok scalar @lines, '>=', 10, 'and lines for platforms: ' . @lines;
push @blocks, map { section("$SQLITE$_\n") } @lines;

spew("$dir/sentinel", "secret-of-a-test\n");
chmod 0600, "$dir/sentinel";
mkdir "$dir/site" or die;
chmod 0700, "$dir/site";
for my $file (join('', @blocks, values %example) =~ m{/etc/crm360/([\w.-]+)}g) {
    # What the schemes want: a user with a password, or the key of Standard Webhooks.
    spew("$dir/site/$file", join('', @blocks) =~ m{standard-webhooks \S+/\Q$file\E}
        ? "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n" : "user:secret-of-a-test\n");
    chmod 0600, "$dir/site/$file";
}
for my $name (grep { $example{$_} } @names) {
    my ($context, $example) = ($table{$name}{Context}, here($example{$name}));

    $example = ($needs{$name} // ($context =~ /Database/ ? $SQLITE : '')) . $example;
    my ($code, $output) = read_in($context, $example);
    is $code, 0, "$name: its example is read" or diag $output;
    unlike $output, qr/warning|error/i, '  and nothing is to be said about it';
    next if $context =~ /Location/;
    ($code, $output) = $site->configtest;
    is $code, 0, '  httpd reads it, too' or diag $output;
}
for my $text (map { here($_) } @blocks) {
    my ($code, $output) = test_file($text);
    is $code, 0, 'crm360d reads ' . ($text =~ /(Crm360Origin.*)/)[0] or diag $output;
    ($code, $output) = $site->configtest;
    is $code, 0, '  so does httpd' or diag $output;
}
done_testing;
