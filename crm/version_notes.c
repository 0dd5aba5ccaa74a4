/*
 * The notes of the guard in WebhookVersions.Versions, one JSON object a row:
 *     {"<group>": ["<version>", "<writer>", {"<writer>": "<its later empty>"}, "<value>"]}
 * The third element is left out when it is empty and nothing follows; the fourth stands only in
 * groups that keep their value, null = empty; version and writer are "" while no value was
 * written. Members are sorted, so that equal notes are equal texts. To change the form, read the
 * old one too: notes live as long as their rows.
 *
 * A message reads and writes many of them. What we have written has neither blanks nor, mostly,
 * escapes, and is read without building values; everything else is left to core/json.h.
 */
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "crm/version_private.h"

note_t *crm_guard_add_note(crm_guard_t *guard, const char *group)
{
    note_t *note = apr_array_push(guard->notes);

    note->group = group;
    note->version = note->writer = "";
    note->emptied = apr_array_make(guard->pool, 0, sizeof(emptied_t));
    note->has_value = 0;
    note->value = NULL;
    return note;
}

static void add_emptied(note_t *note, const char *writer, const char *version)
{
    emptied_t *entry = apr_array_push(note->emptied);

    entry->writer = writer;
    entry->version = version;
}

/* ---- reading what we have written ---- */

/* Steps over a character. Whether it stands there. */
static int step(char **at, char c)
{
    if (**at != c) {
        return 0;
    }
    (*at)++;
    return 1;
}

/* The string at *at, with NUL in the place of its end; steps over it. NULL when there is none, or
 * one with an escape. */
static const char *read_string(char **at)
{
    char *begin = *at + 1, *end;

    if (**at != '"') {
        return NULL;
    }
    end = begin + strcspn(begin, "\"\\");
    if (*end != '"') {
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return begin;
}

/* What writers have emptied, from behind '{' to behind '}'. */
static int read_emptied(note_t *note, char **at)
{
    const char *writer, *version;

    if (step(at, '}')) {
        return 1;
    }
    do {
        writer = read_string(at);
        version = writer && step(at, ':') ? read_string(at) : NULL;
        if (!version) {
            return 0;
        }
        add_emptied(note, writer, version);
    } while (step(at, ','));
    return step(at, '}');
}

/* The value of a group that keeps it. */
static int read_value(note_t *note, char **at)
{
    note->has_value = 1;
    if (strncmp(*at, "null", 4) == 0) {
        *at += 4;
        return 1;
    }
    note->value = read_string(at);
    return note->value != NULL;
}

static int read_note(crm_guard_t *guard, char **at)
{
    const char *group = read_string(at);
    note_t *note;

    if (!group || !step(at, ':') || !step(at, '[')) {
        return 0;
    }
    note = crm_guard_add_note(guard, group);
    note->version = read_string(at);
    note->writer = note->version && step(at, ',') ? read_string(at) : NULL;
    if (!note->writer) {
        return 0;
    }
    if (step(at, ',') &&
        (!step(at, '{') || !read_emptied(note, at) || (step(at, ',') && !read_value(note, at)))) {
        return 0;
    }
    return step(at, ']');
}

/* Whether the whole of `text` could be read. It is written over. */
static int read_own(crm_guard_t *guard, char *text)
{
    if (!step(&text, '{')) {
        return 0;
    }
    if (!step(&text, '}')) {
        do {
            if (!read_note(guard, &text)) {
                return 0;
            }
        } while (step(&text, ','));
        if (!step(&text, '}')) {
            return 0;
        }
    }
    return *text == '\0';
}

/* ---- reading any JSON ---- */

static const char *text_at(json_object *array, size_t i)
{
    json_object *item = json_object_array_get_idx(array, i);

    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
}

static void take_note(crm_guard_t *guard, const char *group, json_object *value)
{
    note_t *note = crm_guard_add_note(guard, group);
    json_object *emptied = json_object_array_get_idx(value, 2);

    note->version = text_at(value, 0);
    note->writer = text_at(value, 1);
    note->has_value = json_object_array_length(value) > 3;
    note->value = note->has_value && json_object_array_get_idx(value, 3) ? text_at(value, 3) : NULL;
    if (json_object_is_type(emptied, json_type_object)) {
        json_object_object_foreach(emptied, writer, version)
        {
            if (json_object_is_type(version, json_type_string)) {
                add_emptied(note, writer, json_object_get_string(version));
            }
        }
    }
}

/* Whether `text` is a JSON object. */
static int read_json(crm_guard_t *guard, const char *text)
{
    json_object *value = NULL;
    const char *why;

    if (crm360_json_parse(&value, &why, text, strlen(text), guard->pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_object)) {
        return 0;
    }
    json_object_object_foreach(value, group, note)
    {
        if (json_object_is_type(note, json_type_array)) {
            take_note(guard, group, note);
        }
    }
    return 1;
}

crm_guard_t *crm_guard_read(const char *text, const char *table, const char *key, apr_pool_t *pool)
{
    crm_guard_t *guard = apr_pcalloc(pool, sizeof(*guard));

    guard->pool = pool;
    guard->notes = apr_array_make(pool, 8, sizeof(note_t));
    if (!text || read_own(guard, apr_pstrdup(pool, text))) {
        return guard;
    }
    guard->notes->nelts = 0;
    if (!read_json(guard, text)) {
        crm360_log(
            CRM360_LOG_WARNING, APR_SUCCESS,
            CRM360_LOGNO(0401) "WebhookVersions: the notes of %s %s are not JSON; begun anew",
            table, key);
    }
    return guard;
}

/* ---- writing ---- */

/* A text that grows. */
typedef struct text_t {
    apr_pool_t *pool;
    char *data;
    apr_size_t len;
    apr_size_t room;
} text_t;

static void put(text_t *text, const char *piece, apr_size_t len)
{
    char *larger;

    if (text->len + len >= text->room) {
        text->room = 2 * (text->len + len);
        larger = apr_palloc(text->pool, text->room);
        memcpy(larger, text->data, text->len);
        text->data = larger;
    }
    memcpy(text->data + text->len, piece, len);
    text->len += len;
    text->data[text->len] = '\0';
}

static void put_word(text_t *text, const char *word)
{
    put(text, word, strlen(word));
}

/* Whether a text needs no escape in JSON. */
static int is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\') {
            return 0;
        }
    }
    return 1;
}

