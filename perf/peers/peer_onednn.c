/* oneDNN as a peer, through its C API (2.6 and later, and 3), used as its documentation recommends for speed: inference
 * primitives, or where training is asked for those of its forward and its backward pass, weights in the format each of them
 * chooses itself and reordered once, x and y step-first.
 *
 * It knows no lengths: rows that end early are computed to the end with zeros behind them, so that a forward direction's h is
 * right up to the row's end; a reverse one would begin in the padding, and so would the gradients of final states. Gates are in
 * torch's order (its c~ is g), and [4H][in] is its format ldgoi, so weights pass as they are.
 *
 * bf16: x, weights, y and h are bf16, bias and c f32. int8: x is u8 and weights are s8 by scales that are set beforehand, h is u8
 * between the steps and between layers, y and the final states are f32 (onednn_arrays.h). It takes x ready-made: converting x, as
 * laying it out, is set-up, and not timed. What this CPU lacks the instructions for is unimplemented, and skipped. */
#include "perf/peers/onednn_arrays.h"
#include "perf/peers/peer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/thread_count.h"
#include "model/model.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

/* ---- Differences of release 3 ---------------------------------------------------------------------------------------------- */

/* A description is a value in release 2, and a handle that has to be destroyed in 3; both are passed as a `description`. */
#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t description;
#else
typedef const dnnl_memory_desc_t *description;
#endif

static description describe_array(dnnl_memory_desc_t *made, int dims, const dnnl_dims_t sizes, dnnl_data_type_t type,
                                  dnnl_format_tag_t tag)
{
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_memory_desc_create_with_tag(made, dims, sizes, type, tag) == dnnl_success ? *made : NULL;
#else
    return dnnl_memory_desc_init_by_tag(made, dims, sizes, type, tag) == dnnl_success ? made : NULL;
#endif
}

/* Kinds of arrays by shape; the gradient of an array has the array's shape. */
enum { LIKE_SOURCE, LIKE_WEIGHTS_LAYER, LIKE_WEIGHTS_ITER, LIKE_BIAS, LIKE_RESULT, LIKE_H, LIKE_C, LIKES };

/* The arrays of a layer group: those of an inference primitive, those that training adds to its forward pass, and those of its backward
 * pass. The initial states of inference are zeros, and are not passed. */
enum {
    SOURCE,
    WEIGHTS_LAYER,
    WEIGHTS_ITER,
    BIAS,
    RESULT,
    FINAL_H,
    FINAL_C,
    INFERENCE_ARRAYS,
    START_H = INFERENCE_ARRAYS,
    START_C,
    WORKSPACE,
    FORWARD_ARRAYS,
    BACK_WEIGHTS_LAYER = FORWARD_ARRAYS, /* the weights in the format of the backward pass */
    BACK_WEIGHTS_ITER,
    DIFF_SOURCE,
    DIFF_WEIGHTS_LAYER,
    DIFF_WEIGHTS_ITER,
    DIFF_BIAS,
    DIFF_RESULT,
    DIFF_FINAL_H,
    DIFF_FINAL_C,
    DIFF_START_H,
    DIFF_START_C,
    ARRAYS
};

static const int argument_of[ARRAYS] = {[SOURCE] = DNNL_ARG_SRC_LAYER,
                                        [WEIGHTS_LAYER] = DNNL_ARG_WEIGHTS_LAYER,
                                        [WEIGHTS_ITER] = DNNL_ARG_WEIGHTS_ITER,
                                        [BIAS] = DNNL_ARG_BIAS,
                                        [RESULT] = DNNL_ARG_DST_LAYER,
                                        [FINAL_H] = DNNL_ARG_DST_ITER,
                                        [FINAL_C] = DNNL_ARG_DST_ITER_C,
                                        [START_H] = DNNL_ARG_SRC_ITER,
                                        [START_C] = DNNL_ARG_SRC_ITER_C,
                                        [WORKSPACE] = DNNL_ARG_WORKSPACE,
                                        [BACK_WEIGHTS_LAYER] = DNNL_ARG_WEIGHTS_LAYER,
                                        [BACK_WEIGHTS_ITER] = DNNL_ARG_WEIGHTS_ITER,
                                        [DIFF_SOURCE] = DNNL_ARG_DIFF_SRC_LAYER,
                                        [DIFF_WEIGHTS_LAYER] = DNNL_ARG_DIFF_WEIGHTS_LAYER,
                                        [DIFF_WEIGHTS_ITER] = DNNL_ARG_DIFF_WEIGHTS_ITER,
                                        [DIFF_BIAS] = DNNL_ARG_DIFF_BIAS,
                                        [DIFF_RESULT] = DNNL_ARG_DIFF_DST_LAYER,
                                        [DIFF_FINAL_H] = DNNL_ARG_DIFF_DST_ITER,
                                        [DIFF_FINAL_C] = DNNL_ARG_DIFF_DST_ITER_C,
                                        [DIFF_START_H] = DNNL_ARG_DIFF_SRC_ITER,
                                        [DIFF_START_C] = DNNL_ARG_DIFF_SRC_ITER_C};

