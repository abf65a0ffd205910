#include "cli/shards/merge_rows.h"

#include "cli/digest.h"
#include "io/npy/npy.h"
#include "io/npy/npz.h"
#include "io/npy/npz_read.h"
#include "io/output.h"
#include "program/interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20, BLOCK = BLOCK_BYTES / sizeof(float) };

sl_exit sl_merge_reject(const sl_part_set *set, size_t k, const char *path)
{
    return sl_report(SL_EXIT_DATA,
                     "%s: is not what the record of part %zu of %zu says; run sluice run with --shard %zu/%zu again, without "
                     "--skip-done",
                     path, k + 1, set->common.parts, k + 1, set->common.parts);
}

/* ---- Text ------------------------------------------------------------------------------------------------------------------ */

typedef struct text_merge {
    const sl_part_set *set;
    sl_output output;
    size_t written;
    char *block; /* [BLOCK_BYTES] */
} text_merge;

static sl_exit copy_text(void *context, size_t k, const char *path)
{
    text_merge *merge = context;
    sl_input input;
    sluice_error error;
    if (sl_input_open_regular(path, &input, &error))
        return sl_report_error(&error);
    const sl_part *part = &merge->set->list[k];
    uint64_t digest = 0;
    sl_exit code = SL_EXIT_OK;
    for (size_t done = 0, got; !code && done < part->bytes; done += got) {
        const size_t left = part->bytes - done;
        if (sl_input_read(&input, done, merge->block, left < BLOCK_BYTES ? left : BLOCK_BYTES, &got, &error) ||
            sl_output_write(&merge->output, merge->written, merge->block, got, &error))
            code = sl_report_error(&error);
        else if (!got)
            code = sl_merge_reject(merge->set, k, path);
        else if (sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        digest = code ? digest : sl_digest_add_at(digest, done, merge->block, got);
        merge->written += got;
    }
    sl_input_close(&input);
    return code || digest == part->written ? code : sl_merge_reject(merge->set, k, path);
}

static sl_exit for_each_part(const sl_part_set *set, sl_exit (*call)(void *merge, size_t k, const char *path), void *merge)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < set->common.parts; k++) {
        char *path = sl_part_set_name(set, k);
        code = path ? call(merge, k, path) : SL_EXIT_FAILURE;
        free(path);
    }
    return code;
}

sl_exit sl_merge_text(const sl_part_set *set)
{
    text_merge merge = {.set = set, .output.fd = -1, .block = malloc(BLOCK_BYTES)};
    sluice_error error;
    sl_exit code = merge.block ? sl_report_status(sl_output_create(set->out, &merge.output, &error), &error)
                               : sl_report_memory("copying the parts");
    code = code ? code : for_each_part(set, copy_text, &merge);
    if (code)
        sl_output_abort(&merge.output);
    else
        code = sl_report_status(sl_output_commit(&merge.output, &error), &error);
    free(merge.block);
    return code;
}

/* ---- Rows of an array ------------------------------------------------------------------------------------------------------ */

/* An array [planes][rows][width] of the whole, into which those of the parts are copied. */
typedef struct rows_merge {
    const sl_part_set *set;
    sl_npy_header header; /* of the whole */
    size_t planes, width;
    sl_npy_writer *npy; /* one of these; both NULL: the parts are in place, and only checked */
    sl_npz_writer *npz;
    size_t member; /* of npz */
    float *block;  /* [BLOCK] */
} rows_merge;

/* The array of a part: where it has row 0 of the part, and where its digest counts from. */
typedef struct part_rows {
    sl_npy_reader *reader;
    size_t rows, first, base;
} part_rows;

/* Set the shape of the whole from that of part 1; false: it is none of our arrays. */
static bool set_whole(rows_merge *merge, const sl_npy_header *part)
{
    const size_t axis = merge->set->common.axis;
    merge->header = *part;
    merge->planes = merge->width = 1;
    if (part->type != SL_NPY_F4 || part->column_major || part->big_endian || part->has_more || axis >= part->dims)
        return false;
    merge->header.shape[axis] = (size_t)merge->set->common.total;
    for (size_t k = 0; k < axis; k++)
        merge->planes *= part->shape[k];
    for (size_t k = axis + 1; k < part->dims; k++)
        merge->width *= part->shape[k];
    return true;
}

