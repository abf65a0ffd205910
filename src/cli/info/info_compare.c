/* sluice info MODEL --precision P --compare FILE: how far the outputs of an engine of this precision are from those of an f32 engine,
 * for the rows of a file. Both run the same batches, a chunk of rows at a time. */
#include "cli/info/info_parts.h"

#include "base/size.h"
#include "cli/class_order.h"
#include "cli/info/output_difference.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/lines.h"
#include "cli/input/npy_input.h"
#include "cli/layer_output.h"
#include "cli/notes.h"
#include "cli/series/forecast.h"
#include "cli/series/window_reader.h"
#include "cli/state_sizes.h"
#include "program/format.h"
#include "program/interrupt.h"
#include "program/model_shape.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <stdlib.h>

enum { ASKED, F32, ENGINES };

/* What is compared. */
enum {
    OUTPUT, /* what sluice run writes to --output: h of the last LSTM layer, or the network's end */
    STATES, /* --hn */
    LOGITS, /* --head of a sluice_shape */
    KINDS
};

typedef struct comparison {
    const sl_options *options;
    const sluice_model *model;
    sluice_engine *engines[ENGINES];
    sluice_engine_info info; /* of ASKED */
    sl_layer_output output;  /* of OUTPUT */
    const char *names[KINDS];
    size_t widths[KINDS];          /* floats of a row, of OUTPUT perhaps of a step; 0: not compared */
    size_t floats[KINDS];          /* of a row */
    float *values[ENGINES][KINDS]; /* of a chunk */
    sl_output_difference differences[KINDS];
    int classifier; /* which of them has the classes; KINDS: none */
    uint64_t rows, steps;
    uint64_t classified, changed; /* rows, or steps, with a class; of these, how many have another in f32 */
} comparison;

static bool has_step_classes(const comparison *this)
{
    return this->classifier == OUTPUT && this->output.has_steps;
}

/* ---- Printing -------------------------------------------------------------------------------------------------------------- */

static double get_fraction(const comparison *this)
{
    return this->classified ? (double)this->changed / (double)this->classified : 0;
}

static json_t *difference_to_json(const char *name, const sl_output_difference *d)
{
    return json_pack("{ss sI sf sf sf sf sI sI}", "name", name, "elements", (json_int_t)d->elements, "largest_difference",
                     d->largest, "rms_difference", sl_output_difference_get_rms(d, d->squares), "largest_f32", d->largest_reference,
                     "rms_f32", sl_output_difference_get_rms(d, d->squares_reference), "nonfinite", (json_int_t)d->nonfinite,
                     "nonfinite_f32", (json_int_t)d->nonfinite_reference);
}

static json_t *classes_to_json(const comparison *this)
{
    if (this->classifier == KINDS)
        return json_null();
    return json_pack("{ss sI sI sf}", "of", has_step_classes(this) ? "steps" : "rows", "counted", (json_int_t)this->classified,
                     "changed", (json_int_t)this->changed, "fraction_changed", get_fraction(this));
}

static json_t *to_json(const comparison *this)
{
    const sl_options *options = this->options;
    json_t *outputs = json_array();
    for (size_t k = 0; outputs && k < KINDS; k++)
        if (this->widths[k])
            json_array_append_new(outputs, difference_to_json(this->names[k], &this->differences[k]));
    return json_pack("{so so sI sI ss ss ss sI so so}", "model", sl_json_string(options->model), "input",
                     sl_json_string(options->compare), "rows", (json_int_t)this->rows, "steps", (json_int_t)this->steps, "isa",
                     sluice_isa_get_name(this->info.isa), "gemm", sluice_gemm_get_name(this->info.gemm), "precision",
                     sluice_precision_get_name(this->info.precision), "threads", (json_int_t)this->info.threads, "outputs", outputs,
                     "classes", classes_to_json(this));
}

static void print_difference(const char *name, const sl_output_difference *d)
{
    char count[SL_FORMAT_COUNT];
    printf("%-8s %15s %12.4g %12.4g %12.4g %12.4g\n", name, sl_format_count(d->elements, count), d->largest,
           sl_output_difference_get_rms(d, d->squares), d->largest_reference,
           sl_output_difference_get_rms(d, d->squares_reference));
}

