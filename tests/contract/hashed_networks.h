/* The fifty networks of test_network_hashes.c, each with a batch and the gradients that come in, all from a seed of its own. Needs
 * the public headers and Check alone. Whatever is changed here changes all hashes. */
#ifndef SLUICE_TESTS_HASHED_NETWORKS_H
#define SLUICE_TESTS_HASHED_NETWORKS_H

#include "support/suite.h"

#include "sluice.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { NETWORKS = 50, DIRECTED_MAX = 8, FIRST_SEED = 7001 };

/* What outputs hold before a call. */
static const uint32_t prefill = UINT32_C(0x7fe15a5a);

/* ---- Failing, in a test and in --write ---- */

static bool writes; /* no test is running: Check cannot count a failure */

static inline void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static inline void die(const char *format, ...)
{
    char text[2048];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (!writes)
        ck_abort_msg("%s", text);
    fprintf(stderr, "test_network_hashes: %s\n", text);
    exit(1);
}

/* ---- Numbers ---- */

/* splitmix64 (Steele, Lea & Flood 2014). */
static inline uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* least..most */
static inline size_t draw_size(uint64_t *state, size_t least, size_t most)
{
    return least + (size_t)(draw(state) % (most - least + 1));
}

/* True once in `times`. */
static inline bool draw_chance(uint64_t *state, unsigned times)
{
    return draw(state) % times == 0;
}

/* A multiple of 2^-23 in [-1, 1). */
static inline float draw_signed(uint64_t *state)
{
    return (float)(draw(state) >> 40) * 0x1p-23f - 1.0f;
}

/* ---- A case: the network, its batch, and the gradients that come in ---- */

typedef struct array {
    float *at; /* NULL: the network has none */
    size_t count;
} array;

/* All arrays but those of each layer and direction. */
typedef enum part {
    EMBEDDING_IN,
    HEAD_WEIGHT_IN,
    HEAD_BIAS_IN,
    X,
    H0,
    C0,
    DY,
    DHN,
    DCN,
    DLOGITS,
    DSTEP_LOGITS,
    Y, /* from here what sluice_forward writes */
    HN,
    CN,
    LOGITS,
    STEP_LOGITS,
    DX, /* from here what sluice_backward writes */
    DH0,
    DC0,
    EMBEDDING,
    HEAD_WEIGHT,
    HEAD_BIAS,
    PARTS
} part;

enum { WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH, TENSORS };
enum { BIAS = BIAS_IH, GRADIENTS };

typedef struct network {
    int number;
    uint64_t seed;
    sluice_shape shape;
    size_t rows, steps, recompute;
    bool ragged, states, head_bias, every_step;
    float dropout;
    uint64_t dropout_key;
    int64_t *lengths; /* NULL unless ragged */
    int32_t *tokens;  /* NULL without an embedding */
    array parts[PARTS];
    array weights[TENSORS][DIRECTED_MAX];
    array gradients[GRADIENTS][DIRECTED_MAX];
} network;

/* In one line. */
static inline const char *describe(const network *n)
{
    static char text[512];
    const sluice_shape *s = &n->shape;
    snprintf(text, sizeof text,
             "network %02d (seed %" PRIu64 "): layers %zu, directions %zu, inputs %zu, hidden %zu, vocabulary %zu, classes %zu, "
             "%s, %s, rows %zu, steps %zu, %s, %s, %s, recompute %zu, dropout %g",
             n->number, n->seed, s->layers, s->directions, s->inputs, s->hidden, s->vocabulary, s->classes,
             s->has_bias ? "bias" : "no bias", n->head_bias ? "head bias" : "no head bias", n->rows, n->steps,
             n->ragged ? "ragged" : "equal", n->states ? "states" : "no states", n->every_step ? "every step" : "last step",
             n->recompute, (double)n->dropout);
    return text;
}

static inline size_t width_of(const sluice_shape *shape, size_t k)
{
    return k < shape->directions ? shape->inputs : shape->directions * shape->hidden;
}

static inline size_t directed_of(const sluice_shape *shape)
{
    return shape->layers * shape->directions;
}

/* Some are wide, some have many steps and some one; the batch is cut so that none takes more than 2^27 multiplications. */
static inline void choose(network *n, uint64_t *random)
{
    static const size_t wide[] = {256, 193, 257, 320}, segments[] = {0, 0, 1, 3, 7, 16};
    sluice_shape *s = &n->shape;
    s->layers = draw_size(random, 1, 4);
    s->directions = draw_size(random, 1, 2);
    s->inputs = draw_size(random, 1, 70);
    s->hidden = draw_size(random, 1, 150);
    if (n->number % 12 == 5) {
        s->hidden = wide[n->number / 12 % 4];
        s->layers = draw_size(random, 1, 2);
    }
    s->has_bias = !draw_chance(random, 4);
    s->vocabulary = draw_chance(random, 3) ? draw_size(random, 1, 90) : 0;
    s->classes = draw_chance(random, 2) ? draw_size(random, 1, 40) : 0;
    n->head_bias = s->classes && !draw_chance(random, 4);
    n->every_step = s->classes && draw_chance(random, 2);
    n->rows = draw_size(random, 1, 60);
    n->steps = draw_size(random, 1, 60);
    n->ragged = draw_chance(random, 2);
    n->states = draw_chance(random, 2);
    n->recompute = segments[draw_size(random, 0, 5)];
    n->dropout = draw_chance(random, 3) ? 0.125f * (float)draw_size(random, 1, 6) : 0.0f;
    n->dropout_key = draw(random);

    size_t of_step = 0;
    for (size_t k = 0; k < directed_of(s); k++)
        of_step += 4 * s->hidden * (width_of(s, k) + s->hidden);
    while (of_step * n->rows * n->steps > (size_t)1 << 27) {
        size_t *larger = n->rows > n->steps ? &n->rows : &n->steps;
        *larger -= (*larger + 3) / 4;
    }
}

