/* How long texts are as SMS: alphabets, characters that count double, and where segments end. */
#include "outbound/sms.h"

#include <stdlib.h>

#include "t/unit/tap.h"

#define A_ACUTE_IN_TWO "e\xCC\x81" /* e, and a combining acute accent */
#define EURO "\xE2\x82\xAC"
#define E_ACUTE "\xC3\xA9"
#define E_CIRCUMFLEX "\xC3\xAA"
#define SMILE "\xF0\x9F\x98\x80"

/* `before` times `first`, then `middle`, then `after` times `first`. */
static const struct {
    const char *name;
    int before;
    const char *first;
    const char *middle;
    int after;
    const char *encoding;
    int units;
    int segments;
} cases[] = {
    {"nothing", 0, "", "", 0, "GSM-7", 0, 0},
    {"one letter", 1, "a", "", 0, "GSM-7", 1, 1},
    {"a sentence", 0, "", "Mon SMS", 0, "GSM-7", 7, 1},
    {"line ends", 0, "", "a\r\nb\nc", 0, "GSM-7", 6, 1},
    {"euro", 0, "", "10 " EURO, 0, "GSM-7", 5, 1},
    {"square brackets", 0, "", "[a]", 0, "GSM-7", 5, 1},
    {"all of the extension table", 0, "", "\f^{}\\[~]|" EURO, 0, "GSM-7", 20, 1},
    {"ASCII without the backtick", 0, "",
     " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", 0,
     "GSM-7", 86, 1},
    {"backtick", 0, "", "`", 0, "UCS-2", 1, 1},
    {"tab", 0, "", "a\tb", 0, "UCS-2", 3, 1},
    {"delete", 0, "", "\x7F", 0, "UCS-2", 1, 1},
    {"pound, dollar, yen, currency", 0, "", "\xC2\xA3$\xC2\xA5\xC2\xA4", 0, "GSM-7", 4, 1},
    {"letters of western languages", 0, "",
     "\xC3\xA8\xC3\xA9\xC3\xB9\xC3\xAC\xC3\xB2\xC3\x87\xC3\x98\xC3\xB8\xC3\x85\xC3\xA5\xC3\x86"
     "\xC3\xA6\xC3\x9F\xC3\x89\xC3\x84\xC3\x96\xC3\x91\xC3\x9C\xC3\xA4\xC3\xB6\xC3\xB1\xC3\xBC"
     "\xC3\xA0",
     0, "GSM-7", 23, 1},
    {"signs", 0, "", "\xC2\xA1\xC2\xBF\xC2\xA7", 0, "GSM-7", 3, 1},
    {"Greek capitals that look like no Latin one", 0, "",
     "\xCE\x94\xCE\xA6\xCE\x93\xCE\x9B\xCE\xA9\xCE\xA0\xCE\xA8\xCE\xA3\xCE\x98\xCE\x9E", 0, "GSM-7",
     10, 1},
    {"a small Greek letter", 0, "", "\xCE\xB1", 0, "UCS-2", 1, 1},
    {"e acute", 0, "", E_ACUTE, 0, "GSM-7", 1, 1},
    {"e circumflex", 0, "", E_CIRCUMFLEX, 0, "UCS-2", 1, 1},
    {"c cedilla: only the capital is there", 0, "", "\xC3\xA7", 0, "UCS-2", 1, 1},
    {"no-break blank", 0, "", "a\xC2\xA0!", 0, "UCS-2", 3, 1},
    {"typographic apostrophe", 0, "", "l\xE2\x80\x99" E_ACUTE, 0, "UCS-2", 3, 1},
    {"a combining accent", 0, "", A_ACUTE_IN_TWO, 0, "UCS-2", 2, 1},
    {"emoji", 0, "", SMILE, 0, "UCS-2", 2, 1},
    {"one letter outside makes all of it UCS-2", 0, "", EURO E_CIRCUMFLEX, 0, "UCS-2", 2, 1},
    {"wrong bytes", 0, "", "a\xFF\xC3", 0, "UCS-2", 3, 1},
    {"wrong sequences", 0, "", "\xC0\x80\xF5\x80\x80\x80", 0, "UCS-2", 6, 1},
    {"160 letters", 160, "a", "", 0, "GSM-7", 160, 1},
    {"161 letters", 161, "a", "", 0, "GSM-7", 161, 2},
    {"160 with a euro", 158, "a", EURO, 0, "GSM-7", 160, 1},
    {"161 with a euro", 159, "a", EURO, 0, "GSM-7", 161, 2},
    {"2 * 153", 306, "a", "", 0, "GSM-7", 306, 2},
    {"2 * 153 + 1", 307, "a", "", 0, "GSM-7", 307, 3},
    {"3 * 153", 459, "a", "", 0, "GSM-7", 459, 3},
    {"8 * 153", 1224, "a", "", 0, "GSM-7", 1224, 8},
    {"8 * 153 + 1", 1225, "a", "", 0, "GSM-7", 1225, 9},
    {"a euro up to the end of a segment", 151, "a", EURO, 153, "GSM-7", 306, 2},
    {"a euro over the end of a segment", 152, "a", EURO, 151, "GSM-7", 305, 2},
    {"a euro over the end of a segment moves the rest", 152, "a", EURO, 152, "GSM-7", 306, 3},
    {"70 units", 70, E_CIRCUMFLEX, "", 0, "UCS-2", 70, 1},
    {"71 units", 71, E_CIRCUMFLEX, "", 0, "UCS-2", 71, 2},
    {"70 units with an emoji", 68, E_CIRCUMFLEX, SMILE, 0, "UCS-2", 70, 1},
    {"71 units with an emoji", 69, E_CIRCUMFLEX, SMILE, 0, "UCS-2", 71, 2},
    {"2 * 67", 134, E_CIRCUMFLEX, "", 0, "UCS-2", 134, 2},
    {"2 * 67 + 1", 135, E_CIRCUMFLEX, "", 0, "UCS-2", 135, 3},
    {"8 * 67", 536, E_CIRCUMFLEX, "", 0, "UCS-2", 536, 8},
    {"8 * 67 + 1", 537, E_CIRCUMFLEX, "", 0, "UCS-2", 537, 9},
    {"an emoji over the end of a segment", 66, E_CIRCUMFLEX, SMILE, 65, "UCS-2", 133, 2},
    {"an emoji over the end of a segment moves the rest", 66, E_CIRCUMFLEX, SMILE, 66, "UCS-2", 134,
     3},
};

static char *repeat(char *at, int times, const char *text)
{
    while (times-- > 0) {
        memcpy(at, text, strlen(text));
        at += strlen(text);
    }
    return at;
}

int main(void)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[4096];
        char *at = repeat(text, cases[i].before, cases[i].first);
        outbound_length_t length;

        at = repeat(at, 1, cases[i].middle);
        *repeat(at, cases[i].after, cases[i].first) = '\0';
        outbound_sms_length(&length, text);
        ok(strcmp(length.encoding, cases[i].encoding) == 0 && length.units == cases[i].units &&
               length.segments == cases[i].segments,
           "%s: %s, %d units, %d segments", cases[i].name, length.encoding, length.units,
           length.segments);
    }
    return tap_done();
}
