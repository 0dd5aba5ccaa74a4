/*
 * The configuration: one table of directives (config.c) that httpd's command_rec, the parser of
 * crm360d and crm360ctl, their --help and the test of conf/crm360.conf are all made from. A file is
 * read once into pools that live as long as the configuration; afterwards it is read-only and any
 * thread may look. Never opens a secret file that the reading program does not need, and never
 * prints one.
 */
#ifndef CRM360_CONFIG_H
#define CRM360_CONFIG_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "core/origin.h"
#include "core/rate.h"
#include "core/route.h"

/* Where a directive may stand. */
#define CRM360_IN_SERVER 1u   /* outside all sections; in httpd also inside <VirtualHost> */
#define CRM360_IN_DATABASE 2u /* inside <Crm360Database customer alias> */
#define CRM360_IN_LOCATION 4u /* httpd's <Location>; not part of the shared file */

/* Who reads a directive's value (and opens the secret it names). */
#define CRM360_READ_HTTPD 1u
#define CRM360_READ_CONSUMER 2u /* crm360d and crm360ctl */
#define CRM360_READ_CTL 4u      /* beside it: crm360ctl, where it may have a line of its own */

/* Kinds of what leaves, each with a provider of its own. */
typedef enum {
    CRM360_SENDS_MAIL,
    CRM360_SENDS_SMS,
    CRM360_SENDS_WALLET,
    CRM360_SENDS /* how many there are */
} crm360_sends_t;

/* "mail", "sms" or "wallet". */
const char *crm360_sends_name(crm360_sends_t sends);

/* Crm360Mailer, Crm360SmsGateway or Crm360Wallet: who carries what leaves, and how he is reached.
 * Texts that were not given are NULL. */
typedef struct crm360_provider_t {
    const char *kind; /* "smtp", "mailjet", "primotexto", "smsbox" or "captainwallet" */
    const char *url;  /* its address, with the default applied; never holds a secret */
    const char *user; /* login, public key or client id */
    /* Password or key, from a file; "" = a file is named, but this program must not open it. */
    const char *secret;
    const char *ca;       /* file with the certificates to trust instead of the system's */
    const char *tls;      /* smtp: "required", "offered" or "none" */
    const char *sender;   /* SMS: sender when the command names none */
    const char *mode;     /* smsbox: "Standard", "Expert" or "Reponse" */
    const char *strategy; /* smsbox: "1" to "4" */
    const char *account;  /* captainwallet, likewise the rest */
    const char *project;
    const char *identifier; /* what a pass is known by: "card", "contact" or "source" */
    const char *template;   /* text of the payload template file; "" as with secret */
    const char *key;        /* of its rate and its breaker: the same for the same account */
} crm360_provider_t;

/* Whether an SMS gateway of that kind (NULL = none is configured) takes a sender: NULL, or what it
 * must be, constant. */
const char *crm360_sender_fault(const char *kind, const char *sender);

/* What may wait in one database: Crm360WaitingMost and Crm360WaitingBytes. 0 = no limit. */
typedef struct crm360_waiting_limits_t {
    apr_int64_t messages;
    apr_int64_t bytes;
} crm360_waiting_limits_t;

/* Whose rates there are: kinds of sending, platforms, and all platforms without one of their
 * own. */
#define CRM360_RATES (CRM360_SENDS + CRM360_PLATFORMS + 1)

/* One <Crm360Database customer alias> section. */
typedef struct crm360_database_t {
    const char *customer;
    const char *alias;
    const char *driver; /* Crm360DBDriver: "sqlite3" or "pgsql"; NULL = not set */
    const char *params; /* Crm360DBParams; NULL = not set */
    /* From Crm360DBPasswordFile; NULL = none; "" = a file is named, but this program (httpd) must
     * not open it. */
    const char *password;
    int default_zone_id; /* 0 = none; likewise the next two */
    int default_brand_id;
    int default_contact_address_type_id;
    const crm360_provider_t *providers[CRM360_SENDS]; /* NULL = files in Crm360Outbox */
    crm360_rate_t rates[CRM360_RATES]; /* Crm360Rate; for crm360_database_rate() and -spacing() */
    int waiting_most;                  /* Crm360WaitingMost; 0 = any number */
    apr_int64_t waiting_bytes;         /* Crm360WaitingBytes; -1 = any number */
    const apr_array_header_t *email_allow;  /* Crm360EmailAllow: const char *; NULL = none */
    const apr_array_header_t *email_sender; /* Crm360EmailSender: const char *; NULL = not set */
    const char *email_from;                 /* Crm360EmailFrom; NULL = not set */
    /* Crm360Origin: const crm360_origin_t * of each platform, and last those of '*'; NULL = none.
     * crm360_database_origins() says which of them count. */
    apr_array_header_t *origins[CRM360_PLATFORMS + 1];
    const char *file; /* where the section stands */
    int line;
    int number; /* its place in crm360_config_databases() */
} crm360_database_t;

