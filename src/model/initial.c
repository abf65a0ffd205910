/* Models to begin training with: torch's initial weights, and Keras's. */
#include "base/error.h"
#include "base/exact_math.h"
#include "base/layer.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "model/model.h"
#include "sluice_train.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Two standard normal numbers from two uniform ones in (0, 1), Box & Muller 1958: sqrt(-2 log u) times cosine and sine of 2 pi v.
 * The functions are our own, made of correctly rounded operations. */
static void draw_normals(double pair[2], uint64_t *state)
{
    const double u = ((double)(sl_random_next(state) >> 12) + 0.5) * 0x1p-52;
    const double v = ((double)(sl_random_next(state) >> 12) + 0.5) * 0x1p-52;
    const double radius = sqrt(-2 * sl_log(u));
    pair[0] = radius * sl_cos_pi(2 * v);
    pair[1] = radius * sl_cos_pi(v < 0.25 ? 2 * v + 1.5 : 2 * v - 0.5);
}

static void fill_uniform(float *values, size_t count, float scale, uint64_t *state)
{
    for (size_t k = 0; k < count; k++)
        values[k] = sl_random_uniform(state) * scale;
}

static void fill_normal(float *values, size_t count, uint64_t *state)
{
    double pair[2] = {0};
    for (size_t k = 0; k < count; k++) {
        if (k % 2 == 0)
            draw_normals(pair, state);
        values[k] = (float)pair[k % 2];
    }
}

/* Glorot & Bengio 2010: uniform in +-sqrt(6 / (inputs + outputs)). */
static void fill_glorot(float *values, size_t outputs, size_t inputs, uint64_t *state)
{
    fill_uniform(values, outputs * inputs, (float)sqrt(6.0 / ((double)inputs + (double)outputs)), state);
}

/* count is a multiple of SL_BLOCK. */
static double dot(const double *a, const double *b, size_t count)
{
    double lanes[SL_LANES] = {0}, products[SL_BLOCK];
    for (size_t first = 0; first < count; first += SL_BLOCK) {
        for (size_t k = 0; k < SL_BLOCK; k++)
            products[k] = a[first + k] * b[first + k];
        sl_lanes_add(lanes, products, SL_BLOCK);
    }
    return sl_lanes_sum(lanes);
}

/* Columns orthonormal, [4H][width], as the Q of a random normal matrix's QR whose R has a positive diagonal: uniform among all such
 * (Mezzadri 2007). Modified Gram-Schmidt is accurate enough: such a matrix, with four
 * times as many rows as columns, has a condition number near 3. `columns` has room for each column as a row of
 * `stride` doubles, [width][stride], zeros after the first 4H. */
static void fill_orthogonal(float *values, size_t rows, size_t width, double *columns, size_t stride, uint64_t *state)
{
    memset(columns, 0, width * stride * sizeof *columns);
    for (size_t k = 0; k < width; k++) {
        double *column = columns + k * stride;
        for (size_t row = 0; row < rows; row += 2)
            draw_normals(column + row, state);
        for (size_t before = 0; before < k; before++) {
            const double *unit = columns + before * stride, along = dot(unit, column, stride);
            for (size_t row = 0; row < stride; row++)
                column[row] -= along * unit[row];
        }
        const double length = sqrt(dot(column, column, stride));
        assert(length > 0);
        for (size_t row = 0; row < rows; row++) {
            column[row] /= length;
            values[row * width + k] = (float)column[row];
        }
    }
}

/* ---- Layers ---------------------------------------------------------------------------------------------------------------- */

static void fill_constant(float *values, size_t count, float value)
{
    for (size_t k = 0; k < count; k++)
        values[k] = value;
}

static bool has_bias(const sl_layer_dir *dir)
{
    return !dir->cell || (dir->cell->parts & SLUICE_PART_BIAS);
}

