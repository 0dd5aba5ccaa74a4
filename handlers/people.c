/* Reading what is written about a person (see people.h). Must never log or guess what it reads. */
#include "handlers/people.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#include "crm/date.h"
#include "outbound/phone.h"

#define EMAIL_MOST 254 /* RFC 5321 4.5.3.1.3, without the angle brackets */
#define LOCAL_MOST 64  /* RFC 5321 4.5.3.1.1 */
#define BIRTH_LEAST 1900
#define FORM_MOST 15 /* bytes of a form of address */

/* ---- mail ---- */

/* Letters, digits and what RFC 5322 3.2.3 allows in an atom; letters beyond ASCII as in RFC
 * 6532. */
static int is_atom(const char *text, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        if (!apr_isalnum(text[i]) && !strchr("!#$%&'*+-/=?^_`{|}~.", text[i]) &&
            (unsigned char)text[i] < 0x80) {
            return 0;
        }
        if (text[i] == '.' && (i == 0 || i + 1 == length || text[i + 1] == '.')) {
            return 0;
        }
    }
    return length > 0;
}

/* Names of hosts as they can be reached from outside: two labels at least. */
static int is_domain(const char *text)
{
    size_t i, length = strlen(text);

    for (i = 0; i < length; i++) {
        if (!apr_isalnum(text[i]) && text[i] != '-' && text[i] != '.' &&
            (unsigned char)text[i] < 0x80) {
            return 0;
        }
        if ((text[i] == '.' || text[i] == '-') &&
            (i == 0 || i + 1 == length || text[i - 1] == '.')) {
            return 0;
        }
    }
    return strchr(text, '.') != NULL;
}

int handler_people_email(crm_person_t *person, const char *version, const char *text)
{
    const char *at = text ? strrchr(text, '@') : NULL;

    if (!at || strlen(text) > EMAIL_MOST || at - text > LOCAL_MOST ||
        !is_atom(text, (size_t)(at - text)) || !is_domain(at + 1)) {
        return 0;
    }
    crm_news_say(&person->address[CRM_ADDRESS_EMAIL], version, text);
    return 1;
}

/* ---- phones ---- */

static void say_number(crm_news_t *news, const char *version, const outbound_phone_t *phone,
                       apr_pool_t *pool)
{
    crm_news_say(news, version, apr_pstrdup(pool, phone->e164));
    news->values[1] = phone->country;
}

handler_people_phone_t handler_people_phone(crm_person_t *person, const char *version,
                                            const char *text, const char *country, apr_pool_t *pool)
{
    outbound_phone_t phone;

    if (!text || outbound_phone_parse(&phone, text, country) != APR_SUCCESS) {
        return HANDLER_PEOPLE_NO_PHONE;
    }
    if (phone.kind == OUTBOUND_PHONE_FIXED) {
        say_number(&person->address[CRM_ADDRESS_HOME_PHONE], version, &phone, pool);
        return HANDLER_PEOPLE_HOME;
    }
    say_number(&person->address[CRM_ADDRESS_MOBILE_PHONE], version, &phone, pool);
    return HANDLER_PEOPLE_MOBILE;
}

int handler_people_home_phone(crm_person_t *person, const char *version, const char *text,
                              const char *country, apr_pool_t *pool)
{
    outbound_phone_t phone;

    if (!text || outbound_phone_parse(&phone, text, country) != APR_SUCCESS) {
        return 0;
    }
    say_number(&person->address[CRM_ADDRESS_HOME_PHONE], version, &phone, pool);
    return 1;
}

/* ---- who ---- */

/* "17/05/1990" as "1990-05-17"; what looks otherwise is given back as it is. */
static const char *year_first(const char *text, apr_pool_t *pool)
{
    size_t day = strspn(text, "0123456789"), month, year;
    const char *at = text + day;

    if (day < 1 || day > 2 || !*at || !strchr("/.-", *at)) {
        return text;
    }
    month = strspn(at + 1, "0123456789");
    if (month < 1 || month > 2 || at[1 + month] != *at) {
        return text;
    }
    year = strspn(at + month + 2, "0123456789");
    if (year != 4 || at[month + 2 + year] != '\0') {
        return text;
    }
    return apr_psprintf(pool, "%s-%s%.*s-%s%.*s", at + month + 2, month == 1 ? "0" : "", (int)month,
                        at + 1, day == 1 ? "0" : "", (int)day, text);
}

