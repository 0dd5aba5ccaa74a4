/*
 * SMTP by libcurl. One connection is kept for each account, and only while all is well on it: after
 * anything but success libcurl may keep one on which a reply is still to come, and take that for
 * the reply to the next mail. libcurl never sends a mail twice by itself here (it does not repeat
 * uploads over SMTP); what may be tried again is decided by outbound_smtp_is_stale().
 *
 * The size of the mail is not told to libcurl, on purpose: it would count the dots that it adds to
 * lines, and could stop too early (seen in 7.88).
 */
#include "outbound/smtp.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "outbound/mail_mime.h"
#include "outbound/smtp_fate.h"

/* Accounts to which a connection is kept. */
#define KEPT_MOST 4
/* How long it may lie idle: mail servers hang up after some minutes, firewalls forget sooner. */
#define IDLE_MOST (30 * APR_USEC_PER_SEC)

#define HOST_MOST 255

typedef struct kept_t {
    CURL *easy;      /* with its one connection; NULL = this place is free */
    char *account;   /* all that makes it this connection and no other */
    int is_open;     /* its last mail went well, so there is a connection */
    int is_known;    /* and we have logged in on it */
    apr_time_t used; /* when it was last used, by crm360_clock() */
    apr_pool_t *pool;
} kept_t;

struct outbound_smtp_t {
    kept_t kept[KEPT_MOST];
};

/* One conversation. */
typedef struct session_t {
    CURL *easy;
    outbound_smtp_talk_t talk;
    int leaving;     /* QUIT was sent: what follows says nothing about the mail */
    int *is_known;   /* of the connection */
    int needs_login; /* there is a user */
    int alarm;       /* what stopped it only a person can mend */
    const char *at;
    apr_size_t left; /* bytes of the mail that were not handed over yet, from `at` */
    apr_time_t begun;
    apr_time_t end; /* when it must be over */
    const char *why;
    char error[CURL_ERROR_SIZE];
} session_t;

/* ---- kept connections ---- */

/* Closes a connection. The server hears QUIT and is not waited for: libcurl would, for as long as
 * for any reply, if the socket did not say that nothing more comes. */
