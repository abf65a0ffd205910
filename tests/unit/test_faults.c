/* Every allocation failing in turn: the call says NO_MEMORY in words, its out pointer is NULL, everything else is as it was,
 * and nothing leaks. */
#include "engine/schedule/tuned_plan_list.h"
#include "support/cases/cell_scene.h"
#include "support/cases/network_runs.h"
#include "support/cases/sample_networks.h"
#include "support/memory/failing.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_train.h"
#include "sluice_tools.h"

#include <string.h>
#include <unistd.h>

/* ---- The cases ---- */

/* What the cases work on. */
typedef struct fixture {
    test_network network;
    const sluice_engine_options *options;
    const char *path; /* of a model file */
    sluice_engine *engine;
    sluice_model *cells; /* with layer normalisation, a projection and initial states */
    sluice_engine *engine_of_cells;
    const test_made_network *chain; /* a network of several kinds of layers, and its model */
    const sluice_model *chain_model;
    void *made; /* what the case made, to be destroyed by its undo */
} fixture;

typedef struct fault_case {
    const char *what;
    sluice_status (*act)(fixture *, sluice_error *);
    void (*undo)(void *made);
} fault_case;

static sluice_status create_model(fixture *f, sluice_error *error)
{
    return sluice_model_create(&f->network.weights, (sluice_model **)&f->made, error);
}

static sluice_status create_initial(fixture *f, sluice_error *error)
{
    return sluice_model_create_initial(f->network.weights.shape, SLUICE_INITIALIZER_UNIFORM, 3, NULL, (sluice_model **)&f->made,
                                       error);
}

static sluice_status load_model(fixture *f, sluice_error *error)
{
    return sluice_model_load(f->path, NULL, (sluice_model **)&f->made, error);
}

static sluice_status create_engine(fixture *f, sluice_error *error)
{
    return sluice_engine_create(f->network.model, f->options, (sluice_engine **)&f->made, error);
}

static sluice_status create_engine_of_cells(fixture *f, sluice_error *error)
{
    return sluice_engine_create(f->cells, f->options, (sluice_engine **)&f->made, error);
}

static sluice_status create_streams_of_cells(fixture *f, sluice_error *error)
{
    return sluice_streams_create(f->engine_of_cells, 3, (sluice_streams **)&f->made, error);
}

static sluice_status create_workspace_of_cells(fixture *f, sluice_error *error)
{
    return sluice_workspace_create(f->engine_of_cells, 40, 9, (sluice_workspace **)&f->made, error);
}

static sluice_status create_workspace(fixture *f, sluice_error *error)
{
    return sluice_workspace_create(f->engine, 40, 9, (sluice_workspace **)&f->made, error);
}

static const char *const class_names[] = {"one", "two", "three"};

static sluice_status create_network(fixture *f, sluice_error *error)
{
    return sluice_model_create_network(&f->chain->network, f->chain->parameters, f->chain->parameter_count, class_names,
                                       (sluice_model **)&f->made, error);
}

static sluice_status create_chain_engine(fixture *f, sluice_error *error)
{
    return sluice_engine_create(f->chain_model, f->options, (sluice_engine **)&f->made, error);
}

static void undo_model(void *made)
{
    sluice_model_destroy(made);
}

static void undo_engine(void *made)
{
    sluice_engine_destroy(made);
}

static void undo_workspace(void *made)
{
    sluice_workspace_destroy(made);
}

static void undo_streams(void *made)
{
    sluice_streams_destroy(made);
}

static const fault_case cases[] = {
    {"sluice_model_create", create_model, undo_model},
    {"sluice_model_create_initial", create_initial, undo_model},
    {"sluice_model_load", load_model, undo_model},
    {"sluice_model_create_network", create_network, undo_model},
    {"sluice_engine_create", create_engine, undo_engine},
    {"sluice_engine_create of a network", create_chain_engine, undo_engine},
    {"sluice_workspace_create", create_workspace, undo_workspace},
    {"sluice_engine_create, cells", create_engine_of_cells, undo_engine},
    {"sluice_workspace_create, cells", create_workspace_of_cells, undo_workspace},
    {"sluice_streams_create, cells", create_streams_of_cells, undo_streams},
};

