#include "cli/shards/part_set.h"

#include "cli/shards/shard_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HAS_PART = 1, HAS_RECORD = 2, LISTED = 8, REMEDY_BYTES = 160, LIST_BYTES = 32 * LISTED };

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static char *name_file(const sl_part_set *set, sl_shard_file file, size_t k)
{
    char *name = sl_shard_files_name(set->out, file, k + 1, set->common.parts);
    if (!name)
        (void)sl_report_memory("a file name");
    return name;
}

char *sl_part_set_name(const sl_part_set *set, size_t k)
{
    return name_file(set, set->common.kind == SL_SHARD_IN_PLACE ? SL_SHARD_JOINED : SL_SHARD_PART, k);
}

char *sl_part_set_name_record(const sl_part_set *set, size_t k)
{
    return name_file(set, SL_SHARD_RECORD, k);
}

/* ---- The folder ------------------------------------------------------------------------------------------------------------ */

typedef struct scan {
    const char *out, *base; /* base: out without its folder */
    DIR *folder;
    size_t wanted;       /* files of other numbers of parts do not count; 0: all do */
    size_t parts;        /* of the files that were seen; 0: none was */
    unsigned char *seen; /* [parts]: HAS_PART | HAS_RECORD; NULL while only `parts` is wanted */
} scan;

static sl_exit open_folder(scan *of)
{
    const char *slash = strrchr(of->out, '/');
    of->base = slash ? slash + 1 : of->out;
    char *path = slash ? strndup(of->out, (size_t)(slash - of->out) + 1) : strdup(".");
    if (!path)
        return sl_report_memory("a file name");
    of->folder = opendir(path);
    const sl_exit code =
        of->folder ? SL_EXIT_OK : sl_report(SL_EXIT_NO_INPUT, "%s: its folder cannot be opened: %s", of->out, strerror(errno));
    free(path);
    return code;
}

static sl_exit take_name(scan *of, const char *name)
{
    sl_shard_file file;
    size_t part, parts;
    if (!sl_shard_files_parse(name, of->base, &file, &part, &parts) || (of->wanted && parts != of->wanted))
        return SL_EXIT_OK;
    if (of->parts && parts != of->parts)
        return sl_report(SL_EXIT_DATA,
                         "%s: found parts of %zu and of %zu, which have all rows twice; remove those of one run: %s.*-of-%04zu",
                         of->out, of->parts, parts, of->out, parts);
    of->parts = parts;
    if (of->seen && file != SL_SHARD_JOINED)
        of->seen[part - 1] |= file == SL_SHARD_PART ? HAS_PART : HAS_RECORD;
    return SL_EXIT_OK;
}

static sl_exit read_folder(scan *of)
{
    sl_exit code = SL_EXIT_OK;
    errno = 0;
    for (const struct dirent *entry; !code && (entry = readdir(of->folder));)
        code = take_name(of, entry->d_name);
    rewinddir(of->folder);
    return code;
}

/* Report the parts that are not whole. */
static sl_exit check_missing(const scan *of)
{
    char list[LIST_BYTES] = "";
    size_t missing = 0, first = 0, used = 0;
    for (size_t k = 0; k < of->parts; k++) {
        if (of->seen[k] & HAS_RECORD)
            continue;
        if (!missing++)
            first = k + 1;
        if (missing <= LISTED)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%zu%s", used ? ", " : "", k + 1,
                                     of->seen[k] & HAS_PART ? " (has no record)" : "");
    }
    if (!missing)
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_NO_INPUT,
                     "%s: %zu of %zu parts %s missing or not finished: %s%s; run sluice run with --shard %zu/%zu%s", of->out,
                     missing, of->parts, missing == 1 ? "is" : "are", list, missing > LISTED ? ", ..." : "", first, of->parts,
                     missing == 1 ? "" : " and so on");
}

/* ---- Records --------------------------------------------------------------------------------------------------------------- */

