#include "perf/options/bench_options.h"

#include "perf/peers/peer.h"

#include "base/error.h"
#include "base/size.h"
#include "base/system/thread_count.h"
#include "program/machine/machine_choice.h"
#include "program/options/option_kinds.h"
#include "program/options/option_words.h"
#include "program/paths.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shapes that run if none is given, T,N,H: from large batches to small ones. */
static const size_t default_cases[][3] = {
    {50, 64, 256}, {50, 64, 512}, {50, 128, 1024}, {100, 32, 128}, {100, 8, 256}, {100, 31, 64}, {30, 16, 32},
};
enum { DEFAULT_CASES = sizeof default_cases / sizeof default_cases[0] };

/* Macros, for the table of options has them as text. A repetition lasts about a scheduler's time slice: on a busy machine short
 * ones find moments that nothing disturbs, long ones never do. The clock's tick is a hundred-thousandth of it. */
#define DEFAULT_STEPS 50
#define DEFAULT_BATCH 64
#define DEFAULT_HIDDEN 256
#define DEFAULT_LAYERS 1
#define DEFAULT_DIRECTIONS 1
#define DEFAULT_SEED 1
#define DEFAULT_MIN_SECONDS 0.005
#define DEFAULT_REPETITIONS 10
#define DEFAULT_WARMUP 2
#define DEFAULT_THRESHOLD 0.05

enum {
    WARMUP_MAX = 1000000,
    THREADS_MAX = SL_THREADS_MAX,
    DIRECTIONS_MAX = 2,
    VALUE_MAX = 1 << 30 /* of a dimension: products of a few still fit */
};

/* ---- Kinds of values ------------------------------------------------------------------------------------------------------- */

static sluice_status parse_list(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    return sl_grammar_list(argument, option->most, field, error);
}

static sluice_status parse_names(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    return sl_grammar_names(argument, option->choice, field, error);
}

/* --train alone means all that a training step computes. */
static sluice_status parse_train(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    const char *text = argument->text ? argument->text : sl_train_pass_get_name(SL_TRAIN_BOTH);
    return parse_names(option, &(sl_argument){argument->option, text}, field, error);
}

static sluice_status parse_seconds(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    return sl_grammar_seconds(argument, field, error);
}

static sluice_status parse_share(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    return sl_grammar_share(argument, field, error);
}

static sluice_status add_case(const sl_argument *argument, sl_bench_options *options, sluice_error *error)
{
    if (options->cases == SL_LIST_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "more than %d cases; give fewer, or lists", SL_LIST_MAX);
    return sl_grammar_tuple(argument, "T,N,H", 3, VALUE_MAX, options->case_values[options->cases++], error);
}

static sluice_status parse_case(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    return add_case(argument, field, error);
}

static sluice_status parse_bidirectional(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option, (void)argument, (void)error;
    *(sl_list *)field = (sl_list){.count = 1, .values = {DIRECTIONS_MAX}};
    return SLUICE_STATUS_OK;
}

static sluice_status parse_export(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_bench_options *options = field;
    options->action = SL_ACTION_EXPORT;
    return sl_kind_directory.parse(option, argument, &options->directory, error);
}

static sluice_status parse_model(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_bench_options *options = field;
    options->action = SL_ACTION_LOAD;
    return sl_kind_file.parse(option, argument, &options->model, error);
}

/* A picture's file, of which the only kind is SVG. */
static sluice_status parse_picture(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    const char *dot = strrchr(argument->text, '.');
    if ((!dot || strcmp(dot, ".svg") != 0) && !sl_paths_is_output_stream(argument->text))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected the name of a file that ends in .svg, found '%s'",
                       argument->option, argument->text);
    return sl_kind_file.parse(option, argument, field, error);
}

static sluice_status parse_ranks(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_bench_options *options = field;
    options->action = SL_ACTION_RANKS;
    return parse_list(option, argument, &options->ranks, error);
}

