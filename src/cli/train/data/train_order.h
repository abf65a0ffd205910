/* In which order rows are learnt: batches of rows of like length, other ones each epoch, the same ones for the same seed. */
#ifndef SLUICE_CLI_TRAIN_DATA_TRAIN_ORDER_H
#define SLUICE_CLI_TRAIN_DATA_TRAIN_ORDER_H

#include "program/report.h"

#include <stddef.h>
#include <stdint.h>

typedef struct sl_span {
    size_t begin, end; /* of sl_order.rows */
} sl_span;

/** A row on its way to its place. */
typedef struct sl_keyed {
    uint64_t key;
    size_t row;
} sl_keyed;

typedef struct sl_order {
    size_t count;    /* of rows */
    size_t *all;     /* [count] the rows that take part, as the data number them, ascending */
    size_t *rows;    /* [count] those of a batch side by side, shortest first */
    size_t batches;  /* all have the same number of rows, but one, which has what is left */
    sl_span *spans;  /* [batches] */
    sl_keyed *keyed; /* [2 * count] room for sorting */
} sl_order;

/** Make the order of `count` rows, `all` being taken over and freed by sl_order_release in any case, in batches of `batch` rows. */
sl_exit sl_order_create(sl_order *order, size_t *all, size_t count, size_t batch);

/** Deal the rows to batches and put these in an order, both by seed and epoch. Rows meet others of their length, and of lengths up
 *  to an eighth longer or shorter. */
void sl_order_shuffle(sl_order *order, const int64_t *lengths, uint64_t seed, uint64_t epoch);

/** Batches by length, shortest rows first. */
void sl_order_sort(sl_order *order, const int64_t *lengths);

/** Rows of the largest batch. */
size_t sl_order_get_most(const sl_order *order);

void sl_order_release(sl_order *order);

/** Choose round(share * count) of `count` rows by seed, at least one and at most all but one of two or more. Each of `first` (the
 *  others) and `second` (the chosen) receives an array, ascending, to be freed; *chosen is the length of the second. */
sl_exit sl_order_split(size_t count, double share, uint64_t seed, size_t **first, size_t **second, size_t *chosen);

/** The numbers 0 to count - 1, to be freed; NULL, reported, when there is no memory. */
size_t *sl_order_count(size_t count);

#endif
