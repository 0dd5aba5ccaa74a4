# crm360ctl erase: afterwards nothing of a person is in Redis, the spool, the exported dead letters or the
# tables, on SQLite and PostgreSQL, and everything of everybody else is. Whoever is not sure is asked first.
# Plain builds only: long; erase_test runs its code.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Postgres;
use Crm360::Spool;
use Crm360::Test;
use Fcntl qw(:flock);
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my ($LITE, $PG, $MANY) = ('acme/lite', 'acme/prod', 'acme/many');
my $pg = Crm360::Postgres->new(password => 'secret');
$pg->start;
$pg->create('prod');

my $site = Crm360::Test->new(consumer_program => 't/crm360d_faulty');
my $exports = $site->dir . '/dead-letters';
my $secret = $site->dir . '/password';
spew($secret, "secret\n");
chmod 0600, $secret;
mkdir $exports or die $!;
$site->{settings} = "Crm360DeadLetterExport $exports\nCrm360HandlerTimeout 20s\n";
$site->{databases} = {
    $LITE => '', $MANY => '',
    $PG => "Crm360DBDriver pgsql\nCrm360DBParams \"" . $pg->params('prod')
        . "\"\nCrm360DBPasswordFile $secret",
};
Crm360::Spool::make($site, '64M');
my $program = build() . '/crm360ctl';

# Exit status, standard output, standard error.
sub ctl {
    my (@words) = @_;
    my @quoted = map { my $word = $_ =~ s/'/'\\''/gr; "'$word'" } $program, '-c', $site->conf, @words;
    my $errors = $site->dir . '/errors';

    open my $out, '-|', "@quoted 2>$errors" or die $!;
    my $text = do { local $/; <$out> } // '';
    close $out;
    return ($? >> 8, $text, slurp($errors));
}

sub sql {
    my ($database, $query) = @_;
    return $pg->rows('prod', $query) if $database eq $PG;
    return map { my $row = $_; [map { $row->{$_} } sort keys %$row] } $site->sql($database, $query);
}

sub value { my ($row) = sql(@_); return $row ? $row->[0] : undef }

# ---- words ----

my @ANN = ('--email', 'ann.marchand@example.fr');
for my $case (
    [qr/wants one customer\/alias/, @ANN, '--yes'],
    [qr/wants to be told who/, $LITE, '--yes'],
    [qr/wants --dry-run.*or --yes/, $LITE, @ANN],
    [qr/wants --dry-run.*or --yes/, $LITE, @ANN, '--yes', '--dry-run'],
    [qr/--email wants a mail address/, $LITE, '--email', 'ann', '--yes'],
    [qr/--email wants a mail address/, $LITE, '--email', 'a b@example.fr', '--yes'],
    [qr/--email wants a mail address/, $LITE, '--email', '@', '--yes'],
    [qr/--phone wants a phone number/, $LITE, '--phone', '12', '--yes'],
    [qr/--phone wants a phone number/, $LITE, '--phone', 'ann', '--yes'],
    [qr/--identifier wants SourceId:identifier/, $LITE, '--identifier', '7312459817263', '--yes'],
    [qr/--identifier wants SourceId:identifier/, $LITE, '--identifier', '0:1', '--yes'],
    [qr/--identifier wants SourceId:identifier/, $LITE, '--identifier', '3:', '--yes'],
    [qr/--identifier wants SourceId:identifier/, $LITE, '--identifier', '99999:x', '--yes'],
    [qr/wrong option/, $LITE, @ANN, '--force'],
    [qr/no database acme\/none/, 'acme/none', @ANN, '--yes'],
    )
{
    my ($pattern, @words) = @$case;
    my ($status, $output, $errors) = ctl('erase', @words);

    is $status, 2, "@words: wrong usage";
    is $output, '', '  prints nothing';
    like $errors, $pattern, '  and says what is wrong';
    unlike $errors, qr/example\.fr/, '  without a mail address';
}
is +(ctl('erase', '--help'))[0], 0, '--help';
{
    my ($status, $output, $errors) = ctl('erase', $LITE, @ANN, '--yes');
    is $status, 1, 'a database that is not there: exit status 1';
    like $errors, qr/run: crm360ctl migrate/, '  and what to do';
    $site->migrate;
    ($status, $output, $errors) = ctl('erase', $LITE, @ANN, '--yes');
    is $status, 4, 'no Redis: exit status 4';
}

# ---- everything that is stored, as texts ----

# Every key of Redis with its type and value.
sub redis_dump {
    my %dump;

    for my $key (@{ $site->redis('KEYS', '*') }) {
        my $type = $site->redis('TYPE', $key);
        $dump{$key} = $type eq 'string' ? $site->redis('GET', $key)
            : $type eq 'hash' ? join("\n", @{ $site->redis('HGETALL', $key) })
            : $type eq 'zset' ? join("\n", @{ $site->redis('ZRANGE', $key, 0, -1) })
            : join "\n", $type, @{ $site->redis('SMEMBERS', $key) };
    }
    return \%dump;
}

