#include "options.h"

#include "peer.h"

#include "base/error.h"
#include "base/size.h"
#include "base/threads.h"
#include "cli/mistake.h"
#include "cli/words.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What runs when no shape is asked for: from a batch that any kernel can fill to one that hardly any can, T,N,H. */
static const size_t default_cases[][3] = {
    {50, 64, 256}, {50, 64, 512}, {50, 128, 1024}, {100, 32, 128}, {100, 8, 256}, {100, 31, 64}, {30, 16, 32},
};
enum { DEFAULT_CASES = sizeof default_cases / sizeof default_cases[0] };

enum {
    DEFAULT_STEPS = 50,
    DEFAULT_BATCH = 64,
    DEFAULT_HIDDEN = 256,
    DEFAULT_REPETITIONS = 10,
    DEFAULT_WARMUP = 2,
    WARMUP_MAX = 1000000,
    THREADS_MAX = SL_THREADS_MAX,
    DIRECTIONS_MAX = 2,
    VALUE_MAX = 1 << 30 /* of a dimension: products of a few still fit */
};

/* About a scheduler's time slice: on a busy machine short repetitions find moments that nothing disturbs, long ones never do.
 * The clock's tick is a hundred-thousandth of it. */
#define DEFAULT_MIN_SECONDS 0.005

#define DEFAULT_THRESHOLD 0.05

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static const char *isa_name(size_t value)
{
    return sluice_isa_get_name((sluice_isa)value);
}

static const char *gemm_name(size_t value)
{
    return sluice_gemm_get_name((sluice_gemm)value);
}

/* ---- The command line ------------------------------------------------------------------------------------------------------ */

enum {
    OPTION_STEPS = UCHAR_MAX + 1,
    OPTION_BATCH,
    OPTION_INPUT,
    OPTION_HIDDEN,
    OPTION_LAYERS,
    OPTION_CASE,
    OPTION_SET,
    OPTION_DIRECTIONS,
    OPTION_BIDIRECTIONAL,
    OPTION_RAGGED,
    OPTION_TRAIN,
    OPTION_SEED,
    OPTION_THREADS,
    OPTION_ISA,
    OPTION_GEMM,
    OPTION_SCHEDULE,
    OPTION_SCALING,
    OPTION_PEER,
    OPTION_EXPORT,
    OPTION_KERNELS,
    OPTION_EXPECT,
    OPTION_MIN_TIME,
    OPTION_REPETITIONS,
    OPTION_WARMUP,
    OPTION_FORMAT,
    OPTION_PLOT,
    OPTION_ROOFLINE,
    OPTION_FROM,
    OPTION_COMPARE,
    OPTION_THRESHOLD,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"steps", required_argument, NULL, OPTION_STEPS},
    {"batch", required_argument, NULL, OPTION_BATCH},
    {"input", required_argument, NULL, OPTION_INPUT},
    {"hidden", required_argument, NULL, OPTION_HIDDEN},
    {"layers", required_argument, NULL, OPTION_LAYERS},
    {"case", required_argument, NULL, OPTION_CASE},
    {"set", required_argument, NULL, OPTION_SET},
    {"directions", required_argument, NULL, OPTION_DIRECTIONS},
    {"bidirectional", no_argument, NULL, OPTION_BIDIRECTIONAL},
    {"ragged", required_argument, NULL, OPTION_RAGGED},
    {"train", optional_argument, NULL, OPTION_TRAIN},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"isa", required_argument, NULL, OPTION_ISA},
    {"gemm", required_argument, NULL, OPTION_GEMM},
    {"schedule", required_argument, NULL, OPTION_SCHEDULE},
    {"scaling", required_argument, NULL, OPTION_SCALING},
    {"peer", required_argument, NULL, OPTION_PEER},
    {"export", required_argument, NULL, OPTION_EXPORT},
    {"kernels", no_argument, NULL, OPTION_KERNELS},
    {"expect", no_argument, NULL, OPTION_EXPECT},
    {"min-time", required_argument, NULL, OPTION_MIN_TIME},
    {"repetitions", required_argument, NULL, OPTION_REPETITIONS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"plot", required_argument, NULL, OPTION_PLOT},
    {"roofline", required_argument, NULL, OPTION_ROOFLINE},
    {"from", required_argument, NULL, OPTION_FROM},
    {"compare", required_argument, NULL, OPTION_COMPARE},
    {"threshold", required_argument, NULL, OPTION_THRESHOLD},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static sluice_status add_case(const sl_argument *argument, sl_bench_options *options, sluice_error *error)
{
    if (options->cases == SL_LIST_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "more than %d cases; give fewer, or lists", SL_LIST_MAX);
    return sl_grammar_tuple(argument, "T,N,H", 3, VALUE_MAX, options->case_values[options->cases++], error);
}

