/* Cases as files, for peers that are no C: the scripts in perf/peers read them. */
#ifndef SLUICE_PERF_BENCH_CASE_EXPORT_H
#define SLUICE_PERF_BENCH_CASE_EXPORT_H

#include "perf/cases/case.h"

/**
 * Write a case into the directory DIR/T,N,I,H,L,D,RAGGED (made, as is DIR, where it is not there), `,forward` or `,both` behind it
 * for one that trains: case.json, with the fields of sl_case besides `total_steps`, `flop` of a run, `bound`, how far a result may
 * be off, and `gradient_bound` and `weight_gradient_bound`, sl_gradient_bound's where the largest number is 1; weights.safetensors,
 * with torch's names; x.npy [N][T][I]; lengths.npy [N]; and the right answer, y.npy [N][T][D*H] with zeros past a row's end, hn.npy
 * and cn.npy [L*D][N][H]. It is the library's, checked as a run's. With a gradient what comes in, dy.npy, dhn.npy and dcn.npy, and
 * the right answer, dx.npy, dh0.npy, dc0.npy and, under the weights' names, both biases alike, gradients.safetensors.
 * @retval UNSUPPORTED the rows have a tail: padded they would fill the memory.
 * @retval IO, NO_MEMORY, and sl_fixture_run's
 */
SLUICE_WARN_UNUSED sluice_status sl_export_write(const sl_case *shape, const char *directory, sluice_error *error);

#endif
