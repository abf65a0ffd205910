/* There and back in double precision. Naive on purpose: every loop is an index of the equations, and nothing is shared with the
 * library. Slow, and easy to believe. */
#include "support/oracle/adjoint.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const char *const test_input_names[TEST_INPUTS] = {"x",    "h0",        "c0",          "weight_ih", "weight_hh",
                                                   "bias", "embedding", "head weight", "head bias"};
const char *const test_result_names[TEST_RESULTS] = {"y", "hn", "cn", "logits", "step_logits"};

/* What is known of a step: its gates, the state after it, and that state's tanh(c). */
enum { PART_I, PART_F, PART_G, PART_O, PART_C, PART_TANH, PART_H, PARTS };

static void *blank(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static test_number *numbers(size_t count)
{
    return blank(count, sizeof(test_number));
}

static test_number exact(double value)
{
    return (test_number){value, 0.0};
}

/* ---- Sizes and places ---- */

static size_t input_width(const sluice_shape *shape, size_t k)
{
    return k < shape->directions ? shape->inputs : shape->directions * shape->hidden;
}

size_t test_weight_ih_start(const sluice_shape *shape, size_t k)
{
    size_t at = 0;
    for (size_t j = 0; j < k; j++)
        at += 4 * shape->hidden * input_width(shape, j);
    return at;
}

void test_input_counts(const sluice_shape *shape, size_t rows, size_t steps, size_t counts[TEST_INPUTS])
{
    const size_t k = shape->layers * shape->directions;
    counts[TEST_X] = shape->vocabulary ? 0 : rows * steps * shape->inputs;
    counts[TEST_H0] = counts[TEST_C0] = k * rows * shape->hidden;
    counts[TEST_WEIGHT_IH] = test_weight_ih_start(shape, k);
    counts[TEST_WEIGHT_HH] = k * 4 * shape->hidden * shape->hidden;
    counts[TEST_BIAS] = shape->has_bias ? k * 4 * shape->hidden : 0;
    counts[TEST_EMBEDDING] = shape->vocabulary * shape->inputs;
    counts[TEST_HEAD_WEIGHT] = shape->classes * shape->directions * shape->hidden;
    counts[TEST_HEAD_BIAS] = shape->classes;
}

void test_result_counts(const sluice_shape *shape, size_t rows, size_t steps, size_t counts[TEST_RESULTS])
{
    counts[TEST_Y] = rows * steps * shape->directions * shape->hidden;
    counts[TEST_HN] = counts[TEST_CN] = shape->layers * shape->directions * rows * shape->hidden;
    counts[TEST_LOGITS] = rows * shape->classes;
    counts[TEST_STEP_LOGITS] = rows * steps * shape->classes;
}

/* Part of step t of row n. */
static test_number *cell_part(const test_adjoint *a, size_t k, size_t n, size_t t, size_t part)
{
    return a->cell[k] + ((n * a->steps + t) * PARTS + part) * a->shape.hidden;
}

/* The step that direction k % D takes as its s-th. */
static size_t step_of(const test_adjoint *a, size_t k, size_t n, size_t s)
{
    return k % a->shape.directions ? a->lengths[n] - 1 - s : s;
}

/* h or c before the s-th step; with s the row's length, its last state. */
static const test_number *before(const test_adjoint *a, size_t k, size_t n, size_t s, size_t part)
{
    if (s > 0)
        return cell_part(a, k, n, step_of(a, k, n, s - 1), part);
    return a->input[part == PART_H ? TEST_H0 : TEST_C0] + (k * a->rows + n) * a->shape.hidden;
}

static test_number weight_ih(const test_adjoint *a, size_t k, size_t j, size_t m)
{
    return a->input[TEST_WEIGHT_IH][test_weight_ih_start(&a->shape, k) + j * input_width(&a->shape, k) + m];
}

static test_number weight_hh(const test_adjoint *a, size_t k, size_t j, size_t u)
{
    return a->input[TEST_WEIGHT_HH][(k * 4 * a->shape.hidden + j) * a->shape.hidden + u];
}

static test_number head_weight(const test_adjoint *a, size_t class, size_t v)
{
    return a->input[TEST_HEAD_WEIGHT][class * a->shape.directions * a->shape.hidden + v];
}

/* ---- Taking the arrays ---- */

/* An array of [N][T][width] out of one with strides or offsets, each row to its end; both strides 0: contiguous. */
typedef struct strided {
    size_t row, step, width;
    const size_t *offsets;
} strided;

static size_t place(const test_adjoint *a, const strided *as, size_t n, size_t t)
{
    const int contiguous = !as->row && !as->step;
    const size_t row = contiguous ? a->steps * as->width : as->row, step = contiguous ? as->width : as->step;
    return (as->offsets ? as->offsets[n] : n * row) + t * step;
}

static void take_rows(const test_adjoint *a, test_number *to, const float *from, strided as)
{
    for (size_t n = 0; from && n < a->rows; n++)
        for (size_t t = 0; t < a->lengths[n]; t++)
            for (size_t m = 0; m < as.width; m++)
                to[(n * a->steps + t) * as.width + m] = exact(from[place(a, &as, n, t) + m]);
}

static void take(test_number *to, const float *from, size_t count)
{
    for (size_t j = 0; from && j < count; j++)
        to[j] = exact(from[j]);
}

static void take_weights(test_adjoint *a, const sluice_weights *weights)
{
    const size_t stacked = 4 * a->shape.hidden;
    for (size_t k = 0; k < a->shape.layers * a->shape.directions; k++) {
        take(a->input[TEST_WEIGHT_IH] + test_weight_ih_start(&a->shape, k), weights->weight_ih[k],
             stacked * input_width(&a->shape, k));
        take(a->input[TEST_WEIGHT_HH] + k * stacked * a->shape.hidden, weights->weight_hh[k], stacked * a->shape.hidden);
        for (size_t j = 0; a->shape.has_bias && j < stacked; j++)
            a->input[TEST_BIAS][k * stacked + j] = test_plus(exact(weights->bias_ih[k][j]), exact(weights->bias_hh[k][j]));
    }
    take(a->input[TEST_EMBEDDING], weights->embedding, a->input_count[TEST_EMBEDDING]);
    take(a->input[TEST_HEAD_WEIGHT], weights->head_weight, a->input_count[TEST_HEAD_WEIGHT]);
    take(a->input[TEST_HEAD_BIAS], weights->head_bias, a->input_count[TEST_HEAD_BIAS]);
}

static void take_batch(test_adjoint *a, const sluice_batch *batch)
{
    const strided as = {batch->x_row_stride, batch->x_step_stride, a->shape.vocabulary ? 1 : a->shape.inputs, batch->x_offsets};
    take_rows(a, a->input[TEST_X], a->shape.vocabulary ? NULL : batch->x, as);
    for (size_t n = 0; a->tokens && n < a->rows; n++)
        for (size_t t = 0; t < a->lengths[n]; t++)
            a->tokens[n * a->steps + t] = batch->tokens[place(a, &as, n, t)];
    take(a->input[TEST_H0], batch->h0, a->input_count[TEST_H0]);
    take(a->input[TEST_C0], batch->c0, a->input_count[TEST_C0]);
}

static void take_incoming(test_adjoint *a, const sluice_gradient *gradient)
{
    const strided as_y = {gradient->dy_row_stride, gradient->dy_step_stride, a->shape.directions * a->shape.hidden, NULL};
    take_rows(a, a->incoming[TEST_Y], gradient->dy, as_y);
    take_rows(a, a->incoming[TEST_STEP_LOGITS], gradient->dstep_logits, (strided){0, 0, a->shape.classes, NULL});
    take(a->incoming[TEST_HN], gradient->dhn, a->result_count[TEST_HN]);
    take(a->incoming[TEST_CN], gradient->dcn, a->result_count[TEST_CN]);
    take(a->incoming[TEST_LOGITS], gradient->dlogits, a->result_count[TEST_LOGITS]);
}

test_adjoint test_adjoint_create(const sluice_weights *weights, const sluice_batch *batch, const sluice_gradient *gradient,
                                 const unsigned char *kept)
{
    const sluice_shape *shape = weights->shape;
    const size_t cells = shape->layers * shape->directions, places = batch->rows * batch->steps;
    test_adjoint a = {.shape = *shape, .rows = batch->rows, .steps = batch->steps, .kept = kept, .dropout = batch->dropout};
    test_input_counts(shape, a.rows, a.steps, a.input_count);
    test_result_counts(shape, a.rows, a.steps, a.result_count);
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        a.input[j] = numbers(a.input_count[j]);
        a.gradient[j] = numbers(a.input_count[j]);
    }
    for (size_t j = 0; j < TEST_RESULTS; j++) {
        a.result[j] = numbers(a.result_count[j]);
        a.incoming[j] = numbers(a.result_count[j]);
    }
    a.lengths = blank(a.rows, sizeof *a.lengths);
    for (size_t n = 0; n < a.rows; n++)
        a.lengths[n] = batch->lengths ? (size_t)batch->lengths[n] : a.steps;
    a.tokens = shape->vocabulary ? blank(places, sizeof *a.tokens) : NULL;
    a.read = blank(shape->layers, sizeof *a.read);
    for (size_t layer = 0; layer < shape->layers; layer++)
        a.read[layer] = numbers(places * input_width(shape, layer * shape->directions));
    a.cell = blank(cells, sizeof *a.cell);
    for (size_t k = 0; k < cells; k++)
        a.cell[k] = numbers(places * PARTS * shape->hidden);
    take_weights(&a, weights);
    take_batch(&a, batch);
    if (gradient)
        take_incoming(&a, gradient);
    return a;
}

