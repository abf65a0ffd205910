/* Putting a network together from a file of another program: its layers, and which tensors of the file hold which parameters. The
 * reader of each format adds layers and fills; the model is made of them at the end. Knows nothing of formats. */
#ifndef SLUICE_IO_NETWORK_NETWORK_BUILD_H
#define SLUICE_IO_NETWORK_NETWORK_BUILD_H

#include "io/tensor_source.h"
#include "kernel/cell_kind.h"
#include "sluice_network.h"

typedef struct sl_build sl_build;

/** Bytes of memory to a byte of file, as int8 becomes float, and besides: for the weights and for all that a reader holds while they are
 *  read. More than these, by tensors that many layers share, only a hostile file asks for. */
enum { SL_BUILD_GROWTH = 4, SL_BUILD_FREE_BYTES = 14 << 20 };

/** Check the weights of a model, of `bytes` bytes, against the source's file. BAD_DATA: they are more. */
sluice_status sl_build_check_bytes(const sl_tensor_source *source, size_t bytes, sluice_error *error);

/** Where the values of a parameter, or of a rectangle of one, come from. */
typedef struct sl_fill {
    size_t layer, direction; /* direction 0 for layers other than LSTM */
    sluice_tensor tensor;
    size_t at;    /* the parameter's element that is [0][0] */
    size_t pitch; /* elements of the parameter from row to row; 0: the view's columns */
    sl_view from;
    const float *values; /* instead of the view: [rows][columns] of `from`; sl_build_allocate */
    bool adds;           /* to what an earlier fill has set: a second bias */
    float scale;         /* not 0: (value - zero_point) * scale, of quantized weights */
    float zero_point;
} sl_fill;

/** Start without layers. `source`, whose tensors the fills have, stays the caller's and has to stay open. `file_bytes`: of the file,
 *  and of those beside it that have tensors. NO_MEMORY. */
sluice_status sl_build_create(const sl_tensor_source *source, size_t file_bytes, sl_build **build, sluice_error *error);

/** Count memory that the reader has taken, and keeps until the model is made. BAD_DATA: it is more than the file is worth. */
sluice_status sl_build_hold(sl_build *build, size_t bytes, sluice_error *error);

/** Floats of a step of the network's input; 0, as at first, if it begins with an embedding. */
void sl_build_set_inputs(sl_build *build, size_t inputs);

/** Steps that the network masks by itself; none, as at first. */
void sl_build_set_masking(sl_build *build, sluice_masking masking, float value);

/** Add a layer, zero but for kind and name; the name, of `bytes` bytes, is copied, cut to SL_LABEL_BYTES and made printable and unlike
 *  those before; 0 bytes: the network's own name for it. The struct is valid as long as the build. UNSUPPORTED beyond SLUICE_MAX_LAYERS. */
sluice_status sl_build_add(sl_build *build, sluice_layer_kind kind, const char *name, size_t bytes, sluice_layer **layer,
                           sluice_error *error);

/** Layers so far, of which one is the last. */
size_t sl_build_count(const sl_build *build);
sluice_layer *sl_build_get(const sl_build *build, size_t layer);

/** The cell of a direction of an LSTM layer: plain with a bias at first. */
sluice_cell *sl_build_get_cell(const sl_build *build, size_t layer, size_t direction);

/** Add a fill, in whose turn the parameter's elements are set. BAD_DATA: the view has elements that its tensor does not have, or a type
 *  that cannot be read; or too many fills for the file. NO_MEMORY. */
sluice_status sl_build_fill(sl_build *build, const sl_fill *fill, sluice_error *error);

/** The same of a parameter of four gates: `from` is all of its [4H] rows, where the file's block order[g] is gate g of the model. */
sluice_status sl_build_fill_gates(sl_build *build, const sl_fill *fill, const unsigned char order[SL_GATES], sluice_error *error);

/** Zeroed floats that live as long as the build, and are counted as sl_build_hold does. BAD_DATA, NO_MEMORY. */
sluice_status sl_build_allocate(sl_build *build, size_t count, float **values, sluice_error *error);

/** Add a line to the notes on the model, as sluice_model_get_notes has them: "keras: ...". NO_MEMORY. */
sluice_status sl_build_note(sl_build *build, sluice_error *error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Make the model: check the network, read all values, which have to be finite. Can be called once. BAD_DATA, also for a parameter that
 *  no fill has set, and for more weights than there is memory left for; UNSUPPORTED, IO, NO_MEMORY, TOO_LARGE. */
sluice_status sl_build_finish(sl_build *build, sluice_model **model, sluice_error *error);

/** NULL is allowed. */
void sl_build_destroy(sl_build *build);

#endif