static void put_string(text_t *text, const char *string)
{
    if (!is_plain(string)) {
        put_word(text, crm360_json_quote(string, text->pool));
        return;
    }
    put(text, "\"", 1);
    put_word(text, string);
    put(text, "\"", 1);
}

static int by_writer(const void *a, const void *b)
{
    return strcmp(((const emptied_t *)a)->writer, ((const emptied_t *)b)->writer);
}

static int by_group(const void *a, const void *b)
{
    return strcmp(((const note_t *)a)->group, ((const note_t *)b)->group);
}

/* What writers have emptied. */
static void put_emptied(text_t *text, const note_t *note)
{
    const emptied_t *entry;
    int i;

    qsort(note->emptied->elts, (size_t)note->emptied->nelts, sizeof(emptied_t), by_writer);
    put_word(text, ",{");
    for (i = 0; i < note->emptied->nelts; i++) {
        entry = &APR_ARRAY_IDX(note->emptied, i, emptied_t);
        put_word(text, i ? "," : "");
        put_string(text, entry->writer);
        put_word(text, ":");
        put_string(text, entry->version);
    }
    put_word(text, "}");
}

static void put_note(text_t *text, const note_t *note)
{
    put_string(text, note->group);
    put_word(text, ":[");
    put_string(text, note->version);
    put_word(text, ",");
    put_string(text, note->writer);
    if (note->emptied->nelts || note->has_value) {
        put_emptied(text, note);
    }
    if (note->has_value) {
        put_word(text, ",");
        if (note->value) {
            put_string(text, note->value);
        }
        else {
            put_word(text, "null");
        }
    }
    put_word(text, "]");
}

const char *crm_guard_text(crm_guard_t *guard, apr_pool_t *pool)
{
    text_t text = {.pool = pool, .room = 1024};
    int i;

    text.data = apr_palloc(pool, text.room);
    qsort(guard->notes->elts, (size_t)guard->notes->nelts, sizeof(note_t), by_group);
    put_word(&text, "{");
    for (i = 0; i < guard->notes->nelts; i++) {
        put_word(&text, i ? "," : "");
        put_note(&text, &APR_ARRAY_IDX(guard->notes, i, note_t));
    }
    put_word(&text, "}");
    return text.data;
}
