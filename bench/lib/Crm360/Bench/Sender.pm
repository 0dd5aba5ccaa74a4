# Sends webhooks as fast as they are answered: wrk over kept connections, each request a delivery of its own
# (bench/post.lua). wrk runs on the same machine, so it takes its share of the processors.
package Crm360::Bench::Sender;

use strict;
use warnings;

use Exporter qw(import);

use Crm360::Test;

our @EXPORT_OK = qw(send_posts);

# A kept connection that httpd closes is a read error now and then; anything else, or more of it, makes the
# figures worthless.
my $MOST_READ_ERRORS = 0.001;

# Posts `file` to `path` of the site's httpd for so many `seconds` over so many `connections`; the name of the delivery
# is in the field `field`. Returns
# requests (answered), rate (a second), p50 and p99 (ms). Dies when an answer is no 2xx.
sub send_posts {
    my ($site, %o) = @_;
    my @command = ('wrk', '--latency', '-t', 1, '-c', $o{connections}, '-d', "$o{seconds}s", '-s',
        root() . '/bench/post.lua', $site->base . $o{path}, $o{file}, $o{field} || 'X-Shopify-Webhook-Id');

    open my $pipe, '-|', @command or die "cannot run wrk: $!\n";
    my $report = do { local $/; <$pipe> };
    close $pipe or die "wrk failed\n$report";
    my ($line) = $report =~ /^bench: (.+)/m or die "wrk reports nothing\n$report";
    my %is = map { split /=/ } split / /, $line;
    die "requests failed: $line\n$report"
        if !$is{requests} || $is{connect} || $is{write} || $is{status} || $is{timeout}
        || $is{read} > $is{requests} * $MOST_READ_ERRORS;
    return { requests => $is{requests}, rate => $is{requests} / $is{us} * 1e6, p50 => $is{p50} / 1000,
        p99 => $is{p99} / 1000 };
}

1;
