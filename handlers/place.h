/*
 * Where the data of a message belongs: the parameters of its URI, or the defaults of the database's
 * section. For handlers only.
 */
#ifndef HANDLERS_PLACE_H
#define HANDLERS_PLACE_H

#include "crm/person.h"
#include "crm/place.h"
#include "handlers/handler.h"

/* Fills *place and has it checked (crm_place_check()): every handler calls it first. Errors as
 * crm_db_begin(). */
apr_status_t handler_place(crm_place_t *place, const crm360_message_t *message,
                           const handler_context_t *context, apr_pool_t *pool)
    __attribute__((warn_unused_result));

/* Puts a person there: source, brand and type of address, and news of the contact's zone. */
void handler_place_person(crm_person_t *person, const crm_place_t *place, const char *version,
                          apr_pool_t *pool);

#endif
