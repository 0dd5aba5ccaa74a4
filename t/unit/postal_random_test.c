/*
 * 10,000 addresses made at random, in form and written wildly, and bytes that are none: what must
 * hold of any result. CRM360_SEED repeats a run. Must stay fast: under three seconds.
 */
#include "t/unit/postal_tools.h"

#define ADDRESSES 10000
#define BROKEN 3000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PICK(array) ((array)[below(COUNT(array))])

static apr_uint64_t state;

static unsigned below(size_t most)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % most);
}

static void seed(void)
{
    const char *given = getenv("CRM360_SEED");

    state = given ? (apr_uint64_t)apr_atoi64(given) : (apr_uint64_t)apr_time_now() % 1000000;
    printf("# CRM360_SEED=%lu\n", (unsigned long)state);
    state = state * 2654435761u + 88172645463325252u;
}

/* ---- what an address is made of; each element may be "" ---- */

static const char *const civilities[] = {"M.",     "Mme",       "Mlle", "Monsieur",
                                         "Madame", "M. et Mme", ""};
static const char *const firsts[] = {"Léa",     "Jean-Marie", "François", "Zoé",   "Noël",
                                     "Benoît",  "Anaïs",      "Guénolé",  "Hervé", "Émile",
                                     "Ludovic", "Maëlys",     "Loïc",     "Ana"};
static const char *const lasts[] = {
    "Marchand", "d'Ormesson", "de La Tour", "Le Goff",    "Nguyễn", "Lefèvre", "Brûlé",
    "Hœrth",    "Saint-Just", "Müller",     "L'Hermitte", "Ça",     "Groß",    "Dupont-Durand"};
static const char *const flats[] = {"",
                                    "",
                                    "",
                                    "appt 4",
                                    "Appartement 12",
                                    "2e étage",
                                    "3ème étage droite",
                                    "Esc. B",
                                    "escalier 2",
                                    "porte gauche",
                                    "rez-de-chaussée",
                                    "RDC",
                                    "apt B12",
                                    "logement 8"};
static const char *const buildings[] = {"",         "",       "",           "Bât. B", "bâtiment 3",
                                        "Entrée C", "hall 2", "Immeuble 7", "bat A2"};
static const char *const estates[] = {"",
                                      "",
                                      "",
                                      "Résidence les Mimosas",
                                      "Résidence du Parc",
                                      "Lotissement des Épines",
                                      "ZI Nord",
                                      "Zone artisanale",
                                      "centre commercial Grand Ciel",
                                      "ZAC des Aulnes"};
static const char *const types[] = {"rue",    "avenue", "boulevard", "allée",   "place", "impasse",
                                    "chemin", "route",  "quai",      "square",  "cours", "passage",
                                    "RUE",    "Avenue", "montée",    "sentier", "bd",    "av.",
                                    "pl",     "rte",    "bld",       "imp."};
static const char *const names[] = {
    "des Lilas",
    "de l'Église",
    "du Général de Gaulle",
    "du Gal Leclerc",
    "du Dr Roux",
    "Victor Hugo",
    "Jean-Jaurès",
    "du Maréchal Jean de Lattre de Tassigny",
    "du 8 mai 1945",
    "de la 2e DB",
    "Saint-Jean",
    "Ste Anne",
    "St-Vincent-de-Paul",
    "de la Porte de l'Isère",
    "de la Résidence",
    "du Commandant Jean-Baptiste Marchand de Brazza",
    "des Frères Lumière",
    "de l'Abbé Grégoire",
    "du Faubourg Saint-Honoré",
    "Notre-Dame des Champs",
    "Albert 1er",
    "du 11 novembre 1918",
    "de l'Hôtel-de-Ville",
    "d'Aÿ",
    "du Bœuf",
    "de la Tour d'Auvergne",
    "du Président Édouard Herriot et de la Libération",
    "du Professeur Louis Pasteur Vallery Radot",
    "des Anciens Combattants d'Afrique du Nord",
    "de la Vallée",
};
static const char *const suffixes[] = {"", "", "", "", " bis", " ter", "bis", " B", " quater"};
static const char *const boxes[] = {"",
                                    "",
                                    "",
                                    "",
                                    "BP 123",
                                    "CS 70123",
                                    "BP12",
                                    "TSA 10001",
                                    "lieu-dit Les Granges",
                                    "Lieu dit la Croix",
                                    "poste restante"};