/* How many requests of a platform (its number, core/route.h) a database takes: the line about that
 * platform, or else the one about all. */
crm360_rate_t crm360_database_rate(const crm360_database_t *database, int platform);

/* Least time between two calls of a provider, microseconds; -1 = no limit. */
apr_interval_time_t crm360_database_spacing(const crm360_database_t *database,
                                            crm360_sends_t sends);

/* What may wait in it. */
crm360_waiting_limits_t crm360_database_waiting(const crm360_database_t *database);

/* One server, or who tells where the servers are. */
typedef enum {
    CRM360_REDIS_SINGLE,
    CRM360_REDIS_SENTINEL, /* the master that sentinels name */
    CRM360_REDIS_CLUSTER   /* each key on the node that its slot belongs to */
} crm360_redis_kind_t;

typedef struct crm360_redis_seed_t {
    const char *host;
    int port;
} crm360_redis_seed_t;

#define CRM360_REDIS_SEEDS_MOST 16

/* Where Redis is. */
typedef struct crm360_redis_address_t {
    crm360_redis_kind_t kind;
    const char *path; /* Unix socket; NULL = TCP. The address of a single server */
    const char *host;
    int port;
    int database;
    crm360_redis_seed_t seeds[CRM360_REDIS_SEEDS_MOST]; /* sentinels, or nodes of the cluster */
    int seed_count;
    const char *name;              /* of the master, as the sentinels call it */
    const char *sentinel_user;     /* NULL = the default user */
    const char *sentinel_password; /* NULL = none */
    const char *user;              /* NULL = the default user */
    const char *password;          /* NULL = none */
    const char *text;              /* for logs: never holds a password */
} crm360_redis_address_t;

/* "host:port", IPv6 in brackets. In `pool`. */
const char *crm360_redis_seed_text(const crm360_redis_seed_t *seed, apr_pool_t *pool);

/* How safe a stored message is. The names are part of the contract of the reply. */
typedef enum {
    CRM360_IN_MEMORY,  /* "memory": in the memory of Redis */
    CRM360_ON_DISK,    /* "fsync": in a file of Redis that was flushed to its disk */
    CRM360_ON_REPLICA, /* "replica": in the memory of Redis and in that of a replica of it */
    CRM360_IN_SPOOL    /* "spool": in a flushed file of the spool, on its way to Redis */
} crm360_durability_t;

/* "memory", "fsync", "replica" or "spool". */
const char *crm360_durability_name(crm360_durability_t durability);

/* Crm360Spool. */
typedef struct crm360_spool_place_t {
    const char *folder;
    apr_int64_t most_bytes;
} crm360_spool_place_t;

/* Crm360User: whom crm360d becomes. "#number" or a name each. */
typedef struct crm360_user_t {
    const char *name;
    const char *group; /* NULL = that of the user */
} crm360_user_t;

/* What bounds the dead letters of one database in Redis. */
typedef struct crm360_dead_limits_t {
    apr_interval_time_t keep;
    apr_int64_t most;
    apr_int64_t bytes;
    const char *export_folder;
} crm360_dead_limits_t;

/* By what a repeated delivery of a route is known. */
typedef struct crm360_dedup_rule_t {
    /* Name of the header field with the delivery's id, CRM360_DEDUP_CONTENT, or NULL: by nothing
     * but an Idempotency-Key. */
    const char *key;
    apr_interval_time_t window; /* 0 = nothing is remembered */
} crm360_dedup_rule_t;

typedef struct crm360_config_t crm360_config_t;       /* server level */
typedef struct crm360_location_t crm360_location_t;   /* one httpd location */
typedef struct crm360_directive_t crm360_directive_t; /* one row of the table */

/* Making and merging. Every setting is unset or a value; `add` wins where it is set. */
crm360_config_t *crm360_config_make(apr_pool_t *pool);
crm360_config_t *crm360_config_merge(const crm360_config_t *base, const crm360_config_t *add,
                                     apr_pool_t *pool);
crm360_location_t *crm360_location_make(apr_pool_t *pool);
crm360_location_t *crm360_location_merge(const crm360_location_t *base,
                                         const crm360_location_t *add, apr_pool_t *pool);

