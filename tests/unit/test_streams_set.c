/* Stream sets as objects: states in and out, files saved and loaded, malformed files, what is refused, and memory that runs out. */
#include "support/files.h"
#include "support/message.h"
#include "support/network.h"
#include "support/stream_calls.h"
#include "support/suite.h"
#include "sluice_network.h"
#include "sluice_train.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

/* ---- An allocator that fails ----------------------------------------------------------------------------------------------- */

static long countdown; /* > 0: that many allocations of the library until the one that fails */
static bool fired;

/* In the place of the C library's: the only one that src/base/memory.c calls. */
void *aligned_alloc(size_t alignment, size_t bytes)
{
    void *memory = NULL;
    if (countdown > 0 && --countdown == 0)
        fired = true;
    else if (posix_memalign(&memory, alignment, bytes) != 0)
        memory = NULL;
    return memory;
}

static const sluice_shape deep = {TEST_LDIH(3, 1, 5, 19), .classes = 4, .has_bias = 1};
static const sluice_shape tiny = {TEST_LDIH(2, 1, 1, 3)};

static sluice_engine *make_engine(const sluice_shape *shape, sluice_isa isa)
{
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_engine *engine = NULL;
    const sluice_engine_options options = test_options(isa, 1, SLUICE_SCHEDULE_AUTO);
    ck_assert_int_eq(sluice_model_create_initial(shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_engine_create(model, &options, &engine, NULL), SLUICE_STATUS_OK);
    return engine;
}

/* What a load that fails sets to NULL. */
static sluice_streams *somewhere(void)
{
    static int place;
    return (sluice_streams *)&place;
}

/* ---- States in and out ----------------------------------------------------------------------------------------------------- */

TEST(set_and_get)
{
    enum { SLOTS = 4, COUNT = 3 * 19 };
    uint64_t random = test_seed();
    sluice_engine *engine = make_engine(&deep, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, SLOTS);
    sluice_engine_destroy(engine); /* the set outlives it */
    float h[SLOTS][COUNT], c[SLOTS][COUNT];
    for (size_t slot = 0; slot < SLOTS; slot++) {
        test_streams_check(streams, slot, NULL, NULL, COUNT, "a new set is at zero");
        for (size_t k = 0; k < COUNT; k++) { /* NaN and infinity among them */
            const uint32_t bits[] = {(uint32_t)test_random(&random), k % 7 ? (uint32_t)test_random(&random) : UINT32_C(0xff800000)};
            memcpy(&h[slot][k], &bits[0], sizeof bits[0]);
            memcpy(&c[slot][k], &bits[1], sizeof bits[1]);
        }
    }
    for (size_t slot = SLOTS; slot-- > 0;)
        test_streams_set(streams, slot, h[slot], c[slot]);
    for (size_t slot = 0; slot < SLOTS; slot++)
        test_streams_check(streams, slot, h[slot], c[slot], COUNT, "what was set");
    FREED float *alone = test_floats(COUNT);
    ck_assert_int_eq(sluice_streams_get(streams, 2, NULL, alone, NULL), SLUICE_STATUS_OK);
    test_same_bits(alone, c[2], COUNT, "c alone");
    ck_assert_int_eq(sluice_streams_get(streams, 2, alone, NULL, NULL), SLUICE_STATUS_OK);
    test_same_bits(alone, h[2], COUNT, "h alone");
    ck_assert_int_eq(sluice_streams_get(streams, 2, NULL, NULL, NULL), SLUICE_STATUS_OK);
    test_streams_set(streams, 0, h[1], NULL);
    test_streams_check(streams, 0, h[1], NULL, COUNT, "h set alone");
    test_streams_set(streams, 1, NULL, NULL);
    test_streams_check(streams, 1, NULL, NULL, COUNT, "a slot that begins anew");
    test_streams_set(streams, 2, NULL, c[3]);
    test_streams_check(streams, 2, NULL, c[3], COUNT, "c set alone");
    test_streams_check(streams, 3, h[3], c[3], COUNT, "a slot that nobody touched");
    sluice_streams_destroy(NULL);
}

TEST(creating_refused)
{
    const sluice_shape both = {TEST_LDIH(1, 2, 2, 3)};
    OWNED_HANDLE(sluice_engine) engine = make_engine(&deep, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_engine) two_ways = make_engine(&both, SLUICE_ISA_AUTO);
    const struct {
        const char *what;
        const sluice_engine *engine;
        size_t slots;
        sluice_status status;
        const char *word;
    } cases[] = {
        {"no engine", NULL, 1, SLUICE_STATUS_BAD_ARGUMENT, "engine is NULL"},
        {"two directions", two_ways, 1, SLUICE_STATUS_UNSUPPORTED, "one direction"},
        {"two directions and no slot", two_ways, 0, SLUICE_STATUS_UNSUPPORTED, "one direction"},
        {"slots that do not fit", engine, SIZE_MAX, SLUICE_STATUS_TOO_LARGE, "address space"},
        {"bytes that do not fit", engine, SIZE_MAX / (2 * 3 * 19 * sizeof(float)) + 1, SLUICE_STATUS_TOO_LARGE, "address space"},
    };
    sluice_error error;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        sluice_streams *streams = somewhere();
        error = (sluice_error){0};
        test_check_refused(cases[k].what, sluice_streams_create(cases[k].engine, cases[k].slots, &streams, &error), cases[k].status,
                           &error, cases[k].word);
        ck_assert_ptr_null(streams);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_streams_create, engine, 1, NULL);
    ck_assert_int_eq(sluice_streams_create(engine, 1, NULL, NULL), SLUICE_STATUS_BAD_ARGUMENT);
}

