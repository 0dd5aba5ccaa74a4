/*
 * The <Crm360Database customer alias> sections: their names, finding them, and what driver and
 * parameters must have in common. Never opens a database.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/params.h"

/* Room for "customer/alias". */
#define KEY_SIZE (2 * CRM360_NAME_MOST + 1)

/* Writes `name` in lower case, without a NUL, and returns its length; 0 when it is too long to be
 * ours. */
static apr_size_t put_lower(char *out, const char *name)
{
    apr_size_t len = strlen(name);
    apr_size_t i;

    if (len > CRM360_NAME_MOST) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        out[i] = (char)apr_tolower(name[i]);
    }
    return len;
}

/* The section of that name, NULL when there is none; *customer_known as in
 * crm360_config_database(). */
static crm360_database_t *find(const crm360_config_t *config, const char *customer,
                               const char *alias, int *customer_known)
{
    char key[KEY_SIZE];
    apr_size_t len = put_lower(key, customer);
    apr_size_t alias_len;

    *customer_known = len && apr_hash_get(config->customers, key, (apr_ssize_t)len);
    if (!*customer_known) {
        return NULL;
    }
    key[len++] = '/';
    alias_len = put_lower(key + len, alias);
    return apr_hash_get(config->by_name, key, (apr_ssize_t)(len + alias_len));
}

const crm360_database_t *crm360_config_database(const crm360_config_t *config, const char *customer,
                                                const char *alias, int *customer_known)
{
    int known;
    const crm360_database_t *database = find(config, customer, alias, &known);

    if (customer_known) {
        *customer_known = known;
    }
    return database;
}

/* Enters a section into the lists of `config`. The name must be new. */
static void add_section(crm360_config_t *config, crm360_database_t *database, apr_pool_t *pool)
{
    char *key = apr_palloc(pool, KEY_SIZE);
    apr_size_t customer_len = put_lower(key, database->customer);
    apr_size_t len = customer_len;

    key[len++] = '/';
    len += put_lower(key + len, database->alias);
    database->number = config->databases->nelts;
    APR_ARRAY_PUSH(config->databases, crm360_database_t *) = database;
    apr_hash_set(config->by_name, key, (apr_ssize_t)len, database);
    apr_hash_set(config->customers, key, (apr_ssize_t)customer_len, database);
}

void crm360_databases_merge(crm360_config_t *merged, const crm360_config_t *from, apr_pool_t *pool)
{
    int known;
    int i;

    for (i = 0; i < from->databases->nelts; i++) {
        const crm360_database_t *add = APR_ARRAY_IDX(from->databases, i, crm360_database_t *);
        crm360_database_t *mine = find(merged, add->customer, add->alias, &known);

        if (mine) {
            crm360_members_merge(mine, add, CRM360_IN_DATABASE);
            mine->customer = add->customer;
            mine->alias = add->alias;
            mine->file = add->file;
            mine->line = add->line;
        }
        else {
            /* A copy, for a later merge may change it. */
            add_section(merged, apr_pmemdup(pool, add, sizeof(*add)), pool);
        }
    }
}

crm360_waiting_limits_t crm360_database_waiting(const crm360_database_t *database)
{
    crm360_waiting_limits_t limits = {database->waiting_most,
                                      database->waiting_bytes > 0 ? database->waiting_bytes : 0};

    return limits;
}

const char *crm360_section_args(const char **args, const char *raw, apr_pool_t *pool)
{
    const char *end = strchr(raw, '>');
    const char *behind;

    *args = NULL;
    if (!end) {
        return "<" CRM360_SECTION ">: the '>' at the end is missing; allowed: "
               "<" CRM360_SECTION " customer alias>";
    }
    for (behind = end + 1; apr_isspace(*behind); behind++) {
    }
    if (*behind) {
        return apr_psprintf(pool,
                            "<" CRM360_SECTION ">: %s stands behind the '>'; allowed: nothing, a "
                            "comment has a line of its own",
                            crm360_quoted(behind, pool));
    }
    *args = apr_pstrmemdup(pool, raw, (apr_size_t)(end - raw));
    return NULL;
}

