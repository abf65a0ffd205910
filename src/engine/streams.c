#include "engine/streams.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/engine.h"

#include <string.h>

/* ---- A set ----------------------------------------------------------------------------------------------------------------- */

sluice_status sl_streams_check_network(const sl_network *network, sluice_error *error)
{
    if (!network->has_reverse)
        return SLUICE_STATUS_OK;
    size_t directions = 1;
    for (size_t l = 0; l < network->lstm_layers; l++)
        directions = sl_size_max(directions, network->lstm[l].directions);
    return sl_fail(
        error, SLUICE_STATUS_UNSUPPORTED,
        "streams: expected a network of one direction, found %zu%s; the reverse direction begins at a sequence's end, so "
        "feed sequences whole",
        directions, directions == 1 ? ", the reverse one" : "");
}

bool sl_streams_fit(const sluice_streams *streams, const sl_network *network)
{
    bool fits = !network->has_reverse && streams->layers == network->layer_dirs;
    for (size_t k = 0; fits && k < streams->layers; k++)
        fits = streams->dirs[k].h_width == network->dirs[k].h_width && streams->dirs[k].c_width == network->dirs[k].c_width;
    return fits;
}

/* Copy what new sequences begin with where that was learned, and give it to all slots. */
static void take_initial(const sluice_engine *engine, sluice_streams *streams)
{
    bool any = false;
    for (size_t k = 0; k < streams->layers; k++) {
        const sl_packed *packed = &engine->layers[k];
        const sl_layer_dir *dir = packed->dir;
        if (!packed->initial_h)
            continue;
        memcpy(streams->initial + dir->h_before, packed->initial_h, dir->h_width * sizeof(float));
        memcpy(streams->initial + streams->h_floats + dir->c_before, packed->initial_c, dir->c_width * sizeof(float));
        any = true;
    }
    for (size_t slot = 0; any && slot < streams->slots; slot++) /* else they are zeros, of memory that may never be touched */
        memcpy(sl_streams_h(streams, slot, 0), streams->initial, (streams->h_floats + streams->c_floats) * sizeof(float));
}

sluice_status sluice_streams_create(const sluice_engine *engine, size_t slots, sluice_streams **streams, sluice_error *error)
{
    if (!streams)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_create: streams is NULL");
    *streams = NULL;
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_create: engine is NULL");
    const sl_network *network = engine->network;
    const sluice_status status = sl_streams_check_network(network, error);
    if (status)
        return status;
    size_t floats, bytes;
    if (!sl_size_mul(network->h_floats + network->c_floats, slots, &floats) || !sl_size_mul(floats, sizeof(float), &bytes))
        return sl_fail_size(error, "the states of the streams");
    sluice_streams *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a stream set", sizeof *made);
    *made = (sluice_streams){
        .slots = slots, .layers = network->layer_dirs, .h_floats = network->h_floats, .c_floats = network->c_floats};
    made->dirs = sl_alloc_array(made->layers, sizeof *made->dirs);
    made->states = sl_alloc(bytes);
    made->initial = sl_alloc_array(network->h_floats + network->c_floats, sizeof *made->initial);
    made->in_use = sl_alloc_array(slots, sizeof *made->in_use);
    if (!made->dirs || !made->states || !made->initial || !made->in_use) {
        sluice_streams_destroy(made);
        return sl_fail_memory(error, "the states of the streams", bytes);
    }
    for (size_t k = 0; k < made->layers; k++) {
        made->dirs[k] = network->dirs[k];
        made->dirs[k].cell = NULL; /* which the engine's network owns */
    }
    take_initial(engine, made);
    *streams = made;
    return SLUICE_STATUS_OK;
}

size_t sluice_streams_get_slots(const sluice_streams *streams)
{
    return streams->slots;
}

void sluice_streams_destroy(sluice_streams *streams)
{
    if (!streams)
        return;
    sl_free(streams->dirs);
    sl_free(streams->states);
    sl_free(streams->initial);
    sl_free(streams->in_use);
    sl_free(streams);
}

