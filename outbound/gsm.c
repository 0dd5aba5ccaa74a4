/*
 * How long a text is as an SMS. Pure arithmetic on the default alphabet and its extension table
 * (3GPP TS 23.038, 6.2.1) and on UTF-16; what does not fit in one message is cut as TS 23.040,
 * 9.2.3.24.1 has it: each segment begins with six bytes that say which one it is. Must never count
 * less than a phone network does: somebody pays by it.
 */
#include "outbound/sms.h"

#include <string.h>

/* Units in a message of one segment, and in each of several. */
#define SEPTETS_ALONE 160
#define SEPTETS_EACH 153
#define UNITS_ALONE 70
#define UNITS_EACH 67

/* The default alphabet outside ASCII. */
static const unsigned short other_letters[] = {
    0xA1, 0xA3, 0xA4, 0xA5,  0xA7,  0xBF,  0xC4,  0xC5,  0xC6,  0xC7,  0xC9,  0xD1,  0xD6,
    0xD8, 0xDC, 0xDF, 0xE0,  0xE4,  0xE5,  0xE6,  0xE8,  0xE9,  0xEC,  0xF1,  0xF2,  0xF6,
    0xF8, 0xF9, 0xFC, 0x393, 0x394, 0x398, 0x39B, 0x39E, 0x3A0, 0x3A3, 0x3A6, 0x3A8, 0x3A9,
};

#define EURO 0x20AC

/* Septets of a character: 1, 2 when it needs the escape to the extension table, 0 when it is in
 * neither. */
static int septets_of(unsigned int point)
{
    size_t i;

    if (point < 0x80) {
        if (strchr("^{}\\[~]|\f", (int)point) && point) {
            return 2;
        }
        return (point >= ' ' && point < 0x7F && point != '`') || point == '\n' || point == '\r';
    }
    for (i = 0; i < sizeof(other_letters) / sizeof(other_letters[0]); i++) {
        if (other_letters[i] == point) {
            return 1;
        }
    }
    return point == EURO ? 2 : 0;
}

/* The character at *text, which moves behind it. A byte that is no UTF-8 counts as U+FFFD. */
static unsigned int next_point(const unsigned char **text)
{
    static const unsigned int least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = *text;
    unsigned int point = *s++;
    int more = point < 0xC0 ? 0 : point < 0xE0 ? 1 : point < 0xF0 ? 2 : point < 0xF8 ? 3 : 0;
    int i;

    *text = s;
    if (point < 0x80) {
        return point;
    }
    point &= 0x3FU >> more;
    for (i = 0; i < more; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0xFFFD;
        }
        point = point << 6 | (s[i] & 0x3F);
    }
    if (more == 0 || point < least[more] || point > 0x10FFFF) {
        return 0xFFFD;
    }
    *text = s + more;
    return point;
}

/* Counts the text in one of the two ways: its units, and how many segments of at most `each` units
 * it fills when no character is cut. 0 when a character is in neither table of GSM-7. */
static int count(outbound_length_t *length, const char *text, int is_gsm, int each)
{
    const unsigned char *s = (const unsigned char *)text;
    int in_segment = each; /* of the last segment; full: the next character begins one */

    length->units = 0;
    length->segments = 0;
    while (*s) {
        unsigned int point = next_point(&s);
        int units = is_gsm ? septets_of(point) : 1 + (point > 0xFFFF);

        if (units == 0) {
            return 0;
        }
        if (in_segment + units > each) {
            in_segment = 0;
            length->segments++;
        }
        in_segment += units;
        length->units += units;
    }
    return 1;
}

void outbound_sms_length(outbound_length_t *length, const char *text)
{
    int alone = SEPTETS_ALONE;

    length->encoding = "GSM-7";
    if (!count(length, text, 1, SEPTETS_EACH)) {
        length->encoding = "UCS-2";
        alone = UNITS_ALONE;
        (void)count(length, text, 0, UNITS_EACH);
    }
    if (length->units > 0 && length->units <= alone) {
        length->segments = 1;
    }
}
