/*
 * crm360ctl erase: one person's data. The order of work keeps it from coming back:
 *   1. what the tables know of the person, who may have more addresses than were typed
 *   2. spool, queue and dead letters: nobody can process afterwards what lies there
 *   3. exported dead letters
 *   4. the tables, when nothing is left of the rest: they know what to search for
 *   5. 2 to 4 again, until nothing is found: what a worker held, or came meanwhile
 * Must never print anything of the person but what was typed, and never take somebody else for the
 * person without being told.
 */
#include "ctl/erase.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/queue_admin.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "outbound/phone.h"

#define ROUNDS 5
#define CONFLICTS 5 /* how often a transaction is run again that others were in the way of */
#define EMAIL_MOST 254
#define IDENTIFIER_MOST 255
#define SOURCE_MOST 32767

/* What the words say. */
typedef struct words_t {
    crm_known_t typed;
    int dry_run;
    int all_matches;
    int short_identifiers;
} words_t;

static const ctl_option_t options[] = {
    {"email", "ADDRESS ...", "a mail address of the person; may be given several times"},
    {"phone", "NUMBER ...", "a phone number, likewise; without +, read as in France"},
    {"identifier", "SOURCEID:ID ...", "what a source calls the person, likewise"},
    {"all-matches", NULL, "erase all contacts that match, when there are several"},
    {"short-identifiers", NULL, "search messages for identifiers under 6 characters, too"},
    {"dry-run", NULL, "print what would be erased, and erase nothing"},
    CTL_OPTION_YES,
    CTL_OPTION_JSON,
    {NULL, NULL, NULL},
};

/* ---- words ---- */

static const char *take_email(crm_known_t *typed, const char *value, apr_pool_t *pool)
{
    const char *at = strchr(value, '@');
    char *text = apr_pstrdup(pool, value), *c;

    if (!at || at == value || !at[1] || strchr(at + 1, '@') || strlen(value) > EMAIL_MOST) {
        return "wants a mail address";
    }
    for (c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return "wants a mail address";
        }
        *c = (char)apr_tolower(*c);
    }
    APR_ARRAY_PUSH(typed->emails, const char *) = text;
    return NULL;
}

static const char *take_phone(crm_known_t *typed, const char *value, apr_pool_t *pool)
{
    outbound_phone_t phone;

    if (outbound_phone_parse(&phone, value, NULL) != APR_SUCCESS) {
        return "wants a phone number, as +33612345678";
    }
    APR_ARRAY_PUSH(typed->phones, const char *) = apr_pstrdup(pool, phone.e164);
    return NULL;
}

static const char *take_identifier(crm_known_t *typed, const char *value, apr_pool_t *pool)
{
    const char *colon = strchr(value, ':');
    crm_known_identifier_t *identifier;
    apr_int64_t source;

    if (!colon || !colon[1] || strlen(colon + 1) > IDENTIFIER_MOST ||
        ctl_read_number(&source, apr_pstrmemdup(pool, value, (apr_size_t)(colon - value)), 1,
                        SOURCE_MOST) != APR_SUCCESS) {
        return "wants SourceId:identifier, as 3:7312459817263";
    }
    identifier = apr_array_push(typed->identifiers);
    identifier->source_id = (int)source;
    identifier->identifier = colon + 1;
    return NULL;
}

static const char *take(void *baton, int which, const char *value, apr_pool_t *pool)
{
    words_t *words = baton;

    switch (which) {
    case 0:
        return take_email(&words->typed, value, pool);
    case 1:
        return take_phone(&words->typed, value, pool);
    case 2:
        return take_identifier(&words->typed, value, pool);
    case 3:
        words->all_matches = 1;
        return NULL;
    case 4:
        words->short_identifiers = 1;
        return NULL;
    default:
        words->dry_run = 1;
        return NULL;
    }
}

/* ---- the tables ---- */

static void add_rows(erase_run_t *run, const crm_erasure_t *erasure, apr_pool_t *pool)
{
    int i;

    if (!run->rows) {
        run->rows = apr_array_copy(pool, erasure->rows);
        return;
    }
    for (i = 0; i < run->rows->nelts; i++) {
        APR_ARRAY_IDX(run->rows, i, crm_erased_rows_t).rows +=
            APR_ARRAY_IDX(erasure->rows, i, crm_erased_rows_t).rows;
    }
}

