/*
 * The help page in HTML: complete without a script, a font or a picture, for phones, desktops and
 * screen readers alike. Must never put a text into it that is not escaped, save those written here.
 */
#include "core/api_doc.h"

#include <apr_escape.h>
#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>

#include "core/api_example.h"
#include "core/command.h"
#include "core/config.h"
#include "core/embedded.h"
#include "core/params.h"
#include "core/route.h"
#include "core/version.h"

/* A page that is being written. */
typedef struct page_t {
    const crm360_api_t *api;
    apr_array_header_t *parts; /* const char * */
    apr_pool_t *pool;
} page_t;

/* ---- writing ---- */

/* Texts one after the other, the last NULL, as they are: our own, or escaped by e(). */
static void put(page_t *page, ...) __attribute__((sentinel));
static void put(page_t *page, ...)
{
    const char *text;
    va_list texts;

    va_start(texts, page);
    while ((text = va_arg(texts, const char *)) != NULL) {
        APR_ARRAY_PUSH(page->parts, const char *) = text;
    }
    va_end(texts);
}

static const char *e(const page_t *page, const char *text)
{
    return apr_pescape_entity(page->pool, text, 0);
}

/* A path or query that may be broken in front of each part. */
static void put_breakable(page_t *page, const char *text)
{
    while (*text) {
        apr_size_t len = strcspn(text + 1, "/?&") + 1;

        put(page, "<wbr>", e(page, apr_pstrmemdup(page->pool, text, len)), NULL);
        text += len;
    }
}

/* `text` for a shell. */
static const char *shell_quoted(const char *text, apr_pool_t *pool)
{
    const char *quoted = "'";
    const char *quote;

    while ((quote = strchr(text, '\'')) != NULL) {
        quoted = apr_pstrcat(pool, quoted, apr_pstrmemdup(pool, text, (apr_size_t)(quote - text)),
                             "'\\''", NULL);
        text = quote + 1;
    }
    return apr_pstrcat(pool, quoted, text, "'", NULL);
}

/* ---- tables ---- */

/* The beginning of a table that scrolls in its own box where it does not fit. */
static void begin_table(page_t *page, const char *label, const char *const *titles)
{
    put(page, "<div class=\"box\" role=\"group\" tabindex=\"0\" aria-label=\"", e(page, label),
        "\">\n<table class=\"parameters\"><thead><tr>", NULL);
    for (; *titles; titles++) {
        put(page, "<th scope=\"col\">", *titles, "</th>", NULL);
    }
    put(page, "</tr></thead><tbody>\n", NULL);
}

static void end_table(page_t *page)
{
    put(page, "</tbody></table></div>\n", NULL);
}

/* One row; the last cell, and in a larger table the one before, may be wide. */
static void put_row(page_t *page, const char *const *cells)
{
    int i;

    put(page, "<tr><th scope=\"row\"><code>", e(page, cells[0]), "</code></th>", NULL);
    for (i = 1; cells[i]; i++) {
        put(page, !cells[i + 1] || (i > 1 && !cells[i + 2]) ? "<td class=\"wide\">" : "<td>",
            e(page, cells[i]), "</td>", NULL);
    }
    put(page, "</tr>\n", NULL);
}

static const char *type_name(crm360_param_type_t type)
{
    static const char *const names[] = {[CRM360_PARAM_NUMBER] = "integer",
                                        [CRM360_PARAM_BOOLEAN] = "boolean",
                                        [CRM360_PARAM_EMAIL] = "string"};

    return names[type];
}

/* The URI parameters of a route (NULL: any) in a process. */
static void put_parameters(page_t *page, const crm360_route_t *route, crm360_process_t process)
{
    static const char *const titles[] = {"Name",    "In",    "Type",    "Required",
                                         "Default", "Range", "Meaning", NULL};
    const crm360_platform_param_t *own;
    const crm360_param_rule_t *rule;
    int i;

    begin_table(
        page,
        apr_pstrcat(page->pool, "URI parameters of ", route ? route->name : "EmailProcess", NULL),
        titles);
    /* The other values of the path are fixed by the route. */
    for (i = 0; i < (route ? 2 : 5) && crm360_path_values[i].name; i++) {
        put_row(page, (const char *const[]){
                          crm360_path_values[i].name, "path", "string", "yes", "none",
                          apr_psprintf(page->pool, "1 to %d letters of ASCII, digits, . _ -",
                                       CRM360_PATH_VALUE_MOST),
                          crm360_path_values[i].meaning, NULL});
    }
    for (rule = crm360_param_rules; rule->name; rule++) {
        if (!rule->queue_only || process == CRM360_QUEUE_PROCESS) {
            put_row(page, (const char *const[]){rule->name, "query", type_name(rule->type),
                                                rule->required & 1 << process ? "yes" : "no",
                                                rule->default_text ? rule->default_text : "none",
                                                crm360_param_allowed(rule, page->pool),
                                                rule->meaning, NULL});
        }
    }
    for (own = crm360_platform_params; route && own->platform; own++) {
        if (strcmp(own->platform, route->platform) == 0) {
            put_row(page, (const char *const[]){own->name, "query", "string", "no", "none",
                                                "any text", own->meaning, NULL});
        }
    }
    end_table(page);
}

