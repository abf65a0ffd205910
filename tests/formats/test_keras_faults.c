/* Loading Keras files when an allocation fails: each one in turn. */
#include "support/formats/keras_cases.h"
#include "support/memory/failing.h"
#include "support/suite.h"

static sluice_status attempt(void *context, sluice_error *error)
{
    const test_bytes *file = context;
    sluice_model *model;
    const sluice_status status = sluice_model_load_memory(file->data, file->size, NULL, &model, error);
    sluice_model_destroy(model);
    return status;
}

static void check_failing(const char *golden, bool deflate)
{
    test_bytes config = deflate ? test_keras_read_member(golden, "config.json") : (test_bytes){0};
    test_bytes file = deflate ? test_keras_make(&config, golden, true) : test_keras_read(golden);
    printf("%s\n", golden);
    test_fail_each(attempt, &file, SLUICE_STATUS_OK, 19);
    test_bytes_free(&config);
    test_bytes_free(&file);
}

TEST(failing)
{
    static const char *const goldens[] = {"bidir_batchnorm_timedistributed.keras", "cudnn.h5", "chars2vec.weights.h5",
                                          "rnn_stacked_cells.weights.h5"};
    for (size_t k = 0; k < sizeof goldens / sizeof *goldens; k++)
        check_failing(goldens[k], false);
    check_failing("last_only.keras", true);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77;
    return test_run(test_suite());
}
