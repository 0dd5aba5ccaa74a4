/*
 * What the tests of merges share: contacts put into the tables with numbers of their own, or told
 * of by sources; a merge, a run of many steps as the worker does it, and what came of it.
 */
#ifndef MERGE_TOOLS_H
#define MERGE_TOOLS_H

#include "crm/dedup.h"
#include "crm/merge.h"
#include "crm/merge_private.h"
#include "crm/person.h"
#include "t/unit/crm_tools.h"

static crm360_database_t *section;
static crm_db_t *db;

#define SOURCE 12

/* A contact as a table writes it; the first is ContactId 1. */
typedef struct row_t {
    const char *first, *last, *company, *birth;
    const char *street, *code, *city;
    const char *email, *mobile, *home;
    int gender;
    int source;             /* of its identifier; 0 = SOURCE */
    const char *identifier; /* NULL = "c" and its number */
    int deleted;
    int brand;
} row_t;

static const char *quote(const char *text)
{
    const char *quoted = "'";

    if (!text) {
        return "NULL";
    }
    for (; *text; text++) {
        quoted = apr_psprintf(pool, *text == '\'' ? "%s'%c" : "%s%c", quoted, *text);
    }
    return apr_pstrcat(pool, quoted, "'", NULL);
}

static const char *number_or_null(int number)
{
    return number ? apr_itoa(pool, number) : "NULL";
}

/* The statements that make contact number `id`. */
static const char *insert_text(int id, const row_t *row)
{
    int source = row->source ? row->source : SOURCE;
    const char *identifier = row->identifier ? row->identifier : apr_psprintf(pool, "c%d", id);

    return apr_psprintf(
        pool,
        "INSERT INTO Contacts (ContactId, FirstName, LastName, CompanyName, BirthDate, GenderId,"
        " DeletionFlag) VALUES (%d, %s, %s, %s, %s, %s, %d);\n"
        "INSERT INTO Addresses (ContactId, Address4, PostCode, City, CountryId, Email,"
        " MobilePhoneNumber, HomePhoneNumber, BrandId, DeletionFlag)"
        " VALUES (%d, %s, %s, %s, 'FRA', %s, %s, %s, %s, %d);\n"
        "INSERT INTO ContactIdentifiers VALUES (%s, %s, %d, %d);\n",
        id, quote(row->first), quote(row->last), quote(row->company),
        quote(row->birth ? apr_pstrcat(pool, row->birth, "T00:00:00", NULL) : NULL),
        number_or_null(row->gender), row->deleted, id, quote(row->street), quote(row->code),
        quote(row->city), quote(row->email), quote(row->mobile), quote(row->home),
        number_or_null(row->brand), row->deleted,
        quote(apr_psprintf(pool, "%d:%s", source, identifier)), quote(identifier), id, source);
}

static const char *ask(const char *sql) __attribute__((unused));
static const char *ask(const char *sql)
{
    return tools_query(section, sql);
}

