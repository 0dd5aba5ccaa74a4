/*
 * Numbers and STOP words of SMS gateways (see sms.h). Must never take a reply for a STOP because a
 * word only resembles it, nor miss one because of its spelling: both are somebody's consent.
 */
#include "handlers/sms.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "outbound/phone.h"

/* ---- numbers ---- */

const char *handler_sms_number(const char *text, int is_international, apr_pool_t *pool)
{
    const char *prefixed = *text >= '1' && *text <= '9' ? apr_pstrcat(pool, "+", text, NULL) : text;
    outbound_phone_t phone;

    if (outbound_phone_parse(&phone, is_international ? prefixed : text, NULL) != APR_SUCCESS &&
        outbound_phone_parse(&phone, is_international ? text : prefixed, NULL) != APR_SUCCESS) {
        return NULL;
    }
    return apr_pstrdup(pool, phone.e164);
}

void handler_sms_address(handler_report_t *report, const char *number, int is_international,
                         apr_pool_t *pool)
{
    report->event.channel = CRM_CHANNEL_SMS;
    report->event.address_kind = CRM_POINT_PHONE;
    report->event.address = number ? handler_sms_number(number, is_international, pool) : NULL;
    report->is_unreadable = !report->event.address;
}

/* ---- STOP ---- */

/* Letters with accents by their code points, each range one letter in both cases. */
static const struct {
    unsigned int first;
    unsigned int last;
    char letter;
} accented[] = {
    {0xD2, 0xD6, 'O'},   {0xD8, 0xD8, 'O'},   {0xF2, 0xF6, 'O'},
    {0xF8, 0xF8, 'O'},   {0x14C, 0x151, 'O'}, {0x15A, 0x161, 'S'},
    {0x218, 0x219, 'S'}, {0x162, 0x167, 'T'}, {0x21A, 0x21B, 'T'},
};

#define OTHER_LETTER '?'
#define NO_LETTER '\0'

/* The letter at *text, which moves behind it and its combining accents: A to Z, OTHER_LETTER, or
 * NO_LETTER for what is none. */
static char next_letter(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    unsigned int point = 0;
    char letter = NO_LETTER;
    size_t i;

    /* All of them have two bytes. */
    if (s[0] >= 0xC2 && s[0] <= 0xDF && (s[1] & 0xC0) == 0x80) {
        point = (unsigned int)((s[0] & 0x1F) << 6 | (s[1] & 0x3F));
        letter = point >= 0xC0 && point != 0xD7 && point != 0xF7 ? OTHER_LETTER : NO_LETTER;
        s++;
    }
    else if (s[0] < 0x80 && apr_isalpha(s[0])) {
        letter = (char)apr_toupper(s[0]);
    }
    for (i = 0; i < sizeof(accented) / sizeof(accented[0]); i++) {
        if (point >= accented[i].first && point <= accented[i].last) {
            letter = accented[i].letter;
        }
    }
    s++;
    /* U+0300 to U+036F stand behind their letter. */
    while ((s[0] == 0xCC && (s[1] & 0xC0) == 0x80) ||
           (s[0] == 0xCD && s[1] >= 0x80 && s[1] < 0xB0)) {
        s += 2;
    }
    *text = (const char *)s;
    return letter;
}

int handler_sms_says_stop(const char *text, int prefix)
{
    static const char word[] = "STOP";
    char letter = NO_LETTER;
    int i;

    while (text && *text && !apr_isdigit(*text) && letter == NO_LETTER) {
        letter = next_letter(&text);
    }
    for (i = 0; word[i]; i++) {
        if (letter != word[i]) {
            return 0;
        }
        letter = *text ? next_letter(&text) : NO_LETTER;
    }
    return prefix || letter == NO_LETTER;
}
