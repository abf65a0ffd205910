/* Drawing cases and making their arrays. Nothing here knows how the library works. */
#include "support/cases/scene.h"

#include "support/suite.h"
#include "sluice_tools.h"

#include <string.h>

/* ---- What a case is ---- */

static const char *const length_words[] = {"all", "uniform", "tail", "zeros"};
static const char *const layout_words[] = {"contiguous", "rows", "steps"};
static const char *const isa_words[] = {"", "scalar", "avx2", "avx512"}; /* by sluice_isa */
static const char *const schedule_words[] = {"rows", "hoist", "units", "auto"};
static const char *const workspace_words[] = {"grown", "fitted", "pooled"};

static const test_field field_table[FIELDS] = {
    [SEED] = {"seed", 0, UINT32_MAX, NULL, true},
    [LAYERS] = {"layers", 1, 4},
    [ROWS] = {"rows", 1, 50},
    [STEPS] = {"steps", 0, 40},
    [HIDDEN] = {"hidden", 1, 90},
    [INPUTS] = {"inputs", 1, 70},
    [DIRECTIONS] = {"directions", 1, 2},
    [VOCABULARY] = {"vocabulary", 0, 40},
    [CLASSES] = {"classes", 0, 20},
    [BIAS] = {"bias", 0, 1},
    [LENGTHS] = {"lengths", 0, 3, length_words},
    [H0] = {"h0", 0, 1},
    [C0] = {"c0", 0, 1},
    [IN_PLACE] = {"in_place", 0, 1},
    [POISON] = {"poison", 0, 1},
    [X_LAYOUT] = {"x_layout", 0, 2, layout_words},
    [X_PADDING] = {"x_padding", 0, 9},
    [OFFSETS] = {"offsets", 0, 1},
    [Y_LAYOUT] = {"y_layout", 0, 2, layout_words},
    [Y_PADDING] = {"y_padding", 0, 9},
    [NO_Y] = {"no_y", 0, 1},
    [NO_HN] = {"no_hn", 0, 1},
    [NO_CN] = {"no_cn", 0, 1},
    [NO_LOGITS] = {"no_logits", 0, 1},
    [ISA] = {"isa", SLUICE_ISA_SCALAR, SLUICE_ISA_AVX512, isa_words},
    [SCHEDULE] = {"schedule", 0, AUTO, schedule_words},
    [GROUPS] = {"groups", 0, 8},
    [THREADS_PER_GROUP] = {"threads_per_group", 1, 8},
    [HOISTS] = {"hoists", 0, 1},
    [WAVEFRONT] = {"wavefront", 0, 1},
    [THREADS] = {"threads", 1, 8},
    [ALL_CPUS] = {"all_cpus", 0, 1},
    [GROUP_ROWS] = {"group_rows", 0, 16},
    [HOIST_ROWS] = {"hoist_rows", 0, 48},
    [STACK_FLOATS] = {"stack_floats", 0, 3000},
    [FEW_ROWS] = {"few_rows", 0, 9},
    [WORKSPACE] = {"workspace", 0, 2, workspace_words},
    [BEFORE] = {"before", 0, 3},
};
const test_fields test_scene_fields = {field_table, FIELDS};

bool test_scene_schedule(const test_case *given, sluice_schedule *schedule)
{
    for (*schedule = SLUICE_SCHEDULE_AUTO; *schedule <= SLUICE_SCHEDULE_UNITS; ++*schedule) {
        const char *name = sluice_schedule_get_name(*schedule);
        if (name && strcmp(name, schedule_words[given->value[SCHEDULE]]) == 0)
            return true;
    }
    return false;
}

bool test_scene_possible(const test_case *given)
{
    const test_isa_list isas = test_isas();
    sluice_schedule schedule;
    for (size_t j = 0; j < isas.count; j++)
        if (given->value[ISA] == (uint64_t)isas.isa[j])
            return test_scene_schedule(given, &schedule);
    return false;
}

/* ---- Drawing one ---- */

static uint64_t below(uint64_t *random, uint64_t limit)
{
    return test_random(random) % limit;
}

