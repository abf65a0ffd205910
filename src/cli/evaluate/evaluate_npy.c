/* sluice evaluate with NumPy files: rows and their targets are read a chunk at a time. */
#include "cli/evaluate/evaluation.h"

#include "base/size.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/npy_input.h"
#include "cli/input/target_array.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <stdlib.h>

typedef struct npy_evaluation {
    sl_model_evaluation *evaluation;
    sl_npy_input input;
    sl_npy_array targets;
    int32_t *labels; /* of the chunk; NULL: values */
    size_t chunk;
} npy_evaluation;

static sl_exit open_targets(npy_evaluation *npy)
{
    sl_model_evaluation *evaluation = npy->evaluation;
    size_t width;
    sl_exit code = sl_npy_array_open(&npy->targets);
    if (!code)
        code = sl_target_array_check(&npy->targets, !evaluation->has_classes, npy->input.rows, npy->input.steps, "--input",
                                     &evaluation->every_step, &width);
    if (code)
        return code;
    npy->targets.planes = 1;
    npy->targets.width = npy->input.rows ? npy->targets.header.elements / npy->input.rows : 0;
    return sl_model_evaluation_begin(evaluation, width);
}

static sl_exit allocate(npy_evaluation *npy)
{
    const sl_model_evaluation *evaluation = npy->evaluation;
    const double bytes = sl_npy_input_get_row_bytes(&npy->input) + sl_npy_array_get_row_bytes(&npy->targets) +
                         sl_model_evaluation_get_row_bytes(evaluation, npy->input.steps) +
                         (double)npy->targets.width * sizeof(int32_t);
    const size_t most = sl_chunk_rows_get(evaluation->options, evaluation->info.threads, bytes);
    const size_t all = npy->input.rows ? npy->input.rows : 1;
    npy->chunk = most < all ? most : all;
    sl_exit code = sl_npy_input_allocate(&npy->input, npy->chunk);
    code = code ? code : sl_npy_array_allocate(&npy->targets, npy->chunk, false);
    if (code || !evaluation->has_classes)
        return code;
    size_t count;
    if (sl_size_mul(npy->chunk, npy->targets.width, &count))
        npy->labels = calloc(count ? count : 1, sizeof *npy->labels);
    return npy->labels ? SL_EXIT_OK : sl_report_memory_of_rows("the labels");
}

static sl_exit take_labels(npy_evaluation *npy, size_t first, size_t rows)
{
    const size_t width = npy->targets.width; /* labels of a row */
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; npy->labels && n < rows; n++) {
        const size_t used = npy->evaluation->every_step && npy->input.row_lengths ? (size_t)npy->input.row_lengths[n] : width;
        for (size_t t = 0; !code && t < used; t++)
            code = sl_target_array_take_label(&npy->targets, n * width + t, first + n, t, &npy->labels[n * width + t]);
    }
    return code;
}

static sl_exit add_chunk(npy_evaluation *npy, size_t first, size_t rows)
{
    uint64_t steps;
    sl_exit code = sl_npy_input_read(&npy->input, first, rows, &steps);
    code = code ? code : sl_npy_array_read(&npy->targets, first, rows);
    code = code ? code : take_labels(npy, first, rows);
    if (!code && sl_interrupt_seen())
        code = SL_EXIT_INTERRUPTED;
    const sluice_batch batch = sl_npy_input_get_batch(&npy->input, rows);
    return code ? code
                : sl_model_evaluation_add(npy->evaluation, &batch, first, npy->labels, npy->labels ? NULL : npy->targets.data);
}

static sl_exit evaluate(npy_evaluation *npy)
{
    sl_exit code = sl_npy_input_open(&npy->input);
    code = code ? code : open_targets(npy);
    code = code ? code : allocate(npy);
    if (code)
        return code;
    sl_progress_start(npy->evaluation->options->progress, npy->input.rows);
    for (size_t first = 0; !code && first < npy->input.rows; first += npy->chunk) {
        const size_t left = npy->input.rows - first, rows = left < npy->chunk ? left : npy->chunk;
        code = add_chunk(npy, first, rows);
        sl_progress_update(first + rows, first + rows);
    }
    return code;
}

sl_exit sl_evaluate_npy(sl_model_evaluation *evaluation)
{
    const sl_options *options = evaluation->options;
    npy_evaluation npy = {.evaluation = evaluation,
                          .input = {.x = {.option = "--input", .path = options->input},
                                    .lengths = {.option = "--lengths", .path = options->lengths},
                                    .mask = {.option = "--mask", .path = options->mask},
                                    .shape = evaluation->shape},
                          .targets = {.option = evaluation->has_classes ? "--labels" : "--values", .path = evaluation->targets}};
    const sl_exit code = evaluate(&npy);
    sl_npy_input_close(&npy.input);
    sl_npy_array_close(&npy.targets);
    free(npy.labels);
    return code;
}
