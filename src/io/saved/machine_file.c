/* The figures of a machine as a file: sluice_machine_save and sluice_machine_load. A JSON object of texts and numbers, which are whole
 * thousandths, so that what is read is what was written (below 16384, where floats have them), in any locale. Read as hostile input. */
#include "base/error.h"
#include "base/memory.h"
#include "base/struct_size.h"
#include "engine/schedule/machine_figures.h"
#include "io/input.h"
#include "io/json.h"
#include "io/output.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 4096, LINE_BYTES = 256 };

static const char format[] = "sluice-machine 1";

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

/* What a file has besides the figures, in its order. */
enum { FORMAT, VERSION, CPU, ISA, THREADS, KEYS };
static const char *const keys[KEYS] = {"format", "version", "cpu", "isa", "threads"};

/* A virtual machine may give its CPU any name: quotes and what is not ASCII become '?'. */
static void make_plain(char *text, size_t bytes)
{
    text[bytes - 1] = '\0';
    for (char *p = text; *p; p++)
        if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)
            *p = '?';
}

static size_t write_text(char *text, sluice_machine *machine)
{
    make_plain(machine->cpu, sizeof machine->cpu);
    make_plain(machine->version, sizeof machine->version);
    int used = snprintf(text, FILE_BYTES_MAX,
                        "{\n  \"%s\": \"%s\",\n  \"%s\": \"%s\",\n  \"%s\": \"%s\",\n  \"%s\": \"%s\",\n  \"%s\": %u", keys[FORMAT],
                        format, keys[VERSION], machine->version, keys[CPU], machine->cpu, keys[ISA],
                        sluice_isa_get_name(machine->isa), keys[THREADS], machine->threads);
    for (size_t k = 0; sl_machine_figure_get(k); k++) {
        const sl_machine_figure *figure = sl_machine_figure_get(k);
        const size_t thousandths = (size_t)(1000 * *sl_machine_figure_of(machine, figure) + 0.5);
        used += snprintf(text + used, FILE_BYTES_MAX - (size_t)used, ",\n  \"%s\": %zu.%03zu", figure->name, thousandths / 1000,
                         thousandths % 1000);
    }
    used += snprintf(text + used, FILE_BYTES_MAX - (size_t)used, "\n}\n");
    return (size_t)used;
}

sluice_status sluice_machine_save(const sluice_machine *machine, const char *path, sluice_error *error)
{
    if (!path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_machine_save: path is NULL");
    sluice_machine known;
    sluice_status status = sl_struct_take(&known, machine, SL_STRUCT(sluice_machine), "sluice_machine_save", error);
    if (!status)
        status = sl_machine_check(&known, "sluice_machine_save", error);
    if (!status && !sl_isa_get_name(known.isa))
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_machine_save: isa %d is no instruction set", (int)known.isa);
    if (status)
        return status;
    char text[FILE_BYTES_MAX];
    return sl_output_save(path, text, write_text(text, &known), error);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* A text that fits `bytes`. */
static bool take_text(sl_scan *scan, const char *what, char *to, size_t bytes)
{
    char *string;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!sl_scan_json_string(scan, what, &string))
        return false;
    if (strlen(string) >= bytes)
        return sl_scan_fail(scan, begin, "expected %s of less than %zu bytes", what, bytes);
    memcpy(to, string, strlen(string) + 1);
    return true;
}

static bool take_isa(sl_scan *scan, sluice_machine *machine)
{
    char name[LINE_BYTES];
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!take_text(scan, "the name of an instruction set", name, sizeof name))
        return false;
    for (size_t k = 0; k < sl_isa_count(); k++)
        if (strcmp(name, sl_isa_get_name(sl_isa_at(k))) == 0)
            machine->isa = sl_isa_at(k);
    return machine->isa || sl_scan_fail(scan, begin, "expected an instruction set of this library, found another");
}

static bool take_format(sl_scan *scan)
{
    char text[LINE_BYTES];
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    return take_text(scan, "the format", text, sizeof text) &&
           (strcmp(text, format) == 0 || sl_scan_fail(scan, begin, "expected the format \"%s\", found another", format));
}

