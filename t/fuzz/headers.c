/*
 * Fuzz target: header fields of any caller, on their way into a stored message. Lines of the input:
 * method, target, host, then one field a line, "Name: value"; byte 1 stands for a line feed inside
 * of one, byte 2 for a carriage return.
 *
 * The head is lines that end in CR LF with one empty line, the last; it parses; no credential, no
 * field of the connection and no field of ours that a caller sent is in it; every other field is,
 * in its order; and what was parsed is written again as it was.
 */
#include "t/fuzz/fuzz.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/message.h"
#include "core/params.h"

#define ID "01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert"
#define BODY "{\"id\": 1}"

static const char *const never[] = {
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
    "Cookie",
    "Authorization",
    "Content-Length",
    "X-Crm360Api-Token",
    "Proxy-Authorization",
    "Host",
};

static int is_token(const char *text)
{
    const char *c;

    for (c = text; *c; c++) {
        if (!apr_isalnum(*c) && !strchr("!#$%&'*+-.^_`|~", *c)) {
            return 0;
        }
    }
    return c > text;
}

/* ---- the input ---- */

static char *next_record(const char **data, apr_size_t *len, apr_pool_t *pool)
{
    char *record = apr_pstrdup(pool, fuzz_text(data, len, '\n', pool));
    char *c;

    for (c = record; *c; c++) {
        *c = *c == 1 ? '\n' : *c == 2 ? '\r' : *c;
    }
    return record;
}

static void read_fields(apr_table_t *fields, const char *data, apr_size_t len, apr_pool_t *pool)
{
    while (len > 0) {
        char *record = next_record(&data, &len, pool);
        char *colon = strchr(record, ':');

        if (colon) {
            *colon = '\0';
            apr_table_add(fields, record, colon + 1);
        }
    }
}

/* ---- what must be there ---- */

