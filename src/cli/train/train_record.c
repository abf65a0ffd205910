#include "cli/train/train_record.h"

#include "cli/command_line.h"
#include "program/options/option_words.h"

#include "io/npy/npz_read.h"
#include "io/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

/* The name of a file as JSON: a string, or if it is not valid UTF-8, a list of its bytes as numbers. */
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

/* The number with the fewest digits that is this float: 0.1, not 0.100000001, as the user wrote it. */
static double shorten(float value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}

static json_t *value_to_json(const sl_option *option, const void *field)
{
    char seed[24];
    switch (option->kind->type) {
    case SL_TYPE_BOOL:
        return json_boolean(*(const bool *)field);
    case SL_TYPE_SIZE:
        return json_integer((json_int_t) * (const size_t *)field);
    case SL_TYPE_UINT64:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case SL_TYPE_SEED: /* may be more than a JSON integer holds */
        snprintf(seed, sizeof seed, "%" PRIu64, *(const uint64_t *)field);
        return json_string(seed);
    case SL_TYPE_DOUBLE:
        return json_real(*(const double *)field);
    case SL_TYPE_FLOAT:
        return json_real(shorten(*(const float *)field));
    case SL_TYPE_CHOICE:
        return json_string(option->choice(*(const unsigned *)field));
    case SL_TYPE_TEXT:
        return path_to_json(*(const char *const *)field);
    default:
        return NULL;
    }
}

json_t *sl_record_get_options(const sl_options *options)
{
    sl_options o = *options;
    json_t *record = json_object();
    if (!o.train.embedding && !o.train.from)
        o.train.embedding = SL_TRAIN_EMBEDDING; /* the default, which is not used without tokens */
    bool ok = record != NULL;
    for (const sl_option *option = sl_program_this.options; ok && option < sl_program_this.options + sl_program_this.option_count;
         option++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", option->name);
        const bool is_unknown =
            o.train.from && !o.train.new_head && strcmp(option->name, "init") == 0; /* how --from was initialised */
        if (option->recorded)
            ok = !json_object_set_new(record, name,
                                      is_unknown ? json_null() : value_to_json(option, (const char *)&o + option->offset));
    }
    if (ok && o.train.layers.list)
        ok = !json_object_set_new(record, "--layers", json_string(o.train.layers.list));
    /* Last, because a schedule that differs makes it differ. Without a schedule, more epochs only continue the run. */
    ok = ok && !json_object_set_new(record, "--epochs", json_integer((json_int_t)(o.train.trainer.schedule ? o.train.epochs : 0)));
    if (ok)
        return record;
    json_decref(record);
    return NULL;
}

