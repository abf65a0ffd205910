#include "cli/output/output_table.h"

#include "program/model_shape.h"

#include <stdio.h>

static sl_exit add_outputs(const sluice_model *model, const sl_layer_output *output, sl_columns *columns)
{
    const size_t last = sl_model_network(model).layer_count - 1;
    const bool is_end = output->field == SL_OUTPUT_LOGITS || (output->field == SL_OUTPUT_LAYER && output->layer == last);
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < output->width; k++) {
        char number[32];
        const char *name = is_end ? sluice_model_get_class(model, k) : NULL;
        snprintf(number, sizeof number, "output_%zu", k);
        code = sl_columns_add(columns, name ? name : number);
    }
    return code;
}

sl_exit sl_output_table_create(const char *path, const sl_output_table_options *options, const sluice_model *model,
                               const sl_layer_output *output, sl_output_table *table)
{
    sl_columns columns = {0};
    const size_t top = options->top;
    *table = (sl_output_table){.width = output->width,
                               .has_steps = output->has_steps,
                               .has_places = options->has_places && options->format != SL_ROWS_LINES};
    sl_exit code = top ? sl_predictions_create(model, top, &table->predictions) : SL_EXIT_OK;
    if (!code && table->has_places)
        code = sl_columns_add(&columns, "row");
    if (!code && table->has_places && output->has_steps)
        code = sl_columns_add(&columns, "step");
    if (!code)
        code = top ? sl_predictions_add_columns(table->predictions, &columns) : add_outputs(model, output, &columns);
    code = code ? code : sl_row_writer_create(path, options->format, &columns, options->has_header, &table->writer);
    sl_columns_release(&columns);
    return code;
}

static sl_exit write_vector(const sl_output_table *table, const float *outputs, size_t row, size_t step)
{
    sl_row_writer *writer = table->writer;
    if (table->has_places)
        sl_row_writer_put_count(writer, row);
    if (table->has_places && table->has_steps)
        sl_row_writer_put_count(writer, step);
    if (table->predictions)
        sl_predictions_put(table->predictions, outputs, writer);
    for (size_t k = 0; !table->predictions && k < table->width; k++)
        sl_row_writer_put_number(writer, outputs[k]);
    return sl_row_writer_end(writer);
}

sl_exit sl_output_table_write(const sl_output_table *table, const float *outputs, size_t first, size_t rows, size_t steps,
                              const int64_t *lengths)
{
    const size_t vectors = table->has_steps ? steps : 1; /* of a row, in memory */
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; n < rows; n++) {
        const size_t count = table->has_steps && lengths ? (size_t)lengths[n] : vectors;
        for (size_t t = 0; !code && t < count; t++)
            code = write_vector(table, outputs + (n * vectors + t) * table->width, first + n, t);
    }
    return code;
}

void sl_output_table_close(sl_output_table *table)
{
    sl_row_writer_destroy(table->writer);
    sl_predictions_destroy(table->predictions);
    *table = (sl_output_table){0};
}
