/* Calling a handler: what is the same for each of them. Must never know a platform. */
#include <apr_strings.h>

#include <string.h>

#include "handlers/handler.h"

static apr_status_t reject_data(handler_result_t *result, const handler_context_t *context,
                                apr_pool_t *pool)
{
    result->verdict = HANDLER_REJECT;
    result->reason =
        apr_pstrcat(pool, "the database refuses the data: ", crm_db_error(context->db), NULL);
    return APR_SUCCESS;
}

apr_status_t handler_deliver(handler_result_t *result, const handler_t *handler,
                             const crm360_message_t *message, const handler_context_t *context,
                             apr_pool_t *pool)
{
    apr_status_t rv;

    memset(result, 0, sizeof(*result));
    rv = handler->deliver(result, message, context, pool);
    return rv == CRM360_EDATA ? reject_data(result, context, pool) : rv;
}

apr_status_t handler_prepare(handler_result_t *result, handler_send_t **send,
                             const handler_t *handler, const crm360_message_t *message,
                             const handler_context_t *context, apr_pool_t *pool)
{
    const crm360_provider_t *provider = context->database->providers[handler->sends];
    apr_status_t rv;

    memset(result, 0, sizeof(*result));
    *send = NULL;
    rv = handler->prepare(result, send, message, context, pool);
    if (rv == CRM360_EDATA) {
        return reject_data(result, context, pool);
    }
    if (rv == APR_SUCCESS && result->verdict == HANDLER_DONE) {
        (*send)->provider = provider;
        (*send)->record.kind = crm360_sends_name(handler->sends);
        (*send)->record.provider = provider ? provider->kind : HANDLER_OUTBOX;
    }
    return rv;
}
