#include "cli/input/text_source.h"

#include "cli/digest.h"
#include "program/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKED_BYTES = 1 << 16 };

/* ---- Formats by their first bytes ------------------------------------------------------------------------------------------- */

/* Kinds of files that are refused; remedy NULL: sl_text_source.array_remedy. */
static const struct {
    sl_content content;
    const char *name, *remedy;
} refused[] = {
    {SL_CONTENT_GZIP, "gzip data in gzip data", "gzip -dc FILE > NEW removes one of the two compressions"},
    {SL_CONTENT_UTF32, "UTF-32", "convert with iconv -f UTF-32 -t UTF-8 FILE > NEW"},
    {SL_CONTENT_UTF16, "UTF-16", "convert with iconv -f UTF-16 -t UTF-8 FILE > NEW"},
    {SL_CONTENT_XZ, "xz data", "decompress with xz -dc FILE > NEW"},
    {SL_CONTENT_ZSTD, "Zstandard data", "decompress with zstd -dc FILE > NEW"},
    {SL_CONTENT_BZIP2, "bzip2 data", "decompress with bzip2 -dc FILE > NEW"},
    {SL_CONTENT_ZIP, "a zip archive", "unpack with unzip -p FILE > NEW"},
    {SL_CONTENT_NPY, "a NumPy array", NULL},
};

