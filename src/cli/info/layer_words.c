#include "cli/info/layer_words.h"

#include "base/layer.h"
#include "io/npy/npy_type.h"

#include <stdarg.h>
#include <stdio.h>

enum { ACTIVATION_BYTES = 96 };

/* Append to a list; NULL: there was no memory before. */
static void add(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(json_t *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    json_array_append_new(list, json_vsprintf(format, arguments));
    va_end(arguments);
}

/* A number with the fewest digits that are this float: 0.2. */
typedef struct number {
    char text[SL_NPY_VALUE_BYTES];
} number;

static number shorten(float value)
{
    number made;
    sl_npy_format_value(SL_NPY_F4, &value, 0, made.text);
    return made;
}

/* ---- Activations ------------------------------------------------------------------------------------------------------------ */

/* "relu", "leaky_relu(0.1)", "hard_sigmoid(0.2, 0.5)". */
static const char *format_activation(const sluice_activation *activation, char text[ACTIVATION_BYTES])
{
    const char *name = sluice_function_get_name(activation->function);
    const number alpha = shorten(activation->alpha), beta = shorten(activation->beta);
    switch (activation->function) {
    case SLUICE_FUNCTION_HARD_SIGMOID:
    case SLUICE_FUNCTION_AFFINE:
    case SLUICE_FUNCTION_SCALED_TANH:
        snprintf(text, ACTIVATION_BYTES, "%s(%s, %s)", name, alpha.text, beta.text);
        break;
    case SLUICE_FUNCTION_LEAKY_RELU:
    case SLUICE_FUNCTION_THRESHOLD_RELU:
    case SLUICE_FUNCTION_ELU:
        snprintf(text, ACTIVATION_BYTES, "%s(%s)", name, alpha.text);
        break;
    default:
        snprintf(text, ACTIVATION_BYTES, "%s", name);
    }
    return text;
}

/* An activation other than the place's own, `usual`. */
static void add_activation(json_t *list, const char *what, const sluice_activation *activation, sluice_function usual)
{
    char text[ACTIVATION_BYTES];
    if (activation->function != SLUICE_FUNCTION_DEFAULT && activation->function != usual)
        add(list, "%s%s", what, format_activation(activation, text));
}

/* ---- Cells ------------------------------------------------------------------------------------------------------------------ */

static void add_clip(json_t *list, const char *what, float clip)
{
    if (clip > 0)
        add(list, "%s clipped at %s", what, shorten(clip).text);
}

static json_t *get_cell(const sluice_cell *cell)
{
    json_t *list = json_array();
    if (!(cell->parts & (SLUICE_PART_BIAS | SLUICE_PART_NORM)))
        add(list, "no bias");
    if (cell->parts & SLUICE_PART_PEEPHOLES)
        add(list, "peepholes");
    if (cell->parts & SLUICE_PART_NORM)
        add(list, "layer normalisation, epsilon %s", shorten(cell->norm_epsilon).text);
    if (cell->parts & SLUICE_PART_INITIAL_STATE)
        add(list, "learned initial states");
    if (cell->coupled)
        add(list, "f = 1 - i");
    if (cell->forget_bias != 0)
        add(list, "forget bias %s", shorten(cell->forget_bias).text);
    add_activation(list, "gates ", &cell->gate, SLUICE_FUNCTION_SIGMOID);
    add_activation(list, "candidate ", &cell->candidate, SLUICE_FUNCTION_TANH);
    add_activation(list, "output ", &cell->output, SLUICE_FUNCTION_TANH);
    add_clip(list, cell->output_unclipped ? "inputs of gates and candidate" : "inputs of activations", cell->gate_clip);
    add_clip(list, "c", cell->cell_clip);
    if (cell->parts & SLUICE_PART_PROJECTION_BIAS)
        add(list, "bias of the projection");
    add_clip(list, "projection", cell->projection_clip);
    return list;
}

/* Append the words of the cells; each behind its direction where they differ. */
static void add_cells(json_t *list, const sluice_layer *layer)
{
    static const char *const names[] = {"forward: ", "reverse: "};
    const size_t directions = sl_layer_count_directions(layer);
    json_t *cells[2] = {NULL};
    for (size_t d = 0; layer->cells && d < directions; d++)
        cells[d] = get_cell(&layer->cells[d]);
    const bool differ = cells[1] && !json_equal(cells[0], cells[1]);
    for (size_t d = 0; d < 2; d++) {
        for (size_t k = 0; (!d || differ) && k < json_array_size(cells[d]); k++)
            add(list, "%s%s", differ ? names[d] : "", json_string_value(json_array_get(cells[d], k)));
        json_decref(cells[d]);
    }
}

/* ---- Layers ----------------------------------------------------------------------------------------------------------------- */

static void add_lstm(json_t *list, const sluice_layer *layer)
{
    static const char *const merges[] = {[SLUICE_MERGE_CONCAT] = "both directions",
                                         [SLUICE_MERGE_SUM] = "sum of both directions",
                                         [SLUICE_MERGE_PRODUCT] = "product of both directions",
                                         [SLUICE_MERGE_MEAN] = "mean of both directions"};
    if (layer->direction == SLUICE_DIRECTION_BOTH)
        add(list, "%s", merges[layer->merge]);
    if (layer->direction == SLUICE_DIRECTION_REVERSE)
        add(list, layer->processing_order ? "reverse, outputs in processing order" : "reverse");
    if (layer->steps == SLUICE_STEPS_FINAL)
        add(list, "final states");
    if (layer->projection)
        add(list, "%zu units, projection to %zu", layer->units, layer->projection);
    if (layer->masked_outputs_zero)
        add(list, "outputs of masked steps 0");
    add_cells(list, layer);
}

json_t *sl_layer_words_get(const sl_layer_facts *facts)
{
    const sluice_layer *layer = facts->layer;
    json_t *list = json_array();
    if (facts->is_head)
        add(list, "head of the final states");
    if (layer->kind == SLUICE_LAYER_EMBEDDING)
        add(list, "%zu tokens", layer->vocabulary);
    if (layer->kind == SLUICE_LAYER_LSTM)
        add_lstm(list, layer);
    if (layer->steps == SLUICE_STEPS_LAST)
        add(list, "last step");
    if (layer->steps == SLUICE_STEPS_MEAN)
        add(list, "mean of the steps");
    if (layer->steps == SLUICE_STEPS_MAX)
        add(list, "maximum of the steps");
    add_activation(list, "", &layer->activation, SLUICE_FUNCTION_LINEAR);
    if (layer->kind == SLUICE_LAYER_DENSE && !layer->has_bias)
        add(list, "no bias");
    return list;
}
