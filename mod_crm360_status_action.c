/*
 * What the forms of the status pages do: redrive and drop dead letters, make messages visible,
 * pause and resume. Must never act on a form that mod_crm360_status_form.c has not found good, nor
 * on a send of which nobody knows whether it left; and never without a line in the log that says
 * who did it.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_script.h>

#include <string.h>

#include "core/clock.h"
#include "core/queue_steer.h"
#include "core/queue_view.h"

APLOG_USE_MODULE(crm360_webhook);

/* Ids in a line of the log. */
#define LOGGED 10
/* What was parked is let go for so long; the keeper does the rest. */
#define RESUME_TIME (2 * APR_USEC_PER_SEC)

typedef struct act_t {
    status_t *status;
    status_form_t form;
    int done; /* messages; of pause and resume 1 when it changed anything */
    int left; /* not done: gone, busy, not as it was seen; of resume 1 = the keeper ends it */
    int uncertain;
} act_t;

/* ---- doing it ---- */

static void count_results(act_t *act, const crm360_admin_result_t *results, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        act->done += results[i] == CRM360_ADMIN_DONE;
        act->left += results[i] != CRM360_ADMIN_DONE;
    }
}

/* Takes out what nobody may send again blindly. */
static apr_status_t leave_uncertain(act_t *act, crm360_queue_t *queue)
{
    static const char word[] = "uncertain: "; /* consumer/dispatch_send.c */
    crm360_view_t *views;
    apr_time_t now;
    apr_status_t rv = crm360_queue_view(&views, &now, queue, act->form.keys, act->form.ids,
                                        act->form.count, act->status->r->pool);
    int kept = 0;
    int i;

    for (i = 0; i < act->form.count && rv == APR_SUCCESS; i++) {
        if (strncmp(views[i].failure.reason, word, sizeof(word) - 1) == 0) {
            act->uncertain++;
        }
        else {
            act->form.ids[kept++] = act->form.ids[i];
        }
    }
    act->form.count = rv == APR_SUCCESS ? kept : act->form.count;
    return rv;
}

static apr_status_t redrive(act_t *act, crm360_queue_t *queue)
{
    crm360_admin_result_t results[CRM360_ADMIN_MOST];
    apr_status_t rv = leave_uncertain(act, queue);

    if (rv != APR_SUCCESS || act->form.count == 0) {
        return rv;
    }
    rv = crm360_queue_redrive(results, queue, act->form.keys, act->form.ids, act->form.count, NULL,
                              act->status->r->pool);
    if (rv == APR_SUCCESS) {
        count_results(act, results, act->form.count);
    }
    return rv;
}

static apr_status_t make_visible(act_t *act, crm360_queue_t *queue)
{
    crm360_admin_result_t results[CRM360_ADMIN_MOST];
    apr_status_t rv = crm360_queue_visible(results, queue, act->form.keys, act->form.ids,
                                           act->form.count, 0, act->status->r->pool);

    if (rv == APR_SUCCESS) {
        count_results(act, results, act->form.count);
    }
    return rv;
}

/* The scores with which the confirmation page has shown them stand in the form, in its order. */
static apr_status_t drop(act_t *act, crm360_queue_t *queue)
{
    crm360_admin_result_t results[CRM360_ADMIN_MOST];
    crm360_entry_t entries[CRM360_ADMIN_MOST];
    apr_pool_t *pool = act->status->r->pool;
    const char *rest = act->form.text;
    crm360_param_pair_t pair;
    apr_status_t rv;
    int seen = 0, i;

    while (crm360_params_next(&pair, &rest) && seen < act->form.count) {
        if (crm360_params_is(pair.name, pair.name_len, "died", pool)) {
            entries[seen++].score = apr_pstrmemdup(pool, pair.value, pair.value_len);
        }
    }
    for (i = 0; i < act->form.count; i++) {
        entries[i].id = act->form.ids[i];
        /* A score that nothing has. */
        entries[i].score = i < seen && *entries[i].score ? entries[i].score : "-1";
    }
    rv = crm360_queue_drop(results, queue, act->form.keys, entries, act->form.count, pool);
    if (rv == APR_SUCCESS) {
        count_results(act, results, act->form.count);
    }
    return rv;
}

static apr_status_t hold_up(act_t *act, crm360_queue_t *queue)
{
    return crm360_queue_pause(&act->done, queue, act->form.keys, act->form.what,
                              act->status->r->pool);
}

static apr_status_t go_on(act_t *act, crm360_queue_t *queue)
{
    apr_int64_t restored;
    apr_status_t rv =
        crm360_queue_resume(&act->done, &restored, queue, act->form.keys, act->form.what,
                            crm360_clock() + RESUME_TIME, act->status->r->pool);

    act->left = APR_STATUS_IS_TIMEUP(rv);
    return act->left ? APR_SUCCESS : rv;
}