static void drop(kept_t *kept)
{
    curl_socket_t socket;

    if (!kept->easy) {
        return;
    }
    if (curl_easy_getinfo(kept->easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK &&
        socket != CURL_SOCKET_BAD) {
        shutdown(socket, SHUT_RD);
    }
    curl_easy_cleanup(kept->easy);
    apr_pool_destroy(kept->pool);
    memset(kept, 0, sizeof(*kept));
}

static apr_status_t drop_all(void *data)
{
    struct outbound_smtp_t *smtp = data;
    int i;

    for (i = 0; i < KEPT_MOST; i++) {
        drop(&smtp->kept[i]);
    }
    return APR_SUCCESS;
}

static const char *account_of(const crm360_provider_t *provider, apr_pool_t *pool)
{
    return apr_pstrcat(pool, provider->url, "\n", provider->user ? provider->user : "", "\n",
                       provider->secret ? provider->secret : "", "\n",
                       provider->ca ? provider->ca : "", "\n", provider->tls ? provider->tls : "",
                       NULL);
}

/* The place of an account, with a handle; those that have lain idle are closed meanwhile. NULL when
 * libcurl has no memory. */
static kept_t *keep(outbound_t *outbound, const char *account)
{
    apr_time_t now = crm360_clock();
    kept_t *found = NULL;
    kept_t *oldest;
    int i;

    if (!outbound->smtp) {
        outbound->smtp = apr_pcalloc(outbound->pool, sizeof(*outbound->smtp));
        apr_pool_pre_cleanup_register(outbound->pool, outbound->smtp, drop_all);
    }
    oldest = &outbound->smtp->kept[0];
    for (i = 0; i < KEPT_MOST; i++) {
        kept_t *kept = &outbound->smtp->kept[i];

        if (kept->easy && kept->used + IDLE_MOST < now) {
            drop(kept);
        }
        if (kept->easy && strcmp(kept->account, account) == 0) {
            found = kept;
        }
        oldest = kept->used < oldest->used ? kept : oldest;
    }
    if (!found) {
        found = oldest;
        drop(found);
        found->easy = curl_easy_init();
        if (found->easy) {
            apr_pool_create(&found->pool, outbound->pool);
            apr_pool_tag(found->pool, "crm360_smtp");
            found->account = apr_pstrdup(found->pool, account);
        }
    }
    found->used = now;
    return found->easy ? found : NULL;
}

/* ---- what libcurl calls ---- */

static size_t on_read(char *buffer, size_t size, size_t count, void *baton)
{
    session_t *session = baton;
    apr_size_t len = size * count < session->left ? size * count : session->left;

    /* libcurl goes on when a server offers no way to log in. */
    if (session->needs_login && !*session->is_known) {
        outbound_smtp_said(&session->talk, OUTBOUND_SMTP_OPENING);
        session->why = "the mail server offers no login, and a user is configured";
        session->alarm = 1;
        return CURL_READFUNC_ABORT;
    }
    memcpy(buffer, session->at, len);
    session->at += len;
    session->left -= len;
    outbound_smtp_said(&session->talk,
                       session->left > 0 ? OUTBOUND_SMTP_BODY : OUTBOUND_SMTP_WHOLE);
    return len;
}

/* Commands and replies; of commands only the first word is looked at, as there are secrets among
 * them. */
static int on_line(CURL *easy, curl_infotype type, char *data, size_t size, void *baton)
{
    session_t *session = baton;

    (void)easy;
    if (session->leaving) {
        return 0;
    }
    if (type == CURLINFO_HEADER_IN) {
        outbound_smtp_heard(&session->talk, data, size);
    }
    else if (type == CURLINFO_HEADER_OUT && size >= 4 && memcmp(data, "QUIT", 4) == 0) {
        session->leaving = 1;
    }
    else if (type == CURLINFO_HEADER_OUT) {
        outbound_smtp_phase_t phase = session->talk.phase;

        if (size >= 4 && memcmp(data, "AUTH", 4) == 0) {
            *session->is_known = 1; /* or the server ends it here */
        }
        else if (size >= 4 && memcmp(data, "MAIL", 4) == 0) {
            phase = OUTBOUND_SMTP_MAIL;
        }
        else if (size >= 4 && memcmp(data, "RCPT", 4) == 0) {
            phase = OUTBOUND_SMTP_RCPT;
        }
        outbound_smtp_said(&session->talk, phase);
    }
    return 0;
}

/* Ends what libcurl does not: a connection that does not come about while the call still has time,
 * and waiting for the answer to QUIT. */
static int on_progress(void *baton, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    session_t *session = baton;
    apr_time_t now = crm360_clock();
    curl_off_t connected = 0;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    if (now > session->end) {
        session->why = "it took too long";
        return 1;
    }
    if (now > session->begun + OUTBOUND_CONNECT_MOST &&
        session->talk.phase == OUTBOUND_SMTP_OPENING && session->talk.code == 0) {
        curl_easy_getinfo(session->easy, CURLINFO_CONNECT_TIME_T, &connected);
        if (connected == 0) {
            session->why = "no connection came about";
            return 1;
        }
    }
    return 0;
}

/* ---- one conversation ---- */

/* What we call ourselves in EHLO (RFC 5321 4.1.1.1): the name of this host where it is a full one,
 * else the domain of the sender, which mail servers like better than half a name. */
static const char *own_name(const outbound_mail_t *mail, apr_pool_t *pool)
{
    char name[HOST_MOST + 1] = "";
    apr_size_t len;

    if (gethostname(name, sizeof(name) - 1) == 0) {
        len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.");
        if (name[len] == '\0' && strchr(name, '.') && apr_isalnum(name[0]) &&
            apr_isalnum(name[len - 1])) {
            return apr_pstrdup(pool, name);
        }
    }
    return strchr(mail->from, '@') + 1;
}

/* Whether TLS is not insisted on. */
static int is_clear(const crm360_provider_t *provider)
{
    return provider->tls && strcmp(provider->tls, "required") != 0 &&
           strncmp(provider->url, "smtps:", 6) != 0;
}

/* Whom to trust. 0 when libcurl refuses. */
static int set_trust(CURL *easy, const crm360_provider_t *provider)
{
    int bad = 0;

    bad |= curl_easy_setopt(easy, CURLOPT_USE_SSL,
                            !is_clear(provider)                     ? (long)CURLUSESSL_ALL
                            : strcmp(provider->tls, "offered") == 0 ? (long)CURLUSESSL_TRY
                                                                    : (long)CURLUSESSL_NONE);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (provider->ca) {
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, provider->ca);
        bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    return !bad;
}

/* Whom to trust, and as whom to speak. 0 when libcurl refuses. */
static int set_account(CURL *easy, const crm360_provider_t *provider)
{
    int bad = !set_trust(easy, provider);

    if (provider->user) {
        bad |= curl_easy_setopt(easy, CURLOPT_USERNAME, provider->user);
        bad |= curl_easy_setopt(easy, CURLOPT_PASSWORD, provider->secret ? provider->secret : "");
        /* What every server with TLS has; libcurl would take the first that is offered, and
         * would not try another one when it fails. */
        bad |= curl_easy_setopt(easy, CURLOPT_LOGIN_OPTIONS,
                                is_clear(provider) ? "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5"
                                                   : "AUTH=PLAIN;AUTH=LOGIN");
    }
    return !bad;
}

/* Limits and callbacks. 0 when libcurl refuses. */
static int set_session(session_t *session, apr_interval_time_t most)
{
    CURL *easy = session->easy;
    long most_ms = (long)(most / 1000) + 1;
    int bad = 0;

    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* A resolver that hangs must not hold the worker beyond the limit. */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    /* libcurl counts greeting and login to the connection, and servers may take their time for a
     * greeting; OUTBOUND_CONNECT_MOST is on_progress()'s. */
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, most_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, most_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, most_ms / 1000 + 1);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, session->error);
    bad |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    bad |= curl_easy_setopt(easy, CURLOPT_READDATA, session);
    bad |= curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_line);
    bad |= curl_easy_setopt(easy, CURLOPT_DEBUGDATA, session);
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, session);
    return !bad;
}

