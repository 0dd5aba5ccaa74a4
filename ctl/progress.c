/* The bar of progress. Must never be written to anything but a terminal. */
#include "ctl/progress.h"

#include <apr_strings.h>
#include <apr_time.h>

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"
#include "ctl/output.h"

#define EVERY (APR_USEC_PER_SEC / 5)
#define WIDTH 80
#define BAR_MOST 30
#define ROOM 48 /* for what is behind the bar */

struct ctl_progress_t {
    const char *what;
    apr_int64_t total;
    apr_time_t began; /* crm360_clock() */
    apr_time_t drawn; /* the last time */
    int shows;
    int is_there; /* on the terminal now */
};

ctl_progress_t *ctl_progress_begin(const char *what, apr_int64_t total, apr_pool_t *pool)
{
    ctl_progress_t *progress = apr_pcalloc(pool, sizeof(*progress));

    progress->what = ctl_plain(what, pool);
    progress->total = total;
    progress->began = crm360_clock();
    progress->shows = isatty(STDERR_FILENO);
    return progress;
}

static int terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH;
}

/* "acme/prod [####      ]  42%, 420 of 1000, 12s left" */
static void draw_bar(const ctl_progress_t *progress, apr_int64_t done)
{
    int columns = terminal_width() - ctl_text_width(progress->what) - ROOM;
    int width = columns < 0 ? 0 : columns > BAR_MOST ? BAR_MOST : columns;
    double part = done < progress->total ? (double)done / (double)progress->total : 1;
    double used = (double)(crm360_clock() - progress->began) / APR_USEC_PER_SEC;
    int full = (int)(part * width), i;

    fprintf(stderr, "\r%s [", progress->what);
    for (i = 0; i < width; i++) {
        fputc(i < full ? '#' : ' ', stderr);
    }
    fprintf(stderr, "] %3d%%, %" APR_INT64_T_FMT " of %" APR_INT64_T_FMT, (int)(part * 100), done,
            progress->total);
    if (part > 0 && used > 1) {
        fprintf(stderr, ", %.0fs left", used * (1 - part) / part);
    }
    fputs("\033[K", stderr);
}

void ctl_progress_at(ctl_progress_t *progress, apr_int64_t done)
{
    apr_time_t now;

    if (!progress->shows) {
        return;
    }
    now = crm360_clock();
    if (now - progress->drawn < EVERY) {
        return;
    }
    progress->drawn = now;
    progress->is_there = 1;
    if (progress->total > 0) {
        draw_bar(progress, done);
    }
    else {
        fprintf(stderr, "\r%s: %" APR_INT64_T_FMT "\033[K", progress->what, done);
    }
}

void ctl_progress_hide(ctl_progress_t *progress)
{
    if (progress->is_there) {
        fputs("\r\033[K", stderr);
        progress->is_there = 0;
    }
}
