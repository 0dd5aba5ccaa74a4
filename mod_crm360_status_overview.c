/* The first status page: all databases, or those that begin with a name. */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

static const char *period(const crm360_rate_t *rate)
{
    return rate->seconds == 1 ? "s" : rate->seconds == 60 ? "m" : "h";
}

static void name_cell(request_rec *r, const status_row_t *row)
{
    ap_rvputs(r, "<tr><th scope=\"row\"><a href=\"",
              status_link(r->pool, "show", row->keys->name, NULL), "\">",
              status_escaped(row->keys->name, r->pool), "</a></th>", NULL);
}

/* ---- what waits ---- */

static void tile(request_rec *r, const char *name, const char *value, int is_bad)
{
    ap_rvputs(r, "<div><dt>", name, "</dt><dd", is_bad ? " class=\"bad\"" : "", ">", value,
              "</dd></div>", NULL);
}

static void tiles(const status_t *status)
{
    const crm360_lane_status_t *all = &status->all;
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;

    ap_rputs("<dl class=\"tiles\">", r);
    tile(r, "waiting", status_number(all->waiting, pool), 0);
    tile(r, "due", status_number(all->due, pool), 0);
    tile(r, "in flight", status_number(all->leased, pool), 0);
    tile(r, "paused", status_number(all->paused, pool), 0);
    tile(r, "dead letters", status_number(status->dead, pool), status->dead > 0);
    tile(r, "oldest due",
         all->oldest_due > 0 ? status_moment(all->oldest_due, status->now, pool) : "none", 0);
    ap_rputs("</dl>\n", r);
}

/* What is in none of the sums: who reads them has to know before. */
static void unseen(const status_t *status)
{
    request_rec *r = status->r;
    int i, away = 0, odd = 0;

    for (i = 0; i < status->count; i++) {
        away += status->rows[i].is.away;
        odd += status->rows[i].odd || (!status->rows[i].is.away && status->rows[i].is.dead < 0);
    }
    if (away) {
        ap_rprintf(r,
                   "<p class=\"bad\">%d of these databases cannot be seen: the node of the cluster "
                   "that has them does not answer (CRM0101). They are in none of the sums.</p>\n",
                   away);
    }
    if (odd) {
        ap_rprintf(r,
                   "<p class=\"bad\">A key of another type stands where a queue of ours should be, "
                   "in %d of these databases; it is left out of the sums. crm360d sets it aside "
                   "(CRM0120).</p>\n",
                   odd);
    }
}

static void lanes(const status_t *status)
{
    static const char *const titles[] = {"<Lane",  "waiting",    "due", "in flight",
                                         "paused", "oldest due", NULL};
    request_rec *r = status->r;
    int lane;

    ap_rputs("<h2 id=\"lanes\">Lanes</h2>\n", r);
    status_table_begin(
        r, status->pages > 1 ? "The databases of this page together" : "These databases together",
        titles);
    for (lane = 0; lane < CRM360_LANES; lane++) {
        ap_rvputs(r, "<tr><th scope=\"row\">", crm360_lane_name((crm360_lane_t)lane), "</th>",
                  NULL);
        status_lane_cells(r, &status->lanes[lane], status->now);
        ap_rputs("</tr>\n", r);
    }
    status_table_end(r);
}

static void page_link(const status_t *status, int page, const char *text)
{
    apr_pool_t *pool = status->r->pool;

    if (page >= 1 && page <= status->pages && page != status->page) {
        ap_rvputs(status->r, " <a href=\"",
                  status_link(pool, "database", *status->filter ? status->filter : NULL, "page",
                              apr_psprintf(pool, "%d", page), NULL),
                  "#databases\">", text, "</a>", NULL);
    }
}

static void find_form(const status_t *status)
{
    request_rec *r = status->r;

    ap_rvputs(
        r,
        "<form class=\"row\" action=\"#databases\"><label>Databases that begin with<br><input "
        "name=\"database\" value=\"",
        status_escaped(status->filter, r->pool),
        "\" placeholder=\"customer/alias\"></label> <button>Show</button></form>\n", NULL);
    ap_rprintf(r, "<p>%s %s", status_number(status->matching, r->pool),
               status->matching == 1 ? "database" : "databases");
    if (status->page > status->pages) {
        ap_rprintf(r, ", and none on page %d.", status->page);
        page_link(status, status->pages, "The last page");
    }
    else if (status->pages > 1) {
        ap_rprintf(r, ", page %d of %d.", status->page, status->pages);
        page_link(status, status->page - 1, "previous");
        page_link(status, status->page + 1, "next");
    }
    ap_rputs("</p>\n", r);
}

