#include "cli/train/train_record.h"

#include "cli/train/train.h"
#include "program/options/option_words.h"

#include "io/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

/* A name of a file as JSON, which has no bytes that are not UTF-8: a list of their numbers then. */
static json_t *path_to_json(const char *path)
{
    json_t *text = path ? json_string(path) : json_null();
    if (text)
        return text;
    json_t *bytes = json_array();
    for (; bytes && *path; path++)
        json_array_append_new(bytes, json_integer((unsigned char)*path));
    return bytes;
}

/* The schedule apart, more epochs only go on. --class-weights are not here: the trainer has them. */
json_t *sl_record_get_options(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const size_t embedding = o->embedding || o->from ? o->embedding : SL_TRAIN_EMBEDDING; /* no matter where there are no tokens */
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, o->seed);
    return json_pack(
        "{so sI sI sI sI sI sb sb sb ss? sI ss sI ss sf sf sf sf sI sf sf sb sI sI ss sf}", "--from", path_to_json(o->from),
        "--hidden", (json_int_t)o->hidden, "--layers", (json_int_t)o->layers, "--embedding", (json_int_t)embedding, "--vocabulary",
        (json_int_t)o->vocabulary, "--classes", (json_int_t)o->classes, "--bidirectional", o->bidirectional, "--no-bias",
        o->no_bias, "--no-head", o->no_head, "--init", o->initializer ? sl_words_initializer(o->initializer - 1) : NULL, "--batch",
        (json_int_t)options->batch, "--rate-schedule", sl_words_rate(o->schedule), "--epochs",
        (json_int_t)(o->schedule ? o->epochs : 0), "--optimizer", sl_words_optimizer(o->optimizer), "--rate", o->rate, "--momentum",
        o->momentum, "--weight-decay", o->weight_decay, "--clip", o->clip, "--warmup", (json_int_t)o->warmup, "--dropout",
        o->dropout, "--label-smoothing", o->label_smoothing, "--every-step", o->every_step, "--truncate", (json_int_t)o->truncate,
        "--recompute", (json_int_t)o->recompute, "--seed", seed, "--validate-share", o->validate_share);
}

static const struct {
    const char *name;
    size_t at; /* of the text in sl_options */
    bool is_input;
} texts[] = {
    {"--text", offsetof(sl_options, train.text), true},
    {"--input", offsetof(sl_options, input), true},
    {"--lengths", offsetof(sl_options, lengths), true},
    {"--labels", offsetof(sl_options, train.labels), true},
    {"--values", offsetof(sl_options, train.values), true},
    {"--validate", offsetof(sl_options, train.validate), true},
    {"--validate-lengths", offsetof(sl_options, train.validate_lengths), true},
    {"--validate-labels", offsetof(sl_options, train.validate_labels), true},
    {"--validate-values", offsetof(sl_options, train.validate_values), true},
    {"--output", offsetof(sl_options, output), false},
    {"--curve", offsetof(sl_options, train.curve_svg), false},
    {"--curve", offsetof(sl_options, train.curve_csv), false},
    {"--prefix", offsetof(sl_options, names.prefix), false},
    {"--head-name", offsetof(sl_options, names.head), false},
    {"--embedding-name", offsetof(sl_options, names.embedding), false},
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static const char *get_text(const sl_options *options, size_t k)
{
    const char *text;
    memcpy(&text, (const char *)options + texts[k].at, sizeof text);
    return text;
}

/* Append [name, value]; false: no memory. */
static bool add(json_t *list, const char *name, json_t *value)
{
    return value && json_array_append_new(list, json_pack("[so]", name, value)) == 0;
}

json_t *sl_record_get_arguments(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t k = 0; k < TEXTS; k++)
        if (ok && get_text(options, k))
            ok = add(list, texts[k].name, path_to_json(get_text(options, k)));
    if (options->keep_cr)
        ok = ok && add(list, "--keep-cr", json_true());
    ok = ok && add(list, "--epochs", json_integer((json_int_t)o->epochs));
    ok = ok && add(list, "--patience", json_integer((json_int_t)o->patience));
    if (o->checkpoint_steps || o->checkpoint_minutes)
        ok = ok && add(list, "--checkpoint-every",
                       json_sprintf("%zu%s", o->checkpoint_steps ? o->checkpoint_steps : o->checkpoint_minutes,
                                    o->checkpoint_steps ? "" : "m"));
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

/* Options that a record's are of no use beside: another kind of data, or of validation, is given. If it is not right, the comparison
 * of options or of data says so. */
static bool is_superseded(const sl_options *options, const char *name)
{
    static const struct {
        const char *name, *by;
    } pairs[] = {
        {"--input", "text"},
        {"--lengths", "text"},
        {"--labels", "text"},
        {"--values", "text"},
        {"--validate-lengths", "text"},
        {"--validate-labels", "text"},
        {"--validate-values", "text"},
        {"--text", "input"},
        {"--keep-cr", "input"},
        {"--labels", "values"},
        {"--values", "labels"},
        {"--validate-labels", "values"},
        {"--validate-values", "labels"},
        {"--validate", "validate-share"},
        {"--validate-lengths", "validate-share"},
        {"--validate-labels", "validate-share"},
        {"--validate-values", "validate-share"},
        {"--validate-share", "validate"},
    };
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++)
        if (strcmp(pairs[k].name, name) == 0 && sl_options_is_given(options, pairs[k].by))
            return true;
    return false;
}

