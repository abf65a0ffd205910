/* The notebook that the project grew out of stated the six equations and then, computing with others, answered zeros a hundred
 * times. Its scenario as the equations have it: an input of one feature and one column, weights and biases uniform in [0, 1),
 * zero state, a hundred cells with fresh weights. */
#include "support/network.h"
#include "support/oracle/oracle.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <float.h>
#include <math.h>

enum { CELLS = 100 };
static const double unit = FLT_EPSILON / 2; /* u, the largest relative error of one rounding */

/* One cell in float: W, U, b of the gates i, f, g, o, and what it reads. */
typedef struct cell {
    test_network network;
    float x, h, c;
} cell;

static cell make_cell(uint64_t *random)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 1, 1), .has_bias = 1};
    cell made = {.network = test_network_create(&shape), .x = test_uniform(random)};
    for (size_t j = 0; j < 12; j++) /* b_hh stays 0: the equations have one b */
        made.network.floats[j] = test_uniform(random);
    test_network_build(&made.network);
    test_prefill(&made.h, 1);
    test_prefill(&made.c, 1);
    return made;
}

/* An ULP of a float near a, relative to a; a > 0. */
static double relative_ulp(double a)
{
    return ldexp(2 * unit, ilogb(a)) / a;
}

/*
 * How far c and h may be from the oracle's, relative to them, to first order. All quantities are positive, so nothing cancels:
 *     z = W x + b has at most two roundings:                                     e_z = 2u
 *     i = sigmoid(z): sigmoid' = i (1 - i), and SLUICE_ACTIVATION_MAX_ULP:        e_i = z (1 - i) e_z + ULP(i)
 *     g = tanh(z):    tanh' = 1 - g^2:                                           e_g = z (1 - g^2) / g e_z + ULP(g)
 *     c = f * 0 + i * g, one rounding:                                           e_c = e_i + e_g + u
 *     h = o tanh(c):                                                             e_h = e_o + c (1 - t^2) / t e_c + ULP(t) + u
 */
typedef struct bounds {
    double c, h;
} bounds;

static double sigmoid_bound(double z)
{
    const double s = 1 / (1 + exp(-z));
    return z * (1 - s) * 2 * unit + SLUICE_ACTIVATION_MAX_ULP * relative_ulp(s);
}

static double tanh_bound(double z, double error)
{
    const double t = tanh(z);
    return z * (1 - t * t) / t * error + SLUICE_ACTIVATION_MAX_ULP * relative_ulp(t);
}

static bounds bound(const cell *made, double c)
{
    const float *w = made->network.floats, *b = w + 8;
    double z[4];
    for (size_t j = 0; j < 4; j++)
        z[j] = (double)w[j] * made->x + b[j];
    const double second_order = 1 + 0x1p-20;
    const double e_c = (sigmoid_bound(z[0]) + tanh_bound(z[2], 2 * unit) + unit) * second_order;
    return (bounds){.c = e_c, .h = (sigmoid_bound(z[3]) + tanh_bound(c, e_c) + unit) * second_order};
}

/* Run the cell on an instruction set; returns the largest of its errors over their bounds. */
static double check_cell(cell *made, sluice_isa isa, double *worst_ulp)
{
    sluice_batch batch = {.struct_size = sizeof batch, .steps = 1, .rows = 1, .x = &made->x, .hn = &made->h, .cn = &made->c};
    const sluice_engine_options options = test_options(isa, 1, SLUICE_SCHEDULE_AUTO);
    test_run_once(made->network.model, &options, &batch);
    OWNED(test_oracle) oracle = test_oracle_run(&made->network.weights, &batch);
    const double c = oracle.cn[0], h = oracle.hn[0];
    ck_assert_msg(made->c != 0.0f && made->h != 0.0f, "a cell answers zero: (c, h) = (%g, %g)", (double)made->c, (double)made->h);
    const double e_c = fabs(made->c - c) / c, e_h = fabs(made->h - h) / h;
    const bounds allowed = bound(made, c);
    ck_assert_msg(e_c <= allowed.c, "c = %.9g, expected %.17g: %.2f u, allowed %.2f u", (double)made->c, c, e_c / unit,
                  allowed.c / unit);
    ck_assert_msg(e_h <= allowed.h, "h = %.9g, expected %.17g: %.2f u, allowed %.2f u", (double)made->h, h, e_h / unit,
                  allowed.h / unit);
    *worst_ulp = fmax(*worst_ulp, fmax(e_c / relative_ulp(c), e_h / relative_ulp(h)));
    return fmax(e_c / allowed.c, e_h / allowed.h);
}

TEST(a_hundred_cells)
{
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++) {
        uint64_t random = test_seed();
        double worst = 0.0, worst_ulp = 0.0, least_h = INFINITY, largest_h = 0.0;
        for (size_t j = 0; j < CELLS; j++) {
            cell made = make_cell(&random);
            worst = fmax(worst, check_cell(&made, isas.isa[i], &worst_ulp));
            least_h = fmin(least_h, made.h);
            largest_h = fmax(largest_h, made.h);
            test_network_free(&made.network);
        }
        printf("%s: a hundred cells, h from %.3f to %.3f; largest error %.2f ULP, %.2f of its bound\n",
               sluice_isa_get_name(isas.isa[i]), least_h, largest_h, worst_ulp, worst);
        ck_assert_msg(largest_h > least_h, "every cell answers the same");
    }
}
