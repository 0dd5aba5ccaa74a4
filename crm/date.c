/*
 * ISO 8601 reading and writing on the proleptic Gregorian calendar. Never asks for the host's time
 * zone: two hosts must make the same row of the same message.
 */
#include "crm/date.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define DAY_MS ((apr_int64_t)86400000)
#define FIRST_MS ((apr_int64_t)-62135596800000) /* 0001-01-01T00:00:00 */
#define LAST_MS ((apr_int64_t)253402300799999)  /* 9999-12-31T23:59:59 */

/* Days since 1970-01-01 of a date, by counting years from March, so that the leap day comes
 * last. */
static apr_int64_t days_from_date(int year, int month, int day)
{
    apr_int64_t y = month > 2 ? year : year - 1;
    apr_int64_t m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* `count` digits at *text within [min, max]; moves *text behind them. */
static int number(int *value, const char **text, int count, int min, int max)
{
    *value = 0;
    while (count-- > 0) {
        if (!apr_isdigit(**text)) {
            return 0;
        }
        *value = *value * 10 + (*(*text)++ - '0');
    }
    return *value >= min && *value <= max;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }
    return days[month - 1];
}

/* ":27" and ".118", both optional. A leap second (60) counts as the next minute's first. */
static int parse_seconds(apr_int64_t *ms, const char **text)
{
    int seconds, scale = 100;

    if (**text != ':') {
        return 1;
    }
    (*text)++;
    if (!number(&seconds, text, 2, 0, 60)) {
        return 0;
    }
    *ms += (apr_int64_t)seconds * 1000;
    if (**text != '.' && **text != ',') {
        return 1;
    }
    (*text)++;
    if (!apr_isdigit(**text)) {
        return 0;
    }
    for (; apr_isdigit(**text); (*text)++) {
        *ms += (**text - '0') * scale;
        scale /= 10;
    }
    return 1;
}

/* "Z", "+01:00", "+0100", "+01" or nothing, up to the end of the text. */
static int parse_offset(apr_int64_t *ms, const char *text)
{
    int sign, hours, minutes = 0;

    if (*text == '\0') {
        return 1;
    }
    if (*text == 'Z' || *text == 'z') {
        return text[1] == '\0';
    }
    if (*text != '+' && *text != '-') {
        return 0;
    }
    sign = *text++ == '+' ? 1 : -1;
    if (!number(&hours, &text, 2, 0, 23)) {
        return 0;
    }
    if (*text == ':') {
        text++;
    }
    if (*text && !number(&minutes, &text, 2, 0, 59)) {
        return 0;
    }
    *ms -= sign * ((apr_int64_t)hours * 3600000 + (apr_int64_t)minutes * 60000);
    return *text == '\0';
}

apr_status_t crm_date_parse(apr_int64_t *ms, const char *text)
{
    int year, month, day, hour, minute;

    if (!number(&year, &text, 4, 1, 9999) || *text++ != '-' || !number(&month, &text, 2, 1, 12) ||
        *text++ != '-' || !number(&day, &text, 2, 1, days_in_month(year, month))) {
        return APR_EINVAL;
    }
    *ms = days_from_date(year, month, day) * DAY_MS;
    if (*text == '\0') {
        return APR_SUCCESS;
    }
    if ((*text != 'T' && *text != 't' && *text != ' ') || !*++text ||
        !number(&hour, &text, 2, 0, 23) || *text++ != ':' || !number(&minute, &text, 2, 0, 59)) {
        return APR_EINVAL;
    }
    *ms += (apr_int64_t)hour * 3600000 + (apr_int64_t)minute * 60000;
    return parse_seconds(ms, &text) && parse_offset(ms, text) ? APR_SUCCESS : APR_EINVAL;
}

/* `count` digits of a number, and what stands behind them. */
static char *put(char *to, int number, int count, char behind)
{
    int i;

    for (i = count - 1; i >= 0; i--, number /= 10) {
        to[i] = (char)('0' + number % 10);
    }
    to[count] = behind;
    return to + count + 1;
}

/* By hand: each message has several, and apr_psprintf is slow. */
static const char *write_date(apr_pool_t *pool, int year, int month, int day, int seconds)
{
    char *text = apr_palloc(pool, sizeof("YYYY-MM-DDTHH:MM:SS")), *to = text;

    to = put(to, year, 4, '-');
    to = put(to, month, 2, '-');
    to = put(to, day, 2, 'T');
    to = put(to, seconds / 3600, 2, ':');
    to = put(to, seconds / 60 % 60, 2, ':');
    put(to, seconds % 60, 2, '\0');
    return text;
}

static const char *text_of(apr_int64_t ms, apr_pool_t *pool)
{
    apr_int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);
    apr_int64_t seconds = (ms - days * DAY_MS) / 1000;
    apr_int64_t z = days + 719468; /* since 0000-03-01 */
    apr_int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    apr_int64_t of_era = z - era * 146097;
    apr_int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    apr_int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    apr_int64_t month = (5 * of_year + 2) / 153;
    int day = (int)(of_year - (153 * month + 2) / 5 + 1);

    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    return write_date(pool, (int)year, (int)month, day, (int)seconds);
}

/* An offset can lead out of the years that a date-time has room for. */
const char *crm_date_text(apr_int64_t ms, apr_pool_t *pool)
{
    return text_of(ms < FIRST_MS ? FIRST_MS : ms > LAST_MS ? LAST_MS : ms, pool);
}
