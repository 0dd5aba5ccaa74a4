# Four Redis users with the rights that crm360.conf(5) names, and no others: httpd's, crm360d's, the operator's
# (crm360ctl, and the redis-cli lines of doc/queue.txt), and that of a status page which shows and does everything.
# The recipes are read from the page; everything is done with them, Redis refuses nothing, and each command and each
# pattern in them is one that something needs. httpd's user can put webhooks in, and nothing else: not read a stored
# one, claim, ack or delete it.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Ctl;
use Crm360::Spool;
use Crm360::Test;
use Test::More;

my @PROGRAMS = qw(httpd crm360d crm360ctl);

# ---- the page ----

# Program => the words of its line: 'on', '+zadd', '(+get +set ~crm360:1:{*}:seen:*)', ...
my %recipe;
for my $text (slurp(root() . '/man/crm360.conf.5') =~ /^# redis-cli acl setuser ((?:.*\\e\n)*.*)$/mg) {
    # They are pasted into a shell, so a shell takes them apart: a bare | would be a pipe.
    open my $shell, '-|', 'sh', '-c', "printf '%s\\0' " . $text =~ s/\\e\n/\\\n/gr or die;
    my ($name, @words) = split /\0/, do { local $/; <$shell> };
    ok close $shell, "a shell takes the recipe of $name as it stands";
    $recipe{$name} = \@words;
}
is join(' ', sort keys %recipe), 'crm360ctl crm360d httpd status', 'the manual page has four recipes';

# What a word permits: commands and patterns. A word in brackets is a selector with several.
sub items_of {
    my ($word) = @_;
    return grep { /\A[+~%&]/ } split ' ', $word =~ s/\A\(|\)\z//gr;
}

# All items of a program; each with its word, which is what to look for in the page.
sub items {
    my ($name) = @_;
    my @items;

    for my $word (@{ $recipe{$name} }) {
        push @items, map { { item => $_, word => $word } } items_of($word);
    }
    return @items;
}

# The words of a program for ACL SETUSER, without the item number $leave_out.
sub words {
    my ($name, $leave_out) = @_;
    my $number = 0;
    my @words;

    for my $word (@{ $recipe{$name} }) {
        my ($open, $inner, $close) = $word =~ /\A(\(?)(.*?)(\)?)\z/s;
        my @kept;

        for my $part (split ' ', $inner) {
            my $is_item = $part =~ /\A[+~%&]/;
            push @kept, $part if !$is_item || !defined $leave_out || $number != $leave_out;
            $number++ if $is_item;
        }
        push @words, "$open@kept$close" if @kept;
    }
    return @words;
}

# ---- a site whose programs have these users ----

my $site = Crm360::Test->new(
    consumer_program => 't/crm360d_faulty',
    databases => { 'acme/prod' => <<'END' },
Crm360EmailAllow *@example.com
Crm360EmailFrom crm@example.com
Crm360Mailer smtp://127.0.0.1:9 tls=none
Crm360Rate mail 1/s
Crm360WaitingBytes 1G
END
    server => <<'END',
<VirtualHost *:*>
    ServerName main.example
    <Location /status>
        SetHandler crm360-status
    </Location>
</VirtualHost>
<VirtualHost *:*>
    ServerName status.example
    Crm360RedisUser status httpd
    Crm360RedisPasswordFile "DIR/status.password" httpd
    <Location /status>
        SetHandler crm360-status
        Crm360StatusActions On
        Crm360StatusMessages On
    </Location>
</VirtualHost>
END
);
my $dir = $site->dir;
$site->{server} =~ s/DIR/$dir/;
mkdir "$dir/dead" or die;
$site->{settings} = <<"END";
Crm360ConnectTimeout 1s
Crm360CommandTimeout 2s
Crm360HandlerTimeout 3s
Crm360Lease 4s
Crm360RetrySchedule 100ms
Crm360DedupWindow 1h
Crm360DeadLetterExport $dir/dead
Crm360DeadLetterMost 5
END
for my $name (@PROGRAMS, 'status') {
    my $file = "$dir/$name.password";

    spew($file, "secret-$name\n");
    chmod 0600, $file;
    next if $name eq 'status'; # its virtual host names it
    $site->{settings} .= "Crm360RedisUser $name $name\nCrm360RedisPasswordFile $file $name\n";
}
Crm360::Spool::make($site, '64M');
$site->write_conf;
$site->start_redis;
for my $name (@PROGRAMS, 'status') {
    my @words = map { s/PASSWORD/secret-$name/r } words($name);
    is $site->redis('ACL', 'SETUSER', $name, @words), 'OK', "Redis takes the recipe of $name";
}
$site->migrate;
my $PREFIX = $site->key('acme/prod', '');
my $PATH = $site->url('Adictiz/User/Participate', SourceId => 1);
my $MAIL = $site->url('Adictiz/User/Participate', SourceId => 1, -process => 'EmailProcess',
    Email => 'a@example.com');
