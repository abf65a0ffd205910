/* How well outputs name classes: how often, and which for which. */
#ifndef SLUICE_CLI_EVALUATE_CLASS_SCORES_H
#define SLUICE_CLI_EVALUATE_CLASS_SCORES_H

#include "program/report.h"

#include <stdint.h>

/** Most classes of which the confusion table is kept. */
enum { SL_CONFUSION_MOST = 1024 };

typedef struct sl_class_scores {
    size_t classes;
    uint64_t *labelled, *answered, *right; /* [classes] targets of each; outputs that name it; those that do so rightly */
    uint64_t *confusion;                   /* [label][answer], or NULL where there are too many classes */
    uint64_t counted, ignored, all_right;  /* targets; those with a label that is ignored; outputs that are right */
    double loss;                           /* the sum of the targets' cross-entropies */
} sl_class_scores;

/** Of one class, or a mean. Precision and recall are 0 where nothing was answered, or labelled, and F1 where both are 0. */
typedef struct sl_class_rates {
    double precision, recall, f1;
} sl_class_rates;

/** Zeros for so many classes. Errors are reported. */
sl_exit sl_class_scores_create(size_t classes, sl_class_scores *scores);

/** Count an output. */
void sl_class_scores_add(sl_class_scores *scores, const float *outputs, int32_t label);

sl_class_rates sl_class_scores_get_rates(const sl_class_scores *scores, size_t class);

/** The mean over the classes that are a label or an answer at least once. */
sl_class_rates sl_class_scores_get_macro(const sl_class_scores *scores);

/** Zeros are allowed. */
void sl_class_scores_release(sl_class_scores *scores);

#endif
