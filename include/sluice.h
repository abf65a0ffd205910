/*
 * Sluice: LSTM networks over batches of sequences on CPUs. Throughput first, the same answer always.
 *
 * This is the core of the public interface: models, engines, streams and the forward call. sluice_train.h has training,
 * sluice_network.h networks of other layers and cells, and sluice_tools.h what looks at the machine and at execution plans; all three
 * include this one. SPDX-License-Identifier: MIT
 *
 * The network. For layer l, direction d, step t (taken in reverse order when d = 1) and batch row n, * elementwise:
 *
 *     i = sigmoid(W_i x + U_i h' + b_i)    f = sigmoid(W_f x + U_f h' + b_f)    o = sigmoid(W_o x + U_o h' + b_o)
 *     g = tanh   (W_g x + U_g h' + b_g)    c = f * c' + i * g                   h = o * tanh(c)
 *
 * where h' and c' are the states of the previous step and x is the layer's input (Hochreiter & Schmidhuber 1997; forget gate:
 * Gers, Schmidhuber & Cummins 2000; no peepholes). It is torch.nn.LSTM's convention, gates in its order i, f, g, o.
 *
 * Words used below: T steps, N batch rows (sequences), I inputs, H hidden units, L layers, D directions (1 or 2), V vocabulary,
 * C classes. Arrays are float32 and row-major; [A][B] names shapes slowest index first; strides and offsets count elements,
 * never bytes. Nothing needs an alignment beyond its type's.
 *
 * The numeric contract. For given weights and a given row, the float32 result is the same bits whatever the batch size, the
 * row's place in it, its neighbours, padding, strides, thread count, schedule and instruction set. Every pre-activation is (b +
 * W x) + U h', where each product is one chain of fused multiply-adds from zero in index order, and b = b_ih + b_hh is rounded
 * once, when the model is built. A NaN that is computed is one quiet NaN (bits ffc00000). Gradients have a contract of their own
 * (sluice_backward). The BLIS path (SLUICE_GEMM_BLIS) is outside both: its bits for a row depend on the batch, and on BLIS.
 *
 * Threads. A function may be called from any thread; what each object allows at once is said with its type. The library prints
 * nothing, never exits and keeps no mutable global state but once-flags and the allocator, which is set once. What it calls may
 * print and end the process: an OpenMP runtime that cannot make a thread, and BLIS that cannot have memory. With one thread and the
 * fused path neither is called.
 * Before a fork the OpenMP workers of the forking thread are given back to the system, so that the child may use engines too.
 * The shared library stays loaded after dlclose, for those workers sleep in the runtime's code. A plugin that holds the static
 * library must be linked with -Wl,-z,nodelete, which `pkg-config --static --libs sluice` gives, or be opened with RTLD_NODELETE.
 *
 * Other languages. `cc -E -P -DSLUICE_DECLARATIONS_ONLY sluice.h` prints the declarations alone, without includes, attributes or
 * comments, for tools that parse C: Python's cffi takes them as they are (ffi.cdef); others have to know size_t, uint8_t, int32_t,
 * int64_t and uint64_t. Of the other headers it prints those of this one as well.
 */
#ifndef SLUICE_H
#define SLUICE_H

#ifndef SLUICE_DECLARATIONS_ONLY
#include <stddef.h>
#include <stdint.h>
#endif

#define SLUICE_VERSION_MAJOR 0
#define SLUICE_VERSION_MINOR 4
#define SLUICE_VERSION_PATCH 0

/** The version that a program is compiled with, to be compared with sluice_version_get_number: 400 of 0.4.0. */
#define SLUICE_VERSION_NUMBER (10000 * SLUICE_VERSION_MAJOR + 100 * SLUICE_VERSION_MINOR + SLUICE_VERSION_PATCH)

/** Largest error of sigmoid and tanh (which alone has 0.76) over all 2^32 inputs, in units in the last place;
 * tests/unit/test_activation.c measures it, and that tanh is odd to the bit and monotone, and sigmoid monotone but for steps back of
 * one unit. */
#define SLUICE_ACTIVATION_MAX_ULP 0.96

