#include "engine/cell_options.h"

#include "base/error.h"

static void resolve(sluice_activation *activation, sluice_function otherwise)
{
    if (activation->function == SLUICE_FUNCTION_DEFAULT)
        activation->function = otherwise;
}

sluice_cell sl_cell_resolve(const sl_layer_dir *dir)
{
    sluice_cell cell = dir->cell ? *dir->cell : (sluice_cell){.struct_size = sizeof cell, .parts = SLUICE_PART_BIAS};
    resolve(&cell.gate, SLUICE_FUNCTION_SIGMOID);
    resolve(&cell.candidate, SLUICE_FUNCTION_TANH);
    resolve(&cell.output, SLUICE_FUNCTION_TANH);
    return cell;
}

/* Last of the options: a cell that has it alone can be written without it. */
static const char forget_bias[] = "a forget_bias";

/* The first option that the fused step does not have, in words; NULL: none. */
static const char *find_option(const sluice_cell *cell)
{
    if (cell->parts & SLUICE_PART_PEEPHOLES)
        return "peepholes";
    if (cell->parts & SLUICE_PART_NORM)
        return "layer normalisation";
    if (cell->gate.function != SLUICE_FUNCTION_SIGMOID)
        return "a gate activation other than sigmoid";
    if (cell->candidate.function != SLUICE_FUNCTION_TANH)
        return "a candidate activation other than tanh";
    if (cell->output.function != SLUICE_FUNCTION_TANH)
        return "an output activation other than tanh";
    if (cell->coupled)
        return "coupled gates";
    if (cell->gate_clip > 0)
        return "a gate_clip";
    if (cell->cell_clip > 0)
        return "a cell_clip";
    return cell->forget_bias != 0 ? forget_bias : NULL;
}

bool sl_cell_is_plain(const sluice_cell *cell)
{
    return !find_option(cell);
}

static bool is_within_one(sluice_function function)
{
    return function == SLUICE_FUNCTION_SIGMOID || function == SLUICE_FUNCTION_HARD_SIGMOID || function == SLUICE_FUNCTION_TANH ||
           function == SLUICE_FUNCTION_SOFTSIGN;
}

bool sl_cell_is_within_one(const sluice_cell *cell)
{
    return is_within_one(cell->gate.function) && is_within_one(cell->output.function);
}

sluice_status sl_cells_check_training(const sl_network *network, sluice_error *error)
{
    for (size_t k = 0; k < network->layer_dirs; k++) {
        const size_t index = network->lstm[network->dirs[k].layer].layer;
        const sluice_layer *layer = &network->description.layers[index];
        const sluice_cell cell = sl_cell_resolve(&network->dirs[k]);
        const char *option = find_option(&cell);
        if (!option && (cell.parts & SLUICE_PART_INITIAL_STATE))
            option = "learned initial states";
        if (option)
            return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                           "layer %zu \"%s\": no gradient is implemented for %s; make the engine with training = 0, or the layer "
                           "without this option%s",
                           index, layer->name, option,
                           option == forget_bias ? ": add it to the biases b_f instead, or begin with it in a new model by "
                                                   "sluice_model_set_forget_bias, sluice train --forget-bias"
                                                 : "");
    }
    return SLUICE_STATUS_OK;
}
