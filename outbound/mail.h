/*
 * A mail, and handing it to the mailer of a database: an SMTP server, Mailjet, or a file of the
 * outbox. MIME is libcurl's work, so a file holds byte for byte what a server would get.
 */
#ifndef OUTBOUND_MAIL_H
#define OUTBOUND_MAIL_H

#include <apr_tables.h>

#include "outbound/outbound.h"

#define OUTBOUND_RECIPIENTS_MOST 50

typedef struct outbound_mail_t {
    const char *id;        /* of the message: makes Message-ID, file name, Mailjet's CustomID */
    const char *from;      /* addresses as outbound_address_read() gives them */
    const char *from_name; /* display name, UTF-8; NULL = none */
    const char *reply_to;  /* NULL = none */
    const apr_array_header_t *to; /* const char *; 1 to OUTBOUND_RECIPIENTS_MOST */
    const char *subject;          /* UTF-8; control characters become blanks; NULL = none */
    const char *html;             /* UTF-8; NULL = none */
    const char *text;             /* UTF-8; NULL = made of html when there is one */
    const char *attachment;       /* bytes; NULL = none */
    apr_size_t attachment_len;
    const char *attachment_name; /* ASCII: letters, digits, . _ - */
    const char *attachment_type; /* media type, none of message/ or multipart/ */
} outbound_mail_t;

/* Reads a mail address (core/mail_address.h says which are taken) into the form that goes on the
 * wire: the domain in ASCII (IDNA2008, UTS #46) and small letters, white space around it gone.
 * `text` is UTF-8. NULL, or what is wrong with it, constant, quoting nothing. In `pool`. */
const char *outbound_address_read(const char **address, const char *text, apr_pool_t *pool);

/* The same for a list separated by "," or ";": const char * in *addresses, each once. Empty places
 * in the list do no harm; a list without an address, or of more than OUTBOUND_RECIPIENTS_MOST, is
 * wrong. */
const char *outbound_address_list(apr_array_header_t **addresses, const char *text,
                                  apr_pool_t *pool);

/* Why a mail cannot be sent as it is, whoever carries it: a constant text that names the member;
 * NULL = it can. outbound_mail_send() asks it first and refuses such a mail. */
const char *outbound_mail_fault(const outbound_mail_t *mail);

/* Hands the mail to `provider`, NULL = the outbox (<id>.eml). Of several recipients all are
 * accepted, or none gets it. reference: Message-ID, or Mailjet's MessageUUID. */
void outbound_mail_send(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_mail_t *mail,
                        apr_pool_t *pool);

#endif