/* The forward pass. The states that it begins with are given for training alone. */
static dnnl_status_t describe_forward(dnnl_engine_t engine, dnnl_prop_kind_t kind, dnnl_rnn_direction_t direction,
                                      const description like[LIKES], dnnl_primitive_attr_t scales, dnnl_primitive_desc_t *made)
{
    const bool trains = kind == dnnl_forward_training;
    const description start_h = trains ? like[LIKE_H] : NULL, start_c = trains ? like[LIKE_C] : NULL;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_lstm_forward_primitive_desc_create(made, engine, kind, direction, like[LIKE_SOURCE], start_h, start_c,
                                                   like[LIKE_WEIGHTS_LAYER], like[LIKE_WEIGHTS_ITER], NULL, NULL, like[LIKE_BIAS],
                                                   like[LIKE_RESULT], like[LIKE_H], like[LIKE_C], dnnl_rnn_flags_undef, scales);
#else
    dnnl_rnn_desc_t lstm;
    const dnnl_status_t status = dnnl_lstm_forward_desc_init(&lstm, kind, direction, like[LIKE_SOURCE], start_h, start_c,
                                                             like[LIKE_WEIGHTS_LAYER], like[LIKE_WEIGHTS_ITER], like[LIKE_BIAS],
                                                             like[LIKE_RESULT], like[LIKE_H], like[LIKE_C], dnnl_rnn_flags_undef);
    return status != dnnl_success ? status : dnnl_primitive_desc_create(made, &lstm, scales, engine, NULL);
#endif
}

/* The backward pass that belongs to a forward one. */
static dnnl_status_t describe_back(dnnl_engine_t engine, dnnl_primitive_desc_t forward, dnnl_rnn_direction_t direction,
                                   const description like[LIKES], dnnl_primitive_desc_t *made)
{
    const description source = like[LIKE_SOURCE], result = like[LIKE_RESULT], state = like[LIKE_H], bias = like[LIKE_BIAS];
    const description of_layer = like[LIKE_WEIGHTS_LAYER], of_iter = like[LIKE_WEIGHTS_ITER];
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_lstm_backward_primitive_desc_create(made, engine, dnnl_backward, direction, source, state, state, of_layer, of_iter,
                                                    NULL, NULL, bias, result, state, state, source, state, state, of_layer, of_iter,
                                                    NULL, NULL, bias, result, state, state, dnnl_rnn_flags_undef, forward, NULL);
#else
    dnnl_rnn_desc_t lstm;
    const dnnl_status_t status = dnnl_lstm_backward_desc_init(&lstm, dnnl_backward, direction, source, state, state, of_layer,
                                                              of_iter, bias, result, state, state, source, state, state, of_layer,
                                                              of_iter, bias, result, state, state, dnnl_rnn_flags_undef);
    return status != dnnl_success ? status : dnnl_primitive_desc_create(made, &lstm, NULL, engine, forward);
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

/* Consecutive layers that one primitive computes: those whose inputs are as wide as the lowest layer's. */
typedef struct layer_group {
    size_t first, layers, inputs; /* of its layers */
    sl_onednn_types types;
    dnnl_primitive_attr_t scales; /* of int8; else NULL */
    dnnl_primitive_t forward, back;
    dnnl_memory_t array[ARRAYS]; /* the source of all but the first group is the result of the group below, and not stored here */
    size_t bytes[ARRAYS];
    dnnl_exec_arg_t arguments[ARRAYS]; /* of the forward pass, the first of them */
    dnnl_exec_arg_t back_arguments[ARRAYS];
    int back_count;
} layer_group;

typedef struct onednn {
    const sluice_batch *batch;
    const sluice_gradient *gradient; /* NULL: not wanted */
    bool trains;
    sluice_precision precision; /* f32 where it trains */
    size_t layers, directions, hidden;
    int threads_before; /* of the OpenMP runtime; 0: not changed */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    layer_group *groups; /* [L] at most */
    size_t count;
} onednn;

static sluice_status fail_dnnl(dnnl_status_t status, const char *what, sluice_error *error)
{
    return sl_fail(error,
                   status == dnnl_unimplemented   ? SLUICE_STATUS_UNSUPPORTED
                   : status == dnnl_out_of_memory ? SLUICE_STATUS_NO_MEMORY
                                                  : SLUICE_STATUS_BAD_DATA,
                   "oneDNN: %s: %s: status %d of dnnl_status_t; run without it by --peer", what,
                   status == dnnl_unimplemented ? "not implemented for this CPU" : "failed", (int)status);
}

static void describe_onednn(char *text, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, bytes, "%d.%d.%d", version->major, version->minor, version->patch);
}

