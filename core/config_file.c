/*
 * Reads a configuration file in the part of httpd's grammar that all readers share: our directives
 * and <Crm360Database> sections, comments, quotes, continuation lines. What httpd would understand
 * and we do not (Include, IfModule, Define, ${}, foreign directives) is refused, never skipped: two
 * readers must not see two files. Lines are counted as httpd does: a continued line has the number
 * of its last part.
 */
#include "core/config_private.h"

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/status.h"

#define FILE_MOST (APR_INT64_C(16) << 20)
#define SUGGEST_MOST 3 /* edits between a name and its suggestion */
#define NAME_MOST 48   /* longest name that is compared for a suggestion */

typedef struct reader_t {
    const char *file;
    const char *at; /* rest of the data, which ends with NUL */
    const char *end;
    int line;        /* number of the line read last */
    char *text;      /* that line, without white space around; CRM360_LINE_MOST + 1 bytes */
    unsigned reader; /* CRM360_READ_... */
    crm360_config_t *config;
    crm360_database_t *database; /* the open section, NULL = server level */
    apr_pool_t *pool;
} reader_t;

/* ---- lines ---- */

/* Appends the next part of a line to `len` bytes of reader->text. *continued: another part
 * follows. */
static const char *read_part(reader_t *reader, apr_size_t *len, int *continued)
{
    const char *feed = memchr(reader->at, '\n', (apr_size_t)(reader->end - reader->at));
    const char *stop = feed ? feed : reader->end;
    apr_size_t part = (apr_size_t)(stop - reader->at);

    reader->line++;
    if (memchr(reader->at, '\0', part)) {
        return "a NUL byte; allowed: text";
    }
    if (part > CRM360_LINE_MOST - *len) {
        return "the line is too long; allowed: " APR_STRINGIFY(CRM360_LINE_MOST) " bytes";
    }
    memcpy(reader->text + *len, reader->at, part);
    *len += part;
    reader->at = feed ? feed + 1 : reader->end;
    *continued = 0;
    if (feed) {
        part = *len;
        part -= part && reader->text[part - 1] == '\r';
        if (part && reader->text[part - 1] == '\\') {
            *len = part - 1;
            *continued = 1;
        }
    }
    return NULL;
}

/* Reads one logical line into reader->text. NULL, or what is wrong with it. */
static const char *read_line(reader_t *reader)
{
    const char *fault;
    apr_size_t len = 0;
    apr_size_t front = 0;
    int continued = 1;

    while (continued && reader->at < reader->end) {
        fault = read_part(reader, &len, &continued);
        if (fault) {
            return fault;
        }
    }
    while (len && apr_isspace(reader->text[len - 1])) {
        len--;
    }
    while (front < len && apr_isspace(reader->text[front])) {
        front++;
    }
    memmove(reader->text, reader->text + front, len - front);
    reader->text[len - front] = '\0';
    return NULL;
}

/* ---- names ---- */