/* ---- Files ----------------------------------------------------------------------------------------------------------------- */

static void save(const sluice_streams *streams, const char *path)
{
    SUCCEEDS(sluice_streams_save, streams, path);
}

static sluice_streams *load(const sluice_engine *engine, const char *path)
{
    sluice_streams *streams = NULL;
    SUCCEEDS(sluice_streams_load, engine, path, &streams);
    ck_assert_ptr_nonnull(streams);
    return streams;
}

/* The path holds these bytes; they are freed. */
static void check_file(const char *path, test_bytes *want)
{
    OWNED(test_bytes) found = test_file_read(path);
    ck_assert_uint_eq(found.size, want->size);
    ck_assert_msg(memcmp(found.data, want->data, want->size) == 0, "%s holds other bytes", path);
    test_bytes_free(want);
}

/* States of any bits, NaN payloads too, come back, into an engine of another instruction set; saved again they give the same file.
 * Of no slot, of one, and of so many that they pass in several pieces, which end inside layers. */
TEST_LOOP(save_and_load, 0, 3)
{
    static const size_t slots[] = {0, 1, 9001};
    const size_t count = deep.layers * deep.hidden, all = slots[_i];
    uint64_t random = test_seed();
    OWNED_HANDLE(sluice_engine) engine = make_engine(&deep, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_engine) other = make_engine(&deep, SLUICE_ISA_SCALAR);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, all);
    FREED uint32_t *bits = calloc(all * 2 * count + 1, sizeof *bits);
    for (size_t k = 0; k < all * 2 * count; k++)
        bits[k] = (uint32_t)test_random(&random);
    for (size_t slot = 0; slot < all; slot++)
        test_streams_set(streams, slot, (float *)bits + slot * 2 * count, (float *)bits + (slot * 2 + 1) * count);
    test_file_write(test_path("states"), "old", 3); /* is replaced */
    save(streams, test_path("states"));
    OWNED_HANDLE(sluice_streams) loaded = load(other, test_path("states"));
    ck_assert_uint_eq(sluice_streams_get_slots(loaded), all);
    for (size_t slot = 0; slot < all; slot++)
        test_streams_check(loaded, slot, (float *)bits + slot * 2 * count, (float *)bits + (slot * 2 + 1) * count, count, "loaded");
    save(loaded, test_path("again"));
    test_bytes first = test_file_read(test_path("states"));
    check_file(test_path("again"), &first);
    ck_assert_uint_eq(test_folder_count(0), 2);
}

