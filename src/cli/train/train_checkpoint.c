/* The note of a checkpoint has, as JSON, what the trainer's own part does not: options, a digest of the data, and the position. */

#include "cli/train/training.h"
#include "cli/train/train_record.h"

#include "base/clock.h"
#include "cli/digest.h"
#include "program/ranks/rank_group.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Notes of other formats are refused. "data" of the first one, which earlier releases wrote, is sl_dataset_get_chained_digest. */
static const char format[] = "sluice train 2", chained_format[] = "sluice train 1";

enum { DIGEST_BYTES = 17 };

static const char *write_digest(uint64_t digest, char text[DIGEST_BYTES])
{
    snprintf(text, DIGEST_BYTES, "%016" PRIx64, digest);
    return text;
}

/* ---- Saving ----------------------------------------------------------------------------------------------------------------- */

static json_t *get_curve(const sl_curve *curve)
{
    json_t *list = json_array();
    for (size_t k = 0; list && k < curve->count; k++) {
        const sl_epoch *e = &curve->epochs[k];
        json_array_append_new(list, json_pack("[I f f I I f I I]", (json_int_t)e->step, e->rate, e->training.loss,
                                              (json_int_t)e->training.counted, (json_int_t)e->training.right, e->validation.loss,
                                              (json_int_t)e->validation.counted, (json_int_t)e->validation.right));
    }
    return list;
}

static json_t *get_best(const sl_training *train)
{
    const sl_best *best = &train->best;
    char digest[DIGEST_BYTES];
    json_t *tallies = json_array();
    for (size_t k = 0; tallies && best->epoch && k < train->evaluation.count; k++)
        json_array_append_new(tallies, json_pack("[I I f]", (json_int_t)best->scores[k].counted, (json_int_t)best->scores[k].right,
                                                 best->scores[k].losses));
    return json_pack("{sI ss sf sI sI so}", "epoch", (json_int_t)best->epoch, "digest", write_digest(best->digest, digest), "loss",
                     best->score.loss, "counted", (json_int_t)best->score.counted, "right", (json_int_t)best->score.right, "tally",
                     tallies);
}

static json_t *floats_to_json(const float *values, size_t count)
{
    json_t *list = json_array();
    for (size_t k = 0; list && k < count; k++)
        json_array_append_new(list, json_real((double)values[k]));
    return list;
}

/* The scaling of windows, as --from may have brought it; NULL, which json_pack leaves out: there is none. */
static json_t *get_scaling(const sl_scaling *scaling)
{
    return scaling->kind == SL_SCALING_NONE ? NULL
                                            : json_pack("{si so so so so}", "kind", (int)scaling->kind, "in_scale",
                                                        floats_to_json(scaling->in_scale, scaling->inputs), "in_shift",
                                                        floats_to_json(scaling->in_shift, scaling->inputs), "out_scale",
                                                        floats_to_json(scaling->out_scale, scaling->outputs), "out_shift",
                                                        floats_to_json(scaling->out_shift, scaling->outputs));
}

static char *get_note(const sl_training *train)
{
    char digest[DIGEST_BYTES];
    json_t *note = json_pack("{ss ss sI sI sI sI sf sf sf sI sI so so so so so*}", "format", format, "data",
                             write_digest(train->dataset.digest, digest), "epoch", (json_int_t)train->position.epoch, "batch",
                             (json_int_t)train->position.batch, "piece", (json_int_t)train->position.begin, "step",
                             (json_int_t)train->position.step, "rate", train->position.rate, "loss", train->position.sum.loss,
                             "weight", train->position.sum.weight, "counted", (json_int_t)train->position.sum.counted, "right",
                             (json_int_t)train->position.sum.right, "options", sl_record_get_options(train->options), "arguments",
                             sl_record_get_arguments(train->options, train->info.gemm), "best", get_best(train), "curve",
                             get_curve(&train->curve), "scaling", get_scaling(&train->dataset.scaling));
    char *text = note ? json_dumps(note, JSON_COMPACT) : NULL; /* reals with all their 17 digits */
    json_decref(note);
    return text;
}

