/* The most probable classes of a vector of outputs, as cells of a row: for each a name and a probability. */
#ifndef SLUICE_CLI_OUTPUT_PREDICTIONS_H
#define SLUICE_CLI_OUTPUT_PREDICTIONS_H

#include "cli/output/row_writer.h"
#include "sluice.h"

typedef struct sl_predictions sl_predictions;

/** Prepare for `top` classes of a model with classes, 1 to all of them. */
sl_exit sl_predictions_create(const sluice_model *model, size_t top, sl_predictions **predictions);

/** Add the columns: class, probability, class_2, probability_2 and so on. */
sl_exit sl_predictions_add_columns(const sl_predictions *predictions, sl_columns *columns);

/** Put the cells of a vector of outputs [C]: the `top` classes with the largest ones, in descending order (equal ones in order of
 *  the classes, NaN last), each with its softmax in double precision, or as it is where the last layer's activation is softmax or
 *  sigmoid. */
void sl_predictions_put(const sl_predictions *predictions, const float *outputs, sl_row_writer *writer);

/** The name of a class, or its number as text in `index`. */
enum { SL_CLASS_INDEX_BYTES = 24 };
const char *sl_class_get_name(const sluice_model *model, size_t k, char index[SL_CLASS_INDEX_BYTES]);

/** Whether a model's outputs are probabilities, and not logits: its last layer's activation is softmax or sigmoid. */
bool sl_model_gives_shares(const sluice_model *model);

/** NULL is allowed. */
void sl_predictions_destroy(sl_predictions *predictions);

#endif
