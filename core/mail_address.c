/* The grammar of mail addresses (see mail_address.h). Must never take a control character. */
#include "core/mail_address.h"

#include <apr.h>

#include <string.h>

static int is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Parts of 1 to 63 characters parted by single dots; returns how many, 0 when malformed. */
static int count_parts(const char *text, apr_size_t len, const char *also)
{
    apr_size_t i, part = 0;
    int parts = 1;

    for (i = 0; i < len; i++) {
        if (text[i] == '.') {
            if (part == 0) {
                return 0;
            }
            parts++;
            part = 0;
        }
        else if ((!is_alphanumeric(text[i]) && !strchr(also, text[i])) || ++part > 63) {
            return 0;
        }
    }
    return part > 0 ? parts : 0;
}

int crm360_mail_address_ok(const char *text)
{
    const char *at = strchr(text, '@');
    apr_size_t local = at ? (apr_size_t)(at - text) : 0;
    apr_size_t domain = at ? strlen(at + 1) : 0;

    return at && local <= 64 && local + domain <= 253 &&
           count_parts(text, local, "!#$%&'*+-/=?^_`{|}~") > 0 &&
           count_parts(at + 1, domain, "-") > 1 && at[1] != '-' && at[domain] != '-' &&
           !strstr(at, "-.") && !strstr(at, ".-");
}
