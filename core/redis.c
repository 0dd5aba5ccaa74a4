/*
 * Lending connections: to the node that has a key, as long as it is known to answer, and to the one
 * that has taken its place when it does not. What one process finds out about a node all others
 * know. Must never queue up callers for a server that is away, nor repeat what may have been done.
 */
#include "core/redis_private.h"

#include <apr_atomic.h>
#include <apr_reslist.h>
#include <apr_strings.h>

#include <poll.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"

/* How often one caller may try while the server is away, in ms: callers in between fail at once,
 * and a server that is back is noticed within this time. Likewise for asking where nodes are. */
#define PROBE_MS 250
/* Of an answer to that, what is young enough for who asks all the time. */
#define REFRESH_MS 5000
/* Connections to nodes that were not used for so long are closed. */
#define IDLE_MOST (60 * APR_USEC_PER_SEC)
#define IDLE_LOOK_MS 10000

#define STATE_ANSWERS 0u
#define STATE_AWAY 1u
#define STATE_REFUSES 2u
#define STATE_FULL 3u /* refuses what adds data, or all that writes */
#define STATE_MASK 3u
#define STATE_CHANGE 4u /* the bits above count the changes */

struct crm360_redis_pool_t {
    const crm360_redis_address_t *address;
    apr_interval_time_t connect_timeout;
    apr_interval_time_t command_timeout;
    crm360_redis_nodes_t *nodes;
    redis_lender_t *lenders; /* one per node there may be */
    int most_nodes;
    volatile apr_uint32_t idle_look_ms;
};

/* ---- addresses ---- */

const crm360_redis_address_t *redis_address_of(const crm360_redis_pool_t *rp)
{
    return rp->address;
}

crm360_redis_nodes_t *redis_nodes_of(const crm360_redis_pool_t *rp)
{
    return rp->nodes;
}

void redis_target_at(redis_target_t *target, const crm360_redis_pool_t *rp, const char *host,
                     int port)
{
    memset(target, 0, sizeof *target);
    target->host = host;
    target->port = port;
    target->database = rp->address->database;
    target->user = rp->address->user;
    target->password = rp->address->password;
    target->connect_timeout = rp->connect_timeout;
    target->command_timeout = rp->command_timeout;
}

int redis_target_of(redis_target_t *target, crm360_node_address_t *address,
                    const crm360_redis_pool_t *rp, int node)
{
    if (rp->address->kind == CRM360_REDIS_SINGLE) {
        address->version = 0;
        redis_target_at(target, rp, rp->address->host, rp->address->port);
        target->path = rp->address->path;
        return 1;
    }
    if (!crm360_nodes_address(address, rp->nodes, node)) {
        return 0;
    }
    redis_target_at(target, rp, address->host, address->port);
    target->master = rp->address->kind == CRM360_REDIS_SENTINEL;
    return 1;
}

const char *crm360_redis_node_text(const crm360_redis_pool_t *rp, int node, apr_pool_t *pool)
{
    crm360_node_address_t address;
    crm360_redis_seed_t seed;

    if (rp->address->kind == CRM360_REDIS_SINGLE || node < 0 ||
        !crm360_nodes_address(&address, rp->nodes, node)) {
        return rp->address->text;
    }
    seed.host = address.host;
    seed.port = address.port;
    return crm360_redis_seed_text(&seed, pool);
}

/* ---- what all processes know of a server ---- */

static apr_uint32_t now_ms(void)
{
    return (apr_uint32_t)apr_time_as_msec(crm360_clock());
}

typedef enum { TURN_NONE, TURN_WORK, TURN_PROBE } turn_t;

/* Whether a moment in ms is over for as long, and this caller is the first to see it. */
static int comes_first(volatile apr_uint32_t *moment, apr_uint32_t ms)
{
    apr_uint32_t last = apr_atomic_read32(moment);
    apr_uint32_t now = now_ms();

    return (now - last >= ms || last == 0) && apr_atomic_cas32(moment, now ? now : 1, last) == last;
}

/* Whether this caller may work: always when the server answers. While it is away one caller each
 * PROBE_MS may ask whether it is back, and work if it is. *known is what is known now, for
 * note_state(). */
