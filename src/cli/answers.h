/* Logits as lines of text: LABEL<TAB>PROBABILITY, once or for several classes. */
#ifndef SLUICE_CLI_ANSWERS_H
#define SLUICE_CLI_ANSWERS_H

#include "report.h"
#include "sluice.h"

typedef struct sl_answers sl_answers;

/** Prepare for batches of up to `rows` rows of a model with a head, each answered with `top` classes, 1 to all of them. */
sl_exit sl_answers_create(const sluice_model *model, size_t rows, size_t top, sl_answers **answers);

/** The lines for the rows of logits [rows][C]: the `top` classes with the largest, from there on down (the first of equals first, NaN
 *  last), each with its softmax, made in double: "nan" if that is none. *text has *bytes bytes and is valid until the next call. */
void sl_answers_get(sl_answers *answers, const float *logits, size_t rows, const char **text, size_t *bytes);

/** NULL is allowed. */
void sl_answers_destroy(sl_answers *answers);

#endif
