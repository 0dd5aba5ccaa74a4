/*
 * Reading a loyalty card (the contract stands in loyalty.h). Amounts are added up here and not by
 * the database, because SQLite would make floating point of them. Must never write to any table but
 * LoyaltyCardActions.
 */
#include "crm/loyalty.h"

#include <apr_strings.h>

#include <string.h>

#include "crm/date.h"
#include "crm/db_private.h"
#include "crm/decimal.h"
#include "crm/identifier.h"

/* ---- the values of a card, and where they stand ---- */

#define FREE_OF(X, kind, name)                                                                     \
    X(name "1", kind, "c." name "1")                                                               \
    X(name "2", kind, "c." name "2")                                                               \
    X(name "3", kind, "c." name "3")                                                               \
    X(name "4", kind, "c." name "4")                                                               \
    X(name "5", kind, "c." name "5")

/* An identifier of the source's own goes before one made of a mail address or number. */
#define CARD_VALUES(X)                                                                             \
    X("LoyaltyCardId", INTEGER, "c.LoyaltyCardId")                                                 \
    X("CardNumber", TEXT, "COALESCE(NULLIF(c.LoyaltyCardNumber, ''), c.LoyaltyCardIdentifier)")    \
    X("CardIdentifier", TEXT, "c.LoyaltyCardIdentifier")                                           \
    X("CardTypeId", INTEGER, "c.LoyaltyCardTypeId")                                                \
    X("CardType", TEXT, "t.Label")                                                                 \
    X("CardCreationDate", TEXT, "c.CreationDate")                                                  \
    X("CardExpirationDate", TEXT, "c.ExpirationDate")                                              \
    X("BrandId", INTEGER, "c.BrandId")                                                             \
    X("Brand", TEXT, "b.Label")                                                                    \
    X("Store", TEXT, "s.Identifier")                                                               \
    X("StoreLabel", TEXT, "s.Label")                                                               \
    X("ContactId", INTEGER, "p.ContactId")                                                         \
    X("ContactIdentifier", TEXT,                                                                   \
      "(SELECT MIN(i.Identifier) FROM ContactIdentifiers i WHERE i.ContactId = p.ContactId"        \
      " AND i.SourceId = c.SourceId AND " CRM_IDENTIFIER_IS_NAMED("i") ")")                        \
    X("Civility", TEXT, "v.Label")                                                                 \
    X("FirstName", TEXT, "p.FirstName")                                                            \
    X("LastName", TEXT, "p.LastName")                                                              \
    X("CompanyName", TEXT, "p.CompanyName")                                                        \
    X("BirthDate", TEXT, "p.BirthDate")                                                            \
    X("LanguageId", TEXT, "p.LanguageId")                                                          \
    FREE_OF(X, TEXT, "FreeField")                                                                  \
    FREE_OF(X, TEXT, "FreeFieldDateTime")                                                          \
    FREE_OF(X, DECIMAL, "FreeFieldNumber")                                                         \
    FREE_OF(X, FLAG, "FreeFieldBoolean")

#define VOUCHER_VALUES(X)                                                                          \
    X("VoucherId", INTEGER, "v.VoucherId")                                                         \
    X("VoucherIdentifier", TEXT, "v.VoucherIdentifier")                                            \
    X("VoucherCode", TEXT, "v.VoucherCode")                                                        \
    X("VoucherTypeId", INTEGER, "v.VoucherTypeId")                                                 \
    X("VoucherType", TEXT, "t.Label")                                                              \
    X("VoucherCategory", TEXT, "c.Label")                                                          \
    X("VoucherAmount", DECIMAL, "v.Amount")                                                        \
    X("VoucherCurrencyId", TEXT, "v.CurrencyId")                                                   \
    X("VoucherStartDate", TEXT, "v.ValidityStartDate")                                             \
    X("VoucherEndDate", TEXT, "v.ValidityEndDate")

#define NAMED(value, type, column) {value, CRM_LOYALTY_##type, NULL},
#define SELECTED(value, type, column) column ", "

static const crm_loyalty_value_t card_values[] = {CARD_VALUES(NAMED)};
static const crm_loyalty_value_t voucher_values[] = {VOUCHER_VALUES(NAMED)};

