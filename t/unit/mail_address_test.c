/* Mail addresses: which are taken, in what form they go on the wire, and that nothing hostile
 * is. */
#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>

#include "core/mail_address.h"
#include "outbound/mail.h"
#include "t/unit/tap.h"

static apr_pool_t *pool;

static const struct {
    const char *text;
    const char *want; /* NULL = refused */
    const char *why;  /* part of the fault */
} cases[] = {
    {"ann@example.org", "ann@example.org", NULL},
    {"  ann@example.org\t\r\n", "ann@example.org", NULL},
    {"Ann.Lee+shop@Mail.Example.ORG", "Ann.Lee+shop@mail.example.org", NULL},
    {"!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org", NULL},
    {"a@b.fr", "a@b.fr", NULL},
    {"a@1und1.de", "a@1und1.de", NULL},
    {"a@x--y.example", "a@x--y.example", NULL},
    {"a@m\xC3\xBCnchen.example", "a@xn--mnchen-3ya.example", NULL},
    {"a@M\xC3\x9CNCHEN.example", "a@xn--mnchen-3ya.example", NULL},
    {"a@mu\xCC\x88nchen.example", "a@xn--mnchen-3ya.example", NULL},
    {"a@XN--MNCHEN-3YA.example", "a@xn--mnchen-3ya.example", NULL},
    {"a@fa\xC3\x9F.de", "a@xn--fa-hia.de", NULL}, /* non-transitional: not fass.de */
    {"a@\xE4\xBE\x8B\xE3\x81\x88.\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88", "a@xn--r8jz45g.xn--zckzah",
     NULL},
    {"a@\xE4\xBE\x8B\xE3\x80\x82jp", "a@xn--fsq.jp", NULL}, /* an ideographic full stop */
    {"a@\xEF\xBD\x85xample.org", "a@example.org", NULL},    /* a full-width e */
    {"a@le\xC2\xADmonde.fr", "a@lemonde.fr", NULL},         /* a soft hyphen */
    {"", NULL, "empty"},
    {" \r\n ", NULL, "empty"},
    {"ann", NULL, "no @"},
    {"@example.org", NULL, "in front of the @"},
    {"ann@", NULL, "domain"},
    {"ann@localhost", NULL, "no dot"},
    {"ann@example.org.", NULL, "domain"},
    {"ann@.example.org", NULL, "domain"},
    {"ann@example..org", NULL, "domain"},
    {"ann@-example.org", NULL, "domain"},
    {"ann@example-.org", NULL, "domain"},
    {"ann@exa_mple.org", NULL, "domain"},
    {"ann@10.0.0.1", NULL, "number"},
    {"ann@[10.0.0.1]", NULL, "domain"},
    {"ann@[IPv6:::1]", NULL, "domain"},
    {"ann@lee@example.org", NULL, "domain"},
    {"ann@example.org@", NULL, "domain"},
    {".ann@example.org", NULL, "in front of the @"},
    {"ann.@example.org", NULL, "in front of the @"},
    {"a..n@example.org", NULL, "in front of the @"},
    {"\"ann\"@example.org", NULL, "in front of the @"},
    {"\"a n\"@example.org", NULL, "in front of the @"},
    {"a n@example.org", NULL, "in front of the @"},
    {"ann @example.org", NULL, "in front of the @"},
    {"ann@ example.org", NULL, "domain"},
    {"ann(x)@example.org", NULL, "in front of the @"},
    {"Ann <ann@example.org>", NULL, "in front of the @"},
    {"<ann@example.org>", NULL, "in front of the @"},
    {"ann@example.org>", NULL, "domain"},
    {"ann@example.org> SIZE=1", NULL, "domain"},
    {"\xC3\xA9va@example.org", NULL, "in front of the @"},
    {"ann\xEF\xBC\xA0"
     "example.org",
     NULL, "no @"}, /* a full-width @ */
    {"ann@example.org,bob@example.org", NULL, "domain"},
    {"ann@example.org;bob@example.org", NULL, "domain"},
    {"ann@example.org\r\nRCPT TO:<bob@example.org>", NULL, "domain"},
    {"ann\r\nDATA\r\n@example.org", NULL, "in front of the @"},
    {"ann@exa\nmple.org", NULL, "domain"},
    {"ann@exa\x7Fmple.org", NULL, "domain"},
    {"ann@exa\xE2\x80\xA8mple.org", NULL, "domain"}, /* a line separator */
    {"ann@exa\xFFmple.org", NULL, "domain"},         /* no UTF-8 */
    {"ann@ex\xC3", NULL, "domain"},
    {"ann%0aDATA@example.org%0a", NULL, "domain"},
    {"ann@xn--a.org", NULL, "domain"}, /* no Punycode of anything */
    {"ann@\xE2\x9C\x89.\xE2\x9C\x89\xEF\xB8\x8F ", NULL, "domain"},
};

