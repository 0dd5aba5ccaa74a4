/*
 * The rows of WebhookAddressChecks. Values are compared as their JSON texts, which this file alone
 * writes: members in the order of the columns, empty ones left out.
 */
#include "crm/address_check.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "crm/date.h"
#include "crm/db_private.h"

static const crm_db_statement_t select_check = {
    .label = "address_check_select",
    .sql = "SELECT StateId, Reason, Input, Output FROM WebhookAddressChecks WHERE AddressId = %d"};

static const crm_db_statement_t upsert_check = {
    .label = "address_check_upsert",
    .sql = "INSERT INTO WebhookAddressChecks"
           " (AddressId, StateId, Reason, CheckedAt, MessageId, Input, Output)"
           " VALUES (%d, %d, %s, %s, %s, %s, %s) ON CONFLICT (AddressId) DO UPDATE SET"
           " StateId = excluded.StateId, Reason = excluded.Reason,"
           " CheckedAt = excluded.CheckedAt, MessageId = excluded.MessageId,"
           " Input = excluded.Input, Output = excluded.Output"};

static const char *const names[CRM_POSTAL_VALUES] = {"Address1", "Address2", "Address3", "Address4",
                                                     "Address5", "Address6", "Address7", "PostCode",
                                                     "City",     "State",    "CountryId"};

const char *crm_address_check_text(const char *const *values, apr_pool_t *pool)
{
    const char *text = "{";
    int i;

    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (values[i] && *values[i]) {
            text = apr_pstrcat(pool, text, text[1] ? "," : "", "\"", names[i],
                               "\":", crm360_json_quote(values[i], pool), NULL);
        }
    }
    return apr_pstrcat(pool, text, "}", NULL);
}

int crm_address_check_values(const char **values, const char *text, apr_pool_t *pool)
{
    json_object *object = NULL, *member;
    const char *why;
    int i;

    memset(values, 0, sizeof(*values) * CRM_POSTAL_VALUES);
    if (crm360_json_parse(&object, &why, text, strlen(text), pool) != APR_SUCCESS ||
        !json_object_is_type(object, json_type_object)) {
        return 0;
    }
    for (i = 0; i < CRM_POSTAL_VALUES; i++) {
        if (json_object_object_get_ex(object, names[i], &member) &&
            json_object_is_type(member, json_type_string)) {
            values[i] = apr_pstrdup(pool, json_object_get_string(member));
        }
    }
    return 1;
}

apr_status_t crm_address_check_load(crm_address_check_t *check, crm_db_t *db, int address_id,
                                    apr_pool_t *pool)
{
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, db, &select_check, CRM_DB_VALUES(crm_db_int(address_id, pool)), pool);

    check->state = (int)crm_db_number(&rows, 0, 0);
    check->reason = crm_db_cell(&rows, 0, 1);
    check->input = crm_db_cell(&rows, 0, 2);
    check->output = crm_db_cell(&rows, 0, 3);
    return rv;
}

apr_status_t crm_address_check_save(const crm_address_check_t *check, crm_db_t *db, int address_id,
                                    const char *message_id, apr_pool_t *pool)
{
    const char *now = crm_date_text(apr_time_now() / 1000, pool);

    return crm_db_execute(NULL, db, &upsert_check,
                          CRM_DB_VALUES(crm_db_int(address_id, pool),
                                        crm_db_int(check->state, pool), check->reason, now,
                                        message_id, check->input, check->output),
                          pool);
}

apr_status_t crm_address_check_recall(const char **values, const char **state, crm_db_t *db,
                                      int address_id, apr_pool_t *pool)
{
    const char *text = crm_address_check_text(values, pool);
    const char *output[CRM_POSTAL_VALUES];
    crm_address_check_t check;
    apr_status_t rv;
    int is_input;

    *state = NULL;
    rv = crm_address_check_load(&check, db, address_id, pool);
    if (rv != APR_SUCCESS || !check.state) {
        return rv;
    }
    is_input = strcmp(text, check.input) == 0;
    if (is_input && !crm_address_check_values(output, check.output, pool)) {
        crm360_log(CRM360_LOG_WARNING, APR_SUCCESS,
                   CRM360_LOGNO(0530) "WebhookAddressChecks: Output of AddressId %d is not JSON; "
                                      "the address stays as its source sends it, until it is "
                                      "checked again",
                   address_id);
        return APR_SUCCESS;
    }
    if (is_input) {
        memcpy(values, output, sizeof(output));
    }
    if (is_input || strcmp(text, check.output) == 0) {
        *state = crm_db_int(check.state, pool);
    }
    return APR_SUCCESS;
}
