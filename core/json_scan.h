/*
 * The grammar of JSON (RFC 8259), strict or relaxed, checked over a text without building anything
 * from it. Shared by json.c (one value, before json-c builds it) and elements.c (the many values of
 * a batch).
 */
#ifndef CRM360_JSON_SCAN_H
#define CRM360_JSON_SCAN_H

#include <apr_pools.h>
#include <apr_tables.h>

#define CRM360_SCAN_LEVELS 64 /* most levels of nesting in a text */
/* Most values in a text that is to be built: one costs json-c up to 800 bytes, however short it
 * is, and a worker shall stay small. */
#define CRM360_SCAN_VALUES 200000
/* Most changes that are noted of a relaxed text. */
#define CRM360_SCAN_REPAIRS 100000

/* One of the changes that make strict JSON of a relaxed text. */
typedef struct crm360_repair_t {
    apr_size_t at;
    char put; /* goes in front of the byte at `at`; NUL = that byte becomes a blank */
} crm360_repair_t;

/* A place of reading. Relaxed text is what people write or copy: a member's name may be an
 * identifier without quotes (letters of any language, digits, _ and $), a comma may be missing
 * between two members or elements, one may stand behind the last, and white space may be a no-break
 * space. Nothing else: comments or single quotes are refused. What makes strict JSON of it is added
 * to `repairs`; those that put something stand in ascending order, and when there are
 * CRM360_SCAN_REPAIRS of them, some may be missing.
 *
 * Whoever begins sets data and len, the rest is 0. NUL is read over, wherever it stands, and bytes
 * that are no UTF-8 are fine inside strings: whoever builds a value cleans it (charset.h). */
typedef struct crm360_scan_t {
    const char *data;
    apr_size_t len;
    apr_size_t at;                   /* where reading goes on; where it failed */
    int within;                      /* levels that are open around the values that are read */
    int counts;                      /* whether CRM360_SCAN_VALUES holds */
    apr_array_header_t *repairs;     /* crm360_repair_t: reads relaxed text; NULL = strict */
    int values;                      /* read so far */
    int levels;                      /* open now in a value */
    char closer[CRM360_SCAN_LEVELS]; /* what ends each of them */
} crm360_scan_t;

/* Leaves a byte-order mark out of the text; before anything is read. */
void crm360_scan_mark(crm360_scan_t *scan);

/* Steps over white space. */
void crm360_scan_blanks(crm360_scan_t *scan);

/* The character at the place of reading, '\0' at the end. */
char crm360_scan_look(crm360_scan_t *scan);

/* Steps over one value, from its first character to its last. NULL, or a constant text that says
 * what was expected at scan->at. */
const char *crm360_scan_value(crm360_scan_t *scan);

/* "line 3, column 14: expected ...", in `pool`. Columns count characters, not bytes. */
const char *crm360_scan_place(const crm360_scan_t *scan, const char *expected, apr_pool_t *pool);

#endif
