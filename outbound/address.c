/*
 * Mail addresses as people and platforms write them, into the form that goes on the wire. A domain
 * in other letters becomes ASCII by IDNA2008 with the mapping of UTS #46, non-transitional; what
 * comes of it has to pass crm360_mail_address_fault() like any other. A local part in other letters
 * would need SMTPUTF8 (RFC 6531) all the way to the recipient and is refused.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <idn2.h>
#include <string.h>

#include "core/mail_address.h"
#include "outbound/mail.h"

/* Bytes of the longest text that is looked at: an address of 254, in letters of four bytes. */
#define TYPED_MOST 1020

/* The part of `text` between its white space. */
static const char *trimmed(const char *text, apr_size_t len, apr_pool_t *pool)
{
    while (len > 0 && apr_isspace(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && apr_isspace(text[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(pool, text, len);
}

static const char *read_one(const char **address, const char *text, apr_size_t len,
                            apr_pool_t *pool)
{
    const char *typed = trimmed(text, len, pool);
    const char *at = strchr(typed, '@');
    const char *fault;
    char *domain = NULL;

    if (*typed == '\0') {
        return "it is empty";
    }
    if (!at) {
        return "it has no @";
    }
    if (strlen(typed) > TYPED_MOST) {
        return "it is too long";
    }
    /* Plain ASCII takes the same way: xn-- is checked, and capitals become small. */
    if (idn2_to_ascii_8z(at + 1, &domain, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK) {
        return "the domain is no domain name";
    }
    *address =
        apr_pstrcat(pool, apr_pstrmemdup(pool, typed, (apr_size_t)(at + 1 - typed)), domain, NULL);
    idn2_free(domain);
    fault = crm360_mail_address_fault(*address);
    return fault;
}

const char *outbound_address_read(const char **address, const char *text, apr_pool_t *pool)
{
    return read_one(address, text, strlen(text), pool);
}

static int contains(const apr_array_header_t *addresses, const char *address)
{
    int i;

    for (i = 0; i < addresses->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(addresses, i, const char *), address) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *outbound_address_list(apr_array_header_t **addresses, const char *text,
                                  apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 2, sizeof(const char *));
    apr_size_t len;

    for (;; text += len + 1) {
        const char *address;
        const char *fault;

        len = strcspn(text, ",;");
        if (*trimmed(text, len, pool) != '\0') {
            fault = read_one(&address, text, len, pool);
            if (fault) {
                return fault;
            }
            if (!contains(list, address)) {
                APR_ARRAY_PUSH(list, const char *) = address;
            }
            if (list->nelts > OUTBOUND_RECIPIENTS_MOST) {
                return "there are more than 50 addresses";
            }
        }
        if (text[len] == '\0') {
            break;
        }
    }
    *addresses = list;
    return list->nelts > 0 ? NULL : "it is empty";
}
