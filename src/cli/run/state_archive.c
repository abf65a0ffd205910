#include "cli/run/state_archive.h"

#include "base/layer.h"
#include "base/size.h"
#include "cli/digest.h"
#include "program/model_shape.h"
#include "program/paths.h"
#include "program/report.h"

#include <stdlib.h>
#include <string.h>

static sl_exit fail_size(const sl_state_archive *archive)
{
    return sl_report(SL_EXIT_DATA, "%s: the arrays for %s do not fit this machine's address space; split the input",
                     sl_report_output(archive->path), archive->option);
}

sl_exit sl_state_archive_shape(sl_state_archive *archive, const sluice_model *model, sl_state_kind kind, size_t rows)
{
    if (!archive->path)
        return SL_EXIT_OK;
    const sluice_network network = sl_model_network(model);
    archive->members = calloc(network.layer_count, sizeof *archive->members);
    if (!archive->members)
        return sl_report_memory(archive->option);
    for (size_t k = 0; k < network.layer_count; k++) {
        const sluice_layer *layer = &network.layers[k];
        if (layer->kind != SLUICE_LAYER_LSTM)
            continue;
        if (strpbrk(layer->name, "/\\"))
            return sl_report(SL_EXIT_USAGE,
                             "%s: the name of layer \"%s\" has a slash, and cannot be that of a member of an archive",
                             archive->option, layer->name);
        sl_npz_member *member = &archive->members[archive->layers++];
        *member = (sl_npz_member){.name = layer->name,
                                  .header = {.type = SL_NPY_F4,
                                             .dims = 3,
                                             .shape = {sl_layer_count_directions(layer), rows, sl_state_width(layer, kind)}}};
        archive->floats += member->header.shape[0] * member->header.shape[2];
    }
    size_t elements;
    archive->rows = rows;
    return sl_size_mul(archive->floats, rows, &elements) && sl_size_mul(elements, sizeof(float), &elements) ? SL_EXIT_OK
                                                                                                            : fail_size(archive);
}

sl_exit sl_state_archive_allocate(sl_state_archive *archive, size_t chunk)
{
    if (!archive->path)
        return SL_EXIT_OK;
    if (sl_paths_is_output_stream(archive->path) && chunk < archive->rows)
        return sl_report(
            SL_EXIT_USAGE,
            "%s: each row of %s is in several places of the arrays, so a pipe cannot transfer it %zu rows at a time; use a "
            "file, or --rows %zu",
            sl_report_output(archive->path), archive->option, chunk, archive->rows);
    archive->chunk = chunk;
    archive->data = calloc(chunk ? chunk : 1, archive->floats * sizeof *archive->data);
    return archive->data ? SL_EXIT_OK : sl_report_memory_of_rows(archive->option);
}

sl_exit sl_state_archive_create(sl_state_archive *archive)
{
    sluice_error error;
    return archive->path
               ? sl_report_status(sl_npz_create(archive->path, archive->members, archive->layers, &archive->writer, &error), &error)
               : SL_EXIT_OK;
}

/* Layer by layer; of a layer direction by direction, but all at once where the chunk is the whole array. */
sl_exit sl_state_archive_write(sl_state_archive *archive, size_t first, size_t rows)
{
    const float *from = archive->data;
    size_t base = 0; /* elements of the arrays before */
    for (size_t k = 0; archive->path && k < archive->layers; k++) {
        const size_t directions = archive->members[k].header.shape[0], width = archive->members[k].header.shape[2];
        const size_t together = rows == archive->rows ? directions : 1, count = together * rows * width;
        for (size_t d = 0; d < directions; d += together, from += count) {
            const size_t at = (d * archive->rows + first) * width;
            sluice_error error;
            if (archive->digests)
                archive->digest =
                    sl_digest_add_at(archive->digest, (uint64_t)(base + at) * sizeof *from, from, count * sizeof *from);
            if (sl_npz_write(archive->writer, k, at, count, from, &error))
                return sl_report_error(&error);
        }
        base += directions * archive->rows * width;
    }
    return SL_EXIT_OK;
}

sl_exit sl_state_archive_commit(sl_state_archive *archive)
{
    if (!archive->path)
        return SL_EXIT_OK;
    sl_npz_writer *writer = archive->writer;
    archive->writer = NULL;
    sluice_error error;
    return sl_report_status(sl_npz_commit(writer, &error), &error);
}

void sl_state_archive_close(sl_state_archive *archive)
{
    sl_npz_abort(archive->writer);
    free(archive->members);
    free(archive->data);
    *archive = (sl_state_archive){0};
}
