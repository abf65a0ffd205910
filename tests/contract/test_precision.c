/* Weights of 16 and 8 bits: 16-bit panels change no bit, and what bf16 and int8 say of special numbers and limits. That their results are
 * those of plain loops is tested by bits, random, cells and others, which run once more in each precision (meson.build). */
#include "support/float_blocks.h"
#include "support/network.h"
#include "support/oracle/plain.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <string.h>

static const sluice_precision low[] = {SLUICE_PRECISION_BF16, SLUICE_PRECISION_INT8};

/* ---- 16-bit panels --------------------------------------------------------------------------------------------------------- */

static float to_bf16(float value)
{
    return float_of(bits_of(value) & 0xffff0000);
}

/* Eleven bits of significand, and of numbers below 2^-14 multiples of 2^-24, the smallest half-precision number. */
static float to_f16(float value)
{
    return fabsf(value) < 0x1p-14f ? truncf(value * 0x1p24f) * 0x1p-24f : float_of(bits_of(value) & 0xffffe000);
}

static const sluice_shape shapes[] = {
    {TEST_LDIH(1, 1, 5, 7), .has_bias = 1},
    {TEST_LDIH(2, 2, 20, 19), .classes = 3, .has_bias = 1},
    {TEST_LDIH(1, 1, 33, 64), .vocabulary = 11, .has_bias = 1},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ROWS = 14, STEPS = 4 };

/* A network of a shape whose weights are numbers of a sort, one in eight of them small. */
static test_network make_network(const sluice_shape *shape, float (*round)(float), uint64_t *random)
{
    test_network network = test_network_create(shape);
    for (size_t k = 0; k < network.count; k++) {
        const float value = (2.0f * test_uniform(random) - 1.0f) / sqrtf((float)shape->hidden);
        network.floats[k] = round(test_random(random) % 8 ? value : value * 0x1p-12f);
    }
    test_network_build(&network);
    return network;
}

/* What an engine gives for a batch must be the same as what one for training gives, which keeps floats. */
static void expect_bits_of_floats(const sluice_model *model, sluice_engine *engine, const sluice_shape *shape, sluice_isa isa,
                                  uint64_t *random)
{
    OWNED(test_batch) batch = test_batch_random(shape, ROWS, STEPS, TEST_RAGGED | TEST_STATES, random);
    sluice_engine_options options = test_options(isa, 1, SLUICE_SCHEDULE_ROWS);
    options.precision = SLUICE_PRECISION_F32;
    options.training = 1;
    test_as_new(engine, model, &options, &batch);
}

static size_t packed_bytes(const sluice_engine *engine)
{
    sluice_engine_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sluice_engine_get_info(engine, &info), SLUICE_STATUS_OK);
    return info.packed_bytes;
}

static sluice_engine *make_engine(const sluice_model *model, sluice_isa isa, sluice_precision precision)
{
    sluice_engine_options options = test_options(isa, 2, SLUICE_SCHEDULE_AUTO);
    options.precision = precision;
    sluice_engine *engine = NULL;
    SUCCEEDS(sluice_engine_create, model, &options, &engine);
    return engine;
}

TEST_LOOP(sixteen_bits, 0, SHAPES)
{
    float (*const sorts[])(float) = {to_bf16, to_f16};
    uint64_t random = test_seed() + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    for (size_t k = 0; k < 2 * isas.count; k++) {
        const sluice_isa isa = isas.isa[k / 2];
        OWNED(test_network) exact = make_network(&shapes[_i], sorts[k % 2], &random);
        OWNED(test_network) other = test_network_random(&shapes[_i], 1, &random);
        OWNED_HANDLE(sluice_engine) engine = make_engine(exact.model, isa, SLUICE_PRECISION_AUTO);
        OWNED_HANDLE(sluice_engine) floats = make_engine(other.model, isa, SLUICE_PRECISION_AUTO);
        ck_assert_uint_lt(packed_bytes(engine), packed_bytes(floats));
        expect_bits_of_floats(exact.model, engine, &shapes[_i], isa, &random);
        /* Weights that are no such numbers any more, and numbers of 16 bits in panels of floats. */
        SUCCEEDS(sluice_engine_set_model, engine, other.model);
        ck_assert_uint_eq(packed_bytes(engine), packed_bytes(floats));
        expect_bits_of_floats(other.model, engine, &shapes[_i], isa, &random);
        SUCCEEDS(sluice_engine_set_model, engine, exact.model);
        expect_bits_of_floats(exact.model, engine, &shapes[_i], isa, &random);
    }
}

