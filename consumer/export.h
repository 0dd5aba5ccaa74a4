/*
 * Dead letters as lines of JSON in a file, one file for each database and day, before they are
 * dropped from Redis. One process, one thread.
 */
#ifndef CONSUMER_EXPORT_H
#define CONSUMER_EXPORT_H

#include "core/queue_admin.h"

typedef struct consumer_export_t consumer_export_t;

/* What keeps `folder` from being used, as far as it can be told before there is anything to write:
 * a sentence in `pool`, or NULL. One that is missing is no fault. */
const char *consumer_export_fault(const char *folder, apr_pool_t *pool);

/* Opens (makes, with its folder, where it is missing) the file of the day of `now` in `folder` for
 * more lines. *why says what failed, in `pool`. Without consumer_export_close() everything that was
 * written is taken back when `pool` is destroyed. */
apr_status_t consumer_export_open(consumer_export_t **export, const char **why, const char *folder,
                                  const crm360_database_t *database, apr_time_t now,
                                  apr_pool_t *pool) __attribute__((warn_unused_result));

/* Writes one letter, whose history is `failure`; *bytes is what message and history take in Redis.
 * A large message is copied part by part. APR_NOTFOUND: it was changed meanwhile, and nothing was
 * written. CRM360_EAWAY and the like: Redis did not give it. Anything else: the file could not be
 * written. */
apr_status_t consumer_export_letter(apr_int64_t *bytes, consumer_export_t *export,
                                    crm360_queue_t *queue, const crm360_keys_t *keys,
                                    const crm360_entry_t *letter, const crm360_failure_t *failure)
    __attribute__((warn_unused_result));

/* Flushes all lines to the disk. Only after that may the letters be dropped. */
apr_status_t consumer_export_close(consumer_export_t *export) __attribute__((warn_unused_result));

/* The file's name. */
const char *consumer_export_name(const consumer_export_t *export);

#endif