#if defined(__GNUC__) && !defined(SLUICE_DECLARATIONS_ONLY)
#define SLUICE_API __attribute__((visibility("default")))
#define SLUICE_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define SLUICE_API
#define SLUICE_WARN_UNUSED
#endif

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
extern "C" {
#endif

/* ---- Status and errors ------------------------------------------------------------------------------------------------ */

typedef enum sluice_status {
    SLUICE_STATUS_OK = 0,
    SLUICE_STATUS_BAD_ARGUMENT, /**< the call itself is wrong: NULL, a size out of range, an option that is not known */
    SLUICE_STATUS_BAD_DATA,     /**< what a file or an array holds is wrong: a shape, a length, a token, a NaN weight */
    SLUICE_STATUS_NO_INPUT,     /**< a file does not exist or cannot be opened */
    SLUICE_STATUS_IO,           /**< reading or writing failed */
    SLUICE_STATUS_NO_MEMORY,    /**< an allocation failed; every object is as it was before the call (but a tape is empty) */
    SLUICE_STATUS_TOO_LARGE,    /**< a size does not fit size_t */
    SLUICE_STATUS_UNSUPPORTED,  /**< well-formed, but not something this library or this machine does */
    SLUICE_STATUS_CANCELLED     /**< a function of the caller's asked for the end of the call */
} sluice_status;

/** Description of a failure. The caller holds it; every function that takes one accepts NULL. Left alone on success. It needs no
 *  struct_size: its size stays 1024 bytes (on 64-bit machines), and later fields take the place of `reserved`, which the library
 *  sets to 0. */
typedef struct sluice_error {
    sluice_status status;
    size_t row;  /**< row of the batch, the first is 0; SIZE_MAX: the failure is not about one */
    size_t step; /**< step of that row; SIZE_MAX: none */
    size_t byte; /**< offset in the file, or in the memory, that was read; SIZE_MAX: none */
    size_t reserved[4];
    char message[960]; /**< the place, what was expected and found, and the remedy; one line without a newline */
} sluice_error;

/** The status's name, "bad data" for example; never NULL. */
SLUICE_API const char *sluice_status_get_name(sluice_status status);

/** The version of the library in use, "0.4.0" for example. */
SLUICE_API const char *sluice_version_get(void);
/** The same as a number, 10000 * major + 100 * minor + patch. */
SLUICE_API unsigned sluice_version_get_number(void);

/* ---- Memory ---------------------------------------------------------------------------------------------------------------- */

/** Functions by which the library takes memory and gives it back, from any thread. */
typedef struct sluice_allocator {
    size_t struct_size;                                               /**< sizeof(sluice_allocator) */
    void *context;                                                    /**< first argument of both; may be NULL */
    void *(*allocate)(void *context, size_t bytes, size_t alignment); /**< at least 1 byte; a power of two; NULL: there is none */
    void (*release)(void *context, void *memory);                     /**< what allocate returned; never NULL */
} sluice_allocator;

/**
 * Have all memory of the library come from these functions. For the whole process, and once: before any other call but those of
 * versions, names and sluice_environment_get. BLIS and the OpenMP runtime have allocators of their own.
 * @retval BAD_ARGUMENT NULL, or the library has memory already, or an allocator was set before.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_allocator_set(const sluice_allocator *allocator, sluice_error *error);

/** Free memory that a function of the library has handed to the caller for freeing; NULL is allowed. */
SLUICE_API void sluice_free(void *memory);

/* ---- Model: canonical weights and shape. Immutable; any number of threads may use it at once. ------------------------------ */

typedef struct sluice_model sluice_model;

typedef struct sluice_shape {
    size_t struct_size; /**< sizeof(sluice_shape) */
    size_t layers;      /**< L >= 1 */
    size_t directions;  /**< D, 1 or 2 */
    size_t inputs;      /**< I >= 1; with an embedding, the width of its rows */
    size_t hidden;      /**< H >= 1 */
    size_t vocabulary;  /**< V, rows of the embedding in front; 0: none, the network reads x */
    size_t classes;     /**< C, outputs of the linear head behind; 0: none */
    int has_bias;       /**< whether the LSTM has biases */
} sluice_shape;

/** Weights in caller's arrays, laid out as torch.nn.LSTM's; index k = l*D + d. The in-width is I for layer 0, else D*H. */
typedef struct sluice_weights {
    size_t struct_size; /**< sizeof(sluice_weights) */
    const sluice_shape *shape;
    const float *const *weight_ih;  /**< L*D arrays [4H][in] */
    const float *const *weight_hh;  /**< L*D arrays [4H][H] */
    const float *const *bias_ih;    /**< L*D arrays [4H]; ignored unless shape->has_bias */
    const float *const *bias_hh;    /**< L*D arrays [4H]; ignored unless shape->has_bias */
    const float *embedding;         /**< [V][I]; ignored unless V > 0 */
    const float *head_weight;       /**< [C][D*H]; ignored unless C > 0 */
    const float *head_bias;         /**< [C], or NULL for zeros */
    const char *const *class_names; /**< C strings, or NULL */
} sluice_weights;

/**
 * Build a model from arrays, which are copied.
 * @param model set to the new model, to NULL on failure; the caller destroys it.
 * @retval BAD_ARGUMENT a NULL array that the shape asks for, or a shape out of range.
 * @retval BAD_DATA     a weight is NaN or infinite; the message names the array and the index.
 * @retval NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_create(const sluice_weights *weights, sluice_model **model,
                                                                sluice_error *error);

/** What is meant in a file. A NULL field is found by itself when there is only one candidate. */
typedef struct sluice_names {
    size_t struct_size;    /**< sizeof(sluice_names) */
    const char *prefix;    /**< of the LSTM's tensors: "lstm." for lstm.weight_ih_l0, or for lstm.weight_ih */
    const char *head;      /**< of the linear head: "fc" for fc.weight and fc.bias; "" for no head */
    const char *embedding; /**< of the embedding: "embedding" for embedding.weight; "" for none */
    const char *network;   /**< a network's name, in a file with a description; the others are for one without */

    /* What a file of another program leaves open */
    const char *lstm;            /**< LSTMs that run one after the other: "lstm1,lstm2"; or the one of a graph that is run alone */
    const char *head_activation; /**< of the dense layers named by `head` ("fc1,fc2"): "relu,softmax"; those left out: linear */
    const char *head_input; /**< what the first dense layer reads: "final" (h_n), "last" (out[:, -1]), or "every" step (NULL) */
    const char *activation; /**< of the cells of a Keras file without a configuration: "tanh", "relu", ... */
    const char *recurrent_activation; /**< likewise of their gates: "sigmoid", "hard_sigmoid" (slope 0.2), ... */
    const char *to;                   /**< the last layer that is run, of a Keras or ONNX file */
    const char *onnx_clip;            /**< where LSTM nodes with `clip` limit: "onnx", as its text says, or "ort", not h's input */
} sluice_names;

/**
 * Load a model from a file of Keras, PyTorch or ONNX, or a safetensors file, by its content and not by its name. docs/files.md has
 * what is read of each. Nothing in a file is run.
 *
 * PyTorch and safetensors (F32; F16 and BF16 are widened, F64 is rounded), with torch's tensor names:
 * [prefix]weight_ih_l{k}[_reverse] [4H][in], weight_hh_l{k} [4H][H], bias_ih_l{k} and bias_hh_l{k} [4H] (both or none), as
 * torch.nn.LSTM has them, or [prefix]weight_ih, weight_hh, bias_ih and bias_hh, as torch.nn.LSTMCell has them, for one layer of one
 * direction; with projections also weight_hr_l{k} [P][H]; [head].weight [C][D*H], [head].bias [C], [embedding].weight [V][I]. Class
 * names come from the metadata entry "classes", separated by commas; what is not a printable name for each class gives a note and no
 * names.
 *
 * Found by themselves, each only where it is the only candidate: the LSTM (several are BAD_DATA); as embedding a matrix of I columns
 * with "embed" or "emb" in its name, unless it is of positions; as head another matrix of D*H columns, unless a further layer
 * takes its C outputs or is numbered behind it, as in the layers fc1 and fc2, or it is named like attention. Where several
 * could be meant, or the one could not, the model has no head, or no embedding, and a note names them. Other tensors are ignored
 * with a note, and whatever they are like, their names, types and shapes do not make a file fail.
 *
 * Such a file makes a model of a sluice_shape; but with projections, with several LSTMs in names->lstm or layers in names->head, or
 * with head_activation or head_input, one of a sluice_network, whose dense layers read every step unless head_input is given.
 * Of `names` it takes prefix or lstm, head, embedding, head_activation and head_input.
 *
 * A safetensors file with the metadata entry "sluice" is read by that description instead, and may hold several networks, of which
 * names->network chooses one. All that it describes has to be there, and all that it states has to be known.
 *
 * Keras: the chain of layers from the model's input to its first output, or to the layer names->to. Of a file of weights alone the
 * layers are found by the weights' names and shapes, and names->activation and names->recurrent_activation say what is not in it.
 *
 * ONNX: the graph from its input to its first output as a chain of layers, or to the node names->to; or the one LSTM node names->lstm.
 * names->onnx_clip says what its attribute clip means. Weights in other files are read from the model's folder.
 *
 * Keras and ONNX files make a model of a sluice_network. x is [N][T][I] for all, whatever the file's own program takes. What
 * was assumed, or left out, is in the model's notes. sluice_model_list of sluice_tools.h has what a file leaves to be chosen.
 * @param names NULL: find the names.
 * @retval BAD_ARGUMENT path or model is NULL; names of tensors are given, and the file has a description; a field of `names` has a word
 *                      that is not known, or is for files of another kind.
 * @retval NO_INPUT, IO the file, or one that has its weights, cannot be opened, or read.
 * @retval BAD_DATA     a file of another kind, malformed, more than one LSTM, a tensor missing or of the wrong shape or type, a NaN
 *                      or infinite weight; no network of the name, or several and no name; the message has the file, the tensor or
 *                      the byte offset, in a description also the path, and what was expected and found.
 * @retval UNSUPPORTED  a layer or node that is none of this library's, or layers that are no chain, with its name; without a
 *                      description a vocabulary beyond 2^31 - 1, or a network of more than SLUICE_MAX_LAYERS layers; a description of a
 *                      newer version.
 * @retval NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_load(const char *path, const sluice_names *names, sluice_model **model,
                                                              sluice_error *error);

/**
 * sluice_model_load from a file's content in memory, as from a resource that is linked into the program, of any of its formats. Any
 * alignment. There is no folder: an ONNX model whose weights are in other files is refused.
 * @param bytes [size]; read during the call only, the model keeps nothing of it.
 * @retval BAD_ARGUMENT bytes or model is NULL.
 * @retval BAD_DATA, UNSUPPORTED, NO_MEMORY, TOO_LARGE as sluice_model_load; messages have "memory" in place of the file's name, and
 *                      byte offsets from `bytes` on.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_load_memory(const void *bytes, size_t size, const sluice_names *names,
                                                                     sluice_model **model, sluice_error *error);

/**
 * Write a model to a safetensors file (F32) that sluice_model_load and torch read, replaced as a whole. bias_ih holds b, bias_hh
 * zeros: a model keeps their sum. A model of a sluice_network is written with a description (docs/files.md), and its tensors are named
 * after its layers.
 *
 * Here and wherever a file is written: until it is complete, a file that is there stays as it was; the new one takes over its
 * permission bits and, where allowed, its owner and group. Symbolic links are followed and stay. Where the file system has no files
 * without a name (NFS, FAT), a process that is killed leaves a .sluice-XXXXXXXXXXXXXXXX.tmp in the folder, which may be deleted.
 * What is no regular file, "-" (standard output) and paths to descriptors of this process, as /dev/stdout or /dev/fd/N, are written
 * straight, where they stand. A signal whose handler was installed without SA_RESTART ends the wait for a pipe, or a FIFO to be
 * opened, with IO or NO_INPUT, errno being EINTR.
 * @param names NULL, or fields that are NULL: "lstm.", "fc", "embedding". For a model of a sluice_network all are NULL but `network`,
 *              its name in the file, if it is to have one; for others that one is. So are, for all, what
 *              a file of another program leaves open.
 * @retval BAD_ARGUMENT model or path is NULL, a class name holds a comma, or a name cannot be written. IO, NO_MEMORY, TOO_LARGE
 * @retval BAD_DATA     a trainer's model of which a weight is NaN or infinite; the file stays as it was.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_save(const sluice_model *model, const char *path,
                                                              const sluice_names *names, sluice_error *error);

typedef enum sluice_tensor {
    SLUICE_TENSOR_WEIGHT_IH = 0,   /**< [4H][in] */
    SLUICE_TENSOR_WEIGHT_HH,       /**< [4H][H]; [4H][P] with a projection */
    SLUICE_TENSOR_BIAS,            /**< [4H], b_ih + b_hh; zeros without biases. Of a dense layer [units] */
    SLUICE_TENSOR_EMBEDDING,       /**< [V][I] */
    SLUICE_TENSOR_HEAD_WEIGHT,     /**< [C][D*H] */
    SLUICE_TENSOR_HEAD_BIAS,       /**< [C] */
    SLUICE_TENSOR_PEEPHOLES,       /**< [3][H], of i, f, o. From here on of sluice_network.h */
    SLUICE_TENSOR_PROJECTION,      /**< [P][H] */
    SLUICE_TENSOR_PROJECTION_BIAS, /**< [P] */
    SLUICE_TENSOR_NORM_GAIN,       /**< [5][H], of i, f, g, o, c */
    SLUICE_TENSOR_NORM_SHIFT,      /**< [5][H], likewise */
    SLUICE_TENSOR_INITIAL_H,       /**< [P], or [H] */
    SLUICE_TENSOR_INITIAL_C,       /**< [H] */
    SLUICE_TENSOR_WEIGHT,          /**< [units][in] of a dense layer */
    SLUICE_TENSOR_SCALE,           /**< [in] of an affine layer */
    SLUICE_TENSOR_SHIFT            /**< [in] of an affine layer */
} sluice_tensor;

