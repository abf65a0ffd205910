#include "perf/bench/expect.h"

#include "base/error.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/cost_model.h"
#include "sluice_train.h"

/* What is expected of a case at a number of threads. */
typedef struct expected {
    sl_case shape;
    unsigned threads;
    size_t thread_groups, threads_per_group;
    bool wavefront;
    double cycles, speedup, share;
} expected;

#define FIELD(member) offsetof(expected, member)
/* clang-format off */
static const sl_field fields[] = {
    SL_EXPECT_SHAPE_FIELDS(expected),
    {"teams", FIELD(thread_groups), SL_FIELD_SIZE, 0, "", "thread groups", {"teams", 5}},
    {"members", FIELD(threads_per_group), SL_FIELD_SIZE, 0, "", "threads of each group", {"each", 4}},
    {"wavefront", FIELD(wavefront), SL_FIELD_FLAG, 0, "", "whether layers are a wavefront", {"wave", -5}},
    {"cycles", FIELD(cycles), SL_FIELD_REAL, 0, "cycles", "of one core", {"kcycles", 10, 1, 1e-3}},
    {"speedup", FIELD(speedup), SL_FIELD_REAL, 0, "", "over one thread", {"speedup", 7, 2}},
    {"fraction_of_peak", FIELD(share), SL_FIELD_REAL, 0, "", "share of the threads' peak", {"share", 5, 3}},
};
/* clang-format on */
const sl_field_table sl_expect_fields = {sizeof fields / sizeof fields[0], fields};

/* The peak of one core. */
static double flop_per_cycle(const sluice_engine *engine)
{
    return 2 * engine->machine.multiply_adds * (double)engine->kernel->lanes;
}

static double cycles_with(sluice_engine *engine, const sl_case *shape, unsigned threads, sl_exec_plan *plan)
{
    engine->threads = engine->limits.cpus = threads;
    const sl_batch_load load = sl_batch_load_get(engine, shape->batch, shape->steps, NULL);
    *plan = sl_exec_plan_choose(engine, &load);
    return sl_exec_plan_cycles(engine, &load, plan);
}

static sluice_status add_row(sluice_engine *engine, const sl_case *shape, unsigned threads, sl_bench_report *report,
                             sluice_error *error)
{
    const sl_result counted = {.shape = *shape, .total_steps = (uint64_t)shape->batch * shape->steps};
    sl_exec_plan alone, plan;
    const double one = cycles_with(engine, shape, 1, &alone), cycles = cycles_with(engine, shape, threads, &plan);
    const expected values = {.shape = *shape,
                             .threads = threads,
                             .thread_groups = plan.thread_groups,
                             .threads_per_group = plan.threads_per_group,
                             .wavefront = plan.wavefront,
                             .cycles = cycles,
                             .speedup = one / cycles,
                             .share = sl_result_flop(&counted) / cycles / flop_per_cycle(engine) / threads};
    return sl_bench_report_add(report, sl_fields_to_row(&sl_expect_fields, &values), error);
}

/* BAD_ARGUMENT for what the cost model does not cover. */
static sluice_status check_case(const sl_case *shape, const char *option, sluice_error *error)
{
    if (shape->ragged != SL_RAGGED_NONE)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s needs rows of one length, found a case with --ragged %s; leave it out", option,
                       sl_ragged_get_name(shape->ragged));
    if (shape->network)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s needs a shape, found the network %s; leave --set networks out",
                       option, sl_named_network_get_name(shape->network));
    if (shape->train)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s needs inference, as the cost model does not cover training; found a case with --train %s; leave it out",
                       option, sl_train_pass_get_name(shape->train));
    return SLUICE_STATUS_OK;
}

sluice_status sl_expect_create(const sl_case *shape, const sluice_machine *machine, unsigned threads, const char *option,
                               sluice_engine **engine, sluice_error *error)
{
    const sluice_shape network = {.struct_size = sizeof(sluice_shape),
                                  .layers = shape->layers,
                                  .directions = shape->directions,
                                  .inputs = shape->input,
                                  .hidden = shape->hidden,
                                  .has_bias = 1};
    const sluice_engine_options options = {.struct_size = sizeof options, .threads = threads, .machine = machine};
    sluice_model *model = NULL;
    sl_case no_rows = *shape;
    no_rows.batch = 0; /* of the arrays only the weights are made */
    *engine = NULL;
    sluice_status status = check_case(shape, option, error);
    status = status ? status : sl_case_check(&no_rows, error);
    status = status ? status : sluice_model_create_initial(&network, SLUICE_INITIALIZER_UNIFORM, shape->seed, NULL, &model, error);
    status = status ? status : sluice_engine_create(model, &options, engine, error);
    sluice_model_destroy(model);
    return status;
}

sluice_status sl_expect_run(const sl_case *shape, const sluice_machine *machine, const sl_list *threads, sl_bench_report *report,
                            sluice_error *error)
{
    sluice_engine *engine;
    sluice_status status = sl_expect_create(shape, machine, 0, "--expect", &engine, error);
    const unsigned chosen = status ? 0 : engine->threads;
    for (size_t k = 0; !status && k < threads->count; k++)
        status = add_row(engine, shape, threads->values[k] ? (unsigned)threads->values[k] : chosen, report, error);
    sluice_engine_destroy(engine);
    return status;
}
