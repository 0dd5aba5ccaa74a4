/*
 * Replies of mail servers, and the fate that follows. The line is drawn at the end of data: before
 * all of a mail was handed over no server can have accepted it (RFC 5321 4.1.1.4, 4.2.5), behind it
 * only a reply tells. What servers write beside a code often names people, so that only words
 * that cannot be names of this mail's are repeated.
 */
#include "outbound/smtp_fate.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

void outbound_smtp_said(outbound_smtp_talk_t *talk, outbound_smtp_phase_t phase)
{
    memset(talk, 0, sizeof(*talk));
    talk->phase = phase;
}

/* "4.x.y " or "5.x.y " in front of `text`: its length, 0 when it does not stand there. */
static apr_size_t enhanced_length(const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");
    apr_size_t len = digits;
    int i;

    for (i = 0; i < 2 && digits > 0 && digits <= 3 && text[len] == '.'; i++) {
        digits = strspn(text + len + 1, "0123456789");
        len += 1 + digits;
    }
    return i == 2 && digits > 0 && digits <= 3 && strchr("245", text[0]) && text[1] == '.' &&
                   (text[len] == ' ' || text[len] == '\0')
               ? len
               : 0;
}

void outbound_smtp_heard(outbound_smtp_talk_t *talk, const char *line, apr_size_t len)
{
    char text[OUTBOUND_EXCERPT_SIZE + sizeof(talk->enhanced)] = "";
    apr_size_t enhanced;
    int code;

    if (len < 3 || !apr_isdigit(line[0]) || !apr_isdigit(line[1]) || !apr_isdigit(line[2]) ||
        (len > 3 && !strchr(" -\r\n", line[3]))) {
        return;
    }
    code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (len > 4) {
        apr_cpystrn(text, line + 4, len - 4 < sizeof(text) ? len - 4 + 1 : sizeof(text));
    }
    text[strcspn(text, "\r\n")] = '\0';
    enhanced = enhanced_length(text);
    if (talk->code != code) {
        talk->enhanced[0] = talk->text[0] = '\0';
    }
    talk->code = code;
    if (enhanced > 0) {
        apr_cpystrn(talk->enhanced, text, enhanced + 1);
    }
    /* Of several lines the first one says what it is about. */
    if (talk->text[0] == '\0') {
        apr_cpystrn(talk->text, text + enhanced + strspn(text + enhanced, " "), sizeof(talk->text));
    }
}

/* Whether a word of a reply is a part of an address of the mail. */
static int is_theirs(const char *word, apr_size_t len, const outbound_mail_t *mail)
{
    int i;
    apr_size_t at;

    for (i = -2; i < mail->to->nelts; i++) {
        const char *address = i == -2   ? mail->from
                              : i == -1 ? mail->reply_to
                                        : APR_ARRAY_IDX(mail->to, i, const char *);

        for (at = 0; address && at + len <= strlen(address); at++) {
            if (strncasecmp(address + at, word, len) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* The words of a reply that are nothing but letters and in no address, " (...)"; "" when there are
 * none. */
static const char *excerpt(const char *text, const outbound_mail_t *mail, apr_pool_t *pool)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *words = "";
    int is_cut = strlen(text) + 1 >= OUTBOUND_EXCERPT_SIZE;
    apr_size_t len;

    for (; *text; text += len + (text[len] != '\0')) {
        apr_size_t word;

        len = strcspn(text, " ");
        word = strspn(text, letters);
        if (text[len] == '\0' && is_cut) {
            break; /* half a word */
        }
        if (word > 0 && word + strspn(text + word, ".,;:!") == len &&
            !is_theirs(text, word, mail)) {
            words =
                apr_pstrcat(pool, words, *words ? " " : "", apr_pstrmemdup(pool, text, word), NULL);
        }
    }
    return *words ? apr_pstrcat(pool, " (", words, ")", NULL) : "";
}

/* Authentication is wanted, or was refused: RFC 4954 4 and 6. */
static int is_about_login(int code)
{
    return code == 432 || code == 454 || code == 530 || code == 534 || code == 535 || code == 538;
}

static void set(outbound_result_t *result, outbound_fate_t fate, int alarm)
{
    result->fate = fate;
    result->alarm = alarm;
}

/* A reply that says no. What comes before MAIL is about us and not about the mail; what comes to a
 * recipient is about him, whatever its code (Postfix says 454 to whom it does not relay to). */
static const char *refused(outbound_result_t *result, const outbound_smtp_talk_t *talk)
{
    if (is_about_login(talk->code) && talk->phase <= OUTBOUND_SMTP_MAIL) {
        set(result, OUTBOUND_AWAY, 1);
        return "the mail server does not let us in";
    }
    if (talk->code == 421 || talk->phase == OUTBOUND_SMTP_OPENING) {
        set(result, OUTBOUND_AWAY, talk->code >= 500);
        return "the mail server does not serve us";
    }
    if (talk->code < 500) {
        set(result, OUTBOUND_FAILED, 0);
        return "the mail server does not take the mail for now";
    }
    set(result, OUTBOUND_REFUSED, 0);
    return "the mail server refuses the mail";
}

void outbound_smtp_fate(outbound_result_t *result, const outbound_smtp_talk_t *talk, int good,
                        const char *trouble, int alarm, const outbound_mail_t *mail,
                        apr_pool_t *pool)
{
    const char *what;

    memset(result, 0, sizeof(*result));
    /* A reply that said yes before something else went wrong explains nothing. */
    if (talk->code >= 400 || (talk->code > 0 && talk->phase == OUTBOUND_SMTP_WHOLE)) {
        result->code =
            apr_psprintf(pool, "%03d%s%s", talk->code, *talk->enhanced ? " " : "", talk->enhanced);
    }
    if (good && talk->phase == OUTBOUND_SMTP_WHOLE && talk->code == 250) {
        result->fate = OUTBOUND_SENT;
        return;
    }
    if (talk->code >= 400 && talk->code < 600) {
        what = refused(result, talk);
        result->reason =
            apr_psprintf(pool, "%s: %s%s", what, result->code, excerpt(talk->text, mail, pool));
        return;
    }
    if (good || talk->phase == OUTBOUND_SMTP_WHOLE) {
        result->fate = OUTBOUND_UNCERTAIN;
        result->reason =
            apr_psprintf(pool,
                         "the mail server has the whole mail and did not say that it took "
                         "it: %s",
                         good ? "its reply is none" : trouble);
        return;
    }
    if (talk->phase == OUTBOUND_SMTP_BODY) {
        /* It had taken sender and recipients, so it is this mail that does not get through (too
         * large for it, or for something on the way): its attempts end. */
        set(result, OUTBOUND_FAILED, 0);
        result->reason =
            apr_psprintf(pool, "the connection ended in the middle of the mail: %s", trouble);
        return;
    }
    set(result, OUTBOUND_AWAY, alarm);
    result->reason = apr_psprintf(pool, "the mail server cannot be used: %s", trouble);
}

int outbound_smtp_is_stale(const outbound_smtp_talk_t *talk)
{
    if (talk->code == 0 || talk->code == 421) {
        return talk->phase < OUTBOUND_SMTP_BODY;
    }
    /* "Too many mails on this connection" comes as one of several codes. */
    return talk->phase == OUTBOUND_SMTP_MAIL && talk->code / 100 == 4;
}
