/* What reading an HDF5 file allocates: no more than its size allows; and when an allocation fails. */
#include "support/memory/failing.h"

#include "hdf5/hdf5_walk.h"

static const char *const files[] = {"old.h5", "relu.h5", "stacked.weights.h5"};
static test_bytes content;
static sl_input input;

static void setup(int which)
{
    content = read_golden(files[which]);
    SUCCEEDS(sl_input_open_memory, content.data, content.size, &input);
}

static void teardown(void)
{
    sl_input_close(&input);
    test_bytes_free(&content);
}

static sluice_status attempt(void *context, sluice_error *error)
{
    walk done;
    (void)context;
    return walk_input(&input, false, &done, error);
}

TEST_EACH(failing, files)
{
    setup(_i);
    test_fail_each(attempt, NULL, SLUICE_STATUS_OK, 4);
    teardown();
}

TEST_EACH(peak, files)
{
    enum { FIXED = 1 << 17 };
    sluice_error error;
    walk done;
    setup(_i);
    const size_t before = test_peak_bytes = test_alive_bytes;
    test_watching = true;
    const sluice_status status = walk_input(&input, false, &done, &error);
    test_watching = false;
    ck_assert_int_eq(status, SLUICE_STATUS_OK);
    printf("%s: peak %zu bytes for a file of %zu\n", files[_i], test_peak_bytes - before, content.size);
    ck_assert_uint_le(test_peak_bytes - before, FIXED + 4 * content.size);
    ck_assert_uint_eq(test_alive_bytes, before);
    teardown();
}

int main(void)
{
    return test_allocator_begin() ? test_run(test_suite()) : 77;
}
