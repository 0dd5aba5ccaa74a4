/* A merge is undone by hand, by what WebhookMerges.Detail says. */
#include "core/json.h"
#include "t/unit/merge_tools.h"

static json_object *member(json_object *object, const char *name)
{
    json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return value;
}

/* What stood in a row, and its notes. */
static const char *restore(const char *table, const char *key, const char *id, json_object *part,
                           const char *const *columns)
{
    const char *sql = apr_pstrcat(pool, "UPDATE ", table, " SET ", NULL);
    const char *versions = json_object_to_json_string_ext(
        member(part, "Versions"), JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    int i;

    for (i = 0; columns[i]; i++) {
        json_object *value = member(member(part, "Before"), columns[i]);

        sql = apr_pstrcat(pool, sql, i ? ", " : "", columns[i], " = ",
                          quote(value ? json_object_get_string(value) : NULL), NULL);
    }
    return apr_pstrcat(pool, sql, " WHERE ", key, " = ", id,
                       ";\nUPDATE WebhookVersions SET Versions = ", quote(versions),
                       " WHERE TargetTable = '", table, "' AND TargetKey = '", id, "';\n", NULL);
}

/* The check of an address that was joined, as it was. */
static const char *restore_check(const char *id, json_object *check)
{
    const char *sql =
        apr_pstrcat(pool, "DELETE FROM WebhookAddressChecks WHERE AddressId = ", id, ";\n", NULL);
    const char *names = "AddressId", *values = id;
    int i;

    if (!check) {
        return sql;
    }
    for (i = 0; crm_merge_check_columns[i]; i++) {
        json_object *value = member(check, crm_merge_check_columns[i]);

        names = apr_pstrcat(pool, names, ", ", crm_merge_check_columns[i], NULL);
        values = apr_pstrcat(pool, values, ", ",
                             quote(value ? json_object_get_string(value) : NULL), NULL);
    }
    return apr_pstrcat(pool, sql, "INSERT INTO WebhookAddressChecks (", names, ") VALUES (", values,
                       ");\n", NULL);
}

/* The rows of a list go back to contact `id`. */
static const char *give_back(const char *table, const char *key, const char *id, json_object *list)
{
    const char *sql = "";
    size_t i;

    for (i = 0; list && i < json_object_array_length(list); i++) {
        sql = apr_pstrcat(pool, sql, "UPDATE ", table, " SET ContactId = ", id, " WHERE ", key,
                          " = ", quote(json_object_get_string(json_object_array_get_idx(list, i))),
                          ";\n", NULL);
    }
    return sql;
}

static void undo(int kept_id, int merged_id)
{
    static const char *const keys[] = {
        "ContactIdentifierId", "MatchKey", "PurchaseHeaderId",  "VoucherId", "LoyaltyCardId",
        "LoyaltyPointId",      "CaseId",   "ContactInterestId", "EventId",   "MessageId"};
    const char *kept = apr_itoa(pool, kept_id), *merged = apr_itoa(pool, merged_id), *why, *text;
    const char *sql = apr_psprintf(pool,
                                   "BEGIN;UPDATE Contacts SET DeletionFlag = 0"
                                   " WHERE ContactId = %d;\n",
                                   merged_id);
    json_object *value = NULL, *joined;
    size_t i;

    text = askf("SELECT Detail FROM WebhookMerges WHERE MergedContactId = %d ORDER BY MergeId DESC"
                " LIMIT 1",
                merged_id);
    if (crm360_json_parse(&value, &why, text, strlen(text), pool) != APR_SUCCESS) {
        ok(0, "Detail: %s", why);
        return;
    }
    sql = apr_pstrcat(
        pool, sql,
        restore("Contacts", "ContactId", kept, member(value, "Contact"), crm_merge_contact_columns),
        NULL);
    joined = member(value, "JoinedAddresses");
    for (i = 0; joined && i < json_object_array_length(joined); i++) {
        json_object *part = json_object_array_get_idx(joined, i);

        sql = apr_pstrcat(
            pool, sql,
            restore("Addresses", "AddressId", json_object_get_string(member(part, "AddressId")),
                    part, crm_merge_address_columns),
            "UPDATE Addresses SET DeletionFlag = 0 WHERE AddressId = ",
            json_object_get_string(member(part, "OtherAddressId")), ";\n",
            restore_check(json_object_get_string(member(part, "AddressId")), member(part, "Check")),
            NULL);
    }
    sql = apr_pstrcat(
        pool, sql, give_back("Addresses", "AddressId", merged, member(value, "Addresses")), NULL);
    for (i = 0; crm_merge_tables[i].table; i++) {
        sql = apr_pstrcat(pool, sql,
                          give_back(crm_merge_tables[i].table, keys[i], merged,
                                    member(value, crm_merge_tables[i].table)),
                          NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
}

/* Everything that two contacts own. */
static const char *owned(void)
{
    static const char *const queries[] = {"SELECT * FROM Contacts ORDER BY ContactId",
                                          "SELECT * FROM Addresses ORDER BY AddressId",
                                          "SELECT * FROM ContactIdentifiers ORDER BY 1",
                                          "SELECT * FROM WebhookMatches ORDER BY 1",
                                          "SELECT * FROM WebhookVersions ORDER BY 1, 2",
                                          "SELECT * FROM PurchaseHeaders ORDER BY 1",
                                          "SELECT * FROM LoyaltyCards ORDER BY 1",
                                          "SELECT * FROM LoyaltyPoints ORDER BY 1",
                                          "SELECT * FROM WebhookEvents ORDER BY 1",
                                          "SELECT * FROM WebhookAddressChecks ORDER BY 1"};
    const char *text = "";
    size_t i;

    for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        text = apr_pstrcat(pool, text, ask(queries[i]), "\n", NULL);
    }
    return text;
}

/* The addresses of a contact were checked. */
static void check(const char *word, int contact_id)
{
    tools_execute(section, apr_psprintf(pool,
                                        "UPDATE Addresses SET AddressStateId = 2"
                                        " WHERE ContactId = %d;"
                                        "INSERT INTO WebhookAddressChecks (AddressId, StateId,"
                                        " CheckedAt, MessageId, Input, Output)"
                                        " SELECT AddressId, 2, '2026-11-20T10:00:00', 'm%s',"
                                        " '{\"City\":\"%s\"}', '{}' FROM Addresses"
                                        " WHERE ContactId = %d",
                                        contact_id, word, word, contact_id));
}

static void undoing(void)
{
    const char *before;
    int a, b;

    empty();
    a = told(&(told_t){1, "a", 10, "Léa", "Marchand", "Nice", LEA, NULL, "1", "1", 0});
    b = told(
        &(told_t){1, "b", 20, "Léonie", "Marchand", "Lyon", LEA, "+33612345678", "0", NULL, 0});
    told(&(told_t){1, "b", 20, NULL, NULL, "Metz", NULL, NULL, NULL, NULL, 4});
    tools_execute(
        section,
        apr_psprintf(pool,
                     "UPDATE Contacts SET FirstName = 'Léa', JobTitle = 'it''s', FreeFieldNumber1 ="
                     " 1.5 WHERE ContactId = %d;"
                     "INSERT INTO PurchaseHeaders (PurchaseIdentifier, ContactId, SourceId)"
                     " VALUES ('p', %d, 1);"
                     "INSERT INTO LoyaltyCards (LoyaltyCardIdentifier, ContactId, SourceId)"
                     " VALUES ('k', %d, 1);"
                     "INSERT INTO LoyaltyPoints (PointIdentifier, ContactId, SourceId)"
                     " VALUES ('n', %d, 1);"
                     "INSERT INTO WebhookEvents (MessageId, ContactId, Kind, At) VALUES ('m', %d,"
                     " 'x', '2026-11-20T10:00:00')",
                     b, b, b, b, b));
    check("A", a);
    check("B", b);
    before = owned();
    is_text(merge(a, b), "name+email", "two contacts");
    ok(strcmp(owned(), before) != 0, "  are one");
    undo(a, b);
    is_text(owned(), before, "  and two again, by what Detail says");
    is_text(merge(a, b), "name+email", "  which may be merged again");
    undo(a, b);
    tools_execute(section,
                  apr_psprintf(pool,
                               "INSERT INTO WebhookReviews VALUES (%d, %d, 'name+email', 1000, 'x',"
                               " '2026-11-20T10:00:00', 'apart')",
                               a, b));
    is_text(merge(a, b), "not merged", "  until somebody says that they are apart");
}

int main(void)
{
    start();
    undoing();
    crm_db_close(db);
    return tap_done();
}
