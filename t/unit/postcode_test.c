/* The table of post codes: looking up, replacing it as a whole, and what leaves it as it was. */
#include "crm/postcode.h"

#include <apr_strings.h>

#include "t/unit/crm_tools.h"

/* Rows to import: a table that `next` walks through. */
typedef struct source_t {
    const crm_postcode_row_t *rows;
    int count;
    int next;
    int fails_at; /* before this row; -1 = never */
    const crm360_database_t *section;
    const char *seen; /* what another connection sees before the last row */
} source_t;

#define COUNT "SELECT COUNT(*) FROM WebhookPostcodes"

static const crm_postcode_row_t few[] = {
    {"93210", "ST DENIS", "93066", "LA PLAINE ST DENIS"},
    {"93200", "ST DENIS", "93066", ""},
    {"97400", "ST DENIS", "97411", ""},
    {"01000", "ST DENIS LES BOURG", "01344", ""},
    {"01000", "BOURG EN BRESSE", "01053", ""},
    {"75116", "PARIS", "75116", ""},
    {"93200", "ST DENIS", "93066", ""},
    {"20167", "AJACCIO", "2A004", "MEZZAVIA"},
    {"20167", "AFA", "2A001", ""},
    /* One place for the post office, two communes for the state. */
    {"69001", "LYON", "69381", ""},
    {"69001", "LYON", "69123", ""},
    {"35400", "PARAME CEDEX", "", ""},
};

static const crm_postcode_row_t others[] = {
    {"98000", "MONACO", "99138", ""},
    {"06000", "NICE'); DELETE FROM WebhookPostcodes; --", "06088", ""},
};

static apr_status_t next(void *baton, crm_postcode_row_t *row)
{
    source_t *source = baton;

    if (source->next == source->fails_at) {
        return APR_EGENERAL;
    }
    if (source->next == source->count) {
        return APR_EOF;
    }
    if (source->next == source->count - 1) {
        source->seen = tools_query(source->section, COUNT);
    }
    *row = source->rows[source->next++];
    return APR_SUCCESS;
}

static source_t source_of(const crm360_database_t *section, const crm_postcode_row_t *rows,
                          int count)
{
    source_t source = {rows, count, 0, -1, section, ""};

    return source;
}

/* "code city (line 5), ..." */
static const char *listed(const apr_array_header_t *places)
{
    const char *text = "";
    int i;

    for (i = 0; i < places->nelts; i++) {
        const crm_postal_place_t *place = &APR_ARRAY_IDX(places, i, crm_postal_place_t);

        text = apr_pstrcat(pool, text, *text ? ", " : "", place->post_code, " ", place->city,
                           *place->line5 ? " (" : "", place->line5, *place->line5 ? ")" : "", NULL);
    }
    return text;
}

static const char *of_code(crm_db_t *db, const char *code)
{
    apr_array_header_t *places;
    apr_status_t rv = crm_postcode_places_of_code(&places, db, code, pool);

    return rv == APR_SUCCESS ? listed(places) : "failed";
}

static const char *of_city(crm_db_t *db, const char *city)
{
    apr_array_header_t *places;
    apr_status_t rv =
        crm_postcode_places_of_city(&places, db, crm_postal_city_key(city, pool), pool);

    return rv == APR_SUCCESS ? listed(places) : "failed";
}

static int is_empty(crm_db_t *db)
{
    int empty = -1;

    return crm_postcode_is_empty(&empty, db, pool) == APR_SUCCESS ? empty : -1;
}

#define LENGTH(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

