/* Random networks: drawn, checked, filled with values, printed, and shrunk. */
#include "support/cases/random_networks.h"

#include "support/suite.h"

#include <math.h>

enum { FUNCTIONS = SLUICE_FUNCTION_SOFTMAX + 1 };

/* ---- Drawing ---- */

static size_t draw(size_t least, size_t most, uint64_t *random)
{
    return least + (size_t)(test_random(random) % (most - least + 1));
}

/* A size from 1 on: small, and now and then beyond two vectors of any instruction set. */
static size_t draw_size(uint64_t *random)
{
    return draw(0, 7, random) ? draw(1, 9, random) : draw(10, 37, random);
}

/* Whether an option is taken, `often` of 8 times. */
static bool take(size_t often, uint64_t *random)
{
    return draw(0, 7, random) < often;
}

static sluice_activation constants_of(sluice_function function)
{
    static const float constants[FUNCTIONS][2] = {
        [SLUICE_FUNCTION_HARD_SIGMOID] = {0.2f, 0.5f}, [SLUICE_FUNCTION_LEAKY_RELU] = {0.1f, 0},
        [SLUICE_FUNCTION_THRESHOLD_RELU] = {0.25f, 0}, [SLUICE_FUNCTION_ELU] = {0.7f, 0},
        [SLUICE_FUNCTION_AFFINE] = {0.75f, 0.125f},    [SLUICE_FUNCTION_SCALED_TANH] = {1.7159f, 0.6667f},
    };
    return (sluice_activation){function, constants[function][0], constants[function][1]};
}

static bool is_bounded(sluice_function function)
{
    return function == SLUICE_FUNCTION_DEFAULT || function == SLUICE_FUNCTION_SIGMOID || function == SLUICE_FUNCTION_TANH ||
           function == SLUICE_FUNCTION_HARD_SIGMOID || function == SLUICE_FUNCTION_SOFTSIGN ||
           function == SLUICE_FUNCTION_SCALED_TANH;
}

static sluice_activation draw_activation(sluice_function most, uint64_t *random)
{
    sluice_activation drawn = constants_of((sluice_function)draw(0, most, random));
    if (drawn.function == SLUICE_FUNCTION_HARD_SIGMOID && take(4, random))
        drawn.alpha = 1.0f / 6.0f;
    return drawn;
}

/* With gates that are unbounded, c would be multiplied to infinity, but for a gate_clip. */
static void draw_functions(sluice_cell *cell, size_t often, uint64_t *random)
{
    const sluice_function most = SLUICE_FUNCTION_SCALED_TANH;
    if (take(often, random))
        cell->gate = draw_activation(most, random);
    if (take(often, random))
        cell->candidate = draw_activation(most, random);
    if (take(often, random))
        cell->output = draw_activation(most, random);
    if (take(often, random) || !is_bounded(cell->gate.function))
        cell->gate_clip = take(4, random) ? 0.5f : 1.25f;
    cell->output_unclipped = cell->gate_clip > 0.0f && take(4, random);
}

static sluice_cell draw_cell(const sluice_layer *layer, size_t often, uint64_t *random)
{
    sluice_cell cell = {.struct_size = sizeof cell};
    for (unsigned part = SLUICE_PART_PEEPHOLES; part <= SLUICE_PART_INITIAL_STATE; part *= 2)
        if (take(often, random) && (part != SLUICE_PART_PROJECTION_BIAS || layer->projection))
            cell.parts |= part;
    if (!(cell.parts & SLUICE_PART_NORM) && take(6, random))
        cell.parts |= SLUICE_PART_BIAS;
    if (cell.parts & SLUICE_PART_NORM)
        cell.norm_epsilon = 1e-3f;
    draw_functions(&cell, often, random);
    cell.coupled = take(often, random);
    cell.forget_bias = take(often, random) ? 1.0f : 0.0f;
    cell.cell_clip = take(often, random) ? 0.375f : 0.0f;
    cell.projection_clip = layer->projection && take(often, random) ? 0.125f : 0.0f;
    return cell;
}

/* Values whose product with others of their kind stays small. */
static bool has_bounded_outputs(const test_network_case *given, size_t layer)
{
    for (size_t d = 0; given->has_cells[layer] && d < test_family_directions(&given->layers[layer]); d++) {
        const sluice_cell *cell = &given->cells[layer][d];
        if (!is_bounded(cell->candidate.function) || !is_bounded(cell->output.function) || !is_bounded(cell->gate.function))
            return false;
    }
    return true;
}