static inline void *allocate(size_t count, size_t bytes)
{
    void *made = calloc(count ? count : 1, bytes);
    if (!made)
        die("no memory for %zu elements", count);
    return made;
}

static inline array make_array(size_t count)
{
    array made = {.at = allocate(count, sizeof(float)), .count = count};
    for (size_t k = 0; k < count; k++)
        memcpy(&made.at[k], &prefill, sizeof prefill);
    return made;
}

static inline array make_random(size_t count, float scale, uint64_t *random)
{
    array made = make_array(count);
    for (size_t k = 0; k < count; k++)
        made.at[k] = scale * draw_signed(random);
    return made;
}

/* [rows][steps][width]; what no call may read, past each row's end, is NaN. */
static inline array make_sequences(const network *n, size_t width, uint64_t *random)
{
    array made = make_random(n->rows * n->steps * width, 1.0f, random);
    for (size_t r = 0; n->ragged && r < n->rows; r++)
        for (size_t k = (size_t)n->lengths[r] * width; k < n->steps * width; k++)
            memcpy(&made.at[r * n->steps * width + k], &prefill, sizeof prefill);
    return made;
}

static inline void make_weights(network *n, uint64_t *random)
{
    const sluice_shape *s = &n->shape;
    const float scale = 1.0f / sqrtf((float)s->hidden);
    for (size_t k = 0; k < directed_of(s); k++) {
        const size_t gates = 4 * s->hidden;
        const size_t counts[TENSORS] = {gates * width_of(s, k), gates * s->hidden, gates, gates};
        for (size_t j = 0; j < (s->has_bias ? TENSORS : BIAS_IH); j++)
            n->weights[j][k] = make_random(counts[j], scale, random);
        for (size_t j = 0; j < (s->has_bias ? GRADIENTS : BIAS); j++)
            n->gradients[j][k] = make_array(counts[j]);
    }
    if (s->vocabulary) {
        n->parts[EMBEDDING_IN] = make_random(s->vocabulary * s->inputs, 1.0f, random);
        n->parts[EMBEDDING] = make_array(s->vocabulary * s->inputs);
    }
    if (s->classes) {
        const size_t count = s->classes * s->directions * s->hidden;
        n->parts[HEAD_WEIGHT_IN] = make_random(count, scale, random);
        n->parts[HEAD_WEIGHT] = make_array(count);
    }
    if (n->head_bias) {
        n->parts[HEAD_BIAS_IN] = make_random(s->classes, scale, random);
        n->parts[HEAD_BIAS] = make_array(s->classes);
    }
}

static inline void make_batch(network *n, uint64_t *random)
{
    const sluice_shape *s = &n->shape;
    const size_t states = directed_of(s) * n->rows * s->hidden, outputs = s->directions * s->hidden;
    array *p = n->parts;
    if (n->ragged) {
        n->lengths = allocate(n->rows, sizeof *n->lengths);
        for (size_t r = 0; r < n->rows; r++)
            n->lengths[r] = (int64_t)draw_size(random, 0, n->steps);
    }
    if (s->vocabulary) {
        n->tokens = allocate(n->rows * n->steps, sizeof *n->tokens);
        for (size_t k = 0; k < n->rows * n->steps; k++)
            n->tokens[k] = (int32_t)draw_size(random, 0, s->vocabulary - 1);
    } else {
        p[X] = make_sequences(n, s->inputs, random);
        p[DX] = make_array(p[X].count);
    }
    for (part j = H0; n->states && j <= C0; j++)
        p[j] = make_random(states, 1.0f, random);
    p[DY] = make_sequences(n, outputs, random);
    p[DHN] = make_random(states, 1.0f, random);
    p[DCN] = make_random(states, 1.0f, random);
    p[Y] = make_array(p[DY].count);
    p[HN] = make_array(states);
    p[CN] = make_array(states);
    p[DH0] = make_array(states);
    p[DC0] = make_array(states);
    if (s->classes) {
        p[DLOGITS] = make_random(n->rows * s->classes, 1.0f, random);
        p[LOGITS] = make_array(p[DLOGITS].count);
    }
    if (n->every_step) {
        p[DSTEP_LOGITS] = make_sequences(n, s->classes, random);
        p[STEP_LOGITS] = make_array(p[DSTEP_LOGITS].count);
    }
}

static inline network *make_network(int number)
{
    network *n = allocate(1, sizeof *n);
    n->number = number;
    n->seed = FIRST_SEED + (uint64_t)number;
    uint64_t random = n->seed;
    choose(n, &random);
    make_weights(n, &random);
    make_batch(n, &random);
    return n;
}

static inline void free_network(network *n)
{
    for (size_t j = 0; j < PARTS; j++)
        free(n->parts[j].at);
    for (size_t k = 0; k < DIRECTED_MAX; k++) {
        for (size_t j = 0; j < TENSORS; j++)
            free(n->weights[j][k].at);
        for (size_t j = 0; j < GRADIENTS; j++)
            free(n->gradients[j][k].at);
    }
    free(n->lengths);
    free(n->tokens);
    free(n);
}

#endif
