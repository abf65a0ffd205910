#include "io/onnx/onnx_lstm.h"

#include "base/error.h"
#include "base/size.h"
#include "io/label.h"
#include "io/onnx/onnx_activation.h"
#include "io/onnx/onnx_states.h"

#include <math.h>
#include <string.h>

/* Inputs of the node, and of the quantized one. */
enum { IN_W = 1, IN_R = 2, IN_B = 3, IN_P = 7, IN_W_SCALE = 8, IN_W_ZERO = 9, IN_R_SCALE = 10, IN_R_ZERO = 11 };

bool sl_onnx_is_lstm(const sl_onnx_node *node)
{
    const bool is_quantized = strcmp(node->op, "DynamicQuantizeLSTM") == 0 && strcmp(node->domain, "com.microsoft") == 0;
    return is_quantized || sl_onnx_is(node, "LSTM");
}

/* ---- Attributes ------------------------------------------------------------------------------------------------------------ */

static sluice_status find_direction(const sl_onnx_reader *reader, sl_onnx_lstm *lstm)
{
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    static const sluice_direction directions[] = {SLUICE_DIRECTION_FORWARD, SLUICE_DIRECTION_REVERSE, SLUICE_DIRECTION_BOTH};
    const sl_onnx_attribute *given = sl_onnx_get_attribute(lstm->node, "direction");
    for (size_t k = 0; k < 3; k++)
        if (strcmp(given ? given->s : "forward", names[k]) == 0) {
            lstm->direction = directions[k];
            lstm->directions = k == 2 ? 2 : 1;
            return SLUICE_STATUS_OK;
        }
    return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node,
                        "direction: expected forward, reverse or bidirectional, found \"%s\"", sl_label_get(given->s).text);
}

/* The lists of constants, of which each function that has one takes the next. */
typedef struct constants {
    const sl_onnx_attribute *alpha, *beta;
    size_t alphas, betas; /* taken */
} constants;

static float take(const sl_onnx_attribute *list, size_t *taken, float otherwise)
{
    const size_t count = list && list->float_count <= SL_ONNX_MAX_LIST ? list->float_count : 0;
    return *taken < count ? list->floats[(*taken)++] : otherwise;
}

static sluice_status find_function(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const char *name, constants *left,
                                   sluice_activation *found)
{
    const sl_onnx_activation *known = sl_onnx_activation_of_cell(name);
    if (!known)
        return sl_onnx_fail(reader, SLUICE_STATUS_UNSUPPORTED, lstm->node, "activations: \"%s\" is none that ONNX's LSTM has",
                            sl_label_get(name).text);
    found->function = known->function;
    found->alpha = known->has_alpha ? take(left->alpha, &left->alphas, known->alpha) : 0;
    found->beta = known->has_beta ? take(left->beta, &left->betas, known->beta) : 0;
    return SLUICE_STATUS_OK;
}

static sluice_status set_activations(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, sluice_cell cells[2])
{
    static const char *const usual[] = {"Sigmoid", "Tanh", "Tanh", "Sigmoid", "Tanh", "Tanh"};
    const sl_onnx_attribute *given = sl_onnx_get_attribute(lstm->node, "activations");
    const char *const *names = given && given->string_count ? given->strings : usual;
    constants left = {.alpha = sl_onnx_get_attribute(lstm->node, "activation_alpha"),
                      .beta = sl_onnx_get_attribute(lstm->node, "activation_beta")};
    if (given && given->string_count && given->string_count != 3 * lstm->directions)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "activations: expected %zu of them, found %zu",
                            3 * lstm->directions, given->string_count);
    for (size_t k = 0; k < 3 * lstm->directions; k++) {
        sluice_cell *cell = &cells[k / 3];
        sluice_activation *places[] = {&cell->gate, &cell->candidate, &cell->output};
        const sluice_status status = find_function(reader, lstm, names[k], &left, places[k % 3]);
        if (status)
            return status;
    }
    return SLUICE_STATUS_OK;
}

