/* Mail copies of webhooks: see content_mail.c. */
#ifndef HANDLERS_CONTENT_MAIL_H
#define HANDLERS_CONTENT_MAIL_H

#include "handlers/handler.h"

extern const handler_t handler_content_mail;

#endif
