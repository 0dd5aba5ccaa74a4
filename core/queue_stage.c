/*
 * Writing a large message in parts. Must never touch a message that is there: parts stand under a
 * key of their own until a script makes a message of them.
 */
#include "core/queue_private.h"

/* How long written parts wait to be made visible before Redis drops them. */
#define STAGED_SECONDS 120

/* SET and APPEND, under an expiry, so that one that dies half way leaves nothing. The expiry is set
 * anew with each part: APPEND would make a key without one where the parts so far were evicted. */
apr_status_t queue_stage(crm360_redis_t *redis, const char *key, const char *message,
                         apr_size_t len, apr_pool_t *pool)
{
    apr_size_t at;

    for (at = 0; at < len; at += QUEUE_PART_BYTES) {
        apr_size_t rest = len - at;
        crm360_command_t commands[2];
        crm360_reply_t *replies[2];
        apr_status_t rv;

        commands[0] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[0], at == 0 ? "SET" : "APPEND");
        crm360_command_add(&commands[0], key);
        crm360_command_add_bytes(&commands[0], message + at,
                                 rest < QUEUE_PART_BYTES ? rest : QUEUE_PART_BYTES);
        commands[1] = *crm360_command_make(3, pool);
        crm360_command_add(&commands[1], "EXPIRE");
        crm360_command_add(&commands[1], key);
        crm360_command_add_number(&commands[1], STAGED_SECONDS, pool);
        rv = crm360_redis_pipeline(replies, redis, commands, 2, pool);
        if (rv == APR_SUCCESS && replies[0]->type == CRM360_REPLY_ERROR) {
            rv = CRM360_EPROTOCOL;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}
