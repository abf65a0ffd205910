/* The command `sluice info`, and the contents of a model file. */
#include "base/layer.h"
#include "cli/command_line.h"
#include "cli/info/info_parts.h"
#include "cli/info/layer_table.h"
#include "cli/series/forecast.h"
#include "program/layer_facts.h"
#include "cli/tuned_plans.h"
#include "io/content.h"
#include "io/input.h"
#include "program/format.h"
#include "program/model_shape.h"
#include "program/paths.h"
#include "program/print_json.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT_BYTES = 80 };

typedef struct model_facts {
    sluice_network network;
    sluice_shape shape;
    bool is_shape; /* else `shape` only counts layers and outputs */
    uint64_t parameters;
    double step_flop, row_flop;
} model_facts;

static model_facts get_facts(const sluice_model *model)
{
    model_facts facts = {.network = sl_model_network(model),
                         .shape = sl_model_shape(model),
                         .is_shape = sluice_model_is_shape(model),
                         .step_flop = sl_layer_facts_get_step_flop(model, false),
                         .row_flop = sl_layer_facts_get_row_flop(model)};
    for (size_t k = 0; k < facts.network.layer_count; k++)
        facts.parameters += sl_layer_facts_get(model, k).parameters;
    return facts;
}

static json_t *get_classes(const sluice_model *model, size_t classes)
{
    json_t *names = json_array();
    for (size_t k = 0; names && k < classes && sluice_model_get_class(model, k); k++)
        json_array_append_new(names, sl_json_string(sluice_model_get_class(model, k)));
    return names;
}

static json_t *get_notes(const sluice_model *model)
{
    json_t *notes = json_array();
    for (const char *line = sluice_model_get_notes(model); notes && *line;) {
        const size_t length = strcspn(line, "\n");
        json_array_append_new(notes, json_stringn(line, length));
        line += length + (line[length] == '\n');
    }
    return notes;
}

/* The format of a file that has just been loaded, or, with NULL, could not be: the library's own note, as "format: Keras 3.3", or what
 * the file begins with. */
static const char *get_format(const char *path, const sluice_model *model, char text[FORMAT_BYTES])
{
    const char *notes = model ? sluice_model_get_notes(model) : "", *note = strstr(notes, "format: ");
    if (note && (note == notes || note[-1] == '\n')) {
        note += strlen("format: ");
        snprintf(text, FORMAT_BYTES, "%.*s", (int)strcspn(note, "\n"), note);
        return text;
    }
    char beginning[SL_CONTENT_BYTES];
    size_t bytes = 0;
    sl_input input;
    const char *format = NULL;
    if (!sl_input_open_regular(path, &input, NULL) && !sl_input_read(&input, 0, beginning, sizeof beginning, &bytes, NULL))
        format = sl_content_get_format(sl_content_find(beginning, bytes));
    sl_input_close(&input);
    return format ? format : "another";
}

static json_t *model_to_json(const char *path, const sluice_model *model)
{
    const model_facts facts = get_facts(model);
    const sluice_shape *shape = &facts.shape;
    char format[FORMAT_BYTES];
    json_t *series = sluice_model_get_series(model) ? json_loads(sluice_model_get_series(model), 0, NULL) : json_null();
    return json_pack("{so ss sI sI sI sI sI sI sb sI sI sf sf so ss sf so so so}", "model", sl_json_string(path), "format",
                     get_format(path, model, format), "layers", (json_int_t)shape->layers, "directions",
                     (json_int_t)shape->directions, "inputs", (json_int_t)shape->inputs, "hidden", (json_int_t)shape->hidden,
                     "vocabulary", (json_int_t)shape->vocabulary, "classes", (json_int_t)shape->classes, "has_bias",
                     shape->has_bias, "parameters", (json_int_t)facts.parameters, "bytes",
                     (json_int_t)(facts.parameters * sizeof(float)), "flop_per_step", facts.step_flop, "flop_per_row",
                     facts.row_flop, "class_names", get_classes(model, shape->classes), "masking",
                     sl_masking_get_name((unsigned)facts.network.masking), "mask_value", (double)facts.network.mask_value, "chain",
                     sl_layer_table_get_json(model), "notes", get_notes(model), "series", series);
}

