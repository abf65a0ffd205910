#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static volatile sig_atomic_t watched[2] = {-1, -1}; /* an input, and standard output */

static void on_signal(int number)
{
    (void)number;
    seen = 1;
    for (int k = 0; k < 2; k++) {
        if (watched[k] >= 0)
            close(watched[k]);
        watched[k] = -1;
    }
}

void sl_interrupt_install(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: a read that waits must come back */
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool sl_interrupt_seen(void)
{
    return seen != 0;
}

void sl_interrupt_watch(int fd)
{
    watched[fd == STDOUT_FILENO] = fd;
}
