/*
 * The payload of a card update, made of a template (the rules stand in wallet.h). The template is
 * read as JSON first and filled then, so that no value can become anything but a value. Must never
 * put a value in its place twice.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "outbound/placeholder.h"
#include "outbound/template.h"
#include "outbound/wallet.h"

const char outbound_wallet_template[] = "{\n"
                                        "  \"identifier\": \"{{var:Identifier}}\",\n"
                                        "  \"firstname\": \"{{var:FirstName}}\",\n"
                                        "  \"lastname\": \"{{var:LastName}}\",\n"
                                        "  \"email\": \"{{var:Email}}\",\n"
                                        "  \"store\": \"{{var:Store}}\",\n"
                                        "  \"counters\": { \"points\": \"{{var:Points}}\" },\n"
                                        "  \"metadatas\": {},\n"
                                        "  \"offers\": { \"{{each:Vouchers}}\": {\n"
                                        "    \"identifier\": \"{{var:VoucherIdentifier}}\",\n"
                                        "    \"code\": \"{{var:VoucherCode}}\",\n"
                                        "    \"label\": \"{{var:VoucherCategory}}\",\n"
                                        "    \"amount\": \"{{var:VoucherAmount}}\",\n"
                                        "    \"currency\": \"{{var:VoucherCurrencyId}}\",\n"
                                        "    \"startDate\": \"{{var:VoucherStartDate}}\",\n"
                                        "    \"endDate\": \"{{var:VoucherEndDate}}\"\n"
                                        "  } }\n"
                                        "}\n";

#define LIST "Vouchers"
#define POINTS "Points"
#define FIVE(name) name "1", name "2", name "3", name "4", name "5"

const char *const outbound_wallet_names[] = {
    "Identifier",
    "LoyaltyCardId",
    "CardNumber",
    "CardIdentifier",
    "CardTypeId",
    "CardType",
    "CardCreationDate",
    "CardExpirationDate",
    "BrandId",
    "Brand",
    "Store",
    "StoreLabel",
    "ContactId",
    "ContactIdentifier",
    "Civility",
    "FirstName",
    "LastName",
    "CompanyName",
    "BirthDate",
    "LanguageId",
    FIVE("FreeField"),
    FIVE("FreeFieldDateTime"),
    FIVE("FreeFieldNumber"),
    FIVE("FreeFieldBoolean"),
    "Email",
    POINTS,
    LIST,
    NULL,
};

const char *const outbound_wallet_voucher_names[] = {
    "VoucherId",
    "VoucherIdentifier",
    "VoucherCode",
    "VoucherTypeId",
    "VoucherType",
    "VoucherCategory",
    "VoucherAmount",
    "VoucherCurrencyId",
    "VoucherStartDate",
    "VoucherEndDate",
    NULL,
};

/* ---- placeholders ---- */

/* Whether a text is one placeholder and nothing else. */
static int is_whole(outbound_placeholder_t *found, const char *text, apr_pool_t *pool)
{
    const char *end = text + strlen(text);

    return outbound_placeholder_find(found, text, end, pool) && found->start == text &&
           found->end == end;
}

/* What is repeated for each element of a list: the one member of an object whose name says so. */
static json_object *repeated(json_object *node, const char **list, apr_pool_t *pool)
{
    static const char opening[] = "{{each:", closing[] = "}}";
    struct json_object_iterator at = json_object_iter_begin(node);
    const char *name, *end;

    if (json_object_object_length(node) != 1) {
        return NULL;
    }
    name = json_object_iter_peek_name(&at);
    if (strncmp(name, opening, strlen(opening)) != 0) {
        return NULL;
    }
    name += strlen(opening);
    end = strstr(name, closing);
    if (!end || end[strlen(closing)]) {
        return NULL;
    }
    *list = apr_pstrmemdup(pool, name, (apr_size_t)(end - name));
    return json_object_iter_peek_value(&at);
}

/* ---- filling ---- */

static json_object *fill(int *gone, json_object *node, json_object *values, apr_pool_t *pool);

static json_object *fill_string(int *gone, json_object *node, json_object *values, apr_pool_t *pool)
{
    const char *text = json_object_get_string(node);
    outbound_placeholder_t found;
    json_object *value;

    if (!is_whole(&found, text, pool)) {
        text = outbound_template_render(text, OUTBOUND_TEMPLATE_TEXT, values, NULL, pool);
        return json_object_new_string(text ? text : ""); /* none: longer than any can be */
    }
    if (!json_object_object_get_ex(values, found.name, &value)) {
        *gone = !found.has_default;
        value = found.otherwise;
    }
    return json_object_get(value);
}

/* The values of a card with those of one voucher. The caller puts it away. */
static json_object *joined(json_object *values, json_object *element)
{
    json_object *both = json_object_new_object();

    json_object_object_foreach(values, name, value)
    {
        json_object_object_add(both, name, json_object_get(value));
    }
    if (json_object_is_type(element, json_type_object)) {
        json_object_object_foreach(element, own, own_value)
        {
            json_object_object_add(both, own, json_object_get(own_value));
        }
    }
    return both;
}

static json_object *fill_each(int *gone, json_object *body, const char *list, json_object *values,
                              apr_pool_t *pool)
{
    json_object *elements, *all, *both, *one;
    int missing;
    size_t i;

    if (!json_object_object_get_ex(values, list, &elements) ||
        !json_object_is_type(elements, json_type_array)) {
        *gone = 1;
        return NULL;
    }
    all = json_object_new_array();
    for (i = 0; i < json_object_array_length(elements); i++) {
        both = joined(values, json_object_array_get_idx(elements, i));
        one = fill(&missing, body, both, pool);
        if (!missing) {
            json_object_array_add(all, one);
        }
        json_object_put(both);
    }
    return all;
}

