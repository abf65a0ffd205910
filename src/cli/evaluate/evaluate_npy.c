/* sluice evaluate with NumPy files: rows and their targets are read a chunk at a time. */
#include "cli/evaluate/evaluation.h"

#include "base/size.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/npy_input.h"
#include "cli/input/target_array.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <stdlib.h>
#include <string.h>

typedef struct npy_evaluation {
    sl_model_evaluation *evaluation;
    sl_npy_input input;
    sl_npy_array targets;
    bool has_step_targets; /* the array has a target for each step; else one for each row, with --every-step of each of its steps */
    size_t target_width;
    int32_t *labels; /* of the chunk, in the order of rows; NULL: values */
    float *values;   /* likewise; NULL: labels, or the array has them in this order */
    size_t chunk;
} npy_evaluation;

static sl_exit open_targets(npy_evaluation *npy)
{
    sl_model_evaluation *evaluation = npy->evaluation;
    const sl_npy_input *input = &npy->input;
    sl_exit code = sl_npy_array_open(&npy->targets);
    if (!code)
        code = sl_target_array_check(&npy->targets, !evaluation->has_classes, input->rows, input->steps, input->step_first,
                                     "--input", &npy->has_step_targets, &npy->target_width);
    if (code)
        return code;
    const bool has_planes = npy->has_step_targets && input->step_first;
    npy->targets.planes = has_planes ? input->steps : 1;
    npy->targets.width = npy->target_width * (npy->has_step_targets && !has_planes ? input->steps : 1);
    evaluation->every_step = npy->has_step_targets || evaluation->options->train.every_step;
    return sl_model_evaluation_begin(evaluation, npy->target_width);
}

/* Targets of a row. */
static size_t count_targets(const npy_evaluation *npy)
{
    return npy->evaluation->every_step ? npy->input.steps : 1;
}

static sl_exit allocate(npy_evaluation *npy)
{
    const sl_model_evaluation *evaluation = npy->evaluation;
    const double bytes = sl_npy_input_get_row_bytes(&npy->input) + sl_npy_array_get_row_bytes(&npy->targets) +
                         sl_model_evaluation_get_row_bytes(evaluation, npy->input.steps) +
                         (double)count_targets(npy) * (double)npy->target_width * sizeof(float);
    const size_t most = sl_chunk_rows_get(evaluation->options, evaluation->info.threads, bytes);
    const size_t all = npy->input.rows ? npy->input.rows : 1;
    npy->chunk = most < all ? most : all;
    sl_exit code = sl_npy_input_allocate(&npy->input, npy->chunk);
    code = code ? code : sl_npy_array_allocate(&npy->targets, npy->chunk, false);
    const bool has_order = evaluation->every_step == npy->has_step_targets && npy->targets.planes == 1;
    if (code || (!evaluation->has_classes && has_order))
        return code;
    size_t count;
    const bool fits = sl_size_mul(npy->chunk, count_targets(npy), &count) && sl_size_mul(count, npy->target_width, &count);
    if (fits && evaluation->has_classes)
        npy->labels = calloc(count ? count : 1, sizeof *npy->labels);
    else if (fits)
        npy->values = calloc(count ? count : 1, sizeof *npy->values);
    return npy->labels || npy->values ? SL_EXIT_OK : sl_report_memory_of_rows("the targets");
}

/* Where the target of a step is in the array in memory, of `rows` rows; the only one of a row for any step. */
static size_t find_target(const npy_evaluation *npy, size_t rows, size_t n, size_t t)
{
    if (!npy->has_step_targets)
        return n;
    return npy->targets.planes > 1 ? t * rows + n : n * npy->input.steps + t;
}

/* Put the targets of a chunk in the order of rows and, where one is asked for, one to each step. */
static sl_exit take_targets(npy_evaluation *npy, size_t first, size_t rows)
{
    const size_t width = npy->target_width, targets = count_targets(npy);
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; (npy->labels || npy->values) && n < rows; n++) {
        const size_t used = npy->evaluation->every_step && npy->input.row_lengths ? (size_t)npy->input.row_lengths[n] : targets;
        for (size_t t = 0; !code && t < used; t++) {
            const size_t from = find_target(npy, rows, n, t), to = n * targets + t;
            if (npy->labels)
                code = sl_target_array_take_label(&npy->targets, from, first + n, t, &npy->labels[to]);
            else
                memcpy(npy->values + to * width, (const float *)npy->targets.data + from * width, width * sizeof *npy->values);
        }
    }
    return code;
}

static sl_exit add_chunk(npy_evaluation *npy, size_t first, size_t rows)
{
    uint64_t steps;
    sl_exit code = sl_npy_input_read(&npy->input, first, rows, &steps);
    code = code ? code : sl_npy_array_read(&npy->targets, first, rows);
    code = code ? code : take_targets(npy, first, rows);
    if (!code && sl_interrupt_seen())
        code = SL_EXIT_INTERRUPTED;
    const sluice_batch batch = sl_npy_input_get_batch(&npy->input, rows);
    return code ? code
                : sl_model_evaluation_add(npy->evaluation, &batch, first, npy->labels,
                                          npy->labels   ? NULL
                                          : npy->values ? npy->values
                                                        : npy->targets.data);
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
                                    .step_first = options->step_first,
                                    .shape = evaluation->shape},
                          .targets = {.option = evaluation->has_classes ? "--labels" : "--values", .path = evaluation->targets}};
    const sl_exit code = evaluate(&npy);
    sl_npy_input_close(&npy.input);
    sl_npy_array_close(&npy.targets);
    free(npy.labels);
    free(npy.values);
    return code;
}
