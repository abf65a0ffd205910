/* Every bit of fifty random networks, as two hashes each: of what sluice_forward gives and of what sluice_backward gives. The
 * hashes of the forward pass are the same on every machine, thread count and instruction set; those of the gradients depend on
 * BLIS's kernels besides, and tests/golden/network_hashes.txt has a section for each configuration of BLIS that was at hand.
 *
 * Only the public headers are used, and the numbers come from a generator of its own, so that a change of the library's insides, or of
 * the tests' helpers, leaves the networks as they are. `test_network_hashes --write FILE` brings FILE up to date for the
 * configuration of BLIS in use; the golden file's head says how to renew all of them. */
#include "contract/hashed_networks.h"
#include "sluice_train.h"
#include "sluice_tools.h"

#include <math.h>

enum { SECTIONS_MAX = 32 };

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

/* A line "forward", or "blis VERSION CONFIGURATION...", and behind it a line "NN HASH" for each network. */
typedef struct section {
    char name[256];
    int count;
    uint64_t hash[NETWORKS];
} section;

typedef struct golden {
    char head[4096]; /* the comment that it begins with */
    int count;
    section sections[SECTIONS_MAX]; /* forward's is the first */
} golden;

static golden wanted;

static bool read_golden(golden *into, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    char line[512];
    *into = (golden){0};
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        section *last = into->count ? &into->sections[into->count - 1] : NULL;
        int number;
        uint64_t hash;
        if (*line == '#' && !last && strlen(into->head) + strlen(line) + 2 <= sizeof into->head)
            strcat(strcat(into->head, line), "\n");
        else if ((strcmp(line, "forward") == 0 || (last && strncmp(line, "blis ", 5) == 0)) && into->count < SECTIONS_MAX)
            snprintf(into->sections[into->count++].name, sizeof last->name, "%.255s", line);
        else if (last && last->count < NETWORKS && sscanf(line, "%d %" SCNx64, &number, &hash) == 2 && number == last->count)
            last->hash[last->count++] = hash;
        else
            die("%s: this line should not be here: %s", path, line);
    }
    fclose(file);
    for (int j = 0; j < into->count; j++)
        if (into->sections[j].count != NETWORKS)
            die("%s: section \"%s\" has %d networks instead of %d", path, into->sections[j].name, into->sections[j].count,
                NETWORKS);
    return into->count > 0;
}

static sluice_environment look(void)
{
    sluice_environment found = {.struct_size = sizeof found};
    sluice_error error = {0};
    if (sluice_environment_get(NULL, &found, &error))
        die("%s", error.message);
    return found;
}

/* Where the section's name has the configuration, with a blank before it; NULL: it is another's section. */
static char *find_config(section *of, const sluice_environment *machine)
{
    char start[96], word[40];
    const int length = snprintf(start, sizeof start, "blis %s ", machine->blis_version);
    snprintf(word, sizeof word, " %s", machine->blis_config);
    if (strncmp(of->name, start, (size_t)length) != 0)
        return NULL;
    char *at = of->name + length - 1;
    while ((at = strstr(at, word)) && at[strlen(word)] != ' ' && at[strlen(word)])
        at++;
    return at;
}

static const section *find_section(golden *in, const sluice_environment *machine)
{
    for (int j = 1; j < in->count; j++)
        if (find_config(&in->sections[j], machine))
            return &in->sections[j];
    return NULL;
}

/* ---- --write ---- */

/* Take the configuration out of the section that has it, and the section out if it was the only one. */
static void forget_config(golden *in, const sluice_environment *machine)
{
    char bare[96];
    snprintf(bare, sizeof bare, "blis %s", machine->blis_version);
    for (int j = 1; j < in->count; j++) {
        section *of = &in->sections[j];
        char *at = find_config(of, machine);
        if (!at)
            continue;
        const char *behind = at + 1 + strlen(machine->blis_config);
        memmove(at, behind, strlen(behind) + 1);
        if (strcmp(of->name, bare) == 0)
            memmove(of, of + 1, (size_t)(--in->count - j) * sizeof *of);
        return;
    }
}

