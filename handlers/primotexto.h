/* Primotexto: the handler. */
#ifndef HANDLERS_PRIMOTEXTO_H
#define HANDLERS_PRIMOTEXTO_H

#include "handlers/handler.h"

extern const handler_t handler_primotexto;

#endif