/* One name of a few. */
static sluice_status read_choice(const sl_argument *argument, const char *(*name)(size_t value), size_t *value, sluice_error *error)
{
    sl_list chosen = {0};
    sluice_status status = sl_grammar_names(argument, name, &chosen, error);
    if (!status && chosen.count != 1)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s '%.120s': expected one name, found %zu; write '%s'",
                         argument->option, argument->text, chosen.count, name(chosen.values[0]));
    *value = chosen.values[0];
    return status;
}

static sluice_status read_unsigned(const sl_argument *argument, size_t least, size_t most, unsigned *value, sluice_error *error)
{
    size_t number = 0;
    const sluice_status status = sl_grammar_number(argument, least, most, &number, error);
    *value = (unsigned)number;
    return status;
}

static sluice_status read_path(const sl_argument *argument, const char **path, sluice_error *error)
{
    *path = argument->text;
    return *argument->text
               ? SLUICE_STATUS_OK
               : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected the name of a file, found ''", argument->option);
}

/* Options with an argument that say what becomes of the rows, and where they come from. */
static sluice_status read_files(int option, const sl_argument *argument, sl_bench_options *options, sluice_error *error)
{
    switch (option) {
    case OPTION_PLOT:
        return read_path(argument, &options->plot, error);
    case OPTION_ROOFLINE:
        return read_path(argument, &options->roofline, error);
    case OPTION_FROM:
        return read_path(argument, &options->from, error);
    case OPTION_COMPARE:
        return read_path(argument, &options->compare, error);
    case OPTION_THRESHOLD:
        return sl_grammar_share(argument, &options->threshold, error);
    default:
        return read_path(argument, &options->output, error);
    }
}

/* Options with an argument that say how to measure and how to tell it; the others are read_files'. */
static sluice_status read_measuring(int option, const sl_argument *argument, sl_bench_options *options, sluice_error *error)
{
    size_t choice = 0;
    sluice_status status;
    switch (option) {
    case OPTION_MIN_TIME:
        return sl_grammar_seconds(argument, &options->plan.min_seconds, error);
    case OPTION_REPETITIONS:
        return read_unsigned(argument, 1, SL_REPETITIONS_MAX, &options->plan.repetitions, error);
    case OPTION_WARMUP:
        return read_unsigned(argument, 0, WARMUP_MAX, &options->plan.warmup, error);
    case OPTION_FORMAT:
        status = read_choice(argument, sl_bench_format_get_name, &choice, error);
        options->format = (sl_bench_format)choice;
        return status;
    default:
        return read_files(option, argument, options, error);
    }
}

