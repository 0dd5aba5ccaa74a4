/*
 * The documented query parameters of QueueProcess and EmailProcess: decoding and checking, as
 * the API's own help page lists them. Pure functions on text; any thread. Never guesses: what
 * cannot be read is refused by name.
 */
#ifndef CRM360_PARAMS_H
#define CRM360_PARAMS_H

#include <apr_pools.h>

typedef enum { CRM360_QUEUE_PROCESS, CRM360_EMAIL_PROCESS } crm360_process_t;

/* As it stands in a path: "QueueProcess" or "EmailProcess". */
const char *crm360_process_name(crm360_process_t process);

/* Whether one segment of a path is such a name, in any case. *process may be NULL. */
int crm360_process_find(crm360_process_t *process, const char *segment, apr_size_t len);

/* ---- the tables: what is checked by them, documents are made of (core/api_doc.h) ---- */

typedef enum { CRM360_PARAM_NUMBER, CRM360_PARAM_BOOLEAN, CRM360_PARAM_EMAIL } crm360_param_type_t;

/* One documented query parameter. */
typedef struct crm360_param_rule_t {
    const char *name;
    crm360_param_type_t type;
    apr_size_t offset; /* of the member of crm360_params_t */
    int min;           /* of a number; likewise the next */
    int max;
    int required;             /* bits: 1 << the process that requires it */
    int queue_only;           /* EmailProcess does not know it */
    const char *default_text; /* NULL = none */
    const char *meaning;      /* a sentence for callers */
} crm360_param_rule_t;

/* In the order of the API's page; ends with an entry whose name is NULL. */
#define CRM360_PARAM_RULES 7
extern const crm360_param_rule_t crm360_param_rules[];

/* What a rule allows, as it stands behind "must be": "a whole number from 1 to 32767". */
const char *crm360_param_allowed(const crm360_param_rule_t *rule, apr_pool_t *pool);

/* The values of the path, in its order. */
enum {
    CRM360_PATH_CUSTOMER,
    CRM360_PATH_DATABASE,
    CRM360_PATH_PLATFORM,
    CRM360_PATH_ENTITY,
    CRM360_PATH_ACTION,
    CRM360_PATH_VALUES
};

/* One value of the path, in its order; ends with an entry whose name is NULL. */
typedef struct crm360_path_value_t {
    const char *name;
    const char *meaning;
} crm360_path_value_t;
extern const crm360_path_value_t crm360_path_values[];

/* A query parameter that the handlers of one platform read, by these names; ends with an entry
 * whose platform is NULL. */
typedef struct crm360_platform_param_t {
    const char *platform;
    const char *name;
    const char *meaning;
} crm360_platform_param_t;
extern const crm360_platform_param_t crm360_platform_params[];

/* A caller's token (core/origin.h): no message and no log shows its value. */
#define CRM360_PARAM_TOKEN "token"

#define CRM360_PARAM_STORE "store"
#define CRM360_PARAM_CURRENCY "currency"
#define CRM360_PARAM_ADDRESS_IDS "AddressIds"
#define CRM360_PARAM_CONTACT_IDS "ContactIds"

/* ---- reading ---- */

typedef struct crm360_params_t {
    int source_id; /* >= 1 */
    int zone_id;   /* 0 = not given; likewise the next two */
    int brand_id;
    int contact_address_type_id;
    int batch_mode;              /* 0 or 1 */
    const char *email;           /* NULL = not given; EmailProcess always has one */
    int seconds_of_invisibility; /* 0..604800 */
} crm360_params_t;

/* What was wrong: the documented name of the parameter and a sentence for the caller that says
 * what was expected. Both live in the pool given to the call; they may quote the caller's text,
 * escaped. */
typedef struct crm360_param_error_t {
    const char *parameter;
    const char *detail;
} crm360_param_error_t;

/* Reads the raw query string (NULL = none) of a request to `process`. APR_SUCCESS, or APR_EINVAL
 * with *error filled. Names ignore case; a documented parameter given twice, not parseable, or
 * required and empty is an error; an empty optional one counts as absent; anything else is
 * ignored here (the target is stored as it came). */
apr_status_t crm360_params_read(crm360_params_t *params, crm360_param_error_t *error,
                                const char *query, crm360_process_t process, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Decodes %XX and '+' of `len` bytes into *decoded (in `pool`). APR_EINVAL for a bad escape or
 * %00. */
apr_status_t crm360_params_decode(const char **decoded, const char *text, apr_size_t len,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

/* One name=value of a query string or form, still encoded. Points into it. */
typedef struct crm360_param_pair_t {
    const char *name;
    apr_size_t name_len;
    const char *value; /* empty when there is no '=' */
    apr_size_t value_len;
} crm360_param_pair_t;

/* Takes the next pair off *rest, a NUL-terminated text. 0 at the end. */
int crm360_params_next(crm360_param_pair_t *pair, const char **rest);

/* Whether the `len` bytes of a name, still encoded, say `name` (any case). */
int crm360_params_is(const char *text, apr_size_t len, const char *name, apr_pool_t *pool);

/* A platform's own name or value: %XX and '+' of `len` bytes decoded, bytes of `charset` (NULL =
 * not told; crm360_charset_decode()) turned into UTF-8. A bad escape stays as it stands, NUL is
 * dropped. NUL-terminated, in `pool`. */
const char *crm360_params_text(const char *text, apr_size_t len, const char *charset,
                               apr_pool_t *pool);

/* What a query string or form says about the charset of its values: its parameter `charset`
 * (Smsbox), or NULL. */
const char *crm360_params_charset(const char *query, apr_pool_t *pool);

/* Whether a name (any case) is one of CRM360's own: a documented parameter, or its token. */
int crm360_params_is_own(const char *name);

/* A copy of `text`, in `pool`, with `instead` in the place of the values of its `token` parameters
 * (any case, names encoded or not). `text` is a query, a target, a request line or a field value
 * that repeats one; what is in `ends` stands behind a value, and with '?' in front of a name: "& "
 * for a request line. Takes time and memory in proportion to the text. */
const char *crm360_params_hide(const char *text, const char *ends, const char *instead,
                               apr_pool_t *pool);

/* First value of query parameter `name` (any case), decoded to UTF-8 by the query's own charset,
 * or NULL; also when it has a bad escape. For handlers that read one of a platform's parameters
 * (store, currency). */
const char *crm360_params_get(const char *query, const char *name, apr_pool_t *pool);

/* Whether one path value is well formed: 1 to CRM360_PATH_VALUE_MOST characters of A-Z a-z 0-9
 * . _ - */
#define CRM360_PATH_VALUE_MOST 64
int crm360_path_value_ok(const char *value);

#endif
