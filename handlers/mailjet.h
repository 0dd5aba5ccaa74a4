/* Mailjet: the handler. */
#ifndef HANDLERS_MAILJET_H
#define HANDLERS_MAILJET_H

#include "handlers/handler.h"

extern const handler_t handler_mailjet;

#endif
