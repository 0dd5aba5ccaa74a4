# A webhook reaches the module whatever the site around it does with its URLs; and everything else of the
# site stays as it was. Access control of httpd still stands in front.
use strict;
use warnings;

use lib 't/lib';
use Crm360::Test;
use Test::More;

my $WORDPRESS = <<'END';
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
</IfModule>
END

# Starts httpd with these options; returns the site.
sub site {
    my (%option) = @_;

    $option{server} = "TypesConfig /dev/null\n$option{server}"
        if grep { $_ eq 'mime' } @{ $option{modules} || [] };
    my $site = Crm360::Test->new(%option);

    $site->start_redis;
    spew($site->dir . '/htdocs/index.php', "the site\n");
    $option{files}->($site) if $option{files};
    $site->start_httpd;
    return $site;
}

sub queued { my ($site) = @_; return $site->redis('ZCARD', $site->key('acme/prod', 'live')) }

# A webhook is accepted under `mount`, by GET and POST.
sub takes {
    my ($site, $name, %option) = @_;
    my $before = queued($site);
    local $site->{mount} = $option{mount} if defined $option{mount};
    my $path = $site->url('Shopify/Order/Insert', SourceId => 1);

    for my $method (qw(POST GET)) {
        my $answer = $site->request($method, $path, headers => $option{headers} || {});
        is $answer->{status}, 200, "$name: $method is taken"
            or diag "$answer->{status} $answer->{content}\n", $site->log_text('httpd-error');
    }
    is queued($site), $before + 2, "$name: both are queued";
    return;
}

sub refused {
    my ($site, $path, $status, $name, %option) = @_;
    my $before = queued($site);
    my $answer = $site->request($option{method} || 'POST', $path,
        headers => $option{headers} || {});

    is $answer->{status}, $status, "$name: $status" or diag $answer->{content};
    is queued($site), $before, "$name: nothing is queued";
    return $answer;
}

# ---- a site that rewrites what is no file ----

{
    my $site = site(
        files => sub { spew($_[0]->dir . '/htdocs/.htaccess', $WORDPRESS) },
        server => "ErrorDocument 404 /index.php\nErrorDocument 400 /index.php\n"
            . "ErrorDocument 405 /index.php\nErrorDocument 503 /index.php\n",
    );

    is $site->get('/a/page/of/the/site')->{content}, "the site\n", 'the site rewrites';
    takes($site, 'WordPress .htaccess');
    is $site->get("$site->{mount}/another/page")->{content}, "the site\n",
        'below our location, what is no webhook is still the site\'s';
    is $site->get("$site->{mount}/QueueProcessing/x")->{content}, "the site\n",
        'a segment that only begins like ours too';
    for my $case ([400, 'Shopify/Order/Insert', []], [404, 'Nobody/Order/Insert', [SourceId => 1]]) {
        my ($status, $route, $query) = @$case;
        my $answer = refused($site, $site->url($route, @$query), $status, 'no ErrorDocument');
        is $answer->{json}{status}, $status, '  takes the place of the problem document';
    }
    my $answer = refused($site, $site->url('Shopify/Order/Insert', SourceId => 1), 405,
        'no ErrorDocument', method => 'PUT');
    is $answer->{json}{status}, 405, '  for 405 either';
    # A folder of that very name exists: neither its files nor its .htaccess matter.
    my $folder = $site->dir . '/htdocs';
    for my $part (split m{/}, "$site->{mount}/QueueProcess/acme/prod/Shopify/Order/Insert") {
        next unless length $part;
        $folder .= "/$part";
        mkdir $folder or die "$folder: $!";
        spew("$folder/.htaccess", "Require all denied\n");
    }
    takes($site, 'a folder of the same name');
    $site->finish;
}

# ---- everything else that takes URLs away ----

