#include "cli/train/training.h"

#include "cli/digest.h"
#include "program/model_shape.h"
#include "program/ranks/rank_group.h"

#include <string.h>

sluice_names sl_train_get_names(const sl_training *train, const sluice_model *model)
{
    const sluice_names *given = &train->options->names;
    sluice_names names = {.struct_size = sizeof names, .network = given->network};
    if (train->options->train.from && !sluice_model_is_shape(model))
        return names; /* the others say how the file was read */
    names.prefix = given->prefix;
    names.head = given->head;
    names.embedding = given->embedding;
    return names;
}

sl_exit sl_train_save_model(const sl_training *train)
{
    if (!sl_group_is_first())
        return SL_EXIT_OK;
    sluice_error error;
    sluice_model *made;
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    sl_exit code = sl_train_make_file_model(train, model, &made);
    model = made ? made : model;
    const sluice_names names = sl_train_get_names(train, model);
    code = code ? code : sl_report_status(sluice_model_save(model, train->options->output, &names, &error), &error);
    sluice_model_destroy(made);
    return code;
}

/* More right; with as many right, or of --values, less loss. */
static bool is_better(const sl_training *train, const sl_score *score, const sl_score *than)
{
    if (train->curve.has_classes && score->right != than->right)
        return score->right > than->right;
    return score->loss < than->loss;
}

sl_exit sl_train_get_digest(const sl_training *train, uint64_t *digest)
{
    sluice_model *made;
    const sluice_model *model = sluice_trainer_get_model(train->trainer);
    const sl_exit code = sl_train_make_file_model(train, model, &made);
    if (!code)
        *digest = sl_digest_of_weights(made ? made : model);
    sluice_model_destroy(made);
    return code;
}

sl_exit sl_train_update_best(sl_training *train, const sl_score *score, bool *is_best)
{
    sl_best *best = &train->best;
    *is_best = !train->dataset.validation || !best->epoch || is_better(train, score, &best->score);
    if (!*is_best)
        return SL_EXIT_OK;
    const sl_exit code = sl_train_get_digest(train, &best->digest);
    if (code)
        return code;
    best->epoch = train->position.epoch;
    best->score = *score;
    memcpy(best->scores, train->evaluation.scores, train->evaluation.count * sizeof *best->scores);
    return SL_EXIT_OK;
}

bool sl_train_is_over(const sl_training *train)
{
    const sl_train_options *options = &train->options->train;
    const uint64_t epoch = train->position.epoch;
    return epoch >= options->epochs || (options->patience && epoch - train->best.epoch >= options->patience);
}
