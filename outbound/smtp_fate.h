/*
 * What a conversation with a mail server means for the mail: doc/providers.txt, "Mail", as code.
 * Knows nothing of sockets; for outbound/ only.
 */
#ifndef OUTBOUND_SMTP_FATE_H
#define OUTBOUND_SMTP_FATE_H

#include "outbound/mail.h"

/* How far the conversation has come. */
typedef enum {
    OUTBOUND_SMTP_OPENING, /* greeting, EHLO, STARTTLS, AUTH: nothing about this mail yet */
    OUTBOUND_SMTP_MAIL,    /* MAIL was sent */
    OUTBOUND_SMTP_RCPT,    /* RCPT was sent; DATA too, perhaps */
    OUTBOUND_SMTP_BODY,    /* the server has asked for the mail; a part of it was handed over */
    OUTBOUND_SMTP_WHOLE    /* all of it was handed over, so the end of data may have been sent */
} outbound_smtp_phase_t;

#define OUTBOUND_EXCERPT_SIZE 80

typedef struct outbound_smtp_talk_t {
    outbound_smtp_phase_t phase;
    /* The reply to what was said last; 0 = none came. */
    int code;
    char enhanced[12];                /* RFC 3463: "5.1.1", or empty */
    char text[OUTBOUND_EXCERPT_SIZE]; /* the beginning of what else it says, as it came */
} outbound_smtp_talk_t;

/* Something was said: the next reply belongs to it. */
void outbound_smtp_said(outbound_smtp_talk_t *talk, outbound_smtp_phase_t phase);

/* A line of a reply came (RFC 5321 4.2), with or without its CRLF. What is none is ignored. */
void outbound_smtp_heard(outbound_smtp_talk_t *talk, const char *line, apr_size_t len);

/* The fate of the mail. `good`: libcurl says that it was sent. Else `trouble` is what it says
 * instead (of hosts, certificates and the like), and `alarm` that only a person can mend that. */
void outbound_smtp_fate(outbound_result_t *result, const outbound_smtp_talk_t *talk, int good,
                        const char *trouble, int alarm, const outbound_mail_t *mail,
                        apr_pool_t *pool);

/* Whether what a kept connection has come to may be tried again at once on a fresh one: it died, or
 * the server has had enough of it, and no part of the mail had been handed over. */
int outbound_smtp_is_stale(const outbound_smtp_talk_t *talk);

#endif
