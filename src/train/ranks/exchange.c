#include "train/ranks/exchange.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"

#include <assert.h>
#include <string.h>

sluice_status sl_exchange_take(sluice_exchange *to, const sluice_exchange *from, const char *call, sluice_error *error)
{
    *to = SL_EXCHANGE_ALONE;
    const sluice_status status = from ? sl_struct_take(to, from, SL_STRUCT(sluice_exchange), call, error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    to->ranks = sl_size_max(1, to->ranks);
    if (to->ranks > SLUICE_MAX_SHARDS)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %zu ranks; expected at most %d, which can all have a shard", call,
                       to->ranks, SLUICE_MAX_SHARDS);
    if (to->rank >= to->ranks)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: rank %zu of %zu; the first is 0", call, to->rank, to->ranks);
    if (to->ranks > 1 && !to->send_receive)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: send_receive is NULL, but there are %zu ranks", call, to->ranks);
    return SLUICE_STATUS_OK;
}

static sluice_status send_receive(const sluice_exchange *exchange, size_t to, const void *sent, size_t sent_bytes, size_t from,
                                  void *received, size_t received_bytes, sluice_error *error)
{
    const int result = exchange->send_receive(exchange->context, to, sent, sent_bytes, from, received, received_bytes);
    if (!result)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_IO,
                   "rank %zu of %zu: sending %zu bytes to rank %zu and receiving %zu bytes from rank %zu failed (%d); see whether "
                   "these ranks still run, and start all ranks anew",
                   exchange->rank, exchange->ranks, sent_bytes, to, received_bytes, from, result);
}

/* ---- Gather ---------------------------------------------------------------------------------------------------------------- */

static void reverse(unsigned char *bytes, size_t count)
{
    for (size_t k = 0; k < count / 2; k++) {
        const unsigned char byte = bytes[k];
        bytes[k] = bytes[count - 1 - k];
        bytes[count - 1 - k] = byte;
    }
}

/* Each rank begins with its own block and takes as many as it has, or as are missing, from the rank that follows so many ranks
 * later: all have all after log2 R rounds. The blocks are then by distance from the rank, and are rotated to their places. */
sluice_status sl_exchange_gather(const sluice_exchange *exchange, const void *block, size_t bytes, void *all, sluice_error *error)
{
    const size_t ranks = exchange->ranks, rank = exchange->rank;
    unsigned char *to = all;
    sluice_status status = SLUICE_STATUS_OK;
    memmove(to, block, bytes);
    for (size_t has = 1; !status && has < ranks; has *= 2) {
        const size_t taken = bytes * sl_size_min(has, ranks - has);
        status =
            send_receive(exchange, (rank + ranks - has) % ranks, to, taken, (rank + has) % ranks, to + has * bytes, taken, error);
    }
    if (!status && rank) {
        reverse(to, ranks * bytes);
        reverse(to, rank * bytes);
        reverse(to + rank * bytes, (ranks - rank) * bytes);
    }
    return status;
}

sluice_status sluice_exchange_gather(const sluice_exchange *exchange, const void *block, size_t bytes, void *all,
                                     sluice_error *error)
{
    sluice_exchange known;
    size_t whole;
    const sluice_status status = sl_exchange_take(&known, exchange, "sluice_exchange_gather", error);
    if (status)
        return status;
    if (bytes && (!block || !all))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_exchange_gather: %s is NULL", block ? "all" : "block");
    if (!sl_size_mul(bytes, known.ranks, &whole))
        return sl_fail_size(error, "the blocks of all ranks");
    return bytes ? sl_exchange_gather(&known, block, bytes, all, error) : SLUICE_STATUS_OK;
}

/* ---- Agreement ------------------------------------------------------------------------------------------------------------- */

/* What a rank knows of failures: the first one. */
typedef struct failure {
    size_t rank;
    sluice_error error; /* its status is OK if there is none */
} failure;

