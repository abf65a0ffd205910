/* HDF5 files: the structure, attributes and values of files by Keras and h5py, which tests/golden/keras has; and every cut and every
 * changed byte of them refused or harmless, never a crash. */
#include "hdf5/hdf5_walk.h"

#include "io/zip/crc32.h"

#include <math.h>

/* An image that is open. */
typedef struct image {
    test_bytes bytes;
    sl_input input;
    sl_hdf5 *file;
} image;

static void image_free(image *opened)
{
    sl_hdf5_close(opened->file);
    sl_input_close(&opened->input);
    test_bytes_free(&opened->bytes);
}

static void open_golden(const char *name, image *opened)
{
    *opened = (image){.bytes = read_golden(name)};
    SUCCEEDS(sl_input_open_memory, opened->bytes.data, opened->bytes.size, &opened->input);
    SUCCEEDS(sl_hdf5_open, &opened->input, &opened->file);
}

static sl_hdf5_object *find(sl_hdf5 *file, const char *path)
{
    sl_hdf5_object *found;
    SUCCEEDS(sl_hdf5_find, file, sl_hdf5_get_root(file), path, &found);
    ck_assert_msg(found != NULL, "there is no %s", path);
    return found;
}

static sl_hdf5_text get_text(sl_hdf5 *file, const char *path, const char *name)
{
    sl_hdf5_text text;
    SUCCEEDS(sl_hdf5_read_text, file, find(file, path), name, &text);
    return text;
}

static sl_tensor describe(sl_hdf5 *file, const char *path)
{
    sl_tensor tensor;
    SUCCEEDS(sl_hdf5_describe, file, find(file, path), &tensor);
    ck_assert_str_eq(tensor.name, path);
    return tensor;
}

static const char *const both[] = {"old.h5", "new.h5"};

