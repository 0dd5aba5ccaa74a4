/*
 * MIME by libcurl. It has no function that gives the bytes of what it has built; it only sends
 * them. So it speaks SMTP to this file, which says everything that a server says before it is
 * asked, and then only listens. What comes out goes to the mail server, or into the outbox, as it
 * is.
 *
 * They speak over a Unix socket with a name that the kernel makes up (unix(7), "autobind"): nothing
 * in the file system, nothing on the network. A pair of sockets would be simpler, but libcurl 7.88
 * connects even those that it is told are connected (CURL_SOCKOPT_ALREADY_CONNECTED).
 */
#include "outbound/mail_mime.h"

#include <apr_strings.h>

#include <curl/curl.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/charset.h"
#include "outbound/html_text.h"
#include "outbound/mail_header.h"

#define LINE_MOST 998

/* Greeting, EHLO, MAIL, RCPT, DATA, end of data, QUIT. */
static const char answers[] = "220 \r\n250 \r\n250 \r\n250 \r\n354 \r\n250 \r\n221 \r\n";

/* Our end of the conversation. */
typedef struct wire_t {
    int listener;
    char name[8]; /* of the listener; 5 hexadecimal digits */
    int socket;   /* -1 = nobody has come yet */
    char *bytes;  /* what libcurl has sent */
    apr_size_t len;
    apr_size_t room;
    apr_pool_t *pool;
} wire_t;

const char *outbound_mail_message_id(const outbound_mail_t *mail, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "<", mail->id, strchr(mail->from, '@'), ">", NULL);
}

const char *outbound_mail_text(const outbound_mail_t *mail, apr_pool_t *pool)
{
    if (mail->text) {
        return mail->text;
    }
    return mail->html ? outbound_html_text(mail->html, pool) : "";
}

/* Text as it stands in a mail: valid UTF-8, and CRLF at the end of each line. */
static const char *canonical(const char *text, apr_pool_t *pool)
{
    apr_size_t len, i;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);
    char *lines = apr_palloc(pool, len * 2 + 1);
    char *to = lines;

    for (i = 0; i < len; i++) {
        if (clean[i] == '\r' || clean[i] == '\n') {
            i += clean[i] == '\r' && i + 1 < len && clean[i + 1] == '\n';
            *to++ = '\r';
            *to++ = '\n';
        }
        else {
            *to++ = clean[i];
        }
    }
    *to = '\0';
    return lines;
}

static int add_text(curl_mime *mime, const char *text, const char *type, apr_pool_t *pool)
{
    curl_mimepart *part = curl_mime_addpart(mime);

    return part && !curl_mime_data(part, canonical(text, pool), CURL_ZERO_TERMINATED) &&
           !curl_mime_type(part, type) && !curl_mime_encoder(part, "quoted-printable");
}

/* The two forms of one text, the better one last (RFC 2046 5.1.4); or the only one. */
static int add_texts(curl_mime *mime, const outbound_mail_t *mail, apr_pool_t *pool)
{
    return add_text(mime, outbound_mail_text(mail, pool), "text/plain; charset=utf-8", pool) &&
           (!mail->html || add_text(mime, mail->html, "text/html; charset=utf-8", pool));
}

static int add_attachment(curl_mime *mime, const outbound_mail_t *mail)
{
    curl_mimepart *part = curl_mime_addpart(mime);

    return part && !curl_mime_data(part, mail->attachment, mail->attachment_len) &&
           !curl_mime_type(part, mail->attachment_type) &&
           !curl_mime_filename(part, mail->attachment_name) && !curl_mime_encoder(part, "base64");
}

/* Fills `mime`. Where there is an attachment, two texts are a part of their own. */
static int add_parts(CURL *easy, curl_mime *mime, const outbound_mail_t *mail, apr_pool_t *pool)
{
    curl_mime *texts = mime;
    int good = 1;

    if (mail->attachment && mail->html) {
        curl_mimepart *part = curl_mime_addpart(mime);

        texts = curl_mime_init(easy);
        good = part && texts && !curl_mime_type(part, "multipart/alternative");
        /* The part frees them from here on. */
        if (!good || curl_mime_subparts(part, texts)) {
            curl_mime_free(texts);
            return 0;
        }
    }
    return add_texts(texts, mail, pool) && (!mail->attachment || add_attachment(mime, mail));
}

