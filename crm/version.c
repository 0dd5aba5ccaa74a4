/*
 * The notes of the guard in WebhookVersions.Versions, one JSON object a row:
 *     {"<group>": ["<version>", "<writer>", {"<writer>": "<its later empty>"}, "<value>"]}
 * The third element is left out when it is empty and nothing follows; the fourth stands only in
 * groups that keep their value, null = empty; version and writer are "" while no value was
 * written. Members are sorted, so that equal notes are equal texts. To change the form, read the
 * old one too: notes live as long as their rows.
 */
#include "crm/version.h"

#include <apr_sha1.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/log.h"
#include "crm/db_private.h"

#define MOST_MS (((apr_int64_t)1 << 44) - 1) /* what 11 hexadecimal digits hold: the year 2527 */
#define DIGEST_BYTES 8
#define WITHDRAWN "merge" /* no writer has this name: theirs begin with a number */

static const crm_db_statement_t select_notes = {
    .label = "versions_select",
    .sql = "SELECT Versions FROM WebhookVersions WHERE TargetTable = %s AND TargetKey = %s"};

static const crm_db_statement_t upsert_notes = {
    .label = "versions_upsert",
    .sql = "INSERT INTO WebhookVersions (TargetTable, TargetKey, Versions) VALUES (%s, %s, %s)"
           " ON CONFLICT (TargetTable, TargetKey) DO UPDATE SET Versions = excluded.Versions"};

/* A writer's "empty". */
typedef struct emptied_t {
    const char *writer;
    const char *version;
} emptied_t;

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

static apr_int64_t within(apr_int64_t ms)
{
    return ms < 0 ? 0 : ms > MOST_MS ? MOST_MS : ms;
}

const char *crm_version_make(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *body,
                             apr_size_t len, apr_pool_t *pool)
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    char hex[2 * DIGEST_BYTES + 1];
    apr_sha1_ctx_t context;
    apr_size_t done, part;
    int i;

    apr_sha1_init(&context);
    for (done = 0; done < len; done += part) {
        /* apr_sha1 counts in unsigned int. */
        part = len - done > 0x10000000 ? 0x10000000 : len - done;
        apr_sha1_update(&context, body + done, (unsigned int)part);
    }
    apr_sha1_final(digest, &context);
    for (i = 0; i < DIGEST_BYTES; i++) {
        apr_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    return apr_psprintf(pool, "%011" APR_UINT64_T_HEX_FMT "-%011" APR_UINT64_T_HEX_FMT "-%s",
                        (apr_uint64_t)within(date_ms), (apr_uint64_t)within(triggered_ms), hex);
}

const char *crm_version_weak(const char *body, apr_size_t len, apr_pool_t *pool)
{
    return crm_version_make(0, 0, body, len, pool);
}

const char *crm_version_earliest(apr_int64_t date_ms, apr_pool_t *pool)
{
    return crm_version_make(MOST_MS - within(date_ms), 0, "", 0, pool);
}

const char *crm_version_lasting(apr_int64_t date_ms, const char *body, apr_size_t len,
                                apr_pool_t *pool)
{
    return crm_version_make(MOST_MS, date_ms, body, len, pool);
}

void crm_news_say(crm_news_t *news, const char *version, const char *value)
{
    news->said = 1;
    news->version = version;
    news->values[0] = value;
}

void crm_news_say_id(crm_news_t *news, const char *version, int id, apr_pool_t *pool)
{
    if (id) {
        crm_news_say(news, version, crm_db_int(id, pool));
    }
}

void crm_news_guess(crm_news_t *news, const char *value, apr_pool_t *pool)
{
    crm_news_say(news, crm_version_weak(value, strlen(value), pool), value);
}

void crm_news_guess_id(crm_news_t *news, int id, apr_pool_t *pool)
{
    if (id) {
        crm_news_guess(news, crm_db_int(id, pool), pool);
    }
}

static const char *text_at(json_object *array, size_t i)
{
    json_object *item = json_object_array_get_idx(array, i);

    return json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
}

