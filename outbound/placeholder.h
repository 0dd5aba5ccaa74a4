/*
 * Finding the placeholders of a text: {{var:Name}}, {{var:Name:"default"}}. What is put in their
 * places is for template.c and wallet_payload.c. Pure functions.
 */
#ifndef OUTBOUND_PLACEHOLDER_H
#define OUTBOUND_PLACEHOLDER_H

#include <apr_pools.h>
#include <json-c/json.h>

typedef struct outbound_placeholder_t {
    const char *start; /* its first brace */
    const char *end;   /* behind its last one */
    const char *name;  /* in the pool */
    int has_default;
    json_object
        *otherwise; /* the default; NULL stands for null, and for none; ends with the pool */
} outbound_placeholder_t;

/* The first one in `text`, whose NUL is at `end`; 0 when there is none. A default is a JSON string,
 * number, true, false or null, or nothing at all, which is null; blanks between the parts do no
 * harm. */
int outbound_placeholder_find(outbound_placeholder_t *found, const char *text, const char *end,
                              apr_pool_t *pool);

#endif