my %TAKERS = (
    'RewriteRule of the server' => "RewriteEngine On\nRewriteRule .* /index.php [L]\n",
    'RewriteRule that forbids' => "RewriteEngine On\nRewriteRule ^/ProcessManagement - [F]\n",
    'RewriteRule to elsewhere' => "RewriteEngine On\nRewriteRule ^(.*) http://127.0.0.1:1\$1 [R=301]\n",
    'RewriteRule that proxies' => "RewriteEngine On\nRewriteRule ^(.*) http://127.0.0.1:1\$1 [P]\n",
    'ProxyPass /' => "ProxyPass / http://127.0.0.1:1/\n",
    'ProxyPass / mapping=encoded' => "ProxyPass / http://127.0.0.1:1/ mapping=encoded\n",
    'forward proxy' => "ProxyRequests On\n",
    'Alias' => "Alias /ProcessManagement /nonexistent\n",
    'AliasMatch' => "AliasMatch .* /nonexistent\n",
    'Redirect' => "Redirect permanent / http://127.0.0.1:1/\n",
    'FallbackResource' => "FallbackResource /index.php\n",
    'SetHandler for all' => "<Location />\n SetHandler server-status\n</Location>\n"
        . "CustomLog log/handlers.log %R\n",
    'SetHandler of the same location' =>
        "<Location $Crm360::Test::MOUNT>\n SetHandler server-info\n</Location>\n",
    'document root denied' => "<Directory />\n Require all denied\n</Directory>\n",
    'Files denied' => "<Files *>\n Require all denied\n</Files>\n",
    'Action' => "Action crm360-webhook /index.php virtual\n",
    'CheckSpelling' => "CheckSpelling On\n",
    'DirectoryIndex and MultiViews' =>
        "<Directory />\n Options +MultiViews +Indexes\n</Directory>\nDirectoryIndex index.php\n",
);
for my $name (sort keys %TAKERS) {
    my $site = site(server => $TAKERS{$name}, modules => [qw(proxy proxy_http actions speling
        negotiation autoindex mime)]);

    takes($site, $name);
    if ($name eq 'ProxyPass /') {
        $site->expect_log(qr/AH00957|AH01114/);
        is $site->get('/elsewhere')->{status}, 503, 'the rest is still proxied';
    }
    if ($name eq 'SetHandler for all') {
        like $site->get('/elsewhere')->{content}, qr/Apache Server Status/, 'the rest has its handler';
        wait_until { slurp($site->dir . '/log/handlers.log')
                eq "crm360-webhook\ncrm360-webhook\nserver-status\n" } 5,
            'and each request is logged under its own';
    }
    $site->finish;
}

# ---- SetHandler alone is no webhook, and Off is off ----

{
    my $site = site(mount => undef, server => <<"END");
<Location /handler>
    SetHandler crm360-webhook
</Location>
<Location /on>
    Crm360Webhook On
</Location>
<Location /on/off>
    Crm360Webhook Off
</Location>
<LocationMatch "^/match/[0-9]+/">
    Crm360Webhook On
</LocationMatch>
<Location "/with blank">
    Crm360Webhook On
</Location>
END
    for my $path ('/handler', '', '/on/off') {
        local $site->{mount} = $path;
        refused($site, $site->url('Shopify/Order/Insert', SourceId => 1), 404, "under '$path'");
    }
    takes($site, 'LocationMatch', mount => '/match/42');
    takes($site, 'a blank in the location', mount => '/with%20blank');
    takes($site, 'more segments in front', mount => '/on/and/on');
    takes($site, 'slashes more than one', mount => '//on//x/');
    takes($site, 'dots in the path', mount => '/off/../on/./x');
    {
        local $site->{mount} = '/on/x/../off';
        refused($site, $site->url('Shopify/Order/Insert', SourceId => 1), 404,
            'dots that lead to where it is off');
    }
    $site->finish;
}

# ---- a mount at / leaves the site alone ----

{
    my $site = site(mount => '/', files => sub { spew($_[0]->dir . '/htdocs/.htaccess', $WORDPRESS) });

    takes($site, 'mounted at /', mount => '');
    is $site->get('/')->{content}, "hello\n", 'the index is served';
    is $site->get('/index.html')->{content}, "hello\n", 'a file is served';
    is $site->get('/no/such/page')->{content}, "the site\n", 'the rewrites are in force';
    is $site->request('PUT', '/index.html')->{status}, 405, 'methods are httpd\'s';
    my $answer = $site->request('OPTIONS', '/index.html');
    unlike $answer->{headers}{allow} // '', qr/^GET, POST, OPTIONS$/, 'and so is OPTIONS';
    is $site->raw("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") =~ /^HTTP\/1\.1 200/,
        1, 'OPTIONS * too';
    $site->finish;
}

# ---- access control ----

