/* Checkpoints: training that goes on from one has the bits of training that never stopped, in every option; weights that
 * are a model's; malformed files, arguments that are refused, and files that appear whole or not at all. */
#include "io/safetensors/safetensors.h"
#include "train/trainer.h"

#include "support/files.h"
#include "support/cases/minibatches.h"
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

/* ---- Calls that succeed ---------------------------------------------------------------------------------------------------- */

static void save(const sluice_trainer *trainer, const char *path, const char *note)
{
    sluice_error error = {0};
    const sluice_status status = sluice_trainer_save(trainer, NULL, path, note, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", path, error.message);
}

static sluice_trainer *load(const char *path, const sluice_engine_options *engine, char **note)
{
    sluice_trainer *trainer = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_trainer_load(path, engine, &trainer, NULL, note, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", path, error.message);
    return trainer;
}

static void check_file(const char *path, const test_bytes *want)
{
    OWNED(test_bytes) got = test_file_read(path);
    ck_assert_uint_eq(got.size, want->size);
    ck_assert_int_eq(memcmp(got.data, want->data, want->size), 0);
}

/* ---- Going on -------------------------------------------------------------------------------------------------------------- */

#define OPTIONS .struct_size = sizeof(sluice_trainer_options)

static const sluice_shape tagger = {TEST_LDIH(2, 2, 3, 5), .vocabulary = 7, .classes = 3, .has_bias = 1};
static const sluice_shape reader = {TEST_LDIH(1, 1, 4, 6), .classes = 4, .has_bias = 0};
static const sluice_shape headless = {TEST_LDIH(3, 1, 2, 3), .has_bias = 1};

static const float quantiles[] = {0.1f, 0.9f};

/* Every optimiser, schedule and loss, and whatever else a step depends on. */
static const struct {
    const char *what;
    const sluice_shape *shape;
    sluice_trainer_options options;
} trainings[] = {
    {"defaults", &tagger, {OPTIONS}},
    {"shards", &tagger, {OPTIONS, .shards = 3, .dropout = 0.2f}},
    {"Adam, one cycle, clipped",
     &tagger,
     {OPTIONS, .rate = 4e-3, .clip = 0.01, .schedule = SLUICE_RATE_ONE_CYCLE, .total_steps = 8}},
    {"AdamW, warm-up and cosine, dropout",
     &tagger,
     {OPTIONS, .optimizer = SLUICE_OPTIMIZER_ADAMW, .rate = 0.1, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-6, .weight_decay = 0.03,
      .schedule = SLUICE_RATE_COSINE, .total_steps = 9, .warmup_steps = 2, .dropout = 0.3f, .seed = UINT64_MAX - 4}},
    {"Adam with decay, every step, recompute",
     &tagger,
     {OPTIONS, .weight_decay = 0.01, .every_step = 1, .ignore = -7, .label_smoothing = 0.1f, .dropout = 0.5f, .seed = 3,
      .recompute = 2}},
    {"SGD", &reader, {OPTIONS, .optimizer = SLUICE_OPTIMIZER_SGD, .rate = 0.5}},
    {"SGD with momentum and warm-up",
     &reader,
     {OPTIONS, .optimizer = SLUICE_OPTIMIZER_SGD, .rate = 0.5, .momentum = 0.9, .warmup_steps = 5, .weight_decay = 1e-3}},
    {"squared error of y, each step", &headless, {OPTIONS, .loss = SLUICE_LOSS_SQUARED_ERROR, .every_step = 1, .dropout = 0.25f}},
    {"squared error of logits", &reader, {OPTIONS, .loss = SLUICE_LOSS_SQUARED_ERROR, .rate = 0.02}},
    {"absolute error of y", &headless, {OPTIONS, .loss = SLUICE_LOSS_ABSOLUTE_ERROR, .every_step = 1}},
    {"Huber, the last layer alone", &reader, {OPTIONS, .loss = SLUICE_LOSS_HUBER, .delta = 0.3, .first_trained = 1}},
    {"quantiles", &reader, {OPTIONS, .loss = SLUICE_LOSS_QUANTILE, .quantiles = quantiles, .quantile_count = 2, .shards = 2}},
};
enum { TRAININGS = sizeof trainings / sizeof trainings[0], MINIBATCHES = 6 };

/* Batches of other sizes in each step. */
static void make_minibatches(int training, test_minibatch minibatches[MINIBATCHES], uint64_t *random)
{
    for (size_t k = 0; k < MINIBATCHES; k++)
        minibatches[k] = test_minibatch_random(trainings[training].shape, &trainings[training].options, 1 + k * 3 % 7,
                                               1 + k * 5 % 6, k % 3 ? TEST_RAGGED : 0, random);
}

static sluice_model *make_model(const sluice_shape *shape, const char *const *classes)
{
    sluice_model *model = NULL;
    SUCCEEDS(sluice_model_create_initial, shape, SLUICE_INITIALIZER_TORCH, test_seed(), classes, &model);
    return model;
}

/* A trainer that stops after each step, and one that goes on from each checkpoint, on other threads and instruction sets. */
TEST_LOOP(goes_on, 0, TRAININGS)
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const test_isa_list isas = test_isas();
    const sluice_engine_options first = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    test_minibatch minibatches[MINIBATCHES];
    make_minibatches(_i, minibatches, &random);
    OWNED_HANDLE(sluice_model) model = make_model(trainings[_i].shape, NULL);
    OWNED_HANDLE(sluice_trainer) unbroken = test_trainer_create(model, &first, &trainings[_i].options);
    OWNED_HANDLE(sluice_trainer) watched = test_trainer_create(model, &first, &trainings[_i].options); /* saving changes nothing */
    sluice_trainer *broken = test_trainer_create(model, &first, &trainings[_i].options);
    for (size_t k = 0; k < MINIBATCHES; k++) {
        const sluice_engine_options other = test_options(isas.isa[k % isas.count], 1 + (unsigned)k % 3, SLUICE_SCHEDULE_AUTO);
        save(broken, test_path("checkpoint"), "a note");
        sluice_trainer_destroy(broken);
        broken = load(test_path("checkpoint"), k % 2 ? &other : NULL, NULL);
        save(broken, test_path("again"), "a note");
        OWNED(test_bytes) want = test_file_read(test_path("checkpoint"));
        check_file(test_path("again"), &want);
        save(watched, test_path("watched"), "a note");
        const sluice_report expected = test_learn(unbroken, &minibatches[k]), report = test_learn(broken, &minibatches[k]);
        (void)test_learn(watched, &minibatches[k]);
        test_same_report(&report, &expected);
        ck_assert_uint_eq(report.step, k + 1);
        test_same_weights(sluice_trainer_get_model(broken), sluice_trainer_get_model(unbroken));
        test_same_weights(sluice_trainer_get_model(watched), sluice_trainer_get_model(unbroken));
    }
    save(unbroken, test_path("unbroken"), NULL);
    save(broken, test_path("broken"), "");
    test_bytes want = test_file_read(test_path("unbroken"));
    check_file(test_path("broken"), &want);
    test_bytes_free(&want);
    for (size_t k = 0; k < MINIBATCHES; k++)
        test_minibatch_free(&minibatches[k]);
    sluice_trainer_destroy(broken);
}

/* The factor of the rate goes into a checkpoint, and multiplies the schedule's rate. */
TEST(keeps_the_rates_factor)
{
    static const sluice_trainer_options options = {OPTIONS, .rate = 0.5, .warmup_steps = 4};
    uint64_t random = test_seed();
    OWNED_HANDLE(sluice_model) model = make_model(&reader, NULL);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &options);
    OWNED(test_minibatch) minibatch = test_minibatch_random(&reader, &options, 3, 4, 0, &random);
    ck_assert(sluice_trainer_get_rate_factor(trainer) == 1);
    ck_assert(test_learn(trainer, &minibatch).rate == 0.125);
    SUCCEEDS(sluice_trainer_set_rate_factor, trainer, 0.1);
    save(trainer, test_path("lowered"), NULL);
    OWNED_HANDLE(sluice_trainer) again = load(test_path("lowered"), NULL, NULL);
    ck_assert(sluice_trainer_get_rate_factor(again) == 0.1);
    const sluice_report want = test_learn(trainer, &minibatch), got = test_learn(again, &minibatch);
    ck_assert(want.rate == 0.25 * 0.1);
    test_same_report(&got, &want);
    test_same_weights(sluice_trainer_get_model(again), sluice_trainer_get_model(trainer));
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "the factor is 0", sluice_trainer_set_rate_factor, trainer, 0.0);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "the factor is", sluice_trainer_set_rate_factor, trainer, (double)NAN);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "trainer is NULL", sluice_trainer_set_rate_factor, NULL, 1.0);
    OWNED(test_bytes) file = test_file_read(test_path("lowered"));
    char *at = memmem(file.data, file.size, "\"rate_factor\":\"0x", 17);
    ck_assert_ptr_nonnull(at);
    at[15] = '-'; /* "-x1..": no number of ours */
    test_file_write(test_path("damaged"), file.data, file.size);
    sluice_trainer *none = NULL;
    REFUSED(SLUICE_STATUS_BAD_DATA, "rate_factor", sluice_trainer_load, test_path("damaged"), NULL, &none, NULL, NULL);
}

