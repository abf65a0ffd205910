#include "cli/layer_output.h"

#include "program/layer_facts.h"
#include "program/model_shape.h"
#include "program/report.h"

#include <stdio.h>
#include <string.h>

enum { LIST_BYTES = 480 };

static sl_layer_output get_layer(const sluice_model *model, size_t index)
{
    const sl_layer_facts facts = sl_layer_facts_get(model, index);
    return (sl_layer_output){.field = SL_OUTPUT_LAYER, .layer = index, .width = facts.outputs, .has_steps = facts.gives_steps};
}

/* Whether a layer is an embedding whose rows an engine need not have: that of a shape. */
static bool is_table(const sluice_model *model, const sluice_layer *layer)
{
    return layer->kind == SLUICE_LAYER_EMBEDDING && sluice_model_is_shape(model);
}

/* The names of the layers whose outputs may be asked for, as many as there is room for. */
static const char *list_layers(const sluice_model *model, char list[LIST_BYTES])
{
    const sluice_network network = sl_model_network(model);
    size_t used = 0;
    *list = '\0';
    for (size_t k = 0; k < network.layer_count; k++) {
        const sl_layer_facts facts = sl_layer_facts_get(model, k);
        const size_t length = strlen(facts.layer->name);
        if (facts.is_head || is_table(model, facts.layer))
            continue;
        if (used + length + sizeof ", ..." >= LIST_BYTES) {
            snprintf(list + used, LIST_BYTES - used, ", ...");
            break;
        }
        used += (size_t)snprintf(list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", facts.layer->name);
    }
    return list;
}

static sl_exit find_layer(const sl_options *options, const sluice_model *model, sl_layer_output *output)
{
    const sluice_network network = sl_model_network(model);
    char list[LIST_BYTES];
    size_t k = 0;
    while (k < network.layer_count && strcmp(network.layers[k].name, options->layer) != 0)
        k++;
    if (k == network.layer_count)
        return sl_report(SL_EXIT_USAGE, "--layer '%s': %s has no such layer; expected one of %s", options->layer, options->model,
                         list_layers(model, list));
    if (is_table(model, &network.layers[k]))
        return sl_report(SL_EXIT_USAGE, "--layer '%s' is an embedding, whose outputs are rows of its table; expected one of %s",
                         options->layer, list_layers(model, list));
    if (sl_layer_facts_get(model, k).is_head)
        return sl_report(SL_EXIT_USAGE, "--layer '%s' is the head; give --head FILE for its outputs", options->layer);
    *output = get_layer(model, k);
    return SL_EXIT_OK;
}

sl_exit sl_layer_output_find(const sl_options *options, const sluice_model *model, sl_layer_output *output)
{
    if (options->layer)
        return find_layer(options, model, output);
    if (!sluice_model_is_shape(model) && sl_model_shape(model).classes) {
        *output = sl_layer_output_of_end(model);
        return SL_EXIT_OK;
    }
    const sluice_network network = sl_model_network(model);
    size_t last = network.layer_count - 1;
    while (network.layers[last].kind != SLUICE_LAYER_LSTM)
        last--;
    *output = (sl_layer_output){.field = SL_OUTPUT_Y, .width = sluice_model_get_width(model, last), .has_steps = true};
    return SL_EXIT_OK;
}

sl_layer_output sl_layer_output_of_end(const sluice_model *model)
{
    sl_layer_output end = get_layer(model, sl_model_network(model).layer_count - 1);
    if (sluice_model_is_shape(model))
        end.field = SL_OUTPUT_LOGITS;
    return end;
}
