/* Models saved to files: the same bits when loaded, the names given, what is refused, and files that appear whole or not at all. */
#include "support/files.h"
#include "support/cases/minibatches.h"
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "program/model_shape.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The library's calls of fsync come here: how many there were, and what they fail with (0: they do not). */
static unsigned synchronized;
static int disk_error;
static bool interrupted; /* the next call, by a signal */

int fsync(int fd)
{
    ck_assert_int_ge(fd, 0);
    synchronized++;
    errno = interrupted ? EINTR : disk_error;
    const bool fails = interrupted || disk_error;
    interrupted = false;
    return fails ? -1 : 0;
}

static const sluice_shape full = {TEST_LDIH(2, 2, 3, 2), .vocabulary = 5, .classes = 3, .has_bias = 1};
static const char *const class_names[] = {"plain", "\"né\\\"", "two words"};

static void save(const sluice_model *model, const char *path, const sluice_names *names)
{
    sluice_error error = {0};
    const sluice_status status = sluice_model_save(model, path, names, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", path, error.message);
}

static sluice_model *load(const char *path, const sluice_names *names)
{
    sluice_model *model = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_model_load(path, names, &model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", path, error.message);
    return model;
}

/* Same shape, same class names, and the same bits in every tensor. */
static void same_model(const sluice_model *got, const sluice_model *want)
{
    const sluice_shape shape = sl_model_shape(want), found = sl_model_shape(got);
    ck_assert_int_eq(memcmp(&found, &shape, offsetof(sluice_shape, has_bias)), 0);
    ck_assert_int_eq(found.has_bias, shape.has_bias);
    test_same_weights(got, want);
    for (size_t k = 0; k < shape.classes; k++) {
        const char *a = sluice_model_get_class(got, k), *b = sluice_model_get_class(want, k);
        ck_assert_msg(a == b || (a && b && strcmp(a, b) == 0), "class %zu: %s instead of %s", k, a, b);
    }
}

static void check_file(const char *path, const test_bytes *want)
{
    OWNED(test_bytes) got = test_file_read(path);
    ck_assert_uint_eq(got.size, want->size);
    ck_assert_int_eq(memcmp(got.data, want->data, want->size), 0);
}

/* A value that a careless round trip would lose, now and then. */
static float special(uint64_t *random, float value)
{
    const float values[] = {-0.0f, 0.0f, FLT_MAX / 4, -FLT_TRUE_MIN, FLT_MIN, 1.0f + FLT_EPSILON};
    const uint64_t n = test_random(random) % 12;
    return n < sizeof values / sizeof values[0] ? values[n] : value;
}

/* ---- Round trips ----------------------------------------------------------------------------------------------------------- */

TEST_LOOP(round_trip, 0, 48)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 3, 1 + (size_t)_i / 3 % 2, 1 + (size_t)_i % 5, 1 + (size_t)_i * 7 % 19),
                                .vocabulary = _i / 6 % 2 ? 11 : 0, .classes = _i / 12 % 2 ? 3 : 0, .has_bias = _i / 24 % 2};
    uint64_t random = test_seed() + (uint64_t)_i;
    OWNED(test_network) network = test_network_create(&shape);
    for (size_t k = 0; k < network.count; k++)
        network.floats[k] = special(&random, 2 * test_uniform(&random) - 1);
    network.weights.class_names = _i % 2 ? class_names : NULL;
    test_network_build(&network);
    save(network.model, test_path("model"), NULL);
    OWNED_HANDLE(sluice_model) loaded = load(test_path("model"), NULL);
    same_model(loaded, network.model);
    char notes[128];
    snprintf(notes, sizeof notes, "names: torch, prefix \"lstm.\", %s, %s", shape.classes ? "head \"fc\"" : "no head",
             shape.vocabulary ? "embedding \"embedding\"" : "no embedding");
    ck_assert_str_eq(sluice_model_get_notes(loaded), notes);
    OWNED(test_bytes) first = test_file_read(test_path("model"));
    ck_assert_uint_eq(first.size % 4, 0);
    save(loaded, test_path("again"), NULL);
    check_file(test_path("again"), &first);
    ck_assert_uint_eq(test_folder_count(0), 2);
}

/* The model of the demo, made elsewhere, and the answers it gives. */
TEST(langid)
{
    char path[512];
    const char *source = getenv("SLUICE_SOURCE");
    snprintf(path, sizeof path, "%s/perf/langid/langid.safetensors", source ? source : ".");
    OWNED_HANDLE(sluice_model) model = load(path, NULL);
    save(model, test_path("model"), NULL);
    OWNED_HANDLE(sluice_model) loaded = load(test_path("model"), NULL);
    same_model(loaded, model);
    ck_assert_str_eq(sluice_model_get_class(loaded, 7), "swedish");
}

