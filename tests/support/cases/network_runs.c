/* Networks run in every setup. */
#include "support/cases/network_runs.h"

#include "base/size.h"
#include "engine/schedule/tuned_plan_list.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"
#include "sluice_train.h"

#include <math.h>

static test_words right(void)
{
    return (test_words){""};
}

/* ---- Answers --------------------------------------------------------------------------------------------------------------- */

static bool gives_vectors(const sluice_network *network, size_t layer)
{
    for (size_t k = 0; k <= layer; k++)
        if (network->layers[k].steps != SLUICE_STEPS_ALL)
            return true;
    return false;
}

static void add_array(test_answer *answer, size_t place, const char *name, size_t steps, size_t width)
{
    test_array *array = &answer->arrays[place];
    *array = (test_array){
        .steps = steps, .width = width, .blocks = 1, .block_width = {steps * width}, .count = answer->rows * steps * width};
    snprintf(array->name, sizeof array->name, "%s", name);
    array->at = test_floats(array->count);
}

static void add_states(test_answer *answer, size_t place, const char *name, const sluice_network *network)
{
    test_array *array = &answer->arrays[place];
    *array = (test_array){.steps = 1};
    snprintf(array->name, sizeof array->name, "%s", name);
    for (size_t k = 0; k < network->layer_count; k++) {
        const sluice_layer *layer = &network->layers[k];
        for (size_t d = 0; layer->kind == SLUICE_LAYER_LSTM && d < test_family_directions(layer); d++) {
            const size_t width = place == TEST_HN && layer->projection ? layer->projection : layer->units;
            array->block_width[array->blocks++] = width;
            array->width += width;
        }
    }
    array->count = answer->rows * array->width;
    array->at = test_floats(array->count);
}

test_answer test_answer_create(const test_made_network *made, const test_family_batch *batch)
{
    const sluice_network *network = &made->network;
    const size_t end = network->layer_count - 1;
    test_answer answer = {.rows = batch->rows};
    size_t last = 0;
    for (size_t k = 0; k < network->layer_count; k++) {
        char name[40];
        snprintf(name, sizeof name, "outputs of layer %zu", k);
        last = network->layers[k].kind == SLUICE_LAYER_LSTM ? k : last;
        add_array(&answer, TEST_OF_LAYERS + k, name, gives_vectors(network, k) ? 1 : batch->steps, test_family_width(network, k));
    }
    add_array(&answer, TEST_Y, "y", batch->steps, test_family_width(network, last));
    add_states(&answer, TEST_HN, "hn", network);
    add_states(&answer, TEST_CN, "cn", network);
    if (last < end || gives_vectors(network, end))
        add_array(&answer, TEST_END, gives_vectors(network, end) ? "logits" : "step_logits",
                  gives_vectors(network, end) ? 1 : batch->steps, test_family_width(network, end));
    return answer;
}

void test_answer_free(test_answer *answer)
{
    for (size_t j = 0; j < TEST_ARRAYS; j++)
        free(answer->arrays[j].at);
}

test_words test_answer_compare_row(const test_answer *got, size_t row, const test_answer *want, size_t of)
{
    test_words words = right();
    for (size_t j = 0; j < TEST_ARRAYS; j++) {
        const test_array *a = &got->arrays[j], *b = &want->arrays[j];
        size_t before = 0;
        for (size_t block = 0; a->at && b->at && block < a->blocks; before += a->block_width[block++]) {
            const size_t count = a->block_width[block];
            const float *x = a->at + got->rows * before + row * count, *y = b->at + want->rows * before + of * count;
            size_t k = 0;
            while (k < count && memcmp(&x[k], &y[k], sizeof *x) == 0)
                k++;
            if (k == count)
                continue;
            snprintf(words.text, sizeof words.text, "%s, block %zu, row %zu: float %zu of %zu is %.9g, expected %.9g", a->name,
                     block, row, k, count, (double)x[k], (double)y[k]);
            return words;
        }
    }
    return words;
}

