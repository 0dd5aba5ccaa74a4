/* Replies of mail servers and the fate of the mail that follows, one by one. */
#include "outbound/smtp_fate.h"

#include <apr_general.h>
#include <apr_strings.h>

#include "t/unit/tap.h"

static apr_pool_t *pool;
static outbound_mail_t mail = {.id = "1", .from = "shop@example.fr", .reply_to = "help@example.fr"};

#define LOST NULL /* no reply came */

static const struct {
    outbound_smtp_phase_t phase;
    const char *reply; /* its lines */
    int good;
    outbound_fate_t fate;
    int alarm;
    const char *code;
    const char *reason; /* part of it */
    int stale;
} cases[] = {
    {OUTBOUND_SMTP_OPENING, LOST, 0, OUTBOUND_AWAY, 0, NULL, "cannot be used: trouble", 1},
    {OUTBOUND_SMTP_OPENING, "220 hello", 0, OUTBOUND_AWAY, 0, NULL, "trouble", 0},
    {OUTBOUND_SMTP_OPENING, "421 4.3.2 busy", 0, OUTBOUND_AWAY, 0, "421 4.3.2", "busy", 1},
    {OUTBOUND_SMTP_OPENING, "450 later", 0, OUTBOUND_AWAY, 0, "450", "does not serve us", 0},
    {OUTBOUND_SMTP_OPENING, "554 no service", 0, OUTBOUND_AWAY, 1, "554", "does not serve us", 0},
    {OUTBOUND_SMTP_OPENING, "535 5.7.8 wrong password", 0, OUTBOUND_AWAY, 1, "535 5.7.8",
     "does not let us in: 535 5.7.8 (wrong password)", 0},
    {OUTBOUND_SMTP_OPENING, "454 4.7.0 later", 0, OUTBOUND_AWAY, 1, "454 4.7.0", "let us in", 0},
    {OUTBOUND_SMTP_MAIL, LOST, 0, OUTBOUND_AWAY, 0, NULL, "trouble", 1},
    {OUTBOUND_SMTP_MAIL, "421 bye", 0, OUTBOUND_AWAY, 0, "421", "does not serve us", 1},
    {OUTBOUND_SMTP_MAIL, "451 4.3.0 wait", 0, OUTBOUND_FAILED, 0, "451 4.3.0", "for now", 1},
    {OUTBOUND_SMTP_RCPT, "454 4.7.1 Relay access denied", 0, OUTBOUND_FAILED, 0, "454 4.7.1",
     "for now", 0},
    {OUTBOUND_SMTP_MAIL, "530 5.7.0 log in first", 0, OUTBOUND_AWAY, 1, "530 5.7.0", "let us in",
     0},
    {OUTBOUND_SMTP_MAIL, "538 5.7.11 x", 0, OUTBOUND_AWAY, 1, "538 5.7.11", "let us in", 0},
    {OUTBOUND_SMTP_MAIL, "550 5.7.1 not your sender", 0, OUTBOUND_REFUSED, 0, "550 5.7.1",
     "refuses the mail: 550 5.7.1 (not your sender)", 0},
    {OUTBOUND_SMTP_RCPT, LOST, 0, OUTBOUND_AWAY, 0, NULL, "trouble", 1},
    {OUTBOUND_SMTP_RCPT, "421 bye", 0, OUTBOUND_AWAY, 0, "421", "does not serve us", 1},
    {OUTBOUND_SMTP_RCPT, "450 4.2.0 grey", 0, OUTBOUND_FAILED, 0, "450 4.2.0", "for now", 0},
    {OUTBOUND_SMTP_RCPT, "452 4.5.3 many", 0, OUTBOUND_FAILED, 0, "452 4.5.3", "for now", 0},
    {OUTBOUND_SMTP_RCPT, "550 5.1.1 unknown", 0, OUTBOUND_REFUSED, 0, "550 5.1.1", "refuses", 0},
    {OUTBOUND_SMTP_RCPT, "554 no", 0, OUTBOUND_REFUSED, 0, "554", "refuses", 0},
    {OUTBOUND_SMTP_BODY, LOST, 0, OUTBOUND_FAILED, 0, NULL, "trouble", 0},
    {OUTBOUND_SMTP_BODY, "552 5.3.4 large", 0, OUTBOUND_REFUSED, 0, "552 5.3.4", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, LOST, 0, OUTBOUND_UNCERTAIN, 0, NULL, "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, LOST, 1, OUTBOUND_UNCERTAIN, 0, NULL, "its reply is none", 0},
    {OUTBOUND_SMTP_WHOLE, "250 2.0.0 Ok", 1, OUTBOUND_SENT, 0, "250 2.0.0", NULL, 0},
    {OUTBOUND_SMTP_WHOLE, "250-one\r\n250 two", 1, OUTBOUND_SENT, 0, "250", NULL, 0},
    {OUTBOUND_SMTP_WHOLE, "250-one", 0, OUTBOUND_UNCERTAIN, 0, "250", "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, "251 else", 0, OUTBOUND_UNCERTAIN, 0, "251", "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, "354 more", 0, OUTBOUND_UNCERTAIN, 0, "354", "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, "999 what", 0, OUTBOUND_UNCERTAIN, 0, "999", "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, "HTTP/1.1 200 OK", 0, OUTBOUND_UNCERTAIN, 0, NULL, "did not say", 0},
    {OUTBOUND_SMTP_WHOLE, "421 4.3.0 down", 0, OUTBOUND_AWAY, 0, "421 4.3.0", "serve us", 0},
    {OUTBOUND_SMTP_WHOLE, "451 4.7.1 grey", 0, OUTBOUND_FAILED, 0, "451 4.7.1", "for now", 0},
    {OUTBOUND_SMTP_WHOLE, "554 5.7.1 spam", 0, OUTBOUND_REFUSED, 0, "554 5.7.1", "(spam)", 0},
    {OUTBOUND_SMTP_WHOLE, "550-no\r\n550 5.7.1 never", 0, OUTBOUND_REFUSED, 0, "550 5.7.1", "(no)",
     0},
    {OUTBOUND_SMTP_WHOLE, "550", 0, OUTBOUND_REFUSED, 0, "550", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, "550\r\n", 0, OUTBOUND_REFUSED, 0, "550", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, "550 5.1.1", 0, OUTBOUND_REFUSED, 0, "550 5.1.1", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, "550 5.1.1.1 x", 0, OUTBOUND_REFUSED, 0, "550", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, "550 5.1234.1 x", 0, OUTBOUND_REFUSED, 0, "550", "refuses", 0},
    {OUTBOUND_SMTP_WHOLE, "550 9.1.1 x", 0, OUTBOUND_REFUSED, 0, "550", "refuses", 0},
};

static void hear(outbound_smtp_talk_t *talk, const char *reply)
{
    size_t len;

    for (; reply && *reply; reply += len) {
        len = strcspn(reply, "\n");
        len += reply[len] == '\n';
        outbound_smtp_heard(talk, reply, len);
    }
}

static void fates(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        outbound_smtp_talk_t talk;
        outbound_result_t result;
        const char *reply = cases[i].reply ? cases[i].reply : "none";
        int good;

        outbound_smtp_said(&talk, cases[i].phase);
        hear(&talk, cases[i].reply);
        outbound_smtp_fate(&result, &talk, cases[i].good, "trouble", 0, &mail, pool);
        good = result.fate == cases[i].fate && result.alarm == cases[i].alarm &&
               (cases[i].reason ? result.reason && strstr(result.reason, cases[i].reason) != NULL
                                : result.reason == NULL) &&
               (cases[i].code ? result.code && strcmp(result.code, cases[i].code) == 0
                              : result.code == NULL);
        ok(good && outbound_smtp_is_stale(&talk) == cases[i].stale, "case %d: phase %d, reply %.*s",
           (int)i, (int)cases[i].phase, (int)strcspn(reply, "\r\n"), reply);
        if (!good) {
            printf("# fate %d, alarm %d, code %s, reason %s\n", (int)result.fate, result.alarm,
                   result.code ? result.code : "none", result.reason ? result.reason : "none");
        }
    }
}

