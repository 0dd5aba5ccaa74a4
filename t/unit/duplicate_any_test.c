/*
 * What must hold for any two contacts: symmetry, a key in common, no merge against a rule that
 * forbids it, no crash.
 */
#include "t/unit/duplicate_tools.h"

static apr_pool_t *pool;

static unsigned int seed = 20261124;

static int random_number(int limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (unsigned int)limit);
}

/* First names that are different people at one address, and other values to choose from. */
static const char *const firsts[] = {NULL,     "Léa",     "Jean",     "Hélène", "Chloé",   "Benoît",
                                     "Karine", "Nicolas", "François", "Zoé",    "Raphaël", "Agnès"};
static const char *const lasts[] = {NULL,       "Marchand", "Dupont",
                                    "Lefebvre", "Müller",   "Garcia Lopez"};
static const char *const streets[] = {NULL, "12 rue de la Paix", "3 place du Marché", "Le Bourg"};
static const char *const codes[] = {NULL, "75002", "06000"};
static const char *const mails[] = {NULL, "a@example.org", "b@example.org",
                                    "b@example.org|c@example.org"};
static const char *const numbers[] = {NULL, "+33612345678", "+33123456789|+33612345678",
                                      "+33123456789"};
static const char *const births[] = {NULL, NULL, "1985-04-12", "2010-01-02"};

#define ANY_OF(list) list[random_number((int)(sizeof(list) / sizeof(list[0])))]

static who_t anybody(void)
{
    return (who_t){.first = ANY_OF(firsts),
                   .last = ANY_OF(lasts),
                   .company = random_number(6) ? NULL : "Roy SARL",
                   .birth = ANY_OF(births),
                   .street = ANY_OF(streets),
                   .post_code = ANY_OF(codes),
                   .emails = ANY_OF(mails),
                   .phones = ANY_OF(numbers),
                   .gender = random_number(3)};
}

/* The text in capitals, the accents of the lists above dropped. */
static const char *plain(const char *text, apr_pool_t *p)
{
    static const char *const accents[][2] = {{"é", "E"}, {"è", "E"}, {"ë", "E"},
                                             {"î", "I"}, {"ç", "C"}, {"ü", "U"}};
    char *to, *copy = text ? apr_pstrdup(p, text) : NULL;
    size_t i;

    for (to = copy; text && *text; to++) {
        *to = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        for (i = 0; i < sizeof(accents) / sizeof(accents[0]); i++) {
            if (strncmp(text, accents[i][0], 2) == 0) {
                *to = accents[i][1][0];
                text++;
                break;
            }
        }
        text++;
    }
    if (copy) {
        *to = '\0';
    }
    return copy;
}

/* The same person written otherwise: no accents, capitals, lists turned. */
static crm_suspect_t disguised(const who_t *who, apr_pool_t *p)
{
    crm_suspect_t suspect = suspect_of(who, p);
    apr_array_header_t *lists[] = {suspect.emails, suspect.phones};
    int i, j;

    suspect.first_name = plain(who->first, p);
    suspect.last_name = plain(who->last, p);
    for (i = 0; suspect.places && i < suspect.places->nelts; i++) {
        crm_suspect_place_t *place = &APR_ARRAY_IDX(suspect.places, i, crm_suspect_place_t);

        place->street = plain(place->street, p);
    }
    for (i = 0; i < 2; i++) {
        for (j = 0; j < lists[i]->nelts / 2; j++) {
            const char **one = &APR_ARRAY_IDX(lists[i], j, const char *);
            const char **other = &APR_ARRAY_IDX(lists[i], lists[i]->nelts - 1 - j, const char *);
            const char *kept = *one;

            *one = *other;
            *other = kept;
        }
    }
    return suspect;
}

static int differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