static int add_field(struct curl_slist **fields, const char *field)
{
    struct curl_slist *list = curl_slist_append(*fields, field);

    *fields = list ? list : *fields;
    return list != NULL;
}

/* The header, but for the fields that libcurl writes by itself. */
static int add_fields(struct curl_slist **fields, const outbound_mail_t *mail, apr_pool_t *pool)
{
    const char *type = mail->html && !mail->attachment ? "Content-Type: multipart/alternative"
                                                       : "Content-Type: multipart/mixed";

    return add_field(fields, outbound_header_date(apr_time_now(), pool)) &&
           add_field(fields, outbound_header_mailbox("From", mail->from_name, mail->from, pool)) &&
           add_field(fields, outbound_header_addresses("To", mail->to, pool)) &&
           (!mail->reply_to ||
            add_field(fields, outbound_header_mailbox("Reply-To", NULL, mail->reply_to, pool))) &&
           add_field(fields,
                     outbound_header_text("Subject", mail->subject ? mail->subject : "", pool)) &&
           add_field(fields, apr_pstrcat(pool, "Message-ID: ", outbound_mail_message_id(mail, pool),
                                         NULL)) &&
           /* RFC 3834 5: nobody's absence is to be told to a program. */
           add_field(fields, "Auto-Submitted: auto-generated") &&
           add_field(fields, "MIME-Version: 1.0") && add_field(fields, type);
}

/* Lets libcurl in, and nobody else: any process of this host may knock. */
static apr_status_t let_in(wire_t *wire)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    int socket = accept4(wire->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (socket < 0) {
        return errno == EAGAIN || errno == EINTR ? APR_SUCCESS : errno;
    }
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || who.pid != getpid()) {
        close(socket);
        return APR_SUCCESS;
    }
    wire->socket = socket;
    /* The end behind the answers: libcurl never waits for another one. */
    return send(socket, answers, sizeof(answers) - 1, MSG_NOSIGNAL) == sizeof(answers) - 1 &&
                   shutdown(socket, SHUT_WR) == 0
               ? APR_SUCCESS
               : APR_EGENERAL;
}

/* Takes what libcurl has sent so far. */
static apr_status_t listen_to(wire_t *wire)
{
    while (wire->socket >= 0) {
        ssize_t got;

        if (wire->room - wire->len < 65536) {
            char *more = apr_palloc(wire->pool, wire->room * 2);

            memcpy(more, wire->bytes, wire->len);
            wire->bytes = more;
            wire->room *= 2;
        }
        got = recv(wire->socket, wire->bytes + wire->len, wire->room - wire->len, MSG_DONTWAIT);
        if (got > 0) {
            wire->len += (apr_size_t)got;
        }
        else if (got == 0 || errno == EAGAIN) {
            return APR_SUCCESS;
        }
        else if (errno != EINTR) {
            return errno;
        }
    }
    return let_in(wire);
}

/* Has libcurl send it. */
static apr_status_t converse(wire_t *wire, CURLM *multi)
{
    int running = 1, left;
    CURLMsg *message;

    while (running) {
        struct curl_waitfd waitfd = {wire->socket >= 0 ? wire->socket : wire->listener,
                                     CURL_WAIT_POLLIN, 0};

        if (curl_multi_perform(multi, &running) != CURLM_OK || listen_to(wire) != APR_SUCCESS ||
            (running && curl_multi_poll(multi, &waitfd, 1, 1000, NULL) != CURLM_OK)) {
            return APR_EGENERAL;
        }
    }
    message = curl_multi_info_read(multi, &left);
    return message && message->msg == CURLMSG_DONE && message->data.result == CURLE_OK
               ? APR_SUCCESS
               : APR_EGENERAL;
}

/* What stands between DATA and the lone dot, without the dots that SMTP adds to lines that begin
 * with one (RFC 5321 4.5.2). The envelope is a fixed one, so the first DATA is the command. */
