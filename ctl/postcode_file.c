/*
 * Reads La Poste's file of post codes ("laposte_hexasmal"), whose column names, their order and the
 * encoding have changed over the years. Must never guess: a file that is not understood to its last
 * line is refused as a whole, for half a table would call good addresses wrong.
 */
#include "ctl/postcode_file.h"

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>

#include "core/charset.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define FILE_MOST (64 * 1024 * 1024) /* La Poste's has 2 to 3 MB */
#define NAME_MOST 100                /* its longest name has 38 letters */
#define SHOWN_MOST 40                /* of a wrong value */
#define MARK "\xef\xbb\xbf"          /* byte-order mark of UTF-8 */
#define BLANKS " \t\r"

/* The columns that are read. A name fits when its letters and digits do, whatever the case and
 * whatever stands between them. */
typedef enum { POST_CODE, CITY, INSEE_CODE, LINE5, COLUMNS } column_t;

static const struct {
    const char *name;
    const char *spellings[2];
    int optional;
} columns[COLUMNS] = {
    [POST_CODE] = {"code_postal", {"CODEPOSTAL"}, 0},
    [CITY] = {"libelle_d_acheminement", {"LIBELLEDACHEMINEMENT", "LIBELLEACHEMINEMENT"}, 0},
    [INSEE_CODE] = {"code_commune_insee", {"CODECOMMUNEINSEE", "CODEINSEE"}, 0},
    [LINE5] = {"ligne_5", {"LIGNE5"}, 1},
};

typedef struct reader_t {
    const char *name;            /* of the file, in messages */
    char *at;                    /* what is not read yet */
    int line;                    /* of *at */
    int record;                  /* the line in which the record at hand begins */
    apr_array_header_t *fields;  /* char *: of the record at hand, in the text itself */
    int places[COLUMNS];         /* which field a column is; -1 = the file has it not */
    const char *titles[COLUMNS]; /* what the file calls it */
    const char *why;
    apr_pool_t *pool;
} reader_t;

