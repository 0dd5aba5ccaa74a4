/*
 * Gathers the numbers of the status pages. Must never fail with Redis: the pages are looked at when
 * something is wrong. Once Redis does not answer it is not asked again for the same page.
 */
#include "mod_crm360_status.h"

#include <apr_atomic.h>
#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_log.h>
#include <http_main.h>

#include <string.h>

#include "core/clock.h"
#include "core/log.h"

APLOG_USE_MODULE(crm360_webhook);

extern module AP_MODULE_DECLARE_DATA crm360_webhook_module;

/* So many dead letters of each database are looked at, however many databases share the others. */
#define REASONS_LEAST 10

/* ---- parameters ---- */

const char *status_param(const char *query, const char *name, apr_pool_t *pool)
{
    crm360_param_pair_t pair;
    const char *value;

    query = query ? query : "";
    while (crm360_params_next(&pair, &query)) {
        if (crm360_params_is(pair.name, pair.name_len, name, pool)) {
            return crm360_params_decode(&value, pair.value, pair.value_len, pool) == APR_SUCCESS
                       ? value
                       : NULL;
        }
    }
    return NULL;
}

apr_int64_t status_param_number(const char *query, const char *name, apr_int64_t least,
                                apr_int64_t most, apr_int64_t otherwise, apr_pool_t *pool)
{
    const char *text = status_param(query, name, pool);
    apr_int64_t number;

    /* 18 digits always fit. */
    if (!text || !*text || strlen(text) > 18 || text[strspn(text, "0123456789")]) {
        return otherwise;
    }
    number = apr_atoi64(text);
    return number < least ? least : number > most ? most : number;
}

/* ---- databases ---- */

const crm360_database_t *status_database_named(const status_t *status, const char *name)
{
    const char *slash = strchr(name, '/');
    apr_pool_t *pool = status->r->pool;

    return slash ? crm360_config_database(status->server->config,
                                          apr_pstrmemdup(pool, name, (apr_size_t)(slash - name)),
                                          slash + 1, NULL)
                 : NULL;
}

static int fits(const crm360_database_t *database, const char *filter, apr_pool_t *pool)
{
    const char *name = apr_pstrcat(pool, database->customer, "/", database->alias, NULL);

    return apr_cstr_casecmpn(name, filter, strlen(filter)) == 0;
}

static void fill_row(status_row_t *row, const crm360_database_t *database,
                     const webhook_server_t *server, apr_pool_t *pool)
{
    const crm360_rate_slot_t *slots = server->rates[database->number];
    apr_time_t now = crm360_clock();
    int platform;

    row->database = database;
    row->keys = crm360_keys_make(database->customer, database->alias, pool);
    row->most = crm360_database_waiting(database);
    row->rates = apr_array_make(pool, 1, sizeof(status_rate_t));
    for (platform = 0; slots && platform < CRM360_PLATFORMS; platform++) {
        crm360_rate_t rate = crm360_database_rate(database, platform);
        status_rate_t *next = rate.number > 0 ? apr_array_push(row->rates) : NULL;

        if (next) {
            next->platform = platform;
            next->rate = rate;
            next->used = crm360_rate_used(&slots[platform], rate, now);
            next->refused = crm360_rate_refused(&slots[platform]);
        }
    }
}

/* Finds the databases of the page, or of all pages. */
static void find_rows(status_t *status, int all_pages)
{
    const apr_array_header_t *all = crm360_config_databases(status->server->config);
    apr_pool_t *pool = status->r->pool;
    int most = all_pages ? all->nelts : STATUS_PAGE;
    int first = all_pages ? 0 : (status->page - 1) * STATUS_PAGE;
    int i;

    status->rows = apr_pcalloc(pool, ((apr_size_t)most + 1) * sizeof(*status->rows));
    for (i = 0; i < all->nelts; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(all, i, const crm360_database_t *);

        if (*status->filter && !fits(database, status->filter, pool)) {
            continue;
        }
        if (status->matching >= first && status->count < most) {
            fill_row(&status->rows[status->count++], database, status->server, pool);
        }
        status->matching++;
    }
    status->pages =
        status->matching > STATUS_PAGE ? (status->matching + STATUS_PAGE - 1) / STATUS_PAGE : 1;
}

/* ---- their numbers ---- */

