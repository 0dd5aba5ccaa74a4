/*
 * Keeping the dead letters of a database within Crm360DeadLetterKeep, -Most and -Bytes. Must never
 * drop a letter that is not on the disk.
 */
#include "consumer/keeper_private.h"

#include "consumer/export.h"
#include "core/log.h"

/* One round: the oldest letters of a database, and how many of them have to go. */
typedef struct round_t {
    keeper_t *keeper;
    keeper_database_t *database;
    apr_int64_t size; /* how many there are */
    apr_time_t now;   /* Redis' clock */
    crm360_page_t page;
    crm360_failure_t *failures;
    crm360_entry_t *written;
    int count; /* of those */
    apr_int64_t bytes;
} round_t;

/* Whether letter number `i` of the page is beyond a limit, when those before it are gone. */
static int is_beyond(const round_t *round, int i)
{
    const crm360_dead_limits_t *limits = &round->keeper->limits;

    return i < round->page.count && (round->size - i > limits->most ||
                                     round->page.entries[i].at < round->now - limits->keep ||
                                     round->database->dead_bytes - round->bytes > limits->bytes);
}

static apr_status_t look(round_t *round)
{
    keeper_t *keeper = round->keeper;
    const crm360_keys_t *keys = round->database->keys;
    const char **ids;
    apr_status_t rv;
    int i;

    rv = crm360_queue_size(&round->size, keeper->queue, keys->dead, keeper->turn);
    if (rv == APR_SUCCESS && round->size > 0) {
        rv = crm360_queue_now(&round->now, keeper->queue, keeper->turn);
    }
    if (rv == APR_SUCCESS && round->size > 0) {
        rv = crm360_queue_page(&round->page, keeper->queue, keys->dead, 0, CRM360_ADMIN_MOST,
                               keeper->turn);
    }
    if (rv != APR_SUCCESS || !is_beyond(round, 0)) {
        return rv;
    }
    ids = apr_palloc(keeper->turn, (apr_size_t)round->page.count * sizeof *ids);
    round->written =
        apr_palloc(keeper->turn, (apr_size_t)round->page.count * sizeof *round->written);
    for (i = 0; i < round->page.count; i++) {
        ids[i] = round->page.entries[i].id;
    }
    return crm360_queue_failures(&round->failures, keeper->queue, keys, ids, round->page.count,
                                 keeper->turn);
}

/* Writes the letters that are beyond. *why is set when it is the file's fault. */
static apr_status_t write_letters(const char **why, const char **name, round_t *round)
{
    keeper_t *keeper = round->keeper;
    consumer_export_t *export;
    apr_status_t rv;
    int i;

    rv = consumer_export_open(&export, why, keeper->limits.export_folder, round->database->conf,
                              round->now, keeper->turn);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *name = *why = consumer_export_name(export);
    for (i = 0; is_beyond(round, i) && !*keeper->stop; i++) {
        apr_int64_t bytes;

        rv = consumer_export_letter(&bytes, export, keeper->queue, round->database->keys,
                                    &round->page.entries[i], &round->failures[i]);
        if (rv == APR_SUCCESS) {
            round->written[round->count++] = round->page.entries[i];
            round->bytes += bytes;
        }
        else if (rv != APR_NOTFOUND) {
            *why = rv >= CRM360_EAWAY ? NULL : *why;
            return rv;
        }
    }
    return consumer_export_close(export);
}

static apr_status_t drop(int *dropped, round_t *round, const char *name)
{
    keeper_t *keeper = round->keeper;
    crm360_admin_result_t results[CRM360_ADMIN_MOST];
    apr_status_t rv;
    int i;

    rv = crm360_queue_drop(results, keeper->queue, round->database->keys, round->written,
                           round->count, keeper->turn);
    for (i = 0; rv == APR_SUCCESS && i < round->count; i++) {
        *dropped += results[i] == CRM360_ADMIN_DONE;
    }
    if (*dropped > 0) {
        crm360_log(CRM360_LOG_INFO, APR_SUCCESS,
                   "%d dead letters of %s were beyond their limits: exported to %s and dropped",
                   *dropped, round->database->keys->name, name);
    }
    keeper->walk.exported += *dropped;
    round->database->dead_bytes -= round->bytes;
    return rv;
}

apr_status_t keeper_bound_dead(int *cost, keeper_t *keeper, keeper_database_t *database)
{
    round_t round = {.keeper = keeper, .database = database};
    const char *why = NULL, *name = NULL;
    apr_status_t rv = look(&round);
    int dropped = 0;

    *cost = 1;
    if (rv != APR_SUCCESS || !is_beyond(&round, 0)) {
        return rv != APR_SUCCESS ? rv : APR_EOF;
    }
    *cost = round.page.count;
    rv = write_letters(&why, &name, &round);
    if (rv != APR_SUCCESS && why) {
        if (!keeper->export_failed) {
            keeper->export_failed = 1;
            crm360_log(CRM360_LOG_WARNING, rv,
                       CRM360_LOGNO(0370) "dead letters of %s are beyond their limits and cannot "
                                          "be exported (%s); none is dropped",
                       database->keys->name, why);
        }
        return APR_EOF;
    }
    if (rv == APR_SUCCESS && keeper->export_failed) {
        keeper->export_failed = 0;
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "dead letters are exported again");
    }
    if (rv == APR_SUCCESS) {
        rv = drop(&dropped, &round, name);
    }
    /* When all of the page had to go, more may have to. When nothing went, nothing will. */
    return rv == APR_SUCCESS && (round.count < round.page.count || !dropped || *keeper->stop)
               ? APR_EOF
               : rv;
}
