#include "perf/cases/case_gradient.h"

#include "perf/cases/reference_f64.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"
#include "model/model.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Computed arrays: dx, dh0, dc0, and for each direction of each layer dW, dU, db. */
enum { OF_X, OF_H0, OF_C0, OF_ROWS, OF_W = 0, OF_U, OF_B, OF_LAYER };

/* Rows that the reference computes, at most. */
enum { CHECKED_ROWS = 3 };

typedef struct array {
    char name[64];
    size_t count;
    float *found, *expected;
} array;

/* A gradient with the lists of arrays that it points to, each [L*D]. */
typedef struct target {
    sluice_gradient gradient;
    float **lists[OF_LAYER];
} target;

struct sl_gradients {
    sl_case shape;
    const sluice_model *model;
    const sluice_batch *batch;
    float *dy, *dhn, *dcn; /* dy: NULL where the batch has no y */
    uint64_t summed_steps; /* of the rows whose incoming gradients are not zero */
    size_t count;
    array *arrays; /* [OF_ROWS + OF_LAYER * L*D] */
    target found, expected;
};

static size_t length_of(const sl_gradients *it, size_t row)
{
    return it->batch->lengths ? (size_t)it->batch->lengths[row] : it->batch->steps;
}

static size_t layer_dirs_of(const sl_gradients *it)
{
    return it->shape.layers * it->shape.directions;
}

/* Where a row's x starts, and the gradient of it. */
static size_t x_offset(const sl_gradients *it, size_t row)
{
    return it->batch->x_offsets ? it->batch->x_offsets[row] : row * it->shape.steps * it->shape.input;
}

/* ---- Comparison -------------------------------------------------------------------------------------------------------------- */

/* Of 6 to 14,000 terms, 1 to 64 layers and several seeds the library and oneDNN were off by 0.28 of it at most. */
double sl_gradient_bound(const sl_case *shape, uint64_t summed_steps, double largest)
{
    const size_t widest = shape->layers > 1 ? sl_size_max(shape->input, shape->directions * shape->hidden) : shape->input;
    const double terms = (double)(widest + SL_GATES * shape->hidden + shape->steps) + (double)summed_steps;
    return (terms / 16 + 8 * (double)shape->layers) * (double)FLT_EPSILON * fmax(largest, 1);
}

static double largest_of(size_t count, const float *values)
{
    float largest = 0;
    for (size_t k = 0; k < count; k++)
        largest = fmaxf(largest, fabsf(values[k]));
    return (double)largest;
}

static bool agrees(const array *of, bool exactly, double bound, sl_difference *difference)
{
    for (size_t k = 0; k < of->count; k++) {
        const float found = of->found[k], expected = of->expected[k];
        if (exactly ? memcmp(&found, &expected, sizeof found) == 0 : fabs((double)found - (double)expected) <= bound)
            continue;
        *difference = (sl_difference){.found = found, .expected = expected};
        snprintf(difference->place, sizeof difference->place, "%s, element %zu,", of->name, k);
        return false;
    }
    return true;
}

bool sl_gradients_agree(const sl_gradients *it, bool exactly, sl_difference *difference)
{
    for (size_t k = 0; k < it->count; k++) {
        const array *of = &it->arrays[k];
        const uint64_t summed = k < OF_ROWS ? 0 : it->summed_steps;
        const double bound = exactly ? 0 : sl_gradient_bound(&it->shape, summed, largest_of(of->count, of->expected));
        if (!agrees(of, exactly, bound, difference))
            return false;
    }
    return true;
}

void sl_gradients_prefill(sl_gradients *it)
{
    for (size_t k = 0; k < it->count; k++)
        memset(it->arrays[k].found, 0xff, it->arrays[k].count * sizeof(float));
}

/* ---- Incoming gradients ------------------------------------------------------------------------------------------------------ */

