/* Constants of an ONNX graph: weights as rectangles of tensors in the file, however Slice, Concat, Transpose, Unsqueeze and their like
 * put them together; small lists of integers, which are computed; and what is zero whatever its shape. Knows nothing of LSTMs. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_FOLD_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_FOLD_H

#include "io/onnx/graph/onnx_graph.h"

enum { SL_ONNX_DIMS = 4, SL_ONNX_PIECES = 64 };

/** A box of a constant's elements that lies in one tensor. */
typedef struct sl_onnx_piece {
    const sl_onnx_tensor *tensor;
    size_t at[SL_ONNX_DIMS], extent[SL_ONNX_DIMS]; /* of the constant */
    size_t first, stride[SL_ONNX_DIMS];            /* of the tensor: elements from its first on */
} sl_onnx_piece;

/** A constant: its pieces cover it, and do not overlap. Dimensions beyond `dims` are 1. */
typedef struct sl_onnx_constant {
    size_t dims;
    size_t shape[SL_ONNX_DIMS];
    size_t count;
    sl_onnx_piece pieces[SL_ONNX_PIECES];
} sl_onnx_constant;

/** Find the constant that a value is in a graph. false: it is none, or too much for these limits; `cause`, if it is not NULL, is then
 *  set to the node, or to NULL. */
bool sl_onnx_fold(const sl_onnx_graph *graph, const char *value, sl_onnx_constant *constant, const sl_onnx_node **cause);

/** The integers that a value is in a graph. false: it is no list of at most SL_ONNX_MAX_LIST constants. */
bool sl_onnx_fold_integers(const sl_onnx_graph *graph, const char *value, int64_t list[SL_ONNX_MAX_LIST], size_t *count);

/** The integers of a node's attribute, or, in later opsets, of its input. false: there are none that are known. */
bool sl_onnx_get_integers(const sl_onnx_node *node, const char *attribute, size_t input, int64_t list[SL_ONNX_MAX_LIST],
                          size_t *count);

/** Go from a value back through nodes that only rearrange, repeat or cut it, along the first input of each, to where it comes from. */
sl_onnx_origin sl_onnx_trace(const sl_onnx_graph *graph, const char *value);

/** An axis of `dims` dimensions, which may count from the end. false: it is out of range. */
bool sl_onnx_get_axis(int64_t axis, size_t dims, size_t *found);

/** The first element of a slice, and how many it has, of `size` elements from `start` to `end` in steps of 1. */
void sl_onnx_get_slice(int64_t start, int64_t end, size_t size, size_t *first, size_t *extent);

#endif
