/* Setting `sluice train` up: data read, rows divided, network made or loaded, trainer made. */
#include "cli/train/train.h"

#include "base/clock.h"
#include "cli/digest.h"
#include "program/interrupt.h"
#include "cli/notes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Data ------------------------------------------------------------------------------------------------------------------ */

/* Labels that a model has already: its class names, or the classes' numbers, as `sluice run` answers. */
static sl_exit take_class_names(sl_train *train, const sluice_model *model)
{
    const sluice_shape shape = sluice_model_get_shape(model);
    if (!shape.vocabulary || !shape.classes)
        return sl_report(SL_EXIT_DATA, "%s: --text needs a model with %s, and this one has %s", train->options->train.from,
                         shape.vocabulary ? "a head, for its labels" : "an embedding, for its bytes",
                         sl_notes_get_lack(model, shape.vocabulary ? "head" : "embedding", "none; take another model").text);
    for (size_t k = 0; k < shape.classes; k++) {
        char number[24];
        const char *name = sluice_model_get_class(model, k);
        snprintf(number, sizeof number, "%zu", k);
        name = name ? name : number;
        const size_t found = sl_labels_find(&train->labels, name, strlen(name));
        if (found == SIZE_MAX)
            return SL_EXIT_FAILURE;
        if (found != k)
            return sl_report(SL_EXIT_DATA, "%s: expected class names that differ, found '%.80s' twice", train->options->train.from,
                             name);
    }
    train->labels.closed = true;
    return SL_EXIT_OK;
}

static sl_exit read_text(sl_train *train)
{
    const sl_train_options *options = &train->options->train;
    const bool keep_cr = train->options->keep_cr;
    const sl_exit code = sl_data_read_text(options->text, keep_cr, &train->labels, &train->data);
    train->labels.closed = true;
    return code || !options->validate ? code : sl_data_read_text(options->validate, keep_cr, &train->labels, &train->validation);
}

static sl_exit read_arrays(sl_train *train)
{
    const sl_options *o = train->options;
    const sl_data_files data = {o->input,  o->lengths,  o->train.labels, o->train.values,
                                "--input", "--lengths", "--labels",      "--values"};
    const sl_data_files validation = {
        o->train.validate, o->train.validate_lengths, o->train.validate_labels, o->train.validate_values,
        "--validate",      "--validate-lengths",      "--validate-labels",      "--validate-values"};
    const sl_exit code = sl_data_read_npy(&data, &train->data);
    return code || !o->train.validate ? code : sl_data_read_npy(&validation, &train->validation);
}

static sl_exit check_rows(const sl_data *data)
{
    return data->rows
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_DATA, "%s: expected at least one %s, found none", sl_report_input(data->path), data->row_name);
}

/* Which rows are learnt, and which are tried. */
static sl_exit divide_rows(sl_train *train)
{
    const sl_train_options *options = &train->options->train;
    const size_t count = train->data.rows, batch = train->options->batch;
    size_t *learnt = NULL, *tried = NULL, chosen = 0;
    sl_exit code = check_rows(&train->data);
    if (!code && options->validate)
        code = check_rows(&train->validation);
    if (code)
        return code;
    if (options->validate_share > 0) {
        if (count < 2)
            return sl_report(SL_EXIT_DATA, "%s: --validate-share needs two rows at least, found %zu",
                             sl_report_input(train->data.path), count);
        code = sl_order_split(count, options->validate_share, options->seed, &learnt, &tried, &chosen);
        train->tried = &train->data;
    } else {
        learnt = sl_order_count(count);
        if (options->validate) {
            chosen = train->validation.rows;
            tried = sl_order_count(chosen);
            train->tried = &train->validation;
        }
        code = learnt && (tried || !options->validate) ? SL_EXIT_OK : SL_EXIT_FAILURE;
    }
    if (code) {
        free(learnt);
        free(tried);
        return code;
    }
    /* A trial may take many rows at a time, unless each has outputs for all its steps. */
    enum { ROWS_TRIED = 256 };
    const bool every_step = options->every_step || train->data.every_step;
    code = sl_order_create(&train->order, learnt, count - (options->validate_share > 0 ? chosen : 0), batch);
    const sl_exit second = sl_order_create(&train->trial, tried, chosen, batch > ROWS_TRIED || every_step ? batch : ROWS_TRIED);
    if (!code && !second && train->tried)
        sl_order_sort(&train->trial, train->tried->lengths);
    return code ? code : second;
}

