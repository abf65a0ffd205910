/* Every bit of fifty random networks, as two hashes each: of what sluice_forward gives and of what sluice_backward gives. They are
 * the same on every machine, thread count and instruction set, and with any BLIS.
 *
 * Only the public headers are used, and the numbers come from a generator of its own, so that a change of the library's insides, or of
 * the tests' helpers, leaves the networks as they are. `test_network_hashes --write FILE` renews FILE. */
#include "contract/hashed_networks.h"
#include "sluice_train.h"

#include <math.h>

/* ---- Hashing ---- */

static const uint64_t fnv_start = UINT64_C(0xcbf29ce484222325);

/* FNV-1a (Fowler, Noll & Vo), over each float's bytes from the lowest. */
static void hash_array(uint64_t *hash, const network *n, const char *what, const array *values)
{
    for (size_t k = 0; k < values->count; k++) {
        uint32_t bits;
        memcpy(&bits, &values->at[k], sizeof bits);
        if (!isfinite(values->at[k]))
            die("%s: element %zu of %zu of %s is %s", describe(n), k, values->count, what,
                bits == prefill ? "not written" : "not finite");
        for (unsigned shift = 0; shift < 32; shift += 8)
            *hash = (*hash ^ (bits >> shift & 0xff)) * UINT64_C(0x100000001b3);
    }
}

static void hash_parts(uint64_t *hash, const network *n, part first, part end)
{
    static const char *const names[PARTS] = {[Y] = "y",
                                             [HN] = "hn",
                                             [CN] = "cn",
                                             [LOGITS] = "logits",
                                             [STEP_LOGITS] = "step_logits",
                                             [DX] = "dx",
                                             [DH0] = "dh0",
                                             [DC0] = "dc0",
                                             [EMBEDDING] = "embedding",
                                             [HEAD_WEIGHT] = "head_weight",
                                             [HEAD_BIAS] = "head_bias"};
    for (part j = first; j < end; j++)
        hash_array(hash, n, names[j], &n->parts[j]);
}

static void hash_gradients(uint64_t *hash, const network *n)
{
    static const char *const names[GRADIENTS] = {"weight_ih", "weight_hh", "bias"};
    hash_parts(hash, n, DX, PARTS);
    for (size_t k = 0; k < directed_of(&n->shape); k++)
        for (size_t j = 0; j < GRADIENTS; j++) {
            char name[64];
            snprintf(name, sizeof name, "%s %zu", names[j], k);
            hash_array(hash, n, name, &n->gradients[j][k]);
        }
}

/* ---- Running ---- */

typedef struct hashes {
    uint64_t forward, gradient;
} hashes;

static void succeed(const network *n, sluice_status status, const sluice_error *error)
{
    if (status)
        die("%s: %s", describe(n), error->message);
}

static sluice_engine *make_engine(const network *n, int training)
{
    const float *tables[TENSORS][DIRECTED_MAX];
    for (size_t j = 0; j < TENSORS; j++)
        for (size_t k = 0; k < DIRECTED_MAX; k++)
            tables[j][k] = n->weights[j][k].at;
    sluice_shape shape = n->shape;
    shape.struct_size = sizeof shape;
    const sluice_weights weights = {.struct_size = sizeof weights,
                                    .shape = &shape,
                                    .weight_ih = tables[WEIGHT_IH],
                                    .weight_hh = tables[WEIGHT_HH],
                                    .bias_ih = tables[BIAS_IH],
                                    .bias_hh = tables[BIAS_HH],
                                    .embedding = n->parts[EMBEDDING_IN].at,
                                    .head_weight = n->parts[HEAD_WEIGHT_IN].at,
                                    .head_bias = n->parts[HEAD_BIAS_IN].at};
    const sluice_engine_options options = {.struct_size = sizeof options, .gemm = SLUICE_GEMM_FUSED, .training = training};
    sluice_error error = {0};
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_engine *engine = NULL;
    succeed(n, sluice_model_create(&weights, &model, &error), &error);
    succeed(n, sluice_engine_create(model, &options, &engine, &error), &error);
    return engine;
}

/* Add the outputs of a forward pass to the hash. */
static void forward(const network *n, const sluice_engine *engine, sluice_tape *tape, uint64_t *hash)
{
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = n->steps,
                                .rows = n->rows,
                                .lengths = n->lengths,
                                .x = n->parts[X].at,
                                .tokens = n->tokens,
                                .h0 = n->parts[H0].at,
                                .c0 = n->parts[C0].at,
                                .y = n->parts[Y].at,
                                .hn = n->parts[HN].at,
                                .cn = n->parts[CN].at,
                                .logits = n->parts[LOGITS].at,
                                .step_logits = n->parts[STEP_LOGITS].at,
                                .tape = tape,
                                .dropout = tape ? n->dropout : 0.0f,
                                .dropout_key = n->dropout_key};
    for (part j = Y; j <= STEP_LOGITS; j++)
        for (size_t k = 0; k < n->parts[j].count; k++)
            memcpy(&n->parts[j].at[k], &prefill, sizeof prefill);
    sluice_error error = {0};
    succeed(n, sluice_forward(engine, NULL, &batch, &error), &error);
    hash_parts(hash, n, Y, DX);
}

