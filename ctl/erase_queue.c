/*
 * A person in Redis: the messages of all lanes, the dead letters, and messages that have lost their
 * place. Walks through a set in the way in which nothing that is there all the time is passed over,
 * whatever workers do meanwhile. Must never remove what a worker holds: its effect would come after
 * the person is gone.
 */
#include "ctl/erase.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/queue_admin.h"
#include "ctl/output.h"

#define PAGE 500
#define FETCH_BYTES (4 * 1024 * 1024)
#define WAIT_MOST (10 * APR_USEC_PER_SEC) /* for workers to end what they hold */
#define WAIT_STEP (100 * APR_TIME_C(1000))

/* One sorted set. */
typedef struct walk_t {
    erase_run_t *run;
    erase_place_t place;
    const char *key;
    const char *name;
    apr_pool_t *kept;         /* lives as long as the walk */
    apr_array_header_t *busy; /* const char *: ids about the person that a worker holds */
    apr_hash_t *shown;        /* ids of a dry run, of all places */
} walk_t;

/* Notes what became of a message about the person. Busy ones are asked again later. */
static void note(walk_t *walk, const char *id, crm360_admin_result_t result)
{
    walk->run->found = 1;
    if (result == CRM360_ADMIN_BUSY) {
        APR_ARRAY_PUSH(walk->busy, const char *) = apr_pstrdup(walk->kept, id);
    }
}

static apr_status_t blank(walk_t *walk, const char *id, apr_size_t len,
                          const apr_array_header_t *spans, apr_pool_t *pool)
{
    erase_run_t *run = walk->run;
    erase_count_t *count = &run->counts[walk->place];
    crm360_admin_result_t result = CRM360_ADMIN_DONE;
    apr_status_t rv = APR_SUCCESS;

    if (spans->nelts && !run->dry_run) {
        rv = crm360_queue_blank(&result, run->place.queue, run->place.keys, id, len,
                                (const crm360_span_t *)(const void *)spans->elts, spans->nelts,
                                pool);
    }
    if (rv == APR_SUCCESS && spans->nelts) {
        note(walk, id, result);
        count->batches += result == CRM360_ADMIN_DONE;
        count->elements += result == CRM360_ADMIN_DONE ? spans->nelts : 0;
    }
    return rv;
}

/* Removes whole messages, at most CRM360_ADMIN_MOST. */
static apr_status_t remove_whole(walk_t *walk, const char *const *ids, int count, apr_pool_t *pool)
{
    crm360_admin_result_t results[CRM360_ADMIN_MOST];
    erase_run_t *run = walk->run;
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; i < count; i++) {
        results[i] = CRM360_ADMIN_DONE;
    }
    if (!run->dry_run) {
        rv = crm360_queue_erase(results, run->place.queue, run->place.keys, ids, count, pool);
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        note(walk, ids[i], results[i]);
        run->counts[walk->place].messages += results[i] == CRM360_ADMIN_DONE;
    }
    return rv;
}

/* Looks at some messages whose texts are there, and acts. */
static apr_status_t work_on(walk_t *walk, const char *const *ids, const crm360_blob_t *blobs,
                            int count, apr_pool_t *pool)
{
    const char *whole[CRM360_ADMIN_MOST];
    apr_array_header_t *spans;
    apr_status_t rv = APR_SUCCESS;
    int i, wholes = 0;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        ctl_person_verdict_t verdict;

        if (!blobs[i].data ||
            (walk->run->dry_run && apr_hash_get(walk->shown, ids[i], APR_HASH_KEY_STRING))) {
            continue;
        }
        verdict =
            ctl_person_in_message(&spans, walk->run->person, blobs[i].data, blobs[i].len, pool);
        if (verdict == CTL_PERSON_ABSENT) {
            continue;
        }
        if (walk->run->dry_run) {
            apr_hash_set(walk->shown, apr_pstrdup(walk->kept, ids[i]), APR_HASH_KEY_STRING, "");
            erase_show(walk->run, walk->name, ids[i], verdict, pool);
        }
        if (verdict == CTL_PERSON_WHOLE) {
            whole[wholes++] = ids[i];
        }
        else {
            rv = blank(walk, ids[i], blobs[i].len, spans, pool);
        }
        if (verdict == CTL_PERSON_MIXED) {
            walk->run->mixed++;
            fprintf(stderr,
                    "crm360ctl: %s: %s: %s is a batch about others as well and names the person "
                    "outside its elements: look at it\n",
                    walk->run->place.name, walk->name, ctl_plain(ids[i], pool));
        }
        if (wholes == CRM360_ADMIN_MOST) {
            rv = remove_whole(walk, whole, wholes, pool);
            wholes = 0;
        }
    }
    return rv == APR_SUCCESS && wholes ? remove_whole(walk, whole, wholes, pool) : rv;
}

/* Fetches messages, as many at a time as their size allows, and works on them. */
static apr_status_t work_on_ids(walk_t *walk, const char *const *ids, int count, apr_pool_t *parent)
{
    const ctl_place_t *place = &walk->run->place;
    apr_status_t rv = APR_SUCCESS;
    crm360_blob_t *blobs;
    apr_pool_t *pool;
    int done, fetched;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_erase_some");
    for (done = 0; done < count && rv == APR_SUCCESS; done += fetched) {
        apr_pool_clear(pool);
        fetched = 0;
        rv = crm360_queue_fetch(&blobs, &fetched, place->queue, place->keys, ids + done, NULL,
                                count - done, FETCH_BYTES, pool);
        if (rv == APR_SUCCESS) {
            rv = work_on(walk, ids + done, blobs, fetched, pool);
        }
    }
    apr_pool_destroy(pool);
    return rv;
}

