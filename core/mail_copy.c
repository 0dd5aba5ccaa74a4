/* Ids of mail copies. Must never take a webhook for a copy, or a copy for a webhook. */
#include "core/mail_copy.h"

#include <apr_strings.h>

#include <string.h>

/* Bytes of an id before the tail of a mail copy; 0 when it has none. */
static apr_size_t before_tail(const char *id)
{
    const apr_size_t tail_len = sizeof(CRM360_MAIL_TAIL) - 1;
    apr_size_t len = strlen(id);

    return len > tail_len && strcmp(id + len - tail_len, CRM360_MAIL_TAIL) == 0 ? len - tail_len
                                                                                : 0;
}

const char *crm360_mail_id(const char *id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, id, CRM360_MAIL_TAIL, NULL);
}

const char *crm360_mail_source(const char *id, apr_pool_t *pool)
{
    apr_size_t len = before_tail(id);

    return len ? apr_pstrmemdup(pool, id, len) : id;
}

int crm360_id_is_mail(const char *id)
{
    return before_tail(id) > 0;
}

int crm360_id_fits(const char *id, const char *stored)
{
    apr_size_t len = before_tail(id);

    if (!len) {
        return strcmp(id, stored) == 0;
    }
    return strlen(stored) == len && strncmp(id, stored, len) == 0;
}
