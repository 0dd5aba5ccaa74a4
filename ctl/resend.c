/*
 * Allowing what is uncertain to be sent again (resend.h). Must never touch a message in the queue:
 * that is redriven afterwards, and a failure here leaves it a dead letter.
 */
#include "ctl/resend.h"

#include <stdio.h>
#include <string.h>

#include "crm/send.h"

int ctl_resend_needed(const crm360_failure_t *failure)
{
    static const char word[] = "uncertain: "; /* consumer/dispatch_send.c */

    return strncmp(failure->reason, word, sizeof(word) - 1) == 0;
}

static apr_status_t allow_all(crm_db_t *db, const char *const *ids, int count, apr_pool_t *pool)
{
    apr_status_t rv = crm_db_begin(db);
    int i, changed;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = crm_send_resend(&changed, db, ids[i], pool);
    }
    if (rv == APR_SUCCESS) {
        return crm_db_commit(db);
    }
    crm_db_rollback(db);
    return rv;
}

ctl_status_t ctl_resend_allow(crm_db_t **db, const ctl_place_t *place, const char *const *ids,
                              int count, apr_pool_t *owner, apr_pool_t *pool)
{
    apr_status_t rv = APR_SUCCESS;
    const char *why = "";

    if (!*db) {
        rv = crm_db_init(owner);
        if (rv == APR_SUCCESS) {
            rv = crm_db_open(db, &why, place->database, owner);
        }
        if (rv != APR_SUCCESS) {
            *db = NULL;
        }
    }
    if (rv == APR_SUCCESS) {
        rv = allow_all(*db, ids, count, pool);
        why = crm_db_error(*db);
    }
    if (rv != APR_SUCCESS) {
        fprintf(stderr, "crm360ctl: %s: the database: %s\n", place->name, why);
    }
    return ctl_database_status(rv, place->database);
}
