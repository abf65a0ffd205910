/* A random batch and its reference. Nothing here knows how the library works. */
#include "support/taped.h"

#include "support/suite.h"

#include <string.h>

static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_AUTO, SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_HOIST,
                                            SLUICE_SCHEDULE_UNITS};
enum { SCHEDULES = sizeof schedules / sizeof schedules[0] };

test_taped test_taped_make(sluice_shape shape, size_t rows, size_t steps, unsigned what, float dropout)
{
    uint64_t random = test_seed();
    test_taped made = {.shape = shape, .network = test_network_random(&shape, 1.5f, &random)};
    made.batch = test_batch_random(&shape, rows, steps, what | TEST_EACH_STEP, &random);
    made.want = test_gradient_random(&shape, &made.batch.batch, &random);
    made.batch.batch.dropout = dropout;
    made.batch.batch.dropout_key = dropout > 0 ? test_random(&random) : 0;
    test_taped_refer(&made);
    return made;
}

static test_runner make_runner(const test_taped *taped, sluice_isa isa, unsigned threads, sluice_schedule schedule, int training)
{
    sluice_engine_options options = test_options(isa, threads, schedule);
    options.training = training;
    options.flush_to_zero = taped->flush_to_zero;
    return test_runner_of(taped->network.model, &options);
}

void test_taped_refer(test_taped *taped)
{
    const bool drops = taped->batch.batch.dropout > 0;
    OWNED(test_copy) other = test_copy_make(taped);
    OWNED(test_runner) reference = make_runner(taped, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS, 1);
    test_there_and_back(&reference, 0, drops ? &taped->batch.batch : &other.batch.batch, &taped->want.gradient);
    if (!drops) {
        OWNED(test_runner) plain = make_runner(taped, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS, 0);
        test_forward(&plain, &taped->batch.batch);
    }
}

void test_taped_free(test_taped *taped)
{
    test_gradient_free(&taped->want);
    test_batch_free(&taped->batch);
    test_network_free(&taped->network);
}

test_copy test_copy_make(const test_taped *taped)
{
    uint64_t unused = 0;
    test_copy copy = {.batch = test_batch_pick(&taped->shape, &taped->batch, 0, taped->batch.batch.rows)};
    copy.batch.batch.dropout = taped->batch.batch.dropout;
    copy.batch.batch.dropout_key = taped->batch.batch.dropout_key;
    copy.gradient = test_gradient_random(&taped->shape, &copy.batch.batch, &unused);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        if (copy.gradient.in[j])
            memcpy(copy.gradient.in[j], taped->want.in[j], taped->want.in_count[j] * sizeof(float));
    return copy;
}

void test_copy_free(test_copy *copy)
{
    test_gradient_free(&copy->gradient);
    test_batch_free(&copy->batch);
}

void test_copy_check(const test_taped *taped, const test_copy *copy, const char *what)
{
    test_same_outputs(&copy->batch, &taped->batch, what);
    test_same_gradients(&copy->gradient, &taped->want, what);
}

void test_taped_visit(const test_taped *taped, unsigned least, unsigned most,
                      void (*visit)(const test_taped *, const test_runner *))
{
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++) {
        const bool scalar = isas.isa[i] == SLUICE_ISA_SCALAR;
        for (unsigned threads = scalar || test_by_depth(1, 0, 0) ? most : least; threads <= most; threads++)
            for (size_t s = 0; s < SCHEDULES; s += scalar ? SCHEDULES - 1 : 1) {
                OWNED(test_runner) runner = make_runner(taped, isas.isa[i], threads, schedules[s], 1);
                visit(taped, &runner);
            }
    }
}
