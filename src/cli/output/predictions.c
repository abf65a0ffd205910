#include "cli/output/predictions.h"

#include "cli/class_order.h"
#include "program/model_shape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct label {
    const char *text;
    size_t bytes;
} label;

struct sl_predictions {
    size_t classes, top;
    bool are_shares; /* the network's outputs are probabilities already */
    label *labels;   /* [classes] */
    char *names;     /* storage of the labels */
    size_t *best;    /* [top] the best classes of a row */
};

void sl_predictions_destroy(sl_predictions *predictions)
{
    if (!predictions)
        return;
    free(predictions->labels);
    free(predictions->names);
    free(predictions->best);
    free(predictions);
}

const char *sl_class_get_name(const sluice_model *model, size_t k, char index[SL_CLASS_INDEX_BYTES])
{
    const char *name = sluice_model_get_class(model, k);
    if (!name)
        snprintf(index, SL_CLASS_INDEX_BYTES, "%zu", k);
    return name ? name : index;
}

static sl_exit fill_labels(sl_predictions *predictions, const sluice_model *model)
{
    char index[SL_CLASS_INDEX_BYTES];
    size_t bytes = 0;
    for (size_t k = 0; k < predictions->classes; k++)
        bytes += strlen(sl_class_get_name(model, k, index));
    predictions->labels = calloc(predictions->classes, sizeof *predictions->labels);
    predictions->names = malloc(bytes + 1);
    predictions->best = calloc(predictions->top, sizeof *predictions->best);
    if (!predictions->labels || !predictions->names || !predictions->best)
        return sl_report_memory("the class names");
    char *to = predictions->names;
    for (size_t k = 0; k < predictions->classes; k++) {
        const char *name = sl_class_get_name(model, k, index);
        predictions->labels[k] = (label){to, strlen(name)};
        memcpy(to, name, predictions->labels[k].bytes);
        to += predictions->labels[k].bytes;
    }
    return SL_EXIT_OK;
}

bool sl_model_gives_shares(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    const sluice_function function = network.layers[network.layer_count - 1].activation.function;
    return function == SLUICE_FUNCTION_SOFTMAX || function == SLUICE_FUNCTION_SIGMOID;
}

sl_exit sl_predictions_create(const sluice_model *model, size_t top, sl_predictions **result)
{
    *result = NULL;
    sl_predictions *predictions = calloc(1, sizeof *predictions);
    if (!predictions)
        return sl_report_memory("the predictions");
    predictions->classes = sl_model_shape(model).classes;
    predictions->are_shares = sl_model_gives_shares(model);
    predictions->top = top;
    const sl_exit code = fill_labels(predictions, model);
    if (code)
        sl_predictions_destroy(predictions);
    else
        *result = predictions;
    return code;
}

sl_exit sl_predictions_add_columns(const sl_predictions *predictions, sl_columns *columns)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; !code && k < 2 * predictions->top; k++) {
        char name[64];
        const char *kind = k % 2 ? "probability" : "class";
        snprintf(name, sizeof name, k < 2 ? "%s" : "%s_%zu", kind, k / 2 + 1);
        code = sl_columns_add(columns, name);
    }
    return code;
}

/* Find predictions->best of a row by insertion: a class goes after those with an equal output. */
static void find_best(const sl_predictions *predictions, const float *outputs)
{
    size_t *best = predictions->best, count = 0;
    for (size_t k = 0; k < predictions->classes; k++) {
        size_t place = count;
        while (place && sl_class_exceeds(outputs[k], outputs[best[place - 1]]))
            place--;
        if (place == predictions->top)
            continue;
        count += count < predictions->top;
        memmove(best + place + 1, best + place, (count - 1 - place) * sizeof *best);
        best[place] = k;
    }
}

/* The sum of the classes' exp, over which those of a row are divided. */
static double sum_exponentials(const sl_predictions *predictions, const float *outputs, double largest)
{
    double sum = 0;
    for (size_t k = 0; k < predictions->classes; k++)
        sum += exp(outputs[k] - largest);
    return sum;
}

void sl_predictions_put(const sl_predictions *predictions, const float *outputs, sl_row_writer *writer)
{
    find_best(predictions, outputs);
    const bool are_shares = predictions->are_shares;
    const double largest = outputs[predictions->best[0]];
    const double sum = are_shares ? 1 : sum_exponentials(predictions, outputs, largest);
    for (size_t k = 0; k < predictions->top; k++) {
        const label *class = &predictions->labels[predictions->best[k]];
        const float output = outputs[predictions->best[k]];
        const double share = are_shares ? output : exp(output - largest) / sum;
        sl_row_writer_put_text(writer, class->text, class->bytes);
        sl_row_writer_put_share(writer, isfinite(largest) ? share : NAN);
    }
}
