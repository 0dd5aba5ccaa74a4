/*
 * Finding a person in a text. What belongs to a word and what ends it decides whom a text is about:
 * in doubt a longer mail address or word is somebody else's.
 */
#include "ctl/person.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>

#include "ctl/unescape.h"
#include "outbound/phone.h"

#define LEVELS 4             /* of one encoding in another */
#define PLAIN_DIGITS_LEAST 9 /* of a number without + or 00 in front */
#define SEPARATORS_MOST 4    /* between two digits of a number */

typedef struct email_t {
    const char *text; /* in lower case */
    apr_size_t len;
    apr_size_t at; /* place of the @ */
} email_t;

typedef enum { PHONE_INTERNATIONAL, PHONE_TRUNK, PHONE_BARE } form_kind_t;

/* One way to write a number. */
typedef struct form_t {
    const char *digits;
    apr_size_t len;
    form_kind_t kind;
} form_t;

typedef struct identifier_t {
    const char *text;
    apr_size_t len;
    int source_id;
    int is_word; /* without any digit: a word of a language, perhaps */
    int is_short;
} identifier_t;

struct ctl_person_t {
    apr_pool_t *pool;
    int short_identifiers;
    apr_array_header_t *emails;      /* email_t */
    apr_array_header_t *phones;      /* const char *: E.164 */
    apr_array_header_t *forms;       /* form_t */
    apr_array_header_t *identifiers; /* identifier_t */
};

ctl_person_t *ctl_person_make(int short_identifiers, apr_pool_t *pool)
{
    ctl_person_t *person = apr_pcalloc(pool, sizeof(*person));

    person->pool = pool;
    person->short_identifiers = short_identifiers;
    person->emails = apr_array_make(pool, 4, sizeof(email_t));
    person->phones = apr_array_make(pool, 4, sizeof(const char *));
    person->forms = apr_array_make(pool, 8, sizeof(form_t));
    person->identifiers = apr_array_make(pool, 4, sizeof(identifier_t));
    return person;
}

/* ---- what is known ---- */

int ctl_person_add_email(ctl_person_t *person, const char *address)
{
    const char *at = strchr(address, '@');
    email_t *email;
    char *text, *c;
    int i;

    if (!at || at == address || !at[1] || strchr(at + 1, '@')) {
        return -1;
    }
    text = apr_pstrdup(person->pool, address);
    for (c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return -1;
        }
        *c = (char)apr_tolower(*c);
    }
    for (i = 0; i < person->emails->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(person->emails, i, email_t).text, text) == 0) {
            return 0;
        }
    }
    email = apr_array_push(person->emails);
    email->text = text;
    email->len = strlen(text);
    email->at = (apr_size_t)(at - address);
    return 1;
}

static void add_form(ctl_person_t *person, const char *digits, form_kind_t kind)
{
    form_t *form = apr_array_push(person->forms);

    form->digits = apr_pstrdup(person->pool, digits);
    form->len = strlen(digits);
    form->kind = kind;
}

/* Whether `digits`, dialled in a country, reach the number. */
static int reaches(const char *digits, const char *country, const char *e164)
{
    outbound_phone_t phone;

    return outbound_phone_parse(&phone, digits, country) == APR_SUCCESS &&
           strcmp(phone.e164, e164) == 0;
}

/* How the number is written inside its country: asked of the plans, for each length that a country
 * code can have. */
static void add_national(ctl_person_t *person, const char *e164, const char *country)
{
    const char *const countries[] = {country ? country : "FRA", "FRA", "USA"};
    apr_pool_t *pool = person->pool;
    size_t code, i;

    for (i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        for (code = 1; code <= 3; code++) {
            const char *rest = e164 + 1 + code;
            const char *trunk = apr_pstrcat(pool, "0", rest, NULL);
            int has_trunk = reaches(trunk, countries[i], e164);
            int is_bare = reaches(rest, countries[i], e164);

            if (has_trunk) {
                const char *prefix = apr_pstrndup(pool, e164 + 1, code);

                add_form(person, trunk, PHONE_TRUNK);
                add_form(person, apr_pstrcat(pool, prefix, trunk, NULL), PHONE_INTERNATIONAL);
                add_form(person, apr_pstrcat(pool, "00", prefix, trunk, NULL), PHONE_INTERNATIONAL);
            }
            if (is_bare) {
                add_form(person, rest, PHONE_BARE);
            }
            if (has_trunk || is_bare) {
                return;
            }
        }
    }
}