/* Each instruction set gives the scalar kernels' bits; the other tests that show it run too long on an emulated CPU. */
TEST_LOOP(as_scalar, 0, 2 * SHAPES)
{
    const sluice_shape *shape = &shapes[_i / 2];
    uint64_t random = test_seed() + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    OWNED(test_network) network = test_network_random(shape, 1, &random);
    OWNED(test_batch) batch = test_batch_random(shape, ROWS, STEPS, TEST_RAGGED | TEST_STATES, &random);
    FREED float *y = test_floats(batch.y_count);
    for (size_t k = 0; k <= isas.count; k++) {
        OWNED_HANDLE(sluice_engine) engine = make_engine(network.model, k ? isas.isa[k - 1] : SLUICE_ISA_SCALAR, low[_i % 2]);
        test_batch_prefill(&batch);
        SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
        if (k == 0)
            memcpy(y, batch.y, batch.y_count * sizeof *y);
        test_same_bits(batch.y, y, batch.y_count, "y");
    }
}

/* ---- Definitions ----------------------------------------------------------------------------------------------------------- */

/* The largest magnitude m becomes 127, whatever it is: no integer needs a limit. */
TEST(largest_is_127)
{
    for (uint32_t mantissa = 0; mantissa < 1 << 23; mantissa += (uint32_t)test_by_depth(1009, 1, 1)) {
        const float m = float_of(UINT32_C(127) << 23 | mantissa);
        ck_assert_msg(rintf(m * (127.0f / m)) == 127.0f, "m is %a", (double)m);
    }
}

/* A row with a NaN or an infinity is NaN from there on, and no other row is touched. */
TEST_LOOP(special_rows, 0, 2)
{
    static const sluice_shape shape = {TEST_LDIH(2, 1, 9, 17), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 7, 5, 0, &random);
    FREED float *clean = test_floats(batch.y_count);
    OWNED_HANDLE(sluice_engine) engine = make_engine(network.model, SLUICE_ISA_AUTO, low[_i]);
    SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
    memcpy(clean, batch.y, batch.y_count * sizeof *clean);
    float *x = batch.x + (3 * 5 + 2) * shape.inputs; /* row 3, step 2 */
    x[4] = NAN;
    SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
    for (size_t k = 0; k < batch.y_count; k++) {
        const size_t row = k / (5 * shape.hidden), step = k / shape.hidden % 5;
        ck_assert(row == 3 && step >= 2 ? bits_of(batch.y[k]) == UINT32_C(0xffc00000) : bits_of(batch.y[k]) == bits_of(clean[k]));
    }
    x[4] = INFINITY;
    SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
    ck_assert(isnan(batch.y[(3 * 5 + 2) * shape.hidden]) == (low[_i] == SLUICE_PRECISION_INT8));
}

/* Initial states beyond +-1, with their own scale, and a NaN and an infinity among them: the bits of plain loops. */
TEST_LOOP(large_states, 0, 2)
{
    static const sluice_shape shape = {TEST_LDIH(2, 2, 9, 17), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 6, 3, TEST_STATES | TEST_RAGGED, &random);
    for (size_t k = 0; k < batch.state_count; k++)
        batch.h0[k] *= k / shape.hidden % 2 ? 1.7f : 1.0f; /* every second row of a layer-direction */
    batch.h0[0] = 1.0f;
    batch.h0[3 * shape.hidden + 5] = NAN;
    batch.h0[5 * shape.hidden + 6] = -INFINITY;
    FREED float *y = test_floats(batch.y_count), *hn = test_floats(batch.state_count);
    OWNED_HANDLE(sluice_engine) engine = make_engine(network.model, SLUICE_ISA_AUTO, low[_i]);
    SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
    memcpy(y, batch.y, batch.y_count * sizeof *y);
    memcpy(hn, batch.hn, batch.state_count * sizeof *hn);
    test_batch_prefill(&batch);
    setenv("SLUICE_TEST_PRECISION", sluice_precision_get_name(low[_i]), 1);
    test_plain_forward(&network.weights, &batch.batch);
    test_same_bits(y, batch.y, batch.y_count, "y");
    test_same_bits(hn, batch.hn, batch.state_count, "hn");
}

