/*
 * A section in the page of mod_status: what this httpd has counted, and what is known of Redis.
 * That page is read when httpd is in trouble, so this must never ask anybody: it shows what is in
 * memory that is shared anyway. Without mod_status nothing calls it.
 */
#include "mod_crm360_private.h"

#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_protocol.h>
#include <mod_status.h>

extern module AP_MODULE_DECLARE_DATA crm360_webhook_module;

/* Sums of what is counted, by the first digit of the status. */
typedef struct sums_t {
    apr_uint64_t answered;
    apr_uint64_t by_class[6];
    apr_uint64_t stored;
    apr_uint64_t spooled;
    double mean_ms; /* of storing */
} sums_t;

static void add_up(sums_t *sums, const webhook_numbers_t *numbers)
{
    crm360_histogram_view_t push;
    int i;

    for (i = 0; i < WEBHOOK_CODES; i++) {
        apr_uint64_t count = __atomic_load_n(&numbers->codes[i], __ATOMIC_RELAXED);

        sums->answered += count;
        sums->by_class[(i + WEBHOOK_CODE_FIRST) / 100] += count;
    }
    crm360_histogram_read(&push, &numbers->push);
    sums->stored = push.upto[CRM360_HISTOGRAM_BOUNDS];
    sums->spooled = __atomic_load_n(&numbers->spooled, __ATOMIC_RELAXED);
    sums->mean_ms = sums->stored ? (double)push.sum / 1000 / (double)sums->stored : 0;
}

static apr_uint64_t seen(const webhook_numbers_t *numbers, webhook_sight_t sight)
{
    return __atomic_load_n(&numbers->seen[sight], __ATOMIC_RELAXED);
}

/* How long ago that was, seconds. */
static apr_uint64_t seen_ago(const webhook_numbers_t *numbers)
{
    apr_uint64_t now = (apr_uint64_t)apr_time_sec(apr_time_now());
    apr_uint64_t then = seen(numbers, WEBHOOK_SEEN_AT);

    return now > then ? now - then : 0;
}

/* "Name: value" lines for programs (?auto). */
static void write_lines(request_rec *r, const sums_t *sums, int away,
                        const webhook_numbers_t *numbers)
{
    static const char *const names[] = {"Waiting", "Due",  "InFlight",
                                        "Paused",  "Dead", "OldestDueSeconds"};
    int i;

    ap_rprintf(r, "Crm360Requests: %" APR_UINT64_T_FMT "\n", sums->answered);
    for (i = 2; i < 6; i++) {
        ap_rprintf(r, "Crm360Requests%dxx: %" APR_UINT64_T_FMT "\n", i, sums->by_class[i]);
    }
    ap_rprintf(r,
               "Crm360Stored: %" APR_UINT64_T_FMT "\nCrm360Spooled: %" APR_UINT64_T_FMT
               "\nCrm360PushMs: %.3f\nCrm360RedisUp: %d\n",
               sums->stored, sums->spooled, sums->mean_ms, !away);
    if (seen(numbers, WEBHOOK_SEEN_AT) == 0) {
        return;
    }
    for (i = 0; i < WEBHOOK_SEEN_AT; i++) {
        ap_rprintf(r, "Crm360%s: %" APR_UINT64_T_FMT "\n", names[i],
                   seen(numbers, (webhook_sight_t)i));
    }
    ap_rprintf(r, "Crm360SeenSecondsAgo: %" APR_UINT64_T_FMT "\n", seen_ago(numbers));
}

static void write_html(request_rec *r, const sums_t *sums, int away,
                       const webhook_numbers_t *numbers)
{
    ap_rprintf(r,
               "<hr />\n<h2>CRM360 webhooks</h2>\n<dl>\n<dt>%" APR_UINT64_T_FMT
               " webhooks answered: %" APR_UINT64_T_FMT " with 2xx, %" APR_UINT64_T_FMT
               " with 4xx, %" APR_UINT64_T_FMT " with 5xx</dt>\n<dt>%" APR_UINT64_T_FMT
               " stored, in %.3f ms on average; %" APR_UINT64_T_FMT
               " of them in the spool</dt>\n<dt>Redis %s</dt>\n",
               sums->answered, sums->by_class[2], sums->by_class[4], sums->by_class[5],
               sums->stored, sums->mean_ms, sums->spooled,
               away ? "was out of reach when it was asked last"
                    : "answered when it was asked last");
    if (seen(numbers, WEBHOOK_SEEN_AT)) {
        ap_rprintf(r,
                   "<dt>%" APR_UINT64_T_FMT " s ago: %" APR_UINT64_T_FMT
                   " waiting, %" APR_UINT64_T_FMT " due, %" APR_UINT64_T_FMT
                   " in flight, %" APR_UINT64_T_FMT " paused, %" APR_UINT64_T_FMT
                   " dead letters</dt>\n",
                   seen_ago(numbers), seen(numbers, WEBHOOK_WAITING), seen(numbers, WEBHOOK_DUE),
                   seen(numbers, WEBHOOK_LEASED), seen(numbers, WEBHOOK_PAUSED),
                   seen(numbers, WEBHOOK_DEAD));
    }
    ap_rputs("</dl>\n", r);
}

/* status_hook, RUN_ALL: OK or DECLINED. */
static int show(request_rec *r, int flags)
{
    const webhook_server_t *server =
        ap_get_module_config(r->server->module_config, &crm360_webhook_module);
    sums_t sums = {.answered = 0};
    int away;

    if (!server->numbers) {
        return DECLINED;
    }
    add_up(&sums, server->numbers);
    away = !server->lender->queue || crm360_queue_is_away(server->lender->queue);
    if (flags & AP_STATUS_SHORT) {
        write_lines(r, &sums, away, server->numbers);
    }
    else {
        write_html(r, &sums, away, server->numbers);
    }
    return OK;
}

void webhook_server_status_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, show, NULL, NULL, APR_HOOK_MIDDLE);
}
