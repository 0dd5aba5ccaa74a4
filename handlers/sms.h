/*
 * What the SMS gateways have in common: numbers as they write them, and the word STOP. Pure
 * functions; for handlers only.
 */
#ifndef HANDLERS_SMS_H
#define HANDLERS_SMS_H

#include "handlers/report.h"

/* A number as E.164 in `pool`, NULL when it is none. is_international: the gateway writes the
 * country code first, with or without "+"; else a number without "+" may be French as well. */
const char *handler_sms_number(const char *text, int is_international, apr_pool_t *pool);

/* Sets address and channel of a report's event. A number that cannot be read leaves it without
 * one, and marks the report. */
void handler_sms_address(handler_report_t *report, const char *number, int is_international,
                         apr_pool_t *pool);

/* Whether the first word of a text (UTF-8, NULL = none) is STOP, whatever its case and accents;
 * `prefix`: or begins with it. Signs, quotes and digits around do not matter: "Stòp!", "STOP36180".
 */
int handler_sms_says_stop(const char *text, int prefix);

#endif
