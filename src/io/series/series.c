#include "io/series/series.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/npy/npz_read.h"
#include "io/series/read_ahead.h"
#include "io/series/series_csv.h"
#include "io/series/series_npy.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct sl_series {
    sl_series_source source;
    sl_read_ahead *ahead; /* of what is read forward only; NULL: at any place */
    sl_series_block blocks[SL_READ_AHEAD_SLOTS];
    const sl_series_block *block; /* that was taken last; NULL: none */
    size_t part, row;             /* the next of it */
    const sl_series_part *read;   /* the part of the rows that were read last, and their first */
    size_t first;
    size_t index, step; /* the next, where rows are read at any place */
    int stop;           /* an event that ends the thread's wait for a stream; 0: none is needed */
    char path[];
};

/* ---- Opening --------------------------------------------------------------------------------------------------------------- */

static sluice_status open_array(const char *path, sl_series_source *source, sluice_error *error)
{
    sl_npy_reader *array;
    sl_npy_header header;
    const sluice_status status = sl_npz_open_path(path, &array, &header, error);
    return status ? status : sl_series_open_npy(array, &header, path, source, error);
}

/* Have the series stop its thread's wait for a stream. Its descriptor is none of the standard ones, even if these are closed. */
static sluice_status make_stop(sl_series *series, sl_input *stream, sluice_error *error)
{
    if (stream->regular)
        return SLUICE_STATUS_OK;
    const int made = eventfd(0, EFD_CLOEXEC);
    series->stop = made >= 0 && made <= STDERR_FILENO ? fcntl(made, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : made;
    const int problem = errno;
    if (series->stop != made)
        close(made);
    stream->stop = series->stop > 0 ? series->stop : 0;
    return stream->stop ? SLUICE_STATUS_OK
                        : sl_fail(error, SLUICE_STATUS_IO, "%s: a descriptor cannot be made: %s", series->path, strerror(problem));
}

/* By the first bytes of what is not named as a member of an archive. */
static sluice_status open_content(sl_series *series, const sl_csv_options *table, sluice_error *error)
{
    const char *path = series->path;
    sl_series_source *source = &series->source;
    sl_text_input text;
    sl_content content = SL_CONTENT_UNKNOWN;
    sluice_status status = sl_text_input_open(path, "", &text, error);
    if (!status)
        status = make_stop(series, &text.input, error);
    if (!status)
        status = sl_text_input_look(&text, &content, error);
    if (status) {
        sl_text_input_close(&text);
        return status;
    }
    if (content != SL_CONTENT_NPY && content != SL_CONTENT_ZIP)
        return sl_series_open_csv(&text, table, source, error);
    sl_input input;
    sl_npy_reader *array;
    sl_npy_header header;
    status = sl_text_input_take(&text, &input, error);
    if (!status)
        status = sl_npy_open_input(&input, &array, &header, error);
    return status ? status : sl_series_open_npy(array, &header, path, source, error);
}

static sluice_status fill(void *source_, void *slot, bool *is_last, sluice_error *error)
{
    const sl_series_source *source = source_;
    sl_series_block *block = slot;
    const sluice_status status = source->calls->fill(source->reader, block, error);
    *is_last = !status && block->is_last;
    return status;
}

static sluice_status start_thread(sl_series *series, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    void *slots[SL_READ_AHEAD_SLOTS];
    for (size_t k = 0; !status && k < SL_READ_AHEAD_SLOTS; k++) {
        slots[k] = &series->blocks[k];
        status = series->source.calls->create_block(series->source.reader, &series->blocks[k], error);
    }
    return status ? status : sl_read_ahead_start(fill, &series->source, slots, &series->ahead, error);
}

sluice_status sl_series_open(const char *path, const sl_csv_options *table, sl_series **series, sluice_error *error)
{
    static const sl_csv_options plain = {0};
    const size_t bytes = strlen(path) + 1;
    *series = NULL;
    sl_series *opened = sl_alloc(sizeof *opened + bytes);
    if (!opened)
        return sl_fail_memory(error, "series", sizeof *opened);
    memcpy(opened->path, path, bytes);
    sluice_status status =
        sl_npz_is_path(path) ? open_array(path, &opened->source, error) : open_content(opened, table ? table : &plain, error);
    if (!status && !opened->source.is_seekable)
        status = start_thread(opened, error);
    if (status)
        sl_series_close(opened);
    else
        *series = opened;
    return status;
}

void sl_series_close(sl_series *series)
{
    if (!series)
        return;
    if (series->stop > 0)
        (void)!write(series->stop, &(uint64_t){1}, sizeof(uint64_t));
    sl_read_ahead_stop(series->ahead);
    if (series->source.reader)
        series->source.calls->close(series->source.reader);
    for (size_t k = 0; k < SL_READ_AHEAD_SLOTS; k++)
        sl_series_block_release(&series->blocks[k]);
    if (series->stop > 0)
        close(series->stop);
    sl_free(series);
}

/* ---- Queries --------------------------------------------------------------------------------------------------------------- */

size_t sl_series_get_width(const sl_series *series)
{
    return series->source.width;
}

bool sl_series_get_size(const sl_series *series, size_t *count, size_t *steps)
{
    *count = series->source.count;
    *steps = series->source.steps;
    return series->source.is_sized;
}

const char *sl_series_get_column(const sl_series *series, size_t k)
{
    const sl_csv_columns *columns = series->source.columns;
    assert(k < series->source.width);
    return columns ? columns->names[columns->of_value[k]] : "";
}

size_t sl_series_get_number(const sl_series *series, size_t k)
{
    const sl_csv_columns *columns = series->source.columns;
    return (columns ? columns->of_value[k] : k) + 1;
}

const char *sl_series_get_text_column(const sl_series *series, size_t k)
{
    const sl_csv_columns *columns = series->source.columns;
    assert(k < series->source.texts);
    return columns->names[columns->of_text[k]];
}

const char *sl_series_get_name(const sl_series *series, size_t *bytes)
{
    *bytes = series->read ? series->read->name_bytes : 0;
    return *bytes ? series->block->text + series->read->name_at : "";
}

const char *sl_series_get_text(const sl_series *series, size_t row, size_t k, size_t *bytes)
{
    const sl_series_block *block = series->block;
    const size_t *at = block->text_at + 2 * ((series->first + row) * block->texts + k);
    *bytes = at[1];
    return block->text + at[0];
}

const sl_npy_loss *sl_series_get_loss(const sl_series *series)
{
    return series->source.loss;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static sluice_status read_at_place(sl_series *series, size_t most, float *to, sl_series_rows *rows, sluice_error *error)
{
    const sl_series_source *source = &series->source;
    rows->is_last = series->index == source->count;
    if (rows->is_last)
        return SLUICE_STATUS_OK;
    const size_t count = sl_size_min(most, source->steps - series->step);
    const sluice_status status =
        count ? source->calls->read_at(source->reader, series->index, series->step, count, to, error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    rows->count = count;
    series->step += count;
    rows->ends = series->step == source->steps;
    series->index += rows->ends;
    series->step = rows->ends ? 0 : series->step;
    return SLUICE_STATUS_OK;
}

/* Take rows of the block's next part; *found: there are some, or its end. */
static bool take_rows(sl_series *series, size_t most, float *to, sl_series_rows *rows)
{
    const sl_series_block *block = series->block;
    if (!block || series->part == block->parts)
        return false;
    const sl_series_part *part = &block->part[series->part];
    const size_t count = sl_size_min(most, part->end - series->row);
    if (count)
        memcpy(to, block->values + series->row * block->width, count * block->width * sizeof *to);
    series->read = part;
    series->first = series->row;
    series->row += count;
    const bool all = series->row == part->end;
    series->part += all;
    *rows = (sl_series_rows){.count = count, .ends = all && part->ends};
    return count || rows->ends;
}

sluice_status sl_series_read(sl_series *series, size_t most, float *to, sl_series_rows *rows, sluice_error *error)
{
    *rows = (sl_series_rows){0};
    if (!series->ahead)
        return read_at_place(series, most, to, rows, error);
    while (!take_rows(series, most, to, rows)) {
        void *block;
        if (series->block && series->part < series->block->parts)
            continue; /* a part without rows */
        rows->is_last = series->block && series->block->is_last;
        if (rows->is_last)
            return SLUICE_STATUS_OK;
        series->read = NULL;
        const sluice_status status = sl_read_ahead_take(series->ahead, &block, error);
        if (status) {
            series->block = NULL; /* it was given back */
            return status;
        }
        series->block = block;
        series->part = series->row = 0;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_series_seek(sl_series *series, size_t index, size_t step, sluice_error *error)
{
    if (series->ahead)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: a table, a pipe or compressed data cannot be read at any place; save an array, .npy", series->path);
    if (index > series->source.count || step > (index < series->source.count ? series->source.steps : 0))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: step %zu of series %zu is asked for, of %zu series of %zu steps",
                       series->path, step, index, series->source.count, series->source.steps);
    series->index = index;
    series->step = step;
    return SLUICE_STATUS_OK;
}
