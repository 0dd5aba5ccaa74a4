/*
 * The numbers of the status page for Prometheus, in its text format 0.0.4. Names and labels are a
 * contract: alerts and dashboards lean on them. Must never put a text from elsewhere into a label
 * unescaped, nor make a label of what callers choose freely.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "core/charset.h"
#include "core/queue_steer.h"
#include "core/version.h"

#define INT "%" APR_INT64_T_FMT
/* Longest value of a label, bytes: names of workers and hosts come from Redis. */
#define LABEL_MOST 200

/* A family of samples that is being written. Its head comes with the first sample: one that has
 * none is left out. */
typedef struct family_t {
    request_rec *r;
    apr_pool_t *pool; /* of labels and values: cleared between two databases */
    const char *name;
    const char *type;
    const char *help;
    int begun;
} family_t;

/* ---- writing ---- */

static void begin(family_t *family)
{
    if (!family->begun) {
        ap_rvputs(family->r, "# HELP ", family->name, " ", family->help, "\n# TYPE ", family->name,
                  " ", family->type, "\n", NULL);
        family->begun = 1;
    }
}

/* One label, `name="value"`, in `pool`. */
static const char *label(const char *name, const char *value, apr_pool_t *pool)
{
    apr_size_t len, i;
    const char *clean = crm360_utf8_clean(&len, value, strnlen(value, LABEL_MOST), pool);
    char *escaped = apr_palloc(pool, len * 2 + 1);
    char *to = escaped;

    for (i = 0; i < len; i++) {
        if (clean[i] == '\\' || clean[i] == '"' || clean[i] == '\n') {
            *to++ = '\\';
        }
        *to++ = clean[i] == '\n' ? 'n' : clean[i];
    }
    *to = '\0';
    return apr_pstrcat(pool, name, "=\"", escaped, "\"", NULL);
}

/* A sample; labels as of label(), more than one with commas between; "" = none. */
static void sample(family_t *family, const char *suffix, const char *labels, const char *value)
{
    begin(family);
    ap_rvputs(family->r, family->name, suffix, *labels ? "{" : "", labels, *labels ? "} " : " ",
              value, "\n", NULL);
}

static void number(family_t *family, const char *labels, apr_int64_t value)
{
    sample(family, "", labels, apr_psprintf(family->pool, INT, value));
}

/* Microseconds as seconds. */
static void seconds(family_t *family, const char *suffix, const char *labels, apr_int64_t span)
{
    sample(family, suffix, labels,
           apr_psprintf(family->pool, INT ".%06" APR_INT64_T_FMT, span / APR_USEC_PER_SEC,
                        span % APR_USEC_PER_SEC));
}

static void histogram(family_t *family, const char *labels, const crm360_histogram_view_t *view)
{
    apr_pool_t *pool = family->pool;
    int i;

    for (i = 0; i <= CRM360_HISTOGRAM_BOUNDS; i++) {
        sample(family, "_bucket",
               apr_pstrcat(pool, labels, *labels ? "," : "", "le=\"", crm360_histogram_bound(i),
                           "\"", NULL),
               apr_psprintf(pool, "%" APR_UINT64_T_FMT, view->upto[i]));
    }
    seconds(family, "_sum", labels, (apr_int64_t)view->sum);
    sample(family, "_count", labels,
           apr_psprintf(pool, "%" APR_UINT64_T_FMT, view->upto[CRM360_HISTOGRAM_BOUNDS]));
}

/* A family of one sample without labels. */
static void single(const status_t *status, const char *name, const char *type, const char *help,
                   apr_int64_t value)
{
    family_t family = {status->r, status->turn, name, type, help, 0};

    number(&family, "", value);
}

static const char *database_label(const status_t *status, const status_row_t *row)
{
    return label("database", row->keys->name, status->turn);
}

/* ---- databases ---- */

static void messages_of(family_t *family, const status_row_t *row, const char *database)
{
    static const char *const states[] = {"waiting", "due", "leased", "paused"};
    apr_pool_t *pool = family->pool;
    int lane, state;

    for (lane = 0; lane < CRM360_LANES; lane++) {
        const crm360_lane_status_t *is = &row->is.lanes[lane];
        const apr_int64_t numbers[] = {is->waiting, is->due, is->leased, is->paused};

        for (state = 0; state < 4 && is->messages >= 0; state++) {
            number(family,
                   apr_pstrcat(pool, database, ",lane=\"", crm360_lane_name((crm360_lane_t)lane),
                               "\",state=\"", states[state], "\"", NULL),
                   numbers[state]);
        }
    }
    if (row->is.dead >= 0) {
        number(family, apr_pstrcat(pool, database, ",state=\"dead\"", NULL), row->is.dead);
    }
}

