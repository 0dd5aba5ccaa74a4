/* CaptainWallet: its loyalty cards in people's phones. */
#ifndef HANDLERS_CAPTAINWALLET_H
#define HANDLERS_CAPTAINWALLET_H

#include "handlers/handler.h"

extern const handler_t handler_captainwallet;

#endif
