/* A case of random_networks.h as text, and made smaller. */
#include "support/cases/random_networks.h"

#include <string.h>

/* ---- As text ---- */

/* " name=value", unless it is 0 */
static void print_number(FILE *to, const char *name, double value)
{
    if (value != 0.0)
        fprintf(to, " %s=%.9g", name, value);
}

static void print_activation(FILE *to, const char *name, sluice_activation activation)
{
    if (activation.function)
        fprintf(to, " %s=%d(%.9g,%.9g)", name, (int)activation.function, (double)activation.alpha, (double)activation.beta);
}

static void print_cell(const sluice_cell *cell, FILE *to)
{
    fprintf(to, "\n    cell parts=%u", cell->parts);
    print_activation(to, "gate", cell->gate);
    print_activation(to, "candidate", cell->candidate);
    print_activation(to, "output", cell->output);
    print_number(to, "coupled", cell->coupled);
    print_number(to, "output_unclipped", cell->output_unclipped);
    print_number(to, "forget_bias", cell->forget_bias);
    print_number(to, "gate_clip", cell->gate_clip);
    print_number(to, "cell_clip", cell->cell_clip);
    print_number(to, "projection_clip", cell->projection_clip);
    print_number(to, "norm_epsilon", cell->norm_epsilon);
}

static void print_layer(const test_network_case *given, size_t k, FILE *to)
{
    static const char *const kinds[] = {"?", "embedding", "lstm", "dense", "affine", "activation", "reduce"};
    const sluice_layer *layer = &given->layers[k];
    fprintf(to, "\n  %s", kinds[layer->kind]);
    print_number(to, "units", (double)layer->units);
    print_number(to, "vocabulary", (double)layer->vocabulary);
    print_activation(to, "activation", layer->activation);
    print_number(to, "has_bias", layer->has_bias);
    print_number(to, "steps", layer->steps);
    print_number(to, "direction", layer->direction);
    print_number(to, "merge", layer->merge);
    print_number(to, "projection", (double)layer->projection);
    print_number(to, "processing_order", layer->processing_order);
    print_number(to, "masked_outputs_zero", layer->masked_outputs_zero);
    print_number(to, "is_named", given->is_named[k]);
    for (size_t d = 0; given->has_cells[k] && d < test_family_directions(layer); d++)
        print_cell(&given->cells[k][d], to);
}

void test_network_case_print(const test_network_case *given, FILE *to)
{
    fprintf(to, "seed=%#llx rows=%zu steps=%zu inputs=%zu", (unsigned long long)given->seed, given->rows, given->steps,
            given->inputs);
    print_number(to, "is_ragged", given->is_ragged);
    print_number(to, "is_masked", given->is_masked);
    print_number(to, "has_h0", given->has_h0);
    print_number(to, "has_c0", given->has_c0);
    for (size_t k = 0; k < given->layer_count; k++)
        print_layer(given, k, to);
    fputc('\n', to);
}

/* ---- Smaller ---- */

/* Each edit makes a case simpler, or leaves it as it is; whether what it makes is valid is looked at afterwards. */

static void drop_layer(test_network_case *of, size_t k)
{
    const size_t behind = of->layer_count - 1 - k;
    if (of->layers[k].kind == SLUICE_LAYER_EMBEDDING)
        of->inputs = of->layers[k].units;
    memmove(&of->layers[k], &of->layers[k + 1], behind * sizeof of->layers[0]);
    memmove(&of->cells[k], &of->cells[k + 1], behind * sizeof of->cells[0]);
    memmove(&of->has_cells[k], &of->has_cells[k + 1], behind * sizeof of->has_cells[0]);
    memmove(&of->is_named[k], &of->is_named[k + 1], behind * sizeof of->is_named[0]);
    of->layer_count--;
}

/* Half of it, or one less; 0 stays. */
static void lower(size_t *size, bool halve)
{
    *size = halve ? *size / 2 : *size - (*size > 0);
}

enum { BATCH_EDITS = 10, LAYER_EDITS = 17, CELL_EDITS = 14 };

static void edit_batch(test_network_case *of, size_t edit)
{
    switch (edit) {
    case 0:
    case 1:
        lower(&of->rows, edit == 0);
        break;
    case 2:
    case 3:
        lower(&of->steps, edit == 2);
        break;
    case 4:
    case 5:
        lower(&of->inputs, edit == 4);
        break;
    case 6:
        of->is_ragged = false;
        break;
    case 7:
        of->is_masked = false;
        break;
    case 8:
        of->has_h0 = false;
        break;
    default:
        of->has_c0 = false;
    }
}

