/*
 * HTML to text, in one pass. What comes out is never longer than what went in, but for a few bytes:
 * a line feed or "- " stands for a tag that was longer, a letter for its entity.
 */
#include "outbound/html_text.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#define NAME_MOST 16   /* bytes of the longest tag or entity name that is known */
#define LINK_SCHEMES 4 /* whose addresses are of use to a reader */

typedef struct page_t {
    const char *at; /* what is still to be read */
    char *text;     /* what has been written */
    apr_size_t len;
    apr_size_t room;
    int breaks;       /* line feeds owed before the next character */
    int blank;        /* a blank is owed */
    const char *link; /* address of the link that is open; NULL = none */
    apr_size_t link_from;
    apr_pool_t *pool;
} page_t;

static const struct {
    const char *name;
    int code;
} entities[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},       {"quot", '"'},
    {"apos", '\''},     {"nbsp", ' '},      {"ensp", ' '},     {"emsp", ' '},
    {"thinsp", ' '},    {"shy", 0xAD},      {"copy", 0xA9},    {"reg", 0xAE},
    {"trade", 0x2122},  {"euro", 0x20AC},   {"pound", 0xA3},   {"cent", 0xA2},
    {"deg", 0xB0},      {"sect", 0xA7},     {"para", 0xB6},    {"middot", 0xB7},
    {"bull", 0x2022},   {"hellip", 0x2026}, {"ndash", 0x2013}, {"mdash", 0x2014},
    {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201A}, {"ldquo", 0x201C},
    {"rdquo", 0x201D},  {"bdquo", 0x201E},  {"laquo", 0xAB},   {"raquo", 0xBB},
    {"lsaquo", 0x2039}, {"rsaquo", 0x203A}, {"times", 0xD7},   {"plusmn", 0xB1},
    {"frac12", 0xBD},   {"frac14", 0xBC},   {"sup2", 0xB2},    {"sup3", 0xB3},
    {"ordm", 0xBA},     {"ordf", 0xAA},     {"micro", 0xB5},   {"iexcl", 0xA1},
    {"iquest", 0xBF},   {"rarr", 0x2192},   {"larr", 0x2190},  {"zwnj", 0x200C},
    {"agrave", 0xE0},   {"aacute", 0xE1},   {"acirc", 0xE2},   {"atilde", 0xE3},
    {"auml", 0xE4},     {"aring", 0xE5},    {"aelig", 0xE6},   {"ccedil", 0xE7},
    {"egrave", 0xE8},   {"eacute", 0xE9},   {"ecirc", 0xEA},   {"euml", 0xEB},
    {"igrave", 0xEC},   {"iacute", 0xED},   {"icirc", 0xEE},   {"iuml", 0xEF},
    {"ntilde", 0xF1},   {"ograve", 0xF2},   {"oacute", 0xF3},  {"ocirc", 0xF4},
    {"otilde", 0xF5},   {"ouml", 0xF6},     {"oslash", 0xF8},  {"ugrave", 0xF9},
    {"uacute", 0xFA},   {"ucirc", 0xFB},    {"uuml", 0xFC},    {"yacute", 0xFD},
    {"yuml", 0xFF},     {"szlig", 0xDF},    {"oelig", 0x153},  {"OElig", 0x152},
    {"Agrave", 0xC0},   {"Aacute", 0xC1},   {"Acirc", 0xC2},   {"Atilde", 0xC3},
    {"Auml", 0xC4},     {"Aring", 0xC5},    {"AElig", 0xC6},   {"Ccedil", 0xC7},
    {"Egrave", 0xC8},   {"Eacute", 0xC9},   {"Ecirc", 0xCA},   {"Euml", 0xCB},
    {"Icirc", 0xCE},    {"Iuml", 0xCF},     {"Ntilde", 0xD1},  {"Ocirc", 0xD4},
    {"Ouml", 0xD6},     {"Ugrave", 0xD9},   {"Ucirc", 0xDB},   {"Uuml", 0xDC},
};

