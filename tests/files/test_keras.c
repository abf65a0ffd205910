/* Keras files as models, against outputs that were computed in float64: each model through .keras, whole-model .h5 and weights alone.
 * tests/golden/keras/README.md says where they come from. */
#include "support/files.h"
#include "support/message.h"
#include "support/suite.h"

#include "sluice_network.h"

#include <math.h>

/* An array of a .npy file as floats or doubles. */
typedef struct array {
    double *values;
    size_t count, rows, steps;
} array;

static char *read_golden(const char *name, const char *suffix, size_t *size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/keras/family/%s%s", getenv("SLUICE_SOURCE"), name, suffix);
    test_bytes bytes = test_file_read(path);
    *size = bytes.size;
    return (char *)bytes.data;
}

static array read_array(const char *name, const char *suffix)
{
    size_t size, header = 10;
    char *file = read_golden(name, suffix, &size);
    array made = {.count = 0};
    header += (size_t)(unsigned char)file[8] | (size_t)(unsigned char)file[9] << 8;
    const char *type = strstr(file + 10, "<") + 1, *shape = strchr(file + 10, '(') + 1;
    const size_t bytes = (size_t)(type[1] - '0');
    (void)sscanf(shape, "%zu, %zu", &made.rows, &made.steps);
    made.count = (size - header) / bytes;
    made.values = malloc((made.count + 1) * sizeof *made.values);
    ck_assert_ptr_nonnull(made.values);
    for (size_t k = 0; k < made.count; k++) {
        float narrow;
        int32_t whole;
        memcpy(&narrow, file + header + k * bytes, sizeof narrow);
        memcpy(&whole, file + header + k * bytes, sizeof whole);
        made.values[k] = *type == 'i' ? (double)whole : (double)narrow;
        if (bytes == sizeof(double))
            memcpy(&made.values[k], file + header + k * bytes, sizeof(double));
    }
    free(file);
    return made;
}

/* What is compared with the golden array, and what Keras's own float32 differs from it by. */
typedef enum output { Y, LOGITS, STEP_LOGITS } output;
typedef enum mask { NO_MASK, MASK_ZERO } mask;

static const struct keras_case {
    const char *name;
    output output;
    mask mask;
    double framework; /* 0: not known */
    bool has_weights_only, has_whole;
    const char *recurrent_activation, *activation; /* of weights alone */
    const char *to;
    bool has_no_zip;
} cases[] = {
    {"last_only", LOGITS, NO_MASK, 4.2e-8, true, true, NULL, NULL},
    {"sequences", Y, NO_MASK, 7.6e-8, true, true, NULL, NULL},
    {"go_backwards", Y, NO_MASK, 6.3e-8, false, true, NULL, NULL},
    {"no_bias", Y, NO_MASK, 7.3e-8, true, true, NULL, NULL},
    {"hard_sigmoid_keras3", Y, NO_MASK, 1.1e-7, true, true, "hard_sigmoid", NULL},
    {"relu", Y, NO_MASK, 2.2e-7, true, true, NULL, "relu"},
    {"bidirectional_concat", Y, NO_MASK, 7.6e-8, true, true, NULL, NULL},
    {"bidirectional_sum", Y, NO_MASK, 1.0e-7, false, true, NULL, NULL},
    {"bidirectional_mul", Y, NO_MASK, 1.4e-8, false, true, NULL, NULL},
    {"bidirectional_ave", Y, NO_MASK, 5.0e-8, false, true, NULL, NULL},
    {"bidirectional_last", LOGITS, NO_MASK, 4.2e-8, true, true, NULL, NULL},
    {"return_state", Y, NO_MASK, 9.0e-8, true, true, NULL, NULL},
    {"masking_gap", Y, MASK_ZERO, 4.4e-8, true, true, NULL, NULL},
    {"embedding_mask_zero_two_dense", LOGITS, MASK_ZERO, 3.1e-8, false, true, NULL, NULL},
    {"bidir_batchnorm_timedistributed", STEP_LOGITS, NO_MASK, 1.5e-8, true, true, NULL, NULL},
    {"rnn_stacked_cells", Y, NO_MASK, 4.4e-8, true, true, NULL, NULL},
    {"masked_both", LOGITS, MASK_ZERO, 4.7e-8, false, true, NULL, NULL},
    {"backwards_masked", Y, MASK_ZERO, 0, false, true, NULL, NULL},
    {"backwards_masked_last", LOGITS, MASK_ZERO, 1.2e-8, false, true, NULL, NULL},
    {"backwards_masked_zero", Y, MASK_ZERO, 1.1e-7, false, true, NULL, NULL},
    {"graph", LOGITS, NO_MASK, 4.7e-8, false, true, NULL, NULL, "left", false},
    {"cudnn", Y, NO_MASK, 6.7e-8, false, true, NULL, NULL, NULL, true},
    {"chars2vec", LOGITS, NO_MASK, 0, true, false, NULL, NULL},
};

static sluice_model *load(const struct keras_case *of, const char *suffix)
{
    size_t size;
    sluice_model *model;
    sluice_error error = {.message = ""};
    sluice_names names = {.struct_size = sizeof names, .to = of->to};
    char *file = read_golden(of->name, suffix, &size);
    if (strcmp(suffix, ".weights.h5") == 0) {
        names.activation = of->activation;
        names.recurrent_activation = of->recurrent_activation;
    }
    const sluice_status status = sluice_model_load_memory(file, size, &names, &model, &error);
    ck_assert_msg(!status, "%s%s: %s", of->name, suffix, error.message);
    free(file);
    return model;
}