my $MAILER = 'crm360:1:{provider/smtp:smtp://127.0.0.1:9:}:';

# ---- what is asked of Redis is written down ----

my %asked; # program => { what a call looks like => [its words] }
my $monitor;
my %mine; # calls of this test itself, which do not count
{
    no warnings 'redefine';
    my $redis = \&Crm360::Test::redis;
    *Crm360::Test::redis = sub {
        my ($self, @words) = @_;
        $mine{ join "\0", @words }++;
        return $redis->($self, @words);
    };
}

sub record {
    %mine = ();
    $monitor = Crm360::Redis->connect($site->redis_socket);
    $monitor->command('MONITOR');
    $site->redis('CONFIG', 'RESETSTAT');
    return;
}

# The words of a line of MONITOR: 1764471600.1 [0 unix:/s] "zadd" "crm360:1:..." ...
sub words_of_line {
    my ($line) = @_;
    return map { s/\\(x(..)|.)/$2 ? chr hex $2 : $1/ger } $line =~ /"((?:[^"\\]++|\\.)*+)"/g;
}

# Whether a line is a call of this test; those of scripts ("[0 lua]") never are.
sub is_mine {
    my ($line, @words) = @_;
    my $call = join "\0", @words;
    return $line !~ /\A\+\S+ \[\d+ lua\]/ && $mine{$call} && $mine{$call}--;
}

# A call without what differs from one to the next.
sub looks_like {
    my @first = @_ > 5 ? @_[0 .. 4] : @_;
    return join ' ', map { s/[0-9A-Z]{26}/ID/gr =~ s/\d+/N/gr =~ s/\b[0-9a-f]{32,}\b/HASH/gr } @first;
}

# Enters all calls since record() as those of a program; of those that look alike, the first.
sub recorded {
    my ($name) = @_;
    my $calls = $asked{$name} = {};

    $site->redis('PUBLISH', 'test', 'that was all');
    while ((my $line = $monitor->_line) !~ /"that was all"\z/) {
        my @words = words_of_line($line);
        next if !@words || $words[0] =~ /\A(?:auth|acl|monitor|command)\z/i || is_mine($line, @words);
        @words = map { substr $_, 0, 300 } @words;
        $calls->{ looks_like(@words) } ||= \@words;
    }
    # MONITOR does not show CONFIG; PING is sent on a connection that was silent for 10 s.
    $calls->{config} = ['CONFIG', 'GET', 'appendonly']
        if $site->redis('INFO', 'commandstats') =~ /cmdstat_config\|get:/;
    $calls->{ping} = ['PING']
        if $name eq 'crm360d' && slurp(root() . '/consumer/listen.c') =~ /"PING"/
        || $name eq 'status'; # as httpd's, when Redis was away
    undef $monitor;
    return;
}

sub count { return $site->redis('ZCARD', "$PREFIX$_[0]") }

