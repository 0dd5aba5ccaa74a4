# Mails read back by a parser that is none of ours: that of Python's standard library.
#
#   use Crm360::Mail;
#   my ($mail) = read_mails($file);   # or several; a file that is not there is undef
#   $mail->{headers}   # [[name, value as characters], ...] as they stand
#   $mail->{header}{subject}   # the first of each name, in small letters
#   $mail->{mailboxes}{from}   # [[display name, address], ...] of From, To and Reply-To
#   $mail->{parts}     # the leaves: { type, name, text (characters) or bytes }
#   $mail->{defects}   # what the parser does not like
package Crm360::Mail;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;
use MIME::Base64 qw(decode_base64);

our @EXPORT = qw(read_mails);

my $PARSER = <<'PYTHON';
import base64, email.parser, email.policy, json, os, sys

def leaf(part):
    found = {"type": part.get_content_type(), "name": part.get_filename()}
    if part.get_content_maintype() == "text":
        found["text"] = part.get_content()
    else:
        found["bytes"] = base64.b64encode(part.get_payload(decode=True)).decode()
    return found

def read(file):
    mail = email.parser.BytesParser(policy=email.policy.default).parse(file)
    defects = [str(d) for p in mail.walk() for d in p.defects]
    defects += [n + ": " + str(d) for n, v in mail.items() for d in v.defects]
    boxes = {n.lower(): [[a.display_name, a.addr_spec] for a in v.addresses]
        for n, v in mail.items() if n.lower() in ("from", "to", "reply-to")}
    return {"headers": [[n, str(v)] for n, v in mail.items()], "type": mail.get_content_type(),
        "mailboxes": boxes,
        "parts": [leaf(p) for p in mail.walk() if not p.is_multipart()], "defects": defects}

print(json.dumps([read(open(n, "rb")) if os.path.exists(n) else None for n in sys.argv[1:]]))
PYTHON

sub read_mails {
    my (@files) = @_;

    open my $pipe, '-|', 'python3', '-c', $PARSER, @files or die "cannot run python3: $!\n";
    my $mails = decode_json(do { local $/; <$pipe> // '' } || '[]');
    close $pipe or die "a mail could not be parsed\n";
    for my $mail (grep { defined } @$mails) {
        $mail->{header}{ lc $_->[0] } //= $_->[1] for @{ $mail->{headers} };
        $_->{bytes} = decode_base64($_->{bytes}) for grep { exists $_->{bytes} } @{ $mail->{parts} };
    }
    return @$mails;
}

1;
