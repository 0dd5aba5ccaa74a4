/*
 * What the files of the httpd module share and nobody else may include. The way of a request:
 * mod_crm360_webhook.c claims it, mod_crm360_hide.c keeps its token out of the logs,
 * mod_crm360_request.c checks it, mod_crm360_limits.c holds it against its limits,
 * mod_crm360_origin.c has it prove where it comes from, mod_crm360_store.c stores it,
 * mod_crm360_events.c knows CloudEvents and content codings, mod_crm360_body.c reads its body,
 * mod_crm360_reply.c writes every answer. Each calls only those named after it. Beside them,
 * mod_crm360_help.c describes all that to whoever asks, and mod_crm360_status*.c show operators how
 * things are; both begin their pages by mod_crm360_reply.c.
 */
#ifndef MOD_CRM360_PRIVATE_H
#define MOD_CRM360_PRIVATE_H

#include <httpd.h>

#include <string.h>

#include "core/api_doc.h"
#include "core/cloudevent.h"
#include "core/config.h"
#include "core/histogram.h"
#include "core/intake.h"
#include "core/params.h"
#include "core/queue.h"
#include "core/rate.h"
#include "core/route.h"
#include "core/spool.h"

typedef struct webhook_help_t webhook_help_t; /* the texts of the help page */

/* Statuses that are counted: all that there are. */
#define WEBHOOK_CODE_FIRST 100
#define WEBHOOK_CODES 500

/* What all databases held when somebody asked last. */
typedef enum {
    WEBHOOK_WAITING,
    WEBHOOK_DUE,
    WEBHOOK_LEASED,
    WEBHOOK_PAUSED,
    WEBHOOK_DEAD,
    WEBHOOK_OLDEST,  /* for how many seconds the first that was due had been so */
    WEBHOOK_SEEN_AT, /* when that was, seconds since 1970; 0 = never */
    WEBHOOK_SIGHTS   /* how many there are */
} webhook_sight_t;

/* What this httpd counts, in memory that all its children share; zeroed is none of all. Changed by
 * atomic operations only (mod_crm360_numbers.c). */
typedef struct webhook_numbers_t {
    apr_uint64_t codes[WEBHOOK_CODES]; /* webhooks answered, by status - WEBHOOK_CODE_FIRST */
    crm360_histogram_t push;           /* storing a message, in Redis or in the spool */
    apr_uint64_t spooled;              /* acknowledged from the spool */
    apr_uint64_t seen[WEBHOOK_SIGHTS];
} webhook_numbers_t;

/* Configuration of one server (the main one or a virtual host). Written while the configuration
 * is read, what is shared in post_config, `queue` and `spool` in child_init; only read
 * afterwards, by any thread. */
typedef struct webhook_server_t {
    crm360_config_t *config;
    int own; /* a directive of ours for a server stands in this very server */
    /* Whose queue and spool it uses: itself when `own`, else the main server. */
    struct webhook_server_t *lender;
    void *health;                  /* shared by all children: what they know about Redis */
    void *spool_state;             /* and about the spool */
    volatile apr_uint32_t *unseen; /* and whether the status pages may look: 1 = Redis refuses it */
    /* Likewise the rates, the same for all servers: by the number of a database an array of
     * CRM360_PLATFORMS; NULL where it has no limit. */
    crm360_rate_slot_t **rates;
    /* And when webhooks of a database were refused last, by webhook_hold_t; seconds, 0 = not for a
     * while. */
    apr_uint64_t *holds;
    crm360_queue_t *queue;      /* NULL: could not be made in this child */
    crm360_spool_t *spool;      /* NULL: none is configured */
    webhook_help_t *help;       /* the same for all */
    webhook_numbers_t *numbers; /* likewise */
    const char *status_key;     /* likewise, of WEBHOOK_KEY_BYTES: with it forms are known again */
} webhook_server_t;

