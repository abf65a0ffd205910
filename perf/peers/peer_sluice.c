/* The library as a peer: its own kernels by any setting, or BLIS for the products. */
#include "perf/peers/peer.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>

typedef struct run {
    sluice_engine *engine;
    sluice_workspace *workspace;
    sluice_tape *tape; /* NULL: inference */
    const sluice_batch *batch;
    const sluice_gradient *gradient; /* NULL: not wanted */
} run;

static void describe_sluice(char *text, size_t bytes)
{
    snprintf(text, bytes, "%s", sluice_version_get());
}

static void describe_blis(char *text, size_t bytes)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    if (sluice_environment_get(NULL, &environment, NULL))
        snprintf(text, bytes, "unknown");
    else
        snprintf(text, bytes, "%s %s", environment.blis_version, environment.blis_config);
}

/* Whether the candidates are timed. BLIS has only one execution plan, and only batches of equal rows can be measured. */
static bool measures(const sl_result *result)
{
    return result->setting.measure && result->setting.gemm != SLUICE_GEMM_BLIS && !result->shape.ragged;
}

/* Store the setting that the engine uses. */
static sluice_status as_run(const sluice_engine *engine, sl_result *result)
{
    sl_setting *setting = &result->setting;
    sluice_engine_info info = {.struct_size = sizeof info};
    const sluice_status status = sluice_engine_get_info(engine, &info);
    setting->threads = info.threads;
    setting->isa = info.isa;
    if (setting->machine && setting->machine->isa != info.isa)
        setting->machine = NULL; /* as the engine has it */
    setting->gemm = info.gemm;
    setting->precision = info.precision;
    setting->schedule = info.gemm == SLUICE_GEMM_BLIS ? SLUICE_SCHEDULE_HOIST : info.schedule; /* BLIS always does */
    setting->measure = measures(result);
    return status;
}

/* Measure the candidates if asked for, and store the execution plan that the engine chooses. */
static sluice_status choose_plan(sluice_engine *engine, const sluice_batch *batch, sl_result *result, sluice_error *error)
{
    sluice_plan plan = {.struct_size = sizeof plan};
    sluice_status status = SLUICE_STATUS_OK;
    if (result->setting.measure)
        status = sluice_plan_measure(engine, batch->rows, batch->steps, NULL, error);
    status = status ? status : sluice_plan_get(engine, batch->rows, batch->steps, batch->lengths, &plan, error);
    result->plan.struct_size = sizeof result->plan;
    if (!status)
        status = sluice_plan_get_candidate(engine, batch->rows, batch->steps, batch->lengths, plan.chosen, &result->plan, error);
    return status;
}

static sluice_status make_sluice(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                                 sl_result *result, void **made, sluice_error *error)
{
    const sl_setting *setting = &result->setting;
    const sluice_engine_options options = {.struct_size = sizeof options,
                                           .isa = setting->isa,
                                           .gemm = setting->gemm,
                                           .schedule = setting->schedule,
                                           .threads = setting->threads,
                                           .precision = setting->precision,
                                           .training = result->shape.train != SL_TRAIN_NONE,
                                           .machine = setting->machine};
    run *it = *made = sl_alloc(sizeof *it);
    if (!it)
        return sl_fail_memory(error, "a peer", sizeof *it);
    it->batch = batch;
    it->gradient = gradient;
    sluice_status status = sluice_engine_create(model, &options, &it->engine, error);
    status = status ? status : as_run(it->engine, result);
    status = status ? status : choose_plan(it->engine, batch, result, error);
    status = status ? status : sluice_workspace_create(it->engine, batch->rows, batch->steps, &it->workspace, error);
    if (!status && result->shape.train)
        status = sluice_tape_create(it->engine, NULL, &it->tape, error);
    return status;
}

static sluice_status make_blis(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient,
                               sl_result *result, void **made, sluice_error *error)
{
    result->setting = (sl_setting){.threads = result->setting.threads, .gemm = SLUICE_GEMM_BLIS, .peer = result->setting.peer};
    return make_sluice(model, batch, gradient, result, made, error);
}

static sluice_status call_sluice(void *made, sluice_error *error)
{
    const run *it = made;
    sluice_batch batch = *it->batch;
    batch.tape = it->tape;
    const sluice_status status = sluice_forward(it->engine, it->workspace, &batch, error);
    return status || !it->gradient ? status : sluice_backward(it->tape, it->gradient, error);
}

static size_t get_bytes_sluice(void *made)
{
    return sluice_workspace_get_bytes(((const run *)made)->workspace);
}

static size_t get_tape_bytes_sluice(void *made)
{
    return sluice_tape_get_bytes(((const run *)made)->tape);
}

static void destroy_sluice(void *made)
{
    run *it = made;
    if (!it)
        return;
    sluice_tape_destroy(it->tape);
    sluice_workspace_destroy(it->workspace);
    sluice_engine_destroy(it->engine);
    sl_free(it);
}

const sl_peer sl_peer_sluice = {.name = "sluice",
                                .describe = describe_sluice,
                                .trains = true,
                                .runs_networks = true,
                                .runs_low = true,
                                .make = make_sluice,
                                .call = call_sluice,
                                .get_bytes = get_bytes_sluice,
                                .get_tape_bytes = get_tape_bytes_sluice,
                                .destroy = destroy_sluice};

const sl_peer sl_peer_blis = {.name = "blis",
                              .describe = describe_blis,
                              .trains = true,
                              .runs_networks = true,
                              .make = make_blis,
                              .call = call_sluice,
                              .get_bytes = get_bytes_sluice,
                              .get_tape_bytes = get_tape_bytes_sluice,
                              .destroy = destroy_sluice};
