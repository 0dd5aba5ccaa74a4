/* Texts of the project's own status values; everything else is APR's. */
#include "core/status.h"

#include <apr_strings.h>

const char *crm360_status_text(apr_status_t rv, char *buffer, apr_size_t size)
{
    static const struct {
        apr_status_t rv;
        const char *text;
    } own[] = {
        {CRM360_EAWAY, "out of reach or no answer in time"},
        {CRM360_EREFUSED, "the server refuses for now"},
        {CRM360_EPROTOCOL, "the server answered something unexpected"},
        {CRM360_ELEASE, "the lease was lost"},
        {CRM360_ECONFLICT, "conflict with a parallel transaction"},
        {CRM360_ESCHEMA, "the database schema does not fit this program"},
        {CRM360_EDATA, "the data cannot be stored"},
        {CRM360_ECONFIG, "wrong configuration"},
        {CRM360_EREUSED, "an idempotency key came again with another content"},
        {CRM360_EUNSAFE, "the server does not keep data as safe as was demanded"},
        {CRM360_EFULL, "as much waits as is allowed"},
    };
    apr_size_t i;

    for (i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].rv == rv) {
            apr_cpystrn(buffer, own[i].text, size);
            return buffer;
        }
    }
    return apr_strerror(rv, buffer, size);
}
