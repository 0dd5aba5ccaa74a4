/*
 * Writing and reading of the stored message (message/http with Crm360-... fields in front). What a
 * caller sent goes through unchanged except for what would be dangerous or untrue in storage:
 * credentials, fields of one connection, and names that only we may set. The format outlives the
 * process: a field may be added, because readers skip Crm360-... fields they do not know, but the
 * meaning of one that exists never changes. Must never read past the length it is given.
 */
#include "core/message.h"

#include <apr_cstr.h>
#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/params.h"

#define PREFIX "Crm360-"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

/* ---- text that grows ---- */

typedef struct text_t {
    char *data;
    apr_size_t len;
    apr_size_t size;
    apr_pool_t *pool;
} text_t;

static void add_bytes(text_t *text, const char *bytes, apr_size_t len)
{
    if (text->len + len + 1 > text->size) {
        apr_size_t size = (text->len + len + 1) * 2;
        char *data = apr_palloc(text->pool, size);

        if (text->len) {
            memcpy(data, text->data, text->len);
        }
        text->data = data;
        text->size = size;
    }
    memcpy(text->data + text->len, bytes, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static void add(text_t *text, const char *string)
{
    add_bytes(text, string, strlen(string));
}

/* One header field. A line feed in a value would forge a field, so it becomes a blank. */
static void add_field(text_t *text, const char *name, const char *value)
{
    apr_size_t i;

    add(text, name);
    add(text, ": ");
    i = text->len;
    add(text, value);
    for (; i < text->len; i++) {
        if (text->data[i] == '\r' || text->data[i] == '\n') {
            text->data[i] = ' ';
        }
    }
    add(text, "\r\n");
}

static void add_number(text_t *text, const char *name, int number)
{
    if (number > 0) {
        add_field(text, name, apr_itoa(text->pool, number));
    }
}

/* ---- dates: 2026-11-23T15:58:00.123456Z ---- */

static const char *write_date(apr_time_t when, apr_pool_t *pool)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, when);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", t.tm_year + 1900, t.tm_mon + 1,
                        t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_usec);
}

/* `len` digits (at most 18) as a number; -1 when one of them is none. */
static apr_int64_t read_digits(const char *text, apr_size_t len)
{
    apr_int64_t value = 0;

    for (; len > 0; len--, text++) {
        if (*text < '0' || *text > '9') {
            return -1;
        }
        value = value * 10 + (*text - '0');
    }
    return value;
}

/* Reads what write_date() writes, and nothing else: the time is taken apart again and compared, so
 * that a 31st of February does not slip through as a day in March. */
static int read_date(apr_time_t *when, const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    apr_time_exp_t t, again;
    int i;

    for (i = 0; form[i]; i++) {
        if (form[i] == 'd' ? !apr_isdigit(text[i]) : text[i] != form[i]) {
            return 0;
        }
    }
    if (text[i]) {
        return 0;
    }
    memset(&t, 0, sizeof(t));
    t.tm_year = (int)read_digits(text, 4) - 1900;
    t.tm_mon = (int)read_digits(text + 5, 2) - 1;
    t.tm_mday = (int)read_digits(text + 8, 2);
    t.tm_hour = (int)read_digits(text + 11, 2);
    t.tm_min = (int)read_digits(text + 14, 2);
    t.tm_sec = (int)read_digits(text + 17, 2);
    t.tm_usec = (int)read_digits(text + 20, 6);
    if (t.tm_year < 70 || t.tm_mon < 0 || t.tm_mon > 11 || t.tm_mday < 1 ||
        apr_time_exp_gmt_get(when, &t) != APR_SUCCESS ||
        apr_time_exp_gmt(&again, *when) != APR_SUCCESS) {
        return 0;
    }
    return again.tm_year == t.tm_year && again.tm_mon == t.tm_mon && again.tm_mday == t.tm_mday &&
           again.tm_hour == t.tm_hour && again.tm_min == t.tm_min && again.tm_sec == t.tm_sec;
}

/* ---- characters ---- */

