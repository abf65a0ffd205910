#include "support/cases/cell_scene.h"

#include "model/parameters.h"
#include "support/network.h"
#include "support/oracle/plain_cells.h"

#include <math.h>
#include <string.h>

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

static void set_part(sluice_cell *cell, unsigned part)
{
    cell->parts |= part;
    if (part == SLUICE_PART_NORM)
        cell->norm_epsilon = 0.01f;
}

/* The numbers are such that limits are reached and others not. */
static void set_option(sluice_cell *cell, test_cell_option which)
{
    static const unsigned parts[TEST_CELL_OPTIONS] = {[TEST_CELL_PEEPHOLES] = SLUICE_PART_PEEPHOLES,
                                                      [TEST_CELL_PROJECTION_BIAS] = SLUICE_PART_PROJECTION_BIAS,
                                                      [TEST_CELL_NORM] = SLUICE_PART_NORM,
                                                      [TEST_CELL_INITIAL_STATE] = SLUICE_PART_INITIAL_STATE};
    set_part(cell, parts[which]);
    if (which == TEST_CELL_NO_BIAS || which == TEST_CELL_NORM)
        cell->parts &= ~(unsigned)SLUICE_PART_BIAS;
    if (which == TEST_CELL_GATE_CLIP || which == TEST_CELL_UNCLIPPED)
        cell->gate_clip = 0.3f;
    cell->coupled |= which == TEST_CELL_COUPLED;
    cell->output_unclipped |= which == TEST_CELL_UNCLIPPED;
    cell->forget_bias += which == TEST_CELL_FORGET_BIAS ? 0.75f : 0;
    cell->cell_clip += which == TEST_CELL_CELL_CLIP ? 0.2f : 0;
    cell->projection_clip += which == TEST_CELL_PROJECTION_CLIP ? 0.15f : 0;
    if (which == TEST_CELL_HARD_GATES)
        cell->gate = (sluice_activation){SLUICE_FUNCTION_HARD_SIGMOID, 0.2f, 0.5f};
    if (which == TEST_CELL_SOFTSIGN_CANDIDATE)
        cell->candidate.function = SLUICE_FUNCTION_SOFTSIGN;
    if (which == TEST_CELL_RELU_OUTPUT)
        cell->output.function = SLUICE_FUNCTION_RELU;
}

