/*
 * Fuzz target: what callers show as proof of their origin. Lines of an input: the value shown, a
 * timestamp, an id, the query, two secrets; the rest is the body.
 *
 * A value fits exactly when libcrypto's own HMAC of the bytes, written in the same way, is that
 * value; what was signed fits its own secret and none with a bit changed; base64 and times are read
 * only as they would be written; no rule is proven without one of its secrets.
 */
#include "t/fuzz/fuzz.h"

#include <apr_strings.h>

#include <openssl/hmac.h>

#include <string.h>
#include <strings.h>

#include "core/encode.h"
#include "core/origin.h"

static const struct {
    crm360_hash_t ours;
    const EVP_MD *(*theirs)(void);
    unsigned len;
} hashes[] = {
    {CRM360_SHA256, EVP_sha256, 32}, {CRM360_SHA1, EVP_sha1, 20}, {CRM360_SHA512, EVP_sha512, 64}};
#define HASHES 3

typedef struct input_t {
    const char *value, *timestamp, *id, *query;
    crm360_secrets_t secrets;
    const char *body;
    apr_size_t body_len;
    apr_pool_t *pool;
} input_t;

/* ---- in other words than the code ---- */

static const char *hex(const unsigned char *bytes, unsigned len, apr_pool_t *pool)
{
    const char *text = "";
    unsigned i;

    for (i = 0; i < len; i++) {
        text = apr_psprintf(pool, "%s%02x", text, bytes[i]);
    }
    return text;
}

static const char *base64(const unsigned char *bytes, unsigned len, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, len * 2 + 8);

    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    return text;
}

/* The signature of some bytes, in hex or base64. */
static const char *sign(const input_t *in, int hash, int secret, int as_hex, const char *data,
                        apr_size_t len)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    expect(HMAC(hashes[hash].theirs(), in->secrets.at[secret].bytes,
                (int)in->secrets.at[secret].len, (const unsigned char *)data, len, digest,
                &digest_len) &&
               digest_len == hashes[hash].len,
           NULL);
    return as_hex ? hex(digest, digest_len, in->pool) : base64(digest, digest_len, in->pool);
}

static int same_any_case(const char *one, const char *other)
{
    return strcasecmp(one, other) == 0;
}

/* Which secret `value` fits, as a plain comparison has it. */
static int plainly(const input_t *in, const char *value, unsigned as, int hash)
{
    int i;

    for (i = 0; i < in->secrets.count; i++) {
        if ((as & CRM360_AS_HEX &&
             same_any_case(value, sign(in, hash, i, 1, in->body, in->body_len))) ||
            (as & CRM360_AS_BASE64 &&
             strcmp(value, sign(in, hash, i, 0, in->body, in->body_len)) == 0)) {
            return i + 1;
        }
    }
    return CRM360_FITS_NONE;
}

/* ---- signatures ---- */

static void check_value(const input_t *in, const char *value)
{
    struct iovec pieces[2] = {
        {(void *)in->body, in->body_len / 2},
        {(void *)(in->body + in->body_len / 2), in->body_len - in->body_len / 2}};
    unsigned as;
    int hash;

    for (hash = 0; hash < HASHES; hash++) {
        for (as = CRM360_AS_HEX; as <= (CRM360_AS_HEX | CRM360_AS_BASE64); as++) {
            int fits = crm360_signature_fits(value, as, hashes[hash].ours, &in->secrets, pieces, 2);

            expect(fits == plainly(in, value, as, hash), value);
            expect(!fits || crm360_signature_is_one(value, as, hashes[hash].ours), value);
        }
    }
}

