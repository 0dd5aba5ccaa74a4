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

/* Takes the value of an Idempotency-Key field: visible characters, in quotes or not (the quotes are
 * no part of it). NULL when it is no such thing. */
static const char *read_key(const char *value, apr_pool_t *pool)
{
    apr_size_t len = strlen(value);
    apr_size_t i;

    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value++;
        len -= 2;
    }
    for (i = 0; i < len; i++) {
        if (value[i] <= ' ' || value[i] == '"' || (unsigned char)value[i] >= 0x7f) {
            return NULL;
        }
    }
    return len > 0 && len <= KEY_MOST ? apr_pstrmemdup(pool, value, len) : NULL;
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
    int with_content; /* another content is another delivery */
} name_t;

static name_t name_of(const char *key, const crm360_dedup_rule_t *rule,
                      const crm360_message_t *message, const char *query)
{
    name_t none = {NULL, NULL, 0};
    name_t by_key = {"idempotency-key", key, 0};
    name_t by_content = {"content", query, 1};
    name_t by_id = {"id", NULL, 1};

    if (rule->window <= 0) {
        return none;
    }
    if (key) {
        return by_key;
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
                               int mail, apr_pool_t *pool)
{
    const char *field = crm360_message_header(message, KEY_FIELD);
    const char *key = field ? read_key(field, pool) : NULL;
    const char *target = crm360_message_target(message, pool);
    const char *query = strchr(target, '?') ? strchr(target, '?') : "";
    name_t name = name_of(key, rule, message, query);
    struct iovec pieces[6];

    memset(dedup, 0, sizeof *dedup);
    if (field && !key) {
        *fault = KEY_FIELD " must be 1 to 255 visible characters, in quotes or not, and be given "
                           "once.";
        return APR_EINVAL;
    }
    if (!name.kind) {
        return APR_SUCCESS;
    }
    dedup->content = content_of(message, query, pool);
    if (!dedup->content) {
        return APR_ENOMEM;
    }
    pieces[0] = piece(message->route->name);
    pieces[1] = piece(apr_itoa(pool, message->source_id));
    pieces[2] = piece(name.kind);
    pieces[3] = piece(name.key);
    pieces[4] = piece(name.with_content ? dedup->content : "");
    pieces[5] = piece("mail");
    dedup->hash = crm360_digest(pieces, mail ? 6 : 5, pool);
    dedup->window = rule->window;
    dedup->strict = !name.with_content;
    return dedup->hash ? APR_SUCCESS : APR_ENOMEM;
}