/* ---- Threads ------------------------------------------------------------------------------------------------------------------ */

/* A function of the OpenMP runtime that oneDNN finds in this process, which may differ from the one that this file is compiled for.
 * Found by name, because only files of src/base/system may include omp.h. */
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
    memcpy(&get, &symbols[0], sizeof get); /* POSIX, but not ISO C, converts void pointers to functions */
    memcpy(&set, &symbols[1], sizeof set);
    const int before = get();
    set(threads);
    return before;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------------------- */

static void *data_of(dnnl_memory_t memory)
{
    void *data = NULL;
    return memory && dnnl_memory_get_data_handle(memory, &data) == dnnl_success ? data : NULL;
}

static float *floats_of(dnnl_memory_t memory)
{
    return data_of(memory);
}

/* Copy `from` into `to`, whose format may differ, and whose type by these scales (NULL: none). */
static dnnl_status_t reorder(const onednn *it, dnnl_memory_t from, dnnl_memory_t to, dnnl_primitive_attr_t scales)
{
    dnnl_primitive_desc_t as = NULL;
    dnnl_primitive_t copy = NULL;
    description from_as = NULL, to_as = NULL;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    dnnl_status_t status = dnnl_memory_get_memory_desc(from, &from_as);
    status = status ? status : dnnl_memory_get_memory_desc(to, &to_as);
    status = status ? status : dnnl_reorder_primitive_desc_create(&as, from_as, it->engine, to_as, it->engine, scales);
    status = status ? status : dnnl_primitive_create(&copy, as);
    status = status ? status : dnnl_primitive_execute(copy, it->stream, 2, arguments);
    status = status ? status : dnnl_stream_wait(it->stream);
    (void)dnnl_primitive_destroy(copy);
    (void)dnnl_primitive_desc_destroy(as);
    return status;
}

/* Reorder the [layers*D] arrays [4H][inputs] of a layer group into one of its arrays or, if `back`, out of it. */
static dnnl_status_t copy_weights(const onednn *it, const layer_group *of, size_t inputs, float *const arrays[], int which,
                                  bool back)
{
    const size_t floats = SL_GATES * it->hidden * inputs, count = of->layers * it->directions;
    const dnnl_dims_t sizes = {(dnnl_dim_t)of->layers, (dnnl_dim_t)it->directions, (dnnl_dim_t)inputs, SL_GATES,
                               (dnnl_dim_t)it->hidden};
    dnnl_memory_desc_t plain;
    dnnl_memory_t memory = NULL;
    const description as = describe_array(&plain, 5, sizes, dnnl_f32, dnnl_ldgoi);
    dnnl_status_t status = as ? dnnl_memory_create(&memory, as, it->engine, DNNL_MEMORY_ALLOCATE) : dnnl_out_of_memory;
    for (size_t k = 0; status == dnnl_success && !back && k < count; k++)
        memcpy(floats_of(memory) + k * floats, arrays[k], floats * sizeof(float));
    if (status == dnnl_success)
        status = back ? reorder(it, of->array[which], memory, NULL) : reorder(it, memory, of->array[which], of->scales);
    for (size_t k = 0; status == dnnl_success && back && k < count; k++)
        memcpy(arrays[k], floats_of(memory) + k * floats, floats * sizeof(float));
    (void)dnnl_memory_destroy(memory);
    if (as)
        forget_descriptions(&plain, 1);
    return status;
}

