/* ONNX files of other programs: what they give against float64, and the same bits from the project's own form of them. */
#include "golden/golden_networks.h"
#include "model/model.h"

#include "support/formats/onnx_files.h"

#include <math.h>

/* ---- Running --------------------------------------------------------------------------------------------------------------- */

/* NaN, so that what is not written is seen. */
static float *make_floats(size_t count)
{
    float *floats = malloc((count + 1) * sizeof *floats);
    ck_assert_ptr_nonnull(floats);
    for (size_t k = 0; k < count; k++)
        floats[k] = NAN;
    return floats;
}

/* The last LSTM layer gives steps also where its layer gives one vector. */
static bool is_y(const golden_network *golden, const golden_network_output *output)
{
    size_t last = golden->network.layer_count - 1;
    while (last && golden->layers[last].kind != SLUICE_LAYER_LSTM)
        last--;
    return output->layer == last && strcmp(output->name, "steps") == 0;
}

/* What the whole network gives. */
static bool is_end(const golden_network_output *output)
{
    return strcmp(output->name, "end") == 0;
}

/* Run a case's batch through a model; got[k] receives output k. */
static void run(const sluice_model *model, const golden_network *golden, float *got[GOLDEN_NETWORK_OUTPUTS])
{
    const test_family_batch *given = &golden->batch;
    const size_t end = model->network->description.layer_count - 1;
    sluice_output outputs[GOLDEN_NETWORK_OUTPUTS];
    sluice_batch batch = {.struct_size = sizeof batch,
                          .steps = given->steps,
                          .rows = given->rows,
                          .lengths = given->lengths,
                          .x = given->x,
                          .tokens = given->tokens,
                          .h0 = given->h0,
                          .c0 = given->c0,
                          .outputs = outputs};
    for (size_t k = 0; k < golden->output_count; k++) {
        const golden_network_output *output = &golden->outputs[k];
        got[k] = make_floats(output->count);
        if (strcmp(output->name, "hn") == 0)
            batch.hn = got[k];
        else if (strcmp(output->name, "cn") == 0)
            batch.cn = got[k];
        else if (!is_end(output) && is_y(golden, output))
            batch.y = got[k];
        else
            outputs[batch.output_count++] = (sluice_output){.layer = is_end(output) ? end : output->layer, .at = got[k]};
    }
    OWNED_HANDLE(sluice_engine) engine;
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
}

/* The largest error of a case's outputs, in parts of the largest value of each. */
static double compare(const golden_network *golden, float *const got[GOLDEN_NETWORK_OUTPUTS])
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

/* A file, that of its clip as onnxruntime has it by the name's end, agrees with float64. */
static double check_file(const golden_network *golden, const char *lstm, double limit)
{
    char name[80];
    const char *clip = strstr(golden->name, "_onnxruntime");
    float *got[GOLDEN_NETWORK_OUTPUTS];
    OWNED_HANDLE(sluice_model) model;
    snprintf(name, sizeof name, "%.*s", (int)(clip ? (size_t)(clip - golden->name) : strlen(golden->name)), golden->name);
    const sluice_names names = onnx_names(lstm, clip ? "ort" : NULL);
    SUCCEEDS(sluice_model_load, onnx_path(name), &names, &model);
    if (getenv("SHOW_NOTES"))
        printf("%s: %s\n", golden->name, sluice_model_get_notes(model));
    run(model, golden, got);
    const double error = compare(golden, got);
    ck_assert_msg(error <= limit, "%s: an error of %.3g of the largest value, expected at most %.3g", golden->name, error, limit);
    check_converted(model, golden, got);
    for (size_t k = 0; k < golden->output_count; k++)
        free(got[k]);
    return error;
}

/* onnxruntime's own largest error is 4.4e-7 (elu_softplus and others 2e-7) of values around 1. */
TEST(agrees_with_float64)
{
    double worst = 0;
    size_t count = 0;
    FILE *file = golden_networks_open("onnx");
    golden_network *golden = malloc(sizeof *golden);
    ck_assert_ptr_nonnull(golden);
    for (; golden_network_read(file, golden); count++) {
        worst = fmax(worst, check_file(golden, NULL, 3e-6));
        golden_network_free(golden);
    }
    ck_assert_uint_eq(count, 31);
    printf("%zu files, largest error %.3g of the largest value\n", count, worst);
    free(golden);
    fclose(file);
}

/* Chains of nodes as exporters write them, against another implementation's floats. */
TEST(chains)
{
    double worst = 0;
    size_t count = 0;
    FILE *file = golden_networks_open("onnx/chains");
    golden_network *golden = malloc(sizeof *golden);
    ck_assert_ptr_nonnull(golden);
    for (; golden_network_read(file, golden); count++) {
        worst = fmax(worst, check_file(golden, NULL, 3e-6));
        golden_network_free(golden);
    }
    ck_assert_uint_eq(count, 16);
    printf("%zu chains, largest difference %.3g of the largest value\n", count, worst);
    free(golden);
    fclose(file);
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