int ctl_person_add_phone(ctl_person_t *person, const char *e164)
{
    outbound_phone_t phone;
    int i;

    if (e164[0] != '+' || outbound_phone_parse(&phone, e164, NULL) != APR_SUCCESS ||
        strcmp(phone.e164, e164) != 0) {
        return -1;
    }
    for (i = 0; i < person->phones->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(person->phones, i, const char *), e164) == 0) {
            return 0;
        }
    }
    APR_ARRAY_PUSH(person->phones, const char *) = apr_pstrdup(person->pool, e164);
    add_form(person, e164 + 1, PHONE_INTERNATIONAL);
    add_form(person, apr_pstrcat(person->pool, "00", e164 + 1, NULL), PHONE_INTERNATIONAL);
    add_national(person, phone.e164, phone.country);
    return 1;
}

int ctl_person_add_identifier(ctl_person_t *person, int source_id, const char *identifier)
{
    identifier_t *added;
    int i;

    if (!*identifier || source_id < 1) {
        return -1;
    }
    for (i = 0; i < person->identifiers->nelts; i++) {
        added = &APR_ARRAY_IDX(person->identifiers, i, identifier_t);
        if (added->source_id == source_id && strcmp(added->text, identifier) == 0) {
            return 0;
        }
    }
    added = apr_array_push(person->identifiers);
    added->text = apr_pstrdup(person->pool, identifier);
    added->len = strlen(identifier);
    added->source_id = source_id;
    added->is_word = !strpbrk(identifier, "0123456789");
    added->is_short = added->len < CTL_IDENTIFIER_LEAST;
    return 1;
}

int ctl_person_short_identifiers(const ctl_person_t *person)
{
    int i, count = 0;

    for (i = 0; i < person->identifiers->nelts && !person->short_identifiers; i++) {
        count += APR_ARRAY_IDX(person->identifiers, i, identifier_t).is_short;
    }
    return count;
}

/* ---- words ---- */

/* A part of a text that is looked at. */
typedef struct view_t {
    const char *text;
    apr_size_t len;
} view_t;

/* Whether a character above ASCII is a letter, as far as it matters here: not one of the usual
 * punctuation marks, blanks, dashes and symbols. */
static int is_letter(unsigned long c)
{
    return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c < 0x2c00) &&
           !(c >= 0x3000 && c < 0x3040) && !(c >= 0xfe00 && c < 0xfe70) && c != 0xfeff &&
           !(c >= 0xff00 && c < 0xff21) && c != 0xfffd && c < 0x1f000;
}

/* The character that begins at a place, and its bytes: of UTF-8, else one byte of Latin-1. */
static unsigned long character_at(apr_size_t *bytes, const view_t *view, apr_size_t at)
{
    unsigned long first = (unsigned char)view->text[at], c;
    apr_size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0, i;

    *bytes = 1;
    c = more ? first & (0x3fu >> more) : first;
    for (i = 1; i <= more; i++) {
        unsigned char next = at + i < view->len ? (unsigned char)view->text[at + i] : 0;

        if ((next & 0xc0) != 0x80) {
            return first;
        }
        c = c << 6 | (next & 0x3f);
    }
    *bytes = more + 1;
    return c;
}

/* The character that ends in front of a place; a blank at the beginning. */
static unsigned long character_before(apr_size_t *bytes, const view_t *view, apr_size_t at)
{
    unsigned long c;

    for (*bytes = 4; *bytes > 1; (*bytes)--) {
        apr_size_t step = *bytes;

        if (at >= step) {
            c = character_at(bytes, view, at - step);
            if (*bytes == step) {
                return c;
            }
            *bytes = step;
        }
    }
    return at > 0 ? (unsigned char)view->text[at - 1] : ' ';
}

static int is_word(unsigned long c)
{
    return c < 0x80 ? apr_isalnum((char)c) != 0 : is_letter(c);
}

