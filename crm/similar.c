/*
 * The distance of two texts, row by row (see similar.h). Never needs more than three rows of fixed
 * size, and leaves off as soon as the distance cannot stay within what was asked for.
 */
#include "crm/similar.h"

/* row[j]: the distance of the first letters of `a`, up to this row's, to the first j of `b`. */
typedef int row_t[CRM_SIMILAR_BYTES + 1];

static int length_of(const char *text)
{
    int length = 0;

    while (length < CRM_SIMILAR_BYTES && text[length]) {
        length++;
    }
    return length;
}

static int lesser(int a, int b)
{
    return a < b ? a : b;
}

/* Fills the row of the letter a[i - 1] and returns its least number. */
static int next_row(row_t now, const row_t last, const row_t before_last, const char *a, int i,
                    const char *b, int b_length)
{
    int j, least = i;

    now[0] = i;
    for (j = 1; j <= b_length; j++) {
        now[j] = lesser(last[j - 1] + (a[i - 1] != b[j - 1]), lesser(last[j], now[j - 1]) + 1);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
            now[j] = lesser(now[j], before_last[j - 2] + 1);
        }
        least = lesser(least, now[j]);
    }
    return least;
}

int crm_similar_distance(const char *a, const char *b, int most)
{
    int a_length = length_of(a), b_length = length_of(b), i;
    row_t rows[3];

    if (a_length - b_length > most || b_length - a_length > most) {
        return most + 1;
    }
    for (i = 0; i <= b_length; i++) {
        rows[0][i] = i;
    }
    for (i = 1; i <= a_length; i++) {
        /* The rows' least numbers never fall: what is too far here stays so. */
        if (next_row(rows[i % 3], rows[(i + 2) % 3], rows[(i + 1) % 3], a, i, b, b_length) > most) {
            return most + 1;
        }
    }
    return lesser(rows[a_length % 3][b_length], most + 1);
}

int crm_similar_per_mille(const char *a, const char *b)
{
    int a_length = length_of(a), b_length = length_of(b);
    int longer = a_length > b_length ? a_length : b_length;

    return longer == 0 ? 1000 : 1000 - crm_similar_distance(a, b, longer) * 1000 / longer;
}
