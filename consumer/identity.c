/*
 * Worker names. A process id alone comes back after a while, and means nothing in another
 * container, so start time and namespace belong to the name (proc(5): stat field 22;
 * namespaces(7)). Hosts may have the same name, as cloned machines and containers do, and the
 * first namespace has the same number everywhere; the run of the kernel is nobody else's
 * (random(4): boot_id).
 */
#include "consumer/identity.h"

#include <apr_network_io.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Start time of a process in clock ticks since boot; "0" when there is no such process. */
static const char *start_of(pid_t pid, apr_pool_t *pool)
{
    char line[1024];
    size_t len = 0;
    char *at;
    FILE *stat = fopen(apr_psprintf(pool, "/proc/%d/stat", (int)pid), "re");
    int field;

    if (stat) {
        len = fread(line, 1, sizeof line - 1, stat);
        fclose(stat);
    }
    line[len] = '\0';
    /* The second field is the program's name in parentheses and may hold anything. */
    at = strrchr(line, ')');
    for (field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? apr_pstrndup(pool, at + 1, strspn(at + 1, "0123456789")) : "0";
}

/* The beginning of the boot id: enough to tell hosts of one name apart. "0" where there is none. */
static const char *boot(apr_pool_t *pool)
{
    char line[9] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file) {
        line[fread(line, 1, sizeof line - 1, file)] = '\0';
        fclose(file);
    }
    return strspn(line, "0123456789abcdef") == sizeof line - 1 ? apr_pstrdup(pool, line) : "0";
}

/* "host/namespace-boot/", the same for all processes that can see each other here. */
static const char *place(apr_pool_t *pool)
{
    char host[APRMAXHOSTLEN + 1] = "localhost";
    char namespace[64];
    ssize_t len = readlink("/proc/self/ns/pid", namespace, sizeof namespace - 1);
    const char *digits;

    apr_gethostname(host, sizeof host, pool);
    namespace[len > 0 ? len : 0] = '\0';
    digits = strpbrk(namespace, "0123456789");
    digits = digits ? apr_pstrndup(pool, digits, strspn(digits, "0123456789")) : "0";
    return apr_pstrcat(pool, host, "/", digits, "-", boot(pool), "/", NULL);
}

const char *consumer_identity(pid_t pid, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s%d.%s", place(pool), (int)pid, start_of(pid, pool));
}

int consumer_identity_gone(const char *name, apr_pool_t *pool)
{
    const char *here = place(pool);
    apr_size_t len = strlen(here);
    char *end;
    long pid;

    if (strncmp(name, here, len) != 0) {
        return 0;
    }
    pid = strtol(name + len, &end, 10);
    if (pid <= 0 || *end != '.') {
        return 0;
    }
    return strcmp(end + 1, start_of((pid_t)pid, pool)) != 0;
}

int consumer_identity_here(const char *name, apr_pool_t *pool)
{
    const char *here = place(pool);

    return strncmp(name, here, strlen(here)) == 0;
}
