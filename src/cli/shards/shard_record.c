#include "cli/shards/shard_record.h"

#include "io/output.h"
#include "program/print_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VERSION = 1, DIGEST_BYTES = 17, KINDS = SL_SHARD_IN_PLACE + 1 };

static const char *const kinds[KINDS] = {"text", "npy", "npz", "npy in place"};

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

static json_t *to_json(const sl_shard_record *record)
{
    char digests[4][DIGEST_BYTES];
    const uint64_t values[] = {record->model, record->input, record->read, record->written};
    for (size_t k = 0; k < 4; k++)
        snprintf(digests[k], DIGEST_BYTES, "%016" PRIx64, values[k]);
    return json_pack("{si sI sI ss ss ss so si sI sI sI ss sI ss}", "sluice_part", VERSION, "part", (json_int_t)record->part,
                     "parts", (json_int_t)record->parts, "model", digests[0], "input", digests[1], "kind", kinds[record->kind],
                     "options", sl_json_string(record->options), "axis", (int)record->axis, "total", (json_int_t)record->total,
                     "first", (json_int_t)record->first, "count", (json_int_t)record->count, "read", digests[2], "bytes",
                     (json_int_t)record->bytes, "written", digests[3]);
}

sl_exit sl_shard_record_write(const char *path, const sl_shard_record *record)
{
    json_t *object = to_json(record);
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (!text)
        return sl_report_memory("the record of a part");
    sluice_error error;
    const size_t bytes = strlen(text);
    text[bytes] = '\n'; /* a text file ends with a newline, for which its NUL makes room */
    const sl_exit code = sl_report_status(sl_output_save(path, text, bytes + 1, &error), &error);
    free(text);
    return code;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static bool parse_digest(const char *text, uint64_t *digest)
{
    char *end;
    *digest = strtoull(text, &end, 16);
    return strlen(text) == DIGEST_BYTES - 1 && !*end;
}

static bool parse_kind(const char *text, sl_shard_kind *kind)
{
    size_t k = 0;
    while (k < KINDS && strcmp(text, kinds[k]) != 0)
        k++;
    *kind = (sl_shard_kind)k;
    return k < KINDS;
}

static bool from_json(json_t *object, sl_shard_record *record)
{
    int version, axis;
    json_int_t part, parts, total, first, count, bytes;
    const char *model, *input, *kind, *options, *read, *written;
    if (json_unpack(object, "{si sI sI ss ss ss ss si sI sI sI ss sI ss !}", "sluice_part", &version, "part", &part, "parts",
                    &parts, "model", &model, "input", &input, "kind", &kind, "options", &options, "axis", &axis, "total", &total,
                    "first", &first, "count", &count, "read", &read, "bytes", &bytes, "written", &written))
        return false;
    *record = (sl_shard_record){.part = (size_t)part,
                                .parts = (size_t)parts,
                                .axis = (size_t)axis,
                                .total = (uint64_t)total,
                                .first = (uint64_t)first,
                                .count = (uint64_t)count,
                                .bytes = (uint64_t)bytes};
    snprintf(record->options, sizeof record->options, "%s", options);
    return version == VERSION && part > 0 && part <= parts && axis >= 0 && axis <= 1 && total >= 0 && first >= 0 &&
           first <= total && count >= 0 && count <= total - first && bytes >= 0 && parse_kind(kind, &record->kind) &&
           parse_digest(model, &record->model) && parse_digest(input, &record->input) && parse_digest(read, &record->read) &&
           parse_digest(written, &record->written);
}

sl_exit sl_shard_record_read(const char *path, const char *remedy, sl_shard_record *record, bool *found)
{
    json_error_t problem;
    struct stat about;
    const bool exists = stat(path, &about) == 0;
    *found = exists || errno != ENOENT;
    if (!*found)
        return SL_EXIT_OK;
    const bool is_file = exists && S_ISREG(about.st_mode); /* a FIFO would wait for its writer */
    json_t *object = is_file ? json_load_file(path, 0, &problem) : NULL;
    if (!exists || (is_file && !object && json_error_code(&problem) == json_error_cannot_open_file))
        return sl_report(SL_EXIT_NO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    const bool is_record = object && from_json(object, record);
    json_decref(object);
    if (!is_record)
        *record = (sl_shard_record){0};
    return is_record || !remedy ? SL_EXIT_OK
                                : sl_report(SL_EXIT_DATA, "%s: is no record of a part of this version; %s", path, remedy);
}

const char *sl_shard_record_compare(const sl_shard_record *a, const sl_shard_record *b)
{
    return a->model != b->model                       ? "another model"
           : strcmp(a->options, b->options) != 0      ? "other options"
           : a->input != b->input                     ? "another input"
           : a->total != b->total                     ? "another size of the input"
           : a->parts != b->parts                     ? "another number of parts"
           : a->kind != b->kind || a->axis != b->axis ? "another kind of output"
                                                      : NULL;
}
