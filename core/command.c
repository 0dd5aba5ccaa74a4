/*
 * The fields of the commands, and checking them (the contract stands in command.h). What is a
 * command, and what it needs, stands in the table below and nowhere else. Must never quote a value:
 * the sentences go to logs and dead letters.
 */
#include "core/command.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "core/json.h"
#include "core/json_scan.h"
#include "core/mail_address.h"

#define BLANKS " \t\r\n"

#define PHONE_DIGITS 20 /* most; E.164 has 15, and people write 00 and (0) */

/* What the ids are in the OData pages: Int16 and Int32. */
#define INT16_MOST 32767
#define INT32_MOST 2147483647

#define TEXT CRM360_FIELD_TEXT
#define OPTIONAL CRM360_FIELD_OPTIONAL
#define REQUIRED CRM360_FIELD_REQUIRED

/* In the order of the API's page. */
static const crm360_command_t commands[] = {
    {"Crm360/Sms/Send",
     {{"MobilePhoneNumber", CRM360_FIELD_PHONE, REQUIRED, 0,
       "The number, in national or international form."},
      {"MobilePhoneCountryIso3", TEXT, OPTIONAL, 0,
       "The country of a number in national form: three letters (ISO 3166-1)."},
      {"Sender", TEXT, OPTIONAL, 0, "The name that the phone shows."},
      {"Message", TEXT, REQUIRED, 0, "The text."},
      {"Crm360EventChannelId", CRM360_FIELD_ID, OPTIONAL, INT16_MOST,
       "The number of an event channel, for the timeline."},
      {"Crm360EventCategoryId", CRM360_FIELD_ID, OPTIONAL, INT16_MOST,
       "The number of an event category, for the timeline."}}},
    {"Crm360/Email/Send",
     {{"EmailTo", CRM360_FIELD_ADDRESSES, REQUIRED, 0, "To whom it goes."},
      {"SenderEmail", CRM360_FIELD_ADDRESS, CRM360_FIELD_SENDER, 0,
       "From whom it comes; may be left out where the database's settings name a sender."},
      {"SenderAlias", TEXT, OPTIONAL, 0, "The name of the sender."},
      {"ReplyTo", CRM360_FIELD_ADDRESS, OPTIONAL, 0, "Where answers go."},
      {"Subject", TEXT, REQUIRED, 0, "The subject; may hold placeholders {{var:Name}}."},
      {"HtmlMessage", TEXT, CRM360_FIELD_ONE_OF, 0,
       "The text as HTML; may hold placeholders. This, or TextMessage, or both."},
      {"TextMessage", TEXT, CRM360_FIELD_ONE_OF, 0,
       "The text without formatting; may hold placeholders. This, or HtmlMessage, or both."},
      {"VariablePersoJson", CRM360_FIELD_OBJECT, OPTIONAL, 0,
       "What stands in the place of each placeholder."}}},
    {"CaptainWallet/LoyaltyCard/SendUpdate",
     {{"LoyaltyCardId", CRM360_FIELD_ID, REQUIRED, INT32_MOST, "The number of the loyalty card."}}},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const crm360_command_t *crm360_command_find(const crm360_route_t *route)
{
    size_t i;

    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].route, route->name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const char *crm360_command_key(json_object *body, const char *name)
{
    struct json_object_iterator at = json_object_iter_begin(body);
    struct json_object_iterator end = json_object_iter_end(body);

    if (json_object_object_get_ex(body, name, NULL)) {
        return name;
    }
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        if (apr_cstr_casecmp(json_object_iter_peek_name(&at), name) == 0) {
            return json_object_iter_peek_name(&at);
        }
    }
    return NULL;
}

/* ---- what a field must be ---- */

const char *crm360_field_expected(const crm360_field_t *field, apr_pool_t *pool)
{
    switch (field->kind) {
    case CRM360_FIELD_ADDRESS:
        return "a mail address such as name@example.org";
    case CRM360_FIELD_ADDRESSES:
        return "a mail address such as name@example.org, or several parted by , or ;";
    case CRM360_FIELD_PHONE:
        return "a phone number";
    case CRM360_FIELD_OBJECT:
        return "an object, or the JSON text of one";
    case CRM360_FIELD_ID:
        return apr_psprintf(pool, "a whole number from 1 to %d", field->most);
    case CRM360_FIELD_TEXT:
        break;
    }
    return "a text";
}

/* A domain in other letters than ASCII is for whoever can turn it into ASCII. */
static int address_ok(const char *text)
{
    const char *c;

    for (c = text; *c && *c != '@'; c++) {
        if ((unsigned char)*c >= 0x80) {
            return 0;
        }
    }
    for (; *c; c++) {
        if ((unsigned char)*c >= 0x80) {
            return 1;
        }
    }
    return crm360_mail_address_ok(text);
}

/* Every one of a list, and at least one. */
static int addresses_ok(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_cstr_split(text, ",;", 1, pool);
    int i;

    for (i = 0; i < list->nelts; i++) {
        if (!address_ok(APR_ARRAY_IDX(list, i, const char *))) {
            return 0;
        }
    }
    return list->nelts > 0;
}

static int phone_ok(const char *text)
{
    int digits = 0;

    for (; *text; text++) {
        digits += apr_isdigit(*text) != 0;
    }
    return digits > 0 && digits <= PHONE_DIGITS;
}

static int id_ok(const char *text, int most)
{
    apr_size_t digits = strspn(text, "0123456789");

    text += strspn(text, "0");
    return digits > 0 && text[strspn(text, "0123456789")] == '\0' && strlen(text) <= 10 &&
           apr_atoi64(text) >= 1 && apr_atoi64(text) <= most;
}

