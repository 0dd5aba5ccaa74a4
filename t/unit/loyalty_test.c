/*
 * Loyalty cards as they are at a moment: which points and vouchers count, and to the thousandth;
 * which of the owner's mail addresses is taken; and the note of what happens to a card.
 */
#include "crm/loyalty.h"

#include "t/unit/handler_tools.h"

#define CARD 5
#define LEA 1

/* 2026-03-31 12:00:00 UTC */
#define NOW apr_time_from_sec(1774958400)
#define EARLIER "'2026-03-31T11:59:59'"
#define MOMENT "'2026-03-31T12:00:00'"
#define LATER "'2026-03-31T12:00:01'"
#define TODAY "'2026-03-31T00:00:00'"
#define YESTERDAY "'2026-03-30T00:00:00'"

static apr_status_t last; /* of read_card() */

/* A card as it is at NOW. */
static crm_loyalty_card_t read_card(int id)
{
    crm_loyalty_card_t card;

    if (crm_db_begin(db) != APR_SUCCESS) {
        ok(0, "no transaction: %s", crm_db_error(db));
    }
    last = crm_loyalty_read(&card, db, id, NOW, pool);
    crm_db_rollback(db);
    return card;
}

static const char *value_of(const apr_array_header_t *values, const char *name)
{
    int i;

    for (i = 0; values && i < values->nelts; i++) {
        const crm_loyalty_value_t *value = &APR_ARRAY_IDX(values, i, crm_loyalty_value_t);

        if (strcmp(value->name, name) == 0) {
            return value->text ? value->text : "none";
        }
    }
    return "no such value";
}

/* One value of the card as it is now. */
static const char *card_value(const char *name)
{
    crm_loyalty_card_t card = read_card(CARD);

    return last == APR_SUCCESS ? value_of(card.values, name) : crm_db_error(db);
}

/* The identifiers of its valid vouchers, and whether it ever had one. */
static const char *vouchers(void)
{
    crm_loyalty_card_t card = read_card(CARD);
    const char *text = card.had_vouchers ? "had:" : "never:";
    int i;

    for (i = 0; last == APR_SUCCESS && i < card.vouchers->nelts; i++) {
        text = apr_pstrcat(
            pool, text, " ",
            value_of(APR_ARRAY_IDX(card.vouchers, i, apr_array_header_t *), "VoucherIdentifier"),
            NULL);
    }
    return last == APR_SUCCESS ? text : crm_db_error(db);
}

/* Léa with card 5, and somebody else with another. */
static void fill(void)
{
    tools_execute(
        section,
        "DELETE FROM LoyaltyCardActions; DELETE FROM LoyaltyPoints; DELETE FROM LoyaltyCards;"
        "DELETE FROM LoyaltyCardTypes WHERE LoyaltyCardTypeId = 7;"
        "DELETE FROM LoyaltyPointTypes WHERE LoyaltyPointTypeId = 9;"
        "DELETE FROM VoucherCategories; DELETE FROM Brands");
    empty();
    tools_execute(
        section,
        "INSERT INTO Contacts (ContactId, FirstName, LastName, CivilityId, BirthDate) VALUES"
        " (1, 'Léa', 'Marchand', 2, '1990-05-17T00:00:00'), (2, 'Bob', '', NULL, NULL);"
        "INSERT INTO LoyaltyCards (LoyaltyCardId, LoyaltyCardIdentifier, ContactId, SourceId,"
        " BrandId) VALUES (5, '2990000012345', 1, 12, 3), (6, 'other', 2, 12, NULL)");
}

/* ---- points ---- */

/* A row of points of the card, but for what `set` says. */
static void put_points(const char *set)
{
    tools_execute(
        section, apr_pstrcat(pool,
                             "DELETE FROM LoyaltyPoints;"
                             "INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, ContactId,"
                             " SourceId, PointAmount) VALUES ('x', 5, 1, 12, '10.000');"
                             "UPDATE LoyaltyPoints SET ",
                             set, NULL));
}

