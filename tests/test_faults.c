/* Every allocation failing in turn: the call says NO_MEMORY in words, its out pointer is NULL, everything else is as it was,
 * and nothing leaks. This program takes the C library's allocator's place to have it so. */
#include "engine/schedule.h"
#include "support/network.h"
#include "support/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || TEST_LIGHT || !defined(__GLIBC__)

int main(void)
{
    printf("skipped: a sanitizer (or a C library other than glibc) has the allocator that this test has to replace\n");
    return 77; /* Meson's word for it */
}

#else

/* ---- The allocator ---- */

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

/* Addresses handed out to this thread while it watched and not freed yet, by open addressing; NULL: free slot. The lock is for
 * other threads that free. */
enum { SLOTS = 1 << 14 };
static void *alive[SLOTS];
static size_t alive_count;
static atomic_flag lock = ATOMIC_FLAG_INIT;

static _Thread_local bool watching;  /* note this thread's allocations */
static _Thread_local long countdown; /* > 0: that many allocations until the one that fails */
static _Thread_local bool fired;

static size_t slot_of(const void *memory)
{
    size_t slot = (uintptr_t)memory / 16 % SLOTS;
    while (alive[slot] && alive[slot] != memory)
        slot = (slot + 1) % SLOTS;
    return slot;
}

static void note(void *memory)
{
    if (!memory)
        return;
    while (atomic_flag_test_and_set(&lock))
        ;
    alive[slot_of(memory)] = memory;
    alive_count++;
    if (alive_count > SLOTS / 2)
        abort();
    atomic_flag_clear(&lock);
}

static void forget(void *memory)
{
    if (!memory)
        return;
    while (atomic_flag_test_and_set(&lock))
        ;
    size_t slot = slot_of(memory);
    if (alive[slot]) {
        alive[slot] = NULL;
        alive_count--;
        /* those behind it may have been pushed there by it: put them in again */
        for (slot = (slot + 1) % SLOTS; alive[slot]; slot = (slot + 1) % SLOTS) {
            void *moved = alive[slot];
            alive[slot] = NULL;
            alive[slot_of(moved)] = moved;
        }
    }
    atomic_flag_clear(&lock);
}

/* OpenMP runtimes and BLIS end the process when they get no memory, and keep what they have: they are not what is tested. */
static bool is_ours(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return true;
    const char *slash = strrchr(info.dli_fname, '/'), *name = slash ? slash + 1 : info.dli_fname;
    return !strstr(name, "omp") && !strstr(name, "libblis");
}

/* Whether the allocation that `caller` asks for is watched; *fails: and is the one to fail. */
static bool watched(const void *caller, bool *fails)
{
    *fails = false;
    if (!watching || !is_ours(caller))
        return false;
    if (countdown > 0 && --countdown == 0)
        *fails = fired = true;
    return true;
}

/* Seen by shared libraries too, so that what the C library allocates for us is ours to fail. */
#define EVERYWHERE __attribute__((visibility("default")))

#define ALLOCATE(call)                                                                                                             \
    bool fails;                                                                                                                    \
    const bool noted = watched(__builtin_return_address(0), &fails);                                                               \
    void *memory = NULL;                                                                                                           \
    if (fails)                                                                                                                     \
        errno = ENOMEM;                                                                                                            \
    else                                                                                                                           \
        memory = call;                                                                                                             \
    if (noted)                                                                                                                     \
        note(memory);

EVERYWHERE void *malloc(size_t bytes)
{
    ALLOCATE(__libc_malloc(bytes))
    return memory;
}

EVERYWHERE void *calloc(size_t count, size_t bytes)
{
    ALLOCATE(__libc_calloc(count, bytes))
    return memory;
}

EVERYWHERE void *aligned_alloc(size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    return memory;
}

void *memalign(size_t alignment, size_t bytes);
EVERYWHERE void *memalign(size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    return memory;
}

EVERYWHERE int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    ALLOCATE(__libc_memalign(alignment, bytes))
    if (memory)
        *out = memory;
    return memory ? 0 : ENOMEM;
}