static turn_t take_turn(apr_uint32_t *known, crm360_redis_health_t *health)
{
    *known = apr_atomic_read32(&health->state);
    if ((*known & STATE_MASK) != STATE_AWAY) {
        return TURN_WORK;
    }
    return comes_first(&health->probed_ms, PROBE_MS) ? TURN_PROBE : TURN_NONE;
}

/* Whether a refusal is one of whatever writes: a script that happens to write nothing goes well
 * all the same, which says nothing. */
static int refuses_writes(const char *error)
{
    return strncmp(error, "NOREPLICAS", 10) == 0 || strncmp(error, "MISCONF", 7) == 0 ||
           strncmp(error, "READONLY", 8) == 0;
}

/* What the outcome of a call says of the server, as far as it says anything beyond `before`. */
static apr_uint32_t state_after(apr_uint32_t before, apr_status_t rv,
                                crm360_redis_purpose_t purpose, const crm360_redis_t *redis)
{
    if (rv == CRM360_EAWAY) {
        return STATE_AWAY;
    }
    if (rv == CRM360_EREFUSED) {
        return before == STATE_REFUSES || purpose == CRM360_REDIS_LOOK        ? before
               : purpose == CRM360_REDIS_GROW || refuses_writes(redis->error) ? STATE_FULL
                                                                              : STATE_REFUSES;
    }
    /* A Redis that refuses writes may still answer questions, and a full one takes what adds
     * nothing. */
    if ((before == STATE_REFUSES &&
         (purpose == CRM360_REDIS_READ || purpose == CRM360_REDIS_LOOK)) ||
        (before == STATE_FULL && !redis->grew)) {
        return before;
    }
    return STATE_ANSWERS;
}

/* Goes from a state that is still the known one to another. 0 when there is nothing to log: no
 * change, or somebody else was first. */
static int change_state(crm360_redis_health_t *health, apr_uint32_t known, apr_uint32_t state)
{
    if ((known & STATE_MASK) == state || apr_atomic_read32(&health->state) != known) {
        return 0;
    }
    if (state == STATE_AWAY) {
        apr_atomic_set32(&health->probed_ms, now_ms());
    }
    return apr_atomic_cas32(&health->state, ((known & ~STATE_MASK) + STATE_CHANGE) | state,
                            known) == known;
}

/* Notes the outcome of a call: one line a change of state, whichever process sees it first. What
 * began before the last change (`known` is what was known then) knows nothing of it. */
static void note_state(crm360_redis_pool_t *rp, int node, apr_uint32_t known, apr_status_t rv,
                       crm360_redis_purpose_t purpose, const crm360_redis_t *redis,
                       apr_pool_t *pool)
{
    apr_uint32_t before = known & STATE_MASK;
    apr_uint32_t state = state_after(before, rv, purpose, redis);
    const char *server;

    if (!change_state(&rp->nodes->nodes[node].health, known, state)) {
        return;
    }
    server = crm360_redis_node_text(rp, node, pool);
    if (state == STATE_AWAY) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0101) "Redis at %s is out of reach (%s); "
                                      "tried again every %d ms",
                   server, redis->error, PROBE_MS);
    }
    else if (state == STATE_REFUSES || state == STATE_FULL) {
        if (before != STATE_FULL) {
            crm360_log(CRM360_LOG_ERROR, rv, CRM360_LOGNO(0102) "Redis at %s refuses: %s", server,
                       redis->error);
        }
    }
    else {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "Redis at %s answers again", server);
    }
}

int crm360_redis_node_is_away(const crm360_redis_nodes_t *nodes, int node)
{
    return (apr_atomic_read32((volatile apr_uint32_t *)&nodes->nodes[node].health.state) &
            STATE_MASK) == STATE_AWAY;
}

int crm360_redis_is_away(const crm360_redis_pool_t *rp)
{
    int node;

    for (node = 0; node < rp->most_nodes; node++) {
        if (crm360_redis_node_is_away(rp->nodes, node) &&
            (rp->most_nodes == 1 || crm360_nodes_serves(rp->nodes, node))) {
            return 1;
        }
    }
    return (apr_atomic_read32(&rp->nodes->guides.state) & STATE_MASK) == STATE_AWAY;
}

/* ---- where the nodes are ---- */

apr_uint32_t crm360_redis_epoch(const crm360_redis_pool_t *rp)
{
    return apr_atomic_read32(&rp->nodes->epoch);
}