/* A character of a field name or method (RFC 9110 5.6.2); those of nearly all first. */
static int is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+.^_`|~", c));
}

static int is_token(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (!is_token_char(text[i])) {
            return 0;
        }
    }
    return len > 0;
}

/* A character of a request target: no blank, no control. */
static int is_target_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f;
}

/* ---- writing ---- */

/* Fields that are never stored: those of the connection (RFC 9110 7.6.1), those written anew, and
 * credentials. */
static const char *const dropped[] = {
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
    "Host",
    "Content-Length",
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "X-Crm360Api-Token",
    NULL,
};

/* Whether `name` is an element of a comma-separated list. */
static int is_listed(const char *list, const char *name)
{
    apr_size_t len = strlen(name);

    while (*list) {
        apr_size_t part;

        list += strspn(list, ", \t");
        part = strcspn(list, ", \t");
        if (part == len && apr_cstr_casecmpn(list, name, len) == 0) {
            return 1;
        }
        list += part;
    }
    return 0;
}

/* apr_table_do callback: 0, ending the walk, when a Connection field lists the name in `baton`. */
static int unless_listed(void *baton, const char *key, const char *value)
{
    (void)key;
    return !is_listed(value, baton);
}

static int is_dropped(const apr_table_t *headers, const char *name)
{
    int i;

    if (apr_cstr_casecmpn(name, PREFIX, PREFIX_LEN) == 0) {
        return 1;
    }
    for (i = 0; dropped[i]; i++) {
        if (apr_cstr_casecmp(dropped[i], name) == 0) {
            return 1;
        }
    }
    /* No sender may list it (RFC 9110 7.6.1), and at the intake it has said already how the body is
     * to be read: whoever reads it later must not see less. */
    if (apr_cstr_casecmp(name, "Content-Type") == 0) {
        return 0;
    }
    return !apr_table_do(unless_listed, (void *)name, headers, "Connection", NULL);
}

typedef struct copy_t {
    text_t *text;
    const apr_table_t *headers;
} copy_t;

/* apr_table_do callback: stores one field of the caller. */
static int copy_field(void *baton, const char *name, const char *value)
{
    copy_t *copy = baton;

    if (is_token(name, strlen(name)) && !is_dropped(copy->headers, name)) {
        /* Referer and the like may repeat the target of a request, or its query alone. */
        add_field(copy->text, name,
                  crm360_params_hide(value, "&#\"<> \t\r\n", "", copy->text->pool));
    }
    return 1;
}

/* The target without `token` parameters. Blanks, controls and line ends cannot stand in a request
 * line; httpd lets none through, and here they would split the line. */
static void add_target(text_t *text, const char *target)
{
    const char *query = strchr(target, '?');
    apr_size_t start = text->len;
    char before = '?';
    apr_size_t i;

    if (!query) {
        add(text, target);
    }
    else {
        add_bytes(text, target, (apr_size_t)(query - target));
        do {
            apr_size_t len = strcspn(++query, "&");

            if (!crm360_params_is(query, strcspn(query, "=&"), CRM360_PARAM_TOKEN, text->pool)) {
                add_bytes(text, &before, 1);
                add_bytes(text, query, len);
                before = '&';
            }
            query += len;
        } while (*query);
    }
    for (i = start; i < text->len; i++) {
        if (!is_target_char(text->data[i])) {
            text->data[i] = '_';
        }
    }
}

const char *crm360_message_target(const crm360_message_t *message, apr_pool_t *pool)
{
    text_t text = {apr_palloc(pool, 256), 0, 256, pool};

    add_target(&text, message->target);
    return text.data;
}

static void add_first_line(text_t *text, const crm360_message_t *message)
{
    add(text, message->method);
    add(text, " ");
    add_target(text, message->target);
    add(text, " HTTP/1.1\r\n");
}

static void add_own(text_t *text, const crm360_message_t *message)
{
    add_field(text, "Crm360-Id", message->id);
    add_field(text, "Crm360-Received", write_date(message->received, text->pool));
    add_field(text, "Crm360-Customer", message->customer);
    add_field(text, "Crm360-Database", message->database);
    add_field(text, "Crm360-Route", message->route->name);
    add_number(text, "Crm360-Source-Id", message->source_id);
    add_number(text, "Crm360-Zone-Id", message->zone_id);
    add_number(text, "Crm360-Brand-Id", message->brand_id);
    add_number(text, "Crm360-Contact-Address-Type-Id", message->contact_address_type_id);
    if (message->batch_mode) {
        add_field(text, "Crm360-Batch-Mode", "true");
    }
    if (message->email) {
        add_field(text, "Crm360-Email", message->email);
    }
    if (message->peer) {
        add_field(text, "Crm360-Peer", message->peer);
    }
    add_field(text, "Crm360-Origin", message->origin ? message->origin : "none");
    if (message->dedup) {
        add_field(text, "Crm360-Dedup-Key", message->dedup);
    }
    if (message->trace) {
        add_field(text, "Crm360-Trace", message->trace);
    }
}

/* The rest of the head: what the caller sent. */
static void add_request(text_t *text, const crm360_message_t *message)
{
    copy_t copy = {text, message->headers};

    if (message->host) {
        add_field(text, "Host", message->host);
    }
    if (message->headers) {
        apr_table_do(copy_field, &copy, message->headers, NULL);
    }
    add_field(text, "Content-Length",
              apr_psprintf(text->pool, "%" APR_SIZE_T_FMT, message->body_len));
    add(text, "\r\n");
}

void crm360_message_head(const char **head, apr_size_t *head_len, const crm360_message_t *message,
                         apr_pool_t *pool)
{
    text_t text = {apr_palloc(pool, 2048), 0, 2048, pool};

    add_first_line(&text, message);
    add_own(&text, message);
    add_request(&text, message);
    *head = text.data;
    *head_len = text.len;
}

void crm360_message_request(const char **head, apr_size_t *head_len,
                            const crm360_message_t *message, apr_pool_t *pool)
{
    text_t text = {apr_palloc(pool, 2048), 0, 2048, pool};

    add_first_line(&text, message);
    add_request(&text, message);
    *head = text.data;
    *head_len = text.len;
}

/* ---- reading ---- */

typedef struct reader_t {
    const char *at; /* what is left to read */
    const char *end;
    const char *why;  /* set by whatever fails */
    apr_table_t *own; /* Crm360-... fields, without the prefix */
    apr_table_t *headers;
    const char *content_length;
    crm360_message_t *message;
    apr_pool_t *pool;
} reader_t;

static int fail(reader_t *reader, const char *why)
{
    reader->why = why;
    return 0;
}

/* Takes the next line, without its CRLF. */
static int next_line(reader_t *reader, const char **line, apr_size_t *len)
{
    const char *end = memchr(reader->at, '\n', (apr_size_t)(reader->end - reader->at));

    if (!end || end == reader->at || end[-1] != '\r') {
        return fail(reader,
                    "The head ends before its empty line, or a line does not end in CR LF.");
    }
    *line = reader->at;
    *len = (apr_size_t)(end - 1 - reader->at);
    reader->at = end + 1;
    return !memchr(*line, '\0', *len) && !memchr(*line, '\r', *len)
               ? 1
               : fail(reader, "The head has a NUL or a bare CR in it.");
}

/* METHOD SP target SP HTTP/1.1 */
static int read_request_line(reader_t *reader)
{
    static const char version[] = " HTTP/1.1";
    const apr_size_t version_len = sizeof(version) - 1;
    const char *line, *target;
    apr_size_t len, target_len, i;

    if (!next_line(reader, &line, &len)) {
        return 0;
    }
    target = memchr(line, ' ', len);
    if (!target || !is_token(line, (apr_size_t)(target - line)) || len < version_len ||
        memcmp(line + len - version_len, version, version_len) != 0 ||
        target + 1 >= line + len - version_len || target[1] != '/') {
        return fail(reader, "The first line is not 'METHOD /target HTTP/1.1'.");
    }
    reader->message->method = apr_pstrmemdup(reader->pool, line, (apr_size_t)(target - line));
    target++;
    target_len = (apr_size_t)(line + len - version_len - target);
    for (i = 0; i < target_len; i++) {
        if (!is_target_char(target[i])) {
            return fail(reader, "The target of the first line has a blank or a control in it.");
        }
    }
    reader->message->target = apr_pstrmemdup(reader->pool, target, target_len);
    return 1;
}

/* Sorts one field to where it belongs. */
static int place_field(reader_t *reader, const char *name, const char *value)
{
    if (apr_cstr_casecmpn(name, PREFIX, PREFIX_LEN) == 0) {
        if (apr_table_get(reader->own, name + PREFIX_LEN)) {
            return fail(reader, apr_psprintf(reader->pool, "%s is there twice.", name));
        }
        apr_table_setn(reader->own, name + PREFIX_LEN, value);
    }
    else if (apr_cstr_casecmp(name, "Content-Length") == 0) {
        if (reader->content_length) {
            return fail(reader, "Content-Length is there twice.");
        }
        reader->content_length = value;
    }
    else if (apr_cstr_casecmp(name, "Host") == 0) {
        if (reader->message->host) {
            return fail(reader, "Host is there twice.");
        }
        reader->message->host = value;
    }
    else {
        apr_table_addn(reader->headers, name, value);
    }
    return 1;
}

static int read_fields(reader_t *reader)
{
    for (;;) {
        const char *line, *colon, *value;
        apr_size_t len, value_len;

        if (!next_line(reader, &line, &len)) {
            return 0;
        }
        if (len == 0) {
            return 1;
        }
        colon = memchr(line, ':', len);
        if (!colon || !is_token(line, (apr_size_t)(colon - line))) {
            return fail(reader, "A line of the head is not 'Name: value'.");
        }
        value = colon + 1;
        value_len = (apr_size_t)(line + len - value);
        while (value_len && (*value == ' ' || *value == '\t')) {
            value++;
            value_len--;
        }
        while (value_len && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t')) {
            value_len--;
        }
        if (!place_field(reader, apr_pstrmemdup(reader->pool, line, (apr_size_t)(colon - line)),
                         apr_pstrmemdup(reader->pool, value, value_len))) {
            return 0;
        }
    }
}

/* A Crm360-... text; fails when it is required and not there, or empty. */
static int own_text(reader_t *reader, const char **text, const char *name, int required)
{
    *text = apr_table_get(reader->own, name);
    if ((*text && !**text) || (!*text && required)) {
        return fail(reader, apr_psprintf(reader->pool, PREFIX "%s is missing or empty.", name));
    }
    return 1;
}

/* A Crm360-... number from 1 up; 0 when it is not there. */
static int own_number(reader_t *reader, int *number, const char *name, int required)
{
    const char *text;
    apr_int64_t value;
    apr_size_t len;

    *number = 0;
    if (!own_text(reader, &text, name, required)) {
        return 0;
    }
    if (!text) {
        return 1;
    }
    len = strlen(text);
    value = len <= 10 ? read_digits(text, len) : -1;
    if (value < 1 || value > APR_INT32_MAX) {
        return fail(reader, apr_psprintf(reader->pool,
                                         PREFIX "%s is no number from 1 to 2147483647.", name));
    }
    *number = (int)value;
    return 1;
}

static int id_ok(const char *id)
{
    apr_size_t len = strlen(id);

    return len <= CRM360_ID_MOST &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789._-") == len;
}

/* Crm360's own fields into the message. */
static int read_own(reader_t *reader)
{
    crm360_message_t *message = reader->message;
    const char *received, *route, *batch;

    if (!own_text(reader, &message->id, "Id", 1) || !own_text(reader, &received, "Received", 1) ||
        !own_text(reader, &message->customer, "Customer", 1) ||
        !own_text(reader, &message->database, "Database", 1) ||
        !own_text(reader, &route, "Route", 1) ||
        !own_number(reader, &message->source_id, "Source-Id", 1) ||
        !own_number(reader, &message->zone_id, "Zone-Id", 0) ||
        !own_number(reader, &message->brand_id, "Brand-Id", 0) ||
        !own_number(reader, &message->contact_address_type_id, "Contact-Address-Type-Id", 0) ||
        !own_text(reader, &batch, "Batch-Mode", 0) ||
        !own_text(reader, &message->email, "Email", 0) ||
        !own_text(reader, &message->peer, "Peer", 0) ||
        !own_text(reader, &message->origin, "Origin", 1) ||
        !own_text(reader, &message->dedup, "Dedup-Key", 0) ||
        !own_text(reader, &message->trace, "Trace", 0)) {
        return 0;
    }
    message->route = crm360_route_by_name(route);
    if (!message->route) {
        return fail(reader, "Crm360-Route is no route that this version knows.");
    }
    if (!id_ok(message->id) || !crm360_path_value_ok(message->customer) ||
        !crm360_path_value_ok(message->database)) {
        return fail(reader, "Crm360-Id, -Customer or -Database has a character it must not have.");
    }
    if (!read_date(&message->received, received)) {
        return fail(reader, "Crm360-Received is no date like 2026-11-23T15:58:00.123456Z.");
    }
    if (batch && strcmp(batch, "true") != 0 && strcmp(batch, "false") != 0) {
        return fail(reader, "Crm360-Batch-Mode is neither true nor false.");
    }
    message->batch_mode = batch && strcmp(batch, "true") == 0;
    return 1;
}

/* The rest is the body, and Content-Length must say so: a message that was cut is noticed here. */
static int read_body(reader_t *reader)
{
    apr_size_t len = (apr_size_t)(reader->end - reader->at);
    const char *want = apr_psprintf(reader->pool, "%" APR_SIZE_T_FMT, len);

    if (!reader->content_length || strcmp(reader->content_length, want) != 0) {
        return fail(reader, "Content-Length is missing or is not the length of the body.");
    }
    reader->message->body = reader->at;
    reader->message->body_len = len;
    return 1;
}

apr_status_t crm360_message_parse(crm360_message_t **message, const char **why, const char *data,
                                  apr_size_t len, apr_pool_t *pool)
{
    reader_t reader;

    memset(&reader, 0, sizeof(reader));
    reader.at = data;
    reader.end = data + len;
    reader.pool = pool;
    reader.own = apr_table_make(pool, 16);
    reader.headers = apr_table_make(pool, 16);
    reader.message = apr_pcalloc(pool, sizeof(*reader.message));
    reader.message->headers = reader.headers;
    *message = NULL;
    *why = NULL;
    if (!read_request_line(&reader) || !read_fields(&reader) || !read_own(&reader) ||
        !read_body(&reader)) {
        *why = reader.why;
        return APR_EINVAL;
    }
    *message = reader.message;
    return APR_SUCCESS;
}

const char *crm360_message_header(const crm360_message_t *message, const char *name)
{
    return apr_table_get(message->headers, name);
}

/* ---- ids ---- */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford base 32 */
#define ID_TIME 10 /* characters of an id that are its time */

const char *crm360_message_id(const crm360_route_t *route, apr_time_t now, apr_pool_t *pool)
{
    apr_uint64_t ms = (apr_uint64_t)apr_time_as_msec(now);
    unsigned char random[10];
    char ulid[27];
    int i;

    /* The kernel's generator, so that two processes or hosts never agree on 80 bits. */
    if (apr_generate_random_bytes(random, sizeof(random)) != APR_SUCCESS) {
        return NULL;
    }
    for (i = 9; i >= 0; i--) {
        ulid[i] = alphabet[ms & 31];
        ms >>= 5;
    }
    for (i = 0; i < 16; i++) {
        int bit = i * 5;
        int pair = random[bit / 8] << 8 | (bit / 8 + 1 < 10 ? random[bit / 8 + 1] : 0);

        ulid[10 + i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    ulid[26] = '\0';
    return apr_pstrcat(pool, ulid, "-", route->id_suffix, NULL);
}

apr_time_t crm360_message_id_time(const char *id)
{
    apr_int64_t ms = 0;
    int i;

    for (i = 0; i < ID_TIME; i++) {
        const char *digit = id[i] ? strchr(alphabet, id[i]) : NULL;

        if (!digit) {
            return 0;
        }
        ms = ms * 32 + (digit - alphabet);
    }
    return apr_time_from_msec(ms);
}
