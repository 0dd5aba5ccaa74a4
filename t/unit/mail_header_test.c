/* Header fields of mails: what stands in them, that a reader gets it back exactly, and that nothing
 * leaves its field. */
#include "outbound/mail_header.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/charset.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

static const char *of(const char *what, int count)
{
    apr_size_t len = strlen(what);
    char *text = apr_palloc(pool, len * (apr_size_t)count + 1);
    int i;

    for (i = 0; i < count; i++) {
        memcpy(text + len * (apr_size_t)i, what, len);
    }
    text[len * (apr_size_t)count] = '\0';
    return text;
}

static int hex(char c)
{
    return c >= 'A' ? c - 'A' + 10 : c - '0';
}

/* What a reader makes of a field's value (RFC 2047 4.2, 6.2): encoded words decoded, folds and the
 * white space between encoded words gone. *bad counts what breaks a rule. */
static const char *decoded(const char *field, int *bad)
{
    const char *at = strstr(field, ": ") ? strstr(field, ": ") + 2 : "";
    char *text = apr_palloc(pool, strlen(field) + 1);
    char *to = text;

    while (*at) {
        const char *end = strncmp(at, "=?UTF-8?Q?", 10) == 0 ? strstr(at + 10, "?=") : NULL;

        if (!end) {
            *to = *at++;
            to += *to != '\r' && *to != '\n';
            continue;
        }
        *bad += end + 2 - at > 75;
        for (at += 10; at < end; at++) {
            *bad += *at == ' ' || *at == '?' || *at <= ' ' || *at > '~';
            *to++ = *at == '_' ? ' ' : *at == '=' ? (char)(hex(at[1]) * 16 + hex(at[2])) : *at;
            at += *at == '=' ? 2 : 0;
        }
        at = end + 2;
        if (strncmp(at, "\r\n =?", 5) == 0) {
            /* Each word alone is whole characters: what ends here is valid UTF-8. */
            apr_size_t len;
            const char *clean = crm360_utf8_clean(&len, text, (apr_size_t)(to - text), pool);

            *bad += clean != text;
            at += 3;
        }
    }
    *to = '\0';
    return text;
}

/* Lines of a field that break RFC 5322: bytes, lengths, folds that are none. */
static int faults(const char *field, apr_size_t most)
{
    int bad = 0;
    apr_size_t column = 0;

    for (; *field; field++, column++) {
        if (*field == '\r') {
            bad += column > most || field[1] != '\n' || field[2] != ' ' || field[3] == ' ' ||
                   field[3] == '\r' || field[3] == '\0';
            field++;
            column = (apr_size_t)-1;
        }
        else {
            bad += (unsigned char)*field < 0x20 || (unsigned char)*field > 0x7E;
        }
    }
    return bad + (column > most);
}

static void examples(void)
{
    apr_array_header_t *to = apr_array_make(pool, 4, sizeof(const char *));
    int i;

    is_text(outbound_header_text("Subject", "Your order", pool), "Subject: Your order", "plain");
    is_text(outbound_header_text("Subject", "", pool), "Subject:", "empty");
    is_text(outbound_header_text("Subject", "Pr\xC3\xAAt !", pool),
            "Subject: =?UTF-8?Q?Pr=C3=AAt_=21?=", "an accent");
    is_text(outbound_header_text("Subject", "a =?UTF-8?Q?b?= c", pool),
            "Subject: =?UTF-8?Q?a_=3D=3FUTF=2D8=3FQ=3Fb=3F=3D_c?=",
            "what looks encoded is encoded once more");
    is_text(outbound_header_text("Subject", " a ", pool),
            "Subject: =?UTF-8?Q?_a_?=", "blanks at the ends stay");
    is_text(outbound_header_text("Subject",
                                 "a\r\nBcc: b\tc\x7F"
                                 "d",
                                 pool),
            "Subject: a  Bcc: b c d", "control characters are blanks");
    is_text(outbound_header_text("Subject", "a\xC2\x85z", pool), "Subject: a  z",
            "those of C1 too");
    is_text(outbound_header_text("Subject", "a\xFFz", pool),
            "Subject: =?UTF-8?Q?a=EF=BF=BDz?=", "a wrong byte is U+FFFD");
    is_text(outbound_header_mailbox("From", NULL, "a@b.fr", pool), "From: a@b.fr", "no name");
    is_text(outbound_header_mailbox("From", " ", "a@b.fr", pool), "From: a@b.fr", "a blank one");
    is_text(outbound_header_mailbox("From", "Ann Lee", "a@b.fr", pool),
            "From: \"Ann Lee\" <a@b.fr>", "a name");
    is_text(outbound_header_mailbox("From", "Ann \"Lee\" \\ <x@y.fr>, c", "a@b.fr", pool),
            "From: \"Ann \\\"Lee\\\" \\\\ <x@y.fr>, c\" <a@b.fr>", "one with quotes");
    is_text(outbound_header_mailbox("From",
                                    "L\xC3\xA9"
                                    "a \"x\" <y@z.fr>",
                                    "a@b.fr", pool),
            "From: =?UTF-8?Q?L=C3=A9a_=22x=22_=3Cy=40z=2Efr=3E?= <a@b.fr>",
            "one with accents and quotes");
    APR_ARRAY_PUSH(to, const char *) = "ann@example.org";
    is_text(outbound_header_addresses("To", to, pool), "To: ann@example.org", "one address");
    for (i = 0; i < 3; i++) {
        APR_ARRAY_PUSH(to, const char *) = "somebody.with.a.name@example.org";
    }
    is_text(outbound_header_addresses("To", to, pool),
            "To: ann@example.org, somebody.with.a.name@example.org,\r\n"
            " somebody.with.a.name@example.org, somebody.with.a.name@example.org",
            "several, folded");
    is_text(outbound_header_date(apr_time_from_sec(1772500000), pool),
            "Date: Tue, 03 Mar 2026 01:06:40 +0000", "a date");
}