/* What each secret has signed fits; with a bit changed in what was signed nothing does. */
static void check_signed(input_t *in)
{
    char *altered = apr_pstrmemdup(in->pool, in->body, in->body_len);
    apr_size_t at = in->body_len / 3;
    int i;

    for (i = 0; i < in->secrets.count; i++) {
        const char *value = sign(in, i, i, i % 2, in->body, in->body_len);
        struct iovec piece = {(void *)in->body, in->body_len};
        unsigned as = i % 2 ? CRM360_AS_HEX : CRM360_AS_BASE64;

        check_value(in, value);
        expect(crm360_signature_fits(value, as, hashes[i].ours, &in->secrets, &piece, 1) >= 1,
               value);
        if (in->body_len > 0) {
            altered[at] ^= 4;
            piece.iov_base = altered;
            expect(crm360_signature_fits(value, as, hashes[i].ours, &in->secrets, &piece, 1) ==
                       CRM360_FITS_NONE,
                   value);
            altered[at] ^= 4;
        }
    }
}

static void check_list(const input_t *in)
{
    struct iovec piece = {(void *)in->body, in->body_len};
    const char *good = sign(in, 0, in->secrets.count - 1, 0, in->body, in->body_len);
    const char *list = apr_pstrcat(in->pool, "v1,", good, " ", in->value, NULL);
    int whole = crm360_signature_is_list(in->value);
    int fits = whole ? crm360_signature_list_fits(in->value, &in->secrets, &piece, 1) : 0;

    expect(!fits || (fits > 0 && fits <= in->secrets.count &&
                     strstr(in->value, sign(in, 0, fits - 1, 0, in->body, in->body_len))),
           in->value);
    if (whole) {
        expect(crm360_signature_is_list(list), list);
        expect(crm360_signature_list_fits(list, &in->secrets, &piece, 1) >= 1, list);
    }
    list = apr_pstrcat(in->pool, "v1a,x v1,", good, NULL);
    expect(!crm360_signature_is_list(list) ||
               crm360_signature_list_fits(list, &in->secrets, &piece, 1) >= 1,
           list);
}

/* ---- texts ---- */

