# crm360ctl import-postcodes: La Poste's file in its layouts and encodings, what is wrong with others,
# and that a database changes as a whole or not at all. On SQLite and PostgreSQL.
# Plain builds only: long; postcode_test runs its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Test;
use POSIX ();
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my ($LITE, $DB) = ('acme/lite', 'acme/prod');
my $FIXTURES = root() . '/t/fixtures/postcodes';
my $SAMPLE = "$FIXTURES/laposte_hexasmal.csv";
my $HEADER = 'code_commune_insee;nom_de_la_commune;code_postal;libelle_d_acheminement;ligne_5';
my $ALL = 'select PostCode, City, CityKey, InseeCode, Line5 from WebhookPostcodes'
    . ' order by PostCode, InseeCode, City, Line5';

my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');
my $site = Crm360::Test->new;
my $password = spew($site->dir . '/password', "secret\n");
chmod 0600, $password;
my $pg_section = "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
    . "\"\nCrm360DBPasswordFile $password";
$site->{databases} = { $LITE => '', $DB => $pg_section };
$site->write_conf;

# The rows of a database, cells joined by ;.
sub rows_of {
    my ($database, $query) = @_;
    my @columns = qw(PostCode City CityKey InseeCode Line5);

    $query ||= $ALL;
    return [map { join ';', @$_ } $pg->rows('prod', $query)] if $database eq $DB;
    return [map { my $row = $_; join ';', map { $row->{$_} } @columns } $site->sql($database, $query)];
}

# The rows of a file in our layout, as rows_of() would give them, without the key of the city.
sub rows_of_file {
    my ($file) = @_;
    my ($header, @lines) = split /\n/, slurp($file);

    return [sort map { join ';', (split /;/, $_, -1)[2, 0, 3, 4] } @lines];
}

sub without_key {
    return [sort map { my ($code, $city, $key, $insee, $line5) = split /;/, $_, -1;
        join ';', $code, $insee, $city, $line5 } @{ $_[0] }];
}

my $files = 0;
sub file {
    my ($text) = @_;
    return spew($site->dir . '/' . ++$files . '.csv', $text);
}

sub import_file { return $site->ctl('import-postcodes', @_) }

# A process that imports, to be waited for.
sub start_import {
    my (@words) = @_;
    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        open STDOUT, '>', $site->dir . "/import.$$" or POSIX::_exit(99);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(99);
        exec build() . '/crm360ctl', '-c', $site->conf, 'import-postcodes', @words
            or POSIX::_exit(98);
    }
    return $pid;
}

# ---- words ----

for my $case (
    [qr/wants a file, or - for standard input\nusage: /],
    [qr/wants customer\/alias or --all, not both, and one file/, '--all', $LITE, $SAMPLE],
    [qr/acme is no customer\/alias/, 'acme', $SAMPLE],
    [qr/no database acme\/other/, 'acme/other', $SAMPLE],
    [qr/no customer nobody/, $LITE, 'nobody/prod', $SAMPLE],
    [qr/wrong option/, '--nonsense', $LITE, $SAMPLE],
    )
{
    my ($pattern, @words) = @$case;
    my ($code, $text) = import_file(@words);

    is $code, 2, "@words: wrong usage";
    like $text, $pattern, 'and why';
}
my ($code, $text) = import_file('--help');
is $code, 0, '--help';
like $text, qr/^usage: crm360ctl import-postcodes .*laposte_hexasmal.*--dry-run/s, 'is help';

# ---- a database that is not ready ----

($code, $text) = import_file($LITE, $SAMPLE);
is $code, 1, 'a database that is not there';
like $text, qr{acme/lite \(.*:\d+\): \S+ does not exist; run: crm360ctl migrate\n}, 'and what to do';
$site->migrate;

# ---- the sample ----

