/* The kernels that training adds, each instruction set against plain loops written from their contracts, bit for bit. */
#include "support/kernels.h"
#include "support/oracle/plain.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { PROBLEMS = 24 }; /* in one of Check's processes, which are slow to start under a sanitizer */

enum { MOST_ROWS = 14, MOST_UNITS = 70, GATE_STRIDE = 75, ROW = 4 * GATE_STRIDE, STRIDE = 96, MOST_TERMS = 4 * MOST_UNITS };

/* One random step backwards: arrays past the units hold NaN, and are compared to the last byte. */
typedef struct problem {
    size_t lanes, rows, units, terms;
    float weights[2 * 64 * MOST_TERMS]; /* panels of 4 * lanes units, at most two blocks of 64 or more of fewer */
    float da_after[MOST_ROWS][MOST_TERMS], dy[MOST_ROWS][STRIDE], c[MOST_ROWS][STRIDE], c_before[MOST_ROWS][STRIDE];
    float gates[MOST_ROWS][ROW], dc[MOST_ROWS][STRIDE];
} problem;

static void make(problem *p, size_t lanes, uint64_t *state)
{
    p->lanes = lanes;
    p->rows = 1 + test_random(state) % MOST_ROWS;
    p->units = 1 + test_random(state) % MOST_UNITS;
    p->terms = test_random(state) % 4 ? 1 + test_random(state) % MOST_TERMS : 0;
    memset(p->gates, 0xff, sizeof p->gates);
    memset(p->dy, 0xff, sizeof p->dy);
    memset(p->c, 0xff, sizeof p->c);
    memset(p->c_before, 0xff, sizeof p->c_before);
    memset(p->dc, 0, sizeof p->dc);
    test_fill(p->weights, sizeof p->weights / sizeof(float), state);
    test_fill(p->da_after[0], sizeof p->da_after / sizeof(float), state);
    for (size_t r = 0; r < p->rows; r++) {
        test_fill(p->dy[r], p->units, state);
        test_fill(p->c[r], p->units, state);
        test_fill(p->c_before[r], p->units, state);
        test_fill(p->dc[r], p->units, state);
        for (size_t g = 0; g < 4; g++)
            test_fill(p->gates[r] + g * GATE_STRIDE, p->units, state);
    }
}

static size_t panel_stride(const problem *p)
{
    return MOST_TERMS * 4 * p->lanes;
}

/* Draw a problem whose panels have room. */
static void make_fitting(problem *p, size_t lanes, uint64_t *state)
{
    do
        make(p, lanes, state);
    while (((p->units - 1) / (4 * p->lanes) + 1) * panel_stride(p) > sizeof p->weights / sizeof(float));
}

static void run(const sl_kernel *kernel, int kind, problem *p)
{
    const float *da_after[MOST_ROWS], *dy[MOST_ROWS], *c[MOST_ROWS], *c_before[MOST_ROWS];
    float *gates[MOST_ROWS];
    for (size_t r = 0; r < MOST_ROWS; r++) {
        da_after[r] = p->da_after[r];
        dy[r] = p->dy[r];
        c[r] = p->c[r];
        c_before[r] = p->c_before[r];
        gates[r] = p->gates[r];
    }
    const sl_step_grad step = {.rows = p->rows,
                               .units = p->units,
                               .weights = {.panels = p->weights,
                                           .panel_stride = panel_stride(p),
                                           .blocks = (p->units - 1) / (4 * p->lanes) + 1,
                                           .words = p->terms},
                               .da_after = da_after,
                               .dy = dy,
                               .c = c,
                               .c_before = c_before,
                               .gates = gates,
                               .gate_stride = GATE_STRIDE,
                               .dc = p->dc[0],
                               .dc_stride = STRIDE};
    kernel->step_grad[kind](&step);
}

static const sluice_activation tangent = {SLUICE_FUNCTION_TANH, 0, 0};