static apr_time_t earlier(apr_time_t a, apr_time_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void add_lane(crm360_lane_status_t *sum, const crm360_lane_status_t *lane)
{
    if (lane->messages < 0) {
        return; /* a key of another type: that lane says so itself */
    }
    sum->messages += lane->messages;
    sum->waiting += lane->waiting;
    sum->due += lane->due;
    sum->leased += lane->leased;
    sum->paused += lane->paused;
    sum->oldest_due = earlier(sum->oldest_due, lane->oldest_due);
    sum->next = earlier(sum->next, lane->next);
}

static void add_up(status_t *status)
{
    int i, lane;

    for (i = 0; i < status->count; i++) {
        status_row_t *row = &status->rows[i];

        for (lane = 0; lane < CRM360_LANES; lane++) {
            row->odd |= !row->is.away && row->is.lanes[lane].messages < 0;
            add_lane(&row->lanes, &row->is.lanes[lane]);
            add_lane(&status->lanes[lane], &row->is.lanes[lane]);
        }
        add_lane(&status->all, &row->lanes);
        status->dead += row->is.dead > 0 ? row->is.dead : 0;
    }
}

/* Says that the queues may not be looked at, and that they may again: one line a change, whichever
 * child sees it first. That Redis is away core/redis.c says. */
static void note_refusal(const status_t *status, const char *detail)
{
    volatile apr_uint32_t *known = status->server->lender->unseen;
    apr_uint32_t refused = (apr_uint32_t)status->refused;

    /* Where no database was asked about, nothing can have been refused. */
    if ((!refused && (!status->answers || status->count == 0)) ||
        apr_atomic_cas32(known, refused, !refused) == refused) {
        return;
    }
    if (refused) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, status->r,
                      CRM360_LOGNO(0221) "the queues cannot be looked at: %s", detail);
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, status->r, "the queues can be looked at again");
    }
}

/* Asks Redis; without an answer what this server knows itself is shown. */
static void ask_redis(status_t *status)
{
    crm360_queue_t *queue = status->server->lender->queue;
    request_rec *r = status->r;
    apr_size_t count = (apr_size_t)status->count + 1;
    const crm360_keys_t **keys = apr_palloc(r->pool, count * sizeof(*keys));
    crm360_status_t *numbers = apr_pcalloc(r->pool, count * sizeof(*numbers));
    const char *detail = "no access to the queue";
    apr_status_t rv = CRM360_EAWAY;
    int i;

    for (i = 0; i < status->count; i++) {
        keys[i] = status->rows[i].keys;
    }
    status->now = apr_time_now();
    if (queue) {
        rv = crm360_queue_status(numbers, &status->now, &detail, queue, keys, status->count,
                                 r->pool);
    }
    status->answers = rv == APR_SUCCESS;
    status->refused = rv == CRM360_EREFUSED || rv == CRM360_EPROTOCOL;
    note_refusal(status, detail);
    if (!status->answers) {
        status->now = apr_time_now();
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "status without Redis: %s", detail);
        return;
    }
    for (i = 0; i < status->count; i++) {
        status->rows[i].is = numbers[i];
    }
    add_up(status);
}

/* Whether what was seen is all there is: the sums of a part would be taken for those of all. The
 * page of mod_status is of the whole httpd, so it speaks of the main server's Redis alone: another
 * one, of a virtual host, has other queues. */
static int is_whole(const status_t *status)
{
    const webhook_server_t *main_server =
        ap_get_module_config(ap_server_conf->module_config, &crm360_webhook_module);
    int i;

    for (i = 0; i < status->count && !status->rows[i].is.away; i++) {
    }
    return status->answers && !*status->filter && status->count == status->matching &&
           i == status->count && status->server->lender == main_server;
}

/* For the page of mod_status, which asks nobody. */
static void note_sight(const status_t *status)
{
    const crm360_lane_status_t *all = &status->all;
    apr_time_t age = all->oldest_due > 0 ? status->now - all->oldest_due : 0;
    const apr_uint64_t seen[WEBHOOK_SIGHTS] = {
        [WEBHOOK_WAITING] = (apr_uint64_t)all->waiting,
        [WEBHOOK_DUE] = (apr_uint64_t)all->due,
        [WEBHOOK_LEASED] = (apr_uint64_t)all->leased,
        [WEBHOOK_PAUSED] = (apr_uint64_t)all->paused,
        [WEBHOOK_DEAD] = (apr_uint64_t)status->dead,
        [WEBHOOK_OLDEST] = (apr_uint64_t)apr_time_sec(age > 0 ? age : 0),
    };

    webhook_numbers_see(status->server->numbers, seen);
}

