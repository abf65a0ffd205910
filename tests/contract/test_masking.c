/* Networks that mask steps by themselves give the bits that a mask of the same steps gives, whatever the batch's layout: tokens and
 * numbers, strides, offsets, ragged rows, sequences in pieces. And what the rule leaves alone, and refuses. */
#include "support/message.h"
#include "support/suite.h"

#include "sluice_network.h"

#include <math.h>

enum { ROWS = 9, STEPS = 11, INPUTS = 3, VOCABULARY = 4, UNITS = 4, FIRST_WIDTH = 2 * UNITS, CLASSES = 2, TRIES = 12 };
enum { FLOATS = ROWS * STEPS * FIRST_WIDTH, STATES = ROWS * 3 * UNITS, SPREAD = 3, ROOM = ROWS * STEPS * INPUTS * SPREAD };

/* ---- Networks --------------------------------------------------------------------------------------------------------------- */

/* An LSTM layer of both directions, or `forward` only, one that gives its final states, or `all` its steps, and a dense layer. */
typedef struct network_kind {
    sluice_masking masking;
    float value;
    bool forward, all;
} network_kind;

static const network_kind kinds[] = {
    {SLUICE_MASKING_TOKEN, 0, false, false}, {SLUICE_MASKING_TOKEN, 0, true, true},       {SLUICE_MASKING_VALUE, 0, false, true},
    {SLUICE_MASKING_VALUE, 0, true, false},  {SLUICE_MASKING_VALUE, -1.5f, false, false}, {SLUICE_MASKING_VALUE, 0.1f, true, true},
};

/* With its rule, or without. */
static sluice_engine *make_engine(const network_kind *kind, bool rules)
{
    const bool has_tokens = kind->masking == SLUICE_MASKING_TOKEN;
    const sluice_layer layers[] = {
        {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_EMBEDDING, .units = INPUTS, .vocabulary = VOCABULARY},
        {.struct_size = sizeof(sluice_layer),
         .kind = SLUICE_LAYER_LSTM,
         .units = UNITS,
         .direction = kind->forward ? SLUICE_DIRECTION_FORWARD : SLUICE_DIRECTION_BOTH,
         .masked_outputs_zero = !kind->forward},
        {.struct_size = sizeof(sluice_layer),
         .kind = SLUICE_LAYER_LSTM,
         .units = UNITS,
         .steps = kind->all ? SLUICE_STEPS_ALL : SLUICE_STEPS_FINAL},
        {.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_DENSE, .units = CLASSES, .has_bias = 1},
    };
    const sluice_network network = {.struct_size = sizeof network,
                                    .inputs = has_tokens ? 0 : INPUTS,
                                    .layer_count = has_tokens ? 4 : 3,
                                    .layers = has_tokens ? layers : layers + 1,
                                    .masking = rules ? kind->masking : SLUICE_MASKING_NONE,
                                    .mask_value = rules ? kind->value : 0};
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_engine *engine;
    SUCCEEDS(sluice_model_create_initial_network, &network, SLUICE_INITIALIZER_UNIFORM, 5, NULL, &model);
    const sluice_engine_options options = {.struct_size = sizeof options, .training = 1, .threads = 2};
    SUCCEEDS(sluice_engine_create, model, &options, &engine);
    return engine;
}

/* ---- Batches ---------------------------------------------------------------------------------------------------------------- */

/* A batch's input in any layout, and the mask of the rule. */
typedef struct input {
    float x[ROOM];
    int32_t tokens[ROOM];
    uint8_t mask[ROWS * STEPS];
    size_t offsets[ROWS], row_stride, step_stride;
    int64_t lengths[ROWS];
    bool has_offsets, has_lengths;
} input;

typedef struct results {
    float y[FLOATS], hn[STATES], cn[STATES], ends[FLOATS];
} results;

static size_t at(const input *in, size_t row, size_t step)
{
    return (in->has_offsets ? in->offsets[row] : row * in->row_stride) + step * in->step_stride;
}

