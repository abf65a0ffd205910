/* The oracle of networks itself: against what other frameworks have given in float64, and against cases worked out by hand. */
#include "golden/golden_networks.h"

#include <math.h>

/* ---- Other frameworks ---- */

/* Both compute in double, in other orders. A pre-activation has at most 21 terms (10 inputs, 5 hidden units, two biases, a
 * peephole) of a sum below 8: 21 * 8 * 2^-53 = 1.9e-14. The functions hand on at most that, and it comes in at each of 6 steps of
 * at most 3 layers: 18 * 1.9e-14. */
static const double agreement = 3.4e-13;
/* Where a constant c is rounded to float32: by at most 2^-25 c, and what is multiplied with it is below 2 in the range where it
 * counts: 18 * 2 * 2^-25. */
static const double rounded_agreement = 1.1e-6;

static const double *output_of(const test_family *family, const golden_network_output *output)
{
    if (strcmp(output->name, "steps") == 0)
        return family->steps[output->layer];
    if (strcmp(output->name, "row") == 0)
        return family->row[output->layer];
    ck_assert_int_eq(output->name[1], 'n');
    return output->name[0] == 'h' ? family->hn : family->cn;
}

static double distance(const double *got, const double *want, size_t count)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double error = fabs(got[j] - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

/* How many values an output has. */
static size_t size_of(const golden_network *golden, const test_family *family, const golden_network_output *output)
{
    if (output->name[1] == 'n')
        return output->name[0] == 'h' ? family->hn_count : family->cn_count;
    const size_t steps = strcmp(output->name, "steps") == 0 ? golden->batch.steps : 1;
    return golden->batch.rows * steps * family->width[output->layer];
}

static double check_case(const golden_network *golden)
{
    test_family family = test_family_run(&golden->network, golden->parameters, golden->parameter_count, &golden->batch);
    double worst = 0.0;
    ck_assert_uint_gt(golden->output_count, 0);
    for (size_t j = 0; j < golden->output_count; j++) {
        const golden_network_output *output = &golden->outputs[j];
        ck_assert_uint_eq(output->count, size_of(golden, &family, output));
        const double error = distance(output_of(&family, output), output->want, output->count);
        ck_assert_msg(error <= (golden->rounded ? rounded_agreement : agreement), "%s: %s differs by %.3g", golden->name,
                      output->name, error);
        worst = fmax(worst, error);
    }
    test_family_free(&family);
    return worst;
}

START_TEST(agrees_with_other_frameworks)
{
    const char *name = golden_network_files[_i];
    double worst[2] = {0.0, 0.0};
    size_t count = 0;
    FILE *file = golden_networks_open(name);
    golden_network *golden = malloc(sizeof *golden);
    for (; golden_network_read(file, golden); count++) {
        worst[golden->rounded] = fmax(worst[golden->rounded], check_case(golden));
        golden_network_free(golden);
    }
    ck_assert_uint_gt(count, 3);
    printf("%s: %zu networks; largest difference %.3g, and %.3g with constants that are rounded\n", name, count, worst[0],
           worst[1]);
    free(golden);
    fclose(file);
}
END_TEST

/* ---- By hand ---- */

/* Values worked out to 60 digits from the definitions. */
START_TEST(functions_by_hand)
{
    static const struct {
        sluice_activation activation;
        double want[2]; /* at -1.5 and 0.75 */
    } cases[] = {
        {{SLUICE_FUNCTION_LINEAR, 0, 0}, {-1.5, 0.75}},
        {{SLUICE_FUNCTION_SIGMOID, 0, 0}, {0.18242552380635635, 0.679178699175393}},
        {{SLUICE_FUNCTION_TANH, 0, 0}, {-0.9051482536448664, 0.6351489523872873}},
        {{SLUICE_FUNCTION_HARD_SIGMOID, 0.25f, 0.125f}, {0, 0.3125}},
        {{SLUICE_FUNCTION_RELU, 0, 0}, {0, 0.75}},
        {{SLUICE_FUNCTION_LEAKY_RELU, 0.125f, 0}, {-0.1875, 0.75}},
        {{SLUICE_FUNCTION_THRESHOLD_RELU, 0.75f, 0}, {0, 0}},
        {{SLUICE_FUNCTION_THRESHOLD_RELU, 0.5f, 0}, {0, 0.75}},
        {{SLUICE_FUNCTION_ELU, 0.5f, 0}, {-0.3884349199257851, 0.75}},
        {{SLUICE_FUNCTION_SELU, 0, 0}, {-1.3658143533672527, 0.7880257405166103}},
        {{SLUICE_FUNCTION_SOFTPLUS, 0, 0}, {0.2014132779827524, 1.1368710061148999}},
        {{SLUICE_FUNCTION_SOFTSIGN, 0, 0}, {-0.6, 0.42857142857142855}},
        {{SLUICE_FUNCTION_SWISH, 0, 0}, {-0.2736382857095345, 0.5093840243815447}},
        {{SLUICE_FUNCTION_GELU, 0, 0}, {-0.1002108019032871, 0.5800294857173488}},
        {{SLUICE_FUNCTION_GELU_TANH, 0, 0}, {-0.10042842301976708, 0.5799605551656203}},
        {{SLUICE_FUNCTION_AFFINE, -0.5f, 0.25f}, {1, -0.125}},
        {{SLUICE_FUNCTION_SCALED_TANH, 1.5f, 0.5f}, {-0.952723428580931, 0.5375360975261789}},
        {{SLUICE_FUNCTION_HARD_SIGMOID, 4, 0.125f}, {0, 1}},
    };
    static const double x[2] = {-1.5, 0.75};
    for (size_t j = 0; j < 2 * sizeof cases / sizeof cases[0]; j++) {
        const sluice_activation activation = cases[j / 2].activation;
        const double got = test_family_function(activation, SLUICE_FUNCTION_LINEAR, x[j % 2]), want = cases[j / 2].want[j % 2];
        ck_assert_msg(fabs(got - want) <= 1e-15, "function %d of %g is %.17g, expected %.17g", (int)activation.function, x[j % 2],
                      got, want);
    }
    for (int function = SLUICE_FUNCTION_LINEAR; function < SLUICE_FUNCTION_SOFTMAX; function++)
        ck_assert(isnan(test_family_function((sluice_activation){(sluice_function)function, 1, 1}, SLUICE_FUNCTION_LINEAR, NAN)));
    const sluice_activation none = {SLUICE_FUNCTION_DEFAULT, 0, 0};
    ck_assert_double_eq(test_family_function(none, SLUICE_FUNCTION_TANH, 1), tanh(1));
}
END_TEST

/* The one step of the networks that have two inputs. */
static const float by_hand_x[] = {0.5f, -1.0f};

/* A layer's arrays by tensor. */
typedef struct by_hand {
    sluice_parameter list[16];
    size_t count;
} by_hand;

static void add(by_hand *to, size_t direction, sluice_tensor tensor, size_t count, const float *values)
{
    to->list[to->count++] = (sluice_parameter){.direction = direction, .tensor = tensor, .count = count, .values = values};
}

static double limited(double x, double limit)
{
    return fmax(-limit, fmin(limit, x));
}

/* One unit with all that sluice_cell has but layer normalisation, written out for one step. */
START_TEST(cell_by_hand)
{
    const float w[] = {0.5f, -0.25f, 1.0f, 0.75f, -2.0f, 0.5f, 0.25f, 0.5f}, u[] = {0.125f, 0.5f, -0.5f, 0.25f};
    const float b[] = {0.25f, -0.75f, 0.125f, 1.0f}, p[] = {0.5f, -0.75f, 1.25f}, w_p = 3.0f, b_p = -0.5f, h1 = 0.5f, c1 = -1.0f,
                other = 9.0f;
    sluice_cell cell = {.struct_size = sizeof cell,
                        .parts = SLUICE_PART_BIAS | SLUICE_PART_PEEPHOLES | SLUICE_PART_PROJECTION_BIAS | SLUICE_PART_INITIAL_STATE,
                        .forget_bias = 0.5f,
                        .gate_clip = 0.75f,
                        .projection_clip = 0.0625f};
    const sluice_layer layer = {
        .struct_size = sizeof layer, .kind = SLUICE_LAYER_LSTM, .units = 1, .projection = 1, .cells = &cell};
    const sluice_network network = {sizeof network, 2, 1, &layer};
    by_hand parameters = {.count = 0};
    add(&parameters, 0, SLUICE_TENSOR_WEIGHT_IH, 8, w);
    add(&parameters, 0, SLUICE_TENSOR_WEIGHT_HH, 4, u);
    add(&parameters, 0, SLUICE_TENSOR_BIAS, 4, b);
    add(&parameters, 0, SLUICE_TENSOR_PEEPHOLES, 3, p);
    add(&parameters, 0, SLUICE_TENSOR_PROJECTION, 1, &w_p);
    add(&parameters, 0, SLUICE_TENSOR_PROJECTION_BIAS, 1, &b_p);
    add(&parameters, 0, SLUICE_TENSOR_INITIAL_H, 1, &h1);
    add(&parameters, 0, SLUICE_TENSOR_INITIAL_C, 1, &c1);
    test_family_batch batch = {.steps = 1, .rows = 1, .x = by_hand_x};
    for (int j = 0; j < 16; j++) {
        batch.h0 = j & 1 ? &h1 : NULL; /* instead of what was learned */
        batch.c0 = j & 2 ? &c1 : NULL;
        parameters.list[6].values = j & 1 ? &other : &h1;
        parameters.list[7].values = j & 2 ? &other : &c1;
        const bool is_clipped = j & 1, is_coupled = j & 2, is_unclipped = j & 4;
        cell.coupled = is_coupled;
        cell.output_unclipped = is_unclipped;
        cell.cell_clip = j & 8 ? 0.78125f : 0.0f;
        cell.projection_clip = is_clipped ? 0.0625f : 0.0f;
        const double a_i = 0.25 + 0.25 + 0.0625 + 0.25 - 0.5, a_f = 0.5 - 0.75 - 0.75 + 0.25 + 0.75 + 0.5;
        const double i = 1 / (1 + exp(-limited(a_i, 0.75))), f = is_coupled ? 1 - i : 1 / (1 + exp(-limited(a_f, 0.75)));
        const double g = tanh(limited(-1.0 - 0.5 + 0.125 - 0.25, 0.75));
        const double c = limited(-f + i * g, j & 8 ? 0.78125 : 2),
                     o = 1 / (1 + exp(-limited(0.125 - 0.5 + 1.0 + 0.125 + 1.25 * c, 0.75)));
        const double m = o * tanh(is_unclipped ? c : limited(c, 0.75)), h = 3.0 * m - 0.5;
        test_family family = test_family_run(&network, parameters.list, parameters.count, &batch);
        ck_assert(-f + i * g < -0.78125);
        ck_assert_double_eq_tol(family.cn[0], c, 1e-15);
        ck_assert_double_eq_tol(family.hn[0], is_clipped ? limited(h, 0.0625) : h, 1e-15);
        ck_assert_double_eq(family.steps[0][0], family.hn[0]);
        test_family_free(&family);
    }
}
END_TEST

/* Layer normalisation of two units: v and its mean differ by half the distance d of both, so that a unit is
 * +-(d/2) / sqrt(d^2/4 + epsilon). */
START_TEST(norm_by_hand)
{
    const float w[] = {0.5f, 0, 0, 1, -1, 0, 0.25f, 0, 2, 0, 1, 0, 0, 0.5f, 0, -0.5f}, u[16] = {0};
    const float gain[] = {1, 2, 0.5f, 1, 1.5f, 1, 1, 1, 0.75f, 1.25f}, shift[] = {0, 0.5f, 1, 0, 0, -0.5f, 0.25f, 0, 0.125f, -1};
    const sluice_cell cell = {.struct_size = sizeof cell, .parts = SLUICE_PART_NORM, .norm_epsilon = 0.25f};
    const sluice_layer layer = {.struct_size = sizeof layer, .kind = SLUICE_LAYER_LSTM, .units = 2, .cells = &cell};
    const sluice_network network = {sizeof network, 2, 1, &layer};
    by_hand parameters = {.count = 0};
    add(&parameters, 0, SLUICE_TENSOR_WEIGHT_IH, 16, w);
    add(&parameters, 0, SLUICE_TENSOR_WEIGHT_HH, 16, u);
    add(&parameters, 0, SLUICE_TENSOR_NORM_GAIN, 10, gain);
    add(&parameters, 0, SLUICE_TENSOR_NORM_SHIFT, 10, shift);
    const test_family_batch batch = {.steps = 1, .rows = 1, .x = by_hand_x};
    const double before[4][2] = {{0.25, -1}, {-0.5, 0.125}, {1, 0.5}, {-0.5, 0.5}}; /* W x */
    double v[5][2], c[2];
    for (size_t k = 0; k < 5; k++) {
        for (size_t j = 0; j < 2; j++)
            c[j] = k < 4 ? before[k][j] : 1 / (1 + exp(-v[0][j])) * tanh(v[2][j]);
        const double half = (c[0] - c[1]) / 2, scale = sqrt(half * half + 0.25);
        v[k][0] = gain[2 * k] * half / scale + shift[2 * k];
        v[k][1] = gain[2 * k + 1] * -half / scale + shift[2 * k + 1];
    }
    test_family family = test_family_run(&network, parameters.list, parameters.count, &batch);
    for (size_t j = 0; j < 2; j++) {
        ck_assert_double_eq_tol(family.cn[j], v[4][j], 1e-15);
        ck_assert_double_eq_tol(family.hn[j], 1 / (1 + exp(-v[3][j])) * tanh(v[4][j]), 1e-15);
    }
    test_family_free(&family);
}
END_TEST

/* With zero weights, a candidate of g = a x + b with a = 0 and b = 1, and output and gates that are linear, 0 x + 1, a cell counts its
 * steps: c = c' + 1, and h = c. */
static const sluice_cell counter = {.struct_size = sizeof counter,
                                    .gate = {SLUICE_FUNCTION_AFFINE, 0, 1},
                                    .candidate = {SLUICE_FUNCTION_AFFINE, 0, 1},
                                    .output = {SLUICE_FUNCTION_LINEAR, 0, 0}};

/* The layers behind an LSTM layer that counts five steps, of which the first, the third and the last are masked. */
static test_family count_steps(const sluice_layer *lstm, const sluice_layer *behind, const uint8_t *mask)
{
    static const float zeros[8] = {0}, x[6] = {0};
    static const int64_t length = 5;
    const sluice_cell cells[2] = {counter, counter};
    sluice_layer layers[2] = {*lstm, *behind};
    layers[0].struct_size = layers[1].struct_size = sizeof layers[0];
    layers[0].kind = SLUICE_LAYER_LSTM;
    layers[0].units = 1;
    layers[0].cells = cells;
    const sluice_network network = {sizeof network, 1, behind->kind ? 2 : 1, layers};
    by_hand parameters = {.count = 0};
    for (size_t d = 0; d < 2; d++) {
        add(&parameters, d, SLUICE_TENSOR_WEIGHT_IH, 4, zeros);
        add(&parameters, d, SLUICE_TENSOR_WEIGHT_HH, 4, zeros);
    }
    const test_family_batch batch = {.steps = 6, .rows = 1, .lengths = &length, .x = x, .mask = mask};
    return test_family_run(&network, parameters.list, parameters.count, &batch);
}

START_TEST(steps_by_hand)
{
    static const uint8_t gaps[6] = {0, 1, 0, 1, 0, 1}, nothing[6] = {0};
    static const struct {
        sluice_layer lstm, behind;
        double steps[6], row[2]; /* of both directions beside each other, where there are two */
    } cases[] = {
        {{.direction = SLUICE_DIRECTION_FORWARD},
         {.kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_MEAN},
         {0, 1, 1, 2, 2, 0},
         {1.5}},
        {{.masked_outputs_zero = 1}, {.kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_LAST}, {0, 1, 0, 2, 0, 0}, {2}},
        {{.direction = SLUICE_DIRECTION_REVERSE},
         {.kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_MAX},
         {2, 2, 1, 1, 0, 0},
         {2}},
        {{.direction = SLUICE_DIRECTION_REVERSE, .processing_order = 1},
         {.kind = SLUICE_LAYER_REDUCE, .steps = SLUICE_STEPS_LAST},
         {0, 1, 1, 2, 2, 0},
         {2}},
        {{.direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_SUM}, {.kind = 0}, {2, 3, 2, 3, 2, 0}, {0}},
        {{.direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_PRODUCT, .steps = SLUICE_STEPS_FINAL},
         {.kind = 0},
         {0, 2, 1, 2, 0, 0},
         {4}},
        {{.direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_MEAN, .steps = SLUICE_STEPS_LAST},
         {.kind = 0},
         {1, 1.5, 1, 1.5, 1, 0},
         {1.5}},
    };
    for (size_t j = 0; j < sizeof cases / sizeof cases[0]; j++) {
        test_family family = count_steps(&cases[j].lstm, &cases[j].behind, gaps);
        for (size_t t = 0; t < 6; t++)
            ck_assert_msg(family.steps[0][t] == cases[j].steps[t], "case %zu, step %zu: %g", j, t, family.steps[0][t]);
        const double *row = family.row[0] ? family.row[0] : family.row[1];
        ck_assert_msg(!row || row[0] == cases[j].row[0], "case %zu: %g of the row", j, row ? row[0] : 0);
        test_family_free(&family);
        family = count_steps(&cases[j].lstm, &cases[j].behind, nothing);
        for (size_t t = 0; t < 6; t++)
            ck_assert_double_eq(family.steps[0][t], 0);
        row = family.row[0] ? family.row[0] : family.row[1];
        ck_assert(!row || row[0] == 0);
        ck_assert_double_eq(family.cn[0], 0);
        test_family_free(&family);
    }
}
END_TEST

int main(void)
{
    Suite *all = suite_create("family_oracle");
    TCase *golden = tcase_create("golden");
    tcase_add_loop_test(golden, agrees_with_other_frameworks, 0, GOLDEN_NETWORK_FILES);
    suite_add_tcase(all, golden);
    TCase *hand = tcase_create("by_hand");
    tcase_add_test(hand, functions_by_hand);
    tcase_add_test(hand, cell_by_hand);
    tcase_add_test(hand, norm_by_hand);
    tcase_add_test(hand, steps_by_hand);
    suite_add_tcase(all, hand);
    return test_run(all);
}
