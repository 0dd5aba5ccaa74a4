# The completion of crm360ctl in bash: each verb and each option that the program's help names, and nothing else;
# names of databases from the configuration, ids from Redis, routes; and not a word when something is away.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $DB = 'acme/prod';
my $site = Crm360::Test->new(databases => { $DB => '', 'Beta/shop-1' => '' });
my $script = root() . '/conf/crm360ctl.bash-completion';
my $program = build() . '/crm360ctl';
my $conf = $site->conf;

# How many seconds whoever is asked for ids has, instead of one: a busy machine may not have it just then.
our $patience = 60;

# What bash offers for the last of these words, sorted, and what it said on its standard error.
sub offers {
    my (@words) = @_;
    my $dir = $site->dir;
    my $lines = join "\n", "source '$script'", "timeout() { shift; command timeout $patience \"\$@\"; }",
        'COMP_WORDS=(' . join(' ', map { "'$_'" } @words) . ')',
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1))', '_crm360ctl', 'printf "%s\n" "${COMPREPLY[@]}"';

    spew("$dir/complete.sh", $lines);
    open my $bash, '-|', "bash '$dir/complete.sh' 2>'$dir/errors'" or die $!;
    my @offered = sort grep { length } map { chomp; $_ } <$bash>;
    close $bash;
    return (join(' ', @offered), slurp("$dir/errors"));
}
sub is_offered {
    my ($wanted, $name, @words) = @_;
    my $sorted = join ' ', sort split ' ', $wanted;
    my ($offered, $errors) = offers(@words);

    is $offered, $sorted, $name;
    is $errors, '', '  without a word' if length $errors;
    return;
}

# ---- verbs and options: what the help says ----

my ($list) = `$program --help` =~ /^Verbs:\n\n(.*?)^Example/ms;
my @verbs = map { /^  (\S.*)/ ? $1 =~ /^([a-z-]+(?: [a-z]+(?= |$))?)/ : () } split /\n/, $list;
cmp_ok scalar @verbs, '>=', 10, 'the help lists verbs';
my %first = map { (split)[0] => 1 } @verbs;
is_offered(join(' ', keys %first), 'all verbs', $program, '');
is_offered('-c --config -t --test -V --version -h --help', 'the options in front of them', $program, '-');
is_offered('--config', '  one of them', $program, '--c');
for my $word (sort grep { my $word = $_; grep { /^\Q$word\E / } @verbs } keys %first) {
    is_offered(join(' ', map { /^\Q$word\E (\S+)/ } @verbs), "what follows $word", $program, '-c', $conf, $word, '');
}
for my $verb (@verbs) {
    my $help = `$program $verb --help`;
    my @options = $help =~ /^  (--[a-z-]+)/mg;
    ok scalar(@options), "$verb has options";
    is_offered("@options", "  all of them are offered", $program, '-c', $conf, split(' ', $verb), '-');
}

# ---- values ----

is_offered("Beta/shop-1 $DB", 'the databases of the configuration', $program, '-c', $conf, 'tail', '');
is_offered('Beta/shop-1', '  those that begin so', $program, '--config', $conf, 'check', 'B');
is_offered('batch live send', 'lanes', $program, '-c', $conf, 'tail', '--lane', '');
{
    my @routes = map { m{([^/]+)\.http\z} ? $1 =~ s{-}{/}gr : () } glob root() . '/examples/*.http';
    my %platform = map { m{^([^/]+)} ? ($1 => 1) : () } @routes;
    cmp_ok scalar @routes, '>', 20, 'there are routes';
    is_offered(join(' ', @routes, keys %platform), 'all routes and platforms', $program, '-c', $conf, 'tail', '--route', '');
    is_offered('Zendesk Zendesk/Ticket/Update', '  those that begin so', $program, '-c', $conf, 'tail', '--route', 'Ze');
    is_offered('push', 'push itself', $program, 'pu');
    my ($offered) = offers($program, '-c', $conf, 'push', $DB, 'Zen');
    is $offered, 'Zendesk Zendesk/Ticket/Update', 'a route where the usage has one';
    my $file = $site->dir . '/body.json';
    spew($file, '{}');
    ($offered) = offers($program, '-c', $conf, 'push', $DB, 'Zendesk/Ticket/Update', substr $file, 0, -3);
    is $offered, $file, 'a file where it has a file';
}

