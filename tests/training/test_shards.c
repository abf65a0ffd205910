/* Cutting batches into shards, and sums and gathers over ranks: to the bit, whatever the number of ranks. */
#include "support/message.h"
#include "support/cases/rank_threads.h"
#include "support/suite.h"

#include <math.h>

/* ---- Cutting --------------------------------------------------------------------------------------------------------------- */

/* The boundary whose steps before it are nearest k/S of all, the smallest of equals: by looking at each. */
static size_t nearest(const int64_t *lengths, size_t rows, size_t shards, size_t k)
{
    uint64_t all = 0, sum = 0, least = UINT64_MAX;
    size_t best = 0;
    for (size_t row = 0; row < rows; row++)
        all += (uint64_t)lengths[row];
    for (size_t row = 0; row <= rows; row++) {
        const uint64_t a = sum * shards, b = all * k, off = a > b ? a - b : b - a;
        if (off < least) {
            least = off;
            best = row;
        }
        sum += row < rows ? (uint64_t)lengths[row] : 0;
    }
    return best;
}

TEST(cut_where_it_is_nearest)
{
    uint64_t random = test_seed();
    printf("seed %" PRIu64 "\n", random);
    for (size_t trial = 0; trial < 3000; trial++) {
        int64_t lengths[40];
        const size_t rows = test_random(&random) % 40, shards = 1 + test_random(&random) % 20, most = 1 + test_random(&random) % 9;
        uint64_t all = 0;
        for (size_t row = 0; row < rows; row++)
            all += (uint64_t)(lengths[row] = (int64_t)(test_random(&random) % most));
        size_t bounds[21];
        SUCCEEDS(sluice_shards_cut, rows, 8, lengths, shards, bounds);
        ck_assert(bounds[0] == 0 && bounds[shards] == rows);
        for (size_t k = 1; k < shards; k++) {
            for (size_t row = 0; row < rows && !all; row++)
                lengths[row] = 1; /* where no row has a step, each counts as one */
            ck_assert_msg(bounds[k] == nearest(lengths, rows, shards, k), "trial %zu: bound %zu of %zu is %zu, not %zu", trial, k,
                          shards, bounds[k], nearest(lengths, rows, shards, k));
            ck_assert_uint_le(bounds[k], bounds[k + 1]);
        }
    }
}

TEST(cut_without_overflow)
{
    size_t bounds[SLUICE_MAX_SHARDS + 1];
    SUCCEEDS(sluice_shards_cut, 4, SIZE_MAX / 4, NULL, 4, bounds);
    for (size_t k = 0; k <= 4; k++)
        ck_assert_uint_eq(bounds[k], k);
    SUCCEEDS(sluice_shards_cut, 3, SIZE_MAX / 3, NULL, SLUICE_MAX_SHARDS, bounds);
    ck_assert(bounds[10922] == 0 && bounds[10923] == 1 && bounds[SLUICE_MAX_SHARDS - 1] == 3);
    for (size_t steps = 0; steps < 2; steps++) {
        SUCCEEDS(sluice_shards_cut, SIZE_MAX, steps, NULL, 4, bounds);
        ck_assert(bounds[1] == SIZE_MAX / 4 + 1 && bounds[2] == SIZE_MAX / 2 && bounds[4] == SIZE_MAX);
    }
    SUCCEEDS(sluice_shards_cut, 0, 5, NULL, 3, bounds);
    ck_assert_uint_eq(bounds[3], 0);
}

TEST(cut_refuses)
{
    size_t bounds[3];
    const int64_t lengths[] = {2, 6, -1};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "bounds", sluice_shards_cut, 3, 5, NULL, 2, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "expected 1..65536", sluice_shards_cut, 3, 5, NULL, 0, bounds);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "expected 1..65536", sluice_shards_cut, 3, 5, NULL, SLUICE_MAX_SHARDS + 1, bounds);
    REFUSED(SLUICE_STATUS_BAD_DATA, "length 6", sluice_shards_cut, 3, 5, lengths, 2, bounds);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "steps", sluice_shards_cut, SIZE_MAX, 2, NULL, 2, bounds);
}

TEST(ranks_have_all_shards)
{
    size_t only, all;
    sluice_shards_of_rank(5, 0, 0, &only, &all); /* alone */
    ck_assert(only == 0 && all == 5);
    for (size_t shards = 1; shards <= 70; shards++)
        for (size_t ranks = 1; ranks <= 70; ranks++)
            for (size_t rank = 0, next = 0; rank < ranks; rank++) {
                size_t first, end;
                sluice_shards_of_rank(shards, rank, ranks, &first, &end);
                ck_assert(first == next && first == shards * rank / ranks && end == shards * (rank + 1) / ranks);
                next = end;
            }
}

/* ---- Sums and gathers ------------------------------------------------------------------------------------------------------ */

/* The tree by its definition. */
__attribute__((noinline)) static float root(float *const *vectors, size_t shards, unsigned level, size_t index, size_t at)
{
    if (level == 0)
        return vectors[index][at];
    const float left = root(vectors, shards, level - 1, 2 * index, at);
    return (2 * index + 1) << (level - 1) < shards ? left + root(vectors, shards, level - 1, 2 * index + 1, at) : left;
}

typedef struct sum_case {
    size_t shards, count;
    float *const *vectors; /* of all shards */
    const float *want;
    bool in_place;
} sum_case;

