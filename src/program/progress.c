#include "program/progress.h"

#include "base/clock.h"
#include "program/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 24, SHORT_WIDTH = 10, LINE_WIDTH = 79 };
static const double REDRAW_SECONDS = 0.1;

static struct {
    bool shown;
    double started, drawn; /* clock at the start and at the last redraw; drawn 0: never drawn */
    uint64_t total;
    int width;        /* columns of the text on the line */
    const char *text; /* shown in place of the number of rows; NULL: none */
} bar;

const char *sl_progress_get_name(size_t mode)
{
    static const char *const names[] = {"auto", "always", "never"};
    return mode < sizeof names / sizeof names[0] ? names[mode] : NULL;
}

void sl_progress_start(sl_progress_mode mode, uint64_t total)
{
    bar.shown = mode == SL_PROGRESS_ALWAYS || (mode == SL_PROGRESS_AUTO && isatty(STDERR_FILENO));
    bar.started = sl_clock_get();
    bar.drawn = 0;
    bar.total = total;
    bar.width = 0;
    bar.text = NULL;
}

void sl_progress_describe(const char *text)
{
    bar.text = text;
}

/* Replace the text on the line. Overwriting with blanks works on any terminal. */
static void draw(const char *text)
{
    const int length = (int)strlen(text);
    fprintf(stderr, "\r%s%*s", text, bar.width > length ? bar.width - length : 0, "");
    if (bar.width > length)
        fprintf(stderr, "\r%s", text);
    fflush(stderr);
    bar.width = length;
}

static int write_gauge(char *text, size_t room, double share, double elapsed)
{
    char gauge[BAR_WIDTH + 1];
    const int width = bar.text ? SHORT_WIDTH : BAR_WIDTH;
    memset(gauge, ' ', (size_t)width);
    memset(gauge, '#', (size_t)(share * width));
    gauge[width] = '\0';
    const double left = share > 0 ? elapsed * (1 - share) / share : 0;
    const unsigned long seconds = left < 3.6e8 ? (unsigned long)(left + 0.5) : 360000000UL;
    return snprintf(text, room, "%3.0f %% [%s] ETA %lu:%02lu  ", 100 * share, gauge, seconds / 60, seconds % 60);
}

void sl_progress_update(uint64_t done, uint64_t rows)
{
    const double now = sl_clock_get();
    if (!bar.shown || now - bar.drawn < REDRAW_SECONDS)
        return;
    bar.drawn = now;
    const double elapsed = now - bar.started;
    char text[LINE_WIDTH + 1], count[SL_FORMAT_COUNT], rate[SL_FORMAT_COUNT];
    int used = 0;
    if (bar.total)
        used = write_gauge(text, sizeof text, done < bar.total ? (double)done / (double)bar.total : 1, elapsed);
    sl_format_count(rows, count);
    sl_format_count(elapsed > 0 ? (uint64_t)((double)rows / elapsed) : 0, rate);
    if (bar.text)
        snprintf(text + used, sizeof text - (size_t)used, "%s  %s rows/s", bar.text, rate);
    else
        snprintf(text + used, sizeof text - (size_t)used, "%s rows  %s rows/s", count, rate);
    draw(text);
}

void sl_progress_clear(void)
{
    if (bar.shown && bar.width) {
        draw("");
        fflush(stderr);
    }
}

void sl_progress_stop(void)
{
    sl_progress_clear();
    bar.shown = false;
}