static void any_pair(void)
{
    int i, asymmetric = 0, changed = 0, lost = 0, families = 0, self = 0, counts[3] = {0};
    apr_pool_t *turn;

    apr_pool_create(&turn, pool);
    for (i = 0; i < 15000; i++) {
        who_t one = anybody(), other = anybody();
        crm_suspect_t a, b, c;
        crm_duplicate_t result, second;

        apr_pool_clear(turn);
        a = suspect_of(&one, turn);
        b = suspect_of(&other, turn);
        c = disguised(&other, turn);
        crm_duplicate_compare(&result, &a, &b, turn);
        counts[result.verdict]++;
        crm_duplicate_compare(&second, &b, &a, turn);
        asymmetric += !same_result(&result, &second);
        crm_duplicate_compare(&second, &a, &c, turn);
        changed += !same_result(&result, &second);
        lost += result.verdict != NO && !common_key(&a, &b, turn);
        families += result.verdict == MERGE &&
                    (differ(one.first, other.first) || differ(one.birth, other.birth) ||
                     (one.gender && other.gender && one.gender != other.gender &&
                      (one.first || one.last) && (other.first || other.last)));
        crm_duplicate_compare(&second, &a, &a, turn);
        self += one.first && one.last &&
                (one.emails || one.phones || (one.street && one.post_code)) &&
                (second.verdict != MERGE || second.score != 1000);
    }
    printf("# %d no, %d review, %d merge\n", counts[NO], counts[REVIEW], counts[MERGE]);
    ok(counts[NO] > 1000 && counts[REVIEW] > 1000 && counts[MERGE] > 100,
       "15,000 random pairs have all verdicts");
    is_number(asymmetric, 0, "each is the same the other way round");
    is_number(changed, 0, "no accent, capital or order changes one");
    is_number(lost, 0, "none that matters is without a common key");
    is_number(families, 0, "none with two first names, two birth dates or two genders is merged");
    is_number(self, 0, "whoever is known well enough is the same as himself");
    apr_pool_destroy(turn);
}

static const char *noise(apr_pool_t *p)
{
    int length = random_number(30);
    char *text = apr_palloc(p, (apr_size_t)length + 1);

    if (random_number(8) == 0) {
        return NULL;
    }
    text[length] = '\0';
    while (length-- > 0) {
        text[length] = (char)(1 + random_number(255));
    }
    return text;
}

static crm_suspect_t noisy(apr_pool_t *p)
{
    crm_suspect_place_t place = {noise(p), noise(p), noise(p), noise(p)};
    crm_suspect_t suspect = {.first_name = noise(p),
                             .last_name = noise(p),
                             .company = noise(p),
                             .birth_date = noise(p),
                             .places = apr_array_make(p, 1, sizeof(place)),
                             .emails = apr_array_make(p, 1, sizeof(const char *)),
                             .phones = apr_array_make(p, 1, sizeof(const char *))};

    APR_ARRAY_PUSH(suspect.places, crm_suspect_place_t) = place;
    APR_ARRAY_PUSH(suspect.emails, const char *) = noise(p);
    APR_ARRAY_PUSH(suspect.phones, const char *) = noise(p);
    return suspect;
}

static void robustness(void)
{
    int i, wrong = 0;
    apr_pool_t *turn;
    apr_size_t size = 3000000;
    char *large = apr_palloc(pool, size + 1);
    crm_suspect_t giant = {.first_name = large, .last_name = large, .company = large};
    crm_duplicate_t result;

    apr_pool_create(&turn, pool);
    for (i = 0; i < 8000; i++) {
        crm_suspect_t a, b;
        crm_duplicate_t second;

        apr_pool_clear(turn);
        a = noisy(turn);
        b = noisy(turn);
        crm_duplicate_compare(&result, &a, &b, turn);
        crm_duplicate_compare(&second, &b, &a, turn);
        wrong += !same_result(&result, &second) || result.score < 0 || result.score > 1000;
        wrong += crm_duplicate_keys(&a, turn) == NULL;
    }
    is_number(wrong, 0, "8,000 pairs of random bytes are compared, symmetrically");
    for (i = 0; i < (int)size; i++) {
        large[i] = i % 3 == 2 ? ' ' : (char)('A' + i % 26);
    }
    large[size] = '\0';
    crm_duplicate_compare(&result, &giant, &giant, turn);
    is_number(result.verdict, NO, "and names of a million words");
    apr_pool_destroy(turn);
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    any_pair();
    robustness();
    apr_pool_destroy(pool);
    apr_terminate();
    return tap_done();
}
