# The rows of a CRM database as texts that can be compared, of SQLite and PostgreSQL alike.
#
#   my $rows = Crm360::Rows->new(sub { my ($query) = @_; ... });   # arrays of cells, NULL is undef
#   my @lines = $rows->lines;       # with the numbers that the database gave
#   my @lines = $rows->natural;     # with names for them: two ways to the same rows give the same text
#
# What depends on the clock or on chance (ids of messages, times of processing) is left out, and so are
# the notes of the guard.
package Crm360::Rows;

use strict;
use warnings;

use Crm360::Test qw(slurp root);

# Column => where its number is a row's.
my %REFERS = (
    ContactId => 'Contacts', PurchaseHeaderId => 'PurchaseHeaders', PurchaseGoodId => 'PurchaseGoods',
    PurchaseGoodCategoryId => 'PurchaseGoodCategories', StoreId => 'Stores',
    VoucherId => 'Vouchers', CaseCategoryId => 'CaseCategories',
    ContactInterestCategoryId => 'ContactInterestCategories', AddressId => 'Addresses',
    LoyaltyCardId => 'LoyaltyCards', VoucherCategoryId => 'VoucherCategories',
    KeptContactId => 'Contacts', MergedContactId => 'Contacts', OtherContactId => 'Contacts',
);
# What names a row of a table.
my %IDENTIFIER = (
    PurchaseHeaders => 'PurchaseIdentifier', PurchaseDetails => 'PurchaseDetailIdentifier',
    PurchaseGoods => 'Identifier', PurchaseGoodCategories => 'Identifier', Stores => 'Identifier',
    Vouchers => 'VoucherIdentifier', Cases => 'CaseIdentifier', CaseCategories => 'Identifier',
    ContactInterests => 'ContactInterestIdentifier', ContactInterestCategories => 'Identifier',
    LoyaltyCards => 'LoyaltyCardIdentifier', LoyaltyPoints => 'PointIdentifier',
    VoucherCategories => 'Identifier',
);
my %LEFT_OUT = map { $_ => 1 } qw(MessageId SeenAt ProcessedAt AppliedAt CheckedAt StartedAt UpdatedAt
    FinishedAt EventId MergeId);
my %NOT_WRITTEN = map { $_ => 1 } qw(WebhookSchema WebhookInbox WebhookVersions WebhookJobs
    WebhookPostcodes WebhookDuplicateKeys WebhookDuplicateContacts WebhookDuplicateTasks);

# Table => its columns, as the schema files spell them.
sub columns {
    my %columns;
    for my $file (sort glob root() . '/crm/schema/*-sqlite3.sql') {
        my $text = slurp($file) =~ s/^\s*--.*\n//mgr;
        while ($text =~ /CREATE TABLE (\w+) \((.*?)\n\)/sg) {
            my ($table, $body) = ($1, $2);
            $columns{$table} = [grep { !/^(?:PRIMARY|UNIQUE|CHECK)$/ } $body =~ /^    (\w+) /mg];
        }
        push @{ $columns{$1} }, $2 while $text =~ /ALTER TABLE (\w+) ADD COLUMN (\w+)/g;
    }
    return \%columns;
}

sub new {
    my ($class, $select) = @_;
    return bless { select => $select }, $class;
}

# Tables that messages write: the look-ups are those that schema files fill themselves.
sub tables {
    my $columns = columns();
    my $filled = join '', map { slurp($_) } glob root() . '/crm/schema/*-sqlite3.sql';
    return grep { !$NOT_WRITTEN{$_} && $filled !~ /INSERT INTO $_ / } sort keys %$columns;
}

# Table => rows, each a hash of column => cell.
sub read {
    my ($self) = @_;
    my $columns = columns();
    my %rows;

    for my $table (tables()) {
        my @names = @{ $columns->{$table} };
        my $query = 'select ' . join(', ', @names) . " from $table";
        $rows{$table} = [map {
            my %row;
            @row{@names} = @$_;
            \%row;
        } $self->{select}->($query)];
    }
    return \%rows;
}

# One row: what is not NULL, in the order of its columns.
sub _line {
    my ($table, $names, $row) = @_;
    my @cells = map {
        my $cell = $row->{$_};
        defined $cell && !$LEFT_OUT{$_} ? "$_=" . $cell =~ s/\n/\\n/gr : ();
    } @$names;
    return "$table: @cells";
}

# Without the versions of points and in merges, which can be those of an arrival.
sub lines {
    my ($self) = @_;
    my ($columns, $rows) = (columns(), $self->read);

    delete @$_{qw(StateVersion OptinVersion)} for @{ $rows->{WebhookPoints} };
    delete $_->{Detail} for @{ $rows->{WebhookMerges} };
    return map { my $table = $_;
        sort map { _line($table, $columns->{$table}, $_) } @{ $rows->{$table} } } sort keys %$rows;
}

# A contact is the least of its identifiers, an address its contact, brand and type, the rest what their
# source calls them.
sub _names {
    my ($rows) = @_;
    my %names;

    for my $row (@{ $rows->{ContactIdentifiers} }) {
        my $name = "$row->{SourceId}:$row->{Identifier}";
        my $known = \$names{Contacts}{ $row->{ContactId} };
        $$known = $name if !defined $$known || $name lt $$known;
    }
    for my $table (keys %IDENTIFIER) {
        my ($id) = @{ columns()->{$table} };
        $names{$table}{ $_->{$id} } = "$_->{SourceId}:$_->{ $IDENTIFIER{$table} }"
            for @{ $rows->{$table} };
    }
    $names{Addresses}{ $_->{AddressId} } = join '/', $names{Contacts}{ $_->{ContactId} } // '?',
        map { $_ // 0 } $_->{BrandId}, $_->{ContactAddressTypeId} for @{ $rows->{Addresses} };
    return \%names;
}

sub natural {
    my ($self) = @_;
    my ($columns, $rows) = (columns(), $self->read);
    my $names = _names($rows);
    my @lines;

    for my $table (sort keys %$rows) {
        my @names = @{ $columns->{$table} };
        my $own = $names[0];
        for my $row (@{ $rows->{$table} }) {
            for my $column (grep { $REFERS{$_} && defined $row->{$_} } @names) {
                $row->{$column} = $names->{ $REFERS{$column} }{ $row->{$column} } // $row->{$column};
            }
            delete $row->{$own} if $IDENTIFIER{$table} && !$REFERS{$own};
            push @lines, _line($table, \@names, $row);
        }
    }
    return sort @lines;
}

1;
