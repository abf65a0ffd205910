/* The random networks themselves: that they are valid and stay in range, that they have every option alone and combined, that the
 * smallest case is found; and what the oracle of networks has to give for all of them. */
#include "support/cases/random_networks.h"
#include "support/suite.h"

#include <math.h>

/* ---- What there is in a case ---- */

enum { KINDS = SLUICE_LAYER_REDUCE + 1, FUNCTIONS = SLUICE_FUNCTION_SOFTMAX + 1, NAME = 48 };

/* The options that cases have, by name, and how often: in all, and as the only option of the network's layers. */
typedef struct option {
    char name[NAME];
    size_t cases, alone;
} option;

typedef struct options {
    option list[256];
    size_t count;
} options;

static void count_option(options *of, const char *name)
{
    size_t j = 0;
    while (j < of->count && strcmp(of->list[j].name, name) != 0)
        j++;
    ck_assert_uint_lt(j, sizeof of->list / sizeof of->list[0]);
    of->count += j == of->count;
    snprintf(of->list[j].name, NAME, "%s", name);
    of->list[j].cases++;
}

static void count_if(options *of, bool has_it, const char *name, int number)
{
    char numbered[NAME];
    snprintf(numbered, sizeof numbered, "%s %d", name, number);
    if (has_it)
        count_option(of, numbered);
}

static void count_cell(options *of, const sluice_cell *cell)
{
    for (unsigned part = SLUICE_PART_PEEPHOLES; part <= SLUICE_PART_INITIAL_STATE; part *= 2)
        count_if(of, cell->parts & part, "part", (int)part);
    count_if(of, !(cell->parts & (SLUICE_PART_BIAS | SLUICE_PART_NORM)), "no bias", 1);
    count_if(of, cell->gate.function, "gate", (int)cell->gate.function);
    count_if(of, cell->candidate.function, "candidate", (int)cell->candidate.function);
    count_if(of, cell->output.function, "output", (int)cell->output.function);
    count_if(of, cell->coupled, "coupled", 1);
    count_if(of, cell->output_unclipped, "output_unclipped", 1);
    count_if(of, cell->forget_bias != 0, "forget_bias", 1);
    count_if(of, cell->gate_clip != 0, "gate_clip", 1);
    count_if(of, cell->cell_clip != 0, "cell_clip", 1);
    count_if(of, cell->projection_clip != 0, "projection_clip", 1);
}

static void count_layer(options *of, const test_network_case *given, size_t k)
{
    const sluice_layer *layer = &given->layers[k];
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM;
    count_if(of, layer->activation.function, "activation", (int)layer->activation.function);
    count_if(of, layer->steps, is_lstm ? "steps" : "reduction", (int)layer->steps);
    count_if(of, layer->direction, "direction", (int)layer->direction);
    count_if(of, layer->merge, "merge", (int)layer->merge);
    count_if(of, layer->projection, "projection", 1);
    count_if(of, layer->processing_order, "processing_order", 1);
    count_if(of, layer->masked_outputs_zero, "masked_outputs_zero", 1);
    for (size_t d = 0; given->has_cells[k] && d < test_family_directions(layer); d++)
        count_cell(of, &given->cells[k][d]);
}

/* The options of one case, each once. */
static options options_of(const test_network_case *given)
{
    options of = {.count = 0};
    for (size_t k = 0; k < given->layer_count; k++)
        count_layer(&of, given, k);
    return of;
}

/* Names that every search has to find: all values of all options. */
static void expect(const options *found, const char *name, int first, int last, bool alone)
{
    for (int number = first; number <= last; number++) {
        char numbered[NAME];
        snprintf(numbered, sizeof numbered, "%s %d", name, number);
        size_t j = 0;
        while (j < found->count && strcmp(found->list[j].name, numbered) != 0)
            j++;
        ck_assert_msg(j < found->count && found->list[j].cases >= 10, "%s: fewer than ten cases", numbered);
        ck_assert_msg(!alone || found->list[j].alone > 0, "%s: in no case alone", numbered);
    }
}

