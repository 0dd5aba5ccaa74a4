/*
 * Reads a Zendesk ticket whose texts stand unescaped between quotes. The keys of the template, in
 * the order of the template, are the anchors; what stands between two of them is a value, whatever
 * it holds. Titles, comments and names are written by strangers and may imitate anchors: must never
 * let them choose the ticket. Every search is one pass over the text, and their number is fixed, so
 * that a hostile body costs no more than a long one.
 */
#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "handlers/zendesk_template.h"

#define NOWHERE ((apr_size_t)-1)

/* "key" : and the first character of a value. */
typedef struct anchor_t {
    apr_size_t at;    /* its first quote; NOWHERE = there is none */
    apr_size_t value; /* the first character of the value, its quote if it has one */
} anchor_t;

typedef struct cut_t {
    const char *text;
    apr_size_t len;
    anchor_t anchors[ZENDESK_KEYS];
} cut_t;

/* ---- searching ---- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static apr_size_t over_blanks(const cut_t *cut, apr_size_t i)
{
    while (i < cut->len && is_blank(cut->text[i])) {
        i++;
    }
    return i;
}

static apr_size_t back_over_blanks(const cut_t *cut, apr_size_t i)
{
    while (i > 0 && is_blank(cut->text[i - 1])) {
        i--;
    }
    return i;
}

static int ends_with(const cut_t *cut, apr_size_t i, const char *word)
{
    apr_size_t n = strlen(word);

    return i >= n && memcmp(cut->text + i - n, word, n) == 0;
}

/* Whether a member may begin here: behind { or behind a value and a comma. */
static int may_begin(const cut_t *cut, apr_size_t i)
{
    i = back_over_blanks(cut, i);
    if (i == 0 || cut->text[i - 1] == '{') {
        return i > 0;
    }
    if (cut->text[i - 1] != ',') {
        return 0;
    }
    i = back_over_blanks(cut, i - 1);
    return i > 0 &&
           (apr_isdigit(cut->text[i - 1]) || strchr("\"}]", cut->text[i - 1]) ||
            ends_with(cut, i, "null") || ends_with(cut, i, "true") || ends_with(cut, i, "false"));
}

/* Whether the quote at `at` begins the anchor of a key; *value is where the value begins. */
static int is_anchor(apr_size_t *value, const cut_t *cut, int key, apr_size_t at)
{
    const char *name = handler_zendesk_keys[key];
    apr_size_t n = strlen(name), i = at + 1 + n;
    char c;

    if (i >= cut->len || memcmp(cut->text + at + 1, name, n) != 0 || cut->text[i] != '"') {
        return 0;
    }
    i = over_blanks(cut, i + 1);
    if (i >= cut->len || cut->text[i] != ':') {
        return 0;
    }
    i = over_blanks(cut, i + 1);
    c = i < cut->len ? cut->text[i] : '\0';
    *value = i;
    return (key == ZENDESK_REQUESTER ? c == '{' : c == '"' || c == 'n' || apr_isdigit(c)) &&
           may_begin(cut, at);
}

/* The first or the last anchor of a key between two places. */
static anchor_t search(const cut_t *cut, int key, apr_size_t from, apr_size_t to, int last)
{
    anchor_t found = {NOWHERE, NOWHERE};
    const char *quote;
    apr_size_t value;

    while (from < to && (quote = memchr(cut->text + from, '"', to - from)) != NULL) {
        apr_size_t at = (apr_size_t)(quote - cut->text);

        if (is_anchor(&value, cut, key, at)) {
            found.at = at;
            found.value = value;
            if (!last) {
                break;
            }
        }
        from = at + 1;
    }
    return found;
}

static anchor_t first(const cut_t *cut, int key, apr_size_t from, apr_size_t to)
{
    return search(cut, key, from, to, 0);
}

static anchor_t last(const cut_t *cut, int key, apr_size_t from, apr_size_t to)
{
    return search(cut, key, from, to, 1);
}

static apr_size_t least(apr_size_t a, apr_size_t b)
{
    return a < b ? a : b;
}

static int is_there(const cut_t *cut, int key)
{
    return cut->anchors[key].at != NOWHERE;
}

/* ---- which anchors are the template's ---- */

/* The earliest id, link, status, type, comments that follow each other, of those in `wanted`. */
static int chain(anchor_t *found, const cut_t *cut, apr_size_t from, apr_size_t to,
                 const int *wanted)
{
    int key;

    for (key = ZENDESK_ID; key <= ZENDESK_COMMENTS; key++) {
        if (wanted[key]) {
            found[key] = first(cut, key, from, to);
            if (found[key].at == NOWHERE) {
                return 0;
            }
            from = found[key].value;
        }
    }
    return 1;
}

