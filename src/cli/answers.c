#include "answers.h"

#include "base/size.h"
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
    size_t classes, top;
    label *labels; /* [classes] "NAME\t" */
    char *names;   /* the labels' bytes */
    size_t *best;  /* [top] a row's classes */
    char *text;    /* room for the lines of a batch */
};

void sl_answers_destroy(sl_answers *answers)
{
    if (!answers)
        return;
    free(answers->labels);
    free(answers->names);
    free(answers->best);
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

static sl_exit make_room(sl_answers *answers, size_t rows, size_t longest)
{
    size_t line;
    answers->best = calloc(answers->top, sizeof *answers->best);
    if (sl_size_mul(answers->top, longest + SHARE_BYTES + 1, &line)) /* a tab or the line's end behind each */
        answers->text = calloc(rows, line);
    return answers->best && answers->text ? SL_EXIT_OK : sl_report_memory_of_rows("the answers");
}

sl_exit sl_answers_create(const sluice_model *model, size_t rows, size_t top, sl_answers **result)
{
    *result = NULL;
    sl_answers *answers = calloc(1, sizeof *answers);
    if (!answers)
        return sl_report_memory("the answers");
    answers->classes = sluice_model_get_shape(model).classes;
    answers->top = top;
    size_t longest = 0;
    sl_exit code = fill_labels(answers, model, &longest);
    if (!code)
        code = make_room(answers, rows, longest);
    if (code) {
        sl_answers_destroy(answers);
        return code;
    }
    *result = answers;
    return SL_EXIT_OK;
}

/* answers->best of a row: the classes that were seen before stand sorted, and the next one goes in behind its equals. */
static void find_best(const sl_answers *answers, const float *logits)
{
    size_t *best = answers->best, count = 0;
    for (size_t k = 0; k < answers->classes; k++) {
        size_t place = count;
        while (place && (logits[k] > logits[best[place - 1]] || (isnan(logits[best[place - 1]]) && !isnan(logits[k]))))
            place--;
        if (place == answers->top)
            continue;
        count += count < answers->top;
        memmove(best + place + 1, best + place, (count - 1 - place) * sizeof *best);
        best[place] = k;
    }
}

/* The line of a row whose classes are in answers->best, and its end. */
static char *write_line(const sl_answers *answers, const float *logits, char *end)
{
    const double largest = logits[answers->best[0]];
    double sum = 0;
    for (size_t k = 0; k < answers->classes; k++)
        sum += exp(logits[k] - largest);
    for (size_t k = 0; k < answers->top; k++) {
        const label *class = &answers->labels[answers->best[k]];
        const double share = exp(logits[answers->best[k]] - largest) / sum;
        memcpy(end, class->text, class->bytes);
        end = sl_format_share(isfinite(largest) ? share : NAN, end + class->bytes);
        *end++ = k + 1 < answers->top ? '\t' : '\n';
    }
    return end;
}

void sl_answers_get(sl_answers *answers, const float *logits, size_t rows, const char **text, size_t *bytes)
{
    char *end = answers->text;
    for (size_t n = 0; n < rows; n++, logits += answers->classes) {
        find_best(answers, logits);
        end = write_line(answers, logits, end);
    }
    *text = answers->text;
    *bytes = (size_t)(end - answers->text);
}