/* The target of a request in origin form (path and query), otherwise as it came: not decoded. */
static inline const char *webhook_target(const request_rec *r)
{
    const char *target = r->unparsed_uri;
    const char *authority = *target == '/' ? NULL : strstr(target, "://");
    const char *path = authority ? strchr(authority + 3, '/') : NULL;

    return path ? path : target;
}

/* A webhook on its way. */
typedef struct webhook_t {
    request_rec *r;
    const webhook_server_t *server;
    const crm360_location_t *location;
    const char *query; /* as it came, NULL = none; r->args lacks the value of `token` */
    const char *values[CRM360_PATH_VALUES];
    crm360_process_t process;
    crm360_reply_kind_t reply; /* how errors are told; known as soon as the platform is */
    const crm360_database_t *database;
    const crm360_route_t *route;
    crm360_params_t params;
    const char *origin; /* what proved where it comes from, as it is stored; NULL = not yet */
    const char *trace;  /* W3C traceparent; NULL = none */
    const crm360_cloudevent_t *event; /* NULL = it is none */
    int structured;                   /* an event whose data is not the body, but stands in it */
    int body_begun;                   /* its body is being read, or has been */
    int spool_full;                   /* neither Redis nor the spool took it */
} webhook_t;

/* ---- mod_crm360_request.c ---- */

/* Answers a claimed request, in full, by the configuration of its server and its location; `query`
 * is that of webhook_claim_t. Returns what a handler returns: OK, or what httpd must finish. */
int webhook_request(request_rec *r, const webhook_server_t *server,
                    const crm360_location_t *location, const char *query);

/* ---- mod_crm360_hide.c ---- */

/* Replaces the value of each `token` parameter in all that httpd writes a request into logs and
 * pages from: request line, query, URI, Referer, and the same of the requests it was redirected
 * from. Sets the note crm360-target, which has no value of a parameter
 * that could be about a person. Returns the query as it was, NULL when there is none. */
const char *webhook_hide_tokens(request_rec *r);

/* ---- mod_crm360_body.c ---- */

/* A body in memory with room in front of it, so that the head of the stored message can be put
 * there without moving the body. */
typedef struct webhook_body_t {
    char *block;        /* room, then body */
    apr_size_t room;    /* bytes in front of the body */
    apr_size_t len;     /* of the body */
    apr_size_t size;    /* most bytes of body that the block holds */
    int undecoded;      /* it came whole, and a filter could not decode it */
    apr_pool_t *holder; /* of the block */
    apr_pool_t *pool;   /* of the request */
} webhook_body_t;

/* Registers what reading a body needs; once, where hooks are registered. */
void webhook_body_register(void);

/* Reads the whole body of `r`, at most `most` bytes, into r->pool. OK, an HTTP status (413 when
 * it is larger, without having read on), or AP_FILTER_ERROR when a filter has answered already. */
int webhook_body_read(webhook_body_t *body, request_rec *r, apr_off_t most);

/* How much of a body that nobody wants is worth reading, bytes: a new connection costs more. */
#define WEBHOOK_BODY_SPARE 16384

/* For an answer to come before the body, if there is one, has been read: it must not hold the
 * answer up. httpd would read it to its end before it sends a byte, to find the next request; when
 * it may have more than `most` bytes the connection ends instead. */
void webhook_body_leave(request_rec *r, apr_off_t most);

/* Puts `head` in front of the body and returns where it begins: head_len + body->len bytes. */
const char *webhook_body_prepend(webhook_body_t *body, const char *head, apr_size_t head_len);

/* ---- mod_crm360_origin.c ---- */

/* Steps of a webhook whose database and route are known. The first comes before its body is read:
 * proofs that need none, and whatever shows already that there is no proof (401). The second takes
 * the bytes of the body as they came. */
int webhook_origin_head(webhook_t *webhook);
int webhook_origin_body(webhook_t *webhook, webhook_body_t *body);

/* Warns at the start of sections that have no Crm360Origin, for each of their webhooks is refused,
 * and of secrets that can be guessed. */
void webhook_origin_warn(const server_rec *s, const crm360_config_t *config);

/* ---- mod_crm360_events.c ---- */

