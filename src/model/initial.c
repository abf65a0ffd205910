/* Models to begin training with: torch's initial weights, and Keras's. */
#include "base/error.h"
#include "base/exact_math.h"
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

static float *get_embedding(const sluice_model *model)
{
    return model->layers[0].of[0][SLUICE_TENSOR_EMBEDDING];
}

static float *get_head(const sluice_model *model, sluice_tensor tensor)
{
    return model->layers[model->network->description.layer_count - 1].of[0][tensor];
}

/* Columns orthonormal, [4H][H], as the Q of a random normal matrix's QR whose R has a positive diagonal: uniform among all such
 * (Mezzadri 2007). Modified Gram-Schmidt is accurate enough: such a matrix, with four
 * times as many rows as columns, has a condition number near 3. `columns` has each column as a row of `stride` doubles, [H][stride],
 * zeros after the first 4H. */
static void fill_orthogonal(float *values, size_t hidden, double *columns, size_t stride, uint64_t *state)
{
    const size_t rows = 4 * hidden;
    for (size_t k = 0; k < hidden; k++) {
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
            values[row * hidden + k] = (float)column[row];
        }
    }
}

static sluice_status fill_keras(sluice_model *model, uint64_t seed, sluice_error *error)
{
    const sluice_shape *shape = &model->shape;
    const size_t hidden = shape->hidden, stride = sl_size_round_up(4 * hidden, SL_BLOCK);
    size_t count;
    double *columns = sl_size_mul(hidden, stride, &count) ? sl_alloc_array(count, sizeof *columns) : NULL;
    if (!columns)
        return sl_fail_memory(error, "orthogonal weights", hidden * stride * sizeof *columns);
    for (size_t k = 0; k < model->network->layer_dirs; k++) {
        fill_glorot(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH), 4 * hidden, model->network->dirs[k].inputs, &seed);
        fill_orthogonal(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH), hidden, columns, stride, &seed);
        for (size_t unit = 0; shape->has_bias && unit < hidden; unit++)
            sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS)[SL_GATE_F * hidden + unit] = 1;
    }
    sl_free(columns);
    fill_uniform(get_embedding(model), shape->vocabulary * shape->inputs, 0.05f, &seed);
    fill_glorot(get_head(model, SLUICE_TENSOR_WEIGHT), shape->classes, model->network->outputs, &seed);
    return SLUICE_STATUS_OK;
}

static void fill_torch(sluice_model *model, bool normal_embedding, uint64_t seed)
{
    const sluice_shape *shape = &model->shape;
    const float scale = 1.0f / sqrtf((float)shape->hidden);
    uint64_t of_embedding = sl_random_mix(seed + SL_RANDOM_STEP); /* a stream of its own */
    for (size_t k = 0; k < model->network->layer_dirs; k++) {
        const sl_layer_dir *dir = &model->network->dirs[k];
        fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH), dir->gate_rows * dir->inputs, scale, &seed);
        fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH), dir->gate_rows * dir->h_width, scale, &seed);
        if (shape->has_bias)
            fill_uniform(sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS), dir->gate_rows, scale, &seed);
    }
    fill_uniform(get_embedding(model), shape->vocabulary * shape->inputs, 1.0f, &seed);
    if (normal_embedding)
        fill_normal(get_embedding(model), shape->vocabulary * shape->inputs, &of_embedding);
    fill_uniform(get_head(model, SLUICE_TENSOR_WEIGHT), shape->classes * model->network->outputs, scale, &seed);
    fill_uniform(get_head(model, SLUICE_TENSOR_BIAS), shape->classes, scale, &seed);
}

static sluice_status fill(sluice_model *model, sluice_initializer initializer, uint64_t seed, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const sl_float_mode mode = sl_float_mode_set(false);
    if (initializer == SLUICE_INITIALIZER_KERAS)
        status = fill_keras(model, sl_random_mix(seed + SL_RANDOM_STEP), error);
    else
        fill_torch(model, initializer == SLUICE_INITIALIZER_TORCH, seed);
    sl_float_mode_restore(mode);
    return status;
}

#define CALL "sluice_model_create_initial: "

sluice_status sluice_model_create_initial(const sluice_shape *shape, sluice_initializer initializer, uint64_t seed,
                                          const char *const *class_names, sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "model is NULL");
    *model = NULL;
    sluice_shape known;
    sluice_status status = sl_struct_take(&known, shape, SL_STRUCT(sluice_shape), "sluice_model_create_initial", error);
    if (status)
        return status;
    if ((unsigned)initializer > SLUICE_INITIALIZER_UNIFORM)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, CALL "initializer %d; expected a sluice_initializer", (int)initializer);
    status = sl_model_allocate(&known, model, error);
    if (!status)
        status = fill(*model, initializer, seed, error);
    if (!status && class_names && known.classes)
        status = sl_model_set_classes(*model, class_names, error);
    if (status) {
        sluice_model_destroy(*model);
        *model = NULL;
    }
    return status;
}