sl_exit sl_checkpoint_save(sl_training *train)
{
    const char *path = train->options->train.checkpoint;
    if (!path)
        return SL_EXIT_OK;
    const sl_exit code = train->position.begin ? sl_train_gather_states(train) : SL_EXIT_OK;
    train->checkpoint.saved_step = train->position.step;
    train->checkpoint.saved_at = sl_clock_get();
    if (code || !sl_group_is_first())
        return code;
    char *note = get_note(train);
    if (!note)
        return sl_report_memory("a checkpoint's note");
    sluice_error error;
    const sluice_status status =
        sluice_trainer_save(train->trainer, train->position.begin ? train->streams : NULL, path, note, &error);
    free(note);
    train->checkpoint.saved_at = sl_clock_get();
    return sl_report_status(status, &error);
}

bool sl_checkpoint_is_due(const sl_training *train)
{
    const sl_train_options *options = &train->options->train;
    return options->checkpoint &&
           ((options->checkpoint_steps && train->position.step - train->checkpoint.saved_step >= options->checkpoint_steps) ||
            (options->checkpoint_minutes &&
             sl_clock_get() - train->checkpoint.saved_at >= 60 * (double)options->checkpoint_minutes));
}

/* ---- Resuming --------------------------------------------------------------------------------------------------------------- */

static bool take_curve(sl_curve *curve, json_t *list)
{
    size_t k;
    json_t *entry;
    json_array_foreach(list, k, entry)
    {
        sl_epoch e;
        json_int_t step, counted, right, validation_counted, validation_right;
        if (json_unpack(entry, "[I F F I I F I I!]", &step, &e.rate, &e.training.loss, &counted, &right, &e.validation.loss,
                        &validation_counted, &validation_right))
            return false;
        e.step = (uint64_t)step;
        e.training.counted = (uint64_t)counted;
        e.training.right = (uint64_t)right;
        e.validation.counted = (uint64_t)validation_counted;
        e.validation.right = (uint64_t)validation_right;
        if (sl_curve_add(curve, &e))
            return false;
    }
    return true;
}

static bool take_best(sl_training *train, json_t *object)
{
    sl_best *best = &train->best;
    json_int_t epoch, counted, right;
    const char *digest;
    json_t *tallies, *entry;
    if (json_unpack(object, "{sI ss sF sI sI so!}", "epoch", &epoch, "digest", &digest, "loss", &best->score.loss, "counted",
                    &counted, "right", &right, "tally", &tallies))
        return false;
    best->epoch = (uint64_t)epoch;
    best->digest = strtoull(digest, NULL, 16);
    best->score.counted = (uint64_t)counted;
    best->score.right = (uint64_t)right;
    train->evaluation.count = json_array_size(tallies);
    best->scores = calloc(train->evaluation.count ? train->evaluation.count : 1, sizeof *best->scores);
    size_t k;
    json_array_foreach(tallies, k, entry)
    {
        json_int_t of, rights;
        if (!best->scores || json_unpack(entry, "[I I F!]", &of, &rights, &best->scores[k].losses))
            return false;
        best->scores[k].counted = (uint64_t)of;
        best->scores[k].right = (uint64_t)rights;
    }
    return best->scores != NULL;
}

static bool take_floats(json_t *list, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++)
        values[k] = (float)json_number_value(json_array_get(list, k));
    return json_array_size(list) == count;
}

static bool take_scaling(sl_scaling *scaling, json_t *object)
{
    int kind;
    json_t *in_scale, *in_shift, *out_scale, *out_shift;
    if (!object)
        return true;
    if (json_unpack(object, "{si so so so so!}", "kind", &kind, "in_scale", &in_scale, "in_shift", &in_shift, "out_scale",
                    &out_scale, "out_shift", &out_shift) ||
        kind <= SL_SCALING_NONE || kind >= SL_SCALINGS ||
        !sl_scaling_allocate(scaling, (sl_scaling_kind)kind, json_array_size(in_scale), json_array_size(out_scale)))
        return false;
    return take_floats(in_scale, scaling->inputs, scaling->in_scale) && take_floats(in_shift, scaling->inputs, scaling->in_shift) &&
           take_floats(out_scale, scaling->outputs, scaling->out_scale) &&
           take_floats(out_shift, scaling->outputs, scaling->out_shift);
}

