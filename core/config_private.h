/*
 * What the files of the configuration share and nobody else may include: the members behind the
 * opaque types, the setters that the table names, and the helpers for error texts. A new setting is
 * a member here, a row in config.c and a getter; making and merging follow from the row.
 */
#ifndef CRM360_CONFIG_PRIVATE_H
#define CRM360_CONFIG_PRIVATE_H

#include <apr_hash.h>

#include "core/config.h"

/* Longest logical line of the file, and of what apply takes. httpd's own limit is 16 MB. */
#define CRM360_LINE_MOST 8192
#define MSEC APR_INT64_C(1000)
#define SECOND (1000 * MSEC)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Longest customer name and alias (crm360_path_value_ok). */
#define CRM360_NAME_MOST 64

typedef struct crm360_schedule_t {
    int steps;
    const apr_interval_time_t *delays; /* `steps` of them */
} crm360_schedule_t;

/* How much a line about routes is about. The narrowest scope that says something counts. */
typedef enum {
    CRM360_SCOPE_ALL,
    CRM360_SCOPE_PLATFORM,
    CRM360_SCOPE_ROUTE,
    CRM360_SCOPES
} crm360_scope_t;

/* A value that may differ from program to program: that of a line which names the reading program,
 * else that of the line which names none. */
typedef struct crm360_by_program_t {
    const char *value;
    int lines; /* which have been read: bit 0 one for all, bit 1 one for this program */
} crm360_by_program_t;

/* Each member that a directive sets has its unset value by crm360_holds_t. */
struct crm360_config_t {
    const crm360_redis_address_t *redis; /* place only: user and password are the next two */
    crm360_by_program_t redis_user;
    crm360_by_program_t redis_password;
    crm360_by_program_t sentinel_user;
    crm360_by_program_t sentinel_password;
    const crm360_user_t *user;
    apr_int64_t connect_timeout;
    apr_int64_t command_timeout;
    apr_int64_t handler_timeout;
    apr_int64_t lease;
    apr_int64_t inbox_keep;
    apr_int64_t event_keep;
    apr_int64_t dead_keep;
    apr_int64_t dead_bytes;
    apr_int64_t worker_memory;
    int dead_most;
    int workers_per_database;
    int databases_open;
    const char *dead_export;
    const char *outbox;
    const char *log_format; /* as the table spells it */
    const crm360_spool_place_t *spool;
    /* By scope, then by route; CRM360_ROUTES of each scope. */
    apr_int64_t dedup_window[CRM360_SCOPES * CRM360_ROUTES];
    const char *dedup_key[CRM360_SCOPES * CRM360_ROUTES];
    int workers[CRM360_LANES];
    const crm360_schedule_t *retry_schedule;
    apr_array_header_t *databases; /* crm360_database_t *, in the order of the file */
    apr_hash_t *by_name;           /* the same ones by "customer/alias" in lower case */
    apr_hash_t *customers;         /* customers in lower case; value: any of their sections */
};

struct crm360_location_t {
    int enabled;
    const char *durability; /* as the table spells it */
    apr_int64_t max_body;
    const char *help_mount; /* without '/' at its end */
    apr_int64_t max_batch_body;
    apr_int64_t max_headers;
    int max_parameters;
    int status_actions;
    int status_messages;
};

/* ---- config.c: members ---- */

/* Puts the members of `context` into the unset state. */
void crm360_members_unset(void *target, unsigned context);

/* Copies onto `target` what `add` has set of the directives of `context`. */
void crm360_members_merge(void *target, const void *add, unsigned context);

/* Whether the member of a row has a value. */
int crm360_member_is_set(const crm360_directive_t *row, const void *target);

/* The first half of crm360_config_check(): the limits that nest, and what is needed with what. */
const char *crm360_limits_check(const crm360_config_t *config, apr_pool_t *pool);

/* ---- config_directive.c: rows ---- */

/* "at server level" and the like. */
const char *crm360_context_place(unsigned context);

/* Names of the directives of `context` as "A, B, C", in `pool`. */
const char *crm360_context_directives(unsigned context, apr_pool_t *pool);

/* ---- config_database.c: sections ---- */

/* Enters the sections of `from` into `merged`; into one that is there go the members that are
 * set. */
void crm360_databases_merge(crm360_config_t *merged, const crm360_config_t *from, apr_pool_t *pool);

/* The second half of crm360_config_check(): each section. */
const char *crm360_databases_check(const crm360_config_t *config, unsigned reader,
                                   apr_pool_t *pool);

/* What is wrong with the parameters and what is allowed, or NULL. Driver and parameters may be
 * unset. */
const char *crm360_database_fault(const crm360_database_t *database, apr_pool_t *pool);

/* ---- config_text.c: words and values as text ---- */

/* Splits the rest of a line into words by httpd's rules (ap_getword_conf): white space separates,
 * "..." and '...' keep it, \\ is a backslash, and \" or \' a quote inside such quotes. Unlike httpd
 * an unclosed quote is an error. NULL and *argc, *argv, or the error text; all in `pool`. */