static void draw_lstm(test_network_case *drawn, size_t k, bool may_reduce, uint64_t *random)
{
    static const size_t chances[] = {0, 0, 1, 1, 4};
    const size_t often = chances[draw(0, 4, random)]; /* of 8: layers without options, with about one, with many */
    sluice_layer *layer = &drawn->layers[k];
    layer->units = draw_size(random);
    layer->steps = may_reduce && take(2, random) ? (sluice_steps)draw(1, 2, random) : SLUICE_STEPS_ALL;
    layer->direction = take(often ? often : 1, random) ? (sluice_direction)draw(1, 2, random) : SLUICE_DIRECTION_FORWARD;
    layer->projection = take(often, random) ? draw(1, layer->units, random) : 0;
    layer->processing_order = layer->direction == SLUICE_DIRECTION_REVERSE && take(4, random);
    layer->masked_outputs_zero = take(often, random);
    drawn->has_cells[k] = often > 0 || take(2, random);
    for (size_t d = 0; drawn->has_cells[k] && d < test_family_directions(layer); d++)
        drawn->cells[k][d] = draw_cell(layer, often, random);
    if (layer->direction == SLUICE_DIRECTION_BOTH && take(4, random))
        layer->merge = (sluice_merge)draw(1, 3, random);
    if (layer->merge == SLUICE_MERGE_PRODUCT && !has_bounded_outputs(drawn, k))
        layer->merge = SLUICE_MERGE_SUM;
}

static sluice_layer_kind draw_kind(const test_network_case *drawn, size_t k, bool has_lstm, bool is_reduced, uint64_t *random)
{
    if (!has_lstm && k + 1 == drawn->layer_count)
        return SLUICE_LAYER_LSTM;
    if (k == 0 && take(2, random))
        return SLUICE_LAYER_EMBEDDING;
    if (!is_reduced && take(5, random))
        return SLUICE_LAYER_LSTM;
    if (!is_reduced && has_lstm && take(2, random))
        return SLUICE_LAYER_REDUCE;
    return (sluice_layer_kind)draw(SLUICE_LAYER_DENSE, SLUICE_LAYER_ACTIVATION, random);
}

test_network_case test_network_case_random(uint64_t seed)
{
    uint64_t random = seed;
    test_network_case drawn;
    memset(&drawn, 0, sizeof drawn); /* padding, too: cases are compared */
    drawn.seed = seed;
    drawn.inputs = draw_size(&random);
    drawn.layer_count = draw(1, take(4, &random) ? 3 : TEST_CASE_LAYERS, &random);
    bool has_lstm = false, is_reduced = false;
    for (size_t k = 0; k < drawn.layer_count; k++) {
        sluice_layer *layer = &drawn.layers[k];
        layer->struct_size = sizeof *layer;
        layer->kind = draw_kind(&drawn, k, has_lstm, is_reduced, &random);
        drawn.is_named[k] = take(2, &random);
        if (layer->kind == SLUICE_LAYER_LSTM)
            draw_lstm(&drawn, k, !is_reduced, &random);
        else if (layer->kind == SLUICE_LAYER_REDUCE)
            layer->steps = (sluice_steps)draw(SLUICE_STEPS_LAST, SLUICE_STEPS_MAX, &random);
        else if (layer->kind != SLUICE_LAYER_EMBEDDING && take(5, &random))
            layer->activation = draw_activation(SLUICE_FUNCTION_SOFTMAX, &random);
        if (layer->kind == SLUICE_LAYER_EMBEDDING || layer->kind == SLUICE_LAYER_DENSE)
            layer->units = draw_size(&random);
        layer->has_bias = layer->kind == SLUICE_LAYER_DENSE && take(5, &random);
        layer->vocabulary = layer->kind == SLUICE_LAYER_EMBEDDING ? draw_size(&random) : 0;
        has_lstm |= layer->kind == SLUICE_LAYER_LSTM;
        is_reduced |= layer->kind == SLUICE_LAYER_REDUCE || layer->steps != SLUICE_STEPS_ALL;
    }
    if (drawn.layers[0].kind == SLUICE_LAYER_EMBEDDING)
        drawn.inputs = 0;
    drawn.rows = draw(0, 6, &random) ? draw(1, 7, &random) : draw(0, 19, &random);
    drawn.steps = draw(0, 9, &random);
    drawn.is_ragged = take(4, &random);
    drawn.is_masked = take(3, &random);
    drawn.has_h0 = take(2, &random);
    drawn.has_c0 = take(2, &random);
    return drawn;
}

/* ---- Checking ---- */

