#include "perf/scale/tcp_exchange.h"

#include "base/clock.h"
#include "base/error.h"
#include "program/options/number.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_SECONDS 30
enum { RETRY_MICROSECONDS = 20000, MILLISECONDS = 1000 };

/* ---- Messages -------------------------------------------------------------------------------------------------------------- */

/* One direction of a message that is under way. */
typedef struct transfer {
    int socket;
    char *at;
    size_t left;
} transfer;

static bool is_later(ssize_t done)
{
    return done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* Move what can be moved now. Returns the bytes; -1: the connection is lost. */
static ssize_t move(transfer *part, bool sends)
{
    if (part->left == 0)
        return 0;
    const ssize_t done =
        sends ? send(part->socket, part->at, part->left, MSG_NOSIGNAL) : recv(part->socket, part->at, part->left, 0);
    if (is_later(done))
        return 0;
    if (done <= 0)
        return -1;
    part->at += done;
    part->left -= (size_t)done;
    return done;
}

/* sluice_exchange.send_receive. Both directions go on at the same time, so that two ranks that send much to each other never wait for
 * each other's buffers. */
static int send_receive(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                        size_t received_bytes)
{
    const sl_tcp_links *links = context;
    transfer out = {.at = (char *)(uintptr_t)sent, .left = sent_bytes}, in = {.at = received, .left = received_bytes};
    out.socket = out.left > 0 ? links->sockets[to] : -1;
    in.socket = in.left > 0 ? links->sockets[from] : -1;
    while (out.left > 0 || in.left > 0) {
        const ssize_t went = move(&out, true), came = move(&in, false);
        if (went < 0 || came < 0) {
            errno = ECONNRESET; /* EPIPE is the output's alone: sl_interrupt_explain */
            return 1;
        }
        struct pollfd ends[] = {{.fd = out.left > 0 ? out.socket : -1, .events = POLLOUT},
                                {.fd = in.left > 0 ? in.socket : -1, .events = POLLIN}};
        if (went == 0 && came == 0 && poll(ends, 2, -1) < 0 && errno != EINTR)
            return 1;
    }
    return 0;
}

/* ---- Connections ----------------------------------------------------------------------------------------------------------- */

/* HOST:PORT as a socket's address. */
static sluice_status find_address(const char *address, struct sockaddr_in *found, sluice_error *error)
{
    char host[256];
    const char *colon = strrchr(address, ':');
    uint64_t port;
    struct addrinfo *list = NULL;
    const struct addrinfo wanted = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (!colon || colon == address || (size_t)(colon - address) >= sizeof host || !sl_number_parse(colon + 1, &port) ||
        port > UINT16_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--hosts: expected HOST:PORT, found '%s'", address);
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    const int failed = getaddrinfo(host, colon + 1, &wanted, &list);
    if (failed)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--hosts: '%s' has no address: %s; give HOST:PORT with a host that this "
                       "machine knows",
                       address, gai_strerror(failed));
    memcpy(found, list->ai_addr, sizeof *found);
    freeaddrinfo(list);
    return SLUICE_STATUS_OK;
}

static sluice_status fail_socket(const char *what, const char *address, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_IO, "cannot %s %s: %s; is the address right, and its rank running?", what, address,
                   strerror(errno));
}

sluice_status sl_tcp_listen(char *address, size_t bytes, int *listener, sluice_error *error)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    const int yes = 1;
    *listener = -1;
    const sluice_status status = find_address(address, &at, error);
    if (status)
        return status;
    *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_open = *listener >= 0 && setsockopt(*listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                         bind(*listener, (const struct sockaddr *)&at, sizeof at) == 0 && listen(*listener, SL_RANKS_MAX) == 0 &&
                         getsockname(*listener, (struct sockaddr *)&at, &size) == 0;
    if (!is_open) {
        const sluice_status failed = fail_socket("listen at", address, error);
        if (*listener >= 0)
            close(*listener);
        *listener = -1;
        return failed;
    }
    const size_t host = (size_t)(strrchr(address, ':') - address);
    snprintf(address + host, bytes - host, ":%u", (unsigned)ntohs(at.sin_port));
    return SLUICE_STATUS_OK;
}

/* Wait until a socket can be read. false: not in time. */
static bool await(int fd, double until)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    const double left = until - sl_clock_get();
    errno = ETIMEDOUT;
    return left > 0 && poll(&one, 1, (int)(left * MILLISECONDS)) == 1;
}

/* Connect to a rank, which may not listen yet, and say who this is. */
static int call_rank(const struct sockaddr_in *at, uint32_t rank, double until)
{
    for (;;) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -1;
        if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0 && send(fd, &rank, sizeof rank, MSG_NOSIGNAL) == sizeof rank)
            return fd;
        const int why = errno;
        close(fd);
        errno = why;
        if (sl_clock_get() > until)
            return -1;
        usleep(RETRY_MICROSECONDS);
    }
}

/* Accept one of the ranks below, which says who it is. */
static bool answer_rank(int listener, size_t rank, sl_tcp_links *links, double until)
{
    uint32_t other;
    const int fd = await(listener, until) ? accept(listener, NULL, NULL) : -1;
    if (fd < 0)
        return false;
    if (await(fd, until) && recv(fd, &other, sizeof other, MSG_WAITALL) == sizeof other && other < rank &&
        links->sockets[other] < 0) {
        links->sockets[other] = fd;
        return true;
    }
    close(fd);
    errno = EPROTO;
    return false;
}

static sluice_status connect_all(size_t rank, size_t ranks, const char *const *addresses, int listener, sl_tcp_links *links,
                                 sluice_error *error)
{
    const double until = sl_clock_get() + CONNECT_SECONDS;
    const int yes = 1;
    for (size_t r = rank + 1; r < ranks; r++) {
        struct sockaddr_in at;
        const sluice_status status = find_address(addresses[r], &at, error);
        if (status)
            return status;
        links->sockets[r] = call_rank(&at, (uint32_t)rank, until);
        if (links->sockets[r] < 0)
            return fail_socket("connect to", addresses[r], error);
    }
    for (size_t r = 0; r < rank; r++)
        if (!answer_rank(listener, rank, links, until))
            return fail_socket("accept the lower ranks at", addresses[rank], error);
    for (size_t r = 0; r < ranks; r++) {
        const int fd = links->sockets[r];
        if (r != rank && (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
                          fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0))
            return fail_socket("use the connection to", addresses[r], error);
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_tcp_connect(size_t rank, size_t ranks, const char *const *addresses, int listener, sl_tcp_links *links,
                             sluice_exchange *exchange, sluice_error *error)
{
    for (size_t r = 0; r < ranks; r++)
        links->sockets[r] = -1;
    const sluice_status status = connect_all(rank, ranks, addresses, listener, links, error);
    if (status)
        sl_tcp_close(links, ranks);
    *exchange = (sluice_exchange){.struct_size = sizeof *exchange,
                                  .rank = rank,
                                  .ranks = ranks,
                                  .context = links,
                                  .send_receive = send_receive,
                                  .from_thread = 1};
    return status;
}

void sl_tcp_close(sl_tcp_links *links, size_t ranks)
{
    for (size_t r = 0; r < ranks; r++)
        if (links->sockets[r] >= 0)
            close(links->sockets[r]);
    for (size_t r = 0; r < ranks; r++)
        links->sockets[r] = -1;
}