/* The rest of a row of which nothing is known; `columns` without its name. 0 when it is known. */
static int away_cell(request_rec *r, const status_row_t *row, int columns)
{
    if (row->is.away) {
        ap_rprintf(r,
                   "<td colspan=\"%d\" class=\"bad\">its node of the cluster does not "
                   "answer</td></tr>\n",
                   columns);
    }
    return row->is.away;
}

static void row_cells(const status_t *status, const status_row_t *row)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    crm360_lane_status_t sum = row->lanes;

    name_cell(r, row);
    if (away_cell(r, row, 8)) {
        return;
    }
    if (row->odd) { /* what the others hold is not what all hold */
        sum = (crm360_lane_status_t){.messages = -1};
    }
    status_used_cell(r, apr_pstrcat(pool, "messages of ", row->keys->name, NULL), sum.messages,
                     status_number(sum.messages, pool), row->odd ? 0 : row->most.messages,
                     status_number(row->most.messages, pool));
    status_lane_cells(r, &sum, status->now);
    status_used_cell(r, apr_pstrcat(pool, "bytes of ", row->keys->name, NULL),
                     row->is.waiting_bytes, status_size(row->is.waiting_bytes, pool),
                     row->most.bytes, status_size(row->most.bytes, pool));
    ap_rvputs(r, "<td>", status_number(row->is.dead, pool), "</td></tr>\n", NULL);
}

static void databases(const status_t *status)
{
    static const char *const titles[] = {"<Database",    "together", "waiting",    "due",
                                         "in flight",    "paused",   "oldest due", "bytes",
                                         "dead letters", NULL};
    request_rec *r = status->r;
    int i;

    status_table_begin(r, "What waits in each database", titles);
    for (i = 0; i < status->count; i++) {
        row_cells(status, &status->rows[i]);
    }
    status_table_end(r);
}

/* ---- failures and holders ---- */

static void failure_row(const status_t *status, const crm360_reason_t *reason)
{
    apr_pool_t *pool = status->r->pool;

    ap_rvputs(status->r, "<tr><td>", status_number(reason->dead, pool), "</td><td>",
              status_number(reason->retried, pool), "</td><td class=\"wide\">",
              status_escaped(reason->text, pool), "</td><td class=\"t\"><a href=\"",
              status_link(pool, "show", reason->database, "id", reason->id, NULL),
              "\" aria-label=\"Example: ", status_escaped(reason->id, pool),
              "\">example</a></td></tr>\n", NULL);
}

void status_failures(const status_t *status)
{
    static const char *const titles[] = {"dead", "tried again", "<Reason", "<Example", NULL};
    /* More groups than these tell nobody anything. */
    enum { MOST = 50 };
    const apr_array_header_t *list = status->reasons ? crm360_reasons_list(status->reasons) : NULL;
    request_rec *r = status->r;
    int i;

    ap_rputs("<h2 id=\"failures\">Failures by reason</h2>\n", r);
    if (!list) {
        ap_rputs(
            "<p>They cannot be read: crm360.conf(5), \"Redis\", says what httpd's user of Redis "
            "needs for it.</p>\n",
            r);
        return;
    }
    if (list->nelts == 0) {
        ap_rputs("<p>Nothing has failed that is still here.</p>\n", r);
        return;
    }
    status_table_begin(
        r,
        apr_psprintf(r->pool, "%s messages: the newest dead letters, and those tried again next",
                     status_number(crm360_reasons_count(status->reasons), r->pool)),
        titles);
    for (i = 0; i < list->nelts && i < MOST; i++) {
        failure_row(status, &APR_ARRAY_IDX(list, i, crm360_reason_t));
    }
    status_table_end(r);
    ap_rputs("<p class=\"soft\">Ids, numbers and quoted values are left out, so that reasons form "
             "groups.</p>\n",
             r);
}

void status_holders(const status_t *status)
{
    static const char *const titles[] = {"<Worker", "<Database", "messages", "since", NULL};
    request_rec *r = status->r;
    int some = 0;
    int i, at;

    ap_rputs("<h2 id=\"flight\">In flight by worker</h2>\n", r);
    for (i = 0; i < status->count; i++) {
        const apr_array_header_t *holders = status->rows[i].is.holders;

        for (at = 0; holders && at < holders->nelts; at++) {
            const crm360_holder_t *holder = &APR_ARRAY_IDX(holders, at, crm360_holder_t);

            if (!some++) {
                status_table_begin(r, "Who holds what", titles);
            }
            ap_rvputs(r, "<tr><th scope=\"row\" class=\"id\">",
                      status_escaped(holder->worker, r->pool), "</th><td class=\"t\">",
                      status_escaped(status->rows[i].keys->name, r->pool), "</td><td>",
                      status_number(holder->messages, r->pool), "</td><td>",
                      status_moment(holder->since, status->now, r->pool), "</td></tr>\n", NULL);
        }
    }
    if (some) {
        status_table_end(r);
    }
    else {
        ap_rputs("<p>Nobody holds a message.</p>\n", r);
    }
}

