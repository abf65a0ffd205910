/* The products of each precision in plain loops, written from the definitions of sluice.h. */
#ifndef SLUICE_TESTS_PLAIN_PRODUCT_H
#define SLUICE_TESTS_PLAIN_PRODUCT_H

#include "sluice.h"

#include <stdbool.h>

/** A row that is multiplied: floats, numbers rounded to bfloat16, or integers in +-127 with a scale. */
typedef struct test_plain_row {
    sluice_precision precision;
    size_t terms;
    float *values; /* [terms] */
    float scale;   /* of integers; 0: 1/127 */
} test_plain_row;

/** Make the row of a precision. within_one: x is made of outputs within +-1. The caller frees its values. */
test_plain_row test_plain_row_of(sluice_precision precision, bool within_one, size_t terms, const float *x);

/** `onto` plus the row's product with the weights w [terms], as its precision adds it. */
float test_plain_add_product(float onto, const test_plain_row *row, const float *w);

#endif
