/*
 * Reading of a Zendesk ticket's body (the contract stands in zendesk_template.h): as JSON where it
 * is JSON, else by the keys of the template (zendesk_anchors.c). A text that Zendesk did not escape
 * can still be JSON, with members that a stranger wrote: must never let those choose the ticket.
 */
#include "handlers/zendesk_template.h"

#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/json_scan.h"
#include "handlers/body.h"
#include "handlers/field.h"

const char *const handler_zendesk_keys[ZENDESK_KEYS] = {
    "via",      "title",     "id",         "link",      "status", "type",
    "comments", "requester", "first_name", "last_name", "email",  "phone"};

/* A key of the template where the JSON text has it. */
typedef struct member_t {
    int count;
    apr_size_t first; /* where its name begins, the first time */
    apr_size_t last;  /* and the last time, with the value in [from, to) */
    apr_size_t from;
    apr_size_t to;
} member_t;

/* ---- strict JSON ---- */

/* The key from `lowest` to `highest` of a name with its quotes, -1 when it is none. */
static int find_key(const char *name, apr_size_t len, int lowest, int highest)
{
    int key;

    for (key = lowest; key <= highest; key++) {
        if (len == strlen(handler_zendesk_keys[key]) + 2 &&
            memcmp(name + 1, handler_zendesk_keys[key], len - 2) == 0) {
            return key;
        }
    }
    return -1;
}

/* Notes where the keys stand in the object that begins at `at`. The grammar has been checked. A
 * name with escapes is none of ours: the template has none. */
static void note_members(member_t *members, const char *text, apr_size_t at, apr_size_t to,
                         int lowest, int highest)
{
    crm360_scan_t scan = {.data = text, .len = to, .at = at + 1};

    crm360_scan_blanks(&scan);
    while (crm360_scan_look(&scan) == '"') {
        apr_size_t name = scan.at;
        int key;

        if (crm360_scan_value(&scan) != NULL) {
            return;
        }
        key = find_key(text + name, scan.at - name, lowest, highest);
        crm360_scan_blanks(&scan);
        scan.at++; /* the colon */
        crm360_scan_blanks(&scan);
        at = scan.at;
        if (crm360_scan_value(&scan) != NULL) {
            return;
        }
        if (key >= 0) {
            members[key].first = members[key].count++ ? members[key].first : name;
            members[key].last = name;
            members[key].from = at;
            members[key].to = scan.at;
        }
        crm360_scan_blanks(&scan);
        scan.at++; /* the comma, or the end */
        crm360_scan_blanks(&scan);
    }
}

/* Whether the last of members that are there several times can be the template's own. Then it
 * follows what a title imitates, and the keys stand in the template's order. A second `comments`,
 * or an id on both sides of the title, shows other hands. */
static int is_sound(const member_t *members)
{
    const member_t *title = &members[ZENDESK_TITLE], *id = &members[ZENDESK_ID];
    apr_size_t before = 0;
    int key, repeated = 0, ordered = 1;

    for (key = 0; key < ZENDESK_KEYS; key++) {
        repeated |= members[key].count > 1;
        ordered &= members[key].count == 0 || members[key].last >= before;
        before = members[key].count ? members[key].last : before;
    }
    return !repeated || (ordered && members[ZENDESK_COMMENTS].count < 2 &&
                         !(title->count && id->first < title->first && id->last > title->first));
}

/* A member's value as text: "" for null, NULL for what is no text or number. */
static const char *member_text(const char *text, const member_t *member, apr_pool_t *pool)
{
    json_object *value;
    const char *why, *found;
    char *out, *to;
    int i, len;

    if (member->count == 0 || crm360_json_parse(&value, &why, text + member->from,
                                                member->to - member->from, pool) != APR_SUCCESS) {
        return NULL;
    }
    switch (json_object_get_type(value)) {
    case json_type_null:
        return "";
    case json_type_int:
    case json_type_double:
        return apr_pstrdup(pool, json_object_get_string(value));
    case json_type_string:
        break;
    default:
        return NULL;
    }
    found = json_object_get_string(value);
    len = json_object_get_string_len(value);
    to = out = apr_palloc(pool, (apr_size_t)len + 1);
    for (i = 0; i < len; i++) {
        if (found[i] != '\0') {
            *to++ = found[i];
        }
    }
    *to = '\0';
    return out;
}