/* The weights are a model's, under torch's names, with its classes; so is what sluice_model_save writes of it. */
TEST_LOOP(weights_are_a_model, 0, TRAININGS)
{
    static const char *const names[] = {"a", "b \"quoted\"", "c", "d"};
    uint64_t random = test_seed() + (uint64_t)_i;
    test_minibatch minibatches[MINIBATCHES];
    make_minibatches(_i, minibatches, &random);
    sluice_model *model = make_model(trainings[_i].shape, trainings[_i].shape->classes ? names : NULL), *loaded = NULL;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &trainings[_i].options);
    for (size_t k = 0; k < 2; k++)
        (void)test_learn(trainer, &minibatches[k]);
    save(trainer, test_path("checkpoint"), "note");
    SUCCEEDS(sluice_model_load, test_path("checkpoint"), NULL, &loaded);
    test_same_weights(loaded, sluice_trainer_get_model(trainer));
    const char *notes = sluice_model_get_notes(loaded);
    ck_assert_msg(strstr(notes, "prefix \"lstm.\"") && strstr(notes, "\nignored: \"note\" U8 [4]"), "%s", notes);
    for (size_t k = 0; k < trainings[_i].shape->classes; k++)
        ck_assert_str_eq(sluice_model_get_class(loaded, k), names[k]);
    sluice_model_destroy(loaded);
    OWNED_HANDLE(sluice_trainer) again = load(test_path("checkpoint"), NULL, NULL);
    ck_assert_int_eq(sluice_model_save(sluice_trainer_get_model(again), test_path("model"), NULL, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_model_load(test_path("model"), NULL, &loaded, NULL), SLUICE_STATUS_OK);
    test_same_weights(loaded, sluice_trainer_get_model(trainer));
    for (size_t k = 0; k < trainings[_i].shape->classes; k++)
        ck_assert_str_eq(sluice_model_get_class(loaded, k), names[k]);
    sluice_model_destroy(loaded);
    sluice_model_destroy(model);
    for (size_t k = 0; k < MINIBATCHES; k++)
        test_minibatch_free(&minibatches[k]);
}

