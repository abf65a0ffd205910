/* sluice run with NumPy files: arrays are read and written, a chunk of rows at a time. */
#include "cli/run/run_session.h"

#include "base/clock.h"
#include "cli/digest.h"
#include "cli/input/chunk_rows.h"
#include "cli/input/npy_input.h"
#include "cli/layer_output.h"
#include "cli/output/output_table.h"
#include "cli/run/initial_states.h"
#include "cli/run/state_archive.h"
#include "cli/run/stream_state.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <stdio.h>

enum { EXPECTED_BYTES = 256 }; /* room for the description of an expected array */

enum { H0, C0, FIRST_OUTPUT, OUTPUT = FIRST_OUTPUT, HN, CN, HEAD, ARRAYS };
enum { KINDS = SL_STATE_C + 1 }; /* of states */

typedef struct npy_run {
    sl_run_session *run;
    sl_npy_input input;
    sl_npy_array arrays[ARRAYS]; /* states and outputs */
    size_t chunk;                /* rows at a time */
    size_t first, end;           /* the rows that are run: all, or with --shard a part */
    size_t base;                 /* the input's row that is row 0 of the outputs */
    size_t rows;                 /* of the outputs */
    bool done;                   /* with --skip-done: the part is there already */
    sl_stream_state state;
    sl_layer_output output, end_of_network; /* what --output and --head write */
    sl_output_table tables[ARRAYS];         /* of --output and --head, where their files are no arrays */
    sl_state_sizes sizes[KINDS];            /* of the states */
    sl_initial_states initial[KINDS];       /* --h0 and --c0, where the layers' sizes differ */
    sl_state_archive archives[KINDS];       /* --hn and --cn, where the layers' sizes differ */
} npy_run;

static sl_exit check_state(npy_run *npy, sl_npy_array *state, sl_state_kind kind)
{
    const sl_state_sizes *sizes = &npy->sizes[kind];
    const sl_npy_header *header = &state->header;
    char expected[EXPECTED_BYTES];
    if (!sizes->width)
        return sl_initial_states_open(&npy->initial[kind], npy->run->model, kind, npy->input.rows);
    snprintf(expected, sizeof expected, "numbers [%zu][%zu][%zu] (L*D and H of the model, N of --input)", sizes->layer_dirs,
             npy->input.rows, sizes->width);
    if (state->path && (header->dims != 3 || header->shape[0] != sizes->layer_dirs || header->shape[1] != npy->input.rows ||
                        header->shape[2] != sizes->width))
        return sl_npy_array_reject(state, expected,
                                   "give states that --hn and --cn wrote for the same number of rows, or leave out the option");
    state->planes = sizes->layer_dirs;
    state->rows = npy->input.rows;
    state->width = sizes->width;
    return sl_npy_array_accept(state, SL_NPY_ARRAY_REALS);
}

/* Where the layers' sizes differ, the option's file is an archive. */
static void set_archive(sl_initial_states *initial, sl_npy_array *array)
{
    initial->option = array->option;
    initial->path = array->path;
    array->path = NULL;
}

static sl_exit open_inputs(npy_run *npy)
{
    for (size_t k = 0; k < KINDS; k++)
        if (!npy->sizes[k].width)
            set_archive(&npy->initial[k], &npy->arrays[k == SL_STATE_H ? H0 : C0]);
    sl_exit code = sl_npy_input_open(&npy->input);
    for (size_t k = 0; !code && k < FIRST_OUTPUT; k++)
        code = sl_npy_array_open(&npy->arrays[k]);
    code = code ? code : check_state(npy, &npy->arrays[H0], SL_STATE_H);
    return code ? code : check_state(npy, &npy->arrays[C0], SL_STATE_C);
}

/* Whether --output or --head writes a table; what is in memory is then the array of the chunk's outputs, rows first. */
static bool is_table(const npy_run *npy, size_t array)
{
    const sl_options *options = npy->run->options;
    return (array == OUTPUT && options->output_format != SL_ROWS_NPY) || (array == HEAD && options->head_format != SL_ROWS_NPY);
}

static bool is_step_first(const npy_run *npy, size_t array)
{
    return npy->run->options->step_first && !is_table(npy, array);
}