static uint64_t get_data_digest(const sl_train *train)
{
    uint64_t digest = sl_data_get_digest(&train->data, SL_DIGEST_BEGIN);
    if (train->tried == &train->validation)
        digest = sl_data_get_digest(&train->validation, digest);
    for (size_t k = 0; k < train->labels.count; k++)
        digest = sl_digest_add(digest, train->labels.names[k], strlen(train->labels.names[k]));
    return digest;
}

/* ---- Network --------------------------------------------------------------------------------------------------------------- */

uint64_t sl_train_get_digest(const sluice_model *model)
{
    const sluice_shape shape = sluice_model_get_shape(model);
    uint64_t digest = SL_DIGEST_BEGIN;
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++) {
        const size_t parts = tensor <= SLUICE_TENSOR_BIAS ? shape.layers * shape.directions : 1;
        for (size_t k = 0; k < parts; k++) {
            size_t count = 0;
            const float *values = sluice_model_get_tensor(model, (sluice_tensor)tensor, k, &count);
            digest = sl_digest_add(digest, values, count * sizeof *values);
        }
    }
    return digest;
}

sl_exit sl_train_save_model(const sl_train *train)
{
    sluice_error error;
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    return sluice_model_save(model, train->options->output, &train->options->names, &error) ? sl_report_error(&error) : SL_EXIT_OK;
}

/* The shape of a new network: what the options say, and otherwise what the data need. */
static sl_exit choose_shape(const sl_train *train, sluice_shape *shape)
{
    enum { BYTES = 256 };
    const sl_train_options *o = &train->options->train;
    const sl_data *data = &train->data;
    size_t row;
    *shape =
        (sluice_shape){.layers = o->layers, .directions = o->bidirectional ? 2 : 1, .hidden = o->hidden, .has_bias = !o->no_bias};
    if (data->x) {
        if (o->embedding || o->vocabulary)
            return sl_report(SL_EXIT_USAGE, "--embedding and --vocabulary go with tokens, and %s has none",
                             sl_report_input(data->path));
        shape->inputs = data->width;
    } else {
        const size_t needed = o->text ? BYTES : sl_data_count_numbers(data, false, &row);
        shape->inputs = o->embedding ? o->embedding : SL_TRAIN_EMBEDDING;
        shape->vocabulary = o->vocabulary ? o->vocabulary : needed ? needed : 1;
    }
    if (data->values) {
        if (o->classes)
            return sl_report(SL_EXIT_USAGE, "--classes goes with --labels; --values tells by itself how many outputs there are");
        shape->classes = o->no_head ? 0 : data->target_width;
    } else {
        const size_t found = o->text ? train->labels.count : sl_data_count_numbers(data, true, &row);
        shape->classes = o->classes ? o->classes : found;
        if (shape->classes < 2)
            return sl_report(SL_EXIT_DATA, "%s: expected two classes at least, found %zu", sl_report_input(data->target_path),
                             shape->classes);
    }
    return SL_EXIT_OK;
}

/* A model, or its trainer, that cannot be made. A number of the data that asks for most of it may be a slip, and is told. */
static sl_exit fail_model(const sl_train *train, const sluice_shape *shape, const sluice_error *error)
{
    const sl_train_options *o = &train->options->train;
    const sl_data *data = &train->data;
    const double outputs = (double)shape->directions * (double)shape->hidden, inputs = (double)shape->inputs;
    const double head = (double)shape->classes * outputs, embedding = (double)shape->vocabulary * inputs;
    const double cells = 4 * outputs * (inputs + (double)shape->hidden) + 8 * outputs * outputs * (double)(shape->layers - 1);
    const bool is_label = head > embedding, is_given = is_label ? o->classes || data->values : o->vocabulary || !data->tokens;
    const bool is_too_large = error->status == SLUICE_STATUS_NO_MEMORY || error->status == SLUICE_STATUS_TOO_LARGE;
    if (!is_too_large || o->text || o->from || is_given || cells > (is_label ? head : embedding))
        return sl_report_error(error);
    size_t row = 0;
    const size_t most = sl_data_count_numbers(data, is_label, &row);
    return sl_report(SL_EXIT_DATA, "%s: %s %zu: the largest %s, %zu, makes the model too large: %s",
                     sl_report_input(is_label ? data->target_path : data->path), data->row_name, row, is_label ? "label" : "token",
                     most ? most - 1 : 0, error->message);
}

