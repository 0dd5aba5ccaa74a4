/*
 * The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1). A program that reads nothing
 * else can send each example: it takes every parameter that has an example, and one of the body.
 * Must never describe by hand what a table says.
 */
#include "core/api_doc.h"

#include <apr_strings.h>
#include <json-c/json.h>

#include <string.h>

#include "core/api_example.h"
#include "core/command.h"
#include "core/config.h"
#include "core/json.h"
#include "core/params.h"
#include "core/route.h"
#include "core/version.h"

#define FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
#define RECEIPT_ULID "01JDCW3T2XQ5M7V9K0B4Z8R6AE"

/* What one operation is about. */
typedef struct operation_t {
    const crm360_api_t *api;
    const crm360_route_t *route;
    const crm360_example_t *example;
    const crm360_command_t *command; /* NULL = the body is the platform's own */
    crm360_process_t process;
    const char *method; /* "GET" or "POST" */
    apr_pool_t *pool;
} operation_t;

/* ---- small pieces; what is added belongs to the object it is added to ---- */

static void add_text(json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_object_new_string(text));
}

static json_object *add_object(json_object *object, const char *name)
{
    json_object *added = json_object_new_object();

    json_object_object_add(object, name, added);
    return added;
}

static json_object *add_array(json_object *object, const char *name)
{
    json_object *added = json_object_new_array();

    json_object_object_add(object, name, added);
    return added;
}

static void push_text(json_object *array, const char *text)
{
    json_object_array_add(array, json_object_new_string(text));
}

static json_object *push_object(json_object *array)
{
    json_object *added = json_object_new_object();

    json_object_array_add(array, added);
    return added;
}

static void add_ref(json_object *object, const char *kind, const char *name, apr_pool_t *pool)
{
    add_text(object, "$ref", apr_pstrcat(pool, "#/components/", kind, "/", name, NULL));
}

static void push_ref(json_object *array, const char *kind, const char *name, apr_pool_t *pool)
{
    add_ref(push_object(array), kind, name, pool);
}

static json_object *add_typed(json_object *object, const char *name, const char *type)
{
    json_object *schema = add_object(object, name);

    add_text(schema, "type", type);
    return schema;
}

/* ---- parameters ---- */

static json_object *parameter(json_object *into, const char *in, const char *name,
                              const char *meaning)
{
    add_text(into, "name", name);
    add_text(into, "in", in);
    if (meaning) {
        add_text(into, "description", meaning);
    }
    return into;
}

/* An example in the type that the schema has. */
static void add_example(json_object *into, const crm360_param_rule_t *rule, const char *value)
{
    if (rule->type == CRM360_PARAM_NUMBER) {
        json_object_object_add(into, "example", json_object_new_int64(apr_atoi64(value)));
        return;
    }
    add_text(into, "example", value);
}

/* A documented parameter as one process knows it; `value` NULL = no example. */
static void rule_parameter(json_object *into, const crm360_param_rule_t *rule,
                           crm360_process_t process, const char *value, apr_pool_t *pool)
{
    json_object *schema;

    parameter(into, "query", rule->name,
              apr_pstrcat(pool, rule->meaning, " It must be ", crm360_param_allowed(rule, pool),
                          ".", NULL));
    if (rule->required & 1 << process) {
        json_object_object_add(into, "required", json_object_new_boolean(1));
    }
    switch (rule->type) {
    case CRM360_PARAM_NUMBER:
        schema = add_typed(into, "schema", "integer");
        json_object_object_add(schema, "minimum", json_object_new_int(rule->min));
        json_object_object_add(schema, "maximum", json_object_new_int(rule->max));
        break;
    case CRM360_PARAM_BOOLEAN:
        schema = add_typed(into, "schema", "boolean");
        json_object_object_add(schema, "default", json_object_new_boolean(0));
        break;
    case CRM360_PARAM_EMAIL:
        add_text(add_typed(into, "schema", "string"), "format", "email");
        break;
    }
    if (value) {
        add_example(into, rule, value);
    }
}