static apr_status_t extract(const char **bytes, apr_size_t *len, const wire_t *wire,
                            apr_pool_t *pool)
{
    static const char start[] = "\r\nDATA\r\n";
    const char *from = strstr(wire->bytes, start);
    const char *end = wire->bytes + wire->len;
    char *to, *made;

    if (!from) {
        return APR_EGENERAL;
    }
    from += sizeof(start) - 1;
    made = to = apr_palloc(pool, (apr_size_t)(end - from) + 1);
    while (from < end && !(end - from >= 3 && memcmp(from, ".\r\n", 3) == 0)) {
        const char *line = memchr(from, '\n', (size_t)(end - from));

        if (!line) {
            return APR_EGENERAL;
        }
        from += *from == '.';
        memcpy(to, from, (size_t)(line + 1 - from));
        to += line + 1 - from;
        from = line + 1;
    }
    *to = '\0';
    *bytes = made;
    *len = (apr_size_t)(to - made);
    return from < end ? APR_SUCCESS : APR_EGENERAL;
}

/* Whether the promise of the header file holds. Should it ever not, no server is asked what it
 * makes of that. */
static int keeps_promise(const char *bytes, apr_size_t len)
{
    apr_size_t i, column = 0;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '\r' && i + 1 < len && bytes[i + 1] == '\n') {
            i++;
            column = 0;
        }
        else if (c == '\r' || c == '\n' || c == '\0' || c > 0x7E || ++column > LINE_MOST) {
            return 0;
        }
    }
    return len > 0 && column == 0;
}

static apr_status_t open_wire(wire_t *wire, apr_pool_t *pool)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(address);

    memset(wire, 0, sizeof(*wire));
    wire->socket = -1;
    wire->pool = pool;
    wire->room = 256 * 1024;
    wire->bytes = apr_palloc(pool, wire->room);
    wire->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wire->listener < 0) {
        return errno;
    }
    if (bind(wire->listener, (struct sockaddr *)&address, sizeof(address.sun_family)) < 0 ||
        listen(wire->listener, 4) < 0 ||
        getsockname(wire->listener, (struct sockaddr *)&address, &len) < 0) {
        close(wire->listener);
        return APR_EGENERAL;
    }
    len -= offsetof(struct sockaddr_un, sun_path) + 1;
    apr_cpystrn(wire->name, address.sun_path + 1,
                (len < sizeof(wire->name) ? len : sizeof(wire->name) - 1) + 1);
    return APR_SUCCESS;
}

/* One conversation about `mime` with the header `fields`. */
static apr_status_t serialise(wire_t *wire, CURL *easy, CURLM *multi, curl_mime *mime,
                              struct curl_slist *fields)
{
    struct curl_slist envelope = {"<you@localhost>", NULL};
    apr_status_t rv;

    curl_easy_setopt(easy, CURLOPT_URL, "smtp://localhost/localhost");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, wire->name);
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, "<me@localhost>");
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, &envelope);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime);
    if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
        return APR_EGENERAL;
    }
    rv = converse(wire, multi);
    curl_multi_remove_handle(multi, easy);
    return rv == APR_SUCCESS ? listen_to(wire) : rv;
}

apr_status_t outbound_mail_mime(const char **bytes, apr_size_t *len, const outbound_mail_t *mail,
                                apr_pool_t *pool)
{
    wire_t wire;
    CURL *easy;
    CURLM *multi;
    curl_mime *mime;
    struct curl_slist *fields = NULL;
    apr_status_t rv = open_wire(&wire, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    easy = curl_easy_init();
    multi = curl_multi_init();
    mime = easy ? curl_mime_init(easy) : NULL;
    rv = APR_EGENERAL;
    if (multi && mime && add_parts(easy, mime, mail, pool) && add_fields(&fields, mail, pool)) {
        rv = serialise(&wire, easy, multi, mime, fields);
    }
    curl_multi_cleanup(multi);
    curl_easy_cleanup(easy);
    curl_mime_free(mime);
    curl_slist_free_all(fields);
    close(wire.listener);
    if (wire.socket >= 0) {
        close(wire.socket);
    }
    wire.bytes[wire.len] = '\0';
    if (rv == APR_SUCCESS) {
        rv = extract(bytes, len, &wire, pool);
    }
    return rv == APR_SUCCESS && !keeps_promise(*bytes, *len) ? APR_EGENERAL : rv;
}
