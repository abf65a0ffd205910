#include "cli/series/series_table.h"

#include "base/size.h"
#include "cli/series/series_steps.h"
#include "io/label.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t sl_series_table_get_length(const sl_series_table *series, size_t n)
{
    return series->starts[n + 1] - series->starts[n];
}

void sl_series_table_release(sl_series_table *series)
{
    free(series->starts);
    free(series->values);
    free(series->targets);
    sl_name_list_release(&series->names);
    *series = (sl_series_table){0};
}

/* ---- Columns ---------------------------------------------------------------------------------------------------------------- */

enum { NUMBER_BYTES = 24, BLOCK_STEPS = 1024 };

/* A file being read. */
typedef struct reader {
    const char *path;
    sl_series *series;
    bool is_table;
    size_t width; /* numbers of a row of the file */
    size_t *from; /* [width of the table in memory] which of them each column is */
    float *block; /* [BLOCK_STEPS][width]; NULL: rows are in memory as in the file */
    sl_csv_missing missing;
    size_t room; /* steps that there is memory for */
    size_t series_room;
    bool has_begun; /* a series, which has not ended */
} reader;

static bool is_number(const reader *from, size_t k, const char *name)
{
    char number[NUMBER_BYTES];
    snprintf(number, sizeof number, "%zu", sl_series_get_number(from->series, k));
    return strcmp(number, name) == 0;
}

/* The number of a row that a column is: by its name in the header, or where none has it, by its number. */
static sl_exit find_column(const reader *from, const char *name, size_t *column)
{
    for (int by_number = 0; by_number < 2; by_number++)
        for (size_t k = 0; k < from->width; k++)
            if (by_number ? is_number(from, k, name) : *name && strcmp(sl_series_get_column(from->series, k), name) == 0) {
                *column = k;
                return SL_EXIT_OK;
            }
    sl_label_list list = {0};
    for (size_t k = 0; k < from->width; k++) {
        const char *named = sl_series_get_column(from->series, k);
        if (*named)
            sl_label_list_add(&list, named, strlen(named), "");
    }
    return sl_report(SL_EXIT_DATA, "%s: there is no column '%.100s'; give a number from 1 to %zu%s%s", sl_report_input(from->path),
                     name, from->width, list.count ? ", or one of " : "", list.text);
}

/* Where a column of the file is in memory: there, or behind the last one so far. */
static size_t place_column(sl_series_table *series, reader *from, size_t column)
{
    for (size_t k = 0; k < series->width; k++)
        if (from->from[k] == column)
            return k;
    from->from[series->width] = column;
    return series->width++;
}

static sl_exit fail_twice(const reader *from, const char *name)
{
    return sl_report(SL_EXIT_USAGE, "%s: column '%.100s' is asked for twice; name each once", sl_report_input(from->path), name);
}

static sl_exit choose_inputs(reader *from, const sl_name_list *inputs, size_t weights, sl_series_table *series)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < (inputs->count ? inputs->count : from->width); k++) {
        size_t column = k;
        code = inputs->count ? find_column(from, inputs->names[k], &column) : SL_EXIT_OK;
        const size_t width = series->width;
        if (code || (!inputs->count && column == weights))
            continue;
        if (place_column(series, from, column) < width)
            code = fail_twice(from, inputs->names[k]);
    }
    series->inputs = series->width;
    return code;
}

