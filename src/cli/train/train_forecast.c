/* Models that forecast series: the scaling of the data, and what the file says of columns, windows and horizons. */
#include "cli/train/training.h"

#include "cli/command_line.h"

#include <string.h>

/* ---- Of --from --------------------------------------------------------------------------------------------------------------- */

/* Refuse other columns than those for which the model of --from was trained. */
static sl_exit check_names(const char *path, const sl_name_list *then, const sl_name_list *now, const char *option)
{
    for (size_t k = 0; k < then->count; k++)
        if (then->count != now->count || strcmp(then->names[k], now->names[k]) != 0)
            return sl_report(SL_EXIT_DATA,
                             "%s: the model was scaled for column '%.100s' as number %zu of %s, found '%.100s'; give the "
                             "columns of its training",
                             path, then->names[k], k + 1, option, k < now->count ? now->names[k] : "none");
    return SL_EXIT_OK;
}

sl_exit sl_train_take_scaling(sl_training *train, sluice_model **loaded, sl_forecast *forecast)
{
    const sl_train_options *o = &train->options->train;
    bool found;
    sluice_model *bare;
    *forecast = (sl_forecast){0};
    if (!train->options->series.targets || !*loaded)
        return SL_EXIT_OK;
    sl_exit code = sl_forecast_read(*loaded, o->from, forecast, &found);
    if (code || !found)
        return code;
    if (sl_windows_are_whole(&forecast->windows) != !train->options->series.window)
        return sl_report(SL_EXIT_USAGE, "%s: the model was trained on %s; %s", o->from,
                         train->options->series.window ? "whole series" : "windows of series",
                         train->options->series.window ? "leave out --window" : "give --window");
    if (forecast->scaling == SL_SCALING_NONE)
        return SL_EXIT_OK;
    if (o->standardize || o->normalize)
        return sl_report(SL_EXIT_USAGE,
                         "%s: the model has a scaling of its own, which is kept; leave out --standardize and --normalize", o->from);
    code = sl_scaling_take_layers(forecast->scaling, *loaded, &train->dataset.scaling, &bare);
    if (code)
        return code;
    sluice_model_destroy(*loaded);
    *loaded = bare;
    return SL_EXIT_OK;
}

sl_exit sl_train_check_scaling(const sl_training *train, const sl_forecast *forecast)
{
    const char *from = train->options->train.from;
    const sl_forecast *now = &train->dataset.forecast;
    if (forecast->scaling == SL_SCALING_NONE)
        return SL_EXIT_OK;
    const sl_exit code = check_names(from, &forecast->inputs, &now->inputs, "--columns");
    return code ? code : check_names(from, &forecast->targets, &now->targets, "--target");
}

/* ---- The model's file --------------------------------------------------------------------------------------------------------- */

sl_exit sl_train_describe_model(const sl_training *train, sluice_model *model)
{
    return train->dataset.data.windows && train->dataset.scaling.kind == SL_SCALING_NONE
               ? sl_forecast_write(&train->dataset.forecast, model)
               : SL_EXIT_OK;
}

sl_exit sl_train_make_file_model(const sl_training *train, const sluice_model *model, sluice_model **made)
{
    const bool are_whole = train->dataset.data.windows && sl_windows_are_whole(&train->dataset.forecast.windows);
    *made = NULL;
    if (train->dataset.scaling.kind == SL_SCALING_NONE && !are_whole)
        return SL_EXIT_OK;
    const sl_exit code = sl_scaling_add_layers(&train->dataset.scaling, model, are_whole, made);
    return code ? code : sl_forecast_write(&train->dataset.forecast, *made);
}
