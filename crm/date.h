/*
 * Dates of platforms: ISO 8601 with an offset in, milliseconds since 1970 and the database's UTC
 * text out. Pure functions, usable by any thread.
 */
#ifndef CRM_DATE_H
#define CRM_DATE_H

#include <apr_errno.h>
#include <apr_pools.h>

/* Reads "2026-03-02T10:15:27.118+01:00": a date, T or a blank, a time with or without seconds
 * and fraction, and Z, an offset (+01:00, +0100, +01) or nothing, which means UTC. A date alone
 * is its midnight. *ms is milliseconds since 1970 in UTC, negative before. APR_EINVAL for
 * anything else. */
apr_status_t crm_date_parse(apr_int64_t *ms, const char *text) __attribute__((warn_unused_result));

/* "2026-03-02T09:15:27" in `pool`; the fraction is cut off. What lies before the year 1 or behind
 * 9999, where an offset can lead, is the first or last moment of them. */
const char *crm_date_text(apr_int64_t ms, apr_pool_t *pool);

#endif