/* Numbers that are known by their place, for tests/house/test_saved.py to read. */
TEST(known_numbers)
{
    OWNED(test_network) network = test_network_create(&full);
    for (size_t k = 0; k < network.count; k++)
        network.floats[k] = (float)k / 64;
    network.weights.class_names = class_names;
    test_network_build(&network);
    save(network.model, test_path("model"), NULL);
    OWNED(test_bytes) file = test_file_read(test_path("model"));
    test_file_keep(&file, "-model.safetensors");
}

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static sluice_model *make_model(const char *const *classes)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial, &full, SLUICE_INITIALIZER_TORCH, test_seed(), classes, &model);
    return model;
}

TEST(names_given)
{
    static const sluice_names cases[] = {
        {sizeof(sluice_names), "encoder.rnn.", "classify", "embed"},
        {sizeof(sluice_names), "", NULL, NULL},
        {sizeof(sluice_names), NULL, "out", "net.emb"},
        {sizeof(sluice_names), "\"quoted\\\".", "né", "tab: embedding"},
    };
    OWNED_HANDLE(sluice_model) model = make_model(class_names);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        save(model, test_path("model"), &cases[k]);
        sluice_names names = cases[k]; /* asked for by name, or found */
        for (int found = 0; found < 2; found++) {
            OWNED_HANDLE(sluice_model) loaded = load(test_path("model"), found ? NULL : &names);
            same_model(loaded, model);
            char part[160];
            snprintf(part, sizeof part, "prefix \"%s\", head \"%s\", embedding \"%s\"", names.prefix ? names.prefix : "lstm.",
                     names.head ? names.head : "fc", names.embedding ? names.embedding : "embedding");
            ck_assert_ptr_nonnull(strstr(sluice_model_get_notes(loaded), part));
        }
    }
}

/* ---- Refused --------------------------------------------------------------------------------------------------------------- */

static void refused(const sluice_model *model, const char *path, const sluice_names *names, sluice_status want, const char *what,
                    const char *word)
{
    sluice_error error = {0};
    test_check_refused(what, sluice_model_save(model, path, names, &error), want, &error, word);
    ck_assert_int_eq(sluice_model_save(model, path, names, NULL), want);
}

TEST(arguments_refused)
{
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        sluice_names names;
        const char *word;
    } cases[] = {
        {{0, NULL, NULL, NULL}, "struct_size"},
        {{sizeof(sluice_names), NULL, "", NULL}, "names.head"},
        {{sizeof(sluice_names), NULL, NULL, ""}, "names.embedding"},
        {{sizeof(sluice_names), NULL, "one", "one"}, "two names"},
        {{sizeof(sluice_names), long_name, NULL, NULL}, "tensor name of 1 to 255 bytes"},
        {{sizeof(sluice_names), NULL, long_name, NULL}, "tensor name of 1 to 255 bytes"},
        {{sizeof(sluice_names), NULL, NULL, long_name}, "tensor name of 1 to 255 bytes"},
        {{sizeof(sluice_names), "a\tb", NULL, NULL}, "control characters"},
        {{sizeof(sluice_names), "a\x7f", NULL, NULL}, "control characters"},
        {{sizeof(sluice_names), NULL, "n\xe9", NULL}, "UTF-8"},
        {{sizeof(sluice_names), NULL, NULL, "\xed\xa0\x80"}, "UTF-8"},
    };
    OWNED_HANDLE(sluice_model) model = make_model(NULL);
    const char *path = test_path("model");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        refused(model, path, &cases[k].names, SLUICE_STATUS_BAD_ARGUMENT, cases[k].word, cases[k].word);
    refused(NULL, path, NULL, SLUICE_STATUS_BAD_ARGUMENT, "no model", "model is NULL");
    refused(model, NULL, NULL, SLUICE_STATUS_BAD_ARGUMENT, "no path", "path is NULL");
    ck_assert_uint_eq(test_folder_count(0), 0);
}

/* Class names that a file could not give back. */
TEST(classes_refused)
{
    static const struct {
        const char *name, *word;
    } cases[] = {
        {"a,b", "commas"}, {"", "commas"}, {"line\nbreak", "control characters"}, {"del\x7f", "control"}, {"\xff", "UTF-8"}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const char *const classes[] = {"yes", cases[k].name, "no"};
        OWNED_HANDLE(sluice_model) model = make_model(classes);
        refused(model, test_path("model"), NULL, SLUICE_STATUS_BAD_ARGUMENT, cases[k].name, cases[k].word);
    }
    ck_assert_uint_eq(test_folder_count(0), 0);
}

