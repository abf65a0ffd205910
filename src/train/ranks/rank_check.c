/* sluice_trainer_set_exchange: the ranks of a training have to be alike. */
#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/struct_size.h"
#include "engine/engine.h"
#include "model/model.h"
#include "train/ranks/rank_blocks.h"

#include <string.h>

/* What is compared, each as a number. */
enum { SUBJECTS = 29 };

typedef struct subject {
    const char *name;
    uint64_t number;
} subject;

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t hash_floats(uint64_t hash, const float *values, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    return sl_random_mix(hash + count);
}

static uint64_t hash_weights(const sluice_trainer *trainer)
{
    uint64_t hash = 0;
    for (size_t layer = 0; layer < trainer->options.first_trained; layer++)
        for (size_t k = 0; k < 2 * (SLUICE_TENSOR_SHIFT + 1); k++) { /* of layers that are kept as they are */
            size_t count;
            const float *values = sluice_model_get_parameter(trainer->model, layer, k % 2, (sluice_tensor)(k / 2), &count);
            hash = values ? hash_floats(hash, values, count) : hash;
        }
    for (size_t k = 0; k < trainer->count; k++) {
        const sl_trained *trained = &trainer->trained[k];
        hash = hash_floats(hash, trained->weights, trained->count);
        hash = trained->first ? hash_floats(hash, trained->first, trained->count) : hash;
        hash = trained->second ? hash_floats(hash, trained->second, trained->count) : hash;
    }
    return hash;
}

/* All that decides a bit of the result, the most general first. */
static void list_subjects(const sluice_trainer *trainer, size_t ranks, subject list[SUBJECTS])
{
    const sluice_trainer_options *options = &trainer->options;
    const size_t classes = options->class_weights ? trainer->model->shape.classes : 0;
    const subject all[SUBJECTS] = {
        {"the release of Sluice", sluice_version_get_number()},
        {"the number of ranks", ranks},
        {"the network", sl_network_hash(trainer->model->network)},
        {"gemm", trainer->engine->gemm},
        {"shards", options->shards},
        {"optimizer", options->optimizer},
        {"rate", bits_of(options->rate)},
        {"momentum", bits_of(options->momentum)},
        {"beta1", bits_of(options->beta1)},
        {"beta2", bits_of(options->beta2)},
        {"epsilon", bits_of(options->epsilon)},
        {"weight_decay", bits_of(options->weight_decay)},
        {"clip", bits_of(options->clip)},
        {"schedule", options->schedule},
        {"total_steps", options->total_steps},
        {"warmup_steps", options->warmup_steps},
        {"loss", options->loss},
        {"every_step", (uint64_t)options->every_step},
        {"ignore", (uint64_t)options->ignore},
        {"label_smoothing", bits_of((double)options->label_smoothing)},
        {"dropout", bits_of((double)options->dropout)},
        {"seed", options->seed},
        {"class_weights", hash_floats(classes, options->class_weights, classes)},
        {"delta", bits_of(options->delta)},
        {"quantiles", hash_floats(options->quantile_count, options->quantiles, options->quantile_count)},
        {"first_trained", options->first_trained},
        {"the factor of the rate", bits_of(trainer->rate_factor)},
        {"the updates made", trainer->step},
        {"the weights, or the optimiser's moments", hash_weights(trainer)},
    };
    memcpy(list, all, sizeof all);
}

/* Compare the trainers of all ranks, whose numbers go to `all` [ranks][SUBJECTS]; the message is the same on all. */
static sluice_status compare(const sluice_trainer *trainer, const sluice_exchange *exchange, uint64_t *all, sluice_error *error)
{
    subject subjects[SUBJECTS];
    uint64_t own[SUBJECTS];
    list_subjects(trainer, exchange->ranks, subjects);
    for (size_t k = 0; k < SUBJECTS; k++)
        own[k] = subjects[k].number;
    const sluice_status status = sl_exchange_gather(exchange, own, sizeof own, all, error);
    for (size_t k = 0; !status && k < SUBJECTS; k++)
        for (size_t rank = 1; rank < exchange->ranks; rank++)
            if (all[rank * SUBJECTS + k] != all[k])
                return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                               "sluice_trainer_set_exchange: %s: that of rank %zu and that of rank 0 differ; start all ranks with "
                               "the same release, model and options",
                               subjects[k].name, rank);
    return status;
}

/* Make what the trainer needs to share its batches; all ranks do, or none. */
static sluice_status join(const sluice_trainer *trainer, const sluice_exchange *exchange, sl_ranks **made, sluice_error *error)
{
    sluice_error own = {0};
    uint64_t *all = sl_alloc_array(exchange->ranks, SUBJECTS * sizeof *all);
    if (!all)
        sl_fail_memory(&own, "what ranks compare", exchange->ranks * SUBJECTS * sizeof *all);
    else
        sl_ranks_create(trainer, exchange, made, &own);
    sluice_status status = sl_exchange_agree(exchange, &own, error);
    if (!status)
        status = compare(trainer, exchange, all, error);
    sl_free(all);
    return status;
}

sluice_status sluice_trainer_set_exchange(sluice_trainer *trainer, const sluice_exchange *exchange, sluice_error *error)
{
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_set_exchange: trainer is NULL");
    sluice_exchange known;
    sl_ranks *made = NULL;
    sluice_status status = sl_exchange_take(&known, exchange, "sluice_trainer_set_exchange", error);
    const bool is_alone = trainer->ranks && trainer->ranks->exchange.ranks == 1;
    if (!status && known.ranks == 1 && is_alone) /* nothing is exchanged, and all that shards need is there */
        return SLUICE_STATUS_OK;
    if (!status && (known.ranks > 1 || trainer->options.shards > 1))
        status = join(trainer, &known, &made, error);
    if (status) {
        sl_ranks_destroy(made);
        return status;
    }
    sl_ranks_destroy(trainer->ranks);
    trainer->ranks = made;
    return SLUICE_STATUS_OK;
}