static void looking_up(crm_db_t *db, const crm360_database_t *section)
{
    source_t source = source_of(section, few, LENGTH(few));
    int stored = -1;

    is_number(is_empty(db), 1, "a new table is empty");
    is_text(of_code(db, "75116"), "", "and knows no post code");
    is_text(of_city(db, "PARIS"), "", "and no place");

    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_SUCCESS, "rows are stored");
    is_number(stored, 11, "one that comes twice once");
    is_text(tools_query(section, COUNT), "11", "they are there");
    is_number(is_empty(db), 0, "the table is not empty any more");

    is_text(of_code(db, "75116"), "75116 PARIS", "the place of a post code");
    is_text(of_code(db, "01000"), "01000 BOURG EN BRESSE, 01000 ST DENIS LES BOURG",
            "the places of a post code, by name");
    is_text(of_code(db, "20167"), "20167 AFA, 20167 AJACCIO (MEZZAVIA)", "with line 5");
    is_text(of_code(db, "69001"), "69001 LYON", "a place is told once");
    is_text(of_code(db, "35400"), "35400 PARAME CEDEX", "a row without commune");
    is_text(of_code(db, "7511"), "", "a part of a post code");
    is_text(of_code(db, "7511_"), "", "a pattern is none");
    is_text(of_code(db, ""), "", "an empty one");
    is_text(of_city(db, "ST DENIS"),
            "93200 ST DENIS, 93210 ST DENIS (LA PLAINE ST DENIS), 97400 ST DENIS",
            "the post codes of a name, in order");
    is_text(of_city(db, "ST DENIS LES BOURG"), "01000 ST DENIS LES BOURG", "of a longer name");
    is_text(of_city(db, "NOWHERE"), "", "of no name");
}

static void replacing(crm_db_t *db, const crm360_database_t *section)
{
    source_t source = source_of(section, others, LENGTH(others));
    int stored = -1;

    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_SUCCESS, "other rows");
    is_number(stored, 2, "are stored");
    is_text(source.seen, "21", "until then others see the old ones");
    is_text(of_code(db, "75116"), "", "which are gone then");
    is_text(of_code(db, "06000"), "06000 NICE'); DELETE FROM WebhookPostcodes; --",
            "what looks like SQL is a text");

    source = source_of(section, others, LENGTH(others));
    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_SUCCESS, "the same again");
    is_text(tools_query(section, COUNT), "2", "changes nothing");
}

/* Rows travel in batches: as many arrive as there are, each of them twice. */
static void counting(crm_db_t *db, const crm360_database_t *section)
{
    static const int counts[] = {1, 19, 20, 21, 39, 40, 41};
    crm_postcode_row_t rows[41];
    source_t source;
    int i, stored;

    for (i = 0; i < LENGTH(rows); i++) {
        rows[i].post_code = apr_psprintf(pool, "%05d", i / 2);
        rows[i].city = "CITY";
        rows[i].insee_code = rows[i].line5 = "";
    }
    for (i = 0; i < LENGTH(counts); i++) {
        source = source_of(section, rows, counts[i]);
        ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_SUCCESS, "%d rows",
           counts[i]);
        is_number(stored, (counts[i] + 1) / 2, "half of them are stored");
        is_text(tools_query(section, COUNT), apr_itoa(pool, stored), "and are there");
    }
}

/* Whatever ends an import, the rows of before are there. */
static void failing(crm_db_t *db, const crm360_database_t *section)
{
    static const crm_postcode_row_t broken[] = {{"75001", "PARIS", "75101", ""},
                                                {NULL, "PARIS", "75102", ""}};
    source_t source = source_of(section, few, LENGTH(few));
    int stored;

    source.fails_at = 5;
    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_EGENERAL,
       "a source that fails: its own status");
    is_text(tools_query(section, COUNT), "2", "the old rows are there");
    source.fails_at = 0;
    source.next = 0;
    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_EGENERAL,
       "likewise before its first row");
    is_text(tools_query(section, COUNT), "2", "the old rows are there");

    source = source_of(section, broken, LENGTH(broken));
    ok(crm_postcode_replace(&stored, db, next, &source, pool) == CRM360_EDATA,
       "a row that the table refuses");
    is_text(tools_query(section, COUNT), "2", "the old rows are there");
    is_text(of_code(db, "98000"), "98000 MONACO", "the connection is good for more");

    source = source_of(section, NULL, 0);
    ok(crm_postcode_replace(&stored, db, next, &source, pool) == APR_SUCCESS, "no rows at all");
    is_number(is_empty(db), 1, "empty the table");

    ok(crm_db_begin(db) == APR_SUCCESS, "inside a transaction");
    is_text(of_code(db, "98000"), "", "looking up works, too");
    ok(crm_db_commit(db) == APR_SUCCESS, "and leaves it healthy");
}

int main(void)
{
    crm360_database_t *section;
    crm_db_t *db;

    tools_start();
    section = tools_section("postcode");
    db = tools_open(section);
    looking_up(db, section);
    counting(db, section);
    replacing(db, section);
    failing(db, section);
    crm_db_close(db);
    return tap_done();
}