static float plain_tanh(float x)
{
    float result;
    sl_kernel_get(SLUICE_ISA_SCALAR)->activate(&tangent, 1, &x, &result);
    return result;
}

/* What kernel.h's equations say of one unit, in its order of operations; dc becomes that of the step before. */
static void plain_lstm_grad(const float gates[SL_GATES], float c, float c_before, float dh, float da[SL_GATES], float *dc)
{
    const float i = gates[SL_GATE_I], f = gates[SL_GATE_F], g = gates[SL_GATE_G], o = gates[SL_GATE_O];
    const float tanh_c = plain_tanh(c), dc_now = fmaf(dh * o, (1 - tanh_c) * (1 + tanh_c), *dc);
    da[SL_GATE_I] = dc_now * g * (i * (1 - i));
    da[SL_GATE_F] = dc_now * c_before * (f * (1 - f));
    da[SL_GATE_G] = dc_now * i * ((1 - g) * (1 + g));
    da[SL_GATE_O] = dh * tanh_c * (o * (1 - o));
    *dc = dc_now * f;
}

/* What c and h are by the activated gates; c is that of the step before. */
static void plain_lstm_output(const float gates[SL_GATES], float *c, float *h)
{
    *c = fmaf(gates[SL_GATE_F], *c, gates[SL_GATE_I] * gates[SL_GATE_G]);
    *h = gates[SL_GATE_O] * plain_tanh(*c);
}

/* The equations of each kind of cell. */
static const struct {
    void (*grad)(const float gates[SL_GATES], float c, float c_before, float dh, float da[SL_GATES], float *dc);
    void (*output)(const float gates[SL_GATES], float *c, float *h);
} plain[SL_CELL_KINDS] = {
    [SL_CELL_LSTM] = {plain_lstm_grad, plain_lstm_output},
};

static void get_gates(const float *row, size_t unit, float gates[SL_GATES])
{
    for (size_t g = 0; g < SL_GATES; g++)
        gates[g] = row[g * GATE_STRIDE + unit];
}

/* What a step backwards must leave of one row and unit. */
static void expect_unit(const problem *p, int kind, size_t r, size_t unit, float da[SL_GATES], float *dc_next)
{
    const size_t block = unit / (4 * p->lanes), at = unit % (4 * p->lanes);
    const float *panel = p->weights + block * panel_stride(p) + sl_panel_column(p->terms, p->lanes, at);
    const float product = !p->terms ? -0.0f : test_plain_chain(p->terms, p->da_after[r], panel, 2 * p->lanes);
    float gates[SL_GATES];
    get_gates(p->gates[r], unit, gates);
    *dc_next = p->dc[r][unit];
    plain[kind].grad(gates, p->c[r][unit], p->c_before[r][unit], p->dy[r][unit] + product, da, dc_next);
}

static void try_step_grad(const sl_kernel *kernel, int kind, int index)
{
    uint64_t state = test_seed() + (uint64_t)index;
    static problem p, after;
    make_fitting(&p, kernel->lanes, &state);
    after = p;
    run(kernel, kind, &after);
    for (size_t r = 0; r < p.rows; r++)
        for (size_t unit = 0; unit < p.units; unit++) {
            float da[SL_GATES], dc;
            expect_unit(&p, kind, r, unit, da, &dc);
            for (size_t g = 0; g < SL_GATES; g++) {
                const float got = after.gates[r][g * GATE_STRIDE + unit];
                ck_assert_msg(memcmp(&got, &da[g], sizeof got) == 0,
                              "%s, kind %d, row %zu of %zu, unit %zu of %zu, %zu terms: da of gate %zu is %a, expected %a",
                              sluice_isa_get_name(kernel->isa), kind, r, p.rows, unit, p.units, p.terms, g, (double)got,
                              (double)da[g]);
                p.gates[r][g * GATE_STRIDE + unit] = got; /* the rest must be as it was */
            }
            ck_assert_msg(dc == after.dc[r][unit], "%s, row %zu, unit %zu: dc is %a, expected %a", sluice_isa_get_name(kernel->isa),
                          r, unit, (double)after.dc[r][unit], (double)dc);
            p.dc[r][unit] = dc;
        }
    ck_assert_msg(memcmp(p.gates, after.gates, sizeof p.gates) == 0, "a gate past the units was written");
    for (size_t r = 0; r < MOST_ROWS; r++)
        ck_assert_msg(r < p.rows || memcmp(p.dc[r], after.dc[r], sizeof p.dc[r]) == 0, "row %zu, which is none, was written", r);
}