static void backward(const network *n, sluice_tape *tape, uint64_t *hash)
{
    float *tables[GRADIENTS][DIRECTED_MAX];
    for (size_t j = 0; j < GRADIENTS; j++)
        for (size_t k = 0; k < DIRECTED_MAX; k++)
            tables[j][k] = n->gradients[j][k].at;
    const sluice_gradient gradient = {.struct_size = sizeof gradient,
                                      .dy = n->parts[DY].at,
                                      .dhn = n->parts[DHN].at,
                                      .dcn = n->parts[DCN].at,
                                      .dlogits = n->parts[DLOGITS].at,
                                      .dstep_logits = n->parts[DSTEP_LOGITS].at,
                                      .dx = n->parts[DX].at,
                                      .dh0 = n->parts[DH0].at,
                                      .dc0 = n->parts[DC0].at,
                                      .weight_ih = tables[WEIGHT_IH],
                                      .weight_hh = tables[WEIGHT_HH],
                                      .bias = n->shape.has_bias ? tables[BIAS] : NULL,
                                      .embedding = n->parts[EMBEDDING].at,
                                      .head_weight = n->parts[HEAD_WEIGHT].at,
                                      .head_bias = n->parts[HEAD_BIAS].at};
    sluice_error error = {0};
    succeed(n, sluice_backward(tape, &gradient, &error), &error); /* its outputs were prefilled when they were made */
    hash_gradients(hash, n);
}

/* The forward hash is of a pass without a tape and of one with it, which alone has dropout. */
static hashes run(const network *n)
{
    hashes found = {fnv_start, fnv_start};
    sluice_engine *engine = make_engine(n, 0);
    forward(n, engine, NULL, &found.forward);
    sluice_engine_destroy(engine);

    const sluice_tape_options options = {.struct_size = sizeof options, .recompute = n->recompute};
    sluice_error error = {0};
    OWNED_HANDLE(sluice_tape) tape = NULL;
    engine = make_engine(n, 1);
    succeed(n, sluice_tape_create(engine, &options, &tape, &error), &error);
    forward(n, engine, tape, &found.forward);
    backward(n, tape, &found.gradient);
    sluice_engine_destroy(engine);
    return found;
}

/* ---- The golden file ---- */

/* A comment, and then a line "NN FORWARD GRADIENT" for each network. */
static hashes wanted[NETWORKS];
static char head[4096]; /* the comment */

static bool read_golden(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    char line[512];
    int count = 0;
    while (fgets(line, sizeof line, file)) {
        int number;
        hashes found;
        if (*line == '#' && strlen(head) + strlen(line) < sizeof head)
            strcat(head, line);
        else if (count < NETWORKS && sscanf(line, "%d %" SCNx64 " %" SCNx64, &number, &found.forward, &found.gradient) == 3 &&
                 number == count)
            wanted[count++] = found;
        else
            die("%s: this line should not be here: %s", path, line);
    }
    fclose(file);
    if (count != NETWORKS)
        die("%s has %d networks instead of %d", path, count, NETWORKS);
    return true;
}

static int renew(const char *path)
{
    read_golden(path);
    FILE *file = fopen(path, "w");
    if (!file)
        die("cannot write %s", path);
    fputs(head, file);
    for (int k = 0; k < NETWORKS; k++) {
        network *n = make_network(k);
        const hashes found = run(n);
        fprintf(file, "%02d %016" PRIx64 " %016" PRIx64 "\n", k, found.forward, found.gradient);
        printf("%s\n", describe(n));
        free_network(n);
    }
    if (fclose(file))
        die("cannot write %s", path);
    return 0;
}

/* ---- The test ---- */

TEST_LOOP(hashes_are_as_recorded, 0, NETWORKS)
{
    network *n = make_network(_i);
    const hashes found = run(n), want = wanted[_i];
    ck_assert_msg(found.forward == want.forward && found.gradient == want.gradient,
                  "%s: forward %016" PRIx64 ", expected %016" PRIx64 "%s; gradient %016" PRIx64 ", expected %016" PRIx64 "%s",
                  describe(n), found.forward, want.forward, found.forward == want.forward ? "" : " (DIFFERS)", found.gradient,
                  want.gradient, found.gradient == want.gradient ? "" : " (DIFFERS)");
    free_network(n);
}

int main(int argc, char **argv)
{
    writes = true; /* until the tests begin */
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return renew(argv[2]);
    if (argc > 1)
        die("usage: test_network_hashes [--write FILE]");
    const char *source = getenv("SLUICE_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/network_hashes.txt", source ? source : ".");
    if (!read_golden(path))
        die("cannot read %s", path);
    writes = false;
    return test_run(test_suite());
}