/* Whether a part's array has the shape of the whole, but for `rows` rows. */
static bool is_part(const rows_merge *merge, const sl_npy_header *part, uint64_t rows)
{
    bool holds = part->type == SL_NPY_F4 && !part->column_major && !part->big_endian && part->dims == merge->header.dims;
    for (size_t k = 0; holds && k < part->dims; k++)
        holds = part->shape[k] == (k == merge->set->common.axis ? rows : merge->header.shape[k]);
    return holds;
}

static sluice_status copy_block(const rows_merge *merge, const part_rows *from, size_t at, size_t to, size_t count,
                                sluice_error *error)
{
    const sluice_status status = sl_npy_read(from->reader, at, count, merge->block, error);
    if (status)
        return status;
    if (merge->npz)
        return sl_npz_write(merge->npz, merge->member, to, count, merge->block, error);
    return merge->npy ? sl_npy_write(merge->npy, to, count, merge->block, error) : SLUICE_STATUS_OK;
}

static sl_exit copy_rows(const rows_merge *merge, size_t k, const part_rows *from, uint64_t *digest)
{
    const sl_part *part = &merge->set->list[k];
    const size_t count = (size_t)part->count * merge->width, whole = (size_t)merge->set->common.total;
    for (size_t p = 0; p < merge->planes; p++) {
        const size_t read = (p * from->rows + from->first) * merge->width, to = (p * whole + (size_t)part->first) * merge->width;
        for (size_t done = 0, n; done < count; done += n) {
            sluice_error error;
            n = count - done < BLOCK ? count - done : BLOCK;
            if (copy_block(merge, from, read + done, to + done, n, &error))
                return sl_report_error(&error);
            *digest = sl_digest_add_at(*digest, (uint64_t)(from->base + read + done) * sizeof *merge->block, merge->block,
                                       n * sizeof *merge->block);
        }
        if (sl_interrupt_seen())
            return SL_EXIT_INTERRUPTED;
    }
    return SL_EXIT_OK;
}

/* ---- .npy ------------------------------------------------------------------------------------------------------------------ */

/* The first part makes the whole, whose shape it knows. */
static sl_exit begin_npy(rows_merge *merge, size_t k, const sl_npy_header *header, const char *path)
{
    sluice_error error;
    if (k)
        return SL_EXIT_OK;
    if (!set_whole(merge, header))
        return sl_merge_reject(merge->set, k, path);
    return sl_report_status(sl_npy_create(merge->set->out, &merge->header, &merge->npy, &error), &error);
}

static sl_exit copy_npy(void *context, size_t k, const char *path)
{
    rows_merge *merge = context;
    const sl_part *part = &merge->set->list[k];
    part_rows from = {.rows = (size_t)part->count};
    sl_npy_header header;
    sluice_error error;
    uint64_t digest = 0;
    if (sl_npy_open(path, &from.reader, &header, &error))
        return sl_report_error(&error);
    sl_exit code = begin_npy(merge, k, &header, path);
    if (!code && !is_part(merge, &header, part->count))
        code = sl_merge_reject(merge->set, k, path);
    code = code ? code : copy_rows(merge, k, &from, &digest);
    if (!code && digest != part->written)
        code = sl_merge_reject(merge->set, k, path);
    sl_npy_close(from.reader);
    return code;
}

sl_exit sl_merge_npy(const sl_part_set *set)
{
    rows_merge merge = {.set = set, .block = malloc(BLOCK_BYTES)};
    sluice_error error;
    sl_exit code = merge.block ? for_each_part(set, copy_npy, &merge) : sl_report_memory("copying the parts");
    if (code)
        sl_npy_abort(merge.npy);
    else
        code = sl_report_status(sl_npy_commit(merge.npy, &error), &error);
    free(merge.block);
    return code;
}

static sl_exit check_rows(const rows_merge *merge, sl_npy_reader *reader, const char *path)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < merge->set->common.parts; k++) {
        const sl_part *part = &merge->set->list[k];
        const part_rows from = {.reader = reader, .rows = (size_t)merge->set->common.total, .first = (size_t)part->first};
        uint64_t digest = 0;
        code = copy_rows(merge, k, &from, &digest);
        if (!code && digest != part->written)
            code = sl_merge_reject(merge->set, k, path);
    }
    return code;
}

