/* Running a golden network's batch through an engine. */
#ifndef SLUICE_TESTS_GOLDEN_RUN_H
#define SLUICE_TESTS_GOLDEN_RUN_H

#include "golden/golden_networks.h"
#include "support/message.h"

#include <math.h>

/** NaN, so that what is not written is seen. */
static inline float *golden_make_floats(size_t count)
{
    float *floats = malloc((count + 1) * sizeof *floats);
    ck_assert_ptr_nonnull(floats);
    for (size_t k = 0; k < count; k++)
        floats[k] = NAN;
    return floats;
}

/** Whether an output is the batch's y: the last LSTM layer gives steps also where its layer gives one vector. */
static inline bool golden_is_y(const golden_network *golden, const golden_network_output *output)
{
    size_t last = golden->network.layer_count - 1;
    while (last && golden->layers[last].kind != SLUICE_LAYER_LSTM)
        last--;
    return output->layer == last && strcmp(output->name, "steps") == 0;
}

/** Run the batch; got[k] receives output k, which the caller frees. `end` is the engine's last layer, whose output a case may name "end". */
static inline void golden_run(const sluice_engine *engine, size_t end, const golden_network *golden,
                              float *got[GOLDEN_NETWORK_OUTPUTS])
{
    const test_family_batch *given = &golden->batch;
    sluice_output outputs[GOLDEN_NETWORK_OUTPUTS];
    sluice_batch batch = {.struct_size = sizeof batch,
                          .steps = given->steps,
                          .rows = given->rows,
                          .lengths = given->lengths,
                          .x = given->x,
                          .tokens = given->tokens,
                          .mask = given->mask,
                          .h0 = given->h0,
                          .c0 = given->c0,
                          .outputs = outputs};
    for (size_t k = 0; k < golden->output_count; k++) {
        const golden_network_output *output = &golden->outputs[k];
        const bool is_end = strcmp(output->name, "end") == 0;
        got[k] = golden_make_floats(output->count);
        if (strcmp(output->name, "hn") == 0)
            batch.hn = got[k];
        else if (strcmp(output->name, "cn") == 0)
            batch.cn = got[k];
        else if (!is_end && golden_is_y(golden, output))
            batch.y = got[k];
        else
            outputs[batch.output_count++] = (sluice_output){.layer = is_end ? end : output->layer, .at = got[k]};
    }
    sluice_error error = {.message = ""};
    const sluice_status status = sluice_forward(engine, NULL, &batch, &error);
    ck_assert_msg(!status, "%s: %s", golden->name, error.message);
}

#endif
