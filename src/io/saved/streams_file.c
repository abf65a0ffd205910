/* sluice_streams_save and sluice_streams_load: all states of a stream set in a safetensors file. States are copied in chunks, so
 * that no second copy of them all is held. */
#include "io/saved/streams_file.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/streams.h"
#include "io/label.h"
#include "io/safetensors/safetensors.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *const file_names[2] = {"h", "c"};

/* ---- Tensors --------------------------------------------------------------------------------------------------------------- */

/* Floats of a slot's h, or c, of a layer. */
static size_t get_width(const sl_layer_dir *dir, bool is_c)
{
    return is_c ? dir->c_width : dir->h_width;
}

/* Whether all states have one size, and each of h and c is one tensor. */
static bool are_alike(const sl_layer_dir *dirs, size_t layers)
{
    bool alike = true;
    for (size_t l = 0; l < layers; l++)
        alike = alike && dirs[l].h_width == dirs[0].h_width && dirs[l].c_width == dirs[0].h_width;
    return alike;
}

/* The name of a layer's own tensor: "h_l0". */
typedef struct layer_name {
    char text[64];
} layer_name;

static layer_name get_layer_name(const char *name, size_t layer)
{
    layer_name made;
    snprintf(made.text, sizeof made.text, "%s_l%zu", name, layer);
    return made;
}

/* ---- Chunks ---------------------------------------------------------------------------------------------------------------- */

enum { CHUNK_BYTES = 256 << 10 }; /* so large that a system call costs little beside the copying */

/* Room for some states on their way between a set and a file. */
typedef struct state_chunk {
    float *floats;
    size_t room; /* for floats: those of a state at least */
} state_chunk;

static sluice_status make_chunk(const sluice_streams *streams, state_chunk *made, sluice_error *error)
{
    made->room = CHUNK_BYTES / sizeof(float);
    for (size_t l = 0; l < streams->layers; l++)
        made->room = sl_size_max(made->room, streams->dirs[l].c_width); /* h is no wider than c */
    made->floats = sl_alloc_array(made->room, sizeof *made->floats);
    return made->floats ? SLUICE_STATUS_OK : sl_fail_memory(error, "a chunk of states", made->room * sizeof *made->floats);
}

static float *find_state(const sluice_streams *streams, bool is_c, size_t slot, size_t layer)
{
    return is_c ? sl_streams_c(streams, slot, layer) : sl_streams_h(streams, slot, layer);
}

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

void sl_streams_put(sl_writer *writer, const sluice_streams *streams, const char *const names[2])
{
    const size_t whole[] = {streams->layers, streams->slots, streams->dirs[0].h_width};
    const bool alike = are_alike(streams->dirs, streams->layers);
    for (int is_c = 0; is_c < 2; is_c++) {
        if (alike)
            sl_writer_put_tensor(writer, names[is_c], whole, 3);
        for (size_t l = 0; !alike && l < streams->layers; l++) {
            const size_t shape[] = {streams->slots, get_width(&streams->dirs[l], is_c)};
            sl_writer_put_tensor(writer, get_layer_name(names[is_c], l).text, shape, 2);
        }
    }
}

/* All slots' h, or c, of a layer. */
static void write_layer(sl_writer *writer, const sluice_streams *streams, bool is_c, size_t layer, const state_chunk *chunk)
{
    const size_t width = get_width(&streams->dirs[layer], is_c), most = chunk->room / width;
    for (size_t first = 0; first < streams->slots && !writer->status; first += most) {
        const size_t count = sl_size_min(most, streams->slots - first);
        for (size_t k = 0; k < count; k++)
            memcpy(chunk->floats + k * width, find_state(streams, is_c, first + k, layer), width * sizeof(float));
        sl_writer_write(writer, chunk->floats, count * width * sizeof(float));
    }
}

void sl_streams_write(sl_writer *writer, const sluice_streams *streams)
{
    state_chunk chunk;
    if (!writer->status)
        writer->status = make_chunk(streams, &chunk, writer->error);
    if (writer->status)
        return;
    for (int is_c = 0; is_c < 2; is_c++)
        for (size_t l = 0; l < streams->layers; l++)
            write_layer(writer, streams, is_c, l, &chunk);
    sl_free(chunk.floats);
}

