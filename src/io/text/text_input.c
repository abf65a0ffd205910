#include "io/text/text_input.h"

#include "base/error.h"
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
    const sluice_status status = sl_input_read_some(&text->input, (size_t)text->taken, data, room, got, &text->drained, error);
    text->taken += *got;
    text->ended = text->drained;
    return status;
}

/* Read until the first bytes determine the format. */
static sluice_status read_head(sl_text_input *text, sl_content *found, size_t *signature_bytes, sluice_error *error)
{
    bool undecided = true;
    while (undecided && !text->ended) {
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
    text->ended = text->drained = false;
    return SLUICE_STATUS_OK;
}

static sluice_status check_head(sl_text_input *text, sluice_error *error)
{
    sl_content found = SL_CONTENT_UNKNOWN;
    size_t signature_bytes = 0;
    sluice_status status = read_head(text, &found, &signature_bytes, error);
    if (!status && found == SL_CONTENT_GZIP && !text->is_gzip) {
        status = begin_gunzip(text, error);
        if (!status)
            status = read_head(text, &found, &signature_bytes, error);
    }
    if (status || found == SL_CONTENT_UNKNOWN)
        return status;
    if (found != SL_CONTENT_UTF8_MARK)
        return refuse(text, found, error);
    text->head_start = signature_bytes;
    text->has_mark = true;
    return SLUICE_STATUS_OK;
}

sluice_status sl_text_input_open(const char *path, const char *array_remedy, sl_text_input *text, sluice_error *error)
{
    *text = (sl_text_input){.input.fd = -1, .array_remedy = array_remedy};
    return sl_input_open(path, &text->input, error);
}

sluice_status sl_text_input_read(sl_text_input *text, void *data, size_t room, size_t *got, sluice_error *error)
{
    *got = 0;
    if (!text->begun) {
        const sluice_status status = check_head(text, error);
        if (status)
            return status;
        text->begun = true;
    }
    const size_t held = text->head_end - text->head_start;
    if (!held)
        return text->ended ? SLUICE_STATUS_OK : read_input(text, data, room, got, error);
    *got = sl_size_min(held, room);
    memcpy(data, text->head + text->head_start, *got);
    text->head_start += *got;
    return SLUICE_STATUS_OK;
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