EVERYWHERE void *realloc(void *old, size_t bytes)
{
    bool fails;
    const bool noted = watched(__builtin_return_address(0), &fails);
    if (fails) {
        errno = ENOMEM;
        return NULL;
    }
    forget(old);
    void *memory = __libc_realloc(old, bytes);
    if (noted)
        note(memory);
    return memory;
}

EVERYWHERE void free(void *memory)
{
    forget(memory);
    __libc_free(memory);
}

/* ---- The cases ---- */

/* What the cases work on. */
typedef struct fixture {
    test_network network;
    const sluice_engine_options *options;
    const char *path; /* of a model file */
    sluice_engine *engine;
    void *made; /* what the case made, to be destroyed by its undo */
} fixture;

typedef struct fault_case {
    const char *what;
    sluice_status (*act)(fixture *, sluice_error *);
    void (*undo)(void *made);
} fault_case;

static sluice_status create_model(fixture *f, sluice_error *error)
{
    return sluice_model_create(&f->network.weights, (sluice_model **)&f->made, error);
}

static sluice_status create_random(fixture *f, sluice_error *error)
{
    return sluice_model_create_random(&f->network.weights.shape, 3, (sluice_model **)&f->made, error);
}

static sluice_status load_model(fixture *f, sluice_error *error)
{
    return sluice_model_load(f->path, NULL, (sluice_model **)&f->made, error);
}

static sluice_status create_engine(fixture *f, sluice_error *error)
{
    return sluice_engine_create(f->network.model, f->options, (sluice_engine **)&f->made, error);
}

static sluice_status create_workspace(fixture *f, sluice_error *error)
{
    return sluice_workspace_create(f->engine, 40, 9, (sluice_workspace **)&f->made, error);
}

static void undo_model(void *made)
{
    sluice_model_destroy(made);
}

static void undo_engine(void *made)
{
    sluice_engine_destroy(made);
}

static void undo_workspace(void *made)
{
    sluice_workspace_destroy(made);
}

static const fault_case cases[] = {
    {"sluice_model_create", create_model, undo_model},
    {"sluice_model_create_random", create_random, undo_model},
    {"sluice_model_load", load_model, undo_model},
    {"sluice_engine_create", create_engine, undo_engine},
    {"sluice_workspace_create", create_workspace, undo_workspace},
};

/* Run the case with the n-th of its allocations failing; 0: none. Whether it had one to fail. */
static bool run_case(const fault_case *c, fixture *f, long n)
{
    sluice_error error = {0};
    f->made = f;
    fired = false;
    const size_t before = alive_count;
    countdown = n;
    watching = true;
    const sluice_status status = c->act(f, &error);
    countdown = 0;
    void *made = f->made;
    if (status == SLUICE_STATUS_OK)
        c->undo(made);
    watching = false;
    const size_t left = alive_count - before;
    ck_assert_msg(left == 0, "%s, allocation %ld failing: %zu blocks leak", c->what, n, left);
    if (!fired) {
        ck_assert_msg(status == SLUICE_STATUS_OK, "%s: %s", c->what, error.message);
        return false;
    }
    ck_assert_msg(status == SLUICE_STATUS_NO_MEMORY, "%s, allocation %ld failing: %s (%s)", c->what, n,
                  sluice_status_get_name(status), error.message);
    ck_assert_msg(made == NULL, "%s, allocation %ld failing: the out pointer is not NULL", c->what, n);
    ck_assert_msg(error.status == SLUICE_STATUS_NO_MEMORY && error.message[0], "%s, allocation %ld failing: no message", c->what,
                  n);
    return true;
}

/* A safetensors file of a little model with all that a loader allocates for; zero weights. */
static void write_model(FILE *file)
{
    static const char header[] = "{\"__metadata__\":{\"classes\":\"yes,no\",\"made\":\"by hand\"},"
                                 "\"embedding.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[0,24]},"
                                 "\"lstm.weight_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8,2],\"data_offsets\":[24,88]},"
                                 "\"lstm.weight_hh_l0\":{\"dtype\":\"F32\",\"shape\":[8,2],\"data_offsets\":[88,152]},"
                                 "\"lstm.bias_ih_l0\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[152,184]},"
                                 "\"lstm.bias_hh_l0\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[184,200]},"
                                 "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[200,216]},"
                                 "\"fc.bias\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[216,220]},"
                                 "\"steps_trained\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[220,224]}}";
    const uint64_t length = sizeof header - 1; /* little-endian, as the machines this runs on */
    static const char zeros[224];
    ck_assert_uint_eq(fwrite(&length, sizeof length, 1, file), 1);
    ck_assert_uint_eq(fwrite(header, (size_t)length, 1, file), 1);
    ck_assert_uint_eq(fwrite(zeros, sizeof zeros, 1, file), 1);
    ck_assert_int_eq(fflush(file), 0);
}