/* ---- counters, limits ---- */

static void counters(const status_t *status)
{
    const char *titles[CRM360_COUNTERS + 2] = {"<Database"};
    request_rec *r = status->r;
    int i, at;

    for (at = 0; at < CRM360_COUNTERS; at++) {
        titles[at + 1] = crm360_counter_name(at);
    }
    titles[CRM360_COUNTERS + 1] = NULL;
    ap_rputs("<h2 id=\"counters\">Since the beginning</h2>\n", r);
    status_table_begin(r, "What became of messages", titles);
    for (i = 0; i < status->count; i++) {
        name_cell(r, &status->rows[i]);
        if (away_cell(r, &status->rows[i], CRM360_COUNTERS)) {
            continue;
        }
        for (at = 0; at < CRM360_COUNTERS; at++) {
            ap_rvputs(r, "<td>", status_number(status->rows[i].is.counters[at], r->pool), "</td>",
                      NULL);
        }
        ap_rputs("</tr>\n", r);
    }
    status_table_end(r);
}

static void rate_row(const status_t *status, const status_row_t *row, const status_rate_t *rate)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;

    name_cell(r, row);
    ap_rprintf(r, "<td class=\"t\">%s</td><td>%d/%s</td>", crm360_platform_name(rate->platform),
               rate->rate.number, period(&rate->rate));
    status_used_cell(r, apr_pstrcat(pool, "rate of ", row->keys->name, NULL), rate->used,
                     status_number(rate->used, pool), rate->rate.number,
                     status_number(rate->rate.number, pool));
    ap_rvputs(r, "<td>", status_number((apr_int64_t)rate->refused, pool), "</td></tr>\n", NULL);
}

static void rates(const status_t *status)
{
    static const char *const titles[] = {"<Database", "<Platform",         "limit",
                                         "used now",  "answered with 429", NULL};
    request_rec *r = status->r;
    int some = 0;
    int i, at;

    ap_rputs("<h2 id=\"rates\">Rates</h2>\n", r);
    for (i = 0; i < status->count; i++) {
        const status_row_t *row = &status->rows[i];

        for (at = 0; at < row->rates->nelts; at++) {
            if (!some++) {
                status_table_begin(r, "Of this host, since its httpd was (re)started", titles);
            }
            rate_row(status, row, &APR_ARRAY_IDX(row->rates, at, status_rate_t));
        }
    }
    if (some) {
        status_table_end(r);
    }
    else {
        ap_rputs("<p>None of these databases has a limit (Crm360Rate).</p>\n", r);
    }
}

static void places(const status_t *status)
{
    static const char *const titles[] = {
        "<Location",  "body", "body with BatchMode", "header fields", "parameters",
        "durability", NULL};
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int i;

    ap_rputs("<h2 id=\"locations\">Locations</h2>\n", r);
    status_table_begin(r, "Where webhooks are taken in, and how large they may be", titles);
    for (i = 0; i < status->places->nelts; i++) {
        const status_place_t *place = &APR_ARRAY_IDX(status->places, i, status_place_t);
        const crm360_location_t *location = place->location;

        ap_rprintf(
            r,
            "<tr><th "
            "scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td><td>%d</td><td>%s</td></tr>\n",
            status_escaped(place->path, pool),
            status_size(crm360_location_max_body(location), pool),
            status_size(crm360_location_max_batch_body(location), pool),
            status_size(crm360_location_max_headers(location), pool),
            crm360_location_max_parameters(location),
            crm360_durability_name(crm360_location_durability(location)));
    }
    status_table_end(r);
}

void status_overview(const status_t *status)
{
    status_html_begin(status, NULL);
    if (status->answers) {
        unseen(status);
        tiles(status);
        status_charts(status);
        lanes(status);
    }
    ap_rputs("<h2 id=\"databases\">Databases</h2>\n", status->r);
    find_form(status);
    if (status->answers) {
        databases(status);
        status_failures(status);
        status_holders(status);
    }
    status_health(status);
    rates(status);
    if (status->answers) {
        counters(status);
    }
    places(status);
    status_html_end(status);
}