static void check_texts(const input_t *in)
{
    const char *bytes, *text;
    apr_size_t len;
    apr_time_t when, again;

    text = crm360_base64_write(in->body, in->body_len, in->pool);
    /* Nothing is no value that anybody shows. */
    expect((crm360_base64_read(&bytes, &len, text, in->pool) == APR_SUCCESS) == (*text != '\0'),
           text);
    expect(!*text || (len == in->body_len && memcmp(bytes, in->body, len) == 0), text);
    expect(strcmp(text,
                  base64((const unsigned char *)in->body, (unsigned)in->body_len, in->pool)) == 0,
           text);
    if (crm360_base64_read(&bytes, &len, in->value, in->pool) == APR_SUCCESS) {
        expect(strcmp(crm360_base64_write(bytes, len, in->pool), in->value) == 0, in->value);
    }
    if (crm360_timestamp_seconds(&when, in->timestamp) == APR_SUCCESS) {
        expect(when >= 0 && in->timestamp[strspn(in->timestamp, "0123456789")] == '\0',
               in->timestamp);
        text = apr_psprintf(in->pool, "%" APR_INT64_T_FMT, (apr_int64_t)apr_time_sec(when));
        expect(crm360_timestamp_seconds(&again, text) == APR_SUCCESS && again == when, text);
    }
    if (crm360_timestamp_date(&when, in->timestamp) == APR_SUCCESS) {
        apr_time_exp_t t;

        expect(apr_time_exp_gmt(&t, when) == APR_SUCCESS, in->timestamp);
        text = apr_psprintf(in->pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900,
                            t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
        if (strlen(text) == sizeof("2026-03-02T09:15:27Z") - 1 && text[0] != '-') {
            expect(crm360_timestamp_date(&again, text) == APR_SUCCESS, text);
            expect(apr_time_sec(again) == apr_time_sec(when), text);
        }
    }
}

/* ---- rules ---- */

static crm360_origin_found_t ask(const input_t *in, const crm360_origin_t *rule,
                                 const apr_table_t *headers)
{
    crm360_caller_t caller = {headers, in->query, NULL, apr_time_from_sec(1772442927)};
    apr_array_header_t *rules = apr_array_make(in->pool, 1, sizeof(const crm360_origin_t *));
    const char *verdict = NULL;
    crm360_origin_found_t found;

    APR_ARRAY_PUSH(rules, const crm360_origin_t *) = rule;
    found = crm360_origin_head(&verdict, rules, &caller, in->pool);
    if (found == CRM360_ORIGIN_OPEN) {
        found = crm360_origin_body(&verdict, rules, &caller, in->body, in->body_len, in->pool);
        expect(found != CRM360_ORIGIN_OPEN, NULL);
    }
    expect(found != CRM360_ORIGIN_PROVEN || (verdict && *verdict), verdict);
    expect(crm360_origin_cause(found) != NULL, NULL);
    expect(crm360_origin_wanted(rules, in->pool) && crm360_origin_challenges(rules, in->pool),
           NULL);
    return found;
}

static int has_secret(const input_t *in, const char *text)
{
    int i;

    for (i = 0; text && i < in->secrets.count; i++) {
        if (strstr(text, in->secrets.at[i].bytes)) {
            return 1;
        }
    }
    return 0;
}

static void check_rules(const input_t *in)
{
    static const crm360_proof_by_t kinds[] = {CRM360_BY_TOKEN, CRM360_BY_BASIC, CRM360_BY_BODY,
                                              CRM360_BY_ZENDESK, CRM360_BY_STANDARD};
    apr_table_t *headers = apr_table_make(in->pool, 8);
    apr_size_t i;

    apr_table_setn(headers, "X-Crm360Api-Token", in->value);
    apr_table_setn(headers, "Authorization", in->value);
    apr_table_setn(headers, "X-Signature", in->value);
    apr_table_setn(headers, "X-Zendesk-Webhook-Signature", in->value);
    apr_table_setn(headers, "X-Zendesk-Webhook-Signature-Timestamp", in->timestamp);
    apr_table_setn(headers, "webhook-signature", in->value);
    apr_table_setn(headers, "webhook-timestamp", in->timestamp);
    apr_table_setn(headers, "webhook-id", in->id);
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        crm360_origin_t rule = {.scheme = "fuzzed",
                                .by = kinds[i],
                                .secrets = in->secrets,
                                .header = "X-Signature",
                                .prefix = i % 2 ? "sha256=" : NULL,
                                .as = CRM360_AS_HEX | CRM360_AS_BASE64,
                                .token_in = CRM360_TOKEN_IN_HEADER | CRM360_TOKEN_IN_URL,
                                .window = apr_time_from_sec(300)};
        crm360_origin_found_t found = ask(in, &rule, headers);

        expect(found != CRM360_ORIGIN_NO_RULE, NULL);
        if (found == CRM360_ORIGIN_PROVEN &&
            (kinds[i] == CRM360_BY_TOKEN || kinds[i] == CRM360_BY_BASIC)) {
            expect(has_secret(in, in->value) || has_secret(in, in->query) ||
                       strchr(in->query, '%') || strchr(in->query, '+'),
                   in->value);
        }
        if (found == CRM360_ORIGIN_PROVEN && kinds[i] == CRM360_BY_BODY) {
            expect(plainly(in, in->value, CRM360_AS_HEX | CRM360_AS_BASE64, 0) >= 1, in->value);
        }
    }
}

void fuzz_one(const char *data, apr_size_t len, apr_pool_t *pool)
{
    input_t in = {.pool = pool};
    int i;

    if (len > 4096) {
        return;
    }
    in.value = fuzz_text(&data, &len, '\n', pool);
    in.timestamp = fuzz_text(&data, &len, '\n', pool);
    in.id = fuzz_text(&data, &len, '\n', pool);
    in.query = fuzz_text(&data, &len, '\n', pool);
    for (i = 0; i < CRM360_SECRETS; i++) {
        const char *secret = fuzz_text(&data, &len, '\n', pool);

        if (*secret) {
            in.secrets.at[in.secrets.count].bytes = secret;
            in.secrets.at[in.secrets.count++].len = strlen(secret);
        }
    }
    in.body = apr_pmemdup(pool, data, len);
    in.body_len = len;
    check_texts(&in);
    if (in.secrets.count > 0) {
        check_value(&in, in.value);
        check_signed(&in);
        check_list(&in);
        check_rules(&in);
    }
}