/* Adds what the tables know to what messages are searched for. In the tables only an identifier
 * leads further: it is nobody else's. */
static void learn(erase_run_t *run, const crm_known_t *known, apr_pool_t *pool)
{
    int i;

    for (i = 0; i < known->emails->nelts; i++) {
        const char *email = APR_ARRAY_IDX(known->emails, i, const char *);

        if (ctl_person_add_email(run->person, email) > 0) {
            APR_ARRAY_PUSH(run->learned.emails, const char *) = apr_pstrdup(pool, email);
        }
    }
    for (i = 0; i < known->phones->nelts; i++) {
        const char *phone = APR_ARRAY_IDX(known->phones, i, const char *);

        if (ctl_person_add_phone(run->person, phone) > 0) {
            APR_ARRAY_PUSH(run->learned.phones, const char *) = apr_pstrdup(pool, phone);
        }
    }
    for (i = 0; i < known->identifiers->nelts; i++) {
        crm_known_identifier_t at = APR_ARRAY_IDX(known->identifiers, i, crm_known_identifier_t);

        if (ctl_person_add_identifier(run->person, at.source_id, at.identifier) > 0) {
            at.identifier = apr_pstrdup(pool, at.identifier);
            APR_ARRAY_PUSH(run->wanted.identifiers, crm_known_identifier_t) = at;
        }
    }
}

/* A failure of the database; the file of SQLite is no server that could be out of reach. */
static ctl_status_t database_failed(const erase_run_t *run, const char *why, apr_status_t rv)
{
    ctl_status_t status = ctl_failed(&run->place, why, rv);

    return status == CTL_AWAY && strcmp(run->place.database->driver, "sqlite3") == 0 ? CTL_FAILED
                                                                                     : status;
}

/* One look at the tables, or the end of the rows there. CTL_FINE, or what has been said. */
static ctl_status_t work_on_tables(erase_run_t *run, crm_erasure_t *erasure, int dry_run,
                                   apr_pool_t *pool)
{
    int most = run->all_matches ? CRM_ERASE_MOST : 1, tries = 0, i;
    apr_status_t rv;

    do {
        rv = crm_erase(erasure, run->db, &run->wanted, &run->learned, most, dry_run, pool);
    } while (rv == CRM360_ECONFLICT && ++tries < CONFLICTS);
    if (rv != APR_SUCCESS) {
        return database_failed(run, crm_db_error(run->db), rv);
    }
    if (erasure->refused) {
        erase_refuse(run, erasure);
        return CTL_FAILED;
    }
    for (i = 0; i < erasure->rows->nelts; i++) {
        run->found |= APR_ARRAY_IDX(erasure->rows, i, crm_erased_rows_t).rows > 0;
    }
    return CTL_FINE;
}

/* ---- the order of work ---- */

/* Whether something was left that has to be searched again: the tables know for what. */
static int wants_another(const erase_run_t *run)
{
    return run->busy || run->spooled || run->unsearched;
}

static ctl_status_t one_round(erase_run_t *run, apr_pool_t *parent)
{
    crm_erasure_t erasure;
    ctl_status_t status = CTL_FINE;
    apr_status_t rv;
    apr_pool_t *pool;

    apr_pool_create(&pool, parent);
    apr_pool_tag(pool, "crm360ctl_erase");
    run->found = run->busy = run->mixed = run->spooled = run->unreadable = run->unsearched = 0;
    erase_spool(run, pool);
    rv = erase_queues(run, pool);
    if (rv == APR_SUCCESS) {
        erase_exports(run, pool);
    }
    erase_progress_end(run);
    if (rv != APR_SUCCESS) {
        status = ctl_failed(&run->place, NULL, rv);
    }
    else if (!wants_another(run)) {
        status = work_on_tables(run, &erasure, run->dry_run, pool);
        if (status == CTL_FINE) {
            add_rows(run, &erasure, parent);
            learn(run, &erasure.known, parent);
        }
    }
    apr_pool_destroy(pool);
    return status;
}

static ctl_status_t all_rounds(erase_run_t *run, apr_pool_t *pool)
{
    ctl_status_t status;
    int round = 0;

    erase_tell_begin(run);
    do {
        status = one_round(run, pool);
        round++;
    } while (status == CTL_FINE && !run->dry_run && run->found && !wants_another(run) &&
             round < ROUNDS);
    return erase_tell_end(run, status);
}