/* ---- What h5py wrote ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *path, *dtype;
    sl_element type;
    bool only_old;
} types[] = {{"/types/f2", "F16", SL_ELEMENT_F16, true},   {"/types/f4", "F32", SL_ELEMENT_F32, false},
             {"/types/f8", "F64", SL_ELEMENT_F64, false},  {"/types/i1", "I8", SL_ELEMENT_I8, true},
             {"/types/u1", "U8", SL_ELEMENT_U8, false},    {"/types/bf16", "BF16", SL_ELEMENT_BF16, false},
             {"/types/i8", "I64", SL_ELEMENT_OTHER, true}, {"/types/compact", "F32", SL_ELEMENT_F32, false}};

TEST_EACH(types_and_values, both)
{
    OWNED(image) opened;
    open_golden(both[_i], &opened);
    const sl_tensor_source source = {.input = opened.input};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        if (_i && types[k].only_old)
            continue;
        const sl_tensor tensor = describe(opened.file, types[k].path);
        ck_assert_str_eq(tensor.dtype, types[k].dtype);
        ck_assert(tensor.type == types[k].type && tensor.input == &opened.input && !tensor.strided && !tensor.used);
        ck_assert(tensor.dims == 2 && tensor.shape[0] == 2 && tensor.shape[1] == 3 && tensor.elements == 6);
        float values[6] = {NAN, NAN, NAN, NAN, NAN, NAN};
        if (tensor.type == SL_ELEMENT_OTHER)
            continue;
        SUCCEEDS(sl_source_read, &source, &tensor, 0, 6, values, NULL);
        for (size_t n = 0; n < 6; n++)
            ck_assert_msg(values[n] == (float)n, "%s: element %zu is %g", types[k].path, n, (double)values[n]);
    }
}

TEST_EACH(shapes, both)
{
    OWNED(image) opened;
    open_golden(both[_i], &opened);
    const sl_tensor empty = describe(opened.file, "/types/empty"), scalar = describe(opened.file, "/types/scalar");
    ck_assert(empty.dims == 2 && empty.shape[0] == 0 && empty.shape[1] == 3 && empty.begin == empty.end && empty.elements == 0);
    ck_assert(scalar.dims == 0 && scalar.elements == 1 && scalar.end - scalar.begin == 4);
}

TEST_EACH(texts, both)
{
    static const char *const wanted[][2] = {{"text", "caf\xc3\xa9"}, {"fixed", "fixed"}};
    OWNED(image) opened;
    open_golden(both[_i], &opened);
    for (size_t k = 0; k < 2; k++) {
        const sl_hdf5_text text = get_text(opened.file, "/outer/inner", wanted[k][0]);
        ck_assert_str_eq(text.text, wanted[k][1]);
        ck_assert_uint_eq(text.bytes, strlen(wanted[k][1]));
        ck_assert_mem_eq(opened.bytes.data + text.at, text.text, text.bytes);
    }
    ck_assert_str_eq(get_text(opened.file, "/outer", "spaces").text, "right");
    ck_assert_ptr_null(get_text(opened.file, "/outer/inner", "tex").text);
    ck_assert_ptr_null(get_text(opened.file, "/outer/inner", "text0").text);
    sl_hdf5_text text;
    sl_hdf5_object *inner = find(opened.file, "outer/inner");
    REFUSED(SLUICE_STATUS_BAD_DATA, "\"/outer/inner\": attribute \"number\": expected strings, found I64", sl_hdf5_read_text,
            opened.file, inner, "number", &text);
    REFUSED(SLUICE_STATUS_BAD_DATA, "attribute \"list\": expected one string, found 3", sl_hdf5_read_text, opened.file, inner,
            "list", &text);
}

TEST_EACH(lists, both)
{
    static const struct {
        const char *name;
        size_t count;
        const char *texts[3];
    } wanted[] = {
        {"list", 3, {"one", "three", ""}}, {"texts", 3, {"eins", "", "drei"}}, {"split", 3, {"a", "b", "c"}}, {"split1", 1, {"c"}}};
    OWNED(image) opened;
    open_golden(both[_i], &opened);
    sl_hdf5_texts list;
    for (size_t k = 0; k < sizeof wanted / sizeof wanted[0]; k++) {
        SUCCEEDS(sl_hdf5_read_texts, opened.file, find(opened.file, "/outer/inner"), wanted[k].name, &list);
        ck_assert(list.found);
        ck_assert_uint_eq(list.count, wanted[k].count);
        for (size_t n = 0; n < list.count; n++)
            ck_assert_str_eq(list.texts[n].text, wanted[k].texts[n]);
    }
    SUCCEEDS(sl_hdf5_read_texts, opened.file, find(opened.file, "/outer"), "none", &list);
    ck_assert(!list.found && list.count == 0);
}

/* Twenty hard links, which need several nodes of a symbol table. */
TEST(links)
{
    OWNED(image) opened;
    open_golden("old.h5", &opened);
    sl_hdf5_object **children, *absent;
    size_t count;
    SUCCEEDS(sl_hdf5_list, opened.file, find(opened.file, "links"), &children, &count);
    ck_assert_uint_eq(count, 20);
    const size_t begin = describe(opened.file, "/types/f4").begin;
    for (size_t k = 0; k < count; k++) {
        char path[32];
        snprintf(path, sizeof path, "/links/n%zu", k);
        ck_assert_uint_eq(describe(opened.file, path).begin, begin);
        ck_assert(k == 0 || strcmp(sl_hdf5_get_name(children[k - 1]), sl_hdf5_get_name(children[k])) < 0);
    }
    SUCCEEDS(sl_hdf5_find, opened.file, find(opened.file, "links"), "n", &absent);
    ck_assert_ptr_null(absent);
    SUCCEEDS(sl_hdf5_find, opened.file, find(opened.file, "links"), "/links/n20", &absent);
    ck_assert_ptr_null(absent);
    REFUSED(SLUICE_STATUS_BAD_DATA, "\"/links/n1\": expected a group, found a dataset", sl_hdf5_find, opened.file,
            sl_hdf5_get_root(opened.file), "links/n1/x", &absent);
}

/* A new group with so many links and attributes has them in fractal heaps. */
TEST(dense)
{
    OWNED(image) opened;
    open_golden("dense.h5", &opened);
    sl_hdf5_object **children, *links = find(opened.file, "links");
    size_t count;
    sl_hdf5_text text;
    REFUSED(SLUICE_STATUS_BAD_DATA, "object \"/links\": the group's links are stored densely", sl_hdf5_list, opened.file, links,
            &children, &count);
    REFUSED(SLUICE_STATUS_BAD_DATA, "its attributes, \"a0\" perhaps, are stored densely", sl_hdf5_read_text, opened.file, links,
            "a0", &text);
}

/* ---- What Keras wrote ---------------------------------------------------------------------------------------------------------- */