/* Recipients as libcurl wants them; NULL = no memory. */
static struct curl_slist *envelope(const outbound_mail_t *mail)
{
    struct curl_slist *list = NULL;
    int i;

    for (i = 0; i < mail->to->nelts; i++) {
        struct curl_slist *longer =
            curl_slist_append(list, APR_ARRAY_IDX(mail->to, i, const char *));

        if (!longer) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

/* Speaks with the server. *connects counts the connections that came about for it. */
static CURLcode converse(session_t *session, long *connects, const crm360_provider_t *provider,
                         const outbound_mail_t *mail, apr_pool_t *pool)
{
    CURL *easy = session->easy;
    struct curl_slist *recipients = envelope(mail);
    const char *url = apr_pstrcat(pool, provider->url, "/", own_name(mail, pool), NULL);
    CURLcode code = CURLE_OUT_OF_MEMORY;

    *connects = 0;
    curl_easy_reset(easy); /* the connection stays */
    if (recipients && set_session(session, session->end - session->begun) &&
        set_account(easy, provider) && !curl_easy_setopt(easy, CURLOPT_URL, url) &&
        !curl_easy_setopt(easy, CURLOPT_MAIL_FROM, mail->from) &&
        !curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients)) {
        code = curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, connects);
    }
    curl_easy_reset(easy); /* no pointer of this mail's stays behind */
    curl_slist_free_all(recipients);
    return code;
}

/* What libcurl says, as a part of a sentence: some of its texts end in a full stop. */
static const char *sentence(const char *text, apr_pool_t *pool)
{
    apr_size_t len = strlen(text);

    return apr_pstrmemdup(pool, text, len && text[len - 1] == '.' ? len - 1 : len);
}

/* Faults that stay until somebody changes a setting, here or there. */
static int needs_person(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_USE_SSL_FAILED || code == CURLE_LOGIN_DENIED ||
           code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
}

void outbound_smtp_send(outbound_result_t *result, outbound_t *outbound,
                        const crm360_provider_t *provider, const outbound_mail_t *mail,
                        const char *bytes, apr_size_t len, apr_pool_t *pool)
{
    const char *account = account_of(provider, pool);
    apr_time_t end = crm360_clock() + outbound->most;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    session_t session;
    const char *trouble;
    long connects;
    int was_open, again = 0;

    /* Twice at most. */
    do {
        kept_t *kept = keep(outbound, account);

        memset(&session, 0, sizeof(session));
        if (!kept) {
            break;
        }
        session.easy = kept->easy;
        session.is_known = &kept->is_known;
        session.needs_login = provider->user != NULL;
        session.at = bytes;
        session.left = len;
        session.begun = crm360_clock();
        session.end = end;
        was_open = kept->is_open;
        code = converse(&session, &connects, provider, mail, pool);
        kept->used = crm360_clock();
        kept->is_open = 1;
        if (code != CURLE_OK) {
            drop(kept);
        }
        again = !again && code != CURLE_OK && was_open && connects == 0 &&
                outbound_smtp_is_stale(&session.talk) && crm360_clock() < end;
    } while (again);
    trouble = sentence(session.error[0] ? session.error : curl_easy_strerror(code), pool);
    outbound_smtp_fate(result, &session.talk, code == CURLE_OK, session.why ? session.why : trouble,
                       session.alarm || needs_person(code), mail, pool);
    if (result->fate == OUTBOUND_SENT) {
        result->reference = outbound_mail_message_id(mail, pool);
    }
}

apr_status_t outbound_smtp_reach(const char **why, const outbound_t *outbound,
                                 const crm360_provider_t *provider, apr_pool_t *pool)
{
    char name[HOST_MOST + 1] = "localhost";
    char error[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OUT_OF_MEMORY;
    kept_t kept = {.easy = curl_easy_init()};
    long most_ms = (long)(outbound->most / 1000) + 1;
    int bad = !kept.easy || !set_trust(kept.easy, provider);

    gethostname(name, sizeof(name) - 1);
    if (!bad) {
        bad |= curl_easy_setopt(kept.easy, CURLOPT_URL,
                                apr_pstrcat(pool, provider->url, "/", name, NULL));
        bad |= curl_easy_setopt(kept.easy, CURLOPT_CONNECT_ONLY, 1L);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
        bad |= curl_easy_setopt(kept.easy, CURLOPT_PROXY, "");
        bad |= curl_easy_setopt(kept.easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_NOSIGNAL, 1L);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_QUICK_EXIT, 1L);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_CONNECTTIMEOUT_MS, most_ms);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_TIMEOUT_MS, most_ms);
        bad |= curl_easy_setopt(kept.easy, CURLOPT_ERRORBUFFER, error);
    }
    if (!bad) {
        code = curl_easy_perform(kept.easy);
    }
    *why = sentence(*error ? error : curl_easy_strerror(code), pool);
    apr_pool_create(&kept.pool, pool);
    drop(&kept);
    return code == CURLE_OK ? APR_SUCCESS : needs_person(code) ? CRM360_EREFUSED : CRM360_EAWAY;
}
