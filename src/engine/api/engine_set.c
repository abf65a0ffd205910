/* The calls that give an engine other weights. */
#include "base/error.h"
#include "base/struct_size.h"
#include "base/system/threads.h"
#include "engine/api/engine_allocate.h"
#include "engine/api/engine_fill.h"
#include "model/model.h"
#include "sluice_train.h"

#include <stdatomic.h>

/* Whether the format of a layer-direction's weights holds these, too. */
static bool holds(const sl_packed *packed, const sl_weights *weights, size_t k)
{
    return sl_format_holds((sl_format_choice){packed->weights_hh.format, packed->weights_hh.rows}, weights, k);
}

static bool all_hold(const sluice_engine *engine, const sl_weights *weights)
{
    for (size_t k = 0; k < engine->network->layer_dirs; k++)
        if (!holds(&engine->layers[k], weights, k))
            return false;
    return true;
}

/* Make panels of floats for the layer-directions whose format does not hold the weights: all of them, or none. */
static sluice_status widen_panels(sluice_engine *engine, const sl_weights *weights, sluice_error *error)
{
    static const sl_format_choice floats = {SL_WEIGHT_F32, SL_ROW_FLOATS};
    const size_t count = engine->network->layer_dirs, bytes = engine->packed_bytes;
    sl_packed *wider = sl_alloc_array(count, sizeof *wider);
    bool fits = wider != NULL;
    for (size_t k = 0; fits && k < count; k++) {
        const sl_packed *packed = &engine->layers[k];
        if (holds(packed, weights, k))
            continue;
        wider[k] = *packed;
        fits = sl_engine_allocate_pair(engine, packed->table ? 0 : packed->dir->inputs, floats, &wider[k]);
    }
    for (size_t k = 0; wider && k < count; k++) {
        if (fits && wider[k].panels) {
            const sl_packed old = engine->layers[k];
            engine->packed_bytes -= sl_packed_floats(&old.weights_hh) * sizeof(float);
            engine->layers[k] = wider[k];
            wider[k] = old;
        }
        sl_free(wider[k].panels);
    }
    sl_free(wider);
    if (fits)
        return SLUICE_STATUS_OK;
    engine->packed_bytes = bytes;
    return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                   "out of memory for weights that are no longer 16-bit numbers; use a smaller model, or raise the limit");
}

/* Pack weights of the engine's network. */
static sluice_status set(sluice_engine *engine, const sl_weights *weights, sluice_error *error)
{
    const sluice_status status = all_hold(engine, weights) ? SLUICE_STATUS_OK : widen_panels(engine, weights, error);
    if (status)
        return status;
    sl_engine_fill(engine, weights, sl_engine_fill_threads(engine));
    engine->models++;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_engine_set_model(sluice_engine *engine, const sluice_model *model, sluice_error *error)
{
    if (!engine || !model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_set_model: %s is NULL", engine ? "model" : "engine");
    if (!sl_network_equals(engine->network, model->network))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_engine_set_model: the model is another network than the engine was made for; make an engine for it");
    const sl_weights weights = sl_weights_of_model(model);
    return set(engine, &weights, error);
}

/* ---- From a caller's arrays ------------------------------------------------------------------------------------------------ */

static bool is_same_shape(const sluice_shape *a, const sluice_shape *b)
{
    return a->layers == b->layers && a->directions == b->directions && a->inputs == b->inputs && a->hidden == b->hidden &&
           a->vocabulary == b->vocabulary && a->classes == b->classes && !a->has_bias == !b->has_bias;
}

typedef struct check {
    const sl_weights *weights;
    atomic_bool fails;
} check;

static void check_share(void *context, unsigned thread, unsigned threads)
{
    check *c = context;
    if (!sl_weights_are_finite(c->weights, (sl_share){thread, threads}))
        atomic_store(&c->fails, true);
}

static sluice_status check_finite(const sluice_engine *engine, const sl_weights *weights, sluice_error *error)
{
    check c = {.weights = weights};
    sl_threads_run(sl_engine_fill_threads(engine), check_share, &c);
    return atomic_load(&c.fails) ? sl_weights_check_finite(weights, error) : SLUICE_STATUS_OK;
}

sluice_status sluice_engine_set_weights(sluice_engine *engine, const sluice_weights *weights, const sluice_weights_options *options,
                                        sluice_error *error)
{
    static const char call[] = "sluice_engine_set_weights";
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: engine is NULL", call);
    if (!engine->network->is_shape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: the engine's network is not one of a sluice_shape; give it a model, by sluice_engine_set_model", call);
    sluice_weights given;
    sluice_shape shape;
    sluice_weights_options known = {0};
    sluice_status status = sl_struct_take(&given, weights, SL_STRUCT(sluice_weights), call, error);
    if (!status)
        status = sl_struct_take(&shape, given.shape, SL_STRUCT(sluice_shape), call, error);
    if (!status && options)
        status = sl_struct_take(&known, options, SL_STRUCT(sluice_weights_options), call, error);
    if (!status && !is_same_shape(&shape, &engine->shape))
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                         "%s: the weights have another shape than the engine was made for; make an engine for them", call);
    if (status)
        return status;
    given.shape = &shape;
    const sl_weights from = {.network = engine->network, .arrays = &given};
    status = sl_weights_check(&from, error);
    if (!status && !known.unchecked)
        status = check_finite(engine, &from, error);
    return status ? status : set(engine, &from, error);
}
