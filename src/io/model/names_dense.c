/* The dense layers behind the LSTMs: one that is found or named, or a list of them, with activations. */
#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/model/names_find.h"
#include "io/network/function_words.h"

#include <stdio.h>
#include <string.h>

/* Whether it is a list of stems, and not one that has a comma in it. */
static bool is_list(const sl_names_context *context, const char *head)
{
    return head && strchr(head, ',') && !sl_source_find_joined(context->source, head, strlen(head), ".weight");
}

/* Find and check the matrix of this stem, which has as many columns as the layer before it has outputs, and its bias. */
static sluice_status bind_layer(const sl_names_context *context, const char *stem, size_t bytes, size_t columns,
                                sl_bound_dense *dense)
{
    sl_tensor *weight = bytes ? sl_source_find_joined(context->source, stem, bytes, ".weight") : NULL;
    if (!weight)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                       "%s: tensor \"%s.weight\" is missing, asked for as a dense layer; see --head-name (names.head)",
                       context->source->input.name, sl_label_get_part(stem, bytes).text);
    const size_t rows = weight->dims && weight->shape[0] ? weight->shape[0] : 1; /* any number but 0 */
    sluice_status status =
        sl_names_check_tensor(context, weight, rows, columns, "the second: outputs of the layer before, as --head-name lists them");
    sl_tensor *bias = sl_source_find_joined(context->source, stem, bytes, ".bias");
    if (!status && bias)
        status = sl_names_check_tensor(context, bias, rows, 0, "outputs of the layer");
    dense->weight = weight;
    dense->bias = bias;
    return status;
}

static sluice_status bind_list(const sl_names_context *context, const char *list, sl_bound_network *network)
{
    sl_binding *binding = context->binding;
    size_t columns = sl_names_get_width(binding), bytes;
    for (size_t k = 0; k < network->dense_count; k++, list += bytes + 1) {
        bytes = strcspn(list, ",");
        const sluice_status status = bind_layer(context, list, bytes, columns, &network->dense[k]);
        if (status)
            return status;
        columns = network->dense[k].weight->shape[0];
    }
    binding->extras[SL_HEAD_WEIGHT] = network->dense[network->dense_count - 1].weight;
    binding->shape.classes = columns;
    return SLUICE_STATUS_OK;
}

static sluice_status allocate_dense(const sl_names_context *context, size_t count, sl_bound_network *network)
{
    network->dense = sl_alloc_array(count, sizeof *network->dense);
    if (!network->dense)
        return sl_fail_memory(context->error, "the list of dense layers", count * sizeof *network->dense);
    network->dense_count = count;
    return SLUICE_STATUS_OK;
}

/* The head as sl_names_find_head takes it, if there is one. */
static sluice_status bind_head(const sl_names_context *context, const char *stem, sl_bound_network *network)
{
    sluice_status status = sl_names_find_head(context, stem);
    const sl_tensor *const *extras = context->binding->extras;
    if (status || !extras[SL_HEAD_WEIGHT])
        return status;
    status = allocate_dense(context, 1, network);
    if (!status)
        network->dense[0] = (sl_bound_dense){.weight = extras[SL_HEAD_WEIGHT], .bias = extras[SL_HEAD_BIAS]};
    return status;
}

/* ---- What is asked of them ------------------------------------------------------------------------------------------------- */

static sluice_status fail_words(const sl_names_context *context, const char *list, size_t bytes)
{
    return sl_fail(context->error, SLUICE_STATUS_BAD_ARGUMENT,
                   "--head-activation (names.head_activation): expected functions separated by commas, of %s, found \"%s\"",
                   sl_function_words_list().text, sl_label_get_part(list, bytes).text);
}

/* An empty word is linear, as is what the list leaves out. */
static sluice_status set_activations(const sl_names_context *context, const char *list, sl_bound_network *network)
{
    const size_t count = sl_names_count_parts(list);
    if (count > network->dense_count)
        return sl_fail(context->error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--head-activation (names.head_activation): expected at most one function for each of %zu dense layers, "
                       "found %zu, \"%s\"; name the layers with --head-name A,B (names.head)",
                       network->dense_count, count, sl_label_get(list).text);
    for (size_t k = 0, bytes; k < count; k++, list += bytes + 1) {
        bytes = strcspn(list, ",");
        if (bytes && !sl_function_word_find(list, bytes, &network->dense[k].activation))
            return fail_words(context, list, bytes);
    }
    return SLUICE_STATUS_OK;
}

static sluice_status set_input(const sl_names_context *context, const char *word, sl_bound_network *network)
{
    if (strcmp(word, "every") == 0)
        network->steps = SLUICE_STEPS_ALL;
    else if (strcmp(word, "final") == 0)
        network->steps = SLUICE_STEPS_FINAL;
    else if (strcmp(word, "last") == 0)
        network->steps = SLUICE_STEPS_LAST;
    else
        return sl_fail(context->error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--head-input (names.head_input): expected every, final or last, found \"%s\"", sl_label_get(word).text);
    return SLUICE_STATUS_OK;
}

/* What is said of the head is said of one that is there. */
static sluice_status check_exists(const sl_names_context *context, const sluice_names *names, const sl_bound_network *network)
{
    if (network->dense_count || (!names->head_activation && !names->head_input))
        return SLUICE_STATUS_OK;
    const char *reason = context->binding->head.text;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: %s is given, but there is no head%s%.400s",
                   context->source->input.name,
                   names->head_activation ? "--head-activation (names.head_activation)" : "--head-input (names.head_input)",
                   *reason ? ": " : "; name it with --head-name (names.head)", reason);
}

sluice_status sl_names_find_dense(const sl_names_context *context, const sluice_names *names, sl_bound_network *network)
{
    const bool listed = is_list(context, names->head);
    sluice_status status =
        listed ? allocate_dense(context, sl_names_count_parts(names->head), network) : bind_head(context, names->head, network);
    if (!status && listed)
        status = bind_list(context, names->head, network);
    if (!status)
        status = check_exists(context, names, network);
    if (!status && names->head_activation)
        status = set_activations(context, names->head_activation, network);
    if (!status && names->head_input)
        status = set_input(context, names->head_input, network);
    network->is_shape =
        network->count == 1 && !context->binding->projection && !listed && !names->head_activation && !names->head_input;
    return status;
}