/* ---- Malformed files ------------------------------------------------------------------------------------------------------- */

/* A checkpoint of a small trainer after three steps of Adam; test_saved.py reads it too. */
static test_bytes make_checkpoint(void)
{
    static const sluice_shape shape = {TEST_LDIH(1, 2, 1, 2), .vocabulary = 3, .classes = 2, .has_bias = 1};
    const sluice_trainer_options options = {OPTIONS, .rate = 0.1, .clip = 1.5, .dropout = 0.5f, .seed = 12};
    OWNED_HANDLE(sluice_model) model = make_model(&shape, NULL);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &options);
    uint64_t random = test_seed();
    for (size_t k = 0; k < 3; k++) {
        OWNED(test_minibatch) minibatch = test_minibatch_random(&shape, &options, 3, 4, 0, &random);
        (void)test_learn(trainer, &minibatch);
    }
    save(trainer, test_path("good"), "line\n\"quote\" \\ \xff \xc3\xa9\n");
    return test_file_read(test_path("good"));
}

static size_t header_length(const test_bytes *file)
{
    uint64_t length;
    memcpy(&length, file->data, sizeof length);
    return (size_t)length;
}

/* The file with the first `from` of its header replaced. */
static test_bytes edit(const test_bytes *good, const char *from, const char *to)
{
    const size_t length = header_length(good);
    const char *header = (const char *)good->data + 8, *found = memmem(header, length, from, strlen(from));
    ck_assert_msg(found != NULL, "no %s in the header", from);
    const size_t before = (size_t)(found - header), behind = before + strlen(from);
    test_bytes made = {0};
    test_bytes_add_number(&made, length - strlen(from) + strlen(to), 8);
    test_bytes_add(&made, header, before);
    test_bytes_add_text(&made, to);
    test_bytes_add(&made, header + behind, good->size - 8 - behind);
    return made;
}