/* Fill the incoming gradients of a row; they do not depend on those of other rows. */
static void fill_row(sl_gradients *it, size_t row)
{
    const size_t hidden = it->shape.hidden, width = it->shape.directions * hidden;
    uint64_t state = it->shape.seed + UINT64_C(0x632be59bd9b4e019) * (row + 1);
    for (size_t k = 0; k < layer_dirs_of(it) * hidden; k++) {
        const size_t at = (k / hidden * it->shape.batch + row) * hidden + k % hidden;
        it->dhn[at] = sl_random_uniform(&state);
        it->dcn[at] = sl_random_uniform(&state);
    }
    for (size_t k = 0; it->dy && k < it->shape.steps * width; k++)
        it->dy[row * it->shape.steps * width + k] = sl_random_uniform(&state);
    it->summed_steps += length_of(it, row);
}

/* Choose the rows that the reference computes; returns how many. */
static size_t choose_rows(const sl_gradients *it, double steps, size_t rows[CHECKED_ROWS])
{
    const size_t wanted[CHECKED_ROWS] = {0, it->shape.batch - 1, it->shape.batch / 2};
    size_t count = 0;
    for (size_t k = 0; k < CHECKED_ROWS; k++) {
        const bool is_new = (k < 1 || wanted[k] != wanted[0]) && (k < 2 || wanted[k] != wanted[1]);
        if (is_new && (count == 0 || (double)length_of(it, wanted[k]) <= steps)) {
            steps -= (double)length_of(it, wanted[k]);
            rows[count++] = wanted[k];
        }
    }
    return count;
}

/* ---- Expected gradients ------------------------------------------------------------------------------------------------------ */

static void narrow(size_t count, const double *from, float *to)
{
    for (size_t k = 0; k < count; k++)
        to[k] = (float)from[k];
}

/* Add a row to the reference, and store the gradients of its own arrays as expected. */
static void expect_row(sl_gradients *it, sl_reference_f64 *reference, size_t row)
{
    const size_t hidden = it->shape.hidden;
    sl_reference_f64_add(reference, it->batch, &it->expected.gradient, row);
    const sl_reference_f64_result of = sl_reference_f64_get(reference);
    narrow(length_of(it, row) * it->shape.input, of.dx, it->arrays[OF_X].expected + x_offset(it, row));
    for (size_t k = 0; k < layer_dirs_of(it); k++) {
        const size_t at = (k * it->shape.batch + row) * hidden;
        narrow(hidden, of.dh0 + k * hidden, it->arrays[OF_H0].expected + at);
        narrow(hidden, of.dc0 + k * hidden, it->arrays[OF_C0].expected + at);
    }
}

/* Expect the gradient of some rows; the incoming gradients of the others are zero. */
static sluice_status expect_by_reference(sl_gradients *it, size_t count, const size_t *rows, sluice_error *error)
{
    sl_reference_f64 *reference;
    const sluice_status status = sl_reference_f64_create(it->model, it->shape.steps, &reference, error);
    for (size_t k = 0; !status && k < count; k++)
        expect_row(it, reference, rows[k]);
    for (size_t k = 0; !status && k < layer_dirs_of(it); k++) {
        const sl_reference_f64_result of = sl_reference_f64_get(reference);
        const array *arrays = it->arrays + OF_ROWS + OF_LAYER * k;
        narrow(arrays[OF_W].count, of.weight_ih[k], arrays[OF_W].expected);
        narrow(arrays[OF_U].count, of.weight_hh[k], arrays[OF_U].expected);
        narrow(arrays[OF_B].count, of.bias[k], arrays[OF_B].expected);
    }
    sl_reference_f64_destroy(reference);
    return status;
}

