#include "model/layer_chain.h"

#include "base/error.h"
#include "base/float_bits.h"
#include "base/layer.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "model/network_check.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

/* Write the names of all layers one after the other: their own, or made of a layer's kind and its number among those of the kind.
 * Returns the bytes; `to` NULL: these are only counted. */
static size_t put_names(sluice_layer *layers, size_t count, char *to, size_t room)
{
    size_t numbers[SL_LAYER_KINDS] = {0}, used = 0;
    for (size_t k = 0; k < count; k++) {
        sluice_layer *layer = &layers[k];
        char *name = to ? to + used : NULL;
        const size_t left = to ? room - used : 0, number = ++numbers[layer->kind];
        const int length = layer->name ? snprintf(name, left, "%s", layer->name)
                                       : snprintf(name, left, "%s_%zu", sl_layer_kind_get_name(layer->kind), number);
        used += (size_t)length + 1;
        if (to)
            layer->name = name;
    }
    return used;
}

/* ---- Sizes ----------------------------------------------------------------------------------------------------------------- */

/* Add an LSTM layer that reads `inputs`. */
static void add_lstm(sl_network *network, size_t index, const sluice_layer *layer, size_t inputs)
{
    sl_lstm_layer *lstm = &network->lstm[network->lstm_layers];
    const size_t h_width = sl_layer_get_h_width(layer);
    *lstm = (sl_lstm_layer){.layer = index,
                            .first = network->layer_dirs,
                            .directions = sl_layer_count_directions(layer),
                            .inputs = inputs,
                            .outputs = sl_layer_count_directions(layer) * h_width};
    for (size_t d = 0; d < lstm->directions; d++) {
        network->dirs[network->layer_dirs++] = (sl_layer_dir){.layer = network->lstm_layers,
                                                              .cell = layer->cells ? &layer->cells[d] : NULL,
                                                              .in_order = layer->processing_order,
                                                              .reverse = layer->direction == SLUICE_DIRECTION_REVERSE || d == 1,
                                                              .inputs = inputs,
                                                              .hidden = layer->units,
                                                              .gate_rows = SL_GATES * layer->units,
                                                              .h_width = h_width,
                                                              .c_width = layer->units,
                                                              .h_before = network->h_floats,
                                                              .c_before = network->c_floats,
                                                              .first_output = d * h_width};
        network->h_floats += h_width;
        network->c_floats += layer->units;
    }
    network->lstm_layers++;
    network->widest_input = sl_size_max(network->widest_input, inputs);
    network->widest_output = sl_size_max(network->widest_output, lstm->outputs);
    network->most_hidden = sl_size_max(network->most_hidden, layer->units);
    network->has_order = network->has_order || layer->processing_order;
    network->has_reverse = network->has_reverse || layer->direction != SLUICE_DIRECTION_FORWARD;
}

/* Fill in all sizes; the arrays have room. */
static void set_sizes(sl_network *network)
{
    const sluice_network *description = &network->description;
    size_t width = description->inputs;
    network->inputs = width;
    for (size_t k = 0; k < description->layer_count; k++) {
        const sluice_layer *layer = &description->layers[k];
        if (layer->kind == SLUICE_LAYER_EMBEDDING) {
            network->vocabulary = layer->vocabulary;
            network->inputs = layer->units;
        } else if (layer->kind == SLUICE_LAYER_LSTM) {
            add_lstm(network, k, layer, width);
        }
        width = network->widths[k] = sl_layer_get_width(layer, width);
    }
    network->reducing_layer = 0;
    while (network->reducing_layer < description->layer_count &&
           description->layers[network->reducing_layer].steps == SLUICE_STEPS_ALL)
        network->reducing_layer++;
    const sl_lstm_layer *last = &network->lstm[network->lstm_layers - 1];
    const bool has_end = last->layer + 1 < description->layer_count || description->layers[last->layer].steps != SLUICE_STEPS_ALL;
    network->ends = has_end ? width : 0;
    network->outputs = network->widths[last->layer];
    network->widest_input = sl_size_max(network->widest_input, network->widest_output);
    network->step_inputs = network->vocabulary ? 1 : network->inputs;
}

/* ---- The network ----------------------------------------------------------------------------------------------------------- */

static size_t count_cells(const sluice_layer *layer)
{
    return layer->kind == SLUICE_LAYER_LSTM && layer->cells ? sl_layer_count_directions(layer) : 0;
}

/* An element of a caller's array of structs, which may have the size of another version. */
static const void *element_at(const void *array, size_t index)
{
    size_t struct_size;
    memcpy(&struct_size, array, sizeof struct_size);
    return (const char *)array + index * struct_size;
}

static sluice_status fail_memory(size_t layers, sluice_error *error)
{
    return sl_fail_memory(error, "the description of a network", layers * sizeof(sluice_layer));
}

