#include "program/report.h"

#include "base/clean.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of a process that is one of several. */
static struct {
    bool messages, notes;       /* these are not printed */
    char text[SL_REPORT_BYTES]; /* the first message that was not; "": none */
} held;

__attribute__((format(printf, 2, 0))) static void format_line(char text[SL_REPORT_BYTES], const char *format, va_list arguments)
{
    vsnprintf(text, SL_REPORT_BYTES, format, arguments);
    sl_clean(text);
}

void sl_report_print(const char *kind, const char *text)
{
    sl_progress_stop();
    fprintf(stderr, "%s: %s%s\n", program_invocation_short_name, kind, text);
}

sl_exit sl_report(sl_exit code, const char *format, ...)
{
    char text[SL_REPORT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_line(text, format, arguments);
    va_end(arguments);
    if (!held.messages)
        sl_report_print("", text);
    else if (!*held.text)
        memcpy(held.text, text, sizeof text);
    return code;
}

void sl_report_note(const char *format, ...)
{
    char text[SL_REPORT_BYTES];
    va_list arguments;
    if (held.notes)
        return;
    va_start(arguments, format);
    format_line(text, format, arguments);
    va_end(arguments);
    sl_progress_clear();
    fprintf(stderr, "%s: note: %s\n", program_invocation_short_name, text);
}

void sl_report_hold(bool prints_notes)
{
    held.messages = true;
    held.notes = !prints_notes;
}

const char *sl_report_get_held(void)
{
    return held.text;
}

sl_exit sl_report_error(const sluice_error *error)
{
    const sl_exit known = sl_interrupt_explain(error->status);
    if (known)
        return known;
    const sl_exit code = sl_exit_of(error->status);
    return sl_report(code ? code : SL_EXIT_FAILURE, "%s", error->message);
}

sl_exit sl_report_status(sluice_status status, const sluice_error *error)
{
    return status ? sl_report_error(error) : SL_EXIT_OK;
}

/* The errno of the failure of standard output. If an earlier write failed, its errno is lost; only a closed pipe can still be
 * recognised. */
static int find_errno(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (errno)
        return errno;
    return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) ? EPIPE : EIO;
}

sl_exit sl_report_flush(sl_exit code)
{
    errno = 0;
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code)
        return code;
    errno = find_errno();
    const sl_exit known = sl_interrupt_explain(SLUICE_STATUS_IO);
    return known ? known : sl_report(SL_EXIT_IO, "standard output: cannot be written: %s", strerror(errno));
}

sl_exit sl_report_memory(const char *what)
{
    return sl_report(SL_EXIT_FAILURE, "out of memory for %s; raise the limit", what);
}

sl_exit sl_report_memory_of_rows(const char *what)
{
    return sl_report(SL_EXIT_FAILURE, "out of memory for %s; use a smaller --rows, or raise the limit", what);
}

sl_exit sl_report_mismatch(void)
{
    return sl_report(SL_EXIT_FAILURE, "the library in use does not match this program; install them together");
}

const char *sl_report_input(const char *path)
{
    return strcmp(path, "-") ? path : "standard input";
}

const char *sl_report_output(const char *path)
{
    return strcmp(path, "-") ? path : "standard output";
}
