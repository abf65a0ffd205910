#include "cli/series/forecast.h"

#include "base/size.h"
#include "program/layer_facts.h"
#include "program/model_shape.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, MOST = 1 << 30 /* of a number in the text */ };

const char *sl_scaling_kind_get_name(size_t kind)
{
    static const char *const names[SL_SCALINGS] = {"none", "standardize", "normalize"};
    return kind < SL_SCALINGS ? names[kind] : NULL;
}

size_t sl_forecast_count_quantiles(const sl_forecast *forecast)
{
    return forecast->quantile_count ? forecast->quantile_count : 1;
}

size_t sl_forecast_count_outputs(const sl_forecast *forecast)
{
    return (forecast->windows.last_horizon - forecast->windows.first_horizon + 1) * forecast->targets.count *
           sl_forecast_count_quantiles(forecast);
}

const char *sl_forecast_name_output(const sl_forecast *forecast, size_t output, char name[SL_FORECAST_NAME_BYTES])
{
    const size_t value = output / sl_forecast_count_quantiles(forecast);
    const size_t horizon = forecast->windows.first_horizon + value / forecast->targets.count;
    const char *target = forecast->targets.names[value % forecast->targets.count];
    const int used = snprintf(name, SL_FORECAST_NAME_BYTES, horizon ? "%.100s+%zu" : "%.100s", target, horizon);
    if (forecast->quantile_count)
        snprintf(name + used, SL_FORECAST_NAME_BYTES - (size_t)used, " q%g",
                 (double)forecast->quantiles[output % forecast->quantile_count]);
    return name;
}

void sl_forecast_release(sl_forecast *forecast)
{
    sl_name_list_release(&forecast->inputs);
    sl_name_list_release(&forecast->targets);
}

sl_exit sl_forecast_choose_windows(const sl_forecast *forecast, const sl_series_options *options, sl_windows *windows)
{
    *windows = forecast->windows;
    if (sl_windows_are_whole(windows)) {
        windows->steps = 1;
        return options->window || options->hop
                   ? sl_report(SL_EXIT_USAGE,
                               "--window and --hop are for models that were trained on windows, and this one was on whole "
                               "series; leave them out")
                   : SL_EXIT_OK;
    }
    windows->steps = options->window ? options->window : windows->steps;
    windows->hop = options->hop ? options->hop : windows->hop;
    return SL_EXIT_OK;
}