/* Loading fails with this status and message, and gives nothing. */
static void check_bad(const char *name, const test_bytes *file, const char *part)
{
    test_file_write(test_path("bad"), file->data, file->size);
    sluice_error error = {0};
    sluice_trainer *trainer = (sluice_trainer *)&error;
    char *note = error.message;
    const sluice_status status = sluice_trainer_load(test_path("bad"), NULL, &trainer, NULL, &note, &error);
    ck_assert_msg(status == SLUICE_STATUS_BAD_DATA, "%s: %s %s", name, sluice_status_get_name(status), error.message);
    test_check_message(name, &error, SLUICE_STATUS_BAD_DATA, part);
    test_check_message(name, &error, SLUICE_STATUS_BAD_DATA, test_path("bad"));
    ck_assert_msg(!trainer && !note, "%s: something is given", name);
}

TEST(headers_malformed)
{
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"sluice-trainer 1", "sluice-trainer 2", "metadata \"shards\" is missing"},
        {"sluice-trainer 1", "sluice-trainer 3", "expected a checkpoint"},
        {"\"format\"", "\"formal\"", "expected a checkpoint"},
        {"\"optimizer\":\"adam\"", "\"optimizer\":\"adamax\"", "metadata \"optimizer\": expected one of adam, adamw, sgd, found"},
        {"\"optimizer\":\"adam\"", "\"optimizer\":\"\"", "metadata \"optimizer\""},
        {"\"schedule\":\"constant\"", "\"schedule\":\"steps\"", "one of constant, cosine, one-cycle"},
        {"\"schedule\":\"constant\"", "\"schedule\":\"cosine\"", "total_steps"},
        {"\"loss\":\"cross-entropy\"", "\"loss\":\"hinge\"", "expected one of cross-entropy, squared"},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"0.1\"", "metadata \"rate\": expected a number as 0x3p-1"},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"nan\"", "metadata \"rate\""},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"inf\"", "metadata \"rate\""},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"0x1p+9999\"", "metadata \"rate\""},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"0x2p0\"", "metadata \"rate\""},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\" 0x1p0\"", "metadata \"rate\""},
        {"\"rate\":\"0xccccccccccccdp-55\"", "\"rate\":\"-0x1p0\"", "rate is -1"},
        {"\"momentum\":\"0x0p0\"", "\"momentum\":\"0x1p0\"", "momentum is 1"},
        {"\"beta1\":\"", "\"beta1\":\"0x1p0\",\"x\":\"", "beta1 is 1"},
        {"\"beta2\":\"", "\"beta2\":\"0x3p0\",\"x\":\"", "beta2 is 3"},
        {"\"epsilon\":\"", "\"epsilon\":\"-0x1p-9\",\"x\":\"", "epsilon"},
        {"\"weight_decay\":\"0x0p0\"", "\"weight_decay\":\"-0x1p0\"", "weight_decay is -1"},
        {"\"clip\":\"0x3p-1\"", "\"clip\":\"-0x3p-1\"", "clip is -1.5"},
        {"\"dropout\":\"0x1p-1\"", "\"dropout\":\"0x1p0\"", "dropout is 1"},
        {"\"dropout\":\"0x1p-1\"", "\"dropout\":\"0x10000000000001p-53\"", "metadata \"dropout\""},
        {"\"dropout\":\"0x1p-1\"", "\"dropout\":\"0x1p999\"", "metadata \"dropout\""},
        {"\"label_smoothing\":\"0x0p0\"", "\"label_smoothing\":\"0x1p0\"", "label_smoothing is 1"},
        {"\"ignore\":\"-100\"", "\"ignore\":\"100\"", "ignore is 100"},
        {"\"ignore\":\"-100\"", "\"ignore\":\"-4294967396\"", "metadata \"ignore\": expected a whole number"},
        {"\"every_step\":\"0\"", "\"every_step\":\"2\"", "every_step is 2"},
        {"\"every_step\":\"0\"", "\"every_step\":\"no\"", "metadata \"every_step\""},
        {"\"seed\":\"12\"", "\"seed\":\"18446744073709551616\"", "metadata \"seed\""},
        {"\"seed\":\"12\"", "\"seed\":\"012\"", "metadata \"seed\""},
        {"\"step\":\"3\"", "\"step\":\"-3\"", "metadata \"step\""},
        {"\"step\":\"3\"", "\"step\":\"+3\"", "metadata \"step\""},
        {"\"step\":\"3\"", "\"step\":\"3 \"", "metadata \"step\""},
        {"\"step\":\"3\"", "\"step\":\"3e0\"", "metadata \"step\""},
        {"\"step\":\"3\"", "\"step\":\"\"", "metadata \"step\""},
        {"\"lstm.weight_ih_l0.first\":{\"dtype\":\"F32\",\"shape\":[8]",
         "\"lstm.weight_ih_l0.first\":{\"dtype\":\"F32\",\"shape\":[8,1]",
         "tensor \"lstm.weight_ih_l0.first\": expected F32 [8], found F32 [8][1]"},
        {"\"lstm.weight_ih_l0.first\":{\"dtype\":\"F32\",\"shape\":[8]",
         "\"lstm.weight_ih_l0.first\":{\"dtype\":\"F16\",\"shape\":[16]", "expected F32 [8], found F16 [16]"},
        {"\"note\":{\"dtype\":\"U8\"", "\"note\":{\"dtype\":\"I8\"", "tensor \"note\": expected U8 [bytes], found I8"},
    };
    OWNED(test_bytes) good = make_checkpoint();
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        OWNED(test_bytes) bad = edit(&good, cases[k].from, cases[k].to);
        check_bad(cases[k].to, &bad, cases[k].part);
    }
    test_file_keep(&good, "-checkpoint.safetensors");
}