/* Run the case with the n-th of its allocations failing; 0: none. Whether it had one to fail. */
static bool run_case(const fault_case *c, fixture *f, long n)
{
    sluice_error error = {0};
    f->made = f;
    test_fired = false;
    const size_t before = test_alive;
    test_countdown = n;
    test_watching = true;
    const sluice_status status = c->act(f, &error);
    test_countdown = 0;
    void *made = f->made;
    if (status == SLUICE_STATUS_OK)
        c->undo(made);
    test_watching = false;
    const size_t left = test_alive - before;
    ck_assert_msg(left == 0, "%s, allocation %ld failing: %zu blocks leak", c->what, n, left);
    if (!test_fired) {
        ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", c->what, error.message);
        return false;
    }
    ck_assert_msg(status == SLUICE_STATUS_NO_MEMORY, "%s, allocation %ld failing: %s (%s)", c->what, n,
                  sluice_status_get_name(status), error.message);
    ck_assert_msg(made == NULL, "%s, allocation %ld failing: the out pointer is not NULL", c->what, n);
    ck_assert_msg(error.status == SLUICE_STATUS_NO_MEMORY && error.message[0], "%s, allocation %ld failing: no message", c->what,
                  n);
    return true;
}

/* A safetensors file of a little model with all that a loader allocates for; zero weights. */
static void write_model(FILE *file)
{
    static const char header[] = "{\"__metadata__\":{\"classes\":\"yes,no\",\"made\":\"by hand\"},"
                                 "\"embedding.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]},"
                                 "\"lstm.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8,2],\"data_offsets\":[24,88]},"
                                 "\"lstm.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[8,2],\"data_offsets\":[88,152]},"
                                 "\"lstm.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[152,184]},"
                                 "\"lstm.bias_hh_l0\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[184,200]},"
                                 "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[200,216]},"
                                 "\"fc.bias\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[216,220]},"
                                 "\"steps_trained\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[220,224]}}";
    const uint64_t length = sizeof header - 1; /* little-endian, as the machines this runs on */
    static const char zeros[224];
    ck_assert_uint_eq(fwrite(&length, sizeof length, 1, file), 1);
    ck_assert_uint_eq(fwrite(header, (size_t)length, 1, file), 1);
    ck_assert_uint_eq(fwrite(zeros, sizeof zeros, 1, file), 1);
    ck_assert_int_eq(fflush(file), 0);
}

static const sluice_shape shape = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 3, .has_bias = 1};

static sluice_engine_options option(sluice_gemm gemm, sluice_schedule schedule)
{
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, schedule);
    options.gemm = gemm;
    return options;
}

TEST_LOOP(creating, 0, 2 * sizeof cases / sizeof cases[0])
{
    char path[] = "/tmp/sluice-faults-XXXXXX";
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "wb");
    write_model(file);
    fclose(file);

    uint64_t random = test_seed();
    const sluice_gemm gemm = _i % 2 ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
    const sluice_engine_options options = option(gemm, SLUICE_SCHEDULE_AUTO);
    fixture f = {.network = test_network_random(&shape, 1.0f, &random), .options = &options, .path = path};
    f.network.weights.class_names = class_names;
    const test_network_case sample = test_network_sample(0);
    test_made_network chain;
    test_made_network_create(&sample, &chain);
    sluice_model *chain_model = test_made_network_model(&chain);
    f.chain = &chain;
    f.chain_model = chain_model;
    ck_assert_int_eq(sluice_engine_create(f.network.model, &options, &f.engine, NULL), SLUICE_STATUS_OK);
    static const test_cell_case cells = {
        .first = TEST_CELL_NORM, .second = TEST_CELL_INITIAL_STATE, .layers = 2, .inputs = 3, .hidden = 9, .projection = 4};
    f.cells = test_cell_model(&cells, &random);
    ck_assert_int_eq(sluice_engine_create(f.cells, &options, &f.engine_of_cells, NULL), SLUICE_STATUS_OK);

    const fault_case *c = &cases[_i / 2];
    ck_assert(!run_case(c, &f, 0)); /* what libraries allocate once and keep is behind us then */
    long n = 1;
    while (run_case(c, &f, n))
        n++;
    printf("%s, %s: %ld allocations\n", c->what, sluice_gemm_get_name(gemm), n - 1);
    ck_assert_int_gt(n, 1);

    sluice_engine_destroy(f.engine_of_cells);
    sluice_model_destroy(f.cells);
    sluice_model_destroy(chain_model);
    test_made_network_free(&chain);
    sluice_engine_destroy(f.engine);
    test_network_free(&f.network);
    ck_assert_int_eq(unlink(path), 0);
}