float *sl_streams_h(const sluice_streams *streams, size_t slot, size_t layer)
{
    return streams->states + slot * (streams->h_floats + streams->c_floats) + streams->dirs[layer].h_before;
}

float *sl_streams_c(const sluice_streams *streams, size_t slot, size_t layer)
{
    return sl_streams_h(streams, slot, 0) + streams->h_floats + streams->dirs[layer].c_before;
}

/* ---- Who uses what --------------------------------------------------------------------------------------------------------- */

/* Whether the slot was free, and is the caller's now. */
static bool take_one(sluice_streams *streams, size_t slot)
{
    return !atomic_exchange_explicit(&streams->in_use[slot], 1, memory_order_acquire);
}

static void give_back_one(sluice_streams *streams, size_t slot)
{
    atomic_store_explicit(&streams->in_use[slot], 0, memory_order_release);
}

/* Report why `row`, the first row that could not take its slot, could not. */
static sluice_status fail_slot(const sluice_streams *streams, const size_t *slots, size_t row, sluice_error *error)
{
    const size_t slot = sl_streams_slot(slots, row);
    if (slot >= streams->slots)
        return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                           "slot %zu; the stream set has %zu slots; make a larger set", slot, streams->slots);
    for (size_t k = 0; k < row; k++)
        if (sl_streams_slot(slots, k) == slot)
            return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                               "slot %zu, which a row before it has; feed a sequence's pieces one call after another", slot);
    return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                       "slot %zu; another call is using it; wait for that call to end", slot);
}

sluice_status sl_streams_take(sluice_streams *streams, const size_t *slots, size_t rows, sluice_error *error)
{
    for (size_t row = 0; row < rows; row++) {
        const size_t slot = sl_streams_slot(slots, row);
        if (slot < streams->slots && take_one(streams, slot))
            continue;
        const sluice_status status = fail_slot(streams, slots, row, error);
        sl_streams_give_back(streams, slots, row);
        return status;
    }
    return SLUICE_STATUS_OK;
}

void sl_streams_give_back(sluice_streams *streams, const size_t *slots, size_t rows)
{
    for (size_t row = 0; row < rows; row++)
        give_back_one(streams, sl_streams_slot(slots, row));
}

/* ---- One slot's state ------------------------------------------------------------------------------------------------------ */

/* Take one slot for a function of the public interface. */
static sluice_status take_for(const char *function, sluice_streams *streams, size_t slot, sluice_error *error)
{
    if (!streams)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: streams is NULL", function);
    if (slot >= streams->slots)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: slot %zu; the stream set has %zu slots; make a larger set", function,
                       slot, streams->slots);
    if (!take_one(streams, slot))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: slot %zu; another call is using it; wait for that call to end",
                       function, slot);
    return SLUICE_STATUS_OK;
}

sluice_status sluice_streams_get(sluice_streams *streams, size_t slot, float *h, float *c, sluice_error *error)
{
    const sluice_status status = take_for("sluice_streams_get", streams, slot, error);
    if (status)
        return status;
    if (h)
        memcpy(h, sl_streams_h(streams, slot, 0), streams->h_floats * sizeof *h);
    if (c)
        memcpy(c, sl_streams_c(streams, slot, 0), streams->c_floats * sizeof *c);
    give_back_one(streams, slot);
    return SLUICE_STATUS_OK;
}

static void set_floats(float *to, const float *from, const float *otherwise, size_t count)
{
    memcpy(to, from ? from : otherwise, count * sizeof *to);
}

sluice_status sluice_streams_set(sluice_streams *streams, size_t slot, const float *h, const float *c, sluice_error *error)
{
    const sluice_status status = take_for("sluice_streams_set", streams, slot, error);
    if (status)
        return status;
    set_floats(sl_streams_h(streams, slot, 0), h, streams->initial, streams->h_floats);
    set_floats(sl_streams_c(streams, slot, 0), c, streams->initial + streams->h_floats, streams->c_floats);
    give_back_one(streams, slot);
    return SLUICE_STATUS_OK;
}
