/*
 * What the status pages in HTML are made of. Must never let a text from elsewhere into a page
 * unescaped.
 */
#include "mod_crm360_status.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <util_script.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/charset.h"
#include "core/digest.h"
#include "core/embedded.h"
#include "core/version.h"

/* ---- texts ---- */

/* Control characters, of which HTML allows few, and those that turn the direction of a line. */
static int is_unseen(const unsigned char *at)
{
    return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) ||
           (*at == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
           (*at == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
}

static apr_size_t bytes_of(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : 3;
}

const char *status_escaped(const char *text, apr_pool_t *pool)
{
    apr_size_t len, i;
    const unsigned char *at = (const void *)crm360_utf8_clean(&len, text, strlen(text), pool);
    char *seen = apr_palloc(pool, len * 3 + 1);
    char *to = seen;

    for (i = 0; i < len;) {
        if (at[i] == '\r' && i + 1 < len && at[i + 1] == '\n') {
            i++; /* an end of line */
        }
        else if (is_unseen(at + i) && at[i] != '\n' && at[i] != '\t') {
            memcpy(to, "\xef\xbf\xbd", 3); /* U+FFFD */
            to += 3;
            i += bytes_of(at[i]);
        }
        else {
            *to++ = (char)at[i++];
        }
    }
    *to = '\0';
    return ap_escape_html2(pool, seen, 0);
}

int status_is_plain(const char *text, apr_pool_t *pool)
{
    apr_size_t len, i;
    const char *clean = crm360_utf8_clean(&len, text, strlen(text), pool);

    if (len != strlen(text) || memcmp(clean, text, len) != 0) {
        return 0;
    }
    for (i = 0; i < len && !is_unseen((const unsigned char *)text + i); i++) {
    }
    return i == len;
}

const char *status_number(apr_int64_t number, apr_pool_t *pool)
{
    char *digits, *text;
    apr_size_t len, i;

    if (number < 0) {
        return "?";
    }
    digits = apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
    len = strlen(digits);
    text = apr_palloc(pool, len + len / 3 + 1);
    number = 0; /* now: where to write */
    for (i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            text[number++] = ',';
        }
        text[number++] = digits[i];
    }
    text[number] = '\0';
    return text;
}

const char *status_size(apr_int64_t bytes, apr_pool_t *pool)
{
    const char *text = bytes < 0 ? "?" : apr_strfsize(bytes, apr_palloc(pool, 5));

    text += strspn(text, " ");
    return apr_pstrmemdup(pool, text, strcspn(text, " "));
}

const char *status_span(apr_interval_time_t span, apr_pool_t *pool)
{
    apr_int64_t seconds = apr_time_sec(span < 0 ? -span : span);

    if (seconds < 120) {
        return apr_psprintf(pool, "%d s", (int)seconds);
    }
    if (seconds < 7200) {
        return apr_psprintf(pool, "%d min", (int)(seconds / 60));
    }
    return seconds < 172800 ? apr_psprintf(pool, "%d h", (int)(seconds / 3600))
                            : apr_psprintf(pool, "%" APR_INT64_T_FMT " days", seconds / 86400);
}

