/* Reading of the golden networks (NAME.networks), whose format make_zoo.py and, of those with gradients, make_network_gradients.py
 * have. */
#ifndef SLUICE_TESTS_GOLDEN_NETWORKS_H
#define SLUICE_TESTS_GOLDEN_NETWORKS_H

#include "support/oracle/family.h"
#include "support/suite.h"

static const char *const golden_network_files[] = {"onnx", "keras", "torch"};
enum {
    GOLDEN_NETWORK_FILES = sizeof golden_network_files / sizeof golden_network_files[0],
    GOLDEN_NETWORK_LAYERS = 8,
    GOLDEN_NETWORK_PARAMETERS = 64,
    GOLDEN_NETWORK_OUTPUTS = 4,
    GOLDEN_NETWORK_GRADIENTS = GOLDEN_NETWORK_PARAMETERS + 3,
    GOLDEN_NETWORK_ARRAYS = GOLDEN_NETWORK_PARAMETERS + 20 + 2 * GOLDEN_NETWORK_OUTPUTS + GOLDEN_NETWORK_GRADIENTS,
};

/** An output: steps or row of a layer, hn or cn. */
typedef struct golden_network_output {
    char name[8];
    size_t layer, count;
    const double *want;
} golden_network_output;

/** A gradient of a loss with respect to an output, which is given. */
typedef struct golden_network_incoming {
    char name[8]; /* dy, dhn, dcn, dend */
    size_t count;
    float *values;
} golden_network_incoming;

/** One with respect to a parameter, or to x, h0 or c0. */
typedef struct golden_network_gradient {
    char name[8]; /* "" of a parameter */
    size_t layer, direction, count;
    sluice_tensor tensor;
    const double *want;
} golden_network_gradient;

/** A case. Points into itself, so that it stays where it was read; owned: golden_network_free. */
typedef struct golden_network {
    char name[64];
    int rounded; /* 1: a constant of it, such as 0.2, is no float32 value, and the outputs were made with the constant itself */
    sluice_network network;
    sluice_layer layers[GOLDEN_NETWORK_LAYERS];
    sluice_cell cells[GOLDEN_NETWORK_LAYERS][2];
    sluice_parameter parameters[GOLDEN_NETWORK_PARAMETERS]; /* biases twice, where it is the sum of both that counts */
    size_t parameter_count;
    test_family_batch batch;
    golden_network_output outputs[GOLDEN_NETWORK_OUTPUTS];
    size_t output_count;
    golden_network_incoming incoming[GOLDEN_NETWORK_OUTPUTS];
    size_t incoming_count;
    golden_network_gradient gradients[GOLDEN_NETWORK_GRADIENTS];
    size_t gradient_count;
    void *arrays[GOLDEN_NETWORK_ARRAYS]; /* all that is owned */
    size_t array_count;
} golden_network;

static inline void *golden_network_own(golden_network *golden, size_t count, size_t bytes)
{
    void *array = calloc(count ? count : 1, bytes);
    ck_assert_ptr_nonnull(array);
    ck_assert_uint_lt(golden->array_count, GOLDEN_NETWORK_ARRAYS);
    return golden->arrays[golden->array_count++] = array;
}

static inline double golden_network_number(FILE *file)
{
    double value;
    ck_assert_int_eq(fscanf(file, "%la", &value), 1);
    return value;
}

static inline size_t golden_network_size(FILE *file)
{
    return (size_t)golden_network_number(file);
}

static inline int golden_network_int(FILE *file)
{
    return (int)golden_network_number(file);
}

/* A float32 value, exactly. */
static inline float golden_network_float(FILE *file)
{
    const double value = golden_network_number(file);
    ck_assert_double_eq(value, (float)value);
    return (float)value;
}

static inline float *golden_network_floats(golden_network *golden, FILE *file, size_t count)
{
    float *values = golden_network_own(golden, count, sizeof *values);
    for (size_t j = 0; j < count; j++)
        values[j] = golden_network_float(file);
    return values;
}

static inline const double *golden_network_numbers(golden_network *golden, FILE *file, size_t count)
{
    double *values = golden_network_own(golden, count, sizeof *values);
    for (size_t j = 0; j < count; j++)
        values[j] = golden_network_number(file);
    return values;
}