static sl_exit make_model(const sl_train *train, sluice_model **model)
{
    const sl_train_options *options = &train->options->train;
    sluice_shape shape;
    const sl_exit code = choose_shape(train, &shape);
    if (code)
        return code;
    const sluice_initializer initializer = (sluice_initializer)(options->initializer - 1);
    const char *const *names = options->text ? (const char *const *)train->labels.names : NULL;
    sluice_error error;
    return sluice_model_create_initial(&shape, initializer, options->seed, names, model, &error) ? fail_model(train, &shape, &error)
                                                                                                 : SL_EXIT_OK;
}

/* Refuse rows of which no target counts, before there is an epoch to lose. */
static sl_exit check_counted(const sl_train *train, const sl_data *data, const sl_order *order)
{
    for (size_t k = 0; k < order->count; k++)
        if (sl_data_is_counted(data, order->all[k], train->options->train.every_step))
            return SL_EXIT_OK;
    return sl_report(SL_EXIT_DATA, "%s: no target of the %zu rows %s counts: all are ignored, or the rows have no steps",
                     sl_report_input(data->target_path), order->count, order == &train->order ? "to learn" : "to validate with");
}

/* Refuse names that no file can hold before there is an epoch to lose: the model, saved to where nothing stays. */
static sl_exit check_names(const sl_train *train, const sluice_model *model)
{
    sluice_error error;
    const sluice_status status = sluice_model_save(model, "/dev/null", &train->options->names, &error);
    return status && status != SLUICE_STATUS_IO ? sl_report_error(&error) : SL_EXIT_OK; /* IO: there may be no such device */
}

/* What only the network and the data together tell: whether the options make sense. */
static sl_exit check_network(const sl_train *train, const sluice_model *model)
{
    const sl_train_options *options = &train->options->train;
    const sluice_shape *shape = &train->shape;
    const bool every_step = options->every_step || train->data.every_step;
    if (train->data.labels && !shape->classes)
        return sl_report(SL_EXIT_DATA, "%s: --labels need a model with a head, and this one has %s", options->from,
                         sl_notes_get_lack(model, "head", "none; give --values, or take another model").text);
    if (!shape->classes && !every_step)
        return sl_report(SL_EXIT_USAGE,
                         "without a head there are outputs at each step only; give --values [N][T][D*H], or --every-step");
    if (options->dropout > 0 && shape->layers < 2)
        return sl_report(SL_EXIT_USAGE, "--dropout falls between layers, and there is one; give --layers 2, or leave it out");
    if (options->truncate && (!every_step || shape->directions > 1))
        return sl_report(SL_EXIT_USAGE,
                         "--truncate goes with targets for every step, and with one direction: a target at the end of a "
                         "row would reach its last piece only");
    if (train->tried == &train->validation && train->data.every_step != train->validation.every_step && !options->every_step)
        return sl_report(SL_EXIT_DATA, "%s: expected targets %s, as in training", sl_report_input(train->validation.target_path),
                         every_step ? "for every step" : "for each row");
    sl_exit code = sl_data_check(&train->data, shape);
    if (!code && train->tried == &train->validation)
        code = sl_data_check(&train->validation, shape);
    if (!code)
        code = check_counted(train, &train->data, &train->order);
    if (!code && train->tried)
        code = check_counted(train, train->tried, &train->trial);
    return code;
}

/* ---- Trainer --------------------------------------------------------------------------------------------------------------- */

/* Updates of all epochs, which a rate schedule has to know. With --truncate they depend on which rows meet in a batch. */
static uint64_t count_updates(sl_train *train)
{
    const sl_train_options *options = &train->options->train;
    sl_order *order = &train->order;
    if (!options->truncate)
        return options->epochs * order->batches;
    uint64_t updates = 0;
    for (uint64_t epoch = 0; epoch < options->epochs && !sl_interrupt_seen(); epoch++) {
        sl_order_shuffle(order, train->data.lengths, options->seed, epoch);
        for (size_t k = 0; k < order->batches; k++) {
            const sl_span *span = &order->spans[k];
            sl_minibatch_take(&train->feed, &train->data, order->rows + span->begin, span->end - span->begin, true);
            const size_t pieces = train->feed.longest / options->truncate + (train->feed.longest % options->truncate > 0);
            updates += pieces ? pieces : 1;
        }
    }
    return updates;
}