static void path_parameter(json_object *into, const crm360_path_value_t *value, const char *example,
                           apr_pool_t *pool)
{
    parameter(into, "path", value->name, value->meaning);
    json_object_object_add(into, "required", json_object_new_boolean(1));
    add_text(add_typed(into, "schema", "string"), "pattern",
             apr_psprintf(pool, "^[A-Za-z0-9._-]{1,%d}$", CRM360_PATH_VALUE_MOST));
    add_text(into, "example", example);
}

static void common_parameters(json_object *parameters, apr_pool_t *pool)
{
    const crm360_param_rule_t *rule;
    json_object *key;

    path_parameter(add_object(parameters, crm360_path_values[0].name), &crm360_path_values[0],
                   CRM360_API_CUSTOMER, pool);
    path_parameter(add_object(parameters, crm360_path_values[1].name), &crm360_path_values[1],
                   CRM360_API_DATABASE, pool);
    for (rule = crm360_param_rules; rule->name; rule++) {
        if (!rule->required) {
            rule_parameter(add_object(parameters, rule->name), rule, CRM360_QUEUE_PROCESS, NULL,
                           pool);
        }
        else if (!(rule->required & 1 << CRM360_QUEUE_PROCESS)) {
            rule_parameter(add_object(parameters, rule->name), rule, CRM360_QUEUE_PROCESS, NULL,
                           pool);
            rule_parameter(add_object(parameters, apr_pstrcat(pool, rule->name, "Required", NULL)),
                           rule, CRM360_EMAIL_PROCESS, CRM360_API_EMAIL, pool);
        }
    }
    key = parameter(add_object(parameters, "IdempotencyKey"), "header", "Idempotency-Key",
                    "Tells that a request came before, in the place of what the platform sends.");
    key = add_typed(key, "schema", "string");
    json_object_object_add(key, "minLength", json_object_new_int(1));
    json_object_object_add(key, "maxLength", json_object_new_int(257)); /* quotes included */
    key = parameter(add_object(parameters, "traceparent"), "header", "traceparent",
                    "W3C Trace Context: stored with the message, and passed on to providers.");
    add_typed(key, "schema", "string");
}

/* What both methods of a path have in common. */
static void path_parameters(json_object *list, const operation_t *op)
{
    const crm360_param_rule_t *rule;
    const crm360_platform_param_t *own;

    push_ref(list, "parameters", crm360_path_values[0].name, op->pool);
    push_ref(list, "parameters", crm360_path_values[1].name, op->pool);
    for (rule = crm360_param_rules; rule->name; rule++) {
        if (rule->queue_only && op->process == CRM360_EMAIL_PROCESS) {
            continue;
        }
        if (rule->required & 1 << CRM360_QUEUE_PROCESS) {
            rule_parameter(push_object(list), rule, op->process,
                           crm360_example_query(op->example, rule->name), op->pool);
            continue;
        }
        push_ref(list, "parameters",
                 rule->required & 1 << op->process
                     ? apr_pstrcat(op->pool, rule->name, "Required", NULL)
                     : rule->name,
                 op->pool);
    }
    for (own = crm360_platform_params; own->platform; own++) {
        const char *value = crm360_example_query(op->example, own->name);
        json_object *into;

        if (strcmp(own->platform, op->route->platform) != 0) {
            continue;
        }
        into = parameter(push_object(list), "query", own->name, own->meaning);
        add_typed(into, "schema", "string");
        if (value) {
            add_text(into, "example", value);
        }
    }
}

/* Header fields that the platform sends; for GET also the query, where it sends its data. */
static void operation_parameters(json_object *list, const operation_t *op)
{
    int i;

    push_ref(list, "parameters", "IdempotencyKey", op->pool);
    push_ref(list, "parameters", "traceparent", op->pool);
    if (strcmp(op->method, op->example->method) != 0) {
        return;
    }
    for (i = 0; i < op->example->headers->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(op->example->headers, i, crm360_example_pair_t);
        json_object *into = parameter(push_object(list), "header", pair->name, NULL);

        add_typed(into, "schema", "string");
        add_text(into, "example", pair->value);
    }
    for (i = 0; strcmp(op->method, "GET") == 0 && i < op->example->query_of->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(op->example->query_of, i, crm360_example_pair_t);
        json_object *into;

        if (!crm360_params_is_own(pair->name)) {
            into = parameter(push_object(list), "query", pair->name, NULL);
            add_typed(into, "schema", "string");
            add_text(into, "example", pair->value);
        }
    }
}

