/*
 * One person in texts: whether a stored message, or an element of a batch, holds one of the
 * person's mail addresses, phone numbers or identifiers, however it is written there. For erasing,
 * so two mistakes count: passing somebody over, and taking somebody else for the person. Looks,
 * changes nothing, prints nothing.
 *
 * What is looked for:
 * - a mail address, in any case of its letters, where it is not a part of a longer one;
 * - a phone number by its digits, with or without separators: in its international form and, as
 *   outbound/phone.h reads numbers, in its national one (nine digits and more);
 * - an identifier letter by letter, where it is a whole word, in messages of its source: in the
 *   query and in the body.
 * Texts are looked at as they are and with percent signs, JSON escapes and numeric HTML entities
 * undone, one in the other up to four levels.
 */
#ifndef CTL_PERSON_H
#define CTL_PERSON_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "core/queue_admin.h"

/* An identifier of fewer characters is found in too many places that have nothing to do with it. */
#define CTL_IDENTIFIER_LEAST 6

typedef struct ctl_person_t ctl_person_t;

/* Somebody of whom nothing is known yet. With `short_identifiers` those of fewer than
 * CTL_IDENTIFIER_LEAST characters are looked for, too. */
ctl_person_t *ctl_person_make(int short_identifiers, apr_pool_t *pool);

/* What is known of the person; texts are copied. 1 = it is news, 0 = it was known; -1 = not what it
 * should be: no mail address, no E.164 number, an empty identifier. */
int ctl_person_add_email(ctl_person_t *person, const char *address);
int ctl_person_add_phone(ctl_person_t *person, const char *e164);
int ctl_person_add_identifier(ctl_person_t *person, int source_id, const char *identifier);

/* How many identifiers are too short to be looked for. */
int ctl_person_short_identifiers(const ctl_person_t *person);

/* Whether a text holds something of the person; identifiers only for their source, none for
 * source_id 0. `pool` is used for the call only. */
int ctl_person_in_text(const ctl_person_t *person, const char *text, apr_size_t len, int source_id,
                       apr_pool_t *pool);

/* ---- stored messages ---- */

typedef enum {
    CTL_PERSON_ABSENT,
    CTL_PERSON_WHOLE, /* the message is about the person: all of it goes */
    /* The body is a batch, and only some of its elements are about the person. */
    CTL_PERSON_PARTS,
    CTL_PERSON_MIXED /* likewise, but the person is also where no element is */
} ctl_person_verdict_t;

/* Looks at a stored message (core/message.h), which need not be a whole one. With PARTS and MIXED
 * *spans (in `pool`) has the elements, as crm360_span_t within `data`. */
ctl_person_verdict_t ctl_person_in_message(apr_array_header_t **spans, const ctl_person_t *person,
                                           const char *data, apr_size_t len, apr_pool_t *pool);

#endif
