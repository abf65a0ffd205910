/* sluice_model_create_initial and sluice_model_get_tensor: the laws that the weights obey, their bits, and what is refused. */
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "program/model_shape.h"
#include "sluice_train.h"

#include <math.h>
#include <string.h>

static const sluice_shape plain = {TEST_LDIH(1, 1, 3, 5), .has_bias = 1};
static const sluice_shape whole = {TEST_LDIH(2, 2, 40, 24), .vocabulary = 500, .classes = 6, .has_bias = 1};

static sluice_model *make(const sluice_shape *shape, sluice_initializer initializer, uint64_t seed)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial, shape, initializer, seed, NULL, &model);
    return model;
}

static const float *get(const sluice_model *model, sluice_tensor tensor, size_t k, size_t want)
{
    size_t count = 12345;
    const float *values = sluice_model_get_tensor(model, tensor, k, &count);
    ck_assert_msg(count == want, "tensor %d, %zu: %zu elements, not %zu", (int)tensor, k, count, want);
    ck_assert(!values == !want);
    return values;
}

/* Uniform in +-scale: all within, both ends reached to a twentieth but for 2 * 0.975^count, the mean within five deviations. */
static void check_uniform(const float *values, size_t count, double scale, const char *what)
{
    double least = 0, most = 0, sum = 0;
    for (size_t k = 0; k < count; k++) {
        least = fmin(least, values[k]);
        most = fmax(most, values[k]);
        sum += values[k];
    }
    ck_assert_msg(least >= -scale * (1 + 1e-7) && most <= scale * (1 + 1e-7), "%s: %g..%g, beyond %g", what, least, most, scale);
    if (count >= 500)
        ck_assert_msg(least < -0.95 * scale && most > 0.95 * scale, "%s: %g..%g does not fill %g", what, least, most, scale);
    ck_assert_msg(fabs(sum) <= 5 * scale * sqrt((double)count / 3), "%s: mean %g", what, sum / (double)count);
}

/* FNV-1a of all tensors' bits. */
static uint64_t digest(const sluice_model *model)
{
    const sluice_shape shape = sl_model_shape(model);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++)
        for (size_t k = 0; k < shape.layers * shape.directions; k++) {
            size_t count;
            const float *values = sluice_model_get_tensor(model, (sluice_tensor)tensor, k, &count);
            for (size_t j = 0; j < count; j++) {
                uint32_t bits;
                memcpy(&bits, &values[j], sizeof bits);
                for (int byte = 0; byte < 32; byte += 8)
                    hash = (hash ^ (bits >> byte & 255)) * UINT64_C(1099511628211);
            }
        }
    return hash;
}

/* The same seed gives the same weights on every machine: these are the bits. Another seed, or initialiser, gives others. */
TEST_LOOP(same_bits, 0, 6)
{
    static const struct {
        const sluice_shape *shape;
        sluice_initializer initializer;
        uint64_t seed, digest;
    } cases[] = {
        {&plain, SLUICE_INITIALIZER_TORCH, 1, UINT64_C(0x00fa6c1c78b83ba7)},
        {&plain, SLUICE_INITIALIZER_KERAS, 1, UINT64_C(0x31dd3fd6d3e226c4)},
        {&whole, SLUICE_INITIALIZER_TORCH, 1, UINT64_C(0xfb30d8539946697f)},
        {&whole, SLUICE_INITIALIZER_KERAS, 1, UINT64_C(0xa2b178371262e65a)},
        {&whole, SLUICE_INITIALIZER_TORCH, 2, UINT64_C(0xa197b7924f9535f0)},
        {&whole, SLUICE_INITIALIZER_KERAS, 2, UINT64_C(0xfb31696c73b0dd86)},
    };
    OWNED_HANDLE(sluice_model) model = make(cases[_i].shape, cases[_i].initializer, cases[_i].seed);
    ck_assert_msg(digest(model) == cases[_i].digest, "digest 0x%016" PRIx64, digest(model));
}

