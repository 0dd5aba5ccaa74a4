/*
 * Signatures and credentials: the published vectors of HMAC, each bit of body and signature
 * changed, all forms, two secrets, lists, timestamps, base64. Whatever is not exactly right must
 * not fit.
 */
#include "core/signature.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "t/unit/tap.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BOTH (CRM360_AS_HEX | CRM360_AS_BASE64)

static apr_pool_t *pool;

static crm360_secrets_t secrets_of(const char *current, const char *previous)
{
    crm360_secrets_t secrets = {{{current, strlen(current)}}, 1};

    if (previous) {
        secrets.at[1].bytes = previous;
        secrets.at[1].len = strlen(previous);
        secrets.count = 2;
    }
    return secrets;
}

static int fits(const char *value, unsigned as, crm360_hash_t hash, const char *current,
                const char *previous, const char *data, apr_size_t len)
{
    crm360_secrets_t secrets = secrets_of(current, previous);
    struct iovec piece = {(void *)data, len};

    return crm360_signature_fits(value, as, hash, &secrets, &piece, 1);
}

/* ---- published vectors ---- */

/* RFC 2202 3 (SHA-1), RFC 4231 4.3 and 4.7 (SHA-256 and SHA-512). */
static void published(void)
{
    static const char jefe[] = "what do ya want for nothing?";
    static const char large[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    char key[132];
    size_t i;
    const struct {
        crm360_hash_t hash;
        const char *key;
        const char *data;
        const char *mac;
    } cases[] = {
        {CRM360_SHA1, "Jefe", jefe, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {CRM360_SHA256, "Jefe", jefe,
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {CRM360_SHA512, "Jefe", jefe,
         "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
         "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
        {CRM360_SHA256, key, large,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {CRM360_SHA512, key, large,
         "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
         "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"},
    };

    memset(key, 0xaa, sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    for (i = 0; i < COUNT(cases); i++) {
        const char *data = cases[i].data;

        is_number(fits(cases[i].mac, CRM360_AS_HEX, cases[i].hash, cases[i].key, NULL, data,
                       strlen(data)),
                  1, apr_psprintf(pool, "published vector %d", (int)i + 1));
        is_number(
            fits(cases[i].mac, CRM360_AS_HEX, cases[i].hash, "jefe", NULL, data, strlen(data)), 0,
            "  with another key");
    }
}

/* ---- one bit ---- */

/* A body and its signatures, as `openssl dgst -sha256 -hmac fixture-key-0123456789` writes them. */
static const char body[] = "{\"id\":4711,\"name\":\"L\xc3\xa9"
                           "a\",\"note\":\"one\\ntwo\"}\r\n";
static const char fixture_key[] = "fixture-key-0123456789";
static const char as_hex[] = "d729a876326ae9bde3a3b5725188080374c6a48f073b9d0e683845d212b8f767";
static const char as_base64[] = "1ymodjJq6b3jo7VyUYgIA3TGpI8HO50OaDhF0hK492c=";

static void changed_bodies(void)
{
    char copy[sizeof(body)];
    int passed = 0;
    size_t i;
    int bit;

    for (i = 0; i < sizeof(body) - 1; i++) {
        for (bit = 0; bit < 8; bit++) {
            memcpy(copy, body, sizeof(body));
            copy[i] = (char)(copy[i] ^ 1 << bit);
            passed += fits(as_base64, BOTH, CRM360_SHA256, fixture_key, NULL, copy,
                           sizeof(body) - 1) != 0;
            passed +=
                fits(as_hex, BOTH, CRM360_SHA256, fixture_key, NULL, copy, sizeof(body) - 1) != 0;
        }
    }
    is_number(passed, 0, "a body with one bit changed, wherever, does not fit");
    for (i = 0; i < sizeof(body) - 1; i++) {
        passed += fits(as_base64, BOTH, CRM360_SHA256, fixture_key, NULL, body, i) != 0;
    }
    is_number(passed, 0, "nor one that is cut, wherever");
    is_number(fits(as_base64, BOTH, CRM360_SHA256, fixture_key, NULL, body, sizeof(body)), 0,
              "nor one that is longer by a NUL");
}

/* Every bit of every character. A hexadecimal digit in the other case is the same digit. */
static void changed_signature(const char *signature, int is_hex)
{
    char *copy = apr_pstrdup(pool, signature);
    int passed = 0;
    int same = 0;
    int letters = 0;
    size_t i;
    int bit;

    for (i = 0; signature[i]; i++) {
        letters += is_hex && signature[i] >= 'a';
        for (bit = 0; bit < 8; bit++) {
            int fit;

            copy[i] = (char)(signature[i] ^ 1 << bit);
            fit = fits(copy, BOTH, CRM360_SHA256, fixture_key, NULL, body, sizeof(body) - 1);
            if (is_hex && signature[i] >= 'a' && bit == 5) {
                same += fit == 1;
            }
            else {
                passed += fit != 0;
            }
        }
        copy[i] = signature[i];
    }
    is_number(passed, 0,
              apr_psprintf(pool, "a signature in %s with one bit changed, wherever, does not fit",
                           is_hex ? "hex" : "base64"));
    is_number(same, letters, "  but for a digit in the other case");
}

/* ---- forms ---- */

static void forms(void)
{
    char *upper = apr_pstrdup(pool, as_hex);
    char *mixed = apr_pstrdup(pool, as_hex);
    const char *cut = apr_pstrmemdup(pool, as_base64, strlen(as_base64) - 1);
    size_t i;
    const struct {
        const char *name;
        const char *value;
        unsigned as;
        int fit;
        int is_one;
    } cases[] = {
        {"hex", as_hex, CRM360_AS_HEX, 1, 1},
        {"hex in upper case", upper, CRM360_AS_HEX, 1, 1},
        {"hex in both cases", mixed, CRM360_AS_HEX, 1, 1},
        {"hex where base64 is wanted", as_hex, CRM360_AS_BASE64, 0, 0},
        {"base64", as_base64, CRM360_AS_BASE64, 1, 1},
        {"base64 where hex is wanted", as_base64, CRM360_AS_HEX, 0, 0},
        {"hex, any", as_hex, BOTH, 1, 1},
        {"base64, any", as_base64, BOTH, 1, 1},
        {"nothing", "", BOTH, 0, 0},
        {"padding alone", "=", BOTH, 0, 0},
        {"base64 without padding", cut, BOTH, 0, 0},
        {"base64 with more padding", apr_pstrcat(pool, cut, "==", NULL), BOTH, 0, 0},
        {"with a blank behind", apr_pstrcat(pool, as_base64, " ", NULL), BOTH, 0, 0},
        {"with a blank in front", apr_pstrcat(pool, " ", as_base64, NULL), BOTH, 0, 0},
        {"with a line feed", apr_pstrcat(pool, as_base64, "\n", NULL), BOTH, 0, 0},
        {"twice, as httpd joins it", apr_pstrcat(pool, as_base64, ", ", as_base64, NULL), BOTH, 0,
         0},
        {"hex twice", apr_pstrcat(pool, as_hex, ", ", as_hex, NULL), BOTH, 0, 0},
        {"hex with 0x", apr_pstrcat(pool, "0x", as_hex, NULL), BOTH, 0, 0},
        {"half of it", apr_pstrmemdup(pool, as_hex, 32), BOTH, 0, 0},
        {"a very long one", apr_pstrcat(pool, as_hex, as_hex, as_hex, as_hex, as_hex, NULL), BOTH,
         0, 0},
    };

    for (i = 0; upper[i]; i++) {
        upper[i] = (char)(upper[i] >= 'a' ? upper[i] - 32 : upper[i]);
        mixed[i] = i % 2 ? upper[i] : mixed[i];
    }
    for (i = 0; i < COUNT(cases); i++) {
        is_number(fits(cases[i].value, cases[i].as, CRM360_SHA256, fixture_key, NULL, body,
                       sizeof(body) - 1),
                  cases[i].fit, cases[i].name);
        is_number(crm360_signature_is_one(cases[i].value, cases[i].as, CRM360_SHA256),
                  cases[i].is_one, "  its form");
    }
    is_number(
        crm360_signature_is_one("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", BOTH, CRM360_SHA1), 1,
        "SHA-1 has 40 digits");
    is_number(
        crm360_signature_is_one("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", BOTH, CRM360_SHA256), 0,
        "  and SHA-256 has not");
    is_number(crm360_signature_is_one("7/zfauXrL6LSdBbV8YTfnCWafHk=", BOTH, CRM360_SHA1), 1,
              "  or 27 characters and padding");
    is_number(fits(as_hex, BOTH, CRM360_SHA512, fixture_key, NULL, body, sizeof(body) - 1), 0,
              "the signature of another hash");
}

static void two_secrets(void)
{
    static const char other[] = "another-secret";
    const apr_size_t len = sizeof(body) - 1;

    is_number(fits(as_hex, BOTH, CRM360_SHA256, fixture_key, other, body, len), 1, "the current");
    is_number(fits(as_hex, BOTH, CRM360_SHA256, other, fixture_key, body, len), 2, "the previous");
    is_number(fits(as_hex, BOTH, CRM360_SHA256, fixture_key, fixture_key, body, len), 1,
              "the first of two that fit");
    is_number(fits(as_hex, BOTH, CRM360_SHA256, other, "a-third-one", body, len), 0, "none");
}

/* Where one piece ends and the next begins makes no difference. */
static void pieces(void)
{
    crm360_secrets_t secrets = secrets_of(fixture_key, NULL);
    int good = 0;
    size_t i;

    for (i = 0; i < sizeof(body); i++) {
        struct iovec parts[2] = {{(void *)body, i}, {(void *)(body + i), sizeof(body) - 1 - i}};

        good += crm360_signature_fits(as_base64, BOTH, CRM360_SHA256, &secrets, parts, 2) == 1;
    }
    is_number(good, (int)sizeof(body), "the pieces are signed as one");
}

/* ---- lists ---- */

static void lists(void)
{
    const char *v1 = apr_pstrcat(pool, "v1,", as_base64, NULL);
    const char *wrong = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    crm360_secrets_t secrets = secrets_of("another-secret", fixture_key);
    struct iovec piece = {(void *)body, sizeof(body) - 1};
    size_t i;
    const struct {
        const char *list;
        int is_list;
        int fit;
    } cases[] = {
        {v1, 1, 2},
        {apr_pstrcat(pool, wrong, " ", v1, NULL), 1, 2},
        {apr_pstrcat(pool, v1, " ", wrong, NULL), 1, 2},
        {apr_pstrcat(pool, "v1a,c29tZXRoaW5n v2,x ", v1, NULL), 1, 2},
        {wrong, 1, 0},
        {apr_pstrcat(pool, "v2,", as_base64, NULL), 0, 0},
        {apr_pstrcat(pool, "V1,", as_base64, NULL), 0, 0},
        {as_base64, 0, 0},
        {apr_pstrcat(pool, "v1,", as_hex, NULL), 0, 0},
        {apr_pstrcat(pool, v1, ", ", v1, NULL), 0, 0},
        {apr_pstrcat(pool, "v1a,x, ", v1, NULL), 0, 0},
        {apr_pstrcat(pool, v1, "  ", v1, NULL), 0, 0},
        {apr_pstrcat(pool, v1, " ", NULL), 0, 0},
        {apr_pstrcat(pool, v1, " v1,", NULL), 0, 0},
        {apr_pstrcat(pool, v1, " v1,short", NULL), 0, 0},
        {apr_pstrcat(pool, "v1,", as_hex, as_hex, as_hex, as_hex, NULL), 0, 0},
        {"", 0, 0},
        {",", 0, 0},
        {"v1", 0, 0},
        {" ", 0, 0},
    };

    for (i = 0; i < COUNT(cases); i++) {
        is_number(crm360_signature_is_list(cases[i].list), cases[i].is_list,
                  apr_psprintf(pool, "list %d: its form", (int)i + 1));
        is_number(crm360_signature_list_fits(cases[i].list, &secrets, &piece, 1), cases[i].fit,
                  "  which secret");
    }
}

/* ---- the rest ---- */

static void credentials(void)
{
    crm360_secrets_t secrets = secrets_of("current-token", "previous-token");

    is_number(crm360_secret_fits("current-token", &secrets), 1, "the current token");
    is_number(crm360_secret_fits("previous-token", &secrets), 2, "the previous one");
    is_number(crm360_secret_fits("current-toke", &secrets), 0, "a shorter one");
    is_number(crm360_secret_fits("current-token ", &secrets), 0, "a longer one");
    is_number(crm360_secret_fits("Current-token", &secrets), 0, "one in another case");
    is_number(crm360_secret_fits("", &secrets), 0, "none");
    secrets.count = 0;
    is_number(crm360_secret_fits("", &secrets), 0, "no secret fits nothing");
}

static void timestamps(void)
{
    static const struct {
        const char *text;
        apr_int64_t seconds; /* -1 = refused */
    } dates[] = {
        {"2026-03-02T09:15:27Z", 1772442927},
        {"2026-03-02t09:15:27z", 1772442927},
        {"2026-03-02T10:15:27+01:00", 1772442927},
        {"2026-03-02T03:45:27-05:30", 1772442927},
        {"2026-03-02T09:15:27.999Z", 1772442927},
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T00:00:00Z", 1709164800},
        {"2026-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-03-02T24:00:00Z", -1},
        {"2026-03-02T09:15:27", -1},
        {"2026-03-02 09:15:27Z", -1},
        {"2026-03-02T09:15:27Z ", -1},
        {"2026-03-02T09:15:27.Z", -1},
        {"2026-03-02T09:15:27+1:00", -1},
        {"2026-03-02T09:15:27Z, 2026-03-02T09:15:27Z", -1},
        {"1772442927", -1},
        {"", -1},
    };
    static const struct {
        const char *text;
        apr_int64_t seconds;
    } numbers[] = {{"1772442927", 1772442927},
                   {"0", 0},
                   {"+1772442927", -1},
                   {"-1", -1},
                   {"1772442927.5", -1},
                   {"1772442927 ", -1},
                   {"0x10", -1},
                   {"", -1},
                   {"9999999999999", -1},
                   {"1772442927, 1772442927", -1}};
    apr_time_t when;
    size_t i;

    for (i = 0; i < COUNT(dates); i++) {
        when = apr_time_from_sec(-1);
        if (crm360_timestamp_date(&when, dates[i].text) != APR_SUCCESS) {
            when = apr_time_from_sec(-1);
        }
        is_number(apr_time_sec(when), dates[i].seconds, dates[i].text);
    }
    for (i = 0; i < COUNT(numbers); i++) {
        when = apr_time_from_sec(-1);
        if (crm360_timestamp_seconds(&when, numbers[i].text) != APR_SUCCESS) {
            when = apr_time_from_sec(-1);
        }
        is_number(apr_time_sec(when), numbers[i].seconds, numbers[i].text);
    }
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    published();
    changed_bodies();
    changed_signature(as_hex, 1);
    changed_signature(as_base64, 0);
    forms();
    two_secrets();
    pieces();
    lists();
    credentials();
    timestamps();
    apr_pool_destroy(pool);
    return tap_done();
}
