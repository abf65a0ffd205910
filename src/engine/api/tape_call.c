/* The calls that make, measure and free a tape. */
#include "base/error.h"
#include "base/memory.h"
#include "base/struct_size.h"
#include "engine/check.h"
#include "engine/tape/tape_layout.h"
#include "sluice_train.h"

static sluice_status check_engine(const sluice_engine *engine, const char *call, sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: engine is NULL", call);
    if (!engine->training)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: the engine was not made for training; make it with the option training", call);
    return SLUICE_STATUS_OK;
}

/* What a new tape has from the options, which may be NULL. */
static sluice_status take_options(sluice_tape *tape, const sluice_tape_options *options, const char *call, sluice_error *error)
{
    sluice_tape_options known = {0};
    const sluice_status status =
        options ? sl_struct_take(&known, options, SL_STRUCT(sluice_tape_options), call, error) : SLUICE_STATUS_OK;
    tape->recompute = known.recompute;
    tape->is_kept = known.keep;
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
    status = sl_tape_measure(&sized, rows, steps, lengths, &used, error);
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
