/* The kernels: one table of functions per instruction set, all compiled from the same headers and equal bit for bit. */
#ifndef SLUICE_KERNEL_KERNEL_H
#define SLUICE_KERNEL_KERNEL_H

#include "kernel/cell_kind.h"
#include "kernel/packed_matrix.h"
#include "sluice_network.h"

#include <stdbool.h>

/** Independent chains of multiply-adds that measure the peak: more than latency (4 or 5) times pipes (2). */
enum { SL_PEAK_CHAINS = 12 };

/** The bits of every NaN that is computed: what x86 itself makes of 0 * infinity. */
#define SL_NAN_BITS UINT32_C(0xffc00000)

/** One time step of one layer-direction, for some rows and some units. Rows are independent. */
typedef struct sl_step {
    size_t rows;
    bool
        from_last; /* few rows take the blocks of columns from the last to the first: every other step, and the weights that the step
                       before read last are still in the cache */
    size_t units;  /* of this call, in the columns of the weights; packed arrays have them rounded up to lanes */
    sl_packed_matrix weights_ih; /* W of these units; no words: start holds the products of x */
    sl_packed_matrix weights_hh; /* U of these units; no words: h is known to be zero */
    const float *const *start;   /* [rows] packed rows: the bias, or b + W x where that is done */
    const float *const *x;       /* [rows] pointers to [weights_ih.words], of the form weights_ih.rows */
    const float *h;              /* [rows][weights_hh.words], likewise, h_stride apart: h of the step before */
    size_t h_stride;
    float *h_next;       /* [rows][units], state_stride apart; not h. Of a layer with a projection: m, which it multiplies */
    float *c;            /* likewise; updated in place */
    size_t state_stride; /* >= units rounded up to lanes */
    float *const *y;     /* [rows] pointers to [units] that receive h too; NULL: not wanted */
    float *const *gates; /* [rows] pointers to the gates i, f, g, o of these units, gate_stride apart; NULL: not kept */
    size_t gate_stride;
    float *const *c_kept; /* [rows] pointers to [units] that receive c too; NULL: not kept, nor are gates then */
} sl_step;

/**
 * From pre-activations to c and m, for some rows and some units of a cell of any options: the equations of sluice_network.h. All
 * arrays are those of all units; padding of theirs up to lanes is read and written.
 */
typedef struct sl_cell_update {
    const sluice_cell *cell; /* its activations are not DEFAULT */
    size_t rows;
    size_t unit, units; /* the first, a multiple of lanes, and how many; up to the next multiple of lanes where they are the last */
    size_t hidden;      /* H, which layer normalisation sums over */
    const float *gates; /* [rows] packed rows, gates_stride apart: W x + b + U h' */
    size_t gates_stride;
    const float *peepholes; /* [3], of i, f and o; used by cells that have them, as are gain and shift */
    const float *gain;      /* [5], of i, f, g, o and c; shift likewise */
    const float *shift;
    size_t parameter_stride; /* floats between two rows of them */
    float *normed;           /* with layer normalisation: [rows][2], f c' + i g and the normalised a_o, between the two functions */
    size_t normed_stride;    /* floats between two of either; rows are twice as far apart */
    float *c;                /* [rows], state_stride apart; updated */
    float *m;                /* likewise, written */
    size_t state_stride;
    float *const *y; /* [rows] pointers to [units] that receive m too; NULL: not wanted */
} sl_cell_update;

/** What follows a projection's product W_p m + b_p: NaN becomes canonical, and the rest is limited. */
typedef struct sl_projection {
    size_t rows, units; /* units: columns of this call */
    float limit;        /* INFINITY: none */
    float *h;           /* [rows], h_stride apart, padded to a whole block; updated in place */
    size_t h_stride;
    float *const *y; /* [rows] pointers to [units] that receive h too; NULL: not wanted */
} sl_projection;

