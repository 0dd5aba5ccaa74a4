/*
 * The way of an input into a target: its own block of memory, its own pool, and pool memory that
 * AddressSanitizer sees through. Must never keep anything from one input to the next.
 */
#include "t/fuzz/fuzz.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

typedef struct block_t {
    struct block_t *next;
    union {
        long double aligned;
        char data[1];
    } memory;
} block_t;

static apr_pool_t *root;
static apr_pool_t *pool_of_input; /* NULL between two inputs */
static block_t *blocks;

static int is_of_input(apr_pool_t *pool)
{
    while (pool && pool != pool_of_input) {
        pool = apr_pool_parent_get(pool);
    }
    return pool != NULL;
}

/* In the place of APR's own, which cuts all pieces from large blocks: a write past the end of one
 * would land in its neighbour, unseen. */
void *apr_palloc(apr_pool_t *pool, apr_size_t size)
{
    static void *(*original)(apr_pool_t *, apr_size_t);
    block_t *block;

    if (!pool_of_input || !is_of_input(pool)) {
        if (!original) {
            *(void **)&original = dlsym(RTLD_NEXT, "apr_palloc");
        }
        return original(pool, size);
    }
    block = malloc(offsetof(block_t, memory) + size);
    if (!block) {
        abort();
    }
    block->next = blocks;
    blocks = block;
    return block->memory.data;
}

static void free_blocks(void)
{
    while (blocks) {
        block_t *next = blocks->next;

        free(blocks);
        blocks = next;
    }
}

static void forget(void *baton, crm360_log_level_t level, apr_status_t rv, const char *text)
{
    (void)baton;
    (void)level;
    (void)rv;
    (void)text;
}

/* What a target keeps above its inputs, such as connections, is no leak. */
static void end_root(void)
{
    apr_pool_destroy(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    apr_initialize();
    apr_pool_create(&root, NULL);
    atexit(end_root);
    crm360_log_set(forget, NULL, CRM360_LOG_ERROR);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size ? size : 1);
    apr_pool_t *pool;

    if (!exact) {
        abort();
    }
    memcpy(exact, data, size);
    apr_pool_create(&pool, root);
    pool_of_input = pool;
    fuzz_one(exact, size, pool);
    apr_pool_destroy(pool);
    pool_of_input = NULL;
    free_blocks();
    free(exact);
    return 0;
}

void fuzz_expect(int good, const char *condition, const char *what, const char *file, int line)
{
    if (!good) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        if (what) {
            fprintf(stderr, "of: %s\n", what);
        }
        abort();
    }
}

const char *fuzz_text(const char **at, apr_size_t *left, char separator, apr_pool_t *pool)
{
    const char *from = *at;
    const char *end = *left ? memchr(from, separator, *left) : NULL;
    apr_size_t len = end ? (apr_size_t)(end - from) : *left;

    *at += len + (end != NULL);
    *left -= len + (end != NULL);
    return len ? apr_pstrndup(pool, from, len) : "";
}

int fuzz_same(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}
