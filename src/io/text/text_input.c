#include "io/text/text_input.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/zip/inflate_input.h"

#include <assert.h>
#include <string.h>

/* Kinds of files that are refused; remedy NULL: sl_text_input.array_remedy. */
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

static sluice_status refuse(const sl_text_input *text, sl_content content, sluice_error *error)
{
    size_t k = 0;
    while (refused[k].content != content)
        k++;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected text in UTF-8, or gzip data of it, found %s; %s", text->input.name,
                   refused[k].name, refused[k].remedy ? refused[k].remedy : text->array_remedy);
}

static sluice_status read_input(sl_text_input *text, void *data, size_t room, size_t *got, sluice_error *error)
{
    room = room < text->end - text->taken ? room : (size_t)(text->end - text->taken);
    const sluice_status status = sl_input_read_some(&text->input, (size_t)text->taken, data, room, got, &text->drained, error);
    text->taken += *got;
    return status;
}

/* Read until the first bytes determine the format. */
static sluice_status read_head(sl_text_input *text, sl_content *found, size_t *signature_bytes, sluice_error *error)
{
    bool undecided = true;
    while (undecided && !text->drained) {
        size_t got;
        const sluice_status status =
            read_input(text, text->head + text->head_end, SL_CONTENT_TEXT_BYTES - text->head_end, &got, error);
        if (status)
            return status;
        text->head_end += got;
        *found = sl_content_find_in_text(text->head, text->head_end, signature_bytes, &undecided);
    }
    return SLUICE_STATUS_OK;
}

/* The head is the beginning of gzip data: it becomes input of the decompression, and the head of the text is still to be read. */
static sluice_status begin_gunzip(sl_text_input *text, sluice_error *error)
{
    static_assert((int)SL_CONTENT_TEXT_BYTES <= (int)SL_GZIP_HEAD_BYTES, "the head fits");
    const sluice_status status = sl_input_gunzip(&text->input, text->head, text->head_end, error);
    if (status)
        return status;
    text->is_gzip = true;
    text->head_end = 0;
    text->taken = 0;
    text->drained = false;
    return SLUICE_STATUS_OK;
}

sluice_status sl_text_input_look(sl_text_input *text, sl_content *content, sluice_error *error)
{
    size_t signature_bytes = 0;
    *content = SL_CONTENT_UNKNOWN;
    sluice_status status = read_head(text, content, &signature_bytes, error);
    if (!status && *content == SL_CONTENT_GZIP && !text->is_gzip) {
        *content = SL_CONTENT_UNKNOWN;
        status = begin_gunzip(text, error);
        if (!status)
            status = read_head(text, content, &signature_bytes, error);
    }
    text->has_mark = !status && *content == SL_CONTENT_UTF8_MARK;
    text->head_start = text->has_mark ? signature_bytes : 0;
    text->content = *content;
    text->begun = !status;
    return status;
}

sluice_status sl_text_input_open(const char *path, const char *array_remedy, sl_text_input *text, sluice_error *error)
{
    *text = (sl_text_input){.input.fd = -1, .array_remedy = array_remedy, .end = UINT64_MAX};
    return sl_input_open(path, &text->input, error);
}

static bool is_text(const sl_text_input *text)
{
    return text->content == SL_CONTENT_UNKNOWN || text->content == SL_CONTENT_UTF8_MARK;
}

sluice_status sl_text_input_narrow(sl_text_input *text, uint64_t first, uint64_t end, sluice_error *error)
{
    assert(text->begun && text->input.regular && !text->is_gzip);
    const uint64_t mark = text->head_start; /* its bytes belong to no line */
    text->taken = first < mark ? mark : first;
    text->end = end < text->taken ? text->taken : end;
    text->drained = text->ended = false;
    text->head_start = text->head_end = 0;
    return is_text(text) ? SLUICE_STATUS_OK : refuse(text, text->content, error);
}

sluice_status sl_text_input_read(sl_text_input *text, void *data, size_t room, size_t *got, sluice_error *error)
{
    *got = 0;
    if (!text->begun) {
        sl_content content;
        const sluice_status status = sl_text_input_look(text, &content, error);
        if (status)
            return status;
    }
    if (!is_text(text))
        return refuse(text, text->content, error);
    const size_t held = text->head_end - text->head_start;
    sluice_status status = SLUICE_STATUS_OK;
    if (held) {
        *got = sl_size_min(held, room);
        memcpy(data, text->head + text->head_start, *got);
        text->head_start += *got;
    } else if (!text->drained) {
        status = read_input(text, data, room, got, error);
    }
    text->ended = !status && text->drained && text->head_start == text->head_end;
    return status;
}

/* ---- As an input ----------------------------------------------------------------------------------------------------------- */

typedef struct text_filter {
    sl_input_filter base;
    sl_text_input text;
} text_filter;

static sluice_status read_filter(sl_input_filter *base, void *data, size_t bytes, size_t *got, bool *ended, sluice_error *error)
{
    sl_text_input *text = &((text_filter *)base)->text;
    const sluice_status status = sl_text_input_read(text, data, bytes, got, error);
    *ended = text->ended && !*got;
    return status;
}

static bool is_filter_ready(const sl_input_filter *base, int milliseconds)
{
    return sl_text_input_is_ready(&((const text_filter *)base)->text, milliseconds);
}

static void close_filter(sl_input_filter *base)
{
    sl_text_input_close(&((text_filter *)base)->text);
    sl_free(base);
}

sluice_status sl_text_input_take(sl_text_input *text, sl_input *input, sluice_error *error)
{
    sl_text_input taken = *text;
    *text = (sl_text_input){.input.fd = -1};
    *input = taken.input;
    if (input->regular) /* its first bytes can be read again */
        return SLUICE_STATUS_OK;
    *input = (sl_input){.fd = -1};
    text_filter *filter = sl_alloc(sizeof *filter);
    if (!filter) {
        sl_text_input_close(&taken);
        return sl_fail_memory(error, "reading a stream", sizeof *filter);
    }
    filter->base = (sl_input_filter){read_filter, is_filter_ready, close_filter};
    filter->text = taken;
    filter->text.content = SL_CONTENT_UNKNOWN; /* whatever it is, it is read */
    filter->text.head_start = 0;
    return sl_input_open_filter(&filter->base, taken.input.name, input, error);
}

bool sl_text_input_is_ready(const sl_text_input *text, int milliseconds)
{
    return text->drained || text->head_start < text->head_end || sl_input_is_ready(&text->input, milliseconds);
}

uint64_t sl_text_input_get_position(const sl_text_input *text, size_t held)
{
    return text->is_gzip ? sl_input_get_gunzipped(&text->input) : text->taken - (text->head_end - text->head_start) - held;
}

void sl_text_input_close(sl_text_input *text)
{
    sl_input_close(&text->input);
    *text = (sl_text_input){.input.fd = -1};
}