static void messages(const status_t *status)
{
    family_t family = {status->r,
                       status->turn,
                       "crm360_messages",
                       "gauge",
                       "Messages in the queue of a database, by lane and state.",
                       0};
    int i;

    for (i = 0; i < status->count; i++) {
        apr_pool_clear(status->turn);
        messages_of(&family, &status->rows[i], database_label(status, &status->rows[i]));
    }
}

static void oldest(const status_t *status)
{
    family_t family = {status->r,
                       status->turn,
                       "crm360_oldest_due_age_seconds",
                       "gauge",
                       "For how long the first of the messages that are due has been due.",
                       0};
    int i, lane;

    for (i = 0; i < status->count; i++) {
        const char *database = database_label(status, &status->rows[i]);

        for (lane = 0; lane < CRM360_LANES; lane++) {
            const crm360_lane_status_t *is = &status->rows[i].is.lanes[lane];
            apr_time_t age = is->oldest_due > 0 ? status->now - is->oldest_due : 0;

            if (is->messages >= 0) {
                seconds(&family, "",
                        apr_pstrcat(status->turn, database, ",lane=\"",
                                    crm360_lane_name((crm360_lane_t)lane), "\"", NULL),
                        age > 0 ? age : 0);
            }
        }
        apr_pool_clear(status->turn);
    }
}

static void bytes(const status_t *status)
{
    family_t is = {status->r,
                   status->turn,
                   "crm360_waiting_bytes",
                   "gauge",
                   "Bytes of the messages that are not dead.",
                   0};
    family_t most = {status->r,
                     status->turn,
                     "crm360_waiting_limit_messages",
                     "gauge",
                     "How many messages may wait (Crm360WaitingMost).",
                     0};
    family_t most_bytes = {status->r,
                           status->turn,
                           "crm360_waiting_limit_bytes",
                           "gauge",
                           "How many bytes may wait (Crm360WaitingBytes).",
                           0};
    int i;

    for (i = 0; i < status->count && status->answers; i++) {
        apr_pool_clear(status->turn);
        if (!status->rows[i].is.away) {
            number(&is, database_label(status, &status->rows[i]), status->rows[i].is.waiting_bytes);
        }
    }
    for (i = 0; i < status->count; i++) {
        if (status->rows[i].most.messages > 0) {
            number(&most, database_label(status, &status->rows[i]), status->rows[i].most.messages);
        }
    }
    for (i = 0; i < status->count; i++) {
        if (status->rows[i].most.bytes > 0) {
            number(&most_bytes, database_label(status, &status->rows[i]),
                   status->rows[i].most.bytes);
        }
    }
}

static void counters(const status_t *status)
{
    /* In the order of crm360_counter_name(). */
    static const struct {
        const char *name;
        const char *help;
    } all[CRM360_COUNTERS] = {
        {"crm360_received_total", "Messages that were stored, elements of batches included."},
        {"crm360_duplicates_total", "Deliveries that were known already."},
        {"crm360_refused_total", "Webhooks refused because as many waited as may."},
        {"crm360_done_total", "Messages whose effect is committed."},
        {"crm360_split_total", "Batches that were split into their elements."},
        {"crm360_retried_total", "Attempts that failed and are tried again."},
        {"crm360_released_total", "Messages given back untried."},
        {"crm360_dead_total", "Messages that were given up."},
        {"crm360_erased_total", "Messages erased because of the person they are about."},
        {"crm360_dropped_total", "Dead letters dropped, after an export or by a person."},
        {"crm360_redriven_total", "Dead letters that were given another life."},
    };
    int i, at;

    for (at = 0; at < CRM360_COUNTERS; at++) {
        family_t family = {status->r, status->turn, all[at].name, "counter", all[at].help, 0};

        for (i = 0; i < status->count; i++) {
            apr_pool_clear(status->turn);
            if (!status->rows[i].is.away) {
                number(&family, database_label(status, &status->rows[i]),
                       status->rows[i].is.counters[at]);
            }
        }
    }
}