/* Options with an argument that say what to run; the others are read_measuring's. */
static sluice_status read_option(int option, const sl_argument *argument, sl_bench_options *options, sluice_error *error)
{
    size_t choice = 0;
    sluice_status status;
    switch (option) {
    case OPTION_STEPS:
        return sl_grammar_list(argument, VALUE_MAX, &options->steps, error);
    case OPTION_BATCH:
        return sl_grammar_list(argument, VALUE_MAX, &options->batch, error);
    case OPTION_INPUT:
        return sl_grammar_list(argument, VALUE_MAX, &options->input, error);
    case OPTION_HIDDEN:
        return sl_grammar_list(argument, VALUE_MAX, &options->hidden, error);
    case OPTION_LAYERS:
        return sl_grammar_list(argument, VALUE_MAX, &options->layers, error);
    case OPTION_CASE:
        return add_case(argument, options, error);
    case OPTION_SET:
        return sl_grammar_names(argument, sl_set_get_name, &options->sets, error);
    case OPTION_DIRECTIONS:
        return sl_grammar_list(argument, DIRECTIONS_MAX, &options->directions, error);
    case OPTION_RAGGED:
        return sl_grammar_names(argument, sl_ragged_get_name, &options->ragged, error);
    case OPTION_TRAIN:
        return sl_grammar_names(argument, sl_train_get_name, &options->train, error);
    case OPTION_SCALING:
        status = read_choice(argument, sl_scaling_get_name, &choice, error);
        options->scaling = (sl_scaling)choice;
        return status;
    case OPTION_SEED:
        return sl_grammar_number(argument, 0, LLONG_MAX, &options->seed, error);
    /* A command line is nearer to the user than the environment, which the library would let go first. */
    case OPTION_THREADS:
        unsetenv("SLUICE_NUM_THREADS");
        return sl_grammar_list(argument, THREADS_MAX, &options->threads, error);
    case OPTION_ISA:
        unsetenv("SLUICE_ISA");
        return sl_grammar_names(argument, isa_name, &options->isa, error);
    case OPTION_GEMM:
        unsetenv("SLUICE_GEMM");
        return sl_grammar_names(argument, gemm_name, &options->gemm, error);
    case OPTION_SCHEDULE:
        return sl_grammar_names(argument, sl_words_schedule, &options->schedule, error);
    case OPTION_PEER:
        return sl_grammar_names(argument, sl_peer_get_name, &options->peers, error);
    case OPTION_EXPORT:
        options->action = SL_ACTION_EXPORT;
        return read_path(argument, &options->directory, error);
    default:
        return read_measuring(option, argument, options, error);
    }
}

/* ---- Defaults -------------------------------------------------------------------------------------------------------------- */

static void fill_list(sl_list *list, size_t value)
{
    if (list->count == 0)
        list->values[list->count++] = value;
}

static int by_size(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* A sweep over threads has one thread in front, which the others are held against, and each number once, rising. */
static void order_threads(sl_list *threads)
{
    size_t kept = 0;
    fill_list(threads, 1);
    qsort(threads->values, threads->count, sizeof threads->values[0], by_size);
    if (threads->values[0] != 1 && threads->count < SL_LIST_MAX) {
        memmove(threads->values + 1, threads->values, threads->count++ * sizeof threads->values[0]);
        threads->values[0] = 1;
    }
    for (size_t k = 0; k < threads->count; k++)
        if (kept == 0 || threads->values[kept - 1] != threads->values[k])
            threads->values[kept++] = threads->values[k];
    threads->count = kept;
}

static void fill_threads(sl_bench_options *options)
{
    const bool given = options->threads.count > 0;
    for (size_t k = 0; k < options->sets.count; k++)
        if (options->scaling == SL_SCALING_NONE && sl_set_get(options->sets.values[k]).scales)
            options->scaling = SL_SCALING_STRONG;
    if (options->scaling && !given) {
        unsetenv("SLUICE_NUM_THREADS"); /* as --threads does */
        sl_scaling_fill_threads(sl_size_min(sl_threads_cpus(), THREADS_MAX / 2), &options->threads);
    } else if (options->scaling) {
        order_threads(&options->threads);
    }
    fill_list(&options->threads, 0); /* the library's choice */
}

/* More threads than there can be would give the row of as many as there are again: it comes once. Of memory no more than the CPUs
 * read; a sweep runs more threads than CPUs, if the runtime makes them. */
static void limit_threads(sl_bench_options *options)
{
    const bool kernels = options->action == SL_ACTION_KERNELS;
    if (options->from || (!kernels && options->action != SL_ACTION_CASES))
        return;
    const size_t most = kernels ? sl_threads_cpus() : sl_threads_most();
    sl_list *threads = &options->threads;
    size_t kept = 0;
    bool has_most = false;
    for (size_t k = 0; k < threads->count; k++)
        has_most |= threads->values[k] == most;
    for (size_t k = 0; k < threads->count; k++) {
        const bool beyond = threads->values[k] > most;
        if (beyond)
            options->threads_most = (unsigned)most;
        if (!beyond || !has_most)
            threads->values[kept++] = beyond ? most : threads->values[k];
        has_most |= beyond;
    }
    threads->count = kept;
}

/* What the model of cost does not know is refused, not passed over. Before the defaults are filled in. */
static sluice_status check_expect(const sl_bench_options *options, sluice_error *error)
{
    const char *unheeded = options->isa.count                    ? "--isa"
                           : options->gemm.count                 ? "--gemm"
                           : options->schedule.count             ? "--schedule"
                           : options->peers.count                ? "--peer"
                           : options->scaling == SL_SCALING_WEAK ? "--scaling weak"
                                                                 : NULL;
    if (options->action != SL_ACTION_EXPECT || !unheeded)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "--expect is of the library's own choice of kernels and way, found %s; leave one of them out", unheeded);
}