/* Copy element `index` of a caller's array, whose elements have one size. `owner` is the struct that has the array. */
static sluice_status take_element(void *to, const void *array, size_t index, const sl_struct_type *type, const char *owner,
                                  sluice_error *error)
{
    size_t first, own;
    memcpy(&first, array, sizeof first);
    const sluice_status status = sl_struct_take(to, element_at(array, index), type, owner, error);
    if (status)
        return status;
    memcpy(&own, element_at(array, index), sizeof own);
    return own == first ? SLUICE_STATUS_OK
                        : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                                  "%s: struct_size of %s %zu is %zu, of the first %zu; all of an array have the same", owner,
                                  type->name, index, own, first);
}

/* Copy a caller's layers; those of an LSTM then have copies of their cells. */
static sluice_status take_layers(const sluice_network *from, sl_network *network, sluice_error *error)
{
    const size_t count = from->layer_count;
    sluice_layer *layers = sl_alloc_array(count, sizeof *layers);
    network->description = *from;
    network->description.struct_size = sizeof network->description;
    network->description.layers = layers;
    size_t cells = 0;
    for (size_t k = 0; k < count; k++) {
        if (!layers)
            return fail_memory(count, error);
        const sluice_status status = take_element(&layers[k], from->layers, k, SL_STRUCT(sluice_layer), "sluice_network", error);
        if (status)
            return status;
        cells += count_cells(&layers[k]);
    }
    network->cells = sl_alloc_array(sl_size_max(1, cells), sizeof *network->cells);
    if (!network->cells)
        return fail_memory(count, error);
    sluice_cell *cell = network->cells;
    for (size_t k = 0; k < count; k++) {
        const sluice_cell *given = layers[k].cells;
        if (count_cells(&layers[k])) /* those of another kind of layer are left for the check to find */
            layers[k].cells = cell;
        for (size_t d = 0; d < count_cells(&layers[k]); d++) {
            const sluice_status status = take_element(cell++, given, d, SL_STRUCT(sluice_cell), "sluice_layer", error);
            if (status)
                return status;
        }
    }
    return SLUICE_STATUS_OK;
}

/* A name that is made may be one that another layer was given. Those of a shape are all made. */
static sluice_status check_made_names(const sl_network *network, sluice_error *error)
{
    const sluice_layer *layers = network->description.layers;
    for (size_t k = 0; !network->is_shape && k < network->description.layer_count; k++)
        for (size_t j = 0; j < k; j++)
            if (strcmp(layers[j].name, layers[k].name) == 0)
                return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                               "layer %zu \"%.64s\": layer %zu has the same name, made for one of them; name both", k,
                               layers[k].name, j);
    return SLUICE_STATUS_OK;
}

/* Name the layers, and work out all sizes. */
static sluice_status finish(sl_network *network, sluice_error *error)
{
    sluice_layer *layers = (sluice_layer *)network->description.layers;
    const size_t count = network->description.layer_count;
    size_t lstm = 0;
    for (size_t k = 0; k < count; k++)
        lstm += layers[k].kind == SLUICE_LAYER_LSTM;
    const size_t bytes = put_names(layers, count, NULL, 0);
    network->names = sl_alloc(bytes);
    network->widths = sl_alloc_array(count, sizeof *network->widths);
    network->lstm = sl_alloc_array(lstm, sizeof *network->lstm);
    network->dirs = sl_alloc_array(2 * lstm, sizeof *network->dirs);
    if (!network->names || !network->widths || !network->lstm || !network->dirs)
        return fail_memory(count, error);
    put_names(layers, count, network->names, bytes);
    set_sizes(network);
    return check_made_names(network, error);
}

sluice_status sl_network_create(const sluice_network *description, bool is_shape, sl_network **made, sluice_error *error)
{
    sluice_status status = sl_network_check_count(description, is_shape, error);
    if (status)
        return status;
    sl_network *network = sl_alloc(sizeof *network);
    if (!network)
        return fail_memory(description->layer_count, error);
    network->is_shape = is_shape;
    status = take_layers(description, network, error);
    if (!status)
        status = sl_network_check_layers(&network->description, error);
    if (!status)
        status = sl_network_check_masking(&network->description, error);
    if (!status)
        status = finish(network, error);
    if (status)
        sl_network_destroy(network);
    else
        *made = network;
    return status;
}

