#include "perf/scale/rank_work.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/size.h"

#include <string.h>

/* Classes of a model that is trained, and updates behind a digest. */
enum { CLASSES = 10, CHECKED_UPDATES = 3 };

struct sl_rank_work {
    sl_rank_job job;
    sluice_exchange exchange;
    int64_t *lengths; /* [N] of all rows */
    size_t *bounds;   /* [S + 1] first row of each shard */
    size_t first_row, rows;
    float *x, *y;    /* [rows][T][I], and of inference [rows][T][D*H] */
    int32_t *labels; /* [rows] of training */
    sluice_engine *engine;
    sluice_workspace *workspace;
    sluice_trainer *trainer;
    float **vectors; /* [vector_count][floats] of an exchange, one for each shard of this rank, but at least one for the sum */
    size_t vector_count;
    size_t first_shard, own_shards;
    uint64_t steps;
    double waited, exchanged; /* seconds of all updates, */
    size_t updates;
};

/* ---- Data: each row follows from the seed and its index, so that a rank makes its own alone ---------------------------------- */

static sluice_status make_floats(size_t rows, size_t steps, size_t width, float **floats, sluice_error *error)
{
    size_t count;
    if (!sl_size_mul(rows, steps, &count) || !sl_size_mul(count, width, &count) || count > SIZE_MAX / sizeof(float))
        return sl_fail_size(error, "the rows of a rank");
    *floats = sl_alloc_array(count, sizeof(float));
    return *floats ? SLUICE_STATUS_OK : sl_fail_memory(error, "the rows of a rank", count * sizeof(float));
}

/* The lengths of all rows, and which of them are this rank's. */
static sluice_status cut_batch(sl_rank_work *work, sluice_error *error)
{
    const sl_case *shape = &work->job.shape;
    uint64_t state = shape->seed;
    work->lengths = sl_alloc_array(shape->batch, sizeof *work->lengths);
    work->bounds = sl_alloc_array(work->job.shards + 1, sizeof *work->bounds);
    if (!work->lengths || !work->bounds)
        return sl_fail_memory(error, "the lengths", shape->batch);
    for (size_t n = 0; n < shape->batch; n++) {
        work->lengths[n] = (int64_t)sl_case_choose_length(shape, n, &state);
        work->steps += (uint64_t)work->lengths[n];
    }
    const sluice_status status =
        sluice_shards_cut(shape->batch, shape->steps, work->lengths, work->job.shards, work->bounds, error);
    if (status)
        return status;
    work->first_row = work->bounds[work->first_shard];
    work->rows = work->bounds[work->first_shard + work->own_shards] - work->first_row;
    return SLUICE_STATUS_OK;
}

static sluice_status make_rows(sl_rank_work *work, sluice_error *error)
{
    const sl_case *shape = &work->job.shape;
    const size_t row_floats = shape->steps * shape->input;
    sluice_status status = make_floats(work->rows, shape->steps, shape->input, &work->x, error);
    work->labels = sl_alloc_array(work->rows, sizeof *work->labels);
    if (!status && !work->labels)
        status = sl_fail_memory(error, "the labels", work->rows);
    for (size_t n = 0; !status && n < work->rows; n++) {
        uint64_t state = sl_random_mix(shape->seed ^ sl_random_mix(work->first_row + n + 1));
        work->labels[n] = (int32_t)(sl_random_next(&state) % CLASSES);
        for (size_t k = 0; k < row_floats; k++)
            work->x[n * row_floats + k] = sl_random_uniform(&state);
    }
    return status;
}

