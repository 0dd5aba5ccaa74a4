# An OpenAPI 3.1 document as a program sees it that knows nothing else: whether it is sound, what a value
# must be, and the request of each of its examples.
#
#   my $api = Crm360::OpenApi->new($json_text);
#   is_deeply [$api->faults], [], 'it is sound';
#   for my $request ($api->requests) {       # { operation, example, method, url, headers, content }
#       ...
#       is_deeply [$api->answer_faults($request, $status, $content_type, $content)], [];
#   }
#
# Of JSON Schema it knows the words that the document uses; any other is a fault, so that none is taken
# for one that holds.
package Crm360::OpenApi;

use strict;
use warnings;

use B ();
use JSON::PP;

my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

sub new {
    my ($class, $text) = @_;
    return bless { document => $JSON->decode($text) }, $class;
}

sub document { return $_[0]{document} }

# ---- references ----

# What stands at "#/components/..."; nothing when nothing does.
sub target {
    my ($self, $ref) = @_;
    my $at = $self->{document};

    return if $ref !~ s{^#/}{};
    for my $name (map { s/~1/\//gr =~ s/~0/~/gr } split m{/}, $ref) {
        $at = ref $at eq 'HASH' ? $at->{$name} : undef;
        return unless defined $at;
    }
    return $at;
}

sub resolve {
    my ($self, $object) = @_;
    return ref $object eq 'HASH' && $object->{'$ref'} ? $self->target($object->{'$ref'}) : $object;
}

# ---- schemas ----

my %DECORATION = map { $_ => 1 } qw(description default example examples title);

sub _type {
    my ($value) = @_;

    return 'null' if !defined $value;
    return JSON::PP::is_bool($value) ? 'boolean' : ref $value eq 'HASH' ? 'object' : 'array'
        if ref $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return 'string' if $flags & B::SVf_POK;
    return $value == int $value ? 'integer' : 'number';
}

sub _same { return $JSON->encode($_[0]) eq $JSON->encode($_[1]) }

my %FORMAT = (
    email => qr/\A[^\s\@]+\@[^\s\@]+\z/,
    'date-time' => qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\z/,
);

# Each gets self, the keyword's value, the value looked at, its type, its place and the whole schema.
my %KEYWORD = (
    '$ref' => sub {
        my ($self, $ref, $value, undef, $at) = @_;
        my $schema = $self->target($ref);
        return defined $schema ? $self->value_faults($schema, $value, $at) : "$at: no $ref";
    },
    type => sub {
        my (undef, $types, undef, $type, $at) = @_;
        my @types = ref $types ? @$types : $types;
        return if grep { $_ eq $type || $_ eq 'number' && $type eq 'integer' } @types;
        return "$at: is $type, not @types";
    },
    const => sub { return _same($_[1], $_[2]) ? () : "$_[4]: is not " . $JSON->encode($_[1]) },
    enum => sub {
        my (undef, $allowed, $value, undef, $at) = @_;
        return (grep { _same($_, $value) } @$allowed) ? () : "$at: is none of the allowed";
    },
    minimum => sub { return $_[3] =~ /integer|number/ && $_[2] < $_[1] ? "$_[4]: below $_[1]" : () },
    maximum => sub { return $_[3] =~ /integer|number/ && $_[2] > $_[1] ? "$_[4]: above $_[1]" : () },
    minLength => sub { return $_[3] eq 'string' && length $_[2] < $_[1] ? "$_[4]: too short" : () },
    maxLength => sub { return $_[3] eq 'string' && length $_[2] > $_[1] ? "$_[4]: too long" : () },
    pattern => sub { return $_[3] eq 'string' && $_[2] !~ /$_[1]/ ? "$_[4]: does not fit $_[1]" : () },
    format => sub {
        my (undef, $format, $value, $type, $at) = @_;
        return "$at: format $format is not known here" if !$FORMAT{$format};
        return $type eq 'string' && $value !~ $FORMAT{$format} ? "$at: is no $format" : ();
    },
    required => sub {
        my (undef, $names, $value, $type, $at) = @_;
        return $type eq 'object' ? map { exists $value->{$_} ? () : "$at: has no $_" } @$names : ();
    },
    properties => sub {
        my ($self, $properties, $value, $type, $at) = @_;
        return if $type ne 'object';
        return map { $self->value_faults($properties->{$_}, $value->{$_}, "$at.$_") }
            grep { exists $value->{$_} } sort keys %$properties;
    },
    additionalProperties => sub {
        my ($self, $schema, $value, $type, $at, $whole) = @_;
        return if $type ne 'object';
        return map { $self->value_faults($schema, $value->{$_}, "$at.$_") }
            grep { !exists $whole->{properties}{$_} } sort keys %$value;
    },
    allOf => sub {
        my ($self, $schemas, $value, undef, $at) = @_;
        return map { $self->value_faults($_, $value, $at) } @$schemas;
    },
    anyOf => sub {
        my ($self, $schemas, $value, undef, $at) = @_;
        return (grep { !$self->value_faults($_, $value, $at) } @$schemas) ? () : "$at: fits none";
    },
);

# What is wrong with a value by a schema; a list of texts.
sub value_faults {
    my ($self, $schema, $value, $at) = @_;
    my $type = _type($value);

    return map {
        my $check = $KEYWORD{$_};
        $check ? $check->($self, $schema->{$_}, $value, $type, $at, $schema)
            : $DECORATION{$_} ? () : "$at: the word $_ is not known here";
    } sort keys %$schema;
}

# ---- the document as a whole ----

# Every operation: { path, method, item, operation, parameters }.
sub operations {
    my ($self) = @_;
    my $paths = $self->{document}{paths};

    return map {
        my $path = $_;
        my $item = $paths->{$path};
        map {
            my $operation = $item->{$_};
            {
                path => $path, method => uc, operation => $operation,
                parameters => [map { $self->resolve($_) } @{ $item->{parameters} || [] },
                    @{ $operation->{parameters} || [] }],
            };
        } grep { $_ ne 'parameters' } sort keys %$item;
    } sort keys %$paths;
}

# Every object, with its place.
sub _walk {
    my ($value, $at, $visit) = @_;

    if (ref $value eq 'HASH') {
        $visit->($value, $at);
        _walk($value->{$_}, "$at/$_", $visit) for sort keys %$value;
    }
    elsif (ref $value eq 'ARRAY') {
        _walk($value->[$_], "$at/$_", $visit) for 0 .. $#$value;
    }
    return;
}

sub _parameter_faults {
    my ($self, $operation) = @_;
    my ($path, @faults) = ("$operation->{method} $operation->{path}");
    my (%seen, %in_path);

    for my $parameter (@{ $operation->{parameters} }) {
        my ($in, $name) = map { $_ // '?' } @$parameter{qw(in name)};
        push @faults, "$path: $in $name is there twice" if $seen{"$in $name"}++;
        push @faults, "$path: $name is in $in" if $in !~ /^(?:path|query|header|cookie)$/;
        push @faults, "$path: $name has no schema" if !$parameter->{schema};
        push @faults, "$path: $name must be required" if $in eq 'path' && !$parameter->{required};
        push @faults, "$path: the header field $name is none of the parameters"
            if $in eq 'header' && $name =~ /^(?:Accept|Content-Type|Authorization)$/i;
        push @faults, $self->value_faults($parameter->{schema}, $parameter->{example}, "$path: $name")
            if exists $parameter->{example};
        $in_path{$name} = 1 if $in eq 'path';
    }
    my %variable = map { $_ => 1 } $operation->{path} =~ /\{(\w+)\}/g;
    push @faults, map { "$path: {$_} is not described" } grep { !$in_path{$_} } sort keys %variable;
    push @faults, map { "$path: $_ is not in the path" } grep { !$variable{$_} } sort keys %in_path;
    return @faults;
}

# Examples of bodies, wherever they stand.
sub _example_faults {
    my ($self) = @_;
    my @faults;

    _walk($self->{document}, '', sub {
        my ($object, $at) = @_;
        my $content = ref $object->{content} eq 'HASH' ? $object->{content} : return;
        for my $type (sort keys %$content) {
            my $media = $content->{$type};
            my $examples = $media->{examples} || {};
            push @faults, $self->value_faults($media->{schema}, $examples->{$_}{value}, "$at $type $_")
                for sort keys %$examples;
            push @faults, $self->value_faults($media->{schema}, $media->{example}, "$at $type")
                if exists $media->{example};
        }
    });
    return @faults;
}

# What is wrong with the document; a list of texts.
sub faults {
    my ($self) = @_;
    my $document = $self->{document};
    my %tags = map { $_->{name} => 1 } @{ $document->{tags} };
    my (%ids, @faults);

    push @faults, "openapi is $document->{openapi}" if $document->{openapi} !~ /^3\.1\.\d+$/;
    push @faults, map { "info has no $_" } grep { !$document->{info}{$_} } qw(title version license);
    push @faults, 'one server' if @{ $document->{servers} } != 1;
    for my $operation ($self->operations) {
        my $of = $operation->{operation};
        my $name = "$operation->{method} $operation->{path}";
        push @faults, "$name: no path" if $operation->{path} !~ m{^/};
        push @faults, "$name: no method" if $operation->{method} !~ /^(?:GET|POST)$/;
        push @faults, "$name: operationId" if !$of->{operationId} || $ids{ $of->{operationId} }++;
        push @faults, "$name: tags" if !@{ $of->{tags} } || grep { !$tags{$_} } @{ $of->{tags} };
        push @faults, "$name: no summary" if !$of->{summary};
        push @faults, map { "$name: answer $_ has no description" }
            grep { !($self->resolve($of->{responses}{$_}) || {})->{description} }
            sort keys %{ $of->{responses} };
        push @faults, "$name: no 200, or nothing else"
            if !$of->{responses}{200} || keys %{ $of->{responses} } < 2;
        push @faults, $self->_parameter_faults($operation);
    }
    for my $wish (@{ $document->{security} }) {
        push @faults, map { "there is no proof $_" }
            grep { !$document->{components}{securitySchemes}{$_} } sort keys %$wish;
    }
    _walk($document, '', sub {
        my ($object, $at) = @_;
        push @faults, "$at: nothing at $object->{'$ref'}"
            if defined $object->{'$ref'} && !ref $object->{'$ref'}
            && !defined $self->target($object->{'$ref'});
    });
    for my $kind (sort keys %{ $document->{components} }) {
        push @faults, map { "$kind: $_ is no name" } grep { !/^[A-Za-z0-9._-]+$/ }
            sort keys %{ $document->{components}{$kind} };
    }
    return (@faults, $self->_example_faults);
}

# ---- sending ----

sub _escaped {
    my ($text) = @_;
    utf8::encode($text);
    return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}

sub _encoded {
    my ($type, $value) = @_;

    return $JSON->encode($value) if $type eq 'application/json';
    return join '&', map { _escaped($_) . '=' . _escaped($value->{$_}) } sort keys %$value
        if $type eq 'application/x-www-form-urlencoded';
    die "no way to write $type\n";
}

# The request of an operation with each parameter that has an example.
sub _request {
    my ($self, $operation) = @_;
    my $path = $operation->{path};
    my (@query, %headers);

    for my $parameter (grep { exists $_->{example} } @{ $operation->{parameters} }) {
        my ($in, $name, $value) = @$parameter{qw(in name example)};
        $path =~ s/\{\Q$name\E\}/_escaped($value)/e if $in eq 'path';
        push @query, _escaped($name) . '=' . _escaped($value) if $in eq 'query';
        $headers{$name} = $value if $in eq 'header';
    }
    return (
        operation => $operation->{operation}, method => $operation->{method},
        url => $self->{document}{servers}[0]{url} . $path . (@query ? '?' . join '&', @query : ''),
        headers => \%headers,
    );
}

# One for each example of a body; one for an operation that has none.
sub requests {
    my ($self) = @_;
    my @requests;

    for my $operation ($self->operations) {
        my %request = $self->_request($operation);
        my $content = ($operation->{operation}{requestBody} || {})->{content} || {};
        my @bodies;

        for my $type (sort keys %$content) {
            my $examples = $content->{$type}{examples} || {};
            push @bodies, map { [$type, $_, $examples->{$_}{value}] } sort keys %$examples;
        }
        push @requests, { %request, example => undef } if !@bodies;
        for my $body (@bodies) {
            my ($type, $name, $value) = @$body;
            push @requests, { %request, example => $name, content => _encoded($type, $value),
                headers => { %{ $request{headers} }, 'Content-Type' => $type } };
        }
    }
    return @requests;
}

# What is wrong with an answer, as the document has it; a list of texts.
sub answer_faults {
    my ($self, $request, $status, $type, $content) = @_;
    my $answer = $self->resolve($request->{operation}{responses}{$status});
    my $media;

    $type = lc(($type // '') =~ s/\s*;.*//r);
    return "no answer $status is described" if !$answer;
    $media = $answer->{content}{$type} or return "no $type is described for $status";
    return $self->value_faults($media->{schema}, $type =~ /json/ ? $JSON->decode($content) : $content,
        "answer $status");
}

1;
