/* What a model that was trained on series says of them in its file, so that it can be run again on new steps:
 * sluice_model_get_series, whose form docs/files.md has. */
#ifndef SLUICE_CLI_SERIES_FORECAST_H
#define SLUICE_CLI_SERIES_FORECAST_H

#include "cli/series/name_list.h"
#include "cli/series/series_options.h"
#include "cli/series/series_windows.h"
#include "program/report.h"
#include "sluice_train.h"

typedef enum sl_scaling_kind { SL_SCALING_NONE, SL_SCALING_STANDARDIZE, SL_SCALING_NORMALIZE, SL_SCALINGS } sl_scaling_kind;

/** "none", "standardize", "normalize"; NULL behind the last. */
const char *sl_scaling_kind_get_name(size_t kind);

/** The model has an output for each horizon, target and quantile: output (h*targets.count + k)*Q + q is quantile q of target k,
 *  first_horizon + h steps behind the window's last step; Q is 1 where there are no quantiles. */
typedef struct sl_forecast {
    sl_windows windows;                    /* of whole series hop is 1 */
    sl_name_list inputs, targets;          /* columns: names, or numbers from 1 on where the table has no names */
    float quantiles[SLUICE_MAX_QUANTILES]; /* [quantile_count]; 0: the model gives no quantiles */
    size_t quantile_count;
    sl_scaling_kind scaling; /* unless NONE, the first layer scales the inputs and the last one restores the outputs' units */
} sl_forecast;

/** Read what a model says; *found is false if it says nothing. `path` is the model's, for messages. SL_EXIT_DATA (reported): it cannot
 *  be read, or does not fit the model. */
sl_exit sl_forecast_read(const sluice_model *model, const char *path, sl_forecast *forecast, bool *found);

/** Have a model say it. Errors are reported. */
sl_exit sl_forecast_write(const sl_forecast *forecast, sluice_model *model);

/** How a model's series are cut to be run: by its windows, of which the options --window and --hop may ask for others; whole series a step
 *  at a time, with neither. Refuses (and reports) these options of whole series. */
sl_exit sl_forecast_choose_windows(const sl_forecast *forecast, const sl_series_options *options, sl_windows *windows);

/** The states that go on from step to step of whole series; NULL of windows. *streams is to be destroyed. Errors are reported. */
sl_exit sl_forecast_create_streams(const sl_forecast *forecast, const sluice_engine *engine, sluice_streams **streams);

/** Outputs for each horizon and target: Q. */
size_t sl_forecast_count_quantiles(const sl_forecast *forecast);

/** The number of outputs. */
size_t sl_forecast_count_outputs(const sl_forecast *forecast);

enum { SL_FORECAST_NAME_BYTES = 160 };
/** The name of an output, as "load+24", with quantiles "load+24 q0.9"; or "load" where the horizon is 0; a longer one is cut. Returns `name`. */
const char *sl_forecast_name_output(const sl_forecast *forecast, size_t output, char name[SL_FORECAST_NAME_BYTES]);

/** Zeros are allowed. */
void sl_forecast_release(sl_forecast *forecast);

#endif
