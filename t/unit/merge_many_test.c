/*
 * Two thousand people, some of them families, and three hundred who are there twice or three times,
 * written otherwise: these are found, and nobody else, also when every third step of the run is
 * lost. CRM360_SEED gives another set of people.
 */
#include "t/unit/merge_tools.h"

#define PEOPLE 2000
#define TWINS 300
#define ROWS (PEOPLE + TWINS)

static unsigned int seed;

static int random_number(int limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (unsigned int)limit);
}

/* First names that are different people at one address. */
static const char *const firsts[] = {"Léa",     "Jean",     "Hélène", "Chloé",   "Benoît", "Karine",
                                     "Nicolas", "François", "Zoé",    "Raphaël", "Agnès"};
static const char *const lasts[] = {
    "Marchand", "Dupont",  "Lefebvre", "Müller", "García López", "Petit",     "Roux",   "Fournier",
    "Lacroix",  "de Smet", "O'Neill",  "Perrot", "Gauthier",     "Chevalier", "Renard", "Le Goff",
    "Nguyen",   "Schmitt", "Baron",    "Collet", "Picard",       "Da Silva",  "Weber",  "Bertrand"};
static const char *const streets[] = {
    "RUE HAUTE",          "AVENUE DU GENERAL DE GAULLE", "PLACE DU MARCHE", "CHEMIN DES VIGNES",
    "BOULEVARD VOLTAIRE", "IMPASSE DU MOULIN",           "RUE VICTOR HUGO"};

#define COUNT(list) ((int)(sizeof(list) / sizeof(list[0])))

typedef struct human_t {
    int first, last, number, street, code;
    int home; /* phone of the family; 0 = none */
    const char *birth;
} human_t;

static human_t people[PEOPLE];
static row_t rows[ROWS];
static int owner[ROWS]; /* whose row it is */

static int alike(const human_t *a, const human_t *b)
{
    return a->first == b->first && a->last == b->last &&
           (a->code == b->code || (a->home && a->home == b->home));
}

static int is_new(int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (alike(&people[i], &people[count])) {
            return 0;
        }
    }
    return 1;
}

/* Every third belongs to the family of the one before. */
static void make_people(void)
{
    int i;

    for (i = 0; i < PEOPLE;) {
        human_t *one = &people[i];

        *one = (human_t){.first = random_number(COUNT(firsts)),
                         .last = random_number(COUNT(lasts)),
                         .number = 1 + random_number(99),
                         .street = random_number(COUNT(streets)),
                         .code = 1000 + random_number(94000),
                         .home = i};
        if (random_number(4) == 0) {
            one->birth = apr_psprintf(pool, "%d-%02d-%02d", 1940 + random_number(60),
                                      1 + random_number(12), 1 + random_number(28));
        }
        if (i % 3 == 2) {
            int first = one->first;

            *one = people[i - 1];
            one->first = first;
            one->birth = NULL;
        }
        i += is_new(i);
    }
}

static row_t row_of(int i)
{
    const human_t *one = &people[i];

    return (row_t){
        .first = firsts[one->first],
        .last = lasts[one->last],
        .birth = one->birth,
        .street = apr_psprintf(pool, "%d %s", one->number, streets[one->street]),
        .code = apr_psprintf(pool, "%05d", one->code),
        .city = "VILLE",
        .email = apr_psprintf(pool, "somebody%d@example.org", i),
        .mobile = apr_psprintf(pool, "+336%04d%04d", i, 1000 + i * 7 % 9000),
        .home = one->home % 2 ? apr_psprintf(pool, "+331%04d%04d", one->home, one->home) : NULL,
        .source = 1 + i % 3,
    };
}