/** A tensor's elements, valid as long as the model; k = l*D + d for those of the LSTM, else 0. `count` (may be NULL) receives how
 *  many. NULL and 0 if the model has no such tensor. */
SLUICE_API const float *sluice_model_get_tensor(const sluice_model *model, sluice_tensor tensor, size_t k, size_t *count);

/** The model's shape. Set shape->struct_size first. BAD_ARGUMENT: NULL, or a struct_size that is not known. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_get_shape(const sluice_model *model, sluice_shape *shape);

/** Name of class k, valid as long as the model; NULL if the model does not name its classes or k >= C. */
SLUICE_API const char *sluice_model_get_class(const sluice_model *model, size_t k);

/** What was noticed while loading, a line each: "names: ..." says what was taken, "ignored: ..." what was not, "detail: ..." how axes,
 *  states and options of another program's file were read that are as expected. Any other line warns of what may make the results
 *  differ from what is expected, and is worth showing to a user: "head: " and "embedding: " why there is none though tensors could be
 *  it, "types: " what was widened, "layers: " ignored tensors that may belong to the network by their sizes, "keras: " and "onnx: "
 *  what was assumed, or is otherwise there. "" if nothing; valid as long as the model. */
SLUICE_API const char *sluice_model_get_notes(const sluice_model *model);

