/*
 * UTF-8 to norm letters, by ranges of code points. Must never change what its own output says:
 * capitals, digits and single blanks come out as they went in.
 */
#include "crm/postal_letters.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "crm/postal.h"

#define MOST_OUT 4 /* bytes that one code point becomes: " ET " */

typedef struct range_t {
    apr_uint32_t first, last;
    const char *letters; /* "" = left out without a gap */
} range_t;

/* Sorted. Latin-1, Latin Extended-A, a little of -B, Latin Extended Additional, and what
 * typesetters and keyboards put into words. */
static const range_t ranges[] = {
    {0xAD, 0xAD, ""},       {0xB2, 0xB2, "2"},      {0xB3, 0xB3, "3"},      {0xB9, 0xB9, "1"},
    {0xC0, 0xC5, "A"},      {0xC6, 0xC6, "AE"},     {0xC7, 0xC7, "C"},      {0xC8, 0xCB, "E"},
    {0xCC, 0xCF, "I"},      {0xD0, 0xD0, "D"},      {0xD1, 0xD1, "N"},      {0xD2, 0xD6, "O"},
    {0xD8, 0xD8, "O"},      {0xD9, 0xDC, "U"},      {0xDD, 0xDD, "Y"},      {0xDE, 0xDE, "TH"},
    {0xDF, 0xDF, "SS"},     {0xE0, 0xE5, "A"},      {0xE6, 0xE6, "AE"},     {0xE7, 0xE7, "C"},
    {0xE8, 0xEB, "E"},      {0xEC, 0xEF, "I"},      {0xF0, 0xF0, "D"},      {0xF1, 0xF1, "N"},
    {0xF2, 0xF6, "O"},      {0xF8, 0xF8, "O"},      {0xF9, 0xFC, "U"},      {0xFD, 0xFD, "Y"},
    {0xFE, 0xFE, "TH"},     {0xFF, 0xFF, "Y"},      {0x100, 0x105, "A"},    {0x106, 0x10D, "C"},
    {0x10E, 0x111, "D"},    {0x112, 0x11B, "E"},    {0x11C, 0x123, "G"},    {0x124, 0x127, "H"},
    {0x128, 0x131, "I"},    {0x132, 0x133, "IJ"},   {0x134, 0x135, "J"},    {0x136, 0x138, "K"},
    {0x139, 0x142, "L"},    {0x143, 0x14B, "N"},    {0x14C, 0x151, "O"},    {0x152, 0x153, "OE"},
    {0x154, 0x159, "R"},    {0x15A, 0x161, "S"},    {0x162, 0x167, "T"},    {0x168, 0x173, "U"},
    {0x174, 0x175, "W"},    {0x176, 0x178, "Y"},    {0x179, 0x17E, "Z"},    {0x17F, 0x17F, "S"},
    {0x1A0, 0x1A1, "O"},    {0x1AF, 0x1B0, "U"},    {0x1CD, 0x1CE, "A"},    {0x1CF, 0x1D0, "I"},
    {0x1D1, 0x1D2, "O"},    {0x1D3, 0x1DC, "U"},    {0x218, 0x219, "S"},    {0x21A, 0x21B, "T"},
    {0x300, 0x36F, ""},     {0x1E00, 0x1E01, "A"},  {0x1E02, 0x1E07, "B"},  {0x1E08, 0x1E09, "C"},
    {0x1E0A, 0x1E13, "D"},  {0x1E14, 0x1E1D, "E"},  {0x1E1E, 0x1E1F, "F"},  {0x1E20, 0x1E21, "G"},
    {0x1E22, 0x1E2B, "H"},  {0x1E2C, 0x1E2F, "I"},  {0x1E30, 0x1E35, "K"},  {0x1E36, 0x1E3D, "L"},
    {0x1E3E, 0x1E43, "M"},  {0x1E44, 0x1E4B, "N"},  {0x1E4C, 0x1E53, "O"},  {0x1E54, 0x1E57, "P"},
    {0x1E58, 0x1E5F, "R"},  {0x1E60, 0x1E69, "S"},  {0x1E6A, 0x1E71, "T"},  {0x1E72, 0x1E7B, "U"},
    {0x1E7C, 0x1E7F, "V"},  {0x1E80, 0x1E89, "W"},  {0x1E8A, 0x1E8D, "X"},  {0x1E8E, 0x1E8F, "Y"},
    {0x1E90, 0x1E95, "Z"},  {0x1E96, 0x1E96, "H"},  {0x1E97, 0x1E97, "T"},  {0x1E98, 0x1E98, "W"},
    {0x1E99, 0x1E99, "Y"},  {0x1E9A, 0x1E9A, "A"},  {0x1E9B, 0x1E9D, "S"},  {0x1E9E, 0x1E9E, "SS"},
    {0x1EA0, 0x1EB7, "A"},  {0x1EB8, 0x1EC7, "E"},  {0x1EC8, 0x1ECB, "I"},  {0x1ECC, 0x1EE3, "O"},
    {0x1EE4, 0x1EF1, "U"},  {0x1EF2, 0x1EF9, "Y"},  {0x200B, 0x200F, ""},   {0x2060, 0x2060, ""},
    {0xFB00, 0xFB00, "FF"}, {0xFB01, 0xFB01, "FI"}, {0xFB02, 0xFB02, "FL"}, {0xFEFF, 0xFEFF, ""},
};