static inline sluice_activation golden_network_activation(FILE *file)
{
    sluice_activation activation = {.function = (sluice_function)golden_network_int(file)};
    activation.alpha = golden_network_float(file);
    activation.beta = golden_network_float(file);
    return activation;
}

static inline void golden_network_read_layer(golden_network *golden, FILE *file)
{
    ck_assert_uint_lt(golden->network.layer_count, GOLDEN_NETWORK_LAYERS);
    sluice_layer *layer = &golden->layers[golden->network.layer_count++];
    layer->struct_size = sizeof *layer;
    layer->kind = (sluice_layer_kind)golden_network_int(file);
    layer->units = golden_network_size(file);
    layer->vocabulary = golden_network_size(file);
    layer->activation = golden_network_activation(file);
    layer->has_bias = golden_network_int(file);
    layer->steps = (sluice_steps)golden_network_int(file);
    layer->direction = (sluice_direction)golden_network_int(file);
    layer->merge = (sluice_merge)golden_network_int(file);
    layer->projection = golden_network_size(file);
    layer->processing_order = golden_network_int(file);
    layer->masked_outputs_zero = golden_network_int(file);
}

static inline void golden_network_read_cell(golden_network *golden, FILE *file)
{
    const size_t at = golden->network.layer_count - 1;
    sluice_cell *cell = golden->cells[at];
    cell += golden->layers[at].cells != NULL; /* the reverse direction's */
    golden->layers[at].cells = golden->cells[at];
    cell->struct_size = sizeof *cell;
    cell->parts = (unsigned)golden_network_int(file);
    cell->gate = golden_network_activation(file);
    cell->candidate = golden_network_activation(file);
    cell->output = golden_network_activation(file);
    cell->coupled = golden_network_int(file);
    cell->output_unclipped = golden_network_int(file);
    cell->forget_bias = golden_network_float(file);
    cell->gate_clip = golden_network_float(file);
    cell->cell_clip = golden_network_float(file);
    cell->projection_clip = golden_network_float(file);
    cell->norm_epsilon = golden_network_float(file);
}

static inline void golden_network_read_parameter(golden_network *golden, FILE *file)
{
    ck_assert_uint_lt(golden->parameter_count, GOLDEN_NETWORK_PARAMETERS);
    sluice_parameter *parameter = &golden->parameters[golden->parameter_count++];
    parameter->layer = golden_network_size(file);
    parameter->direction = golden_network_size(file);
    parameter->tensor = (sluice_tensor)golden_network_int(file);
    parameter->count = golden_network_size(file);
    parameter->values = golden_network_floats(golden, file, parameter->count);
}

static inline void golden_network_read_input(golden_network *golden, FILE *file)
{
    char name[8];
    ck_assert_int_eq(fscanf(file, "%7s", name), 1);
    const size_t count = golden_network_size(file);
    const float *values = golden_network_floats(golden, file, count);
    int64_t *lengths = golden_network_own(golden, count, sizeof *lengths);
    int32_t *tokens = golden_network_own(golden, count, sizeof *tokens);
    uint8_t *mask = golden_network_own(golden, count, sizeof *mask);
    test_family_batch *batch = &golden->batch;
    for (size_t j = 0; j < count; j++) {
        lengths[j] = (int64_t)values[j];
        tokens[j] = (int32_t)values[j];
        mask[j] = values[j] == 1.0f;
    }
    batch->lengths = strcmp(name, "lengths") == 0 ? lengths : batch->lengths;
    batch->tokens = strcmp(name, "tokens") == 0 ? tokens : batch->tokens;
    batch->mask = strcmp(name, "mask") == 0 ? mask : batch->mask;
    batch->x = strcmp(name, "x") == 0 ? values : batch->x;
    batch->h0 = strcmp(name, "h0") == 0 ? values : batch->h0;
    batch->c0 = strcmp(name, "c0") == 0 ? values : batch->c0;
}

