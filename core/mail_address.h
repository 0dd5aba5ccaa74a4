/*
 * What is a mail address, for parameters of callers as for what goes to a mail server. Pure
 * functions on ASCII, any thread; whoever has a domain in other letters converts it first
 * (outbound_address_read()).
 */
#ifndef CRM360_MAIL_ADDRESS_H
#define CRM360_MAIL_ADDRESS_H

/* Why `text` is none: a constant sentence that quotes nothing; NULL = it is one. An address is an
 * addr-spec of RFC 5322 without comments, quoted text or address literals: a dot-atom of at most 64
 * bytes (RFC 5321 4.5.3.1.1), "@", and a host name of two labels or more (RFC 1123 2.1) whose last
 * one is not a number; at most 254 bytes in all. So it holds no blank, bracket, quote, control
 * character or anything else that means something to SMTP or in a header field. */
const char *crm360_mail_address_fault(const char *text);

/* Whether it is one. */
int crm360_mail_address_ok(const char *text);

#endif