TEST_LOOP(step_grad, 0, 1)
{
    for (int index = PROBLEMS * _i; index < PROBLEMS * (_i + 1); index++)
        for (int kind = 0; test_kernel_at((size_t)index) && kind < SL_CELL_KINDS; kind++)
            try_step_grad(test_kernel_at((size_t)index), kind, index);
}
TEST_MORE("large", step_grad, 1, 7)

static void try_nan(const sl_kernel *kernel, int kind)
{
    uint64_t state = test_seed();
    static problem p;
    do
        make_fitting(&p, kernel->lanes, &state);
    while (p.rows < 3);
    const uint32_t payload = 0x7fc12345, canonical = 0xffc00000;
    memcpy(&p.dy[1][0], &payload, sizeof payload);
    run(kernel, kind, &p);
    for (size_t g = 0; g < 4; g++)
        for (size_t r = 0; r < 3; r++) {
            const float *da = &p.gates[r][g * GATE_STRIDE];
            ck_assert(r == 1 ? memcmp(da, &canonical, sizeof canonical) == 0 : !isnan(*da));
        }
    ck_assert(memcmp(&p.dc[1][0], &canonical, sizeof canonical) == 0);
}

/* A NaN that comes in is the one NaN afterwards, in its own row alone. */
TEST_LOOP(one_nan, 0, sl_isa_count())
{
    for (int kind = 0; test_kernel_at((size_t)_i) && kind < SL_CELL_KINDS; kind++)
        try_nan(test_kernel_at((size_t)_i), kind);
}

TEST_LOOP(add_rows, 0, 12)
{
    const sl_kernel *kernel = test_kernel_at((size_t)_i);
    if (!kernel)
        return;
    enum { MOST = 300, PITCH = 310 };
    uint64_t state = test_seed() + (uint64_t)_i;
    static float x[MOST_ROWS][PITCH], sum[PITCH], want[PITCH];
    const size_t rows = test_random(&state) % (MOST_ROWS + 1), count = 1 + test_random(&state) % MOST;
    memset(x, 0xff, sizeof x);
    memset(sum, 0xff, sizeof sum);
    for (size_t r = 0; r < rows; r++)
        test_fill(x[r], count, &state);
    test_fill(sum, count, &state);
    memcpy(want, sum, sizeof want);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < count; k++)
            want[k] += x[r][k];
    kernel->add_rows(rows, count, x[0], PITCH, sum);
    ck_assert_msg(memcmp(sum, want, sizeof sum) == 0, "%s: the sum of %zu rows of %zu is another", sluice_isa_get_name(kernel->isa),
                  rows, count);
}