/* Whether a Connection field lists a name, in other words than the code. */
static int is_listed(const apr_table_t *fields, const char *name, apr_pool_t *pool)
{
    const apr_array_header_t *list = apr_table_elts(fields);
    const apr_table_entry_t *entries = (const apr_table_entry_t *)list->elts;
    int i;

    for (i = 0; i < list->nelts; i++) {
        char *value = apr_pstrdup(pool, entries[i].val);
        char *rest, *word;

        if (apr_cstr_casecmp(entries[i].key, "Connection") != 0) {
            continue;
        }
        for (word = apr_strtok(value, ", \t", &rest); word;
             word = apr_strtok(NULL, ", \t", &rest)) {
            if (apr_cstr_casecmp(word, name) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static int is_wanted(const apr_table_t *fields, const char *name, apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        if (apr_cstr_casecmp(never[i], name) == 0) {
            return 0;
        }
    }
    return is_token(name) && apr_cstr_casecmpn(name, "Crm360-", 7) != 0 &&
           !is_listed(fields, name, pool);
}

/* The parameters of any URL or query in a value: none is a token with a value. */
static int has_secret(const char *value, apr_pool_t *pool)
{
    while (*value) {
        apr_size_t len = strcspn(value, "?&#\"<> \t\r\n");
        const char *equals = memchr(value, '=', len);
        const char *name;

        if (equals && (equals + 1 < value + len || equals[1] == '?') &&
            crm360_params_decode(&name, value, (apr_size_t)(equals - value), pool) == APR_SUCCESS &&
            apr_cstr_casecmp(name, "token") == 0) {
            return 1;
        }
        value += len + (value[len] != '\0');
    }
    return 0;
}

/* What a value without `token` becomes: one line, without blanks around. */
static const char *one_line(const char *value, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, value);
    apr_size_t len;
    char *c;

    for (c = text; *c; c++) {
        *c = *c == '\r' || *c == '\n' ? ' ' : *c;
    }
    text += strspn(text, " \t");
    for (len = strlen(text); len && (text[len - 1] == ' ' || text[len - 1] == '\t'); len--) {
    }
    text[len] = '\0';
    return text;
}

static void check_fields(const apr_table_t *sent, const crm360_message_t *parsed, apr_pool_t *pool)
{
    const apr_array_header_t *from = apr_table_elts(sent), *to = apr_table_elts(parsed->headers);
    const apr_table_entry_t *given = (const apr_table_entry_t *)from->elts;
    const apr_table_entry_t *kept = (const apr_table_entry_t *)to->elts;
    int i, at = 0;

    for (i = 0; i < from->nelts; i++) {
        if (!is_wanted(sent, given[i].key, pool)) {
            continue;
        }
        expect(at < to->nelts, given[i].key);
        expect(strcmp(kept[at].key, given[i].key) == 0, given[i].key);
        expect(!has_secret(kept[at].val, pool), kept[at].val);
        if (!has_secret(given[i].val, pool)) {
            expect(fuzz_same(kept[at].val, one_line(given[i].val, pool)),
                   apr_pstrcat(pool, given[i].val, "\nkept: ", kept[at].val, NULL));
        }
        at++;
    }
    expect(at == to->nelts, at < to->nelts ? kept[at].key : NULL);
}

/* ---- the head ---- */

static void check_lines(const char *head, apr_size_t len)
{
    apr_size_t i, from = 0;

    expect(strlen(head) == len, head);
    for (i = 0; i < len; i++) {
        expect(head[i] != '\r' || head[i + 1] == '\n', head);
        if (head[i] == '\n') {
            expect(i > 0 && head[i - 1] == '\r', head);
            expect((i - from == 1) == (i + 1 == len), head);
            from = i + 1;
        }
    }
    expect(from == len, head);
}

static crm360_message_t *parse(const char *head, apr_size_t head_len, apr_pool_t *pool)
{
    apr_size_t len = head_len + sizeof(BODY) - 1;
    char *data = apr_palloc(pool, len);
    crm360_message_t *parsed;
    const char *why = "";

    memcpy(data, head, head_len);
    memcpy(data + head_len, BODY, sizeof(BODY) - 1);
    expect(crm360_message_parse(&parsed, &why, data, len, pool) == APR_SUCCESS, why);
    expect(parsed->body_len == sizeof(BODY) - 1, head);
    expect(memcmp(parsed->body, BODY, parsed->body_len) == 0, head);
    return parsed;
}

static void check_again(const crm360_message_t *parsed, apr_pool_t *pool)
{
    const char *head, *again;
    apr_size_t len, again_len;

    crm360_message_head(&head, &len, parsed, pool);
    check_lines(head, len);
    crm360_message_head(&again, &again_len, parse(head, len, pool), pool);
    expect(fuzz_same(head, again), head);
    crm360_message_request(&again, &again_len, parsed, pool);
    check_lines(again, again_len);
    expect(strstr(again, "\nCrm360-") == NULL, again);
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    const char *method = next_record(&data, &len, pool);
    const char *target = apr_pstrcat(pool, "/", next_record(&data, &len, pool), NULL);
    const char *host = next_record(&data, &len, pool);
    apr_table_t *fields = apr_table_make(pool, 4);
    crm360_message_t message = {
        .id = ID,
        .customer = "acme",
        .database = "prod",
        .route = crm360_route_by_name("Shopify/Order/Insert"),
        .source_id = 71,
        .method = is_token(method) ? method : "POST",
        .target = target,
        .host = *host ? host : NULL,
        .headers = fields,
        .body_len = sizeof(BODY) - 1,
    };
    crm360_message_t *parsed;
    const char *head;
    apr_size_t head_len;

    read_fields(fields, data, len, pool);
    crm360_message_head(&head, &head_len, &message, pool);
    check_lines(head, head_len);
    parsed = parse(head, head_len, pool);
    expect(fuzz_same(parsed->id, ID) && parsed->route == message.route, head);
    expect(fuzz_same(parsed->customer, "acme") && fuzz_same(parsed->database, "prod"), head);
    expect(parsed->source_id == 71 && parsed->zone_id == 0 && !parsed->batch_mode, head);
    expect(fuzz_same(parsed->origin, "none") && !parsed->email && !parsed->dedup, head);
    expect(fuzz_same(parsed->method, message.method), head);
    expect(fuzz_same(parsed->target, crm360_message_target(&message, pool)), head);
    expect(message.host ? fuzz_same(parsed->host, one_line(host, pool)) : !parsed->host, head);
    check_fields(fields, parsed, pool);
    check_again(parsed, pool);
}