/* The file without a tensor, and those behind it moved up. */
static test_bytes without(const test_bytes *good, const sl_tensor_source *file, size_t missing)
{
    const char *start = (const char *)good->data + 8, *end = strchr(start, '}');
    test_bytes header = {0}, data = {0}, made = {0};
    test_bytes_add(&header, start, (size_t)(end - start) + 1); /* the metadata */
    for (size_t k = 0; k < file->count; k++) {
        const sl_tensor *tensor = &file->tensors[k];
        char entry[512];
        const size_t begin = data.size;
        if (k == missing)
            continue;
        test_bytes_add(&data, good->data + tensor->begin, tensor->end - tensor->begin);
        int length = snprintf(entry, sizeof entry, ",\"%s\":{\"dtype\":\"%s\",\"data_offsets\":[%zu,%zu],\"shape\":[", tensor->name,
                              tensor->dtype, begin, data.size);
        for (size_t d = 0; d < tensor->dims; d++)
            length += snprintf(entry + length, sizeof entry - (size_t)length, "%s%zu", d ? "," : "", tensor->shape[d]);
        snprintf(entry + length, sizeof entry - (size_t)length, "]}");
        test_bytes_add_text(&header, entry);
    }
    test_bytes_add_text(&header, "}");
    test_bytes_add_number(&made, header.size, 8);
    test_bytes_add(&made, header.data, header.size);
    test_bytes_add(&made, data.data, data.size);
    test_bytes_free(&header);
    test_bytes_free(&data);
    return made;
}

