#include "base/system/cgroup.h"

#include "base/system/system_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 2048 };

/* A process is in one group of each hierarchy that is mounted: version 1 has several, and one of them controls CPUs; version 2 has
 * one. Where both are mounted, one of the two has the files of the quota. */
typedef struct hierarchy {
    const char *root; /* goes before every path */
    bool version2;
    char mount[NAME_BYTES]; /* where it is mounted */
    char group[NAME_BYTES]; /* this process's group below that, "" or "/a/b" */
} hierarchy;

/* CPUs of a quota and a period in microseconds, rounded up: half a CPU is one thread, one and a half are two. 0: no limit, which
 * version 1 writes as -1. */
static unsigned round_up(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    const long long cpus = quota / period + (quota % period != 0);
    return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

static unsigned least_limit(unsigned a, unsigned b)
{
    return a && (!b || a < b) ? a : b;
}

/* Whether a comma-separated list has this word. */
static bool has_word(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (; list; list = strchr(list, ',')) {
        list += *list == ',';
        if (strncmp(list, word, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
    }
    return false;
}

/* mountinfo writes blanks and backslashes in names as \040 and the like. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        unsigned code;
        int bytes = 0;
        if (sscanf(from, "\\%3o%n", &code, &bytes) == 1) {
            *to = (char)code;
            from += bytes;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* What a mountinfo line says, cut into its words: "36 35 98:0 /root /where options [more]... - type source options". */
typedef struct mount {
    char *root, *where;
    const char *type, *options;
} mount;

static bool parse_mount(char *line, mount *found)
{
    char *words[6], *save = NULL;
    char *behind = strstr(line, " - ");
    if (!behind)
        return false;
    *behind = '\0';
    for (size_t k = 0; k < 5; k++)
        if (!(words[k] = strtok_r(k ? NULL : line, " ", &save)))
            return false;
    found->root = words[3];
    found->where = words[4];
    found->type = strtok_r(behind + 3, " ", &save);
    char *source = strtok_r(NULL, " ", &save), *options = source ? strtok_r(NULL, " ", &save) : NULL;
    found->options = options ? options : "";
    unescape(found->root);
    unescape(found->where);
    return found->type != NULL;
}

/* Whether a path leads out of this process's namespace, as "/../.." does. */
static bool leads_out(const char *path)
{
    for (const char *dots = path; (dots = strstr(dots, "/..")); dots += 3)
        if (dots[3] == '/' || dots[3] == '\0')
            return true;
    return false;
}

/* The part of a group's path below what is mounted; NULL: it does not lie there, or the way to it cannot be known. */
static const char *below(const char *group, const char *root)
{
    const size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(group, root, length) != 0 || (group[length] != '/' && group[length] != '\0') || leads_out(group) || leads_out(root))
        return NULL;
    return strcmp(group + length, "/") == 0 ? "" : group + length;
}

/* Find where the hierarchy of this process's group `path` is mounted. A mount that has the group in it is preferred; of another, its
 * top is the best that is known. */
static bool find_mount(hierarchy *tree, const char *path)
{
    char name[NAME_BYTES];
    sl_text_lines lines;
    bool found = false, inside = false;
    snprintf(name, sizeof name, "%s/proc/self/mountinfo", tree->root);
    if (!sl_text_open(name, &lines))
        return false;
    for (char *line; !inside && (line = sl_text_next(&lines));) {
        mount it;
        if (!parse_mount(line, &it) || strcmp(it.type, tree->version2 ? "cgroup2" : "cgroup") != 0 ||
            (!tree->version2 && !has_word(it.options, "cpu")))
            continue;
        const char *group = below(path, it.root);
        inside = group != NULL;
        if (found && !inside)
            continue;
        found = true;
        snprintf(tree->mount, sizeof tree->mount, "%s", it.where);
        snprintf(tree->group, sizeof tree->group, "%s", inside ? group : "");
    }
    sl_text_close(&lines);
    return found;
}

/* A file of the group, as text. */
static bool read_file(const hierarchy *tree, const char *file, char *text, size_t bytes)
{
    char name[3 * NAME_BYTES];
    const int length = snprintf(name, sizeof name, "%s%s%s/%s", tree->root, tree->mount, tree->group, file);
    return length > 0 && (size_t)length < sizeof name && sl_text_read(name, text, bytes);
}

/* The limit of the group itself. */
static unsigned get_limit(const hierarchy *tree)
{
    char quota[64], period[64];
    if (!tree->version2)
        return read_file(tree, "cpu.cfs_quota_us", quota, sizeof quota) &&
                       read_file(tree, "cpu.cfs_period_us", period, sizeof period)
                   ? round_up(strtoll(quota, NULL, 10), strtoll(period, NULL, 10))
                   : 0;
    if (!read_file(tree, "cpu.max", quota, sizeof quota)) /* "QUOTA PERIOD", or "max PERIOD" */
        return 0;
    char *end;
    const long long microseconds = strtoll(quota, &end, 10);
    return round_up(microseconds, strtoll(end, NULL, 10));
}

/* The tightest limit from the group up to the top that is mounted. */
static unsigned get_tightest(hierarchy *tree)
{
    unsigned least = get_limit(tree);
    for (char *slash; (slash = strrchr(tree->group, '/'));) {
        *slash = '\0';
        least = least_limit(get_limit(tree), least);
    }
    return least;
}

/* Of a line of /proc/self/cgroup, "4:cpu,cpuacct:/group" or version 2's "0::/group": the group may have colons in its name. */
static unsigned take_group(const char *root, char *line)
{
    hierarchy tree = {.root = root};
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    *path++ = '\0';
    tree.version2 = *++controllers == '\0';
    if (!tree.version2 && !has_word(controllers, "cpu"))
        return 0;
    return find_mount(&tree, path) ? get_tightest(&tree) : 0;
}

unsigned sl_cgroup_cpus(const char *root)
{
    char name[NAME_BYTES];
    sl_text_lines lines;
    unsigned least = 0;
    snprintf(name, sizeof name, "%s/proc/self/cgroup", root);
    if (!sl_text_open(name, &lines))
        return 0;
    for (char *line; (line = sl_text_next(&lines));)
        least = least_limit(take_group(root, line), least);
    sl_text_close(&lines);
    return least;
}