static void put_fields(page_t *page, const crm360_route_t *route, const crm360_command_t *command)
{
    static const char *const titles[] = {"Field", "Required", "Range", "Meaning", NULL};
    static const char *const needs[] = {
        [CRM360_FIELD_OPTIONAL] = "no",
        [CRM360_FIELD_REQUIRED] = "yes",
        [CRM360_FIELD_ONE_OF] = "one of them",
        [CRM360_FIELD_SENDER] = "without a default sender",
    };
    const crm360_field_t *field;

    put(page, "<p>An object in JSON. Names of fields ignore case.</p>\n", NULL);
    begin_table(page, apr_pstrcat(page->pool, "Fields of ", route->name, NULL), titles);
    for (field = command->fields; field->name; field++) {
        put_row(page, (const char *const[]){field->name, needs[field->need],
                                            crm360_field_expected(field, page->pool),
                                            field->meaning, NULL});
    }
    end_table(page);
}

/* ---- parts of a route ---- */

/* "POST /mount/QueueProcess/{CustomerName}/...?SourceId={SourceId}&...", as a template. */
static void put_template(page_t *page, const crm360_route_t *route, crm360_process_t process)
{
    const crm360_platform_param_t *own;
    const crm360_param_rule_t *rule;
    const char *path, *glue = "?";

    path = apr_psprintf(
        page->pool, "%s/%s/{%s}/{%s}/%s", page->api->mount, crm360_process_name(process),
        crm360_path_values[0].name, crm360_path_values[1].name,
        route ? route->name : "{ExternalPlatform}/{ExternalEntity}/{ExternalAction}");
    for (rule = crm360_param_rules; rule->name; rule++) {
        if (!rule->queue_only || process == CRM360_QUEUE_PROCESS) {
            path = apr_psprintf(page->pool, "%s%s%s={%s}", path, glue, rule->name, rule->name);
            glue = "&";
        }
    }
    for (own = crm360_platform_params; route && own->platform; own++) {
        if (strcmp(own->platform, route->platform) == 0) {
            path = apr_psprintf(page->pool, "%s&%s={%s}", path, own->name, own->name);
        }
    }
    put(page, "<p><code class=\"path\"><b>POST</b>, <b>GET</b> ", NULL);
    put_breakable(page, path);
    put(page, "</code></p>\n", NULL);
}

/* The example as a line for a shell: it can be pasted as it stands. */
static void put_curl(page_t *page, const crm360_route_t *route, crm360_process_t process)
{
    const crm360_example_t *example = crm360_example_read(route, page->pool);
    const char *url = apr_psprintf(
        page->pool, "%s%s/%s/" CRM360_API_CUSTOMER "/" CRM360_API_DATABASE "/%s?%s%s",
        page->api->server, page->api->mount, crm360_process_name(process), route->name,
        example->query, process == CRM360_EMAIL_PROCESS ? "&Email=" CRM360_API_EMAIL : "");
    int i;

    put(page, "<pre class=\"curl\"><code>curl ", e(page, shell_quoted(url, page->pool)), NULL);
    for (i = 0; i < example->headers->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(example->headers, i, crm360_example_pair_t);
        const char *field = apr_pstrcat(page->pool, pair->name, ": ", pair->value, NULL);

        put(page, " \\\n  -H ", e(page, shell_quoted(field, page->pool)), NULL);
    }
    if (example->content_type) {
        const char *field = apr_pstrcat(page->pool, "Content-Type: ", example->content_type, NULL);

        put(page, " \\\n  -H ", e(page, shell_quoted(field, page->pool)),
            " \\\n  --data-binary @- &lt;&lt;'END'\n", e(page, example->body), "\nEND", NULL);
    }
    put(page, "</code></pre>\n", NULL);
}

