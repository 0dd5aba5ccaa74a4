/* Crm360/Email/Send: a mail to one or several addresses (doc/handlers.txt). */
#ifndef HANDLERS_CRM360_EMAIL_H
#define HANDLERS_CRM360_EMAIL_H

#include "handlers/handler.h"

extern const handler_t handler_crm360_email;

#endif
