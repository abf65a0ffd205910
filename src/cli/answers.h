/* Logits as lines of text: LABEL<TAB>PROBABILITY. */
#ifndef SLUICE_CLI_ANSWERS_H
#define SLUICE_CLI_ANSWERS_H

#include "report.h"
#include "sluice.h"

typedef struct sl_answers sl_answers;

/** Prepare for batches of up to `rows` rows of a model with a head. */
sl_exit sl_answers_create(const sluice_model *model, size_t rows, sl_answers **answers);

/** The lines for the rows of logits [rows][C]: the class with the largest (the first of equals; NaN is never the largest) and its
 *  softmax, made in double: "nan" if that is none. *text has *bytes bytes and is valid until the next call. */
void sl_answers_get(sl_answers *answers, const float *logits, size_t rows, const char **text, size_t *bytes);

/** NULL is allowed. */
void sl_answers_destroy(sl_answers *answers);

#endif
