/*
 * E.164 from what was written. The plans are those of the ITU (country codes, national prefixes)
 * and, for the French numbers, of Arcep (decision 2018-0881 as amended): 0690 and the like belong
 * to the codes of the overseas departments, not to 33. Must never shorten or pad a number that does
 * not fit its plan.
 */
#include "outbound/phone.h"

#include <apr_lib.h>

#include <string.h>
#include <strings.h>

#define DIGITS_MOST 15
#define TYPED_MOST 32 /* digits anybody may type, with prefixes */

typedef struct plan_t {
    char alpha3[4];
    char alpha2[3];
    char numeric[4];
    const char *code;   /* country calling code */
    char trunk;         /* digit dialled before a national number, NUL = none */
    int min, max;       /* digits of a national number without trunk digit */
    const char *mobile; /* first digits of mobile numbers, separated by blanks; NULL = not known */
} plan_t;

static const plan_t plans[] = {
    {"FRA", "FR", "250", "33", '0', 9, 9, "6 7"},
    {"BEL", "BE", "056", "32", '0', 8, 9, "4"},
    {"CHE", "CH", "756", "41", '0', 9, 9, "75 76 77 78 79"},
    {"LUX", "LU", "442", "352", 0, 5, 9, "6"},
    {"MCO", "MC", "492", "377", 0, 8, 9, "3 4 6"},
    {"DEU", "DE", "276", "49", '0', 6, 12, "15 16 17"},
    {"ESP", "ES", "724", "34", 0, 9, 9, "6 7"},
    {"ITA", "IT", "380", "39", 0, 6, 11, "3"},
    {"PRT", "PT", "620", "351", 0, 9, 9, "9"},
    {"NLD", "NL", "528", "31", '0', 9, 9, "6"},
    {"GBR", "GB", "826", "44", '0', 9, 10, "7"},
    {"USA", "US", "840", "1", '1', 10, 10, NULL},
    {"CAN", "CA", "124", "1", '1', 10, 10, NULL},
    {"MAR", "MA", "504", "212", '0', 9, 9, "6 7"},
    {"DZA", "DZ", "012", "213", '0', 8, 9, "5 6 7"},
    {"TUN", "TN", "788", "216", 0, 8, 8, NULL},
    {"GLP", "GP", "312", "590", '0', 9, 9, "690 691"},
    {"BLM", "BL", "652", "590", '0', 9, 9, "690 691"},
    {"MAF", "MF", "663", "590", '0', 9, 9, "690 691"},
    {"MTQ", "MQ", "474", "596", '0', 9, 9, "696 697"},
    {"GUF", "GF", "254", "594", '0', 9, 9, "694"},
    {"REU", "RE", "638", "262", '0', 9, 9, "692 693"},
    {"MYT", "YT", "175", "262", '0', 9, 9, "639"},
    {"SPM", "PM", "666", "508", '0', 6, 9, "708"},
    {"NCL", "NC", "540", "687", 0, 6, 6, NULL},
    {"PYF", "PF", "258", "689", 0, 6, 8, NULL},
};

#define PLANS (sizeof(plans) / sizeof(plans[0]))

/* National numbers, without the 0, that look French and belong to another code. `alpha3` is NULL
 * where one code serves several countries. */
static const struct {
    const char *start;
    const char *code;
    const char *alpha3;
} overseas[] = {
    {"690", "590", NULL},  {"691", "590", NULL},  {"590", "590", NULL},  {"696", "596", "MTQ"},
    {"697", "596", "MTQ"}, {"596", "596", "MTQ"}, {"694", "594", "GUF"}, {"594", "594", "GUF"},
    {"692", "262", "REU"}, {"693", "262", "REU"}, {"262", "262", "REU"}, {"639", "262", "MYT"},
    {"269", "262", "MYT"}, {"708", "508", "SPM"}, {"508", "508", "SPM"},
};

#define OVERSEAS (sizeof(overseas) / sizeof(overseas[0]))

