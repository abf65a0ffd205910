#include "report.h"

#include "format.h"
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line on standard error: "sluice: ", `kind`, and the message. */
static void __attribute__((format(printf, 2, 0))) print(const char *kind, const char *format, va_list arguments)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    for (char *p = text; *p; p++)
        *p = sl_format_clean(*p);
    sl_progress_stop();
    fprintf(stderr, "sluice: %s%s\n", kind, text);
}

sl_exit sl_report(sl_exit code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("", format, arguments);
    va_end(arguments);
    return code;
}

void sl_report_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("note: ", format, arguments);
    va_end(arguments);
}

sl_exit sl_report_error(const sluice_error *error)
{
    /* A size that does not fit came out of a file, so it is bad data to the user. */
    static const sl_exit codes[] = {
        [SLUICE_STATUS_OK] = SL_EXIT_FAILURE,     [SLUICE_STATUS_BAD_ARGUMENT] = SL_EXIT_USAGE,
        [SLUICE_STATUS_BAD_DATA] = SL_EXIT_DATA,  [SLUICE_STATUS_NO_INPUT] = SL_EXIT_NO_INPUT,
        [SLUICE_STATUS_IO] = SL_EXIT_IO,          [SLUICE_STATUS_NO_MEMORY] = SL_EXIT_FAILURE,
        [SLUICE_STATUS_TOO_LARGE] = SL_EXIT_DATA, [SLUICE_STATUS_UNSUPPORTED] = SL_EXIT_FAILURE,
    };
    const size_t status = (size_t)error->status;
    return sl_report(status < sizeof codes / sizeof codes[0] ? codes[status] : SL_EXIT_FAILURE, "%s", error->message);
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