static inline void golden_network_read_output(golden_network *golden, FILE *file)
{
    ck_assert_uint_lt(golden->output_count, GOLDEN_NETWORK_OUTPUTS);
    golden_network_output *output = &golden->outputs[golden->output_count++];
    ck_assert_int_eq(fscanf(file, "%7s", output->name), 1);
    output->layer = golden_network_size(file);
    output->count = golden_network_size(file);
    output->want = golden_network_numbers(golden, file, output->count);
}

static inline void golden_network_read_incoming(golden_network *golden, FILE *file)
{
    ck_assert_uint_lt(golden->incoming_count, GOLDEN_NETWORK_OUTPUTS);
    golden_network_incoming *incoming = &golden->incoming[golden->incoming_count++];
    ck_assert_int_eq(fscanf(file, "%7s", incoming->name), 1);
    incoming->count = golden_network_size(file);
    incoming->values = golden_network_floats(golden, file, incoming->count);
}

static inline golden_network_gradient *golden_network_add_gradient(golden_network *golden)
{
    ck_assert_uint_lt(golden->gradient_count, GOLDEN_NETWORK_GRADIENTS);
    return &golden->gradients[golden->gradient_count++];
}

static inline void golden_network_read_gradient(golden_network *golden, FILE *file)
{
    golden_network_gradient *gradient = golden_network_add_gradient(golden);
    gradient->layer = golden_network_size(file);
    gradient->direction = golden_network_size(file);
    gradient->tensor = (sluice_tensor)golden_network_int(file);
    gradient->count = golden_network_size(file);
    gradient->want = golden_network_numbers(golden, file, gradient->count);
}

static inline void golden_network_read_gradient_of(golden_network *golden, FILE *file)
{
    golden_network_gradient *gradient = golden_network_add_gradient(golden);
    ck_assert_int_eq(fscanf(file, "%7s", gradient->name), 1);
    gradient->count = golden_network_size(file);
    gradient->want = golden_network_numbers(golden, file, gradient->count);
}

/** tests/golden/NAME.networks under SLUICE_SOURCE, or the current directory, behind its comments. */
static inline FILE *golden_networks_open(const char *name)
{
    const char *source = getenv("SLUICE_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/%s.networks", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    int first;
    while ((first = fgetc(file)) == '#')
        ck_assert_int_eq(fscanf(file, "%*[^\n]%*1[\n]"), 0);
    ungetc(first, file);
    return file;
}

/** Read the next case; false at the file's end. */
static inline bool golden_network_read(FILE *file, golden_network *golden)
{
    static const struct {
        const char *name;
        void (*read)(golden_network *golden, FILE *file);
    } lines[] = {{"layer", golden_network_read_layer},         {"cell", golden_network_read_cell},
                 {"parameter", golden_network_read_parameter}, {"input", golden_network_read_input},
                 {"output", golden_network_read_output},       {"incoming", golden_network_read_incoming},
                 {"gradient", golden_network_read_gradient},   {"gradient_of", golden_network_read_gradient_of}};
    enum { LINES = sizeof lines / sizeof lines[0] };
    size_t layers;
    *golden = (golden_network){.name = ""};
    const int fields = fscanf(file, " case %63s rows %zu steps %zu inputs %zu layers %zu rounded %d", golden->name,
                              &golden->batch.rows, &golden->batch.steps, &golden->network.inputs, &layers, &golden->rounded);
    if (fields == EOF)
        return false;
    ck_assert_int_eq(fields, 6);
    golden->network.struct_size = sizeof golden->network;
    golden->network.layers = golden->layers;
    char word[16] = "";
    while (fscanf(file, "%15s", word) == 1 && strcmp(word, "end") != 0) {
        size_t j = 0;
        while (j < LINES && strcmp(word, lines[j].name) != 0)
            j++;
        ck_assert_msg(j < LINES, "%s: %s", golden->name, word);
        lines[j].read(golden, file);
    }
    ck_assert_str_eq(word, "end");
    ck_assert_uint_eq(golden->network.layer_count, layers);
    return true;
}

static inline void golden_network_free(golden_network *golden)
{
    for (size_t j = 0; j < golden->array_count; j++)
        free(golden->arrays[j]);
}

#endif