static void balance_rules(void)
{
    static const struct {
        const char *set, *points, *what;
    } cases[] = {
        {"PointAmount = '10.000'", "10.000", "a row counts"},
        {"PointOriginalAmount = '70.000'", "10.000", "what it was at first does not matter"},
        {"PointUsedAmount = '4.000'", "6.000", "what was used is taken off"},
        {"PointExpiredAmount = '0.500'", "9.500", "what has expired is taken off"},
        {"PointUsedAmount = '4.125', PointExpiredAmount = '5.875'", "0.000", "all of it is gone"},
        {"PointAmount = NULL", "0.000", "no amount is none"},
        {"PointAmount = '-3.000'", "-3.000", "a loss is taken off"},
        {"DeletionFlag = 1", "0.000", "a deleted row does not count"},
        {"DatePoint = " EARLIER, "10.000", "points of a moment ago"},
        {"DatePoint = " MOMENT, "10.000", "points of this moment"},
        {"DatePoint = " LATER, "0.000", "points to come do not count yet"},
        {"ExpiredDatePoint = " EARLIER, "0.000", "expired a moment ago"},
        {"ExpiredDatePoint = " MOMENT, "0.000", "expired at this moment"},
        {"ExpiredDatePoint = " LATER, "10.000", "not expired yet"},
        {"ExpiredDatePoint = " TODAY, "10.000", "a day without a time is the whole day"},
        {"ExpiredDatePoint = " YESTERDAY, "0.000", "and no longer"},
        {"DatePoint = " LATER ", ExpiredDatePoint = " LATER, "0.000", "both dates hold"},
        {"LoyaltyCardId = NULL", "10.000", "points of the contact without a card"},
        {"LoyaltyCardId = NULL, ContactId = 2", "0.000", "points of another contact"},
        {"LoyaltyCardId = NULL, ContactId = NULL", "0.000", "points of nobody"},
        {"ContactId = NULL", "10.000", "points of the card without a contact"},
        {"ContactId = 2", "10.000", "points of the card that another contact earned"},
        {"LoyaltyCardId = 6", "0.000", "points of another card, though of this contact"},
        {"PointAmount = '0.001'", "0.001", "a thousandth"},
    };
    size_t i;

    fill();
    is_text(card_value("Points"), "0.000", "a card without points has none");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_points(cases[i].set);
        is_text(card_value("Points"), cases[i].points, cases[i].what);
    }
}

static void sums(void)
{
    fill();
    tools_execute(section, "INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId,"
                           " PointTypeId, PointAmount) VALUES ('a', 5, 12, 1, '0.100'),"
                           " ('b', 5, 12, 1, '0.200'), ('c', 5, 12, 2, '100000000000000.000'),"
                           " ('d', 5, 12, NULL, '-0.001'), ('e', 5, 12, 9, '7.000')");
    is_text(card_value("Points"), "100000000000007.299", "a sum that no floating point has");
    is_text(card_value("Points1"), "0.300", "of one type");
    is_text(card_value("Points2"), "100000000000000.000", "of another");
    is_text(card_value("Points3"), "0.000", "of a type without rows");
    is_text(card_value("Points9"), "7.000", "of a type that is in no table");
    is_text(card_value("Points4"), "no such value", "of no type");
    tools_execute(section, "INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId,"
                           " PointAmount) VALUES ('f', 5, 12, '999999999999999.000')");
    read_card(CARD);
    is_number(last, CRM360_EDATA, "a sum that is too large is no sum");
    ok(strstr(crm_db_error(db), "LoyaltyPoints") != NULL, "  which is said: %s", crm_db_error(db));
    if (!tools_pgsql()) {
        put_points("PointAmount = 'ten'");
        read_card(CARD);
        is_number(last, CRM360_EDATA, "an amount that is no number");
    }
}

static void many_rows(void)
{
    fill();
    tools_execute(
        section, "INSERT INTO LoyaltyPoints (PointIdentifier, LoyaltyCardId, SourceId, PointAmount)"
                 " WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
                 " SELECT CAST(i AS TEXT), 5, 12, '0.001' FROM n");
    is_text(card_value("Points"), "2.000", "two thousand rows");
}

/* ---- vouchers ---- */

static void put_voucher(const char *set)
{
    tools_execute(section,
                  apr_pstrcat(pool,
                              "DELETE FROM Vouchers;"
                              "INSERT INTO Vouchers (VoucherIdentifier, LoyaltyCardId, ContactId,"
                              " SourceId) VALUES ('v', 5, 1, 12);"
                              "UPDATE Vouchers SET ",
                              set, NULL));
}

