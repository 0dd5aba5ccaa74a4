/* What crm/version.c, the rule, and crm/version_notes.c, the stored form, share. */
#ifndef CRM_VERSION_PRIVATE_H
#define CRM_VERSION_PRIVATE_H

#include <apr_tables.h>

#include "crm/version.h"

/* A writer's "empty". */
typedef struct emptied_t {
    const char *writer;
    const char *version;
} emptied_t;

/* What is known of a group. */
typedef struct note_t {
    const char *group;
    const char *version; /* "" = no value was written */
    const char *writer;
    apr_array_header_t *emptied; /* emptied_t: later than `version` only */
    int has_value;               /* `value` is known; NULL = empty */
    const char *value;
} note_t;

struct crm_guard_t {
    apr_pool_t *pool;
    apr_array_header_t *notes; /* note_t */
    int changed;
};

/* A new note, of which nothing is known; `group` is borrowed. It stays where it is until the next
 * one is added. */
note_t *crm_guard_add_note(crm_guard_t *guard, const char *group);

/* The notes as they are stored, in `pool`. Sorts them. */
const char *crm_guard_text(crm_guard_t *guard, apr_pool_t *pool);

#endif
