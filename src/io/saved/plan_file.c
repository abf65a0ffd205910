/* Tuned plans, which an engine has from measuring, as a file: sluice_plan_save and sluice_plan_load. A text of one line for the
 * format, one for the network, one for the machine, and one for each batch size. Its words "teams" and "members" are thread
 * groups and threads of a group. Read as hostile input. */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/cpu.h"
#include "engine/schedule/tuned_plan_list.h"
#include "io/input.h"
#include "io/output.h"
#include "sluice_tools.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES = 512,         /* room for any line that is written */
    FILE_BYTES_MAX = 1 << 20, /* over ten thousand batch sizes */
    HEAD_LINES = 3,
    NANOSECOND_DIGITS = 9,
    SHOWN = 200 /* characters of a file that a message shows */
};

/* Seconds are whole nanoseconds in the file: digits alone do not depend on the locale. */
#define SECONDS_MAX 1e9

/* ---- Lines ----------------------------------------------------------------------------------------------------------------- */

typedef struct line {
    char text[LINE_BYTES]; /* without the newline */
} line;

/* Line 0, 1 or 2: the format, the network or the machine. This engine writes it, and expects it when loading. */
static line make_head(const sluice_engine *engine, unsigned number)
{
    const sluice_shape *shape = &engine->shape;
    line made = {"sluice-plans 1"};
    char precision[32] = ""; /* f32 goes without saying, as in the files of releases that had no other */
    sl_cpu cpu;
    if (number == 1) {
        const int length =
            snprintf(made.text, sizeof made.text, "network layers=%zu directions=%zu inputs=%zu hidden=%zu vocabulary=%zu",
                     shape->layers, shape->directions, shape->inputs, shape->hidden, shape->vocabulary);
        if (!engine->network->is_shape) /* of which the shape is a summary */
            snprintf(made.text + length, sizeof made.text - (size_t)length, " chain=%016" PRIx64, sl_network_hash(engine->network));
    } else if (number == 2) {
        sl_cpu_get(&cpu);
        if (engine->precision != SLUICE_PRECISION_F32)
            snprintf(precision, sizeof precision, " precision=%s", sluice_precision_get_name(engine->precision));
        snprintf(made.text, sizeof made.text, "machine isa=%s gemm=%s%s threads=%u cpu=%s",
                 sluice_isa_get_name(engine->kernel->isa), sluice_gemm_get_name(engine->gemm), precision, engine->threads,
                 cpu.name);
    }
    for (char *p = made.text; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = '?'; /* a virtual machine may give its CPU any name, also with a newline */
    return made;
}

static line make_entry(const sl_tuned_plan *entry)
{
    const double seconds = entry->seconds < SECONDS_MAX ? entry->seconds : SECONDS_MAX;
    const size_t rounded = (size_t)(seconds * 1e9 + 0.5), nanoseconds = rounded ? rounded : 1;
    line made;
    snprintf(made.text, sizeof made.text, "rows=%zu steps=%zu teams=%u members=%u hoists=%d wavefront=%d seconds=%zu.%09zu",
             entry->rows, entry->steps, entry->plan.thread_groups, entry->plan.threads_per_group, entry->plan.hoists,
             entry->plan.wavefront, nanoseconds / 1000000000, nanoseconds % 1000000000);
    return made;
}

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

static sluice_status write_line(sl_output *output, line *made, size_t *written, sluice_error *error)
{
    const size_t length = strlen(made->text);
    made->text[length] = '\n';
    const sluice_status status = sl_output_write(output, *written, made->text, length + 1, error);
    *written += length + 1;
    return status;
}

sluice_status sluice_plan_save(const sluice_engine *engine, const char *path, sluice_error *error)
{
    if (!engine || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_save: %s is NULL", engine ? "path" : "engine");
    sl_output output;
    size_t written = 0;
    sluice_status status = sl_output_create(path, &output, error);
    if (status)
        return status;
    for (size_t k = 0; !status && k < HEAD_LINES + engine->tuned_plan_count; k++) {
        line made = k < HEAD_LINES ? make_head(engine, (unsigned)k) : make_entry(&engine->tuned_plans[k - HEAD_LINES]);
        status = write_line(&output, &made, &written, error);
    }
    return sl_output_end(&output, status, error);
}

/* ---- Reading a line -------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const sluice_engine *engine;
    const char *name; /* of the file */
    char *text;       /* [size] */
    size_t size;
    char *next;     /* the next line */
    const char *at; /* cursor in the current line, which is terminated */
    size_t number;  /* of the current line, from 1 */
    sluice_error *error;
} reader;

/* Fail with BAD_DATA; the message shows the text at the cursor. */
static sluice_status refuse(const reader *file, const char *expected)
{
    return sl_fail(file->error, SLUICE_STATUS_BAD_DATA,
                   "%s: line %zu: expected %s, found %s%.*s%s; measure again into another file", file->name, file->number, expected,
                   *file->at ? "\"" : "", SHOWN, *file->at ? file->at : "the end of the line", *file->at ? "\"" : "");
}

/* Go to the next line. It has to end with a newline, so that a truncated file is noticed. */
static sluice_status take_line(reader *file)
{
    char *const end = file->text + file->size, *const newline = memchr(file->next, '\n', (size_t)(end - file->next));
    file->number++;
    file->at = file->next;
    if (!newline)
        return sl_fail(file->error, SLUICE_STATUS_BAD_DATA,
                       "%s: line %zu: expected a line's end, found the end of the file; measure again into another file",
                       file->name, file->number);
    *newline = '\0';
    file->next = newline + 1;
    if (strlen(file->at) == (size_t)(newline - file->at))
        return SLUICE_STATUS_OK;
    return sl_fail(file->error, SLUICE_STATUS_BAD_DATA,
                   "%s: line %zu: expected text, found a NUL byte; measure again into another file", file->name, file->number);
}

static sluice_status take_head(reader *file, unsigned number)
{
    const line wanted = make_head(file->engine, number);
    const sluice_status status = take_line(file);
    if (status || strcmp(file->at, wanted.text) == 0)
        return status;
    char expected[LINE_BYTES + 64];
    snprintf(expected, sizeof expected, "\"%s\"%s", wanted.text, number ? ", as this engine has it" : "");
    return refuse(file, expected);
}

/* If the text at the cursor begins with `word`, step over it and return true. */
static bool accept(reader *file, const char *word)
{
    const size_t length = strlen(word);
    const bool there = strncmp(file->at, word, length) == 0;
    file->at += there ? length : 0;
    return there;
}

/* Step over a number without sign or leading zeros; false if there is none or it does not fit size_t. */
static bool accept_number(reader *file, size_t *number)
{
    const char *const start = file->at;
    for (*number = 0; *file->at >= '0' && *file->at <= '9'; file->at++)
        if (!sl_size_mul(*number, 10, number) || !sl_size_add(*number, (size_t)(*file->at - '0'), number))
            return false;
    return file->at > start && (*start != '0' || file->at == start + 1);
}

/* Read the text `before` and a number from `least` to `most`. */
static sluice_status take_number(reader *file, const char *before, size_t least, size_t most, size_t *number)
{
    const char *const start = file->at;
    if (accept(file, before) && accept_number(file, number) && *number >= least && *number <= most)
        return SLUICE_STATUS_OK;
    char expected[128];
    snprintf(expected, sizeof expected, "\"%s\" and a number from %zu to %zu", before, least, most);
    file->at = start;
    return refuse(file, expected);
}

static sluice_status take_flag(reader *file, const char *before, bool *flag)
{
    size_t number = 0;
    const sluice_status status = take_number(file, before, 0, 1, &number);
    *flag = number == 1;
    return status;
}

/* Read the rest of the line: seconds above 0, as a decimal fraction of up to nine digits. */
static sluice_status take_seconds(reader *file, double *seconds)
{
    const char *const start = file->at;
    size_t whole, places = 0, nanoseconds = 0;
    if (accept(file, " seconds=") && accept_number(file, &whole) && whole <= (size_t)SECONDS_MAX && accept(file, ".")) {
        for (; *file->at >= '0' && *file->at <= '9'; file->at++, places++)
            nanoseconds = places < NANOSECOND_DIGITS ? 10 * nanoseconds + (size_t)(*file->at - '0') : 0;
        for (size_t k = places; k < NANOSECOND_DIGITS; k++)
            nanoseconds *= 10;
        *seconds = (double)whole + 1e-9 * (double)nanoseconds;
        if (places > 0 && places <= NANOSECOND_DIGITS && *seconds > 0 && !*file->at)
            return SLUICE_STATUS_OK;
    }
    file->at = start;
    return refuse(file, "\" seconds=\" and a number above 0 with a point and at most nine digits after it");
}

static sluice_status take_plan(reader *file, sl_exec_plan *plan)
{
    const char *const start = file->at;
    const size_t threads = file->engine->threads;
    size_t groups = 0, per_group = 0;
    sluice_status status = take_number(file, " teams=", 1, threads, &groups);
    if (!status)
        status = take_number(file, " members=", 1, threads / groups, &per_group);
    if (!status)
        status = take_flag(file, " hoists=", &plan->hoists);
    if (!status)
        status = take_flag(file, " wavefront=", &plan->wavefront);
    plan->thread_groups = (unsigned)groups;
    plan->threads_per_group = (unsigned)per_group;
    if (status || !plan->wavefront || file->engine->sizes.wavefronts)
        return status;
    file->at = start;
    return refuse(file, "no wavefront, for this network is not a stack of layers in one direction");
}

static sluice_status take_entry(reader *file, const sl_tuned_plan *entries, size_t count, sl_tuned_plan *entry)
{
    sluice_status status = take_line(file);
    if (!status)
        status = take_number(file, "rows=", 1, SIZE_MAX, &entry->rows);
    if (!status)
        status = take_number(file, " steps=", 1, SIZE_MAX, &entry->steps);
    for (size_t k = 0; !status && k < count; k++)
        if (entries[k].rows == entry->rows && entries[k].steps == entry->steps)
            status = sl_fail(file->error, SLUICE_STATUS_BAD_DATA,
                             "%s: line %zu: expected another batch size, found %zu rows of %zu steps as in line %zu; measure again "
                             "into another file",
                             file->name, file->number, entry->rows, entry->steps, HEAD_LINES + 1 + k);
    if (!status)
        status = take_plan(file, &entry->plan);
    return status ? status : take_seconds(file, &entry->seconds);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* Store all entries in the engine, or none. */
static sluice_status store_all(sluice_engine *engine, const sl_tuned_plan *entries, size_t count, sluice_error *error)
{
    const size_t before = engine->tuned_plan_count;
    sl_tuned_plan *kept = sl_alloc_array(before, sizeof *kept);
    if (!kept)
        return sl_fail_memory(error, "tuned plans", before * sizeof *kept);
    if (before)
        memcpy(kept, engine->tuned_plans, before * sizeof *kept);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++)
        status = sl_tuned_plan_store(engine, &entries[k], error);
    if (status && before)
        memcpy(engine->tuned_plans, kept, before * sizeof *kept); /* the array may have grown, but never shrinks */
    if (status)
        engine->tuned_plan_count = before;
    sl_free(kept);
    return status;
}

static size_t count_lines(const reader *file)
{
    size_t lines = 0;
    for (size_t k = 0; k < file->size; k++)
        lines += file->text[k] == '\n';
    return lines;
}

static sluice_status take_all(reader *file, sluice_engine *engine)
{
    sluice_status status = SLUICE_STATUS_OK;
    const size_t room = count_lines(file);
    sl_tuned_plan *entries = sl_alloc_array(room, sizeof *entries);
    size_t count = 0;
    if (!entries)
        return sl_fail_memory(file->error, "tuned plans", room * sizeof *entries);
    for (unsigned k = 0; !status && k < HEAD_LINES; k++)
        status = take_head(file, k);
    while (!status && file->next < file->text + file->size) {
        sl_tuned_plan entry;
        status = take_entry(file, entries, count, &entry);
        if (!status)
            entries[count++] = entry;
    }
    if (!status)
        status = store_all(engine, entries, count, file->error);
    sl_free(entries);
    return status;
}

static sluice_status read_all(const sl_input *input, sluice_engine *engine, sluice_error *error)
{
    const size_t most = FILE_BYTES_MAX + 1, room = input->regular ? sl_size_min(input->size, most) : most;
    reader file = {.engine = engine, .name = input->name, .text = sl_alloc(room), .error = error};
    if (!file.text)
        return sl_fail_memory(error, "a file", room);
    file.next = file.text;
    sluice_status status = sl_input_read(input, 0, file.text, room, &file.size, error);
    if (!status && file.size > FILE_BYTES_MAX)
        status = sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, file.name, FILE_BYTES_MAX,
                              "expected the end of the file, found more; measure again into another file");
    if (!status)
        status = take_all(&file, engine);
    sl_free(file.text);
    return status;
}

sluice_status sluice_plan_load(sluice_engine *engine, const char *path, sluice_error *error)
{
    if (!engine || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_plan_load: %s is NULL", engine ? "path" : "engine");
    if (engine->schedule != SLUICE_SCHEDULE_AUTO)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_plan_load: the engine's schedule is %s; expected auto, the only one that uses tuned plans",
                       sluice_schedule_get_name(engine->schedule));
    if (engine->gemm != SLUICE_GEMM_FUSED)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_plan_load: the engine's gemm is blis, for which there is only one plan; expected fused");
    sl_input input;
    sluice_status status = sl_input_open(path, &input, error);
    if (status)
        return status;
    status = read_all(&input, engine, error);
    sl_input_close(&input);
    return status;
}
