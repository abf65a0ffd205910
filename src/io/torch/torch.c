#include "io/torch/torch.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/torch/torch_archive.h"
#include "io/torch/torch_names.h"
#include "io/torch/torch_tensor.h"
#include "io/torch/torch_walk.h"

/* Classes of weights that are packed for one CPU, and have no tensor that could be read. */
static bool has_quantized(const sl_pickle *pickle)
{
    for (size_t k = 0; k < pickle->node_count; k++)
        if (sl_pickle_is_global(pickle, (sl_value)k, "torch", "ScriptObject") ||
            sl_pickle_is_global(pickle, (sl_value)k, "torch._utils", "_rebuild_qtensor"))
            return true;
    return false;
}

static sluice_status name_leaves(const sl_torch_archive *archive, sl_torch_leaves *leaves, sluice_error *error)
{
    const sl_pickle *pickle = &archive->pickle;
    bool has_lstm;
    const sl_torch_leaf *twice = sl_torch_names_set(leaves, &has_lstm);
    if (twice)
        return sl_pickle_fail(&pickle->text, sl_pickle_get(pickle, twice->tensor)->at, error,
                              "tensor \"%s\" is there twice; write model.state_dict() alone by torch.save",
                              sl_label_get(twice->name).text);
    if (!has_lstm && has_quantized(pickle))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: the weights are quantized and packed, which is not read; write the state_dict() of the model before "
                       "it was quantized by torch.save",
                       archive->input->name);
    return SLUICE_STATUS_OK;
}

/* Fill in the source from leaves that are sorted by their names. */
static sluice_status fill_source(sl_torch_archive *archive, sl_torch_leaves *leaves, sl_tensor_source *source, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    source->tensors = sl_alloc_array(leaves->count, sizeof *source->tensors);
    if (!source->tensors)
        return sl_fail_memory(error, "a list of tensors", leaves->count * sizeof *source->tensors);
    source->count = leaves->count;
    source->header = leaves->paths; /* the names are in it */
    leaves->paths = NULL;
    for (size_t k = 0; !status && k < source->count; k++) {
        source->tensors[k].name = leaves->leaves[k].name;
        status = sl_torch_tensor_read(archive, leaves->leaves[k].tensor, &source->tensors[k], error);
    }
    return status;
}

static sluice_status read_source(sl_torch_archive *archive, sl_tensor_source *source, sluice_error *error)
{
    sl_torch_leaves leaves = {0};
    sluice_status status = sl_torch_walk(&archive->pickle, &leaves, error);
    if (!status)
        status = name_leaves(archive, &leaves, error);
    if (!status)
        status = fill_source(archive, &leaves, source, error);
    sl_torch_leaves_release(&leaves);
    return status;
}

sluice_status sl_torch_open(sl_input *input, sl_torch_layout layout, sl_tensor_source *source, sluice_error *error)
{
    sl_torch_archive archive = {0};
    *source = (sl_tensor_source){.input = *input, .format = "PyTorch"};
    *input = (sl_input){.fd = -1};
    sluice_status status = !source->input.regular   ? sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                                                              "%s: expected a regular file; copy it to one first", source->input.name)
                           : layout == SL_TORCH_ZIP ? sl_torch_zip_open(&source->input, &archive, error)
                                                    : sl_torch_legacy_open(&source->input, &archive, error);
    if (!status)
        status = read_source(&archive, source, error);
    sl_torch_archive_release(&archive);
    if (status)
        sl_source_release(source);
    return status;
}
