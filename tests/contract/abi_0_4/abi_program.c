/* A user's program, compiled against a release's headers and run with another release's library: every struct, the forward call,
 * a step of training, files, and plans. Compiled with GROWN against headers of a later release, whose structs end in a field more
 * (test_abi.py writes them), it also sets that field. The argument is a folder for files. */
#include <sluice.h>
#include <sluice_tools.h>
#include <sluice_train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 6, ROWS = 3, INPUTS = 4, HIDDEN = 9, CLASSES = 3 };

static sluice_error error;
static size_t allocations;

static void must(const char *what, sluice_status status)
{
    if (status) {
        printf("%s: %s: %s\n", what, sluice_status_get_name(status), error.message);
        exit(1);
    }
}

static void expect(const char *what, int holds)
{
    if (!holds) {
        printf("%s does not hold\n", what);
        exit(1);
    }
}

static void *allocate(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    allocations++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static void release(void *context, void *memory)
{
    (void)context;
    free(memory);
}

static int cancel(void *context)
{
    return ++*(int *)context > 1000;
}

static const char *file_in(const char *folder, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void use_allocator(void)
{
    const sluice_allocator own = {.struct_size = sizeof own, .allocate = allocate, .release = release};
    must("sluice_allocator_set", sluice_allocator_set(&own, &error));
    expect("a second allocator is refused", sluice_allocator_set(&own, NULL) == SLUICE_STATUS_BAD_ARGUMENT);
}

static sluice_model *make_model(const char *folder)
{
    static const char *const names[] = {"a", "b", "c"};
    sluice_shape shape = {.struct_size = sizeof shape,
                          .layers = 2,
                          .directions = 1,
                          .inputs = INPUTS,
                          .hidden = HIDDEN,
                          .classes = CLASSES,
                          .has_bias = 1},
                 found = {.struct_size = sizeof found};
    const sluice_names named = {.struct_size = sizeof named, .prefix = "rnn."};
    sluice_model *model, *loaded, *copy;
    must("sluice_model_create_initial", sluice_model_create_initial(&shape, SLUICE_INITIALIZER_TORCH, 7, names, &model, &error));
    must("sluice_model_save", sluice_model_save(model, file_in(folder, "model"), &named, &error));
    must("sluice_model_load", sluice_model_load(file_in(folder, "model"), &named, &loaded, &error));
    must("sluice_model_get_shape", sluice_model_get_shape(loaded, &found));
    expect("the shape", found.layers == 2 && found.inputs == INPUTS && found.hidden == HIDDEN && found.classes == CLASSES &&
                            found.struct_size == sizeof found);
    const float *ih[2], *hh[2], *bias[2], *zero[2];
    static const float zeros[4 * HIDDEN];
    for (size_t k = 0; k < 2; k++) {
        ih[k] = sluice_model_get_tensor(loaded, SLUICE_TENSOR_WEIGHT_IH, k, NULL);
        hh[k] = sluice_model_get_tensor(loaded, SLUICE_TENSOR_WEIGHT_HH, k, NULL);
        bias[k] = sluice_model_get_tensor(loaded, SLUICE_TENSOR_BIAS, k, NULL);
        zero[k] = zeros;
    }
    const sluice_weights weights = {.struct_size = sizeof weights,
                                    .shape = &found,
                                    .weight_ih = ih,
                                    .weight_hh = hh,
                                    .bias_ih = bias,
                                    .bias_hh = zero,
                                    .class_names = names,
                                    .head_weight = sluice_model_get_tensor(loaded, SLUICE_TENSOR_HEAD_WEIGHT, 0, NULL),
                                    .head_bias = sluice_model_get_tensor(loaded, SLUICE_TENSOR_HEAD_BIAS, 0, NULL)};
    must("sluice_model_create", sluice_model_create(&weights, &copy, &error));
    sluice_model_destroy(model);
    expect("a byte", sluice_model_load_memory("\3\0\0\0\0\0\0\0{,}", 11, NULL, &model, &error) == SLUICE_STATUS_BAD_DATA &&
                         error.byte == 9 && error.row == SIZE_MAX && !model);
    sluice_model_destroy(loaded);
    return copy;
}

static void compute(const sluice_model *model, float *logits)
{
    static float x[ROWS * STEPS * INPUTS];
    const int64_t lengths[] = {6, 2, 5}, beyond[] = {6, 9, 5};
    const sluice_engine_options options = {.struct_size = sizeof options, .threads = 2, .training = 1};
    sluice_engine_info info = {.struct_size = sizeof info};
    sluice_engine *engine;
    sluice_streams *streams;
    for (int k = 0; k < ROWS * STEPS * INPUTS; k++)
        x[k] = (float)(k * 7 % 31 - 15) / 15;
    must("sluice_engine_create", sluice_engine_create(model, &options, &engine, &error));
    must("sluice_engine_get_info", sluice_engine_get_info(engine, &info));
    expect("the info", info.threads == 2 && info.packed_bytes > 0 && info.struct_size == sizeof info);
    sluice_batch batch = {
        .struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .lengths = lengths, .x = x, .logits = logits, .max_threads = 1};
    must("sluice_forward", sluice_forward(engine, NULL, &batch, &error));
    batch.lengths = beyond;
    expect("a length is refused", sluice_forward(engine, NULL, &batch, &error) == SLUICE_STATUS_BAD_DATA);
    expect("the error has the row", error.row == 1 && error.step == SIZE_MAX && error.byte == SIZE_MAX);
    batch.lengths = lengths;
    must("sluice_streams_create", sluice_streams_create(engine, ROWS, &streams, &error));
    batch.streams = streams;
    must("sluice_forward with streams", sluice_forward(engine, NULL, &batch, &error));
    sluice_streams_destroy(streams);
    batch.streams = NULL;

    const sluice_tape_options recompute = {.struct_size = sizeof recompute, .recompute = 2};
    sluice_tape *tape;
    float dx[ROWS * STEPS * INPUTS];
    const sluice_gradient gradient = {.struct_size = sizeof gradient, .dlogits = logits, .dx = dx};
    must("sluice_tape_create", sluice_tape_create(engine, &recompute, &tape, &error));
    batch.tape = tape;
    must("sluice_forward with a tape", sluice_forward(engine, NULL, &batch, &error));
    must("sluice_backward", sluice_backward(tape, &gradient, &error));
    sluice_tape_destroy(tape);
#ifdef GROWN
    batch.tape = NULL;
    batch.later[1] = 1;
    expect("a later field is refused", sluice_forward(engine, NULL, &batch, &error) == SLUICE_STATUS_BAD_ARGUMENT);
    expect("the message says so", strstr(error.message, "newer library") != NULL);
#endif
    sluice_engine_destroy(engine);
}

static void plan(const sluice_model *model, const char *folder)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_plan found = {.struct_size = sizeof found};
    sluice_candidate candidate = {.struct_size = sizeof candidate};
    int asked = 0;
    const sluice_measure_options until = {.struct_size = sizeof until, .is_cancelled = cancel, .context = &asked};
    sluice_engine *engine;
    must("sluice_environment_get", sluice_environment_get(NULL, &environment, &error));
    expect("the environment", environment.threads > 0 && environment.openmp[0] && environment.openmp_places[0]);
    must("sluice_engine_create", sluice_engine_create(model, NULL, &engine, &error));
    must("sluice_plan_measure", sluice_plan_measure(engine, ROWS, STEPS, &until, &error));
    must("sluice_plan_get", sluice_plan_get(engine, ROWS, STEPS, NULL, &found, &error));
    must("sluice_plan_get_candidate", sluice_plan_get_candidate(engine, ROWS, STEPS, NULL, found.chosen, &candidate, &error));
    expect("the plan", candidate.seconds > 0 && candidate.thread_groups > 0 && found.reason[0] && asked > 0);
    must("sluice_plan_save", sluice_plan_save(engine, file_in(folder, "plans"), &error));
    must("sluice_plan_load", sluice_plan_load(engine, file_in(folder, "plans"), &error));
    sluice_engine_destroy(engine);
}

static void train(const sluice_model *model, const char *folder)
{
    static float x[ROWS * STEPS * INPUTS];
    const int32_t labels[] = {0, 2, 1};
    const sluice_trainer_options options = {.struct_size = sizeof options, .optimizer = SLUICE_OPTIMIZER_ADAMW, .rate = 0.01};
    sluice_trainer_options found = {.struct_size = sizeof found};
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .x = x};
    sluice_report report = {.struct_size = sizeof report};
    sluice_gradient gradient = {.struct_size = sizeof gradient};
    sluice_trainer *trainer, *loaded;
    char *note;
    must("sluice_trainer_create", sluice_trainer_create(model, NULL, &options, &trainer, &error));
    must("sluice_trainer_step", sluice_trainer_step(trainer, &batch, labels, NULL, &report, &error));
    expect("the report", report.step == 1 && report.counted == ROWS && report.weight == ROWS && report.rate == 0.01);
    must("sluice_trainer_get_gradient", sluice_trainer_get_gradient(trainer, &gradient));
    expect("the gradient", gradient.weight_hh && gradient.weight_hh[1] && gradient.head_bias);
    must("sluice_trainer_save", sluice_trainer_save(trainer, NULL, file_in(folder, "checkpoint"), "a note", &error));
    must("sluice_trainer_load", sluice_trainer_load(file_in(folder, "checkpoint"), NULL, &loaded, NULL, &note, &error));
    must("sluice_trainer_get_options", sluice_trainer_get_options(loaded, &found));
    expect("the options", found.optimizer == SLUICE_OPTIMIZER_ADAMW && found.rate == 0.01 && found.beta1 == 0.9);
    expect("the note", strcmp(note, "a note") == 0);
    sluice_free(note);
    sluice_trainer_destroy(loaded);
    sluice_trainer_destroy(trainer);

    const float outputs[] = {1, 0, 0, 0, 1, 0};
    sluice_loss loss = {.struct_size = sizeof loss, .rows = 2, .steps = 1, .width = CLASSES, .outputs = outputs, .labels = labels};
    must("sluice_loss_compute", sluice_loss_compute(&loss, &error));
    expect("the loss", loss.counted == 2 && loss.right == 1 && loss.loss > 0 && loss.weight == 2);
}

int main(int argc, char **argv)
{
    float logits[ROWS * CLASSES];
    expect("a folder is given", argc == 2);
    use_allocator();
    sluice_model *model = make_model(argv[1]);
    compute(model, logits);
    plan(model, argv[1]);
    train(model, argv[1]);
    sluice_model_destroy(model);
    expect("the allocator is used", allocations > 0);
    for (int k = 0; k < ROWS * CLASSES; k++)
        printf("%a ", (double)logits[k]);
    printf("of version %d\n", sluice_version_get_number() >= SLUICE_VERSION_NUMBER);
    return 0;
}
