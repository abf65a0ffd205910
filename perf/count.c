/* What perf/count.sh counts the instructions of: one call of sluice_forward for a named case, and of sluice_backward where the
 * case trains, on one thread with the AVX2 kernels. It does not depend on the machine: the schedule is set, and so are the
 * engine's limits, which otherwise follow from the CPU's caches. */
#include "perf/measure/context.h"

#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "model/model.h"
#include "sluice_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct counted {
    const char *name;
    sluice_shape shape;
    size_t steps, rows;
    bool ragged;
    sluice_schedule schedule;
    bool trains;
} counted;

/* One for each code path of the engine on one thread; as small as possible with the start of a call only a few per cent of it, because
 * every lane of an emulated multiply-add is a function call. */
#define ROWS SLUICE_SCHEDULE_ROWS
#define HOIST SLUICE_SCHEDULE_HOIST
static const counted cases[] = {
    {"lone", {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64}, 20, 1, false, ROWS},
    {"lone-hoisted", {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64}, 20, 1, false, HOIST},
    {"few", {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64}, 20, 8, false, ROWS},
    {"many", {.layers = 1, .directions = 1, .inputs = 128, .hidden = 128}, 10, 32, false, ROWS},
    {"many-hoisted", {.layers = 1, .directions = 1, .inputs = 128, .hidden = 128}, 10, 32, false, HOIST},
    {"narrow", {.layers = 1, .directions = 1, .inputs = 3, .hidden = 13}, 100, 5, false, ROWS},
    {"ragged", {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64}, 20, 16, true, ROWS},
    {"layers", {.layers = 2, .directions = 1, .inputs = 64, .hidden = 64}, 20, 8, false, ROWS},
    {"directions", {.layers = 2, .directions = 2, .inputs = 64, .hidden = 64}, 10, 8, true, ROWS},
    {"tokens", {.layers = 1, .directions = 1, .inputs = 16, .hidden = 64, .vocabulary = 50, .classes = 8}, 20, 8, true, ROWS},
    {"train", {.layers = 1, .directions = 1, .inputs = 64, .hidden = 64, .has_bias = 1}, 20, 8, true, ROWS, .trains = true},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* A row's length: distributed over 1..T, unordered. */
static size_t length_of(const counted *c, size_t row)
{
    return c->ragged ? 1 + (7 * row + c->steps / 2) % c->steps : c->steps;
}

static size_t row_steps(const counted *c)
{
    size_t sum = 0;
    for (size_t n = 0; n < c->rows; n++)
        sum += length_of(c, n);
    return sum;
}

/* The compiler, then a line for each case: its name, the steps of all its rows, and what it is. */
static sluice_status list_cases(sluice_error *error)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    const sluice_status status = sluice_environment_get(NULL, &environment, error);
    if (status)
        return status;
    json_t *context = sl_context_create(&environment, (char *[]){NULL});
    if (!context)
        return sl_fail_memory(error, "the context", sizeof environment);
    printf("compiler %s\n", json_string_value(json_object_get(context, "compiler")));
    json_decref(context);
    for (const counted *c = cases; c < cases + CASES; c++) {
        const sluice_shape *shape = &c->shape;
        printf("%s %zu T=%zu N=%zu I=%zu H=%zu L=%zu D=%zu%s%s%s\n", c->name, row_steps(c), c->steps, c->rows, shape->inputs,
               shape->hidden, shape->layers, shape->directions, c->ragged ? " ragged" : "", shape->vocabulary ? " tokens" : "",
               c->trains ? " train" : "");
    }
    return fflush(stdout) == 0 ? SLUICE_STATUS_OK : sl_fail(error, SLUICE_STATUS_IO, "standard output: cannot write");
}

/* A case's model, engine and arrays. */
typedef struct fixture {
    sluice_model *model;
    sluice_engine *engine;
    sluice_workspace *workspace;
    int64_t *lengths;
    int32_t *tokens;
    float *x, *y, *hn, *cn, *logits;
    sluice_tape *tape; /* NULL: the case does not train, and the following are NULL, too */
    float *dy, *dx, *weight_ih, *weight_hh, *bias;
} fixture;

static void clear_scene(fixture *s)
{
    void *arrays[] = {s->lengths, s->tokens, s->x,  s->y,         s->hn,        s->cn,
                      s->logits,  s->dy,     s->dx, s->weight_ih, s->weight_hh, s->bias};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++)
        sl_free(arrays[k]);
    sluice_tape_destroy(s->tape);
    sluice_workspace_destroy(s->workspace);
    sluice_engine_destroy(s->engine);
    sluice_model_destroy(s->model);
}

static sluice_status make_arrays(const counted *c, fixture *s, sluice_error *error)
{
    const sluice_shape *shape = &c->shape;
    const size_t steps = c->rows * c->steps, outputs = shape->directions * shape->hidden;
    s->lengths = sl_alloc_array(c->rows, sizeof *s->lengths);
    s->tokens = sl_alloc_array(steps, sizeof *s->tokens);
    s->x = sl_alloc_array(steps * shape->inputs, sizeof *s->x);
    s->y = sl_alloc_array(steps * outputs, sizeof *s->y);
    s->hn = sl_alloc_array(shape->layers * c->rows * outputs, sizeof *s->hn);
    s->cn = sl_alloc_array(shape->layers * c->rows * outputs, sizeof *s->cn);
    s->logits = sl_alloc_array(c->rows * shape->classes, sizeof *s->logits);
    if (!s->lengths || !s->tokens || !s->x || !s->y || !s->hn || !s->cn || !s->logits)
        return sl_fail_memory(error, "a batch", steps * (shape->inputs + outputs) * sizeof *s->x);
    for (size_t n = 0; n < c->rows; n++)
        s->lengths[n] = (int64_t)length_of(c, n);
    for (size_t k = 0; k < steps * shape->inputs; k++)
        s->x[k] = (float)(k % 17) / 8 - 1;
    return SLUICE_STATUS_OK;
}

