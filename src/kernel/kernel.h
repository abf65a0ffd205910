/*
 * The kernels: one table of functions per instruction set, all of them compiled from cell.h and activation.h and equal bit for
 * bit.
 *
 * Layout of packed columns. The columns of a matrix (4H gate rows of W and U, or the classes of a head) are cut into blocks of
 * 4 vectors; a block of the gates holds [gate i, f, g, o][lanes] of `lanes` neighbouring units, units past H being zeros. A
 * *panel* is one block's weights in two halves, of vectors 0 and 1 (gates i, f) and of 2 and 3 (g, o), each [term][2][lanes], so
 * that one half can be read without the other; panels follow each other `panel_stride` floats apart. A *packed row* is
 * [block][4][lanes], one value a column.
 */
#ifndef SLUICE_KERNEL_KERNEL_H
#define SLUICE_KERNEL_KERNEL_H

#include "sluice.h"

/** Vectors in a block of columns, and independent chains of multiply-adds of the peak: more than latency (4 or 5) times pipes
 * (2). */
enum { SL_BLOCK_VECTORS = 4, SL_PEAK_CHAINS = 12 };

/** Where column `at` of a block, 0..4*lanes-1, has its first term in a panel; the next ones follow 2 * lanes floats apart. */
static inline size_t sl_panel_column(size_t terms, size_t lanes, size_t at)
{
    return at / (2 * lanes) * terms * 2 * lanes + at % (2 * lanes);
}

/** The bits of every NaN that is computed: what x86 itself makes of 0 * infinity. */
#define SL_NAN_BITS UINT32_C(0xffc00000)

/** A product of rows with packed columns: out[r] = start[r] + x[r] W, each product one chain of fused multiply-adds from zero. */
typedef struct sl_product {
    size_t rows;
    size_t blocks;        /* of columns */
    size_t terms;         /* length of each x row */
    const float *weights; /* panels [blocks][2][terms][2][lanes] */
    size_t panel_stride;
    const float *const *start; /* [rows] packed rows */
    const float *const *x;     /* [rows] pointers to [terms] */
    float *out;                /* [rows] packed rows, out_stride apart */
    size_t out_stride;
} sl_product;

/** One time step of one direction of one layer for some rows. Rows are independent. */
typedef struct sl_step {
    size_t rows;
    size_t hidden;             /* H: units written to y; the packed arrays have them rounded up to lanes */
    size_t inputs;             /* terms of x still to be multiplied: I, or 0 when start holds them */
    size_t recurrent;          /* terms of h: H, or 0 when the state is known to be zero */
    const float *weights_ih;   /* panels [blocks][2][inputs][2][lanes] */
    const float *weights_hh;   /* panels [blocks][2][H][2][lanes] */
    size_t panel_stride;       /* of both */
    const float *const *start; /* [rows] packed rows: the bias, or b + W x where that is done */
    const float *const *x;     /* [rows] pointers to [inputs] */
    const float *h;            /* [rows], state_stride apart: h of the step before */
    float *h_next;             /* likewise; not h */
    float *c;                  /* likewise; updated in place */
    size_t state_stride;       /* >= H rounded up to lanes */
    float *const *y;           /* [rows] pointers to [H] that receive h too; NULL: not wanted */
    float *const *gates;       /* [rows] pointers to the gates i, f, g, o of these units, gate_stride apart; NULL: not kept */
    size_t gate_stride;
    float *const *c_kept; /* [rows] pointers to [H] that receive c too; NULL: not kept, nor are gates then */
} sl_step;

/**
 * The adjoint of a step, backwards in time. With dc the gradient of the loss with respect to c through the later steps:
 *     dh = dy + U' da_after                dc += dh o (1 - tanh(c)^2)
 *     da_i = dc g i(1 - i)    da_f = dc c' f(1 - f)    da_g = dc i (1 - g^2)    da_o = dh tanh(c) o(1 - o)    dc = dc f
 * where the product is one chain of fused multiply-adds from zero in index order.
 */
typedef struct sl_step_grad {
    size_t rows;
    size_t hidden;        /* units */
    size_t terms;         /* of da_after: 4H, or 0 when no later step is there: dh is dy then */
    const float *weights; /* U': panels [blocks][2][4H][2][lanes], a block being 4 * lanes of the units */
    size_t panel_stride;
    const float *const *da_after; /* [rows] pointers to [4H] */
    const float *const *dy;       /* [rows] pointers to [hidden] */
    const float *const *c;        /* [rows] pointers to [hidden]: after the step */
    const float *const *c_before; /* [rows] pointers to [hidden] */
    float *const *gates;          /* [rows] pointers to the gates i, f, g, o of these units, gate_stride apart; replaced by da */
    size_t gate_stride;
    float *dc;        /* [rows], dc_stride apart; updated in place */
    size_t dc_stride; /* >= hidden rounded up to lanes */
} sl_step_grad;

typedef struct sl_kernel {
    sluice_isa isa;
    size_t lanes;     /* floats of a vector: a power of two, at most 16 */
    size_t tile_rows; /* rows of a full register tile */
    size_t tall_rows; /* rows of a step's tile for few rows, up to twice as many; 0: no such tile */
    void (*product)(const sl_product *product);
    void (*step)(const sl_step *step);
    void (*step_grad)(const sl_step_grad *step);
    /** sum[k] += x[0][k] + x[1][k] + ..., one after the other, for k < n; the rows of x are x_stride apart. */
    void (*add_rows)(size_t rows, size_t n, const float *x, size_t x_stride, float *sum);
    /** out[k] = f(x[k]) for k < n; out may be x. */
    void (*sigmoid)(size_t n, const float *x, float *out);
    void (*tanh)(size_t n, const float *x, float *out);
    /** Run SL_PEAK_CHAINS chains of fused multiply-adds, `rounds` long, in registers only; the result is one lane of their sum. */
    float (*peak)(size_t rounds);
} sl_kernel;

/** Floats of a block of packed columns: its column count. */
static inline size_t sl_block_floats(const sl_kernel *kernel)
{
    return SL_BLOCK_VECTORS * kernel->lanes;
}

/** The kernels of an instruction set; NULL if the library was built without it. Whether the CPU has it is base/cpu.h's to say. */
const sl_kernel *sl_kernel_get(sluice_isa isa);

#endif
