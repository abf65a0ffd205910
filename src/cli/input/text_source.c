#include "cli/input/text_source.h"

#include "cli/digest.h"
#include "cli/shards/shard_choice.h"
#include "program/interrupt.h"

#include <errno.h>
#include <string.h>

static void note_head(const sl_text_input *text, bool was_gzip, bool had_mark)
{
    if (text->is_gzip && !was_gzip)
        sl_report_note("%s: gzip data, decompressed while reading", text->input.name);
    if (text->has_mark && !had_mark)
        sl_report_note("%s: the UTF-8 byte order mark at the beginning is skipped", text->input.name);
}

/* Where the first line begins at or after a byte of the file: behind the newline of the line that the byte before belongs to. */
static sl_exit find_line(const sl_input *input, uint64_t at, uint64_t *begin)
{
    char block[1 << 14];
    size_t got = 1;
    for (*begin = at ? at - 1 : 0; at && got; *begin += got) {
        sluice_error error;
        if (sl_input_read(input, *begin, block, sizeof block, &got, &error))
            return sl_report_error(&error);
        const char *newline = memchr(block, '\n', got);
        if (newline) {
            *begin += (uint64_t)(newline - block) + 1;
            break;
        }
    }
    return SL_EXIT_OK;
}

sl_exit sl_text_source_choose_part(sl_text_source *source, size_t part, size_t parts, uint64_t *digest, uint64_t *first,
                                   uint64_t *end)
{
    sl_text_input *text = &source->text;
    const sl_input *input = &text->input;
    sl_content content;
    sluice_error error;
    if (!input->regular)
        return sl_report(SL_EXIT_USAGE, "%s: a part is read by seeking, and this is no regular file; copy it to one first",
                         input->name);
    sl_exit code = sl_report_status(sl_text_input_look(text, &content, &error), &error);
    if (code)
        return code;
    note_head(text, false, false);
    if (text->is_gzip)
        return sl_report(SL_EXIT_USAGE,
                         "%s: a part is read by seeking, and gzip data have no places to seek to; "
                         "decompress with gzip -dc FILE > NEW",
                         input->name);
    const uint64_t size = input->size;
    code = find_line(input, sl_shard_choice_get_begin(size, part, parts), first);
    code = code ? code : find_line(input, sl_shard_choice_get_begin(size, part + 1, parts), end);
    source->digest = digest;
    return code ? code : sl_report_status(sl_text_input_narrow(text, *first, *end, &error), &error);
}

sl_exit sl_text_source_read(sl_text_source *source, void *data, size_t room, size_t *got)
{
    sl_text_input *text = &source->text;
    const bool was_gzip = text->is_gzip, had_mark = text->has_mark;
    const uint64_t at = text->taken;
    sluice_error error;
    *got = 0;
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    const sluice_status status = sl_text_input_read(text, data, room, got, &error);
    const bool broken_off =
        status == SLUICE_STATUS_IO && errno == EINTR; /* by a signal; another than a request to stop means nothing */
    note_head(text, was_gzip, had_mark);
    if (source->digest && *got)
        *source->digest = sl_digest_add_at(*source->digest, at, data, *got);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    return broken_off ? SL_EXIT_OK : sl_report_status(status, &error);
}