static void fill_defaults(sl_bench_options *options)
{
    fill_threads(options);
    limit_threads(options);
    if (options->steps.count || options->batch.count || options->input.count || options->hidden.count) {
        fill_list(&options->steps, DEFAULT_STEPS);
        fill_list(&options->batch, DEFAULT_BATCH);
        fill_list(&options->hidden, DEFAULT_HIDDEN);
    } else if (options->cases == 0 && options->sets.count == 0) {
        memcpy(options->case_values, default_cases, sizeof default_cases);
        options->cases = DEFAULT_CASES;
    }
    fill_list(&options->layers, 1);
    fill_list(&options->directions, 1);
    fill_list(&options->ragged, SL_RAGGED_NONE);
    /* The library's choice, in these: */
    fill_list(&options->isa, SLUICE_ISA_AUTO);
    fill_list(&options->gemm, SLUICE_GEMM_AUTO);
    fill_list(&options->schedule, SLUICE_SCHEDULE_AUTO);
    fill_list(&options->peers, 0); /* the library itself */
}

sluice_status sl_bench_options_parse(int argc, char **argv, sl_bench_options *options, sluice_error *error)
{
    int option, index = 0;
    char name[32], mistake[SL_MISTAKE_BYTES];
    sluice_status status = SLUICE_STATUS_OK;
    *options = (sl_bench_options){.seed = 1, .output = "-", .threshold = DEFAULT_THRESHOLD};
    options->plan = (sl_plan){DEFAULT_MIN_SECONDS, DEFAULT_REPETITIONS, DEFAULT_WARMUP, NULL};
    opterr = 0;
    while (!status && (option = getopt_long(argc, argv, ":ho:", long_options, &index)) != -1) {
        switch (option) {
        case 'h':
        case OPTION_VERSION:
            options->action = option == 'h' ? SL_ACTION_HELP : SL_ACTION_VERSION;
            return SLUICE_STATUS_OK;
        case OPTION_BIDIRECTIONAL:
            options->directions = (sl_list){.count = 1, .values = {DIRECTIONS_MAX}};
            break;
        case OPTION_KERNELS:
            options->action = SL_ACTION_KERNELS;
            break;
        case OPTION_EXPECT:
            options->action = SL_ACTION_EXPECT;
            break;
        case ':':
        case '?':
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s; see sluice-bench --help",
                           sl_mistake_describe(option, argv, long_options, mistake));
        default:
            snprintf(name, sizeof name, "--%s", option == 'o' ? "output" : long_options[index].name);
            /* --train alone is the one option without its value */
            status = read_option(option, &(sl_argument){name, optarg ? optarg : sl_train_get_name(SL_TRAIN_BOTH)}, options, error);
        }
    }
    for (; !status && optind < argc; optind++)
        status = add_case(&(sl_argument){"case", argv[optind]}, options, error);
    if (!status)
        status = check_expect(options, error);
    fill_defaults(options);
    return status;
}

/* ---- What they span -------------------------------------------------------------------------------------------------------- */

static bool multiply(size_t *product, const sl_list *list)
{
    return sl_size_mul(*product, list->count, product);
}

/* How often each shape comes for what of training is asked for. */
static size_t count_trains(const sl_bench_options *options)
{
    return options->train.count ? options->train.count : 1;
}

