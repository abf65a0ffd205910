/* sluice run --text: reads lines, and writes a line with the predicted class for each. */
#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/lines.h"
#include "cli/output/output_table.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <stdlib.h>

enum { CLASS_BYTES = 32 }; /* about the output for one class */

typedef struct text_run {
    sl_run_session *run;
    sl_lines *lines;
    sl_output_table table;
    float *logits;  /* [rows of a batch][C] */
    uint64_t total; /* bytes of input; 0: unknown */
    uint64_t first; /* the byte where this part of it begins */
    bool done;      /* with --skip-done: the part is there already */
} text_run;

static sl_exit write_predictions(text_run *text, size_t rows)
{
    const double started = sl_clock_get();
    sl_exit code = sl_output_table_write(&text->table, text->logits, 0, rows, 1, NULL);
    code = code ? code : sl_row_writer_flush(text->table.writer); /* someone may wait for them */
    text->run->stats.write_seconds += sl_clock_get() - started;
    return code;
}

static sl_exit run_batch(text_run *text, const sl_lines_batch *lines)
{
    sl_exit code = sl_lines_check_tokens(text->lines, lines, text->run->shape.vocabulary);
    sluice_batch batch = sl_lines_get_batch(lines);
    batch.logits = text->logits;
    code = code ? code : sl_run_forward(text->run, &batch, lines->bytes);
    return code ? code : write_predictions(text, lines->rows);
}

static sl_exit run_batches(text_run *text)
{
    sl_stats *stats = &text->run->stats;
    for (;;) {
        const double started = sl_clock_get();
        sl_lines_batch lines;
        sl_exit code = sl_lines_read(text->lines, &lines);
        stats->read_seconds += sl_clock_get() - started;
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        if (code || !lines.rows)
            return code;
        code = run_batch(text, &lines);
        if (code)
            return code;
        sl_progress_update(lines.end - text->first, stats->rows);
    }
}

/* Read all lines of the part for their digest. */
static sl_exit read_part(text_run *text)
{
    sl_lines_batch lines;
    sl_exit code;
    do
        code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : sl_lines_read(text->lines, &lines);
    while (!code && lines.rows);
    return code ? code : sl_shard_confirm(&text->run->shard);
}

/* With --shard choose the part, and see whether it is done. */
static sl_exit choose_part(text_run *text)
{
    sl_shard *shard = &text->run->shard;
    const uint64_t size = text->total;
    uint64_t end;
    if (!shard->parts)
        return SL_EXIT_OK;
    sl_exit code = sl_lines_choose_part(text->lines, shard->part, shard->parts, &shard->read, &text->first, &end);
    text->total = code ? 0 : end - text->first;
    code = code ? code : sl_shard_begin(shard, text->first, text->total, size, &text->done);
    return code || !text->done ? code : read_part(text);
}

static sl_exit open_all(text_run *text)
{
    const sl_options *options = text->run->options;
    const size_t row_bytes = text->run->shape.classes * sizeof *text->logits;
    const size_t rows = sl_chunk_rows_get(options, text->run->info.threads, (double)row_bytes + (double)options->top * CLASS_BYTES);
    sl_exit code =
        sl_lines_open(options->input, rows, options->keep_cr ? SL_LINES_KEEP_CR : SL_LINES_DROP_CR, &text->lines, &text->total);
    if (code)
        return code;
    code = choose_part(text);
    if (code || text->done)
        return code;
    const size_t most = sl_lines_get_rows(text->lines);
    text->logits = calloc(most, row_bytes);
    if (!text->logits)
        return sl_report_memory_of_rows("the logits");
    const sl_layer_output end = sl_layer_output_of_end(text->run->model);
    const sl_output_table_options about = {
        .format = options->output_format, .top = options->top ? options->top : 1, .has_header = text->run->shard.part <= 1};
    return sl_output_table_create(options->output, &about, text->run->model, &end, &text->table);
}

sl_exit sl_run_text(sl_run_session *run)
{
    text_run text = {.run = run};
    sl_exit code = open_all(&text);
    if (!code && !text.done) {
        sl_progress_start(run->options->progress, text.total);
        code = run_batches(&text);
        code = code ? code : sl_run_commit_table(run, text.table.writer);
    }
    sl_output_table_close(&text.table);
    sl_lines_close(text.lines);
    free(text.logits);
    return code;
}
