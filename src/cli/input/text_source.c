#include "cli/input/text_source.h"

#include "program/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKED_BYTES = 1 << 16 };

/* ---- Formats by their first bytes ------------------------------------------------------------------------------------------- */

typedef enum content { GZIP, MARK, OTHER } content;

/* None contains a '\n', so that even a short first line is recognised as text without waiting for more input. The first match
 * counts. */
typedef struct signature {
    unsigned char count; /* of bytes */
    unsigned char bytes[SL_TEXT_SOURCE_HEAD];
    content content;
    const char *name, *remedy; /* of OTHER; remedy NULL: sl_text_source.array_remedy */
} signature;

static const signature signatures[] = {
    {2, {0x1f, 0x8b}, GZIP, "gzip data in gzip data", "gzip -dc FILE > NEW removes one of the two compressions"},
    {3, {0xef, 0xbb, 0xbf}, MARK, NULL, NULL},
    {4, {0xff, 0xfe, 0, 0}, OTHER, "UTF-32", "convert with iconv -f UTF-32 -t UTF-8 FILE > NEW"},
    {4, {0, 0, 0xfe, 0xff}, OTHER, "UTF-32", "convert with iconv -f UTF-32 -t UTF-8 FILE > NEW"},
    {2, {0xff, 0xfe}, OTHER, "UTF-16", "convert with iconv -f UTF-16 -t UTF-8 FILE > NEW"},
    {2, {0xfe, 0xff}, OTHER, "UTF-16", "convert with iconv -f UTF-16 -t UTF-8 FILE > NEW"},
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}, OTHER, "xz data", "decompress with xz -dc FILE > NEW"},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, OTHER, "Zstandard data", "decompress with zstd -dc FILE > NEW"},
    {10, {'B', 'Z', 'h', '9', '1', 'A', 'Y', '&', 'S', 'Y'}, OTHER, "bzip2 data", "decompress with bzip2 -dc FILE > NEW"},
    {4, {'P', 'K', 3, 4}, OTHER, "a zip archive", "unpack with unzip -p FILE > NEW"},
    {6, {0x93, 'N', 'U', 'M', 'P', 'Y'}, OTHER, "a NumPy array", NULL},
};

/* The signature at the beginning of a text, of which `count` bytes are known; NULL: none. *undecided: more bytes may change the result. */
static const signature *find_signature(const unsigned char *head, size_t count, bool *undecided)
{
    const signature *found = NULL;
    *undecided = false;
    for (size_t k = sizeof signatures / sizeof signatures[0]; k-- > 0;) {
        const size_t wanted = signatures[k].count;
        if (memcmp(head, signatures[k].bytes, wanted < count ? wanted : count) != 0)
            continue;
        *undecided = *undecided || wanted > count;
        found = wanted > count ? found : &signatures[k];
    }
    return found;
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------------------ */

static sl_exit read_file(sl_text_source *source, void *data, size_t room, size_t *got)
{
    *got = 0;
    const ssize_t count = sl_interrupt_seen() ? 0 : read(source->input.fd, data, room);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    if (count < 0)
        return errno == EINTR ? SL_EXIT_OK : sl_report(SL_EXIT_IO, "%s: cannot be read: %s", source->input.name, strerror(errno));
    source->drained = count == 0;
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
static sl_exit read_head(sl_text_source *source, const signature **found)
{
    bool undecided = true;
    while (undecided && !source->ended) {
        size_t got;
        const sl_exit code = read_text(source, source->head + source->head_end, SL_TEXT_SOURCE_HEAD - source->head_end, &got);
        if (code)
            return code;
        source->head_end += got;
        *found = find_signature(source->head, source->head_end, &undecided);
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
    const signature *found = NULL;
    sl_exit code = read_head(source, &found);
    if (!code && found && found->content == GZIP) {
        code = begin_gunzip(source);
        if (!code)
            code = read_head(source, &found);
    }
    if (code || !found)
        return code;
    if (found->content != MARK)
        return sl_report(SL_EXIT_DATA, "%s: expected text in UTF-8, or gzip data of it, found %s; %s", source->input.name,
                         found->name, found->remedy ? found->remedy : source->array_remedy);
    source->head_start = found->count;
    sl_report_note("%s: the UTF-8 byte order mark at the beginning is skipped", source->input.name);
    return SL_EXIT_OK;
}

/* ---- The source ------------------------------------------------------------------------------------------------------------- */

sl_exit sl_text_source_open(const char *path, const char *array_remedy, sl_text_source *source)
{
    *source = (sl_text_source){.input.fd = -1, .array_remedy = array_remedy};
    sluice_error error;
    if (sl_input_open(path, &source->input, &error))
        return sl_report_error(&error);
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