/* Others serve what these did: what was known of them is over, and nobody asks them any more. */
static void forget_replaced(crm360_redis_pool_t *rp, apr_pool_t *pool)
{
    int node;

    for (node = 0; node < rp->most_nodes; node++) {
        crm360_redis_health_t *health = &rp->nodes->nodes[node].health;
        apr_uint32_t known = apr_atomic_read32(&health->state);

        if ((known & STATE_MASK) != STATE_ANSWERS && rp->nodes->nodes[node].version &&
            !crm360_nodes_serves(rp->nodes, node) && change_state(health, known, STATE_ANSWERS)) {
            crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS,
                       "Redis at %s is asked no more: another server has its keys",
                       crm360_redis_node_text(rp, node, pool));
        }
    }
}

/* Asks, whoever was last. */
static apr_status_t learn(int *changed, const char **detail, crm360_redis_pool_t *rp,
                          apr_pool_t *pool)
{
    crm360_redis_health_t *guides = &rp->nodes->guides;
    apr_uint32_t known = apr_atomic_read32(&guides->state);
    apr_status_t rv;

    apr_atomic_set32(&rp->nodes->doubted, 0);
    rv = rp->address->kind == CRM360_REDIS_SENTINEL
             ? redis_sentinel_learn(changed, detail, rp, pool)
             : redis_cluster_learn(changed, detail, rp, pool);
    if (rv == APR_SUCCESS && *changed) {
        forget_replaced(rp, pool);
    }
    if (rv != APR_SUCCESS && change_state(guides, known, STATE_AWAY)) {
        crm360_log(CRM360_LOG_ERROR, rv,
                   CRM360_LOGNO(0105) "nobody tells where the Redis of %s is (%s); asked again "
                                      "when something fails",
                   rp->address->text, *detail);
    }
    else if (rv == APR_SUCCESS && change_state(guides, known, STATE_ANSWERS)) {
        crm360_log(CRM360_LOG_NOTICE, APR_SUCCESS, "told again where the Redis of %s is",
                   rp->address->text);
    }
    return rv;
}

/* Asks when nobody has done so in the last `ms`. 1 when it changed anything. */
static int learn_anew(crm360_redis_pool_t *rp, apr_uint32_t ms, const char **detail,
                      apr_pool_t *pool)
{
    int changed = 0;

    return rp->address->kind != CRM360_REDIS_SINGLE && comes_first(&rp->nodes->learned_ms, ms) &&
           learn(&changed, detail, rp, pool) == APR_SUCCESS && changed;
}

void crm360_redis_refresh(crm360_redis_pool_t *rp, apr_pool_t *pool)
{
    const char *detail;

    learn_anew(rp, REFRESH_MS, &detail, pool);
}

static int slot_of(const crm360_redis_pool_t *rp, const char *key)
{
    return key && rp->address->kind == CRM360_REDIS_CLUSTER ? crm360_slot_of(key, strlen(key)) : 0;
}

/* Any node that answers; else any. */
static int any_node(const crm360_redis_pool_t *rp)
{
    int node, found = -1;

    for (node = 0; node < rp->most_nodes; node++) {
        if (rp->nodes->nodes[node].version && crm360_nodes_serves(rp->nodes, node)) {
            found = found < 0 ? node : found;
            if (!crm360_redis_node_is_away(rp->nodes, node)) {
                return node;
            }
        }
    }
    return found;
}

static int find_node(crm360_redis_pool_t *rp, const char *key)
{
    return rp->address->kind == CRM360_REDIS_SINGLE ? 0
           : key ? crm360_nodes_of_slot(rp->nodes, slot_of(rp, key))
                 : any_node(rp);
}

/* Asks, when that has not just been done in vain. At first, when nobody knows anything yet, each
 * caller does: none is turned away because another one is asking. */
static int learn_first(crm360_redis_pool_t *rp, const char **why, apr_pool_t *pool)
{
    int changed;

    if (crm360_redis_epoch(rp) != 0 ||
        (apr_atomic_read32(&rp->nodes->guides.state) & STATE_MASK) == STATE_AWAY) {
        return learn_anew(rp, PROBE_MS, why, pool);
    }
    return learn(&changed, why, rp, pool) == APR_SUCCESS;
}

