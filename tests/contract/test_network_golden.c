/* Networks of sluice_network.h against what other frameworks gave in float64: ONNX's operator, Keras and torch. */
#include "golden/golden_run.h"

/* A pre-activation has at most 21 terms (10 inputs, 5 hidden units, two biases, a peephole) of a sum below 8, each rounded to float:
 * 21 * 8 * 2^-24 = 1.0e-5. The functions hand on at most that, and it comes in at each of 6 steps of at most 3 layers: 18 times. */
static const double agreement = 1.8e-4;

/* Parameters of which each is given once: of biases in two halves the sum, rounded once. */
typedef struct summed {
    sluice_parameter list[GOLDEN_NETWORK_PARAMETERS];
    float *sums[GOLDEN_NETWORK_PARAMETERS];
    size_t count;
} summed;

static void add(summed *to, const sluice_parameter *parameter)
{
    for (size_t k = 0; k < to->count; k++) {
        const sluice_parameter *other = &to->list[k];
        if (other->layer != parameter->layer || other->direction != parameter->direction || other->tensor != parameter->tensor)
            continue;
        for (size_t j = 0; j < parameter->count; j++)
            to->sums[k][j] += parameter->values[j];
        return;
    }
    float *copy = malloc((parameter->count + 1) * sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, parameter->values, parameter->count * sizeof *copy);
    to->sums[to->count] = copy;
    to->list[to->count] = *parameter;
    to->list[to->count++].values = copy;
}

static sluice_engine *make_engine(const golden_network *golden)
{
    summed parameters = {.count = 0};
    sluice_model *model;
    sluice_engine *engine;
    sluice_error error = {.message = ""};
    for (size_t k = 0; k < golden->parameter_count; k++)
        add(&parameters, &golden->parameters[k]);
    sluice_status status = sluice_model_create_network(&golden->network, parameters.list, parameters.count, NULL, &model, &error);
    ck_assert_msg(!status, "%s: %s", golden->name, error.message);
    status = sluice_engine_create(model, NULL, &engine, &error);
    ck_assert_msg(!status, "%s: %s", golden->name, error.message);
    sluice_model_destroy(model);
    for (size_t k = 0; k < parameters.count; k++)
        free(parameters.sums[k]);
    return engine;
}

static double check_case(const golden_network *golden)
{
    float *got[GOLDEN_NETWORK_OUTPUTS];
    double worst = 0.0;
    sluice_engine *engine = make_engine(golden);
    golden_run(engine, golden->network.layer_count - 1, golden, got);
    sluice_engine_destroy(engine);
    for (size_t k = 0; k < golden->output_count; k++) {
        const golden_network_output *output = &golden->outputs[k];
        for (size_t j = 0; j < output->count; j++) {
            const double error = fabs((double)got[k][j] - output->want[j]);
            ck_assert_msg(error <= agreement, "%s: %s of layer %zu [%zu] is %.9g, expected %.9g", golden->name, output->name,
                          output->layer, j, (double)got[k][j], output->want[j]);
            worst = fmax(worst, error);
        }
        free(got[k]);
    }
    return worst;
}

TEST_EACH(agrees_with_other_frameworks, golden_network_files)
{
    double worst = 0.0;
    size_t count = 0;
    FILE *file = golden_networks_open(golden_network_files[_i]);
    golden_network *golden = malloc(sizeof *golden);
    ck_assert_ptr_nonnull(golden);
    for (; golden_network_read(file, golden); count++) {
        worst = fmax(worst, check_case(golden));
        golden_network_free(golden);
    }
    ck_assert_uint_gt(count, 3);
    printf("%s: %zu networks; largest difference %.3g\n", golden_network_files[_i], count, worst);
    free(golden);
    fclose(file);
}