/* Each rank takes what the rank knows that follows so many ranks later: all know of all after log2 R rounds, for which no rank needs
 * memory that it might not get. */
sluice_status sl_exchange_agree(const sluice_exchange *exchange, const sluice_error *own, sluice_error *error)
{
    const size_t ranks = exchange->ranks, rank = exchange->rank;
    failure first = {rank, *own}, other;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t distance = 1; !status && distance < ranks; distance *= 2) {
        status = send_receive(exchange, (rank + ranks - distance) % ranks, &first, sizeof first, (rank + distance) % ranks, &other,
                              sizeof other, error);
        if (!status && other.error.status && (!first.error.status || other.rank < first.rank))
            first = other;
    }
    if (status && !own->status)
        return status;
    if (error && first.error.status) {
        *error = first.error;
        if (ranks > 1)
            sl_fail(error, first.error.status, "rank %zu: %s", first.rank, first.error.message);
        error->row = first.error.row;
        error->step = first.error.step;
        error->byte = first.error.byte;
    }
    return first.error.status;
}

/* ---- Sum ------------------------------------------------------------------------------------------------------------------- */

static bool is_power_of_two(size_t number)
{
    return number && !(number & (number - 1));
}

/* Whether every rank has one node, all of one level: the tree's pairs are then ranks whose numbers differ in one bit. */
static bool can_halve(const sluice_exchange *exchange, size_t shards)
{
    return is_power_of_two(exchange->ranks) && shards % exchange->ranks == 0 && is_power_of_two(shards / exchange->ranks);
}

/* The nodes of a rank's shards, behind those that are in the tree. */
static sl_tree nodes_of(const sluice_exchange *exchange, size_t shards, size_t rank)
{
    sl_tree tree = {.shards = shards};
    size_t first, end;
    sluice_shards_of_rank(shards, rank, exchange->ranks, &first, &end);
    sl_tree_put_shards(&tree, first, end);
    return tree;
}

/* Elements that are exchanged together: two thirds of the time of all at once for 8 million on two ranks, as the halves that are received
 * are still in the cache when they are added; but so many that no rank's slice is a small message. */
static size_t piece_of(const sluice_exchange *exchange, size_t count)
{
    enum { LEAST = 1 << 20, LEAST_SLICE = 1 << 16 };
    return sl_size_min(count, sl_size_max(LEAST, exchange->ranks * LEAST_SLICE));
}

typedef struct range {
    size_t first, count;
} range;

/* The elements that a rank adds for all. */
static range slice_of(range all, size_t rank, size_t ranks)
{
    const size_t each = all.count / ranks, rest = all.count % ranks;
    return (range){all.first + each * rank + sl_size_min(rank, rest), each + (rank < rest)};
}

sluice_status sl_exchange_scratch(const sluice_exchange *exchange, size_t shards, size_t count, size_t *floats, sluice_error *error)
{
    size_t nodes = 0;
    *floats = 0;
    if (exchange->ranks == 1)
        return SLUICE_STATUS_OK;
    for (size_t rank = 0; rank < exchange->ranks && !can_halve(exchange, shards); rank++)
        nodes += rank == exchange->rank ? 0 : nodes_of(exchange, shards, rank).count;
    const size_t piece = piece_of(exchange, count);
    const size_t each = can_halve(exchange, shards) ? sl_size_div_up(piece, 2) : sl_size_div_up(piece, exchange->ranks);
    if (!sl_size_mul(each, sl_size_max(1, nodes), floats) || *floats > SIZE_MAX / 2 / sizeof(float) ||
        count > SIZE_MAX / 2 / sizeof(float))
        return sl_fail_size(error, "the sums of ranks");
    return SLUICE_STATUS_OK;
}

/* Halving with the nearest rank first, so that each pair adds two children of a node, for one half of the elements that both have;
 * then doubling back. In place, 2 log2 R messages. The left operand is that of the lower rank; a sum of two does not depend on it. */