/* Copy the model's weights into a layer group, for each pass in its own format. */
static dnnl_status_t set_weights(const onednn *it, const layer_group *to, const sluice_model *model)
{
    const size_t count = to->layers * it->directions;
    dnnl_status_t status = dnnl_success;
    float **lists[2] = {sl_alloc_array(count, sizeof(float *)), sl_alloc_array(count, sizeof(float *))};
    for (size_t k = 0; lists[0] && lists[1] && k < count; k++) {
        lists[0][k] = sl_model_get_gates(model, to->first * it->directions + k).weight_ih;
        lists[1][k] = sl_model_get_gates(model, to->first * it->directions + k).weight_hh;
    }
    if (!lists[0] || !lists[1])
        status = dnnl_out_of_memory;
    static const int layer_arrays[] = {WEIGHTS_LAYER, BACK_WEIGHTS_LAYER}, iter_arrays[] = {WEIGHTS_ITER, BACK_WEIGHTS_ITER};
    for (size_t pass = 0; pass < 2 && (pass == 0 || it->gradient); pass++) {
        status = status ? status : copy_weights(it, to, to->inputs, lists[0], layer_arrays[pass], false);
        status = status ? status : copy_weights(it, to, it->hidden, lists[1], iter_arrays[pass], false);
    }
    sl_free(lists[0]);
    sl_free(lists[1]);
    return status;
}

static void set_bias(const onednn *it, const layer_group *to, const sluice_model *model)
{
    const size_t floats = SL_GATES * it->hidden;
    for (size_t k = 0; k < to->layers * it->directions; k++)
        memcpy(floats_of(to->array[BIAS]) + k * floats, sl_model_get_gates(model, to->first * it->directions + k).bias,
               floats * sizeof(float));
}

/* ---- Making it ---------------------------------------------------------------------------------------------------------------- */

/* The caller's array for a state of float32 or the gradient of a state; NULL: an own array has to be allocated. */
static void *place_of(const onednn *it, const layer_group *of, int which)
{
    const size_t states = of->first * it->directions * it->batch->rows * it->hidden;
    switch (which) {
    case FINAL_H:
        return of->types.h == dnnl_f32 ? (void *)(it->batch->hn + states) : DNNL_MEMORY_ALLOCATE;
    case FINAL_C:
        return it->batch->cn + states;
    case DIFF_FINAL_H:
        return (float *)it->gradient->dhn + states; /* which is only read */
    case DIFF_FINAL_C:
        return (float *)it->gradient->dcn + states;
    case DIFF_START_H:
        return it->gradient->dh0 + states;
    case DIFF_START_C:
        return it->gradient->dc0 + states;
    default:
        return DNNL_MEMORY_ALLOCATE;
    }
}

/* Make the group's arrays from..to in the formats of a pass; its source, and the gradient of the source, belong to the group below. */
static dnnl_status_t make_arrays(const onednn *it, layer_group *made, dnnl_primitive_desc_t as, int from, int to,
                                 const layer_group *below)
{
    dnnl_status_t status = dnnl_success;
    for (int k = from; status == dnnl_success && k < to; k++) {
        const description of = dnnl_primitive_desc_query_md(as, dnnl_query_exec_arg_md, argument_of[k]);
        const int shared = !below ? ARRAYS : k == SOURCE ? RESULT : k == DIFF_SOURCE ? DIFF_RESULT : ARRAYS;
        made->bytes[k] = dnnl_memory_desc_get_size(of);
        if (shared == ARRAYS)
            status = dnnl_memory_create(&made->array[k], of, it->engine, place_of(it, made, k));
        made->arguments[k] = (dnnl_exec_arg_t){argument_of[k], shared < ARRAYS ? below->array[shared] : made->array[k]};
    }
    return status;
}