/**
 * The adjoint of a step, backwards in time. With dc the gradient of the loss with respect to c through the later steps, an LSTM
 * cell has
 *     dh = dy + U' da_after                dc += dh o (1 - tanh(c)^2)
 *     da_i = dc g i(1 - i)    da_f = dc c' f(1 - f)    da_g = dc i (1 - g^2)    da_o = dh tanh(c) o(1 - o)    dc = dc f
 * where the product is one chain of fused multiply-adds from zero in index order.
 */
typedef struct sl_step_grad {
    size_t rows;
    bool from_last;               /* as in sl_step */
    size_t units;                 /* of this call, the columns of the weights */
    sl_packed_matrix weights;     /* U', a block being 4 * lanes of the units; no words: there is no later step, dh is dy */
    const float *const *da_after; /* [rows] pointers to [weights.words] */
    const float *const *dy;       /* [rows] pointers to [units] */
    const float *const *c;        /* [rows] pointers to [units]: after the step */
    const float *const *c_before; /* [rows] pointers to [units] */
    float *const *gates;          /* [rows] pointers to the gates i, f, g, o of these units, gate_stride apart; replaced by da */
    size_t gate_stride;
    float *dc;        /* [rows], dc_stride apart; updated in place */
    size_t dc_stride; /* >= units rounded up to lanes */
} sl_step_grad;

/** Terms of a bulk product's chain, and the rows of a and columns of b that are packed at a time; at most. */
enum { SL_BULK_TERMS = 256, SL_BULK_ROWS = 192, SL_BULK_COLUMNS = 512 };

/**
 * A product over many row-steps: c = a b, or with `adds` c += a b, of row-major matrices. The terms, at least 1, are divided evenly
 * into the fewest chunks of SL_BULK_TERMS at most. Each chunk is one chain of fused multiply-adds from zero in index order; the first
 * is stored in c, or added to it, the others are added to it in their order. A NaN is SL_NAN_BITS.
 */
typedef struct sl_bulk_product {
    size_t rows, columns, terms;
    const float *a; /* [rows][terms]; transposed: [terms][rows] */
    size_t a_stride;
    bool a_transposed;
    const float *b; /* [terms][columns] */
    size_t b_stride;
    bool adds;
    float *c; /* [rows][columns] */
    size_t c_stride;
    float *panels; /* [sl_bulk_panel_floats(columns or more)] scratch memory */
} sl_bulk_product;

