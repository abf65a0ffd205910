#include "cli/run/shard_identity.h"

#include "cli/digest.h"
#include "io/input.h"
#include "io/npy/npz_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, BLOCKS = 64 };

/* Continue with the bytes of an opened file from `at` on. */
static sluice_status add_block(const sl_input *input, size_t at, uint64_t *digest, sluice_error *error)
{
    char block[BLOCK_BYTES];
    size_t got;
    const sluice_status status = sl_input_read(input, at, block, sizeof block, &got, error);
    *digest = sl_digest_add(*digest, block, status ? 0 : got);
    return status;
}

/* Continue with the size of a file and its bytes: of `most` blocks at most, the first, the last and some at equal distances. */
static sl_exit add_file(const char *path, size_t most, uint64_t *digest)
{
    sl_input input;
    sluice_error error;
    if (sl_input_open_regular(path, &input, &error))
        return sl_report_error(&error);
    const size_t blocks = input.size / BLOCK_BYTES + (input.size % BLOCK_BYTES != 0), count = blocks < most ? blocks : most;
    *digest = sl_digest_add(*digest, &(uint64_t){input.size}, sizeof(uint64_t));
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++) {
        const size_t last = blocks - 1, apart = count > 1 ? last / (count - 1) : 0, more = count > 1 ? last % (count - 1) : 0;
        status = add_block(&input, (k * apart + k * more / (count > 1 ? count - 1 : 1)) * BLOCK_BYTES, digest, &error);
    }
    sl_input_close(&input);
    return sl_report_status(status, &error);
}

static void add_text(const char *text, uint64_t *digest)
{
    *digest = sl_digest_add(*digest, text ? text : "", text ? strlen(text) + 1 : 0);
}

/* An input's file, and which array of it is read. */
static sl_exit add_input(const char *path, uint64_t *digest)
{
    if (!path)
        return SL_EXIT_OK;
    const size_t bytes = sl_npz_get_file_bytes(path);
    char *file = strndup(path, bytes);
    const sl_exit code = file ? add_file(file, BLOCKS, digest) : sl_report_memory("a file name");
    add_text(path + bytes, digest);
    free(file);
    return code;
}

static sl_exit add_model(const sl_options *options, const sluice_model *model, uint64_t *digest)
{
    const sluice_names *names = &options->names;
    const char *const words[] = {names->prefix,     names->head,       names->embedding,
                                 names->network,    names->lstm,       names->head_activation,
                                 names->head_input, names->activation, names->recurrent_activation,
                                 names->to,         names->onnx_clip};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        add_text(words[k], digest);
    const uint64_t weights = sl_digest_of_weights(model);
    *digest = sl_digest_add(*digest, &weights, sizeof weights);
    return add_file(options->model, SIZE_MAX, digest);
}

/* How a table is read, which texts of it are written, and which layer's outputs: what may be longer than a description of options. */
static void add_words(const sl_options *options, uint64_t *digest)
{
    const sl_series_options *series = &options->series;
    const char *const words[] = {series->delimiter,       series->header, series->missing,
                                 series->sequence_column, options->keep,  options->layer};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        add_text(words[k], digest);
}

__attribute__((format(printf, 2, 3))) static void describe(char text[SL_SHARD_OPTIONS_BYTES], const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, SL_SHARD_OPTIONS_BYTES - used, format, arguments);
    va_end(arguments);
}

static void describe_options(const sl_options *options, const sluice_engine_info *info, char text[SL_SHARD_OPTIONS_BYTES])
{
    text[0] = '\0';
    describe(text, "sluice %s, %s, precision %s, gemm %s", sluice_version_get(), options->text ? "text" : "arrays",
             sluice_precision_get_name(info->precision), sluice_gemm_get_name(info->gemm));
    if (options->text || options->top)
        describe(text, ", top %zu", options->top ? options->top : 1);
    const sl_row_format formats[] = {options->output_format, options->head_format};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++)
        if (formats[k] == SL_ROWS_CSV || formats[k] == SL_ROWS_JSONL)
            describe(text, ", %s %s", k ? "head" : "output", sl_row_format_get_name(formats[k]));
    const struct {
        bool given;
        const char *words;
    } others[] = {{options->keep_cr, "keep-cr"},
                  {options->step_first, "layout tnc"},
                  {options->lengths, "lengths"},
                  {options->mask, "mask"},
                  {options->h0, "h0"},
                  {options->c0, "c0"},
                  {options->series.delimiter, "delimiter"},
                  {options->series.header, "header"},
                  {options->series.missing, "missing"},
                  {options->series.sequence_column, "sequence-column"},
                  {options->keep, "keep"}};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if (others[k].given)
            describe(text, ", %s", others[k].words);
    const struct {
        size_t value;
        const char *name;
    } numbers[] = {{options->series.window, "window"}, {options->series.hop, "hop"}};
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
        if (numbers[k].value)
            describe(text, ", %s %zu", numbers[k].name, numbers[k].value);
    if (options->layer)
        describe(text, ", layer %s", options->layer);
}

sl_exit sl_shard_identity_get(const sl_options *options, const sluice_model *model, const sluice_engine_info *info,
                              sl_shard_record *record)
{
    const char *const inputs[] = {options->input, options->lengths, options->mask, options->h0, options->c0};
    record->model = record->input = SL_DIGEST_BEGIN;
    sl_exit code = add_model(options, model, &record->model);
    for (size_t k = 0; !code && k < sizeof inputs / sizeof inputs[0]; k++)
        code = add_input(inputs[k], &record->input);
    add_words(options, &record->input);
    describe_options(options, info, record->options);
    return code;
}
