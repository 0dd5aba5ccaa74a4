# The webhooks of t/fixtures, as their platforms send them. Part of Crm360::Test, whose method post_fixture is.
package Crm360::Fixtures;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $FOLDER = dirname(abs_path(__FILE__)) . '/../../fixtures';

# The fixtures by file name: { 'shopify/customer-insert.json' => { method, target, kind, ... } }.
my $fixtures;
sub fixtures {
    if (!$fixtures) {
        my ($titles, @rows) = split /\n/, Crm360::Test::slurp("$FOLDER/index.tsv");
        my @names = split /\t/, $titles;

        for my $row (@rows) {
            my %fixture;
            @fixture{@names} = split /\t/, $row;
            $fixtures->{ $fixture{file} } = \%fixture;
        }
    }
    return $fixtures;
}

# Sends a fixture as its platform would; more query parameters may follow.
sub post_fixture {
    my ($self, $file, @query) = @_;
    my $fixture = fixtures()->{$file} or die "no fixture $file in t/fixtures/index.tsv\n";
    my $content = Crm360::Test::slurp("$FOLDER/$file");
    (my $headers_file = "$FOLDER/$file") =~ s/\.\w+$/.headers/;
    my %headers = map { /^([^:]+):\s*(.*?)\s*$/ ? ($1 => $2) : () } split /\n/,
        Crm360::Test::slurp($headers_file);
    my $target = $fixture->{target};

    while (my ($name, $value) = splice @query, 0, 2) {
        $target =~ s/([?&])\Q$name\E=[^&]*&?/$1/i;
        $target .= ($target =~ /\?/ ? $target =~ /[?&]$/ ? '' : '&' : '?') . "$name=$value";
    }
    return $self->request('GET', "$target&$content", headers => \%headers)
        if $fixture->{kind} eq 'query';
    return $self->request($fixture->{method}, $target, content => $content, headers => \%headers);
}

1;