#define CELL "/model_weights/lstm_5/sequential_5/lstm_5/lstm_cell/"
#define CELLS "/layers/rnn/cell/cells/"

/* CRCs as zlib has them of what h5py reads. */
static const struct {
    const char *file, *path;
    size_t dims, shape[2];
    uint32_t crc;
} arrays[] = {{"relu.h5", CELL "bias", 1, {20}, 0xaa3031e8},
              {"relu.h5", CELL "kernel", 2, {4, 20}, 0x71e8f341},
              {"relu.h5", CELL "recurrent_kernel", 2, {5, 20}, 0x4508645e},
              {"stacked.weights.h5", CELLS "lstm_cell/vars/0", 2, {4, 20}, 0x881b55b5},
              {"stacked.weights.h5", CELLS "lstm_cell/vars/2", 1, {20}, 0x4608a237},
              {"stacked.weights.h5", CELLS "lstm_cell_1/vars/1", 2, {3, 12}, 0x66a010b2}};

TEST_EACH(keras_arrays, arrays)
{
    OWNED(image) opened;
    open_golden(arrays[_i].file, &opened);
    const sl_tensor tensor = describe(opened.file, arrays[_i].path);
    const size_t bytes = tensor.end - tensor.begin;
    ck_assert(tensor.type == SL_ELEMENT_F32 && tensor.dims == arrays[_i].dims);
    ck_assert(memcmp(tensor.shape, arrays[_i].shape, tensor.dims * sizeof *tensor.shape) == 0);
    ck_assert_uint_eq(bytes, 4 * tensor.elements);
    ck_assert_uint_eq(sl_crc32_begin(bytes) ^ sl_crc32_part(opened.bytes.data + tensor.begin, bytes, 0, bytes), arrays[_i].crc);
}

TEST(keras_attributes)
{
    OWNED(image) opened;
    open_golden("relu.h5", &opened);
    sl_hdf5_texts list;
    const sl_hdf5_text config = get_text(opened.file, "/", "model_config");
    ck_assert_uint_eq(config.bytes, 1559);
    ck_assert(strncmp(config.text, "{\"class_name\": \"Sequential\", ", 29) == 0);
    ck_assert_str_eq(get_text(opened.file, "/model_weights", "keras_version").text, "3.15.1");
    SUCCEEDS(sl_hdf5_read_texts, opened.file, find(opened.file, "/model_weights/lstm_5"), "weight_names", &list);
    ck_assert_uint_eq(list.count, 3);
    ck_assert_str_eq(list.texts[1].text, "sequential_5/lstm_5/lstm_cell/recurrent_kernel");
    SUCCEEDS(sl_hdf5_read_texts, opened.file, find(opened.file, "/model_weights/top_level_model_weights"), "weight_names", &list);
    ck_assert(list.found && list.count == 0);
}

TEST(keras_names)
{
    OWNED(image) opened;
    open_golden("stacked.weights.h5", &opened);
    ck_assert_str_eq(get_text(opened.file, CELLS "lstm_cell_1/vars", "name").text, "lstm_cell_1");
    sl_hdf5_kind kind;
    SUCCEEDS(sl_hdf5_get_kind, opened.file, find(opened.file, CELLS "lstm_cell_1/vars/2"), &kind);
    ck_assert_int_eq(kind, SL_HDF5_DATASET);
}

/* ---- Where an image lies ------------------------------------------------------------------------------------------------------- */

static uint64_t get_hash(const unsigned char *data, size_t size)
{
    walk done;
    sluice_error error;
    ck_assert_msg(walk_bytes(data, size, false, &done, &error) == SLUICE_STATUS_OK, "%s", error.message);
    return done.hash;
}

TEST(user_block)
{
    test_bytes file = read_golden("old.h5");
    const uint64_t hash = get_hash(file.data, file.size);
    for (size_t before = 512; before <= 4096; before *= 2) {
        test_bytes moved = {0};
        static const unsigned char zeros[4096];
        test_bytes_add(&moved, zeros, before);
        test_bytes_add(&moved, file.data, file.size);
        ck_assert_uint_eq(get_hash(moved.data, moved.size), hash);
        test_bytes_free(&moved);
    }
    test_bytes_free(&file);
}

