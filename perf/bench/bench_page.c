#include "perf/bench/bench_page.h"

const sl_page sl_bench_page = {
    .command = 1,
    .summary = "time LSTMs over batches of sequences",
    .usage = "[OPTION]... [T,N,H]...",
    .about =
        "Times LSTMs over batches of sequences: useful GFLOP/s, and the share of the peak of fused multiply-adds, which is "
        "measured in between. Results are checked before they are timed.\n\n"
        "T,N,H is a shape: steps, rows, and hidden units with as many inputs. Options that take a LIST sweep: all combinations "
        "run. A LIST of numbers is 16,32 or a range: 1-8, or 32-1024*2, where each is twice the one before. Without any shape "
        "seven run, large and small.",
    .examples = "sluice-bench\n"
                "sluice-bench 50,64,256 --train=none,forward,both --threads 1,2\n"
                "sluice-bench --set threads --plot threads.svg --format json -o threads.json",
};
