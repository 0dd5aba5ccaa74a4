/*
 * Mail copies: what is mailed of a webhook (the parameter Email, and EmailProcess) is a message of
 * its own, in lane send, so that neither it nor the webhook ever waits for the other. It holds the
 * same bytes; its id alone, "<id of the webhook>.mail", says that it is to be mailed and nothing
 * else. Everybody who has an id in his hands asks here what it is.
 */
#ifndef CRM360_MAIL_COPY_H
#define CRM360_MAIL_COPY_H

#include <apr_pools.h>

#define CRM360_MAIL_TAIL ".mail"

/* The id of the mail copy of webhook `id`, in `pool`. */
const char *crm360_mail_id(const char *id, apr_pool_t *pool);

/* The way back: the id without the end of a mail copy's, in `pool`. */
const char *crm360_mail_source(const char *id, apr_pool_t *pool);

/* Whether it is the id of a mail copy. */
int crm360_id_is_mail(const char *id);

/* Whether a message whose Crm360-Id is `stored` is what is queued as `id`: the same id, or, for a
 * mail copy, that of its webhook. Never the other way round: nothing that is to be mailed passes
 * for the webhook, also with a program that does not know of mail copies. */
int crm360_id_fits(const char *id, const char *stored);

#endif
