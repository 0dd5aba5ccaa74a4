/*
 * From the name of a worker a master can tell that it is gone, when it ran beside it; and nothing
 * of one of another machine, also when that has the same name and the same numbers.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer/identity.h"
#include "t/unit/tap.h"

/* The process id of somebody who was and is no more. */
static pid_t ended(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return pid;
}

/* The beginning of this run of the kernel, as it stands in names. */
static const char *boot(apr_pool_t *pool)
{
    char line[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file) {
        if (!fgets(line, sizeof line, file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
    return apr_pstrndup(pool, line, 8);
}

/* The same name of the same host and namespace, in another run of a kernel. */
static const char *elsewhere(const char *name, apr_pool_t *pool)
{
    char *copy = apr_pstrdup(pool, name);
    char *at = strstr(copy, boot(pool));

    if (at) {
        *at = *at == '0' ? '1' : '0';
    }
    return copy;
}

int main(void)
{
    const char *mine, *place, *gone;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    mine = consumer_identity(getpid(), pool);
    place = apr_pstrmemdup(pool, mine, (apr_size_t)(strrchr(mine, '/') + 1 - mine));
    gone = apr_psprintf(pool, "%s%d.1", place, (int)ended());

    ok(!consumer_identity_gone(mine, pool), "who lives is not gone");
    ok(consumer_identity_here(mine, pool), "and is here");
    ok(consumer_identity_gone(gone, pool), "who has ended is gone");
    ok(consumer_identity_here(gone, pool), "and was here");
    ok(consumer_identity_gone(apr_psprintf(pool, "%s%d.1", place, (int)getpid()), pool),
       "who had a process id that somebody else has now is gone");
    ok(!consumer_identity_gone(elsewhere(gone, pool), pool),
       "of a worker of another machine with the same name nobody can tell");
    ok(!consumer_identity_here(elsewhere(mine, pool), pool), "it is not here");
    ok(!consumer_identity_gone("other/1-2/3.4", pool), "nor of one with another name");
    ok(!consumer_identity_gone("", pool), "nor of what is no name");
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