static sl_exit make_trainer(sl_train *train, const sluice_model *model)
{
    const sl_train_options *o = &train->options->train;
    const uint64_t updates = o->schedule || o->warmup ? count_updates(train) : 0;
    if (sl_interrupt_seen()) /* they may not all be counted */
        return SL_EXIT_INTERRUPTED;
    if (o->schedule == SLUICE_RATE_COSINE && o->warmup >= updates)
        return sl_report(SL_EXIT_USAGE,
                         "--warmup %llu leaves nothing of the %llu updates of --epochs %llu for the cosine; give less",
                         (unsigned long long)o->warmup, (unsigned long long)updates, (unsigned long long)o->epochs);
    sl_train_warn(train, updates);
    const sluice_trainer_options options = {
        .struct_size = sizeof options,
        .optimizer = o->optimizer,
        .rate = o->rate,
        .momentum = o->momentum,
        .weight_decay = o->weight_decay,
        .clip = o->clip,
        .schedule = o->schedule,
        .total_steps = o->schedule ? updates : 0,
        .warmup_steps = o->warmup,
        .loss = train->data.values ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY,
        .every_step = o->every_step || train->data.every_step,
        .ignore = SL_DATA_IGNORED,
        .label_smoothing = (float)o->label_smoothing,
        .class_weights = train->class_weights,
        .dropout = (float)o->dropout,
        .seed = o->seed,
        .recompute = o->recompute,
    };
    sluice_error error;
    return sluice_trainer_create(model, &train->options->engine, &options, &train->trainer, &error)
               ? fail_model(train, &train->shape, &error)
               : SL_EXIT_OK;
}

/* What stays the same throughout. */
static sl_exit make_room(sl_train *train)
{
    const sluice_engine *engine = sluice_trainer_get_engine(train->trainer);
    const sluice_shape *shape = &train->shape;
    const size_t outputs = shape->classes ? shape->classes : shape->directions * shape->hidden;
    train->info.struct_size = sizeof train->info;
    if (sluice_engine_get_info(engine, &train->info))
        return sl_report_mismatch();
    if (train->best.epoch && train->tallies != outputs)
        return sl_report(SL_EXIT_DATA, "%s: expected scores of %zu classes, found %zu; the checkpoint is damaged",
                         train->options->train.resume, outputs, train->tallies);
    train->tallies = outputs;
    if (!train->best.epoch) {
        free(train->best.tally);
        train->best.tally = calloc(outputs, sizeof *train->best.tally);
    }
    train->tally = calloc(outputs, sizeof *train->tally);
    if (!train->tally || !train->best.tally)
        return sl_report_memory("the classes");
    train->curve.has_classes = train->data.labels != NULL;
    sluice_error error;
    if (train->options->train.truncate && !train->streams &&
        sluice_streams_create(engine, sl_order_get_most(&train->order), &train->streams, &error))
        return sl_report_error(&error);
    return SL_EXIT_OK;
}

/* The model to go on from, if there is one: the checkpoint's, which the trainer has then, or --from. */
static sl_exit find_model(sl_train *train, sluice_model **loaded, const sluice_model **model)
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

static sl_exit set_up(sl_train *train, sluice_model **loaded)
{
    const sl_train_options *options = &train->options->train;
    const sluice_model *model = NULL;
    sl_exit code = find_model(train, loaded, &model);
    if (!code && options->text && options->from)
        code = take_class_names(train, model);
    if (!code)
        code = options->text ? read_text(train) : read_arrays(train);
    if (!code)
        code = divide_rows(train);
    if (!code && !model) {
        code = make_model(train, loaded);
        model = *loaded;
    }
    if (code)
        return code;
    train->shape = sluice_model_get_shape(model);
    code = check_names(train, model);
    if (!code)
        code = check_network(train, model);
    if (!code && options->from)
        sl_notes_report(options->from, model);
    if (!code)
        code = sl_train_weigh(train);
    if (!code && !train->trainer)
        code = make_trainer(train, model);
    if (!code)
        code = make_room(train);
    if (code)
        return code;
    const uint64_t digest = get_data_digest(train);
    if (options->resume)
        return sl_checkpoint_check(train, digest);
    train->data_digest = digest;
    return SL_EXIT_OK;
}

sl_exit sl_train_set_up(sl_train *train)
{
    const double started = sl_clock_get();
    sluice_model *loaded = NULL;
    const sl_exit code = set_up(train, &loaded);
    sluice_model_destroy(loaded);
    train->stats.setup_seconds = sl_clock_get() - started;
    return code;
}