/* The arguments of the backward pass: all arrays but the weights in the formats of the forward pass. */
static void list_back_arguments(layer_group *of)
{
    for (int k = 0; k < ARRAYS; k++)
        if (k != WEIGHTS_LAYER && k != WEIGHTS_ITER)
            of->back_arguments[of->back_count++] = of->arguments[k];
}

/* Describe both passes of a layer group; *back stays NULL if there is no gradient. */
static dnnl_status_t describe_stage(const onednn *it, const layer_group *of, dnnl_primitive_desc_t *forward,
                                    dnnl_primitive_desc_t *back)
{
    const dnnl_dim_t steps = (dnnl_dim_t)it->batch->steps, rows = (dnnl_dim_t)it->batch->rows, hidden = (dnnl_dim_t)it->hidden;
    const dnnl_dim_t layers = (dnnl_dim_t)of->layers, directions = (dnnl_dim_t)it->directions, inputs = (dnnl_dim_t)of->inputs;
    const dnnl_rnn_direction_t both = directions == 2 ? dnnl_bidirectional_concat : dnnl_unidirectional_left2right;
    const sl_onednn_types *types = &of->types;
    const struct {
        int dims;
        dnnl_dims_t sizes;
        dnnl_data_type_t type;
        dnnl_format_tag_t tag;
    } wanted[LIKES] = {
        [LIKE_SOURCE] = {3, {steps, rows, inputs}, types->source, dnnl_tnc},
        [LIKE_WEIGHTS_LAYER] = {5, {layers, directions, inputs, SL_GATES, hidden}, types->weights, dnnl_format_tag_any},
        [LIKE_WEIGHTS_ITER] = {5, {layers, directions, hidden, SL_GATES, hidden}, types->weights, dnnl_format_tag_any},
        [LIKE_BIAS] = {4, {layers, directions, SL_GATES, hidden}, dnnl_f32, dnnl_ldgo},
        [LIKE_RESULT] = {3, {steps, rows, directions * hidden}, types->result, dnnl_tnc},
        [LIKE_H] = {4, {layers, directions, rows, hidden}, types->h, dnnl_ldnc},
        [LIKE_C] = {4, {layers, directions, rows, hidden}, dnnl_f32, dnnl_ldnc},
    };
    dnnl_memory_desc_t made[LIKES];
    description like[LIKES];
    dnnl_status_t status = dnnl_success;
    size_t count = 0;
    for (; count < LIKES; count++)
        if (!(like[count] =
                  describe_array(&made[count], wanted[count].dims, wanted[count].sizes, wanted[count].type, wanted[count].tag)))
            break;
    if (count < LIKES)
        status = dnnl_out_of_memory;
    if (status == dnnl_success)
        status = describe_forward(it->engine, it->trains ? dnnl_forward_training : dnnl_forward_inference, both, like, of->scales,
                                  forward);
    if (status == dnnl_success && it->gradient)
        status = describe_back(it->engine, *forward, both, like, back);
    forget_descriptions(made, count);
    return status;
}

/* Fill the inputs of a layer group; the initial states of training are zeros, too. */
static void set_arrays(const onednn *it, const layer_group *made, const sluice_model *model, const layer_group *below)
{
    set_bias(it, made, model);
    if (!below)
        sl_onednn_put_steps(it->batch, made->inputs, it->batch->x, made->types.source, data_of(made->array[SOURCE]));
    for (int k = START_H; it->trains && k <= START_C; k++)
        memset(floats_of(made->array[k]), 0, made->bytes[k]);
    if (it->gradient && made->first + made->layers == it->layers)
        sl_onednn_put_steps(it->batch, it->directions * it->hidden, it->gradient->dy, dnnl_f32, data_of(made->array[DIFF_RESULT]));
}

