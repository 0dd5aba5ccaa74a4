/*
 * Proof of origin: whether a request fits one of the rules (Crm360Origin) that a database has for a
 * platform. A rule is made by core/config_origin.c; here requests are held against it, in two
 * steps: before the body is read, and with it. Pure functions, any thread. Must never tell a caller
 * how far from right a proof was, nor take a field that was sent twice.
 */
#ifndef CRM360_ORIGIN_H
#define CRM360_ORIGIN_H

#include <apr_network_io.h>
#include <apr_tables.h>

#include "core/signature.h"

/* What a scheme looks at. */
typedef enum {
    CRM360_BY_NOTHING,  /* none */
    CRM360_BY_NETWORK,  /* networks: the address of the caller alone */
    CRM360_BY_TOKEN,    /* token: a text in a header field or in the URL */
    CRM360_BY_BASIC,    /* basic: user and password (RFC 7617) */
    CRM360_BY_BODY,     /* shopify, tabology, hmac: HMAC of the body in a header field */
    CRM360_BY_ZENDESK,  /* zendesk: HMAC of a timestamp and the body */
    CRM360_BY_STANDARD, /* standard-webhooks: HMAC of id, timestamp and body */
} crm360_proof_by_t;

/* Where a token may stand. */
#define CRM360_TOKEN_IN_HEADER 1u /* X-Crm360Api-Token, or Authorization: Bearer */
#define CRM360_TOKEN_IN_URL 2u    /* query parameter `token` */

/* One Crm360Origin line. Lives as long as the configuration. */
typedef struct crm360_origin_t {
    const char *scheme; /* as the table in config_origin.c spells it */
    crm360_proof_by_t by;
    /* By how the caller shows them: keys of HMAC as bytes, tokens, or for basic what stands behind
     * the word Basic. */
    crm360_secrets_t secrets;
    int short_secret;             /* line of a secret that can be guessed; 0 = none */
    const char *header;           /* BY_BODY: field with the signature */
    const char *prefix;           /* BY_BODY: text in front of it; NULL = none */
    int prefix_optional;          /* whether it may be missing */
    unsigned as;                  /* BY_BODY: CRM360_AS_... */
    crm360_hash_t hash;           /* BY_BODY */
    unsigned token_in;            /* BY_TOKEN: CRM360_TOKEN_IN_... */
    apr_interval_time_t window;   /* of a timestamp, either way */
    apr_array_header_t *networks; /* apr_ipsubnet_t *: the caller must be in one; NULL = anywhere */
} crm360_origin_t;

/* What a rule sees of a request. */
typedef struct crm360_caller_t {
    const apr_table_t *headers; /* fields of one name joined by ", ", as httpd does it */
    const char *query;          /* not decoded; NULL = none */
    apr_sockaddr_t *address;    /* the caller's, a trusted proxy taken into account */
    apr_time_t now;             /* when the request came: its body may take its time */
} crm360_caller_t;

/* What came of it. From ABSENT to FAILED a later one says more about a refused request. */
typedef enum {
    CRM360_ORIGIN_PROVEN,
    CRM360_ORIGIN_OPEN,      /* the body decides */
    CRM360_ORIGIN_NO_RULE,   /* nothing is said of this platform */
    CRM360_ORIGIN_ABSENT,    /* no proof was sent */
    CRM360_ORIGIN_NETWORK,   /* the caller's address is in none of the networks */
    CRM360_ORIGIN_MALFORMED, /* a proof that is none, or was sent twice */
    CRM360_ORIGIN_STALE,     /* its timestamp is outside the window */
    CRM360_ORIGIN_WRONG,     /* no secret fits */
    CRM360_ORIGIN_FAILED     /* libcrypto has failed; the request may be good */
} crm360_origin_found_t;

/* The cause as a phrase for the log, constant. */
const char *crm360_origin_cause(crm360_origin_found_t found);

/* Holds a request against the rules of its platform (const crm360_origin_t *; NULL = none). The
 * first that proves it makes *verdict what is stored as Crm360-Origin, in `pool`: its scheme, and
 * where it has secrets the number of the one that fitted, "shopify; key=1".
 *
 * crm360_origin_head(): without the body. OPEN when it depends on the body alone whether some
 * rule proves it, or else the cause. */
crm360_origin_found_t crm360_origin_head(const char **verdict, const apr_array_header_t *rules,
                                         const crm360_caller_t *caller, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* crm360_origin_body(): what was OPEN, with the bytes of the body as they came. */
crm360_origin_found_t crm360_origin_body(const char **verdict, const apr_array_header_t *rules,
                                         const crm360_caller_t *caller, const char *body,
                                         apr_size_t body_len, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* For a refused caller: what proof is expected, as the rest of a sentence ("a signature in ...").
 * In `pool`. */
const char *crm360_origin_wanted(const apr_array_header_t *rules, apr_pool_t *pool);

/* The value of WWW-Authenticate (RFC 9110 11.6.1), one challenge for each way in. In `pool`. */
const char *crm360_origin_challenges(const apr_array_header_t *rules, apr_pool_t *pool);

#endif
