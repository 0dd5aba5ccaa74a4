/* Mails as files of the outbox: the bytes a server would get, looked at one by one, with hostile
 * values in every member. (t/80-mail.t has other people's programs read them.) */
#include "outbound/mail_mime.h"

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <unistd.h>

#include "outbound/mail.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;
static outbound_t *outbound;
static char folder[] = "/tmp/crm360-eml-XXXXXX";

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

static apr_array_header_t *one(const char *address)
{
    apr_array_header_t *list = apr_array_make(pool, 1, sizeof(const char *));

    APR_ARRAY_PUSH(list, const char *) = address;
    return list;
}

static outbound_mail_t fresh(void)
{
    static int count;
    outbound_mail_t mail = {.from = "shop@example.fr",
                            .from_name = "Boutique",
                            .reply_to = "help@example.fr",
                            .subject = "Subject",
                            .html = "<p>Html</p>",
                            .text = "Text",
                            .attachment = "bytes",
                            .attachment_len = 5,
                            .attachment_name = "request.http",
                            .attachment_type = "application/octet-stream"};

    mail.id = apr_psprintf(pool, "01JDCW3T2XQ5M7V9K0B4%06d-Crm360-Email-Send", ++count);
    mail.to = one("ann@example.org");
    return mail;
}

/* The file that became of a mail; NULL when none did. *len may be NULL. */
static const char *filed(const outbound_mail_t *mail, outbound_result_t *result, apr_size_t *len)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *bytes;
    apr_size_t size;

    outbound_mail_send(result, outbound, NULL, mail, pool);
    if (result->fate != OUTBOUND_SENT) {
        return NULL;
    }
    if (apr_file_open(&file, apr_pstrcat(pool, folder, "/", result->reference, NULL),
                      APR_FOPEN_READ, 0, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        return NULL;
    }
    size = (apr_size_t)info.size;
    bytes = apr_palloc(pool, size + 1);
    if (apr_file_read_full(file, bytes, size, NULL) != APR_SUCCESS) {
        return NULL;
    }
    apr_file_close(file);
    bytes[size] = '\0';
    if (len) {
        *len = size;
    }
    return bytes;
}

/* Lines that are not ASCII, too long or not ended by CRLF. */
static int bad_lines(const char *bytes, apr_size_t len)
{
    apr_size_t i, column = 0;
    int bad = 0;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '\r' && bytes[i + 1] == '\n') {
            i++;
            column = 0;
        }
        else {
            bad += c < 0x20 || c > 0x7E || ++column > 998;
        }
    }
    return bad + (column > 0);
}

/* Names of the header fields, in their order, as one text. */
static const char *field_names(const char *bytes)
{
    const char *names = "";

    while (strncmp(bytes, "\r\n", 2) != 0) {
        size_t name = strcspn(bytes, ":\r ");
        size_t line = strcspn(bytes, "\r");

        if (*bytes != ' ') {
            names = apr_pstrcat(pool, names, apr_pstrmemdup(pool, bytes, name), " ", NULL);
        }
        bytes += line + 2;
    }
    return names;
}

static int count(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what)) != NULL) {
        n++;
        text++;
    }
    return n;
}

#define FIELDS "Content-Type Date From To Reply-To Subject Message-ID Auto-Submitted MIME-Version "