#define CARD_COLUMNS ((int)(sizeof(card_values) / sizeof(card_values[0])))
#define VOUCHER_COLUMNS ((int)(sizeof(voucher_values) / sizeof(voucher_values[0])))

/* ---- statements ---- */

static const crm_db_statement_t select_card = {
    .label = "loyalty_card",
    .sql = "SELECT " CARD_VALUES(
        SELECTED) "c.DeletionFlag, p.DeletionFlag FROM LoyaltyCards c"
                  " LEFT JOIN Contacts p ON p.ContactId = c.ContactId"
                  " LEFT JOIN Civilities v ON v.CivilityId = p.CivilityId"
                  " LEFT JOIN Stores s ON s.StoreId = c.StoreId"
                  " LEFT JOIN Brands b ON b.BrandId = c.BrandId"
                  " LEFT JOIN LoyaltyCardTypes t ON t.LoyaltyCardTypeId = c.LoyaltyCardTypeId"
                  " WHERE c.LoyaltyCardId = %d"};

/* A mail address that works before one that does not, then that of the card's brand, then one of no
 * brand. */
static const crm_db_statement_t select_email = {
    .label = "loyalty_email",
    .sql = "SELECT Email FROM Addresses WHERE ContactId = %d AND DeletionFlag = 0"
           " AND Email IS NOT NULL AND Email <> '' ORDER BY"
           " CASE WHEN COALESCE(EmailStateId, 1) = 1 THEN 0 ELSE 1 END,"
           " CASE WHEN BrandId = CAST(%d AS INTEGER) THEN 0 WHEN BrandId IS NULL THEN 1 ELSE 2 END,"
           " AddressId LIMIT 1"};

/* Of a card and a contact, in this order. */
#define BELONGS(row)                                                                               \
    "(" row ".LoyaltyCardId = %d OR (" row ".LoyaltyCardId IS NULL AND " row ".ContactId = %d))"

/* Whether a moment lies between two columns: it, it, and the midnight before it. */
#define WITHIN(from, until)                                                                        \
    "(" from " IS NULL OR " from " <= %s)"                                                         \
    " AND (" until " IS NULL OR " until " > %s OR " until " = %s)"

static const crm_db_statement_t select_points = {
    .label = "loyalty_points",
    .sql = "SELECT n.PointTypeId, n.PointAmount, n.PointUsedAmount, n.PointExpiredAmount"
           " FROM LoyaltyPoints n WHERE " BELONGS("n") " AND n.DeletionFlag = 0 AND " WITHIN(
               "n.DatePoint", "n.ExpiredDatePoint")};

static const crm_db_statement_t select_point_types = {
    .label = "loyalty_point_types",
    .sql = "SELECT LoyaltyPointTypeId FROM LoyaltyPointTypes ORDER BY LoyaltyPointTypeId"};

static const crm_db_statement_t select_vouchers = {
    .label = "loyalty_vouchers",
    .sql = "SELECT " VOUCHER_VALUES(
        SELECTED) "v.DeletionFlag FROM Vouchers v"
                  " LEFT JOIN VoucherTypes t ON t.VoucherTypeId = v.VoucherTypeId"
                  " LEFT JOIN VoucherCategories c ON c.VoucherCategoryId = v.VoucherCategoryId"
                  " WHERE " BELONGS("v") " AND v.DeletionFlag = 0 AND v.UseDate IS NULL"
                                         " AND COALESCE(v.VoucherStateId, 1) = 1 AND " WITHIN(
                                             "v.ValidityStartDate",
                                             "v.ValidityEndDate") " ORDER BY v.VoucherId"};

static const crm_db_statement_t select_any_voucher = {
    .label = "loyalty_any_voucher",
    .sql = "SELECT 1 FROM Vouchers v WHERE " BELONGS("v") " LIMIT 1"};

static const crm_db_statement_t insert_action = {
    .label = "loyalty_action",
    .sql = "INSERT INTO LoyaltyCardActions (LoyaltyCardActionIdentifier, LoyaltyCardId, SourceId,"
           " LoyaltyCardActionTypeId, ActionDate) VALUES (%s, %d, %d, %d, %s)"
           " ON CONFLICT DO NOTHING"};

/* ---- reading ---- */

