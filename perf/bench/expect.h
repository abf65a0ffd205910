/* What the library's cost model expects of a case for numbers of threads, which may exceed this machine's. Nothing is timed. */
#ifndef SLUICE_PERF_BENCH_EXPECT_H
#define SLUICE_PERF_BENCH_EXPECT_H

#include "perf/cases/case.h"
#include "perf/options/grammar.h"
#include "perf/report/result_rows.h"

/** The first fields of a row, of a struct that has the case as `shape`, and `threads`. */
/* clang-format off */
#define SL_EXPECT_SHAPE_FIELDS(type) \
    {"steps", offsetof(type, shape.steps), SL_FIELD_SIZE, 0, "", "T, time steps", {"T", 5}}, \
    {"batch", offsetof(type, shape.batch), SL_FIELD_SIZE, 0, "", "N, rows of the batch", {"N", 5}}, \
    {"input", offsetof(type, shape.input), SL_FIELD_SIZE, 0, "", "I, inputs of a step", {"I", 5}}, \
    {"hidden", offsetof(type, shape.hidden), SL_FIELD_SIZE, 0, "", "H, hidden units", {"H", 5}}, \
    {"layers", offsetof(type, shape.layers), SL_FIELD_SIZE, 0, "", "L, layers", {"L", 2}}, \
    {"directions", offsetof(type, shape.directions), SL_FIELD_SIZE, 0, "", "D, directions", {"D", 2}}, \
    {"threads", offsetof(type, threads), SL_FIELD_UNSIGNED, 0, "", "threads", {"thr", 4}}
/* clang-format on */

/** An engine of the library's own choice for a case, with these figures of the machine (NULL: the table's) and threads (0: as many as
 * an engine uses by default). BAD_ARGUMENT if the rows are ragged, if the case is a named network, or if it trains, which the cost
 * model does not cover: `option` is named in the message; and as sl_case_check and sluice_engine_create. */
SLUICE_WARN_UNUSED sluice_status sl_expect_create(const sl_case *shape, const sluice_machine *machine, unsigned threads,
                                                  const char *option, sluice_engine **engine, sluice_error *error);

/** One row for each number of threads, as if each had a core of its own like this machine's; 0: as many as an engine
 * uses by default. Fails as sl_expect_create. */
SLUICE_WARN_UNUSED sluice_status sl_expect_run(const sl_case *shape, const sluice_machine *machine, const sl_list *threads,
                                               sl_bench_report *report, sluice_error *error);

/** The fields of such a row. */
extern const sl_field_table sl_expect_fields;

#endif
