/*
 * The checks of a webhook that need neither a server nor a queue. Must never let pass what the
 * other side of the intake refuses: httpd and crm360ctl call the same functions.
 */
#include "core/intake.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/command.h"
#include "core/mail_copy.h"

static int refuse(crm360_fault_t *fault, crm360_fault_kind_t kind, const char *parameter,
                  const char *detail)
{
    fault->kind = kind;
    fault->parameter = parameter;
    fault->detail = detail;
    return 0;
}

/* ---- database and route ---- */

int crm360_intake_path(const char **mount, crm360_process_t *process,
                       const char *values[CRM360_PATH_VALUES], const char *path, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, path);
    apr_size_t len = strlen(text);
    char *slash;
    int i;

    if (len && text[len - 1] == '/') {
        text[len - 1] = '\0';
    }
    for (i = CRM360_PATH_VALUES - 1; i >= 0; i--) {
        slash = strrchr(text, '/');
        if (!slash) {
            break;
        }
        values[i] = slash + 1;
        *slash = '\0';
    }
    slash = i < 0 ? strrchr(text, '/') : NULL;
    if (!slash || !crm360_process_find(process, slash + 1, strlen(slash + 1))) {
        return 0;
    }
    *slash = '\0';
    if (mount) {
        *mount = text;
    }
    return 1;
}

int crm360_intake_database(const crm360_database_t **database, crm360_fault_t *fault,
                           const crm360_config_t *config, const char *customer, const char *alias,
                           apr_pool_t *pool)
{
    int customer_known;

    *database = crm360_config_database(config, customer, alias, &customer_known);
    if (*database) {
        return 1;
    }
    if (!customer_known) {
        return refuse(fault, CRM360_FAULT_CUSTOMER, crm360_path_values[CRM360_PATH_CUSTOMER].name,
                      apr_psprintf(pool, "There is no customer %s here.", customer));
    }
    return refuse(fault, CRM360_FAULT_DATABASE, crm360_path_values[CRM360_PATH_DATABASE].name,
                  apr_psprintf(pool, "Customer %s has no database %s here.", customer, alias));
}

/* "Shopify/Customer/Insert, ...": the routes of one platform, or the platforms when it is NULL. */
static const char *list_routes(const char *platform, apr_pool_t *pool)
{
    const crm360_route_t *row;
    const char *text = "";

    for (row = crm360_routes; row->platform; row++) {
        const char *item = platform ? row->name : row->platform;

        if (platform ? apr_cstr_casecmp(row->platform, platform) != 0
                     : row != crm360_routes && strcmp(row[-1].platform, row->platform) == 0) {
            continue;
        }
        text = apr_pstrcat(pool, text, *text ? ", " : "", item, NULL);
    }
    return text;
}

int crm360_intake_route(const crm360_route_t **route, crm360_fault_t *fault, const char *platform,
                        const char *entity, const char *action, apr_pool_t *pool)
{
    int at = CRM360_PATH_ACTION;

    switch (crm360_route_find(route, platform, entity, action)) {
    case CRM360_ROUTE_FOUND:
        return 1;
    case CRM360_ROUTE_NO_PLATFORM:
        return refuse(fault, CRM360_FAULT_ROUTE, crm360_path_values[CRM360_PATH_PLATFORM].name,
                      apr_psprintf(pool, "There is no platform %s. Platforms: %s.", platform,
                                   list_routes(NULL, pool)));
    case CRM360_ROUTE_NO_ENTITY:
        at = CRM360_PATH_ENTITY;
        break;
    case CRM360_ROUTE_NO_ACTION:
        break;
    }
    return refuse(fault, CRM360_FAULT_ROUTE, crm360_path_values[at].name,
                  apr_psprintf(pool, "There is no route %s/%s/%s. Routes of this platform: %s.",
                               platform, entity, action, list_routes(platform, pool)));
}

/* ---- parameters and content ---- */

int crm360_intake_mail(crm360_fault_t *fault, const crm360_database_t *database,
                       const crm360_params_t *params)
{
    if (!params->email || crm360_address_fits(database->email_allow, params->email)) {
        return 1;
    }
    return refuse(fault, CRM360_FAULT_MAIL, "Email",
                  "Crm360EmailAllow of this database does not allow this address: nothing is "
                  "mailed to it, and nothing was queued.");
}

int crm360_intake_event(const crm360_cloudevent_t **event, int *structured, crm360_fault_t *fault,
                        const apr_table_t *headers, const char *body, apr_size_t len,
                        apr_pool_t *pool)
{
    crm360_event_mode_t mode = crm360_cloudevent_mode(headers);
    crm360_param_error_t error;
    crm360_cloudevent_t *read;

    *event = NULL;
    *structured = 0;
    if (mode == CRM360_EVENT_NONE) {
        return 1;
    }
    if (mode == CRM360_EVENT_OTHER) {
        return refuse(fault, CRM360_FAULT_MEDIA_TYPE, "Content-Type",
                      "Of CloudEvents, single ones are taken: " CRM360_EVENT_TYPE
                      ", or any content with the attributes in ce- fields.");
    }
    read = apr_palloc(pool, sizeof(*read));
    if (crm360_cloudevent_read(read, &error, headers, body, len, pool) != APR_SUCCESS) {
        return refuse(fault, CRM360_FAULT_EVENT, error.parameter,
                      apr_psprintf(pool, "%c%s.", apr_toupper(*error.detail), error.detail + 1));
    }
    *event = read;
    *structured = mode == CRM360_EVENT_STRUCTURED;
    return 1;
}

int crm360_intake_command(crm360_fault_t *fault, const crm360_route_t *route,
                          crm360_process_t process, const crm360_database_t *database,
                          const char *content, apr_size_t len, apr_pool_t *pool)
{
    const crm360_command_t *command = crm360_command_find(route);
    crm360_param_error_t error;

    if (!command || process == CRM360_EMAIL_PROCESS || !content ||
        crm360_command_glance(&error, command, content, len, database, pool) == APR_SUCCESS) {
        return 1;
    }
    return refuse(fault, CRM360_FAULT_FIELD, error.parameter,
                  apr_pstrcat(pool, error.detail, ".", NULL));
}

int crm360_intake_is_coded(const char *encoding)
{
    while (encoding && *encoding) {
        apr_size_t len;

        encoding += strspn(encoding, ", \t");
        len = strcspn(encoding, ", \t");
        if (len > 0 && (len != 8 || apr_cstr_casecmpn(encoding, "identity", len) != 0)) {
            return 1;
        }
        encoding += len;
    }
    return 0;
}

/* ---- what is pushed ---- */

/* Loads that may wait step aside; what leaves keeps its lane, however much of it there is. */
static crm360_lane_t lane(const crm360_message_t *message, crm360_process_t process)
{
    if (process == CRM360_EMAIL_PROCESS) {
        return CRM360_LANE_SEND;
    }
    return message->batch_mode && message->route->lane == CRM360_LANE_LIVE ? CRM360_LANE_BATCH
                                                                           : message->route->lane;
}

void crm360_intake_push(crm360_push_t *push, const crm360_message_t *message,
                        const crm360_params_t *params, crm360_process_t process,
                        const crm360_database_t *database, apr_pool_t *pool)
{
    push->customer = message->customer;
    push->database = message->database;
    push->lane = lane(message, process);
    push->id = process == CRM360_EMAIL_PROCESS ? crm360_mail_id(message->id, pool) : message->id;
    push->mail_copy = process == CRM360_QUEUE_PROCESS && message->email;
    push->invisible_for = apr_time_from_sec(params->seconds_of_invisibility);
    push->most = crm360_database_waiting(database);
}