/* Torch's: everything as SLUICE_INITIALIZER_UNIFORM has it, but the embedding. */
TEST(torch)
{
    OWNED_HANDLE(sluice_model) model = make(&whole, SLUICE_INITIALIZER_TORCH, 7);
    OWNED_HANDLE(sluice_model) random = NULL;
    ck_assert_int_eq(sluice_model_create_initial(&whole, SLUICE_INITIALIZER_UNIFORM, 7, NULL, &random, NULL), SLUICE_STATUS_OK);
    for (size_t k = 0; k < 4; k++) {
        const size_t in = k < 2 ? 40 : 48;
        test_same_bits(get(model, SLUICE_TENSOR_WEIGHT_IH, k, 96 * in), get(random, SLUICE_TENSOR_WEIGHT_IH, k, 96 * in), 96 * in,
                       "W");
        test_same_bits(get(model, SLUICE_TENSOR_WEIGHT_HH, k, 96 * 24), get(random, SLUICE_TENSOR_WEIGHT_HH, k, 96 * 24), 96 * 24,
                       "U");
        test_same_bits(get(model, SLUICE_TENSOR_BIAS, k, 96), get(random, SLUICE_TENSOR_BIAS, k, 96), 96, "b");
        check_uniform(get(model, SLUICE_TENSOR_WEIGHT_IH, k, 96 * in), 96 * in, 1 / sqrt(24), "W");
    }
    test_same_bits(get(model, SLUICE_TENSOR_HEAD_WEIGHT, 0, 6 * 48), get(random, SLUICE_TENSOR_HEAD_WEIGHT, 0, 6 * 48), 6 * 48,
                   "head");
    test_same_bits(get(model, SLUICE_TENSOR_HEAD_BIAS, 0, 6), get(random, SLUICE_TENSOR_HEAD_BIAS, 0, 6), 6, "head bias");
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov & Smirnov: n numbers of the law are further than 2.2 / sqrt(n) from it once in 8,000 times. And neighbours, which one
 * call made as a pair, are not correlated, and the variance is one, to five deviations. */
TEST_LOOP(normal, 0, 4)
{
    OWNED_HANDLE(sluice_model) model = make(&whole, SLUICE_INITIALIZER_TORCH, test_seed() + (uint64_t)_i);
    const size_t count = 500 * 40;
    const float *embedding = get(model, SLUICE_TENSOR_EMBEDDING, 0, count);
    double product = 0, squares = 0;
    for (size_t k = 0; k < count; k++)
        squares += (double)embedding[k] * (double)embedding[k];
    ck_assert_msg(fabs(squares / (double)count - 1) <= 5 * sqrt(2 / (double)count), "variance %g", squares / (double)count);
    for (size_t k = 0; k < count; k += 2)
        product += (double)embedding[k] * (double)embedding[k + 1];
    ck_assert_msg(fabs(product) <= 5 * sqrt((double)count / 2), "correlation %g", product / (double)count * 2);
    FREED float *sorted = test_floats(count);
    memcpy(sorted, embedding, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    double furthest = 0;
    for (size_t k = 0; k < count; k++) {
        const double below = erfc(-sorted[k] / sqrt(2)) / 2;
        furthest = fmax(furthest, fmax(fabs(below - (double)k / (double)count), fabs(below - (double)(k + 1) / (double)count)));
    }
    ck_assert_msg(furthest <= 2.2 / sqrt((double)count), "distance %g", furthest);
    ck_assert(sorted[0] < -3 && sorted[count - 1] > 3);
}

/* U'U is one: of columns made orthonormal in double, rounding each element moves a column by at most 2^-24 of its length, so that
 * the product of two is off by at most 2 * 2^-24. And the columns are not those of the unit matrix. */
static void check_orthogonal(const float *values, size_t hidden, const char *what)
{
    for (size_t a = 0; a < hidden; a++)
        for (size_t b = 0; b <= a; b++) {
            double sum = 0;
            for (size_t row = 0; row < 4 * hidden; row++)
                sum += (double)values[row * hidden + a] * (double)values[row * hidden + b];
            ck_assert_msg(fabs(sum - (a == b)) <= 2.001 * 0x1p-24, "%s: columns %zu and %zu: %.9g", what, a, b, sum);
        }
    size_t zeros = 0, negative = 0;
    for (size_t k = 0; k < 4 * hidden * hidden; k++) {
        zeros += values[k] == 0;
        negative += values[k] < 0;
    }
    ck_assert_msg(zeros == 0 && (hidden < 8 || (negative > hidden * hidden && negative < 3 * hidden * hidden)),
                  "%s: %zu zeros, %zu negative", what, zeros, negative);
}

TEST_LOOP(keras, 0, 4)
{
    static const sluice_shape shapes[] = {
        {TEST_LDIH(2, 2, 40, 24), .vocabulary = 500, .classes = 6, .has_bias = 1},
        {TEST_LDIH(1, 1, 1, 1), .has_bias = 1},
        {TEST_LDIH(3, 1, 2, 2), .classes = 1},
        {TEST_LDIH(1, 1, 7, 129), .has_bias = 1},
    };
    const sluice_shape *shape = &shapes[_i];
    const size_t hidden = shape->hidden, outputs = shape->directions * hidden;
    OWNED_HANDLE(sluice_model) model = make(shape, SLUICE_INITIALIZER_KERAS, test_seed());
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        const size_t in = k < shape->directions ? shape->inputs : outputs;
        check_uniform(get(model, SLUICE_TENSOR_WEIGHT_IH, k, 4 * hidden * in), 4 * hidden * in, sqrt(6 / (double)(in + 4 * hidden)),
                      "W");
        check_orthogonal(get(model, SLUICE_TENSOR_WEIGHT_HH, k, 4 * hidden * hidden), hidden, "U");
        const float *bias = get(model, SLUICE_TENSOR_BIAS, k, 4 * hidden);
        for (size_t j = 0; j < 4 * hidden; j++)
            ck_assert(bias[j] == (shape->has_bias && j / hidden == 1));
    }
    if (shape->vocabulary)
        check_uniform(get(model, SLUICE_TENSOR_EMBEDDING, 0, 500 * 40), 500 * 40, 0.05, "embedding");
    if (shape->classes) {
        check_uniform(get(model, SLUICE_TENSOR_HEAD_WEIGHT, 0, shape->classes * outputs), shape->classes * outputs,
                      sqrt(6 / (double)(shape->classes + outputs)), "head");
        const float *bias = get(model, SLUICE_TENSOR_HEAD_BIAS, 0, shape->classes);
        for (size_t j = 0; j < shape->classes; j++)
            ck_assert(bias[j] == 0);
    }
}

/* Tensors that are not there; a count that is not wanted; the weights as they were given. */
TEST(tensors)
{
    OWNED_HANDLE(sluice_model) bare = make(&(sluice_shape){TEST_LDIH(1, 1, 3, 5)}, SLUICE_INITIALIZER_TORCH, 1);
    const float *bias = get(bare, SLUICE_TENSOR_BIAS, 0, 20);
    for (size_t j = 0; j < 20; j++)
        ck_assert(bias[j] == 0);
    get(bare, SLUICE_TENSOR_WEIGHT_IH, 1, 0);
    get(bare, SLUICE_TENSOR_EMBEDDING, 0, 0);
    get(bare, SLUICE_TENSOR_HEAD_WEIGHT, 0, 0);
    get(bare, SLUICE_TENSOR_HEAD_BIAS, 0, 0);
    get(bare, (sluice_tensor)6, 0, 0);
    get(bare, (sluice_tensor)-1, 0, 0);
    ck_assert_ptr_nonnull(sluice_model_get_tensor(bare, SLUICE_TENSOR_WEIGHT_IH, 0, NULL));

    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&whole, 1, &random);
    for (size_t k = 0; k < 4; k++) {
        const size_t in = k < 2 ? 40 : 48;
        const float *got = get(network.model, SLUICE_TENSOR_BIAS, k, 96);
        test_same_bits(get(network.model, SLUICE_TENSOR_WEIGHT_IH, k, 96 * in), network.weights.weight_ih[k], 96 * in, "W");
        test_same_bits(get(network.model, SLUICE_TENSOR_WEIGHT_HH, k, 96 * 24), network.weights.weight_hh[k], 96 * 24, "U");
        for (size_t j = 0; j < 96; j++)
            ck_assert(got[j] == network.weights.bias_ih[k][j] + network.weights.bias_hh[k][j]);
    }
    get(network.model, SLUICE_TENSOR_WEIGHT_HH, 4, 0);
    get(network.model, SLUICE_TENSOR_EMBEDDING, 1, 0);
    test_same_bits(get(network.model, SLUICE_TENSOR_EMBEDDING, 0, 500 * 40), network.weights.embedding, 500 * 40, "embedding");
    test_same_bits(get(network.model, SLUICE_TENSOR_HEAD_WEIGHT, 0, 6 * 48), network.weights.head_weight, 6 * 48, "head");
    test_same_bits(get(network.model, SLUICE_TENSOR_HEAD_BIAS, 0, 6), network.weights.head_bias, 6, "head bias");
}