uint64_t test_scene_draw_small(size_t field, uint64_t *random)
{
    const float u = test_uniform(random), values = (float)(field_table[field].most - field_table[field].least + 1);
    return field_table[field].least + (uint64_t)(u * u * values);
}

static uint64_t draw_any(size_t field, uint64_t *random)
{
    return field_table[field].least + below(random, field_table[field].most - field_table[field].least + 1);
}

/* Multiply-adds of the batch, were all rows of full length. */
static uint64_t work_of(const test_case *c)
{
    const uint64_t *v = c->value, outputs = v[DIRECTIONS] * v[HIDDEN];
    const uint64_t terms = v[INPUTS] + (v[LAYERS] - 1) * outputs + v[LAYERS] * v[HIDDEN];
    return v[ROWS] * v[STEPS] * 4 * outputs * terms;
}

static void draw_sizes(test_case *c, uint64_t *random)
{
    static const uint64_t wholes[] = {1, 16, 32, 64};
    enum { MOST_WORK = 6000000 };
    uint64_t *v = c->value;
    static const unsigned skewed[] = {LAYERS, ROWS, STEPS, HIDDEN, INPUTS};
    for (size_t j = 0; j < sizeof skewed / sizeof skewed[0]; j++)
        v[skewed[j]] = test_scene_draw_small(skewed[j], random);
    if (below(random, 6) == 0)
        v[HIDDEN] = wholes[below(random, 4)];
    v[DIRECTIONS] = draw_any(DIRECTIONS, random);
    v[VOCABULARY] = below(random, 3) ? 0 : 1 + below(random, field_table[VOCABULARY].most);
    v[CLASSES] = below(random, 3) ? 0 : 1 + below(random, field_table[CLASSES].most);
    v[BIAS] = below(random, 4) > 0;
    while (work_of(c) > MOST_WORK)
        v[v[ROWS] > v[STEPS] ? ROWS : STEPS] /= 2;
}

static void draw_arrays(test_case *c, uint64_t *random)
{
    uint64_t *v = c->value;
    v[LENGTHS] = below(random, 3) ? draw_any(LENGTHS, random) : ALL_STEPS;
    v[H0] = draw_any(H0, random);
    v[C0] = draw_any(C0, random);
    v[IN_PLACE] = below(random, 8) == 0;
    v[POISON] = below(random, 6) == 0;
    v[X_LAYOUT] = draw_any(X_LAYOUT, random);
    v[X_PADDING] = test_scene_draw_small(X_PADDING, random);
    v[OFFSETS] = below(random, 4) == 0;
    v[Y_LAYOUT] = draw_any(Y_LAYOUT, random);
    v[Y_PADDING] = test_scene_draw_small(Y_PADDING, random);
    for (unsigned f = NO_Y; f <= NO_LOGITS; f++)
        v[f] = below(random, 8) == 0;
}

/* How it is to be computed. Half of the cases that leave it to the engine are given a tuned plan, which is for rows of one
 * length. */
static void draw_plan(test_case *c, uint64_t *random)
{
    uint64_t *v = c->value;
    const test_isa_list isas = test_isas();
    v[ISA] = isas.isa[below(random, isas.count)];
    sluice_schedule schedule;
    do
        v[SCHEDULE] = below(random, 5) < 2 ? AUTO : draw_any(SCHEDULE, random);
    while (!test_scene_schedule(c, &schedule));
    v[THREADS] = draw_any(THREADS, random);
    v[GROUPS] = 0;
    v[THREADS_PER_GROUP] = 1;
    if (v[SCHEDULE] == AUTO && below(random, 2)) {
        v[LENGTHS] = ALL_STEPS;
        v[GROUPS] = 1 + below(random, v[THREADS]);
        v[THREADS_PER_GROUP] = 1 + below(random, v[THREADS] / v[GROUPS]);
        v[HOISTS] = draw_any(HOISTS, random);
        v[WAVEFRONT] = draw_any(WAVEFRONT, random);
    }
    v[ALL_CPUS] = draw_any(ALL_CPUS, random);
    for (unsigned f = GROUP_ROWS; f <= FEW_ROWS; f++)
        v[f] = below(random, 3) ? 0 : test_scene_draw_small(f, random);
    v[WORKSPACE] = draw_any(WORKSPACE, random);
    v[BEFORE] = below(random, 3) ? 0 : draw_any(BEFORE, random);
}