/* Each metadata entry under another name; and each tensor, which then is missing, or belongs to nothing, or is not there at all. */
TEST(parts_missing)
{
    OWNED(test_bytes) good = make_checkpoint();
    sl_tensor_source file;
    ck_assert_int_eq(sl_safetensors_open(test_path("good"), &file, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(file.metadata_count, 20);
    ck_assert_uint_eq(file.count, 8 + 3 + 2 * (6 + 3) + 1);
    char name[300], other[300];
    for (size_t k = 0; k < file.metadata_count; k++) {
        snprintf(name, sizeof name, "\"%s\":\"", file.metadata[k].key);
        snprintf(other, sizeof other, "\"no %s\":\"", file.metadata[k].key);
        OWNED(test_bytes) bad = edit(&good, name, other);
        check_bad(name, &bad, file.metadata[k].key);
    }
    for (size_t k = 0; k < file.count; k++) {
        snprintf(name, sizeof name, "\"%s\":{", file.tensors[k].name);
        snprintf(other, sizeof other, "\"no %s\":{", file.tensors[k].name);
        test_bytes bad = edit(&good, name, other);
        check_bad(name, &bad, "");
        test_bytes_free(&bad);
        bad = without(&good, &file, k);
        check_bad(name, &bad, "");
        test_bytes_free(&bad);
    }
    OWNED(test_bytes) same = without(&good, &file, file.count);
    test_file_write(test_path("same"), same.data, same.size);
    sluice_trainer_destroy(load(test_path("same"), NULL, NULL));
    sl_source_release(&file);
}

TEST(values_malformed)
{
    static const struct {
        const char *tensor;
        unsigned char bytes[4];
        const char *part;
    } cases[] = {
        {"lstm.weight_hh_l0", {0, 0, 0xc0, 0x7f}, "found NaN"},
        {"fc.bias", {0, 0, 0x80, 0xff}, "found infinity"},
        {"lstm.weight_hh_l0.first", {0, 0, 0xc0, 0x7f}, "element 1: expected a finite number, found NaN"},
        {"embedding.weight.first", {0, 0, 0x80, 0xff}, "element 1: expected a finite number, found infinity"},
        {"fc.weight.second", {0, 0, 0x80, 0x7f}, "element 1: expected a finite number >= 0, found infinity"},
        {"lstm.bias_ih_l0_reverse.second", {0, 0, 0x80, 0xbf}, "element 1: expected a finite number >= 0, found one below 0"},
        {"note", {'a', 'b', 0, 'c'}, "found a NUL byte"},
    };
    OWNED(test_bytes) good = make_checkpoint();
    sl_tensor_source file;
    ck_assert_int_eq(sl_safetensors_open(test_path("good"), &file, NULL), SLUICE_STATUS_OK);
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const size_t at = sl_source_find(&file, cases[k].tensor)->begin + 4;
        unsigned char kept[4];
        memcpy(kept, good.data + at, 4);
        memcpy(good.data + at, cases[k].bytes, 4);
        check_bad(cases[k].tensor, &good, cases[k].part);
        check_bad(cases[k].tensor, &good, cases[k].tensor);
        memcpy(good.data + at, kept, 4);
    }
    sl_source_release(&file);
}

/* Cut anywhere it is refused; with any byte changed it is refused or is another checkpoint, which is saved as it was loaded. */
TEST(bytes_mutated)
{
    const size_t changes = test_by_depth(300, 1000, 3000);
    OWNED(test_bytes) good = make_checkpoint();
    test_bytes file = {.data = good.data};
    for (file.size = 0; file.size < good.size; file.size += file.size < 64 || file.size + 64 > good.size ? 1 : 37)
        check_bad("cut", &file, "byte");
    uint64_t random = test_seed();
    size_t loaded = 0;
    for (size_t k = 0; k < changes; k++) {
        const size_t at = (size_t)(test_random(&random) % (k % 4 ? header_length(&good) + 8 : good.size));
        const unsigned char kept = good.data[at];
        good.data[at] = (unsigned char)(k % 2 ? test_random(&random) : kept ^ 1u << test_random(&random) % 8);
        test_file_write(test_path("bad"), good.data, good.size);
        OWNED_HANDLE(sluice_trainer) trainer = NULL;
        char *note = NULL;
        sluice_error error = {0};
        const sluice_status status = sluice_trainer_load(test_path("bad"), NULL, &trainer, NULL, &note, &error);
        ck_assert_msg(status == SLUICE_STATUS_OK || status == SLUICE_STATUS_BAD_DATA || status == SLUICE_STATUS_UNSUPPORTED,
                      "byte %zu is %02x: %s", at, good.data[at], error.message);
        ck_assert(!trainer == (status != SLUICE_STATUS_OK) && !note == (status != SLUICE_STATUS_OK));
        if (trainer) {
            loaded++;
            save(trainer, test_path("again"), note);
        }
        sluice_free(note);
        good.data[at] = kept;
    }
    printf("%zu of %zu changed files are checkpoints still\n", loaded, changes);
}

/* A model is no checkpoint, and a set of streams is none. */
TEST(other_files)
{
    OWNED_HANDLE(sluice_model) model = make_model(&reader, NULL);
    ck_assert_int_eq(sluice_model_save(model, test_path("model"), NULL, NULL), SLUICE_STATUS_OK);
    OWNED(test_bytes) file = test_file_read(test_path("model"));
    check_bad("a model", &file, "expected a checkpoint");
    file.size = 0;
    check_bad("an empty file", &file, "byte 0");
}

/* ---- Refused --------------------------------------------------------------------------------------------------------------- */

TEST(arguments_refused)
{
    static const char *const classes[] = {"a,b", "c", "d", "e"};
    OWNED_HANDLE(sluice_model) model = make_model(&reader, NULL);
    OWNED_HANDLE(sluice_model) named = make_model(&reader, classes);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, NULL);
    OWNED_HANDLE(sluice_trainer) other = test_trainer_create(named, NULL, NULL);
    save(trainer, test_path("good"), NULL);
    const sluice_engine_options unknown = {.struct_size = sizeof unknown, .threads = 1u << 30};
    const struct {
        const char *path;
        const sluice_engine_options *engine;
        sluice_status status;
        const char *word;
    } loads[] = {
        {NULL, NULL, SLUICE_STATUS_BAD_ARGUMENT, "path is NULL"},
        {test_path("absent"), NULL, SLUICE_STATUS_NO_INPUT, "absent"},
        {test_folder, NULL, SLUICE_STATUS_NO_INPUT, test_folder},
        {test_path("good"), &unknown, SLUICE_STATUS_BAD_ARGUMENT, "threads"},
    };
    sluice_error error = {0};
    for (size_t k = 0; k < sizeof loads / sizeof loads[0]; k++) {
        sluice_trainer *loaded = trainer;
        char *note = error.message;
        REFUSED(loads[k].status, loads[k].word, sluice_trainer_load, loads[k].path, loads[k].engine, &loaded, NULL, &note);
        ck_assert(!loaded && !note);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_trainer_load, test_path("good"), NULL, NULL, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "trainer", sluice_trainer_save, NULL, NULL, test_path("x"), NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_trainer_save, trainer, NULL, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "\"a,b\"", sluice_trainer_save, other, NULL, test_path("x"), NULL);
    REFUSED(SLUICE_STATUS_IO, "/dev/full", sluice_trainer_save, trainer, NULL, "/dev/full", NULL);
    REFUSED(SLUICE_STATUS_IO, "absent/", sluice_trainer_save, trainer, NULL, test_path("absent/file"), NULL);
    ck_assert_uint_eq(test_folder_count(0), 1);
}