/* The node of a key; asks when it is not known. -1, and *detail says why. */
static int route(crm360_redis_pool_t *rp, const char *key, const char **detail, apr_pool_t *pool)
{
    const char *why = "";
    int node = find_node(rp, key);

    if (node < 0 && learn_first(rp, &why, pool)) {
        node = find_node(rp, key);
    }
    if (node < 0) {
        *detail = apr_pstrcat(pool, "nobody tells where Redis is", *why ? ": " : "", why, NULL);
    }
    return node;
}

int crm360_redis_node_of(crm360_redis_pool_t *rp, const char *key, apr_pool_t *pool)
{
    const char *detail;

    return route(rp, key, &detail, pool);
}

int crm360_redis_next_node(crm360_redis_pool_t *rp, int node, apr_pool_t *pool)
{
    if (rp->address->kind == CRM360_REDIS_SINGLE) {
        return node < 0 ? 0 : -1;
    }
    if (node < 0) {
        crm360_redis_node_of(rp, NULL, pool); /* the first to ask learns */
    }
    while (++node < rp->most_nodes) {
        if (rp->nodes->nodes[node].version && crm360_nodes_serves(rp->nodes, node)) {
            return node;
        }
    }
    return -1;
}

/* ---- connections ---- */

apr_status_t crm360_redis_pool_make(crm360_redis_pool_t **redis_pool,
                                    const crm360_redis_address_t *address,
                                    apr_interval_time_t connect_timeout,
                                    apr_interval_time_t command_timeout, int most,
                                    crm360_redis_nodes_t *nodes, apr_pool_t *pool)
{
    crm360_redis_pool_t *rp = apr_pcalloc(pool, sizeof *rp);
    int single = address->kind == CRM360_REDIS_SINGLE;

    rp->address = address;
    rp->connect_timeout = connect_timeout;
    rp->command_timeout = command_timeout;
    rp->nodes = nodes;
    rp->most_nodes = single ? 1 : CRM360_NODES_MOST;
    *redis_pool = rp;
    return redis_lenders_make(&rp->lenders, rp, rp->most_nodes, most, single ? 0 : IDLE_MOST,
                              command_timeout, pool);
}

/* Closes what leads to nodes that nobody uses any more. */
static void drop_idle(crm360_redis_pool_t *rp)
{
    int node;

    if (rp->most_nodes == 1 || !comes_first(&rp->idle_look_ms, IDLE_LOOK_MS)) {
        return;
    }
    for (node = 0; node < rp->most_nodes; node++) {
        if (rp->nodes->nodes[node].version) {
            (void)apr_reslist_maintain(rp->lenders[node].list);
        }
    }
}

apr_status_t crm360_redis_connect(crm360_redis_t **redis, const char **detail,
                                  crm360_redis_pool_t *rp, int node, apr_pool_t *pool)
{
    crm360_redis_t *made = redis_alone(pool);
    crm360_node_address_t address;
    redis_target_t target;
    apr_status_t rv;

    node = node < 0 ? crm360_redis_node_of(rp, NULL, pool) : node;
    if (node < 0 || !redis_target_of(&target, &address, rp, node)) {
        *detail = apr_pstrcat(pool, rp->address->text, ": nobody tells where Redis is", NULL);
        return CRM360_EAWAY;
    }
    rv = redis_connect(made, &target, pool);
    if (rv != APR_SUCCESS) {
        *detail =
            apr_pstrcat(pool, crm360_redis_node_text(rp, node, pool), ": ", made->error, NULL);
        return rv;
    }
    *redis = made;
    return APR_SUCCESS;
}

/* Whether an idle connection was closed on the other side: nothing else could make it readable, as
 * nobody has asked anything. Seen before it is used, so that what must not be repeated need not
 * fail for it; whatever may be repeated saves the system call. */
static int was_closed(const crm360_redis_t *redis)
{
    struct pollfd idle = {.fd = redis->context->fd, .events = POLLIN};

    return poll(&idle, 1, 0) != 0;
}

/* Makes sure that a connection is one of the current generation, to where the node is now. *fresh
 * says whether it was made for this call. */
