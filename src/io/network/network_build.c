#include "io/network/network_build.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/cpu.h"
#include "io/label.h"
#include "model/model.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = sizeof(sl_label) + 8 }; /* with a number that makes it unlike others */

/* Memory of computed values, in a list. */
typedef struct values_block {
    struct values_block *next;
    float values[];
} values_block;

struct sl_build {
    const sl_tensor_source *source;
    size_t file_bytes;
    size_t memory_left;
    size_t inputs, layer_count;
    sluice_masking masking;
    float mask_value;
    sluice_layer layers[SLUICE_MAX_LAYERS];
    sluice_cell cells[SLUICE_MAX_LAYERS][2];
    char names[SLUICE_MAX_LAYERS][NAME_BYTES];
    sl_fill *fills;
    size_t fill_count, fill_room;
    values_block *blocks;
    char *notes;
};

/* ---- Memory ---------------------------------------------------------------------------------------------------------------- */

static size_t get_most(size_t file_bytes)
{
    size_t most;
    return sl_size_mul(file_bytes, SL_BUILD_GROWTH, &most) && sl_size_add(most, SL_BUILD_FREE_BYTES, &most) ? most : SIZE_MAX;
}

static sluice_status fail_bytes(const sl_tensor_source *source, size_t bytes, size_t file_bytes, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: %zu bytes more of memory than a file of %zu bytes is worth: layers share tensors, or the file is damaged",
                   source->input.name, bytes, file_bytes);
}

sluice_status sl_build_check_bytes(const sl_tensor_source *source, size_t bytes, sluice_error *error)
{
    const size_t most = get_most(source->input.size);
    return bytes <= most ? SLUICE_STATUS_OK : fail_bytes(source, bytes - most, source->input.size, error);
}

sluice_status sl_build_hold(sl_build *build, size_t bytes, sluice_error *error)
{
    if (bytes > build->memory_left)
        return fail_bytes(build->source, bytes - build->memory_left, build->file_bytes, error);
    build->memory_left -= bytes;
    return SLUICE_STATUS_OK;
}

sluice_status sl_build_create(const sl_tensor_source *source, size_t file_bytes, sl_build **build, sluice_error *error)
{
    sl_build *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "the layers of a network", sizeof *made);
    made->source = source;
    made->file_bytes = file_bytes;
    made->memory_left = get_most(file_bytes);
    *build = made;
    return SLUICE_STATUS_OK;
}

void sl_build_destroy(sl_build *build)
{
    if (!build)
        return;
    while (build->blocks) {
        values_block *next = build->blocks->next;
        sl_free(build->blocks);
        build->blocks = next;
    }
    sl_free(build->fills);
    sl_free(build->notes);
    sl_free(build);
}

/* ---- Layers ---------------------------------------------------------------------------------------------------------------- */

void sl_build_set_inputs(sl_build *build, size_t inputs)
{
    build->inputs = inputs;
}

void sl_build_set_masking(sl_build *build, sluice_masking masking, float value)
{
    build->masking = masking;
    build->mask_value = value;
}

size_t sl_build_count(const sl_build *build)
{
    return build->layer_count;
}

sluice_layer *sl_build_get(const sl_build *build, size_t layer)
{
    return (sluice_layer *)&build->layers[layer];
}

sluice_cell *sl_build_get_cell(const sl_build *build, size_t layer, size_t direction)
{
    return (sluice_cell *)&build->cells[layer][direction];
}

static bool has_name(const sl_build *build, const char *name)
{
    for (size_t k = 0; k < build->layer_count; k++)
        if (build->layers[k].name && strcmp(build->layers[k].name, name) == 0)
            return true;
    return false;
}

static void set_name(sl_build *build, const char *name, size_t bytes)
{
    char *made = build->names[build->layer_count];
    const sl_label label = sl_label_get_part(name, bytes);
    snprintf(made, NAME_BYTES, "%s", label.text);
    for (unsigned number = 2; has_name(build, made); number++)
        snprintf(made, NAME_BYTES, "%s_%u", label.text, number);
}