/* A third of the steps are masked; of others all numbers but one may be the value. */
static void draw_input(const network_kind *kind, input *in, uint64_t *random)
{
    const size_t width = kind->masking == SLUICE_MASKING_TOKEN ? 1 : INPUTS, layout = test_random(random) % 3;
    const bool steps_first = layout == 1;
    in->has_offsets = layout == 2;
    in->has_lengths = test_random(random) % 2;
    in->step_stride = width * (steps_first ? ROWS : 1 + test_random(random) % SPREAD);
    in->row_stride = steps_first ? width : in->step_stride * STEPS;
    for (size_t k = 0; k < ROOM; k++) {
        in->x[k] = kind->value; /* what is no input would be masked */
        in->tokens[k] = 0;
    }
    for (size_t n = 0; n < ROWS; n++) {
        in->offsets[n] = (ROWS - 1 - n) * in->row_stride;
        in->lengths[n] = in->has_lengths ? (int64_t)(test_random(random) % (STEPS + 1)) : STEPS;
        for (size_t t = 0; t < STEPS; t++) {
            const bool masked = test_random(random) % 3 == 0;
            in->mask[n * STEPS + t] = !masked;
            in->tokens[at(in, n, t)] = masked ? 0 : 1 + (int32_t)(test_random(random) % (VOCABULARY - 1));
            for (size_t k = 0; width == INPUTS && k < INPUTS; k++)
                in->x[at(in, n, t) + k] = kind->value;
            if (!masked && width == INPUTS)
                in->x[at(in, n, t) + test_random(random) % INPUTS] = test_uniform(random) + 2;
        }
    }
}

static sluice_batch make_batch(const network_kind *kind, const input *in, results *out)
{
    memset(out, 0xff, sizeof *out); /* NaN */
    return (sluice_batch){.struct_size = sizeof(sluice_batch),
                          .steps = STEPS,
                          .rows = ROWS,
                          .lengths = in->has_lengths ? in->lengths : NULL,
                          .x = kind->masking == SLUICE_MASKING_TOKEN ? NULL : in->x,
                          .tokens = kind->masking == SLUICE_MASKING_TOKEN ? in->tokens : NULL,
                          .x_row_stride = in->row_stride,
                          .x_step_stride = in->step_stride,
                          .x_offsets = in->has_offsets ? in->offsets : NULL,
                          .y = out->y,
                          .hn = out->hn,
                          .cn = out->cn,
                          .logits = kind->all ? NULL : out->ends,
                          .step_logits = kind->all ? out->ends : NULL};
}

static void check_same(const results *got, const results *want, const char *what)
{
    ck_assert_msg(memcmp(got, want, sizeof *got) == 0, "%s: other bits", what);
}

TEST_EACH(same_as_a_mask, kinds)
{
    const network_kind *kind = &kinds[_i];
    OWNED_HANDLE(sluice_engine) with = make_engine(kind, true);
    OWNED_HANDLE(sluice_engine) without = make_engine(kind, false);
    OWNED_HANDLE(sluice_workspace) workspace = NULL;
    uint64_t random = test_seed() + (uint64_t)_i;
    SUCCEEDS(sluice_workspace_create, with, 0, 0, &workspace);
    static input in;
    static results got, want, again;
    for (size_t k = 0; k < TRIES; k++) {
        draw_input(kind, &in, &random);
        sluice_batch batch = make_batch(kind, &in, &got);
        SUCCEEDS(sluice_forward, with, k % 3 ? workspace : NULL, &batch);
        batch = make_batch(kind, &in, &want);
        batch.mask = in.mask;
        SUCCEEDS(sluice_forward, without, NULL, &batch);
        check_same(&got, &want, "the rule");
        batch = make_batch(kind, &in, &again);
        batch.mask = in.mask;
        for (size_t n = 0; n < ROWS * STEPS; n++)
            in.mask[n] = 1;
        SUCCEEDS(sluice_forward, with, workspace, &batch);
        batch = make_batch(kind, &in, &want);
        SUCCEEDS(sluice_forward, without, NULL, &batch);
        check_same(&again, &want, "a mask in the rule's place");
    }
}

/* A workspace that has run once with masked steps, and once without, grows no more. */
TEST_EACH(steady, kinds)
{
    const network_kind *kind = &kinds[_i];
    OWNED_HANDLE(sluice_engine) engine = make_engine(kind, true);
    OWNED_HANDLE(sluice_workspace) workspace = NULL;
    uint64_t random = test_seed();
    static input in;
    static results out;
    SUCCEEDS(sluice_workspace_create, engine, 0, 0, &workspace);
    size_t bytes = 0;
    for (size_t k = 0; k < 9; k++) {
        draw_input(kind, &in, &random);
        in.has_lengths = false;
        for (size_t n = 0; k % 3 == 2 && n < ROOM; n++) { /* no masked step at all */
            in.tokens[n] = 1;
            in.x[n] = 9;
        }
        const sluice_batch batch = make_batch(kind, &in, &out);
        SUCCEEDS(sluice_forward, engine, workspace, &batch);
        if (k >= 3)
            ck_assert_uint_eq(sluice_workspace_get_bytes(workspace), bytes);
        bytes = sluice_workspace_get_bytes(workspace);
    }
}

/* ---- Pieces ----------------------------------------------------------------------------------------------------------------- */

