#include "cli/train/data/row_file.h"

#include "base/size.h"
#include "io/input.h"
#include "program/paths.h"
#include "program/ranks/rank_group.h"

#include <stdint.h>
#include <stdlib.h>

struct sl_row_file {
    sl_npy_array array; /* of an array; `data` has the elements that were read last, as the file has them */
    sl_input text;      /* of a text */
    bool is_text;
    bool has_tokens;      /* the array's elements are tokens */
    unsigned char *bytes; /* [room] of the text */
    int32_t *tokens;      /* [room] of both */
    size_t room;
};

bool sl_row_file_is_wanted(const char *path)
{
    return sl_group_count() > 1 && !sl_paths_is_input_stream(path);
}

static sl_row_file *create(void)
{
    sl_row_file *file = calloc(1, sizeof *file);
    if (!file)
        sl_report_memory("a file of rows");
    else
        file->text.fd = -1;
    return file;
}

sl_exit sl_row_file_open_npy(sl_npy_array *array, bool has_tokens, sl_row_file **file)
{
    sl_row_file *opened = create();
    if (!opened)
        return SL_EXIT_FAILURE;
    opened->array = *array;
    opened->has_tokens = has_tokens;
    array->reader = NULL;
    *file = opened;
    return SL_EXIT_OK;
}

sl_exit sl_row_file_open_text(const char *path, sl_row_file **file)
{
    sl_row_file *opened = create();
    sluice_error error;
    if (!opened)
        return SL_EXIT_FAILURE;
    opened->is_text = true;
    if (sl_input_open_regular(path, &opened->text, &error)) {
        free(opened);
        return sl_report_error(&error);
    }
    *file = opened;
    return SL_EXIT_OK;
}

void sl_row_file_close(sl_row_file *file)
{
    if (!file)
        return;
    sl_npy_array_close(&file->array);
    sl_input_close(&file->text);
    free(file->bytes);
    free(file->tokens);
    free(file);
}

/* Make room for `count` elements, or for one, so that the elements of an empty row are at an address too. */
static sl_exit reserve(sl_row_file *file, size_t count)
{
    count = sl_size_max(1, count);
    if (count <= file->room)
        return SL_EXIT_OK;
    free(file->bytes);
    free(file->tokens);
    free(file->array.data);
    file->bytes = file->is_text ? malloc(count) : NULL;
    file->tokens = file->is_text || file->has_tokens ? calloc(count, sizeof *file->tokens) : NULL;
    file->array.data = file->is_text ? NULL : calloc(count, sl_npy_type_bytes(file->array.type));
    const bool has_tokens = file->tokens || (!file->is_text && !file->has_tokens);
    file->room = has_tokens && (file->bytes || file->array.data) ? count : 0;
    return file->room ? SL_EXIT_OK : sl_report(SL_EXIT_FAILURE, "out of memory for a row; split long rows, or raise the limit");
}

static sl_exit read_text(sl_row_file *file, size_t first, size_t count)
{
    sluice_error error;
    size_t got;
    if (sl_input_read(&file->text, first, file->bytes, count, &got, &error))
        return sl_report_error(&error);
    if (got < count)
        return sl_report(SL_EXIT_DATA,
                         "%s: expected %zu bytes from byte %zu on, found %zu; the file has changed while it was in use",
                         file->text.name, count, first, got);
    for (size_t k = 0; k < count; k++)
        file->tokens[k] = file->bytes[k];
    return SL_EXIT_OK;
}

sl_exit sl_row_file_reject_token(const sl_npy_array *array, size_t k, size_t row, size_t step)
{
    return sl_report(
        SL_EXIT_DATA,
        "%s: row %zu, step %zu: expected a token from 0 to 2^31 - 2, as %s is [N][T], found %s; if these are not tokens "
        "but one number per step, save a[:, :, None]",
        sl_report_input(array->path), row, step, array->option, sl_npy_array_get_found(array, k).text);
}

/* Make tokens of the elements that were read, which begin with element `first` of [N][T]. */
static sl_exit take_tokens(sl_row_file *file, size_t first, size_t count)
{
    const size_t steps = file->array.header.shape[1];
    for (size_t k = 0; k < count; k++) {
        int64_t token;
        if (!sl_npy_array_get_integer(&file->array, k, 0, INT32_MAX - 1, &token))
            return sl_row_file_reject_token(&file->array, k, (first + k) / steps, (first + k) % steps);
        file->tokens[k] = (int32_t)token;
    }
    return SL_EXIT_OK;
}

sl_exit sl_row_file_read(sl_row_file *file, size_t first, size_t count, const void **elements)
{
    sluice_error error;
    sl_exit code = reserve(file, count);
    if (code || file->is_text) {
        *elements = file->tokens;
        return code ? code : read_text(file, first, count);
    }
    if (sl_npy_read(file->array.reader, first, count, file->array.data, &error))
        return sl_report_error(&error);
    *elements = file->has_tokens ? (const void *)file->tokens : file->array.data;
    return file->has_tokens ? take_tokens(file, first, count) : SL_EXIT_OK;
}