/* Whether a text is one object in relaxed JSON, and no more than `most` values: building it may
 * take eight hundred bytes for each. */
static int object_ok(const char *text, apr_size_t len, int most, apr_pool_t *pool)
{
    crm360_scan_t scan = {.data = text, .len = len, .counts = 1};

    scan.repairs = apr_array_make(pool, 16, sizeof(crm360_repair_t));
    crm360_scan_blanks(&scan);
    if (crm360_scan_look(&scan) != '{' || crm360_scan_value(&scan) != NULL) {
        return 0;
    }
    crm360_scan_blanks(&scan);
    return scan.at == len && scan.values <= most && scan.repairs->nelts < CRM360_SCAN_REPAIRS;
}

/* Whether a value that is there is what its field must be. */
static int value_ok(const crm360_field_t *field, const char *value, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, value + strspn(value, BLANKS));
    apr_size_t len;

    for (len = strlen(text); len > 0 && strchr(BLANKS, text[len - 1]); len--) {
        text[len - 1] = '\0';
    }
    switch (field->kind) {
    case CRM360_FIELD_ADDRESS:
        return address_ok(text);
    case CRM360_FIELD_ADDRESSES:
        return addresses_ok(text, pool);
    case CRM360_FIELD_PHONE:
        return phone_ok(text);
    case CRM360_FIELD_ID:
        return id_ok(text, field->most);
    case CRM360_FIELD_OBJECT:
        return object_ok(text, strlen(text), CRM360_SCAN_VALUES, pool);
    case CRM360_FIELD_TEXT:
        break;
    }
    return 1;
}

/* ---- checking ---- */

const char *crm360_command_text(json_object *body, const char *name, apr_pool_t *pool)
{
    const char *key = crm360_command_key(body, name), *from;
    json_object *value = key ? json_object_object_get(body, key) : NULL;
    char *text, *to;
    int i, len;

    if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double)) {
        return apr_pstrdup(pool, json_object_get_string(value));
    }
    if (!json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    from = json_object_get_string(value);
    len = json_object_get_string_len(value);
    text = to = apr_palloc(pool, (apr_size_t)len + 1);
    for (i = 0; i < len; i++) {
        if (from[i] != '\0') {
            *to++ = from[i];
        }
    }
    *to = '\0';
    return text[strspn(text, BLANKS)] ? text : NULL;
}

typedef enum { MEMBER_NONE, MEMBER_WRONG, MEMBER_GOOD } member_t;

static member_t look_at(json_object *body, const crm360_field_t *field, apr_pool_t *pool)
{
    const char *key = crm360_command_key(body, field->name);
    json_object *value = key ? json_object_object_get(body, key) : NULL;
    const char *text = crm360_command_text(body, field->name, pool);

    if (text) {
        return value_ok(field, text, pool) ? MEMBER_GOOD : MEMBER_WRONG;
    }
    if (!value || json_object_is_type(value, json_type_string)) {
        return MEMBER_NONE;
    }
    return field->kind == CRM360_FIELD_OBJECT && json_object_is_type(value, json_type_object)
               ? MEMBER_GOOD
               : MEMBER_WRONG;
}

static apr_status_t refuse(crm360_param_error_t *error, const crm360_field_t *field,
                           const char *names, const char *fault, apr_pool_t *pool)
{
    error->parameter = field->name;
    error->detail = apr_pstrcat(pool, names, fault, crm360_field_expected(field, pool), NULL);
    return APR_EINVAL;
}

static int is_required(const crm360_field_t *field, const crm360_database_t *database)
{
    return field->need == REQUIRED ||
           (field->need == CRM360_FIELD_SENDER && database && !database->email_from);
}

apr_status_t crm360_command_check(crm360_param_error_t *error, const crm360_command_t *command,
                                  json_object *body, const crm360_database_t *database,
                                  apr_pool_t *pool)
{
    static const char missing[] = " is missing or empty; it must be ";
    const crm360_field_t *field, *first = NULL;
    const char *lacking = NULL; /* the names of which one must be there */
    int found = 0;

    for (field = command->fields; field->name; field++) {
        member_t member = look_at(body, field, pool);

        if (member == MEMBER_WRONG) {
            return refuse(error, field, field->name, " must be ", pool);
        }
        if (member == MEMBER_NONE && is_required(field, database)) {
            return refuse(error, field, field->name, missing, pool);
        }
        if (field->need == CRM360_FIELD_ONE_OF) {
            found |= member == MEMBER_GOOD;
            lacking = lacking ? apr_pstrcat(pool, lacking, " or ", field->name, NULL) : field->name;
            first = first ? first : field;
        }
    }
    return lacking && !found ? refuse(error, first, lacking, missing, pool) : APR_SUCCESS;
}

apr_status_t crm360_command_glance(crm360_param_error_t *error, const crm360_command_t *command,
                                   const char *body, apr_size_t len,
                                   const crm360_database_t *database, apr_pool_t *pool)
{
    const crm360_field_t *field;
    json_object *object;
    const char *why;

    if (len > CRM360_COMMAND_GLANCE || !object_ok(body, len, CRM360_COMMAND_GLANCE_VALUES, pool) ||
        crm360_json_parse_relaxed(&object, &why, body, len, pool) != APR_SUCCESS) {
        return APR_SUCCESS;
    }
    for (field = command->fields; field->name; field++) {
        if (crm360_command_key(object, field->name)) {
            return crm360_command_check(error, command, object, database, pool);
        }
    }
    return APR_SUCCESS;
}
