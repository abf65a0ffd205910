#include "cli/run/predictions.h"

#include "base/size.h"
#include "cli/class_order.h"
#include "program/format.h"
#include "program/model_shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRACTION_BYTES = 8 };

typedef struct label {
    const char *text;
    size_t bytes;
} label;

struct sl_predictions {
    size_t classes, top;
    bool are_shares; /* the network's outputs are probabilities already */
    label *labels;   /* [classes] "NAME\t" */
    char *names;     /* storage of the labels */
    size_t *best;    /* [top] the best classes of a row */
    char *text;      /* room for the lines of a batch */
};

void sl_predictions_destroy(sl_predictions *predictions)
{
    if (!predictions)
        return;
    free(predictions->labels);
    free(predictions->names);
    free(predictions->best);
    free(predictions->text);
    free(predictions);
}

static const char *class_name(const sluice_model *model, size_t k, char index[SL_FORMAT_COUNT])
{
    const char *name = sluice_model_get_class(model, k);
    if (!name) {
        snprintf(index, SL_FORMAT_COUNT, "%zu", k);
        name = index;
    }
    return name;
}

static sl_exit fill_labels(sl_predictions *predictions, const sluice_model *model, size_t *longest)
{
    char index[SL_FORMAT_COUNT];
    size_t bytes = 0;
    for (size_t k = 0; k < predictions->classes; k++)
        bytes += strlen(class_name(model, k, index)) + 1;
    predictions->labels = calloc(predictions->classes, sizeof *predictions->labels);
    predictions->names = malloc(bytes);
    if (!predictions->labels || !predictions->names)
        return sl_report_memory("the class names");
    char *to = predictions->names;
    for (size_t k = 0; k < predictions->classes; k++) {
        const char *name = class_name(model, k, index);
        predictions->labels[k] = (label){to, strlen(name) + 1};
        memcpy(to, name, predictions->labels[k].bytes - 1);
        to[predictions->labels[k].bytes - 1] = '\t';
        to += predictions->labels[k].bytes;
        *longest = predictions->labels[k].bytes > *longest ? predictions->labels[k].bytes : *longest;
    }
    return SL_EXIT_OK;
}

static sl_exit make_room(sl_predictions *predictions, size_t rows, size_t longest)
{
    size_t line;
    predictions->best = calloc(predictions->top, sizeof *predictions->best);
    if (sl_size_mul(predictions->top, longest + FRACTION_BYTES + 1, &line)) /* plus a tab or newline after each */
        predictions->text = calloc(rows, line);
    return predictions->best && predictions->text ? SL_EXIT_OK : sl_report_memory_of_rows("the predictions");
}

/* Whether the last layer's activation gives a probability for each class. */
static bool ends_with_shares(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    const sluice_function function = network.layers[network.layer_count - 1].activation.function;
    return function == SLUICE_FUNCTION_SOFTMAX || function == SLUICE_FUNCTION_SIGMOID;
}

sl_exit sl_predictions_create(const sluice_model *model, size_t rows, size_t top, sl_predictions **result)
{
    *result = NULL;
    sl_predictions *predictions = calloc(1, sizeof *predictions);
    if (!predictions)
        return sl_report_memory("the predictions");
    predictions->classes = sl_model_shape(model).classes;
    predictions->are_shares = ends_with_shares(model);
    predictions->top = top;
    size_t longest = 0;
    sl_exit code = fill_labels(predictions, model, &longest);
    code = code ? code : make_room(predictions, rows, longest);
    if (code) {
        sl_predictions_destroy(predictions);
        return code;
    }
    *result = predictions;
    return SL_EXIT_OK;
}

/* Find predictions->best of a row by insertion: a class goes after those with an equal logit. */
static void find_best(const sl_predictions *predictions, const float *logits)
{
    size_t *best = predictions->best, count = 0;
    for (size_t k = 0; k < predictions->classes; k++) {
        size_t place = count;
        while (place && sl_class_exceeds(logits[k], logits[best[place - 1]]))
            place--;
        if (place == predictions->top)
            continue;
        count += count < predictions->top;
        memmove(best + place + 1, best + place, (count - 1 - place) * sizeof *best);
        best[place] = k;
    }
}

/* The sum of the classes' exp, over which those of a row are divided. */
static double sum_exponentials(const sl_predictions *predictions, const float *logits, double largest)
{
    double sum = 0;
    for (size_t k = 0; k < predictions->classes; k++)
        sum += exp(logits[k] - largest);
    return sum;
}

/* Write the line of a row whose classes are in predictions->best. Returns the end of the line. */
static char *write_line(const sl_predictions *predictions, const float *logits, char *end)
{
    const bool are_shares = predictions->are_shares;
    const double largest = logits[predictions->best[0]];
    const double sum = are_shares ? 1 : sum_exponentials(predictions, logits, largest);
    for (size_t k = 0; k < predictions->top; k++) {
        const label *class = &predictions->labels[predictions->best[k]];
        const float logit = logits[predictions->best[k]];
        const double share = are_shares ? logit : exp(logit - largest) / sum;
        memcpy(end, class->text, class->bytes);
        end = sl_format_fraction(isfinite(largest) ? share : NAN, end + class->bytes);
        *end++ = k + 1 < predictions->top ? '\t' : '\n';
    }
    return end;
}

void sl_predictions_get(sl_predictions *predictions, const float *logits, size_t rows, const char **text, size_t *bytes)
{
    char *end = predictions->text;
    for (size_t n = 0; n < rows; n++, logits += predictions->classes) {
        find_best(predictions, logits);
        end = write_line(predictions, logits, end);
    }
    *text = predictions->text;
    *bytes = (size_t)(end - predictions->text);
}