TEST_EACH(pieces, kinds)
{
    const network_kind *kind = &kinds[_i];
    if (!kind->forward)
        return;
    OWNED_HANDLE(sluice_engine) engine = make_engine(kind, true);
    OWNED_HANDLE(sluice_streams) streams = NULL;
    uint64_t random = test_seed();
    static input in;
    static results whole, piece;
    draw_input(kind, &in, &random);
    in.has_lengths = in.has_offsets = false;
    sluice_batch batch = make_batch(kind, &in, &whole);
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    SUCCEEDS(sluice_streams_create, engine, ROWS, &streams);
    for (size_t from = 0, steps = 1; from < STEPS; from += steps++) {
        steps = from + steps > STEPS ? STEPS - from : steps;
        batch = make_batch(kind, &in, &piece);
        batch.steps = steps;
        batch.streams = streams;
        batch.x = batch.x ? batch.x + from * in.step_stride : NULL;
        batch.tokens = batch.tokens ? batch.tokens + from * in.step_stride : NULL;
        SUCCEEDS(sluice_forward, engine, NULL, &batch);
        for (size_t n = 0; n < ROWS; n++)
            ck_assert_mem_eq(&piece.y[n * steps * UNITS], &whole.y[(n * STEPS + from) * UNITS], steps * UNITS * sizeof(float));
    }
    ck_assert_mem_eq(piece.cn, whole.cn, 2 * ROWS * UNITS * sizeof(float));
}

/* ---- Which numbers are the value -------------------------------------------------------------------------------------------- */

/* Whether a step of one row, between two others, is left out: c is then that of the two alone. */
static bool is_masked(const sluice_engine *engine, float a, float b, float c)
{
    const float x[3 * INPUTS] = {1, 2, 3, a, b, c, -1, 1, 2};
    static results two, three;
    const network_kind kind = {SLUICE_MASKING_VALUE, 0, true, true};
    const input in = {.step_stride = 2 * INPUTS, .row_stride = 2 * INPUTS * 2};
    sluice_batch batch = make_batch(&kind, &in, &two);
    batch.x = x;
    batch.rows = 1;
    batch.steps = 2;
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    batch = make_batch(&kind, &in, &three);
    batch.x = x;
    batch.rows = 1;
    batch.steps = 3;
    batch.x_step_stride = INPUTS;
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    return memcmp(two.cn, three.cn, 2 * UNITS * sizeof(float)) == 0;
}

TEST(exact)
{
    const network_kind zero = {SLUICE_MASKING_VALUE, 0, true, true}, tenth = {SLUICE_MASKING_VALUE, 0.1f, true, true};
    OWNED_HANDLE(sluice_engine) of_zero = make_engine(&zero, true);
    OWNED_HANDLE(sluice_engine) of_tenth = make_engine(&tenth, true);
    ck_assert(is_masked(of_zero, 0, 0, 0) && is_masked(of_zero, -0.0f, 0, -0.0f));
    ck_assert(!is_masked(of_zero, 0, 0.5f, 0) && !is_masked(of_zero, NAN, NAN, NAN));
    ck_assert(is_masked(of_tenth, 0.1f, 0.1f, 0.1f));
    ck_assert(!is_masked(of_tenth, 0.1f, 0.1f, nextafterf(0.1f, 1)) && !is_masked(of_tenth, 0, 0, 0));
}

/* ---- Training --------------------------------------------------------------------------------------------------------------- */

/* As with a mask: masked steps are no part of training. Without any it trains. */
TEST_EACH(tape, kinds)
{
    const network_kind *kind = &kinds[_i];
    OWNED_HANDLE(sluice_engine) engine = make_engine(kind, true);
    OWNED_HANDLE(sluice_tape) tape = NULL;
    static input in = {.step_stride = 0};
    static results out;
    SUCCEEDS(sluice_tape_create, engine, NULL, &tape);
    for (size_t k = 0; k < ROOM; k++) {
        in.x[k] = 3;
        in.tokens[k] = 1;
    }
    in.has_lengths = in.has_offsets = false;
    in.row_stride = in.step_stride = 0;
    sluice_batch batch = make_batch(kind, &in, &out);
    batch.tape = tape;
    SUCCEEDS(sluice_forward, engine, NULL, &batch);
    const size_t width = kind->masking == SLUICE_MASKING_TOKEN ? 1 : INPUTS, first = (2 * STEPS + 5) * width;
    in.tokens[first] = 0;
    for (size_t k = 0; k < INPUTS; k++)
        in.x[first + k] = kind->value;
    REFUSED(SLUICE_STATUS_UNSUPPORTED, "row 2, step 5: is masked by the network's own rule", sluice_forward, engine, NULL, &batch);
}