static void print(const comparison *this)
{
    char rows[SL_FORMAT_COUNT], steps[SL_FORMAT_COUNT];
    printf("model         ");
    sl_format_print_clean(this->options->model, SIZE_MAX, stdout);
    printf("\ninput         ");
    sl_format_print_clean(sl_report_input(this->options->compare), SIZE_MAX, stdout);
    printf(": %s rows, %s steps\n", sl_format_count(this->rows, rows), sl_format_count(this->steps, steps));
    sl_info_print_engine(&this->info);
    printf("\n%-8s %15s %12s %12s %12s %12s\n", "output", "elements", "diff largest", "diff rms", "f32 largest", "f32 rms");
    for (size_t k = 0; k < KINDS; k++)
        if (this->widths[k])
            print_difference(this->names[k], &this->differences[k]);
    for (size_t k = 0; k < KINDS; k++) {
        const sl_output_difference *d = &this->differences[k];
        if (d->nonfinite || d->nonfinite_reference)
            printf("%-13s %s elements are NaN or infinite, in f32 %s; the figures above leave them out\n", this->names[k],
                   sl_format_count(d->nonfinite, rows), sl_format_count(d->nonfinite_reference, steps));
    }
    if (this->classifier < KINDS)
        printf("\nclasses       %s of %s %s change (%.3g %%)\n", sl_format_count(this->changed, rows),
               sl_format_count(this->classified, steps), has_step_classes(this) ? "steps" : "rows", 100 * get_fraction(this));
}

/* ---- Comparing ------------------------------------------------------------------------------------------------------------- */

/* Choose what is compared, of rows of `steps` steps. Lines of text, which may differ much in length, have no outputs of steps. */
static sl_exit choose_outputs(comparison *this, size_t steps)
{
    const sluice_shape shape = sl_model_shape(this->model);
    const sl_layer_output *output = &this->output;
    this->names[OUTPUT] = output->field == SL_OUTPUT_Y ? "y" : "end";
    this->names[STATES] = "hn";
    this->names[LOGITS] = "logits";
    this->widths[OUTPUT] = output->has_steps && this->options->text ? 0 : output->width;
    this->floats[OUTPUT] = output->width;
    this->widths[STATES] = this->floats[STATES] = sl_state_sizes_get(this->model, SL_STATE_H).floats;
    this->widths[LOGITS] = this->floats[LOGITS] = sluice_model_is_shape(this->model) ? shape.classes : 0;
    if (this->widths[LOGITS] > 1)
        this->classifier = LOGITS;
    else
        this->classifier = output->field == SL_OUTPUT_LAYER && this->widths[OUTPUT] > 1 ? OUTPUT : KINDS;
    const bool fits = !output->has_steps || sl_size_mul(output->width, steps, &this->floats[OUTPUT]);
    return fits ? SL_EXIT_OK : sl_report_memory_of_rows("the outputs");
}

static double get_row_bytes(const comparison *this)
{
    double bytes = 0;
    for (size_t k = 0; k < KINDS; k++)
        bytes += this->widths[k] ? (double)(ENGINES * sizeof(float)) * (double)this->floats[k] : 0;
    return bytes;
}

static sl_exit make_room(comparison *this, size_t chunk)
{
    for (size_t k = 0; k < KINDS; k++)
        for (size_t e = 0; this->widths[k] && e < ENGINES; e++) {
            size_t count;
            if (sl_size_mul(chunk, this->floats[k], &count))
                this->values[e][k] = calloc(count ? count : 1, sizeof(float));
            if (!this->values[e][k])
                return sl_report_memory_of_rows("the outputs");
        }
    return SL_EXIT_OK;
}

static sl_exit run(const comparison *this, size_t e, const sluice_batch *inputs)
{
    float *const *values = this->values[e];
    const sluice_output output = {.layer = this->output.layer, .at = values[OUTPUT]};
    sluice_batch batch = *inputs;
    sluice_error error;
    batch.hn = values[STATES];
    batch.logits = values[LOGITS];
    if (this->output.field == SL_OUTPUT_Y) {
        batch.y = values[OUTPUT];
    } else if (this->widths[OUTPUT]) {
        batch.outputs = &output;
        batch.output_count = 1;
    }
    return sl_report_status(sluice_forward(this->engines[e], NULL, &batch, &error), &error);
}

