/*
 * The connections of a process to each node, idle or lent. Must never let two lists allocate from
 * one pool, nor give memory of a connection up that it cannot get back.
 */
#include "core/redis_private.h"

#include <apr_allocator.h>
#include <apr_thread_mutex.h>

/* Cheap on purpose: it runs under the list's lock, so connecting happens after the acquire. */
static apr_status_t construct(void **resource, void *params, apr_pool_t *pool)
{
    redis_lender_t *lender = params;
    crm360_redis_t *redis = lender->spare;

    if (redis) {
        lender->spare = redis->next_spare;
        *resource = redis;
        return APR_SUCCESS;
    }
    redis = apr_pcalloc(pool, sizeof *redis);
    redis->pool = lender->pool;
    redis->node = lender->node;
    redis->last = redis;
    if (redis_address_of(lender->pool)->kind == CRM360_REDIS_CLUSTER) {
        redis->detour = apr_pcalloc(pool, sizeof *redis->detour);
        redis->detour->node = -1;
        redis->detour->last = redis->detour;
        redis->detour_to = apr_pcalloc(pool, sizeof *redis->detour_to);
    }
    *resource = redis;
    return APR_SUCCESS;
}

/* The list forgets it; its memory would not come back before the list ends. */
static apr_status_t destruct(void *resource, void *params, apr_pool_t *pool)
{
    redis_lender_t *lender = params;
    crm360_redis_t *redis = resource;

    (void)pool;
    redis_disconnect(redis);
    redis->next_spare = lender->spare;
    lender->spare = redis;
    return APR_SUCCESS;
}

/* A list allocates under its own lock, from the pool it was made with: no two may have the same
 * pool, and what is below the pools needs a lock of its own. */
static apr_status_t make_allocator(apr_allocator_t **allocator, apr_pool_t *pool)
{
    apr_thread_mutex_t *mutex;
    apr_pool_t *owner;
    apr_status_t rv = apr_allocator_create(allocator);

    if (rv == APR_SUCCESS) {
        rv = apr_pool_create_ex(&owner, pool, NULL, *allocator);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_tag(owner, "crm360_lists");
        apr_allocator_owner_set(*allocator, owner);
        rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, owner);
    }
    if (rv == APR_SUCCESS) {
        apr_allocator_mutex_set(*allocator, mutex);
    }
    return rv;
}

static apr_status_t make_one(redis_lender_t *lender, int most, apr_interval_time_t idle_most,
                             apr_interval_time_t patience, apr_allocator_t *allocator)
{
    apr_pool_t *own;
    apr_status_t rv = apr_pool_create_ex(&own, apr_allocator_owner_get(allocator), NULL, allocator);

    if (rv == APR_SUCCESS) {
        apr_pool_tag(own, "crm360_list");
        rv = apr_reslist_create(&lender->list, 0, idle_most ? 0 : most, most, idle_most, construct,
                                destruct, lender, own);
    }
    if (rv == APR_SUCCESS) {
        apr_reslist_timeout_set(lender->list, patience);
        /* The default order destroys the subpools first, and with them what destruct() needs. */
        apr_reslist_cleanup_order_set(lender->list, APR_RESLIST_CLEANUP_FIRST);
    }
    return rv;
}

apr_status_t redis_lenders_make(redis_lender_t **lenders, const crm360_redis_pool_t *redis_pool,
                                int count, int most, apr_interval_time_t idle_most,
                                apr_interval_time_t patience, apr_pool_t *pool)
{
    apr_allocator_t *allocator;
    apr_status_t rv = make_allocator(&allocator, pool);
    int node;

    *lenders = apr_pcalloc(pool, (apr_size_t)count * sizeof **lenders);
    for (node = 0; node < count && rv == APR_SUCCESS; node++) {
        redis_lender_t *lender = &(*lenders)[node];

        lender->pool = redis_pool;
        lender->node = node;
        rv = make_one(lender, most, idle_most, patience, allocator);
    }
    return rv;
}