/* The shapes of all sets that were asked for. */
static size_t count_sets(const sl_bench_options *options)
{
    size_t count = 0;
    for (size_t k = 0; k < options->sets.count; k++)
        count += sl_set_get(options->sets.values[k]).count;
    return count;
}

sluice_status sl_bench_options_count(const sl_bench_options *options, size_t *shapes, size_t *settings, sluice_error *error)
{
    const size_t inputs = options->input.count ? options->input.count : 1;
    size_t total;
    *shapes = inputs;
    *settings = 1;
    const bool fits = multiply(shapes, &options->steps) && multiply(shapes, &options->batch) &&
                      multiply(shapes, &options->hidden) && sl_size_add(*shapes, options->cases, shapes) &&
                      multiply(shapes, &options->ragged) && sl_size_add(*shapes, count_sets(options), shapes) &&
                      multiply(shapes, &options->directions) && multiply(shapes, &options->layers) &&
                      sl_size_mul(*shapes, count_trains(options), shapes) && multiply(settings, &options->threads) &&
                      multiply(settings, &options->isa) && multiply(settings, &options->gemm) &&
                      multiply(settings, &options->schedule) && sl_size_mul(*shapes, *settings, &total);
    return fits ? SLUICE_STATUS_OK
                : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "more combinations than can be counted; give shorter lists");
}

/* The list's value in the place that *k, a number whose lowest digit counts the list, says; *k is left with the higher digits. */
static size_t take_digit(const sl_list *list, size_t *k)
{
    const size_t value = list->values[*k % list->count];
    *k /= list->count;
    return value;
}

/* Shape k of those that --case and the lists span, but for layers and directions. */
static void get_spanned(const sl_bench_options *options, size_t k, sl_case *shape)
{
    shape->ragged = (sl_ragged)take_digit(&options->ragged, &k);
    if (k < options->cases) {
        const size_t *values = options->case_values[k];
        shape->steps = values[0];
        shape->batch = values[1];
        shape->input = shape->hidden = values[2];
    } else {
        k -= options->cases;
        shape->hidden = take_digit(&options->hidden, &k);
        shape->input = options->input.count ? take_digit(&options->input, &k) : shape->hidden;
        shape->batch = take_digit(&options->batch, &k);
        shape->steps = take_digit(&options->steps, &k);
    }
}

/* Shape k of the sets', likewise. */
static void get_of_sets(const sl_bench_options *options, size_t k, sl_case *shape)
{
    const size_t *set = options->sets.values;
    for (; k >= sl_set_get(*set).count; set++)
        k -= sl_set_get(*set).count;
    const sl_set_case *one = &sl_set_get(*set).cases[k];
    shape->steps = one->steps;
    shape->batch = one->batch;
    shape->input = shape->hidden = one->hidden;
    shape->ragged = one->ragged;
    shape->train = one->train;
}

sl_case sl_bench_options_get_case(const sl_bench_options *options, size_t k)
{
    const size_t inputs = options->input.count ? options->input.count : 1;
    const size_t swept = options->steps.count * options->batch.count * inputs * options->hidden.count;
    const size_t spanned = (swept + options->cases) * options->ragged.count;
    sl_case shape = {.seed = options->seed};
    const size_t train = k % count_trains(options);
    k /= count_trains(options);
    shape.layers = take_digit(&options->layers, &k);
    shape.directions = take_digit(&options->directions, &k);
    if (k < spanned)
        get_spanned(options, k, &shape);
    else
        get_of_sets(options, k - spanned, &shape);
    if (options->train.count)
        shape.train = (sl_train)options->train.values[train];
    return shape;
}

sl_setting sl_bench_options_get_setting(const sl_bench_options *options, size_t k)
{
    sl_setting setting;
    setting.threads = (unsigned)take_digit(&options->threads, &k);
    const size_t schedule = take_digit(&options->schedule, &k);
    setting.measure = schedule == SL_WORDS_MEASURE;
    setting.schedule = setting.measure ? SLUICE_SCHEDULE_AUTO : (sluice_schedule)schedule;
    setting.gemm = (sluice_gemm)take_digit(&options->gemm, &k);
    setting.isa = (sluice_isa)take_digit(&options->isa, &k);
    return setting;
}
