#include "cli/train/data/dataset.h"

#include "cli/digest.h"
#include "cli/notes.h"
#include "cli/train/data/row_digests.h"
#include "program/model_shape.h"

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
    dataset->labels.of_model = true;
    return sl_labels_take_classes(&dataset->labels, path, model);
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

static sl_exit read_series(sl_dataset *dataset, const sl_options *options)
{
    sl_data *data = &dataset->data;
    const sl_exit code = sl_dataset_windows_read(options, &dataset->forecast, data, &dataset->validate_data);
    if (code || !options->train.sample_weights)
        return code;
    const sl_series_table *series = &data->windows->series;
    return sl_sample_weights_read_series(options->train.sample_weights, series->count, series->starts[series->count],
                                         &data->sample_weights);
}

sl_exit sl_dataset_read(sl_dataset *dataset, const sl_options *options, const sluice_model *model)
{
    const sl_train_options *o = &options->train;
    const sl_exit code = o->text && o->from && model ? take_class_names(dataset, o->from, model) : SL_EXIT_OK;
    if (code)
        return code;
    if (options->series.targets)
        return read_series(dataset, options);
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

/* Choose the rows of --validate-share at random, or all of the data for training and those of --validate for validation. */
static sl_exit choose_rows(sl_dataset *dataset, const sl_options *options, sl_row_lists *lists)
{
    const sl_train_options *o = &options->train;
    const size_t rows = dataset->data.rows;
    if (o->validate_share > 0) {
        if (rows < 2)
            return sl_report(SL_EXIT_DATA, "%s: --validate-share needs two rows at least, found %zu",
                             sl_report_input(dataset->data.path), rows);
        dataset->validation = &dataset->data;
        const sl_exit code = sl_order_split(rows, o->validate_share, o->trainer.seed, &lists->training, &lists->validation,
                                            &lists->validation_count);
        lists->training_count = rows - lists->validation_count;
        return code;
    }
    lists->training = sl_order_count(rows);
    lists->training_count = rows;
    if (!o->validate)
        return lists->training ? SL_EXIT_OK : SL_EXIT_FAILURE;
    dataset->validation = &dataset->validate_data;
    lists->validation_count = dataset->validate_data.rows;
    lists->validation = sl_order_count(lists->validation_count);
    return lists->training && lists->validation ? SL_EXIT_OK : SL_EXIT_FAILURE;
}

sl_exit sl_dataset_split(sl_dataset *dataset, const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const size_t batch = options->batch;
    sl_row_lists lists = {0};
    sl_exit code = check_rows(&dataset->data);
    if (!code && o->validate)
        code = check_rows(&dataset->validate_data);
    if (!code && dataset->data.windows)
        code = sl_dataset_windows_split(options, &dataset->data, &dataset->validate_data, &dataset->forecast, &dataset->scaling,
                                        &lists);
    if (lists.validation)
        dataset->validation = &dataset->data;
    else if (!code)
        code = choose_rows(dataset, options, &lists);
    if (code) {
        free(lists.training);
        free(lists.validation);
        return code;
    }
    /* Batches for validation may be larger than for training, unless each row has outputs for all its steps. */
    enum { VALIDATION_ROWS = 256 };
    const bool is_large = batch > VALIDATION_ROWS || sl_dataset_has_step_targets(dataset, options);
    const sl_data *validation = dataset->validation ? dataset->validation : &dataset->data; /* or any, of no rows */
    code =
        sl_order_create(&dataset->order, lists.training, lists.training_count, batch, dataset->data.lengths, dataset->data.steps);
    const sl_exit second = sl_order_create(&dataset->validation_order, lists.validation, lists.validation_count,
                                           is_large ? batch : VALIDATION_ROWS, validation->lengths, validation->steps);
    if (!code && !second && dataset->validation)
        sl_order_sort(&dataset->validation_order);
    return code ? code : second;
}

bool sl_dataset_has_step_targets(const sl_dataset *dataset, const sl_options *options)
{
    return options->train.every_step || dataset->data.every_step;
}

/* ---- Digest ---------------------------------------------------------------------------------------------------------------- */

static uint64_t add_weights(const sl_dataset *dataset, uint64_t digest)
{
    const sl_data *data = &dataset->data;
    return data->windows ? digest : sl_sample_weights_get_digest(&data->sample_weights, data->rows, data->lengths, digest);
}

static uint64_t add_names(const sl_dataset *dataset, uint64_t digest)
{
    for (size_t k = 0; k < dataset->labels.count; k++)
        digest = sl_digest_add(digest, dataset->labels.names[k], strlen(dataset->labels.names[k]));
    return digest;
}

void sl_dataset_set_digest(sl_dataset *dataset)
{
    uint64_t digest = add_weights(dataset, sl_data_add_digest(&dataset->data, SL_DIGEST_BEGIN));
    digest = sl_data_add_labels_digest(&dataset->data, digest);
    if (dataset->validate_data.path)
        digest = sl_data_add_labels_digest(&dataset->validate_data, sl_data_add_digest(&dataset->validate_data, digest));
    dataset->digest = add_names(dataset, digest);
}

sl_exit sl_dataset_read_rows(sl_dataset *dataset)
{
    const sl_exit code = sl_row_digests_make(&dataset->data, &dataset->digest);
    return code || !dataset->validate_data.path ? code : sl_row_digests_make(&dataset->validate_data, &dataset->digest);
}

sl_exit sl_dataset_get_chained_digest(const sl_dataset *dataset, uint64_t *digest)
{
    *digest = sl_data_add_digest(&dataset->data, SL_DIGEST_BEGIN);
    sl_exit code = sl_row_digests_chain(&dataset->data, digest);
    *digest = add_weights(dataset, *digest);
    if (!code && dataset->validate_data.path) {
        *digest = sl_data_add_digest(&dataset->validate_data, *digest);
        code = sl_row_digests_chain(&dataset->validate_data, digest);
    }
    *digest = add_names(dataset, *digest);
    return code;
}

void sl_dataset_release(sl_dataset *dataset)
{
    sl_order_release(&dataset->order);
    sl_order_release(&dataset->validation_order);
    sl_data_release(&dataset->data);
    sl_data_release(&dataset->validate_data);
    sl_labels_release(&dataset->labels);
    sl_forecast_release(&dataset->forecast);
    sl_scaling_release(&dataset->scaling);
}