# ---- ids ----

is_offered('', 'Redis is away: no ids', $program, '-c', $conf, 'trace', '01');
$site->start_redis;
$site->migrate;
$site->start_httpd;
my $id = $site->post($site->url('Adictiz/User/Participate', SourceId => 1), '{"n":1}')->{json}{MessageId};
my $other = $site->post($site->url('Adictiz/User/Participate', SourceId => 2), '{"n":2}')->{json}{MessageId};
is_offered("$id $other", 'ids of messages that wait', $program, '-c', $conf, 'trace', '01');
is_offered($id, '  one of them', $program, '-c', $conf, 'now', $DB, $id);
is_offered('', '  of another database none', $program, '-c', $conf, 'now', 'Beta/shop-1', '01');
$site->redis('ZREM', $site->key($DB, 'live'), $other);
$site->redis('ZADD', $site->key($DB, 'dead'), 1, $other);
{
    # Names that bash would run, or expand to files, are neither.
    my $bait = $site->dir . '/made';
    my @names = map { (s/X/$bait/r) =~ s/ /\${IFS}/gr } '$(touch X)', '`touch X`', 'a;touch X', '*', '/*', '~', 'a$HOME';
    my $traps = $site->dir . '/traps.conf';
    my $text = slurp($conf);
    spew($traps, $text . join '', map { "<Crm360Database $_ b>\n</Crm360Database>\n<Crm360Database a $_>\n</Crm360Database>\n" } @names);
    is_offered("Beta/shop-1 $DB", 'names with other characters are not offered', $program, '-c', $traps, 'tail', '');
    ok !-e $bait, '  and not run';
    $site->redis('ZADD', $site->key($DB, 'live'), 1, $_) for @names;
    is_offered("$id Beta/shop-1 $DB", 'nor are such ids', $program, '-c', $conf, 'trace', $DB, '');
    is_offered('', '  nor what begins so', $program, '-c', $conf, 'trace', $DB, '$');
    ok !-e $bait, '  and not run';
    $site->redis('ZREM', $site->key($DB, 'live'), $_) for @names;
}
{
    # A program that hangs: all databases together have that time, so that only the first is asked.
    local $patience = 5;
    my $slow = $site->dir . '/crm360ctl';
    my $calls = $site->dir . '/calls';
    spew($slow, qq{#!/bin/sh\ncase "\$*" in *--help*) exec '$program' "\$@" ;; esac\necho "\$*" >>$calls\nexec sleep 20\n});
    chmod 0755, $slow;
    is_offered('', 'a server that does not answer: no ids', $slow, '-c', $conf, 'trace', '01');
    is scalar(() = slurp($calls) =~ /\n/g), 1, '  after its time, also of two databases';
}
is_offered($other, 'ids of dead letters', $program, '-c', $conf, 'dead', 'redrive', $DB, '--id', '01');

# ---- nothing to be offered ----

is_offered('', 'a verb that is none', $program, '-c', $conf, 'frobnicate', '');
is_offered('', '  and its options', $program, '-c', $conf, 'frobnicate', 'x', '-');
is_offered('', 'a configuration that is not there', $program, '-c', '/no/such/file', 'tail', 'a');
is_offered('', 'a program that is not there', '/no/such/program', '');
is_offered('', 'no command is run from a word', $program, '-c', '$(touch ' . $site->dir . '/made)', 'tail', '');
ok !-e $site->dir . '/made', '  nothing was made';
SKIP: {
    skip 'no shellcheck here', 1 if !grep { -x "$_/shellcheck" } split /:/, $ENV{PATH};
    is scalar(`shellcheck -s bash '$script' 2>&1`), '', 'shellcheck has nothing to say';
}
$site->done;
