/*
 * The fake gateway of the Perl tests (t/lib/Crm360/Gateway.pm) for a C unit test: a child process
 * that takes orders by a pipe and ends with us.
 */
#ifndef GATEWAY_TOOLS_H
#define GATEWAY_TOOLS_H

#include <apr_strings.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    FILE *orders;
    FILE *replies;
    pid_t pid;
    char folder[32];
    char url[64];
} gateway;

/* One order, in the words of Crm360::Gateway->serve; its reply, in `pool`. */
static const char *gateway_order(const char *order, apr_pool_t *pool)
{
    char *line = NULL;
    size_t size = 0;
    const char *reply = "";

    fprintf(gateway.orders, "%s\n", order);
    fflush(gateway.orders);
    if (getline(&line, &size, gateway.replies) > 0) {
        line[strcspn(line, "\n")] = '\0';
        reply = apr_pstrdup(pool, line);
    }
    free(line);
    return reply;
}

/* Starts it; gateway.url is where it is then. 0 when that fails. */
static int gateway_start(void)
{
    int to[2], from[2];
    char *line = NULL;
    size_t size = 0;

    signal(SIGPIPE, SIG_IGN);
    strcpy(gateway.folder, "/tmp/crm360-gw-XXXXXX");
    if (!mkdtemp(gateway.folder) || pipe(to) < 0 || pipe(from) < 0) {
        return 0;
    }
    gateway.pid = fork();
    if (gateway.pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execlp("perl", "perl", "-It/lib", "-MCrm360::Gateway", "-e",
               "Crm360::Gateway->serve($ARGV[0])", gateway.folder, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    gateway.orders = fdopen(to[1], "w");
    gateway.replies = fdopen(from[0], "r");
    if (getline(&line, &size, gateway.replies) > 0) {
        apr_snprintf(gateway.url, sizeof(gateway.url), "http://127.0.0.1:%d", atoi(line));
    }
    free(line);
    return gateway.url[0] != '\0';
}

/* How many requests have come. */
static int gateway_count(apr_pool_t *pool) __attribute__((unused));
static int gateway_count(apr_pool_t *pool)
{
    json_object *requests = json_tokener_parse(gateway_order("requests", pool));
    int count = (int)json_object_array_length(requests);

    json_object_put(requests);
    return count;
}

/* A member of request number `n` (1 is the first, -1 the last); of its headers with "headers.x".
 * Bytes above 0x7F are UTF-8 of U+0080 to U+00FF. "" when there is none; in `pool`. */
static const char *gateway_said(int n, const char *member, apr_pool_t *pool)
    __attribute__((unused));
static const char *gateway_said(int n, const char *member, apr_pool_t *pool)
{
    json_object *requests = json_tokener_parse(gateway_order("requests", pool));
    int count = (int)json_object_array_length(requests);
    json_object *at = json_object_array_get_idx(requests, n < 0 ? count + n : n - 1);
    const char *text = "";

    if (strncmp(member, "headers.", 8) == 0) {
        json_object_object_get_ex(at, "headers", &at);
        member += 8;
    }
    if (json_object_object_get_ex(at, member, &at)) {
        text = apr_pstrdup(pool, json_object_get_string(at));
    }
    json_object_put(requests);
    return text;
}

/* Ends it and takes its folder away. */
static void gateway_stop(void)
{
    char command[80];

    fclose(gateway.orders);
    fclose(gateway.replies);
    waitpid(gateway.pid, NULL, 0);
    apr_snprintf(command, sizeof(command), "rm -rf %s", gateway.folder);
    if (system(command) != 0) {
        printf("# %s stays\n", gateway.folder);
    }
}

#endif