static void print_classes(const sluice_model *model, size_t classes)
{
    if (!sluice_model_get_class(model, 0))
        return;
    printf("class names   ");
    for (size_t k = 0; k < classes; k++) {
        printf("%s", k ? ", " : "");
        sl_format_print_clean(sluice_model_get_class(model, k), SIZE_MAX, stdout);
    }
    printf("\n");
}

/* Which steps the model masks by itself. */
static void print_masking(const sluice_network *network)
{
    if (network->masking == SLUICE_MASKING_TOKEN)
        printf("masked steps  of token 0\n");
    else if (network->masking == SLUICE_MASKING_VALUE)
        printf("masked steps  of which all inputs are %.9g\n", (double)network->mask_value);
}

static void print_notes(const char *notes)
{
    for (const char *title = "notes         "; *notes; title = "              ") {
        const size_t length = strcspn(notes, "\n");
        printf("%s", title);
        sl_format_print_clean(notes, length, stdout);
        printf("\n");
        notes += length + (notes[length] == '\n');
    }
}

static void print_names(const char *before, const sl_name_list *list)
{
    for (size_t k = 0; k < list->count; k++) {
        printf("%s", k ? ", " : before);
        sl_format_print_clean(list->names[k], SIZE_MAX, stdout);
    }
}

/* What the model says of series. */
static void print_forecast(const sl_forecast *forecast)
{
    const sl_windows *windows = &forecast->windows;
    if (sl_windows_are_whole(windows))
        printf("windows       none: whole series, outputs at every step\n");
    else
        printf("windows       %zu steps, hop %zu\n", windows->steps, windows->hop);
    print_names("columns       ", &forecast->inputs);
    print_names("\nforecasts     ", &forecast->targets);
    if (windows->first_horizon == windows->last_horizon)
        printf(", %zu steps ahead", windows->first_horizon);
    else
        printf(", each from %zu to %zu steps ahead", windows->first_horizon, windows->last_horizon);
    printf("\nscaling       %s\n", sl_scaling_kind_get_name(forecast->scaling));
}

/* The lines of a model that a sluice_shape describes. */
static void print_shape(const sluice_shape *shape)
{
    printf("layers        %zu\ndirections    %zu\n", shape->layers, shape->directions);
    printf("inputs        %zu\nhidden        %zu\n", shape->inputs, shape->hidden);
    printf("biases        %s\n", shape->has_bias ? "yes" : "no");
    if (shape->vocabulary)
        printf("embedding     [%zu][%zu]\n", shape->vocabulary, shape->inputs);
    else
        printf("embedding     none\n");
    if (shape->classes)
        printf("head          [%zu][%zu]\n", shape->classes, shape->directions * shape->hidden);
    else
        printf("head          none\n");
}

static sl_exit print_model(const char *path, const sluice_model *model, const sl_forecast *forecast)
{
    const model_facts facts = get_facts(model);
    char count[SL_FORMAT_COUNT], format[FORMAT_BYTES];
    printf("model         ");
    sl_format_print_clean(path, SIZE_MAX, stdout);
    printf("\nformat        %s\n", get_format(path, model, format));
    if (facts.is_shape)
        print_shape(&facts.shape);
    if (facts.shape.classes)
        printf("%s%zu\n", facts.is_shape ? "classes       " : "outputs       ", facts.shape.classes);
    print_classes(model, facts.shape.classes);
    print_masking(&facts.network);
    if (forecast)
        print_forecast(forecast);
    printf("parameters    %s\n", sl_format_count(facts.parameters, count));
    printf("bytes         %s as float32\n", sl_format_count(facts.parameters * sizeof(float), count));
    printf("FLOP per step %s\n", sl_format_count((uint64_t)facts.step_flop, count));
    if (facts.row_flop > 0)
        printf("FLOP per row  %s\n", sl_format_count((uint64_t)facts.row_flop, count));
    print_notes(sluice_model_get_notes(model));
    printf("\n");
    return sl_layer_table_print(model);
}

static sl_exit show_model(const sl_options *options)
{
    sluice_model *model;
    sluice_error error;
    char format[FORMAT_BYTES];
    if (sluice_model_load(options->model, &options->names, &model, &error))
        return sl_info_choices(options, get_format(options->model, NULL, format), &error);
    sl_forecast forecast;
    bool forecasts;
    sl_exit code = sl_forecast_read(model, options->model, &forecast, &forecasts);
    if (!code && options->json)
        code = sl_json_print(model_to_json(options->model, model), stdout);
    else if (!code)
        code = print_model(options->model, model, forecasts ? &forecast : NULL);
    sl_forecast_release(&forecast);
    sluice_model_destroy(model);
    return code;
}