static apr_status_t make_ready(redis_lender_t *lender, crm360_redis_t *redis, int *fresh,
                               crm360_redis_purpose_t purpose, apr_pool_t *pool)
{
    const crm360_redis_pool_t *rp = lender->pool;
    apr_uint32_t generation = apr_atomic_read32(&lender->generation);
    crm360_node_address_t address = {.version = 0};
    redis_target_t target;

    if (redis->context &&
        (redis->generation != generation ||
         redis->version != apr_atomic_read32(&rp->nodes->nodes[lender->node].version) ||
         (purpose == CRM360_REDIS_ONCE && was_closed(redis)))) {
        redis_disconnect(redis);
    }
    redis->last = redis; /* not where the last borrower was sent */
    *fresh = redis->context == NULL;
    if (!*fresh) {
        return APR_SUCCESS;
    }
    if (!redis_target_of(&target, &address, rp, lender->node)) {
        apr_cpystrn(redis->error, "its address is not known", sizeof redis->error);
        return CRM360_EAWAY;
    }
    redis->generation = generation;
    redis->version = address.version;
    return redis_connect(redis, &target, pool);
}

/* Runs the work once. */
static apr_status_t run_once(redis_lender_t *lender, crm360_redis_t *redis, int *fresh,
                             crm360_redis_work_t *work, void *baton, crm360_redis_purpose_t purpose,
                             apr_pool_t *pool)
{
    apr_status_t rv = make_ready(lender, redis, fresh, purpose, pool);
    apr_uint32_t generation = redis->generation;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    redis->unsent = 0;
    rv = work(baton, redis, pool);
    if (rv == CRM360_EAWAY && !redis->timed_out && !redis->context) {
        /* Closed under us: its idle siblings are as dead. Only the first to see it says so. */
        apr_atomic_cas32(&lender->generation, generation + 1, generation);
    }
    return rv;
}

/* The same, and once more on a fresh connection when the old one turns out to be closed. */
static apr_status_t run_safely(redis_lender_t *lender, crm360_redis_t *redis,
                               crm360_redis_work_t *work, void *baton,
                               crm360_redis_purpose_t purpose, apr_pool_t *pool)
{
    int fresh;
    apr_status_t rv = run_once(lender, redis, &fresh, work, baton, purpose, pool);

    if (rv == CRM360_EAWAY && !fresh && !redis->timed_out && purpose != CRM360_REDIS_ONCE) {
        rv = run_once(lender, redis, &fresh, work, baton, purpose, pool);
    }
    return rv;
}

/* A crm360_redis_work_t: asks whether the server answers, and leaves nothing with one that does
 * not: a message would be stored by it whenever it goes on. */
static apr_status_t ping(void *baton, crm360_redis_t *redis, apr_pool_t *pool)
{
    crm360_command_t *command = crm360_command_make(1, pool);
    crm360_reply_t *reply;

    (void)baton;
    crm360_command_add(command, "PING");
    return crm360_redis_command(&reply, redis, command, pool);
}

/* What may be done after a call that has failed. */
typedef enum { AGAIN_NEVER, AGAIN_ELSEWHERE } again_t;

/* Whether the work may be done by another server: it was not begun, or may be repeated. */
static again_t may_move(const crm360_redis_t *redis, apr_status_t rv,
                        crm360_redis_purpose_t purpose)
{
    /* What a server says that another one may have replaced. */
    static const char *const replaced[] = {"READONLY", "NOREPLICAS", "CLUSTERDOWN", "LOADING",
                                           "MASTERDOWN"};
    int i;

    if (rv == CRM360_EREFUSED) {
        for (i = 0; i < (int)(sizeof replaced / sizeof *replaced); i++) {
            if (strncmp(redis->error, replaced[i], strlen(replaced[i])) == 0) {
                return AGAIN_ELSEWHERE;
            }
        }
        return AGAIN_NEVER;
    }
    return rv == CRM360_EAWAY &&
                   (redis->unsent || (!redis->timed_out && purpose != CRM360_REDIS_ONCE))
               ? AGAIN_ELSEWHERE
               : AGAIN_NEVER;
}

/* Whether somebody else has taken the place of a server that was away and answers again. It may not
 * know so yet (a master that was stopped goes on), and would swallow what it is given: so who
 * decides is asked, after its answer and before it is given anything. When nobody tells, it is
 * taken for what it was. */
