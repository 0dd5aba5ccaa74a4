/* Calling a handler: what is the same for each of them. Must never know a platform. */
#include <apr_strings.h>

#include <string.h>

#include "handlers/handler.h"

apr_status_t handler_deliver(handler_result_t *result, const handler_t *handler,
                             const crm360_message_t *message, const handler_context_t *context,
                             apr_pool_t *pool)
{
    apr_status_t rv;

    memset(result, 0, sizeof(*result));
    rv = handler->deliver(result, message, context, pool);
    if (rv != CRM360_EDATA) {
        return rv;
    }
    result->verdict = HANDLER_REJECT;
    result->reason =
        apr_pstrcat(pool, "the database refuses the data: ", crm_db_error(context->db), NULL);
    return APR_SUCCESS;
}
