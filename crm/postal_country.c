/*
 * French names of countries, and the territories whose addresses are French. Must never take the
 * name of a place for that of a country: a name counts where the caller says so.
 */
#include "crm/postal_country.h"

#include <string.h>

#include "crm/country.h"

#define NAME_WORDS 4 /* most words of a name */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const french[] = {"FRA", "MCO", "GLP", "MTQ", "GUF", "REU", "MYT",
                                     "SPM", "BLM", "MAF", "NCL", "PYF", "WLF", "ATF"};

/* More than French post codes begin so: the longer one comes first. */
static const struct {
    const char *prefix;
    const char *alpha3;
} overseas[] = {
    {"97133", "BLM"}, {"97150", "MAF"}, {"971", "GLP"}, {"972", "MTQ"}, {"973", "GUF"},
    {"974", "REU"},   {"975", "SPM"},   {"976", "MYT"}, {"977", "BLM"}, {"978", "MAF"},
    {"980", "MCO"},   {"984", "ATF"},   {"986", "WLF"}, {"987", "PYF"}, {"988", "NCL"},
};

/* In norm letters. SAINT MARTIN and SAINT BARTHELEMY are places before they are countries. */
static const struct {
    const char *name;
    const char *alpha3;
} names[] = {
    {"AFRIQUE DU SUD", "ZAF"},
    {"ALGERIE", "DZA"},
    {"ALLEMAGNE", "DEU"},
    {"ANDORRE", "AND"},
    {"ANGLETERRE", "GBR"},
    {"ARABIE SAOUDITE", "SAU"},
    {"ARGENTINE", "ARG"},
    {"AUSTRALIE", "AUS"},
    {"AUTRICHE", "AUT"},
    {"BELGIQUE", "BEL"},
    {"BRESIL", "BRA"},
    {"BULGARIE", "BGR"},
    {"CAMEROUN", "CMR"},
    {"CHILI", "CHL"},
    {"CHINE", "CHN"},
    {"CHYPRE", "CYP"},
    {"COLOMBIE", "COL"},
    {"COREE DU SUD", "KOR"},
    {"CROATIE", "HRV"},
    {"DANEMARK", "DNK"},
    {"ECOSSE", "GBR"},
    {"EGYPTE", "EGY"},
    {"EMIRATS ARABES UNIS", "ARE"},
    {"ESPAGNE", "ESP"},
    {"ESTONIE", "EST"},
    {"ETATS UNIS", "USA"},
    {"ETATS UNIS D AMERIQUE", "USA"},
    {"FINLANDE", "FIN"},
    {"FRANCE", "FRA"},
    {"FRANCE METROPOLITAINE", "FRA"},
    {"GRANDE BRETAGNE", "GBR"},
    {"GRECE", "GRC"},
    {"GUADELOUPE", "GLP"},
    {"GUYANE", "GUF"},
    {"GUYANE FRANCAISE", "GUF"},
    {"HONGRIE", "HUN"},
    {"ILE DE LA REUNION", "REU"},
    {"ILE MAURICE", "MUS"},
    {"INDE", "IND"},
    {"IRLANDE", "IRL"},
    {"ISLANDE", "ISL"},
    {"ITALIE", "ITA"},
    {"JAPON", "JPN"},
    {"LA GUADELOUPE", "GLP"},
    {"LA MARTINIQUE", "MTQ"},
    {"LA REUNION", "REU"},
    {"LETTONIE", "LVA"},
    {"LIBAN", "LBN"},
    {"LITUANIE", "LTU"},
    {"MALTE", "MLT"},
    {"MAROC", "MAR"},
    {"MARTINIQUE", "MTQ"},
    {"MAURICE", "MUS"},
    {"MAYOTTE", "MYT"},
    {"MEXIQUE", "MEX"},
    {"MONACO", "MCO"},
    {"NORVEGE", "NOR"},
    {"NOUVELLE CALEDONIE", "NCL"},
    {"NOUVELLE ZELANDE", "NZL"},
    {"PAYS BAS", "NLD"},
    {"PEROU", "PER"},
    {"POLOGNE", "POL"},
    {"POLYNESIE FRANCAISE", "PYF"},
    {"PRINCIPAUTE DE MONACO", "MCO"},
    {"REPUBLIQUE FRANCAISE", "FRA"},
    {"REPUBLIQUE TCHEQUE", "CZE"},
    {"REUNION", "REU"},
    {"ROUMANIE", "ROU"},
    {"ROYAUME UNI", "GBR"},
    {"RUSSIE", "RUS"},
    {"SAINT PIERRE ET MIQUELON", "SPM"},
    {"SERBIE", "SRB"},
    {"SLOVAQUIE", "SVK"},
    {"SLOVENIE", "SVN"},
    {"SUEDE", "SWE"},
    {"SUISSE", "CHE"},
    {"TCHEQUIE", "CZE"},
    {"THAILANDE", "THA"},
    {"TUNISIE", "TUN"},
    {"TURQUIE", "TUR"},
    {"VIETNAM", "VNM"},
    {"WALLIS ET FUTUNA", "WLF"},
};

