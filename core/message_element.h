/*
 * The stored messages of the elements of a batch: each is the request of the whole with one element
 * for a body, so that handlers and operators see no difference. Part of the format that message.h
 * describes.
 */
#ifndef CRM360_MESSAGE_ELEMENT_H
#define CRM360_MESSAGE_ELEMENT_H

#include "core/message.h"

/* Whether a message is an element that was split out of another: its id is <id of that one>.<n>. */
int crm360_message_is_element(const crm360_message_t *message);

/* What the stored messages of all elements of one message have in common. */
typedef struct crm360_element_head_t {
    const char *parent; /* id of the whole */
    const char *first;  /* the request line */
    apr_size_t first_len;
    const char *fields; /* header fields but id and length */
    apr_size_t fields_len;
} crm360_element_head_t;

/* Takes it from a message as it is stored (`stored` up to its body) and as it was read from there.
 * All fields stay, those that this version does not know included, but for those that belong to the
 * whole: Crm360-Id, Crm360-Dedup-Key, Crm360-Email and Content-Length. `content_type`: that of the
 * elements where it is another one (a CloudEvent's data); NULL = as it is. `message` is borrowed,
 * the rest lives in `pool`. */
void crm360_element_head(crm360_element_head_t *head, const crm360_message_t *message,
                         const char *stored, const char *content_type, apr_pool_t *pool);

/* The stored message of element `number` (from 1), *len bytes in `pool`. Its id is
 * <parent>.<number>. */
const char *crm360_element_message(apr_size_t *len, const crm360_element_head_t *head, int number,
                                   const char *element, apr_size_t element_len, apr_pool_t *pool);

/* "<parent>.<number>", in `pool`. */
const char *crm360_element_id(const char *parent, int number, apr_pool_t *pool);

#endif
