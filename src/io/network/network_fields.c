#include "io/network/network_fields.h"

#include "base/layer.h"

#define WORD_OF(words, value) ((value) < sizeof(words) / sizeof *(words) ? (words)[value] : NULL)

static const char *name_steps(unsigned value)
{
    static const char *const words[] = {"all", "final", "last", "mean", "max"};
    return WORD_OF(words, value);
}

static const char *name_direction(unsigned value)
{
    static const char *const words[] = {"forward", "reverse", "both"};
    return WORD_OF(words, value);
}

static const char *name_merge(unsigned value)
{
    static const char *const words[] = {"concat", "sum", "product", "mean"};
    return WORD_OF(words, value);
}

static const char *name_function(unsigned value)
{
    return sluice_function_get_name((sluice_function)value);
}

enum {
    EMBEDDING = 1u << SLUICE_LAYER_EMBEDDING,
    LSTM = 1u << SLUICE_LAYER_LSTM,
    DENSE = 1u << SLUICE_LAYER_DENSE,
    AFFINE = 1u << SLUICE_LAYER_AFFINE,
    ACTIVATION = 1u << SLUICE_LAYER_ACTIVATION,
    REDUCE = 1u << SLUICE_LAYER_REDUCE
};

#define FIELD(type, name) .at = offsetof(type, name)
#define OF_LAYER(name) FIELD(sluice_layer, name)
#define OF_CELL(name) FIELD(sluice_cell, name), .kinds = SL_EVERY_KIND
#define OF_ACTIVATION(name) FIELD(sluice_activation, name), .kinds = SL_EVERY_KIND

static const sl_field of_layer[] = {
    {"kind", SL_FIELD_WORD, OF_LAYER(kind), .word = sl_layer_kind_get_name, .kinds = SL_EVERY_KIND, .needed = SL_EVERY_KIND},
    {"name", SL_FIELD_TEXT, OF_LAYER(name), .kinds = SL_EVERY_KIND, .needed = SL_EVERY_KIND},
    {"units", SL_FIELD_SIZE, OF_LAYER(units), .kinds = EMBEDDING | LSTM | DENSE, .needed = EMBEDDING | LSTM | DENSE},
    {"vocabulary", SL_FIELD_SIZE, OF_LAYER(vocabulary), .kinds = EMBEDDING, .needed = EMBEDDING},
    {"activation", SL_FIELD_ACTIVATION, OF_LAYER(activation), .kinds = DENSE | AFFINE | ACTIVATION},
    {"bias", SL_FIELD_FLAG, OF_LAYER(has_bias), .kinds = DENSE},
    {"steps", SL_FIELD_WORD, OF_LAYER(steps), .word = name_steps, .kinds = LSTM | REDUCE, .needed = REDUCE},
    {"direction", SL_FIELD_WORD, OF_LAYER(direction), .word = name_direction, .kinds = LSTM},
    {"merge", SL_FIELD_WORD, OF_LAYER(merge), .word = name_merge, .kinds = LSTM},
    {"projection", SL_FIELD_SIZE, OF_LAYER(projection), .kinds = LSTM},
    {"processing_order", SL_FIELD_FLAG, OF_LAYER(processing_order), .kinds = LSTM},
    {"masked_outputs_zero", SL_FIELD_FLAG, OF_LAYER(masked_outputs_zero), .kinds = LSTM},
    {"cells", SL_FIELD_CELLS, OF_LAYER(cells), .kinds = LSTM},
};

static const sl_field of_cell[] = {
    {"bias", SL_FIELD_PART, OF_CELL(parts), .bit = SLUICE_PART_BIAS},
    {"peepholes", SL_FIELD_PART, OF_CELL(parts), .bit = SLUICE_PART_PEEPHOLES},
    {"projection_bias", SL_FIELD_PART, OF_CELL(parts), .bit = SLUICE_PART_PROJECTION_BIAS},
    {"norm", SL_FIELD_PART, OF_CELL(parts), .bit = SLUICE_PART_NORM},
    {"initial_state", SL_FIELD_PART, OF_CELL(parts), .bit = SLUICE_PART_INITIAL_STATE},
    {"gate", SL_FIELD_ACTIVATION, OF_CELL(gate)},
    {"candidate", SL_FIELD_ACTIVATION, OF_CELL(candidate)},
    {"output", SL_FIELD_ACTIVATION, OF_CELL(output)},
    {"coupled", SL_FIELD_FLAG, OF_CELL(coupled)},
    {"output_unclipped", SL_FIELD_FLAG, OF_CELL(output_unclipped)},
    {"forget_bias", SL_FIELD_NUMBER, OF_CELL(forget_bias)},
    {"gate_clip", SL_FIELD_LIMIT, OF_CELL(gate_clip)},
    {"cell_clip", SL_FIELD_LIMIT, OF_CELL(cell_clip)},
    {"projection_clip", SL_FIELD_LIMIT, OF_CELL(projection_clip)},
    {"norm_epsilon", SL_FIELD_NUMBER, OF_CELL(norm_epsilon)},
};

static const sl_field of_activation[] = {
    {"function", SL_FIELD_WORD, OF_ACTIVATION(function), .word = name_function},
    {"alpha", SL_FIELD_NUMBER, OF_ACTIVATION(alpha)},
    {"beta", SL_FIELD_NUMBER, OF_ACTIVATION(beta)},
};

#define COUNT(fields) (sizeof(fields) / sizeof *(fields))
const sl_fields sl_layer_fields = {"a layer", of_layer, COUNT(of_layer)};
const sl_fields sl_cell_fields = {"a cell", of_cell, COUNT(of_cell)};
const sl_fields sl_activation_fields = {"an activation", of_activation, COUNT(of_activation)};

const sluice_layer sl_layer_default = {.struct_size = sizeof(sluice_layer), .has_bias = 1};
const sluice_cell sl_cell_default = {.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS};
const sluice_activation sl_activation_default = {0};