static int was_replaced(crm360_redis_pool_t *rp, int node, apr_pool_t *pool)
{
    const char *why;
    int changed;

    if (rp->address->kind == CRM360_REDIS_SINGLE) {
        return 0;
    }
    apr_atomic_set32(&rp->nodes->learned_ms, now_ms());
    return learn(&changed, &why, rp, pool) == APR_SUCCESS && !crm360_nodes_serves(rp->nodes, node);
}

static apr_status_t run_on_node(again_t *again, crm360_redis_pool_t *rp, int node,
                                crm360_redis_work_t *work, void *baton,
                                crm360_redis_purpose_t purpose, const char **detail,
                                apr_pool_t *pool)
{
    redis_lender_t *lender = &rp->lenders[node];
    void *resource;
    crm360_redis_t *redis;
    apr_uint32_t known;
    turn_t turn = take_turn(&known, &rp->nodes->nodes[node].health);
    apr_status_t rv;

    *again = AGAIN_ELSEWHERE;
    if (turn == TURN_NONE) {
        *detail = "known to be out of reach";
        return CRM360_EAWAY;
    }
    rv = apr_reslist_acquire(lender->list, &resource);
    if (rv != APR_SUCCESS) {
        *again = AGAIN_NEVER;
        *detail = "no connection became free in time";
        return CRM360_EAWAY;
    }
    redis = resource;
    redis->grew = 0;
    redis->unsent = 1;
    rv = turn == TURN_PROBE ? run_safely(lender, redis, ping, NULL, CRM360_REDIS_READ, pool)
                            : APR_SUCCESS;
    redis->unsent = 1;
    if (rv == APR_SUCCESS && turn == TURN_PROBE && was_replaced(rp, node, pool)) {
        redis_disconnect(redis);
        apr_cpystrn(redis->error, "another server has taken its place", sizeof redis->error);
        rv = CRM360_EAWAY;
    }
    if (rv == APR_SUCCESS) {
        rv = run_safely(lender, redis, work, baton, purpose, pool);
    }
    *again = may_move(redis, rv, purpose);
    if (rv != APR_SUCCESS) {
        *detail = apr_pstrdup(pool, redis->error);
    }
    if (rv != CRM360_EAWAY || !redis->context) { /* else another node is, to which this one sent */
        note_state(rp, node, known, rv, purpose, redis, pool);
    }
    /* A connection that is gone goes back too: it is made anew for the next borrower. */
    apr_reslist_release(lender->list, redis);
    return rv;
}

apr_status_t crm360_redis_run_at(crm360_redis_pool_t *rp, int node, crm360_redis_work_t *work,
                                 void *baton, crm360_redis_purpose_t purpose, const char **detail,
                                 apr_pool_t *pool)
{
    again_t again;

    *detail = "nobody tells where Redis is";
    return node < 0 ? CRM360_EAWAY
                    : run_on_node(&again, rp, node, work, baton, purpose, detail, pool);
}

apr_status_t crm360_redis_run(crm360_redis_pool_t *rp, const char *key, crm360_redis_work_t *work,
                              void *baton, crm360_redis_purpose_t purpose, const char **detail,
                              apr_pool_t *pool)
{
    int node;
    const char *why;
    again_t again;
    apr_status_t rv;
    int other;

    *detail = "";
    node = route(rp, key, detail, pool);
    if (node < 0) {
        return CRM360_EAWAY;
    }
    rv = run_on_node(&again, rp, node, work, baton, purpose, detail, pool);
    if (rp->address->kind == CRM360_REDIS_SINGLE) {
        return rv;
    }
    if (apr_atomic_read32(&rp->nodes->doubted) || rv == CRM360_EAWAY ||
        (rv == CRM360_EREFUSED && again == AGAIN_ELSEWHERE)) {
        learn_anew(rp, PROBE_MS, &why, pool);
        other = find_node(rp, key);
        if (rv != APR_SUCCESS && again == AGAIN_ELSEWHERE && other >= 0 && other != node) {
            rv = run_on_node(&again, rp, other, work, baton, purpose, detail, pool);
        }
    }
    drop_idle(rp);
    return rv;
}

void crm360_redis_grew(crm360_redis_t *redis)
{
    redis->grew = 1;
}

crm360_redis_node_t *crm360_redis_node(const crm360_redis_t *redis)
{
    return redis->pool && redis->last == redis ? &redis->pool->nodes->nodes[redis->node] : NULL;
}