static sluice_status set_options(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, sluice_cell cells[2])
{
    const float clip = sl_onnx_get_float(lstm->node, "clip", 0);
    const int64_t coupled = sl_onnx_get_int(lstm->node, "input_forget", 0);
    if (!(clip >= 0) || !isfinite(clip))
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "clip: expected a number above 0, found %g", (double)clip);
    for (size_t d = 0; d < 2; d++) {
        cells[d].coupled = coupled != 0;
        cells[d].gate_clip = clip;
        cells[d].output_unclipped = clip > 0 && reader->is_clip_of_ort;
        cells[d].parts = (*sl_onnx_get_input(lstm->node, IN_B) ? SLUICE_PART_BIAS : 0U) |
                         (*sl_onnx_get_input(lstm->node, IN_P) ? SLUICE_PART_PEEPHOLES : 0U);
    }
    if (!(clip > 0))
        return SLUICE_STATUS_OK;
    return sl_build_note(reader->build, reader->error,
                         reader->is_clip_of_ort
                             ? "onnx: %s: clip %g limits the gates, not c before h is made of it, as onnxruntime does"
                             : "onnx: %s: clip %g limits the gates, and c before h is made of it, as ONNX's text says; onnxruntime "
                               "omits the latter (onnx_clip \"ort\", --onnx-clip ort)",
                         sl_label_get(sl_onnx_get_name(lstm->node)).text, (double)clip);
}

/* ---- Shapes ---------------------------------------------------------------------------------------------------------------- */

static sluice_status fail_shape(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const char *what, const char *expected,
                                const sl_onnx_constant *found)
{
    return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "%s: expected %s, found %s", what, expected,
                        sl_shape_get_text(found->shape, found->dims).text);
}

/* W or R, as [D][4H][columns]. */
static sluice_status get_matrix(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, size_t input, sl_onnx_constant *found)
{
    const sluice_status status = sl_onnx_get_constant(reader, lstm->node, input, input == IN_W ? "W" : "R", found);
    if (!status && found->dims == 3 && lstm->is_quantized)
        sl_onnx_swap(found, 1, 2);
    return status;
}

/* Read the sizes out of R, whose columns they are, and W. */
static sluice_status find_sizes(const sl_onnx_reader *reader, sl_onnx_lstm *lstm)
{
    sl_onnx_constant found;
    sluice_status status = get_matrix(reader, lstm, IN_R, &found);
    size_t rows;
    if (status)
        return status;
    const bool fits = found.dims == 3 && found.shape[0] == lstm->directions && found.shape[2] &&
                      sl_size_mul(SL_GATES, found.shape[2], &rows) && found.shape[1] == rows;
    if (!fits)
        return fail_shape(reader, lstm, "R", lstm->directions == 2 ? "[2][4H][H]" : "[1][4H][H]", &found);
    lstm->hidden = found.shape[2];
    const int64_t stated = sl_onnx_get_int(lstm->node, "hidden_size", (int64_t)lstm->hidden);
    if (stated != (int64_t)lstm->hidden)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "hidden_size: expected %zu, as R has it, found %lld",
                            lstm->hidden, (long long)stated);
    status = get_matrix(reader, lstm, IN_W, &found);
    if (status)
        return status;
    if (found.dims != 3 || found.shape[0] != lstm->directions || found.shape[1] != rows || !found.shape[2])
        return fail_shape(reader, lstm, "W", lstm->directions == 2 ? "[2][4H][I], of R's H" : "[1][4H][I], of R's H", &found);
    lstm->inputs = found.shape[2];
    return SLUICE_STATUS_OK;
}

sluice_status sl_onnx_lstm_examine(const sl_onnx_reader *reader, const sl_onnx_node *node, sl_onnx_lstm *lstm)
{
    *lstm = (sl_onnx_lstm){.node = node};
    lstm->is_quantized = strcmp(node->op, "LSTM") != 0;
    const int64_t layout = sl_onnx_get_int(node, "layout", 0);
    lstm->is_batch_first = layout == 1;
    if (layout != 0 && layout != 1)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, node, "layout: expected 0 or 1, found %lld", (long long)layout);
    const sluice_status status = find_direction(reader, lstm);
    return status ? status : find_sizes(reader, lstm);
}

/* ---- Weights --------------------------------------------------------------------------------------------------------------- */

/* Which block of the file is gate g of the model: i, o, f, c there; of peepholes i, o, f. */
static const unsigned char gate_order[SL_GATES] = {[SL_GATE_I] = 0, [SL_GATE_F] = 2, [SL_GATE_G] = 3, [SL_GATE_O] = 1};
static const unsigned char peephole_order[] = {0, 2, 1};

