/* Files of torch.save and torch.jit.save as tensor sources, read without torch: state_dicts, checkpoints that have one, whole modules
 * and TorchScript. Hostile input: nothing in the file is run, and each tensor's place is checked against the file before it is
 * handed out. Tensors that an optimizer keeps are not listed. */
#ifndef SLUICE_IO_TORCH_TORCH_H
#define SLUICE_IO_TORCH_TORCH_H

#include "io/tensor_source.h"

/** How a file's bytes are laid out: as a zip archive (SL_CONTENT_TORCH_ZIP), or as pickles in a row (SL_CONTENT_TORCH_LEGACY). */
typedef enum sl_torch_layout { SL_TORCH_ZIP, SL_TORCH_LEGACY } sl_torch_layout;

/**
 * Read the tensors of an input that is open; it is taken over, also where this fails, and *source is then zeroed. BAD_DATA with the byte; UNSUPPORTED: an archive of torch.export, weights that are quantized only, or a pipe; IO, NO_MEMORY.
 */
sluice_status sl_torch_open(sl_input *input, sl_torch_layout layout, sl_tensor_source *source, sluice_error *error);

#endif
