/* Preparation of `sluice train`: data are read, rows are split, the network is created or loaded, the trainer is made. */
#include "cli/train/training.h"

#include "base/clock.h"
#include "cli/notes.h"
#include "cli/train/layer_list.h"
#include "cli/train/new_head.h"
#include "program/interrupt.h"
#include "program/model_shape.h"

#include <stdlib.h>

/* ---- Network --------------------------------------------------------------------------------------------------------------- */

/* How many outputs a new network, or a new head, has. */
static sl_exit choose_classes(const sl_training *train, size_t *classes)
{
    const sl_train_options *o = &train->options->train;
    const sl_data *data = &train->dataset.data;
    size_t row;
    if (!data->labels) {
        if (o->classes)
            return sl_report(SL_EXIT_USAGE, "--classes goes with --labels; with --values the data give the number of outputs");
        *classes = o->no_head ? 0 : data->target_width * (o->loss.quantile_count ? o->loss.quantile_count : 1);
        return SL_EXIT_OK;
    }
    const size_t found = o->text ? train->dataset.labels.count : sl_data_count_numbers(data, true, &row);
    *classes = o->classes ? o->classes : found;
    return *classes >= 2 ? SL_EXIT_OK
                         : sl_report(SL_EXIT_DATA, "%s: expected two classes at least, found %zu",
                                     sl_report_input(data->target_path), *classes);
}

/* The shape of a new network: from the options, and for what they leave out, from the data. */
static sl_exit choose_shape(const sl_training *train, sluice_shape *shape)
{
    enum { BYTES = 256 };
    const sl_train_options *o = &train->options->train;
    const sl_data *data = &train->dataset.data;
    size_t row;
    *shape = (sluice_shape){.struct_size = sizeof(sluice_shape),
                            .layers = o->layers.count,
                            .directions = o->bidirectional ? 2 : 1,
                            .hidden = o->hidden,
                            .has_bias = !o->no_bias};
    if (data->has_x) {
        if (o->embedding || o->vocabulary)
            return sl_report(SL_EXIT_USAGE, "--embedding and --vocabulary go with tokens, and %s has none",
                             sl_report_input(data->path));
        shape->inputs = data->width;
    } else {
        const size_t needed = o->text ? BYTES : sl_data_count_numbers(data, false, &row);
        shape->inputs = o->embedding ? o->embedding : SL_TRAIN_EMBEDDING;
        shape->vocabulary = o->vocabulary ? o->vocabulary : needed ? needed : 1;
    }
    return choose_classes(train, &shape->classes);
}

/* Report that a model or its trainer cannot be created. If one large token or label in the data needs most of the memory, name it:
 * the data may be wrong there. */
static sl_exit fail_model(const sl_training *train, const sluice_shape *shape, const sluice_error *error)
{
    const sl_train_options *o = &train->options->train;
    const sl_data *data = &train->dataset.data;
    const double outputs = (double)shape->directions * (double)shape->hidden, inputs = (double)shape->inputs;
    const double head = (double)shape->classes * outputs, embedding = (double)shape->vocabulary * inputs;
    const double cells = 4 * outputs * (inputs + (double)shape->hidden) + 8 * outputs * outputs * (double)(shape->layers - 1);
    const bool is_label = head > embedding, is_given = is_label ? o->classes || !data->labels : o->vocabulary || data->has_x;
    const bool is_too_large = error->status == SLUICE_STATUS_NO_MEMORY || error->status == SLUICE_STATUS_TOO_LARGE;
    if (!is_too_large || o->layers.list || o->text || o->from || is_given || cells > (is_label ? head : embedding))
        return sl_report_error(error);
    size_t row = 0;
    const size_t most = sl_data_count_numbers(data, is_label, &row);
    return sl_report(SL_EXIT_DATA, "%s: %s %zu: the largest %s, %zu, makes the model too large: %s",
                     sl_report_input(is_label ? data->target_path : data->path), data->row_name, row, is_label ? "label" : "token",
                     most ? most - 1 : 0, error->message);
}

