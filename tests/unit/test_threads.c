/* Threads and the process's settings: many callers at once, callers that are parallel themselves, fork, OpenMP's environment
 * variables, and the floating-point state. */
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <dlfcn.h>
#include <omp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const sluice_shape shape = {TEST_LDIH(2, 2, 7, 21), .classes = 3, .has_bias = 1};
enum { ROWS = 19, STEPS = 11, CALLERS = 6, CALLS = 20 };

/* A network, a batch, and what the numeric contract says it gives. */
typedef struct scene {
    uint64_t random;
    test_network network;
    test_batch batch; /* its outputs: the answer, from the scalar kernels, row by row */
} scene;

static scene make_scene(size_t rows)
{
    scene made = {.random = test_seed()};
    made.network = test_network_random(&shape, 1.5f, &made.random);
    made.batch = test_batch_random(&shape, rows, STEPS, TEST_RAGGED | TEST_STATES, &made.random);
    OWNED(test_rows) alone = test_reference(&shape, made.network.model, &made.batch);
    OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    test_against(&runner, &shape, &made.batch, &alone, 0);
    return made;
}

static void scene_free(scene *made)
{
    test_batch_free(&made->batch);
    test_network_free(&made->network);
}

static bool same(const float *got, const float *want, size_t count)
{
    return count == 0 || memcmp(got, want, count * sizeof *got) == 0;
}

/* Run `batch`, a copy of the scene's, and compare: without Check's words, for threads and processes that Check does not know. */
static bool same_answer(const scene *made, const sluice_engine *engine, sluice_workspace *workspace, test_batch *batch)
{
    test_batch_prefill(batch);
    return sluice_forward(engine, workspace, &batch->batch, NULL) == SLUICE_STATUS_OK &&
           same(batch->y, made->batch.y, batch->y_count) && same(batch->hn, made->batch.hn, batch->state_count) &&
           same(batch->cn, made->batch.cn, batch->state_count) && same(batch->logits, made->batch.logits, batch->logits_count);
}

/* ---- Many callers ---- */

typedef struct caller {
    const scene *made;
    const sluice_engine *engine;
    sluice_workspace *workspace;
    test_batch batch;
    int wrong; /* calls with another answer */
    pthread_t thread;
} caller;

static void call_often(caller *c)
{
    for (int j = 0; j < CALLS; j++)
        c->wrong += !same_answer(c->made, c->engine, c->workspace, &c->batch);
}

static void *call_from_thread(void *context)
{
    call_often(context);
    return NULL;
}

static void make_callers(caller *callers, const scene *made, const sluice_engine *engine)
{
    for (size_t j = 0; j < CALLERS; j++) {
        callers[j] = (caller){.made = made, .engine = engine, .batch = test_batch_pick(&shape, &made->batch, 0, ROWS)};
        ck_assert_int_eq(sluice_workspace_create(engine, 0, 0, &callers[j].workspace, NULL), SLUICE_STATUS_OK);
    }
}

static void check_callers(caller *callers)
{
    for (size_t j = 0; j < CALLERS; j++) {
        ck_assert_msg(callers[j].wrong == 0, "caller %zu: %d of %d calls gave another answer", j, callers[j].wrong, CALLS);
        sluice_workspace_destroy(callers[j].workspace);
        test_batch_free(&callers[j].batch);
    }
}

TEST_LOOP(callers_at_once, 0, 3)
{
    OWNED(scene) made = make_scene(ROWS);
    OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 1 + (unsigned)_i, SLUICE_SCHEDULE_AUTO);
    caller callers[CALLERS];
    make_callers(callers, &made, runner.engine);
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_create(&callers[j].thread, NULL, call_from_thread, callers + j), 0);
    for (size_t j = 0; j < CALLERS; j++)
        ck_assert_int_eq(pthread_join(callers[j].thread, NULL), 0);
    check_callers(callers);
}

/* Threads that anybody in this process has made. A sanitizer has a pthread_create of its own, and there it stays 0. */
static atomic_uint threads_made;

#if !TEST_SANITIZED
__attribute__((visibility("default"))) int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                                                          void *(*start)(void *), void *context)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&next, &found, sizeof next); /* ISO C has no cast between the two kinds of pointer */
    threads_made++;
    return next(thread, attributes, start, context);
}
#endif

/* Inside a caller's parallel region a call runs on the caller's thread alone. */
TEST(callers_in_a_parallel_region)
{
    OWNED(scene) made = make_scene(ROWS);
    OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 4, SLUICE_SCHEDULE_AUTO);
    caller callers[CALLERS];
    make_callers(callers, &made, runner.engine);
    omp_set_max_active_levels(3); /* nested regions would be allowed */
    unsigned before = 0;