/* A disk that is full in the header, between, and in the last byte: the file stays as it was, and training goes on. */
TEST(saved_whole_or_not)
{
    uint64_t random = test_seed();
    test_minibatch minibatches[MINIBATCHES];
    make_minibatches(1, minibatches, &random);
    OWNED_HANDLE(sluice_model) model = make_model(trainings[1].shape, NULL);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &trainings[1].options);
    save(trainer, test_path("checkpoint"), "old");
    OWNED(test_bytes) before = test_file_read(test_path("checkpoint"));
    (void)test_learn(trainer, &minibatches[0]);
    signal(SIGXFSZ, SIG_IGN);
    const rlim_t limits[] = {0, 100, before.size / 2, before.size - 1};
    struct rlimit limit;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; k++) {
        sluice_error error = {0};
        limit.rlim_cur = limits[k];
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        const sluice_status status = sluice_trainer_save(trainer, NULL, test_path("checkpoint"), "new", &error);
        limit.rlim_cur = limit.rlim_max;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        test_refused(status, SLUICE_STATUS_IO, &error, "a full disk");
        ck_assert_uint_eq(test_folder_count(0), 1);
    }
    check_file(test_path("checkpoint"), &before);
    save(trainer, test_path("checkpoint"), "new");
    ck_assert_uint_eq(test_folder_count(0), 1);
    OWNED_HANDLE(sluice_trainer) again = load(test_path("checkpoint"), NULL, NULL);
    test_same_weights(sluice_trainer_get_model(again), sluice_trainer_get_model(trainer));
    for (size_t k = 0; k < MINIBATCHES; k++)
        test_minibatch_free(&minibatches[k]);
}