/* "2026-11-23 15:58:00"; NULL when it is none. */
static const char *date_text(apr_time_t when, apr_pool_t *pool)
{
    apr_time_exp_t at;

    if (when <= 0 || apr_time_exp_gmt(&at, when) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(pool, "%04d-%02d-%02d %02d:%02d:%02d", at.tm_year + 1900, at.tm_mon + 1,
                        at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
}

const char *status_moment(apr_time_t when, apr_time_t now, apr_pool_t *pool)
{
    const char *date = date_text(when, pool);

    return date ? apr_pstrcat(pool, "<time datetime=\"", date, "Z\" title=\"", date, " UTC\">",
                              when > now ? "in " : "", status_span(now - when, pool),
                              when > now ? "" : " ago", "</time>", NULL)
                : "never";
}

const char *status_moment_full(apr_time_t when, apr_time_t now, apr_pool_t *pool)
{
    const char *date = date_text(when, pool);

    return date ? apr_pstrcat(pool, status_moment(when, now, pool), " (", date, " UTC)", NULL)
                : "never";
}

/* ---- links ---- */

static const char *query_of(apr_pool_t *pool, va_list pairs)
{
    const char *text = "";
    const char *name;

    while ((name = va_arg(pairs, const char *)) != NULL) {
        const char *value = va_arg(pairs, const char *);

        if (value) {
            text = apr_pstrcat(pool, text, *text ? "&" : "?", name, "=",
                               ap_escape_urlencoded(pool, value), NULL);
        }
    }
    return *text ? text : "?";
}

const char *status_query(apr_pool_t *pool, ...)
{
    const char *text;
    va_list pairs;

    va_start(pairs, pool);
    text = query_of(pool, pairs);
    va_end(pairs);
    return text;
}

const char *status_link(apr_pool_t *pool, ...)
{
    const char *text;
    va_list pairs;

    va_start(pairs, pool);
    text = query_of(pool, pairs);
    va_end(pairs);
    return ap_escape_html2(pool, text, 0);
}

/* ---- pages ---- */

const char *status_policy(apr_pool_t *pool)
{
    const char *hash = crm360_digest_base64(crm360_status_style[0].text, pool);

    return apr_pstrcat(pool, "default-src 'none'; style-src ", hash ? "'sha256-" : "'none",
                       hash ? hash : "",
                       "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", NULL);
}

void status_html_begin(const status_t *status, const char *where)
{
    request_rec *r = status->r;
    const char *done = status_done(status);

    ap_set_content_type(r, "text/html; charset=utf-8");
    where = where ? status_escaped(where, r->pool) : NULL;
    ap_rvputs(r,
              "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
              where ? where : "", where ? " - " : "", "CRM360 webhooks</title>\n<style>",
              crm360_status_style[0].text,
              "</style></head><body>\n<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
              "<header><nav aria-label=\"Pages\">",
              where ? "<a href=\"?\">All databases</a>" : "<strong>All databases</strong>",
              "<a href=\"?format=json\">JSON</a><a href=\"?format=prometheus\">Metrics</a></nav>\n",
              "</header>\n<main id=\"main\">\n<h1>", where ? where : "CRM360 webhooks", "</h1>\n",
              NULL);
    if (done) {
        ap_rvputs(r, "<p class=\"said\" role=\"status\">", status_escaped(done, r->pool), "</p>\n",
                  NULL);
    }
    if (status->refused) {
        ap_rputs("<p class=\"away\"><strong>Redis answers, and refuses to let the queues be looked "
                 "at.</strong> That says nothing of webhooks, which need other rights. "
                 "crm360.conf(5), \"Redis\", says what httpd's user of Redis needs; the error log "
                 "of httpd has Redis' own words (CRM0221).</p>\n",
                 r);
    }
    else if (!status->answers) {
        ap_rputs("<p class=\"away\"><strong>Redis is out of reach.</strong> What waits cannot be "
                 "shown now. Webhooks go to the spool; where there is none, or it is full, callers "
                 "get 503. The error log of httpd says more (CRM0101, CRM0102).</p>\n",
                 r);
    }
}

void status_html_end(const status_t *status)
{
    ap_rprintf(status->r,
               "</main>\n<footer><p class=\"soft\">crm360 " CRM360_VERSION
               ", %s; times by the clock of %s.</p></footer>\n</body></html>\n",
               status_escaped(status->r->server->server_hostname, status->r->pool),
               status->answers ? "Redis" : "this host");
}

/* ---- tables ---- */

void status_table_begin(request_rec *r, const char *caption, const char *const *titles)
{
    caption = status_escaped(caption, r->pool);
    ap_rvputs(r, "<div class=\"box\" role=\"group\" tabindex=\"0\" aria-label=\"", caption,
              "\"><table>\n<caption>", caption, "</caption>\n<thead><tr>", NULL);
    for (; *titles; titles++) {
        int text = **titles == '<';

        ap_rvputs(r, text ? "<th scope=\"col\" class=\"t\">" : "<th scope=\"col\">", *titles + text,
                  "</th>", NULL);
    }
    ap_rputs("</tr></thead>\n<tbody>\n", r);
}

void status_table_end(request_rec *r)
{
    ap_rputs("</tbody></table></div>\n", r);
}

void status_used_cell(request_rec *r, const char *name, apr_int64_t used, const char *used_text,
                      apr_int64_t most, const char *most_text)
{
    if (most <= 0) {
        ap_rvputs(r, "<td>", used_text, "</td>", NULL);
        return;
    }
    ap_rprintf(r,
               "<td>%s of %s <meter aria-label=\"%s\" min=\"0\" max=\"%" APR_INT64_T_FMT
               "\" low=\"%" APR_INT64_T_FMT "\" high=\"%" APR_INT64_T_FMT
               "\" optimum=\"0\" value=\"%" APR_INT64_T_FMT "\"></meter></td>",
               used_text, most_text, status_escaped(name, r->pool), most, most - most / 2,
               most - most / 5, used < most ? used : most);
}

void status_lane_cells(request_rec *r, const crm360_lane_status_t *lane, apr_time_t now)
{
    const apr_int64_t numbers[] = {lane->waiting, lane->due, lane->leased, lane->paused};
    int i;

    for (i = 0; i < 4; i++) {
        ap_rvputs(r, "<td>", status_number(lane->messages < 0 ? -1 : numbers[i], r->pool), "</td>",
                  NULL);
    }
    ap_rvputs(r, "<td>",
              lane->oldest_due > 0 ? status_moment(lane->oldest_due, now, r->pool) : "&ndash;",
              "</td>", NULL);
}

/* ---- forms ---- */

void status_form_begin(const status_t *status, const char *database, const char *class_name)
{
    request_rec *r = status->r;

    ap_rvputs(r, "<form method=\"post\" action=\"?\"", class_name ? " class=\"" : "",
              class_name ? class_name : "", class_name ? "\"" : "",
              "><input type=\"hidden\" name=\"token\" value=\"",
              status_seal(r, status->server, STATUS_FORM),
              "\"><input type=\"hidden\" name=\"database\" value=\"",
              status_escaped(database, r->pool), "\">", NULL);
}