static const char *const cities[] = {"Villeurbanne",
                                     "Nice",
                                     "L'Haÿ-les-Roses",
                                     "Saint-Étienne",
                                     "Sainte-Foy-lès-Lyon",
                                     "Vitry s/ Seine",
                                     "Châlons-en-Champagne",
                                     "Le Saint",
                                     "Œuilly",
                                     "Aÿ",
                                     "Saint-Maur-des-Fossés",
                                     "Villeneuve d'Ascq",
                                     "Y",
                                     "Roissy en France",
                                     "La Tour du Pin"};
static const char *const cedexes[] = {"", "", "", "", "", " Cedex", " CEDEX 3", " cedex 09"};

typedef struct made_t {
    const char *name, *flat, *building, *estate, *street, *box, *code, *city;
    const char *dropped; /* words that may go, with blanks around each */
} made_t;

static void make_street(made_t *made, apr_pool_t *pool)
{
    const char *type = PICK(types);
    const char *name = PICK(names);
    const char *comma = below(4) == 0 ? "," : "";
    unsigned number = 1 + below(below(2) ? 99 : 9999);

    made->dropped = "";
    switch (below(8)) {
    case 0:
        made->street = apr_psprintf(pool, "%s %s", type, name);
        break;
    case 1:
        made->street = apr_psprintf(pool, "%u/%u%s %s %s", number % 900 + 1, number % 900 + 3,
                                    comma, type, name);
        made->dropped = apr_psprintf(pool, " %u ", number % 900 + 3);
        break;
    case 2:
        made->street = apr_psprintf(pool, "n°%03u%s %s %s", number, comma, type, name);
        made->dropped = " N ";
        break;
    default:
        made->street =
            apr_psprintf(pool, "%u%s%s %s %s", number, PICK(suffixes), comma, type, name);
        break;
    }
}

static void make(made_t *made, apr_pool_t *pool)
{
    made->name = apr_psprintf(pool, "%s %s %s", PICK(civilities), PICK(firsts), PICK(lasts));
    made->flat = PICK(flats);
    made->building = PICK(buildings);
    made->estate = PICK(estates);
    made->box = PICK(boxes);
    made->code = apr_psprintf(pool, "%05u", 1 + below(99999));
    made->city = apr_pstrcat(pool, PICK(cities), PICK(cedexes), NULL);
    make_street(made, pool);
}

/* Elements that are not "", with `between` them. */
static const char *list(apr_pool_t *pool, const char *between, const char *const *elements)
{
    const char *text = "";

    for (; *elements; elements++) {
        if (**elements) {
            text = apr_pstrcat(pool, text, *text ? between : "", *elements, NULL);
        }
    }
    return text;
}

#define LIST(pool, between, ...) list(pool, between, (const char *const[]){__VA_ARGS__, NULL})

/* ---- ways to write it ---- */

static void in_form(const char **values, const made_t *made, apr_pool_t *pool)
{
    memset(values, 0, sizeof(*values) * CRM_POSTAL_VALUES);
    values[0] = made->name;
    values[1] = made->flat;
    values[2] = LIST(pool, ", ", made->building, made->estate);
    values[3] = made->street;
    values[4] = made->box;
    values[CRM_POSTAL_POST_CODE] = made->code;
    values[CRM_POSTAL_CITY] = made->city;
    values[CRM_POSTAL_COUNTRY] = "FRA";
}

static const char *code_and_city(const made_t *made, apr_pool_t *pool)
{
    return apr_pstrcat(pool, below(3) ? "" : "F-", made->code, " ", made->city,
                       below(3) ? "" : ", France", NULL);
}