void test_adjoint_free(test_adjoint *a)
{
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        free(a->input[j]);
        free(a->gradient[j]);
    }
    for (size_t j = 0; j < TEST_RESULTS; j++) {
        free(a->result[j]);
        free(a->incoming[j]);
    }
    for (size_t layer = 0; layer < a->shape.layers; layer++)
        free(a->read[layer]);
    for (size_t k = 0; k < a->shape.layers * a->shape.directions; k++)
        free(a->cell[k]);
    free(a->lengths);
    free(a->tokens);
    free(a->read);
    free(a->cell);
    *a = (test_adjoint){0};
}

/* ---- There ---- */

/* W_j x + U_j h' + b_j at the s-th step. */
static test_number pre_activation(const test_adjoint *a, size_t k, size_t n, size_t s, size_t j)
{
    const size_t inputs = input_width(&a->shape, k);
    const test_number *x = a->read[k / a->shape.directions] + (n * a->steps + step_of(a, k, n, s)) * inputs;
    const test_number *h = before(a, k, n, s, PART_H);
    test_sum sum = {0};
    if (a->shape.has_bias)
        test_sum_add(&sum, a->input[TEST_BIAS][k * 4 * a->shape.hidden + j]);
    for (size_t m = 0; m < inputs; m++)
        test_sum_add_product(&sum, weight_ih(a, k, j, m), x[m]);
    for (size_t u = 0; u < a->shape.hidden; u++)
        test_sum_add_product(&sum, weight_hh(a, k, j, u), h[u]);
    return test_sum_get(&sum);
}

