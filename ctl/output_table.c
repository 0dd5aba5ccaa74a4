/*
 * Tables, in all three forms. On a terminal the rows of a page are held back until their widths are
 * known; the next page has at least these widths. Must never hold more than one page.
 */
#include "ctl/output_private.h"

#include <apr_strings.h>

#include <stdio.h>
#include <string.h>

#define COLUMNS_MOST 16
#define PAGE 100 /* rows that are held back */
#define LEAST 24 /* columns of the terminal that remain of a cell that is cut */

struct ctl_table_t {
    ctl_output_t *output;
    const char *kind;
    const ctl_column_t *columns;
    int count;
    int at; /* the next cell */
    apr_int64_t rows;
    apr_pool_t *page; /* of the texts below */
    int held;         /* rows in `cells` */
    const char *(*cells)[COLUMNS_MOST];
    int titled; /* the headings are printed, so columns stay left out */
    int widths[COLUMNS_MOST];
    int out[COLUMNS_MOST]; /* left out */
};

ctl_table_t *ctl_table_begin(ctl_output_t *output, const char *kind, const ctl_column_t *columns,
                             int count)
{
    ctl_table_t *table = apr_pcalloc(output->pool, sizeof(*table));

    table->output = output;
    table->kind = kind;
    table->columns = columns;
    table->count = count < COLUMNS_MOST ? count : COLUMNS_MOST;
    apr_pool_create(&table->page, output->pool);
    apr_pool_tag(table->page, "crm360ctl_table");
    if (output->form == CTL_FORM_TABLE) {
        table->cells = apr_pcalloc(output->pool, PAGE * sizeof(*table->cells));
    }
    return table;
}

/* ---- widths ---- */

static int total_width(const ctl_table_t *table)
{
    int total = 0, i;

    for (i = 0; i < table->count; i++) {
        total += table->out[i] ? 0 : table->widths[i] + 2;
    }
    return total - 2;
}

/* The column that is left out first; -1 = none is. */
static int first_to_go(const ctl_table_t *table)
{
    int found = -1, i;

    for (i = 0; i < table->count; i++) {
        if (!table->out[i] && table->columns[i].yields > 1 &&
            (found < 0 || table->columns[i].yields >= table->columns[found].yields)) {
            found = i;
        }
    }
    return found;
}

/* Makes the widths fit the terminal as far as the columns allow. */
static void fit(ctl_table_t *table)
{
    int spare, gives, most, i;

    for (i = 0, most = 0; i < table->count; i++) {
        if (table->columns[i].yields == 1 && table->widths[i] > LEAST) {
            most += table->widths[i] - LEAST;
        }
    }
    while (!table->titled && total_width(table) - most > table->output->width) {
        i = first_to_go(table);
        if (i < 0) {
            break;
        }
        table->out[i] = 1;
    }
    for (i = table->count - 1; i >= 0; i--) {
        spare = total_width(table) - table->output->width;
        if (spare > 0 && table->columns[i].yields == 1 && table->widths[i] > LEAST) {
            gives = table->widths[i] - LEAST;
            table->widths[i] -= gives < spare ? gives : spare;
        }
    }
}

static void measure(ctl_table_t *table)
{
    int row, i, width;

    for (i = 0; i < table->count; i++) {
        if (!table->titled) {
            table->widths[i] = ctl_text_width(table->columns[i].title);
        }
        for (row = 0; row < table->held; row++) {
            width = ctl_text_width(table->cells[row][i]);
            table->widths[i] = width > table->widths[i] ? width : table->widths[i];
        }
    }
    fit(table);
}

/* ---- rows on a terminal ---- */

/* The text cut to a width, with three dots that say so. */
static const char *cut(const char *text, int width, apr_pool_t *pool)
{
    const char *at;
    int taken = 0;

    if (ctl_text_width(text) <= width || width < 4) {
        return text;
    }
    for (at = text; *at; at++) {
        taken += ((unsigned char)*at & 0xc0) != 0x80;
        if (taken > width - 3) {
            break;
        }
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, (apr_size_t)(at - text)), "...", NULL);
}

static int is_right(const ctl_column_t *column)
{
    return column->kind == CTL_NUMBER || column->kind == CTL_BYTES;
}

