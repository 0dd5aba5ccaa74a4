/*
 * The route table: every (platform, entity, action) triple of QueueProcess, with the lane its
 * messages wait in and the answer its platform wants to hear. Constant data, usable by any thread.
 */
#ifndef CRM360_ROUTE_H
#define CRM360_ROUTE_H

#include <apr_time.h>

#define CRM360_ROUTES 22 /* rows of the table, without the last */

/* A delivery without an id of its own is known again by its query and body. */
#define CRM360_DEDUP_CONTENT "content"

typedef enum {
    CRM360_LANE_LIVE,  /* webhooks in */
    CRM360_LANE_BATCH, /* BatchMode and data-quality jobs */
    CRM360_LANE_SEND,  /* everything that leaves: mail, SMS, wallet */
    CRM360_LANES       /* how many there are */
} crm360_lane_t;

typedef enum {
    CRM360_REPLY_JSON, /* 200 and the JSON receipt */
    CRM360_REPLY_TEXT  /* 200 and the text OK; errors say ERROR (Smsbox) */
} crm360_reply_kind_t;

typedef struct crm360_route_t {
    const char *platform; /* spelt as the API page spells it */
    const char *entity;
    const char *action;
    const char *name;      /* "Platform/Entity/Action" */
    const char *id_suffix; /* "Platform-Entity-Action", the tail of a message id */
    crm360_lane_t lane;
    crm360_reply_kind_t reply;
    /* By what a repeated delivery is known: a header field with its id, CRM360_DEDUP_CONTENT, or
     * NULL: only by an Idempotency-Key. The configuration may say otherwise. */
    const char *dedup_key;
    apr_interval_time_t dedup_window; /* how long the platform may repeat a delivery */
    const char *meaning; /* a sentence for callers: what has happened, or what it does */
} crm360_route_t;

/* Ends with an entry whose platform is NULL. */
extern const crm360_route_t crm360_routes[];

/* Which part of a triple was not found. */
typedef enum {
    CRM360_ROUTE_FOUND,
    CRM360_ROUTE_NO_PLATFORM,
    CRM360_ROUTE_NO_ENTITY,
    CRM360_ROUTE_NO_ACTION
} crm360_route_match_t;

/* Looks a triple up without regard to case. *route is set on CRM360_ROUTE_FOUND, NULL otherwise. */
crm360_route_match_t crm360_route_find(const crm360_route_t **route, const char *platform,
                                       const char *entity, const char *action);

/* The platforms of the table, in its order: their number, the name of one (spelt as in the table;
 * 0 <= platform < CRM360_PLATFORMS), and the number of a name in any case; -1 when unknown. */
#define CRM360_PLATFORMS 10
const char *crm360_platform_name(int platform);
int crm360_platform_find(const char *name);

/* Looks up "Platform/Entity/Action" as stored in a message (any case); NULL when unknown. */
const crm360_route_t *crm360_route_by_name(const char *name);

/* "live", "batch" or "send". */
const char *crm360_lane_name(crm360_lane_t lane);

#endif
