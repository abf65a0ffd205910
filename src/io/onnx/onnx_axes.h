/* The axes of a value in an ONNX graph: which of them are steps, rows and features, wherever Transpose, Squeeze, Reshape and their like
 * have put them. Knows nothing of weights. */
#ifndef SLUICE_IO_ONNX_ONNX_AXES_H
#define SLUICE_IO_ONNX_ONNX_AXES_H

#include "io/onnx/graph/onnx_fold.h"
#include "sluice_network.h"

enum { SL_ONNX_AXES = 6 };

typedef enum sl_onnx_axis {
    SL_AXIS_ONE, /* of size 1 */
    SL_AXIS_STEPS,
    SL_AXIS_ROWS,
    SL_AXIS_DIRECTIONS,
    SL_AXIS_FEATURES,
    SL_AXIS_STEPS_OF_ROWS, /* steps and rows joined */
    SL_AXIS_INPUT          /* and on: those of the graph's input, in its order, until an LSTM gives them their parts */
} sl_onnx_axis;

typedef struct sl_onnx_axes {
    size_t count;
    sl_onnx_axis axis[SL_ONNX_AXES];
    size_t features;            /* size of the features of a direction; 0: not known */
    size_t directions;          /* size of DIRECTIONS */
    int only;                   /* of the last LSTM: 0 or 1, the direction that is used; -1: all */
    sluice_steps steps;         /* which of its steps */
    sluice_merge merge;         /* of its directions */
    bool is_joined;             /* its two directions are one axis FEATURES */
    const sl_onnx_node *sorter; /* the node by whose order of lengths the rows are sorted; or NULL */
    sl_onnx_axis sorted;        /* the axis of those rows */
} sl_onnx_axes;

/** The width of FEATURES, of both directions once they are joined; 0: not known. */
size_t sl_onnx_axes_get_width(const sl_onnx_axes *axes);

/** Remove an axis, or put one in. false: there would be too many. */
void sl_onnx_axes_remove(sl_onnx_axes *axes, size_t at);
bool sl_onnx_axes_insert(sl_onnx_axes *axes, size_t at, sl_onnx_axis axis);

/** Apply a node that rearranges: Transpose, Squeeze, Unsqueeze, Reshape, Flatten. NULL, or why it cannot be. */
const char *sl_onnx_axes_rearrange(sl_onnx_axes *axes, const sl_onnx_node *node);

/** "[steps][rows][features]". */
typedef struct sl_onnx_axes_text {
    char text[SL_ONNX_AXES * 16 + 1];
} sl_onnx_axes_text;
sl_onnx_axes_text sl_onnx_axes_get_text(const sl_onnx_axes *axes);

#endif