/* ---- bodies ---- */

static void field_schema(json_object *schema, const crm360_field_t *field, apr_pool_t *pool)
{
    json_object *types;

    add_text(schema, "description",
             apr_pstrcat(pool, field->meaning, " It must be ", crm360_field_expected(field, pool),
                         ".", NULL));
    switch (field->kind) {
    case CRM360_FIELD_ADDRESS:
        add_text(schema, "type", "string");
        add_text(schema, "format", "email");
        return;
    case CRM360_FIELD_ADDRESSES:
        add_text(schema, "type", "string");
        return;
    case CRM360_FIELD_PHONE:
    case CRM360_FIELD_TEXT:
        types = add_array(schema, "type");
        push_text(types, "string");
        push_text(types, "number");
        return;
    case CRM360_FIELD_ID:
        types = add_array(schema, "type");
        push_text(types, "string");
        push_text(types, "integer");
        add_text(schema, "pattern", "^[0-9]+$");
        json_object_object_add(schema, "minimum", json_object_new_int(1));
        json_object_object_add(schema, "maximum", json_object_new_int(field->most));
        return;
    case CRM360_FIELD_OBJECT:
        types = add_array(schema, "type");
        push_text(types, "object");
        push_text(types, "string");
        return;
    }
}

static void command_schema(json_object *schema, const crm360_command_t *command, apr_pool_t *pool)
{
    json_object *properties, *required = json_object_new_array(), *one_of = NULL;
    const crm360_field_t *field;

    add_text(schema, "type", "object");
    properties = add_object(schema, "properties");
    for (field = command->fields; field->name; field++) {
        field_schema(add_object(properties, field->name), field, pool);
        if (field->need == CRM360_FIELD_REQUIRED) {
            push_text(required, field->name);
        }
        if (field->need == CRM360_FIELD_ONE_OF) {
            one_of = one_of ? one_of : add_array(schema, "anyOf");
            push_text(add_array(push_object(one_of), "required"), field->name);
        }
    }
    json_object_object_add(schema, "required", required);
}

/* The query of a platform that uses GET, as a form: it is taken so too. */
static void form_body(json_object *content, const operation_t *op)
{
    json_object *media = add_object(content, "application/x-www-form-urlencoded");
    json_object *value;
    int i;

    add_ref(add_object(media, "schema"), "schemas", "PlatformForm", op->pool);
    value = add_object(add_object(add_object(media, "examples"), op->route->id_suffix), "value");
    for (i = 0; i < op->example->query_of->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(op->example->query_of, i, crm360_example_pair_t);

        if (!crm360_params_is_own(pair->name)) {
            add_text(value, pair->name, pair->value);
        }
    }
}

static void request_body(json_object *operation, const operation_t *op)
{
    json_object *body = add_object(operation, "requestBody");
    json_object *content, *media, *value;
    const char *why;

    add_text(body, "description",
             op->command ? "The command. Names of fields ignore case; other fields have no meaning."
                         : "What the platform sends, as it sends it; it is stored byte for byte.");
    content = add_object(body, "content");
    if (!op->example->content_type) {
        form_body(content, op);
        return;
    }
    media = add_object(content, op->example->content_type);
    add_ref(add_object(media, "schema"), "schemas",
            op->command && op->process == CRM360_QUEUE_PROCESS ? op->route->id_suffix
                                                               : "PlatformBody",
            op->pool);
    if (crm360_json_parse(&value, &why, op->example->body, strlen(op->example->body), op->pool) ==
        APR_SUCCESS) {
        json_object_object_add(add_object(add_object(media, "examples"), op->route->id_suffix),
                               "value", json_object_get(value));
    }
}

