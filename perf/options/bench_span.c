#include "perf/options/bench_options.h"

#include "base/error.h"
#include "base/size.h"
#include "program/options/option_words.h"

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

/* Their networks. */
static size_t count_networks(const sl_bench_options *options)
{
    size_t count = 0;
    for (size_t k = 0; k < options->sets.count; k++)
        count += sl_set_get(options->sets.values[k]).network_count;
    return count;
}

sluice_status sl_bench_options_count(const sl_bench_options *options, size_t *shapes, size_t *settings, sluice_error *error)
{
    const size_t inputs = options->input.count ? options->input.count : 1;
    size_t total;
    *shapes = inputs;
    *settings = 1;
    const bool fits =
        multiply(shapes, &options->steps) && multiply(shapes, &options->batch) && multiply(shapes, &options->hidden) &&
        sl_size_add(*shapes, options->cases, shapes) && multiply(shapes, &options->ragged) &&
        sl_size_add(*shapes, count_sets(options), shapes) && multiply(shapes, &options->directions) &&
        multiply(shapes, &options->layers) && sl_size_mul(*shapes, count_trains(options), shapes) &&
        sl_size_add(*shapes, count_networks(options), shapes) && multiply(settings, &options->threads) &&
        multiply(settings, &options->precision) && multiply(settings, &options->isa) && multiply(settings, &options->gemm) &&
        multiply(settings, &options->schedule) && sl_size_mul(*shapes, *settings, &total);
    return fits ? SLUICE_STATUS_OK
                : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "more combinations than can be counted; give shorter lists");
}

bool sl_bench_options_have_low(const sl_bench_options *options)
{
    bool has_low = false;
    for (size_t k = 0; k < options->precision.count; k++)
        has_low |= sl_precision_is_low((sluice_precision)options->precision.values[k]);
    return has_low;
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
    const sl_set_case one = sl_set_get_case(*set, k);
    shape->steps = one.steps;
    shape->batch = one.batch;
    shape->input = shape->hidden = one.hidden;
    shape->ragged = one.ragged;
    shape->train = one.train;
}

/* Network k of the sets'. */
static sl_case get_network(const sl_bench_options *options, size_t k)
{
    const size_t *set = options->sets.values;
    for (; k >= sl_set_get(*set).network_count; set++)
        k -= sl_set_get(*set).network_count;
    const sl_set_network *one = &sl_set_get(*set).networks[k];
    return sl_case_of_network(one->network, one->steps, one->batch, options->seed);
}

sl_case sl_bench_options_get_case(const sl_bench_options *options, size_t k)
{
    const size_t inputs = options->input.count ? options->input.count : 1;
    const size_t swept = options->steps.count * options->batch.count * inputs * options->hidden.count;
    const size_t spanned = (swept + options->cases) * options->ragged.count;
    const size_t repeated = count_trains(options) * options->layers.count * options->directions.count;
    const size_t of_stacks = (spanned + count_sets(options)) * repeated;
    if (k >= of_stacks)
        return get_network(options, k - of_stacks);
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
        shape.train = (sl_train_pass)options->train.values[train];
    return shape;
}

sl_setting sl_bench_options_get_setting(const sl_bench_options *options, size_t k)
{
    sl_setting setting = {.has_accuracy = sl_bench_options_have_low(options)};
    setting.threads = (unsigned)take_digit(&options->threads, &k);
    setting.precision = (sluice_precision)take_digit(&options->precision, &k);
    const size_t schedule = take_digit(&options->schedule, &k);
    setting.measure = schedule == SL_WORDS_MEASURE;
    setting.schedule = setting.measure ? SLUICE_SCHEDULE_AUTO : (sluice_schedule)schedule;
    setting.gemm = (sluice_gemm)take_digit(&options->gemm, &k);
    setting.isa = (sluice_isa)take_digit(&options->isa, &k);
    setting.machine = options->machines[setting.isa].struct_size ? &options->machines[setting.isa] : NULL;
    return setting;
}