/* Settings with their defaults applied. Intervals are microseconds, sizes bytes. */
const crm360_redis_address_t *crm360_config_redis(const crm360_config_t *config, apr_pool_t *pool);
apr_interval_time_t crm360_config_connect_timeout(const crm360_config_t *config);
apr_interval_time_t crm360_config_command_timeout(const crm360_config_t *config);
apr_interval_time_t crm360_config_handler_timeout(const crm360_config_t *config);
apr_interval_time_t crm360_config_lease(const crm360_config_t *config);
apr_interval_time_t crm360_config_inbox_keep(const crm360_config_t *config);
apr_interval_time_t crm360_config_event_keep(const crm360_config_t *config);
const char *crm360_config_outbox(const crm360_config_t *config); /* Crm360Outbox: a folder */
int crm360_config_workers(const crm360_config_t *config, crm360_lane_t lane);
int crm360_config_workers_per_database(const crm360_config_t *config); /* 0 = no such limit */
int crm360_config_databases_open(const crm360_config_t *config); /* of each worker */
apr_int64_t crm360_config_worker_memory(const crm360_config_t *config);
int crm360_config_log_json(const crm360_config_t *config); /* Crm360LogFormat: 1 = JSON */
crm360_dead_limits_t crm360_config_dead_limits(const crm360_config_t *config);
const crm360_user_t *crm360_config_user(const crm360_config_t *config);         /* NULL = none */
const crm360_spool_place_t *crm360_config_spool(const crm360_config_t *config); /* NULL = none */
crm360_dedup_rule_t crm360_config_dedup(const crm360_config_t *config, const crm360_route_t *route);
const apr_interval_time_t *crm360_config_retry_schedule(const crm360_config_t *config, int *steps);

/* The databases, in the order of the file; elements are crm360_database_t *. After a merge those of
 * the base come first; a section that is in both is one, member by member. */
const apr_array_header_t *crm360_config_databases(const crm360_config_t *config);

/* Looks a database up without regard to case. NULL when unknown; then *customer_known says whether
 * at least the customer has a section. customer_known may be NULL. */
const crm360_database_t *crm360_config_database(const crm360_config_t *config, const char *customer,
                                                const char *alias, int *customer_known);

/* The rules (const crm360_origin_t *) by which the platform of `route` proves its origin to a
 * database: its own, or else those for all platforms. NULL = none, nothing may be taken from it. */
const apr_array_header_t *crm360_database_origins(const crm360_database_t *database,
                                                  const crm360_route_t *route);

/* Whether a section has any such rule. */
int crm360_database_has_origins(const crm360_database_t *database);

/* Whether a mail address fits one of the patterns (const char *, '*' = any characters; any case).
 * No pattern at all fits nothing. */
int crm360_address_fits(const apr_array_header_t *patterns, const char *address);

/* Settings of a location. */
int crm360_location_enabled(const crm360_location_t *location);              /* Crm360Webhook */
apr_off_t crm360_location_max_body(const crm360_location_t *location);       /* Crm360MaxBody */
apr_off_t crm360_location_max_batch_body(const crm360_location_t *location); /* -MaxBatchBody */
apr_int64_t crm360_location_max_headers(const crm360_location_t *location);  /* bytes */
int crm360_location_max_parameters(const crm360_location_t *location);       /* in a query */

crm360_durability_t crm360_location_durability(const crm360_location_t *location);

/* Crm360StatusActions and Crm360StatusMessages: what the status page may do, and show. */
int crm360_location_status_actions(const crm360_location_t *location);
int crm360_location_status_messages(const crm360_location_t *location);

/* Crm360HelpMount: the path without '/' at its end; "" is the root of the site. */
#define CRM360_DEFAULT_MOUNT "/ProcessManagement/Connector/Standard"
const char *crm360_location_help_mount(const crm360_location_t *location);

/* Checks what no single directive can: that limits nest (connect < command < handler < lease), that
 * each database has what `reader` needs. NULL, or a text in `pool` that names the directives, with
 * "file:line: " of the section in front when a database is at fault. */
const char *crm360_config_check(const crm360_config_t *config, unsigned reader, apr_pool_t *pool);

/* Reads a whole file in the shared grammar: our server directives and <Crm360Database> sections,
 * comments, quotes, continuation lines; anything else is refused. The result lives in `pool`.
 * CRM360_ECONFIG: *error is "file:line: Directive: what is wrong; what is allowed". Also calls
 * crm360_config_check(). */