/* Restore the position. Release 0.3 wrote neither "arguments" nor "weight", which is "counted" if there are no class weights; and it
 * wrote "states", in hexadecimal digits, instead of a set of streams. */
static sl_exit take_note(sl_training *train, json_t *note)
{
    const char *path = train->options->train.resume, *found, *data, *states = "";
    json_int_t epoch, batch, piece, step, counted, right;
    json_t *options, *arguments = NULL, *best, *curve, *scaling = NULL;
    train->position.sum.weight = -1;
    if (!note ||
        json_unpack(note, "{ss ss sI sI sI s?s sI sF sF s?F sI sI so s?o so so s?o!}", "format", &found, "data", &data, "epoch",
                    &epoch, "batch", &batch, "piece", &piece, "states", &states, "step", &step, "rate", &train->position.rate,
                    "loss", &train->position.sum.loss, "weight", &train->position.sum.weight, "counted", &counted, "right", &right,
                    "options", &options, "arguments", &arguments, "best", &best, "curve", &curve, "scaling", &scaling) ||
        (strcmp(found, format) != 0 && strcmp(found, chained_format) != 0) || epoch < 0 || batch < 0 || piece < 0 || step < 0 ||
        counted < right || right < 0 || !take_best(train, best) || !take_scaling(&train->dataset.scaling, scaling) ||
        !take_curve(&train->curve, curve) || train->curve.count != (size_t)epoch || train->best.epoch > (uint64_t)epoch ||
        !train->best.epoch != !epoch || (train->streams != NULL) + (*states != '\0') != (piece > 0))
        return sl_report(SL_EXIT_DATA, "%s: expected a checkpoint that sluice train wrote, found one of another program or release",
                         path);
    train->position.epoch = (uint64_t)epoch;
    train->position.batch = (uint64_t)batch;
    train->position.begin = (size_t)piece;
    train->position.states = *states ? strdup(states) : NULL;
    if (*states && !train->position.states)
        return sl_report_memory("a checkpoint's note");
    train->position.step = (uint64_t)step;
    train->position.sum.counted = (uint64_t)counted;
    train->position.sum.weight = train->position.sum.weight >= 0 ? train->position.sum.weight : (double)counted;
    train->position.sum.right = (uint64_t)right;
    train->checkpoint.data_digest = strtoull(data, NULL, 16);
    train->checkpoint.is_chained = strcmp(found, chained_format) == 0;
    return SL_EXIT_OK;
}

static sl_exit load_trainer(sl_training *train, const sl_options *options, char **note)
{
    sluice_error error;
    sluice_streams_destroy(train->streams);
    sluice_trainer_destroy(train->trainer);
    train->streams = NULL;
    train->trainer = NULL;
    return sl_report_status(
        sluice_trainer_load(options->train.resume, &options->engine, &train->trainer, &train->streams, note, &error), &error);
}

/* Whether the trainer takes another path than the options say. */
static bool is_on_other_path(const sl_training *train, const sl_options *options)
{
    sluice_engine_info info = {.struct_size = sizeof info};
    return options->engine.gemm && !sluice_engine_get_info(sluice_trainer_get_engine(train->trainer), &info) &&
           info.gemm != options->engine.gemm;
}

sl_exit sl_checkpoint_load(sl_training *train, sl_options *options)
{
    char *text = NULL;
    sl_exit code = load_trainer(train, options, &text);
    if (code)
        return code;
    train->checkpoint.note = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    sluice_free(text);
    code = take_note(train, train->checkpoint.note);
    if (!code)
        code = sl_record_apply(options, options->train.resume, json_object_get(train->checkpoint.note, "options"),
                               json_object_get(train->checkpoint.note, "arguments"));
    return !code && is_on_other_path(train, options) ? load_trainer(train, options, NULL) : code;
}