/* A new model of --layers LIST; inputs and outputs are the shape's. */
static sluice_status make_chain(const sl_training *train, const sluice_shape *shape, const char *const *names, sluice_model **model,
                                sluice_error *error)
{
    const sl_train_options *options = &train->options->train;
    const sl_layer_list_ends ends = {.vocabulary = shape->vocabulary,
                                     .embedding = shape->inputs,
                                     .outputs = shape->classes,
                                     .every_step = sl_dataset_has_step_targets(&train->dataset, train->options)};
    sl_layer_list list;
    sluice_status status = sl_layer_list_parse("--layers", options->layers.list, &list, error);
    if (!status)
        status = sl_layer_list_complete("--layers", &list, &ends, error);
    const sluice_network network = {.struct_size = sizeof network,
                                    .inputs = shape->vocabulary ? 0 : shape->inputs,
                                    .layer_count = list.count,
                                    .layers = list.layers};
    return status ? status
                  : sluice_model_create_initial_network(&network, options->initializer, options->trainer.seed, names, model, error);
}

static sl_exit make_model(const sl_training *train, sluice_model **model)
{
    const sl_train_options *options = &train->options->train;
    sluice_shape shape;
    const sl_exit code = choose_shape(train, &shape);
    if (code)
        return code;
    const char *const *names = options->text ? (const char *const *)train->dataset.labels.names : NULL;
    sluice_error error;
    sluice_status status = options->layers.list ? make_chain(train, &shape, names, model, &error)
                                                : sluice_model_create_initial(&shape, options->initializer, options->trainer.seed,
                                                                              names, model, &error);
    if (!status && options->forget_bias > 0)
        status = sluice_model_set_forget_bias(*model, (float)options->forget_bias, &error);
    return status ? fail_model(train, &shape, &error) : SL_EXIT_OK;
}

/* Refuse, before the first epoch, rows without any target that counts. */
static sl_exit check_counted(const sl_training *train, const sl_data *data, const sl_order *order)
{
    for (size_t k = 0; k < order->count; k++)
        if (sl_data_is_counted(data, order->all[k], train->options->train.every_step))
            return SL_EXIT_OK;
    return sl_report(
        SL_EXIT_DATA,
        "%s: none of the %zu rows for %s has a target that counts: all are ignored or of weight 0, or the rows have no steps",
        sl_report_input(data->target_path), order->count, order == &train->dataset.order ? "training" : "validation");
}

/* Refuse, before the first epoch, names that a model file cannot have, by saving the model to /dev/null. */
static sl_exit check_names(const sl_training *train, const sluice_model *model)
{
    sluice_error error;
    sluice_model *made;
    sl_exit code = sl_train_make_file_model(train, model, &made);
    model = made ? made : model;
    const sluice_names names = sl_train_get_names(train, model);
    if (!code && sluice_model_save(model, "/dev/null", &names, &error) && error.status != SLUICE_STATUS_IO)
        code = sl_report_error(&error); /* IO: the device may not exist */
    sluice_model_destroy(made);
    return code;
}

/* Whether a layer reads the steps from the last one on. */
static bool reads_backwards(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    bool found = false;
    for (size_t k = 0; k < network.layer_count; k++)
        found = found || network.layers[k].direction != SLUICE_DIRECTION_FORWARD;
    return found;
}

/* Refuse a network that reads backwards what has to be read forwards. */
static sl_exit check_direction(const sl_training *train, const sluice_model *model)
{
    const bool every_step = sl_dataset_has_step_targets(&train->dataset, train->options), is_backwards = reads_backwards(model);
    if (is_backwards && train->dataset.data.windows && every_step)
        return sl_report(SL_EXIT_USAGE, "whole series need layers that read forwards, as the later steps have the targets of the "
                                        "earlier ones; give other layers, or --window");
    if (train->options->train.truncate && (!every_step || is_backwards))
        return sl_report(SL_EXIT_USAGE,
                         "--truncate needs targets for every step, and one direction: the gradient of a target at the end of a "
                         "row would only reach the last part of the row");
    return SL_EXIT_OK;
}

