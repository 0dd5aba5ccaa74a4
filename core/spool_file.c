/*
 * The format of a file of the spool: a head of lines in a fixed order, an empty line, and the
 * stored message byte for byte. What is read is believed only when all of it is as it was written.
 *
 *     crm360-spool 1
 *     id: 01JDCW3T2XQ5M7V9K0B4Z8R6AE-Shopify-Order-Insert
 *     customer: acme
 *     database: prod
 *     lane: live
 *     delay: 60000                  ms that it was to be invisible for
 *     durability: memory            the least that its location demands of Redis
 *     dedup: 5d41...                by what it is known again; "-" = not remembered
 *     content: 9f86...              digest of its content; "-" likewise
 *     window: 18000000              ms that it is remembered
 *     boot: 7c8cd2e1-...            the run of the kernel whose clock it is; "-" = not known
 *     clock: 8213094876             us of its monotonic clock when the delay began
 *     waited: 250113                us from then until the file was written: Redis was asked first
 *     length: 1912                  bytes of the stored message
 *
 * Version 2 is the same with a mail copy, which is pushed with it (core/mail_copy.h).
 *
 * Rule of change: a line more, less or with another meaning is another version. A crm360d reads its
 * own version and the one before, so it is upgraded before httpd; what it does not know is set
 * aside, never guessed at.
 */
#include "core/spool_private.h"

#include <apr_strings.h>

#include <string.h>

#include "core/digest.h"
#include "core/params.h"

#define FIRST_LINE "crm360-spool 1\n"
#define FIRST_LINE_COPY "crm360-spool 2\n"
#define FIRST_LINE_LEN (sizeof(FIRST_LINE) - 1) /* of both */
#define NONE "-"
#define VALUE_MOST 200
#define DAY_MS APR_INT64_C(86400000)

const char *spool_head(const crm360_push_t *push, const spool_stamp_t *stamp, apr_pool_t *pool)
{
    const crm360_dedup_t *dedup = &push->dedup;

    return apr_psprintf(pool,
                        "%sid: %s\ncustomer: %s\ndatabase: %s\nlane: %s\ndelay: %" APR_INT64_T_FMT
                        "\ndurability: %s\ndedup: %s\ncontent: %s\nwindow: %" APR_INT64_T_FMT
                        "\nboot: %s\nclock: %" APR_INT64_T_FMT "\nwaited: %" APR_INT64_T_FMT
                        "\nlength: %" APR_SIZE_T_FMT "\n\n",
                        push->mail_copy ? FIRST_LINE_COPY : FIRST_LINE, push->id, push->customer,
                        push->database, crm360_lane_name(push->lane),
                        (apr_int64_t)apr_time_as_msec(push->invisible_for),
                        crm360_durability_name(push->durability), dedup->hash ? dedup->hash : NONE,
                        dedup->hash ? dedup->content : NONE,
                        dedup->hash ? (apr_int64_t)apr_time_as_msec(dedup->window) : 0, stamp->boot,
                        (apr_int64_t)stamp->clock, (apr_int64_t)stamp->waited, push->message_len);
}

/* ---- reading ---- */

typedef struct reader_t {
    const char *at;
    const char *end;
    const char *fault; /* the first one; nothing is read after it */
    apr_pool_t *pool;
} reader_t;

static void blame(reader_t *reader, const char *name, const char *what)
{
    if (!reader->fault) {
        reader->fault = apr_pstrcat(reader->pool, name, ": ", what, NULL);
    }
}

/* The value of the next line, which must be called `name`; "" after a fault. */
static const char *take(reader_t *reader, const char *name)
{
    apr_size_t name_len = strlen(name);
    apr_size_t rest = (apr_size_t)(reader->end - reader->at);
    const char *value, *end;
    apr_size_t i, len;

    if (reader->fault) {
        return "";
    }
    if (rest < name_len + 2 || memcmp(reader->at, name, name_len) != 0 ||
        memcmp(reader->at + name_len, ": ", 2) != 0) {
        blame(reader, name, "this line is missing");
        return "";
    }
    value = reader->at + name_len + 2;
    rest -= name_len + 2;
    end = memchr(value, '\n', rest < VALUE_MOST ? rest : VALUE_MOST);
    len = end ? (apr_size_t)(end - value) : 0;
    for (i = 0; i < len && value[i] > 0x20 && value[i] < 0x7f; i++) {
    }
    if (!len || i < len) {
        blame(reader, name, "no value of one line without blanks");
        return "";
    }
    reader->at = end + 1;
    return apr_pstrmemdup(reader->pool, value, len);
}