/* What can be done, and how the page says so: "2 dead letters redriven". */
typedef struct verb_t {
    const char *name;
    const char *of; /* NULL = of a lane, platform or route */
    apr_status_t (*run)(act_t *act, crm360_queue_t *queue);
    const char *said;
} verb_t;

static const verb_t verbs[] = {
    {"redrive", "dead letter", redrive, "redriven"},
    {"drop", "dead letter", drop, "dropped"},
    {"now", "message", make_visible, "made visible"},
    {"pause", NULL, hold_up, "paused"},
    {"resume", NULL, go_on, "resumed"},
};

static const verb_t *verb_of(const char *name)
{
    apr_size_t i;

    for (i = 0; name && i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* ---- what happened ---- */

/* What a form is about, for the log: what it pauses, or the first ids. To be asked before it is
 * done, which takes out what is left alone. */
static const char *about(const act_t *act, const verb_t *verb)
{
    apr_pool_t *pool = act->status->r->pool;
    const char *text = act->form.what ? act->form.what : "";
    int i;

    for (i = 0; i < act->form.count && i < LOGGED && verb->of; i++) {
        text = apr_pstrcat(pool, text, i ? ", " : "", act->form.ids[i], NULL);
    }
    return act->form.count > LOGGED && verb->of ? apr_pstrcat(pool, text, ", ...", NULL) : text;
}

/* The status goes into the text: httpd knows no name for ours. */
static void log_act(const act_t *act, const verb_t *verb, const char *what, apr_status_t rv)
{
    request_rec *r = act->status->r;
    char error[120];

    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r,
                  "status page: %s at %s: %s of %s: %d done, %d not, %d uncertain: %s%s%s",
                  r->user ? r->user : "somebody", r->useragent_ip, verb->name, act->form.keys->name,
                  act->done, act->left, act->uncertain, what,
                  rv == APR_SUCCESS ? "" : "; Redis has not confirmed it, more may be done: ",
                  rv == APR_SUCCESS ? "" : crm360_status_text(rv, error, sizeof error));
}

/* What the next page says, as its query tells it. */
static const char *purpose_of(apr_pool_t *pool, const char *database, const char *verb,
                              const char *what, int done, int left, int uncertain)
{
    return apr_psprintf(pool, "done\n%s\n%s\n%s\n%d\n%d\n%d", database, verb, what ? what : "",
                        done, left, uncertain);
}

/* 303 to the page that the form was on. */
static int go_back(const act_t *act, const verb_t *verb)
{
    request_rec *r = act->status->r;
    apr_pool_t *pool = r->pool;
    const char *back = status_param(act->form.text, "back", pool);
    const char *purpose = purpose_of(pool, act->form.keys->name, verb->name, act->form.what,
                                     act->done, act->left, act->uncertain);
    const char *id =
        back && act->form.count == 1 && strcmp(back, "message") == 0 ? act->form.ids[0] : NULL;
    const char *query = status_query(
        pool, "show", act->form.keys->name, "id", id, "did", verb->name, "what", act->form.what,
        "n", apr_itoa(pool, act->done), "left", apr_itoa(pool, act->left), "uncertain",
        apr_itoa(pool, act->uncertain), "seal", status_seal(r, act->status->server, purpose), NULL);

    apr_table_setn(r->headers_out, "Location",
                   apr_pstrcat(pool, ap_os_escape_path(pool, r->uri, 1), query, NULL));
    r->status = HTTP_SEE_OTHER;
    ap_set_content_type(r, "text/plain; charset=utf-8");
    ap_rvputs(r, "Done.\n", NULL);
    return OK;
}

const char *status_done(const status_t *status)
{
    request_rec *r = status->r;
    apr_pool_t *pool = r->pool;
    const verb_t *verb = verb_of(status_param(r->args, "did", pool));
    const char *database = status_param(r->args, "show", pool);
    const char *what = status_param(r->args, "what", pool);
    int done = (int)status_param_number(r->args, "n", 0, APR_INT32_MAX, 0, pool);
    int left = (int)status_param_number(r->args, "left", 0, APR_INT32_MAX, 0, pool);
    int uncertain = (int)status_param_number(r->args, "uncertain", 0, APR_INT32_MAX, 0, pool);

    if (!verb || !database ||
        !status_seal_fits(r, status->server,
                          purpose_of(pool, database, verb->name, what, done, left, uncertain),
                          status_param(r->args, "seal", pool))) {
        return NULL;
    }
    if (!verb->of) {
        return apr_psprintf(pool, "%s is %s%s%s.", what ? what : "", done ? "" : "already ",
                            verb->said,
                            left ? "; the rest of what had become due meanwhile follows within "
                                   "minutes, by crm360d"
                                 : "");
    }
    return apr_psprintf(
        pool, "%d %s%s %s%s%s.", done, verb->of, done == 1 ? "" : "s", verb->said,
        left ? apr_psprintf(pool, "; %d not: gone, held by a worker, or changed meanwhile", left)
             : "",
        uncertain ? apr_psprintf(pool,
                                 "; %d not, because nobody knows whether it was sent: only "
                                 "crm360ctl dead redrive --resend sends it again",
                                 uncertain)
                  : "");
}

/* ---- asking first ---- */

static int confirm(act_t *act, crm360_queue_t *queue)
{
    status_t *status = act->status;
    request_rec *r = status->r;
    crm360_view_t *views;
    apr_status_t rv;
    int i, dead = 0;

    rv = crm360_queue_view(&views, &status->now, queue, act->form.keys, act->form.ids,
                           act->form.count, r->pool);
    if (rv != APR_SUCCESS) {
        return status_refuse(r, HTTP_SERVICE_UNAVAILABLE,
                             "Redis does not answer, or does not permit it");
    }
    for (i = 0; i < act->form.count; i++) {
        dead += views[i].state == CRM360_STATE_DEAD;
    }
    status->answers = 1;
    status_html_begin(status,
                      apr_pstrcat(r->pool, "Drop dead letters of ", act->form.keys->name, NULL));
    if (dead == 0) {
        ap_rvputs(r, "<p>None of them is a dead letter any more. <a href=\"",
                  status_link(r->pool, "show", act->form.keys->name, "list", "dead", NULL),
                  "\">Back to the dead letters</a></p>\n", NULL);
        status_html_end(status);
        return OK;
    }
    ap_rputs(
        "<p><strong>They are gone for good</strong>, with the requests that they hold, and are "
        "not exported before.</p>\n<ul>\n",
        r);
    for (i = 0; i < act->form.count; i++) {
        if (views[i].state == CRM360_STATE_DEAD) {
            ap_rvputs(r, "<li><code>", status_escaped(act->form.ids[i], r->pool), "</code>, died ",
                      status_moment(views[i].at, status->now, r->pool), "</li>\n", NULL);
        }
    }
    ap_rputs("</ul>\n", r);
    status_form_begin(status, act->form.keys->name, NULL);
    for (i = 0; i < act->form.count; i++) {
        if (views[i].state == CRM360_STATE_DEAD) {
            ap_rprintf(r,
                       "<input type=\"hidden\" name=\"id\" value=\"%s\"><input type=\"hidden\" "
                       "name=\"died\" value=\"%" APR_TIME_T_FMT "\">",
                       status_escaped(act->form.ids[i], r->pool), apr_time_as_msec(views[i].at));
        }
    }
    ap_rprintf(r,
               "<input type=\"hidden\" name=\"confirm\" value=\"yes\"><button name=\"action\" "
               "value=\"drop\" class=\"danger\">Drop %d for good</button> <a href=\"%s\">Leave "
               "%s</a></form>\n",
               dead, status_link(r->pool, "show", act->form.keys->name, "list", "dead", NULL),
               dead == 1 ? "it" : "them");
    status_html_end(status);
    return OK;
}

/* ---- the way of a form ---- */

static int run(act_t *act, const verb_t *verb)
{
    crm360_queue_t *queue = act->status->server->lender->queue;
    request_rec *r = act->status->r;
    const char *confirmed = status_param(act->form.text, "confirm", r->pool);
    const char *what = about(act, verb);
    apr_status_t rv;

    if (!queue) {
        return status_refuse(r, HTTP_SERVICE_UNAVAILABLE, "there is no access to the queue");
    }
    if (verb->run == drop && (!confirmed || strcmp(confirmed, "yes") != 0)) {
        return confirm(act, queue);
    }
    rv = verb->run(act, queue);
    log_act(act, verb, what, rv);
    if (rv != APR_SUCCESS) {
        return status_refuse(
            r, HTTP_SERVICE_UNAVAILABLE,
            "Redis does not answer, or does not permit it; where it did not answer in time "
            "it may have been done all the same");
    }
    return go_back(act, verb);
}

int status_act(status_t *status)
{
    act_t *act = apr_pcalloc(status->r->pool, sizeof(*act));
    request_rec *r = status->r;
    const verb_t *verb;
    int code;

    act->status = status;
    if (!status_form_read(&act->form, &code, status)) {
        return code;
    }
    verb = verb_of(status_param(act->form.text, "action", r->pool));
    if (!verb) {
        return status_refuse(r, HTTP_BAD_REQUEST, "the form names no action");
    }
    if (verb->of ? act->form.count == 0 : !act->form.what) {
        return status_refuse(r, HTTP_BAD_REQUEST,
                             "the form names no message, or nothing that can be paused");
    }
    return run(act, verb);
}
