/* oneDNN as a peer, through its C API (2.6 and later, and 3), the way its documentation has it run fastest: inference
 * primitives, weights in the format it chooses itself and reordered once, x and y step-first.
 *
 * It knows no lengths: rows that end early are computed to the end with zeros behind them, so that a forward direction's h is
 * right up to the row's end; a reverse one would begin in the padding. Gates are in torch's order (its c~ is g), and [4H][in] is
 * its format ldgoi, so weights pass as they are. */
#include "peer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/threads.h"
#include "engine/model.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

/* ---- What release 3 has another way ------------------------------------------------------------------------------------------ */

/* A description is a value up to 2, a handle to be destroyed in 3; either is passed as a `description`. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t description;
#else
typedef const dnnl_memory_desc_t *description;
#endif

static description describe_array(dnnl_memory_desc_t *made, int dims, const dnnl_dims_t sizes, dnnl_format_tag_t tag)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(made, dims, sizes, dnnl_f32, tag) == dnnl_success ? *made : NULL;
#else
    return dnnl_memory_desc_init_by_tag(made, dims, sizes, dnnl_f32, tag) == dnnl_success ? made : NULL;
#endif
}

/* The arrays of an LSTM primitive, in the order of its arguments; the states that it begins with are zeros, and not given. */
enum { SOURCE, WEIGHTS_LAYER, WEIGHTS_ITER, BIAS, RESULT, FINAL_H, FINAL_C, ARRAYS };

static const int argument_of[ARRAYS] = {DNNL_ARG_SRC_LAYER, DNNL_ARG_WEIGHTS_LAYER, DNNL_ARG_WEIGHTS_ITER, DNNL_ARG_BIAS,
                                        DNNL_ARG_DST_LAYER, DNNL_ARG_DST_ITER,      DNNL_ARG_DST_ITER_C};

static dnnl_status_t describe_lstm(dnnl_engine_t engine, dnnl_rnn_direction_t direction, const description array[ARRAYS],
                                   dnnl_primitive_desc_t *made)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_lstm_forward_primitive_desc_create(made, engine, dnnl_forward_inference, direction, array[SOURCE], NULL, NULL,
                                                   array[WEIGHTS_LAYER], array[WEIGHTS_ITER], NULL, NULL, array[BIAS],
                                                   array[RESULT], array[FINAL_H], array[FINAL_C], dnnl_rnn_flags_undef, NULL);
#else
    dnnl_rnn_desc_t lstm;
    const dnnl_status_t status = dnnl_lstm_forward_desc_init(&lstm, dnnl_forward_inference, direction, array[SOURCE], NULL, NULL,
                                                             array[WEIGHTS_LAYER], array[WEIGHTS_ITER], array[BIAS], array[RESULT],
                                                             array[FINAL_H], array[FINAL_C], dnnl_rnn_flags_undef);
    return status != dnnl_success ? status : dnnl_primitive_desc_create(made, &lstm, NULL, engine, NULL);
#endif
}

static void forget_descriptions(dnnl_memory_desc_t *made, size_t count)
{
#if DNNL_VERSION_MAJOR >= 3
    for (size_t k = 0; k < count; k++)
        (void)dnnl_memory_desc_destroy(made[k]);
#else
    (void)made;
    (void)count;
#endif
}

/* ---- Objects ------------------------------------------------------------------------------------------------------------------ */

/* Layers that one primitive computes: those above each other that read as wide as the lowest. */
typedef struct stage {
    size_t first, layers, inputs; /* of its layers */
    dnnl_primitive_t primitive;
    dnnl_memory_t array[ARRAYS]; /* the source of all but the first stage is the result of the one below, and not here */
    dnnl_exec_arg_t arguments[ARRAYS];
} stage;

typedef struct onednn {
    const sluice_batch *batch;
    size_t layers, directions, hidden;
    int threads_before; /* of the OpenMP runtime; 0: not changed */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    stage *stages; /* [L] at most */
    size_t count;
} onednn;

static sluice_status fail_dnnl(dnnl_status_t status, const char *what, sluice_error *error)
{
    return sl_fail(error,
                   status == dnnl_unimplemented   ? SLUICE_STATUS_UNSUPPORTED
                   : status == dnnl_out_of_memory ? SLUICE_STATUS_NO_MEMORY
                                                  : SLUICE_STATUS_BAD_DATA,
                   "oneDNN: %s: status %d of dnnl_status_t; run without it by --peer", what, (int)status);
}

