/* The order in which `sluice train` learns rows: each of them once an epoch, in batches of like length, by seed. */
#include "support/suite.h"

#include "cli/train/data/train_order.h"

#include <stdbool.h>
#include <stdlib.h>

enum { ROWS = 3001, BATCH = 64, LONGEST = 100 };

/* Lengths from 0 to LONGEST in an order of no kind; row n takes part if it is not a seventh. */
static int64_t lengths[2 * ROWS];

static size_t *choose_rows(void)
{
    size_t *rows = calloc(ROWS, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (size_t n = 0, row = 0; n < ROWS; row++)
        if (row % 7)
            rows[n++] = row;
    for (size_t row = 0; row < 2 * ROWS; row++)
        lengths[row] = (int64_t)(row * 7919 % (LONGEST + 1));
    return rows;
}

static void make(sl_order *order)
{
    ck_assert_int_eq(sl_order_create(order, choose_rows(), ROWS, BATCH, lengths, LONGEST), SL_EXIT_OK);
    ck_assert_uint_eq(order->batches, ROWS / BATCH + 1);
    ck_assert_uint_eq(sl_order_get_most(order), BATCH);
}

/* Each row stands in one batch, and all batches but one are full. Returns what the longest rows would have the others padded to. */
static uint64_t check_whole(const sl_order *order)
{
    FREED bool *seen = calloc(2 * ROWS, sizeof *seen);
    size_t small = 0;
    uint64_t padded = 0;
    for (size_t k = 0; k < order->batches; k++) {
        const sl_batch_range *range = &order->ranges[k];
        small += range->end - range->begin != BATCH;
        int64_t longest = 0;
        for (size_t n = range->begin; n < range->end; n++) {
            const size_t row = order->rows[n];
            ck_assert(row < 2 * ROWS && row % 7 && !seen[row]);
            seen[row] = true;
            longest = lengths[row] > longest ? lengths[row] : longest;
        }
        padded += (uint64_t)longest * (range->end - range->begin);
    }
    ck_assert_uint_eq(small, 1);
    size_t count = 0;
    for (size_t row = 0; row < 2 * ROWS; row++)
        count += seen[row];
    ck_assert_uint_eq(count, ROWS);
    return padded;
}

static uint64_t sum_lengths(const sl_order *order)
{
    uint64_t sum = 0;
    for (size_t n = 0; n < order->count; n++)
        sum += (uint64_t)lengths[order->all[n]];
    return sum;
}

TEST(a_batch_has_rows_of_like_length)
{
    sl_order order;
    make(&order);
    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        sl_order_shuffle(&order, 5, epoch);
        const uint64_t padded = check_whole(&order), sum = sum_lengths(&order);
        /* Rows drawn at random would be padded to about twice their steps. */
        ck_assert_msg(padded < sum + sum / 6, "epoch %d: %llu steps padded to %llu", (int)epoch, (unsigned long long)sum,
                      (unsigned long long)padded);
    }
    sl_order_release(&order);
}

TEST(epochs_and_seeds_differ_and_repeat)
{
    sl_order first, second;
    make(&first);
    make(&second);
    for (uint64_t seed = 0; seed < 3; seed++)
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            sl_order_shuffle(&first, seed, epoch);
            sl_order_shuffle(&second, seed, epoch);
            ck_assert_mem_eq(first.rows, second.rows, ROWS * sizeof *first.rows);
            ck_assert_mem_eq(first.ranges, second.ranges, first.batches * sizeof *first.ranges);
            sl_order_shuffle(&second, seed, epoch + 1);
            ck_assert_mem_ne(first.rows, second.rows, ROWS * sizeof *first.rows);
            ck_assert_mem_ne(first.ranges, second.ranges, first.batches * sizeof *first.ranges);
            sl_order_shuffle(&second, seed + 1, epoch);
            ck_assert_mem_ne(first.rows, second.rows, ROWS * sizeof *first.rows);
        }
    sl_order_release(&first);
    sl_order_release(&second);
}

