#include "engine/forward/tape.h"

#include "base/error.h"
#include "base/struct_size.h"
#include "engine/check.h"
#include "engine/forward/tape_index.h"
#include "engine/forward/tape_layout.h"
#include "sluice_train.h"

/* Index a batch and count the bytes that it needs besides the index. */
static sluice_status measure(sluice_tape *tape, size_t rows, size_t steps, const int64_t *lengths, size_t *bytes,
                             sluice_error *error)
{
    const sluice_status status = sl_tape_index_make(tape, rows, steps, lengths, error);
    if (status)
        return status;
    sl_arena sizes = {.fits = true};
    sl_tape_layout(tape, &sizes);
    *bytes = sizes.used;
    return sizes.fits ? SLUICE_STATUS_OK : sl_fail_size(error, "the tape");
}

static void find_inputs(sluice_tape *tape, const sluice_batch *batch)
{
    for (size_t k = 0; k < tape->rows; k++) {
        const size_t row = tape->sorted_rows[k], offset = batch->x_offsets ? batch->x_offsets[row] : row * batch->x_row_stride;
        tape->x_row[k] = batch->x ? batch->x + offset : NULL;
        tape->token_row[k] = batch->tokens ? batch->tokens + offset : NULL;
    }
}

sluice_status sl_tape_fit(sluice_tape *tape, const sluice_batch *batch, sluice_error *error)
{
    size_t bytes;
    tape->holds = false;
    tape->drops = batch->dropout > 0;
    const sluice_status status = measure(tape, batch->rows, batch->steps, batch->lengths, &bytes, error);
    if (status)
        return status;
    if (!sl_tape_grow(&tape->memory, &tape->memory_bytes, bytes))
        return sl_fail_memory(error, "a tape", bytes);
    sl_arena from = {.base = tape->memory, .fits = true};
    sl_tape_layout(tape, &from);
    for (size_t k = 0; k < sl_tape_packed_units(tape->engine); k++)
        tape->minus_zeros[k] = -0.0f;
    tape->batch = *batch;
    tape->models = tape->engine->models;
    find_inputs(tape, batch);
    return SLUICE_STATUS_OK;
}

static sluice_status check_engine(const sluice_engine *engine, const char *call, sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: engine is NULL", call);
    if (!engine->training)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: the engine was not made for training; make it with the option training", call);
    if (engine->gemm != SLUICE_GEMM_FUSED)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: the engine's path is BLIS; training has the fused path (gemm fused)",
                       call);
    return SLUICE_STATUS_OK;
}

/* What a new tape has from the options, which may be NULL. */
static sluice_status take_options(sluice_tape *tape, const sluice_tape_options *options, const char *call, sluice_error *error)
{
    sluice_tape_options known = {0};
    const sluice_status status =
        options ? sl_struct_take(&known, options, SL_STRUCT(sluice_tape_options), call, error) : SLUICE_STATUS_OK;
    tape->recompute = known.recompute;
    return status;
}

sluice_status sluice_tape_create(const sluice_engine *engine, const sluice_tape_options *options, sluice_tape **tape,
                                 sluice_error *error)
{
    if (!tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_tape_create: tape is NULL");
    *tape = NULL;
    sluice_tape new = {.engine = engine};
    sluice_status status = check_engine(engine, "sluice_tape_create", error);
    if (!status)
        status = take_options(&new, options, "sluice_tape_create", error);
    if (status)
        return status;
    sluice_tape *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a tape", sizeof *made);
    *made = new;
    *tape = made;
    return SLUICE_STATUS_OK;
}

size_t sluice_tape_get_bytes(const sluice_tape *tape)
{
    return tape->index_bytes + tape->memory_bytes;
}

sluice_status sluice_tape_required_bytes(const sluice_engine *engine, const sluice_tape_options *options, size_t rows, size_t steps,
                                         const int64_t *lengths, size_t *bytes, sluice_error *error)
{
    sluice_tape sized = {.engine = engine};
    sluice_status status = check_engine(engine, "sluice_tape_required_bytes", error);
    if (!status)
        status = take_options(&sized, options, "sluice_tape_required_bytes", error);
    if (!status && !bytes)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_tape_required_bytes: bytes is NULL");
    if (!status)
        status = sl_batch_check_lengths(rows, steps, lengths, error);
    if (status)
        return status;
    size_t used;
    status = measure(&sized, rows, steps, lengths, &used, error);
    if (!status)
        *bytes = sized.index_bytes + used;
    sl_free(sized.index);
    return status;
}

void sluice_tape_destroy(sluice_tape *tape)
{
    if (!tape)
        return;
    sl_free(tape->index);
    sl_free(tape->memory);
    sl_free(tape);
}
