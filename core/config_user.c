/*
 * The setters of who a program is: to Redis, and to the system. Must never open a secret of another
 * program, nor quote one.
 */
#include "core/config_private.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#define ALLOWED "; allowed: a name, or # and a number from 1 to 4294967294"

/* ---- a line that may name a program ---- */

enum { FOR_ALL = 1, FOR_ONE = 2 };

/* The name of the program that reads. */
static const char *program_of(unsigned reader)
{
    return reader & CRM360_READ_CTL        ? "crm360ctl"
           : reader & CRM360_READ_CONSUMER ? "crm360d"
                                           : "httpd";
}

/* Whether the line is for somebody, and counts for `reader`: *wanted. NULL, or what is wrong. */
static const char *sort_line(int *wanted, crm360_by_program_t *member, int argc,
                             const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    static const char *const programs[] = {"httpd", "crm360d", "crm360ctl", NULL};
    int line = argc == 1 ? FOR_ALL : FOR_ONE;
    int i = 0;

    *wanted = 0;
    if (line == FOR_ONE) {
        while (programs[i] && strcmp(programs[i], argv[1]) != 0) {
            i++;
        }
        if (!programs[i]) {
            return apr_psprintf(pool, "%s is no program; allowed: httpd, crm360d, crm360ctl",
                                crm360_quoted(argv[1], pool));
        }
        if (strcmp(argv[1], program_of(reader)) != 0) {
            return NULL;
        }
    }
    if (member->lines & line) {
        return line == FOR_ALL ? "is set already; allowed: once, and once for each program"
                               : "is set already for this program; allowed: once for each";
    }
    *wanted = line == FOR_ONE || !(member->lines & FOR_ONE);
    member->lines |= line;
    return NULL;
}

static crm360_by_program_t *member_of(const crm360_directive_t *directive, void *target)
{
    return (crm360_by_program_t *)((char *)target + directive->offset);
}

const char *crm360_set_program_text(const crm360_directive_t *directive, void *target, int argc,
                                    const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    crm360_by_program_t *member = member_of(directive, target);
    const char *fault = crm360_text_fault(directive, argv[0], pool);
    int wanted;

    if (!fault) {
        fault = sort_line(&wanted, member, argc, argv, reader, pool);
    }
    if (!fault && wanted) {
        member->value = argv[0];
    }
    return fault;
}

const char *crm360_set_program_secret(const crm360_directive_t *directive, void *target, int argc,
                                      const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    crm360_by_program_t *member = member_of(directive, target);
    const char *secret, *fault;
    int wanted;

    fault = sort_line(&wanted, member, argc, argv, reader, pool);
    if (!fault) {
        fault = crm360_secret_read(&secret, argv[0], wanted, pool);
    }
    if (!fault && wanted) {
        member->value = secret;
    }
    return fault;
}

/* ---- a user of the system ---- */

/* "#number" or a name as the system allows it. */
static int identity_ok(const char *text)
{
    const char *at = text;

    if (*text == '#') {
        apr_int64_t number = apr_strtoi64(text + 1, NULL, 10);

        /* The largest is no user: it stands for "as it was". */
        return strspn(text + 1, "0123456789") == strlen(text + 1) && strlen(text) <= 11 &&
               number >= 1 && number < APR_INT64_C(4294967295);
    }
    while (apr_isalnum(*at) || (*at && strchr("_.-$@\\+", *at))) {
        at++;
    }
    return at > text && !*at && at - text <= 256 && strspn(text, "0123456789") != strlen(text) &&
           strcmp(text, "root") != 0;
}

const char *crm360_set_user(const crm360_directive_t *directive, void *target, int argc,
                            const char *const *argv, unsigned reader, apr_pool_t *pool)
{
    crm360_user_t *user = apr_pcalloc(pool, sizeof(*user));
    int i;

    (void)reader;
    for (i = 0; i < argc; i++) {
        if (!identity_ok(argv[i])) {
            return apr_psprintf(pool, "%s is no %s to become%s", crm360_quoted(argv[i], pool),
                                i ? "group" : "user", ALLOWED);
        }
    }
    user->name = argv[0];
    user->group = argc > 1 ? argv[1] : NULL;
    *(const crm360_user_t **)((char *)target + directive->offset) = user;
    return NULL;
}
