#include "cli/train/training.h"

#include "cli/input/lines.h"
#include "program/options/number.h"

#include "base/clean.h"

#include <ctype.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_BYTES = 128 }; /* room for the name of a class in a message */

bool sl_train_is_balanced(const sl_train_options *options)
{
    return options->class_weights && strcmp(options->class_weights, "balanced") == 0;
}

/* Class k for messages: its name if the labels are words, else its number. */
static const char *describe(const sl_training *train, size_t k, char text[CLASS_BYTES])
{
    if (k < train->dataset.labels.count)
        snprintf(text, CLASS_BYTES, "'%.80s'", train->dataset.labels.names[k]);
    else
        snprintf(text, CLASS_BYTES, "%zu", k);
    return text;
}

/* ---- "balanced" ------------------------------------------------------------------------------------------------------------- */

static void note_absent(const sl_training *train, const uint64_t *counts)
{
    const size_t classes = train->shape.classes;
    size_t absent = 0, first = 0;
    char text[CLASS_BYTES];
    for (size_t k = classes; k-- > 0;)
        if (!counts[k]) {
            first = k;
            absent++;
        }
    if (absent)
        sl_report_note(
            "--class-weights balanced: %zu of %zu classes, the first of them class %s, have no training targets; their weight is 0",
            absent, classes, describe(train, first, text));
}

/* N / (C n) for a class with n of the N training targets; C classes have any. */
static void balance(const sl_training *train, const uint64_t *counts, float *weights)
{
    double targets = 0, present = 0;
    for (size_t k = 0; k < train->shape.classes; k++) {
        targets += (double)counts[k];
        present += counts[k] > 0;
    }
    for (size_t k = 0; k < train->shape.classes; k++)
        weights[k] = counts[k] ? (float)(targets / (present * (double)counts[k])) : 0;
    note_absent(train, counts);
}

/* ---- From a file ------------------------------------------------------------------------------------------------------------ */

typedef struct weight_reader {
    sl_training *train;
    const char *path;
    float *weights;  /* [classes] */
    uint64_t *lines; /* [classes] the line of each class; 0: not yet found */
} weight_reader;

/* The class with this name, or number; SIZE_MAX if there is none. */
static size_t find_class(sl_training *train, const char *name, size_t bytes)
{
    char *end;
    const bool by_name = train->options->train.text != NULL;
    const unsigned long long number = by_name ? sl_labels_find(&train->dataset.labels, name, bytes) : strtoull(name, &end, 10);
    const bool is_number = by_name || (isdigit((unsigned char)*name) && end == name + bytes);
    return is_number && number < train->shape.classes ? (size_t)number : SIZE_MAX;
}

static sl_exit take_weight(weight_reader *reader, uint64_t line, const char *text)
{
    const unsigned long long number = line;
    const char *tab = strchr(text, '\t');
    if (!tab)
        return sl_report(SL_EXIT_DATA, "%s: line %llu: expected CLASS<TAB>WEIGHT, found no tab", reader->path, number);
    const size_t k = find_class(reader->train, text, (size_t)(tab - text));
    if (k == SIZE_MAX)
        return sl_report(SL_EXIT_DATA, "%s: line %llu: class '%.*s' is not known; expected one of the %zu classes, by its %s",
                         reader->path, number, tab - text < 80 ? (int)(tab - text) : 80, text, reader->train->shape.classes,
                         reader->train->options->train.text ? "name" : "number");
    if (reader->lines[k])
        return sl_report(SL_EXIT_DATA, "%s: line %llu: class '%.*s' already has a weight in line %llu; remove one of the lines",
                         reader->path, number, tab - text < 80 ? (int)(tab - text) : 80, text,
                         (unsigned long long)reader->lines[k]);
    double weight;
    if (!sl_number_parse_real(tab + 1, &weight) || weight > (double)FLT_MAX)
        return sl_report(SL_EXIT_DATA, "%s: line %llu: expected a weight from 0 to 3e38 after the tab, found '%.80s'", reader->path,
                         number, tab + 1);
    reader->weights[k] = (float)weight;
    reader->lines[k] = line;
    return SL_EXIT_OK;
}

static sl_exit take_line(weight_reader *reader, uint64_t line, const int32_t *tokens, size_t length)
{
    char *text = malloc(length + 1);
    if (!text)
        return sl_report_memory("a line of weights");
    for (size_t k = 0; k < length; k++)
        text[k] = (char)tokens[k];
    text[length] = '\0';
    const sl_exit code = take_weight(reader, line, text);
    free(text);
    return code;
}

static sl_exit take_lines(weight_reader *reader, sl_lines *lines)
{
    for (;;) {
        sl_lines_batch batch;
        sl_exit code = sl_lines_read(lines, &batch);
        for (size_t n = 0; !code && n < batch.rows; n++)
            code = take_line(reader, batch.first_line + n, batch.tokens + batch.offsets[n], (size_t)batch.lengths[n]);
        if (code || !batch.rows)
            return code;
    }
}

