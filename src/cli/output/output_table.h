/* A layer's outputs as a table: a row for each row of the input, or for each of its steps before its end. */
#ifndef SLUICE_CLI_OUTPUT_OUTPUT_TABLE_H
#define SLUICE_CLI_OUTPUT_OUTPUT_TABLE_H

#include "cli/layer_output.h"
#include "cli/output/predictions.h"

/** What a table has. */
typedef struct sl_output_table_options {
    sl_row_format format; /* CSV, JSONL or LINES */
    size_t top;           /* only so many of the most probable classes; 0: all outputs */
    bool has_header;      /* it is not the continuation of another file */
    bool has_places;      /* the first columns are the row and, of outputs with steps, the step, both from 0 on; LINES has none */
} sl_output_table_options;

/** Zeros are a table that is not open. */
typedef struct sl_output_table {
    sl_row_writer *writer;
    sl_predictions *predictions; /* NULL: all outputs */
    size_t width;                /* of the outputs */
    bool has_steps;
    bool has_places;
} sl_output_table;

/** Begin a file for outputs [N][T][W] or [N][W] of a model. Columns of the network's end are named as its classes, others output_0 and
 *  so on. Errors are reported. */
sl_exit sl_output_table_create(const char *path, const sl_output_table_options *options, const sluice_model *model,
                               const sl_layer_output *output, sl_output_table *table);

/** Write the outputs of `rows` rows from row `first` on, [rows][steps][W] or [rows][W]; `lengths` NULL: all steps. */
sl_exit sl_output_table_write(const sl_output_table *table, const float *outputs, size_t first, size_t rows, size_t steps,
                              const int64_t *lengths);

/** Close it; a file that is not committed is discarded. */
void sl_output_table_close(sl_output_table *table);

#endif
