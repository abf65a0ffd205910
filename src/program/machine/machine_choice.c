#include "program/machine/machine_choice.h"

#include "base/error.h"
#include "base/setting.h"
#include "program/interrupt.h"
#include "program/machine/machine_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Measure and keep. Where nothing can be kept, nothing is measured, for the next run would have to do it again. */
static sluice_status measure(const char *path, const sluice_engine_options *options, sluice_machine *machine, sluice_error *error)
{
    const sluice_measure_options until = {.struct_size = sizeof until, .is_cancelled = sl_interrupt_cancels};
    if (!sl_machine_cache_prepare(path))
        return SLUICE_STATUS_OK;
    const sluice_status status = sluice_machine_measure(options, &until, machine, error);
    if (status == SLUICE_STATUS_CANCELLED)
        return status;
    if (!status && sluice_machine_save(machine, path, NULL) == SLUICE_STATUS_OK)
        snprintf(machine->source, sizeof machine->source, "measured now on %u thread%s, and kept in %.100s", machine->threads,
                 machine->threads > 1 ? "s" : "", path);
    return SLUICE_STATUS_OK; /* without memory for it, the table's */
}

/* The cache's figures, or measured ones: with as many threads as engines have by default, for all commands alike. machine has the
 * table's, which stay where the environment does not say how many: an engine with other options may be made all the same. */
static sluice_status choose_auto(bool measures, sluice_machine *machine, sluice_error *error)
{
    const sluice_machine table = *machine;
    const sluice_engine_options options = {.struct_size = sizeof options, .isa = machine->isa};
    sluice_environment environment = {.struct_size = sizeof environment};
    char path[SL_CACHE_PATH_BYTES];
    if (!sl_machine_cache_find(&table, path) || (!measures && access(path, R_OK) != 0) ||
        sluice_environment_get(&options, &environment, NULL) || sl_machine_cache_read(path, &table, environment.threads, machine) ||
        !measures)
        return SLUICE_STATUS_OK;
    return measure(path, &options, machine, error);
}

/* What SLUICE_MACHINE asks for, a word without blanks around it or a file as it is named; "auto" where it is blank or not set. */
static const char *get_variable(void)
{
    char value[SL_SETTING_BYTES];
    if (!sl_setting_get("SLUICE_MACHINE", value))
        return "auto";
    return strcmp(value, "table") == 0 ? "table" : getenv("SLUICE_MACHINE");
}

/* The figures of a file have to be those of the engine's kernels. */
static sluice_status choose_file(const char *path, sluice_machine *machine, sluice_error *error)
{
    const sluice_isa isa = machine->isa;
    const sluice_status status = sluice_machine_load(path, machine, error);
    if (status || machine->isa == isa)
        return status;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: has figures of %s, and the kernels are those of %s; name another file, or --isa", path,
                   sluice_isa_get_name(machine->isa), sluice_isa_get_name(isa));
}

sluice_status sl_machine_choose(const char *asked, bool measures, sluice_engine_options *options, sluice_machine *machine,
                                sluice_error *error)
{
    if (!asked)
        asked = get_variable();
    *machine = (sluice_machine){.struct_size = sizeof *machine};
    sluice_status status = sluice_machine_get(options, machine, error);
    if (!status && strcmp(asked, "auto") == 0)
        status = choose_auto(measures, machine, error);
    else if (!status && strcmp(asked, "table") != 0)
        status = choose_file(asked, machine, error);
    options->machine = machine;
    return status;
}
