/* Cases as text, in a process of their own, and shrunk: all by the table of their fields. */
#include "support/cases/cases.h"

#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- As text ---- */

void test_case_print(const test_fields *fields, const test_case *given, char *line)
{
    size_t at = 0;
    line[0] = '\0';
    for (size_t f = 0; f < fields->count; f++) {
        const test_field *field = &fields->field[f];
        const uint64_t value = given->value[f];
        if (value == field->least)
            continue;
        const size_t room = TEST_LINE_BYTES - at;
        const char *space = at ? " " : "";
        const int written = field->words ? snprintf(line + at, room, "%s%s=%s", space, field->name, field->words[value])
                                         : snprintf(line + at, room, "%s%s=%" PRIu64, space, field->name, value);
        ck_assert(written > 0 && (size_t)written < room);
        at += (size_t)written;
    }
}

/* The field's value that the text says; false if it says none. */
static bool parse_value(const test_field *field, const char *text, uint64_t *value)
{
    if (field->words) {
        for (*value = field->least; *value <= field->most; ++*value)
            if (strcmp(field->words[*value], text) == 0)
                return true;
        return false;
    }
    char *end;
    *value = strtoull(text, &end, 10);
    return end != text && !*end && *value >= field->least && *value <= field->most;
}

test_verdict test_case_parse(const test_fields *fields, const char *line, test_case *parsed)
{
    test_verdict verdict = {""};
    char copy[TEST_LINE_BYTES], *rest = copy;
    snprintf(copy, sizeof copy, "%s", line);
    *parsed = (test_case){{0}};
    for (size_t f = 0; f < fields->count; f++)
        parsed->value[f] = fields->field[f].least;
    for (char *word; !verdict.text[0] && (word = strtok_r(rest, " ", &rest));) {
        char *equals = strchr(word, '=');
        size_t f = 0;
        if (equals)
            *equals = '\0';
        while (f < fields->count && strcmp(fields->field[f].name, word) != 0)
            f++;
        if (!equals || f == fields->count)
            snprintf(verdict.text, sizeof verdict.text, "%s: expected name=value, of the names a case has", word);
        else if (!parse_value(&fields->field[f], equals + 1, &parsed->value[f]))
            snprintf(verdict.text, sizeof verdict.text, "%s: %s is out of its range", word, equals + 1);
    }
    return verdict;
}

/* ---- Apart ---- */

/* What the child process reports: the index of a case before it is tried, so that after a crash it is known, and the verdict. */
typedef struct progress {
    volatile size_t at;
    test_verdict verdict;
} progress;

static volatile sig_atomic_t seconds_left;

static void count_second(int signal_number)
{
    if (--seconds_left > 0)
        return;
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* Seconds are counted one by one: those in which the process is stopped are none, or a whole count of them would be over when it
 * goes on. Check's own handler of the signal, which is replaced, would end the whole test. */
static void count_seconds(void)
{
    const struct itimerval each_second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    sigaction(SIGALRM, &(const struct sigaction){.sa_handler = count_second, .sa_flags = SA_RESTART}, NULL);
    setitimer(ITIMER_REAL, &each_second, NULL);
}

static void try_all(const test_case *cases, size_t count, test_judge *judge, unsigned seconds, progress *to)
{
    for (size_t at = 0; at < count && !to->verdict.text[0]; at++) {
        to->at = at;
        seconds_left = (sig_atomic_t)seconds;
        to->verdict = judge(&cases[at]);
    }
}

static void say_how_it_ended(int status, unsigned seconds, test_verdict *verdict)
{
    verdict->hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    if (verdict->hung)
        snprintf(verdict->text, sizeof verdict->text, "it came to no end within %u seconds", seconds);
    else if (WIFSIGNALED(status))
        snprintf(verdict->text, sizeof verdict->text, "it was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (status != 0)
        snprintf(verdict->text, sizeof verdict->text, "its process ended with status %d", WEXITSTATUS(status));
}

static void try_in_child(const test_case *cases, size_t count, test_judge *judge, unsigned seconds, progress *to)
{
    fflush(NULL); /* or the child would print it again */
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        count_seconds();
        try_all(cases, count, judge, seconds, to);
        setitimer(ITIMER_REAL, &(const struct itimerval){.it_value = {0}}, NULL);
        exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!to->verdict.text[0])
        say_how_it_ended(status, seconds, &to->verdict);
}

bool test_cases_are_apart(void)
{
    const char *forks = getenv("CK_FORK");
    return !forks || strcmp(forks, "no") != 0;
}

size_t test_cases_apart(const test_case *cases, size_t count, test_judge *judge, unsigned seconds, test_verdict *why)
{
    progress *to = mmap(NULL, sizeof *to, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(to != MAP_FAILED);
    (test_cases_are_apart() ? try_in_child : try_all)(cases, count, judge, seconds, to);
    *why = to->verdict;
    const size_t at = to->at;
    munmap(to, sizeof *to);
    return why->text[0] ? at : count;
}

/* ---- Shrunk ---- */

/* Lower one of the numbers as far as the case still fails: to the least, else by half of that, by a quarter, and so on. */
static bool lower(const test_fields *fields, size_t f, test_case *failing, test_judge *judge, time_t until, test_verdict *why)
{
    const uint64_t least = fields->field[f].least, before = failing->value[f];
    uint64_t by = before - least;
    while (by > 0 && time(NULL) < until) {
        test_case smaller = *failing;
        smaller.value[f] -= by;
        const test_verdict verdict = judge(&smaller);
        if (verdict.text[0] && (why->hung || !verdict.hung)) {
            *failing = smaller;
            *why = verdict;
            by = by < smaller.value[f] - least ? by : smaller.value[f] - least;
        } else {
            by /= 2;
        }
    }
    return failing->value[f] < before;
}

test_case test_case_shrink(const test_fields *fields, test_case failing, test_judge *judge, test_verdict *why)
{
    enum { SECONDS = 240 };
    const time_t until = time(NULL) + SECONDS;
    for (bool lowered = true; lowered;) {
        lowered = false;
        for (size_t f = 0; f < fields->count; f++)
            if (!fields->field[f].fixed)
                lowered |= lower(fields, f, &failing, judge, until, why);
    }
    return failing;
}