static bool is_valid_cell(const sluice_layer *layer, const sluice_cell *cell)
{
    const bool has_norm = cell->parts & SLUICE_PART_NORM;
    const sluice_function softmax = SLUICE_FUNCTION_SOFTMAX;
    return (layer->projection || (!(cell->parts & SLUICE_PART_PROJECTION_BIAS) && cell->projection_clip == 0.0f)) &&
           has_norm == (cell->norm_epsilon > 0.0f) && !(has_norm && (cell->parts & SLUICE_PART_BIAS)) &&
           (cell->gate_clip > 0.0f || !cell->output_unclipped) && cell->gate.function != softmax &&
           cell->candidate.function != softmax && cell->output.function != softmax;
}

static bool is_valid_lstm(const test_network_case *given, size_t k)
{
    const sluice_layer *layer = &given->layers[k];
    bool valid = layer->units > 0 && layer->projection <= layer->units && layer->steps <= SLUICE_STEPS_LAST &&
                 (layer->direction == SLUICE_DIRECTION_BOTH || layer->merge == SLUICE_MERGE_CONCAT) &&
                 (layer->direction == SLUICE_DIRECTION_REVERSE || !layer->processing_order);
    for (size_t d = 0; given->has_cells[k] && d < test_family_directions(layer); d++)
        valid &= is_valid_cell(layer, &given->cells[k][d]);
    return valid;
}

bool test_network_case_is_valid(const test_network_case *given)
{
    const bool has_embedding = given->layer_count > 0 && given->layers[0].kind == SLUICE_LAYER_EMBEDDING;
    bool valid = (given->inputs == 0) == has_embedding, has_lstm = false, is_reduced = false;
    for (size_t k = 0; k < given->layer_count; k++) {
        const sluice_layer *layer = &given->layers[k];
        const bool reduces = layer->kind == SLUICE_LAYER_REDUCE;
        if (layer->kind == SLUICE_LAYER_LSTM)
            valid &= is_valid_lstm(given, k);
        else
            valid &= reduces ? layer->steps >= SLUICE_STEPS_LAST : layer->steps == SLUICE_STEPS_ALL;
        if (layer->kind == SLUICE_LAYER_EMBEDDING)
            valid &= k == 0 && layer->units > 0 && layer->vocabulary > 0;
        valid &= layer->kind != SLUICE_LAYER_DENSE || layer->units > 0;
        valid &= !is_reduced || (layer->kind != SLUICE_LAYER_LSTM && !reduces);
        has_lstm |= layer->kind == SLUICE_LAYER_LSTM;
        is_reduced |= layer->steps != SLUICE_STEPS_ALL;
    }
    return valid && has_lstm;
}

/* ---- Values ---- */

/* A stream of its own for each array, so that the others keep their values where one changes its size. */
static uint64_t stream_of(uint64_t seed, size_t array)
{
    uint64_t random = seed ^ (array + 1) * UINT64_C(0xd1342543de82ef95);
    return test_random(&random);
}

/* An array that is freed with the network. */
static void *own(test_made_network *made, size_t count, size_t bytes)
{
    void *array = calloc(count ? count : 1, bytes);
    ck_assert_ptr_nonnull(array);
    ck_assert_uint_lt(made->array_count, TEST_CASE_ARRAYS);
    return made->arrays[made->array_count++] = array;
}

static float *uniform(test_made_network *made, size_t count, float middle, float range, uint64_t random)
{
    float *values = own(made, count, sizeof *values);
    for (size_t j = 0; j < count; j++)
        values[j] = middle + range * (2.0f * test_uniform(&random) - 1.0f);
    return values;
}

/* Matrices are wide enough for limits and bends of the functions to be reached, where nothing grows without bound by that. */
static float range_of(const test_network_case *given, const test_made_network *made, const sluice_parameter *parameter)
{
    const sluice_layer *layer = &made->layers[parameter->layer];
    const bool is_wide = layer->kind == SLUICE_LAYER_LSTM && has_bounded_outputs(given, parameter->layer) && given->seed % 3 == 0;
    switch (parameter->tensor) {
    case SLUICE_TENSOR_WEIGHT_IH:
    case SLUICE_TENSOR_WEIGHT_HH:
    case SLUICE_TENSOR_PROJECTION:
        return (is_wide ? 3.0f : 1.0f) / sqrtf((float)layer->units);
    case SLUICE_TENSOR_WEIGHT:
        return 1.0f / sqrtf((float)test_family_inputs(&made->network, parameter->layer));
    case SLUICE_TENSOR_NORM_GAIN:
        return 0.5f;
    default:
        return 1.0f;
    }
}