static json_object *fill_array(json_object *node, json_object *values, apr_pool_t *pool)
{
    json_object *all = json_object_new_array(), *one;
    int missing;
    size_t i;

    for (i = 0; i < json_object_array_length(node); i++) {
        one = fill(&missing, json_object_array_get_idx(node, i), values, pool);
        if (!missing) {
            json_object_array_add(all, one);
        }
    }
    return all;
}

static json_object *fill_object(json_object *node, json_object *values, apr_pool_t *pool)
{
    json_object *all = json_object_new_object(), *one;
    int missing;

    json_object_object_foreach(node, name, value)
    {
        one = fill(&missing, value, values, pool);
        if (!missing) {
            json_object_object_add(all, name, one);
        }
    }
    return all;
}

/* What becomes of a part of the template, as a reference of its own; NULL is JSON's null. *gone:
 * it has no value, and its place is left out. Nested as deep as a template is, which is bounded. */
static json_object *fill(int *gone, json_object *node, json_object *values, apr_pool_t *pool)
{
    const char *list;
    json_object *body;

    *gone = 0;
    switch (json_object_get_type(node)) {
    case json_type_string:
        return fill_string(gone, node, values, pool);
    case json_type_array:
        return fill_array(node, values, pool);
    case json_type_object:
        body = repeated(node, &list, pool);
        return body ? fill_each(gone, body, list, values, pool) : fill_object(node, values, pool);
    default:
        return json_object_get(node);
    }
}

/* ---- looking for faults ---- */

static int is_listed(const char *const *names, const char *name)
{
    for (; *names; names++) {
        if (strcmp(*names, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "Points" and the number of a type. */
static int is_points(const char *name)
{
    apr_size_t len = strlen(POINTS);

    return strncmp(name, POINTS, len) == 0 && name[len] >= '1' && name[len] <= '9' &&
           strspn(name + len, "0123456789") == strlen(name + len);
}

static int is_known(const char *name, int in_list)
{
    return is_listed(outbound_wallet_names, name) || is_points(name) ||
           (in_list && is_listed(outbound_wallet_voucher_names, name));
}

static const char *text_fault(const char *text, int in_list, apr_pool_t *pool)
{
    const char *end = text + strlen(text), *braces;
    outbound_placeholder_t found;

    for (; (braces = strstr(text, "{{")) != NULL; text = found.end) {
        if (!outbound_placeholder_find(&found, text, end, pool) || found.start != braces) {
            return "there is {{ that begins no placeholder; those are {{var:Name}} and"
                   " {{var:Name:\"default\"}}";
        }
        if (!is_known(found.name, in_list)) {
            return apr_psprintf(pool, "{{var:%s}} names no value that there is%s", found.name,
                                is_listed(outbound_wallet_voucher_names, found.name)
                                    ? " outside of {{each:" LIST "}}"
                                    : "");
        }
    }
    return NULL;
}

static const char *node_fault(json_object *node, int in_list, apr_pool_t *pool);

static const char *object_fault(json_object *node, int in_list, apr_pool_t *pool)
{
    const char *list, *fault = NULL;
    json_object *body = repeated(node, &list, pool);

    if (body) {
        return strcmp(list, LIST) == 0
                   ? node_fault(body, 1, pool)
                   : apr_psprintf(pool, "{{each:%s}} names no list; there is {{each:" LIST "}}",
                                  list);
    }
    json_object_object_foreach(node, name, value)
    {
        if (!fault && strstr(name, "{{")) {
            fault = "a name of a member has {{; only {{each:" LIST "}} may stand there, alone in "
                    "its object";
        }
        fault = fault ? fault : node_fault(value, in_list, pool);
    }
    return fault;
}

static const char *node_fault(json_object *node, int in_list, apr_pool_t *pool)
{
    const char *fault = NULL;
    size_t i;

    switch (json_object_get_type(node)) {
    case json_type_string:
        return text_fault(json_object_get_string(node), in_list, pool);
    case json_type_object:
        return object_fault(node, in_list, pool);
    case json_type_array:
        for (i = 0; i < json_object_array_length(node) && !fault; i++) {
            fault = node_fault(json_object_array_get_idx(node, i), in_list, pool);
        }
        return fault;
    default:
        return NULL;
    }
}

/* Reads a template; NULL with *why. */
static json_object *read_template(const char **why, const char *text, apr_pool_t *pool)
{
    json_object *root;
    const char *list;

    if (crm360_json_parse(&root, why, text, strlen(text), pool) != APR_SUCCESS) {
        return NULL;
    }
    if (!json_object_is_type(root, json_type_object) || repeated(root, &list, pool)) {
        *why = "it is no JSON object";
        return NULL;
    }
    *why = node_fault(root, 0, pool);
    return *why ? NULL : root;
}

const char *outbound_wallet_template_fault(const char *text, apr_pool_t *pool)
{
    const char *why = NULL;

    read_template(&why, text, pool);
    return why;
}

/* ---- the payload ---- */

const char *outbound_wallet_payload(const char **why, const char *text, json_object *values,
                                    apr_pool_t *pool)
{
    json_object *root = read_template(why, text && *text ? text : outbound_wallet_template, pool),
                *filled;
    const char *payload;
    int gone;

    if (!root) {
        return NULL;
    }
    filled = fill(&gone, root, values, pool);
    payload =
        apr_pstrdup(pool, json_object_to_json_string_ext(
                              filled, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(filled);
    return payload;
}