/* A step that keeps its gates and c leaves what it leaves without, and keeps what the equations take c and h from. */
static void try_kept_step(const sl_kernel *kernel, int kind, int index)
{
    enum { TERMS = 24, WIDTH = 4 * 80 };
    uint64_t state = test_seed() + (uint64_t)index;
    static float weights[WIDTH * TERMS], start[MOST_ROWS][WIDTH], h[MOST_ROWS][STRIDE], c[2][MOST_ROWS][STRIDE];
    static float next[2][MOST_ROWS][STRIDE], gates[MOST_ROWS][ROW], kept[MOST_ROWS][STRIDE];
    const size_t rows = 1 + test_random(&state) % MOST_ROWS, units = 1 + test_random(&state) % TERMS;
    test_fill(weights, sizeof weights / sizeof(float), &state);
    test_fill(start[0], sizeof start / sizeof(float), &state);
    test_fill(h[0], sizeof h / sizeof(float), &state);
    test_fill(c[0][0], sizeof c[0] / sizeof(float), &state);
    memcpy(c[1], c[0], sizeof c[0]);
    memset(gates, 0xff, sizeof gates);
    memset(kept, 0xff, sizeof kept);
    const float *start_rows[MOST_ROWS];
    float *gate_rows[MOST_ROWS], *kept_rows[MOST_ROWS];
    for (size_t r = 0; r < MOST_ROWS; r++) {
        start_rows[r] = start[r];
        gate_rows[r] = gates[r];
        kept_rows[r] = kept[r];
    }
    sl_step step = {.rows = rows,
                    .units = units,
                    .weights_hh = {.panels = weights,
                                   .panel_stride = units * 4 * kernel->lanes,
                                   .blocks = (units - 1) / kernel->lanes + 1,
                                   .words = units},
                    .start = start_rows,
                    .h = h[0],
                    .h_next = next[0][0],
                    .c = c[0][0],
                    .h_stride = STRIDE,
                    .state_stride = STRIDE};
    float c_before[MOST_ROWS][STRIDE];
    memcpy(c_before, c[0], sizeof c_before);
    kernel->step[kind](&step);
    step.h_next = next[1][0];
    step.c = c[1][0];
    step.gates = gate_rows;
    step.gate_stride = GATE_STRIDE;
    step.c_kept = kept_rows;
    kernel->step[kind](&step);
    for (size_t r = 0; r < MOST_ROWS; r++)
        for (size_t unit = 0; unit < STRIDE; unit++) {
            if (r >= rows || unit >= units) {
                ck_assert_msg(isnan(kept[r][unit]), "c of row %zu, unit %zu, was kept, which is none", r, unit);
                ck_assert(unit >= GATE_STRIDE || isnan(gates[r][unit]));
                continue;
            }
            float activated[SL_GATES], c_now = c_before[r][unit], h_now;
            get_gates(gates[r], unit, activated);
            plain[kind].output(activated, &c_now, &h_now);
            ck_assert_msg(c[0][r][unit] == c_now && c[1][r][unit] == c_now && kept[r][unit] == c_now, "%s: c of row %zu, unit %zu",
                          sluice_isa_get_name(kernel->isa), r, unit);
            ck_assert_msg(next[0][r][unit] == h_now && next[1][r][unit] == h_now, "%s: h of row %zu, unit %zu",
                          sluice_isa_get_name(kernel->isa), r, unit);
        }
}

TEST_LOOP(kept_step, 0, 1)
{
    for (int index = PROBLEMS * _i; index < PROBLEMS * (_i + 1); index++)
        for (int kind = 0; test_kernel_at((size_t)index) && kind < SL_CELL_KINDS; kind++)
            try_kept_step(test_kernel_at((size_t)index), kind, index);
}
TEST_MORE("large", kept_step, 1, 7)

/* ---- Bulk products ---- */

enum { BULK_TERMS = 2 * SL_BULK_TERMS + 3, BULK_ROWS = SL_BULK_ROWS + 40, BULK_COLUMNS = SL_BULK_COLUMNS + 90, PADDING = 9 };

typedef struct bulk {
    sl_bulk_product product;
    float *a, *b, *c, *before, *panels;
    size_t c_count;
} bulk;

/* A side of a product: mostly short, so that a test takes no time, sometimes longer than what is packed at once. */
static size_t draw_side(size_t most, uint64_t *state)
{
    return 1 + test_random(state) % (test_random(state) % test_by_depth(16, 4, 4) ? 40 : most);
}

