/* Counting the elements of a shape that a file states. */
#ifndef SLUICE_IO_NPY_SHAPE_H
#define SLUICE_IO_NPY_SHAPE_H

#include "base/size.h"

/** *elements = the product of the dimensions, *total = elements * each, where `each` > 0 is the bytes or bits of one. False when
 *  these, or the same product over the non-zero dimensions alone, do not fit: the product of any of the dimensions then fits
 *  as well, also where another dimension is 0. */
static inline bool sl_shape_count(const size_t *shape, size_t dims, size_t each, size_t *elements, size_t *total)
{
    size_t product = each;
    bool zero = false;
    for (size_t k = 0; k < dims; k++) {
        zero = zero || shape[k] == 0;
        if (shape[k] && !sl_size_mul(product, shape[k], &product))
            return false;
    }
    *total = zero ? 0 : product;
    *elements = *total / each;
    return true;
}

#endif
