/*
 * JSON in and out, on json-c; strict unless a function says otherwise. Everything a handler reads
 * and everything we print as JSON goes through here, so that limits (depth) and error texts are the
 * same everywhere.
 */
#ifndef CRM360_JSON_H
#define CRM360_JSON_H

#include <apr_pools.h>
#include <apr_time.h>
#include <json-c/json.h>

/* Parses `len` bytes that must hold exactly one JSON value (a byte-order mark in front and white
 * space around are fine). Invalid UTF-8 is replaced by U+FFFD first; nesting is limited to 64
 * levels, the number of values to 200,000. An integer that does not fit into 64 bits becomes a
 * string of its digits (json-c would cut it); a decimal keeps its text. On success *value is freed
 * with `pool`, in which members' names live too (borrow it; do not json_object_put it, nor keep an
 * object of it longer). APR_EINVAL: *why says "line L, column C:
 * ..." and what was expected. */
apr_status_t crm360_json_parse(json_object **value, const char **why, const char *data,
                               apr_size_t len, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* The same for text that people write or copy from a document: also takes member names without
 * quotes, a missing or a spare comma and no-break spaces (json_scan.h, `repairs`). Lines and
 * columns are those of the text as it came. Strict JSON gives what crm360_json_parse() gives. */
apr_status_t crm360_json_parse_relaxed(json_object **value, const char **why, const char *data,
                                       apr_size_t len, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* `text` as a quoted JSON string, in `pool`. */
const char *crm360_json_quote(const char *text, apr_pool_t *pool);

/* A moment as a JSON string, "2026-11-23T15:58:00.123Z" (RFC 3339), in `pool`. */
const char *crm360_json_date(apr_time_t when, apr_pool_t *pool);

#endif
