#include "engine/weight_format.h"

#include "base/error.h"
#include "base/float_bits.h"
#include "base/system/cpu.h"

#include <string.h>

static bool is_bf16(float value)
{
    return (sl_float_bits(value) & 0xffff) == 0;
}

/* Whether a half-precision number has this value: 11 bits of significand above 2^-14, and multiples of 2^-24 below. */
static bool is_f16(float value)
{
    const uint32_t magnitude = sl_float_bits(value) & 0x7fffffff, exponent = magnitude >> 23;
    enum { LEAST_NORMAL = 127 - 14, MOST = 127 + 15, LEAST = 127 - 24 };
    if (magnitude == 0 || (exponent >= LEAST_NORMAL && exponent <= MOST))
        return (magnitude & 0x1fff) == 0;
    return exponent >= LEAST && exponent < LEAST_NORMAL && (magnitude & ((UINT32_C(1) << (13 + LEAST_NORMAL - exponent)) - 1)) == 0;
}

static bool are_all(bool (*is)(float), size_t count, const float *values)
{
    for (size_t k = 0; k < count; k++)
        if (!is(values[k]))
            return false;
    return true;
}

bool sl_format_holds(sl_format_choice choice, const sl_weights *weights, size_t k)
{
    const bool rounds = choice.rows != SL_ROW_FLOATS || choice.format == SL_WEIGHT_F32;
    bool (*const is)(float) = choice.format == SL_WEIGHT_BF16 ? is_bf16 : is_f16;
    const sl_layer_dir *dir = &weights->network->dirs[k];
    return rounds || (are_all(is, dir->gate_rows * dir->inputs, sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_WEIGHT_IH)) &&
                      are_all(is, dir->gate_rows * dir->h_width, sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_WEIGHT_HH)));
}

bool sl_format_reads_embedding(const sluice_engine *engine, size_t k)
{
    return engine->shape.vocabulary && k < engine->network->lstm[0].directions && engine->steps.input_buffer[0] == SIZE_MAX;
}

sl_format_choice sl_format_choose(const sluice_engine *engine, const sl_weights *weights, size_t k)
{
    static const sl_format_choice f32 = {SL_WEIGHT_F32, SL_ROW_FLOATS};
    static const sl_format_choice exact[] = {{SL_WEIGHT_BF16, SL_ROW_FLOATS}, {SL_WEIGHT_F16, SL_ROW_FLOATS}};
    if (engine->precision == SLUICE_PRECISION_INT8)
        return sl_kernel_runs_format(engine->kernel, SL_WEIGHT_INT8_DOT) ? (sl_format_choice){SL_WEIGHT_INT8_DOT, SL_ROW_BYTES}
                                                                         : (sl_format_choice){SL_WEIGHT_INT8, SL_ROW_INT16_PAIRS};
    if (engine->precision == SLUICE_PRECISION_BF16)
        return engine->has_bf16_dot ? (sl_format_choice){SL_WEIGHT_BF16_DOT, SL_ROW_BF16_PAIRS}
                                    : (sl_format_choice){SL_WEIGHT_BF16, SL_ROW_BF16_SWAPPED};
    for (size_t j = 0; !engine->training && engine->gemm != SLUICE_GEMM_BLIS && j < sizeof exact / sizeof exact[0]; j++)
        if (sl_format_holds(exact[j], weights, k))
            return exact[j];
    return f32;
}

/* Numbers of all signs and sizes, many of whose products are near the least normal number. */
static void fill_sample(size_t count, float *values)
{
    uint32_t state = 1;
    for (size_t k = 0; k < count; k++) {
        static const unsigned char exponents[] = {127, 126, 64, 63, 62, 100, 1, 128};
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        values[k] = sl_float_of_bits((state & UINT32_C(0x807f0000)) | (uint32_t)exponents[state >> 8 & 7] << 23);
    }
}

/* Multiply the sample's rows with its columns in a format. The memory holds a panel of any format. */
static void multiply_sample(const sl_kernel *kernel, const float *sample, sl_format_choice choice, size_t terms, size_t rows,
                            float *panel, float *out)
{
    enum { ROW_FLOATS = 64 };
    const sl_columns columns = {1, sl_block_floats(kernel), kernel->lanes};
    sl_packed_matrix matrix = sl_packed_layout(&columns, terms, choice);
    float words[3][ROW_FLOATS] = {{0}};
    const float zeros[SL_BLOCK_VECTORS * SL_MAX_LANES] = {0}, *start[3], *x[3];
    matrix.panels = panel;
    sl_pack_panels(&columns, (sl_matrix){sample, terms, 1}, terms, &matrix, SL_SHARE_ALL);
    for (size_t r = 0; r < rows; r++) {
        kernel->prepare_row(choice.rows, false, terms, sample + (r + 1) * 7, words[r]);
        start[r] = zeros;
        x[r] = words[r];
    }
    kernel->product(&matrix, rows, start, x, out, sl_block_floats(kernel));
}

bool sl_format_bf16_dot_is_right(const sl_kernel *kernel)
{
    enum { TERMS = 40, ROWS = 3, COLUMNS = SL_BLOCK_VECTORS * SL_MAX_LANES };
    static const sl_format_choice choices[] = {{SL_WEIGHT_BF16_DOT, SL_ROW_BF16_PAIRS}, {SL_WEIGHT_BF16, SL_ROW_BF16_SWAPPED}};
    float sample[TERMS * COLUMNS], panel[TERMS * COLUMNS], out[2][ROWS * COLUMNS] = {{0}};
    if (!sl_kernel_runs_format(kernel, SL_WEIGHT_BF16_DOT))
        return false;
    fill_sample(TERMS * COLUMNS, sample);
    const sl_float_mode mode = sl_float_mode_set(true);
    for (size_t k = 0; k < 2; k++)
        multiply_sample(kernel, sample, choices[k], TERMS, ROWS, panel, out[k]);
    sl_float_mode_restore(mode);
    return memcmp(out[0], out[1], sizeof out[0]) == 0;
}

sluice_status sl_format_check(const sl_network *network, sluice_precision precision, sluice_error *error)
{
#if !defined(__x86_64__)
    if (precision == SLUICE_PRECISION_BF16)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "engine options: bf16 needs a CPU that flushes subnormals as x86-64 does; take f32 or int8");
#endif
    for (size_t k = 0; precision == SLUICE_PRECISION_INT8 && k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        const size_t most = dir->inputs > dir->h_width ? dir->inputs : dir->h_width;
        if (most > SL_MOST_INTEGER_TERMS)
            return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                           "layer %zu: sums of %zu terms, and int8 has at most %d; take bf16 or f32",
                           network->lstm[dir->layer].layer, most, SL_MOST_INTEGER_TERMS);
    }
    return SLUICE_STATUS_OK;
}
