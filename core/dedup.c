/*
 * Names of deliveries. What goes into a name is separated by NUL, which no header field and no
 * query has, so that no two different deliveries read the same.
 */
#include "core/dedup.h"

#include <apr_strings.h>

#include <string.h>

#include "core/digest.h"

#define KEY_FIELD "Idempotency-Key"
#define KEY_MOST 255

/* The string of a structured field: "..." with \" and \\ for " and \ (RFC 9651, 3.3.3), and
 * parameters behind it, which mean nothing here. NULL when it is no such thing. */
static const char *read_quoted(const char *value, apr_pool_t *pool)
{
    char *key = apr_palloc(pool, strlen(value)), *to = key;

    for (value++; *value != '"'; value++) {
        if (*value == '\\' && (value[1] == '"' || value[1] == '\\')) {
            value++;
        }
        else if (*value == '\\' || *value < ' ' || *value > '~') {
            return NULL;
        }
        *to++ = *value;
    }
    *to = '\0';
    return value[1] == '\0' || value[1] == ';' ? key : NULL;
}

/* Takes the value of an Idempotency-Key field: the string that the draft of the IETF makes of it
 * (draft-ietf-httpapi-idempotency-key-header), or, as many send it, visible characters without
 * quotes. NULL when it is no such thing. */
static const char *read_key(const char *value, apr_pool_t *pool)
{
    const char *key = value, *c;
    apr_size_t len;

    if (*value == '"') {
        key = read_quoted(value, pool);
    }
    for (c = value; *value != '"' && *c; c++) {
        if (*c <= ' ' || *c == '"' || *c > '~') {
            return NULL;
        }
    }
    len = key ? strlen(key) : 0;
    return len > 0 && len <= KEY_MOST ? key : NULL;
}

static struct iovec piece(const char *text)
{
    struct iovec made = {(void *)text, strlen(text) + 1};

    return made;
}

/* What tells two contents under one key apart: the body, or the query where there is none. */
static const char *content_of(const crm360_message_t *message, const char *query, apr_pool_t *pool)
{
    struct iovec content = {(void *)message->body, message->body_len};

    if (message->body_len == 0) {
        content = piece(query);
    }
    return crm360_digest(&content, 1, pool);
}

/* What names a delivery, beside its route and source. */
typedef struct name_t {
    const char *kind; /* NULL = it has no name */
    const char *key;
    const char *more; /* the rest of the key; NULL = it has none */
    enum {
        OTHER_IS_NEW,     /* another content is another delivery */
        OTHER_IS_REFUSED, /* a fault of the caller */
        OTHER_IS_SAME     /* no matter */
    } other;
} name_t;

static name_t name_of(const char *key, const crm360_cloudevent_t *event,
                      const crm360_dedup_rule_t *rule, const crm360_message_t *message,
                      const char *query)
{
    name_t none = {NULL, NULL, NULL, OTHER_IS_NEW};
    name_t by_key = {"idempotency-key", key, NULL, OTHER_IS_REFUSED};
    name_t by_content = {"content", query, NULL, OTHER_IS_NEW};
    name_t by_id = {"id", NULL, NULL, OTHER_IS_NEW};

    if (rule->window <= 0) {
        return none;
    }
    if (key) {
        return by_key;
    }
    if (event) {
        name_t by_event = {"cloudevent", event->source, event->id, OTHER_IS_SAME};

        return by_event;
    }
    if (!rule->key) {
        return none;
    }
    if (strcmp(rule->key, CRM360_DEDUP_CONTENT) == 0) {
        return by_content;
    }
    by_id.key = crm360_message_header(message, rule->key);
    return by_id.key && *by_id.key ? by_id : none;
}

apr_status_t crm360_dedup_find(crm360_dedup_t *dedup, const char **fault,
                               const crm360_dedup_rule_t *rule, const crm360_message_t *message,
                               const crm360_cloudevent_t *event, int mail, apr_pool_t *pool)
{
    const char *field = crm360_message_header(message, KEY_FIELD);
    const char *key = field ? read_key(field, pool) : NULL;
    const char *target = crm360_message_target(message, pool);
    const char *query = strchr(target, '?') ? strchr(target, '?') : "";
    name_t name = name_of(key, event, rule, message, query);
    struct iovec pieces[7];
    int count = 0;

    memset(dedup, 0, sizeof *dedup);
    if (field && !key) {
        *fault = KEY_FIELD " must be 1 to 255 visible characters, or a string in quotes, and be "
                           "given once.";
        return APR_EINVAL;
    }
    if (!name.kind) {
        return APR_SUCCESS;
    }
    dedup->content = content_of(message, query, pool);
    if (!dedup->content) {
        return APR_ENOMEM;
    }
    pieces[count++] = piece(message->route->name);
    pieces[count++] = piece(apr_itoa(pool, message->source_id));
    pieces[count++] = piece(name.kind);
    pieces[count++] = piece(name.key);
    pieces[count++] = piece(name.other == OTHER_IS_NEW ? dedup->content : "");
    if (name.more) {
        pieces[count++] = piece(name.more);
    }
    if (mail) {
        pieces[count++] = piece("mail");
    }
    dedup->hash = crm360_digest(pieces, count, pool);
    if (name.other == OTHER_IS_SAME) {
        dedup->content = dedup->hash; /* all contents are one to Redis */
    }
    dedup->window = rule->window;
    dedup->strict = name.other == OTHER_IS_REFUSED;
    return dedup->hash ? APR_SUCCESS : APR_ENOMEM;
}