static void read_note(crm_guard_t *guard, const char *group, json_object *value)
{
    note_t *note = apr_array_push(guard->notes);
    json_object *emptied;
    emptied_t *entry;

    note->group = group;
    note->version = text_at(value, 0);
    note->writer = text_at(value, 1);
    note->emptied = apr_array_make(guard->pool, 0, sizeof(emptied_t));
    emptied = json_object_array_get_idx(value, 2);
    note->has_value = json_object_array_length(value) > 3;
    note->value = note->has_value && json_object_array_get_idx(value, 3) ? text_at(value, 3) : NULL;
    if (json_object_is_type(emptied, json_type_object)) {
        json_object_object_foreach(emptied, writer, version)
        {
            if (json_object_is_type(version, json_type_string)) {
                entry = apr_array_push(note->emptied);
                entry->writer = writer;
                entry->version = json_object_get_string(version);
            }
        }
    }
}

apr_status_t crm_guard_load(crm_guard_t **pguard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool)
{
    crm_guard_t *guard = apr_pcalloc(pool, sizeof(*guard));
    json_object *value = NULL;
    crm_db_rows_t rows;
    apr_status_t rv;
    const char *text, *why;

    guard->pool = pool;
    guard->notes = apr_array_make(pool, 8, sizeof(note_t));
    *pguard = guard;
    if (!key) {
        return APR_SUCCESS;
    }
    rv = crm_db_select(&rows, db, &select_notes, CRM_DB_VALUES(table, key), pool);
    text = crm_db_cell(&rows, 0, 0);
    if (rv != APR_SUCCESS || !text) {
        return rv;
    }
    if (crm360_json_parse(&value, &why, text, strlen(text), pool) != APR_SUCCESS ||
        !json_object_is_type(value, json_type_object)) {
        crm360_log(
            CRM360_LOG_WARNING, APR_SUCCESS,
            CRM360_LOGNO(0401) "WebhookVersions: the notes of %s %s are not JSON; begun anew",
            table, key);
        return APR_SUCCESS;
    }
    json_object_object_foreach(value, group, note)
    {
        if (json_object_is_type(note, json_type_array)) {
            read_note(guard, group, note);
        }
    }
    return APR_SUCCESS;
}

/* NULL when the group was never told of. */
static note_t *look_note(const crm_guard_t *guard, const char *group)
{
    note_t *note;
    int i;

    for (i = 0; i < guard->notes->nelts; i++) {
        note = &APR_ARRAY_IDX(guard->notes, i, note_t);
        if (strcmp(note->group, group) == 0) {
            return note;
        }
    }
    return NULL;
}

static note_t *find_note(crm_guard_t *guard, const char *group)
{
    note_t *note = look_note(guard, group);

    if (!note) {
        note = apr_array_push(guard->notes);
        note->group = group;
        note->version = note->writer = "";
        note->emptied = apr_array_make(guard->pool, 0, sizeof(emptied_t));
        note->has_value = 0;
        note->value = NULL;
    }
    return note;
}