static const char *const class_names[] = {"one", "two", "three"};
static const sluice_shape shape = {
    .layers = 2, .directions = 2, .inputs = 3, .hidden = 5, .vocabulary = 7, .classes = 3, .has_bias = 1};

static sluice_engine_options option(sluice_gemm gemm, sluice_schedule schedule)
{
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, schedule);
    options.gemm = gemm;
    return options;
}

START_TEST(creating)
{
    char path[] = "/tmp/sluice-faults-XXXXXX";
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    FILE *file = fdopen(descriptor, "wb");
    write_model(file);
    fclose(file);

    uint64_t random = test_seed();
    const sluice_gemm gemm = _i % 2 ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
    const sluice_engine_options options = option(gemm, SLUICE_SCHEDULE_AUTO);
    fixture f = {.network = test_network_random(&shape, 1.0f, &random), .options = &options, .path = path};
    f.network.weights.class_names = class_names;
    ck_assert_int_eq(sluice_engine_create(f.network.model, &options, &f.engine, NULL), SLUICE_STATUS_OK);

    const fault_case *c = &cases[_i / 2];
    ck_assert(!run_case(c, &f, 0)); /* what libraries allocate once and keep is behind us then */
    long n = 1;
    while (run_case(c, &f, n))
        n++;
    printf("%s, %s: %ld allocations\n", c->what, sluice_gemm_get_name(gemm), n - 1);
    ck_assert_int_gt(n, 1);

    sluice_engine_destroy(f.engine);
    test_network_free(&f.network);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* ---- Growth ---- */

/* A small batch and a large one, and what they should give. */
typedef struct growth {
    test_batch small, large, small_want, large_want;
    sluice_engine *engine;
} growth;

static sluice_status forward(const growth *g, sluice_workspace *workspace, test_batch *batch)
{
    test_batch_prefill(batch);
    return sluice_forward(g->engine, workspace, &batch->batch, NULL);
}

/* A workspace grows in a call whose n-th allocation fails; whether it had one to fail. */
static bool grow(growth *g, long n)
{
    sluice_workspace *workspace = NULL;
    sluice_error error = {0};
    const size_t before = alive_count;
    watching = true;
    const sluice_status created = sluice_workspace_create(g->engine, 0, 0, &workspace, NULL);
    watching = false;
    ck_assert_int_eq(created, SLUICE_STATUS_OK);
    ck_assert_int_eq(forward(g, workspace, &g->small), SLUICE_STATUS_OK);
    const size_t bytes = sluice_workspace_get_bytes(workspace);

    test_batch_prefill(&g->large);
    fired = false;
    countdown = n;
    watching = true;
    const sluice_status status = sluice_forward(g->engine, workspace, &g->large.batch, &error);
    watching = false;
    countdown = 0;
    const bool failed = fired;
    if (failed) {
        ck_assert_msg(status == SLUICE_STATUS_NO_MEMORY, "allocation %ld failing: %s", n, sluice_status_get_name(status));
        ck_assert(error.status == SLUICE_STATUS_NO_MEMORY && error.message[0]);
        ck_assert_msg(test_batch_untouched(&g->large), "allocation %ld failing: an output is written", n);
        ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), bytes);
        ck_assert_int_eq(forward(g, workspace, &g->small), SLUICE_STATUS_OK);
        test_same_outputs(&g->small, &g->small_want, "after a failed growth");
        watching = true;
        const sluice_status again = forward(g, workspace, &g->large);
        watching = false;
        ck_assert_int_eq(again, SLUICE_STATUS_OK);
    }
    test_same_outputs(&g->large, &g->large_want, "after growth");

    /* grown: the same call allocates nothing */
    fired = false;
    countdown = 1;
    watching = true;
    const sluice_status steady = sluice_forward(g->engine, workspace, &g->large.batch, NULL);
    countdown = 0;
    sluice_workspace_destroy(workspace);
    watching = false;
    ck_assert_int_eq(steady, SLUICE_STATUS_OK);
    ck_assert_msg(!fired, "a call that fits allocates");
    ck_assert_msg(alive_count == before, "allocation %ld failing: %zu blocks leak", n, alive_count - before);
    return failed;
}

