/* The examples of the help page: each route has one, and each is whole. Never starts a server. */
#include "core/api_example.h"

#include <apr_general.h>

#include "core/embedded.h"
#include "core/json.h"
#include "core/params.h"

#include "tap.h"

static void test_example(const crm360_route_t *route, apr_pool_t *pool)
{
    const crm360_example_t *example = crm360_example_read(route, pool);
    int is_get = strcmp(example->method, "GET") == 0;
    crm360_param_error_t error;
    crm360_params_t params;
    json_object *body;
    const char *why;
    int i;

    ok(is_get || strcmp(example->method, "POST") == 0, "%s: a method", route->name);
    ok(crm360_params_read(&params, &error, example->query, CRM360_QUEUE_PROCESS, pool) ==
           APR_SUCCESS,
       "%s: a query that is taken", route->name);
    ok(crm360_example_query(example, "sourceid") != NULL, "  its SourceId is found in any case");
    ok(crm360_example_query(example, "Source") == NULL, "  what is not there is not");
    ok(is_get == !example->content_type, "  a GET has no body");
    if (!is_get) {
        ok(crm360_json_parse(&body, &why, example->body, strlen(example->body), pool) ==
               APR_SUCCESS,
           "  a body in strict JSON");
    }
    for (i = 0; i < example->headers->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(example->headers, i, crm360_example_pair_t);

        ok(*pair->name && *pair->value && pair->value[strlen(pair->value) - 1] > ' ',
           "  header field %s", pair->name);
    }
    ok(route->meaning && route->meaning[strlen(route->meaning) - 1] == '.', "  a meaning");
}

static void test_query(apr_pool_t *pool)
{
    const crm360_route_t *route = crm360_route_by_name("Tabology/Ticket/Update");
    const crm360_example_t *example = crm360_example_read(route, pool);

    is_text(crm360_example_query(example, "store"), "LYO-01", "a parameter of the platform");
    is_text(example->content_type, "application/json", "Content-Type is told apart");
    is_number(example->headers->nelts, 0, "and is not among the others");
    ok(example->body[0] == '{' && example->body[strlen(example->body) - 1] == '}',
       "the body has no line feed at its end");
    route = crm360_route_by_name("Shopify/Customer/Insert");
    example = crm360_example_read(route, pool);
    is_number(example->headers->nelts, 5, "header fields");
    is_text(APR_ARRAY_IDX(example->headers, 0, crm360_example_pair_t).name, "X-Shopify-Topic",
            "a name");
    is_text(APR_ARRAY_IDX(example->headers, 0, crm360_example_pair_t).value, "customers/create",
            "a value");
}

static void test_none(apr_pool_t *pool)
{
    const crm360_route_t route = {.id_suffix = "Nobody-Has-This"};
    const crm360_example_t *example = crm360_example_read(&route, pool);

    is_text(example->method, "POST", "a route without a file is POST");
    is_text(example->query, "", "without a query");
    ok(!example->content_type && example->headers->nelts == 0 && !*example->body, "and empty");
}

int main(void)
{
    const crm360_embedded_t *file;
    const crm360_route_t *route;
    apr_pool_t *pool;
    int files = 0;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (route = crm360_routes; route->platform; route++) {
        test_example(route, pool);
    }
    for (file = crm360_examples; file->name; file++) {
        files++;
    }
    is_number(files, CRM360_ROUTES, "no file without a route");
    test_query(pool);
    test_none(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