static void add_parameters(const test_network_case *given, test_made_network *made, size_t layer, size_t direction)
{
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_SHIFT; tensor++) {
        const sluice_tensor kind = (sluice_tensor)tensor;
        const size_t count = test_family_count(&made->network, layer, direction, kind);
        if (count == 0)
            continue;
        ck_assert_uint_lt(made->parameter_count, TEST_CASE_PARAMETERS);
        sluice_parameter *next = &made->parameters[made->parameter_count++];
        *next = (sluice_parameter){.layer = layer, .direction = direction, .tensor = kind, .count = count};
        next->values = uniform(made, count, kind == SLUICE_TENSOR_NORM_GAIN ? 1.0f : 0.0f, range_of(given, made, next),
                               stream_of(given->seed, 64 * (2 * layer + direction) + (size_t)tensor));
    }
}

static void make_batch(const test_network_case *given, test_made_network *made)
{
    enum { X = 2000, LENGTHS, TOKENS, MASK, H0, C0 };
    const size_t rows = given->rows, steps = given->steps, width = test_family_inputs(&made->network, 0);
    const uint64_t seed = given->seed;
    float *x = uniform(made, rows * steps * width, 0.0f, 1.0f, stream_of(seed, X));
    int64_t *lengths = own(made, rows, sizeof *lengths);
    int32_t *tokens = own(made, rows * steps, sizeof *tokens);
    uint8_t *mask = own(made, rows * steps, sizeof *mask);
    uint64_t for_lengths = stream_of(seed, LENGTHS), for_tokens = stream_of(seed, TOKENS), for_mask = stream_of(seed, MASK);
    for (size_t n = 0; n < rows; n++) {
        lengths[n] = (int64_t)draw(0, steps, &for_lengths);
        const size_t length = given->is_ragged ? (size_t)lengths[n] : steps;
        const size_t often = draw(0, 8, &for_mask); /* of 8: from rows without masked steps to rows of nothing else */
        for (size_t t = 0; t < steps; t++) {
            mask[n * steps + t] = !take(often, &for_mask);
            const int32_t token = made->layers[0].vocabulary ? (int32_t)draw(0, made->layers[0].vocabulary - 1, &for_tokens) : 0;
            tokens[n * steps + t] = t < length ? token : -1;
            for (size_t j = 0; t >= length && j < width; j++)
                x[(n * steps + t) * width + j] = NAN;
        }
    }
    const float *h0 = uniform(made, made->h_count, 0.0f, 1.0f, stream_of(seed, H0));
    const float *c0 = uniform(made, made->c_count, 0.0f, 1.0f, stream_of(seed, C0));
    made->batch = (test_family_batch){.steps = steps,
                                      .rows = rows,
                                      .lengths = given->is_ragged ? lengths : NULL,
                                      .x = given->inputs ? x : NULL,
                                      .tokens = given->inputs ? NULL : tokens,
                                      .mask = given->is_masked ? mask : NULL,
                                      .h0 = given->has_h0 ? h0 : NULL,
                                      .c0 = given->has_c0 ? c0 : NULL};
}

void test_made_network_create(const test_network_case *given, test_made_network *made)
{
    memset(made, 0, sizeof *made);
    memcpy(made->layers, given->layers, sizeof made->layers);
    memcpy(made->cells, given->cells, sizeof made->cells);
    made->network = (sluice_network){sizeof made->network, given->inputs, given->layer_count, made->layers};
    for (size_t k = 0; k < given->layer_count; k++) {
        sluice_layer *layer = &made->layers[k];
        snprintf(made->names[k], sizeof made->names[k], "layer %zu", k);
        layer->name = given->is_named[k] ? made->names[k] : NULL;
        layer->cells = given->has_cells[k] ? made->cells[k] : NULL;
        for (size_t d = 0; d < test_family_directions(layer); d++)
            add_parameters(given, made, k, d);
        if (layer->kind != SLUICE_LAYER_LSTM)
            continue;
        made->h_count += test_family_directions(layer) * given->rows * (layer->projection ? layer->projection : layer->units);
        made->c_count += test_family_directions(layer) * given->rows * layer->units;
    }
    make_batch(given, made);
}

void test_made_network_free(test_made_network *made)
{
    for (size_t j = 0; j < made->array_count; j++)
        free(made->arrays[j]);
}

test_family test_made_network_run(const test_made_network *made)
{
    return test_family_run(&made->network, made->parameters, made->parameter_count, &made->batch);
}