static sluice_status make_network(sl_rank_work *work, sluice_error *error)
{
    const sl_case *shape = &work->job.shape;
    const sluice_shape network = {.struct_size = sizeof network,
                                  .layers = shape->layers,
                                  .directions = shape->directions,
                                  .inputs = shape->input,
                                  .hidden = shape->hidden,
                                  .classes = shape->train ? CLASSES : 0,
                                  .has_bias = 1};
    const sluice_engine_options engine = {.struct_size = sizeof engine, .threads = work->job.threads};
    const sluice_trainer_options trainer = {.struct_size = sizeof trainer, .shards = work->job.shards};
    sluice_model *model;
    sluice_status status = sluice_model_create_initial(&network, SLUICE_INITIALIZER_UNIFORM, shape->seed, NULL, &model, error);
    if (!status && shape->train)
        status = sluice_trainer_create(model, &engine, &trainer, &work->trainer, error);
    else if (!status)
        status = sluice_engine_create(model, &engine, &work->engine, error);
    if (!status && work->engine)
        status = sluice_workspace_create(work->engine, work->rows, shape->steps, &work->workspace, error);
    if (!status && work->engine)
        status = make_floats(work->rows, shape->steps, shape->directions * shape->hidden, &work->y, error);
    sluice_model_destroy(model);
    return status;
}

static sluice_status make_vectors(sl_rank_work *work, sluice_error *error)
{
    const size_t wanted = sl_size_max(work->own_shards, 1);
    sluice_status status = SLUICE_STATUS_OK;
    work->vectors = sl_alloc_array(wanted, sizeof *work->vectors);
    if (!work->vectors)
        return sl_fail_memory(error, "the vectors", wanted);
    for (; !status && work->vector_count < wanted; work->vector_count++)
        status = make_floats(1, 1, work->job.floats, &work->vectors[work->vector_count], error);
    return status;
}

sluice_status sl_rank_work_create(const sl_rank_job *job, const sluice_exchange *exchange, sl_rank_work **work, sluice_error *error)
{
    sl_rank_work *it = *work = sl_alloc(sizeof *it);
    if (!it)
        return sl_fail_memory(error, "a rank's work", sizeof *it);
    it->job = *job;
    it->exchange = *exchange;
    size_t end;
    sluice_shards_of_rank(job->shards, exchange->rank, exchange->ranks, &it->first_shard, &end);
    it->own_shards = end - it->first_shard;
    if (job->floats)
        return make_vectors(it, error);
    sluice_status status = cut_batch(it, error);
    status = status ? status : make_rows(it, error);
    return status ? status : make_network(it, error);
}

/* ---- A call ----------------------------------------------------------------------------------------------------------------- */

static sluice_status step(sl_rank_work *work, sluice_error *error)
{
    const sl_case *shape = &work->job.shape;
    sluice_report report = {.struct_size = sizeof report};
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = shape->batch,
                                .steps = shape->steps,
                                .lengths = work->lengths,
                                .x = work->x,
                                .shards = work->bounds};
    const sluice_status status = sluice_trainer_step(work->trainer, &batch, work->labels, NULL, &report, error);
    work->waited += report.wait_seconds;
    work->exchanged += report.exchange_seconds;
    work->updates++;
    return status;
}

static sluice_status infer(sl_rank_work *work, sluice_error *error)
{
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = work->rows,
                                .steps = work->job.shape.steps,
                                .lengths = work->lengths + work->first_row,
                                .x = work->x,
                                .y = work->y};
    return work->rows ? sluice_forward(work->engine, work->workspace, &batch, error) : SLUICE_STATUS_OK;
}

sluice_status sl_rank_work_call(sl_rank_work *work, sluice_error *error)
{
    if (work->trainer)
        return step(work, error);
    if (work->engine)
        return infer(work, error);
    return sluice_exchange_sum(&work->exchange, work->job.shards, work->vectors, work->job.floats, work->vectors[0], error);
}

/* ---- Digests ---------------------------------------------------------------------------------------------------------------- */

/* A number that depends on each of the floats and on `key`. */
static uint64_t digest_floats(uint64_t key, const float *values, size_t count)
{
    uint64_t digest = sl_random_mix(key + SL_RANDOM_STEP);
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        digest = sl_random_mix(digest ^ bits) + SL_RANDOM_STEP;
    }
    return digest;
}