static void describe_onednn(char *text, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, bytes, "%d.%d.%d", version->major, version->minor, version->patch);
}

/* ---- Threads ------------------------------------------------------------------------------------------------------------------ */

/* A function of the OpenMP runtime that oneDNN finds in this process, which need not be the one this file is compiled for; and
 * the library's rule that one file alone knows OpenMP stands. */
static void *find_openmp(const char *name)
{
    return dnnl_version()->cpu_runtime == DNNL_RUNTIME_OMP ? dlsym(RTLD_DEFAULT, name) : NULL;
}

/* oneDNN uses as many threads as its runtime says, and has no setting of its own. Returns what it was; 0 if it cannot be set. */
static int exchange_threads(int threads)
{
    int (*get)(void);
    void (*set)(int);
    void *symbols[2] = {find_openmp("omp_get_max_threads"), find_openmp("omp_set_num_threads")};
    if (!symbols[0] || !symbols[1])
        return 0;
    memcpy(&get, &symbols[0], sizeof get); /* as POSIX has functions in void pointers, and ISO C has not */
    memcpy(&set, &symbols[1], sizeof set);
    const int before = get();
    set(threads);
    return before;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------------------- */

static float *floats_of(dnnl_memory_t memory)
{
    void *floats = NULL;
    return memory && dnnl_memory_get_data_handle(memory, &floats) == dnnl_success ? floats : NULL;
}

/* Copy `from`, weights in plain ldgoi, into `to`, which has the primitive's own format. */
static dnnl_status_t reorder(const onednn *it, description from_as, dnnl_memory_t from, description to_as, dnnl_memory_t to)
{
    dnnl_primitive_desc_t as = NULL;
    dnnl_primitive_t copy = NULL;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_status_t status = dnnl_reorder_primitive_desc_create(&as, from_as, it->engine, to_as, it->engine, NULL);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&copy, as);
    if (status == dnnl_success)
        status = dnnl_primitive_execute(copy, it->stream, 2, arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(it->stream);
    (void)dnnl_primitive_destroy(copy);
    (void)dnnl_primitive_desc_destroy(as);
    return status;
}

/* Give a stage one of its weights: [layers*D] arrays of [4H][inputs], one behind the other, then reordered. */
static dnnl_status_t set_weights(const onednn *it, const stage *to, const sluice_model *model, int which, description wanted)
{
    const size_t inputs = which == WEIGHTS_LAYER ? to->inputs : it->hidden, floats = SL_GATES * it->hidden * inputs;
    const dnnl_dims_t sizes = {(dnnl_dim_t)to->layers, (dnnl_dim_t)it->directions, (dnnl_dim_t)inputs, SL_GATES,
                               (dnnl_dim_t)it->hidden};
    dnnl_memory_desc_t given;
    dnnl_memory_t memory = NULL;
    const description as = describe_array(&given, 5, sizes, dnnl_ldgoi);
    dnnl_status_t status = as ? dnnl_memory_create(&memory, as, it->engine, DNNL_MEMORY_ALLOCATE) : dnnl_out_of_memory;
    for (size_t k = 0; status == dnnl_success && k < to->layers * it->directions; k++) {
        const sl_layer *layer = &model->layers[to->first * it->directions + k];
        memcpy(floats_of(memory) + k * floats, which == WEIGHTS_LAYER ? layer->weight_ih : layer->weight_hh,
               floats * sizeof(float));
    }
    if (status == dnnl_success)
        status = reorder(it, as, memory, wanted, to->array[which]);
    (void)dnnl_memory_destroy(memory);
    if (as)
        forget_descriptions(&given, 1);
    return status;
}

static void set_bias(const onednn *it, const stage *to, const sluice_model *model)
{
    const size_t floats = SL_GATES * it->hidden;
    for (size_t k = 0; k < to->layers * it->directions; k++)
        memcpy(floats_of(to->array[BIAS]) + k * floats, model->layers[to->first * it->directions + k].bias, floats * sizeof(float));
}

/* Copy x, [N][T][I] up to each row's end, to [T][N][I] with zeros past it. */
static void set_x(const sluice_batch *batch, size_t inputs, float *to)
{
    for (size_t t = 0; t < batch->steps; t++)
        for (size_t n = 0; n < batch->rows; n++) {
            const bool ended = batch->lengths && t >= (size_t)batch->lengths[n];
            float *row = to + (t * batch->rows + n) * inputs;
            if (ended)
                memset(row, 0, inputs * sizeof *row);
            else
                memcpy(row, batch->x + (n * batch->steps + t) * inputs, inputs * sizeof *row);
        }
}

/* ---- Making it ---------------------------------------------------------------------------------------------------------------- */

/* Make the stage's arrays as its primitive wants them; the states go straight into the batch's arrays. */
static dnnl_status_t make_arrays(onednn *it, stage *made, dnnl_primitive_desc_t as, dnnl_memory_t below)
{
    const size_t states = made->first * it->directions * it->batch->rows * it->hidden;
    dnnl_status_t status = dnnl_success;
    for (int k = 0; status == dnnl_success && k < ARRAYS; k++) {
        void *place = k == FINAL_H ? it->batch->hn + states : k == FINAL_C ? it->batch->cn + states : DNNL_MEMORY_ALLOCATE;
        if (k != SOURCE || !below)
            status = dnnl_memory_create(&made->array[k], dnnl_primitive_desc_query_md(as, dnnl_query_exec_arg_md, argument_of[k]),
                                        it->engine, place);
        made->arguments[k] = (dnnl_exec_arg_t){argument_of[k], k == SOURCE && below ? below : made->array[k]};
    }
    return status;
}

static dnnl_status_t describe_stage(const onednn *it, const stage *of, dnnl_primitive_desc_t *made)
{
    const dnnl_dim_t steps = (dnnl_dim_t)it->batch->steps, rows = (dnnl_dim_t)it->batch->rows, hidden = (dnnl_dim_t)it->hidden;
    const dnnl_dim_t layers = (dnnl_dim_t)of->layers, directions = (dnnl_dim_t)it->directions, inputs = (dnnl_dim_t)of->inputs;
    const struct {
        int dims;
        dnnl_dims_t sizes;
        dnnl_format_tag_t tag;
    } wanted[ARRAYS] = {
        [SOURCE] = {3, {steps, rows, inputs}, dnnl_tnc},
        [WEIGHTS_LAYER] = {5, {layers, directions, inputs, SL_GATES, hidden}, dnnl_format_tag_any},
        [WEIGHTS_ITER] = {5, {layers, directions, hidden, SL_GATES, hidden}, dnnl_format_tag_any},
        [BIAS] = {4, {layers, directions, SL_GATES, hidden}, dnnl_ldgo},
        [RESULT] = {3, {steps, rows, directions * hidden}, dnnl_tnc},
        [FINAL_H] = {4, {layers, directions, rows, hidden}, dnnl_ldnc},
        [FINAL_C] = {4, {layers, directions, rows, hidden}, dnnl_ldnc},
    };
    dnnl_memory_desc_t made_arrays[ARRAYS];
    description arrays[ARRAYS];
    dnnl_status_t status = dnnl_success;
    size_t count = 0;
    for (; status == dnnl_success && count < ARRAYS; count++) {
        arrays[count] = describe_array(&made_arrays[count], wanted[count].dims, wanted[count].sizes, wanted[count].tag);
        if (!arrays[count]) {
            status = dnnl_out_of_memory;
            break;
        }
    }
    if (status == dnnl_success)
        status =
            describe_lstm(it->engine, directions == 2 ? dnnl_bidirectional_concat : dnnl_unidirectional_left2right, arrays, made);
    forget_descriptions(made_arrays, count);
    return status;
}

static dnnl_status_t make_stage(onednn *it, stage *made, const sluice_model *model, dnnl_memory_t below)
{
    dnnl_primitive_desc_t as = NULL;
    dnnl_status_t status = describe_stage(it, made, &as);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&made->primitive, as);
    if (status == dnnl_success)
        status = make_arrays(it, made, as, below);
    for (int k = WEIGHTS_LAYER; status == dnnl_success && k <= WEIGHTS_ITER; k++)
        status = set_weights(it, made, model, k, dnnl_primitive_desc_query_md(as, dnnl_query_exec_arg_md, argument_of[k]));
    if (status == dnnl_success) {
        set_bias(it, made, model);
        if (!below)
            set_x(it->batch, made->inputs, floats_of(made->array[SOURCE]));
    }
    (void)dnnl_primitive_desc_destroy(as);
    return status;
}