/* A file: length, header, and `floats` floats 0, 1, 2, ... */
static test_bytes make_file(const char *header, size_t floats)
{
    test_bytes file = {0};
    test_bytes_add_number(&file, strlen(header), 8);
    test_bytes_add_text(&file, header);
    for (size_t k = 0; k < floats; k++) {
        const float value = (float)k;
        test_bytes_add(&file, &value, sizeof value);
    }
    return file;
}

#define STATES(name, dtype, shape, offsets)                                                                                        \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define GOOD_C STATES("c", "F32", "[2,2,3]", "[48,96]")
#define GOOD_H STATES("h", "F32", "[2,2,3]", "[0,48]")

/* Layout: slots inside layers, either tensor first, whatever the metadata; and what is saved is laid out the same, h first. */
TEST_LOOP(laid_out, 0, 3)
{
    static const char *const headers[] = {
        "{\"__metadata__\":{\"format\":\"sluice-streams\"}," GOOD_H "," GOOD_C "}",
        "{\"__metadata__\":{\"format\":\"pt\"}," GOOD_C "," GOOD_H "}",
        "{" STATES("c", "F32", "[2,2,3]", "[0,48]") "," STATES("h", "F32", "[2,2,3]", "[48,96]") "}"};
    const bool c_first = _i == 2;
    OWNED_HANDLE(sluice_engine) engine = make_engine(&tiny, SLUICE_ISA_AUTO);
    OWNED(test_bytes) file = make_file(headers[_i], 24);
    test_file_write(test_path("states"), file.data, file.size);
    OWNED_HANDLE(sluice_streams) streams = load(engine, test_path("states"));
    ck_assert_uint_eq(sluice_streams_get_slots(streams), 2);
    for (size_t slot = 0; slot < 2; slot++) {
        float h[6], c[6];
        for (size_t k = 0; k < 6; k++) {
            const size_t at = (k / 3 * 2 + slot) * 3 + k % 3;
            h[k] = (float)(at + (c_first ? 12 : 0));
            c[k] = (float)(at + (c_first ? 0 : 12));
        }
        test_streams_check(streams, slot, h, c, 6, "a hand-made file");
    }
    save(streams, test_path("saved"));
    OWNED(test_bytes) saved = test_file_read(test_path("saved"));
    const size_t data = 24 * sizeof(float);
    ck_assert_uint_eq(saved.size % 8, 0);
    ck_assert_msg(strncmp((const char *)saved.data + 8, headers[0], strlen(headers[0])) == 0, "another header");
    ck_assert_int_eq(memcmp(saved.data + saved.size - data, file.data + file.size - data, data) == 0, !c_first);
}

/* A network whose states have sizes 3 and 5 (h and c of a layer with a projection), and 4. */
static sluice_engine *make_uneven(void)
{
    static const float zeros[16 * 4];
    const sluice_layer layers[] = {
        {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_LSTM, .units = 5, .projection = 3},
        {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_LSTM, .units = 4},
    };
    const sluice_network network = {.struct_size = sizeof network, .inputs = 2, .layer_count = 2, .layers = layers};
    const sluice_parameter parameters[] = {
        {0, 0, SLUICE_TENSOR_WEIGHT_IH, 20 * 2, zeros}, {0, 0, SLUICE_TENSOR_WEIGHT_HH, 20 * 3, zeros},
        {0, 0, SLUICE_TENSOR_BIAS, 20, zeros},          {0, 0, SLUICE_TENSOR_PROJECTION, 3 * 5, zeros},
        {1, 0, SLUICE_TENSOR_WEIGHT_IH, 16 * 3, zeros}, {1, 0, SLUICE_TENSOR_WEIGHT_HH, 16 * 4, zeros},
        {1, 0, SLUICE_TENSOR_BIAS, 16, zeros}};
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_engine *engine = NULL;
    SUCCEEDS(sluice_model_create_network, &network, parameters, sizeof parameters / sizeof *parameters, NULL, &model);
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    return engine;
}