/* Lengths around each limit, of plain text and of characters of one to four bytes. */
static void lengths(void)
{
    static const char *const letters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    int bad = 0, wrong = 0, length, i;

    for (length = 1; length < 300; length++) {
        for (i = 0; i < 4; i++) {
            const char *text = of(letters[i], length);
            const char *subject = outbound_header_text("Subject", text, pool);
            const char *from = outbound_header_mailbox("From", text, "a@b.fr", pool);

            bad += faults(subject, strstr(subject, "=?") ? 76 : 78) + faults(from, 78);
            wrong += strcmp(decoded(subject, &bad), text) != 0;
            wrong += i > 0 &&
                     strcmp(decoded(from, &bad), apr_pstrcat(pool, text, " <a@b.fr>", NULL)) != 0;
        }
        apr_pool_clear(pool);
    }
    is_number(bad, 0, "no length makes a line too long or cuts a character");
    is_number(wrong, 0, "each is read back exactly");
}

/* Random characters, also such as mean something in a header: what is read back is the text, with
 * blanks for control characters. */
static void round_trip(void)
{
    static const char *const pieces[] = {
        "a",       " ",        "\xC3\xA9", "\xE2\x82\xAC", "=?",   "?=",   "\xF0\x9F\x98\x80",
        "_",       "\"",       "\\",       "=C3=A9",       "\r\n", "\n ",  "\t",
        ":",       "<x@y.fr>", ",",        "=?UTF-8?Q?",   "%0a",  "\x7F", "word",
        "\xC2\x80"};
    const int count = sizeof(pieces) / sizeof(pieces[0]);
    int bad = 0, wrong = 0, round, i;

    srand(20260302);
    for (round = 0; round < 20000; round++) {
        const char *text = "";
        const char *field;

        for (i = rand() % 40; i > 0; i--) {
            text = apr_pstrcat(pool, text, pieces[rand() % count], NULL);
        }
        field = outbound_header_text("Subject", text, pool);
        bad += faults(field, 78);
        wrong += strcmp(decoded(field, &bad), outbound_header_line(text, pool)) != 0;
        field = outbound_header_mailbox("From", text, "a@b.fr", pool);
        bad += faults(field, 78);
        if (round % 100 == 0) {
            apr_pool_clear(pool);
        }
    }
    is_number(bad, 0, "20,000 random texts break no rule");
    is_number(wrong, 0, "and are read back exactly");
}

static void very_long(void)
{
    const char *plain = of("abcd ", 20000);
    const char *wide = of("\xC3\xA9\xF0\x9F\x98\x80", 17000);
    const char *hostile = of("\r\nBcc: x@y.fr", 7000);
    const char *field;
    int bad = 0;

    field = outbound_header_text("Subject", plain, pool);
    is_number(faults(field, 76), 0, "100 kB of words");
    ok(strcmp(decoded(field, &bad), plain) == 0, "  are read back");
    field = outbound_header_mailbox("From", wide, "a@b.fr", pool);
    is_number(faults(field, 76), 0, "100 kB of wide characters");
    ok(strncmp(decoded(field, &bad), wide, strlen(wide)) == 0, "  are read back");
    is_number(faults(outbound_header_text("Subject", hostile, pool), 76), 0, "100 kB of CR and LF");
    is_number(bad, 0, "no rule is broken");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    examples();
    lengths();
    round_trip();
    very_long();
    apr_pool_destroy(pool);
    return tap_done();
}
