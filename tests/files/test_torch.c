/* Files that torch.save and torch.jit.save have written: every tensor of them, and the LSTM's outputs; and every cut and many changed
 * bytes of such files, refused or harmless. */
#include "support/cases/torch_file.h"
#include "support/network.h"

#include "io/content.h"
#include "io/safetensors/safetensors.h"

#include <math.h>

static const struct {
    const char *name;
    bool has_network; /* that torch.nn.LSTM's names are enough for */
    bool batch_first; /* x and y are [N][T], not [T][N] */
} cases[] = {
    {"batch_first", true, true},
    {"bfloat16", true, false},
    {"bidirectional_2_layers", true, false},
    {"checkpoint_nested", true, false},
    {"data_parallel_prefix", true, false},
    {"double", true, false},
    {"half", true, false},
    {"no_bias", true, false},
    {"parameters_not_detached", true, false},
    {"projection", false, false},
    {"projection_bidirectional_2_layers", false, false},
    {"shared_storage_offsets", true, false},
    {"state_dict_legacy", true, false},
    {"state_dict_zip", true, false},
    {"torchscript_scripted", true, false},
    {"torchscript_traced", true, false},
    {"transposed_strides", true, false},
    {"whole_module", true, false},
};

/* The path of a golden file; good until the next call. */
static const char *get_path(const char *name, const char *end)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/tests/golden/torch/%s%s", getenv("SLUICE_SOURCE"), name, end);
    return path;
}

static float *read_all(const sl_tensor_source *source, const sl_tensor *tensor)
{
    float *values = calloc(tensor->elements, sizeof *values);
    ck_assert_ptr_nonnull(values);
    SUCCEEDS(sl_source_read, source, tensor, 0, tensor->elements, values, NULL);
    return values;
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static void check_tensor(const sl_tensor_source *expected, const sl_tensor *want, const sl_tensor_source *source, const char *name)
{
    const sl_tensor *got = sl_source_find(source, name);
    ck_assert_msg(got != NULL, "%s is not there", want->name);
    ck_assert_uint_eq(got->dims, want->dims);
    ck_assert(memcmp(got->shape, want->shape, want->dims * sizeof *want->shape) == 0);
    FREED float *values = read_all(source, got), *wanted = read_all(expected, want);
    test_same_bits(values, wanted, want->elements, want->name);
}

TEST_EACH(tensors, cases)
{
    char begin[128];
    sl_tensor_source expected, source;
    SUCCEEDS(sl_safetensors_open, get_path("expected", ".safetensors"), &expected);
    test_bytes file = test_file_read(get_path(cases[_i].name, ".pt"));
    sluice_error error = {0};
    ck_assert_msg(torch_open(file.data, file.size, &source, &error) == SLUICE_STATUS_OK, "%s", error.message);
    const size_t bytes = (size_t)snprintf(begin, sizeof begin, "%s:", cases[_i].name);
    size_t count = 0;
    for (size_t k = 0; k < expected.count; k++)
        if (strncmp(expected.tensors[k].name, begin, bytes) == 0) {
            check_tensor(&expected, &expected.tensors[k], &source, expected.tensors[k].name + bytes);
            count++;
        }
    ck_assert_uint_gt(count, 6);
    ck_assert_uint_eq(count, source.count);
    sl_source_release(&source);
    sl_source_release(&expected);
    test_bytes_free(&file);
}

TEST_EACH(contents, cases)
{
    test_bytes file = test_file_read(get_path(cases[_i].name, ".pt"));
    const sl_content want = file.data[0] == 'P' ? SL_CONTENT_TORCH_ZIP : SL_CONTENT_TORCH_LEGACY;
    ck_assert_int_eq(sl_content_find(file.data, SL_CONTENT_BYTES), want);
    test_bytes_free(&file);
}

/* ---- Outputs --------------------------------------------------------------------------------------------------------------- */

static float *read_expected(const sl_tensor_source *expected, const char *name, const char *end, size_t count)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", name, end);
    const sl_tensor *tensor = sl_source_find(expected, full);
    ck_assert_ptr_nonnull(tensor);
    ck_assert_uint_eq(tensor->elements, count);
    float *values = calloc(count, sizeof *values);
    ck_assert_ptr_nonnull(values);
    const sl_tensor flat = {.name = full,
                            .dims = 1,
                            .shape = {count},
                            .elements = count,
                            .begin = tensor->begin,
                            .end = tensor->end,
                            .type = SL_ELEMENT_F32};
    SUCCEEDS(sl_source_read, expected, &flat, 0, count, values, NULL);
    return values;
}

/* float32 sums of ten products and the activations' rounding, over six steps: 3e-6 of the largest value is ten times what is seen. */
static void check_close(const float *got, const float *want, size_t count, const char *what)
{
    float largest = 0;
    for (size_t k = 0; k < count; k++)
        largest = fmaxf(largest, fabsf(want[k]));
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(fabsf(got[k] - want[k]) <= 3e-6f * largest, "%s[%zu]: expected %a, found %a", what, k, want[k], got[k]);
}

