#include "perf/cases/library_run.h"

sluice_status sl_library_run(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_precision precision,
                             const sluice_batch *batch, sluice_error *error)
{
    const sluice_engine_options options = {
        .struct_size = sizeof options, .isa = isa, .gemm = SLUICE_GEMM_FUSED, .threads = threads, .precision = precision};
    sluice_engine *engine;
    sluice_workspace *workspace = NULL;
    sluice_status status = sluice_engine_create(model, &options, &engine, error);
    status = status ? status : sluice_workspace_create(engine, batch->rows, batch->steps, &workspace, error);
    status = status ? status : sluice_forward(engine, workspace, batch, error);
    sluice_workspace_destroy(workspace);
    sluice_engine_destroy(engine);
    return status;
}