sl_exit sl_checkpoint_compare(const sl_training *train)
{
    return sl_record_compare(train->options, train->options->train.resume, json_object_get(train->checkpoint.note, "options"));
}

enum { FLOAT_DIGITS = 8 }; /* hexadecimal, of a float's bits */

static void read_floats(const char *text, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++) {
        char digits[FLOAT_DIGITS + 1] = "";
        memcpy(digits, text + k * FLOAT_DIGITS, FLOAT_DIGITS);
        const uint32_t bits = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(&values[k], &bits, sizeof bits);
    }
}

static sl_exit fail_damaged(const sl_training *train)
{
    return sl_report(SL_EXIT_DATA, "%s: expected the states of at most %zu rows in the checkpoint, found others; it is damaged",
                     train->options->train.resume, sl_order_get_most(&train->dataset.order));
}

/* Set the slots from the digits that earlier releases wrote: h and then c of one row after the other, each [L][H]. */
static sl_exit read_digits(const sl_training *train)
{
    const size_t count = train->shape.layers * train->shape.hidden, row = 2 * count * FLOAT_DIGITS,
                 length = strlen(train->position.states);
    if (length % row || length / row > sluice_streams_get_slots(train->streams) ||
        strspn(train->position.states, "0123456789abcdef") != length)
        return fail_damaged(train);
    float *state = malloc(2 * count * sizeof *state);
    if (!state)
        return sl_report_memory("a state");
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; !code && n < length / row; n++) {
        read_floats(train->position.states + n * row, 2 * count, state);
        if (sluice_streams_set(train->streams, n, state, state + count, &error))
            code = sl_report_error(&error);
    }
    free(state);
    return code;
}

/* Check that train->streams, if the checkpoint has them, fit the run; or set them from position.states. SL_EXIT_DATA: they do not
 * fit. */
static sl_exit restore_states(const sl_training *train)
{
    if (train->position.begin &&
        (!train->streams || sluice_streams_get_slots(train->streams) != sl_order_get_most(&train->dataset.order)))
        return fail_damaged(train);
    return train->position.states ? read_digits(train) : SL_EXIT_OK;
}

/* Whether --output holds the best model so far. */
static bool holds_best(const sl_training *train)
{
    sluice_model *model;
    const sluice_names names = sl_train_get_names(train, sluice_trainer_get_model(train->trainer));
    if (sluice_model_load(train->options->output, &names, &model, NULL))
        return false;
    const bool holds = sl_digest_of_weights(model) == train->best.digest;
    sluice_model_destroy(model);
    return holds;
}

sl_exit sl_checkpoint_check(const sl_training *train)
{
    const char *path = train->options->train.resume;
    const sl_best *best = &train->best;
    uint64_t digest = train->dataset.digest;
    sl_exit code = train->checkpoint.is_chained ? sl_dataset_get_chained_digest(&train->dataset, &digest) : SL_EXIT_OK;
    if (code)
        return code;
    if (digest != train->checkpoint.data_digest || train->position.batch > train->dataset.order.batches)
        return sl_report(SL_EXIT_DATA,
                         "%s: the data differ from those of the run; give the same data%s, or start again without --resume", path,
                         train->options->train.text ? ", and --keep-cr as before" : "");
    code = restore_states(train);
    if (code || !best->epoch || !sl_group_is_first())
        return code;
    const sl_exit made = sl_train_get_digest(train, &digest);
    if (made || digest == best->digest)
        return made ? made : sl_train_save_model(train);
    if ((!train->dataset.validation && !sl_train_is_over(train)) ||
        holds_best(train)) /* the next epoch writes it, or it is there */
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_DATA,
                     "%s: expected the best model so far, of epoch %" PRIu64
                     ", which %s continues from, found another or none; name "
                     "the output file of the run, or start again without --resume",
                     train->options->output, best->epoch, path);
}
