/*
 * The documented query parameters of QueueProcess and EmailProcess: decoding and checking, as
 * the API's own help page lists them. Pure functions on text; any thread. Never guesses: what
 * cannot be read is refused by name.
 */
#ifndef CRM360_PARAMS_H
#define CRM360_PARAMS_H

#include <apr_pools.h>

typedef enum { CRM360_QUEUE_PROCESS, CRM360_EMAIL_PROCESS } crm360_process_t;

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

/* A platform's own name or value: %XX and '+' of `len` bytes decoded, bytes of `charset` (NULL =
 * not told; crm360_charset_decode()) turned into UTF-8. A bad escape stays as it stands, NUL is
 * dropped. NUL-terminated, in `pool`. */
const char *crm360_params_text(const char *text, apr_size_t len, const char *charset,
                               apr_pool_t *pool);

/* What a query string or form says about the charset of its values: its parameter `charset`
 * (Smsbox), or NULL. */
const char *crm360_params_charset(const char *query, apr_pool_t *pool);

/* Whether a name (any case) is one of CRM360's own: a documented parameter, or `token`. */
int crm360_params_is_own(const char *name);

/* First value of query parameter `name` (any case), decoded to UTF-8 by the query's own charset,
 * or NULL; also when it has a bad escape. For handlers that read one of a platform's parameters
 * (store, currency). */
const char *crm360_params_get(const char *query, const char *name, apr_pool_t *pool);

/* Whether one path value is well formed: 1 to 64 characters of A-Z a-z 0-9 . _ - */
int crm360_path_value_ok(const char *value);

#endif
