#include "cli/run/shard.h"

#include "cli/shards/shard_files.h"
#include "program/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

static sl_exit check_inputs(const sl_options *options)
{
    const sl_path_argument inputs[] = {{"--input", options->input, false},
                                       {"--lengths", options->lengths, false},
                                       {"--mask", options->mask, false},
                                       {"--h0", options->h0, false},
                                       {"--c0", options->c0, false}};
    for (size_t k = 0; k < sizeof inputs / sizeof inputs[0]; k++)
        if (inputs[k].path && (sl_paths_is_standard_input(inputs[k].path) || sl_paths_is_input_stream(inputs[k].path)))
            return sl_report(SL_EXIT_USAGE, "%s: a part of %s is read by seeking; name a file", sl_report_input(inputs[k].path),
                             inputs[k].option);
    return SL_EXIT_OK;
}

static sl_exit check_options(const sl_shard *shard, const sl_options *options)
{
    if (options->state)
        return sl_report(
            SL_EXIT_USAGE,
            "--state does not go with parts of a run (--shard, or several ranks), because its file has the states of all "
            "rows; use --h0, --c0, --hn and --cn");
    if (shard->in_place && options->text)
        return sl_report(SL_EXIT_USAGE,
                         "--in-place does not go with --text: where an answer begins depends on those before it; leave it "
                         "out, and merge the parts");
    if (shard->in_place && options->step_first && (options->output || options->head))
        return sl_report(SL_EXIT_USAGE,
                         "--in-place does not go with --layout tnc, where a row is in T places; leave one of them out");
    const struct {
        const char *option, *path;
        sl_row_format format;
    } outputs[] = {{"--output", options->output, options->output_format}, {"--head", options->head, options->head_format}};
    for (size_t k = 0; shard->in_place && k < sizeof outputs / sizeof outputs[0]; k++)
        if (outputs[k].path && outputs[k].format != SL_ROWS_NPY)
            return sl_report(SL_EXIT_USAGE,
                             "--in-place does not go with %s of another format than .npy; leave it out, and merge the parts",
                             outputs[k].option);
    return check_inputs(options);
}

/* Name the files of an output, and change the option to the part's. */
static sl_exit name_output(const sl_shard *shard, sl_shard_output *output, const char *option, const char **path)
{
    output->option = option;
    output->out = *path;
    if (!*path)
        return SL_EXIT_OK;
    if (sl_paths_is_output_stream(*path))
        return sl_report(SL_EXIT_USAGE, "%s: the parts of %s are files beside it; name a file", sl_report_output(*path), option);
    output->path = sl_shard_files_name(*path, shard->in_place ? SL_SHARD_JOINED : SL_SHARD_PART, shard->part, shard->parts);
    output->record_path = sl_shard_files_name(*path, SL_SHARD_RECORD, shard->part, shard->parts);
    if (!output->path || !output->record_path)
        return sl_report_memory("a file name");
    const char *const files[] = {*path, output->path, output->record_path};
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < sizeof files / sizeof files[0]; k++)
        code = sl_paths_check_file(&(sl_path_argument){option, files[k], true}, "an output and its parts are files");
    *path = output->path;
    return code;
}

sl_exit sl_shard_open(sl_shard *shard, sl_options *options)
{
    *shard = (sl_shard){.skip_done = options->skip_done, .in_place = options->in_place};
    sl_shard_choice choice = options->shard;
    if (!choice.text && !choice.part) {
        if (options->skip_done || options->in_place)
            return sl_report(SL_EXIT_USAGE, "%s goes with --shard; give --shard K/N, or leave it out",
                             options->skip_done ? "--skip-done" : "--in-place");
        return SL_EXIT_OK;
    }
    sl_exit code = sl_shard_choice_resolve(&choice);
    shard->part = choice.part;
    shard->parts = choice.parts;
    sl_shard_output *outputs = shard->outputs;
    code = code ? code : check_options(shard, options);
    code = code ? code : name_output(shard, &outputs[SL_SHARD_OUTPUT], "--output", &options->output);
    code = code ? code : name_output(shard, &outputs[SL_SHARD_HN], "--hn", &options->hn);
    code = code ? code : name_output(shard, &outputs[SL_SHARD_CN], "--cn", &options->cn);
    return code ? code : name_output(shard, &outputs[SL_SHARD_HEAD], "--head", &options->head);
}

/* ---- What is there --------------------------------------------------------------------------------------------------------- */

static sl_exit forget(sl_shard_output *output)
{
    output->has_old = false;
    return unlink(output->record_path) == 0 || errno == ENOENT
               ? SL_EXIT_OK
               : sl_report(SL_EXIT_IO, "%s: cannot be removed: %s", output->record_path, strerror(errno));
}

static bool is_whole(const sl_shard_output *output)
{
    struct stat about;
    return stat(output->path, &about) == 0 && (uint64_t)about.st_size == output->old.bytes;
}