int crm_postal_is_french(const char *alpha3)
{
    size_t i;

    for (i = 0; i < COUNT(french); i++) {
        if (strcmp(french[i], alpha3) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *find_name(const char *name)
{
    size_t i;

    for (i = 0; i < COUNT(names); i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].alpha3;
        }
    }
    return NULL;
}

const char *crm_postal_country_in_french(crm_postal_words_t words, apr_pool_t *pool)
{
    static const char *const france[] = {"FR", "FRA", NULL};

    if (words.count == 0 || words.count > NAME_WORDS) {
        return NULL;
    }
    if (words.count == 1 && crm_postal_is_one(words, 0, france)) {
        return "FRA";
    }
    return find_name(crm_postal_text(words, pool));
}

const char *crm_postal_country_of(crm_postal_words_t words, int codes, apr_pool_t *pool)
{
    const char *alpha3 = crm_postal_country_in_french(words, pool);
    const char *text = crm_postal_text(words, pool);

    if (alpha3 || !text || strpbrk(text, "0123456789") || (!codes && strlen(text) < 4)) {
        return alpha3;
    }
    return strcmp(text, "F") == 0 ? "FRA" : crm_country_find(text);
}

const char *crm_postal_country_of_code(const char *post_code)
{
    size_t i;

    for (i = 0; i < COUNT(overseas); i++) {
        if (strncmp(post_code, overseas[i].prefix, strlen(overseas[i].prefix)) == 0) {
            return overseas[i].alpha3;
        }
    }
    return NULL;
}

/* How many words at the end of `words` are a name of the country. */
static int country_words(crm_postal_words_t words, const char *alpha3, apr_pool_t *pool)
{
    static const char *const joining[] = {"A", "DE", "DES", "DU",  "EN",  "ET",
                                          "L", "LA", "LE",  "LES", "SUR", NULL};
    int count;

    for (count = NAME_WORDS; count > 0; count--) {
        int from = words.count - count;
        const char *found;

        if (from < 1) {
            continue;
        }
        found = find_name(crm_postal_text(crm_postal_slice(words, from, count), pool));
        if (found && strcmp(found, alpha3) == 0 &&
            (words.at[from].gap != CRM_POSTAL_BLANK ||
             !crm_postal_is_one(words, from - 1, joining))) {
            return count;
        }
    }
    return 0;
}

crm_postal_words_t crm_postal_strip_country(crm_postal_words_t words, const char *alpha3,
                                            apr_pool_t *pool)
{
    int count = country_words(words, alpha3, pool);

    while (count > 0) {
        words.count -= count;
        count = country_words(words, alpha3, pool);
    }
    return words;
}