static const sl_option_kind kind_list = {parse_list, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_names = {parse_names, SL_COMPLETE_CHOICES, SL_TYPE_OTHER};
static const sl_option_kind kind_train = {parse_train, SL_COMPLETE_CHOICES, SL_TYPE_OTHER};
static const sl_option_kind kind_seconds = {parse_seconds, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_share = {parse_share, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_case = {parse_case, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_bidirectional = {parse_bidirectional, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_export = {parse_export, SL_COMPLETE_DIRECTORIES, SL_TYPE_OTHER};
static const sl_option_kind kind_model = {parse_model, SL_COMPLETE_FILES, SL_TYPE_OTHER};
static const sl_option_kind kind_ranks = {parse_ranks, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
static const sl_option_kind kind_picture = {parse_picture, SL_COMPLETE_FILES, SL_TYPE_OTHER};

/* ---- The command line ------------------------------------------------------------------------------------------------------ */

enum { SHAPES, SETTINGS, ACTIONS, RANKS, MEASURING, OUTPUT, GENERAL };
static const char *const groups[] = {
    [SHAPES] = "Shapes",
    [SETTINGS] = "Settings for each shape",
    [ACTIONS] = "Instead of timing the shapes",
    [RANKS] = "Ranks, which are processes that share the work",
    [MEASURING] = "Measuring",
    [OUTPUT] = "Output and comparison",
    [GENERAL] = "General",
    [GENERAL + 1] = NULL,
};

#define FIELD(name) offsetof(sl_bench_options, name)
#define TEXT(number) SL_OPTION_TEXT(number)
static const sl_option table[] = {
    {"steps", 0, 1, SHAPES, "LIST", &kind_list, FIELD(steps), "time steps of each row", .default_text = TEXT(DEFAULT_STEPS),
     .most = VALUE_MAX},
    {"batch", 0, 1, SHAPES, "LIST", &kind_list, FIELD(batch), "rows of a batch", .default_text = TEXT(DEFAULT_BATCH),
     .most = VALUE_MAX},
    {"input", 0, 1, SHAPES, "LIST", &kind_list, FIELD(input), "inputs of a step; by default as many as hidden units",
     .most = VALUE_MAX},
    {"hidden", 0, 1, SHAPES, "LIST", &kind_list, FIELD(hidden), "hidden units", .default_text = TEXT(DEFAULT_HIDDEN),
     .most = VALUE_MAX},
    {"layers", 0, 1, SHAPES, "LIST", &kind_list, FIELD(layers), "LSTM layers", .default_text = TEXT(DEFAULT_LAYERS),
     .most = VALUE_MAX},
    {"directions", 0, 1, SHAPES, "LIST", &kind_list, FIELD(directions), "directions, 1 or 2",
     .default_text = TEXT(DEFAULT_DIRECTIONS), .most = DIRECTIONS_MAX},
    {"bidirectional", 0, 1, SHAPES, NULL, &kind_bidirectional, FIELD(directions), "the same as --directions 2"},
    {"ragged", 0, 1, SHAPES, "LIST", &kind_names, FIELD(ragged),
     "lengths of the rows: all T, uniform in 1..T, or T for one row and T / 250 for the others", sl_ragged_get_name},
    {"case", 0, 1, SHAPES, "T,N,H", &kind_case, 0,
     "a shape besides: steps, batch, and hidden units, with as many inputs; may be repeated, as may T,N,H alone"},
    {"set", 0, 1, SHAPES, "LIST", &kind_names, FIELD(sets),
     "shapes of these named sets besides; networks: named networks, to which --layers, --directions and --train do not apply",
     sl_set_get_name, .default_text = "none"},
    {"train", 0, 1, SHAPES, "[=LIST]", &kind_train, FIELD(train),
     "what of a training step is computed: nothing, the forward pass with a tape for the gradient, or both passes; --train alone "
     "means both",
     sl_train_pass_get_name, .default_text = "none, of --set train both"},
    {"seed", 0, 1, SHAPES, "N", &sl_kind_number, FIELD(seed), "seed of all random numbers", .default_text = TEXT(DEFAULT_SEED),
     .most = LLONG_MAX},

    {"threads", 0, 1, SETTINGS, "LIST", &kind_list, FIELD(threads), "numbers of threads; by default chosen for the machine",
     .most = THREADS_MAX, .variable = "SLUICE_NUM_THREADS"},
    {"isa", 0, 1, SETTINGS, "LIST", &kind_names, FIELD(isa), "instruction sets of the kernels", sl_words_isa,
     .variable = "SLUICE_ISA"},
    {"gemm", 0, 1, SETTINGS, "LIST", &kind_names, FIELD(gemm), "how matrices are multiplied", sl_words_gemm,
     .variable = "SLUICE_GEMM"},
    {"precision", 0, 1, SETTINGS, "LIST", &kind_names, FIELD(precision),
     "what matrices are multiplied in; --set precision has all unless this is given", sl_words_precision,
     .variable = "SLUICE_PRECISION"},
    {"schedule", 0, 1, SETTINGS, "LIST", &kind_names, FIELD(schedule),
     "how work is divided over threads; measure times the candidates first", sl_words_schedule},
    {"machine", 0, 1, SETTINGS, "auto|table|FILE", &sl_kind_word_or_file, FIELD(machine),
     "figures of the machine's speed, by which --schedule auto chooses: those in the user's cache, measured first if there are "
     "none, which takes some seconds; the library's table; or those of a file like the one in the cache",
     .default_text = "auto", .variable = "SLUICE_MACHINE"},
    {"scaling", 0, 1, SETTINGS, "NAME", &sl_kind_choice, FIELD(scaling),
     "sweep 1..2x cores unless --threads is given: with a fixed batch, or (weak) with --batch rows for each thread",
     sl_scaling_get_name},
    {"peer", 0, 1, SETTINGS, "LIST", &kind_names, FIELD(peers), "what to time side by side in the same run", sl_peer_get_name},

    {"kernels", 0, 1, ACTIONS, NULL, &sl_kind_constant, FIELD(action),
     "time the kernels' parts and the memory, for each of --isa and --threads", .value = SL_ACTION_KERNELS},
    {"load", 0, 1, ACTIONS, "MODEL", &kind_model, 0,
     "time loading a model file, and reading its bytes and looking for numbers that are not finite, the least that it could take"},
    {"expect", 0, 1, ACTIONS, NULL, &sl_kind_constant, FIELD(action),
     "time nothing; show what the cost model expects at each of --threads", .value = SL_ACTION_EXPECT},
    {"choice", 0, 1, ACTIONS, NULL, &sl_kind_constant, FIELD(action),
     "time all execution plans for each of --threads, and show by how much the one that the library chooses is slower than the "
     "fastest; --set random is made for it",
     .value = SL_ACTION_CHOICE},
    {"export", 0, 1, ACTIONS, "DIR", &kind_export, 0, "write the cases for the scripts of perf/peers"},
    {"fields", 0, 1, ACTIONS, NULL, &sl_kind_constant, FIELD(action), "explain the fields of the rows", .value = SL_ACTION_FIELDS},
    {"from", 0, 1, ACTIONS, "FILE", &sl_kind_file, FIELD(from), "take the rows of a JSON record"},

    {"ranks", 0, 1, RANKS, "LIST", &kind_ranks, 0,
     "time the shapes, or with --train whole updates of a model, on so many ranks at once, of --threads each, by default the CPUs "
     "divided by the ranks",
     .most = SL_RANKS_MAX},
    {"shards", 0, 1, RANKS, "LIST", &kind_list, FIELD(shards),
     "parts into which a batch is cut for the ranks; by default as many as the most ranks", .most = SLUICE_MAX_SHARDS},
    {"exchange", 0, 1, RANKS, "LIST", &kind_list, FIELD(exchange),
     "time the sum of vectors of so many floats over the ranks, too; without a shape alone", .most = VALUE_MAX},
    {"hosts", 0, 1, RANKS, "LIST", &sl_kind_text, FIELD(hosts),
     "HOST:PORT of each rank, where sluice-bench is run once for each, with the same options but --rank, and with its own address "
     "as it listens; by default ranks are processes of this run, on the loopback"},
    {"rank", 0, 1, RANKS, "K", &sl_kind_number, FIELD(rank), "which of --hosts this one is, from 0", .default_text = "0",
     .most = SL_RANKS_MAX - 1},

    {"min-time", 0, 1, MEASURING, "S", &kind_seconds, FIELD(plan.min_seconds), "seconds that each repetition lasts at least",
     .default_text = TEXT(DEFAULT_MIN_SECONDS)},
    {"repetitions", 0, 1, MEASURING, "N", &sl_kind_unsigned, FIELD(plan.repetitions), "repetitions, of which the fastest is quoted",
     .default_text = TEXT(DEFAULT_REPETITIONS), .least = 1, .most = SL_REPETITIONS_MAX},
    {"warmup", 0, 1, MEASURING, "N", &sl_kind_unsigned, FIELD(plan.warmup), "calls before the first repetition",
     .default_text = TEXT(DEFAULT_WARMUP), .most = WARMUP_MAX},

    {"format", 0, 1, OUTPUT, "NAME", &sl_kind_choice, FIELD(format), "format of the rows", sl_bench_format_get_name},
    {"output", 'o', 1, OUTPUT, "FILE", &sl_kind_file, FIELD(output), "where the rows go; '-' is standard output",
     .default_text = "-"},
    {"plot", 0, 1, OUTPUT, "FILE.svg", &kind_picture, FIELD(plot), "draw throughput and efficiency against threads"},
    {"roofline", 0, 1, OUTPUT, "FILE.svg", &kind_picture, FIELD(roofline),
     "draw throughput against operations per byte, below what the machine allows"},
    {"compare", 0, 1, OUTPUT, "OLD.json", &sl_kind_file, FIELD(compare),
     "compare with the rows of a record; exit status 1 if one has become slower"},
    {"threshold", 0, 1, OUTPUT, "S", &kind_share, FIELD(threshold), "by how much of its time --compare lets a row be slower",
     .default_text = TEXT(DEFAULT_THRESHOLD)},

    {"help", 'h', 1, GENERAL, NULL, &sl_kind_constant, FIELD(action), "show this help", .value = SL_ACTION_HELP, .ends = true},
    {"version", 0, 1, GENERAL, NULL, &sl_kind_constant, FIELD(action),
     "show the versions of the library, BLIS and OpenMP, and the instruction set in use", .value = SL_ACTION_VERSION, .ends = true},
};

const sl_page sl_bench_page = {
    .command = 1,
    .summary = "time LSTMs over batches of sequences",
    .usage = "[OPTION]... [T,N,H]...",
    .about =
        "Times LSTMs over batches of sequences: useful GFLOP/s, and the share of the peak of fused multiply-adds, which is "
        "measured in between. Results are checked before they are timed: against the scalar kernels, and these by the library's "
        "tests against an oracle in double precision.\n\n"
        "T,N,H is a shape: steps, rows, and hidden units with as many inputs. Options that take a LIST sweep: all combinations "
        "run. A LIST of numbers is 16,32 or a range: 1-8, or 32-1024*2, where each is twice the one before. Without any shape "
        "seven run, large and small. --set networks has networks of other layers and cells, each after a plain equal of about the "
        "same work.",
    .examples = "sluice-bench\n"
                "sluice-bench 50,64,256 --train=none,forward,both --threads 1,2\n"
                "sluice-bench --set threads --plot threads.svg --format json -o threads.json",
};

const sl_program sl_program_this = {"sluice-bench", groups, table, sizeof table / sizeof table[0], &sl_bench_page, 1, "sluice"};

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

/* A sweep over threads starts with one thread, with which the others are compared, and has each number once, in ascending order. */
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
    if (options->scaling && !given && options->action != SL_ACTION_RANKS)
        sl_scaling_fill_threads(sl_size_min(sl_threads_cpus(), THREADS_MAX / 2), &options->threads);
    else if (options->scaling && given)
        order_threads(&options->threads);
    fill_list(&options->threads, 0); /* the library's choice */
}

/* A set that compares precisions has all of them, from f32 on. */
static void fill_precisions(sl_bench_options *options)
{
    bool compares = false;
    for (size_t k = 0; k < options->sets.count; k++)
        compares |= sl_set_get(options->sets.values[k]).compares_precisions;
    if (compares && !options->precision.count)
        for (size_t k = SLUICE_PRECISION_F32; sl_words_precision(k); k++)
            options->precision.values[options->precision.count++] = k;
    fill_list(&options->precision, SLUICE_PRECISION_AUTO);
}

/* Replace numbers of threads beyond the maximum by the maximum, once. A sweep may run more threads than CPUs, if the runtime makes
 * them; memory is read by at most as many as there are CPUs. */
static void limit_threads(sl_bench_options *options)
{
    const bool kernels = options->action == SL_ACTION_KERNELS;
    if (options->from || (!kernels && options->action != SL_ACTION_CASES && options->action != SL_ACTION_CHOICE))
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

/* Refuse options that an action with the library's own choice of kernels and plans does not consider. Called before the defaults are
 * filled in. */
static sluice_status check_own_choice(const sl_bench_options *options, sluice_error *error)
{
    const bool ranks = options->action == SL_ACTION_RANKS;
    const char *ignored = options->isa.count                    ? "--isa"
                          : options->gemm.count                 ? "--gemm"
                          : options->precision.count            ? "--precision"
                          : options->schedule.count             ? "--schedule"
                          : options->peers.count                ? "--peer"
                          : ranks                               ? NULL
                          : options->scaling == SL_SCALING_WEAK ? "--scaling weak"
                                                                : NULL;
    if ((options->action != SL_ACTION_EXPECT && options->action != SL_ACTION_CHOICE && !ranks) || !ignored)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "--%s uses the library's own choice of kernels and execution plan, found %s; leave one of them out",
                   ranks                                 ? "ranks"
                   : options->action == SL_ACTION_EXPECT ? "expect"
                                                         : "choice",
                   ignored);
}

/* Refuse what means nothing with ranks, or without them. */
static sluice_status check_ranks(const sl_bench_options *options, sluice_error *error)
{
    const bool ranks = options->action == SL_ACTION_RANKS;
    const char *lacking = options->shards.count     ? "--shards"
                          : options->exchange.count ? "--exchange"
                          : options->hosts          ? "--hosts"
                          : options->rank           ? "--rank"
                                                    : NULL;
    const char *beside = options->plot       ? "--plot"
                         : options->roofline ? "--roofline"
                         : options->compare  ? "--compare"
                         : options->from     ? "--from"
                         : options->machine  ? "--machine"
                                             : NULL;
    if (!ranks && lacking)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s needs --ranks; give it, or leave %s out", lacking, lacking);
    if (ranks && beside)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s does not know the rows of --ranks; leave one of them out", beside);
    if (ranks && options->rank && !options->hosts)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--rank says which of --hosts this is; give these, or leave it out");
    return SLUICE_STATUS_OK;
}

/* Shards of which each rank has some, on any number of ranks that is asked for. */
static void fill_shards(sl_bench_options *options)
{
    size_t most = 1;
    for (size_t k = 0; k < options->ranks.count; k++)
        most = sl_size_max(most, options->ranks.values[k]);
    fill_list(&options->shards, most);
}

static void fill_defaults(sl_bench_options *options)
{
    fill_threads(options);
    fill_shards(options);
    limit_threads(options);
    fill_precisions(options);
    if (options->steps.count || options->batch.count || options->input.count || options->hidden.count) {
        fill_list(&options->steps, DEFAULT_STEPS);
        fill_list(&options->batch, DEFAULT_BATCH);
        fill_list(&options->hidden, DEFAULT_HIDDEN);
    } else if (options->cases == 0 && options->sets.count == 0 && options->exchange.count == 0) {
        memcpy(options->case_values, default_cases, sizeof default_cases);
        options->cases = DEFAULT_CASES;
    }
    fill_list(&options->layers, DEFAULT_LAYERS);
    fill_list(&options->directions, DEFAULT_DIRECTIONS);
    fill_list(&options->ragged, SL_RAGGED_NONE);
    /* The library's choice, in these: */
    fill_list(&options->isa, SLUICE_ISA_AUTO);
    fill_list(&options->gemm, SLUICE_GEMM_AUTO);
    fill_list(&options->schedule, SLUICE_SCHEDULE_AUTO);
    fill_list(&options->peers, 0); /* the library itself */
}

sluice_status sl_bench_options_parse(int argc, char **argv, sl_bench_options *options, sluice_error *error)
{
    sl_given given;
    *options = (sl_bench_options){.seed = DEFAULT_SEED, .output = "-", .threshold = DEFAULT_THRESHOLD};
    options->plan = (sl_timing_plan){DEFAULT_MIN_SECONDS, DEFAULT_REPETITIONS, DEFAULT_WARMUP, NULL};
    if (argc == 2 && strcmp(argv[1], "help") == 0)
        options->action = SL_ACTION_HELP;
    if (options->action == SL_ACTION_HELP)
        return SLUICE_STATUS_OK;
    sluice_status status = sl_option_table_parse(&sl_program_this, &sl_bench_page, argc, argv, options, &given, error);
    if (options->action == SL_ACTION_HELP || options->action == SL_ACTION_VERSION)
        return status;
    for (; !status && optind < argc; optind++)
        status = add_case(&(sl_argument){"case", argv[optind]}, options, error);
    status = status ? status : check_own_choice(options, error);
    status = status ? status : check_ranks(options, error);
    fill_defaults(options);
    return status;
}

/* Whether some run of the library chooses its plan by the figures: none is chosen for rows and hoist. */
static bool weighs_plans(const sl_bench_options *options)
{
    bool weighs = options->schedule.count == 0, is_ours = options->peers.count == 0;
    for (size_t k = 0; k < options->schedule.count; k++)
        weighs =
            weighs || (options->schedule.values[k] != SLUICE_SCHEDULE_ROWS && options->schedule.values[k] != SLUICE_SCHEDULE_HOIST);
    for (size_t k = 0; k < options->peers.count; k++)
        is_ours = is_ours || !sl_peer_get(options->peers.values[k]) || sl_peer_get(options->peers.values[k]) == &sl_peer_sluice;
    return weighs && is_ours;
}

sluice_status sl_bench_options_choose_machines(sl_bench_options *options, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const bool uses = (options->action == SL_ACTION_CASES && weighs_plans(options)) || options->action == SL_ACTION_EXPECT ||
                      options->action == SL_ACTION_CHOICE;
    for (size_t k = 0; uses && !options->from && !status && k < options->isa.count; k++) {
        const sluice_isa isa = (sluice_isa)options->isa.values[k];
        sluice_engine_options engine = {.struct_size = sizeof engine, .isa = isa};
        status = sl_machine_choose(options->machine, true, &engine, &options->machines[isa], error);
        if (status == SLUICE_STATUS_UNSUPPORTED) { /* the sweep says so when it comes to it */
            options->machines[isa].struct_size = 0;
            status = SLUICE_STATUS_OK;
        }
    }
    return status;
}
