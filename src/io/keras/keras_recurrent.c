/* Keras has the four gates i, f, c, o side by side: kernel [I][4H], recurrent_kernel [H][4H] and one bias [4H]; this library's order, so
 * that a matrix is read transposed and nothing else. CuDNNLSTM has [8H] biases, of which two are added, and the blocks of its
 * matrices are permuted: as cuDNN wants them, seen through Keras's own order of elements. */
#include "io/keras/keras_recurrent.h"

#include "base/size.h"

#include <stdio.h>
#include <string.h>

/* What a recurrent layer of one direction has: its options, and one or several cells. */
typedef struct recurrent {
    sl_keras_part layer; /* return_sequences, go_backwards */
    sl_keras_part cell;  /* units, activations; the layer itself for LSTM */
    bool is_cudnn;
    size_t units;
    sluice_cell options;
} recurrent;

/* ---- Cells ----------------------------------------------------------------------------------------------------------------- */

static sluice_status read_cell(const sl_keras *keras, const sl_keras_part *part, recurrent *of)
{
    of->cell = *part;
    of->is_cudnn = strcmp(part->class_name, "CuDNNLSTM") == 0;
    of->options = (sluice_cell){.struct_size = sizeof(sluice_cell)};
    of->options.parts = sl_keras_get_flag(part, "use_bias", true) ? SLUICE_PART_BIAS : 0;
    sluice_status status = sl_keras_read_size(keras, part, "units", &of->units);
    size_t gates;
    if (!status && !sl_size_mul(of->units, 2 * SL_GATES, &gates))
        status = sl_keras_fail(keras, part, "%zu units are too many", of->units);
    if (status || of->is_cudnn)
        return status;
    status = sl_keras_read_activation(keras, part, "activation", SLUICE_FUNCTION_TANH, &of->options.candidate);
    if (!status)
        status = sl_keras_read_activation(keras, part, "recurrent_activation", SLUICE_FUNCTION_SIGMOID, &of->options.gate);
    of->options.output = of->options.candidate;
    if (!status && (of->options.gate.function == SLUICE_FUNCTION_SOFTMAX || of->options.output.function == SLUICE_FUNCTION_SOFTMAX))
        status = sl_keras_fail(keras, part, "its cell's activation is softmax, which this library has for layers only");
    return status;
}

/* Element [h][i] of a gate's W is element h * I + i of the gate's block of the kernel, row by row. */
static sluice_status fill_permuted(sl_keras *keras, size_t direction, const sl_tensor *kernel, size_t units)
{
    const size_t inputs = kernel->shape[0], block = inputs * units;
    float *stored, *values;
    sluice_status status = sl_keras_read_values(keras, kernel, &stored);
    if (!status)
        status = sl_build_allocate(keras->build, kernel->elements, &values, keras->error);
    if (status)
        return status;
    for (size_t gate = 0; gate < SL_GATES; gate++)
        for (size_t k = 0; k < block; k++)
            values[gate * block + k] = stored[k / units * SL_GATES * units + gate * units + k % units];
    const sl_fill fill = {.layer = sl_build_count(keras->build) - 1,
                          .direction = direction,
                          .tensor = SLUICE_TENSOR_WEIGHT_IH,
                          .from = {.rows = SL_GATES * units, .columns = inputs},
                          .values = values};
    return sl_build_fill(keras->build, &fill, keras->error);
}

/* The other blocks are transposed, so that a gate's rows are those of the file. */
static sluice_status fill_cudnn(sl_keras *keras, size_t direction, const recurrent *of, const sl_tensor *const tensors[3])
{
    const size_t units = of->units, all = SL_GATES * units;
    sl_fill fill = {.layer = sl_build_count(keras->build) - 1, .direction = direction, .tensor = SLUICE_TENSOR_WEIGHT_HH};
    sluice_status status = fill_permuted(keras, direction, tensors[0], units);
    for (size_t gate = 0; !status && gate < SL_GATES; gate++) {
        fill.at = gate * units * units;
        fill.from = (sl_view){tensors[1], gate * units, units, units, all, 1};
        status = sl_build_fill(keras->build, &fill, keras->error);
    }
    fill.tensor = SLUICE_TENSOR_BIAS;
    fill.at = 0;
    for (size_t half = 0; !status && half < 2; half++) {
        fill.from = (sl_view){tensors[2], half * all, all, 1, 1, 1};
        fill.adds = half > 0;
        status = sl_build_fill(keras->build, &fill, keras->error);
    }
    return status;
}