/** Free the model; NULL is allowed. Engines made from it live on. */
SLUICE_API void sluice_model_destroy(sluice_model *model);

/* ---- Engine: a model made ready for this CPU. Immutable but for sluice_plan_measure and sluice_plan_load; otherwise any number
 *      of threads may use it at once. ---------------------------------------------------------------------------------------- */

typedef enum sluice_isa { SLUICE_ISA_AUTO = 0, SLUICE_ISA_SCALAR, SLUICE_ISA_AVX2, SLUICE_ISA_AVX512 } sluice_isa;

typedef enum sluice_gemm {
    SLUICE_GEMM_AUTO = 0, /**< fused, unless SLUICE_GEMM says otherwise */
    SLUICE_GEMM_FUSED,    /**< the library's own kernels, gates activated in registers */
    SLUICE_GEMM_BLIS      /**< products of LSTM layers, and of all gradients, by BLIS: the baseline and cross-check; outside the
                               numeric contract */
} sluice_gemm;

typedef enum sluice_schedule {
    SLUICE_SCHEDULE_AUTO = 0, /**< the engine decides */
    SLUICE_SCHEDULE_ROWS,     /**< each thread takes rows through all steps, x and h in one product */
    SLUICE_SCHEDULE_HOIST,    /**< as rows, with the products of x done first for a chunk of steps */
    SLUICE_SCHEDULE_UNITS     /**< the threads divide the units of each step, with a barrier after it; x is treated as by hoist */
} sluice_schedule;

