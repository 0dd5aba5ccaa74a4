/* The output of verbs: which form it has, values one by one, JSON, and the end. Must never make a
 * verb that changes something stop halfway because nobody reads what it says. */
#include "ctl/output_private.h"

#include <apr_strings.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/json.h"
#include "ctl/options.h"

#define WIDTH 80 /* of a terminal that does not say */
#define WIDTH_MOST 10000
#define TITLE_WIDTH 14

#define DEEPEST (sizeof(((ctl_output_t *)0)->filled) / sizeof(int) - 1)

static int terminal_width(void)
{
    const char *said = getenv("COLUMNS");
    struct winsize size;
    apr_int64_t width;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    if (said && ctl_read_number(&width, said, 1, WIDTH_MOST) == APR_SUCCESS) {
        return (int)width;
    }
    return WIDTH;
}

ctl_output_t *ctl_output_make(int json, apr_pool_t *pool)
{
    ctl_output_t *output = apr_pcalloc(pool, sizeof(*output));
    const char *terminal = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    int is_terminal = isatty(STDOUT_FILENO);

    output->pool = pool;
    apr_pool_create(&output->cell, pool);
    apr_pool_tag(output->cell, "crm360ctl_cell");
    output->form = json ? CTL_FORM_JSON : is_terminal ? CTL_FORM_TABLE : CTL_FORM_LINES;
    output->now = apr_time_now();
    output->width = is_terminal ? terminal_width() : WIDTH;
    output->bold = is_terminal && !(no_color && *no_color) && terminal && *terminal &&
                   strcmp(terminal, "dumb") != 0;
    return output;
}

ctl_form_t ctl_output_form(const ctl_output_t *output)
{
    return output->form;
}

void ctl_output_now(ctl_output_t *output, apr_time_t now)
{
    output->now = now;
}

/* ---- the end ---- */

/* Whether standard output is a pipe or a socket whose reader has gone. */
static int reader_has_gone(void)
{
    struct pollfd place = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&place, 1, 0) == 1 && (place.revents & (POLLERR | POLLHUP));
}

int ctl_output_ended(void)
{
    return ferror(stdout);
}

int output_flush(void)
{
    static int why; /* the first time: stdio forgets it */

    errno = 0;
    if (fflush(stdout) != 0 && !why) {
        why = errno;
    }
    return why;
}

ctl_status_t ctl_output_end(ctl_status_t status)
{
    int why = output_flush();

    if ((!why && !ferror(stdout)) || why == EPIPE || reader_has_gone()) {
        return status;
    }
    fprintf(stderr, "crm360ctl: standard output: %s\n",
            why ? strerror(why) : "not all could be written");
    return status == CTL_FINE ? CTL_FAILED : status;
}

/* ---- JSON ---- */

void output_member(ctl_output_t *output, const char *name)
{
    if (output->filled[output->depth]) {
        putchar(',');
    }
    output->filled[output->depth] = output->depth > 0;
    if (name) {
        printf("\"%s\":", name);
    }
}

void output_json_text(ctl_output_t *output, const char *text)
{
    fputs(text ? output_json_quote(text, output->cell) : "null", stdout);
    apr_pool_clear(output->cell);
}

void output_json_time(ctl_output_t *output, apr_time_t at)
{
    fputs(at ? crm360_json_date(at, output->cell) : "null", stdout);
    apr_pool_clear(output->cell);
}

void output_json_number(apr_int64_t number)
{
    printf("%" APR_INT64_T_FMT, number);
}

void output_json_flag(int yes)
{
    fputs(yes ? "true" : "false", stdout);
}

static void json_open(ctl_output_t *output, const char *name, char bracket)
{
    if (output->form != CTL_FORM_JSON) {
        return;
    }
    output_member(output, name);
    putchar(bracket);
    if ((apr_size_t)output->depth < DEEPEST) {
        output->depth++;
    }
    output->filled[output->depth] = 0;
}

static void json_close(ctl_output_t *output, char bracket)
{
    if (output->form != CTL_FORM_JSON) {
        return;
    }
    putchar(bracket);
    output->depth -= output->depth > 0;
    if (output->depth == 0) {
        putchar('\n');
    }
}

void ctl_object_begin(ctl_output_t *output, const char *name)
{
    json_open(output, name, '{');
}

void ctl_object_end(ctl_output_t *output)
{
    json_close(output, '}');
}

void ctl_list_begin(ctl_output_t *output, const char *name)
{
    json_open(output, name, '[');
}

void ctl_list_end(ctl_output_t *output)
{
    json_close(output, ']');
}

/* ---- values one by one ---- */

void ctl_heading(ctl_output_t *output, const char *text)
{
    if (output->form == CTL_FORM_TABLE) {
        printf("%s%s%s%s\n", output->headings++ ? "\n" : "", output->bold ? "\033[1m" : "",
               ctl_plain(text, output->cell), output->bold ? "\033[0m" : "");
        apr_pool_clear(output->cell);
    }
}

/* A line for a person or a program. */
static void print_field(ctl_output_t *output, const char *name, const char *title, const char *text)
{
    if (output->form == CTL_FORM_TABLE) {
        printf("%-*s %s\n", TITLE_WIDTH, title, text ? ctl_plain(text, output->cell) : "-");
        output->headings++;
    }
    else {
        printf("%s\t%s\n", name, text ? ctl_plain(text, output->cell) : "");
    }
    apr_pool_clear(output->cell);
}

void ctl_field_text(ctl_output_t *output, const char *name, const char *title, const char *text)
{
    if (output->form == CTL_FORM_JSON) {
        output_member(output, name);
        output_json_text(output, text);
        return;
    }
    print_field(output, name, title, text);
}

void ctl_field_number(ctl_output_t *output, const char *name, const char *title, apr_int64_t number)
{
    if (output->form == CTL_FORM_JSON) {
        output_member(output, name);
        output_json_number(number);
        return;
    }
    print_field(output, name, title,
                output->form == CTL_FORM_TABLE
                    ? output_number_text(number, output->cell)
                    : apr_psprintf(output->cell, "%" APR_INT64_T_FMT, number));
}

void ctl_field_bytes(ctl_output_t *output, const char *name, const char *title, apr_int64_t bytes)
{
    if (output->form == CTL_FORM_TABLE) {
        print_field(output, name, title, ctl_bytes_text(bytes, output->cell));
        return;
    }
    ctl_field_number(output, name, title, bytes);
}

void ctl_field_time(ctl_output_t *output, const char *name, const char *title, apr_time_t at)
{
    if (output->form == CTL_FORM_JSON) {
        output_member(output, name);
        output_json_time(output, at);
        return;
    }
    print_field(output, name, title,
                !at                              ? NULL
                : output->form == CTL_FORM_TABLE ? ctl_time_local(at, output->now, output->cell)
                                                 : ctl_time_utc(at, output->cell));
}

void ctl_field_flag(ctl_output_t *output, const char *name, const char *title, int yes)
{
    if (output->form == CTL_FORM_JSON) {
        output_member(output, name);
        output_json_flag(yes);
        return;
    }
    print_field(output, name, title, yes ? "yes" : "no");
}
