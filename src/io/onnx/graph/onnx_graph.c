#include "io/onnx/graph/onnx_graph.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"

#include <stdlib.h>
#include <string.h>

/* ---- Memory ---------------------------------------------------------------------------------------------------------------- */

enum { BLOCK_BYTES = 16384, TAKE_ALIGNMENT = 16 };

struct sl_onnx_block {
    sl_onnx_block *next;
    size_t used, size;
    _Alignas(TAKE_ALIGNMENT) char bytes[];
};

static sl_onnx_block *add_block(sl_onnx_model *model, size_t bytes)
{
    const size_t size = sl_size_max(bytes, BLOCK_BYTES - sizeof(sl_onnx_block));
    model->is_full = size > model->room - sl_size_min(model->room, model->taken);
    if (model->is_full)
        return NULL;
    sl_onnx_block *made = sl_alloc(sizeof *made + size);
    if (!made)
        return NULL;
    made->next = model->blocks;
    made->size = size;
    model->blocks = made;
    model->taken += size;
    return made;
}

void *sl_onnx_take(sl_onnx_model *model, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    const size_t taken = sl_size_round_up(bytes, TAKE_ALIGNMENT);
    sl_onnx_block *block = model->blocks;
    if (!block || block->size - block->used < taken)
        block = add_block(model, taken);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used;
    block->used += taken;
    return memory;
}

void sl_onnx_release(sl_onnx_model *model)
{
    for (size_t k = 0; k < model->file_count; k++)
        sl_input_close(&model->files[k]);
    while (model->blocks) {
        sl_onnx_block *next = model->blocks->next;
        sl_free(model->blocks);
        model->blocks = next;
    }
    *model = (sl_onnx_model){0};
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static int compare_origins(const void *a, const void *b)
{
    const sl_onnx_origin *one = a, *other = b;
    const int order = strcmp(one->value, other->value);
    return order ? order : (int)one->kind - (int)other->kind;
}

static size_t count_origins(const sl_onnx_graph *graph)
{
    size_t count = 0;
    for (const sl_onnx_node *node = graph->nodes; node; node = node->next)
        count += node->output_count;
    for (const sl_onnx_tensor *tensor = graph->tensors; tensor; tensor = tensor->next)
        count++;
    for (const sl_onnx_port *port = graph->inputs; port; port = port->next)
        count++;
    return count;
}

static size_t list_origins(const sl_onnx_graph *graph, sl_onnx_origin *list)
{
    size_t count = 0;
    for (const sl_onnx_node *node = graph->nodes; node; node = node->next)
        for (size_t k = 0; k < node->output_count; k++)
            if (*node->outputs[k])
                list[count++] = (sl_onnx_origin){node->outputs[k], SL_ONNX_NODE, graph, node, k, NULL, NULL};
    for (const sl_onnx_tensor *tensor = graph->tensors; tensor; tensor = tensor->next)
        list[count++] = (sl_onnx_origin){tensor->tensor.name, SL_ONNX_TENSOR, graph, NULL, 0, tensor, NULL};
    for (const sl_onnx_port *port = graph->inputs; port; port = port->next)
        list[count++] = (sl_onnx_origin){port->name, SL_ONNX_INPUT, graph, NULL, 0, NULL, port};
    return count;
}

sluice_status sl_onnx_index(sl_onnx_model *model, sl_onnx_graph *graph, sluice_error *error)
{
    const size_t bytes = count_origins(graph) * sizeof(sl_onnx_origin);
    sl_onnx_origin *list = sl_onnx_take(model, bytes);
    if (!list)
        return sl_fail_memory(error, "the values of an ONNX graph", bytes);
    const size_t count = list_origins(graph, list);
    qsort(list, count, sizeof *list, compare_origins);
    for (size_t k = 1; k < count; k++) { /* before its version 4 every initializer was an input as well */
        const bool is_tensor = list[k - 1].kind == SL_ONNX_TENSOR && list[k].kind == SL_ONNX_INPUT;
        if (strcmp(list[k - 1].value, list[k].value) == 0 && !is_tensor)
            return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, model->input->name, list[k].node ? list[k].node->at : graph->at,
                                "ONNX: value \"%s\": expected one node or initializer that gives it, found two",
                                sl_label_get(list[k].value).text);
    }
    graph->origins = list;
    graph->origin_count = count;
    return SLUICE_STATUS_OK;
}

/* The first of its name. */
static const sl_onnx_origin *find_here(const sl_onnx_graph *graph, const char *value)
{
    size_t first = 0, end = graph->origin_count;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (strcmp(graph->origins[middle].value, value) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first < graph->origin_count && strcmp(graph->origins[first].value, value) == 0 ? &graph->origins[first] : NULL;
}

sl_onnx_origin sl_onnx_find(const sl_onnx_graph *graph, const char *value)
{
    for (; graph && *value; graph = graph->parent) {
        const sl_onnx_origin *found = find_here(graph, value);
        if (found)
            return *found;
    }
    return (sl_onnx_origin){.value = value, .kind = SL_ONNX_NOTHING};
}

/* ---- Nodes ----------------------------------------------------------------------------------------------------------------- */

const sl_onnx_attribute *sl_onnx_get_attribute(const sl_onnx_node *node, const char *name)
{
    for (const sl_onnx_attribute *found = node->attributes; found; found = found->next)
        if (strcmp(found->name, name) == 0)
            return found;
    return NULL;
}

int64_t sl_onnx_get_int(const sl_onnx_node *node, const char *name, int64_t otherwise)
{
    const sl_onnx_attribute *found = sl_onnx_get_attribute(node, name);
    return found ? found->i : otherwise;
}

float sl_onnx_get_float(const sl_onnx_node *node, const char *name, float otherwise)
{
    const sl_onnx_attribute *found = sl_onnx_get_attribute(node, name);
    return found ? found->f : otherwise;
}

const char *sl_onnx_get_input(const sl_onnx_node *node, size_t input)
{
    return input < node->input_count ? node->inputs[input] : "";
}

bool sl_onnx_is(const sl_onnx_node *node, const char *op)
{
    return strcmp(node->op, op) == 0 && (!*node->domain || strcmp(node->domain, "ai.onnx") == 0);
}

const char *sl_onnx_get_name(const sl_onnx_node *node)
{
    for (size_t k = 0; !*node->name && k < node->output_count; k++)
        if (*node->outputs[k])
            return node->outputs[k];
    return node->name;
}