/* ---- Growth ---- */

/* A small batch and a large one, and what they should give. */
typedef struct growth {
    test_batch small, large, small_want, large_want;
    sluice_engine *engine;
} growth;

static sluice_status forward(const growth *g, sluice_workspace *workspace, test_batch *batch)
{
    test_batch_prefill(batch);
    return sluice_forward(g->engine, workspace, &batch->batch, NULL);
}

/* A workspace grows in a call whose n-th allocation fails; whether it had one to fail. */
static bool grow(growth *g, long n)
{
    sluice_workspace *workspace = NULL;
    sluice_error error = {0};
    const size_t before = test_alive;
    test_watching = true;
    const sluice_status created = sluice_workspace_create(g->engine, 0, 0, &workspace, NULL);
    test_watching = false;
    ck_assert_int_eq(created, SLUICE_STATUS_OK);
    ck_assert_int_eq(forward(g, workspace, &g->small), SLUICE_STATUS_OK);
    const size_t bytes = sluice_workspace_get_bytes(workspace);

    test_batch_prefill(&g->large);
    test_fired = false;
    test_countdown = n;
    test_watching = true;
    const sluice_status status = sluice_forward(g->engine, workspace, &g->large.batch, &error);
    test_watching = false;
    test_countdown = 0;
    const bool failed = test_fired;
    if (failed) {
        ck_assert_msg(status == SLUICE_STATUS_NO_MEMORY, "allocation %ld failing: %s", n, sluice_status_get_name(status));
        ck_assert(error.status == SLUICE_STATUS_NO_MEMORY && error.message[0]);
        ck_assert_msg(test_batch_untouched(&g->large), "allocation %ld failing: an output is written", n);
        ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), bytes);
        ck_assert_int_eq(forward(g, workspace, &g->small), SLUICE_STATUS_OK);
        test_same_outputs(&g->small, &g->small_want, "after a failed growth");
        test_watching = true;
        const sluice_status again = forward(g, workspace, &g->large);
        test_watching = false;
        ck_assert_int_eq(again, SLUICE_STATUS_OK);
    }
    test_same_outputs(&g->large, &g->large_want, "after growth");

    /* grown: the same call allocates nothing */
    test_fired = false;
    test_countdown = 1;
    test_watching = true;
    const sluice_status steady = sluice_forward(g->engine, workspace, &g->large.batch, NULL);
    test_countdown = 0;
    sluice_workspace_destroy(workspace);
    test_watching = false;
    ck_assert_int_eq(steady, SLUICE_STATUS_OK);
    ck_assert_msg(!test_fired, "a call that fits allocates");
    ck_assert_msg(test_alive == before, "allocation %ld failing: %zu blocks leak", n, test_alive - before);
    return failed;
}

