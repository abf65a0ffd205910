#include "program/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t seen;    /* the first signal; 0: none */
static volatile sig_atomic_t overdue; /* a second has passed since then */

/* `requests`: the user, the terminal or a batch system asks the program to end; it ends with an exit code. `others`: signals that end
 * a program by default; it ends by the signal itself, so that the parent process sees it. */
static const int requests[] = {SIGHUP, SIGINT, SIGTERM, SIGXCPU};
static const int others[] = {SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPOLL, SIGPWR};

/* The alarm repeats every second. It interrupts a call that began to block after the program tested `seen` and before the signal set
 * it. A second signal within one second may be the same request again: timeout(1) sends it to the process and to its group. After
 * that second it comes from a user who does not want to wait for the cleanup, and ends the program. */
static void on_signal(int number)
{
    if (!seen) {
        seen = number;
    } else if (number == SIGALRM) {
        overdue = 1;
    } else if (overdue) {
        signal(number, SIG_DFL);
        raise(number);
    }
    alarm(1);
}

static void handle(int number)
{
    struct sigaction action = {.sa_handler = on_signal}, old; /* no SA_RESTART: a blocking call must return */
    sigfillset(&action.sa_mask);
    if (number == SIGQUIT)
        action.sa_flags = (int)SA_RESETHAND;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void sl_interrupt_install(void)
{
    for (size_t k = 0; k < sizeof requests / sizeof requests[0]; k++)
        handle(requests[k]);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        handle(others[k]);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool sl_interrupt_seen(void)
{
    return seen != 0;
}

int sl_interrupt_cancels(void *unused)
{
    (void)unused;
    return sl_interrupt_seen();
}

sl_exit sl_interrupt_explain(sluice_status status)
{
    const bool is_file = status == SLUICE_STATUS_IO || status == SLUICE_STATUS_NO_INPUT;
    if (is_file && errno == EINTR && seen)
        return SL_EXIT_INTERRUPTED;
    return is_file && errno == EPIPE ? SL_EXIT_IO : SL_EXIT_OK;
}

sl_exit sl_interrupt_finish(sl_exit code)
{
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if (code == SL_EXIT_INTERRUPTED && seen == others[k]) {
            signal(others[k], SIG_DFL);
            raise(others[k]);
        }
    return code;
}
