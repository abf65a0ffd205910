#include "perf/scale/rank_processes.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the ranks listen. */
typedef struct places {
    char text[SL_RANKS_MAX][SL_ADDRESS_BYTES];
    const char *addresses[SL_RANKS_MAX];
    int listeners[SL_RANKS_MAX]; /* -1: another process's */
} places;

/* Close the listeners of all ranks but one; SIZE_MAX: of all. */
static void close_listeners(places *all, size_t ranks, size_t kept)
{
    for (size_t r = 0; r < ranks; r++)
        if (r != kept && all->listeners[r] >= 0) {
            close(all->listeners[r]);
            all->listeners[r] = -1;
        }
}

/* The addresses of --hosts. */
static sluice_status split_hosts(const char *hosts, size_t ranks, places *all, sluice_error *error)
{
    size_t count = 0;
    for (const char *at = hosts; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (count++ < ranks)
            snprintf(all->text[count - 1], sizeof all->text[0], "%.*s", (int)strcspn(at, ","), at);
    if (count == ranks)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "--hosts has %zu addresses, and --ranks asks for %zu ranks; give one for each", count, ranks);
}

/* Fork the ranks above 0. In a child *rank is set to its own. */
static sluice_status fork_ranks(size_t ranks, size_t *rank, sl_rank_processes *group, sluice_error *error)
{
    for (size_t r = 1; r < ranks; r++) {
        const pid_t child = fork();
        if (child < 0)
            return sl_fail(error, SLUICE_STATUS_IO, "cannot start rank %zu: %s", r, strerror(errno));
        if (child == 0) {
            *rank = r;
            group->is_forked = true;
            group->child_count = 0;
            return SLUICE_STATUS_OK;
        }
        group->children[group->child_count++] = child;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_rank_processes_start(size_t ranks, const char *hosts, size_t rank, sl_rank_processes *group, sluice_error *error)
{
    places all;
    sluice_status status = SLUICE_STATUS_OK;
    *group = (sl_rank_processes){.is_forked = false};
    for (size_t r = 0; r < SL_RANKS_MAX; r++) {
        snprintf(all.text[r], sizeof all.text[r], "127.0.0.1:0");
        all.addresses[r] = all.text[r];
        all.listeners[r] = group->links.sockets[r] = -1;
    }
    if (rank >= ranks)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--rank is %zu, expected less than the %zu of --ranks", rank, ranks);
    if (!status && hosts)
        status = split_hosts(hosts, ranks, &all, error);
    for (size_t r = 0; !status && r < ranks; r++)
        if (!hosts || r == rank)
            status = sl_tcp_listen(all.text[r], sizeof all.text[r], &all.listeners[r], error);
    if (!status && !hosts)
        status = fork_ranks(ranks, &rank, group, error);
    close_listeners(&all, ranks, rank);
    if (!status)
        status = sl_tcp_connect(rank, ranks, all.addresses, all.listeners[rank], &group->links, &group->exchange, error);
    close_listeners(&all, ranks, SIZE_MAX);
    if (status)
        sl_rank_processes_end(group);
    return status;
}

void sl_rank_processes_end(sl_rank_processes *group)
{
    sl_tcp_close(&group->links, SL_RANKS_MAX);
    for (size_t k = 0; k < group->child_count; k++)
        while (waitpid(group->children[k], NULL, 0) < 0 && errno == EINTR)
            continue;
    group->child_count = 0;
}
