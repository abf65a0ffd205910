/* What loading an ONNX file allocates, and when an allocation fails. */
#include "support/memory/allocator.h"
#include "support/formats/onnx_files.h"

static const char *const files[] = {"defaults",  "cell_in_if",    "learned_states",
                                    "quantized", "element_types", "final_states_joined"};

static sluice_status load_watched(const char *name, sluice_model **model, sluice_error *error)
{
    const sluice_names one = onnx_names(strcmp(name, "silero") == 0 ? "/recurrent/LSTM" : NULL, NULL);
    test_watching = true;
    const sluice_status status = sluice_model_load(onnx_path(name), &one, model, error);
    test_watching = false;
    return status;
}

/* No more than the model, of half a megabyte, besides a little for the graph. */
TEST(peak)
{
    sluice_model *model;
    test_peak_bytes = test_alive_bytes;
    const size_t before = test_alive_bytes;
    ck_assert_int_eq(load_watched("silero", &model, NULL), SLUICE_STATUS_OK);
    const size_t model_bytes = test_alive_bytes - before, peak_bytes = test_peak_bytes - before;
    printf("peak %zu bytes for a model of %zu\n", peak_bytes, model_bytes);
    ck_assert_uint_le(peak_bytes, model_bytes + 256 * 1024);
    sluice_model_destroy(model);
    ck_assert_uint_eq(test_alive_bytes, before);
}

/* Every allocation fails once. (qsort does without its own.) */
TEST_EACH(failing, files)
{
    bool fired = true;
    long n = 1;
    for (; fired; n++) {
        sluice_error error = {0};
        sluice_model *model = (sluice_model *)&error;
        const size_t before = test_alive;
        test_fired = false;
        test_countdown = n;
        const sluice_status status = load_watched(files[_i], &model, &error);
        test_countdown = 0;
        fired = test_fired;
        ck_assert_msg(!status || (fired && status == SLUICE_STATUS_NO_MEMORY), "allocation %ld: %d %s", n, status, error.message);
        sluice_model_destroy(model);
        ck_assert_uint_eq(test_alive, before);
    }
    ck_assert_int_gt(n, 10);
}

int main(void)
{
    if (!test_allocator_begin())
        return 77;
    return test_run(test_suite());
}
