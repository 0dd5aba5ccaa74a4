/* The command Crm360/Sms/Send: an SMS leaves. */
#ifndef HANDLERS_CRM360_SMS_H
#define HANDLERS_CRM360_SMS_H

#include "handlers/handler.h"

extern const handler_t handler_crm360_sms;

#endif
