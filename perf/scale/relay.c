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
typedef struct direction {
    int from, to;
    size_t first, count; /* pieces, in a ring */
    size_t sent;         /* bytes of the first */
    bool ended;          /* nothing more comes */
    struct piece {
        double due;
        size_t bytes;
        char data[PIECE];
    } pieces[PIECES];
} direction;

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
static void take(direction *wire, double delay)
{
    while (!wire->ended && wire->count < PIECES) {
        struct piece *last = &wire->pieces[(wire->first + wire->count) % PIECES];
        const ssize_t got = recv(wire->from, last->data, sizeof last->data, MSG_DONTWAIT);
        if (got < 0 && is_later())
            return;
        wire->ended = got <= 0;
        last->bytes = wire->ended ? 0 : (size_t)got;
        last->due = sl_clock_get() + delay;
        wire->count += !wire->ended;
    }
}

/* Give what has been held long enough. false: nothing more is to be given, or the other end is gone. */
static bool give(direction *wire)
{
    while (wire->count > 0 && sl_clock_get() >= wire->pieces[wire->first].due) {
        struct piece *oldest = &wire->pieces[wire->first];
        const ssize_t put = send(wire->to, oldest->data + wire->sent, oldest->bytes - wire->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0)
            return is_later(); /* its buffer is full */
        wire->sent += (size_t)put;
        if (wire->sent < oldest->bytes)
            return true;
        wire->sent = 0;
        wire->first = (wire->first + 1) % PIECES;
        wire->count--;
    }
    if (wire->count == 0 && wire->ended)
        shutdown(wire->to, SHUT_WR);
    return wire->count > 0 || !wire->ended;
}

/* Until something comes, or the oldest of both wires is due. */
static void await(const direction wires[2])
{
    struct pollfd ends[2];
    double left = 1;
    for (size_t k = 0; k < 2; k++) {
        const direction *wire = &wires[k];
        ends[k] = (struct pollfd){.fd = wire->ended || wire->count == PIECES ? -1 : wire->from, .events = POLLIN};
        if (wire->count > 0) {
            const double until = wire->pieces[wire->first].due - sl_clock_get();
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
    direction *wires = calloc(2, sizeof *wires);
    if (!wires || !join(argv, &left, &right))
        return fail("relay");
    wires[0].from = wires[1].to = left;
    wires[0].to = wires[1].from = right;
    for (bool open[2] = {true, true}; open[0] || open[1];) {
        await(wires);
        for (size_t k = 0; k < 2; k++) {
            take(&wires[k], delay);
            open[k] = give(&wires[k]);
        }
    }
    free(wires);
    return EXIT_SUCCESS;
}
