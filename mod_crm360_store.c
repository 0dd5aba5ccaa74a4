/*
 * The second half of the way of a webhook: from a request that was found good to the queue, or to
 * the spool, and to its receipt. Must never answer with success before queue or spool have
 * confirmed.
 */
#include "mod_crm360_private.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

#include "core/clock.h"
#include "core/dedup.h"
#include "core/log.h"
#include "core/message.h"

APLOG_USE_MODULE(crm360_webhook);

/* ---- message ---- */

/* Authority of the request without credentials: of the target when it has one (RFC 9112 3.2.2),
 * else the Host field. */
static const char *host_of(const request_rec *r)
{
    const char *host = r->parsed_uri.hostinfo;
    const char *at = host ? strrchr(host, '@') : NULL;

    return at ? at + 1 : host ? host : apr_table_get(r->headers_in, "Host");
}

/* Fills in what is stored. The defaults of the database's section are not written into it: whoever
 * handles the message applies those of that day. */
static void fill_message(crm360_message_t *message, const webhook_t *webhook, const char *id,
                         apr_time_t now)
{
    request_rec *r = webhook->r;

    memset(message, 0, sizeof(*message));
    message->id = id;
    message->received = now;
    message->customer = webhook->database->customer;
    message->database = webhook->database->alias;
    message->route = webhook->route;
    message->source_id = webhook->params.source_id;
    message->zone_id = webhook->params.zone_id;
    message->brand_id = webhook->params.brand_id;
    message->contact_address_type_id = webhook->params.contact_address_type_id;
    message->batch_mode = webhook->params.batch_mode;
    message->email = webhook->params.email;
    message->peer = r->useragent_ip;
    message->origin = webhook->origin;
    message->trace = webhook->trace;
    message->method = r->method;
    message->target = webhook_target(r);
    message->host = host_of(r);
    message->headers = r->headers_in;
}

/* ---- storing ---- */

static void away(webhook_t *webhook)
{
    webhook_refuse(webhook, PROBLEM_AWAY, NULL,
                   webhook->spool_full
                       ? "The webhook could not be stored now: the queue is out of reach, "
                         "and its spool is full. Send it again later."
                       : "The webhook could not be stored now. Send it again later.");
}

static void note_push(request_rec *r, const crm360_receipt_t *receipt, apr_interval_time_t took)
{
    apr_table_setn(r->notes, "crm360-push-us", apr_psprintf(r->pool, "%" APR_TIME_T_FMT, took));
    if (receipt->queue) {
        apr_table_setn(r->notes, "crm360-queue", receipt->queue);
    }
    if (receipt->duplicate) {
        apr_table_setn(r->notes, "crm360-id", receipt->id);
    }
}

/* Answers for a push that has failed. */
static void not_stored(webhook_t *webhook, const crm360_push_t *job, apr_status_t rv,
                       const char *detail)
{
    request_rec *r = webhook->r;

    detail = detail ? detail : "no detail";
    if (rv == CRM360_EREUSED) {
        webhook_refuse(webhook, PROBLEM_KEY_REUSED, "Idempotency-Key",
                       "This key came before with another content. Nothing was stored.");
        return;
    }
    if (rv == CRM360_EFULL) {
        webhook_hold_begins(webhook, WEBHOOK_HOLD_FULL);
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "%s not stored: %s", job->id, detail);
        webhook_refuse(webhook, PROBLEM_QUEUE_FULL, NULL,
                       "As many webhooks of this database wait as are allowed "
                       "(Crm360WaitingMost, Crm360WaitingBytes). Send it again later.");
        return;
    }
    if (rv == CRM360_EAWAY || rv == CRM360_EREFUSED || rv == CRM360_EUNSAFE) {
        /* The queue logs when that begins and when it ends. */
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "%s not stored: %s", job->id, detail);
    }
    else {
        /* Our own status values mean nothing to httpd's log; the detail says it. */
        ap_log_rerror(APLOG_MARK,
                      webhook_hold_is_news(webhook, WEBHOOK_HOLD_BROKEN) ? APLOG_ERR : APLOG_INFO,
                      0, r, CRM360_LOGNO(0206) "%s not stored, answering 503: %s", job->id, detail);
    }
    if (rv == CRM360_EUNSAFE) {
        webhook_refuse(webhook, PROBLEM_UNSAFE, NULL,
                       job->durability == CRM360_ON_REPLICA
                           ? "This location wants webhooks in two servers before it answers with "
                             "success (replica), and the second one has not confirmed. Send it "
                             "again later."
                           : "This location wants webhooks on a disk before it answers with "
                             "success (fsync), and the queue keeps them in memory now. Send it "
                             "again later.");
        return;
    }
    away(webhook);
}

