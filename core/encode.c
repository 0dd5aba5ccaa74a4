/* Hexadecimal digits and base64. APR's own base64 takes more than is written: it is asked twice. */
#include "core/encode.h"

#include <apr_encode.h>
#include <apr_lib.h>

#include <string.h>

int crm360_hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

void crm360_hex_write(char *text, const unsigned char *bytes, apr_size_t len)
{
    static const char digits[] = "0123456789abcdef";
    apr_size_t i;

    for (i = 0; i < len; i++) {
        *text++ = digits[bytes[i] >> 4];
        *text++ = digits[bytes[i] & 15];
    }
    *text = '\0';
}

apr_ssize_t crm360_base64_bytes(const char *text, apr_size_t len)
{
    apr_size_t padding = 0, i;

    while (padding < 2 && padding < len && text[len - 1 - padding] == '=') {
        padding++;
    }
    for (i = 0; i < len - padding; i++) {
        if (!apr_isalnum(text[i]) && text[i] != '+' && text[i] != '/') {
            return -1;
        }
    }
    return len % 4 == 0 ? (apr_ssize_t)(len / 4 * 3 - padding) : -1;
}

const char *crm360_base64_write(const char *bytes, apr_size_t len, apr_pool_t *pool)
{
    return apr_pencode_base64(pool, bytes, (apr_ssize_t)len, APR_ENCODE_NONE, NULL);
}

apr_status_t crm360_base64_read(const char **bytes, apr_size_t *len, const char *text,
                                apr_pool_t *pool)
{
    apr_ssize_t text_len = (apr_ssize_t)strlen(text);

    if (crm360_base64_bytes(text, (apr_size_t)text_len) <= 0) {
        return APR_EINVAL;
    }
    *bytes = apr_pdecode_base64(pool, text, text_len, APR_ENCODE_NONE, len);
    return *bytes && strcmp(crm360_base64_write(*bytes, *len, pool), text) == 0 ? APR_SUCCESS
                                                                                : APR_EINVAL;
}