static void add_config(golden *in, const sluice_environment *machine, const section *gradient)
{
    char start[96];
    const int length = snprintf(start, sizeof start, "blis %s ", machine->blis_version);
    for (int j = 1; j < in->count; j++) {
        section *of = &in->sections[j];
        const size_t used = strlen(of->name);
        if (strncmp(of->name, start, (size_t)length) == 0 && memcmp(of->hash, gradient->hash, sizeof of->hash) == 0 &&
            used + 1 + strlen(machine->blis_config) < sizeof of->name) {
            snprintf(of->name + used, sizeof of->name - used, " %s", machine->blis_config);
            return;
        }
    }
    if (in->count == SECTIONS_MAX)
        die("more than %d sections", SECTIONS_MAX);
    in->sections[in->count] = *gradient;
    snprintf(in->sections[in->count++].name, sizeof gradient->name, "%s%s", start, machine->blis_config);
}

static void write_golden(const golden *from, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        die("cannot write %s", path);
    fputs(from->head, file);
    for (int j = 0; j < from->count; j++) {
        fprintf(file, "%s\n", from->sections[j].name);
        for (int k = 0; k < NETWORKS; k++)
            fprintf(file, "%02d %016" PRIx64 "\n", k, from->sections[j].hash[k]);
    }
    if (fclose(file))
        die("cannot write %s", path);
}

/* Compute all hashes, and put them into the file in place of those for the same configuration of BLIS. */
static int renew(const char *path)
{
    static section all, gradient;
    snprintf(all.name, sizeof all.name, "forward");
    for (int k = 0; k < NETWORKS; k++) {
        network *n = make_network(k);
        const hashes found = run(n);
        all.hash[k] = found.forward;
        gradient.hash[k] = found.gradient;
        all.count = gradient.count = k + 1;
        printf("%s\n", describe(n));
        free_network(n);
    }
    const bool has_old = read_golden(&wanted, path);
    if (has_old && memcmp(wanted.sections[0].hash, all.hash, sizeof all.hash) != 0)
        printf("forward hashes have changed: all sections of BLIS's configurations are dropped, and are to be written anew\n");
    if (!has_old || memcmp(wanted.sections[0].hash, all.hash, sizeof all.hash) != 0)
        wanted.count = 1;
    wanted.sections[0] = all;
    const sluice_environment machine = look();
    const section *old = find_section(&wanted, &machine);
    if (!old || memcmp(old->hash, gradient.hash, sizeof old->hash) != 0) {
        forget_config(&wanted, &machine);
        add_config(&wanted, &machine, &gradient);
    }
    write_golden(&wanted, path);
    printf("written: forward, and gradients of BLIS %s, configuration %s\n", machine.blis_version, machine.blis_config);
    return 0;
}

/* ---- The test ---- */

TEST_LOOP(hashes_are_as_recorded, 0, NETWORKS)
{
    const sluice_environment machine = look();
    const section *gradients = find_section(&wanted, &machine);
    network *n = make_network(_i);
    const hashes found = run(n);
    const hashes want = {wanted.sections[0].hash[_i], gradients ? gradients->hash[_i] : found.gradient};
    ck_assert_msg(found.forward == want.forward && found.gradient == want.gradient,
                  "%s: forward %016" PRIx64 ", expected %016" PRIx64 "%s; gradient %016" PRIx64 ", expected %016" PRIx64 "%s",
                  describe(n), found.forward, want.forward, found.forward == want.forward ? "" : " (DIFFERS)", found.gradient,
                  want.gradient,
                  !gradients                        ? " (not compared)"
                  : found.gradient == want.gradient ? ""
                                                    : " (DIFFERS)");
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
    if (!read_golden(&wanted, path))
        die("cannot read %s", path);
    const sluice_environment machine = look();
    if (!find_section(&wanted, &machine))
        printf("skipped: gradients, of which %s has no hashes for BLIS %s, configuration %s\n", path, machine.blis_version,
               machine.blis_config);
    writes = false;
    return test_run(test_suite());
}
