/* Requests in files: what is taken for which part, and what is refused. */
#include "ctl/request_file.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "t/unit/tap.h"

static apr_pool_t *pool;

/* "METHOD|path|query|host|fields|body", or what is wrong. */
static const char *read_text(const char *text, apr_size_t len)
{
    /* Exactly as long as it is, so that a sanitizer sees who reads behind it. */
    char *data = apr_pmemdup(pool, text, len + !len);
    ctl_request_t request;
    const char *fault = ctl_request_read(&request, data, len, pool);
    const apr_array_header_t *fields = apr_table_elts(request.headers);
    const char *all = "";
    int i;

    if (fault) {
        return fault;
    }
    for (i = 0; i < fields->nelts; i++) {
        const apr_table_entry_t *field = &APR_ARRAY_IDX(fields, i, const apr_table_entry_t);

        all = apr_pstrcat(pool, all, i ? "," : "", field->key, "=", field->val, NULL);
    }
    return apr_pstrcat(pool, request.method, "|", request.path, "|", request.query, "|",
                       request.host ? request.host : "-", "|", all, "|",
                       apr_pstrmemdup(pool, request.body, request.body_len), NULL);
}

static const struct {
    const char *text;
    const char *wanted;
} cases[] = {
    {"POST /a/b?x=1 HTTP/1.1\r\nHost: h\r\nA: 1\r\na:2 \t\r\nContent-Length: 2\r\n\r\n{}",
     "POST|/a/b|x=1|h|A=1,a=2|{}"},
    {"POST /a HTTP/1.1\nContent-Length: 2\n\n{}\n", "POST|/a||-||{}"},
    {"POST SourceId=1\nA: 1\n\nx\ny\n", "POST||SourceId=1|-|A=1|x\ny\n"},
    {"GET ?SourceId=1\n\n", "GET||SourceId=1|-||"},
    {"GET /a?", "GET|/a||-||"},
    {"POST /a HTTP/1.1\r\n\r\n", "POST|/a||-||"},
    {"", "The first line is not 'METHOD /path?query HTTP/1.1'."},
    {"POST", "The first line is not 'METHOD /path?query HTTP/1.1'."},
    {"PO ST /a HTTP/1.1", "The first line is not 'METHOD /path?query HTTP/1.1'."},
    {"P(ST /a\n\n", "The first line is not 'METHOD /path?query HTTP/1.1'."},
    {"POST /\x01 HTTP/1.1\n\n",
     "The target in the first line has a blank or a control character in it."},
    {"POST /a\nno field\n\n",
     "A line before the first empty one is no header field 'Name: value'."},
    {"POST /a\n: x\n\n", "The name of a header field is none."},
    {"POST /a\nA: x\ry\n\n", "The value of a header field has a control character in it."},
    {"POST /a\nContent-Length: 1\nContent-Length: 1\n\nx", "Content-Length is there twice."},
    {"POST /a\nContent-Length: -1\n\nx", "Content-Length is no number."},
    {"POST /a\nContent-Length: 1x\n\nx", "Content-Length is no number."},
    {"POST /a\nContent-Length: 9\n\nx", "The body is shorter than its Content-Length says."},
    {"POST /a\nContent-Length: 1\n\nxy", "The body is longer than its Content-Length says."},
    {"POST /a\nTransfer-Encoding: chunked\n\n0\n",
     "It has a Transfer-Encoding: the body must stand there as it is."},
};

int main(void)
{
    apr_size_t i;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(read_text(cases[i].text, strlen(cases[i].text)), cases[i].wanted,
                apr_psprintf(pool, "case %d", (int)i + 1));
    }
    is_text(read_text("POST /a\nA: \0\n\n", 14),
            "A line before the first empty one is no header field 'Name: value'.",
            "a NUL in the head");
    is_text(read_text("POST /a\n\n\0x", 11), "POST|/a||-||", "and one in the body");
    return tap_done();
}
