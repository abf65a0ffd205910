/* The calls that make, describe and free an engine. */
#include "base/error.h"
#include "base/struct_size.h"
#include "engine/api/engine_allocate.h"
#include "engine/api/engine_fill.h"
#include "engine/cell_options.h"
#include "engine/environment.h"
#include "engine/forward/workspace_pool.h"
#include "engine/schedule/isa_fit.h"
#include "engine/schedule/limits.h"
#include "engine/schedule/machine_figures.h"
#include "model/model.h"

sluice_status sluice_engine_create(const sluice_model *model, const sluice_engine_options *options, sluice_engine **engine,
                                   sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: engine is NULL");
    *engine = NULL;
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: model is NULL");
    sl_choice choice;
    sluice_machine machine;
    sluice_status status = sl_choose(options, &choice, error);
    if (!status)
        status = sl_machine_take(choice.machine, choice.isa, &machine, error);
    if (!status && choice.training)
        status = sl_cells_check_training(model->network, error);
    if (!status)
        status = sl_format_check(model->network, choice.precision, error);
    if (status)
        return status;
    const sluice_isa isa = sl_isa_fit(&choice, model->network);
    if (isa != choice.isa)
        sl_machine_get_of(isa, &machine);

    sluice_engine *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "an engine", sizeof *made);
    made->shape = model->shape;
    made->cell = SL_CELL_LSTM;
    made->kernel = sl_kernel_get(isa);
    made->gemm = choice.gemm;
    made->precision = choice.precision;
    made->schedule = choice.schedule;
    made->threads = choice.threads;
    made->flush_to_zero = choice.flush_to_zero;
    made->training = choice.training;
    made->machine = machine;
    made->has_bf16_dot = choice.precision == SLUICE_PRECISION_BF16 && sl_format_bf16_dot_is_right(made->kernel);
    made->pool = sl_pool_create();
    const sl_weights weights = sl_weights_of_model(model);
    const sluice_status copied = sl_network_create(&model->network->description, model->network->is_shape, &made->network, NULL);
    if (copied || !made->pool || !sl_engine_allocate(made, &weights)) {
        const size_t bytes = made->packed_bytes;
        sluice_engine_destroy(made);
        return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                       "out of memory while packing weights, after %zu bytes; use a smaller model, or raise the limit", bytes);
    }
    sl_limits_set(made);
    /* Later weights are packed by all threads, as all of an engine for training. Who makes another and never computes has no workers. */
    sl_engine_fill(made, &weights, made->training ? sl_workers(made) : 1);
    *engine = made;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_engine_get_info(const sluice_engine *engine, sluice_engine_info *info)
{
    if (!engine || sl_struct_check(info, SL_STRUCT(sluice_engine_info), "sluice_engine_get_info", NULL))
        return SLUICE_STATUS_BAD_ARGUMENT;
    const sluice_engine_info found = {.isa = engine->kernel->isa,
                                      .gemm = engine->gemm,
                                      .schedule = engine->schedule,
                                      .threads = engine->threads,
                                      .packed_bytes = engine->packed_bytes,
                                      .table_bytes = engine->table_bytes,
                                      .lanes = engine->kernel->lanes,
                                      .precision = engine->precision};
    sl_struct_give(info, &found, SL_STRUCT(sluice_engine_info));
    return SLUICE_STATUS_OK;
}

void sluice_engine_destroy(sluice_engine *engine)
{
    if (!engine)
        return;
    sl_engine_free_weights(engine);
    sl_free(engine->tuned_plans);
    sl_pool_destroy(engine->pool);
    sl_network_destroy(engine->network);
    sl_free(engine);
}