static void voucher_rules(void)
{
    static const struct {
        const char *set, *vouchers, *what;
    } cases[] = {
        {"VoucherStateId = NULL", "had: v", "a voucher without a state is valid"},
        {"VoucherStateId = 1", "had: v", "one whose state is valid"},
        {"VoucherStateId = 2", "had:", "one that is used"},
        {"VoucherStateId = 3", "had:", "one that has expired"},
        {"VoucherStateId = 4", "had:", "one that is cancelled"},
        {"UseDate = " EARLIER, "had:", "one with a date of use"},
        {"DeletionFlag = 1", "had:", "a deleted one"},
        {"ValidityStartDate = " MOMENT, "had: v", "valid from now on"},
        {"ValidityStartDate = " LATER, "had:", "valid later"},
        {"ValidityEndDate = " MOMENT, "had:", "valid until now"},
        {"ValidityEndDate = " LATER, "had: v", "valid a little longer"},
        {"ValidityEndDate = " TODAY, "had: v", "valid until today, all day"},
        {"ValidityEndDate = " YESTERDAY, "had:", "valid until yesterday"},
        {"LoyaltyCardId = NULL", "had: v", "of the contact, for any card"},
        {"LoyaltyCardId = 6", "never:", "of another card"},
        {"LoyaltyCardId = NULL, ContactId = 2", "never:", "of another contact"},
        {"ContactId = NULL", "had: v", "of the card, of no contact"},
    };
    crm_loyalty_card_t card;
    size_t i;

    fill();
    is_text(vouchers(), "never:", "no voucher ever");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_voucher(cases[i].set);
        is_text(vouchers(), cases[i].vouchers, cases[i].what);
    }
    fill();
    tools_execute(section,
                  "INSERT INTO VoucherCategories (VoucherCategoryId, Identifier, Label, SourceId)"
                  " VALUES (4, 'k', 'Birthday', 12);"
                  "INSERT INTO Vouchers (VoucherId, VoucherIdentifier, VoucherCode, ContactId,"
                  " SourceId, VoucherTypeId, VoucherCategoryId, Amount, CurrencyId,"
                  " ValidityStartDate, ValidityEndDate)"
                  " VALUES (8, 'v8', 'TEN', 1, 12, 1, 4, '10.000', 'EUR', " TODAY ", " LATER "),"
                  " (7, 'v7', '', 1, 12, NULL, NULL, NULL, NULL, NULL, NULL)");
    is_text(vouchers(), "had: v7 v8", "two of them, in the order of their numbers");
    card = read_card(CARD);
    {
        static const char *const names[][2] = {
            {"VoucherId", "8"},
            {"VoucherIdentifier", "v8"},
            {"VoucherCode", "TEN"},
            {"VoucherTypeId", "1"},
            {"VoucherType", "Fixed amount"},
            {"VoucherCategory", "Birthday"},
            {"VoucherAmount", "10.000"},
            {"VoucherCurrencyId", "EUR"},
            {"VoucherStartDate", "2026-03-31T00:00:00"},
            {"VoucherEndDate", "2026-03-31T12:00:01"},
        };
        apr_array_header_t *empty_one = APR_ARRAY_IDX(card.vouchers, 0, apr_array_header_t *);
        apr_array_header_t *full = APR_ARRAY_IDX(card.vouchers, 1, apr_array_header_t *);

        for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            is_text(value_of(full, names[i][0]), names[i][1], names[i][0]);
        }
        is_text(value_of(empty_one, "VoucherCode"), "none", "an empty text is none");
        is_number(full->nelts, (long long)(sizeof(names) / sizeof(names[0])), "these are all");
    }
}

/* ---- the card and its owner ---- */

