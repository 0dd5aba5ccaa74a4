/*
 * From root to the user of Crm360User. Must never go on with more rights than it was told, nor find
 * out only when a message is lost that the user cannot write.
 */
#include "consumer/privileges.h"

#include <apr_strings.h>

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "core/run_as.h"
#include "core/status.h"

#define TEXT_MOST 2000 /* of a fault on its way from the process that tries */

/* What this process has become; until then the configuration may name any user. */
static int dropped;
/* It was root, and has become user and group of Crm360User. */
static int became;

/* ---- trying ---- */

/* What this process cannot use; NULL = it can use all of it. */
static const char *use_fault(const crm360_config_t *config, apr_pool_t *pool)
{
    const apr_array_header_t *uses = crm360_run_as_uses(config, pool);
    const char *fault = NULL;
    int i;

    for (i = 0; i < uses->nelts && !fault; i++) {
        fault = APR_ARRAY_IDX(uses, i, crm360_used_t).fault;
    }
    return fault;
}

/* In the process that tries: 'F' and a fault, 'W' and a warning, or nothing. */
static const char *try_as(const crm360_identity_t *who, const crm360_config_t *config,
                          const char *config_file, apr_pool_t *pool)
{
    const char *step = crm360_run_as_become(who);
    const char *text;
    crm360_config_t *again;

    if (step) {
        return apr_psprintf(pool, "FCrm360User: %s: %s", step, strerror(errno));
    }
    text = use_fault(config, pool);
    if (text) {
        return apr_pstrcat(pool, "F", text, NULL);
    }
    return crm360_config_read(&again, &text, config_file, CRM360_READ_CONSUMER, pool) == APR_SUCCESS
               ? ""
               : apr_pstrcat(pool, "W", text, NULL);
}

/* Has another process try, and returns what it says. */
static const char *try_in_child(const crm360_identity_t *who, const crm360_config_t *config,
                                const char *config_file, apr_pool_t *pool)
{
    char text[TEXT_MOST + 1];
    const char *answer;
    apr_size_t len = 0;
    int pipes[2];
    ssize_t got;
    pid_t pid;

    if (pipe(pipes) < 0) {
        return apr_psprintf(pool, "FCrm360User: a pipe: %s", strerror(errno));
    }
    pid = fork();
    if (pid == 0) {
        answer = try_as(who, config, config_file, pool);
        len = strlen(answer);
        _exit(write(pipes[1], answer, len > TEXT_MOST ? TEXT_MOST : len) < 0 ? 1 : 0);
    }
    close(pipes[1]);
    while (len < TEXT_MOST && (got = read(pipes[0], text + len, TEXT_MOST - len)) != 0) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        len += got > 0 ? (apr_size_t)got : 0;
    }
    close(pipes[0]);
    if (pid < 0 || waitpid(pid, NULL, 0) != pid) {
        return "FCrm360User: it cannot be tried whether crm360d can become that user";
    }
    return apr_pstrmemdup(pool, text, len);
}

/* A process that is not root: it is that user already, or will not become it. */
static const char *look_myself(const crm360_identity_t *who, const crm360_config_t *config,
                               int testing, apr_pool_t *pool)
{
    if (geteuid() == who->uid && (!became || getegid() == who->gid)) {
        return use_fault(config, pool);
    }
    return testing
               ? NULL
               : apr_psprintf(pool,
                              "Crm360User: crm360d runs as user %lu of group %lu and cannot become "
                              "user %lu of group %lu; allowed: %s",
                              (unsigned long)geteuid(), (unsigned long)getegid(),
                              (unsigned long)who->uid, (unsigned long)who->gid,
                              dropped ? "the user it was started with; another one needs a restart"
                                      : "a start by root or by that user");
}

const char *consumer_privileges_fault(const char **warning, const crm360_config_t *config,
                                      const char *config_file, int testing, apr_pool_t *pool)
{
    const crm360_user_t *user = crm360_config_user(config);
    const char *fault, *text;
    crm360_identity_t who;

    *warning = NULL;
    if (!user) {
        return NULL;
    }
    fault = crm360_run_as_find(&who, user, pool);
    if (fault) {
        return fault;
    }
    if (geteuid() != 0 || dropped) {
        return look_myself(&who, config, testing, pool);
    }
    text = try_in_child(&who, config, config_file, pool);
    if (*text == 'W') {
        *warning = text + 1;
    }
    return *text == 'F' ? text + 1 : NULL;
}

/* ---- for good ---- */

apr_status_t consumer_privileges_drop(const char **error, const crm360_config_t *config,
                                      apr_pool_t *pool)
{
    const crm360_user_t *user = crm360_config_user(config);
    const char *step = NULL;
    crm360_identity_t who;

    if (user && geteuid() == 0) {
        *error = crm360_run_as_find(&who, user, pool);
        if (*error) {
            return CRM360_EREFUSED;
        }
        step = crm360_run_as_become(&who);
        became = !step;
    }
    if (step) {
        *error = apr_psprintf(pool, "Crm360User: %s: %s", step, strerror(errno));
        return CRM360_EREFUSED;
    }
    dropped = 1;
    if (!user && geteuid() == 0) {
        crm360_log(
            CRM360_LOG_WARNING, APR_SUCCESS,
            CRM360_LOGNO(0390) "crm360d runs as root; Crm360User names whom it is to become");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        crm360_log(CRM360_LOG_WARNING, errno,
                   CRM360_LOGNO(0391) "the kernel does not shut crm360d off");
    }
    return APR_SUCCESS;
}
