/* crm360ctl check: databases and providers. Must never send anything, nor log in to a provider. */
#include <apr_strings.h>

#include <string.h>

#include "core/status.h"
#include "crm/db.h"
#include "crm/postcode.h"
#include "ctl/check.h"
#include "outbound/reach.h"

void ctl_check_database(const ctl_check_t *check, const void *what)
{
    const crm360_database_t *database = what;
    const char *name = apr_pstrcat(check->pool, database->customer, "/", database->alias, NULL);
    int is_file = database->driver && strcmp(database->driver, "sqlite3") == 0;
    const char *why = ctl_check_become(check);
    crm_db_t *db;
    int empty;
    apr_status_t rv;

    if (why) {
        ctl_check_say(check, CTL_CHECK_FAIL, "database", name, "%s", why);
        return;
    }
    why = "";
    rv = crm_db_open(&db, &why, database, check->pool);

    if (rv != APR_SUCCESS) {
        ctl_check_say(check, rv == CRM360_EAWAY && !is_file ? CTL_CHECK_AWAY : CTL_CHECK_FAIL,
                      "database", name, "%s", why);
        return;
    }
    ctl_check_say(check, CTL_CHECK_OK, "database", name, "can be used, and is migrated");
    rv = crm_postcode_is_empty(&empty, db, check->pool);
    if (rv != APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_FAIL, "post codes", name, "%s", crm_db_error(db));
    }
    else {
        ctl_check_say(check, empty ? CTL_CHECK_INFO : CTL_CHECK_OK, "post codes", name, "%s",
                      empty ? "none, so that addresses are not checked against them: crm360ctl "
                              "import-postcodes"
                            : "there are some");
    }
}

void ctl_check_provider(const ctl_check_t *check, const void *what)
{
    const crm360_provider_t *provider = what;
    outbound_t *outbound;
    const char *why = "libcurl cannot be used";
    /* Less than all of its time, so that what has happened can still be said. */
    apr_status_t rv = outbound_make(&outbound, "", check->most / 10 * 9, check->pool);

    if (rv == APR_SUCCESS) {
        rv = outbound_reach(&why, outbound, provider, check->pool);
    }
    if (rv == APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_OK, "provider", provider->url,
                      "%s can be reached; nobody logged in", provider->kind);
    }
    else {
        ctl_check_say(check, rv == CRM360_EAWAY ? CTL_CHECK_AWAY : CTL_CHECK_FAIL, "provider",
                      provider->url, "%s: %s", provider->kind, why);
    }
}