/* All in one line: which one is `line`. */
static void in_one(const char **values, const made_t *made, int line, apr_pool_t *pool)
{
    in_form(values, made, pool);
    values[0] = line == 0 ? "" : values[0];
    values[1] = values[2] = values[3] = values[4] = "";
    values[CRM_POSTAL_POST_CODE] = values[CRM_POSTAL_CITY] = NULL;
    values[line] =
        LIST(pool, below(2) ? ", " : "\n", line == 0 ? made->name : "", made->building,
             made->estate, made->street, made->flat, made->box, code_and_city(made, pool));
}

/* Another way to write what in_form() writes, with all parts marked. */
static void wildly(const char **values, const made_t *made, apr_pool_t *pool)
{
    in_form(values, made, pool);
    switch (below(9)) {
    case 0:
        in_one(values, made, 3, pool);
        break;
    case 1:
        in_one(values, made, 0, pool);
        break;
    case 2:
        values[1] = values[2] = "";
        values[3] = LIST(pool, below(2) ? ", " : " - ", made->street, made->building, made->estate,
                         made->flat);
        break;
    case 3:
        values[1] = LIST(pool, ", ", made->building, made->estate);
        values[2] = made->flat;
        break;
    case 4:
        values[5] = code_and_city(made, pool);
        values[6] = below(2) ? "FRANCE" : "";
        values[CRM_POSTAL_POST_CODE] = below(2) ? NULL : made->code;
        values[CRM_POSTAL_CITY] = below(2) ? NULL : made->city;
        break;
    case 5:
        values[CRM_POSTAL_CITY] = code_and_city(made, pool);
        values[CRM_POSTAL_POST_CODE] = below(2) ? NULL : made->code;
        break;
    case 6:
        values[3] = LIST(pool, ", ", made->street, made->box);
        values[4] = code_and_city(made, pool);
        break;
    case 7:
        values[4] = LIST(pool, " ", made->box);
        values[1] = "";
        values[2] = *made->estate ? values[2] : "";
        values[3] = LIST(pool, " ", made->street, *made->estate ? "" : made->building, made->flat);
        break;
    default:
        values[CRM_POSTAL_POST_CODE] =
            *made->code == '0' && made->code[1] != '0'
                ? made->code + 1
                : apr_psprintf(pool, "%.2s %s", made->code, made->code + 2);
        values[CRM_POSTAL_COUNTRY] = below(2) ? "France" : NULL;
        break;
    }
}

/* ---- what must hold ---- */

static int failures;

/* Counts a failure and shows the first few. */
static void expect(int good, const char *what, const char *const *from, const char *const *to,
                   apr_pool_t *pool)
{
    if (good) {
        return;
    }
    if (failures++ < 10) {
        printf("# %s\n#   from: %s\n#     to: %s\n", what, write_address(from, pool),
               write_address(to, pool));
    }
}

static int is_norm(const char *text, size_t most)
{
    return !text || (strlen(text) <= most && *text && *text != ' ' &&
                     text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")] == '\0' &&
                     !strstr(text, "  ") && text[strlen(text) - 1] != ' ');
}

/* Lines that every result which is not rejected has to obey. */
static int in_norm_form(const crm_postal_result_t *result)
{
    const char *const *values = result->values;
    int i, good = !values[5] && !values[6];

    for (i = 0; i < 5; i++) {
        good = good && is_norm(values[i], CRM_POSTAL_COLUMNS);
    }
    good = good && is_norm(values[CRM_POSTAL_CITY], CRM_POSTAL_CITY_COLUMNS);
    good = good && (!values[CRM_POSTAL_POST_CODE] ||
                    (strlen(values[CRM_POSTAL_POST_CODE]) == 5 &&
                     strspn(values[CRM_POSTAL_POST_CODE], "0123456789") == 5));
    return good;
}

