/* A table of text read into memory, its bytes given a few at a time. */
#ifndef SLUICE_TESTS_TABLE_TEXT_H
#define SLUICE_TESTS_TABLE_TEXT_H

#include "io/csv/csv.h"

#include "support/message.h"

/** An input of bytes in memory that gives `piece` of them at a time, and is no regular file. */
typedef struct test_piecewise {
    sl_input_filter base;
    const char *bytes;
    size_t size, piece, at;
} test_piecewise;

static inline sluice_status test_piecewise_read(sl_input_filter *base, void *data, size_t bytes, size_t *got, bool *ended,
                                                sluice_error *error)
{
    test_piecewise *from = (test_piecewise *)base;
    const size_t left = from->size - from->at, most = bytes < from->piece ? bytes : from->piece;
    (void)error;
    *got = left < most ? left : most;
    memcpy(data, from->bytes + from->at, *got);
    from->at += *got;
    *ended = !*got;
    return SLUICE_STATUS_OK;
}

static inline bool test_piecewise_is_ready(const sl_input_filter *base, int milliseconds)
{
    (void)base;
    return milliseconds > 0;
}

static inline void test_piecewise_close(sl_input_filter *base)
{
    free(base);
}

/** The text as an input named "t.csv". */
static inline sl_text_input test_table_text(const char *bytes, size_t size, size_t piece)
{
    test_piecewise *from = calloc(1, sizeof *from);
    ck_assert_ptr_nonnull(from);
    *from = (test_piecewise){{test_piecewise_read, test_piecewise_is_ready, test_piecewise_close}, bytes, size, piece, 0};
    sl_text_input text = {.array_remedy = "name it", .end = UINT64_MAX};
    SUCCEEDS(sl_input_open_filter, &from->base, "t.csv", &text.input);
    return text;
}

/** All of a table as text: its numbers as %g, '|' behind those of a row, and its texts in quotes before; '{name}' where a series begins
 *  and '.' where one ends. */
typedef struct test_table {
    char *text;
    size_t size;
} test_table;

static inline void test_table_free(test_table *table)
{
    free(table->text);
}

static inline void test_table_add_part(FILE *to, const sl_series_block *block, const sl_series_part *part, size_t first)
{
    for (size_t r = first; r < part->end; r++) {
        for (size_t k = 0; k < block->texts; k++) {
            const size_t *at = block->text_at + 2 * (r * block->texts + k);
            fprintf(to, "'%.*s' ", (int)at[1], block->text + at[0]);
        }
        for (size_t k = 0; k < block->width; k++)
            fprintf(to, "%s%.9g", k ? " " : "", block->values[r * block->width + k]);
        fputs("|", to);
    }
    if (part->ends)
        fputs(".", to);
}

static inline void test_table_add(FILE *to, const sl_series_block *block, bool *inside)
{
    size_t row = 0;
    for (size_t p = 0; p < block->parts; p++) {
        const sl_series_part *part = &block->part[p];
        if (!*inside)
            fprintf(to, "{%.*s}", (int)part->name_bytes, block->text + part->name_at);
        test_table_add_part(to, block, part, row);
        row = part->end;
        *inside = !part->ends;
    }
    ck_assert_uint_eq(row, block->rows);
}

/** Read all of it; the status, and the error's message in *error. */
static inline sluice_status test_table_read(const char *bytes, size_t size, size_t piece, const sl_csv_options *options,
                                            test_table *table, sluice_error *error)
{
    sl_text_input text = test_table_text(bytes, size, piece);
    sl_csv *csv;
    sl_series_block block;
    bool inside = false;
    *table = (test_table){0};
    sluice_status status = sl_csv_open(&text, options, &csv, error);
    if (status)
        return status;
    FILE *to = open_memstream(&table->text, &table->size);
    SUCCEEDS(sl_csv_create_block, csv, &block);
    while (!status && !block.is_last) {
        for (size_t k = 0; k < block.capacity * block.width; k++)
            block.values[k] = __builtin_nanf("");
        status = sl_csv_read(csv, &block, error);
        if (!status)
            test_table_add(to, &block, &inside);
    }
    fclose(to);
    sl_series_block_release(&block);
    sl_csv_close(csv);
    return status;
}

#endif
