/*
 * Writes a line into a buffer of fixed size. What is known of a message stands in front of the
 * words, so that words which look like it come too late to be taken for it.
 */
#include "core/log_line.h"

#include <apr_strings.h>

#include <string.h>

#include "core/status.h"

/* Most bytes of a string beside the words. */
#define FIELD_BYTES 200
/* Most bytes that one of a string becomes, or a sequence of them; and the NUL. */
#define LONGEST 5

typedef struct out_t {
    char *to;
    apr_size_t room; /* with the NUL */
} out_t;

static void put_bytes(out_t *out, const char *bytes, apr_size_t len)
{
    if (len < out->room) {
        memcpy(out->to, bytes, len);
        out->to += len;
        out->room -= len;
        *out->to = '\0';
    }
}

static void put(out_t *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

static void put_number(out_t *out, apr_int64_t number)
{
    char digits[32];

    apr_snprintf(digits, sizeof digits, "%" APR_INT64_T_FMT, number);
    put(out, digits);
}

/* ---- for persons ---- */

/* name=value; in the value nothing that parts fields. */
static void put_pair(out_t *out, const char *name, const char *value)
{
    apr_size_t i;

    if (!value) {
        return;
    }
    put(out, name);
    for (i = 0; i < FIELD_BYTES && value[i]; i++) {
        unsigned char c = (unsigned char)value[i];

        put_bytes(out, c <= ' ' || c == 0x7f || c == '=' ? "?" : value + i, 1);
    }
}

static void put_message(out_t *out, const crm360_log_message_t *message)
{
    put_pair(out, "id=", message->id ? message->id : "");
    put_pair(out, " database=", message->database);
    put_pair(out, " route=", message->route);
    if (message->attempt > 0) {
        put(out, " attempt=");
        put_number(out, message->attempt);
    }
    put_pair(out, " outcome=", message->outcome);
    if (message->took >= 0) {
        put(out, " ms=");
        put_number(out, (apr_int64_t)apr_time_as_msec(message->took));
    }
    put_pair(out, " trace=", message->trace);
}

void crm360_log_line_text(char *to, const crm360_log_line_t *line)
{
    out_t out = {.to = to, .room = CRM360_LOG_TEXT_BYTES};

    *to = '\0';
    put(&out, line->code);
    put(&out, *line->code ? ": " : "");
    if (line->message) {
        put_message(&out, line->message);
        put(&out, *line->words ? ": " : "");
    }
    put(&out, line->words);
}

/* ---- for programs ---- */

/* Length of the UTF-8 sequence at the beginning of `at`, which ends with NUL; 0 = it is none. */
static apr_size_t sequence(const unsigned char *at)
{
    apr_size_t len = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    apr_size_t i;

    if (at[0] > 0xf4 || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    for (i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

/* What is between the quotes of a string; at most `most` bytes of `text`, and never so many that
 * there is no room behind it for a quote and a brace. */
static void put_string(out_t *out, const char *text, apr_size_t most)
{
    const char *end = text + strlen(text);

    end = (apr_size_t)(end - text) > most ? text + most : end;
    while (text < end && out->room > LONGEST + 2) {
        apr_size_t len = sequence((const unsigned char *)text);

        if (len == 0) {
            put(out, "\xef\xbf\xbd"); /* U+FFFD */
        }
        else if (*text == '"' || *text == '\\') {
            put(out, "\\");
            put_bytes(out, text, 1);
        }
        else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            put(out, "?");
        }
        else {
            put_bytes(out, text, len);
        }
        text += len ? len : 1;
    }
}

/* ,"name":"value" */
static void put_member(out_t *out, const char *name, const char *value)
{
    if (value) {
        put(out, ",\"");
        put(out, name);
        put(out, "\":\"");
        put_string(out, value, FIELD_BYTES);
        put(out, "\"");
    }
}

static void put_members(out_t *out, const crm360_log_message_t *message)
{
    put_member(out, "id", message->id);
    put_member(out, "database", message->database);
    put_member(out, "route", message->route);
    if (message->attempt > 0) {
        put(out, ",\"attempt\":");
        put_number(out, message->attempt);
    }
    put_member(out, "outcome", message->outcome);
    if (message->took >= 0) {
        put(out, ",\"ms\":");
        put_number(out, (apr_int64_t)apr_time_as_msec(message->took));
    }
    put_member(out, "trace", message->trace);
}

void crm360_log_line_json(char *to, const crm360_log_line_t *line, apr_time_t now, int pid)
{
    out_t out = {.to = to, .room = CRM360_LOG_JSON_BYTES};
    char when[40] = "", status[220] = "", reason[180];
    apr_time_exp_t exploded;
    const char *words;
    apr_size_t len;

    *to = '\0';
    apr_time_exp_gmt(&exploded, now);
    apr_strftime(when, &len, sizeof when, "%Y-%m-%dT%H:%M:%S", &exploded);
    apr_snprintf(when + len, sizeof when - len, ".%03dZ", (int)(exploded.tm_usec / 1000));
    put(&out, "{\"time\":\"");
    put(&out, when);
    put(&out, "\"");
    put_member(&out, "level", crm360_log_level_name(line->level));
    put_member(&out, "code", *line->code ? line->code : NULL);
    put(&out, ",\"pid\":");
    put_number(&out, pid);
    if (line->message) {
        put_members(&out, line->message);
    }
    put(&out, ",\"message\":\"");
    words = *line->words || !line->message ? line->words : line->message->outcome;
    put_string(&out, words ? words : "", CRM360_LOG_JSON_BYTES);
    if (line->rv != APR_SUCCESS) {
        apr_snprintf(status, sizeof status, " (%s)",
                     crm360_status_text(line->rv, reason, sizeof reason));
        put_string(&out, status, sizeof status);
    }
    put(&out, "\"}");
}

int crm360_log_priority(crm360_log_level_t level)
{
    static const int priorities[] = {3, 4, 5, 6, 7, 7};

    return (unsigned)level < sizeof priorities / sizeof priorities[0] ? priorities[level] : 7;
}
