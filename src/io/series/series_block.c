#include "io/series/series_block.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"

#include <string.h>

enum { VALUE_BYTES = 256 << 10, MOST_ROWS = 1 << 14 };

sluice_status sl_series_block_create(size_t width, size_t texts, size_t text_capacity, sl_series_block *block, sluice_error *error)
{
    size_t places;
    const size_t rows = VALUE_BYTES / sizeof(float) / sl_size_max(width, 1);
    const size_t capacity = sl_size_max(1, sl_size_min(rows, MOST_ROWS));
    *block = (sl_series_block){.capacity = capacity, .width = width, .texts = texts, .text_capacity = text_capacity};
    if (sl_size_mul(capacity, width, &places))
        block->values = sl_alloc_array(places, sizeof *block->values);
    block->part = sl_alloc_array(capacity + 1, sizeof *block->part);
    if (sl_size_mul(2 * capacity, texts, &places))
        block->text_at = sl_alloc_array(places, sizeof *block->text_at);
    block->text = sl_alloc(text_capacity);
    if (block->values && block->part && block->text_at && block->text)
        return SLUICE_STATUS_OK;
    sl_series_block_release(block);
    return sl_fail_memory(error, "reading ahead", VALUE_BYTES);
}

void sl_series_block_release(sl_series_block *block)
{
    sl_free(block->values);
    sl_free(block->part);
    sl_free(block->text_at);
    sl_free(block->text);
    *block = (sl_series_block){0};
}

void sl_series_block_clear(sl_series_block *block)
{
    block->rows = block->parts = block->text_bytes = 0;
    block->is_last = false;
}

void sl_series_block_begin(sl_series_block *block, const char *name, size_t bytes)
{
    block->part[block->parts] = (sl_series_part){.name_at = block->text_bytes, .name_bytes = bytes};
    if (bytes)
        memcpy(block->text + block->text_bytes, name, bytes);
    block->text_bytes += bytes;
}

void sl_series_block_end(sl_series_block *block, bool ends)
{
    sl_series_part *part = &block->part[block->parts++];
    part->end = block->rows;
    part->ends = ends;
}