const char *crm360_database_begin(crm360_database_t **database, crm360_config_t *config,
                                  const char *args, const char *file, int line, apr_pool_t *pool)
{
    const crm360_database_t *other;
    crm360_database_t *fresh;
    const char *const *argv;
    const char *fault;
    int argc;
    int i;

    *database = NULL;
    fault = crm360_words_split(&argc, &argv, args, pool);
    if (fault) {
        return apr_pstrcat(pool, "<" CRM360_SECTION ">: ", fault, NULL);
    }
    if (argc != 2) {
        return apr_psprintf(pool,
                            "<" CRM360_SECTION ">: takes 2 arguments, %d given; syntax: "
                            "<" CRM360_SECTION " customer alias>",
                            argc);
    }
    for (i = 0; i < argc; i++) {
        if (!crm360_path_value_ok(argv[i])) {
            return apr_psprintf(pool,
                                "<" CRM360_SECTION ">: %s is no name of a %s; allowed: 1 to %d "
                                "characters of A-Z a-z 0-9 . _ -",
                                crm360_quoted(argv[i], pool), i ? "database" : "customer",
                                CRM360_NAME_MOST);
        }
    }
    other = crm360_config_database(config, argv[0], argv[1], NULL);
    if (other) {
        return apr_psprintf(pool,
                            "<" CRM360_SECTION " %s %s>: is there already, at %s:%d; allowed: one "
                            "section for each customer and alias, whatever their case",
                            argv[0], argv[1], other->file, other->line);
    }
    fresh = apr_pcalloc(pool, sizeof(*fresh));
    crm360_members_unset(fresh, CRM360_IN_DATABASE);
    fresh->customer = argv[0];
    fresh->alias = argv[1];
    fresh->file = apr_pstrdup(pool, file);
    fresh->line = line;
    add_section(config, fresh, pool);
    *database = fresh;
    return NULL;
}

/* Whether libpq parameters, in either of their forms, carry a password: "password = x",
 * "?password=x" or "postgresql://user:password@host". Also finds sslpassword. */
static int has_password(const char *params)
{
    const char *at = params;
    const char *authority = strstr(params, "://");
    apr_size_t len;

    while ((at = strchr(at, '=')) != NULL) {
        const char *end = at;

        while (end > params && apr_isspace(end[-1])) {
            end--;
        }
        if (end - params >= 8 && apr_cstr_casecmpn(end - 8, "password", 8) == 0) {
            return 1;
        }
        at++;
    }
    if (!authority) {
        return 0;
    }
    authority += 3;
    len = strcspn(authority, "/?");
    at = memchr(authority, '@', len);
    return at && memchr(authority, ':', (apr_size_t)(at - authority));
}

const char *crm360_database_fault(const crm360_database_t *database, apr_pool_t *pool)
{
    if (!database->params) {
        return NULL;
    }
    /* Looked for whatever the driver: it may be set later, and others may read this file. */
    if (has_password(database->params)) {
        return "a password does not belong into Crm360DBParams; allowed: put it into a file of its "
               "own and name that with Crm360DBPasswordFile";
    }
    if (database->driver && strcmp(database->driver, "sqlite3") == 0 &&
        database->params[0] != '/') {
        return apr_psprintf(pool,
                            "%s is no absolute file name; allowed as Crm360DBParams of "
                            "Crm360DBDriver sqlite3: the name of the database file, from / on",
                            crm360_quoted(database->params, pool));
    }
    return NULL;
}

/* What one section still lacks for `reader`, or what is wrong with it. */
static const char *section_fault(const crm360_database_t *database, unsigned reader,
                                 apr_pool_t *pool)
{
    if (reader & CRM360_READ_CONSUMER) {
        if (!database->driver) {
            return "Crm360DBDriver is missing; allowed: Crm360DBDriver sqlite3 or pgsql";
        }
        if (!database->params) {
            return "Crm360DBParams is missing; allowed: Crm360DBParams and the file or connection "
                   "string of the database";
        }
        if (crm360_sending_fault(database)) {
            return crm360_sending_fault(database);
        }
    }
    return crm360_database_fault(database, pool);
}

const char *crm360_databases_check(const crm360_config_t *config, unsigned reader, apr_pool_t *pool)
{
    int i;

    for (i = 0; i < config->databases->nelts; i++) {
        const crm360_database_t *database =
            APR_ARRAY_IDX(config->databases, i, const crm360_database_t *);
        const char *fault = section_fault(database, reader, pool);

        if (fault) {
            return apr_psprintf(pool, "%s:%d: <" CRM360_SECTION " %s %s>: %s", database->file,
                                database->line, database->customer, database->alias, fault);
        }
    }
    return NULL;
}
