/* The command `sluice convert`: a model of any format that is read, written in the project's own. */
#include "cli/command_line.h"
#include "cli/notes.h"
#include "program/paths.h"

#include <string.h>

static sl_exit check_options(const sl_options *options)
{
    const sl_path_argument paths[] = {{"FILE", options->model, false}, {"OUT", options->converted, true}};
    if (!options->model || !options->converted)
        return sl_report(SL_EXIT_USAGE, "expected FILE and OUT, found %s; see sluice convert --help",
                         options->model ? "FILE alone" : "neither");
    if (strcmp(options->model, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "FILE cannot be standard input; name a file");
    return sl_paths_check(paths, sizeof paths / sizeof paths[0]);
}

static sl_exit convert(const sl_options *options)
{
    sluice_model *model;
    sluice_error error;
    if (sluice_model_load(options->model, &options->names, &model, &error))
        return sl_report_error(&error);
    sl_notes_report(options->model, model);
    const sl_exit code = sl_report_status(sluice_model_save(model, options->converted, NULL, &error), &error);
    sluice_model_destroy(model);
    return code;
}

sl_exit sl_command_convert(int argc, char **argv)
{
    sl_options options;
    bool done;
    sl_exit code = sl_command_line_parse(SL_COMMAND_CONVERT, argc, argv, &options, &done);
    if (code || done)
        return code;
    code = check_options(&options);
    return code ? code : convert(&options);
}
