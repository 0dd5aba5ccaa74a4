/* Rows of Cases and CaseCategories (see case.h). Must never remove one. */
#include "crm/case.h"

#include <string.h>

#include "crm/entity.h"

static const crm_column_t case_columns[] = {
    {"ContactId", CRM_COLUMN_INTEGER},
    {"CaseStateId", CRM_COLUMN_INTEGER},
    {"CaseStateText", CRM_COLUMN_TEXT},
    {"ClosingDate", CRM_COLUMN_TEXT},
    {"CaseCategoryId", CRM_COLUMN_INTEGER},
    {"Title", CRM_COLUMN_TEXT},
    {"Description", CRM_COLUMN_TEXT},
    {"Channel", CRM_COLUMN_TEXT},
    {"Link", CRM_COLUMN_TEXT},
    {"OpeningDate", CRM_COLUMN_TEXT},
};

static const crm_group_t case_groups[CRM_CASE_GROUPS] = {
    [CRM_CASE_CONTACT] = CRM_GROUP("contact", 1),   [CRM_CASE_STATE] = CRM_GROUP("state", 3),
    [CRM_CASE_CATEGORY] = CRM_GROUP("category", 1), [CRM_CASE_TITLE] = CRM_GROUP("title", 1),
    [CRM_CASE_DESCRIPTION] = CRM_GROUP("text", 1),  [CRM_CASE_CHANNEL] = CRM_GROUP("channel", 1),
    [CRM_CASE_LINK] = CRM_GROUP("link", 1),         [CRM_CASE_OPENED] = CRM_GROUP("opened", 1),
};

static const crm_entity_t cases = {
    .table = "Cases",
    .id = "CaseId",
    .identifier = "CaseIdentifier",
    .columns = case_columns,
    .column_count = sizeof(case_columns) / sizeof(case_columns[0]),
    .groups = case_groups,
    .group_count = CRM_CASE_GROUPS,
};

static const crm_column_t category_columns[] = {
    {"Label", CRM_COLUMN_TEXT},
    {"CaseCategoryPath", CRM_COLUMN_TEXT},
};

static const crm_group_t category_groups[] = {CRM_GROUP("label", 2)};

static const crm_entity_t categories = {
    .table = "CaseCategories",
    .id = "CaseCategoryId",
    .identifier = "Identifier",
    .columns = category_columns,
    .column_count = 2,
    .groups = category_groups,
    .group_count = 1,
};

apr_status_t crm_case_save(int *case_id, crm_db_t *db, const crm_case_t *told, apr_pool_t *pool)
{
    crm_entity_row_t row;
    apr_status_t rv = crm_entity_open(&row, db, &cases, told->source_id, told->identifier, pool);

    if (rv == APR_SUCCESS) {
        crm_entity_tell(&row, told->news);
        rv = crm_entity_save(&row, db, CRM_ENTITY_KEEP, pool);
    }
    if (case_id) {
        *case_id = row.id;
    }
    return rv;
}

apr_status_t crm_case_category(int *id, crm_db_t *db, int source_id, const char *identifier,
                               apr_pool_t *pool)
{
    crm_news_t news[1] = {{.said = 0}};

    *id = 0;
    if (!identifier) {
        return APR_SUCCESS;
    }
    crm_news_say(&news[0], crm_version_weak(identifier, strlen(identifier), pool), identifier);
    news[0].values[1] = identifier;
    return crm_entity_ensure(id, db, &categories, source_id, identifier, news, pool);
}
