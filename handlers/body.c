/*
 * Bodies and query strings to text, JSON and events (the contract stands in body.h). Tolerant of
 * wrong labels, because senders are: the bytes decide. Must never log or quote what it reads.
 */
#include "handlers/body.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/charset.h"
#include "core/json.h"
#include "core/json_scan.h"
#include "core/params.h"

/* ---- text ---- */

const char *handler_body_charset(const crm360_message_t *message, apr_pool_t *pool)
{
    const char *type = crm360_message_header(message, "Content-Type");
    apr_size_t len;

    while (type && (type = strchr(type, ';')) != NULL) {
        type += 1 + strspn(type + 1, " \t");
        if (apr_cstr_casecmpn(type, "charset", 7) == 0) {
            type += 7 + strspn(type + 7, " \t");
            if (*type == '=') {
                type += 1 + strspn(type + 1, " \t\"'");
                len = strcspn(type, " \t\"';,");
                return apr_pstrmemdup(pool, type, len);
            }
        }
    }
    return NULL;
}

const char *handler_body_text(apr_size_t *len, const crm360_message_t *message, apr_pool_t *pool)
{
    return crm360_charset_decode(len, message->body, message->body_len,
                                 handler_body_charset(message, pool), pool);
}

/* ---- JSON ---- */

/* `sources` may ask for relaxed JSON. */
static int parse(json_object **value, const char **reason, const char *text, apr_size_t len,
                 int sources, apr_pool_t *pool)
{
    const char *why;
    apr_status_t rv = (sources & HANDLER_BODY_RELAXED)
                          ? crm360_json_parse_relaxed(value, &why, text, len, pool)
                          : crm360_json_parse(value, &why, text, len, pool);

    if (rv != APR_SUCCESS) {
        *reason = apr_pstrcat(pool, "the body is not JSON: ", why, NULL);
        return 0;
    }
    return 1;
}

int handler_body_json(json_object **value, const char **reason, const crm360_message_t *message,
                      apr_pool_t *pool)
{
    apr_size_t len;
    const char *text = handler_body_text(&len, message, pool);

    return parse(value, reason, text, len, HANDLER_BODY_JSON, pool);
}

static void add_event(apr_array_header_t *events, json_object *event)
{
    *(json_object **)apr_array_push(events) = event;
}

/* An object, or an array of objects. */
static int read_json(apr_array_header_t *events, const char **reason, const char *text,
                     apr_size_t len, int sources, apr_pool_t *pool)
{
    crm360_scan_t scan = {.data = text, .len = len};
    json_object *value, *element;
    size_t i, count;

    if (!parse(&value, reason, text, len, sources, pool)) {
        return 0;
    }
    if (json_object_is_type(value, json_type_object)) {
        add_event(events, value);
        return 1;
    }
    if (!json_object_is_type(value, json_type_array)) {
        crm360_scan_blanks(&scan);
        *reason = apr_pstrcat(
            pool, "the body is no event: ",
            crm360_scan_place(&scan, "expected an object or an array of objects", pool), NULL);
        return 0;
    }
    count = json_object_array_length(value);
    for (i = 0; i < count; i++) {
        element = json_object_array_get_idx(value, i);
        if (!json_object_is_type(element, json_type_object)) {
            *reason = apr_psprintf(
                pool, "the body is no event: element %lu of the array: expected an object",
                (unsigned long)i + 1);
            return 0;
        }
        add_event(events, element);
    }
    return 1;
}

/* ---- forms and query strings ---- */

static apr_status_t put_object(void *object)
{
    json_object_put(object);
    return APR_SUCCESS;
}

/* Adds one pair, unless its name is there. */
static void add_pair(json_object *object, const crm360_param_pair_t *pair, const char *charset,
                     int is_query, apr_pool_t *pool)
{
    const char *name = crm360_params_text(pair->name, pair->name_len, charset, pool);

    if (*name && !(is_query && crm360_params_is_own(name)) &&
        !json_object_object_get_ex(object, name, NULL)) {
        json_object_object_add(object, name,
                               json_object_new_string(crm360_params_text(
                                   pair->value, pair->value_len, charset, pool)));
    }
}

/* The object that the pairs of `text` (NUL-terminated) make. NULL with *reason when they are too
 * many. */