/* Refuse the part of another run that --skip-done has found. */
static sl_exit refuse(const sl_shard *shard, const sl_shard_output *output, const char *differs)
{
    const bool shows = strcmp(differs, "other options") == 0;
    return sl_report(SL_EXIT_DATA,
                     "%s: part %zu of %zu is there already, with %s%s%s%s; remove it and its record, or leave "
                     "out --skip-done to replace it",
                     output->path, shard->part, shard->parts, differs, shows ? " (" : "", shows ? output->old.options : "",
                     shows ? ")" : "");
}

/* What of the part's own differs from a record of before, besides what sl_shard_record_compare says; NULL: nothing. */
static const char *compare(const sl_shard_output *output)
{
    const sl_shard_record *a = &output->record, *b = &output->old;
    const char *differs = sl_shard_record_compare(a, b);
    return differs ? differs : a->first != b->first || a->count != b->count ? "another input" : NULL;
}

static sl_exit read_old(const sl_shard *shard, sl_shard_output *output, bool *is_there)
{
    sl_exit code = sl_shard_record_read(output->record_path, shard->skip_done ? "remove it" : NULL, &output->old, &output->has_old);
    const char *differs = !code && output->has_old ? compare(output) : NULL;
    *is_there = *is_there && output->has_old && is_whole(output);
    if (differs && shard->skip_done)
        return refuse(shard, output, differs);
    /* A part in place is no whole part of that run any longer as soon as this one writes. */
    return !code && differs && shard->in_place ? forget(output) : code;
}

sl_exit sl_shard_begin(sl_shard *shard, uint64_t first, uint64_t count, uint64_t total, bool *may_be_done)
{
    *may_be_done = false;
    if (!shard->parts)
        return SL_EXIT_OK;
    sl_exit code = SL_EXIT_OK;
    bool is_there = true;
    for (sl_shard_output *output = shard->outputs; !code && output < shard->outputs + SL_SHARD_OUTPUTS; output++) {
        if (!output->out)
            continue;
        sl_shard_record *record = &output->record;
        const sl_shard_kind kind = record->kind;
        const size_t axis = record->axis;
        *record = shard->same;
        record->kind = kind == SL_SHARD_NPY && shard->in_place ? SL_SHARD_IN_PLACE : kind;
        record->axis = axis;
        record->part = shard->part;
        record->parts = shard->parts;
        record->total = total;
        record->first = first;
        record->count = count;
        code = read_old(shard, output, &is_there);
    }
    *may_be_done = !code && shard->skip_done && is_there;
    shard->has_begun = !code && shard->in_place && !*may_be_done;
    return code;
}

sl_exit sl_shard_confirm(const sl_shard *shard)
{
    for (const sl_shard_output *output = shard->outputs; output < shard->outputs + SL_SHARD_OUTPUTS; output++)
        if (output->out && output->old.read != shard->read)
            return refuse(shard, output, "another input");
    sl_report_note("part %zu of %zu is done already, and skipped", shard->part, shard->parts);
    return SL_EXIT_OK;
}

/* ---- The end --------------------------------------------------------------------------------------------------------------- */

/* A record of the same run stays: another process may have written it just now, and ends by this one's failure otherwise. */
sl_exit sl_shard_prepare(sl_shard *shard)
{
    sl_exit code = SL_EXIT_OK;
    shard->has_begun = true;
    for (sl_shard_output *output = shard->outputs; shard->parts && !code && output < shard->outputs + SL_SHARD_OUTPUTS; output++) {
        if (!output->out)
            continue;
        output->record.read = shard->read;
        output->record.written = output->written;
        code = sl_shard_record_read(output->record_path, NULL, &output->old, &output->has_old);
        if (!code && output->has_old &&
            (compare(output) || output->old.read != shard->read || output->old.written != output->written))
            code = forget(output);
    }
    return code;
}

sl_exit sl_shard_commit(sl_shard *shard)
{
    sl_exit code = SL_EXIT_OK;
    for (sl_shard_output *output = shard->outputs; shard->parts && !code && output < shard->outputs + SL_SHARD_OUTPUTS; output++) {
        struct stat about;
        if (!output->out)
            continue;
        if (stat(output->path, &about) != 0)
            return sl_report(SL_EXIT_IO, "%s: cannot be examined: %s", output->path, strerror(errno));
        output->record.bytes = (uint64_t)about.st_size;
        code = sl_shard_record_write(output->record_path, &output->record);
    }
    return code;
}

void sl_shard_remove(const sl_shard *shard)
{
    for (const sl_shard_output *output = shard->outputs; shard->has_begun && output < shard->outputs + SL_SHARD_OUTPUTS; output++) {
        if (!output->out)
            continue;
        unlink(output->record_path);
        unlink(output->path); /* one that is left is no output, and the next run replaces it */
    }
}

void sl_shard_close(sl_shard *shard)
{
    for (size_t k = 0; k < SL_SHARD_OUTPUTS; k++) {
        free(shard->outputs[k].path);
        free(shard->outputs[k].record_path);
    }
    *shard = (sl_shard){0};
}