sl_exit sl_forecast_create_streams(const sl_forecast *forecast, const sluice_engine *engine, sluice_streams **streams)
{
    sluice_error error;
    *streams = NULL;
    return sl_windows_are_whole(&forecast->windows) ? sl_report_status(sluice_streams_create(engine, 1, streams, &error), &error)
                                                    : SL_EXIT_OK;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------------------- */

static json_t *names_to_json(const sl_name_list *list)
{
    json_t *names = json_array();
    for (size_t k = 0; names && k < list->count; k++)
        json_array_append_new(names, json_string(list->names[k]));
    return names;
}

static json_t *quantiles_to_json(const sl_forecast *forecast)
{
    json_t *list = json_array();
    for (size_t k = 0; list && k < forecast->quantile_count; k++)
        json_array_append_new(list, json_real((double)forecast->quantiles[k]));
    return list;
}

sl_exit sl_forecast_write(const sl_forecast *forecast, sluice_model *model)
{
    const sl_windows *windows = &forecast->windows;
    sluice_error error;
    json_t *object =
        json_pack("{si sI sI s[I I] so so so ss}", "version", VERSION, "window", (json_int_t)windows->steps, "hop",
                  (json_int_t)windows->hop, "horizons", (json_int_t)windows->first_horizon, (json_int_t)windows->last_horizon,
                  "inputs", names_to_json(&forecast->inputs), "targets", names_to_json(&forecast->targets), "quantiles",
                  quantiles_to_json(forecast), "scaling", sl_scaling_kind_get_name(forecast->scaling));
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(object);
    if (!text)
        return sl_report_memory("the names of columns");
    const sl_exit code = sl_report_status(sluice_model_set_series(model, text, &error), &error);
    free(text);
    return code;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------------------- */

static bool take_size(json_int_t number, json_int_t least, size_t *size)
{
    *size = (size_t)number;
    return number >= least && number <= MOST;
}

/* False: no list of texts, or no memory. */
static bool take_names(const json_t *list, sl_name_list *names)
{
    const size_t count = json_array_size(list);
    const char **texts = calloc(count + 1, sizeof *texts);
    bool ok = texts && count;
    for (size_t k = 0; ok && k < count; k++) {
        texts[k] = json_string_value(json_array_get(list, k));
        ok = texts[k] != NULL;
    }
    ok = ok && sl_name_list_copy(texts, count, names);
    free((void *)texts);
    return ok;
}

static bool take_quantiles(const json_t *list, sl_forecast *forecast)
{
    const size_t count = json_array_size(list);
    for (size_t k = 0; k < count && k < SLUICE_MAX_QUANTILES; k++) {
        forecast->quantiles[k] = (float)json_number_value(json_array_get(list, k));
        if (!(forecast->quantiles[k] > 0 && forecast->quantiles[k] < 1))
            return false;
    }
    forecast->quantile_count = count;
    return json_is_array(list) && count <= SLUICE_MAX_QUANTILES;
}

static bool take_scaling(const char *name, sl_scaling_kind *kind)
{
    for (size_t k = 0; k < SL_SCALINGS; k++)
        if (strcmp(sl_scaling_kind_get_name(k), name) == 0) {
            *kind = (sl_scaling_kind)k;
            return true;
        }
    return false;
}

/* Whether the model has outputs as it says: one vector for a window, or one for each step of whole series. */
static bool ends_as_said(const sl_forecast *forecast, const sluice_model *model, size_t last)
{
    const bool are_whole = sl_windows_are_whole(&forecast->windows);
    return sluice_model_is_shape(model) ? !are_whole && sl_model_shape(model).classes
                                        : sl_layer_facts_get(model, last).gives_steps == are_whole;
}

/* Whether the model ends in as many outputs, reads as many inputs, and has the layers of the scaling. */
static bool fits(const sl_forecast *forecast, const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    const size_t last = network.layer_count - 1;
    const bool is_scaled = network.layers[0].kind == SLUICE_LAYER_AFFINE && network.layers[last].kind == SLUICE_LAYER_AFFINE;
    return network.inputs == forecast->inputs.count && sluice_model_get_width(model, last) == sl_forecast_count_outputs(forecast) &&
           ends_as_said(forecast, model, last) && (forecast->scaling == SL_SCALING_NONE || is_scaled);
}

static bool take_text(const json_t *object, sl_forecast *forecast)
{
    sl_windows *windows = &forecast->windows;
    json_int_t version, steps, hop, first, last;
    json_t *inputs, *targets, *quantiles;
    const char *scaling;
    return json_unpack((json_t *)object, "{sI sI sI s[I I!] so so so ss}", "version", &version, "window", &steps, "hop", &hop,
                       "horizons", &first, &last, "inputs", &inputs, "targets", &targets, "quantiles", &quantiles, "scaling",
                       &scaling) == 0 &&
           version == VERSION && take_size(steps, 0, &windows->steps) && take_size(hop, 1, &windows->hop) &&
           take_size(first, 0, &windows->first_horizon) && take_size(last, first, &windows->last_horizon) &&
           take_names(inputs, &forecast->inputs) && take_names(targets, &forecast->targets) &&
           take_quantiles(quantiles, forecast) && take_scaling(scaling, &forecast->scaling);
}

sl_exit sl_forecast_read(const sluice_model *model, const char *path, sl_forecast *forecast, bool *found)
{
    const char *text = sluice_model_get_series(model);
    *forecast = (sl_forecast){0};
    *found = text != NULL;
    if (!text)
        return SL_EXIT_OK;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const bool ok = object && take_text(object, forecast) && fits(forecast, model);
    json_decref(object);
    if (ok)
        return SL_EXIT_OK;
    sl_forecast_release(forecast);
    return sl_report(SL_EXIT_DATA,
                     "%s: metadata \"sluice_series\" is damaged, of a newer release, or of another model; train the model again",
                     path);
}