const char *crm360_words_split(int *argc, const char *const **argv, const char *text,
                               apr_pool_t *pool);

/* `text` in double quotes, what is not printable ASCII escaped, cut after 60 bytes: for errors. */
const char *crm360_quoted(const char *text, apr_pool_t *pool);

/* Whether a word is the name of a header field (RFC 9110 5.1), of at most 64 characters. */
int crm360_is_field_name(const char *text);

/* Values as they are written in the file: "250ms", "10M". */
const char *crm360_interval_text(apr_int64_t interval, apr_pool_t *pool);
const char *crm360_size_text(apr_int64_t size, apr_pool_t *pool);

/* Range of a directive, "1ms to 10s"; NULL when it has none to show. */
const char *crm360_range_text(const crm360_directive_t *directive, apr_pool_t *pool);

/* ---- config_set.c: setters, as crm360_directive_t.set ---- */

typedef const char *crm360_setter_t(const crm360_directive_t *directive, void *target, int argc,
                                    const char *const *argv, unsigned reader, apr_pool_t *pool);

crm360_setter_t crm360_set_flag;     /* On or Off */
crm360_setter_t crm360_set_choice;   /* one of `choices`, any case; stored as the table spells it */
crm360_setter_t crm360_set_id;       /* integer from min to max */
crm360_setter_t crm360_set_workers;  /* lane number */
crm360_setter_t crm360_set_interval; /* time from min to max */
crm360_setter_t crm360_set_size;     /* bytes from min to max */
crm360_setter_t crm360_set_schedule; /* 1 to 20 times from min to max */
crm360_setter_t crm360_set_mount;    /* a path of the site: /a/b */
crm360_setter_t crm360_set_text;     /* from min to max bytes without control characters */
crm360_setter_t crm360_set_secret;   /* content of a file that only its owner and group may read */
crm360_setter_t crm360_set_address;  /* where Redis is */
crm360_setter_t crm360_set_driver;   /* as choice, and must go with the parameters */
crm360_setter_t crm360_set_params;   /* as text, and must go with the driver */
crm360_setter_t crm360_set_folder;   /* absolute name of a folder, which need not be there yet */
crm360_setter_t crm360_set_spool;    /* folder and bytes from min to max */

/* What is wrong with the length or the characters of a text; NULL when nothing is. */
const char *crm360_text_fault(const crm360_directive_t *directive, const char *text,
                              apr_pool_t *pool);

/* ---- config_user.c: setters about who a program is ---- */

crm360_setter_t crm360_set_user;           /* user and group of the system */
crm360_setter_t crm360_set_program_text;   /* as text, and a program */
crm360_setter_t crm360_set_program_secret; /* as secret, and a program */

/* ---- config_secret.c: files whose content is the value ---- */

/* The one line of a file that only its owner and group may read; *secret is "" when it is not
 * `wanted`. NULL, or what is wrong. */
const char *crm360_secret_read(const char **secret, const char *name, int wanted, apr_pool_t *pool);

/* The same for a file of one or two lines: the secret in use, and the one before it. They are
 * printable and do not begin or end with a blank. None when they are not `wanted`. */
const char *crm360_secrets_read(crm360_secrets_t *secrets, const char *name, int wanted,
                                apr_pool_t *pool);

/* The same for a text of any lines in a file that anybody may read. */
const char *crm360_text_read(const char **text, const char *name, int wanted, apr_pool_t *pool);

/* That a file named in a setting is there and can be read, if it is `wanted`. NULL, or what is
 * wrong. */
const char *crm360_file_check(const char *name, int wanted, apr_pool_t *pool);

/* ---- config_provider.c: setters of lines about sending ---- */

crm360_setter_t crm360_set_provider; /* kind or address, and options */
crm360_setter_t crm360_set_patterns; /* mail addresses with '*' */
crm360_setter_t crm360_set_mail;     /* one mail address */

/* What a section still lacks for sending, or NULL. */
const char *crm360_sending_fault(const crm360_database_t *database);

/* ---- config_origin.c: the setter of lines about proof of origin ---- */

crm360_setter_t crm360_set_origin; /* platform or *, scheme, what the scheme needs */

/* ---- config_rate.c: how fast ---- */

crm360_setter_t crm360_set_rate; /* kind of sending, platform or *, and number/unit */

/* ---- config_dedup.c: setters of lines about routes ---- */

crm360_setter_t crm360_set_dedup_window; /* time from min to max, and routes */
crm360_setter_t crm360_set_dedup_key;    /* field name, content or none, and routes */

/* ---- config_set.c: values, for those setters ---- */

/* Reads the digits at *text and moves *text behind them. APR_EINVAL when there are none, or more
 * than 18 of them (so that the result always fits). */
apr_status_t crm360_digits_read(apr_int64_t *value, const char **text)
    __attribute__((warn_unused_result));

/* Reads "250ms" within the range of the directive. NULL, or what is wrong. */
const char *crm360_interval_read(apr_interval_time_t *interval, const crm360_directive_t *directive,
                                 const char *text, apr_pool_t *pool);

#endif
