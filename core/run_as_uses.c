/*
 * What crm360d must be able to write, looked at with the rights of this process. Must never write
 * anything: a folder that is missing is not made here.
 */
#include "core/run_as.h"

#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *cannot(const char *directive, const char *what, const char *path, int error,
                          const char *allowed, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s: %s %s by the user crm360d runs as, %lu (%s); allowed: %s",
                        directive, path, what, (unsigned long)geteuid(), strerror(error), allowed);
}

/* A folder that is there must be writable; one that is not, where it would be made. */
static const char *folder_fault(const char *directive, const char *folder, apr_pool_t *pool)
{
    struct stat info;
    char *parent;

    if (access(folder, R_OK | W_OK | X_OK) == 0) {
        return NULL;
    }
    if (errno != ENOENT) {
        return cannot(directive, "cannot be written", folder, errno, "a folder of that user", pool);
    }
    parent = apr_pstrdup(pool, folder);
    if (strrchr(parent, '/') > parent) {
        *strrchr(parent, '/') = '\0';
    }
    return stat(parent, &info) == 0 && access(parent, W_OK | X_OK) < 0
               ? cannot(directive, "cannot be made", folder, errno,
                        "a folder of that user, which is there", pool)
               : NULL;
}

static int is_sqlite(const crm360_database_t *database)
{
    return database->driver && strcmp(database->driver, "sqlite3") == 0 && database->params;
}

/* SQLite writes beside its file as well. One that is not there yet is crm360ctl's to make. */
static const char *sqlite_fault(const crm360_database_t *database, apr_pool_t *pool)
{
    const char *fault = NULL;
    char *folder;

    if (access(database->params, F_OK) < 0) {
        return NULL;
    }
    folder = apr_pstrdup(pool, database->params);
    *strrchr(folder, '/') = '\0';
    if (access(database->params, R_OK | W_OK) < 0) {
        fault = cannot("Crm360DBParams", "cannot be written", database->params, errno,
                       "a file of that user", pool);
    }
    else if (access(*folder ? folder : "/", W_OK | X_OK) < 0) {
        fault = cannot("Crm360DBParams", "has a folder that cannot be written", database->params,
                       errno, "a folder of that user", pool);
    }
    return fault ? apr_psprintf(pool, "%s:%d: <Crm360Database %s %s>: %s", database->file,
                                database->line, database->customer, database->alias, fault)
                 : NULL;
}

static void add(apr_array_header_t *uses, const char *name, const char *path, const char *fault)
{
    crm360_used_t *used = apr_array_push(uses);

    used->name = name;
    used->path = path;
    used->fault = fault;
}

static void add_folder(apr_array_header_t *uses, const char *name, const char *folder)
{
    add(uses, name, folder, folder_fault(name, folder, uses->pool));
}

apr_array_header_t *crm360_run_as_uses(const crm360_config_t *config, apr_pool_t *pool)
{
    apr_array_header_t *uses = apr_array_make(pool, 4, sizeof(crm360_used_t));
    const crm360_spool_place_t *spool = crm360_config_spool(config);
    const apr_array_header_t *databases = crm360_config_databases(config);
    int i;

    if (spool) {
        add_folder(uses, "Crm360Spool", spool->folder);
    }
    add_folder(uses, "Crm360Outbox", crm360_config_outbox(config));
    add_folder(uses, "Crm360DeadLetterExport", crm360_config_dead_limits(config).export_folder);
    for (i = 0; i < databases->nelts; i++) {
        const crm360_database_t *database = APR_ARRAY_IDX(databases, i, const crm360_database_t *);

        if (is_sqlite(database)) {
            add(uses, "Crm360DBParams", database->params, sqlite_fault(database, pool));
        }
    }
    return uses;
}