/* ---- answers ---- */

/* Whether a problem is the first of its status. */
static int begins_status(const crm360_api_t *api, const crm360_api_problem_t *problem)
{
    const crm360_api_problem_t *first = api->problems;

    while (first->status != problem->status) {
        first++;
    }
    return first == problem;
}

static void response_headers(json_object *response, int status)
{
    static const struct {
        int status;
        const char *name;
        const char *meaning;
        const char *type;
    } fields[] = {{401, "WWW-Authenticate", "How the caller may prove who he is.", "string"},
                  {405, "Allow", "The methods that are allowed.", "string"},
                  {429, "Retry-After", "Seconds to wait before the next try.", "integer"},
                  {503, "Retry-After", "Seconds to wait before the next try.", "integer"}};
    json_object *header;
    size_t i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].status == status) {
            header = add_object(add_object(response, "headers"), fields[i].name);
            add_text(header, "description", fields[i].meaning);
            add_typed(header, "schema", fields[i].type);
        }
    }
}

/* The problems of one status: their types, and an example of each. */
static void problem_content(json_object *response, const crm360_api_t *api, int status,
                            apr_pool_t *pool)
{
    json_object *media = add_object(add_object(response, "content"), "application/problem+json");
    json_object *all = add_array(add_object(media, "schema"), "allOf");
    json_object *examples = add_object(media, "examples"), *properties, *types, *value;
    const crm360_api_problem_t *problem;
    const char *type;

    push_ref(all, "schemas", "Problem", pool);
    properties = add_object(push_object(all), "properties");
    json_object_object_add(add_object(properties, "status"), "const", json_object_new_int(status));
    types = add_array(add_object(properties, "type"), "enum");
    for (problem = api->problems; problem->name; problem++) {
        if (problem->status != status) {
            continue;
        }
        type = apr_pstrcat(pool, CRM360_PROBLEM_TYPE, problem->name, NULL);
        push_text(types, type);
        value = add_object(add_object(examples, problem->name), "value");
        add_text(value, "type", type);
        add_text(value, "title", problem->title);
        json_object_object_add(value, "status", json_object_new_int(status));
        add_text(value, "detail", apr_pstrcat(pool, problem->title, ".", NULL));
        add_text(value, "instance", apr_pstrcat(pool, api->mount, "/QueueProcess/acme", NULL));
    }
}

/* Each status twice: as a problem, and for CRM360_REPLY_TEXT. */
static void problem_responses(json_object *responses, const crm360_api_t *api, apr_pool_t *pool)
{
    const crm360_api_problem_t *problem;
    json_object *response, *media;

    for (problem = api->problems; problem->name; problem++) {
        if (!begins_status(api, problem)) {
            continue;
        }
        response = add_object(responses, apr_psprintf(pool, "Problem%d", problem->status));
        add_text(response, "description", problem->title);
        response_headers(response, problem->status);
        problem_content(response, api, problem->status, pool);

        response = add_object(responses, apr_psprintf(pool, "Error%d", problem->status));
        add_text(response, "description", problem->title);
        response_headers(response, problem->status);
        media = add_object(add_object(response, "content"), "text/plain");
        add_text(add_typed(media, "schema", "string"), "const", "ERROR");
        add_text(media, "example", "ERROR");
    }
}

static void success(json_object *responses, const operation_t *op)
{
    json_object *response = add_object(responses, "200"), *media, *value;

    add_text(response, "description", "Stored: it will be processed.");
    response = add_object(response, "content");
    if (op->route->reply == CRM360_REPLY_TEXT) {
        media = add_object(response, "text/plain");
        add_text(add_typed(media, "schema", "string"), "const", "OK");
        add_text(media, "example", "OK");
        return;
    }
    media = add_object(response, "application/json");
    add_ref(add_object(media, "schema"), "schemas", "Receipt", op->pool);
    value = add_object(media, "example");
    add_text(value, "MessageId",
             apr_pstrcat(op->pool, RECEIPT_ULID "-", op->route->id_suffix,
                         op->process == CRM360_EMAIL_PROCESS ? ".mail" : "", NULL));
    add_text(value, "VisibleAt", "2026-03-04T09:20:00.123Z");
    add_text(value, "Durability", crm360_durability_name(CRM360_IN_MEMORY));
    json_object_object_add(value, "Duplicate", json_object_new_boolean(0));
}

