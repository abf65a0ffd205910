/* A TCP relay that holds all bytes for some milliseconds, as a long wire does, for kernels without netem. It serves one connection, both
 * ways, and ends with it:  relay LISTEN_HOST LISTEN_PORT HOST PORT MILLISECONDS  (numeric IPv4 addresses). */
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pass of the loop reads at most this, which then leaves at one time; as much as is on the wire at 10 Gb/s for ten milliseconds. */
enum { PIECE = 1 << 16, PIECES = 256 };

enum { RETRIES = 1500, RETRY_MICROSECONDS = 20000, WORDS = 6 };

/* Bytes that are on the wire, oldest first. */
typedef struct wire {
    int from, to;
    size_t first, count; /* pieces, in a ring */
    size_t sent;         /* bytes of the first */
    bool ended;          /* nothing more comes */
    struct piece {
        double due;
        size_t bytes;
        char data[PIECE];
    } pieces[PIECES];
} wire;

static int fail(const char *what)
{
    perror(what);
    return EXIT_FAILURE;
}

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Take what has come. */
static void take(wire *way, double delay)
{
    if (way->ended || way->count == PIECES)
        return;
    struct piece *last = &way->pieces[(way->first + way->count) % PIECES];
    const ssize_t got = recv(way->from, last->data, sizeof last->data, MSG_DONTWAIT);
    if (got > 0) {
        last->bytes = (size_t)got;
        last->due = sl_clock_get() + delay;
        way->count++;
    }
    way->ended = got == 0 || (got < 0 && !is_later());
}

/* Give what has been held long enough. false: nothing more is to be given, or the other end is gone. */
static bool give(wire *way)
{
    while (way->count > 0 && sl_clock_get() >= way->pieces[way->first].due) {
        struct piece *oldest = &way->pieces[way->first];
        const ssize_t put = send(way->to, oldest->data + way->sent, oldest->bytes - way->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0)
            return is_later(); /* its buffer is full */
        way->sent += (size_t)put;
        if (way->sent < oldest->bytes)
            return true;
        way->sent = 0;
        way->first = (way->first + 1) % PIECES;
        way->count--;
    }
    if (way->count == 0 && way->ended)
        shutdown(way->to, SHUT_WR);
    return way->count > 0 || !way->ended;
}

/* Until something comes, or the oldest of both ways is due. */
static void await(const wire ways[2])
{
    struct pollfd ends[2];
    double left = 1;
    for (size_t k = 0; k < 2; k++) {
        const wire *way = &ways[k];
        ends[k] = (struct pollfd){.fd = way->ended || way->count == PIECES ? -1 : way->from, .events = POLLIN};
        if (way->count > 0) {
            const double until = way->pieces[way->first].due - sl_clock_get();
            left = until < left ? until : left;
        }
    }
    const long nanoseconds = left > 0 ? (long)(left * 999999999) : 0;
    const struct timespec time = {.tv_nsec = nanoseconds > 10000 ? nanoseconds : 10000};
    (void)ppoll(ends, 2, &time, NULL);
}

static struct sockaddr_in address(const char *host, const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = inet_addr(host)};
}

/* Accept a connection, and connect to where it is meant to go. */
static bool join(char **words, int *left, int *right)
{
    const struct sockaddr_in at = address(words[1], words[2]), to = address(words[3], words[4]);
    const int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    bool is_joined = setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                     bind(listener, (const struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0 &&
                     (*left = accept(listener, NULL, NULL)) >= 0;
    for (int tries = 0; is_joined && tries < RETRIES; tries++) {
        *right = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(*right, (const struct sockaddr *)&to, sizeof to) == 0)
            break;
        close(*right);
        *right = -1;
        usleep(RETRY_MICROSECONDS);
    }
    is_joined = is_joined && setsockopt(*left, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
                setsockopt(*right, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0;
    close(listener);
    return is_joined;
}

int main(int argc, char **argv)
{
    int left = -1, right = -1;
    if (argc != WORDS) {
        fprintf(stderr, "usage: relay LISTEN_HOST LISTEN_PORT HOST PORT MILLISECONDS\n");
        return EXIT_FAILURE;
    }
    const double delay = atof(argv[WORDS - 1]) * 1e-3;
    prctl(PR_SET_TIMERSLACK, 1000); /* nanoseconds: waiting is what it is for */
    wire *ways = calloc(2, sizeof *ways);
    if (!ways || !join(argv, &left, &right))
        return fail("relay");
    ways[0].from = ways[1].to = left;
    ways[0].to = ways[1].from = right;
    for (bool open[2] = {true, true}; open[0] || open[1];) {
        await(ways);
        for (size_t k = 0; k < 2; k++) {
            take(&ways[k], delay);
            open[k] = give(&ways[k]);
        }
    }
    free(ways);
    return EXIT_SUCCESS;
}