static dnnl_status_t make_stage(const onednn *it, layer_group *made, const sluice_model *model, const layer_group *below)
{
    dnnl_primitive_desc_t forward = NULL, back = NULL;
    dnnl_status_t status = dnnl_success;
    made->types = sl_onednn_types_get(it->precision, made->first + made->layers == it->layers);
    if (it->precision == SLUICE_PRECISION_INT8)
        status = sl_onednn_scales_create(model, made->first * it->directions, made->layers * it->directions, &made->scales);
    status = status ? status : describe_stage(it, made, &forward, &back);
    status = status ? status : dnnl_primitive_create(&made->forward, forward);
    if (status == dnnl_success)
        status = make_arrays(it, made, forward, 0, it->trains ? FORWARD_ARRAYS : INFERENCE_ARRAYS, below);
    if (status == dnnl_success && back)
        status = dnnl_primitive_create(&made->back, back);
    if (status == dnnl_success && back)
        status = make_arrays(it, made, back, FORWARD_ARRAYS, ARRAYS, below);
    status = status ? status : set_weights(it, made, model);
    if (status == dnnl_success)
        set_arrays(it, made, model, below);
    if (status == dnnl_success && back)
        list_back_arguments(made);
    (void)dnnl_primitive_desc_destroy(back);
    (void)dnnl_primitive_desc_destroy(forward);
    return status;
}

/* oneDNN computes several layers in one primitive if their inputs are equally wide. */
static dnnl_status_t make_stages(onednn *it, const sluice_model *model)
{
    dnnl_status_t status = dnnl_success;
    for (size_t l = 0; status == dnnl_success && l < it->layers; it->count++) {
        layer_group *made = &it->groups[it->count];
        made->first = l;
        made->inputs = model->network->dirs[l * it->directions].inputs;
        do
            l++;
        while (it->directions == 1 && made->inputs == it->hidden && l < it->layers);
        made->layers = l - made->first;
        status = make_stage(it, made, model, it->count ? made - 1 : NULL);
    }
    return status;
}

static void destroy_onednn(void *made)
{
    onednn *it = made;
    if (!it)
        return;
    for (size_t s = 0; s < it->count; s++) {
        (void)dnnl_primitive_destroy(it->groups[s].forward);
        (void)dnnl_primitive_destroy(it->groups[s].back);
        (void)dnnl_primitive_attr_destroy(it->groups[s].scales);
        for (int k = 0; k < ARRAYS; k++)
            (void)dnnl_memory_destroy(it->groups[s].array[k]);
    }
    (void)dnnl_stream_destroy(it->stream);
    (void)dnnl_engine_destroy(it->engine);
    if (it->threads_before)
        (void)exchange_threads(it->threads_before);
    sl_free(it->groups);
    sl_free(it);
}

static sluice_status take_threads(onednn *it, sl_setting *setting, sluice_error *error)
{
    char reason[160];
    sl_setting_clear_kernels(setting);
    const sluice_status status = sl_threads_choose(setting->threads, &setting->threads, reason, sizeof reason, error);
    if (status)
        return status;
    it->threads_before = exchange_threads((int)setting->threads);
    return it->threads_before ? SLUICE_STATUS_OK
                              : sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                                        "this oneDNN has threads other than OpenMP's, whose number cannot be set here");
}

static sluice_status make_onednn(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                 sl_result *result, void **made, sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    *made = NULL;
    if (batch->x_offsets || (batch->lengths && shape->directions == 2))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "oneDNN knows no lengths, and padding does not stand for them %s",
                       batch->x_offsets ? "where one row is much longer than the others" : "in two directions");
    if (batch->lengths && gradient)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "oneDNN knows no lengths, and padding does not let the gradients of final states in where a row ends");
    onednn *it = *made = sl_alloc(sizeof *it);
    if (!it || !(it->groups = sl_alloc_array(shape->layers, sizeof *it->groups)))
        return sl_fail_memory(error, "a peer", sizeof *it);
    it->batch = batch;
    it->gradient = gradient;
    it->trains = result->shape.train != SL_TRAIN_NONE;
    it->precision = result->setting.precision;
    it->layers = shape->layers;
    it->directions = shape->directions;
    it->hidden = shape->hidden;
    const sluice_status taken = take_threads(it, &result->setting, error);
    if (taken)
        return taken;
    dnnl_status_t status = dnnl_engine_create(&it->engine, dnnl_cpu, 0);
    status = status ? status : dnnl_stream_create(&it->stream, it->engine, dnnl_stream_default_flags);
    status = status ? status : make_stages(it, model);
    char what[64];
    snprintf(what, sizeof what, "an LSTM primitive in %s", sluice_precision_get_name(it->precision));
    return status == dnnl_success ? SLUICE_STATUS_OK : fail_dnnl(status, what, error);
}

