/* The table of handlers: the one place that knows which platforms this version serves. */
#include "handlers/handler.h"

#include <strings.h>

#include "core/mail_copy.h"
#include "handlers/adictiz.h"
#include "handlers/captainwallet.h"
#include "handlers/content_mail.h"
#include "handlers/crm360_email.h"
#include "handlers/crm360_sms.h"
#include "handlers/elfy.h"
#include "handlers/mailjet.h"
#include "handlers/primotexto.h"
#include "handlers/shopify.h"
#include "handlers/smsbox.h"
#include "handlers/tabology.h"
#include "handlers/zendesk.h"

const handler_t *const handlers[] = {
    &handler_shopify,      &handler_adictiz,    &handler_primotexto,    &handler_smsbox,
    &handler_mailjet,      &handler_zendesk,    &handler_elfy76310,     &handler_tabology,
    &handler_crm360_email, &handler_crm360_sms, &handler_captainwallet, NULL};

const handler_t *handler_find(const crm360_message_t *message)
{
    const crm360_route_t *route = message->route;
    int i;

    if (crm360_id_is_mail(message->id)) {
        return &handler_content_mail;
    }
    for (i = 0; handlers[i]; i++) {
        if (strcasecmp(handlers[i]->platform, route->platform) == 0 && handlers[i]->serves(route)) {
            return handlers[i];
        }
    }
    return NULL;
}