/**
 * How the products W x and U h' of LSTM layers are computed. In every precision a row's bits depend on nothing but the row and the
 * weights: not on the batch, threads, schedule, instruction set, or on the pieces in which a stream comes. c, activations, outputs,
 * states and projections, dense and affine layers and heads are float32, and so is W x where x is a row of the embedding.
 *
 * f32 is the numeric contract above. Weights of a layer-direction that are all exactly bfloat16 or half-precision numbers, as those of
 * BF16 and F16 files are, take half the memory; no bit of a result changes.
 *
 * bf16: weights, x and h are rounded to bfloat16, to nearest with ties to even, subnormal numbers to zero. A product is one chain of
 * multiply-adds from zero, for each pair of terms 2k and 2k+1 first that of 2k+1, then that of 2k, an odd number of terms being
 * followed by a zero; the pre-activation is (b + W x) + U h'. The whole call counts subnormals as zero, as with flush_to_zero. That is
 * what vdpbf16ps computes, which is used where the CPU has it and a comparison at the engine's creation agrees. NaN and infinities are
 * as in f32. For x86-64 only.
 *
 * int8: each row j of W and of U has the scale s_j = m / 127, where m is its largest magnitude, and integers q = rint(w * (127 / m));
 * with m < 2^-100 both are zero. x has the same of each row at each step, with scale r; h, and an x that is the output of LSTM cells as
 * they are, has the integers rint(127 * h) and the scale 1/127 while its magnitudes are at most 1, else as any x. (The outputs of a
 * projection, of a relu and their like, and of layers between are any x.) A sum of integers is exact, and
 *     pre-activation = fma(sum of h, r_h * s_j, fma(sum of x, r_x * s_j, b_j)),
 * with s_j / 127 in place of r * s_j for the scale 1/127. A row with a NaN or an infinity in x or h has r = NaN: all units of the row
 * are NaN from there on (in f32 an infinity saturates). Sums have at most 131,072 terms; more are UNSUPPORTED.
 *
 * Memory of the weights, with bf16 half of f32's, with int8 a quarter. Layers of fewer than 16 units are not faster than in f32.
 * Errors of outputs are some 1e-3 with bf16 and 4e-3 with int8 for weights as torch.nn.LSTM begins with; docs/guide.md has
 * accuracies, and `sluice info MODEL --precision int8 --compare X.npy` measures a model's own.
 */
typedef enum sluice_precision {
    SLUICE_PRECISION_AUTO = 0, /**< f32, unless SLUICE_PRECISION says otherwise */
    SLUICE_PRECISION_F32,
    SLUICE_PRECISION_BF16,
    SLUICE_PRECISION_INT8
} sluice_precision;

/**
 * What an engine should use. Zero is "choose"; so is a NULL pointer to the whole. A value that is given here takes precedence over
 * an environment variable, and that over the default: where `threads` is 0, SLUICE_NUM_THREADS and then OMP_NUM_THREADS decide; where
 * `isa` is 0, SLUICE_ISA, the best instruction set that may be used, and without it the one that suits the network: the CPU's best,
 * but for units that fill narrower vectors better (sluice_engine_get_info says which); where `gemm` is 0, SLUICE_GEMM (fused or blis);
 * where `precision` is 0, SLUICE_PRECISION (f32, bf16 or int8), but engines for training and those of the BLIS path have f32
 * whatever it says. A variable that is unset, blank or "auto" decides nothing.
 */
