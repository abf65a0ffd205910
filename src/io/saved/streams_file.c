/* sluice_streams_save and sluice_streams_load: all states of a stream set in a safetensors source, tensors "h" and "c", F32
 * [L][slots][H]. States pass a piece at a time, so that no second copy of them all is held. */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/engine.h"
#include "engine/streams.h"
#include "io/label.h"
#include "io/safetensors/safetensors.h"
#include "io/safetensors/safetensors_writer.h"

#include <stdbool.h>
#include <string.h>

/* ---- Pieces ---------------------------------------------------------------------------------------------------------------- */

enum { PIECE_BYTES = 256 << 10 }; /* so much that what a call to the system costs besides copying does not count */

/* Some states on their way between a set and a source, where a line is the h, or c, of one slot and layer: [H]. */
typedef struct piece {
    float *lines;
    size_t room; /* lines */
} piece;

static sluice_status make_piece(const sluice_streams *streams, piece *made, sluice_error *error)
{
    const size_t line = streams->hidden * sizeof(float);
    made->room = sl_size_max(1, PIECE_BYTES / line);
    made->lines = sl_alloc_array(made->room, line);
    return made->lines ? SLUICE_STATUS_OK : sl_fail_memory(error, "states on their way", made->room * line);
}

/* Where line `index` of a tensor, [L][slots], stands in the set. */
static float *line_of(const sluice_streams *streams, bool is_c, size_t index)
{
    const size_t slot = index % streams->slots, layer = index / streams->slots;
    return is_c ? sl_streams_c(streams, slot, layer) : sl_streams_h(streams, slot, layer);
}

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

/* Write the lines of h, or of c. */
static void write_tensor(const sluice_streams *streams, bool is_c, sl_writer *writer, const piece *by)
{
    const size_t lines = streams->layers * streams->slots, hidden = streams->hidden, line = hidden * sizeof(float);
    for (size_t first = 0; first < lines && !writer->status; first += by->room) {
        const size_t count = sl_size_min(by->room, lines - first);
        for (size_t k = 0; k < count; k++)
            memcpy(by->lines + k * hidden, line_of(streams, is_c, first + k), line);
        sl_writer_write(writer, by->lines, count * line);
    }
}

sluice_status sluice_streams_save(const sluice_streams *streams, const char *path, sluice_error *error)
{
    if (!streams || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_save: %s is NULL", streams ? "path" : "streams");
    piece by;
    const sluice_status status = make_piece(streams, &by, error);
    if (status)
        return status;
    const size_t shape[] = {streams->layers, streams->slots, streams->hidden};
    sl_writer writer = {.error = error};
    sl_writer_put_metadata(&writer, "format", "sluice-streams");
    sl_writer_put_tensor(&writer, "h", shape, 3);
    sl_writer_put_tensor(&writer, "c", shape, 3);
    sl_writer_open(&writer, path);
    write_tensor(streams, false, &writer, &by);
    write_tensor(streams, true, &writer, &by);
    sl_free(by.lines);
    return sl_writer_close(&writer);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* The tensor of this name, F32 [L][any number][H]. */
static sluice_status find_states(const sl_tensor_source *source, const char *name, const sluice_shape *shape,
                                 const sl_tensor **found, sluice_error *error)
{
    const sl_tensor *tensor = *found = sl_source_find(source, name);
    if (!tensor)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected a stream set, tensors \"h\" and \"c\", found no tensor \"%s\"",
                       source->input.name, name);
    if (strcmp(tensor->dtype, "F32") != 0)
        return sl_source_fail_tensor(source, tensor, error, "expected type F32, found %s; convert it",
                                     sl_label_get(tensor->dtype).text);
    if (tensor->dims != 3 || tensor->shape[0] != shape->layers || tensor->shape[2] != shape->hidden)
        return sl_source_fail_tensor(source, tensor, error,
                                     "expected shape [%zu][slots][%zu] (L and H of the network), found %s; load it for the network "
                                     "that the states were saved with",
                                     shape->layers, shape->hidden, sl_shape_get_text(tensor->shape, tensor->dims).text);
    return SLUICE_STATUS_OK;
}

/* h and c, of as many slots, and nothing else: what would be lost when the set is saved to the same file again. */
static sluice_status find_both(const sl_tensor_source *source, const sluice_shape *shape, const sl_tensor *found[2],
                               sluice_error *error)
{
    sluice_status status = find_states(source, "h", shape, &found[0], error);
    if (!status)
        status = find_states(source, "c", shape, &found[1], error);
    if (status)
        return status;
    if (found[0]->shape[1] != found[1]->shape[1])
        return sl_source_fail_tensor(source, found[1], error, "expected the slots of \"h\", %zu, found %zu", found[0]->shape[1],
                                     found[1]->shape[1]);
    for (size_t k = 0; k < source->count; k++)
        if (&source->tensors[k] != found[0] && &source->tensors[k] != found[1])
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: byte %zu: expected a stream set, tensors \"h\" and \"c\" alone, found tensor \"%s\" too",
                           source->input.name, source->tensors[k].stated_at, sl_label_get(source->tensors[k].name).text);
    return SLUICE_STATUS_OK;
}

static sluice_status read_tensor(const sl_tensor_source *source, const sl_tensor *tensor, sluice_streams *streams, bool is_c,
                                 const piece *by, sluice_error *error)
{
    const size_t lines = streams->layers * streams->slots, hidden = streams->hidden, line = hidden * sizeof(float);
    for (size_t first = 0; first < lines; first += by->room) {
        const size_t count = sl_size_min(by->room, lines - first);
        const sluice_status status = sl_source_read(source, tensor, first * hidden, count * hidden, by->lines, error);
        if (status)
            return status;
        for (size_t k = 0; k < count; k++)
            memcpy(line_of(streams, is_c, first + k), by->lines + k * hidden, line);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status read_all(const sl_tensor_source *source, const sl_tensor *const found[2], sluice_streams *streams,
                              sluice_error *error)
{
    piece by;
    sluice_status status = make_piece(streams, &by, error);
    for (int k = 0; !status && k < 2; k++)
        status = read_tensor(source, found[k], streams, k == 1, &by, error);
    sl_free(by.lines);
    return status;
}

sluice_status sluice_streams_load(const sluice_engine *engine, const char *path, sluice_streams **streams, sluice_error *error)
{
    if (!streams)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_load: streams is NULL");
    *streams = NULL;
    if (!engine || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_streams_load: %s is NULL", engine ? "path" : "engine");
    sl_tensor_source source = {.input.fd = -1};
    const sl_tensor *found[2];
    sluice_streams *made = NULL;
    sluice_status status = sl_streams_check_shape(&engine->shape, error);
    if (!status)
        status = sl_safetensors_open(path, &source, error);
    if (!status)
        status = find_both(&source, &engine->shape, found, error);
    if (!status)
        status = sluice_streams_create(engine, found[0]->shape[1], &made, error);
    if (!status)
        status = read_all(&source, found, made, error);
    if (status)
        sluice_streams_destroy(made);
    else
        *streams = made;
    sl_source_release(&source);
    return status;
}
