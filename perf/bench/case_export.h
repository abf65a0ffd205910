/* Cases as files, which the Python scripts of the peers (perf/peers) read. */
#ifndef SLUICE_PERF_BENCH_CASE_EXPORT_H
#define SLUICE_PERF_BENCH_CASE_EXPORT_H

#include "perf/cases/case.h"

/**
 * Write a case into the directory DIR/T,N,I,H,L,D,RAGGED, followed by `,forward` or `,both` if it trains; it and DIR are made if
 * they do not exist. The files are: case.json, with the fields of sl_case, `total_steps`, the `flop` of a run, `bound`, the permitted
 * error of an output, and `gradient_bound` and `weight_gradient_bound`, those of sl_gradient_bound for a largest number of 1;
 * weights.safetensors, with torch's names; x.npy [N][T][I]; lengths.npy [N]; and the expected outputs, which are the library's and
 * checked: y.npy [N][T][D*H] with zeros behind a row's end, hn.npy and cn.npy [L*D][N][H]. With a gradient also the incoming
 * gradients dy.npy, dhn.npy and dcn.npy, and the expected ones, dx.npy, dh0.npy, dc0.npy and, under the weights' names,
 * gradients.safetensors, where both biases have the same. Of a network, in the directory DIR/T,N,NETWORK, y.npy has the last layer's
 * outputs, [N][T][its outputs] or [N][its outputs], there are no states, and weights.safetensors is sluice_model_save's, with the
 * description of the network in its metadata (docs/files.md).
 * @retval UNSUPPORTED the rows have a tail: padded they would fill the memory.
 * @retval IO, NO_MEMORY, and sl_fixture_run's
 */
SLUICE_WARN_UNUSED sluice_status sl_export_write(const sl_case *shape, const char *directory, sluice_error *error);

#endif