/* ---- Running it --------------------------------------------------------------------------------------------------------------- */

/* The backward pass adds to the gradients of the weights, so they have to be cleared. */
static void clear_sums(const layer_group *of)
{
    for (int k = DIFF_WEIGHTS_LAYER; k <= DIFF_BIAS; k++)
        memset(floats_of(of->array[k]), 0, of->bytes[k]);
}

static sluice_status call_onednn(void *made, sluice_error *error)
{
    const onednn *it = made;
    const int arguments = it->trains ? FORWARD_ARRAYS : INFERENCE_ARRAYS;
    dnnl_status_t status = dnnl_success;
    for (size_t s = 0; status == dnnl_success && s < it->count; s++)
        status = dnnl_primitive_execute(it->groups[s].forward, it->stream, arguments, it->groups[s].arguments);
    for (size_t s = it->count; status == dnnl_success && it->gradient && s-- > 0;) {
        const layer_group *of = &it->groups[s];
        clear_sums(of);
        status = dnnl_primitive_execute(of->back, it->stream, of->back_count, of->back_arguments);
    }
    status = status ? status : dnnl_stream_wait(it->stream);
    return status == dnnl_success ? SLUICE_STATUS_OK : fail_dnnl(status, "running an LSTM", error);
}

/* Copy the weights' gradients out of the formats of the backward pass. */
static sluice_status collect_weights(const onednn *it, sluice_error *error)
{
    const sluice_gradient *to = it->gradient;
    const size_t floats = SL_GATES * it->hidden;
    dnnl_status_t status = dnnl_success;
    for (const layer_group *of = it->groups; status == dnnl_success && of < it->groups + it->count; of++) {
        const size_t first = of->first * it->directions;
        status = copy_weights(it, of, of->inputs, to->weight_ih + first, DIFF_WEIGHTS_LAYER, true);
        status = status ? status : copy_weights(it, of, it->hidden, to->weight_hh + first, DIFF_WEIGHTS_ITER, true);
        for (size_t k = 0; k < of->layers * it->directions; k++)
            memcpy(to->bias[first + k], floats_of(of->array[DIFF_BIAS]) + k * floats, floats * sizeof(float));
    }
    return status == dnnl_success ? SLUICE_STATUS_OK : fail_dnnl(status, "reordering gradients", error);
}

/* Copy a group's final h, which is not where the caller wants it. */
static void collect_h(const onednn *it, const layer_group *of)
{
    const size_t of_layer = it->directions * it->batch->rows * it->hidden;
    sl_onednn_widen(of->types.h, of->layers * of_layer, data_of(of->array[FINAL_H]), it->batch->hn + of->first * of_layer);
}

static sluice_status collect_onednn(void *made, sluice_error *error)
{
    const onednn *it = made;
    const layer_group *first = it->groups, *last = first + it->count - 1;
    sl_onednn_take_steps(it->batch, it->directions * it->hidden, last->types.result, data_of(last->array[RESULT]), it->batch->y);
    for (const layer_group *of = first; of <= last; of++)
        if (of->types.h != dnnl_f32)
            collect_h(it, of);
    if (!it->gradient)
        return SLUICE_STATUS_OK;
    sl_onednn_take_steps(it->batch, first->inputs, dnnl_f32, data_of(first->array[DIFF_SOURCE]), it->gradient->dx);
    return collect_weights(it, error);
}

static size_t get_tape_bytes_onednn(void *made)
{
    const onednn *it = made;
    size_t bytes = 0;
    for (size_t s = 0; s < it->count; s++)
        bytes += it->groups[s].bytes[WORKSPACE];
    return bytes;
}

const sl_peer sl_peer_onednn = {.name = "onednn",
                                .describe = describe_onednn,
                                .pads = true,
                                .trains = true,
                                .runs_low = true,
                                .make = make_onednn,
                                .call = call_onednn,
                                .collect = collect_onednn,
                                .get_tape_bytes = get_tape_bytes_onednn,
                                .destroy = destroy_onednn};