for my $database ($LITE, $DB) {
    my $want = rows_of_file($SAMPLE);

    cmp_ok scalar @$want, '>=', 60, 'there is a sample';
    ($code, $text) = import_file($database, $SAMPLE);
    is_deeply [$code, $text],
        [0, "$database: 75 rows with 62 post codes imported, 0 duplicates left out\n"],
        "$database: the sample";
    is_deeply without_key(rows_of($database)), $want, 'is in the table';
    my $first = rows_of($database);
    ($code, $text) = import_file($database, $SAMPLE);
    is_deeply [$code, rows_of($database)], [0, $first], 'importing it again changes nothing';
}
is_deeply rows_of($DB), rows_of($LITE), 'both databases have the same rows';
for my $case (['a dry run', undef, 0, '--dry-run'], ['one database', $LITE, 1, $LITE]) {
    my ($name, $database, $changed, @words) = @$case;
    ($code, $text) = import_file('--json', @words, $SAMPLE);
    is_deeply [$code, decode_json($text)], [0, { database => $database, rows => 75, codes => 62, duplicates => 0,
        changed => $changed ? JSON::PP::true : JSON::PP::false, error => undef }], "as JSON, $name";
}
is_deeply rows_of($LITE, "select * from WebhookPostcodes where CityKey = ''"), [],
    'each city has a key';

($code, $text) = import_file('--dry-run', $LITE, "$FIXTURES/laposte_hexasmal-old.csv");
is_deeply [$code, $text], [0, "$FIXTURES/laposte_hexasmal-old.csv: 10 rows with 10 post codes,"
        . " 1 duplicates; nothing was changed\n"], '--dry-run counts';
is scalar @{ rows_of($LITE) }, 75, 'and changes nothing';

($code, $text) = import_file($DB, $LITE, "$FIXTURES/laposte_hexasmal-old.csv");
is_deeply [$code, $text], [0, join '', map {
        "$_: 10 rows with 10 post codes imported, 1 duplicates left out\n" } $DB, $LITE],
    'an older layout, ISO-8859-1 with CRLF, into two databases';
is_deeply rows_of($DB), rows_of($LITE), 'the same rows';
is_deeply [grep { /^(?:42|20|97)/ } @{ without_key(rows_of($LITE)) }],
    ['20000;2A004;AJACCIO;', '20167;2A004;AJACCIO;MEZZAVIA', '42100;42218;ST ETIENNE;ROCHETAILLEE',
        '97400;97411;ST DENIS;'], 'and the right ones: the others are gone';

# ---- layouts and encodings ----

# Whatever the form, this is what comes of it.
my @want = ('01000;01053;BOURG EN BRESSE;', '20167;2A004;AJACCIO;MEZZAVIA',
    '69360;69291;ST SYMPHORIEN D OZON;COTE D OR');
my $plain = "$HEADER\n01053;X;01000;BOURG EN BRESSE;\n2A004;X;20167;AJACCIO;MEZZAVIA\n"
    . "69291;X;69360;ST SYMPHORIEN D OZON;COTE D OR\n";
