/*
 * The messages of a lane or the dead letters, a page at a time, with boxes to tick where the page
 * may act. Must never ask Redis for more than a page.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>

#include <string.h>

#include "core/queue_list.h"
#include "core/queue_view.h"

APLOG_USE_MODULE(crm360_webhook);

/* A list, as the query asks for it. */
typedef struct list_t {
    const char *name;  /* a lane, or "dead" */
    const char *state; /* NULL = all */
    apr_int64_t from;  /* number of the first, from 0 */
    int lane;          /* -1 = the dead letters */
    apr_int64_t total;
    crm360_page_t page;
    crm360_view_t *views;
} list_t;

static const char *const states[] = {"due", "waiting", "leased", "paused"};

/* ---- what is asked for ---- */

static void read_query(list_t *list, const status_t *status)
{
    request_rec *r = status->r;
    const char *name = status_param(r->args, "list", r->pool);
    const char *state = status_param(r->args, "state", r->pool);
    int i;

    list->name = "dead";
    list->lane = -1;
    for (i = 0; name && i < CRM360_LANES; i++) {
        if (strcmp(name, crm360_lane_name((crm360_lane_t)i)) == 0) {
            list->name = crm360_lane_name((crm360_lane_t)i);
            list->lane = i;
        }
    }
    for (i = 0; state && list->lane >= 0 && i < 4; i++) {
        if (strcmp(state, states[i]) == 0) {
            list->state = states[i];
        }
    }
    list->from = status_param_number(r->args, "from", 0, APR_INT64_C(1) << 40, 0, r->pool);
}

/* Where the wanted ones lie together. What workers hold lies among what waits, by the end of the
 * lease; what a paused lane holds has come, or is set aside as what a paused route holds
 * is. */
static crm360_list_part_t part_of(const list_t *list, const status_row_t *row)
{
    int i;

    if (!list->state) {
        return CRM360_LIST_ALL;
    }
    if (strcmp(list->state, "due") == 0) {
        return CRM360_LIST_COME;
    }
    if (strcmp(list->state, "paused") != 0) {
        return CRM360_LIST_LATER;
    }
    for (i = 0; i < row->is.paused->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(row->is.paused, i, const char *), list->name) == 0) {
            return CRM360_LIST_HELD;
        }
    }
    return CRM360_LIST_PARKED;
}

static apr_status_t fetch(list_t *list, const status_t *status, const status_row_t *row)
{
    crm360_queue_t *queue = status->server->lender->queue;
    apr_pool_t *pool = status->r->pool;
    crm360_list_t wanted = {.key = list->lane < 0 ? row->keys->dead : row->keys->lane[list->lane],
                            .now = status->now,
                            .newest_first = list->lane < 0,
                            .first = list->from,
                            .most = STATUS_LIST};
    const char **ids = apr_palloc(pool, STATUS_LIST * sizeof(*ids));
    apr_time_t now;
    apr_status_t rv;
    int i;

    wanted.part = list->lane < 0 ? CRM360_LIST_ALL : part_of(list, row);
    rv = crm360_queue_list(&list->page, &list->total, queue, &wanted, pool);
    for (i = 0; i < list->page.count; i++) {
        ids[i] = list->page.entries[i].id;
    }
    return rv == APR_SUCCESS && list->page.count > 0
               ? crm360_queue_view(&list->views, &now, queue, row->keys, ids, list->page.count,
                                   pool)
               : rv;
}

/* ---- the list ---- */

static void nav_link(const status_t *status, const status_row_t *row, const list_t *list,
                     const char *name, apr_int64_t number)
{
    apr_pool_t *pool = status->r->pool;
    const char *text = apr_pstrcat(pool, name, " (", status_number(number, pool), ")", NULL);

    if (strcmp(name, list->name) == 0 && !list->state) {
        ap_rvputs(status->r, "<strong>", text, "</strong>", NULL);
    }
    else {
        ap_rvputs(status->r, "<a href=\"",
                  status_link(pool, "show", row->keys->name, "list", name, NULL), "#messages\">",
                  text, "</a>", NULL);
    }
}

static void nav(const status_t *status, const status_row_t *row, const list_t *list)
{
    int i;

    ap_rputs("<nav aria-label=\"Lists\">", status->r);
    nav_link(status, row, list, "dead", row->is.dead);
    for (i = 0; i < CRM360_LANES; i++) {
        nav_link(status, row, list, crm360_lane_name((crm360_lane_t)i), row->is.lanes[i].messages);
    }
    ap_rputs("</nav>\n", status->r);
}

/* Whether a page shows why something failed: the words, or only their shape. */
static const char *reason_text(const status_t *status, const crm360_view_t *view)
{
    const char *reason = view->failure.reason;

    return status_escaped(
        status->messages || !*reason ? reason : crm360_reason_shape(reason, status->r->pool),
        status->r->pool);
}