int handler_people_birth(crm_person_t *person, const char *version, const char *text,
                         apr_int64_t before_ms, apr_pool_t *pool)
{
    crm_news_t *news = &person->contact[CRM_CONTACT_BIRTH];
    const char *date;
    apr_int64_t ms;

    if (!text || strlen(text) < 8) {
        return 0;
    }
    date = year_first(text, pool);
    if (strlen(date) > 10 && date[10] != 'T' && date[10] != ' ') {
        return 0;
    }
    /* Only the day counts: a time behind it, with whatever offset, could only move it. */
    date = apr_pstrndup(pool, date, 10);
    if (crm_date_parse(&ms, date) != APR_SUCCESS || apr_atoi64(date) < BIRTH_LEAST ||
        ms > before_ms) {
        return 0;
    }
    crm_news_say(news, version, crm_date_text(ms, pool));
    news->values[1] = apr_itoa(pool, (int)apr_atoi64(date + 8));
    news->values[2] = apr_itoa(pool, (int)apr_atoi64(date + 5));
    news->values[3] = apr_itoa(pool, (int)apr_atoi64(date));
    return 1;
}

int handler_people_civility(crm_person_t *person, const char *version, const char *text,
                            apr_pool_t *pool)
{
    static const struct {
        const char *word;
        int civility;
        int gender;
    } words[] = {
        {"1", CRM_CIVILITY_MR, CRM_GENDER_MALE},
        {"m", CRM_CIVILITY_MR, CRM_GENDER_MALE},
        {"mr", CRM_CIVILITY_MR, CRM_GENDER_MALE},
        {"monsieur", CRM_CIVILITY_MR, CRM_GENDER_MALE},
        {"mister", CRM_CIVILITY_MR, CRM_GENDER_MALE},
        {"2", CRM_CIVILITY_MRS, CRM_GENDER_FEMALE},
        {"mme", CRM_CIVILITY_MRS, CRM_GENDER_FEMALE},
        {"mrs", CRM_CIVILITY_MRS, CRM_GENDER_FEMALE},
        {"ms", CRM_CIVILITY_MRS, CRM_GENDER_FEMALE},
        {"madame", CRM_CIVILITY_MRS, CRM_GENDER_FEMALE},
        {"mlle", CRM_CIVILITY_MISS, CRM_GENDER_FEMALE},
        {"miss", CRM_CIVILITY_MISS, CRM_GENDER_FEMALE},
        {"mademoiselle", CRM_CIVILITY_MISS, CRM_GENDER_FEMALE},
    };
    crm_news_t *news = &person->contact[CRM_CONTACT_CIVILITY];
    char word[FORM_MOST + 2]; /* what is cut is none */
    size_t i, length;

    apr_cpystrn(word, text ? text : "", sizeof(word));
    length = strlen(word);
    if (length > 1 && word[length - 1] == '.') {
        word[length - 1] = '\0';
    }
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(words[i].word, word) == 0) {
            crm_news_say(news, version, apr_itoa(pool, words[i].civility));
            news->values[1] = apr_itoa(pool, words[i].gender);
            return 1;
        }
    }
    return 0;
}

int handler_people_language(crm_person_t *person, const char *version, const char *text,
                            apr_pool_t *pool)
{
    if (!text || !apr_isalpha(text[0]) || !apr_isalpha(text[1]) ||
        (text[2] != '\0' && text[2] != '-' && text[2] != '_')) {
        return 0;
    }
    crm_news_say(&person->contact[CRM_CONTACT_LANGUAGE], version,
                 apr_psprintf(pool, "%c%c", apr_tolower(text[0]), apr_tolower(text[1])));
    return 1;
}