for my $case (
    ['plain', $plain],
    ['CRLF', $plain =~ s/\n/\r\n/gr],
    ['a byte-order mark', "\xef\xbb\xbf$plain"],
    ['no line feed at the end', $plain =~ s/\n\z//r],
    ['empty lines', $plain =~ s/\n/\n\r\n\n/gr],
    ['quotes', $plain =~ s/([^;\n]+)/"$1"/gr],
    ['blanks around', $plain =~ s/([;\n])/ $1 /gr],
    ['accents in UTF-8', $plain =~ s/COTE/C\xc3\xb4te/r],
    ['accents in Latin-1', $plain =~ s/COTE/C\xf4te/r],
    ['an apostrophe of Windows-1252', $plain =~ s/ D O/ d\x92O/gr],
    ['a header with # and accent', $plain =~ s/code_commune_insee/#Code_commune_INSEE/r
        =~ s/libelle_d/Libell\xe9_d/r],
    ['a header with accent in UTF-8', $plain =~ s/libelle_d/Libell\xc3\xa9_d/r],
    ['the names of 2015', $plain =~ s/nom_de_la_commune/Nom_commune/r
        =~ s/code_commune_insee/Code_commune_INSEE/r =~ s/libelle_d_ach/Libelle_ach/r],
    ['names with blanks', $plain =~ s/^(.*)/$1 =~ tr{_}{ }r/er],
    ['capitals', $plain =~ s/^(.*)/\U$1/r],
    ['lower case', $plain =~ s/2A004/2a004/r =~ s/BOURG EN BRESSE/Bourg-en-Bresse/r],
    ['another order', join '', map { join(';', reverse split /;/, $_, -1) . "\n" } split /\n/, $plain],
    ['more columns', $plain =~ s/^(.*)$/coordonnees_gps;$1;"a ""b;"";\nc"/gmr],
    ['coordinates left out', $plain =~ s/\n/;coordonnees_gps\n/r],
    ['no ligne_5', $plain =~ s/;[^;\n]*$//gmr, qr/;[^;]*$/],
    )
{
    my ($name, $content, $lost) = @$case;

    ($code, $text) = import_file($LITE, file($content));
    is $code, 0, $name or diag $text;
    is_deeply without_key(rows_of($LITE)), [map { $lost ? s/$lost/;/r : $_ } @want],
        'gives the same rows';
}
my $program = build() . '/crm360ctl';
($code, $text) = $site->run('/bin/sh', '-c', 'cat "$1" | "$2" -c "$3" import-postcodes acme/lite -',
    'sh', $SAMPLE, $program, $site->conf);
is_deeply [$code, $text],
    [0, "acme/lite: 75 rows with 62 post codes imported, 0 duplicates left out\n"], 'standard input';

# Rows that are kept as they are.
($code, $text) = import_file($LITE, file("$HEADER\n;X;35407;ST MALO CEDEX;\n98901;X;98799;ILE;\n"));
is_deeply without_key(rows_of($LITE)), ['35407;;ST MALO CEDEX;', '98799;98901;ILE;'],
    'a CEDEX without commune, and overseas';

# ---- what is wrong ----

import_file($SAMPLE);
my $row = "01053;X;01000;BOURG EN BRESSE;\n";
for my $case (
    ['nothing', '', qr/: the file is empty: La Poste's CSV file was expected/],
    ['empty lines', "\n\n\r\n", qr/: the file is empty/],
    ['no rows', "$HEADER\n\n", qr/: no row stands behind the header line/],
    ['a page', "<!DOCTYPE html>\n<html>\n", qr/:1: this is not La Poste's CSV file: .*separated by ;/],
    ['commas', ($HEADER . "\n" . $row) =~ tr/;/,/r, qr/:1: this is not La Poste's CSV.* separated by ;/],
    ['no header line', $row, qr/:1: the header line lacks code_postal, libelle_d_acheminement, code_c/],
    ['no post codes', $HEADER =~ s/code_postal/cp/r . "\n$row", qr/:1: the header line lacks code_postal:/],
    ['no cities', $HEADER =~ s/libelle_d/libelle/r =~ s/libelle_ach/ach/r . "\n$row",
        qr/:1: the header line lacks libelle_d_acheminement:/],
    ['two columns of a name', "$HEADER;Code Postal\n$row", qr/:1: .*names the column code_postal twice/],
    ['a short post code', "$HEADER\n$row" . '01344;X;1000;ST DENIS LES BOURG;',
        qr/:3: column code_postal: 5 digits were expected, found "1000"; has a spreadsheet/],
    ['a long post code', "$HEADER\r\n\r\n01053;X;010000;BOURG;\r\n",
        qr/:3: column code_postal: 5 digits were expected, found "010000"$/],
    ['letters in it', "$HEADER\n01053;X;0100O;BOURG;\n", qr/:2: column code_postal: .*found "0100O"/],
    ['no post code', "$HEADER\n01053;X;;BOURG;\n", qr/:2: column code_postal: .*found ""/],
    ['no city', "$HEADER\n$row" . "01053;X;01000; ;\n",
        qr/:3: column libelle_d_acheminement: the name of a place was expected, found ""/],
    ['a city without letters', "$HEADER\n01053;X;01000;-?-;\n",
        qr/:2: column libelle_d_acheminement: .*found "-\?-"/],
    ['a very long city', "$HEADER\n01053;X;01000;" . 'A' x 101 . ";\n",
        qr/:2: column libelle_d_acheminement: .*at most 100 characters.*"A{40}\.\.\."/],
    ['a wrong commune', "$HEADER\n2C004;X;20000;AJACCIO;\n",
        qr/:2: column code_commune_insee: 5 characters, as 01053 or 2A004.*found "2C004"/],
    ['a column too few', "$HEADER\n$row" . "01053;X;01000;BOURG\n",
        qr/:3: 4 columns, where 5 or more were expected, up to ligne_5/],
    ['the file\'s own spelling', "#Code_Commune_INSEE;Code_Postal;Libelle_acheminement\n1;01000;X\n",
        qr/:2: column #Code_Commune_INSEE: /],
    ['an open quote', "$HEADER\n$row\"01053;X;01000;BOURG;\n$row",
        qr/:3: a quote is opened here and never closed/],
    ['a quote inside', "$HEADER\n$row\"01053\"7;X;01000;BOURG;\n", qr/:3: ; or the end of the line/],
    ['lines inside quotes count', "$HEADER\n01053;\"a\nb\nc\";01000;BOURG;\n$row" . "x\n",
        qr/:6: 1 columns, where 5/],
    ['a zipped one', "PK\x03\x04\x00\x00", qr/: this is no text: a CSV file/],
    ['UTF-16', join('', map { "$_\0" } split //, "$HEADER\n$row"), qr/: this is no text/],
    ['not what its mark says', "\xef\xbb\xbf$HEADER\n$row" . "01053;X;01000;C\xf4te;\n",
        qr/:3: not UTF-8, which the file's first bytes say/],
    ['control characters', "$HEADER\n01053;X;\e[2J;BOURG;\n", qr/:2: .*found "\?\[2J"/],
    )
{
    my ($name, $content, $pattern) = @$case;
    my $path = file($content);

    ($code, $text) = import_file('--all', $path);
    is $code, 1, "$name: refused";
    like $text =~ s/; nothing was changed\n\z//r, qr/\Acrm360ctl: \Q$path\E$pattern/, 'where and why';
    like $text, qr/\A[^\n]*; nothing was changed\n\z/, 'in one line';
    is +(import_file('--all', '--dry-run', $path))[0], 1, 'a dry run finds it, too';
}
($code, $text) = import_file('--all', $site->dir . '/no-such-file');
is $code, 1, 'a file that is not there';
like $text, qr{/no-such-file: No such file}, 'is named';
($code, $text) = import_file('--all', $site->dir);
is $code, 1, 'a folder';
like $text, qr/: Is a directory/, 'is none';
for my $database ($LITE, $DB) {
    is_deeply without_key(rows_of($database)), rows_of_file($SAMPLE),
        "$database: the rows of before are all there";
}

# ---- as a whole or not at all ----

# As many rows as France has, in the layout of the file of today; `letter` begins each name.
sub many {
    my ($letter) = @_;
    my $content = "#Code_commune_INSEE;Nom_de_la_commune;Code_postal;Libell\xe9_d_acheminement;Ligne_5\r\n";

    for my $i (0 .. 38_999) {
        my $name = $letter . join ' ', map { chr(65 + $_) x 3 } split //, sprintf '%05d', $i;
        $content .= sprintf "%02d%03d;%s;%05d;%s;%s\r\n", 1 + $i % 95, $i / 95 % 1000, $name,
            1000 + $i % 6300, $name, $i % 7 ? '' : 'LE BOURG';
    }
    return $content;
}

my ($first, $second) = map { file(many($_)) } 'A', 'B';

# The last row is one that the database refuses.
my $refused = 'ADDD III JJJ JJJ JJJ';
$pg->rows('prod', "alter table WebhookPostcodes add constraint refuse"
        . " check (City <> '$refused') not valid");
$site->sql($LITE, "create trigger refuse before insert on WebhookPostcodes"
        . " when new.City = '$refused' begin select raise(abort, 'refused'); end");
for my $database ($LITE, $DB) {
    ($code, $text) = import_file($database, $first);
    is $code, 1, "$database: the last row is refused by the database";
    like $text, qr/\Acrm360ctl: $database \(.*?:\d+\): .*refuse/, 'which is told';
    is_deeply without_key(rows_of($database)), rows_of_file($SAMPLE), 'the rows of before are there';
}
$pg->rows('prod', 'alter table WebhookPostcodes drop constraint refuse');
$site->sql($LITE, 'drop trigger refuse');

for my $database ($LITE, $DB) {
    my $began = time;

    ($code, $text) = import_file($database, $first);
    my $took = time - $began;
    is_deeply [$code, $text],
        [0, "$database: 39000 rows with 6300 post codes imported, 0 duplicates left out\n"],
        "$database: 39,000 rows";
    cmp_ok $took, '<', 10, sprintf 'in seconds: %.1f', $took if fast();
    is scalar @{ rows_of($database) }, 39_000, 'are there';

    my @pids = map { start_import($database, $_) } $first, $second;
    my @ended = map { waitpid $_, 0; $? } @pids;
    is_deeply \@ended, [0, 0], 'two imports at once succeed'
        or diag map { slurp($site->dir . "/import.$_") } @pids;
    my %letters = map { /^\d+;(.)/; $1 => 1 } @{ rows_of($database) };
    is scalar @{ rows_of($database) }, 39_000, 'and leave as many rows';
    is scalar keys %letters, 1, 'of one of them';
}

# ---- several databases, of which some fail ----

$site->{databases} = { 'acme/broken' => '', $LITE => '', $DB => $pg_section };
$site->write_conf;
spew($site->database('acme/broken'), 'x' x 2000);
($code, $text) = import_file(split(m{/}, $LITE), $SAMPLE);
is $code, 0, 'a database in two words' or diag $text;
($code, $text) = import_file('--all', $SAMPLE);
is $code, 1, 'one of several databases is broken';
like $text, qr{acme/broken \(.*\): file is not a database}, 'which is told';
is scalar @{ rows_of($_) }, 75, "$_ is done nevertheless" for $LITE, $DB;

$pg->stop;
($code, $text) = import_file($DB, $LITE, "$FIXTURES/laposte_hexasmal-old.csv");
is $code, 4, 'a server that is away';
like $text, qr{acme/prod \(.*\): .*No such file}, 'is told';
is scalar @{ rows_of($LITE) }, 10, 'the other database is done';
$pg->start;
is scalar @{ rows_of($DB) }, 75, 'that one is as it was';

# ---- on a terminal ----

my $shown = $site->dir . '/shown';
$site->run('script', '-qec', "'$program' -c '" . $site->conf . "' import-postcodes acme/lite '$first'",
    $shown);
like slurp($shown), qr{\racme/lite \[ +\] +0%, 0 of 39000\e\[K.*\r\e\[Kacme/lite: 39000 rows with}s,
    'progress is shown there';

# ---- the functions themselves, on PostgreSQL ----

{
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my ($status, $output) = $site->run(build() . '/t/postcode_test');

    is $status, 0, 'postcode_test against PostgreSQL'
        or diag join '', grep { /^not ok|^#/ } split /^/, $output;
    cmp_ok scalar(() = $output =~ /^ok /mg), '>', 30, 'has tested something';
}

$site->done;
