/* The numbers of the status page as JSON. Members may be added, and none taken away. */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "core/charset.h"
#include "core/json.h"
#include "core/version.h"

#define INT "%" APR_INT64_T_FMT

/* A text from elsewhere, quoted: valid UTF-8, whatever it was. */
static const char *quoted(const char *text, apr_pool_t *pool)
{
    apr_size_t len;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);

    return crm360_json_quote(apr_pstrmemdup(pool, clean, len), pool);
}

/* A moment; null when there is none. */
static const char *date(apr_time_t when, apr_pool_t *pool)
{
    return when > 0 ? crm360_json_date(when, pool) : "null";
}

/* A limit: null where there is none. */
static const char *limit(apr_int64_t most, apr_pool_t *pool)
{
    return most > 0 ? apr_psprintf(pool, INT, most) : "null";
}

/* ---- a database ---- */

static void rates(request_rec *r, const status_row_t *row)
{
    int i;

    ap_rputs(",\"rates\":[", r);
    for (i = 0; i < row->rates->nelts; i++) {
        const status_rate_t *rate = &APR_ARRAY_IDX(row->rates, i, status_rate_t);

        ap_rprintf(r,
                   "%s{\"platform\":\"%s\",\"number\":%d,\"seconds\":%d,\"used\":%d,"
                   "\"refused\":%" APR_UINT64_T_FMT "}",
                   i ? "," : "", crm360_platform_name(rate->platform), rate->rate.number,
                   rate->rate.seconds, rate->used, rate->refused);
    }
    ap_rputs("]", r);
}

/* A number of a lane; -1 when a key of another type stands there. */
static apr_int64_t known(const crm360_lane_status_t *lane, apr_int64_t number)
{
    return lane->messages < 0 ? -1 : number;
}

/* `waiting` is all that is in a lane, in whatever state: that is its meaning from before there were
 * states. */
static void lanes(request_rec *r, const status_row_t *row)
{
    int i;

    ap_rputs(",\"waiting\":{", r);
    for (i = 0; i < CRM360_LANES; i++) {
        ap_rprintf(r, "%s\"%s\":" INT, i ? "," : "", crm360_lane_name((crm360_lane_t)i),
                   row->is.lanes[i].messages);
    }
    ap_rputs("},\"lanes\":{", r);
    for (i = 0; i < CRM360_LANES; i++) {
        const crm360_lane_status_t *lane = &row->is.lanes[i];

        ap_rprintf(r,
                   "%s\"%s\":{\"waiting\":" INT ",\"due\":" INT ",\"leased\":" INT
                   ",\"paused\":" INT ",\"oldestDue\":%s,\"next\":%s}",
                   i ? "," : "", crm360_lane_name((crm360_lane_t)i), known(lane, lane->waiting),
                   known(lane, lane->due), known(lane, lane->leased), known(lane, lane->paused),
                   date(lane->oldest_due, r->pool), date(lane->next, r->pool));
    }
    ap_rputs("}", r);
}

static void held(request_rec *r, const status_row_t *row)
{
    const apr_array_header_t *paused = row->is.paused, *holders = row->is.holders;
    int i;

    ap_rputs(",\"paused\":[", r);
    for (i = 0; paused && i < paused->nelts; i++) {
        ap_rvputs(r, i ? "," : "", quoted(APR_ARRAY_IDX(paused, i, const char *), r->pool), NULL);
    }
    ap_rputs("],\"holders\":[", r);
    for (i = 0; holders && i < holders->nelts; i++) {
        const crm360_holder_t *holder = &APR_ARRAY_IDX(holders, i, crm360_holder_t);

        ap_rprintf(r, "%s{\"worker\":%s,\"messages\":" INT ",\"since\":%s}", i ? "," : "",
                   quoted(holder->worker, r->pool), holder->messages, date(holder->since, r->pool));
    }
    ap_rputs("]", r);
}