static sluice_status sum_by_halving(const sluice_exchange *exchange, range all, float *sum, float *scratch, unsigned threads,
                                    sluice_error *error)
{
    range parts[8 * sizeof(size_t)] = {all};
    size_t depth = 0;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t distance = 1; !status && distance < exchange->ranks; distance *= 2, depth++) {
        const size_t peer = exchange->rank ^ distance, upper = (exchange->rank & distance) != 0;
        const range mine = slice_of(parts[depth], upper, 2), theirs = slice_of(parts[depth], !upper, 2);
        status = send_receive(exchange, peer, sum + theirs.first, theirs.count * sizeof(float), peer, scratch,
                              mine.count * sizeof(float), error);
        const sl_tree pair = {.count = 1, .nodes = {{.values = sum + mine.first}, {.values = scratch}}};
        if (!status)
            sl_tree_add(&pair, 1, 0, mine.count, threads);
        parts[depth + 1] = mine;
    }
    for (size_t distance = exchange->ranks / 2; !status && distance; distance /= 2) {
        const size_t peer = exchange->rank ^ distance, upper = (exchange->rank & distance) != 0;
        depth--;
        const range mine = slice_of(parts[depth], upper, 2), theirs = slice_of(parts[depth], !upper, 2);
        status = send_receive(exchange, peer, sum + mine.first, mine.count * sizeof(float), peer, sum + theirs.first,
                              theirs.count * sizeof(float), error);
    }
    return status;
}

/* Send every rank its slice of this rank's nodes, and receive all other ranks' of the own one; by rank in `scratch`. All ranks make as
 * many calls, for those of most nodes. */
static sluice_status give_slices(const sluice_exchange *exchange, const sl_tree *mine, range all, float *scratch,
                                 sluice_error *error)
{
    const size_t ranks = exchange->ranks, rank = exchange->rank;
    const range own = slice_of(all, rank, ranks);
    size_t most = 0, before = 0, others = 0; /* nodes: of a rank, of the ranks before one, of all but this one */
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; k < ranks; k++) {
        const size_t nodes = nodes_of(exchange, mine->shards, k).count;
        most = sl_size_max(most, nodes);
        before += k < rank ? nodes : 0;
        others += k != rank ? nodes : 0;
    }
    for (size_t shift = 1; shift < ranks; shift++) {
        const size_t to = (rank + shift) % ranks, from = (rank + ranks - shift) % ranks;
        const range theirs = slice_of(all, to, ranks);
        const size_t nodes = nodes_of(exchange, mine->shards, from).count;
        before = (from + 1 == ranks ? others : before) - nodes;
        for (size_t node = 0; !status && node < most; node++)
            status = send_receive(exchange, to, node < mine->count ? mine->nodes[node].values + theirs.first : NULL,
                                  node < mine->count ? theirs.count * sizeof(float) : 0, from,
                                  scratch + (before + sl_size_min(node, nodes)) * own.count,
                                  node < nodes ? own.count * sizeof(float) : 0, error);
    }
    return status;
}

/* Each rank adds its slice of all ranks' nodes, and then gives it to all. */
static sluice_status sum_by_slices(const sluice_exchange *exchange, const sl_tree *mine, range all, float *sum, float *scratch,
                                   unsigned threads, sluice_error *error)
{
    const size_t ranks = exchange->ranks, rank = exchange->rank;
    const range own = slice_of(all, rank, ranks);
    sluice_status status = give_slices(exchange, mine, all, scratch, error);
    if (status)
        return status;
    sl_tree whole = {.shards = mine->shards};
    float *next = scratch;
    for (size_t k = 0; k < ranks; k++) {
        sl_tree nodes = k == rank ? *mine : nodes_of(exchange, mine->shards, k);
        for (size_t node = 0; node < nodes.count; node++) {
            if (k == rank) {
                nodes.nodes[node].values += own.first;
            } else {
                nodes.nodes[node].values = next;
                next += own.count;
            }
            sl_tree_add(&whole, sl_tree_put(&whole, nodes.nodes[node]), 0, own.count, threads);
        }
    }
    assert(whole.count == 1);
    if (own.count && whole.nodes[0].values != sum + own.first)
        memcpy(sum + own.first, whole.nodes[0].values, own.count * sizeof(float));
    for (size_t shift = 1; !status && shift < ranks; shift++) {
        const size_t to = (rank + shift) % ranks, from = (rank + ranks - shift) % ranks;
        const range theirs = slice_of(all, from, ranks);
        status = send_receive(exchange, to, sum + own.first, own.count * sizeof(float), from, sum + theirs.first,
                              theirs.count * sizeof(float), error);
    }
    return status;
}