/* The requester's members. An own key follows the one that a name imitates, save for the first. */
static void place_requester(cut_t *cut, apr_size_t to)
{
    anchor_t *anchors = cut->anchors;
    apr_size_t from = anchors[ZENDESK_REQUESTER].value, upper = to;
    int key;

    for (key = ZENDESK_PHONE; key >= ZENDESK_FIRST_NAME; key--) {
        anchors[key] = search(cut, key, from, upper, key != ZENDESK_FIRST_NAME);
        if (!is_there(cut, key)) {
            anchors[key] = last(cut, key, from, to); /* a template of another order */
        }
        upper = least(upper, anchors[key].at);
    }
}

/* The id and what describes the ticket, up to the comments. Nobody but Zendesk writes the texts
 * from the id to the comments, so the last of each before the comments is the template's; the
 * title, in front of them, may hold anything. */
static void place_ticket(cut_t *cut, apr_size_t to)
{
    static const int all[ZENDESK_KEYS] = {[ZENDESK_ID] = 1,
                                          [ZENDESK_LINK] = 1,
                                          [ZENDESK_STATUS] = 1,
                                          [ZENDESK_TYPE] = 1,
                                          [ZENDESK_COMMENTS] = 1};
    anchor_t found[ZENDESK_KEYS], *anchors = cut->anchors;
    apr_size_t upper;
    int key;

    anchors[ZENDESK_COMMENTS] = chain(found, cut, 0, to, all) ? found[ZENDESK_COMMENTS]
                                                              : first(cut, ZENDESK_COMMENTS, 0, to);
    upper = least(to, anchors[ZENDESK_COMMENTS].at);
    anchors[ZENDESK_TITLE] = first(cut, ZENDESK_TITLE, 0, upper);
    /* An id in front of the title is a template of another order, and out of the title's reach. */
    anchors[ZENDESK_ID] = first(cut, ZENDESK_ID, 0, least(upper, anchors[ZENDESK_TITLE].at));
    if (!is_there(cut, ZENDESK_ID)) {
        anchors[ZENDESK_ID] = last(cut, ZENDESK_ID, 0, upper);
    }
    for (key = ZENDESK_LINK; key <= ZENDESK_TYPE; key++) {
        anchors[key] = last(cut, key, 0, upper);
        if (is_there(cut, ZENDESK_ID) && anchors[key].at < anchors[ZENDESK_ID].at &&
            anchors[key].at > anchors[ZENDESK_TITLE].at) {
            anchors[key].at = NOWHERE; /* within reach of the title */
        }
    }
    anchors[ZENDESK_VIA] = first(cut, ZENDESK_VIA, 0, least(upper, anchors[ZENDESK_TITLE].at));
}

/* Comments may hold anything, the imitation of a requester included, so the requester is looked for
 * from the end. */
static void place(cut_t *cut)
{
    anchor_t *anchors = cut->anchors;

    anchors[ZENDESK_REQUESTER] = last(cut, ZENDESK_REQUESTER, 0, cut->len);
    place_ticket(cut, least(cut->len, anchors[ZENDESK_REQUESTER].at));
    if (is_there(cut, ZENDESK_REQUESTER)) {
        apr_size_t to = cut->len;

        if (!is_there(cut, ZENDESK_COMMENTS)) {
            anchors[ZENDESK_COMMENTS] =
                first(cut, ZENDESK_COMMENTS, anchors[ZENDESK_REQUESTER].value, to);
            to = least(to, anchors[ZENDESK_COMMENTS].at);
        }
        place_requester(cut, to);
    }
}

/* The digits of an id; their number, 0 when it is none. */
static apr_size_t id_digits(const char **digits, const cut_t *cut, const anchor_t *id)
{
    apr_size_t from = id->value + (cut->text[id->value] == '"'), to = from;

    while (to < cut->len && apr_isdigit(cut->text[to])) {
        to++;
    }
    *digits = cut->text + from;
    return to - from;
}

/* Whether the template comes again before the requester, with another id: then either a title or a
 * comment imitates all of it, and they cannot be told apart. *at is the other id. */