static int starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* NULL = not known. */
static const plan_t *find_plan(const char *country)
{
    size_t i;

    for (i = 0; country && i < PLANS; i++) {
        if (strcasecmp(plans[i].alpha3, country) == 0 ||
            strcasecmp(plans[i].alpha2, country) == 0 || strcmp(plans[i].numeric, country) == 0) {
            return &plans[i];
        }
    }
    return NULL;
}

static const plan_t *plan_of(const char *country)
{
    const plan_t *plan = find_plan(country);

    return plan ? plan : &plans[0];
}

int outbound_phone_knows(const char *country)
{
    return find_plan(country) != NULL;
}

/* Digits of `text` into `digits`; *plus says whether an international prefix stood in front ("+"
 * or "00"). Blanks, no-break blanks, dots, hyphens, slashes, parentheses and "(0)" are dropped;
 * anything else makes it no number. */
static apr_status_t read_digits(char *digits, int *plus, const char *text)
{
    static const char *const skipped[] = {"(0)",          " ", "\t", ".", "-", "/", "(", ")",
                                          "\xC2\xA0",      /* no-break blank */
                                          "\xE2\x80\xAF",  /* narrow no-break blank */
                                          "\xE2\x80\x91",  /* no-break hyphen */
                                          "\xE2\x80\x8E",  /* left-to-right mark */
                                          "\xE2\x80\xAA",  /* left-to-right embedding */
                                          "\xE2\x80\xAC"}; /* its end */
    int n = 0;
    size_t i;

    *plus = 0;
    while (*text) {
        for (i = 0; i < sizeof(skipped) / sizeof(skipped[0]) && !starts(text, skipped[i]); i++) {
        }
        if (i < sizeof(skipped) / sizeof(skipped[0])) {
            text += strlen(skipped[i]);
        }
        else if (*text == '+' && n == 0 && !*plus) {
            *plus = 1;
            text++;
        }
        else if (apr_isdigit(*text) && n < TYPED_MOST) {
            digits[n++] = *text++;
        }
        else {
            return APR_EINVAL;
        }
    }
    digits[n] = '\0';
    if (!*plus && starts(digits, "00")) {
        *plus = 1;
        memmove(digits, digits + 2, (size_t)n - 2 + 1);
    }
    return APR_SUCCESS;
}

static int fits(const plan_t *plan, const char *national)
{
    int length = (int)strlen(national);

    return length >= plan->min && length <= plan->max;
}

static apr_status_t finish(outbound_phone_t *phone, const char *code, const char *national,
                           const char *country)
{
    size_t length = strlen(code) + strlen(national);

    if (length < 7 || length > DIGITS_MOST) {
        return APR_EINVAL;
    }
    phone->e164[0] = '+';
    memcpy(phone->e164 + 1, code, strlen(code));
    memcpy(phone->e164 + 1 + strlen(code), national, strlen(national) + 1);
    phone->country = country;
    return APR_SUCCESS;
}