test_words test_answer_compare(const test_answer *got, const test_answer *want)
{
    test_words words = right();
    for (size_t n = 0; n < got->rows && !words.text[0]; n++)
        words = test_answer_compare_row(got, n, want, n);
    return words;
}

/* ---- Setups ------------------------------------------------------------------------------------------------------------------ */

static size_t draw(size_t most, uint64_t *random)
{
    return (size_t)(test_random(random) % (most + 1));
}

test_setup test_setup_random(uint64_t *random)
{
    const test_isa_list isas = test_isas();
    test_setup setup = {.isa = isas.isa[draw(isas.count - 1, random)],
                        .threads = 1 + (unsigned)draw(3, random),
                        .max_threads = draw(3, random) ? 0 : 1 + (unsigned)draw(2, random),
                        .schedule = (sluice_schedule)draw(SLUICE_SCHEDULE_UNITS, random),
                        .has_workspace = draw(1, random),
                        .used = draw(1, random),
                        .x_layout = (test_layout)draw(TEST_LAYOUTS - 1, random),
                        .mask_layout = (test_layout)draw(TEST_LAYOUTS - 1, random),
                        .layout = (test_layout)draw(TEST_LAYOUTS - 1, random),
                        .has_offsets = !draw(3, random),
                        .has_step_offsets = !draw(3, random),
                        .y_has_offsets = !draw(3, random),
                        .in_place = !draw(3, random),
                        .all_cpus = draw(1, random)};
    if (draw(1, random))
        setup.unwanted = (unsigned)test_random(random) & (unsigned)test_random(random);
    if (draw(1, random))
        setup.block_rows = 1 + draw(7, random);
    if (draw(1, random))
        setup.buffer_floats = 1 + draw(400, random);
    if (draw(1, random)) {
        setup.groups = 1 + (unsigned)draw(1, random);
        setup.per_group = 1 + (unsigned)draw(3, random);
        setup.wavefront = draw(1, random);
    }
    return setup;
}

test_words test_setup_print(const test_setup *setup)
{
    static const char *const layouts[] = {"contiguous", "by step", "padded"};
    test_words words;
    snprintf(
        words.text, sizeof words.text,
        "%s, %u threads (at most %u), %s, workspace %d used %d, x %s%s%s, mask %s, outputs %s%s, in place %d, tape %d, unwanted "
        "0x%x, block_rows "
        "%zu, buffer_floats %zu, all_cpus %d, plan %u x %u%s",
        sluice_isa_get_name(setup->isa), setup->threads, setup->max_threads, sluice_schedule_get_name(setup->schedule),
        setup->has_workspace, setup->used, layouts[setup->x_layout], setup->has_offsets ? " by offsets" : "",
        setup->has_step_offsets ? " by step offsets" : "", layouts[setup->mask_layout], layouts[setup->layout],
        setup->y_has_offsets ? " y by offsets" : "", setup->in_place, setup->on_tape, setup->unwanted, setup->block_rows,
        setup->buffer_floats, setup->all_cpus, setup->groups, setup->per_group, setup->wavefront ? " wavefront" : "");
    return words;
}

/* ---- Layouts --------------------------------------------------------------------------------------------------------------- */

typedef struct place {
    size_t rows, steps, width; /* [N][T][W] */
    size_t row, step, count;   /* strides, and elements from the first to the last */
    bool backwards;            /* the last row first */
    bool steps_backwards;      /* the last step first */
} place;

static place place_of(test_layout layout, size_t rows, size_t steps, size_t width)
{
    place made = {.rows = rows, .steps = steps, .width = width, .row = steps * width, .step = width};
    if (layout == TEST_BY_STEP) {
        made.row = width + 3;
        made.step = rows * made.row;
    } else if (layout == TEST_PADDED) {
        made.step = width + 2;
        made.row = steps * made.step + 5;
    }
    made.count = rows && steps ? (rows - 1) * made.row + (steps - 1) * made.step + width : 0;
    return made;
}

