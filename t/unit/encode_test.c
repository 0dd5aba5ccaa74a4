/*
 * Bytes as text: base64 that is exactly what would be written, and all that is not; hexadecimal
 * digits.
 */
#include "core/encode.h"

#include <apr_general.h>
#include <apr_strings.h>

#include <stdlib.h>
#include <string.h>

#include "t/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static apr_pool_t *pool;

/* RFC 4648 10, and what is not quite it. */
static void base64(void)
{
    static const char *const texts[] = {"Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char *const bad[] = {
        "",      "Zg",     "Zg=",  "Zg===", "Zh==", "Zm9=", "Zm8",    "Zm9v ",
        " Zm9v", "Zm9v\n", "Zm-_", "Z=g=",  "====", "=",    "Zm9vZg", "Zg==Zm9v"};
    const char *bytes;
    apr_size_t len;
    size_t i;

    for (i = 0; i < COUNT(texts); i++) {
        is_number(crm360_base64_read(&bytes, &len, texts[i], pool), APR_SUCCESS, texts[i]);
        is_text(bytes, apr_pstrmemdup(pool, "foobar", i + 1), "  its bytes");
        is_number((long long)len, (long long)i + 1, "  their number");
        is_text(crm360_base64_write(bytes, len, pool), texts[i], "  and back");
    }
    for (i = 0; i < COUNT(bad); i++) {
        is_number(crm360_base64_read(&bytes, &len, bad[i], pool), APR_EINVAL,
                  apr_psprintf(pool, "\"%s\" is refused", i == 9 ? "Zm9v\\n" : bad[i]));
    }
}

/* Each byte there is, and each character that is a digit. */
static void hexadecimal(void)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    unsigned char byte;
    char text[3];
    int i, values = 0, wrong = 0;

    for (i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        crm360_hex_write(text, &byte, 1);
        wrong +=
            strlen(text) != 2 || crm360_hex_value(text[0]) * 16 + crm360_hex_value(text[1]) != i;
        values += crm360_hex_value((char)i) >= 0;
    }
    is_number(wrong, 0, "each byte is written and read again");
    is_number(values, (long long)strlen(digits), "no other character is a digit");
    is_number(crm360_hex_value('F'), 15, "capitals are read");
    crm360_hex_write(text, (const unsigned char *)"\xAB", 1);
    is_text(text, "ab", "and not written");
}

int main(void)
{
    apr_initialize();
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    base64();
    hexadecimal();
    apr_pool_destroy(pool);
    return tap_done();
}