apr_status_t crm360_config_read(crm360_config_t **config, const char **error, const char *file,
                                unsigned reader, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* ---- the table, for those who make something from it ---- */

/* What the member that a directive sets is made of; decides how it is created unset and merged. */
typedef enum {
    CRM360_HOLDS_FLAG,     /* int 0 or 1; -1 = unset */
    CRM360_HOLDS_ID,       /* int >= 1; 0 = unset */
    CRM360_HOLDS_LANES,    /* int per lane; -1 = unset; set one by one, merged one by one */
    CRM360_HOLDS_INTERVAL, /* apr_int64_t, microseconds; -1 = unset */
    CRM360_HOLDS_SIZE,     /* apr_int64_t, bytes; -1 = unset */
    CRM360_HOLDS_TEXT,     /* const char *; NULL = unset */
    CRM360_HOLDS_SCHEDULE, /* pointer to a list of intervals; NULL = unset */
    CRM360_HOLDS_ADDRESS,  /* pointer to a crm360_redis_address_t; NULL = unset */
    CRM360_HOLDS_PROGRAMS, /* crm360_by_program_t; `value` NULL = unset; set line by line */
    CRM360_HOLDS_USER,     /* pointer to a crm360_user_t; NULL = unset */
    CRM360_HOLDS_SPOOL,    /* pointer to a crm360_spool_place_t; NULL = unset */
    CRM360_HOLDS_PROVIDER, /* pointer to a crm360_provider_t; NULL = unset */
    CRM360_HOLDS_PATTERNS, /* pointer to an array of texts; NULL = unset */
    CRM360_HOLDS_RATES,    /* crm360_rate_t for each of CRM360_RATES; -1 = unset; as LANES */
    CRM360_HOLDS_WINDOWS,  /* apr_int64_t per scope and route, microseconds; -1 = unset; as LANES */
    CRM360_HOLDS_KEYS,     /* const char * per scope and route; NULL = unset; as LANES */
    CRM360_HOLDS_ORIGINS   /* array of rules per platform, and for all; NULL = unset; as LANES */
} crm360_holds_t;

struct crm360_directive_t {
    const char *name;
    unsigned contexts; /* CRM360_IN_... */
    unsigned readers;  /* CRM360_READ_... */
    int min_args;
    int max_args;             /* -1 = any number */
    const char *syntax;       /* arguments, e.g. "time" or "lane number" */
    const char *default_text; /* "none" when there is no default */
    const char *help;         /* one or two sentences: meaning, unit, range */
    /* Sets it: args are already split; returns NULL or what is wrong and what is allowed. */
    const char *(*set)(const crm360_directive_t *directive, void *target, int argc,
                       const char *const *argv, unsigned reader, apr_pool_t *pool);
    crm360_holds_t holds;
    apr_size_t offset; /* of the member in the target struct */
    apr_int64_t min;   /* range of a number, interval or size; of the length of a text */
    apr_int64_t max;
    const char *const *choices; /* allowed words, ended by NULL; NULL = not a choice */
};

/* Ends with an entry whose name is NULL. */
extern const crm360_directive_t crm360_directives[];

/* Name of the section, as in <Crm360Database customer alias>. */
#define CRM360_SECTION "Crm360Database"

/* Looks a directive up without regard to case (as httpd does); NULL when unknown. */
const crm360_directive_t *crm360_directive_find(const char *name);

/* Applies one directive. `args` is the rest of its line, quotes and all. `target` is the
 * crm360_config_t, crm360_database_t or crm360_location_t that belongs to `context`; `pool` must
 * live as long. A directive given twice to one target is refused (of Crm360Workers: a lane given
 * twice; of those that name a program: one for the same program). NULL, or an error text without
 * file and line, in `pool`: "Directive: what is wrong; what is allowed". */
const char *crm360_directive_apply(const crm360_directive_t *directive, void *target,
                                   unsigned context, unsigned reader, const char *args,
                                   apr_pool_t *pool);

/* Takes the '>' off the end of a section's line: `raw` is what follows the section's name (httpd
 * hands it over with the '>'), *args becomes what stands in front of it, in `pool`. NULL, or an
 * error text: no '>', or something behind it. */
const char *crm360_section_args(const char **args, const char *raw, apr_pool_t *pool);

/* Begins a <Crm360Database customer alias> section in `config`; `args` is what stands between the
 * section's name and '>'. NULL and *database, or an error text (bad name, duplicate of file:line).
 * `pool` must live as long as `config`. */
const char *crm360_database_begin(crm360_database_t **database, crm360_config_t *config,
                                  const char *args, const char *file, int line, apr_pool_t *pool);

/* The --help listing of all directives, in `pool`. */
const char *crm360_directive_help(apr_pool_t *pool);

#endif