static sl_exit fail_damaged(const char *path)
{
    return sl_report(SL_EXIT_DATA, "%s: the options in it are damaged; take another checkpoint, or begin again without --resume",
                     path);
}

/* path_to_json's list of numbers as a string, which the caller owns; NULL if it is none. */
static json_t *join_bytes(const json_t *bytes)
{
    const size_t count = json_array_size(bytes);
    char *text = calloc(count + 1, 1);
    bool ok = text != NULL;
    for (size_t k = 0; ok && k < count; k++) {
        const json_int_t byte = json_integer_value(json_array_get(bytes, k));
        ok = byte > 0 && byte <= UINT8_MAX;
        text[k] = (char)byte;
    }
    json_t *joined = ok && count ? json_stringn_nocheck(text, count) : NULL;
    free(text);
    return joined;
}

/* A value as a command line has it, NULL for that of an option which was not given; numbers in `number`. */
static const char *get_argument(const json_t *value, char number[32])
{
    if (json_is_integer(value) && json_integer_value(value)) {
        snprintf(number, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return number;
    }
    if (json_is_real(value) && json_real_value(value) != 0) {
        snprintf(number, 32, "%.17g", json_real_value(value));
        return number;
    }
    return json_is_true(value) ? "" : json_string_value(value);
}

/* What a name stands for that has other content, or none, in another process; NULL: a file, which is read again. */
static const char *describe_passing(const char *file)
{
    sl_resolved found;
    if (sl_resolve(file, STDIN_FILENO, &found))
        return NULL;
    if (found.descriptor >= 0)
        return found.descriptor == STDIN_FILENO ? "standard input" : "a descriptor, as <(COMMAND) makes one,";
    if (!found.exists || S_ISREG(found.about.st_mode) || S_ISDIR(found.about.st_mode))
        return NULL;
    return S_ISFIFO(found.about.st_mode) ? "a FIFO" : "a device";
}

/* Data that the record names, and the command line does not. */
static sl_exit check_input(const char *path, const char *name, const char *file)
{
    const char *passing = describe_passing(file);
    if (passing)
        return sl_report(SL_EXIT_USAGE, "%s: %s was %s when the run began; give %s again, such or a file of the same content", path,
                         name, passing, name);
    if (access(file, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return sl_report(SL_EXIT_NO_INPUT,
                         "%s: %s, which the run began with, is not there; give %s FILE, or go on in the folder where it began",
                         file, name, name);
    return SL_EXIT_OK;
}

/* Set an option as its record has it; `value` has to outlive the options. */
static sl_exit take(sl_options *options, const char *path, const char *name, const json_t *value)
{
    char number[32];
    const char *text = get_argument(value, number);
    if (!text || is_superseded(options, name) || sl_options_is_given(options, name + 2))
        return SL_EXIT_OK;
    if (sl_options_take(options, name + 2, text))
        return fail_damaged(path);
    for (size_t k = 0; k < TEXTS; k++)
        if (texts[k].is_input && strcmp(texts[k].name, name) == 0)
            return check_input(path, name, text);
    return SL_EXIT_OK;
}

static sl_exit take_options(sl_options *options, const char *path, json_t *record)
{
    const char *name;
    json_t *known = sl_record_get_options(options), *ours;
    size_t found = 0;
    sl_exit code = known ? SL_EXIT_OK : sl_report_memory("JSON");
    json_object_foreach(known, name, ours)
    {
        json_t *value = json_object_get(record, name), *joined = json_is_array(value) ? join_bytes(value) : NULL;
        if (joined && json_object_set_new(record, name, joined) == 0)
            value = joined;
        found += value != NULL;
        if (!code)
            code = json_is_array(value) || json_is_object(value) ? fail_damaged(path) : take(options, path, name, value);
    }
    if (!code && json_object_size(record) > found)
        code = fail_damaged(path);
    json_decref(known);
    return code;
}

/* Whether sl_record_get_arguments may have written the option, so that a file from elsewhere sets no others. */
static bool is_argument(const char *name)
{
    static const char *const others[] = {"--keep-cr", "--epochs", "--patience", "--checkpoint-every"};
    bool found = false;
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        found = found || strcmp(name, others[k]) == 0;
    for (size_t k = 0; k < TEXTS; k++)
        found = found || strcmp(name, texts[k].name) == 0;
    return found;
}

static sl_exit take_arguments(sl_options *options, const char *path, json_t *arguments)
{
    size_t k;
    json_t *pair;
    sl_exit code = SL_EXIT_OK;
    json_array_foreach(arguments, k, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0));
        json_t *value = json_array_get(pair, 1), *joined = json_is_array(value) ? join_bytes(value) : NULL;
        if (joined && json_array_set_new(pair, 1, joined) == 0)
            value = joined;
        if (!name || !is_argument(name) || !value || json_is_array(value))
            return fail_damaged(path);
        code = take(options, path, name, value);
        if (code)
            return code;
    }
    return code;
}

sl_exit sl_record_take(sl_options *options, const char *path, json_t *record, json_t *arguments)
{
    if (!json_is_object(record) || (arguments && !json_is_array(arguments)))
        return fail_damaged(path);
    if (!arguments)
        sl_report_note("%s: an earlier release wrote it, without the names of files and without --epochs (unless the rate has a "
                       "schedule), --patience, --checkpoint-every and --prefix, --head-name, --embedding-name; give those again "
                       "that the run began with",
                       path);
    const sl_exit code = take_options(options, path, record);
    return code || !arguments ? code : take_arguments(options, path, arguments);
}

/* ---- Comparing -------------------------------------------------------------------------------------------------------------- */

/* Whether a value is that of an option which was not given. */
static bool is_absent(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0);
}