/* How a repeated request is known, by the route's own row. */
static const char *repeats(const crm360_route_t *route, apr_pool_t *pool)
{
    int hours = (int)(route->dedup_window / apr_time_from_sec(3600));

    if (!route->dedup_key) {
        return "Only an Idempotency-Key tells that a request came before: the same command may be "
               "meant twice.";
    }
    if (strcmp(route->dedup_key, CRM360_DEDUP_CONTENT) == 0) {
        return apr_psprintf(pool, "The same query and body again within %d hours is a repetition.",
                            hours);
    }
    return apr_psprintf(pool, "The same %s again within %d hours is a repetition.",
                        route->dedup_key, hours);
}

static void put_answer(page_t *page, const crm360_route_t *route)
{
    put(page, "<h4>Answers</h4>\n<p>200, or an <a href=\"#errors\">error</a>. ",
        e(page, repeats(route, page->pool)), "</p>\n", NULL);
    if (route->reply == CRM360_REPLY_TEXT) {
        put(page, "<pre><code>OK</code></pre>\n<p>", e(page, route->platform),
            " gets no more than this text; of an error, besides its status, the text "
            "<code>ERROR</code>.</p>\n",
            NULL);
        return;
    }
    put(page, "<pre><code>{\"MessageId\":\"01JDCW3T2XQ5M7V9K0B4Z8R6AE-", route->id_suffix,
        "\",\n \"VisibleAt\":\"2026-03-04T09:20:00.123Z\",\n \"Durability\":\"",
        crm360_durability_name(CRM360_IN_MEMORY), "\",\n \"Duplicate\":false}</code></pre>\n",
        NULL);
}

static void put_route(page_t *page, const crm360_route_t *route)
{
    const crm360_command_t *command = crm360_command_find(route);
    const crm360_example_t *example = crm360_example_read(route, page->pool);

    put(page, "<section>\n<h3 id=\"", route->id_suffix, "\">", route->name, "</h3>\n<p>",
        e(page, route->meaning), "</p>\n<h4>Request</h4>\n", NULL);
    put_template(page, route, CRM360_QUEUE_PROCESS);
    put(page, "<h4>URI parameters</h4>\n", NULL);
    put_parameters(page, route, CRM360_QUEUE_PROCESS);
    put(page, "<h4>Body</h4>\n", NULL);
    if (command) {
        put_fields(page, route, command);
    }
    else if (example->content_type) {
        put(page, "<p>What ", e(page, route->platform), " sends, as it sends it (",
            e(page, example->content_type), ").</p>\n", NULL);
    }
    else {
        put(page, "<p>None: ", e(page, route->platform),
            " sends its data in the query. As a form in the body it is taken, too.</p>\n", NULL);
    }
    put(page, "<h4>Example</h4>\n", NULL);
    put_curl(page, route, CRM360_QUEUE_PROCESS);
    put_answer(page, route);
    put(page, "<p class=\"top\"><a href=\"#routes\">All routes</a></p>\n</section>\n", NULL);
}

/* ---- parts of the page ---- */

/* Whether a row is the first of its platform. */
static int begins_platform(const crm360_route_t *route)
{
    return route == crm360_routes || strcmp(route[-1].platform, route->platform) != 0;
}

static void put_index(page_t *page)
{
    const crm360_route_t *route;

    put(page,
        "<section>\n<h2 id=\"routes\">Routes</h2>\n"
        "<p>The path of a webhook ends in its route. Each can be reached by "
        "<code>QueueProcess</code> and by <a href=\"#EmailProcess\"><code>EmailProcess</code></a>."
        "</p>\n<div class=\"box\"><table class=\"routes\"><thead><tr><th scope=\"col\">Route</th>"
        "<th scope=\"col\">What it is for</th></tr></thead>\n",
        NULL);
    for (route = crm360_routes; route->platform; route++) {
        if (begins_platform(route)) {
            put(page, route == crm360_routes ? "" : "</tbody>\n",
                "<tbody><tr><th scope=\"rowgroup\" colspan=\"2\">", route->platform, "</th></tr>\n",
                NULL);
        }
        put(page, "<tr><th scope=\"row\"><a href=\"#", route->id_suffix, "\">", route->entity,
            "/<wbr>", route->action, "</a></th><td>", e(page, route->meaning), "</td></tr>\n",
            NULL);
    }
    put(page, "</tbody></table></div>\n</section>\n", NULL);
}