/* Lengths that are all different must not tie rows to their batches, nor the longest to the small one. */
TEST(rows_change_company)
{
    enum { COUNT = 200, SMALL = 16, EPOCHS = 50 };
    static int64_t distinct[COUNT];
    for (size_t n = 0; n < COUNT; n++)
        distinct[n] = (int64_t)(COUNT - n);
    sl_order order;
    ck_assert_int_eq(sl_order_create(&order, sl_order_count(COUNT), COUNT, SMALL, distinct, LONGEST), SL_EXIT_OK);
    unsigned shared[COUNT] = {0}, leftover = 0;
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        sl_order_shuffle(&order, 1, epoch);
        for (size_t k = 0; k < order.batches; k++) {
            const sl_batch_range *range = &order.ranges[k];
            bool here = false;
            for (size_t n = range->begin; n < range->end; n++)
                here = here || order.rows[n] == 100;
            for (size_t n = range->begin; here && n < range->end; n++)
                shared[order.rows[n]]++;
            leftover += range->end - range->begin < SMALL && range->end == COUNT;
        }
    }
    size_t others = 0, always = 0;
    for (size_t n = 0; n < COUNT; n++) {
        others += n != 100 && shared[n] > 0;
        always += n != 100 && shared[n] == EPOCHS;
    }
    ck_assert_msg(others > 2 * SMALL && !always, "row 100 was with %zu others, %zu of them always", others, always);
    ck_assert_msg(leftover < EPOCHS / 2, "the longest rows made the small batch in %u of %d epochs", leftover, EPOCHS);
    sl_order_release(&order);
}

/* Many rows of one length, as windows of a long series: each batch is drawn from all of them, not from one part of the data. */
TEST(rows_of_one_length_come_from_everywhere)
{
    enum { COUNT = 200000, STEPS = 60 };
    sl_order order;
    ck_assert_int_eq(sl_order_create(&order, sl_order_count(COUNT), COUNT, BATCH, NULL, STEPS), SL_EXIT_OK);
    sl_order_shuffle(&order, 1, 0);
    for (size_t k = 0; k < order.batches; k++) {
        const sl_batch_range *range = &order.ranges[k];
        size_t least = COUNT, most = 0;
        for (size_t n = range->begin; n < range->end; n++) {
            least = order.rows[n] < least ? order.rows[n] : least;
            most = order.rows[n] > most ? order.rows[n] : most;
        }
        /* That all 64 rows of a batch lie in some half has a probability of less than 64 / 2^63, and there are 3125 batches. */
        ck_assert_msg(most - least > COUNT / 2, "batch %zu has rows %zu to %zu only", k, least, most);
    }
    sl_order_release(&order);
}

TEST(sorting_is_by_length)
{
    sl_order order;
    make(&order);
    sl_order_sort(&order);
    check_whole(&order);
    for (size_t n = 1; n < ROWS; n++) {
        const size_t a = order.rows[n - 1], b = order.rows[n];
        ck_assert(lengths[a] < lengths[b] || (lengths[a] == lengths[b] && a < b));
    }
    sl_order_release(&order);
}

TEST(long_rows_are_sorted_too)
{
    static const int64_t far[] = {INT64_C(1) << 40, 3, (INT64_C(1) << 40) + 1, 1 << 20, 0, 1 << 11};
    static const size_t expected[] = {4, 1, 5, 3, 0, 2};
    sl_order order;
    ck_assert_int_eq(sl_order_create(&order, sl_order_count(6), 6, 4, far, 0), SL_EXIT_OK);
    sl_order_sort(&order);
    ck_assert_mem_eq(order.rows, expected, sizeof expected);
    sl_order_release(&order);
}

TEST(a_split_takes_its_share)
{
    static const struct {
        size_t count, chosen;
        double share;
    } cases[] = {{1000, 100, 0.1}, {7, 1, 0.1}, {2, 1, 0.01}, {2, 1, 0.99}, {1000, 999, 0.9999}, {10, 3, 0.25}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        size_t *first, *second, *other, *again, chosen;
        const size_t count = cases[c].count;
        ck_assert_int_eq(sl_order_split(count, cases[c].share, 3, &first, &second, &chosen), SL_EXIT_OK);
        ck_assert_uint_eq(chosen, cases[c].chosen);
        for (size_t n = 0, a = 0, b = 0; n < count; n++) {
            const bool in_second = b < chosen && second[b] == n;
            ck_assert(in_second || (a < count - chosen && first[a] == n));
            b += in_second;
            a += !in_second;
        }
        free(first);
        ck_assert_int_eq(sl_order_split(count, cases[c].share, 3, &first, &again, &chosen), SL_EXIT_OK);
        ck_assert_mem_eq(second, again, chosen * sizeof *again);
        free(first);
        ck_assert_int_eq(sl_order_split(count, cases[c].share, 4, &first, &other, &chosen), SL_EXIT_OK);
        if (count == 1000 && chosen == 100)
            ck_assert_mem_ne(second, other, chosen * sizeof *other);
        free(first);
        free(second);
        free(again);
        free(other);
    }
}
