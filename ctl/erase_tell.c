/*
 * What crm360ctl erase prints: how far it is, what was found, as lines or as one JSON object,
 * and what is left to do. Must never print anything of the person but what was typed.
 */
#include "ctl/erase.h"

#include <stdio.h>

#include "core/clock.h"

#define PROGRESS_EVERY (APR_USEC_PER_SEC / 2)

static const char *const place_names[ERASE_PLACES] = {"live",  "batch", "send",  "dead",
                                                      "other", "spool", "export"};

static int is_json(const erase_run_t *run)
{
    return ctl_output_form(run->output) == CTL_FORM_JSON;
}

void erase_progress(erase_run_t *run, const char *place, apr_int64_t done)
{
    if (run->shows && crm360_clock() - run->shown >= PROGRESS_EVERY) {
        run->shown = crm360_clock();
        fprintf(stderr, "\r%s: %s: %" APR_INT64_T_FMT " looked at\033[K", run->place.name, place,
                done);
    }
}

void erase_progress_end(const erase_run_t *run)
{
    if (run->shows && run->shown) {
        fprintf(stderr, "\r\033[K");
    }
}

void erase_show(const erase_run_t *run, const char *place, const char *id,
                ctl_person_verdict_t verdict, apr_pool_t *pool)
{
    if (is_json(run)) {
        ctl_object_begin(run->output, NULL);
        ctl_field_text(run->output, "place", NULL, place);
        ctl_field_text(run->output, "id", NULL, id);
        ctl_field_flag(run->output, "batch", NULL, verdict != CTL_PERSON_WHOLE);
        ctl_object_end(run->output);
        return;
    }
    printf("%s: %s: %s%s\n", run->place.name, place, ctl_plain(id, pool),
           verdict == CTL_PERSON_WHOLE ? "" : ", a batch: elements of it");
}

void erase_refuse(const erase_run_t *run, const crm_erasure_t *erasure)
{
    int i, most = erasure->contacts->nelts;

    fprintf(stderr, "crm360ctl: %s: %s%d contacts match (ContactId", run->place.name,
            most > CRM_ERASE_MOST ? "more than " : "",
            most > CRM_ERASE_MOST ? CRM_ERASE_MOST : most);
    for (i = 0; i < most && i < 10; i++) {
        fprintf(stderr, "%s %d", i ? "," : "", APR_ARRAY_IDX(erasure->contacts, i, int));
    }
    fprintf(stderr, "%s). Families share addresses and phones, and somebody may be there twice.\n",
            most > 10 ? ", ..." : "");
    if (most > CRM_ERASE_MOST) {
        fprintf(stderr, "That is nobody's own. Nothing was erased.\n");
        return;
    }
    fprintf(stderr, "Choose by --identifier, or take them all with --all-matches; contacts that "
                    "were merged need both. Nothing was erased.\n");
}

/* The counts as lines; tell_counts_json() as two lists. */
static void tell_counts_lines(const erase_run_t *run)
{
    int i;

    for (i = 0; i < ERASE_PLACES; i++) {
        const erase_count_t *count = &run->counts[i];

        printf("%s: %s: %" APR_INT64_T_FMT " %s", run->place.name, place_names[i], count->messages,
               i == ERASE_EXPORT ? "lines" : "messages");
        if (count->batches) {
            printf(", %" APR_INT64_T_FMT " elements of %" APR_INT64_T_FMT " batches",
                   count->elements, count->batches);
        }
        printf("\n");
    }
    for (i = 0; run->rows && i < run->rows->nelts; i++) {
        const crm_erased_rows_t *entry = &APR_ARRAY_IDX(run->rows, i, crm_erased_rows_t);

        printf("%s: %s: %d rows%s\n", run->place.name, entry->table, entry->rows,
               entry->kept ? ", which stay without the person" : "");
    }
}

static void tell_counts_json(const erase_run_t *run)
{
    int i;

    ctl_list_begin(run->output, "places");
    for (i = 0; i < ERASE_PLACES; i++) {
        ctl_object_begin(run->output, NULL);
        ctl_field_text(run->output, "place", NULL, place_names[i]);
        ctl_field_number(run->output, "messages", NULL, run->counts[i].messages);
        ctl_field_number(run->output, "batches", NULL, run->counts[i].batches);
        ctl_field_number(run->output, "elements", NULL, run->counts[i].elements);
        ctl_object_end(run->output);
    }
    ctl_list_end(run->output);
    ctl_list_begin(run->output, "tables");
    for (i = 0; run->rows && i < run->rows->nelts; i++) {
        const crm_erased_rows_t *entry = &APR_ARRAY_IDX(run->rows, i, crm_erased_rows_t);

        ctl_object_begin(run->output, NULL);
        ctl_field_text(run->output, "table", NULL, entry->table);
        ctl_field_number(run->output, "rows", NULL, entry->rows);
        ctl_field_flag(run->output, "kept", NULL, entry->kept);
        ctl_object_end(run->output);
    }
    ctl_list_end(run->output);
}