# httpd: small and large, repeated, with a mail copy, with a key, and into the spool.
record();
$site->start_httpd;
my $large = 'x' x 600_000;
for my $body ('done', 'retry', 'reject', 'sleep 900', $large) {
    is $site->post($PATH, $body)->{status}, 200, 'taken: ' . substr $body, 0, 10;
}
ok $site->post($PATH, 'done')->{json}{Duplicate}, 'a repetition is known';
is $site->post("$PATH&Email=a\@example.com", $large)->{status}, 200, 'a large one with a mail copy';
is $site->post("$PATH&Email=a\@example.com&n=3", 'done')->{status}, 200, 'a small one with a mail copy';
ok $site->post("$PATH&Email=a\@example.com", $large)->{json}{Duplicate}, 'and repeated';
is $site->post($PATH, 'done', { 'Idempotency-Key' => 'k' })->{status}, 200, 'a key';
is $site->post($PATH, 'two', { 'Idempotency-Key' => 'k' })->{status}, 422, 'used again';
is $site->post("$PATH&BatchMode=true", '["done","done"]')->{status}, 200, 'a batch';
$site->expect_log(qr/CRM0101/);
$site->freeze_redis;
is $site->post("$PATH&n=4", $_)->{json}{Durability}, 'spool', 'spooled' for 'done', $large;
$site->thaw_redis;
wait_until { $site->post("$PATH&n=6", 'done')->{json}{Durability} eq 'memory' }
    10, 'Redis is back';
ok $site->get('/status?format=json')->{json}{redisAnswers}, 'the status page';
like $site->get('/status?format=prometheus')->{content}, qr/^crm360_redis_audit/m, '  as metrics';
like $site->get('/status?show=acme/prod')->{content}, qr/cannot be read: crm360.conf\(5\)/,
    '  and without what is in messages';
$site->redis('ACL', 'LOG', 'RESET'); # that was refused
recorded('httpd');
cmp_ok count('live'), '>=', 9, 'they wait';
my ($victim) = @{ $site->redis('ZRANGE', $PREFIX . 'live', 0, 0) };

# crm360d: all of it, a crash, something somebody else has broken, dead letters beyond the limit.
$site->redis('LPUSH', $PREFIX . 'splits', 'of another type');
$site->redis('ZADD', $PREFIX . 'live', 1, '01JDCW3T2XQ5M7V9K0B4Z8R6AE-Adictiz-User-Participate');
$site->expect_log(qr/CRM03(?:10|11|14|22)/, qr/CRM012[0-9]/, qr/CRM0380/);
record();
$site->start_consumer;
wait_until { count('live') == 0 && count('batch') == 0 } 20, 'worked on, spooled ones too';
is $site->post("$PATH&n=$_", 'reject')->{status}, 200, 'taken: another reject' for 1 .. 5;
is $site->post($PATH, 'crash')->{status}, 200, 'taken: crash';
wait_until { count('live') == 0 && count('dead') >= 6 } 20, 'given back for a worker that crashed';
$site->keep_house;
is count('dead'), 5, 'what is beyond the limit was exported and dropped';
is $site->stop_consumer, 0, 'crm360d ends';
# Mails are sent by the real one: permits, the breaker, its pardon.
$site->{consumer_program} = 'crm360d';
$site->start_consumer;
is $site->post($MAIL, "{$_}")->{status}, 200, 'taken: a mail' for 1 .. 3;
wait_until { $site->redis('EXISTS', $MAILER . 'breaker') } 20, 'a mailer was tried';
wait_until { ($site->redis('ZCARD', $MAILER . 'turns') || 0) >= 3 }
    20, 'and somebody has to wait for his turn';
$site->stop_consumer;
$site->start_consumer;
is $site->stop_consumer, 0, 'crm360d ends';
$site->redis('SET', $PREFIX . 'counters:aside:1', 'x');
recorded('crm360d');