static int has_prefix_of(const char *national, const char *list)
{
    size_t length;

    for (; *list; list += length + (list[length] == ' ')) {
        length = strcspn(list, " ");
        if (strncmp(national, list, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Country of a national number within a code that several share: the only one whose mobile
 * numbers begin so, else the wanted one if it is among them, else none. */
static const char *country_within(const char *code, const char *national, const plan_t *wanted)
{
    const char *only = NULL;
    int sharing = 0;
    size_t i;

    for (i = 0; i < OVERSEAS; i++) {
        if (overseas[i].alpha3 && strcmp(overseas[i].code, code) == 0 &&
            starts(national, overseas[i].start)) {
            return overseas[i].alpha3;
        }
    }
    for (i = 0; i < PLANS; i++) {
        if (strcmp(plans[i].code, code) == 0) {
            only = plans[i].alpha3;
            sharing++;
        }
    }
    if (sharing > 1) {
        return strcmp(wanted->code, code) == 0 ? wanted->alpha3 : NULL;
    }
    return only;
}

static void set_kind(outbound_phone_t *phone, const plan_t *plan, const char *national)
{
    phone->kind = OUTBOUND_PHONE_UNKNOWN;
    if (plan->mobile) {
        phone->kind =
            has_prefix_of(national, plan->mobile) ? OUTBOUND_PHONE_MOBILE : OUTBOUND_PHONE_FIXED;
    }
}

/* A number with its country code in front. Of a code that is not in the table only the length of
 * E.164 is known. */
static apr_status_t international(outbound_phone_t *phone, const char *digits, const plan_t *wanted)
{
    const plan_t *plan = NULL;
    const char *national;
    size_t i;

    for (i = 0; i < PLANS; i++) {
        if (starts(digits, plans[i].code) && (!plan || strcmp(plans[i].code, wanted->code) == 0)) {
            plan = strcmp(plans[i].code, wanted->code) == 0 ? wanted : &plans[i];
        }
    }
    if (!plan) {
        phone->kind = OUTBOUND_PHONE_UNKNOWN;
        return digits[0] == '0' ? APR_EINVAL : finish(phone, "", digits, NULL);
    }
    national = digits + strlen(plan->code);
    /* "+33 06...": the trunk digit has no place behind a country code. */
    if (!fits(plan, national) && plan->trunk && national[0] == plan->trunk) {
        national++;
    }
    if (!fits(plan, national) || (plan->trunk == '0' && national[0] == '0')) {
        return APR_EINVAL;
    }
    set_kind(phone, plan, national);
    return finish(phone, plan->code, national, country_within(plan->code, national, wanted));
}

/* Whether the French plan dials this country's numbers, 10 digits with a 0 in front. */
static int is_french(const plan_t *plan)
{
    static const char list[] = "FRA GLP BLM MAF MTQ GUF REU MYT SPM";

    return strstr(list, plan->alpha3) != NULL;
}

static apr_status_t french(outbound_phone_t *phone, const char *national, const plan_t *wanted)
{
    const plan_t *plan = &plans[0];
    size_t i, k;

    for (i = 0; i < OVERSEAS; i++) {
        if (starts(national, overseas[i].start)) {
            for (k = 0; k < PLANS; k++) {
                if (strcmp(plans[k].code, overseas[i].code) == 0 &&
                    (!overseas[i].alpha3 || strcmp(plans[k].alpha3, overseas[i].alpha3) == 0)) {
                    set_kind(phone, &plans[k], national);
                }
            }
            return finish(phone, overseas[i].code, national,
                          country_within(overseas[i].code, national, wanted));
        }
    }
    set_kind(phone, plan, national);
    return finish(phone, plan->code, national, plan->alpha3);
}

/* A number as it is dialled inside the country, or with its code and no plus ("33612345678"):
 * where people dial a trunk digit, a number without it that fits behind the country code has
 * that code. */
static apr_status_t national(outbound_phone_t *phone, const char *digits, const plan_t *plan)
{
    const char *rest = digits + (plan->trunk && digits[0] == plan->trunk);
    int coded = starts(digits, plan->code) && fits(plan, digits + strlen(plan->code));

    if (coded && (!fits(plan, rest) || (plan->trunk && rest == digits))) {
        return international(phone, digits, plan);
    }
    if (!fits(plan, rest) || (plan->trunk == '0' && rest[0] == '0')) {
        return APR_EINVAL;
    }
    if (is_french(plan) && strlen(rest) == 9) {
        return french(phone, rest, plan);
    }
    set_kind(phone, plan, rest);
    return finish(phone, plan->code, rest, country_within(plan->code, rest, plan));
}

apr_status_t outbound_phone_parse(outbound_phone_t *phone, const char *text, const char *country)
{
    char digits[TYPED_MOST + 1];
    int plus;

    if (read_digits(digits, &plus, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    phone->is_prefixed = plus;
    return plus ? international(phone, digits, plan_of(country))
                : national(phone, digits, plan_of(country));
}