static json_object *read_pairs(const char **reason, const char *text, const char *charset,
                               int is_query, apr_pool_t *pool)
{
    const char *said = crm360_params_charset(text, pool);
    json_object *object = json_object_new_object();
    crm360_param_pair_t pair;
    int count = 0;

    apr_pool_cleanup_register(pool, object, put_object, apr_pool_cleanup_null);
    while (crm360_params_next(&pair, &text)) {
        if (++count > HANDLER_BODY_PARAMETERS) {
            *reason =
                apr_pstrcat(pool, is_query ? "the query string" : "the form", ": expected at most ",
                            APR_STRINGIFY(HANDLER_BODY_PARAMETERS), " parameters", NULL);
            return NULL;
        }
        add_pair(object, &pair, said ? said : charset, is_query, pool);
    }
    return object;
}

/* The bytes of the body without NUL and blanks at the ends: a form is decoded before its charset
 * is. */
static const char *form_text(const crm360_message_t *message, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, message->body_len + 1), *to = text;
    apr_size_t i;

    for (i = 0; i < message->body_len; i++) {
        if (message->body[i] != '\0') {
            *to++ = message->body[i];
        }
    }
    while (to > text && apr_isspace(to[-1])) {
        to--;
    }
    *to = '\0';
    return text + strspn(text, " \t\r\n");
}

static int read_form(apr_array_header_t *events, const char **reason,
                     const crm360_message_t *message, apr_pool_t *pool)
{
    json_object *object =
        read_pairs(reason, form_text(message, pool), handler_body_charset(message, pool), 0, pool);

    if (object) {
        add_event(events, object);
    }
    return object != NULL;
}

static const char *query_of(const crm360_message_t *message)
{
    const char *query = message->target ? strchr(message->target, '?') : NULL;

    return query ? query + 1 : "";
}

static int read_query(apr_array_header_t *events, const char **reason,
                      const crm360_message_t *message, apr_pool_t *pool)
{
    json_object *object = read_pairs(reason, query_of(message), NULL, 1, pool);

    if (object && json_object_object_length(object) == 0) {
        *reason = "the body is empty, and the URL has no parameters but CRM360's own: expected the "
                  "parameters of an event";
        return 0;
    }
    if (object) {
        add_event(events, object);
    }
    return object != NULL;
}

/* ---- which of them ---- */

int handler_body_says_form(const crm360_message_t *message)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type = crm360_message_header(message, "Content-Type");

    return type && apr_cstr_casecmpn(type, form, sizeof(form) - 1) == 0;
}

/* Whether a text begins as a form does: a name of what browsers leave unescaped, and '='. */
static int looks_like_form(const char *text, apr_size_t len)
{
    apr_size_t i = 0;

    while (i < len && text[i] != '\0' && (apr_isalnum(text[i]) || strchr("*-._%+[]~", text[i]))) {
        i++;
    }
    return i > 0 && i < len && text[i] == '=';
}

int handler_body_events(apr_array_header_t **events, const char **reason,
                        const crm360_message_t *message, int sources, apr_pool_t *pool)
{
    apr_size_t len;
    const char *text = handler_body_text(&len, message, pool);
    crm360_scan_t scan = {.data = text, .len = len};
    int json;

    *events = apr_array_make(pool, 1, sizeof(json_object *));
    crm360_scan_blanks(&scan);
    if ((sources & HANDLER_BODY_QUERY) &&
        (scan.at == len || !(sources & (HANDLER_BODY_JSON | HANDLER_BODY_FORM)))) {
        return read_query(*events, reason, message, pool);
    }
    json = (sources & HANDLER_BODY_JSON) && scan.at < len && strchr("{[", text[scan.at]);
    if ((sources & HANDLER_BODY_FORM) && !json && scan.at < len &&
        (handler_body_says_form(message) || looks_like_form(text + scan.at, len - scan.at))) {
        return read_form(*events, reason, message, pool);
    }
    if (sources & HANDLER_BODY_JSON) {
        return read_json(*events, reason, text, len, sources, pool);
    }
    *reason = "the body is no form: expected application/x-www-form-urlencoded";
    return 0;
}

const char *handler_body_parameter(const crm360_message_t *message, const char *name,
                                   apr_pool_t *pool)
{
    return crm360_params_get(query_of(message), name, pool);
}
