/* What loading a model allocates: no more than the model, besides a little for the file's header; and when an allocation fails. */
#include "support/memory/allocator.h"
#include "support/files.h"
#include "support/message.h"
#include "support/suite.h"

#include "sluice_train.h"

/* A model of half a megabyte, as the bytes of a file too. */
static const sluice_shape shape = {.struct_size = sizeof(sluice_shape),
                                   .layers = 2,
                                   .directions = 2,
                                   .inputs = 60,
                                   .hidden = 64,
                                   .vocabulary = 50,
                                   .classes = 40,
                                   .has_bias = 1};
static test_bytes content;

static void setup(void)
{
    test_folder_setup();
    sluice_model *model;
    SUCCEEDS(sluice_model_create_initial, &shape, SLUICE_INITIALIZER_UNIFORM, test_seed(), NULL, &model);
    ck_assert_int_eq(sluice_model_save(model, test_path("model"), NULL, NULL), SLUICE_STATUS_OK);
    sluice_model_destroy(model);
    content = test_file_read(test_path("model"));
}

static void teardown(void)
{
    test_bytes_free(&content);
    test_folder_teardown();
}

static sluice_status load(bool from_memory, sluice_model **model, sluice_error *error)
{
    test_watching = true;
    const sluice_status status = from_memory ? sluice_model_load_memory(content.data, content.size, NULL, model, error)
                                             : sluice_model_load(test_path("model"), NULL, model, error);
    test_watching = false;
    return status;
}

TEST_LOOP(peak, 0, 2)
{
    sluice_model *model;
    test_peak_bytes = test_alive_bytes;
    const size_t before = test_alive_bytes;
    ck_assert_int_eq(load(_i, &model, NULL), SLUICE_STATUS_OK);
    const size_t model_bytes = test_alive_bytes - before, peak_bytes = test_peak_bytes - before;
    printf("peak %zu bytes for a model of %zu\n", peak_bytes, model_bytes);
    ck_assert_uint_gt(model_bytes, content.size * 9 / 10);
    ck_assert_uint_le(peak_bytes, model_bytes + model_bytes / 10);
    sluice_model_destroy(model);
    ck_assert_uint_eq(test_alive_bytes, before);
}

TEST_LOOP(failing, 0, 2)
{
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        sluice_error error = {0};
        sluice_model *model = (sluice_model *)&error;
        const size_t before = test_alive;
        test_fired = false;
        test_countdown = n;
        const sluice_status status = load(_i, &model, &error);
        test_countdown = 0;
        fired = test_fired;
        ck_assert_int_eq(status, fired ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK);
        ck_assert((model == NULL) == fired && !fired == !error.message[0]);
        sluice_model_destroy(model);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, 10);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77;
    tcase_add_checked_fixture(test_tcase("tests"), setup, teardown);
    return test_run(test_suite());
}