static sluice_status compare_with_reference(const sl_gradients *it, sluice_error *error)
{
    const sl_case *shape = &it->shape;
    sl_difference wrong;
    if (sl_gradients_agree(it, false, &wrong))
        return SLUICE_STATUS_OK;
    return sl_fail(
        error, SLUICE_STATUS_BAD_DATA,
        "wrong gradient: T=%zu N=%zu I=%zu H=%zu L=%zu D=%zu, ragged %s, seed %llu: %s is %.9g, expected %.9g of the reference in "
        "double precision; please report this line",
        shape->steps, shape->batch, shape->input, shape->hidden, shape->layers, shape->directions,
        sl_ragged_get_name(shape->ragged), (unsigned long long)shape->seed, wrong.place, (double)wrong.found,
        (double)wrong.expected);
}

/* What computes the right answer. */
typedef struct library {
    sluice_engine *engine;
    sluice_tape *tape;
} library;

static sluice_status make_library(const sluice_model *model, library *made, sluice_error *error)
{
    const sluice_engine_options options = {.struct_size = sizeof options, .gemm = SLUICE_GEMM_FUSED, .threads = 1, .training = 1};
    *made = (library){0};
    const sluice_status status = sluice_engine_create(model, &options, &made->engine, error);
    return status ? status : sluice_tape_create(made->engine, NULL, &made->tape, error);
}

static sluice_status run_library(const library *by, const sluice_batch *batch, const sluice_gradient *gradient, sluice_error *error)
{
    sluice_batch taped = *batch;
    taped.tape = by->tape;
    const sluice_status status = sluice_forward(by->engine, NULL, &taped, error);
    return status ? status : sluice_backward(by->tape, gradient, error);
}

/* First some rows, by the reference, then all, by the library. */
static sluice_status expect(sl_gradients *it, double checked_flop, sluice_error *error)
{
    const sl_result step = {.shape = it->shape, .total_steps = 1};
    size_t rows[CHECKED_ROWS];
    library by;
    const size_t count = choose_rows(it, checked_flop / sl_result_flop(&step), rows);
    for (size_t k = 0; k < count; k++)
        fill_row(it, rows[k]);
    sluice_status status = expect_by_reference(it, count, rows, error);
    if (status)
        return status;
    sl_gradients_prefill(it);
    status = make_library(it->model, &by, error);
    status = status ? status : run_library(&by, it->batch, &it->found.gradient, error);
    status = status ? status : compare_with_reference(it, error);
    it->summed_steps = 0;
    for (size_t row = 0; row < it->shape.batch; row++)
        fill_row(it, row);
    status = status ? status : run_library(&by, it->batch, &it->expected.gradient, error);
    sluice_tape_destroy(by.tape);
    sluice_engine_destroy(by.engine);
    return status;
}

/* ---- Making it --------------------------------------------------------------------------------------------------------------- */

/* Allocate an array of a gradient. An array of as many numbers exists already, so the size fits. */
static bool make_array(array *made, size_t count)
{
    made->count = count;
    made->found = sl_alloc_array(count, sizeof(float));
    made->expected = sl_alloc_array(count, sizeof(float));
    return made->found && made->expected;
}

static bool make_arrays(sl_gradients *it)
{
    static const char *const names[] = {"dx", "dh0", "dc0", "dW", "dU", "db"};
    const size_t hidden = it->shape.hidden, states = layer_dirs_of(it) * it->shape.batch * hidden;
    const size_t last = it->shape.batch - 1;
    it->count = OF_ROWS + OF_LAYER * layer_dirs_of(it);
    it->arrays = sl_alloc_array(it->count, sizeof *it->arrays);
    bool made = it->arrays != NULL;
    for (size_t k = 0; made && k < it->count; k++) {
        const size_t cell = (k - OF_ROWS) / OF_LAYER, which = (k - OF_ROWS) % OF_LAYER;
        array *of = &it->arrays[k];
        if (k < OF_ROWS) {
            const size_t x = x_offset(it, last) + (it->batch->x_offsets ? length_of(it, last) : it->shape.steps) * it->shape.input;
            snprintf(of->name, sizeof of->name, "%s", names[k]);
            made = make_array(of, k == OF_X ? x : states);
            continue;
        }
        const size_t inputs = it->model->network->dirs[cell].inputs, columns = which == OF_W ? inputs : which == OF_U ? hidden : 1;
        snprintf(of->name, sizeof of->name, "%s of layer %zu, direction %zu", names[OF_ROWS + which], cell / it->shape.directions,
                 cell % it->shape.directions);
        made = make_array(of, SL_GATES * hidden * columns);
    }
    it->dhn = sl_alloc_array(states, sizeof(float));
    it->dcn = sl_alloc_array(states, sizeof(float));
    if (it->batch->y)
        it->dy = sl_alloc_array(it->shape.batch * it->shape.steps, it->shape.directions * hidden * sizeof(float));
    return made && it->dhn && it->dcn && (it->dy || !it->batch->y);
}

