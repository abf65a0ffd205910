/* What `sluice train` learns from, and is tried on: sequences with their targets, whole in memory. */
#ifndef SLUICE_CLI_TRAIN_DATA_TRAIN_DATA_H
#define SLUICE_CLI_TRAIN_DATA_TRAIN_DATA_H

#include "program/report.h"
#include "sluice.h"

#include <stdbool.h>
#include <stdint.h>

/** A label that does not count. */
enum { SL_DATA_IGNORED = -100 };

typedef struct sl_data {
    const char *path;     /* of the sequences, as messages name it */
    const char *row_name; /* "line" or "row" */
    size_t first;         /* number of the first: 1 for lines, 0 for rows */
    size_t rows, steps;   /* N, and the T of the longest */
    size_t width;         /* of a step: I, or 1 for tokens */
    float *x;             /* NULL: tokens */
    int32_t *tokens;
    size_t *offsets;  /* [N] where a row begins in x or tokens */
    int64_t *lengths; /* [N] */
    bool every_step;  /* a target for each step; else one a row */
    int32_t *labels;  /* [N], or [N][T] for every step; >= 0 or SL_DATA_IGNORED. NULL: values */
    float *values;    /* [N][target_width], or [N][T][target_width] */
    size_t target_width;
    const char *target_path; /* of labels or values, as messages name it */
} sl_data;

/** Names of classes, numbered in the order in which they were added. */
typedef struct sl_labels {
    char **names; /* [count] */
    size_t count, room;
    size_t *slots; /* [2 * room], each 1 + an index, or 0 */
    bool closed;   /* others are refused */
} sl_labels;

/** Where the arrays of a set of rows are. */
typedef struct sl_data_files {
    const char *input, *lengths, *labels, *values;                             /* NULL: not given */
    const char *input_option, *lengths_option, *labels_option, *values_option; /* as messages name them */
} sl_data_files;

/** Read lines LABEL<TAB>TEXT ("-": standard input) as sl_lines does; the bytes of TEXT are the tokens. Labels are numbered in order
 *  of first appearance, unless `names` is closed. Refuses (and reports, with the line) one without a tab, an empty text, a label
 *  that is unknown or cannot name a class. Notes tell of labels that look alike, and of a first line that may be a header. */
sl_exit sl_data_read_text(const char *path, bool keep_cr, sl_labels *names, sl_data *data);

/** Read .npy arrays of any type of numbers: x [N][T][I] or tokens [N][T]; lengths [N]; labels [N] or [N][T]; values [N][width] or
 *  [N][T][width]. What is not f4, or whole numbers where these are wanted, is converted, with a note. Refuses (and reports, with row
 *  and step) what is not finite, and tokens and labels that no model has. */
sl_exit sl_data_read_npy(const sl_data_files *files, sl_data *data);

/** The largest token, or label, + 1, and in which row it is; 0, and *row as it was, if there is none. */
size_t sl_data_count_numbers(const sl_data *data, bool of_labels, size_t *row);

/** Refuse (and report) data that a network of this shape cannot read, or has no outputs for. */
sl_exit sl_data_check(const sl_data *data, const sluice_shape *shape);

/** Whether a target of row `row` counts; with a target a row, where each of its steps has it if `every_step`. */
bool sl_data_is_counted(const sl_data *data, size_t row, bool every_step);

/** Add, for each class, the targets of row `row` that count, as sl_data_is_counted has them; the data have labels. */
void sl_data_count_classes(const sl_data *data, size_t row, bool every_step, uint64_t *counts);

/** A number that tells these data from others, begun with `digest`. */
uint64_t sl_data_get_digest(const sl_data *data, uint64_t digest);

/** Free what it owns; one that was never filled is allowed. */
void sl_data_release(sl_data *data);

/** The number of a name, added if it is new; SIZE_MAX: `names` is closed, or (reported) out of memory. */
size_t sl_labels_find(sl_labels *names, const char *name, size_t bytes);

/** The first label that differs from `name` only by what is hardly seen at its ends, or not at all; NULL: none. */
const char *sl_labels_find_alike(const sl_labels *names, const char *name);

/** A note if two labels of a file differ only by that. SL_EXIT_FAILURE (reported): out of memory. */
sl_exit sl_labels_note_alike(const sl_labels *names, const char *path);

void sl_labels_release(sl_labels *names);

#endif