/* A batch's arrays. */
typedef struct run {
    float *x, *y, *ends, *hn, *cn;
    int32_t *tokens;
    uint8_t *mask;
} run;

static void *make(size_t count, size_t bytes)
{
    void *made = malloc(count * bytes + 1);
    ck_assert_ptr_nonnull(made);
    memset(made, 0xff, count * bytes); /* NaN */
    return made;
}

static void free_run(run *of)
{
    float *const floats[] = {of->x, of->y, of->ends, of->hn, of->cn};
    for (size_t k = 0; k < 5; k++)
        free(floats[k]);
    free(of->tokens);
    free(of->mask);
}

/* Fill in the inputs, and the mask as the model's own rule has it. */
static void set_inputs(run *of, const struct keras_case *given, const array *input, size_t row_steps)
{
    const size_t inputs = input->count / row_steps;
    of->x = make(input->count, sizeof *of->x);
    of->tokens = make(input->count, sizeof *of->tokens);
    of->mask = make(row_steps, 1);
    for (size_t step = 0; step < row_steps; step++) {
        of->mask[step] = given->mask == NO_MASK;
        for (size_t k = step * inputs; k < (step + 1) * inputs; k++) {
            of->x[k] = (float)input->values[k];
            of->tokens[k] = (int32_t)input->values[k];
            of->mask[step] |= input->values[k] != 0;
        }
    }
}

static double find_worst(const float *got, const array *want, double *largest)
{
    double worst = 0;
    *largest = 0;
    for (size_t k = 0; k < want->count; k++) {
        const double error = fabs((double)got[k] - want->values[k]);
        worst = error <= worst ? worst : error; /* NaN is worst */
        *largest = fmax(*largest, fabs(want->values[k]));
    }
    return worst;
}

static void check_output(const char *name, const char *what, const float *got, const array *want, double framework)
{
    double largest;
    const double worst = find_worst(got, want, &largest), allowed = framework > 0 ? 2 * framework : 3e-6 * largest;
    ck_assert_msg(worst <= allowed, "%s: %s differs by %.3g, allowed %.3g", name, what, worst, allowed);
}

static void run_model(const struct keras_case *given, const sluice_model *model, run *of)
{
    array input = read_array(given->name, ".input.npy");
    sluice_network network = {.struct_size = sizeof network};
    ck_assert_int_eq(sluice_model_get_network(model, &network), SLUICE_STATUS_OK);
    const bool has_tokens = !network.inputs, is_step_first = strcmp(given->name, "chars2vec") == 0; /* [T][1][I] */
    const size_t rows = is_step_first ? 1 : input.rows, steps = is_step_first ? input.rows : input.steps, most = 64;
    set_inputs(of, given, &input, rows * steps);
    of->y = make(rows * steps * most, sizeof *of->y);
    of->ends = make(rows * steps * most, sizeof *of->ends);
    of->hn = make(rows * 4 * most, sizeof *of->hn);
    of->cn = make(rows * 4 * most, sizeof *of->cn);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = rows,
                                .steps = steps,
                                .x = has_tokens ? NULL : of->x,
                                .tokens = has_tokens ? of->tokens : NULL,
                                .mask = given->mask == MASK_ZERO ? of->mask : NULL,
                                .y = of->y,
                                .hn = of->hn,
                                .cn = of->cn,
                                .logits = given->output == LOGITS ? of->ends : NULL,
                                .step_logits = given->output == STEP_LOGITS ? of->ends : NULL};
    OWNED_HANDLE(sluice_engine) engine = NULL;
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    sluice_error error = {.message = ""};
    ck_assert_msg(!sluice_forward(engine, NULL, &batch, &error), "%s: %s", given->name, error.message);
    free(input.values);
}

static void check_states(const run *of)
{
    array h = read_array("return_state", ".h.npy"), c = read_array("return_state", ".c.npy");
    check_output("return_state", "hn", of->hn, &h, 9.0e-8);
    check_output("return_state", "cn", of->cn, &c, 9.0e-8);
    free(h.values);
    free(c.values);
}

static void check_golden(const struct keras_case *given, const sluice_model *model)
{
    run of = {.x = NULL};
    run_model(given, model, &of);
    if (strcmp(given->name, "chars2vec") == 0) { /* all steps of the one row */
        array want = read_array(given->name, ".golden.npy");
        check_output(given->name, "y", of.y, &want, given->framework);
        free(want.values);
    } else {
        array want = read_array(given->name, ".golden.npy");
        check_output(given->name, "the output", given->output == Y ? of.y : of.ends, &want, given->framework);
        free(want.values);
    }
    if (strcmp(given->name, "return_state") == 0)
        check_states(&of);
    free_run(&of);
}

/* ---- The goldens ----------------------------------------------------------------------------------------------------------- */

TEST_EACH(golden_keras, cases)
{
    if (!cases[_i].has_whole || cases[_i].has_no_zip)
        return;
    OWNED_HANDLE(sluice_model) model = load(&cases[_i], ".keras");
    check_golden(&cases[_i], model);
}

TEST_EACH(golden_h5, cases)
{
    if (!cases[_i].has_whole)
        return;
    OWNED_HANDLE(sluice_model) model = load(&cases[_i], ".h5");
    check_golden(&cases[_i], model);
}

TEST_EACH(golden_weights_only, cases)
{
    if (!cases[_i].has_weights_only)
        return;
    OWNED_HANDLE(sluice_model) model = load(&cases[_i], ".weights.h5");
    ck_assert_ptr_nonnull(strstr(sluice_model_get_notes(model), "keras: the file has weights only"));
    check_golden(&cases[_i], model);
}