/* Add `count` vectors of an output, from vector `at` of the chunk on. */
static void add(comparison *this, int kind, size_t at, size_t count)
{
    const size_t width = this->widths[kind];
    const float *values = this->values[ASKED][kind] + at * width, *reference = this->values[F32][kind] + at * width;
    sl_output_difference_add(&this->differences[kind], values, reference, count * width);
    for (size_t k = 0; kind == this->classifier && k < count; k++) {
        this->classified++;
        this->changed += sl_class_find(values + k * width, width) != sl_class_find(reference + k * width, width);
    }
}

static sl_exit compare_batch(comparison *this, const sluice_batch *batch)
{
    for (size_t e = 0; e < ENGINES; e++) {
        const sl_exit code = run(this, e, batch);
        if (code)
            return code;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (!this->widths[kind])
            continue;
        if (kind != OUTPUT || !this->output.has_steps)
            add(this, kind, 0, batch->rows);
        for (size_t n = 0; kind == OUTPUT && this->output.has_steps && n < batch->rows; n++)
            add(this, kind, n * batch->steps, batch->lengths ? (size_t)batch->lengths[n] : batch->steps);
    }
    this->rows += batch->rows;
    return SL_EXIT_OK;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static sl_exit compare_chunks(comparison *this, sl_npy_input *input)
{
    sl_exit code = choose_outputs(this, input->rows ? input->steps : 0);
    if (code)
        return code;
    const double row_bytes = sl_npy_input_get_row_bytes(input) + get_row_bytes(this);
    const size_t most = sl_chunk_rows_get(this->options, this->info.threads, row_bytes);
    const size_t all = input->rows ? input->rows : 1, chunk = most < all ? most : all;
    code = sl_npy_input_allocate(input, chunk);
    code = code ? code : make_room(this, chunk);
    for (size_t first = 0; !code && first < input->rows; first += chunk) {
        const size_t left = input->rows - first, rows = left < chunk ? left : chunk;
        uint64_t steps = 0;
        code = sl_npy_input_read(input, first, rows, &steps);
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        const sluice_batch batch = sl_npy_input_get_batch(input, rows);
        code = code ? code : compare_batch(this, &batch);
        this->steps += steps;
    }
    return code;
}

static sl_exit compare_npy(comparison *this)
{
    const sl_options *options = this->options;
    sl_npy_input input = {.x = {.option = "--compare", .path = options->compare},
                          .lengths = {.option = "--lengths", .path = options->lengths},
                          .mask = {.option = "--mask", .path = options->mask},
                          .step_first = options->step_first,
                          .shape = sl_model_shape(this->model)};
    sl_exit code = sl_npy_input_open(&input);
    code = code ? code : compare_chunks(this, &input);
    sl_npy_input_close(&input);
    return code;
}

static sl_exit compare_lines(comparison *this, sl_lines *lines)
{
    const size_t vocabulary = sl_model_shape(this->model).vocabulary;
    sl_exit code = make_room(this, sl_lines_get_rows(lines));
    while (!code) {
        sl_lines_batch batch;
        code = sl_lines_read(lines, &batch);
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        if (code || !batch.rows)
            break;
        const sluice_batch rows = sl_lines_get_batch(&batch);
        code = sl_lines_check_tokens(lines, &batch, vocabulary);
        code = code ? code : compare_batch(this, &rows);
        this->steps += batch.bytes;
    }
    return code;
}

static sl_exit compare_text(comparison *this)
{
    const sl_options *options = this->options;
    sl_exit code = sl_lines_check_model(options->model, this->model);
    code = code ? code : choose_outputs(this, 0);
    if (code)
        return code;
    const size_t most = sl_chunk_rows_get(options, this->info.threads, get_row_bytes(this));
    sl_lines *lines;
    uint64_t bytes;
    code = sl_lines_open(options->compare, most, options->keep_cr ? SL_LINES_KEEP_CR : SL_LINES_DROP_CR, &lines, &bytes);
    code = code ? code : compare_lines(this, lines);
    sl_lines_close(lines);
    return code;
}

static sl_exit compare_windows(comparison *this, sl_window_reader *reader)
{
    sl_window_batch windows;
    sl_exit code;
    while (!(code = sl_window_reader_next(reader, &windows)) && windows.rows) {
        sluice_batch batch;
        code = sl_window_reader_make_batch(reader, &windows, NULL, &batch);
        code = code ? code : compare_batch(this, &batch);
        if (code)
            return code;
        this->steps += (uint64_t)windows.rows * batch.steps;
    }
    return code;
}

static sl_exit compare_series(comparison *this, const sl_forecast *forecast)
{
    const sl_options *options = this->options;
    const sl_csv_options table = sl_series_options_get_table(&options->series);
    const sl_windows windows = {.steps = forecast->windows.steps, .hop = forecast->windows.hop}; /* no targets are needed */
    sl_exit code = choose_outputs(this, windows.steps);
    if (code)
        return code;
    this->classifier = KINDS; /* forecasts are no classes */
    const double row_bytes = (double)(2 * forecast->inputs.count) * sizeof(float) + get_row_bytes(this);
    const size_t most = sl_chunk_rows_get(options, this->info.threads, row_bytes);
    sl_window_reader reader = {0};
    code = make_room(this, most);
    code = code ? code : sl_window_reader_open(options->compare, &table, &forecast->inputs, &windows, most, &reader);
    code = code ? code : compare_windows(this, &reader);
    sl_window_reader_close(&reader);
    return code;
}

/* Rows, or of a model that was trained on windows, series; what is of rows alone makes them rows. Whole series are rows, too. */
static sl_exit compare_numbers(comparison *this)
{
    const sl_options *options = this->options;
    sl_forecast forecast;
    bool is_series;
    sl_exit code = sl_forecast_read(this->model, options->model, &forecast, &is_series);
    if (code)
        return code;
    is_series =
        is_series && !sl_windows_are_whole(&forecast.windows) && !options->lengths && !options->mask && !options->step_first;
    if (!is_series && (options->series.missing || sl_series_options_has_table(&options->series)))
        code = sl_report(SL_EXIT_USAGE, "--delimiter, --header, --sequence-column and --missing are of tables, which models have "
                                        "read that sluice train --window made, without --lengths, --mask and --layout; leave them "
                                        "out, and give arrays [N][T][I] of whole series");
    else
        code = is_series ? compare_series(this, &forecast) : compare_npy(this);
    sl_forecast_release(&forecast);
    return code;
}

/* ---- The command ------------------------------------------------------------------------------------------------------------ */

static sl_exit make_engines(comparison *this)
{
    sluice_engine_options options = this->options->engine;
    sluice_error error;
    if (sluice_engine_create(this->model, &options, &this->engines[ASKED], &error))
        return sl_report_error(&error);
    options.precision = SLUICE_PRECISION_F32;
    if (sluice_engine_create(this->model, &options, &this->engines[F32], &error))
        return sl_report_error(&error);
    this->info.struct_size = sizeof this->info;
    return sluice_engine_get_info(this->engines[ASKED], &this->info) ? sl_report_mismatch() : SL_EXIT_OK;
}

static sl_exit compare(comparison *this)
{
    sl_exit code = sl_layer_output_find(this->options, this->model, &this->output);
    code = code ? code : make_engines(this);
    if (!code)
        code = this->options->text ? compare_text(this) : compare_numbers(this);
    if (code)
        return code;
    if (this->options->json)
        return sl_json_print(to_json(this), stdout);
    print(this);
    return SL_EXIT_OK;
}

sl_exit sl_info_compare(const sl_options *options)
{
    sluice_model *model;
    sluice_error error;
    if (sluice_model_load(options->model, &options->names, &model, &error))
        return sl_report_error(&error);
    sl_notes_report(options->model, model);
    comparison this = {.options = options, .model = model};
    const sl_exit code = compare(&this);
    for (size_t e = 0; e < ENGINES; e++) {
        for (size_t k = 0; k < KINDS; k++)
            free(this.values[e][k]);
        sluice_engine_destroy(this.engines[e]);
    }
    sluice_model_destroy(model);
    return code;
}