typedef struct sluice_engine_options {
    size_t struct_size; /**< sizeof(sluice_engine_options) */
    sluice_isa isa;     /**< asking for one that the CPU or the OS lacks is UNSUPPORTED */
    sluice_gemm gemm;
    sluice_schedule schedule;
    unsigned threads;           /**< default: the least of affinity, cgroup CPU quota and physical cores */
    int flush_to_zero;          /**< 1: subnormals count as zero while computing (MXCSR FTZ and DAZ). Changes bits. Default 0 */
    int training;               /**< 1: also keep what sluice_backward reads, as much memory again */
    sluice_precision precision; /**< BF16 and INT8 are UNSUPPORTED with `training` and with the BLIS path */
    /** Figures of its speed (sluice_tools.h), copied; NULL: those of sluice_machine_get. No bit of a result depends on them. Where the engine
     *  takes another instruction set than theirs, which `isa` leaves open, it has the table's. */
    const struct sluice_machine *machine;
} sluice_engine_options;

typedef struct sluice_engine sluice_engine;

typedef struct sluice_engine_info {
    size_t struct_size; /**< sizeof(sluice_engine_info), set by the caller */
    sluice_isa isa;
    sluice_gemm gemm;
    sluice_schedule schedule; /**< as asked for; AUTO is decided call by call */
    unsigned threads;
    size_t packed_bytes; /**< weights and tables as the kernels read them */
    size_t table_bytes;  /**< of these, the table of the embedding's products */
    size_t lanes;        /**< floats of a vector in the kernels of this instruction set */
    sluice_precision precision;
} sluice_engine_info;

/**
 * Pack a model's weights for this CPU and fix the kernels, the thread count and the schedule rule. Suits any T and N afterwards.
 * With an embedding of moderate size a table embedding x W + b is made, so that a token costs no input product.
 * The model is not needed afterwards.
 * @param options NULL: defaults.
 * @retval BAD_ARGUMENT, NO_MEMORY, TOO_LARGE
 * @retval UNSUPPORTED  an ISA this machine lacks; training of a cell that has an option without a gradient, which is named.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_engine_create(const sluice_model *model, const sluice_engine_options *options,
                                                                 sluice_engine **engine, sluice_error *error);

/** What the engine uses; BAD_ARGUMENT if info's struct_size is not known. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_engine_get_info(const sluice_engine *engine, sluice_engine_info *info);

/** Free the engine; NULL is allowed. No call may be using it. */
SLUICE_API void sluice_engine_destroy(sluice_engine *engine);

/* ---- Workspace: scratch memory of one call at a time ----------------------------------------------------------------------- */

typedef struct sluice_workspace sluice_workspace;

/**
 * Make scratch memory for calls on `engine` of up to `rows` rows, the longest of up to `steps` steps (both may be 0). A batch that
 * needs more grows it, once; calls that fit allocate nothing and cannot fail for lack of memory. What counts is the longest of a
 * batch's lengths, not its `steps`. One workspace serves one call at a time. It belongs to its engine, which must outlive it. It
 * holds states and products of some rows for each thread that can be busy, and 20 bytes for each row of the batch; steps do not
 * count, but that a stack of bidirectional layers has to hold all those of a few rows at a time. sluice_plan_get reports the bytes.
 * A batch with masked steps needs more, for all steps of some rows: the first one makes the workspace grow.
 * @retval BAD_ARGUMENT, NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_workspace_create(const sluice_engine *engine, size_t rows, size_t steps,
                                                                    sluice_workspace **workspace, sluice_error *error);

/** Bytes the workspace holds now. */
SLUICE_API size_t sluice_workspace_get_bytes(const sluice_workspace *workspace);

/** Free the workspace; NULL is allowed. */
SLUICE_API void sluice_workspace_destroy(sluice_workspace *workspace);

/* ---- Streams: sequences that arrive in pieces ------------------------------------------------------------------------------ */

/**
 * The states (h, c) of a number of slots, each a sequence of its own. A batch that names streams goes on where each of its
 * slots stands, and leaves it where the row ends; fed in pieces, a sequence has the bits it has fed whole. For networks of one
 * direction. Any number of calls may use a set at once as long as they name different slots.
 *
 * What a network makes of a row's steps together is of the piece alone where it is the mean, the maximum or the last of these steps;
 * final states are those at the piece's end, and so of the sequence up to there. Where a piece begins with masked steps, the outputs
 * that they repeat are those with which the piece before it ended.
 */
typedef struct sluice_streams sluice_streams;