/* Where letters are that have no norm letter; sorted. */
static const struct {
    apr_uint32_t first, last;
} others[] = {
    {0x180, 0x2AF},   {0x370, 0x1FFF},  {0x2C00, 0x2DFF}, {0x3040, 0xD7FF},   {0xF900, 0xFAFF},
    {0xFB03, 0xFDFF}, {0xFE70, 0xFEFE}, {0xFF21, 0xFFDC}, {0x10000, 0x1EFFF}, {0x20000, 0x3FFFF},
};

/* The length of the UTF-8 sequence at `from`, 0 when it is none (RFC 3629). */
static int sequence_length(const unsigned char *from)
{
    int length = *from < 0x80   ? 1
                 : *from < 0xC2 ? 0
                 : *from < 0xE0 ? 2
                 : *from < 0xF0 ? 3
                 : *from < 0xF5 ? 4
                                : 0;
    int i;

    for (i = 1; i < length; i++) {
        if ((from[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((*from == 0xE0 && from[1] < 0xA0) || (*from == 0xED && from[1] > 0x9F) ||
        (*from == 0xF0 && from[1] < 0x90) || (*from == 0xF4 && from[1] > 0x8F)) {
        return 0;
    }
    return length;
}

/* The code point at *text, which moves behind it. A byte that is no UTF-8 stands for itself. */
static apr_uint32_t next_point(const char **text)
{
    const unsigned char *from = (const unsigned char *)*text;
    int length = sequence_length(from);
    apr_uint32_t point;
    int i;

    *text += length ? length : 1;
    if (length < 2) {
        return *from;
    }
    point = *from & (0xFF >> (length + 1));
    for (i = 1; i < length; i++) {
        point = point << 6 | (from[i] & 0x3F);
    }
    return point;
}

/* What a code point beyond ASCII is in norm letters; NULL = nothing. */
static const char *letters_of(apr_uint32_t point)
{
    size_t low = 0, high = sizeof(ranges) / sizeof(ranges[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (point > ranges[middle].last) {
            low = middle + 1;
        }
        else if (point < ranges[middle].first) {
            high = middle;
        }
        else {
            return ranges[middle].letters;
        }
    }
    return NULL;
}

static int is_other_script(apr_uint32_t point)
{
    size_t i;

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (point >= others[i].first && point <= others[i].last) {
            return 1;
        }
    }
    return 0;
}

/* The mark a code point leaves between words. A hyphen or a slash separates parts only when it
 * stands free; `free` says that a blank was before, `next` is what comes. */
static char mark_of(apr_uint32_t point, int free, char next)
{
    if (point == ',' || point == ';' || point == '\n' || point == '\r' || point == '|') {
        return CRM_POSTAL_HARD_MARK;
    }
    if (point == '(' || point == ')' || point == '[' || point == ']' || point == 0x2022) {
        return CRM_POSTAL_SOFT_MARK;
    }
    if ((point == '-' || point == '/' || point == 0x2013 || point == 0x2014) && free &&
        (next == ' ' || next == '\0')) {
        return CRM_POSTAL_SOFT_MARK;
    }
    return ' ';
}

/* The stronger of two marks. */
static char stronger(char one, char other)
{
    if (one == CRM_POSTAL_HARD_MARK || other == CRM_POSTAL_HARD_MARK) {
        return CRM_POSTAL_HARD_MARK;
    }
    return one == CRM_POSTAL_SOFT_MARK ? one : other;
}

/* `text` in norm letters; words are separated by blanks, and with `marked` by marks. */
static char *convert(const char *text, int marked, int *other_script, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, (strlen(text) + 1) * MOST_OUT);
    char gap = '\0'; /* owed before the next letter */
    char ascii[2] = "";
    size_t n = 0;

    while (*text) {
        apr_uint32_t point = next_point(&text);
        const char *letters = NULL;

        if (point < 0x80 && apr_isalnum((char)point)) {
            ascii[0] = (char)apr_toupper((char)point);
            letters = ascii;
        }
        else if (point >= 0x80) {
            letters = letters_of(point);
        }
        if (point == '&') {
            gap = stronger(gap, ' ');
            letters = "ET";
        }
        else if (!letters) {
            *other_script |= is_other_script(point);
            gap = stronger(gap, marked ? mark_of(point, gap || n == 0, *text) : ' ');
            continue;
        }
        if (*letters && gap && n > 0) {
            out[n++] = gap;
        }
        gap = *letters ? '\0' : gap;
        memcpy(out + n, letters, strlen(letters));
        n += strlen(letters);
        if (point == '&') {
            gap = ' ';
        }
    }
    out[n] = '\0';
    return out;
}

const char *crm_postal_letters(const char *text, apr_pool_t *pool)
{
    int other_script = 0;

    return text ? convert(text, 0, &other_script, pool) : "";
}

char *crm_postal_letters_marked(const char *text, int *other_script, apr_pool_t *pool)
{
    *other_script = 0;
    return convert(text, 1, other_script, pool);
}

/* Bytes of white space at `text`: ASCII controls and blanks, or a no-break space. */
static int space_at(const char *text)
{
    if ((unsigned char)*text <= ' ' && *text) {
        return 1;
    }
    return (unsigned char)text[0] == 0xC2 && (unsigned char)text[1] == 0xA0 ? 2 : 0;
}

const char *crm_postal_trim(const char *text, apr_pool_t *pool)
{
    size_t length;

    if (!text) {
        return NULL;
    }
    while (space_at(text)) {
        text += space_at(text);
    }
    for (length = strlen(text); length > 0;) {
        if (space_at(text + length - 1) == 1) {
            length--;
        }
        else if (length > 1 && space_at(text + length - 2) == 2) {
            length -= 2;
        }
        else {
            break;
        }
    }
    return length > 0 ? apr_pstrmemdup(pool, text, length) : NULL;
}

/* The capital of a small letter of Latin-1 or Latin Extended-A, else the point itself. */
static apr_uint32_t capital_of(apr_uint32_t point)
{
    if (point < 0x80) {
        return (apr_uint32_t)apr_toupper((char)point);
    }
    if (point >= 0xE0 && point <= 0xFE && point != 0xF7) {
        return point - 0x20;
    }
    if (point == 0xFF) {
        return 0x178;
    }
    if ((point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17E)) {
        return point % 2 ? point : point - 1;
    }
    if ((point >= 0x100 && point <= 0x137 && point != 0x131) ||
        (point >= 0x14A && point <= 0x177)) {
        return point % 2 ? point - 1 : point;
    }
    return point;
}

const char *crm_postal_capitals(const char *text, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, strlen(text) * 2 + 1);
    size_t n = 0;

    while (*text) {
        const char *start = text;
        int length = sequence_length((const unsigned char *)start);
        apr_uint32_t point = next_point(&text);

        if (length == 2 && point == 0xDF) {
            out[n++] = 'S';
            out[n++] = 'S';
        }
        else if (length == 2) {
            point = capital_of(point);
            out[n++] = (char)(0xC0 | point >> 6);
            out[n++] = (char)(0x80 | (point & 0x3F));
        }
        else if (length == 1) {
            out[n++] = (char)capital_of(point);
        }
        else {
            memcpy(out + n, start, (size_t)(text - start));
            n += (size_t)(text - start);
        }
    }
    out[n] = '\0';
    return out;
}
