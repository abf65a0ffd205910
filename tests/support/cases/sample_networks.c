/* The networks of sample_networks.h. */
#include "support/cases/sample_networks.h"

#include "support/suite.h"

#define LAYER(kind_, ...)                                                                                                          \
    {                                                                                                                              \
        .struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_##kind_, __VA_ARGS__                                             \
    }
#define ACTIVATION(name) .activation = {.function = SLUICE_FUNCTION_##name}

static const test_network_case samples[TEST_SAMPLES] = {
    {.inputs = 5,
     .layer_count = 6,
     .layers = {LAYER(DENSE, .units = 40, .has_bias = 1, ACTIVATION(TANH)),
                LAYER(LSTM, .units = 33, .direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_SUM), LAYER(AFFINE, .units = 0),
                LAYER(LSTM, .units = 18, .masked_outputs_zero = 1), LAYER(REDUCE, .steps = SLUICE_STEPS_MEAN),
                LAYER(DENSE, .units = 3, .has_bias = 1, ACTIVATION(SOFTMAX))},
     .rows = 9,
     .steps = 7,
     .is_ragged = true,
     .is_masked = true,
     .has_h0 = true},
    {.inputs = 6,
     .layer_count = 5,
     .layers = {LAYER(LSTM, .units = 35), LAYER(LSTM, .units = 20), LAYER(LSTM, .units = 34),
                LAYER(DENSE, .units = 21, .has_bias = 1, ACTIVATION(RELU)), LAYER(ACTIVATION, .units = 0, ACTIVATION(SOFTSIGN))},
     .rows = 5,
     .steps = 24,
     .is_ragged = true},
    {.layer_count = 6,
     .layers = {LAYER(EMBEDDING, .units = 7, .vocabulary = 11), LAYER(DENSE, .units = 19),
                LAYER(LSTM, .units = 33, .direction = SLUICE_DIRECTION_REVERSE, .processing_order = 1), LAYER(AFFINE, .units = 0),
                LAYER(LSTM, .units = 17, .direction = SLUICE_DIRECTION_BOTH, .steps = SLUICE_STEPS_FINAL),
                LAYER(DENSE, .units = 4, .has_bias = 1)},
     .rows = 7,
     .steps = 9,
     .is_ragged = true,
     .has_c0 = true},
    {.inputs = 3,
     .layer_count = 2,
     .layers = {LAYER(LSTM, .units = 36, .direction = SLUICE_DIRECTION_REVERSE, .processing_order = 1),
                LAYER(LSTM, .units = 18, .direction = SLUICE_DIRECTION_BOTH, .merge = SLUICE_MERGE_PRODUCT,
                      .steps = SLUICE_STEPS_LAST)},
     .rows = 6,
     .steps = 8,
     .is_masked = true},
};

test_network_case test_network_sample(size_t k)
{
    test_network_case made = samples[k];
    made.seed = test_seed() + k;
    return made;
}
