/* The order of the rows in an epoch: batches of rows of similar length, different in each epoch, the same for the same seed. */
#ifndef SLUICE_CLI_TRAIN_DATA_TRAIN_ORDER_H
#define SLUICE_CLI_TRAIN_DATA_TRAIN_ORDER_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_batch_range {
    size_t begin, end; /* indices into sl_order.rows */
} sl_batch_range;

/** A row and its sort key. */
typedef struct sl_keyed {
    uint64_t key;
    size_t row;
} sl_keyed;

typedef struct sl_order {
    size_t count;           /* of rows */
    size_t *all;            /* [count] the numbers of the rows in the data, ascending */
    size_t *rows;           /* [count] the same rows, batch after batch, shortest first within each */
    size_t batches;         /* all have the same number of rows, except for one with the rest */
    sl_batch_range *ranges; /* [batches] */
    const int64_t *lengths; /* of the rows of the data; NULL: each has `steps` */
    size_t steps;
    bool has_one_length; /* all rows that take part have the same */
    sl_keyed *keyed;     /* [2 * count] buffer for sorting; NULL: rows have no keys */
} sl_order;

/** Make an order of `count` rows in batches of `batch` rows. Takes ownership of `all`, also on failure; sl_order_release frees it.
 *  `lengths` stay the caller's, and as they are; NULL: each row has `steps`. */
sl_exit sl_order_create(sl_order *order, size_t *all, size_t count, size_t batch, const int64_t *lengths, size_t steps);

/** Distribute the rows over batches at random, and shuffle the batches, by seed and epoch. A batch has rows of similar length, up to
 *  about an eighth longer or shorter. */
void sl_order_shuffle(sl_order *order, uint64_t seed, uint64_t epoch);

/** Sort all rows by length, shortest first, those of a length by their numbers. */
void sl_order_sort(sl_order *order);

/** Number of rows of the largest batch. */
size_t sl_order_get_most(const sl_order *order);

void sl_order_release(sl_order *order);

/** Choose round(share * count) of `count` rows at random by seed; if there are two or more, at least one and not all. *second receives
 *  the chosen rows and *first the others, ascending, to be freed; *chosen is the number of chosen rows. */
sl_exit sl_order_split(size_t count, double share, uint64_t seed, size_t **first, size_t **second, size_t *chosen);

/** The numbers 0 to count - 1, to be freed. NULL: out of memory, which is reported. */
size_t *sl_order_count(size_t count);

#endif
