/* Archives as Keras writes them, made of golden ones: with another configuration, or deflated. */
#ifndef SLUICE_TESTS_KERAS_CASES_H
#define SLUICE_TESTS_KERAS_CASES_H

#include "support/files.h"
#include "support/formats/archive_made.h"
#include "support/message.h"

#include "base/memory.h"
#include "io/zip/zip_inflate.h"

/** A file of tests/golden/keras/family. */
static inline test_bytes test_keras_read(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/keras/family/%s", getenv("SLUICE_SOURCE"), name);
    return test_file_read(path);
}

/** A member of a golden archive, terminated. */
static inline test_bytes test_keras_read_member(const char *golden, const char *name)
{
    test_bytes file = test_keras_read(golden), made = {0};
    sl_input input;
    sl_zip *zip;
    char *bytes;
    SUCCEEDS(sl_input_open_memory, file.data, file.size, &input);
    SUCCEEDS(sl_zip_open, &input, &zip);
    const sl_zip_member *member = sl_zip_find(zip, name, strlen(name));
    ck_assert_ptr_nonnull(member);
    SUCCEEDS(sl_zip_read_member, zip, member, &bytes);
    test_bytes_add(&made, bytes, member->bytes);
    made.data[made.size] = '\0';
    sl_free(bytes);
    sl_zip_close(zip);
    sl_input_close(&input);
    test_bytes_free(&file);
    return made;
}

/** A .keras file of this configuration and a golden file's weights. */
static inline test_bytes test_keras_make(const test_bytes *config, const char *golden, bool deflate)
{
    test_archive made = {.count = 0};
    test_bytes metadata = test_keras_read_member(golden, "metadata.json"),
               image = test_keras_read_member(golden, "model.weights.h5");
    test_archive_add(&made, "metadata.json", &metadata, deflate, 0);
    test_archive_add(&made, "config.json", config, deflate, 0);
    test_archive_add(&made, "model.weights.h5", &image, deflate, 0);
    test_bytes_free(&metadata);
    test_bytes_free(&image);
    return test_archive_finish(&made);
}

#endif