/* States of different sizes have a tensor for each layer; in as many slots as pass in several pieces, and in none. */
TEST_LOOP(save_and_load_uneven, 0, 3)
{
    enum { H = 3 + 4, C = 5 + 4 };
    static const size_t slots[] = {0, 3, 30001};
    const size_t all = slots[_i];
    uint64_t random = test_seed();
    OWNED_HANDLE(sluice_engine) engine = make_uneven();
    OWNED_HANDLE(sluice_engine) even = make_engine(&tiny, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, all);
    FREED float *floats = test_floats(all * (H + C) + 1);
    for (size_t k = 0; k < all * (H + C); k++)
        floats[k] = test_uniform(&random);
    for (size_t slot = 0; slot < all; slot++)
        test_streams_set(streams, slot, floats + slot * (H + C), floats + slot * (H + C) + H);
    save(streams, test_path("states"));
    OWNED_HANDLE(sluice_streams) loaded = load(engine, test_path("states"));
    ck_assert_uint_eq(sluice_streams_get_slots(loaded), all);
    FREED float *h = test_floats(H), *c = test_floats(C);
    for (size_t slot = 0; slot < all; slot++) {
        SUCCEEDS(sluice_streams_get, loaded, slot, h, c);
        test_same_bits(h, floats + slot * (H + C), H, "h");
        test_same_bits(c, floats + slot * (H + C) + H, C, "c");
    }
    OWNED(test_bytes) file = test_file_read(test_path("states"));
    ck_assert_ptr_nonnull(strstr((const char *)file.data + 8, "\"c_l1\":{\"dtype\":\"F32\",\"shape\":["));
    sluice_streams *none = somewhere();
    REFUSED(SLUICE_STATUS_BAD_DATA, "no tensor \"h\"", sluice_streams_load, even, test_path("states"), &none);
}

/* Loading fails with this status and message. */
static void check_bad(const sluice_engine *engine, const char *name, const test_bytes *file, const char *part)
{
    test_file_write(test_path("bad"), file->data, file->size);
    sluice_error error = {0};
    sluice_streams *streams = somewhere();
    const sluice_status status = sluice_streams_load(engine, test_path("bad"), &streams, &error);
    ck_assert_msg(status == SLUICE_STATUS_BAD_DATA, "%s: %s", name, sluice_status_get_name(status));
    test_check_message(name, &error, SLUICE_STATUS_BAD_DATA, part);
    test_check_message(name, &error, SLUICE_STATUS_BAD_DATA, test_path("bad"));
    ck_assert_ptr_null(streams);
}

