/* What the processes of a master share. */
#include "consumer/shared.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

/* Longer than a database, an outbox or a split is left alone between two tries. */
#define QUIET (60 * APR_USEC_PER_SEC)

apr_size_t consumer_shared_size(int databases)
{
    return sizeof(consumer_shared_t) + (apr_size_t)databases * sizeof(consumer_trouble_t);
}

static int is_gone(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

int consumer_trouble_begins(consumer_trouble_t *trouble, apr_time_t now)
{
    __atomic_store_n(&trouble->failed_at, now, __ATOMIC_SEQ_CST);
    __atomic_store_n(&trouble->failed, getpid(), __ATOMIC_SEQ_CST);
    return __atomic_exchange_n(&trouble->said, 1, __ATOMIC_SEQ_CST) == 0;
}

int consumer_trouble_ends(consumer_trouble_t *trouble, int failed_before, apr_time_t now)
{
    if (!__atomic_load_n(&trouble->said, __ATOMIC_SEQ_CST) ||
        (!failed_before && !is_gone(__atomic_load_n(&trouble->failed, __ATOMIC_SEQ_CST)) &&
         now - __atomic_load_n(&trouble->failed_at, __ATOMIC_SEQ_CST) < QUIET)) {
        return 0;
    }
    return __atomic_exchange_n(&trouble->said, 0, __ATOMIC_SEQ_CST) == 1;
}
