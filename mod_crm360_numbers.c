/*
 * What this httpd counts of the webhooks that it answers: their status, how long storing took, what
 * went to the spool; and what was seen of the queues last, for who must not ask. All children count
 * in the same memory, which outlives a graceful restart; so do children of before the restart that
 * have not ended. Must never lock, and never fail a request.
 */
#include "mod_crm360_private.h"

#include <apr_shm.h>
#include <apr_strings.h>

#include <string.h>

/* The memory belongs to the process, whatever release of the module comes with the next restart:
 * other members make another size, and so another name. */
#define NAME "crm360_webhook: numbers 1, %" APR_SIZE_T_FMT " bytes"

apr_status_t webhook_numbers_make(webhook_numbers_t **numbers, const server_rec *main_server,
                                  apr_pool_t *scratch)
{
    apr_pool_t *process = main_server->process->pool;
    const char *name = apr_psprintf(scratch, NAME, sizeof(**numbers));
    void *kept = NULL;
    apr_shm_t *shm;
    apr_status_t rv;

    apr_pool_userdata_get(&kept, name, process);
    if (!kept) {
        rv = apr_shm_create(&shm, sizeof(**numbers), NULL, process);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        kept = apr_shm_baseaddr_get(shm);
        memset(kept, 0, sizeof(**numbers));
        apr_pool_userdata_set(kept, name, NULL, process);
    }
    *numbers = kept;
    return APR_SUCCESS;
}

void webhook_numbers_answered(webhook_numbers_t *numbers, int status)
{
    if (status >= WEBHOOK_CODE_FIRST && status < WEBHOOK_CODE_FIRST + WEBHOOK_CODES) {
        __atomic_fetch_add(&numbers->codes[status - WEBHOOK_CODE_FIRST], 1, __ATOMIC_RELAXED);
    }
}

void webhook_numbers_stored(webhook_numbers_t *numbers, apr_interval_time_t took, int spooled)
{
    crm360_histogram_add(&numbers->push, took);
    if (spooled) {
        __atomic_fetch_add(&numbers->spooled, 1, __ATOMIC_RELAXED);
    }
}

void webhook_numbers_see(webhook_numbers_t *numbers, const apr_uint64_t *seen)
{
    int i;

    for (i = 0; i < WEBHOOK_SIGHTS; i++) {
        __atomic_store_n(&numbers->seen[i],
                         i == WEBHOOK_SEEN_AT ? (apr_uint64_t)apr_time_sec(apr_time_now())
                                              : seen[i],
                         __ATOMIC_RELAXED);
    }
}