bool test_cell_needs_projection(test_cell_option which)
{
    return which == TEST_CELL_PROJECTION || which == TEST_CELL_PROJECTION_BIAS || which == TEST_CELL_PROJECTION_CLIP;
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

enum { PARAMETERS = TEST_CELL_LAYERS * 2 * SL_TENSORS };

/* How many floats a parameter has: by the model's own table, which the model's tests are about. */
static size_t add_parameter(const sl_network *network, sluice_parameter *to, size_t layer, size_t d, sluice_tensor tensor,
                            bool gentle, uint64_t *random)
{
    const sl_parameter_shape shape = sl_parameter_shape_get(network, layer, d, tensor);
    const size_t count = shape.rows * shape.columns;
    if (!count || shape.optional)
        return 0;
    const bool is_matrix = shape.columns > 1 && tensor != SLUICE_TENSOR_PEEPHOLES;
    const float columns = (float)shape.columns, scale = is_matrix ? (gentle ? 0.5f / columns : 2.0f / sqrtf(columns)) : 1.0f;
    float *values = test_floats(count);
    for (size_t k = 0; k < count; k++)
        values[k] = scale * (2.0f * test_uniform(random) - 1.0f);
    *to = (sluice_parameter){layer, d, tensor, count, values};
    return 1;
}

static sluice_model *make_model(const sluice_network *description, bool gentle, uint64_t *random)
{
    sluice_parameter parameters[PARAMETERS];
    size_t count = 0;
    sl_network *network;
    sluice_model *model;
    sluice_error error;
    ck_assert_msg(sl_network_create(description, false, &network, &error) == SLUICE_STATUS_OK, "%s", error.message);
    for (size_t layer = 0; layer < description->layer_count; layer++)
        for (size_t d = 0; d < 2; d++)
            for (int tensor = 0; tensor < SL_TENSORS; tensor++)
                count += add_parameter(network, &parameters[count], layer, d, (sluice_tensor)tensor, gentle, random);
    ck_assert_msg(sluice_model_create_network(description, parameters, count, NULL, &model, &error) == SLUICE_STATUS_OK, "%s",
                  error.message);
    for (size_t k = 0; k < count; k++)
        free((void *)parameters[k].values);
    sl_network_destroy(network);
    return model;
}

/* Both directions have a projection, or none. */
sluice_model *test_cell_model(const test_cell_case *given, uint64_t *random)
{
    sluice_cell cells[2] = {{.struct_size = sizeof cells[0], .parts = SLUICE_PART_BIAS},
                            {.struct_size = sizeof cells[0], .parts = SLUICE_PART_BIAS}};
    set_option(&cells[0], given->first);
    set_option(&cells[0], given->second);
    set_option(&cells[1], given->second);
    if (cells[0].parts & SLUICE_PART_NORM)
        cells[0].parts &= ~(unsigned)SLUICE_PART_BIAS;
    if (given->gentle)
        cells[0].norm_epsilon = cells[1].norm_epsilon = 1;
    sluice_layer layers[TEST_CELL_LAYERS];
    for (size_t l = 0; l < given->layers; l++)
        layers[l] = (sluice_layer){.struct_size = sizeof layers[l],
                                   .kind = SLUICE_LAYER_LSTM,
                                   .units = given->hidden + 3 * l,
                                   .direction = given->direction,
                                   .projection = given->projection ? given->projection + 3 * l : 0,
                                   .cells = cells};
    const sluice_network network = {sizeof network, given->inputs, given->layers, layers};
    return make_model(&network, given->gentle, random);
}

static float *random_floats(size_t count, uint64_t *random)
{
    float *values = test_floats(count);
    for (size_t k = 0; k < count; k++)
        values[k] = 2.0f * test_uniform(random) - 1.0f;
    return values;
}

void test_cell_scene_prefill(test_cell_scene *made)
{
    test_prefill(made->batch.y, made->y_count);
    test_prefill(made->batch.hn, made->h_count);
    test_prefill(made->batch.cn, made->c_count);
}

test_cell_scene test_cell_scene_create(const test_cell_case *given, uint64_t random)
{
    const size_t directions = given->direction == SLUICE_DIRECTION_BOTH ? 2 : 1, rows = given->rows, steps = given->steps;
    test_cell_scene made = {.model = test_cell_model(given, &random)};
    for (size_t l = 0; l < given->layers; l++) {
        made.h_count += rows * directions * ((given->projection ? given->projection : given->hidden) + 3 * l);
        made.c_count += rows * directions * (given->hidden + 3 * l);
    }
    made.y_count = rows * steps * sluice_model_get_width(made.model, given->layers - 1);
    float *x = random_floats(rows * steps * given->inputs, &random);
    int64_t *lengths = calloc(rows, sizeof *lengths);
    for (size_t n = 0; n < rows; n++)
        lengths[n] = given->ragged ? (int64_t)(test_random(&random) % (steps + 1)) : (int64_t)steps;
    if (given->nan)
        x[test_random(&random) % (rows * steps * given->inputs)] = NAN;
    made.batch = (sluice_batch){.struct_size = sizeof made.batch,
                                .steps = steps,
                                .rows = rows,
                                .x = x,
                                .lengths = lengths,
                                .h0 = given->states ? random_floats(made.h_count, &random) : NULL,
                                .c0 = given->states ? random_floats(made.c_count, &random) : NULL,
                                .y = test_floats(made.y_count),
                                .hn = test_floats(made.h_count),
                                .cn = test_floats(made.c_count)};
    made.want = made.batch;
    made.want.y = test_floats(made.y_count);
    made.want.hn = test_floats(made.h_count);
    made.want.cn = test_floats(made.c_count);
    test_plain_cells_forward(made.model, &made.want);
    snprintf(made.name, sizeof made.name, "options %d, %d, L %zu, I %zu, H %zu, P %zu, direction %d, N %zu, T %zu%s%s%s",
             given->first, given->second, given->layers, given->inputs, given->hidden, given->projection, given->direction, rows,
             steps, given->ragged ? ", ragged" : "", given->states ? ", states" : "", given->nan ? ", NaN" : "");
    return made;
}

void test_cell_scene_free(test_cell_scene *made)
{
    float *const arrays[] = {(float *)made->batch.x, (float *)made->batch.h0, (float *)made->batch.c0,
                             made->batch.y,          made->batch.hn,          made->batch.cn,
                             made->want.y,           made->want.hn,           made->want.cn};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        free(arrays[k]);
    free((void *)made->batch.lengths);
    sluice_model_destroy(made->model);
}

void test_cell_scene_compare(const test_cell_scene *made, const char *how)
{
    char what[256];
    snprintf(what, sizeof what, "hn of %s by %s", made->name, how);
    test_same_bits(made->batch.hn, made->want.hn, made->h_count, what);
    what[0] = 'c';
    test_same_bits(made->batch.cn, made->want.cn, made->c_count, what);
    what[0] = 'y';
    test_same_bits(made->batch.y, made->want.y, made->y_count, what);
}

void test_cell_scene_run(test_cell_scene *made, sluice_isa isa, unsigned threads, sluice_schedule schedule)
{
    test_runner runner = test_runner_create(made->model, isa, threads, schedule);
    test_cell_scene_prefill(made);
    test_forward(&runner, &made->batch);
    test_cell_scene_compare(made, runner.name);
    test_runner_free(&runner);
}

/* Sizes at random. H is more than a cache line of units in half of them, so that units can be divided. */
test_cell_case test_cell_case_random(test_cell_option first, test_cell_option second, uint64_t *random)
{
    static const size_t hidden[] = {1, 5, 16, 33, 40, 67};
    test_cell_case made = {.first = first,
                           .second = second,
                           .layers = 1 + test_random(random) % TEST_CELL_LAYERS,
                           .inputs = 1 + test_random(random) % 9,
                           .hidden = hidden[test_random(random) % (sizeof hidden / sizeof hidden[0])],
                           .direction = (sluice_direction)(test_random(random) % 3),
                           .rows = 1 + test_random(random) % 11,
                           .steps = 1 + test_random(random) % 5,
                           .ragged = test_random(random) % 2,
                           .states = test_random(random) % 2,
                           .nan = test_random(random) % 4 == 0};
    if (test_cell_needs_projection(first) || test_cell_needs_projection(second))
        made.projection = 1 + test_random(random) % made.hidden;
    else if (first == TEST_CELL_WHOLE_PROJECTION || second == TEST_CELL_WHOLE_PROJECTION)
        made.projection = made.hidden;
    return made;
}