# The operator: crm360ctl, and the lines of doc/queue.txt as they are printed.
my ($id) = @{ $site->redis('ZRANGE', $PREFIX . 'dead', 0, 0) };
is $site->post($PATH, '{"email":"ann@example.com"}')->{status}, 200, 'something to erase';
my $batch = qq([{"email":"ann\@example.com"},{"e":"$large"}]);
is $site->post("$PATH&BatchMode=true", $batch)->{status}, 200, '  in a batch, too';
record();
like +($site->ctl('dead', 'list', 'acme/prod'))[1], qr/\Q$id\E/, 'crm360ctl dead list';
my $dropped = $site->redis('ZRANGE', $PREFIX . 'dead', 1, 1)->[0];
is +($site->ctl(@$_))[0], 0, "crm360ctl @$_"
    for ['status'], ['queues'], ['dead', 'show', $id], ['dead', 'drop', 'acme/prod', '--id', $dropped, '--yes'],
    ['dead', 'redrive', 'acme/prod', '--id', $id], ['pause', 'live'], ['pause', 'Adictiz'],
    ['list', 'acme/prod', '--state', 'paused'], ['list', 'acme/prod', '--state', 'leased'], ['show', $id, '--raw'],
    ['show', $id], ['now', $id, '--in', '1h'], ['resume', 'live'], ['resume', 'Adictiz'];
is +($site->ctl('dead', 'redrive', 'acme/prod', '--all', '--rate', '10/s'))[0], 0,
    '  with a rate';
spew("$dir/body", 'done');
spew("$dir/large", $large);
is +($site->ctl('push', 'acme/prod', 'Adictiz/User/Participate', "$dir/$_", '--source-id', 7, '--query',
    'Email=a@example.com'))[0], 0, "crm360ctl push, $_" for qw(body large);
$site->freeze_redis;
is $site->post("$PATH&n=5", $_)->{json}{Durability}, 'spool', 'spooled' for 'done', $large;
$site->thaw_redis;
is +($site->ctl('spool', 'drain'))[0], 0, 'crm360ctl spool drain';
is +($site->ctl('trace', $id))[0], 0, 'crm360ctl trace';
like +($site->ctl('check', 'acme/prod'))[1], qr/^ok\trights\t/m, 'crm360ctl check';
{
    my $out;
    my ($tail) = Crm360::Ctl->new($site)->when_it_looks(sub {
        return open($out, '-|', build() . '/crm360ctl -c ' . $site->conf . ' tail --every 100ms 2>&1') || die $!;
    });
    # Not by timeout(1): its SIGCONT behind the SIGINT can stop LeakSanitizer for ever.
    kill INT => $tail;
    is do { local $/; <$out> } // '', '', 'crm360ctl tail';
    close $out;
    is $?, 0, '  which ends well';
}
my ($code, $text) = $site->ctl('erase', 'acme/prod', '--email', 'ann@example.com', '--yes');
is $code, 0, 'crm360ctl erase' or diag $text;
{
    my $document = slurp(root() . '/doc/queue.txt');
    my %placeholder = (
        'redis-cli -s SOCKET' => 'redis-cli --user crm360ctl -s ' . $site->redis_socket,
        '<id>' => $id,
        '<hash>' => 'abc',
        '<key>' => $PREFIX . 'counters:aside:1',
        'FOLDER' => $site->{spool},
    );
    my $placeholders = join '|', map { quotemeta } keys %placeholder;
    local $ENV{REDISCLI_AUTH} = 'secret-crm360ctl';

    # A sentence that ends in a colon, an empty line, and lines that are indented.
    while ($document =~ /^([A-Z][^\n]*(?:\n[^ \n][^\n]*)*):\n\n((?:  [^\n]*\n)+)/mg) {
        my ($sentence, $lines) = ($1, $2);
        next if $lines !~ /redis-cli/ || $sentence =~ /^Send a mended/;
        $lines =~ s/($placeholders)/$placeholder{$1}/g;
        my $output = `( $lines ) 2>&1`;
        unlike $output, qr/NOPERM|^(?:\(error\) )?ERR|WRONGPASS|Warning/m,
            'redis-cli: ' . substr $sentence, 0, 50;
    }
}
recorded('crm360ctl');

