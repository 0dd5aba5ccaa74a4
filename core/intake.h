/*
 * What is asked of a webhook whoever brings it, a platform through httpd or an operator with
 * crm360ctl: its database, its route, and what its content says already; and what is pushed for it.
 * Pure functions; any thread. Texts for the caller live in the pool of the call.
 */
#ifndef CRM360_INTAKE_H
#define CRM360_INTAKE_H

#include <apr_tables.h>

#include "core/cloudevent.h"
#include "core/config.h"
#include "core/message.h"
#include "core/params.h"
#include "core/queue.h"

/* What can be wrong with a webhook. */
typedef enum {
    CRM360_FAULT_PARAMETER,
    CRM360_FAULT_CUSTOMER,
    CRM360_FAULT_DATABASE,
    CRM360_FAULT_ROUTE,
    CRM360_FAULT_MAIL,
    CRM360_FAULT_MEDIA_TYPE,
    CRM360_FAULT_EVENT,
    CRM360_FAULT_FIELD
} crm360_fault_kind_t;

typedef struct crm360_fault_t {
    crm360_fault_kind_t kind;
    const char *parameter; /* which one, of path, query, header or command; NULL = none */
    const char *detail;    /* a sentence for the caller; may quote him, escaped */
} crm360_fault_t;

/* Takes the last six segments of a path apart: its process and five values, in `pool`; one '/' at
 * its end is fine. *mount is what stands in front of them, and may be NULL. 0 when it is the path
 * of something else. */
int crm360_intake_path(const char **mount, crm360_process_t *process,
                       const char *values[CRM360_PATH_VALUES], const char *path, apr_pool_t *pool);

/* Each of the next ones returns 1, or 0 and *fault. */

/* The section of a database. */
int crm360_intake_database(const crm360_database_t **database, crm360_fault_t *fault,
                           const crm360_config_t *config, const char *customer, const char *alias,
                           apr_pool_t *pool);

/* The row of a triple; the sentence lists what there is. */
int crm360_intake_route(const crm360_route_t **route, crm360_fault_t *fault, const char *platform,
                        const char *entity, const char *action, apr_pool_t *pool);

/* Whether the section lets a mail copy go to the address that the parameters name, if they do. */
int crm360_intake_mail(crm360_fault_t *fault, const crm360_database_t *database,
                       const crm360_params_t *params);

/* A body that is a CloudEvent, by its header fields: *event, or NULL when it is none. *structured
 * says that its data is not the body, but stands in it. */
int crm360_intake_event(const crm360_cloudevent_t **event, int *structured, crm360_fault_t *fault,
                        const apr_table_t *headers, const char *body, apr_size_t len,
                        apr_pool_t *pool);

/* A command that can be seen to come to nothing: `content` is the body, or the data of a structured
 * event; NULL = it is too long to be looked at. */
int crm360_intake_command(crm360_fault_t *fault, const crm360_route_t *route,
                          crm360_process_t process, const crm360_database_t *database,
                          const char *content, apr_size_t len, apr_pool_t *pool);

/* Whether a Content-Encoding field (NULL = none) names anything but identity (RFC 9110 8.4.1):
 * nothing that is stored may have one. */
int crm360_intake_is_coded(const char *encoding);

/* Sets what is pushed for a message but for its dedup, its durability and its bytes. push->id is
 * that of what is queued: of the mail alone for EmailProcess, else of the webhook, which brings its
 * mail copy along where it has one. Everything is borrowed. */
void crm360_intake_push(crm360_push_t *push, const crm360_message_t *message,
                        const crm360_params_t *params, crm360_process_t process,
                        const crm360_database_t *database, apr_pool_t *pool);

#endif