sluice_status sl_build_add(sl_build *build, sluice_layer_kind kind, const char *name, size_t bytes, sluice_layer **layer,
                           sluice_error *error)
{
    const size_t index = build->layer_count;
    if (index == SLUICE_MAX_LAYERS)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: the network has more than %d layers", build->source->input.name,
                       SLUICE_MAX_LAYERS);
    build->layers[index] = (sluice_layer){.struct_size = sizeof(sluice_layer), .kind = kind};
    if (bytes) {
        set_name(build, name, bytes);
        build->layers[index].name = build->names[index];
    }
    if (kind == SLUICE_LAYER_LSTM) {
        for (size_t d = 0; d < 2; d++)
            build->cells[index][d] = (sluice_cell){.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS};
        build->layers[index].cells = build->cells[index];
    }
    build->layer_count++;
    *layer = &build->layers[index];
    return SLUICE_STATUS_OK;
}

/* ---- Fills ----------------------------------------------------------------------------------------------------------------- */

/* Make room for one more. */
static sluice_status grow(sl_build *build, sluice_error *error)
{
    if (build->fill_count < build->fill_room)
        return SLUICE_STATUS_OK;
    const size_t room = build->fill_room ? 2 * build->fill_room : 64;
    const sluice_status status = sl_build_hold(build, (room - build->fill_room) * sizeof *build->fills, error);
    if (status)
        return status;
    sl_fill *grown = sl_alloc_array(room, sizeof *grown);
    if (!grown)
        return sl_fail_memory(error, "the places of weights", room * sizeof *grown);
    if (build->fill_count)
        memcpy(grown, build->fills, build->fill_count * sizeof *grown);
    sl_free(build->fills);
    build->fills = grown;
    build->fill_room = room;
    return SLUICE_STATUS_OK;
}