/* Fill a parameter of `count` blocks of H rows, of which the constant has those of `direction` from row `first` on. */
static sluice_status fill_blocks(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_constant *from,
                                 size_t direction, size_t first, const unsigned char *order, size_t count, const sl_fill *fill)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t block = 0; !status && block < count; block++) {
        sl_fill of_block = *fill;
        of_block.at = block * lstm->hidden * fill->pitch;
        status =
            sl_onnx_fill(reader, from, (sl_onnx_part){1, direction, first + order[block] * lstm->hidden, lstm->hidden}, &of_block);
    }
    return status;
}

/* Scales and zero points of a quantized matrix: one for each direction, or for each of its 4H rows. */
typedef struct quantization {
    float *scales, *zeros;
    size_t scale_count, zero_count;
} quantization;

static sluice_status read_list(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, size_t input, const char *what,
                               float **values, size_t *count)
{
    sl_onnx_constant found;
    const size_t rows = SL_GATES * lstm->hidden, room = lstm->directions * rows;
    sluice_status status = sl_onnx_get_constant(reader, lstm->node, input, what, &found);
    if (!status)
        status = sl_onnx_allocate(reader, lstm->node, room, values);
    if (!status)
        status = sl_onnx_read_constant(reader, lstm->node, what, &found, *values, room, count);
    if (!status && *count != lstm->directions && *count != room)
        status = fail_shape(reader, lstm, what, "one for each direction or each of its 4H columns", &found);
    return status;
}

static sluice_status read_quantization(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, size_t input, quantization *found)
{
    const size_t scale = input == IN_W ? IN_W_SCALE : IN_R_SCALE, zero = scale + 1;
    sluice_status status =
        read_list(reader, lstm, scale, input == IN_W ? "W_scale" : "R_scale", &found->scales, &found->scale_count);
    for (size_t k = 0; !status && k < found->scale_count; k++)
        if (!(found->scales[k] > 0) || !isfinite(found->scales[k]))
            status = sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "scale %zu: expected a number above 0, found %g", k,
                                  (double)found->scales[k]);
    if (!status && *sl_onnx_get_input(lstm->node, zero))
        status = read_list(reader, lstm, zero, input == IN_W ? "W_zero_point" : "R_zero_point", &found->zeros, &found->zero_count);
    return status;
}

/* Row by row where each has a scale of its own. */
static sluice_status fill_quantized(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_constant *from,
                                    size_t input, size_t direction, const sl_fill *fill)
{
    quantization q = {0};
    const size_t rows = SL_GATES * lstm->hidden;
    sluice_status status = read_quantization(reader, lstm, input, &q);
    const bool is_by_row = q.scale_count > lstm->directions || q.zero_count > lstm->directions;
    const size_t step = is_by_row ? 1 : lstm->hidden;
    for (size_t row = 0; !status && row < rows; row += step) {
        sl_fill of_row = *fill;
        const size_t at = gate_order[row / lstm->hidden] * lstm->hidden + row % lstm->hidden; /* in the file */
        of_row.at = row * fill->pitch;
        of_row.scale = q.scales[q.scale_count > lstm->directions ? direction * rows + at : direction];
        of_row.zero_point = !q.zero_count ? 0 : q.zeros[q.zero_count > lstm->directions ? direction * rows + at : direction];
        status = sl_onnx_fill(reader, from, (sl_onnx_part){1, direction, at, step}, &of_row);
    }
    return status;
}

static sluice_status fill_matrix(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, size_t input, size_t direction,
                                 sl_fill fill)
{
    sl_onnx_constant found;
    const sluice_status status = get_matrix(reader, lstm, input, &found);
    if (status)
        return status;
    fill.tensor = input == IN_W ? SLUICE_TENSOR_WEIGHT_IH : SLUICE_TENSOR_WEIGHT_HH;
    fill.pitch = found.shape[2];
    return lstm->is_quantized ? fill_quantized(reader, lstm, &found, input, direction, &fill)
                              : fill_blocks(reader, lstm, &found, direction, 0, gate_order, SL_GATES, &fill);
}