/* x of zeros, of subnormal numbers and with an outlier: nothing is NaN, and zeros are as good as subnormals. */
TEST_LOOP(sizes_of_x, 0, 2)
{
    static const sluice_shape shape = {TEST_LDIH(1, 1, 9, 17), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 3, 1, 0, &random);
    OWNED_HANDLE(sluice_engine) engine = make_engine(network.model, SLUICE_ISA_AUTO, low[_i]);
    for (size_t k = 0; k < shape.inputs; k++) {
        batch.x[k] = 0;
        batch.x[shape.inputs + k] = float_of(1 + (uint32_t)k);
        batch.x[2 * shape.inputs + k] = k ? 1e-3f : 1e30f;
    }
    SUCCEEDS(sluice_forward, engine, NULL, &batch.batch);
    test_same_bits(batch.y, batch.y + shape.hidden, shape.hidden, "zeros and subnormals");
    for (size_t k = 0; k < batch.y_count; k++)
        ck_assert(isfinite(batch.y[k]) && fabsf(batch.y[k]) <= 1);
}

/* A sum of the most terms, each of the largest product, does not overflow: its row's pre-activations are +-terms * 1 * 1. */
TEST(most_terms)
{
    enum { TERMS = 1 << 17 };
    static const sluice_shape most = {TEST_LDIH(1, 1, TERMS, 1)}, more = {TEST_LDIH(1, 1, TERMS + 1, 1)};
    OWNED(test_network) network = test_network_create(&most);
    OWNED(test_network) larger = test_network_create(&more);
    for (size_t k = 0; k < TERMS; k++) {
        network.floats[k] = network.floats[3 * TERMS + k] = 1; /* i and o */
        network.floats[2 * TERMS + k] = k % 2 ? 1 : -1;        /* g */
    }
    test_network_build(&network);
    test_network_build(&larger);
    FREED float *x = test_floats(TERMS);
    float y[2];
    for (size_t k = 0; k < TERMS; k++)
        x[k] = k % 2 ? 1 : -1;
    const sluice_batch batch = {.struct_size = sizeof batch, .rows = 1, .steps = 1, .x = x, .y = y};
    const test_isa_list isas = test_isas();
    for (size_t k = 0; k < isas.count; k++) {
        y[0] = NAN;
        OWNED_HANDLE(sluice_engine) engine = make_engine(network.model, isas.isa[k], SLUICE_PRECISION_INT8);
        SUCCEEDS(sluice_forward, engine, NULL, &batch);
        ck_assert_float_eq(y[0], 0.5f * tanhf(0.5f)); /* i and o are sigmoid(0), g is tanh(131072) */
    }
    sluice_engine *none = NULL;
    const sluice_engine_options options = {.struct_size = sizeof options, .threads = 1, .precision = SLUICE_PRECISION_INT8};
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "131072", sluice_engine_create, larger.model, &options, &none);
}

TEST(refused)
{
    static const sluice_shape shape = {TEST_LDIH(1, 1, 2, 3)};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1, &random);
    for (size_t k = 0; k < 2; k++) {
        sluice_engine *none = NULL;
        sluice_engine_options options = {.struct_size = sizeof options, .threads = 1, .precision = low[k], .training = 1};
        REFUSED(SLUICE_STATUS_UNSUPPORTED, "training", sluice_engine_create, network.model, &options, &none);
        options.training = 0;
        options.gemm = SLUICE_GEMM_BLIS;
        REFUSED(SLUICE_STATUS_UNSUPPORTED, "BLIS", sluice_engine_create, network.model, &options, &none);
    }
}