/* oneDNN stacks layers in one primitive where all read equally wide arrays. */
static dnnl_status_t make_stages(onednn *it, const sluice_model *model)
{
    dnnl_status_t status = dnnl_success;
    for (size_t l = 0; status == dnnl_success && l < it->layers; it->count++) {
        stage *made = &it->stages[it->count];
        made->first = l;
        made->inputs = model->layers[l * it->directions].inputs;
        do
            l++;
        while (it->directions == 1 && made->inputs == it->hidden && l < it->layers);
        made->layers = l - made->first;
        status = make_stage(it, made, model, it->count ? made[-1].array[RESULT] : NULL);
    }
    return status;
}

static void destroy_onednn(void *made)
{
    onednn *it = made;
    if (!it)
        return;
    for (size_t s = 0; s < it->count; s++) {
        (void)dnnl_primitive_destroy(it->stages[s].primitive);
        for (int k = 0; k < ARRAYS; k++)
            (void)dnnl_memory_destroy(it->stages[s].array[k]);
    }
    (void)dnnl_stream_destroy(it->stream);
    (void)dnnl_engine_destroy(it->engine);
    if (it->threads_before)
        (void)exchange_threads(it->threads_before);
    sl_free(it->stages);
    sl_free(it);
}

static sluice_status take_threads(onednn *it, sl_setting *setting, sluice_error *error)
{
    char reason[160];
    const sl_setting asked = *setting;
    *setting = (sl_setting){.peer = asked.peer};
    const sluice_status status = sl_threads_choose(asked.threads, &setting->threads, reason, sizeof reason, error);
    if (status)
        return status;
    it->threads_before = exchange_threads((int)setting->threads);
    return it->threads_before ? SLUICE_STATUS_OK
                              : sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                                        "this oneDNN has threads other than OpenMP's, whose number cannot be set here");
}