/* No accents, all capitals. */
static const char *plain(const char *text)
{
    static const char *const accents[][2] = {{"é", "E"}, {"è", "E"}, {"ë", "E"}, {"î", "I"},
                                             {"ç", "C"}, {"ü", "U"}, {"í", "I"}, {"ó", "O"}};
    const char *made = "";
    int i;

    while (*text) {
        for (i = 0; i < COUNT(accents) && strncmp(text, accents[i][0], 2) != 0; i++) {
        }
        made = i < COUNT(accents)
                   ? apr_pstrcat(pool, made, accents[i][1], NULL)
                   : apr_psprintf(pool, "%s%c", made,
                                  *text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
        text += i < COUNT(accents) ? 2 : 1;
    }
    return made;
}

static const char *swapped(const char *text)
{
    char *copy = apr_pstrdup(pool, plain(text)), kept = copy[2];

    copy[2] = copy[3];
    copy[3] = kept;
    return copy;
}

/* The same person, written otherwise, with only some of what is known. */
static row_t disguised(row_t row)
{
    const char *first = row.first;

    switch (random_number(3)) {
    case 0:
        row.first = plain(row.first);
        row.last = plain(row.last);
        break;
    case 1:
        row.first = plain(row.last);
        row.last = first;
        break;
    default:
        row.last = strlen(row.last) > 5 ? swapped(row.last) : plain(row.last);
    }
    switch (random_number(3)) {
    case 0:
        row.email = row.mobile = row.home = NULL;
        break;
    case 1:
        row.street = row.code = row.city = row.mobile = row.home = NULL;
        row.email = plain(row.email);
        break;
    default:
        row.street = row.code = row.city = row.email = NULL;
        row.home = row.mobile;
        row.mobile = NULL;
    }
    row.birth = random_number(2) ? row.birth : NULL;
    return row;
}

/* All rows in any order. */
static void make_rows(void)
{
    int i, k;

    for (i = 0; i < ROWS; i++) {
        owner[i] = i < PEOPLE ? i : random_number(PEOPLE);
        rows[i] = row_of(owner[i]);
        if (i >= PEOPLE) {
            rows[i] = disguised(rows[i]);
        }
    }
    for (i = ROWS - 1; i > 0; i--) {
        row_t row = rows[i];
        int whose = owner[i];

        k = random_number(i + 1);
        rows[i] = rows[k];
        owner[i] = owner[k];
        rows[k] = row;
        owner[k] = whose;
    }
}

/* Runs, losing some steps as if the worker was killed. How many steps there were. */
static int lossy_run(const char *message_id, int losses)
{
    const crm_dedup_choice_t choice = {.source_id = 0};
    crm_job_t job = {.finished = 0};
    apr_pool_t *step;
    int steps = 0;

    apr_pool_create(&step, pool);
    while (!job.finished) {
        int lost = losses && random_number(3) == 0;

        apr_pool_clear(step);
        if (crm_db_begin(db) != APR_SUCCESS ||
            crm_dedup_run(&job, db, message_id, &choice, step) != APR_SUCCESS) {
            ok(0, "a step: %s", crm_db_error(db));
            return 0;
        }
        job.finished = job.finished && !lost;
        if (lost) {
            crm_db_rollback(db);
        }
        else if (crm_db_commit(db) != APR_SUCCESS) {
            ok(0, "a commit: %s", crm_db_error(db));
            return 0;
        }
        steps++;
    }
    apr_pool_destroy(step);
    return steps;
}

/* What every row has become: each person is the first of his rows. */
static const char *wanted_merges(void)
{
    const char *text = "";
    int i, k;

    for (i = 0; i < ROWS; i++) {
        for (k = 0; owner[k] != owner[i]; k++) {
        }
        if (k < i) {
            text = apr_psprintf(pool, "%s%s%d|%d", text, *text ? "\n" : "", k + 1, i + 1);
        }
    }
    return text;
}

/* The lines of `a` that `b` does not have. */
static const char *missing(const char *a, const char *b)
{
    char *copy = apr_pstrdup(pool, a), *line, *state;
    const char *text = "", *around = apr_pstrcat(pool, "\n", b, "\n", NULL);

    for (line = apr_strtok(copy, "\n", &state); line; line = apr_strtok(NULL, "\n", &state)) {
        if (!strstr(around, apr_pstrcat(pool, "\n", line, "\n", NULL))) {
            text = apr_pstrcat(pool, text, line, " ", NULL);
        }
    }
    return text;
}

int main(void)
{
    const char *merges = "SELECT KeptContactId, MergedContactId FROM WebhookMerges ORDER BY 2";
    const char *reviews = "SELECT ContactId, OtherContactId, Rule, Score, Explanation"
                          " FROM WebhookReviews ORDER BY 1, 2";
    const char *wanted, *got, *first_reviews;
    int steps;

    seed = getenv("CRM360_SEED") ? (unsigned int)strtoul(getenv("CRM360_SEED"), NULL, 10)
                                 : (unsigned int)apr_time_now() % 1000000;
    printf("# CRM360_SEED=%u\n", seed);
    start();
    make_people();
    make_rows();
    empty();
    put(rows, ROWS);
    steps = lossy_run("M1", 0);
    printf("# %d steps, %s pairs for review\n", steps, ask("SELECT COUNT(*) FROM WebhookReviews"));
    wanted = wanted_merges();
    got = ask(merges);
    is_text(missing(wanted, got), "", "everybody who is there twice is found");
    is_text(missing(got, wanted), "", "and nobody else");
    is_text(ask("SELECT COUNT(*) FROM Contacts WHERE DeletionFlag = 0"), apr_itoa(pool, PEOPLE),
            "there are as many contacts as people");
    first_reviews = ask(reviews);
    ok(strlen(first_reviews) > 1000, "families are shown");
    ok(steps > TWINS, "the run had many steps");
    lossy_run("M2", 0);
    is_text(ask(merges), got, "a second run merges nobody");
    is_text(ask(reviews), first_reviews, "  and shows nobody else");

    empty();
    put(rows, ROWS);
    lossy_run("M1", 1);
    is_text(ask(merges), got, "a run that loses a third of its steps ends the same");
    is_text(ask(reviews), first_reviews, "  and shows the same");
    is_text(ask("SELECT COUNT(*) FROM WebhookDuplicateTasks"), "0", "nothing is left to do");
    crm_db_close(db);
    return tap_done();
}