/* Edits (Levenshtein) that make one name of the other, without regard to case. */
static int distance(const char *one, const char *other)
{
    int row[NAME_MOST + 1];
    int len = (int)strlen(other);
    int i;
    int j;

    for (j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (i = 1; one[i - 1]; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (j = 1; j <= len; j++) {
            int changed = diagonal + (apr_tolower(one[i - 1]) != apr_tolower(other[j - 1]));

            diagonal = row[j];
            row[j] = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            row[j] = changed < row[j] ? changed : row[j];
        }
    }
    return row[len];
}

/* "did you mean X? " for a name near one of ours, else "". */
static const char *suggestion(const char *name, apr_pool_t *pool)
{
    const crm360_directive_t *row;
    const char *nearest = NULL;
    int least = SUGGEST_MOST + 1;

    for (row = crm360_directives; row->name && strlen(name) <= NAME_MOST; row++) {
        int edits = distance(row->name, name);

        if (edits < least) {
            least = edits;
            nearest = row->name;
        }
    }
    return nearest ? apr_psprintf(pool, "did you mean %s? ", nearest) : "";
}

static const char *unknown(const reader_t *reader, const char *name, const char *what)
{
    unsigned context = reader->database ? CRM360_IN_DATABASE : CRM360_IN_SERVER;

    return apr_psprintf(reader->pool, "%s: %s; %sallowed here: %s",
                        crm360_quoted(name, reader->pool), what, suggestion(name, reader->pool),
                        crm360_context_directives(context, reader->pool));
}

/* ---- sections and directives ---- */

static const char *section_open(reader_t *reader, const char *rest)
{
    const char *args;
    const char *fault;

    if (reader->database) {
        return apr_psprintf(reader->pool,
                            "<" CRM360_SECTION ">: sections do not nest; allowed here: "
                            "</" CRM360_SECTION "> of the one at %s:%d",
                            reader->file, reader->database->line);
    }
    fault = crm360_section_args(&args, rest, reader->pool);
    return fault ? fault
                 : crm360_database_begin(&reader->database, reader->config, args, reader->file,
                                         reader->line, reader->pool);
}

/* A line that begins with '<'. */
static const char *read_section(reader_t *reader)
{
    static const char open[] = "<" CRM360_SECTION;
    static const char close[] = "</" CRM360_SECTION ">";
    const char *text = reader->text;
    const char *rest;

    if (apr_cstr_casecmp(text, close) == 0) {
        if (!reader->database) {
            return "</" CRM360_SECTION ">: no section is open; allowed: after <" CRM360_SECTION
                   " customer alias>";
        }
        reader->database = NULL;
        return NULL;
    }
    if (apr_cstr_casecmpn(text, open, sizeof(open) - 1) == 0) {
        rest = text + sizeof(open) - 1;
        if (!*rest || *rest == '>' || apr_isspace(*rest)) {
            return section_open(reader, rest);
        }
    }
    return apr_psprintf(reader->pool,
                        "%s: no section of this file, which httpd and crm360d share because of "
                        "its <" CRM360_SECTION ">, so that nothing else may stand in it; allowed: "
                        "<" CRM360_SECTION " customer alias> and </" CRM360_SECTION ">",
                        crm360_quoted(text, reader->pool));
}

/* A line that begins with the name of a directive. */
static const char *read_directive(reader_t *reader)
{
    const char *text = reader->text;
    apr_size_t len = strcspn(text, " \t\n\v\f\r");
    const char *name = apr_pstrmemdup(reader->pool, text, len);
    const crm360_directive_t *directive = crm360_directive_find(name);

    if (!directive) {
        return unknown(reader, name, "no directive of this file");
    }
    return crm360_directive_apply(
        directive, reader->database ? (void *)reader->database : (void *)reader->config,
        reader->database ? CRM360_IN_DATABASE : CRM360_IN_SERVER, reader->reader, text + len,
        reader->pool);
}

/* Reads the rest of the data. NULL, or "file:line: what is wrong". */
static const char *read_lines(reader_t *reader)
{
    while (reader->at < reader->end) {
        const char *fault = read_line(reader);

        if (!fault && reader->text[0] && reader->text[0] != '#') {
            fault = reader->text[0] == '<' ? read_section(reader) : read_directive(reader);
        }
        if (fault) {
            return apr_psprintf(reader->pool, "%s:%d: %s", reader->file, reader->line, fault);
        }
    }
    if (reader->database) {
        return apr_psprintf(reader->pool,
                            "%s:%d: <" CRM360_SECTION " %s %s>: is not closed; allowed: a line "
                            "</" CRM360_SECTION "> behind its directives",
                            reader->file, reader->database->line, reader->database->customer,
                            reader->database->alias);
    }
    return NULL;
}

/* ---- the file ---- */

/* Reads the whole of an open file into *data, which gets a NUL behind it. */
static apr_status_t read_all(char **data, apr_size_t *len, apr_file_t *file, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_status_t rv = apr_file_info_get(&info, APR_FINFO_SIZE | APR_FINFO_TYPE, file);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (info.filetype != APR_REG || info.size > FILE_MOST) {
        return APR_EINVAL;
    }
    *data = apr_palloc(pool, (apr_size_t)info.size + 1);
    rv = apr_file_read_full(file, *data, (apr_size_t)info.size, len);
    (*data)[*len] = '\0';
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

/* Reads the file into a pool that is only needed while it is parsed. */
static const char *load(char **data, apr_size_t *len, const char *file, apr_pool_t *pool,
                        apr_pool_t *scratch)
{
    char text[120];
    apr_file_t *open;
    apr_status_t rv;

    rv = apr_file_open(&open, file, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, scratch);
    if (rv == APR_SUCCESS) {
        rv = read_all(data, len, open, scratch);
        apr_file_close(open);
    }
    if (rv == APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(pool, "%s: cannot be read (%s); allowed: a regular file of at most 16 MB",
                        file, apr_strerror(rv, text, sizeof(text)));
}

apr_status_t crm360_config_read(crm360_config_t **config, const char **error, const char *file,
                                unsigned reader, apr_pool_t *pool)
{
    reader_t state = {.file = file, .reader = reader, .pool = pool};
    apr_pool_t *scratch;
    char *data = NULL;
    apr_size_t len = 0;
    apr_status_t rv;

    *config = NULL;
    *error = NULL;
    rv = apr_pool_create(&scratch, pool);
    if (rv != APR_SUCCESS) {
        *error = "out of memory";
        return rv;
    }
    apr_pool_tag(scratch, "crm360_config_read");
    *error = load(&data, &len, file, pool, scratch);
    if (!*error) {
        state.at = data;
        state.end = data + len;
        state.text = apr_palloc(scratch, CRM360_LINE_MOST + 1);
        state.config = crm360_config_make(pool);
        *error = read_lines(&state);
    }
    if (!*error) {
        const char *fault = crm360_limits_check(state.config, pool);

        *error = fault ? apr_psprintf(pool, "%s: %s", file, fault)
                       : crm360_databases_check(state.config, reader, pool);
    }
    apr_pool_destroy(scratch);
    if (*error) {
        return CRM360_ECONFIG;
    }
    *config = state.config;
    return APR_SUCCESS;
}