static void database(const status_t *status, const status_row_t *row)
{
    request_rec *r = status->r;
    int i;

    ap_rprintf(r,
               "{\"customer\":%s,\"database\":%s,"
               "\"limits\":{\"waiting\":%s,\"waitingBytes\":%s}",
               quoted(row->database->customer, r->pool), quoted(row->database->alias, r->pool),
               limit(row->most.messages, r->pool), limit(row->most.bytes, r->pool));
    rates(r, row);
    if (row->is.away) {
        ap_rputs(",\"away\":true", r);
    }
    else if (status->answers) {
        lanes(r, row);
        held(r, row);
        ap_rprintf(r, ",\"waitingBytes\":" INT ",\"dead\":" INT ",\"oldestDead\":%s,\"counters\":{",
                   row->is.waiting_bytes, row->is.dead, date(row->is.oldest_dead, r->pool));
        for (i = 0; i < CRM360_COUNTERS; i++) {
            ap_rprintf(r, "%s\"%s\":" INT, i ? "," : "", crm360_counter_name(i),
                       row->is.counters[i]);
        }
        ap_rputs("}", r);
    }
    ap_rputs("}", r);
}

/* ---- the rest ---- */

static void locations(const status_t *status)
{
    request_rec *r = status->r;
    int i;

    ap_rputs("],\"locations\":[", r);
    for (i = 0; i < status->places->nelts; i++) {
        const status_place_t *place = &APR_ARRAY_IDX(status->places, i, status_place_t);

        ap_rprintf(r,
                   "%s{\"path\":%s,\"maxBody\":%" APR_OFF_T_FMT ",\"maxBatchBody\":%" APR_OFF_T_FMT
                   ",\"maxHeaders\":" INT ",\"maxParameters\":%d"
                   ",\"durability\":\"%s\"}",
                   i ? ",\n" : "\n", quoted(place->path, r->pool),
                   crm360_location_max_body(place->location),
                   crm360_location_max_batch_body(place->location),
                   crm360_location_max_headers(place->location),
                   crm360_location_max_parameters(place->location),
                   crm360_durability_name(crm360_location_durability(place->location)));
    }
    ap_rputs("]", r);
}

static void history(const status_t *status)
{
    request_rec *r = status->r;
    const char *comma = "\n";
    int i, lane;

    ap_rputs(",\"history\":[", r);
    for (i = 0; i < status->minutes; i++) {
        const crm360_history_t *minute = &status->history[i];

        if (!minute->known) {
            continue;
        }
        ap_rprintf(
            r, "%s{\"at\":%s,\"dead\":" INT ",\"received\":" INT ",\"done\":" INT ",\"died\":" INT,
            comma, date(minute->at, r->pool), minute->dead, minute->received, minute->done,
            minute->died);
        for (lane = 0; lane < CRM360_LANES; lane++) {
            const crm360_history_lane_t *of = &minute->lanes[lane];

            ap_rprintf(r,
                       ",\"%s\":{\"waiting\":" INT ",\"due\":" INT ",\"leased\":" INT
                       ",\"paused\":" INT "}",
                       crm360_lane_name((crm360_lane_t)lane), of->waiting, of->due, of->leased,
                       of->paused);
        }
        ap_rputs("}", r);
        comma = ",\n";
    }
    ap_rputs("]", r);
}

static void failures(const status_t *status)
{
    const apr_array_header_t *list = status->reasons ? crm360_reasons_list(status->reasons) : NULL;
    request_rec *r = status->r;
    int i;

    ap_rputs(",\"failures\":", r);
    if (!list) {
        ap_rputs("null", r);
        return;
    }
    ap_rputs("[", r);
    for (i = 0; i < list->nelts; i++) {
        const crm360_reason_t *reason = &APR_ARRAY_IDX(list, i, crm360_reason_t);

        ap_rprintf(r,
                   "%s{\"reason\":%s,\"dead\":%d,\"retried\":%d,\"example\":{\"database\":%s,"
                   "\"id\":%s}}",
                   i ? ",\n" : "\n", quoted(reason->text, r->pool), reason->dead, reason->retried,
                   quoted(reason->database, r->pool), quoted(reason->id, r->pool));
    }
    ap_rputs("]", r);
}