static sl_exit refuse(const sl_text_source *source, sl_content content)
{
    size_t k = 0;
    while (refused[k].content != content)
        k++;
    return sl_report(SL_EXIT_DATA, "%s: expected text in UTF-8, or gzip data of it, found %s; %s", source->input.name,
                     refused[k].name, refused[k].remedy ? refused[k].remedy : source->array_remedy);
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------------------ */

static sl_exit read_file(sl_text_source *source, void *data, size_t room, size_t *got)
{
    *got = 0;
    room = room < source->end - source->taken ? room : (size_t)(source->end - source->taken);
    const ssize_t count = sl_interrupt_seen() ? 0 : read(source->input.fd, data, room);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    if (count < 0)
        return errno == EINTR ? SL_EXIT_OK : sl_report(SL_EXIT_IO, "%s: cannot be read: %s", source->input.name, strerror(errno));
    source->drained = count == 0;
    if (source->digest && count)
        *source->digest = sl_digest_add_at(*source->digest, source->taken, data, (size_t)count);
    source->taken += (uint64_t)count;
    *got = (size_t)count;
    return SL_EXIT_OK;
}

static sl_exit fail_gzip(const sl_text_source *source, sl_exit code, const char *problem)
{
    const unsigned long long byte = source->taken - (source->packed_end - source->packed_start);
    if (code == SL_EXIT_FAILURE)
        return sl_report(code, "%s: out of memory to decompress it; raise the limit", source->input.name);
    return sl_report(code,
                     "%s: byte %llu: expected gzip data, found %s; check with gzip -t FILE; download or compress the file again",
                     source->input.name, byte, problem);
}

static sl_exit decompress(sl_text_source *source, unsigned char *data, size_t room, size_t *got)
{
    if (source->packed_start == source->packed_end && !source->drained && !sl_gunzip_is_pending(source->gunzip)) {
        source->packed_start = source->packed_end = 0;
        const sl_exit code = read_file(source, source->packed, PACKED_BYTES, &source->packed_end);
        if (code)
            return code;
    }
    size_t used;
    const char *problem = NULL;
    const sl_exit code = sl_gunzip_step(source->gunzip, source->packed + source->packed_start,
                                        source->packed_end - source->packed_start, &used, data, room, got, &problem);
    source->packed_start += used;
    if (code)
        return fail_gzip(source, code, problem);
    if (*got || !source->drained || source->packed_start < source->packed_end || sl_gunzip_is_pending(source->gunzip))
        return SL_EXIT_OK;
    source->ended = true;
    return sl_gunzip_is_complete(source->gunzip) ? SL_EXIT_OK
                                                 : fail_gzip(source, SL_EXIT_DATA, "the end of the file: it is truncated");
}

static sl_exit read_text(sl_text_source *source, void *data, size_t room, size_t *got)
{
    if (source->gunzip)
        return decompress(source, data, room, got);
    const sl_exit code = read_file(source, data, room, got);
    source->ended = source->drained;
    return code;
}

/* ---- The head --------------------------------------------------------------------------------------------------------------- */

/* Read until the first bytes determine the format. */
static sl_exit read_head(sl_text_source *source, sl_content *found, size_t *signature_bytes)
{
    bool undecided = true;
    while (undecided && !source->ended) {
        size_t got;
        const sl_exit code = read_text(source, source->head + source->head_end, SL_CONTENT_TEXT_BYTES - source->head_end, &got);
        if (code)
            return code;
        source->head_end += got;
        *found = sl_content_find_in_text(source->head, source->head_end, signature_bytes, &undecided);
    }
    return SL_EXIT_OK;
}

/* The head is the beginning of gzip data: it becomes input of the decompression, and the head of the text is still to be read. */
static sl_exit begin_gunzip(sl_text_source *source)
{
    sl_report_note("%s: gzip data, decompressed while reading", source->input.name);
    source->gunzip = sl_gunzip_create();
    source->packed = malloc(PACKED_BYTES);
    if (!source->gunzip || !source->packed)
        return fail_gzip(source, SL_EXIT_FAILURE, NULL);
    memcpy(source->packed, source->head, source->head_end);
    source->packed_end = source->head_end;
    source->head_end = 0;
    source->ended = false;
    return SL_EXIT_OK;
}

static sl_exit check_head(sl_text_source *source)
{
    sl_content found = SL_CONTENT_UNKNOWN;
    size_t signature_bytes = 0;
    sl_exit code = read_head(source, &found, &signature_bytes);
    if (!code && found == SL_CONTENT_GZIP) {
        code = begin_gunzip(source);
        code = code ? code : read_head(source, &found, &signature_bytes);
    }
    if (code || found == SL_CONTENT_UNKNOWN)
        return code;
    if (found != SL_CONTENT_UTF8_MARK)
        return refuse(source, found);
    source->head_start = signature_bytes;
    sl_report_note("%s: the UTF-8 byte order mark at the beginning is skipped", source->input.name);
    return SL_EXIT_OK;
}

/* ---- The source ------------------------------------------------------------------------------------------------------------- */

sl_exit sl_text_source_open(const char *path, const char *array_remedy, sl_text_source *source)
{
    *source = (sl_text_source){.input.fd = -1, .array_remedy = array_remedy, .end = UINT64_MAX};
    sluice_error error;
    return sl_report_status(sl_input_open(path, &source->input, &error), &error);
}

/* Where the first line begins at or after a byte of the file: behind the newline of the line that the byte before belongs to. */
static sl_exit find_line(const sl_text_source *source, uint64_t at, uint64_t *begin)
{
    char block[1 << 14];
    size_t got = 1;
    for (*begin = at ? at - 1 : 0; at && got; *begin += got) {
        sluice_error error;
        if (sl_input_read(&source->input, *begin, block, sizeof block, &got, &error))
            return sl_report_error(&error);
        const char *newline = memchr(block, '\n', got);
        if (newline) {
            *begin += (uint64_t)(newline - block) + 1;
            break;
        }
    }
    return SL_EXIT_OK;
}

/* size * k / parts, rounded down; the products of two numbers below `parts` fit. */
static uint64_t get_share(uint64_t size, size_t k, size_t parts)
{
    return size / parts * k + size % parts * k / parts;
}

sl_exit sl_text_source_choose_part(sl_text_source *source, size_t part, size_t parts, uint64_t *digest, uint64_t *first,
                                   uint64_t *end)
{
    if (!source->input.regular)
        return sl_report(SL_EXIT_USAGE, "%s: --shard reads its part by seeking, and this is no regular file; copy it to one first",
                         source->input.name);
    sl_exit code = check_head(source);
    if (!code && source->gunzip)
        code = sl_report(SL_EXIT_USAGE,
                         "%s: --shard reads its part by seeking, and gzip data have no places to seek to; "
                         "decompress with gzip -dc FILE > NEW",
                         source->input.name);
    code = code ? code : find_line(source, get_share(source->input.size, part - 1, parts), first);
    code = code ? code : find_line(source, get_share(source->input.size, part, parts), end);
    if (code)
        return code;
    const uint64_t mark = source->head_start; /* bytes of a byte order mark, which belongs to no line */
    source->taken = *first < mark ? mark : *first;
    source->end = *end < source->taken ? source->taken : *end;
    source->begun = true;
    source->drained = source->ended = false;
    source->head_start = source->head_end = 0;
    source->digest = digest;
    if (lseek(source->input.fd, (off_t)(source->input.start + source->taken), SEEK_SET) < 0)
        return sl_report(SL_EXIT_IO, "%s: cannot be read: %s", source->input.name, strerror(errno));
    return SL_EXIT_OK;
}

sl_exit sl_text_source_read(sl_text_source *source, void *data, size_t room, size_t *got)
{
    *got = 0;
    if (!source->begun) {
        const sl_exit code = check_head(source);
        if (code)
            return code;
        source->begun = true;
    }
    const size_t held = source->head_end - source->head_start;
    if (!held)
        return source->ended ? SL_EXIT_OK : read_text(source, data, room, got);
    *got = held < room ? held : room;
    memcpy(data, source->head + source->head_start, *got);
    source->head_start += *got;
    return SL_EXIT_OK;
}

bool sl_text_source_is_ready(const sl_text_source *source, int milliseconds)
{
    if (source->input.regular || source->drained || source->head_start < source->head_end ||
        source->packed_start < source->packed_end || (source->gunzip && sl_gunzip_is_pending(source->gunzip)))
        return true;
    struct pollfd input = {.fd = source->input.fd, .events = POLLIN};
    return poll(&input, 1, milliseconds) > 0;
}

uint64_t sl_text_source_get_position(const sl_text_source *source, size_t held)
{
    return source->gunzip ? source->taken : source->taken - (source->head_end - source->head_start) - held;
}

void sl_text_source_close(sl_text_source *source)
{
    sl_input_close(&source->input);
    sl_gunzip_destroy(source->gunzip);
    free(source->packed);
    *source = (sl_text_source){.input.fd = -1};
}