static void one_by_one(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = NULL;
        const char *fault = outbound_address_read(&got, cases[i].text, pool);

        if (cases[i].want) {
            ok(!fault && strcmp(got, cases[i].want) == 0, "case %d is taken as %s", (int)i,
               cases[i].want);
            if (fault || strcmp(got, cases[i].want) != 0) {
                printf("# fault %s, got %s\n", fault ? fault : "none", fault ? "" : got);
            }
            ok(!fault && !crm360_mail_address_fault(got), "  and what comes of it passes again");
        }
        else {
            ok(fault && strstr(fault, cases[i].why), "case %d is refused: %s", (int)i,
               fault ? fault : "not at all");
        }
    }
}

static const char *of(char c, int count)
{
    char *text = apr_palloc(pool, (apr_size_t)count + 1);

    memset(text, c, (size_t)count);
    text[count] = '\0';
    return text;
}

/* The limits of RFC 5321 and of a label, at them and one over. */
static void lengths(void)
{
    const char *longest = apr_pstrcat(pool, of('l', 64), "@", of('a', 63), ".", of('b', 63), ".",
                                      of('c', 57), ".fr", NULL);
    const char *got;

    is_number((long long)strlen(longest), 253, "an address of 253 bytes");
    ok(!outbound_address_read(&got, longest, pool), "  is taken");
    ok(!outbound_address_read(&got, apr_pstrcat(pool, longest, "a", NULL), pool), "254 too");
    ok(outbound_address_read(&got, apr_pstrcat(pool, longest, "ab", NULL), pool) != NULL,
       "255 not");
    ok(outbound_address_read(&got, apr_pstrcat(pool, "l", of('l', 64), "@b.fr", NULL), pool) !=
           NULL,
       "65 bytes in front of the @ are too many");
    ok(outbound_address_read(&got, apr_pstrcat(pool, "l@", of('a', 64), ".fr", NULL), pool) != NULL,
       "a label of 64 too");
    ok(outbound_address_read(&got, apr_pstrcat(pool, of('l', 100000), "@b.fr", NULL), pool) != NULL,
       "100 kB in front of the @");
    ok(outbound_address_read(&got, apr_pstrcat(pool, "l@", of('a', 100000), NULL), pool) != NULL,
       "100 kB behind it");
    ok(outbound_address_read(&got, of('@', 100000), pool) != NULL, "100 kB of @");
}

static const char *listed(const char *text)
{
    apr_array_header_t *list;
    const char *fault = outbound_address_list(&list, text, pool);

    return fault ? fault : apr_array_pstrcat(pool, list, ' ');
}

static void lists(void)
{
    apr_array_header_t *list;
    char *many = "";
    int i;

    is_text(listed("ann@example.org"), "ann@example.org", "a list of one");
    is_text(listed("ann@example.org, bob@example.org;eve@m\xC3\xBCnchen.example"),
            "ann@example.org bob@example.org eve@xn--mnchen-3ya.example", "of three");
    is_text(listed(" ; ann@example.org;;, "), "ann@example.org", "empty places do no harm");
    is_text(listed("ann@example.org;ann@EXAMPLE.org;Ann@example.org"),
            "ann@example.org Ann@example.org", "each is there once");
    is_text(listed(""), "it is empty", "an empty list");
    is_text(listed(" , ;"), "it is empty", "and one of nothing");
    ok(strstr(listed("ann@example.org;bob"), "no @") != NULL, "one that is wrong spoils it");
    ok(strstr(listed("ann@example.org bob@example.org"), "domain") != NULL,
       "a blank does not part");
    for (i = 0; i < OUTBOUND_RECIPIENTS_MOST; i++) {
        many = apr_psprintf(pool, "%sa%d@example.org;", many, i);
    }
    ok(!outbound_address_list(&list, many, pool) && list->nelts == OUTBOUND_RECIPIENTS_MOST,
       "as many as are allowed");
    ok(strstr(listed(apr_pstrcat(pool, many, "b@example.org", NULL)), "more than 50") != NULL,
       "one more");
}

/* Whatever bytes come: a fault, or something that cannot end its place. */
static void random_bytes(void)
{
    static const char some[] = "ann@example.org@..--<>\"\r\n\t ,;:\\()[]%\xC3\xA9\xE3\x80\x82\xFF";
    int taken = 0, bad = 0, round, i;

    srand(20260301);
    for (round = 0; round < 100000; round++) {
        char text[24];
        int len = rand() % 23;
        const char *got;

        for (i = 0; i < len; i++) {
            text[i] = some[rand() % (int)(sizeof(some) - 1)];
        }
        text[len] = '\0';
        if (round % 2) {
            memcpy(text, "a@b", len < 3 ? (size_t)len : 3);
        }
        if (!outbound_address_read(&got, text, pool)) {
            taken++;
            bad += strcspn(got, "<>\"\r\n\t ,;:\\()[]\xC3\xFF") != strlen(got);
        }
        if (round % 1000 == 0) {
            apr_pool_clear(pool);
        }
    }
    ok(taken > 50, "of 100,000 random texts some are taken: %d", taken);
    is_number(bad, 0, "none with a character that means something elsewhere");
}

int main(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
    one_by_one();
    lengths();
    lists();
    random_bytes();
    apr_pool_destroy(pool);
    return tap_done();
}