test_case test_scene_draw(uint64_t seed)
{
    test_case drawn = {{0}};
    drawn.value[SEED] = test_random(&seed) >> 32;
    draw_sizes(&drawn, &seed);
    draw_arrays(&drawn, &seed);
    draw_plan(&drawn, &seed);
    return drawn;
}

/* ---- Its arrays ---- */

static test_layout lay_out(uint64_t kind, size_t padding, size_t rows, size_t steps, size_t width)
{
    const size_t inner = kind == CONTIGUOUS ? width : width + padding, between = kind == CONTIGUOUS ? 0 : padding;
    test_layout made = {.row = steps * inner + between, .step = inner, .width = width};
    if (kind == STEPS_FIRST) {
        made.row = inner;
        made.step = rows * inner + between;
    }
    made.count = rows && steps ? (rows - 1) * made.row + (steps - 1) * made.step + width : 0;
    return made;
}

static float draw_value(uint64_t *random)
{
    return 2.0f * test_uniform(random) - 1.0f;
}

/* Another value for one in a few of the poisoned, by its bits: NaNs, infinities, a zero, the largest and the least. */
static void poison(float *values, size_t count, uint64_t *random)
{
    static const uint32_t poisons[] = {UINT32_C(0x7fc12345), UINT32_C(0xffc00001), UINT32_C(0x7f800001), UINT32_C(0x7f800000),
                                       UINT32_C(0xff800000), UINT32_C(0x80000000), UINT32_C(0x7f7fffff), UINT32_C(0x00000001)};
    for (size_t j = 0; values && count && j < 2; j++)
        memcpy(values + below(random, count), poisons + below(random, sizeof poisons / sizeof poisons[0]), sizeof *values);
}

static float *make_state(test_scene *s, uint64_t wanted)
{
    if (!wanted)
        return NULL;
    float *state = test_floats(s->states);
    for (size_t j = 0; j < s->states; j++)
        state[j] = draw_value(&s->random);
    if (s->value[POISON])
        poison(state, s->states, &s->random);
    return state;
}

static void make_lengths(test_scene *s)
{
    const uint64_t *v = s->value;
    if (v[LENGTHS] == ALL_STEPS)
        return;
    s->lengths = calloc(v[ROWS], sizeof *s->lengths);
    const uint64_t tail = below(&s->random, v[ROWS]);
    for (size_t n = 0; n < v[ROWS]; n++) {
        const uint64_t any = below(&s->random, v[STEPS] + 1), one = below(&s->random, 4);
        const bool cut = (v[LENGTHS] == TAIL && n != tail) || (v[LENGTHS] == ZEROS && one > 0);
        const uint64_t most = !cut ? v[STEPS] : v[LENGTHS] == ZEROS ? 0 : 1 + v[STEPS] / 10;
        const uint64_t length = v[LENGTHS] == TAIL && n == tail ? v[STEPS] : any;
        s->lengths[n] = (int64_t)(length < most ? length : most);
    }
}

static size_t length_of(const test_scene *s, size_t n)
{
    return s->lengths ? (size_t)s->lengths[n] : s->value[STEPS];
}

/* Rows that begin anywhere in x, on each other too, but end within it. */
static void make_offsets(test_scene *s)
{
    if (!s->value[OFFSETS])
        return;
    s->offsets = calloc(s->value[ROWS], sizeof *s->offsets);
    for (size_t n = 0; n < s->value[ROWS]; n++) {
        const size_t length = length_of(s, n), extent = length ? (length - 1) * s->x.step + s->x.width : 0;
        s->offsets[n] = below(&s->random, s->x.count - extent + 1);
    }
}