static uint64_t digest_outputs(const sl_rank_work *work)
{
    const sl_case *shape = &work->job.shape;
    const size_t width = shape->directions * shape->hidden;
    uint64_t sum = 0;
    for (size_t n = 0; n < work->rows; n++) {
        const size_t row = work->first_row + n;
        sum += digest_floats(row, work->y + n * shape->steps * width, (size_t)work->lengths[row] * width);
    }
    return sum;
}

static uint64_t digest_weights(const sl_rank_work *work)
{
    const sluice_model *model = sluice_trainer_get_model(work->trainer);
    uint64_t sum = 0;
    for (int tensor = 0; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++)
        for (size_t k = 0; k < work->job.shape.layers * work->job.shape.directions; k++) {
            size_t count;
            const float *values = sluice_model_get_tensor(model, (sluice_tensor)tensor, k, &count);
            sum += values ? digest_floats((uint64_t)tensor << 32 | k, values, count) : 0;
        }
    return sum;
}

/* A vector of whole numbers, by shard; their sums are exact. */
static float element(size_t shard, size_t k)
{
    return (float)(shard % 7 + k % 13);
}

static sluice_status check_sum(sl_rank_work *work, sluice_error *error)
{
    const size_t floats = work->job.floats;
    for (size_t s = 0; s < work->own_shards; s++)
        for (size_t k = 0; k < floats; k++)
            work->vectors[s][k] = element(work->first_shard + s, k);
    const sluice_status status = sl_rank_work_call(work, error);
    for (size_t k = 0; !status && k < floats; k++) {
        float expected = 0;
        for (size_t s = 0; s < work->job.shards; s++)
            expected += element(s, k);
        if (work->vectors[0][k] != expected)
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "the sum of %zu vectors over %zu ranks is wrong: element %zu is %g, expected %g", work->job.shards,
                           work->exchange.ranks, k, (double)work->vectors[0][k], (double)expected);
    }
    return status;
}

sluice_status sl_rank_work_check(sl_rank_work *work, uint64_t *digest, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const bool is_first = work->exchange.rank == 0; /* where all ranks have the same, it speaks for them */
    *digest = 0;
    if (work->job.floats) {
        status = check_sum(work, error);
        *digest = is_first ? digest_floats(0, work->vectors[0], work->job.floats) : 0;
        for (size_t v = 0; v < work->vector_count; v++) /* zeros, which repeated sums leave as they are */
            memset(work->vectors[v], 0, work->job.floats * sizeof(float));
    } else if (work->trainer) {
        if (work->exchange.ranks > 1)
            status = sluice_trainer_set_exchange(work->trainer, &work->exchange, error);
        for (size_t k = 0; !status && k < CHECKED_UPDATES; k++)
            status = sl_rank_work_call(work, error);
        *digest = is_first ? digest_weights(work) : 0;
    } else {
        status = sl_rank_work_call(work, error);
        *digest = digest_outputs(work);
    }
    return status;
}

uint64_t sl_rank_work_steps(const sl_rank_work *work)
{
    return work->steps;
}

double sl_rank_work_waited(const sl_rank_work *work)
{
    return work->updates ? work->waited / (double)work->updates : 0;
}

double sl_rank_work_exchanged(const sl_rank_work *work)
{
    return work->updates ? work->exchanged / (double)work->updates : 0;
}

void sl_rank_work_destroy(sl_rank_work *work)
{
    if (!work)
        return;
    for (size_t v = 0; work->vectors && v < work->vector_count; v++)
        sl_free(work->vectors[v]);
    sl_free(work->vectors);
    sluice_trainer_destroy(work->trainer);
    sluice_workspace_destroy(work->workspace);
    sluice_engine_destroy(work->engine);
    sl_free(work->labels);
    sl_free(work->x);
    sl_free(work->y);
    sl_free(work->bounds);
    sl_free(work->lengths);
    sl_free(work);
}
