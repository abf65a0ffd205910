/* The kernels alone, each instruction set against plain loops written from the contract: (b + W x) + U h', bit for bit. */
#include "support/kernels.h"
#include "support/oracle/plain.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { PROBLEMS = 24 }; /* in one of Check's processes, which are slow to start under a sanitizer */

enum { MOST_ROWS = 20, MOST_TERMS = 70, MOST_UNITS = 70, MOST_WIDTH = 4 * 80, STRIDE = 96 };

/* Arrays of one random problem, in the packed layouts of kernel.h. */
typedef struct problem {
    size_t lanes, rows, units, inputs, recurrent;
    float weights[MOST_WIDTH * 2 * MOST_TERMS];
    float start[MOST_ROWS][MOST_WIDTH], x[MOST_ROWS][MOST_TERMS], h[MOST_ROWS][STRIDE], c[MOST_ROWS][STRIDE];
    const float *start_rows[MOST_ROWS], *x_rows[MOST_ROWS];
} problem;

static void make(problem *p, size_t lanes, uint64_t *state)
{
    p->lanes = lanes;
    p->rows = 1 + test_random(state) % MOST_ROWS;
    p->units = 1 + test_random(state) % MOST_UNITS;
    p->inputs = test_random(state) % MOST_TERMS;
    p->recurrent = test_random(state) % 4 ? p->units : 0;
    test_fill(p->weights, sizeof p->weights / sizeof(float), state);
    test_fill(p->start[0], sizeof p->start / sizeof(float), state);
    test_fill(p->x[0], sizeof p->x / sizeof(float), state);
    test_fill(p->h[0], sizeof p->h / sizeof(float), state);
    test_fill(p->c[0], sizeof p->c / sizeof(float), state);
    for (size_t r = 0; r < MOST_ROWS; r++) {
        p->start_rows[r] = p->start[r];
        p->x_rows[r] = p->x[r];
    }
}

static size_t blocks_of(const problem *p)
{
    return (p->units + p->lanes - 1) / p->lanes;
}

static size_t panel_stride(const problem *p)
{
    return (p->inputs + p->units) * 4 * p->lanes;
}

static sl_packed_matrix matrix_of(problem *p, float *panels, size_t terms)
{
    return (sl_packed_matrix){.panels = panels, .panel_stride = panel_stride(p), .blocks = blocks_of(p), .words = terms};
}

/* One chain of multiply-adds: of column `at` of a panel. */
static float chain(const problem *p, const float *panel, size_t terms, const float *x, size_t at)
{
    return test_plain_chain(terms, x, panel + sl_panel_column(terms, p->lanes, at), 2 * p->lanes);
}

static void try_product(int index)
{
    const sl_kernel *kernel = test_kernel_at((size_t)index);
    if (!kernel)
        return;
    uint64_t state = test_seed() + (uint64_t)index;
    static problem p;
    static float out[MOST_ROWS][MOST_WIDTH];
    make(&p, kernel->lanes, &state);
    memset(out, 0xff, sizeof out);
    const sl_packed_matrix weights = matrix_of(&p, p.weights, p.inputs);
    kernel->product(&weights, p.rows, p.start_rows, p.x_rows, out[0], MOST_WIDTH);
    const size_t block_floats = 4 * p.lanes, width = blocks_of(&p) * block_floats;
    for (size_t r = 0; r < MOST_ROWS; r++)
        for (size_t column = 0; column < MOST_WIDTH; column++) {
            if (r >= p.rows || column >= width) {
                ck_assert_msg(isnan(out[r][column]), "row %zu, column %zu was written", r, column);
                continue;
            }
            const float *panel = p.weights + column / block_floats * panel_stride(&p);
            const float want = p.start[r][column] + chain(&p, panel, p.inputs, p.x[r], column % block_floats);
            ck_assert_msg(want == out[r][column], "%s, row %zu, column %zu: %a, expected %a", sluice_isa_get_name(kernel->isa), r,
                          column, (double)out[r][column], (double)want);
        }
}

TEST_LOOP(product, 0, 1)
{
    for (int index = PROBLEMS * _i; index < PROBLEMS * (_i + 1); index++)
        try_product(index);
}
TEST_MORE("large", product, 1, 25)

static sl_step step_of(problem *p, float *h_next, float *c, float *const *y)
{
    return (sl_step){.rows = p->rows,
                     .units = p->units,
                     .weights_ih = matrix_of(p, p->weights, p->inputs),
                     .weights_hh = matrix_of(p, p->weights + p->inputs * 4 * p->lanes, p->recurrent),
                     .start = p->start_rows,
                     .x = p->x_rows,
                     .h = p->h[0],
                     .h_next = h_next,
                     .c = c,
                     .h_stride = STRIDE,
                     .state_stride = STRIDE,
                     .y = y};
}