static int is_twice(apr_size_t *at, const cut_t *cut)
{
    apr_size_t from = cut->anchors[ZENDESK_COMMENTS].value, id_len, other_len;
    apr_size_t to = least(cut->len, cut->anchors[ZENDESK_REQUESTER].at);
    anchor_t found[ZENDESK_KEYS], other;
    const char *id, *other_id;
    int wanted[ZENDESK_KEYS], key, next = ZENDESK_COMMENTS;

    if (!is_there(cut, ZENDESK_ID) || !is_there(cut, ZENDESK_COMMENTS)) {
        return 0;
    }
    for (key = ZENDESK_COMMENTS; key >= ZENDESK_ID; key--) {
        wanted[key] = is_there(cut, key);
        next = wanted[key] && key != ZENDESK_ID ? key : next;
    }
    id_len = id_digits(&id, cut, &cut->anchors[ZENDESK_ID]);
    while (from < to && chain(found, cut, from, to, wanted)) {
        other = last(cut, ZENDESK_ID, from, found[next].at);
        other_len = id_digits(&other_id, cut, &other);
        if (other_len > 0 && (other_len != id_len || memcmp(other_id, id, id_len) != 0)) {
            *at = other.at;
            return 1;
        }
        from = found[ZENDESK_COMMENTS].value;
    }
    return 0;
}

/* ---- values ---- */

/* Whether the quote at `i` ends a value of a member: }, or a comma and any member, follows. */
static int ends_member(const cut_t *cut, apr_size_t i)
{
    apr_size_t from;

    i = over_blanks(cut, i + 1);
    if (i < cut->len && cut->text[i] == '}') {
        return 1;
    }
    if (i >= cut->len || cut->text[i] != ',') {
        return 0;
    }
    i = over_blanks(cut, i + 1);
    if (i >= cut->len || cut->text[i] != '"') {
        return 0;
    }
    for (from = ++i; i < cut->len && (apr_isalnum(cut->text[i]) || strchr("_-.", cut->text[i]));) {
        i++;
    }
    if (i == from || i >= cut->len || cut->text[i] != '"') {
        return 0;
    }
    i = over_blanks(cut, i + 1);
    return i < cut->len && cut->text[i] == ':';
}

/* The end of a value that holds no quotes in practice: the customer may have put keys of his own
 * behind it. NOWHERE when it has none before `to`. */
static apr_size_t short_end(const cut_t *cut, apr_size_t from, apr_size_t to)
{
    apr_size_t i;

    for (i = from; i < to; i++) {
        if (cut->text[i] == '\\') {
            i++;
        }
        else if (cut->text[i] == '"' && ends_member(cut, i)) {
            return i;
        }
    }
    return NOWHERE;
}

/* The last quote before the next anchor and its comma, or before the braces at the end of the text.
 * NOWHERE when the text does not end so: it was cut. */
static apr_size_t long_end(const cut_t *cut, apr_size_t from, apr_size_t next)
{
    apr_size_t i = least(next, cut->len);

    if (next == NOWHERE) {
        while (i > from && cut->text[i - 1] != '}') {
            i--;
        }
    }
    else {
        i = back_over_blanks(cut, i);
        if (i <= from || cut->text[i - 1] != ',') {
            return NOWHERE;
        }
        i--;
    }
    while (i > from && (is_blank(cut->text[i - 1]) || cut->text[i - 1] == '}')) {
        i--;
    }
    return i > from && cut->text[i - 1] == '"' ? i - 1 : NOWHERE;
}

/* A value without quotes that begins at *from: digits, or null, which is an empty value. */
static int find_bare_value(apr_size_t *from, apr_size_t *to, const cut_t *cut)
{
    apr_size_t i;

    while (*to < cut->len && apr_isalnum(cut->text[*to])) {
        (*to)++;
    }
    i = over_blanks(cut, *to);
    if (i >= cut->len || (cut->text[i] != ',' && cut->text[i] != '}')) {
        return 0;
    }
    if (*to - *from == 4 && ends_with(cut, *to, "null")) {
        *from = *to;
        return 1;
    }
    for (i = *from; i < *to && apr_isdigit(cut->text[i]);) {
        i++;
    }
    return i == *to;
}

/* The value of a key in [*from, *to). 0 when it has no end. */
static int find_value(apr_size_t *from, apr_size_t *to, const cut_t *cut, int key)
{
    apr_size_t next = NOWHERE, at = cut->anchors[key].value;
    int other;

    for (other = 0; other < ZENDESK_KEYS; other++) {
        if (is_there(cut, other) && cut->anchors[other].at > at) {
            next = least(next, cut->anchors[other].at);
        }
    }
    *from = *to = at;
    if (cut->text[at] != '"') {
        return find_bare_value(from, to, cut);
    }
    (*from)++;
    *to = NOWHERE;
    if (key != ZENDESK_TITLE && key != ZENDESK_COMMENTS) {
        *to = short_end(cut, *from, least(next, cut->len));
    }
    if (*to == NOWHERE) {
        *to = long_end(cut, *from, next);
    }
    return *to != NOWHERE;
}