/* What all statements about one card take. */
typedef struct reading_t {
    crm_db_t *db;
    const char *card; /* ids as values */
    const char *contact;
    const char *brand;
    const char *now;
    const char *midnight;
    apr_pool_t *pool;
} reading_t;

static void add_value(apr_array_header_t *values, const char *name, crm_loyalty_kind_t kind,
                      const char *text)
{
    crm_loyalty_value_t *value = apr_array_push(values);

    value->name = name;
    value->kind = kind;
    value->text = text && *text ? text : NULL;
}

/* The values of a row, whose columns stand in the order of `names`. */
static apr_array_header_t *read_values(const crm_loyalty_value_t *names, int count,
                                       const crm_db_rows_t *rows, int row, apr_pool_t *pool)
{
    apr_array_header_t *values = apr_array_make(pool, count + 8, sizeof(crm_loyalty_value_t));
    int i;

    for (i = 0; i < count; i++) {
        add_value(values, names[i].name, names[i].kind, crm_db_cell(rows, row, i));
    }
    return values;
}

static const char *value_of(const apr_array_header_t *values, const char *name)
{
    int i;

    for (i = 0; i < values->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(values, i, crm_loyalty_value_t).name, name) == 0) {
            return APR_ARRAY_IDX(values, i, crm_loyalty_value_t).text;
        }
    }
    return NULL;
}

static apr_status_t read_email(crm_loyalty_card_t *card, const reading_t *reading)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, reading->db, &select_email,
                                    CRM_DB_VALUES(reading->contact, reading->brand), reading->pool);

    add_value(card->values, "Email", CRM_LOYALTY_TEXT, crm_db_cell(&rows, 0, 0));
    return rv;
}

/* ---- points ---- */

typedef struct balance_t {
    int type; /* 0 = of all types */
    crm_decimal_t amount;
} balance_t;

static balance_t *balance_of(apr_array_header_t *balances, int type)
{
    balance_t *balance;
    int i;

    for (i = 0; i < balances->nelts; i++) {
        balance = &APR_ARRAY_IDX(balances, i, balance_t);
        if (balance->type == type) {
            return balance;
        }
    }
    balance = apr_array_push(balances);
    balance->type = type;
    balance->amount = 0;
    return balance;
}

/* What is left of a row of points. */
static apr_status_t left_of(crm_decimal_t *left, const crm_db_rows_t *rows, int row)
{
    apr_status_t rv = APR_SUCCESS;
    crm_decimal_t amount;
    int column;

    *left = 0;
    for (column = 1; column < 4 && rv == APR_SUCCESS; column++) {
        const char *cell = crm_db_cell(rows, row, column);

        if (cell) {
            rv = crm_decimal_parse(&amount, cell);
            if (rv == APR_SUCCESS) {
                rv = crm_decimal_add(left, column == 1 ? amount : -amount);
            }
        }
    }
    return rv;
}

static apr_status_t add_up(apr_array_header_t *balances, const crm_db_rows_t *rows)
{
    apr_status_t rv = APR_SUCCESS;
    crm_decimal_t left;
    int i, type;

    for (i = 0; i < rows->count && rv == APR_SUCCESS; i++) {
        type = (int)crm_db_number(rows, i, 0);
        rv = left_of(&left, rows, i);
        if (rv == APR_SUCCESS) {
            rv = crm_decimal_add(&balance_of(balances, 0)->amount, left);
        }
        if (rv == APR_SUCCESS && type > 0) {
            rv = crm_decimal_add(&balance_of(balances, type)->amount, left);
        }
    }
    return rv;
}