/* What is repeated of a server's words. */
static void excerpts(void)
{
    static const struct {
        const char *reply;
        const char *want; /* the reason behind the code */
    } rows[] = {
        {"550 5.1.1 <ann.lee@example.org>: Recipient address rejected: User unknown",
         "550 5.1.1 (Recipient address rejected User unknown)"},
        {"550 5.1.1 Unknown user ann.lee", "550 5.1.1 (Unknown user)"},
        {"550 5.1.1 unknown user lee", "550 5.1.1 (unknown user)"},
        {"550 LEE does not exist", "550 (does not exist)"},
        {"550 call +33612345678 or see http://x.fr/ann", "550 (call see)"},
        {"550 \x1b[31m evil\x01 text", "550 (text)"},
        {"550 5.1.1 ann@example.org", "550 5.1.1"},
        {"550 %s%n ok", "550 (ok)"},
        {"550 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
         "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
         "550 (aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)"},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        outbound_smtp_talk_t talk;
        outbound_result_t result;

        outbound_smtp_said(&talk, OUTBOUND_SMTP_RCPT);
        hear(&talk, rows[i].reply);
        outbound_smtp_fate(&result, &talk, 0, "trouble", 0, &mail, pool);
        is_text(result.reason,
                apr_pstrcat(pool, "the mail server refuses the mail: ", rows[i].want, NULL),
                rows[i].reply);
    }
}

/* Only the reply to what was said last counts. */
static void in_turn(void)
{
    outbound_smtp_talk_t talk;
    outbound_result_t result;

    outbound_smtp_said(&talk, OUTBOUND_SMTP_RCPT);
    hear(&talk, "250 2.1.5 fine\r\n");
    outbound_smtp_said(&talk, OUTBOUND_SMTP_WHOLE);
    outbound_smtp_fate(&result, &talk, 1, "", 0, &mail, pool);
    is_number(result.fate, OUTBOUND_UNCERTAIN, "the 250 of a recipient is not that of the mail");
    outbound_smtp_said(&talk, OUTBOUND_SMTP_OPENING);
    outbound_smtp_fate(&result, &talk, 0, "no trust", 1, &mail, pool);
    ok(result.fate == OUTBOUND_AWAY && result.alarm, "trouble that needs a person");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    mail.to = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH((apr_array_header_t *)mail.to, const char *) = "Ann.Lee@example.org";
    fates();
    excerpts();
    in_turn();
    apr_pool_destroy(pool);
    return tap_done();
}
