#include "cli/input/text_source.h"

#include "program/interrupt.h"

#include <errno.h>

static void note_head(const sl_text_input *text, bool was_gzip, bool had_mark)
{
    if (text->is_gzip && !was_gzip)
        sl_report_note("%s: gzip data, decompressed while reading", text->input.name);
    if (text->has_mark && !had_mark)
        sl_report_note("%s: the UTF-8 byte order mark at the beginning is skipped", text->input.name);
}

sl_exit sl_text_source_read(sl_text_input *text, void *data, size_t room, size_t *got)
{
    const bool was_gzip = text->is_gzip, had_mark = text->has_mark;
    sluice_error error;
    *got = 0;
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    const sluice_status status = sl_text_input_read(text, data, room, got, &error);
    const bool broken_off =
        status == SLUICE_STATUS_IO && errno == EINTR; /* by a signal; another than a request to stop means nothing */
    note_head(text, was_gzip, had_mark);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    return broken_off ? SL_EXIT_OK : sl_report_status(status, &error);
}