START_TEST(every_option_is_drawn)
{
    enum { CASES = 40000 };
    options found = {.count = 0};
    size_t before[KINDS] = {0}, behind[KINDS] = {0}; /* an LSTM layer */
    for (uint64_t seed = 0; seed < CASES; seed++) {
        const test_network_case drawn = test_network_case_random(test_seed() + seed);
        ck_assert(test_network_case_is_valid(&drawn));
        const options of = options_of(&drawn);
        for (size_t j = 0; j < of.count; j++) {
            count_option(&found, of.list[j].name);
            for (size_t k = 0; k < found.count; k++)
                found.list[k].alone += of.count == 1 && strcmp(found.list[k].name, of.list[j].name) == 0;
        }
        for (size_t k = 0; k + 1 < drawn.layer_count; k++) {
            before[drawn.layers[k].kind] += drawn.layers[k + 1].kind == SLUICE_LAYER_LSTM;
            behind[drawn.layers[k + 1].kind] += drawn.layers[k].kind == SLUICE_LAYER_LSTM;
        }
    }
    for (int kind = SLUICE_LAYER_EMBEDDING; kind < KINDS; kind++)
        ck_assert((kind == SLUICE_LAYER_REDUCE || before[kind] > 0) && (kind == SLUICE_LAYER_EMBEDDING || behind[kind] > 0));
    for (int part = SLUICE_PART_PEEPHOLES; part <= SLUICE_PART_INITIAL_STATE; part *= 2)
        expect(&found, "part", part, part, part != SLUICE_PART_PROJECTION_BIAS);
    expect(&found, "gate", SLUICE_FUNCTION_SIGMOID, SLUICE_FUNCTION_HARD_SIGMOID, true);
    expect(&found, "gate", SLUICE_FUNCTION_LINEAR, SLUICE_FUNCTION_SCALED_TANH, false);
    expect(&found, "candidate", SLUICE_FUNCTION_LINEAR, SLUICE_FUNCTION_SCALED_TANH, true);
    expect(&found, "output", SLUICE_FUNCTION_LINEAR, SLUICE_FUNCTION_SCALED_TANH, true);
    expect(&found, "activation", SLUICE_FUNCTION_LINEAR, SLUICE_FUNCTION_SOFTMAX, true);
    expect(&found, "steps", SLUICE_STEPS_FINAL, SLUICE_STEPS_LAST, true);
    expect(&found, "reduction", SLUICE_STEPS_LAST, SLUICE_STEPS_MAX, true);
    expect(&found, "direction", SLUICE_DIRECTION_REVERSE, SLUICE_DIRECTION_BOTH, true);
    expect(&found, "merge", SLUICE_MERGE_SUM, SLUICE_MERGE_MEAN, false);
    static const char *const alone[] = {"no bias",   "coupled",    "forget_bias",        "gate_clip",
                                        "cell_clip", "projection", "masked_outputs_zero"};
    for (size_t j = 0; j < sizeof alone / sizeof alone[0]; j++)
        expect(&found, alone[j], 1, 1, true);
    static const char *const not_alone[] = {"output_unclipped", "projection_clip", "processing_order"};
    for (size_t j = 0; j < sizeof not_alone / sizeof not_alone[0]; j++)
        expect(&found, not_alone[j], 1, 1, false);
}
END_TEST

/* The library's own checks have nothing against them, and it counts widths and parameters alike. */
START_TEST(models_are_made_of_them)
{
    for (uint64_t seed = 0; seed < 1000; seed++) {
        const test_network_case drawn = test_network_case_random(test_seed() + seed);
        test_made_network made;
        sluice_model *model;
        sluice_error error = {.message = ""};
        test_made_network_create(&drawn, &made);
        ck_assert_msg(sluice_model_create_network(&made.network, made.parameters, made.parameter_count, NULL, &model, &error) == 0,
                      "seed %" PRIu64 ": %s", test_seed() + seed, error.message);
        for (size_t k = 0; k < drawn.layer_count; k++)
            ck_assert_uint_eq(sluice_model_get_width(model, k), test_family_width(&made.network, k));
        sluice_model_destroy(model);
        test_made_network_free(&made);
    }
}
END_TEST

/* ---- What the oracle gives ---- */

enum { ORACLE_CASES = 3000 };

static void check_range(const double *values, size_t count, const test_network_case *given)
{
    for (size_t j = 0; values && j < count; j++)
        if (!(fabs(values[j]) < 1e9)) {
            test_network_case_print(given, stdout);
            ck_abort_msg("%g: not written, or too large for float32 to follow", values[j]);
        }
}

/* Every value is written, and none grows without bound. */
START_TEST(outputs_are_finite)
{
    for (uint64_t seed = 0; seed < ORACLE_CASES; seed++) {
        const test_network_case drawn = test_network_case_random(test_seed() + seed);
        test_made_network made;
        test_made_network_create(&drawn, &made);
        test_family family = test_made_network_run(&made);
        ck_assert_uint_eq(family.hn_count, made.h_count);
        ck_assert_uint_eq(family.cn_count, made.c_count);
        check_range(family.hn, family.hn_count, &drawn);
        check_range(family.cn, family.cn_count, &drawn);
        for (size_t k = 0; k < drawn.layer_count; k++) {
            check_range(family.steps[k], drawn.rows * drawn.steps * family.width[k], &drawn);
            check_range(family.row[k], drawn.rows * family.width[k], &drawn);
            ck_assert(family.steps[k] || family.row[k]);
        }
        test_family_free(&family);
        test_made_network_free(&made);
    }
}
END_TEST

/* Move the steps of each row that are not masked to its beginning, and say so by lengths instead. */
static void compact(test_made_network *made, int64_t *lengths)
{
    test_family_batch *batch = &made->batch;
    const size_t width = made->network.inputs;
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
        size_t to = n * batch->steps;
        for (size_t from = to; from < n * batch->steps + length; from++) {
            if (!batch->mask[from])
                continue;
            if (batch->tokens)
                ((int32_t *)batch->tokens)[to] = batch->tokens[from];
            else
                memmove((float *)batch->x + to * width, batch->x + from * width, width * sizeof(float));
            to++;
        }
        lengths[n] = (int64_t)(to - n * batch->steps);
    }
    batch->lengths = lengths;
    batch->mask = NULL;
}

