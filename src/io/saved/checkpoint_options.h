/* A trainer's options and its number of steps as a checkpoint's metadata. */
#ifndef SLUICE_IO_SAVED_CHECKPOINT_OPTIONS_H
#define SLUICE_IO_SAVED_CHECKPOINT_OPTIONS_H

#include "io/safetensors/safetensors_writer.h"
#include "io/tensor_source.h"
#include "sluice_train.h"

typedef struct sl_checkpoint_options {
    sluice_trainer_options options; /* class weights and quantiles are no metadata */
    uint64_t step;
    double rate_factor;
} sl_checkpoint_options;

/** Put the metadata of a checkpoint: its format, and every option. Errors of the writer. */
void sl_checkpoint_options_put(sl_writer *writer, const sl_checkpoint_options *options);

/** Read them. BAD_DATA: the file is no checkpoint, or an entry is missing or malformed. */
sluice_status sl_checkpoint_options_read(const sl_tensor_source *source, sl_checkpoint_options *options, sluice_error *error);

#endif
