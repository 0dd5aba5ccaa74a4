/* What the files of ctl/output.h share. */
#ifndef CTL_OUTPUT_PRIVATE_H
#define CTL_OUTPUT_PRIVATE_H

#include "ctl/output.h"

struct ctl_output_t {
    apr_pool_t *pool;
    apr_pool_t *cell; /* for one value; cleared after it */
    ctl_form_t form;
    apr_time_t now;
    int width;    /* of the terminal, in columns */
    int bold;     /* headings may be bold */
    int headings; /* printed so far */
    /* JSON: how deep we are, and whether something stands in front at each depth. */
    int depth;
    int filled[8];
};

/* Writes what is held back by stdio; errno of the first time that failed, 0 = it never did. */
int output_flush(void);

/* Begins a member of the object, or of the list, that is open; `name` is NULL in a list. */
void output_member(ctl_output_t *output, const char *name);

/* The value of a member. */
void output_json_text(ctl_output_t *output, const char *text);
void output_json_time(ctl_output_t *output, apr_time_t at);
void output_json_number(apr_int64_t number);
void output_json_flag(int yes);

/* A text as a quoted JSON string of valid UTF-8, in which what a terminal obeys is an escape: the
 * same string to a program, and harmless to who looks at it. In `pool`. */
const char *output_json_quote(const char *text, apr_pool_t *pool);

/* A number as people read it: 1,000,000. In `pool`. */
const char *output_number_text(apr_int64_t number, apr_pool_t *pool);

#endif
