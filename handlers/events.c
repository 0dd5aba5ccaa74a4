/* Names of a platform's own events (see events.h). No caller may write a sentence there. */
#include "handlers/events.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define NAME_MOST 40

const char *handler_events_kind(const char *platform, const char *name, apr_pool_t *pool)
{
    size_t length = name ? strlen(name) : 0;
    char *word = apr_pstrdup(pool, name ? name : "");
    size_t i;

    for (i = 0; i < length && length <= NAME_MOST; i++) {
        if (!apr_isalnum(word[i]) && !strchr("._-", word[i])) {
            break;
        }
        word[i] = (char)apr_tolower(word[i]);
    }
    return apr_pstrcat(pool, platform, ".", length && i == length ? word : "other", NULL);
}