static sl_exit choose_columns(reader *from, const sl_series_columns *columns, sl_series_table *series)
{
    const sl_name_list *targets = &columns->targets;
    size_t column = 0, weights = SIZE_MAX;
    sl_exit code = columns->weights ? find_column(from, columns->weights, &weights) : SL_EXIT_OK;
    code = code ? code : choose_inputs(from, &columns->inputs, weights, series);
    for (size_t k = 0; !code && k < targets->count; k++) {
        code = find_column(from, targets->names[k], &column);
        const size_t place = code ? 0 : place_column(series, from, column);
        for (size_t other = 0; !code && other < series->target_count; other++)
            code = series->targets[other] == place ? fail_twice(from, targets->names[k]) : SL_EXIT_OK;
        if (!code)
            series->targets[series->target_count++] = place;
    }
    series->has_weights = columns->weights != NULL;
    const size_t width = series->width;
    return !code && series->has_weights && place_column(series, from, weights) < width ? fail_twice(from, columns->weights) : code;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Refuse columns that a model could not distinguish in the next table; those of `names` are put in order. */
static sl_exit check_names(const reader *from, const char **names, size_t count)
{
    qsort((void *)names, count, sizeof *names, compare_names);
    for (size_t k = 1; k < count; k++)
        if (strcmp(names[k - 1], names[k]) == 0)
            return sl_report(
                SL_EXIT_DATA,
                "%s: several columns are called '%.100s', and a model finds its columns by their names; rename them, or "
                "give --columns with one of them, by its number",
                sl_report_input(from->path), names[k]);
    return SL_EXIT_OK;
}

/* The names of the columns in memory. */
static sl_exit take_names(const reader *from, sl_series_table *series)
{
    const char **names = calloc(series->width, sizeof *names);
    char(*numbers)[NUMBER_BYTES] = calloc(series->width, sizeof *numbers);
    bool ok = names && numbers;
    for (size_t k = 0; ok && k < series->width; k++) {
        const char *name = sl_series_get_column(from->series, from->from[k]);
        snprintf(numbers[k], NUMBER_BYTES, "%zu", sl_series_get_number(from->series, from->from[k]));
        names[k] = *name ? name : numbers[k];
    }
    ok = ok && sl_name_list_copy(names, series->width, &series->names);
    const sl_exit code = ok ? check_names(from, names, series->width) : sl_report_memory("the names of columns");
    free((void *)names);
    free(numbers);
    return code;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------------------- */

/* Open the file. Of a table the columns are chosen here: those that are not asked for may have no numbers. */
static sl_exit open_series(const sl_csv_options *table, const sl_series_columns *columns, reader *from)
{
    const sl_name_list *inputs = &columns->inputs, *targets = &columns->targets;
    sl_csv_options options = *table;
    sluice_error error;
    const char **names = calloc(inputs->count + targets->count + 1, sizeof *names); /* and the weights */
    if (!names)
        return sl_report_memory("the names of columns");
    options.columns = names;
    options.column_count = 0;
    for (size_t k = 0; k < inputs->count; k++)
        names[options.column_count++] = inputs->names[k];
    for (size_t k = 0; inputs->count && k < targets->count; k++)
        if (sl_name_list_find(inputs, targets->names[k]) == inputs->count)
            names[options.column_count++] = targets->names[k];
    if (inputs->count && columns->weights)
        names[options.column_count++] = columns->weights;
    const sl_exit code = sl_report_status(sl_series_open(from->path, &options, &from->series, &error), &error);
    free((void *)names);
    if (code)
        return code;
    from->width = sl_series_get_width(from->series);
    from->is_table = !sl_series_get_loss(from->series);
    return SL_EXIT_OK;
}

static sl_exit make_room_for_columns(reader *from, const sl_name_list *targets, sl_series_table *series)
{
    from->from = calloc(from->width, sizeof *from->from);
    series->targets = calloc(targets->count + 1, sizeof *series->targets);
    return from->from && series->targets ? SL_EXIT_OK : sl_report_memory("the columns");
}

/* A block is needed only where columns are left out, or in another order. */
static sl_exit make_block(reader *from, const sl_series_table *series)
{
    bool is_same = series->width == from->width;
    for (size_t k = 0; is_same && k < series->width; k++)
        is_same = from->from[k] == k;
    size_t floats;
    if (is_same)
        return SL_EXIT_OK;
    from->block = sl_size_mul(BLOCK_STEPS, from->width, &floats) ? calloc(floats, sizeof *from->block) : NULL;
    return from->block ? SL_EXIT_OK : sl_report_memory("a block of steps");
}

/* ---- Steps ------------------------------------------------------------------------------------------------------------------ */

static sl_exit reserve_steps(reader *from, sl_series_table *series, size_t steps)
{
    size_t floats, bytes;
    if (steps <= from->room)
        return SL_EXIT_OK;
    const bool fits = sl_size_mul(steps, series->width, &floats) && sl_size_mul(floats, sizeof(float), &bytes);
    float *values = fits ? realloc(series->values, bytes) : NULL;
    if (!values)
        return sl_report_memory("the series");
    series->values = values;
    from->room = steps;
    return SL_EXIT_OK;
}

static sl_exit begin_series(reader *from, sl_series_table *series)
{
    if (series->count == from->series_room) {
        const size_t room = from->series_room ? 2 * from->series_room : 1;
        size_t *starts = room < SIZE_MAX / sizeof *starts / 4 ? realloc(series->starts, (room + 1) * sizeof *starts) : NULL;
        if (!starts)
            return sl_report_memory("the series");
        starts[0] = 0;
        series->starts = starts;
        from->series_room = room;
    }
    series->count++;
    from->has_begun = true;
    return SL_EXIT_OK;
}

/* Replace what is missing in an array, or refuse numbers that are not finite, from step `begin` on up to `end`. */
static sl_exit check_steps(const reader *from, sl_series_table *series, size_t begin, size_t end)
{
    const size_t n = series->count - 1, width = series->width;
    for (size_t at = begin * width; at < end * width; at++) {
        float *value = &series->values[at];
        if (isfinite(*value))
            continue;
        const size_t step = at / width - series->starts[n], column = at % width;
        if (isnan(*value) && from->missing == SL_CSV_MISSING_ZERO)
            *value = 0;
        else if (isnan(*value) && from->missing == SL_CSV_MISSING_PREVIOUS && step)
            *value = value[-(ptrdiff_t)width];
        else
            return sl_report(SL_EXIT_DATA, "%s: series %zu, step %zu, column '%.100s': expected a finite number, found %s%s",
                             sl_report_input(from->path), n, step, series->names.names[column],
                             isnan(*value) ? "nan"
                             : *value > 0  ? "inf"
                                           : "-inf",
                             isnan(*value) ? "; correct the data, or give --missing zero or previous" : "; correct the data");
    }
    return SL_EXIT_OK;
}

/* Refuse weights below 0, likewise. */
static sl_exit check_weights(const reader *from, const sl_series_table *series, size_t begin, size_t end)
{
    const size_t n = series->count - 1;
    for (size_t step = begin; series->has_weights && step < end; step++)
        if (sl_series_table_get_weight(series, step) < 0)
            return sl_report(SL_EXIT_DATA, "%s: series %zu, step %zu, column '%.100s': expected a weight, 0 or more, found %g",
                             sl_report_input(from->path), n, step - series->starts[n], series->names.names[series->width - 1],
                             (double)sl_series_table_get_weight(series, step));
    return SL_EXIT_OK;
}

/* Read some steps behind those in memory. */
static sl_exit read_steps(reader *from, sl_series_table *series, sl_series_rows *rows)
{
    const size_t held = series->starts[series->count];
    const size_t most = from->block ? BLOCK_STEPS : from->room - held;
    float *to = from->block ? from->block : series->values + held * series->width;
    const sl_exit code = sl_series_steps_read(from->series, most, to, rows);
    if (code)
        return code;
    for (size_t t = 0; from->block && t < rows->count; t++)
        for (size_t k = 0; k < series->width; k++)
            series->values[(held + t) * series->width + k] = from->block[t * from->width + from->from[k]];
    series->starts[series->count] = held + rows->count;
    const sl_exit found = check_steps(from, series, held, held + rows->count);
    return found ? found : check_weights(from, series, held, held + rows->count);
}

/* How many steps to make room for at first: those of all series, where they are known, and one more, up to a GiB, as compressed data may
 * say what they do not hold. */
static size_t choose_room(const reader *from, size_t width)
{
    enum { UNKNOWN = 1 << 18, MOST = 1 << 28 }; /* floats */
    size_t count, steps, all;
    const bool is_known = sl_series_get_size(from->series, &count, &steps) && sl_size_mul(count, steps, &all);
    return sl_size_min(is_known ? all : UNKNOWN / width, MOST / width) + 1;
}

static sl_exit read_all(reader *from, sl_series_table *series)
{
    sl_series_rows rows = {0};
    sl_exit code = reserve_steps(from, series, choose_room(from, series->width));
    while (!code) {
        if (!from->has_begun) {
            code = begin_series(from, series);
            if (!code)
                series->starts[series->count] = series->starts[series->count - 1];
        }
        const size_t held = code ? 0 : series->starts[series->count];
        const size_t least = held + (from->block ? BLOCK_STEPS : 1);
        if (!code && least > from->room)
            code = reserve_steps(from, series, sl_size_max(least, from->room + from->room / 2 + 1));
        code = code ? code : read_steps(from, series, &rows);
        if (rows.ends)
            from->has_begun = false;
        if (rows.is_last)
            break;
    }
    series->count -= !code && from->has_begun && series->starts[series->count] == series->starts[series->count - 1];
    return code;
}

static void note_loss(const reader *from)
{
    const sl_npy_loss *loss = sl_series_get_loss(from->series);
    if (loss && loss->found)
        sl_report_note(
            "%s: %s is in the array, which float32 rounds to %s, and there may be more; shift or scale the data if that matters",
            sl_report_input(from->path), loss->value, loss->became);
}

sl_exit sl_series_table_read(const char *path, const sl_csv_options *table, const sl_series_columns *columns,
                             sl_series_table *series)
{
    reader from = {.path = path, .missing = table->missing};
    *series = (sl_series_table){.path = path};
    sl_exit code = open_series(table, columns, &from);
    code = code ? code : make_room_for_columns(&from, &columns->targets, series);
    code = code ? code : choose_columns(&from, columns, series);
    code = code ? code : take_names(&from, series);
    code = code ? code : make_block(&from, series);
    code = code ? code : read_all(&from, series);
    if (!code)
        note_loss(&from);
    if (!code && !series->starts[series->count])
        code = sl_report(SL_EXIT_DATA, "%s: expected at least one step, found none", sl_report_input(path));
    sl_series_close(from.series);
    free(from.from);
    free(from.block);
    if (code)
        sl_series_table_release(series);
    return code;
}