static void forward_step(test_adjoint *a, size_t k, size_t n, size_t s)
{
    const size_t hidden = a->shape.hidden;
    const test_number *c_before = before(a, k, n, s, PART_C);
    test_number *now = cell_part(a, k, n, step_of(a, k, n, s), 0);
    for (size_t u = 0; u < hidden; u++) {
        const test_number i = test_sigmoid(pre_activation(a, k, n, s, u));
        const test_number f = test_sigmoid(pre_activation(a, k, n, s, hidden + u));
        const test_number g = test_tanh(pre_activation(a, k, n, s, 2 * hidden + u));
        const test_number o = test_sigmoid(pre_activation(a, k, n, s, 3 * hidden + u));
        const test_number c = test_plus(test_times(f, c_before[u]), test_times(i, g));
        const test_number tanh_c = test_tanh(c);
        const test_number parts[PARTS] = {i, f, g, o, c, tanh_c, test_times(o, tanh_c)};
        for (size_t part = 0; part < PARTS; part++)
            now[part * hidden + u] = parts[part];
    }
}

/* What dropout makes of a number, there and back alike: a rounding of 1 - dropout, one of its inverse, one of the product. */
static test_number dropped(const test_adjoint *a, size_t layer, size_t at, test_number number)
{
    const size_t width = a->shape.directions * a->shape.hidden;
    if (!a->kept)
        return number;
    if (!a->kept[layer * a->rows * a->steps * width + at])
        return exact(0.0);
    const double value = number.value / (1.0 - a->dropout);
    return (test_number){value, number.error / (1.0 - a->dropout) + 3.0 * fabs(value)};
}

