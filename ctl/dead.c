/* Choosing among dead letters, and the walk through them: page by page, oldest first. Must never
 * have more than one page in memory. */
#include "ctl/dead.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

/* ---- words ---- */

const char *dead_choice_take(dead_choice_t *choice, int which, const char *value, apr_pool_t *pool)
{
    switch (which) {
    case 0:
        choice->ids = choice->ids ? choice->ids : apr_hash_make(pool);
        apr_hash_set(choice->ids, value, APR_HASH_KEY_STRING, "");
        return *value ? NULL : "wants a message id";
    case 1:
        return ctl_read_route(&choice->route, value);
    case 2:
        choice->reason = value;
        return *value ? NULL : "wants a part of the reason";
    case 3:
        return ctl_read_interval(&choice->older, value);
    case 4:
        return ctl_read_interval(&choice->younger, value);
    case 5:
        return ctl_read_lane(&choice->lane, value);
    default:
        choice->all = 1;
        return NULL;
    }
}

int dead_choice_is_open(const dead_choice_t *choice)
{
    return !choice->all && !choice->ids && !choice->route && !choice->reason && choice->older < 0 &&
           choice->younger < 0 && choice->lane < 0;
}

/* ---- choosing ---- */

static int contains(const char *text, const char *part)
{
    apr_size_t length = strlen(part);

    for (; *text; text++) {
        if (apr_cstr_casecmpn(text, part, length) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_chosen(const dead_run_t *run, const crm360_entry_t *entry,
                     const crm360_failure_t *failure)
{
    const dead_choice_t *choice = &run->choice;

    return (!choice->ids || apr_hash_get(choice->ids, entry->id, APR_HASH_KEY_STRING)) &&
           (choice->older < 0 || entry->at < run->began - choice->older) &&
           (choice->younger < 0 || entry->at > run->began - choice->younger) &&
           (!choice->route || ctl_id_has_route(entry->id, choice->route)) &&
           (choice->lane < 0 || (int)failure->lane == choice->lane) &&
           (!choice->reason || contains(failure->reason, choice->reason));
}

/* ---- the walk ---- */

ctl_status_t dead_run_begin(dead_run_t *run, const crm360_config_t *config, const char *name,
                            apr_pool_t *pool)
{
    ctl_status_t status = ctl_place_make(&run->place, config, name, pool);
    apr_status_t rv;

    if (status != CTL_FINE) {
        return status;
    }
    rv = crm360_queue_now(&run->began, run->place.queue, pool);
    if (rv == APR_SUCCESS) {
        rv = crm360_queue_size(&run->total, run->place.queue, run->place.keys->dead, pool);
    }
    if (rv != APR_SUCCESS) {
        return ctl_failed(&run->place, NULL, rv);
    }
    ctl_output_now(run->output, run->began);
    return CTL_FINE;
}

/* Works on entries [from, count) of a page. *removed counts those that are no dead letters any
 * more. */
static apr_status_t work_on(dead_run_t *run, int *removed, const crm360_page_t *page, int from,
                            apr_pool_t *pool)
{
    const char *ids[DEAD_PAGE];
    dead_letter_t letters[DEAD_PAGE];
    crm360_failure_t *failures;
    apr_status_t rv;
    int i, chosen = 0;

    for (i = from; i < page->count; i++) {
        ids[i - from] = page->entries[i].id;
    }
    rv = crm360_queue_failures(&failures, run->place.queue, run->place.keys, ids,
                               page->count - from, pool);
    for (i = from; i < page->count && rv == APR_SUCCESS; i++) {
        const crm360_entry_t *entry = &page->entries[i];

        run->looked_at++;
        if (!is_chosen(run, entry, &failures[i - from])) {
            continue;
        }
        if (run->choice.ids) {
            apr_hash_set(run->choice.ids,
                         apr_pstrdup(apr_hash_pool_get(run->choice.ids), entry->id),
                         APR_HASH_KEY_STRING, "found");
        }
        letters[chosen].entry = entry;
        letters[chosen++].failure = &failures[i - from];
    }
    run->chosen += chosen;
    if (rv == APR_SUCCESS && chosen) {
        rv = run->work(run, removed, letters, chosen, pool);
    }
    if (run->progress) {
        ctl_progress_at(run->progress, run->looked_at);
    }
    return rv;
}

/* The order in which Redis keeps them. */
static int is_after(const crm360_entry_t *entry, apr_time_t at, const char *id)
{
    return entry->at != at ? entry->at > at : strcmp(entry->id, id) > 0;
}

/*
 * Each page begins with the last entry that was left among the dead letters, so that one shows
 * whether others have removed entries before it: then it begins earlier.
 */
apr_status_t dead_run_all(dead_run_t *run, apr_pool_t *parent)
{
    const char *last_id = "";
    apr_time_t last_at = -1;
    apr_int64_t first = 0;
    apr_status_t rv = APR_SUCCESS;
    crm360_page_t page;
    int from, removed, more = 1;
    apr_pool_t *pool, *kept;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_dead");
    apr_pool_create(&kept, parent);
    apr_pool_tag(kept, "crm360ctl_last");
    while (more && rv == APR_SUCCESS) {
        apr_pool_clear(pool);
        rv = crm360_queue_page(&page, run->place.queue, run->place.keys->dead, first, DEAD_PAGE,
                               pool);
        if (rv != APR_SUCCESS) {
            break;
        }
        more = page.count == DEAD_PAGE;
        if (first > 0 && (page.count == 0 || is_after(&page.entries[0], last_at, last_id))) {
            first = first > DEAD_PAGE ? first - DEAD_PAGE : 0;
            more = 1;
            continue;
        }
        for (from = 0; from < page.count && !is_after(&page.entries[from], last_at, last_id);) {
            from++;
        }
        while (page.count > from && page.entries[page.count - 1].at > run->began) {
            page.count--; /* they died since */
            more = 0;
        }
        removed = 0;
        if (page.count > from) {
            rv = work_on(run, &removed, &page, from, pool);
            last_at = page.entries[page.count - 1].at;
            apr_pool_clear(kept);
            last_id = apr_pstrdup(kept, page.entries[page.count - 1].id);
        }
        first += page.count - removed;
        first -= first > 0;
    }
    if (run->progress) {
        ctl_progress_hide(run->progress);
    }
    apr_pool_destroy(kept);
    apr_pool_destroy(pool);
    return rv;
}

int dead_run_missing(const dead_run_t *run, apr_pool_t *pool)
{
    apr_hash_index_t *at;
    int missing = 0;

    for (at = run->choice.ids ? apr_hash_first(pool, run->choice.ids) : NULL; at;
         at = apr_hash_next(at)) {
        if (*(const char *)apr_hash_this_val(at) == '\0') {
            missing++;
            fprintf(stderr, "crm360ctl: %s: %s is no dead letter that the options choose\n",
                    run->place.name, ctl_plain(apr_hash_this_key(at), pool));
        }
    }
    return missing;
}
