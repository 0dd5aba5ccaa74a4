/*
 * Reading of requests that a person has in a file. It is more lenient than a server about line
 * ends, and as strict about everything else: what comes out is stored. Must never read past the
 * length it is given.
 */
#include "ctl/request_file.h"

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define BYTES_MOST ((apr_size_t)1 << 30)
#define BLOCK ((apr_size_t)64 * 1024)

typedef struct reader_t {
    const char *at;
    const char *end;
    const char *length; /* Content-Length; NULL = none */
    ctl_request_t *request;
    apr_pool_t *pool;
} reader_t;

/* The next line, without its end; NULL when there is none, or when it holds a NUL. */
static char *next_line(reader_t *reader)
{
    const char *feed = memchr(reader->at, '\n', (apr_size_t)(reader->end - reader->at));
    const char *stop = feed ? feed : reader->end;
    apr_size_t len = (apr_size_t)(stop - reader->at);
    char *line;

    if (reader->at == reader->end || memchr(reader->at, '\0', len)) {
        return NULL;
    }
    line = apr_pstrmemdup(reader->pool, reader->at, len);
    if (len > 0 && line[len - 1] == '\r') {
        line[len - 1] = '\0';
    }
    reader->at = feed ? feed + 1 : reader->end;
    return line;
}

static int is_token(const char *text)
{
    const char *at;

    for (at = text; *at; at++) {
        if (!apr_isalnum(*at) && !strchr("!#$%&'*+-.^_`|~", *at)) {
            return 0;
        }
    }
    return at > text;
}

const char *ctl_request_field_fault(const char *name, const char *value)
{
    if (!is_token(name)) {
        return "The name of a header field is none.";
    }
    for (; *value; value++) {
        if (apr_iscntrl(*value) && *value != '\t') {
            return "The value of a header field has a control character in it.";
        }
    }
    return NULL;
}

/* METHOD SP target [SP HTTP/1.1]: the target is a path with a query, "?query" or a query alone. */
static const char *read_first_line(reader_t *reader)
{
    ctl_request_t *request = reader->request;
    char *line = next_line(reader), *target, *version, *query;
    const char *at;

    target = line ? strchr(line, ' ') : NULL;
    if (!target) {
        return "The first line is not 'METHOD /path?query HTTP/1.1'.";
    }
    *target++ = '\0';
    version = strchr(target, ' ');
    if (version) {
        *version++ = '\0';
    }
    for (at = target; *at; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f) {
            return "The target in the first line has a blank or a control character in it.";
        }
    }
    if (!is_token(line) || (version && strncmp(version, "HTTP/", 5) != 0)) {
        return "The first line is not 'METHOD /path?query HTTP/1.1'.";
    }
    query = *target == '/' ? strchr(target, '?') : target;
    request->method = line;
    request->query = !query ? "" : *query == '?' ? query + 1 : query;
    request->path = "";
    if (*target == '/') {
        request->path =
            query ? apr_pstrmemdup(reader->pool, target, (apr_size_t)(query - target)) : target;
    }
    return NULL;
}

static const char *place_field(reader_t *reader, const char *name, const char *value)
{
    if (apr_cstr_casecmp(name, "Content-Length") == 0) {
        if (reader->length) {
            return "Content-Length is there twice.";
        }
        reader->length = value;
    }
    else if (apr_cstr_casecmp(name, "Host") == 0) {
        reader->request->host = value;
    }
    else if (apr_cstr_casecmp(name, "Transfer-Encoding") == 0) {
        return "It has a Transfer-Encoding: the body must stand there as it is.";
    }
    else {
        apr_table_addn(reader->request->headers, name, value);
    }
    return NULL;
}

static const char *read_fields(reader_t *reader)
{
    char *line, *colon, *value, *end;
    const char *fault = NULL;

    while (!fault && reader->at < reader->end) {
        line = next_line(reader);
        if (line && !*line) {
            return NULL;
        }
        colon = line ? strchr(line, ':') : NULL;
        if (!colon) {
            return "A line before the first empty one is no header field 'Name: value'.";
        }
        *colon = '\0';
        value = colon + 1 + strspn(colon + 1, " \t");
        for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');) {
            *--end = '\0';
        }
        fault = ctl_request_field_fault(line, value);
        fault = fault ? fault : place_field(reader, line, value);
    }
    return fault;
}

/* What follows is the body, as long as Content-Length says. */
static const char *read_body(reader_t *reader)
{
    ctl_request_t *request = reader->request;
    const char *end;
    apr_int64_t length;
    char *rest;

    request->body = reader->at;
    request->body_len = (apr_size_t)(reader->end - reader->at);
    if (!reader->length) {
        return NULL;
    }
    length = apr_strtoi64(reader->length, &rest, 10);
    if (!apr_isdigit(*reader->length) || *rest) {
        return "Content-Length is no number.";
    }
    if (length > (apr_int64_t)request->body_len) {
        return "The body is shorter than its Content-Length says.";
    }
    for (end = reader->end; end > request->body + length; end--) {
        if (end[-1] != '\n' && end[-1] != '\r') {
            return "The body is longer than its Content-Length says.";
        }
    }
    request->body_len = (apr_size_t)length;
    return NULL;
}

const char *ctl_request_read(ctl_request_t *request, const char *data, apr_size_t len,
                             apr_pool_t *pool)
{
    reader_t reader = {.at = data, .end = data + len, .request = request, .pool = pool};
    const char *fault;

    memset(request, 0, sizeof(*request));
    request->headers = apr_table_make(pool, 16);
    fault = read_first_line(&reader);
    fault = fault ? fault : read_fields(&reader);
    return fault ? fault : read_body(&reader);
}

/* ---- the file ---- */

static const char *cannot_read(apr_status_t rv, apr_pool_t *pool)
{
    char text[120];

    return apr_psprintf(pool, "It cannot be read: %s.", apr_strerror(rv, text, sizeof(text)));
}

const char *ctl_request_load(const char **data, apr_size_t *len, const char *name, apr_pool_t *pool)
{
    apr_size_t room = 0, got;
    char *bytes = NULL, *more;
    apr_status_t rv;
    apr_file_t *file;

    rv = strcmp(name, "-") == 0
             ? apr_file_open_stdin(&file, pool)
             : apr_file_open(&file, name, APR_FOPEN_READ, APR_FPROT_OS_DEFAULT, pool);
    *len = 0;
    while (rv == APR_SUCCESS) {
        if (*len + BLOCK > room) {
            room = (room + BLOCK) * 2;
            more = apr_palloc(pool, room);
            if (*len > 0) {
                memcpy(more, bytes, *len);
            }
            bytes = more;
        }
        got = BLOCK;
        rv = apr_file_read(file, bytes + *len, &got);
        *len += rv == APR_SUCCESS ? got : 0;
        if (*len > BYTES_MOST) {
            return "It has more than 1 GB.";
        }
    }
    *data = bytes;
    return APR_STATUS_IS_EOF(rv) ? NULL : cannot_read(rv, pool);
}
