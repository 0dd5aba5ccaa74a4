/*
 * The documents about the webhook API: the help page in HTML, and its OpenAPI description. Both are
 * made from the tables that requests are checked by (core/route.h, core/params.h, core/command.h)
 * and from the folder examples/, so that they cannot say something else than the code does. Must
 * never hold anything of the configuration but what the caller hands over: no customer, no
 * database.
 */
#ifndef CRM360_API_DOC_H
#define CRM360_API_DOC_H

#include <apr_pools.h>

#define CRM360_PROBLEM_TYPE "urn:crm360:problem:"

/* One kind of refusal. */
typedef struct crm360_api_problem_t {
    int status;
    const char *name; /* what follows CRM360_PROBLEM_TYPE; stays the same for ever */
    const char *title;
} crm360_api_problem_t;

/* What is not in the tables of core/. */
typedef struct crm360_api_t {
    const char *server; /* scheme and authority: "https://hooks.example.org" */
    const char *mount;  /* path of the location that takes webhooks in */
    /* The first is of parameters; ends with an entry whose name is NULL. */
    const crm360_api_problem_t *problems;
} crm360_api_t;

/* The OpenAPI 3.1 document, in JSON. NULL: no memory. Any thread; the result is in `pool`. */
const char *crm360_api_openapi(const crm360_api_t *api, apr_pool_t *pool);

/* The help page, in HTML; `document` is the path at which the OpenAPI document can be had. Texts of
 * the caller (server, document) are escaped here. Any thread; the result is in `pool`. */
const char *crm360_api_page(const crm360_api_t *api, const char *document, apr_pool_t *pool);

/* What the page's only style element holds, for a Content-Security-Policy that names its hash. */
const char *crm360_api_style(void);

/* ---- what both are made with ---- */

/* The parts of the text about the API as a whole; each has a heading. Ends with a NULL heading. */
typedef struct crm360_api_chapter_t {
    const char *heading;
    const char *text;
} crm360_api_chapter_t;
extern const crm360_api_chapter_t crm360_api_chapters[];

/* An invented customer and database: they are nobody's. */
#define CRM360_API_CUSTOMER "acme"
#define CRM360_API_DATABASE "prod"
#define CRM360_API_EMAIL "webhooks@example.org"

#endif