sl_exit sl_merge_check_in_place(const sl_part_set *set)
{
    rows_merge merge = {.set = set, .block = malloc(BLOCK_BYTES)};
    sl_npy_reader *reader = NULL;
    sl_npy_header header;
    sluice_error error;
    char *path = sl_part_set_name(set, 0);
    sl_exit code = merge.block && path ? sl_report_status(sl_npy_open(path, &reader, &header, &error), &error)
                                       : sl_report_memory("checking the parts");
    if (!code && !(set_whole(&merge, &header) && is_part(&merge, &header, set->common.total)))
        code = sl_merge_reject(set, 0, path);
    code = code ? code : check_rows(&merge, reader, path);
    sl_npy_close(reader);
    free(merge.block);
    free(path);
    return code;
}

/* ---- .npz ------------------------------------------------------------------------------------------------------------------ */

typedef struct npz_merge {
    rows_merge rows;
    size_t count;
    sl_npz_member *members; /* [count] of the whole; their names are owned */
} npz_merge;

/* The shapes of the whole archive from that of part 1. */
static sl_exit begin_npz(npz_merge *merge, const sl_npz_reader *archive, const char *path)
{
    merge->members = calloc(sl_npz_count(archive), sizeof *merge->members);
    sl_exit code = merge->members ? SL_EXIT_OK : sl_report_memory("copying the parts");
    for (size_t k = 0; !code && k < sl_npz_count(archive); k++) {
        size_t bytes;
        const char *text = sl_npz_get_name(archive, k, &bytes);
        char *name = strndup(text, bytes);
        sl_npy_reader *reader = NULL;
        sl_npy_header header;
        sluice_error error;
        if (!name)
            return sl_report_memory("copying the parts");
        merge->members[merge->count++].name = name;
        code = sl_report_status(sl_npz_open_array(archive, name, &reader, &header, &error), &error);
        if (!code && !set_whole(&merge->rows, &header))
            code = sl_merge_reject(merge->rows.set, 0, path);
        merge->members[k].header = merge->rows.header;
        sl_npy_close(reader);
    }
    sluice_error error;
    return code ? code
                : sl_report_status(sl_npz_create(merge->rows.set->out, merge->members, merge->count, &merge->rows.npz, &error),
                                   &error);
}

static sl_exit copy_member(npz_merge *merge, size_t k, const sl_npz_reader *archive, const char *path, size_t *base,
                           uint64_t *digest)
{
    rows_merge *rows = &merge->rows;
    const sl_part *part = &rows->set->list[k];
    const sl_npz_member *member = &merge->members[rows->member];
    part_rows from = {.rows = (size_t)part->count, .base = *base};
    sl_npy_header header;
    sluice_error error;
    if (sl_npz_open_array(archive, member->name, &from.reader, &header, &error))
        return sl_report_error(&error);
    (void)set_whole(rows, &member->header);
    sl_exit code = is_part(rows, &header, part->count) ? SL_EXIT_OK : sl_merge_reject(rows->set, k, path);
    code = code ? code : copy_rows(rows, k, &from, digest);
    *base += header.elements;
    sl_npy_close(from.reader);
    return code;
}

static sl_exit copy_npz(void *context, size_t k, const char *path)
{
    npz_merge *merge = context;
    rows_merge *rows = &merge->rows;
    sl_npz_reader *archive;
    sluice_error error;
    uint64_t digest = 0;
    size_t base = 0;
    if (sl_npz_open(path, &archive, &error))
        return sl_report_error(&error);
    sl_exit code = k ? SL_EXIT_OK : begin_npz(merge, archive, path);
    for (rows->member = 0; !code && rows->member < merge->count; rows->member++)
        code = copy_member(merge, k, archive, path, &base, &digest);
    if (!code && digest != rows->set->list[k].written)
        code = sl_merge_reject(rows->set, k, path);
    sl_npz_close(archive);
    return code;
}

sl_exit sl_merge_npz(const sl_part_set *set)
{
    npz_merge merge = {.rows = {.set = set, .block = malloc(BLOCK_BYTES)}};
    sluice_error error;
    sl_exit code = merge.rows.block ? for_each_part(set, copy_npz, &merge) : sl_report_memory("copying the parts");
    if (code)
        sl_npz_abort(merge.rows.npz);
    else
        code = sl_report_status(sl_npz_commit(merge.rows.npz, &error), &error);
    for (size_t k = 0; k < merge.count; k++)
        free((char *)merge.members[k].name);
    free(merge.members);
    free(merge.rows.block);
    return code;
}
