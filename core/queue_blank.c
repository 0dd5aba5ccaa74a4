/* Taking elements out of a stored batch. Must never change the length of a message: what stands
 * behind an element stays where it is. */
#include "core/queue_admin.h"

#include "core/queue_private.h"

#define FIXED_WORDS 4 /* two keys, id and length */

apr_status_t crm360_queue_blank(crm360_admin_result_t *result, crm360_queue_t *queue,
                                const crm360_keys_t *keys, const char *id, apr_size_t message_len,
                                const crm360_span_t *spans, int count, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    int done, i, number = 1;

    for (done = 0; done < count && rv == APR_SUCCESS && number == 1; done += CRM360_ADMIN_MOST) {
        int some = count - done < CRM360_ADMIN_MOST ? count - done : CRM360_ADMIN_MOST;
        queue_call_t *call = queue_call_make(queue, QUEUE_BLANK, 2, FIXED_WORDS + 2 * some, pool);

        crm360_command_add(call->command, keys->claims);
        crm360_command_add(call->command, crm360_keys_message(keys, id, pool));
        crm360_command_add(call->command, id);
        crm360_command_add_number(call->command, (apr_int64_t)message_len, pool);
        for (i = done; i < done + some; i++) {
            crm360_command_add_number(call->command, (apr_int64_t)spans[i].at, pool);
            crm360_command_add_number(call->command, (apr_int64_t)spans[i].len, pool);
        }
        rv = queue_call_number(&number, queue, call, pool);
    }
    *result = number > 0 ? CRM360_ADMIN_DONE : number < 0 ? CRM360_ADMIN_BUSY : CRM360_ADMIN_GONE;
    return rv;
}