/* ---- paths ---- */

static const char *description(const operation_t *op)
{
    if (strcmp(op->method, op->example->method) == 0) {
        return op->process == CRM360_EMAIL_PROCESS
                   ? "Only mails the content of the request to the address in Email."
                   : "Queues the request; it is processed afterwards.";
    }
    return apr_pstrcat(op->pool, "The same with ", op->method, ". ", op->route->platform,
                       " itself is expected to use ", op->example->method, ".", NULL);
}

static void add_operation(json_object *path, operation_t *op, const char *method)
{
    json_object *operation = add_object(path, strcmp(method, "GET") == 0 ? "get" : "post");
    const char *kind = op->route->reply == CRM360_REPLY_TEXT ? "Error" : "Problem";
    const crm360_api_problem_t *problem;
    json_object *responses;

    op->method = method;
    add_text(operation, "operationId",
             apr_psprintf(op->pool, "%s-%s-%s", crm360_process_name(op->process),
                          op->route->id_suffix, method));
    push_text(add_array(operation, "tags"), op->route->platform);
    add_text(operation, "summary", op->route->meaning);
    add_text(operation, "description", description(op));
    operation_parameters(add_array(operation, "parameters"), op);
    if (strcmp(method, "POST") == 0) {
        request_body(operation, op);
    }
    responses = add_object(operation, "responses");
    success(responses, op);
    for (problem = op->api->problems; problem->name; problem++) {
        if (begins_status(op->api, problem)) {
            add_ref(add_object(responses, apr_itoa(op->pool, problem->status)), "responses",
                    apr_psprintf(op->pool, "%s%d", kind, problem->status), op->pool);
        }
    }
}

static void add_path(json_object *paths, const crm360_api_t *api, const crm360_route_t *route,
                     crm360_process_t process, apr_pool_t *pool)
{
    operation_t op = {.api = api, .route = route, .process = process, .pool = pool};
    json_object *path = add_object(
        paths, apr_psprintf(pool, "/%s/{%s}/{%s}/%s", crm360_process_name(process),
                            crm360_path_values[0].name, crm360_path_values[1].name, route->name));

    op.example = crm360_example_read(route, pool);
    op.command = crm360_command_find(route);
    path_parameters(add_array(path, "parameters"), &op);
    add_operation(path, &op, "POST");
    add_operation(path, &op, "GET");
}

/* ---- the rest of the document ---- */

static void schemas(json_object *into, apr_pool_t *pool)
{
    json_object *schema, *properties, *list;
    const crm360_route_t *route;
    int i;

    schema = add_typed(into, "Receipt", "object");
    properties = add_object(schema, "properties");
    add_text(add_typed(properties, "MessageId", "string"), "description",
             "By what the message is found again, in logs and in the database.");
    add_text(add_typed(properties, "VisibleAt", "string"), "format", "date-time");
    list = add_array(add_typed(properties, "Durability", "string"), "enum");
    for (i = CRM360_IN_MEMORY; i <= CRM360_IN_SPOOL; i++) {
        push_text(list, crm360_durability_name((crm360_durability_t)i));
    }
    add_typed(properties, "Duplicate", "boolean");
    list = add_array(schema, "required");
    json_object_object_foreach(properties, member, unused)
    {
        (void)unused;
        push_text(list, member);
    }

    schema = add_typed(into, "Problem", "object");
    add_text(schema, "description", "RFC 9457");
    properties = add_object(schema, "properties");
    list = add_array(schema, "required");
    add_typed(properties, "type", "string");
    add_typed(properties, "title", "string");
    add_typed(properties, "status", "integer");
    add_typed(properties, "detail", "string");
    add_typed(properties, "instance", "string");
    json_object_object_foreach(properties, name, ignored)
    {
        (void)ignored;
        push_text(list, name);
    }
    add_text(add_typed(properties, "parameter", "string"), "description",
             "What is at fault: a query parameter, a value of the path, a field of a command.");

    add_text(add_object(into, "PlatformBody"), "description", "Whatever the platform sends.");
    add_typed(add_typed(into, "PlatformForm", "object"), "additionalProperties", "string");
    for (route = crm360_routes; route->platform; route++) {
        if (crm360_command_find(route)) {
            command_schema(add_object(into, route->id_suffix), crm360_command_find(route), pool);
        }
    }
}

