/*
 * Users of this system, and becoming one of them. Must never leave a process with more rights than
 * it was told to have: each step is looked at afterwards.
 */
#include "core/run_as.h"

#include <apr_strings.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MOST 1024 /* beyond it somebody has gone mad */

/* ---- who that is ---- */

static const char *find_group(gid_t *gid, const char *text, apr_pool_t *pool)
{
    const struct group *entry;

    if (*text == '#') {
        *gid = (gid_t)strtoul(text + 1, NULL, 10);
        return NULL;
    }
    entry = getgrnam(text);
    if (!entry) {
        return apr_psprintf(pool,
                            "Crm360User: there is no group %s; allowed: a group of this system, or "
                            "# and its number",
                            text);
    }
    *gid = entry->gr_gid;
    return NULL;
}

const char *crm360_run_as_find(crm360_identity_t *found, const crm360_user_t *user,
                               apr_pool_t *pool)
{
    int number = *user->name == '#';
    const struct passwd *entry =
        number ? getpwuid((uid_t)strtoul(user->name + 1, NULL, 10)) : getpwnam(user->name);

    memset(found, 0, sizeof *found);
    if (entry) {
        found->uid = entry->pw_uid;
        found->gid = entry->pw_gid;
        found->login = apr_pstrdup(pool, entry->pw_name);
        found->home = apr_pstrdup(pool, entry->pw_dir);
    }
    else if (number && user->group) {
        found->uid = (uid_t)strtoul(user->name + 1, NULL, 10);
    }
    else {
        return apr_psprintf(pool,
                            "Crm360User: there is no user %s; allowed: a user of this system, or # "
                            "and a number with a group behind it",
                            user->name);
    }
    if (user->group) {
        const char *fault = find_group(&found->gid, user->group, pool);

        if (fault) {
            return fault;
        }
    }
    return found->uid == 0 || found->gid == 0
               ? apr_psprintf(pool,
                              "Crm360User: %s has the user or the group of root; allowed: another "
                              "user, or a group behind it",
                              user->name)
               : NULL;
}

/* ---- becoming it ---- */

/* Whether the supplementary groups are those of the user, and no other. */
static int groups_are(const crm360_identity_t *who)
{
    gid_t has[GROUPS_MOST], wants[GROUPS_MOST];
    int want = GROUPS_MOST;
    int count = getgroups(GROUPS_MOST, has);
    int i, j;

    wants[0] = who->gid;
    if (!who->login) {
        want = 1;
    }
    else if (getgrouplist(who->login, who->gid, wants, &want) < 0) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        for (j = 0; j < want && wants[j] != has[i]; j++) {
        }
        if (j == want) {
            return 0;
        }
    }
    return count >= 0;
}

const char *crm360_run_as_become(const crm360_identity_t *who)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;

    errno = 0;
    if ((who->login ? initgroups(who->login, who->gid) : setgroups(1, &who->gid)) < 0 ||
        !groups_are(who)) {
        return "its groups";
    }
    if (setresgid(who->gid, who->gid, who->gid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 ||
        rgid != who->gid || egid != who->gid || sgid != who->gid) {
        return "its group";
    }
    if (setresuid(who->uid, who->uid, who->uid) < 0 || getresuid(&ruid, &euid, &suid) < 0 ||
        ruid != who->uid || euid != who->uid || suid != who->uid) {
        return "its user";
    }
    if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 || setegid(0) == 0) {
        return "giving root up";
    }
    if (who->home) {
        /* Libraries look for files of theirs there (libpq: certificates). */
        setenv("HOME", who->home, 1);
        setenv("USER", who->login, 1);
        setenv("LOGNAME", who->login, 1);
    }
    return NULL;
}