my @TABLES = qw(Contacts Addresses ContactIdentifiers WebhookVersions WebhookMatches WebhookEvents WebhookPoints
    Cases ContactInterests PurchaseHeaders PurchaseDetails Vouchers LoyaltyCards LoyaltyPoints
    LoyaltyCardActions WebhookAddressChecks WebhookMerges);

sub table_dump {
    my ($database) = @_;
    my %dump;

    for my $table (@TABLES) {
        my @rows = sql($database, "select * from $table");
        $dump{$table} = join "\n", sort map { join '|', map { $_ // 'NULL' } @$_ } @rows;
    }
    return \%dump;
}

sub file_dump { return { map { $_ => slurp($_) } glob "$site->{spool}/* $exports/* $exports/.[!.]*" } }

sub everything {
    my ($database) = @_;
    return { %{ redis_dump() }, %{ table_dump($database) }, %{ file_dump() } };
}

# Where one of the words stands, in whatever form that a person would look for.
sub places_of {
    my ($dump, @words) = @_;
    my @places;

    for my $place (sort keys %$dump) {
        my $text = "$place\n$dump->{$place}";
        $text .= "\n" . MIME::Base64::decode_base64($1) while $dump->{$place} =~ /"message":"([\w+\/=]{80,})"/g;
        utf8::encode($text) if utf8::is_utf8($text);
        for my $i (1 .. 3) {
            $text .= "\n" . $text =~ s/%([0-9a-f]{2})/chr hex $1/gier =~ s/\\u00([0-9a-f]{2})/chr hex $1/gier;
        }
        push @places, "$place: $_" for grep { $text =~ /\Q$_\E/i } @words;
    }
    return @places;
}

# ---- a person everywhere ----

my %PEOPLE = (
    ann => { id => 7312459817263, first => 'Annabelle', last => 'Marchand', mail => 'ann.marchand@example.fr',
        phone => '+33612345678', national => '06 12 34 56 78', spaced => '06.12.34.56.78' },
    bob => { id => 7312459817264, first => 'Bertrand', last => 'Delacroix', mail => 'marchand@example.fr',
        phone => '+33698765432', national => '06 98 76 54 32', spaced => '06.98.76.54.32' },
);

sub customer {
    my ($p, %more) = @_;
    return JSON::PP->new->utf8->canonical->encode({ id => $p->{id}, first_name => $p->{first}, last_name => $p->{last}, email => $p->{mail},
        phone => $p->{phone}, updated_at => '2026-03-02T10:15:27Z', %more });
}

sub hook {
    my ($database, $route, $body, @query) = @_;
    my $answer = $site->post($site->url($route, -database => $database, SourceId => 3, @query), $body);
    $answer->{status} == 200 or diag "$route: $answer->{status} $answer->{content}";
    # Smsbox hears a text; its message is the newest of its route.
    (my $tail = $route) =~ tr{/}{-};
    return $answer->{json}{MessageId} // (sort grep { /-\Q$tail\E$/ }
        @{ $site->redis('ZRANGE', $site->key($database, 'live'), 0, -1) })[-1];
}

sub redis_is_back {
    my $path = $site->url('Shopify/Order/Insert', -database => $MANY, SourceId => 9);
    return wait_until { $site->post($path, '{}')->{json}{Durability} eq 'memory' } 10,
        'httpd has noticed that Redis is back';
}

# What a person has in a queue, written in all ways; the ids.
sub fill_queue {
    my ($database, $p) = @_;
    my ($mail, $digits) = ($p->{mail}, $p->{national} =~ s/ //gr);
    my $escaped = $mail =~ s/\@/\\u0040/r;

    return (
        hook($database, 'Shopify/Customer/Update', customer($p, phone => undef), secondsOfInvisibility => 3600),
        hook($database, 'Shopify/Order/Insert', "{\"name\":\"$p->{last}\",\"email\":\"\U$mail\E\"}"),
        hook($database, 'Zendesk/Ticket/Update', "{\"text\":\"$p->{first}: \\u003c$escaped\\u003e\"}"),
        hook($database, 'Smsbox/Sms/Callback', '', numero => $p->{phone}, text => $p->{first}),
        hook($database, 'Primotexto/Sms/Callback', "{\"from\":\"$p->{national}\",\"to\":\"$p->{first}\"}"),
        hook($database, 'Adictiz/User/Participate', "{\"mobile\":\"$p->{spaced}\",\"u\":\"$p->{first}\"}"),
        hook($database, 'Tabology/Ticket/Create', "{\"customer\":$p->{id},\"name\":\"$p->{last}\"}"),
        hook($database, 'Mailjet/email/Callback', "email=$mail&name=$p->{last}" =~ s/\@/%40/r),
        hook($database, 'elfy76310/process/Rnvp', "{\"phone\":\"$digits\",\"who\":\"$p->{last}\"}"),
        hook($database, 'Crm360/Sms/Send', "{\"to\":\"$p->{phone}\",\"text\":\"Dear $p->{first}\"}"),
    );
}

# One line of an exported file.
my $letters = 0;
sub line {
    my ($database, $message, $coded) = @_;
    my ($customer, $alias) = split m{/}, $database;
    my $json = JSON::PP->new->latin1->canonical;

    $letters++;
    return $json->encode({ id => "01JDCW3T2XQ5M7V9K0E00000$letters-Shopify-Order-Insert", customer => $customer,
        database => $alias, lane => 'live', route => 'Shopify/Order/Insert', died_at_ms => 1764000000000,
        attempts => 8, errors => [{ at => 1764000000000, reason => 'no handler' }],
        encoding => $coded ? 'base64' : 'utf-8', message => $coded ? encode_base64($message, '') : $message }) . "\n";
}

sub message {
    my ($database, $body, $source) = @_;
    my ($customer, $alias) = split m{/}, $database;
    return join "\r\n", 'POST /x?SourceId=3 HTTP/1.1', "Crm360-Customer: $customer", "Crm360-Database: $alias",
        'Crm360-Source-Id: ' . ($source // 3), 'Content-Type: application/json', '', $body;
}

# The elements of a batch of which one is about Ann.
sub batch { return '[' . join(', ', customer($PEOPLE{bob}), $_[0] // customer($PEOPLE{ann}), '{"id":17}') . ']' }

$site->start_redis;
$site->start_httpd;
$site->expect_log(qr/CRM0101|CRM0102|CRM0330/);

for my $database ($LITE, $PG) {
    my ($ann, $bob) = @PEOPLE{qw(ann bob)};
    my $file = "$exports/" . ($database =~ tr{/}{@}r) . '-2026-11-23.jsonl';
    my ($customer, $alias) = split m{/}, $database;
    my %ids;

    # In the tables, as its messages would write it.
    for my $p ($ann, $bob) {
        my $contact = $p == $ann ? 1 : 2;
        my $writer = "3:$p->{id}";
        for my $statement (
            "insert into Contacts (ContactId, FirstName, LastName) values ($contact, '$p->{first}', '$p->{last}')",
            "insert into Addresses (AddressId, ContactId, Email, MobilePhoneNumber, City) values"
                . " ($contact, $contact, '$p->{mail}', '$p->{phone}', 'Nantes')",
            "insert into ContactIdentifiers values ('$writer', '$p->{id}', $contact, 3)",
            map({ "insert into WebhookVersions values ('$_->[0]', '$_->[1]', 0, '{\"x\":[\"1\",\"$writer\"]}')" }
                ['Contacts', $contact], ['Addresses', $contact], ['ContactIdentifiers', $writer]),
            "insert into WebhookAddressChecks values ($contact, 4, NULL, '2026-01-01T00:00:00', 'm',"
                . " 'of $p->{first}', '{}')",
            "insert into WebhookMerges (MessageId, KeptContactId, MergedContactId, Rule, Score, Explanation, At)"
                . " values ('m', $contact, 90$contact, 'r', 90, 'into $p->{first}', '2026-01-01T00:00:00')",
            "insert into WebhookMatches values ('email:$p->{mail}', $contact)",
            "insert into WebhookMatches values ('phone:$p->{phone}', $contact)",
            "insert into WebhookEvents (MessageId, ContactId, Kind, At, Detail) values"
                . " ('m', $contact, 'open', '2026-01-01T00:00:00', 'by $p->{first}')",
            # What was told of the address and the number themselves.
            "insert into WebhookEvents (MessageId, Kind, At, Address) values"
                . " ('m', 'sms', '2026-01-01T00:00:00', '$p->{phone}')",
            "insert into WebhookPoints (PointKey, BrandId) values ('email:$p->{mail}', 0)",
            "insert into WebhookPoints (PointKey, BrandId) values ('phone:$p->{phone}', 3)",
            # What she did; the sale is for the books.
            "insert into Cases (CaseIdentifier, ContactId, SourceId, Title) values ('c$contact', $contact, 4, 'of $p->{first}')",
            "insert into WebhookVersions values ('Cases', '4:c$contact', 0, '{}')",
            "insert into ContactInterests (ContactInterestIdentifier, ContactId, SourceId, FreeField1)"
                . " values ('i$contact', $contact, 5, 'of $p->{first}')",
            "insert into WebhookVersions values ('ContactInterests', '5:i$contact', 0, '{}')",
            "insert into PurchaseHeaders (PurchaseHeaderId, PurchaseIdentifier, ContactId, SourceId, AmountTaxIncluded)"
                . " values ($contact, 'order$contact', $contact, 3, '129.800')",
            "insert into PurchaseDetails (PurchaseDetailIdentifier, PurchaseHeaderId, SourceId, Label)"
                . " values ('line$contact', $contact, 3, 'A shirt')",
            "insert into Vouchers (VoucherIdentifier, VoucherCode, ContactId, SourceId, LoyaltyCardId)"
                . " values ('v$contact', 'TEN$contact', $contact, 3, $contact)",
            "insert into LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId, FreeField1)"
                . " values ($contact, 'card$contact', $contact, 3, 'of $p->{first}')",
            "insert into LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId, PointAmount)"
                . " values ('point$contact', $contact, 3, '10.000')",
            "insert into LoyaltyCardActions (LoyaltyCardActionIdentifier, LoyaltyCardId, SourceId)"
                . " values ('action$contact', $contact, 3)",
            )
        {
            sql($database, $statement);
        }
    }

    # In the spool first, while Redis is away; nobody carries it over.
    my $lay = Crm360::Spool::files($site);
    $site->stop_redis;
    $ids{$_}{spooled} = hook($database, 'Shopify/Customer/Insert', customer($PEOPLE{$_})) for qw(ann bob);
    is Crm360::Spool::files($site) - $lay, 2, "$database: two messages in the spool";
    $site->start_redis;
    redis_is_back();
    $ids{$_}{queued} = [fill_queue($database, $PEOPLE{$_})] for qw(ann bob);
    is scalar(grep { !$_ } map { @{ $_->{queued} } } values %ids), 0, 'they wait in all lanes';
    for my $lane (qw(live batch send)) {
        cmp_ok $site->redis('ZCARD', $site->key($database, $lane)), '>=', 2, "  in $lane";
    }

    # Dead letters: half of what waits, and a batch.
    for my $id (map { @{ $_->{queued} }[4 .. 7] } @ids{qw(ann bob)}) {
        $site->redis('ZREM', $site->key($database, 'live'), $id);
        $site->redis('ZADD', $site->key($database, 'dead'), 1764000000000, $id);
        $site->redis('HSET', $site->key($database, 'failures'), $id, '{"attempts":8,"errors":[]}');
    }
    for my $place (qw(dead batch)) {
        my $id = "01JDCW3T2XQ5M7V9K0F0000001-Shopify-Customer-Insert-$place";
        $site->redis('ZADD', $site->key($database, $place), 1764000000000, $id);
        $site->redis('SET', $site->key($database, "message:$id"), message($database, batch()));
    }
    # Messages that have lost their places.
    $site->redis('SET', $site->key($database, "message:01JDCW3T2XQ5M7V9K0L0000001-Shopify-Order-Insert-$_"),
        message($database, customer($PEOPLE{$_}))) for qw(ann bob);
    # In exported files: whole, in base64, a batch, and what only looks like it.
    my @mine = (line($database, message($database, customer($ann))),
        line($database, message($database, "\xff" . customer($ann)), 1));
    my @others = (line($database, message($database, customer($bob))),
        line($database, message($database, "\xff" . customer($bob)), 1),
        line($database, message($database, "{\"order\":$ann->{id}}", 4)),
        line('acme/elsewhere', message('acme/elsewhere', customer($bob))));
    my $shared = line($database, message($database, batch()));
    spew($file, join '', $others[0], $mine[0], $others[1], $shared, $mine[1], @others[2, 3]);
    chmod 0604, $file;
    spew("$exports/acme\@none-2026-11-23.jsonl", $others[0]);
    my $inode = (stat "$exports/acme\@none-2026-11-23.jsonl")[1];

    my $before = everything($database);
    my @traces = ($ann->{mail}, '612345678', '12345678', $ann->{national}, $ann->{spaced}, $ann->{id},
        $ann->{first});
    my %where = map { $_ => scalar places_of($before, $_) } @traces;
    cmp_ok $where{$_}, '>', 1, "  a trace of her: $where{$_} places" for $ann->{mail}, '612345678', $ann->{id};

    # ---- a dry run ----

    my ($status, $output, $errors) = ctl('erase', $database, @ANN, '--dry-run');
    is $status, 0, 'a dry run';
    is $errors, '', '  has nothing to complain of';
    is_deeply everything($database), $before, '  changes nothing at all';
    my @said = $output =~ /^$database: (?:live|batch|send|dead|other|spool|export): (01\S+?)(?:, a batch: elements of it)?$/mg;
    is_deeply [sort grep { !/^01JDCW3T2XQ5M7V9K0[EFL]/ } @said],
        [sort @{ $ids{ann}{queued} }, $ids{ann}{spooled}], '  it names her messages and nobody else\'s';
    is scalar(@said), 11 + 2 + 3 + 1, '  and those in batches and files';
    like $output, qr/^$database: that would be erased; nothing was\n\z/m, '  and says that it was one';
    my ($counts) = $output =~ /^($database: live: \d+ messages.*rows)\n/ms;

    my ($json) = map { decode_json($_) } (ctl('erase', $database, @ANN, '--dry-run', '--json'))[1];
    is_deeply [sort map { $_->{id} } @{ $json->{found} }], [sort @said], '  as JSON it names the same';
    is scalar(grep { $_->{batch} } @{ $json->{found} }), scalar(() = $output =~ /, a batch: elements/g),
        '  and what of it are batches';
    my $places = join '', map {
        "$database: $_->{place}: $_->{messages} " . ($_->{place} eq 'export' ? 'lines' : 'messages')
            . ($_->{batches} ? ", $_->{elements} elements of $_->{batches} batches" : '') . "\n"
    } @{ $json->{places} };
    my $tables = join "\n", map {
        "$database: $_->{table}: $_->{rows} rows" . ($_->{kept} ? ', which stay without the person' : '')
    } @{ $json->{tables} };
    is $places . $tables, $counts, '  with the same counts';
    is "$json->{database} $json->{contacts} $json->{dryRun} $json->{outcome}", "$database 1 1 found", '  of a dry run';

    # ---- the end of her ----

    ($status, $output, $errors) = ctl('erase', $database, @ANN, '--yes');
    is $status, 0, 'erasing' or diag $errors;
    is $errors, '', '  without complaints';
    is $output, "$database: 1 contacts\n$counts\n$database: erased\n", '  the counts are those of the dry run';
    is $counts =~ s/^\S+ Webhook\w+: 0 rows\n//mgr, join("\n", map { "$database: $_" } 'live: 4 messages', 'batch: 1 messages, 1 elements of 1 batches',
        'send: 1 messages', 'dead: 4 messages, 1 elements of 1 batches', 'other: 1 messages', 'spool: 1 messages',
        'export: 2 lines, 1 elements of 1 batches', 'WebhookVersions: 5 rows', 'WebhookMatches: 2 rows',
        'WebhookEvents: 2 rows', 'PurchaseHeaders: 1 rows, which stay without the person',
        'Vouchers: 1 rows, which stay without the person', 'LoyaltyPoints: 1 rows',
        'LoyaltyCardActions: 1 rows', 'LoyaltyCards: 1 rows', 'Cases: 1 rows', 'ContactInterests: 1 rows',
        'WebhookAddressChecks: 1 rows', 'WebhookMerges: 1 rows',
        'Addresses: 1 rows', 'ContactIdentifiers: 1 rows', 'Contacts: 1 rows', 'WebhookPoints: 2 rows'),
        '  and right';
    is_deeply [sql($database, 'select PurchaseIdentifier, ContactId, AmountTaxIncluded from PurchaseHeaders order by 1')],
        [$database eq $PG ? (['order1', undef, '129.800'], ['order2', 2, '129.800']) : (['129.800', undef, 'order1'], ['129.800', 2, 'order2'])],
        '  her purchase stays, without her';
    my $after = everything($database);
    is_deeply [grep { !/\Q$ann->{id}\E/ || !/\.jsonl: / } places_of($after, @traces)], [], '  nothing of her is left';
    is slurp($file), join('', $others[0], $others[1], line($database, message($database,
        batch('null' . ' ' x (length(customer($ann)) - 4)))) =~ s/"id":"[^"]*"/$shared =~ m{("id":"[^"]*")} ? $1 : ''/er,
        @others[2, 3]), '  of the file only her lines, and her part of a batch';
    is sprintf('%o', (stat $file)[2] & 07777), '604', '  which kept its mode';
    is((stat "$exports/acme\@none-2026-11-23.jsonl")[1], $inode, '  a file without her was not written');
    is_deeply [glob "$exports/.*.new"], [], '  nothing lies about';
    unlike "$output$errors", qr/\Q$ann->{id}\E|12345678|$ann->{first}|$ann->{last}/, '  nothing of her was printed';

    # ---- everybody else ----

    my @bobs = (@{ $ids{bob}{queued} }, $ids{bob}{spooled}, '01JDCW3T2XQ5M7V9K0L0000001-Shopify-Order-Insert-bob');
    my @lost = grep {
        my $key = $_;
        (grep { $key =~ /\Q$_\E/ } @bobs) && ($after->{$key} // '') ne $before->{$key}
    } keys %$before;
    is_deeply \@lost, [], '  the messages of another person are as they were';
    my $entries = join "\n", map { $after->{ $site->key($database, $_) } } qw(live batch send dead);
    is scalar(grep { $entries =~ /^\Q$_\E$/m } @{ $ids{bob}{queued} }), 10, '  and have their places';
    is value($database, 'select LastName from Contacts'), $bob->{last}, '  as his rows';
    is join(' ', map { value($database, "select count(*) from $_") } @TABLES), '1 1 1 5 2 2 2 1 1 2 2 2 1 1 1 1 1', '  all of them, and the purchases';
    for my $place (qw(dead batch)) {
        my $text = $site->redis('GET', $site->key($database,
            "message:01JDCW3T2XQ5M7V9K0F0000001-Shopify-Customer-Insert-$place"));
        is_deeply decode_json($text =~ s/.*?\r\n\r\n//sr), [decode_json(customer($bob)), undef, { id => 17 }],
            "  the batch in $place has lost her element alone";
    }

    ($status, $output, $errors) = ctl('erase', $database, @ANN, '--yes');
    is_deeply [$status, $output, $errors], [0, "$database: 0 contacts\n$database: nothing found\n", ''],
        'once more is harmless';
    is_deeply everything($database), $after, '  and changes nothing';
    is decode_json((ctl('erase', $database, @ANN, '--yes', '--json'))[1])->{outcome}, 'nothing', '  as JSON, too';
    ($status, $output, $errors) = ctl('erase', $database, '--phone', '0698765432', '--yes');
    is $status, 0, 'the other one, by phone';
    is value($database, 'select count(*) from Contacts'), 0, '  is gone as well';
    is scalar(places_of(redis_dump(), $bob->{mail})), 0, '  from Redis';
    unlink glob "$exports/*";
    $site->redis('FLUSHALL');
}

{
    local $ENV{CRM360_TEST_DB} = $pg->superuser;
    my ($status, $text) = $site->run(build() . '/t/erase_test');
    is $status, 0, 'erase_test against PostgreSQL' or diag join '', grep { /^not ok|^#/ } split /^/, $text;
    cmp_ok scalar(() = $text =~ /^ok /mg), '>', 20, 'it has tested something';
}

# ---- who is not sure ----

sub contact {
    my ($id, $mail, $phone) = @_;
    sql($LITE, "insert into Contacts (ContactId, LastName) values ($id, 'C$id')");
    sql($LITE, "insert into Addresses (ContactId, Email, MobilePhoneNumber) values ($id, '$mail', '$phone')");
    sql($LITE, "insert into ContactIdentifiers values ('5:$id', '$id', $id, 5)");
    return;
}

my ($status, $output, $errors);
contact(101, 'dad@example.fr', '+33611111111');
contact(102, 'kid@example.fr', '+33611111111');
my $about_phone = hook($LITE, 'Smsbox/Sms/Callback', '', numero => '+33611111111');
my $about_kid = hook($LITE, 'Shopify/Order/Insert', '{"email":"kid@example.fr","phone":"0611111111"}');
($status, $output, $errors) = ctl('erase', $LITE, '--phone', '+33611111111', '--yes');
is $status, 1, 'two contacts with one phone: refused';
like $errors, qr/2 contacts match \(ContactId 101, 102\).*--identifier.*--all-matches/s, '  and told apart';
is value($LITE, 'select count(*) from Contacts'), 2, '  nothing is erased from the tables';
ok $site->redis('EXISTS', $site->key($LITE, "message:$about_phone")), '  nor from the queue';
($status, $output, $errors) = ctl('erase', $LITE, '--identifier', '5:102', '--yes');
is $status, 0, 'one of them, by identifier';
like $errors, qr/1 addresses or phones belong to other contacts as well/, '  what is not hers alone is told';
like $errors, qr/1 identifiers of fewer than 6/, '  and what is too short to be searched for';
is value($LITE, 'select LastName from Contacts'), 'C101', '  the other one stays';
ok $site->redis('EXISTS', $site->key($LITE, "message:$about_phone")), '  with the messages about both';
ok !$site->redis('EXISTS', $site->key($LITE, "message:$about_kid")), '  hers are gone';
contact(102, 'kid@example.fr', '+33611111111');
($status) = ctl('erase', $LITE, '--phone', '+33611111111', '--yes', '--all-matches');
is $status, 0, 'both of them, when that is wanted';
is value($LITE, 'select count(*) from Contacts'), 0, '  are gone';
ok !$site->redis('EXISTS', $site->key($LITE, "message:$about_phone")), '  with their messages';

# An identifier is one of its source, and a short one stands everywhere.
$site->redis('FLUSHALL');
my @asked = map { hook($LITE, 'Shopify/Order/Insert', $_) } '{"quantity":42}', '{"customer":7312459817263}';
my $answer = $site->post($site->url('Shopify/Order/Insert', -database => $LITE, SourceId => 4), '{"customer":7312459817263}');
ctl('erase', $LITE, '--identifier', '3:42', '--identifier', '3:7312459817263', '--yes');
is_deeply [map { $site->redis('EXISTS', $site->key($LITE, "message:$_")) } @asked, $answer->{json}{MessageId}],
    [1, 0, 1], 'an identifier is searched for where it means somebody';
($status, $output, $errors) = ctl('erase', $LITE, '--identifier', '3:42', '--yes', '--short-identifiers');
is_deeply [$status, $errors], [0, ''], 'a short one too, when that is wanted';
is_deeply [map { $site->redis('EXISTS', $site->key($LITE, "message:$_")) } @asked], [0, 0], '  then it is found';

# The spool is that of all databases.
$site->stop_redis;
hook($MANY, 'Shopify/Customer/Insert', customer($PEOPLE{ann}));
my $lay = Crm360::Spool::files($site);
$site->start_redis;
ctl('erase', $LITE, @ANN, '--yes');
is Crm360::Spool::files($site), $lay, 'a spooled message of another database stays';
ctl('erase', $MANY, @ANN, '--yes');
is Crm360::Spool::files($site), $lay - 1, '  until she is erased there';
redis_is_back();

# What only a person can judge.
$site->redis('FLUSHALL');
$site->redis('SET', $site->key($_, 'live:aside:1795475344000'), 'x') for $LITE, $PG;
my $mixed = hook($LITE, 'Shopify/Order/Insert', '["x",{"email":"ann.marchand@example.fr"},7]', contact => 'ann.marchand@example.fr');
spew("$site->{spool}/01JDCW3T2XQ5M7V9K0G0000001.bad", "broken, of ann.marchand\@example.fr\n");
spew("$exports/acme\@lite-2026-11-24.jsonl", "{\"id\":\"half a line, ann.marchand\@example.fr\n");
($status, $output, $errors) = ctl('erase', $LITE, @ANN, '--yes');
is $status, 1, 'what cannot be told apart: exit status 1';
like $errors, qr/\Q$mixed\E is a batch about others as well and names the person outside/, '  a batch with her in its head';
like $errors, qr/01JDCW3T2XQ5M7V9K0G0000001\.bad is no message any more/, '  a file that was set aside';
like $errors, qr/a line of \S+acme\@lite-2026-11-24\.jsonl is no message any more/, '  half a line';
like $errors, qr/\Q$LITE\E: 1 keys of Redis were set aside/, '  keys that were set aside';
like $output, qr/erased, but for what is named above$/m, '  the rest is done';
like $site->redis('GET', $site->key($LITE, "message:$mixed")), qr/\["x",null +,7\]\z/, '  her element is gone';
unlink "$site->{spool}/01JDCW3T2XQ5M7V9K0G0000001.bad", "$exports/acme\@lite-2026-11-24.jsonl";
$site->redis('FLUSHALL');

# What cannot be searched: it is named, nothing waits for it, and the tables are kept for when it can be.
{
    my $elsewhere = $site->dir . '/elsewhere';
    my $large = "$exports/acme\@lite-2026-11-26.jsonl";
    my $hers = line($LITE, message($LITE, customer($PEOPLE{ann})));
    my @odd = ("$site->{spool}/pipe.msg.bad", "$site->{spool}/link.msg.bad", "$exports/acme\@lite-2026-11-25.jsonl",
        "$exports/pipe.jsonl", $large);

    spew($elsewhere, $hers);
    POSIX::mkfifo($_, 0600) or die $! for @odd[0, 3];
    symlink $elsewhere, $_ or die $! for @odd[1, 2];
    spew($large, $hers);
    fast() and (truncate $large, 400_000_000 or die $!); # one line, for which there is no memory
    contact(7, 'ann.marchand@example.fr', '+33612345678');
    my $limit = fast() ? 'ulimit -v 250000;' : '';
    my $text = `$limit timeout 20 '$program' -c '@{[$site->conf]}' erase $LITE @ANN --yes 2>&1`;
    is $? >> 8, 1, 'what cannot be searched: exit status 1' or diag $text;
    like $text, qr/^crm360ctl: $LITE: pipe\.msg\.bad: it is no file$/m, '  a pipe is named';
    like $text, qr/^crm360ctl: $LITE: link\.msg\.bad: it is a symbolic link$/m, '  a link';
    like $text, qr/^crm360ctl: $LITE: \Q$odd[2]\E: it is a symbolic link$/m, '  among the exported ones, too';
    like $text, qr/^crm360ctl: $LITE: \Q$odd[3]\E: it is no file$/m, '  as a pipe';
    like $text, qr/^$LITE: erased, but for what is named above$/m, '  nor is it said that all is erased';
    is slurp($elsewhere), $hers, '  a link leads nowhere';
    is value($LITE, 'select count(*) from Contacts where ContactId = 7'), 1, '  what the tables know is kept';
    if (fast()) {
        like $text, qr/^crm360ctl: $LITE: \Q$large\E: Cannot allocate memory/m, '  a line that finds no memory';
        is -s $large, 400_000_000, '  leaves the file as it is';
        like $text, qr/^$LITE: export: 0 lines/m, '  of which nothing is counted';
        like $text, qr/: 5 files could not be searched to their end/, '  and how many there are';
    }
    unlink @odd or die $!;
    is +(ctl('erase', $LITE, @ANN, '--yes'))[0], 0, '  then it ends well';
    is value($LITE, 'select count(*) from Contacts where ContactId = 7'), 0, '  with the tables';
}

# ---- beside workers ----

sub order_of { return "$_[0] ann.marchand\@example.fr" }

# On PostgreSQL: on SQLite the worker would have the whole database.
sql($PG, "insert into Contacts (LastName) values ('Marchand')");
sql($PG, "insert into Addresses (ContactId, Email) select ContactId, 'ann.marchand\@example.fr' from Contacts");
$site->push_order(order_of('sleep 2000'), database => $PG);
$site->start_consumer;
wait_until { $site->redis('HLEN', $site->key($PG, 'claims')) } 5, 'a worker is busy with her';
my $began = time;
($status, $output, $errors) = ctl('erase', $PG, @ANN, '--yes');
is $status, 0, 'erasing waits for it' or diag $errors;
cmp_ok time - $began, '>', 1, '  to its end';
is value($PG, 'select count(*) from WebhookInbox'), 1, '  it had its effect';
is scalar(places_of(everything($PG), 'ann.marchand')), 0, '  and nothing is left';
like $output, qr/^$PG: Contacts: 1 rows$/m, '  of her rows either';

# Messages keep coming while she is erased, by hundreds; the last command finds them all.
sql($LITE, 'create table Effects (Serial, MessageId, RanAt)'); # of the handlers, not of the product
contact(8, 'ann.marchand@example.fr', '+33612345678');
my $stop = $site->dir . '/stop';
my $caller = fork // die $!;
if (!$caller) {
    delete @$site{qw(client http)};
    my $sent = 0;
    my $until = time + 60;
    while (!-e $stop && time < $until) {
        $site->push_order(order_of(('done', 'retry', 'sleep 5')[$sent++ % 3]), database => $LITE);
        sleep 0.002;
    }
    POSIX::_exit($sent > 50 ? 0 : 1);
}
my @ends;
for (1 .. 4) {
    sleep 0.1;
    push @ends, (ctl('erase', $LITE, @ANN, '--yes'))[0];
    is value($LITE, "select count(*) from Contacts where ContactId = 8"), 0, 'her rows are gone' if $ends[-1] == 0;
}
spew($stop, '');
waitpid $caller, 0;
is $?, 0, 'messages have come all the time';
is scalar(grep { $_ > 1 } @ends), 0, "erasing ends well, or says that it has to be done again: @ends";
$site->expect_log(qr/CRM0310|CRM0311/);
wait_until { (ctl('erase', $LITE, @ANN, '--yes'))[0] == 0 } 20, 'when they come no more, it ends well';
is scalar(places_of(everything($LITE), 'ann.marchand')), 0, '  and nothing is left';

# crm360d exports a dead letter while a new file is put in the place of the old one.
{
    my $day = POSIX::strftime('%Y-%m-%d', gmtime);
    my $file = "$exports/acme\@lite-$day.jsonl";
    my $id = '01JDCW3T2XQ5M7V9K0H0000001-Shopify-Order-Insert';

    spew($file, line($LITE, 'old'));
    chmod 0666, $file;
    open my $held, '+<', $file or die $!;
    flock $held, LOCK_EX or die $!;
    $site->redis('SET', $site->key($LITE, "message:$id"), message($LITE, '{}'));
    $site->redis('ZADD', $site->key($LITE, 'dead'), 1, $id);
    kill 'USR1', slurp($site->dir . '/crm360d.pid') + 0;
    my $inode = (stat $held)[1];
    wait_until { slurp('/proc/locks') =~ /-> FLOCK .*:$inode / } 20, 'crm360d waits for the lock of a file';
    spew("$file.new", 'the new one' . "\n");
    rename "$file.new", $file or die $!;
    close $held;
    wait_until { slurp($file) =~ /^\{.*\Q$id\E/m } 20, '  and writes into the one that has its name then';
    like slurp($file), qr/^the new one$/m, '  behind what is there';
    unlink glob "$exports/*";
}
$site->stop_consumer;

# A worker that is gone with what it held.
contact(9, 'ann.marchand@example.fr', '+33612345678');
my $held = $site->push_order(order_of('done'), database => $LITE, delay => 3_600_000); # its lease
$site->redis('HSET', $site->key($LITE, 'claims'), $held, '{"token":"t","worker":"gone/1/1.1"}');
($status, $output, $errors) = ctl('erase', $LITE, @ANN, '--yes');
is $status, 1, 'a message that stays held: exit status 1';
like $errors, qr/1 messages about the person are held by workers: run it again/, '  and what to do';
is value($LITE, 'select count(*) from Contacts'), 1, '  what the tables know of her is kept for then';
$site->redis('HDEL', $site->key($LITE, 'claims'), $held);
is +(ctl('erase', $LITE, @ANN, '--yes'))[0], 0, 'then it ends well';
is scalar(places_of(everything($LITE), 'ann.marchand')), 0, '  and nothing is left';

# ---- many ----

my $many = fast() ? 100_000 : 5_000;
$site->redis('FLUSHALL');
$site->fill_queue($many, database => $MANY, route => 'Shopify/Order/Insert',
    body => '{"email":"pNUMBER@example.fr","phone":"+3361NUMBER","note":"' . 'x' x 500 . '"}');
my $waiting = $site->redis('ZCARD', $site->key($MANY, 'live'));
cmp_ok $waiting, '>=', $many, "$many messages wait";
my $target = sprintf 'p%010d@example.fr', $many / 2;
$began = time;
{
    my $limit = fast() ? 'ulimit -v 250000;' : '';
    my $text = `$limit '$program' -c '@{[$site->conf]}' erase $MANY --email $target --yes 2>&1`;
    is $?, 0, 'one person among them';
    like $text, qr/^$MANY: live: 1 messages$/m, '  has one' or diag $text;
}
diag sprintf '%d messages searched in %.1f s', $many, time - $began;
is $site->redis('ZCARD', $site->key($MANY, 'live')), $waiting - 1, '  the others stay';
$site->done;
