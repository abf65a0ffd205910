/* The program sluice-mpi: the commands of sluice on several ranks, which exchange data by MPI. */
#include "cli/cli_main.h"

#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* MPI counts bytes in an int; more are sent in pieces of this size, as many on both sides. The tests build a program of small ones. */
#ifndef PIECE_BYTES
#define PIECE_BYTES (INT_MAX & ~4095)
#endif

static int take_piece(size_t *left)
{
    const size_t bytes = *left < PIECE_BYTES ? *left : PIECE_BYTES;
    *left -= bytes;
    return (int)bytes;
}

static int send_receive(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                        size_t received_bytes)
{
    const char *source = sent;
    char *target = received;
    const MPI_Comm communicator = *(MPI_Comm *)context;
    do {
        const int to_rank = sent_bytes ? (int)to : MPI_PROC_NULL, from_rank = received_bytes ? (int)from : MPI_PROC_NULL;
        const int out = take_piece(&sent_bytes), in = take_piece(&received_bytes);
        if (MPI_Sendrecv(source, out, MPI_BYTE, to_rank, 0, target, in, MPI_BYTE, from_rank, 0, communicator, MPI_STATUS_IGNORE))
            return 1;
        source = source ? source + out : NULL;
        target = target ? target + in : NULL;
    } while (sent_bytes || received_bytes);
    return 0;
}

/* How many ranks of this machine run on the same CPUs as this one, itself among them: those with the same affinity mask. */
static unsigned count_sharing(void)
{
    MPI_Comm node;
    int ranks, own;
    unsigned sharing = 0;
    cpu_set_t mine;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &ranks);
    MPI_Comm_rank(node, &own);
    cpu_set_t *all = calloc((size_t)ranks, sizeof *all);
    if (!all)
        MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, node);
    for (int r = 0; r < ranks; r++)
        sharing += memcmp(&all[r], &mine, sizeof mine) == 0;
    free(all);
    MPI_Comm_free(&node);
    return sharing;
}

int main(int argc, char **argv)
{
    int threads, rank, ranks;
    sl_cli_begin();
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    MPI_Comm communicator = MPI_COMM_WORLD;
    MPI_Comm_rank(communicator, &rank);
    MPI_Comm_size(communicator, &ranks);
    const sluice_exchange exchange = {.struct_size = sizeof exchange,
                                      .rank = (size_t)rank,
                                      .ranks = (size_t)ranks,
                                      .context = &communicator,
                                      .send_receive = send_receive,
                                      .from_thread = threads >= MPI_THREAD_SERIALIZED};
    const int code = sl_cli_main(argc, argv, &exchange, count_sharing());
    MPI_Finalize();
    return code;
}