static size_t at(const place *of, size_t n, size_t t)
{
    return (of->backwards ? of->rows - 1 - n : n) * of->row + (of->steps_backwards ? of->steps - 1 - t : t) * of->step;
}

/* Elements of `bytes` bytes from [N][T][W] to a layout; what lies between is 0xff. */
static void *scatter(const place *to, const void *from, size_t bytes)
{
    if (!from)
        return NULL;
    char *made = malloc(to->count * bytes + 1);
    ck_assert_ptr_nonnull(made);
    memset(made, 0xff, to->count * bytes);
    for (size_t n = 0; n < to->rows; n++)
        for (size_t t = 0; t < to->steps; t++)
            memcpy(made + at(to, n, t) * bytes, (const char *)from + (n * to->steps + t) * to->width * bytes, to->width * bytes);
    return made;
}

/* `count` offsets that are a stride apart, the last of them first if `backwards`. Owned. */
static size_t *list_offsets(size_t count, size_t stride, bool backwards)
{
    size_t *list = calloc(count + 1, sizeof *list);
    for (size_t k = 0; k < count; k++)
        list[k] = (backwards ? count - 1 - k : k) * stride;
    return list;
}

/* Back to [N][T][W]; false: something between rows and steps was written. With offsets, which `lengths` is for, nothing is past a row's
 * end. */
static bool gather(const place *from, const int64_t *lengths, float *values, float *to)
{
    for (size_t n = 0; n < from->rows; n++)
        for (size_t t = 0; t < from->steps; t++) {
            if (lengths && t >= (size_t)lengths[n]) {
                memset(to + (n * from->steps + t) * from->width, 0, from->width * sizeof *to);
                continue;
            }
            memcpy(to + (n * from->steps + t) * from->width, values + at(from, n, t), from->width * sizeof *to);
            test_prefill(values + at(from, n, t), from->width);
        }
    return test_prefilled(values, from->count);
}

/* ---- Running --------------------------------------------------------------------------------------------------------------- */