static void whole(void)
{
    outbound_mail_t mail = fresh();
    outbound_result_t result;
    apr_size_t len;
    const char *bytes = filed(&mail, &result, &len);

    if (!ok(bytes != NULL, "a mail becomes a file")) {
        return;
    }
    is_text(result.reference, apr_pstrcat(pool, mail.id, ".eml", NULL), "  known by its name");
    is_number(bad_lines(bytes, len), 0, "  of good lines");
    is_text(field_names(bytes), FIELDS, "  with these fields");
    ok(strstr(bytes, apr_pstrcat(pool, "\r\nMessage-ID: <", mail.id, "@example.fr>\r\n", NULL)) !=
           NULL,
       "  the id is the message's");
    is_number(count(bytes, "Content-Type: multipart/mixed; boundary="), 1, "  mixed");
    is_number(count(bytes, "Content-Type: multipart/alternative; boundary="), 1, "  alternative");
    is_number(count(bytes, "Content-Transfer-Encoding: quoted-printable"), 2, "  two texts");
    is_number(count(bytes, "\r\nContent-Disposition: attachment; filename=\"request.http\"\r\n"), 1,
              "  a named attachment");
    is_number(count(bytes, "\r\nContent-Type: application/octet-stream\r\n"), 1, "  of its type");
    is_number(count(bytes, "\r\nYnl0ZXM=\r\n"), 1, "  in base64");

    mail = fresh();
    mail.attachment = NULL;
    mail.reply_to = NULL;
    mail.text = NULL;
    bytes = filed(&mail, &result, &len);
    is_text(field_names(bytes),
            "Content-Type Date From To Subject Message-ID Auto-Submitted MIME-Version ",
            "no reply address, no such field");
    is_number(count(bytes, "multipart/mixed"), 0, "no attachment, nothing mixed");
    is_number(count(bytes, "\r\n\r\nHtml\r\n"), 1, "a text is made of the HTML");

    mail = fresh();
    mail.attachment = NULL;
    mail.html = NULL;
    bytes = filed(&mail, &result, &len);
    is_number(count(bytes, "text/html"), 0, "text alone stays alone");
    is_number(count(bytes, "\r\n\r\nText\r\n"), 1, "  and is there");

    mail.id = apr_pstrcat(pool, mail.id, ".1", NULL);
    mail.text = NULL;
    mail.subject = NULL;
    bytes = filed(&mail, &result, &len);
    ok(bytes && bad_lines(bytes, len) == 0, "an empty mail is one, too");
}

/* Every member that takes any text, and every hostile value: the same fields, the same parts, and
 * the value in no line of its own. */
static void injected(void)
{
    const char *const values[] = {"x\r\nBcc: eve@example.org",
                                  "x\nBcc: eve@example.org",
                                  "x\rBcc: eve@example.org",
                                  "x\r\n\r\nbody\r\n.\r\nMAIL FROM:<eve@example.org>\r\n",
                                  "\r\n.\r\nQUIT\r\n",
                                  "\n.\n",
                                  ".\r\n.\r\n..\r\n...\r\n",
                                  "x%0d%0aBcc: eve@example.org",
                                  "x\" <eve@example.org>, \"",
                                  "\\\" <eve@example.org>\\",
                                  "x>, <eve@example.org",
                                  "=?UTF-8?Q?=0D=0ABcc:_eve@example.org?=",
                                  "=?UTF-8?B?DQpCY2M6IGV2ZUBleGFtcGxlLm9yZw==?=",
                                  "x\xE2\x80\xA8"
                                  "Bcc: eve@example.org",
                                  "x\xC2\x85"
                                  "Bcc: eve@example.org",
                                  "x\xFF\xFE\r\nBcc: eve@example.org",
                                  "\x01\x02\x1B[31m\x7F",
                                  "%s%s%n",
                                  "--\r\n--x--\r\nContent-Type: text/html\r\n\r\n<b>",
                                  of("\r\nBcc: eve@example.org", 5000),
                                  of("x", 100000),
                                  of("\xC3\xA9", 50000),
                                  of(".\r\n", 33000),
                                  of("\n.", 50000)};
    static const char *const members[] = {"from_name", "subject", "html", "text"};
    size_t i, member;

    for (member = 0; member < 4; member++) {
        int bad = 0;

        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            outbound_mail_t mail = fresh();
            outbound_result_t result;
            apr_size_t len = 0;
            const char *bytes;

            *(member == 0   ? &mail.from_name
              : member == 1 ? &mail.subject
              : member == 2 ? &mail.html
                            : &mail.text) = values[i];
            bytes = filed(&mail, &result, &len);
            if (!bytes || bad_lines(bytes, len) > 0 || strcmp(field_names(bytes), FIELDS) != 0 ||
                count(bytes, "\r\nContent-Transfer-Encoding: ") != 3 ||
                (member < 2 && count(bytes, "\r\nBcc:") != 0)) {
                bad++;
                printf("# %s with value %d: %s\n", members[member], (int)i,
                       bytes ? field_names(bytes) : result.reason);
            }
        }
        is_number(bad, 0, apr_pstrcat(pool, "nothing escapes from ", members[member], NULL));
    }
}