/* Set the shape of the array of a layer's outputs. */
static sl_exit shape_layer(npy_run *npy, const sl_layer_output *output, size_t k)
{
    sl_npy_array *array = &npy->arrays[k];
    const size_t rows = npy->rows, steps = npy->input.steps, width = output->width;
    const bool step_first = is_step_first(npy, k);
    const size_t by_steps[] = {step_first ? steps : rows, step_first ? rows : steps, width}, by_rows[] = {rows, width};
    if (!output->has_steps)
        return sl_npy_array_shape(array, 2, by_rows, 1, rows, width);
    return sl_npy_array_shape(array, 3, by_steps, step_first ? steps : 1, rows, step_first ? width : steps * width);
}

/* Set the shape of --hn or --cn: one array, or where the layers' sizes differ, an archive of one for each layer. */
static sl_exit shape_states(npy_run *npy, sl_npy_array *array, sl_state_kind kind)
{
    const sl_state_sizes *sizes = &npy->sizes[kind];
    sl_state_archive *archive = &npy->archives[kind];
    const size_t shape[] = {sizes->layer_dirs, npy->rows, sizes->width};
    if (sizes->width)
        return sl_npy_array_shape(array, 3, shape, sizes->layer_dirs, npy->rows, sizes->width);
    archive->option = array->option;
    archive->path = array->path;
    array->path = NULL;
    return sl_state_archive_shape(archive, npy->run->model, kind, npy->rows);
}

static sl_exit shape_outputs(npy_run *npy)
{
    sl_exit code = shape_layer(npy, &npy->output, OUTPUT);
    code = code ? code : shape_states(npy, &npy->arrays[HN], SL_STATE_H);
    code = code ? code : shape_states(npy, &npy->arrays[CN], SL_STATE_C);
    return code ? code : shape_layer(npy, &npy->end_of_network, HEAD);
}

/* Memory for one row of a chunk. */
static double get_row_bytes(const npy_run *npy)
{
    double bytes = sl_npy_input_get_row_bytes(&npy->input);
    for (size_t k = 0; k < ARRAYS; k++)
        bytes += sl_npy_array_get_row_bytes(&npy->arrays[k]);
    for (size_t k = 0; k < KINDS; k++)
        bytes += (double)(npy->archives[k].floats + 2 * npy->initial[k].floats) * sizeof(float);
    return bytes;
}

static sl_exit allocate(npy_run *npy)
{
    const size_t rows = sl_chunk_rows_get(npy->run->options, npy->run->info.threads, get_row_bytes(npy));
    const size_t most = npy->end > npy->first ? npy->end - npy->first : 1;
    npy->chunk = rows < most ? rows : most;
    sl_exit code = sl_npy_input_allocate(&npy->input, npy->chunk);
    if (code)
        return code;
    for (size_t k = 0; k < ARRAYS; k++) {
        code = sl_npy_array_allocate(&npy->arrays[k], npy->chunk, k >= FIRST_OUTPUT);
        if (code)
            return code;
    }
    for (size_t k = 0; k < KINDS; k++) {
        code = sl_state_archive_allocate(&npy->archives[k], npy->chunk);
        code = code ? code : sl_initial_states_allocate(&npy->initial[k], npy->chunk);
        if (code)
            return code;
    }
    return sl_stream_state_open(&npy->state, npy->run, npy->input.rows, npy->chunk);
}

static sl_exit read_chunk(npy_run *npy, size_t first, size_t rows, uint64_t *steps)
{
    const double started = sl_clock_get();
    sl_exit code = sl_npy_input_read(&npy->input, first, rows, steps);
    for (size_t k = 0; !code && k < FIRST_OUTPUT; k++)
        code = sl_npy_array_read(&npy->arrays[k], first, rows);
    for (size_t k = 0; !code && k < KINDS; k++)
        code = sl_initial_states_read(&npy->initial[k], first, rows);
    npy->run->stats.read_seconds += sl_clock_get() - started;
    return code;
}

static sl_exit write_output(npy_run *npy, size_t k, size_t first, size_t rows)
{
    const sl_npy_array *arrays = npy->arrays;
    /* The logits of a batch are in one place, that of --head if both want them. */
    const bool is_shared = k == OUTPUT && npy->output.field == SL_OUTPUT_LOGITS && arrays[HEAD].path;
    if (!npy->tables[k].writer)
        return sl_npy_array_write(&npy->arrays[k], first - npy->base, rows);
    return sl_output_table_write(&npy->tables[k], arrays[is_shared ? HEAD : k].data, first, rows, npy->input.steps,
                                 npy->input.row_lengths);
}

