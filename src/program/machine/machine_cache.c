#include "program/machine/machine_cache.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Part of a file's name: small letters, digits, and '-' for all else. */
static void write_part(const char *text, char *part, size_t bytes)
{
    size_t used = 0;
    for (; *text && used + 1 < bytes; text++) {
        const bool is_plain = isascii((unsigned char)*text) && isalnum((unsigned char)*text);
        if (is_plain)
            part[used++] = (char)tolower((unsigned char)*text);
        else if (used > 0 && part[used - 1] != '-')
            part[used++] = '-';
    }
    while (used > 0 && part[used - 1] == '-')
        used--;
    part[used] = '\0';
}

bool sl_machine_cache_find(const sluice_machine *table, char path[SL_CACHE_PATH_BYTES])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool has_cache = cache && *cache == '/'; /* the specification has relative ones ignored */
    char cpu[64];
    if (!has_cache && (!home || *home != '/'))
        return false;
    write_part(table->cpu, cpu, sizeof cpu);
    const int length = snprintf(path, SL_CACHE_PATH_BYTES, "%s%s/sluice/machine-%s-%s.json", has_cache ? cache : home,
                                has_cache ? "" : "/.cache", sluice_isa_get_name(table->isa), cpu);
    return length > 0 && length < SL_CACHE_PATH_BYTES;
}

bool sl_machine_cache_read(const char *path, const sluice_machine *table, unsigned threads, sluice_machine *machine)
{
    sluice_machine found = {.struct_size = sizeof found};
    struct stat about;
    if (stat(path, &about) || !S_ISREG(about.st_mode) || sluice_machine_load(path, &found, NULL))
        return false;
    if (found.isa != table->isa || strcmp(found.cpu, table->cpu) != 0 || strcmp(found.version, table->version) != 0 ||
        found.threads < threads)
        return false;
    *machine = found;
    return true;
}

bool sl_machine_cache_prepare(const char *path)
{
    char folder[SL_CACHE_PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *const end = strrchr(folder, '/');
    for (char *slash = strchr(folder + 1, '/'); slash && slash <= end; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(folder, 0700); /* most are there; whether the last one is, is seen below */
        if (slash == end)
            return access(folder, W_OK | X_OK) == 0;
        *slash = '/';
    }
    return false;
}