/* Step 1: opens the database and looks who it is. */
static ctl_status_t get_to_know(erase_run_t *run, const crm_known_t *typed, apr_pool_t *pool)
{
    crm_erasure_t erasure;
    ctl_status_t status;
    const char *why;
    apr_status_t rv = crm_db_open(&run->db, &why, run->place.database, pool);
    int shorts;

    if (rv != APR_SUCCESS) {
        return database_failed(run, why, rv);
    }
    crm_known_make(&run->wanted, pool);
    crm_known_make(&run->learned, pool);
    run->wanted.emails = typed->emails;
    run->wanted.phones = typed->phones;
    learn(run, typed, pool);
    status = work_on_tables(run, &erasure, 1, pool);
    if (status != CTL_FINE) {
        return status;
    }
    run->contacts = erasure.contacts->nelts;
    learn(run, &erasure.known, pool);
    if (erasure.shared->nelts) {
        fprintf(stderr,
                "crm360ctl: %s: %d addresses or phones belong to other contacts as well: messages "
                "are not searched for them unless they were typed\n",
                run->place.name, erasure.shared->nelts);
    }
    shorts = ctl_person_short_identifiers(run->person);
    if (shorts) {
        fprintf(stderr,
                "crm360ctl: %s: messages are not searched for %d identifiers of fewer than %d "
                "characters; --short-identifiers would\n",
                run->place.name, shorts, CTL_IDENTIFIER_LEAST);
    }
    return CTL_FINE;
}

/* Step 2: what nobody can search. */
static ctl_status_t look_aside(const erase_run_t *run, apr_pool_t *pool)
{
    apr_int64_t found;
    apr_status_t rv = crm360_queue_count_aside(&found, run->place.queue, run->place.keys, pool);

    if (rv != APR_SUCCESS) {
        return ctl_failed(&run->place, NULL, rv);
    }
    if (found) {
        fprintf(stderr,
                "crm360ctl: %s: %" APR_INT64_T_FMT " keys of Redis were set aside (:aside:) and "
                "are not searched: look at them, and drop them\n",
                run->place.name, found);
    }
    return CTL_FINE;
}

static ctl_status_t run_erase(const crm360_config_t *config, int count, const char *const *text,
                              apr_pool_t *pool)
{
    const ctl_verb_t *verb = &ctl_erase;
    words_t said = {.dry_run = 0};
    erase_run_t run = {.shows = isatty(STDERR_FILENO)};
    ctl_words_t words;
    int status;

    crm_known_make(&said.typed, pool);
    status = ctl_options_read(&words, verb, take, &said, count, text, pool);
    if (status >= 0) {
        return (ctl_status_t)status;
    }
    if (words.count != 1) {
        return ctl_usage_error(verb, "wants one customer/alias");
    }
    if (!said.typed.emails->nelts && !said.typed.phones->nelts && !said.typed.identifiers->nelts) {
        return ctl_usage_error(verb, "wants to be told who: --email, --phone or --identifier");
    }
    if (words.yes == said.dry_run) {
        return ctl_usage_error(verb, "wants --dry-run, to look first, or --yes, to erase");
    }
    run.dry_run = said.dry_run;
    run.all_matches = said.all_matches;
    run.output = ctl_output_make(words.json, pool);
    run.person = ctl_person_make(said.short_identifiers, pool);
    status = (int)ctl_place_make(&run.place, config, words.rest[0], pool);
    if (status == CTL_FINE) {
        status = (int)get_to_know(&run, &said.typed, pool);
    }
    if (status == CTL_FINE) {
        status = (int)look_aside(&run, pool);
    }
    return status == CTL_FINE ? all_rounds(&run, pool) : (ctl_status_t)status;
}

const ctl_verb_t ctl_erase = {
    .name = "erase",
    .words = "customer/alias {--email A | --phone N | --identifier S:I}... {--dry-run | --yes}",
    .summary = "erase what is stored of one person, everywhere",
    .help =
        "Erases what is stored of one person: rows of the CRM database, waiting messages, dead\n"
        "letters, spooled messages and exported dead letters. It does not come back.\n",
    .options = options,
    .examples = "  crm360ctl erase acme/prod --email ann@example.org --dry-run\n"
                "  crm360ctl erase acme/prod --email ann@example.org --yes\n"
                "  crm360ctl erase acme/prod --phone +33612345678 --dry-run --json | jq '.found'\n",
    .run = run_erase,
};