/* Take a cell's weights, of a direction of the network's last layer. */
static sluice_status fill_cell(sl_keras *keras, size_t direction, const recurrent *of)
{
    const bool has_bias = of->options.parts & SLUICE_PART_BIAS;
    const size_t all = SL_GATES * of->units;
    const sl_tensor *tensors[3] = {NULL};
    sluice_status status = sl_keras_take(keras, of->cell.path, 2 + has_bias, tensors);
    if (!status && tensors[0]->dims == 2)
        sl_keras_set_width(keras, tensors[0]->shape[0]);
    if (!status)
        status = sl_keras_check_shape(keras, tensors[0], keras->width, all);
    if (!status)
        status = sl_keras_check_shape(keras, tensors[1], of->units, all);
    if (!status && has_bias)
        status = sl_keras_check_shape(keras, tensors[2], of->is_cudnn ? 2 * all : all, 0);
    if (status)
        return status;
    *sl_build_get_cell(keras->build, sl_build_count(keras->build) - 1, direction) = of->options;
    if (of->is_cudnn)
        return fill_cudnn(keras, direction, of, tensors);
    status = sl_keras_fill_matrix(keras, direction, SLUICE_TENSOR_WEIGHT_IH, tensors[0]);
    if (!status)
        status = sl_keras_fill_matrix(keras, direction, SLUICE_TENSOR_WEIGHT_HH, tensors[1]);
    if (!status && has_bias)
        status = sl_keras_fill_vector(keras, direction, SLUICE_TENSOR_BIAS, tensors[2]);
    return status;
}

/* ---- Layers ---------------------------------------------------------------------------------------------------------------- */

/* What the layer's options ask for besides its numbers. */
static sluice_status check_layer(sl_keras *keras, const sl_keras_part *part)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (sl_keras_get_flag(part, "time_major", false))
        return sl_keras_fail(keras, part, "its inputs are time_major; write the model with [rows][steps][inputs]");
    if (!keras->has_steps)
        return sl_keras_fail(keras, part, "the layer before it gives one vector for a row, not steps");
    if (sl_keras_get_flag(part, "stateful", false))
        status = sl_build_note(keras->build, keras->error,
                               "keras: layer \"%s\" is stateful: its states are kept between calls by streams only",
                               sl_label_get(keras->layer->name).text);
    if (!status && sl_keras_get_flag(part, "return_state", false))
        status = sl_build_note(keras->build, keras->error, "detail: the states that layer \"%s\" returns are hn and cn",
                               sl_label_get(keras->layer->name).text);
    return status;
}

/* Set what the network's last layer gives, by the options of a recurrent layer. */
static void set_outputs(sl_keras *keras, sluice_layer *layer, const sl_keras_part *part)
{
    const bool has_steps = sl_keras_get_flag(part, "return_sequences", false);
    layer->steps = has_steps ? SLUICE_STEPS_ALL : SLUICE_STEPS_FINAL;
    layer->masked_outputs_zero = sl_keras_get_flag(part, "zero_output_for_mask", false);
    layer->processing_order = layer->direction == SLUICE_DIRECTION_REVERSE && has_steps;
    keras->has_steps = has_steps;
}

static sluice_status add_one_direction(sl_keras *keras, const recurrent *of, bool is_reverse, sluice_layer **added)
{
    sluice_layer *layer;
    sluice_status status = sl_keras_add(keras, SLUICE_LAYER_LSTM, &layer);
    if (status)
        return status;
    layer->units = of->units;
    layer->direction = is_reverse ? SLUICE_DIRECTION_REVERSE : SLUICE_DIRECTION_FORWARD;
    status = fill_cell(keras, 0, of);
    keras->width = of->units;
    *added = layer;
    return status;
}

