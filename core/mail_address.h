/*
 * What is a mail address, for all that read one. Pure, any thread.
 */
#ifndef CRM360_MAIL_ADDRESS_H
#define CRM360_MAIL_ADDRESS_H

/* Whether `text` is an addr-spec of RFC 5322 in ASCII, without comments, quoted text or address
 * literals: what mail programs accept in practice. A domain name needs a dot, and no label begins
 * or ends with a hyphen. */
int crm360_mail_address_ok(const char *text);

#endif