typedef struct sl_kernel {
    sluice_isa isa;
    size_t lanes;                    /* floats of a vector: a power of two, at most SL_MAX_LANES */
    size_t tile_rows;                /* rows of a full register tile */
    size_t tall_rows;                /* rows of a step's tile for few rows, up to twice as many; 0: no such tile */
    bool has_int8_dot, has_bf16_dot; /* formats that it was built with; sl_kernel_runs_format says whether the CPU has them */
    /** out[r] = start[r] + x[r] W for r < rows, each product one chain of fused multiply-adds from zero in index order. start[r] and
     * row r of out, out_stride apart, are packed rows; x[r] has weights->words words of the form weights->rows. start[r] may be row r
     * of out. Products of integers are exact, and scaled and added to start[r] by one multiply-add. */
    void (*product)(const sl_packed_matrix *weights, size_t rows, const float *const *start, const float *const *x, float *out,
                    size_t out_stride);
    void (*bulk_product)(const sl_bulk_product *product);
    /** Make a row's words of n floats, in a form other than floats. Behind the last word as many as a vector has are written, too.
     * within_one: integers have the scale 1/127 unless a magnitude is larger than 1. */
    void (*prepare_row)(sl_row_form form, bool within_one, size_t n, const float *x, float *words);
    void (*step[SL_CELL_KINDS])(const sl_step *step);
    void (*step_grad[SL_CELL_KINDS])(const sl_step_grad *step);
    /** f c' + i g of the units: without layer normalisation in place of c. */
    void (*cell_sum)(const sl_cell_update *update);
    /** c and m of the units, once all threads have made the sums of their units. */
    void (*cell_output)(const sl_cell_update *update);
    void (*finish_projection)(const sl_projection *projection);
    /** sum[k] += x[0][k] + x[1][k] + ..., one after the other, for k < n; the rows of x are x_stride apart. */
    void (*add_rows)(size_t rows, size_t n, const float *x, size_t x_stride, float *sum);
    /** out[k] = f(x[k]) for k < n; out may be x. Any function but softmax; DEFAULT is x. */
    void (*activate)(const sluice_activation *activation, size_t n, const float *x, float *out);
    /** dx[k] = dy[k] f'(x[k]) for k < n, `at` being f's outputs or, where sl_grad_is_of_input, its inputs; dx may be dy. functions_grad.h
     * has the values at kinks. Not softmax. */
    void (*activate_grad)(const sluice_activation *activation, size_t n, const float *at, const float *dy, float *dx);
    /** out[k] = x[k] * scale[k] + shift[k], rounded once, for k < n. */
    void (*affine)(size_t n, const float *x, const float *scale, const float *shift, float *out);
    /** out = softmax of x, for n numbers; out may be x. The sum is one of floats, from 0 in index order; a NaN makes all NaN. */
    void (*softmax)(size_t n, const float *x, float *out);
    /** dx[k] = y[k] (dy[k] - sum over j of dy[j] y[j]) of softmax's n outputs y, the sum one chain of fused multiply-adds from zero in
     * index order; dx may be dy. */
    void (*softmax_grad)(size_t n, const float *y, const float *dy, float *dx);
    /** Run SL_PEAK_CHAINS chains of fused multiply-adds, `rounds` long, in registers only; the result is one lane of their sum. */
    float (*peak)(size_t rounds);
} sl_kernel;

/** Floats of a block of packed columns: its column count. */
static inline size_t sl_block_floats(const sl_kernel *kernel)
{
    return SL_BLOCK_VECTORS * kernel->lanes;
}

/** The scratch memory of a bulk product with so many columns; it grows with them. */
static inline size_t sl_bulk_panel_floats(size_t columns)
{
    enum { WIDEST = SL_BLOCK_VECTORS * SL_MAX_LANES }; /* of a panel */
    const size_t padded = columns < SL_BULK_COLUMNS ? (columns + WIDEST - 1) / WIDEST * WIDEST : SL_BULK_COLUMNS;
    return (size_t)SL_BULK_TERMS * (padded + SL_BULK_ROWS);
}

/** Whether activate_grad reads the function's inputs, not its outputs. */
static inline bool sl_grad_is_of_input(sluice_function function)
{
    return function > SLUICE_FUNCTION_TANH && function != SLUICE_FUNCTION_RELU && function != SLUICE_FUNCTION_AFFINE &&
           function != SLUICE_FUNCTION_SOFTMAX;
}

/* ---- Instruction sets -------------------------------------------------------------------------------------------------------- */

/** How many instruction sets the library knows, in this build or not. */
size_t sl_isa_count(void);

/** The k-th instruction set in order of preference, the best first; AUTO behind the last. */
sluice_isa sl_isa_at(size_t k);

/** Its name; NULL if isa is no instruction set. */
const char *sl_isa_get_name(sluice_isa isa);

/** Whether the build, the CPU and the operating system all have it. */
bool sl_isa_runs_here(sluice_isa isa);

/** The best instruction set that runs here and that is not preferred to `most`; with AUTO, the best that runs here. */
sluice_isa sl_isa_best(sluice_isa most);

/** Whether a comes before b in order of preference. */
bool sl_isa_is_preferred(sluice_isa a, sluice_isa b);

/** Whether kernels have a format of weights and this CPU can run it. */
bool sl_kernel_runs_format(const sl_kernel *kernel, sl_weight_format format);

/** The kernels of an instruction set; NULL if the library was built without it. */
const sl_kernel *sl_kernel_get(sluice_isa isa);

#endif
