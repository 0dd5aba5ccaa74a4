/*
 * Takes the compiled-in files of examples/ apart. They are ours, so nothing is refused here; that
 * each is whole is what t/unit/api_example_test.c looks at.
 */
#include "core/api_example.h"

#include <apr_cstr.h>
#include <apr_strings.h>

#include <string.h>

#include "core/embedded.h"
#include "core/params.h"

static void add_pair(apr_array_header_t *list, const char *name, const char *value)
{
    crm360_example_pair_t *pair = apr_array_push(list);

    pair->name = name;
    pair->value = value;
}

/* The next line of *rest, without its end. */
static const char *next_line(const char **rest, apr_pool_t *pool)
{
    apr_size_t len = strcspn(*rest, "\n");
    const char *line = apr_pstrmemdup(pool, *rest, len);

    *rest += len + ((*rest)[len] == '\n');
    return line;
}

static void read_query(crm360_example_t *example, apr_pool_t *pool)
{
    const char *rest = example->query;
    crm360_param_pair_t pair;

    while (crm360_params_next(&pair, &rest)) {
        add_pair(example->query_of, crm360_params_text(pair.name, pair.name_len, NULL, pool),
                 crm360_params_text(pair.value, pair.value_len, NULL, pool));
    }
}

static void read_headers(crm360_example_t *example, const char **rest, apr_pool_t *pool)
{
    const char *line;

    while (*(line = next_line(rest, pool)) != '\0') {
        apr_size_t len = strcspn(line, ":");
        const char *name = apr_pstrmemdup(pool, line, len);
        const char *value = line + len + (line[len] == ':');

        value += strspn(value, " ");
        if (apr_cstr_casecmp(name, "Content-Type") == 0) {
            example->content_type = value;
        }
        else {
            add_pair(example->headers, name, value);
        }
    }
}

const crm360_example_t *crm360_example_read(const crm360_route_t *route, apr_pool_t *pool)
{
    crm360_example_t *example = apr_pcalloc(pool, sizeof(*example));
    const crm360_embedded_t *file = crm360_examples;
    const char *rest, *line;
    apr_size_t len;

    while (file->name && strcmp(file->name, route->id_suffix) != 0) {
        file++;
    }
    rest = file->name ? file->text : "POST \n\n";
    line = next_line(&rest, pool);
    len = strcspn(line, " ");
    example->method = apr_pstrmemdup(pool, line, len);
    example->query = line + len + (line[len] == ' ');
    example->query_of = apr_array_make(pool, 4, sizeof(crm360_example_pair_t));
    example->headers = apr_array_make(pool, 4, sizeof(crm360_example_pair_t));
    read_query(example, pool);
    read_headers(example, &rest, pool);
    len = strlen(rest);
    example->body = apr_pstrmemdup(pool, rest, len > 0 && rest[len - 1] == '\n' ? len - 1 : len);
    return example;
}

const char *crm360_example_query(const crm360_example_t *example, const char *name)
{
    int i;

    for (i = 0; i < example->query_of->nelts; i++) {
        const crm360_example_pair_t *pair =
            &APR_ARRAY_IDX(example->query_of, i, crm360_example_pair_t);

        if (apr_cstr_casecmp(pair->name, name) == 0) {
            return pair->value;
        }
    }
    return NULL;
}