TEST_LOOP(growing, 0, 4)
{
    static const struct {
        sluice_gemm gemm;
        sluice_schedule schedule;
    } plans[] = {{SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_ROWS},
                 {SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_HOIST},
                 {SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_UNITS},
                 {SLUICE_GEMM_BLIS, SLUICE_SCHEDULE_AUTO}};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    const sluice_engine_options options = option(plans[_i].gemm, plans[_i].schedule);
    growth g = {.small = test_batch_random(&shape, 3, 2, TEST_RAGGED, &random),
                .large = test_batch_random(&shape, 3000, 9, TEST_RAGGED | TEST_STATES, &random)};
    g.small_want = test_batch_pick(&shape, &g.small, 0, 3);
    g.large_want = test_batch_pick(&shape, &g.large, 0, 3000);
    test_run_once(network.model, &options, &g.small_want.batch);
    test_run_once(network.model, &options, &g.large_want.batch);
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &g.engine, NULL), SLUICE_STATUS_OK);
    long n = 1;
    while (grow(&g, n))
        n++;
    printf("growing, %s, %s: %ld allocations\n", sluice_gemm_get_name(plans[_i].gemm), sluice_schedule_get_name(plans[_i].schedule),
           n - 1);
    ck_assert_int_gt(n, 1);
    sluice_engine_destroy(g.engine);
    test_batch_free(&g.small);
    test_batch_free(&g.large);
    test_batch_free(&g.small_want);
    test_batch_free(&g.large_want);
}

/* A call with masks and outputs of layers whose n-th allocation fails, in a workspace that was made for batches without masks, or, NULL,
 * in one of the engine's. Whether it had one to fail. */
static bool run_masked(const sluice_engine *engine, bool has_workspace, const test_made_network *made, const test_answer *want,
                       long n)
{
    sluice_error error = {0};
    sluice_workspace *workspace = NULL;
    sluice_output outputs[TEST_CASE_LAYERS];
    test_answer got = test_answer_create(made, &made->batch);
    const sluice_batch batch = test_network_batch(&made->batch, &got, outputs);
    const size_t before = test_alive;
    test_watching = true; /* Check's own words allocate, too */
    sluice_status again = SLUICE_STATUS_OK,
                  created = has_workspace ? sluice_workspace_create(engine, 1, 1, &workspace, NULL) : SLUICE_STATUS_OK;
    test_fired = false;
    test_countdown = n;
    const sluice_status status = sluice_forward(engine, workspace, &batch, &error);
    test_countdown = 0;
    test_watching = false;
    const bool failed = test_fired;
    for (size_t j = 0; failed && j < TEST_ARRAYS; j++)
        ck_assert_msg(!got.arrays[j].at || test_prefilled(got.arrays[j].at, got.arrays[j].count), "allocation %ld failing: %s", n,
                      got.arrays[j].name);
    test_watching = true;
    if (failed && has_workspace)
        again = sluice_forward(engine, workspace, &batch, NULL);
    sluice_workspace_destroy(workspace);
    test_watching = false;
    ck_assert(created == SLUICE_STATUS_OK && again == SLUICE_STATUS_OK);
    ck_assert_msg(status == (failed ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK), "allocation %ld failing: %s", n, error.message);
    ck_assert_msg(!has_workspace || test_alive == before, "allocation %ld failing: %zu blocks leak", n, test_alive - before);
    if (!failed || has_workspace)
        ck_assert_str_eq(test_answer_compare(&got, want).text, "");
    test_answer_free(&got);
    return failed;
}

TEST_LOOP(masks_and_outputs, 0, 2 * TEST_SAMPLES)
{
    const test_network_case sample = test_network_sample((size_t)_i / 2);
    const sluice_engine_options options = option(SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_UNITS);
    const test_setup same = {.threads = 2, .schedule = SLUICE_SCHEDULE_UNITS}; /* what libraries keep is behind us then */
    test_made_network made;
    test_made_network_create(&sample, &made);
    OWNED_HANDLE(sluice_model) model = test_made_network_model(&made);
    OWNED_HANDLE(sluice_engine) engine = NULL;
    ck_assert_int_eq(sluice_engine_create(model, &options, &engine, NULL), SLUICE_STATUS_OK);
    test_answer want = test_answer_create(&made, &made.batch);
    ck_assert_str_eq(test_network_run(&made, model, &made.batch, &same, &want).text, "");
    long n = 1;
    while (run_masked(engine, _i % 2, &made, &want, n))
        n++;
    printf("masks and outputs, network %d: %ld allocations\n", _i / 2, n - 1);
    ck_assert_int_gt(n, 1);
    test_answer_free(&want);
    test_made_network_free(&made);
}

