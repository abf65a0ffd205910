#include "cli/shards/merge.h"

#include "cli/command_line.h"
#include "cli/shards/merge_rows.h"
#include "cli/shards/shard_files.h"
#include "io/resolve.h"
#include "program/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Every file has to have the size that is in its record, before anything is copied. */
static sl_exit check_sizes(const sl_part_set *set)
{
    for (size_t k = 0; k < set->common.parts; k++) {
        struct stat about;
        char *path = sl_part_set_name(set, k);
        if (!path)
            return SL_EXIT_FAILURE;
        const bool holds = stat(path, &about) == 0 && S_ISREG(about.st_mode) && (uint64_t)about.st_size == set->list[k].bytes;
        const sl_exit code = holds ? SL_EXIT_OK : sl_merge_reject(set, k, path);
        free(path);
        if (code)
            return code;
    }
    return SL_EXIT_OK;
}

/* A symbolic link to one of the parts' files, which would be replaced and then removed. */
static sl_exit check_link(const char *out)
{
    const char *slash = strrchr(out, '/'), *name;
    sl_resolved found;
    sl_shard_file file;
    size_t part, parts;
    if (sl_resolve(out, -1, &found) || !(name = strrchr(found.path, '/')) ||
        !sl_shard_files_parse(name + 1, slash ? slash + 1 : out, &file, &part, &parts))
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_USAGE, "%s: is a link to %s, which is a file of its parts; remove the link", out, found.path);
}

/* Symbolic links of OUT are kept, as any output keeps them. */
static sl_exit name_joined(const sl_part_set *set)
{
    sl_resolved found;
    char *path = sl_part_set_name(set, 0);
    if (!path)
        return SL_EXIT_FAILURE;
    const int problem = sl_resolve(set->out, -1, &found);
    const bool done = !problem && rename(path, found.path) == 0;
    const sl_exit code = done ? SL_EXIT_OK
                              : sl_report(SL_EXIT_IO, "%s: %s is whole, but cannot get this name: %s; move it yourself", set->out,
                                          path, strerror(problem ? problem : errno));
    free(path);
    return code;
}

static sl_exit write_whole(const sl_part_set *set)
{
    switch (set->common.kind) {
    case SL_SHARD_TEXT:
        return sl_merge_text(set);
    case SL_SHARD_NPY:
        return sl_merge_npy(set);
    case SL_SHARD_NPZ:
        return sl_merge_npz(set);
    default:;
        const sl_exit code = sl_merge_check_in_place(set);
        return code ? code : name_joined(set);
    }
}

sl_exit sl_merge(const char *out, size_t parts, bool removes)
{
    sl_part_set set = {0};
    const sl_path_argument path = {"OUT", out, true};
    sl_exit code = sl_paths_check_file(&path, "its parts are files beside it");
    code = code ? code : check_link(out);
    code = code ? code : sl_part_set_find(out, parts, &set);
    if (!code) {
        code = check_sizes(&set);
        code = code ? code : write_whole(&set);
        if (!code && (removes || set.common.kind == SL_SHARD_IN_PLACE))
            code = sl_part_set_remove(&set);
    }
    sl_part_set_free(&set);
    return code;
}

sl_exit sl_command_merge(int argc, char **argv)
{
    sl_options options;
    bool done;
    sl_exit code = sl_command_line_parse(SL_COMMAND_MERGE, argc, argv, &options, &done);
    if (code || done)
        return code;
    if (!*options.outs)
        return sl_report(SL_EXIT_USAGE, "OUT is missing; see sluice merge --help");
    for (char *const *out = options.outs; !code && *out; out++)
        code = sl_merge(*out, 0, options.removes);
    return code == SL_EXIT_INTERRUPTED ? sl_report(code, "interrupted; the output that was being merged is not written") : code;
}