/* Room for orthogonal weights of every layer-direction. */
static double *allocate_columns(const sl_network *network, sluice_error *error)
{
    size_t most = 0;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const size_t stride = sl_size_round_up(network->dirs[k].gate_rows, SL_BLOCK);
        size_t count;
        most = sl_size_mul(network->dirs[k].h_width, stride, &count) ? sl_size_max(most, count) : SIZE_MAX;
    }
    double *columns = sl_alloc_array(most, sizeof *columns);
    if (!columns)
        (void)sl_fail_memory(error, "orthogonal weights", most > SIZE_MAX / sizeof *columns ? SIZE_MAX : most * sizeof *columns);
    return columns;
}

/* A layer-direction as Keras begins with it; the projection, which Keras has not, as TensorFlow's LSTMCell. */
static void fill_dir_keras(sluice_model *model, size_t k, double *columns, uint64_t *seed)
{
    const sl_layer_dir *dir = &model->network->dirs[k];
    fill_glorot(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH), dir->gate_rows, dir->inputs, seed);
    fill_orthogonal(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH), dir->gate_rows, dir->h_width, columns,
                    sl_size_round_up(dir->gate_rows, SL_BLOCK), seed);
    if (has_bias(dir))
        fill_constant(sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS) + SL_GATE_F * dir->hidden, dir->hidden, 1.0f);
    if (sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION))
        fill_glorot(sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION), dir->h_width, dir->hidden, seed);
}

static void fill_dir_torch(sluice_model *model, size_t k, uint64_t *seed)
{
    const sl_layer_dir *dir = &model->network->dirs[k];
    const float scale = 1.0f / sqrtf((float)dir->hidden);
    fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH), dir->gate_rows * dir->inputs, scale, seed);
    fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH), dir->gate_rows * dir->h_width, scale, seed);
    if (has_bias(dir))
        fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS), dir->gate_rows, scale, seed);
    if (sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION))
        fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION), dir->h_width * dir->hidden, scale, seed);
    if (sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION_BIAS))
        fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_PROJECTION_BIAS), dir->h_width, scale, seed);
}

/* A dense layer of `inputs` inputs. The head of a shape is drawn like its LSTM layers. */
static void fill_dense(const sluice_model *model, size_t index, sluice_initializer initializer, uint64_t *seed)
{
    float *const *of = model->layers[index].of[0];
    const sl_network *network = model->network;
    const size_t units = network->description.layers[index].units;
    const size_t inputs = index ? network->widths[index - 1] : network->description.inputs;
    const float scale = 1.0f / sqrtf((float)(model->network->is_shape ? model->shape.hidden : inputs));
    if (initializer == SLUICE_INITIALIZER_KERAS) {
        fill_glorot(of[SLUICE_TENSOR_WEIGHT], units, inputs, seed);
        return;
    }
    fill_uniform(of[SLUICE_TENSOR_WEIGHT], units * inputs, scale, seed);
    if (of[SLUICE_TENSOR_BIAS])
        fill_uniform(of[SLUICE_TENSOR_BIAS], units, scale, seed);
}

static void fill_embedding(const sluice_model *model, sluice_initializer initializer, uint64_t *seed, uint64_t *of_embedding)
{
    float *embedding = model->layers[0].of[0][SLUICE_TENSOR_EMBEDDING];
    const size_t count = model->network->vocabulary * model->network->inputs;
    fill_uniform(embedding, count, initializer == SLUICE_INITIALIZER_KERAS ? 0.05f : 1.0f, seed);
    if (initializer == SLUICE_INITIALIZER_TORCH)
        fill_normal(embedding, count, of_embedding);
}

/* Of layer-direction k: what is not drawn. */
static void fill_norm(sluice_model *model, size_t k)
{
    float *gain = sl_model_get_of_dir(model, k, SLUICE_TENSOR_NORM_GAIN);
    if (gain)
        fill_constant(gain, SL_NORMS * model->network->dirs[k].hidden, 1.0f);
}