/* What the layer reads at row n, step t. */
static void read_step(test_adjoint *a, size_t layer, size_t n, size_t t)
{
    const size_t hidden = a->shape.hidden, directions = a->shape.directions, at = n * a->steps + t;
    const size_t width = input_width(&a->shape, layer * directions);
    for (size_t m = 0; m < width; m++) {
        test_number *to = a->read[layer] + at * width + m;
        if (layer > 0)
            *to = dropped(a, layer - 1, at * width + m,
                          cell_part(a, (layer - 1) * directions + m / hidden, n, t, PART_H)[m % hidden]);
        else if (a->tokens)
            *to = a->input[TEST_EMBEDDING][(size_t)a->tokens[at] * width + m];
        else
            *to = a->input[TEST_X][at * width + m];
    }
}

/* head_weight v + head_bias of v [D*H] */
static test_number head_of(const test_adjoint *a, size_t class, const test_number *v)
{
    test_sum sum = {0};
    test_sum_add(&sum, a->input[TEST_HEAD_BIAS][class]);
    for (size_t j = 0; j < a->shape.directions * a->shape.hidden; j++)
        test_sum_add_product(&sum, head_weight(a, class, j), v[j]);
    return test_sum_get(&sum);
}

/* Element v of the last layer's final h, forward beside reverse. */
static test_number final_h(const test_adjoint *a, size_t n, size_t v)
{
    const size_t k = (a->shape.layers - 1) * a->shape.directions + v / a->shape.hidden;
    return before(a, k, n, a->lengths[n], PART_H)[v % a->shape.hidden];
}

static void write_results(test_adjoint *a, size_t n)
{
    const size_t hidden = a->shape.hidden, directions = a->shape.directions, width = directions * hidden;
    const size_t classes = a->shape.classes;
    for (size_t t = 0; t < a->lengths[n]; t++) {
        test_number *y = a->result[TEST_Y] + (n * a->steps + t) * width;
        for (size_t v = 0; v < width; v++)
            y[v] = cell_part(a, (a->shape.layers - 1) * directions + v / hidden, n, t, PART_H)[v % hidden];
        for (size_t class = 0; class < classes; class ++)
            a->result[TEST_STEP_LOGITS][(n * a->steps + t) * classes + class] = head_of(a, class, y);
    }
    for (size_t k = 0; k < a->shape.layers * directions; k++)
        for (size_t u = 0; u < hidden; u++) {
            a->result[TEST_HN][(k * a->rows + n) * hidden + u] = before(a, k, n, a->lengths[n], PART_H)[u];
            a->result[TEST_CN][(k * a->rows + n) * hidden + u] = before(a, k, n, a->lengths[n], PART_C)[u];
        }
    test_number *final = numbers(width);
    for (size_t v = 0; v < width; v++)
        final[v] = final_h(a, n, v);
    for (size_t class = 0; class < classes; class ++)
        a->result[TEST_LOGITS][n * classes + class] = head_of(a, class, final);
    free(final);
}

void test_adjoint_forward(test_adjoint *a)
{
    for (size_t n = 0; n < a->rows; n++) {
        for (size_t layer = 0; layer < a->shape.layers; layer++) {
            for (size_t t = 0; t < a->lengths[n]; t++)
                read_step(a, layer, n, t);
            for (size_t d = 0; d < a->shape.directions; d++)
                for (size_t s = 0; s < a->lengths[n]; s++)
                    forward_step(a, layer * a->shape.directions + d, n, s);
        }
        write_results(a, n);
    }
}

double test_adjoint_loss(const test_adjoint *a)
{
    double loss = 0.0;
    for (size_t r = 0; r < TEST_RESULTS; r++)
        for (size_t j = 0; j < a->result_count[r]; j++)
            loss += a->incoming[r][j].value * a->result[r][j].value;
    return loss;
}

/* ---- And back ---- */

/* The gradients in the making, and of a layer's outputs what the layer above makes of them. */
typedef struct back {
    const test_adjoint *a;
    test_sum *sum[TEST_INPUTS];
    test_number *above; /* [N][T][D*H]; zeros over the last layer */
    test_sum *below;    /* [N][T][in] with respect to what the layer reads */
} back;

/* What comes in from the loss for h of unit v of the last layer, at a step. */
static void add_from_step(const test_adjoint *a, test_sum *dh, size_t n, size_t t, size_t v)
{
    const size_t width = a->shape.directions * a->shape.hidden, at = n * a->steps + t, classes = a->shape.classes;
    test_sum_add(dh, a->incoming[TEST_Y][at * width + v]);
    for (size_t class = 0; class < classes; class ++)
        test_sum_add_product(dh, head_weight(a, class, v), a->incoming[TEST_STEP_LOGITS][at * classes + class]);
}