sluice_status sl_network_create_of_shape(const sluice_shape *shape, sl_network **made, sluice_error *error)
{
    sluice_status status = sl_shape_check(shape, error);
    if (status)
        return status;
    const size_t count = (shape->vocabulary > 0) + shape->layers + (shape->classes > 0);
    const sluice_cell without_bias[2] = {{.struct_size = sizeof(sluice_cell)}, {.struct_size = sizeof(sluice_cell)}};
    sluice_layer *layers = sl_alloc_array(count, sizeof *layers), *layer = layers;
    if (!layers)
        return sl_fail_memory(error, "the layers of a network", count * sizeof *layers);
    if (shape->vocabulary)
        *layer++ = (sluice_layer){
            .struct_size = sizeof *layer, .kind = SLUICE_LAYER_EMBEDDING, .units = shape->inputs, .vocabulary = shape->vocabulary};
    for (size_t k = 0; k < shape->layers; k++)
        *layer++ = (sluice_layer){.struct_size = sizeof *layer,
                                  .kind = SLUICE_LAYER_LSTM,
                                  .units = shape->hidden,
                                  .direction = shape->directions == 2 ? SLUICE_DIRECTION_BOTH : SLUICE_DIRECTION_FORWARD,
                                  .cells = shape->has_bias ? NULL : without_bias};
    if (shape->classes)
        *layer++ = (sluice_layer){.struct_size = sizeof *layer, .kind = SLUICE_LAYER_DENSE, .units = shape->classes, .has_bias = 1};
    const sluice_network network = {sizeof network, shape->vocabulary ? 0 : shape->inputs, count, layers};
    status = sl_network_create(&network, true, made, error);
    sl_free(layers);
    return status;
}

void sl_network_destroy(sl_network *network)
{
    if (!network)
        return;
    sl_free((void *)network->description.layers);
    sl_free(network->cells);
    sl_free(network->names);
    sl_free(network->widths);
    sl_free(network->lstm);
    sl_free(network->dirs);
    sl_free(network);
}

/* ---- Equality and hash ------------------------------------------------------------------------------------------------------- */

/* What two layers are equal by, and in this order hashed: plan files have the hash. */
typedef struct number_list {
    uint64_t numbers[48];
    size_t count;
} number_list;

static void list_number(number_list *list, uint64_t number)
{
    assert(list->count < sizeof list->numbers / sizeof *list->numbers);
    list->numbers[list->count++] = number;
}

/* -0 counts as 0. */
static void list_float(number_list *list, float value)
{
    list_number(list, sl_float_bits(value == 0 ? 0 : value));
}

static void list_activation(number_list *list, const sluice_activation *activation)
{
    list_number(list, (uint64_t)activation->function);
    list_float(list, activation->alpha);
    list_float(list, activation->beta);
}

static void list_cell(number_list *list, const sluice_cell *cell)
{
    const float limits[] = {cell->forget_bias, cell->gate_clip, cell->cell_clip, cell->projection_clip, cell->norm_epsilon};
    list_number(list, cell->parts);
    list_activation(list, &cell->gate);
    list_activation(list, &cell->candidate);
    list_activation(list, &cell->output);
    list_number(list, (uint64_t)(2 * (cell->coupled != 0) + (cell->output_unclipped != 0)));
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++)
        list_float(list, limits[k]);
}

static number_list list_layer(const sluice_layer *layer)
{
    const uint64_t numbers[] = {(uint64_t)layer->kind,          layer->units,           layer->vocabulary,
                                layer->has_bias != 0,           (uint64_t)layer->steps, (uint64_t)layer->direction,
                                (uint64_t)layer->merge,         layer->projection,      layer->processing_order != 0,
                                layer->masked_outputs_zero != 0};
    number_list list = {.count = 0};
    for (size_t j = 0; j < sizeof numbers / sizeof *numbers; j++)
        list_number(&list, numbers[j]);
    list_activation(&list, &layer->activation);
    for (size_t d = 0; d < count_cells(layer); d++)
        list_cell(&list, &layer->cells[d]);
    return list;
}

bool sl_network_equals(const sl_network *a, const sl_network *b)
{
    bool equal = a->is_shape == b->is_shape && a->description.inputs == b->description.inputs &&
                 a->description.layer_count == b->description.layer_count && a->description.masking == b->description.masking &&
                 a->description.mask_value == b->description.mask_value;
    for (size_t k = 0; equal && k < a->description.layer_count; k++) {
        const number_list of_a = list_layer(&a->description.layers[k]), of_b = list_layer(&b->description.layers[k]);
        equal = of_a.count == of_b.count && memcmp(of_a.numbers, of_b.numbers, of_a.count * sizeof *of_a.numbers) == 0;
    }
    return equal;
}

static void add_number(uint64_t *hash, uint64_t number)
{
    for (int k = 0; k < 8; k++)
        *hash = (*hash ^ (number >> 8 * k & 255)) * UINT64_C(0x100000001b3);
}

uint64_t sl_network_hash(const sl_network *network)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    add_number(&hash, network->description.inputs);
    for (size_t k = 0; k < network->description.layer_count; k++) {
        const number_list list = list_layer(&network->description.layers[k]);
        for (size_t j = 0; j < list.count; j++)
            add_number(&hash, list.numbers[j]);
    }
    if (network->description.masking != SLUICE_MASKING_NONE) { /* others keep the hash that plan files of before have */
        number_list list = {.count = 0};
        list_number(&list, (uint64_t)network->description.masking);
        list_float(&list, network->description.mask_value);
        for (size_t j = 0; j < list.count; j++)
            add_number(&hash, list.numbers[j]);
    }
    return hash;
}