/* An update after which a weight is infinite, or only a second moment: it is reported, every later step is refused, and neither a
 * checkpoint nor a model is saved over a good one. */
TEST_LOOP(overflow_refused, 0, 3)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 1, 3), .classes = 1, .has_bias = 1};
    const sluice_trainer_options options[] = {
        {OPTIONS, .loss = SLUICE_LOSS_SQUARED_ERROR, .optimizer = SLUICE_OPTIMIZER_SGD, .rate = 1e20},
        {OPTIONS, .loss = SLUICE_LOSS_SQUARED_ERROR, .optimizer = SLUICE_OPTIMIZER_SGD, .rate = 1e20, .momentum = 0.5},
        {OPTIONS, .loss = SLUICE_LOSS_SQUARED_ERROR}};
    OWNED_HANDLE(sluice_model) model = make_model(&shape, NULL);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(model, NULL, &options[_i]);
    save(trainer, test_path("checkpoint"), "good");
    OWNED(test_bytes) before = test_file_read(test_path("checkpoint"));
    float x = 1, value = 1e25f;
    const sluice_batch batch = {.struct_size = sizeof batch, .rows = 1, .steps = 1, .x = &x};
    for (int k = 0; k < 2; k++) {
        REFUSED(SLUICE_STATUS_BAD_DATA, "training has diverged", sluice_trainer_step, trainer, &batch, NULL, &value, NULL);
    }
    REFUSED(SLUICE_STATUS_BAD_DATA, _i == 2 ? ".second\": element" : "\": element", sluice_trainer_save, trainer, NULL,
            test_path("checkpoint"), "bad");
    check_file(test_path("checkpoint"), &before);
    if (_i < 2) { /* Adam's weights are finite still */
        REFUSED(SLUICE_STATUS_BAD_DATA, "element", sluice_model_save, sluice_trainer_get_model(trainer), test_path("checkpoint"),
                NULL);
        check_file(test_path("checkpoint"), &before);
    }
    ck_assert_uint_eq(test_folder_count(0), 1);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
