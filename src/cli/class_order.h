/* Which of a vector's classes counts as its answer. */
#ifndef SLUICE_CLI_CLASS_ORDER_H
#define SLUICE_CLI_CLASS_ORDER_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/** Whether an output is larger than another one. NaN is less than any number. */
static inline bool sl_class_exceeds(float output, float other)
{
    return output > other || (isnan(other) && !isnan(output));
}

/** The class of a vector of `classes` > 0 outputs: the largest one, the first of equals. */
static inline size_t sl_class_find(const float *outputs, size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        best = sl_class_exceeds(outputs[k], outputs[best]) ? k : best;
    return best;
}

#endif