TEST(malformed)
{
    static const struct {
        const char *name, *header;
        size_t floats;
        const char *part;
    } cases[] = {
        {"no tensor", "{}", 0, "no tensor \"h\""},
        {"h alone", "{" GOOD_H "}", 12, "no tensor \"c\""},
        {"other names", "{" STATES("h0", "F32", "[2,2,3]", "[0,48]") "," STATES("c0", "F32", "[2,2,3]", "[48,96]") "}", 24,
         "no tensor \"h\""},
        {"a third", "{" GOOD_H "," GOOD_C "," STATES("y", "F32", "[1]", "[96,100]") "}", 25, "found tensor \"y\" too"},
        {"h of F16", "{" STATES("h", "F16", "[2,2,3]", "[0,24]") "," STATES("c", "F32", "[2,2,3]", "[24,72]") "}", 18,
         "tensor \"h\": expected type F32, found F16"},
        {"c of I32", "{" GOOD_H "," STATES("c", "I32", "[2,2,3]", "[48,96]") "}", 24, "tensor \"c\": expected type F32, found I32"},
        {"other layers", "{" STATES("h", "F32", "[1,4,3]", "[0,48]") "," GOOD_C "}", 24, "expected shape [2][slots][3]"},
        {"other units", "{" GOOD_H "," STATES("c", "F32", "[2,3,2]", "[48,96]") "}", 24, "found [2][3][2]"},
        {"two dimensions", "{" STATES("h", "F32", "[4,3]", "[0,48]") "," GOOD_C "}", 24, "found [4][3]"},
        {"four dimensions", "{" STATES("h", "F32", "[2,2,3,1]", "[0,48]") "," GOOD_C "}", 24, "found [2][2][3][1]"},
        {"a scalar", "{" STATES("h", "F32", "[]", "[0,4]") "," STATES("c", "F32", "[2,2,3]", "[4,52]") "}", 13, "found []"},
        {"more slots in c", "{" GOOD_H "," STATES("c", "F32", "[2,3,3]", "[48,120]") "}", 30, "the slots of \"h\", 2, found 3"},
        {"shape and offsets differ", "{" GOOD_H "," STATES("c", "F32", "[2,2,3]", "[48,100]") "}", 25, "ask for 48 bytes"},
        {"slots beyond memory", "{" STATES("h", "F32", "[2,4611686018427387904,3]", "[0,48]") "," GOOD_C "}", 24, "too large"},
        {"bytes behind", "{" GOOD_H "," GOOD_C "}", 25, "belong to no tensor"},
    };
    OWNED_HANDLE(sluice_engine) engine = make_engine(&tiny, SLUICE_ISA_AUTO);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        OWNED(test_bytes) file = make_file(cases[k].header, cases[k].floats);
        check_bad(engine, cases[k].name, &file, cases[k].part);
    }
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, 2);
    save(streams, test_path("good"));
    OWNED(test_bytes) good = test_file_read(test_path("good"));
    for (const size_t whole = good.size; good.size > 0;) {
        char name[64];
        good.size--;
        snprintf(name, sizeof name, "%zu of %zu bytes", good.size, whole);
        check_bad(engine, name, &good, "byte");
    }
}

TEST(malformed_uneven)
{
    static const struct {
        const char *name, *header, *part;
    } cases[] = {
        {"one tensor", "{" STATES("h", "F32", "[2,1,3]", "[0,24]") "}", "no tensor \"h_l0\""},
        {"a width", "{" STATES("h_l0", "F32", "[1,4]", "[0,16]") "}", "[slots][3] (of LSTM layer 0"},
        {"slots", "{" STATES("h_l0", "F32", "[1,3]", "[0,12]") "," STATES("h_l1", "F32", "[2,4]", "[12,44]") "}",
         "the slots of \"h_l0\", 1, found 2"},
        {"no c", "{" STATES("h_l0", "F32", "[1,3]", "[0,12]") "," STATES("h_l1", "F32", "[1,4]", "[12,28]") "}",
         "no tensor \"c_l0\""},
    };
    OWNED_HANDLE(sluice_engine) engine = make_uneven();
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        OWNED(test_bytes) file = make_file(cases[k].header, k == 2 ? 11 : k == 3 ? 7 : k == 1 ? 4 : 6);
        check_bad(engine, cases[k].name, &file, cases[k].part);
    }
}