static int is_nothing(const erase_run_t *run)
{
    int i;

    for (i = 0; i < ERASE_PLACES; i++) {
        if (run->counts[i].messages || run->counts[i].batches) {
            return 0;
        }
    }
    for (i = 0; run->rows && i < run->rows->nelts; i++) {
        if (APR_ARRAY_IDX(run->rows, i, crm_erased_rows_t).rows) {
            return 0;
        }
    }
    return !run->busy && !run->mixed && !run->spooled && !run->unreadable && !run->unsearched;
}

/* Says what is left, and what to do about it. How many things that are. */
static int tell_left(const erase_run_t *run)
{
    const char *name = run->place.name;

    if (run->busy) {
        fprintf(stderr,
                "crm360ctl: %s: %d messages about the person are held by workers: run it again "
                "(while no crm360d runs, they stay held)\n",
                name, run->busy);
    }
    if (run->spooled) {
        fprintf(stderr,
                "crm360ctl: %s: %d messages about the person are in the spool still: run it again "
                "when crm360d has carried them into Redis\n",
                name, run->spooled);
    }
    if (run->unreadable) {
        fprintf(stderr, "crm360ctl: %s: %d files have the person in them and were left alone\n",
                name, run->unreadable);
    }
    if (run->unsearched) {
        fprintf(stderr,
                "crm360ctl: %s: %d files could not be searched to their end: mend that and run it "
                "again; what the tables know of the person is kept for then\n",
                name, run->unsearched);
    }
    return run->busy + run->mixed + run->spooled + run->unreadable + run->unsearched;
}

void erase_tell_begin(const erase_run_t *run)
{
    if (!is_json(run)) {
        printf("%s: %d contacts\n", run->place.name, run->contacts);
        return;
    }
    ctl_object_begin(run->output, NULL);
    ctl_field_text(run->output, "database", NULL, run->place.name);
    ctl_field_number(run->output, "contacts", NULL, run->contacts);
    ctl_field_flag(run->output, "dryRun", NULL, run->dry_run);
    ctl_list_begin(run->output, "found");
}

static void end_json(const erase_run_t *run, const char *outcome)
{
    ctl_list_end(run->output);
    tell_counts_json(run);
    ctl_field_text(run->output, "outcome", NULL, outcome);
    ctl_object_end(run->output);
}

typedef enum { NOTHING, WOULD, PARTLY, ALL, OUTCOMES } outcome_t;

static void tell_outcome(const erase_run_t *run, outcome_t outcome)
{
    static const char *const lines[OUTCOMES] = {
        [NOTHING] = "nothing found",
        [WOULD] = "that would be erased; nothing was",
        [PARTLY] = "erased, but for what is named above",
        [ALL] = "erased",
    };
    static const char *const words[OUTCOMES] = {
        [NOTHING] = "nothing", [WOULD] = "found", [PARTLY] = "partly", [ALL] = "erased"};

    if (is_json(run)) {
        end_json(run, words[outcome]);
        return;
    }
    if (outcome != NOTHING) {
        tell_counts_lines(run);
    }
    printf("%s: %s\n", run->place.name, lines[outcome]);
}

/* A round has failed, which was said. */
static void tell_failed(const erase_run_t *run)
{
    int began = !is_nothing(run) && !run->dry_run;

    if (is_json(run)) {
        end_json(run, began ? "partly" : "failed");
    }
    else if (began) {
        tell_counts_lines(run);
    }
    if (began) {
        fprintf(stderr, "crm360ctl: %s: not all of it is erased: run it again\n", run->place.name);
    }
}

ctl_status_t erase_tell_end(const erase_run_t *run, ctl_status_t status)
{
    int left;

    if (status != CTL_FINE) {
        tell_failed(run);
        return status;
    }
    if (is_nothing(run)) {
        tell_outcome(run, NOTHING);
        return CTL_FINE;
    }
    left = tell_left(run);
    if (!left && run->found && !run->dry_run) {
        fprintf(stderr,
                "crm360ctl: %s: messages about the person keep coming: stop their source and run "
                "it again\n",
                run->place.name);
        left = 1;
    }
    tell_outcome(run, run->dry_run ? WOULD : left ? PARTLY : ALL);
    return left && !run->dry_run ? CTL_FAILED : CTL_FINE;
}