/* [rows][columns] in rows that are longer; what is between them is NaN. */
static float *draw_matrix(size_t rows, size_t columns, size_t *stride, uint64_t *state)
{
    *stride = columns + test_random(state) % PADDING;
    float *at = malloc(rows * *stride * sizeof *at);
    ck_assert_ptr_nonnull(at);
    memset(at, 0xff, rows * *stride * sizeof *at);
    for (size_t r = 0; r < rows; r++)
        test_fill(at + r * *stride, columns, state);
    return at;
}

static bulk make_bulk(uint64_t *state)
{
    bulk made = {.product = {.rows = draw_side(BULK_ROWS, state),
                             .columns = draw_side(BULK_COLUMNS, state),
                             .terms = draw_side(BULK_TERMS, state),
                             .a_transposed = test_random(state) % 2,
                             .adds = test_random(state) % 2}};
    sl_bulk_product *p = &made.product;
    const size_t a_rows = p->a_transposed ? p->terms : p->rows, a_columns = p->a_transposed ? p->rows : p->terms;
    p->a = made.a = draw_matrix(a_rows, a_columns, &p->a_stride, state);
    p->b = made.b = draw_matrix(p->terms, p->columns, &p->b_stride, state);
    made.before = draw_matrix(p->rows, p->columns, &p->c_stride, state);
    made.c_count = p->rows * p->c_stride;
    made.c = malloc(made.c_count * sizeof *made.c);
    made.panels = malloc(sl_bulk_panel_floats(p->columns) * sizeof *made.panels);
    ck_assert(made.c && made.panels);
    p->c = made.c;
    p->panels = made.panels;
    return made;
}

static void bulk_free(bulk *made)
{
    float *const floats[] = {made->a, made->b, made->c, made->before, made->panels};
    for (size_t k = 0; k < sizeof floats / sizeof *floats; k++)
        free(floats[k]);
}

static float bulk_a(const sl_bulk_product *p, size_t row, size_t term)
{
    return p->a_transposed ? p->a[term * p->a_stride + row] : p->a[row * p->a_stride + term];
}

/* An element of c as the contract has it. Of its error: a chunk's chain of n terms has n roundings, and each chunk one more, when it is
 * added; each is at most u = eps / 2 of a partial sum, which is at most S = sum of |a b|, and of |c| before, times (1 + u)^(K + chunks),
 * below 1.001. */
static float plain_bulk(const bulk *made, size_t row, size_t column, double *exact, double *bound)
{
    const sl_bulk_product *p = &made->product;
    const size_t chunks = (p->terms + SL_BULK_TERMS - 1) / SL_BULK_TERMS;
    float total = p->adds ? made->before[row * p->c_stride + column] : 0;
    double size = fabs((double)total);
    *exact = total;
    for (size_t chunk = 0, k = 0; chunk < chunks; chunk++) {
        float sum = 0;
        for (size_t end = k + p->terms / chunks + (chunk < p->terms % chunks); k < end; k++) {
            const float x = bulk_a(p, row, k), w = p->b[k * p->b_stride + column];
            sum = fmaf(x, w, sum);
            *exact += (double)x * (double)w;
            size += fabs((double)x * (double)w);
        }
        total = chunk || p->adds ? total + sum : sum;
    }
    *bound = 1.001 * (double)(p->terms + chunks) * FLT_EPSILON / 2 * size;
    return total;
}

static void run_bulk(const sl_kernel *kernel, bulk *made)
{
    if (made->product.adds)
        memcpy(made->c, made->before, made->c_count * sizeof *made->c);
    else
        memset(made->c, 0xff, made->c_count * sizeof *made->c);
    memset(made->panels, 0xff, sl_bulk_panel_floats(made->product.columns) * sizeof *made->panels);
    kernel->bulk_product(&made->product);
}