sluice_model *test_made_network_model(const test_made_network *made)
{
    sluice_model *model = NULL;
    sluice_error error = {.message = ""};
    const sluice_status status =
        sluice_model_create_network(&made->network, made->parameters, made->parameter_count, NULL, &model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_model_create_network: %s", error.message);
    return model;
}

sluice_batch test_network_batch(const test_family_batch *batch, const test_answer *answer, sluice_output *outputs)
{
    sluice_batch made = {.struct_size = sizeof made,
                         .steps = batch->steps,
                         .rows = batch->rows,
                         .lengths = batch->lengths,
                         .x = batch->x,
                         .tokens = batch->tokens,
                         .mask = batch->mask,
                         .h0 = batch->h0,
                         .c0 = batch->c0,
                         .y = answer->arrays[TEST_Y].at,
                         .hn = answer->arrays[TEST_HN].at,
                         .cn = answer->arrays[TEST_CN].at,
                         .outputs = outputs};
    const bool ends_in_logits = strcmp(answer->arrays[TEST_END].name, "logits") == 0;
    *(ends_in_logits ? &made.logits : &made.step_logits) = answer->arrays[TEST_END].at;
    for (size_t k = 0; k < TEST_CASE_LAYERS; k++)
        if (answer->arrays[TEST_OF_LAYERS + k].at)
            outputs[made.output_count++] = (sluice_output){.layer = k, .at = answer->arrays[TEST_OF_LAYERS + k].at};
    return made;
}

/* Set what the engine plans with. */
static sluice_status prepare(sluice_engine *engine, const test_family_batch *batch, const test_setup *setup, sluice_error *error)
{
    sl_limits *limits = &engine->limits;
    limits->cpus = setup->all_cpus ? setup->threads : limits->cpus;
    limits->row_block_rows = setup->block_rows ? setup->block_rows : limits->row_block_rows;
    limits->hoist_product_rows = sl_size_max(limits->hoist_product_rows, limits->row_block_rows);
    limits->layer_buffer_floats = setup->buffer_floats ? setup->buffer_floats : limits->layer_buffer_floats;
    if (setup->schedule != SLUICE_SCHEDULE_AUTO || !setup->groups || !setup->all_cpus || !batch->rows || !batch->steps)
        return SLUICE_STATUS_OK;
    const unsigned groups = (unsigned)sl_size_min(setup->groups, setup->threads);
    const unsigned per_group = (unsigned)sl_size_min(setup->per_group, setup->threads / groups);
    const sl_exec_plan plan = {.thread_groups = groups,
                               .threads_per_group = per_group,
                               .hoists = true,
                               .wavefront = setup->wavefront && engine->sizes.wavefronts && per_group > 1};
    const sl_tuned_plan tuned = {.rows = batch->rows, .steps = batch->steps, .plan = plan, .seconds = 1.0};
    return sl_tuned_plan_store(engine, &tuned, error);
}

/* Another batch, of fewer rows and with NaN for inputs, so that what it leaves behind does not go unseen. */
static sluice_status run_other(const sluice_engine *engine, sluice_workspace *workspace, const test_family_batch *batch,
                               size_t inputs, sluice_error *error)
{
    const size_t rows = (batch->rows + 1) / 2;
    float *x = batch->x ? test_floats(rows * batch->steps * inputs) : NULL;
    const sluice_batch other = {.struct_size = sizeof other,
                                .rows = rows,
                                .steps = batch->steps,
                                .lengths = batch->lengths,
                                .x = x,
                                .tokens = batch->tokens};
    const sluice_status status = sluice_forward(engine, workspace, &other, error);
    free(x);
    return status;
}

/* Outputs in other layouts: y, step_logits excepted. */
typedef struct moved {
    float *values;
    place where;
} moved;

static moved move(const test_array *array, test_layout layout, size_t rows)
{
    moved made = {.where = place_of(layout, rows, array->steps, array->width)};
    made.values = array->at ? test_floats(made.where.count) : NULL;
    return made;
}

/* Put the inputs and outputs of a batch where the setup has them. */
static void lay_out(sluice_batch *batch, const test_setup *setup, size_t inputs)
{
    place x = place_of(setup->x_layout, batch->rows, batch->steps, inputs);
    x.backwards = setup->has_offsets;
    x.steps_backwards = setup->has_step_offsets;
    batch->x = scatter(&x, batch->x, sizeof *batch->x);
    batch->tokens = scatter(&x, batch->tokens, sizeof *batch->tokens);
    batch->x_row_stride = setup->has_offsets ? 0 : x.row;
    batch->x_step_stride = setup->has_step_offsets ? 0 : x.step;
    batch->x_offsets = setup->has_offsets ? list_offsets(x.rows, x.row, x.backwards) : NULL;
    batch->x_step_offsets = setup->has_step_offsets ? list_offsets(x.steps, x.step, x.steps_backwards) : NULL;
    const place mask = place_of(setup->mask_layout, batch->rows, batch->steps, 1);
    batch->mask = scatter(&mask, batch->mask, 1);
    batch->mask_row_stride = mask.row;
    batch->mask_step_stride = mask.step;
}

static sluice_status run_engine(const sluice_model *model, const test_family_batch *family, size_t inputs, const test_setup *setup,
                                sluice_batch *batch, sluice_error *error)
{
    sluice_engine_options options = test_options(setup->isa, setup->threads, setup->schedule);
    options.gemm = setup->gemm;
    options.training = setup->on_tape;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    OWNED_HANDLE(sluice_workspace) workspace = NULL;
    OWNED_HANDLE(sluice_tape) tape = NULL;
    sluice_status status = sluice_engine_create(model, &options, &engine, error);
    if (!status)
        status = prepare(engine, family, setup, error);
    if (!status && setup->has_workspace)
        status = sluice_workspace_create(engine, setup->used ? 1 : family->rows, family->steps, &workspace, error);
    if (!status && setup->used)
        status = run_other(engine, workspace, family, inputs, error);
    if (!status && setup->on_tape)
        status = sluice_tape_create(engine, NULL, &tape, error);
    batch->tape = tape;
    return status ? status : sluice_forward(engine, workspace, batch, error);
}

/* Say where y is. */
static void place_y(sluice_batch *batch, place *y, bool by_offsets)
{
    y->backwards = y->steps_backwards = by_offsets;
    batch->y_row_stride = by_offsets ? 0 : y->row;
    batch->y_step_stride = by_offsets ? 0 : y->step;
    batch->y_offsets = by_offsets ? list_offsets(y->rows, y->row, true) : NULL;
    batch->y_step_offsets = by_offsets ? list_offsets(y->steps, y->step, true) : NULL;
}

test_words test_network_run(const test_made_network *made, const sluice_model *model, const test_family_batch *batch,
                            const test_setup *setup, test_answer *answer)
{
    test_words words = right();
    test_answer wanted = *answer;
    sluice_output outputs[TEST_CASE_LAYERS];
    moved arrays[TEST_ARRAYS];
    for (size_t j = 0; j < TEST_ARRAYS; j++) {
        const bool is_fixed = j == TEST_HN || j == TEST_CN || j == TEST_END;
        if (setup->unwanted >> j & 1)
            wanted.arrays[j].at = NULL;
        arrays[j] = move(&wanted.arrays[j], is_fixed ? TEST_CONTIGUOUS : setup->layout, batch->rows);
        if (!is_fixed)
            wanted.arrays[j].at = arrays[j].values;
    }
    sluice_batch laid = test_network_batch(batch, &wanted, outputs);
    lay_out(&laid, setup, test_family_inputs(&made->network, 0));
    laid.max_threads = setup->max_threads;
    place_y(&laid, &arrays[TEST_Y].where, setup->y_has_offsets);
    for (size_t k = 0; k < laid.output_count; k++) {
        outputs[k].row_stride = arrays[TEST_OF_LAYERS + outputs[k].layer].where.row;
        outputs[k].step_stride = arrays[TEST_OF_LAYERS + outputs[k].layer].where.step;
    }
    if (setup->in_place && laid.h0 && laid.hn)
        laid.h0 = memcpy(laid.hn, laid.h0, answer->arrays[TEST_HN].count * sizeof *laid.h0);
    if (setup->in_place && laid.c0 && laid.cn)
        laid.c0 = memcpy(laid.cn, laid.c0, answer->arrays[TEST_CN].count * sizeof *laid.c0);
    sluice_error error = {.message = ""};
    if (run_engine(model, batch, test_family_inputs(&made->network, 0), setup, &laid, &error))
        snprintf(words.text, sizeof words.text, "it is refused: %.400s", error.message);
    for (size_t j = 0; j < TEST_ARRAYS; j++) {
        if (wanted.arrays[j].at && wanted.arrays[j].at == arrays[j].values &&
            !gather(&arrays[j].where, j == TEST_Y && setup->y_has_offsets ? batch->lengths : NULL, arrays[j].values,
                    answer->arrays[j].at) &&
            !words.text[0])
            snprintf(words.text, sizeof words.text, "%s: something between its rows and steps was written", answer->arrays[j].name);
        free(arrays[j].values);
    }
    free((void *)laid.x);
    free((void *)laid.tokens);
    free((void *)laid.mask);
    const size_t *const lists[] = {laid.x_offsets, laid.x_step_offsets, laid.y_offsets, laid.y_step_offsets};
    for (size_t j = 0; j < sizeof lists / sizeof *lists; j++)
        free((void *)lists[j]);
    return words;
}
