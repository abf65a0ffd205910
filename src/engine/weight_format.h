/* In which format the weights of an LSTM layer-direction are packed. */
#ifndef SLUICE_ENGINE_WEIGHT_FORMAT_H
#define SLUICE_ENGINE_WEIGHT_FORMAT_H

#include "engine/engine.h"
#include "engine/pack.h"
#include "model/weights.h"

/** The most terms of a sum of integers: 131,072 products of 127 * 127 fit an int32. */
enum { SL_MOST_INTEGER_TERMS = 1 << 17 };

/** What the engine's precision says of W and U of layer-direction k, which has these weights. */
sl_format_choice sl_format_choose(const sluice_engine *engine, const sl_weights *weights, size_t k);

/** Whether W and U of layer-direction k can be packed in a format without loss, or it is one that rounds. */
bool sl_format_holds(sl_format_choice choice, const sl_weights *weights, size_t k);

/** Whether W of layer-direction k is multiplied with rows of the embedding: then it is packed as floats in every precision. */
bool sl_format_reads_embedding(const sluice_engine *engine, size_t k);

/** Whether the kernels and the CPU have products of bfloat16 pairs and these are what sluice.h defines, to the bit, on a sample of
 *  numbers of all sizes. */
bool sl_format_bf16_dot_is_right(const sl_kernel *kernel);

/** UNSUPPORTED: int8 and a sum of more than SL_MOST_INTEGER_TERMS terms; bf16 on a CPU that cannot flush subnormals. */
sluice_status sl_format_check(const sl_network *network, sluice_precision precision, sluice_error *error);

#endif