START_TEST(growing)
{
    static const struct {
        sluice_gemm gemm;
        sluice_schedule schedule;
    } ways[] = {{SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_ROWS},
                {SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_HOIST},
                {SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_UNITS},
                {SLUICE_GEMM_BLIS, SLUICE_SCHEDULE_AUTO}};
    uint64_t random = test_seed();
    test_network network = test_network_random(&shape, 1.0f, &random);
    const sluice_engine_options options = option(ways[_i].gemm, ways[_i].schedule);
    growth g = {.small = test_batch_random(&shape, 3, 2, TEST_RAGGED, &random),
                .large = test_batch_random(&shape, 3000, 9, TEST_RAGGED | TEST_STATES, &random)};
    g.small_want = test_batch_pick(&shape, &g.small, 0, 3);
    g.large_want = test_batch_pick(&shape, &g.large, 0, 3000);
    test_run_once(network.model, &options, &g.small_want.batch);
    test_run_once(network.model, &options, &g.large_want.batch);
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &g.engine, NULL), SLUICE_STATUS_OK);
    long n = 1;
    while (grow(&g, n))
        n++;
    printf("growing, %s, %s: %ld allocations\n", sluice_gemm_get_name(ways[_i].gemm), sluice_schedule_get_name(ways[_i].schedule),
           n - 1);
    ck_assert_int_gt(n, 1);
    sluice_engine_destroy(g.engine);
    test_batch_free(&g.small);
    test_batch_free(&g.large);
    test_batch_free(&g.small_want);
    test_batch_free(&g.large_want);
    test_network_free(&network);
}
END_TEST

/* ---- Learning ---- */

/* All of a file is learnt, or nothing. */
START_TEST(learning)
{
    char path[] = "/tmp/sluice-faults-XXXXXX";
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
    const sluice_engine_options options = option(SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_AUTO);
    const sl_learnt known = {1, 2, {2, 1, false, false}, 3};
    uint64_t random = test_seed();
    test_network network = test_network_random(&shape, 1.0f, &random);
    sluice_engine *engine;
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &engine, NULL), SLUICE_STATUS_OK);
    for (size_t k = 1; k <= 4; k++)
        ck_assert_int_eq(sl_learn(engine, &(sl_learnt){k, 2, {1, 2, true, false}, 5}, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_plan_save(engine, path, NULL), SLUICE_STATUS_OK);
    engine->learnt_count = 0;
    ck_assert_int_eq(sl_learn(engine, &known, NULL), SLUICE_STATUS_OK);
    long n = 1;
    for (;; n++) {
        sluice_error error = {0};
        fired = false;
        countdown = n;
        watching = true;
        const sluice_status status = sluice_plan_load(engine, path, &error);
        countdown = 0;
        watching = false;
        if (!fired)
            break;
        ck_assert_int_eq(status, SLUICE_STATUS_NO_MEMORY);
        ck_assert_msg(engine->learnt_count == 1 && engine->learnt[0].way.teams == 2 && engine->learnt[0].seconds == 3,
                      "allocation %ld failing: something was learnt", n);
    }
    printf("learning: %ld allocations\n", n - 1);
    ck_assert(n > 5 && engine->learnt_count == 4);
    sluice_engine_destroy(engine);
    test_network_free(&network);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
    test_begin();
    Suite *suite = suite_create("faults");
    TCase *tcase = tcase_create("faults");
    tcase_add_loop_test(tcase, creating, 0, 2 * sizeof cases / sizeof cases[0]);
    tcase_add_loop_test(tcase, growing, 0, 4);
    tcase_add_test(tcase, learning);
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}

#endif
