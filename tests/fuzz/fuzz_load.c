/* libFuzzer's target for the readers of model files: whatever the bytes are, loading them gives a model or an error, without reading
 * beyond them, without a leak, within a limit of memory. All readers stand behind sluice_model_load_memory, which chooses one by the
 * content; seeds and dictionary keep the content within one format. */
#include "sluice_network.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Memory that loading a file may take: so many times its size, and so many bytes. */
enum { FILE_TIMES = 4, FREE_BYTES = 16 << 20 };

static size_t in_use, limit;

static void *allocate(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    void *memory = NULL;
    if (bytes > limit || in_use > limit - bytes) {
        fprintf(stderr, "fuzz_load: %zu bytes are asked for, %zu in use, at most %zu are allowed\n", bytes, in_use, limit);
        abort();
    }
    if (posix_memalign(&memory, alignment, bytes) != 0)
        return NULL;
    in_use += malloc_usable_size(memory);
    return memory;
}

static void release(void *context, void *memory)
{
    (void)context;
    in_use -= malloc_usable_size(memory);
    free(memory);
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
    (void)count;
    (void)words;
    const sluice_allocator allocator = {.struct_size = sizeof allocator, .allocate = allocate, .release = release};
    return sluice_allocator_set(&allocator, NULL) ? abort(), 1 : 0;
}

static void check_error(sluice_status status, const sluice_error *error)
{
    if (status == SLUICE_STATUS_NO_MEMORY || status == SLUICE_STATUS_BAD_ARGUMENT || !*error->message) {
        fprintf(stderr, "fuzz_load: status %d \"%s\"\n", (int)status, error->message);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    sluice_model *model = NULL;
    sluice_error error = {0};
    limit = FILE_TIMES * size + FREE_BYTES;
    const sluice_status status = sluice_model_load_memory(bytes, size, NULL, &model, &error);
    if (status)
        check_error(status, &error);
    sluice_model_destroy(model);
    if (in_use) {
        fprintf(stderr, "fuzz_load: %zu bytes were not released\n", in_use);
        abort();
    }
    return 0;
}