/* Reads the JSON object that begins in `text` behind blanks. */
static void read_members(handler_zendesk_values_t *values, member_t *members, const char *text,
                         apr_size_t len, apr_pool_t *pool)
{
    const member_t *requester = &members[ZENDESK_REQUESTER];
    crm360_scan_t scan = {.data = text, .len = len};
    int key;

    crm360_scan_blanks(&scan);
    note_members(members, text, scan.at, len, ZENDESK_VIA, ZENDESK_REQUESTER);
    if (requester->count && text[requester->from] == '{') {
        note_members(members, text, requester->from, requester->to, ZENDESK_FIRST_NAME,
                     ZENDESK_PHONE);
    }
    for (key = 0; key < ZENDESK_KEYS; key++) {
        values->texts[key] = member_text(text, &members[key], pool);
    }
    values->texts[ZENDESK_REQUESTER] = requester->count && text[requester->from] == '{' ? "" : NULL;
}

/* ---- both ways ---- */

/* Whether the template's keys gave every member that JSON gave. */
static int has_all(const handler_zendesk_values_t *values, const handler_zendesk_values_t *strict)
{
    int key;

    for (key = 0; key < ZENDESK_KEYS; key++) {
        if (strict->texts[key] && !values->texts[key]) {
            return 0;
        }
    }
    return 1;
}

static const char *twice(const char *text, apr_size_t len, apr_size_t at, apr_pool_t *pool)
{
    crm360_scan_t scan = {.data = text, .len = len, .at = at};

    return apr_pstrcat(pool, "the body names two tickets: ",
                       crm360_scan_place(&scan, "expected no second id", pool), NULL);
}

/* Reads by JSON, or by the template's keys. 0 with *reason when that cannot be. *why: what was
 * wrong with the JSON, NULL = nothing. */
static int read_values(handler_zendesk_values_t *values, const char **why, const char **reason,
                       const char *text, apr_size_t len, apr_pool_t *pool)
{
    member_t members[ZENDESK_KEYS] = {{0}};
    handler_zendesk_values_t cut;
    json_object *body;
    apr_size_t at;

    if (crm360_json_parse(&body, why, text, len, pool) != APR_SUCCESS) {
        if (!handler_zendesk_cut(values, &at, text, len, pool)) {
            *reason = twice(text, len, at, pool);
            return 0;
        }
        return 1;
    }
    *why = NULL;
    if (!json_object_is_type(body, json_type_object)) {
        *reason =
            "the body is not what Zendesk sends: line 1, column 1: expected the template's object";
        return 0;
    }
    read_members(values, members, text, len, pool);
    if (is_sound(members)) {
        return 1;
    }
    if (!handler_zendesk_cut(&cut, &at, text, len, pool)) {
        *reason = twice(text, len, at, pool);
        return 0;
    }
    if (has_all(&cut, values)) {
        *values = cut;
        *why = "members are repeated";
    }
    return 1;
}

/* Whether a text is nothing but a placeholder that Zendesk left as it is. */
static int is_placeholder(const char *text)
{
    size_t length;

    text += strspn(text, " \t\r\n");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1])) {
        length--;
    }
    return length >= 4 && strncmp(text, "{{", 2) == 0 && strstr(text, "}}") == text + length - 2;
}

static apr_status_t put_ticket(void *ticket)
{
    json_object_put(ticket);
    return APR_SUCCESS;
}

static json_object *make_ticket(const handler_zendesk_values_t *values, apr_pool_t *pool)
{
    json_object *ticket = json_object_new_object(), *object = ticket;
    int key;

    for (key = 0; key < ZENDESK_KEYS; key++) {
        const char *text = values->texts[key];

        if (key == ZENDESK_REQUESTER) {
            if (!text) {
                break;
            }
            object = json_object_new_object();
            json_object_object_add(ticket, handler_zendesk_keys[key], object);
        }
        else if (text && !is_placeholder(text)) {
            json_object_object_add(object, handler_zendesk_keys[key], json_object_new_string(text));
        }
    }
    apr_pool_cleanup_register(pool, ticket, put_ticket, apr_pool_cleanup_null);
    return ticket;
}

int handler_zendesk_template(json_object **ticket, int *repaired, const char **reason,
                             const crm360_message_t *message, apr_pool_t *pool)
{
    handler_zendesk_values_t values;
    apr_size_t len;
    const char *text = handler_body_text(&len, message, pool), *why, *id;

    if (!read_values(&values, &why, reason, text, len, pool)) {
        return 0;
    }
    *repaired = why != NULL;
    *ticket = make_ticket(&values, pool);
    if (handler_field_id(&id, *ticket, "id", pool) != HANDLER_FIELD_VALUE ||
        id[strspn(id, "0123456789")] != '\0') {
        *reason = why ? apr_pstrcat(pool, "the body is not JSON: ", why,
                                    "; and no id of a ticket (digits) was found in it", NULL)
                      : "the ticket has no id: expected digits in the member id";
        return 0;
    }
    json_object_object_add(*ticket, "id", json_object_new_string(id));
    return 1;
}