/* A disk that is full in the header, between, and in the last byte: the file stays as it was. */
TEST(saved_whole_or_not)
{
    OWNED_HANDLE(sluice_model) model = make_model(class_names);
    OWNED_HANDLE(sluice_model) other = make_model(NULL);
    save(model, test_path("model"), NULL);
    OWNED(test_bytes) before = test_file_read(test_path("model"));
    refused(other, "/dev/full", NULL, SLUICE_STATUS_IO, "a full device", "/dev/full");
    refused(other, test_path("absent/file"), NULL, SLUICE_STATUS_IO, "no folder", "absent/file");
    refused(other, test_folder, NULL, SLUICE_STATUS_IO, "a folder", test_folder);
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limits[] = {0, 100, before.size / 2, before.size - 1};
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        sluice_error error = {0};
        limit.rlim_cur = limits[k];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const sluice_status status = sluice_model_save(model, test_path("model"), NULL, &error);
        limit.rlim_cur = limit.rlim_max;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        test_refused(status, SLUICE_STATUS_IO, &error, "a full disk");
        ck_assert_uint_eq(test_folder_count(0), 1);
    }
    check_file(test_path("model"), &before);
    save(other, test_path("model"), NULL);
    ck_assert_uint_eq(test_folder_count(0), 1);
}

/* The bytes are on the disk before the file has its name; a disk that fails leaves the old file. */
TEST(disk_first)
{
    OWNED_HANDLE(sluice_model) model = make_model(class_names);
    OWNED_HANDLE(sluice_model) other = make_model(NULL);
    synchronized = 0;
    save(model, test_path("model"), NULL);
    ck_assert_uint_eq(synchronized, 1);
    OWNED(test_bytes) before = test_file_read(test_path("model"));
    disk_error = EIO;
    refused(other, test_path("model"), NULL, SLUICE_STATUS_IO, "a disk that fails", "cannot be brought to the disk");
    ck_assert_uint_eq(synchronized, 3); /* refused twice */
    check_file(test_path("model"), &before);
    ck_assert_uint_eq(test_folder_count(0), 1);
    disk_error = EINVAL; /* as file systems say that cannot do it */
    save(other, test_path("model"), NULL);
    ck_assert_uint_eq(synchronized, 4);
    disk_error = 0;
    interrupted = true;
    save(other, test_path("model"), NULL);
    ck_assert_uint_eq(synchronized, 6);
    save(other, "/dev/null", NULL);
    ck_assert_uint_eq(synchronized, 6);
}

/* What a model says of series is in its file, its copies and its checkpoints, until it is taken back. */
TEST(series_said)
{
    static const char said[] = "{\"columns\": [\"a\\\\\", \"Gr\xc3\xb6\xc3\x9f"
                               "e\"]}";
    OWNED_HANDLE(sluice_model) model = make_model(class_names);
    ck_assert_ptr_null(sluice_model_get_series(model));
    SUCCEEDS(sluice_model_set_series, model, said);
    char copied[sizeof said];
    strcpy(copied, sluice_model_get_series(model));
    SUCCEEDS(sluice_model_set_series, model, copied);
    memset(copied, 'x', sizeof copied - 1);
    save(model, test_path("model"), NULL);
    OWNED_HANDLE(sluice_model) loaded = load(test_path("model"), NULL);
    same_model(loaded, model);
    ck_assert_str_eq(sluice_model_get_series(loaded), said);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "control character", sluice_model_set_series, loaded, "a\nb");
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "model is NULL", sluice_model_set_series, NULL, said);
    ck_assert_str_eq(sluice_model_get_series(loaded), said);
    const sluice_trainer_options options = {.struct_size = sizeof options, .rate = 0.01};
    OWNED_HANDLE(sluice_trainer) trainer = NULL;
    SUCCEEDS(sluice_trainer_create, loaded, NULL, &options, &trainer);
    ck_assert_str_eq(sluice_model_get_series(sluice_trainer_get_model(trainer)), said);
    SUCCEEDS(sluice_model_set_series, loaded, NULL);
    ck_assert_ptr_null(sluice_model_get_series(loaded));
    SUCCEEDS(sluice_trainer_save, trainer, NULL, test_path("checkpoint"), "note");
    OWNED_HANDLE(sluice_trainer) resumed = NULL;
    SUCCEEDS(sluice_trainer_load, test_path("checkpoint"), NULL, &resumed, NULL, NULL);
    ck_assert_str_eq(sluice_model_get_series(sluice_trainer_get_model(resumed)), said);
}

/* Into a pipe, which can only be written forward. */
TEST(into_a_pipe)
{
    OWNED_HANDLE(sluice_model) model = make_model(class_names);
    save(model, test_path("model"), NULL);
    OWNED(test_bytes) want = test_file_read(test_path("model"));
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    save(model, path, NULL); /* less than a pipe holds */
    close(ends[1]);
    OWNED(test_bytes) got = {0};
    unsigned char piece[4096];
    for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;)
        test_bytes_add(&got, piece, (size_t)n);
    close(ends[0]);
    ck_assert_uint_eq(got.size, want.size);
    ck_assert_int_eq(memcmp(got.data, want.data, want.size), 0);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
