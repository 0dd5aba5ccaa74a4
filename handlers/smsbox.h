/* Smsbox: the handler. */
#ifndef HANDLERS_SMSBOX_H
#define HANDLERS_SMSBOX_H

#include "handlers/handler.h"

extern const handler_t handler_smsbox;

#endif
