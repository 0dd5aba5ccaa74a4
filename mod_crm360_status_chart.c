/*
 * What was there over time, as lines in SVG: no script, no picture from elsewhere. The same is in a
 * table behind them. Must never draw a line where nobody counted.
 */
#include "mod_crm360_status.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include <stddef.h>
#include <string.h>

#define WIDTH 1000
#define HEIGHT 100
/* Rows of the table: not each minute. */
#define ROWS 12
/* Lines of one chart at most. */
#define LINES 3

/* What a chart shows of a minute; -1 = nobody counted. */
typedef apr_int64_t value_of_t(const status_t *status, int minute);

typedef struct line_t {
    const char *name;
    const char *class_name; /* of status_page.css: color and dashes */
    value_of_t *value;
} line_t;

typedef struct chart_t {
    const char *title;
    const char *id;
    line_t lines[LINES]; /* ends with one without a name */
} chart_t;

/* ---- values ---- */

static apr_int64_t of_lanes(const status_t *status, int minute, apr_size_t member)
{
    const crm360_history_t *at = &status->history[minute];
    apr_int64_t sum = 0;
    int i;

    for (i = 0; i < CRM360_LANES; i++) {
        sum += *(const apr_int64_t *)(const void *)((const char *)&at->lanes[i] + member);
    }
    return at->known ? sum : -1;
}

static apr_int64_t waiting(const status_t *status, int minute)
{
    return of_lanes(status, minute, offsetof(crm360_history_lane_t, waiting));
}

static apr_int64_t due(const status_t *status, int minute)
{
    return of_lanes(status, minute, offsetof(crm360_history_lane_t, due));
}

static apr_int64_t dead(const status_t *status, int minute)
{
    return status->history[minute].known ? status->history[minute].dead : -1;
}

/* What a counter has grown by since the last minute that is known; a counter that was begun anew
 * has grown by what it is. For a minute, as a mean over a gap. */
static apr_int64_t growth(const status_t *status, int minute, apr_size_t member)
{
    const crm360_history_t *at = &status->history[minute];
    apr_int64_t now = *(const apr_int64_t *)(const void *)((const char *)at + member);
    apr_int64_t then;
    int before = minute - 1;

    while (before >= 0 && !status->history[before].known) {
        before--;
    }
    if (!at->known || before < 0) {
        return -1;
    }
    then = *(const apr_int64_t *)(const void *)((const char *)&status->history[before] + member);
    return (now >= then ? now - then : now) / (minute - before);
}

static apr_int64_t received(const status_t *status, int minute)
{
    return growth(status, minute, offsetof(crm360_history_t, received));
}

static apr_int64_t done(const status_t *status, int minute)
{
    return growth(status, minute, offsetof(crm360_history_t, done));
}

static apr_int64_t died(const status_t *status, int minute)
{
    return growth(status, minute, offsetof(crm360_history_t, died));
}

static const chart_t charts[] = {
    {"Messages",
     "messages",
     {{"waiting", "one", waiting}, {"due", "two", due}, {"dead letters", "three", dead}}},
    {"Messages a minute",
     "rates",
     {{"received", "one", received}, {"done", "two", done}, {"died", "three", died}}},
};

/* ---- drawing ---- */

/* The largest value of all lines, rounded up to a digit and zeros. */
static apr_int64_t scale_of(const status_t *status, const chart_t *chart)
{
    apr_int64_t most = 1, unit = 1;
    int line, i;

    for (line = 0; line < LINES; line++) {
        for (i = 0; i < status->minutes; i++) {
            apr_int64_t value = chart->lines[line].value(status, i);

            most = value > most ? value : most;
        }
    }
    while (unit <= most / 10) {
        unit *= 10;
    }
    return most > APR_INT64_MAX / 2 ? most : (most + unit - 1) / unit * unit;
}

/* The path of a line: it is broken where nobody counted. */
static void draw_line(const status_t *status, const line_t *line, apr_int64_t scale)
{
    request_rec *r = status->r;
    int last = status->minutes > 1 ? status->minutes - 1 : 1;
    int drawing = 0;
    int i;

    ap_rvputs(r, "<path class=\"", line->class_name, "\" d=\"", NULL);
    for (i = 0; i < status->minutes; i++) {
        apr_int64_t value = line->value(status, i);

        if (value >= 0) {
            ap_rprintf(r, "%c%d %.1f", drawing ? 'L' : 'M', i * WIDTH / last,
                       HEIGHT - 2 - (double)value * (HEIGHT - 4) / (double)scale);
            if (!drawing) {
                ap_rputs("h1", r); /* so that a minute alone is seen */
            }
        }
        /* The minute that runs may not be written yet, and one may be late: that is no gap. */
        drawing = value >= 0 || (drawing && i > 0 && line->value(status, i - 1) >= 0);
    }
    ap_rputs("\"/>", r);
}

