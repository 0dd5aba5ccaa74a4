/* Signals as bytes in a pipe (master) and as a flag (worker). No work is done in a handler. */
#include "consumer/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int ends[2] = {-1, -1}; /* read, write; made once, inherited by workers, who close it */

static volatile sig_atomic_t *stop_flag; /* in a worker */
static unsigned stop_grace;

static void write_byte(int number)
{
    unsigned char byte = (unsigned char)number;
    int saved = errno;

    /* A full pipe already holds enough to wake the loop. */
    if (write(ends[1], &byte, 1) < 0) {
        errno = saved;
    }
    errno = saved;
}

static void on_stop(int number)
{
    (void)number;
    *stop_flag = 1;
    alarm(stop_grace);
}

static void install(int number, void (*handler)(int), int flags)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

apr_status_t consumer_signals_open(void)
{
    int i;

    if (pipe(ends) < 0) {
        return errno;
    }
    for (i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0 || fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0) {
            return errno;
        }
    }
    install(SIGTERM, write_byte, SA_RESTART);
    install(SIGINT, write_byte, SA_RESTART);
    install(SIGHUP, write_byte, SA_RESTART);
    install(SIGUSR1, write_byte, SA_RESTART);
    install(SIGCHLD, write_byte, SA_RESTART | SA_NOCLDSTOP);
    install(SIGPIPE, SIG_IGN, 0);
    return APR_SUCCESS;
}

int consumer_signals_fd(void)
{
    return ends[0];
}

int consumer_signals_take(void)
{
    unsigned char byte;

    return read(ends[0], &byte, 1) == 1 ? byte : 0;
}

void consumer_signals_worker(volatile sig_atomic_t *stop, unsigned grace_seconds)
{
    sigset_t none;

    stop_flag = stop;
    stop_grace = grace_seconds;
    install(SIGINT, SIG_IGN, 0);
    install(SIGHUP, SIG_IGN, 0);
    install(SIGUSR1, SIG_IGN, 0);
    install(SIGCHLD, SIG_DFL, 0);
    install(SIGTERM, on_stop, 0); /* no SA_RESTART: it must end a read() that waits for work */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* they were blocked for the fork */
}