#pragma omp parallel num_threads(CALLERS)
    {
#pragma omp barrier
#pragma omp single
        before = threads_made;
#pragma omp for schedule(static, 1)
        for (size_t j = 0; j < CALLERS; j++)
            call_often(callers + j);
    }
    ck_assert_msg(threads_made == before, "the calls made %u threads", threads_made - before);
    check_callers(callers);
    test_forward(&runner, &made.batch.batch); /* and outside again */
}

TEST(more_threads_than_rows)
{
    for (size_t rows = 1; rows <= 9; rows += 4) {
        OWNED(scene) made = make_scene(rows);
        OWNED(test_batch) batch = test_batch_pick(&shape, &made.batch, 0, rows);
        for (unsigned threads = 1; threads <= 24; threads += 1 + threads / 2) {
            OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
            ck_assert_msg(same_answer(&made, runner.engine, runner.workspace, &batch), "%zu rows, %u threads", rows, threads);
        }
    }
}

/* ---- Fork ---- */

/* Fork; the child makes one call and says by its exit code: 0 right, 1 wrong; an alarm ends it if it hangs. */
static pid_t fork_and_call(const scene *made, const sluice_engine *engine, sluice_workspace *workspace, test_batch *batch)
{
    fflush(stdout);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check has its own use for it */
        alarm(20);
        _exit(same_answer(made, engine, workspace, batch) && same_answer(made, engine, workspace, batch) ? 0 : 1);
    }
    return child;
}

static void check_child(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(!WIFSIGNALED(status), "the child ended by signal %d%s", WTERMSIG(status),
                  WTERMSIG(status) == SIGALRM ? ": it hung" : "");
    ck_assert_msg(WEXITSTATUS(status) == 0, "the child gave another answer");
}

/* A process forked after use goes on in parent and child. */
TEST(fork_after_use)
{
    OWNED(scene) made = make_scene(ROWS);
    OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 4, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) batch = test_batch_pick(&shape, &made.batch, 0, ROWS);
    ck_assert(same_answer(&made, runner.engine, runner.workspace, &batch)); /* the threads are there now */
    for (int j = 0; j < 3; j++) {
        const pid_t child = fork_and_call(&made, runner.engine, runner.workspace, &batch);
        signal(SIGALRM, SIG_DFL);
        alarm(20);
        ck_assert_msg(same_answer(&made, runner.engine, runner.workspace, &batch), "the parent gave another answer");
        alarm(0);
        check_child(child);
    }
}

/* ---- OpenMP's settings, which are read once: in a process of their own, main below ---- */

/* Run this program's test case `name` alone with these variables set. */
static void run_with(const char *variables, const char *name)
{
    char program[4096], command[8192];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    ck_assert_int_gt(length, 0);
    program[length] = 0;
    snprintf(command, sizeof command, "%s CK_RUN_CASE=%s '%s' >/dev/null", variables, name, program);
    ck_assert_msg(system(command) == 0, "with %s, the test case %s fails", variables, name);
}

static const char *const settings[] = {
    "OMP_THREAD_LIMIT=2",
    "OMP_THREAD_LIMIT=1",
    "OMP_DYNAMIC=true",
    "OMP_PROC_BIND=close",
    "OMP_PLACES='{0}' OMP_PROC_BIND=true",
    "OMP_WAIT_POLICY=passive",
    "OMP_NUM_THREADS=3",
    "OMP_MAX_ACTIVE_LEVELS=1",
    "OMP_SCHEDULE=dynamic",
};

TEST_EACH(openmp_settings, settings)
{
    run_with(settings[_i], "any_setting");
}

TEST(openmp_thread_counts)
{
    run_with("OMP_NUM_THREADS=3", "three_threads");
    run_with("OMP_NUM_THREADS=3,2", "three_threads");
    run_with("OMP_NUM_THREADS=7 SLUICE_NUM_THREADS=3", "three_threads");
}

/* The answer, whatever number of threads OpenMP grants. */
TEST_IN("any_setting", right_under_any_setting, 0, 1)
{
    OWNED(scene) made = make_scene(ROWS);
    OWNED(test_batch) batch = test_batch_pick(&shape, &made.batch, 0, ROWS);
    for (unsigned threads = 1; threads <= 8; threads++)
        for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
            OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, threads, schedule);
            ck_assert_msg(same_answer(&made, runner.engine, runner.workspace, &batch), "%s", runner.name);
        }
}