/* The equations of each kind of cell in plain loops, as test_plain_cell has them. */
static void (*const plain_cells[SL_CELL_KINDS])(size_t units, float *gates, float *c, float *h) = {
    [SL_CELL_LSTM] = test_plain_cell,
};

/* What a step must leave of one row and unit. */
static void expect_cell(const problem *p, int kind, size_t r, size_t unit, float *c, float *h)
{
    const size_t block = unit / p->lanes, lane = unit % p->lanes;
    const float *of_x = p->weights + block * panel_stride(p), *of_h = of_x + p->inputs * 4 * p->lanes;
    float gate[4];
    for (size_t g = 0; g < 4; g++) {
        const size_t at = g * p->lanes + lane;
        const float with_bias = p->start[r][block * 4 * p->lanes + at] + chain(p, of_x, p->inputs, p->x[r], at);
        gate[g] = with_bias + chain(p, of_h, p->recurrent, p->h[r], at);
    }
    *c = p->c[r][unit];
    plain_cells[kind](1, gate, c, h);
}

static void try_step(const sl_kernel *kernel, int kind, int index)
{
    uint64_t state = test_seed() + (uint64_t)index;
    static problem p;
    static float h_next[MOST_ROWS][STRIDE], c[MOST_ROWS][STRIDE], y[MOST_ROWS][MOST_UNITS + 1];
    float *y_rows[MOST_ROWS];
    make(&p, kernel->lanes, &state);
    memset(h_next, 0xff, sizeof h_next);
    memset(y, 0xff, sizeof y);
    memcpy(c, p.c, sizeof c);
    for (size_t r = 0; r < MOST_ROWS; r++)
        y_rows[r] = y[r];
    const bool wants_y = index % 2;
    sl_step call = step_of(&p, h_next[0], c[0], wants_y ? y_rows : NULL);
    call.from_last = index / 2 % 2;
    kernel->step[kind](&call);
    for (size_t r = 0; r < p.rows; r++)
        for (size_t unit = 0; unit < p.units; unit++) {
            float want_c, want_h;
            expect_cell(&p, kind, r, unit, &want_c, &want_h);
            ck_assert_msg(want_c == c[r][unit] && want_h == h_next[r][unit],
                          "%s, kind %d, row %zu of %zu, unit %zu of %zu: c %a h %a, expected %a %a",
                          sluice_isa_get_name(kernel->isa), kind, r, p.rows, unit, p.units, (double)c[r][unit],
                          (double)h_next[r][unit], (double)want_c, (double)want_h);
            ck_assert(wants_y ? y[r][unit] == want_h : isnan(y[r][unit]));
        }
    for (size_t r = 0; r < MOST_ROWS; r++) {
        ck_assert_msg(isnan(y[r][p.units]), "y[%zu] was written past its end", r);
        ck_assert(r < p.rows || (isnan(h_next[r][0]) && memcmp(c[r], p.c[r], sizeof c[r]) == 0));
    }
}

TEST_LOOP(step, 0, 1)
{
    for (int index = PROBLEMS * _i; index < PROBLEMS * (_i + 1); index++)
        for (int kind = 0; test_kernel_at((size_t)index) && kind < SL_CELL_KINDS; kind++)
            try_step(test_kernel_at((size_t)index), kind, index);
}
TEST_MORE("large", step, 1, 25)

static void try_nan(const sl_kernel *kernel, int kind)
{
    uint64_t state = test_seed();
    static problem p;
    static float h_next[MOST_ROWS][STRIDE];
    do
        make(&p, kernel->lanes, &state);
    while (p.rows < 3 || p.inputs < 1 || p.recurrent < 1);
    const uint32_t payload = 0x7fc12345, canonical = 0xffc00000;
    memcpy(&p.x[1][0], &payload, sizeof payload);
    p.h[1][0] = NAN;
    const sl_step call = step_of(&p, h_next[0], p.c[0], NULL);
    kernel->step[kind](&call);
    for (size_t unit = 0; unit < p.units; unit++) {
        ck_assert(memcmp(&h_next[1][unit], &canonical, sizeof canonical) == 0 &&
                  memcmp(&p.c[1][unit], &canonical, sizeof canonical) == 0);
        ck_assert(!isnan(h_next[0][unit]) && !isnan(h_next[2][unit]));
    }
}

/* Whatever NaN went in, one NaN comes out, in its own row alone. */
TEST_LOOP(one_nan, 0, sl_isa_count())
{
    for (int kind = 0; test_kernel_at((size_t)_i) && kind < SL_CELL_KINDS; kind++)
        try_nan(test_kernel_at((size_t)_i), kind);
}