static void draw(const status_t *status, const chart_t *chart)
{
    request_rec *r = status->r;
    apr_int64_t scale = scale_of(status, chart);
    const char *span = status_span(apr_time_from_sec(status->minutes * 60), r->pool);
    int i;

    ap_rvputs(r, "<figure><figcaption><strong>", chart->title, "</strong> &nbsp; ", NULL);
    for (i = 0; i < LINES; i++) {
        ap_rvputs(
            r, "<span class=\"key\"><svg viewBox=\"0 0 28 8\" aria-hidden=\"true\"><path class=\"",
            chart->lines[i].class_name, "\" d=\"M0 4h28\"/></svg>", chart->lines[i].name, "</span>",
            NULL);
    }
    ap_rprintf(r,
               "</figcaption>\n<div class=\"plot\"><div class=\"axis\"><span>%s</span></div>"
               "<svg role=\"img\" aria-labelledby=\"%s-title\" viewBox=\"0 0 %d %d\" "
               "preserveAspectRatio=\"none\"><title id=\"%s-title\">%s over the last %s; the table "
               "below has the numbers</title><path class=\"grid\" d=\"M0 2H%dM0 %dH%dM0 %dH%d\"/>",
               status_number(scale, r->pool), chart->id, WIDTH, HEIGHT, chart->id, chart->title,
               span, WIDTH, HEIGHT / 2, WIDTH, HEIGHT - 2, WIDTH);
    for (i = 0; i < LINES; i++) {
        draw_line(status, &chart->lines[i], scale);
    }
    ap_rvputs(r, "</svg><div class=\"axis\"><span>", span, " ago</span><span>",
              status_span(apr_time_from_sec(status->minutes * 30), r->pool),
              " ago</span><span>now</span></div></div></figure>\n", NULL);
}

/* ---- the same as a table ---- */

static void table_row(const status_t *status, int minute)
{
    request_rec *r = status->r;
    apr_size_t chart, line;

    ap_rvputs(r, "<tr><th scope=\"row\">",
              status_moment(status->history[minute].at, status->now, r->pool), "</th>", NULL);
    for (chart = 0; chart < sizeof(charts) / sizeof(*charts); chart++) {
        for (line = 0; line < LINES; line++) {
            apr_int64_t value = charts[chart].lines[line].value(status, minute);

            ap_rvputs(r, "<td>", value < 0 ? "&ndash;" : status_number(value, r->pool), "</td>",
                      NULL);
        }
    }
    ap_rputs("</tr>\n", r);
}

static void table(const status_t *status)
{
    static const char *const titles[] = {
        "Minute",        "waiting",       "due", "dead letters", "received a minute",
        "done a minute", "died a minute", NULL};
    request_rec *r = status->r;
    int step = status->minutes > ROWS ? status->minutes / ROWS : 1;
    int i;

    ap_rputs("<details><summary>The numbers of these charts</summary>\n", r);
    status_table_begin(r, "Some of these minutes", titles);
    for (i = status->minutes - 1; i >= 0; i -= step) {
        table_row(status, i);
    }
    status_table_end(r);
    ap_rputs("</details>\n", r);
}

void status_charts(const status_t *status)
{
    static const struct {
        const char *value;
        const char *text;
    } spans[] = {{"1", "1 hour"}, {"6", "6 hours"}, {"24", "24 hours"}};
    request_rec *r = status->r;
    int known = 0;
    apr_size_t i;

    ap_rputs("<h2 id=\"time\">Over time</h2>\n<nav aria-label=\"Span of time\">", r);
    for (i = 0; i < 3; i++) {
        int here = status->minutes == 60 * (int)apr_atoi64(spans[i].value);

        if (here) {
            ap_rvputs(r, "<strong>", spans[i].text, "</strong>", NULL);
        }
        else {
            ap_rvputs(r, "<a href=\"",
                      status_link(r->pool, "database", *status->filter ? status->filter : NULL,
                                  "page", status->page > 1 ? apr_itoa(r->pool, status->page) : NULL,
                                  "hours", spans[i].value, NULL),
                      "#time\">", spans[i].text, "</a>", NULL);
        }
    }
    ap_rputs("</nav>\n", r);
    if (!status->history) {
        ap_rputs("<p>It cannot be read: crm360.conf(5), \"Redis\", says what httpd's user of Redis "
                 "needs for it.</p>\n",
                 r);
        return;
    }
    for (i = 0; i < (apr_size_t)status->minutes; i++) {
        known += status->history[i].known;
    }
    if (!known) {
        ap_rputs("<p>Nothing is written down of this time: crm360d does it, once a minute.</p>\n",
                 r);
        return;
    }
    for (i = 0; i < sizeof(charts) / sizeof(*charts); i++) {
        draw(status, &charts[i]);
    }
    ap_rputs("<p class=\"soft\">All databases of crm360d together.</p>\n", r);
    table(status);
}
