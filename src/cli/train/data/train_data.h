/* Training and validation data of `sluice train`: sequences with their targets, in memory, or of several ranks in their files. */
#ifndef SLUICE_CLI_TRAIN_DATA_TRAIN_DATA_H
#define SLUICE_CLI_TRAIN_DATA_TRAIN_DATA_H

#include "cli/input/target_array.h"
#include "cli/train/data/row_file.h"
#include "cli/train/data/sample_weights.h"
#include "cli/train/series/train_windows.h"
#include "program/report.h"
#include "sluice.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_data {
    const char *path;        /* of the sequences, for messages */
    const char *row_name;    /* "line" or "row" */
    size_t first;            /* number of the first row in messages: 1 for lines, 0 for rows */
    size_t rows, steps;      /* N, and T of the longest row */
    size_t width;            /* of a step: I, or 1 for tokens */
    size_t stride;           /* from a step of a row to the next: `width`, or more where series have other columns too */
    bool has_x;              /* else tokens */
    sl_window_rows *windows; /* or whole series; NULL: rows of their own */
    float *x;                /* NULL: tokens, or in `file`; of `windows` their series */
    int32_t *tokens;         /* likewise */
    sl_row_file *file;       /* NULL: in memory */
    size_t *offsets;         /* [N] offset of each row in x, tokens or file; NULL: of windows */
    uint64_t *row_digests;   /* [N] of rows that this rank has not read yet, else 0 (row_digests.h); NULL: alone, or windows */
    int32_t largest;         /* token, set when all rows are read; -1: none */
    size_t largest_row;      /* its row */
    int64_t *lengths;        /* [N]; NULL: `steps` each, of windows */
    bool every_step;         /* a target for each step; else one for each row */
    int32_t *labels;         /* [N], or [N][T] for every step; >= 0 or SL_LABEL_IGNORED. NULL: values */
    float *values;           /* [N][target_width], or [N][T][target_width]; NULL: labels, or in `value_file` */
    sl_row_file *value_file;
    size_t target_width;
    const char *target_path; /* of labels or values, for messages */
    sl_sample_weights sample_weights;
} sl_data;

/** Names of classes, numbered in the order in which they were added. */
typedef struct sl_labels {
    char **names; /* [count] */
    size_t count, room;
    size_t *slots; /* [2 * room] hash table: 1 + an index, or 0 */
    bool closed;   /* no name can be added */
    bool of_model; /* they are the model's of --from, whose last layer can be made anew for others */
} sl_labels;

/** Files of the arrays of a set of rows. */
typedef struct sl_data_files {
    const char *input, *lengths, *labels, *values;                             /* NULL: not given */
    const char *input_option, *lengths_option, *labels_option, *values_option; /* for messages: "--input" */
} sl_data_files;

/** Read lines LABEL<TAB>TEXT ("-": standard input) with sl_lines; the bytes of TEXT are the tokens. Labels are numbered in order of
 *  first appearance, unless `names` is closed. Refuses (and reports, with the line) a line without a tab, an empty text, and a label
 *  that is unknown or cannot name a class. Prints notes on labels that look alike, and on a first line that may be a header. */
sl_exit sl_data_read_text(const char *path, bool keep_cr, sl_labels *names, sl_data *data);

/** Read .npy arrays of any type of numbers: x [N][T][I] or tokens [N][T]; lengths [N]; labels [N] or [N][T]; values [N][width] or
 *  [N][T][width]. Other types than f4, or than integers for tokens, lengths and labels, are converted, with a note. Refuses (and
 *  reports, with row and step) tokens and labels that are out of range for every model. */
sl_exit sl_data_read_npy(const sl_data_files *files, sl_data *data);

/** Make data of windows of series, or of whole ones, which are taken over. `path` is not copied. Errors are reported. */
sl_exit sl_data_make_windows(const char *path, sl_series_table *series, const sl_windows *windows, sl_data *data);