/* A row, without the end of its line. */
static void print_row(ctl_table_t *table, const char *const *cells)
{
    int blanks = 0, pad, i; /* blanks are printed when something follows */

    for (i = 0; i < table->count; i++) {
        const char *text = cells[i];

        if (table->out[i]) {
            continue;
        }
        text = table->columns[i].yields == 1 ? cut(text, table->widths[i], table->page) : text;
        pad = table->widths[i] - ctl_text_width(text);
        pad = pad > 0 ? pad : 0;
        if (is_right(&table->columns[i])) {
            blanks += pad;
            pad = 0;
        }
        if (*text) {
            printf("%*s%s", blanks, "", text);
            blanks = 0;
        }
        blanks += pad + 2;
    }
}

static void print_titles(ctl_table_t *table)
{
    const char *titles[COLUMNS_MOST];
    int i;

    for (i = 0; i < table->count; i++) {
        titles[i] = table->columns[i].title;
    }
    fputs(table->output->bold ? "\033[1m" : "", stdout);
    print_row(table, titles);
    fputs(table->output->bold ? "\033[0m\n" : "\n", stdout);
    table->output->headings++;
}

void ctl_table_flush(ctl_table_t *table)
{
    int row;

    if (table->held > 0) {
        measure(table);
        if (!table->titled) {
            print_titles(table);
            table->titled = 1;
        }
        for (row = 0; row < table->held; row++) {
            print_row(table, table->cells[row]);
            putchar('\n');
        }
        table->held = 0;
        apr_pool_clear(table->page);
    }
    (void)output_flush();
}

/* ---- cells ---- */

/* A finished text in the next cell, of a row that is no JSON. */
static void put(ctl_table_t *table, const char *text)
{
    if (table->cells) {
        table->cells[table->held][table->at++] = text;
        return;
    }
    if (table->at == 0 && table->kind) {
        printf("%s\t", table->kind);
    }
    printf("%s%s", table->at++ ? "\t" : "", text);
}

/* Begins the next cell; in JSON also the row. 0 = there is no such column. */
static int begin_cell(ctl_table_t *table)
{
    if (table->at == table->count) {
        return 0;
    }
    if (table->output->form == CTL_FORM_JSON) {
        if (table->at == 0) {
            ctl_object_begin(table->output, NULL);
        }
        output_member(table->output, table->columns[table->at++].name);
    }
    return 1;
}

void ctl_cell_text(ctl_table_t *table, const char *text)
{
    if (!begin_cell(table)) {
        return;
    }
    if (table->output->form == CTL_FORM_JSON) {
        output_json_text(table->output, text);
        return;
    }
    put(table, text ? ctl_plain(text, table->page) : "");
}

void ctl_cell_number(ctl_table_t *table, apr_int64_t number)
{
    ctl_kind_t kind = table->at < table->count ? table->columns[table->at].kind : CTL_NUMBER;

    if (!begin_cell(table)) {
        return;
    }
    if (table->output->form == CTL_FORM_JSON) {
        if (kind == CTL_FLAG) {
            output_json_flag(number != 0);
        }
        else {
            output_json_number(number);
        }
    }
    else if (kind == CTL_FLAG) {
        put(table, number ? "yes" : "no");
    }
    else if (table->cells) {
        put(table, kind == CTL_BYTES ? ctl_bytes_text(number, table->page)
                                     : output_number_text(number, table->page));
    }
    else {
        put(table, apr_psprintf(table->page, "%" APR_INT64_T_FMT, number));
    }
}

void ctl_cell_time(ctl_table_t *table, apr_time_t at)
{
    if (!begin_cell(table)) {
        return;
    }
    if (table->output->form == CTL_FORM_JSON) {
        output_json_time(table->output, at);
        return;
    }
    put(table, !at            ? ""
               : table->cells ? ctl_time_local(at, table->output->now, table->page)
                              : ctl_time_utc(at, table->page));
}

void ctl_row_end(ctl_table_t *table)
{
    while (table->at < table->count) {
        ctl_cell_text(table, NULL);
    }
    table->at = 0;
    table->rows++;
    if (table->cells) {
        table->held++;
        if (table->held == PAGE) {
            ctl_table_flush(table);
        }
        return;
    }
    if (table->output->form == CTL_FORM_JSON) {
        ctl_object_end(table->output);
    }
    else {
        putchar('\n');
    }
    apr_pool_clear(table->page);
}

apr_int64_t ctl_table_end(ctl_table_t *table)
{
    apr_int64_t rows = table->rows;

    ctl_table_flush(table);
    apr_pool_destroy(table->page);
    return rows;
}