static sl_exit write_chunk(npy_run *npy, size_t first, size_t rows)
{
    const double started = sl_clock_get();
    sl_exit code = SL_EXIT_OK;
    for (size_t k = FIRST_OUTPUT; !code && k < ARRAYS; k++)
        code = write_output(npy, k, first, rows);
    for (size_t k = 0; !code && k < KINDS; k++)
        code = sl_state_archive_write(&npy->archives[k], first - npy->base, rows);
    npy->run->stats.write_seconds += sl_clock_get() - started;
    return code;
}

/* Where the engine writes the states of a chunk. */
static float *get_states(const npy_run *npy, const sl_npy_array *array, sl_state_kind kind)
{
    return array->path ? array->data : npy->archives[kind].data;
}

/* Add to the batch what --output or --head wants; `rows` are the chunk's. */
static void want(const npy_run *npy, const sl_layer_output *output, size_t k, sluice_batch *batch, sluice_output *outputs)
{
    const sl_npy_array *array = &npy->arrays[k];
    const bool step_first = is_step_first(npy, k);
    const size_t row_stride = output->width * (step_first || !output->has_steps ? 1 : npy->input.steps);
    const size_t step_stride = output->width * (step_first ? batch->rows : 1);
    if (!array->path)
        return;
    if (output->field == SL_OUTPUT_Y) {
        batch->y = array->data;
        batch->y_row_stride = row_stride;
        batch->y_step_stride = step_stride;
    } else if (output->field == SL_OUTPUT_LOGITS) {
        batch->logits = array->data;
    } else {
        outputs[batch->output_count++] =
            (sluice_output){.layer = output->layer, .at = array->data, .row_stride = row_stride, .step_stride = step_stride};
    }
}

static sl_exit run_chunk(npy_run *npy, size_t first, size_t rows, uint64_t steps)
{
    sl_npy_array *arrays = npy->arrays;
    sluice_output outputs[2];
    sluice_batch batch = sl_npy_input_get_batch(&npy->input, rows);
    batch.h0 = arrays[H0].path ? arrays[H0].data : npy->initial[SL_STATE_H].data;
    batch.c0 = arrays[C0].path ? arrays[C0].data : npy->initial[SL_STATE_C].data;
    batch.hn = get_states(npy, &arrays[HN], SL_STATE_H);
    batch.cn = get_states(npy, &arrays[CN], SL_STATE_C);
    batch.outputs = outputs;
    batch.streams = npy->state.streams;
    batch.slots = sl_stream_state_get_slots(&npy->state, first, rows);
    want(npy, &npy->output, OUTPUT, &batch, outputs);
    want(npy, &npy->end_of_network, HEAD, &batch, outputs);
    return sl_run_forward(npy->run, &batch, steps);
}

static sl_exit run_chunks(npy_run *npy)
{
    for (size_t first = npy->first; first < npy->end; first += npy->chunk) {
        const size_t left = npy->end - first, rows = left < npy->chunk ? left : npy->chunk;
        uint64_t steps = 0;
        sl_exit code = read_chunk(npy, first, rows, &steps);
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        code = code ? code : run_chunk(npy, first, rows, steps);
        code = code ? code : write_chunk(npy, first, rows);
        if (code)
            return code;
        sl_progress_update(first + rows - npy->first, npy->run->stats.rows);
    }
    return SL_EXIT_OK;
}

/* ---- --shard --------------------------------------------------------------------------------------------------------------- */

/* Do something with each array that is read, up to a failure. */
static sl_exit for_each_input(npy_run *npy, sl_exit (*call)(sl_npy_array *array, void *context), void *context)
{
    sl_npy_array *const inputs[] = {&npy->input.x, &npy->input.lengths, &npy->input.mask, &npy->arrays[H0], &npy->arrays[C0]};
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < sizeof inputs / sizeof inputs[0]; k++)
        code = call(inputs[k], context);
    for (size_t k = 0; k < KINDS; k++)
        for (size_t layer = 0; !code && layer < npy->initial[k].layers; layer++)
            code = call(&npy->initial[k].arrays[layer], context);
    return code;
}

static sl_exit check_seekable(sl_npy_array *array, void *context)
{
    (void)context;
    return !array->path || sl_npy_is_seekable(array->reader)
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_USAGE,
                           "%s: a part of %s is read by seeking, and compressed data have no places to seek to; decompress "
                           "with gzip -dc FILE > NEW, or write an archive by numpy.savez",
                           array->path, array->option);
}

