# Mails read back by a parser that is none of ours: that of Python's standard library.
#
#   use Crm360::Mail;
#   my $mail = read_mail($bytes);
#   $mail->{headers}   # [[name, value as characters], ...] as they stand
#   $mail->{header}{subject}   # the first of each name, in small letters
#   $mail->{parts}     # the leaves: { type, name, text (characters) or bytes }
#   $mail->{defects}   # what the parser does not like
package Crm360::Mail;

use strict;
use warnings;

use Exporter qw(import);
use File::Temp;
use JSON::PP;
use MIME::Base64 qw(decode_base64);

our @EXPORT = qw(read_mail);

my $PARSER = <<'PYTHON';
import base64, email.parser, email.policy, json, sys
mail = email.parser.BytesParser(policy=email.policy.default).parse(open(sys.argv[1], "rb"))
defects = [str(d) for p in mail.walk() for d in p.defects]
defects += [n + ": " + str(d) for n, v in mail.items() for d in v.defects]
parts = []
for part in mail.walk():
    if part.is_multipart():
        continue
    leaf = {"type": part.get_content_type(), "name": part.get_filename()}
    if part.get_content_maintype() == "text":
        leaf["text"] = part.get_content()
    else:
        leaf["bytes"] = base64.b64encode(part.get_payload(decode=True)).decode()
    parts.append(leaf)
print(json.dumps({"headers": [[n, str(v)] for n, v in mail.items()], "parts": parts,
    "type": mail.get_content_type(), "defects": defects}))
PYTHON

sub read_mail {
    my ($bytes) = @_;
    my $file = File::Temp->new;
    my $mail;

    binmode $file;
    print $file $bytes;
    close $file;
    open my $pipe, '-|', 'python3', '-c', $PARSER, $file->filename or die "cannot run python3: $!\n";
    $mail = decode_json(do { local $/; <$pipe> // '' } || '{}');
    close $pipe or die "the mail could not be parsed\n";
    for my $header (@{ $mail->{headers} }) {
        $mail->{header}{ lc $header->[0] } //= $header->[1];
    }
    $_->{bytes} = decode_base64($_->{bytes}) for grep { exists $_->{bytes} } @{ $mail->{parts} };
    return $mail;
}

1;