static const struct {
    const char *name;
    size_t offset; /* of the text in sl_options */
    bool is_input;
} texts[] = {
    {"--text", offsetof(sl_options, train.text), true},
    {"--input", offsetof(sl_options, input), true},
    {"--lengths", offsetof(sl_options, lengths), true},
    {"--labels", offsetof(sl_options, train.labels), true},
    {"--values", offsetof(sl_options, train.values), true},
    {"--sample-weights", offsetof(sl_options, train.sample_weights), true},
    {"--validate", offsetof(sl_options, train.validate), true},
    {"--validate-lengths", offsetof(sl_options, train.validate_lengths), true},
    {"--validate-labels", offsetof(sl_options, train.validate_labels), true},
    {"--validate-values", offsetof(sl_options, train.validate_values), true},
    {"--output", offsetof(sl_options, output), false},
    {"--curve", offsetof(sl_options, train.curve_svg), false},
    {"--curve", offsetof(sl_options, train.curve_csv), false},
    {"--network", offsetof(sl_options, names.network), false},
    {"--prefix", offsetof(sl_options, names.prefix), false},
    {"--head-name", offsetof(sl_options, names.head), false},
    {"--embedding-name", offsetof(sl_options, names.embedding), false},
    {"--lstm", offsetof(sl_options, names.lstm), false},
    {"--head-activation", offsetof(sl_options, names.head_activation), false},
    {"--head-input", offsetof(sl_options, names.head_input), false},
    {"--activation", offsetof(sl_options, names.activation), false},
    {"--recurrent-activation", offsetof(sl_options, names.recurrent_activation), false},
    {"--to", offsetof(sl_options, names.to), false},
    {"--onnx-clip", offsetof(sl_options, names.onnx_clip), false},
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static bool is_input(const char *name)
{
    bool found = false;
    for (size_t k = 0; k < TEXTS; k++)
        found = found || (texts[k].is_input && strcmp(texts[k].name, name) == 0);
    return found;
}

static const char *get_text(const sl_options *options, size_t k)
{
    const char *text;
    memcpy(&text, (const char *)options + texts[k].offset, sizeof text);
    return text;
}

/* Append [name, value]; false: no memory. */
static bool add(json_t *list, const char *name, json_t *value)
{
    return value && json_array_append_new(list, json_pack("[so]", name, value)) == 0;
}

json_t *sl_record_get_arguments(const sl_options *options, sluice_gemm gemm)
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
    ok = ok && add(list, "--gemm", json_string(sluice_gemm_get_name(gemm)));
    if (o->precision)
        ok = ok && add(list, "--precision", json_string(sluice_precision_get_name(o->precision)));
    if (o->checkpoint_steps || o->checkpoint_minutes)
        ok = ok && add(list, "--checkpoint-every",
                       json_sprintf("%zu%s", o->checkpoint_steps ? o->checkpoint_steps : o->checkpoint_minutes,
                                    o->checkpoint_steps ? "" : "m"));
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

char *sl_record_get_text(const sl_options *options, sluice_gemm gemm)
{
    json_t *record = sl_record_get_options(options), *arguments = sl_record_get_arguments(options, gemm), *pair;
    bool ok = record && arguments;
    size_t k;
    json_array_foreach(arguments, k, pair)
    {
        const char *name = json_string_value(json_array_get(pair, 0));
        ok = ok && (is_input(name) || json_object_set(record, name, json_array_get(pair, 1)) == 0);
    }
    ok = ok && json_object_set_new(record, "--checkpoint", path_to_json(options->train.checkpoint)) == 0 &&
         json_object_set_new(record, "--stats", json_boolean(options->stats)) == 0;
    char *text = ok ? json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(record);
    json_decref(arguments);
    return text;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

/* Whether a recorded option is replaced by another one on the command line: another kind of data, or of validation. If that one is
 * wrong, the comparison of options or of data reports it. */
static bool is_replaced(const sl_options *options, const char *name)
{
    static const struct {
        const char *by, *names;
    } others[] = {
        {"text", " --input --lengths --labels --values --validate-lengths --validate-labels --validate-values "},
        {"input", " --text --keep-cr "},
        {"values", " --labels --validate-labels "},
        {"labels", " --values --validate-values "},
        {"validate-last", " --validate --validate-share "},
        {"validate-share", " --validate --validate-lengths --validate-labels --validate-values "},
        {"validate", " --validate-share --validate-last "},
    };
    char word[64];
    snprintf(word, sizeof word, " %s ", name);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if (strstr(others[k].names, word) && sl_command_line_is_given(options, others[k].by))
            return true;
    return false;
}

static sl_exit fail_damaged(const char *path)
{
    return sl_report(SL_EXIT_DATA, "%s: the recorded options are damaged; use another checkpoint, or start again without --resume",
                     path);
}

/* The string of path_to_json's list of numbers, which the caller owns; NULL if it is not such a list. */
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

/* A value as an argument on the command line; NULL if the option was not given. Numbers are written to `number`. */
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

/* Describe an input that another process cannot read again: a pipe, a device or a descriptor. NULL: a regular file. */
static const char *describe_transient(const char *file)
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

/* Check a recorded input that the command line does not replace. */
static sl_exit check_input(const char *path, const char *name, const char *file)
{
    const char *transient = describe_transient(file);
    if (transient)
        return sl_report(SL_EXIT_USAGE, "%s: %s was %s when the run started; give %s again, with the same content", path, name,
                         transient, name);
    if (!sl_npz_is_path(file) && access(file, F_OK) && (errno == ENOENT || errno == ENOTDIR))
        return sl_report(SL_EXIT_NO_INPUT,
                         "%s: %s of this run does not exist; give %s FILE, or continue in the folder where the run started", file,
                         name, name);
    return SL_EXIT_OK;
}

/* Set an option to its recorded value, unless it is given; `value` must outlive the options. */
static sl_exit take(sl_options *options, const char *path, const char *name, const json_t *value)
{
    char number[32];
    const char *text = get_argument(value, number);
    if (!text || is_replaced(options, name) || sl_command_line_is_given(options, name))
        return SL_EXIT_OK;
    if (sl_command_line_set(options, name, text))
        return fail_damaged(path);
    return is_input(name) ? check_input(path, name, text) : SL_EXIT_OK;
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

/* Whether sl_record_get_arguments writes this option. A file from another source must not set others. */
static bool is_argument(const char *name)
{
    static const char *const others[] = {"--keep-cr", "--epochs", "--patience", "--gemm", "--precision", "--checkpoint-every"};
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

sl_exit sl_record_apply(sl_options *options, const char *path, json_t *record, json_t *arguments)
{
    if (!json_is_object(record) || (arguments && !json_is_array(arguments)))
        return fail_damaged(path);
    if (!arguments)
        sl_report_note(
            "%s: an earlier release wrote this checkpoint, without the names of files and without --epochs (unless the rate has a "
            "schedule), --patience, --checkpoint-every, --prefix, --head-name and --embedding-name; give those of the run again",
            path);
    const sl_exit code = take_options(options, path, record);
    return code || !arguments ? code : take_arguments(options, path, arguments);
}

/* ---- Comparing -------------------------------------------------------------------------------------------------------------- */

/* Whether it is the value of an option that was not given. */
static bool is_absent(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) || (json_is_number(value) && json_number_value(value) == 0);
}

/* Reals are compared as floats, for the options that are floats. A release up to 0.3 recorded these with all digits. */
static bool is_equal(const json_t *then, const json_t *now)
{
    if (json_is_real(then) && json_is_real(now))
        return (float)json_real_value(then) == (float)json_real_value(now);
    return json_equal(then, now) || (is_absent(then) && is_absent(now));
}

/* A value for messages, to be freed. */
static char *format_value(const json_t *value, bool given)
{
    return is_absent(value) && !given ? strdup("not given") : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

static sl_exit fail_other(const sl_options *options, const char *path, const char *name, const json_t *then, const json_t *now)
{
    const bool given = sl_command_line_is_given(options, name);
    const bool replaced = strcmp(name, "--validate-share") == 0 && sl_command_line_is_given(options, "validate");
    const char *cause = replaced ? "--validate" : name;
    char *was = format_value(then, false), *is = format_value(now, given);
    const sl_exit code = sl_report(SL_EXIT_USAGE,
                                   "%s: %s was %s when the run started, and is %s now; leave out %s to continue the run, or "
                                   "start again without --resume",
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
    const char *from =
        options->train.from; /* may be no UTF-8: compare it with the string that sl_record_apply has put into the record */
    json_object_set_new(now, "--from", from ? json_string_nocheck(from) : json_null());
    json_object_foreach(now, name, value)
    {
        const json_t *then = json_object_get(record, name);
        if (!code && !is_equal(then, value))
            code = fail_other(options, path, name, then, value);
    }
    json_decref(now);
    return code;
}

sl_exit sl_record_compare_ranks(const char *own, const char *first)
{
    json_t *here = json_loads(own, 0, NULL), *there = json_loads(first, 0, NULL), *value;
    const char *name;
    sl_exit code = here && there ? SL_EXIT_OK : sl_report_memory("JSON");
    json_object_foreach(there, name, value)
    {
        if (here && !json_object_get(here, name))
            json_object_set_new(here, name, json_null());
    }
    json_object_foreach(here, name, value)
    {
        const json_t *other = json_object_get(there, name);
        if (code || is_equal(other, value))
            continue;
        char *is = format_value(value, false), *was = format_value(other, false);
        code = sl_report(SL_EXIT_USAGE, "%s is %s, and %s on rank 0; give all ranks the same options", name, is ? is : "?",
                         was ? was : "?");
        free(is);
        free(was);
    }
    json_decref(here);
    json_decref(there);
    return code;
}