/* Read record k; *found: of the part itself. */
static sl_exit read_record(const sl_part_set *set, size_t k, sl_shard_record *record)
{
    char remedy[REMEDY_BYTES];
    bool found;
    char *path = sl_part_set_name_record(set, k);
    if (!path)
        return SL_EXIT_FAILURE;
    snprintf(remedy, sizeof remedy, "run sluice run with --shard %zu/%zu again", k + 1, set->common.parts);
    sl_exit code = sl_shard_record_read(path, remedy, record, &found);
    if (!code && !found)
        code = sl_report(SL_EXIT_NO_INPUT, "%s: was removed meanwhile; %s", path, remedy);
    if (!code && (record->part != k + 1 || record->parts != set->common.parts))
        code = sl_report(SL_EXIT_DATA, "%s: is the record of part %zu of %zu; remove it and %s", path, record->part, record->parts,
                         remedy);
    free(path);
    return code;
}

/* Check a record against that of part 1 and the rows of the parts before, which end at *end. */
static sl_exit check_record(const sl_part_set *set, size_t k, const sl_shard_record *record, uint64_t *end)
{
    const char *differs = sl_shard_record_compare(&set->common, record);
    const bool shows = differs && strcmp(differs, "other options") == 0;
    if (differs)
        return sl_report(SL_EXIT_DATA, "%s: part %zu of %zu has %s than part 1%s%s%s%s%s; run one of them again", set->out, k + 1,
                         set->common.parts, differs, shows ? " (" : "", shows ? record->options : "", shows ? "; part 1: " : "",
                         shows ? set->common.options : "", shows ? ")" : "");
    const bool is_last = k + 1 == set->common.parts;
    if (record->first != *end || (is_last && record->first + record->count != record->total))
        return sl_report(
            SL_EXIT_DATA,
            "%s: part %zu of %zu has the %s %llu up to %llu of %llu, and the parts before it end at %llu: its input was "
            "another; run it again",
            set->out, k + 1, set->common.parts, record->kind == SL_SHARD_TEXT ? "bytes" : "rows", (unsigned long long)record->first,
            (unsigned long long)(record->first + record->count), (unsigned long long)record->total, (unsigned long long)*end);
    *end = record->first + record->count;
    return SL_EXIT_OK;
}

static sl_exit read_records(sl_part_set *set)
{
    uint64_t end = 0;
    for (size_t k = 0; k < set->common.parts; k++) {
        sl_shard_record record;
        sl_exit code = read_record(set, k, &record);
        if (!code && !k)
            set->common = record;
        code = code ? code : check_record(set, k, &record, &end);
        if (code)
            return code;
        set->list[k] = (sl_part){record.first, record.count, record.bytes, record.written};
    }
    return SL_EXIT_OK;
}

/* ---- The set --------------------------------------------------------------------------------------------------------------- */

static sl_exit find_files(scan *of)
{
    sl_exit code = open_folder(of);
    code = code ? code : read_folder(of);
    if (code)
        return code;
    if (!of->parts)
        return sl_report(SL_EXIT_NO_INPUT,
                         "%s: expected its parts beside it, as %s.part-0001-of-0016, found none; make them with sluice "
                         "run --shard",
                         of->out, of->out);
    of->seen = calloc(of->parts, 1);
    if (!of->seen)
        return sl_report_memory("the list of parts");
    code = read_folder(of);
    return code ? code : check_missing(of);
}

sl_exit sl_part_set_find(const char *out, size_t parts, sl_part_set *set)
{
    scan of = {.out = out, .wanted = parts};
    *set = (sl_part_set){.out = out};
    sl_exit code = find_files(&of);
    if (of.folder)
        closedir(of.folder);
    free(of.seen);
    if (code)
        return code;
    set->common.parts = of.parts;
    set->list = calloc(of.parts, sizeof *set->list);
    return set->list ? read_records(set) : sl_report_memory("the list of parts");
}

static sl_exit remove_file(char *path)
{
    const bool is_gone = path && (unlink(path) == 0 || errno == ENOENT);
    const sl_exit code = is_gone ? SL_EXIT_OK
                         : path  ? sl_report(SL_EXIT_IO, "%s: cannot be removed: %s", path, strerror(errno))
                                 : SL_EXIT_FAILURE;
    free(path);
    return code;
}

sl_exit sl_part_set_remove(const sl_part_set *set)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < set->common.parts; k++) {
        code = remove_file(sl_part_set_name_record(set, k));
        code = code ? code : remove_file(sl_part_set_name(set, k));
    }
    return code;
}

void sl_part_set_free(sl_part_set *set)
{
    free(set->list);
    *set = (sl_part_set){0};
}