static void paused(const status_t *status)
{
    family_t family = {status->r,
                       status->turn,
                       "crm360_paused",
                       "gauge",
                       "1 for each lane, platform or route that an operator holds up.",
                       0};
    apr_pool_t *pool = status->turn;
    int i, at;

    for (i = 0; i < status->count; i++) {
        const apr_array_header_t *list = status->rows[i].is.paused;

        for (at = 0; list && at < list->nelts; at++) {
            const char *what = APR_ARRAY_IDX(list, at, const char *);
            const char *known = crm360_pause_name(what);

            /* Another name holds nothing up; and two that are cut or cleaned may be the same
             * sample then, for which Prometheus drops the whole scrape. */
            if (known && strcmp(known, what) == 0) {
                number(&family,
                       apr_pstrcat(pool, database_label(status, &status->rows[i]), ",",
                                   label("what", what, pool), NULL),
                       1);
            }
        }
    }
}

static void rates(const status_t *status)
{
    family_t family = {status->r,
                       status->turn,
                       "crm360_rate_refused_total",
                       "counter",
                       "Webhooks answered with 429 by this httpd.",
                       0};
    int i, at;

    for (i = 0; i < status->count; i++) {
        const apr_array_header_t *list = status->rows[i].rates;

        for (at = 0; at < list->nelts; at++) {
            const status_rate_t *rate = &APR_ARRAY_IDX(list, at, status_rate_t);

            number(&family,
                   apr_pstrcat(status->turn, database_label(status, &status->rows[i]),
                               ",platform=\"", crm360_platform_name(rate->platform), "\"", NULL),
                   (apr_int64_t)rate->refused);
        }
    }
}

/* ---- crm360d ---- */

static const char *consumer_label(const status_t *status, const crm360_heartbeat_t *beat)
{
    return label("consumer", beat->instance, status->turn);
}

static const char *lane_label(const status_t *status, const crm360_heartbeat_t *beat, int lane)
{
    return apr_pstrcat(status->turn, consumer_label(status, beat), ",lane=\"",
                       crm360_lane_name((crm360_lane_t)lane), "\"", NULL);
}

static void heartbeats(const status_t *status)
{
    family_t busy = {status->r,
                     status->turn,
                     "crm360_workers_busy",
                     "gauge",
                     "Worker processes that are at work.",
                     0};
    family_t age = {status->r,
                    status->turn,
                    "crm360_consumer_heartbeat_age_seconds",
                    "gauge",
                    "How long ago a crm360d was heard of.",
                    0};
    family_t start = {status->r,
                      status->turn,
                      "crm360_consumer_start_time_seconds",
                      "gauge",
                      "When a crm360d was started, seconds since 1970.",
                      0};
    int i;

    for (i = 0; i < status->beat_count; i++) {
        number(&busy, consumer_label(status, &status->beats[i]), status->beats[i].busy);
    }
    for (i = 0; i < status->beat_count; i++) {
        apr_time_t span = status->now - apr_time_from_msec(status->beats[i].at_ms);

        seconds(&age, "", consumer_label(status, &status->beats[i]), span > 0 ? span : 0);
    }
    for (i = 0; i < status->beat_count; i++) {
        seconds(&start, "", consumer_label(status, &status->beats[i]),
                apr_time_from_msec(status->beats[i].started_ms));
    }
}

static void workers(const status_t *status)
{
    family_t running = {
        status->r, status->turn, "crm360_workers", "gauge", "Worker processes that run.", 0};
    family_t took = {status->r,
                     status->turn,
                     "crm360_handler_duration_seconds",
                     "histogram",
                     "Time in the handler of each attempt that has ended.",
                     0};
    family_t delay = {status->r,
                      status->turn,
                      "crm360_delay_seconds",
                      "histogram",
                      "From when a message was visible until it was done.",
                      0};
    int i, lane;

    for (i = 0; i < status->beat_count; i++) {
        for (lane = 0; lane < CRM360_LANES; lane++) {
            number(&running, lane_label(status, &status->beats[i], lane),
                   status->beats[i].workers[lane]);
        }
    }
    for (i = 0; i < status->beat_count; i++) {
        for (lane = 0; lane < CRM360_LANES; lane++) {
            histogram(&took, lane_label(status, &status->beats[i], lane),
                      &status->beats[i].handler[lane]);
        }
    }
    for (i = 0; i < status->beat_count; i++) {
        for (lane = 0; lane < CRM360_LANES; lane++) {
            histogram(&delay, lane_label(status, &status->beats[i], lane),
                      &status->beats[i].delay[lane]);
        }
    }
}

