/*
 * Migrations: brings a database to the schema of this program. Numbered files of crm/schema are
 * compiled in and applied in order, each in one transaction; WebhookSchema says which were.
 */
#ifndef CRM_MIGRATE_H
#define CRM_MIGRATE_H

#include "crm/db.h"

typedef struct crm_migration_t {
    int created; /* the database (SQLite: its file) was made */
    int from;    /* version before, 0 = empty */
    int to;      /* version now */
} crm_migration_t;

/* Migrates one database; doing it again changes nothing, doing it twice at once neither.
 * CRM360_EAWAY: out of reach or locked; CRM360_ECONFIG: the section is wrong; CRM360_ESCHEMA:
 * the database is newer than this program. *why says more (in `pool`, no secret); *done holds
 * what was reached nevertheless. */
apr_status_t crm_migrate(crm_migration_t *done, const char **why, const crm360_database_t *database,
                         apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
