/*
 * What the files of the status pages share and nobody else may include. The way of a request:
 * mod_crm360_status.c answers it, -_gather.c and -_places.c gather what there is to show. It is
 * written as HTML by -_overview.c and -_health.c, -_database.c and -_list.c, -_message.c, by means
 * of -_html.c and -_chart.c; as JSON by -_json.c; for Prometheus by -_metrics.c. A form is read by
 * -_form.c, which knows it by -_token.c, and obeyed by -_action.c. -_server.c is for the page of
 * mod_status.
 */
#ifndef MOD_CRM360_STATUS_H
#define MOD_CRM360_STATUS_H

#include "mod_crm360_private.h"

#include "core/queue_consumers.h"
#include "core/queue_history.h"
#include "core/queue_reasons.h"
#include "core/queue_status.h"
#include "core/redis_audit.h"

/* Databases on one page: Redis is asked some things about each. */
#define STATUS_PAGE 100
#define STATUS_PAGES_MOST 1000000
/* Messages on one page; a form may name all of them. */
#define STATUS_LIST 50
/* Dead letters whose reasons are looked at, the newest, and likewise of what is tried again. */
#define STATUS_REASONS 1000
#define STATUS_RETRIED 300
/* A crm360d that was not heard of for so long does not run, microseconds: it beats every 5 s. */
#define STATUS_SILENT (15 * APR_USEC_PER_SEC)

/* What a <Location> sets, for show. */
typedef struct status_place_t {
    const char *path;
    const crm360_location_t *location;
} status_place_t;

/* How fast a platform may send to a database, and does. */
typedef struct status_rate_t {
    int platform;
    crm360_rate_t rate;
    int used; /* of rate.number, now */
    apr_uint64_t refused;
} status_rate_t;

typedef struct status_row_t {
    const crm360_database_t *database;
    const crm360_keys_t *keys;
    crm360_waiting_limits_t most;
    crm360_status_t is;         /* when Redis answers */
    crm360_lane_status_t lanes; /* all lanes together: a lane that cannot be read is left out */
    int odd;                    /* there is such a lane: a key of another type stands there */
    apr_array_header_t *rates;  /* status_rate_t */
} status_row_t;

/* The spool of this host. */
typedef struct status_spool_t {
    int there; /* one is configured */
    int known; /* the next two are */
    apr_int64_t files;
    apr_int64_t bytes;
    apr_int64_t limit;
} status_spool_t;

/* All that is shown. Everything lives in the pool of the request. */
typedef struct status_t {
    request_rec *r;
    const webhook_server_t *server;
    int actions;        /* Crm360StatusActions */
    int messages;       /* Crm360StatusMessages */
    const char *filter; /* what customer/alias begins with; "" = all */
    int page;           /* from 1 */
    int pages;
    int matching; /* databases that fit the filter */
    int count;    /* rows */
    status_row_t *rows;
    crm360_lane_status_t lanes[CRM360_LANES]; /* of all rows together */
    crm360_lane_status_t all;                 /* of all lanes */
    apr_int64_t dead;
    int answers;                      /* Redis does */
    int refused;                      /* it is there, and does not let the queues be looked at */
    apr_time_t now;                   /* its clock; that of this host without an answer */
    const apr_array_header_t *places; /* status_place_t: those that take webhooks */
    int minutes;                      /* of `history`; 0 = not known */
    crm360_history_t *history;
    const crm360_heartbeat_t *beats; /* of crm360d; NULL = not known; likewise the next two */
    int beat_count;
    const crm360_redis_audit_t *audit;
    const crm360_reasons_t *reasons;
    status_spool_t spool;
    apr_pool_t *turn; /* of the metrics: what one database needs */
} status_t;

/* ---- mod_crm360_status_places.c ---- */

/* The locations of a server that take webhooks, each as httpd would merge it: status_place_t. */
apr_array_header_t *status_places(const server_rec *s, apr_pool_t *pool);

/* ---- mod_crm360_status_gather.c ---- */

/* The databases of the page that is asked for, or of all pages; and their numbers. Without an
 * answer of Redis what this server knows itself. */
void status_gather(status_t *status, int all_pages);

/* The database of "customer/alias", in any case; NULL = there is none. */
const crm360_database_t *status_database_named(const status_t *status, const char *name);

/* The one row of a database page. */
void status_gather_one(status_t *status, const crm360_database_t *database);

/* What else an overview shows: the last `minutes`, crm360d, how Redis is set up, the spool; and why
 * messages of the rows failed. What cannot be had stays unknown. */
void status_gather_health(status_t *status);
void status_gather_history(status_t *status, int minutes);
void status_gather_reasons(status_t *status);

/* The first parameter of that name in a query or form, decoded; NULL = none. Bytes stay as they
 * are: ids in Redis may have any. */
const char *status_param(const char *query, const char *name, apr_pool_t *pool);

