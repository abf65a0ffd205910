#include "cli/evaluate/class_scores.h"

#include "cli/class_order.h"

#include <stdlib.h>

sl_exit sl_class_scores_create(size_t classes, sl_class_scores *scores)
{
    *scores = (sl_class_scores){.classes = classes};
    scores->labelled = calloc(classes, sizeof *scores->labelled);
    scores->answered = calloc(classes, sizeof *scores->answered);
    scores->right = calloc(classes, sizeof *scores->right);
    if (classes <= SL_CONFUSION_MOST)
        scores->confusion = calloc(classes * classes, sizeof *scores->confusion);
    return scores->labelled && scores->answered && scores->right && (scores->confusion || classes > SL_CONFUSION_MOST)
               ? SL_EXIT_OK
               : sl_report_memory("the scores of the classes");
}

void sl_class_scores_add(sl_class_scores *scores, const float *outputs, int32_t label)
{
    if (label < 0) {
        scores->ignored++;
        return;
    }
    const size_t answer = sl_class_find(outputs, scores->classes);
    scores->counted++;
    scores->labelled[label]++;
    scores->answered[answer]++;
    if (scores->confusion)
        scores->confusion[(size_t)label * scores->classes + answer]++;
    if (answer == (size_t)label) {
        scores->right[label]++;
        scores->all_right++;
    }
}

static double divide(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

sl_class_rates sl_class_scores_get_rates(const sl_class_scores *scores, size_t class)
{
    const uint64_t right = scores->right[class], labelled = scores->labelled[class], answered = scores->answered[class];
    return (sl_class_rates){
        .precision = divide(right, answered), .recall = divide(right, labelled), .f1 = divide(2 * right, labelled + answered)};
}

sl_class_rates sl_class_scores_get_macro(const sl_class_scores *scores)
{
    sl_class_rates mean = {0};
    size_t seen = 0;
    for (size_t k = 0; k < scores->classes; k++) {
        const sl_class_rates rates = sl_class_scores_get_rates(scores, k);
        seen += scores->labelled[k] || scores->answered[k];
        mean.precision += rates.precision;
        mean.recall += rates.recall;
        mean.f1 += rates.f1;
    }
    const double count = seen ? (double)seen : 1;
    return (sl_class_rates){.precision = mean.precision / count, .recall = mean.recall / count, .f1 = mean.f1 / count};
}

void sl_class_scores_release(sl_class_scores *scores)
{
    free(scores->labelled);
    free(scores->answered);
    free(scores->right);
    free(scores->confusion);
    *scores = (sl_class_scores){0};
}
