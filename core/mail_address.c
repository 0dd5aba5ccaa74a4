/*
 * Mail addresses as they may go on a wire. Whatever passes here is put between "<" and ">" of an
 * SMTP command and into header fields as it is, so nothing may pass that ends either.
 */
#include "core/mail_address.h"

#include <apr_lib.h>

#include <string.h>

#define LOCAL_MOST 64
#define LABEL_MOST 63
#define ADDRESS_MOST 254

static int is_ascii_alnum(char c)
{
    return apr_isascii(c) && apr_isalnum(c);
}

/* atext of RFC 5322 3.2.3 in parts with single dots between them. */
static int is_dot_atom(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (i == 0 || i + 1 == len || text[i - 1] == '.') {
                return 0;
            }
        }
        else if (!is_ascii_alnum(text[i]) && !strchr("!#$%&'*+-/=?^_`{|}~", text[i])) {
            return 0;
        }
    }
    return len > 0;
}

/* Letters, digits and, inside, hyphens. */
static int is_label(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!is_ascii_alnum(text[i]) && (text[i] != '-' || i == 0 || i + 1 == len)) {
            return 0;
        }
    }
    return len > 0 && len <= LABEL_MOST;
}

const char *crm360_mail_address_fault(const char *text)
{
    const char *at = strchr(text, '@');
    const char *label = at ? at + 1 : NULL;
    size_t len = 0;

    if (!at) {
        return "it has no @";
    }
    if ((size_t)(at - text) > LOCAL_MOST || strlen(text) > ADDRESS_MOST) {
        return "it is too long";
    }
    if (!is_dot_atom(text, (size_t)(at - text))) {
        return "the part in front of the @ is not made of plain characters and single dots";
    }
    for (;; label += len + 1) {
        len = strcspn(label, ".");
        if (!is_label(label, len)) {
            return "the domain is not made of labels of letters, digits and inner hyphens";
        }
        if (label[len] == '\0') {
            break;
        }
    }
    if (label == at + 1) {
        return "the domain has no dot";
    }
    return strspn(label, "0123456789") == len ? "the domain ends in a number" : NULL;
}

int crm360_mail_address_ok(const char *text)
{
    return crm360_mail_address_fault(text) == NULL;
}