static sl_exit add_digest(sl_npy_array *array, void *digest)
{
    *(uint64_t *)digest = sl_digest_add(*(uint64_t *)digest, &array->digest, sizeof array->digest);
    return SL_EXIT_OK;
}

/* The part's share of the input, as one number. */
static void set_read(npy_run *npy)
{
    npy->run->shard.read = SL_DIGEST_BEGIN;
    (void)for_each_input(npy, add_digest, &npy->run->shard.read);
}

static sl_exit begin_digest(sl_npy_array *array, void *context)
{
    (void)context;
    array->digests = true;
    return SL_EXIT_OK;
}

/* Have all files of the part digested as they are read and written. */
static void begin_digests(npy_run *npy)
{
    (void)for_each_input(npy, begin_digest, NULL);
    for (size_t k = FIRST_OUTPUT; k < ARRAYS; k++)
        npy->arrays[k].digests = true;
    for (size_t k = 0; k < KINDS; k++)
        npy->archives[k].digests = true;
}

/* What the outputs of the part are; those that the run writes as archives have no path as arrays. */
static sl_exit describe_outputs(npy_run *npy)
{
    sl_shard *shard = &npy->run->shard;
    const bool step_first = npy->run->options->step_first;
    for (size_t k = 0; k < SL_SHARD_OUTPUTS; k++) {
        sl_shard_record *record = &shard->outputs[k].record;
        const bool is_state = k == SL_SHARD_HN || k == SL_SHARD_CN;
        const bool is_text = is_table(npy, FIRST_OUTPUT + k);
        record->kind = shard->outputs[k].out && !npy->arrays[FIRST_OUTPUT + k].path ? SL_SHARD_NPZ : SL_SHARD_NPY;
        record->kind = is_text ? SL_SHARD_TEXT : record->kind;
        record->axis = is_state || (step_first && !is_text && (k == SL_SHARD_HEAD ? npy->end_of_network : npy->output).has_steps);
        npy->arrays[FIRST_OUTPUT + k].joins = shard->in_place;
        if (record->kind == SL_SHARD_NPZ && shard->in_place)
            return sl_report(SL_EXIT_USAGE,
                             "--in-place does not go with %s of a network whose layers' states differ in size, which are an .npz "
                             "file; leave it out, and merge the parts",
                             shard->outputs[k].option);
    }
    return SL_EXIT_OK;
}

/* The rows that are run; all, unless --shard says otherwise. */
static sl_exit choose_rows(npy_run *npy)
{
    const sl_shard *shard = &npy->run->shard;
    npy->end = npy->rows = npy->input.rows;
    if (!shard->parts)
        return SL_EXIT_OK;
    sl_exit code = for_each_input(npy, check_seekable, NULL);
    code = code ? code : sl_npy_input_cut(&npy->input, shard->part, shard->parts, &npy->first, &npy->end);
    if (!shard->in_place) {
        npy->base = npy->first;
        npy->rows = npy->end - npy->first;
    }
    return code;
}

/* With --skip-done, see whether the part is there. */
static sl_exit begin_part(npy_run *npy)
{
    sl_shard *shard = &npy->run->shard;
    sl_exit code = shard->parts ? describe_outputs(npy) : SL_EXIT_OK;
    code = code ? code : sl_shard_begin(shard, npy->first, npy->end - npy->first, npy->input.rows, &npy->done);
    if (code || !shard->parts)
        return code;
    begin_digests(npy);
    if (!npy->done)
        return SL_EXIT_OK;
    for (size_t first = npy->first; !code && first < npy->end; first += npy->chunk) {
        uint64_t steps;
        const size_t left = npy->end - first;
        code = sl_interrupt_seen() ? SL_EXIT_INTERRUPTED : read_chunk(npy, first, left < npy->chunk ? left : npy->chunk, &steps);
    }
    set_read(npy);
    return code ? code : sl_shard_confirm(shard);
}

