/* The reference of training: the network of sluice.h and the gradient of a loss through it, straight from the equations, in double
 * precision, each number with a bound on single precision's error (number.h). */
#ifndef SLUICE_TESTS_ADJOINT_H
#define SLUICE_TESTS_ADJOINT_H

#include "sluice_train.h"

#include "support/oracle/error_bound.h"

/** What a loss depends on through the network, each in one array; the LSTM's weights those of k = 0, of k = 1 and so on. */
enum {
    TEST_X,           /* [N][T][I]; none with an embedding */
    TEST_H0,          /* [L*D][N][H] */
    TEST_C0,          /* [L*D][N][H] */
    TEST_WEIGHT_IH,   /* [4H][in] each */
    TEST_WEIGHT_HH,   /* [4H][H] each */
    TEST_BIAS,        /* [4H] each, b_ih + b_hh; none without biases */
    TEST_EMBEDDING,   /* [V][I] */
    TEST_HEAD_WEIGHT, /* [C][D*H] */
    TEST_HEAD_BIAS,   /* [C] */
    TEST_INPUTS
};

/** What the loss is a function of. */
enum {
    TEST_Y,           /* [N][T][D*H], zero past a row's end */
    TEST_HN,          /* [L*D][N][H] */
    TEST_CN,          /* [L*D][N][H] */
    TEST_LOGITS,      /* [N][C] */
    TEST_STEP_LOGITS, /* [N][T][C], zero past a row's end */
    TEST_RESULTS
};

extern const char *const test_input_names[TEST_INPUTS]; /* "x", "h0" and so on */
extern const char *const test_result_names[TEST_RESULTS];

/** Elements of each, for a batch of N rows and T steps. */
void test_input_counts(const sluice_shape *shape, size_t rows, size_t steps, size_t counts[TEST_INPUTS]);
void test_result_counts(const sluice_shape *shape, size_t rows, size_t steps, size_t counts[TEST_RESULTS]);

/** Where the weight_ih of k begins in TEST_WEIGHT_IH. */
size_t test_weight_ih_start(const sluice_shape *shape, size_t k);

/** A batch on its way there and back. Owned: test_adjoint_free. */
typedef struct test_adjoint {
    sluice_shape shape;
    size_t rows, steps;
    size_t *lengths;                     /* [N] */
    int32_t *tokens;                     /* [N][T], or NULL */
    const unsigned char *kept;           /* [L-1][N][T][D*H], 0 what dropout drops of each layer's output; NULL: no dropout */
    double dropout;                      /* its probability */
    test_number *input[TEST_INPUTS];     /* may be changed before test_adjoint_forward */
    test_number *result[TEST_RESULTS];   /* of test_adjoint_forward */
    test_number *incoming[TEST_RESULTS]; /* the loss's gradient with respect to each; may be changed before ..._backward */
    test_number *gradient[TEST_INPUTS];  /* of test_adjoint_backward */
    size_t input_count[TEST_INPUTS];
    size_t result_count[TEST_RESULTS];
    test_number **read; /* [L] what each layer reads, [N][T][in] */
    test_number **cell; /* [L*D] gates and states of each step, [N][T][7][H] */
} test_adjoint;

/** Take weights, the batch's inputs and the incoming gradients from their arrays: strides, offsets, lengths and NULLs as sluice.h
 * has them, gradient NULL for none. The outputs of neither are looked at. `kept` is not copied. */
test_adjoint test_adjoint_create(const sluice_weights *weights, const sluice_batch *batch, const sluice_gradient *gradient,
                                 const unsigned char *kept);

void test_adjoint_forward(test_adjoint *adjoint);

/** The sum of incoming x result: the loss whose gradient test_adjoint_backward is. */
double test_adjoint_loss(const test_adjoint *adjoint);

/** After test_adjoint_forward. */
void test_adjoint_backward(test_adjoint *adjoint);

/** All of these. */
test_adjoint test_adjoint_run(const sluice_weights *weights, const sluice_batch *batch, const sluice_gradient *gradient,
                              const unsigned char *kept);

void test_adjoint_free(test_adjoint *adjoint);

#endif