/* Otherwise a step's output is another's, and the mask says which of them counts. */
static bool keeps_the_order(const test_network_case *given)
{
    for (size_t k = 0; k < given->layer_count; k++)
        if (given->layers[k].processing_order)
            return false;
    return true;
}

static void same(const double *got, const double *want, size_t count, const test_network_case *given, const char *what)
{
    for (size_t j = 0; got && j < count; j++)
        if (got[j] != want[j]) {
            test_network_case_print(given, stdout);
            ck_abort_msg("%s: %zu is %.17g, expected %.17g", what, j, got[j], want[j]);
        }
}

/* Masked steps are as if they were not there: for the states, and for what is reduced. */
START_TEST(masked_steps_count_for_nothing)
{
    size_t tried = 0;
    for (uint64_t seed = 0; seed < ORACLE_CASES; seed++) {
        test_network_case drawn = test_network_case_random(test_seed() + seed);
        drawn.is_masked = true;
        if (!keeps_the_order(&drawn))
            continue;
        test_made_network made;
        test_made_network_create(&drawn, &made);
        test_family masked = test_made_network_run(&made);
        int64_t *lengths = calloc(drawn.rows + 1, sizeof *lengths);
        compact(&made, lengths);
        test_family compacted = test_made_network_run(&made);
        same(masked.hn, compacted.hn, made.h_count, &drawn, "hn");
        same(masked.cn, compacted.cn, made.c_count, &drawn, "cn");
        for (size_t k = 0; k < drawn.layer_count; k++)
            same(masked.row[k], compacted.row[k], drawn.rows * masked.width[k], &drawn, "row");
        test_family_free(&masked);
        test_family_free(&compacted);
        free(lengths);
        test_made_network_free(&made);
        tried++;
    }
    ck_assert_uint_gt(tried, ORACLE_CASES / 2);
}
END_TEST

/* ---- Shrinking ---- */

static bool has_peepholes_under_a_mask(const test_network_case *given, void *count)
{
    bool has = false;
    ++*(size_t *)count;
    for (size_t k = 0; k < given->layer_count; k++)
        has |= given->has_cells[k] && (given->cells[k][0].parts & SLUICE_PART_PEEPHOLES);
    return has && given->is_masked && given->steps >= 3;
}

static bool ends_in_a_wide_layer(const test_network_case *given, void *count)
{
    ++*(size_t *)count;
    return given->layers[given->layer_count - 1].kind == SLUICE_LAYER_DENSE && given->layers[given->layer_count - 1].units > 4 &&
           given->rows > 0;
}

/* The smallest of all first cases that fail. */
static test_network_case shrink_first(test_network_fails *fails, size_t *count)
{
    for (uint64_t seed = test_seed();; seed++) {
        const test_network_case drawn = test_network_case_random(seed);
        if (drawn.layer_count >= 4 && fails(&drawn, count))
            return test_network_case_shrink(drawn, fails, count);
    }
}

START_TEST(finds_the_smallest)
{
    size_t count = 0;
    test_network_case least = shrink_first(has_peepholes_under_a_mask, &count);
    const sluice_layer *layer = least.layers;
    ck_assert_uint_eq(least.layer_count, 1);
    ck_assert(layer->kind == SLUICE_LAYER_LSTM && layer->units == 1 && !layer->projection && !layer->direction && !layer->steps);
    ck_assert(layer->merge == 0 && !layer->processing_order && !layer->masked_outputs_zero && !least.is_named[0]);
    ck_assert(least.inputs == 1 && least.rows == 0 && least.steps == 3 && least.is_masked && !least.is_ragged);
    ck_assert(!least.has_h0 && !least.has_c0);
    const sluice_cell cell = {.struct_size = sizeof cell, .parts = SLUICE_PART_PEEPHOLES};
    ck_assert_mem_eq(&least.cells[0][0], &cell, sizeof cell);

    least = shrink_first(ends_in_a_wide_layer, &count);
    ck_assert(least.layer_count == 2 && least.layers[0].kind == SLUICE_LAYER_LSTM && least.layers[0].units == 1);
    ck_assert(!least.has_cells[0] && least.layers[1].units == 5 && !least.layers[1].has_bias);
    ck_assert(!least.layers[1].activation.function && least.rows == 1 && least.steps == 0 && least.inputs == 1);
    ck_assert_uint_lt(count, 20000);
    test_network_case_print(&least, stdout);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random_networks");
    TCase *networks = tcase_create("networks");
    tcase_add_test(networks, every_option_is_drawn);
    tcase_add_test(networks, models_are_made_of_them);
    tcase_add_test(networks, outputs_are_finite);
    tcase_add_test(networks, masked_steps_count_for_nothing);
    tcase_add_test(networks, finds_the_smallest);
    suite_add_tcase(suite, networks);
    return test_run(suite);
}
