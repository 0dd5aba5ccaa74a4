/*
 * The status page of one message: where it is, what it has been through, and, where the location
 * says so, the request itself. Must never show a byte of it, nor of a reason, elsewhere.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

#include "core/queue_list.h"
#include "core/queue_view.h"

/* So much of a request is shown, bytes. */
#define SHOWN 16384

static void fact(request_rec *r, const char *name, const char *value)
{
    ap_rvputs(r, "<dt>", name, "</dt><dd>", value, "</dd>\n", NULL);
}

/* When a message came: its id says so (a ULID: 48 bits of ms in Crockford's base32); 0 = it does
 * not. */
static apr_time_t received(const char *id)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    apr_int64_t ms = 0;
    int i;

    for (i = 0; i < 10; i++) {
        const char *digit = id[i] ? strchr(digits, id[i]) : NULL;

        if (!digit) {
            return 0;
        }
        ms = ms * 32 + (digit - digits);
    }
    return ms < APR_INT64_C(1) << 48 ? apr_time_from_msec(ms) : 0;
}

static const char *time_name(crm360_state_t state)
{
    switch (state) {
    case CRM360_STATE_DEAD:
        return "died";
    case CRM360_STATE_LEASED:
        return "lease ends";
    default:
        return "visible";
    }
}

static void facts(const status_t *status, const crm360_view_t *view)
{
    const crm360_route_t *route = crm360_id_route(view->id);
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    const char *when = view->at > 0 ? status_moment_full(view->at, status->now, pool) : "at once";

    ap_rputs("<dl class=\"facts\">", r);
    fact(r, "state",
         apr_pstrcat(pool, "<strong>", crm360_state_name(view->state), "</strong>", NULL));
    if (view->state != CRM360_STATE_GONE && view->state != CRM360_STATE_LOST) {
        fact(r, "lane", crm360_lane_name(view->lane));
        fact(r, time_name(view->state), when);
    }
    fact(r, "route", route ? route->name : "unknown");
    if (received(view->id)) {
        fact(r, "received", status_moment_full(received(view->id), status->now, pool));
    }
    if (view->worker) {
        fact(r, "held by", status_escaped(view->worker, pool));
        fact(r, "since", status_moment_full(view->since, status->now, pool));
        fact(r, "was due", status_moment_full(view->due, status->now, pool));
    }
    fact(r, "stored",
         view->bytes > 0 ? apr_pstrcat(pool, status_number(view->bytes, pool), " bytes", NULL)
                         : "no");
    fact(r, "attempts",
         apr_psprintf(pool, "%d, of which %d crashed and %d ran out of their lease",
                      view->failure.attempts, view->failure.crashes, view->failure.expiries));
    ap_rputs("</dl>\n", r);
}

static void history(const status_t *status, const crm360_view_t *view)
{
    static const char *const titles[] = {"<When", "<What", NULL};
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int i;

    ap_rputs("<h2 id=\"history\">History</h2>\n", r);
    if (view->event_count == 0) {
        ap_rputs("<p>It has not failed.</p>\n", r);
        return;
    }
    status_table_begin(r, "What went wrong, the last 20 times", titles);
    for (i = 0; i < view->event_count; i++) {
        const crm360_event_t *event = &view->events[i];
        const char *reason =
            status->messages ? event->reason : crm360_reason_shape(event->reason, pool);

        ap_rvputs(r, "<tr><td class=\"when\">",
                  event->at > 0 ? status_moment_full(event->at, status->now, pool) : "&ndash;",
                  "</td><td class=\"wide\">", status_escaped(reason, pool), "</td></tr>\n", NULL);
    }
    status_table_end(r);
    if (!status->messages) {
        ap_rputs("<p class=\"soft\">Ids, numbers and quoted values are left out "
                 "(Crm360StatusMessages).</p>\n",
                 r);
    }
}

static void actions(const status_t *status, const crm360_view_t *view)
{
    request_rec *r = status->r;
    int is_dead = view->state == CRM360_STATE_DEAD;

    if (!status->actions || (!is_dead && view->state != CRM360_STATE_WAITING)) {
        return;
    }
    if (!status_is_plain(view->id, r->pool)) {
        ap_rputs("<p>Its id has bytes that no form can carry; crm360ctl can act on it.</p>\n", r);
        return;
    }
    status_form_begin(status, status->rows[0].keys->name, NULL);
    ap_rvputs(r, "<input type=\"hidden\" name=\"id\" value=\"", status_escaped(view->id, r->pool),
              "\"><input type=\"hidden\" name=\"back\" value=\"message\">",
              is_dead ? "<button name=\"action\" value=\"redrive\">Redrive</button> <button "
                        "name=\"action\" value=\"drop\" class=\"danger\">Drop ...</button>"
                      : "<button name=\"action\" value=\"now\">Make visible now</button>",
              "</form>\n", NULL);
}

static void request(const status_t *status, const crm360_view_t *view)
{
    request_rec *r = status->r;
    const char *data;
    apr_size_t len = 0;
    apr_status_t rv;

    ap_rputs("<h2 id=\"request\">Request</h2>\n", r);
    if (!status->messages) {
        ap_rputs("<p>It holds personal data, and is not shown here (Crm360StatusMessages).</p>\n",
                 r);
        return;
    }
    rv = crm360_queue_peek(&data, &len, status->server->lender->queue, status->rows[0].keys,
                           view->id, SHOWN, r->pool);
    if (rv != APR_SUCCESS) {
        ap_rputs("<p>It cannot be read: crm360.conf(5), \"Redis\", says what httpd's user of Redis "
                 "needs for it.</p>\n",
                 r);
        return;
    }
    /* What stands behind a NUL is no text. */
    ap_rvputs(r, "<pre tabindex=\"0\">",
              status_escaped(apr_pstrmemdup(r->pool, data, len), r->pool), "</pre>\n", NULL);
    if (view->bytes > SHOWN) {
        ap_rprintf(r, "<p>The first %s of %s bytes.</p>\n", status_number(SHOWN, r->pool),
                   status_number(view->bytes, r->pool));
    }
}

void status_message(const status_t *status, const char *id)
{
    request_rec *r = status->r;
    const status_row_t *row = &status->rows[0];
    crm360_view_t *view;
    apr_time_t now;
    int known = status->answers && crm360_queue_view(&view, &now, status->server->lender->queue,
                                                     row->keys, &id, 1, r->pool) == APR_SUCCESS;

    status_html_begin(status, id);
    ap_rvputs(r, "<p>In <a href=\"", status_link(r->pool, "show", row->keys->name, NULL), "\">",
              status_escaped(row->keys->name, r->pool), "</a></p>\n", NULL);
    if (known) {
        facts(status, view);
        actions(status, view);
        history(status, view);
        if (view->bytes > 0) {
            request(status, view);
        }
    }
    else if (status->answers) {
        ap_rputs("<p>It cannot be read: crm360.conf(5), \"Redis\", says what httpd's user of Redis "
                 "needs for it.</p>\n",
                 r);
    }
    status_html_end(status);
}