/* The trace that a request belongs to, NULL when it says none; notes its id for httpd's log, also
 * of a request that is refused. */
const char *webhook_trace(request_rec *r);

/* Refuses a content coding (415) that no filter of this location can undo, before the body is read;
 * and one that no filter has undone, afterwards. */
int webhook_check_encoding(webhook_t *webhook);
int webhook_check_decoded(webhook_t *webhook);

/* When the request is a CloudEvent, checks its attributes (400, 415) and sets webhook->event. */
int webhook_check_event(webhook_t *webhook, webhook_body_t *body);

/* What a handler will get for a body: the body, or the data of a structured event. NULL when that
 * is too long for somebody who looks at no more than `most` bytes; otherwise it may be longer all
 * the same. */
const char *webhook_content(apr_size_t *len, webhook_t *webhook, webhook_body_t *body,
                            apr_size_t most);

/* Who asks with OPTIONS whether he may send events (HTTP Webhook 4.1.2): a DNS name; NULL when
 * nobody does. */
const char *webhook_asking_origin(const request_rec *r);

/* How many requests a minute are allowed to the callers of this route: a number, or "*". */
const char *webhook_allowed_rate(const webhook_t *webhook);

/* ---- mod_crm360_limits.c ---- */

/* Largest body that a webhook of these parameters may have in its location, bytes. */
apr_off_t webhook_body_most(const webhook_t *webhook);

/* Steps: header fields and parameters are no more than the location takes; the rate of its platform
 * and database is not used up; and one is taken from it, which comes when nothing else speaks
 * against the caller. */
int webhook_check_sizes(webhook_t *webhook);
int webhook_peek_rate(webhook_t *webhook);
int webhook_take_rate(webhook_t *webhook);

/* Why webhooks of a database are refused that another time would be taken. */
typedef enum {
    WEBHOOK_HOLD_RATE,
    WEBHOOK_HOLD_FULL,
    WEBHOOK_HOLD_BROKEN,
    WEBHOOK_HOLDS /* how many there are */
} webhook_hold_t;

/* Tells the log that webhooks of this database are refused, once when it begins; and that they are
 * taken, once when it has been over for a minute. */
void webhook_hold_begins(const webhook_t *webhook, webhook_hold_t hold);
void webhook_hold_ends(const webhook_t *webhook, webhook_hold_t hold);

/* For who has a line of his own for the beginning: 1 when it has just begun. */
int webhook_hold_is_news(const webhook_t *webhook, webhook_hold_t hold);

/* How many bytes of shared memory the limits of these databases need; and handing it, zeroed, out:
 * `rates` and `holds` of the main server, with what lives in `pool`. */
apr_size_t webhook_limits_size(const crm360_config_t *config);
void webhook_limits_make(webhook_server_t *server, void *memory, apr_pool_t *pool);

/* ---- mod_crm360_numbers.c ---- */

/* The memory for what is counted: that of before a graceful restart, or a new one. Once at each
 * start. */
apr_status_t webhook_numbers_make(webhook_numbers_t **numbers, const server_rec *main_server,
                                  apr_pool_t *scratch) __attribute__((warn_unused_result));

/* A webhook was answered; and one was stored, in Redis or in the spool. Any thread. */
void webhook_numbers_answered(webhook_numbers_t *numbers, int status);
void webhook_numbers_stored(webhook_numbers_t *numbers, apr_interval_time_t took, int spooled);

/* Notes what all databases hold now; seen[WEBHOOK_SEEN_AT] is set here. Any thread. */
void webhook_numbers_see(webhook_numbers_t *numbers, const apr_uint64_t *seen);

/* ---- mod_crm360_status.c ---- */

/* Answers a request to a location with SetHandler crm360-status: the pages of numbers, and what is
 * done by their forms. Returns what a handler returns; DECLINED when another handler is set. */
int webhook_status(request_rec *r, const webhook_server_t *server,
                   const crm360_location_t *location);

/* ---- mod_crm360_status_token.c ---- */

#define WEBHOOK_KEY_BYTES 32

