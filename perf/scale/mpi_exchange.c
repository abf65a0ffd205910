/* The sum of vectors over ranks by sluice_exchange_sum, whose messages are MPI_Sendrecv's, beside MPI_Allreduce, which adds in an order
 * of its own:  mpirun -n RANKS mpi_exchange FLOATS [REPETITIONS]  prints the least and the median time of both. */
#include "perf/measure/harness.h"
#include "sluice_train.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPETITIONS = 50 };
enum { BY_MPI, BY_SLUICE, METHODS };

static int send_receive(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                        size_t received_bytes)
{
    (void)context;
    return MPI_Sendrecv(sent, (int)sent_bytes, MPI_BYTE, sent_bytes ? (int)to : MPI_PROC_NULL, 0, received, (int)received_bytes,
                        MPI_BYTE, received_bytes ? (int)from : MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE) != MPI_SUCCESS;
}

/* One sum, of zeros, which every rank begins at the same time. Returns the seconds of the slowest. */
static double add(const sluice_exchange *exchange, int method, size_t count, float *vector, float *sum)
{
    sluice_error error = {0};
    MPI_Barrier(MPI_COMM_WORLD);
    const double start = MPI_Wtime();
    if (method == BY_MPI)
        MPI_Allreduce(vector, sum, (int)count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    else if (sluice_exchange_sum(exchange, exchange->ranks, (float *const[]){vector}, count, vector, &error)) {
        fprintf(stderr, "mpi_exchange: %s\n", error.message);
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    const double mine = MPI_Wtime() - start;
    double most;
    MPI_Allreduce(&mine, &most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    return most;
}

int main(int argc, char **argv)
{
    double seconds[METHODS][SL_REPETITIONS_MAX];
    int rank, ranks;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    const long count = argc > 1 ? atol(argv[1]) : 0, repetitions = argc > 2 ? atol(argv[2]) : REPETITIONS;
    float *vector = count > 0 ? calloc((size_t)count, sizeof *vector) : NULL,
          *sum = vector ? calloc((size_t)count, sizeof *sum) : NULL;
    if (!sum || count > (1 << 28) || repetitions < 1 || repetitions > SL_REPETITIONS_MAX) {
        fprintf(stderr, "usage: mpirun -n RANKS mpi_exchange FLOATS [REPETITIONS], at most %d of these and 2^28 floats\n",
                SL_REPETITIONS_MAX);
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    }
    const sluice_exchange exchange = {
        .struct_size = sizeof exchange, .rank = (size_t)rank, .ranks = (size_t)ranks, .send_receive = send_receive};
    for (long k = -1; k < repetitions; k++) /* the first is warm-up, whose time the next overwrites */
        for (int method = BY_MPI; method <= BY_SLUICE; method++)
            seconds[method][k < 0 ? 0 : k] = add(&exchange, method, (size_t)count, vector, sum);
    if (rank == 0) {
        const sl_summary mpi = sl_summarise((size_t)repetitions, seconds[BY_MPI]),
                         ours = sl_summarise((size_t)repetitions, seconds[BY_SLUICE]);
        printf(
            "%d ranks, %ld floats: MPI_Allreduce %.3f ms (median %.3f), sluice_exchange_sum %.3f (%.3f): %.2f of its time (%.2f)\n",
            ranks, count, 1e3 * mpi.min, 1e3 * mpi.median, 1e3 * ours.min, 1e3 * ours.median, ours.min / mpi.min,
            ours.median / mpi.median);
    }
    free(vector);
    free(sum);
    MPI_Finalize();
    return 0;
}
