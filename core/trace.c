/*
 * Reading and making the fields of W3C Trace Context (the contract stands in trace.h). Must never
 * pass on what is not well formed: whoever gets it would have to drop the trace.
 */
#include "core/trace.h"

#include <apr_general.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/encode.h"

/* Where the parts of a traceparent stand: version-trace_id-parent_id-flags. */
#define TRACE_ID 3
#define TRACE_ID_LEN 32
#define SPAN_ID 36
#define SPAN_ID_LEN 16
#define FLAGS 53

#define STATE_MOST 512
#define STATE_MEMBERS 32
#define KEY_MOST 256
#define VALUE_MOST 256

#define LOWER_HEX "0123456789abcdef"
#define KEY_FIRST "abcdefghijklmnopqrstuvwxyz0123456789"
#define KEY_CHARS KEY_FIRST "_-*/@"

/* ---- traceparent ---- */

/* Whether a text begins with `len` digits. Capitals are none (3.2.2). */
static int is_hex(const char *text, apr_size_t len)
{
    return strspn(text, LOWER_HEX) >= len;
}

/* Likewise, and not only zeros. */
static int is_id(const char *text, apr_size_t len)
{
    return is_hex(text, len) && strspn(text, "0") < len;
}

const char *crm360_trace_parent(const char *text, apr_pool_t *pool)
{
    apr_size_t len = text ? strlen(text) : 0;

    if (len < CRM360_TRACE_LEN || text[TRACE_ID - 1] != '-' || text[SPAN_ID - 1] != '-' ||
        text[FLAGS - 1] != '-' || !is_hex(text, 2) || strncmp(text, "ff", 2) == 0 ||
        !is_id(text + TRACE_ID, TRACE_ID_LEN) || !is_id(text + SPAN_ID, SPAN_ID_LEN) ||
        !is_hex(text + FLAGS, 2)) {
        return NULL;
    }
    if (len > CRM360_TRACE_LEN && (strncmp(text, "00", 2) == 0 || text[CRM360_TRACE_LEN] != '-')) {
        return NULL;
    }
    return apr_psprintf(pool, "00%.*s", CRM360_TRACE_LEN - 2, text + 2);
}

const char *crm360_trace_id(const char *parent, apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, parent + TRACE_ID, TRACE_ID_LEN);
}

const char *crm360_trace_child(const char *parent, apr_pool_t *pool)
{
    unsigned char random[SPAN_ID_LEN / 2];
    char span[SPAN_ID_LEN + 1];
    int sampled;

    parent = crm360_trace_parent(parent, pool);
    if (!parent || apr_generate_random_bytes(random, sizeof(random)) != APR_SUCCESS) {
        return NULL;
    }
    random[0] |= 1; /* all zeros is no span id */
    crm360_hex_write(span, random, sizeof(random));
    /* The last bit of the last digit; the others are reserved, and must be zero (3.2.2.5). */
    sampled = crm360_hex_value(parent[FLAGS + 1]) & 1;
    return apr_psprintf(pool, "00-%.*s-%s-0%d", TRACE_ID_LEN, parent + TRACE_ID, span, sampled);
}

/* ---- tracestate ---- */

/* Whether `len` characters are key=value (3.3.2.2). Blanks around have been taken away. */
static int is_member(const char *text, apr_size_t len)
{
    const char *equals = memchr(text, '=', len);
    apr_size_t key_len = equals ? (apr_size_t)(equals - text) : 0;
    apr_size_t value_len = len - key_len - 1;
    apr_size_t i;

    if (!key_len || key_len > KEY_MOST || !strchr(KEY_FIRST, *text) ||
        strspn(text, KEY_CHARS) != key_len || !value_len || value_len > VALUE_MOST) {
        return 0;
    }
    for (i = key_len + 1; i < len; i++) {
        if (!apr_isprint(text[i]) || (unsigned char)text[i] >= 0x7f || text[i] == '=') {
            return 0;
        }
    }
    return 1;
}

int crm360_trace_state_ok(const char *text)
{
    int members = 0;

    if (!text || strlen(text) > STATE_MOST) {
        return 0;
    }
    while (*text) {
        apr_size_t len;

        text += strspn(text, " \t");
        len = strcspn(text, ",");
        while (len && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
            len--;
        }
        if (len && (++members > STATE_MEMBERS || !is_member(text, len))) {
            return 0; /* an empty member is allowed */
        }
        text += strcspn(text, ",");
        text += *text == ',';
    }
    return members > 0;
}
