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
#include <string.h>

static const char *const file_names[2] = {"h", "c"};

/* ---- Chunks ---------------------------------------------------------------------------------------------------------------- */

enum { CHUNK_BYTES = 256 << 10 }; /* so large that a system call costs little beside the copying */

/* Room for some states on their way between a set and a file. A row is the h, or c, of one slot and layer: [H]. */
typedef struct state_chunk {
    float *floats;
    size_t rows;
} state_chunk;

static sluice_status make_chunk(const sluice_streams *streams, state_chunk *made, sluice_error *error)
{
    const size_t row_bytes = streams->dirs[0].h_width * sizeof(float);
    made->rows = sl_size_max(1, CHUNK_BYTES / row_bytes);
    made->floats = sl_alloc_array(made->rows, row_bytes);
    return made->floats ? SLUICE_STATUS_OK : sl_fail_memory(error, "a chunk of states", made->rows * row_bytes);
}

/* Where row `index` of a tensor, [L][slots], is in the set. */
static float *find_row(const sluice_streams *streams, bool is_c, size_t index)
{
    const size_t slot = index % streams->slots, layer = index / streams->slots;
    return is_c ? sl_streams_c(streams, slot, layer) : sl_streams_h(streams, slot, layer);
}

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

void sl_streams_put(sl_writer *writer, const sluice_streams *streams, const char *const names[2])
{
    const size_t shape[] = {streams->layers, streams->slots, streams->dirs[0].h_width};
    sl_writer_put_tensor(writer, names[0], shape, 3);
    sl_writer_put_tensor(writer, names[1], shape, 3);
}

static void write_tensor(sl_writer *writer, const sluice_streams *streams, bool is_c, const state_chunk *chunk)
{
    const size_t rows = streams->layers * streams->slots, hidden = streams->dirs[0].h_width;
    for (size_t first = 0; first < rows && !writer->status; first += chunk->rows) {
        const size_t count = sl_size_min(chunk->rows, rows - first);
        for (size_t k = 0; k < count; k++)
            memcpy(chunk->floats + k * hidden, find_row(streams, is_c, first + k), hidden * sizeof(float));
        sl_writer_write(writer, chunk->floats, count * hidden * sizeof(float));
    }
}

void sl_streams_write(sl_writer *writer, const sluice_streams *streams)
{
    state_chunk chunk;
    if (!writer->status)
        writer->status = make_chunk(streams, &chunk, writer->error);
    if (writer->status)
        return;
    write_tensor(writer, streams, false, &chunk);
    write_tensor(writer, streams, true, &chunk);
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

/* The tensor of this name, F32 [L][any number][H]; it is used from then on. */
static sluice_status find_states(const sl_tensor_source *source, const char *name, const sluice_shape *shape, sl_tensor **found,
                                 sluice_error *error)
{
    sl_tensor *tensor = *found = sl_source_find(source, name);
    if (!tensor)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected the states of streams, found no tensor \"%s\"",
                       source->input.name, name);
    if (strcmp(tensor->dtype, "F32") != 0)
        return sl_source_fail_tensor(source, tensor, error, "expected type F32, found %s; convert it",
                                     sl_label_get(tensor->dtype).text);
    if (tensor->dims != 3 || tensor->shape[0] != shape->layers || tensor->shape[2] != shape->hidden)
        return sl_source_fail_tensor(source, tensor, error,
                                     "expected shape [%zu][slots][%zu] (L and H of the network), found %s; take the network that "
                                     "the states are of",
                                     shape->layers, shape->hidden, sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

/* h and c, of as many slots. */
static sluice_status find_both(const sl_tensor_source *source, const char *const names[2], const sluice_shape *shape,
                               sl_tensor *found[2], sluice_error *error)
{
    sluice_status status = find_states(source, names[0], shape, &found[0], error);
    if (!status)
        status = find_states(source, names[1], shape, &found[1], error);
    if (!status && found[0]->shape[1] != found[1]->shape[1])
        status = sl_source_fail_tensor(source, found[1], error, "expected the slots of \"%s\", %zu, found %zu", names[0],
                                       found[0]->shape[1], found[1]->shape[1]);
    return status;
}

static sluice_status read_tensor(const sl_tensor_source *source, const sl_tensor *tensor, sluice_streams *streams, bool is_c,
                                 const state_chunk *chunk, sluice_error *error)
{
    const size_t rows = streams->layers * streams->slots, hidden = streams->dirs[0].h_width;
    for (size_t first = 0; first < rows; first += chunk->rows) {
        const size_t count = sl_size_min(chunk->rows, rows - first);
        const sluice_status status = sl_source_read(source, tensor, first * hidden, count * hidden, chunk->floats, error);
        if (status)
            return status;
        for (size_t k = 0; k < count; k++)
            memcpy(find_row(streams, is_c, first + k), chunk->floats + k * hidden, hidden * sizeof(float));
    }
    return SLUICE_STATUS_OK;
}

static sluice_status read_both(const sl_tensor_source *source, sl_tensor *const found[2], sluice_streams *streams,
                               sluice_error *error)
{
    state_chunk chunk;
    sluice_status status = make_chunk(streams, &chunk, error);
    for (int k = 0; !status && k < 2; k++)
        status = read_tensor(source, found[k], streams, k == 1, &chunk, error);
    sl_free(chunk.floats);
    return status;
}

sluice_status sl_streams_read(const sl_tensor_source *source, const char *const names[2], const sluice_engine *engine,
                              sluice_streams **streams, sluice_error *error)
{
    sl_tensor *found[2];
    sluice_streams *made = NULL;
    sluice_status status = find_both(source, names, &engine->shape, found, error);
    if (!status)
        status = sluice_streams_create(engine, found[0]->shape[1], &made, error);
    if (!status)
        status = read_both(source, found, made, error);
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