/* B is [D][8H], of W and R; P [D][3H]. */
static sluice_status fill_vectors(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, size_t direction, sl_fill fill)
{
    sl_onnx_constant found;
    sluice_status status = SLUICE_STATUS_OK;
    const size_t rows = SL_GATES * lstm->hidden;
    fill.pitch = 1;
    if (*sl_onnx_get_input(lstm->node, IN_B)) {
        fill.tensor = SLUICE_TENSOR_BIAS;
        status = sl_onnx_get_constant(reader, lstm->node, IN_B, "B", &found);
        if (!status && (found.dims != 2 || found.shape[0] != lstm->directions || found.shape[1] != 2 * rows))
            return fail_shape(reader, lstm, "B", "[D][8H]", &found);
        for (size_t half = 0; !status && half < 2; half++) {
            fill.adds = half == 1;
            status = fill_blocks(reader, lstm, &found, direction, half * rows, gate_order, SL_GATES, &fill);
        }
    }
    if (status || !*sl_onnx_get_input(lstm->node, IN_P))
        return status;
    fill.tensor = SLUICE_TENSOR_PEEPHOLES;
    fill.adds = false;
    status = sl_onnx_get_constant(reader, lstm->node, IN_P, "P", &found);
    if (!status && (found.dims != 2 || found.shape[0] != lstm->directions || found.shape[1] != 3 * lstm->hidden))
        return fail_shape(reader, lstm, "P", "[D][3H]", &found);
    return status ? status : fill_blocks(reader, lstm, &found, direction, 0, peephole_order, 3, &fill);
}

/* ---- The layer ------------------------------------------------------------------------------------------------------------- */

/* Weights that layers share are copied for each: refuse what only a hostile file does, before there are places for all of them. */
static sluice_status count_weights(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm)
{
    size_t floats;
    const bool fits = sl_size_add(lstm->inputs, lstm->hidden, &floats) && sl_size_mul(floats, SL_GATES * lstm->hidden, &floats) &&
                      sl_size_mul(floats, lstm->directions * sizeof(float), &floats) && floats <= *reader->weights_left;
    if (!fits)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node,
                            "the file is too small for all weights: layers share tensors");
    *reader->weights_left -= floats;
    return SLUICE_STATUS_OK;
}

static sluice_status note_layer(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use)
{
    const sl_label name = sl_label_get(sl_onnx_get_name(lstm->node));
    sluice_status status = SLUICE_STATUS_OK;
    if (lstm->is_quantized)
        status = sl_build_note(reader->build, reader->error,
                               "onnx: %s: int8 weights become floats; onnxruntime rounds x and h of each step to int8 as well",
                               name.text);
    if (!status && use->only >= 0)
        status = sl_build_note(reader->build, reader->error, "detail: %s: only its %s direction is used", name.text,
                               use->only ? "reverse" : "forward");
    return status;
}

sluice_status sl_onnx_lstm_add(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use)
{
    const char *name = sl_onnx_get_name(lstm->node);
    const size_t index = sl_build_count(reader->build);
    const size_t first = use->only == 1, end = use->only == 0 ? 1 : lstm->directions;
    sluice_layer *layer;
    sluice_cell cells[2];
    sluice_status status = count_weights(reader, lstm);
    if (!status)
        status = sl_build_add(reader->build, SLUICE_LAYER_LSTM, name, strlen(name), &layer, reader->error);
    if (status)
        return status;
    layer->units = lstm->hidden;
    layer->steps = use->steps;
    layer->merge = use->merge;
    layer->direction = use->only < 0 || lstm->directions == 1 ? lstm->direction
                       : use->only                            ? SLUICE_DIRECTION_REVERSE
                                                              : SLUICE_DIRECTION_FORWARD;
    for (size_t d = 0; d < 2; d++)
        cells[d] = *sl_build_get_cell(reader->build, index, d);
    status = set_activations(reader, lstm, cells);
    if (!status)
        status = set_options(reader, lstm, cells);
    for (size_t d = first; !status && d < end; d++) {
        const sl_fill fill = {.layer = index, .direction = d - first};
        *sl_build_get_cell(reader->build, index, d - first) = cells[d];
        status = fill_matrix(reader, lstm, IN_W, d, fill);
        if (!status)
            status = fill_matrix(reader, lstm, IN_R, d, fill);
        if (!status)
            status = fill_vectors(reader, lstm, d, fill);
    }
    if (!status)
        status = sl_onnx_states_add(reader, lstm, use, index);
    return status ? status : note_layer(reader, lstm, use);
}
