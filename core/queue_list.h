/*
 * Pages of a lane or of the dead letters for who looks on: by state, from either end; and the
 * beginning of a message. Unlike core/queue_admin.h it changes nothing at all: a key of another
 * type stays as it is, and counts as empty. Costs Redis the same wherever the page is. Any thread
 * of a process may call.
 */
#ifndef CRM360_QUEUE_LIST_H
#define CRM360_QUEUE_LIST_H

#include "core/queue_admin.h"

/* A part of a sorted set: messages that lie together by their time. */
typedef enum {
    CRM360_LIST_ALL,
    CRM360_LIST_COME,   /* their time has come: due, or paused with their lane */
    CRM360_LIST_LATER,  /* visible later, or leased */
    CRM360_LIST_PARKED, /* set aside because their route is paused */
    CRM360_LIST_HELD    /* COME and then PARKED: all that is paused of a lane that is */
} crm360_list_part_t;

typedef struct crm360_list_t {
    const char *key; /* keys->dead or one of keys->lane */
    crm360_list_part_t part;
    apr_time_t now;    /* Redis' clock, as the caller knows it: what has come */
    int newest_first;  /* the page is counted from the end, and turned round */
    apr_int64_t first; /* number of its first entry, from 0 */
    int most;          /* <= CRM360_PAGE_MOST */
} crm360_list_t;

/* Reads a page; *total is how many entries the part has. Everything lives in `pool`. Errors as
 * crm360_redis_run(). */
apr_status_t crm360_queue_list(crm360_page_t *page, apr_int64_t *total, crm360_queue_t *queue,
                               const crm360_list_t *list, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* At most `most` bytes of a stored message from its beginning, in `pool`; *len is 0 when it is
 * missing. Errors as crm360_redis_run(). */
apr_status_t crm360_queue_peek(const char **data, apr_size_t *len, crm360_queue_t *queue,
                               const crm360_keys_t *keys, const char *id, apr_size_t most,
                               apr_pool_t *pool) __attribute__((warn_unused_result));

#endif
