#include "perf/bench/expect.h"

#include "base/error.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/cost_model.h"
#include "sluice_train.h"

const sl_column sl_expect_columns[SL_EXPECT_COLUMNS] = {
    {"steps", "T", 5, 0, 0},
    {"batch", "N", 5, 0, 0},
    {"input", "I", 5, 0, 0},
    {"hidden", "H", 5, 0, 0},
    {"layers", "L", 2, 0, 0},
    {"directions", "D", 2, 0, 0},
    {"threads", "thr", 4, 0, 0},
    {"teams", "teams", 5, 0, 0},
    {"members", "each", 4, 0, 0},
    {"wavefront", "wave", -5, 0, 0},
    {"cycles", "kcycles", 10, 1, 1e-3},
    {"speedup", "speedup", 7, 2, 0},
    {"fraction_of_peak", "share", 5, 3, 0},
};

/* Multiply-adds a cycle of one core: two vectors. */
static double flop_per_cycle(const sluice_engine *engine)
{
    return 2.0 * 2 * (double)engine->kernel->lanes;
}

static double cycles_with(sluice_engine *engine, const sl_case *shape, unsigned threads, sl_exec_plan *way)
{
    engine->threads = engine->limits.cpus = threads;
    const sl_batch_load load = sl_batch_load_get(engine, shape->batch, shape->steps, NULL);
    *way = sl_exec_plan_choose(engine, &load);
    return sl_exec_plan_cycles(engine, &load, way);
}

static sluice_status add_row(sluice_engine *engine, const sl_case *shape, unsigned threads, sl_bench_report *report,
                             sluice_error *error)
{
    const sl_result counted = {.shape = *shape, .total_steps = (uint64_t)shape->batch * shape->steps};
    sl_exec_plan alone, way;
    const double one = cycles_with(engine, shape, 1, &alone), cycles = cycles_with(engine, shape, threads, &way);
    const double share = sl_result_flop(&counted) / cycles / flop_per_cycle(engine) / threads;
    /* clang-format off */
    json_t *rest = json_pack("{si si si sb sf sf sf}",
                             "threads", (int)threads,
                             "teams", (int)way.thread_groups,
                             "members", (int)way.threads_per_group,
                             "wavefront", (int)way.wavefront,
                             "cycles", cycles,
                             "speedup", one / cycles,
                             "fraction_of_peak", share);
    /* clang-format on */
    return sl_bench_report_add(report, sl_case_to_row(shape, rest), error);
}

sluice_status sl_expect_run(const sl_case *shape, const sl_list *threads, sl_bench_report *report, sluice_error *error)
{
    const sluice_shape network = {.struct_size = sizeof(sluice_shape),
                                  .layers = shape->layers,
                                  .directions = shape->directions,
                                  .inputs = shape->input,
                                  .hidden = shape->hidden,
                                  .has_bias = 1};
    sluice_model *model = NULL;
    sluice_engine *engine = NULL;
    if (shape->ragged != SL_RAGGED_NONE)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--expect is of rows of one length, found a case whose rows are ragged (%s); leave it out",
                       sl_ragged_get_name(shape->ragged));
    if (shape->train)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--expect is of inference, which alone the model of cost knows; found a case that trains (%s); leave it out",
                       sl_train_get_name(shape->train));
    sl_case no_rows = *shape;
    no_rows.batch = 0; /* of the arrays only the weights are made */
    sluice_status status = sl_case_check(&no_rows, error);
    if (!status)
        status = sluice_model_create_initial(&network, SLUICE_INITIALIZER_UNIFORM, shape->seed, NULL, &model, error);
    if (!status)
        status = sluice_engine_create(model, NULL, &engine, error);
    const unsigned chosen = status ? 0 : engine->threads;
    for (size_t k = 0; !status && k < threads->count; k++)
        status = add_row(engine, shape, threads->values[k] ? (unsigned)threads->values[k] : chosen, report, error);
    sluice_engine_destroy(engine);
    sluice_model_destroy(model);
    return status;
}
