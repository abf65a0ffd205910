/* What a program may store with a trainer in a checkpoint: a note, and the states of streams. */
#include "support/files.h"
#include "support/cases/minibatches.h"
#include "support/message.h"
#include "support/stream_calls.h"
#include "support/network.h"
#include "support/suite.h"

#include <string.h>

static const sluice_shape shape = {TEST_LDIH(2, 1, 4, 6), .classes = 3, .has_bias = 1};

static sluice_trainer *make_trainer(const sluice_shape *of)
{
    OWNED_HANDLE(sluice_model) model = NULL;
    ck_assert_int_eq(sluice_model_create_initial(of, SLUICE_INITIALIZER_TORCH, test_seed(), NULL, &model, NULL), SLUICE_STATUS_OK);
    sluice_trainer *trainer = test_trainer_create(model, NULL, NULL);
    return trainer;
}

static void save(const sluice_trainer *trainer, const sluice_streams *streams, const char *note)
{
    SUCCEEDS(sluice_trainer_save, trainer, streams, test_path("checkpoint"), note);
}

static sluice_trainer *load(sluice_streams **streams, char **note)
{
    sluice_trainer *trainer = NULL;
    SUCCEEDS(sluice_trainer_load, test_path("checkpoint"), NULL, &trainer, streams, note);
    return trainer;
}

TEST(notes)
{
    enum { LONG = 1 << 20 };
    static char long_note[LONG + 1];
    memset(long_note, 'x', LONG);
    const char *const texts[] = {
        NULL,     "", "epoch 3", "line\nbreak\ttab \"quoted\" \\ back\x7f\x01", "n\xc3\xa9, and \xff\xfe\xc3 that is no UTF-8",
        long_note};
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&shape);
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        char *note = long_note;
        save(trainer, NULL, texts[k]);
        sluice_trainer_destroy(load(NULL, NULL));
        sluice_trainer_destroy(load(NULL, &note));
        ck_assert_str_eq(note, texts[k] ? texts[k] : "");
        sluice_free(note);
    }
}

/* A set of as many slots as the network has classes, which is the size of what a layer behind the head would take. */
static sluice_streams *make_streams(const sluice_trainer *trainer, float *states, size_t count)
{
    uint64_t random = test_seed();
    sluice_streams *streams = test_streams_create(sluice_trainer_get_engine(trainer), 3);
    for (size_t slot = 0; slot < 3; slot++) {
        float *state = states + slot * 2 * count;
        for (size_t k = 0; k < 2 * count; k++)
            state[k] = 2 * test_uniform(&random) - 1;
        ck_assert_int_eq(sluice_streams_set(streams, slot, state, state + count, NULL), SLUICE_STATUS_OK);
    }
    return streams;
}

TEST(streams)
{
    enum { COUNT = 2 * 6 };
    float states[3 * 2 * COUNT], found[2 * COUNT];
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(&shape);
    OWNED_HANDLE(sluice_streams) saved = make_streams(trainer, states, COUNT);
    OWNED_HANDLE(sluice_streams) loaded = saved;
    save(trainer, NULL, "none");
    sluice_trainer_destroy(load(&loaded, NULL));
    ck_assert_ptr_null(loaded);
    save(trainer, saved, "three");
    sluice_trainer_destroy(load(NULL, NULL));
    sluice_trainer *again = load(&loaded, NULL);
    ck_assert_uint_eq(sluice_streams_get_slots(loaded), 3);
    for (size_t slot = 0; slot < 3; slot++) {
        ck_assert_int_eq(sluice_streams_get(loaded, slot, found, found + COUNT, NULL), SLUICE_STATUS_OK);
        test_same_bits(found, states + slot * 2 * COUNT, 2 * COUNT, "a slot's states");
    }
    OWNED_HANDLE(sluice_model) model = NULL;
    ck_assert_int_eq(sluice_model_load(test_path("checkpoint"), NULL, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_msg(strstr(sluice_model_get_notes(model), "head \"fc\"") != NULL, "%s", sluice_model_get_notes(model));
    sluice_trainer_destroy(again);
}

TEST(streams_refused)
{
    static const sluice_shape other = {TEST_LDIH(2, 1, 4, 5), .classes = 3, .has_bias = 1};
    float states[3 * 2 * 12];
    sluice_trainer *trainer = make_trainer(&shape), *stranger = make_trainer(&other), *made;
    sluice_streams *set = make_streams(trainer, states, 12), *loaded = set;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "shape", sluice_trainer_save, stranger, set, test_path("x"), NULL);
    ck_assert_uint_eq(test_folder_count(0), 0);
    save(trainer, set, NULL);
    OWNED(test_bytes) file = test_file_read(test_path("checkpoint"));
    for (int k = 0; k < 2; k++) { /* one of the two tensors under another name */
        char *name = memmem(file.data, file.size, k ? "streams.c" : "streams.h", 9);
        ck_assert_ptr_nonnull(name);
        *name = 'S';
        test_file_write(test_path("checkpoint"), file.data, file.size);
        REFUSED(SLUICE_STATUS_BAD_DATA, k ? "no tensor \"note.streams.c\"" : "no tensor \"note.streams.h\"", sluice_trainer_load,
                test_path("checkpoint"), NULL, &made, &loaded, NULL);
        ck_assert(!made && !loaded);
        *name = 's';
    }
    sluice_streams_destroy(set);
    sluice_trainer_destroy(trainer);
    sluice_trainer_destroy(stranger);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)
