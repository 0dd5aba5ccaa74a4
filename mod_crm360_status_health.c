/*
 * The parts of the status page about what runs: crm360d, Redis, the spool of this host, and what
 * this httpd has counted.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

/* ---- crm360d ---- */

static void consumer_row(const status_t *status, const crm360_heartbeat_t *beat)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int alive = status_is_alive(status, beat);
    int lane;

    ap_rvputs(
        r, "<tr><th scope=\"row\">", status_escaped(beat->instance, pool), "</th><td class=\"t\">",
        status_escaped(beat->version, pool), "</td><td class=\"", alive ? "good" : "bad", "\">",
        status_moment(apr_time_from_msec(beat->at_ms), status->now, pool), "</td><td>",
        status_moment(apr_time_from_msec(beat->started_ms), status->now, pool), "</td>", NULL);
    for (lane = 0; lane < CRM360_LANES; lane++) {
        ap_rvputs(r, "<td>", status_number(beat->workers[lane], pool), "</td>", NULL);
    }
    ap_rvputs(r, "<td>", status_number(beat->busy, pool), "</td><td>",
              status_number(beat->databases, pool), "</td><td>",
              status_number(beat->messages, pool), "</td></tr>\n", NULL);
}

static void consumers(const status_t *status)
{
    static const char *const titles[] = {
        "<crm360d", "<version", "last heard of", "started",  "live", "batch",
        "send",     "busy",     "databases",     "messages", NULL};
    request_rec *r = status->r;
    int i, alive = 0;

    ap_rputs("<h2 id=\"workers\">Workers</h2>\n", r);
    if (!status->beats) {
        ap_rputs("<p>It is not known which crm360d run.</p>\n", r);
        return;
    }
    for (i = 0; i < status->beat_count; i++) {
        alive += status_is_alive(status, &status->beats[i]);
    }
    if (!alive) {
        ap_rputs("<p class=\"bad\">No crm360d runs: what waits is not worked on.</p>\n", r);
    }
    if (status->beat_count == 0) {
        return;
    }
    status_table_begin(r, "Each crm360d, with its worker processes by lane", titles);
    for (i = 0; i < status->beat_count; i++) {
        consumer_row(status, &status->beats[i]);
    }
    status_table_end(r);
}

int status_is_alive(const status_t *status, const crm360_heartbeat_t *beat)
{
    return apr_time_from_msec(beat->at_ms) + STATUS_SILENT > status->now;
}

/* ---- Redis ---- */

static void audit(const status_t *status)
{
    static const char *const titles[] = {"<Check", "<verdict", "<code",
                                         "<what is set, or to be set", NULL};
    static const char *const verdicts[] = {"fine", "wrong", "unknown"};
    const crm360_redis_audit_t *all = status->audit;
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int i;

    ap_rputs("<h2 id=\"redis\">Redis</h2>\n", r);
    if (!all) {
        ap_rputs("<p class=\"bad\">It could not be looked at.</p>\n", r);
        return;
    }
    ap_rvputs(r, "<p>Version ", *all->version ? status_escaped(all->version, pool) : "unknown",
              ", memory ", status_size(all->memory_used, pool),
              all->memory_limit > 0
                  ? apr_pstrcat(pool, " of ", status_size(all->memory_limit, pool), NULL)
                  : "",
              ".</p>\n", NULL);
    status_table_begin(r, "How it is set up", titles);
    for (i = 0; i < CRM360_AUDIT_CHECKS; i++) {
        const crm360_audit_finding_t *finding = &all->findings[i];

        ap_rvputs(r, "<tr><th scope=\"row\">", finding->check, "</th><td class=\"t ",
                  finding->verdict == CRM360_AUDIT_WRONG  ? "bad"
                  : finding->verdict == CRM360_AUDIT_FINE ? "good"
                                                          : "soft",
                  "\">", verdicts[finding->verdict], "</td><td class=\"t\">", finding->code,
                  "</td><td class=\"wide\">", status_escaped(finding->text, pool), "</td></tr>\n",
                  NULL);
    }
    status_table_end(r);
}

/* ---- this host ---- */

static void spool(const status_t *status)
{
    static const char *const titles[] = {"files", "bytes", NULL};
    const status_spool_t *spool = &status->spool;
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;

    ap_rputs("<h2 id=\"spool\">Spool of this host</h2>\n", r);
    if (!spool->there) {
        ap_rputs("<p>There is none (Crm360Spool): while Redis is away, callers hear 503.</p>\n", r);
        return;
    }
    if (!spool->known) {
        ap_rputs("<p class=\"bad\">Its folder cannot be read.</p>\n", r);
        return;
    }
    status_table_begin(r, "What waits for Redis", titles);
    ap_rvputs(r, "<tr><td>", status_number(spool->files, pool), "</td>", NULL);
    status_used_cell(r, "bytes of the spool", spool->bytes, status_size(spool->bytes, pool),
                     spool->limit, status_size(spool->limit, pool));
    ap_rputs("</tr>\n", r);
    status_table_end(r);
}

/* The bound below which that part of all durations lies; "more than ..." behind the last. */
static const char *quantile(const crm360_histogram_view_t *view, double part, apr_pool_t *pool)
{
    apr_uint64_t all = view->upto[CRM360_HISTOGRAM_BOUNDS];
    int i;

    for (i = 0; i < CRM360_HISTOGRAM_BOUNDS; i++) {
        if ((double)view->upto[i] >= part * (double)all) {
            return apr_pstrcat(pool, "at most ", crm360_histogram_bound(i), " s", NULL);
        }
    }
    return "longer than the last bound";
}

static void intake(const status_t *status)
{
    static const char *const titles[] = {"<Status", "webhooks", NULL};
    const webhook_numbers_t *numbers = status->server->numbers;
    crm360_histogram_view_t push;
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int i, some = 0;

    ap_rputs("<h2 id=\"intake\">Intake of this httpd</h2>\n", r);
    for (i = 0; i < WEBHOOK_CODES; i++) {
        apr_uint64_t count = __atomic_load_n(&numbers->codes[i], __ATOMIC_RELAXED);

        if (count == 0) {
            continue;
        }
        if (!some++) {
            status_table_begin(r, "Webhooks answered since httpd was started", titles);
        }
        ap_rprintf(r, "<tr><th scope=\"row\">%d</th><td>%s</td></tr>\n", i + WEBHOOK_CODE_FIRST,
                   status_number((apr_int64_t)count, pool));
    }
    if (!some) {
        ap_rputs("<p>No webhook has come since httpd was started.</p>\n", r);
        return;
    }
    status_table_end(r);
    crm360_histogram_read(&push, &numbers->push);
    if (push.upto[CRM360_HISTOGRAM_BOUNDS] > 0) {
        ap_rvputs(
            r, "<p>Storing one took ", quantile(&push, 0.5, pool), " (half of them), ",
            quantile(&push, 0.99, pool), " (99 of 100). ",
            status_number((apr_int64_t)__atomic_load_n(&numbers->spooled, __ATOMIC_RELAXED), pool),
            " went to the spool.</p>\n", NULL);
    }
}

void status_health(const status_t *status)
{
    if (status->answers) {
        consumers(status);
        audit(status);
    }
    spool(status);
    intake(status);
}