/* Whether a letter or digit stands at a place, or ends in front of it. */
static int word_at(const view_t *view, apr_size_t at)
{
    apr_size_t bytes;

    return at < view->len && is_word(character_at(&bytes, view, at));
}

static int word_before(const view_t *view, apr_size_t at)
{
    apr_size_t bytes;

    return is_word(character_before(&bytes, view, at));
}

static char before(const view_t *view, apr_size_t at)
{
    return at > 0 ? view->text[at - 1] : '\0';
}

static char after(const view_t *view, apr_size_t at)
{
    return at < view->len ? view->text[at] : '\0';
}

static int is_one_of(char c, const char *list)
{
    return c && strchr(list, c) != NULL;
}

/* ---- mail addresses ---- */

/* Whether an address can begin at a place: the character in front belongs to no address (RFC 5322
 * 3.2.3 allows more of them than this, but in a text they end one more often). */
static int mail_begins(const view_t *view, apr_size_t at)
{
    char c = before(view, at);

    return !word_before(view, at) && !is_one_of(c, "_-+") &&
           !(is_one_of(c, ".'&") && word_before(view, at - 1));
}

static int mail_ends(const view_t *view, apr_size_t at)
{
    return !word_at(view, at) && !(is_one_of(after(view, at), ".-") && word_at(view, at + 1));
}

static int same_letters(const char *text, const char *lower, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len; i++) {
        if (apr_tolower(text[i]) != lower[i]) {
            return 0;
        }
    }
    return 1;
}

/* Whether one of the addresses has its @ at a place. */
static int mail_around(const ctl_person_t *person, const view_t *view, apr_size_t at)
{
    int i;

    for (i = 0; i < person->emails->nelts; i++) {
        const email_t *email = &APR_ARRAY_IDX(person->emails, i, email_t);
        apr_size_t from = at - email->at;

        if (at >= email->at && email->len <= view->len - from &&
            same_letters(view->text + from, email->text, email->len) && mail_begins(view, from) &&
            mail_ends(view, from + email->len)) {
            return 1;
        }
    }
    return 0;
}

/* ---- phone numbers ---- */

/* Blanks, dashes and the like, of all widths. */
static int is_separator(unsigned long c)
{
    if (c < 0x80) {
        return is_one_of((char)c, " \t.-/()+_");
    }
    return c == 0xa0 || c == 0xad || (c >= 0x2000 && c < 0x2016) || (c >= 0x2028 && c < 0x2030);
}

static apr_size_t skip_separators(const view_t *view, apr_size_t at)
{
    apr_size_t bytes;
    int i;

    for (i = 0; i < SEPARATORS_MOST && at < view->len; i++) {
        if (!is_separator(character_at(&bytes, view, at))) {
            break;
        }
        at += bytes;
    }
    return at;
}

/* Where the separators in front of a place begin; a + is none here: it begins a number. */
static apr_size_t back_over_separators(const view_t *view, apr_size_t at)
{
    apr_size_t bytes;
    int i;

    for (i = 0; i < SEPARATORS_MOST && at > 0 && view->text[at - 1] != '+'; i++) {
        if (!is_separator(character_before(&bytes, view, at))) {
            break;
        }
        at -= bytes;
    }
    return at;
}

/* Whether a national number that begins at a place has a country code in front: then it is the
 * number of a country, and if it were the right one, the international form would be found. */
static int has_foreign_code(const view_t *view, apr_size_t at)
{
    apr_size_t end = back_over_separators(view, at), from = end;

    while (from > 0 && apr_isdigit(view->text[from - 1]) && end - from < 6) {
        from--;
    }
    if (from == end) {
        return 0;
    }
    if (before(view, from) == '+') {
        return !word_before(view, from - 1);
    }
    return end - from >= 3 && end - from <= 5 && memcmp(view->text + from, "00", 2) == 0;
}

/* The end of a form's digits that begin at a place, 0 = they do not stand there. */
static apr_size_t digits_end(const view_t *view, apr_size_t at, const form_t *form)
{
    apr_size_t i;

    for (i = 0; i < form->len; i++) {
        if (i > 0) {
            at = skip_separators(view, at);
        }
        if (after(view, at) != form->digits[i]) {
            return 0;
        }
        at++;
    }
    return at;
}

