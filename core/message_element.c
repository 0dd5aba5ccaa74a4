/*
 * Makes the stored messages of elements. Must never change what stands in a field or in an element,
 * and reads only what crm360_message_parse() has found to be a head.
 */
#include "core/message_element.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

int crm360_message_is_element(const crm360_message_t *message)
{
    const char *number = strrchr(message->id, '.');

    return number && number[1] && strspn(number + 1, "0123456789") == strlen(number + 1);
}

/* Whether a line of a head is the field `name`. */
static int is_field(const char *line, apr_size_t len, const char *name)
{
    apr_size_t name_len = strlen(name);

    return len > name_len && line[name_len] == ':' && apr_cstr_casecmpn(line, name, name_len) == 0;
}

/* Whether a field speaks of the whole and not of its elements. */
static int is_of_whole(const char *line, apr_size_t len)
{
    return is_field(line, len, "Crm360-Id") || is_field(line, len, "Crm360-Dedup-Key") ||
           is_field(line, len, "Crm360-Email") || is_field(line, len, "Content-Length");
}

/* The length of the line at `at`, with its end. */
static apr_size_t line_len(const char *at, const char *end)
{
    return (apr_size_t)((const char *)memchr(at, '\n', (apr_size_t)(end - at)) - at) + 1;
}

void crm360_element_head(crm360_element_head_t *head, const crm360_message_t *message,
                         const char *stored, const char *content_type, apr_pool_t *pool)
{
    const char *type =
        content_type ? apr_pstrcat(pool, "Content-Type: ", content_type, "\r\n", NULL) : "";
    const char *end = message->body - 2; /* the empty line */
    const char *at = stored;
    apr_size_t len = line_len(at, end);
    char *fields = apr_palloc(pool, (apr_size_t)(end - stored) + strlen(type) + 1);

    head->parent = message->id;
    head->first = at;
    head->first_len = len;
    head->fields = fields;
    head->fields_len = 0;
    for (at += len; at < end; at += len) {
        len = line_len(at, end);
        if (!is_of_whole(at, len) && !(content_type && is_field(at, len, "Content-Type"))) {
            memcpy(fields + head->fields_len, at, len);
            head->fields_len += len;
        }
    }
    memcpy(fields + head->fields_len, type, strlen(type));
    head->fields_len += strlen(type);
}

const char *crm360_element_id(const char *parent, int number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s.%d", parent, number);
}

const char *crm360_element_message(apr_size_t *len, const crm360_element_head_t *head, int number,
                                   const char *element, apr_size_t element_len, apr_pool_t *pool)
{
    const char *id = apr_pstrcat(pool, "Crm360-Id: ", crm360_element_id(head->parent, number, pool),
                                 "\r\n", NULL);
    const char *length =
        apr_psprintf(pool, "Content-Length: %" APR_SIZE_T_FMT "\r\n\r\n", element_len);
    const struct {
        const char *data;
        apr_size_t len;
    } parts[] = {{head->first, head->first_len},
                 {id, strlen(id)},
                 {head->fields, head->fields_len},
                 {length, strlen(length)},
                 {element, element_len}};
    apr_size_t i;
    char *message, *to;

    for (*len = 0, i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        *len += parts[i].len;
    }
    message = to = apr_palloc(pool, *len + 1);
    for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(to, parts[i].data, parts[i].len);
        to += parts[i].len;
    }
    *to = '\0';
    return message;
}