/* A value as a message has it, to be freed. */
static char *format_value(const json_t *value, bool given)
{
    return is_absent(value) && !given ? strdup("not given") : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

static sl_exit fail_other(const sl_options *options, const char *path, const char *name, const json_t *then, const json_t *now)
{
    const bool given = sl_options_is_given(options, name);
    const bool superseded = strcmp(name, "--validate-share") == 0 && sl_options_is_given(options, "validate");
    const char *cause = superseded ? "--validate" : name;
    char *was = format_value(then, false), *is = format_value(now, given);
    const sl_exit code = sl_report(SL_EXIT_USAGE,
                                   "%s: %s was %s when the run began, and is %s now; leave %s out to go on as it began, or "
                                   "begin again without --resume",
                                   path, name, was ? was : "?", is ? is : "?", cause);
    free(was);
    free(is);
    return code;
}

sl_exit sl_record_compare(const sl_options *options, const char *path, const json_t *record)
{
    const char *name;
    json_t *value, *now = sl_record_get_options(options);
    sl_exit code = now ? SL_EXIT_OK : sl_report_memory("JSON");
    const char *from = options->train.from; /* as sl_record_take leaves it in the record, where it need not be UTF-8 */
    json_object_set_new(now, "--from", from ? json_string_nocheck(from) : json_null());
    json_object_foreach(now, name, value)
    {
        const json_t *then = json_object_get(record, name);
        if (!code && !json_equal(then, value) && !(is_absent(then) && is_absent(value)))
            code = fail_other(options, path, name, then, value);
    }
    json_decref(now);
    return code;
}