void status_gather(status_t *status, int all_pages)
{
    request_rec *r = status->r;
    const char *filter = crm360_params_get(r->args, "database", r->pool);

    status->filter = filter ? filter : "";
    status->page = (int)status_param_number(r->args, "page", 1, STATUS_PAGES_MOST, 1, r->pool);
    find_rows(status, all_pages);
    ask_redis(status);
    if (is_whole(status)) {
        note_sight(status);
    }
}

void status_gather_one(status_t *status, const crm360_database_t *database)
{
    status->filter = "";
    status->page = status->pages = status->matching = status->count = 1;
    status->rows = apr_pcalloc(status->r->pool, sizeof(*status->rows));
    fill_row(status->rows, database, status->server, status->r->pool);
    ask_redis(status);
}

/* ---- what else there is ---- */

/* Notes that something cannot be shown; whether it was had. */
static int had(const status_t *status, const char *what, apr_status_t rv, const char *const *detail)
{
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, status->r, "status without %s: %s", what, *detail);
    }
    return rv == APR_SUCCESS;
}

static void gather_spool(status_t *status)
{
    const webhook_server_t *server = status->server->lender;
    const crm360_spool_place_t *place = crm360_config_spool(server->config);
    status_spool_t *spool = &status->spool;

    spool->there = place && server->spool;
    if (!spool->there) {
        return;
    }
    spool->limit = place->most_bytes;
    spool->known = had(status, "the files of the spool",
                       crm360_spool_files(&spool->files, server->spool), &place->folder) &&
                   had(status, "the size of the spool",
                       crm360_spool_usage(&spool->bytes, server->spool), &place->folder);
}

void status_gather_health(status_t *status)
{
    crm360_queue_t *queue = status->server->lender->queue;
    apr_pool_t *pool = status->r->pool;
    crm360_redis_audit_t *audit = apr_pcalloc(pool, sizeof(*audit));
    crm360_heartbeat_t *beats;
    apr_time_t now;
    int count;
    const char *detail = "";

    gather_spool(status);
    if (!status->answers) {
        return;
    }
    if (had(status, "an audit of Redis", crm360_queue_audit_all(audit, &detail, queue, pool),
            &detail)) {
        status->audit = audit;
    }
    if (had(status, "heartbeats",
            crm360_queue_consumers(&beats, &count, &now, &detail, queue, pool), &detail)) {
        status->beats = beats;
        status->beat_count = count;
    }
}

void status_gather_history(status_t *status, int minutes)
{
    apr_pool_t *pool = status->r->pool;
    crm360_history_t *history = apr_pcalloc(pool, (apr_size_t)minutes * sizeof(*history));
    const char *detail = "";
    apr_time_t now;

    if (status->answers &&
        had(status, "the last minutes",
            crm360_queue_history_read(history, &now, &detail, status->server->lender->queue,
                                      minutes, pool),
            &detail)) {
        status->history = history;
        status->minutes = minutes;
    }
}

void status_gather_reasons(status_t *status)
{
    crm360_queue_t *queue = status->server->lender->queue;
    apr_pool_t *pool = status->r->pool;
    crm360_reasons_t *reasons = crm360_reasons_make(pool);
    int with = 0, each;
    int i;

    for (i = 0; i < status->count; i++) {
        with += status->rows[i].is.dead > 0 || status->rows[i].lanes.waiting > 0;
    }
    each = with > 0 ? STATUS_REASONS / with : STATUS_REASONS;
    each = each < REASONS_LEAST ? REASONS_LEAST : each;
    for (i = 0; i < status->count && status->answers; i++) {
        const status_row_t *row = &status->rows[i];

        if ((row->is.dead > 0 || row->lanes.waiting > 0) &&
            !had(status, "reasons of failures",
                 crm360_queue_reasons(reasons, queue, row->keys, each,
                                      each < STATUS_RETRIED ? each : STATUS_RETRIED, status->now,
                                      pool),
                 &row->keys->name)) {
            return;
        }
    }
    status->reasons = status->answers ? reasons : NULL;
}
