# The spool of a test's site: made where httpd's children may write, and looked into.
#
#   my $site = Crm360::Test->new(...);
#   Crm360::Spool::make($site, '64M');             # before anything is started
#   Crm360::Spool::files($site)                    # names of the messages in it
package Crm360::Spool;

use strict;
use warnings;

use Crm360::Httpd;

# Makes the folder and adds the directive. Another folder than that of the site may be given.
sub make {
    my ($site, $size, $folder) = @_;
    my (undef, $group) = Crm360::Httpd::unprivileged();

    $folder //= $site->dir . '/spool';
    -d $folder or mkdir $folder or die "$folder: $!\n";
    if (defined $group) {
        chown 0, scalar getgrnam($group), $folder or die "$folder: $!\n";
    }
    chmod defined $group ? 02770 : 0700, $folder or die "$folder: $!\n";
    $site->{spool} = $folder;
    $site->{settings} .= "Crm360Spool $folder $size\n";
    $site->write_conf;
    return;
}

# The messages that lie in it, and what was set aside.
sub files {
    my ($site) = @_;
    my @files = glob "$site->{spool}/*.msg $site->{spool}/*.bad";

    return map { m{([^/]+)$} } @files;
}

1;