/* All LSTM layers first, then the others. */
static sluice_status fill_layers(sluice_model *model, sluice_initializer initializer, uint64_t seed, sluice_error *error)
{
    const bool is_keras = initializer == SLUICE_INITIALIZER_KERAS;
    const sluice_network *network = &model->network->description;
    double *columns = is_keras ? allocate_columns(model->network, error) : NULL;
    if (is_keras && !columns)
        return SLUICE_STATUS_NO_MEMORY;
    uint64_t of_embedding = sl_random_mix(seed + SL_RANDOM_STEP); /* a stream of its own */
    seed = is_keras ? of_embedding : seed;
    for (size_t k = 0; k < model->network->layer_dirs; k++) {
        if (is_keras)
            fill_dir_keras(model, k, columns, &seed);
        else
            fill_dir_torch(model, k, &seed);
        fill_norm(model, k);
    }
    for (size_t k = 0; k < network->layer_count; k++)
        if (network->layers[k].kind == SLUICE_LAYER_EMBEDDING)
            fill_embedding(model, initializer, &seed, &of_embedding);
        else if (network->layers[k].kind == SLUICE_LAYER_DENSE)
            fill_dense(model, k, initializer, &seed);
        else if (network->layers[k].kind == SLUICE_LAYER_AFFINE)
            fill_constant(model->layers[k].of[0][SLUICE_TENSOR_SCALE], model->network->widths[k], 1.0f);
    sl_free(columns);
    return SLUICE_STATUS_OK;
}

/* Fill a model, which is destroyed on failure, and name its classes. */
static sluice_status finish(sluice_model **model, sluice_initializer initializer, uint64_t seed, const char *const *class_names,
                            sluice_error *error)
{
    const sl_float_mode mode = sl_float_mode_set(false);
    sluice_status status = fill_layers(*model, initializer, seed, error);
    sl_float_mode_restore(mode);
    if (!status && class_names && (*model)->shape.classes)
        status = sl_model_set_classes(*model, class_names, error);
    if (status) {
        sluice_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

/* ---- The calls ------------------------------------------------------------------------------------------------------------- */

static sluice_status check(sluice_model **model, sluice_initializer initializer, const char *call, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: model is NULL", call);
    *model = NULL;
    if ((unsigned)initializer > SLUICE_INITIALIZER_UNIFORM)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: initializer %d; expected a sluice_initializer", call,
                       (int)initializer);
    return SLUICE_STATUS_OK;
}

sluice_status sluice_model_create_initial(const sluice_shape *shape, sluice_initializer initializer, uint64_t seed,
                                          const char *const *class_names, sluice_model **model, sluice_error *error)
{
    sluice_shape known;
    sluice_status status = check(model, initializer, "sluice_model_create_initial", error);
    if (!status)
        status = sl_struct_take(&known, shape, SL_STRUCT(sluice_shape), "sluice_model_create_initial", error);
    if (!status)
        status = sl_model_allocate(&known, model, error);
    return status ? status : finish(model, initializer, seed, class_names, error);
}

sluice_status sluice_model_create_initial_network(const sluice_network *network, sluice_initializer initializer, uint64_t seed,
                                                  const char *const *class_names, sluice_model **model, sluice_error *error)
{
    sluice_network known;
    sl_network *made;
    sluice_status status = check(model, initializer, "sluice_model_create_initial_network", error);
    if (!status)
        status = sl_struct_take(&known, network, SL_STRUCT(sluice_network), "sluice_model_create_initial_network", error);
    if (!status)
        status = sl_network_create(&known, false, &made, error);
    if (!status)
        status = sl_model_allocate_network(made, model, error);
    return status ? status : finish(model, initializer, seed, class_names, error);
}

sluice_status sluice_model_set_forget_bias(sluice_model *model, float value, sluice_error *error)
{
    if (!model || !isfinite(value))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_set_forget_bias: %s",
                       model ? "the value is NaN or infinite" : "model is NULL");
    const sl_network *network = model->network;
    for (size_t k = 0; k < network->layer_dirs; k++)
        if (!has_bias(&network->dirs[k]))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "sluice_model_set_forget_bias: layer %zu \"%s\" has no biases; give it biases",
                           network->lstm[network->dirs[k].layer].layer,
                           network->description.layers[network->lstm[network->dirs[k].layer].layer].name);
    for (size_t k = 0; k < network->layer_dirs; k++)
        fill_constant(sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS) + SL_GATE_F * network->dirs[k].hidden,
                      network->dirs[k].hidden, value);
    return SLUICE_STATUS_OK;
}