# A status page that may do all that there is, as a form would.
{
    my $ask = sub {
        my ($method, $query, $content) = @_;
        return $site->raw("$method /status?$query HTTP/1.0\r\nHost: status.example\r\nContent-Type: "
            . "application/x-www-form-urlencoded\r\nContent-Length: " . length($content) . "\r\n\r\n$content");
    };
    my $page = sub { return $ask->('GET', $_[0], '') };
    my $act = sub {
        my (@form) = @_;
        my $token = $page->('show=acme/prod') =~ /name="token" value="(\w+)"/ ? $1 : '';
        return $ask->('POST', '', join '&', "token=$token", 'database=acme/prod', @form) =~ /^HTTP\S+ (\d+)/ ? $1 : 0;
    };
    my ($waits) = map { $_->{json}{MessageId} } $site->post("$PATH&secondsOfInvisibility=600", 'waits');
    my @dead = map { sprintf '01JDCW3T2XQ5M7V9K0B4Z8R6A%d-Adictiz-User-Participate', $_ } 1, 2;
    for my $id (@dead) {
        $site->redis('ZADD', $PREFIX . 'dead', 1000, $id);
        $site->redis('SET', $PREFIX . "message:$id", 'x');
        $site->redis('HSET', $PREFIX . 'failures', $id, '{"attempts":1,"errors":[{"at":1,"reason":"x"}]}');
    }
    $site->redis('SCRIPT', 'FLUSH'); # so that each script has to be taught once
    record();
    like $page->(''), qr/Failures by reason.*<td>2</s, 'the status page as its own user';
    like $page->("show=acme/prod&id=$dead[0]"), qr/<pre tabindex="0">x</, '  a message';
    is $act->('action=redrive', "id=$dead[0]"), 303, '  redrive';
    is $act->('action=drop', 'confirm=yes', "id=$dead[1]", 'died=1000'), 303, '  drop';
    is $act->('action=now', "id=$waits"), 303, '  now';
    is $act->('action=pause', 'what=Adictiz'), 303, '  pause';
    $site->redis('ZADD', $PREFIX . 'live', 100_000_000_000_000 + time * 1000, $dead[0]);
    is $act->('action=resume', 'what=Adictiz'), 303, '  resume';
    recorded('status');
}
my @refused;
for my $entry (@{ $site->redis('ACL', 'LOG') }) {
    my %entry = @$entry;
    # redis-cli asks for its help text and does without.
    push @refused, "$entry{username}: $entry{reason} $entry{object}" if $entry{object} !~ /\Acommand/;
}
is_deeply \@refused, [], 'Redis has refused nothing';

# ---- no more than is needed ----

# Whether a user as it is now may not do something.
sub refuses {
    my ($name, @words) = @_;
    return $site->redis('ACL', 'DRYRUN', $name, @words) ne 'OK';
}

for my $name (@PROGRAMS, 'status') {
    my @calls = values %{ $asked{$name} };
    my @items = items($name);
    my @needless;

    is_deeply [map { "@$_" } grep { refuses($name, @$_) } @calls], [],
        "$name may do what it does (" . @calls . ' kinds of calls)';
    for my $number (0 .. $#items) {
        my @less = grep { !/^(?:reset|on|>.*)$/ } words($name, $number);
        $site->redis('ACL', 'SETUSER', 'less', 'reset', 'on', @less);
        push @needless, "$items[$number]{item} in $items[$number]{word}"
            if !grep { refuses('less', @$_) } @calls;
    }
    is_deeply \@needless, [], 'each of the ' . @items . " items of $name is needed";
}

# ---- what httpd's user cannot do ----

$id = '01JDCW3T2XQ5M7V9K0B4Z8R6AF-Adictiz-User-Participate';
my $message = "${PREFIX}message:$id";
my %key = map { $_ => "$PREFIX$_" } qw(live batch send claims failures dead counters splits seen:x paused);
$site->redis('SET', $message, 'a secret order');
$site->redis('ZADD', $key{live}, 1, $id);
my $web = Crm360::Redis->connect($site->redis_socket);
is $web->command('AUTH', 'httpd', 'secret-httpd'), 'OK', 'somebody has the password of httpd';