static void row_of(const status_t *status, const status_row_t *row, const crm360_view_t *view)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    const char *id = status_escaped(view->id, pool);

    ap_rputs("<tr><th scope=\"row\" class=\"id\">", r);
    if (status->actions && status_is_plain(view->id, pool)) {
        ap_rvputs(r, "<input type=\"checkbox\" name=\"id\" value=\"", id, "\" aria-label=\"", id,
                  "\"> ", NULL);
    }
    ap_rvputs(r, "<a href=\"", status_link(pool, "show", row->keys->name, "id", view->id, NULL),
              "\">", id, "</a></th><td class=\"t\">", crm360_state_name(view->state), "</td><td>",
              view->at > 0 ? status_moment(view->at, status->now, pool) : "at once", "</td><td>",
              status_number(view->failure.attempts, pool), "</td><td>",
              status_size(view->bytes, pool), "</td><td class=\"wide\">", NULL);
    if (view->worker) {
        ap_rvputs(r, "held by ", status_escaped(view->worker, pool), NULL);
    }
    ap_rvputs(r, view->worker && *view->failure.reason ? "; " : "", reason_text(status, view),
              "</td></tr>\n", NULL);
}

static void pages(const status_t *status, const status_row_t *row, const list_t *list)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    apr_int64_t before = list->from > STATUS_LIST ? list->from - STATUS_LIST : 0;

    ap_rputs("<nav aria-label=\"Pages of this list\">", r);
    if (list->from > 0) {
        ap_rvputs(r, "<a href=\"",
                  status_link(pool, "show", row->keys->name, "list", list->name, "state",
                              list->state, "from", apr_psprintf(pool, "%" APR_INT64_T_FMT, before),
                              NULL),
                  "#messages\">previous</a>", NULL);
    }
    if (list->from + STATUS_LIST < list->total) {
        ap_rvputs(r, "<a href=\"",
                  status_link(pool, "show", row->keys->name, "list", list->name, "state",
                              list->state, "from",
                              apr_psprintf(pool, "%" APR_INT64_T_FMT, list->from + STATUS_LIST),
                              NULL),
                  "#messages\">next</a>", NULL);
    }
    ap_rputs("</nav>\n", r);
}

static void buttons(const status_t *status, const list_t *list)
{
    ap_rputs(list->lane < 0
                 ? "<p>With those that are ticked: <button name=\"action\" "
                   "value=\"redrive\">Redrive</button> <button name=\"action\" value=\"drop\" "
                   "class=\"danger\">Drop ...</button></p></form>\n"
                 : "<p>With those that are ticked: <button name=\"action\" value=\"now\">Make "
                   "visible now</button></p></form>\n",
             status->r);
}

/* What a list holds, for its caption. */
static const char *kind_of(const list_t *list)
{
    return list->lane < 0                       ? "newest first"
           : !list->state                       ? "the soonest first"
           : strcmp(list->state, "due") == 0    ? "due, the oldest first"
           : strcmp(list->state, "paused") == 0 ? "paused"
                                                : "waiting and in flight, the soonest first";
}

static void table(const status_t *status, const status_row_t *row, const list_t *list)
{
    static const char *const lane_titles[] = {"<Message", "<state",         "visible", "attempts",
                                              "bytes",    "<what is known", NULL};
    static const char *const dead_titles[] = {"<Message", "<state",  "died", "attempts",
                                              "bytes",    "<reason", NULL};
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    int i;

    if (status->actions) {
        status_form_begin(status, row->keys->name, NULL);
    }
    status_table_begin(r,
                       apr_psprintf(pool, "%s, %s: %s to %s of %s", list->name, kind_of(list),
                                    status_number(list->from + 1, pool),
                                    status_number(list->from + list->page.count, pool),
                                    status_number(list->total, pool)),
                       list->lane < 0 ? dead_titles : lane_titles);
    for (i = 0; i < list->page.count; i++) {
        row_of(status, row, &list->views[i]);
    }
    status_table_end(r);
    if (status->actions) {
        buttons(status, list);
    }
    pages(status, row, list);
}

void status_list(const status_t *status, const status_row_t *row)
{
    list_t list = {.lane = -1};
    request_rec *r = status->r;
    apr_status_t rv;

    read_query(&list, status);
    ap_rputs("<h2 id=\"messages\">Messages</h2>\n", r);
    nav(status, row, &list);
    rv = fetch(&list, status, row);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "status without the messages of %s",
                      row->keys->name);
        ap_rputs(
            "<p>They cannot be read: crm360.conf(5), \"Redis\", says what httpd's user of Redis "
            "needs for it.</p>\n",
            r);
    }
    else if (list.page.count == 0) {
        ap_rvputs(r, "<p>There is none", list.from > 0 ? " on this page" : "", ".</p>\n", NULL);
    }
    else {
        table(status, row, &list);
    }
}
