/* What the readers of ONNX nodes share: the file and the network in the making, and constants of the graph as values of parameters. */
#ifndef SLUICE_IO_ONNX_ONNX_VALUES_H
#define SLUICE_IO_ONNX_ONNX_VALUES_H

#include "io/network/network_build.h"
#include "io/onnx/graph/onnx_fold.h"

typedef struct sl_onnx_reader {
    sl_onnx_model *model;
    const sl_tensor_source *source; /* whose input is the file; without tensors of its own */
    sl_build *build;
    size_t *values_left;  /* bytes of computed values that there may still be: a hostile file has few bytes and large sizes */
    size_t *weights_left; /* and of weights of LSTM nodes, which may share tensors */
    size_t *zeros_left;   /* bytes that may still be read to see whether states are zeros */
    bool is_clip_of_ort;  /* LSTM nodes with `clip` leave h's input unlimited, as onnxruntime does */
    sluice_error *error;
} sl_onnx_reader;

/** Fail at a node: "NAME: byte N: ONNX: node "X" (LSTM): " and the message. */
sluice_status sl_onnx_fail(const sl_onnx_reader *reader, sluice_status status, const sl_onnx_node *node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** The constant that a node's input is. UNSUPPORTED: it is computed; the message names the node that does. */
sluice_status sl_onnx_get_constant(const sl_onnx_reader *reader, const sl_onnx_node *node, size_t input, const char *what,
                                   sl_onnx_constant *constant);

/** Read a constant, at most `room` elements, row-major, and set how many it has. BAD_DATA: it has more. */
sluice_status sl_onnx_read_constant(const sl_onnx_reader *reader, const sl_onnx_node *node, const char *what,
                                    const sl_onnx_constant *constant, float *values, size_t room, size_t *count);

/** Which part of a constant a matrix of a parameter is: its rows are `rows` of dimension `row` from `first` on, its columns are all of
 *  the next dimension (one where there is none), at element `plane` of dimension 0, if that is not the rows. */
typedef struct sl_onnx_part {
    size_t row, plane, first, rows;
} sl_onnx_part;

/** Add the fills of that part. `fill` has layer, direction, tensor, `at` of the parameter's first element and its `pitch`, and the
 *  other options. Errors of sl_build_fill. */
sluice_status sl_onnx_fill(const sl_onnx_reader *reader, const sl_onnx_constant *constant, sl_onnx_part part, const sl_fill *fill);

/** Exchange a constant's dimensions a and b. */
void sl_onnx_swap(sl_onnx_constant *constant, size_t a, size_t b);

/** Make a constant's dimensions those from `first` on, if those before are 1. false: they are not. */
bool sl_onnx_drop_dims(sl_onnx_constant *constant, size_t first);

/** sl_build_allocate for values that a node asks for. BAD_DATA: the file is too small for so many. */
sluice_status sl_onnx_allocate(const sl_onnx_reader *reader, const sl_onnx_node *node, size_t count, float **values);

/** Whether a value is zeros whatever its shape. IO, NO_MEMORY. */
sluice_status sl_onnx_is_zero(const sl_onnx_reader *reader, const sl_onnx_graph *graph, const char *value, bool *is_zero);

#endif