/* What comes in from the loss for the last h of k. */
static void add_from_end(const test_adjoint *a, test_sum *dh, size_t k, size_t n, size_t u)
{
    const size_t directions = a->shape.directions, hidden = a->shape.hidden, classes = a->shape.classes;
    test_sum_add(dh, a->incoming[TEST_HN][(k * a->rows + n) * hidden + u]);
    if (k / directions + 1 < a->shape.layers)
        return;
    for (size_t class = 0; class < classes; class ++)
        test_sum_add_product(dh, head_weight(a, class, k % directions * hidden + u), a->incoming[TEST_LOGITS][n * classes + class]);
}

/* dh of a unit after s steps: of the loss, of the layer above, and U' da of the step after. */
static test_number h_gradient(const back *b, size_t k, size_t n, size_t s, size_t u, const test_number *da_after)
{
    const test_adjoint *a = b->a;
    const size_t hidden = a->shape.hidden, directions = a->shape.directions, v = k % directions * hidden + u;
    test_sum dh = {0};
    if (s > 0) {
        const size_t t = step_of(a, k, n, s - 1);
        test_sum_add(&dh, b->above[(n * a->steps + t) * directions * hidden + v]);
        if (k / directions + 1 == a->shape.layers)
            add_from_step(a, &dh, n, t, v);
    }
    if (s == a->lengths[n])
        add_from_end(a, &dh, k, n, u);
    else
        for (size_t j = 0; j < 4 * hidden; j++)
            test_sum_add_product(&dh, weight_hh(a, k, j, u), da_after[j]);
    return test_sum_get(&dh);
}

/* da [4][H] and dc of a unit at the s-th step, from dh and from dc'' f'' of the step after, which becomes dc f. */
static void back_unit(const back *b, size_t k, size_t n, size_t s, size_t u, test_number dh, test_number *dc, test_number *da)
{
    const size_t hidden = b->a->shape.hidden;
    const test_number *now = cell_part(b->a, k, n, step_of(b->a, k, n, s), 0) + u;
    const test_number i = now[PART_I * hidden], f = now[PART_F * hidden], g = now[PART_G * hidden], o = now[PART_O * hidden];
    const test_number tanh_c = now[PART_TANH * hidden], c_before = before(b->a, k, n, s, PART_C)[u];
    const test_number sum = test_plus(*dc, test_times(test_times(dh, o), test_one_less_square(tanh_c)));
    da[u] = test_times(test_times(sum, g), test_times(i, test_one_less(i)));
    da[hidden + u] = test_times(test_times(sum, c_before), test_times(f, test_one_less(f)));
    da[2 * hidden + u] = test_times(test_times(sum, i), test_one_less_square(g));
    da[3 * hidden + u] = test_times(test_times(dh, tanh_c), test_times(o, test_one_less(o)));
    *dc = test_times(sum, f);
}

/* dW += da x^T, dU += da h'^T, db += da, dx += W' da */
static void add_step(back *b, size_t k, size_t n, size_t s, const test_number *da)
{
    const test_adjoint *a = b->a;
    const size_t hidden = a->shape.hidden, inputs = input_width(&a->shape, k), at = n * a->steps + step_of(a, k, n, s);
    const test_number *x = a->read[k / a->shape.directions] + at * inputs, *h = before(a, k, n, s, PART_H);
    const size_t start = test_weight_ih_start(&a->shape, k);
    for (size_t j = 0; j < 4 * hidden; j++) {
        for (size_t m = 0; m < inputs; m++) {
            test_sum_add_product(b->sum[TEST_WEIGHT_IH] + start + j * inputs + m, da[j], x[m]);
            test_sum_add_product(b->below + at * inputs + m, weight_ih(a, k, j, m), da[j]);
        }
        for (size_t u = 0; u < hidden; u++)
            test_sum_add_product(b->sum[TEST_WEIGHT_HH] + (k * 4 * hidden + j) * hidden + u, da[j], h[u]);
        if (a->shape.has_bias)
            test_sum_add(b->sum[TEST_BIAS] + k * 4 * hidden + j, da[j]);
    }
}