/* The proofs that OpenAPI has words for; or none: a signature or a network may be the proof. */
static void security(json_object *document, json_object *components)
{
    static const struct {
        const char *name, *type, *key, *value, *in, *meaning;
    } schemes[] = {
        {"token", "apiKey", "name", "X-Crm360Api-Token", "header", "The token of the database."},
        {"bearer", "http", "scheme", "bearer", NULL, "The same token as a Bearer token."},
        {"tokenInUrl", "apiKey", "name", CRM360_PARAM_TOKEN, "query",
         "The same token, for senders that can set nothing but a URL. Logs may show it."},
        {"basic", "http", "scheme", "basic", NULL, "A user and a password, as Mailjet sends them."},
    };
    json_object *list = add_array(document, "security");
    json_object *into = add_object(components, "securitySchemes");
    size_t i;

    push_object(list);
    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        json_object *scheme = add_typed(into, schemes[i].name, schemes[i].type);

        add_text(scheme, schemes[i].key, schemes[i].value);
        if (schemes[i].in) {
            add_text(scheme, "in", schemes[i].in);
        }
        add_text(scheme, "description", schemes[i].meaning);
        add_array(push_object(list), schemes[i].name);
    }
}

static void info(json_object *document, apr_pool_t *pool)
{
    json_object *into = add_object(document, "info"), *license;
    const crm360_api_chapter_t *chapter;
    const char *text = "";

    add_text(into, "title", "CRM360 webhooks");
    add_text(into, "version", CRM360_VERSION);
    for (chapter = crm360_api_chapters; chapter->heading; chapter++) {
        text = apr_pstrcat(pool, text, *text ? "\n\n" : "", "## ", chapter->heading, "\n\n",
                           chapter->text, NULL);
    }
    add_text(into, "description", text);
    license = add_object(into, "license");
    add_text(license, "name", "Apache License 2.0");
    add_text(license, "identifier", "Apache-2.0");
}

static void tags(json_object *document, apr_pool_t *pool)
{
    json_object *list = add_array(document, "tags");
    int i;

    for (i = 0; i < CRM360_PLATFORMS; i++) {
        const char *name = crm360_platform_name(i);
        json_object *tag = push_object(list);

        add_text(tag, "name", name);
        add_text(tag, "description", apr_pstrcat(pool, "The routes of ", name, ".", NULL));
    }
}

static apr_status_t put_document(void *document)
{
    json_object_put(document);
    return APR_SUCCESS;
}

const char *crm360_api_openapi(const crm360_api_t *api, apr_pool_t *pool)
{
    json_object *document = json_object_new_object(), *paths, *components;
    const crm360_route_t *route;

    if (!document) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, document, put_document, apr_pool_cleanup_null);
    add_text(document, "openapi", "3.1.0");
    info(document, pool);
    add_text(push_object(add_array(document, "servers")), "url",
             apr_pstrcat(pool, api->server, api->mount, NULL));
    tags(document, pool);
    paths = add_object(document, "paths");
    for (route = crm360_routes; route->platform; route++) {
        add_path(paths, api, route, CRM360_QUEUE_PROCESS, pool);
        add_path(paths, api, route, CRM360_EMAIL_PROCESS, pool);
    }
    components = add_object(document, "components");
    schemas(add_object(components, "schemas"), pool);
    common_parameters(add_object(components, "parameters"), pool);
    problem_responses(add_object(components, "responses"), api, pool);
    security(document, components);
    return json_object_to_json_string_ext(document, FLAGS);
}
