/*
 * What a webhook says, as a text for a person: the text of its mail copy. Pure functions; whatever
 * a caller has sent, the text is valid UTF-8 and of bounded length.
 */
#ifndef HANDLERS_CONTENT_TEXT_H
#define HANDLERS_CONTENT_TEXT_H

#include <apr_pools.h>

#include "core/message.h"

#define CONTENT_TEXT_MOST (64 * 1024) /* bytes of the body that are shown; likewise of the rest */

/* Lines of what came, when and from whom, the parameters, the header fields, and the body, decoded
 * by its charset: JSON and forms laid out, anything binary only said to be. `attached`: how many
 * bytes of the request are attached, 0 = all of them. Lines end in LF. In `pool`. */
const char *content_text(const crm360_message_t *message, apr_size_t attached, apr_pool_t *pool);

#endif
