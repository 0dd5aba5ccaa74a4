/*
 * Forking. Must never leave a link of one child open in another: the end of the master would go
 * unnoticed then.
 */
#include "consumer/child.h"

#include <apr_thread_proc.h>

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

/* Closes whatever the master has open but for the standard descriptors and `link`: other
 * children's links, which would hide the end of the master from them, and its connections to
 * Redis, which would outlive their closing by the master. */
static void close_others(int link)
{
    long most = sysconf(_SC_OPEN_MAX);
    int fd;

    if ((link == 3 || close_range(3, (unsigned)link - 1, 0) == 0) &&
        close_range((unsigned)link + 1, ~0U, 0) == 0) {
        return;
    }
    for (fd = 3; fd < (most > 0 ? most : 1024); fd++) { /* before Linux 5.9 */
        if (fd != link) {
            close(fd);
        }
    }
}

apr_status_t consumer_child_fork(pid_t *pid, int *link, apr_pool_t *pool)
{
    int links[2];
    sigset_t all, before;
    apr_proc_t process;
    apr_status_t rv;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) < 0) {
        return errno;
    }
    /* A TERM that comes before the child has its own handler would end up in the master's pipe. */
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    rv = apr_proc_fork(&process, pool);
    if (rv == APR_INCHILD) {
        *link = links[1];
        close_others(*link);
        return rv;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(links[1]);
    if (rv != APR_INPARENT) {
        close(links[0]);
        return rv;
    }
    *pid = process.pid;
    *link = links[0];
    return rv;
}