static sl_exit check_explain(const sl_options *options)
{
    const bool batch = options->batch || options->steps;
    if (!options->explain && (batch || options->plans || options->engine.schedule || options->measure))
        return sl_report(SL_EXIT_USAGE, "--batch, --steps, --schedule and --plans go with --explain; add it, or leave them out");
    if (!options->explain && !options->compare && options->lengths)
        return sl_report(SL_EXIT_USAGE, "--lengths goes with --explain or --compare; add one of them, or leave it out");
    if (options->explain && options->env)
        return sl_report(SL_EXIT_USAGE, "--explain goes with MODEL, not with --env");
    if (options->explain && (!options->batch || !options->steps))
        return sl_report(SL_EXIT_USAGE, "--explain needs --batch N and --steps T: how many rows of how many steps");
    return sl_plans_check(options);
}

static sl_exit check_compare(const sl_options *options)
{
    if (!options->compare && (options->text || options->keep_cr || options->mask || options->step_first || options->rows))
        return sl_report(SL_EXIT_USAGE,
                         "--text, --keep-cr, --mask, --layout tnc and --rows go with --compare; add it, or leave them out");
    if ((!options->compare || options->text) && (options->series.missing || sl_series_options_has_table(&options->series)))
        return sl_report(SL_EXIT_USAGE, "--delimiter, --header, --sequence-column and --missing are of the table of --compare; add "
                                        "it without --text, or leave them out");
    if (options->compare && (options->env || options->explain))
        return sl_report(SL_EXIT_USAGE, "--compare goes with MODEL, not with --env or --explain");
    if (!options->text && options->keep_cr)
        return sl_report(SL_EXIT_USAGE, "--keep-cr goes with --text; give --text, or leave it out");
    if (options->text && (options->lengths || options->mask || options->step_first))
        return sl_report(SL_EXIT_USAGE, "--text goes with --compare only, not with --lengths, --mask or --layout tnc");
    const sl_path_argument paths[] = {{"MODEL", options->model, false},
                                      {"--compare", options->compare, false},
                                      {"--lengths", options->lengths, false},
                                      {"--mask", options->mask, false}};
    return options->compare ? sl_paths_check(paths, sizeof paths / sizeof paths[0]) : SL_EXIT_OK;
}

static sl_exit check_options(const sl_options *options)
{
    const sluice_names *of = &options->names;
    const bool names = of->network || of->prefix || of->head || of->embedding || of->lstm || of->head_activation ||
                       of->head_input || of->activation || of->recurrent_activation || of->to || of->onnx_clip;
    const bool engine =
        options->engine.threads || options->engine.isa || options->engine.gemm || options->engine.precision || options->machine;
    if (!options->model == !options->env)
        return sl_report(SL_EXIT_USAGE, "expected either MODEL or --env; see sluice info --help");
    if (options->env && names)
        return sl_report(SL_EXIT_USAGE,
                         "options of how MODEL is read, as --network, --prefix and --lstm, go with MODEL, not with --env");
    if (!options->env && !options->explain && !options->compare && engine)
        return sl_report(
            SL_EXIT_USAGE,
            "--threads, --isa, --gemm, --precision and --machine go with --env, --explain or --compare, not with MODEL alone");
    const sl_exit code = check_explain(options);
    return code ? code : check_compare(options);
}

sl_exit sl_command_info(int argc, char **argv)
{
    sl_options options;
    bool done;
    sl_exit code = sl_command_line_parse(SL_COMMAND_INFO, argc, argv, &options, &done);
    if (code || done)
        return code;
    code = check_options(&options);
    if (!code && (options.env || options.explain || options.compare))
        code = sl_command_line_choose_machine(&options, !options.compare);
    if (!code)
        code = options.env       ? sl_info_environment(&options)
               : options.explain ? sl_info_plan(&options)
               : options.compare ? sl_info_compare(&options)
                                 : show_model(&options);
    return code == SL_EXIT_INTERRUPTED ? sl_report(code, "interrupted") : code;
}