/**
 * Make a set of slots, all at the zero state, or at that which the network has learned (SLUICE_PART_INITIAL_STATE), for this engine's
 * network. Engines of the same layers and hidden units may use it; it outlives them.
 * @retval BAD_ARGUMENT
 * @retval UNSUPPORTED  the network has a reverse direction, which begins at a sequence's end.
 * @retval NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_streams_create(const sluice_engine *engine, size_t slots,
                                                                  sluice_streams **streams, sluice_error *error);

/** The number of slots. */
SLUICE_API size_t sluice_streams_get_slots(const sluice_streams *streams);

/** Copy a slot's state out, each of h and c [L][H], NULL: not wanted. BAD_ARGUMENT: no such slot, or a call is using it. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_streams_get(sluice_streams *streams, size_t slot, float *h, float *c,
                                                               sluice_error *error);

/** Set a slot's state, each of h and c [L][H], NULL: as in a new set; both NULL begin a new sequence. Errors as sluice_streams_get. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_streams_set(sluice_streams *streams, size_t slot, const float *h, const float *c,
                                                               sluice_error *error);

/** Write all slots to a safetensors file with tensors "h" and "c", F32 [L][slots][H], replaced as a whole; where the states of the
 *  layers differ in size, with "h_l0", "c_l0", ... [slots][H] for each LSTM layer. No call may be using the set. BAD_ARGUMENT, IO,
 *  NO_MEMORY, TOO_LARGE. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_streams_save(const sluice_streams *streams, const char *path,
                                                                sluice_error *error);

/**
 * Make a set from a file that sluice_streams_save wrote.
 * @retval BAD_ARGUMENT, NO_INPUT, IO, UNSUPPORTED (as sluice_streams_create), NO_MEMORY, TOO_LARGE
 * @retval BAD_DATA     not such a file, or states of other layers or hidden units than the engine's.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_streams_load(const sluice_engine *engine, const char *path,
                                                                sluice_streams **streams, sluice_error *error);

/** Free the set; NULL is allowed. No call may be using it. */
SLUICE_API void sluice_streams_destroy(sluice_streams *streams);

/* ---- Forward --------------------------------------------------------------------------------------------------------------- */

typedef struct sluice_tape sluice_tape; /* sluice_train.h */

/** Most elements of `outputs` of a sluice_batch. */
#define SLUICE_MAX_OUTPUTS 16

/** Outputs of a layer that a call is to give besides y. Its size stays. */
typedef struct sluice_output {
    size_t layer; /**< index in the network: sluice_model_get_network */
    float *at;    /**< [N][T][W], step t of row n at at[n*row_stride + t*step_stride], zero past a row's end; [N][W] of a layer
                       that gives one vector of a row. Of an LSTM layer with other steps than ALL the vectors */
    size_t row_stride, step_stride; /**< both 0: contiguous */
} sluice_output;

/**
 * One call's sequences and results. Start from zeros ({0}) and set struct_size. Arrays stay the caller's; outputs must not
 * overlap each other or inputs, but hn may be h0 and cn may be c0.
 *
 * Row n, step t of x starts at x[n*x_row_stride + t*x_step_stride]; of y at y[n*y_row_stride + t*y_step_stride]; a token
 * likewise. Both strides of an array 0 means contiguous, batch first: x [N][T][I], y [N][T][D*H], tokens [N][T]. For step-first
 * (torch's default, [T][N][I]) set the row stride to I and the step stride to N*I.
 *
 * Offsets take the place of strides, for rows that do not lie evenly: offsets[n] is instead of n*row_stride, which is not read then,
 * and step_offsets[t] instead of t*step_stride, which must be 0; both 0, the rows of a step follow each other. So torch's
 * PackedSequence, whose step t has those of the rows, longest first, that are longer than t, is x with x_step_offsets[t] = I *
 * (batch_sizes[0] + ... + batch_sizes[t-1]), and x_offsets[n] = I * (the place of row n among the sorted) where the rows of the batch
 * are in another order. That the steps of rows lie apart in y is then the caller's to see to.
 */