/* The same as a number within these bounds; `otherwise` when it is none. */
apr_int64_t status_param_number(const char *query, const char *name, apr_int64_t least,
                                apr_int64_t most, apr_int64_t otherwise, apr_pool_t *pool);

/* ---- mod_crm360_status_html.c ---- */

/* The header fields of a page: its policy knows its style by the hash. */
const char *status_policy(apr_pool_t *pool);

/* The beginning of every page, and its end. `where` is the rest of its heading, text; NULL = the
 * overview. */
void status_html_begin(const status_t *status, const char *where);
void status_html_end(const status_t *status);

/* `text` for HTML: valid UTF-8, control characters made visible. In `pool`, as all of these. */
const char *status_escaped(const char *text, apr_pool_t *pool);

/* Whether a text comes back from a form as it is. An id in Redis may have any bytes. */
int status_is_plain(const char *text, apr_pool_t *pool);

/* A number with separators, "?" when it is negative; a size; a span of time; a moment, as an
 * element that says how long ago it is, or how long until then: "never" at 0. */
const char *status_number(apr_int64_t number, apr_pool_t *pool);
const char *status_size(apr_int64_t bytes, apr_pool_t *pool);
const char *status_span(apr_interval_time_t span, apr_pool_t *pool);
const char *status_moment(apr_time_t when, apr_time_t now, apr_pool_t *pool);
/* The same, and the moment itself beside it. */
const char *status_moment_full(apr_time_t when, apr_time_t now, apr_pool_t *pool);

/* A query for href: pairs of name and value, ended by NULL; pairs whose value is NULL are left
 * out. Escaped for an attribute. */
const char *status_link(apr_pool_t *pool, ...) __attribute__((sentinel));
/* The same, not escaped for HTML: for Location. */
const char *status_query(apr_pool_t *pool, ...) __attribute__((sentinel));

/* A table in a box that scrolls. A title that begins with '<' belongs to a column of text. The list
 * of titles ends with NULL. */
void status_table_begin(request_rec *r, const char *caption, const char *const *titles);
void status_table_end(request_rec *r);

/* A cell: how much of a limit is used, as text and, where there is one, as a bar with a name. */
void status_used_cell(request_rec *r, const char *name, apr_int64_t used, const char *used_text,
                      apr_int64_t most, const char *most_text);

/* The cells of a lane's numbers: waiting, due, leased, paused, oldest due. */
void status_lane_cells(request_rec *r, const crm360_lane_status_t *lane, apr_time_t now);

/* A form that acts, with what every one holds; only where actions are allowed. Ended by </form>. */
void status_form_begin(const status_t *status, const char *database, const char *class_name);

/* ---- mod_crm360_status_chart.c ---- */

/* What is where over time, as lines, with a table for who does not see them. */
void status_charts(const status_t *status);

/* ---- mod_crm360_status_overview.c, -_health.c, -_database.c, -_list.c, -_message.c ---- */

/* Write the whole page. */
void status_overview(const status_t *status);
void status_database(const status_t *status);
void status_message(const status_t *status, const char *id);

/* Parts of both: who holds what (crm360_holder_t), and failures by reason. */
void status_holders(const status_t *status);
void status_failures(const status_t *status);

/* Whether a crm360d runs, by its heartbeat. */
int status_is_alive(const status_t *status, const crm360_heartbeat_t *beat);

/* What runs, how Redis is set up, the spool, and what this httpd counts. */
void status_health(const status_t *status);

/* The messages that a database page lists. */
void status_list(const status_t *status, const status_row_t *row);

/* ---- mod_crm360_status_json.c, -_metrics.c ---- */

void status_json(const status_t *status);
void status_metrics(const status_t *status);

/* ---- mod_crm360_status_token.c ---- */

/* A seal of this request's caller for a purpose, in the request's pool; "" when there is no key.
 * And whether what he shows is one. */
const char *status_seal(request_rec *r, const webhook_server_t *server, const char *purpose);
int status_seal_fits(request_rec *r, const webhook_server_t *server, const char *purpose,
                     const char *shown);

/* What forms are sealed for. */
#define STATUS_FORM "form"

/* ---- mod_crm360_status_form.c ---- */

/* What a form says. */
typedef struct status_form_t {
    const char *text; /* name=value&... */
    const crm360_keys_t *keys;
    const char *what; /* to pause or resume; NULL = nothing that can be */
    int count;        /* of messages */
    const char *ids[CRM360_ADMIN_MOST];
} status_form_t;

/* Reads a form that may act. 0 when it may not, or says nothing that can be done: then it has been
 * answered, and *code is what a handler returns. */
int status_form_read(status_form_t *form, int *code, const status_t *status);

/* Answers that nothing was done. Returns OK. */
int status_refuse(request_rec *r, int code, const char *why);

/* ---- mod_crm360_status_action.c ---- */

/* Does what a form says. Returns what a handler returns. */
int status_act(status_t *status);

/* What a form did that has led to this page, as a line of text: the query tells it, and a seal
 * proves it. NULL = none. */
const char *status_done(const status_t *status);

#endif