static void sum_on_rank(test_rank *rank)
{
    const sum_case *of = rank->context;
    size_t first, end;
    sluice_shards_of_rank(of->shards, rank->rank, rank->hub->ranks, &first, &end);
    float **mine = calloc(of->shards, sizeof *mine), *own = calloc(of->count + 1, sizeof *own);
    ck_assert(mine && own);
    for (size_t k = first; k < end; k++) {
        mine[k - first] = malloc((of->count + 1) * sizeof(float));
        memcpy(mine[k - first], of->vectors[k], of->count * sizeof(float));
    }
    float *sum = of->in_place && end > first ? mine[0] : own;
    for (size_t k = 0; k < of->count && sum == own; k++)
        own[k] = NAN;
    SUCCEEDS(sluice_exchange_sum, &rank->exchange, of->shards, mine, of->count, sum);
    ck_assert_msg(memcmp(sum, of->want, of->count * sizeof(float)) == 0, "%zu shards, %zu floats: other bits on rank %zu of %zu",
                  of->shards, of->count, rank->rank, rank->hub->ranks);
    for (size_t k = first; k < end; k++)
        free(mine[k - first]);
    free(mine);
    free(own);
}

/* Sums of `shards` vectors of `count` floats of all sizes, on up to `most` ranks. */
static void check_sums(size_t shards, size_t count, size_t most, bool sends_empty, bool in_place, uint64_t *random)
{
    float **vectors = calloc(shards, sizeof *vectors), *want = calloc(count + 1, sizeof *want);
    ck_assert(vectors && want);
    for (size_t k = 0; k < shards; k++) {
        vectors[k] = calloc(count + 1, sizeof(float));
        for (size_t j = 0; j < count; j++)
            vectors[k][j] = (2 * test_uniform(random) - 1) * (j % 5 ? 1e-3f : 1e3f) * (j % 7 ? 1 : 1e-42f);
    }
    unsigned top = 0;
    while ((size_t)1 << top < shards)
        top++;
    for (size_t j = 0; j < count; j++)
        want[j] = root(vectors, shards, top, 0, j);
    for (size_t ranks = 1; ranks <= most; ranks++) {
        test_hub hub = {.ranks = ranks, .sends_empty = sends_empty};
        sum_case of[TEST_RANKS_MOST];
        for (size_t k = 0; k < ranks; k++)
            of[k] = (sum_case){shards, count, vectors, want, in_place};
        test_ranks_run(&hub, sum_on_rank, of, sizeof *of, 0);
    }
    for (size_t k = 0; k < shards; k++)
        free(vectors[k]);
    free(vectors);
    free(want);
}

TEST_LOOP(sums_have_the_trees_bits, 0, 4)
{
    static const size_t counts[] = {0, 1, 7, 1001, 50001};
    uint64_t random = test_seed();
    for (size_t shards = 1; shards <= 17; shards++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts - (shards > 5); c++)
            check_sums(shards, counts[c], TEST_RANKS_MOST, _i % 2, _i / 2, &random);
}

/* More than are exchanged together. */
TEST_LOOP(long_sums_have_the_trees_bits, 2, 4)
{
    uint64_t random = test_seed();
    check_sums((size_t)_i, ((size_t)2 << 20) + 77, 3, false, true, &random);
}

static void gather_on_rank(test_rank *rank)
{
    const size_t bytes = *(size_t *)rank->context, ranks = rank->hub->ranks;
    unsigned char block[99] = {0}, all[99 * TEST_RANKS_MOST];
    for (size_t k = 0; k < bytes; k++)
        block[k] = (unsigned char)(k * 7 + rank->rank);
    memset(all, 255, sizeof all);
    SUCCEEDS(sluice_exchange_gather, &rank->exchange, block, bytes, all);
    for (size_t k = 0; k < ranks * bytes; k++)
        ck_assert_uint_eq(all[k], (unsigned char)(k % bytes * 7 + k / bytes));
}

TEST(gathers_are_by_rank)
{
    for (size_t ranks = 1; ranks <= TEST_RANKS_MOST; ranks++)
        for (size_t bytes = 0; bytes < 99; bytes += 7) {
            test_hub hub = {.ranks = ranks};
            size_t of[TEST_RANKS_MOST];
            for (size_t k = 0; k < ranks; k++)
                of[k] = bytes;
            test_ranks_run(&hub, gather_on_rank, of, sizeof *of, 0);
        }
}

static int never(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received, size_t received_bytes)
{
    (void)context, (void)to, (void)sent, (void)sent_bytes, (void)from, (void)received, (void)received_bytes;
    return 3;
}

TEST(exchanges_refuse)
{
    float values[4] = {1, 2, 3, 4}, *vectors[] = {values, NULL};
    sluice_exchange exchange = {.struct_size = sizeof exchange, .rank = 2, .ranks = 2, .send_receive = never};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "rank 2 of 2", sluice_exchange_gather, &exchange, values, 4, values);
    exchange.rank = 1;
    REFUSED(SLUICE_STATUS_IO, "rank 1 of 2", sluice_exchange_gather, &exchange, values, 4, values + 2);
    REFUSED(SLUICE_STATUS_IO, "(3)", sluice_exchange_sum, &exchange, 2, vectors, 4, values);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "vector of shard 3", sluice_exchange_sum, &exchange, 4, vectors, 4, values);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sum is NULL", sluice_exchange_sum, &exchange, 2, vectors, 4, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "0 shards", sluice_exchange_sum, &exchange, 0, vectors, 4, values);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "sums", sluice_exchange_sum, &exchange, 2, vectors, SIZE_MAX / 2, values);
    REFUSED(SLUICE_STATUS_TOO_LARGE, "blocks", sluice_exchange_gather, &exchange, values, SIZE_MAX, values);
    exchange.ranks = SLUICE_MAX_SHARDS + 1;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "65537 ranks", sluice_exchange_gather, &exchange, values, 4, values);
    exchange.ranks = 2;
    exchange.send_receive = NULL;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "send_receive", sluice_exchange_gather, &exchange, values, 4, values);
    SUCCEEDS(sluice_exchange_sum, NULL, 1, vectors, 4, values);
}