sluice_status sl_keras_add_lstm(sl_keras *keras, const sl_keras_part *part)
{
    recurrent of = {.layer = *part};
    const sl_keras_part cell = {part->class_name, part->options, "cell"};
    sluice_layer *layer;
    sluice_status status = check_layer(keras, part);
    if (!status)
        status = read_cell(keras, &cell, &of);
    if (!status)
        status = add_one_direction(keras, &of, sl_keras_get_flag(part, "go_backwards", false), &layer);
    if (!status)
        set_outputs(keras, layer, part);
    return status;
}

/* ---- RNN ------------------------------------------------------------------------------------------------------------------- */

static sluice_status read_lstm_cell(const sl_keras *keras, const sl_json *value, const char *path, recurrent *of)
{
    const char *class_name = sl_json_text(sl_json_get(value, "class_name"));
    const sl_keras_part cell = {class_name ? class_name : "", sl_json_get(value, "config"), path};
    if (strcmp(cell.class_name, "LSTMCell") != 0)
        return sl_keras_fail(keras, &of->layer, "its cell is of class \"%s\"; expected LSTMCell",
                             sl_label_get(cell.class_name).text);
    return read_cell(keras, &cell, of);
}

/* The cells of a StackedRNNCells, each of which reads what the one before gives at the step. Going backwards, the first one
 * gives the steps in processing order, and the others follow it. */
static sluice_status add_stack(sl_keras *keras, const sl_keras_part *part, const sl_json *cells)
{
    const bool is_reverse = sl_keras_get_flag(part, "go_backwards", false);
    sluice_status status = SLUICE_STATUS_OK;
    sluice_layer *layer = NULL;
    size_t number = 0;
    for (const sl_json *cell = sl_json_first(cells); !status && cell; cell = sl_json_next(cells, cell), number++) {
        recurrent of = {.layer = *part};
        char path[sizeof "cell/cells/" + sizeof(sl_keras_folder)];
        snprintf(path, sizeof path, "cell/cells/%s", sl_keras_folder_get("LSTMCell", number).text);
        status = read_lstm_cell(keras, cell, path, &of);
        if (!status)
            status = add_one_direction(keras, &of, is_reverse && !number, &layer);
        if (!status)
            layer->processing_order = is_reverse && !number;
        if (!status)
            layer->masked_outputs_zero = sl_keras_get_flag(part, "zero_output_for_mask", false);
    }
    if (status)
        return status;
    if (!layer)
        return sl_keras_fail(keras, part, "it has no cells");
    const bool keeps_order = layer->processing_order;
    set_outputs(keras, layer, part);
    layer->processing_order = keeps_order && keras->has_steps;
    return SLUICE_STATUS_OK;
}

sluice_status sl_keras_add_rnn(sl_keras *keras, const sl_keras_part *part)
{
    const sl_json *cell = sl_json_get(part->options, "cell");
    const char *class_name = sl_json_text(sl_json_get(cell, "class_name"));
    recurrent of = {.layer = *part};
    sluice_layer *layer;
    sluice_status status = check_layer(keras, part);
    if (status)
        return status;
    if (cell && cell->kind == SL_JSON_LIST)
        return add_stack(keras, part, cell);
    if (class_name && strcmp(class_name, "StackedRNNCells") == 0)
        return add_stack(keras, part, sl_json_get(sl_json_get(cell, "config"), "cells"));
    status = read_lstm_cell(keras, cell, "cell", &of);
    if (!status)
        status = add_one_direction(keras, &of, sl_keras_get_flag(part, "go_backwards", false), &layer);
    if (!status)
        set_outputs(keras, layer, part);
    return status;
}

/* ---- Bidirectional --------------------------------------------------------------------------------------------------------- */