static void put_chapters(page_t *page)
{
    const crm360_api_chapter_t *chapter;

    for (chapter = crm360_api_chapters; chapter->heading; chapter++) {
        put(page, "<section>\n<h2>", e(page, chapter->heading), "</h2>\n<p>",
            e(page, chapter->text), "</p>\n</section>\n", NULL);
    }
}

/* One error as callers get it, in the words of the code that finds it. */
static void put_problem(page_t *page)
{
    const crm360_api_problem_t *problem = page->api->problems;
    crm360_param_error_t error;
    crm360_params_t params;

    if (crm360_params_read(&params, &error, NULL, CRM360_QUEUE_PROCESS, page->pool) !=
        APR_SUCCESS) {
        put(page, "<p>For example, without ", e(page, error.parameter),
            ":</p>\n<pre><code>{\"type\":\"" CRM360_PROBLEM_TYPE, problem->name,
            "\",\n \"title\":\"", e(page, problem->title),
            "\",\n \"status\":", apr_itoa(page->pool, problem->status), ",\n \"detail\":\"",
            e(page, error.detail), "\",\n \"instance\":\"", page->api->mount,
            "/QueueProcess/" CRM360_API_CUSTOMER "/" CRM360_API_DATABASE "/", crm360_routes[0].name,
            "\",\n \"parameter\":\"", e(page, error.parameter), "\"}</code></pre>\n", NULL);
    }
}

static void put_errors(page_t *page)
{
    static const char *const titles[] = {"NAME", "Status", "Title", NULL};
    const crm360_api_problem_t *problem;

    put(page,
        "<section>\n<h2 id=\"errors\">Errors</h2>\n"
        "<p>An error is <code>application/problem+json</code> (RFC 9457): <code>type</code>, which "
        "is <code>" CRM360_PROBLEM_TYPE "NAME</code>, <code>title</code>, <code>status</code>, "
        "<code>detail</code>, <code>instance</code> and, where one is at fault, "
        "<code>parameter</code>. Nothing was stored. After 429 and 503 the same request is welcome "
        "again, no sooner than <code>Retry-After</code> says.</p>\n",
        NULL);
    begin_table(page, "Types of errors", titles);
    for (problem = page->api->problems; problem->name; problem++) {
        put_row(page, (const char *const[]){problem->name, apr_itoa(page->pool, problem->status),
                                            problem->title, NULL});
    }
    end_table(page);
    put_problem(page);
    put(page, "</section>\n", NULL);
}

static void put_email_process(page_t *page)
{
    put(page,
        "<section>\n<h2 id=\"EmailProcess\">EmailProcess</h2>\n"
        "<p>Mails the content of the request to the address in Email, and does nothing else. The "
        "routes are those of QueueProcess.</p>\n<h3>Request</h3>\n",
        NULL);
    put_template(page, NULL, CRM360_EMAIL_PROCESS);
    put(page, "<h3>URI parameters</h3>\n", NULL);
    put_parameters(page, NULL, CRM360_EMAIL_PROCESS);
    put(page, "<h3>Example</h3>\n", NULL);
    put_curl(page, &crm360_routes[0], CRM360_EMAIL_PROCESS);
    put(page, "<p>The answers are those of QueueProcess.</p>\n</section>\n", NULL);
}

const char *crm360_api_style(void)
{
    return crm360_page_style[0].text;
}

const char *crm360_api_page(const crm360_api_t *api, const char *document, apr_pool_t *pool)
{
    page_t page = {.api = api, .pool = pool};
    const crm360_route_t *route;

    page.parts = apr_array_make(pool, 4096, sizeof(const char *));
    put(&page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>CRM360 webhooks</title>\n"
        "<style>",
        crm360_api_style(),
        "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">To the content</a>\n"
        "<header>\n<h1>CRM360 webhooks</h1>\n<p>Version " CRM360_VERSION
        ". For programs: <a href=\"",
        e(&page, document), "\">openapi.json</a> (OpenAPI 3.1).</p>\n</header>\n",
        "<main id=\"content\" tabindex=\"-1\">\n", NULL);
    put_index(&page);
    put_chapters(&page);
    put_errors(&page);
    put_email_process(&page);
    for (route = crm360_routes; route->platform; route++) {
        if (begins_platform(route)) {
            put(&page, "<h2>", route->platform, "</h2>\n", NULL);
        }
        put_route(&page, route);
    }
    put(&page, "</main>\n</body>\n</html>\n", NULL);
    return apr_array_pstrcat(pool, page.parts, 0);
}
