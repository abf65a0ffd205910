#include "cli/shards/shard_files.h"

#include "program/options/number.h"
#include "sluice_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUFFIX_BYTES = 64, LEAST_DIGITS = 4 };

static void format(char suffix[SUFFIX_BYTES], sl_shard_file file, size_t part, size_t parts)
{
    static const char *const words[] = {[SL_SHARD_PART] = "part", [SL_SHARD_RECORD] = "record"};
    const int counted = snprintf(NULL, 0, "%zu", parts), digits = counted > LEAST_DIGITS ? counted : LEAST_DIGITS;
    if (file == SL_SHARD_JOINED)
        snprintf(suffix, SUFFIX_BYTES, ".parts-of-%0*zu", digits, parts);
    else
        snprintf(suffix, SUFFIX_BYTES, ".%s-%0*zu-of-%0*zu", words[file], digits, part, digits, parts);
}

char *sl_shard_files_name(const char *out, sl_shard_file file, size_t part, size_t parts)
{
    char suffix[SUFFIX_BYTES];
    format(suffix, file, part, parts);
    const size_t bytes = strlen(out) + strlen(suffix) + 1;
    char *name = malloc(bytes);
    if (name)
        snprintf(name, bytes, "%s%s", out, suffix);
    return name;
}

static bool skip(const char **at, const char *word)
{
    const size_t length = strlen(word);
    const bool is_there = strncmp(*at, word, length) == 0;
    *at += is_there ? length : 0;
    return is_there;
}

/* Find the numbers, and compare the name with the one that they make. */
bool sl_shard_files_parse(const char *name, const char *base, sl_shard_file *file, size_t *part, size_t *parts)
{
    static const char *const begins[] = {".part-", ".record-", ".parts-of-"};
    if (!skip(&name, base))
        return false;
    for (size_t k = 0; k < sizeof begins / sizeof begins[0]; k++) {
        const char *at = name;
        uint64_t first = 1, second;
        char made[SUFFIX_BYTES];
        if (!skip(&at, begins[k]))
            continue;
        *file = (sl_shard_file)k;
        if (*file != SL_SHARD_JOINED && !(sl_number_scan(&at, &first) == SL_NUMBER_OK && skip(&at, "-of-")))
            return false;
        if (sl_number_scan(&at, &second) != SL_NUMBER_OK)
            return false;
        *part = (size_t)first;
        *parts = (size_t)second;
        format(made, *file, *part, *parts);
        return first && first <= second && second <= SLUICE_MAX_SHARDS && strcmp(made, name) == 0;
    }
    return false;
}