static void drop_projection(test_network_case *of, size_t k)
{
    of->layers[k].projection = 0;
    for (size_t d = 0; d < 2; d++) {
        of->cells[k][d].parts &= ~(unsigned)SLUICE_PART_PROJECTION_BIAS;
        of->cells[k][d].projection_clip = 0.0f;
    }
}

/* One direction instead of both, from the first step to the last. */
static void drop_direction(sluice_layer *layer)
{
    layer->direction = SLUICE_DIRECTION_FORWARD;
    layer->merge = SLUICE_MERGE_CONCAT;
    layer->processing_order = 0;
}

static void edit_layer(test_network_case *of, size_t k, size_t edit)
{
    sluice_layer *layer = &of->layers[k];
    switch (edit) {
    case 0:
        drop_layer(of, k);
        break;
    case 1:
        drop_direction(layer);
        break;
    case 2:
        of->has_cells[k] = false;
        memset(of->cells[k], 0, sizeof of->cells[k]);
        break;
    case 3:
        drop_projection(of, k);
        break;
    case 4:
    case 5:
        lower(&layer->units, edit == 4);
        break;
    case 6:
    case 7:
        lower(&layer->vocabulary, edit == 6);
        break;
    case 8:
    case 9:
        lower(&layer->projection, edit == 8);
        break;
    case 10:
        layer->activation = (sluice_activation){SLUICE_FUNCTION_DEFAULT, 0.0f, 0.0f};
        break;
    case 11:
        layer->has_bias = 0;
        break;
    case 12:
        layer->steps = layer->kind == SLUICE_LAYER_REDUCE ? SLUICE_STEPS_LAST : SLUICE_STEPS_ALL;
        break;
    case 13:
        layer->merge = SLUICE_MERGE_CONCAT;
        break;
    case 14:
        layer->processing_order = 0;
        break;
    case 15:
        layer->masked_outputs_zero = 0;
        break;
    default:
        of->is_named[k] = false;
    }
}

static void edit_cell(sluice_cell *cell, size_t edit)
{
    const sluice_activation none = {SLUICE_FUNCTION_DEFAULT, 0.0f, 0.0f};
    switch (edit) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        cell->parts &= ~(1u << edit);
        cell->norm_epsilon = cell->parts & SLUICE_PART_NORM ? cell->norm_epsilon : 0.0f;
        break;
    case 5:
        cell->gate = none;
        break;
    case 6:
        cell->candidate = none;
        break;
    case 7:
        cell->output = none;
        break;
    case 8:
        cell->coupled = 0;
        break;
    case 9:
        cell->output_unclipped = 0;
        break;
    case 10:
        cell->forget_bias = 0.0f;
        break;
    case 11:
        cell->gate_clip = 0.0f;
        cell->output_unclipped = 0;
        break;
    case 12:
        cell->cell_clip = 0.0f;
        break;
    default:
        cell->projection_clip = 0.0f;
    }
}

/* Edit number `at` of all that the case has; false if there are no more. */
static bool edit(test_network_case *of, size_t at)
{
    const size_t each = LAYER_EDITS + 2 * CELL_EDITS, k = at / each, rest = at % each;
    if (k < of->layer_count && rest < LAYER_EDITS)
        edit_layer(of, k, rest);
    else if (k < of->layer_count)
        edit_cell(&of->cells[k][(rest - LAYER_EDITS) / CELL_EDITS], (rest - LAYER_EDITS) % CELL_EDITS);
    else if (at - of->layer_count * each < BATCH_EDITS)
        edit_batch(of, at - of->layer_count * each);
    else
        return false;
    return true;
}

test_network_case test_network_case_shrink(test_network_case failing, test_network_fails *fails, void *context)
{
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (size_t at = 0;; at++) {
            test_network_case edited;
            memcpy(&edited, &failing, sizeof edited);
            if (!edit(&edited, at))
                break;
            if (memcmp(&edited, &failing, sizeof edited) == 0 || !test_network_case_is_valid(&edited) || !fails(&edited, context))
                continue;
            memcpy(&failing, &edited, sizeof failing);
            smaller = true;
        }
    }
    return failing;
}
