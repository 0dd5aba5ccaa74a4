/*
 * Header fields of a mail (RFC 5322, RFC 2047), which libcurl leaves to its callers. Each function
 * gives one whole field, folded, in ASCII, without the CRLF at its end; whatever text comes in, it
 * cannot begin another field or end the header. Pure functions, for outbound/ only.
 */
#ifndef OUTBOUND_MAIL_HEADER_H
#define OUTBOUND_MAIL_HEADER_H

#include <apr_tables.h>
#include <apr_time.h>

/* "name: text" of an unstructured field. `text` is UTF-8; control characters in it become blanks,
 * wrong bytes U+FFFD. */
const char *outbound_header_text(const char *name, const char *text, apr_pool_t *pool);

/* "name: display <address>". `display` is UTF-8, treated likewise; NULL or blank = none. `address`
 * is one that crm360_mail_address_fault() takes. */
const char *outbound_header_mailbox(const char *name, const char *display, const char *address,
                                    apr_pool_t *pool);

/* "name: address, address" of const char *, likewise. */
const char *outbound_header_addresses(const char *name, const apr_array_header_t *addresses,
                                      apr_pool_t *pool);

/* "Date: ..." (RFC 5322 3.3) of a moment. */
const char *outbound_header_date(apr_time_t when, apr_pool_t *pool);

/* `text` as valid UTF-8 whose control characters (C0, DEL, C1) are blanks: one line. In `pool`. */
const char *outbound_header_line(const char *text, apr_pool_t *pool);

#endif
