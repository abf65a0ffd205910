/* sluice info --env, sluice info MODEL --explain and --compare, and the list of what a file has to choose from. */
#ifndef SLUICE_CLI_INFO_INFO_PARTS_H
#define SLUICE_CLI_INFO_INFO_PARTS_H

#include "cli/cli_options.h"
#include "program/report.h"
#include "sluice.h"

/** Print what an engine with these options would use on this machine, and why. */
sl_exit sl_info_environment(const sl_options *options);

/** Print how an engine with these options would compute the batch of --batch and --steps: the candidate plans, the chosen one, and
 *  why. */
sl_exit sl_info_plan(const sl_options *options);

/** Print how far the outputs of an engine with these options are from those of f32, for the rows of --compare. */
sl_exit sl_info_compare(const sl_options *options);

/** Print the line of text on an engine. */
void sl_info_print_engine(const sluice_engine_info *info);

/** For a model that could not be loaded, `why`: print what the file, of this format, has to choose from, with the reason. Where it leaves
 *  no choice, or one was made, report the failure. */
sl_exit sl_info_choices(const sl_options *options, const char *format, const sluice_error *why);

#endif
