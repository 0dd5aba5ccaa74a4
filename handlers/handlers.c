/* The table of handlers: the one place that knows which platforms this version serves. */
#include "handlers/handler.h"

#include <strings.h>

#include "handlers/elfy.h"
#include "handlers/shopify.h"

const handler_t *const handlers[] = {&handler_shopify, &handler_elfy76310, NULL};

const handler_t *handler_find(const crm360_route_t *route)
{
    int i;

    for (i = 0; handlers[i]; i++) {
        if (strcasecmp(handlers[i]->platform, route->platform) == 0 && handlers[i]->serves(route)) {
            return handlers[i];
        }
    }
    return NULL;
}
