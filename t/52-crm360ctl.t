# crm360ctl: options, exit status and what migrate says and does.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

my $dir = tempdir('crm360-ctl-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $conf = "$dir/crm360.conf";
my $program = build() . '/crm360ctl';
my $newest = newest_schema();

sub section {
    my ($customer, $alias, $file) = @_;
    return "<Crm360Database $customer $alias>\n    Crm360DBDriver sqlite3\n"
        . "    Crm360DBParams \"$file\"\n</Crm360Database>\n";
}

# Exit status, standard output, standard error.
sub ctl {
    my (@words) = @_;

    open my $out, '-|', join ' ', map({ "'$_'" } $program, @words), "2>$dir/errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp("$dir/errors"));
}

spew($conf, section('acme', 'prod', "$dir/prod.db") . section('Beta', 'test', "$dir/test.db"));

# ---- options ----

for my $case (
    [0, qr/^crm360ctl \d+\.\d+\.\d+\n\z/, qr/^\z/, '-V'],
    [0, qr/Example: .*migrate acme prod.*Crm360Redis /s, qr/^\z/, '--help'],
    [0, qr/Exit status: 0 fine, 1 failed, 2 usage, 3 configuration/, qr/^\z/, '-h'],
    [0, qr/: fine\n\z/, qr/^\z/, '-c', $conf, '-t'],
    [2, qr/^\z/, qr/a verb is missing.*usage: crm360ctl/s, '-c', $conf],
    [2, qr/^\z/, qr/there is no verb frobnicate/, '-c', $conf, 'frobnicate'],
    [2, qr/^\z/, qr/usage: crm360ctl/, '-x'],
    [2, qr/^\z/, qr/alias of acme is missing/, '-c', $conf, 'migrate', 'acme'],
    [2, qr/^\z/, qr/no customer nobody/, '-c', $conf, 'migrate', 'nobody', 'prod'],
    [2, qr/^\z/, qr{no database acme/other}, '-c', $conf, 'migrate', 'acme/other'],
    [2, qr/^\z/, qr{alias of typo is missing}, '-c', $conf, 'migrate', 'acme/prod', 'typo'],
    [2, qr/^\z/, qr{no database acme/other}, '-c', $conf, 'migrate', 'acme/prod', 'acme/other'],
    [3, qr/^\z/, qr/no-such-file/, '-c', "$dir/no-such-file", 'migrate'],
    )
{
    my ($status, $output, $errors, @words) = @$case;
    my @got = ctl(@words);

    is $got[0], $status, "@words: exit status";
    like $got[1], $output, 'output';
    like $got[2], $errors, 'errors';
}
ok !-e "$dir/prod.db", 'no database was made so far';

# ---- migrate ----

my ($status, $text, $errors) = ctl('-c', $conf, 'migrate', 'ACME', 'Prod');
is_deeply [$status, $text, $errors], [0, "acme/prod: created, schema 0 to $newest\n", ''],
    'one database, named in any case';
is sprintf('%o', (stat "$dir/prod.db")[2] & 07777), '640', 'its file has mode 0640';
ok !-e "$dir/test.db", 'the other one was not touched';

($status, $text, $errors) = ctl('-c', $conf, 'migrate');
is_deeply [$status, $text, $errors],
    [0, "acme/prod: schema $newest, nothing to do\nBeta/test: created, schema 0 to $newest\n", ''],
    'all databases';

# For programs: an object a line.
($status, $text, $errors) = ctl('-c', $conf, 'migrate', '--json');
is_deeply [$status, $errors, map { decode_json($_) } split /\n/, $text],
    [0, '', map { { database => $_, created => JSON::PP::false, from => $newest, to => $newest, error => undef } }
        'acme/prod', 'Beta/test'], 'as JSON';

# Two at once: each finds a whole schema, made once.
unlink glob "$dir/test.db*";
my @pids = map {
    my $pid = fork // die $!;
    exec "'$program' -c '$conf' migrate Beta test >>'$dir/both' 2>&1" or die $! unless $pid;
    $pid;
} 1 .. 2;
my @ended = map { waitpid $_, 0; $? } @pids;
is_deeply \@ended, [0, 0], 'two at once succeed' or diag slurp("$dir/both");
my $tables = `sqlite3 '$dir/test.db' 'select count(*) from WebhookSchema'`;
is $tables, "$newest\n", 'and the schema is there once';

# One that fails does not keep the others from their turn.
spew("$dir/broken.db", 'x' x 2000);
spew($conf,
    section('acme', 'broken', "$dir/broken.db")
        . section('acme', 'nowhere', "$dir/no-such-folder/a.db")
        . section('acme', 'fine', "$dir/fine.db"));
($status, $text, $errors) = ctl('-c', $conf, 'migrate');
is $status, 1, 'files that are no databases: exit status 1';
is $text, "acme/fine: created, schema 0 to $newest\n", 'the others are done';
like $errors, qr{acme/broken \(\Q$conf\E:1\): file is not a database}, 'what is wrong with the first';
like $errors, qr{acme/nowhere \(\Q$conf\E:5\): cannot create \S+/a.db: No such file}, 'and the second';

($status, $text) = ctl('-c', $conf, 'migrate', '--json');
my @objects = map { decode_json($_) } split /\n/, $text;
is $status, 1, 'as JSON: exit status 1, too';
is_deeply [map { "$_->{database} " . ($_->{to} // 'null') } @objects],
    ['acme/broken null', 'acme/nowhere null', "acme/fine $newest"], '  with an object for each';
like $objects[1]{error}, qr{\Acannot create \S+/a.db: No such file}, '  which says what is wrong';

system('sqlite3', "$dir/fine.db", "insert into WebhookSchema values (99, 'x')");
($status, $text, $errors) = ctl('-c', $conf, 'migrate', 'acme/fine');
is $status, 1, 'a schema of the future: exit status 1';
like $errors, qr/schema is version 99, this program knows $newest/, 'and why';

done_testing;