/* Only in a process that run_with has made. */
TEST_IN("three_threads", three_are_chosen, 0, getenv("CK_RUN_CASE") != NULL)
{
    sluice_environment found = {.struct_size = sizeof found};
    ck_assert_int_eq(sluice_environment_get(NULL, &found, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(found.threads, 3);
    ck_assert_msg(strstr(found.threads_reason, "NUM_THREADS"), "the reason is \"%s\"", found.threads_reason);
}

/* ---- The floating-point state ---- */

#if defined(__SSE__)

/* MXCSR: flush results and operands to zero; the rounding direction; all but the exception flags. */
enum { FTZ_AND_DAZ = 0x8040, ROUNDING = 0x6000, CONTROL = 0xffc0 };

/* c0 below the normal range, and zero weights: c = c0 / 2, subnormal too. */
static test_batch tiny_batch(const sluice_shape *tiny)
{
    uint64_t random = test_seed();
    test_batch made = test_batch_random(tiny, ROWS, 1, TEST_STATES, &random);
    for (size_t j = 0; j < made.state_count; j++)
        made.c0[j] = 0x1p-140f * (float)(1 + j % 5);
    return made;
}

/* With bits set in the caller's MXCSR: the same bits in the answer, and MXCSR as it was. */
static void run_with_state(const test_runner *runner, const scene *made, test_batch *batch, unsigned state)
{
    const unsigned before = __builtin_ia32_stmxcsr();
    const unsigned set = (before & ~(unsigned)(FTZ_AND_DAZ | ROUNDING)) | state;
    __builtin_ia32_ldmxcsr(set);
    const bool same = same_answer(made, runner->engine, runner->workspace, batch);
    const unsigned after = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before);
    ck_assert_msg(same, "%s, MXCSR %04x: other bits", runner->name, state);
    ck_assert_uint_eq(after & CONTROL, set & CONTROL);
}

/* The caller's flush-to-zero state neither changes the bits nor is changed. */
TEST(flushing_callers)
{
    OWNED(scene) made = {.random = test_seed()};
    const sluice_shape tiny = {TEST_LDIH(1, 1, 3, 17)};
    made.network = test_network_create(&tiny);
    test_network_build(&made.network);
    made.batch = tiny_batch(&tiny);
    OWNED(test_batch) batch = test_batch_pick(&tiny, &made.batch, 0, ROWS);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < made.batch.state_count; j++) { /* half of c0; h = tanh(c) / 2 = c / 2 */
        made.batch.cn[j] = made.batch.c0[j] / 2;
        made.batch.hn[j] = made.batch.y[j] = made.batch.cn[j] / 2;
    }
    for (size_t i = 0; i < isas.count; i++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            OWNED(test_runner) runner = test_runner_create(made.network.model, isas.isa[i], threads, SLUICE_SCHEDULE_AUTO);
            run_with_state(&runner, &made, &batch, 0);
            run_with_state(&runner, &made, &batch, 0x8000);
            run_with_state(&runner, &made, &batch, 0x0040);
            run_with_state(&runner, &made, &batch, FTZ_AND_DAZ);
        }
}

/* Nor does the direction in which the caller rounds. */
TEST(rounding_callers)
{
    OWNED(scene) made = make_scene(ROWS);
    OWNED(test_batch) batch = test_batch_pick(&shape, &made.batch, 0, ROWS);
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (unsigned threads = 1; threads <= 2; threads++) {
            OWNED(test_runner) runner = test_runner_create(made.network.model, isas.isa[i], threads, SLUICE_SCHEDULE_AUTO);
            for (unsigned rounding = 0; rounding <= ROUNDING; rounding += 0x2000)
                run_with_state(&runner, &made, &batch, rounding);
        }
}

/* flush_to_zero = 1 flushes in every worker, and leaves nobody flushing: not the caller, not the workers that the next call
 * gets. */
TEST(flushing_engines)
{
    const sluice_shape tiny = {TEST_LDIH(1, 1, 3, 17)};
    OWNED(test_network) network = test_network_create(&tiny);
    test_network_build(&network);
    OWNED(test_batch) batch = tiny_batch(&tiny);
    for (unsigned threads = 1; threads <= 3; threads++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
        options.flush_to_zero = 1;
        const unsigned before = __builtin_ia32_stmxcsr();
        test_batch_prefill(&batch);
        test_run_once(network.model, &options, &batch.batch);
        ck_assert_uint_eq(__builtin_ia32_stmxcsr() & CONTROL, before & CONTROL);
        for (size_t j = 0; j < batch.state_count; j++)
            ck_assert_msg(batch.cn[j] == 0.0f, "cn[%zu] is %g", j, (double)batch.cn[j]);
        options.flush_to_zero = 0;
        test_run_once(network.model, &options, &batch.batch);
        for (size_t j = 0; j < batch.state_count; j++)
            ck_assert_msg(batch.cn[j] == batch.c0[j] / 2, "cn[%zu] is %g", j, (double)batch.cn[j]);
    }
}

#endif

int main(void)
{
    if (!getenv("CK_RUN_CASE")) /* set by run_with: then the environment is the test */
        test_begin();
#if !defined(__SSE__)
    printf("skipped: the floating-point state, which is x86's MXCSR\n");
#endif
    return test_run(test_suite());
}
