/* Rows of ContactInterests and their categories (see interest.h). Must never remove one. */
#include "crm/interest.h"

#include "crm/entity.h"

static const crm_column_t interest_columns[] = {
    {"ContactId", CRM_COLUMN_INTEGER}, {"ContactInterestCategoryId", CRM_COLUMN_INTEGER},
    {"InterestDate", CRM_COLUMN_TEXT}, {"FreeField1", CRM_COLUMN_TEXT},
    {"FreeField2", CRM_COLUMN_TEXT},   {"FreeField3", CRM_COLUMN_TEXT},
    {"FreeField4", CRM_COLUMN_TEXT},   {"FreeField5", CRM_COLUMN_TEXT},
};

static const crm_group_t interest_groups[CRM_INTEREST_GROUPS] = {
    [CRM_INTEREST_CONTACT] = CRM_GROUP("contact", 1),
    [CRM_INTEREST_CATEGORY] = CRM_GROUP("category", 1),
    [CRM_INTEREST_DATE] = CRM_GROUP("date", 1),
    [CRM_INTEREST_FREE_1] = CRM_GROUP("free1", 1),
    [CRM_INTEREST_FREE_2] = CRM_GROUP("free2", 1),
    [CRM_INTEREST_FREE_3] = CRM_GROUP("free3", 1),
    [CRM_INTEREST_FREE_4] = CRM_GROUP("free4", 1),
    [CRM_INTEREST_FREE_5] = CRM_GROUP("free5", 1),
};

static const crm_entity_t interests = {
    .table = "ContactInterests",
    .id = "ContactInterestId",
    .identifier = "ContactInterestIdentifier",
    .columns = interest_columns,
    .column_count = sizeof(interest_columns) / sizeof(interest_columns[0]),
    .groups = interest_groups,
    .group_count = CRM_INTEREST_GROUPS,
};

static const crm_column_t category_columns[] = {
    {"Label", CRM_COLUMN_TEXT},
    {"ContactInterestCategoryPath", CRM_COLUMN_TEXT},
};

static const crm_group_t category_groups[] = {CRM_GROUP("label", 2)};

static const crm_entity_t categories = {
    .table = "ContactInterestCategories",
    .id = "ContactInterestCategoryId",
    .identifier = "Identifier",
    .columns = category_columns,
    .column_count = 2,
    .groups = category_groups,
    .group_count = 1,
};

apr_status_t crm_interest_save(crm_db_t *db, const crm_interest_t *told, apr_pool_t *pool)
{
    crm_entity_row_t row;
    apr_status_t rv =
        crm_entity_open(&row, db, &interests, told->source_id, told->identifier, pool);

    if (rv == APR_SUCCESS) {
        crm_entity_tell(&row, told->news);
        rv = crm_entity_save(&row, db, CRM_ENTITY_KEEP, pool);
    }
    return rv;
}

apr_status_t crm_interest_category(int *id, crm_db_t *db, int source_id, const char *identifier,
                                   const char *label, const char *version, apr_pool_t *pool)
{
    crm_news_t news[1] = {{.said = 0}};

    *id = 0;
    if (!identifier) {
        return APR_SUCCESS;
    }
    if (label) {
        crm_news_say(&news[0], version, label);
        news[0].values[1] = label;
    }
    return crm_entity_ensure(id, db, &categories, source_id, identifier, news, pool);
}
