#include "cli/train/data/dataset.h"

#include "cli/digest.h"
#include "cli/notes.h"
#include "program/model_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

/* Take the labels from the model of --from: its class names, or else the numbers of the classes, as `sluice run` prints them. */
static sl_exit take_class_names(sl_dataset *dataset, const char *path, const sluice_model *model)
{
    const sluice_shape shape = sl_model_shape(model);
    if (!shape.vocabulary || !shape.classes)
        return sl_report(SL_EXIT_DATA, "%s: --text needs a model with %s, and this one has %s", path,
                         shape.vocabulary ? "a head, for its labels" : "an embedding, for its bytes",
                         sl_notes_get_missing(model, shape.vocabulary ? "head" : "embedding", "none; take another model").text);
    for (size_t k = 0; k < shape.classes; k++) {
        char number[24];
        const char *name = sluice_model_get_class(model, k);
        snprintf(number, sizeof number, "%zu", k);
        name = name ? name : number;
        const size_t found = sl_labels_find(&dataset->labels, name, strlen(name));
        if (found == SIZE_MAX)
            return SL_EXIT_FAILURE;
        if (found != k)
            return sl_report(SL_EXIT_DATA, "%s: expected class names that differ, found '%.80s' twice", path, name);
    }
    dataset->labels.closed = true;
    dataset->labels.of_model = true;
    return SL_EXIT_OK;
}

static sl_exit read_text(sl_dataset *dataset, const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const sl_exit code = sl_data_read_text(o->text, options->keep_cr, &dataset->labels, &dataset->data);
    dataset->labels.closed = true;
    return code || !o->validate ? code
                                : sl_data_read_text(o->validate, options->keep_cr, &dataset->labels, &dataset->validate_data);
}

static sl_exit read_arrays(sl_dataset *dataset, const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const sl_data_files data = {options->input, options->lengths, o->labels,  o->values,
                                "--input",      "--lengths",      "--labels", "--values"};
    const sl_data_files validation = {o->validate,  o->validate_lengths,  o->validate_labels,  o->validate_values,
                                      "--validate", "--validate-lengths", "--validate-labels", "--validate-values"};
    const sl_exit code = sl_data_read_npy(&data, &dataset->data);
    return code || !o->validate ? code : sl_data_read_npy(&validation, &dataset->validate_data);
}

sl_exit sl_dataset_read(sl_dataset *dataset, const sl_options *options, const sluice_model *model)
{
    const sl_train_options *o = &options->train;
    const sl_exit code = o->text && o->from && model ? take_class_names(dataset, o->from, model) : SL_EXIT_OK;
    if (code)
        return code;
    const sl_exit read = o->text ? read_text(dataset, options) : read_arrays(dataset, options);
    sl_data *data = &dataset->data;
    return read || !o->sample_weights
               ? read
               : sl_sample_weights_read(o->sample_weights, data->rows, data->steps, data->lengths,
                                        sl_dataset_has_step_targets(dataset, options), &data->sample_weights);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

static sl_exit check_rows(const sl_data *data)
{
    return data->rows
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_DATA, "%s: expected at least one %s, found none", sl_report_input(data->path), data->row_name);
}

/* The numbers of the training rows and of the validation rows, which the caller frees; *training is all of the data without
 * --validate-share. */
static sl_exit choose_rows(sl_dataset *dataset, const sl_options *options, size_t **training, size_t **validation, size_t *count)
{
    const sl_train_options *o = &options->train;
    const size_t rows = dataset->data.rows;
    if (o->validate_share > 0) {
        if (rows < 2)
            return sl_report(SL_EXIT_DATA, "%s: --validate-share needs two rows at least, found %zu",
                             sl_report_input(dataset->data.path), rows);
        dataset->validation = &dataset->data;
        return sl_order_split(rows, o->validate_share, o->trainer.seed, training, validation, count);
    }
    *training = sl_order_count(rows);
    if (!o->validate)
        return *training ? SL_EXIT_OK : SL_EXIT_FAILURE;
    dataset->validation = &dataset->validate_data;
    *count = dataset->validate_data.rows;
    *validation = sl_order_count(*count);
    return *training && *validation ? SL_EXIT_OK : SL_EXIT_FAILURE;
}

sl_exit sl_dataset_split(sl_dataset *dataset, const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const size_t batch = options->batch;
    size_t *training = NULL, *validation = NULL, count = 0;
    sl_exit code = check_rows(&dataset->data);
    if (!code && o->validate)
        code = check_rows(&dataset->validate_data);
    code = code ? code : choose_rows(dataset, options, &training, &validation, &count);
    if (code) {
        free(training);
        free(validation);
        return code;
    }
    /* Batches for validation may be larger than for training, unless each row has outputs for all its steps. */
    enum { VALIDATION_ROWS = 256 };
    const bool is_large = batch > VALIDATION_ROWS || sl_dataset_has_step_targets(dataset, options);
    code = sl_order_create(&dataset->order, training, dataset->data.rows - (o->validate_share > 0 ? count : 0), batch);
    const sl_exit second = sl_order_create(&dataset->validation_order, validation, count, is_large ? batch : VALIDATION_ROWS);
    if (!code && !second && dataset->validation)
        sl_order_sort(&dataset->validation_order, dataset->validation->lengths);
    return code ? code : second;
}

bool sl_dataset_has_step_targets(const sl_dataset *dataset, const sl_options *options)
{
    return options->train.every_step || dataset->data.every_step;
}

sl_exit sl_dataset_set_digest(sl_dataset *dataset)
{
    const sl_data *data = &dataset->data;
    uint64_t digest = SL_DIGEST_BEGIN;
    sl_exit code = sl_data_get_digest(data, &digest);
    digest = sl_sample_weights_get_digest(&data->sample_weights, data->rows, data->lengths, digest);
    if (!code && dataset->validation == &dataset->validate_data)
        code = sl_data_get_digest(&dataset->validate_data, &digest);
    for (size_t k = 0; k < dataset->labels.count; k++)
        digest = sl_digest_add(digest, dataset->labels.names[k], strlen(dataset->labels.names[k]));
    dataset->digest = digest;
    return code;
}

void sl_dataset_release(sl_dataset *dataset)
{
    sl_order_release(&dataset->order);
    sl_order_release(&dataset->validation_order);
    sl_data_release(&dataset->data);
    sl_data_release(&dataset->validate_data);
    sl_labels_release(&dataset->labels);
}
