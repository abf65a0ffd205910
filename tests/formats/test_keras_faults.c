/* Loading Keras files when an allocation fails: each one in turn. */
#include "support/formats/keras_cases.h"
#include "support/memory/allocator.h"
#include "support/suite.h"

static void check_failing(const char *golden, bool deflate)
{
    test_bytes config = deflate ? test_keras_read_member(golden, "config.json") : (test_bytes){0};
    test_bytes file = deflate ? test_keras_make(&config, golden, true) : test_keras_read(golden);
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        sluice_error error = {.message = ""};
        sluice_model *model;
        const size_t before = test_alive;
        test_fired = false;
        test_watching = true;
        test_countdown = n;
        const sluice_status status = sluice_model_load_memory(file.data, file.size, NULL, &model, &error);
        test_watching = false;
        test_countdown = 0;
        fired = test_fired;
        ck_assert_msg(status == (fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK), "%s, allocation %ld: %s", golden, n,
                      error.message);
        sluice_model_destroy(model);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, 20);
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