/* ---- Learning ---- */

/* All of a file is learned, or nothing. */
TEST(learning)
{
    char path[] = "/tmp/sluice-faults-XXXXXX";
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    const sluice_engine_options options = option(SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_AUTO);
    const sl_tuned_plan known = {1, 2, {2, 1, false, false}, 3};
    uint64_t random = test_seed();
    test_network network = test_network_random(&shape, 1.0f, &random);
    sluice_engine *engine;
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &engine, NULL), SLUICE_STATUS_OK);
    for (size_t k = 1; k <= 4; k++)
        ck_assert_int_eq(sl_tuned_plan_store(engine, &(sl_tuned_plan){k, 2, {1, 2, true, false}, 5}, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_plan_save(engine, path, NULL), SLUICE_STATUS_OK);
    engine->tuned_plan_count = 0;
    ck_assert_int_eq(sl_tuned_plan_store(engine, &known, NULL), SLUICE_STATUS_OK);
    long n = 1;
    for (;; n++) {
        sluice_error error = {0};
        test_fired = false;
        test_countdown = n;
        test_watching = true;
        const sluice_status status = sluice_plan_load(engine, path, &error);
        test_countdown = 0;
        test_watching = false;
        if (!test_fired)
            break;
        ck_assert_int_eq(status, SLUICE_STATUS_NO_MEMORY);
        ck_assert_msg(engine->tuned_plan_count == 1 && engine->tuned_plans[0].plan.thread_groups == 2 &&
                          engine->tuned_plans[0].seconds == 3,
                      "allocation %ld failing: a plan was stored", n);
    }
    printf("learning: %ld allocations\n", n - 1);
    ck_assert(n > 5 && engine->tuned_plan_count == 4);
    sluice_engine_destroy(engine);
    test_network_free(&network);
    ck_assert_int_eq(unlink(path), 0);
}

/* ---- Weights that no longer are 16-bit numbers ---- */

typedef struct widening {
    const sluice_model *exact;
    const test_network *other;
    int by_weights; /* given as arrays */
    test_batch *batch;
} widening;

/* Where memory fails, the engine is as it was. */
static sluice_status widen(void *context, sluice_error *error)
{
    const widening *w = context;
    const sluice_engine_options options = option(SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_ROWS);
    OWNED_HANDLE(sluice_engine) engine = NULL;
    test_watching = false; /* but for the call that is tried */
    SUCCEEDS(sluice_engine_create, w->exact, &options, &engine);
    test_watching = true;
    const sluice_status status = w->by_weights ? sluice_engine_set_weights(engine, &w->other->weights, NULL, error)
                                               : sluice_engine_set_model(engine, w->other->model, error);
    test_watching = false;
    test_as_new(engine, status ? w->exact : w->other->model, &options, w->batch);
    return status;
}

TEST_LOOP(widening, 0, 2)
{
    uint64_t random = test_seed();
    OWNED(test_network) other = test_network_random(&shape, 1, &random);
    OWNED(test_network) exact = test_network_create(&shape);
    for (size_t k = 0; k < exact.count; k++)
        exact.floats[k] = (float)(k % 17) / 16 - 0.5f;
    test_network_build(&exact);
    OWNED(test_batch) batch = test_batch_random(&shape, 5, 3, TEST_STATES, &random);
    widening w = {exact.model, &other, _i, &batch};
    test_fail_each(widen, &w, SLUICE_STATUS_OK, 2);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77; /* Meson's word for a test that was skipped */
    test_begin();
    return test_run(test_suite());
}
