/* Reading Shopify's ids (see shopify_id.h). Must never make a number of one. */
#include "handlers/shopify_id.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/person.h"
#include "handlers/field.h"

#define GID "gid://shopify/"

/* Digits without leading zeros, or NULL. A gid may carry parameters. */
static const char *digits_of(const char *text, apr_pool_t *pool)
{
    size_t length;

    text += strspn(text, "0");
    length = strspn(text, "0123456789");
    if (length == 0 || length > CRM_IDENTIFIER_MOST ||
        (text[length] != '\0' && text[length] != '?')) {
        return NULL;
    }
    return apr_pstrmemdup(pool, text, length);
}

/* The number in a gid of this kind, NULL when it is none. */
static const char *gid_number(const char *text, const char *kind, apr_pool_t *pool)
{
    size_t length = strlen(kind);

    if (strncmp(text, GID, strlen(GID)) != 0 || strncmp(text + strlen(GID), kind, length) != 0 ||
        text[strlen(GID) + length] != '/') {
        return NULL;
    }
    return digits_of(text + strlen(GID) + length + 1, pool);
}

const char *handler_shopify_reference(json_object *object, const char *kind, const char *name,
                                      apr_pool_t *pool)
{
    const char *text;

    if (handler_field_text(&text, object, name, pool) != HANDLER_FIELD_VALUE) {
        return NULL;
    }
    if (strncmp(text, GID, strlen(GID)) == 0) {
        return gid_number(text, kind, pool);
    }
    return strchr(text, '?') ? NULL : digits_of(text, pool);
}

const char *handler_shopify_id(json_object *object, const char *kind, const char *name,
                               apr_pool_t *pool)
{
    const char *text, *id = NULL;

    if (handler_field_text(&text, object, "admin_graphql_api_id", pool) == HANDLER_FIELD_VALUE) {
        id = gid_number(text, kind, pool);
    }
    return id ? id : handler_shopify_reference(object, kind, name, pool);
}

const char *handler_shopify_stranger(json_object *body, const char *kind,
                                     const handler_shopify_stranger_t *strangers, apr_pool_t *pool)
{
    const char *text;
    int i;

    for (i = 0; strangers[i].member; i++) {
        if (json_object_object_get_ex(body, strangers[i].member, NULL)) {
            return strangers[i].reason;
        }
    }
    if (handler_field_text(&text, body, "admin_graphql_api_id", pool) == HANDLER_FIELD_VALUE &&
        strncmp(text, GID, strlen(GID)) == 0 && !gid_number(text, kind, pool)) {
        return apr_pstrcat(pool, "the body is of another topic: expected ", GID, kind,
                           "/... in admin_graphql_api_id", NULL);
    }
    return NULL;
}
