/*
 * The rule of the guard (see version.h), and versions. Must never know what stored notes look like:
 * that is a matter of crm/version_notes.c.
 */
#include "crm/version.h"

#include <string.h>

#include "core/digest.h"
#include "core/encode.h"
#include "crm/db_private.h"
#include "crm/mark.h"
#include "crm/version_private.h"

#define DATE_DIGITS 11
#define MOST_MS (((apr_int64_t)1 << 44) - 1) /* what these digits hold: the year 2527 */
#define DIGEST_BYTES 8
#define WITHDRAWN "merge" /* no writer has this name: theirs begin with a number */

static const crm_db_statement_t select_notes = {
    .label = "versions_select",
    .sql = "SELECT Versions FROM WebhookVersions WHERE TargetTable = %s AND TargetKey = %s"};

static const crm_db_statement_t upsert_notes = {
    .label = "versions_upsert",
    .sql = "INSERT INTO WebhookVersions (TargetTable, TargetKey, Versions) VALUES (%s, %s, %s)"
           " ON CONFLICT (TargetTable, TargetKey) DO UPDATE SET Versions = excluded.Versions"};

static apr_int64_t within(apr_int64_t ms)
{
    return ms < 0 ? 0 : ms > MOST_MS ? MOST_MS : ms;
}

const char *crm_version_digest(const char *body, apr_size_t len, apr_pool_t *pool)
{
    unsigned char digest[CRM360_SHA1_BYTES];
    char *hex = apr_palloc(pool, 2 * DIGEST_BYTES + 1);

    crm360_sha1(digest, body, len);
    crm360_hex_write(hex, digest, DIGEST_BYTES);
    return hex;
}

/* A time as DATE_DIGITS hexadecimal digits: these sort as the times do. */
static void write_time(char *to, apr_int64_t ms)
{
    apr_int64_t left = within(ms);
    int i;

    for (i = DATE_DIGITS - 1; i >= 0; i--, left >>= 4) {
        to[i] = "0123456789abcdef"[left & 15];
    }
}

const char *crm_version_of(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *digest,
                           apr_pool_t *pool)
{
    apr_size_t len = strlen(digest);
    char *text = apr_palloc(pool, 2 * (DATE_DIGITS + 1) + len + 1);

    write_time(text, date_ms);
    text[DATE_DIGITS] = '-';
    write_time(text + DATE_DIGITS + 1, triggered_ms);
    text[2 * DATE_DIGITS + 1] = '-';
    memcpy(text + 2 * (DATE_DIGITS + 1), digest, len + 1);
    return text;
}

const char *crm_version_make(apr_int64_t date_ms, apr_int64_t triggered_ms, const char *body,
                             apr_size_t len, apr_pool_t *pool)
{
    return crm_version_of(date_ms, triggered_ms, crm_version_digest(body, len, pool), pool);
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

apr_status_t crm_guard_load(crm_guard_t **pguard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool)
{
    const char *text = NULL;
    crm_db_rows_t rows;
    apr_status_t rv = APR_SUCCESS;

    if (key) {
        rv = crm_db_select(&rows, db, &select_notes, CRM_DB_VALUES(table, key), pool);
        text = crm_db_cell(&rows, 0, 0);
    }
    *pguard = crm_guard_read(text, table, key, pool);
    return rv;
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

    return note ? note : crm_guard_add_note(guard, group);
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

apr_status_t crm_guard_add(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                           apr_pool_t *pool)
{
    guard->changed = 0;
    return crm_mark_add(db, table, key, crm_guard_text(guard, pool), pool);
}

apr_status_t crm_guard_save(crm_guard_t *guard, crm_db_t *db, const char *table, const char *key,
                            apr_pool_t *pool)
{
    if (!guard->changed) {
        return APR_SUCCESS;
    }
    guard->changed = 0;
    return crm_db_execute(NULL, db, &upsert_notes,
                          CRM_DB_VALUES(table, key, crm_guard_text(guard, pool)), pool);
}