/* Notes what is wrong, in a line (0 = in the file), and returns APR_EINVAL. */
static apr_status_t fault(reader_t *reader, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static apr_status_t fault(reader_t *reader, int line, const char *format, ...)
{
    const char *text, *where = "";
    va_list args;

    va_start(args, format);
    text = apr_pvsprintf(reader->pool, format, args);
    va_end(args);
    if (line) {
        where = apr_psprintf(reader->pool, ":%d", line);
    }
    text = apr_pstrcat(reader->pool, reader->name, where, ": ", text, NULL);
    reader->why = ctl_plain(text, reader->pool);
    return APR_EINVAL;
}

/* The beginning of a text from the file, for a message. */
static const char *shown(const reader_t *reader, const char *text)
{
    apr_size_t length = strlen(text);

    if (length <= SHOWN_MOST) {
        return text;
    }
    for (length = SHOWN_MOST; length > 0 && (text[length] & 0xc0) == 0x80; length--) {
        /* not within a character */
    }
    return apr_pstrcat(reader->pool, apr_pstrmemdup(reader->pool, text, length), "...", NULL);
}

/* ---- the bytes ---- */

static apr_status_t read_bytes(char **data, apr_size_t *length, apr_file_t *file, apr_pool_t *pool)
{
    apr_size_t room = 1024 * 1024, took;
    char *bytes = apr_palloc(pool, room), *larger;
    apr_status_t rv = APR_SUCCESS;

    *length = 0;
    while (rv == APR_SUCCESS) {
        if (*length + 1 == room) {
            if (room >= FILE_MOST) {
                return APR_ENOSPC;
            }
            larger = apr_palloc(pool, 2 * room);
            memcpy(larger, bytes, room);
            bytes = larger;
            room *= 2;
        }
        took = room - *length - 1;
        rv = apr_file_read(file, bytes + *length, &took);
        *length += rv == APR_SUCCESS ? took : 0;
    }
    bytes[*length] = '\0';
    *data = bytes;
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

static apr_status_t read_file(char **data, apr_size_t *length, reader_t *reader, const char *path)
{
    apr_file_t *file;
    apr_status_t rv;
    char text[120];

    if (path) {
        rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, reader->pool);
    }
    else {
        rv = apr_file_open_stdin(&file, reader->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = read_bytes(data, length, file, reader->pool);
        if (path) {
            (void)apr_file_close(file); /* it was only read */
        }
    }
    if (rv == APR_ENOSPC) {
        return fault(reader, 0, "larger than %d MB: that is not La Poste's file of post codes",
                     FILE_MOST / 1024 / 1024);
    }
    if (rv != APR_SUCCESS) {
        (void)fault(reader, 0, "%s", apr_strerror(rv, text, sizeof(text)));
    }
    return rv;
}

/* The line of the first byte in which two texts differ. */
static int line_of_difference(const char *one, const char *other)
{
    int line = 1;

    for (; *one && *one == *other; one++, other++) {
        line += *one == '\n';
    }
    return line;
}

/* Makes UTF-8 of the bytes, and lets the reader begin with them. */
static apr_status_t decode(reader_t *reader, char *data, apr_size_t length)
{
    const char *clean;
    apr_size_t clean_length;

    if (memchr(data, '\0', length)) {
        return fault(reader, 0,
                     "this is no text: a CSV file in UTF-8 or ISO-8859-1 was expected, "
                     "unpacked, and not that of a spreadsheet");
    }
    clean = crm360_utf8_clean(&clean_length, data, length, reader->pool);
    reader->at = data;
    if (strncmp(data, MARK, 3) == 0) {
        reader->at += 3;
        if (clean != data) {
            return fault(reader, line_of_difference(data, clean),
                         "not UTF-8, which the file's first bytes say it is in");
        }
    }
    else if (clean != data) {
        reader->at = (char *)crm360_charset_decode(&clean_length, data, length, "Windows-1252",
                                                   reader->pool);
    }
    reader->line = 1;
    return APR_SUCCESS;
}

/* ---- records ---- */

/* Undoes the quotes of a field that begins with one, in place: *at is behind the first quote, and
 * then behind the last. Returns the end of what was inside. */
static char *unquote(reader_t *reader, char **at)
{
    char *from = *at, *to = *at;

    while (*from && (*from != '"' || from[1] == '"')) {
        reader->line += *from == '\n';
        from += *from == '"';
        *to++ = *from++;
    }
    *at = from;
    return to;
}

/* Takes the next field, without blanks around it; *last = it is the last one of its record. */
static apr_status_t take_field(reader_t *reader, int *last)
{
    char *at = reader->at + strspn(reader->at, " \t"), *start = at, *end;
    int line = reader->line;

    if (*at == '"') {
        start = ++at;
        end = unquote(reader, &at);
        if (!*at) {
            return fault(reader, line, "a quote is opened here and never closed");
        }
        at++;
        at += strspn(at, BLANKS);
        if (*at && *at != ';' && *at != '\n') {
            return fault(reader, reader->line,
                         "; or the end of the line was expected behind a "
                         "closing quote");
        }
    }
    else {
        at += strcspn(at, ";\n");
        end = at;
    }
    *last = *at != ';';
    reader->line += *at == '\n';
    reader->at = *at ? at + 1 : at;
    while (end > start && strchr(BLANKS, end[-1])) {
        end--;
    }
    *end = '\0';
    APR_ARRAY_PUSH(reader->fields, const char *) = start;
    return APR_SUCCESS;
}

static const char *field(const reader_t *reader, int place)
{
    return place < 0 ? "" : APR_ARRAY_IDX(reader->fields, place, const char *);
}

/* Takes the next record that is not an empty line; APR_EOF behind the last. */
static apr_status_t take_record(reader_t *reader)
{
    apr_status_t rv;
    int last;

    do {
        if (!*reader->at) {
            return APR_EOF;
        }
        apr_array_clear(reader->fields);
        reader->record = reader->line;
        do {
            rv = take_field(reader, &last);
        } while (rv == APR_SUCCESS && !last);
    } while (rv == APR_SUCCESS && reader->fields->nelts == 1 && !*field(reader, 0));
    return rv;
}

/* ---- the header line ---- */

/* "#Code_commune_INSEE" as "CODECOMMUNEINSEE". */
static const char *squeeze(const char *title, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, crm_postal_letters(title, pool)), *to = text;
    const char *from;

    for (from = text; *from; from++) {
        if (apr_isalnum(*from)) {
            *to++ = *from;
        }
    }
    *to = '\0';
    return text;
}

/* Which column a title names; COLUMNS = none that is read. */
static int column_of(const char *title, apr_pool_t *pool)
{
    const char *text = squeeze(title, pool);
    int column, i;

    for (column = 0; column < COLUMNS; column++) {
        for (i = 0; i < 2 && columns[column].spellings[i]; i++) {
            if (strcmp(columns[column].spellings[i], text) == 0) {
                return column;
            }
        }
    }
    return COLUMNS;
}

static apr_status_t check_header(reader_t *reader)
{
    const char *missing = "";
    int i;

    for (i = 0; i < COLUMNS; i++) {
        if (reader->places[i] < 0 && !columns[i].optional) {
            missing =
                apr_pstrcat(reader->pool, missing, *missing ? ", " : "", columns[i].name, NULL);
        }
    }
    if (!*missing) {
        return APR_SUCCESS;
    }
    if (reader->fields->nelts == 1) {
        return fault(reader, reader->record,
                     "this is not La Poste's CSV file: a header line with columns separated by ; "
                     "was expected, as code_commune_insee;nom_de_la_commune;code_postal;"
                     "libelle_d_acheminement;ligne_5");
    }
    return fault(reader, reader->record,
                 "the header line lacks %s: it was expected to name the columns code_postal, "
                 "libelle_d_acheminement and code_commune_insee, in any order",
                 missing);
}

static apr_status_t read_header(reader_t *reader)
{
    apr_status_t rv = take_record(reader);
    int i, column;

    if (APR_STATUS_IS_EOF(rv)) {
        return fault(reader, 0, "the file is empty: La Poste's CSV file was expected");
    }
    for (i = 0; i < COLUMNS; i++) {
        reader->places[i] = -1;
    }
    for (i = 0; rv == APR_SUCCESS && i < reader->fields->nelts; i++) {
        column = column_of(field(reader, i), reader->pool);
        if (column == COLUMNS) {
            continue;
        }
        if (reader->places[column] >= 0) {
            rv = fault(reader, reader->record, "the header line names the column %s twice",
                       columns[column].name);
        }
        reader->places[column] = i;
        reader->titles[column] = apr_pstrdup(reader->pool, field(reader, i));
    }
    return rv == APR_SUCCESS ? check_header(reader) : rv;
}

/* ---- rows ---- */

/* La Poste leaves out the last columns where they are empty, but none of those that are read. */
static apr_status_t check_count(reader_t *reader)
{
    int i, last = 0;

    for (i = 1; i < COLUMNS; i++) {
        last = reader->places[i] > reader->places[last] ? i : last;
    }
    if (reader->fields->nelts > reader->places[last]) {
        return APR_SUCCESS;
    }
    return fault(reader, reader->record, "%d columns, where %d or more were expected, up to %s",
                 reader->fields->nelts, reader->places[last] + 1, reader->titles[last]);
}

static apr_status_t check_post_code(reader_t *reader, const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");

    if (digits == 5 && !text[5]) {
        return APR_SUCCESS;
    }
    return fault(reader, reader->record, "column %s: 5 digits were expected, found \"%s\"%s",
                 reader->titles[POST_CODE], shown(reader, text),
                 digits == 4 && !text[4] ? "; has a spreadsheet dropped a zero?" : "");
}

/* 5 digits, the second of which may be A or B, for Corsica; or nothing. */
static apr_status_t check_insee_code(reader_t *reader, char *text)
{
    apr_size_t i, length = strlen(text);

    for (i = 0; length == 5 && i < length; i++) {
        text[i] = (char)apr_toupper(text[i]);
        if (!apr_isdigit(text[i]) && (i != 1 || (text[i] != 'A' && text[i] != 'B'))) {
            length = 1;
        }
    }
    if (length == 0 || length == 5) {
        return APR_SUCCESS;
    }
    return fault(reader, reader->record,
                 "column %s: 5 characters, as 01053 or 2A004, or nothing were expected, found "
                 "\"%s\"",
                 reader->titles[INSEE_CODE], shown(reader, text));
}

/* The letters of a name; may be empty. */
static apr_status_t read_name(const char **name, reader_t *reader, column_t column)
{
    const char *text = field(reader, reader->places[column]);

    *name = crm_postal_letters(text, reader->pool);
    if (strlen(*name) > NAME_MOST) {
        return fault(reader, reader->record,
                     "column %s: a name of at most %d characters was expected, found \"%s\"",
                     reader->titles[column], NAME_MOST, shown(reader, text));
    }
    return APR_SUCCESS;
}

/* Makes a row of the record at hand. */
static apr_status_t read_row(crm_postcode_row_t *row, reader_t *reader)
{
    apr_status_t rv = check_count(reader);
    char *insee_code;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    row->post_code = field(reader, reader->places[POST_CODE]);
    insee_code = APR_ARRAY_IDX(reader->fields, reader->places[INSEE_CODE], char *);
    row->insee_code = insee_code;
    rv = check_post_code(reader, row->post_code);
    if (rv == APR_SUCCESS) {
        rv = check_insee_code(reader, insee_code);
    }
    if (rv == APR_SUCCESS) {
        rv = read_name(&row->city, reader, CITY);
    }
    if (rv == APR_SUCCESS && !*row->city) {
        return fault(reader, reader->record,
                     "column %s: the name of a place was expected, found \"%s\"",
                     reader->titles[CITY], shown(reader, field(reader, reader->places[CITY])));
    }
    return rv == APR_SUCCESS ? read_name(&row->line5, reader, LINE5) : rv;
}

static apr_status_t read_rows(ctl_postcodes_t *found, reader_t *reader)
{
    apr_hash_t *rows = apr_hash_make(reader->pool), *codes = apr_hash_make(reader->pool);
    crm_postcode_row_t row;
    const char *key;
    apr_status_t rv;

    while ((rv = take_record(reader)) == APR_SUCCESS) {
        rv = read_row(&row, reader);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        key = apr_pstrcat(reader->pool, row.post_code, ";", row.insee_code, ";", row.city, ";",
                          row.line5, NULL);
        if (apr_hash_get(rows, key, APR_HASH_KEY_STRING)) {
            found->duplicates++;
            continue;
        }
        apr_hash_set(rows, key, APR_HASH_KEY_STRING, "");
        apr_hash_set(codes, row.post_code, APR_HASH_KEY_STRING, "");
        APR_ARRAY_PUSH(found->rows, crm_postcode_row_t) = row;
    }
    if (!APR_STATUS_IS_EOF(rv)) {
        return rv;
    }
    found->codes = (int)apr_hash_count(codes);
    return found->rows->nelts ? APR_SUCCESS
                              : fault(reader, 0, "no row stands behind the header line");
}

apr_status_t ctl_postcodes_read(ctl_postcodes_t *found, const char **why, const char *path,
                                apr_pool_t *pool)
{
    reader_t reader = {.name = path ? path : "standard input", .pool = pool};
    apr_size_t length = 0;
    apr_status_t rv;
    char *data = NULL;

    memset(found, 0, sizeof(*found));
    found->rows = apr_array_make(pool, 40000, sizeof(crm_postcode_row_t));
    reader.fields = apr_array_make(pool, 10, sizeof(const char *));
    rv = read_file(&data, &length, &reader, path);
    if (rv == APR_SUCCESS) {
        rv = decode(&reader, data, length);
    }
    if (rv == APR_SUCCESS) {
        rv = read_header(&reader);
    }
    if (rv == APR_SUCCESS) {
        rv = read_rows(found, &reader);
    }
    *why = reader.why;
    return rv;
}