/* Members that are no free text: a mail with a hostile one is refused, by all carriers. */
static void refused(void)
{
    static const char *const values[] = {"",
                                         " ",
                                         "x\r\ny",
                                         "x\ny",
                                         "x\ry",
                                         "x y",
                                         "x\"y",
                                         "x>y",
                                         "<x@y>",
                                         "../x",
                                         "x/../y",
                                         ".x",
                                         "x;y",
                                         "x\\y",
                                         "x\xC3\xA9",
                                         "%0d%0a",
                                         "x@y@z",
                                         "x@y.fr>\r\nRCPT TO:<z@y.fr",
                                         "message/http",
                                         "Multipart/mixed"};
    outbound_result_t result;
    int taken[6] = {0};
    size_t i;
    int member;

    for (i = 0; i <= sizeof(values) / sizeof(values[0]); i++) {
        const char *value = i < sizeof(values) / sizeof(values[0]) ? values[i] : of("x", 100000);

        for (member = 0; member < 6; member++) {
            outbound_mail_t mail = fresh();

            *(member == 0   ? &mail.id
              : member == 1 ? &mail.from
              : member == 2 ? &mail.reply_to
              : member == 3 ? &mail.attachment_name
                            : &mail.attachment_type) = value;
            if (member == 5) {
                mail = fresh();
                mail.to = one(value);
            }
            outbound_mail_send(&result, outbound, NULL, &mail, pool);
            taken[member] += result.fate != OUTBOUND_REFUSED || !result.reason;
        }
    }
    for (member = 0; member < 6; member++) {
        static const char *const names[] = {
            "id", "from", "reply_to", "attachment_name", "attachment_type", "to"};
        is_number(taken[member], 0, apr_pstrcat(pool, "hostile values of ", names[member], NULL));
    }
}

/* The limits of lists and attachments. */
static void limits(void)
{
    outbound_mail_t mail = fresh();
    apr_array_header_t *to = apr_array_make(pool, 50, sizeof(const char *));
    outbound_result_t result;
    apr_size_t len;
    const char *bytes;

    mail.to = to;
    ok(outbound_mail_fault(&mail) != NULL, "no recipient");
    while (to->nelts < OUTBOUND_RECIPIENTS_MOST) {
        APR_ARRAY_PUSH(to, const char *) =
            apr_psprintf(pool, "%s%d@example.org", of("a", 60), to->nelts);
    }
    bytes = filed(&mail, &result, &len);
    ok(bytes && bad_lines(bytes, len) == 0, "50 recipients");
    APR_ARRAY_PUSH(to, const char *) = "b@example.org";
    ok(outbound_mail_fault(&mail) != NULL, "51");
    mail = fresh();
    mail.attachment_len = 3 * 1024 * 1024;
    mail.attachment = apr_pcalloc(pool, mail.attachment_len);
    bytes = filed(&mail, &result, &len);
    ok(bytes && bad_lines(bytes, len) == 0, "3 MB of NULs attached");
    mail.attachment_len = 15 * 1024 * 1024 + 1;
    ok(outbound_mail_fault(&mail) != NULL, "more than 15 MB are not");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (!mkdtemp(folder) ||
        outbound_make(&outbound, folder, 30 * APR_USEC_PER_SEC, pool) != APR_SUCCESS) {
        printf("Bail out! no outbox\n");
        return 1;
    }
    whole();
    injected();
    refused();
    limits();
    if (system(apr_pstrcat(pool, "rm -rf ", folder, NULL)) != 0) {
        printf("# %s stays\n", folder);
    }
    apr_pool_destroy(pool);
    return tap_done();
}