/* Points, and PointsN for each type there is or that has rows. */
static apr_status_t read_points(crm_loyalty_card_t *card, const reading_t *reading)
{
    apr_array_header_t *balances = apr_array_make(reading->pool, 8, sizeof(balance_t));
    crm_db_rows_t rows;
    apr_status_t rv =
        crm_db_select(&rows, reading->db, &select_point_types, NULL, 0, reading->pool);
    int i;

    balance_of(balances, 0);
    for (i = 0; i < rows.count; i++) {
        balance_of(balances, (int)crm_db_number(&rows, i, 0));
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_select(&rows, reading->db, &select_points,
                           CRM_DB_VALUES(reading->card, reading->contact, reading->now,
                                         reading->now, reading->midnight),
                           reading->pool);
    }
    if (rv == APR_SUCCESS && add_up(balances, &rows) != APR_SUCCESS) {
        crm_db_note(reading->db, "an amount of LoyaltyPoints is no decimal, or too large");
        rv = CRM360_EDATA;
    }
    for (i = 0; i < balances->nelts && rv == APR_SUCCESS; i++) {
        const balance_t *balance = &APR_ARRAY_IDX(balances, i, balance_t);

        add_value(card->values,
                  balance->type ? apr_psprintf(reading->pool, "Points%d", balance->type) : "Points",
                  CRM_LOYALTY_DECIMAL, crm_decimal_text(balance->amount, reading->pool));
    }
    return rv;
}

/* ---- vouchers ---- */

static apr_status_t read_vouchers(crm_loyalty_card_t *card, const reading_t *reading)
{
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, reading->db, &select_vouchers,
                                    CRM_DB_VALUES(reading->card, reading->contact, reading->now,
                                                  reading->now, reading->midnight),
                                    reading->pool);
    int i;

    card->vouchers = apr_array_make(reading->pool, rows.count + 1, sizeof(apr_array_header_t *));
    for (i = 0; i < rows.count; i++) {
        APR_ARRAY_PUSH(card->vouchers, apr_array_header_t *) =
            read_values(voucher_values, VOUCHER_COLUMNS, &rows, i, reading->pool);
    }
    card->had_vouchers = rows.count > 0;
    if (rv == APR_SUCCESS && !card->had_vouchers) {
        rv = crm_db_select(&rows, reading->db, &select_any_voucher,
                           CRM_DB_VALUES(reading->card, reading->contact), reading->pool);
        card->had_vouchers = rows.count > 0;
    }
    return rv;
}

/* ---- the whole ---- */

/* The midnight before a moment, both as texts. */
static const char *midnight_of(const char *moment, apr_pool_t *pool)
{
    return apr_pstrcat(pool, apr_pstrmemdup(pool, moment, strcspn(moment, "T")), "T00:00:00", NULL);
}

apr_status_t crm_loyalty_read(crm_loyalty_card_t *card, crm_db_t *db, int card_id, apr_time_t now,
                              apr_pool_t *pool)
{
    reading_t reading = {.db = db,
                         .card = crm_db_int(card_id, pool),
                         .now = crm_date_text(now / 1000, pool),
                         .pool = pool};
    crm_db_rows_t rows;
    apr_status_t rv = crm_db_select(&rows, db, &select_card, CRM_DB_VALUES(reading.card), pool);

    memset(card, 0, sizeof(*card));
    if (rv != APR_SUCCESS || rows.count == 0) {
        return rv;
    }
    card->id = card_id;
    card->values = read_values(card_values, CARD_COLUMNS, &rows, 0, pool);
    card->deleted = crm_db_number(&rows, 0, CARD_COLUMNS) != 0;
    card->contact_deleted = crm_db_number(&rows, 0, CARD_COLUMNS + 1) != 0;
    card->number = value_of(card->values, "CardNumber");
    card->contact_identifier = value_of(card->values, "ContactIdentifier");
    reading.contact = value_of(card->values, "ContactId");
    reading.brand = value_of(card->values, "BrandId");
    reading.midnight = midnight_of(reading.now, pool);
    card->contact_id = reading.contact ? (int)apr_atoi64(reading.contact) : 0;
    rv = read_email(card, &reading);
    if (rv == APR_SUCCESS) {
        rv = read_points(card, &reading);
    }
    return rv == APR_SUCCESS ? read_vouchers(card, &reading) : rv;
}

apr_status_t crm_loyalty_act(crm_db_t *db, int card_id, crm_loyalty_action_t action, int source_id,
                             const char *message_id, apr_time_t now, apr_pool_t *pool)
{
    return crm_db_execute(NULL, db, &insert_action,
                          CRM_DB_VALUES(message_id, crm_db_int(card_id, pool),
                                        crm_db_int(source_id, pool), crm_db_int(action, pool),
                                        crm_date_text(now / 1000, pool)),
                          pool);
}