static int form_at(const view_t *view, apr_size_t at, const form_t *form)
{
    apr_size_t end = digits_end(view, at, form), next;
    apr_size_t front = back_over_separators(view, at);

    /* Times of day look like the end of a number: 2026-11-23 15:58. */
    if (!end || word_at(view, end) || (after(view, end) == ':' && word_at(view, end + 1))) {
        return 0;
    }
    if (form->kind == PHONE_INTERNATIONAL) {
        return form->len >= PLAIN_DIGITS_LEAST || form->digits[0] == '0' ||
               is_one_of(before(view, front), "+");
    }
    if (form->len < PLAIN_DIGITS_LEAST || has_foreign_code(view, at)) {
        return 0;
    }
    if (form->kind == PHONE_TRUNK) {
        return 1;
    }
    next = skip_separators(view, end);
    return !apr_isdigit(before(view, front)) && before(view, front) != '+' &&
           !apr_isdigit(after(view, next));
}

/* Whether one of the numbers begins at a place, where a digit stands. */
static int phone_at(const ctl_person_t *person, const view_t *view, apr_size_t at)
{
    int i;

    if (word_before(view, at)) {
        return 0;
    }
    for (i = 0; i < person->forms->nelts; i++) {
        const form_t *form = &APR_ARRAY_IDX(person->forms, i, form_t);

        if (form->digits[0] == view->text[at] && form_at(view, at, form)) {
            return 1;
        }
    }
    return 0;
}

/* ---- identifiers ---- */

/* A name of a member or parameter is no value. */
static int is_value(const view_t *view, apr_size_t from, apr_size_t to)
{
    if (!is_one_of(before(view, from), "\"=")) {
        return 0;
    }
    if (after(view, to) != '"') {
        return to == view->len || is_one_of(view->text[to], "& \r\n");
    }
    for (to++; is_one_of(after(view, to), " \t\r\n"); to++) {
    }
    return after(view, to) != ':';
}

static int is_whole_word(const view_t *view, apr_size_t from, apr_size_t to)
{
    static const char joins[] = "_-.@";

    return !word_before(view, from) && !word_at(view, to) &&
           !(is_one_of(before(view, from), joins) && word_before(view, from - 1)) &&
           !(is_one_of(after(view, to), joins) && word_at(view, to + 1));
}

static int has_identifier(const ctl_person_t *person, const view_t *view, int source_id)
{
    int i;

    for (i = 0; i < person->identifiers->nelts; i++) {
        const identifier_t *identifier = &APR_ARRAY_IDX(person->identifiers, i, identifier_t);
        const char *at = view->text, *end = view->text + view->len;

        if (identifier->source_id != source_id ||
            (identifier->is_short && !person->short_identifiers)) {
            continue;
        }
        while ((at = memmem(at, (apr_size_t)(end - at), identifier->text, identifier->len))) {
            apr_size_t from = (apr_size_t)(at - view->text), to = from + identifier->len;

            if (identifier->is_word ? is_value(view, from, to) : is_whole_word(view, from, to)) {
                return 1;
            }
            at++;
        }
    }
    return 0;
}

/* ---- a text ---- */

static int in_view(const ctl_person_t *person, const view_t *view, int source_id)
{
    apr_size_t at;

    for (at = 0; at < view->len; at++) {
        if (view->text[at] == '@' ? mail_around(person, view, at)
                                  : apr_isdigit(view->text[at]) && phone_at(person, view, at)) {
            return 1;
        }
    }
    return source_id > 0 && has_identifier(person, view, source_id);
}

int ctl_person_in_text(const ctl_person_t *person, const char *text, apr_size_t len, int source_id,
                       apr_pool_t *pool)
{
    view_t view = {text, len};
    int level, changed = 1;
    char *copy;

    if (in_view(person, &view, source_id)) {
        return 1;
    }
    if (!memchr(text, '%', len) && !memchr(text, '\\', len) && !memchr(text, '&', len)) {
        return 0;
    }
    view.text = copy = apr_pmemdup(pool, text, len);
    for (level = 0; level < LEVELS && changed; level++) {
        view.len = ctl_unescape(copy, view.len, &changed);
        if (changed && in_view(person, &view, source_id)) {
            return 1;
        }
    }
    return 0;
}