static sluice_status make_onednn(const sluice_model *model, const sluice_batch *batch, sl_result *result, void **made,
                                 sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    *made = NULL;
    if (batch->x_offsets || (batch->lengths && shape->directions == 2))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "oneDNN knows no lengths, and padding does not stand for them %s",
                       batch->x_offsets ? "where one row is much longer than the others" : "in two directions");
    onednn *it = *made = sl_alloc(sizeof *it);
    if (!it || !(it->stages = sl_alloc_array(shape->layers, sizeof *it->stages)))
        return sl_fail_memory(error, "a peer", sizeof *it);
    it->batch = batch;
    it->layers = shape->layers;
    it->directions = shape->directions;
    it->hidden = shape->hidden;
    const sluice_status taken = take_threads(it, &result->setting, error);
    if (taken)
        return taken;
    dnnl_status_t status = dnnl_engine_create(&it->engine, dnnl_cpu, 0);
    if (status == dnnl_success)
        status = dnnl_stream_create(&it->stream, it->engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = make_stages(it, model);
    return status == dnnl_success ? SLUICE_STATUS_OK : fail_dnnl(status, "making an LSTM primitive", error);
}

/* ---- Running it --------------------------------------------------------------------------------------------------------------- */

static sluice_status call_onednn(void *made, sluice_error *error)
{
    const onednn *it = made;
    dnnl_status_t status = dnnl_success;
    for (size_t s = 0; status == dnnl_success && s < it->count; s++)
        status = dnnl_primitive_execute(it->stages[s].primitive, it->stream, ARRAYS, it->stages[s].arguments);
    if (status == dnnl_success)
        status = dnnl_stream_wait(it->stream);
    return status == dnnl_success ? SLUICE_STATUS_OK : fail_dnnl(status, "running an LSTM", error);
}

/* y from [T][N][D*H], with the zeros past a row's end that padding has not. */
static void collect_onednn(void *made)
{
    const onednn *it = made;
    const sluice_batch *batch = it->batch;
    const size_t width = it->directions * it->hidden;
    const float *from = floats_of(it->stages[it->count - 1].array[RESULT]);
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
        float *y = batch->y + n * batch->steps * width;
        for (size_t t = 0; t < length; t++)
            memcpy(y + t * width, from + (t * batch->rows + n) * width, width * sizeof *y);
        memset(y + length * width, 0, (batch->steps - length) * width * sizeof *y);
    }
}

const sl_peer sl_peer_onednn = {.name = "onednn",
                                .describe = describe_onednn,
                                .pads = true,
                                .make = make_onednn,
                                .call = call_onednn,
                                .collect = collect_onednn,
                                .destroy = destroy_onednn};