/* Puts what Redis, asked at `began`, did not take for the reason `why` into the spool, or took
 * while it has no replica that a location demands, as for the seconds after a failover:
 * APR_SUCCESS and the receipt, or `why` again when there is no spool or it does not take it
 * either. Redis may have it all the same, when it did not say so in time: the id is the same,
 * and the second one changes nothing. */
static apr_status_t put_into_spool(webhook_t *webhook, const crm360_push_t *job, apr_status_t why,
                                   apr_time_t began, crm360_receipt_t *receipt)
{
    crm360_spool_t *spool = webhook->server->lender->spool;
    const char *detail = receipt->detail ? receipt->detail : "no detail";
    apr_status_t rv;

    if (!spool || (why != CRM360_EAWAY && why != CRM360_EREFUSED && why != CRM360_EPROTOCOL &&
                   !(why == CRM360_EUNSAFE && job->durability == CRM360_ON_REPLICA))) {
        return why;
    }
    rv = crm360_spool_put(receipt, spool, job, began, webhook->r->pool);
    if (rv == APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, webhook->r, "%s spooled: %s", job->id, detail);
        return APR_SUCCESS;
    }
    receipt->detail = apr_pstrcat(webhook->r->pool, detail, "; ", receipt->detail, NULL);
    webhook->spool_full = rv == CRM360_EREFUSED;
    return why;
}

static void push(webhook_t *webhook, const crm360_push_t *job)
{
    request_rec *r = webhook->r;
    crm360_queue_t *queue = webhook->server->lender->queue;
    apr_time_t began = crm360_clock();
    crm360_receipt_t receipt = {.detail = "no access to the queue"};
    apr_status_t rv = CRM360_EAWAY; /* child_init has logged why there is no queue */
    apr_interval_time_t took;

    if (queue) {
        rv = crm360_queue_push(&receipt, queue, job, r->pool);
    }
    if (rv != APR_SUCCESS) {
        rv = put_into_spool(webhook, job, rv, began, &receipt);
    }
    took = crm360_clock() - began;
    note_push(r, &receipt, took);
    if (rv == APR_SUCCESS) {
        webhook_numbers_stored(webhook->server->numbers, took,
                               receipt.durability == CRM360_IN_SPOOL);
        webhook_hold_ends(webhook, WEBHOOK_HOLD_FULL);
        webhook_hold_ends(webhook, WEBHOOK_HOLD_BROKEN);
        webhook_reply_stored(r, webhook->reply, &receipt);
    }
    else {
        not_stored(webhook, job, rv, receipt.detail);
    }
}

/* How this delivery is known again; 0 when the request has been answered. */
static int find_dedup(webhook_t *webhook, crm360_dedup_t *dedup, const crm360_message_t *message)
{
    crm360_dedup_rule_t rule = crm360_config_dedup(webhook->server->config, webhook->route);
    const char *fault;
    apr_status_t rv = crm360_dedup_find(dedup, &fault, &rule, message, webhook->event,
                                        webhook->process == CRM360_EMAIL_PROCESS, webhook->r->pool);

    if (rv == APR_EINVAL) {
        return webhook_refuse(webhook, PROBLEM_BAD_PARAMETER, "Idempotency-Key", fault);
    }
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, webhook->r,
                      CRM360_LOGNO(0207) "no digest of a webhook, answering 503");
        away(webhook);
    }
    return rv == APR_SUCCESS;
}

void webhook_store(webhook_t *webhook, webhook_body_t *body)
{
    request_rec *r = webhook->r;
    apr_time_t now = apr_time_now();
    const char *id = crm360_message_id(webhook->route, now, r->pool);
    crm360_message_t message;
    crm360_push_t job;
    const char *head;
    apr_size_t head_len;

    if (!id) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      CRM360_LOGNO(0205) "no random numbers for a message id, answering 503");
        away(webhook);
        return;
    }
    fill_message(&message, webhook, id, now);
    message.body = webhook_body_prepend(body, "", 0);
    message.body_len = body->len;
    if (!find_dedup(webhook, &job.dedup, &message)) {
        return;
    }
    message.dedup = job.dedup.hash;
    crm360_message_head(&head, &head_len, &message, r->pool);
    crm360_intake_push(&job, &message, &webhook->params, webhook->process, webhook->database,
                       r->pool);
    apr_table_setn(r->notes, "crm360-id", job.id);
    job.message = webhook_body_prepend(body, head, head_len);
    job.message_len = head_len + body->len;
    job.durability = crm360_location_durability(webhook->location);
    push(webhook, &job);
}
