/*
 * A webhook as a text. Must never let a value pass for a line of its own: what is inside one is
 * indented; and never reads more of a large body than is shown.
 */
#include "handlers/content_text.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <string.h>

#include "core/charset.h"
#include "core/json_scan.h"
#include "core/mail_copy.h"
#include "core/params.h"
#include "handlers/body.h"

/* Bytes of the body that are looked at: UTF-16 needs two for what is shown as one. */
#define READ_MOST (2 * CONTENT_TEXT_MOST)

/* A text of bounded length. */
typedef struct section_t {
    char *text; /* not ended */
    apr_size_t len;
    int cut; /* there was more */
} section_t;

static void begin(section_t *section, apr_pool_t *pool)
{
    section->text = apr_palloc(pool, CONTENT_TEXT_MOST + 1);
    section->len = 0;
    section->cut = 0;
}

static void add(section_t *section, const char *bytes, apr_size_t len)
{
    apr_size_t room = CONTENT_TEXT_MOST - section->len;

    if (section->cut || len > room) {
        len = section->cut ? 0 : room;
        section->cut = 1;
    }
    memcpy(section->text + section->len, bytes, len);
    section->len += len;
}

/* Its text, ended, with a line that says when something is missing. */
static const char *finish(section_t *section, apr_pool_t *pool)
{
    if (section->cut) {
        /* No half character at the end. */
        while (section->len > 0 && (section->text[section->len - 1] & 0xC0) == 0x80) {
            section->len--;
        }
        section->len -= section->len > 0 && (section->text[section->len - 1] & 0x80);
    }
    while (section->len > 0 && section->text[section->len - 1] == '\n') {
        section->len--;
    }
    section->text[section->len] = '\0';
    return apr_pstrcat(pool, section->text, section->cut ? "\n[cut here; there is more]\n" : "\n",
                       NULL);
}

/* Text with line ends and control characters as they may stand in a mail. Lines after the first
 * begin with `indent`. */
static void add_text(section_t *section, const char *text, apr_size_t len, const char *indent)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') {
            continue;
        }
        if (text[i] == '\n' || text[i] == '\r') {
            add(section, "\n", 1);
            add(section, indent, strlen(indent));
        }
        else {
            add(section, apr_iscntrl(text[i]) && text[i] != '\t' ? " " : text + i, 1);
        }
    }
}

/* "Name: value" */
static void add_pair(section_t *section, const char *name, const char *value)
{
    add_text(section, name, strlen(name), "    ");
    add(section, ": ", 2);
    add_text(section, value, strlen(value), "    ");
    add(section, "\n", 1);
}

/* ---- parameters and header fields ---- */

/* The pairs of a query string or a form (NUL-terminated), decoded. */
static void add_pairs(section_t *section, const char *text, const char *charset, apr_pool_t *pool)
{
    const char *said = crm360_params_charset(text, pool);
    crm360_param_pair_t pair;

    charset = said ? said : charset;
    while (!section->cut && crm360_params_next(&pair, &text)) {
        add_pair(section, crm360_params_text(pair.name, pair.name_len, charset, pool),
                 crm360_params_text(pair.value, pair.value_len, charset, pool));
    }
}

typedef struct fields_t {
    section_t section;
    apr_pool_t *pool;
} fields_t;

/* apr_table_do callback: a header field. */
static int add_field(void *baton, const char *name, const char *value)
{
    fields_t *fields = baton;
    apr_size_t len;
    const char *text = crm360_charset_decode(&len, value, strlen(value), NULL, fields->pool);

    add_pair(&fields->section, name, apr_pstrmemdup(fields->pool, text, len));
    return !fields->section.cut;
}

/* ---- the body ---- */

static void add_line_break(section_t *section, int level)
{
    int i;

    add(section, "\n", 1);
    for (i = 0; i < level; i++) {
        add(section, "  ", 2);
    }
}

/* Steps over the string that begins at text[at]; returns the place behind it. */
static apr_size_t string_end(const char *text, apr_size_t len, apr_size_t at)
{
    for (at++; at < len && text[at] != '"'; at++) {
        at += text[at] == '\\';
    }
    return at < len ? at + 1 : len;
}

/* JSON with each member on a line of its own. No character but white space between values is
 * changed: numbers are those that came. */