static void cards(void)
{
    crm_loyalty_card_t card;

    fill();
    card = read_card(77);
    is_number(last, APR_SUCCESS, "a card that there is not");
    is_number(card.id, 0, "  is not there");
    tools_execute(section,
                  "INSERT INTO Stores (StoreId, Identifier, Label, SourceId) VALUES (4, 'LDN-01',"
                  " 'London', 12); INSERT INTO Brands (BrandId, Label) VALUES (3, 'Maison');"
                  "INSERT INTO LoyaltyCardTypes (LoyaltyCardTypeId, Label) VALUES (7, 'Gold');"
                  "UPDATE LoyaltyCards SET StoreId = 4, LoyaltyCardTypeId = 7, CreationDate ="
                  " '2025-01-02T03:04:05', FreeField2 = 'two', FreeFieldNumber3 = '3.500',"
                  " FreeFieldDateTime4 = '2026-01-01T00:00:00', FreeFieldBoolean5 = 1"
                  " WHERE LoyaltyCardId = 5;"
                  "INSERT INTO ContactIdentifiers VALUES ('1', 'email:lea@example.fr', 1, 12),"
                  " ('2', 'z9', 1, 12), ('3', 'b7', 1, 12), ('4', 'a1', 1, 13)");
    card = read_card(CARD);
    {
        static const char *const values[][2] = {
            {"LoyaltyCardId", "5"},
            {"CardNumber", "2990000012345"},
            {"CardIdentifier", "2990000012345"},
            {"CardTypeId", "7"},
            {"CardType", "Gold"},
            {"CardCreationDate", "2025-01-02T03:04:05"},
            {"CardExpirationDate", "none"},
            {"BrandId", "3"},
            {"Brand", "Maison"},
            {"Store", "LDN-01"},
            {"StoreLabel", "London"},
            {"ContactId", "1"},
            {"ContactIdentifier", "b7"},
            {"Civility", "Mme"},
            {"FirstName", "Léa"},
            {"LastName", "Marchand"},
            {"CompanyName", "none"},
            {"BirthDate", "1990-05-17T00:00:00"},
            {"LanguageId", "none"},
            {"FreeField1", "none"},
            {"FreeField2", "two"},
            {"FreeFieldNumber3", "3.500"},
            {"FreeFieldDateTime4", "2026-01-01T00:00:00"},
            {"FreeFieldBoolean5", "1"},
        };
        size_t i;

        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            is_text(value_of(card.values, values[i][0]), values[i][1], values[i][0]);
        }
    }
    is_number(card.contact_id, LEA, "its contact");
    is_text(card.contact_identifier, "b7", "  what its source calls him");
    ok(!card.deleted && !card.contact_deleted, "neither is deleted");
    tools_execute(section, "UPDATE LoyaltyCards SET LoyaltyCardNumber = '299 1', DeletionFlag = 1"
                           " WHERE LoyaltyCardId = 5; UPDATE Contacts SET DeletionFlag = 1");
    card = read_card(CARD);
    is_text(card.number, "299 1", "a number of its own");
    ok(card.deleted && card.contact_deleted, "both are deleted");
    tools_execute(section, "UPDATE LoyaltyCards SET ContactId = NULL, LoyaltyCardNumber = ''");
    card = read_card(CARD);
    is_number(last, APR_SUCCESS, "a card of nobody");
    is_text(card.number, "2990000012345", "  has a number");
    ok(card.contact_id == 0 && !card.contact_identifier, "  and no contact");
    is_text(value_of(card.values, "LastName"), "none", "  nor a name");
}

static void put_address(int id, const char *email, const char *brand, const char *state,
                        int deleted)
{
    tools_execute(section,
                  apr_psprintf(pool,
                               "INSERT INTO Addresses (AddressId, ContactId, Email, BrandId,"
                               " EmailStateId, DeletionFlag) VALUES (%d, 1, '%s', %s, %s, %d)",
                               id, email, brand, state, deleted));
}

static void emails(void)
{
    fill();
    is_text(card_value("Email"), "none", "no address");
    put_address(9, "", "3", "NULL", 0);
    is_text(card_value("Email"), "none", "an empty one");
    put_address(8, "bounced@example.fr", "30", "2", 0);
    is_text(card_value("Email"), "bounced@example.fr",
            "one that does not work, for want of better");
    put_address(7, "other@example.fr", "4", "1", 0);
    is_text(card_value("Email"), "other@example.fr", "one of another brand that works");
    put_address(6, "none@example.fr", "NULL", "NULL", 0);
    is_text(card_value("Email"), "none@example.fr", "one of no brand");
    tools_execute(section, "UPDATE Addresses SET Email = 'own@example.fr' WHERE AddressId = 9");
    is_text(card_value("Email"), "own@example.fr", "one of the card's brand");
    tools_execute(section, "UPDATE Addresses SET DeletionFlag = 1 WHERE AddressId = 9");
    is_text(card_value("Email"), "none@example.fr", "but not a deleted one");
    tools_execute(section, "UPDATE LoyaltyCards SET BrandId = NULL");
    is_text(card_value("Email"), "none@example.fr", "a card of no brand");
}

/* ---- what happens to a card ---- */

static void actions(void)
{
    apr_status_t rv;

    fill();
    rv = crm_db_begin(db);
    if (rv == APR_SUCCESS) {
        rv = crm_loyalty_act(db, CARD, CRM_LOYALTY_SENT, 81, "M1", NOW, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_loyalty_act(db, CARD, CRM_LOYALTY_NO_PASS, 81, "M1", NOW, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_loyalty_act(db, 6, CRM_LOYALTY_NO_PASS, 81, "M2", NOW, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = crm_db_commit(db);
    }
    ok(rv == APR_SUCCESS, "actions: %s", crm_db_error(db));
    is_text(ask("SELECT LoyaltyCardActionIdentifier, LoyaltyCardId, SourceId,"
                " LoyaltyCardActionTypeId, ActionDate, DeletionFlag FROM LoyaltyCardActions"
                " ORDER BY 1"),
            "M1|5|81|1|2026-03-31T12:00:00|0\nM2|6|81|2|2026-03-31T12:00:00|0",
            "one row for each message");
}

int main(void)
{
    start();
    balance_rules();
    sums();
    many_rows();
    voucher_rules();
    cards();
    emails();
    actions();
    crm_db_close(db);
    return tap_done();
}
