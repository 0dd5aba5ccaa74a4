/*
 * crm360ctl check: secrets, folders, the spool. Must never say what a secret file holds, nor leave
 * a file behind.
 */
#include <apr_strings.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/run_as.h"
#include "core/spool.h"
#include "ctl/check.h"
#include "ctl/output.h"

/* A spool that is filled so far is a warning, per cent. */
#define NEARLY 80

/* The files that httpd opens are read here too: their modes are looked at when they are opened. */
void ctl_check_secrets(const ctl_check_t *check, const void *what)
{
    crm360_config_t *again;
    const char *error;

    (void)what;
    ctl_check_say(check, CTL_CHECK_OK, "secrets", "crm360d",
                  "all files are there, and closed to others");
    if (!check->file) {
        return;
    }
    if (crm360_config_read(&again, &error, check->file, CRM360_READ_HTTPD, check->pool) ==
        APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_OK, "secrets", "httpd",
                      "all files are there, and closed to others");
    }
    else if (geteuid() != 0) {
        ctl_check_say(check, CTL_CHECK_INFO, "secrets", "httpd",
                      "not looked at as a whole, which root can: %s", error);
    }
    else {
        ctl_check_say(check, CTL_CHECK_FAIL, "secrets", "httpd", "%s", error);
    }
}

const char *ctl_check_become(const ctl_check_t *check)
{
    const crm360_user_t *user = crm360_config_user(check->config);
    crm360_identity_t who;
    const char *fault;

    if (!user || geteuid() != 0) {
        return NULL;
    }
    fault = crm360_run_as_find(&who, user, check->pool);
    if (!fault) {
        fault = crm360_run_as_become(&who);
        fault =
            fault ? apr_psprintf(check->pool, "Crm360User: %s: %s", fault, strerror(errno)) : NULL;
    }
    return fault;
}

/* Whether this process is, or becomes, that user. 0 when that failed. Says it. */
static int become(const ctl_check_t *check)
{
    const crm360_user_t *user = crm360_config_user(check->config);
    int is_root = geteuid() == 0;
    crm360_identity_t who;
    const char *fault = ctl_check_become(check);

    if (fault) {
        ctl_check_say(check, CTL_CHECK_FAIL, "user", user->name, "%s", fault);
    }
    else if (user && is_root) {
        ctl_check_say(check, CTL_CHECK_OK, "user", user->name, "crm360d can become it");
    }
    else if (user && !crm360_run_as_find(&who, user, check->pool) && who.uid != geteuid()) {
        ctl_check_say(check, CTL_CHECK_INFO, "user", user->name,
                      "folders and databases are looked at with the rights of this user; root can "
                      "try those of crm360d");
    }
    return !fault;
}

void ctl_check_files(const ctl_check_t *check, const void *what)
{
    const crm360_user_t *user = crm360_config_user(check->config);
    apr_array_header_t *uses;
    crm360_config_t *again;
    const char *error;
    int i;

    (void)what;
    if (!become(check)) {
        return;
    }
    uses = crm360_run_as_uses(check->config, check->pool);
    for (i = 0; i < uses->nelts; i++) {
        const crm360_used_t *used = &APR_ARRAY_IDX(uses, i, const crm360_used_t);

        ctl_check_say(check, used->fault ? CTL_CHECK_FAIL : CTL_CHECK_OK, "folders", used->path,
                      "%s", used->fault ? used->fault : "crm360d can write it");
    }
    if (user && check->file &&
        crm360_config_read(&again, &error, check->file, CRM360_READ_CONSUMER, check->pool) !=
            APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_WARN, "secrets", user->name,
                      "crm360d cannot read the configuration again on HUP: %s", error);
    }
}

/* ---- the spool ---- */

/* "mode 2770, owner root, group www-data" */
static const char *owner_text(const struct stat *info, apr_pool_t *pool)
{
    const struct passwd *user = getpwuid(info->st_uid);
    const char *owner = user ? apr_pstrdup(pool, user->pw_name)
                             : apr_psprintf(pool, "%lu", (unsigned long)info->st_uid);
    const struct group *group = getgrgid(info->st_gid);

    return apr_psprintf(
        pool, "mode %o, owner %s, group %s", (unsigned)(info->st_mode & 07777), owner,
        group ? group->gr_name : apr_psprintf(pool, "%lu", (unsigned long)info->st_gid));
}

static void check_room(const ctl_check_t *check, const crm360_spool_place_t *place,
                       apr_int64_t used)
{
    apr_int64_t missing = place->most_bytes - used, room;
    struct statvfs disk;

    if (statvfs(place->folder, &disk) < 0) {
        ctl_check_say(check, CTL_CHECK_FAIL, "spool", place->folder, "its disk: %s",
                      strerror(errno));
        return;
    }
    room = (apr_int64_t)disk.f_bavail * (apr_int64_t)disk.f_frsize;
    ctl_check_say(check, room < missing ? CTL_CHECK_WARN : CTL_CHECK_OK, "spool", place->folder,
                  "its disk has room for %s%s%s", ctl_bytes_text(room, check->pool),
                  room < missing ? ", less than Crm360Spool allows it to take: make room, or set "
                                   "less than "
                                 : "",
                  room < missing ? ctl_bytes_text(place->most_bytes, check->pool) : "");
}

void ctl_check_spool(const ctl_check_t *check, const void *what)
{
    const crm360_spool_place_t *place = crm360_config_spool(check->config);
    const char *fault = crm360_spool_fault(place, check->pool);
    crm360_spool_t *spool = crm360_spool_make(place, NULL, check->pool);
    apr_array_header_t *bad;
    apr_int64_t used = 0;
    struct stat info;

    (void)what;
    if (fault || stat(place->folder, &info) < 0) {
        ctl_check_say(check, CTL_CHECK_FAIL, "spool", place->folder, "%s",
                      fault ? fault : strerror(errno));
        return;
    }
    ctl_check_say(check, CTL_CHECK_OK, "spool", place->folder, "%s",
                  owner_text(&info, check->pool));
    if (crm360_spool_usage(&used, spool) != APR_SUCCESS) {
        ctl_check_say(check, CTL_CHECK_FAIL, "spool", place->folder,
                      "how much lies there cannot be told: look at the file usage in it");
        return;
    }
    ctl_check_say(check, used >= place->most_bytes / 100 * NEARLY ? CTL_CHECK_WARN : CTL_CHECK_OK,
                  "spool", place->folder, "%s of %s are taken%s", ctl_bytes_text(used, check->pool),
                  ctl_bytes_text(place->most_bytes, check->pool),
                  used >= place->most_bytes / 100 * NEARLY
                      ? ": callers hear 503 when it is full; see why crm360d does not empty it"
                      : "");
    check_room(check, place, used);
    if (crm360_spool_bad(&bad, spool, check->pool) == APR_SUCCESS && bad->nelts > 0) {
        ctl_check_say(check, CTL_CHECK_WARN, "spool", place->folder,
                      "%d files were set aside: crm360ctl spool list says why", bad->nelts);
    }
}
