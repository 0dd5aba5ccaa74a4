/*
 * The one grammar of mail addresses, for parameters of callers as for what goes to a mail server. A
 * pure function on ASCII; whoever has a domain in other letters converts it first
 * (outbound_address_read()).
 */
#ifndef CRM360_EMAIL_H
#define CRM360_EMAIL_H

/* Why `address` is none: a constant sentence that quotes nothing; NULL = it is one. An address is
 * an addr-spec of RFC 5322 without comments, quoted text or address literals: a dot-atom of at most
 * 64 bytes (RFC 5321 4.5.3.1.1), "@", and a host name of two labels or more (RFC 1123 2.1) whose
 * last one is not a number; at most 254 bytes in all. So it holds no blank, bracket, quote, control
 * character or anything else that means something to SMTP or in a header field. Any thread. */
const char *crm360_email_fault(const char *address);

#endif
