/* How far texts are apart: known distances, and the same answer as the plain definition gives. */
#include "crm/similar.h"

#include <stdlib.h>

#include "t/unit/tap.h"

static const struct {
    const char *a, *b;
    int distance;
    int per_mille;
} cases[] = {
    {"", "", 0, 1000},
    {"A", "", 1, 0},
    {"", "ABC", 3, 0},
    {"A", "A", 0, 1000},
    {"A", "B", 1, 0},
    {"AB", "BA", 1, 500},
    {"ABC", "CA", 3, 0}, /* 2 if a letter might be touched twice */
    {"MARTIN", "MARTIN", 0, 1000},
    {"MARTIN", "MARTNI", 1, 834},
    {"MARTIN", "MARTINE", 1, 858},
    {"MARTIN", "MATIN", 1, 834},
    {"MARTIN", "MERLIN", 2, 667},
    {"CAROLINE", "CORALINE", 2, 750},
    {"MARCHAND", "MRACHADN", 2, 750},
    {"DUPONT", "LEFEVRE", 7, 0},
    {"KITTEN", "SITTING", 3, 572},
};

static unsigned int seed = 20261125;

static int random_number(int limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (unsigned int)limit);
}

/* The definition itself, with every row kept. */
static int plain_distance(const char *a, const char *b)
{
    static int d[32][32];
    int m = (int)strlen(a), n = (int)strlen(b), i, j;

    for (i = 0; i <= m; i++) {
        for (j = 0; j <= n; j++) {
            int least = i == 0 ? j : i;

            if (i > 0 && j > 0) {
                least = d[i - 1][j] + 1;
                least = d[i][j - 1] + 1 < least ? d[i][j - 1] + 1 : least;
                least = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) < least
                            ? d[i - 1][j - 1] + (a[i - 1] != b[j - 1])
                            : least;
            }
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < least) {
                least = d[i - 2][j - 2] + 1;
            }
            d[i][j] = least;
        }
    }
    return d[m][n];
}

static void random_text(char *text, int most)
{
    int length = random_number(most + 1);

    text[length] = '\0';
    while (length-- > 0) {
        text[length] = (char)('A' + random_number(4));
    }
}

static void any_pair(void)
{
    int i, wrong = 0, beyond = 0, asymmetric = 0;

    for (i = 0; i < 50000; i++) {
        char a[16], b[16];
        int want, most = random_number(6);

        random_text(a, 15);
        random_text(b, 15);
        want = plain_distance(a, b);
        wrong += crm_similar_distance(a, b, 15) != want;
        beyond += crm_similar_distance(a, b, most) != (want > most ? most + 1 : want);
        asymmetric += crm_similar_distance(a, b, most) != crm_similar_distance(b, a, most) ||
                      crm_similar_per_mille(a, b) != crm_similar_per_mille(b, a);
    }
    is_number(wrong, 0, "50,000 random pairs have the distance of the definition");
    is_number(beyond, 0, "and one more than allowed when it is greater");
    is_number(asymmetric, 0, "each is the same the other way round");
}

static void long_texts(void)
{
    size_t size = 1000000;
    char *a = malloc(size + 1), *b = malloc(size + 1);

    memset(a, 'A', size);
    memset(b, 'A', size);
    a[size] = b[size] = '\0';
    is_number(crm_similar_distance(a, b, 3), 0, "long texts that are the same");
    b[5] = 'B';
    is_number(crm_similar_distance(a, b, 3), 1, "and that are not");
    b[5] = 'A';
    b[CRM_SIMILAR_BYTES] = 'B';
    is_number(crm_similar_distance(a, b, 3), 0, "what is far behind is not looked at");
    is_number(crm_similar_distance(a, "A", 3), 4, "a long and a short one");
    is_number(crm_similar_per_mille(a, b), 1000, "per mille of long texts");
    free(a);
    free(b);
}

int main(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(crm_similar_distance(cases[i].a, cases[i].b, 100) == cases[i].distance,
           "\"%s\" and \"%s\" are %d apart", cases[i].a, cases[i].b, cases[i].distance);
        is_number(crm_similar_per_mille(cases[i].a, cases[i].b), cases[i].per_mille,
                  "so much is similar");
    }
    any_pair();
    long_texts();
    return tap_done();
}