/* Check the options against the network and the data. */
static sl_exit check_network(const sl_training *train, const sluice_model *model)
{
    const sl_train_options *options = &train->options->train;
    const sluice_shape *shape = &train->shape;
    const bool every_step = sl_dataset_has_step_targets(&train->dataset, train->options);
    if (train->dataset.data.labels && !shape->classes)
        return sl_report(SL_EXIT_DATA, "%s: --labels needs a model with a head, and this one has %s", options->from,
                         sl_notes_get_missing(model, "head", "none; give --values, or take another model").text);
    if (!shape->classes && !every_step)
        return sl_report(SL_EXIT_USAGE,
                         "without a head there are only outputs for each step; give --values [N][T][D*H], or --every-step");
    if (options->trainer.dropout > 0 && shape->layers < 2)
        return sl_report(SL_EXIT_USAGE,
                         "--dropout applies between layers, and there is only one layer; give --layers 2, or leave out --dropout");
    const size_t each = options->loss.quantile_count ? options->loss.quantile_count : 1;
    if (train->outputs % each)
        return sl_report(SL_EXIT_DATA, "--loss: the model has %zu outputs; expected a multiple of the %zu quantiles",
                         train->outputs, each);
    if (train->dataset.validation == &train->dataset.validate_data &&
        train->dataset.data.every_step != train->dataset.validate_data.every_step && !options->every_step)
        return sl_report(SL_EXIT_DATA, "%s: expected targets %s, as in training",
                         sl_report_input(train->dataset.validate_data.target_path), every_step ? "for every step" : "for each row");
    const bool may_change = options->from && !options->resume && !options->new_head && sl_new_head_is_possible(model);
    const char *remedy = !may_change                   ? ""
                         : train->dataset.data.windows ? "; give as many of --target and --horizon as in its training"
                                                       : "; --new-head makes a head for the data's";
    sl_exit code = sl_data_check(&train->dataset.data, shape, train->outputs / each, remedy);
    if (!code && train->dataset.validation == &train->dataset.validate_data)
        code = sl_data_check(&train->dataset.validate_data, shape, train->outputs / each, remedy);
    code = code ? code : check_counted(train, &train->dataset.data, &train->dataset.order);
    if (!code && train->dataset.validation)
        code = check_counted(train, train->dataset.validation, &train->dataset.validation_order);
    return code;
}

/* ---- Trainer --------------------------------------------------------------------------------------------------------------- */

/* Number of updates of all epochs, which a rate schedule needs. With --truncate it depends on which rows are in one batch. */
static uint64_t count_updates(sl_training *train)
{
    const sl_train_options *options = &train->options->train;
    sl_order *order = &train->dataset.order;
    if (!options->truncate)
        return options->epochs * order->batches;
    uint64_t updates = 0;
    for (uint64_t epoch = 0; epoch < options->epochs && !sl_interrupt_seen(); epoch++) {
        sl_order_shuffle(order, options->trainer.seed, epoch);
        for (size_t k = 0; k < order->batches; k++) {
            const sl_batch_range *range = &order->ranges[k];
            sl_minibatch_select(&train->minibatch, &train->dataset.data, order->rows + range->begin, range->end - range->begin,
                                true);
            const size_t parts = train->minibatch.longest / options->truncate + (train->minibatch.longest % options->truncate > 0);
            updates += parts ? parts : 1;
        }
    }
    return updates;
}

/* The last dense layer, which --head-only trains alone. */
static sl_exit find_head(const sluice_model *model, size_t *layer)
{
    const sluice_network network = sl_model_network(model);
    size_t k = network.layer_count;
    while (k && network.layers[k - 1].kind != SLUICE_LAYER_DENSE)
        k--;
    *layer = k ? k - 1 : 0;
    return k ? SL_EXIT_OK : sl_report(SL_EXIT_DATA, "--head-only needs a model with a dense layer, and this one has none");
}