TEST(files_refused)
{
    const sluice_shape both = {TEST_LDIH(1, 2, 2, 3)};
    OWNED_HANDLE(sluice_engine) engine = make_engine(&tiny, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_engine) two_ways = make_engine(&both, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, 2);
    save(streams, test_path("good"));
    const struct {
        const char *what;
        const sluice_engine *engine;
        const char *path;
        sluice_status status;
        const char *word;
    } loads[] = {
        {"no engine", NULL, test_path("good"), SLUICE_STATUS_BAD_ARGUMENT, "engine is NULL"},
        {"no path", engine, NULL, SLUICE_STATUS_BAD_ARGUMENT, "path is NULL"},
        {"no file", engine, test_path("absent"), SLUICE_STATUS_NO_INPUT, "absent"},
        {"a folder", engine, test_folder, SLUICE_STATUS_NO_INPUT, test_folder},
        {"two directions", two_ways, test_path("good"), SLUICE_STATUS_UNSUPPORTED, "one direction"},
        {"two directions and no file", two_ways, "/absent", SLUICE_STATUS_UNSUPPORTED, "one direction"},
    };
    sluice_error error;
    for (size_t k = 0; k < sizeof loads / sizeof loads[0]; k++) {
        sluice_streams *loaded = somewhere();
        error = (sluice_error){0};
        test_check_refused(loads[k].what, sluice_streams_load(loads[k].engine, loads[k].path, &loaded, &error), loads[k].status,
                           &error, loads[k].word);
        ck_assert_ptr_null(loaded);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_streams_load, engine, test_path("good"), NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "streams is NULL", sluice_streams_save, NULL, test_path("good"));
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_streams_save, streams, NULL);
    REFUSED(SLUICE_STATUS_IO, "/dev/full", sluice_streams_save, streams, "/dev/full");
    REFUSED(SLUICE_STATUS_IO, "absent/", sluice_streams_save, streams, test_path("absent/file"));
    REFUSED(SLUICE_STATUS_IO, test_folder, sluice_streams_save, streams, test_folder);
}

/* A disk that is full in the header, between, and in the last byte: the file stays as it was. */
TEST(saved_whole_or_not)
{
    OWNED_HANDLE(sluice_engine) engine = make_engine(&deep, SLUICE_ISA_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, 3000);
    const float h[3 * 19] = {1};
    save(streams, test_path("states"));
    test_bytes before = test_file_read(test_path("states"));
    test_streams_set(streams, 1234, h, NULL);
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limits[] = {0, 100, before.size / 2, before.size - 1};
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        sluice_error error = {0};
        limit.rlim_cur = limits[k];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const sluice_status status = sluice_streams_save(streams, test_path("states"), &error);
        limit.rlim_cur = limit.rlim_max;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        test_refused(status, SLUICE_STATUS_IO, &error, "a full disk");
        ck_assert_uint_eq(test_folder_count(0), 1);
    }
    check_file(test_path("states"), &before);
}

/* ---- No memory ------------------------------------------------------------------------------------------------------------- */

/* Create, load or save, the n-th allocation failing; whether there was one to fail. */
static bool act(int what, const sluice_engine *engine, const sluice_streams *set, long n)
{
    sluice_streams *made = somewhere();
    sluice_error error = {0};
    const char *path = test_path("states"), *target = test_path("target");
    fired = false;
    countdown = n;
    const sluice_status status = what == 0   ? sluice_streams_create(engine, 7, &made, &error)
                                 : what == 1 ? sluice_streams_load(engine, path, &made, &error)
                                             : sluice_streams_save(set, target, &error);
    countdown = 0;
    if (!fired) {
        ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
        if (what != 2)
            sluice_streams_destroy(made);
        return false;
    }
    test_refused(status, SLUICE_STATUS_NO_MEMORY, &error, "an allocation that fails");
    if (what != 2)
        ck_assert_ptr_null(made);
    test_bytes old = {0};
    test_bytes_add_text(&old, "old");
    check_file(target, &old);
    ck_assert_uint_eq(test_folder_count(0), 2);
    return true;
}

TEST_LOOP(no_memory, 0, 6)
{
    const int what = _i % 3;
    OWNED_HANDLE(sluice_engine) engine = _i < 3 ? make_engine(&tiny, SLUICE_ISA_AUTO) : make_uneven();
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(engine, 2);
    save(streams, test_path("states"));
    test_file_write(test_path("target"), "old", 3);
    long n = 1;
    while (act(what, engine, streams, n))
        n++;
    printf("%s: %ld allocations\n", what == 0 ? "create" : what == 1 ? "load" : "save", n - 1);
    ck_assert_int_ge(n, 3);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
