/*
 * WebhookSends: one row for each command that was, or is being, carried out. The intent is
 * committed before the provider is called, the outcome after it, so that a crash in between is
 * seen: then nobody knows what became of the call, and a person decides. For the worker of lane
 * `send`, crm360ctl, and the handlers of delivery reports.
 */
#ifndef CRM_SEND_H
#define CRM_SEND_H

#include "crm/db.h"
#include "crm/event.h"

/* WebhookSends.State */
typedef enum {
    CRM_SEND_NONE,      /* no row */
    CRM_SEND_CALLING,   /* the provider is being called, or the caller has died */
    CRM_SEND_SENT,      /* the provider has it */
    CRM_SEND_REFUSED,   /* the provider did not take it, and will not */
    CRM_SEND_FAILED,    /* the provider did not take it; another try may go better */
    CRM_SEND_UNCERTAIN, /* nobody knows */
    CRM_SEND_RESEND     /* nobody knows, and a person has said: send it again */
} crm_send_state_t;

typedef struct crm_send_t {
    const char *kind;      /* "mail", "sms" or "wallet" */
    const char *provider;  /* its kind, or "outbox" */
    const char *recipient; /* mail address (the first of several), or E.164; NULL = none */
    int contact_id;        /* 0 = none known */
    const char *detail;    /* JSON: what else is to be known, NULL = nothing */
} crm_send_t;

/* What became of a call. */
typedef struct crm_send_outcome_t {
    crm_send_state_t state;
    const char *reference; /* the provider's id; NULL = none */
    const char *code;      /* the provider's result code; NULL = none */
    const char *reason;    /* NULL = none */
} crm_send_outcome_t;

/* Where a message stands. */
typedef struct crm_send_past_t {
    crm_send_state_t state;
    int attempt;          /* how many calls were begun */
    const char *provider; /* whom the last one called, as crm_send_t; NULL = nobody */
    const char *reason;   /* of the last outcome; NULL = none */
} crm_send_past_t;

/* Says where a message stands, in `pool`. Its row is locked until the transaction ends. */
apr_status_t crm_send_find(crm_send_past_t *past, crm_db_t *db, const char *message_id,
                           apr_pool_t *pool) __attribute__((warn_unused_result));

/* Notes the intent to call: the row becomes CALLING. *attempt is what crm_send_find() has said, and
 * becomes one more. CRM360_ECONFLICT: somebody else has begun one meanwhile. */
apr_status_t crm_send_begin(int *attempt, crm_db_t *db, const char *message_id,
                            const crm_send_t *send, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Notes what became of attempt number `attempt`. *ours is 0 when somebody has begun another one
 * since: nothing is changed then. */
apr_status_t crm_send_end(int *ours, crm_db_t *db, const char *message_id, int attempt,
                          const crm_send_outcome_t *outcome, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* A person wants an uncertain one sent again. *changed is 0 when it is not uncertain (any more). */
apr_status_t crm_send_resend(int *changed, crm_db_t *db, const char *message_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* To whom the message went that its provider knows by `reference`: *contact_id and *recipient (in
 * `pool`); 0 and NULL when there is none. */
apr_status_t crm_send_by_reference(int *contact_id, const char **recipient, crm_db_t *db,
                                   const char *kind, const char *reference, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same for one of our messages, by its id, whatever has become of it: for providers that bring
 * the id back. */
apr_status_t crm_send_by_message(int *contact_id, const char **recipient, crm_db_t *db,
                                 const char *kind, const char *message_id, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Gives the reports of a sent message that came before this was noted, and belong to nobody, to the
 * contact it went to. For the handlers' finish(). */
apr_status_t crm_send_adopt_reports(crm_db_t *db, const char *message_id, crm_channel_t channel,
                                    const char *reference, apr_pool_t *pool)
    __attribute__((warn_unused_result));

#endif
