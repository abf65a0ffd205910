/* ONNX files of other programs: what they give against float64, and the same bits from the project's own form of them. */
#include "golden/golden_run.h"
#include "model/model.h"

#include "support/formats/onnx_files.h"

/* ---- Running --------------------------------------------------------------------------------------------------------------- */

/* Run a case's batch through a model. */
static void run(const sluice_model *model, const golden_network *golden, float *got[GOLDEN_NETWORK_OUTPUTS])
{
    OWNED_HANDLE(sluice_engine) engine;
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    golden_run(engine, model->network->description.layer_count - 1, golden, got);
}

/* By how much onnxruntime's floats differed from float64 when these cases were made; with ONNX's own clip as with
 * onnxruntime's. */
static const struct {
    const char *name;
    double error;
} onnxruntime[] = {{"affine_thresholded", 1.87e-07},
                   {"bidirectional", 2.12e-07},
                   {"cifg_input_forget", 9.83e-08},
                   {"cifg_peepholes_bidirectional", 1.07e-07},
                   {"clip", 8.33e-08},
                   {"clip_onnxruntime", 8.33e-08},
                   {"clip_peepholes", 1e-07},
                   {"clip_peepholes_onnxruntime", 1e-07},
                   {"defaults", 8.18e-08},
                   {"elu_softplus", 1.83e-07},
                   {"everything", 1.77e-07},
                   {"everything_onnxruntime", 1.77e-07},
                   {"hard_sigmoid_default", 2.21e-07},
                   {"hard_sigmoid_keras3", 2.46e-07},
                   {"initial_bias", 9.58e-08},
                   {"length_zero", 1.45e-07},
                   {"lengths", 1.45e-07},
                   {"lengths_bidirectional", 1.2e-07},
                   {"only_Yh", 6.09e-08},
                   {"opset7", 9.58e-08},
                   {"peepholes", 1.45e-07},
                   {"per_direction_activations", 1.15e-07},
                   {"relu_cell", 2.58e-07},
                   {"reverse", 1.01e-07},
                   {"reverse_lengths", 1.01e-07},
                   {"softsign", 6.1e-08},
                   {"trailing_empty_inputs", 9.58e-08}};

/* 3e-6 of the largest value, or where onnxruntime's error is known, twice that. */
static double get_limit(const char *name, double largest)
{
    for (size_t k = 0; k < sizeof onnxruntime / sizeof *onnxruntime; k++)
        if (strcmp(onnxruntime[k].name, name) == 0)
            return 2 * onnxruntime[k].error;
    return 3e-6 * largest;
}

/* The largest error of a case's outputs, in parts of the largest value of each; each within its limit, unless `limit` has another. */
static double compare(const golden_network *golden, float *const got[GOLDEN_NETWORK_OUTPUTS], double limit)
{
    double worst = 0;
    for (size_t k = 0; k < golden->output_count; k++) {
        const golden_network_output *output = &golden->outputs[k];
        double largest = 0, error = 0;
        for (size_t j = 0; j < output->count; j++) {
            largest = fmax(largest, fabs(output->want[j]));
            const double here = fabs((double)got[k][j] - output->want[j]);
            error = here <= error ? error : here; /* a NaN as well */
        }
        const double allowed = limit > 0 ? limit * largest : get_limit(golden->name, largest);
        ck_assert_msg(error <= allowed, "%s: %s: an error of %.3g, expected at most %.3g", golden->name, output->name, error,
                      allowed);
        worst = fmax(worst, largest > 0 ? error / largest : error);
    }
    return worst;
}

/* ---- Files ----------------------------------------------------------------------------------------------------------------- */

/* The model that was written out and loaded again gives the same bits. */
static void check_converted(const sluice_model *model, const golden_network *golden, float *const got[GOLDEN_NETWORK_OUTPUTS])
{
    OWNED_HANDLE(sluice_model) again;
    float *other[GOLDEN_NETWORK_OUTPUTS];
    SUCCEEDS(sluice_model_save, model, test_path("own"), NULL);
    SUCCEEDS(sluice_model_load, test_path("own"), NULL, &again);
    run(again, golden, other);
    for (size_t k = 0; k < golden->output_count; k++) {
        ck_assert_msg(memcmp(got[k], other[k], golden->outputs[k].count * sizeof *other[k]) == 0, "%s: %s", golden->name,
                      golden->outputs[k].name);
        free(other[k]);
    }
}

/* A file, that of its clip as onnxruntime has it by the name's end, agrees with float64; `limit` in parts of the largest value, or 0. */
static double check_file(const golden_network *golden, const char *lstm, double limit)
{
    char name[80];
    const char *clip = strstr(golden->name, "_onnxruntime");
    float *got[GOLDEN_NETWORK_OUTPUTS];
    OWNED_HANDLE(sluice_model) model;
    snprintf(name, sizeof name, "%.*s", (int)(clip ? (size_t)(clip - golden->name) : strlen(golden->name)), golden->name);
    const sluice_names names = onnx_names(lstm, clip ? "ort" : NULL);
    SUCCEEDS(sluice_model_load, onnx_path(name), &names, &model);
    run(model, golden, got);
    const double error = compare(golden, got, limit);
    check_converted(model, golden, got);
    for (size_t k = 0; k < golden->output_count; k++)
        free(got[k]);
    return error;
}

/* All files of a list of cases. */
static void check_files(const char *list, size_t expected)
{
    double worst = 0;
    size_t count = 0;
    FILE *file = golden_networks_open(list);
    golden_network *golden = malloc(sizeof *golden);
    ck_assert_ptr_nonnull(golden);
    for (; golden_network_read(file, golden); count++) {
        worst = fmax(worst, check_file(golden, NULL, 0));
        golden_network_free(golden);
    }
    ck_assert_uint_eq(count, expected);
    printf("%s: %zu files, largest error %.3g of the largest value\n", list, count, worst);
    free(golden);
    fclose(file);
}

TEST(agrees_with_float64)
{
    check_files("onnx", 31);
}

/* Chains of nodes as exporters write them, against another implementation's floats. */
TEST(chains)
{
    check_files("onnx/chains", 16);
}

/* A part of a graph: the LSTM of a model that hears speech, between convolutions. */
TEST(silero)
{
    FILE *file = golden_networks_open("onnx/silero");
    golden_network *golden = malloc(sizeof *golden);
    ck_assert(golden && golden_network_read(file, golden));
    printf("silero: error %.3g\n", check_file(golden, "/recurrent/LSTM", 1e-5));
    golden_network_free(golden);
    free(golden);
    fclose(file);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
