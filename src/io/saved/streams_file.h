/* The states of a stream set as tensors of a file: h and c, F32 [L][slots][H] each, or where the sizes of states differ h_l0, h_l1, ...
 * and c_l0, c_l1, ..., F32 [slots][H] of each LSTM layer. A file of their own, or in a checkpoint. */
#ifndef SLUICE_IO_SAVED_STREAMS_FILE_H
#define SLUICE_IO_SAVED_STREAMS_FILE_H

#include "engine/engine.h"
#include "io/safetensors/safetensors_writer.h"
#include "io/tensor_source.h"

/** Put the tensors, named names[0] (h) and names[1] (c). Errors of the writer. */
void sl_streams_put(sl_writer *writer, const sluice_streams *streams, const char *const names[2]);

/** Write the values of what sl_streams_put has put. Errors of the writer, NO_MEMORY. */
void sl_streams_write(sl_writer *writer, const sluice_streams *streams);

/** Whether a file has states under these names. */
bool sl_streams_are_in(const sl_tensor_source *source, const char *const names[2]);

/** Make a set of the states that the tensors hold; all are then used. *streams is set on success only. BAD_DATA: a tensor is
 *  missing or does not fit the engine's network. UNSUPPORTED as sluice_streams_create; IO, NO_MEMORY. */
sluice_status sl_streams_read(const sl_tensor_source *source, const char *const names[2], const sluice_engine *engine,
                              sluice_streams **streams, sluice_error *error);

#endif