static void make_x(test_scene *s)
{
    const uint64_t *v = s->value;
    s->x_floats = test_floats(s->x.count);
    for (size_t n = 0; n < v[ROWS]; n++)
        for (size_t t = 0; t < length_of(s, n); t++) {
            float *at = s->x_floats + (s->offsets ? s->offsets[n] : n * s->x.row) + t * s->x.step;
            const int32_t token = v[VOCABULARY] ? (int32_t)below(&s->random, v[VOCABULARY]) : 0;
            for (size_t j = 0; j < s->x.width; j++)
                at[j] = draw_value(&s->random);
            if (v[VOCABULARY])
                memcpy(at, &token, sizeof token);
            else if (v[POISON] && below(&s->random, 16) == 0)
                poison(at, s->x.width, &s->random);
        }
}

static test_outputs make_outputs(const test_scene *s)
{
    const uint64_t *v = s->value;
    test_outputs made = {.y = v[NO_Y] ? NULL : test_floats(s->y.count),
                         .hn = v[NO_HN] ? NULL : test_floats(s->states),
                         .cn = v[NO_CN] ? NULL : test_floats(s->states),
                         .logits = v[NO_LOGITS] || !v[CLASSES] ? NULL : test_floats(s->logits)};
    if (v[IN_PLACE] && made.hn && s->h0)
        memcpy(made.hn, s->h0, s->states * sizeof *made.hn);
    if (v[IN_PLACE] && made.cn && s->c0)
        memcpy(made.cn, s->c0, s->states * sizeof *made.cn);
    return made;
}

test_scene test_scene_make(const test_case *given)
{
    const uint64_t *v = given->value;
    test_scene s = {.value = v, .random = v[SEED]};
    s.shape = (sluice_shape){TEST_LDIH(v[LAYERS], v[DIRECTIONS], v[INPUTS], v[HIDDEN]), .vocabulary = v[VOCABULARY],
                             .classes = v[CLASSES], .has_bias = (int)v[BIAS]};
    s.network = test_network_random(&s.shape, 1.5f, &s.random);
    s.x = lay_out(v[X_LAYOUT], v[X_PADDING], v[ROWS], v[STEPS], v[VOCABULARY] ? 1 : v[INPUTS]);
    s.y = lay_out(v[Y_LAYOUT], v[Y_PADDING], v[ROWS], v[STEPS], v[DIRECTIONS] * v[HIDDEN]);
    s.states = v[LAYERS] * v[DIRECTIONS] * v[ROWS] * v[HIDDEN];
    s.logits = v[ROWS] * v[CLASSES];
    make_lengths(&s);
    make_offsets(&s);
    make_x(&s);
    s.h0 = make_state(&s, v[H0]);
    s.c0 = make_state(&s, v[C0]);
    s.got = make_outputs(&s);
    s.want = make_outputs(&s);
    return s;
}

static void free_outputs(test_outputs *o)
{
    free(o->y);
    free(o->hn);
    free(o->cn);
    free(o->logits);
}

void test_scene_free(test_scene *s)
{
    free_outputs(&s->got);
    free_outputs(&s->want);
    free(s->lengths);
    free(s->x_floats);
    free(s->offsets);
    free(s->h0);
    free(s->c0);
    test_network_free(&s->network);
}

sluice_batch test_scene_batch(const test_scene *s, const test_outputs *o)
{
    const uint64_t *v = s->value;
    const bool x_is_strided = v[X_LAYOUT] != CONTIGUOUS, y_is_strided = v[Y_LAYOUT] != CONTIGUOUS;
    return (sluice_batch){.struct_size = sizeof(sluice_batch),
                          .steps = v[STEPS],
                          .rows = v[ROWS],
                          .lengths = s->lengths,
                          .x = v[VOCABULARY] ? NULL : s->x_floats,
                          .tokens = v[VOCABULARY] ? (const int32_t *)s->x_floats : NULL,
                          .x_row_stride = x_is_strided ? s->x.row : 0,
                          .x_step_stride = x_is_strided ? s->x.step : 0,
                          .x_offsets = s->offsets,
                          .h0 = v[IN_PLACE] && s->h0 && o->hn ? o->hn : s->h0,
                          .c0 = v[IN_PLACE] && s->c0 && o->cn ? o->cn : s->c0,
                          .y = o->y,
                          .y_row_stride = y_is_strided ? s->y.row : 0,
                          .y_step_stride = y_is_strided ? s->y.step : 0,
                          .hn = o->hn,
                          .cn = o->cn,
                          .logits = o->logits};
}