static void try_bulk(int index)
{
    uint64_t state = test_seed() + (uint64_t)index;
    bulk made = make_bulk(&state);
    const sl_bulk_product *p = &made.product;
    FREED float *want = malloc(made.c_count * sizeof *want);
    ck_assert_ptr_nonnull(want);
    memset(want, 0xff, made.c_count * sizeof *want);
    for (size_t r = 0; r < p->rows; r++)
        for (size_t j = 0; j < p->columns; j++) {
            double exact, bound;
            want[r * p->c_stride + j] = plain_bulk(&made, r, j, &exact, &bound);
            const double error = fabs((double)want[r * p->c_stride + j] - exact);
            ck_assert_msg(error <= bound, "%zu x %zu x %zu: an error of %g, bound %g", p->rows, p->columns, p->terms, error, bound);
        }
    for (size_t k = 0; k < sl_isa_count(); k++) {
        const sl_kernel *kernel = test_kernel_at(k);
        if (!kernel)
            continue;
        run_bulk(kernel, &made);
        for (size_t j = 0; j < made.c_count; j++)
            ck_assert_msg(memcmp(&made.c[j], &want[j], sizeof *want) == 0,
                          "problem %d, %s, %zu x %zu x %zu, transposed %d, adds %d: row %zu, column %zu: %a, expected %a", index,
                          sluice_isa_get_name(kernel->isa), p->rows, p->columns, p->terms, p->a_transposed, p->adds,
                          j / p->c_stride, j % p->c_stride, (double)made.c[j], (double)want[j]);
    }
    bulk_free(&made);
}

TEST_LOOP(bulk_product, 0, 1)
{
    for (int index = PROBLEMS * _i; index < PROBLEMS * (_i + 1); index++)
        try_bulk(index);
}
TEST_MORE("large", bulk_product, 1, 7)

/* Sums of nothing but -0 are +0, or what was there; a NaN is the one NaN, whichever came in; and only its row or column has it. */
TEST(bulk_product_of_zeros_and_nans)
{
    enum { ROWS = 13, COLUMNS = 37, TERMS = 5 };
    static float a[ROWS * TERMS], b[TERMS * COLUMNS], c[ROWS * COLUMNS], panels[SL_BULK_TERMS * (SL_BULK_ROWS + 64)];
    ck_assert_uint_ge(sizeof panels / sizeof *panels, sl_bulk_panel_floats(COLUMNS));
    sl_bulk_product p = {.rows = ROWS, .columns = COLUMNS, .terms = TERMS, .a = a, .a_stride = TERMS, .b = b, .b_stride = COLUMNS};
    p.c = c;
    p.c_stride = COLUMNS;
    p.panels = panels;
    for (size_t k = 0; k < sl_isa_count(); k++)
        for (int adds = 0; test_kernel_at(k) && adds < 2; adds++) {
            p.adds = adds;
            for (size_t j = 0; j < ROWS * TERMS; j++)
                a[j] = -0.0f;
            for (size_t j = 0; j < TERMS * COLUMNS; j++)
                b[j] = 1.0f;
            for (size_t j = 0; j < ROWS * COLUMNS; j++)
                c[j] = adds ? -0.0f : NAN;
            test_kernel_at(k)->bulk_product(&p);
            for (size_t j = 0; j < ROWS * COLUMNS; j++)
                ck_assert(c[j] == 0 && !signbit(c[j]));
            const uint32_t payload = UINT32_C(0x7fc12345);
            memcpy(&a[3 * TERMS + 2], &payload, sizeof payload);
            b[4 * COLUMNS + 36] = INFINITY; /* times -0 */
            test_kernel_at(k)->bulk_product(&p);
            for (size_t j = 0; j < ROWS * COLUMNS; j++) {
                uint32_t bits;
                memcpy(&bits, &c[j], sizeof bits);
                const bool is_nan = j / COLUMNS == 3 || j % COLUMNS == 36;
                ck_assert_msg(bits == (is_nan ? SL_NAN_BITS : 0), "row %zu, column %zu: %08x", j / COLUMNS, j % COLUMNS, bits);
            }
        }
}
