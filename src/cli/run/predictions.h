/* Predicted classes as lines of text: LABEL<TAB>PROBABILITY, for one or more classes. */
#ifndef SLUICE_CLI_RUN_PREDICTIONS_H
#define SLUICE_CLI_RUN_PREDICTIONS_H

#include "program/report.h"
#include "sluice.h"

typedef struct sl_predictions sl_predictions;

/** Prepare for batches of up to `rows` rows of a model with a head, with `top` classes per line, 1 to all of them. */
sl_exit sl_predictions_create(const sluice_model *model, size_t rows, size_t top, sl_predictions **predictions);

/** The lines for the rows of logits [rows][C]: the `top` classes with the largest logits, in descending order (equal ones in order of
 *  the classes, NaN last), each with its softmax in double precision, or as it is where the last layer's activation is softmax or
 *  sigmoid; "nan" if that is not a number. *text has *bytes bytes and is valid until the next call. */
void sl_predictions_get(sl_predictions *predictions, const float *logits, size_t rows, const char **text, size_t *bytes);

/** NULL is allowed. */
void sl_predictions_destroy(sl_predictions *predictions);

#endif
