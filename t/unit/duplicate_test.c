/* Which contacts are one person: a table of pairs with verdict and rule; keys, scores, reasons. */
#include "t/unit/duplicate_tools.h"

#define HOME .street = "12 RUE DE LA PAIX", .post_code = "75002", .city = "PARIS", .country = "FRA"
#define AWAY .street = "3 PLACE DU MARCHE", .post_code = "69001", .city = "LYON", .country = "FRA"
#define MAIL .emails = "lea@example.org"
#define MOBILE .phones = "+33612345678"
#define BORN .birth = "1985-04-12"
#define LEA .first = "Léa", .last = "Marchand"
#define JEAN .first = "Jean", .last = "Marchand"

static const struct {
    const char *what;
    who_t a, b;
    crm_duplicate_verdict_t verdict;
    const char *rule;
} cases[] = {
    /* names that agree, and the address */
    {"the same", {LEA, HOME}, {LEA, HOME}, MERGE, "name+address"},
    {"accents and capitals",
     {LEA, HOME},
     {.first = "LEA", .last = "MARCHAND", HOME},
     MERGE,
     "name+address"},
    {"a last name by its sound",
     {LEA, HOME},
     {.first = "Lea", .last = "Marchant", HOME},
     MERGE,
     "name+address"},
    {"a first name by its sound",
     {.first = "Philippe", .last = "Roy", HOME},
     {.first = "Filip", .last = "Roy", HOME},
     MERGE,
     "name+address"},
    {"both by sound",
     {.first = "Mathieu", .last = "Lefèvre", HOME},
     {.first = "Matthieu", .last = "Lefebvre", HOME},
     MERGE,
     "name+address"},
    {"exchanged", {LEA, HOME}, {.first = "Marchand", .last = "Léa", HOME}, MERGE, "name+address"},
    {"exchanged, by sound",
     {LEA, HOME},
     {.first = "Marchant", .last = "Lea", HOME},
     MERGE,
     "name+address"},
    {"both in one field", {LEA, HOME}, {.last = "Léa Marchand", HOME}, MERGE, "name+address"},
    {"both in one field, turned",
     {LEA, HOME},
     {.last = "MARCHAND LEA", HOME},
     MERGE,
     "name+address"},
    {"both in one field, by sound",
     {LEA, HOME},
     {.last = "MARCHANT LEA", HOME},
     REVIEW,
     "name+address"},
    {"hyphen or blank",
     {.first = "Jean-Pierre", .last = "Roy", HOME},
     {.first = "Jean Pierre", .last = "Roy", HOME},
     MERGE,
     "name+address"},
    {"hyphen or nothing",
     {.first = "Jean-Pierre", .last = "Roy", HOME},
     {.first = "JEANPIERRE", .last = "ROY", HOME},
     MERGE,
     "name+address"},
    {"double name turned",
     {.first = "Ana", .last = "Garcia Lopez", HOME},
     {.first = "Ana", .last = "Lopez Garcia", HOME},
     MERGE,
     "name+address"},
    {"a particle left out",
     {.first = "Anne", .last = "de Boissieu", HOME},
     {.first = "Anne", .last = "Boissieu", HOME},
     MERGE,
     "name+address"},
    {"an article left out",
     {.first = "Anne", .last = "Le Roux", HOME},
     {.first = "Anne", .last = "Roux", HOME},
     REVIEW,
     "name+address"},
    {"an apostrophe",
     {.first = "Paul", .last = "D'Artagnan", HOME},
     {.first = "Paul", .last = "DARTAGNAN", HOME},
     MERGE,
     "name+address"},
    {"swapped letters of the last name",
     {LEA, HOME},
     {.first = "Léa", .last = "Marchnad", HOME},
     MERGE,
     "name+address"},
    {"swapped letters of the first name",
     {JEAN, HOME},
     {.first = "Jaen", .last = "Marchand", HOME},
     MERGE,
     "name+address"},
    {"a letter of the last name",
     {LEA, HOME},
     {.first = "Léa", .last = "Merchand", HOME},
     MERGE,
     "name+address"},
    {"a letter of a long first name",
     {.first = "Geneviève", .last = "Roy", HOME},
     {.first = "Genvieve", .last = "Roy", HOME},
     MERGE,
     "name+address"},
    {"a street written otherwise",
     {LEA, HOME},
     {LEA, .street = "12, rue de la paix", .post_code = "75 002", .country = "France"},
     MERGE,
     "name+address"},
    {"no country on one side",
     {LEA, HOME},
     {LEA, .street = "12 RUE DE LA PAIX", .post_code = "75002"},
     MERGE,
     "name+address"},
    {"another country",
     {LEA, HOME},
     {LEA, .street = "12 RUE DE LA PAIX", .post_code = "75002", .country = "BEL"},
     NO,
     "none"},
    {"overseas is France",
     {LEA, .street = "1 RUE X", .post_code = "97400", .country = "REU"},
     {LEA, .street = "1 RUE X", .post_code = "97400", .country = "FRA"},
     MERGE,
     "name+address"},
    {"a zero lost",
     {LEA, .street = "1 RUE X", .post_code = "06000", .country = "FRA"},
     {LEA, .street = "1 RUE X", .post_code = "6000", .country = "FRA"},
     MERGE,
     "name+address"},
    {"F before the post code",
     {LEA, HOME},
     {LEA, .street = "12 RUE DE LA PAIX", .post_code = "F-75002"},
     MERGE,
     "name+address"},
    {"places without post codes",
     {LEA, .street = "1 Main St", .city = "Dublin", .country = "IRL"},
     {LEA, .street = "1 MAIN ST.", .city = "DUBLIN", .country = "IRL"},
     MERGE,
     "name+address"},
    {"35 characters of the street count",
     {LEA, .street = "12 AVENUE MARECHAL LATTRE TASSIGNY X", .post_code = "75002"},
     {LEA, .street = "12 AVENUE MARECHAL LATTRE TASSIGNY Y", .post_code = "75002"},
     MERGE,
     "name+address"},
    {"a street abbreviated, without its article",
     {LEA, .street = "15 bis, avenue du Général-de-Gaulle", .post_code = "06000"},
     {LEA, .street = "15 B av Gal de Gaulle", .post_code = "06000"},
     MERGE,
     "name+address"},
    {"a house number with a letter is another house",
     {LEA, .street = "15 D RUE HAUTE", .post_code = "06000"},
     {LEA, .street = "15 RUE HAUTE", .post_code = "06000"},
     NO,
     "none"},
    {"another type of street is another street",
     {LEA, .street = "15 RUE DE LA PAIX", .post_code = "06000"},
     {LEA, .street = "15 PLACE DE LA PAIX", .post_code = "06000"},
     NO,
     "none"},
    {"another number",
     {LEA, HOME},
     {LEA, .street = "21 RUE DE LA PAIX", .post_code = "75002"},
     NO,
     "none"},
    {"no street", {LEA, .post_code = "75002"}, {LEA, .post_code = "75002"}, NO, "none"},
    {"one of two places",
     {LEA, HOME},
     {LEA, .street = "3 PLACE DU MARCHE|12 RUE DE LA PAIX", .post_code = "69001|75002"},
     MERGE,
     "name+address"},

    /* families at an address */
    {"brother and sister", {LEA, HOME}, {JEAN, HOME}, NO, "none"},
    {"twins by a letter",
     {.first = "Caroline", .last = "Roy", HOME},
     {.first = "Coraline", .last = "Roy", HOME},
     NO,
     "none"},
    {"Léa and Léo", {LEA, HOME}, {.first = "Léo", .last = "Marchand", HOME}, NO, "none"},
    {"Louis and Louise",
     {.first = "Louis", .last = "Roy", HOME},
     {.first = "Louise", .last = "Roy", HOME},
     NO,
     "none"},
    {"Michel and Michèle",
     {.first = "Michel", .last = "Roy", HOME},
     {.first = "Michèle", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"René and Renée",
     {.first = "René", .last = "Roy", HOME, MAIL},
     {.first = "Renée", .last = "Roy", HOME, MAIL},
     REVIEW,
     "name+email"},
    {"Frédéric and Frédérique",
     {.first = "Frédéric", .last = "Roy", HOME},
     {.first = "Frédérique", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"Michel-Marie and Michèle-Marie",
     {.first = "Michel-Marie", .last = "Roy", HOME},
     {.first = "Michèle Marie", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"Michel and Michele, both women",
     {.first = "Michel", .last = "Roy", .gender = 2, HOME},
     {.first = "Michele", .last = "Roy", .gender = 2, HOME},
     MERGE,
     "name+address"},
    {"Stéphane and Stéphanie",
     {.first = "Stéphane", .last = "Roy", MAIL},
     {.first = "Stéphanie", .last = "Roy", MAIL},
     REVIEW,
     "email"},
    {"Marine and Martine",
     {.first = "Marine", .last = "Roy", HOME},
     {.first = "Martine", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"Christian and Christina",
     {.first = "Christian", .last = "Roy", MAIL},
     {.first = "Christina", .last = "Roy", MAIL},
     REVIEW,
     "email"},
    {"father Jean, son Jean-Pierre",
     {JEAN, HOME},
     {.first = "Jean-Pierre", .last = "Marchand", HOME},
     REVIEW,
     "name+address"},
    {"and a mail they share",
     {JEAN, HOME, MAIL},
     {.first = "Jean-Pierre", .last = "Marchand", HOME, MAIL},
     REVIEW,
     "name+email"},
    {"and a birth date: he has two names",
     {JEAN, HOME, BORN},
     {.first = "Jean-Pierre", .last = "Marchand", HOME, BORN},
     MERGE,
     "name+birth date"},
    {"and two birth dates: father and son",
     {JEAN, HOME, BORN},
     {.first = "Jean-Pierre", .last = "Marchand", HOME, .birth = "2010-01-02"},
     NO,
     "none"},
    {"father and son of one name",
     {JEAN, HOME, MAIL, BORN},
     {JEAN, HOME, MAIL, .birth = "2010-01-02"},
     REVIEW,
     "name+address"},
    {"two genders",
     {.first = "Claude", .last = "Roy", .gender = 1, HOME},
     {.first = "Claude", .last = "Roy", .gender = 2, HOME},
     REVIEW,
     "name+address"},
    {"an initial", {.first = "J.", .last = "Marchand", HOME}, {JEAN, HOME}, REVIEW, "name+address"},
    {"initials of twins",
     {.first = "J", .last = "Roy", HOME, BORN},
     {.first = "Julie", .last = "Roy", HOME, BORN},
     REVIEW,
     "name+address"},
    {"JP",
     {.first = "JP", .last = "Roy", HOME},
     {.first = "Jean-Pierre", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"J.-P.",
     {.first = "J.-P.", .last = "Roy", HOME},
     {.first = "Jean-Pierre", .last = "Roy", HOME},
     REVIEW,
     "name+address"},
    {"another initial", {.first = "P", .last = "Marchand", HOME}, {JEAN, HOME}, NO, "none"},
    {"no first name", {.last = "Marchand", HOME}, {LEA, HOME}, REVIEW, "name+address"},
    {"a married name",
     {LEA, HOME},
     {.first = "Léa", .last = "Marchand-Roy", HOME},
     REVIEW,
     "name+address"},
    {"neighbours of one first name",
     {LEA, HOME},
     {.first = "Léa", .last = "Petit", HOME},
     NO,
     "none"},

    /* an e-mail */
    {"names and e-mail",
     {LEA, MAIL},
     {.first = "lea", .last = "MARCHANT", .emails = "LEA@Example.ORG "},
     MERGE,
     "name+email"},
    {"who has moved", {LEA, MAIL, HOME}, {LEA, MAIL, AWAY}, MERGE, "name+email"},
    {"one of several",
     {LEA, .emails = "a@example.org|lea@example.org"},
     {LEA, .emails = "lea@example.org|b@example.org"},
     MERGE,
     "name+email"},
    {"another e-mail", {LEA, MAIL}, {LEA, .emails = "lea@example.com"}, NO, "none"},
    {"no e-mail at all", {LEA, .emails = "none"}, {LEA, .emails = "none"}, NO, "none"},
    {"a couple's e-mail", {LEA, MAIL, HOME}, {JEAN, MAIL, HOME}, REVIEW, "email"},
    {"strangers with one e-mail",
     {LEA, MAIL},
     {.first = "Paul", .last = "Roy", MAIL},
     REVIEW,
     "email"},
    {"the wife of another name",
     {LEA, MAIL},
     {.first = "Léa", .last = "Petit", MAIL},
     REVIEW,
     "email"},
    {"an initial with e-mail",
     {.first = "L", .last = "Marchand", MAIL},
     {LEA, MAIL},
     REVIEW,
     "name+email"},
    {"a last name only", {.last = "Marchand", MAIL}, {LEA, MAIL}, MERGE, "name+email"},
    {"a first name only", {.first = "Léa", MAIL}, {LEA, MAIL}, MERGE, "name+email"},
    {"a last name only, elsewhere",
     {.last = "Marchand", MAIL, AWAY},
     {LEA, MAIL, HOME},
     REVIEW,
     "name+email"},
    {"one has the first, one the last name",
     {.last = "Marchand", MAIL},
     {.first = "Léa", MAIL},
     REVIEW,
     "email"},
    {"no name", {MAIL}, {LEA, MAIL, HOME, MOBILE, BORN}, MERGE, "email"},
    {"no name on both", {MAIL}, {MAIL}, MERGE, "email"},
    {"a name of dots", {.first = "-", .last = ".", MAIL}, {LEA, MAIL}, MERGE, "email"},
    {"no name, another birth date",
     {MAIL, BORN},
     {LEA, MAIL, .birth = "1990-01-02"},
     REVIEW,
     "email"},
    {"no name, another address", {MAIL, AWAY}, {LEA, MAIL, HOME}, REVIEW, "email"},
    {"no name, another phone",
     {MAIL, MOBILE},
     {LEA, MAIL, .phones = "+33698765432"},
     REVIEW,
     "email"},
    {"two birth dates",
     {LEA, MAIL, BORN},
     {LEA, MAIL, .birth = "1985-12-04"},
     REVIEW,
     "name+email"},

    /* a phone */
    {"names and phone", {LEA, MOBILE}, {LEA, .phones = "+33 6 12 34 56 78"}, MERGE, "name+phone"},
    {"home and mobile crosswise",
     {LEA, .phones = "+33123456789|+33612345678"},
     {LEA, .phones = "+33612345678|+33499887766"},
     MERGE,
     "name+phone"},
    {"a family's phone", {LEA, MOBILE}, {JEAN, MOBILE}, REVIEW, "phone"},
    {"a phone alone", {MOBILE}, {LEA, MOBILE}, REVIEW, "phone"},
    {"a phone alone on both", {MOBILE}, {MOBILE}, REVIEW, "phone"},
    {"an initial with phone",
     {.first = "L", .last = "Marchand", MOBILE},
     {LEA, MOBILE},
     REVIEW,
     "name+phone"},
    {"a phone nobody has",
     {LEA, .phones = "+33600000000"},
     {LEA, .phones = "+33600000000"},
     NO,
     "none"},

    /* a birth date */
    {"birth date and post code",
     {LEA, BORN, .post_code = "75002"},
     {LEA, .birth = "1985-04-12T00:00:00", HOME},
     MERGE,
     "name+birth date"},
    {"birth date, elsewhere", {LEA, BORN, HOME}, {LEA, BORN, AWAY}, REVIEW, "name+birth date"},
    {"birth date, no post code", {LEA, BORN}, {LEA, BORN}, REVIEW, "name+birth date"},
    {"birth date and first name",
     {LEA, BORN, HOME},
     {.first = "Léa", .last = "Petit", BORN, HOME},
     REVIEW,
     "first name+birth date"},
    {"twins", {LEA, BORN, HOME}, {JEAN, BORN, HOME}, NO, "none"},
    {"a date that fills a field",
     {LEA, .birth = "1900-01-01"},
     {LEA, .birth = "1900-01-01"},
     NO,
     "none"},
    {"a date that is none",
     {LEA, HOME, BORN},
     {LEA, HOME, .birth = "1985-02-30"},
     MERGE,
     "name+address"},
    {"a year only", {LEA, HOME, BORN}, {LEA, HOME, .birth = "1984"}, MERGE, "name+address"},

    /* names only, and other scripts */
    {"nothing but a name", {LEA}, {LEA}, NO, "none"},
    {"nothing at all", {.first = NULL}, {.first = NULL}, NO, "none"},
    {"Cyrillic, the same",
     {.first = "Иван", .last = "Петров", MAIL},
     {.first = "Иван", .last = "Петров", MAIL},
     MERGE,
     "name+email"},
    {"Cyrillic, brothers",
     {.first = "Иван", .last = "Петров", MAIL},
     {.first = "Олег", .last = "Петров", MAIL},
     REVIEW,
     "email"},
    {"Cyrillic is a name", {.last = "Петров", MAIL}, {LEA, MAIL}, REVIEW, "email"},
    {"half Cyrillic, brothers",
     {.first = "Иван", .last = "Petrov", HOME},
     {.first = "Олег", .last = "Petrov", HOME},
     NO,
     "none"},

    /* companies */
    {"companies",
     {.company = "Boulangerie Roy SARL", HOME},
     {.company = "BOULANGERIE ROY", HOME},
     MERGE,
     "company+address"},
    {"companies by sound",
     {.company = "Dupont & Fils", HOME},
     {.company = "DUPOND ET FILS", HOME},
     MERGE,
     "company+address"},
    {"companies and e-mail",
     {.company = "Roy SA", MAIL},
     {.company = "Roy", MAIL},
     MERGE,
     "company+email"},
    {"branches",
     {.company = "Roy SA", MAIL, HOME},
     {.company = "Roy", MAIL, AWAY},
     REVIEW,
     "company+email"},
    {"a switchboard",
     {.company = "Roy SA", MOBILE},
     {.company = "Roy", MOBILE},
     REVIEW,
     "company+phone"},
    {"companies in one house",
     {.company = "Roy", HOME},
     {.company = "Boucherie Petit", HOME},
     NO,
     "none"},
    {"companies with one e-mail",
     {.company = "Roy", MAIL},
     {.company = "Boucherie Petit", MAIL},
     REVIEW,
     "email"},
    {"a company and its owner",
     {.company = "Roy", MAIL, HOME},
     {LEA, .company = "Roy", MAIL, HOME},
     REVIEW,
     "email"},
    {"their address alone", {.company = "Roy", HOME}, {LEA, .company = "Roy", HOME}, NO, "none"},
    {"a company and an e-mail", {.company = "Roy", MAIL}, {MAIL}, MERGE, "email"},
};

static apr_pool_t *pool;

static const char *verdict_name(crm_duplicate_verdict_t verdict)
{
    return verdict == MERGE ? "merge" : verdict == REVIEW ? "review" : "no";
}

static void table(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crm_suspect_t a = suspect_of(&cases[i].a, pool), b = suspect_of(&cases[i].b, pool);
        crm_duplicate_t result, turned;

        crm_duplicate_compare(&result, &a, &b, pool);
        crm_duplicate_compare(&turned, &b, &a, pool);
        if (!ok(result.verdict == cases[i].verdict && strcmp(result.rule, cases[i].rule) == 0,
                "%s: %s by %s", cases[i].what, verdict_name(cases[i].verdict), cases[i].rule)) {
            printf("# got: %s by %s, %d: %s\n", verdict_name(result.verdict), result.rule,
                   result.score, result.explanation);
        }
        ok(same_result(&result, &turned), "and the other way round");
        ok(result.verdict == NO || common_key(&a, &b, pool), "and they are found");
    }
}

/* ---- keys, scores, explanations ---- */

static const char *keys_of(const who_t *who)
{
    crm_suspect_t suspect = suspect_of(who, pool);

    return apr_array_pstrcat(pool, crm_duplicate_keys(&suspect, pool), ' ');
}

static void keys(void)
{
    is_text(keys_of(&(who_t){LEA, HOME, MAIL, MOBILE, BORN}),
            "b:1985-04-12:LEA b:1985-04-12:MARC2 e:lea@example.org n:75002:LEA n:75002:MARC2"
            " p:33612345678",
            "a person's keys");
    is_text(keys_of(&(who_t){.last = "de la Tour", .post_code = "6000", .country = "FRA"}),
            "n:06000:DELATWR n:06000:TWR", "a name in parts; particles are no key");
    is_text(keys_of(&(who_t){.last = "Roy", .first = "Roy", .city = "Dublin"}), "n:DUBLIN:RWA",
            "a city for a post code; each key once");
    is_text(keys_of(&(who_t){.company = "Roy SARL", HOME}), "c:75002:RWA", "a company's");
    is_text(keys_of(&(who_t){LEA, .company = "Roy SARL", .post_code = "75002"}),
            "n:75002:LEA n:75002:MARC2", "the company of a person is none");
    is_text(keys_of(&(who_t){LEA}), "", "a name alone has none");
    is_text(keys_of(&(who_t){.last = "Петров", .post_code = "1"}), "n:1:Петров",
            "another script as it stands");
}

static crm_duplicate_t compare(const who_t *one, const who_t *other)
{
    crm_suspect_t a = suspect_of(one, pool), b = suspect_of(other, pool);
    crm_duplicate_t result;

    crm_duplicate_compare(&result, &a, &b, pool);
    return result;
}

static void told(void)
{
    crm_duplicate_t result = compare(&(who_t){LEA, HOME, MAIL}, &(who_t){LEA, HOME, MAIL});

    is_number(result.score, 1000, "all that is told agrees: 1000");
    is_text(result.explanation,
            "last name same, first name same, address same, post code same, e-mail same",
            "the explanation names the fields");
    result = compare(&(who_t){LEA, HOME, BORN}, &(who_t){.first = "Marchant", .last = "L", AWAY});
    is_text(result.explanation,
            "one name, exchanged, alike by sound, the other an initial, address different,"
            " post code different",
            "exchanged names");
    result = compare(&(who_t){LEA, HOME}, &(who_t){JEAN, AWAY, .birth = "1990-01-01"});
    ok(result.score > 0 && result.score < 500, "little agrees: %d", result.score);
    result = compare(&(who_t){.first = NULL}, &(who_t){LEA});
    is_number(result.score, 0, "nothing to compare: 0");
    is_text(result.explanation, "", "and nothing to say");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    table();
    keys();
    told();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