TEST(files_and_parts)
{
    test_bytes file = read_golden("relu.h5"), inside = {0};
    const uint64_t hash = get_hash(file.data, file.size);
    test_folder_setup();
    test_bytes_add_text(&inside, "before");
    test_bytes_add(&inside, file.data, file.size);
    test_bytes_add_text(&inside, "behind");
    test_file_write(test_path("a"), inside.data, inside.size);
    sl_input whole, part;
    walk done;
    sluice_error error;
    SUCCEEDS(sl_input_open, test_path("a"), &whole);
    SUCCEEDS(sl_input_open_part, &whole, strlen("before"), file.size, "x", &part);
    sl_input_close(&whole);
    ck_assert_int_eq(walk_input(&part, false, &done, &error), SLUICE_STATUS_OK);
    ck_assert_uint_eq(done.hash, hash);
    sl_input_close(&part);
    test_folder_teardown();
    test_bytes_free(&file);
    test_bytes_free(&inside);
}

TEST(other_inputs)
{
    sl_hdf5 *file;
    sl_input input;
    SUCCEEDS(sl_input_open_memory, "PK\3\4", 4, &input);
    REFUSED(SLUICE_STATUS_BAD_DATA, "expected the signature of an HDF5 file", sl_hdf5_open, &input, &file);
    input.regular = false;
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "use a file", sl_hdf5_open, &input, &file);
    sl_input_close(&input);
    sl_hdf5_close(NULL);
}

/* ---- Damage -------------------------------------------------------------------------------------------------------------------- */

static const char *const files[] = {"old.h5", "relu.h5", "new.h5"};
enum { STATED_END = 40, STATED_END_NEW = 28 };

static size_t get_stated_end(const char *name)
{
    return strcmp(name, "new.h5") == 0 ? STATED_END_NEW : STATED_END;
}

/* A file that was cut short says so; where it states the length that it has, what is missing is refused, or was not needed. */
TEST_EACH(every_length, files)
{
    test_bytes file = read_golden(files[_i]);
    walk whole, done;
    sluice_error error;
    ck_assert_int_eq(walk_bytes(file.data, file.size, true, &whole, &error), SLUICE_STATUS_OK);
    ck_assert_uint_eq(whole.refused, 0);
    for (size_t size = 0; size < file.size; size += test_by_depth(37, 7, 1)) {
        ck_assert_int_eq(walk_bytes(file.data, size, true, &done, &error), SLUICE_STATUS_BAD_DATA);
        test_check_message("cut", &error, SLUICE_STATUS_BAD_DATA, size < SL_HDF5_SIGNATURE_BYTES ? "signature" : "cut short");
        const uint64_t stated = size;
        unsigned char *place = file.data + get_stated_end(files[_i]), saved[sizeof stated];
        memcpy(saved, place, sizeof saved);
        memcpy(place, &stated, sizeof stated);
        error = (sluice_error){0};
        const sluice_status status = walk_bytes(file.data, size, true, &done, &error);
        ck_assert(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA);
        ck_assert_msg(status || done.refused || done.hash == whole.hash, "%zu bytes are read as others", size);
        if (status || done.refused)
            test_check_message("stated", &error, SLUICE_STATUS_BAD_DATA, ": byte ");
        memcpy(place, saved, sizeof saved);
    }
    test_bytes_free(&file);
}

/* Bits of each byte: the lowest, the highest and all of them; and each byte as 0. */
TEST_EACH(every_byte, files)
{
    static const unsigned char changes[] = {0xff, 1, 0x80};
    test_bytes file = read_golden(files[_i]);
    const size_t step = test_by_depth(31, 11, 1), all = sizeof changes + 1;
    size_t refused = 0, passed = 0;
    for (size_t k = 0; k < file.size * all; k += step) {
        const size_t at = k / all, kind = k % all;
        const unsigned char old = file.data[at];
        file.data[at] = kind < sizeof changes ? old ^ changes[kind] : 0;
        walk done;
        sluice_error error = {0};
        const sluice_status status = walk_bytes(file.data, file.size, true, &done, &error);
        ck_assert(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA);
        if (status || done.refused)
            test_check_message("changed", &error, SLUICE_STATUS_BAD_DATA, ": byte ");
        refused += status || done.refused;
        passed += !status && !done.refused;
        file.data[at] = old;
    }
    printf("%s: %zu changes refused, %zu of no consequence for the structure\n", files[_i], refused, passed);
    ck_assert_uint_gt(refused, 100);
    test_bytes_free(&file);
}
