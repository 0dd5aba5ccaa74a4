# What stands in the SQLite files of a site, read (and sometimes written) by the test itself: tests ask many times a
# second, and a sqlite3 for each question would keep the machine busier than what they test. Each call opens the file
# anew, so that nothing of it is kept over a fork, nor a lock from crm360d.
#
#   $site->value('acme/prod', 'select count(*) from Contacts')   # Crm360::Test inherits all of it
package Crm360::Sqlite;

use strict;
use warnings;

use DBI;
use DBD::SQLite;
use DBD::SQLite::Constants qw(DBD_SQLITE_STRING_MODE_BYTES);

# The names of the columns, and the rows: arrays of bytes, NULL is undef. Several statements may be given; what is
# returned is that of the last one that has any. Dies with SQLite's message.
sub _query {
    my ($file, $sql) = @_;
    my ($names, @rows) = ([]);
    my $db = DBI->connect("dbi:SQLite:dbname=$file", '', '', { RaiseError => 1, PrintError => 0, AutoCommit => 1,
        sqlite_string_mode => DBD_SQLITE_STRING_MODE_BYTES, sqlite_allow_multiple_statements => 1 });

    $db->sqlite_busy_timeout(10_000);
    utf8::encode($sql) if utf8::is_utf8($sql);
    while ($sql =~ /\S/) {
        my $statement = $db->prepare($sql);

        $statement->execute;
        if ($statement->{NUM_OF_FIELDS}) {
            $names = [@{ $statement->{NAME} }];
            @rows = @{ $statement->fetchall_arrayref };
        }
        $sql = $statement->{sqlite_unprepared_statements} // '';
        $statement->finish;
    }
    $db->disconnect;
    return ($names, @rows);
}

# The rows of a query, each a reference to an array of bytes. Any statements, too: then there is none.
sub rows {
    my ($self, $name, $query) = @_;
    my (undef, @rows) = _query($self->database($name), $query);

    return @rows;
}

# The same, each a reference to a hash of column => value; texts are characters.
sub sql {
    my ($self, $name, $query) = @_;
    my ($names, @rows) = _query($self->database($name), $query);

    for my $row (@rows) {
        utf8::decode($_) for grep { defined } @$row;
    }
    return map { my %row; @row{@$names} = @$_; \%row } @rows;
}

# The first row of a query as text: its columns, with a | between them; NULL is empty.
sub value {
    my ($self, $name, $query) = @_;
    my ($row) = $self->rows($name, $query);

    return $row ? join('|', map { $_ // '' } @$row) : undef;
}

# All of a database as text.
sub dump {
    my ($self, $name) = @_;

    open my $pipe, '-|', 'sqlite3', '-cmd', '.timeout 10000', $self->database($name), '.dump'
        or die "cannot run sqlite3: $!\n";
    local $/;
    my $output = <$pipe> // '';
    close $pipe or die "sqlite3: .dump: exit code " . ($? >> 8) . "\n";
    return $output;
}

1;
