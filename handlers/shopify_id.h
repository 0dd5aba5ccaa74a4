/*
 * Shopify's ids: numbers beyond 2^53, which stay text, beside the same number in a gid
 * ("gid://shopify/Product/8123456789012"). A gid is always exact; the number may have been through
 * somebody's double. For the parts of the Shopify handler; pure functions.
 */
#ifndef HANDLERS_SHOPIFY_ID_H
#define HANDLERS_SHOPIFY_ID_H

#include <apr_pools.h>
#include <json-c/json.h>

/* The id in a member: an integer, a text of digits, or a gid of this kind ("Customer"). Digits
 * without leading zeros, in `pool`; NULL when there is none. `object` may be NULL. */
const char *handler_shopify_reference(json_object *object, const char *kind, const char *name,
                                      apr_pool_t *pool);

/* The id of an object: that in admin_graphql_api_id, else in the member `name`. Likewise. */
const char *handler_shopify_id(json_object *object, const char *kind, const char *name,
                               apr_pool_t *pool);

/* A member that only bodies of other topics have, and what such a body is. */
typedef struct handler_shopify_stranger_t {
    const char *member; /* NULL ends the list */
    const char *reason;
} handler_shopify_stranger_t;

/* Why a body is none of `kind`: it has a stranger's member, or a gid of another kind. NULL when
 * nothing speaks against it. */
const char *handler_shopify_stranger(json_object *body, const char *kind,
                                     const handler_shopify_stranger_t *strangers, apr_pool_t *pool);

#endif