/* A new key for the forms of the status page, in `pool`; NULL when there are no random numbers:
 * then no form is taken. Once at each start. */
const char *webhook_status_key(apr_pool_t *pool);

/* ---- mod_crm360_status_server.c ---- */

/* Registers the section in the page of mod_status; where hooks are registered. */
void webhook_server_status_register(void);

/* ---- mod_crm360_store.c ---- */

/* Makes a message of a request that is found good, stores it and answers. */
void webhook_store(webhook_t *webhook, webhook_body_t *body);

/* ---- mod_crm360_reply.c ---- */

/* What can be wrong; the table in mod_crm360_reply.c has status, type and title of each. */
typedef enum {
    PROBLEM_BAD_PARAMETER, /* the first: the help page shows it */
    PROBLEM_BAD_FIELD,
    PROBLEM_UNKNOWN_PATH,
    PROBLEM_UNKNOWN_CUSTOMER,
    PROBLEM_UNKNOWN_DATABASE,
    PROBLEM_UNKNOWN_ROUTE,
    PROBLEM_METHOD,
    PROBLEM_ORIGIN,
    PROBLEM_MAIL,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_BODY_TIMEOUT,
    PROBLEM_BODY_BROKEN,
    PROBLEM_ENCODING,
    PROBLEM_MEDIA_TYPE,
    PROBLEM_EVENT,
    PROBLEM_KEY_REUSED,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_TOO_MANY_PARAMETERS,
    PROBLEM_RATE_LIMITED,
    PROBLEM_QUEUE_FULL,
    PROBLEM_UNSAFE,
    PROBLEM_AWAY,
    PROBLEMS /* how many there are */
} webhook_problem_t;

/* Each of them; at PROBLEMS the end that crm360_api_t wants. */
extern const crm360_api_problem_t webhook_problems[PROBLEMS + 1];

/* Answers with problem+json, or with the text ERROR for CRM360_REPLY_TEXT. `parameter` names the
 * one at fault, NULL = none. `detail` is for the caller: valid UTF-8 or not, it is made safe
 * here. Returns OK: the answer is ours, and no ErrorDocument of the site takes its place. */
int webhook_reply_problem(request_rec *r, crm360_reply_kind_t kind, webhook_problem_t problem,
                          const char *parameter, const char *detail);

/* The same for a webhook on its way. Each step of it returns 1 to go on, or 0 when the request has
 * been answered: returns 0. */
int webhook_refuse(webhook_t *webhook, webhook_problem_t problem, const char *parameter,
                   const char *detail);

/* The same for what core/intake.h has found. */
int webhook_refuse_fault(webhook_t *webhook, const crm360_fault_t *fault);

/* The same with Retry-After, in seconds. */
int webhook_refuse_for(webhook_t *webhook, webhook_problem_t problem, int seconds,
                       const char *detail);

/* Begins a page for people: OK, its method and header fields being fine, or 405. `caching` and
 * `policy` are Cache-Control and Content-Security-Policy; both live as long as the request. */
int webhook_begin_page(request_rec *r, const char *caching, const char *policy);

/* Answers that the message is stored, now or before. Returns OK. */
int webhook_reply_stored(request_rec *r, crm360_reply_kind_t kind, const crm360_receipt_t *receipt);

/* Answers OPTIONS. `origin`: whom the sending of events is allowed to, at `rate` (HTTP Webhook
 * 4.2); NULL = nobody has asked. Returns OK. */
int webhook_reply_options(request_rec *r, const char *origin, const char *rate);

/* ---- mod_crm360_help.c ---- */

/* Makes the texts of the help page, once at each start; in `pool`, with `scratch` for a while. */
webhook_help_t *webhook_help_make(apr_pool_t *pool, apr_pool_t *scratch);

/* Answers a request to a location with SetHandler crm360-help: the page, or openapi.json when the
 * path ends so. Returns what a handler returns; DECLINED when another handler is set. */
int webhook_help(request_rec *r, const webhook_help_t *help, const crm360_location_t *location);

#endif
