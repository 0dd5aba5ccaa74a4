/* The status page of one database: its lanes, what is paused, its failures, its messages. */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <string.h>

/* ---- lanes ---- */

/* A number, as a link to the list of what it counts. */
static void list_cell(const status_t *status, const status_row_t *row, const char *list,
                      const char *state, apr_int64_t number)
{
    apr_pool_t *pool = status->r->pool;

    if (number <= 0) {
        ap_rvputs(status->r, "<td>", status_number(number, pool), "</td>", NULL);
        return;
    }
    ap_rvputs(status->r, "<td><a href=\"",
              status_link(pool, "show", row->keys->name, "list", list, "state", state, NULL),
              "#messages\" aria-label=\"", list, ", ", state ? state : "all", ": ",
              status_number(number, pool), "\">", status_number(number, pool), "</a></td>", NULL);
}

static void lane_row(const status_t *status, const status_row_t *row, crm360_lane_t at)
{
    const crm360_lane_status_t *lane = &row->is.lanes[at];
    const char *name = crm360_lane_name(at);
    request_rec *r = status->r;

    ap_rvputs(r, "<tr><th scope=\"row\">", name, "</th>", NULL);
    if (lane->messages < 0) {
        ap_rvputs(r, "<td colspan=\"6\" class=\"bad\">",
                  row->is.away ? "the node of the cluster that has it does not answer"
                               : "a key of another type stands there",
                  "</td></tr>\n", NULL);
        return;
    }
    list_cell(status, row, name, "waiting", lane->waiting);
    list_cell(status, row, name, "due", lane->due);
    list_cell(status, row, name, "leased", lane->leased);
    list_cell(status, row, name, "paused", lane->paused);
    ap_rvputs(
        r, "<td>",
        lane->oldest_due > 0 ? status_moment(lane->oldest_due, status->now, r->pool) : "&ndash;",
        "</td><td>", lane->next > 0 ? status_moment(lane->next, status->now, r->pool) : "&ndash;",
        "</td></tr>\n", NULL);
}

static void lanes(const status_t *status, const status_row_t *row)
{
    static const char *const titles[] = {"<Lane",  "waiting",    "due",  "in flight",
                                         "paused", "oldest due", "next", NULL};
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int lane;

    ap_rputs("<h2 id=\"lanes\">Lanes</h2>\n", r);
    status_table_begin(r, "What waits in each lane", titles);
    for (lane = 0; lane < CRM360_LANES; lane++) {
        lane_row(status, row, (crm360_lane_t)lane);
    }
    status_table_end(r);
    ap_rvputs(r, "<p>", status_size(row->is.waiting_bytes, pool), " bytes wait in these lanes. ",
              NULL);
    if (row->is.dead > 0) {
        ap_rvputs(r, "<a href=\"", status_link(pool, "show", row->keys->name, "list", "dead", NULL),
                  "#messages\">", status_number(row->is.dead, pool),
                  " dead letters</a>, the oldest ",
                  status_moment(row->is.oldest_dead, status->now, pool), ".", NULL);
    }
    else {
        ap_rputs(row->is.dead < 0 ? "<span class=\"bad\">The dead letters are a key of another "
                                    "type.</span>"
                                  : "No dead letters.",
                 r);
    }
    ap_rputs("</p>\n", r);
}

/* ---- what is paused ---- */

static void option(request_rec *r, const char *value)
{
    ap_rvputs(r, "<option>", value, "</option>", NULL);
}

static void pause_form(const status_t *status, const status_row_t *row)
{
    request_rec *r = status->r;
    const crm360_route_t *route;
    int i;

    status_form_begin(status, row->keys->name, "row");
    ap_rputs("<label>Hold up<br><select name=\"what\"><optgroup label=\"Lanes\">", r);
    for (i = 0; i < CRM360_LANES; i++) {
        option(r, crm360_lane_name((crm360_lane_t)i));
    }
    ap_rputs("</optgroup><optgroup label=\"Platforms\">", r);
    for (i = 0; i < CRM360_PLATFORMS; i++) {
        option(r, crm360_platform_name(i));
    }
    ap_rputs("</optgroup><optgroup label=\"Routes\">", r);
    for (route = crm360_routes; route->platform; route++) {
        option(r, route->name);
    }
    ap_rputs("</optgroup></select></label> <button name=\"action\" value=\"pause\">Pause</button>"
             "</form>\n",
             r);
}

static void paused(const status_t *status, const status_row_t *row)
{
    const apr_array_header_t *list = row->is.paused;
    request_rec *r = status->r;
    int i;

    ap_rputs("<h2 id=\"paused\">Paused</h2>\n", r);
    if (!list || list->nelts == 0) {
        ap_rputs("<p>Nothing is paused.</p>\n", r);
    }
    for (i = 0; list && i < list->nelts; i++) {
        const char *what = status_escaped(APR_ARRAY_IDX(list, i, const char *), r->pool);

        if (!status->actions) {
            ap_rvputs(r, "<p><strong>", what, "</strong></p>\n", NULL);
            continue;
        }
        status_form_begin(status, row->keys->name, "row");
        ap_rvputs(r, "<input type=\"hidden\" name=\"what\" value=\"", what, "\"><strong>", what,
                  "</strong> <button name=\"action\" value=\"resume\" aria-label=\"Resume ", what,
                  "\">Resume</button></form>\n", NULL);
    }
    if (status->actions) {
        pause_form(status, row);
    }
}

void status_database(const status_t *status)
{
    const status_row_t *row = &status->rows[0];

    status_html_begin(status, row->keys->name);
    if (status->answers) {
        lanes(status, row);
        paused(status, row);
        status_failures(status);
        status_list(status, row);
        status_holders(status);
    }
    status_html_end(status);
}
