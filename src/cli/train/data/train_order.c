#include "cli/train/data/train_order.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Random numbers -------------------------------------------------------------------------------------------------------- */

/* Purposes that have separate random streams of one seed. */
enum { SHUFFLE = 1, SPLIT };

static uint64_t begin_stream(uint64_t seed, uint64_t purpose, uint64_t number)
{
    uint64_t state = seed;
    state = sl_random_next(&state) ^ purpose;
    state = sl_random_next(&state) ^ number;
    return sl_random_next(&state);
}

/* A random number from 0 to count - 1. The bias of the remainder, count / 2^64, is negligible. */
static uint64_t draw_below(uint64_t *state, uint64_t count)
{
    return sl_random_next(state) % count;
}

enum { RADIX_BITS = 11 };

/* ---- Order ----------------------------------------------------------------------------------------------------------------- */

size_t *sl_order_count(size_t count)
{
    size_t *numbers = calloc(count ? count : 1, sizeof *numbers);
    for (size_t n = 0; numbers && n < count; n++)
        numbers[n] = n;
    if (!numbers)
        sl_report_memory("the order of the rows");
    return numbers;
}

static uint64_t get_length(const sl_order *order, size_t row)
{
    return order->lengths ? (uint64_t)order->lengths[row] : order->steps;
}

enum { FINE = 256 }; /* least number of keys of a length, and what the keys of two neighbouring lengths are apart */

static uint64_t count_keys(uint64_t length)
{
    return FINE + length * FINE / 8;
}

static bool have_one_length(const sl_order *order)
{
    for (size_t n = 1; n < order->count; n++)
        if (get_length(order, order->all[n]) != get_length(order, order->all[0]))
            return false;
    return true;
}

sl_exit sl_order_create(sl_order *order, size_t *all, size_t count, size_t batch, const int64_t *lengths, size_t steps)
{
    *order =
        (sl_order){.count = count, .all = all, .batches = count / batch + (count % batch > 0), .lengths = lengths, .steps = steps};
    order->has_one_length = have_one_length(order);
    /* Rows that share a key stay in the data's order: with more rows than keys a batch would be of one part of the data. */
    const bool has_keys = !order->has_one_length || !count || count <= count_keys(get_length(order, all[0]));
    order->rows = calloc(count ? count : 1, sizeof *order->rows);
    order->keyed = has_keys ? calloc(count ? count : 1, 2 * sizeof *order->keyed) : NULL;
    order->ranges = calloc(order->batches ? order->batches : 1, sizeof *order->ranges);
    if (!order->rows || (has_keys && !order->keyed) || !order->ranges)
        return sl_report_memory("the order of the rows");
    for (size_t k = 0; k < order->batches; k++)
        order->ranges[k] = (sl_batch_range){k * batch, k + 1 < order->batches ? (k + 1) * batch : count};
    return SL_EXIT_OK;
}

void sl_order_release(sl_order *order)
{
    free(order->all);
    free(order->rows);
    free(order->keyed);
    free(order->ranges);
    *order = (sl_order){0};
}

size_t sl_order_get_most(const sl_order *order)
{
    size_t most = 0;
    for (size_t k = 0; k < order->batches; k++)
        most = order->ranges[k].end - order->ranges[k].begin > most ? order->ranges[k].end - order->ranges[k].begin : most;
    return most;
}

/* One pass of a stable radix sort: by RADIX_BITS bits of the keys, from bit `shift` on. */
static void sort_by_bits(const sl_keyed *from, sl_keyed *to, size_t count, unsigned shift)
{
    size_t starts[1 << RADIX_BITS] = {0}, start = 0;
    const uint64_t mask = (1 << RADIX_BITS) - 1;
    for (size_t n = 0; n < count; n++)
        starts[(from[n].key >> shift) & mask]++;
    for (size_t k = 0; k <= mask; k++) {
        const size_t held = starts[k];
        starts[k] = start;
        start += held;
    }
    for (size_t n = 0; n < count; n++)
        to[starts[(from[n].key >> shift) & mask]++] = from[n];
}

/* Sort the rows by their keys; the sort is stable. */
static void sort(sl_order *order)
{
    uint64_t most = 0;
    for (size_t n = 0; n < order->count; n++)
        most = order->keyed[n].key > most ? order->keyed[n].key : most;
    sl_keyed *from = order->keyed, *to = order->keyed + order->count;
    for (unsigned shift = 0; shift < 64 && most >> shift; shift += RADIX_BITS) {
        sort_by_bits(from, to, order->count, shift);
        sl_keyed *sorted = to;
        to = from;
        from = sorted;
    }
    for (size_t n = 0; n < order->count; n++)
        order->rows[n] = from[n].row;
}

void sl_order_sort(sl_order *order)
{
    if (order->has_one_length) {
        memcpy(order->rows, order->all, order->count * sizeof *order->rows);
        return;
    }
    for (size_t n = 0; n < order->count; n++)
        order->keyed[n] = (sl_keyed){get_length(order, order->all[n]), order->all[n]};
    sort(order);
}

/* Any order of all rows is as likely as any other. */
static void mix(sl_order *order, uint64_t *state)
{
    for (size_t n = 0; n < order->count; n++) {
        const size_t other = draw_below(state, n + 1);
        order->rows[n] = order->rows[other];
        order->rows[other] = order->all[n];
    }
}

static void sort_by_keys(sl_order *order, uint64_t *state)
{
    for (size_t n = 0; n < order->count; n++) {
        const uint64_t length = get_length(order, order->all[n]);
        order->keyed[n] = (sl_keyed){length * FINE + draw_below(state, count_keys(length)), order->all[n]};
    }
    sort(order);
}

void sl_order_shuffle(sl_order *order, uint64_t seed, uint64_t epoch)
{
    uint64_t state = begin_stream(seed, SHUFFLE, epoch);
    if (order->keyed)
        sort_by_keys(order, &state);
    else
        mix(order, &state);
    /* The smaller batch, if there is one, must not always have the longest rows, which are last. */
    const size_t batches = order->batches, batch = sl_order_get_most(order);
    const size_t rest = order->count - batch * (batches - (batches > 0)), smaller = batches ? draw_below(&state, batches) : 0;
    for (size_t k = 0, begin = 0; k < batches; k++) {
        order->ranges[k] = (sl_batch_range){begin, begin + (k == smaller ? rest : batch)};
        begin = order->ranges[k].end;
    }
    for (size_t k = batches; k > 1; k--) {
        const size_t other = draw_below(&state, k);
        const sl_batch_range range = order->ranges[other];
        order->ranges[other] = order->ranges[k - 1];
        order->ranges[k - 1] = range;
    }
}

sl_exit sl_order_split(size_t count, double share, uint64_t seed, size_t **first, size_t **second, size_t *chosen)
{
    uint64_t state = begin_stream(seed, SPLIT, 0);
    size_t wanted = (size_t)round(share * (double)count);
    wanted = wanted ? wanted : count > 1;
    wanted = wanted < count ? wanted : count - (count > 0);
    *chosen = wanted;
    *first = sl_order_count(count - wanted);
    *second = *first ? sl_order_count(wanted) : NULL;
    if (!*second)
        return SL_EXIT_FAILURE;
    /* Selection sampling (Knuth, The Art of Computer Programming 3.4.2, algorithm S). */
    for (size_t n = 0, others = 0, taken = 0; n < count; n++)
        if (draw_below(&state, count - n) < wanted - taken)
            (*second)[taken++] = n;
        else
            (*first)[others++] = n;
    return SL_EXIT_OK;
}
