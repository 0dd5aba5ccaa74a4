/* Which way a provider is tried: mail servers speak first, the others only listen. */
#include "outbound/reach.h"

#include <string.h>

#include "outbound/http.h"
#include "outbound/smtp.h"

apr_status_t outbound_reach(const char **why, const outbound_t *outbound,
                            const crm360_provider_t *provider, apr_pool_t *pool)
{
    return strncmp(provider->url, "smtp", 4) == 0
               ? outbound_smtp_reach(why, outbound, provider, pool)
               : outbound_http_reach(why, outbound, provider, pool);
}