{
    my $site = site(
        modules => [qw(auth_basic authn_file authz_user remoteip proxy proxy_http)],
        mount => undef,
        files => sub {
            # Password "pass", made by htpasswd -s.
            spew($_[0]->dir . '/users', "mailjet:{SHA}nU4eI71bcnBGqeO0t9tXvY1u5oQ=\n");
            chmod 0644, $_[0]->dir . '/users';
        },
        server => <<'END');
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.1
<Location /denied>
    Crm360Webhook On
    Require all denied
</Location>
ProxyPass /anywhere http://127.0.0.1:1/ mapping=encoded
<Location /anywhere>
    Crm360Webhook On
</Location>
<Location "/anywhere/with blank">
    Require all denied
</Location>
<Location /ip>
    Crm360Webhook On
    Require ip 192.0.2.0/24
</Location>
<Location /user>
    Crm360Webhook On
    AuthType Basic
    AuthName webhooks
    AuthBasicProvider file
    AuthUserFile users
    Require valid-user
</Location>
END
    my $path = 'QueueProcess/acme/prod/Shopify/Order/Insert?SourceId=1';

    $site->expect_log(qr/AH01630|AH01617|AH01618/);
    refused($site, "/denied/$path", 403, 'Require all denied');
    refused($site, "/denied/x/../$path", 403, 'dots do not go around it');
    refused($site, "/%64enied/$path", 403, 'escapes do not go around it');
    refused($site, "/anywhere/with%20blank/$path", 403,
        'nor does a proxy that wants its URLs encoded');
    takes($site, 'and beside the denied one', mount => '/anywhere');
    refused($site, "/ip/$path", 403, 'Require ip, from elsewhere');
    takes($site, 'Require ip, by mod_remoteip', mount => '/ip',
        headers => { 'X-Forwarded-For' => '192.0.2.9' });
    my @peers = map { $site->redis('GET', $site->key('acme/prod', "message:$_"))
            =~ /^Crm360-Peer: (.*)\r$/m } @{ $site->redis('ZRANGE', $site->key('acme/prod', 'live'), 0, -1) };
    is scalar(grep { $_ eq '192.0.2.9' } @peers), 2, 'the peer is who mod_remoteip says';
    my $answer = refused($site, "/user/$path", 401, 'Require valid-user, without');
    like $answer->{headers}{'www-authenticate'}, qr/Basic/, '  asks for it';
    refused($site, "/user/$path", 401, 'Require valid-user, wrong password',
        headers => { Authorization => 'Basic bWFpbGpldDp3cm9uZw==' });
    takes($site, 'Require valid-user, right password', mount => '/user',
        headers => { Authorization => 'Basic bWFpbGpldDpwYXNz' });
    $site->finish;
}

# ---- subrequests and internal redirects ----

{
    my $site = site(modules => ['include', 'mime'], server => <<"END", files => sub {
ErrorDocument 410 $Crm360::Test::MOUNT/QueueProcess/acme/prod/Shopify/Order/Insert?SourceId=1
<Location /include.shtml>
    Options +Includes
    SetOutputFilter INCLUDES
</Location>
END
        spew($_[0]->dir . '/htdocs/include.shtml', '<!--#include virtual="' . $Crm360::Test::MOUNT
                . '/QueueProcess/acme/prod/Shopify/Order/Insert?SourceId=1" -->');
        spew($_[0]->dir . '/htdocs/.htaccess', "RewriteEngine On\nRewriteRule ^hook\$ "
                . "$Crm360::Test::MOUNT/QueueProcess/acme/prod/Shopify/Order/Insert [L]\n");
    });

    $site->expect_log(qr/unable to include "[^"]*QueueProcess/);
    like $site->get('/include.shtml')->{content}, qr/error/, 'a page that includes a webhook';
    is queued($site), 0, 'a subrequest is no webhook';
    my $answer = $site->post('/hook?SourceId=9', 'body');
    is $answer->{status}, 200, 'a rule of .htaccess may lead to a webhook' or diag $answer->{content};
    my ($id) = @{ $site->redis('ZRANGE', $site->key('acme/prod', 'live'), 0, 0) };
    my $message = $site->redis('GET', $site->key('acme/prod', "message:$id"));
    like $message, qr/^Crm360-Source-Id: 9\r.*\r\n\r\nbody$/ms, '  with its query and body';
    $site->finish;
}

# ---- virtual hosts ----

{
    my $site = site(mount => undef, server => <<'END');
<VirtualHost *:*>
    ServerName first.example
    DocumentRoot /nonexistent
</VirtualHost>
<VirtualHost *:*>
    ServerName second.example
    RewriteEngine On
    RewriteRule .* /index.php
    <Location /hooks>
        Crm360Webhook On
    </Location>
</VirtualHost>
END
    my $path = '/hooks/QueueProcess/acme/prod/Shopify/Order/Insert?SourceId=1';
    my %answer = map {
        $_ => $site->raw("POST $path HTTP/1.1\r\nHost: $_\r\nContent-Length: 2\r\n"
            . "Connection: close\r\n\r\n{}")
    } qw(first.example second.example);

    like $answer{'first.example'}, qr/^HTTP\/1\.1 404 /, 'the host without a location has no webhook';
    like $answer{'second.example'}, qr/^HTTP\/1\.1 200 .*"MessageId"/s, 'the host with one takes it';
    is queued($site), 1, 'once';
    $site->finish;
}
done_testing;
