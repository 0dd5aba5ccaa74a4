/*
 * What the files of the httpd module share and nobody else may include. The way of a request:
 * mod_crm360_webhook.c claims it, mod_crm360_request.c checks and stores it, mod_crm360_body.c
 * reads its body, mod_crm360_reply.c writes every answer. Each calls only those named after it.
 */
#ifndef MOD_CRM360_PRIVATE_H
#define MOD_CRM360_PRIVATE_H

#include <httpd.h>

#include <string.h>

#include "core/config.h"
#include "core/params.h"
#include "core/queue.h"
#include "core/route.h"
#include "core/spool.h"

/* Configuration of one server (the main one or a virtual host). Written while the configuration
 * is read, what is shared in post_config, `queue` and `spool` in child_init; only read
 * afterwards, by any thread. */
typedef struct webhook_server_t {
    crm360_config_t *config;
    int own; /* a directive of ours for a server stands in this very server */
    /* Whose queue and spool it uses: itself when `own`, else the main server. */
    struct webhook_server_t *lender;
    void *health;          /* shared by all children: what they know about Redis */
    void *spool_state;     /* and about the spool */
    crm360_queue_t *queue; /* NULL: could not be made in this child */
    crm360_spool_t *spool; /* NULL: none is configured */
} webhook_server_t;

/* The target of a request in origin form (path and query), otherwise as it came: not decoded. */
static inline const char *webhook_target(const request_rec *r)
{
    const char *target = r->unparsed_uri;
    const char *authority = *target == '/' ? NULL : strstr(target, "://");
    const char *path = authority ? strchr(authority + 3, '/') : NULL;

    return path ? path : target;
}

/* ---- mod_crm360_request.c ---- */

/* Whether one segment of a path is QueueProcess or EmailProcess, in any case. *process may be
 * NULL. */
int webhook_process_named(crm360_process_t *process, const char *segment, apr_size_t len);

/* Answers a claimed request, in full, by the configuration of its server and its location. Returns
 * what a handler returns: OK, or what httpd must finish. */
int webhook_request(request_rec *r, const webhook_server_t *server,
                    const crm360_location_t *location);

/* ---- mod_crm360_body.c ---- */

/* A body in memory with room in front of it, so that the head of the stored message can be put
 * there without moving the body. */
typedef struct webhook_body_t {
    char *block;        /* room, then body */
    apr_size_t room;    /* bytes in front of the body */
    apr_size_t len;     /* of the body */
    apr_size_t size;    /* most bytes of body that the block holds */
    apr_pool_t *holder; /* of the block */
    apr_pool_t *pool;   /* of the request */
} webhook_body_t;

/* Registers what reading a body needs; once, where hooks are registered. */
void webhook_body_register(void);

/* Reads the whole body of `r`, at most `most` bytes, into r->pool. OK, an HTTP status (413 when
 * it is larger, without having read on), or AP_FILTER_ERROR when a filter has answered already. */
int webhook_body_read(webhook_body_t *body, request_rec *r, apr_off_t most);

/* Puts `head` in front of the body and returns where it begins: head_len + body->len bytes. */
const char *webhook_body_prepend(webhook_body_t *body, const char *head, apr_size_t head_len);

/* ---- mod_crm360_reply.c ---- */

/* What can be wrong; the table in mod_crm360_reply.c has status, type and title of each. */
typedef enum {
    PROBLEM_BAD_PARAMETER,
    PROBLEM_BAD_FIELD,
    PROBLEM_UNKNOWN_PATH,
    PROBLEM_UNKNOWN_CUSTOMER,
    PROBLEM_UNKNOWN_DATABASE,
    PROBLEM_UNKNOWN_ROUTE,
    PROBLEM_METHOD,
    PROBLEM_MAIL,
    PROBLEM_BODY_TOO_LARGE,
    PROBLEM_BODY_TIMEOUT,
    PROBLEM_BODY_BROKEN,
    PROBLEM_KEY_REUSED,
    PROBLEM_UNSAFE,
    PROBLEM_AWAY
} webhook_problem_t;

/* Answers with problem+json, or with the text ERROR for CRM360_REPLY_TEXT. `parameter` names the
 * one at fault, NULL = none. `detail` is for the caller: valid UTF-8 or not, it is made safe
 * here. Returns OK: the answer is ours, and no ErrorDocument of the site takes its place. */
int webhook_reply_problem(request_rec *r, crm360_reply_kind_t kind, webhook_problem_t problem,
                          const char *parameter, const char *detail);

/* Answers that the message is stored, now or before. Returns OK. */
int webhook_reply_stored(request_rec *r, crm360_reply_kind_t kind, const crm360_receipt_t *receipt);

/* Answers OPTIONS. Returns OK. */
int webhook_reply_options(request_rec *r);

#endif