static void back_row(back *b, size_t k, size_t n)
{
    const test_adjoint *a = b->a;
    const size_t hidden = a->shape.hidden, state = (k * a->rows + n) * hidden;
    test_number *da = numbers(4 * hidden), *da_after = numbers(4 * hidden), *dc = numbers(hidden);
    for (size_t u = 0; u < hidden; u++)
        dc[u] = a->incoming[TEST_CN][state + u];
    for (size_t s = a->lengths[n]; s-- > 0;) {
        for (size_t u = 0; u < hidden; u++)
            back_unit(b, k, n, s, u, h_gradient(b, k, n, s + 1, u, da_after), dc + u, da);
        add_step(b, k, n, s, da);
        test_number *const swap = da;
        da = da_after;
        da_after = swap;
    }
    for (size_t u = 0; u < hidden; u++) {
        test_sum_add(b->sum[TEST_H0] + state + u, h_gradient(b, k, n, 0, u, da_after));
        test_sum_add(b->sum[TEST_C0] + state + u, dc[u]);
    }
    free(da);
    free(da_after);
    free(dc);
}

static void back_head(back *b, size_t n)
{
    const test_adjoint *a = b->a;
    const size_t width = a->shape.directions * a->shape.hidden, classes = a->shape.classes;
    for (size_t class = 0; class < classes; class ++) {
        const test_number from_end = a->incoming[TEST_LOGITS][n * classes + class];
        test_sum_add(b->sum[TEST_HEAD_BIAS] + class, from_end);
        for (size_t v = 0; v < width; v++)
            test_sum_add_product(b->sum[TEST_HEAD_WEIGHT] + class * width + v, from_end, final_h(a, n, v));
        for (size_t t = 0; t < a->lengths[n]; t++) {
            const size_t at = n * a->steps + t;
            const test_number from_step = a->incoming[TEST_STEP_LOGITS][at * classes + class];
            test_sum_add(b->sum[TEST_HEAD_BIAS] + class, from_step);
            for (size_t v = 0; v < width; v++)
                test_sum_add_product(b->sum[TEST_HEAD_WEIGHT] + class * width + v, from_step, a->result[TEST_Y][at * width + v]);
        }
    }
}

/* The gradient of what the layer read becomes that of the layer below, or of x, or of the tokens' embeddings. */
static void hand_down(back *b, size_t layer)
{
    const test_adjoint *a = b->a;
    const size_t width = input_width(&a->shape, layer * a->shape.directions);
    for (size_t n = 0; n < a->rows; n++)
        for (size_t j = n * a->steps * width; j < (n * a->steps + a->lengths[n]) * width; j++) {
            if (layer > 0)
                b->above[j] = dropped(a, layer - 1, j, test_sum_get(b->below + j));
            else if (!a->tokens)
                b->sum[TEST_X][j] = b->below[j];
            else
                test_sum_add_sum(b->sum[TEST_EMBEDDING] + (size_t)a->tokens[j / width] * width + j % width, b->below + j);
        }
}

static void back_layer(back *b, size_t layer)
{
    const test_adjoint *a = b->a;
    b->below = blank(a->rows * a->steps * input_width(&a->shape, layer * a->shape.directions), sizeof *b->below);
    for (size_t d = 0; d < a->shape.directions; d++)
        for (size_t n = 0; n < a->rows; n++)
            back_row(b, layer * a->shape.directions + d, n);
    hand_down(b, layer);
    free(b->below);
}

void test_adjoint_backward(test_adjoint *a)
{
    back b = {.a = a, .above = numbers(a->rows * a->steps * a->shape.directions * a->shape.hidden)};
    for (size_t j = 0; j < TEST_INPUTS; j++)
        b.sum[j] = blank(a->input_count[j], sizeof *b.sum[j]);
    for (size_t n = 0; n < a->rows; n++)
        back_head(&b, n);
    for (size_t layer = a->shape.layers; layer-- > 0;)
        back_layer(&b, layer);
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        for (size_t m = 0; m < a->input_count[j]; m++)
            a->gradient[j][m] = test_sum_get(b.sum[j] + m);
        free(b.sum[j]);
    }
    free(b.above);
}

test_adjoint test_adjoint_run(const sluice_weights *weights, const sluice_batch *batch, const sluice_gradient *gradient,
                              const unsigned char *kept)
{
    test_adjoint a = test_adjoint_create(weights, batch, gradient, kept);
    test_adjoint_forward(&a);
    test_adjoint_backward(&a);
    return a;
}
