/*
 * How all verbs print. Three forms of the same data:
 *   a table    on a terminal, for people: aligned, with headings, times local and with their age
 *   lines      when standard output is no terminal: fields separated by tabs, no headings, times in
 *              UTC; the form does not depend on what the values are
 *   JSON       with --json: one object a line. A verb that shows many things of a kind prints a
 *              line for each, and one that shows one thing prints one line.
 * Must never let a byte from Redis or a file reach a terminal, or a program, unchecked. Main thread
 * only.
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "ctl/ctl.h"

typedef enum { CTL_FORM_TABLE, CTL_FORM_LINES, CTL_FORM_JSON } ctl_form_t;

typedef struct ctl_output_t ctl_output_t;

/* The output of a verb, in `pool`; `json`: --json was given. */
ctl_output_t *ctl_output_make(int json, apr_pool_t *pool);
ctl_form_t ctl_output_form(const ctl_output_t *output);

/* What ages are counted from; the clock of this host until it is said. */
void ctl_output_now(ctl_output_t *output, apr_time_t now);

/* Whether it is of no use to print more: the reader has gone, or the disk is full. For loops that
 * only look; who changes something goes on. */
int ctl_output_ended(void);

/* Writes what is left at the very end of the program. Returns `status`, or CTL_FAILED when not all
 * could be written: that is said. A reader that has gone (crm360ctl list | head) is no failure. */
ctl_status_t ctl_output_end(ctl_status_t status);

/* ---- one thing ---- */

/* Opens and closes an object or a list of the JSON form; nothing in the others. `name` is the
 * member that holds it, NULL in a list and for the whole. */
void ctl_object_begin(ctl_output_t *output, const char *name);
void ctl_object_end(ctl_output_t *output);
void ctl_list_begin(ctl_output_t *output, const char *name);
void ctl_list_end(ctl_output_t *output);

/* A heading, on a terminal only. */
void ctl_heading(ctl_output_t *output, const char *text);

/* One value: a line with its title, a line "name<TAB>value", or a member. NULL, and a time of 0,
 * are "-", nothing, and null. */
void ctl_field_text(ctl_output_t *output, const char *name, const char *title, const char *text);
void ctl_field_number(ctl_output_t *output, const char *name, const char *title,
                      apr_int64_t number);
void ctl_field_bytes(ctl_output_t *output, const char *name, const char *title, apr_int64_t bytes);
void ctl_field_time(ctl_output_t *output, const char *name, const char *title, apr_time_t at);
void ctl_field_flag(ctl_output_t *output, const char *name, const char *title, int yes);

/* ---- many things of a kind ---- */

typedef enum { CTL_TEXT, CTL_NUMBER, CTL_BYTES, CTL_TIME, CTL_FLAG } ctl_kind_t;

typedef struct ctl_column_t {
    const char *name;  /* the member in JSON */
    const char *title; /* the heading on a terminal */
    ctl_kind_t kind;
    /* What happens to it on a terminal that is too narrow: 0 = it stays, 1 = it is cut, 2 and more
     * = it is left out, the highest first. */
    int yields;
} ctl_column_t;

typedef struct ctl_table_t ctl_table_t;

/* Begins a table with `count` columns, which are borrowed. `kind` is the first field of each line
 * of the form CTL_FORM_LINES, where a verb prints several tables; NULL = none. In JSON each row is
 * an object: a line of its own, or a member of the list that is open. The rows that fit on a screen
 * are held back, for the widths; never all of them. */
ctl_table_t *ctl_table_begin(ctl_output_t *output, const char *kind, const ctl_column_t *columns,
                             int count);

/* The cells of a row, in the order of the columns, and of their kind. NULL, and a time of 0, are
 * nothing. */
void ctl_cell_text(ctl_table_t *table, const char *text);
void ctl_cell_number(ctl_table_t *table, apr_int64_t number); /* also CTL_BYTES and CTL_FLAG */
void ctl_cell_time(ctl_table_t *table, apr_time_t at);

/* Ends a row. */
void ctl_row_end(ctl_table_t *table);

/* Prints what is held back: before a pause, and between pages. */
void ctl_table_flush(ctl_table_t *table);

/* Ends the table; how many rows it had. */
apr_int64_t ctl_table_end(ctl_table_t *table);

/* ---- text; in `pool` ---- */

/* A text for a terminal: one line of valid UTF-8, in which whatever could move the cursor or turn
 * the text around is a question mark. */
const char *ctl_plain(const char *text, apr_pool_t *pool);

/* How many columns of a terminal it takes. */
int ctl_text_width(const char *text);

/* "06:10:52, 3m ago", and with the date when that is another day; "in 3m" when it is to come. */
const char *ctl_time_local(apr_time_t at, apr_time_t now, apr_pool_t *pool);

/* "2026-11-23T15:58:00Z" */
const char *ctl_time_utc(apr_time_t at, apr_pool_t *pool);

/* "12s", "3m", "5h", "12d": what matters of it. */
const char *ctl_span_text(apr_interval_time_t span, apr_pool_t *pool);

/* "512 B", "1.4 kB", "12 MB": powers of 1024. */
const char *ctl_bytes_text(apr_int64_t bytes, apr_pool_t *pool);

#endif
