/* Cutting a batch into shards, and the shards of a rank. */
#include "base/error.h"
#include "base/size.h"
#include "engine/check.h"

#include <stdbool.h>

/* Part k of S of a sum, an integer and a fraction rest / S; products stay below 2^64 as S is at most SLUICE_MAX_SHARDS. */
typedef struct share {
    uint64_t whole, rest;
} share;

static share part_of(uint64_t sum, uint64_t k, uint64_t shards)
{
    const uint64_t over = k * (sum % shards);
    return (share){k * (sum / shards) + over / shards, over % shards};
}

/* Whether a point `below` under a share's whole part is as near to the share as one `above` over it, or nearer. */
static bool is_lower_nearer(share at, uint64_t below, uint64_t above, uint64_t shards)
{
    return above >= below && (above - below >= 2 || (above - below) * shards >= 2 * at.rest);
}

/* Cut rows of as many steps each. */
static void cut_evenly(size_t rows, size_t shards, size_t *bounds)
{
    for (size_t k = 1; k < shards; k++) {
        const share at = part_of(rows, k, shards);
        bounds[k] = (size_t)at.whole + (2 * at.rest > shards);
    }
}

/* Cut rows of `all` steps together. */
static void cut_by_lengths(size_t rows, const int64_t *lengths, uint64_t all, size_t shards, size_t *bounds)
{
    size_t row = 0, first = 0; /* the last row before which there are no more steps than the share, and the first with as many */
    uint64_t sum = 0;          /* of the steps before it */
    for (size_t k = 1; k < shards; k++) {
        const share at = part_of(all, k, shards);
        for (uint64_t next; row < rows && (next = sum + (uint64_t)lengths[row]) <= at.whole; sum = next) {
            row++;
            first = next > sum ? row : first;
        }
        const bool is_lower = row == rows || is_lower_nearer(at, at.whole - sum, sum + (uint64_t)lengths[row] - at.whole, shards);
        bounds[k] = is_lower ? first : row + 1;
    }
}

sluice_status sluice_shards_cut(size_t rows, size_t steps, const int64_t *lengths, size_t shards, size_t *bounds,
                                sluice_error *error)
{
    if (!bounds)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_shards_cut: bounds is NULL");
    if (!shards || shards > SLUICE_MAX_SHARDS)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_shards_cut: %zu shards; expected 1..%d", shards,
                       SLUICE_MAX_SHARDS);
    const sluice_status status = sl_batch_check_lengths(rows, steps, lengths, error);
    if (status)
        return status;
    size_t all;
    if (!sl_size_mul(rows, steps, &all))
        return sl_fail_size(error, "the steps of a batch");
    for (size_t row = 0; lengths && row < rows; row++)
        all -= steps - (size_t)lengths[row];
    bounds[0] = 0;
    if (lengths && all)
        cut_by_lengths(rows, lengths, all, shards, bounds);
    else
        cut_evenly(rows, shards, bounds);
    bounds[shards] = rows;
    return SLUICE_STATUS_OK;
}

void sluice_shards_of_rank(size_t shards, size_t rank, size_t ranks, size_t *first, size_t *end)
{
    ranks = sl_size_max(1, ranks);
    const size_t each = shards / ranks, rest = shards % ranks; /* rest * rank fits where the shards are at most SLUICE_MAX_SHARDS */
    *first = each * rank + rest * rank / ranks;
    *end = each * (rank + 1) + rest * (rank + 1) / ranks;
}
