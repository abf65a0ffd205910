/* Published models: their LSTMs give what torch or TensorFlow gives. Files that are not in this tree are looked for in the folder that the
 * environment variable SLUICE_REAL_MODELS names: pretrained.pt of Resemblyzer 0.1.4, silero_vad.jit of silero-vad 6.2.3, NOAA's
 * sugar_creek_trained.pt. */
#include "support/message.h"
#include "support/network.h"

#include "io/safetensors/safetensors.h"

#include <math.h>
#include <stdlib.h>

/* ---- What is expected ------------------------------------------------------------------------------------------------------- */

/* The path of a file in the tree; good until the next call. */
static const char *get_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/models/%s", getenv("SLUICE_SOURCE"), name);
    return path;
}

/* The path of a file that may not be there, NULL then; good until the next call. */
static const char *find_file(const char *name)
{
    static char path[512];
    const char *folder = getenv("SLUICE_REAL_MODELS");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "", name);
    FILE *file = folder ? fopen(path, "rb") : NULL;
    if (!file) {
        printf("%s is not there\n", name);
        return NULL;
    }
    fclose(file);
    return path;
}

typedef struct expected_file {
    sl_tensor_source source;
} expected_file;

static expected_file open_expected(void)
{
    expected_file file;
    SUCCEEDS(sl_safetensors_open, get_path("expected.safetensors"), &file.source);
    return file;
}

static void expected_file_free(expected_file *file)
{
    sl_source_release(&file->source);
}

/* All elements of a tensor "MODEL/NAME", of which there are `count`; to be freed. */
static float *read_expected(const expected_file *file, const char *model, const char *name, size_t count)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", model, name);
    const sl_tensor *tensor = sl_source_find(&file->source, full);
    ck_assert_msg(tensor != NULL, "%s is not there", full);
    ck_assert_uint_eq(tensor->elements, count);
    float *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    SUCCEEDS(sl_source_read_bytes, &file->source, tensor, values);
    return values;
}

/* No value is further from what is expected than `most` times the largest of these. */
static void check_close(const char *what, const float *got, const float *want, size_t count, double most)
{
    double largest = 0, worst = 0;
    for (size_t k = 0; k < count; k++) {
        const double difference = fabs((double)got[k] - (double)want[k]);
        ck_assert_msg(!isnan(difference), "%s[%zu] is NaN", what, k);
        largest = fmax(largest, fabs((double)want[k]));
        worst = fmax(worst, difference);
    }
    printf("%s: error %.3g of the largest value\n", what, worst / largest);
    ck_assert_msg(worst <= most * largest, "%s: error %.3g of the largest value, expected %.3g at most", what, worst / largest,
                  most);
}

static void run(const sluice_model *model, const sluice_batch *batch)
{
    const sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    test_run_once(model, &options, batch);
}

/* ---- ELMo: projections and clips, of the C API's own arrays ------------------------------------------------------------------ */

enum { ELMO_STEPS = 55, ELMO_WIDTH = 16, ELMO_HIDDEN = 64, ELMO_OUTPUTS = ELMO_STEPS * ELMO_WIDTH };

/* Run one of the four LSTMs, x and y [T][16]. */
static void run_elmo(const expected_file *file, int layer, sluice_direction direction, const float *x, float *y)
{
    static const struct {
        sluice_tensor tensor;
        const char *name;
        size_t count;
    } tensors[] = {{SLUICE_TENSOR_WEIGHT_IH, "weight_ih", 4 * ELMO_HIDDEN * ELMO_WIDTH},
                   {SLUICE_TENSOR_WEIGHT_HH, "weight_hh", 4 * ELMO_HIDDEN * ELMO_WIDTH},
                   {SLUICE_TENSOR_BIAS, "bias", 4 * ELMO_HIDDEN},
                   {SLUICE_TENSOR_PROJECTION, "weight_hr", ELMO_WIDTH * ELMO_HIDDEN}};
    enum { TENSORS = sizeof tensors / sizeof *tensors };
    const sluice_cell cell = {.struct_size = sizeof cell, .parts = SLUICE_PART_BIAS, .cell_clip = 3, .projection_clip = 3};
    const sluice_layer lstm = {.struct_size = sizeof lstm,
                               .kind = SLUICE_LAYER_LSTM,
                               .units = ELMO_HIDDEN,
                               .direction = direction,
                               .projection = ELMO_WIDTH,
                               .cells = &cell};
    const sluice_network network = {.struct_size = sizeof network, .inputs = ELMO_WIDTH, .layer_count = 1, .layers = &lstm};
    sluice_parameter parameters[TENSORS];
    float *values[TENSORS];
    for (size_t k = 0; k < TENSORS; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s_l%d%s", tensors[k].name, layer, direction == SLUICE_DIRECTION_REVERSE ? "_reverse" : "");
        values[k] = read_expected(file, "elmo", name, tensors[k].count);
        parameters[k] = (sluice_parameter){.tensor = tensors[k].tensor, .count = tensors[k].count, .values = values[k]};
    }
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_create_network, &network, parameters, TENSORS, NULL, &model);
    for (size_t k = 0; k < TENSORS; k++)
        free(values[k]);
    run(model, &(sluice_batch){.struct_size = sizeof(sluice_batch), .rows = 1, .steps = ELMO_STEPS, .x = x, .y = y});
}