/* Line feeds around a block; what is not listed runs on in its line. */
static const struct {
    const char *name;
    int breaks;
} blocks[] = {
    {"p", 2},      {"h1", 2},      {"h2", 2},      {"h3", 2},         {"h4", 2},      {"h5", 2},
    {"h6", 2},     {"ul", 2},      {"ol", 2},      {"blockquote", 2}, {"table", 2},   {"pre", 2},
    {"hr", 2},     {"div", 1},     {"tr", 1},      {"li", 1},         {"section", 1}, {"header", 1},
    {"footer", 1}, {"article", 1}, {"address", 1}, {"center", 1},     {"dl", 1},      {"dt", 1},
    {"dd", 1},     {"form", 1},    {"nav", 1},     {"main", 1},       {"caption", 1}, {"body", 1},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void put_byte(page_t *page, char c)
{
    if (page->len < page->room) {
        page->text[page->len++] = c;
    }
}

/* Pays what is owed; nothing is owed at the beginning. */
static void settle(page_t *page)
{
    for (; page->len > 0 && page->breaks > 0; page->breaks--) {
        put_byte(page, '\n');
        page->blank = 0;
    }
    if (page->len > 0 && page->blank) {
        put_byte(page, ' ');
    }
    page->breaks = page->blank = 0;
}

static void put_char(page_t *page, char c)
{
    if (apr_isascii(c) && (apr_isspace(c) || apr_iscntrl(c))) {
        page->blank = 1;
        return;
    }
    settle(page);
    put_byte(page, c);
}

static void put_text(page_t *page, const char *text)
{
    for (; *text; text++) {
        put_char(page, *text);
    }
}

static void owe_breaks(page_t *page, int breaks)
{
    if (page->breaks < breaks) {
        page->breaks = breaks;
    }
}

/* A code point as UTF-8, NUL-terminated; one that is none is U+FFFD. */
static void encode(char utf8[5], long code)
{
    if (code >= 0x110000 || (code >= 0xD800 && code < 0xE000)) {
        code = 0xFFFD;
    }
    if (code < 0x80) {
        utf8[0] = code < 0x20 || code == 0x7F ? ' ' : (char)code;
        utf8[1] = '\0';
        return;
    }
    memset(utf8, 0, 5);
    if (code < 0x800) {
        utf8[0] = (char)(0xC0 | code >> 6);
        utf8[1] = (char)(0x80 | (code & 0x3F));
    }
    else if (code < 0x10000) {
        utf8[0] = (char)(0xE0 | code >> 12);
        utf8[1] = (char)(0x80 | (code >> 6 & 0x3F));
        utf8[2] = (char)(0x80 | (code & 0x3F));
    }
    else {
        utf8[0] = (char)(0xF0 | code >> 18);
        utf8[1] = (char)(0x80 | (code >> 12 & 0x3F));
        utf8[2] = (char)(0x80 | (code >> 6 & 0x3F));
        utf8[3] = (char)(0x80 | (code & 0x3F));
    }
}

/* "#233;" or "#xE9;": the code point, -1 when it is none. *len is how far it goes. */
static long read_number(apr_size_t *len, const char *text)
{
    int base = text[1] == 'x' || text[1] == 'X' ? 16 : 10;
    const char *digits = text + (base == 16 ? 2 : 1);
    const char *c;
    long code = 0;

    for (c = digits; base == 16 ? apr_isxdigit(*c) : apr_isdigit(*c); c++) {
        int digit = apr_isdigit(*c) ? *c - '0' : (*c | 0x20) - 'a' + 10;

        code = code >= 0x110000 ? code : code * base + digit;
    }
    *len = (apr_size_t)(c - text) + (*c == ';');
    return c > digits ? code : -1;
}

/* What `text`, which stands behind an "&", means; how many bytes of it that took. 0: it is only an
 * "&". */
static apr_size_t read_entity(char utf8[5], const char *text)
{
    apr_size_t len = 0, i;
    long code = -1;

    if (text[0] == '#') {
        code = read_number(&len, text);
    }
    else {
        while (len < NAME_MOST && apr_isascii(text[len]) && apr_isalnum(text[len])) {
            len++;
        }
        for (i = 0; text[len] == ';' && i < COUNT(entities); i++) {
            if (strlen(entities[i].name) == len && memcmp(entities[i].name, text, len) == 0) {
                code = entities[i].code;
            }
        }
        len++;
    }
    if (code < 0) {
        return 0;
    }
    encode(utf8, code);
    return len;
}

/* Behind the ">" that ends a tag; one between quotes does not. */
static const char *tag_end(const char *tag)
{
    char quote = '\0';

    for (; *tag && (quote || *tag != '>'); tag++) {
        if (quote) {
            quote = *tag == quote ? '\0' : quote;
        }
        else if (*tag == '"' || *tag == '\'') {
            quote = *tag;
        }
    }
    return *tag ? tag + 1 : tag;
}

/* The value of an attribute of the tag from `at` to `end`, decoded; NULL when it has none. */
static const char *attribute(const char *at, const char *end, const char *name, apr_pool_t *pool)
{
    apr_size_t len = strlen(name);
    const char *value = NULL;
    char *decoded, *to;

    for (; at + len + 1 < end && !value; at++) {
        if (apr_isspace(at[0]) && strncasecmp(at + 1, name, len) == 0) {
            value = at + 1 + len;
            value += strspn(value, " \t\r\n");
            value = *value == '=' ? value + 1 + strspn(value + 1, " \t\r\n") : NULL;
        }
    }
    if (!value || value >= end) {
        return NULL;
    }
    len = *value == '"'    ? strcspn(++value, "\"")
          : *value == '\'' ? strcspn(++value, "'")
                           : strcspn(value, " \t\r\n>");
    decoded = to = apr_palloc(pool, len + 5);
    for (at = value; at < value + len; at++) {
        char utf8[5];
        apr_size_t taken = *at == '&' ? read_entity(utf8, at + 1) : 0;

        if (taken > 0 && at + taken < value + len) {
            to = apr_cpystrn(to, utf8, sizeof(utf8));
            at += taken;
        }
        else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return decoded;
}

/* Whether a reader can do anything with an address. */
static int is_of_use(const char *link)
{
    static const char *const schemes[LINK_SCHEMES] = {"http://", "https://", "mailto:", "tel:"};
    int i;

    for (i = 0; i < LINK_SCHEMES; i++) {
        if (strncasecmp(link, schemes[i], strlen(schemes[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The end of a link: its address, unless its text says it already. */
static void close_link(page_t *page)
{
    const char *link = page->link;
    const char *shown = link;
    apr_size_t len = page->len - page->link_from;

    page->link = NULL;
    if (!link || !is_of_use(link)) {
        return;
    }
    if (strncasecmp(shown, "mailto:", 7) == 0 || strncasecmp(shown, "tel:", 4) == 0) {
        shown = strchr(shown, ':') + 1;
    }
    if (len >= strlen(shown) &&
        strncasecmp(page->text + page->len - strlen(shown), shown, strlen(shown)) == 0) {
        return;
    }
    if (len > 0) {
        page->blank = 1;
        put_char(page, '(');
    }
    put_text(page, shown);
    if (len > 0) {
        put_char(page, ')');
    }
}

/* Behind the end tag of an element whose content is not shown. */
static const char *skip_content(const char *at, const char *name)
{
    for (at = strstr(at, "</"); at; at = strstr(at + 2, "</")) {
        if (strncasecmp(at + 2, name, strlen(name)) == 0) {
            return tag_end(at);
        }
    }
    return NULL;
}

/* A tag whose name is `name` (small letters): page->at is behind it, `tag` its beginning. */
static void take_tag(page_t *page, const char *name, const char *tag, int closes)
{
    static const char *const hidden[] = {"script", "style", "title"};
    const char *text;
    size_t i;

    for (i = 0; i < COUNT(hidden); i++) {
        if (!closes && strcmp(name, hidden[i]) == 0) {
            text = skip_content(page->at, name);
            page->at = text ? text : page->at + strlen(page->at);
        }
    }
    for (i = 0; i < COUNT(blocks); i++) {
        if (strcmp(name, blocks[i].name) == 0) {
            owe_breaks(page, blocks[i].breaks);
        }
    }
    if (strcmp(name, "br") == 0) {
        /* Each counts, but no more than one empty line comes of them. */
        page->breaks = page->breaks < 2 ? page->breaks + 1 : 2;
    }
    else if (strcmp(name, "li") == 0 && !closes) {
        put_char(page, '-');
        page->blank = 1;
    }
    else if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0) {
        page->blank = 1;
    }
    else if (strcmp(name, "img") == 0) {
        text = attribute(tag, page->at, "alt", page->pool);
        put_text(page, text ? text : "");
    }
    else if (strcmp(name, "a") == 0) {
        close_link(page);
        page->link = closes ? NULL : attribute(tag, page->at, "href", page->pool);
        page->link_from = page->len;
    }
}

/* What begins with "<" at page->at: a tag, a comment, or the character itself. */
static void take_markup(page_t *page)
{
    const char *tag = page->at + 1;
    int closes = *tag == '/';
    char name[NAME_MOST + 1];
    apr_size_t len = 0;

    tag += closes;
    if (strncmp(tag, "!--", 3) == 0) {
        const char *end = strstr(tag + 3, "-->");

        page->at = end ? end + 3 : page->at + strlen(page->at);
        return;
    }
    if (*tag != '!' && *tag != '?' && !(apr_isascii(*tag) && apr_isalpha(*tag))) {
        put_char(page, *page->at++);
        return;
    }
    while (len < NAME_MOST && apr_isascii(tag[len]) && apr_isalnum(tag[len])) {
        name[len] = (char)apr_tolower(tag[len]);
        len++;
    }
    name[len] = '\0';
    page->at = tag_end(tag);
    take_tag(page, name, tag + len, closes);
}

const char *outbound_html_text(const char *html, apr_pool_t *pool)
{
    page_t page = {.at = html, .room = strlen(html) + 16, .pool = pool};

    page.text = apr_palloc(pool, page.room + 1);
    while (*page.at) {
        char utf8[5];
        apr_size_t len = *page.at == '&' ? read_entity(utf8, page.at + 1) : 0;

        if (len > 0) {
            put_text(&page, utf8);
            page.at += len + 1;
        }
        else if (*page.at == '<') {
            take_markup(&page);
        }
        else {
            put_char(&page, *page.at++);
        }
    }
    close_link(&page);
    page.text[page.len] = '\0';
    return page.text;
}