static apr_int64_t take_number(reader_t *reader, const char *name, apr_int64_t most)
{
    const char *value = take(reader, name);
    apr_int64_t number = apr_atoi64(value);

    /* 18 digits always fit. */
    if (!*value || value[strspn(value, "0123456789")] || strlen(value) > 18 || number > most) {
        blame(reader, name, "no number that is possible here");
        return 0;
    }
    return number;
}

/* A name as in the path of a webhook: nothing else may become part of a key of Redis. */
static const char *take_name(reader_t *reader, const char *name)
{
    const char *value = take(reader, name);

    if (!crm360_path_value_ok(value)) {
        blame(reader, name, "not 1 to 64 characters of A-Z a-z 0-9 . _ -");
    }
    return value;
}

/* One of `count` words, by their names. */
static int take_choice(reader_t *reader, const char *name, const char *const *words, int count)
{
    const char *value = take(reader, name);
    int i;

    for (i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            return i;
        }
    }
    blame(reader, name, "not one of the words that are possible here");
    return 0;
}

/* A digest, or NULL for none. */
static const char *take_digest(reader_t *reader, const char *name)
{
    const char *value = take(reader, name);

    if (strcmp(value, NONE) == 0) {
        return NULL;
    }
    if (strlen(value) != CRM360_DIGEST_LEN || value[strspn(value, "0123456789abcdef")]) {
        blame(reader, name, "no digest");
    }
    return value;
}

static void take_dedup(reader_t *reader, crm360_dedup_t *dedup)
{
    dedup->hash = take_digest(reader, "dedup");
    dedup->content = take_digest(reader, "content");
    dedup->window = apr_time_from_msec(take_number(reader, "window", 366 * DAY_MS));
    /* Its caller was told that it is stored: the same key with another content is a message of its
     * own now. */
    dedup->strict = 0;
    if (!dedup->hash != !dedup->content || !dedup->hash != !dedup->window) {
        blame(reader, "dedup", "does not fit to content and window");
    }
}

const char *spool_parse(crm360_push_t *push, spool_stamp_t *stamp, const char *data, apr_size_t len,
                        apr_pool_t *pool)
{
    static const char *const lanes[CRM360_LANES] = {"live", "batch", "send"};
    static const char *const durabilities[] = {"memory", "fsync", "replica"};
    reader_t reader = {.at = data, .end = data + len, .pool = pool};
    const char *id;

    memset(push, 0, sizeof(*push));
    push->mail_copy = len >= FIRST_LINE_LEN && memcmp(data, FIRST_LINE_COPY, FIRST_LINE_LEN) == 0;
    if (!push->mail_copy &&
        (len < FIRST_LINE_LEN || memcmp(data, FIRST_LINE, FIRST_LINE_LEN) != 0)) {
        return "its first line is not that of a message of this version";
    }
    reader.at += FIRST_LINE_LEN;
    push->id = id = take(&reader, "id");
    if (!spool_id_ok(id, strlen(id))) {
        blame(&reader, "id", "no id of a message");
    }
    push->customer = take_name(&reader, "customer");
    push->database = take_name(&reader, "database");
    push->lane = (crm360_lane_t)take_choice(&reader, "lane", lanes, CRM360_LANES);
    push->invisible_for = apr_time_from_msec(take_number(&reader, "delay", 366 * DAY_MS));
    push->durability =
        (crm360_durability_t)take_choice(&reader, "durability", durabilities, CRM360_IN_SPOOL);
    take_dedup(&reader, &push->dedup);
    stamp->boot = take(&reader, "boot");
    stamp->clock = take_number(&reader, "clock", APR_INT64_MAX);
    stamp->waited = take_number(&reader, "waited", apr_time_from_msec(DAY_MS));
    push->message_len = (apr_size_t)take_number(&reader, "length", SPOOL_FILE_MOST);
    if (reader.fault) {
        return reader.fault;
    }
    if (reader.at == reader.end || *reader.at != '\n') {
        return "no empty line behind its head";
    }
    push->message = reader.at + 1;
    if ((apr_size_t)(reader.end - push->message) != push->message_len) {
        return apr_psprintf(pool,
                            "its message has %" APR_SIZE_T_FMT " bytes where its head says "
                            "%" APR_SIZE_T_FMT,
                            (apr_size_t)(reader.end - push->message), push->message_len);
    }
    if (push->message_len == 0) {
        return "its message is empty";
    }
    return NULL;
}