static void empty(void) __attribute__((unused));
static void empty(void)
{
    static const char *const tables[] = {"WebhookMerges",
                                         "WebhookReviews",
                                         "WebhookDuplicateKeys",
                                         "WebhookDuplicateContacts",
                                         "WebhookDuplicateTasks",
                                         "WebhookJobs",
                                         "WebhookAddressChecks",
                                         "WebhookVersions",
                                         "WebhookMatches",
                                         "WebhookEvents",
                                         "WebhookPoints",
                                         "PurchaseHeaders",
                                         "LoyaltyPoints",
                                         "LoyaltyCards",
                                         "Vouchers",
                                         "Cases",
                                         "ContactInterests",
                                         "Addresses",
                                         "ContactIdentifiers",
                                         "Contacts"};
    const char *sql = "BEGIN;";
    size_t i;

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        sql = apr_pstrcat(pool, sql, "DELETE FROM ", tables[i], ";", NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
}

static void put(const row_t *rows, int count) __attribute__((unused));
static void put(const row_t *rows, int count)
{
    const char *sql = "BEGIN;";
    int i;

    for (i = 0; i < count; i++) {
        sql = apr_pstrcat(pool, sql, insert_text(i + 1, &rows[i]), NULL);
    }
    tools_execute(section, apr_pstrcat(pool, sql, "COMMIT;", NULL));
}

/* Runs a message to its end, each step in a transaction of its own. What it has counted as text, or
 * what went wrong. */
static const char *run(const char *message_id, const crm_dedup_choice_t *choice)
    __attribute__((unused));
static const char *run(const char *message_id, const crm_dedup_choice_t *choice)
{
    crm_job_t job;
    apr_pool_t *step;
    apr_status_t rv;
    const char *text;

    apr_pool_create(&step, pool);
    do {
        apr_pool_clear(step);
        rv = crm_db_begin(db);
        if (rv == APR_SUCCESS) {
            rv = crm_db_savepoint(db);
        }
        if (rv == APR_SUCCESS) {
            rv = crm_dedup_run(&job, db, message_id, choice, step);
        }
        if (rv == APR_SUCCESS) {
            rv = crm_db_savepoint_release(db);
        }
        if (rv == APR_SUCCESS) {
            rv = crm_db_commit(db);
        }
    } while (rv == APR_SUCCESS && !job.finished);
    if (rv != APR_SUCCESS) {
        text = apr_psprintf(pool, "status %d: %s", rv, crm_db_error(db));
        crm_db_rollback(db);
    }
    else {
        text = apr_psprintf(pool, "%d compared, %d merged, %d for review%s", job.done, job.changed,
                            job.states[3], job.states[4] ? ", some left out" : "");
    }
    apr_pool_destroy(step);
    return text;
}

/* The whole source. */
static const char *run_all(const char *message_id) __attribute__((unused));
static const char *run_all(const char *message_id)
{
    const crm_dedup_choice_t choice = {.source_id = 0};

    return run(message_id, &choice);
}

/* "1<2 3<4": what was merged into what, then " 5?6": what a person shall look at. */
static const char *outcome(void) __attribute__((unused));
static const char *outcome(void)
{
    const char *text = ask("SELECT CAST(KeptContactId AS TEXT) || '<' ||"
                           " CAST(MergedContactId AS TEXT) || '>' FROM WebhookMerges"
                           " UNION ALL SELECT CAST(ContactId AS TEXT) || '?' ||"
                           " CAST(OtherContactId AS TEXT) || '>' FROM WebhookReviews ORDER BY 1");
    char *copy = apr_pstrdup(pool, text), *c;

    for (c = copy; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    for (c = copy; (c = strchr(c, '>')) != NULL;) {
        memmove(c, c + 1, strlen(c));
    }
    return copy;
}

/* ---- what sources tell ---- */

#define LEA "lea@example.org"

static const char *version(int when) __attribute__((unused));
static const char *version(int when)
{
    return crm_version_make(when, 0, "", 0, pool);
}

/* A person as a source tells of her; NULL says nothing, "" empties. */
typedef struct told_t {
    int source;
    const char *identifier;
    int when;
    const char *first, *last, *city, *email, *mobile, *optin, *global;
    int brand;
} told_t;

static const char *value_of(const char *text) __attribute__((unused));
static const char *value_of(const char *text)
{
    return *text ? text : NULL;
}

static int told(const told_t *said) __attribute__((unused));
static int told(const told_t *said)
{
    crm_person_t person = {
        .source_id = said->source, .identifier = said->identifier, .brand_id = said->brand};
    int contact_id = 0;
    struct {
        crm_news_t *news;
        const char *value;
        int column;
    } news[] = {
        {&person.contact[CRM_CONTACT_FIRST_NAME], said->first, 0},
        {&person.contact[CRM_CONTACT_LAST_NAME], said->last, 0},
        {&person.contact[CRM_CONTACT_OPTIN], said->global, 0},
        {&person.address[CRM_ADDRESS_POSTAL], said->city, 8},
        {&person.address[CRM_ADDRESS_EMAIL], said->email, 0},
        {&person.address[CRM_ADDRESS_MOBILE_PHONE], said->mobile, 0},
        {&person.address[CRM_ADDRESS_EMAIL_OPTIN], said->optin, 0},
    };
    size_t i;

    for (i = 0; i < sizeof(news) / sizeof(news[0]); i++) {
        if (news[i].value) {
            news[i].news->said = 1;
            news[i].news->version = version(said->when);
            news[i].news->values[news[i].column] = value_of(news[i].value);
        }
    }
    if (crm_db_begin(db) != APR_SUCCESS ||
        crm_person_save(&contact_id, db, &person, pool) != APR_SUCCESS ||
        crm_db_commit(db) != APR_SUCCESS) {
        ok(0, "telling of %s: %s", said->identifier, crm_db_error(db));
        crm_db_rollback(db);
    }
    return contact_id;
}

static crm_duplicate_t last __attribute__((unused));

/* Merges and commits; the rule, or what went wrong. */
static const char *merge(int a, int b) __attribute__((unused));
static const char *merge(int a, int b)
{
    apr_status_t rv = crm_db_begin(db);

    if (rv == APR_SUCCESS) {
        rv = crm_merge_pair(&last, db, a, b, "M1", pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    if (rv != APR_SUCCESS) {
        crm_db_rollback(db);
        return crm_db_error(db);
    }
    return last.verdict == CRM_DUPLICATE_MERGE ? last.rule : "not merged";
}

static const char *askf(const char *format, ...) __attribute__((format(printf, 1, 2), unused));
static const char *askf(const char *format, ...)
{
    const char *sql;
    va_list args;

    va_start(args, format);
    sql = apr_pvsprintf(pool, format, args);
    va_end(args);
    return ask(sql);
}

static void start(void) __attribute__((unused));
static void start(void)
{
    tools_start();
    section = tools_section("merge");
    db = tools_open(section);
    if (tools_pgsql()) {
        ask("SELECT setval(pg_get_serial_sequence('contacts', 'contactid'), 1000000)");
    }
}

#endif