/* The place of a writer's "empty", NULL when there is none. */
static emptied_t *find_emptied(const note_t *note, const char *writer)
{
    emptied_t *entry;
    int i;

    for (i = 0; i < note->emptied->nelts; i++) {
        entry = &APR_ARRAY_IDX(note->emptied, i, emptied_t);
        if (strcmp(entry->writer, writer) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* Forgets what is older than the newest value: it can decide nothing any more. */
static void drop_old_emptied(note_t *note)
{
    int i, kept = 0;

    for (i = 0; i < note->emptied->nelts; i++) {
        emptied_t entry = APR_ARRAY_IDX(note->emptied, i, emptied_t);

        if (strcmp(entry.version, note->version) > 0) {
            APR_ARRAY_IDX(note->emptied, kept++, emptied_t) = entry;
        }
    }
    note->emptied->nelts = kept;
}

/* Whether a value is newer than the one that is noted. Of one version from two writers, such as one
 * body at the URIs of two sources, the writers' names decide, so that any order gives the same. */
static int is_newer(const char *version, const char *writer, const note_t *note)
{
    int order = strcmp(version, note->version);

    return order > 0 || (order == 0 && *version && strcmp(writer, note->writer) > 0);
}

/* What becomes of the columns. */
typedef enum { KEEP, WRITE, EMPTY } verdict_t;

static verdict_t take_value(crm_guard_t *guard, note_t *note, const char *version,
                            const char *writer)
{
    if (!is_newer(version, writer, note)) {
        return KEEP;
    }
    guard->changed = 1;
    note->version = version;
    note->writer = writer;
    drop_old_emptied(note);
    return find_emptied(note, writer) ? EMPTY : WRITE;
}

static verdict_t take_empty(crm_guard_t *guard, note_t *note, const char *version,
                            const char *writer)
{
    emptied_t *entry = find_emptied(note, writer);

    if (strcmp(version, note->version) <= 0 || (entry && strcmp(version, entry->version) <= 0)) {
        return KEEP;
    }
    guard->changed = 1;
    if (!entry) {
        entry = apr_array_push(note->emptied);
        entry->writer = writer;
    }
    entry->version = version;
    return strcmp(writer, note->writer) == 0 ? EMPTY : KEEP;
}

static int is_empty(const crm_news_t *news, int columns)
{
    int i;

    for (i = 0; i < columns; i++) {
        if (news->values[i]) {
            return 0;
        }
    }
    return columns > 0;
}

/* Sets the cells of one group, to NULL when `values` is NULL. Returns 1 when one has changed. */
static int set_cells(const char **cells, const char *const *values, int columns)
{
    const char *value;
    int i, changed = 0;

    for (i = 0; i < columns; i++) {
        value = values ? values[i] : NULL;
        if (!cells[i] || !value ? cells[i] != value : strcmp(cells[i], value) != 0) {
            cells[i] = value;
            changed = 1;
        }
    }
    return changed;
}

int crm_guard_apply(crm_guard_t *guard, const char **cells, const crm_group_t *groups, int count,
                    const crm_news_t *news, const char *writer)
{
    verdict_t verdict;
    note_t *note;
    int i, changed = 0;

    for (i = 0; i < count; cells += groups[i].columns, i++) {
        if (!news[i].said) {
            continue;
        }
        note = find_note(guard, groups[i].name);
        if (is_empty(&news[i], groups[i].columns)) {
            verdict = take_empty(guard, note, news[i].version, writer);
        }
        else {
            verdict = take_value(guard, note, news[i].version, writer);
        }
        if (verdict != KEEP) {
            changed |=
                set_cells(cells, verdict == WRITE ? news[i].values : NULL, groups[i].columns);
            note->has_value = groups[i].keeps_value;
            note->value = verdict == WRITE && note->has_value ? news[i].values[0] : NULL;
        }
    }
    return changed;
}

const char *crm_guard_version(const crm_guard_t *guard, const char *group)
{
    const note_t *note = look_note(guard, group);

    return note ? note->version : "";
}

const char *crm_guard_value(const crm_guard_t *guard, const char *group, const char *cell)
{
    const note_t *note = look_note(guard, group);

    if (!note || !*note->version) {
        return NULL;
    }
    return note->has_value ? note->value : cell;
}

void crm_guard_keep(crm_guard_t *guard, const char *group, const char *cell)
{
    note_t *note = look_note(guard, group);

    if (note && *note->version && !note->has_value) {
        guard->changed = 1;
        note->has_value = 1;
        note->value = cell;
    }
}

/* One source writes all rows of this kind, so the writer's name is empty (crm/entity.c). */
static int is_known(const note_t *note, const crm_news_t *news, int columns)
{
    const emptied_t *emptied = note ? find_emptied(note, "") : NULL;

    return note &&
           (strcmp(news->version, note->version) <= 0 ||
            (is_empty(news, columns) && emptied && strcmp(news->version, emptied->version) <= 0));
}

int crm_guard_knows(const crm_guard_t *guard, const crm_group_t *groups, int count,
                    const crm_news_t *news)
{
    int i;

    for (i = 0; i < count; i++) {
        if (news[i].said &&
            !is_known(look_note(guard, groups[i].name), &news[i], groups[i].columns)) {
            return 0;
        }
    }
    return 1;
}

/* ---- two rows that become one ---- */

/* Takes over what writers have emptied, the later of two. */
static void join_emptied(note_t *kept, const note_t *other)
{
    emptied_t *entry;
    int i;

    for (i = 0; i < other->emptied->nelts; i++) {
        emptied_t told = APR_ARRAY_IDX(other->emptied, i, emptied_t);

        entry = find_emptied(kept, told.writer);
        if (!entry) {
            entry = apr_array_push(kept->emptied);
            *entry = told;
        }
        else if (strcmp(told.version, entry->version) > 0) {
            entry->version = told.version;
        }
    }
    drop_old_emptied(kept);
}

/* The newer of two values; of one version that of the writer whose name sorts last. */
static int beats(const note_t *other, const note_t *kept)
{
    int order = strcmp(other->version, kept->version);

    return order > 0 || (order == 0 && strcmp(other->writer, kept->writer) > 0);
}

static int all_empty(const char *const *cells, int columns)
{
    int i;

    for (i = 0; i < columns; i++) {
        if (cells[i]) {
            return 0;
        }
    }
    return 1;
}

static void join_group(note_t *kept, const char **cells, const note_t *other,
                       const char *const *other_cells, int columns)
{
    if (beats(other, kept)) {
        kept->version = other->version;
        kept->writer = other->writer;
        kept->has_value = other->has_value;
        kept->value = other->value;
        set_cells(cells, other_cells, columns);
    }
    else if (!*kept->version && all_empty((const char *const *)cells, columns)) {
        set_cells(cells, other_cells, columns);
    }
    join_emptied(kept, other);
    if (*kept->version && find_emptied(kept, kept->writer)) {
        kept->value = NULL;
        set_cells(cells, NULL, columns);
    }
}

void crm_guard_join(crm_guard_t *kept, const char **cells, const crm_guard_t *other,
                    const char *const *other_cells, const crm_group_t *groups, int count)
{
    const note_t *told;
    note_t *note;
    int i;

    for (i = 0; i < count; i++) {
        note_t nothing = {.version = "",
                          .writer = "",
                          .emptied = apr_array_make(kept->pool, 0, sizeof(emptied_t))};

        told = look_note(other, groups[i].name);
        note = told ? find_note(kept, groups[i].name) : look_note(kept, groups[i].name);
        join_group(note ? note : &nothing, cells, told ? told : &nothing, other_cells,
                   groups[i].columns);
        cells += groups[i].columns;
        other_cells += groups[i].columns;
    }
    kept->changed = 1;
}

void crm_guard_withdraw(crm_guard_t *guard, const char *group, const char *version)
{
    const char *known = crm_guard_version(guard, group);
    note_t *note;

    if (!*version && !*known) {
        return;
    }
    note = find_note(guard, group);
    note->version = strcmp(version, known) > 0 ? version : known;
    note->writer = WITHDRAWN;
    note->has_value = 1;
    note->value = "0";
    drop_old_emptied(note);
    guard->changed = 1;
}

static int by_writer(const void *a, const void *b)
{
    return strcmp(((const emptied_t *)a)->writer, ((const emptied_t *)b)->writer);
}

static int by_group(const void *a, const void *b)
{
    return strcmp(((const note_t *)a)->group, ((const note_t *)b)->group);
}

static const char *write_note(const note_t *note, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, crm360_json_quote(note->group, pool), ":[",
                                   crm360_json_quote(note->version, pool), ",",
                                   crm360_json_quote(note->writer, pool), NULL);
    const emptied_t *entry;
    int i;

    qsort(note->emptied->elts, (size_t)note->emptied->nelts, sizeof(emptied_t), by_writer);
    for (i = 0; i < note->emptied->nelts; i++) {
        entry = &APR_ARRAY_IDX(note->emptied, i, emptied_t);
        text = apr_pstrcat(pool, text, i ? "," : ",{", crm360_json_quote(entry->writer, pool), ":",
                           crm360_json_quote(entry->version, pool), NULL);
    }
    text = apr_pstrcat(pool, text, note->emptied->nelts ? "}" : note->has_value ? ",{}" : "", NULL);
    if (note->has_value) {
        text = apr_pstrcat(pool, text, ",",
                           note->value ? crm360_json_quote(note->value, pool) : "null", NULL);
    }
    return apr_pstrcat(pool, text, "]", NULL);
}

apr_status_t crm_guard_save(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool)
{
    const char *text = "{";
    int i;

    if (!guard->changed) {
        return APR_SUCCESS;
    }
    qsort(guard->notes->elts, (size_t)guard->notes->nelts, sizeof(note_t), by_group);
    for (i = 0; i < guard->notes->nelts; i++) {
        text = apr_pstrcat(pool, text, i ? "," : "",
                           write_note(&APR_ARRAY_IDX(guard->notes, i, note_t), pool), NULL);
    }
    guard->changed = 0;
    return crm_db_execute(NULL, db, &upsert_notes,
                          CRM_DB_VALUES(table, key, apr_pstrcat(pool, text, "}", NULL)), pool);
}