static bool take_threads(sl_scan *scan, sluice_machine *machine)
{
    enum { THREADS_MOST = 1 << 20 };
    size_t threads;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!sl_scan_size(scan, "a number of threads", &threads))
        return false;
    machine->threads = (unsigned)threads;
    return threads <= THREADS_MOST || sl_scan_fail(scan, begin, "expected at most %d threads, found %zu", THREADS_MOST, threads);
}

static bool take_figure(sl_scan *scan, sluice_machine *machine, const sl_machine_figure *figure)
{
    float value;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!sl_scan_json_number(scan, figure->name, &value))
        return false;
    if (!sl_machine_figure_is_valid(round(1000 * (double)value) / 1000))
        return sl_scan_fail(scan, begin, "expected %s above 0 and at most a thousand million, found %g", figure->name,
                            (double)value);
    *sl_machine_figure_of(machine, figure) = round(1000 * (double)value) / 1000;
    return true;
}

/* The value of key `index`, of the texts before the figures. */
static bool take_value(sl_scan *scan, size_t index, sluice_machine *machine)
{
    switch (index) {
    case FORMAT:
        return take_format(scan);
    case VERSION:
        return take_text(scan, "a version", machine->version, sizeof machine->version);
    case CPU:
        return take_text(scan, "a CPU's name", machine->cpu, sizeof machine->cpu);
    case ISA:
        return take_isa(scan, machine);
    case THREADS:
        return take_threads(scan, machine);
    default:
        return take_figure(scan, machine, sl_machine_figure_get(index - KEYS));
    }
}

/* The name of key `index`; NULL past the last. */
static const char *get_key(size_t index)
{
    const sl_machine_figure *figure = index < KEYS ? NULL : sl_machine_figure_get(index - KEYS);
    return index < KEYS ? keys[index] : figure ? figure->name : NULL;
}

/* Read a key and its value, of which `seen` has a bit for each so far. */
static bool take_entry(sl_scan *scan, sluice_machine *machine, unsigned *seen)
{
    char name[LINE_BYTES];
    size_t index = 0;
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!take_text(scan, "a key", name, sizeof name))
        return false;
    while (get_key(index) && strcmp(get_key(index), name) != 0)
        index++;
    if (!get_key(index))
        return sl_scan_fail(scan, begin, "expected the name of a figure, found another; measure again");
    if (*seen & 1u << index)
        return sl_scan_fail(scan, begin, "%s comes twice; measure again", get_key(index));
    *seen |= 1u << index;
    return sl_scan_expect(scan, ':') && take_value(scan, index, machine);
}

static bool take_all(sl_scan *scan, sluice_machine *machine)
{
    unsigned seen = 0;
    if (!sl_scan_expect(scan, '{'))
        return false;
    do
        if (!take_entry(scan, machine, &seen))
            return false;
    while (sl_scan_accept(scan, ','));
    if (!sl_scan_expect(scan, '}') || !sl_scan_end(scan))
        return false;
    for (size_t k = 0; get_key(k); k++)
        if (!(seen & 1u << k))
            return sl_scan_fail(scan, scan->size, "%s is missing; measure again", get_key(k));
    return true;
}

static sluice_status read_all(const sl_input *input, sluice_machine *machine, sluice_error *error)
{
    char text[FILE_BYTES_MAX + 1];
    sl_scan scan = {.name = input->name, .what = "the file", .text = text, .error = error};
    sluice_status status = sl_input_read(input, 0, text, sizeof text, &scan.size, error);
    if (!status && scan.size > FILE_BYTES_MAX)
        status = sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, scan.name, FILE_BYTES_MAX,
                              "expected the end of the file, found more; measure again");
    if (status || take_all(&scan, machine))
        return status;
    return scan.status;
}

sluice_status sluice_machine_load(const char *path, sluice_machine *machine, sluice_error *error)
{
    if (!path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_machine_load: path is NULL");
    sl_input input;
    sluice_machine read = {0};
    sluice_status status = sl_struct_check(machine, SL_STRUCT(sluice_machine), "sluice_machine_load", error);
    if (!status)
        status = sl_input_open(path, &input, error);
    if (status)
        return status;
    status = read_all(&input, &read, error);
    if (!status) {
        snprintf(read.source, sizeof read.source, "%.120s, %s", input.name, read.threads ? "measured" : "of the library's table");
        sl_struct_give(machine, &read, SL_STRUCT(sluice_machine));
    }
    sl_input_close(&input);
    return status;
}