TEST(classes)
{
    const char *names[] = {"a", "b,c", "", "d", "e", "f"};
    for (int initializer = 0; initializer < 3; initializer++) {
        OWNED_HANDLE(sluice_model) model = NULL;
        const sluice_status status = sluice_model_create_initial(&whole, (sluice_initializer)initializer, 1, names, &model, NULL);
        ck_assert_int_eq(status, SLUICE_STATUS_OK);
        for (size_t k = 0; k < 6; k++) {
            ck_assert_str_eq(sluice_model_get_class(model, k), names[k]);
            ck_assert(sluice_model_get_class(model, k) != names[k]);
        }
        ck_assert_str_eq(sluice_model_get_notes(model), "");
    }
}

TEST(refused)
{
    sluice_shape bad = whole, large = plain;
    bad.directions = 3;
    large.hidden = SIZE_MAX / 8;
    const char *names[] = {"a", "b", "c", NULL, "e", "f"};
    const struct {
        const char *what;
        const sluice_shape *shape;
        int initializer;
        const char *const *names;
        sluice_status status;
        const char *part;
    } cases[] = {
        {"no shape", NULL, 0, NULL, SLUICE_STATUS_BAD_ARGUMENT, "sluice_shape is NULL"},
        {"no such initialiser", &whole, 3, NULL, SLUICE_STATUS_BAD_ARGUMENT, "initializer 3"},
        {"three directions", &bad, 0, NULL, SLUICE_STATUS_BAD_ARGUMENT, "directions 3"},
        {"three directions, Keras", &bad, 1, NULL, SLUICE_STATUS_BAD_ARGUMENT, "directions 3"},
        {"too large", &large, 0, NULL, SLUICE_STATUS_TOO_LARGE, "the model"},
        {"too large, Keras", &large, 1, NULL, SLUICE_STATUS_TOO_LARGE, "the model"},
        {"a name that is NULL", &whole, 0, names, SLUICE_STATUS_BAD_ARGUMENT, "class_names[3]"},
        {"a name that is NULL, Keras", &whole, 1, names, SLUICE_STATUS_BAD_ARGUMENT, "class_names[3]"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        static int place;
        sluice_model *model = (sluice_model *)&place;
        sluice_error error = {0};
        const sluice_status status = sluice_model_create_initial(cases[k].shape, (sluice_initializer)cases[k].initializer, 1,
                                                                 cases[k].names, &model, &error);
        test_check_refused(cases[k].what, status, cases[k].status, &error, cases[k].part);
        ck_assert_ptr_null(model);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_model_create_initial, &plain, SLUICE_INITIALIZER_TORCH, 1, NULL, NULL);
}