sluice_status sl_build_fill(sl_build *build, const sl_fill *fill, sluice_error *error)
{
    const sl_tensor *tensor = fill->from.tensor;
    if (!fill->values && !tensor->type)
        return sl_source_fail_tensor(build->source, tensor, error, "its type, %s, cannot be read as weights",
                                     sl_label_get(tensor->dtype).text);
    if (!fill->values && !sl_view_fits(&fill->from))
        return sl_source_fail_tensor(build->source, tensor, error, "%s has fewer elements than the network takes of it",
                                     sl_shape_get_text(tensor->shape, tensor->dims).text);
    size_t elements;
    if (!sl_size_mul(fill->from.rows, fill->from.columns, &elements))
        return sl_fail_size(error, "a network's weights");
    const sluice_status status = grow(build, error);
    if (status)
        return status;
    sl_fill *added = &build->fills[build->fill_count++];
    *added = *fill;
    added->pitch = fill->pitch ? fill->pitch : fill->from.columns;
    if (added->pitch == 1) { /* a vector is read as one row */
        added->from.columns = added->pitch = fill->from.rows;
        added->from.column_stride = fill->from.row_stride;
        added->from.rows = 1;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_build_fill_gates(sl_build *build, const sl_fill *fill, const unsigned char order[SL_GATES], sluice_error *error)
{
    const size_t units = fill->from.rows / SL_GATES;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t gate = 0; !status && gate < SL_GATES; gate++) {
        sl_fill of_gate = *fill;
        of_gate.at += gate * units * (fill->pitch ? fill->pitch : fill->from.columns);
        of_gate.from.rows = units;
        of_gate.from.first += order[gate] * units * fill->from.row_stride;
        if (fill->values)
            of_gate.values += order[gate] * units * fill->from.columns;
        status = sl_build_fill(build, &of_gate, error);
    }
    return status;
}

sluice_status sl_build_allocate(sl_build *build, size_t count, float **values, sluice_error *error)
{
    size_t bytes;
    if (!sl_size_mul(count, sizeof(float), &bytes) || !sl_size_add(bytes, sizeof(values_block), &bytes))
        return sl_fail_size(error, "computed weights");
    const sluice_status status = sl_build_hold(build, bytes, error);
    if (status)
        return status;
    values_block *made = sl_alloc(bytes);
    if (!made)
        return sl_fail_memory(error, "computed weights", bytes);
    made->next = build->blocks;
    build->blocks = made;
    *values = made->values;
    return SLUICE_STATUS_OK;
}

/* ---- Notes ----------------------------------------------------------------------------------------------------------------- */

sluice_status sl_build_note(sl_build *build, sluice_error *error, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    sl_clean(line);
    const size_t before = build->notes ? strlen(build->notes) : 0, bytes = before + strlen(line) + sizeof "\n";
    char *grown = sl_alloc(bytes);
    if (!grown)
        return sl_fail_memory(error, "notes on a model", bytes);
    snprintf(grown, bytes, "%s%s%s", before ? build->notes : "", before ? "\n" : "", line);
    sl_free(build->notes);
    build->notes = grown;
    return SLUICE_STATUS_OK;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

/* A tensor that fills some of a parameter; NULL: none does. */
static const sl_tensor *find_tensor(const sl_build *build, size_t layer, sluice_tensor tensor)
{
    for (size_t k = 0; k < build->fill_count; k++)
        if (build->fills[k].layer == layer && build->fills[k].tensor == tensor && build->fills[k].from.tensor)
            return build->fills[k].from.tensor;
    return NULL;
}

/* Where a parameter that is not right belongs: `lstm_2: weight_hh`. */
static sluice_status fail_parameter(const sl_build *build, size_t layer, sluice_tensor tensor, sluice_error *error, size_t expected,
                                    size_t found)
{
    const sl_tensor *from = find_tensor(build, layer, tensor);
    const char *name = build->layers[layer].name ? build->layers[layer].name : "";
    if (from)
        return sl_source_fail_tensor(build->source, from, error,
                                     "layer %zu \"%s\": %s: expected %zu numbers, found %zu in the file", layer, name,
                                     sl_parameter_get_name(tensor), expected, found);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: layer %zu \"%s\": %s: expected %zu numbers, found %zu in the file",
                   build->source->input.name, layer, name, sl_parameter_get_name(tensor), expected, found);
}

/* None of the fills goes beyond its parameter; set[layer][direction][tensor]: elements that they set. */
static sluice_status count_set(const sl_build *build, const sl_network *network, size_t (*set)[2][SL_TENSORS], sluice_error *error)
{
    for (size_t k = 0; k < build->fill_count; k++) {
        const sl_fill *fill = &build->fills[k];
        const sl_parameter_shape shape = sl_parameter_shape_get(network, fill->layer, fill->direction, fill->tensor);
        const size_t elements = shape.rows * shape.columns, count = fill->from.rows * fill->from.columns;
        if (count && (count > elements || fill->at + (fill->from.rows - 1) * fill->pitch + fill->from.columns > elements))
            return fail_parameter(build, fill->layer, fill->tensor, error, elements, fill->at + count);
        set[fill->layer][fill->direction][fill->tensor] += fill->adds ? 0 : count;
    }
    return SLUICE_STATUS_OK;
}

/* Each parameter has to be set by as many elements as it has; and there has to be memory left for all. */
static sluice_status check_fills(sl_build *build, const sl_network *network, sluice_error *error)
{
    size_t set[SLUICE_MAX_LAYERS][2][SL_TENSORS] = {{{0}}}, bytes = 0;
    const sluice_status status = count_set(build, network, set, error);
    if (status)
        return status;
    for (size_t k = 0; k < build->layer_count * 2 * SL_TENSORS; k++) {
        const size_t layer = k / SL_TENSORS / 2, direction = k / SL_TENSORS % 2;
        const sluice_tensor tensor = k % SL_TENSORS;
        const sl_parameter_shape shape = sl_parameter_shape_get(network, layer, direction, tensor);
        const size_t elements = shape.rows * shape.columns, found = set[layer][direction][tensor];
        if (found != elements && !(shape.optional && !found))
            return fail_parameter(build, layer, tensor, error, elements, found);
        bytes += elements * sizeof(float);
    }
    return sl_build_hold(build, bytes, error);
}

static sluice_status check_finite(const sl_build *build, const sl_fill *fill, const float *values, size_t row, sluice_error *error)
{
    for (size_t k = 0; k < fill->from.columns; k++)
        if (!isfinite(values[k])) {
            const char *found = isnan(values[k]) ? "NaN" : "infinity";
            if (fill->from.tensor)
                return sl_source_fail_tensor(build->source, fill->from.tensor, error,
                                             "expected finite numbers, found %s at [%zu][%zu] of what is read", found, row, k);
            return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: layer %zu: %s: expected finite numbers, computed %s",
                           build->source->input.name, fill->layer, sl_parameter_get_name(fill->tensor), found);
        }
    return SLUICE_STATUS_OK;
}