/** Steps of a row, and where it begins in x, tokens or file. */
static inline size_t sl_data_get_length(const sl_data *data, size_t row)
{
    return data->lengths ? (size_t)data->lengths[row] : data->steps;
}

static inline size_t sl_data_get_offset(const sl_data *data, size_t row)
{
    return data->offsets ? data->offsets[row] : sl_window_rows_get_offset(data->windows, row);
}

/** Number of targets of a row, and its labels. */
static inline size_t sl_data_count_targets(const sl_data *data, size_t row)
{
    return data->every_step ? sl_data_get_length(data, row) : 1;
}

static inline const int32_t *sl_data_get_labels(const sl_data *data, size_t row)
{
    return data->labels + row * (data->every_step ? data->steps : 1);
}

/** The largest of a row's labels or tokens, -1 if there is none; *step is its step. */
int32_t sl_data_find_largest(const int32_t *numbers, size_t count, size_t *step);

/** 1 + the largest token or label; *row is its row. 0 if there is none; *row is then unchanged. */
size_t sl_data_count_numbers(const sl_data *data, bool of_labels, size_t *row);

/** Refuse (and report) data whose inputs or targets do not fit a network of this shape, which gives `outputs` floats for a target.
 *  `remedy` ends what is said of targets. */
sl_exit sl_data_check(const sl_data *data, const sluice_shape *shape, size_t outputs, const char *remedy);

/** Whether any target of row `row` counts. With `every_step`, the target of a row applies to each of its steps. */
bool sl_data_is_counted(const sl_data *data, size_t row, bool every_step);

/** Add to counts[class] the targets of row `row` that count, likewise; the data have labels. */
void sl_data_count_classes(const sl_data *data, size_t row, bool every_step, uint64_t *counts);

/** Steps begin .. begin + count - 1 of a row: floats, or tokens int32_t. Valid until the next call for the data, which may read a file.
 *  Errors are reported. */
sl_exit sl_data_get_inputs(const sl_data *data, size_t row, size_t begin, size_t count, const void **inputs);

/** Likewise, of data with values, `count` of a row's targets. */
sl_exit sl_data_get_values(const sl_data *data, size_t row, size_t begin, size_t count, const float **values);

/** Whether targets have weights, and then that of the target at a step of a row; of a row's only target, at step 0. A target of series has
 *  the weight of its step, or with several horizons of the first one's. */
bool sl_data_has_weights(const sl_data *data);
float sl_data_get_weight(const sl_data *data, size_t row, size_t step);

/** A digest continued with what every rank has in memory: sizes and lengths, or the series of windows. sl_row_digests_make has the rest. */
uint64_t sl_data_add_digest(const sl_data *data, uint64_t digest);

/** Likewise with all labels, so that ranks need not wait for a row's first use to find that they have others; unchanged without labels. */
uint64_t sl_data_add_labels_digest(const sl_data *data, uint64_t digest);

/** Free all arrays; zeros are allowed. */
void sl_data_release(sl_data *data);

/** The number of a name, which is added if it is new. SIZE_MAX: `names` is closed, or out of memory, which is reported. */
size_t sl_labels_find(sl_labels *names, const char *name, size_t bytes);

/** Take the names of a model's classes, or where they have none their numbers, and close `names`. `path` is the model's. Refuses (and
 *  reports) two classes of one name. */
sl_exit sl_labels_take_classes(sl_labels *names, const char *path, const sluice_model *model);

/** The first label that equals `name` except for spaces, quotes and invisible characters at the ends; NULL: none. */
const char *sl_labels_find_alike(const sl_labels *names, const char *name);

/** Print a note if two labels of a file differ only by these. SL_EXIT_FAILURE (reported): out of memory. */
sl_exit sl_labels_note_alike(const sl_labels *names, const char *path);

void sl_labels_release(sl_labels *names);

#endif