static sl_exit make_trainer(sl_training *train, const sluice_model *model)
{
    const sl_train_options *o = &train->options->train;
    const uint64_t updates = o->trainer.schedule || o->trainer.warmup_steps ? count_updates(train) : 0;
    if (sl_interrupt_seen()) /* the count may be incomplete */
        return SL_EXIT_INTERRUPTED;
    if (o->trainer.schedule == SLUICE_RATE_COSINE && o->trainer.warmup_steps >= updates)
        return sl_report(SL_EXIT_USAGE,
                         "--warmup %llu leaves none of the %llu updates of --epochs %llu for the cosine; give a smaller --warmup",
                         (unsigned long long)o->trainer.warmup_steps, (unsigned long long)updates, (unsigned long long)o->epochs);
    sl_train_note_options(train, updates);
    sluice_trainer_options options = o->trainer;
    options.total_steps = options.schedule ? updates : 0;
    options.loss = train->dataset.data.labels ? SLUICE_LOSS_CROSS_ENTROPY : o->loss.kind;
    options.delta = o->loss.delta;
    options.quantiles = o->loss.quantile_count ? o->loss.quantiles : NULL;
    options.quantile_count = o->loss.quantile_count;
    const sl_exit code = o->head_only ? find_head(model, &options.first_trained) : SL_EXIT_OK;
    if (code)
        return code;
    options.every_step = sl_dataset_has_step_targets(&train->dataset, train->options);
    options.ignore = SL_LABEL_IGNORED;
    options.class_weights = train->class_weights.values;
    sluice_error error;
    return sluice_trainer_create(model, &train->options->engine, &options, &train->trainer, &error)
               ? fail_model(train, &train->shape, &error)
               : SL_EXIT_OK;
}

/* Allocate what all epochs use. */
static sl_exit make_room(sl_training *train)
{
    const sluice_engine *engine = sluice_trainer_get_engine(train->trainer);
    const size_t outputs = train->outputs;
    train->info.struct_size = sizeof train->info;
    sluice_trainer_options options = {.struct_size = sizeof options};
    if (sluice_trainer_get_options(train->trainer, &options) || sluice_engine_get_info(engine, &train->info))
        return sl_report_mismatch();
    if (train->best.epoch && train->evaluation.count != outputs)
        return sl_report(SL_EXIT_DATA, "%s: expected scores of %zu classes, found %zu; the checkpoint is damaged",
                         train->options->train.resume, outputs, train->evaluation.count);
    train->evaluation.count = outputs;
    if (!train->best.epoch) {
        free(train->best.scores);
        train->best.scores = calloc(outputs, sizeof *train->best.scores);
    }
    train->evaluation.scores = calloc(outputs, sizeof *train->evaluation.scores);
    if (!train->evaluation.scores || !train->best.scores)
        return sl_report_memory("the classes");
    train->curve.has_classes = train->dataset.data.labels != NULL;
    const sl_exit code = sl_minibatch_set_shards(&train->minibatch, options.shards ? options.shards : 1);
    sluice_error error;
    return !code && train->options->train.truncate && !train->streams
               ? sl_report_status(sluice_streams_create(engine, sl_order_get_most(&train->dataset.order), &train->streams, &error),
                                  &error)
               : code;
}

/* The model to continue from, or NULL: that of the checkpoint, which the trainer has, or that of --from, which is loaded. */
static sl_exit find_model(sl_training *train, sluice_model **loaded, const sluice_model **model)
{
    const sl_options *options = train->options;
    sluice_error error;
    if (train->trainer) {
        *model = sluice_trainer_get_model(train->trainer);
        return SL_EXIT_OK;
    }
    if (options->train.from && sluice_model_load(options->train.from, &options->names, loaded, &error))
        return sl_report_error(&error);
    *model = *loaded;
    return SL_EXIT_OK;
}