static sl_exit prepare_part(npy_run *npy)
{
    sl_shard *shard = &npy->run->shard;
    set_read(npy);
    for (size_t k = 0; k < SL_SHARD_OUTPUTS; k++) {
        sl_row_writer *writer = npy->tables[FIRST_OUTPUT + k].writer;
        const sl_exit code = writer ? sl_row_writer_flush(writer) : SL_EXIT_OK;
        if (code)
            return code;
        shard->outputs[k].written = writer ? sl_row_writer_get_digest(writer) : npy->arrays[FIRST_OUTPUT + k].digest;
    }
    for (size_t k = 0; k < KINDS; k++)
        if (npy->archives[k].path)
            shard->outputs[k == SL_STATE_H ? SL_SHARD_HN : SL_SHARD_CN].written = npy->archives[k].digest;
    return sl_shard_prepare(shard);
}

/* ---- The run --------------------------------------------------------------------------------------------------------------- */

static sl_exit create_output(npy_run *npy, size_t k)
{
    const sl_options *options = npy->run->options;
    if (!is_table(npy, k) || !npy->arrays[k].path)
        return sl_npy_array_create(&npy->arrays[k]);
    const sl_output_table_options about = {.format = k == OUTPUT ? options->output_format : options->head_format,
                                           .top = k == OUTPUT ? options->top : 0,
                                           .has_header = npy->run->shard.part <= 1,
                                           .has_places = true};
    return sl_output_table_create(npy->arrays[k].path, &about, npy->run->model, k == OUTPUT ? &npy->output : &npy->end_of_network,
                                  &npy->tables[k]);
}

static sl_exit commit(npy_run *npy)
{
    sl_exit code = prepare_part(npy);
    for (size_t k = FIRST_OUTPUT; !code && k < ARRAYS; k++)
        code = npy->tables[k].writer ? sl_row_writer_commit(npy->tables[k].writer) : sl_npy_array_commit(&npy->arrays[k]);
    for (size_t k = 0; !code && k < KINDS; k++)
        code = sl_state_archive_commit(&npy->archives[k]);
    code = code ? code : sl_stream_state_save(&npy->state, npy->run);
    return code ? code : sl_shard_commit(&npy->run->shard);
}

static sl_exit run_all(npy_run *npy)
{
    const sl_options *options = npy->run->options;
    sl_exit code = sl_layer_output_find(options, npy->run->model, &npy->output);
    npy->end_of_network = sl_layer_output_of_end(npy->run->model);
    npy->output = options->top ? npy->end_of_network : npy->output;
    for (size_t k = 0; k < KINDS; k++)
        npy->sizes[k] = sl_state_sizes_get(npy->run->model, (sl_state_kind)k);
    code = code ? code : open_inputs(npy);
    code = code ? code : choose_rows(npy);
    code = code ? code : shape_outputs(npy);
    code = code ? code : allocate(npy);
    code = code ? code : begin_part(npy);
    if (code || npy->done)
        return code;
    code = sl_run_measure(npy->run, npy->end > npy->first ? npy->chunk : 0, npy->input.steps);
    for (size_t k = FIRST_OUTPUT; !code && k < ARRAYS; k++)
        code = create_output(npy, k);
    for (size_t k = 0; !code && k < KINDS; k++)
        code = sl_state_archive_create(&npy->archives[k]);
    if (code)
        return code;
    sl_progress_start(options->progress, npy->end - npy->first);
    code = run_chunks(npy);
    return code ? code : commit(npy);
}

sl_exit sl_run_npy(sl_run_session *run)
{
    const sl_options *options = run->options;
    npy_run npy = {.run = run,
                   .input = {.x = {.option = "--input", .path = options->input},
                             .lengths = {.option = "--lengths", .path = options->lengths},
                             .mask = {.option = "--mask", .path = options->mask},
                             .step_first = options->step_first,
                             .shape = run->shape},
                   .arrays = {[H0] = {.option = "--h0", .path = options->h0},
                              [C0] = {.option = "--c0", .path = options->c0},
                              [OUTPUT] = {.option = "--output", .path = options->output},
                              [HN] = {.option = "--hn", .path = options->hn},
                              [CN] = {.option = "--cn", .path = options->cn},
                              [HEAD] = {.option = "--head", .path = options->head}}};
    const sl_exit code = run_all(&npy);
    for (size_t k = 0; k < ARRAYS; k++) {
        sl_npy_array_close(&npy.arrays[k]);
        sl_output_table_close(&npy.tables[k]);
    }
    for (size_t k = 0; k < KINDS; k++) {
        sl_state_archive_close(&npy.archives[k]);
        sl_initial_states_close(&npy.initial[k]);
    }
    sl_npy_input_close(&npy.input);
    sl_stream_state_close(&npy.state);
    return code;
}
