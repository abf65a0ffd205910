/* How a training went, epoch by epoch, as a table and as a picture. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_CURVE_H
#define SLUICE_CLI_TRAIN_TRAIN_CURVE_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What was found over some rows. */
typedef struct sl_score {
    double loss;      /* mean over the targets that counted */
    double weight;    /* of these targets: `counted`, unless classes have weights; not that of an epoch that has ended */
    uint64_t counted; /* 0: nothing was */
    uint64_t right;   /* of classes */
} sl_score;

typedef struct sl_epoch {
    uint64_t step; /* updates made when it ended */
    double rate;   /* learning rate of the last of them */
    sl_score training;
    sl_score validation; /* counted 0: there was none */
} sl_epoch;

typedef struct sl_curve {
    sl_epoch *epochs; /* [count], from the first */
    size_t count, room;
    bool has_classes; /* right counts */
} sl_curve;

/** Of a score's targets, those that were right: 0..1. */
double sl_score_get_accuracy(const sl_score *score);

sl_exit sl_curve_add(sl_curve *curve, const sl_epoch *epoch);

/** Write the table: a line of names, then one an epoch, values separated by commas; what there is not is empty. */
sl_exit sl_curve_write_csv(const sl_curve *curve, const char *path);

/** Draw loss and, of classes, accuracy over the epochs, both of training and of validation. */
sl_exit sl_curve_write_svg(const sl_curve *curve, const char *path);

void sl_curve_release(sl_curve *curve);

#endif