sluice_status sluice_streams_save(const sluice_streams *streams, const char *path, sluice_error *error)
{
    if (!streams || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_save: %s is NULL", streams ? "path" : "streams");
    sl_writer writer = {.error = error};
    sl_writer_put_metadata(&writer, "format", "sluice-streams");
    sl_streams_put(&writer, streams, file_names);
    sl_writer_open(&writer, path);
    sl_streams_write(&writer, streams);
    return sl_writer_close(&writer);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* The states' tensors in a file. */
typedef struct state_tensors {
    const sl_tensor_source *source;
    const char *const *names; /* of h and c */
    const sl_network *network;
    bool alike;
    size_t slots; /* of the first tensor; SIZE_MAX before it is found */
} state_tensors;

/* The tensor of h, or c, of a layer, F32 [slots][width], or with those of all layers [L][slots][H]; it is used from then on. */
static sluice_status find_states(state_tensors *in, bool is_c, size_t layer, const sl_tensor **found, sluice_error *error)
{
    const sl_tensor_source *source = in->source;
    const size_t width = get_width(&in->network->dirs[layer], is_c), layers = in->network->layer_dirs, axis = in->alike;
    const layer_name own = get_layer_name(in->names[is_c], layer);
    const char *name = in->alike ? in->names[is_c] : own.text;
    sl_tensor *tensor = sl_source_find(source, name);
    *found = tensor;
    if (!tensor)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected the states of streams, found no tensor \"%s\"",
                       source->input.name, name);
    if (strcmp(tensor->dtype, "F32") != 0)
        return sl_source_fail_tensor(source, tensor, error, "expected type F32, found %s; convert it",
                                     sl_label_get(tensor->dtype).text);
    if (in->alike && (tensor->dims != 3 || tensor->shape[0] != layers || tensor->shape[2] != width))
        return sl_source_fail_tensor(source, tensor, error,
                                     "expected shape [%zu][slots][%zu] (L and H of the network), found %s; take the network that "
                                     "the states are of",
                                     layers, width, sl_shape_get_text(tensor->shape, tensor->dims).text);
    if (!in->alike && (tensor->dims != 2 || tensor->shape[1] != width))
        return sl_source_fail_tensor(source, tensor, error,
                                     "expected shape [slots][%zu] (of LSTM layer %zu of the network), found %s; take the network "
                                     "that the states are of",
                                     width, layer, sl_shape_get_text(tensor->shape, tensor->dims).text);
    if (in->slots != SIZE_MAX && tensor->shape[axis] != in->slots)
        return sl_source_fail_tensor(source, tensor, error, "expected the slots of \"%s\", %zu, found %zu",
                                     in->alike ? in->names[0] : get_layer_name(in->names[0], 0).text, in->slots,
                                     tensor->shape[axis]);
    in->slots = tensor->shape[axis];
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

static sluice_status read_layer(state_tensors *in, sluice_streams *streams, bool is_c, size_t layer, const state_chunk *chunk,
                                sluice_error *error)
{
    const size_t width = get_width(&streams->dirs[layer], is_c), most = chunk->room / width, slots = streams->slots;
    const sl_tensor *tensor;
    sluice_status status = find_states(in, is_c, layer, &tensor, error);
    for (size_t first = 0; !status && first < slots; first += most) {
        const size_t count = sl_size_min(most, slots - first), at = (in->alike ? layer * slots : 0) + first;
        status = sl_source_read(in->source, tensor, at * width, count * width, chunk->floats, NULL, error);
        for (size_t k = 0; !status && k < count; k++)
            memcpy(find_state(streams, is_c, first + k, layer), chunk->floats + k * width, width * sizeof(float));
    }
    return status;
}

/* Find all tensors: nothing is allocated for a set before they fit each other. */
static sluice_status find_all(state_tensors *in, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const sl_tensor *unused;
    for (int is_c = 0; is_c < 2; is_c++)
        for (size_t l = 0; !status && l < (in->alike ? 1 : in->network->layer_dirs); l++)
            status = find_states(in, is_c, l, &unused, error);
    return status;
}

static sluice_status read_all(state_tensors *in, sluice_streams *streams, sluice_error *error)
{
    state_chunk chunk;
    sluice_status status = make_chunk(streams, &chunk, error);
    for (int is_c = 0; is_c < 2; is_c++)
        for (size_t l = 0; !status && l < streams->layers; l++)
            status = read_layer(in, streams, is_c, l, &chunk, error);
    sl_free(chunk.floats);
    return status;
}

bool sl_streams_are_in(const sl_tensor_source *source, const char *const names[2])
{
    bool found = false;
    for (int is_c = 0; is_c < 2; is_c++)
        found = found || sl_source_find(source, names[is_c]) || sl_source_find(source, get_layer_name(names[is_c], 0).text);
    return found;
}

sluice_status sl_streams_read(const sl_tensor_source *source, const char *const names[2], const sluice_engine *engine,
                              sluice_streams **streams, sluice_error *error)
{
    const sl_network *network = engine->network;
    state_tensors in = {source, names, network, are_alike(network->dirs, network->layer_dirs), SIZE_MAX};
    sluice_streams *made = NULL;
    sluice_status status = sl_streams_check_network(network, error);
    if (!status)
        status = find_all(&in, error);
    if (!status)
        status = sluice_streams_create(engine, in.slots, &made, error);
    if (!status)
        status = read_all(&in, made, error);
    if (status)
        sluice_streams_destroy(made);
    else
        *streams = made;
    return status;
}

/* Nothing but h and c: another tensor would be lost when the set is saved to the same file again. */
static sluice_status check_all_used(const sl_tensor_source *source, sluice_error *error)
{
    const sl_tensor *unused = sl_source_find_unused(source);
    return unused ? sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, source->input.name, unused->stated_at,
                                 "expected a stream set, tensors \"h\" and \"c\" alone, found tensor \"%s\" too",
                                 sl_label_get(unused->name).text)
                  : SLUICE_STATUS_OK;
}

sluice_status sluice_streams_load(const sluice_engine *engine, const char *path, sluice_streams **streams, sluice_error *error)
{
    if (!streams)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_load: streams is NULL");
    *streams = NULL;
    if (!engine || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_load: %s is NULL", engine ? "path" : "engine");
    sl_tensor_source source = {.input.fd = -1};
    sluice_status status = sl_streams_check_network(engine->network, error);
    if (!status)
        status = sl_safetensors_open(path, &source, error);
    sluice_streams *made = NULL;
    if (!status)
        status = sl_streams_read(&source, file_names, engine, &made, error);
    if (!status)
        status = check_all_used(&source, error);
    sl_source_release(&source);
    if (status)
        sluice_streams_destroy(made);
    else
        *streams = made;
    return status;
}
