/*
 * Walking through the messages of a spool in their order, in pieces: a folder of 100,000 files is
 * read once and not for each file, and whoever walks can do other things meanwhile. Must never
 * take more memory than for NAMES_MOST names, nor hold the caller up for long.
 *
 * 1. The folder is read; the first NAMES_MOST names in order are kept, in a heap with the last of
 *    them on top.
 * 2. The heap is sorted.
 * 3. The names are handed out. Where the folder had more of them it is read again from there on.
 */
#include "core/spool_private.h"

#include <apr_strings.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

#define NAMES_MOST 20000
#define LOOK_AT_CLOCK 256 /* every so many steps */

enum { READING, SORTING, HANDING_OUT };

struct crm360_spool_walk_t {
    crm360_spool_t *spool;
    DIR *dir; /* while the folder is read */
    int phase;
    char **names; /* each from malloc() */
    int count;
    int room;
    int heap;    /* while sorting: how many of them are still a heap */
    int next;    /* while handing out */
    int more;    /* the folder had names behind those kept */
    char *floor; /* last name handed out before the folder was read again; NULL = none */
    int steps;
};

static apr_status_t end_walk(void *data)
{
    crm360_spool_walk_t *walk = data;

    if (walk->dir) {
        closedir(walk->dir);
        walk->dir = NULL;
    }
    while (walk->count > 0) {
        free(walk->names[--walk->count]);
    }
    free(walk->names);
    free(walk->floor);
    walk->names = NULL;
    walk->floor = NULL;
    return APR_SUCCESS;
}

static apr_status_t begin_reading(crm360_spool_walk_t *walk)
{
    int folder = spool_folder(walk->spool);
    apr_status_t rv;

    if (folder < 0) {
        return errno;
    }
    walk->dir = fdopendir(folder);
    if (!walk->dir) {
        rv = errno;
        close(folder);
        return rv;
    }
    walk->phase = READING;
    walk->more = 0;
    return APR_SUCCESS;
}

apr_status_t crm360_spool_walk(crm360_spool_walk_t **walk, crm360_spool_t *spool, apr_pool_t *pool)
{
    crm360_spool_walk_t *made = apr_pcalloc(pool, sizeof(*made));

    made->spool = spool;
    apr_pool_cleanup_register(pool, made, end_walk, apr_pool_cleanup_null);
    *walk = made;
    return begin_reading(made);
}

/* ---- the heap: no name is behind the one above it ---- */

static void swap(char **names, int a, int b)
{
    char *name = names[a];

    names[a] = names[b];
    names[b] = name;
}

static void sink(char **names, int count, int at)
{
    for (;;) {
        int child = 2 * at + 1;

        if (child + 1 < count && strcmp(names[child], names[child + 1]) < 0) {
            child++;
        }
        if (child >= count || strcmp(names[at], names[child]) >= 0) {
            return;
        }
        swap(names, at, child);
        at = child;
    }
}

static void rise(char **names, int at)
{
    while (at > 0 && strcmp(names[(at - 1) / 2], names[at]) < 0) {
        swap(names, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

/* Keeps a name if it belongs to the first NAMES_MOST. APR_ENOMEM: it was not kept. */
static apr_status_t keep(crm360_spool_walk_t *walk, const char *name)
{
    char *copy;

    if (walk->floor && strcmp(name, walk->floor) <= 0) {
        return APR_SUCCESS;
    }
    if (walk->count == NAMES_MOST) {
        walk->more = 1;
        if (strcmp(name, walk->names[0]) >= 0) {
            return APR_SUCCESS;
        }
    }
    else if (walk->count == walk->room) {
        int room = walk->room ? walk->room * 2 : 64;
        char **names = realloc(walk->names, (apr_size_t)room * sizeof(*names));

        if (!names) {
            return APR_ENOMEM;
        }
        walk->names = names;
        walk->room = room;
    }
    copy = strdup(name);
    if (!copy) {
        return APR_ENOMEM;
    }
    if (walk->count == NAMES_MOST) {
        free(walk->names[0]);
        walk->names[0] = copy;
        sink(walk->names, walk->count, 0);
    }
    else {
        walk->names[walk->count] = copy;
        rise(walk->names, walk->count++);
    }
    return APR_SUCCESS;
}

/* ---- the phases; each returns APR_TIMEUP when it is not through by `until` ---- */

static int time_is_up(crm360_spool_walk_t *walk, apr_time_t until)
{
    return until && ++walk->steps % LOOK_AT_CLOCK == 0 && crm360_clock() >= until;
}

static apr_status_t read_on(crm360_spool_walk_t *walk, apr_time_t until)
{
    for (;;) {
        struct dirent *entry;

        errno = 0;
        entry = readdir(walk->dir);
        if (!entry) {
            break;
        }
        if (spool_is_message(entry->d_name)) {
            apr_status_t rv = keep(walk, entry->d_name);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        if (time_is_up(walk, until)) {
            return APR_TIMEUP;
        }
    }
    if (errno) {
        return errno;
    }
    closedir(walk->dir);
    walk->dir = NULL;
    walk->heap = walk->count;
    walk->phase = SORTING;
    return APR_SUCCESS;
}

static apr_status_t sort_on(crm360_spool_walk_t *walk, apr_time_t until)
{
    while (walk->heap > 1) {
        swap(walk->names, 0, --walk->heap);
        sink(walk->names, walk->heap, 0);
        if (time_is_up(walk, until)) {
            return APR_TIMEUP;
        }
    }
    walk->next = 0;
    walk->phase = HANDING_OUT;
    return APR_SUCCESS;
}

/* All are handed out, and there were more. */
static apr_status_t read_again(crm360_spool_walk_t *walk)
{
    free(walk->floor);
    walk->floor = walk->names[--walk->count];
    while (walk->count > 0) {
        free(walk->names[--walk->count]);
    }
    return begin_reading(walk);
}

apr_status_t crm360_spool_next(const char **name, crm360_spool_walk_t *walk, apr_time_t until)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS) {
        if (walk->phase == READING) {
            rv = walk->dir ? read_on(walk, until) : APR_EBADF;
        }
        else if (walk->phase == SORTING) {
            rv = sort_on(walk, until);
        }
        else if (walk->next < walk->count) {
            *name = walk->names[walk->next++];
            return APR_SUCCESS;
        }
        else {
            rv = walk->more ? read_again(walk) : APR_EOF;
        }
    }
    return rv;
}
