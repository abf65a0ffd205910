/* All parts of OUT, found by the names of their files and checked by their records. */
#ifndef SLUICE_CLI_SHARDS_PART_SET_H
#define SLUICE_CLI_SHARDS_PART_SET_H

#include "cli/shards/shard_record.h"

/** What the record of a part says of it alone. */
typedef struct sl_part {
    uint64_t first, count, bytes, written;
} sl_part;

typedef struct sl_part_set {
    const char *out;
    sl_shard_record common; /* the record of part 1 */
    sl_part *list;          /* [common.parts] */
} sl_part_set;

/** Find the `parts` parts of `out`, whose path has to stay; 0: as many as their names say. Refuses (and reports) parts that are missing,
 *  there twice, or of different runs, naming them. */
sl_exit sl_part_set_find(const char *out, size_t parts, sl_part_set *set);

/** The path of the file that has the bytes of part k, 0..parts-1, allocated. NULL: out of memory, which is reported. */
char *sl_part_set_name(const sl_part_set *set, size_t k);

/** Remove the files of all parts. A record goes before its part. */
sl_exit sl_part_set_remove(const sl_part_set *set);

void sl_part_set_free(sl_part_set *set);

#endif