/* Of one layer in one direction. */
static sluice_status make_gradients(const counted *c, fixture *s, sluice_error *error)
{
    const sluice_shape *shape = &c->shape;
    const size_t steps = c->rows * c->steps, gates = SL_GATES * shape->hidden;
    s->dy = sl_alloc_array(steps * shape->hidden, sizeof *s->dy);
    s->dx = sl_alloc_array(steps * shape->inputs, sizeof *s->dx);
    s->weight_ih = sl_alloc_array(gates * shape->inputs, sizeof *s->weight_ih);
    s->weight_hh = sl_alloc_array(gates * shape->hidden, sizeof *s->weight_hh);
    s->bias = sl_alloc_array(gates, sizeof *s->bias);
    if (!s->dy || !s->dx || !s->weight_ih || !s->weight_hh || !s->bias)
        return sl_fail_memory(error, "a gradient", steps * (shape->inputs + shape->hidden) * sizeof *s->dx);
    for (size_t k = 0; k < steps * shape->hidden; k++)
        s->dy[k] = (float)(k % 13) / 8 - 1;
    return sluice_tape_create(s->engine, NULL, &s->tape, error);
}

/* An engine as on one CPU with 32 KB, 512 KB and 8 MB of cache. The sizes that follow from them are smaller than the engine's
 * own, so that batches that an emulator can stand go through every loop more than once. */
static sluice_status make_engine(const counted *c, fixture *s, sluice_error *error)
{
    const sluice_engine_options options = {.struct_size = sizeof options,
                                           .isa = SLUICE_ISA_AVX2,
                                           .gemm = SLUICE_GEMM_FUSED,
                                           .schedule = c->schedule,
                                           .threads = 1,
                                           .training = c->trains};
    sluice_shape shape = c->shape;
    shape.struct_size = sizeof shape;
    sluice_status status = sluice_model_create_initial(&shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &s->model, error);
    status = status ? status : sluice_engine_create(s->model, &options, &s->engine, error);
    if (status)
        return status;
    s->engine->limits = (sl_limits){.l1d_bytes = 32 << 10,
                                    .l2_bytes = 512 << 10,
                                    .l3_bytes = 8 << 20,
                                    .cpus = 1,
                                    .auto_hoisted_rows = 1,
                                    .row_block_rows = 24,
                                    .hoist_product_rows = 64,
                                    .layer_buffer_floats = 1 << 13};
    return sluice_workspace_create(s->engine, c->rows, c->steps, &s->workspace, error);
}

static sluice_status run_case(const counted *c, sluice_error *error)
{
    fixture s = {0};
    sluice_status status = make_arrays(c, &s, error);
    status = status ? status : make_engine(c, &s, error);
    if (!status && c->trains)
        status = make_gradients(c, &s, error);
    if (!status) {
        const bool reads_tokens = c->shape.vocabulary > 0;
        const sluice_batch batch = {.struct_size = sizeof batch,
                                    .steps = c->steps,
                                    .rows = c->rows,
                                    .lengths = c->ragged ? s.lengths : NULL,
                                    .x = reads_tokens ? NULL : s.x,
                                    .tokens = reads_tokens ? s.tokens : NULL,
                                    .y = s.y,
                                    .hn = s.hn,
                                    .cn = s.cn,
                                    .logits = c->shape.classes ? s.logits : NULL,
                                    .tape = s.tape};
        status = sluice_forward(s.engine, s.workspace, &batch, error);
    }
    if (!status && c->trains) {
        const sluice_gradient gradient = {.struct_size = sizeof gradient,
                                          .dy = s.dy,
                                          .dx = s.dx,
                                          .weight_ih = &s.weight_ih,
                                          .weight_hh = &s.weight_hh,
                                          .bias = &s.bias};
        status = sluice_backward(s.tape, &gradient, error);
    }
    clear_scene(&s);
    return status;
}

static const counted *find_case(const char *name)
{
    for (size_t k = 0; k < CASES; k++)
        if (strcmp(cases[k].name, name) == 0)
            return &cases[k];
    return NULL;
}

/* Status 77: this machine lacks the instruction set. */
int main(int argc, char **argv)
{
    enum { LACKING = 77, USAGE = 2 };
    sluice_error error = {0};
    const counted *chosen = argc == 2 ? find_case(argv[1]) : NULL;
    if (argc > 2 || (argc == 2 && !chosen)) {
        fprintf(stderr, "usage: count [CASE]; without one it lists them\n");
        return USAGE;
    }
    const sluice_status status = chosen ? run_case(chosen, &error) : list_cases(&error);
    if (status)
        fprintf(stderr, "count: %s\n", error.message);
    return !status ? EXIT_SUCCESS : status == SLUICE_STATUS_UNSUPPORTED ? LACKING : EXIT_FAILURE;
}
