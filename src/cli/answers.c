#include "answers.h"

#include "format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHARE_BYTES = 8 };

typedef struct label {
    const char *text;
    size_t bytes;
} label;

struct sl_answers {
    size_t classes;
    label *labels; /* [classes] "NAME\t" */
    char *names;   /* the labels' bytes */
    char *text;    /* room for the lines of a batch */
};

void sl_answers_destroy(sl_answers *answers)
{
    if (!answers)
        return;
    free(answers->labels);
    free(answers->names);
    free(answers->text);
    free(answers);
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

static sl_exit fill_labels(sl_answers *answers, const sluice_model *model, size_t *longest)
{
    char index[SL_FORMAT_COUNT];
    size_t bytes = 0;
    for (size_t k = 0; k < answers->classes; k++)
        bytes += strlen(class_name(model, k, index)) + 1;
    answers->labels = calloc(answers->classes, sizeof *answers->labels);
    answers->names = malloc(bytes);
    if (!answers->labels || !answers->names)
        return sl_report_memory("the class names");
    char *to = answers->names;
    for (size_t k = 0; k < answers->classes; k++) {
        const char *name = class_name(model, k, index);
        answers->labels[k] = (label){to, strlen(name) + 1};
        memcpy(to, name, answers->labels[k].bytes - 1);
        to[answers->labels[k].bytes - 1] = '\t';
        to += answers->labels[k].bytes;
        *longest = answers->labels[k].bytes > *longest ? answers->labels[k].bytes : *longest;
    }
    return SL_EXIT_OK;
}

sl_exit sl_answers_create(const sluice_model *model, size_t rows, sl_answers **result)
{
    *result = NULL;
    sl_answers *answers = calloc(1, sizeof *answers);
    if (!answers)
        return sl_report_memory("the answers");
    answers->classes = sluice_model_get_shape(model).classes;
    size_t longest = 0;
    sl_exit code = fill_labels(answers, model, &longest);
    if (!code) {
        answers->text = calloc(rows, longest + SHARE_BYTES + 1);
        if (!answers->text)
            code = sl_report_memory_of_rows("the answers");
    }
    if (code) {
        sl_answers_destroy(answers);
        return code;
    }
    *result = answers;
    return SL_EXIT_OK;
}

static size_t find_largest(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t k = 1; k < classes; k++)
        if (logits[k] > logits[best] || (isnan(logits[best]) && !isnan(logits[k])))
            best = k;
    return best;
}

static double get_share(const float *logits, size_t classes, double largest)
{
    double sum = 0;
    for (size_t k = 0; k < classes; k++)
        sum += exp(logits[k] - largest);
    return isfinite(largest) ? 1 / sum : NAN;
}

void sl_answers_get(sl_answers *answers, const float *logits, size_t rows, const char **text, size_t *bytes)
{
    char *end = answers->text;
    for (size_t n = 0; n < rows; n++, logits += answers->classes) {
        const size_t best = find_largest(logits, answers->classes);
        memcpy(end, answers->labels[best].text, answers->labels[best].bytes);
        end = sl_format_share(get_share(logits, answers->classes, logits[best]), end + answers->labels[best].bytes);
        *end++ = '\n';
    }
    *text = answers->text;
    *bytes = (size_t)(end - answers->text);
}
