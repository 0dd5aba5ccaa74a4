/* Adictiz: the handler. */
#ifndef HANDLERS_ADICTIZ_H
#define HANDLERS_ADICTIZ_H

#include "handlers/handler.h"

extern const handler_t handler_adictiz;

#endif