my @reads = (
    (map { [$_, $message] } qw(GET GETDEL GETEX DUMP TTL TYPE STRLEN)),
    ['OBJECT', 'ENCODING', $message],
    ['GETRANGE', $message, 0, -1],
    ['SET', $message, 'x', 'GET'],
    ['COPY', $message, $key{'seen:x'}],
    ['RENAME', $message, $key{'seen:x'}],
    ['RENAME', $message, "$message:parts"],
    ['RENAME', $message, "${PREFIX}message:other"],
    ['BITOP', 'AND', $key{'seen:x'}, $message],
    ['MIGRATE', '127.0.0.1', 1, $message, 0, 1],
    ['SORT', $key{live}, 'BY', 'nosort', 'GET', '*'],
    (map { ['HGETALL', $key{$_}] } qw(failures counters)),
    ['KEYS', '*'],
    ['SCAN', 0],
    ['GET', 'other'],
    ['MONITOR'],
    ['SUBSCRIBE', 'crm360:1:wake'],
    ['PSUBSCRIBE', '*'],
);
my @changes = (
    (map { [$_, $message] } qw(DEL UNLINK)),
    ['APPEND', $message, 'x'],
    ['EXPIRE', $message, 1],
    ['SETRANGE', $message, 0, 'x'],
    ['ZREM', $key{live}, $id],
    ['ZPOPMIN', $key{live}],
    ['DEL', $key{live}],
    ['RENAME', $key{live}, $key{batch}],
    ['ZADD', $key{dead}, 1, $id],
    ['HSET', $key{claims}, $id, '{}'],
    ['HSET', 'crm360:1:consumers', 'x', '{}'],
    ['SET', 'other', 'x'],
    ['PUBLISH', 'other', 'x'],
    ['SELECT', 1],
);
my @administers = (
    ['FLUSHALL'], ['FLUSHDB'], ['SAVE'], ['SHUTDOWN'],
    ['CONFIG', 'SET', 'dir', '/tmp'],
    ['ACL', 'LIST'], ['ACL', 'SETUSER', 'httpd', '+@all'],
    ['SCRIPT', 'FLUSH'], ['CLIENT', 'LIST'], ['DEBUG', 'SLEEP', 1],
    ['REPLICAOF', '127.0.0.1', 1],
);
my @scripts = (
    (map { ['EVAL', "return redis.call('$_', KEYS[1])", 1, $message] } qw(GET DEL GETDEL)),
    ['EVAL', "return redis.call('ZREM', KEYS[1], ARGV[1])", 1, $key{live}, $id],
    ['EVAL', 'return 1', 1, 'other'],
    ['EVAL', lua('claim'), 7, @key{qw(live claims failures dead counters seen:x paused)}, 10, 60000, 'token', 'thief', 10],
    ['EVAL', lua('ack'), 5, @key{qw(live claims failures counters splits)}, 'token', $id],
    ['EVAL', lua('release'), 5, @key{qw(live claims failures dead counters)}, 'token', $id],
    ['EVAL', lua('drop'), 5, @key{qw(dead failures counters splits live)}, $id],
    ['EVAL', lua('redrive'), 5, @key{qw(dead failures counters live live)}, $id],
);

# Whether Redis says that this user has no right to a call; another error is none of that kind.
my $NO_RIGHT = qr/NOPERM|ACL failure|can't run this command|no permissions|can't access|not allowed/i;
sub is_forbidden {
    my (@words) = @_;
    return !eval { $web->command(@words); 1 } && $@ =~ $NO_RIGHT;
}
my @try = (@reads, @changes, @administers, @scripts);
is_deeply [map { substr join(' ', @$_), 0, 100 } grep { !is_forbidden(@$_) } @try], [],
    'and is refused what does not belong to taking webhooks in (' . @try . ' tries)';
is $site->redis('GET', $message), 'a secret order', 'the stored message is as it was';
is $site->redis('ZSCORE', $key{live}, $id), 1, 'and waits as it did';
is_deeply $site->redis('HGETALL', $key{claims}), [], 'nothing is claimed';
$site->done;