/* Two stacks, of either direction: the upper LSTM reads the lower one's output, which is added to its own. */
TEST_LOOP(elmo, 0, 2)
{
    const sluice_direction direction = _i ? SLUICE_DIRECTION_REVERSE : SLUICE_DIRECTION_FORWARD;
    OWNED(expected_file) file = open_expected();
    FREED float *x = read_expected(&file, "elmo", "x", ELMO_OUTPUTS),
                *lower = read_expected(&file, "elmo", "lower", 2 * ELMO_OUTPUTS),
                *upper = read_expected(&file, "elmo", "upper", 2 * ELMO_OUTPUTS);
    FREED float *first = test_floats(ELMO_OUTPUTS), *second = test_floats(ELMO_OUTPUTS);
    run_elmo(&file, 0, direction, x, first);
    run_elmo(&file, 1, direction, first, second);
    for (size_t k = 0; k < ELMO_OUTPUTS; k++)
        second[k] += first[k];
    check_close("elmo: the lower LSTM", first, lower + (size_t)_i * ELMO_OUTPUTS, ELMO_OUTPUTS, 1e-6);
    check_close("elmo: the upper LSTM", second, upper + (size_t)_i * ELMO_OUTPUTS, ELMO_OUTPUTS, 1e-6);
}

/* ---- Files that may not be there ---------------------------------------------------------------------------------------------- */

/* TorchScript: a river's flow. */
TEST(noaa)
{
    enum { STEPS = 48, INPUTS = 11, HIDDEN = 64 };
    const char *path = find_file("sugar_creek_trained.pt");
    if (!path)
        return;
    OWNED(expected_file) file = open_expected();
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_load, path, NULL, &model);
    FREED float *x = read_expected(&file, "noaa", "x", STEPS * INPUTS), *y = read_expected(&file, "noaa", "y", STEPS * HIDDEN),
                *h = read_expected(&file, "noaa", "h", HIDDEN), *c = read_expected(&file, "noaa", "c", HIDDEN),
                *head = read_expected(&file, "noaa", "head", STEPS);
    FREED float *got_y = test_floats(STEPS * HIDDEN), *got_h = test_floats(HIDDEN), *got_c = test_floats(HIDDEN),
                *got_head = test_floats(STEPS);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = 1,
                                .steps = STEPS,
                                .x = x,
                                .y = got_y,
                                .hn = got_h,
                                .cn = got_c,
                                .step_logits = got_head};
    run(model, &batch);
    check_close("noaa: y", got_y, y, STEPS * HIDDEN, 3e-6);
    check_close("noaa: h", got_h, h, HIDDEN, 3e-6);
    check_close("noaa: c", got_c, c, HIDDEN, 3e-6);
    check_close("noaa: head", got_head, head, STEPS, 3e-6);
}

/* A checkpoint of torch before 1.6, with the optimiser's tensors beside the model's. */
TEST(resemblyzer)
{
    enum { STEPS = 60, ROWS = 2, INPUTS = 40, HIDDEN = 256, LAYERS = 3, EVERY = 4, STATES = LAYERS * ROWS * HIDDEN };
    enum { OUTPUTS = ROWS * HIDDEN };
    const char *path = find_file("pretrained.pt");
    if (!path)
        return;
    OWNED(expected_file) file = open_expected();
    OWNED_HANDLE(sluice_model) model = NULL;
    SUCCEEDS(sluice_model_load, path, NULL, &model);
    FREED float *x = read_expected(&file, "resemblyzer", "x", STEPS * ROWS * INPUTS),
                *y = read_expected(&file, "resemblyzer", "y", STEPS / EVERY * OUTPUTS),
                *h = read_expected(&file, "resemblyzer", "h", STATES), *c = read_expected(&file, "resemblyzer", "c", STATES);
    FREED float *got_y = test_floats(STEPS * OUTPUTS), *got_h = test_floats(STATES), *got_c = test_floats(STATES);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = ROWS,
                                .steps = STEPS,
                                .x = x,
                                .x_row_stride = INPUTS,
                                .x_step_stride = ROWS * INPUTS,
                                .y = got_y,
                                .y_row_stride = HIDDEN,
                                .y_step_stride = OUTPUTS,
                                .hn = got_h,
                                .cn = got_c};
    run(model, &batch);
    for (size_t step = 0; step < STEPS / EVERY; step++)
        memmove(got_y + step * OUTPUTS, got_y + (EVERY * step + EVERY - 1) * OUTPUTS, OUTPUTS * sizeof *got_y);
    check_close("resemblyzer: y", got_y, y, STEPS / EVERY * OUTPUTS, 3e-6);
    check_close("resemblyzer: h", got_h, h, STATES, 3e-6);
    check_close("resemblyzer: c", got_c, c, STATES, 3e-6);
}

/* Two networks in one file, of which one has the weights of silero.onnx, whose numbers it is compared with. */
TEST(silero)
{
    const sluice_names names = {.struct_size = sizeof names, .prefix = "_model.decoder.rnn.", .head = "", .embedding = ""};
    const char *path = find_file("silero_vad.jit");
    if (!path)
        return;
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_model) same = NULL;
    const sluice_names node = {.struct_size = sizeof node, .lstm = "/recurrent/LSTM"};
    SUCCEEDS(sluice_model_load, path, &names, &model);
    SUCCEEDS(sluice_model_load, get_path("../onnx/silero.onnx"), &node, &same);
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_BIAS; tensor++) {
        size_t count, wanted;
        const float *got = sluice_model_get_parameter(model, 0, 0, (sluice_tensor)tensor, &count);
        const float *want = sluice_model_get_parameter(same, 0, 0, (sluice_tensor)tensor, &wanted);
        ck_assert_uint_eq(count, wanted);
        test_same_bits(got, want, count, "silero");
    }
}