static void consumers(const status_t *status)
{
    request_rec *r = status->r;
    int i, lane;

    ap_rputs(status->beats ? ",\"consumers\":[" : ",\"consumers\":null", r);
    for (i = 0; i < status->beat_count; i++) {
        const crm360_heartbeat_t *beat = &status->beats[i];

        ap_rprintf(
            r,
            "%s{\"instance\":%s,\"host\":%s,\"version\":%s,\"pid\":%d,\"at\":%s,\"started\":%s,"
            "\"alive\":%s,\"databases\":%d,\"busy\":%d,\"messages\":" INT ",\"workers\":{",
            i ? ",\n" : "\n", quoted(beat->instance, r->pool), quoted(beat->host, r->pool),
            quoted(beat->version, r->pool), beat->pid,
            date(apr_time_from_msec(beat->at_ms), r->pool),
            date(apr_time_from_msec(beat->started_ms), r->pool),
            status_is_alive(status, beat) ? "true" : "false", beat->databases, beat->busy,
            beat->messages);
        for (lane = 0; lane < CRM360_LANES; lane++) {
            ap_rprintf(r, "%s\"%s\":%d", lane ? "," : "", crm360_lane_name((crm360_lane_t)lane),
                       beat->workers[lane]);
        }
        ap_rputs("}}", r);
    }
    ap_rputs(status->beats ? "]" : "", r);
}

static void redis(const status_t *status)
{
    static const char *const verdicts[] = {"fine", "wrong", "unknown"};
    const crm360_redis_audit_t *audit = status->audit;
    request_rec *r = status->r;
    int i;

    if (!audit) {
        ap_rputs(",\"redis\":null", r);
        return;
    }
    ap_rprintf(
        r, ",\"redis\":{\"version\":%s,\"memoryUsed\":" INT ",\"memoryLimit\":" INT ",\"audit\":[",
        quoted(audit->version, r->pool), audit->memory_used, audit->memory_limit);
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        const crm360_audit_finding_t *finding = &audit->findings[i];

        ap_rprintf(r, "%s{\"check\":\"%s\",\"code\":\"%s\",\"verdict\":\"%s\",\"text\":%s}",
                   i ? ",\n" : "\n", finding->check, finding->code, verdicts[finding->verdict],
                   quoted(finding->text, r->pool));
    }
    ap_rputs("]}", r);
}

static void host(const status_t *status)
{
    const webhook_numbers_t *numbers = status->server->numbers;
    request_rec *r = status->r;
    int i, some = 0;

    if (status->spool.known) {
        ap_rprintf(r, ",\"spool\":{\"files\":" INT ",\"bytes\":" INT ",\"limit\":" INT "}",
                   status->spool.files, status->spool.bytes, status->spool.limit);
    }
    else {
        ap_rputs(",\"spool\":null", r);
    }
    ap_rputs(",\"requests\":{", r);
    for (i = 0; i < WEBHOOK_CODES; i++) {
        apr_uint64_t count = __atomic_load_n(&numbers->codes[i], __ATOMIC_RELAXED);

        if (count > 0) {
            ap_rprintf(r, "%s\"%d\":%" APR_UINT64_T_FMT, some++ ? "," : "", i + WEBHOOK_CODE_FIRST,
                       count);
        }
    }
    ap_rprintf(r, "},\"spooled\":%" APR_UINT64_T_FMT,
               __atomic_load_n(&numbers->spooled, __ATOMIC_RELAXED));
}

void status_json(const status_t *status)
{
    request_rec *r = status->r;
    int i;

    ap_set_content_type(r, "application/json");
    ap_rprintf(r,
               "{\"version\":\"" CRM360_VERSION "\",\"now\":%s,\"redisAnswers\":%s,"
               "\"redisRefuses\":%s,\"matching\":%d,"
               "\"page\":%d,\"pages\":%d,\"databases\":[",
               date(status->now, r->pool), status->answers ? "true" : "false",
               status->refused ? "true" : "false", status->matching, status->page, status->pages);
    for (i = 0; i < status->count; i++) {
        ap_rputs(i ? ",\n" : "\n", r);
        database(status, &status->rows[i]);
    }
    locations(status);
    if (status->answers) {
        history(status);
        failures(status);
        consumers(status);
        redis(status);
    }
    host(status);
    ap_rputs("}\n", r);
}
