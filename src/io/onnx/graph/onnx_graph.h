/* The graph of an ONNX file in memory: nodes, attributes, initializers, and who gives which value. Weights stay in the file. Graphs
 * within nodes (the branches of If) see the values of those around them. Knows nothing of LSTMs. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_GRAPH_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_GRAPH_H

#include "io/tensor_source.h"

#include <stdint.h>

enum {
    SL_ONNX_MAX_NESTING = 16,    /* graphs within graphs */
    SL_ONNX_MAX_LIST = 64,       /* numbers of a list, or elements of a tensor, that are kept as integers */
    SL_ONNX_MAX_FILES = 64,      /* files beside the model */
    SL_ONNX_FREE_BYTES = 4 << 20 /* of memory for the graph, beside SL_ONNX_GROWTH times the file */
};
enum { SL_ONNX_GROWTH = 1 };

/** Element types of tensors, by their numbers in files. */
enum {
    SL_ONNX_FLOAT = 1,
    SL_ONNX_UINT8 = 2,
    SL_ONNX_INT8 = 3,
    SL_ONNX_INT32 = 6,
    SL_ONNX_INT64 = 7,
    SL_ONNX_BOOL = 9,
    SL_ONNX_FLOAT16 = 10,
    SL_ONNX_DOUBLE = 11,
    SL_ONNX_BFLOAT16 = 16
};

typedef struct sl_onnx_graph sl_onnx_graph;

/** All texts of a graph end with NUL, are never NULL but where it says so, and live as long as the model. */
typedef struct sl_onnx_tensor {
    struct sl_onnx_tensor *next;
    sl_tensor tensor; /* type OTHER: not readable as weights; its input is NULL, or &decoded, or a file beside the model */
    int64_t data_type;
    const int64_t *ints;     /* [tensor.elements] of a small tensor of integers; else NULL */
    sl_input decoded;        /* the values in memory, of which the file has each by itself; its name is the file's */
    const char *location;    /* of values in another file; else NULL */
    uint64_t offset, length; /* there; length UINT64_MAX: not stated */
} sl_onnx_tensor;

typedef struct sl_onnx_attribute {
    struct sl_onnx_attribute *next;
    const char *name;
    float f;
    int64_t i;
    const char *s;
    sl_onnx_tensor *tensor; /* or NULL */
    sl_onnx_graph *graph;   /* or NULL */
    const float *floats;
    const int64_t *ints;
    const char *const *strings;
    size_t float_count, int_count, string_count; /* more than SL_ONNX_MAX_LIST: the list was not kept */
} sl_onnx_attribute;

typedef struct sl_onnx_node {
    struct sl_onnx_node *next;
    const sl_onnx_graph *graph; /* that it is in */
    const char *name, *op, *domain;
    const char **inputs, **outputs;
    size_t input_count, output_count;
    const sl_onnx_attribute *attributes;
    size_t at; /* byte of the file */
} sl_onnx_node;

/** An input or output of a graph. */
typedef struct sl_onnx_port {
    struct sl_onnx_port *next;
    const char *name;
    bool has_shape;
    size_t dims;
    size_t last; /* size of its last dimension; 0: not stated */
} sl_onnx_port;

typedef enum sl_onnx_kind { SL_ONNX_NOTHING, SL_ONNX_NODE, SL_ONNX_TENSOR, SL_ONNX_INPUT } sl_onnx_kind;

/** What gives a value. */
typedef struct sl_onnx_origin {
    const char *value;
    sl_onnx_kind kind;
    const sl_onnx_graph *graph;
    const sl_onnx_node *node; /* of NODE, and which of its outputs it is */
    size_t output;
    const sl_onnx_tensor *tensor; /* of TENSOR */
    const sl_onnx_port *port;     /* of INPUT */
} sl_onnx_origin;

struct sl_onnx_graph {
    const sl_onnx_graph *parent;
    const sl_onnx_node *nodes;
    sl_onnx_tensor *tensors;
    const sl_onnx_port *inputs, *outputs;
    const sl_onnx_origin *origins; /* [origin_count], sorted by value */
    size_t origin_count;
    size_t at;
};

/** A block of the memory of a model. */
typedef struct sl_onnx_block sl_onnx_block;

/** Starts from zeros. */
typedef struct sl_onnx_model {
    const sl_input *input;
    sl_onnx_graph *graph;
    int64_t opset; /* of the operators of ONNX itself */
    const char *producer;
    bool has_external;                 /* some tensors are in other files */
    sl_input files[SL_ONNX_MAX_FILES]; /* beside the model, open */
    size_t file_count;
    sl_onnx_block *blocks;
    bool is_full;       /* no memory was given because there was no room */
    size_t taken, room; /* bytes of memory, and how many there may be */
} sl_onnx_model;

/** `bytes` zeroed bytes that live as long as the model; NULL: there are none, or the file asks for more than its size justifies. */
void *sl_onnx_take(sl_onnx_model *model, size_t bytes);

/** Sort who gives which value of a graph, whose lists are complete. BAD_DATA: two give the same; NO_MEMORY. */
sluice_status sl_onnx_index(sl_onnx_model *model, sl_onnx_graph *graph, sluice_error *error);

/** Who gives a value that is seen in a graph; kind NOTHING: nobody. An initializer goes before an input of its name. */
sl_onnx_origin sl_onnx_find(const sl_onnx_graph *graph, const char *value);

/** A node's attribute, or NULL. */
const sl_onnx_attribute *sl_onnx_get_attribute(const sl_onnx_node *node, const char *name);

/** Its value, or what is to be taken where it has none. */
int64_t sl_onnx_get_int(const sl_onnx_node *node, const char *name, int64_t otherwise);
float sl_onnx_get_float(const sl_onnx_node *node, const char *name, float otherwise);

/** The name of a node's input, "" if it has none there. */
const char *sl_onnx_get_input(const sl_onnx_node *node, size_t input);

/** Whether it is this operator, of ONNX itself. */
bool sl_onnx_is(const sl_onnx_node *node, const char *op);

/** What messages call a node: its name, or that of its first output. */
const char *sl_onnx_get_name(const sl_onnx_node *node);

/** Close the files and free the memory. */
void sl_onnx_release(sl_onnx_model *model);

#endif