static void consumers(const status_t *status)
{
    status_t named = *status; /* without those that no label can tell from others */
    crm360_heartbeat_t *beats;
    int alive = 0;
    int i;

    if (!status->beats) {
        return;
    }
    beats = apr_palloc(status->r->pool, ((apr_size_t)status->beat_count + 1) * sizeof(*beats));
    named.beats = beats;
    named.beat_count = 0;
    for (i = 0; i < status->beat_count; i++) {
        const crm360_heartbeat_t *beat = &status->beats[i];

        alive += status_is_alive(status, beat);
        if (strlen(beat->instance) <= LABEL_MOST &&
            status_is_plain(beat->instance, status->r->pool)) {
            beats[named.beat_count++] = *beat;
        }
    }
    single(status, "crm360_consumers", "gauge",
           "crm360d that were heard of in the last 15 seconds.", alive);
    heartbeats(&named);
    workers(&named);
}

/* ---- Redis and this host ---- */

static void redis(const status_t *status)
{
    const crm360_redis_audit_t *audit = status->audit;
    family_t family = {status->r,
                       status->turn,
                       "crm360_redis_audit",
                       "gauge",
                       "1 when a setting of Redis is wrong, 0 when it is fine.",
                       0};
    int i;

    if (!audit) {
        return;
    }
    if (audit->memory_used >= 0) {
        single(status, "crm360_redis_memory_used_bytes", "gauge", "Memory that Redis uses.",
               audit->memory_used);
    }
    if (audit->memory_limit >= 0) {
        single(status, "crm360_redis_memory_limit_bytes", "gauge",
               "Memory that Redis may use, 0 = no limit.", audit->memory_limit);
    }
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        const crm360_audit_finding_t *finding = &audit->findings[i];

        if (finding->verdict != CRM360_AUDIT_UNKNOWN) {
            number(&family, label("check", finding->check, status->turn),
                   finding->verdict == CRM360_AUDIT_WRONG);
        }
    }
}

/* Answers that people watch are there from the first scrape on: a counter that appears with its
 * first event has not risen for Prometheus. */
static int is_watched(int code)
{
    return code == HTTP_OK || code == HTTP_BAD_REQUEST || code == HTTP_UNAUTHORIZED ||
           code == HTTP_NOT_FOUND || code == HTTP_REQUEST_ENTITY_TOO_LARGE ||
           code == HTTP_TOO_MANY_REQUESTS || code == HTTP_INTERNAL_SERVER_ERROR ||
           code == HTTP_SERVICE_UNAVAILABLE;
}

static void host(const status_t *status)
{
    const webhook_numbers_t *numbers = status->server->numbers;
    const status_spool_t *spool = &status->spool;
    family_t answered = {status->r,
                         status->turn,
                         "crm360_requests_total",
                         "counter",
                         "Webhooks answered by this httpd, by status.",
                         0};
    family_t push = {status->r,
                     status->turn,
                     "crm360_push_duration_seconds",
                     "histogram",
                     "How long storing a message took, in Redis or in the spool.",
                     0};
    crm360_histogram_view_t view;
    int i;

    for (i = 0; i < WEBHOOK_CODES; i++) {
        apr_uint64_t count = __atomic_load_n(&numbers->codes[i], __ATOMIC_RELAXED);

        if (count > 0 || is_watched(i + WEBHOOK_CODE_FIRST)) {
            number(&answered, apr_psprintf(status->turn, "code=\"%d\"", i + WEBHOOK_CODE_FIRST),
                   (apr_int64_t)count);
        }
    }
    crm360_histogram_read(&view, &numbers->push);
    histogram(&push, "", &view);
    single(status, "crm360_spooled_total", "counter", "Webhooks acknowledged from the spool.",
           (apr_int64_t)__atomic_load_n(&numbers->spooled, __ATOMIC_RELAXED));
    if (spool->there) {
        single(status, "crm360_spool_limit_bytes", "gauge", "Bytes that the spool may take.",
               spool->limit);
    }
    if (spool->known) {
        single(status, "crm360_spool_files", "gauge", "Messages in the spool of this host.",
               spool->files);
        single(status, "crm360_spool_bytes", "gauge", "Bytes in the spool of this host.",
               spool->bytes);
    }
}

void status_metrics(const status_t *status)
{
    family_t build = {
        status->r, status->turn, "crm360_build_info", "gauge", "The release, as a label.", 0};

    ap_set_content_type(status->r, "text/plain; version=0.0.4; charset=utf-8");
    number(&build, "version=\"" CRM360_VERSION "\"", 1);
    single(status, "crm360_redis_up", "gauge", "1 when Redis answers.",
           status->answers || status->refused);
    single(status, "crm360_redis_refuses", "gauge",
           "1 when Redis answers, and does not let the queues be looked at.", status->refused);
    if (status->answers) {
        messages(status);
        oldest(status);
        counters(status);
        paused(status);
        consumers(status);
        redis(status);
    }
    bytes(status);
    rates(status);
    host(status);
}