/* Waits for workers to end what they hold of the person, and looks at it again. */
static apr_status_t wait_for_busy(walk_t *walk, apr_pool_t *pool)
{
    apr_time_t until = crm360_clock() + WAIT_MOST;
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && walk->busy->nelts && crm360_clock() < until) {
        apr_array_header_t *again = walk->busy;

        apr_sleep(WAIT_STEP);
        walk->busy = apr_array_make(walk->kept, again->nelts, sizeof(const char *));
        rv = work_on_ids(walk, (const char *const *)(const void *)again->elts, again->nelts, pool);
    }
    return rv;
}

static apr_status_t walk_through(walk_t *walk, apr_pool_t *parent)
{
    const char *cursor = "0", *ids[PAGE];
    apr_int64_t done = 0;
    apr_status_t rv;
    crm360_page_t page;
    apr_pool_t *pool, *last;
    int i, at, some;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_erase_page");
    apr_pool_create(&last, parent);
    apr_pool_tag(last, "crm360ctl_erase_cursor");
    do {
        apr_pool_clear(pool);
        rv = crm360_queue_walk(&page, &cursor, walk->run->place.queue, walk->key, PAGE, pool);
        apr_pool_clear(last);
        cursor = apr_pstrdup(last, cursor);
        for (at = 0; at < page.count && rv == APR_SUCCESS; at += some) {
            some = page.count - at < PAGE ? page.count - at : PAGE;
            for (i = 0; i < some; i++) {
                ids[i] = page.entries[at + i].id;
            }
            rv = work_on_ids(walk, ids, some, pool);
        }
        done += page.count;
        erase_progress(walk->run, walk->name, done);
    } while (rv == APR_SUCCESS && strcmp(cursor, "0") != 0);
    if (rv == APR_SUCCESS) {
        rv = wait_for_busy(walk, pool);
    }
    apr_pool_destroy(last);
    apr_pool_destroy(pool);
    return rv;
}

/* Works on those of some stored messages that are of this database, and not in the lane of which
 * their ids speak: there they have been met. */
static apr_status_t work_on_stored(walk_t *walk, const crm360_stored_t *stored, int count,
                                   apr_pool_t *pool)
{
    const ctl_place_t *place = &walk->run->place;
    const crm360_keys_t *keys[CRM360_PAGE_MOST];
    const char *ids[CRM360_PAGE_MOST];
    int waiting[CRM360_PAGE_MOST], i, ours = 0, left = 0;
    apr_status_t rv;

    for (i = 0; i < count; i++) {
        if (strcmp(stored[i].database, place->name) == 0) {
            keys[ours] = place->keys;
            ids[ours++] = stored[i].id;
        }
    }
    rv = ours ? crm360_queue_waiting(waiting, place->queue, keys, ids, ours, pool) : APR_SUCCESS;
    for (i = 0; i < ours && rv == APR_SUCCESS; i++) {
        if (!waiting[i]) {
            ids[left++] = ids[i];
        }
    }
    return rv == APR_SUCCESS && left ? work_on_ids(walk, ids, left, pool) : rv;
}

/* Goes through all stored messages. */
static apr_status_t walk_through_stored(walk_t *walk, apr_pool_t *parent)
{
    const char *cursor = "0";
    crm360_stored_t *stored;
    apr_int64_t done = 0;
    apr_status_t rv;
    apr_pool_t *pool, *last;
    int count, at, some;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_erase_stored");
    apr_pool_create(&last, parent);
    apr_pool_tag(last, "crm360ctl_erase_cursor");
    do {
        apr_pool_clear(pool);
        rv = crm360_queue_walk_stored(&stored, &count, &cursor, walk->run->place.queue,
                                      CRM360_PAGE_MOST, pool);
        apr_pool_clear(last);
        cursor = apr_pstrdup(last, cursor);
        for (at = 0; rv == APR_SUCCESS && at < count; at += some) {
            some = count - at < CRM360_PAGE_MOST ? count - at : CRM360_PAGE_MOST;
            rv = work_on_stored(walk, stored + at, some, pool);
        }
        done += rv == APR_SUCCESS ? count : 0;
        erase_progress(walk->run, walk->name, done);
    } while (rv == APR_SUCCESS && strcmp(cursor, "0") != 0);
    if (rv == APR_SUCCESS) {
        rv = wait_for_busy(walk, pool);
    }
    apr_pool_destroy(last);
    apr_pool_destroy(pool);
    return rv;
}

apr_status_t erase_queues(erase_run_t *run, apr_pool_t *parent)
{
    walk_t walk = {.run = run};
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *pool;
    int i;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_erase_queues");
    walk.kept = pool;
    walk.shown = apr_hash_make(pool);
    /* The dead letters after the lanes: what dies meanwhile goes there. */
    for (i = ERASE_LIVE; i <= ERASE_OTHER && rv == APR_SUCCESS; i++) {
        walk.place = (erase_place_t)i;
        walk.busy = apr_array_make(pool, 4, sizeof(const char *));
        if (i == ERASE_OTHER) {
            walk.name = "other";
            rv = walk_through_stored(&walk, pool);
        }
        else {
            walk.key = i == ERASE_DEAD ? run->place.keys->dead : run->place.keys->lane[i];
            walk.name = i == ERASE_DEAD ? "dead" : crm360_lane_name((crm360_lane_t)i);
            rv = walk_through(&walk, pool);
        }
        run->busy += walk.busy->nelts;
    }
    apr_pool_destroy(pool);
    return rv;
}