TEST_EACH(outputs, cases)
{
    enum { STEPS = 6, ROWS = 3 };
    const sluice_names names = {.struct_size = sizeof names, .head = "", .embedding = ""};
    const char *name = cases[_i].name;
    sl_tensor_source expected;
    OWNED_HANDLE(sluice_model) model = NULL;
    if (!cases[_i].has_network)
        return;
    SUCCEEDS(sluice_model_load, get_path(name, ".pt"), &names, &model);
    sluice_shape shape = {.struct_size = sizeof shape};
    ck_assert_int_eq(sluice_model_get_shape(model, &shape), SLUICE_STATUS_OK);
    SUCCEEDS(sl_safetensors_open, get_path("expected", ".safetensors"), &expected);
    const size_t width = shape.directions * shape.hidden, states = shape.layers * ROWS * width, outputs = STEPS * ROWS * width;
    FREED float *x = read_expected(&expected, name, "x", STEPS * ROWS * shape.inputs),
                *y = read_expected(&expected, name, "y", outputs), *h = read_expected(&expected, name, "h", states),
                *c = read_expected(&expected, name, "c", states);
    FREED float *got_y = test_floats(outputs), *got_h = test_floats(states), *got_c = test_floats(states);
    const size_t row = cases[_i].batch_first ? STEPS : 1, step = cases[_i].batch_first ? 1 : ROWS;
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .rows = ROWS,
                                .steps = STEPS,
                                .x = x,
                                .x_row_stride = row * shape.inputs,
                                .x_step_stride = step * shape.inputs,
                                .y = got_y,
                                .y_row_stride = row * width,
                                .y_step_stride = step * width,
                                .hn = got_h,
                                .cn = got_c};
    const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_AUTO);
    test_run_once(model, &options, &batch);
    check_close(got_y, y, outputs, "y");
    check_close(got_h, h, states, "h");
    check_close(got_c, c, states, "c");
    sl_source_release(&expected);
}

/* ---- Hostile files ---------------------------------------------------------------------------------------------------------- */

TEST(evil)
{
    sluice_model *model;
    REFUSED(SLUICE_STATUS_BAD_DATA, "posix.system", sluice_model_load, get_path("evil/reduce_os_system", ".pt"), NULL, &model);
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "quantized", sluice_model_load, get_path("evil/dynamic_quantized_state_dict", ".pt"), NULL,
            &model);
}

static const char *const cut_files[] = {"state_dict_zip", "state_dict_legacy"};

TEST_EACH(every_cut, cut_files)
{
    test_bytes file = test_file_read(get_path(cut_files[_i], ".pt"));
    for (size_t size = 1; size < file.size; size++) {
        const test_bytes cut = {file.data, size};
        torch_refuse("cut", &cut, SLUICE_STATUS_BAD_DATA, "byte");
    }
    test_bytes_free(&file);
}

/* Change a byte, and put it back. */
static void try_byte(test_bytes *file, size_t at, unsigned char value)
{
    const unsigned char right = file->data[at];
    sluice_error error = {0};
    file->data[at] = value;
    const sluice_status status = torch_try(file->data, file->size, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED, "%s",
                  error.message);
    if (status)
        test_check_message("changed", &error, status, "memory");
    file->data[at] = right;
}

static void try_bytes(test_bytes *file, size_t begin, size_t end)
{
    const unsigned step = (unsigned)test_by_depth(127, 51, 1);
    for (size_t k = begin; k < end; k++)
        for (unsigned value = k % step; value < 256; value += step)
            try_byte(file, k, (unsigned char)value);
}

/* Without true CRCs, as torch can be set to write, changed bytes reach the pickle's reader. */
static const char *const pickle_files[] = {"state_dict_zip", "checkpoint_nested", "whole_module", "torchscript_traced"};

TEST_EACH(every_byte_of_the_pickle, pickle_files)
{
    enum { CRC_AT = 16, NAME_AT = 46 };
    test_bytes file = test_file_read(get_path(pickle_files[_i], ".pt"));
    unsigned char *entry = NULL;
    size_t begin = 0, end = 0;
    for (size_t k = 0; k + 64 < file.size; k++) {
        if (memcmp(file.data + k, "PK\1\2", 4) != 0)
            continue;
        if (memcmp(file.data + k + NAME_AT, "model/version", 13) == 0)
            entry = file.data + k;
        if (memcmp(file.data + k + NAME_AT, "model/data.pkl", 14) == 0) {
            uint32_t bytes, at;
            memcpy(&bytes, file.data + k + 24, 4);
            memcpy(&at, file.data + k + 42, 4);
            begin = at + 30u + file.data[at + 26] + file.data[at + 28] + 256u * file.data[at + 29];
            end = begin + bytes;
        }
    }
    ck_assert(entry && begin < end && end <= file.size && memcmp(file.data + begin, "\x80\x02", 2) == 0);
    sluice_error error = {0};
    const unsigned char right = file.data[end - 1];
    file.data[end - 1] = 'x';
    ck_assert_int_eq(torch_try(file.data, file.size, &error), SLUICE_STATUS_BAD_DATA);
    test_names(&error, "CRC");
    file.data[end - 1] = right;
    entry[CRC_AT] ^= 1;
    try_bytes(&file, begin, end);
    test_bytes_free(&file);
}

TEST(every_byte_of_an_old_file)
{
    test_bytes file = test_file_read(get_path("state_dict_legacy", ".pt"));
    try_bytes(&file, 0, file.size);
    test_bytes_free(&file);
}

/* Counts of an old file's storages that are not those of its tensors. */
TEST(counts)
{
    static const uint64_t counts[] = {0, 43, 45, UINT64_C(1) << 61, UINT64_C(1) << 62, UINT64_MAX};
    test_bytes file = test_file_read(get_path("state_dict_legacy", ".pt"));
    const uint64_t right = 44; /* the embedding's */
    size_t at = file.size - 8;
    while (at && memcmp(file.data + at, &right, sizeof right) != 0)
        at--;
    ck_assert(at);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        memcpy(file.data + at, &counts[k], sizeof counts[k]);
        torch_refuse("count", &file, SLUICE_STATUS_BAD_DATA, "as its tensors state");
    }
    test_bytes_free(&file);
}
