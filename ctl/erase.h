/*
 * What the files of crm360ctl erase share and nobody else may include: one run, and its places.
 * erase.c has the words and the order of work, erase_queue.c the lanes and dead letters,
 * erase_files.c the spool and the exported dead letters, erase_tell.c what is printed.
 */
#ifndef CTL_ERASE_H
#define CTL_ERASE_H

#include <apr_hash.h>

#include "crm/erase.h"
#include "ctl/ctl.h"
#include "ctl/output.h"
#include "ctl/person.h"

/* Where something of the person was, and how much; a line each in what is printed. */
typedef enum {
    ERASE_LIVE, /* the lanes, in their order */
    ERASE_BATCH,
    ERASE_SEND,
    ERASE_DEAD,
    ERASE_OTHER, /* a stored message that no lane and no dead letter speaks of */
    ERASE_SPOOL,
    ERASE_EXPORT,
    ERASE_PLACES
} erase_place_t;

typedef struct erase_count_t {
    apr_int64_t messages; /* that went whole; lines of an export */
    apr_int64_t batches;  /* that lost elements */
    apr_int64_t elements; /* and how many */
} erase_count_t;

typedef struct erase_run_t {
    ctl_place_t place;
    crm_db_t *db;
    crm_known_t wanted;  /* what tables are searched for */
    crm_known_t learned; /* addresses and phones that they knew of the person: lead to nobody */
    ctl_person_t *person;
    int dry_run;
    int all_matches;
    int contacts; /* that the person has in the tables */
    ctl_output_t *output;
    erase_count_t counts[ERASE_PLACES];
    apr_array_header_t *rows; /* crm_erased_rows_t: of all rounds; NULL = none yet */
    /* In this round something of the person was found, or ended just then: look again. */
    int found;
    /* What of the last round is left: */
    int busy;         /* a worker holds it */
    int mixed;        /* a batch with others in it that names the person outside its elements */
    int spooled;      /* a batch in the spool, or a message whose spool was not free */
    int unreadable;   /* a file that is nobody's message has the person in it */
    int unsearched;   /* a file that could not be searched to its end: the tables stay for then */
    apr_time_t shown; /* crm360_clock() of the last line of progress */
    int shows;        /* progress is shown: standard error is a terminal */
} erase_run_t;

/* Shows how far a place is, now and then; and takes that away again, before anything is printed. */
void erase_progress(erase_run_t *run, const char *place, apr_int64_t done);
void erase_progress_end(const erase_run_t *run);

/* Says that several contacts match, and that nothing was erased. */
void erase_refuse(const erase_run_t *run, const crm_erasure_t *erasure);

/* Says whom it is about, before the rounds; and behind them what they found and what is left, when
 * `status` is CTL_FINE, else that not all is done. Returns the exit status. */
void erase_tell_begin(const erase_run_t *run);
ctl_status_t erase_tell_end(const erase_run_t *run, ctl_status_t status);

/* Says an id that has to do with the person, on a dry run, between those two. */
void erase_show(const erase_run_t *run, const char *place, const char *id,
                ctl_person_verdict_t verdict, apr_pool_t *pool);

/* The pieces of the work: each goes through its place, removes what is about the person (nothing on
 * a dry run), counts, and sets run->found and what is left. What is wrong with a file is said, with
 * its name, and keeps no other from its turn. */
apr_status_t erase_queues(erase_run_t *run, apr_pool_t *pool) __attribute__((warn_unused_result));
void erase_spool(erase_run_t *run, apr_pool_t *pool);
void erase_exports(erase_run_t *run, apr_pool_t *pool);

#endif