static void add_json(section_t *section, const char *text, apr_size_t len)
{
    apr_size_t at = 0, end;
    int level = 0, fresh = 0; /* fresh: nothing stands behind the bracket yet */

    for (; at < len && !section->cut; at = end) {
        char c = text[at];
        int closes = c == '}' || c == ']';

        end = c == '"' ? string_end(text, len, at) : at + 1;
        if (c != '\0' && strchr(" \t\r\n", c)) {
            continue;
        }
        level -= closes;
        if (fresh != closes) {
            add_line_break(section, level);
        }
        fresh = c == '{' || c == '[';
        level += fresh;
        add(section, text + at, end - at);
        if (c == ',') {
            add_line_break(section, level);
        }
        else if (c == ':') {
            add(section, " ", 1);
        }
    }
}

/* Whether a text is one JSON object or array, as far as it goes: `whole` is not set when it is only
 * the beginning of one. */
static int is_json(const char *text, apr_size_t len, int whole)
{
    crm360_scan_t scan = {.data = text, .len = len};
    char first;

    crm360_scan_blanks(&scan);
    first = crm360_scan_look(&scan);
    if (first != '{' && first != '[') {
        return 0;
    }
    if (crm360_scan_value(&scan)) {
        return !whole && scan.at >= len;
    }
    crm360_scan_blanks(&scan);
    return scan.at >= len;
}

/* Control characters that no text has. */
static int is_binary(const char *text, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (apr_iscntrl(text[i]) && !strchr("\t\r\n\f", text[i])) {
            return 1;
        }
    }
    return len == 0; /* nothing but NUL */
}

static const char *body_text(const crm360_message_t *message, apr_pool_t *pool)
{
    apr_size_t len = message->body_len < READ_MOST ? message->body_len : READ_MOST;
    const char *charset = handler_body_charset(message, pool);
    int whole = len == message->body_len;
    section_t section;
    const char *text;

    if (len == 0) {
        return "(none)\n";
    }
    text = crm360_charset_decode(&len, message->body, len, charset, pool);
    if (is_binary(text, len)) {
        return "(binary, see the attachment)\n";
    }
    begin(&section, pool);
    if (is_json(text, len, whole)) {
        add_json(&section, text, len);
    }
    else if (handler_body_says_form(message) && !memchr(message->body, '\0', message->body_len)) {
        add_pairs(&section,
                  apr_pstrmemdup(pool, message->body, whole ? message->body_len : READ_MOST),
                  charset, pool);
    }
    else {
        add_text(&section, text, len, "");
    }
    section.cut |= !whole;
    return finish(&section, pool);
}

/* ---- the whole ---- */

static const char *received(const crm360_message_t *message, apr_pool_t *pool)
{
    apr_time_exp_t t;

    apr_time_exp_gmt(&t, message->received);
    return apr_psprintf(pool, "%04d-%02d-%02d %02d:%02d:%02d UTC", t.tm_year + 1900, t.tm_mon + 1,
                        t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

static const char *parameters(const crm360_message_t *message, apr_pool_t *pool)
{
    const char *query = strchr(message->target, '?');
    section_t section;

    begin(&section, pool);
    add_pairs(&section, query ? query + 1 : "", NULL, pool);
    return section.len ? finish(&section, pool) : "(none)\n";
}

static const char *header_fields(const crm360_message_t *message, apr_pool_t *pool)
{
    fields_t fields = {.pool = pool};

    begin(&fields.section, pool);
    if (message->host) {
        add_field(&fields, "Host", message->host);
    }
    apr_table_do(add_field, &fields, message->headers, NULL);
    return fields.section.len ? finish(&fields.section, pool) : "(none)\n";
}

const char *content_text(const crm360_message_t *message, apr_size_t attached, apr_pool_t *pool)
{
    const char *path = apr_pstrmemdup(pool, message->target, strcspn(message->target, "?"));
    const char *bytes = apr_psprintf(pool, "%" APR_SIZE_T_FMT " bytes", message->body_len);
    const char *note = "The request is attached as it came, without credentials.\n";
    apr_size_t len;

    if (attached) {
        note = apr_psprintf(pool,
                            "The first %" APR_SIZE_T_FMT " bytes of the request are attached as "
                            "they came, without credentials; the rest is cut off.\n",
                            attached);
    }
    path = crm360_utf8_clean(&len, path, strlen(path), pool);
    return apr_pstrcat(pool, message->route->name, ", sent to ", message->customer, "/",
                       message->database, "\n\nMessage:  ", crm360_mail_source(message->id, pool),
                       "\nReceived: ", received(message, pool),
                       "\nCaller:   ", message->peer ? message->peer : "not known",
                       "\nRequest:  ", message->method, " ", path, "\n\nPARAMETERS\n",
                       parameters(message, pool), "\nHEADER FIELDS\n", header_fields(message, pool),
                       "\nBODY, ", bytes, "\n", body_text(message, pool), "\n", note, NULL);
}