/* Refuse a file that lacks a class, or in which all weights are 0. */
static sl_exit check_all(const weight_reader *reader)
{
    char text[CLASS_BYTES];
    bool is_any = false;
    for (size_t k = 0; k < reader->train->shape.classes; k++) {
        if (!reader->lines[k])
            return sl_report(SL_EXIT_DATA, "%s: expected a line for each of the %zu classes, found none for class %s; add it",
                             reader->path, reader->train->shape.classes, describe(reader->train, k, text));
        is_any = is_any || reader->weights[k] > 0;
    }
    return is_any ? SL_EXIT_OK : sl_report(SL_EXIT_DATA, "%s: expected a weight above 0, found 0 for every class", reader->path);
}

static sl_exit read_file(sl_training *train, float *weights)
{
    enum { LINES_AT_ONCE = 1024 };
    const char *path = train->options->train.class_weights;
    weight_reader reader = {.train = train, .path = sl_report_input(path), .weights = weights};
    reader.lines = calloc(train->shape.classes, sizeof *reader.lines);
    if (!reader.lines)
        return sl_report_memory("the class weights");
    sl_lines *lines;
    uint64_t total;
    sl_exit code = sl_lines_open(path, LINES_AT_ONCE, SL_LINES_WEIGHTS, &lines, &total);
    code = code ? code : take_lines(&reader, lines);
    sl_lines_close(lines);
    code = code ? code : check_all(&reader);
    free(reader.lines);
    return code;
}

/* ---- For a run -------------------------------------------------------------------------------------------------------------- */

/* Refuse weights that are 0 for all training targets. */
static sl_exit check_any_counts(const sl_training *train, const uint64_t *counts, const float *weights)
{
    for (size_t k = 0; k < train->shape.classes; k++)
        if (counts[k] && weights[k] > 0)
            return SL_EXIT_OK;
    return sl_report(SL_EXIT_DATA, "%s: expected a weight above 0 for a class of the training targets, found 0 for all of them",
                     sl_report_input(train->options->train.class_weights));
}

static sl_exit make_weights(sl_training *train)
{
    const sl_train_options *options = &train->options->train;
    uint64_t *counts = calloc(train->shape.classes, sizeof *counts);
    train->class_weights.owned = calloc(train->shape.classes, sizeof *train->class_weights.owned);
    sl_exit code = counts && train->class_weights.owned ? SL_EXIT_OK : sl_report_memory("the class weights");
    for (size_t k = 0; !code && k < train->dataset.order.count; k++)
        sl_data_count_classes(&train->dataset.data, train->dataset.order.all[k], options->every_step, counts);
    if (!code && sl_train_is_balanced(options))
        balance(train, counts, train->class_weights.owned);
    else if (!code)
        code = read_file(train, train->class_weights.owned);
    code = code ? code : check_any_counts(train, counts, train->class_weights.owned);
    free(counts);
    return code;
}

/* Refuse weights that differ from those of the checkpoint. */
static sl_exit compare(const sl_training *train, const float *then)
{
    const char *path = train->options->train.resume, *remedy =
                                                         "leave out --class-weights to continue with those of the checkpoint, or "
                                                         "start again without --resume";
    char text[CLASS_BYTES];
    if (!then)
        return sl_report(SL_EXIT_USAGE, "%s: --class-weights was not given when the run started, and is given now; %s", path,
                         remedy);
    for (size_t k = 0; k < train->shape.classes; k++)
        if (train->class_weights.owned[k] != then[k])
            return sl_report(SL_EXIT_USAGE,
                             "%s: --class-weights: the weight of class %s was %.9g when the run started, and is %.9g now; %s", path,
                             describe(train, k, text), (double)then[k], (double)train->class_weights.owned[k], remedy);
    return SL_EXIT_OK;
}

sl_exit sl_train_set_class_weights(sl_training *train)
{
    sluice_trainer_options found = {.struct_size = sizeof found};
    if (train->trainer && sluice_trainer_get_options(train->trainer, &found))
        return sl_report_mismatch();
    train->class_weights.values = found.class_weights;
    if (!train->options->train.class_weights)
        return SL_EXIT_OK;
    const sl_exit code = make_weights(train);
    if (code || train->trainer)
        return code ? code : compare(train, found.class_weights);
    train->class_weights.values = train->class_weights.owned;
    return SL_EXIT_OK;
}

/* ---- On standard error ------------------------------------------------------------------------------------------------------ */

static void print_class(const sl_training *train, size_t k)
{
    char text[CLASS_BYTES];
    describe(train, k, text);
    sl_clean(text);
    fprintf(stderr, "%s %.4g", text, (double)train->class_weights.values[k]);
}

void sl_train_report_weights(const sl_training *train)
{
    enum { MOST_LISTED = 16 };
    const size_t classes = train->shape.classes;
    const float *weights = train->class_weights.values;
    if (!weights || train->options->progress == SL_PROGRESS_NEVER)
        return;
    size_t least = 0, most = 0;
    for (size_t k = 0; k < classes; k++) {
        least = weights[k] < weights[least] ? k : least;
        most = weights[k] > weights[most] ? k : most;
    }
    fprintf(stderr, "class weights: ");
    for (size_t k = 0; k < classes && classes <= MOST_LISTED; k++) {
        fprintf(stderr, "%s", k ? ", " : "");
        print_class(train, k);
    }
    if (classes > MOST_LISTED) {
        fprintf(stderr, "of %zu classes, from ", classes);
        print_class(train, least);
        fprintf(stderr, " to ");
        print_class(train, most);
    }
    fprintf(stderr, "\n");
}