/* Make the sluice_gradient that points to the computed arrays, or to the expected ones. */
static bool make_target(const sl_gradients *it, bool expected, target *made)
{
    for (size_t which = 0; which < OF_LAYER; which++) {
        made->lists[which] = sl_alloc_array(layer_dirs_of(it), sizeof(float *));
        for (size_t k = 0; made->lists[which] && k < layer_dirs_of(it); k++) {
            const array *of = &it->arrays[OF_ROWS + OF_LAYER * k + which];
            made->lists[which][k] = expected ? of->expected : of->found;
        }
    }
    const array *of = it->arrays;
    made->gradient = (sluice_gradient){.struct_size = sizeof(sluice_gradient),
                                       .dy = it->dy,
                                       .dhn = it->dhn,
                                       .dcn = it->dcn,
                                       .dx = expected ? of[OF_X].expected : of[OF_X].found,
                                       .dx_offsets = it->batch->x_offsets,
                                       .dh0 = expected ? of[OF_H0].expected : of[OF_H0].found,
                                       .dc0 = expected ? of[OF_C0].expected : of[OF_C0].found,
                                       .weight_ih = made->lists[OF_W],
                                       .weight_hh = made->lists[OF_U],
                                       .bias = made->lists[OF_B]};
    return made->lists[OF_W] && made->lists[OF_U] && made->lists[OF_B];
}

sluice_status sl_gradients_create(const sl_case *shape, const sluice_model *model, const sluice_batch *batch, double checked_flop,
                                  sl_gradients **gradients, sluice_error *error)
{
    *gradients = NULL;
    sl_gradients *it = sl_alloc(sizeof *it);
    if (!it)
        return sl_fail_memory(error, "a gradient", sizeof *it);
    it->shape = *shape;
    it->model = model;
    it->batch = batch;
    const bool made = make_arrays(it) && make_target(it, false, &it->found) && make_target(it, true, &it->expected);
    const sluice_status status =
        made ? expect(it, checked_flop, error) : sl_fail_memory(error, "a gradient", shape->batch * shape->steps * sizeof(float));
    if (status) {
        sl_gradients_destroy(it);
        return status;
    }
    *gradients = it;
    return SLUICE_STATUS_OK;
}

const sluice_gradient *sl_gradients_get(const sl_gradients *it)
{
    return &it->found.gradient;
}

const sluice_gradient *sl_gradients_get_expected(const sl_gradients *it)
{
    return &it->expected.gradient;
}

void sl_gradients_destroy(sl_gradients *it)
{
    if (!it)
        return;
    for (size_t k = 0; it->arrays && k < it->count; k++) {
        sl_free(it->arrays[k].found);
        sl_free(it->arrays[k].expected);
    }
    for (size_t which = 0; which < OF_LAYER; which++) {
        sl_free(it->found.lists[which]);
        sl_free(it->expected.lists[which]);
    }
    sl_free(it->arrays);
    sl_free(it->dy);
    sl_free(it->dhn);
    sl_free(it->dcn);
    sl_free(it);
}