typedef struct sluice_batch {
    size_t struct_size;     /**< sizeof(sluice_batch) */
    size_t steps;           /**< T >= 0, the longest row's room */
    size_t rows;            /**< N >= 0 */
    const int64_t *lengths; /**< [N], each 0..T, in any order; NULL: every row has T steps */
    const float *x;         /**< input of a model without embedding */
    const int32_t *tokens;  /**< input of a model with embedding, each 0..V-1 */
    size_t x_row_stride;    /**< of x, or of tokens */
    size_t x_step_stride;
    const size_t *x_offsets; /**< [N] where each row starts in x or tokens, instead of n*x_row_stride; NULL: by stride */
    const float *h0;         /**< [L*D][N][H], index l*D + d; NULL: zeros, or as learned */
    const float *c0;         /**< likewise */
    float *y;                /**< h of the last layer at every step, forward half first, zero past a row's end; NULL: not wanted */
    size_t y_row_stride;
    size_t y_step_stride;
    float *hn;          /**< [L*D][N][H], each row's state after its last step (the reverse direction's: after its step 0); NULL */
    float *cn;          /**< likewise */
    float *logits;      /**< [N][C], the head of the last layer's final h, forward beside reverse; NULL */
    float *step_logits; /**< [N][T][C], the head of y at every step, zero past a row's end; wants y or a tape; NULL */
    sluice_streams *streams; /**< where the rows' states come from and go to, h0 and c0 being NULL; NULL: as said above */
    const size_t *slots;     /**< [N], each row's slot, no two alike; NULL: row n has slot n */
    sluice_tape *tape;       /**< written for sluice_backward; what it held before is lost, even if the call fails; NULL: none */
    float dropout;           /**< with a tape: each output of a layer below another is set to 0 for the next layer with this
                                  probability, else divided by 1 - dropout; 0 <= dropout < 1. In a sluice_network: the
                                  outputs of all LSTM layers but the last, directions merged */
    uint64_t dropout_key;    /**< which ones: a function of the key, the layer, the row's index, the step and the unit alone */
    unsigned max_threads; /**< threads of this call at most, and of sluice_backward on its tape; 0: the engine's. No bit changes */
    const uint8_t *mask;  /**< [N][T] with these strides, 0: the step is masked: it keeps the states, and the LSTM layers' outputs
                               there repeat those of the iteration before (0 before the first); NULL: no step is, or those that
                               the network itself masks, whose rule a mask replaces. Both strides 0: contiguous, [N][T].
                               sluice_network.h: sluice_masking, masked_outputs_zero, processing_order */
    size_t mask_row_stride;
    size_t mask_step_stride;
    const sluice_output *outputs; /**< [output_count] what else is wanted */
    size_t output_count;
    const size_t
        *x_step_offsets;     /**< [T] where each step lies from the row's start in x or tokens, instead of t*x_step_stride, which
                                       is 0 then; those of steps that no row has are not read; NULL: by stride */
    const size_t *y_offsets; /**< [N] where each row starts in y, instead of n*y_row_stride; with these or y_step_offsets nothing
                                       is written past a row's end; NULL: by stride */
    const size_t *y_step_offsets; /**< [T] likewise of y, instead of t*y_step_stride */
    const uint8_t *byte_tokens;   /**< instead of tokens: a byte each, as those of a text are */
    size_t dropout_row;           /**< the index that row 0 has for dropout, where these rows are a part of a larger batch */
    const size_t *shards;         /**< [S + 1] of a trainer's S shards: k is rows shards[k]..shards[k+1]-1; NULL: as
                                       sluice_shards_cut has it. sluice_forward ignores it */
    const float *sample_weights;  /**< of a trainer's batch, as sluice_loss: [N], or with every_step [N][T]; NULL: all 1.
                                       sluice_forward ignores it */
} sluice_batch;

/**
 * Run the network over a batch. One OpenMP parallel region of up to the engine's threads, or max_threads, but no more than this
 * process has CPUs unless a schedule is asked for; inside a caller's parallel region it runs on the caller's thread alone. Work is
 * proportional to the sum of the lengths.
 *
 * @param workspace NULL: one that the engine keeps for such calls, made or grown when it has none to spare; as fast, once the
 *                  calls that run at the same time have each had theirs.
 *
 * A row of length 0 yields its initial state, zeros in y, and the head of that state. N = 0 does nothing. Bytes outside the
 * shapes above are neither read nor written, and what lies past a row's end in x is not read. NaN and infinity in x, h0 or c0
 * spread as the equations have it, within their own row; that is no error.
 *
 * @retval BAD_ARGUMENT NULL engine or batch; workspace of another engine; x, tokens and byte_tokens not as the model asks; logits or
 *                      step_logits that the network does not give; of a shape's head, step_logits with neither y nor a tape;
 *                      outputs of a layer that is not there, or more than SLUICE_MAX_OUTPUTS; strides of y or outputs that overlap; step
 *                      offsets beside a step stride; streams of another shape, or beside h0 or c0; a tape of
 *                      another engine; dropout out of range, or without a tape. Nothing is written.
 * @retval BAD_DATA     a length negative or beyond T, a token outside 0..V-1, a slot that is not there, is given twice or is in
 *                      use by another call; the message has row and step. Nothing is written.
 * @retval UNSUPPORTED  a masked step, a mask or outputs together with a tape; outputs of a shape's embedding or head. Nothing is written.
 * @retval TOO_LARGE, NO_MEMORY (only while the workspace or the tape grows). Nothing is written.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_forward(const sluice_engine *engine, sluice_workspace *workspace,
                                                           const sluice_batch *batch, sluice_error *error);

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
}
#endif

#endif