/* A direction's layer: LSTM, CuDNNLSTM, or RNN of one LSTMCell. */
static sluice_status read_direction(const sl_keras *keras, const sl_keras_part *part, const sl_json *value, const char *path,
                                    recurrent *of)
{
    const char *class_name = sl_json_text(sl_json_get(value, "class_name"));
    const sl_keras_part layer = {class_name ? class_name : "", sl_json_get(value, "config"), path};
    of->layer = layer;
    if (strcmp(layer.class_name, "RNN") == 0)
        return read_lstm_cell(keras, sl_json_get(layer.options, "cell"), path, of);
    if (strcmp(layer.class_name, "LSTM") == 0 || strcmp(layer.class_name, "CuDNNLSTM") == 0)
        return read_cell(keras, &layer, of);
    return sl_keras_fail(keras, part, "it has a layer of class \"%s\"; expected LSTM", sl_label_get(layer.class_name).text);
}

static sluice_status read_merge(sl_keras *keras, const sl_keras_part *part, sluice_merge *merge)
{
    static const char *const names[] = {"concat", "sum", "mul", "ave"}; /* in the order of sluice_merge */
    const sl_json *value = sl_json_get(part->options, "merge_mode");
    *merge = SLUICE_MERGE_CONCAT;
    if (value && value->kind == SL_JSON_NULL)
        return sl_build_note(keras->build, keras->error,
                             "keras: layer \"%s\" keeps its directions apart (merge_mode None): they stand side by side here",
                             sl_label_get(keras->layer->name).text);
    const char *name = value ? sl_json_text(value) : names[0];
    for (size_t k = 0; name && k < sizeof names / sizeof *names; k++)
        if (strcmp(name, names[k]) == 0) {
            *merge = (sluice_merge)k;
            return SLUICE_STATUS_OK;
        }
    return sl_keras_fail(keras, part, "its merge_mode is \"%s\"; expected concat, sum, mul, ave or null",
                         name ? sl_label_get(name).text : "");
}

/* Both directions, which have to be alike but for their weights and activations. */
static sluice_status read_directions(const sl_keras *keras, const sl_keras_part *part, recurrent directions[2])
{
    const sl_json *inner = sl_json_get(part->options, "layer"), *backward = sl_json_get(part->options, "backward_layer");
    sluice_status status = read_direction(keras, part, inner, "forward_layer/cell", &directions[0]);
    if (!status)
        status = read_direction(keras, part, backward ? backward : inner, "backward_layer/cell", &directions[1]);
    if (status)
        return status;
    if (sl_keras_get_flag(&directions[0].layer, "go_backwards", false) ||
        (backward && !sl_keras_get_flag(&directions[1].layer, "go_backwards", false)))
        return sl_keras_fail(keras, part, "its first layer goes backwards, or its second one does not");
    if (directions[0].units != directions[1].units)
        return sl_keras_fail(keras, part, "its directions have %zu and %zu units; expected as many", directions[0].units,
                             directions[1].units);
    return SLUICE_STATUS_OK;
}

sluice_status sl_keras_add_bidirectional(sl_keras *keras, const sl_keras_part *part)
{
    recurrent directions[2] = {{.units = 0}};
    sluice_merge merge = SLUICE_MERGE_CONCAT;
    sluice_layer *layer;
    sluice_status status = read_directions(keras, part, directions);
    if (!status)
        status = check_layer(keras, &directions[0].layer);
    if (!status)
        status = read_merge(keras, part, &merge);
    if (!status)
        status = sl_keras_add(keras, SLUICE_LAYER_LSTM, &layer);
    if (status)
        return status;
    layer->units = directions[0].units;
    layer->direction = SLUICE_DIRECTION_BOTH;
    layer->merge = merge;
    for (size_t k = 0; !status && k < 2; k++)
        status = fill_cell(keras, k, &directions[k]);
    set_outputs(keras, layer, &directions[0].layer);
    if (keras->zeroes_masked)
        layer->masked_outputs_zero = keras->has_steps;
    keras->width = layer->units * (merge == SLUICE_MERGE_CONCAT ? 2 : 1);
    return status;
}
