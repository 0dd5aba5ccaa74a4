/* The grammar of a placeholder (see placeholder.h). Must never take more of a text for one than it
 * is: what is none goes out as it stands. */
#include "outbound/placeholder.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/json_scan.h"

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* The default at `text`: where it ends, or NULL when it is no value. */
static const char *read_default(outbound_placeholder_t *found, const char *text, const char *end,
                                apr_pool_t *pool)
{
    crm360_scan_t scan = {.data = text, .len = (apr_size_t)(end - text)};
    const char *why;

    found->has_default = 1;
    if (*text == '}') {
        return text;
    }
    if (*text == '{' || *text == '[' || crm360_scan_value(&scan) != NULL ||
        crm360_json_parse(&found->otherwise, &why, text, scan.at, pool) != APR_SUCCESS) {
        return NULL;
    }
    return text + scan.at;
}

/* What follows "{{" at `text`: where it ends, or NULL when it is no variable. `end` is that of the
 * whole text. */
static const char *read_variable(outbound_placeholder_t *found, const char *text, const char *end,
                                 apr_pool_t *pool)
{
    const char *name, *to;

    memset(found, 0, sizeof(*found));
    text = skip_blanks(text);
    if (strncmp(text, "var", 3) != 0 || *(text = skip_blanks(text + 3)) != ':') {
        return NULL;
    }
    name = skip_blanks(text + 1);
    text = to = name + strcspn(name, ":{}\"\t\r\n");
    while (to > name && to[-1] == ' ') {
        to--;
    }
    if (to == name) {
        return NULL;
    }
    if (*text == ':') {
        text = read_default(found, skip_blanks(text + 1), end, pool);
    }
    text = text ? skip_blanks(text) : NULL;
    if (!text || strncmp(text, "}}", 2) != 0) {
        return NULL;
    }
    found->name = apr_pstrmemdup(pool, name, (apr_size_t)(to - name));
    return text + 2;
}

int outbound_placeholder_find(outbound_placeholder_t *found, const char *text, const char *end,
                              apr_pool_t *pool)
{
    const char *brace = text - 1, *behind;

    while ((brace = memchr(brace + 1, '{', (apr_size_t)(end - brace - 1))) != NULL) {
        behind = brace[1] == '{' ? read_variable(found, brace + 2, end, pool) : NULL;
        if (behind) {
            found->start = brace;
            found->end = behind;
            return 1;
        }
    }
    return 0;
}