/* Whether a value cannot have been escaped: a bare quote, a control character, or a backslash that
 * would have escaped the quote at its end. */
static int is_plain(const char *text, apr_size_t len)
{
    apr_size_t i;
    int escaped = 0;

    for (i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || (text[i] == '"' && !escaped)) {
            return 1;
        }
        escaped = text[i] == '\\' && !escaped;
    }
    return escaped;
}

/* Four hexadecimal digits, or -1. */
static long hex4(const char *text, apr_size_t len)
{
    char digits[5];
    apr_size_t i;

    for (i = 0; i < 4; i++) {
        if (i >= len || !apr_isxdigit(text[i])) {
            return -1;
        }
        digits[i] = text[i];
    }
    digits[4] = '\0';
    return (long)apr_strtoi64(digits, NULL, 16);
}

/* The length of the JSON escape that `text` begins with, 0 when it is none. A surrogate takes its
 * other half with it. */
static apr_size_t escape_length(const char *text, apr_size_t len)
{
    long code;

    if (len < 2) {
        return 0;
    }
    if (text[1] != 'u') {
        return strchr("\"\\/bfnrt", text[1]) ? 2 : 0;
    }
    code = hex4(text + 2, len - 2);
    if (code < 0) {
        return 0;
    }
    if (code >= 0xD800 && code < 0xDC00 && len >= 12 && text[6] == '\\' && text[7] == 'u') {
        code = hex4(text + 8, len - 8);
        return code >= 0xDC00 && code < 0xE000 ? 12 : 6;
    }
    return 6;
}

/* One escape as json-c reads it, at `to`; returns where it ends. */
static char *put_escape(char *to, const char *escape, apr_size_t len)
{
    char quoted[15];
    json_object *string;
    apr_size_t n = 0;

    quoted[0] = '"';
    memcpy(quoted + 1, escape, len);
    memcpy(quoted + 1 + len, "\"", 2);
    string = json_tokener_parse(quoted);
    if (string) {
        n = strlen(json_object_get_string(string)); /* \u0000 is nothing */
        memcpy(to, json_object_get_string(string), n);
        json_object_put(string);
    }
    return to + n;
}

/* A value with its JSON escapes decoded; what only looks like one stays. */
static const char *unescaped(const char *text, apr_size_t len, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, len + 1), *to = out;
    apr_size_t i, n;

    for (i = 0; i < len; i += n ? n : 1) {
        n = text[i] == '\\' ? escape_length(text + i, len - i) : 0;
        if (n > 0) {
            to = put_escape(to, text + i, n);
        }
        else {
            *to++ = text[i];
        }
    }
    *to = '\0';
    return out;
}

int handler_zendesk_cut(handler_zendesk_values_t *values, apr_size_t *at, const char *text,
                        apr_size_t len, apr_pool_t *pool)
{
    cut_t cut = {.text = text, .len = len};
    apr_size_t from[ZENDESK_KEYS], to[ZENDESK_KEYS];
    int found[ZENDESK_KEYS], key, plain = 0;

    memset(values, 0, sizeof(*values));
    for (key = 0; key < ZENDESK_KEYS; key++) {
        cut.anchors[key].at = cut.anchors[key].value = NOWHERE;
    }
    place(&cut);
    if (is_twice(at, &cut)) {
        return 0;
    }
    for (key = 0; key < ZENDESK_KEYS; key++) {
        found[key] = is_there(&cut, key) && key != ZENDESK_REQUESTER &&
                     find_value(&from[key], &to[key], &cut, key);
        plain |= found[key] && is_plain(text + from[key], to[key] - from[key]);
    }
    /* Who did not escape one text escaped none: all backslashes are the ticket's own. */
    for (key = 0; key < ZENDESK_KEYS; key++) {
        if (found[key]) {
            values->texts[key] = plain ? apr_pstrmemdup(pool, text + from[key], to[key] - from[key])
                                       : unescaped(text + from[key], to[key] - from[key], pool);
        }
    }
    values->texts[ZENDESK_REQUESTER] = is_there(&cut, ZENDESK_REQUESTER) ? "" : NULL;
    return 1;
}
