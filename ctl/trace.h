/* What is known of a message: trace.c finds it, trace_show.c puts it in order and prints it. */
#ifndef CTL_TRACE_H
#define CTL_TRACE_H

#include <apr_tables.h>

#include "core/queue_view.h"
#include "core/spool.h"
#include "crm/past.h"
#include "ctl/ctl.h"
#include "ctl/output.h"

#define CTL_TRACE_ELEMENTS 1000 /* so many elements of a batch are looked at */
#define CTL_TRACE_AT_ONCE 100
#define CTL_TRACE_HEAD (16 * 1024) /* of a stored message */

/* One message: itself, its mail copy, or an element. */
typedef struct ctl_trace_one_t {
    const char *id;
    const crm360_view_t *view; /* NULL: Redis could not be asked */
    const crm_past_t *past;    /* NULL: the database could not be asked */
} ctl_trace_one_t;

typedef struct ctl_trace_t {
    const char *id;
    ctl_place_t place;
    apr_time_t now; /* Redis' clock; 0 = it could not be asked */
    ctl_trace_one_t self;
    ctl_trace_one_t mail;
    apr_array_header_t *elements; /* ctl_trace_one_t: those of which something is known */
    int is_spooled;               /* it lies in the spool of this host */
    crm360_spooled_t spooled;
    const char *head;           /* of the stored message; NULL = it is not there */
    const char *redis_fault;    /* why Redis could not be asked; NULL = it was */
    const char *database_fault; /* likewise */
    apr_pool_t *pool;
} ctl_trace_t;

/* Whether anything is known of it. */
int ctl_trace_is_known(const ctl_trace_one_t *one);

/* Prints it. */
void ctl_trace_show(const ctl_trace_t *trace, ctl_output_t *output);

#endif
