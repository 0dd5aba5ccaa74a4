/* Zendesk: the handler, and its words. */
#ifndef HANDLERS_ZENDESK_H
#define HANDLERS_ZENDESK_H

#include "crm/case.h"
#include "handlers/handler.h"

extern const handler_t handler_zendesk;

/* ---- for the parts (zendesk_words.c) ---- */

/* What a status means, in English, French, German, Spanish, Italian, Dutch or Portuguese; case,
 * accents, blanks and hyphens do not matter. 0 = none of ours, such as a status that an account has
 * made for itself. */
crm_case_state_t handler_zendesk_state(const char *text);

/* "Question", "Incident", "Problem" or "Task" for a ticket type in one of these languages, NULL
 * when it is none. */
const char *handler_zendesk_type(const char *text);

#endif
