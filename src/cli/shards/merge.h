/* The command `sluice merge`, and its work for one output. */
#ifndef SLUICE_CLI_SHARDS_MERGE_H
#define SLUICE_CLI_SHARDS_MERGE_H

#include "program/exit.h"

#include <stdbool.h>
#include <stddef.h>

/** Write OUT from its parts, in constant memory; it appears as a whole. Its bytes are those of a run of the whole input. Of parts
 *  that were written in place, check them and give their file the name OUT. Refuses (and reports) what sl_part_set_find refuses, and a part
 *  whose bytes are not those of its record. `parts`: how many; 0: as many as there are. `removes`: remove them then; parts in place are
 *  removed always. */
sl_exit sl_merge(const char *out, size_t parts, bool removes);

#endif