sluice_status sl_exchange_sum(const sluice_exchange *exchange, const sl_tree *mine, size_t first, size_t count, float *sum,
                              float *scratch, unsigned threads, sluice_error *error)
{
    const bool halves = can_halve(exchange, mine->shards);
    const size_t piece = piece_of(exchange, count);
    sluice_status status = SLUICE_STATUS_OK;
    if (count && (exchange->ranks == 1 || halves) && mine->nodes[0].values != sum)
        memcpy(sum + first, mine->nodes[0].values + first, count * sizeof(float));
    for (size_t at = 0; !status && at < count && exchange->ranks > 1; at += piece) {
        const range part = {first + at, sl_size_min(piece, count - at)};
        status = halves ? sum_by_halving(exchange, part, sum, scratch, threads, error)
                        : sum_by_slices(exchange, mine, part, sum, scratch, threads, error);
    }
    return status;
}

static sluice_status check_sum(const sluice_exchange *exchange, size_t shards, float *const *vectors, size_t count,
                               const float *sum, sluice_error *error)
{
    size_t first, end;
    if (!shards || shards > SLUICE_MAX_SHARDS)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_exchange_sum: %zu shards; expected 1..%d", shards,
                       SLUICE_MAX_SHARDS);
    sluice_shards_of_rank(shards, exchange->rank, exchange->ranks, &first, &end);
    for (size_t k = 0; count && k < end - first; k++)
        if (!vectors || !vectors[k])
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "sluice_exchange_sum: the vector of shard %zu is NULL; rank %zu has the shards %zu..%zu", first + k,
                           exchange->rank, first, end - 1);
    if (count && !sum)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_exchange_sum: sum is NULL");
    return SLUICE_STATUS_OK;
}

static sluice_status allocate_scratch(const sluice_exchange *exchange, size_t shards, size_t count, float **scratch,
                                      sluice_error *error)
{
    size_t floats;
    const sluice_status status = sl_exchange_scratch(exchange, shards, count, &floats, error);
    if (status)
        return status;
    *scratch = sl_alloc_array(floats, sizeof **scratch);
    return *scratch ? SLUICE_STATUS_OK : sl_fail_memory(error, "the sums of ranks", floats * sizeof **scratch);
}

sluice_status sluice_exchange_sum(const sluice_exchange *exchange, size_t shards, float *const *vectors, size_t count, float *sum,
                                  sluice_error *error)
{
    sluice_exchange known;
    sluice_error own = {0};
    float *scratch = NULL;
    sluice_status status = sl_exchange_take(&known, exchange, "sluice_exchange_sum", error);
    if (status)
        return status;
    if (!check_sum(&known, shards, vectors, count, sum, &own))
        allocate_scratch(&known, shards, count, &scratch, &own);
    status = sl_exchange_agree(&known, &own, error);
    if (!status && count) {
        sl_tree mine = {.shards = shards};
        size_t first, end;
        sluice_shards_of_rank(shards, known.rank, known.ranks, &first, &end);
        for (size_t k = 0; k < end - first; k++)
            sl_tree_add(&mine, sl_tree_put(&mine, (sl_tree_node){0, first + k, vectors[k]}), 0, count, 1);
        status = sl_exchange_sum(&known, &mine, 0, count, sum, scratch, 1, error);
    }
    sl_free(scratch);
    return status;
}