/* Rejected, foreign, or of a doubtful country: nothing was brought into form. */
static int is_as_given(const crm_postal_result_t *result)
{
    return result->verdict == CRM_POSTAL_REJECTED ||
           (result->reason &&
            (strstr(result->reason, "country") || strstr(result->reason, "foreign")));
}

static void normalise_twice(crm_postal_result_t *result, const char *const *values,
                            apr_pool_t *pool)
{
    crm_postal_result_t again;

    crm_postal_normalise(result, values, pool);
    crm_postal_normalise(&again, result->values, pool);
    expect(same_address(result->values, again.values), "twice is not once", result->values,
           again.values, pool);
    expect(result->verdict == again.verdict ||
               (result->verdict == CRM_POSTAL_CORRECTED && again.verdict == CRM_POSTAL_VALID),
           "the verdict changes", result->values, again.values, pool);
    expect(is_as_given(result) || in_norm_form(result), "not in norm form", values, result->values,
           pool);
}

/* Words and what the norm makes of them, or of what callers write for them. */
static int stands_for(const char *out, const char *in)
{
    static const char *const pairs[][2] = {
        {"AVENUE", "AV"},      {"BOULEVARD", "BD"},     {"BOULEVARD", "BLD"},   {"PLACE", "PL"},
        {"ROUTE", "RTE"},      {"IMPASSE", "IMP"},      {"BD", "BLD"},          {"AV", "AVENUE"},
        {"BD", "BOULEVARD"},   {"PL", "PLACE"},         {"RTE", "ROUTE"},       {"IMP", "IMPASSE"},
        {"ALL", "ALLEE"},      {"CHE", "CHEMIN"},       {"QU", "QUAI"},         {"SQ", "SQUARE"},
        {"CRS", "COURS"},      {"PAS", "PASSAGE"},      {"SEN", "SENTIER"},     {"GENERAL", "GAL"},
        {"GAL", "GENERAL"},    {"DOCTEUR", "DR"},       {"MAL", "MARECHAL"},    {"SAINT", "ST"},
        {"SAINTE", "STE"},     {"ST", "SAINT"},         {"STE", "SAINTE"},      {"SUR", "S"},
        {"CDT", "COMMANDANT"}, {"PDT", "PRESIDENT"},    {"PR", "PROFESSEUR"},   {"ND", "NOTRE"},
        {"ANC", "ANCIENS"},    {"RES", "RESIDENCE"},    {"LOT", "LOTISSEMENT"}, {"BAT", "BATIMENT"},
        {"IMM", "IMMEUBLE"},   {"APPT", "APPARTEMENT"}, {"ETG", "ETAGE"},       {"ESC", "ESCALIER"},
        {"CCAL", "CENTRE"},    {"ZA", "ZONE"},          {"B", "BIS"},           {"T", "TER"},
        {"Q", "QUATER"},       {"M", "MONSIEUR"},       {"MME", "MADAME"},      {"LD", "LIEU"},
        {"ENT", "ENTREE"},     {"GD", "GRAND"},
    };
    size_t i;

    for (i = 0; i < COUNT(pairs); i++) {
        if (strcmp(out, pairs[i][0]) == 0 && strcmp(in, pairs[i][1]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* A text with its glued numbers apart, as results have them. */
static const char *unglued(const char *text, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, strlen(text) * 2 + 1);
    size_t n = 0;
    int i;

    for (i = 0; text[i]; i++) {
        if (i > 0 && text[i] >= '0' && text[i] <= '9' && (text[i - 1] < '0' || text[i - 1] > '9') &&
            text[i - 1] != ' ') {
            out[n++] = ' ';
        }
        if (i > 0 && text[i - 1] >= '0' && text[i - 1] <= '9' && text[i] != ' ' &&
            (text[i] < '0' || text[i] > '9')) {
            out[n++] = ' ';
        }
        out[n++] = text[i];
    }
    out[n] = '\0';
    return out;
}

/* Uses up the word of the result that stands for `word`: itself, else what it is written as, else
 * its initial. */
static int use(const char **words, int count, const char *word)
{
    int i, way;

    for (way = 0; way < 3; way++) {
        for (i = 0; i < count; i++) {
            const char *out = words[i];

            if (*out && (way == 0   ? strcmp(out, word) == 0
                         : way == 1 ? stands_for(out, word)
                                    : out[1] == '\0' && *out == *word && *out > '9')) {
                words[i] = "";
                return 1;
            }
        }
    }
    return 0;
}

static const char *without_zeros(const char *word)
{
    size_t zeros = strspn(word, "0");

    return word[zeros] >= '1' && word[zeros] <= '9' ? word + zeros : word;
}

/* The words of a text, numbers apart from letters and without leading zeros. */
static int split(const char **words, int most, const char *text, apr_pool_t *pool)
{
    char *word, *rest, *copy = apr_pstrdup(pool, unglued(text, pool));
    int count = 0;

    for (word = apr_strtok(copy, " ", &rest); word && count < most;
         word = apr_strtok(NULL, " ", &rest)) {
        words[count++] = without_zeros(word);
    }
    return count;
}

/* How many words of `text` are not in `words`, each of which is used once. */
static int missing(const char **words, int count, const char *text, const char *dropped,
                   apr_pool_t *pool)
{
    static const char articles[] = " D DE DES DU L LA LE LES ";
    const char *wanted[60];
    int lost = 0, i, n = split(wanted, 60, crm_postal_letters(text, pool), pool);

    for (i = 0; i < n; i++) {
        const char *word = apr_pstrcat(pool, " ", wanted[i], " ", NULL);

        lost += !use(words, count, wanted[i]) && !strstr(articles, word) && !strstr(dropped, word);
    }
    return lost;
}

/* Every word of what the address was made of is in the result. */
static int nothing_lost(const made_t *made, const crm_postal_result_t *result, apr_pool_t *pool)
{
    const char *const elements[] = {made->name,   made->flat, made->building, made->estate,
                                    made->street, made->box,  made->city};
    const char *all = "";
    const char *words[200];
    int i, count, lost = 0;

    for (i = 0; i < CRM_POSTAL_COUNTRY; i++) {
        all = result->values[i] ? apr_pstrcat(pool, all, " ", result->values[i], NULL) : all;
    }
    count = split(words, 200, all, pool);
    for (i = (int)COUNT(elements) - 1; i >= 0; i--) {
        lost += missing(words, count, elements[i], made->dropped, pool);
    }
    return lost == 0;
}

static void addresses(apr_pool_t *parent)
{
    int i, rejected = 0;
    apr_pool_t *pool;

    failures = 0;
    apr_pool_create(&pool, parent);
    for (i = 0; i < ADDRESSES; i++) {
        const char *values[CRM_POSTAL_VALUES], *other[CRM_POSTAL_VALUES];
        crm_postal_result_t result, wild;
        made_t made;

        make(&made, pool);
        in_form(values, &made, pool);
        normalise_twice(&result, values, pool);
        wildly(other, &made, pool);
        normalise_twice(&wild, other, pool);
        rejected += result.verdict == CRM_POSTAL_REJECTED;
        if (result.verdict != CRM_POSTAL_REJECTED) {
            expect(strcmp(result.values[CRM_POSTAL_POST_CODE], made.code) == 0, "another post code",
                   values, result.values, pool);
            expect(nothing_lost(&made, &result, pool), "a word is lost", values, result.values,
                   pool);
        }
        if (wild.verdict != CRM_POSTAL_REJECTED) {
            expect(strcmp(wild.values[CRM_POSTAL_POST_CODE], made.code) == 0, "another post code",
                   other, wild.values, pool);
            expect(nothing_lost(&made, &wild, pool), "a word is lost", other, wild.values, pool);
        }
        if (result.verdict != CRM_POSTAL_REJECTED && wild.verdict != CRM_POSTAL_REJECTED) {
            wild.values[0] = result.values[0];
            expect(same_address(result.values, wild.values), "written wildly it differs", other,
                   wild.values, pool);
        }
        apr_pool_clear(pool);
    }
    is_number(failures, 0, "what must hold of any address, twice 10000 times");
    ok(rejected < ADDRESSES / 100, "and next to none is rejected: %d", rejected);
}

/* ---- no address at all ---- */

static const char *noise(apr_pool_t *pool)
{
    size_t length = below(10) ? below(60) : below(5000), i;
    char *text = apr_palloc(pool, length + 1);
    int words = (int)below(3);

    for (i = 0; i < length; i++) {
        text[i] = words == 0   ? (char)(1 + below(255))
                  : words == 1 ? " ,-;/(0123456789BATAPRUEDELACEDEXéà"[below(36)]
                               : "0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ,-\n"[below(40)];
    }
    text[length] = '\0';
    return text;
}

static const char *vocabulary(apr_pool_t *pool)
{
    static const char *const words[] = {
        "12",      "B",      "BIS",   "RUE",   "AV",   "ST",    "69100", "NICE",  "CEDEX",
        "08",      "BP",     "CS",    "APPT",  "BAT",  "ETAGE", "2E",    "PARIS", "8E",
        "ARR",     "FRANCE", "F",     "CHEZ",  "DE",   "LA",    "L",     "A",     "ET",
        "RES",     "ZI",     "LIEU",  "DIT",   "JEAN", "GAL",   "PORTE", "D",     "S",
        "SAINT",   ",",      "-",     "(",     "0",    "N",     "HAM",   "LOT",   "MONACO",
        "REUNION", "R",      "97400", "TOUR",  "6000", "PL",    "15/17", "POSTE", "RESTANTE",
        "ESC",     "NOTRE",  "DAME",  "GRANDE"};
    const char *text = "";
    unsigned count = below(9);

    while (count-- > 0) {
        text = apr_pstrcat(pool, text, *text ? " " : "", PICK(words), NULL);
    }
    return text;
}

static void broken(apr_pool_t *parent)
{
    apr_pool_t *pool;
    int i, n;

    failures = 0;
    apr_pool_create(&pool, parent);
    for (i = 0; i < 2 * BROKEN; i++) {
        const char *values[CRM_POSTAL_VALUES];
        crm_postal_result_t result;
        const crm_postal_place_t place = {"69100", noise(pool), noise(pool)};

        for (n = 0; n < CRM_POSTAL_VALUES; n++) {
            values[n] = below(2) ? NULL : i % 2 ? noise(pool) : vocabulary(pool);
        }
        values[CRM_POSTAL_COUNTRY] = below(2) ? "FRA" : NULL;
        normalise_twice(&result, values, pool);
        crm_postal_validate(&result, &place, 1, 0, pool);
        expect(is_as_given(&result) || in_norm_form(&result), "validated, not in norm form", values,
               result.values, pool);
        n = (int)strlen(crm_postal_city_key(values[CRM_POSTAL_CITY], pool));
        apr_pool_clear(pool);
    }
    is_number(failures, 0, "and of bytes and words that are no address");
}

/* Texts that no limit holds back. */
static void long_texts(apr_pool_t *pool)
{
    static const char *const bits[] = {"PARIS 8 ", "\xC3", "S ", "&", ",,(", "é"};
    size_t i, n, length, most = 1000000;

    for (i = 0; i < COUNT(bits); i++) {
        char *text = apr_pcalloc(pool, most + 10);

        length = strlen(bits[i]);
        for (n = 0; n < most; n += length) {
            memcpy(text + n, bits[i], length);
        }
        ok(strlen(crm_postal_letters(text, pool)) <= 4 * n, "letters of a long text");
        ok(strlen(crm_postal_city_key(text, pool)) <= 4 * n, "key of a long text");
    }
}

int main(void)
{
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    seed();
    addresses(pool);
    broken(pool);
    long_texts(pool);
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