/* The rows of a fill that are added, or quantized, go through memory of their own. */
static sluice_status read_rows(const sl_build *build, const sl_fill *fill, float *to, sluice_error *error)
{
    float *values = sl_alloc_array(fill->from.columns, sizeof *values);
    if (!values)
        return sl_fail_memory(error, "a row of weights", fill->from.columns * sizeof *values);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t row = 0; !status && row < fill->from.rows; row++) {
        sl_view view = fill->from;
        view.first += row * view.row_stride;
        view.rows = 1;
        if (fill->values)
            memcpy(values, fill->values + row * view.columns, view.columns * sizeof *values);
        else
            status = sl_view_read(build->source, &view, values, view.columns, NULL, error);
        for (size_t k = 0; !status && k < view.columns; k++) {
            const float value = fill->scale != 0 ? (values[k] - fill->zero_point) * fill->scale : values[k];
            to[row * fill->pitch + k] = fill->adds ? to[row * fill->pitch + k] + value : value;
        }
    }
    sl_free(values);
    return status;
}

static sluice_status run_fill(const sl_build *build, const sl_fill *fill, sluice_model *model, sluice_error *error)
{
    float *to = model->layers[fill->layer].of[fill->direction][fill->tensor] + fill->at;
    if (!fill->from.rows || !fill->from.columns)
        return SLUICE_STATUS_OK;
    const bool is_computed = fill->adds || fill->values || fill->scale != 0;
    bool finite = !is_computed; /* what is computed is looked at below */
    sluice_status status =
        is_computed ? read_rows(build, fill, to, error) : sl_view_read(build->source, &fill->from, to, fill->pitch, &finite, error);
    for (size_t row = 0; !status && !finite && row < fill->from.rows; row++)
        status = check_finite(build, fill, to + row * fill->pitch, row, error);
    return status;
}

static sluice_status run_fills(const sl_build *build, sluice_model *model, sluice_error *error)
{
    const sl_float_mode mode = sl_float_mode_set(false); /* sums of biases and products of scales are part of the result */
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < build->fill_count; k++)
        status = run_fill(build, &build->fills[k], model, error);
    sl_float_mode_restore(mode);
    return status;
}

static sluice_status make_network(const sl_build *build, sl_network **network, sluice_error *error)
{
    const sluice_network description = {.struct_size = sizeof description,
                                        .inputs = build->inputs,
                                        .layer_count = build->layer_count,
                                        .layers = build->layers,
                                        .masking = build->masking,
                                        .mask_value = build->mask_value};
    sluice_error inner = {0};
    const sluice_status status = sl_network_create(&description, false, network, &inner);
    return status ? sl_fail(error, status == SLUICE_STATUS_BAD_ARGUMENT ? SLUICE_STATUS_BAD_DATA : status, "%s: %s",
                            build->source->input.name, inner.message)
                  : SLUICE_STATUS_OK;
}

sluice_status sl_build_finish(sl_build *build, sluice_model **model, sluice_error *error)
{
    sl_network *network = NULL;
    sluice_model *made = NULL;
    sluice_status status = make_network(build, &network, error);
    if (status)
        return status;
    status = check_fills(build, network, error);
    if (status)
        sl_network_destroy(network);
    else
        status = sl_model_allocate_network(network, &made, error);
    if (!status)
        status = run_fills(build, made, error);
    if (!status && build->notes)
        status = sl_model_set_notes(made, build->notes, error);
    if (!status)
        *model = made;
    else
        sluice_model_destroy(made);
    return status;
}