/* Change the end of the model of --from: by --new-head, or because cross-entropy applies the softmax itself. */
static sl_exit change_end(const sl_training *train, sluice_model **loaded)
{
    const sl_train_options *options = &train->options->train;
    const bool has_labels = train->dataset.data.labels, is_new = options->new_head;
    sl_new_head head = {.is_linear = has_labels, .initializer = options->initializer, .seed = options->trainer.seed};
    sluice_model *changed;
    sluice_error error;
    if (!is_new && !(has_labels && sl_new_head_has_softmax(*loaded)))
        return SL_EXIT_OK;
    if (!sl_new_head_is_possible(*loaded))
        return sl_report(SL_EXIT_DATA, "%s: --new-head needs a model that ends with a dense layer, and this one has %s",
                         options->from, sl_notes_get_missing(*loaded, "head", "none; take another model").text);
    const sl_exit code = is_new ? choose_classes(train, &head.outputs) : SL_EXIT_OK;
    if (code)
        return code;
    head.class_names = options->text && is_new ? (const char *const *)train->dataset.labels.names : NULL;
    if (sl_new_head_make(*loaded, &head, &changed, &error))
        return sl_report_error(&error);
    sl_notes_report(options->from, *loaded);
    if (!is_new)
        sl_report_note("%s: the softmax at the end is left out, as the loss applies it; the new model gives what it is of",
                       options->from);
    sluice_model_destroy(*loaded);
    *loaded = changed;
    return SL_EXIT_OK;
}

/* Read all rows once, of several ranks a share each. */
static sl_exit read_rows(sl_training *train)
{
    sl_dataset_set_digest(&train->dataset);
    const sl_exit code = sl_train_compare_data(train);
    return code ? code : sl_dataset_read_rows(&train->dataset);
}

/* Read the data, and load or make the model: *model is *loaded, or the trainer's. */
static sl_exit read_all(sl_training *train, sluice_model **loaded, const sluice_model **model)
{
    sl_forecast forecast = {0}; /* of --from */
    sl_exit code = sl_train_compare_options(train);
    code = code ? code : find_model(train, loaded, model);
    code = code ? code : sl_train_take_scaling(train, loaded, &forecast);
    *model = *loaded ? *loaded : *model;
    const bool has_new_labels = train->options->train.new_head && *loaded;
    code = code ? code : sl_dataset_read(&train->dataset, train->options, has_new_labels ? NULL : *model);
    code = code ? code : sl_train_check_scaling(train, &forecast);
    sl_forecast_release(&forecast);
    code = code ? code : read_rows(train);
    code = code ? code : sl_dataset_split(&train->dataset, train->options);
    if (!code && *loaded)
        code = change_end(train, loaded);
    else if (!code && !*model)
        code = make_model(train, loaded);
    *model = *loaded ? *loaded : *model;
    return code || !*loaded ? code : sl_train_describe_model(train, *loaded);
}

static sl_exit set_up(sl_training *train, sluice_model **loaded)
{
    const sl_train_options *options = &train->options->train;
    const sluice_model *model = NULL;
    sl_exit code = read_all(train, loaded, &model);
    if (code)
        return code;
    train->shape = sl_model_shape(model);
    train->outputs = sluice_model_get_width(model, sl_model_network(model).layer_count - 1);
    code = check_names(train, model);
    code = code ? code : check_direction(train, model);
    code = code ? code : check_network(train, model);
    if (!code && options->from)
        sl_notes_report(options->from, model);
    code = code ? code : sl_train_set_class_weights(train);
    if (!code && !train->trainer)
        code = make_trainer(train, model);
    code = code ? code : make_room(train);
    code = code ? code : sl_train_set_up_evaluation(train);
    if (code)
        return code;
    code = sl_train_join_ranks(train);
    return !code && options->resume ? sl_checkpoint_check(train) : code;
}

sl_exit sl_train_set_up(sl_training *train)
{
    const double started = sl_clock_get();
    sluice_model *loaded = NULL;
    const sl_exit code = set_up(train, &loaded);
    sluice_model_destroy(loaded);
    train->stats.setup_seconds = sl_clock_get() - started;
    return code;
}
